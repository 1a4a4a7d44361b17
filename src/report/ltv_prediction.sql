/*
 * What is to come: the models in ltv_fit, and what they say of each customer.
 *
 * A customer's history are its days with an order until an instant, in the workspace's
 * time zone; credit notes are none.  The model is the one of the latest as_of_date that
 * is not after the report's day, so a report of the past sees nothing that came later.
 * Without a model, or with one that did not converge, there are no predictions.
 */
CREATE FUNCTION customer_history(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    account_id bigint,
    history kpicrm.purchases
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        customer.account_id,
        customer.history
    FROM every_customer_total(as_of) AS customer
    WHERE customer.history IS NOT NULL;
END;
COMMENT ON FUNCTION customer_history(timestamp with time zone) IS
    'the orders of each account until the instant, by local day; credit notes are none';

CREATE FUNCTION refresh_ltv_fit(
    as_of timestamp with time zone DEFAULT now(),
    variant text DEFAULT 'BG/NBD',
    period interval DEFAULT INTERVAL '7 days'
) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    -- once, and not for each customer
    today constant date = local_date(as_of);
    model kpicrm.ltv_model;
    fit_id bigint;
BEGIN
    PERFORM kpicrm.accept_as_of(refresh_ltv_fit.as_of);
    SELECT kpicrm.ltv_model_agg(customer.history, today, refresh_ltv_fit.period, refresh_ltv_fit.variant)
    INTO model
    FROM customer_history(refresh_ltv_fit.as_of) AS customer;
    INSERT INTO ltv_fit (as_of_date, model, variant, period_days, customer_count, repeat_count, value_count, status, value_status)
    VALUES (
        today,
        model,
        kpicrm.variant(model),
        extract(epoch FROM coalesce(kpicrm.period(model), refresh_ltv_fit.period)) / 86400,
        kpicrm.customer_count(model),
        kpicrm.repeat_count(model),
        kpicrm.value_count(model),
        kpicrm.status(model),
        kpicrm.value_status(model)
    )
    RETURNING id INTO fit_id;
    RETURN fit_id;
END;
$$;
COMMENT ON FUNCTION refresh_ltv_fit(timestamp with time zone, text, interval) IS
    'fits a model to the purchases until the instant and adds it to ltv_fit; returns its key';

-- The model in force at the instant, and what it needs to say what is to come.
CREATE FUNCTION ltv_frame(
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 365,
    gross_margin double precision DEFAULT NULL,
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    model kpicrm.ltv_model,
    today date,
    horizon interval,
    margin_rate double precision,
    discount double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT
        fit.model,
        fit.today,
        make_interval(days => horizon_days),
        coalesce(
            gross_margin,
            (
                SELECT greatest(least(sum(purchase.amount - purchase.cost) / nullif(sum(purchase.amount), 0), 1), 0)::double precision
                FROM purchase
                WHERE purchase.cost IS NOT NULL
                    AND purchase.purchased_at <= as_of
            ),
            1
        ),
        discount_rate
    FROM (
        SELECT
            ltv_fit.model::kpicrm.ltv_model AS model,
            local_date(as_of) AS today
        FROM ltv_fit
        WHERE ltv_fit.as_of_date <= local_date(as_of)
            AND kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_number('horizon_days', horizon_days, 1, 36500)
            AND kpicrm.accept_number('gross_margin', coalesce(gross_margin, 1), 0, 1)
            AND kpicrm.accept_number('discount_rate', discount_rate, 0, 10)
        ORDER BY
            ltv_fit.as_of_date DESC,
            ltv_fit.id DESC
        LIMIT 1
    ) AS fit;
END;
COMMENT ON FUNCTION ltv_frame(timestamp with time zone, integer, double precision, double precision) IS
    'the model in force at the instant, its day, the horizon, the share of margin in revenue and the discount rate; no row without a model';

-- What a model says of one customer: its arguments are those of ltv_frame, and a history.
CREATE FUNCTION ltv_outlook(
    model kpicrm.ltv_model,
    history kpicrm.purchases,
    today date,
    horizon interval,
    margin_rate double precision,
    discount double precision
) RETURNS TABLE (
    alive_probability double precision,
    expected_order_days double precision,
    expected_order_amount numeric,
    ltv_amount numeric
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT
        kpicrm.alive_probability(model, history, today),
        kpicrm.expected_orders(model, history, today, horizon),
        kpicrm.expected_order_value(model, history, today)::numeric,
        kpicrm.ltv(model, history, today, horizon, margin_rate, discount)::numeric;
END;
COMMENT ON FUNCTION ltv_outlook(kpicrm.ltv_model, kpicrm.purchases, date, interval, double precision, double precision) IS
    'what a model says of a customer: is it still one, orders and value to come; NULL without a model or a history';

CREATE FUNCTION customer_prediction(
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 365,
    gross_margin double precision DEFAULT NULL,
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    account_id bigint,
    alive_probability double precision,
    expected_order_days double precision,
    expected_order_amount numeric,
    ltv_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        customer.account_id,
        outlook.alive_probability,
        outlook.expected_order_days,
        outlook.expected_order_amount,
        outlook.ltv_amount
    FROM ltv_frame(as_of, horizon_days, gross_margin, discount_rate) AS frame
    CROSS JOIN customer_history(as_of) AS customer
    CROSS JOIN LATERAL ltv_outlook(frame.model, customer.history, frame.today, frame.horizon, frame.margin_rate, frame.discount) AS outlook;
END;
COMMENT ON FUNCTION customer_prediction(timestamp with time zone, integer, double precision, double precision) IS
    'what the model in force at the instant says of each customer: is it still one, orders and value to come in horizon_days; no rows without a model';
