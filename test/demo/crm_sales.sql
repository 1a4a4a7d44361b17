/*
 * What a sales manager reads, from the reports of the workspace crm as loaded by
 * load_crm_sales.sql.  The data end on the day in the variable as_of, so that is
 * the "today" of every report; the views of the same names are as of now.
 */
\set as_of '2017-12-31 00:00+00'
\set workspace crm
\ir captions.sql

SELECT pg_temp.said(
    format('A seller of computer hardware: %s opportunities, as of %s', count(*), :'as_of'::timestamptz::date),
    format('コンピューター機器の販売会社：商談%s件（%s現在）', count(*), :'as_of'::timestamptz::date)
) AS heading
FROM crm.deals AS deal \gset
\ir heading.sql

-- ------------------------------------------------- win rate and lead time

-- All of the data as one period; a manager is a team.
CREATE TEMP VIEW pace AS
SELECT
    win.dimension_name,
    win.member_name,
    win.deal_count AS closed_count,
    win.win_rate,
    win.win_rate_low,
    win.win_rate_high,
    chance.win_rate AS win_rate_in_90_days,
    lead_time.open_count,
    lead_time.median_days,
    lead_time.censored_median_days
FROM crm.win_rate_report(as_of => :'as_of', grain => 'all') AS win
JOIN crm.win_rate_report(as_of => :'as_of', grain => 'all') AS chance
    ON chance.dimension_name = win.dimension_name
    AND chance.member_name = win.member_name
    AND chance.definition = 'censored'
JOIN crm.lead_time_report(as_of => :'as_of', grain => 'all') AS lead_time
    ON lead_time.dimension_name = win.dimension_name
    AND lead_time.member_name = win.member_name
    AND lead_time.definition = 'opened'
WHERE win.definition = 'closed';

SELECT pg_temp.said(
    'Win rate and lead time by manager',
    'チーム別の成約率と受注期間'
) AS title \gset
\pset title :title
SELECT
    pace.member_name AS :"team",
    pace.closed_count AS :"closed_count",
    pg_temp.percent(pace.win_rate) AS :"win_rate",
    pg_temp.percent(pace.win_rate_low) AS :"win_rate_low",
    pg_temp.percent(pace.win_rate_high) AS :"win_rate_high",
    pace.open_count AS :"open_count",
    pg_temp.tenths(pace.median_days) AS :"median_days",
    pg_temp.tenths(pace.censored_median_days) AS :"censored_median_days",
    pg_temp.percent(pace.win_rate_in_90_days) AS :"won_in_90_days"
FROM pace
WHERE pace.dimension_name IN ('team', 'all')
ORDER BY
    pace.dimension_name DESC,
    pace.win_rate DESC;

SELECT pg_temp.said(
    'Win rate and lead time: the ten sales agents who win most of their deals',
    '成約率と受注期間（成約率上位十名の担当者）'
) AS title \gset
\pset title :title
SELECT
    pace.member_name AS :"rep",
    pace.closed_count AS :"closed_count",
    pg_temp.percent(pace.win_rate) AS :"win_rate",
    pg_temp.percent(pace.win_rate_low) AS :"win_rate_low",
    pg_temp.percent(pace.win_rate_high) AS :"win_rate_high",
    pace.open_count AS :"open_count",
    pg_temp.tenths(pace.median_days) AS :"median_days",
    pg_temp.tenths(pace.censored_median_days) AS :"censored_median_days",
    pg_temp.percent(pace.win_rate_in_90_days) AS :"won_in_90_days"
FROM pace
WHERE pace.dimension_name = 'rep'
ORDER BY pace.win_rate DESC
LIMIT 10;
SELECT pg_temp.said(
    E'low, high: 95 % bounds of the win rate.  days: of the deals won.\ncensored: with the deals that are open; half of all deals are closed, won or lost, within the median.\nwon in 90 days: the probability that a new deal is won so soon.',
    E'上限・下限：成約率の95%信頼区間。日数：受注した商談。\n中央値日数（進行中を考慮）：商談の半数が受注または失注で完了するまでの日数。\n90日以内の受注確率：新しい商談が90日以内に受注となる確率。'
) AS note \gset
\echo :note
\echo

-- ----------------------------------------------------------------- sales

