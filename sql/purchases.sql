-- One customer's history.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO, YMD';

CREATE TEMPORARY TABLE sale (
    customer bigint,
    amount numeric,
    cost numeric,
    purchased_at timestamptz
);
INSERT INTO sale (customer, amount, cost, purchased_at) VALUES
    (1, 100, 60, '2026-01-05 10:00Z'),
    (1, 50.50, 30, '2026-01-05 18:00:00.25Z'),
    (1, 200, NULL, '2026-03-01 09:00Z'),
    (1, 80, 40, '2026-04-01 00:00Z'),
    (2, 300, 100, '2026-02-10 23:30Z'),
    (2, NULL, 1, '2026-02-11 00:00Z'),
    (2, 5, 1, NULL);

SELECT
    customer,
    purchase_agg(amount, purchased_at) AS history
FROM sale
GROUP BY customer
ORDER BY customer;

SELECT
    customer,
    order_count(history),
    order_day_count(history),
    repeat_count(history),
    first_purchase_at(history),
    last_purchase_at(history),
    revenue(history),
    cost(history),
    round(average_order_value(history), 2) AS average_order_value,
    average_repeat_value(history)
FROM (
    SELECT
        customer,
        purchase_agg(amount, purchased_at) AS history
    FROM sale
    GROUP BY customer
) AS by_customer
ORDER BY customer;

-- With cost: an order of unknown cost is left out and counted.
SELECT
    customer,
    history,
    margin(history),
    invalid_count(history)
FROM (
    SELECT
        customer,
        purchase_agg(amount, purchased_at, cost) AS history
    FROM sale
    GROUP BY customer
) AS by_customer
ORDER BY customer;

-- Days are UTC days; dates say which days are meant.
SELECT purchase_agg(amount, (purchased_at AT TIME ZONE 'Asia/Tokyo')::date)
FROM sale
WHERE customer = 2;

-- No orders.
SELECT
    history,
    order_count(history),
    repeat_count(history),
    first_purchase_at(history),
    revenue(history),
    average_order_value(history)
FROM (
    SELECT purchase_agg(amount, purchased_at) AS history
    FROM sale
    WHERE false
) AS nobody;

-- Parts of a history add up.
SELECT rollup(history)
FROM (
    SELECT purchase_agg(amount, purchased_at) AS history
    FROM sale
    WHERE customer = 1
    GROUP BY date_trunc('month', purchased_at)
) AS month;
SELECT purchase_agg(1, date '2026-01-02') + purchase_agg(2, date '2025-12-31') AS sum;
SELECT purchases 'empty' + 'empty' AS nothing;
SELECT purchases 'cost, 1 invalid' = 'cost, 1 invalid' AS same;

-- Errors say what to do.
SELECT purchase_agg(1, date '2026-01-02') + purchase_agg(2, date '2026-01-02', 1);
SELECT purchase_agg(1, timestamptz 'infinity');
SELECT purchase_agg(1, date '-infinity');
SELECT purchase_agg(1, date '300000-01-01');
SELECT purchase_agg('NaN', date '2026-01-01');
SELECT purchase_agg(6e37, date '2026-01-01' + n) FROM generate_series(1, 2) AS n;
SELECT purchases 'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-06 1 5}';

-- The ends of time.
SELECT purchase_agg(1, d) FROM (VALUES (date '4713-01-01 BC'), ('294276-12-31'), ('0001-12-31 BC'), ('2000-02-29')) AS v (d);
