-- Are we on the way to this month's targets, and what is needed per workday?

SELECT pg_temp.said(
    format('Are we on the way to the targets of %s?  %s workdays are left; M: million %s', :'month_label', max(progress.remaining_workday_count), :'currency'),
    format('%sの目標に向かって進んでいるか（残り%s営業日、M：百万%s）', :'month_label', max(progress.remaining_workday_count), :'currency')
) AS title
FROM company.kpi_progress(:'as_of', from_date => :'month_start') AS progress \gset

\pset title :title
SELECT
    kpi.caption AS :"kpi_name",
    progress.member_name AS :"member_name",
    pg_temp.shown(progress.target_value, progress.unit_label) AS :"target_value",
    pg_temp.shown(progress.actual_value, progress.unit_label) AS :"actual_value",
    pg_temp.percent(progress.attainment_rate) AS :"attainment_rate",
    pg_temp.shown(progress.expected_value, progress.unit_label) AS :"expected_value",
    pg_temp.shown(progress.required_per_workday_value, progress.unit_label) AS :"required_per_workday_value",
    progress.status_name AS :"status_name"
FROM company.kpi_progress(:'as_of', from_date => :'month_start') AS progress
JOIN company.describe(:'language') AS kpi
    ON kpi.kind = 'kpi'
    AND kpi.object_name = progress.kpi_name
WHERE progress.scope_name IN ('company', 'team')
ORDER BY
    progress.kpi_name <> 'revenue',
    progress.scope_name,
    progress.sort_order,
    progress.kpi_name,
    progress.member_name;
