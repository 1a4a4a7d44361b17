/*
 * Every function of a workspace that reads, as the catalog lists them, with arguments
 * that nobody should give: it answers or raises 22023, says which argument it was,
 * and nothing that is written in an argument or a name is run.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
\pset tuples_only on
SELECT plan(13);

CREATE TABLE public.victim AS SELECT 1 AS alive;
SELECT kpicrm.create_workspace($$a "b"'; DROP TABLE public.victim; --$$) \g /dev/null
SELECT kpicrm.generate_demo($$a "b"'; DROP TABLE public.victim; --$$, 300, 5, '2026-03-31') \g /dev/null
-- Names as hostile as the schema's.
DO $do$
DECLARE
    target record;
BEGIN
    FOR target IN
        SELECT attrelid::regclass AS relation
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname LIKE 'a "b"%')
        WHERE attname = 'name' AND relname IN ('sales_rep', 'sales_team', 'product', 'account', 'lead_source', 'phase', 'deal', 'lead', 'activity_type', 'contract', 'pipeline')
    LOOP
        EXECUTE format('UPDATE %s SET name = left(id || %L, 100)', target.relation, $$'; DROP TABLE public.victim; -- " $1 %s \$$);
    END LOOP;
END
$do$;

-- What reads: not volatile, no trigger, gives rows.  Each argument with its place and type.
CREATE TEMP TABLE reader AS
SELECT p.oid, format('%I.%I', n.nspname, p.proname) AS call, p.proname::text AS name, a.name AS argument, a.type::regtype AS type, a.nth <= p.pronargs - p.pronargdefaults AS is_required
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname LIKE 'a "b"%'
CROSS JOIN LATERAL unnest(p.proargnames[1:p.pronargs], p.proargtypes::oid[]) WITH ORDINALITY AS a (name, type, nth)
WHERE p.proretset
    AND p.provolatile <> 'v'
    AND p.prorettype <> 'trigger'::regtype;

-- What is given for what must be given.
CREATE FUNCTION pg_temp.harmless(name text, type regtype) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN name IN ('kpi', 'code') THEN quote_literal('revenue')
        WHEN name = 'grain' THEN quote_literal('month')
        WHEN name = 'by' THEN quote_literal('rep')
        WHEN name = 'versus' THEN quote_literal('previous_period')
        WHEN type = 'date'::regtype THEN quote_literal(CASE WHEN name LIKE 'to%' OR name LIKE '%end%' THEN '2026-04-01' ELSE '2026-01-01' END)
        WHEN type = 'timestamptz'::regtype THEN quote_literal('2026-03-31 12:00+00')
        WHEN type IN ('integer'::regtype, 'bigint'::regtype) THEN '30'
        WHEN type = 'double precision'::regtype THEN '0.5'
        ELSE 'NULL'
    END;

-- The call with one argument set, and what comes of it.
CREATE FUNCTION pg_temp.call(function oid, argument_name text, value text) RETURNS text
    LANGUAGE sql STABLE
    RETURN (
        SELECT format(
            'SELECT count(*) FROM %s(%s)', min(reader.call),
            string_agg(format('%I => %s::%s', reader.argument, CASE WHEN reader.argument = argument_name THEN value ELSE pg_temp.harmless(reader.argument, reader.type) END, reader.type), ', ')
                FILTER (WHERE reader.is_required OR reader.argument = argument_name))
        FROM reader
        WHERE reader.oid = function
    );
CREATE FUNCTION pg_temp.outcome(query text) RETURNS text
    LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE query;
    RETURN 'rows';
EXCEPTION
    WHEN query_canceled THEN RAISE;
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END;
$$;

-- What users read: a report has a view of its name.
CREATE TEMP TABLE report AS
SELECT relname AS name FROM pg_class WHERE relkind = 'v' AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname LIKE 'a "b"%')
UNION ALL
SELECT unnest(ARRAY['kpi_series', 'explain_gap']);

SELECT cmp_ok((SELECT count(DISTINCT name) FROM reader WHERE argument IN ('as_of', 'from_date')), '>=', 30::bigint, 'there are report functions');
SELECT is_empty(
    $$SELECT name, outcome FROM (SELECT DISTINCT oid, name FROM reader) AS r CROSS JOIN LATERAL pg_temp.outcome(pg_temp.call(oid, CASE WHEN name = 'explain_gap' THEN 'versus' END, '''previous_period''')) AS outcome WHERE outcome <> 'rows'$$,
    'with what must be given alone, each of them answers, whatever the names');
SELECT is_empty(
    $$SELECT relname, outcome FROM pg_class CROSS JOIN LATERAL pg_temp.outcome(format('SELECT count(*) FROM %s', pg_class.oid::regclass)) AS outcome
      WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname LIKE 'a "b"%') AND relkind = 'v' AND outcome <> 'rows'$$,
    'and so does each view');

CREATE TEMP TABLE given AS
SELECT r.name, r.argument, r.type, v.value, pg_temp.outcome(pg_temp.call(r.oid, r.argument, v.value)) AS outcome
FROM reader AS r
JOIN (VALUES
    ('text'::regtype, $$''$$),
    ('text', $$'nothing of this name'$$),
    ('text', $$'''; DROP TABLE public.victim; --'$$),
    ('text', $$'month'' OR true) UNION SELECT * FROM public.victim --'$$),
    ('text', $$'all" , pg_sleep(60)'$$),
    ('text', $$E'\\\n\t\b'$$),
    ('text', $$repeat('長', 100000)$$),
    ('date', $$'infinity'$$),
    ('date', $$'-infinity'$$),
    ('timestamptz', 'NULL'),
    ('timestamptz', $$'infinity'$$),
    ('timestamptz', $$'-infinity'$$),
    ('integer', 'NULL'),
    ('integer', $$'-1'$$),
    ('integer', '0'),
    ('integer', '2147483647'),
    ('integer', $$'-2147483648'$$),
    ('bigint', $$'-1'$$),
    ('bigint', '9223372036854775807'),
    ('double precision', $$'NaN'$$),
    ('double precision', $$'Infinity'$$),
    ('double precision', $$'-1'$$)
) AS v (type, value) ON v.type = r.type;
SELECT is_empty($$SELECT name, argument, left(value, 40), left(outcome, 100) FROM given WHERE outcome <> 'rows' AND outcome NOT LIKE '22023 %'$$, 'each argument is taken or refused with 22023');
SELECT is_empty(
    $$SELECT name, argument, left(value, 40) FROM given
      WHERE type = 'text'::regtype AND outcome = 'rows' AND name IN (SELECT report.name FROM report) AND argument IN ('by', 'grain', 'policy', 'kpi', 'pacing', 'definition', 'language', 'method', 'calendar')$$,
    'no text that means nothing is taken');
SELECT is_empty($$SELECT name, argument, left(value, 40) FROM given WHERE argument = 'as_of' AND outcome = 'rows' AND name IN (SELECT report.name FROM report)$$,
    'as_of is an instant');
SELECT is_empty($$SELECT name, argument, left(value, 40) FROM given WHERE argument IN ('from_date', 'to_date') AND outcome = 'rows' AND name IN (SELECT report.name FROM report)$$, 'days are finite');
SELECT is_empty(
    $$SELECT name, argument, left(outcome, 100) FROM given WHERE outcome LIKE '22023 %' AND argument IN ('by', 'grain') AND outcome NOT LIKE format('%%"%s"%%', argument)$$,
    'the error says which argument it was');
SELECT is_empty(
    $$SELECT name, outcome
      FROM (SELECT oid, min(call) AS call, min(name) AS name FROM reader GROUP BY oid HAVING array_agg(argument) @> '{from_date,to_date}') AS r
      CROSS JOIN LATERAL pg_temp.outcome(replace(pg_temp.call(oid, 'from_date', '''2026-03-01'''), 'from_date =>', 'to_date => ''2026-02-01'', from_date =>')) AS outcome
      WHERE outcome NOT LIKE '22023 %' AND name NOT IN (SELECT name FROM reader WHERE argument IN ('from_date', 'to_date') AND is_required)$$,
    'from_date after to_date is refused');
SELECT cmp_ok((SELECT count(*) FROM given), '>', 400::bigint, 'so many were tried');
SELECT cmp_ok((SELECT count(*) FROM given WHERE outcome LIKE '22023 %'), '>', 200::bigint, 'and so many refused');
SELECT is((SELECT count(*) FROM public.victim), 1::bigint, 'nothing was run that stood in an argument or a name');
SELECT lives_ok($test$SELECT kpicrm.drop_workspace($$a "b"'; DROP TABLE public.victim; --$$, true)$test$, 'and the workspace can be dropped');

SELECT * FROM finish();
ROLLBACK;
