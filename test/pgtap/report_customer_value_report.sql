/*
 * customer_value_report: every number of every segment and period against plain SQL
 * over the purchases and what is known of the deals.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/many_purchases.sql
\pset tuples_only on
SELECT plan(17);

CREATE FUNCTION pg_temp.expected(grain text, from_date date, to_date date)
RETURNS TABLE (
    dimension text,
    member text,
    period date,
    customers bigint,
    new_customers bigint,
    repeaters bigint,
    orders bigint,
    revenue numeric,
    costed numeric,
    margin numeric,
    won bigint,
    priced bigint,
    won_amount numeric
)
    LANGUAGE sql
BEGIN ATOMIC
    WITH bought AS (
        SELECT p.*, (p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date AS day
        FROM crm.purchase AS p
        WHERE p.purchased_at <= '2026-07-01 12:00+09'
    ), named AS (
        SELECT d.dimension, coalesce(d.member, '(none)') AS member, b.*,
            CASE grain WHEN 'all' THEN from_date ELSE pg_temp.period_of(b.day, grain) END AS period,
            (SELECT min(f.day) FROM bought AS f WHERE f.account_id = b.account_id AND f.amount >= 0) AS first_day
        FROM bought AS b
        JOIN crm.account ON account.id = b.account_id
        LEFT JOIN truth ON truth.deal_id = b.deal_id
        CROSS JOIN LATERAL (VALUES
            ('all', 'all'),
            ('industry', account.industry),
            ('region', account.region),
            ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[account.rep_id]),
            ('team', (ARRAY['East', 'West'])[account.rep_id]),
            ('product', (ARRAY['Alpha', 'Beta'])[b.product_id]),
            ('source', (ARRAY['Web', 'Fair'])[truth.source_id])
        ) AS d (dimension, member)
        WHERE (from_date IS NULL OR b.day >= from_date) AND (to_date IS NULL OR b.day < to_date)
    ), customers AS (
        SELECT n.dimension, n.member, n.period, n.account_id,
            bool_or(n.amount >= 0) AS is_one,
            bool_or(n.amount >= 0 AND n.day = n.first_day) AS is_new,
            count(DISTINCT n.day) FILTER (WHERE n.amount >= 0) > 1 AS is_repeat
        FROM named AS n
        GROUP BY 1, 2, 3, 4
    ), heads AS (
        SELECT c.dimension, c.member, c.period, count(*) FILTER (WHERE c.is_one) AS customers, count(*) FILTER (WHERE c.is_new) AS new_customers,
            count(*) FILTER (WHERE c.is_repeat) AS repeaters
        FROM customers AS c
        GROUP BY 1, 2, 3
    ), money AS (
        SELECT n.dimension, n.member, n.period, count(*) FILTER (WHERE n.amount >= 0) AS orders, sum(n.amount) AS revenue,
            sum(n.amount) FILTER (WHERE n.cost IS NOT NULL) AS costed, sum(n.amount - n.cost) AS margin
        FROM named AS n
        GROUP BY 1, 2, 3
    ), closed AS (
        SELECT d.dimension, coalesce(d.member, '(none)') AS member,
            CASE grain WHEN 'all' THEN from_date ELSE pg_temp.period_of((t.ended_at AT TIME ZONE 'Asia/Tokyo')::date, grain) END AS period,
            count(*) AS won, count(t.amount) AS priced, sum(t.amount) AS won_amount
        FROM truth AS t
        LEFT JOIN crm.account ON account.id = t.account_id
        CROSS JOIN LATERAL (VALUES
            ('all', 'all'),
            ('industry', account.industry),
            ('region', account.region),
            ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[t.rep_id]),
            ('team', (ARRAY['East', 'West'])[t.rep_id]),
            ('product', (ARRAY['Alpha', 'Beta'])[t.product_id]),
            ('source', (ARRAY['Web', 'Fair'])[t.source_id])
        ) AS d (dimension, member)
        WHERE t.outcome = 'won'
            AND (from_date IS NULL OR (t.ended_at AT TIME ZONE 'Asia/Tokyo')::date >= from_date)
            AND (to_date IS NULL OR (t.ended_at AT TIME ZONE 'Asia/Tokyo')::date < to_date)
        GROUP BY 1, 2, 3
    ), place AS (
        SELECT m.dimension, m.member, m.period FROM money AS m
        UNION
        SELECT c.dimension, c.member, c.period FROM closed AS c
    )
    SELECT p.dimension, p.member, p.period, coalesce(h.customers, 0), coalesce(h.new_customers, 0), coalesce(h.repeaters, 0), coalesce(m.orders, 0),
        coalesce(m.revenue, 0), m.costed, m.margin, coalesce(c.won, 0), coalesce(c.priced, 0), coalesce(c.won_amount, 0)
    FROM place AS p
    LEFT JOIN heads AS h ON h.dimension = p.dimension AND h.member = p.member AND h.period IS NOT DISTINCT FROM p.period
    LEFT JOIN money AS m ON m.dimension = p.dimension AND m.member = p.member AND m.period IS NOT DISTINCT FROM p.period
    LEFT JOIN closed AS c ON c.dimension = p.dimension AND c.member = p.member AND c.period IS NOT DISTINCT FROM p.period;
END;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected('month', NULL, NULL) AS e WHERE e.repeaters > 0), '>', 100::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    format(
        $$SELECT r.dimension_name, r.member_name, r.period_start, r.customer_count, r.new_customer_count, r.repeat_customer_count, r.order_count,
            r.revenue_amount, r.costed_amount, r.margin_amount, r.won_count, r.priced_won_count, r.won_amount
          FROM crm.customer_value_report(%L, %L, NULL, '2026-07-01 12:00+09', %L) AS r$$,
        from_date, to_date, grain
    ),
    format('SELECT * FROM pg_temp.expected(%L, %L, %L)', grain, from_date, to_date),
    format('every segment by %s, from %s to %s', grain, from_date, to_date)
)
FROM (VALUES
    ('week', date '2026-03-01', NULL::date),
    ('month', NULL, NULL),
    ('quarter', NULL, '2026-04-01'),
    ('half', NULL, NULL),
    ('year', NULL, NULL),
    ('year', '2025-05-05', '2026-05-20'),
    ('all', '2025-04-01', '2026-04-01'),
    ('all', NULL, NULL)
) AS choice (grain, from_date, to_date);
SELECT is_empty(
    $$SELECT r.* FROM crm.customer_value_report(as_of => '2026-07-01 12:00+09') AS r
      WHERE round(r.repeat_rate::numeric, 9) IS DISTINCT FROM round(r.repeat_customer_count::numeric / nullif(r.customer_count, 0), 9)
        OR round(r.repeat_rate_low::numeric, 9) IS DISTINCT FROM round(pg_temp.wilson(r.repeat_customer_count, r.customer_count, -1), 9)
        OR round(r.repeat_rate_high::numeric, 9) IS DISTINCT FROM round(pg_temp.wilson(r.repeat_customer_count, r.customer_count, 1), 9)
        OR r.average_order_amount IS DISTINCT FROM r.revenue_amount / nullif(r.order_count, 0)
        OR r.revenue_per_customer_amount IS DISTINCT FROM r.revenue_amount / nullif(r.customer_count, 0)
        OR r.margin_rate IS DISTINCT FROM (r.margin_amount / nullif(r.costed_amount, 0))::double precision
        OR r.average_deal_amount IS DISTINCT FROM r.won_amount / nullif(r.priced_won_count, 0)$$,
    'rates, bounds and averages come of what stands beside them'
);
SELECT pg_temp.same_rows(
    format($$SELECT * FROM crm.customer_value_report(NULL, NULL, %L, '2026-07-01 12:00+09', 'quarter')$$, dimension),
    format($$SELECT * FROM crm.customer_value_report(NULL, NULL, NULL, '2026-07-01 12:00+09', 'quarter') AS r WHERE r.dimension_name = %L$$, dimension),
    'one dimension is what it is among all: ' || dimension
)
FROM unnest(ARRAY['all', 'source']) AS dimension;
SELECT pg_temp.same_rows(
    $$SELECT r.dimension_name, r.member_name, r.period_start, r.customer_count, r.revenue_amount, r.won_count, r.average_deal_amount FROM crm.customer_value_report AS r$$,
    $$SELECT r.dimension_name, r.member_name, r.period_start, r.customer_count, r.revenue_amount::numeric(18, 2), r.won_count, r.average_deal_amount::numeric(18, 2)
      FROM crm.customer_value_report(NULL, NULL, NULL, now(), 'year') AS r$$,
    'the view is the report as of now, by fiscal year'
);

TRUNCATE crm.purchase;
TRUNCATE crm.deal CASCADE;
SELECT is_empty('SELECT * FROM crm.customer_value_report', 'nothing bought and won, no rows');
SELECT throws_ok(
    $$SELECT * FROM crm.customer_value_report(by => 'pipeline')$$,
    '22023', 'invalid value for argument "by": "pipeline"', 'by something else'
);
SELECT throws_ok(
    $$SELECT * FROM crm.customer_value_report(grain => 'decade')$$,
    '22023', 'invalid value for argument "grain": "decade"', 'another grain'
);
SELECT throws_ok(
    $$SELECT * FROM crm.customer_value_report('2025-04-01', '2025-03-01')$$,
    '22023', 'invalid value for argument "from_date": "2025-04-01"', 'a period that ends before it begins'
);
SELECT * FROM finish();
ROLLBACK;
