/*
 * Bounds of periods as instants, for reports over many rows: one array is made
 * once, and width_bucket() finds the period of each row in it, without asking
 * for its local day.
 */

CREATE FUNCTION day_begins_at(day date) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE
            -- where clocks go back at midnight the day begins before it: PostgreSQL takes the second 0:00
            WHEN ((midnight.at - INTERVAL '1 hour') AT TIME ZONE setting.time_zone)::date = day_begins_at.day
                THEN midnight.at - INTERVAL '1 hour'
            ELSE midnight.at
        END
        FROM setting
        CROSS JOIN LATERAL (SELECT day_begins_at.day::timestamp without time zone AT TIME ZONE setting.time_zone AS at) AS midnight
        WHERE setting.only_row
    );
COMMENT ON FUNCTION day_begins_at(date) IS
    'first instant of the day in the workspace''s time zone';

CREATE FUNCTION period_bounds(
    from_date date,
    to_date date,
    grain text,
    first_at timestamp with time zone,
    last_at timestamp with time zone
) RETURNS TABLE (
    starts date[],
    labels text[],
    instants timestamp with time zone[]
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH span AS (
        -- no further than there is data: 9999-12-31 is a common way to say no limit
        SELECT
            greatest(from_date, (first_at AT TIME ZONE setting.time_zone)::date) AS first_day,
            least(to_date, (last_at AT TIME ZONE setting.time_zone)::date + 1) AS end_day,
            setting.fiscal_start_month,
            setting.week_start
        FROM setting
        WHERE setting.only_row
            AND isfinite(first_at)
            AND isfinite(last_at)
    ), period AS (
        SELECT
            begun.at::date AS start_date,
            day_begins_at(greatest(begun.at::date, span.first_day)) AS begins_at,
            span.fiscal_start_month,
            span.week_start
        FROM span
        CROSS JOIN LATERAL generate_series(
            CASE grain
                WHEN 'all' THEN span.first_day
                ELSE kpicrm.fiscal_period_start(span.first_day, grain, span.fiscal_start_month, span.week_start)
            END::timestamp without time zone,
            CASE grain
                WHEN 'all' THEN span.first_day
                ELSE span.end_day - 1
            END::timestamp without time zone,
            CASE kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all')
                WHEN 'week' THEN INTERVAL '7 days'
                WHEN 'month' THEN INTERVAL '1 month'
                WHEN 'quarter' THEN INTERVAL '3 months'
                WHEN 'half' THEN INTERVAL '6 months'
                WHEN 'year' THEN INTERVAL '12 months'
                ELSE INTERVAL '1 day'
            END
        ) AS begun (at)
        WHERE span.first_day < span.end_day
    )
    SELECT
        array_agg(CASE grain WHEN 'all' THEN from_date ELSE period.start_date END ORDER BY period.begins_at),
        array_agg(
            CASE grain
                WHEN 'all' THEN 'all'
                ELSE kpicrm.fiscal_period_label(period.start_date, grain, period.fiscal_start_month, period.week_start)
            END
            ORDER BY period.begins_at
        ),
        array_agg(period.begins_at ORDER BY period.begins_at) || (SELECT day_begins_at(span.end_day) FROM span)
    FROM period;
END;
COMMENT ON FUNCTION period_bounds(date, date, text, timestamp with time zone, timestamp with time zone) IS
    'one row: the periods of the grain from from_date until before to_date in which there may be rows between two instants: first days, names, and the instants between which they lie, one more. width_bucket(at, instants) is the number of the period of an instant, if it is neither 0 nor beyond the first days. NULL if there is no period';
