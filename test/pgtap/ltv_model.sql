/*
 * The models of orders and their value: published figures, mathematics with 50
 * digits (test/reference/lifetime_value.py), parameters found again in simulated
 * customers, and what must always hold.  Runs in the root of the source tree.
 */
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET extra_float_digits = 1;
SET TIME ZONE 'UTC';
SELECT plan(70);

CREATE TEMP TABLE summary (
    id integer,
    x bigint,
    t_x double precision,
    age double precision,
    mean double precision
);
\copy summary FROM 'test/data/cdnow/cdnow_customers_summary_with_transactions.csv' WITH (FORMAT csv, HEADER)
CREATE TEMP TABLE orders (
    master_id text,
    id integer,
    ordered_on date,
    cds integer,
    amount numeric
);
\copy orders FROM 'test/data/cdnow/cdnow_sample_transactions.csv' WITH (FORMAT csv, HEADER)
CREATE TEMP TABLE history AS
SELECT id, purchase_agg(amount, ordered_on) AS p FROM orders GROUP BY id;

CREATE TEMP TABLE fitted AS
SELECT
    ltv_model_agg(x, t_x, age, mean) AS bg,
    ltv_model_agg(x, t_x, age, mean, 1, 'MBG/NBD') AS mbg
FROM summary;
CREATE TEMP TABLE fitted_purchases AS
SELECT ltv_model_agg(p, date '1997-09-30') AS bg FROM history;

-- Parameters as they are printed in papers.
CREATE FUNCTION pg_temp.rounded(m ltv_model, digits integer, VARIADIC names text[]) RETURNS numeric[]
    LANGUAGE sql STABLE
    RETURN (SELECT array_agg(round(value::numeric, digits) ORDER BY array_position(names, name)) FROM parameters(m) WHERE name = ANY (names));

-- Two hills: half of the customers left at once, or hardly any; the second is the higher one.
CREATE TEMP TABLE two_hills AS
SELECT ltv_model_agg(x, t_x, age, NULL::double precision, weight, 'MBG/NBD') AS model
FROM (VALUES (0, 0, 20, 2), (0, 0, 35, 1), (0, 0, 39, 1), (0, 0, 44, 1), (0, 0, 74, 1), (0, 0, 76, 2), (1, 23, 35, 1), (34, 39, 71, 1), (50, 32, 76, 1), (143, 80, 80, 1)) AS buyer (x, t_x, age, weight);
SELECT ok(log_likelihood(model) > -159.666, 'MBG/NBD: the higher of two maxima, ' || log_likelihood(model)) FROM two_hills;
SELECT ok(alive_probability(model, 0, 0, 76) > 0.9, 'by which those who have not come back are alive') FROM two_hills;

-- ------------------------------------------------------- published figures
-- Fader, Hardie and Lee (2005), table 2; Fader and Hardie (2013), note 025; BTYDplus for MBG/NBD.
SELECT is(pg_temp.rounded(bg, 3, 'r', 'alpha', 'a', 'b'), '{0.243,4.414,0.793,2.426}', 'CDNOW: BG/NBD as published') FROM fitted;
SELECT is(round(log_likelihood(bg)::numeric, 1), -9582.4, 'and its log-likelihood') FROM fitted;
SELECT is(pg_temp.rounded(mbg, 3, 'r', 'alpha', 'a', 'b'), '{0.525,6.183,0.891,1.614}', 'MBG/NBD as published') FROM fitted;
SELECT is(pg_temp.rounded(bg, 3, 'r', 'alpha', 'a', 'b'), '{0.243,4.414,0.793,2.426}', 'the same from the orders themselves') FROM fitted_purchases;
SELECT is(pg_temp.rounded(bg, 2, 'p', 'q', 'v'), '{6.25,3.74,15.44}', 'Gamma-Gamma as published') FROM fitted_purchases;
-- the summary has rounded means: 15.448
SELECT ok(abs(value - 15.44) < 0.01, 'and from the summary') FROM fitted, parameters(bg) WHERE name = 'v';
SELECT is(array[customer_count(bg), repeat_count(bg), value_count(bg)], '{2357,946,946}', 'all customers, repeaters, spenders') FROM fitted_purchases;
SELECT is(round(expected_orders(bg, 2, 30.43, 38.86, 39)::numeric, 3), 1.226, 'expected orders of customer 1 in 39 weeks, as in note 004') FROM fitted;
SELECT is(
    (SELECT array_agg(round(expected_orders(bg, 0, 0, 0, t)::numeric, 3) ORDER BY t) FROM unnest(array[0.1429, 1, 3, 31.8571, 32]::float8[]) AS t),
    '{0.008,0.053,0.151,1.040,1.044}', 'orders of a new customer, as in note 004')
FROM fitted;
SELECT is(
    (SELECT array_agg(round(expected_order_value(bg, x, mean)::numeric, 1) ORDER BY id) FROM summary WHERE id <= 10),
    '{24.7,18.9,35.2,35.2,35.2,71.5,18.9,35.2,27.3,35.2}', 'expected values of the first ten customers, as in note 025')
FROM fitted;
SELECT is(
    (SELECT count(*) FROM history JOIN summary USING (id) WHERE abs(expected_orders(f.bg, p, date '1997-09-30', '273 days') - expected_orders(f.bg, x, t_x, age, 39)) > 0.01),
    0::bigint, 'every customer expects the same from orders as from the summary')
