-- How long contracts last.
SET search_path = kpicrm, public;

-- One row per contract: renewals that came up, and whether it was lost at the last.
CREATE TEMPORARY TABLE contract (
    branch text,
    period integer,
    lost boolean,
    contracts bigint
);
INSERT INTO contract (branch, period, lost, contracts) VALUES
    ('Kobe', 1, true, 131), ('Kobe', 2, true, 126), ('Kobe', 3, true, 90), ('Kobe', 4, true, 60),
    ('Kobe', 5, true, 42), ('Kobe', 6, true, 34), ('Kobe', 7, true, 26), ('Kobe', 7, false, 491),
    ('Nara', 1, true, 3), ('Nara', 1, false, 2), ('Nara', 0, false, 4), ('Nara', NULL, true, 9), ('Nara', 2, NULL, 9),
    ('Otsu', 1, true, 20), ('Otsu', 2, true, 20), ('Otsu', 3, true, 20), ('Otsu', 3, false, 60);

-- A state that adds up.
SELECT
    branch,
    sample,
    contract_count(sample),
    lost_count(sample)
FROM (
    SELECT
        branch,
        retention_sample_agg(period, lost, contracts) AS sample
    FROM contract
    GROUP BY branch
) AS by_branch
ORDER BY branch;
SELECT rollup(sample) AS total
FROM (
    SELECT retention_sample_agg(period, lost, contracts) AS sample
    FROM contract
    GROUP BY branch
) AS by_branch;
SELECT retention_sample '{1 3/2, 4 0/1}' + '{0 0/4, 1 1/0}' AS sum;
SELECT retention_sample '{0 0/4, 1 4/2, 4 0/1}' - '{0 0/4, 1 1/0}' AS difference;
SELECT retention_sample '{1 3/2}' = '{1 3/2}' AS same, retention_sample '{1 3/2}' <> '{1 3/2}' AS different;
SELECT
    n,
    retention_sample_agg(n % 3, n % 3 = 2) OVER (ORDER BY n ROWS 2 PRECEDING) AS moving
FROM generate_series(1, 6) AS n;

-- A model, and whether it worked.
CREATE TEMPORARY TABLE model AS
SELECT
    branch,
    retention_model_agg(period, lost, contracts) AS model
FROM contract
GROUP BY branch;
SELECT
    branch,
    status(model),
    converged(model),
    contract_count(model),
    round(log_likelihood(model)::numeric, 3) AS log_likelihood
FROM model
ORDER BY branch;
SELECT
    branch,
    name,
    round(value::numeric, 3) AS value,
    round(standard_error::numeric, 3) AS standard_error
FROM model
CROSS JOIN LATERAL parameters(model)
ORDER BY branch, name;

-- What it predicts: nothing where nothing is known.
SELECT
    branch,
    period,
    round(survival(model, period)::numeric, 3) AS survival,
    round(retention_rate(model, period)::numeric, 3) AS retention_rate,
    round(residual_lifetime(model, period - 1, 0.1)::numeric, 3) AS residual_lifetime
FROM model
CROSS JOIN unnest('{1,2,8,100}'::integer[]) AS period
ORDER BY branch, period;
SELECT
    branch,
    round(residual_lifetime(model, 3, 0.1, first_payment_now => true)::numeric, 3) AS about_to_renew,
    round(residual_lifetime(model, 3, 0.1, first_payment_now => false)::numeric, 3) AS just_renewed,
    round(residual_lifetime(model, 3, 0)::numeric, 3) AS undiscounted
FROM model
ORDER BY branch;

-- What cannot be known is said.
SELECT
    sample,
    status(retention_fit(sample)),
    round(survival(retention_fit(sample), 1)::numeric, 3) AS survival
FROM unnest('{"{}","{0 0/7}","{1 0/5}","{1 5/0}","{1 5/5}","{1 5/0, 3 0/5}","{3 1/0}","{1 2/0, 2 1/0, 3 0/2}"}'::retention_sample[]) AS sample;

-- Errors say what to do.
SELECT retention_sample_agg(-1, false);
SELECT retention_sample_agg(10001, false);
SELECT retention_model_agg(0, true);
SELECT retention_model_agg(1, true, -1);
SELECT retention_sample '{1 3/2}' - '{1 4/0}';
SELECT retention_sample '{1 0/0}';
SELECT retention_model '5 contracts';
SELECT survival(model, -1) FROM model WHERE branch = 'Kobe';
SELECT retention_rate(model, 0) FROM model WHERE branch = 'Kobe';
SELECT residual_lifetime(model, 1, -0.1) FROM model WHERE branch = 'Kobe';
