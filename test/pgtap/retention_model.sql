/*
 * Contracts and how long they last: published numbers, R (test/reference/retention.R),
 * plain SQL, simulated contracts, and what must be.  Runs in the root of the source tree.
 */
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET extra_float_digits = 1;
\pset tuples_only on
SELECT plan(60);

SELECT setseed(0.42);
CREATE TEMPORARY TABLE observation AS
SELECT
    n AS id,
    (30 * random() * random())::integer AS period,
    CASE WHEN random() < 0.95 THEN random() < 0.4 END AS lost,
    (5 * random())::bigint AS contracts
FROM generate_series(1, 400) AS n;
UPDATE observation SET lost = false WHERE period = 0;
UPDATE observation SET period = NULL WHERE id % 50 = 0;
\ir include/states.psql

-- ------------------------------------------------------- the state
SELECT is(pg_temp.broken_splits('retention_sample_agg(period, lost)', 'retention_sample_send'), 0::bigint,
    'retention_sample: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('retention_sample_agg(period, lost, contracts)', 'retention_sample_send'), 0::bigint,
    'retention_sample of counts: 1000 random splits are the whole');
CREATE TEMPORARY TABLE state AS
SELECT
    retention_sample_agg(period, lost) AS s,
    retention_model_agg(period, lost) AS m
FROM trial
INNER JOIN observation USING (id)
GROUP BY trial
UNION ALL
SELECT retention_sample_agg(NULL, true), retention_model_agg(NULL, true);
SELECT is_empty(
    'SELECT s, m FROM state WHERE retention_model_send(retention_fit(s)) <> retention_model_send(m)',
    'the one-step aggregate fits the state'
);
SELECT is_empty(
    $$SELECT s, m FROM state
      WHERE retention_sample_send(s::text::retention_sample) <> retention_sample_send(s)
        OR retention_model_send(m::text::retention_model) <> retention_model_send(m)
        OR (s::text::retention_sample = s) IS NOT TRUE OR (s::text::retention_sample <> s) IS NOT FALSE$$,
    'text round trip'
);
SELECT pg_temp.copy_binary('state', 'copied');
SELECT results_eq('SELECT s::text, m::text FROM copied', 'SELECT s::text, m::text FROM state', 'binary round trip');
SELECT is(
    (SELECT s::text FROM (SELECT retention_sample_agg(period, lost) AS s FROM observation) AS whole),
    (SELECT '{' || string_agg(format('%s %s/%s', period, lost, kept), ', ' ORDER BY period) || '}'
     FROM (SELECT period, count(*) FILTER (WHERE lost) AS lost, count(*) FILTER (WHERE NOT lost) AS kept
           FROM observation WHERE period IS NOT NULL AND lost IS NOT NULL GROUP BY period) AS counted),
    'the state is what plain SQL counts'
);
SELECT is(
    (SELECT retention_sample_agg(period, lost, contracts)::text FROM observation),
    (SELECT retention_sample_agg(period, lost)::text FROM observation CROSS JOIN LATERAL generate_series(1, contracts)),
    'a row that stands for contracts is so many rows'
);
SELECT results_eq(
    'SELECT contract_count(s), lost_count(s) FROM (SELECT retention_sample_agg(period, lost) AS s FROM observation) AS whole',
    'SELECT count(lost), count(*) FILTER (WHERE lost) FROM observation WHERE period IS NOT NULL',
    'contracts are counted'
);
SELECT is_empty(
    'SELECT a.s, b.s FROM state AS a, (SELECT s FROM state LIMIT 30) AS b WHERE retention_sample_send((a.s + b.s) - b.s) <> retention_sample_send(a.s)',
    'subtracting undoes adding'
);
SELECT is_empty($$
    SELECT moved, built
    FROM (
        SELECT
            retention_sample_agg(period, lost) OVER frame AS moved,
            retention_sample_agg(period, lost, contracts) OVER frame AS weighed,
            (SELECT retention_sample_agg(i.period, i.lost) FROM observation AS i WHERE i.id BETWEEN o.id - 20 AND o.id) AS built,
            (SELECT retention_sample_agg(i.period, i.lost, i.contracts) FROM observation AS i WHERE i.id BETWEEN o.id - 20 AND o.id) AS rebuilt
        FROM observation AS o
        WINDOW frame AS (ORDER BY id ROWS 20 PRECEDING)
    ) AS frames
    WHERE moved <> built OR weighed <> rebuilt
$$, 'the moving frame is the frame');
CREATE TEMPORARY TABLE numbered AS
SELECT row_number() OVER () AS id, s FROM (SELECT s FROM state LIMIT 50) AS first;
SELECT is_empty($$
    SELECT moved, built
    FROM (
        SELECT
            rollup(s) OVER (ORDER BY id ROWS 3 PRECEDING) AS moved,
            (SELECT rollup(i.s) FROM numbered AS i WHERE i.id BETWEEN o.id - 3 AND o.id) AS built
        FROM numbered AS o
    ) AS frames
    WHERE moved <> built
$$, 'so is one of states');
SELECT is_empty(
    'SELECT s FROM (SELECT s, s + s AS twice, retention_sample_transition(s, 1, true) AS more, s::text AS before FROM copied OFFSET 0) AS used WHERE s::text <> before',
    'stored arguments are not written on'
);
SELECT is(
    (SELECT count(*) FROM (SELECT DISTINCT s FROM (SELECT s FROM state UNION ALL SELECT s FROM copied) AS united) AS d),
    (SELECT count(DISTINCT s::text) FROM state),
    'states can be grouped'
);
SELECT is(retention_sample_agg(n % 10001, n % 3 = 0 AND n % 10001 > 0)::text, retention_sample_agg(n % 10001, n % 3 = 0 AND n % 10001 > 0 ORDER BY md5(n::text))::text,
    'all periods there can be, in any order')