FROM fitted_purchases AS f;
SELECT ok(abs(sum(expected_orders(bg, p, date '1997-09-30', '273 days')) / 1882 - 1) < 0.15,
    'the 1882 order days of the 39 weeks after are foreseen within 15 %') FROM history, fitted_purchases;
SELECT is(
    (SELECT array_agg(customer_count(ltv_sample_agg) ORDER BY as_of) FROM (
        SELECT as_of, ltv_sample_agg(p, as_of, '7 days', 'BG/NBD') FROM history, unnest(array['1996-12-31', '1997-01-30', '1998-06-30']::date[]) AS as_of GROUP BY as_of) AS s),
    (SELECT array_agg((SELECT count(DISTINCT id) FROM orders WHERE ordered_on <= as_of) ORDER BY as_of) FROM unnest(array['1996-12-31', '1997-01-30', '1998-06-30']::date[]) AS as_of),
    'customers who come after as_of are not there yet');
SELECT ok(standard_error BETWEEN 0.0125 AND 0.0126, 'standard error of r') FROM fitted, parameters(bg) WHERE name = 'r';

-- ------------------------------------------------------- the mathematics
CREATE TEMP TABLE reference (
    variant text,
    r text,
    alpha text,
    a text,
    b text,
    frequency bigint,
    recency double precision,
    age double precision,
    horizon double precision,
    alive double precision,
    orders double precision,
    discounted double precision
);
\copy reference FROM 'test/reference/lifetime_value.csv' WITH (FORMAT csv, HEADER)

CREATE FUNCTION pg_temp.model(variant text, r text, alpha text, a text, b text) RETURNS ltv_model
    LANGUAGE sql IMMUTABLE
    RETURN format('%s of numbers, 2 customers, 2 repeat, 2 with spend; orders converged 0 {%s +- 1, %s +- 1, %s +- 1, %s +- 1}; spend converged 0 {6 +- 1, 4 +- 1, 15 +- 1}',
        variant, r, alpha, a, b)::ltv_model;
CREATE TEMP TABLE compared AS
SELECT
    reference.*,
    alive_probability(m, frequency, recency, age) AS our_alive,
    expected_orders(m, frequency, recency, age, horizon) AS our_orders,
    ltv(m, frequency, recency, age, 1, horizon, 0.5, 1 / 0.99 - 1) / expected_order_value(m, frequency, 1) / 0.5 AS our_discounted
FROM reference
CROSS JOIN LATERAL (SELECT pg_temp.model(variant, r, alpha, a, b) AS m) AS model;
SELECT is(count(*), 288::bigint, 'the references are there') FROM compared;
SELECT is_empty('SELECT * FROM compared WHERE abs(our_alive / alive - 1) > 1e-12 OR our_alive IS NULL', 'alive_probability to 1e-12');
SELECT is_empty('SELECT * FROM compared WHERE abs(our_orders / orders - 1) > 1e-12 OR our_orders IS NULL', 'expected_orders to 1e-12');
SELECT is_empty('SELECT * FROM compared WHERE abs(our_discounted / discounted - 1) > 1e-12 OR our_discounted IS NULL', 'discounted orders to 1e-12');

-- The mean over p itself, by the midpoint rule: no hypergeometric function, other parameters.
CREATE FUNCTION pg_temp.expected(r float8, alpha float8, a float8, b float8, x bigint, t_x float8, age float8, horizon float8) RETURNS float8
    LANGUAGE sql IMMUTABLE
    RETURN (
        SELECT sum(density * (1 - exp(-(r + x) * ln(1 + p * horizon / (alpha + age)))) / p) / sum(density)
        FROM generate_series(0, 3999) AS i
        CROSS JOIN LATERAL (SELECT (i + 0.5) / 4000 AS s) AS s
        CROSS JOIN LATERAL (SELECT s ^ 4 / (s ^ 4 + (1 - s) ^ 4) AS p, (1 - s) ^ 4 / (s ^ 4 + (1 - s) ^ 4) AS q) AS p
        CROSS JOIN LATERAL (SELECT exp(greatest(-600, a * ln(p) + (b + x) * ln(q))) / s / (1 - s) AS density) AS d
    ) / CASE WHEN x = 0 THEN 1 ELSE 1 + a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ^ (r + x) END;
