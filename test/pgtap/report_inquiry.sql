/*
 * inquiry_report: every number of random inquiries, answered, open and just in time,
 * against plain SQL.  Runs in the root of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(20);

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

CREATE FUNCTION pg_temp.nearest_rank(days numeric[], fraction numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN (SELECT percentile_cont(fraction::double precision) WITHIN GROUP (ORDER BY d::double precision)::numeric FROM unnest(days) AS d);

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text, within integer)
RETURNS TABLE (
    dimension text, member text, period_start date, inquiries bigint, responded bigint, open bigint, rate numeric, low numeric, high numeric,
    mature bigint, in_time bigint, in_time_rate numeric, in_time_low numeric, in_time_high numeric,
    mean numeric, censored_median numeric, resolved bigint, resolution_rate numeric, resolution_censored_median numeric
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
        round(pg_temp.time_until(array_agg(waited), array_agg(answered), 0.5), 6),
        count(*) FILTER (WHERE resolution = 'won'), round(count(*) FILTER (WHERE resolution = 'won')::numeric / count(*), 9),
        round(pg_temp.time_until(array_agg(unresolved), array_agg(resolution), 0.5), 6)
    FROM member
    WHERE (from_date IS NULL OR day >= from_date) AND (to_date IS NULL OR day < to_date)
    GROUP BY 1, 2, 3
$$;

CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text, within integer)
RETURNS TABLE (
    dimension text, member text, period_start date, inquiries bigint, responded bigint, open bigint, rate numeric, low numeric, high numeric,
    mature bigint, in_time bigint, in_time_rate numeric, in_time_low numeric, in_time_high numeric,
    mean numeric, censored_median numeric, resolved bigint, resolution_rate numeric, resolution_censored_median numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.inquiry_count, r.responded_count, r.open_count,
        round(r.response_rate::numeric, 9), round(r.response_rate_low::numeric, 9), round(r.response_rate_high::numeric, 9),
        r.mature_count, r.in_time_count, round(r.in_time_rate::numeric, 9), round(r.in_time_rate_low::numeric, 9), round(r.in_time_rate_high::numeric, 9),
        round(r.mean_hours::numeric, 6), round(r.censored_median_hours::numeric, 6), r.resolved_count, round(r.resolution_rate::numeric, 9),
        round(r.resolution_censored_median_hours::numeric, 6)
    FROM crm.inquiry_report(from_date, to_date, NULL, until, grain, within) AS r
$$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected(NULL, NULL, '2027-01-01', 'month', 24)), '>', 150::bigint, 'there is something to compare');
