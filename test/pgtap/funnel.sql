-- Properties of phase_path and funnel: random deals against plain SQL by every policy,
-- any split, any order, text and binary round trip, malformed input, parallel plans.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(35);
SELECT setseed(0.4711) \g /dev/null

-- Entries of 400 deals: many at one instant, repeats, ends 6 and 7 that are not won (5).
CREATE TEMPORARY TABLE observation AS
SELECT
    id,
    id % 400 AS deal,
    timestamptz '2026-04-01' + floor(random() * 60) * interval '1 day' AS at,
    CASE WHEN random() < 0.8 THEN 1 + floor(random() * 4)::integer ELSE 5 + floor(random() * 3)::integer END AS "position",
    CASE WHEN random() < 0.7 THEN floor(random() * 3)::bigint END AS seq
FROM generate_series(1, 2400) AS id;
INSERT INTO observation (id, deal, at, "position", seq)
SELECT 2400 + row_number() OVER (ORDER BY id), deal, at, "position", seq FROM observation WHERE id % 9 = 0;
\ir include/states.psql

-- ------------------------------------------------------------ what is true, by SQL
CREATE TEMPORARY TABLE stay AS
SELECT
    deal,
    row_number() OVER (PARTITION BY deal ORDER BY at, seq NULLS FIRST, "position") AS stay_no,
    "position",
    at AS entered_at,
    lead(at) OVER (PARTITION BY deal ORDER BY at, seq NULLS FIRST, "position") AS left_at
FROM (
    SELECT DISTINCT
        deal,
        at,
        seq,
        "position",
        lag("position") OVER (PARTITION BY deal ORDER BY at, seq NULLS FIRST, "position") AS before
    FROM observation
) AS entry
WHERE before IS DISTINCT FROM "position";
CREATE TEMPORARY TABLE way AS SELECT deal, phase_path_agg("position", at, seq) AS path FROM observation GROUP BY deal;
SELECT bag_eq(
    'SELECT deal, stay_no::bigint, "position", entered_at, left_at FROM way CROSS JOIN LATERAL stays(path)',
    'SELECT deal, stay_no, "position", entered_at, left_at FROM stay',
    'stays');
SELECT bag_eq(
    $$SELECT deal, k, visits(path, k), time_in(path, k, '2026-07-01'), first_stay(path, k, '2026-07-01'), last_stay(path, k, '2026-07-01')
      FROM way CROSS JOIN generate_series(1, 7) AS k WHERE visits(path, k) > 0$$,
    $$SELECT deal, "position", count(*), sum(coalesce(left_at, '2026-07-01') - entered_at),
        (array_agg(coalesce(left_at, '2026-07-01') - entered_at ORDER BY stay_no))[1] AS first,
        (array_agg(coalesce(left_at, '2026-07-01') - entered_at ORDER BY stay_no DESC))[1] AS last
      FROM stay GROUP BY deal, "position"$$,
    'visits, time_in, first and last stay');
SELECT bag_eq(
    'SELECT deal, backward_moves(path), current_phase(path), furthest_phase(path) FROM way',
    $$SELECT deal, count(*) FILTER (WHERE "position" < before), (array_agg("position" ORDER BY stay_no DESC))[1], max("position")
      FROM (SELECT stay.*, lag("position") OVER (PARTITION BY deal ORDER BY stay_no) AS before FROM stay) AS stay GROUP BY deal$$,
    'backward moves, current and furthest position');
SELECT is_empty(
    $$SELECT deal FROM way CROSS JOIN LATERAL stays(path, '2026-05-01')
      WHERE entered_at > '2026-05-01' OR left_at > '2026-05-01'
      UNION ALL
      SELECT deal FROM way WHERE (SELECT sum(coalesce(left_at, '2026-05-01') - entered_at) FROM stays(path, '2026-05-01'))
        <> '2026-05-01' - (SELECT min(at) FROM observation WHERE observation.deal = way.deal)$$,
    'as of an instant the stays end there, and fill all the time since the first');

-- How far each deal got by policy, read off the sequence of its positions.
CREATE FUNCTION pg_temp.reached(positions integer[], policy text) RETURNS integer[]
    LANGUAGE plpgsql AS $$
DECLARE
    reached integer[] = '{}';