SELECT is_empty($$
    SELECT *
    FROM (VALUES (0.7, 2.5, 1.3, 4.1), (0.2, 9, 0.9, 0.8), (3, 1, 12, 30), (1, 1, 1, 1)) AS par (r, alpha, a, b)
    CROSS JOIN (VALUES (0, 0, 20), (3, 15, 20), (30, 19, 20)) AS c (x, t_x, age)
    CROSS JOIN (VALUES (1), (52), (2000)) AS h (horizon)
    CROSS JOIN LATERAL (SELECT
        expected_orders(pg_temp.model('BG/NBD', r::text, alpha::text, a::text, b::text), x, t_x, age, horizon) AS ours,
        pg_temp.expected(r, alpha, a, b, x, t_x, age, horizon) AS oracle) AS e
    WHERE abs(ours / oracle - 1) > 1e-8 OR ours IS NULL
$$, 'expected_orders is the mean over the chance to stop, by quadrature in SQL');
SELECT is_empty($$
    SELECT *
    FROM (VALUES (0), (2), (400)) AS c (x)
    CROSS JOIN LATERAL (SELECT pg_temp.model('BG/NBD', '0.243', '4.414', '0.793', '2.426') AS m) AS m
    CROSS JOIN LATERAL (SELECT
        ltv(m, x, least(x, 30), 38, 20, 100, 0.3, 0.01) / expected_order_value(m, x, 20) / 0.3 AS ours,
        (SELECT sum((expected_orders(m, x, least(x, 30), 38, t) - expected_orders(m, x, least(x, 30), 38, t - 0.01)) * 1.01 ^ (0.005 - t))
         FROM (SELECT n / 100.0 AS t FROM generate_series(1, 10000) AS n) AS step) AS oracle) AS e
    WHERE abs(ours / oracle - 1) > 1e-8 OR ours IS NULL
$$, 'ltv discounts each order to the day: the sum over hundredths of a week');
SELECT is_empty($$
    SELECT *
    FROM (
        SELECT DISTINCT variant, r, alpha, a, b FROM reference
        UNION ALL
        SELECT 'MBG/NBD', r, alpha, a, b
        FROM unnest(ARRAY['1e-6', '1', '1e6']) AS r, unnest(ARRAY['1e-130', '1', '1e130']) AS alpha, unnest(ARRAY['1e-6', '1', '1e6']) AS a, unnest(ARRAY['1e-6', '1', '1e6']) AS b
    ) AS par
    CROSS JOIN LATERAL (SELECT pg_temp.model(variant, r, alpha, a, b) AS m) AS m
    CROSS JOIN (VALUES (0, 0, 0), (1, 0, 5), (1000000000, 1e-15, 1e15), (1000000000, 1e15, 1e15), (3, 1e-15, 1e-15)) AS c (x, t_x, age)
    CROSS JOIN LATERAL (SELECT
        alive_probability(m, x, t_x, age) AS alive,
        expected_orders(m, x, t_x, age, 1e15) AS late,
        expected_orders(m, x, t_x, age, 1e-15) AS soon,
        expected_orders(m, x, t_x, age, 0) AS now) AS e
    WHERE (alive BETWEEN 0 AND 1 AND late >= soon * (1 - 1e-12) AND soon >= now AND now = 0 AND late < 1e160) IS NOT TRUE
        OR (ltv(m, x, t_x, age, 1, 1e15, 1, 0.5) BETWEEN 0 AND 1e160) IS NOT TRUE
$$, 'no history is too long or too far to predict');

-- ------------------------------------------------------- known parameters found again
-- r = 1.5, alpha = 5, a = 1, b = 2.5; values p = 4, q = 3, v = 20.  Their next 30 weeks are drawn, too.
CREATE FUNCTION pg_temp.simulate(modified boolean, customers integer)
RETURNS TABLE (id integer, x bigint, t_x float8, age float8, mean float8, later bigint, alive boolean)
    LANGUAGE plpgsql AS $$
DECLARE
    rate float8;
    stop float8;
    t float8;
BEGIN
    FOR i IN 1 .. customers LOOP
        id = i;
        -- an exponential one and half a squared normal one
        rate = (-ln(1 - random()) + (ln(1 - random()) * -2 * cos(2 * pi() * random()) ^ 2) / 2) / 5;
        stop = 1 - (1 - random()) ^ (1 / 2.5);
        age = 20 + 40 * random();
        x = 0; t_x = 0; later = 0; t = 0; mean = 0;
        alive = NOT modified OR random() >= stop;
        WHILE alive LOOP
            t = t - ln(1 - random()) / rate;
            EXIT WHEN t > age + 30;
            IF t > age THEN
                later = later + 1;
            ELSE
                x = x + 1;
                t_x = t;
                mean = mean - ln((1 - random()) * (1 - random()) * (1 - random()) * (1 - random()));
            END IF;
            alive = random() >= stop;
            -- those who stop later are alive by age
            IF NOT alive AND t > age THEN
                alive = true;
                EXIT;
            END IF;
        END LOOP;
        mean = mean / greatest(x, 1) / -ln((1 - random()) * (1 - random()) * (1 - random())) * 20;
        RETURN NEXT;
    END LOOP;
