-- The share of an amount that converted.
SET search_path = kpicrm, public;

CREATE TEMPORARY TABLE deal (
    rep text,
    won boolean,
    amount numeric
);
INSERT INTO deal (rep, won, amount) VALUES
    ('Ito', true, 1000000),
    ('Ito', false, 3000000),
    ('Ito', NULL, 9000000),
    ('Sato', true, 120.50),
    ('Sato', false, 0.5),
    ('Sato', false, -40),
    ('Sato', true, NULL),
    ('Abe', NULL, 5);

-- One number, or a state that adds up.
SELECT
    rep,
    conversion_rate(won, amount) AS rate,
    conversion_agg(won, amount) AS state
FROM deal
GROUP BY rep
ORDER BY rep;

SELECT
    state,
    rate(state),
    converted_amount(state),
    total_amount(state),
    converted_count(state),
    total_count(state),
    invalid_count(state)
FROM (
    SELECT rollup(state) AS state
    FROM (
        SELECT conversion_agg(won, amount) AS state
        FROM deal
        GROUP BY rep
    ) AS rep
) AS total;

-- Nothing at stake, no rate.
SELECT
    conversion_rate(won, amount),
    conversion_agg(won, amount)
FROM deal
WHERE false;

-- Adding, subtracting, comparing.
SELECT weighted_conversion '120.5/400 3/10 1' + '0.50/2 1/3 0' AS sum;
SELECT weighted_conversion '121/402 4/13 1' - '0.50/2 1/3 0' AS difference;
SELECT weighted_conversion '1.50/2 1/2 0' = '1.5/2.0 1/2 0' AS same;
SELECT weighted_conversion '1/2 1/2 0' <> '1/2 1/2 1' AS different;
SELECT weighted_conversion '1/2 1/2 0' - '2/2 1/1 0' AS not_a_part;

-- Exact as far as 38 digits reach.
SELECT conversion_agg(won, amount)
FROM (VALUES (true, 1e37), (false, 1), (false, 8e37), (false, -1e30)) AS v (won, amount);
SELECT conversion_agg(true, 0.000000000000000000000000000001);
SELECT conversion_agg(true, 0.0000000000000000000000000000001);
SELECT conversion_agg(true, 1e38);
SELECT conversion_agg(true, 6e37) FROM generate_series(1, 2);
SELECT conversion_agg(true, 'NaN');
SELECT conversion_rate(false, '-Infinity');

-- A moving frame: each row enters and leaves once.
SELECT
    n,
    conversion_agg(n % 2 = 0, n) OVER (ORDER BY n ROWS 2 PRECEDING) AS state
FROM generate_series(1, 6) AS n;

-- What cannot be a state is refused.
SELECT weighted_conversion '3/2 1/2 0';
SELECT weighted_conversion '1/2 1/2';
