/*
 * Periods and members: the words that all reports share.
 *
 * A day is the local day in the workspace's time zone (setting.time_zone), a
 * period that of its fiscal year (setting.fiscal_start_month) and its week
 * (setting.week_start), half-open: [start, end).
 */

CREATE FUNCTION local_date(at timestamp with time zone) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT (local_date.at AT TIME ZONE setting.time_zone)::date FROM setting);
COMMENT ON FUNCTION local_date(timestamp with time zone) IS
    'day of an instant in the workspace''s time zone';

-- Two days more than any time zone needs, for an index and for the planner, who sees a constant.  Compared
-- with a date, each instant of a table would be converted.  The last dates have no instant.
CREATE FUNCTION earliest_instant(from_date date) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN from_date < DATE '294276-12-01' THEN (from_date - 2)::timestamp without time zone AT TIME ZONE 'UTC'
        WHEN from_date IS NULL THEN '-infinity'
        ELSE 'infinity'
    END;
COMMENT ON FUNCTION earliest_instant(date) IS
    'an instant before everything that happens from the day on, in whatever time zone; NULL is no limit';

CREATE FUNCTION latest_instant(to_date date) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN to_date < DATE '294276-12-01' THEN (to_date + 2)::timestamp without time zone AT TIME ZONE 'UTC'
        ELSE 'infinity'
    END;
COMMENT ON FUNCTION latest_instant(date) IS
    'an instant after everything that happens before the day, in whatever time zone; NULL is no limit';

CREATE FUNCTION period_start(
    day date,
    grain text
) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT kpicrm.fiscal_period_start(period_start.day, period_start.grain, setting.fiscal_start_month, setting.week_start)
        FROM setting
    );
COMMENT ON FUNCTION period_start(date, text) IS
    'first day of the date''s period in the workspace''s fiscal year; grain is day, week, month, quarter, half or year';

CREATE FUNCTION period_label(
    day date,
    grain text
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT kpicrm.fiscal_period_label(period_label.day, period_label.grain, setting.fiscal_start_month, setting.week_start)
        FROM setting
    );
COMMENT ON FUNCTION period_label(date, text) IS
    'name of the date''s period in the workspace''s fiscal year, such as FY2026 Q1; grain is day, week, month, quarter, half or year';
