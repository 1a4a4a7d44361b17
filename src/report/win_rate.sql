/*
 * win_rate_report: who converts, and by which definition?
 *
 * Grain: dimension × member × period × definition.  Definitions:
 *
 *   closed         closed in the period: won / (won + lost), by count
 *   closed_amount  the same by amount; deals without amount or with a negative
 *                  one are left out
 *   created        opened in the period: won by as_of / all of them
 *   mature         opened in the period at least within_days before as_of:
 *                  won within within_days / all of them
 *   censored       opened in the period: the probability to be won within
 *                  within_days of opening, by Aalen and Johansen, with the deals
 *                  still open as censored, and lost or disqualified as the
 *                  competing end; NULL while none has been observed so long
 *
 * A reopened deal counts by its last closing; hold and disqualified are not
 * closed (a disqualified deal counts as opened, and as one that is not won).
 * Rep, team and product are those of the event: of the closing for closed and
 * closed_amount, of the opening for the others.  The team is the rep's present
 * one.  low and high are the 95 % Wilson bounds of a rate by count.  Amounts have
 * none, and neither has the censored probability: Greenwood's variance is that of
 * survival, not that of one of two competing ends.
 *
 * Never add up win_rate: add up the counts or amounts beside it.
 */
CREATE FUNCTION win_rate_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'quarter',
    within_days integer DEFAULT 90
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    definition text,
    sort_order integer,
    won_count bigint,
    deal_count bigint,
    won_amount numeric,
    deal_amount numeric,
    win_rate double precision,
    win_rate_low double precision,
    win_rate_high double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH period AS (
        SELECT
            occasion.dimension_name,
            occasion.member_id,
            occasion.period_start,
            kpicrm.conversion_agg(occasion.won)
                FILTER (WHERE occasion.occasion = 'closed') AS closed,
            kpicrm.conversion_agg(occasion.won, occasion.amount)
                FILTER (WHERE occasion.occasion = 'closed') AS closed_amount,
            kpicrm.conversion_agg(occasion.won IS TRUE)
                FILTER (WHERE occasion.occasion = 'opened') AS created,
            kpicrm.conversion_agg(occasion.won IS TRUE AND occasion.ended_at <= occasion.opened_at + make_interval(hours => 24 * within_days))
                FILTER (WHERE occasion.occasion = 'opened' AND occasion.opened_at + make_interval(hours => 24 * within_days) <= as_of) AS mature,
            kpicrm.lead_time_agg(occasion.opened_at, occasion.ended_at, CASE WHEN occasion.ended_at IS NOT NULL THEN occasion.won IS TRUE END, as_of)
                FILTER (WHERE occasion.occasion = 'opened') AS lead_times,
            max(coalesce(occasion.ended_at, as_of) - occasion.opened_at)
                FILTER (WHERE occasion.occasion = 'opened') AS longest
        FROM deal_occasion(from_date, to_date, by, as_of, grain) AS occasion
        GROUP BY
            occasion.dimension_name,
            occasion.member_id,
            occasion.period_start
    )
    SELECT
        period.dimension_name,
        period.member_id,
        CASE period.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        period.period_start,
        CASE grain
            WHEN 'all' THEN 'all'
            ELSE kpicrm.fiscal_period_label(period.period_start, grain, setting.fiscal_start_month, setting.week_start)
        END,
        rate.definition,
        rate.sort_order,
        rate.won_count,
        rate.deal_count,
        rate.won_amount,
        rate.deal_amount,
        rate.win_rate,
        rate.win_rate_low,
        rate.win_rate_high
    FROM period
    JOIN setting ON setting.only_row
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = period.dimension_name
        AND dimension_member.member_id = period.member_id
    CROSS JOIN LATERAL (VALUES
        (
            'closed',
            1,
            kpicrm.converted_count(period.closed),
            kpicrm.total_count(period.closed),
            NULL::numeric,
            NULL::numeric,
            kpicrm.rate(period.closed),
            kpicrm.rate_lower(period.closed),
            kpicrm.rate_upper(period.closed)
        ),
        (
            'closed_amount',
            2,
            kpicrm.converted_count(period.closed_amount),
            kpicrm.total_count(period.closed_amount),
            kpicrm.converted_amount(period.closed_amount),
            kpicrm.total_amount(period.closed_amount),
            kpicrm.rate(period.closed_amount),
            NULL,
            NULL
        ),
        (
            'created',
            3,
            kpicrm.converted_count(period.created),
            kpicrm.total_count(period.created),
            NULL,
            NULL,
            kpicrm.rate(period.created),
            kpicrm.rate_lower(period.created),
            kpicrm.rate_upper(period.created)
        ),
        (
            'mature',
            4,
            kpicrm.converted_count(period.mature),
            kpicrm.total_count(period.mature),
            NULL,
            NULL,
            kpicrm.rate(period.mature),
            kpicrm.rate_lower(period.mature),
            kpicrm.rate_upper(period.mature)
        ),
        (
            'censored',
            5,
            kpicrm.completed_count(period.lead_times),
            kpicrm.completed_count(period.lead_times) + kpicrm.lost_count(period.lead_times) + kpicrm.open_count(period.lead_times),
            NULL,
            NULL,
            CASE
                WHEN kpicrm.open_count(period.lead_times) = 0 OR period.longest >= make_interval(hours => 24 * within_days)
                    THEN kpicrm.win_probability(period.lead_times, make_interval(hours => 24 * within_days))
            END,
            NULL,
            NULL
        )
    ) AS rate (definition, sort_order, won_count, deal_count, won_amount, deal_amount, win_rate, win_rate_low, win_rate_high)
    WHERE rate.deal_count > 0
        AND kpicrm.accept_number('within_days', within_days, 0, 36500);
