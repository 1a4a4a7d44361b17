/*
 * The registry of KPIs: what users may define, what they cannot reach with it, and
 * what is said to them.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT no_plan();

CREATE FUNCTION pg_temp.define(numerator text, denominator text DEFAULT NULL, condition text DEFAULT NULL, fact text DEFAULT 'deal_closing', date_column text DEFAULT 'closed_date', kind text DEFAULT 'flow') RETURNS void
    LANGUAGE sql
AS $$
    INSERT INTO crm.kpi (code, name, name_ja, unit, kind, fact, date_column, condition, numerator, denominator)
    VALUES ('own', 'Own', 'own', 'amount', kind, fact, date_column, condition, numerator, denominator)
$$;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'it was accepted' USING ERRCODE = 'P0098';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || CASE WHEN hint = '' THEN ' (no hint)' ELSE '' END;
END;
$$;

-- What is shipped is valid, has Japanese names and definitions in both languages.
UPDATE crm.kpi SET name = name;
SELECT pass('every shipped definition is accepted');
SELECT is_empty(
    $$SELECT wanted FROM unnest(ARRAY['lead_count', 'inquiry_count', 'deal_count', 'visit_count', 'contact_count', 'prospect_deal_count', 'opportunity_rate', 'win_rate',
        'average_deal_amount', 'revenue_per_customer', 'lead_time_days', 'revenue', 'gross_profit', 'growth_rate', 'new_customer_count', 'repeat_rate', 'renewal_rate',
        'inquiry_response_rate', 'ltv', 'csat', 'nps', 'pipeline_coverage', 'sales_velocity']) AS wanted
      WHERE NOT EXISTS (SELECT FROM crm.kpi WHERE code = wanted AND name_ja <> name AND description <> '' AND description_ja <> '')$$,
    'all that is promised is shipped, in English and Japanese'
);
SELECT is(
    (SELECT string_agg(code, ' ' ORDER BY code) FROM crm.kpi WHERE NOT up_is_better), 'lead_time_days', 'less is better of the lead time');
SELECT is_empty(
    $$SELECT kind, object_name, column_name FROM crm.describe('ja') WHERE caption IS NULL OR (kind = 'kpi' AND description !~ '[ぁ-ん一-龠]')$$,
    'describe(ja) has a caption for everything'
);
SELECT is_empty(
    $$SELECT kind, object_name, column_name FROM crm.describe('ja') WHERE kind <> 'kpi' AND caption = coalesce(column_name, object_name)$$,
    'and it is Japanese, for every view and column'
);
SELECT is(
    (SELECT string_agg(d.caption, ', ' ORDER BY d.kind DESC) FROM crm.describe('ja') AS d WHERE d.object_name IN ('win_rate', 'sales_vs_target') AND coalesce(d.column_name, 'target_amount') = 'target_amount'),
    '売上予実, 成約率, 目標金額', 'Japanese captions');
SELECT is((SELECT d.caption FROM crm.describe() AS d WHERE d.object_name = 'win_rate'), 'Win rate', 'English unless set');
UPDATE crm.setting SET language = 'ja';
SELECT is((SELECT d.caption FROM crm.describe() AS d WHERE d.object_name = 'win_rate'), '成約率', 'the language of the settings');
SELECT is(pg_temp.refusal($$SELECT * FROM crm.describe('fr')$$), '22023 invalid value for argument "language": "fr"', 'no other language');

-- What users can define.
SELECT pg_temp.define('sum(amount) FILTER (WHERE won AND amount >= 500)', 'count(DISTINCT rep_id)', 'source_id IS NOT NULL -- only known sources') \g /dev/null
SELECT pg_temp.same_rows(
    $$SELECT s.member_name, s.value, s.numerator, s.denominator, s.n FROM crm.kpi_series('own', '2026-04-01', '2026-07-01', 'quarter', 'source', '2026-07-01 12:00+09') AS s$$,
    $$SELECT 'Web', 400.0, 800.0, 2.0, 3::bigint UNION ALL SELECT 'Fair', 250.0, 500, 2, 2$$,
    'a KPI of one''s own, with a comment at its end'
);
UPDATE crm.kpi SET numerator = 'percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)', denominator = NULL, condition = 'won' WHERE code = 'own';
SELECT is((SELECT s.value FROM crm.kpi_series('own', '2026-04-01', '2026-07-01', 'quarter', as_of => '2026-07-01 12:00+09') AS s), 350.0, 'a median');
UPDATE crm.kpi SET numerator = '100 * kpicrm.rate(kpicrm.conversion_agg(won))', condition = NULL WHERE code = 'own';
SELECT is((SELECT round(s.value, 6) FROM crm.kpi_series('own', '2026-04-01', '2026-07-01', 'quarter', as_of => '2026-07-01 12:00+09') AS s), 66.666667, 'a state of kpicrm');
UPDATE crm.kpi SET numerator = 'sum(amount) / 0.0::float8' WHERE code = 'own';
SELECT is(pg_temp.refusal($$SELECT * FROM crm.kpi_series('own')$$), '22012 division by zero (no hint)', 'an error while it is measured is PostgreSQL''s own');
UPDATE crm.kpi SET numerator = 'sum(''Infinity''::float8)' WHERE code = 'own';
SELECT is((SELECT count(s.value) FROM crm.kpi_series('own') AS s), 0::bigint, 'infinity is no value');
CREATE VIEW crm.big_deals WITH (security_invoker = true) AS SELECT deal_id, rep_id, opened_date, amount FROM crm.deals WHERE amount >= 700;
UPDATE crm.kpi SET fact = 'big_deals', date_column = 'opened_date', numerator = 'count(*)' WHERE code = 'own';
SELECT pg_temp.same_rows(
    $$SELECT s.period_start, s.value FROM crm.kpi_series('own', grain => 'year', as_of => '2026-05-10 12:00+09') AS s$$,
    $$VALUES (date '2025-04-01', 3.0), ('2026-04-01', 1)$$,
    'a view of one''s own as fact: days after as_of do not count'
);
SELECT is(pg_temp.refusal($$SELECT * FROM crm.kpi_series('own', by => 'source')$$), '22023 invalid value for argument "by": "source"', 'it has the dimensions that its columns name');
INSERT INTO crm.kpi (code, name, name_ja, unit, kind, inputs, numerator, denominator)
VALUES ('revenue_per_visit', 'Revenue per visit', '訪問単価', 'amount', 'formula', '{revenue,visit_count}', 'revenue', 'visit_count');
SELECT is((SELECT s.value FROM crm.kpi_series('revenue_per_visit', grain => 'year', as_of => '2026-03-31 23:59+09') AS s WHERE s.value IS NOT NULL), 1400.0, 'a formula of other KPIs');
SELECT is((SELECT count(*) FROM crm.kpi_series('revenue_per_visit', grain => 'year', by => 'rep', as_of => '2026-03-31 23:59+09') AS s WHERE s.value = 1400), 1::bigint, 'by rep too');
SELECT is(pg_temp.refusal($$DELETE FROM crm.kpi WHERE code = 'visit_count'$$), '23503 KPI "visit_count" is an input of "revenue_per_visit"', 'an input stays');
SELECT is(pg_temp.refusal($$UPDATE crm.kpi SET code = 'visits' WHERE code = 'visit_count'$$), '23503 KPI "visit_count" is an input of "revenue_per_visit"', 'under its name');
DELETE FROM crm.kpi WHERE code IN ('own', 'revenue_per_visit');
SELECT definition_hash AS hash FROM crm.kpi WHERE code = 'visit_count' \gset
UPDATE crm.kpi SET condition = 'counts_as_visit AND deal_id IS NOT NULL' WHERE code = 'visit_count';
SELECT isnt((SELECT definition_hash FROM crm.kpi WHERE code = 'visit_count'), :'hash', 'a changed definition has another hash');

-- What is broken is refused as it is written, with what the parser says and a hint.
SELECT is(pg_temp.refusal(format('SELECT pg_temp.define(%L, %L, %L)', v.numerator, v.denominator, v.condition)), v.refusal, v.refusal)
FROM (VALUES
    ('sum(amont)', NULL, NULL, '42703 the numerator of KPI "own" is not valid: column "amont" does not exist'),
    ('sum(amount', NULL, NULL, '42601 the numerator of KPI "own" is not valid: syntax error at end of input'),
    ('', NULL, NULL, '22023 the numerator of KPI "own" is not valid: this is more than one expression'),
    ('amount', NULL, NULL, '42803 the numerator of KPI "own" is not valid: column "fact.amount" must appear in the GROUP BY clause or be used in an aggregate function'),
    ('1', NULL, NULL, '22023 the numerator of KPI "own" is not valid: the expression has no aggregate function'),
    ('sum(amount) + amount', NULL, NULL, '42803 the numerator of KPI "own" is not valid: column "fact.amount" must appear in the GROUP BY clause or be used in an aggregate function'),
    ('min(closed_date)', NULL, NULL, '42804 the numerator of KPI "own" is not valid: it is of type date'),
    ('count(*)', 'bool_or(won)', NULL, '42804 the denominator of KPI "own" is not valid: it is of type boolean'),
    ('count(*)', NULL, 'amount', '42804 the condition of KPI "own" is not valid: it is of type numeric'),
    ('count(*)', NULL, 'count(*) > 1', '22023 the condition of KPI "own" is not valid: an aggregate function cannot be used here'),
    ('sum(sum(amount))', NULL, NULL, '42803 the numerator of KPI "own" is not valid: aggregate function calls cannot be nested'),
    ('sum(count(*)) OVER ()', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot contain a window function'),
    ('generate_series(1, count(*)::integer)', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot return a set'),
    ('count(*) AS n', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression has no name'),
    ('count(*), count(*)', NULL, NULL, '22023 the numerator of KPI "own" is not valid: this is more than one expression'),
    ('count(*) FILTER (WHERE closed_date < ''today'')', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot depend on the day it is read'),
    ('count(*) FILTER (WHERE closed_date < date E''\x20ToMorrow'')', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot depend on the day it is read'),
    ('count(*) FILTER (WHERE closed_date = ANY (''{2026-01-01,yesterday}''))', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot depend on the day it is read'),
    ('count(*) FILTER (WHERE closed_date <@ daterange ''[2026-01-01,now)'')', NULL, NULL, '22023 the numerator of KPI "own" is not valid: an expression cannot depend on the day it is read'),
    ('count(*)', NULL, 'closed_at AT TIME ZONE ''UTC'' > ''now''', '22023 the condition of KPI "own" is not valid: an expression cannot depend on the day it is read'),
    ('count(*)', NULL, 'closed_at >= ''2026-04-01''', '22023 the condition of KPI "own" is not valid: an instant cannot be written here, because it depends on the time zone of the session'),
    ('count(*)', 'count(*) FILTER (WHERE closed_at <@ tstzmultirange ''{[2026-04-01,)}'')', NULL, '22023 the denominator of KPI "own" is not valid: an instant cannot be written here, because it depends on the time zone of the session')
) AS v (numerator, denominator, condition, refusal);
SELECT is(pg_temp.refusal(format('SELECT pg_temp.define(''count(*)'', condition => %L)', v.condition)), 'P0098 it was accepted (no hint)', v.condition)
FROM (VALUES
    ('closed_date >= ''2026-04-01'' AND closed_date < ''infinity'''),
    ('closed_at >= timestamp ''2026-04-01 09:00'' AT TIME ZONE ''Asia/Tokyo'''),
    ('''today'' < ''tomorrow''::text')
) AS v (condition);
SELECT is(pg_temp.refusal(v.statement), v.refusal, v.refusal)
FROM (VALUES
    ($$SELECT pg_temp.define('count(*)', fact => 'nonsense')$$, '22023 there is no fact "nonsense" in workspace "crm"'),
    ($$SELECT pg_temp.define('count(*)', fact => 'pg_class')$$, '22023 there is no fact "pg_class" in workspace "crm"'),
    ($$SELECT pg_temp.define('count(*)', date_column => 'closed_at')$$, '22023 fact "deal_closing" of KPI "own" has no column "closed_at" of type date'),
    ($$SELECT pg_temp.define('count(DISTINCT rep_id)', kind => 'running')$$, '22023 KPI "own" is a running total, but does not add up'),
    ($$INSERT INTO crm.kpi (code, name, name_ja, unit, kind, inputs, numerator) VALUES ('own', 'a', 'a', 'count', 'formula', '{nothing}', 'nothing')$$, '22023 the inputs of KPI "own" are not valid: "nothing"'),
    ($$INSERT INTO crm.kpi (code, name, name_ja, unit, kind, inputs, numerator) VALUES ('own', 'a', 'a', 'count', 'formula', '{own}', 'own')$$, '22023 the inputs of KPI "own" are not valid: "own"'),
    ($$INSERT INTO crm.kpi (code, name, name_ja, unit, kind, inputs, numerator) VALUES ('own', 'a', 'a', 'count', 'formula', '{revenue}', 'revenue * visits')$$, '42703 the numerator of KPI "own" is not valid: column "visits" does not exist'),
    ($$SELECT * FROM crm.kpi_series('nonsense')$$, '22023 invalid value for argument "kpi": "nonsense"'),
    ($$SELECT * FROM crm.kpi_series(NULL)$$, '22023 invalid value for argument "kpi": NULL'),
    ($$SELECT * FROM crm.kpi_series('revenue', grain => 'decade')$$, '22023 invalid value for argument "grain": "decade"'),
    ($$SELECT * FROM crm.kpi_series('revenue', grain => NULL)$$, '22023 invalid value for argument "grain": NULL'),
    ($$SELECT * FROM crm.kpi_series('revenue', by => 'region')$$, '22023 invalid value for argument "by": "region"'),
    ($$SELECT * FROM crm.kpi_series('lead_count', by => 'product')$$, '22023 invalid value for argument "by": "product"'),
    ($$SELECT * FROM crm.kpi_series('sales_velocity', by => 'nobody')$$, '22023 invalid value for argument "by": "nobody"'),
    ($$SELECT * FROM crm.kpi_series('revenue', '2026-02-01', '2026-01-01')$$, '22023 invalid value for argument "from_date": "2026-02-01"'),
    ($$SELECT * FROM crm.kpi_series('revenue', '-infinity')$$, '22023 invalid value for argument "from_date": "-infinity"'),
    ($$SELECT * FROM crm.kpi_series('revenue', to_date => 'infinity')$$, '22023 invalid value for argument "to_date": "infinity"')
) AS v (statement, refusal);

-- Text is never more than an expression.
CREATE TABLE public.victim (secret text);
INSERT INTO public.victim VALUES ('42');
CREATE FUNCTION public.evil() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'evil ran' USING ERRCODE = 'P0666'; END$$;
CREATE FUNCTION public.evil(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT public.evil()';
CREATE OPERATOR public.!! (RIGHTARG = bigint, FUNCTION = public.evil);
CREATE DOMAIN public.evil_domain AS bigint CHECK (public.evil(VALUE) > 0);
CREATE AGGREGATE public.evil_sum(bigint) (SFUNC = pg_catalog.int8pl, STYPE = bigint, INITCOND = '0');
SELECT ok(
    pg_temp.refusal(format('SELECT pg_temp.define(%s => %L%s)', part, attack, CASE part WHEN 'numerator' THEN '' ELSE ', numerator => ''count(*)''' END)) ~ '^(42|22|0A)[0-9A-Z]{3} the (numerator|denominator|condition) of KPI "own" is not valid: ',
    format('not as %s: %s', part, attack)
)
FROM unnest(ARRAY['numerator', 'denominator', 'condition']) AS part, unnest(ARRAY[
    '1) FROM public.victim; DROP TABLE public.victim; --',
    'count(*)); DROP TABLE public.victim; SELECT (1',
    'count(*); DROP TABLE public.victim',
    '1) AS a FROM public.victim UNION ALL SELECT (2',
    '1)) FROM public.victim --',
    'count(*) FROM public.victim',
    'count(*) /*',
    'count(*) */ FROM public.victim /*',
    'count(*) || $$',
    'count(*) || $x$ ) FROM public.victim $x$ || ''',
    'count(*) + (SELECT count(*) FROM public.victim)',
    'count(*) + (SELECT secret::bigint FROM public.victim LIMIT 1)',
    'max((TABLE public.victim)::bigint)',
    'count(*) FILTER (WHERE EXISTS (SELECT FROM public.victim))',
    'count(*) + (WITH gone AS (DELETE FROM public.victim RETURNING 1) SELECT count(*) FROM gone)',
    'count(*) INTO TEMP stolen',
    'count(*) + (VALUES (1))',
    'count(*) + ARRAY(SELECT 1)[1]',
    'count(*) + public.evil()',
    'count(*) + evil()',
    'sum(public.evil(rep_id))',
    'sum(OPERATOR(public.!!) rep_id)',
    'sum(rep_id::public.evil_domain)',
    'public.evil_sum(rep_id)',
    'count(pg_read_file(''/etc/passwd''))',
    'count(pg_catalog.query_to_xml(''DELETE FROM public.victim'', true, true, ''''))',
    'count(table_to_xml(''public.victim'', true, true, ''''))',
    'count(set_config(''kpicrm.history'', ''off'', false))',
    'count(pg_terminate_backend(1))',
    'count(nextval(''crm.deal_id_seq''))',
    'count(lo_import(''/etc/passwd''))',
    'count(kpicrm.create_workspace(''x''))',
    'count(kpicrm.measured_rows(''DELETE FROM public.victim''))',
    'count(current_user)',
    'count(now())',
    'count(random())',
    'count(current_setting(''is_superuser''))',
    '$1',
    'count(*) COLLATE nonsense',
    'ALL',
    '*',
    'fact.*',
    E'count(*)\n) FROM public.victim; SELECT (\n1',
    'DISTINCT count(*)',
    'count(*) ORDER BY 1',
    'count(*) LIMIT 1',
    'count(*) WINDOW w AS ()',
    'count(*) WHERE true',
    'count(*) GROUP BY 1',
    'count(*) HAVING true',
    'count(*) FOR UPDATE',
    'count(*) UNION SELECT 1'
]) AS attack;
SELECT is((SELECT count(*) FROM public.victim), 1::bigint, 'and nothing has happened');
-- Names that hold quotes.
SELECT is(pg_temp.refusal(format('SELECT pg_temp.define(''count(*)'', %s => %L)', part, name)) ~ '^22023 (there is no fact|fact "deal_closing")', true, format('not as %s: %s', part, name))
FROM unnest(ARRAY['fact', 'date_column']) AS part, unnest(ARRAY['deal"; DROP TABLE public.victim; --', 'x''; DROP TABLE public.victim; --', 'crm.deal', 'deal, public.victim']) AS name;
SELECT is(pg_temp.refusal(format('SELECT * FROM crm.kpi_series(%s => %L%s)', argument, attack, CASE argument WHEN 'kpi' THEN '' ELSE ', kpi => ''revenue''' END)) ~ '^22023 invalid value', true, format('not as %s: %s', argument, attack))
FROM unnest(ARRAY['kpi', 'grain', 'by']) AS argument, unnest(ARRAY['rep''; DROP TABLE public.victim; --', 'rep_id) FROM public.victim --', 'month'') --']) AS attack;

-- A name in a definition cannot come to mean something else.
SELECT pg_temp.define('round(sum(lead_time_days)::numeric, 1)') \g /dev/null
CREATE FUNCTION crm.round(numeric, integer) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'evil ran'; END$$;
CREATE FUNCTION crm.sum(double precision) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RAISE EXCEPTION 'evil ran'; END$$;
SET LOCAL search_path = crm, public, pg_catalog;
SELECT ok((SELECT count(s.value) > 0 FROM crm.kpi_series('own') AS s), 'functions of the workspace''s schema are not seen by expressions');
RESET search_path;
DELETE FROM crm.kpi WHERE code = 'own';
-- Two strings and a comparison if a backslash is one, else a string and a way out.
SELECT format('count(*) FILTER (WHERE ''%s'' = '') FROM public.victim; DROP TABLE public.victim; --'')', chr(92)) AS attack \gset
SET LOCAL standard_conforming_strings = off;
SELECT pg_temp.define(:'attack') \g /dev/null
SELECT is((SELECT sum(s.value) FROM crm.kpi_series('own') AS s), 0::numeric, 'backslashes are read in one way, whatever the session says');
SET LOCAL standard_conforming_strings = on;
SELECT is((SELECT sum(s.value) FROM crm.kpi_series('own') AS s), 0::numeric, 'in this way too');
SELECT is((SELECT count(*) FROM public.victim), 1::bigint, 'and nothing has happened');
DELETE FROM crm.kpi WHERE code = 'own';

-- Who reads a KPI needs the rights to what it counts; who writes one gets none.
CREATE ROLE regress_kpi_author;
CREATE ROLE regress_kpi_reader;
GRANT USAGE ON SCHEMA crm TO regress_kpi_author, regress_kpi_reader;
GRANT SELECT, INSERT, UPDATE ON crm.kpi TO regress_kpi_author;
GRANT SELECT ON crm.setting TO regress_kpi_author;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO regress_kpi_reader;
SET LOCAL ROLE regress_kpi_author;
SELECT lives_ok($$SELECT pg_temp.define('sum(amount)', NULL, 'won')$$, 'an author needs no right to the deals');
SELECT ok(pg_temp.refusal($$SELECT * FROM crm.kpi_series('own')$$) ~ '^42501 permission denied', 'and cannot read them through a KPI');
SELECT is(pg_temp.refusal($$SELECT * FROM kpicrm.measured_rows('SELECT name, name, id, current_date, 0.0, 0.0, id FROM crm.deal')$$), '42501 permission denied for table deal (no hint)', 'nor through what measures them');
CREATE TEMP VIEW shadow AS SELECT current_date AS day, 1 AS rep_id;
SELECT is(pg_temp.refusal($$UPDATE crm.kpi SET fact = 'shadow', date_column = 'day', condition = NULL, numerator = 'count(*)' WHERE code = 'own'$$), '22023 there is no fact "shadow" in workspace "crm"', 'a view of the author''s own is no fact');
RESET ROLE;
GRANT CREATE ON SCHEMA crm TO regress_kpi_author;
SET LOCAL ROLE regress_kpi_author;
CREATE VIEW crm.shadow AS SELECT current_date AS day, public.evil() AS rep_id;
SELECT is(pg_temp.refusal($$UPDATE crm.kpi SET fact = 'shadow', date_column = 'day', condition = NULL, numerator = 'count(*)' WHERE code = 'own'$$), '22023 there is no fact "shadow" in workspace "crm"', 'not even in the schema of the workspace');
RESET ROLE;
ALTER TABLE crm.deal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_team ON crm.deal FOR SELECT TO regress_kpi_reader USING (rep_id = 3);
SET LOCAL ROLE regress_kpi_reader;
SELECT is((SELECT sum(s.value) FROM crm.kpi_series('revenue', as_of => '2026-07-01 12:00+09') AS s), 200.0, 'row security on deal holds');
SELECT is((SELECT sum(s.value) FROM crm.kpi_series('own', as_of => '2026-07-01 12:00+09') AS s), 200.0, 'for every definition');
RESET ROLE;

-- Targets begin with their period.
SELECT is(pg_temp.refusal(format('INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES (''revenue'', %L, %L, 1)', grain, day)), '23514 ' || day || ' is not the first day of a ' || grain, grain)
FROM (VALUES ('week', '2026-04-07'), ('month', '2026-04-02'), ('quarter', '2026-05-01'), ('half', '2026-07-01'), ('year', '2026-01-01')) AS v (grain, day);
SELECT lives_ok(format('INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES (''win_rate'', %L, %L, 1)', grain, day), grain || ' from its first day')
FROM (VALUES ('week', '2026-04-06'), ('month', '2026-04-01'), ('quarter', '2026-07-01'), ('half', '2026-10-01'), ('year', '2026-04-01')) AS v (grain, day);
SELECT is(pg_temp.refusal($$INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES ('nonsense', 'month', '2026-04-01', 1)$$) ~ '^23503', true, 'a target of no KPI');
SELECT is(pg_temp.refusal($$INSERT INTO crm.target (kpi_code, grain, period_start, rep_id, value) VALUES ('revenue', 'month', '2026-04-01', 99, 1)$$) ~ '^23503', true, 'a target for nobody');
SELECT is(pg_temp.refusal($$INSERT INTO crm.target (kpi_code, grain, period_start, product_id, value) VALUES ('lead_count', 'month', '2026-04-01', 1, 5)$$), '22023 KPI "lead_count" cannot be measured by product', 'a target of what is not measured');

-- The parts of a definition that add up.
SELECT is(
    (SELECT string_agg(e || ' ' || kpicrm.expression_adds_up(e, '(SELECT 1 AS a, 2.5 AS b, true AS c) AS t'), E'\n' ORDER BY e COLLATE "C") FROM unnest(ARRAY[
        'count(*)', 'sum(a)', 'sum(b) FILTER (WHERE c)', '2 * sum(a) - count(b)', '2 * coalesce(sum(a), 0) - count(b)', 'coalesce(sum(b), 0)', 'coalesce(sum(a) - sum(b), 0)', 'sum(a) - sum(b)', 'sum(a)::numeric', '100 * (count(a) - count(*) FILTER (WHERE c))',
        'count(DISTINCT a)', 'max(a)', 'avg(b)', 'sum(a) / count(*)', 'sum(a) * count(*)', 'coalesce(sum(b), 1)', 'sum(b)::integer', 'abs(sum(a))', '1 + sum(a)', 'sum(DISTINCT b)',
        'CASE WHEN sum(a) > 0 THEN sum(a) END']) AS e),
    $want$1 + sum(a) false
100 * (count(a) - count(*) FILTER (WHERE c)) true
2 * coalesce(sum(a), 0) - count(b) true
2 * sum(a) - count(b) false
CASE WHEN sum(a) > 0 THEN sum(a) END false
abs(sum(a)) false
avg(b) false
coalesce(sum(a) - sum(b), 0) false
coalesce(sum(b), 0) true
coalesce(sum(b), 1) false
count(*) true
count(DISTINCT a) false
max(a) false
sum(DISTINCT b) false
sum(a) true
sum(a) * count(*) false
sum(a) - sum(b) false
sum(a) / count(*) false
sum(a)::numeric true
sum(b) FILTER (WHERE c) true
sum(b)::integer false$want$,
    'what adds up'
);
SELECT * FROM finish();
ROLLBACK;
