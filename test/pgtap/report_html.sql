/*
 * report_html: a page that any browser reads, whatever names there are; its numbers
 * are those of the reports, and its bars as long as the numbers say.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(81);

CREATE FUNCTION pg_temp.page(html text) RETURNS xml
    LANGUAGE sql IMMUTABLE
    RETURN xmlparse(DOCUMENT html);
-- What an XPath finds; h is the namespace of the page.
CREATE FUNCTION pg_temp.found(page xml, path text) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN (xpath(path, page, ARRAY[ARRAY['h', 'http://www.w3.org/1999/xhtml']]))::text[];
-- The cells of a table of a section, a row of text each.
CREATE FUNCTION pg_temp.cells(page xml, section text, table_no integer) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT array_to_string(ARRAY(
        SELECT xmlserialize(CONTENT cell AS text)
        FROM unnest(xpath(format('(//h:section[@id="%s"]//h:table)[%s]/h:tbody/h:tr[%s]//text()', section, table_no, row_no), page, ARRAY[ARRAY['h', 'http://www.w3.org/1999/xhtml']])) AS cell
    ), '|')
    FROM generate_series(1, cardinality(pg_temp.found(page, format('(//h:section[@id="%s"]//h:table)[%s]/h:tbody/h:tr', section, table_no)))) AS row_no
$$;
CREATE FUNCTION pg_temp.whole(value numeric) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(to_char(round(value), 'FM999,999,999,999,990'), '–');
CREATE FUNCTION pg_temp.part(value double precision) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(to_char(value::numeric, 'FM999,999,990.0'), '–');
-- A section alone.
CREATE FUNCTION pg_temp.section(html text) RETURNS xml
    LANGUAGE sql IMMUTABLE
    RETURN xmlparse(DOCUMENT '<body xmlns="http://www.w3.org/1999/xhtml">' || html || '</body>');
CREATE FUNCTION pg_temp.percent(value double precision) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN coalesce(to_char(100 * value::numeric, 'FM999,990.0') || ' %', '–');

-- A value of explain_gap; the rest of lmdi is a quotient, not an amount.
CREATE FUNCTION pg_temp.side(factor text, method text, unit text, value numeric) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN factor = '(rest)' AND method = 'lmdi' THEN '–' WHEN unit = 'rate' THEN pg_temp.percent(value::float8) ELSE pg_temp.whole(value) END;

-- ------------------------------------------------------------ an empty workspace
SELECT kpicrm.create_workspace('empty') \g /dev/null
SELECT lives_ok('SELECT pg_temp.page(empty.report_html())', 'an empty workspace has a page');
SELECT cmp_ok(cardinality(pg_temp.found(pg_temp.page(empty.report_html()), '//h:p[@class="empty"]')), '>=', 6, 'that says what is missing');
SELECT throws_ok($$SELECT empty.report_html(language => 'fr')$$, '22023', 'invalid value for argument "language": "fr"');
SELECT throws_ok($$SELECT empty.report_html(grain => 'week')$$, '22023', 'invalid value for argument "grain": "week"');
SELECT throws_ok($$SELECT empty.report_html(as_of => 'infinity')$$, '22023', 'invalid value for argument "as_of": "infinity"');
SELECT throws_ok($$SELECT empty.report_html('-infinity')$$, '22023', 'invalid value for argument "period": "-infinity"');
INSERT INTO empty.target (kpi_code, grain, period_start, value) VALUES ('revenue', 'quarter', '2026-04-01', 1000000);
SELECT ok(note[1] ~ '^difference：' AND cells = '{"売上|1,000,000|0|-1,000,000|difference"}', 'without factors the gap is the difference')
FROM empty.html_kpi_tree('2026-04-01', 'quarter', 'ja', '2026-05-31'),
    pg_temp.found(pg_temp.section(html), '//h:section[@id="kpi_tree"]/h:p[@class="note"]/text()') AS note,
    LATERAL (SELECT array_agg(line) AS cells FROM pg_temp.cells(pg_temp.section(html), 'kpi_tree', 2) AS line) AS shown;
SELECT is(ARRAY(SELECT pg_temp.cells(pg_temp.section(html), 'sales_vs_target', 1)), '{"FY2026 Q1|1,000,000|0|0|0|0"}', 'a target without a sale is shown')
FROM empty.html_sales_vs_target('2026-04-01', '2026-07-01', 'quarter', 'en', '2026-05-31');

-- ------------------------------------------------------------------- a company
SELECT kpicrm.create_workspace('demo') \g /dev/null
SELECT kpicrm.generate_demo('demo', 1500, 3, '2026-05-31') \g /dev/null
ANALYZE;
\set at 'timestamptz ''2026-05-31 18:00+09'''
CREATE TEMP TABLE shown AS
SELECT pg_temp.page(demo.report_html(as_of => :at)) AS en, pg_temp.page(demo.report_html(language => 'ja', as_of => :at)) AS ja;

SELECT is(
    pg_temp.found(en, '//h:section/@id'),
    '{kpi_progress,kpi_tree,sales_vs_target,phase_report,phase_progress,deal_board,lead_source_report,lead_time,customers,follow_up,data_quality}',
    'all sections in order'
) FROM shown;
SELECT is(pg_temp.found(ja, '//h:section/@id'), pg_temp.found(en, '//h:section/@id'), 'in Japanese, too') FROM shown;
SELECT is(pg_temp.found(en, '//h:p[@class="empty"]'), '{}', 'none is empty') FROM shown;
SELECT is(cardinality(pg_temp.found(en, '//h:script | //h:link | //h:img | //h:iframe | //@src | //@href | //@*[starts-with(name(), "on")]')), 0, 'nothing comes from outside, nothing is run') FROM shown;
SELECT is(
    cardinality(pg_temp.found(en, '//h:section//h:svg[@role="img"][not(h:title)]')), 0, 'every chart has a text alternative'
) FROM shown;
SELECT is(
    cardinality(pg_temp.found(en, '//h:section[.//h:svg[@role="img"]][not(.//h:table)]')), 0, 'and a table beside it'
) FROM shown;
SELECT is(
    ARRAY(SELECT head FROM unnest(pg_temp.found(ja, '//h:th[not(@scope="row")]/text()')) AS head WHERE head ~ '[a-z]{2}'), '{}', 'Japanese heads'
) FROM shown;
SELECT is(pg_temp.found(en, '//h:h1/text()'), '{Sales report FY2026 Q1}', 'the fiscal quarter of the day, by the workspace') FROM shown;
SELECT is(pg_temp.found(pg_temp.page(demo.report_html('2025-07-01', 'ja', 'year', :at)), '//h:h1/text()'), '{営業レポート FY2025}', 'another period and language');

-- ------------------------------------------------------ the numbers of the reports
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'kpi_progress', 1) FROM shown$$,
    $$SELECT concat_ws('|', kpi.name || ' ' || p.period_label, n.target, n.actual, pg_temp.percent(p.attainment_rate), n.expected, n.gap, n.projection, n.required, replace(p.status_name, '_', ' '))
      FROM (SELECT DISTINCT ON (kpi_name) * FROM demo.kpi_progress('2026-05-31 18:00+09', 'workday', '2026-04-01', '2026-07-01') WHERE scope_name = 'company' AND grain_name = 'month' ORDER BY kpi_name, period_start DESC) AS p
      JOIN demo.kpi ON kpi.code = p.kpi_name
      CROSS JOIN LATERAL (
          SELECT string_agg(CASE WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END, '|' ORDER BY nth) FILTER (WHERE nth = 1) AS target,
              max(CASE WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END) FILTER (WHERE nth = 2) AS actual,
              max(CASE WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END) FILTER (WHERE nth = 3) AS gap,
              max(CASE WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END) FILTER (WHERE nth = 6) AS expected,
              max(CASE WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END) FILTER (WHERE nth = 4) AS projection,
              max(CASE WHEN value IS NULL THEN '–' WHEN unit_label = 'rate' THEN pg_temp.percent(value) WHEN unit_label = 'days' THEN pg_temp.part(value) ELSE pg_temp.whole(value::numeric) END) FILTER (WHERE nth = 5) AS required
          FROM unnest(ARRAY[p.target_value, p.actual_value, p.gap_value, p.projection_value, p.required_per_workday_value, p.expected_value]) WITH ORDINALITY AS v (value, nth)
      ) AS n
      ORDER BY p.sort_order, p.kpi_name = 'revenue' DESC, p.kpi_name$$,
    'KPIs and targets: kpi_progress'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'kpi_tree', 2) FROM shown$$,
    $$SELECT concat_ws('|', coalesce(kpi.name, CASE factor WHEN '(rest)' THEN 'other' ELSE factor END),
          pg_temp.side(factor, method, kpi.unit, plan_value), pg_temp.side(factor, method, kpi.unit, actual_value), pg_temp.whole(contribution), method)
      FROM demo.explain_gap('revenue', '2026-04-01', 'quarter', 'previous_year', NULL, '2026-05-31 18:00+09') LEFT JOIN demo.kpi ON code = factor ORDER BY explain_gap.sort_order$$,
    'the gap: explain_gap'
);
SELECT is(
    pg_temp.found(en, '(//h:section[@id="kpi_tree"]//h:table)[2]//h:th[not(@scope="row")]/text()'), '{Factor,"Previous year",Actual,Contribution,Method}', 'which says what it is compared with'
) FROM shown;
INSERT INTO demo.target (kpi_code, grain, period_start, value) VALUES ('revenue', 'quarter', '2026-04-01', 1000000000), ('win_rate', 'quarter', '2026-04-01', 0.3);
CREATE TEMP TABLE with_target AS SELECT pg_temp.page(demo.report_html(as_of => :at)) AS en;
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'kpi_tree', 2) FROM with_target$$,
    $$SELECT concat_ws('|', coalesce(kpi.name, CASE factor WHEN '(rest)' THEN 'other' ELSE factor END),
          pg_temp.side(factor, method, kpi.unit, plan_value), pg_temp.side(factor, method, kpi.unit, actual_value), pg_temp.whole(contribution), method)
      FROM demo.explain_gap('revenue', '2026-04-01', 'quarter', 'target', NULL, '2026-05-31 18:00+09') LEFT JOIN demo.kpi ON code = factor ORDER BY explain_gap.sort_order$$,
    'with a target of the quarter: the gap to that'
);
SELECT is(
    pg_temp.found(en, '(//h:section[@id="kpi_tree"]//h:table)[2]//h:th[not(@scope="row")]/text()'), '{Factor,Target,Actual,Contribution,Method}', 'which it says, too'
) FROM with_target;
SELECT ok(bool_and(note ~ '^lmdi[ （]' AND note ~ 'other|その他'), 'and what the method means') FROM shown, LATERAL (VALUES (en), (ja)) AS listed (page), LATERAL unnest(pg_temp.found(page, '//h:section[@id="kpi_tree"]/h:p[@class="note"]/text()')) AS note;
UPDATE demo.target SET value = 0 WHERE grain = 'quarter' AND kpi_code = 'win_rate';
CREATE TEMP TABLE with_zero AS SELECT pg_temp.section(html) AS en FROM demo.html_kpi_tree('2026-04-01', 'quarter', 'en', :at);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'kpi_tree', 2) FROM with_zero$$,
    $$SELECT concat_ws('|', coalesce(kpi.name, CASE factor WHEN '(rest)' THEN 'other' ELSE factor END),
          pg_temp.side(factor, method, kpi.unit, plan_value), pg_temp.side(factor, method, kpi.unit, actual_value), pg_temp.whole(contribution), 'shapley')
      FROM demo.explain_gap('revenue', '2026-04-01', 'quarter', 'target', NULL, '2026-05-31 18:00+09') LEFT JOIN demo.kpi ON code = factor ORDER BY explain_gap.sort_order$$,
    'with a factor of zero: another method, whose rest is an amount'
);
SELECT ok(note[1] ~ '^shapley ' AND cardinality(note) = 1, 'which the page says') FROM with_zero, pg_temp.found(en, '//h:section[@id="kpi_tree"]/h:p[@class="note"]/text()') AS note;
DELETE FROM demo.target WHERE grain = 'quarter';
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'sales_vs_target', 1) FROM shown$$,
    $$SELECT concat_ws('|', period_label, pg_temp.whole(target_amount), pg_temp.whole(won_amount), pg_temp.whole(weighted_open_amount), pg_temp.whole(forecast_amount), pg_temp.whole(previous_year_amount))
      FROM demo.sales_vs_target('month', 'company', '2026-04-01', '2026-07-01', '2026-05-31 18:00+09') ORDER BY period_start$$,
    'plan and actual by month: sales_vs_target'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'sales_vs_target', 2) FROM shown$$,
    $$SELECT concat_ws('|', member_name, pg_temp.whole(target_amount), pg_temp.whole(won_count), pg_temp.whole(won_amount), pg_temp.whole(weighted_open_amount))
      FROM demo.sales_vs_target('quarter', 'rep', '2026-04-01', '2026-07-01', '2026-05-31 18:00+09')
      ORDER BY won_amount DESC, target_amount DESC NULLS LAST, member_name, member_id LIMIT 30$$,
    'plan and actual by rep: sales_vs_target'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'phase_report', 1) FROM shown$$,
    $$SELECT concat_ws('|', phase, pg_temp.whole(reached_count), pg_temp.percent(next_rate), pg_temp.percent(won_rate), pg_temp.whole(lost_here_count), pg_temp.part(stay_median_days), pg_temp.part(stay_p80_days), pg_temp.whole(open_count), pg_temp.whole(stalled_count))
      FROM demo.phase_report('fill', '2026-05-31 18:00+09', '2026-04-01', '2026-07-01') WHERE pipeline_id = (SELECT min(id) FROM demo.pipeline) ORDER BY sort_order$$,
    'the funnel: phase_report'
);
SELECT results_eq(
    $$SELECT regexp_replace(line, '\|.*\|', '|…|') FROM shown, pg_temp.cells(en, 'phase_progress', 1) AS line$$,
    $$SELECT concat_ws('|', phase, '…', pg_temp.whole(end_count)) FROM demo.phase_progress('2026-05-25', '2026-06-01', 'all', '2026-05-31 18:00+09') WHERE pipeline_id = (SELECT min(id) FROM demo.pipeline) ORDER BY phase_sort_order$$,
    'the last seven days: phase_progress'
);
SELECT is_empty(
    $$SELECT line FROM shown, pg_temp.cells(en, 'phase_progress', 1) AS line, LATERAL string_to_array(line, '|') AS cell, LATERAL pg_temp.found(en, '(//h:section[@id="phase_progress"]//h:table)[1]//h:th/text()') AS head
      WHERE (SELECT sum(replace(cell[n], ',', '')::integer * CASE WHEN head[n] ~ ' in count|^(Start|New|Reopened|Resumed)' THEN 1 ELSE -1 END) FROM generate_series(2, cardinality(cell)) AS n) <> 0$$,
    'and its columns add up'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'deal_board', 1) FROM shown$$,
    $$SELECT concat_ws('|', phase, pg_temp.whole(deal_count), pg_temp.whole(amount), pg_temp.whole(weighted_amount), pg_temp.whole(stalled_count)) FROM demo.deal_board_phase('2026-05-31 18:00+09') ORDER BY pipeline_id, phase_sort_order$$,
    'the deal board: deal_board_phase'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'deal_board', 2) FROM shown$$,
    $$SELECT concat_ws('|', deal, coalesce(account, '–'), coalesce(rep, '–'), phase, pg_temp.whole(amount), pg_temp.part(phase_days), reason) FROM demo.deal_board('2026-05-31 18:00+09')
      WHERE status <> 'on_track' ORDER BY status_sort_order, amount DESC NULLS LAST, deal_id LIMIT 20$$,
    'stalled deals: deal_board'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'lead_source_report', 1) FROM shown$$,
    $$SELECT concat_ws('|', member_name, pg_temp.whole(lead_count), pg_temp.percent(opportunity_rate), pg_temp.percent(opportunity_rate_low), pg_temp.percent(opportunity_rate_high), pg_temp.whole(won_count), pg_temp.percent(win_rate),
          pg_temp.whole(won_amount), pg_temp.part(duration_hours), pg_temp.whole(won_per_hour_amount))
      FROM demo.lead_source_report('2026-04-01', '2026-07-01', 'source', '2026-05-31 18:00+09', 'all') ORDER BY won_per_hour_amount DESC NULLS LAST, member_name$$,
    'lead sources: lead_source_report'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'lead_time', 1) FROM shown$$,
    $$SELECT concat_ws('|', pg_temp.whole(count(*) FILTER (WHERE o.won)), pg_temp.whole(count(*) FILTER (WHERE NOT o.won)), pg_temp.whole(count(*) FILTER (WHERE o.won IS NULL)),
          pg_temp.part((avg(extract(epoch FROM o.ended_at - o.opened_at)) FILTER (WHERE o.won) / 86400)::float8),
          pg_temp.part((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM o.ended_at - o.opened_at)) FILTER (WHERE o.won) / 86400)::float8),
          pg_temp.part(kpicrm.survival_quantile_days(kpicrm.lead_time_agg(o.opened_at, o.ended_at, o.won, '2026-05-31 18:00+09'), 0.5)))
      FROM demo.deal_occasion('2026-04-01', '2026-07-01', 'all', '2026-05-31 18:00+09', 'all') AS o WHERE o.occasion = 'opened'$$,
    'lead time: the deals opened in the period'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'customers', 1) FROM shown$$,
    $$SELECT concat_ws('|', account, pg_temp.whole(order_count), pg_temp.whole(revenue_amount), pg_temp.whole(margin_amount), last_purchase_date, pg_temp.percent(alive_probability), pg_temp.whole(ltv_amount))
      FROM demo.customer_value('2026-05-31 18:00+09') ORDER BY revenue_amount DESC NULLS LAST, account_id LIMIT 10$$,
    'customers: customer_value'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'customers', 2) FROM shown$$,
    $$SELECT concat_ws('|', cohort_label, pg_temp.whole(customer_count), string_agg(pg_temp.percent(retention_rate) || CASE WHEN is_complete THEN '' ELSE '*' END, '|' ORDER BY period_no))
      FROM demo.purchase_cohort('2024-04-01', NULL, 'all', '2026-05-31 18:00+09', 'quarter') WHERE period_no <= 8 GROUP BY cohort_start, cohort_label, customer_count ORDER BY cohort_start$$,
    'the cohort triangle: purchase_cohort'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'follow_up', 1) FROM shown$$,
    $$SELECT concat_ws('|', account, coalesce(rep, '–'), pg_temp.whole(at_stake_amount), reason, coalesce(renewal_date::text, '–'), coalesce(last_purchase_date::text, '–')) FROM demo.follow_up(as_of => '2026-05-31 18:00+09') WHERE priority_order <= 20 ORDER BY priority_order$$,
    'follow-ups: follow_up'
);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'data_quality', 1) FROM shown$$,
    $$SELECT concat_ws('|', replace(check_name, '_', ' '), severity, pg_temp.whole(count(*)), distorted_names) FROM demo.data_quality('2026-05-31 18:00+09')
      GROUP BY check_name, severity, severity_sort_order, distorted_names ORDER BY severity_sort_order, count(*) DESC, check_name$$,
    'data quality: data_quality'
);

-- ------------------------------------------------------------------- the charts
-- Bars of the deal board: width by amount is the same for all.
SELECT ok(count(*) >= 3 AND max(abs(width - 100 * amount / high)) < 0.001, 'bars are as long as amounts: ' || count(*))
FROM shown
CROSS JOIN LATERAL (
    SELECT rtrim(w, '%')::float8 AS width, amount::float8, max(amount) OVER ()::float8 AS high
    FROM unnest(pg_temp.found(en, '//h:section[@id="deal_board"]//h:svg[1]/h:rect/@width')) WITH ORDINALITY AS bar (w, nth)
    JOIN (SELECT amount, row_number() OVER (ORDER BY pipeline_id, phase_sort_order) AS nth FROM demo.deal_board_phase(:at)) AS phase USING (nth)
) AS drawn;
SELECT ok(count(*) >= 4 AND max(abs(width - 100 * abs(contribution) / span)) < 0.01 AND bool_and((class ~ 'minus') = (contribution < 0)), 'contributions to the left and the right of zero')
FROM shown
CROSS JOIN LATERAL (
    SELECT rtrim(w, '%')::float8 AS width, class, contribution::float8, (greatest(max(contribution) OVER (), 0) - least(min(contribution) OVER (), 0))::float8 AS span
    FROM unnest(pg_temp.found(en, '//h:section[@id="kpi_tree"]//h:svg[1]/h:rect/@width'), pg_temp.found(en, '//h:section[@id="kpi_tree"]//h:svg[1]/h:rect/@class')) WITH ORDINALITY AS bar (w, class, nth)
    JOIN (SELECT contribution, row_number() OVER (ORDER BY sort_order) AS nth FROM demo.explain_gap('revenue', '2026-04-01', 'quarter', 'previous_year', NULL, :at)) AS gap USING (nth)
) AS drawn;
SELECT ok(count(*) = 3 AND max(abs(h - 140 * won_amount / greatest(high, 1))) < 0.01 AND max(abs(mark - (150 - 140 * target_amount / greatest(high, 1)))) < 0.01, 'columns as high as sales, marks where the targets are')
FROM shown
CROSS JOIN LATERAL (
    SELECT bar.h::float8 AS h, bar.mark::float8 AS mark, won_amount::float8, target_amount::float8, max(greatest(won_amount, target_amount)) OVER ()::float8 AS high
    FROM unnest(pg_temp.found(en, '//h:section[@id="sales_vs_target"]//h:svg[@class="columns"]/h:rect/@height'), pg_temp.found(en, '//h:section[@id="sales_vs_target"]//h:svg[@class="columns"]/h:line[@class="mark"]/@y1')) WITH ORDINALITY AS bar (h, mark, nth)
    JOIN (SELECT won_amount, target_amount, row_number() OVER (ORDER BY period_start) AS nth FROM demo.sales_vs_target('month', 'company', '2026-04-01', '2026-07-01', :at)) AS month USING (nth)
) AS drawn;

SELECT is(
    pg_temp.found(en, '//h:section[@id="sales_vs_target"]//h:svg[@class="bars"]/h:text[@class="value"]/text()'),
    ARRAY(SELECT kpicrm.html_number(won_amount::float8, 'short_amount') FROM demo.sales_vs_target('quarter', 'rep', '2026-04-01', '2026-07-01', :at) ORDER BY won_amount DESC, target_amount DESC NULLS LAST, member_name, member_id),
    'bars say what they are'
) FROM shown;
SELECT results_eq(
    $$SELECT kpicrm.html_number(value, 'short_amount'), kpicrm.html_number(value, 'short_amount', 'ja')
      FROM unnest('{0,999,1000,9999,13400,-13400,99949,99950,123000,999499,999500,12340000,123456789,1234567890}'::float8[]) WITH ORDINALITY AS listed (value, nth) ORDER BY nth$$,
    $$VALUES ('0', '0'), ('999', '999'), ('1.0 k', '1,000'), ('10.0 k', '9,999'), ('13.4 k', '1.3万'), ('-13.4 k', '-1.3万'), ('99.9 k', '10.0万'), ('100 k', '10.0万'),
          ('123 k', '12.3万'), ('999 k', '99.9万'), ('1,000 k', '100万'), ('12.3 m', '1,234万'), ('123.5 m', '1.2億'), ('1.2 bn', '12.3億')$$,
    'short amounts: thousands below 100 have a decimal'
);

-- Labels of columns: pixels of a phone that each takes, by the width of its characters.
CREATE FUNCTION pg_temp.label_boxes(labels text[]) RETURNS TABLE (label text, from_x float8, to_x float8, middle float8, class text)
    LANGUAGE sql IMMUTABLE
AS $$
    SELECT t.label, e.start, e.start + s.width, CASE t.class WHEN 'middle' THEN s.x END, t.class
    FROM (SELECT xmlparse(DOCUMENT kpicrm.svg_columns('t', 'd', labels, array_fill(1::float8, ARRAY[cardinality(labels)]))) AS svg) AS drawn
    CROSS JOIN LATERAL unnest(xpath('/svg/text/text()', svg)::text[], xpath('/svg/text/@x', svg)::text[], xpath('/svg/text/@class', svg)::text[]) AS t (label, x, class)
    CROSS JOIN LATERAL (SELECT rtrim(t.x, '%')::float8 * 3.28 AS x, 7.5 * (char_length(t.label) + char_length(regexp_replace(t.label, '[[:ascii:]]', '', 'g'))) AS width) AS s
    CROSS JOIN LATERAL (SELECT s.x - s.width * CASE t.class WHEN 'middle' THEN 0.5 WHEN 'value' THEN 1 ELSE 0 END AS start) AS e
$$;
CREATE FUNCTION pg_temp.months(count integer, pattern text DEFAULT 'YYYY-MM') RETURNS text[]
    LANGUAGE sql IMMUTABLE
    RETURN ARRAY(SELECT to_char('2026-04-01'::timestamp + make_interval(months => n), pattern) FROM generate_series(0, count - 1) AS n);
SELECT is(
    pg_temp.found(en, '//h:section[@id="sales_vs_target"]//h:svg[@class="columns"]/h:text[@class="middle"]/text()'),
    ARRAY(SELECT period_label FROM demo.sales_vs_target('month', 'company', '2026-04-01', '2026-07-01', :at) ORDER BY period_start),
    'every month of a quarter has its label'
) FROM shown;
SELECT is(array_agg(label ORDER BY from_x), pg_temp.months(5), 'five months, too') FROM pg_temp.label_boxes(pg_temp.months(5));
SELECT is(array_agg(label ORDER BY from_x), '{2026-04,2026-07,2026-10,2027-01}', 'of a year every third') FROM pg_temp.label_boxes(pg_temp.months(12));
SELECT is(array_agg(label ORDER BY from_x), '{04,05,06,07,08,09,10,11,12,01,02,03}', 'all of it if they are short') FROM pg_temp.label_boxes(pg_temp.months(12, 'MM'));
SELECT is(array_agg(label ORDER BY from_x), '{4月,6月,8月,10月,12月,2月}', 'Japanese characters are wide') FROM pg_temp.label_boxes(pg_temp.months(12, 'FMMM月'));
SELECT ok(
    bool_and(from_x >= -0.01 AND to_x <= 328.01) AND bool_and(gap IS NULL OR gap >= 7.99) AND bool_and(class <> 'middle' OR abs(middle - 328 * (nth - 0.5) / columns) < 0.01)
        AND count(*) FILTER (WHERE nth = 1) = 60 * 7,
    'any number and length of labels: inside, apart, in the middle of the column; the first is always there'
)
FROM (
    SELECT columns, box.*, regexp_replace(box.label, '\D', '', 'g')::integer AS nth, from_x - lag(to_x) OVER (PARTITION BY columns, filling ORDER BY from_x) AS gap
    FROM generate_series(1, 60) AS columns
    CROSS JOIN unnest('{"",x,月,年度第,長い名前の,----------,xxxxxxxxxxxxxxxxxxxxxx}'::text[]) AS filling
    CROSS JOIN LATERAL pg_temp.label_boxes(ARRAY(SELECT filling || n FROM generate_series(1, columns) AS n)) AS box
) AS drawn;
SELECT ok(kpicrm.svg_columns('t', 'd', '{}', '{}') IS NULL AND kpicrm.svg_columns('t', 'd', NULL, NULL) IS NULL, 'no columns');
SELECT is(pg_temp.found(xmlparse(DOCUMENT kpicrm.svg_columns('t', 'd', ARRAY['a', NULL, 'c'], '{1,2,3}')), '/svg/text/text() | /svg/rect/@height'), '{46.67,a,93.33,140.00,c}', 'a column without label');
SELECT is(pg_temp.found(xmlparse(DOCUMENT kpicrm.svg_columns('t', 'd', NULL, '{1,2}')), '/svg/rect/@height'), '{70.00,140.00}', 'columns without labels');

-- ---------------------------------------------------------------------- legends
SELECT is(
    cardinality(pg_temp.found(en, '//h:svg[@role="img"][.//h:line[@class="mark"] or .//h:polyline[@class="other"]]')), 4, 'charts that show two things'
) FROM shown;
SELECT is(
    cardinality(pg_temp.found(en, '//h:svg[@role="img"][.//h:line[@class="mark"] or .//h:polyline[@class="other"]][not(preceding-sibling::*[1][self::h:p[@class="legend"]])]')), 0, 'have a legend above'
) FROM shown;
SELECT is(
    pg_temp.found(en, '//h:p[@class="legend"]/h:span/text()'),
    '{"column: won","line: target","bar: won","mark: target","bar: open deals now","mark: seven days ago","solid: won","dashed: won or lost"}', 'in words'
) FROM shown;
SELECT is(
    pg_temp.found(ja, '//h:p[@class="legend"]/h:span/text()'),
    '{縦棒：受注金額,線：目標,棒：受注金額,印：目標,棒：現在の商談件数,印：7日前,実線：受注,破線：受注または失注}', 'Japanese ones'
) FROM shown;
SELECT is(
    pg_temp.found(en, '//h:p[@class="legend"]/h:span/h:svg[@aria-hidden="true"]/*/@class'), '{bar,mark,bar,mark,bar,mark,curve,other}', 'and drawn as in the charts'
) FROM shown;
SELECT is(
    pg_temp.found(en, '//h:svg[@class="steps"]//h:polyline/@class'), '{curve,other}', 'where the dashed line is the second'
) FROM shown;
SELECT ok(kpicrm.html_style() ~ '\.other \{[^}]*stroke-dasharray' AND kpicrm.html_style() !~ '\.curve \{[^}]*stroke-dasharray', 'and alone dashed');
SELECT ok(day >= (SELECT max(ended_at - opened_at) FROM demo.deal_occasion('2026-04-01', '2026-07-01', 'all', :at, 'all') WHERE occasion = 'opened' AND won), 'the curves end after the last deal won: ' || day)
FROM shown, LATERAL (SELECT (pg_temp.found(en, '//h:svg[@class="steps"]/h:text[@class="value"]/text()'))[1]::interval) AS axis (day);
SELECT is(
    (regexp_match((pg_temp.found(en, '//h:svg[@class="steps"]//h:polyline[@class="curve"]/@points'))[1], '[0-9.]+$'))[1]::numeric,
    round((100 - 100 * kpicrm.win_probability(times, day))::numeric, 2), 'and there at the win probability'
)
FROM shown, LATERAL (SELECT (pg_temp.found(en, '//h:svg[@class="steps"]/h:text[@class="value"]/text()'))[1]::interval) AS axis (day),
    (SELECT kpicrm.lead_time_agg(opened_at, ended_at, won, :at) FROM demo.deal_occasion('2026-04-01', '2026-07-01', 'all', :at, 'all') WHERE occasion = 'opened') AS state (times);

