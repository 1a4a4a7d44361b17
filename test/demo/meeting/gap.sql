-- The last month that missed its sales target: what is the revenue made of, and how
-- much of the gap is each factor, and each team?

SELECT
    progress.period_start AS gap_month,
    progress.period_label AS gap_label
FROM company.kpi_progress(:'as_of', to_date => :'month_start') AS progress
WHERE progress.kpi_name = 'revenue'
    AND progress.scope_name = 'company'
    AND progress.attainment_rate < 1
ORDER BY progress.period_start DESC
LIMIT 1 \gset

SELECT
    pg_temp.said(
        format('%s missed its sales target.  What is revenue made of?', :'gap_label'),
        format('%sは売上目標が未達。売上は何でできているか', :'gap_label')
    ) AS title \gset
\pset title :title
SELECT
    repeat('  ', tree.depth_no) || kpi.caption AS :"kpi_name",
    pg_temp.shown(tree.target_value, tree.unit_label) AS :"target_value",
    pg_temp.shown(tree.actual_value, tree.unit_label) AS :"actual_value",
    pg_temp.percent(tree.attainment_rate) AS :"attainment_rate",
    pg_temp.shown(tree.previous_year_value, tree.unit_label) AS :"previous_year_value"
FROM company.kpi_tree('revenue', :'gap_month', 'month', :'as_of') AS tree
JOIN company.describe(:'language') AS kpi
    ON kpi.kind = 'kpi'
    AND kpi.object_name = tree.kpi_name
ORDER BY tree.sort_order;

SELECT pg_temp.said(
    format('How much of the gap does each factor explain, million %s?', :'currency'),
    format('差異のうち、各要因はいくらを説明するか（百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    coalesce(kpi.caption, pg_temp.said('(rest: leads of one month are closed in another)', '（残り：リードの月と受注の月の違い）')) AS :"factor",
    pg_temp.million(part.contribution) AS :"contribution",
    pg_temp.percent(part.share_of_gap) AS :"share_of_gap"
FROM company.explain_gap('revenue', :'gap_month', as_of => :'as_of') AS part
LEFT JOIN company.describe(:'language') AS kpi
    ON kpi.kind = 'kpi'
    AND kpi.object_name = part.factor
UNION ALL
SELECT
    pg_temp.said('total', '合計'),
    pg_temp.million(sum(part.contribution)),
    pg_temp.percent(sum(part.share_of_gap))
FROM company.explain_gap('revenue', :'gap_month', as_of => :'as_of') AS part;

SELECT pg_temp.said(
    format('And which team, million %s?', :'currency'),
    format('どのチームの差異か（百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    part.factor AS :"team",
    pg_temp.million(part.plan_value) AS :"target_value",
    pg_temp.million(part.actual_value) AS :"actual_value",
    pg_temp.million(part.contribution) AS :"contribution",
    pg_temp.percent(part.share_of_gap) AS :"share_of_gap"
FROM company.explain_gap('revenue', :'gap_month', by => 'team', as_of => :'as_of') AS part
ORDER BY part.sort_order;
