-- Definitions that users write: checked by PostgreSQL's own parser, then run.
--
-- The functions see the schema pg_catalog only, so that no name of a definition
-- can come to mean something else later, and read numbers and quotes in one way
-- whatever the session's settings are.

CREATE FUNCTION kpicrm.expression_type(
    expression text,
    source text,
    aggregated boolean
) RETURNS regtype
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
    SET DateStyle = 'ISO, YMD'
    AS 'MODULE_PATHNAME', 'kpicrm_expression_type';
COMMENT ON FUNCTION kpicrm.expression_type(text, text, boolean) IS
    'type of an expression over the rows of a FROM clause; an error unless it is one expression, without sub-selects, of IMMUTABLE functions of PostgreSQL and kpicrm, and with aggregate functions or, if not aggregated, without';

CREATE FUNCTION kpicrm.expression_adds_up(
    expression text,
    source text
) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
    SET DateStyle = 'ISO, YMD'
    AS 'MODULE_PATHNAME', 'kpicrm_expression_adds_up';
COMMENT ON FUNCTION kpicrm.expression_adds_up(text, text) IS
    'does the value of the expression over all rows follow from those over parts of them by adding up? True of count and sum (not DISTINCT), their sums, differences and multiples by a constant';

CREATE TYPE kpicrm.measured_value AS (
    kpi_code text,
    dimension_name text,
    member_id bigint,
    period_start date,
    numerator numeric,
    denominator numeric,
    n bigint
);
COMMENT ON TYPE kpicrm.measured_value IS
    'a KPI of one member of a dimension in one period: the value is numerator / denominator, or the numerator alone, of n rows';

CREATE FUNCTION kpicrm.measured_rows(
    query text,
    inputs kpicrm.measured_value[] DEFAULT NULL
) RETURNS SETOF kpicrm.measured_value
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 100000
    SET search_path = pg_catalog, pg_temp
    SET standard_conforming_strings = on
    SET DateStyle = 'ISO, YMD'
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $query$
SELECT
    measured.kpi_code,
    measured.dimension_name,
    measured.member_id,
    measured.period_start,
    CASE WHEN measured.numerator NOT IN ('NaN', 'Infinity', '-Infinity') THEN measured.numerator END,
    CASE WHEN measured.denominator NOT IN ('NaN', 'Infinity', '-Infinity') THEN measured.denominator END,
    measured.n
FROM (
%s
) AS measured (kpi_code, dimension_name, member_id, period_start, numerator, denominator, n)$query$,
        query
    ) USING inputs;
END;
$$;
COMMENT ON FUNCTION kpicrm.measured_rows(text, kpicrm.measured_value[]) IS
    'rows of a query, with the rights of the caller and nothing but pg_catalog on the search path: what the KPIs of a workspace are measured with; what is not finite is NULL; $1 are the inputs of a formula';
