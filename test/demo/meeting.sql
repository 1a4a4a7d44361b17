/*
 * The weekly sales meeting of the workspace company, made by load_company.sql.  Each
 * file is one item of the agenda: the question, and the query that answers it.
 *
 * The meeting is on the evening of the last day of the data, so that is the "today"
 * of every report; in daily use leave as_of out.
 */
\set as_of '2025-02-21 18:00+09'
\set workspace company
\ir captions.sql

SELECT
    today.day,
    kpicrm.fiscal_period_start(today.day, 'week', setting.fiscal_start_month, setting.week_start) AS week_start,
    kpicrm.fiscal_period_start(today.day, 'month', setting.fiscal_start_month) AS month_start,
    kpicrm.fiscal_period_label(today.day, 'month', setting.fiscal_start_month) AS month_label,
    kpicrm.fiscal_period_start(today.day, 'year', setting.fiscal_start_month) AS year_start,
    kpicrm.fiscal_period_end(today.day, 'year', setting.fiscal_start_month) AS year_end,
    kpicrm.fiscal_period_label(today.day, 'year', setting.fiscal_start_month) AS year_label,
    setting.home_currency AS currency
FROM company.setting
CROSS JOIN LATERAL (
    SELECT (:'as_of'::timestamptz AT TIME ZONE setting.time_zone)::date AS day
) AS today \gset

SELECT pg_temp.said(
    format('The weekly sales meeting of %s, in a generated company', :'day'),
    format('週次営業会議（%s、生成した会社のデータ）', :'day')
) AS heading \gset
\ir heading.sql

\ir meeting/progress.sql
\ir meeting/gap.sql
\ir meeting/phase_progress.sql
\ir meeting/stalled_deals.sql
\ir meeting/sources.sql
\ir meeting/follow_up.sql
\ir meeting/plan_and_actual.sql
\ir meeting/customers.sql
\pset title
