-- States have a size beyond which they do not grow: the last that fits is a value like any
-- other, one row more is an error that says so.
BEGIN;
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';
SET max_parallel_workers_per_gather = 0;
SELECT plan(9);

CREATE FUNCTION pg_temp.failure(query text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;

CREATE TEMP TABLE bounded AS
SELECT type_name, build, most, message
FROM (VALUES
    ('purchases', 'purchase_agg(1.5, date ''1000-01-01'' + n)', 1000000, 'more than 1000000 order days in one purchases'),
    ('phase_path', 'phase_path_agg(n % 999 + 1, timestamptz ''2000-01-01'' + n * interval ''1 minute'')', 100000, 'more than 100000 entries in one phase_path'),
    ('event_chain', 'window_funnel_agg(interval ''1 day'', timestamptz ''2000-01-01'' + n * interval ''1 minute'', n % 2 = 0, n % 2 = 1)', 1000000, 'more than 1000000 events in one event_chain')
) AS v (type_name, build, most, message);

-- the builder; a merge of two parts; a row more for a state that is full
SELECT is(pg_temp.failure(format('SELECT %1$s_send(state) FROM (SELECT %2$s AS state FROM generate_series(1, %3$s) AS n OFFSET 0) AS built', type_name, build, most)), NULL, type_name || ' holds ' || most)
FROM bounded;
SELECT is(pg_temp.failure(format('SELECT %s FROM generate_series(1, %s) AS n', build, most + 1)), '54000 ' || message, type_name || ' refuses one more')
FROM bounded;
SELECT is(pg_temp.failure(format('SELECT rollup(state) FROM (SELECT %s AS state FROM generate_series(1, %s) AS n GROUP BY n %% 3) AS part', build, most + 1)), '54000 ' || message, type_name || ' refuses one more when it is merged')
FROM bounded;

SELECT * FROM finish();
ROLLBACK;
