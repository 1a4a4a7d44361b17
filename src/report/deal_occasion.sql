/*
 * deal_occasion: what the win-rate and lead-time reports count.
 *
 * Grain: deal × occasion × dimension.  A deal counts at its opening, and again at
 * its last closing, each on its local day and for the rep and product of that
 * event; once for each dimension, whose members NULL stands for nobody.
 *
 * by, grain: NULL for by means every dimension; period_start is the first day of
 * the fiscal period, or from_date if grain is all.
 *
 * The same states as deal_state has, read from where the period is small: openings
 * through the index of deal.opened_at, closings through that of the stays.
 */
CREATE FUNCTION deal_occasion(
    from_date date,
    to_date date,
    by text,
    as_of timestamp with time zone,
    grain text
) RETURNS TABLE (
    occasion text,
    dimension_name text,
    member_id bigint,
    period_start date,
    won boolean,
    opened_at timestamp with time zone,
    ended_at timestamp with time zone,
    amount numeric,
    deal_id bigint
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    WITH dated AS (
        SELECT
            opened.deal_id,
            'opened' AS occasion,
            (opened.opened_at AT TIME ZONE setting.time_zone)::date AS day,
            opening.rep_id,
            opening.product_id,
            opened.source_id,
            coalesce(first_phase.pipeline_id, opened.pipeline_id) AS pipeline_id,
            CASE phase.kind WHEN 'won' THEN true WHEN 'lost' THEN false END AS won,
            opened.opened_at,
            CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN opened.entered_at END AS ended_at,
            opened.amount
        FROM deal_standing(as_of) AS opened
        JOIN setting ON setting.only_row
        LEFT JOIN phase ON phase.id = opened.phase_id
        LEFT JOIN phase_stay AS opening
            ON opening.deal_id = opened.deal_id
            AND opening.stay_no = 1
        LEFT JOIN phase AS first_phase ON first_phase.id = opening.phase_id
        WHERE opened.opened_at >= earliest_instant(from_date)
            AND opened.opened_at < latest_instant(to_date)
        UNION ALL
        SELECT
            deal.id,
            'closed',
            (stay.entered_at AT TIME ZONE setting.time_zone)::date,
            stay.rep_id,
            stay.product_id,
            deal.source_id,
            phase.pipeline_id,
            phase.kind = 'won',
            deal.opened_at,
            stay.entered_at,
            deal.amount
        FROM phase_stay AS stay
        JOIN phase
            ON phase.id = stay.phase_id
            AND phase.kind IN ('won', 'lost')
        JOIN deal ON deal.id = stay.deal_id
        JOIN setting ON setting.only_row
        WHERE stay.entered_at <= as_of
            AND stay.entered_at >= earliest_instant(from_date)
            AND stay.entered_at < latest_instant(to_date)
            AND (stay.left_at IS NULL OR stay.left_at > as_of)
            AND deal.opened_at <= as_of
    ), occasion AS (
        SELECT
            dated.deal_id,
            dated.occasion,
            dated.rep_id,
            dated.product_id,
            dated.source_id,
            dated.pipeline_id,
            CASE grain
                WHEN 'all' THEN from_date
                ELSE kpicrm.fiscal_period_start(dated.day, grain, setting.fiscal_start_month, setting.week_start)
            END AS period_start,
            dated.won,
            dated.opened_at,
            dated.ended_at,
            dated.amount
        FROM dated
        JOIN setting ON setting.only_row
        -- CASE, because the planner takes it for half of the rows, a range of an unknown expression for few
        WHERE CASE WHEN dated.day < from_date OR dated.day >= to_date THEN false ELSE true END
    )
    SELECT
        occasion.occasion,
        dimension.name,
        CASE dimension.name
            WHEN 'rep' THEN occasion.rep_id
            WHEN 'team' THEN sales_rep.team_id
            WHEN 'product' THEN occasion.product_id
            WHEN 'source' THEN occasion.source_id
            WHEN 'pipeline' THEN occasion.pipeline_id
        END,
        occasion.period_start,
        occasion.won,
        occasion.opened_at,
        occasion.ended_at,
        occasion.amount,
        occasion.deal_id
    FROM occasion
    LEFT JOIN sales_rep ON sales_rep.id = occasion.rep_id
    CROSS JOIN unnest(
        CASE
            WHEN by IS NULL THEN ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']
            ELSE ARRAY[kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')]
        END
    ) AS dimension (name)
    WHERE kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_period(from_date, to_date)
        AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL;
END;
COMMENT ON FUNCTION deal_occasion(date, date, text, timestamp with time zone, text) IS
    'one row per opening and closing of a deal in the period and dimension: what win_rate_report and lead_time_report count';
