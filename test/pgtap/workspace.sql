-- A workspace as its owner, a DBA and an attacker meet it.
BEGIN;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(26);

-- Somebody who may create a schema, and nothing else.
CREATE ROLE kpicrm_test_owner;
CREATE ROLE kpicrm_test_stranger;
SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO kpicrm_test_owner', current_database()) \gexec
SET ROLE kpicrm_test_owner;
SELECT is(kpicrm.create_workspace('crm_test'), 'crm_test', 'a role with CREATE on the database can make a workspace');
SELECT is(kpicrm.create_workspace('Other "test"'), 'Other "test"', 'with any name');
SELECT is_empty(
    $$SELECT relation.relname, pg_get_userbyid(relation.relowner)
    FROM pg_class AS relation
    WHERE relation.relnamespace = 'crm_test'::regnamespace AND pg_get_userbyid(relation.relowner) <> 'kpicrm_test_owner'$$,
    'everything in it belongs to that role');

SET search_path = crm_test;
INSERT INTO sales_rep (name) VALUES ('Ito');
INSERT INTO pipeline (name) VALUES ('Sales');
INSERT INTO phase (pipeline_id, name, position, kind) VALUES (1, 'Contact', 1, 'open'), (1, 'Won', 2, 'won'), (1, 'Lost', 3, 'lost');
INSERT INTO deal (name, phase_id, opened_at) VALUES ('first', 1, '2026-01-01');
UPDATE deal SET phase_id = 2, phase_since = '2026-02-01';
RESET search_path;
SELECT is((SELECT count(*) FROM crm_test.phase_stay), 2::bigint, 'and live in it');
SELECT is((SELECT count(*) FROM "Other ""test""".deal), 0::bigint, 'another workspace sees nothing of it');
SELECT lives_ok($$SELECT kpicrm.drop_workspace('Other "test"')$$, 'and can be dropped');
SELECT is(to_regnamespace('"Other ""test"""'), NULL, 'with its schema');

-- Somebody else.
RESET ROLE;
SET ROLE kpicrm_test_stranger;
SELECT throws_ok('SELECT * FROM crm_test.deal', '42501', NULL, 'a stranger cannot read it');
SELECT throws_ok($$SELECT kpicrm.create_workspace('crm_stranger')$$, '42501', NULL, 'nor make one');
SELECT throws_ok($$SELECT kpicrm.drop_workspace('crm_test', force => true)$$, '42501', NULL, 'nor drop it');
SELECT throws_ok($$SELECT kpicrm.upgrade_workspace('crm_test')$$, '42501', NULL, 'nor upgrade it');
RESET ROLE;
SELECT is(to_regnamespace('crm_stranger'), NULL, 'nothing is left of the attempt');
SELECT is(current_setting('search_path'), '"$user", public', 'and the search path is what it was');

