/*
 * feedback_report: what do customers say?
 *
 * Grain: dimension (all, rep, team) × member × period in which the answers came in.
 *
 *   csat_rate   answers of 4 and 5 / answers, on the scale from 1 to 5
 *   nps_score   (promoters - detractors) / answers × 100, from -100 to 100: 9 and 10
 *               are promoters, 7 and 8 passives, 0 to 6 detractors
 *
 * The rep is the one the answer is about, the team the rep's present one.
 * Never average a rate or nps_score: add up the counts.
 */
CREATE FUNCTION feedback_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    csat_count bigint,
    satisfied_count bigint,
    csat_rate double precision,
    csat_rate_low double precision,
    csat_rate_high double precision,
    csat_mean_score double precision,
    nps_count bigint,
    promoter_count bigint,
    passive_count bigint,
    detractor_count bigint,
    nps_score double precision
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
            (SELECT min(feedback.received_at) FROM feedback),
            (SELECT max(feedback.received_at) FROM feedback)
        ) AS bounds
    ), part AS (
        SELECT
            feedback.rep_id,
            width_bucket(feedback.received_at, (SELECT bounds.instants FROM bounds)) AS period_no,
            kpicrm.conversion_agg(feedback.score >= 4) FILTER (WHERE feedback.kind = 'csat') AS satisfied,
            coalesce(sum(feedback.score) FILTER (WHERE feedback.kind = 'csat'), 0) AS csat_sum,
            count(*) FILTER (WHERE feedback.kind = 'nps') AS nps_count,
            count(*) FILTER (WHERE feedback.kind = 'nps' AND feedback.score >= 9) AS promoter_count,
            count(*) FILTER (WHERE feedback.kind = 'nps' AND feedback.score <= 6) AS detractor_count
        FROM feedback
        WHERE feedback.received_at <= as_of
            AND feedback.received_at >= earliest_instant(from_date)
            AND feedback.received_at < latest_instant(to_date)
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
            AND CASE
                WHEN width_bucket(feedback.received_at, (SELECT bounds.instants FROM bounds))
                    BETWEEN 1 AND (SELECT cardinality(bounds.starts) FROM bounds) THEN true
                ELSE false
            END
        GROUP BY
            feedback.rep_id,
            width_bucket(feedback.received_at, (SELECT bounds.instants FROM bounds))
    ), summed AS (
        SELECT
            dimension.name AS dimension_name,
            dimension.member_id,
            part.period_no,
            kpicrm.rollup(part.satisfied) AS satisfied,
            sum(part.csat_sum) AS csat_sum,
            sum(part.nps_count)::bigint AS nps_count,
            sum(part.promoter_count)::bigint AS promoter_count,
            sum(part.detractor_count)::bigint AS detractor_count
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
        coalesce(kpicrm.total_count(summed.satisfied), 0),
        coalesce(kpicrm.converted_count(summed.satisfied), 0),
        kpicrm.rate(summed.satisfied),
        kpicrm.rate_lower(summed.satisfied),
        kpicrm.rate_upper(summed.satisfied),
        (summed.csat_sum / nullif(kpicrm.total_count(summed.satisfied), 0))::double precision,
        summed.nps_count,
        summed.promoter_count,
        summed.nps_count - summed.promoter_count - summed.detractor_count,
        summed.detractor_count,
        (summed.promoter_count - summed.detractor_count) * 100::double precision / nullif(summed.nps_count, 0)
    FROM summed
    CROSS JOIN bounds
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = summed.dimension_name
        AND dimension_member.member_id = summed.member_id
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION feedback_report(date, date, text, timestamp with time zone, text) IS
    'CSAT and NPS of the answers that came in from from_date until before to_date, by all, rep or team (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW feedback_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.csat_count,
    report.satisfied_count,
    report.csat_rate,
    report.csat_rate_low,
    report.csat_rate_high,
    report.csat_mean_score,
    report.nps_count,
    report.promoter_count,
    report.passive_count,
    report.detractor_count,
    report.nps_score
FROM feedback_report() AS report;
COMMENT ON VIEW feedback_report IS
    'One row per dimension (all, rep, team), member and month: CSAT (share of 4 and 5 of 1 to 5) and NPS (promoters 9 and 10 less detractors 0 to 6, of 0 to 10) of the answers that came in, as of now.';
COMMENT ON COLUMN feedback_report.dimension_name IS 'what the row is grouped by: all, rep or team';
COMMENT ON COLUMN feedback_report.member_id IS 'key of the member in its own table; NULL for all, and for answers without a rep or team';
COMMENT ON COLUMN feedback_report.member_name IS 'name of the member; (none) for answers that have none';
COMMENT ON COLUMN feedback_report.period_start IS 'first day of the month';
COMMENT ON COLUMN feedback_report.period_label IS 'name of the month';
COMMENT ON COLUMN feedback_report.csat_count IS 'CSAT answers: denominator of csat_rate';
COMMENT ON COLUMN feedback_report.satisfied_count IS 'CSAT answers of 4 and 5: numerator of csat_rate';
COMMENT ON COLUMN feedback_report.csat_rate IS 'share of 4 and 5, 0 to 1; NULL without an answer';
COMMENT ON COLUMN feedback_report.csat_rate_low IS 'lower 95 % Wilson bound of csat_rate';
COMMENT ON COLUMN feedback_report.csat_rate_high IS 'upper 95 % Wilson bound of csat_rate';
COMMENT ON COLUMN feedback_report.csat_mean_score IS 'mean CSAT answer, 1 to 5; NULL without one';
COMMENT ON COLUMN feedback_report.nps_count IS 'NPS answers: denominator of nps_score';
COMMENT ON COLUMN feedback_report.promoter_count IS 'NPS answers of 9 and 10';
COMMENT ON COLUMN feedback_report.passive_count IS 'NPS answers of 7 and 8';
COMMENT ON COLUMN feedback_report.detractor_count IS 'NPS answers of 0 to 6';
COMMENT ON COLUMN feedback_report.nps_score IS 'promoters less detractors in 100 answers, -100 to 100; NULL without an answer';
