-- Properties of the money states: any split, any order, any merge tree, text
-- and binary round trip, agreement with plain SQL.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(41);

SELECT setseed(0.42);
CREATE TEMPORARY TABLE observation AS
SELECT
    n AS id,
    (random() * 40)::bigint - 20 AS customer,
    round((random() * 1000)::numeric - 100, (n % 5)::integer) AS amount,
    CASE WHEN random() < 0.9 THEN round((random() * 500)::numeric, 2) END AS cost,
    timestamptz '2025-06-01' + random() * interval '60 days' AS purchased_at,
    CASE WHEN random() < 0.9 THEN random() < 0.4 END AS won
FROM generate_series(1, 400) AS n;
\ir include/states.psql

SELECT is(pg_temp.broken_splits('conversion_agg(won, amount)', 'weighted_conversion_send'), 0::bigint,
    'weighted_conversion: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('purchase_agg(amount, purchased_at)', 'purchases_send'), 0::bigint,
    'purchases: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('purchase_agg(amount, purchased_at, cost)', 'purchases_send'), 0::bigint,
    'purchases with cost: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('purchase_agg(amount, purchased_at::date)', 'purchases_send'), 0::bigint,
    'purchases by date: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('ltv_agg(customer, amount)', 'customer_base_send'), 0::bigint,
    'customer_base of bigint: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('ltv_agg(customer::text, amount, cost)', 'customer_base_send'), 0::bigint,
    'customer_base of text with cost: 1000 random splits are the whole');
SELECT is(pg_temp.broken_splits('ltv_agg(md5(customer::text)::uuid, amount)', 'customer_base_send'), 0::bigint,
    'customer_base of uuid: 1000 random splits are the whole');

-- One state of each kind for each trial, and the empty ones.
CREATE TEMPORARY TABLE state AS
SELECT
    conversion_agg(won, amount) AS w,
    purchase_agg(amount, purchased_at) AS p,
    purchase_agg(amount, purchased_at, cost) AS pc,
    ltv_agg(customer, amount) AS b,
    ltv_agg(customer::text, amount, cost) AS t,
    ltv_agg(md5(customer::text)::uuid, amount) AS u
FROM trial
INNER JOIN observation USING (id)
GROUP BY trial
UNION ALL
SELECT
    conversion_agg(NULL, 1),
    purchase_agg(NULL, now()),
    purchase_agg(NULL, now(), 1),
    ltv_agg(NULL::bigint, 1),
    ltv_agg(NULL::text, 1, 1),
    ltv_agg(NULL::uuid, 1);

SELECT is(count(*), 0::bigint, 'text round trip') FROM state
WHERE weighted_conversion_send(w::text::weighted_conversion) <> weighted_conversion_send(w)
    OR purchases_send(p::text::purchases) <> purchases_send(p)
    OR purchases_send(pc::text::purchases) <> purchases_send(pc)
    OR customer_base_send(b::text::customer_base) <> customer_base_send(b)
    OR customer_base_send(t::text::customer_base) <> customer_base_send(t)
    OR customer_base_send(u::text::customer_base) <> customer_base_send(u)
    OR NOT (w::text::weighted_conversion = w AND p::text::purchases = p AND b::text::customer_base = b);

SELECT pg_temp.copy_binary('state', 'copied');
SELECT results_eq(
    'SELECT w::text, p::text, pc::text, b::text, t::text, u::text FROM copied',
    'SELECT w::text, p::text, pc::text, b::text, t::text, u::text FROM state',
    'binary round trip');

-- Plain SQL as the oracle.
SELECT is(ltv(customer, amount), sum(amount) / count(DISTINCT customer),
    'ltv = sum / count distinct') FROM observation;
SELECT is(ltv(customer::text, amount), ltv(customer, amount), 'text keys count the same customers') FROM observation;
SELECT is(ltv(md5(customer::text)::uuid, amount), ltv(customer, amount), 'uuid keys count the same customers') FROM observation;
SELECT is(round(ltv(customer, amount, cost), 10), round(sum(amount - cost) FILTER (WHERE cost IS NOT NULL)
    / count(DISTINCT customer) FILTER (WHERE cost IS NOT NULL), 10), 'ltv of margins') FROM observation;
SELECT is((SELECT ltv(p) FROM (SELECT purchase_agg(amount, purchased_at) AS p FROM observation GROUP BY customer) AS c),
    ltv(customer, amount), 'ltv of purchases = ltv of orders') FROM observation;
SELECT is(customer_count(ltv_agg(customer, amount)), count(DISTINCT customer), 'customer_count') FROM observation;
SELECT is(invalid_count(ltv_agg(customer, amount, cost)), count(*) FILTER (WHERE cost IS NULL), 'invalid_count') FROM observation;
SELECT is(count(*), 0::bigint, 'purchases agree with plain SQL')
FROM (
    SELECT
        purchase_agg(amount, purchased_at) AS p,
        count(*) AS orders,
        count(DISTINCT purchased_at::date) AS days,
        min(purchased_at) AS first_at,
        max(purchased_at) AS last_at,
        sum(amount) AS revenue,
        avg(amount) AS average
    FROM observation
    GROUP BY customer
) AS customer
WHERE (order_count(p), order_day_count(p), first_purchase_at(p), last_purchase_at(p), revenue(p), round(average_order_value(p), 9))
    IS DISTINCT FROM (orders, days, first_at, last_at, revenue, round(average, 9));