-- -------------------------------------------- targets of other grains than the month
-- One rep has a target of the quarter, one of the quarter beside those of its months, the
-- company one of the quarter.
DELETE FROM demo.target WHERE kpi_code = 'revenue' AND (rep_id = 1 OR num_nonnulls(rep_id, team_id, product_id) = 0);
INSERT INTO demo.target (kpi_code, grain, period_start, rep_id, value)
VALUES ('revenue', 'quarter', '2026-04-01', 1, 23456789), ('revenue', 'quarter', '2026-04-01', 2, 9876543), ('revenue', 'quarter', '2026-04-01', NULL, 300000000);
CREATE TEMP TABLE quarterly AS SELECT pg_temp.section(html) AS en FROM demo.html_sales_vs_target('2026-04-01', '2026-07-01', 'quarter', 'en', :at);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'sales_vs_target', 2) FROM quarterly$$,
    $$SELECT concat_ws('|', member_name, pg_temp.whole(target_amount), pg_temp.whole(won_count), pg_temp.whole(won_amount), pg_temp.whole(weighted_open_amount))
      FROM demo.sales_vs_target('quarter', 'rep', '2026-04-01', '2026-07-01', '2026-05-31 18:00+09')
      ORDER BY won_amount DESC, target_amount DESC NULLS LAST, member_name, member_id$$,
    'targets of reps for the quarter'
);
SELECT is(ARRAY(SELECT split_part(line, '|', 2) FROM quarterly, pg_temp.cells(en, 'sales_vs_target', 2) AS line WHERE line ~ '^(Aoi|Haruto)\|' ORDER BY line), '{"23,456,789","9,876,543"}', 'as they were set');
SELECT ok(count(*) = 6 AND max(abs(mark - 100 * target_amount / high)) < 0.001, 'and marks where they are')
FROM quarterly
CROSS JOIN LATERAL (
    SELECT rtrim(m, '%')::float8 AS mark, target_amount::float8, max(greatest(target_amount, won_amount)) OVER ()::float8 AS high
    FROM unnest(pg_temp.found(en, '//h:svg[@class="bars"]/h:line[@class="mark"]/@x1')) WITH ORDINALITY AS line (m, nth)
    JOIN (
        SELECT target_amount, won_amount, row_number() OVER (ORDER BY won_amount DESC, target_amount DESC NULLS LAST, member_name, member_id) AS nth
        FROM demo.sales_vs_target('quarter', 'rep', '2026-04-01', '2026-07-01', :at) WHERE target_amount IS NOT NULL
    ) AS rep USING (nth)
) AS drawn;
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'sales_vs_target', 1) FROM quarterly$$,
    $$SELECT concat_ws('|', period_label, pg_temp.whole(target_amount), pg_temp.whole(won_amount), pg_temp.whole(weighted_open_amount), pg_temp.whole(forecast_amount), pg_temp.whole(previous_year_amount))
      FROM demo.sales_vs_target(NULL, 'company', '2026-04-01', '2026-07-01', '2026-05-31 18:00+09') WHERE grain_name IN ('month', 'quarter') ORDER BY grain_name, period_start$$,
    'a target of the company for the quarter alone has a line below the months'
);
SELECT is(array_agg(line) FILTER (WHERE line ~ '^FY'), ARRAY(SELECT 'FY2026 Q1|300,000,000|' || pg_temp.whole(won_amount) FROM demo.sales_vs_target('quarter', 'company', '2026-04-01', '2026-07-01', :at)), 'of its own')
FROM (SELECT regexp_replace(cells, '(\|[^|]*\|[^|]*).*', '\1') AS line FROM quarterly, pg_temp.cells(en, 'sales_vs_target', 1) AS cells) AS shown;
SELECT is(pg_temp.found(en, '//h:p[@class="legend"]/h:span/text()'), '{"column: won","bar: won","mark: target"}', 'no line, no legend of one') FROM quarterly;
SELECT is(ARRAY(SELECT pg_temp.cells(pg_temp.section(html), 'sales_vs_target', 1)), ARRAY(
    SELECT concat_ws('|', period_label, pg_temp.whole(target_amount), pg_temp.whole(won_amount), pg_temp.whole(weighted_open_amount), pg_temp.whole(forecast_amount), pg_temp.whole(previous_year_amount))
    FROM demo.sales_vs_target('month', 'company', '2026-05-01', '2026-06-01', :at)
), 'a page of a month has one line') FROM demo.html_sales_vs_target('2026-05-01', '2026-06-01', 'month', 'en', :at);

