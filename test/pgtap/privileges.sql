-- Who may do what: grant_workspace(), roles without rights, row security by rep and
-- manager in every report, and names that somebody has put in the way.
BEGIN;
SET search_path = kpicrm, public;
SET client_min_messages = warning;
-- policies look expensive to the planner, which would compile every query
SET jit = off;
SELECT plan(37);

SELECT create_workspace('crm') \g /dev/null
SELECT generate_demo('crm', 300, 7, '2026-03-31') \g /dev/null
CREATE ROLE kpicrm_nobody;
CREATE ROLE kpicrm_reader;
CREATE ROLE kpicrm_writer;
CREATE ROLE "kpicrm ""odd"" role";

CREATE FUNCTION pg_temp.state(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END;
$$;
-- Every report as a row of text: rows and a hash of them all.
CREATE FUNCTION pg_temp.read_views() RETURNS TABLE (name text, state text) LANGUAGE plpgsql AS $$
BEGIN
    FOR name IN SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v' ORDER BY relname LOOP
        state = pg_temp.state(pg_catalog.format('SELECT * FROM crm.%I', name));
        RETURN NEXT;
    END LOOP;
END;
$$;
GRANT USAGE ON SCHEMA public TO PUBLIC;

-- ---- grant_workspace
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('no such', 'kpicrm_reader')$$), '3F000', 'no such workspace');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'no such role')$$), '42704', 'no such role');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', NULL)$$), '42704', 'no role');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'kpicrm_reader', 'all')$$), '22023', 'another privilege');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'kpicrm_reader')$$), 'done', 'read is the default');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'kpicrm_writer', 'write')$$), 'done', 'write');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'kpicrm "odd" role', 'write')$$), 'done', 'a name that needs quotes');
CREATE VIEW crm.added_later WITH (security_invoker = true) AS SELECT id FROM crm.deal;

SET ROLE kpicrm_nobody;
SELECT is(pg_temp.state('SELECT * FROM crm.deals'), '42501', 'who was granted nothing reads nothing');
SELECT is(pg_temp.state($$SELECT kpicrm.grant_workspace('crm', 'kpicrm_nobody', 'write')$$), '42501', 'and cannot grant it to themselves');
SELECT is(pg_temp.state($$SELECT kpicrm.drop_workspace('crm', true)$$), '42501', 'nor drop it');
SELECT is(pg_temp.state($$SELECT kpicrm.upgrade_workspace('crm')$$), '42501', 'nor replace its functions');
SELECT is((SELECT kpicrm.conversion_rate(n % 2 = 0) FROM generate_series(1, 10) AS n), 0.5::double precision, 'but can use the aggregates');
RESET ROLE;

SET ROLE kpicrm_reader;
SELECT is_empty($$SELECT * FROM pg_temp.read_views() WHERE state <> 'done'$$, 'a reader reads every view, and those that come later');
SELECT is(pg_temp.state('SELECT crm.report_html()'), 'done', 'and the page');
SELECT is_empty(
    $$SELECT c.relname, p.name FROM pg_class AS c CROSS JOIN unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) AS p (name)
      WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(c.oid, p.name)$$,
    'and writes nothing');
RESET ROLE;

SET ROLE kpicrm_writer;
SELECT is(
    (SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class AS c
     WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, 'UPDATE')),
    'calendar, kpi, kpi_link, setting',
    'a writer writes all but what defines the numbers');
INSERT INTO crm.deal (name, phase_id, opened_at, amount, rep_id) SELECT 'by a writer', min(id), '2026-03-01', 5, 1 FROM crm.phase;
UPDATE crm.deal SET phase_id = (SELECT id FROM crm.phase WHERE kind = 'won' LIMIT 1), phase_since = '2026-03-05' WHERE name = 'by a writer';
SELECT is((SELECT count(*) FROM crm.phase_stay JOIN crm.deal ON deal.id = deal_id WHERE name = 'by a writer'), 2::bigint, 'the history goes on by their hand');
SELECT is((SELECT count(*) FROM crm.deal_event JOIN crm.deal ON deal.id = deal_id WHERE name = 'by a writer'), 2::bigint, 'with its events');
SELECT is(pg_temp.state('SELECT crm.rebuild_history()'), 'done', 'and can be built anew');
RESET ROLE;
SELECT is_empty('SELECT * FROM crm.check_history()', 'it holds together');
SELECT is_empty(
    $$SELECT c.relname FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
      WHERE c.relnamespace = 'crm'::regnamespace AND a.grantee = 0$$,
    'nothing is granted to PUBLIC');

