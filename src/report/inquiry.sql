/*
 * inquiry_report: how many inquiries are answered, and how fast?
 *
 * Grain: dimension (all, rep, team) × member × period in which they were received.
 *
 *   response_rate    answered by as_of / received.  The present period is not finished
 *   in_time_rate     answered within within_hours / received, of the inquiries
 *                    received at least that long before as_of: comparable
 *   mean, median     of those answered: too short while slow ones are still open
 *   censored median  hours until half of all had been answered (Kaplan-Meier), the
 *                    open ones counted with the time they have been waiting
 *
 * The rep is the one who answers, the team the rep's present one.
 */
CREATE FUNCTION inquiry_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month',
    within_hours integer DEFAULT 24
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    inquiry_count bigint,
    responded_count bigint,
    open_count bigint,
    response_rate double precision,
    response_rate_low double precision,
    response_rate_high double precision,
    mature_count bigint,
    in_time_count bigint,
    in_time_rate double precision,
    in_time_rate_low double precision,
    in_time_rate_high double precision,
    mean_hours double precision,
    median_hours double precision,
    p80_hours double precision,
    censored_median_hours double precision,
    resolved_count bigint,
    resolution_rate double precision,
    resolution_median_hours double precision,
    resolution_censored_median_hours double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH bounds AS MATERIALIZED (
        SELECT
            bounds.starts,
            bounds.labels,
            bounds.instants
        FROM period_bounds(
            from_date,
            to_date,
            grain,
            (SELECT min(inquiry.received_at) FROM inquiry),
            (SELECT max(inquiry.received_at) FROM inquiry)
        ) AS bounds
    ), part AS (
        -- states add up, so the inquiries are read once and not once for each dimension
        SELECT
            inquiry.rep_id,
            width_bucket(inquiry.received_at, (SELECT bounds.instants FROM bounds)) AS period_no,
            kpicrm.lead_time_agg(inquiry.received_at, inquiry.responded_at, true, as_of) AS response,
            kpicrm.lead_time_agg(inquiry.received_at, inquiry.resolved_at, true, as_of) AS resolution,
            kpicrm.conversion_agg(coalesce(inquiry.responded_at <= as_of, false)) AS responded,
            kpicrm.conversion_agg(coalesce(inquiry.responded_at <= inquiry.received_at + make_interval(hours => within_hours), false))
                FILTER (WHERE inquiry.received_at + make_interval(hours => within_hours) <= as_of) AS in_time,
            count(*) FILTER (WHERE inquiry.resolved_at <= as_of) AS resolved_count
        FROM inquiry
        WHERE inquiry.received_at <= as_of
            AND inquiry.received_at >= earliest_instant(from_date)
            AND inquiry.received_at < latest_instant(to_date)
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
            AND CASE
                WHEN within_hours > 0 THEN true
                ELSE kpicrm.reject_argument('within_hours', within_hours::text, 'A number of hours from 1 up, such as 24.') IS NULL
            END
            AND CASE
                WHEN width_bucket(inquiry.received_at, (SELECT bounds.instants FROM bounds))
                    BETWEEN 1 AND (SELECT cardinality(bounds.starts) FROM bounds) THEN true
                ELSE false
            END
        GROUP BY
            inquiry.rep_id,
            width_bucket(inquiry.received_at, (SELECT bounds.instants FROM bounds))
    ), summed AS (
        SELECT
            dimension.name AS dimension_name,
            dimension.member_id,
            part.period_no,
            kpicrm.rollup(part.response) AS response,
            kpicrm.rollup(part.resolution) AS resolution,
            kpicrm.rollup(part.responded) AS responded,
            kpicrm.rollup(part.in_time) AS in_time,
            sum(part.resolved_count)::bigint AS resolved_count
        FROM part
        LEFT JOIN sales_rep ON sales_rep.id = part.rep_id
        CROSS JOIN LATERAL (VALUES
            ('all', NULL::bigint),
            ('rep', part.rep_id),
            ('team', sales_rep.team_id)
        ) AS dimension (name, member_id)
        WHERE CASE
            WHEN by IS NULL THEN true
            ELSE dimension.name = kpicrm.checked_option('by', by, 'all', 'rep', 'team')
        END
        GROUP BY
            dimension.name,
            dimension.member_id,
            part.period_no
    )
    SELECT
        summed.dimension_name,
        summed.member_id,
        CASE summed.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        bounds.starts[summed.period_no],
        bounds.labels[summed.period_no],
        kpicrm.total_count(summed.responded),
        kpicrm.converted_count(summed.responded),
        kpicrm.total_count(summed.responded) - kpicrm.converted_count(summed.responded),
        kpicrm.rate(summed.responded),
        kpicrm.rate_lower(summed.responded),
        kpicrm.rate_upper(summed.responded),
        coalesce(kpicrm.total_count(summed.in_time), 0),
        coalesce(kpicrm.converted_count(summed.in_time), 0),
        kpicrm.rate(summed.in_time),
        kpicrm.rate_lower(summed.in_time),
        kpicrm.rate_upper(summed.in_time),
        kpicrm.mean_days(summed.response) * 24,
        kpicrm.median_days(summed.response) * 24,
        kpicrm.quantile_days(summed.response, 0.8) * 24,
        kpicrm.survival_quantile_days(summed.response, 0.5) * 24,
        summed.resolved_count,
        summed.resolved_count::double precision / kpicrm.total_count(summed.responded),
        kpicrm.median_days(summed.resolution) * 24,
        kpicrm.survival_quantile_days(summed.resolution, 0.5) * 24
    FROM summed
    CROSS JOIN bounds
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = summed.dimension_name
        AND dimension_member.member_id = summed.member_id
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION inquiry_report(date, date, text, timestamp with time zone, text, integer) IS
    'inquiries received from from_date until before to_date: how many were answered, within within_hours, and how fast, by all, rep or team (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW inquiry_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.inquiry_count,
    report.responded_count,
    report.open_count,
    report.response_rate,
    report.response_rate_low,
    report.response_rate_high,
    report.mature_count,
    report.in_time_count,
    report.in_time_rate,
    report.in_time_rate_low,
    report.in_time_rate_high,
    report.mean_hours,
    report.median_hours,
    report.p80_hours,
    report.censored_median_hours,
    report.resolved_count,
    report.resolution_rate,
    report.resolution_median_hours,
    report.resolution_censored_median_hours
