/*
 * customer_value_report: which segments of customers are worth most?
 *
 * Grain: dimension × member × period.  What was bought, by the local day of the
 * purchase, and the deals that were won, by the local day of their last closing.
 *
 *   order       a row of purchase; one with a negative amount is a credit note: it
 *               lowers revenue and margin and is no order
 *   customer    account with an order in the period and segment
 *   new         customer whose first order of all is among these, on its first day:
 *               each customer is new once in each dimension, or, having bought two
 *               products on the first day, under each of them
 *   repeat      customer with orders on two or more days of the period, in the segment
 *   margin      amount less cost, of the rows whose cost is known
 *   deal size   amount of the deals won, of those that have one
 *
 * Industry and region are the account's; rep and team are the account's present ones
 * for purchases and those of the closing for deals; product is what was bought, or
 * sold; source is that of the deal, also for a purchase that came from one.
 *
 * Never add up rates and averages; customers of two periods or segments may be the
 * same ones, too.
 */
CREATE FUNCTION customer_value_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'year'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    customer_count bigint,
    new_customer_count bigint,
    repeat_customer_count bigint,
    repeat_rate double precision,
    repeat_rate_low double precision,
    repeat_rate_high double precision,
    order_count bigint,
    revenue_amount numeric,
    average_order_amount numeric,
    revenue_per_customer_amount numeric,
    costed_amount numeric,
    margin_amount numeric,
    margin_rate double precision,
    won_count bigint,
    priced_won_count bigint,
    won_amount numeric,
    average_deal_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH first_order AS (
        SELECT
            earliest.account_id,
            (earliest.at AT TIME ZONE setting.time_zone)::date AS day
        FROM (
            SELECT
                purchase.account_id,
                min(purchase.purchased_at) AS at
            FROM purchase
            WHERE purchase.purchased_at <= as_of
                AND purchase.amount >= 0
            GROUP BY purchase.account_id
        ) AS earliest
        JOIN setting ON setting.only_row
    ), bought AS MATERIALIZED (
        -- purchases without a deal are not looked up: their NULLs would be one bucket of the join
        SELECT
            dated.account_id,
            dated.product_id,
            dated.deal_id,
            dated.day,
            CASE grain
                WHEN 'all' THEN from_date
                ELSE kpicrm.fiscal_period_start(dated.day, grain, dated.fiscal_start_month, dated.week_start)
            END AS period_start,
            dated.amount,
            dated.cost
        FROM (
            SELECT
                purchase.account_id,
                purchase.product_id,
                purchase.deal_id,
                (purchase.purchased_at AT TIME ZONE setting.time_zone)::date AS day,
                purchase.amount,
                purchase.cost,
                setting.fiscal_start_month,
                setting.week_start
            FROM purchase
            JOIN setting ON setting.only_row
            WHERE purchase.purchased_at <= as_of
                -- local days take time: most rows are known to be out of range without them
                AND purchase.purchased_at >= earliest_instant(from_date)
                AND purchase.purchased_at < latest_instant(to_date)
        ) AS dated
        -- CASE, because the planner takes it for half of the rows, a range of an unknown expression for few
        WHERE CASE WHEN dated.day < from_date OR dated.day >= to_date THEN false ELSE true END
    ), item AS (
        -- what a customer is found by: the account alone (1), with the product (2) or the source (3)
        SELECT
            1 AS basis,
            NULL::bigint AS item_id,
            bought.account_id,
            bought.period_start,
            bought.day,
            bought.amount,
            bought.cost
        FROM bought
        WHERE by IS NULL OR by NOT IN ('product', 'source')
        UNION ALL
        SELECT
            2,
            bought.product_id,
            bought.account_id,
            bought.period_start,
            bought.day,
            bought.amount,
            bought.cost
        FROM bought
        WHERE by IS NULL OR by = 'product'
        UNION ALL
        SELECT
            3,
            deal.source_id,
            bought.account_id,
            bought.period_start,
            bought.day,
            bought.amount,
            bought.cost
        FROM bought
        JOIN deal ON deal.id = bought.deal_id
        WHERE by IS NULL OR by = 'source'
        UNION ALL
        SELECT
            3,
            NULL,
            bought.account_id,
            bought.period_start,
            bought.day,
            bought.amount,
            bought.cost
        FROM bought
        WHERE (by IS NULL OR by = 'source')
            AND bought.deal_id IS NULL
    ), buyer AS (
        SELECT
            item.basis,
            item.item_id,
            item.account_id,
            item.period_start,
            count(*) FILTER (WHERE item.amount >= 0) AS order_count,
            min(item.day) FILTER (WHERE item.amount >= 0) AS first_day,
            max(item.day) FILTER (WHERE item.amount >= 0) AS last_day,
            sum(item.amount) AS revenue_amount,
            sum(item.amount) FILTER (WHERE item.cost IS NOT NULL) AS costed_amount,
            sum(item.amount - item.cost) AS margin_amount
        FROM item
        GROUP BY
            item.basis,
            item.item_id,
            item.account_id,
            item.period_start
    ), segment AS (
        -- each account is in one industry, region, rep and team: all of them in one pass
        SELECT
            1 AS basis,
            GROUPING(account.industry, account.region, account.rep_id, sales_rep.team_id) AS grouped,
            NULL::bigint AS item_id,
            account.industry,
            account.region,
            account.rep_id,
            sales_rep.team_id,
            buyer.period_start,
            count(*) FILTER (WHERE buyer.first_day = first_order.day) AS new_customer_count,
            kpicrm.conversion_agg(buyer.first_day < buyer.last_day) AS repeats,
            sum(buyer.order_count)::bigint AS order_count,
            sum(buyer.revenue_amount) AS revenue_amount,
            sum(buyer.costed_amount) AS costed_amount,
            sum(buyer.margin_amount) AS margin_amount
        FROM buyer
        JOIN account ON account.id = buyer.account_id
        LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
        LEFT JOIN first_order ON first_order.account_id = buyer.account_id
        WHERE buyer.basis = 1
        GROUP BY GROUPING SETS (
            (buyer.period_start),
            (buyer.period_start, account.industry),
            (buyer.period_start, account.region),
            (buyer.period_start, account.rep_id),
            (buyer.period_start, sales_rep.team_id)
        )
        UNION ALL
        SELECT
            buyer.basis,
            15,
            buyer.item_id,
            NULL,
            NULL,
            NULL,
            NULL,
            buyer.period_start,
            count(*) FILTER (WHERE buyer.first_day = first_order.day),
            kpicrm.conversion_agg(buyer.first_day < buyer.last_day),
            sum(buyer.order_count)::bigint,
            sum(buyer.revenue_amount),
            sum(buyer.costed_amount),
            sum(buyer.margin_amount)
        FROM buyer
        LEFT JOIN first_order ON first_order.account_id = buyer.account_id
        WHERE buyer.basis > 1
        GROUP BY
            buyer.basis,
            buyer.item_id,
            buyer.period_start
    ), won AS (
        SELECT
            GROUPING(account.industry, account.region, dated.rep_id, sales_rep.team_id, dated.product_id, dated.source_id) AS grouped,
            account.industry,
            account.region,
            dated.rep_id,
            sales_rep.team_id,
            dated.product_id,
            dated.source_id,
            dated.period_start,
            count(*) AS won_count,
            count(dated.amount) AS priced_won_count,
            sum(dated.amount) AS won_amount
        FROM (
            SELECT
                closed.account_id,
                closed.source_id,
                closed.rep_id,
                closed.product_id,
                closed.amount,
                CASE grain
                    WHEN 'all' THEN from_date
                    ELSE kpicrm.fiscal_period_start(closed.day, grain, closed.fiscal_start_month, closed.week_start)
                END AS period_start
            FROM (
                SELECT
                    (stay.entered_at AT TIME ZONE setting.time_zone)::date AS day,
                    deal.account_id,
                    deal.source_id,
                    stay.rep_id,
                    stay.product_id,
                    deal.amount,
                    setting.fiscal_start_month,
                    setting.week_start
                FROM phase_stay AS stay
                JOIN phase
                    ON phase.id = stay.phase_id
                    AND phase.kind = 'won'
                JOIN deal ON deal.id = stay.deal_id
                JOIN setting ON setting.only_row
                WHERE stay.entered_at <= as_of
                    AND stay.entered_at >= earliest_instant(from_date)
                    AND stay.entered_at < latest_instant(to_date)
                    AND (stay.left_at IS NULL OR stay.left_at > as_of)
                    AND deal.opened_at <= as_of
            ) AS closed
            WHERE CASE WHEN closed.day < from_date OR closed.day >= to_date THEN false ELSE true END
        ) AS dated
        LEFT JOIN account ON account.id = dated.account_id
        LEFT JOIN sales_rep ON sales_rep.id = dated.rep_id
        GROUP BY GROUPING SETS (
            (dated.period_start),
            (dated.period_start, account.industry),
            (dated.period_start, account.region),
            (dated.period_start, dated.rep_id),
            (dated.period_start, sales_rep.team_id),
            (dated.period_start, dated.product_id),
            (dated.period_start, dated.source_id)
        )
    ), part AS (
        -- GROUPING has a bit for each column that is not grouped by
        SELECT
            CASE segment.basis
                WHEN 2 THEN 'product'
                WHEN 3 THEN 'source'
                ELSE CASE segment.grouped
                    WHEN 7 THEN 'industry'
                    WHEN 11 THEN 'region'
                    WHEN 13 THEN 'rep'
                    WHEN 14 THEN 'team'
                    ELSE 'all'
                END
            END AS dimension_name,
            coalesce(segment.item_id, segment.rep_id, segment.team_id) AS member_id,
            coalesce(segment.industry, segment.region) AS member_text,
            segment.period_start,
            segment.new_customer_count,
            segment.repeats,
            segment.order_count,
            segment.revenue_amount,
            segment.costed_amount,
            segment.margin_amount,
            0::bigint AS won_count,
            0::bigint AS priced_won_count,
            NULL::numeric AS won_amount
        FROM segment
        UNION ALL
        SELECT
            CASE won.grouped
                WHEN 31 THEN 'industry'
                WHEN 47 THEN 'region'
                WHEN 55 THEN 'rep'
                WHEN 59 THEN 'team'
                WHEN 61 THEN 'product'
                WHEN 62 THEN 'source'
                ELSE 'all'
            END,
            coalesce(won.rep_id, won.team_id, won.product_id, won.source_id),
            coalesce(won.industry, won.region),
            won.period_start,
            0,
            NULL,
            0,
            NULL,
            NULL,
            NULL,
            won.won_count,
            won.priced_won_count,
            won.won_amount
        FROM won
    ), total AS (
        SELECT
            part.dimension_name,
            part.member_id,
            part.member_text,
            part.period_start,
            sum(part.new_customer_count)::bigint AS new_customer_count,
            kpicrm.rollup(part.repeats) AS repeats,
            sum(part.order_count)::bigint AS order_count,
            coalesce(sum(part.revenue_amount), 0) AS revenue_amount,
            sum(part.costed_amount) AS costed_amount,
            sum(part.margin_amount) AS margin_amount,
            sum(part.won_count)::bigint AS won_count,
            sum(part.priced_won_count)::bigint AS priced_won_count,
            coalesce(sum(part.won_amount), 0) AS won_amount
        FROM part
        WHERE kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_period(from_date, to_date)
            AND CASE
                WHEN by IS NULL THEN true
                ELSE part.dimension_name = kpicrm.checked_option('by', by, 'all', 'industry', 'region', 'rep', 'team', 'product', 'source')
            END
        GROUP BY
            part.dimension_name,
            part.member_id,
            part.member_text,
            part.period_start
    )
    SELECT
        total.dimension_name,
        total.member_id,
        CASE total.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(total.member_text, dimension_member.member_name, '(none)')
        END,
        total.period_start,
        CASE kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all')
            WHEN 'all' THEN 'all'
            ELSE kpicrm.fiscal_period_label(total.period_start, grain, setting.fiscal_start_month, setting.week_start)
        END,
        coalesce(kpicrm.total_count(total.repeats), 0),
        total.new_customer_count,
        coalesce(kpicrm.converted_count(total.repeats), 0),
        kpicrm.rate(total.repeats),
        kpicrm.rate_lower(total.repeats),
        kpicrm.rate_upper(total.repeats),
        total.order_count,
        total.revenue_amount,
        total.revenue_amount / nullif(total.order_count, 0),
        total.revenue_amount / nullif(kpicrm.total_count(total.repeats), 0),
        total.costed_amount,
        total.margin_amount,
        (total.margin_amount / nullif(total.costed_amount, 0))::double precision,
        total.won_count,
        total.priced_won_count,
        total.won_amount,
        total.won_amount / nullif(total.priced_won_count, 0)
    FROM total
    JOIN setting ON setting.only_row
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = total.dimension_name
        AND dimension_member.member_id = total.member_id
    WHERE kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL;
