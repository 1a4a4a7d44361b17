-- Values of an import: text to date, instant, amount or boolean, without an error.
--
-- What cannot be read gives NULL, so that a row with a bad value can be told from
-- the others in one statement: no subtransaction a row, and the same on every
-- version of PostgreSQL (pg_input_is_valid begins with 16).  Only forms that mean
-- the same everywhere are read: the year comes first, a number has no thousands
-- separator.  The session's DateStyle and time zone play no part.  Each is one
-- expression, which the planner puts into the query that calls it.  [0-9] and not \d, which
-- in some databases are the digits of every script.

CREATE FUNCTION kpicrm.parsed_date(value text) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    -- long months, short months, February, February 29
    RETURN CASE
        WHEN value ~ ('^([0-9]{4}[-/](0?[13578]|1[02])[-/](0?[1-9]|[12][0-9]|3[01])'
                || '|[0-9]{4}[-/](0?[469]|11)[-/](0?[1-9]|[12][0-9]|30)'
                || '|[0-9]{4}[-/]0?2[-/](0?[1-9]|1[0-9]|2[0-8])'
                || '|([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)[-/]0?2[-/]29)'
                || '([T ]00:00(:00([.]0+)?)?)?$')
            AND value !~ '^0000'
            THEN translate(split_part(translate(value, 'T', ' '), ' ', 1), '/', '-')::date
    END;
COMMENT ON FUNCTION kpicrm.parsed_date(text) IS
    'day written as 2026-03-31 or 2026/3/31; NULL for anything else';

CREATE FUNCTION kpicrm.parsed_instant(
    value text,
    zone text
) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN kpicrm.parsed_date(split_part(translate(value, 'T', ' '), ' ', 1)) IS NULL
            THEN NULL
        WHEN value ~ '^[-/0-9]+([T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
            THEN translate(value, '/', '-')::timestamp without time zone AT TIME ZONE zone
        WHEN value ~ '^[-/0-9]+[T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$'
            THEN translate(value, '/', '-')::timestamp with time zone
    END;
COMMENT ON FUNCTION kpicrm.parsed_instant(text, text) IS
    'instant written as 2026-03-31, 2026-03-31 09:30 or 2026-03-31T09:30:00.5+09:00; in this zone if it names none; NULL for anything else';

CREATE FUNCTION kpicrm.parsed_amount(value text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN value ~* '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9][0-9]?)?$'
            THEN CASE WHEN length(value) <= 100 AND abs(round(value::numeric, 2)) < 1e16 THEN round(value::numeric, 2) END
    END;
COMMENT ON FUNCTION kpicrm.parsed_amount(text) IS
    'number as a column numeric(18, 2) takes it, rounded to two decimals; NULL if it is none or too large';

CREATE FUNCTION kpicrm.parsed_boolean(value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN lower(value) IN ('true', 't', 'yes', 'y', 'on', '1') THEN true
        WHEN lower(value) IN ('false', 'f', 'no', 'n', 'off', '0') THEN false
    END;
COMMENT ON FUNCTION kpicrm.parsed_boolean(text) IS
    'true, t, yes, y, on, 1 or their opposites, in any case; NULL for anything else';