FROM inquiry_report() AS report;
COMMENT ON VIEW inquiry_report IS
    'One row per dimension (all, rep, team), member and month: how many inquiries received in the month have been answered, how many within 24 hours, and how fast, as of now. In the censored medians the open ones count with the time they have been waiting.';
COMMENT ON COLUMN inquiry_report.dimension_name IS 'what the row is grouped by: all, rep or team';
COMMENT ON COLUMN inquiry_report.member_id IS 'key of the member in its own table; NULL for all, and for inquiries without a rep or team';
COMMENT ON COLUMN inquiry_report.member_name IS 'name of the member; (none) for inquiries that have none';
COMMENT ON COLUMN inquiry_report.period_start IS 'first day of the month';
COMMENT ON COLUMN inquiry_report.period_label IS 'name of the month';
COMMENT ON COLUMN inquiry_report.inquiry_count IS 'inquiries received: denominator of response_rate and resolution_rate';
COMMENT ON COLUMN inquiry_report.responded_count IS 'inquiries answered: numerator of response_rate';
COMMENT ON COLUMN inquiry_report.open_count IS 'inquiries not answered yet';
COMMENT ON COLUMN inquiry_report.response_rate IS 'share answered, 0 to 1';
COMMENT ON COLUMN inquiry_report.response_rate_low IS 'lower 95 % Wilson bound of response_rate';
COMMENT ON COLUMN inquiry_report.response_rate_high IS 'upper 95 % Wilson bound of response_rate';
COMMENT ON COLUMN inquiry_report.mature_count IS 'inquiries received at least 24 hours ago: denominator of in_time_rate';
COMMENT ON COLUMN inquiry_report.in_time_count IS 'inquiries among them answered within 24 hours: numerator of in_time_rate';
COMMENT ON COLUMN inquiry_report.in_time_rate IS 'share answered within 24 hours, 0 to 1; NULL if none is a day old';
COMMENT ON COLUMN inquiry_report.in_time_rate_low IS 'lower 95 % Wilson bound of in_time_rate';
COMMENT ON COLUMN inquiry_report.in_time_rate_high IS 'upper 95 % Wilson bound of in_time_rate';
COMMENT ON COLUMN inquiry_report.mean_hours IS 'mean hours from receiving to the first answer, of those answered; NULL if none is';
COMMENT ON COLUMN inquiry_report.median_hours IS 'median hours from receiving to the first answer, of those answered; NULL if none is';
COMMENT ON COLUMN inquiry_report.p80_hours IS 'hours within which 80 % of those answered were answered; NULL if none is';
COMMENT ON COLUMN inquiry_report.censored_median_hours IS 'hours until half of all were answered, the open ones censored (Kaplan-Meier); NULL while fewer are';
COMMENT ON COLUMN inquiry_report.resolved_count IS 'inquiries resolved: numerator of resolution_rate';
COMMENT ON COLUMN inquiry_report.resolution_rate IS 'share resolved, 0 to 1';
COMMENT ON COLUMN inquiry_report.resolution_median_hours IS 'median hours from receiving to resolving, of those resolved; NULL if none is';
COMMENT ON COLUMN inquiry_report.resolution_censored_median_hours IS 'hours until half of all were resolved, the open ones censored (Kaplan-Meier); NULL while fewer are';
