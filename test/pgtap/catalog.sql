-- The catalog of the extension against its rules.  Every check names offenders.
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SELECT plan(37);

-- What may do so on purpose.
CREATE TEMPORARY TABLE allowed (
    rule text NOT NULL,
    name text NOT NULL
);
INSERT INTO allowed (rule, name) VALUES
    -- These change the database.
    ('volatile', 'create_workspace'),
    ('volatile', 'upgrade_workspace'),
    ('volatile', 'claim_workspace'),
    ('volatile', 'execute_as'),
    ('volatile', 'drop_workspace'),
    ('volatile', 'grant_workspace'),
    ('volatile', 'generate_demo'),
    ('volatile', 'demo_people'),
    ('volatile', 'demo_leads'),
    ('volatile', 'demo_history'),
    ('volatile', 'demo_activities'),
    ('volatile', 'demo_customers'),
    ('volatile', 'demo_targets'),
    -- Parts of generate_demo(), which puts the workspace on the path for them.
    ('unpinned', 'demo_people'),
    ('unpinned', 'demo_leads'),
    ('unpinned', 'demo_history'),
    ('unpinned', 'demo_activities'),
    ('unpinned', 'demo_customers'),
    ('unpinned', 'demo_targets'),
    -- Finished when it is built: a calendar is not made of calendars.
    ('no rollup', 'work_calendar_agg'),
    -- These look at NULL arguments themselves: a row with NULL can still tell something.
    ('not strict', 'lead_times_transition'),
    ('not strict', 'lead_times_inverse'),
    ('not strict', 'lead_times_fraction_transition'),
    ('not strict', 'phase_stall_transition'),
    ('not strict', 'purchases_transition'),
    ('not strict', 'customer_base_transition'),
    ('not strict', 'ltv_sample_transition'),
    ('not strict', 'phase_path_transition'),
    ('not strict', 'funnel_transition'),
    ('not strict', 'event_chain_transition'),
    ('not strict', 'event_chain_level_final'),
    ('not strict', 'step_flags_transition'),
    ('not strict', 'make_work_calendar'),
    ('not strict', 'work_calendar_transition'),
    ('not strict', 'outcome_sum'),
    ('not strict', 'last_known'),
    ('not strict', 'run_begins'),
    ('not strict', 'run_no'),
    ('not strict', 'run_since'),
    ('not strict', 'run_until'),
    ('not strict', 'rises'),
    ('not strict', 'falls'),
    ('not strict', 'fiscal_month'),
    ('not strict', 'fiscal_year'),
    ('not strict', 'fiscal_period_start'),
    ('not strict', 'fiscal_period_end'),
    ('not strict', 'fiscal_period_label'),
    -- What is not a choice is refused, NULL included, also where there is no date.
    ('refuses NULL', 'fiscal_month'),
    ('refuses NULL', 'fiscal_year'),
    ('refuses NULL', 'fiscal_period_start'),
    ('refuses NULL', 'fiscal_period_end'),
    ('refuses NULL', 'fiscal_period_label');

CREATE TEMPORARY TABLE member AS
SELECT
    classid,
    objid,
    (identity).type AS kind,
    (identity).schema AS schema,
    format('%s %s', (identity).type, (identity).identity) AS object
FROM (
    SELECT
        classid,
        objid,
        pg_identify_object(classid, objid, objsubid) AS identity
    FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass
        AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'kpicrm')
        AND deptype = 'e'
        -- 17 makes the array type of each type a member, too
        AND NOT EXISTS (SELECT FROM pg_type WHERE classid = 'pg_type'::regclass AND pg_type.oid = objid AND typcategory = 'A')
) AS depend;

CREATE TEMPORARY TABLE routine AS
SELECT
    member.object,
    lanname AS language,
    proc.*
FROM member
INNER JOIN pg_proc AS proc ON proc.oid = member.objid AND member.classid = 'pg_proc'::regclass
INNER JOIN pg_language AS language ON language.oid = proc.prolang;

CREATE TEMPORARY TABLE aggregate AS
SELECT
    routine.object,
    routine.proparallel,
    aggregate.*
FROM routine
INNER JOIN pg_aggregate AS aggregate ON aggregate.aggfnoid = routine.oid;

CREATE TEMPORARY TABLE base_type AS
SELECT
    member.object,
    type.*