SELECT is(conversion_rate(won, amount),
    (sum(amount) FILTER (WHERE won) / sum(amount))::float8, 'weighted rate agrees with plain SQL')
FROM observation
WHERE amount >= 0 AND won IS NOT NULL;
SELECT is(count(*), 0::bigint, 'subtracting undoes adding')
FROM state AS a
INNER JOIN state AS b ON true
WHERE weighted_conversion_send((a.w + b.w) - b.w) <> weighted_conversion_send(a.w);
SELECT is(count(*), 0::bigint, 'the moving frame is the frame')
FROM (
    SELECT
        conversion_agg(won, amount) OVER (ORDER BY id ROWS 20 PRECEDING) AS moved,
        (SELECT conversion_agg(i.won, i.amount) FROM observation AS i WHERE i.id BETWEEN o.id - 20 AND o.id) AS built
    FROM observation AS o
) AS frame
WHERE weighted_conversion_send(moved) <> weighted_conversion_send(built);

-- Merging stored values leaves them alone.
SELECT is(count(*), 0::bigint, 'stored arguments are not written on')
FROM (SELECT p, p + p AS pp, b, b + b AS bb, p::text AS p1, b::text AS b1 FROM copied OFFSET 0) AS twice
WHERE p::text <> p1 OR b::text <> b1;
SELECT is(customer_count(b + b), customer_count(b), 'a customer counts once') FROM state LIMIT 1;

-- Amounts of any size and scale, short and long form, stored and computed.
CREATE TEMPORARY TABLE amount AS
SELECT
    n,
    (CASE WHEN n % 2 = 0 THEN 1 ELSE -1 END * round(((random() * 1e15)::bigint * power(10::numeric, n % 35 - 25)), 30 - n % 7)
        + CASE WHEN n % 11 = 0 THEN 0::numeric(1000, 200) ELSE 0 END) AS amount
FROM generate_series(1, 20000) AS n;
SELECT is(count(*), 0::bigint, 'every form of numeric is read')
FROM (SELECT n, amount, revenue(ltv_agg(n, amount)) AS stored, revenue(ltv_agg(n, amount + 0)) AS computed FROM amount GROUP BY n, amount) AS a
WHERE (stored, computed) IS DISTINCT FROM (amount, amount);

-- Many customers and days: growth, order of arrival, repeated days.
SELECT is(customer_count(ltv_agg(n % 50000, 1)), 50000::bigint, 'growth') FROM generate_series(1, 100000) AS n;
SELECT is(order_day_count(purchase_agg(1, date '2000-01-01' + (n * 7919) % 10007)), 10007::bigint, 'days in any order')
FROM generate_series(1, 50000) AS n;
SELECT is(purchase_agg(n, date '2000-01-01' + (n * 7919) % 1009)::text,
    purchase_agg(n, date '2000-01-01' + (n * 7919) % 1009 ORDER BY n DESC)::text, 'order of arrival does not matter')
FROM generate_series(1, 5000) AS n;
SELECT is(ltv_agg(k, 0)::text, '4 bigint customers, 4 orders, 0 revenue, 0 invalid {-9223372036854775808,-1,0,9223372036854775807}',
    'the ends of bigint') FROM (VALUES (0), (9223372036854775807), (-9223372036854775808), (-1)) AS v (k);

SELECT is(count(*), 0::bigint, 'days are written as ISO dates')
FROM (
    SELECT
        date '0001-01-01' + n * 97 AS day,
        purchase_agg(1, date '0001-01-01' + n * 97) AS p
    FROM generate_series(0, 37000) AS n
    GROUP BY n
) AS d
WHERE p::text <> format('revenue, %1$s 00:00:00 to %1$s 00:00:00 {%1$s 1 1}', to_char(day, 'YYYY-MM-DD'));
SELECT is(purchases_send(p::text::purchases), purchases_send(p), 'the ends of time')
FROM (
    SELECT purchase_agg(1, d) AS p
    FROM (VALUES (date '4714-11-24 BC'), ('0001-02-29 BC'), ('2000-02-29'), ('294276-12-31')) AS v (d)
) AS ends;
SELECT is((SELECT count(*) FROM (SELECT ltv_agg(k, 1) AS b FROM generate_series(1, 200000) AS k GROUP BY k) AS g WHERE customer_count(b) = 1),
    200000::bigint, 'many groups');

-- A parallel plan gives the same bytes.
CREATE TABLE kpicrm_parallel_order AS
SELECT n AS id, (n * 7919) % 3001 AS customer, (n % 1000) / 8.0 AS amount, n % 3 = 0 AS won,
    date '2024-01-01' + ((n * 31) % 700)::integer AS purchased_on