END;
$$;
SELECT setseed(0.4711) \g /dev/null
CREATE TEMP TABLE simulated AS
SELECT 'BG/NBD' AS variant, s.* FROM pg_temp.simulate(false, 20000) AS s
UNION ALL
SELECT 'MBG/NBD', s.* FROM pg_temp.simulate(true, 20000) AS s;
CREATE TEMP TABLE refitted AS
SELECT variant, ltv_model_agg(x, t_x, age, mean, 1, variant) AS m FROM simulated GROUP BY variant;
SELECT is(array_agg(status(m) || ', ' || value_status(m)), '{"converged, converged","converged, converged"}', 'simulated customers: the fits converge') FROM refitted;
SELECT is_empty($$
    SELECT variant, p.name, p.value, truth.value
    FROM refitted
    CROSS JOIN parameters(m) AS p
    JOIN (VALUES ('r', 1.5), ('alpha', 5), ('a', 1), ('b', 2.5), ('p', 4), ('q', 3), ('v', 20)) AS truth (name, value) USING (name)
    WHERE (abs(p.value - truth.value) < 4 * p.standard_error AND p.standard_error < truth.value / 5) IS NOT TRUE
$$, 'the true parameters lie within four standard errors');
SELECT is_empty($$
    SELECT variant, avg(difference), stddev(difference) / sqrt(count(*))
    FROM (SELECT variant, later - expected_orders(m, x, t_x, age, 30) AS difference FROM simulated JOIN refitted USING (variant)) AS d
    GROUP BY variant
    HAVING (abs(avg(difference)) < 4 * stddev(difference) / sqrt(count(*))) IS NOT TRUE
$$, 'as many orders come in the next 30 weeks as expected');
SELECT is_empty($$
    SELECT variant, least(x, 5), avg(difference)
    FROM (SELECT variant, x, alive::integer - alive_probability(m, x, t_x, age) AS difference FROM simulated JOIN refitted USING (variant)) AS d
    GROUP BY variant, least(x, 5)
    HAVING (abs(avg(difference)) < 4 * greatest(stddev(difference), 1e-9) / sqrt(count(*))) IS NOT TRUE
$$, 'as many are alive as expected, for each number of orders');
SELECT is(count(*), 2::bigint, 'the variant that drew the customers is more likely than the other')
FROM refitted
WHERE log_likelihood(m) > (
    SELECT max(log_likelihood(worse))
    FROM (
        SELECT ltv_model_agg(x, t_x, age, mean, 1, CASE variant WHEN 'BG/NBD' THEN 'MBG/NBD' ELSE 'BG/NBD' END) AS worse
        FROM simulated WHERE simulated.variant = refitted.variant
    ) AS other
);

-- The log-likelihood of the papers, in SQL, at the fit and beside it.
CREATE FUNCTION pg_temp.log_gamma(z float8) RETURNS float8
    LANGUAGE sql IMMUTABLE
    -- Stirling after a shift by 12
    RETURN (SELECT (w - 0.5) * ln(w) - w + 0.5 * ln(2 * pi()) + 1 / (12 * w) - 1 / (360 * w ^ 3) + 1 / (1260 * w ^ 5)
        - (SELECT sum(ln(z + i)) FROM generate_series(0, 11) AS i) FROM (SELECT z + 12 AS w) AS shifted);
CREATE FUNCTION pg_temp.log_likelihood(r float8, alpha float8, a float8, b float8) RETURNS float8
    LANGUAGE sql STABLE
    RETURN (SELECT sum(n * (pg_temp.log_gamma(r + x) - pg_temp.log_gamma(r) + r * ln(alpha)
            + pg_temp.log_gamma(a + b) + pg_temp.log_gamma(b + x) - pg_temp.log_gamma(b) - pg_temp.log_gamma(a + b + x)
            + ln((alpha + age) ^ -(r + x) + CASE WHEN x > 0 THEN a / (b + x - 1) * (alpha + t_x) ^ -(r + x) ELSE 0 END)))
        FROM (SELECT x, t_x, age, count(*) AS n FROM summary GROUP BY x, t_x, age) AS same);
CREATE TEMP TABLE optimum AS
SELECT bg, of_bg.*
FROM fitted
CROSS JOIN LATERAL (SELECT
    max(value) FILTER (WHERE name = 'r') AS r,
    max(value) FILTER (WHERE name = 'alpha') AS alpha,
    max(value) FILTER (WHERE name = 'a') AS a,
    max(value) FILTER (WHERE name = 'b') AS b
    FROM parameters(bg)) AS of_bg;
SELECT ok(abs(log_likelihood(bg) - pg_temp.log_likelihood(r, alpha, a, b)) < 1e-6, 'log_likelihood is that of the formula') FROM optimum;
SELECT is_empty($$
    SELECT i, step
    FROM optimum, generate_series(1, 4) AS i, (VALUES (0.999), (1.001)) AS s (step)
    WHERE pg_temp.log_likelihood(r * step ^ (i = 1)::int, alpha * step ^ (i = 2)::int, a * step ^ (i = 3)::int, b * step ^ (i = 4)::int)
        >= pg_temp.log_likelihood(r, alpha, a, b)
$$, 'and lower on every side');
-- half the curvature times the squared step; the inverse of the information is at least 1 / its diagonal
SELECT is_empty($$
    SELECT p.name
    FROM optimum
    CROSS JOIN parameters(bg) WITH ORDINALITY AS p (name, value, standard_error, i)
    CROSS JOIN LATERAL (SELECT
        pg_temp.log_likelihood(r * (1 + 0.001 * (i = 1)::int), alpha * (1 + 0.001 * (i = 2)::int), a * (1 + 0.001 * (i = 3)::int), b * (1 + 0.001 * (i = 4)::int))
        + pg_temp.log_likelihood(r * (1 - 0.001 * (i = 1)::int), alpha * (1 - 0.001 * (i = 2)::int), a * (1 - 0.001 * (i = 3)::int), b * (1 - 0.001 * (i = 4)::int))
        - 2 * log_likelihood(bg) AS curvature) AS c
    WHERE i <= 4 AND (standard_error >= 0.999 * 0.001 * value / sqrt(-curvature)) IS NOT TRUE
$$, 'no standard error is smaller than the curvature allows');

-- ------------------------------------------------------- states add up
CREATE TEMP TABLE observation AS
SELECT
    id,
    p,
    (id % 4)::bigint AS x,
    least(id % 4, 1) * (id % 7 + 0.1) AS t_x,
    10 + (id % 5)::float8 / 3 AS age,
    CASE id % 3 WHEN 0 THEN NULL ELSE (id % 11) - 1 END AS mean,
    (id % 6)::bigint AS weight