FROM member
INNER JOIN pg_type AS type ON type.oid = member.objid AND member.classid = 'pg_type'::regclass
WHERE typtype = 'b';

-- ------------------------------------------------------------------ the members
SELECT cmp_ok(count(*), '>=', 200::bigint, 'there are routines to look at') FROM routine;
SELECT cmp_ok(count(*), '>=', 40::bigint, 'there are aggregates to look at') FROM aggregate;
SELECT cmp_ok(count(*), '>=', 6::bigint, 'there are types to look at') FROM base_type;
SELECT is_empty($$
    SELECT object
    FROM member
    WHERE kind NOT IN ('schema', 'type', 'function', 'aggregate', 'operator', 'operator class', 'operator family', 'cast')
$$, 'no member holds data or watches it: no table, sequence, view, trigger');
SELECT is_empty($$
    SELECT object
    FROM member
    WHERE CASE
            WHEN kind = 'schema' THEN objid <> 'kpicrm'::regnamespace
            WHEN kind = 'cast' THEN false
            ELSE schema IS DISTINCT FROM 'kpicrm'
        END
$$, 'all members live in schema kpicrm');
SELECT is_empty($$
    SELECT oid::regprocedure
    FROM pg_proc
    WHERE pronamespace = 'kpicrm'::regnamespace
        AND oid NOT IN (SELECT oid FROM routine)
$$, 'schema kpicrm holds members only');
SELECT is_empty($$SELECT object FROM member WHERE obj_description(objid, classid::regclass::name) IS NULL$$, 'every member has a comment');

-- ------------------------------------------------------------------ aggregates
SELECT is_empty($$SELECT object FROM aggregate WHERE aggcombinefn = 0$$, 'every aggregate can be combined');
SELECT is_empty($$SELECT object FROM aggregate WHERE proparallel <> 's'$$, 'every aggregate is parallel safe');
SELECT is_empty($$
    SELECT
        aggregate.object,
        state.type::regtype
    FROM aggregate
    CROSS JOIN LATERAL (VALUES (aggtranstype), (NULLIF(aggmtranstype, 0))) AS state (type)
    INNER JOIN pg_type AS type ON type.oid = state.type
    WHERE type.typtype = 'p'
        OR type.oid = 'bytea'::regtype
        OR (type.typnamespace <> 'pg_catalog'::regnamespace AND type.oid NOT IN (SELECT oid FROM base_type))
$$, 'every state is of a type that can be stored: ours or a plain one, neither internal nor bytea');
SELECT is_empty($$
    SELECT
        aggregate.object,
        type.oid::regtype
    FROM aggregate
    INNER JOIN pg_proc AS transition ON transition.oid = aggtransfn
    INNER JOIN pg_type AS type ON type.oid = transition.prorettype
    WHERE typsend = 0 OR typreceive = 0
$$, 'every state can be sent to another machine');
SELECT is_empty($$SELECT object FROM aggregate WHERE aggserialfn <> 0 OR aggdeserialfn <> 0$$, 'no aggregate needs a serial form');
SELECT is_empty($$
    SELECT object
    FROM aggregate
    WHERE (aggmtransfn = 0) <> (aggminvtransfn = 0) OR (aggmtransfn <> 0 AND aggmtranstype <> aggtranstype)
$$, 'a moving aggregate moves its own state');

