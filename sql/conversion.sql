-- How many of the decided cases converted.
SET search_path = kpicrm, public;

CREATE TEMPORARY TABLE deal (
    rep text,
    won boolean
);
INSERT INTO deal (rep, won) VALUES
    ('Ito', true),
    ('Sato', true),
    ('Sato', false),
    ('Sato', NULL),
    ('Mori', false),
    ('Mori', false),
    ('Abe', NULL);

-- One number, or a state that adds up.  An open deal (NULL) counts nowhere; a
-- rep without a decided deal has no rate.
SELECT
    rep,
    conversion_rate(won) AS rate,
    conversion_agg(won) AS state
FROM deal
GROUP BY rep
ORDER BY rep;
SELECT
    conversion_rate(won),
    conversion_agg(won)
FROM deal
WHERE false;

-- Rates must not be averaged, states can be merged: 1 of 1 and 1 of 9 are not 55
-- percent but 2 of 10.
SELECT
    avg(rate(state)) AS average_of_rates,
    rollup(state) AS state,
    rate(rollup(state))
FROM (VALUES (conversion '1/1'), (conversion '1/9'), (NULL), (conversion '0/0')) AS rep (state);

-- What a state tells.  The bounds are those of Wilson, at 95 percent unless told
-- otherwise, and always inside 0 to 1.
SELECT
    state,
    converted_count(state),
    total_count(state),
    rate(state),
    round(rate_lower(state)::numeric, 6) AS lower,
    round(rate_upper(state)::numeric, 6) AS upper,
    round(rate_lower(state, 0.8)::numeric, 6) AS lower_80,
    round(rate_upper(state, 0.8)::numeric, 6) AS upper_80
FROM (VALUES (conversion '3/10'), ('0/5'), ('5/5'), ('50/200'), ('0/0')) AS v (state);
SELECT rate_lower('3/10', 95);
SELECT rate_upper('3/10', 1);
SELECT rate_upper('0/0', 0);
SELECT rate_lower('3/10', 'NaN');
SELECT rate_lower('3/10', NULL);

-- Do two rates differ?  The smaller the p-value, the less it can be chance.
SELECT
    before,
    after,
    round(compare(before, after)::numeric, 6) AS p_value
FROM (
    VALUES
        (conversion '3/10', conversion '7/10'),
        ('0/5', '0/7'),
        ('0/5', '5/5'),
        ('50/200', '80/210'),
        ('4238/6711', '4100/6700'),
        ('1/2', '0/0'),
        ('0/0', '0/0')
) AS v (before, after);

-- Adding, subtracting, comparing.
SELECT conversion '3/10' + '1/2' AS sum;
SELECT conversion '4/12' - '1/2' AS difference;
SELECT conversion '3/10' - '3/10' AS nothing;
SELECT conversion '1/2' = '1/2' AS same, conversion '1/2' <> '2/4' AS different;
SELECT conversion '1/2' - '2/2' AS not_a_part;
SELECT conversion '1/2' - '0/2' AS not_a_part;

-- Counting how many reps have the same counts.
SELECT
    state,
    count(*)
FROM (VALUES (conversion '1/2'), ('2/4'), ('1/2')) AS rep (state)
GROUP BY state
ORDER BY total_count(state);

-- A moving frame: each row enters and leaves once.
SELECT
    n,
    n % 3 = 0 AS won,
    conversion_agg(n % 3 = 0) OVER frame AS state,
    conversion_rate(NULLIF(n, 4) % 3 = 0) OVER frame AS rate_without_4,
    rollup(CASE WHEN n <> 2 THEN conversion '1/2' END) OVER frame AS merged
FROM generate_series(1, 7) AS n
WINDOW frame AS (ORDER BY n ROWS 2 PRECEDING);

-- A counter does not run over.
SELECT conversion '9223372036854775807/9223372036854775807' - '1/1' AS largest_but_one;
SELECT conversion '0/9223372036854775807' + '1/1';
SELECT conversion_transition('0/9223372036854775807', false);
SELECT rollup(state) FROM (VALUES (conversion '1/9223372036854775807'), ('1/1')) AS v (state);

-- What cannot be a state is refused.
SELECT conversion ' 3/10 ' AS spaces_around, conversion '03/10' AS leading_zero;
SELECT conversion '11/10';
SELECT conversion '3';
\set VERBOSITY sqlstate
SELECT conversion '';
SELECT conversion '/';
SELECT conversion '3/';
SELECT conversion '/10';
SELECT conversion '3 / 10';
SELECT conversion '3/10 won';
SELECT conversion '3/10/20';
SELECT conversion '-1/10';
SELECT conversion '+1/10';
SELECT conversion '0/-1';
SELECT conversion '3.0/10';
SELECT conversion '3/1e1';
SELECT conversion '0/9223372036854775808';
SELECT conversion '99999999999999999999999999999999999999999999/99999999999999999999999999999999999999999999';
SELECT conversion 'NaN/10';
