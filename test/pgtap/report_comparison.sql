/*
 * rep_comparison and lead_source_comparison: a company of nine reps, one of them
 * really better, one really worse, one new; every number against plain SQL.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT plan(23);

-- Deals closed in the year to 2026-07-01: who, how many, how many won.
CREATE TEMP TABLE record (rep_id bigint, rep text, won integer, closed integer, source_id bigint);
INSERT INTO record VALUES
    (11, 'Star', 75, 100, 1),
    (12, 'Weak', 15, 100, 2),
    (13, 'New', 2, 2, 1),
    (14, 'Even', 48, 100, 1),
    (15, 'Odd', 52, 100, 2),
    (16, 'Six', 30, 60, 2),
    (17, 'Seven', 33, 60, 1),
    (18, 'None', 0, 3, 2);
INSERT INTO crm.sales_rep (id, name, team_id) SELECT record.rep_id, record.rep, 3 FROM record;
CREATE TEMP TABLE closed AS
SELECT
    row_number() OVER (ORDER BY record.rep_id, nth) + 1000 AS deal_id,
    record.rep_id,
    record.source_id,
    nth <= record.won AS won,
    timestamptz '2025-07-01 10:00+09' + (nth * 3) * INTERVAL '1 day' AS closed_at
FROM record
CROSS JOIN LATERAL generate_series(1, record.closed) AS nth;
SET kpicrm.history = 'off';
INSERT INTO crm.deal (id, name, pipeline_id, phase_id, phase_since, source_id, opened_at)
SELECT closed.deal_id, 'deal ' || closed.deal_id, 1, 11, '2025-06-01 10:00+09', closed.source_id, '2025-06-01 10:00+09'
FROM closed;
INSERT INTO crm.deal_event (deal_id, at, phase_id, rep_id)
SELECT closed.deal_id, '2025-06-01 10:00+09', 11, closed.rep_id FROM closed
UNION ALL
SELECT closed.deal_id, closed.closed_at, CASE WHEN closed.won THEN 15 ELSE 16 END, NULL FROM closed;
RESET kpicrm.history;
SELECT crm.rebuild_history() \g /dev/null

CREATE TEMP TABLE reported AS
SELECT * FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', as_of => '2026-07-01 12:00+09');
-- The same from the table of deals, and with those of the small company.
CREATE TEMP TABLE counted AS
SELECT deals.rep_id, count(*) FILTER (WHERE deals.won) AS won, count(*) AS closed
FROM (
    SELECT closed.rep_id, closed.won FROM closed
    UNION ALL
    SELECT truth.rep_id, truth.outcome = 'won'
    FROM truth
    WHERE truth.outcome IN ('won', 'lost') AND truth.ended_at >= '2025-07-01 00:00+09' AND truth.ended_at < '2026-07-01 00:00+09'
) AS deals
GROUP BY deals.rep_id;

SELECT bag_eq(
    $$SELECT member_id, converted_count, case_count FROM reported$$,
    $$SELECT * FROM counted$$,
    'the cases are the deals won and lost in the period'
);
SELECT is_empty(
    $$SELECT member_name FROM reported
      WHERE abs(observed_rate - converted_count::float8 / case_count) > 1e-12
        OR abs(observed_rate_low - pg_temp.wilson(converted_count, case_count, -1)::float8) > 1e-9
        OR abs(observed_rate_high - pg_temp.wilson(converted_count, case_count, 1)::float8) > 1e-9
        OR abs(group_rate - (SELECT sum(won)::float8 / sum(closed) FROM counted)) > 1e-12$$,
    'rates, their Wilson bounds, and the rate of all'
);
SELECT is_empty(
    $$SELECT reported.member_name FROM reported
      CROSS JOIN (SELECT (kpicrm.rate_prior(array_agg((won || '/' || closed)::kpicrm.conversion))).* FROM counted) AS prior
      WHERE prior.status <> 'fitted' OR reported.spread_status <> 'fitted'
        OR abs(reported.shrunk_rate - (prior.alpha + converted_count) / (prior.alpha + prior.beta + case_count)) > 1e-12$$,
    'the expected rate is that of the prior with the member''s cases added'
);
SELECT ok(
    (SELECT bool_and(shrunk_rate BETWEEN least(observed_rate, group_rate) - 0.03 AND greatest(observed_rate, group_rate) + 0.03
        AND shrunk_rate_low < shrunk_rate AND shrunk_rate < shrunk_rate_high) FROM reported),
    'it lies between the member''s own and that of all'
);
SELECT ok(
    (SELECT new.observed_rate = 1 AND new.shrunk_rate < star.shrunk_rate AND new.rank_order > star.rank_order
     FROM reported AS new, reported AS star WHERE new.member_name = 'New' AND star.member_name = 'Star'),
    '2 of 2 is not better than 75 of 100'
);
SELECT is(
    (SELECT array_agg(rank_order ORDER BY shrunk_rate DESC) FROM reported),
    (SELECT array_agg(nth::integer) FROM generate_series(1, (SELECT count(*) FROM reported)) AS nth),
    'the order is that of the expected rates'
);

-- p-values: each member against all the others.
SELECT is_empty(
    $$SELECT reported.member_name, reported.chance_probability FROM reported
      CROSS JOIN (SELECT sum(won) AS won, sum(closed) AS closed FROM counted) AS whole
      WHERE abs(reported.chance_probability - kpicrm.compare(
        (converted_count || '/' || case_count)::kpicrm.conversion,
        (whole.won - converted_count || '/' || whole.closed - case_count)::kpicrm.conversion)) > 1e-12$$,
    'chance is that of Fisher''s test against all others'
);
-- Benjamini and Hochberg by their definition: the smallest of p times m by rank among those not smaller.
SELECT is_empty(
    $$WITH ranked AS (
        SELECT member_name, chance_probability AS p, adjusted_chance_probability AS adjusted,
            count(*) OVER () * chance_probability / rank() OVER (ORDER BY chance_probability, member_id) AS scaled
        FROM reported
      )
      SELECT one.member_name, one.adjusted FROM ranked AS one
      WHERE abs(one.adjusted - (SELECT least(1, min(other.scaled)) FROM ranked AS other WHERE other.p >= one.p)) > 1e-12$$,
    'corrected for the number of comparisons'
);
SELECT is(
    (SELECT jsonb_object_agg(member_name, verdict) FROM reported WHERE member_name IN ('Star', 'Weak', 'New', 'None', 'Even', 'Odd')),
    '{"Star": "above", "Weak": "below", "New": "too_few_cases", "None": "too_few_cases", "Even": "no_difference", "Odd": "no_difference"}'::jsonb,
    'one is better, one worse, two are unknown, two are like all'
);
SELECT is_empty(
    $$SELECT member_name FROM reported
      WHERE required_count IS DISTINCT FROM kpicrm.required_count(group_rate, least(group_rate, 1 - group_rate) / 2)
        OR (verdict = 'no_difference') <> (NOT adjusted_chance_probability < 0.05
            AND observed_rate_low > group_rate - least(group_rate, 1 - group_rate) / 2 AND observed_rate_high < group_rate + least(group_rate, 1 - group_rate) / 2)$$,
    'no difference is that the bounds leave no room for half the way to 0 or 1'
);
SELECT is_empty(
    $$SELECT member_name FROM reported
      WHERE limit_low <> kpicrm.control_limit_lower(group_rate, case_count) OR limit_high <> kpicrm.control_limit_upper(group_rate, case_count)
        OR outer_limit_low <> kpicrm.control_limit_lower(group_rate, case_count, 0.998)
        OR outer_limit_high <> kpicrm.control_limit_upper(group_rate, case_count, 0.998)
        OR NOT (outer_limit_low <= limit_low AND limit_low < limit_high AND limit_high <= outer_limit_high)$$,
    'limits of the funnel plot'
);
SELECT is(
    (SELECT DISTINCT required_count FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', as_of => '2026-07-01 12:00+09', difference => 0.05)),
    (SELECT DISTINCT kpicrm.required_count(group_rate, 0.05) FROM reported),
    'another difference needs other numbers of cases'
);

-- One team; one source; nobody.
SELECT bag_eq(
    $$SELECT member_id FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', as_of => '2026-07-01 12:00+09', team_id => 3)$$,
    $$SELECT counted.rep_id FROM counted JOIN crm.sales_rep ON sales_rep.id = counted.rep_id WHERE sales_rep.team_id = 3$$,
    'the reps of one team'
);
SELECT bag_eq(
    $$SELECT member_id, converted_count, case_count FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', 'source', '2026-07-01 12:00+09')$$,
    $$SELECT deals.source_id, count(*) FILTER (WHERE deals.won) AS won, count(*) AS closed
      FROM (
        SELECT closed.source_id, closed.won FROM closed
        UNION ALL
        SELECT truth.source_id, truth.outcome = 'won' FROM truth
        WHERE truth.outcome IN ('won', 'lost') AND truth.ended_at >= '2025-07-01 00:00+09' AND truth.ended_at < '2026-07-01 00:00+09'
      ) AS deals
      WHERE deals.source_id IS NOT NULL
      GROUP BY deals.source_id$$,
    'lead sources the same way'
);
SELECT is_empty($$SELECT 1 FROM crm.rep_comparison('win_rate', '2001-01-01', '2001-02-01')$$, 'no case, no row');
SELECT is(
    (SELECT row(verdict, spread_status, shrunk_rate, chance_probability)::text
     FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', as_of => '2026-07-01 12:00+09', team_id => 2)),
    '(too_few_cases,too_few,,)',
    'one member alone is compared with nobody'
);

SELECT bag_eq(
    $$SELECT member_id, converted_count, case_count FROM crm.rep_comparison('repeat_rate', by => 'rep', as_of => '2026-07-01 12:00+09')$$,
    $$SELECT member_id, numerator::bigint, denominator::bigint FROM crm.kpi_series('repeat_rate', NULL, NULL, 'year', 'rep', '2026-07-01 12:00+09')
      WHERE period_start = '2026-04-01' AND denominator > 0$$,
    'a running total counts as it stands at the end, not once a year'
);
SELECT throws_ok($$SELECT 1 FROM crm.rep_comparison('revenue')$$, '22023', 'invalid value for argument "kpi": "revenue"');
SELECT throws_ok($$SELECT 1 FROM crm.rep_comparison('win_rate''; DROP TABLE crm.deal; --')$$, '22023', NULL, 'no such KPI');
SELECT throws_ok($$SELECT 1 FROM crm.rep_comparison(by => 'all')$$, '22023', 'invalid value for argument "by": "all"');
SELECT throws_ok($$SELECT 1 FROM crm.rep_comparison(team_id => 99)$$, '22023', 'invalid value for argument "team_id": "99"');
SELECT throws_ok($$SELECT 1 FROM crm.rep_comparison('win_rate', '2026-07-01', '2026-01-01')$$, '22023', NULL, 'from after to');
SELECT throws_ok(
    $$SELECT 1 FROM crm.rep_comparison('win_rate', '2025-07-01', '2026-07-01', as_of => '2026-07-01 12:00+09', difference => 60)$$,
    '22023', 'invalid value for argument "difference": "60"'
);
SELECT * FROM finish();
ROLLBACK;