-- A distributed engine sends the transition to where the rows are, and combines what comes
-- back.  It can for an aggregate like the ones above that also obeys the following.
SELECT is_empty($$
    SELECT object
    FROM aggregate
    INNER JOIN pg_proc AS proc ON proc.oid = aggfnoid
    WHERE proc.proname ~* '^tdigest'
        OR lower(proc.proname) IN (
            'avg', 'min', 'max', 'sum', 'count', 'array_agg', 'json_agg', 'jsonb_agg', 'json_object_agg', 'jsonb_object_agg',
            'bit_and', 'bit_or', 'bool_and', 'bool_or', 'every', 'any_value', 'hll_add_agg', 'hll_union_agg', 'topn_add_agg', 'topn_union_agg')
$$, 'no aggregate has a name by which Citus takes it for another one');
SELECT is_empty($$
    SELECT
        object,
        argument.type::regtype
    FROM aggregate
    INNER JOIN pg_proc AS proc ON proc.oid = aggfnoid
    LEFT JOIN LATERAL unnest(proc.proargtypes::oid[]) AS argument (type) ON true
    LEFT JOIN pg_type AS type ON type.oid = argument.type
    -- polymorphic types and internal are pseudo-types; there is a row for an aggregate without arguments, too
    WHERE type.typtype IS DISTINCT FROM 'b'
        OR aggkind <> 'n'
$$, 'every aggregate has arguments, all of plain types, and none wants its rows in order');
SELECT is_empty($$
    SELECT object
    FROM routine
    WHERE 'internal'::regtype = ANY (array_append(proargtypes::oid[], prorettype))
        AND oid NOT IN (SELECT typreceive FROM base_type)
$$, 'internal is what receives a value, nothing else');
SELECT is_empty($$
    SELECT
        aggregate.object,
        used.function::regprocedure
    FROM aggregate
    CROSS JOIN LATERAL (VALUES
        ('transition', aggtransfn), ('transition', aggmtransfn), ('transition', aggminvtransfn),
        ('merge', aggcombinefn), ('merge', aggfinalfn), ('merge', aggmfinalfn)
    ) AS used (part, function)
    INNER JOIN pg_proc AS proc ON proc.oid = used.function
    WHERE proc.proparallel <> 's'
        OR proc.provolatile = 'v'
        -- as_of may be left out where rows are read; what is merged knows nothing of today
        OR (proc.provolatile = 's' AND (used.part = 'merge' OR NOT proc.proargtypes::oid[] && ARRAY['date', 'timestamp with time zone']::regtype[]::oid[]))
$$, 'what an aggregate calls depends on its arguments alone, save for the default of as_of');
SELECT is_empty($$
    SELECT
        aggregate.object,
        proc.prorettype::regtype
    FROM aggregate
    INNER JOIN pg_proc AS proc ON proc.oid = aggfnoid
    WHERE proc.prorettype = aggregate.aggtranstype
        AND proc.proname NOT IN (SELECT name FROM allowed WHERE rule = 'no rollup')
        AND NOT EXISTS (
            SELECT
            FROM aggregate AS rollup
            INNER JOIN pg_proc AS rollup_proc ON rollup_proc.oid = rollup.aggfnoid
            WHERE rollup_proc.proname = 'rollup'
                AND rollup_proc.pronargs = 1
                AND rollup_proc.proargtypes[0] = proc.prorettype
                AND rollup_proc.prorettype = proc.prorettype
                AND rollup.aggcombinefn = aggregate.aggcombinefn
        )
$$, 'every state that an aggregate builds can be rolled up, by the same merge');

-- ------------------------------------------------------------------ types
SELECT is_empty($$SELECT object FROM base_type WHERE 0 IN (typinput, typoutput, typsend, typreceive)$$,
    'every base type has input, output, send and receive');
SELECT is_empty($$
    SELECT
        base_type.object,
        io.function::regprocedure
    FROM base_type
    CROSS JOIN LATERAL (VALUES (typinput), (typoutput), (typsend), (typreceive)) AS io (function)
    INNER JOIN pg_proc AS proc ON proc.oid = io.function
    WHERE provolatile <> 'i' OR NOT proisstrict OR proparallel <> 's'
$$, 'type input and output is immutable, strict and parallel safe');
SELECT is_empty($$
    SELECT
        castsource::regtype,
        casttarget::regtype
    FROM pg_cast
    WHERE castcontext = 'i'
        AND (castsource IN (SELECT oid FROM base_type) OR casttarget IN (SELECT oid FROM base_type))
$$, 'no implicit cast');

-- ------------------------------------------------------------------ functions
SELECT is_empty($$SELECT object FROM routine WHERE prosecdef$$, 'nothing is SECURITY DEFINER');
SELECT is_empty($$SELECT object FROM routine WHERE proleakproof$$, 'nothing is LEAKPROOF');
SELECT is_empty($$
    SELECT object
    FROM routine
    WHERE language IN ('sql', 'plpgsql')
        AND prosqlbody IS NULL
        AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting LIKE 'search\_path=%')
        AND proname NOT IN (SELECT name FROM allowed WHERE rule = 'unpinned')