BEGIN
    FOR k IN 1 .. 5 LOOP
        IF (CASE policy
            WHEN 'fill' THEN (SELECT max(p) FILTER (WHERE p <= 5) FROM unnest(positions) AS p) >= k
            WHEN 'any' THEN k = ANY (positions)
            WHEN 'ordered' THEN array_to_string(positions, '') ~ (SELECT string_agg(n::text, '.*' ORDER BY n) FROM generate_series(1, k) AS n)
            WHEN 'strict' THEN array_to_string(positions, '') ~ (SELECT string_agg(n::text, '' ORDER BY n) FROM generate_series(1, k) AS n)
        END) THEN
            reached = reached || k;
        END IF;
    END LOOP;
    RETURN reached;
END;
$$;
CREATE TEMPORARY TABLE truth AS
SELECT
    policy,
    deal,
    positions[cardinality(positions)] = 5 AS won,
    pg_temp.reached(positions, policy) AS reached
FROM (SELECT deal, array_agg("position" ORDER BY stay_no) AS positions FROM stay GROUP BY deal) AS sequence
CROSS JOIN unnest(ARRAY['fill', 'any', 'ordered', 'strict']) AS policy;
CREATE TEMPORARY TABLE funnels AS SELECT funnel_agg(path, 5) AS funnel FROM way;
SELECT bag_eq(format(
    $$SELECT "position", reached, won, passed, step_rate::text, overall_rate::text, step_rate_lower::text, overall_rate_upper::text FROM funnels CROSS JOIN LATERAL steps(funnel, %L)$$, policy),
    format($$SELECT k, count(*) FILTER (WHERE k = ANY (reached)) AS a, count(*) FILTER (WHERE k = ANY (reached) AND won) AS b,
        count(*) FILTER (WHERE k = ANY (reached) AND (k = 1 OR k - 1 = ANY (reached))) AS p,
        (count(*) FILTER (WHERE k = ANY (reached) AND (k = 1 OR k - 1 = ANY (reached))) / nullif(count(*) FILTER (WHERE k = 1 OR k - 1 = ANY (reached)), 0)::float8)::text AS c,
        (count(*) FILTER (WHERE k = ANY (reached)) / count(*)::float8)::text AS d,
        rate_lower(conversion_agg(k = ANY (reached)) FILTER (WHERE k = 1 OR k - 1 = ANY (reached)))::text AS e,
        rate_upper(conversion_agg(k = ANY (reached)))::text AS f
      FROM truth CROSS JOIN generate_series(1, 5) AS k WHERE policy = %L GROUP BY k$$, policy),
    'steps by policy ' || policy)
FROM unnest(ARRAY['fill', 'any', 'ordered', 'strict']) AS policy;
SELECT cmp_ok(count(DISTINCT reached), '>=', CASE policy WHEN 'any' THEN 10 ELSE 4 END::bigint, 'deals of many kinds: ' || policy) FROM truth GROUP BY policy ORDER BY policy;

CREATE TEMPORARY TABLE move AS
SELECT lag("position") OVER w AS from_position, "position" AS to_position FROM stay WINDOW w AS (PARTITION BY deal ORDER BY stay_no)
UNION ALL
SELECT "position", NULL FROM stay WHERE left_at IS NULL AND "position" < 5;
SELECT bag_eq(
    'SELECT from_position, to_position, moves, rate::text FROM funnels CROSS JOIN LATERAL transitions(funnel)',
    'SELECT from_position, to_position, count(*) AS a, (count(*) / (sum(count(*)) OVER (PARTITION BY from_position))::float8)::text AS b FROM move GROUP BY 1, 2',
    'transitions');
SELECT bag_eq(
    'SELECT "position", stays, next, further, backward, lost, still_there, won FROM funnels CROSS JOIN LATERAL exits(funnel)',
    $$SELECT from_position, count(*) AS a, count(*) FILTER (WHERE to_position = from_position + 1) AS b, count(*) FILTER (WHERE to_position BETWEEN from_position + 2 AND 5) AS c,
        count(*) FILTER (WHERE to_position < from_position) AS d, count(*) FILTER (WHERE to_position > 5) AS e, count(*) FILTER (WHERE to_position IS NULL) AS f,
        count(*) FILTER (WHERE to_position = 5) AS g
      FROM move WHERE from_position < 5 GROUP BY 1$$,
    'exits');
SELECT bag_eq(
    'SELECT last_open_position, "position", deals FROM funnels CROSS JOIN LATERAL endings(funnel)',
    $$SELECT last_open, nullif(last, 0), count(*)
      FROM (SELECT deal, (array_agg("position" ORDER BY stay_no DESC) FILTER (WHERE "position" < 5))[1] AS last_open,
              (array_agg(CASE WHEN "position" < 5 THEN 0 ELSE "position" END ORDER BY stay_no DESC))[1] AS last
            FROM stay GROUP BY deal) AS each GROUP BY 1, 2$$,
    'endings');
