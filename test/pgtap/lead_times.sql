-- Properties of lead_times: any split, any order, any merge tree, text and binary
-- round trip, agreement with plain SQL.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(46);

SELECT setseed(0.42);
CREATE TEMPORARY TABLE observation AS
SELECT
    n AS id,
    started,
    CASE WHEN random() < 0.8 THEN started + (random() * 90 - 3) * interval '1 day' END AS ended,
    CASE WHEN random() < 0.9 THEN random() < 0.4 END AS won
FROM (
    SELECT
        n,
        CASE WHEN random() < 0.95 THEN timestamptz '2025-06-01' + random() * interval '200 days' END AS started
    FROM generate_series(1, 400) AS n
) AS start;
\ir include/states.psql

SELECT is(pg_temp.broken_splits('lead_time_agg(started, ended)', 'lead_times_send'), 0::bigint,
    'started, ended: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('lead_time_agg(started, ended, won, ''2025-10-01'')', 'lead_times_send'), 0::bigint,
    'started, ended, won, as_of: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('lead_time_agg(started::date, ended::date, won, date ''2025-10-01'')', 'lead_times_send'), 0::bigint,
    'dates: 1000 random splits are the whole');
-- Some parts are exact and some rounded, some wholes are exact: the final set decides.
SELECT is(pg_temp.broken_splits(
    'kpicrm.rollup((SELECT kpicrm.lead_time_agg(started, ended + step * interval ''1 second'', won, ''2026-03-01'') FROM generate_series(1, (id * 7) % 120) AS step))',
    'lead_times_send'), 0::bigint,
    'with rounded states: 1000 random splits are the whole');

CREATE TEMPORARY TABLE state AS
SELECT
    trial,
    lead_time_agg(started, ended, won, '2025-10-01') AS l,
    lead_time_agg(started::date, ended::date) AS d
FROM trial
INNER JOIN observation USING (id)
GROUP BY trial
UNION ALL
SELECT
    0,
    '{}',
    '{} invalid 3';

CREATE TEMPORARY TABLE large AS
SELECT
    trial,
    lead_time_agg(started, ended + step * interval '1 second', won) AS r
FROM trial
INNER JOIN observation USING (id)
CROSS JOIN generate_series(1, 400) AS step
WHERE trial <= 50
GROUP BY trial;

SELECT is(count(*) FILTER (WHERE r::text LIKE '~%'), 50::bigint, 'there are rounded states') FROM large;
CREATE TEMPORARY TABLE every_state AS
SELECT l AS state FROM state
UNION ALL
SELECT d FROM state
UNION ALL
SELECT r FROM large;
SELECT is(count(*), 0::bigint, 'text round trip')
FROM every_state
WHERE lead_times_send(state::text::lead_times) <> lead_times_send(state);
SELECT pg_temp.copy_binary('every_state', 'copied');
SELECT results_eq('SELECT state::text FROM copied', 'SELECT state::text FROM every_state', 'binary round trip');
SELECT is(count(*), 0::bigint, 'equality and hash are those of the bytes')
FROM every_state AS a
INNER JOIN copied AS b ON b.state::text = a.state::text
WHERE NOT a.state = b.state OR a.state <> b.state OR lead_times_hash(a.state) <> lead_times_hash(b.state)
    OR lead_times_hash_extended(a.state, 7) <> lead_times_hash_extended(b.state, 7);
SELECT is((SELECT count(*) FROM (SELECT DISTINCT state FROM (SELECT state FROM every_state UNION ALL SELECT state FROM copied) AS s) AS d),
    (SELECT count(DISTINCT state::text) FROM every_state), 'states can be grouped');

SELECT is(count(*), 0::bigint, 'subtracting undoes adding')
FROM state AS a
INNER JOIN state AS b ON b.trial % 100 = a.trial % 100
WHERE lead_times_send((a.l + b.l) - b.l) <> lead_times_send(a.l)
    OR lead_times_send((a.l + b.l) - a.l) <> lead_times_send(b.l);
SELECT is(count(*), 0::bigint, 'subtracting undoes adding in rounded states')
FROM large AS a
INNER JOIN large AS b ON true
INNER JOIN state AS c ON c.trial = a.trial + 100
WHERE lead_times_send((a.r + b.r) - b.r) <> lead_times_send(a.r)
    OR lead_times_send((a.r + c.l) - c.l) <> lead_times_send(a.r);
SELECT is(max(length((state - state)::text)), 2, 'a state without itself is exact and empty') FROM every_state;
SELECT throws_ok('SELECT l - r FROM state INNER JOIN large USING (trial)', '22023', NULL, 'a rounded state is no part of an exact one');
SELECT throws_ok($$SELECT r - '{1us 1/0/0}' FROM large$$, '22023', NULL, 'a row that is not there cannot be subtracted');
-- Plain SQL as the oracle.
CREATE TEMPORARY TABLE seen AS
SELECT
    id,
    started,
    CASE WHEN ended <= as_of THEN ended END AS ended,
    coalesce(CASE WHEN ended <= as_of THEN ended END, as_of) - started AS duration,
    CASE WHEN ended <= as_of THEN won END AS won
