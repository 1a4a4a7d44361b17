-- What a distributed engine does with an aggregate, for every aggregate there is: rows are
-- spread over parts, of which one is empty; each part sends its transition state, as it is,
-- in the text or the binary form of its type; what arrives is combined in any order and
-- finished.  The result is that of the aggregate over all rows.
--
-- The other files do this with states that a builder has finished.  Here nothing finishes
-- them: of each aggregate three others are made, which end in the output or in the send
-- function of the state's type, or begin with its merge.
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(4);

SELECT setseed(0.61);
CREATE TEMPORARY TABLE observation AS
SELECT
    n AS id,
    CASE WHEN random() < 0.9 THEN random() < 0.4 END AS won,
    started,
    -- some end before they start, some not at all
    CASE WHEN random() < 0.85 THEN coalesce(started, '2025-06-01') + (random() * 20 - 1) * interval '1 day' END AS ended,
    timestamptz '2025-06-01' + n % 97 * interval '7 minutes' AS at,
    CASE WHEN random() < 0.95 THEN round((random() * 1000)::numeric, n % 5) END AS amount,
    CASE WHEN random() < 0.9 THEN round((random() * 500)::numeric, 2) END AS cost,
    (random() * 40)::bigint - 20 AS customer,
    1 + n * 7 % 5 AS "position",
    (n * 31 % 11)::bigint AS seq,
    1 + n % 9 AS period,
    (n % 4)::bigint AS frequency,
    (1 + n % 3)::bigint AS weight
FROM generate_series(1, 300) AS n
CROSS JOIN LATERAL (SELECT CASE WHEN random() < 0.95 THEN timestamptz '2025-06-01' + (random() + n % 60) * interval '1 day' END AS started) AS begun;

-- Some rows of another kind: states, of which each is made of a few rows.
CREATE TEMPORARY TABLE state AS
SELECT
    n AS id,
    kpicrm.conversion_agg(won) AS conversion,
    kpicrm.conversion_agg(won, amount) AS weighted_conversion,
    kpicrm.lead_time_agg(started, ended, won, '2026-01-01') AS lead_times,
    kpicrm.phase_path_agg("position", at, seq) AS phase_path,
    kpicrm.funnel_agg(path, 4) AS funnel,
    kpicrm.window_funnel_agg('strict_order', '1 hour', at, "position" = 1, "position" = 3, won) AS event_chain,
    kpicrm.retention_agg(period = 3, period = 7, won) AS step_flags,
    kpicrm.purchase_agg(amount, at, cost) AS purchases,
    kpicrm.ltv_agg(customer, amount, cost) AS customer_base,
    kpicrm.ltv_sample_agg(frequency, least(frequency, 1) * 3.5, 20 + period, amount::double precision, weight, 'BG/NBD') AS ltv_sample,
    kpicrm.retention_sample_agg(period, won) AS retention_sample
FROM generate_series(1, 300) AS n
INNER JOIN observation ON id BETWEEN n AND n + n % 4 - 1
CROSS JOIN LATERAL (SELECT kpicrm.phase_path_agg(("position" + move) % 5 + 1, at + move * interval '1 hour') AS path FROM generate_series(0, n % 3) AS move) AS way
GROUP BY n;

