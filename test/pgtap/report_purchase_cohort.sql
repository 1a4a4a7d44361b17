/*
 * purchase_cohort: each cell of the triangle against plain SQL that counts the
 * customers one by one, and what it must do with credit notes, days and arguments.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/many_purchases.sql
\pset tuples_only on
SELECT plan(23);

-- The triangle, counted cell by cell.
CREATE FUNCTION pg_temp.expected(grain text, until timestamptz)
RETURNS TABLE (
    dimension text,
    member text,
    cohort date,
    period_no bigint,
    period date,
    customers bigint,
    active bigint,
    orders bigint,
    revenue numeric,
    so_far numeric
)
    LANGUAGE sql
BEGIN ATOMIC
    WITH bought AS MATERIALIZED (
        -- the period once a row: it takes most of the time
        SELECT p.id, p.account_id, p.amount, pg_temp.period_of((p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date, grain) AS period
        FROM crm.purchase AS p
        WHERE p.purchased_at <= until
    ), named AS MATERIALIZED (
        SELECT d.dimension, coalesce(d.member, '(none)') AS member, account.id AS account_id, begun.cohort
        FROM crm.account
        JOIN (SELECT b.account_id, min(b.period) AS cohort FROM bought AS b WHERE b.amount >= 0 GROUP BY b.account_id) AS begun ON begun.account_id = account.id
        CROSS JOIN LATERAL (VALUES
            ('all', 'all'),
            ('industry', account.industry),
            ('region', account.region),
            ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[account.rep_id]),
            ('team', (ARRAY['East', 'West'])[account.rep_id])
        ) AS d (dimension, member)
    ), step AS MATERIALIZED (
        SELECT s.first_day, row_number() OVER (ORDER BY s.first_day) AS no
        FROM (
            SELECT DISTINCT pg_temp.period_of(day::date, grain) AS first_day
            FROM generate_series('2023-01-01', (until AT TIME ZONE 'Asia/Tokyo')::date, INTERVAL '1 day') AS day
        ) AS s
    )
    SELECT n.dimension, n.member, n.cohort, later.no - first.no, later.first_day,
        count(DISTINCT n.account_id),
        count(DISTINCT n.account_id) FILTER (WHERE b.amount >= 0 AND greatest(b.period, n.cohort) = later.first_day),
        count(b.id) FILTER (WHERE b.amount >= 0 AND greatest(b.period, n.cohort) = later.first_day),
        coalesce(sum(b.amount) FILTER (WHERE greatest(b.period, n.cohort) = later.first_day), 0),
        coalesce(sum(b.amount) FILTER (WHERE b.period <= later.first_day), 0)
    FROM named AS n
    JOIN step AS first ON first.first_day = n.cohort
    JOIN step AS later ON later.no >= first.no
    JOIN bought AS b ON b.account_id = n.account_id
    GROUP BY 1, 2, 3, 4, 5;
END;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected('month', '2026-07-01 12:00+09')), '>', 500::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    format(
        $$SELECT r.dimension_name, r.member_name, r.cohort_start, r.period_no, r.period_start, r.customer_count, r.active_customer_count, r.order_count,
            r.revenue_amount, r.cumulative_revenue_amount
          FROM crm.purchase_cohort(by => NULL, as_of => '2026-07-01 12:00+09', grain => %L) AS r$$,
        grain
    ),
    format($$SELECT * FROM pg_temp.expected(%L, '2026-07-01 12:00+09')$$, grain),
    'every cell, by ' || grain
)
FROM unnest(ARRAY['week', 'month', 'quarter', 'half', 'year']) AS grain;
SELECT pg_temp.same_rows(
    $$SELECT r.dimension_name, r.member_name, r.cohort_start, r.period_no, r.active_customer_count, r.revenue_amount
      FROM crm.purchase_cohort('2025-04-01', '2025-10-01', NULL, '2026-03-15 00:00+09', 'half') AS r$$,
    $$SELECT e.dimension, e.member, e.cohort, e.period_no, e.active, e.revenue FROM pg_temp.expected('half', '2026-03-15 00:00+09') AS e
      WHERE e.cohort = '2025-04-01'$$,
    'the customers of a half year, as of an earlier instant'
);
SELECT is_empty(
    $$SELECT r.cohort_label, r.period_no FROM crm.purchase_cohort(by => NULL, as_of => '2026-07-01 12:00+09') AS r
      WHERE r.retention_rate <> r.active_customer_count::double precision / r.customer_count
        OR round(r.retention_rate_low::numeric, 9) <> round(pg_temp.wilson(r.active_customer_count, r.customer_count, -1), 9)
        OR round(r.retention_rate_high::numeric, 9) <> round(pg_temp.wilson(r.active_customer_count, r.customer_count, 1), 9)
        OR r.revenue_per_customer_amount <> r.cumulative_revenue_amount / r.customer_count
        OR (r.period_no = 0) <> (r.period_start = r.cohort_start)$$,
    'rates, their bounds and averages come of the counts beside them'
);
SELECT is(
    (SELECT sum(r.revenue_amount) FROM crm.purchase_cohort(as_of => '2026-07-01 12:00+09') AS r),
    (SELECT sum(p.amount) FROM crm.purchase AS p WHERE p.purchased_at <= '2026-07-01 12:00+09'
        AND EXISTS (SELECT FROM crm.purchase AS o WHERE o.account_id = p.account_id AND o.amount >= 0 AND o.purchased_at <= '2026-07-01 12:00+09')),
    'all the revenue of customers is somewhere in the triangle'
);
SELECT is(
    (SELECT sum(r.customer_count) FROM crm.purchase_cohort(by => dimension, as_of => '2026-07-01 12:00+09', grain => 'quarter') AS r WHERE r.period_no = 0),
    (SELECT count(DISTINCT o.account_id)::numeric FROM crm.purchase AS o WHERE o.amount >= 0 AND o.purchased_at <= '2026-07-01 12:00+09'),
    'every customer is in one cohort, by ' || dimension
)
FROM unnest(ARRAY['all', 'industry', 'team']) AS dimension;

-- Nothing but the period's end makes a period complete.
SELECT is_empty(
    $$SELECT r.period_label FROM crm.purchase_cohort(as_of => '2026-07-01 12:00+09') AS r
      WHERE r.is_complete <> (r.period_start < '2026-07-01')$$,
    'July has just begun: not complete'
);
SELECT is_empty(
    $$SELECT r.period_label FROM crm.purchase_cohort(as_of => '2026-06-30 23:59+09') AS r
      WHERE r.is_complete <> (r.period_start < '2026-06-01')$$,
    'on its last day June is not over'
);

-- By hand: a credit note in May before the first order, of nothing, in June; and one with nothing else.
DELETE FROM crm.purchase WHERE account_id NOT IN (138, 139, 140) OR id < 2000;
SELECT results_eq(
    $$SELECT r.cohort_label, r.period_no, r.customer_count, r.active_customer_count, r.order_count, r.revenue_amount, r.revenue_per_customer_amount
      FROM crm.purchase_cohort(as_of => '2025-06-30 12:00+09') AS r ORDER BY r.cohort_start, r.period_no$$,
    $$VALUES
        ('2025-03', 0, 1::bigint, 1::bigint, 1::bigint, 70.00, 70::numeric),
        ('2025-03', 1, 1, 1, 1, 70.00, 140),
        ('2025-03', 2, 1, 0, 0, 0, 140),
        ('2025-03', 3, 1, 0, 0, 0, 140),
        ('2025-06', 0, 1, 1, 1, -30.00, -30)$$,
    'midnight divides months, a credit note is no order and counts from the first one, silent months are there'
);
SELECT is(
    (SELECT max(r.period_no) FROM crm.purchase_cohort(as_of => '9999-12-31') AS r),
    ((EXTRACT(year FROM greatest(now(), '2026-07-01') AT TIME ZONE 'Asia/Tokyo') * 12 + EXTRACT(month FROM greatest(now(), '2026-07-01') AT TIME ZONE 'Asia/Tokyo'))
        - (2025 * 12 + 3))::integer,
    'as of the end of time: until today'
);
SELECT pg_temp.same_rows(
    $$SELECT v.cohort_start, v.cohort_label, v.period_no, v.period_start, v.period_label, v.is_complete, v.customer_count, v.active_customer_count, v.retention_rate, v.retention_rate_low,
        v.retention_rate_high, v.order_count, v.revenue_amount, v.cumulative_revenue_amount, v.revenue_per_customer_amount FROM crm.purchase_cohort AS v$$,
    $$SELECT r.cohort_start, r.cohort_label, r.period_no, r.period_start, r.period_label, r.is_complete, r.customer_count, r.active_customer_count, r.retention_rate, r.retention_rate_low,
        r.retention_rate_high, r.order_count, r.revenue_amount::numeric(18, 2), r.cumulative_revenue_amount::numeric(18, 2), r.revenue_per_customer_amount::numeric(18, 2)
      FROM crm.purchase_cohort(NULL, NULL, 'all', now(), 'month') AS r$$,
    'the view is the report as of now, by month'
);

SELECT throws_ok(
    $$SELECT * FROM crm.purchase_cohort(by => 'product')$$,
    '22023', 'invalid value for argument "by": "product"', 'by something a customer is not'
);
SELECT throws_ok(
    $$SELECT * FROM crm.purchase_cohort(grain => 'day')$$,
    '22023', 'invalid value for argument "grain": "day"', 'another grain'
);
SELECT throws_ok(
    $$SELECT * FROM crm.purchase_cohort(as_of => NULL)$$,
    '22023', 'invalid value for argument "as_of": NULL', 'as of nothing'
);
SELECT throws_ok(
    $$SELECT * FROM crm.purchase_cohort('2025-04-01', '2025-03-01')$$,
    '22023', 'invalid value for argument "from_date": "2025-04-01"', 'a period that ends before it begins'
);
TRUNCATE crm.purchase;
SELECT is_empty('SELECT * FROM crm.purchase_cohort', 'no purchases, no rows');
SELECT throws_ok(
    $$SELECT * FROM crm.purchase_cohort(by => 'x; DROP TABLE crm.deal')$$,
    '22023', 'invalid value for argument "by": "x; DROP TABLE crm.deal"', 'refused where there is nothing to report, too'
);
SELECT * FROM finish();
ROLLBACK;
