-- Arguments that name one of a few choices: refused with the list of what is allowed.

CREATE FUNCTION kpicrm.reject_argument(
    argument text,
    value text,
    hint text
) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'invalid value for argument "%": %', argument, coalesce('"' || value || '"', 'NULL')
        USING ERRCODE = 'invalid_parameter_value',
              HINT = hint;
END;
$$;
COMMENT ON FUNCTION kpicrm.reject_argument(text, text, text) IS
    'raises 22023 (invalid parameter value) with the argument, its value and the hint; returns nothing';

CREATE FUNCTION kpicrm.checked_option(
    argument text,
    value text,
    VARIADIC allowed text[]
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN value = ANY (allowed) THEN value
        ELSE kpicrm.reject_argument(argument, value, 'Allowed: ' || array_to_string(allowed, ', ') || '.')::text
    END;
COMMENT ON FUNCTION kpicrm.checked_option(text, text, text[]) IS
    'the value if it is one of those allowed; otherwise, and for NULL, an error 22023 with a hint that lists them';

-- Arguments that have a range: true, or an error 22023.  As a condition of their own
-- they are a one-time filter: checked once, also where there is nothing to report.

CREATE FUNCTION kpicrm.accept_as_of(as_of timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN isfinite(as_of) THEN true
        ELSE kpicrm.reject_argument('as_of', as_of::text, 'Give an instant, or leave as_of out for now.')::boolean
    END;
COMMENT ON FUNCTION kpicrm.accept_as_of(timestamp with time zone) IS
    'true if the instant is one to report as of; otherwise, and for NULL, an error 22023';

CREATE FUNCTION kpicrm.accept_period(
    from_date date,
    to_date date
) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN from_date > to_date
            THEN kpicrm.reject_argument('from_date', from_date::text, 'It must not be after to_date, which is ' || to_date::text || '.')::boolean
        WHEN NOT isfinite(from_date)
            THEN kpicrm.reject_argument('from_date', from_date::text, 'Leave it out, or give NULL, for no limit.')::boolean
        WHEN NOT isfinite(to_date)
            THEN kpicrm.reject_argument('to_date', to_date::text, 'Leave it out, or give NULL, for no limit.')::boolean
        ELSE true
    END;
COMMENT ON FUNCTION kpicrm.accept_period(date, date) IS
    'true unless the period ends before it begins or a day is infinite, which is an error 22023; NULL is no limit';

CREATE FUNCTION kpicrm.accept_number(
    argument text,
    value double precision,
    lowest double precision,
    highest double precision
) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN value BETWEEN lowest AND highest THEN true
        ELSE kpicrm.reject_argument(argument, value::text, 'Allowed: ' || lowest::text || ' to ' || highest::text || '.')::boolean
    END;
COMMENT ON FUNCTION kpicrm.accept_number(text, double precision, double precision, double precision) IS
    'true if the value lies between the lowest and the highest one; otherwise, and for NULL and NaN, an error 22023';