FROM observation
CROSS JOIN (SELECT timestamptz '2025-10-01' AS as_of) AS day
WHERE started <= as_of;
CREATE TEMPORARY TABLE answer AS
SELECT lead_time_agg(started, ended, won, '2025-10-01') AS state FROM observation;
SELECT results_eq(
    'SELECT completed_count(state), lost_count(state), open_count(state), invalid_count(state) FROM answer',
    $$SELECT
        count(*) FILTER (WHERE won AND ended >= started),
        count(*) FILTER (WHERE NOT won AND ended >= started),
        count(*) FILTER (WHERE won IS NULL AND (ended IS NULL OR ended >= started)),
        count(*) FILTER (WHERE ended < started)
    FROM seen$$,
    'counts are those of plain SQL');
SELECT is(
    round(mean_days(state)::numeric, 9),
    (SELECT round(avg(EXTRACT(epoch FROM duration)) / 86400, 9) FROM seen WHERE won AND ended >= started),
    'mean_days is the average') FROM answer;
SELECT is(
    EXTRACT(epoch FROM mean(state)),
    (SELECT round(avg(EXTRACT(epoch FROM duration)), 6) FROM seen WHERE won AND ended >= started),
    'mean is the average to the microsecond') FROM answer;
SELECT is(count(*), 0::bigint, 'quantiles are those of percentile_cont')
FROM answer
CROSS JOIN (VALUES (0::float8), (0.01), (0.25), (0.5), (0.8), (0.9), (0.999), (1)) AS asked (fraction)
CROSS JOIN LATERAL (
    SELECT percentile_cont(fraction) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM duration)::float8) AS seconds
    FROM seen
    WHERE won AND ended >= started
) AS oracle
WHERE abs(EXTRACT(epoch FROM quantile(state, fraction)) - seconds) > 0.000001
    OR abs(quantile_days(state, fraction) * 86400 - seconds) > 0.000001
    OR (fraction = 0.5 AND (median(state) <> quantile(state, 0.5) OR median_days(state) <> quantile_days(state, 0.5)));
SELECT is(
    (SELECT row(lead_time(started, ended), lead_time(started, ended, 0.3)) FROM observation),
    (SELECT row(mean(state), quantile(state, 0.3)) FROM (SELECT lead_time_agg(started, ended) AS state FROM observation) AS s),
    'lead_time is the number of lead_time_agg');
SELECT is(
    (SELECT row(lead_time(started::date, ended::date), lead_time(started::date, ended::date, 0.3)) FROM observation),
    (SELECT row(mean(state), quantile(state, 0.3)) FROM (SELECT lead_time_agg(started::date, ended::date) AS state FROM observation) AS s),
    'lead_time of dates is the number of lead_time_agg');
SELECT is(count(*), 0::bigint, 'dates count whole days, whatever the time zone does')
FROM (VALUES ('UTC'), ('America/New_York'), ('Asia/Tokyo')) AS zone (name)
CROSS JOIN LATERAL (SELECT set_config('TimeZone', zone.name, true)) AS set
CROSS JOIN LATERAL (SELECT lead_time_agg(date '2026-03-01', date '2026-03-01' + n, true, date '2026-04-01') AS state FROM generate_series(0, 31) AS n) AS march
WHERE mean(state) <> interval '15 days 12 hours';
SET TIME ZONE 'UTC';

-- Rounded: the mean exact, each quantile within 0.4 % of a neighbour.
CREATE TEMPORARY TABLE many AS
SELECT
    id,
    timestamptz '2024-01-01' AS started,
    timestamptz '2024-01-01' + (-ln(random()) * 30 + 0.001) * interval '1 day' AS ended
FROM generate_series(1, 30000) AS id;
SELECT is(count(*), 0::bigint, 'rounded quantiles are within 0.4 %')
FROM (SELECT lead_time_agg(started, ended) AS state FROM many) AS built
CROSS JOIN generate_series(0.01, 0.99, 0.01) AS fraction
CROSS JOIN LATERAL (
    SELECT
        percentile_disc(greatest(fraction - 0.0001, 0)) WITHIN GROUP (ORDER BY ended - started) AS low,
        percentile_disc(fraction + 0.0001) WITHIN GROUP (ORDER BY ended - started) AS high
    FROM many
) AS oracle
WHERE quantile(state, fraction) NOT BETWEEN low * (1 - 1 / 255.0) AND high * (1 + 1 / 255.0);
SELECT is(EXTRACT(epoch FROM mean(lead_time_agg(started, ended))), round(avg(EXTRACT(epoch FROM ended - started)), 6),
    'the mean of a rounded state is exact') FROM many;