-- ------------------------------------------------------------- several pipelines
SELECT is(
    pg_temp.found(en, '//h:section[@id="deal_board"]//h:svg/h:text[@class="label"]/text()'),
    ARRAY(SELECT phase FROM demo.deal_board_phase(:at) ORDER BY pipeline_id, phase_sort_order), 'one pipeline: labels are phases'
) FROM shown;
INSERT INTO demo.pipeline (name) VALUES ('Renewal');
INSERT INTO demo.phase (name, pipeline_id, position) SELECT 'Offer', max(id), 1 FROM demo.pipeline;
SELECT is(
    pg_temp.found(pg_temp.section(html), '//h:section[@id="deal_board"]//h:svg/h:text[@class="label"]/text()'),
    ARRAY(SELECT phase FROM demo.deal_board_phase(:at) ORDER BY pipeline_id, phase_sort_order), 'one without open deals does not count'
) FROM demo.html_deal_board('en', :at);
INSERT INTO demo.deal (name, pipeline_id, phase_id, phase_since, amount, opened_at)
SELECT 'one', pipeline_id, id, '2026-05-01', 5000000, '2026-05-01' FROM demo.phase WHERE name = 'Offer';
CREATE TEMP TABLE two_pipelines AS SELECT pg_temp.section(html) AS en FROM demo.html_deal_board('en', :at);
SELECT results_eq(
    $$SELECT pg_temp.cells(en, 'deal_board', 1) FROM two_pipelines$$,
    $$SELECT concat_ws('|', pipeline || ' · ' || phase, pg_temp.whole(deal_count), pg_temp.whole(amount), pg_temp.whole(weighted_amount), pg_temp.whole(stalled_count)) FROM demo.deal_board_phase('2026-05-31 18:00+09') ORDER BY pipeline_id, phase_sort_order$$,
    'two: both are named'
);
SELECT is((pg_temp.found(en, '//h:section[@id="deal_board"]//h:svg/h:text[@class="label"]/text()'))[5], 'Renewal · Offer', 'in the chart, too') FROM two_pipelines;

