-- Durations when some have not ended yet.
SET search_path = kpicrm, public;

CREATE TEMPORARY TABLE pipeline AS
SELECT lead_times '{1d 1/0/0, 2d 1/1/0, 3d 0/0/1, 5d 2/0/1, 8d 0/1/2}' AS deals;

SELECT curve.*
FROM pipeline
CROSS JOIN LATERAL survival_curve(deals) AS curve;

-- The mean of what has ended forgets the slow ones.
SELECT
    mean(deals) AS mean_of_completed,
    median(deals) AS median_of_completed,
    survival_quantile(deals, 0.5) AS median_of_all,
    survival_quantile_days(deals, 0.5) AS median_of_all_days,
    restricted_mean(deals, '8 days') AS mean_up_to_8_days,
    restricted_mean_days(deals, '8 days') AS mean_up_to_8_days
FROM pipeline;

SELECT
    age,
    survival(deals, age),
    win_probability(deals, age),
    win_probability(deals, '3 days', age) AS win_probability_in_3_days
FROM pipeline
CROSS JOIN LATERAL (VALUES (interval '0'), ('36 hours'), ('2 days'), ('4 days'), ('8 days'), ('1 year')) AS deal (age);

-- The last one has ended: nothing is known of an older one.
SELECT
    survival(lead_times '{1d 1/1/0}', '1 day') AS survival,
    win_probability('{1d 1/1/0}', '1 day') AS win_probability,
    win_probability('{1d 1/1/0}', '1 day', '1 day') AS of_an_older_one,
    survival_quantile('{1d 1/0/0, 2d 0/0/1}', 0.6) AS never_reached;
