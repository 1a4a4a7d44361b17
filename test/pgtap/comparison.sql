/*
 * Comparison of rates against R (test/reference/rates.R) and against what must be.
 * Runs in the root of the source tree.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET extra_float_digits = 1;
\pset tuples_only on
SELECT plan(34);

-- ------------------------------------------------------- how groups are spread
CREATE TEMP TABLE prior_reference (
    sample text,
    status text,
    rates text,
    alpha double precision,
    beta double precision,
    log_likelihood double precision
);
\copy prior_reference FROM 'test/reference/rate_prior.csv' WITH (FORMAT csv, HEADER)

SELECT cmp_ok(count(*), '>=', 4::bigint, 'rate_prior.csv is there') FROM prior_reference;
CREATE TEMP TABLE prior AS
SELECT want.sample, want.alpha AS want_alpha, want.beta AS want_beta, want.status AS want_status, want.log_likelihood AS want_log_likelihood, got.*
FROM prior_reference AS want
CROSS JOIN LATERAL kpicrm.rate_prior(translate(want.rates, ' ', ',')::kpicrm.conversion[]) AS got;
SELECT is_empty(
    $$SELECT sample, status, want_status FROM prior WHERE status IS DISTINCT FROM want_status$$,
    'the same samples have more spread than chance gives'
);
SELECT is_empty(
    $$SELECT sample, log_likelihood, want_log_likelihood FROM prior
      WHERE abs(log_likelihood - want_log_likelihood) > 1e-9 * abs(want_log_likelihood) OR log_likelihood IS NULL$$,
    'the likelihood is that of R to 1e-9'
);
SELECT is_empty(
    $$SELECT sample, alpha, want_alpha, beta, want_beta FROM prior
      WHERE abs(alpha - want_alpha) > 1e-4 * want_alpha OR abs(beta - want_beta) > 1e-4 * want_beta
        OR (alpha IS NULL) <> (want_alpha IS NULL)$$,
    'so are alpha and beta to 1e-4, the precision of two optimisers at a flat top'
);
SELECT is_empty(
    $$SELECT sample FROM prior WHERE abs(mean - coalesce(alpha / (alpha + beta), mean)) > 1e-12$$,
    'the mean is alpha / (alpha + beta)'
);

-- Any order, NULL and empty groups in between: the same bytes.
SELECT is(
    (SELECT count(DISTINCT fit.prior::text)
     FROM generate_series(1, 100) AS shuffle (seed)
     CROSS JOIN LATERAL (
        SELECT kpicrm.rate_prior(array_agg(CASE kind.nth WHEN 1 THEN rate.one WHEN 2 THEN NULL ELSE '0/0'::kpicrm.conversion END ORDER BY md5(seed || rate.nth::text || kind.nth))) AS prior
        FROM unnest('{3/10,5/10,9/10,1/10,0/5,3/10}'::kpicrm.conversion[]) WITH ORDINALITY AS rate (one, nth)
        CROSS JOIN (VALUES (1), (2), (3)) AS kind (nth)
     ) AS fit),
    1::bigint,
    'neither order nor NULL nor empty groups matter'
);
SELECT is(
    (SELECT row(prior.status, prior.group_count, prior.mean, prior.alpha)::text FROM kpicrm.rate_prior('{3/10,30/100,3/10}') AS prior),
    '(no_spread,3,0.3,)',
    'equal rates have no spread'
);
SELECT is((SELECT prior.status FROM kpicrm.rate_prior('{3/10}') AS prior), 'too_few', 'one group tells nothing of others');
SELECT is((SELECT prior.status FROM kpicrm.rate_prior('{0/10,0/20}') AS prior), 'too_few', 'nothing converted: nothing to learn');
SELECT is((SELECT prior.status FROM kpicrm.rate_prior('{7/7,20/20}') AS prior), 'too_few', 'all converted: the same');
SELECT is((SELECT prior.status FROM kpicrm.rate_prior('{0/1,1/1,1/1}') AS prior), 'too_few', 'one case each: spread cannot be told from chance');
SELECT is((SELECT row(prior.status, prior.mean, prior.alpha)::text FROM kpicrm.rate_prior('{0/10,10/10}') AS prior), '(too_few,0.5,)', 'all or nothing in each: the spread has no end');
SELECT is((SELECT row(prior.status, prior.mean, prior.alpha)::text FROM kpicrm.rate_prior('{5/5,0/5,0/4,1/1}') AS prior), '(too_few,0.4,)', 'in groups of different sizes, too');
SELECT is((SELECT prior.status FROM kpicrm.rate_prior('{0/10,10/10,5/10}') AS prior), 'fitted', 'but not if one is neither');
SELECT is(kpicrm.rate_prior('{}')::text, NULL, 'no group: NULL');
SELECT is(kpicrm.rate_prior('{NULL,0/0}')::text, NULL, 'no case: NULL');
SELECT throws_ok($$SELECT kpicrm.rate_prior('{1/2,5000000000/9000000000}')$$, '22003', NULL, 'so many cases that the likelihood has no digits left: refused');

-- Known parameters come back: 2,000 groups of 50 cases from Beta(3, 7), by the sum of
-- exponentials, seeded.
SELECT ok(
    abs(prior.mean - 0.3) < 0.02 AND abs(prior.alpha + prior.beta - 10) < 2.5,
    format('drawn from Beta(3, 7): found %s, %s', round(prior.alpha::numeric, 2), round(prior.beta::numeric, 2))
)
FROM (SELECT setseed(0.5)) AS seed,
LATERAL kpicrm.rate_prior(ARRAY(
    SELECT (count(*) FILTER (WHERE random() < person.rate) || '/50')::kpicrm.conversion
    FROM (
        SELECT
            nth,
            three.sum / (three.sum + seven.sum) AS rate
        FROM generate_series(1, 2000) AS nth
        CROSS JOIN LATERAL (SELECT -sum(ln(1 - random())) AS sum FROM generate_series(1, 3 + 0 * nth)) AS three
        CROSS JOIN LATERAL (SELECT -sum(ln(1 - random())) AS sum FROM generate_series(1, 7 + 0 * nth)) AS seven
        OFFSET 0
    ) AS person
    CROSS JOIN generate_series(1, 50)
    GROUP BY person.nth
)) AS prior;

-- ------------------------------------------------------------ bounds given it
CREATE TEMP TABLE shrunk_reference (
    alpha double precision,
    beta double precision,
    converted bigint,
    total bigint,
    confidence double precision,
    rate double precision,
    lower double precision,
    upper double precision,
    above_04 double precision
);
\copy shrunk_reference FROM 'test/reference/shrunk_rate.csv' WITH (FORMAT csv, HEADER)
SELECT cmp_ok(count(*), '>=', 50::bigint, 'shrunk_rate.csv is there') FROM shrunk_reference;
SELECT is_empty(
    $$SELECT want.*, got.* FROM shrunk_reference AS want
      CROSS JOIN LATERAL (SELECT (want.converted || '/' || want.total)::kpicrm.conversion AS cases) AS given
      CROSS JOIN LATERAL (SELECT
        kpicrm.shrunk_rate(given.cases, want.alpha, want.beta) AS rate,
        kpicrm.shrunk_rate_lower(given.cases, want.alpha, want.beta, want.confidence) AS lower,
        kpicrm.shrunk_rate_upper(given.cases, want.alpha, want.beta, want.confidence) AS upper,
        kpicrm.probability_above(given.cases, want.alpha, want.beta, 0.4) AS above) AS got
      WHERE abs(got.rate - want.rate) > 1e-12 OR abs(got.lower - want.lower) > 1e-9 OR abs(got.upper - want.upper) > 1e-9
        OR abs(got.above - want.above_04) > 1e-9 OR num_nulls(got.rate, got.lower, got.upper, got.above) > 0$$,
    'rates, bounds and tails given the spread are those of R to 1e-9'
);
SELECT throws_ok($$SELECT kpicrm.shrunk_rate('1/2', 0, 1)$$, '22023', 'alpha must be greater than 0 and at most 1e15, not 0');
SELECT throws_ok($$SELECT kpicrm.shrunk_rate('1/2', 1, 'NaN')$$, '22023', 'beta must be greater than 0 and at most 1e15, not NaN');
SELECT throws_ok($$SELECT kpicrm.shrunk_rate_lower('1/2', 1, 1, 1)$$, '22023', NULL, 'confidence 1 is refused');
SELECT throws_ok($$SELECT kpicrm.probability_above('1/2', 1, 1, 60)$$, '22023', 'rate must be between 0 and 1, not 60');

-- ------------------------------------------------- many cases, and rare ones
CREATE TEMP TABLE large_reference (
    alpha double precision,
    beta double precision,
    rate double precision,
    above double precision
);
\copy large_reference FROM 'test/reference/large_counts.csv' WITH (FORMAT csv, HEADER)
SELECT cmp_ok(count(*), '>=', 50::bigint, 'large_counts.csv is there') FROM large_reference;
SELECT is_empty(
    $$SELECT want.*, got.above AS have FROM large_reference AS want
      CROSS JOIN LATERAL kpicrm.probability_above('0/0', want.alpha, want.beta, want.rate) AS got (above)
      WHERE abs(got.above - want.above) > 1e-10 OR got.above IS NULL$$,
    'with a thousand million cases, and for rare conversions, the tails are those of R to 1e-10'
);
SELECT is_empty(
    $$SELECT given.*, bound.* FROM (VALUES (5e14, 5e14), (1e15, 1), (1, 1e15), (1e15, 1e15)) AS given (alpha, beta)
      CROSS JOIN LATERAL (SELECT
        kpicrm.shrunk_rate('4000000000000000000/8000000000000000000', given.alpha, given.beta) AS rate,
        kpicrm.shrunk_rate_lower('4000000000000000000/8000000000000000000', given.alpha, given.beta) AS lower,
        kpicrm.shrunk_rate_upper('4000000000000000000/8000000000000000000', given.alpha, given.beta) AS upper,
        kpicrm.probability_above('4000000000000000000/8000000000000000000', given.alpha, given.beta, 0.5) AS above) AS bound
      WHERE (bound.lower <= bound.rate AND bound.rate <= bound.upper AND bound.upper - bound.lower < 1e-8 AND bound.above BETWEEN 0 AND 1) IS NOT TRUE$$,
    'as many cases as there can be: bounds in order'
);
-- ---------------------------------------------------- limits of a funnel plot
CREATE TEMP TABLE limit_reference (
    rate double precision,
    total bigint,
    confidence double precision,
    lower double precision,
    upper double precision
);
\copy limit_reference FROM 'test/reference/control_limit.csv' WITH (FORMAT csv, HEADER)
SELECT cmp_ok(count(*), '>=', 50::bigint, 'control_limit.csv is there') FROM limit_reference;
SELECT is_empty(
    $$SELECT want.*, got.* FROM limit_reference AS want
      CROSS JOIN LATERAL (SELECT
        kpicrm.control_limit_lower(want.rate, want.total, want.confidence) AS lower,
        kpicrm.control_limit_upper(want.rate, want.total, want.confidence) AS upper) AS got
      WHERE abs(got.lower - want.lower) > 1e-8 OR abs(got.upper - want.upper) > 1e-8 OR num_nulls(got.lower, got.upper) > 0$$,
    'the limits are those of R to 1e-8'
);
SELECT is_empty(
    $$SELECT many.total, given.rate, bound.*
      FROM (VALUES (1e9), (1e15), (9223372036854775807)) AS many (total)
      CROSS JOIN (VALUES (0.3), (0.9)) AS given (rate)
      CROSS JOIN LATERAL (SELECT kpicrm.control_limit_lower(given.rate, many.total::bigint) AS lower, kpicrm.control_limit_upper(given.rate, many.total::bigint) AS upper) AS bound
      CROSS JOIN LATERAL (SELECT 1.959963984540054 * sqrt(given.rate * (1 - given.rate) / many.total) AS width) AS normal
      WHERE (abs(bound.lower - (given.rate - normal.width)) < 1e-9 AND abs(bound.upper - (given.rate + normal.width)) < 1e-9) IS NOT TRUE$$,
    'as many cases as there can be: the limits of the normal distribution'
);
SELECT is(kpicrm.control_limit_lower(0.3, 0), NULL, 'no case, no limit');
SELECT throws_ok($$SELECT kpicrm.control_limit_upper(0.3, -1)$$, '22023', 'total must not be negative, but is -1');

-- (1.959964 * sqrt(0.3 * 0.7) + 0.841621 * sqrt(0.4 * 0.6))^2 / 0.1^2 = 171.7
SELECT is(kpicrm.required_count(0.3, 0.1), 172::bigint, 'cases to find 0.4 against 0.3');
SELECT is(
    array[kpicrm.required_count(0.3, 0), kpicrm.required_count(0.5, 0.6)],
    array[NULL, NULL]::bigint[],
    'no number of cases shows no difference, or one that cannot be'
);
SELECT * FROM finish();
ROLLBACK;
