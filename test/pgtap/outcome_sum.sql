/*
 * outcome_sum: against every combination of outcomes, one by one; the mixed method
 * against the exact one; bad arguments.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(34);

-- ------------------------------------------------------------------ all combinations
-- 300 sets of up to 8 pairs: ties, zero, negative amounts, certain and impossible ones.
SELECT setseed(0.4) \g /dev/null
CREATE TEMP TABLE pair AS
SELECT
    set_no,
    nth,
    CASE WHEN random() < 0.1 THEN 0 WHEN random() < 0.1 THEN 1 ELSE round(random()::numeric, 3) END AS probability,
    CASE set_no % 3
        WHEN 0 THEN round((random() * 5)::numeric) * 100
        WHEN 1 THEN round((random() * 1000 - 300)::numeric, set_no % 4)
        ELSE round((random() ^ 4 * 1e12)::numeric, 2)
    END AS amount
FROM generate_series(1, 300) AS set_no
CROSS JOIN LATERAL generate_series(1, set_no % 9) AS nth;

CREATE TEMP TABLE combination AS
WITH RECURSIVE step AS (
    SELECT set_no, 0 AS nth, 0::numeric AS total, 1::numeric AS mass FROM generate_series(1, 300) AS set_no
    UNION ALL
    SELECT
        step.set_no,
        pair.nth,
        step.total + pair.amount * came.has_come,
        step.mass * CASE came.has_come WHEN 1 THEN pair.probability ELSE 1 - pair.probability END
    FROM step
    JOIN pair ON pair.set_no = step.set_no AND pair.nth = step.nth + 1
    CROSS JOIN (VALUES (0), (1)) AS came (has_come)
)
SELECT set_no, total, sum(mass) AS mass
FROM step
WHERE nth = set_no % 9
GROUP BY set_no, total
HAVING sum(mass) > 0;

CREATE TEMP TABLE brute AS
SELECT
    set_no,
    sum(mass * total) AS mean,
    -- around the mean: a difference of squares loses all digits of small deviations
    (SELECT sqrt(sum(one.mass * (one.total - centre.mean) ^ 2))
        FROM combination AS one
        CROSS JOIN (SELECT sum(other.mass * other.total) AS mean FROM combination AS other WHERE other.set_no = combination.set_no) AS centre
        WHERE one.set_no = combination.set_no) AS deviation,
    (SELECT min(c.total) FROM (SELECT total, sum(mass) OVER (ORDER BY total) AS below FROM combination AS one WHERE one.set_no = combination.set_no) AS c WHERE c.below >= 0.1) AS p10,
    (SELECT min(c.total) FROM (SELECT total, sum(mass) OVER (ORDER BY total) AS below FROM combination AS one WHERE one.set_no = combination.set_no) AS c WHERE c.below >= 0.73) AS p73,
    sum(mass) FILTER (WHERE total >= 250.5) AS at_least,
    min(total) AS lowest,
    max(total) AS highest
FROM combination
GROUP BY set_no;

CREATE TEMP TABLE ours AS
SELECT set_no, count(pair.nth) AS pair_count, (kpicrm.outcome_sum(
    array_agg(probability::float8 ORDER BY nth), array_agg(amount ORDER BY nth), '{0.1,0.73,0,1}', 250.5)).*
FROM pair
GROUP BY set_no;

SELECT is((SELECT count(*) FROM ours), 267::bigint, 'every set of pairs is there');
SELECT is((SELECT string_agg(DISTINCT method, ' ') FROM ours), 'exact', 'few amounts are exact');
SELECT is_empty('SELECT * FROM ours WHERE outcome_count <> pair_count', 'every pair is counted');
SELECT is_empty('SELECT set_no, ours.mean, brute.mean FROM ours JOIN brute USING (set_no) WHERE abs(ours.mean - brute.mean) > 1e-9 * (1 + abs(brute.mean))', 'mean');
SELECT is_empty(
    $$SELECT set_no, ours.deviation, brute.deviation FROM ours JOIN brute USING (set_no) WHERE abs(ours.deviation - brute.deviation) > 1e-7 * (1 + abs(brute.deviation))$$, 'deviation');
SELECT is_empty('SELECT set_no, quantiles[1], p10 FROM ours JOIN brute USING (set_no) WHERE quantiles[1] IS DISTINCT FROM p10', 'the 10 % quantile is the very amount');
SELECT is_empty('SELECT set_no, quantiles[2], p73 FROM ours JOIN brute USING (set_no) WHERE quantiles[2] IS DISTINCT FROM p73', 'and so is that of 73 %');
SELECT is_empty(
    'SELECT set_no, quantiles[3], lowest, quantiles[4], highest FROM ours JOIN brute USING (set_no) WHERE quantiles[3] IS DISTINCT FROM lowest OR quantiles[4] IS DISTINCT FROM highest',
    'fractions 0 and 1 are the lowest and the highest sum');
SELECT is_empty(
    'SELECT set_no FROM ours JOIN brute USING (set_no) WHERE abs(at_least_probability - coalesce(brute.at_least, 0)) > 1e-12', 'probability of at least the threshold');

-- ------------------------------------------------------------------ order
CREATE TEMP TABLE many AS
SELECT n, round(random()::numeric, 4)::float8 AS probability, round((100 + 1e6 * random() ^ 3)::numeric, 2) AS amount
FROM generate_series(1, 400) AS n;
SELECT is(
    (SELECT (kpicrm.outcome_sum(array_agg(probability ORDER BY n), array_agg(amount ORDER BY n), '{0.1,0.5,0.9}', 5e7))::text FROM many),
    (SELECT (kpicrm.outcome_sum(array_agg(probability ORDER BY amount), array_agg(amount ORDER BY amount), '{0.1,0.5,0.9}', 5e7))::text FROM many),
    'the order of the pairs does not matter, to the last bit');

-- ------------------------------------------------------------------ mixed against exact
-- Round amounts are exact; the same with some cents are not.
CREATE TEMP TABLE near AS
SELECT
    portfolio.name,
    rounded.method AS rounded_method,
    odd.method AS odd_method,
    rounded.deviation,
    rounded.quantiles AS want,
    odd.quantiles AS have,
    rounded.at_least_probability AS want_probability,
    odd.at_least_probability AS have_probability
FROM (
    SELECT
        'equal' AS name, 3e6 AS threshold,
        array_agg(0.3::float8 ORDER BY n) AS probabilities, array_agg(10000.0 ORDER BY n) AS amounts, array_agg(10000 + n * 0.01 ORDER BY n) AS odd
    FROM generate_series(1, 1000) AS n
    UNION ALL
    SELECT 'varied', 1.6e6, array_agg(((n * 37) % 100) / 100.0::float8 ORDER BY n), array_agg((n % 13) * 1000.0 ORDER BY n), array_agg((n % 13) * 1000 + n * 0.01 ORDER BY n)
    FROM generate_series(1, 500) AS n
    UNION ALL
    SELECT 'one giant', 5e6,
        array_agg(CASE n WHEN 1 THEN 0.6 ELSE 0.3 END::float8 ORDER BY n), array_agg(CASE n WHEN 1 THEN 5e6 ELSE 1000 END ORDER BY n),
        array_agg(CASE n WHEN 1 THEN 5e6 ELSE 1000 END + n * 0.01 ORDER BY n)
    FROM generate_series(1, 800) AS n
) AS portfolio
CROSS JOIN LATERAL kpicrm.outcome_sum(probabilities, amounts, '{0.05,0.1,0.35,0.45,0.5,0.9,0.95}', threshold) AS rounded
CROSS JOIN LATERAL kpicrm.outcome_sum(probabilities, odd, '{0.05,0.1,0.35,0.45,0.5,0.9,0.95}', threshold) AS odd;
SELECT results_eq('SELECT name, rounded_method, odd_method FROM near ORDER BY name', $$VALUES ('equal', 'exact', 'mixed'), ('one giant', 'exact', 'mixed'), ('varied', 'exact', 'mixed')$$,
    'round amounts are exact even if there are hundreds; odd ones are mixed');
SELECT is_empty(
    'SELECT name, want, have FROM near CROSS JOIN LATERAL unnest(want, have) AS quantile (w, h) WHERE abs(w - h) > 0.06 * deviation', 'mixed quantiles are within 6 % of a deviation');
SELECT is_empty('SELECT name, want_probability, have_probability FROM near WHERE abs(want_probability - have_probability) > 0.02', 'and its probability within two points');
SELECT ok((SELECT have[3] < 1e6 AND have[4] > 5e6 FROM near WHERE name = 'one giant'), 'a giant among small ones keeps its two humps');

-- Many improbable deals: most likely none is won, which no normal distribution says.
CREATE TEMP TABLE improbable AS
SELECT stale.deals, stale.probability, power(1 - stale.probability, stale.deals) AS none, found.*
FROM (VALUES (40, 0.01::float8), (60, 0.02), (100, 0.01), (200, 0.01), (240, 0.03)) AS stale (deals, probability)
CROSS JOIN LATERAL (
    SELECT array_fill(stale.probability, ARRAY[stale.deals]) AS probabilities, ARRAY(SELECT 1e6 + (n * 7919 % 100003) * 10.01 + n * 0.01 FROM generate_series(1, stale.deals) AS n) AS amounts
) AS deal
CROSS JOIN LATERAL kpicrm.outcome_sum(deal.probabilities, deal.amounts, '{0.3,0.6}', 1) AS found;
SELECT is_empty('SELECT * FROM improbable WHERE method <> ''mixed'' OR abs(at_least_probability - (1 - none)) > 1e-9', 'any of many improbable ones: the probability is that of not none');
SELECT is_empty('SELECT * FROM improbable WHERE (quantiles[1] = 0) <> (none >= 0.3) OR (quantiles[2] = 0) <> (none >= 0.6)', 'and a quantile is 0 as long as most likely none comes');
SELECT is_empty(
    $$SELECT odd.deals, want.quantiles, have.quantiles, want.at_least_probability, have.at_least_probability
      FROM (SELECT deals, array_fill(probability, ARRAY[deals]) AS probabilities,
                ARRAY(SELECT 1000.0 * (10 + n % 7) FROM generate_series(1, deals) AS n) AS round, ARRAY(SELECT 1000.0 * (10 + n % 7) + n * 0.01 FROM generate_series(1, deals) AS n) AS odd
            FROM improbable) AS odd
      CROSS JOIN LATERAL kpicrm.outcome_sum(odd.probabilities, odd.round, '{0.5,0.75,0.9,0.99}', 25000) AS want
      CROSS JOIN LATERAL kpicrm.outcome_sum(odd.probabilities, odd.odd, '{0.5,0.75,0.9,0.99}', 25000) AS have
      CROSS JOIN LATERAL unnest(want.quantiles, have.quantiles) AS quantile (w, h)
      WHERE want.method <> 'exact' OR abs(w - h) > 0.02 * want.deviation OR abs(want.at_least_probability - have.at_least_probability) > 0.002$$,
    'they are those of round amounts, which are exact'
);

-- ------------------------------------------------------------------ the edges
SELECT is(kpicrm.outcome_sum(NULL, NULL, '{0.5}', 0)::text, '(exact,0,0,0,{0},1)', 'no arrays: the sum is 0');
SELECT is(kpicrm.outcome_sum('{}', '{}', '{0.5}', 1)::text, '(exact,0,0,0,{0},0)', 'no pairs: the sum is 0');
SELECT is(kpicrm.outcome_sum('{NULL,0.5,1}', '{7,NULL,2.50}', '{0.5}', 2.5)::text, '(exact,1,2.5,0,{2.5},1)', 'pairs that lack something are left out');
SELECT is(kpicrm.outcome_sum('{0.5}', '{10}', NULL, NULL)::text, '(exact,1,5,5,,)', 'what is not asked for is NULL');
SELECT is(kpicrm.outcome_sum('{0.5}', '{10}', '{}', 0.0000001)::text, '(exact,1,5,5,{},0.5)', 'a threshold may be finer than the amounts');
SELECT is(kpicrm.outcome_sum('{0.5}', '{10}', '{NULL,0.5,0.50001}')::text, '(exact,1,5,5,"{NULL,0,10}",)', 'a fraction that is NULL gives NULL; a quantile is reached by exactly its share');
SELECT is((kpicrm.outcome_sum('{0.5,0.5}', '{0.0000000001,99999999999999999999999999}', '{1}')).quantiles, '{99999999999999999999999999.0000000001}'::numeric[], 'no digit is lost');
SELECT is(
    (SELECT (kpicrm.outcome_sum(array_agg(1e-300::float8), array_agg(10.01 * n), '{0.5,1}')).quantiles[1] FROM generate_series(1, 200) AS n), 0::numeric, 'next to impossible');
SELECT ok(
    (SELECT bool_and(q BETWEEN 0 AND 20569.67) AND cardinality(quantiles) = 5
     FROM (SELECT (kpicrm.outcome_sum(array_agg(0.999::float8), array_agg(1.01 * n + 0.0001 * n * n), '{0,0.001,0.5,0.999,1}')).quantiles FROM generate_series(1, 200) AS n) AS s
     CROSS JOIN LATERAL unnest(quantiles) AS q GROUP BY quantiles),
    'no quantile leaves the range of the sum, however skewed');

-- ------------------------------------------------------------------ errors
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{1.5}', '{1}')$$, '22023', 'probability must be between 0 and 1, not 1.5');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{NaN}', '{1}')$$, '22023', 'probability must be between 0 and 1, not NaN');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5}', '{1}', '{-0.1}')$$, '22023', 'fraction must be between 0 and 1, not -0.1');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5,0.5}', '{1}')$$, '2202E', '2 probabilities do not match 1 amounts');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5}', NULL)$$, '22004', 'probabilities and amounts must both be given');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5}', '{NaN}')$$, '22023');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5,0.5}', '{0.0000000001,99999999999999999999999999999999999999}')$$, '22003');
SELECT throws_ok($$SELECT kpicrm.outcome_sum('{0.5}', '{1}', threshold => 'NaN')$$, '22023');

SELECT * FROM finish();
ROLLBACK;