END;
COMMENT ON FUNCTION customer_value_report(date, date, text, timestamp with time zone, text) IS
    'customers, orders, revenue, margin and deal size from from_date until before to_date, by all, industry, region, rep, team, product or source (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW customer_value_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.customer_count,
    report.new_customer_count,
    report.repeat_customer_count,
    report.repeat_rate,
    report.repeat_rate_low,
    report.repeat_rate_high,
    report.order_count,
    report.revenue_amount::numeric(18, 2) AS revenue_amount,
    report.average_order_amount::numeric(18, 2) AS average_order_amount,
    report.revenue_per_customer_amount::numeric(18, 2) AS revenue_per_customer_amount,
    report.costed_amount::numeric(18, 2) AS costed_amount,
    report.margin_amount::numeric(18, 2) AS margin_amount,
    report.margin_rate,
    report.won_count,
    report.priced_won_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.average_deal_amount::numeric(18, 2) AS average_deal_amount
FROM customer_value_report() AS report;
COMMENT ON VIEW customer_value_report IS
    'One row per dimension, member and fiscal year: how many customers bought, how often, for how much and at what margin, and the deals won, as of now. A customer is an account with an order; a purchase with a negative amount is a credit note and no order; a repeat customer ordered on two or more days of the year. Rep and team are the account''s present ones for purchases and those of the closing for deals.';