SELECT cmp_ok(pg_column_size(lead_time_agg(started, ended)), '<', 32768, 'a large state is small') FROM many;
SELECT is(count(*), 0::bigint, 'every power of two and its neighbours is rounded to 8 bits')
FROM (
    SELECT
        bits,
        delta,
        lead_times '~{1us 2049/0/0} sum 2049' + format('{%sus 0/0/1}', (1::bigint << bits) + delta)::lead_times AS state
    FROM generate_series(9, 59) AS bits
    CROSS JOIN generate_series(-3, 3) AS delta
) AS edge
WHERE (SELECT max(EXTRACT(epoch FROM "time") * 1000000) FROM survival_curve(state))
        NOT BETWEEN ((1::bigint << bits) + delta) * (1 - 1 / 256.0) AND ((1::bigint << bits) + delta) * (1 + 1 / 256.0);

-- Windows.
SELECT is(count(*), 0::bigint, 'the moving frame is the frame')
FROM (
    SELECT
        lead_time_agg(started, ended, won) OVER (ORDER BY id ROWS 20 PRECEDING) AS moved,
        lead_time(started, ended) OVER (ORDER BY id ROWS 20 PRECEDING) AS mean,
        (SELECT lead_time_agg(i.started, i.ended, i.won) FROM observation AS i WHERE i.id BETWEEN o.id - 20 AND o.id) AS built,
        (SELECT lead_time(i.started, i.ended) FROM observation AS i WHERE i.id BETWEEN o.id - 20 AND o.id) AS built_mean
    FROM observation AS o
) AS frame
WHERE lead_times_send(moved) <> lead_times_send(built) OR mean IS DISTINCT FROM built_mean;
SELECT is(count(*), 0::bigint, 'a frame of states moves as well')
FROM (
    SELECT
        rollup(d) OVER (ORDER BY trial ROWS BETWEEN 5 PRECEDING AND 2 FOLLOWING) AS moved,
        (SELECT rollup(i.d) FROM state AS i WHERE i.trial BETWEEN o.trial - 5 AND o.trial + 2) AS built
    FROM state AS o
) AS frame
WHERE lead_times_send(moved) <> lead_times_send(built);
SELECT is(count(*), 0::bigint, 'frames that shrink below 2,049 durations are exact again')
FROM (
    SELECT
        id,
        lead_time_agg(started, ended) OVER (ORDER BY id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS moved
    FROM many
    WHERE id <= 2100
) AS frame
WHERE (id <= 52) <> (moved::text LIKE '~%')
    OR (id IN (1, 52, 53, 54, 2100)
        AND lead_times_send(moved) <> (SELECT lead_times_send(lead_time_agg(started, ended)) FROM many WHERE many.id BETWEEN frame.id AND 2100));

-- Arguments of functions are not written on.
SELECT is(count(*), 0::bigint, 'stored arguments are not written on')
FROM (SELECT state, state + state AS double, state - state AS none, state::text AS before FROM copied OFFSET 0) AS used
WHERE state::text <> before;

-- A parallel plan gives the same bytes.
CREATE TABLE kpicrm_parallel_deal AS
SELECT
    n AS id,
    n % 17 AS rep,
    timestamptz '2024-01-01' + n * interval '1 minute' AS started,
    timestamptz '2024-01-01' + n * interval '1 minute' + (n * 7919 % 100003) * interval '83 seconds' AS ended,
    n % 3 = 0 AS won
FROM generate_series(1, 60000) AS n;
SELECT $query$
    SELECT md5(string_agg(row::text, '' ORDER BY rep)) AS digest
    FROM (
        SELECT
            rep,
            lead_time_agg(started, ended, won, '2024-03-01'),
            lead_time_agg(started::date, ended::date),
            lead_time(started, ended, 0.7),
            phase_stall(started, ended, '2024-03-01', 0.6),
            phase_stall_rate(started::date, ended::date, '2024-03-01')
        FROM kpicrm_parallel_deal
        GROUP BY rep
    ) AS row
$query$ AS query \gset
\ir include/parallel.psql

-- phase_stall against its definition.
SELECT is(count(*), 0::bigint, 'phase_stall counts the open stays older than the threshold')
FROM (SELECT lead_time_agg(started, ended, true, '2025-10-01') AS stays FROM observation) AS learned
CROSS JOIN (VALUES (0.1::float8), (0.5), (0.8), (0.9)) AS asked (fraction)
CROSS JOIN LATERAL (
    SELECT
        phase_stall(started, ended, '2025-10-01', fraction) AS stalled,
        phase_stall_rate(started, ended, '2025-10-01', fraction) AS rate
    FROM observation
) AS answer
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE timestamptz '2025-10-01' - started > survival_quantile(stays, fraction)) AS stalled,
        count(*) AS open
    FROM seen
    WHERE ended IS NULL
) AS oracle
WHERE answer.stalled IS DISTINCT FROM oracle.stalled
    OR answer.rate IS DISTINCT FROM oracle.stalled::float8 / oracle.open
    OR stalled_count(stays, fraction) IS DISTINCT FROM oracle.stalled
    OR stall_rate(stays, fraction) IS DISTINCT FROM oracle.stalled::float8 / oracle.open;