-- Names in front of the workspace's own do not mislead it.
CREATE SCHEMA hostile;
CREATE TABLE hostile.deal_event (deal_id bigint, at timestamptz, phase_id bigint);
CREATE TABLE hostile.phase (id bigint, pipeline_id bigint, kind text);
CREATE TABLE hostile.phase_stay (deal_id bigint);
CREATE TABLE hostile.setting (time_zone text, only_row boolean);
CREATE FUNCTION hostile.statement_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT timestamptz ''1999-01-01''';
CREATE FUNCTION hostile.greatest_hit(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'caught'; END$$;
CREATE OPERATOR hostile.< (FUNCTION = hostile.greatest_hit, LEFTARG = timestamptz, RIGHTARG = timestamptz);
CREATE TEMPORARY TABLE phase (id bigint, pipeline_id bigint, kind text);
SET search_path = hostile, pg_catalog, public, crm_test;
INSERT INTO crm_test.deal (name, phase_id, opened_at) VALUES ('second', 1, '2026-03-01');
UPDATE crm_test.deal SET phase_id = 3, phase_since = '2026-02-01' WHERE name = 'first';
UPDATE crm_test.deal SET phase_id = 2 WHERE name = 'second';
SELECT public.is_empty('SELECT * FROM crm_test.check_history()', 'the history keeps itself under a hostile search path');
SELECT public.is((SELECT count(*) FROM hostile.deal_event), 0::bigint, 'and writes nowhere else');
SELECT public.is((SELECT phase_since >= pg_catalog.now() FROM crm_test.deal WHERE name = 'second'), true, 'nor believes other clocks');
SELECT public.is(
    (SELECT count(*) FROM crm_test.deals WHERE won IS NOT NULL) + (SELECT crm_test.rebuild_history()),
    2::bigint,
    'reports and rebuild_history() work there too');
RESET search_path;
DROP TABLE pg_temp.phase;

-- What the catalog must say.
SELECT is_empty($$
    SELECT relation.relname, attribute.attname
    FROM pg_class AS relation
    LEFT JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
    WHERE relation.relnamespace = 'crm_test'::regnamespace
        AND relation.relkind IN ('r', 'v')
        AND (obj_description(relation.oid, 'pg_class') IS NULL OR col_description(relation.oid, attribute.attnum) IS NULL)
$$, 'every table, view and column has a comment');
SELECT is_empty($$
    SELECT function.oid::regprocedure
    FROM pg_proc AS function
    WHERE function.pronamespace = 'crm_test'::regnamespace AND obj_description(function.oid, 'pg_proc') IS NULL
    UNION ALL
    SELECT trigger.tgfoid::regprocedure
    FROM pg_trigger AS trigger
    JOIN pg_class AS relation ON relation.oid = trigger.tgrelid
    WHERE relation.relnamespace = 'crm_test'::regnamespace AND NOT trigger.tgisinternal AND obj_description(trigger.oid, 'pg_trigger') IS NULL
$$, 'every function and trigger has one');
SELECT is_empty($$
    SELECT key.conrelid::regclass, key.conname
    FROM pg_constraint AS key
    WHERE key.connamespace = 'crm_test'::regnamespace
        AND key.contype = 'f'
        AND NOT EXISTS (
            SELECT
            FROM pg_index AS index
            WHERE index.indrelid = key.conrelid
                AND index.indpred IS NULL
                AND (index.indkey::smallint[])[0:cardinality(key.conkey) - 1] @> key.conkey
        )
$$, 'every foreign key has an index');
SELECT is_empty($$
    SELECT pg_describe_object(dependency.classid, dependency.objid, dependency.objsubid)
    FROM pg_depend AS dependency
    JOIN pg_class AS relation ON relation.oid = dependency.objid AND relation.relkind IN ('r', 'S', 'i')
    JOIN pg_depend AS member ON member.classid = dependency.refclassid AND member.objid = dependency.refobjid AND member.deptype = 'e'
    WHERE dependency.classid = 'pg_class'::regclass AND relation.relnamespace = 'crm_test'::regnamespace
$$, 'no table depends on the extension');
SELECT is_empty($$
    SELECT function.oid::regprocedure, function.prosecdef, function.proleakproof, function.proconfig
    FROM pg_proc AS function
    WHERE function.pronamespace = 'crm_test'::regnamespace
        AND (function.prosecdef
            OR function.proleakproof
            OR (function.prosqlbody IS NULL AND function.proconfig[1] IS DISTINCT FROM 'search_path=crm_test, pg_temp'))
$$, 'no function is SECURITY DEFINER or LEAKPROOF, and each looks for names in the workspace only');
SELECT is_empty($$
    SELECT relation.relname
    FROM pg_class AS relation
    WHERE relation.relnamespace = 'crm_test'::regnamespace AND relation.relkind = 'v'
        AND NOT coalesce(relation.reloptions, '{}') @> '{security_invoker=true}'
$$, 'every view reads with the rights of its reader');

-- What can never be right is refused, with the name of the rule.
CREATE FUNCTION pg_temp.refused(VARIADIC statements text[]) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        BEGIN
            EXECUTE statement;
            RETURN NEXT statement;
        EXCEPTION WHEN check_violation OR unique_violation OR not_null_violation OR foreign_key_violation THEN
            NULL;
        END;
    END LOOP;
END;
$$;
SET search_path = crm_test, public;
SELECT is_empty($$SELECT pg_temp.refused(
    'INSERT INTO sales_rep (name) VALUES ('' '')',
    'INSERT INTO sales_rep (name, active_from, active_until) VALUES (''x'', ''2026-02-01'', ''2026-01-01'')',
    'INSERT INTO sales_team (id, name, parent_team_id) VALUES (1, ''x'', 1)',
    'INSERT INTO phase (pipeline_id, name, position, win_probability) VALUES (1, ''x'', 9, 50)',
    'INSERT INTO phase (pipeline_id, name, position, kind) VALUES (1, ''x'', 9, ''closed'')',
    'INSERT INTO phase (pipeline_id, name, position) VALUES (1, ''Contact'', 9)',
    'INSERT INTO deal (name, phase_id, opened_at, closed_at) VALUES (''x'', 2, ''2026-02-01'', ''2026-01-01'')',
    'INSERT INTO deal (name, phase_id, opened_at) VALUES (''x'', 1, ''infinity'')',
    'INSERT INTO deal (name, phase_id, amount) VALUES (''x'', 1, ''NaN'')',
    'INSERT INTO lead (name, created_at, qualified_at) VALUES (''x'', ''2026-02-01'', ''2026-01-01'')',
    'INSERT INTO activity (activity_type_id, started_at, ended_at) VALUES (1, ''2026-02-02'', ''2026-02-01'')',
    'INSERT INTO contract (account_id, starts_on, ends_on) VALUES (1, ''2026-02-02'', ''2026-02-01'')',
    'INSERT INTO feedback (kind, score) VALUES (''nps'', 11)',
    'INSERT INTO feedback (kind, score) VALUES (''csat'', 0)',
    'INSERT INTO target (kpi_code, grain, period_start, value) VALUES (''unknown'', ''month'', ''2026-01-01'', 1)',
    'INSERT INTO target (kpi_code, grain, period_start, value) VALUES (''revenue'', ''fortnight'', ''2026-01-01'', 1)',
    'INSERT INTO target (kpi_code, grain, period_start, team_id, rep_id, value) VALUES (''revenue'', ''month'', ''2026-01-01'', 1, 1, 1)',
    'INSERT INTO target (kpi_code, grain, period_start, value) VALUES (''revenue'', ''month'', ''2026-01-01'', 1), (''revenue'', ''month'', ''2026-01-01'', 2)',
    'INSERT INTO setting (version) VALUES (''2'')',
    'INSERT INTO kpi (code, name, name_ja, unit) VALUES (''My KPI'', ''x'', ''x'', ''count'')'
)$$, 'what can never be right is refused');
SELECT lives_ok($$
    INSERT INTO deal (name, phase_id, opened_at, closed_at) VALUES ('won without an amount', 2, '2026-01-01', '2026-01-01');
    INSERT INTO deal (name, phase_id, opened_at, expected_close_on) VALUES ('overdue', 1, '2026-01-01', '2020-01-01');
    INSERT INTO deal (name, phase_id, amount) VALUES ('a credit note', 1, -5)
$$, 'what is merely odd is not');
SELECT is_empty('SELECT * FROM check_history()', 'and has a history');

SELECT * FROM finish();
ROLLBACK;
