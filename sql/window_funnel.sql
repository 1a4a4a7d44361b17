-- window_funnel and retention: how far customers come, and who comes back.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

CREATE TEMPORARY TABLE event (
    customer text,
    at timestamp with time zone,
    what text
);
INSERT INTO event (customer, at, what) VALUES
    ('Aoi', '2026-04-01 09:00', 'visit'),
    ('Aoi', '2026-04-01 09:05', 'help'),
    ('Aoi', '2026-04-01 09:10', 'cart'),
    ('Aoi', '2026-04-01 10:30', 'pay'),
    ('Ben', '2026-04-01 09:00', 'visit'),
    ('Ben', '2026-04-01 09:00', 'cart'),
    ('Ben', '2026-04-01 09:00', 'pay'),
    ('Cho', '2026-04-01 09:00', 'cart'),
    ('Cho', '2026-04-01 09:10', 'pay'),
    ('Dan', '2026-04-01 09:00', 'visit'),
    ('Dan', '2026-04-01 09:10', 'cart'),
    ('Dan', '2026-04-01 09:20', 'cart'),
    ('Dan', '2026-04-01 09:30', 'pay'),
    ('Emi', '2026-04-01 09:00', 'visit'),
    ('Emi', '2026-04-01 09:10', 'pay'),
    ('Emi', '2026-04-01 09:20', 'cart'),
    ('Emi', NULL, 'pay');

SELECT
    customer,
    window_funnel('1 hour', at, what = 'visit', what = 'cart', what = 'pay') AS within_1_hour,
    window_funnel('2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS within_2_hours,
    window_funnel('strict_order', '2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS "order",
    window_funnel('strict_deduplication', '2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS deduplication,
    window_funnel('strict_increase', '2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS increase,
    window_funnel('strict_order, strict_increase', '2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS both
FROM event
GROUP BY customer
ORDER BY customer;

SELECT customer, window_funnel_agg('strict_order', '1 hour', at, what = 'visit', what = 'cart') AS chain
FROM event
WHERE customer IN ('Aoi', 'Ben')
GROUP BY customer
ORDER BY customer;

-- Parts of one customer's events, merged in any order, are one state.
SELECT level(rollup(part.chain)), rollup(part.chain) = max(whole.chain::text)::event_chain AS same
FROM (SELECT at::date, extract(minute FROM at) AS part, window_funnel_agg('2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS chain FROM event WHERE customer = 'Aoi' GROUP BY 1, 2) AS part
CROSS JOIN (SELECT window_funnel_agg('2 hours', at, what = 'visit', what = 'cart', what = 'pay') AS chain FROM event WHERE customer = 'Aoi') AS whole;

-- Nothing, nothing known, and a step that is not known.
SELECT window_funnel('1 hour', at, true) FROM event WHERE false;
SELECT window_funnel('1 hour', NULL, true);
SELECT window_funnel('1 hour', now(), NULL, true);
SELECT level(NULL);

SELECT
    customer,
    retention(what = 'visit', what = 'cart', what = 'pay') AS retention,
    retention_agg(what = 'visit', what = 'cart', what = 'pay') AS state
FROM event
GROUP BY customer
ORDER BY customer;
SELECT retained(rollup(state))
FROM (SELECT what, retention_agg(what = 'visit', what = 'cart', what = 'pay') AS state FROM event GROUP BY what) AS part;
SELECT retention(true) FROM event WHERE false;

-- Errors.
SELECT window_funnel('-1 hour', now(), true);
SELECT window_funnel('1 hour', 'infinity', true);
SELECT window_funnel(NULL, now(), true);
SELECT window_funnel('1 hour', now(), VARIADIC NULL);
SELECT window_funnel('1 hour', now(), VARIADIC '{}');
SELECT window_funnel('1 hour', now(), VARIADIC array_fill(true, ARRAY[33]));
SELECT window_funnel('1 hour', now(), VARIADIC '{{t,f},{f,t}}');
SELECT window_funnel('strictly', '1 hour', now(), true);
SELECT window_funnel(n * interval '1 hour', now(), true) FROM generate_series(1, 2) AS n;
SELECT '1 steps in 5us {}'::event_chain + 'strict_order 1 steps in 5us {}'::event_chain;
SELECT retention(VARIADIC array_fill(true, ARRAY[n])) FROM generate_series(1, 2) AS n;
SELECT ''::event_chain;
SELECT '2 steps in 5us {2026-04-01 00:00:00 00}'::event_chain;
SELECT '2 steps in 5us {2026-04-02 00:00:00 10, 2026-04-01 00:00:00 10}'::event_chain;
SELECT '33 steps in 5us {}'::event_chain;
SELECT ''::step_flags;
SELECT '12'::step_flags;
