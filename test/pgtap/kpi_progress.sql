/*
 * kpi_progress and target_gap: against numbers worked out by hand and in plain SQL.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT no_plan();

-- Three workdays off in May, of which one is a Saturday.
INSERT INTO crm.calendar_holiday (calendar_id, day, name)
SELECT 1, day, 'holiday' FROM unnest(ARRAY[date '2026-05-04', '2026-05-05', '2026-05-06', '2026-05-02']) AS day;
SELECT is(crm.workday_count('2026-05-01', '2026-06-01'), 18::bigint, 'May 2026 has 18 workdays');
SELECT is(crm.workday_count('2026-05-01', '2026-05-09'), 3::bigint, 'through 8 May: 3');
SELECT is(crm.workday_count('2026-05-09', '2026-05-09'), 0::bigint, 'none in no day');
SELECT is(
    crm.workday_count('2026-01-01', '2027-01-01'),
    (SELECT count(*) FROM generate_series(timestamp '2026-01-01', '2026-12-31', '1 day') AS d
     WHERE EXTRACT(isodow FROM d) < 6 AND d::date NOT IN (SELECT day FROM crm.calendar_holiday)),
    'a year'
);

CREATE FUNCTION pg_temp.progress(as_of timestamptz, pacing text) RETURNS TABLE (
    kpi text, grain text, scope text, member text, start date, target numeric, actual numeric, attainment numeric,
    pace text, elapsed numeric, expected numeric, gap numeric, projection numeric, remaining bigint, required numeric, status text)
    LANGUAGE sql STABLE
AS $$
    SELECT p.kpi_name, p.grain_name, p.scope_name, p.member_name, p.period_start, p.target_value::numeric, p.actual_value::numeric,
        round(p.attainment_rate::numeric, 6), p.pacing_name, round(p.elapsed_rate::numeric, 6), round(p.expected_value::numeric, 6), round(p.gap_value::numeric, 6),
        round(p.projection_value::numeric, 6), p.remaining_workday_count, round(p.required_per_workday_value::numeric, 6), p.status_name
    FROM crm.kpi_progress(as_of, pacing) AS p
$$;

-- 8 May 2026: nothing won in May yet.
SELECT is(
    (SELECT row(p.elapsed, p.expected, p.actual, p.projection, p.remaining, p.required, p.status)::text
     FROM pg_temp.progress('2026-05-08 12:00+09', 'linear') AS p WHERE p.start = '2026-05-01' AND p.scope = 'company'),
    row(round(8::numeric / 31, 6), round(8000::numeric / 31, 6), 0, 0.000000, 15, round(1000::numeric / 15, 6), 'behind')::text,
    'linear: 8 of 31 days'
);
SELECT is(
    (SELECT row(p.pace, p.elapsed, p.expected, p.gap)::text
     FROM pg_temp.progress('2026-05-08 12:00+09', 'workday') AS p WHERE p.start = '2026-05-01' AND p.scope = 'company'),
    row('workday', round(3::numeric / 18, 6), round(3000::numeric / 18, 6), round(-3000::numeric / 18, 6))::text,
    'workdays: 3 of 18'
);
SELECT is(
    (SELECT row(p.actual, p.attainment, p.status, p.required)::text FROM pg_temp.progress('2026-05-20 12:00+09', 'workday') AS p WHERE p.start = '2026-05-01' AND p.member = 'Ben'),
    '(800,1.600000,met,0.000000)',
    'Ben has met his target of May with 12 days to go'
);
SELECT is(
    (SELECT string_agg(p.status || ' ' || p.remaining, ', ') FROM pg_temp.progress('2026-07-15 12:00+09', 'linear') AS p WHERE p.grain = 'month' AND p.start = '2026-05-01' AND p.scope = 'company'),
    'behind 0', 'May is over and was missed'
);
SELECT is(
    (SELECT p.actual FROM pg_temp.progress('2026-07-01 12:00+09', 'workday') AS p WHERE p.scope = 'team'),
    (SELECT sum(amount) FROM truth WHERE outcome = 'won' AND ended_at >= '2026-04-01 00:00+09' AND ended_at < '2026-07-01 00:00+09' AND rep_id IN (1, 2)),
    'a team''s actual is that of all teams below it'
);
SELECT is(
    (SELECT count(*) FROM pg_temp.progress('2026-05-08 12:00+09', 'workday') AS p WHERE p.start > '2026-05-08'), 0::bigint,
    'periods that have not begun are not shown'
);
SELECT is((SELECT count(*) FROM crm.kpi_progress('2026-12-31', from_date => '2026-05-01', to_date => '2026-06-01')), 2::bigint, 'from_date and to_date bound the beginning of the period');
SELECT is(
    (SELECT row(p.target, p.attainment)::text FROM pg_temp.progress('2026-07-15 12:00+09', 'workday') AS p WHERE p.grain = 'month' AND p.start = '2026-07-01'),
    '(0,)', 'a target of 0 has no attainment'
);

-- Less is better; rates are not paced.
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES
    ('lead_time_days', 'quarter', '2026-04-01', 40),
    ('win_rate', 'quarter', '2026-04-01', 0.7),
    ('prospect_deal_count', 'month', '2026-06-01', 3),
    ('repeat_rate', 'month', '2026-06-01', 0.5),
    ('contact_count', 'week', '2026-01-05', 3);
INSERT INTO crm.kpi (code, name, name_ja, unit, up_is_better, fact, date_column, condition, numerator)
VALUES ('lost_count', 'Lost', '失注数', 'count', false, 'deal_closing', 'closed_date', 'NOT won', 'count(*)');
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES ('lost_count', 'quarter', '2026-04-01', 2), ('lost_count', 'quarter', '2026-01-01', 5);
CREATE TEMP TABLE seen AS SELECT * FROM pg_temp.progress('2026-06-15 12:00+09', 'linear');
SELECT is((SELECT row(p.actual, p.attainment, p.expected, p.status)::text FROM (SELECT round(actual, 4) AS actual, attainment, expected, status FROM seen WHERE kpi = 'lead_time_days') AS p),
    (SELECT row(round(avg(pg_temp.days(ended_at - opened_at)), 4), round(40 / avg(pg_temp.days(ended_at - opened_at)), 6), 40.000000, 'behind')::text
     FROM truth WHERE outcome = 'won' AND ended_at >= '2026-04-01 00:00+09' AND ended_at < '2026-06-15 12:00+09'),
    'a lead time above its target: attainment is target / actual');
SELECT is((SELECT row(round(actual, 6), expected, projection, required, status)::text FROM seen WHERE kpi = 'win_rate'), '(0.666667,0.700000,0.666667,,at_risk)', 'a rate is to be what its target says; 0.667 is at risk of 0.7');
SELECT is((SELECT row(actual, expected, status)::text FROM seen WHERE kpi = 'prospect_deal_count'), '(2,3.000000,behind)', 'a level, as it stands');
SELECT is((SELECT row(actual, status)::text FROM seen WHERE kpi = 'repeat_rate'), '(0.5,on_track)', 'a running total');
SELECT is((SELECT row(actual, status)::text FROM seen WHERE kpi = 'contact_count'), '(2,behind)', 'a week');
SELECT is((SELECT row(actual, elapsed, expected, required, status)::text FROM seen WHERE kpi = 'lost_count' AND start = '2026-04-01'),
    row(2, round(76::numeric / 91, 6), round(152::numeric / 91, 6), NULL::numeric, 'behind')::text, 'two lost deals are more than was to be expected by now');
SELECT is((SELECT row(actual, status, attainment)::text FROM seen WHERE kpi = 'lost_count' AND start = '2026-01-01'), '(0,met,)', 'none lost: met, and no attainment to divide by');

-- Seasonal: what of the same period a year before had been reached at the same point.
SELECT is(
    (SELECT row(p.pace, p.elapsed, p.expected)::text FROM pg_temp.progress('2026-04-19 12:00+09', 'seasonal') AS p WHERE p.grain = 'month' AND p.start = '2026-04-01' AND p.scope = 'company' AND p.kpi = 'revenue'),
    '(seasonal,0.000000,0.000000)', '19 April: a year before everything came on the 20th'
);
SELECT is(
    (SELECT row(p.pace, p.elapsed, p.expected)::text FROM pg_temp.progress('2026-04-20 12:00+09', 'seasonal') AS p WHERE p.grain = 'month' AND p.start = '2026-04-01' AND p.scope = 'company' AND p.kpi = 'revenue'),
    '(seasonal,1.000000,1000.000000)', '20 April'
);
SELECT is(
    (SELECT row(p.pace, p.elapsed)::text FROM pg_temp.progress('2026-05-08 12:00+09', 'seasonal') AS p WHERE p.start = '2026-05-01' AND p.scope = 'company'),
    row('linear', round(8::numeric / 31, 6))::text, 'May: nothing a year before, so linear'
);
DELETE FROM crm.calendar_holiday;
UPDATE crm.calendar SET weekend = '{1,2,3,4,5,6,7}';
SELECT is(
    (SELECT row(p.pace, p.elapsed)::text FROM pg_temp.progress('2026-05-08 12:00+09', 'workday') AS p WHERE p.start = '2026-05-01' AND p.scope = 'company'),
    row('linear', round(8::numeric / 31, 6))::text, 'a month without a workday is linear'
);
SELECT throws_ok($$SELECT * FROM crm.kpi_progress(pacing => 'weekly')$$, '22023', 'invalid value for argument "pacing": "weekly"', 'another pacing');
SELECT throws_ok($$SELECT * FROM crm.kpi_progress(pacing => NULL)$$, '22023', 'invalid value for argument "pacing": NULL', 'no pacing');

-- target_gap, by hand.
DELETE FROM crm.target;
INSERT INTO crm.target (kpi_code, grain, period_start, team_id, rep_id, product_id, value) VALUES
    ('revenue', 'month', '2026-04-01', NULL, NULL, NULL, 1000),
    ('revenue', 'month', '2026-04-01', 1, NULL, NULL, 900),
    ('revenue', 'month', '2026-04-01', 2, NULL, NULL, 600),
    ('revenue', 'month', '2026-04-01', 3, NULL, NULL, 300),
    ('revenue', 'month', '2026-04-01', NULL, 1, NULL, 500),
    ('revenue', 'month', '2026-04-01', NULL, 3, NULL, 70),
    ('revenue', 'month', '2026-04-01', NULL, NULL, 1, 1000),
    ('revenue', 'month', '2026-05-01', NULL, NULL, NULL, 1100),
    ('revenue', 'quarter', '2026-04-01', NULL, NULL, NULL, 3000),
    ('revenue', 'year', '2026-04-01', NULL, NULL, NULL, 3000),
    ('win_rate', 'month', '2026-04-01', NULL, NULL, NULL, 0.5),
    ('win_rate', 'month', '2026-04-01', NULL, 1, NULL, 0.6);
SELECT pg_temp.same_rows(
    $$SELECT grain_name, period_start, scope_name, member_name, part_name, part_count, target_value, part_value, gap_value FROM crm.target_gap$$,
    $$VALUES
        ('month', date '2026-04-01', 'company', 'company', 'team', 1::bigint, 1000::float8, 900::float8, -100::float8),
        ('month', '2026-04-01', 'company', 'company', 'rep', 2, 1000, 570, -430),
        ('month', '2026-04-01', 'team', 'East', 'rep', 1, 600, 500, -100),
        ('month', '2026-04-01', 'team', 'Japan', 'rep', 1, 900, 500, -400),
        ('quarter', '2026-04-01', 'company', 'company', 'month', 2, 3000, 2100, -900),
        ('year', '2026-04-01', 'company', 'company', 'month', 2, 3000, 2100, -900)$$,
    'targets that do not add up: a company''s, a team''s, a quarter''s; the products and the teams of Japan do, and a rate is not added'
);

-- A generated company: actuals of every target are those of kpi_series.
SELECT kpicrm.create_workspace('demo') \g /dev/null
UPDATE demo.setting SET time_zone = 'Asia/Tokyo';
SELECT kpicrm.generate_demo('demo', 1500, 11, '2026-03-20') \g /dev/null
INSERT INTO demo.target (kpi_code, grain, period_start, value)
SELECT kpi_code, grain, period_start, 10 FROM unnest(ARRAY['revenue', 'win_rate', 'revenue_per_customer', 'repeat_rate', 'prospect_deal_count', 'growth_rate']) AS kpi_code,
    (VALUES ('quarter', date '2025-10-01'), ('half', '2025-10-01'), ('year', '2025-04-01'), ('week', '2025-12-01')) AS v (grain, period_start);
ANALYZE;
SELECT is_empty(
    $$SELECT p.* FROM demo.kpi_progress('2025-12-15 12:00+09') AS p
      LEFT JOIN (SELECT s.kpi_code, s.grain, x.* FROM (SELECT DISTINCT kpi_code, grain FROM demo.target) AS s,
            demo.kpi_series(s.kpi_code, NULL, NULL, s.grain, 'all', '2025-12-15 12:00+09') AS x) AS s
        ON s.kpi_code = p.kpi_name AND s.grain = p.grain_name AND s.period_start = p.period_start
      WHERE p.scope_name = 'company' AND round(p.actual_value::numeric, 6) IS DISTINCT FROM round(coalesce(s.value, CASE WHEN p.unit_label IN ('count', 'amount') THEN 0 END), 6)$$,
    'the actual of each target is what kpi_series shows'
);
SELECT is(
    (SELECT sum(p.actual_value) FROM demo.kpi_progress('2025-12-15 12:00+09') AS p WHERE p.kpi_name = 'revenue' AND p.grain_name = 'month' AND p.scope_name = 'rep'),
    (SELECT sum(p.actual_value) FROM demo.kpi_progress('2025-12-15 12:00+09') AS p WHERE p.kpi_name = 'revenue' AND p.grain_name = 'month' AND p.scope_name = 'company'),
    'reps, whose targets are for every month, add up to the company'
);
SELECT is_empty(
    $$SELECT p.* FROM demo.kpi_progress('2025-12-15 12:00+09') AS p
      WHERE p.status_name NOT IN ('met', 'on_track', 'at_risk', 'behind') OR p.elapsed_rate NOT BETWEEN 0 AND 1
        OR (p.status_name = 'met') <> (p.attainment_rate >= 1 AND (p.remaining_workday_count = 0 OR p.unit_label IN ('count', 'amount'))) AND p.kpi_name IN ('revenue', 'lead_count')$$,
    'met is at 100 % and more'
);
SELECT is_empty($$SELECT * FROM demo.target_gap WHERE grain_name = 'month'$$, 'the generated targets of reps, teams and company add up');
-- Last May's gross profit was -100 until the 15th and 200 after it: no share.
INSERT INTO crm.kpi (code, name, name_ja, unit, kind, fact, date_column, numerator) VALUES ('cash', 'Cash', 'cash', 'amount', 'flow', 'customer_purchase', 'purchased_date', 'sum(amount)');
INSERT INTO crm.purchase (id, account_id, purchased_at, amount) VALUES (9001, 1, '2025-05-05 12:00+09', -100), (9002, 1, '2025-05-25 12:00+09', 200);
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES ('cash', 'month', '2026-05-01', 1000);
SELECT is(
    (SELECT row(p.pace, p.elapsed)::text FROM pg_temp.progress('2026-05-15 12:00+09', 'seasonal') AS p WHERE p.kpi = 'cash'),
    row('linear', round(15::numeric / 31, 6))::text,
    'seasonal: linear where last year''s part was less than nothing'
);

-- The data begin on 15 November 2023: only what was whole is compared.
INSERT INTO crm.purchase (account_id, purchased_at, amount, id) SELECT 1, timestamptz '2023-11-15 12:00+09' + n * interval '1 day', 100, 9100 + n FROM generate_series(0, 46 + 91) AS n;
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES ('cash', 'quarter', '2025-10-01', 1000), ('cash', 'quarter', '2026-01-01', 1000);
SELECT is(
    (SELECT string_agg(p.start || ' ' || p.pace, ', ' ORDER BY p.start) FROM pg_temp.progress('2025-12-20 12:00+09', 'seasonal') AS p WHERE p.kpi = 'cash' AND p.grain = 'quarter'),
    '2025-10-01 linear', 'seasonal: not by a quarter in which the data began'
);
SELECT is(
    (SELECT string_agg(p.start || ' ' || p.pace || ' ' || p.elapsed, ', ' ORDER BY p.start) FROM pg_temp.progress('2026-01-31 12:00+09', 'seasonal') AS p WHERE p.kpi = 'cash' AND p.start = '2026-01-01' AND p.grain = 'quarter'),
    '2026-01-01 seasonal ' || round(31::numeric / 91, 6), 'but by the whole one after it'
);

-- A calendar that ends within a period: next year's holidays are not announced yet.
UPDATE crm.setting SET calendar = 'jp';
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES ('lead_count', 'year', '2026-04-01', 100);
SELECT is(
    (SELECT row(p.pace, p.elapsed, p.remaining, p.required)::text FROM pg_temp.progress('2026-05-08 12:00+09', 'workday') AS p WHERE p.kpi = 'lead_count' AND p.grain = 'year'),
    row('linear', round(38::numeric / 365, 6), NULL::bigint, NULL::numeric)::text,
    'a calendar that ends before the period does: by days'
);
SELECT is(
    (SELECT string_agg(DISTINCT p.pace, ' ') FROM pg_temp.progress('2026-05-08 12:00+09', 'workday') AS p WHERE p.grain = 'month'), 'workday',
    'the other periods by workdays as ever'
);
SELECT set_eq(
    $$SELECT row_label, problem FROM crm.data_quality('2026-05-08 12:00+09') WHERE check_name = 'target_beyond_calendar' AND row_label LIKE 'lead_count%'$$,
    $$VALUES ('lead_count by year', 'ends on 2027-03-31, the calendar on 2026-12-31')$$,
    'and data_quality says so'
);

SELECT * FROM finish();
ROLLBACK;
