/*
 * sales_vs_target: every number of the small company against plain SQL over what
 * is known to be true of it.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT plan(14);

-- Sales, weighted and overdue amounts by local day, from truth and by hand.
CREATE TEMP TABLE chance (
    deal_id bigint,
    expected date,
    probability numeric
);
INSERT INTO chance VALUES
    (7, '2026-06-30', 0.3),
    (8, '2026-07-31', 0.1),
    (9, '2026-08-15', 0.1),
    (11, '2026-09-30', 0.5),
    (13, '2026-07-20', 0.6);

CREATE TEMP TABLE piece AS
SELECT
    scope.name AS scope,
    scope.member,
    (coalesce(truth.ended_at AT TIME ZONE 'Asia/Tokyo', chance.expected))::date AS day,
    truth.outcome = 'won' AS won,
    truth.amount,
    truth.amount * chance.probability AS weighted
FROM truth
LEFT JOIN chance USING (deal_id)
CROSS JOIN LATERAL (VALUES
    ('company', 'company'),
    ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[truth.rep_id]),
    ('team', (ARRAY['East', 'West', '(none)'])[truth.rep_id]),
    ('team', (ARRAY['Japan', 'Japan', NULL])[truth.rep_id]),
    ('product', (ARRAY['Alpha', 'Beta'])[truth.product_id])
) AS scope (name, member)
WHERE truth.outcome IN ('won', 'open')
    AND scope.member IS NOT NULL;

CREATE TEMP TABLE goal (
    grain text,
    scope text,
    member text,
    period_start date,
    amount numeric
);
INSERT INTO goal VALUES
    ('month', 'company', 'company', '2026-04-01', 1000),
    ('month', 'company', 'company', '2026-05-01', 1000),
    ('month', 'company', 'company', '2026-07-01', 0),
    ('quarter', 'company', 'company', '2026-04-01', 2000),  -- two months
    ('quarter', 'company', 'company', '2026-07-01', 4000),  -- its own, not the month's 0
    ('half', 'company', 'company', '2026-04-01', 9000),     -- its own, not 2000 + 4000
    ('year', 'company', 'company', '2026-04-01', 9000),     -- the half's
    ('quarter', 'team', 'Japan', '2026-04-01', 1500),
    ('half', 'team', 'Japan', '2026-04-01', 1500),
    ('year', 'team', 'Japan', '2026-04-01', 1500),
    ('month', 'rep', 'Ben', '2026-05-01', 500),
    ('quarter', 'rep', 'Ben', '2026-04-01', 500),
    ('half', 'rep', 'Ben', '2026-04-01', 500),
    ('year', 'rep', 'Ben', '2026-04-01', 500),
    ('month', 'product', 'Beta', '2026-04-01', 900),
    ('quarter', 'product', 'Beta', '2026-04-01', 900),
    ('half', 'product', 'Beta', '2026-04-01', 900),
    ('year', 'product', 'Beta', '2026-04-01', 900);

-- Every period of every member from 2025 on; those with nothing to show are left out.
CREATE TEMP TABLE expected AS
WITH period AS (
    SELECT grain.name AS grain, start::date AS start, (start + make_interval(months => grain.months))::date AS next, grain.months
    FROM (VALUES ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS grain (name, months)
    CROSS JOIN LATERAL generate_series(timestamp '2023-04-01', timestamp '2028-03-01', make_interval(months => grain.months)) AS start
), member AS (
    SELECT DISTINCT piece.scope, piece.member FROM piece
), summed AS (
    SELECT
        period.grain,
        member.scope,
        member.member,
        period.start,
        period.months,
        (SELECT goal.amount FROM goal WHERE (goal.grain, goal.scope, goal.member, goal.period_start) = (period.grain, member.scope, member.member, period.start)) AS target,
        count(*) FILTER (WHERE piece.won AND piece.day >= period.start AND piece.day < period.next) AS won,
        coalesce(sum(piece.amount) FILTER (WHERE piece.won AND piece.day >= period.start AND piece.day < period.next), 0) AS amount,
        count(*) FILTER (WHERE NOT piece.won AND piece.day >= period.start AND piece.day < period.next) AS open,
        coalesce(sum(piece.weighted) FILTER (WHERE NOT piece.won AND piece.day >= greatest(period.start, '2026-07-01') AND piece.day < period.next), 0) AS weighted,
        coalesce(sum(piece.weighted) FILTER (WHERE NOT piece.won AND piece.day >= period.start AND piece.day < least(period.next, '2026-07-01')), 0) AS overdue,
        count(*) FILTER (WHERE piece.won AND piece.day >= period.start - interval '1 year' AND piece.day < period.next - interval '1 year') AS won_before,
        coalesce(sum(piece.amount) FILTER (WHERE piece.won AND piece.day >= period.start - interval '1 year' AND piece.day < period.next - interval '1 year'), 0) AS amount_before
    FROM period
    CROSS JOIN member
    JOIN piece USING (scope, member)
    GROUP BY
        period.grain,
        member.scope,
        member.member,
        period.start,
        period.next,
        period.months
)
SELECT *
FROM summed
WHERE target IS NOT NULL
    OR won > 0
    OR open > 0
    OR (won_before > 0 AND start <= '2026-07-01');

CREATE TEMP VIEW report AS
SELECT * FROM crm.sales_vs_target(as_of => '2026-07-01 12:00+09');

SELECT cmp_ok((SELECT count(*) FROM expected), '>', 90::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    $$SELECT r.grain_name, r.scope_name, r.member_name, r.period_start, r.target_amount, r.won_count, r.won_amount,
        r.weighted_open_amount, r.overdue_amount, r.previous_year_amount FROM report AS r$$,
    $$SELECT grain, scope, member, start, target, won, amount, weighted, overdue, amount_before FROM expected$$,
    'target, won, weighted, overdue and previous year of each grain, scope, member and period'
);
SELECT pg_temp.same_rows(
    $$SELECT r.grain_name, r.scope_name, r.member_name, r.period_start, round(r.attainment_rate::numeric, 9), r.gap_amount, r.forecast_amount,
        round(r.growth_rate::numeric, 9) FROM report AS r$$,
    $$SELECT grain, scope, member, start, round(amount / nullif(target, 0), 9), amount - target, amount + weighted,
        round((amount - amount_before) / nullif(amount_before, 0), 9) FROM expected$$,
    'attainment, gap, forecast and growth'
);
SELECT results_eq(
    $$SELECT r.period_label, r.target_amount, r.won_amount, r.weighted_open_amount, r.overdue_amount, r.previous_year_amount
      FROM crm.sales_vs_target('month', 'company', '2026-04-01', '2026-10-01', '2026-07-01 12:00+09') AS r ORDER BY r.period_start$$,
    $$VALUES
        ('2026-04', 1000::numeric, 700.00, 0::numeric, 0::numeric, 400.00),
        ('2026-05', 1000, 800, 0, 0, 0),
        ('2026-06', NULL, 100, 0, 180, 0),
        ('2026-07', 0, 0, 970, 0, 0),
        ('2026-08', NULL, 0, 0, 0, 0),
        ('2026-09', NULL, 0, 450, 0, 0)$$,
    'the company month by month, by hand'
);
SELECT is(
    (SELECT r.won_amount FROM crm.sales_vs_target('quarter', 'rep', as_of => '2026-07-01 12:00+09') AS r
     WHERE r.member_name = 'Aoi' AND r.period_label = 'FY2025 Q4'),
    1000::numeric,
    'the deal won at 23:30 on 31 March stays Aoi''s and in the old fiscal year'
);
SELECT is(
    (SELECT r.won_amount || ' of ' || r.target_amount FROM crm.sales_vs_target('quarter', 'team', as_of => '2026-07-01 12:00+09') AS r
     WHERE r.member_name = 'Japan' AND r.period_label = 'FY2026 Q1'),
    '1400.00 of 1500',
    'a team has the sales of the teams below it'
);
SELECT is(
    (SELECT r.attainment_rate FROM crm.sales_vs_target('month', 'company', as_of => '2026-07-01 12:00+09') AS r WHERE r.period_start = '2026-07-01'),
    NULL,
    'a target of 0 has no attainment'
);
SELECT is_empty(
    $$SELECT r.* FROM report AS r WHERE r.scope_name = 'company' AND r.grain_name = 'month' AND r.period_start BETWEEN '2025-05-01' AND '2026-02-01'$$,
    'months with nothing to show are absent'
);
SELECT is(
    (SELECT r.target_amount FROM crm.sales_vs_target('month', 'company', as_of => '2026-07-01 12:00+09') AS r WHERE r.period_start = '2026-04-01'),
    1000::numeric,
    'the target of another KPI is not counted'
);
SELECT throws_ok($$SELECT * FROM crm.sales_vs_target('week')$$, '22023', 'invalid value for argument "grain": "week"', 'a grain that months do not make');
SELECT throws_ok($$SELECT * FROM crm.sales_vs_target('month', 'region')$$, '22023', 'invalid value for argument "scope": "region"', 'another scope');

-- A circle of teams ends; a deal that is won without an amount counts.
UPDATE crm.sales_team SET parent_team_id = 2 WHERE id = 1;
SELECT lives_ok($$SELECT * FROM crm.sales_vs_target$$, 'teams in a circle');
SELECT pg_temp.same_rows(
    $$SELECT r.grain_name, r.scope_name, r.member_name, r.period_label, r.target_amount, r.won_amount, r.forecast_amount, r.growth_rate FROM crm.sales_vs_target AS r$$,
    $$SELECT r.grain_name, r.scope_name, r.member_name, r.period_label, r.target_amount::numeric(18, 2), r.won_amount::numeric(18, 2),
        r.forecast_amount::numeric(18, 2), r.growth_rate FROM crm.sales_vs_target(NULL, NULL, NULL, NULL, now()) AS r$$,
    'the view is the report as of now'
);

TRUNCATE crm.deal CASCADE;
DELETE FROM crm.target;
SELECT is_empty('SELECT r.grain_name FROM crm.sales_vs_target AS r', 'no deals and no targets, no rows');
SELECT * FROM finish();
ROLLBACK;