FROM generate_series(1, 30000) AS n;

CREATE TABLE kpicrm_parallel_contract AS
SELECT (n * 7919) % 37 + 1 AS period, (n * 104729) % 7 < 3 AS lost
FROM generate_series(1::bigint, 60000) AS n;
ALTER TABLE kpicrm_parallel_contract ALTER period TYPE integer;
SELECT $query$
    SELECT md5(retention_sample_agg(period, lost)::text || retention_model_agg(period, lost)::text) AS digest
    FROM kpicrm_parallel_contract
$query$ AS query \gset
\ir include/parallel.psql

-- The SQLSTATE of the error of a query, if any.
CREATE FUNCTION pg_temp.failure(query text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END;
$$;

-- ------------------------------------------------------- what is malformed stays outside
SELECT is(pg_temp.accepted('retention_sample', '', 'x', '{', '{}x', '{ }', '{1 0/0}', '{0 1/0}', '{-1 1/0}', '{10001 1/0}', '{1 1/0,2 1/0}',
    '{1 1/0, 1 1/0}', '{2 1/0, 1 1/0}', '{1 -1/0}', '{1 1/-1}', '{1 1}', '{1 1/0, }', '{1.0 1/0}', '{1 1/0} {}', '{99999999999 1/0}',
    '{1 9223372036854775808/0}', '{1 9223372036854775807/1}', '{1 9223372036854775807/0, 2 1/0}', repeat('{1 1/0, ', 20000)), '{}'::text[],
    'retention_sample refuses');
SELECT is(pg_temp.accepted('retention_model', '', 'x', '0 contracts', '0 contracts, ', '0 contracts, converged', '1 contracts, no contracts',
    '0 contracts, not identified: nobody was lost', '-1 contracts, no contracts', '5 contracts, lost',
    '5 contracts, no contracts -1 {churn 0.5 +- 0.1}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1}',
    '5 contracts, converged 1 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged 0 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1e999 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0 +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 1 +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn NaN +- 0.1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- -1, spread 1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 0 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread -1 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 1e31 +- 1, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 1 +- 1e101, correlation 0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 1.1}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 1 +- 1, correlation -0}',
    '5 contracts, converged -1 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 0} x',
    '5 contracts, converged: no heterogeneity -1 {churn 0.5 +- 0.1, spread 1 +- 1, correlation 0}',
    '1 contracts, converged: no heterogeneity -1 {churn 0.5 +- 0.1}'), '{}'::text[],
    'retention_model refuses');
SELECT is(pg_temp.broken_binary('retention_sample', (SELECT retention_sample_send(retention_sample_agg(period, lost)) FROM observation)), 0::bigint,
    'retention_sample: damaged bytes');
SELECT is(pg_temp.broken_binary('retention_model', retention_model_send('1000 contracts, converged -1611.25 {churn 0.15 +- 0.01, spread 0.22 +- 0.04, correlation 0.75}')), 0::bigint,
    'retention_model: damaged bytes');
SELECT is(pg_temp.broken_binary('retention_model', retention_model_send('1000 contracts, converged: no heterogeneity -1611.25 {churn 0.15 +- 0.01}')), 0::bigint,
    'retention_model without spread: damaged bytes');
SELECT is(pg_temp.broken_binary('retention_model', retention_model_send('9 contracts, not identified: nobody was lost')), 0::bigint,
    'retention_model without estimates: damaged bytes');
SELECT throws_ok('SELECT retention_sample_agg(-1, false)', '22023', 'period must be between 0 and 10000, not -1', 'negative period');
SELECT throws_ok('SELECT retention_sample_agg(2147483647, true)', '22023', 'period must be between 0 and 10000, not 2147483647', 'huge period');
SELECT throws_ok('SELECT retention_model_agg(0, true)', '22023', 'a contract cannot be lost in period 0', 'lost before the first renewal');
SELECT throws_ok('SELECT retention_model_agg(1, true, -5)', '22023', 'contracts must not be negative, but is -5', 'fewer contracts than none');
SELECT throws_ok('SELECT retention_sample_agg(n, true, 9223372036854775807) FROM generate_series(1, 2) AS n', '22003', NULL, 'contracts beyond bigint');
SELECT throws_ok('SELECT retention_sample_agg(1, true, 9223372036854775807) FROM generate_series(1, 2)', '22003', NULL, 'contracts beyond bigint in one period');
SELECT throws_ok($$SELECT retention_sample '{1 1/0}' - '{1 0/1}'$$, '22023', 'cannot subtract a retention_sample that is not a part of the other', 'not a part');
SELECT throws_ok($$SELECT retention_sample '{1 1/0}' - '{2 1/0}'$$, '22023', NULL, 'not a period of it');
SELECT throws_ok($$SELECT survival(m, -1) FROM state LIMIT 1$$, '22023', 'period must be between 0 and 10000, not -1', 'no period before the first');
SELECT throws_ok($$SELECT retention_rate(m, 0) FROM state LIMIT 1$$, '22023', 'period must be between 1 and 10000, not 0', 'nothing is renewed in period 0');
SELECT throws_ok($$SELECT residual_lifetime(m, 10001, 0.1) FROM state LIMIT 1$$, '22023', 'renewals_done must be between 0 and 10000, not 10001', 'so many renewals');
SELECT is_empty($$
    SELECT rate FROM unnest('{-0.1,1e-10,1e7,NaN,Infinity,-Infinity}'::float8[]) AS rate
    CROSS JOIN LATERAL pg_temp.failure(format('SELECT residual_lifetime(m, 1, %L) FROM state LIMIT 1', rate)) AS failure
    WHERE failure IS DISTINCT FROM '22023'
$$, 'discount rates that make no sense');

-- ------------------------------------------------------- the published numbers, and R
CREATE TEMP TABLE fit_reference (
    sample text,
    state retention_sample,
    alpha double precision,
    beta double precision,
    alpha_error double precision,
    beta_error double precision,
    log_likelihood double precision
);
\copy fit_reference FROM 'test/reference/retention_fit.csv' WITH (FORMAT csv, HEADER)
CREATE TEMP TABLE fitted AS
SELECT
    want.*,
    model,
    (SELECT value FROM parameters(model) WHERE name = 'alpha') AS got_alpha,
    (SELECT value FROM parameters(model) WHERE name = 'beta') AS got_beta,
    (SELECT standard_error FROM parameters(model) WHERE name = 'alpha') AS got_alpha_error,
    (SELECT standard_error FROM parameters(model) WHERE name = 'beta') AS got_beta_error
FROM fit_reference AS want
CROSS JOIN LATERAL retention_fit(want.state) AS model;
SELECT results_eq(
    $$SELECT sample, round(got_alpha::numeric, 3), round(got_beta::numeric, 3), status(model), contract_count(model) FROM fitted
      WHERE sample IN ('regular', 'high_end') ORDER BY sample$$,
    $$VALUES ('high_end', 0.668, 3.806, 'converged', 1000::bigint), ('regular', 0.704, 1.182, 'converged', 1000)$$,
    'alpha and beta of both segments as Fader and Hardie have them'
);
SELECT is(round(residual_lifetime(model, 7, 0.1)::numeric, 2), 7.53, 'and the residual lifetime after seven renewals at 10 %')
FROM fitted WHERE sample = 'high_end';
-- Years 8 to 12, which the model has not seen (Fader and Hardie 2007, table 1).
SELECT is_empty(
    $$SELECT sample, year, was, survival(model, year) FROM fitted
      JOIN (VALUES ('regular', '{22.3,20.7,19.4,18.3,17.3}'::float8[]), ('high_end', '{46.8,44.5,42.7,40.9,39.4}')) AS published (sample, survivors) USING (sample)
      CROSS JOIN LATERAL unnest(survivors) WITH ORDINALITY AS later (was, nth)
      CROSS JOIN LATERAL (SELECT (7 + nth)::integer AS year) AS y
      WHERE (abs(100 * survival(model, year) - was) < 2) IS NOT TRUE$$,
    'five years later the model is off by less than 2 percentage points'
);
SELECT cmp_ok(count(*), '>=', 5::bigint, 'retention_fit.csv is there') FROM fitted;
SELECT is_empty(
    $$SELECT sample, log_likelihood(model), log_likelihood FROM fitted WHERE (abs(log_likelihood(model) / log_likelihood - 1) < 1e-9) IS NOT TRUE$$,
    'the likelihood is that of R to 1e-9'
);
SELECT is_empty(
    $$SELECT sample, got_alpha, alpha, got_beta, beta FROM fitted
      WHERE (abs(got_alpha / alpha - 1) < 1e-5 AND abs(got_beta / beta - 1) < 1e-5) IS NOT TRUE$$,
    'so are alpha and beta to 1e-5, the precision of R''s optimiser at a flat top'
);
SELECT is_empty(
    $$SELECT sample, got_alpha_error, alpha_error, got_beta_error, beta_error FROM fitted
      WHERE (abs(got_alpha_error / alpha_error - 1) < 1e-3 AND abs(got_beta_error / beta_error - 1) < 1e-3) IS NOT TRUE$$,
    'and their standard errors to 1e-3, that of R''s differences'
);

-- The fit of R as a model, to compare predictions alone.
CREATE TEMP TABLE lifetime_reference (
    sample text,
    renewals integer,
    discount double precision,
    lifetime double precision
);
\copy lifetime_reference FROM 'test/reference/residual_lifetime.csv' WITH (FORMAT csv, HEADER)
CREATE TEMP TABLE given AS
SELECT
    sample,
    alpha,
    beta,
    format('9 contracts, converged -1 {churn %s +- 1, spread %s +- 1, correlation 0}', alpha / (alpha + beta), 1 / (alpha + beta))::retention_model AS model
FROM fit_reference;
SELECT cmp_ok(count(*), '>=', 100::bigint, 'residual_lifetime.csv is there') FROM lifetime_reference;
SELECT is_empty(
    $$SELECT sample, renewals, discount, residual_lifetime(model, renewals, discount), lifetime
      FROM lifetime_reference JOIN given USING (sample)
      WHERE (abs(residual_lifetime(model, renewals, discount) / lifetime - 1) < 1e-8) IS NOT TRUE$$,
    'residual lifetimes are those of R''s integrals to 1e-8'
);

-- ------------------------------------------------------- what must be
CREATE TEMP TABLE model AS
SELECT model FROM fitted
UNION ALL
SELECT m FROM state WHERE converged(m)
UNION ALL
SELECT retention_fit('{1 50/0, 2 50/0, 3 50/900}');
SELECT results_eq('SELECT DISTINCT status(model) FROM model ORDER BY 1', $$VALUES ('converged'), ('converged: no heterogeneity')$$, 'both kinds of models are there');
SELECT is_empty($$
    SELECT model, t, survival(model, t), product
    FROM model
    CROSS JOIN LATERAL (
        SELECT t, exp(sum(ln(retention_rate(model, t))) OVER (ORDER BY t)) AS product
        FROM generate_series(1, 40) AS t
    ) AS rates
    WHERE (abs(survival(model, t) / product - 1) < 1e-12) IS NOT TRUE OR survival(model, 0) <> 1
$$, 'survival is the product of the retention rates');
SELECT is_empty($$
    SELECT model, churn.value, 1 - retention_rate(model, 1)
    FROM model
    CROSS JOIN LATERAL parameters(model) AS churn
    WHERE churn.name = 'churn' AND (abs(churn.value - (1 - retention_rate(model, 1))) < 1e-12 AND churn.standard_error > 0) IS NOT TRUE
$$, 'churn is what the first renewal loses');
SELECT is_empty($$
    SELECT model, renewals, discount, residual_lifetime(model, renewals, discount), direct
    FROM (SELECT model FROM model LIMIT 40) AS first
    CROSS JOIN generate_series(0, 20, 5) AS renewals
    CROSS JOIN unnest('{0.03,0.1,0.5,10}'::float8[]) AS discount
    CROSS JOIN LATERAL (
        -- below exp(-700) there are no numbers left
        SELECT sum(exp(greatest(-700, log_share - k * ln(1 + discount)))) AS direct
        FROM (SELECT k, sum(ln(retention_rate(model, renewals + 1 + k))) OVER (ORDER BY k) AS log_share FROM generate_series(0, 1200) AS k) AS terms
    ) AS summed
    WHERE (abs(residual_lifetime(model, renewals, discount) / direct - 1) < 1e-10) IS NOT TRUE
$$, 'the residual lifetime is the sum of what is expected at each renewal');
SELECT is_empty($$
    SELECT model, renewals
    FROM model
    CROSS JOIN generate_series(0, 20, 5) AS renewals
    CROSS JOIN unnest('{0,1e-6,0.1}'::float8[]) AS discount
    WHERE residual_lifetime(model, renewals, discount, false) IS DISTINCT FROM residual_lifetime(model, renewals, discount) / (1 + discount)
$$, 'a first payment after one more period is discounted once more');
-- alpha 3, beta 5: after n renewals (5 + n) / (3 - 1); alpha 0.5 has no finite mean.
SELECT is(
    ARRAY(SELECT round(residual_lifetime(format('9 contracts, converged -1 {churn %s +- 1, spread %s +- 1, correlation 0}', alpha / (alpha + 5), 1 / (alpha + 5))::retention_model, renewals, 0)::numeric, 9)
          FROM (VALUES (3::float8, 0), (3, 7), (0.5, 0), (1, 0)) AS v (alpha, renewals)),
    '{2.5,6,Infinity,Infinity}'::numeric[],
    'without discount: the mean, where there is one'
);
SELECT is_empty($$
    SELECT alpha, residual_lifetime(model, 3, 1e-9), residual_lifetime(model, 3, 0)
    FROM unnest('{1.5,3,1000}'::float8[]) AS alpha
    CROSS JOIN LATERAL (SELECT format('9 contracts, converged -1 {churn %s +- 1, spread %s +- 1, correlation 0}', alpha / (alpha + 5), 1 / (alpha + 5))::retention_model) AS m (model)
    WHERE abs(residual_lifetime(model, 3, 1e-9) / residual_lifetime(model, 3, 0) - 1) > 1e-3
$$, 'and a small discount comes near it');
-- Lost with 0.25 every time: S(t) = 0.75^t, 0.75 * 1.1 / (0.1 + 0.25) payments.
SELECT is(
    (SELECT ARRAY[survival(model, 3), retention_rate(model, 9), round(residual_lifetime(model, 9, 0.1)::numeric, 12)::float8, residual_lifetime(model, 0, 0)]
     FROM (SELECT '9 contracts, converged: no heterogeneity -1 {churn 0.25 +- 0.1}'::retention_model AS model) AS alike),
    ARRAY[0.421875, 0.75, 2.357142857143, 3]::float8[],
    'contracts that are all alike are the geometric distribution'
);
SELECT results_eq(
    $$SELECT name, value, round(standard_error::numeric, 9) FROM parameters(retention_fit('{1 25/0, 2 20/55}'))$$,
    $$VALUES ('alpha', NULL::float8, NULL::numeric), ('beta', NULL, NULL), ('churn', 45 / 175::float8, round(sqrt(45 / 175.0 * 130 / 175 / 175), 9))$$,
    'losses that do not slow down: the geometric distribution, by its textbook formulas'
);

-- Known parameters come back: contracts signed in ten cohorts, so seen for 1 to 10
-- renewals, with a churn probability of their own, by the sum of exponentials.
CREATE TEMP TABLE simulated AS
SELECT
    scenario,
    alpha,
    beta,
    retention_model_agg(least(life, seen), life <= seen) AS model
FROM (
    SELECT
        scenario,
        alpha,
        beta,
        1 + nth % 10 AS seen,
        ceil(least(1000, ln(1 - random()) / ln(1 - churn)))::integer AS life
    FROM (
        SELECT
            scenario,
            alpha,
            beta,
            nth,
            greatest(1e-9, a.sum / (a.sum + b.sum)) AS churn
        FROM (VALUES (1, 1, 3), (2, 2, 2), (3, 1, 1), (4, 3, 12)) AS given (scenario, alpha, beta)
        CROSS JOIN generate_series(1, 20000) AS nth
        CROSS JOIN LATERAL (SELECT -sum(ln(1 - random())) AS sum FROM generate_series(1, alpha + 0 * nth)) AS a
        CROSS JOIN LATERAL (SELECT -sum(ln(1 - random())) AS sum FROM generate_series(1, beta + 0 * nth)) AS b
        OFFSET 0
    ) AS contract
    OFFSET 0
) AS watched
GROUP BY scenario, alpha, beta;
SELECT is_empty($$
    SELECT scenario, name, value, standard_error, truth
    FROM simulated
    CROSS JOIN LATERAL parameters(model)
    CROSS JOIN LATERAL (SELECT CASE name WHEN 'alpha' THEN alpha WHEN 'beta' THEN beta ELSE alpha / (alpha + beta)::float8 END AS truth) AS known
    WHERE (abs(value - truth) < 4 * standard_error AND standard_error < truth / 3) IS NOT TRUE
$$, 'known parameters come back within four standard errors, though most contracts were still there');

-- ------------------------------------------------------- what cannot be known
CREATE TEMP TABLE hopeless AS
SELECT state, want, retention_fit(state) AS model
FROM (VALUES
    ('{}'::retention_sample, 'no contracts'),
    ('{0 0/7}', 'not identified: no renewal was observed'),
    ('{0 0/7, 1 0/9, 5 0/3}', 'not identified: nobody was lost'),
    ('{0 0/7, 1 9/0}', 'not identified: all were lost in the first period'),
    ('{1 1/0}', 'not identified: all were lost in the first period'),
    ('{1 9/3}', 'not identified: only the first renewal was observed'),
    ('{1 9/0, 4 0/3}', 'not identified: nobody was lost after the first period'),
    ('{0 0/3, 4 1/0}', 'not identified: a single contract')
) AS v (state, want);
SELECT is_empty('SELECT state, status(model), want FROM hopeless WHERE status(model) <> want OR converged(model) OR contract_count(model) <> contract_count(state)',
    'what cannot be known is named');
SELECT is_empty($$
    SELECT model
    FROM hopeless
    WHERE num_nonnulls(log_likelihood(model), survival(model, 0), retention_rate(model, 1), residual_lifetime(model, 0, 0.1), residual_lifetime(model, 0, 0)) > 0
        OR (SELECT count(*) FROM parameters(model) WHERE value IS NULL AND standard_error IS NULL) <> 3
$$, 'and predicts nothing');
SELECT is((SELECT retention_model_agg(1, true)::text FROM observation WHERE false), '0 contracts, no contracts', 'no rows');
SELECT is((SELECT retention_sample_agg(1, true, 0)::text), '{}', 'a row that stands for nobody');
SELECT is_empty($$
    SELECT state, model
    FROM (
        SELECT sample, retention_sample_agg((random() * random() * (1 + sample % 12))::integer + 1, random() < sample % 10 / 9.0, (1 + random() * 10 ^ (sample % 7))::bigint) AS state
        FROM generate_series(1, 10000) AS sample
        CROSS JOIN LATERAL generate_series(1, 1 + sample % 9)
        GROUP BY sample
    ) AS random_sample
    CROSS JOIN LATERAL retention_fit(state) AS model
    WHERE status(model) LIKE 'not converged%'
        OR retention_model_send(model::text::retention_model) <> retention_model_send(model)
$$, 'every random sample is fitted, or named');
SELECT is_empty($$
    SELECT state, status(retention_fit(state))
    FROM (VALUES ('{1 1000/0, 2 1/0, 5 0/3000000000}'::retention_sample), ('{1 1/0, 2 1/0, 5 0/3000000000000000000}'), ('{1 1000000000/0, 2 1/0, 3 0/1}'),
        ('{2 5/0, 9999 1/1, 10000 1/1}'), ('{1 13100000000000/0, 2 12600000000000/0, 5 20000000000000/300000000000000}')) AS extreme (state)
    WHERE NOT converged(retention_fit(state))
$$, 'so are extreme ones');

-- ------------------------------------------------------- cancelling
CREATE FUNCTION pg_temp.cancelled_after() RETURNS double precision
    LANGUAGE plpgsql
AS $$
DECLARE
    started constant timestamptz = clock_timestamp();
BEGIN
    PERFORM retention_fit(sample) FROM (SELECT retention_sample_agg(1 + n % 10000, n % 3 = 0 AND n % 5000 < 100) AS sample FROM generate_series(1, 30000) AS n) AS long, generate_series(1, 1000);
    RETURN NULL;
EXCEPTION WHEN query_canceled THEN
    RETURN EXTRACT(epoch FROM clock_timestamp() - started);
END;
$$;
SET statement_timeout = '300ms';
SELECT pg_temp.cancelled_after() AS seconds \gset
RESET statement_timeout;
SELECT cmp_ok(:'seconds'::double precision, '<', 0.8::double precision, 'a fit is cancelled within half a second');

SELECT * FROM finish();
ROLLBACK;
