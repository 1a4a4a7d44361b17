-- last_known: a value that holds until the next one is known.

CREATE FUNCTION kpicrm.last_known(
    value anyelement,
    cleared boolean
) RETURNS anyelement
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_last_known';
COMMENT ON FUNCTION kpicrm.last_known(anyelement, boolean) IS
    'window function: the last value that is not NULL in the partition up to the current row; unknown again from a row where cleared is true';