-- --------------------------------------------------------------- hostile names
UPDATE demo.setting SET home_currency = 'EUR';
UPDATE demo.account SET name = id || CASE id % 6
    WHEN 0 THEN '<script>alert(1)</script>' WHEN 1 THEN '" onload="x" &amp; '' ]]> <!-- ' WHEN 2 THEN U&' \202E gnp.exe \2067 \0001 \FFFE'
    WHEN 3 THEN repeat('長い名前', 2500) WHEN 4 THEN U&' \+01F600 \05D0\05D1' ELSE '</td></table></svg><img src=x onerror=y>' END;
UPDATE demo.deal SET name = id || CASE id % 4 WHEN 0 THEN '<script>alert(2)</script>' WHEN 1 THEN '&lt;&#0;' WHEN 2 THEN repeat('x', 10000) ELSE U&'\202Exyz' END;
UPDATE demo.sales_rep SET name = id || '</text><script>alert(3)</script>';
UPDATE demo.phase SET name = id || '"><script>alert(4)</script>' || repeat('y', 10000);
UPDATE demo.lead_source SET name = id || U&'<b>&\0007\2066';
UPDATE demo.kpi SET name = code || ' <script>', name_ja = code || ' &<script>' WHERE code IN ('revenue', 'win_rate');
CREATE TEMP TABLE hostile AS SELECT demo.report_html(language => listed.language, as_of => :at) AS page FROM unnest('{en,ja}'::text[]) AS listed (language);
SELECT is(sum(cardinality(pg_temp.found(pg_temp.page(page), '//h:script | //h:img | //h:b | //@onload | //@onerror'))), 0::bigint, 'hostile names: well-formed, and nothing of them is markup') FROM hostile;
SELECT ok(bool_and(page !~ U&'[\0001-\0008\202A-\202E\2066-\2069]') AND bool_and(strpos(page, '<script') = 0) AND bool_and(strpos(page, '&lt;script&gt;') > 0), 'no marks that turn the text around; the names are there') FROM hostile;
SELECT ok(bool_and(length(label) <= 22), 'labels of charts are short') FROM hostile, unnest(pg_temp.found(pg_temp.page(page), '//h:svg//h:text[@class="label"]/text()')) AS found (escaped), LATERAL (SELECT replace(replace(replace(replace(escaped, '&lt;', '<'), '&gt;', '>'), '&quot;', '"'), '&amp;', '&') AS label) AS plain;