SELECT bag_eq(
    $$SELECT "position", reached, step_rate::text FROM funnels CROSS JOIN LATERAL steps(funnel, 'direct')$$,
    $$SELECT k, count(*) FILTER (WHERE to_position = k),
        (count(*) FILTER (WHERE to_position = k AND coalesce(from_position, 0) = k - 1) / count(*) FILTER (WHERE coalesce(from_position, 0) = k - 1)::float8)::text
      FROM move CROSS JOIN generate_series(1, 5) AS k GROUP BY k$$,
    'steps by policy direct, of stays');

-- The chance to be won, by going through all moves a thousand times.
CREATE FUNCTION pg_temp.iterated() RETURNS double precision[]
    LANGUAGE plpgsql AS $$
DECLARE
    chance double precision[] = ARRAY[0, 0, 0, 0, 1, 0, 0];
BEGIN
    FOR i IN 1 .. 1000 LOOP
        chance = (
            SELECT array_agg(value ORDER BY p)
            FROM (
                SELECT from_position AS p, avg(chance[to_position]) AS value FROM move WHERE from_position < 5 AND to_position IS NOT NULL GROUP BY from_position
                UNION ALL VALUES (5, 1::double precision), (6, 0), (7, 0)
            ) AS next
        );
    END LOOP;
    RETURN chance;
END;
$$;
SELECT is(
    (SELECT array_agg(round(absorbing_win_rate(funnel, k)::numeric, 9) ORDER BY k) FROM funnels CROSS JOIN generate_series(1, 7) AS k),
    (SELECT array_agg(round(c::numeric, 9) ORDER BY n) FROM unnest(pg_temp.iterated()) WITH ORDINALITY AS i (c, n)),
    'absorbing win rate');
SELECT is(absorbing_win_rate(funnel_agg(path, 3), 1), NULL, 'a circle without an end has no win rate')
FROM (VALUES ('{2026-01-01 00:00:00 1, 2026-01-02 00:00:00 2, 2026-01-03 00:00:00 1}'::phase_path)) AS way (path);
SELECT is(
    (SELECT array_agg(round(absorbing_win_rate(funnel, k)::numeric, 3) ORDER BY k)
     FROM (SELECT funnel_agg(phase_path, 1000) AS funnel
           FROM (SELECT phase_path_agg(n, timestamptz '2026-01-01' + n * interval '1 hour') AS phase_path FROM generate_series(1, 1000) AS n
                 UNION ALL
                 SELECT phase_path_agg(n, timestamptz '2026-01-01' + (1000 - n) * interval '1 hour') FROM generate_series(1, 999) AS n) AS way) AS long
     CROSS JOIN (VALUES (1), (500), (999), (1000)) AS asked (k)),
    '{1,1,1,1}', 'a thousand positions, there and back: to be won is the only end');

-- ---------------------------------------------------------------------- the states
SELECT is(pg_temp.broken_splits('phase_path_agg("position", at, seq)', 'phase_path_send'), 0::bigint, 'phase_path: any split, any order');
SELECT is(pg_temp.broken_splits('phase_path_agg("position", at)', 'phase_path_send'), 0::bigint, 'phase_path without seq: any split, any order');
SELECT is(pg_temp.broken_splits(
    $$funnel_agg(phase_path_in(format('{%s 1, %s %s, %s %s}', to_char(at, 'YYYY-MM-DD HH24:MI:SS'), to_char(at + interval '1 hour', 'YYYY-MM-DD HH24:MI:SS'), 1 + id % 4,
        to_char(at + interval '2 hours', 'YYYY-MM-DD HH24:MI:SS'), "position")::cstring), 5)$$, 'funnel_send'), 0::bigint, 'funnel: any split, any order');
SELECT is_empty(
    $$SELECT n FROM generate_series(1, 200) AS n CROSS JOIN funnels
      CROSS JOIN LATERAL (SELECT funnel_agg(path, 5) AS part FROM way WHERE abs(hashint8(deal * 1000 + n)) % 3 = 0) AS one
      CROSS JOIN LATERAL (SELECT funnel_agg(path, 5) AS rest FROM way WHERE abs(hashint8(deal * 1000 + n)) % 3 <> 0) AS other
      WHERE funnel - part <> rest OR part + rest <> funnel$$, 'subtraction undoes merging');