$$, 'every SQL or PL/pgSQL function pins search_path or was parsed when it was made');
SELECT is_empty($$SELECT object FROM routine WHERE language NOT IN ('c', 'sql', 'plpgsql', 'internal') OR (language = 'internal') <> (prokind = 'a')$$,
    'no other language');
SELECT is_empty($$
    SELECT object
    FROM routine
    WHERE provolatile = 'v'
        AND proname NOT IN (SELECT name FROM allowed WHERE rule = 'volatile')
$$, 'no function is volatile without a reason');
SELECT is_empty($$
    SELECT object
    FROM routine
    WHERE language = 'c'
        AND NOT proisstrict
        AND proname NOT IN (SELECT name FROM allowed WHERE rule = 'not strict')
$$, 'no C function takes NULL without a reason');
SELECT is_empty($$
    SELECT name
    FROM allowed
    WHERE rule = 'not strict'
        AND name NOT IN (SELECT proname FROM routine WHERE language = 'c' AND NOT proisstrict)
$$, 'the list of C functions that take NULL is not longer than it must be');

-- ------------------------------------------------------------------ NULL arguments
-- A call with these arguments, of which the bits of mask are NULL.
CREATE FUNCTION pg_temp.call(function oid, mask integer) RETURNS text
    LANGUAGE sql AS $$
    SELECT format('SELECT kpicrm.%I(%s)%s', proname, arguments, CASE WHEN prokind = 'w' THEN ' OVER ()' END)
    FROM pg_proc
    CROSS JOIN LATERAL (
        SELECT string_agg(
            CASE WHEN n = pronargs AND provariadic <> 0 THEN 'VARIADIC ' ELSE '' END ||
            CASE
                WHEN (mask >> (n - 1)::integer) & 1 = 1 THEN format('NULL::%s', type)
                ELSE format('%L::%s', COALESCE(sample.value, ''), type)
            END, ', ' ORDER BY n) AS arguments
        FROM unnest(proargtypes) WITH ORDINALITY AS argument (oid, n)
        CROSS JOIN LATERAL (SELECT CASE WHEN argument.oid = 'anyelement'::regtype THEN 'text' ELSE format_type(argument.oid, NULL) END AS type) AS named
        LEFT JOIN (VALUES
            ('kpicrm.lead_times', '{1d 1/0/0}'),
            ('kpicrm.lead_times_fraction', '0.8 of {1d 1/0/0}'),
            ('kpicrm.purchases', 'empty'),
            ('kpicrm.customer_base', 'empty'),
            ('kpicrm.ltv_sample', 'empty'),
            ('kpicrm.ltv_model', 'empty'),
            ('kpicrm.retention_sample', '{}'),
            ('kpicrm.retention_model', '0 contracts, no contracts'),
            ('kpicrm.phase_path', '{}'),
            ('kpicrm.funnel', 'to 1 {}'),
            ('kpicrm.work_calendar', '"" version "" zone "UTC" known 2026-01-01..2026-12-31 open 1-5 09:00-18:00 holidays {2026-01-01}'),
            ('date[]', '{2026-01-01}'),
            ('integer', '1'),
            ('kpicrm.event_chain', '1 steps in 86400000000us {}'),
            ('kpicrm.step_flags', '1'),
            ('interval', '1 day'),
            ('boolean[]', '{true}'),
            ('double precision[]', '{0.5}'),
            ('numeric[]', '{1}'),
            ('numeric', '1'),
            ('bigint', '1'),
            ('double precision', '0.8'),
            ('boolean', 'true'),
            ('date', '2026-01-01'),
            ('timestamp with time zone', '2026-01-01'),
            ('uuid', '00000000-0000-0000-0000-000000000001')
        ) AS sample (type, value) USING (type)
    ) AS listed
    WHERE pg_proc.oid = function
$$;

