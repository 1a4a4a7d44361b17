-- Plan and actual of the fiscal year, with what is still open.

SELECT pg_temp.said(
    format('Shall we reach the plan of %s, million %s?', :'year_label', :'currency'),
    format('%sの計画は達成できるか（百万%s）', :'year_label', :'currency')
) AS title \gset
\pset title :title
SELECT
    sales.period_label AS :"period_label",
    pg_temp.million(sales.target_amount) AS :"target_amount",
    pg_temp.million(sales.won_amount) AS :"won_amount",
    pg_temp.percent(sales.attainment_rate) AS :"attainment_rate",
    pg_temp.million(sales.gap_amount) AS :"gap_amount",
    pg_temp.million(sales.weighted_open_amount) AS :"weighted_open_amount",
    pg_temp.million(sales.forecast_amount) AS :"forecast_amount",
    pg_temp.million(sales.previous_year_amount) AS :"previous_year_amount",
    pg_temp.percent(sales.growth_rate) AS :"growth_rate"
FROM company.sales_vs_target(NULL, 'company', :'year_start', :'year_end', :'as_of') AS sales
WHERE sales.grain_name IN ('quarter', 'year')
ORDER BY
    sales.grain_name,
    sales.period_start;
