/*
 * lead_source_report: which source is worth the time?
 *
 * Grain: dimension (all, source, channel) × member × period of the lead.  It follows
 * the leads created in the period, whatever became of them until as_of, and with
 * them the deals of the source that came without a lead, by the day they were opened:
 *
 *   opportunity_rate  leads with a deal / leads
 *   win_rate          won / (won + lost) of the deals; each counts by the phase it is
 *                     in at as_of.  A deal of a lead is its lead's source's
 *   activities        done for these leads and deals until as_of; one for a deal is
 *                     that deal's, one for a lead only the lead's.  Hours from start
 *                     to end, unknown if one is missing or they are more than a day
 *                     apart
 *   cost              of the source, spread evenly over the days from starts_on to
 *                     ends_on, as far as they are in the period and not after as_of.
 *                     A source without ends_on goes on until as_of, one without
 *                     starts_on began with its first lead or deal
 *
 * low and high are 95 % Wilson bounds: compare sources by opportunity_rate_low, and a
 * small one does not look best by luck.  Young periods are not finished: their deals
 * are still open, and their leads may yet become deals.
 *
 * The rows are those of lead_outcome(), counted as KPIs are, so refresh_kpi_days() keeps them.
 */
CREATE FUNCTION lead_source_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    channel text,
    period_start date,
    period_label text,
    lead_count bigint,
    converted_count bigint,
    opportunity_rate double precision,
    opportunity_rate_low double precision,
    opportunity_rate_high double precision,
    deal_count bigint,
    direct_deal_count bigint,
    won_count bigint,
    closed_count bigint,
    win_rate double precision,
    win_rate_low double precision,
    win_rate_high double precision,
    won_amount numeric,
    activity_count bigint,
    timed_count bigint,
    duration_hours double precision,
    cost_amount numeric,
    won_per_hour_amount numeric,
    won_amount_per_cost double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH today AS MATERIALIZED (
        SELECT (as_of AT TIME ZONE setting.time_zone)::date AS day
        FROM setting
        WHERE setting.only_row
    ), campaign AS MATERIALIZED (
        SELECT
            source.id AS source_id,
            source.cost,
            source.starts_on,
            greatest(source.starts_on, coalesce(source.ends_on, today.day)) AS ends_on
        FROM today
        CROSS JOIN LATERAL (
            SELECT
                lead_source.id,
                lead_source.cost,
                lead_source.ends_on,
                coalesce(lead_source.starts_on, least((first_seen.at AT TIME ZONE setting.time_zone)::date, lead_source.ends_on), lead_source.ends_on, today.day) AS starts_on
            FROM lead_source
            JOIN setting ON setting.only_row
            CROSS JOIN LATERAL (
                SELECT least(
                    (SELECT min(lead.created_at) FROM lead WHERE lead.source_id = lead_source.id),
                    (SELECT min(deal.opened_at) FROM deal WHERE deal.source_id = lead_source.id AND deal.lead_id IS NULL)
                ) AS at
            ) AS first_seen
            WHERE lead_source.cost > 0
        ) AS source
    ), span AS MATERIALIZED (
        SELECT
            least((SELECT min(lead.created_at) FROM lead), (SELECT min(deal.opened_at) FROM deal)) AS first_at,
            greatest((SELECT max(lead.created_at) FROM lead), (SELECT max(deal.opened_at) FROM deal)) AS last_at
    ), part AS (
        SELECT
            part.member_id AS source_id,
            part.period_start,
            part.period_label,
            part.part,
            part.numerator,
            part.denominator
        FROM span
        CROSS JOIN LATERAL report_part('lead_source_report', from_date, to_date, grain, '{source}', as_of, span.first_at, span.last_at) AS part
        UNION ALL
        SELECT
            campaign.source_id,
            dated.period_start,
            dated.period_label,
            'cost',
            max(campaign.cost) * count(*) / (max(campaign.ends_on) - max(campaign.starts_on) + 1),
            NULL
        FROM campaign
        CROSS JOIN today
        JOIN setting ON setting.only_row
        CROSS JOIN LATERAL generate_series(
            greatest(campaign.starts_on, from_date)::timestamp without time zone,
            least(campaign.ends_on, to_date - 1, today.day)::timestamp without time zone,
            INTERVAL '1 day'
        ) AS spent (at)
        CROSS JOIN LATERAL (
            SELECT
                CASE grain
                    WHEN 'all' THEN from_date
                    ELSE kpicrm.fiscal_period_start(spent.at::date, grain, setting.fiscal_start_month, setting.week_start)
                END AS period_start,
                CASE grain
                    WHEN 'all' THEN 'all'
                    ELSE kpicrm.fiscal_period_label(spent.at::date, grain, setting.fiscal_start_month, setting.week_start)
                END AS period_label
        ) AS dated
        WHERE kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
        GROUP BY
            campaign.source_id,
            dated.period_start,
            dated.period_label
    ), summed AS (
        SELECT
            dimension.name AS dimension_name,
            dimension.member_id,
            dimension.channel,
            part.period_start,
            part.period_label,
            coalesce(sum(part.denominator) FILTER (WHERE part.part = 'lead'), 0)::bigint AS lead_count,
            coalesce(sum(part.numerator) FILTER (WHERE part.part = 'lead'), 0)::bigint AS converted_count,
            coalesce(sum(part.denominator) FILTER (WHERE part.part = 'deal'), 0)::bigint AS deal_count,
            coalesce(sum(part.numerator) FILTER (WHERE part.part = 'deal'), 0)::bigint AS direct_deal_count,
            coalesce(sum(part.denominator) FILTER (WHERE part.part = 'closed'), 0)::bigint AS closed_count,
            coalesce(sum(part.numerator) FILTER (WHERE part.part = 'closed'), 0)::bigint AS won_count,
            coalesce(sum(part.numerator) FILTER (WHERE part.part = 'amount'), 0) AS won_amount,
            coalesce(sum(part.numerator) FILTER (WHERE part.part = 'activity'), 0)::bigint AS activity_count,
            coalesce(sum(part.denominator) FILTER (WHERE part.part = 'time'), 0)::bigint AS timed_count,
            sum(part.numerator) FILTER (WHERE part.part = 'time') / 3600 AS hours,
            sum(part.numerator) FILTER (WHERE part.part = 'cost') AS cost
        FROM part
        LEFT JOIN lead_source ON lead_source.id = part.source_id
        CROSS JOIN LATERAL (VALUES
            ('all', NULL::bigint, NULL::text),
            ('source', part.source_id, lead_source.channel),
            ('channel', NULL, lead_source.channel)
        ) AS dimension (name, member_id, channel)
        WHERE CASE
            WHEN by IS NULL THEN true
            ELSE dimension.name = kpicrm.checked_option('by', by, 'all', 'source', 'channel')
        END
        GROUP BY
            dimension.name,
            dimension.member_id,
            dimension.channel,
            part.period_start,
            part.period_label
    )
    SELECT
        summed.dimension_name,
        summed.member_id,
        CASE summed.dimension_name
            WHEN 'all' THEN 'all'
            WHEN 'channel' THEN coalesce(summed.channel, '(none)')
            ELSE coalesce(lead_source.name, '(none)')
        END,
        summed.channel,
        summed.period_start,
        summed.period_label,
        summed.lead_count,
        summed.converted_count,
        kpicrm.rate(leads.opportunity),
        kpicrm.rate_lower(leads.opportunity),
        kpicrm.rate_upper(leads.opportunity),
        summed.deal_count,
        summed.direct_deal_count,
        summed.won_count,
        summed.closed_count,
        kpicrm.rate(deals.closed),
        kpicrm.rate_lower(deals.closed),
        kpicrm.rate_upper(deals.closed),
        summed.won_amount,
        summed.activity_count,
        summed.timed_count,
        summed.hours::double precision,
        summed.cost,
        summed.won_amount / nullif(summed.hours, 0),
        (summed.won_amount / nullif(summed.cost, 0))::double precision
    FROM summed
    CROSS JOIN LATERAL (SELECT CASE WHEN summed.lead_count > 0 THEN (summed.converted_count || '/' || summed.lead_count)::kpicrm.conversion END AS opportunity) AS leads
    CROSS JOIN LATERAL (SELECT CASE WHEN summed.closed_count > 0 THEN (summed.won_count || '/' || summed.closed_count)::kpicrm.conversion END AS closed) AS deals
    LEFT JOIN lead_source ON lead_source.id = summed.member_id
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION lead_source_report(date, date, text, timestamp with time zone, text) IS
    'what came of the leads created, and of the deals without a lead opened, from from_date until before to_date, and what they took, by all, source or channel (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW lead_source_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.channel,
    report.period_start,
    report.period_label,
    report.lead_count,
    report.converted_count,
    report.opportunity_rate,
    report.opportunity_rate_low,
    report.opportunity_rate_high,
    report.deal_count,
    report.direct_deal_count,
    report.won_count,
    report.closed_count,
    report.win_rate,
    report.win_rate_low,
    report.win_rate_high,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.activity_count,
    report.timed_count,
    report.duration_hours,
    report.cost_amount::numeric(18, 2) AS cost_amount,
    report.won_per_hour_amount::numeric(18, 2) AS won_per_hour_amount,
    report.won_amount_per_cost