COMMENT ON COLUMN customer_value_report.dimension_name IS 'what the row is grouped by: all, industry, region, rep, team, product or source';
COMMENT ON COLUMN customer_value_report.member_id IS 'key of the member in its own table; NULL for all, industry and region, and where there is none';
COMMENT ON COLUMN customer_value_report.member_name IS 'name of the member; (none) where there is none';
COMMENT ON COLUMN customer_value_report.period_start IS 'first day of the fiscal year';
COMMENT ON COLUMN customer_value_report.period_label IS 'name of the fiscal year';
COMMENT ON COLUMN customer_value_report.customer_count IS 'accounts with an order; accounts of several rows count in each';
COMMENT ON COLUMN customer_value_report.new_customer_count IS 'of these, accounts whose first order of all is among these';
COMMENT ON COLUMN customer_value_report.repeat_customer_count IS 'of these, accounts with orders on two or more days';
COMMENT ON COLUMN customer_value_report.repeat_rate IS 'repeat_customer_count / customer_count, 0 to 1';
COMMENT ON COLUMN customer_value_report.repeat_rate_low IS 'lower 95 % Wilson bound of repeat_rate';
COMMENT ON COLUMN customer_value_report.repeat_rate_high IS 'upper 95 % Wilson bound of repeat_rate';
COMMENT ON COLUMN customer_value_report.order_count IS 'purchases, without credit notes';
COMMENT ON COLUMN customer_value_report.revenue_amount IS 'amount of all purchases, less credit notes';
COMMENT ON COLUMN customer_value_report.average_order_amount IS 'revenue_amount / order_count';
COMMENT ON COLUMN customer_value_report.revenue_per_customer_amount IS 'revenue_amount / customer_count';
COMMENT ON COLUMN customer_value_report.costed_amount IS 'amount of the purchases whose cost is known: denominator of margin_rate; NULL if there is none';
COMMENT ON COLUMN customer_value_report.margin_amount IS 'amount less cost of the purchases whose cost is known; NULL if there is none';
COMMENT ON COLUMN customer_value_report.margin_rate IS 'margin_amount / costed_amount; NULL if that is 0 or unknown';
COMMENT ON COLUMN customer_value_report.won_count IS 'deals won';
COMMENT ON COLUMN customer_value_report.priced_won_count IS 'of these, deals that have an amount';
COMMENT ON COLUMN customer_value_report.won_amount IS 'amount of the deals won';
COMMENT ON COLUMN customer_value_report.average_deal_amount IS 'won_amount / priced_won_count';
