-- Which customers are worth most, and do new ones come back?

SELECT pg_temp.said(
    format('What is a customer worth, by industry?  %s, million %s', :'year_label', :'currency'),
    format('業種ごとに、顧客の価値はいくらか（%s、百万%s）', :'year_label', :'currency')
) AS title \gset
\pset title :title
SELECT
    segment.member_name AS :"industry",
    segment.customer_count AS :"customer_count",
    segment.new_customer_count AS :"new_customer_count",
    pg_temp.percent(segment.repeat_rate) AS :"repeat_rate",
    segment.order_count AS :"order_count",
    pg_temp.million(segment.revenue_amount) AS :"revenue_amount",
    pg_temp.million(segment.average_order_amount) AS :"average_order_amount",
    pg_temp.million(segment.revenue_per_customer_amount) AS :"revenue_per_customer_amount",
    pg_temp.percent(segment.margin_rate) AS :"margin_rate"
FROM company.customer_value_report(:'year_start', :'year_end', 'industry', :'as_of') AS segment
ORDER BY segment.revenue_per_customer_amount DESC;

SELECT pg_temp.said(
    'How many of the customers of a quarter buy again, this many quarters later?',
    '四半期ごとの新規顧客のうち、何四半期後に何割が購入したか'
) AS title \gset
\pset title :title
SELECT
    cohort.cohort_label AS :"cohort_label",
    max(cohort.customer_count) AS :"customer_count",
    pg_temp.percent(max(cohort.retention_rate) FILTER (WHERE cohort.period_no = 1)) AS "1",
    pg_temp.percent(max(cohort.retention_rate) FILTER (WHERE cohort.period_no = 2)) AS "2",
    pg_temp.percent(max(cohort.retention_rate) FILTER (WHERE cohort.period_no = 3)) AS "3",
    pg_temp.percent(max(cohort.retention_rate) FILTER (WHERE cohort.period_no = 4)) AS "4",
    pg_temp.million(max(cohort.cumulative_revenue_amount)) AS :"cumulative_revenue_amount",
    pg_temp.million(max(cohort.revenue_per_customer_amount)) AS :"revenue_per_customer_amount"
FROM company.purchase_cohort(:'year_start'::date - 366, :'year_end', 'all', :'as_of', 'quarter') AS cohort
WHERE cohort.is_complete
GROUP BY
    cohort.cohort_start,
    cohort.cohort_label
ORDER BY cohort.cohort_start;

SELECT pg_temp.said(
    format('Which customers will be worth most in the next 365 days?  Predicted from their orders so far, million %s', :'currency'),
    format('今後365日で価値が最も高い顧客（これまでの注文からの予測、百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    customer.account AS :"account",
    customer.rep AS :"rep",
    customer.order_day_count AS :"order_day_count",
    customer.last_purchase_date AS :"last_purchase_date",
    pg_temp.percent(customer.alive_probability) AS :"alive_probability",
    round(customer.expected_order_days::numeric, 1) AS :"expected_order_days",
    pg_temp.million(customer.expected_order_amount) AS :"expected_order_amount",
    pg_temp.million(customer.ltv_amount) AS :"ltv_amount"
FROM company.customer_value(:'as_of') AS customer
ORDER BY customer.ltv_amount DESC NULLS LAST
LIMIT 8;