-- What to give for an argument of this name and type.
CREATE TEMPORARY TABLE given (
    argument text NOT NULL,
    type regtype NOT NULL,
    expression text NOT NULL,
    PRIMARY KEY (argument, type)
);
INSERT INTO given (argument, type, expression) VALUES
    ('converted', 'boolean', 'won'),
    ('amount', 'numeric', 'amount'),
    ('cost', 'numeric', 'cost'),
    ('customer', 'bigint', 'customer'),
    ('customer', 'uuid', 'md5(customer::text)::uuid'),
    ('customer', 'text', 'customer::text'),
    ('purchased_at', 'timestamptz', 'at'),
    ('purchased_on', 'date', 'at::date'),
    ('purchases', 'kpicrm.purchases', 'purchases'),
    ('started', 'timestamptz', 'started'),
    ('started', 'date', 'started::date'),
    ('ended', 'timestamptz', 'ended'),
    ('ended', 'date', 'ended::date'),
    ('won', 'boolean', 'won'),
    ('as_of', 'timestamptz', $$timestamptz '2025-09-01'$$),
    ('as_of', 'date', $$date '2025-09-01'$$),
    ('fraction', 'double precision', '0.8'),
    ('entered_at', 'timestamptz', 'started'),
    ('entered_at', 'date', 'started::date'),
    ('left_at', 'timestamptz', 'ended'),
    ('left_at', 'date', 'ended::date'),
    ('position', 'integer', '"position"'),
    ('at', 'timestamptz', 'at'),
    ('seq', 'bigint', 'seq'),
    ('path', 'kpicrm.phase_path', 'phase_path'),
    ('last_position', 'integer', '4'),
    ('window', 'interval', $$interval '1 hour'$$),
    ('modes', 'text', $$'strict_order'$$),
    ('steps', 'boolean[]', '"position" = 1, "position" = 3, won'),
    ('conditions', 'boolean[]', 'period = 3, period = 7, won'),
    ('period', 'integer', 'period'),
    ('period', 'interval', $$interval '7 days'$$),
    ('lost', 'boolean', 'won'),
    ('contracts', 'bigint', 'weight'),
    ('frequency', 'bigint', 'frequency'),
    ('recency', 'double precision', 'least(frequency, 1) * 3.5'),
    ('age', 'double precision', '20 + period'),
    ('monetary_value', 'double precision', 'amount::double precision'),
    ('weight', 'bigint', 'weight'),
    ('variant', 'text', $$'MBG/NBD'$$),
    ('holiday', 'date', 'at::date'),
    ('calendar', 'kpicrm.work_calendar', $$kpicrm.calendar('weekdays')$$),
    ('state', 'kpicrm.conversion', 'conversion'),
    ('state', 'kpicrm.weighted_conversion', 'weighted_conversion'),
    ('state', 'kpicrm.lead_times', 'lead_times'),
    ('state', 'kpicrm.phase_path', 'phase_path'),
    ('state', 'kpicrm.funnel', 'funnel'),
    ('state', 'kpicrm.event_chain', 'event_chain'),
    ('state', 'kpicrm.step_flags', 'step_flags'),
    ('state', 'kpicrm.purchases', 'purchases'),
    ('state', 'kpicrm.customer_base', 'customer_base'),
    ('state', 'kpicrm.ltv_sample', 'ltv_sample'),
    ('state', 'kpicrm.retention_sample', 'retention_sample');

CREATE TEMPORARY TABLE aggregate AS
SELECT
    aggregate.aggfnoid::oid AS oid,
    aggregate.aggfnoid::regprocedure::text AS name,
    proc.proname,
    proc.prorettype,
    aggregate.aggtransfn,
    aggregate.aggcombinefn,
    aggregate.aggfinalfn,
    aggregate.aggtranstype,
    aggregate.agginitval,
    type.typoutput,
    type.typsend,
    pg_get_function_identity_arguments(proc.oid) AS signature,
    (
        SELECT string_agg(given.expression, ', ' ORDER BY argument.n)
        FROM unnest(proc.proargnames, proc.proargtypes::oid[]) WITH ORDINALITY AS argument (name, type, n)
        LEFT JOIN given ON given.argument = argument.name AND given.type = argument.type
    ) AS arguments
FROM pg_aggregate AS aggregate
INNER JOIN pg_proc AS proc ON proc.oid = aggregate.aggfnoid
INNER JOIN pg_type AS type ON type.oid = aggregate.aggtranstype
WHERE proc.pronamespace = 'kpicrm'::regnamespace;

SELECT is_empty($$
    SELECT
        proc.oid::regprocedure,
        argument.name,
        argument.type::regtype
    FROM pg_proc AS proc
    CROSS JOIN LATERAL unnest(proargnames, proargtypes::oid[]) AS argument (name, type)
    WHERE proc.oid IN (SELECT oid FROM aggregate)
        AND NOT EXISTS (SELECT FROM given WHERE given.argument = argument.name AND given.type = argument.type)
$$, 'there is something to give for every argument');
SELECT cmp_ok(count(*), '>=', 80::bigint, 'there are aggregates to look at') FROM aggregate;

-- Three ways to spread the rows; about as many parts of one row as of many.
CREATE TEMPORARY TABLE spread AS
SELECT
    way,
    id,
    CASE WHEN random() < 0.1 THEN id ELSE -(random() * way * 2)::integer END AS part
FROM generate_series(1, 3) AS way
CROSS JOIN observation;

-- What goes wrong with an aggregate when its states travel; NULL if nothing does.
CREATE FUNCTION pg_temp.problem(tested oid) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    a record;
    source text;
    initial text;
    whole text;
    nothing text;
    differing text;
    way record;
    file constant text = format('/tmp/kpicrm_wire_%s', pg_backend_pid());
