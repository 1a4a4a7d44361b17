/*
 * What a sales manager reads, from the reports of the workspace crm as loaded by
 * load_crm_sales.sql.  The data end on the day in the variable as_of, so that is
 * the "today" of every report; the views of the same names are as of now.
 */
\set ON_ERROR_STOP on
\set as_of '2017-12-31 00:00+00'
\pset footer off
\pset border 1
\pset null '-'
SET client_min_messages = warning;

CREATE FUNCTION pg_temp.percent(share double precision) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN to_char(100 * share, '990.0') || ' %';

CREATE FUNCTION pg_temp.money(amount numeric) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN to_char(amount, '999,999,990');

CREATE FUNCTION pg_temp.days(days double precision) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN round(days::numeric, 1);

-- ------------------------------------------------- win rate and lead time

-- All of the data as one period; a manager is a team.
CREATE TEMP VIEW pace AS
SELECT
    win.dimension_name,
    win.member_name,
    win.deal_count AS closed_count,
    win.won_count,
    win.win_rate,
    win.win_rate_low,
    win.win_rate_high,
    chance.win_rate AS win_rate_in_90_days,
    lead_time.open_count,
    lead_time.mean_days,
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

\pset title 'Win rate and lead time by manager'
SELECT
    pace.member_name AS "manager",
    pace.closed_count AS "closed",
    pace.won_count AS "won",
    pg_temp.percent(pace.win_rate) AS "win rate",
    pg_temp.percent(pace.win_rate_low) AS "low",
    pg_temp.percent(pace.win_rate_high) AS "high",
    pace.open_count AS "open",
    pg_temp.days(pace.mean_days) AS "mean days",
    pg_temp.days(pace.median_days) AS "median",
    pg_temp.days(pace.censored_median_days) AS "median*",
    pg_temp.percent(pace.win_rate_in_90_days) AS "in 90 d*"
FROM pace
WHERE pace.dimension_name IN ('team', 'all')
ORDER BY
    pace.dimension_name DESC,
    pace.win_rate DESC;

\pset title 'Win rate and lead time by sales agent'
SELECT
    pace.member_name AS "sales agent",
    pace.closed_count AS "closed",
    pace.won_count AS "won",
    pg_temp.percent(pace.win_rate) AS "win rate",
    pg_temp.percent(pace.win_rate_low) AS "low",
    pg_temp.percent(pace.win_rate_high) AS "high",
    pace.open_count AS "open",
    pg_temp.days(pace.mean_days) AS "mean days",
    pg_temp.days(pace.median_days) AS "median",
    pg_temp.days(pace.censored_median_days) AS "median*",
    pg_temp.percent(pace.win_rate_in_90_days) AS "in 90 d*"
FROM pace
WHERE pace.dimension_name = 'rep'
ORDER BY pace.win_rate DESC;
\echo 'low, high: 95 % bounds of the win rate.  open: Prospecting and Engaging.  mean days, median: of the deals won.'
\echo '*: with the open deals as censored.  median*: until half of all deals are closed, won or lost.'
\echo 'in 90 d*: the probability that a new deal is won within 90 days.'
\echo

-- ----------------------------------------------------------------- sales

