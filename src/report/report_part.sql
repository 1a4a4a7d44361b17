/*
 * report_part: what a report counts by day, for its periods and members.
 *
 * The parts of a report are defined in kpi_definition().  from_date and to_date are the
 * report's, first_at and last_at instants between which all of its rows are; a grain of all
 * makes one period, which begins on from_date.
 */
CREATE FUNCTION report_part(
    report text,
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone,
    first_at timestamp with time zone,
    last_at timestamp with time zone
) RETURNS TABLE (
    part text,
    dimension_name text,
    member_id bigint,
    period_start date,
    period_label text,
    numerator numeric,
    denominator numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT
        summed.part,
        summed.dimension_name,
        summed.member_id,
        summed.period_start,
        CASE report_part.grain
            WHEN 'all' THEN 'all'
            ELSE kpicrm.fiscal_period_label(summed.period_start, report_part.grain, setting.fiscal_start_month, setting.week_start)
        END,
        summed.numerator,
        summed.denominator
    FROM (
        SELECT
            substr(measured.kpi_code, length(report) + 2) AS part,
            measured.dimension_name,
            measured.member_id,
            CASE report_part.grain WHEN 'all' THEN from_date ELSE measured.period_start END AS period_start,
            sum(measured.numerator) AS numerator,
            sum(measured.denominator) AS denominator
        FROM kpi_measure(
            ARRAY(SELECT definition.code FROM kpi_definition() AS definition WHERE starts_with(definition.code, report || '.')),
            -- no further than there is data: 9999-12-31 is a common way to say no limit
            greatest(from_date, local_date(first_at)),
            least(to_date, local_date(last_at) + 1),
            CASE kpicrm.checked_option('grain', report_part.grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all')
                WHEN 'all' THEN 'year'
                ELSE report_part.grain
            END,
            report_part.dimensions,
            report_part.as_of
        ) AS measured
        WHERE kpicrm.accept_period(from_date, to_date)
            AND kpicrm.accept_as_of(report_part.as_of)
            AND isfinite(first_at)
            AND isfinite(last_at)
        GROUP BY
            1,
            2,
            3,
            4
    ) AS summed
    JOIN setting ON setting.only_row;
END;
COMMENT ON FUNCTION report_part(text, date, date, text, text[], timestamp with time zone, timestamp with time zone, timestamp with time zone) IS
    'numerators and denominators of the parts of a report, by period of the grain (all: one period) and by each of the dimensions';
