/*
 * refresh_ltv_fit() and the predictions of customer_value() and follow_up(): by the
 * model as fitted to plain numbers, and only by what was known at the instant.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(22);

SELECT kpicrm.create_workspace('crm') \g /dev/null
UPDATE crm.setting SET time_zone = 'Asia/Tokyo';
SELECT is_empty('SELECT * FROM crm.customer_prediction()', 'without a model nothing is predicted');
SELECT crm.refresh_ltv_fit('2026-01-01 00:00+09') \g /dev/null
SELECT results_eq('SELECT status, customer_count FROM crm.ltv_fit', $$VALUES ('no customers', 0::bigint)$$, 'a model of nobody says so');

-- The orders of CDNOW (test/data/cdnow), 28 years later; the cost of every other customer is known.
CREATE TEMP TABLE cdnow (
    master_id text,
    customer integer,
    ordered_on date,
    cds integer,
    amount numeric
);
\copy cdnow FROM 'test/data/cdnow/cdnow_sample_transactions.csv' WITH (FORMAT csv, HEADER)
INSERT INTO crm.account (id, name) SELECT DISTINCT customer, 'account ' || customer FROM cdnow;
INSERT INTO crm.purchase (account_id, purchased_at, amount, cost)
SELECT
    customer,
    (ordered_on + time '10:00') AT TIME ZONE 'Asia/Tokyo' + interval '28 years',
    amount,
    CASE WHEN customer % 2 = 0 THEN round(amount * 0.6, 2) END
FROM cdnow;
-- two orders of one day, an order at the last instant of the day, one after it, a credit note
INSERT INTO crm.purchase (account_id, purchased_at, amount) VALUES
    (1, '2025-05-05 09:00+09', 30), (1, '2025-05-05 18:00+09', 50), (2, '2025-12-31 23:59+09', 70), (3, '2026-01-01 00:01+09', 90), (4, '2025-12-30 12:00+09', -500);

\set at 'timestamptz ''2025-12-31 23:59:59+09'''
SELECT crm.refresh_ltv_fit(:at) AS fit \gset
SELECT is((SELECT as_of_date FROM crm.ltv_fit WHERE id = :fit), date '2025-12-31', 'the day is that of the workspace''s zone');

-- The same by plain SQL: order days, weeks between them, the mean of the days after the first.
CREATE TEMP TABLE plain AS
SELECT
    day.account_id,
    count(*) - 1 AS frequency,
    (max(day.day) - min(day.day)) / 7.0::double precision AS recency,
    (date '2025-12-31' - min(day.day)) / 7.0::double precision AS age,
    (sum(day.amount) FILTER (WHERE day.day_no > 1) / nullif(count(*) - 1, 0))::double precision AS monetary_value
FROM (
    SELECT
        purchase.account_id,
        (purchase.purchased_at AT TIME ZONE 'Asia/Tokyo')::date AS day,
        sum(purchase.amount) AS amount,
        row_number() OVER (PARTITION BY purchase.account_id ORDER BY (purchase.purchased_at AT TIME ZONE 'Asia/Tokyo')::date) AS day_no
    FROM crm.purchase
    WHERE purchase.purchased_at <= :at AND purchase.amount >= 0
    GROUP BY 1, 2
) AS day
GROUP BY day.account_id;
CREATE TEMP TABLE plain_model AS
SELECT kpicrm.ltv_model_agg(frequency, recency, age, monetary_value) AS model FROM plain;

SELECT results_eq(
    format('SELECT status, value_status, customer_count, repeat_count FROM crm.ltv_fit WHERE id = %s', :fit),
    $$SELECT 'converged', 'converged', count(*), count(*) FILTER (WHERE frequency > 0) FROM plain$$,
    'the sample are the customers until the instant'
);
SELECT is_empty(
    format($$SELECT fitted.name, fitted.value, plain.value
      FROM crm.ltv_fit CROSS JOIN LATERAL kpicrm.parameters(ltv_fit.model::kpicrm.ltv_model) AS fitted
      CROSS JOIN plain_model
      JOIN LATERAL kpicrm.parameters(plain_model.model) AS plain ON plain.name = fitted.name
      WHERE ltv_fit.id = %s AND NOT abs(fitted.value - plain.value) <= 1e-4 * abs(plain.value)$$, :fit),
    'the parameters are those of the plain numbers'
);
SELECT cmp_ok(count(*), '=', (SELECT count(*) FROM plain), 'each customer has a prediction') FROM crm.customer_prediction(:at);
SELECT is_empty(
    $$SELECT plain.account_id, told.alive_probability, told.expected_order_days, told.expected_order_amount
      FROM plain CROSS JOIN plain_model
      LEFT JOIN crm.customer_value('2025-12-31 23:59:59+09') AS told ON told.account_id = plain.account_id
      WHERE NOT coalesce(abs(told.alive_probability - kpicrm.alive_probability(model, frequency, recency, age)) < 1e-3, false)
        OR NOT coalesce(abs(told.expected_order_days - kpicrm.expected_orders(model, frequency, recency, age, 365 / 7.0::double precision)) < 1e-3 * (1 + told.expected_order_days), false)
        OR NOT coalesce(abs(told.expected_order_amount - kpicrm.expected_order_value(model, frequency, coalesce(monetary_value, 0))::numeric) < 0.05, false)$$,
    'alive_probability, expected_order_days and expected_order_amount are those of the plain numbers'
);
SELECT is_empty(
    $$SELECT told.account_id, told.ltv_amount
      FROM plain CROSS JOIN plain_model
      JOIN crm.customer_value('2025-12-31 23:59:59+09', 182, 0.3, 0.05) AS told ON told.account_id = plain.account_id
      WHERE NOT coalesce(abs(told.ltv_amount - kpicrm.ltv(model, frequency, recency, age, coalesce(monetary_value, 0), 26, 0.3, power(1.05, 7 / 365.0) - 1)::numeric) < 0.02 * (0.1 + told.ltv_amount), false)$$,
    'ltv_amount is that of the plain numbers, with this horizon, margin and discount'
);
SELECT is_empty(
    $$SELECT one.account_id, one.ltv_amount, other.ltv_amount
      FROM crm.customer_value('2025-12-31 23:59:59+09') AS one
      JOIN crm.customer_value('2025-12-31 23:59:59+09', 365,
          (SELECT (sum(amount - cost) / sum(amount))::double precision FROM crm.purchase WHERE cost IS NOT NULL AND purchased_at <= '2025-12-31 23:59:59+09'), 0.1) AS other
          ON other.account_id = one.account_id
      WHERE one.ltv_amount IS DISTINCT FROM other.ltv_amount$$,
    'the margin is that of all purchases whose cost is known'
);
SELECT ok(bool_and(abs(nothing.ltv_amount) < 1e-9) AND count(*) > 2000, 'without a margin there is no value')
FROM crm.customer_prediction(:at, 365, 0) AS nothing;
SELECT ok(bool_and(discounted.ltv_amount < whole.ltv_amount) AND count(*) > 2000, 'discounting lowers the value')
FROM crm.customer_prediction(:at, 365, 1, 0.2) AS discounted
JOIN crm.customer_prediction(:at, 365, 1, 0) AS whole USING (account_id);
SELECT ok(
    bool_and(abs(whole.ltv_amount - whole.expected_order_days::numeric * whole.expected_order_amount) < 0.001 * (1 + whole.ltv_amount)),
    'without discount and with the whole margin it is orders times their amount'
)
FROM crm.customer_prediction(:at, 365, 1, 0) AS whole;

-- What came later is not known.
CREATE TEMP TABLE then_told AS SELECT * FROM crm.customer_value(:at);
SELECT crm.refresh_ltv_fit('2026-03-01 12:00+09') \g /dev/null
SELECT set_eq($$SELECT * FROM crm.customer_value('2025-12-31 23:59:59+09')$$, 'TABLE then_told', 'a later model does not change an earlier report');
SELECT is_empty($$SELECT * FROM crm.customer_prediction('2025-12-31 00:00+09') AS p JOIN crm.purchase AS later ON later.account_id = p.account_id AND later.purchased_at = '2025-12-31 23:59+09' AND p.alive_probability IS DISTINCT FROM (
    SELECT q.alive_probability FROM crm.customer_prediction('2025-12-31 23:00+09') AS q WHERE q.account_id = p.account_id)$$, 'nor does an order of later the same day');
SELECT is(count(expected_order_days), 0::bigint, 'before any model nothing is predicted') FROM crm.customer_value('2025-06-30');
SELECT cmp_ok(count(*), '>', 2000::bigint, 'but the customers are there') FROM crm.customer_value('2025-06-30');

-- A model that learnt nothing predicts nothing, and says so.
DELETE FROM crm.ltv_fit;
SELECT crm.refresh_ltv_fit('2025-01-05') \g /dev/null
SELECT ok(status <> 'converged', 'status: ' || status) FROM crm.ltv_fit;
SELECT is(count(ltv_amount), 0::bigint, 'no predictions by a model without parameters') FROM crm.customer_value(:at);

-- follow_up
DELETE FROM crm.ltv_fit;
SELECT crm.refresh_ltv_fit(:at, 'MBG/NBD') \g /dev/null
SELECT results_eq(
    $$SELECT f.account_id, f.alive_probability, f.is_value_at_risk FROM crm.follow_up(as_of => '2025-12-31 23:59:59+09') AS f ORDER BY f.account_id$$,
    $$SELECT f.account_id, p.alive_probability, p.alive_probability <= 0.5 AND f.yearly_amount >= (
            SELECT percentile_disc(0.8) WITHIN GROUP (ORDER BY bought.amount) FROM (
                SELECT sum(amount) * 365 / 730 AS amount FROM crm.purchase WHERE purchased_at <= '2025-12-31 23:59:59+09' GROUP BY account_id) AS bought)
      FROM crm.follow_up(as_of => '2025-12-31 23:59:59+09') AS f
      JOIN crm.customer_prediction('2025-12-31 23:59:59+09') AS p ON p.account_id = f.account_id ORDER BY f.account_id$$,
    'value at risk: one of the best fifth, and probably gone'
);
SELECT cmp_ok(count(*), '>=', 1::bigint, 'which there is') FROM crm.follow_up(as_of => :at) AS f WHERE f.is_value_at_risk;

SELECT throws_ok($$SELECT crm.refresh_ltv_fit('infinity')$$, '22023', 'invalid value for argument "as_of": "infinity"');
SELECT throws_ok($$SELECT * FROM crm.customer_value(now(), 0)$$, '22023', 'invalid value for argument "horizon_days": "0"');
SELECT * FROM finish();
ROLLBACK;
