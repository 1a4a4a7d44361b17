/*
 * kpi_series: any KPI over time, by whom and what.
 *
 * Grain: period of the grain × member of the dimension by (all: the company).
 * value is numerator / denominator, or the numerator where there is no
 * denominator; n is the number of rows that were counted; lower and upper are the
 * 95 % Wilson bounds of a share.  Empty groups are absent.  Add up numerators and
 * denominators, never values.
 */

CREATE FUNCTION kpi_definition_hash(kpi_code text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE
            WHEN kpi.inputs IS NULL THEN kpi.definition_hash
            ELSE md5(kpi.definition_hash || (
                SELECT string_agg(input.definition_hash, '' ORDER BY input.code)
                FROM kpi AS input
                WHERE input.code = ANY (kpi.inputs)
            ))
        END
        FROM kpi
        WHERE kpi.code = kpi_code
    );
COMMENT ON FUNCTION kpi_definition_hash(text) IS
    'hash of the definition of a KPI, with those of its inputs';

CREATE FUNCTION check_kpi_arguments(
    kpi_code text,
    from_date date,
    to_date date,
    grain text,
    by text
) RETURNS kpi
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    definition kpi;
BEGIN
    SELECT listed.* INTO definition FROM kpi AS listed WHERE listed.code = kpi_code;
    IF NOT FOUND THEN
        PERFORM kpicrm.reject_argument('kpi', kpi_code, 'KPIs: ' || coalesce((SELECT string_agg(listed.code, ', ' ORDER BY listed.code) FROM kpi AS listed), 'none') || '.');
    END IF;
    PERFORM kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year');
    IF NOT by = ANY (kpi_dimensions(kpi_code)) THEN
        PERFORM kpicrm.reject_argument('by', by, format('KPI %s can be grouped by: %s.', kpi_code, array_to_string(kpi_dimensions(kpi_code), ', ')));
    END IF;
    IF from_date > to_date THEN
        PERFORM kpicrm.reject_argument('from_date', from_date::text, format('It must not be after to_date, which is %s.', to_date));
    END IF;
    IF NOT isfinite(from_date) THEN
        PERFORM kpicrm.reject_argument('from_date', from_date::text, 'Leave it out for no limit.');
    ELSIF NOT isfinite(to_date) THEN
        PERFORM kpicrm.reject_argument('to_date', to_date::text, 'Leave it out for no limit.');
    END IF;
    RETURN definition;
END;
$$;
COMMENT ON FUNCTION check_kpi_arguments(text, date, date, text, text) IS
    'the definition of a KPI; raises 22023 with a hint if there is no such KPI, grain or dimension of it, or the dates are in the wrong order';

