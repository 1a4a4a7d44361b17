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
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_month_of';
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
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_year_of';
COMMENT ON FUNCTION kpicrm.fiscal_year(date, integer) IS
    'the calendar year in which the date''s fiscal year began; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_start(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_start';
COMMENT ON FUNCTION kpicrm.fiscal_period_start(date, text, integer, integer) IS
    'first day of the date''s period; grain is day, week, month, quarter, half or year; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_end(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_end';
COMMENT ON FUNCTION kpicrm.fiscal_period_end(date, text, integer, integer) IS
    'first day after the date''s period, that is, the start of the next one; NULL for a NULL or infinite date';

CREATE FUNCTION kpicrm.fiscal_period_label(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_label';
COMMENT ON FUNCTION kpicrm.fiscal_period_label(date, text, integer, integer) IS
    'name of the date''s period, in order as text: FY2026, FY2026 H1, FY2026 Q1 (2026, 2026 H1, 2026 Q1 if the year begins in January), 2026-04, or its first day for week and day';