FROM lead_source_report() AS report;
COMMENT ON VIEW lead_source_report IS
    'One row per dimension (all, source, channel), member and month: what came so far of the leads created in the month, and of the deals without a lead opened in it, and what they took. A deal that came of a lead counts for the source and month of the lead.';
COMMENT ON COLUMN lead_source_report.dimension_name IS 'what the row is grouped by: all, source or channel';
COMMENT ON COLUMN lead_source_report.member_id IS 'key of the source; NULL for all and for a channel, and for leads without a source';
COMMENT ON COLUMN lead_source_report.member_name IS 'name of the source or channel; (none) for leads without one';
COMMENT ON COLUMN lead_source_report.channel IS 'channel of the source';
COMMENT ON COLUMN lead_source_report.period_start IS 'first day of the month';
COMMENT ON COLUMN lead_source_report.period_label IS 'name of the month';
COMMENT ON COLUMN lead_source_report.lead_count IS 'leads created in the month: denominator of opportunity_rate';
COMMENT ON COLUMN lead_source_report.converted_count IS 'leads among them with a deal so far: numerator of opportunity_rate';
COMMENT ON COLUMN lead_source_report.opportunity_rate IS 'share of the leads that have a deal, 0 to 1; NULL without leads';
COMMENT ON COLUMN lead_source_report.opportunity_rate_low IS 'lower 95 % Wilson bound of opportunity_rate';
COMMENT ON COLUMN lead_source_report.opportunity_rate_high IS 'upper 95 % Wilson bound of opportunity_rate';
COMMENT ON COLUMN lead_source_report.deal_count IS 'deals of these leads, and those opened in the month without a lead';
COMMENT ON COLUMN lead_source_report.direct_deal_count IS 'deals among them without a lead';
COMMENT ON COLUMN lead_source_report.won_count IS 'deals among them that are won: numerator of win_rate';
COMMENT ON COLUMN lead_source_report.closed_count IS 'deals among them that are won or lost: denominator of win_rate';
COMMENT ON COLUMN lead_source_report.win_rate IS 'share won of those won or lost, 0 to 1; NULL if none is';
COMMENT ON COLUMN lead_source_report.win_rate_low IS 'lower 95 % Wilson bound of win_rate';
COMMENT ON COLUMN lead_source_report.win_rate_high IS 'upper 95 % Wilson bound of win_rate';
COMMENT ON COLUMN lead_source_report.won_amount IS 'amount of the deals won';
COMMENT ON COLUMN lead_source_report.activity_count IS 'actions done for these leads and deals so far';
COMMENT ON COLUMN lead_source_report.timed_count IS 'actions among them whose hours are known';
COMMENT ON COLUMN lead_source_report.duration_hours IS 'hours of the actions whose hours are known; NULL if there is none';
COMMENT ON COLUMN lead_source_report.cost_amount IS 'cost of the source in the month, spread evenly over its days; NULL if none is known';
COMMENT ON COLUMN lead_source_report.won_per_hour_amount IS 'won_amount by duration_hours; NULL if no hours are known';
COMMENT ON COLUMN lead_source_report.won_amount_per_cost IS 'won_amount by cost_amount: 1 means that the source brought in what it cost; NULL without cost';