SELECT is(
    (SELECT row(phase_stall(started, ended, '2025-10-01'), phase_stall_rate(started, ended, '2025-10-01')) FROM observation),
    (SELECT row(phase_stall(started, ended, '2025-10-01', 0.8), phase_stall_rate(started, ended, '2025-10-01', 0.8)) FROM observation),
    'the default fraction is 0.8');
SELECT is(
    (SELECT row(phase_stall(started, ended), phase_stall(started::date, ended::date)) FROM observation),
    (SELECT row(phase_stall(started, ended, now()), phase_stall(started::date, ended::date, current_date)) FROM observation),
    'the default as_of is now');
SELECT is(stall_score(state, stall_threshold(state, 0.4)) >= 0.4, true, 'score and threshold belong together') FROM answer;

-- What is malformed stays outside.
SELECT is(pg_temp.accepted('lead_times', '', '{', '}', '{1d}', '{1d 1/0}', '{1d 1/0/0,2d 1/0/0}', '{1d 0/0/0}', '{-1d 1/0/0}', '{1d -1/0/0}',
    '{2d 1/0/0, 1d 1/0/0}', '{1d 1/0/0, 24h 1/0/0}', '{1 1/0/0}', '{99999999d 1/0/0}', '{1d 9223372036854775808/0/0}',
    '{1d 9223372036854775807/1/0}', '{1d 1/0/0} invalid', '{1d 1/0/0} invalid -1', '{1d 1/0/0} sum 86400000000', '~{1us 1/0/0}', '~{}', '~{} sum 0',
    '~{257us 1/0/0} sum 257', '~{256us 1/0/0} sum 258', '~{256us 1/0/0} sum 256.5', '0.8 of {}', '{} x',
    '{1.0d 1/0/0}', '{1d 1.0/0/0}', '{1d 1/0/0.0}', '{1d +1/0/0}', '{1d 1/0/0} invalid 3.0', '{1d 18446744073709551617/0/0}'), '{}'::text[], 'lead_times refuses');
SELECT is(pg_temp.accepted('lead_times_fraction', '', '0.8 {}', '1.1 of {}', '-0.1 of {}', '-0 of {}', 'NaN of {}', 'inf of {}', '1e9 of {}', '0x1p-1 of {}'),
    '{}'::text[], 'lead_times_fraction refuses');
SELECT is(pg_temp.broken_binary('lead_times', (SELECT lead_times_send(l) FROM state WHERE trial = 3)), 0::bigint, 'lead_times: damaged bytes');
SELECT is(pg_temp.broken_binary('lead_times', (SELECT lead_times_send(r) FROM large WHERE trial = 3)), 0::bigint, 'rounded lead_times: damaged bytes');
SELECT is(pg_temp.broken_binary('lead_times_fraction', lead_times_fraction_send('0.8 of {1d 1/1/0, 300d 0/0/2} invalid 3')), 0::bigint,
    'lead_times_fraction: damaged bytes');
SELECT throws_ok('SELECT quantile(lead_times ''{}'', 1.5)', '22023', NULL, 'a fraction above 1');
SELECT throws_ok('SELECT lead_time(started, timestamptz ''infinity'') FROM observation', '22008', NULL, 'an infinite end');
SELECT throws_ok('SELECT survival(lead_times ''{}'', interval ''-1 day'')', '22023', NULL, 'a negative duration');
SELECT throws_ok('SELECT lead_time(started, ended, (id % 2)::float8) FROM observation', '22023', NULL, 'two fractions');
SELECT is(lead_times_fraction_transition('0 of {}', date '2024-01-01', '2024-01-02', '-0')::text, '0 of {1d 1/0/0}', 'the fraction -0 is 0');
SELECT lives_ok('SELECT lead_times_transition(NULL, NULL::timestamptz, NULL), lead_times_fraction_transition(NULL, NULL::date, NULL, NULL),
    phase_stall_transition(NULL, NULL::date, NULL, NULL, NULL), lead_times_inverse(NULL, NULL::date, NULL),
    lead_times_transition(''{}'', now(), NULL, NULL, NULL), lead_times_add(NULL, NULL)', 'NULL everywhere');

SELECT * FROM finish();
ROLLBACK;