BEGIN
    SELECT * INTO STRICT a FROM aggregate WHERE aggregate.oid = tested;
    source = 'observation' || CASE WHEN a.proname = 'rollup' OR a.signature ~ 'kpicrm\.(purchases|phase_path)' THEN ' INNER JOIN state USING (id)' ELSE '' END;
    initial = CASE WHEN a.agginitval IS NULL THEN '' ELSE format(', INITCOND = %L', a.agginitval) END;

    -- output and send are called where final functions are: they may be given a state that is still written on
    FOR way IN SELECT * FROM (VALUES ('as_text', a.typoutput), ('as_binary', a.typsend)) AS way (name, final) LOOP
        EXECUTE format('CREATE AGGREGATE pg_temp.%I(%s) (SFUNC = %s, STYPE = %s, FINALFUNC = %s%s)',
            way.name, a.signature, a.aggtransfn, a.aggtranstype::regtype, way.final, initial);
    END LOOP;
    EXECUTE format('CREATE AGGREGATE pg_temp.merged(%1$s) (SFUNC = %2$s, STYPE = %1$s%3$s%4$s)', a.aggtranstype::regtype, a.aggcombinefn, initial,
        CASE WHEN a.aggfinalfn <> 0 THEN ', FINALFUNC = ' || a.aggfinalfn END);

    EXECUTE format('SELECT kpicrm.%I(%s)::text FROM %s', a.proname, a.arguments, source) INTO whole;
    EXECUTE format('SELECT kpicrm.%I(%s)::text FROM %s WHERE false', a.proname, a.arguments, source) INTO nothing;
    EXECUTE format($query$
        CREATE TEMPORARY TABLE sent AS
        SELECT way, textin(pg_temp.as_text(%1$s)) AS as_text, pg_temp.as_binary(%1$s) AS as_binary
        FROM spread INNER JOIN %2$s USING (id)
        GROUP BY way, part
        UNION ALL
        SELECT way, nothing.as_text, nothing.as_binary
        FROM generate_series(1, 3) AS way
        CROSS JOIN (SELECT textin(pg_temp.as_text(%1$s)) AS as_text, pg_temp.as_binary(%1$s) AS as_binary FROM %2$s WHERE false) AS nothing
        $query$, a.arguments, source);
    -- in a binary file a bytea is its bytes, and so is a state
    EXECUTE format('CREATE TEMPORARY TABLE arrived (way integer, state %s)', a.aggtranstype::regtype);
    EXECUTE format('COPY (SELECT way, as_binary FROM sent) TO %L (FORMAT binary)', file);
    EXECUTE format('COPY arrived FROM %L (FORMAT binary)', file);
    EXECUTE format($query$
        SELECT string_agg(DISTINCT form, ' and ' ORDER BY form)
        FROM (
            SELECT way, 'text' AS form, pg_temp.merged(as_text::%1$s ORDER BY random())::text AS result FROM sent GROUP BY way
            UNION ALL
            SELECT way, 'binary', pg_temp.merged(state ORDER BY random())::text FROM arrived GROUP BY way
        ) AS each
        WHERE result IS DISTINCT FROM %2$L
        $query$, a.aggtranstype::regtype, whole) INTO differing;

    DROP TABLE sent, arrived;
    EXECUTE format('DROP AGGREGATE pg_temp.as_text(%1$s), pg_temp.as_binary(%1$s), pg_temp.merged(%2$s)', a.signature, a.aggtranstype::regtype);
    RETURN CASE
        WHEN whole IS NOT DISTINCT FROM nothing THEN 'the rows make no difference'
        WHEN differing IS NOT NULL THEN 'merged from ' || differing || ' it is not the whole'
    END;
END;
$$;
SELECT is_empty($$
    SELECT
        name,
        problem
    FROM aggregate
    CROSS JOIN LATERAL pg_temp.problem(oid) AS problem
    WHERE problem IS NOT NULL
$$, 'transition states sent as text or binary, combined and finished, are the aggregate over all rows');

-- The check is able to find something: this one forgets what it is merged with.
CREATE FUNCTION pg_temp.forgetful(kpicrm.conversion, kpicrm.conversion) RETURNS kpicrm.conversion
    LANGUAGE sql IMMUTABLE AS 'SELECT $1';
UPDATE aggregate SET aggcombinefn = 'pg_temp.forgetful'::regproc WHERE name = 'kpicrm.conversion_agg(boolean)';
SELECT is(pg_temp.problem('kpicrm.conversion_agg(boolean)'::regprocedure), 'merged from binary and text it is not the whole', 'a merge that forgets would be found');

COPY (SELECT pg_backend_pid()) TO PROGRAM 'read pid && rm -f /tmp/kpicrm_wire_$pid';
SELECT * FROM finish();
ROLLBACK;
