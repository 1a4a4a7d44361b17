/*
 * customer_value: which customers are worth most?
 *
 * Grain: account with a purchase until as_of.  A purchase is an order; a deal that
 * is won is none until it becomes rows of purchase, which the importer does.  Days
 * are those of the workspace's time zone.  A customer who bought on more than one
 * day is a repeat customer: two order lines of one day are one visit to the shop.
 * A purchase with a negative amount is a credit note: it lowers revenue and margin
 * and is no order; an account that has nothing else has no order and no dates.
 * Margin is over the purchases whose cost is known.
 *
 * What is to come is predicted by the model that was fitted last (refresh_ltv_fit).
 * gross_margin NULL is the margin of all purchases whose cost is known or, if there are
 * none, 1: ltv_amount is revenue then.
 */
CREATE FUNCTION customer_value(
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 365,
    gross_margin double precision DEFAULT NULL,
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    account_id bigint,
    account text,
    industry text,
    region text,
    rep_id bigint,
    rep text,
    order_count bigint,
    order_day_count bigint,
    is_repeat boolean,
    revenue_amount numeric,
    margin_amount numeric,
    margin_rate double precision,
    average_order_amount numeric,
    first_purchase_at timestamp with time zone,
    first_purchase_date date,
    last_purchase_at timestamp with time zone,
    last_purchase_date date,
    since_last_purchase_days double precision,
    alive_probability double precision,
    expected_order_days double precision,
    expected_order_amount numeric,
    ltv_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        account.id,
        account.name,
        account.industry,
        account.region,
        account.rep_id,
        sales_rep.name,
        customer.order_count,
        ordered.day_count,
        ordered.day_count > 1,
        customer.revenue_amount,
        customer.margin_amount,
        (customer.margin_amount / nullif(customer.costed_amount, 0))::double precision,
        customer.revenue_amount / nullif(customer.order_count, 0),
        customer.first_purchase_at,
        (customer.first_purchase_at AT TIME ZONE setting.time_zone)::date,
        customer.last_purchase_at,
        (customer.last_purchase_at AT TIME ZONE setting.time_zone)::date,
        (as_of AT TIME ZONE setting.time_zone)::date - (customer.last_purchase_at AT TIME ZONE setting.time_zone)::date,
        outlook.alive_probability,
        outlook.expected_order_days,
        outlook.expected_order_amount,
        outlook.ltv_amount
    FROM every_customer_total(as_of) AS customer
    CROSS JOIN LATERAL (SELECT coalesce(kpicrm.order_day_count(customer.history), 0) AS day_count) AS ordered
    JOIN setting ON setting.only_row
    JOIN account ON account.id = customer.account_id
    LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
    LEFT JOIN ltv_frame(as_of, horizon_days, gross_margin, discount_rate) AS frame ON true
    CROSS JOIN LATERAL ltv_outlook(frame.model, customer.history, frame.today, frame.horizon, frame.margin_rate, frame.discount) AS outlook;
END;
COMMENT ON FUNCTION customer_value(timestamp with time zone, integer, double precision, double precision) IS
    'what each account has bought until the instant: orders, revenue, margin, first and last purchase; and what is expected of it in horizon_days';

CREATE VIEW customer_value WITH (security_invoker = true) AS
SELECT
    customer.account_id,
    customer.account,
    customer.industry,
    customer.region,
    customer.rep_id,
    customer.rep,
    customer.order_count,
    customer.order_day_count,
    customer.is_repeat,
    customer.revenue_amount::numeric(18, 2) AS revenue_amount,
    customer.margin_amount::numeric(18, 2) AS margin_amount,
    customer.margin_rate,
    customer.average_order_amount::numeric(18, 2) AS average_order_amount,
    customer.first_purchase_at,
    customer.first_purchase_date,
    customer.last_purchase_at,
    customer.last_purchase_date,
    customer.since_last_purchase_days,
    customer.alive_probability,
    customer.expected_order_days,
    customer.expected_order_amount::numeric(18, 2) AS expected_order_amount,
    customer.ltv_amount::numeric(18, 2) AS ltv_amount
FROM customer_value() AS customer;
COMMENT ON VIEW customer_value IS
    'One row per account that has bought: its orders, revenue, margin, first and last purchase, as of now. Only rows of purchase count; a won deal becomes one when it is invoiced or imported.';
COMMENT ON COLUMN customer_value.account_id IS 'key of the account';
COMMENT ON COLUMN customer_value.account IS 'name of the account';
COMMENT ON COLUMN customer_value.industry IS 'industry of the account';
COMMENT ON COLUMN customer_value.region IS 'region of the account';
COMMENT ON COLUMN customer_value.rep_id IS 'key of the account''s present rep';
COMMENT ON COLUMN customer_value.rep IS 'name of the account''s present rep';
COMMENT ON COLUMN customer_value.order_count IS 'number of purchases, without credit notes';
COMMENT ON COLUMN customer_value.order_day_count IS 'number of days with such a purchase';
COMMENT ON COLUMN customer_value.is_repeat IS 'true if the account bought on more than one day';
COMMENT ON COLUMN customer_value.revenue_amount IS 'amount of all purchases, less credit notes';
COMMENT ON COLUMN customer_value.margin_amount IS 'amount less cost of the purchases whose cost is known; NULL if none is';
COMMENT ON COLUMN customer_value.margin_rate IS 'margin_amount as a share of the amount of the same purchases; NULL if that is 0 or no cost is known';
COMMENT ON COLUMN customer_value.average_order_amount IS 'revenue_amount / order_count; NULL without an order';
COMMENT ON COLUMN customer_value.first_purchase_at IS 'instant of the first purchase';
COMMENT ON COLUMN customer_value.first_purchase_date IS 'day of the first purchase';
COMMENT ON COLUMN customer_value.last_purchase_at IS 'instant of the last purchase';
COMMENT ON COLUMN customer_value.last_purchase_date IS 'day of the last purchase';
COMMENT ON COLUMN customer_value.since_last_purchase_days IS 'days from the day of the last purchase to today';
COMMENT ON COLUMN customer_value.alive_probability IS 'probability that the account is still a customer, by the model fitted last; this and what follows NULL without one';
COMMENT ON COLUMN customer_value.expected_order_days IS 'days with an order expected in the next 365 days';
COMMENT ON COLUMN customer_value.expected_order_amount IS 'amount expected of such a day';
COMMENT ON COLUMN customer_value.ltv_amount IS 'present value of the margin expected in the next 365 days, discounted by 10 % a year; of the revenue if no purchase has a cost';
