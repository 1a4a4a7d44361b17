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
    ), bounds AS MATERIALIZED (
        SELECT
            bounds.starts,
            bounds.labels,
            bounds.instants
        FROM period_bounds(
            from_date,
            to_date,
            grain,
            (SELECT least((SELECT min(lead.created_at) FROM lead), (SELECT min(deal.opened_at) FROM deal), (SELECT day_begins_at(min(campaign.starts_on)) FROM campaign))),
            (SELECT greatest(
                (SELECT max(lead.created_at) FROM lead),
                (SELECT max(deal.opened_at) FROM deal),
                (SELECT day_begins_at(least(max(campaign.ends_on), max(today.day))) FROM campaign CROSS JOIN today)
            ))
        ) AS bounds
    ), near AS NOT MATERIALIZED (
        -- days more than enough
        SELECT
            coalesce(from_date - 2, '-infinity') AS after,
            coalesce(to_date + 2, 'infinity') AS before
    ), new_lead AS NOT MATERIALIZED (
        SELECT
            lead.id,
            lead.source_id,
            lead.created_at
        FROM lead
        CROSS JOIN near
        WHERE lead.created_at <= as_of
            AND lead.created_at >= near.after
            AND lead.created_at < near.before
    ), new_deal AS NOT MATERIALIZED (
        -- with the source and the instant that it counts for
        SELECT
            deal.id,
            deal.lead_id,
            new_lead.source_id,
            new_lead.created_at AS at
        FROM new_lead
        JOIN deal ON deal.lead_id = new_lead.id
        WHERE deal.opened_at <= as_of
        UNION ALL
        SELECT
            deal.id,
            NULL,
            deal.source_id,
            deal.opened_at
        FROM deal
        CROSS JOIN near
        WHERE deal.lead_id IS NULL
            AND deal.opened_at <= as_of
            AND deal.opened_at >= near.after
            AND deal.opened_at < near.before
    ), fact AS NOT MATERIALIZED (
        -- one row for each thing to count: one pass over them all, which runs in parallel
        SELECT
            new_lead.source_id,
            new_lead.created_at AS at,
            1 AS lead,
            NULL::integer AS converted,
            NULL::integer AS deal,
            NULL::integer AS direct_deal,
            NULL::boolean AS won,
            NULL::numeric AS won_amount,
            NULL::integer AS activity,
            NULL::interval AS duration
        FROM new_lead
        UNION ALL
        SELECT
            new_lead.source_id,
            new_lead.created_at,
            NULL,
            1,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL
        FROM new_lead
        WHERE EXISTS (SELECT FROM deal WHERE deal.lead_id = new_lead.id AND deal.opened_at <= as_of)
        UNION ALL
        SELECT
            new_deal.source_id,
            new_deal.at,
            NULL,
            NULL,
            1,
            CASE WHEN new_deal.lead_id IS NULL THEN 1 END,
            CASE phase.kind WHEN 'won' THEN true WHEN 'lost' THEN false END,
            CASE phase.kind WHEN 'won' THEN deal.amount END,
            NULL,
            NULL
        FROM new_deal
        JOIN deal_standing(as_of) AS deal ON deal.deal_id = new_deal.id
        LEFT JOIN phase ON phase.id = deal.phase_id
        UNION ALL
        SELECT
            new_deal.source_id,
            new_deal.at,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            1,
            activity.duration
        FROM new_deal
        JOIN activity_done(as_of) AS activity ON activity.deal_id = new_deal.id
        UNION ALL
        SELECT
            new_lead.source_id,
            new_lead.created_at,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            1,
            activity.duration
        FROM new_lead
        JOIN activity_done(as_of) AS activity ON activity.lead_id = new_lead.id
        -- which the join says too, but not to the index of what was done for leads
        WHERE activity.lead_id IS NOT NULL
            AND activity.deal_id IS NULL
    ), part AS (
        SELECT
            fact.source_id,
            period.no AS period_no,
            count(fact.lead) AS lead_count,
            count(fact.converted) AS converted_count,
            kpicrm.conversion_agg(fact.won) AS closed,
            count(fact.deal) AS deal_count,
            count(fact.direct_deal) AS direct_deal_count,
            sum(fact.won_amount) AS won_amount,
            count(fact.activity) AS activity_count,
            count(fact.duration) AS timed_count,
            sum(fact.duration) AS duration,
            NULL::numeric AS cost
        FROM fact
        -- a join, because it tells the planner that there are few periods, and so it aggregates in parallel
        LEFT JOIN unnest((SELECT bounds.starts FROM bounds)) WITH ORDINALITY AS period (starts_on, no)
            ON period.no = width_bucket(fact.at, (SELECT bounds.instants FROM bounds))
        GROUP BY
            fact.source_id,
            period.no
        UNION ALL
        SELECT
            campaign.source_id,
            dated.period_no,
            0,
            0,
            NULL,
            0,
            0,
            NULL,
            0,
            0,
            NULL,
            max(campaign.cost) * count(*) / (max(campaign.ends_on) - max(campaign.starts_on) + 1)
        FROM campaign
        CROSS JOIN today
        CROSS JOIN bounds
        CROSS JOIN LATERAL generate_series(
            greatest(campaign.starts_on, from_date)::timestamp without time zone,
            least(campaign.ends_on, to_date - 1, today.day)::timestamp without time zone,
            INTERVAL '1 day'
        ) AS spent (at)
        CROSS JOIN LATERAL (
            SELECT CASE grain WHEN 'all' THEN 1 ELSE width_bucket(spent.at::date, bounds.starts) END AS period_no
        ) AS dated
        GROUP BY
            campaign.source_id,
            dated.period_no
    ), summed AS (
        SELECT
            dimension.name AS dimension_name,
            dimension.member_id,
            dimension.channel,
            part.period_no,
            sum(part.lead_count)::bigint AS lead_count,
            sum(part.converted_count)::bigint AS converted_count,
            kpicrm.rollup(part.closed) AS closed,
            sum(part.deal_count)::bigint AS deal_count,
            sum(part.direct_deal_count)::bigint AS direct_deal_count,
            coalesce(sum(part.won_amount), 0) AS won_amount,
            sum(part.activity_count)::bigint AS activity_count,
            sum(part.timed_count)::bigint AS timed_count,
            sum(part.duration) AS duration,
            sum(part.cost) AS cost
        FROM part
        LEFT JOIN lead_source ON lead_source.id = part.source_id
        CROSS JOIN LATERAL (VALUES
            ('all', NULL::bigint, NULL::text),
            ('source', part.source_id, lead_source.channel),
            ('channel', NULL, lead_source.channel)
        ) AS dimension (name, member_id, channel)
        WHERE part.period_no BETWEEN 1 AND (SELECT cardinality(bounds.starts) FROM bounds)
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
            AND CASE
                WHEN by IS NULL THEN true
                ELSE dimension.name = kpicrm.checked_option('by', by, 'all', 'source', 'channel')
            END
        GROUP BY
            dimension.name,
            dimension.member_id,
            dimension.channel,
            part.period_no
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
        bounds.starts[summed.period_no],
        bounds.labels[summed.period_no],
        summed.lead_count,
        summed.converted_count,
        kpicrm.rate(leads.opportunity),
        kpicrm.rate_lower(leads.opportunity),
        kpicrm.rate_upper(leads.opportunity),
        summed.deal_count,
        summed.direct_deal_count,
        coalesce(kpicrm.converted_count(summed.closed), 0),
        coalesce(kpicrm.total_count(summed.closed), 0),
        kpicrm.rate(summed.closed),
        kpicrm.rate_lower(summed.closed),
        kpicrm.rate_upper(summed.closed),
        summed.won_amount,
        summed.activity_count,
        summed.timed_count,
        spent.hours::double precision,
        summed.cost,
        summed.won_amount / nullif(spent.hours, 0),
        (summed.won_amount / nullif(summed.cost, 0))::double precision
    FROM summed
    CROSS JOIN bounds
    CROSS JOIN LATERAL (SELECT EXTRACT(epoch FROM summed.duration) / 3600 AS hours) AS spent
    CROSS JOIN LATERAL (SELECT CASE WHEN summed.lead_count > 0 THEN (summed.converted_count || '/' || summed.lead_count)::kpicrm.conversion END AS opportunity) AS leads
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
