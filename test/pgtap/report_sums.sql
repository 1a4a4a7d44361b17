/*
 * What adds up in every report with periods and dimensions: months make quarters,
 * these halves and years, and the members of a dimension make the company.  The
 * reports and their columns are read from the catalog, so that a new one is tested
 * too; what cannot add up is listed with its reason.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT kpicrm.create_workspace('crm') \g /dev/null
UPDATE crm.setting SET time_zone = 'Asia/Tokyo', fiscal_start_month = 4;
SELECT kpicrm.generate_demo('crm', 1500, 3, '2026-03-31') \g /dev/null
\pset tuples_only on

CREATE TEMP TABLE no_sum (report text, column_name text, reason text);
INSERT INTO no_sum VALUES
    ('activity_report', 'team_rep_count', 'people of the team at work in the period'),
    ('activity_report', 'team_activity_count', 'stands only beside what the rep did too'),
    ('customer_value_report', 'customer_count', 'who bought in two months is one customer of the quarter'),
    ('customer_value_report', 'repeat_customer_count', 'the same'),
    ('customer_value_report', 'new_customer_count', 'who began with two products is new under both'),
    ('customer_value_report', 'average_order_amount', 'a mean'),
    ('customer_value_report', 'revenue_per_customer_amount', 'a mean'),
    ('customer_value_report', 'average_deal_amount', 'a mean'),
    ('lead_source_report', 'won_per_hour_amount', 'a ratio'),
    ('purchase_cohort', '', 'its periods are those since the cohort began'),
    ('sales_forecast', '', 'a total is less uncertain than its parts');

-- A report is a function with grain, as_of and period_start that a view stands for.
CREATE TEMP TABLE report AS
SELECT
    p.proname::text AS name,
    argument.name AS column_name,
    argument.type::regtype AS type,
    argument.nth,
    argument.type IN ('bigint'::regtype, 'numeric'::regtype)
        AND argument.name ~ '_(count|amount)$' AS is_sum,
    'by' = ANY (p.proargnames) AS has_by
FROM pg_proc AS p
CROSS JOIN LATERAL unnest(p.proargnames, p.proallargtypes, p.proargmodes::text[]) WITH ORDINALITY AS argument (name, type, mode, nth)
WHERE p.pronamespace = 'crm'::regnamespace
    AND p.proargnames @> '{grain,as_of,from_date,period_start}'
    AND p.proname IN (SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'v')
    AND p.proname NOT IN (SELECT no_sum.report FROM no_sum WHERE no_sum.column_name = '')
    AND p.proname NOT IN ('kpi_long', 'sales_vs_target')
    AND argument.mode = 't';
DELETE FROM report USING no_sum WHERE no_sum.report = report.name AND no_sum.column_name = report.column_name;

-- Everything that is no number and no period is part of what a row is about.
CREATE FUNCTION pg_temp.keys(report_name text, without text[] DEFAULT '{}') RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT string_agg(format('%I', column_name), ', ' ORDER BY nth)
    FROM report
    WHERE name = report_name
        AND NOT is_sum
        AND (type IN ('text'::regtype, 'bigint'::regtype) AND column_name !~ '_count$')
        AND column_name NOT IN ('period_label', 'channel')
        AND column_name <> ALL (without)
$$;
CREATE FUNCTION pg_temp.sums(report_name text) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT string_agg(format('round(coalesce(sum(%I), 0), 6) AS %1$I', column_name), ', ' ORDER BY nth) FROM report WHERE name = report_name AND is_sum
$$;
CREATE FUNCTION pg_temp.sum_of_parts(report_name text, part text, whole text) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT format(
        'SELECT %s, kpicrm.fiscal_period_start(period_start, %L, 4) AS start, %s
         FROM crm.%I(from_date => %L, to_date => %L, as_of => %L, grain => %L)
         GROUP BY %1$s, start',
        pg_temp.keys(report_name), whole, pg_temp.sums(report_name), report_name, '2024-04-01', '2026-04-01', '2026-04-01 00:00+09', part
    )
$$;
CREATE FUNCTION pg_temp.sum_of_members(report_name text, is_whole boolean) RETURNS text
    LANGUAGE sql STABLE
AS $$
    SELECT format(
        'WITH shown AS (SELECT * FROM crm.%3$I(from_date => %4$L, to_date => %5$L, as_of => %6$L, grain => %7$L))
         SELECT %1$s, one.dimension_name AS of_dimension, period_start, %2$s
         FROM shown
         JOIN (SELECT DISTINCT dimension_name FROM shown WHERE dimension_name <> %8$L) AS one
         ON shown.dimension_name = CASE WHEN %9$L THEN %8$L ELSE one.dimension_name END
         GROUP BY %1$s, of_dimension, period_start',
        coalesce(pg_temp.keys(report_name, '{dimension_name,member_id,member_name}'), '1::integer'), pg_temp.sums(report_name), report_name,
        '2024-04-01', '2026-04-01', '2026-04-01 00:00+09', 'quarter', 'all', is_whole
    )
$$;

SELECT plan((SELECT (1 + 3 * count(DISTINCT name) + count(DISTINCT name) FILTER (WHERE has_by) + 3 + 2)::integer FROM report));
SELECT cmp_ok(count(DISTINCT name), '>=', 8::bigint, 'there are reports that add up') FROM report;
SELECT bag_eq(
    pg_temp.sum_of_parts(name, grain.part, grain.whole),
    pg_temp.sum_of_parts(name, grain.whole, grain.whole),
    format('%s: each %s is the sum of its %ss', name, grain.whole, grain.part)
)
FROM (SELECT DISTINCT name FROM report) AS report
CROSS JOIN (VALUES ('month', 'quarter'), ('quarter', 'half'), ('half', 'year')) AS grain (part, whole)
ORDER BY name, grain.part;
SELECT bag_eq(
    pg_temp.sum_of_members(name, false),
    pg_temp.sum_of_members(name, true),
    format('%s: the members of each dimension make the company', name)
)
FROM (SELECT DISTINCT name FROM report WHERE has_by) AS report
ORDER BY name;

-- sales_vs_target calls its grains by another name, and each has its own target.
SELECT bag_eq(
    format($$SELECT scope_name, member_id, kpicrm.fiscal_period_start(period_start, %L, 4) AS start,
        sum(won_count) AS won_count, sum(won_amount) AS won_amount, sum(weighted_open_amount) AS weighted, sum(overdue_amount) AS overdue
        FROM crm.sales_vs_target(%L, NULL, '2024-04-01', '2026-04-01', '2026-04-01 00:00+09') GROUP BY 1, 2, 3 HAVING sum(won_count) > 0$$, whole, part),
    format($$SELECT scope_name, member_id, period_start, won_count::numeric, won_amount, weighted_open_amount, overdue_amount
        FROM crm.sales_vs_target(%L, NULL, '2024-04-01', '2026-04-01', '2026-04-01 00:00+09') WHERE won_count > 0$$, whole),
    format('sales_vs_target: each %s is the sum of its %ss', whole, part)
)
FROM (VALUES ('month', 'quarter'), ('quarter', 'half'), ('half', 'year')) AS grain (part, whole);

-- KPIs that are counted or summed: all of them at once.
SELECT bag_eq(
    format($$SELECT kpi.code, listed.dimension_name, listed.member_id, kpicrm.fiscal_period_start(listed.period_start, %L, 4) AS start,
        round(sum(listed.numerator), 6) AS numerator, sum(listed.denominator) AS denominator, sum(listed.n) AS n
        FROM crm.kpi CROSS JOIN LATERAL crm.kpi_measure(ARRAY[kpi.code], '2024-04-01', '2026-04-01', %L, '{all,rep,team}', '2026-04-01 00:00+09') AS listed
        WHERE kpi.kind = 'flow' AND crm.kpi_adds_up(kpi) GROUP BY 1, 2, 3, 4$$, whole, part),
    format($$SELECT kpi.code, listed.dimension_name, listed.member_id, listed.period_start, round(listed.numerator, 6), listed.denominator, listed.n::numeric
        FROM crm.kpi CROSS JOIN LATERAL crm.kpi_measure(ARRAY[kpi.code], '2024-04-01', '2026-04-01', %L, '{all,rep,team}', '2026-04-01 00:00+09') AS listed
        WHERE kpi.kind = 'flow' AND crm.kpi_adds_up(kpi)$$, whole),
    format('KPIs that add up: each %s is the sum of its %ss', whole, part)
)
FROM (VALUES ('month', 'quarter'), ('quarter', 'year')) AS grain (part, whole);
SELECT * FROM finish();
ROLLBACK;
