/*
 * renewal_report, renewal_due: every number of random contracts against plain SQL.
 * Runs in the root of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(18);

UPDATE crm.account SET rep_id = 4 WHERE id = 3;
INSERT INTO crm.account (id, name) VALUES (90, 'nobody''s');
DELETE FROM crm.contract;
INSERT INTO crm.contract (id, name, account_id, product_id, starts_on, ends_on, amount_per_month, cancelled_on)
SELECT
    1000 + n,
    'term ' || n,
    CASE pg_temp.dice(n, 'account', 4) WHEN 0 THEN 90 ELSE pg_temp.dice(n, 'account', 4) END,
    nullif(pg_temp.dice(n, 'product', 3), 0),
    starts_on,
    starts_on + pg_temp.dice(n, 'days', 400),
    CASE pg_temp.dice(n, 'amount', 9) WHEN 0 THEN NULL WHEN 1 THEN 0 WHEN 2 THEN -50 ELSE pg_temp.dice(n, 'much', 900) END,
    CASE WHEN pg_temp.dice(n, 'cancel', 5) = 0 THEN starts_on + pg_temp.dice(n, 'cancelled', 300) END
FROM generate_series(1, 500) AS n
CROSS JOIN LATERAL (SELECT pg_temp.some_instant(n, 'contract')::date AS starts_on) AS drawn;
-- Half of the odd terms are followed by the even one after them.
UPDATE crm.contract SET renewed_by = id + 1 WHERE id % 2 = 1 AND pg_temp.dice(id, 'renew', 2) = 0 AND id < 1500;
ANALYZE crm.contract, crm.account;

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, period_start date, due bigint, renewed bigint, churned bigint, pending bigint, rate numeric, low numeric, high numeric,
    due_amount numeric, renewed_amount numeric, churned_amount numeric, pending_amount numeric, following numeric, gross numeric, net numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH fact AS (
        SELECT
            c.ends_on, c.product_id, a.rep_id,
            CASE WHEN c.renewed_by IS NOT NULL THEN 'renewed' WHEN least(c.cancelled_on, c.ends_on + 1) <= (until AT TIME ZONE 'America/Havana')::date THEN 'churned' ELSE 'pending' END AS state,
            CASE WHEN c.amount_per_month >= 0 THEN c.amount_per_month END AS amount,
            CASE WHEN c.amount_per_month >= 0 THEN (SELECT f.amount_per_month FROM crm.contract AS f WHERE f.id = c.renewed_by AND f.amount_per_month >= 0) END AS following
        FROM crm.contract AS c
        JOIN crm.account AS a ON a.id = c.account_id
    ), member AS (
        SELECT f.*, 'all' AS dimension, 'all' AS member FROM fact AS f
        UNION ALL SELECT f.*, 'product', coalesce(p.name, '(none)') FROM fact AS f LEFT JOIN crm.product AS p ON p.id = f.product_id
        UNION ALL SELECT f.*, 'rep', coalesce(r.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id
        UNION ALL SELECT f.*, 'team', coalesce(t.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id LEFT JOIN crm.sales_team AS t ON t.id = r.team_id
    ), counted AS (
        SELECT
            dimension, member, coalesce(pg_temp.first_day(ends_on, grain), from_date) AS period_start,
            count(*) AS due, count(*) FILTER (WHERE state = 'renewed') AS renewed, count(*) FILTER (WHERE state = 'churned') AS churned,
            count(*) FILTER (WHERE state = 'pending') AS pending,
            coalesce(sum(amount), 0) AS due_amount,
            coalesce(sum(amount) FILTER (WHERE state = 'renewed'), 0) AS renewed_amount, coalesce(sum(amount) FILTER (WHERE state = 'churned'), 0) AS churned_amount,
            coalesce(sum(amount) FILTER (WHERE state = 'pending'), 0) AS pending_amount, coalesce(sum(following), 0) AS following
        FROM member
        WHERE (from_date IS NULL OR ends_on >= from_date) AND (to_date IS NULL OR ends_on < to_date)
        GROUP BY 1, 2, 3
    )
    SELECT dimension, member, period_start, due, renewed, churned, pending, round(renewed::numeric / nullif(renewed + churned, 0), 9),
        round(pg_temp.wilson(renewed, renewed + churned, -1), 9), round(pg_temp.wilson(renewed, renewed + churned, 1), 9),
        due_amount, renewed_amount, churned_amount, pending_amount, following,
        round(renewed_amount / nullif(renewed_amount + churned_amount, 0), 9), round(following / nullif(renewed_amount + churned_amount, 0), 9)
    FROM counted
$$;
CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, period_start date, due bigint, renewed bigint, churned bigint, pending bigint, rate numeric, low numeric, high numeric,
    due_amount numeric, renewed_amount numeric, churned_amount numeric, pending_amount numeric, following numeric, gross numeric, net numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.due_count, r.renewed_count, r.churned_count, r.pending_count, round(r.renewal_rate::numeric, 9),
        round(r.renewal_rate_low::numeric, 9), round(r.renewal_rate_high::numeric, 9),
        r.due_monthly_amount, r.renewed_monthly_amount, r.churned_monthly_amount, r.pending_monthly_amount, r.following_monthly_amount,
        round(r.gross_retention_rate::numeric, 9), round(r.net_retention_rate::numeric, 9)
    FROM crm.renewal_report(from_date, to_date, NULL, until, grain) AS r
$$;
SELECT is((SELECT count(DISTINCT state) FROM crm.contract_state('2025-01-01')), 3::bigint, 'terms in every state');
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.reported(%L, %L, %L, %L)', from_date, to_date, until, grain),
    format('SELECT * FROM pg_temp.expected(%L, %L, %L, %L)', from_date, to_date, until, grain),
    format('%s from %s to %s as of %s', grain, coalesce(from_date, 'ever'), coalesce(to_date, 'ever'), until)
)
FROM (VALUES
    ('month', NULL, NULL, '2027-06-01 00:00+00'),
    ('week', '2024-01-01', '2024-12-01', '2024-08-31 05:30+00'),
    ('day', '2024-02-25', '2025-03-04', '2024-06-02 04:00+00'),
    ('quarter', '2024-02-15', '2025-02-15', '2025-01-01 00:00+00'),
    ('half', NULL, '2025-01-01', '2027-01-01 00:00+00'),
    ('year', '2024-04-01', NULL, '2025-01-01 00:00+00'),
    ('all', '2024-04-01', '2025-04-01', '2024-12-31 00:00+00')
) AS asked (grain, from_date, to_date, until);
SELECT is_empty($$SELECT FROM crm.renewal_report('2040-01-01', '2041-01-01')$$, 'an empty period has no rows');
SELECT bag_eq(
    $$SELECT dimension_name, member_id, due_count FROM crm.renewal_report(by => 'product', as_of => '2025-01-01', grain => 'all')$$,
    $$SELECT dimension_name, member_id, due_count FROM crm.renewal_report(as_of => '2025-01-01', grain => 'all') WHERE dimension_name = 'product'$$,
    'one dimension alone');
SELECT bag_eq('SELECT dimension_name, member_id, period_start, due_count, net_retention_rate FROM crm.renewal_report',
    'SELECT dimension_name, member_id, period_start, due_count, net_retention_rate FROM crm.renewal_report()', 'the view shows the function');

-- ------------------------------------------------------------------ renewal_due
SELECT cmp_ok((SELECT count(*) FROM crm.renewal_due(120, '2024-10-01 12:00+00')), '>', 10::bigint, 'contracts are due');
SELECT pg_temp.same_rows(
    $$SELECT contract_id, account_id, rep_id, team_id, product_id, starts_date, ends_date, due_days::numeric, monthly_amount FROM crm.renewal_due(120, '2024-10-01 12:00+00')$$,
    $$SELECT c.id, c.account_id, a.rep_id, r.team_id, c.product_id, c.starts_on, c.ends_on, (c.ends_on - date '2024-10-01')::numeric, c.amount_per_month
      FROM crm.contract AS c JOIN crm.account AS a ON a.id = c.account_id LEFT JOIN crm.sales_rep AS r ON r.id = a.rep_id
      WHERE c.renewed_by IS NULL AND (c.cancelled_on > '2024-10-01') IS NOT FALSE AND c.ends_on BETWEEN '2024-10-01' AND date '2024-10-01' + 120$$,
    'pending contracts whose last day is near');
SELECT bag_eq('SELECT contract_id, due_days FROM crm.renewal_due', 'SELECT contract_id, due_days FROM crm.renewal_due()', 'the view shows the function');
SELECT throws_ok($$SELECT * FROM crm.renewal_due(-1)$$, '22023', 'invalid value for argument "within_days": "-1"');
SELECT throws_ok($$SELECT * FROM crm.renewal_report(by => 'source')$$, '22023', 'invalid value for argument "by": "source"');
SELECT throws_ok($$SELECT * FROM crm.renewal_report('2024-02-01', '2024-01-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-01"');
SELECT throws_ok($$SELECT * FROM crm.renewal_report(grain => 'decade')$$, '22023', 'invalid value for argument "grain": "decade"');

SELECT * FROM finish();
ROLLBACK;
