/*
 * A workspace as an object: who can have one, what it is made of, and which rows
 * its tables refuse.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(89);

-- ------------------------------------------- a plain role has one of its own
CREATE ROLE workspace_test_seller;
CREATE ROLE workspace_test_other;
SELECT format('GRANT CREATE, TEMPORARY ON DATABASE %I TO workspace_test_seller', current_database()) \gexec
CREATE SCHEMA "half done";
GRANT USAGE ON SCHEMA "half done" TO workspace_test_seller;
SET ROLE workspace_test_seller;
SELECT lives_ok($$SELECT kpicrm.create_workspace('first')$$, 'a role with CREATE on the database can create a workspace');
SELECT lives_ok($$SELECT kpicrm.create_workspace('Second "one"')$$, 'and another one, whose name needs quotes');
SELECT is_empty($$
    SELECT relname FROM pg_class
    WHERE relnamespace = 'first'::regnamespace AND relowner <> 'workspace_test_seller'::regrole
    UNION ALL
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'first'::regnamespace AND proowner <> 'workspace_test_seller'::regrole
$$, 'all of it belongs to its creator');
SELECT throws_ok($$SELECT kpicrm.create_workspace('half done')$$, '42501', NULL, 'no workspace in the schema of somebody else');

CREATE SCHEMA tools;
CREATE FUNCTION tools.my_own() RETURNS integer LANGUAGE sql RETURN 1;
SELECT throws_ok($$SELECT kpicrm.create_workspace('tools')$$, '42P06', 'schema "tools" is not empty', 'nor among functions of your own');

-- A type with the name of one of our views stops the creation halfway.
CREATE SCHEMA stopped;
CREATE TYPE stopped.deal_board AS ENUM ('one');
SELECT throws_ok($$SELECT kpicrm.create_workspace('stopped')$$, '42710', NULL, 'an error on the way');
SELECT is_empty($$
    SELECT relname FROM pg_class
    WHERE relnamespace IN ('stopped'::regnamespace, '"half done"'::regnamespace)
$$, 'leaves nothing half-done');
SELECT is(current_setting('search_path'), 'public, pg_catalog', 'and the search path as it was');

-- ----------------------------------------------------- use, with a hostile path
INSERT INTO first.sales_rep (id, name) VALUES (1, 'Aoi'), (2, 'Ben');
INSERT INTO first.pipeline (id, name) VALUES (1, 'new');
INSERT INTO first.phase (id, name, pipeline_id, position, kind) VALUES
    (1, 'approach', 1, 1, 'open'),
    (2, 'proposal', 1, 2, 'open'),
    (3, 'won', 1, 3, 'won');
CREATE SCHEMA hostile;
CREATE TABLE hostile.phase (id bigint, pipeline_id bigint, kind text, position integer);
CREATE TABLE hostile.deal_event (LIKE first.deal_event);
CREATE TABLE hostile.phase_stay (LIKE first.phase_stay);
CREATE TABLE hostile.deal_span (LIKE first.deal_span);
CREATE TABLE hostile.deal_slip (LIKE first.deal_slip);
CREATE TEMP TABLE deal_event (LIKE first.deal_event);
CREATE TEMP TABLE phase_stay (LIKE first.phase_stay);
CREATE TEMP TABLE deal_span (LIKE first.deal_span);
CREATE TEMP TABLE deal_slip (LIKE first.deal_slip);
CREATE TEMP TABLE deal (LIKE first.deal);
CREATE TEMP TABLE setting (LIKE first.setting);
SET search_path = pg_temp, hostile, public, pg_catalog;
SELECT lives_ok($$
    INSERT INTO first.deal (id, name, phase_id, opened_at, amount, rep_id)
    VALUES (1, 'one', 1, '2024-01-01', 10, 1), (2, 'two', 1, '2024-01-02', 20, NULL)
$$, 'insert deals with a hostile search path');
SELECT lives_ok($$UPDATE first.deal SET phase_id = 3, phase_since = '2024-03-01' WHERE id = 1$$, 'change a phase');
SELECT lives_ok($$UPDATE first.deal SET phase_id = 2, phase_since = '2024-02-01' WHERE id = 1$$, 'backdate one');
SELECT lives_ok($$DELETE FROM first.deal WHERE id = 2$$, 'delete a deal');
SELECT is(first.rebuild_history(), 0::bigint, 'rebuild the history, which changes no deal');
SELECT is_empty('SELECT * FROM first.check_history()', 'and check it');
SELECT is(count(*), 2::bigint, 'the stays are in the workspace') FROM first.phase_stay;
SELECT is_empty($$
    SELECT deal_id FROM hostile.deal_event UNION ALL SELECT deal_id FROM hostile.phase_stay
    UNION ALL SELECT deal_id FROM pg_temp.deal_event UNION ALL SELECT deal_id FROM pg_temp.phase_stay
    UNION ALL SELECT deal_id FROM hostile.deal_span UNION ALL SELECT deal_id FROM pg_temp.deal_span
    UNION ALL SELECT deal_id FROM hostile.deal_slip UNION ALL SELECT deal_id FROM pg_temp.deal_slip
$$, 'and nowhere else');
SELECT isnt_empty('SELECT * FROM first.deal_as_of(''2024-02-15'')', 'a past day can be read');
SELECT throws_ok('DELETE FROM first.sales_rep WHERE id = 1', '23503', NULL, 'a rep of the history stays');
SELECT lives_ok('DELETE FROM first.sales_rep WHERE id = 2', 'any other can go');
SET search_path = public, pg_catalog;
DROP TABLE pg_temp.deal_event, pg_temp.phase_stay, pg_temp.deal_span, pg_temp.deal_slip, pg_temp.deal, pg_temp.setting;

SELECT is_empty('SELECT deal_id FROM "Second ""one""".deal_event', 'two workspaces do not see each other: events');
SELECT is_empty('SELECT deal_id FROM "Second ""one""".deal_as_of(now())', 'nor deals');
SELECT is_empty('SELECT deal_id FROM "Second ""one""".deals', 'nor reports');

SET ROLE workspace_test_other;
SELECT throws_ok('SELECT * FROM first.deals', '42501', NULL, 'nobody else can read it');
SELECT throws_ok($$SELECT kpicrm.drop_workspace('first', force => true)$$, '42501', NULL, 'or drop it');
SET ROLE workspace_test_seller;
SELECT throws_ok($$SELECT kpicrm.drop_workspace('first')$$, '2BP01', NULL, 'it is not dropped while there are deals');
SELECT lives_ok($$SELECT kpicrm.drop_workspace('Second "one"')$$, 'an empty one is');
RESET ROLE;

-- ------------------------------------------------------------- what it is made of
CREATE FUNCTION pg_temp.uncommented() RETURNS SETOF text
    LANGUAGE sql AS $$
    SELECT relname::text FROM pg_class
    WHERE relnamespace = 'first'::regnamespace AND relkind IN ('r', 'v') AND obj_description(oid, 'pg_class') IS NULL
    UNION ALL
    SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'first'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
        AND col_description(attrelid, attnum) IS NULL
    UNION ALL
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'first'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
    UNION ALL
    SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = 'first'::regnamespace AND NOT tgisinternal AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
$$;
SELECT is_empty('SELECT pg_temp.uncommented()', 'every table, column, view, function and trigger has a comment');
SELECT is_empty($$
    SELECT conrelid::regclass, conname FROM pg_constraint
    WHERE connamespace = 'first'::regnamespace AND contype = 'f'
        AND NOT EXISTS (
            SELECT FROM pg_index
            WHERE indrelid = conrelid AND indpred IS NULL
                AND (string_to_array(indkey::text, ' ')::smallint[])[1:cardinality(conkey)] @> conkey
        )
$$, 'every foreign key has an index that starts with its columns');
SELECT is_empty($$
    SELECT classid::regclass, objid::regclass, refclassid::regclass, refobjid
    FROM pg_depend
    JOIN pg_class ON pg_class.oid = objid AND classid = 'pg_class'::regclass
    WHERE relnamespace = 'first'::regnamespace AND relkind IN ('r', 'S', 'i')
        AND ((refclassid = 'pg_extension'::regclass)
            OR (refclassid = 'pg_type'::regclass AND refobjid IN (SELECT oid FROM pg_type WHERE typnamespace = 'kpicrm'::regnamespace))
            OR (refclassid = 'pg_proc'::regclass AND refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'kpicrm'::regnamespace)))
$$, 'no table, sequence or index depends on the extension');
SELECT is_empty($$
    SELECT conrelid::regclass, conname
    FROM pg_depend
    JOIN pg_constraint ON pg_constraint.oid = objid AND classid = 'pg_constraint'::regclass
    JOIN pg_proc ON pg_proc.oid = refobjid AND refclassid = 'pg_proc'::regclass
    WHERE connamespace = 'first'::regnamespace AND pronamespace = 'kpicrm'::regnamespace
$$, 'nor does a constraint');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'first'::regnamespace AND prosecdef$$, 'no function is SECURITY DEFINER');
SELECT is_empty($$
    SELECT pg_proc.oid::regprocedure, proconfig
    FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
    WHERE pronamespace = 'first'::regnamespace
        AND prosqlbody IS NULL
        AND NOT 'search_path=first, pg_temp' = ANY (coalesce(proconfig, '{}'))
$$, 'functions pin the search path to the workspace, or have bound bodies');
SELECT is_empty($$
    SELECT relname FROM pg_class
    WHERE relnamespace = 'first'::regnamespace AND relkind = 'v' AND NOT 'security_invoker=true' = ANY (coalesce(reloptions, '{}'))
$$, 'views read with the rights of the reader');
SELECT is_empty($$
    SELECT conrelid::regclass, conname FROM pg_constraint
    WHERE connamespace = 'first'::regnamespace AND NOT convalidated
$$, 'all constraints hold');

-- ------------------------------------------------- what can never be right, and what is odd
INSERT INTO first.account (id, name) VALUES (1, 'Acme');
INSERT INTO first.activity_type (id, name) VALUES (1, 'call');
INSERT INTO first.calendar (id, name) VALUES (100, 'shifts');
SELECT throws_ok(format('INSERT INTO first.%s', row), '23514', NULL, 'refused: ' || row)
FROM unnest(ARRAY[
    'sales_team (name) VALUES ('' '')',
    'sales_team (id, name, parent_team_id) VALUES (9, ''a'', 9)',
    'sales_rep (name, active_from, active_until) VALUES (''a'', ''2024-02-01'', ''2024-01-01'')',
    'lead_source (name, cost) VALUES (''a'', -1)',
    'product (name, list_price) VALUES (''a'', -1)',
    'account (name, employees) VALUES (''a'', -1)',
    'account (name, first_seen_at) VALUES (''a'', ''infinity'')',
    'contact (name, account_id) VALUES ('''', 1)',
    'phase (name, pipeline_id, position, kind) VALUES (''a'', 1, 9, ''gone'')',
    'phase (name, pipeline_id, position, win_probability) VALUES (''a'', 1, 9, 1.1)',
    'phase (name, pipeline_id, position, win_probability) VALUES (''a'', 1, 9, ''NaN'')',
    'phase (name, pipeline_id, position, stall_after) VALUES (''a'', 1, 9, ''0'')',
    'lead (name, created_at, qualified_at) VALUES (''a'', ''2024-02-01'', ''2024-01-01'')',
    'lead (name, created_at, disqualified_at) VALUES (''a'', ''2024-02-01'', ''2024-01-01'')',
    'deal (name, phase_id) VALUES ('''', 1)',
    'deal (name, phase_id, amount) VALUES (''a'', 1, ''NaN'')',
    'deal (name, phase_id, opened_at) VALUES (''a'', 1, ''-infinity'')',
    'deal (name, phase_id, opened_at, phase_since) VALUES (''a'', 1, ''2024-02-01'', ''2024-01-01'')',
    'deal (name, phase_id, opened_at, closed_at) VALUES (''a'', 3, ''2024-02-01'', ''2024-01-01'')',
    'deal_event (deal_id, at, phase_id) VALUES (1, ''infinity'', 1)',
    'deal_event (deal_id, at, cleared) VALUES (1, now(), ''{phase_id}'')',
    'phase_stay (deal_id, stay_no, phase_id, entered_at, left_at) VALUES (9, 1, 1, ''2024-02-01'', ''2024-01-01'')',
    'activity (activity_type_id, started_at, ended_at) VALUES (1, ''2024-02-01'', ''2024-01-01'')',
    'purchase (account_id, purchased_at, amount) VALUES (1, now(), ''NaN'')',
    'contract (account_id, starts_on, ends_on) VALUES (1, ''2024-02-01'', ''2024-01-01'')',
    'inquiry (name, received_at, responded_at) VALUES (''a'', ''2024-02-01'', ''2024-01-01'')',
    'feedback (kind, score) VALUES (''csat'', 6)',
    'feedback (kind, score) VALUES (''nps'', 11)',
    'kpi (code, name, name_ja, unit) VALUES (''Not a code'', ''a'', ''a'', ''count'')',
    'target (kpi_code, grain, period_start, value) VALUES (''revenue'', ''day'', ''2024-04-01'', 1)',
    'target (kpi_code, grain, period_start, value) VALUES (''revenue'', ''year'', ''2024-04-01'', ''NaN'')',
    'calendar (name, weekend) VALUES (''a'', ''{0}'')',
    'calendar (name, opens_at, closes_at) VALUES (''a'', ''18:00'', ''09:00'')',
    'calendar_holiday (calendar_id, day, name) VALUES (100, ''infinity'', ''never'')'
]) AS row;
SELECT lives_ok(format('INSERT INTO first.%s', row), 'accepted: ' || row)
FROM unnest(ARRAY[
    'deal (name, phase_id, opened_at, closed_at) VALUES (''won without amount, customer or rep'', 3, ''2024-01-01'', ''2024-02-01'')',
    'deal (name, phase_id, opened_at, expected_close_on) VALUES (''expected to close before it was opened'', 1, ''2024-01-01'', ''2023-01-01'')',
    'deal (name, phase_id, opened_at, closed_at) VALUES (''closed as it opened'', 3, ''2024-01-01'', ''2024-01-01'')',
    'deal (name, phase_id, amount, cost) VALUES (''a credit'', 1, -5, 100)',
    'account (name) VALUES (''Acme'')',
    'activity (activity_type_id, ended_at) VALUES (1, ''2024-01-01'')',
    'purchase (account_id, purchased_at, amount) VALUES (1, ''2024-01-01'', -10)',
    'lead (name, created_at, qualified_at, disqualified_at) VALUES (''both'', ''2024-01-01'', ''2024-01-02'', ''2024-01-03'')',
    'inquiry (name, received_at, resolved_at) VALUES (''resolved, never answered'', ''2024-01-01'', ''2024-01-02'')',
    'contract (account_id, starts_on, ends_on, cancelled_on) VALUES (1, ''2024-01-01'', ''2024-12-31'', ''2025-06-01'')',
    'target (kpi_code, grain, period_start, value) VALUES (''revenue'', ''year'', ''2024-04-01'', 0)'
]) AS row;
SELECT throws_ok($$INSERT INTO first.target (kpi_code, grain, period_start, value) VALUES ('revenue', 'year', '2024-04-01', 1)$$, '23505', NULL,
    'a goal is set once');

-- A schema of somebody else, who could put code of their own beside ours.
CREATE ROLE workspace_other;
CREATE SCHEMA theirs AUTHORIZATION workspace_other;
SELECT throws_ok($$SELECT kpicrm.create_workspace('theirs')$$, '42501', 'schema "theirs" belongs to role "workspace_other"', 'no workspace in the schema of another role');
-- Functions of a workspace name their schema: under its old name they would write into a new one.
ALTER SCHEMA first RENAME TO "First of 2025";
SELECT throws_ok($$SELECT kpicrm.create_workspace('first')$$, '42P06', 'workspace "First of 2025" had the name "first" and has not been upgraded since', 'nor under the name of one that was renamed');
SELECT is(kpicrm.upgrade_workspace('First of 2025'), kpicrm.installed_version(), 'which an upgrade mends');
UPDATE "First of 2025".deal SET amount = 7 WHERE id = (SELECT min(id) FROM "First of 2025".deal);
SELECT is_empty('SELECT * FROM "First of 2025".check_history()', 'so that it goes on');
SELECT lives_ok($$SELECT kpicrm.create_workspace('first')$$, 'and the name is free');
DROP TRIGGER setting_stays ON first.setting;
SELECT kpicrm.upgrade_workspace('first') \g /dev/null
SELECT throws_ok('DELETE FROM first.setting', '23001', NULL, 'an upgrade repairs what keeps the settings');
SELECT throws_ok($$SELECT kpicrm.execute_as('workspace_other', 'SET ROLE none')$$, '42501', NULL, 'there is no way back from another role');
SELECT throws_ok($$SELECT kpicrm.execute_as('workspace_other', 'COMMIT')$$, '0A000', 'cannot be run as another role: "COMMIT"', 'nor out of the transaction');
SET ROLE workspace_other;
SELECT throws_ok(format('SELECT kpicrm.execute_as(%L, ''SELECT 1'')', session_user), '42501', NULL, 'nor to one that the caller may not become');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
