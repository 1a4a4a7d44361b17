-- Properties of conversion: reference numbers, any split, any order, any merge
-- tree, text and binary round trip, agreement with plain SQL.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SELECT plan(30);

-- Reference numbers computed by R (see test/reference/README.md).
CREATE FUNCTION pg_temp.agree(a double precision, b double precision) RETURNS boolean
    LANGUAGE sql AS $$ SELECT abs(a - b) <= 1e-9 * abs(b) $$;

CREATE TEMPORARY TABLE proportion (
    converted bigint,
    total bigint,
    confidence double precision,
    rate double precision,
    lower double precision,
    upper double precision
);
\copy proportion FROM 'test/reference/proportion.csv' WITH (FORMAT csv, HEADER)
CREATE TEMPORARY TABLE comparison (
    converted1 bigint,
    total1 bigint,
    converted2 bigint,
    total2 bigint,
    smallest_expected double precision,
    fisher double precision,
    chi_square double precision
);
\copy comparison FROM 'test/reference/comparison.csv' WITH (FORMAT csv, HEADER)

SELECT cmp_ok(count(*), '>=', 50::bigint, 'proportion.csv is there') FROM proportion;
SELECT is_empty($$
    SELECT
        converted,
        total,
        confidence
    FROM proportion
    CROSS JOIN LATERAL (SELECT format('%s/%s', converted, total)::conversion AS c) AS c
    WHERE (pg_temp.agree(rate(c), rate)
        AND pg_temp.agree(rate_lower(c, confidence), lower)
        AND pg_temp.agree(rate_upper(c, confidence), upper)) IS NOT TRUE
$$, 'rate and Wilson bounds are those of R');
SELECT cmp_ok(count(*), '>=', 10::bigint, 'comparison.csv is there') FROM comparison;
SELECT is_empty($$
    SELECT
        converted1,
        total1,
        converted2,
        total2
    FROM comparison
    CROSS JOIN LATERAL (
        SELECT
            format('%s/%s', converted1, total1)::conversion AS c1,
            format('%s/%s', converted2, total2)::conversion AS c2,
            CASE WHEN total1 + total2 <= 1000 OR smallest_expected < 5 THEN fisher ELSE chi_square END AS p
    ) AS c
    WHERE (pg_temp.agree(compare(c1, c2), p) AND pg_temp.agree(compare(c2, c1), p)) IS NOT TRUE
$$, 'p-values are those of R');
SELECT is(rate_lower(c), rate_lower(c, 0.95), 'confidence is 0.95 unless told') FROM (VALUES (conversion '3/10')) AS v (c);

-- Bounds and p-values far outside the reference.
SELECT is(count(*), 0::bigint, 'bounds enclose the rate, inside 0 to 1, exactly there at none and all')
FROM generate_series(0, 60) AS k
INNER JOIN generate_series(1, 60) AS n ON k <= n
CROSS JOIN (VALUES (1e-300::float8), (1e-9), (0.1), (0.85), (0.95), (0.9999999), (1 - 1e-16)) AS v (confidence)
CROSS JOIN LATERAL (SELECT format('%s/%s', k, n)::conversion AS c) AS c
CROSS JOIN LATERAL (SELECT rate_lower(c, confidence) AS lower, rate_upper(c, confidence) AS upper) AS b
WHERE NOT (lower BETWEEN 0 AND rate(c) * (1 + 1e-15) AND upper BETWEEN rate(c) * (1 - 1e-15) AND 1
    AND (lower = 0) = (k = 0) AND (k < n OR upper = 1));
SELECT is(count(*), 0::bigint, 'the upper bound mirrors the lower')
FROM generate_series(0, 60) AS k
CROSS JOIN LATERAL (SELECT format('%s/60', k)::conversion AS c, format('%s/60', 60 - k)::conversion AS mirrored) AS c
WHERE abs(rate_upper(c) - (1 - rate_lower(mirrored))) > 1e-15;

