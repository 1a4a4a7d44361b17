/*
 * kpi_series: every shipped KPI against plain SQL and against the reports that show
 * the same, on the small company and on a generated one.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/occasion.sql
\pset tuples_only on
SELECT plan(51);

-- This file counts its own.
DELETE FROM crm.inquiry;
DELETE FROM crm.feedback;
DELETE FROM crm.contract;
INSERT INTO crm.inquiry (name, account_id, rep_id, received_at, responded_at) VALUES
    ('a', 1, 1, '2026-05-01 00:10+09', '2026-05-02 10:00+09'),
    ('b', 1, 1, '2026-05-31 23:50+09', NULL),
    ('answered after as_of', 1, 2, '2026-06-01 00:00+09', '2026-07-02 10:00+09'),
    ('c', 2, 2, '2026-06-30 10:00+09', '2026-06-30 11:00+09');
INSERT INTO crm.feedback (account_id, rep_id, kind, score, received_at) VALUES
    (1, 1, 'csat', 5, '2026-05-01 10:00+09'), (1, 1, 'csat', 4, '2026-05-02 10:00+09'), (1, 2, 'csat', 3, '2026-05-03 10:00+09'),
    (1, 1, 'nps', 10, '2026-05-01 10:00+09'), (1, 1, 'nps', 9, '2026-05-01 10:00+09'), (2, 2, 'nps', 6, '2026-05-01 10:00+09'),
    (2, 2, 'nps', 8, '2026-05-31 23:59+09');
INSERT INTO crm.contract (id, account_id, product_id, starts_on, ends_on, renewed_by) VALUES
    (1, 1, 1, '2025-04-01', '2026-04-30', NULL), (2, 1, 1, '2026-05-01', '2027-04-30', NULL),
    (3, 2, 2, '2025-05-01', '2026-04-30', NULL), (4, 2, 2, '2025-07-02', '2026-07-02', NULL);
UPDATE crm.contract SET renewed_by = 2 WHERE id = 1;
UPDATE crm.deal SET cost = amount / 4 WHERE id IN (1, 3, 4);

CREATE FUNCTION pg_temp.series(kpi text, grain text, by text) RETURNS TABLE (period_start date, member text, value numeric, numerator numeric, denominator numeric)
    LANGUAGE sql STABLE
AS $$
    SELECT s.period_start, s.member_name, round(s.value, 6), round(s.numerator, 6), round(s.denominator, 6)
    FROM crm.kpi_series(kpi, grain => grain, by => by, as_of => '2026-07-01 12:00+09') AS s
$$;

-- From truth, by every dimension and three grains.
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.series(''win_rate'', %L, %L)', g, d),
    format($$SELECT date_trunc(%L, day::timestamp)::date, member, round(count(*) FILTER (WHERE outcome = 'won')::numeric / count(*), 6),
        count(*) FILTER (WHERE outcome = 'won')::numeric, count(*)::numeric
      FROM occasion WHERE occasion = 'closed' AND dimension = %L GROUP BY 1, 2$$, g, d),
    format('win_rate by %s and %s', d, g)
)
FROM unnest(ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']) AS d, unnest(ARRAY['month', 'week']) AS g;
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.series(''deal_count'', ''quarter'', %L)', d),
    format($$SELECT date_trunc('quarter', day::timestamp)::date, member, count(*)::numeric, count(*)::numeric, NULL::numeric
      FROM occasion WHERE occasion = 'opened' AND dimension = %L GROUP BY 1, 2$$, d),
    format('deal_count by %s', d)
)
FROM unnest(ARRAY['all', 'rep', 'team', 'product']) AS d;
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('average_deal_amount', 'month', 'product')$$,
    $$SELECT date_trunc('month', day::timestamp)::date, member, round(avg(amount), 6), sum(amount), count(amount)::numeric
      FROM occasion WHERE occasion = 'closed' AND outcome = 'won' AND dimension = 'product' GROUP BY 1, 2$$,
    'average_deal_amount'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('lead_time_days', 'quarter', 'rep')$$,
    $$SELECT date_trunc('quarter', day::timestamp)::date, member, round(avg(days), 6), round(sum(days), 6), count(*)::numeric
      FROM occasion WHERE occasion = 'closed' AND outcome = 'won' AND dimension = 'rep' GROUP BY 1, 2$$,
    'lead_time_days'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('revenue_per_customer', 'year', 'all')$$,
    $$SELECT make_date(EXTRACT(year FROM ended_at AT TIME ZONE 'Asia/Tokyo' - interval '3 months')::integer, 4, 1), 'all',
        round(sum(amount) / count(DISTINCT account_id), 6), sum(amount), count(DISTINCT account_id)::numeric
      FROM truth WHERE outcome = 'won' AND account_id IS NOT NULL GROUP BY 1$$,
    'revenue_per_customer'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('gross_profit', 'month', 'all')$$,
    $$VALUES (date '2026-03-01', 'all', 750.0, 750.0, NULL::numeric), ('2026-05-01', 'all', 600, 600, NULL)$$,
    'gross_profit: deals 1 and 3, whose cost is known'
);

-- By hand.
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('lead_count', 'month', 'source')$$,
    $$VALUES (date '2026-01-01', 'Web', 1.0, 1.0, NULL::numeric), ('2026-02-01', 'Fair', 1, 1, NULL)$$, 'lead_count');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('opportunity_rate', 'year', 'all')$$,
    $$VALUES (date '2025-04-01', 'all', 0.5, 1.0, 2.0)$$, 'opportunity_rate: lead one has two deals and counts once');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('contact_count', 'month', 'rep')$$,
    $$VALUES (date '2026-01-01', 'Aoi', 3.0, 3.0, NULL::numeric), ('2026-02-01', 'Aoi', 1, 1, NULL)$$, 'contact_count: what is done');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('visit_count', 'month', 'all')$$,
    $$VALUES (date '2026-02-01', 'all', 1.0, 1.0, NULL::numeric)$$, 'visit_count');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('inquiry_count', 'month', 'all')$$,
    $$VALUES (date '2026-05-01', 'all', 2.0, 2.0, NULL::numeric), ('2026-06-01', 'all', 2, 2, NULL)$$, 'inquiry_count in local months');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('inquiry_response_rate', 'month', 'all')$$,
    $$VALUES (date '2026-05-01', 'all', 0.5, 1.0, 2.0), ('2026-06-01', 'all', 0.5, 1, 2)$$, 'inquiry_response_rate: the answer after as_of is none yet');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('csat', 'month', 'rep')$$,
    $$VALUES (date '2026-05-01', 'Aoi', 1.0, 2.0, 2.0), ('2026-05-01', 'Ben', 0, 0, 1)$$, 'csat');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('nps', 'month', 'all')$$,
    $$VALUES (date '2026-05-01', 'all', 25.0, 100.0, 4.0)$$, 'nps: two promoters, one detractor, one passive');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('renewal_rate', 'month', 'product')$$,
    $$VALUES (date '2026-04-01', 'Alpha', 1.0, 1.0, 1.0), ('2026-04-01', 'Beta', 0, 0, 1)$$, 'renewal_rate: contracts that have ended');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.series('new_customer_count', 'month', 'all')$$,
    $$VALUES (date '2025-04-01', 'all', 1.0, 1.0, NULL::numeric), ('2026-04-01', 'all', 1, 1, NULL)$$, 'new_customer_count');
SELECT pg_temp.same_rows(
    $$SELECT s.* FROM pg_temp.series('prospect_deal_count', 'month', 'all') AS s WHERE s.period_start >= '2026-02-01'$$,
    $$VALUES (date '2026-02-01', 'all', 2.0, 2.0, NULL::numeric), ('2026-03-01', 'all', 2, 2, NULL), ('2026-04-01', 'all', 1, 1, NULL),
        ('2026-05-01', 'all', 1, 1, NULL), ('2026-06-01', 'all', 2, 2, NULL), ('2026-07-01', 'all', 2, 2, NULL)$$,
    'prospect_deal_count: deals 1 and 2 in Contract at the end of February; 2 (won at 0:30 on 1 April) and 13 at the end of March; 13, from June 11 too'
);
SELECT pg_temp.same_rows(
    $$SELECT s.period_start, s.value FROM crm.kpi_series('expected_amount', as_of => '2026-07-01 12:00+09') AS s$$,
    $$SELECT date_trunc('month', expected_close_on)::date, sum(amount) FROM crm.deal JOIN crm.phase ON phase.id = phase_id
      WHERE kind = 'open' AND opened_at <= '2026-07-01 12:00+09' AND expected_close_on IS NOT NULL GROUP BY 1$$,
    'expected_amount: open deals by the month they are expected in'
);
SELECT is(
    (SELECT round(s.lower::numeric, 9) || ' ' || round(s.upper::numeric, 9) || ' ' || s.n FROM crm.kpi_series('win_rate', '2026-04-01', '2026-07-01', 'quarter', as_of => '2026-07-01 12:00+09') AS s),
    (SELECT round(pg_temp.wilson(4, 6, -1), 9) || ' ' || round(pg_temp.wilson(4, 6, 1), 9) || ' 6'),
    'Wilson bounds and n'
);
SELECT is(
    (SELECT count(DISTINCT s.definition_hash) || ' ' || bool_and(s.definition_hash = k.definition_hash) FROM crm.kpi AS k, crm.kpi_series(k.code, as_of => '2026-07-01 12:00+09') AS s WHERE k.kind <> 'formula'),
    '21 true',
    'the hash of the definition comes with every result, and differs'
);

-- A generated company, as of a day in its past: the reports show the same numbers.
SELECT kpicrm.create_workspace('demo') \g /dev/null
UPDATE demo.setting SET time_zone = 'Asia/Tokyo';
SELECT kpicrm.generate_demo('demo', 1500, 11, '2026-03-20') \g /dev/null
ANALYZE;
\set then '''2025-12-15 12:00+09'''
CREATE TEMP VIEW measured AS
SELECT k.code, d.name AS dimension, g.name AS grain, s.*
FROM (VALUES ('win_rate'), ('revenue'), ('lead_time_days')) AS k (code),
    unnest(ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']) AS d (name), unnest(ARRAY['month', 'quarter']) AS g (name),
    demo.kpi_series(k.code, NULL, NULL, g.name, d.name, :then) AS s;
SELECT pg_temp.same_rows(
    $$SELECT grain, dimension, member_id, period_start, numerator::bigint, denominator::bigint, value::float8, lower, upper FROM measured WHERE code = 'win_rate'$$,
    $$SELECT g, dimension_name, member_id, period_start, won_count, deal_count, win_rate, win_rate_low, win_rate_high
      FROM unnest(ARRAY['month', 'quarter']) AS g, demo.win_rate_report(as_of => '2025-12-15 12:00+09', grain => g) WHERE definition = 'closed'$$,
    'kpi_series(win_rate) is win_rate_report, closed'
);
SELECT pg_temp.same_rows(
    $$SELECT grain, replace(dimension, 'all', 'company'), member_id, period_start, value FROM measured WHERE code = 'revenue' AND dimension IN ('all', 'rep', 'product')$$,
    $$SELECT grain_name, scope_name, member_id, period_start, won_amount FROM demo.sales_vs_target(as_of => '2025-12-15 12:00+09')
      WHERE won_count > 0 AND grain_name IN ('month', 'quarter') AND scope_name <> 'team'$$,
    'kpi_series(revenue) is what sales_vs_target calls won_amount'
);
SELECT pg_temp.same_rows(
    $$SELECT grain, dimension, member_id, period_start, round(value, 6) FROM measured WHERE code = 'lead_time_days'$$,
    $$SELECT g, dimension_name, member_id, period_start, round(mean_days::numeric, 6)
      FROM unnest(ARRAY['month', 'quarter']) AS g, demo.lead_time_report(as_of => '2025-12-15 12:00+09', grain => g)
      WHERE definition = 'closed' AND won_count > 0$$,
    'kpi_series(lead_time_days) is the mean of lead_time_report, closed'
);
SELECT pg_temp.same_rows(
    $$SELECT period_start, round(value, 9) FROM demo.kpi_series('growth_rate', grain => 'quarter', as_of => '2025-12-15 12:00+09')$$,
    $$SELECT period_start, round(growth_rate::numeric, 9) FROM demo.sales_vs_target('quarter', 'company', as_of => '2025-12-15 12:00+09')
      WHERE growth_rate IS NOT NULL AND period_start <= '2025-12-15'$$,
    'kpi_series(growth_rate) is that of sales_vs_target'
);
SELECT is(
    (SELECT s.value FROM demo.kpi_series('prospect_deal_count', '2025-12-01', '2026-01-01', as_of => :then) AS s),
    (SELECT count(*)::numeric FROM demo.deal_state(:then) AS d
     WHERE d.phase_kind = 'open' AND d.win_probability >= 0.5 AND (d.expected_close_date > '2025-12-15') IS NOT FALSE),
    'prospect_deal_count of the running month is that of deal_state'
);
SELECT is(
    (SELECT round(s.value, 9) FROM demo.kpi_series('repeat_rate', '2025-12-01', '2026-01-01', as_of => :then) AS s),
    (SELECT round(count(*) FILTER (WHERE c.is_repeat)::numeric / count(*), 9) FROM demo.customer_value(:then) AS c WHERE c.order_count > 0),
    'repeat_rate is that of customer_value'
);
SELECT is(
    (SELECT round(s.value, 6) FROM demo.kpi_series('ltv', '2025-12-01', '2026-01-01', as_of => :then) AS s),
    (SELECT round(kpicrm.ltv(p.account_id, p.amount, p.cost), 6) FROM demo.purchase AS p WHERE p.purchased_at <= :then),
    'ltv is kpicrm.ltv()'
);
SELECT is_empty(
    $$SELECT k.code, d, year.period_start FROM demo.kpi AS k, unnest(ARRAY['all', 'rep']) AS d,
        LATERAL (SELECT s.period_start, s.member_id, s.numerator, s.denominator, s.n,
            (SELECT sum(m.numerator) FROM demo.kpi_series(k.code, s.period_start, (s.period_start + interval '1 year')::date, 'month', d, '2025-12-15 12:00+09') AS m WHERE m.member_id IS NOT DISTINCT FROM s.member_id) AS parts,
            (SELECT sum(m.n) FROM demo.kpi_series(k.code, s.period_start, (s.period_start + interval '1 year')::date, 'month', d, '2025-12-15 12:00+09') AS m WHERE m.member_id IS NOT DISTINCT FROM s.member_id) AS part_n
            FROM demo.kpi_series(k.code, '2024-04-01', '2026-04-01', 'year', d, '2025-12-15 12:00+09') AS s) AS year
      WHERE k.kind = 'flow' AND demo.kpi_adds_up(k) AND k.code IN ('revenue', 'win_rate', 'lead_count', 'contact_count', 'nps')
        AND (round(year.numerator, 3) IS DISTINCT FROM round(year.parts, 3) OR year.n IS DISTINCT FROM year.part_n)$$,
    'a year is the sum of its months'
);
SELECT is_empty(
    $$SELECT k.code, whole.period_start FROM demo.kpi AS k,
        LATERAL (SELECT s.period_start, s.numerator, s.n FROM demo.kpi_series(k.code, '2025-04-01', '2026-04-01', 'month', 'all', '2025-12-15 12:00+09') AS s) AS whole,
        LATERAL (SELECT sum(s.numerator) AS numerator, sum(s.n) AS n FROM demo.kpi_series(k.code, '2025-04-01', '2026-04-01', 'month', 'rep', '2025-12-15 12:00+09') AS s WHERE s.period_start = whole.period_start) AS parts
      WHERE k.kind <> 'formula' AND k.code <> 'revenue_per_customer' AND (round(whole.numerator, 3) <> round(parts.numerator, 3) OR whole.n <> parts.n)$$,
    'the company is the sum of its reps'
);
SELECT is_empty(
    $$SELECT s.code FROM (SELECT k.code, x.* FROM demo.kpi AS k, demo.kpi_series(k.code, '2025-04-01', '2025-11-01', 'month', 'rep', '2025-12-15 12:00+09') AS x) AS s
      FULL JOIN (SELECT l.* FROM demo.kpi_long(as_of => '2025-12-15 12:00+09') AS l WHERE l.dimension_name = 'rep' AND l.period_start >= '2025-04-01' AND l.period_start < '2025-11-01') AS l
        ON l.kpi_name = s.code AND l.member_id IS NOT DISTINCT FROM s.member_id AND l.period_start = s.period_start
      WHERE l.value IS DISTINCT FROM s.value::float8$$,
    'kpi_long shows the same'
);

-- A filter on kpi_name reaches what is measured, whether kpi was ever analyzed or not.
SET LOCAL track_functions = 'pl';
CREATE FUNCTION pg_temp.measured(query text) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    before constant bigint = coalesce((SELECT calls FROM pg_stat_xact_user_functions WHERE schemaname = 'demo' AND funcname = 'kpi_measure'), 0);
BEGIN
    EXECUTE 'SELECT count(*) FROM ' || query;
    RETURN (SELECT calls FROM pg_stat_xact_user_functions WHERE schemaname = 'demo' AND funcname = 'kpi_measure') - before;
END;
$$;
CREATE FUNCTION pg_temp.measured_by_filter() RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT is(pg_temp.measured($q$demo.kpi_long WHERE kpi_name = 'revenue'$q$), 1::bigint, 'one KPI is measured for a chart of one');
    RETURN NEXT ok(pg_temp.measured($q$demo.kpi_long WHERE kpi_name IN ('revenue', 'lead_count') AND dimension_name = 'all'$q$) <= 2, 'two for two');
    -- of formulas what was a year before, and of none of them less
    RETURN NEXT is(
        pg_temp.measured('demo.kpi_long'), (SELECT count(*) FROM demo.kpi_batch()) + (SELECT count(*) FROM demo.kpi WHERE kind = 'formula'),
        'and for all of them each batch once'
    );
END;
$$;
SELECT pg_temp.measured_by_filter();
ANALYZE demo.kpi, demo.setting;
SELECT pg_temp.measured_by_filter();
SELECT is(
    (SELECT array_agg(code ORDER BY code) FROM demo.kpi_batch() AS batch CROSS JOIN unnest(batch.codes) AS code),
    (SELECT array_agg(code ORDER BY code) FROM demo.kpi),
    'each KPI is in one batch'
);
SELECT * FROM finish();
ROLLBACK;
