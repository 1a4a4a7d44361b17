-- Properties of window_funnel and retention: every chain found by brute force, any
-- split, any order, text and binary round trip, malformed input, parallel plans.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(25);
SELECT setseed(0.2311) \g /dev/null

CREATE TEMPORARY TABLE observation AS
SELECT
    id,
    id % 400 AS customer,
    timestamptz '2026-04-01' + floor(random() * 12) * interval '10 minutes' AS at,
    random() < 0.35 AS one,
    random() < 0.35 AS two,
    random() < 0.35 AS three
FROM generate_series(1, 3000) AS id;
\ir include/states.psql

-- ------------------------------------------------------------- every chain there is
CREATE TEMPORARY VIEW best_chain AS
WITH RECURSIVE chain AS (
    SELECT customer, 1 AS level, at AS first, at AS last, strict, length
    FROM observation
    CROSS JOIN (VALUES (false), (true)) AS mode (strict)
    CROSS JOIN (VALUES (interval '0'), ('30 minutes'), ('1 hour'), ('1 day')) AS span (length)
    WHERE one
    UNION
    SELECT chain.customer, chain.level + 1, chain.first, next.at, chain.strict, chain.length
    FROM chain
    JOIN observation AS next
        ON next.customer = chain.customer
        AND CASE chain.level WHEN 1 THEN next.two WHEN 2 THEN next.three ELSE false END
        AND CASE WHEN chain.strict THEN next.at > chain.last ELSE next.at >= chain.last END
        AND next.at <= chain.first + chain.length
)
SELECT customer, strict, length, max(level) AS level
FROM chain
GROUP BY customer, strict, length;
SELECT is_empty(format($$
    SELECT ours.customer, ours.level, best_chain.level AS best
    FROM (SELECT customer, window_funnel(%L, %L, at, one, two, three) AS level FROM observation GROUP BY customer) AS ours
    LEFT JOIN best_chain ON best_chain.customer = ours.customer AND best_chain.strict = %L AND best_chain.length = %L
    WHERE ours.level <> coalesce(best_chain.level, 0)
$$, mode, length, strict, length), 'the longest chain within ' || length || ' ' || mode)
FROM (VALUES ('', false), ('strict_increase', true)) AS mode (mode, strict)
CROSS JOIN (VALUES (interval '0'), ('30 minutes'), ('1 hour'), ('1 day')) AS span (length);
SELECT cmp_ok(count(DISTINCT level), '=', 3::bigint, 'chains of each length are among them') FROM best_chain;

-- The modes that end the search, retold event by event: (instant, step) in order.
CREATE FUNCTION pg_temp.retold(customer_no bigint, length interval, modes text) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    event record;
    begun timestamptz[] = ARRAY[NULL, NULL, NULL]::timestamptz[];
    level integer = 0;
BEGIN
    FOR event IN
        SELECT at, step
        FROM observation
        CROSS JOIN LATERAL (
            SELECT 0 AS step WHERE NOT (one OR two OR three)
            UNION ALL SELECT 1 WHERE one
            UNION ALL SELECT 2 WHERE two
            UNION ALL SELECT 3 WHERE three
        ) AS matched
        WHERE customer = customer_no
        ORDER BY at, step
    LOOP
        level = num_nonnulls(VARIADIC begun);
        IF event.step = 0 THEN
            EXIT WHEN modes LIKE '%order%' AND level > 0;
        ELSIF event.step = 1 THEN
            begun[1] = event.at;
        ELSIF begun[event.step] IS NOT NULL AND modes LIKE '%deduplication%' THEN
            EXIT;
        ELSIF begun[event.step - 1] IS NULL THEN
            EXIT WHEN modes LIKE '%order%' AND level > 0;
        ELSIF event.at <= begun[event.step - 1] + length THEN
            begun[event.step] = begun[event.step - 1];
            EXIT WHEN event.step = 3;
        END IF;
    END LOOP;
    RETURN num_nonnulls(VARIADIC begun);
