-- Every report over one fiscal year of a generated company, in seconds and as times
-- a bare scan of its events.
SET search_path = bench, public;
SET client_min_messages = warning;
SET synchronous_commit = off;
-- as doc/growing.md recommends for a role that reads reports of a large workspace
SET jit = off;
SET work_mem = '64MB';
SET max_parallel_workers_per_gather = :workers;
SET parallel_setup_cost = 100;
SET parallel_tuple_cost = 0.01;

SELECT kpicrm.create_workspace('company') AS workspace \gset
SELECT kpicrm.generate_demo('company', :deals, 1, '2026-03-31') AS events \gset
-- five activities a deal
DELETE FROM company.activity WHERE id % 2 = 0;
VACUUM (FULL, ANALYZE) company.activity;
VACUUM (ANALYZE);
-- as doc/psql.md recommends for a large workspace
SELECT company.refresh_kpi_days() AS kept \gset
SELECT count(*) AS activities FROM company.activity \gset
SELECT count(*) AS open_deals FROM company.deals WHERE open \gset

CREATE TEMP TABLE report (
    sort_order integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    call text NOT NULL
);
-- :year are the first two arguments, :now the instant, of each.
\set year '''2025-04-01'', ''2026-04-01'''
\set now 'timestamptz ''2026-04-01'''
INSERT INTO report (name, call)
SELECT
    work.name,
    'company.' || replace(replace(work.call, ':year', :'year'), ':now', :'now')
FROM (VALUES
    ('activities by rep and month', 'activity_report(:year, as_of => :now)'),
    ('effort by rep and quarter', 'activity_effort(:year, ''rep'', :now)'),
    ('lead sources by month', 'lead_source_report(:year, ''source'', :now)'),
    ('win rate by rep and quarter', 'win_rate_report(:year, ''rep'', :now)'),
    ('lead time by rep and quarter', 'lead_time_report(:year, ''rep'', :now)'),
    ('lead time curve by rep', 'lead_time_band(:year, ''rep'', :now)'),
    ('phases', 'phase_report(NULL, :now, :year)'),
    ('phase progress', 'phase_progress(:year, ''all'', :now)'),
    ('phase progress by rep', 'phase_progress(:year, ''rep'', :now)'),
    ('phase progress of a week', 'phase_progress(''2026-03-25'', ''2026-04-01'', ''rep'', :now)'),
    ('phase transitions', 'phase_transition(:year, ''all'', :now)'),
    ('pipeline waterfall', 'pipeline_waterfall(:year, NULL, NULL, ''all'', :now)'),
    ('deal board', 'deal_board(:now)'),
    ('deal board by phase', 'deal_board_phase(:now)'),
    ('plan and actual by rep and month', 'sales_vs_target(''month'', ''rep'', :year, :now)'),
    ('KPI progress', 'kpi_progress(:now, ''linear'', ''2025-04-01'')'),
    ('a KPI by rep and month', 'kpi_series(''win_rate'', :year, ''month'', ''rep'', :now)'),
    ('KPIs by month', 'kpi_long(:year, ''month'', :now)'),
    ('KPI tree', 'kpi_tree(NULL, ''2025-04-01'', ''year'', :now)'),
    ('gap explained', 'explain_gap(''revenue'', ''2025-04-01'', ''year'', ''previous_year'', NULL, :now)'),
    ('customer value', 'customer_value(:now)'),
    ('customer value by segment', 'customer_value_report(:year, ''industry'', :now)'),
    ('purchase cohorts', 'purchase_cohort(:year, ''all'', :now)'),
    ('renewals by month', 'renewal_report(:year, ''all'', :now)'),
    ('renewals due', 'renewal_due(90, :now)'),
    ('inquiries by month', 'inquiry_report(:year, ''all'', :now)'),
    ('feedback by month', 'feedback_report(:year, ''all'', :now)'),
    ('follow-ups', 'follow_up(as_of => :now)'),
    ('forecast per deal', 'deal_forecast(:now, ''2026-07-01'')'),
    ('sales forecast by rep', 'sales_forecast(''2026-04-01'', ''2026-07-01'', ''rep'', :now)'),
    ('comparison of reps', 'rep_comparison(''win_rate'', :year, ''rep'', :now)'),
    ('data quality', 'data_quality(:now)')
) AS work (name, call);

CREATE FUNCTION pg_temp.row_count(call text, OUT n bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', call) INTO n;
END;
$$;

\pset footer off
\echo
\echo Reports: a fiscal year of :deals deals, :open_deals of them open, :events events and :activities activities.  Bar: 2 s.
SELECT bench.best_ms('SELECT count(at), sum(amount) FROM company.deal_event') AS scan_ms \gset
SELECT
    timed.name AS report,
    round((timed.ms / 1000)::numeric, 2) AS seconds,
    round((timed.ms / :scan_ms)::numeric, 1) AS "times a scan",
    timed.rows
FROM (
    SELECT
        report.sort_order,
        report.name,
        bench.best_ms(format('SELECT * FROM %s', report.call), 2) AS ms,
        pg_temp.row_count(report.call) AS rows
    FROM report
) AS timed
ORDER BY timed.sort_order;

\echo
\echo The page, report_html for a quarter, its last day counted live: seconds.  Bar: 5.
SELECT
    round((timed.ms / 1000)::numeric, 2) AS seconds,
    round((timed.ms / :scan_ms)::numeric, 1) AS "times a scan"
FROM (
    SELECT bench.best_ms('SELECT company.report_html(''2026-03-01'', as_of => timestamptz ''2026-03-31 23:59:59+00'')', 3) AS ms
) AS timed;