CREATE FUNCTION kpi_series(
    kpi text,
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    grain text DEFAULT 'month',
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    period_start date,
    period_label text,
    dimension_name text,
    member_id bigint,
    member_name text,
    value numeric,
    numerator numeric,
    denominator numeric,
    n bigint,
    lower double precision,
    upper double precision,
    definition_hash text
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 100000
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
    definition constant kpi = check_kpi_arguments($1, $2, $3, $4, coalesce($5, 'all'));
    hash constant text = kpi_definition_hash($1);
BEGIN
    RETURN QUERY
        SELECT
            measured.period_start,
            kpicrm.fiscal_period_label(measured.period_start, $4, setting.fiscal_start_month, setting.week_start),
            measured.dimension_name,
            measured.member_id,
            CASE measured.dimension_name
                WHEN 'all' THEN 'all'
                ELSE coalesce(dimension_member.member_name, '(none)')
            END,
            CASE WHEN definition.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END,
            measured.numerator,
            measured.denominator,
            measured.n,
            CASE WHEN definition.is_share THEN kpicrm.rate_lower((measured.numerator || '/' || measured.denominator)::kpicrm.conversion) END,
            CASE WHEN definition.is_share THEN kpicrm.rate_upper((measured.numerator || '/' || measured.denominator)::kpicrm.conversion) END,
            hash
        FROM kpi_measure(ARRAY[$1], $2, $3, $4, ARRAY[coalesce($5, 'all')], $6) AS measured
        JOIN setting ON setting.only_row
        LEFT JOIN dimension_member
            ON dimension_member.dimension_name = measured.dimension_name
            AND dimension_member.member_id = measured.member_id
        WHERE kpicrm.accept_as_of($6)
            AND kpicrm.accept_period($2, $3)
        ORDER BY
            measured.period_start,
            dimension_member.member_name,
            measured.member_id;
END;
$$;
COMMENT ON FUNCTION kpi_series(text, date, date, text, text, timestamp with time zone) IS
    'a KPI from from_date until before to_date by period of the grain, for the company (by NULL or all) or by team, rep, product, source or pipeline';

/*
 * kpi_long: every KPI by every dimension and month, one number a row, for Grafana
 * and other tools that want time, name and value.
 *
 * KPIs that count the same rows are measured together, and a filter on kpi_name reaches what
 * is measured: the planner looks up the KPIs first if there are few, for a call of
 * kpi_measure() costs much, and the batches first if there are many.
 */
CREATE FUNCTION kpi_batch() RETURNS TABLE (
    codes text[]
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT array_agg(kpi.code ORDER BY kpi.code)
    FROM kpi
    GROUP BY kpi_counted_rows(kpi);
END;
COMMENT ON FUNCTION kpi_batch() IS
    'codes of the KPIs that count the same rows, and of each formula';

CREATE FUNCTION kpi_long(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    grain text DEFAULT 'month',
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    "time" timestamp with time zone,
    kpi_name text,
    dimension_name text,
    dimension_value text,
    value double precision,
    numerator_count bigint,
    denominator_count bigint,
    numerator_amount numeric,
    value_low double precision,
    value_high double precision,
    member_id bigint,
    period_start date,
    period_label text,
    unit_label text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT
        measured.period_start::timestamp without time zone AT TIME ZONE setting.time_zone,
        kpi.code,
        measured.dimension_name,
        CASE measured.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        (CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END)::double precision,
        CASE WHEN kpi.is_share OR kpi.unit = 'count' THEN measured.numerator END::bigint,
        CASE WHEN kpi.kind <> 'formula' AND measured.denominator = trunc(measured.denominator) THEN measured.denominator END::bigint,
        CASE kpi.unit WHEN 'amount' THEN measured.numerator END,
        CASE WHEN kpi.is_share THEN kpicrm.rate_lower((measured.numerator || '/' || measured.denominator)::kpicrm.conversion) END,
        CASE WHEN kpi.is_share THEN kpicrm.rate_upper((measured.numerator || '/' || measured.denominator)::kpicrm.conversion) END,
        measured.member_id,
        measured.period_start,
        kpicrm.fiscal_period_label(measured.period_start, grain, setting.fiscal_start_month, setting.week_start),
        kpi.unit
    FROM setting
    CROSS JOIN kpi_batch() AS batch
    JOIN kpi ON kpi.code = ANY (batch.codes)
    CROSS JOIN LATERAL kpi_measure(
        batch.codes,
        coalesce(
            from_date,
            (kpicrm.fiscal_period_start((as_of AT TIME ZONE setting.time_zone)::date, 'year', setting.fiscal_start_month)::timestamp without time zone
                - INTERVAL '1 year')::date
        ),
        coalesce(
            to_date,
            kpicrm.fiscal_period_end((as_of AT TIME ZONE setting.time_zone)::date, 'year', setting.fiscal_start_month)
        ),
        kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year'),
        '{all,team,rep,product,source,pipeline}',
        as_of
    ) AS measured
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = measured.dimension_name
        AND dimension_member.member_id = measured.member_id
    WHERE measured.kpi_code = kpi.code
        AND measured.numerator IS NOT NULL
        AND kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_period(from_date, to_date);
END;
COMMENT ON FUNCTION kpi_long(date, date, text, timestamp with time zone) IS
    'every KPI from from_date until before to_date (left out: the fiscal year of the instant and the one before) by period of the grain, for the company and by each dimension';

CREATE VIEW kpi_long WITH (security_invoker = true) AS
SELECT
    report."time",
    report.kpi_name,
    report.dimension_name,
    report.dimension_value,
    report.value,
    report.numerator_count,
    report.denominator_count,
    report.numerator_amount::numeric(18, 2) AS numerator_amount,
    report.value_low,
    report.value_high,
    report.member_id,
    report.period_start,
    report.period_label,
    report.unit_label
FROM kpi_long() AS report;
COMMENT ON VIEW kpi_long IS
    'One row per KPI, dimension, member and month of the present and the previous fiscal year, as of now: the value beside what it is made of. Filter on one dimension_name: rows of different dimensions count the same things again. Never add up values.';
COMMENT ON COLUMN kpi_long."time" IS 'instant the month begins';
COMMENT ON COLUMN kpi_long.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN kpi_long.dimension_name IS 'what the row is grouped by: all, team, rep, product, source or pipeline';
COMMENT ON COLUMN kpi_long.dimension_value IS 'name of the member; all for the company, (none) for what has no member';
COMMENT ON COLUMN kpi_long.value IS 'value of the KPI in its unit';
COMMENT ON COLUMN kpi_long.numerator_count IS 'numerator of a share, or the value of a count; NULL for other KPIs';
COMMENT ON COLUMN kpi_long.denominator_count IS 'what the numerator is divided by; NULL if it is not, and for KPIs made of others';
COMMENT ON COLUMN kpi_long.numerator_amount IS 'numerator of an amount; NULL for other KPIs';
COMMENT ON COLUMN kpi_long.value_low IS 'lower 95 % Wilson bound of a share; NULL for other KPIs';
COMMENT ON COLUMN kpi_long.value_high IS 'upper 95 % Wilson bound of a share; NULL for other KPIs';
COMMENT ON COLUMN kpi_long.member_id IS 'key of the member in its own table; NULL for the company, and for what has no member';
COMMENT ON COLUMN kpi_long.period_start IS 'first day of the month';
COMMENT ON COLUMN kpi_long.period_label IS 'name of the month';
COMMENT ON COLUMN kpi_long.unit_label IS 'count, amount, rate, days, hours or score';