FROM generate_series(1::bigint, 60000) AS n;
SELECT $query$
    SELECT md5(ltv_agg(customer, amount)::text || ltv_agg(customer::text, amount)::text
        || conversion_agg(won, amount)::text || purchase_agg(amount, purchased_on)::text) AS digest
    FROM kpicrm_parallel_order
$query$ AS query \gset
\ir include/parallel.psql

-- What is malformed stays outside.
SELECT is(pg_temp.accepted('weighted_conversion', '', 'x', '1/2', '1/2 1/2', '1/2 1/2 -1', '3/2 1/2 0', '-1/2 1/2 0', '1/2 3/2 0', '1/2 2/2 0',
    '1/2 0/2 0', '0/5 0/0 0', '1/2 1/2 0 x', 'NaN/1 1/1 0', '1/2 1/99999999999999999999 0', '1/1e5 1/2 0', '1./2 1/2 0',
    '1/2 1.0/2 0', '1/2 1/2.0 0', '1/2 1/2 0.0', '1/2 +1/2 0', '1/2 1/9223372036854775808 0', '1/2 1/18446744073709551617 0',
    '0.0000000000000000000000000000001/2 1/2 0', '1/100000000000000000000000000000000000000 1/2 0'), '{}'::text[], 'weighted_conversion refuses');
SELECT is(pg_temp.accepted('purchases', '', 'x', 'revenue', 'cost, 0 invalid', 'cost, -1 invalid', 'emptyx', 'cost, 1.0 invalid',
    'revenue, 2026.0-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 1 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 1.0 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-06 1 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 11:00:00 {2026-01-05 1 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 09:00:00 {2026-01-05 2 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 0 5}',
    'revenue, 2026-02-30 10:00:00 to 2026-02-30 10:00:00 {2026-02-30 1 5}',
    'revenue, 2026-01-05 24:00:00 to 2026-01-06 00:00:00 {2026-01-06 1 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 2 5, 2026-01-05 2 5}',
    'revenue, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 1 5 2}',
    'cost, 0 invalid, 2026-01-05 10:00:00 to 2026-01-05 10:00:00 {2026-01-05 1 5}'), '{}'::text[], 'purchases refuses');
SELECT is(pg_temp.accepted('customer_base', '', 'x', 'emptyx', '0 bigint customers, 0 orders, 0 revenue, 0 invalid {}',
    '1 bigint customers, 1 orders, 5 revenue, 0 invalid', '1 bigint customers, 1 orders, 5 revenue, 0 invalid {}',
    '2 bigint customers, 2 orders, 5 revenue, 0 invalid {2,1}', '2 bigint customers, 2 orders, 5 revenue, 0 invalid {1,1}',
    '2 bigint customers, 1 orders, 5 revenue, 0 invalid {1,2}', '1 bigint customers, 1 orders, 5 revenue, 0 invalid {1,2}',
    '1 uuid customers, 1 orders, 5 revenue, 0 invalid {1}', '1 counted customers, 1 orders, 5 revenue, 0 invalid {1}',
    '1 bigint customers, 1 orders, NaN revenue, 0 invalid {1}', '99999999 bigint customers, 99999999 orders, 1 revenue, 0 invalid {1}',
    '1 bigint customers, 1 orders, 5 revenue, 0 invalid {9223372036854775808}',
    '1 bigint customers, 1 orders, 5 revenue, 0 invalid {-9223372036854775809}', '1 bigint customers, 1 orders, 5 revenue, 0 invalid {1.0}',
    '1 bigint customers, 1 orders, 5 revenue, 0 invalid {-}', '1.0 bigint customers, 1 orders, 5 revenue, 0 invalid {1}'), '{}'::text[], 'customer_base refuses');

SELECT is(pg_temp.broken_binary('weighted_conversion', (SELECT weighted_conversion_send(conversion_agg(won, amount)) FROM observation)), 0::bigint,
    'weighted_conversion: damaged bytes');
SELECT is(pg_temp.broken_binary('purchases', (SELECT purchases_send(purchase_agg(amount, purchased_at, cost)) FROM observation WHERE id < 40)), 0::bigint,
    'purchases: damaged bytes');
SELECT is(pg_temp.broken_binary('customer_base', (SELECT customer_base_send(ltv_agg(customer, amount)) FROM observation)), 0::bigint,
    'customer_base of bigint: damaged bytes');
SELECT is(pg_temp.broken_binary('customer_base', (SELECT customer_base_send(ltv_agg(customer::text, amount)) FROM observation)), 0::bigint,
    'customer_base of text: damaged bytes');

-- Hashes agree with equality.
SELECT is(count(DISTINCT hash), 1::bigint, 'equal states have equal hashes')
FROM (SELECT weighted_conversion_hash(w) AS hash FROM (VALUES ('1.50/2 1/2 0'::weighted_conversion), ('1.5/2.0 1/2 0')) AS v (w)) AS h;
SELECT is((SELECT count(*) FROM (SELECT DISTINCT p, b, w FROM (SELECT * FROM state UNION ALL SELECT * FROM copied) AS s) AS d),
    (SELECT count(*) FROM (SELECT DISTINCT p::text, b::text, w::text FROM state) AS d), 'states can be grouped');

SELECT * FROM finish();
ROLLBACK;
