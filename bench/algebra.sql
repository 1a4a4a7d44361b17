-- The aggregates on one wide-enough table of deals: serial, then two workers.
SET search_path = bench, kpicrm, public;
SET jit = off;
SET max_parallel_workers = 8;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0.001;
SET work_mem = '256MB';

CREATE UNLOGGED TABLE bench.deal AS
SELECT
    n AS deal_id,
    (n % 200)::integer AS rep_id,
    (n * 7919 % (:rows / 10 + 1)) AS customer_id,
    CASE WHEN n % 10 < 9 THEN random() < 0.3 END AS won,
    opened_at,
    opened_at + -ln(1 - random()) * interval '45 days' AS closed_at,
    round((random() * 100000)::numeric, 2) AS amount
FROM generate_series(1::bigint, :rows) AS n
CROSS JOIN LATERAL (SELECT timestamptz '2020-01-01' + n * 2000.0 / :rows * interval '1 day' AS opened_at) AS opening;
ALTER TABLE bench.deal SET (parallel_workers = 2);
VACUUM (ANALYZE) bench.deal;
SELECT count(*) AS warm FROM bench.deal \gset

INSERT INTO bench.work (name, ours, peer, floor, bar) VALUES
    ('conversion_rate(won)',
        'SELECT conversion_rate(won) FROM deal',
        'SELECT count(*) FILTER (WHERE won)::float8 / nullif(count(won), 0) FROM deal',
        'SELECT sum(rep_id) FROM deal',
        'ours/SQL <= 1, ours/floor <= 1.4'),
    ('conversion_rate(won) by rep',
        'SELECT rep_id, conversion_rate(won) FROM deal GROUP BY rep_id',
        'SELECT rep_id, count(*) FILTER (WHERE won)::float8 / nullif(count(won), 0) FROM deal GROUP BY rep_id',
        'SELECT rep_id, sum(rep_id) FROM deal GROUP BY rep_id',
        'ours/SQL <= 1, ours/floor <= 1.4'),
    ('conversion_rate(won, amount) by rep',
        'SELECT rep_id, conversion_rate(won, amount) FROM deal GROUP BY rep_id',
        'SELECT rep_id, sum(amount) FILTER (WHERE won) / nullif(sum(amount) FILTER (WHERE won IS NOT NULL), 0) FROM deal GROUP BY rep_id',
        'SELECT rep_id, sum(rep_id) FROM deal GROUP BY rep_id',
        ''),
    ('lead_time(opened, closed)',
        'SELECT lead_time(opened_at, closed_at) FROM deal',
        'SELECT avg(closed_at - opened_at) FROM deal',
        'SELECT count(*) FROM deal',
        ''),
    -- the same durations with the same result, then the faster detour over numbers
    ('median lead_time',
        'SELECT lead_time(opened_at, closed_at, 0.5) FROM deal',
        'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_at - opened_at) FROM deal',
        'SELECT count(*) FROM deal',
        'SQL/ours >= 3'),
    ('median lead_time by rep',
        'SELECT rep_id, lead_time(opened_at, closed_at, 0.5) FROM deal GROUP BY rep_id',
        'SELECT rep_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_at - opened_at) FROM deal GROUP BY rep_id',
        'SELECT rep_id, count(*) FROM deal GROUP BY rep_id',
        'SQL/ours >= 5, ours/floor <= 2.2'),
    ('median lead_time, to float8',
        'SELECT lead_time(opened_at, closed_at, 0.5) FROM deal',
        'SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM closed_at - opened_at)::float8) FROM deal',
        'SELECT count(*) FROM deal',
        ''),
    ('median lead_time by rep, to float8',
        'SELECT rep_id, lead_time(opened_at, closed_at, 0.5) FROM deal GROUP BY rep_id',
        'SELECT rep_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY EXTRACT(epoch FROM closed_at - opened_at)::float8) FROM deal GROUP BY rep_id',
        'SELECT rep_id, count(*) FROM deal GROUP BY rep_id',
        ''),
    ('median lead_time of whole days by rep',
        'SELECT rep_id, lead_time(opened_at::date, closed_at::date, 0.5) FROM deal GROUP BY rep_id',
        'SELECT rep_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY (closed_at::date - opened_at::date)::float8) FROM deal GROUP BY rep_id',
        'SELECT rep_id, count(opened_at::date), count(closed_at::date) FROM deal GROUP BY rep_id',
        ''),
    ('phase_stall(entered, left) by rep',
        'SELECT rep_id, phase_stall(opened_at, closed_at, ''2024-01-01'') FROM deal GROUP BY rep_id',
        NULL,
        'SELECT rep_id, count(*) FROM deal GROUP BY rep_id',
        ''),
    ('ltv(customer, amount)',
        'SELECT ltv(customer_id, amount) FROM deal',
        'SELECT sum(amount) / count(DISTINCT customer_id) FROM deal',
        'SELECT count(*) FROM deal',
        ''),
    ('purchase_agg by customer',
        'SELECT count(average_order_value(p)) FROM (SELECT purchase_agg(amount, opened_at) AS p FROM deal GROUP BY customer_id) AS customer',
        'SELECT count(average) FROM (SELECT count(*), count(DISTINCT opened_at::date), min(opened_at), max(opened_at), sum(amount), avg(amount) AS average FROM deal GROUP BY customer_id) AS customer',
        'SELECT count(n) FROM (SELECT count(*) AS n FROM deal GROUP BY customer_id) AS customer',
        '');

