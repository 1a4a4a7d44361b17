/*
 * What BI tools see of a workspace: every view, read from the catalogs, keeps the
 * rules of the public surface, and shows the same rows whatever the session's
 * settings are.
 */
BEGIN;
\ir include/small_pipeline.sql
-- A deal for the reports about the present quarter, whenever this runs.
INSERT INTO crm.deal_event (deal_id, at, expected_close_on) VALUES (9, now() - INTERVAL '1 hour', (now() AT TIME ZONE 'Asia/Tokyo')::date);
SELECT crm.rebuild_history(ARRAY[9]) \g /dev/null
\pset tuples_only on
SELECT plan(21);

CREATE TEMP VIEW surface AS
SELECT
    view.oid AS view_oid,
    view.relname::text AS view_name,
    view.reloptions,
    attribute.attnum,
    attribute.attname::text AS column_name,
    format_type(attribute.atttypid, attribute.atttypmod) AS type,
    col_description(view.oid, attribute.attnum) AS comment
FROM pg_class AS view
JOIN pg_attribute AS attribute ON attribute.attrelid = view.oid AND attribute.attnum > 0
WHERE view.relnamespace = 'crm'::regnamespace
    AND view.relkind = 'v';

SELECT cmp_ok((SELECT count(DISTINCT surface.view_name) FROM surface), '>=', 13::bigint, 'the views are there');
SELECT is_empty(
    $$SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('m', 'p', 'f')$$,
    'no materialized view, partitioned or foreign table: tools do not see them'
);
SELECT is_empty(
    $$SELECT DISTINCT view_name FROM surface WHERE reloptions IS NULL OR NOT 'security_invoker=true' = ANY (reloptions)$$,
    'every view reads with the rights of its reader'
);
SELECT is_empty(
    $$SELECT view_name, column_name, type FROM surface
      WHERE type NOT IN ('boolean', 'integer', 'bigint', 'double precision', 'text', 'date', 'timestamp with time zone', 'numeric(18,2)')$$,
    'column types that every client knows'
);
SELECT is_empty(
    $$SELECT view_name, column_name, type FROM surface
      WHERE (type = 'numeric(18,2)') <> (column_name ~ '(^|_)amount$' OR column_name = 'cost')$$,
    'money is an amount, and an amount is money'
);
SELECT is_empty(
    $$SELECT view_name, column_name, type FROM surface
      WHERE (type = 'timestamp with time zone') <> (column_name ~ '_at$' OR (view_name = 'kpi_long' AND column_name = 'time'))
        OR (type = 'date') <> (column_name ~ '_(date|start)$')$$,
    'instants end in _at, days in _date or _start; Grafana wants a column time'
);
SELECT is_empty(
    $$SELECT view_name, column_name, type FROM surface
      WHERE (type = 'double precision') <> (column_name ~ '_(rate|days|hours|score|probability|low|high)$|_per_[a-z]+$' OR column_name ~ '(^|_)value$' AND type <> 'text')$$,
    'a float says its unit: _rate, _days, _hours, _score, _probability, _low, _high, is one thing _per_ another, or a _value in the unit of the KPI beside it'
);
SELECT is_empty(
    $$SELECT view_name, column_name, type FROM surface
      WHERE (column_name ~ '_id$' AND column_name <> 'external_id' AND type <> 'bigint')
        OR (column_name ~ '_count$' AND type <> 'bigint')
        OR (column_name ~ '_(name|label)$' AND type <> 'text')
        OR (type = 'bigint' AND column_name !~ '_(id|count)$')
        OR (type = 'integer' AND column_name !~ '(_no|_order)$')$$,
    'keys and counts are bigint, names and labels text, orders integer'
);
SELECT is_empty(
    $$SELECT view_name, column_name FROM surface WHERE column_name !~ '^[a-z][a-z0-9_]*$' OR length(column_name) > 40$$,
    'names need no quotes'
);
SELECT is_empty(
    $$SELECT DISTINCT view_name FROM surface WHERE coalesce(obj_description(view_oid, 'pg_class'), '') !~ '^One row per .*\.$'$$,
    'the comment of a view begins with its grain'
);
SELECT is_empty(
    $$SELECT view_name, column_name FROM surface WHERE coalesce(comment, '') = ''$$,
    'every column has a comment'
);
SELECT is_empty(
    $$SELECT label.view_name, label.column_name FROM surface AS label
      WHERE label.column_name = 'period_label'
        AND NOT EXISTS (SELECT FROM surface AS start WHERE start.view_oid = label.view_oid AND start.column_name = 'period_start')$$,
    'a label of a period stands beside its start'
);
SELECT is_empty(
    $$SELECT high.view_name, high.column_name FROM surface AS high
      WHERE high.column_name ~ '_high$'
        AND NOT EXISTS (SELECT FROM surface AS low WHERE low.view_oid = high.view_oid AND low.column_name = regexp_replace(high.column_name, '_high$', '_low'))$$,
    'bounds come in pairs'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure::text FROM pg_proc AS p
      WHERE p.pronamespace = 'crm'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL$$,
    'every function has a comment'
);
SELECT is_empty(
    $$SELECT p.oid::regprocedure::text FROM pg_proc AS p
      JOIN pg_class AS v ON v.relnamespace = p.pronamespace AND v.relkind = 'v' AND v.relname = p.proname
      WHERE p.pronamespace = 'crm'::regnamespace AND (p.provolatile <> 's' OR p.proparallel <> 's' OR p.prosqlbody IS NULL)$$,
    'the functions behind the views are STABLE, PARALLEL SAFE and bound when they are created'
);

