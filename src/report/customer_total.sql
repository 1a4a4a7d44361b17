/*
 * customer_total: what each account has bought until an instant.
 *
 * A purchase with a negative amount is a credit note: it lowers revenue and margin and is
 * no order.  history are the orders by day of the workspace's time zone.
 *
 * every_customer_total and customer_revenue neither hash nor sort: customer by customer, as the
 * index has them, is faster than a hash table of so many states, whose size the planner cannot
 * know.  It takes an instant that it does not know for a third of the purchases, and would sort these.
 */
CREATE FUNCTION customer_total(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    account_id bigint,
    order_count bigint,
    revenue_amount numeric,
    costed_amount numeric,
    margin_amount numeric,
    first_purchase_at timestamp with time zone,
    last_purchase_at timestamp with time zone,
    history kpicrm.purchases
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        purchase.account_id,
        count(*) FILTER (WHERE purchase.amount >= 0),
        sum(purchase.amount),
        sum(purchase.amount) FILTER (WHERE purchase.cost IS NOT NULL),
        sum(purchase.amount - purchase.cost),
        min(purchase.purchased_at) FILTER (WHERE purchase.amount >= 0),
        max(purchase.purchased_at) FILTER (WHERE purchase.amount >= 0),
        CASE
            WHEN count(*) FILTER (WHERE purchase.amount >= 0) > 0
                THEN kpicrm.purchase_agg(purchase.amount, (purchase.purchased_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date)
                    FILTER (WHERE purchase.amount >= 0)
        END
    FROM purchase
    WHERE purchase.purchased_at <= as_of
        AND kpicrm.accept_as_of(as_of)
    GROUP BY purchase.account_id;
END;
COMMENT ON FUNCTION customer_total(timestamp with time zone) IS
    'orders, revenue and margin of each account that has bought until the instant; history are its orders by local day, NULL if it has only credit notes';

CREATE FUNCTION every_customer_total(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    account_id bigint,
    order_count bigint,
    revenue_amount numeric,
    costed_amount numeric,
    margin_amount numeric,
    first_purchase_at timestamp with time zone,
    last_purchase_at timestamp with time zone,
    history kpicrm.purchases
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
    SET enable_hashagg = off
    SET enable_sort = off
BEGIN ATOMIC
    SELECT
        total.account_id,
        total.order_count,
        total.revenue_amount,
        total.costed_amount,
        total.margin_amount,
        total.first_purchase_at,
        total.last_purchase_at,
        total.history
    FROM customer_total(as_of) AS total;
END;
COMMENT ON FUNCTION every_customer_total(timestamp with time zone) IS
    'customer_total of all accounts, account by account as the index of purchase has them';

CREATE FUNCTION customer_revenue(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    account_id bigint,
    revenue_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
    SET enable_hashagg = off
    SET enable_sort = off
BEGIN ATOMIC
    SELECT
        total.account_id,
        total.revenue_amount
    FROM customer_total(as_of) AS total;
END;
COMMENT ON FUNCTION customer_revenue(timestamp with time zone) IS
    'revenue of each account that has bought until the instant, as customer_total has it';
