-- Runs: stretches of a window's partition in which a key stays the same.

CREATE FUNCTION kpicrm.run_begins(key bigint) RETURNS boolean
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_run_begins';
COMMENT ON FUNCTION kpicrm.run_begins(bigint) IS
    'window function: does a run begin with this row? Its key is not NULL and not that of the row before';

CREATE FUNCTION kpicrm.run_no(key bigint) RETURNS bigint
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_run_no';
COMMENT ON FUNCTION kpicrm.run_no(bigint) IS
    'window function: number, from 1, of the run that the row belongs to; NULL before the first key';

CREATE FUNCTION kpicrm.run_since(
    key bigint,
    at timestamp with time zone
) RETURNS timestamp with time zone
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_run_since';
COMMENT ON FUNCTION kpicrm.run_since(bigint, timestamp with time zone) IS
    'window function: at of the row that the present run of the same key began with; NULL before the first key';

CREATE FUNCTION kpicrm.run_until(
    key bigint,
    at timestamp with time zone
) RETURNS timestamp with time zone
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_run_until';
COMMENT ON FUNCTION kpicrm.run_until(bigint, timestamp with time zone) IS
    'window function: at of the row that the next run begins with, that is, when the present one ends; NULL if it does not';

CREATE FUNCTION kpicrm.rises(value bigint) RETURNS boolean
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_rises';
COMMENT ON FUNCTION kpicrm.rises(bigint) IS
    'window function: is the value greater than the last one before it that is not NULL?';

CREATE FUNCTION kpicrm.falls(value bigint) RETURNS boolean
    LANGUAGE c WINDOW IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_falls';
COMMENT ON FUNCTION kpicrm.falls(bigint) IS
    'window function: is the value less than the last one before it that is not NULL?';
