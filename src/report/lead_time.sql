/*
 * lead_time_report: who and what is fast?
 *
 * Grain: dimension × member × period × definition.  The lead time of a deal runs
 * from opened_at to the instant it entered the phase that ended it, never to the
 * expected close date.  Definitions:
 *
 *   closed   deals closed in the period; mean, median and p80 of those won.  The
 *            usual number, and too short while slow deals are still open
 *   opened   deals opened in the period; the same of those won so far, and
 *            censored_median_days: the time until half of all of them had ended,
 *            by Kaplan and Meier, the open ones censored at as_of
 *
 * A disqualified deal is neither won nor lost and is censored at its end.  An end
 * before its start is counted in invalid_count and nowhere else.  Rep, team and
 * product are those of the closing or of the opening.
 */
CREATE FUNCTION lead_time_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'quarter'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    definition text,
    sort_order integer,
    won_count bigint,
    lost_count bigint,
    open_count bigint,
    invalid_count bigint,
    mean_days double precision,
    median_days double precision,
    p80_days double precision,
    censored_median_days double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH period AS (
        SELECT
            occasion.dimension_name,
            occasion.member_id,
            occasion.period_start,
            occasion.occasion AS definition,
            CASE occasion.occasion WHEN 'closed' THEN 1 ELSE 2 END AS sort_order,
            kpicrm.lead_time_agg(occasion.opened_at, occasion.ended_at, occasion.won, as_of) AS lead_times
        FROM deal_occasion(from_date, to_date, by, as_of, grain) AS occasion
        GROUP BY
            occasion.dimension_name,
            occasion.member_id,
            occasion.period_start,
            occasion.occasion
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
        period.definition,
        period.sort_order,
        kpicrm.completed_count(period.lead_times),
        kpicrm.lost_count(period.lead_times),
        kpicrm.open_count(period.lead_times),
        kpicrm.invalid_count(period.lead_times),
        kpicrm.mean_days(period.lead_times),
        kpicrm.median_days(period.lead_times),
        kpicrm.quantile_days(period.lead_times, 0.8),
        CASE period.definition WHEN 'opened' THEN kpicrm.survival_quantile_days(period.lead_times, 0.5) END
    FROM period
    JOIN setting ON setting.only_row
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = period.dimension_name
        AND dimension_member.member_id = period.member_id;
END;
COMMENT ON FUNCTION lead_time_report(date, date, text, timestamp with time zone, text) IS
    'lead times of the deals closed or opened from from_date until before to_date, by all, rep, team, product, source or pipeline (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW lead_time_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.definition,
    report.sort_order,
    report.won_count,
    report.lost_count,
    report.open_count,
    report.invalid_count,
    report.mean_days,
    report.median_days,
    report.p80_days,
    report.censored_median_days
FROM lead_time_report() AS report;
COMMENT ON VIEW lead_time_report IS
    'One row per dimension, member, fiscal quarter and definition: how long deals took from opening to winning, as of now. Definitions: closed (deals closed in the quarter) and opened (deals opened in it, the open ones censored). Rep, team and product are those of the closing or opening.';
COMMENT ON COLUMN lead_time_report.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline';
COMMENT ON COLUMN lead_time_report.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN lead_time_report.member_name IS 'name of the member; (none) for deals that have none';
COMMENT ON COLUMN lead_time_report.period_start IS 'first day of the fiscal quarter';
COMMENT ON COLUMN lead_time_report.period_label IS 'name of the fiscal quarter';
COMMENT ON COLUMN lead_time_report.definition IS 'closed or opened: what puts a deal into the quarter';
COMMENT ON COLUMN lead_time_report.sort_order IS 'order of the definitions';
COMMENT ON COLUMN lead_time_report.won_count IS 'deals won: those the mean, median and p80 are of';
COMMENT ON COLUMN lead_time_report.lost_count IS 'deals lost';
COMMENT ON COLUMN lead_time_report.open_count IS 'deals opened in the quarter and not closed: open, on hold or disqualified; 0 by the definition closed';
COMMENT ON COLUMN lead_time_report.invalid_count IS 'deals left out because they end before they were opened';
COMMENT ON COLUMN lead_time_report.mean_days IS 'mean days from opening to winning; NULL if none was won';
COMMENT ON COLUMN lead_time_report.median_days IS 'median days from opening to winning; NULL if none was won';
COMMENT ON COLUMN lead_time_report.p80_days IS 'days within which 80 % of the deals won were won; NULL if none was won';
COMMENT ON COLUMN lead_time_report.censored_median_days IS 'days until half of the deals opened had ended, won or lost, with open deals censored (Kaplan-Meier); NULL by the definition closed, and if half have not ended yet';

/*
 * lead_time_band: does speed pay?
 *
 * Grain: dimension × member × band of the lead time, over the deals closed from
 * from_date until before to_date.  A band holds its lower limit and not its upper one.
 *
 * Hours are those of the activities done for these deals until as_of, before and after
 * the closing, from start to end; an activity without both or of more than a day counts
 * and has no hours.
 */
CREATE FUNCTION lead_time_band(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    band_label text,
    sort_order integer,
    band_from_days double precision,
    band_to_days double precision,
    won_count bigint,
    closed_count bigint,
    win_rate double precision,
    win_rate_low double precision,
    win_rate_high double precision,
    won_amount numeric,
    average_won_amount numeric,
    activity_count bigint,
    activity_hours double precision,
    average_deal_hours double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH closed AS (
        SELECT
            occasion.deal_id,
            occasion.dimension_name,
            occasion.member_id,
            width_bucket(
                EXTRACT(epoch FROM occasion.ended_at - occasion.opened_at) / 86400,
                ARRAY[0, 7, 14, 30, 60, 90, 180, 365]::numeric[]
            ) AS sort_order,
            occasion.won,
            occasion.amount
        FROM deal_occasion(from_date, to_date, by, as_of, 'all') AS occasion
        WHERE occasion.occasion = 'closed'
            AND occasion.ended_at >= occasion.opened_at
    ), effort AS (
        SELECT
            activity.deal_id,
            count(*) AS activity_count,
            sum(activity.duration) AS activity_time
        FROM activity_done(as_of) AS activity
        -- days more than enough, and from the table: what is read from closed is read by one process
        WHERE activity.deal_id IN (
            SELECT stay.deal_id
            FROM phase_stay AS stay
            JOIN phase ON phase.id = stay.phase_id
            WHERE phase.kind IN ('won', 'lost')
                AND stay.entered_at <= as_of
                AND stay.entered_at >= earliest_instant(from_date)
                AND stay.entered_at < latest_instant(to_date)
                AND (stay.left_at IS NULL OR stay.left_at > as_of)
        )
        GROUP BY activity.deal_id
    ), band AS (
        SELECT
            closed.dimension_name,
            closed.member_id,
            closed.sort_order,
            kpicrm.conversion_agg(closed.won) AS conversion,
            sum(closed.amount) FILTER (WHERE closed.won) AS won_amount,
            coalesce(sum(effort.activity_count), 0)::bigint AS activity_count,
            coalesce(EXTRACT(epoch FROM sum(effort.activity_time)) / 3600, 0)::double precision AS activity_hours
        FROM closed
        LEFT JOIN effort ON effort.deal_id = closed.deal_id
        GROUP BY
            closed.dimension_name,
            closed.member_id,
            closed.sort_order
    )
    SELECT
        band.dimension_name,
        band.member_id,
        CASE band.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        span.label,
        band.sort_order,
        span.from_days,
        span.to_days,
        kpicrm.converted_count(band.conversion),
        kpicrm.total_count(band.conversion),
        kpicrm.rate(band.conversion),
        kpicrm.rate_lower(band.conversion),
        kpicrm.rate_upper(band.conversion),
        coalesce(band.won_amount, 0),
        band.won_amount / nullif(kpicrm.converted_count(band.conversion), 0),
        band.activity_count,
        band.activity_hours,
        band.activity_hours / kpicrm.total_count(band.conversion)
    FROM band
    JOIN (VALUES
        (1, 'under 7 days', 0, 7),
        (2, '7 to 13 days', 7, 14),
        (3, '14 to 29 days', 14, 30),
        (4, '30 to 59 days', 30, 60),
        (5, '60 to 89 days', 60, 90),
        (6, '90 to 179 days', 90, 180),
        (7, '180 to 364 days', 180, 365),
        (8, '365 days or more', 365, NULL)
    ) AS span (sort_order, label, from_days, to_days) ON span.sort_order = band.sort_order
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = band.dimension_name
        AND dimension_member.member_id = band.member_id;
END;
COMMENT ON FUNCTION lead_time_band(date, date, text, timestamp with time zone) IS
    'win rate, amount and hours of work by lead time of the deals closed from from_date until before to_date, by all, rep, team, product, source or pipeline (NULL: by each of them)';

CREATE VIEW lead_time_band WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.band_label,
    report.sort_order,
    report.band_from_days,
    report.band_to_days,
    report.won_count,
    report.closed_count,
    report.win_rate,
    report.win_rate_low,
    report.win_rate_high,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.average_won_amount::numeric(18, 2) AS average_won_amount,
    report.activity_count,
    report.activity_hours,
    report.average_deal_hours
FROM lead_time_band() AS report;
COMMENT ON VIEW lead_time_band IS
    'One row per dimension, member and band of lead time, over all closed deals: how many were won, for how much and with how much work, as of now. The lead time runs from opening to the real closing; a band holds its lower limit and not its upper one; rep, team and product are those of the closing.';
COMMENT ON COLUMN lead_time_band.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline';
COMMENT ON COLUMN lead_time_band.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN lead_time_band.member_name IS 'name of the member; (none) for deals that have none';
COMMENT ON COLUMN lead_time_band.band_label IS 'name of the band';
COMMENT ON COLUMN lead_time_band.sort_order IS 'order of the bands';
COMMENT ON COLUMN lead_time_band.band_from_days IS 'lower limit of the band, included';
COMMENT ON COLUMN lead_time_band.band_to_days IS 'upper limit of the band, not included; NULL for the last one';
COMMENT ON COLUMN lead_time_band.won_count IS 'deals won';
COMMENT ON COLUMN lead_time_band.closed_count IS 'deals won or lost';
COMMENT ON COLUMN lead_time_band.win_rate IS 'won_count / closed_count, 0 to 1';
COMMENT ON COLUMN lead_time_band.win_rate_low IS 'lower 95 % Wilson bound of win_rate';
COMMENT ON COLUMN lead_time_band.win_rate_high IS 'upper 95 % Wilson bound of win_rate';
COMMENT ON COLUMN lead_time_band.won_amount IS 'amount of the deals won';
COMMENT ON COLUMN lead_time_band.average_won_amount IS 'won_amount / won_count; NULL if none was won';
COMMENT ON COLUMN lead_time_band.activity_count IS 'activities done for the deals won or lost';
COMMENT ON COLUMN lead_time_band.activity_hours IS 'hours of these activities, from start to end; those without both or of more than a day have none';
COMMENT ON COLUMN lead_time_band.average_deal_hours IS 'activity_hours / closed_count';
