-- work_calendar: when work is done, as a value.
--
-- Weekdays with their opening hours, a time zone, holidays, and the first and the
-- last day the calendar knows.  Whatever is asked is answered from the value
-- alone, so a result can be had again with the calendar it was made with.  A day
-- the calendar does not know is an error: nobody guesses holidays.
--
-- A workday is a day of a weekday that has opening hours and is no holiday.
-- Spans are half-open: workdays d with from_date <= d < to_date, and opening time
-- from from_time until before to_time, as it passes, also when clocks are changed.

CREATE TYPE kpicrm.work_calendar;

CREATE FUNCTION kpicrm.work_calendar_in(cstring) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_in';
COMMENT ON FUNCTION kpicrm.work_calendar_in(cstring) IS
    'reads the text form of work_calendar';

CREATE FUNCTION kpicrm.work_calendar_out(kpicrm.work_calendar) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_out';
COMMENT ON FUNCTION kpicrm.work_calendar_out(kpicrm.work_calendar) IS
    'writes the text form of work_calendar';

CREATE FUNCTION kpicrm.work_calendar_recv(internal) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_recv';
COMMENT ON FUNCTION kpicrm.work_calendar_recv(internal) IS
    'reads the binary form of work_calendar';

CREATE FUNCTION kpicrm.work_calendar_send(kpicrm.work_calendar) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_send';
COMMENT ON FUNCTION kpicrm.work_calendar_send(kpicrm.work_calendar) IS
    'writes the binary form of work_calendar';