FROM history
WHERE id <= 500;
\ir include/states.psql
SELECT is(pg_temp.broken_splits('ltv_sample_agg(p, date ''1997-09-30'', ''7 days'', ''BG/NBD'')', 'ltv_sample_send'), 0::bigint,
    'purchases: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('ltv_sample_agg(x, t_x, age, mean, weight, ''MBG/NBD'')', 'ltv_sample_send'), 0::bigint,
    'numbers: 1000 random splits are the whole');
CREATE TEMP TABLE state AS
SELECT
    ltv_sample_agg(p, date '1997-09-30', '7 days', 'BG/NBD') AS sample,
    ltv_sample_agg(x, t_x, age, mean, weight, 'MBG/NBD') AS numbers,
    ltv_model_agg(p, date '1997-09-30') AS model,
    ltv_model_agg(x, t_x, age, mean, weight) AS numbers_model
FROM trial
JOIN observation USING (id)
GROUP BY trial
HAVING trial <= 100 OR count(*) < 20
UNION ALL
SELECT ltv_sample_agg(NULL, date '1997-09-30', '7 days', 'BG/NBD'), ltv_sample_agg(NULL, 1, 1, 1, 1, 'BG/NBD'), ltv_model_agg(NULL, date '1997-09-30'), (SELECT bg FROM fitted)
UNION ALL
SELECT ltv_sample_agg('empty', date '1997-09-30', '1 day', 'BG/NBD'), ltv_sample_agg(1, 1, 1, 1, 0, 'BG/NBD'), ltv_model_agg('empty', date '1997-09-30'), ltv_model_agg(1, 1, 1, 1, 0);
SELECT cmp_ok(count(DISTINCT status(numbers_model)), '>=', 3::bigint, 'models of several statuses') FROM state;
SELECT is(count(*), 0::bigint, 'text round trip') FROM state
WHERE ltv_sample_send(sample::text::ltv_sample) <> ltv_sample_send(sample)
    OR ltv_sample_send(numbers::text::ltv_sample) <> ltv_sample_send(numbers)
    OR ltv_model_send(model::text::ltv_model) <> ltv_model_send(model)
    OR ltv_model_send(numbers_model::text::ltv_model) <> ltv_model_send(numbers_model);
SELECT pg_temp.copy_binary('state', 'copied') \g /dev/null
SELECT results_eq(
    'SELECT sample::text, numbers::text, model::text, numbers_model::text FROM copied',
    'SELECT sample::text, numbers::text, model::text, numbers_model::text FROM state',
    'binary round trip');
SELECT is(
    (SELECT ltv_model_agg(p, date '1997-09-30')::text FROM (SELECT p FROM history ORDER BY id % 97, id DESC) AS shuffled),
    bg::text, 'the order of the rows changes no bit of the fit') FROM fitted_purchases;
SELECT is(ltv_fit(rollup(part))::text, (SELECT bg::text FROM fitted_purchases), 'the model of merged samples is that of all')
FROM (SELECT ltv_sample_agg(p, date '1997-09-30', '7 days', 'BG/NBD') AS part FROM history GROUP BY id % 13) AS parts;
SELECT is(
    (SELECT ltv_model_agg(x, t_x, age, mean, n)::text FROM (SELECT x, t_x, age, mean, count(*) AS n FROM summary GROUP BY x, t_x, age, mean) AS same),
    bg::text, 'weights are customers') FROM fitted;
SELECT is(
    (SELECT ltv_model_agg(p, timestamptz '1997-09-30 23:59:59', '1 week')::text FROM history),
    (SELECT ltv_model_agg(p, date '1997-09-30', '7 days', 'BG/NBD')::text FROM history), 'the forms of the aggregate agree');
SELECT is_empty($$
    SELECT daily.name, daily.value, weekly.value
    FROM parameters((SELECT ltv_model_agg(p, date '1997-09-30', '1 day') FROM history)) AS daily
    JOIN fitted_purchases ON true
    JOIN parameters(bg) AS weekly USING (name)
    WHERE (abs(daily.value / weekly.value / CASE name WHEN 'alpha' THEN 7 ELSE 1 END - 1) < 1e-12) IS NOT TRUE
$$, 'the period is a unit and nothing else');
SELECT is(ltv_sample_send(a.sample + b.sample), ltv_sample_send(b.sample + a.sample), 'a + b = b + a') FROM state AS a, state AS b LIMIT 1;
SELECT is(count(*), 0::bigint, 'stored arguments are not written on')
FROM (SELECT sample, sample + sample AS twice, sample::text AS before FROM copied OFFSET 0) AS s
WHERE sample::text <> before OR customer_count(twice) <> 2 * customer_count(sample);

CREATE TABLE kpicrm_parallel_customer AS
SELECT
    n AS id,
    purchase_agg(10 + (n * k) % 90, date '2024-01-01' + ((n * 31) % 90 + k * ((n * 7) % 40 + 1))::integer) AS p
FROM generate_series(1::bigint, 4000) AS n
CROSS JOIN LATERAL generate_series(0, (n * 7919) % 5) AS k
GROUP BY n;
SELECT $query$
    SELECT md5(ltv_sample_agg(p, date '2024-12-31', '7 days', 'BG/NBD')::text || ltv_model_agg(p, date '2024-12-31')::text) AS digest
    FROM kpicrm_parallel_customer
