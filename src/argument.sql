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