CREATE TYPE kpicrm.work_calendar (
    INPUT = kpicrm.work_calendar_in,
    OUTPUT = kpicrm.work_calendar_out,
    RECEIVE = kpicrm.work_calendar_recv,
    SEND = kpicrm.work_calendar_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.work_calendar IS
    'when work is done: opening hours of the weekdays, time zone, holidays, first and last known day';

CREATE FUNCTION kpicrm.work_calendar_eq(
    kpicrm.work_calendar,
    kpicrm.work_calendar
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_eq';
COMMENT ON FUNCTION kpicrm.work_calendar_eq(kpicrm.work_calendar, kpicrm.work_calendar) IS
    'implementation of =';

CREATE FUNCTION kpicrm.work_calendar_ne(
    kpicrm.work_calendar,
    kpicrm.work_calendar
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_ne';
COMMENT ON FUNCTION kpicrm.work_calendar_ne(kpicrm.work_calendar, kpicrm.work_calendar) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.work_calendar_hash(kpicrm.work_calendar) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_hash';
COMMENT ON FUNCTION kpicrm.work_calendar_hash(kpicrm.work_calendar) IS
    'hash value, equal for equal calendars';

CREATE FUNCTION kpicrm.work_calendar_hash_extended(
    kpicrm.work_calendar,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_hash_extended';
COMMENT ON FUNCTION kpicrm.work_calendar_hash_extended(kpicrm.work_calendar, bigint) IS
    'hash value with a seed, equal for equal calendars';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.work_calendar_eq,
    LEFTARG = kpicrm.work_calendar,
    RIGHTARG = kpicrm.work_calendar,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.work_calendar, kpicrm.work_calendar) IS
    'the same in all, also in name and version';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.work_calendar_ne,
    LEFTARG = kpicrm.work_calendar,
    RIGHTARG = kpicrm.work_calendar,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.work_calendar, kpicrm.work_calendar) IS
    'different in anything';

CREATE OPERATOR CLASS kpicrm.work_calendar_hash_ops
    DEFAULT FOR TYPE kpicrm.work_calendar USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.work_calendar_hash(kpicrm.work_calendar),
        FUNCTION 2 kpicrm.work_calendar_hash_extended(kpicrm.work_calendar, bigint);
COMMENT ON OPERATOR CLASS kpicrm.work_calendar_hash_ops USING hash IS
    'lets calendars be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.work_calendar_hash_ops USING hash IS
    'hash functions of work_calendar';

-- ------------------------------------------------------------ calendars

CREATE FUNCTION kpicrm.calendar(name text) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'kpicrm_calendar';
COMMENT ON FUNCTION kpicrm.calendar(text) IS
    'a shipped calendar: jp (public holidays of Japan, Monday to Friday 09:00 to 18:00) or weekdays (Monday to Friday 09:00 to 18:00 UTC, no holidays)';

CREATE FUNCTION kpicrm.holidays(country text) RETURNS TABLE (
    day date,
    name text,
    name_en text
)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 1050 AS 'MODULE_PATHNAME', 'kpicrm_holidays';
COMMENT ON FUNCTION kpicrm.holidays(text) IS
    'public holidays of a country, jp, in order, as officially announced: all of the years from 1955 to the last day calendar(''jp'') knows';

-- Not strict: a range that is NULL is that of the years of the holidays.

CREATE FUNCTION kpicrm.make_work_calendar(
    name text,
    holidays date[] DEFAULT '{}',
    first_day date DEFAULT NULL,
    last_day date DEFAULT NULL,
    time_zone text DEFAULT 'UTC',
    opening_hours text DEFAULT '1-5 09:00-18:00',
    version text DEFAULT ''
) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_make_work_calendar';
COMMENT ON FUNCTION kpicrm.make_work_calendar(text, date[], date, date, text, text, text) IS
    'a calendar of your own; without first_day and last_day it knows the years of its holidays, or all if it has none; opening_hours as in 1-4 09:00-18:00, 5 09:00-12:00 13:00-17:00';

CREATE FUNCTION kpicrm.work_calendar_transition(
    kpicrm.work_calendar,
    holiday date,
    calendar kpicrm.work_calendar
) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_transition';
COMMENT ON FUNCTION kpicrm.work_calendar_transition(kpicrm.work_calendar, date, kpicrm.work_calendar) IS
    'adds a holiday';

CREATE FUNCTION kpicrm.work_calendar_combine(
    kpicrm.work_calendar,
    kpicrm.work_calendar
) RETURNS kpicrm.work_calendar
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_combine';
COMMENT ON FUNCTION kpicrm.work_calendar_combine(kpicrm.work_calendar, kpicrm.work_calendar) IS
    'unites the holidays of calendars that differ in nothing else';

CREATE AGGREGATE kpicrm.work_calendar_agg(holiday date, calendar kpicrm.work_calendar) (
    SFUNC = kpicrm.work_calendar_transition,
    STYPE = kpicrm.work_calendar,
    COMBINEFUNC = kpicrm.work_calendar_combine,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.work_calendar_agg(date, kpicrm.work_calendar) IS
    'the calendar, the same for all rows, with the holidays of the rows added; NULL adds none; no rows give NULL';

-- ------------------------------------------------------------ questions

CREATE FUNCTION kpicrm.workdays(
    calendar kpicrm.work_calendar,
    from_date date,
    to_date date
) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_workdays';
COMMENT ON FUNCTION kpicrm.workdays(kpicrm.work_calendar, date, date) IS
    'number of workdays from from_date until before to_date';

CREATE FUNCTION kpicrm.is_workday(
    calendar kpicrm.work_calendar,
    day date
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_is_workday';
COMMENT ON FUNCTION kpicrm.is_workday(kpicrm.work_calendar, date) IS
    'whether the day is a workday';

CREATE FUNCTION kpicrm.add_workdays(
    calendar kpicrm.work_calendar,
    day date,
    count integer
) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_add_workdays';
COMMENT ON FUNCTION kpicrm.add_workdays(kpicrm.work_calendar, date, integer) IS
    'the workday so many workdays after the day, or before it if count is negative; the day itself if it is 0';

CREATE FUNCTION kpicrm.work_time(
    calendar kpicrm.work_calendar,
    from_time timestamp with time zone,
    to_time timestamp with time zone
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'MODULE_PATHNAME', 'kpicrm_work_time';
COMMENT ON FUNCTION kpicrm.work_time(kpicrm.work_calendar, timestamp with time zone, timestamp with time zone) IS
    'opening time from from_time until before to_time in the zone of the calendar; a day of the result is 24 hours';

CREATE FUNCTION kpicrm.first_day(calendar kpicrm.work_calendar) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_first_day';
COMMENT ON FUNCTION kpicrm.first_day(kpicrm.work_calendar) IS
    'first day the calendar knows';

CREATE FUNCTION kpicrm.last_day(calendar kpicrm.work_calendar) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_work_calendar_last_day';
COMMENT ON FUNCTION kpicrm.last_day(kpicrm.work_calendar) IS
    'last day the calendar knows';