-- ---- row security, as doc/administration.md has it
CREATE SCHEMA crm_access;
CREATE TABLE crm_access.login (role_name name PRIMARY KEY, rep_id bigint NOT NULL REFERENCES crm.sales_rep, is_manager boolean NOT NULL DEFAULT false);
CREATE VIEW crm_access.visible_rep WITH (security_invoker = true) AS
SELECT login.rep_id FROM crm_access.login WHERE login.role_name = current_user
UNION
SELECT member.id
FROM crm_access.login
JOIN crm.sales_rep AS manager ON manager.id = login.rep_id
JOIN crm.team_tree() AS tree ON tree.member_id = manager.team_id
JOIN crm.sales_rep AS member ON member.team_id = tree.team_id
WHERE login.role_name = current_user AND login.is_manager;
DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY '{deal,lead,activity}'::text[] LOOP
        EXECUTE format('ALTER TABLE crm.%I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own ON crm.%I USING (rep_id = ANY (ARRAY(SELECT visible_rep.rep_id FROM crm_access.visible_rep)))', owned);
    END LOOP;
    FOREACH owned IN ARRAY '{deal_event,deal_span,phase_stay,deal_slip}'::text[] LOOP
        EXECUTE format('ALTER TABLE crm.%I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('CREATE POLICY own ON crm.%I USING (deal_id IN (SELECT deal.id FROM crm.deal))', owned);
    END LOOP;
END;
$$;
ALTER TABLE crm.kpi_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE crm.kpi_day_pace ENABLE ROW LEVEL SECURITY;
CREATE ROLE kpicrm_rep;
CREATE ROLE kpicrm_manager;
SELECT grant_workspace('crm', 'kpicrm_rep', 'write'), grant_workspace('crm', 'kpicrm_manager', 'write') \g /dev/null
REVOKE INSERT, UPDATE, DELETE ON crm.sales_rep, crm.sales_team FROM kpicrm_rep, kpicrm_manager;
REVOKE DELETE ON crm.deal FROM kpicrm_rep, kpicrm_manager;
GRANT USAGE ON SCHEMA crm_access TO kpicrm_rep, kpicrm_manager;
GRANT SELECT ON crm_access.login, crm_access.visible_rep TO kpicrm_rep, kpicrm_manager;
INSERT INTO crm_access.login
SELECT 'kpicrm_rep', rep_id, false FROM crm.deal WHERE rep_id IS NOT NULL GROUP BY rep_id ORDER BY count(*) DESC, rep_id LIMIT 1;
INSERT INTO crm.sales_rep (name, team_id) SELECT 'Manager', id FROM crm.sales_team WHERE parent_team_id IS NULL ORDER BY id LIMIT 1;
INSERT INTO crm_access.login SELECT 'kpicrm_manager', id, true FROM crm.sales_rep WHERE name = 'Manager';
-- what the owner sees of the same reps
CREATE TEMP TABLE seen_by AS
SELECT 'kpicrm_rep' AS role_name, rep_id FROM crm_access.login WHERE role_name = 'kpicrm_rep'
UNION ALL
SELECT 'kpicrm_manager', member.id
FROM crm_access.login
JOIN crm.sales_rep AS manager ON manager.id = login.rep_id
JOIN crm.sales_rep AS member ON member.team_id IN (SELECT team_id FROM crm.team_tree() WHERE member_id = manager.team_id)
WHERE role_name = 'kpicrm_manager';
CREATE TEMP TABLE expected AS
SELECT
    role_name,
    (SELECT count(*) FROM crm.deal WHERE rep_id IN (SELECT s.rep_id FROM seen_by AS s WHERE s.role_name = r.role_name)) AS deals,
    (SELECT count(*) FROM crm.phase_stay WHERE deal_id IN (SELECT id FROM crm.deal WHERE rep_id IN (SELECT s.rep_id FROM seen_by AS s WHERE s.role_name = r.role_name))) AS stays,
    (SELECT count(*) FROM crm.deal JOIN crm.phase ON phase.id = phase_id WHERE kind = 'open' AND rep_id IN (SELECT s.rep_id FROM seen_by AS s WHERE s.role_name = r.role_name)) AS open_deals,
    (SELECT sum(amount) FROM crm.deals WHERE won AND closed_at < '2026-04-01' AND rep_id IN (SELECT s.rep_id FROM seen_by AS s WHERE s.role_name = r.role_name)) AS revenue
FROM (SELECT DISTINCT role_name FROM seen_by) AS r;
GRANT SELECT ON expected TO PUBLIC;
CREATE FUNCTION pg_temp.seen() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s deals, %s stays, %s on the board', (SELECT count(*) FROM crm.deals), (SELECT count(*) FROM crm.phase_stays), (SELECT count(*) FROM crm.deal_board));
$$;
CREATE FUNCTION pg_temp.to_be_seen() RETURNS text LANGUAGE sql AS $$
    SELECT format('%s deals, %s stays, %s on the board', deals, stays, open_deals) FROM expected WHERE role_name = current_user;
$$;
SELECT crm.refresh_kpi_days() \g /dev/null
SELECT cmp_ok((SELECT deals FROM expected WHERE role_name = 'kpicrm_rep'), '>', 0::bigint, 'there is something to see');
SELECT isnt_empty('SELECT * FROM crm.kpi_day', 'also in the kept days');
SET ROLE kpicrm_rep;
SELECT is(pg_temp.seen(), pg_temp.to_be_seen(), 'a rep sees own deals');
SELECT is_empty($$SELECT * FROM pg_temp.read_views() WHERE state <> 'done'$$, 'in every view');
SELECT is(
    pg_temp.state($$UPDATE crm.deal SET rep_id = (SELECT max(id) FROM crm.sales_rep) WHERE id = (SELECT min(id) FROM crm.deal)$$),
    '42501', 'and cannot give one away to somebody unseen');
SELECT is(
    (SELECT string_agg(pg_temp.state(statement), ' ' ORDER BY statement) FROM unnest(ARRAY[
        'UPDATE crm_access.login SET is_manager = true',
        'DELETE FROM crm_access.login',
        $$INSERT INTO crm_access.login SELECT 'kpicrm_rep', max(id) FROM crm.sales_rep$$]) AS statement),
    '42501 42501 42501', 'nor be somebody else');
SELECT is(
    (SELECT string_agg(pg_temp.state(statement), ' ' ORDER BY statement) FROM unnest(ARRAY[
        'UPDATE crm.sales_rep SET team_id = 1',
        'UPDATE crm.sales_team SET parent_team_id = NULL',
        $$INSERT INTO crm.sales_team (name) VALUES ('mine')$$]) AS statement),
    '42501 42501 42501', 'nor move between teams');
SELECT is(pg_temp.state('DELETE FROM crm.deal'), '42501', 'nor delete a deal, whose history nobody but the owner sees');
SELECT is_empty('SELECT * FROM crm.kpi_day', 'nor read sums over all reps');
SELECT is_empty('SELECT * FROM crm.kpi_day_pace', 'nor how long their deals stay in phases');
SELECT is(
    (SELECT sum(value) FROM crm.kpi_series('revenue', '2000-01-01', '2026-04-01', as_of => '2026-04-01')),
    (SELECT revenue FROM expected WHERE role_name = 'kpicrm_rep'),
    'a KPI is that of own rows');
SET ROLE kpicrm_manager;
SELECT is(pg_temp.seen(), pg_temp.to_be_seen(), 'a manager sees those of the team');
SELECT is(
    (SELECT sum(value) FROM crm.kpi_series('revenue', '2000-01-01', '2026-04-01', as_of => '2026-04-01')),
    (SELECT revenue FROM expected WHERE role_name = 'kpicrm_manager'),
    'a manager''s KPI is that of the team');
RESET ROLE;
-- a worker may not do what this does
CREATE FUNCTION crm_access.is_seen(wanted_id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (SELECT FROM crm_access.visible_rep WHERE visible_rep.rep_id = wanted_id);
EXCEPTION WHEN division_by_zero THEN
    RETURN false;
END;
$$;
ALTER POLICY own ON crm.lead USING (crm_access.is_seen(rep_id));
SET ROLE kpicrm_rep;
SET max_parallel_workers_per_gather = 2;
SELECT is(pg_temp.state($$SELECT crm.report_html(as_of => '2026-04-01')$$), 'done', 'a policy may call any function');
RESET max_parallel_workers_per_gather;
RESET ROLE;
SELECT cmp_ok(m.deals, '>', r.deals, 'which are more') FROM expected AS m, expected AS r WHERE m.role_name = 'kpicrm_manager' AND r.role_name = 'kpicrm_rep';
SELECT crm.stop_kpi_days() \g /dev/null

-- ---- names in the way: what a hostile search path offers is never taken
ALTER TABLE crm.deal DISABLE ROW LEVEL SECURITY;
ALTER TABLE crm.phase_stay DISABLE ROW LEVEL SECURITY;
ALTER TABLE crm.deal_span DISABLE ROW LEVEL SECURITY;
CREATE TEMP TABLE honest AS
SELECT name, state, (SELECT count(*) FROM crm.deals) AS deals, (SELECT sum(value) FROM crm.kpi_series('revenue', as_of => '2026-03-31')) AS revenue,
    (SELECT count(*) FROM crm.check_history()) AS damages
FROM pg_temp.read_views();
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.count(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 666::bigint';
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$SELECT timestamptz '1970-01-01'$$;
CREATE FUNCTION hostile.lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE FUNCTION hostile.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE FUNCTION hostile.coalesce_equal(bigint, bigint) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OPERATOR hostile.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = hostile.coalesce_equal);
CREATE FUNCTION hostile.text_equal(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'hijacked'; END$$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.text_equal);
CREATE VIEW hostile.deal AS SELECT NULL::bigint AS id WHERE false;
CREATE VIEW hostile.setting AS SELECT 'nowhere' AS time_zone;
SET search_path = hostile, pg_catalog, public;
CREATE TEMP TABLE attacked AS
SELECT name, state, (SELECT pg_catalog.count(*) FROM crm.deals) AS deals, (SELECT sum(value) FROM crm.kpi_series('revenue', as_of => '2026-03-31')) AS revenue,
    (SELECT pg_catalog.count(*) FROM crm.check_history()) AS damages
FROM pg_temp.read_views();
SET search_path = kpicrm, public;
SELECT is_empty('(SELECT * FROM honest EXCEPT SELECT * FROM attacked) UNION ALL (SELECT * FROM attacked EXCEPT SELECT * FROM honest)', 'reports do not look where the session does');

SELECT * FROM finish();
ROLLBACK;