$query$ AS query \gset
\ir include/parallel.psql

-- ------------------------------------------------------- what is malformed stays outside
SELECT is(pg_temp.accepted('ltv_sample', '', 'x', 'emptyx', 'empty {}', 'BG/NBD', 'BG/NBD of numbers', 'BG/NBD of numbers {', 'BG/NBD of numbers {}}',
    'CBG/NBD of numbers {}', 'BG/NBD per 0us as of 2026-01-01 {}', 'BG/NBD per -1us as of 2026-01-01 {}', 'BG/NBD per 1us as of 2026-02-30 {}',
    'BG/NBD per 9223372036854775808us as of 2026-01-01 {}', 'BG/NBD of numbers {0 0 1 x0}', 'BG/NBD of numbers {0 0 1 x-1}', 'BG/NBD of numbers {0 0 1}',
    'BG/NBD of numbers {0 1 1 x1}', 'BG/NBD of numbers {0 0 1 5 x1}', 'BG/NBD of numbers {1 2 1 x1}', 'BG/NBD of numbers {-1 0 1 x1}',
    'BG/NBD of numbers {1 -0.5 1 x1}', 'BG/NBD of numbers {1 -0 1 x1}', 'BG/NBD of numbers {1 NaN 1 x1}', 'BG/NBD of numbers {1 0 inf x1}',
    'BG/NBD of numbers {1 0x1 1 x1}', 'BG/NBD of numbers {1 0 1e16 x1}', 'BG/NBD of numbers {1 0 1e999 x1}', 'BG/NBD of numbers {1 1e-16 1 x1}',
    'BG/NBD of numbers {1 0 1 -3 x1}', 'BG/NBD of numbers {1 0 1 1e101 x1}', 'BG/NBD of numbers {1 0 1 -0 x1}', 'BG/NBD of numbers {1000000001 0 1 x1}',
    'BG/NBD of numbers {1 0 1 x1, 1 0 1 x1}', 'BG/NBD of numbers {1 0 1 x1, 0 0 1 x1}', 'BG/NBD of numbers {1 0 1 x1,0 0 1 x1}',
    'BG/NBD of numbers {0 0 1 x9223372036854775807, 0 0 2 x1}', 'BG/NBD of numbers {0 0 1 x1} 2'), '{}'::text[], 'ltv_sample refuses');
CREATE TEMP TABLE text_form AS
SELECT 'BG/NBD of numbers, 9 customers, 5 repeat, 3 with spend; orders converged -9.5 {0.25 +- 0.1, 4 +- 1, 1 +- 0.2, 2 +- 0.7}; spend converged -4 {6 +- 1, 4 +- 0.3, 15 +- 4}' AS form;
SELECT is(form::ltv_model::text, form, 'a model that is right') FROM text_form;
SELECT is(pg_temp.accepted('ltv_model', '', 'x', 'empty ', 'emptyx', replace(form, 'numbers', 'number'), replace(form, '9 customers', '4 customers'),
    replace(form, '5 repeat', '2 repeat'), replace(form, '9 customers, 5 repeat, 3 with', '0 customers, 0 repeat, 0 with'), replace(form, '3 with', '0 with'),
    replace(form, '-9.5', 'NaN'), replace(form, '0.25', '0'), replace(form, '0.25', '-1'), replace(form, '0.25', '1e7'), replace(form, '0.25', '1e-7'),
    replace(form, ' 4 +- 1', ' 1e131 +- 1'), replace(form, '0.1,', '0,'), replace(form, '0.1,', '-1,'), replace(form, '0.1,', 'inf,'), replace(form, ' +- 0.1', ''),
    replace(form, '+- 4}', '+- 4'), replace(form, '+- 4}', '+- 4, 1 +- 1}'), form || ' ', form || 'x', replace(form, 'orders converged', 'orders no customers'),
    replace(form, 'orders converged', 'orders not identified'), replace(form, 'orders converged', 'orders not identified: the likelihood is flat')),
    array['empty ', form || ' '], 'ltv_model refuses') FROM text_form;
SELECT is(pg_temp.broken_binary('ltv_sample', ltv_sample_send('BG/NBD per 604800000000us as of 1997-09-30 {0 0 28 x300, 1 10 29 32.99 x1, 1 11 28 227.14 x7}')), 0::bigint,
    'ltv_sample: damaged bytes');
SELECT is(pg_temp.broken_binary('ltv_model', ltv_model_send(form::ltv_model)), 0::bigint, 'ltv_model: damaged bytes') FROM text_form;

-- ------------------------------------------------------- degenerate samples
-- rows as (frequency, recency, age, mean value, weight)
CREATE FUNCTION pg_temp.statuses(sample text) RETURNS text
    LANGUAGE sql STABLE
    RETURN (SELECT status(m) || ' / ' || value_status(m) || CASE WHEN converged(m) AND value_converged(m) THEN '' ELSE ' / ' || coalesce(ltv(m, 1, 1, 2, 10, 10, 1, 0)::text, 'NULL') END
        FROM ltv_fit(('BG/NBD of numbers {' || sample || '}')::ltv_sample) AS m);