-- The error of the call, if any.
CREATE FUNCTION pg_temp.failure(call text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;

SELECT pg_backend_pid() AS backend \gset
SELECT is_empty($$
    SELECT
        call,
        failure
    FROM (
        SELECT pg_temp.call(oid, -1) AS call
        FROM routine
        WHERE language IN ('c', 'internal')
            -- What receives a binary value cannot be called in SQL.
            AND 'internal'::regtype <> ALL (proargtypes)
            AND proname NOT IN (SELECT name FROM allowed WHERE rule = 'refuses NULL')
    ) AS calls
    CROSS JOIN LATERAL pg_temp.failure(call) AS failure
    WHERE failure IS NOT NULL
$$, 'C functions and aggregates take NULL for all arguments');
SELECT is_empty($$
    SELECT
        call,
        failure
    FROM (
        SELECT pg_temp.call(oid, mask) AS call
        FROM routine
        CROSS JOIN LATERAL generate_series(0, (1 << pronargs) - 1) AS mask
        WHERE language = 'c'
            AND NOT proisstrict
    ) AS calls
    CROSS JOIN LATERAL pg_temp.failure(call) AS failure
    WHERE failure !~ '^(22004|22023) '
$$, 'C functions that are not strict take every mixture of NULL and values');
SELECT is(pg_backend_pid(), :backend, 'and the server still runs');

-- ------------------------------------------------------------------ the control file
SELECT is_empty($$
    SELECT
        version,
        schema,
        relocatable,
        superuser,
        trusted
    FROM pg_available_extension_versions
    WHERE name = 'kpicrm'
        AND (schema IS DISTINCT FROM 'pg_catalog' OR relocatable OR NOT superuser OR trusted OR requires IS NOT NULL)
$$, 'the control file: fixed schema, not relocatable, superuser only, not trusted, needs no other');
SELECT is(
    (SELECT extversion FROM pg_extension WHERE extname = 'kpicrm'),
    (SELECT default_version FROM pg_available_extensions WHERE name = 'kpicrm'),
    'the installed version is the default one');

-- ------------------------------------------------------------------ a workspace
-- One schema, which can be placed on a machine of its own, as a whole and while it is
-- written to.  What it says of its tables is said in all of its versions.
SELECT kpicrm.create_workspace('catalog') \g /dev/null
SELECT is_empty($$
    SELECT
        conrelid::regclass,
        confrelid::regclass
    FROM pg_constraint
    INNER JOIN pg_class AS referenced ON referenced.oid = confrelid
    WHERE connamespace = 'catalog'::regnamespace
        AND contype = 'f'
        AND referenced.relnamespace <> 'catalog'::regnamespace
$$, 'no table of a workspace refers to a table elsewhere');
SELECT is_empty($$
    WITH owned AS (
        SELECT 'pg_proc'::regclass AS class, oid AS object, oid::regprocedure::text AS name FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace
        UNION ALL
        SELECT 'pg_rewrite', rewrite.oid, ev_class::regclass::text FROM pg_rewrite AS rewrite INNER JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace = 'catalog'::regnamespace
        UNION ALL
        SELECT 'pg_trigger', trigger.oid, tgname FROM pg_trigger AS trigger INNER JOIN pg_class ON pg_class.oid = tgrelid WHERE relnamespace = 'catalog'::regnamespace
        UNION ALL
        SELECT 'pg_attrdef', attrdef.oid, adrelid::regclass::text FROM pg_attrdef AS attrdef INNER JOIN pg_class ON pg_class.oid = adrelid WHERE relnamespace = 'catalog'::regnamespace
    )
    SELECT
        owned.name,
        used.identity
    FROM owned
    INNER JOIN pg_depend ON classid = owned.class AND objid = owned.object
    CROSS JOIN LATERAL pg_identify_object(refclassid, refobjid, 0) AS used
    WHERE used.schema NOT IN ('catalog', 'kpicrm', 'pg_catalog')
$$, 'nothing in a workspace uses what is neither in it, nor in the extension, nor in PostgreSQL');
SELECT is_empty($$
    SELECT oid::regclass
    FROM pg_class
    WHERE relnamespace = 'catalog'::regnamespace
        AND relkind = 'r'
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'p')
$$, 'every table of a workspace has a primary key, which is what replication finds its rows by');
SELECT is_empty($$
    SELECT
        attrelid::regclass,
        attname
    FROM pg_attribute
    INNER JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'catalog'::regnamespace
        AND (attidentity <> '' OR (relkind = 'r' AND pg_get_serial_sequence(attrelid::regclass::text, attname) IS NOT NULL))
        AND (atttypid <> 'bigint'::regtype OR attidentity <> 'd')
$$, 'keys that count are bigint, and can be given: machines that number by ranges need long ones');

SELECT * FROM finish();
ROLLBACK;
