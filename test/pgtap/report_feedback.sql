/*
 * feedback_report: every number of random answers against plain SQL.  Runs in the root
 * of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(14);

INSERT INTO crm.feedback (id, account_id, rep_id, kind, score, received_at)
SELECT
    1000 + n,
    1,
    nullif(pg_temp.dice(n, 'rep', 6), 0),
    kind,
    CASE kind WHEN 'csat' THEN 1 + pg_temp.dice(n, 'score', 5) ELSE pg_temp.dice(n, 'score', 11) END,
    pg_temp.some_instant(n, 'feedback')
FROM generate_series(1, 900) AS n
CROSS JOIN LATERAL (SELECT CASE pg_temp.dice(n, 'kind', 3) WHEN 0 THEN 'nps' ELSE 'csat' END AS kind) AS drawn;
ANALYZE crm.feedback;

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, period_start date, csat bigint, satisfied bigint, csat_rate numeric, low numeric, high numeric, mean numeric,
    nps bigint, promoters bigint, passives bigint, detractors bigint, score numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH fact AS (
        SELECT f.*, (f.received_at AT TIME ZONE 'America/Havana')::date AS day
        FROM crm.feedback AS f
        WHERE f.received_at <= until
    ), member AS (
        SELECT f.*, 'all' AS dimension, 'all' AS member FROM fact AS f
        UNION ALL SELECT f.*, 'rep', coalesce(r.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id
        UNION ALL SELECT f.*, 'team', coalesce(t.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id LEFT JOIN crm.sales_team AS t ON t.id = r.team_id
    ), counted AS (
        SELECT
            dimension, member, coalesce(pg_temp.first_day(day, grain), from_date) AS period_start,
            count(*) FILTER (WHERE kind = 'csat') AS csat, count(*) FILTER (WHERE kind = 'csat' AND score IN (4, 5)) AS satisfied,
            avg(score) FILTER (WHERE kind = 'csat') AS mean,
            count(*) FILTER (WHERE kind = 'nps') AS nps, count(*) FILTER (WHERE kind = 'nps' AND score IN (9, 10)) AS promoters,
            count(*) FILTER (WHERE kind = 'nps' AND score IN (7, 8)) AS passives, count(*) FILTER (WHERE kind = 'nps' AND score < 7) AS detractors
        FROM member
        WHERE (from_date IS NULL OR day >= from_date) AND (to_date IS NULL OR day < to_date)
        GROUP BY 1, 2, 3
    )
    SELECT dimension, member, period_start, csat, satisfied, round(satisfied::numeric / nullif(csat, 0), 9),
        round(pg_temp.wilson(satisfied, csat, -1), 9), round(pg_temp.wilson(satisfied, csat, 1), 9), round(mean, 9),
        nps, promoters, passives, detractors, round(100.0 * promoters / nullif(nps, 0) - 100.0 * detractors / nullif(nps, 0), 9)
    FROM counted
$$;
CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, period_start date, csat bigint, satisfied bigint, csat_rate numeric, low numeric, high numeric, mean numeric,
    nps bigint, promoters bigint, passives bigint, detractors bigint, score numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.csat_count, r.satisfied_count, round(r.csat_rate::numeric, 9),
        round(r.csat_rate_low::numeric, 9), round(r.csat_rate_high::numeric, 9), round(r.csat_mean_score::numeric, 9),
        r.nps_count, r.promoter_count, r.passive_count, r.detractor_count, round(r.nps_score::numeric, 9)
    FROM crm.feedback_report(from_date, to_date, NULL, until, grain) AS r
$$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected(NULL, NULL, '2027-01-01', 'month')), '>', 150::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.reported(%L, %L, %L, %L)', from_date, to_date, until, grain),
    format('SELECT * FROM pg_temp.expected(%L, %L, %L, %L)', from_date, to_date, until, grain),
    format('%s from %s to %s as of %s', grain, coalesce(from_date, 'ever'), coalesce(to_date, 'ever'), until)
)
FROM (VALUES
    ('month', NULL, NULL, '2027-01-01 00:00+00'),
    ('week', '2024-01-01', '2024-06-01', '2024-02-29 05:30+00'),
    ('day', '2026-10-30', '2026-11-04', '2026-11-02 05:00+00'),
    ('quarter', '2024-02-15', '2025-02-15', '2025-01-01 00:00+00'),
    ('half', NULL, '2025-01-01', '2027-01-01 00:00+00'),
    ('year', '2024-04-01', NULL, '2027-01-01 00:00+00'),
    ('all', '2024-04-01', '2025-04-01', '2024-12-31 00:00+00')
) AS asked (grain, from_date, to_date, until);
SELECT is_empty($$SELECT FROM crm.feedback_report('2030-01-01', '2031-01-01')$$, 'an empty period has no rows');
SELECT bag_eq(
    $$SELECT dimension_name, member_id, csat_count FROM crm.feedback_report(by => 'rep', as_of => '2027-01-01', grain => 'all')$$,
    $$SELECT dimension_name, member_id, csat_count FROM crm.feedback_report(as_of => '2027-01-01', grain => 'all') WHERE dimension_name = 'rep'$$,
    'one dimension alone');
SELECT bag_eq('SELECT dimension_name, member_id, period_start, csat_count, nps_score FROM crm.feedback_report',
    'SELECT dimension_name, member_id, period_start, csat_count, nps_score FROM crm.feedback_report()', 'the view shows the function');
SELECT throws_ok($$SELECT * FROM crm.feedback_report(by => 'source')$$, '22023', 'invalid value for argument "by": "source"');
SELECT throws_ok($$SELECT * FROM crm.feedback_report('2024-02-01', '2024-01-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-01"');
SELECT throws_ok($$SELECT * FROM crm.feedback_report(grain => 'decade')$$, '22023', 'invalid value for argument "grain": "decade"');

SELECT * FROM finish();
ROLLBACK;
