-- How long deals take.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

CREATE TEMPORARY TABLE deal (
    rep text,
    opened_at timestamptz,
    closed_at timestamptz,
    won boolean
);
INSERT INTO deal (rep, opened_at, closed_at, won) VALUES
    ('Ito', '2026-01-05', '2026-01-15', true),
    ('Ito', '2026-01-05', '2026-01-25 12:00', true),
    ('Ito', '2026-01-10', '2026-01-13', false),
    ('Ito', '2026-01-20', NULL, NULL),
    ('Sato', '2026-02-01', '2026-02-02', true),
    ('Sato', '2026-02-10', '2026-02-01', true),
    ('Sato', NULL, '2026-02-01', true),
    ('Sato', '2026-03-01', NULL, NULL),
    ('Abe', '2026-03-02', NULL, NULL);

-- One number in one line.
SELECT
    rep,
    lead_time(opened_at, closed_at) AS mean,
    lead_time(opened_at, closed_at, 0.5) AS median,
    lead_time(opened_at::date, closed_at::date) AS mean_of_whole_days
FROM deal
GROUP BY rep
ORDER BY rep;

-- Or a state that adds up, as of any day: what is later does not exist yet.
SELECT
    rep,
    lead_time_agg(opened_at, closed_at, won, '2026-01-21') AS on_january_21,
    lead_time_agg(opened_at, closed_at, won, '2026-03-01') AS on_march_1
FROM deal
GROUP BY rep
ORDER BY rep;

SELECT
    completed_count(state),
    lost_count(state),
    open_count(state),
    invalid_count(state),
    mean(state),
    mean_days(state),
    median(state),
    median_days(state),
    quantile(state, 0.9),
    quantile_days(state, 1)
FROM (
    SELECT rollup(state) AS state
    FROM (
        SELECT lead_time_agg(opened_at, closed_at, won, '2026-03-01') AS state
        FROM deal
        GROUP BY rep
    ) AS rep
) AS total;

-- Nothing: counts are 0, everything else is unknown.
SELECT
    state,
    completed_count(state),
    open_count(state),
    mean(state),
    median(state),
    quantile(state, 0),
    survival(state, '1 day'),
    survival_quantile(state, 0.5),
    win_probability(state, '1 day'),
    win_probability(state, '1 day', '1 day'),
    restricted_mean(state, '1 day'),
    stall_threshold(state),
    stall_score(state, '1 day'),
    stalled_count(state),
    stall_rate(state)
FROM (SELECT lead_time_agg(opened_at, closed_at) AS state FROM deal WHERE false) AS nothing;

-- An end without a decision was observed until then, and as_of NULL is now.
SELECT lead_time_agg(opened_at, closed_at, NULL, NULL) FROM deal WHERE closed_at IS NOT NULL;

-- Adding, subtracting, comparing.
SELECT lead_times '{36h 0/0/1, 2d 3/1/0} invalid 4' + '{90m 1/0/0, 2d 1/1/1}' AS sum;
SELECT lead_times '{36h 0/0/1, 2d 3/1/0} invalid 4' - '{36h 0/0/1, 2d 2/1/0} invalid 1' AS difference;
SELECT lead_times '{24h 1/0/0}' = '{1d 1/0/0}' AS same;
SELECT lead_times '{1d 1/0/0}' <> '{1d 0/1/0}' AS different;
SELECT lead_times '{1d 1/0/0}' - '{2d 1/0/0}' AS not_a_part;
SELECT lead_times '{1d 1/0/0}' - '{1d 1/0/0} invalid 1' AS not_a_part;
SELECT count(*) FROM (SELECT DISTINCT state FROM (VALUES (lead_times '{1d 1/0/0}'), ('{24h 1/0/0}'), ('{}')) AS row (state)) AS state;

-- A window that slides: each row leaves the state it came into.
SELECT
    closed_at::date,
    lead_time(opened_at, closed_at) OVER last_two AS mean,
    lead_time_agg(opened_at, closed_at, won) OVER last_two AS state
FROM deal
WHERE closed_at IS NOT NULL
WINDOW last_two AS (ORDER BY closed_at, opened_at ROWS 1 PRECEDING)
ORDER BY closed_at, opened_at;

-- Exact up to 2,048 distinct durations, then 8 significant bits; the mean stays exact.
SELECT
    number,
    left(state::text, 20) AS state,
    median(state),
    mean(state)
FROM (
    SELECT
        number,
        lead_time_agg('2020-01-01', timestamptz '2020-01-01' + second * interval '1 second', true, '2026-01-01') AS state
    FROM (VALUES (2048), (2049)) AS length (number)
    CROSS JOIN LATERAL generate_series(1, number) AS second
    GROUP BY number
) AS seconds
ORDER BY number;

-- A state of one fraction only.
SELECT lead_time(opened_at, closed_at, NULL) FROM deal;
SELECT lead_time(opened_at, closed_at, CASE rep WHEN 'Ito' THEN 0.5 ELSE 0.8 END) FROM deal;
SELECT lead_times_fraction '0.8 of {1d 1/0/0}', lead_times_fraction '{}';

-- Errors say what was wrong.
SELECT quantile('{}', 1.5);
SELECT quantile('{}', 'NaN');
SELECT lead_time(opened_at, closed_at, 50) FROM deal;
SELECT lead_time(opened_at, 'infinity') FROM deal;
SELECT lead_time(date '-infinity', date '2026-01-01');
SELECT lead_time_agg(opened_at, closed_at, won, 'infinity') FROM deal;
SELECT lead_time_agg(timestamptz '4713-01-01 BC', '294276-01-01', true, '294276-01-02');
SELECT lead_time(date '2026-01-01', date '2000000-01-01');
SELECT survival(lead_times '{}', '-1 day');
SELECT restricted_mean('{}', '-1 month');
SELECT lead_times '';
SELECT lead_times '{1d}';
SELECT lead_times '{1d 1/0/0';
SELECT lead_times '{1d 1/0/0} ';
SELECT lead_times '{1d 0/0/0}';
SELECT lead_times '{1d 1/0/-1}';
SELECT lead_times '{2d 1/0/0, 1d 1/0/0}';
SELECT lead_times '{1d 1/0/0, 1d 1/0/0}';
SELECT lead_times '{1w 1/0/0}';
SELECT lead_times '{99999999d 1/0/0}';
SELECT lead_times '{1d 1/0/99999999999999999999}';
SELECT lead_times '~{}';
SELECT lead_times '~{257us 1/0/0} sum 257';
SELECT lead_times '~{256us 1/0/0} sum 99';
SELECT lead_times '~{256us 1/0/0} sum 256';
SELECT lead_times '0.8 of {1d 1/0/0}';
SELECT lead_times_fraction '1.8 of {1d 1/0/0}';
SELECT lead_times '{1d 9000000000000000000/0/0}' + '{1d 9000000000000000000/0/0}';