SELECT is(pg_temp.statuses(''), 'no customers / no customers / NULL', 'nobody');
SELECT is(pg_temp.statuses('3 5 9 20 x1'), 'a single customer / a single customer / NULL', 'a single customer');
SELECT is(pg_temp.statuses('0 0 9 x500, 0 0 10 x4'), 'not identified: all customers bought once / not identified: no repeat customer with a positive amount / NULL', 'all bought once');
SELECT is(pg_temp.statuses('0 0 0 x50'), 'not identified: all customers bought once / not identified: no repeat customer with a positive amount / NULL', 'all bought today');
SELECT is(pg_temp.statuses('2 0 0 x50'), 'not identified: a parameter has no finite estimate / not identified: no repeat customer with a positive amount / NULL', 'all bought three times today');
SELECT is(pg_temp.statuses('2 5 9 20 x500'), 'not identified: a parameter has no finite estimate / not identified: spend does not vary / NULL', 'all alike');
SELECT is(pg_temp.statuses('1000000000 1e15 1e15 9e99 x1, 1000000000 1e15 1e15 1e100 x9000000000000000000'),
    'not identified: a parameter has no finite estimate / not identified: a parameter has no finite estimate / NULL', 'as much of everything as there may be');
SELECT is(pg_temp.statuses('1 1e-15 1e-15 1e-100 x9000000000000000000, 3 1e-15 1e15 1e100 x1'),
    'not identified: a parameter has no finite estimate / not identified: a parameter has no finite estimate / NULL', 'as little of everything as there may be');
SELECT is_empty($$
    SELECT * FROM (
        SELECT ltv_model_agg((random() * n)::integer % 5 + 1, 1, 1 + random() * n, random() - 0.2 * (n % 3)) AS m
        FROM generate_series(1, 60) AS n, generate_series(1, 20) AS i GROUP BY n) AS drawn
    WHERE NOT converged(m) AND (expected_orders(m, 1, 1, 1, 1) IS NOT NULL OR alive_probability(m, 1, 1, 1) IS NOT NULL OR ltv(m, 1, 1, 1, 1, 1, 1, 0) IS NOT NULL)
        OR NOT value_converged(m) AND (expected_order_value(m, 1, 1) IS NOT NULL OR ltv(m, 1, 1, 1, 1, 1, 1, 0) IS NOT NULL)
        OR converged(m) AND (expected_orders(m, 1, 1, 1, 1) IS NULL)
$$, 'what did not converge predicts nothing, what did does');
SELECT is_empty($$
    SELECT p.* FROM refitted, parameters(ltv_fit('BG/NBD of numbers {0 0 9 x500}')) AS p WHERE p.value IS NOT NULL OR p.standard_error IS NOT NULL
$$, 'no estimate: NULL');
SELECT is((SELECT array_agg(name) FROM parameters('empty'::ltv_model)), '{r,alpha,a,b,p,q,v}', 'all parameters have their row');
SELECT is(status(m) || ' ' || coalesce(variant(m), 'NULL') || coalesce(period(m)::text, ' NULL') || coalesce(as_of(m)::text, ' NULL'), 'no customers NULL NULL NULL', 'no rows')
FROM (SELECT ltv_model_agg(p, date '1997-09-30') AS m FROM history WHERE false) AS none;
SELECT is(variant(bg) || ' ' || period(bg) || ' ' || as_of(bg), 'BG/NBD 7 days 1997-09-30', 'what it was fitted with') FROM fitted_purchases;
SELECT is(value_count(ltv_model_agg(x, 1, 2, mean)), 1::bigint, 'only positive values of repeat customers count')
FROM (VALUES (1, 5), (1, 0), (1, -3), (1, NULL)) AS v (x, mean);
SELECT is(
    (SELECT array_agg(expected_order_value(bg, p) IS NULL ORDER BY n) FROM (VALUES
        (1, purchases 'empty'), (2, 'revenue, 2026-01-05 00:00:00 to 2026-01-05 00:00:00 {2026-01-05 1 -5}'),
        (3, 'revenue, 2026-01-05 00:00:00 to 2026-01-06 00:00:00 {2026-01-05 1 9, 2026-01-06 1 -5}'),
        (4, 'revenue, 2026-01-05 00:00:00 to 2026-01-06 00:00:00 {2026-01-05 1 9, 2026-01-06 1 5}')) AS v (n, p)),
    '{t,f,t,f}', 'no value for who never ordered, or whose repeat orders are refunds') FROM fitted_purchases;
SELECT is(
    array[expected_orders(bg, p, date '1996-12-31', '1 day'), alive_probability(bg, p, timestamptz '1996-12-31'), ltv(bg, p, date '1996-12-31', '1 day', 1, 0), expected_order_value(bg, p, date '1996-12-31')],
    '{NULL,NULL,NULL,NULL}', 'as of a day before the first order there is no customer') FROM fitted_purchases, history WHERE id = 1;
SELECT is(
    alive_probability(bg, p, date '1997-01-20'),
    (SELECT alive_probability(bg, purchase_agg(amount, ordered_on), date '1997-01-20') FROM orders WHERE id = 1 AND ordered_on <= '1997-01-20'),
    'orders after as_of are not there yet') FROM fitted_purchases, history WHERE id = 1;

SELECT is_empty($$
    SELECT id
    FROM fitted_purchases, history
    WHERE id <= 50
        AND ltv(bg, p, timestamptz '1997-09-30 23:59+00', '1 year', 0.3, 0.1) IS DISTINCT FROM ltv(bg, p, date '1997-09-30', '1 year', 0.3, 0.1)
$$, 'a time is its UTC day');

