-- Lifetime value: realised, and by formula.
SET search_path = kpicrm, public;

CREATE TEMPORARY TABLE sale (
    shop text,
    customer bigint,
    amount numeric,
    cost numeric,
    purchased_on date
);
INSERT INTO sale (shop, customer, amount, cost, purchased_on) VALUES
    ('Kobe', 1, 100, 60, '2026-01-05'),
    ('Kobe', 1, 50, 20, '2026-02-05'),
    ('Kobe', 2, 250, 150, '2026-02-06'),
    ('Nara', 1, 500, 300, '2026-03-01'),
    ('Nara', 3, 80.5, NULL, '2026-03-01'),
    ('Nara', NULL, 999, 1, '2026-03-02'),
    ('Nara', 4, NULL, 1, '2026-03-02');

-- In one line on a table of orders: revenue, or margin, per distinct customer.
SELECT
    shop,
    ltv(customer, amount) AS revenue_ltv,
    ltv(customer, amount, cost) AS margin_ltv,
    ltv(customer::text, amount) AS by_text,
    ltv(md5(customer::text)::uuid, amount) AS by_uuid
FROM sale
GROUP BY shop
ORDER BY shop;

-- The states of the shops add up: a customer of both is one customer.
SELECT
    base,
    customer_count(base),
    order_count(base),
    revenue(base),
    cost(base),
    margin(base),
    round(ltv(base), 4) AS ltv
FROM (
    SELECT rollup(base) AS base
    FROM (
        SELECT ltv_agg(customer, amount) AS base
        FROM sale
        GROUP BY shop
    ) AS by_shop
) AS total;

SELECT
    base,
    margin(base),
    invalid_count(base),
    ltv(base)
FROM (
    SELECT ltv_agg(customer, amount, cost) AS base
    FROM sale
) AS total;

-- From the histories of the customers, at constant size.
SELECT
    round(ltv(history), 4) AS ltv,
    ltv_agg(history)
FROM (
    SELECT purchase_agg(amount, purchased_on) AS history
    FROM sale
    WHERE customer IS NOT NULL
    GROUP BY customer
) AS by_customer;

-- Nobody.
SELECT
    ltv(customer, amount),
    ltv_agg(customer, amount)
FROM sale
WHERE false;

-- Texts are kept as hashes of their bytes.
SELECT ltv_agg(name, 1) FROM (VALUES ('Abe'), ('abe'), ('Abe')) AS v (name);

-- Errors say what to do.
SELECT ltv_agg(1::bigint, 1) + ltv_agg('a'::text, 1);
SELECT ltv_agg(1::bigint, 1) + ltv_agg(1::bigint, 1, 1);
SELECT ltv_agg(1::bigint, 1) + (SELECT ltv_agg(history) FROM (SELECT purchase_agg(1, date '2026-01-01') AS history) AS one);
SELECT ltv(1::bigint, 'Infinity');
SELECT ltv(1::bigint, 9e37) FROM generate_series(1, 2);
SELECT customer_base '2 bigint customers, 2 orders, 5 revenue, 0 invalid {2,1}';
SELECT customer_base '2 bigint customers';

-- Formulas.
SELECT ltv_simple(order_value => 500000, gross_margin => 0.5, orders_per_year => 2, years => 5);
SELECT round(ltv_churn(arpa => 933, gross_margin => 1, churn => 0.1), 2) AS ltv;
SELECT ltv_churn(933, 1, 0) IS NULL AS nobody_leaves;
SELECT
    round(ltv_discounted(margin => 100, retention => 0.8, discount => 0.1, first_payment_now => true), 2) AS now,
    round(ltv_discounted(100, 0.8, 0.1, false), 2) AS after_one_period,
    ltv_discounted(100, 1, 0, true) AS forever,
    ltv_discounted(NULL, 1, 0, true) AS unknown;
SELECT ltv_churn(933, 1, 5);
SELECT ltv_simple(500000, 50, 2, 5);
SELECT ltv_simple(500000, 0.5, -2, 5);
SELECT ltv_discounted(100, 80, 0.1, true);
SELECT ltv_discounted(100, 0.8, 'NaN', true);
