-- Fiscal periods of a date: year, half, quarter, month, week, day.
--
-- A fiscal year begins on the first day of start_month and is named after the
-- calendar year it begins in: with start_month 4, 2026-03-31 belongs to fiscal
-- year 2025 and 2026-04-01 to 2026.  Quarters and halves are counted from
-- start_month.  Months are calendar months.  A week begins on week_start, an ISO
-- day of the week (1 Monday … 7 Sunday), and never ends with a month or year.
-- Periods are half-open: [fiscal_period_start, fiscal_period_end).
--
-- NULL and infinite dates give NULL.  All functions are immutable: the date is
-- taken as it is, whatever the session's time zone.

CREATE FUNCTION kpicrm.fiscal_month(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN start_month BETWEEN 1 AND 12
            THEN (EXTRACT(month FROM day)::integer - start_month + 12) % 12 + 1
        ELSE kpicrm.reject_argument('start_month', start_month::text, 'A month is a number from 1 to 12.')
    END;
COMMENT ON FUNCTION kpicrm.fiscal_month(date, integer) IS
    'number of the month within its fiscal year, 1 to 12; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_quarter(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (kpicrm.fiscal_month(day, start_month) + 2) / 3;
COMMENT ON FUNCTION kpicrm.fiscal_quarter(date, integer) IS
    'number of the quarter within its fiscal year, 1 to 4; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_half(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (kpicrm.fiscal_month(day, start_month) + 5) / 6;
COMMENT ON FUNCTION kpicrm.fiscal_half(date, integer) IS
    'number of the half within its fiscal year, 1 or 2; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_year(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN EXTRACT(
        year FROM date_trunc('month', day::timestamp without time zone)
            - make_interval(months => kpicrm.fiscal_month(day, start_month) - 1)
    )::integer;
COMMENT ON FUNCTION kpicrm.fiscal_year(date, integer) IS
    'the calendar year in which the date''s fiscal year began; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_start(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE grain
        WHEN 'day' THEN CASE WHEN isfinite(day) THEN day END
        WHEN 'week' THEN day - CASE
            WHEN week_start BETWEEN 1 AND 7
                THEN (EXTRACT(isodow FROM day)::integer - week_start + 7) % 7
            ELSE kpicrm.reject_argument('week_start', week_start::text, 'A day of the week is a number from 1 (Monday) to 7 (Sunday).')
        END
        WHEN 'month' THEN CASE WHEN isfinite(day) THEN date_trunc('month', day::timestamp without time zone)::date END
        WHEN 'quarter' THEN (date_trunc('month', day::timestamp without time zone)
            - make_interval(months => (kpicrm.fiscal_month(day, start_month) - 1) % 3))::date
        WHEN 'half' THEN (date_trunc('month', day::timestamp without time zone)
            - make_interval(months => (kpicrm.fiscal_month(day, start_month) - 1) % 6))::date
        WHEN 'year' THEN (date_trunc('month', day::timestamp without time zone)
            - make_interval(months => kpicrm.fiscal_month(day, start_month) - 1))::date
        ELSE day + kpicrm.reject_argument('grain', grain, 'Allowed: day, week, month, quarter, half, year.')
    END;
COMMENT ON FUNCTION kpicrm.fiscal_period_start(date, text, integer, integer) IS
    'first day of the date''s period; grain is day, week, month, quarter, half or year; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_end(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (kpicrm.fiscal_period_start(day, grain, start_month, week_start)::timestamp without time zone
        + CASE grain
            WHEN 'day' THEN make_interval(days => 1)
            WHEN 'week' THEN make_interval(days => 7)
            WHEN 'month' THEN make_interval(months => 1)
            WHEN 'quarter' THEN make_interval(months => 3)
            WHEN 'half' THEN make_interval(months => 6)
            WHEN 'year' THEN make_interval(months => 12)
        END)::date;
COMMENT ON FUNCTION kpicrm.fiscal_period_end(date, text, integer, integer) IS
    'first day after the date''s period, that is, the start of the next one; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_label(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN grain IN ('year', 'half', 'quarter') THEN
            CASE start_month WHEN 1 THEN '' ELSE 'FY' END
            || kpicrm.fiscal_year(day, start_month)::text
            || CASE grain
                WHEN 'half' THEN ' H' || kpicrm.fiscal_half(day, start_month)::text
                WHEN 'quarter' THEN ' Q' || kpicrm.fiscal_quarter(day, start_month)::text
                ELSE ''
            END
        ELSE (
            SELECT EXTRACT(year FROM period.start)::integer::text
                || '-' || lpad(EXTRACT(month FROM period.start)::integer::text, 2, '0')
                || CASE grain
                    WHEN 'month' THEN ''
                    ELSE '-' || lpad(EXTRACT(day FROM period.start)::integer::text, 2, '0')
                END
            FROM (VALUES (kpicrm.fiscal_period_start(day, grain, start_month, week_start))) AS period (start)
        )
    END;
COMMENT ON FUNCTION kpicrm.fiscal_period_label(date, text, integer, integer) IS
    'name of the date''s period, in order as text: FY2026, FY2026 H1, FY2026 Q1 (2026, 2026 H1, 2026 Q1 if the year begins in January), 2026-04, or its first day for week and day';