CALL bench.measure(0);
CALL bench.measure(2);

CREATE UNLOGGED TABLE bench.day_pair AS
SELECT
    (opened_at AT TIME ZONE 'Asia/Tokyo')::date AS opened_on,
    (least(closed_at, timestamptz '2026-12-31') AT TIME ZONE 'Asia/Tokyo')::date AS closed_on,
    opened_at,
    least(closed_at, timestamptz '2026-12-31') AS closed_at
FROM bench.deal;
VACUUM (ANALYZE) bench.day_pair;

\pset footer off
\pset null ''
\echo
\echo Workdays between two dates of a row: million calls a second, one process, without the scan.  Bar: 5.
SET max_parallel_workers_per_gather = 0;
SELECT
    work.name,
    round((:rows / 1000.0 / greatest(bench.best_ms(work.query) - floor.ms, 1))::numeric, 1) AS "million a second",
    round((:rows / 1000.0 / bench.best_ms(work.query))::numeric, 1) AS "with the scan"
FROM (VALUES
    (1, 'workdays(calendar, opened, closed)', 'SELECT count(workdays(calendar(''jp''), opened_on, closed_on)) FROM bench.day_pair'),
    (2, 'is_workday(calendar, opened)', 'SELECT count(is_workday(calendar(''jp''), opened_on)) FROM bench.day_pair'),
    (3, 'add_workdays(calendar, opened, 10)', 'SELECT count(add_workdays(calendar(''jp''), opened_on, 10)) FROM bench.day_pair'),
    (4, 'work_time(calendar, opened, closed)', 'SELECT count(work_time(calendar(''jp''), opened_at, closed_at)) FROM bench.day_pair')
) AS work (sort_order, name, query)
CROSS JOIN (SELECT bench.best_ms('SELECT count(opened_on) FROM bench.day_pair') AS ms) AS floor
ORDER BY work.sort_order;

\echo One process: how many times the time of plain SQL, and of the floor.
SELECT
    work.name,
    round((result.ours_ms / result.peer_ms)::numeric, 2) AS "ours/SQL",
    round((result.peer_ms / result.ours_ms)::numeric, 1) AS "SQL/ours",
    round((result.ours_ms / result.floor_ms)::numeric, 2) AS "ours/floor",
    round((result.ours_ms * 1000000 / :rows)::numeric, 0) AS "ns a row",
    work.bar
FROM bench.work
JOIN bench.result USING (sort_order)
WHERE result.workers = 0
ORDER BY work.sort_order;

\echo Two workers: how many times faster than one process.  Bar: 1.7.
SELECT
    work.name,
    round((serial.ours_ms / parallel.ours_ms)::numeric, 2) AS ours,
    round((serial.peer_ms / parallel.peer_ms)::numeric, 2) AS "plain SQL",
    round((serial.floor_ms / parallel.floor_ms)::numeric, 2) AS floor
FROM bench.work
JOIN bench.result AS serial ON serial.sort_order = work.sort_order AND serial.workers = 0
JOIN bench.result AS parallel ON parallel.sort_order = work.sort_order AND parallel.workers = 2
ORDER BY work.sort_order;

\echo Rolling window over daily states: time for a frame of so many days, as times that of 30 days.
CREATE UNLOGGED TABLE bench.day AS
SELECT
    opened_at::date AS day,
    conversion_agg(won) AS conversion,
    lead_time_agg(opened_at::date, closed_at::date) AS lead_times,
    lead_time_agg(opened_at, closed_at) AS rounded