-- No NaN, no infinity: one of them makes a whole query fail in JDBC.
CREATE FUNCTION pg_temp.odd_values() RETURNS SETOF text
    LANGUAGE plpgsql
AS $$
DECLARE
    suspect record;
    odd bigint;
BEGIN
    FOR suspect IN SELECT * FROM surface WHERE type IN ('double precision', 'numeric(18,2)', 'date', 'timestamp with time zone') LOOP
        EXECUTE format(
            'SELECT count(*) FROM crm.%I WHERE %I::text IN (''NaN'', ''Infinity'', ''-Infinity'', ''infinity'', ''-infinity'')',
            suspect.view_name, suspect.column_name
        ) INTO odd;
        IF odd > 0 THEN
            RETURN NEXT suspect.view_name || '.' || suspect.column_name;
        END IF;
    END LOOP;
END;
$$;
SELECT is_empty('SELECT * FROM pg_temp.odd_values()', 'no NaN and no infinity');

-- All rows of all views as text under one set of settings: a view at a time, rows in
-- any order, instants as numbers.
CREATE FUNCTION pg_temp.picture(zone text, style text, path text) RETURNS TABLE (view_name text, rows bigint, picture text)
    LANGUAGE plpgsql
AS $$
DECLARE
    columns text;
BEGIN
    FOR view_name, columns IN
        SELECT
            surface.view_name,
            string_agg(
                CASE surface.type
                    WHEN 'timestamp with time zone' THEN format('EXTRACT(epoch FROM %I)', surface.column_name)
                    WHEN 'date' THEN format('%I - date ''2000-01-01''', surface.column_name)
                    ELSE quote_ident(surface.column_name)
                END,
                ', ' ORDER BY surface.attnum
            )
        FROM surface
        GROUP BY surface.view_name
    LOOP
        PERFORM set_config('TimeZone', zone, true);
        PERFORM set_config('DateStyle', style, true);
        PERFORM set_config('IntervalStyle', CASE zone WHEN 'UTC' THEN 'postgres' ELSE 'iso_8601' END, true);
        PERFORM set_config('search_path', path, true);
        EXECUTE format(
            'SELECT count(*), md5(string_agg(line, chr(10) ORDER BY line COLLATE "C")) FROM (SELECT ROW(%s)::text AS line FROM crm.%I) AS lines',
            columns, view_name
        ) INTO rows, picture;
        PERFORM set_config('search_path', 'public, pg_temp', true);
        RETURN NEXT;
    END LOOP;
END;
$$;
CREATE TEMP TABLE picture AS
SELECT setting.no, picture.view_name, picture.rows, picture.picture
FROM (VALUES
    (1, 'UTC', 'ISO, YMD', 'public, pg_temp'),
    (2, 'Asia/Tokyo', 'German', 'pg_catalog, pg_temp'),
    (3, 'America/New_York', 'SQL, DMY', 'crm, pg_temp'),
    (4, 'Pacific/Kiritimati', 'Postgres, MDY', 'public, pg_temp')
) AS setting (no, zone, style, path)
CROSS JOIN LATERAL pg_temp.picture(setting.zone, setting.style, setting.path) AS picture;
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO, YMD';

SELECT is_empty(
    $$SELECT view_name FROM picture GROUP BY view_name HAVING count(DISTINCT picture) > 1$$,
    'the same rows in UTC, Tokyo, New York and Kiritimati, in any style and search path'
);
SELECT is_empty(
    $$SELECT view_name FROM picture WHERE rows = 0$$,
    'and none of the views is empty'
);

-- Who may read the tables sees all of it, and row security holds in every report.
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA crm TO regress_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_reader;
CREATE TEMP TABLE seen (
    view_name text,
    rows bigint
);
GRANT INSERT, SELECT ON seen TO regress_reader;
GRANT SELECT ON surface, picture TO regress_reader;
CREATE FUNCTION pg_temp.look() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT DISTINCT surface.view_name FROM surface LOOP
        EXECUTE format('INSERT INTO seen SELECT %L, count(*) FROM crm.%I', name, name);
    END LOOP;
END;
$$;
SET LOCAL ROLE regress_reader;
SELECT pg_temp.look() \g /dev/null
RESET ROLE;
SELECT is_empty(
    $$SELECT seen.view_name FROM seen JOIN picture USING (view_name) WHERE picture.no = 1 AND seen.rows <> picture.rows$$,
    'a role with SELECT sees the same rows'
);
SELECT is((SELECT count(*) FROM seen), (SELECT count(DISTINCT surface.view_name) FROM surface), 'in each view');

TRUNCATE seen;
ALTER TABLE crm.deal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_team ON crm.deal FOR SELECT TO regress_reader USING (rep_id = 3);
SET LOCAL ROLE regress_reader;
INSERT INTO seen SELECT 'deals', count(*) FROM crm.deals;
INSERT INTO seen SELECT 'deal_board', count(*) FROM crm.deal_board;
INSERT INTO seen SELECT 'win_rate_report', max(report.deal_count) FROM crm.win_rate_report AS report;
INSERT INTO seen SELECT 'sales_vs_target', max(report.won_amount) FROM crm.sales_vs_target AS report;
RESET ROLE;
SELECT set_eq(
    'SELECT view_name, rows FROM seen',
    $$VALUES ('deals', 2::bigint), ('deal_board', 1), ('win_rate_report', 2), ('sales_vs_target', 200)$$,
    'row security on deal holds: only Chie''s deals 9 and 10'
);
SELECT * FROM finish();
ROLLBACK;