-- Fisher's test from binomial coefficients in numeric.
CREATE FUNCTION pg_temp.choose(n bigint, k bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN k BETWEEN 0 AND n THEN factorial(n) / (factorial(k) * factorial(n - k)) ELSE 0 END
$$;
CREATE FUNCTION pg_temp.exact(k1 bigint, n1 bigint, k2 bigint, n2 bigint) RETURNS double precision
    LANGUAGE sql AS $$
    SELECT (sum(tables) FILTER (WHERE tables <= observed) / sum(tables))::double precision
    FROM (
        SELECT pg_temp.choose(n1, x) * pg_temp.choose(n2, k1 + k2 - x) AS tables
        FROM generate_series(0, k1 + k2) AS x
    ) AS possible
    CROSS JOIN (SELECT pg_temp.choose(n1, k1) * pg_temp.choose(n2, k2) AS observed) AS seen
$$;
SELECT is(count(*), 0::bigint, 'Fisher''s test agrees with exact arithmetic')
FROM (VALUES (1, 1), (2, 5), (7, 7), (6, 13), (40, 60)) AS v (n1, n2)
CROSS JOIN generate_series(0, 40, 3) AS k1
CROSS JOIN generate_series(0, 60, 4) AS k2
WHERE k1 <= n1
    AND k2 <= n2
    AND pg_temp.agree(compare(format('%s/%s', k1, n1)::conversion, format('%s/%s', k2, n2)::conversion),
        pg_temp.exact(k1, n1, k2, n2)) IS NOT TRUE;
SELECT ok(pg_temp.agree(compare('480/500', '20/500'), pg_temp.exact(480, 500, 20, 500)),
    'p-values of 200 digits after the point agree too');
SELECT is(count(*), 0::bigint, 'a p-value lies between 0 and 1 at the ends of bigint')
FROM unnest('{0/1,1/1,0/9223372036854775807,1/9223372036854775807,4611686018427387904/9223372036854775807,9223372036854775806/9223372036854775807,9223372036854775807/9223372036854775807}'::conversion[]) AS a
CROSS JOIN unnest('{0/3,2/3,0/9223372036854775807,3/9223372036854775807,4611686018427387904/9223372036854775807,9223372036854775807/9223372036854775807}'::conversion[]) AS b
WHERE NOT COALESCE(compare(a, b) BETWEEN 0 AND 1, false);
SELECT is(compare('0/9223372036854775807', '0/9223372036854775807'), 1::float8, 'equal rates at the ends of bigint');
SELECT is(compare('0/9223372036854775807', '9223372036854775807/9223372036854775807'), 0::float8, 'a p-value too small to write is 0');

-- 1 to 38 digits, 0 to 30 of them after the point, the last of which is not 0.
SELECT is_empty($$
    SELECT amount, conversion_agg(true, amount)
    FROM generate_series(1, 38) AS digits
    CROSS JOIN generate_series(0, 30) AS places
    CROSS JOIN LATERAL (SELECT (rpad('2', digits - 1, '0') || '5')::numeric / ('1' || repeat('0', places))::numeric(61, 30) AS amount) AS one
    WHERE digits > places
    GROUP BY amount
    HAVING split_part(conversion_agg(true, amount)::text, '/', 1)::numeric <> amount$$,
    'every amount of 38 digits, 30 of them after the point, is counted as it is');

-- Random rows, random splits.
SELECT setseed(0.42);
CREATE TEMPORARY TABLE observation AS
SELECT
    n AS id,
    CASE WHEN random() < 0.8 THEN random() < 0.4 END AS won
FROM generate_series(1, 400) AS n;
\ir include/states.psql

SELECT is(pg_temp.broken_splits('conversion_agg(won)', 'conversion_send'), 0::bigint, '1000 random splits are the whole');

CREATE TEMPORARY TABLE part AS
SELECT
    trial,
    part,
    conversion_agg(won ORDER BY place) AS state
FROM trial
INNER JOIN observation USING (id)
GROUP BY
    trial,
    part;
CREATE TEMPORARY TABLE whole AS
SELECT
    trial,
    conversion_agg(won) AS state,
    count(*) FILTER (WHERE won) AS converted,
    count(won) AS total,
    count(*) FILTER (WHERE won)::float8 / NULLIF(count(won), 0) AS rate,
    conversion_rate(won) AS one_step
FROM trial
INNER JOIN observation USING (id)
GROUP BY trial;

SELECT is(count(*), 1000::bigint, 'a tree of merges is the whole')
FROM (
    SELECT trial, rollup(state) AS state
    FROM (SELECT trial, rollup(state) AS state FROM part GROUP BY trial, part % 3) AS branch
    GROUP BY trial
) AS merged
INNER JOIN whole USING (trial)
WHERE conversion_send(merged.state) = conversion_send(whole.state);
SELECT is(count(*), 0::bigint, 'agrees with plain SQL')
FROM whole
WHERE (converted_count(state), total_count(state), rate(state), one_step) IS DISTINCT FROM (converted, total, rate, rate);
SELECT is(count(*), 0::bigint, 'subtracting undoes adding')
FROM whole AS a
INNER JOIN whole AS b ON b.trial % 50 = a.trial % 50
WHERE conversion_send((a.state + b.state) - b.state) <> conversion_send(a.state)
    OR conversion_send(a.state + b.state) <> conversion_send(b.state + a.state);
SELECT is(count(*), 0::bigint, 'text round trip')
FROM whole
WHERE conversion_send(state::text::conversion) <> conversion_send(state);
SELECT is(conversion_send('3/9223372036854775807'), '\x0100000000000000037fffffffffffffff'::bytea, 'the binary form');

SELECT pg_temp.copy_binary('whole', 'copied');
SELECT results_eq('SELECT trial, conversion_send(state) FROM copied', 'SELECT trial, conversion_send(state) FROM whole', 'binary round trip');

-- The moving frame, with rows, undecided rows and whole states leaving it.
SELECT is(count(*), 0::bigint, 'the moving frame is the frame')
FROM (
    SELECT
        conversion_agg(won) OVER frame AS moved,
        conversion_rate(won) OVER frame AS moved_rate,
        rollup(state) OVER frame AS moved_rollup,
        built.*
    FROM (SELECT id, won, CASE WHEN id % 5 > 0 THEN format('%s/7', id % 8)::conversion END AS state FROM observation) AS o
    CROSS JOIN LATERAL (
        SELECT
            conversion_agg(i.won) AS built,
            count(*) FILTER (WHERE i.won)::float8 / NULLIF(count(i.won), 0) AS built_rate,
            rollup(CASE WHEN i.id % 5 > 0 THEN format('%s/7', i.id % 8)::conversion END) AS built_rollup
        FROM observation AS i
        WHERE i.id BETWEEN o.id - 3 AND o.id + 2
    ) AS built
    WINDOW frame AS (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 2 FOLLOWING)
) AS frame
WHERE conversion_send(moved) <> conversion_send(built)
    OR moved_rate IS DISTINCT FROM built_rate
    OR conversion_send(moved_rollup) <> conversion_send(built_rollup);
SELECT is(count(*), 0::bigint, 'an empty frame is empty')
FROM (SELECT conversion_agg(won) OVER (ORDER BY id ROWS BETWEEN 5 FOLLOWING AND 7 FOLLOWING) AS moved, id FROM observation) AS frame
WHERE (id > 395) <> (moved IS NOT DISTINCT FROM '0/0' AND id > 395);

-- Functions that write on a state inside an aggregate leave stored values alone.
SELECT is(count(*), 0::bigint, 'stored arguments are not written on')
FROM (
    SELECT
        state,
        conversion_send(state + state) AS added,
        conversion_send(state - state) AS subtracted,
        conversion_transition(state, true) AS entered,
        conversion_inverse(state + '1/1', true) AS left_again,
        converted,
        total
    FROM copied
    OFFSET 0
) AS twice
WHERE (converted_count(state), total_count(state)) <> (converted, total)
    OR entered <> state + '1/1'
    OR left_again <> state
    OR subtracted <> conversion_send('0/0')
    OR added <> conversion_send(format('%s/%s', 2 * converted, 2 * total)::conversion);
SELECT throws_ok($$SELECT conversion_inverse('0/3', true)$$, '22023', NULL, 'a row that was never added cannot leave');

-- A parallel plan gives the same bytes.
CREATE TABLE kpicrm_parallel_deal AS
SELECT
    n AS deal_id,
    n % 11 AS rep,
    CASE WHEN n % 7 > 0 THEN n % 3 = 0 END AS won
FROM generate_series(1, 60000) AS n;
SELECT $query$
    SELECT md5(string_agg(row::text, '' ORDER BY rep)) AS digest
    FROM (
        SELECT
            rep,
            conversion_agg(won),
            conversion_rate(won)
        FROM kpicrm_parallel_deal
        GROUP BY rep
    ) AS row
$query$ AS query \gset
\ir include/parallel.psql
SET LOCAL max_parallel_workers_per_gather = 4;
SELECT conversion_agg(won) FILTER (WHERE deal_id < 0) AS nobody FROM kpicrm_parallel_deal \gset
SELECT is(:'nobody'::text, '0/0', 'workers without a row');

-- Every change of one bit is refused, or is the state with this bit, as the rule
-- of the binary form says.
SELECT is_empty($$
    SELECT damaged
    FROM generate_series(0, 8 * 17 - 1) AS bit
    CROSS JOIN (SELECT conversion_send('300/1000') AS wire) AS sent
    CROSS JOIN LATERAL (SELECT set_bit(wire, bit, 1 - get_bit(wire, bit)) AS damaged) AS changed
    CROSS JOIN LATERAL (
        SELECT get_byte(damaged, 0) = 1 AND substr(damaged, 2, 8) <= substr(damaged, 10, 8) AND get_byte(damaged, 9) < 128 AS valid
    ) AS rule
    WHERE pg_temp.received('conversion', damaged) IS DISTINCT FROM CASE WHEN valid THEN damaged END
$$, 'damaged bits');
SELECT is(pg_temp.broken_binary('conversion', conversion_send('300/1000')), 0::bigint, 'damaged bytes, one less, one more');

SELECT is((SELECT count(*) FROM (SELECT DISTINCT state FROM (SELECT state FROM whole UNION ALL SELECT state FROM copied) AS s) AS d),
    (SELECT count(DISTINCT state::text) FROM whole), 'states can be grouped');

SELECT * FROM finish();
ROLLBACK;