SELECT pg_temp.said(
    format('Sales by product and quarter, USD (nothing closed before %s)', min(deal.closed_date)),
    format('商品・四半期別の売上（USD、%sより前の完了はなし）', min(deal.closed_date))
) AS title
FROM crm.deals AS deal \gset
\pset title :title
SELECT
    CASE sales.scope_name WHEN 'company' THEN pg_temp.said('all products', '全商品') ELSE sales.member_name END AS :"product",
    sum(sales.won_count) AS :"won_count",
    round(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q1')) AS "2017 Q1",
    round(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q2')) AS "2017 Q2",
    round(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q3')) AS "2017 Q3",
    round(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q4')) AS "2017 Q4",
    round(sum(sales.won_amount)) AS "2017"
FROM crm.sales_vs_target(grain => 'quarter', as_of => :'as_of') AS sales
WHERE sales.scope_name IN ('product', 'company')
GROUP BY
    sales.scope_name,
    sales.member_name
ORDER BY
    sales.scope_name DESC,
    sum(sales.won_amount) DESC;

SELECT pg_temp.said(
    'Does speed pay?  Closed deals by lead time',
    '早さは報われるか（受注期間帯別の完了商談）'
) AS title \gset
\pset title :title
SELECT
    band.band_label AS :"band_label",
    band.closed_count AS :"closed_count",
    band.won_count AS :"won_count",
    pg_temp.percent(band.win_rate) AS :"win_rate",
    round(band.won_amount) AS :"won_amount",
    round(band.average_won_amount) AS :"average_won_amount"
FROM crm.lead_time_band(by => 'all', as_of => :'as_of') AS band
ORDER BY band.sort_order;

-- ---------------------------------------------------------------- phases

SELECT pg_temp.said(
    'Phases: how far deals get, how long they stay, and what is stuck',
    'フェーズ：商談はどこまで進み、どれくらい滞留し、何が停滞しているか'
) AS title \gset
\pset title :title
SELECT
    phase.phase AS :"phase",
    phase.reached_count AS :"reached_count",
    pg_temp.percent(phase.next_rate) AS :"next_rate",
    pg_temp.percent(phase.won_rate) AS :"won_rate",
    pg_temp.tenths(phase.stay_median_days) AS :"stay_median_days",
    pg_temp.tenths(phase.stay_p80_days) AS :"stay_p80_days",
    phase.open_count AS :"open_count",
    round(phase.open_amount) AS :"open_amount",
    phase.stalled_count AS :"stalled_count",
    round(phase.stalled_amount) AS :"stalled_amount"
FROM crm.phase_report(policy => 'fill', as_of => :'as_of') AS phase
ORDER BY phase.sort_order;
SELECT pg_temp.said(
    E'A deal that began in a later phase counts as having passed those before it.  Stalled: open for longer than\nthe p80 days, within which 80 % of all deals left the phase; unknown as long as none has left it.',
    E'途中のフェーズから始まった商談は、前のフェーズも通過したものとする。\n停滞：商談の80%がフェーズを出るまでの日数より長く進行中。まだ一件も出ていないフェーズでは分からない。'
) AS note \gset
\echo :note
\echo

SELECT pg_temp.said(
    'The stalled deals worth most',
    '停滞している商談のうち金額の大きいもの'
) AS title \gset
\pset title :title
SELECT
    card.deal AS :"deal",
    coalesce(card.account, pg_temp.said('(no account)', '（顧客なし）')) AS :"account",
    card.rep AS :"rep",
    card.product AS :"product",
    round(card.amount) AS :"amount",
    pg_temp.tenths(card.phase_days) AS :"phase_days",
    pg_temp.percent(card.stall_score) AS :"stall_score",
    replace(card.reason, 'stalled, ', '') AS :"reason"
FROM crm.deal_board(:'as_of') AS card
WHERE card.is_stalled
ORDER BY
    card.amount DESC,
    card.phase_since_at,
    card.deal
LIMIT 10;
SELECT pg_temp.said(
    E'stall score: the share of all deals that had left the phase, won or lost, at that age.',
    E'停滞スコア：同じ日数までにフェーズを出た（受注・失注）商談の割合。'
) AS note \gset
\echo :note
\echo

-- -------------------------------------------------------- customer value

SELECT pg_temp.said(
    'The ten customers worth most, USD',
    '価値の高い顧客上位十社（USD）'
) AS title \gset
\pset title :title
SELECT
    customer.account AS :"account",
    customer.industry AS :"industry",
    customer.order_count AS :"order_count",
    round(customer.revenue_amount) AS :"revenue_amount",
    round(customer.average_order_amount) AS :"average_order_amount",
    customer.first_purchase_date AS :"first_purchase_date",
    customer.last_purchase_date AS :"last_purchase_date",
    customer.since_last_purchase_days AS :"since_last_purchase_days"
FROM crm.customer_value(:'as_of') AS customer
ORDER BY customer.revenue_amount DESC
LIMIT 10;

SELECT pg_temp.said(
    'Customer value by sector, USD',
    '業種別の顧客価値（USD）'
) AS title \gset
\pset title :title
SELECT
    customer.industry AS :"industry",
    count(*) AS :"customer_count",
    sum(customer.order_count) AS :"order_count",
    round(sum(customer.revenue_amount)) AS :"revenue_amount",
    round(sum(customer.revenue_amount) / sum(customer.order_count)) AS :"average_order_amount",
    round(sum(customer.revenue_amount) / count(*)) AS :"revenue_per_customer_amount",
    pg_temp.percent(kpicrm.conversion_rate(customer.is_repeat)) AS :"repeat_rate"
FROM crm.customer_value(:'as_of') AS customer
GROUP BY customer.industry
ORDER BY sum(customer.revenue_amount) / count(*) DESC;

-- ----------------------------------------------------------- free-form SQL

SELECT pg_temp.said(
    'A question of your own: SELECT … FROM crm.deals GROUP BY region',
    '自由な集計：SELECT … FROM crm.deals GROUP BY region'
) AS title \gset
\pset title :title
SELECT
    coalesce(deal.region, pg_temp.said('(no account)', '（顧客なし）')) AS :"region",
    count(*) AS :"deal_count",
    pg_temp.percent(kpicrm.conversion_rate(deal.won)) AS :"win_rate",
    pg_temp.percent(kpicrm.conversion_rate(deal.won, deal.amount)) AS :"win_rate_by_amount",
    date_trunc('minute', kpicrm.lead_time(deal.opened_at, deal.closed_at)) AS :"lead_time"
FROM crm.deals AS deal
GROUP BY deal.region
ORDER BY count(*) DESC
LIMIT 5;
\pset title
