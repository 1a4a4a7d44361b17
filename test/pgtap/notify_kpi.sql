-- notify_kpi: what is sent, to whom, and what is not.
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(10);

SELECT kpicrm.create_workspace('crm') \g /dev/null
SELECT kpicrm.generate_demo('crm', 400, 2, '2026-05-20') \g /dev/null
UPDATE crm.kpi SET name = name || repeat('"\長', 9000) WHERE code = 'revenue';
UPDATE crm.sales_rep SET name = id || repeat(E'"\\\n長', 5000);
\set at 'timestamptz ''2026-05-20 18:00+09'''

-- pg_notify itself cannot be received in the session's own transaction: what it is given is kept here instead.
CREATE SCHEMA ear;
CREATE TABLE ear.heard (channel text, payload text);
CREATE FUNCTION ear.pg_notify(channel text, payload text) RETURNS void
    LANGUAGE sql
    AS 'INSERT INTO ear.heard VALUES (channel, payload)';
SET LOCAL search_path = pg_catalog;
ALTER FUNCTION crm.notify_kpi(timestamptz, text, text) SET search_path = ear, crm, pg_catalog, pg_temp;
SET LOCAL search_path = public, pg_catalog;

CREATE TEMP TABLE behind AS
SELECT *
FROM crm.kpi_progress(:at)
WHERE status_name = 'behind'
    AND CASE grain_name WHEN 'month' THEN period_start = '2026-05-01' WHEN 'quarter' THEN period_start = '2026-04-01' WHEN 'year' THEN period_start = '2026-04-01' END;
SELECT cmp_ok(count(*), '>', 0::bigint, 'something is behind') FROM behind;
SELECT is(crm.notify_kpi(:at), (SELECT count(*) FROM behind), 'one notification for each target that is behind');
SELECT is((SELECT count(*) FROM ear.heard WHERE channel = 'kpicrm'), (SELECT count(*) FROM behind), 'on the channel kpicrm');
SELECT bag_eq(
    $$SELECT payload::json ->> 'kpi' AS a, payload::json ->> 'scope' AS b, payload::json ->> 'period' AS c, round((payload::json ->> 'actual')::numeric, 6) AS d, round((payload::json ->> 'target')::numeric, 6) AS e, payload::json ->> 'status' AS f FROM ear.heard$$,
    $$SELECT kpi_name, scope_name, period_label, round(actual_value::numeric, 6) AS d, round(target_value::numeric, 6) AS e, status_name FROM behind$$,
    'with what kpi_progress says'
);
SELECT cmp_ok(max(octet_length(payload)), '<', 8000, 'never too long, whatever the names') FROM ear.heard;
TRUNCATE ear.heard;
SELECT cmp_ok(crm.notify_kpi(:at, 'sales', 'at_risk'), '>=', (SELECT count(*) FROM behind), 'with those at risk, too');
SELECT is(array_agg(DISTINCT channel), '{sales}', 'another channel') FROM ear.heard;
SELECT throws_ok($$SELECT crm.notify_kpi(channel => '')$$, '22023', 'invalid value for argument "channel": ""');
SELECT throws_ok($$SELECT crm.notify_kpi(channel => repeat('x', 64))$$, '22023', 'invalid value for argument "channel": "' || repeat('x', 64) || '"');
SELECT throws_ok($$SELECT crm.notify_kpi(from_status => 'met')$$, '22023', 'invalid value for argument "from_status": "met"');

SELECT * FROM finish();
ROLLBACK;