END;
$$;
SELECT is_empty(format($$
    SELECT customer, ours.level, pg_temp.retold(customer, %L, %L)
    FROM (SELECT customer, window_funnel(%2$L, %1$L, at, one, two, three) AS level FROM observation GROUP BY customer) AS ours
    WHERE level <> pg_temp.retold(customer, %1$L, %2$L)
$$, '40 minutes', mode), 'as retold: ' || mode)
FROM unnest(ARRAY['strict_order', 'strict_deduplication', 'strict_order, strict_deduplication']) AS mode;

SELECT is_empty($$
    SELECT customer
    FROM observation
    GROUP BY customer
    HAVING retention(one, two, three) <> ARRAY[bool_or(one), bool_or(one) AND bool_or(two), bool_or(one) AND bool_or(three)]
$$, 'retention is what bool_or says');

-- ---------------------------------------------------------------------- the states
SELECT is(pg_temp.broken_splits('window_funnel_agg(''1 hour'', at, one, two, three)', 'event_chain_send'), 0::bigint,
    'event_chain: any split, any order');
SELECT is(pg_temp.broken_splits('window_funnel_agg(''strict_order'', ''1 hour'', at, one, two, three)', 'event_chain_send'), 0::bigint,
    'event_chain with events that match nothing: any split, any order');
SELECT is(pg_temp.broken_splits('retention_agg(one, two, three)', 'step_flags_send'), 0::bigint, 'step_flags: any split, any order');

CREATE TEMPORARY TABLE state AS
SELECT
    window_funnel_agg('strict_order, strict_increase', '1 hour', at, one, two, three) AS chain,
    retention_agg(one, two, three) AS flags
FROM observation
GROUP BY customer;
SELECT pg_temp.copy_binary('state', 'state_copy') \g /dev/null
SELECT bag_eq('SELECT chain::text, flags::text FROM state', 'SELECT chain::text, flags::text FROM state_copy', 'COPY BINARY round trip');
SELECT is_empty('SELECT FROM state WHERE chain::text::event_chain <> chain OR flags::text::step_flags <> flags', 'text round trip');
SELECT is(pg_temp.broken_binary('event_chain', event_chain_send('2 steps in 5us {2026-04-01 00:00:00 10, 2026-04-01 00:00:01.500000 01}')), 0::bigint, 'damaged bytes of event_chain');
SELECT is(pg_temp.broken_binary('step_flags', step_flags_send('101')), 0::bigint, 'damaged bytes of step_flags');
SELECT is(pg_temp.accepted('event_chain', '', 'x', '0 steps in 5us {}', '33 steps in 5us {}', '1 steps in -5us {}', '1 steps in 5us', '1 steps in 5us {}x',
    '1 steps in 5us {2026-04-01 00:00:00 0}', '1 steps in 5us {2026-04-01 00:00:00 11}', '1 steps in 5us {2026-02-30 00:00:00 1}', 'strict 1 steps in 5us {}',
    'strict_increase strict_order 1 steps in 5us {}', '1 steps in 5us {2026-04-02 00:00:00 1, 2026-04-01 00:00:00 1}', '1 steps in 5us {,}', '1 steps in 5us {294277-01-01 00:00:00 1}',
    '1 steps in 99999999999999999999us {}'), '{}', 'malformed texts of event_chain');
SELECT is(pg_temp.accepted('step_flags', '', '2', '1 0', repeat('1', 33)), '{}', 'malformed texts of step_flags');
SELECT is(level('1 steps in 9223372036854775807us {-4713-11-24 00:00:00 1, 294276-12-31 00:00:00 1}'), 1, 'instants as far apart as they can be');

\set query 'SELECT md5(string_agg(team || '':'' || level, '','' ORDER BY team)) AS digest FROM (SELECT team, window_funnel(''strict_order'', ''1 hour'', at, one, two, three) AS level FROM observation_stored GROUP BY team) AS each'
CREATE TABLE observation_stored AS SELECT *, id % 5 AS team FROM observation;
ANALYZE observation_stored;
ALTER TABLE observation_stored SET (parallel_workers = 4);
\ir include/parallel.psql

SELECT * FROM finish();
ROLLBACK;
