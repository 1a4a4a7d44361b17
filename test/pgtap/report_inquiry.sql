/*
 * inquiry_report: every number of random inquiries, answered, open and just in time,
 * against plain SQL.  Runs in the root of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(17);

INSERT INTO crm.inquiry (id, name, account_id, rep_id, received_at, responded_at, resolved_at)
SELECT
    1000 + n,
    'inquiry',
    1,
    nullif(pg_temp.dice(n, 'rep', 6), 0),
    at,
    CASE pg_temp.dice(n, 'answer', 8)
        WHEN 0 THEN NULL
        WHEN 1 THEN at
        WHEN 2 THEN at + interval '24 hours'
        WHEN 3 THEN at + interval '24 hours 1 microsecond'
        ELSE at + pg_temp.dice(n, 'answered', 5000) * interval '1 minute'
    END,
    CASE WHEN pg_temp.dice(n, 'resolved', 3) > 0 THEN at + pg_temp.dice(n, 'resolve', 9000) * interval '1 minute' END
FROM generate_series(1, 700) AS n
CROSS JOIN LATERAL (SELECT pg_temp.some_instant(n, 'inquiry') AS at) AS received;
ANALYZE crm.inquiry;

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text, within integer)
RETURNS TABLE (
    dimension text, member text, period_start date, inquiries bigint, responded bigint, open bigint, rate numeric, low numeric, high numeric,
    mature bigint, in_time bigint, in_time_rate numeric, in_time_low numeric, in_time_high numeric,
    mean numeric, median numeric, p80 numeric, censored_median numeric, resolved bigint, resolution_rate numeric, resolution_median numeric, resolution_censored_median numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH fact AS (
        SELECT i.*, (i.received_at AT TIME ZONE 'America/Havana')::date AS day,
            CASE WHEN i.responded_at <= until THEN EXTRACT(epoch FROM i.responded_at - i.received_at) / 3600 END AS answer_hours,
            EXTRACT(epoch FROM least(i.responded_at, until) - i.received_at) / 3600 AS waited,
            CASE WHEN i.responded_at <= until THEN 'won' ELSE 'open' END AS answered,
            EXTRACT(epoch FROM least(i.resolved_at, until) - i.received_at) / 3600 AS unresolved,
            CASE WHEN i.resolved_at <= until THEN 'won' ELSE 'open' END AS resolution,
            i.received_at + within * interval '1 hour' <= until AS mature,
            i.responded_at - i.received_at <= within * interval '1 hour' AND i.responded_at <= until AS in_time
        FROM crm.inquiry AS i
        WHERE i.received_at <= until
    ), member AS (
        SELECT f.*, 'all' AS dimension, 'all' AS member FROM fact AS f
        UNION ALL SELECT f.*, 'rep', coalesce(r.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id
        UNION ALL SELECT f.*, 'team', coalesce(t.name, '(none)') FROM fact AS f LEFT JOIN crm.sales_rep AS r ON r.id = f.rep_id LEFT JOIN crm.sales_team AS t ON t.id = r.team_id
    )
    SELECT dimension, member, coalesce(pg_temp.first_day(day, grain), from_date),
        count(*), count(answer_hours), count(*) - count(answer_hours), round(count(answer_hours)::numeric / count(*), 9),
        round(pg_temp.wilson(count(answer_hours), count(*), -1), 9), round(pg_temp.wilson(count(answer_hours), count(*), 1), 9),
        count(*) FILTER (WHERE mature), count(*) FILTER (WHERE mature AND in_time),
        round(count(*) FILTER (WHERE mature AND in_time)::numeric / nullif(count(*) FILTER (WHERE mature), 0), 9),
        round(pg_temp.wilson(count(*) FILTER (WHERE mature AND in_time), count(*) FILTER (WHERE mature), -1), 9),
        round(pg_temp.wilson(count(*) FILTER (WHERE mature AND in_time), count(*) FILTER (WHERE mature), 1), 9),
        round(avg(answer_hours), 6),
        round(percentile_cont(0.5) WITHIN GROUP (ORDER BY answer_hours)::numeric, 6),
        round(percentile_cont(0.8) WITHIN GROUP (ORDER BY answer_hours)::numeric, 6),
        round(pg_temp.time_until(array_agg(waited), array_agg(answered), 0.5), 6),
        count(*) FILTER (WHERE resolution = 'won'), round(count(*) FILTER (WHERE resolution = 'won')::numeric / count(*), 9),
        round(percentile_cont(0.5) WITHIN GROUP (ORDER BY unresolved) FILTER (WHERE resolution = 'won')::numeric, 6),
        round(pg_temp.time_until(array_agg(unresolved), array_agg(resolution), 0.5), 6)
    FROM member
    WHERE (from_date IS NULL OR day >= from_date) AND (to_date IS NULL OR day < to_date)
    GROUP BY 1, 2, 3
$$;

CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text, within integer)
RETURNS TABLE (
    dimension text, member text, period_start date, inquiries bigint, responded bigint, open bigint, rate numeric, low numeric, high numeric,
    mature bigint, in_time bigint, in_time_rate numeric, in_time_low numeric, in_time_high numeric,
    mean numeric, median numeric, p80 numeric, censored_median numeric, resolved bigint, resolution_rate numeric, resolution_median numeric, resolution_censored_median numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.inquiry_count, r.responded_count, r.open_count,
        round(r.response_rate::numeric, 9), round(r.response_rate_low::numeric, 9), round(r.response_rate_high::numeric, 9),
        r.mature_count, r.in_time_count, round(r.in_time_rate::numeric, 9), round(r.in_time_rate_low::numeric, 9), round(r.in_time_rate_high::numeric, 9),
        round(r.mean_hours::numeric, 6), round(r.median_hours::numeric, 6), round(r.p80_hours::numeric, 6), round(r.censored_median_hours::numeric, 6),
        r.resolved_count, round(r.resolution_rate::numeric, 9),
        round(r.resolution_median_hours::numeric, 6), round(r.resolution_censored_median_hours::numeric, 6)
    FROM crm.inquiry_report(from_date, to_date, NULL, until, grain, within) AS r
$$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected(NULL, NULL, '2027-01-01', 'month', 24)), '>', 150::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.reported(%L, %L, %L, %L, %L)', from_date, to_date, until, grain, within),
    format('SELECT * FROM pg_temp.expected(%L, %L, %L, %L, %L)', from_date, to_date, until, grain, within),
    format('%s from %s to %s as of %s, %s hours', grain, coalesce(from_date, 'ever'), coalesce(to_date, 'ever'), until, within)
)
FROM (VALUES
    ('month', NULL, NULL, '2027-01-01 00:00+00', 24),
    ('month', '2024-02-01', '2024-03-01', '2024-02-29 12:00+00', 24),
    ('week', '2024-01-01', '2024-06-01', '2024-05-05 05:30+00', 4),
    ('day', '2026-10-30', '2026-11-04', '2026-11-02 05:00+00', 24),
    ('quarter', '2024-02-15', '2025-02-15', '2025-01-01 00:00+00', 72),
    ('half', NULL, '2025-01-01', '2027-01-01 00:00+00', 1),
    ('year', '2024-04-01', NULL, '2027-01-01 00:00+00', 24),
    ('all', '2024-04-01', '2025-04-01', '2024-12-31 00:00+00', 24)
) AS asked (grain, from_date, to_date, until, within);
SELECT bag_eq(
    $$SELECT dimension_name, member_id, inquiry_count FROM crm.inquiry_report(by => 'team', as_of => '2027-01-01', grain => 'all')$$,
    $$SELECT dimension_name, member_id, inquiry_count FROM crm.inquiry_report(as_of => '2027-01-01', grain => 'all') WHERE dimension_name = 'team'$$,
    'one dimension alone');
SELECT is_empty($$SELECT FROM crm.inquiry_report('2030-01-01', '2031-01-01')$$, 'an empty period has no rows');
SELECT is_empty($$SELECT FROM crm.inquiry_report(as_of => '2000-01-01')$$, 'nor has the time before the first inquiry');
SELECT bag_eq('SELECT dimension_name, member_id, period_start, inquiry_count, in_time_rate FROM crm.inquiry_report',
    'SELECT dimension_name, member_id, period_start, inquiry_count, in_time_rate FROM crm.inquiry_report()', 'the view shows the function');
SELECT throws_ok($$SELECT * FROM crm.inquiry_report(within_hours => 0)$$, '22023', 'invalid value for argument "within_hours": "0"');
SELECT throws_ok($$SELECT * FROM crm.inquiry_report(by => 'source')$$, '22023', 'invalid value for argument "by": "source"');
SELECT throws_ok($$SELECT * FROM crm.inquiry_report('2024-02-01', '2024-01-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-01"');
SELECT throws_ok($$SELECT * FROM crm.inquiry_report(grain => 'decade')$$, '22023', 'invalid value for argument "grain": "decade"');

SELECT * FROM finish();
ROLLBACK;