FROM bench.deal
GROUP BY 1;
SELECT
    frame.days,
    round((frame.conversion_ms / first_value(frame.conversion_ms) OVER by_days)::numeric, 2) AS conversion_rate,
    round((frame.lead_time_ms / first_value(frame.lead_time_ms) OVER by_days)::numeric, 2) AS "median of whole days",
    round((frame.rounded_ms / first_value(frame.rounded_ms) OVER by_days)::numeric, 2) AS "median, rounded"
FROM (
    SELECT
        days,
        bench.best_ms(format('SELECT rate(rollup(conversion) OVER (ORDER BY day ROWS %s PRECEDING)) FROM bench.day', days - 1)) AS conversion_ms,
        bench.best_ms(format('SELECT median(rollup(lead_times) OVER (ORDER BY day ROWS %s PRECEDING)) FROM bench.day', days - 1)) AS lead_time_ms,
        bench.best_ms(format('SELECT median(rollup(rounded) OVER (ORDER BY day ROWS %s PRECEDING)) FROM bench.day', days - 1)) AS rounded_ms
    FROM (VALUES (30), (90), (365), (1095)) AS frame (days)
) AS frame
WINDOW by_days AS (ORDER BY frame.days);

\echo Bytes of a state.
SELECT
    pg_column_size(conversion_agg(won)) AS conversion,
    pg_column_size(conversion_agg(won, amount)) AS weighted_conversion,
    pg_column_size(lead_time_agg(opened_at::date, closed_at::date)) AS "lead_times, whole days",
    pg_column_size(lead_time_agg(opened_at, closed_at)) AS "lead_times, rounded",
    count(*) AS "of rows"
FROM bench.deal
WHERE deal_id <= 1000000;

-- Customers without a contract for a year, drawn from the model itself (BG/NBD with r 1, alpha 5 weeks, a 1, b 2.5).
CREATE UNLOGGED TABLE bench.customer AS
SELECT
    customer_id,
    purchase_agg(amount, ordered_on) AS history
FROM (
    SELECT
        customer_id,
        round((20 - ln(1 - random()) * spend)::numeric, 2) AS amount,
        date '2024-01-01' + (first_day + coalesce(sum(gap) OVER (PARTITION BY customer_id ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::integer AS ordered_on
    FROM (
        SELECT
            customer_id,
            (customer_id % 90) AS first_day,
            -ln(1 - random()) * 35 / rate AS gap,
            50 / (0.3 - ln(1 - random()) - ln(1 - random())) AS spend,
            k
        FROM (
            SELECT
                n AS customer_id,
                -ln(1 - random()) AS rate,
                1 - (1 - random()) ^ (1 / 2.5) AS stop
            FROM generate_series(1, :rows / 10) AS n
        ) AS drawn
        CROSS JOIN LATERAL generate_series(0, ceil(least(40, ln(1 - random()) / ln(1 - least(0.99, greatest(stop, 0.001)))))::integer) AS k
        OFFSET 0
    ) AS one
) AS placed
WHERE ordered_on < date '2025-01-01'
GROUP BY customer_id;
VACUUM (ANALYZE) bench.customer;

\echo Predicted lifetime value: seconds.  Bars: 0.2 for 2,357 customers, 10 for a million.
SELECT
    work.name,
    work.customers,
    round((bench.best_ms(work.query) / 1000)::numeric, 3) AS seconds
FROM (VALUES
    (1, 'ltv_model_agg', 2357::bigint, 'SELECT ltv_model_agg(history, date ''2024-12-31'') FROM (SELECT history FROM bench.customer LIMIT 2357) AS few'),
    (2, 'ltv_model_agg', :rows / 10, 'SELECT ltv_model_agg(history, date ''2024-12-31'') FROM bench.customer'),
    (3, 'ltv_model_agg, MBG/NBD', :rows / 10, 'SELECT ltv_model_agg(history, date ''2024-12-31'', ''7 days'', ''MBG/NBD'') FROM bench.customer'),
    (4, 'expected_orders', :rows / 10, 'SELECT sum(expected_orders((SELECT ltv_model_agg(history, date ''2024-12-31'') FROM (SELECT history FROM bench.customer LIMIT 20000) AS few), history, date ''2024-12-31'', ''365 days'')) FROM bench.customer'),
    (5, 'ltv, three years', :rows / 10, 'SELECT sum(ltv((SELECT ltv_model_agg(history, date ''2024-12-31'') FROM (SELECT history FROM bench.customer LIMIT 20000) AS few), history, date ''2024-12-31'', ''1095 days'', 0.3, 0.1)) FROM bench.customer')
) AS work (sort_order, name, customers, query)
ORDER BY work.sort_order;
