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