-- ------------------------------------------------------- errors
CREATE FUNCTION pg_temp.failure(call text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;
SELECT is_empty($$
    SELECT expression, failure
    FROM (VALUES
        ('ltv_model_agg(p, date ''infinity'')', '22023 as_of must be finite, not infinity'),
        ('ltv_model_agg(p, timestamptz ''-infinity'')', '22023 as_of must be finite, not -infinity'),
        ('ltv_model_agg(p, date ''1997-09-30'', ''0 days'')', '22023 period must be longer than 0'),
        ('ltv_model_agg(p, date ''1997-09-30'', ''-1 day'')', '22023 period must be a finite interval that is not negative, not -1 days'),
        ('ltv_model_agg(p, date ''1997-09-30'', ''7 days'', ''Pareto/NBD'')', '22023 variant must be BG/NBD or MBG/NBD, not "Pareto/NBD"'),
        ('ltv_model_agg(p, date ''1997-09-30'' + id)', '22023 cannot merge an ltv_sample of BG/NBD per 604800000000us as of 1997-10-01 with one of BG/NBD per 604800000000us as of 1997-10-02'),
        ('ltv_model_agg(-1, 0, 1, 1)', '22023 invalid value for argument "frequency": -1'),
        ('ltv_model_agg(1000000001, 0, 1, 1)', '22023 invalid value for argument "frequency": 1e+09'),
        ('ltv_model_agg(1, -1, 1, 1)', '22023 invalid value for argument "recency": -1'),
        ('ltv_model_agg(1, 2, 1, 1)', '22023 invalid value for argument "recency": 2'),
        ('ltv_model_agg(0, 1, 1, 1)', '22023 invalid value for argument "recency": 1'),
        ('ltv_model_agg(1, ''NaN'', 1, 1)', '22023 invalid value for argument "recency": NaN'),
        ('ltv_model_agg(1, 0, ''infinity'', 1)', '22023 invalid value for argument "age": Infinity'),
        ('ltv_model_agg(1, 0, 1, ''NaN'')', '22023 invalid value for argument "monetary_value": NaN'),
        ('ltv_model_agg(1, 0, 1, 1, -1)', '22023 weight must not be negative, but is -1'),
        ('ltv_model_agg(1, 0, 1, 1, 9223372036854775807)', '22003 more than 9223372036854775807 customers in one ltv_sample'),
        ('max(expected_orders(bg, p, date ''1997-09-30'', ''-1 day''))', '22023 horizon must be a finite interval that is not negative, not -1 days'),
        ('max(expected_orders(bg, p, timestamptz ''infinity'', ''1 day''))', '22023 as_of must be finite, not infinity'),
        ('max(expected_orders(bg, 1, 1, 1, -1))', '22023 horizon must be between 0 and 1e+15, not -1'),
        ('max(expected_orders(bg, 1, 1, 1, ''NaN''))', '22023 horizon must be between 0 and 1e+15, not NaN'),
        ('max(alive_probability(bg, 1, 2, 1))', '22023 invalid value for argument "recency": 2'),
        ('max(ltv(bg, p, date ''1997-09-30'', ''1 day'', 30, 0.1))', '22023 gross_margin must be between -1 and 1, not 30'),
        ('max(ltv(bg, p, date ''1997-09-30'', ''1 day'', 0.3, 10))', '22023 discount_rate must be between 0 and 1, not 10'),
        ('max(expected_orders(pg_temp.model(''BG/NBD'', ''1'', ''1'', ''1'', ''1''), p, date ''1997-09-30'', ''1 day''))', '22023 the model was fitted to plain numbers, whose unit of time is not known')
    ) AS expected (expression, failure)
    WHERE failure IS DISTINCT FROM pg_temp.failure(format('SELECT %s FROM (SELECT * FROM history WHERE id <= 2 ORDER BY id) AS h, fitted_purchases', expression))
$$, 'errors name what was wrong');

-- ------------------------------------------------------- cancelling
CREATE TEMP TABLE many AS
SELECT (random() * 5 * random())::bigint AS x, random() * 10 AS t_x, 10 + random() * 40 AS age, random() * 100 AS mean
FROM generate_series(1, 400000);
SELECT ltv_sample_agg(x, CASE WHEN x > 0 THEN t_x ELSE 0 END, age, mean, 1, 'BG/NBD') AS sample INTO TEMP TABLE sampled FROM many;
CREATE FUNCTION pg_temp.cancelled_after() RETURNS double precision
    LANGUAGE plpgsql
    SET statement_timeout = '1s'
AS $$
DECLARE
    started constant timestamptz = clock_timestamp();
BEGIN
    PERFORM ltv_fit(sample), ltv_fit(sample + sample), ltv_fit(sample + sample + sample) FROM sampled;
    RETURN NULL;
EXCEPTION WHEN query_canceled THEN
    RETURN EXTRACT(epoch FROM clock_timestamp() - started);
END;
$$;
SET statement_timeout = '1s';
SELECT pg_temp.cancelled_after() AS seconds \gset
RESET statement_timeout;
SELECT cmp_ok(:'seconds'::double precision, '<', 1.5::double precision, 'a fit is cancelled within half a second');

SELECT * FROM finish();
ROLLBACK;