\pset title 'Sales by product and quarter, USD (nothing closed before March 2017)'
SELECT
    CASE sales.scope_name WHEN 'company' THEN 'all products' ELSE sales.member_name END AS "product",
    sum(sales.won_count) AS "won",
    pg_temp.money(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q1')) AS "2017 Q1",
    pg_temp.money(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q2')) AS "2017 Q2",
    pg_temp.money(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q3')) AS "2017 Q3",
    pg_temp.money(sum(sales.won_amount) FILTER (WHERE sales.period_label = '2017 Q4')) AS "2017 Q4",
    pg_temp.money(sum(sales.won_amount)) AS "2017"
FROM crm.sales_vs_target(grain => 'quarter', as_of => :'as_of') AS sales
WHERE sales.scope_name IN ('product', 'company')
GROUP BY
    sales.scope_name,
    sales.member_name
ORDER BY
    sales.scope_name DESC,
    sum(sales.won_amount) DESC;

\pset title 'Does speed pay?  Closed deals by lead time'
SELECT
    band.band_label AS "lead time",
    band.closed_count AS "closed",
    band.won_count AS "won",
    pg_temp.percent(band.win_rate) AS "win rate",
    pg_temp.money(band.won_amount) AS "won USD",
    pg_temp.money(band.average_won_amount) AS "avg won USD"
FROM crm.lead_time_band(by => 'all', as_of => :'as_of') AS band
ORDER BY band.sort_order;

-- ---------------------------------------------------------------- phases

\pset title 'Phases: how far deals get, how long they stay, and what is stuck'
SELECT
    phase.phase AS "phase",
    phase.reached_count AS "reached",
    pg_temp.percent(phase.next_rate) AS "go on",
    pg_temp.percent(phase.won_rate) AS "are won",
    phase.lost_here_count AS "lost here",
    pg_temp.days(phase.stay_mean_days) AS "mean days",
    pg_temp.days(phase.stay_median_days) AS "median*",
    pg_temp.days(phase.stay_p80_days) AS "p80*",
    phase.open_count AS "open",
    pg_temp.money(phase.open_amount) AS "open USD",
    phase.stalled_count AS "stalled",
    pg_temp.money(phase.stalled_amount) AS "stalled USD"
FROM crm.phase_report(policy => 'fill', as_of => :'as_of') AS phase
ORDER BY phase.sort_order;
\echo 'A deal that began in Engaging counts as having passed Prospecting.  Stalled: open for longer than p80*, the time'
\echo 'within which 80 % of all deals left the phase.  No prospect has left its phase yet, so none is known to be late.'
\echo

\pset title 'The stalled deals worth most'
SELECT
    card.deal,
    coalesce(card.account, '(no account)') AS "account",
    card.rep AS "sales agent",
    card.product,
    pg_temp.money(card.amount) AS "list price",
    pg_temp.days(card.phase_days) AS "days in phase",
    pg_temp.percent(card.stall_score) AS "left sooner",
    card.reason
FROM crm.deal_board(:'as_of') AS card
WHERE card.is_stalled
ORDER BY
    card.amount DESC,
    card.phase_since_at,
    card.deal
LIMIT 10;
\echo 'left sooner: the share of all deals that had left the phase, won or lost, at that age.'
\echo

-- -------------------------------------------------------- customer value

\pset title 'The ten customers worth most, USD'
SELECT
    customer.account AS "customer",
    customer.industry AS "sector",
    customer.order_count AS "orders",
    pg_temp.money(customer.revenue_amount) AS "revenue",
    pg_temp.money(customer.average_order_amount) AS "avg order",
    customer.first_purchase_date AS "first",
    customer.last_purchase_date AS "last",
    customer.since_last_purchase_days AS "days since"
FROM crm.customer_value(:'as_of') AS customer
ORDER BY customer.revenue_amount DESC
LIMIT 10;

\pset title 'Customer value by sector, USD'
SELECT
    customer.industry AS "sector",
    count(*) AS "customers",
    sum(customer.order_count) AS "orders",
    pg_temp.money(sum(customer.revenue_amount)) AS "revenue",
    pg_temp.money(sum(customer.revenue_amount) / sum(customer.order_count)) AS "avg order",
    pg_temp.money(sum(customer.revenue_amount) / count(*)) AS "per customer",
    pg_temp.percent(kpicrm.conversion_rate(customer.is_repeat)) AS "bought again"
FROM crm.customer_value(:'as_of') AS customer
GROUP BY customer.industry
ORDER BY sum(customer.revenue_amount) / count(*) DESC;

-- ----------------------------------------------------------- free-form SQL

\pset title 'A question of your own: SELECT … FROM crm.deals GROUP BY region'
SELECT
    coalesce(deal.region, '(no account)') AS "customer's office",
    count(*) AS "deals",
    pg_temp.percent(kpicrm.conversion_rate(deal.won)) AS "win rate",
    pg_temp.percent(kpicrm.conversion_rate(deal.won, deal.amount)) AS "by amount",
    date_trunc('minute', kpicrm.lead_time(deal.opened_at, deal.closed_at)) AS "lead time"
FROM crm.deals AS deal
GROUP BY deal.region
ORDER BY count(*) DESC
LIMIT 5;
\pset title