CREATE TEMPORARY TABLE state AS
SELECT way.path, funnel_agg(way.path, 5) AS funnel FROM way GROUP BY way.path;
SELECT pg_temp.copy_binary('state', 'state_copy') \g /dev/null
SELECT bag_eq('SELECT path::text, funnel::text FROM state', 'SELECT path::text, funnel::text FROM state_copy', 'COPY BINARY round trip');
SELECT is((SELECT rollup(part.path)::text FROM (SELECT path FROM generate_series(1, 50001), (VALUES ('{2026-01-01 00:00:00 1, 2026-01-02 00:00:00 2}'::phase_path)) AS one (path)) AS part),
    '{2026-01-01 00:00:00 1, 2026-01-02 00:00:00 2}', 'phase_path: parts that say the same do not fill it');
SELECT is_empty('SELECT FROM state WHERE path::text::phase_path <> path OR funnel::text::funnel <> funnel', 'text round trip');
SELECT is(pg_temp.broken_binary('phase_path', phase_path_send('{2026-04-01 00:00:00 1, 2026-04-01 00:00:01.500000 2 #-7, 2026-05-01 00:00:00 1000}')), 0::bigint, 'damaged bytes of phase_path');
SELECT is(pg_temp.broken_binary('funnel', funnel_send(funnel)), 0::bigint, 'damaged bytes of funnel') FROM funnels;
SELECT is(pg_temp.accepted('phase_path', '', '{', '{}x', '{,}', '{2026-04-01 00:00:00 0}', '{2026-04-01 00:00:00 1001}', '{2026-02-30 00:00:00 1}', '{2026-04-01 00:00:00 1 #}',
    '{2026-04-01 00:00:00 1, 2026-04-01 00:00:00 1}', '{2026-04-02 00:00:00 1, 2026-04-01 00:00:00 1}', '{294277-01-01 00:00:00 1}', '{2026-04-01 00:00:00 1 #9223372036854775808}'),
    '{}', 'malformed texts of phase_path');
SELECT is(pg_temp.accepted('funnel', '', 'to 0 {}', 'to 1001 {}', 'to 2', 'to 2 {}x', 'to 2 {deals 0/0: 0}', 'to 2 {deals 0/2: 1}', 'to 2 {deals 1/0: 1}', 'to 2 {all 0/0: 1}',
    'to 2 {deals 0/0: 1, furthest 3/0: 1}', 'to 2 {deals 0/0: 1, furthest 1/0: 2}', 'to 2 {deals 0/0: 1, furthest 1/0: 1, furthest 2/0: 1}', 'to 2 {deals 0/1: 1, deals 0/0: 1}',
    'to 2 {deals 0/0: 1, joined 2/0: 1}', 'to 2 {deals 0/0: 1, ended 1/1: 1}', 'to 2 {deals 0/0: 1, ended 1/2: 1}', 'to 2 {deals 0/0: 1, moves 0/1: 1}', 'to 2 {deals 0/0: 1, moves 1/0: 1}', 'to 2 {moves 0/1: 1, moves 1/0: 1}', 'to 2 {deals 0/0: 1, moves 0/1: 1, moves 1/1: 1}',
    'to 2 {deals 0/0: 9223372036854775807, deals 0/1: 1}', 'to 2 {deals 0/0: 9223372036854775808}'),
    '{}', 'malformed texts of funnel');
SELECT throws_ok($$SELECT 'to 2 {deals 0/0: 9223372036854775807}'::funnel + 'to 2 {deals 0/0: 1}'::funnel$$, '22003', NULL, 'a count that is full');

CREATE TABLE observation_stored AS SELECT observation.*, id % 5 AS team FROM observation;
CREATE TABLE way_stored AS SELECT deal, path FROM way CROSS JOIN generate_series(1, 10);
ANALYZE observation_stored, way_stored;
ALTER TABLE observation_stored SET (parallel_workers = 4);
ALTER TABLE way_stored SET (parallel_workers = 4);
\set query 'SELECT md5(string_agg(team || path::text, \',\' ORDER BY team)) AS digest FROM (SELECT team, phase_path_agg("position", at, seq) AS path FROM observation_stored GROUP BY team) AS each'
\ir include/parallel.psql
\set query 'SELECT md5(funnel_agg(path, 5)::text) AS digest FROM way_stored'
\ir include/parallel.psql

SELECT * FROM finish();
ROLLBACK;