END;
COMMENT ON FUNCTION win_rate_report(date, date, text, timestamp with time zone, text, integer) IS
    'win rates of the deals closed or opened from from_date until before to_date, by all, rep, team, product, source or pipeline (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW win_rate_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.definition,
    report.sort_order,
    report.won_count,
    report.deal_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.deal_amount::numeric(18, 2) AS deal_amount,
    report.win_rate,
    report.win_rate_low,
    report.win_rate_high
FROM win_rate_report() AS report;
COMMENT ON VIEW win_rate_report IS
    'One row per dimension, member, fiscal quarter and definition: how many deals were won of how many, as of now. Definitions: closed and closed_amount (closed in the quarter: won of won and lost, by count and by amount), created (opened in the quarter: won so far), mature (opened in the quarter and at least 90 days ago: won within 90 days), censored (opened in the quarter: probability to be won within 90 days, open deals censored). A reopened deal counts by its last closing; rep, team and product are those of the closing or opening.';
COMMENT ON COLUMN win_rate_report.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline';
COMMENT ON COLUMN win_rate_report.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN win_rate_report.member_name IS 'name of the member; (none) for deals that have none';
COMMENT ON COLUMN win_rate_report.period_start IS 'first day of the fiscal quarter';
COMMENT ON COLUMN win_rate_report.period_label IS 'name of the fiscal quarter';
COMMENT ON COLUMN win_rate_report.definition IS 'closed, closed_amount, created, mature or censored';
COMMENT ON COLUMN win_rate_report.sort_order IS 'order of the definitions';
COMMENT ON COLUMN win_rate_report.won_count IS 'numerator in deals: those won';
COMMENT ON COLUMN win_rate_report.deal_count IS 'denominator in deals: those the definition counts';
COMMENT ON COLUMN win_rate_report.won_amount IS 'numerator of closed_amount: amount won; NULL for the other definitions';
COMMENT ON COLUMN win_rate_report.deal_amount IS 'denominator of closed_amount: amount won and lost; NULL for the other definitions';
COMMENT ON COLUMN win_rate_report.win_rate IS 'share won, 0 to 1, by the definition; NULL if there is nothing to divide by';
COMMENT ON COLUMN win_rate_report.win_rate_low IS 'lower 95 % Wilson bound of a rate by count; NULL for closed_amount and censored';
COMMENT ON COLUMN win_rate_report.win_rate_high IS 'upper 95 % Wilson bound of a rate by count; NULL for closed_amount and censored';