-- ------------------------------------------- made by one process, or by several
SET max_parallel_workers_per_gather = 0;
SELECT md5(demo.report_html(as_of => :at)) AS alone \gset
SET max_parallel_workers_per_gather = 1;
SELECT is(md5(demo.report_html(as_of => :at)), :'alone', 'two processes make the same page');
SET max_parallel_workers_per_gather = 2;
SELECT is(md5(demo.report_html(as_of => :at)), :'alone', 'and three');
SELECT is(demo.html_is_shareable(), true, 'they share the sections');
INSERT INTO demo.kpi (code, name, name_ja, unit, fact, date_column, numerator) VALUES ('term_count', 'Terms', '契約数', 'count', 'contract', 'ends_on', 'count(*)');
SELECT is(demo.html_is_shareable(), false, 'but not where a fact is a table');
SELECT is(md5(demo.report_html(as_of => :at)), :'alone', 'which is the same page, too');
DELETE FROM demo.kpi WHERE code = 'term_count';
CREATE EXTENSION file_fdw;
CREATE SERVER demo_files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE demo.elsewhere (line text) SERVER demo_files OPTIONS (filename '/dev/null');
SELECT is(demo.html_is_shareable(), false, 'nor beside a foreign table');
RESET max_parallel_workers_per_gather;

SELECT * FROM finish();
ROLLBACK;
