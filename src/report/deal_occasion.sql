/*
 * deal_occasion: what the win-rate and lead-time reports count.
 *
 * Grain: deal × occasion × dimension.  A deal counts at its opening, and again at
 * its last closing, each on its local day and for the rep and product of that
 * event; once for each dimension, whose members NULL stands for nobody.
 *
 * by, grain: NULL for by means every dimension; period_start is the first day of
 * the fiscal period, or from_date if grain is all.
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
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        occasion.name,
        dimension.name,
        dimension.member_id,
        CASE grain
            WHEN 'all' THEN from_date
            ELSE kpicrm.fiscal_period_start(
                occasion.day,
                kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all'),
                setting.fiscal_start_month,
                setting.week_start
            )
        END,
        state.won,
        state.opened_at,
        state.ended_at,
        state.amount
    FROM deal_state(as_of) AS state
    JOIN setting ON setting.only_row
    -- local days take time: most deals are known to be out of range without them
    CROSS JOIN LATERAL (
        SELECT
            coalesce(from_date - 2, '-infinity') AS after,
            coalesce(to_date + 2, 'infinity') AS before
    ) AS near
    CROSS JOIN LATERAL (VALUES
        ('opened', (state.opened_at AT TIME ZONE setting.time_zone)::date, state.opening_rep_id, state.opening_product_id),
        ('closed', (state.closed_at AT TIME ZONE setting.time_zone)::date, state.rep_id, state.product_id)
    ) AS occasion (name, day, rep_id, product_id)
    LEFT JOIN sales_rep ON sales_rep.id = occasion.rep_id
    CROSS JOIN LATERAL (VALUES
        ('all', NULL::bigint),
        ('rep', occasion.rep_id),
        ('team', sales_rep.team_id),
        ('product', occasion.product_id),
        ('source', state.source_id),
        ('pipeline', state.pipeline_id)
    ) AS dimension (name, member_id)
    WHERE ((state.opened_at >= near.after AND state.opened_at < near.before)
            OR (state.closed_at >= near.after AND state.closed_at < near.before))
        AND occasion.day IS NOT NULL
        AND (from_date IS NULL OR occasion.day >= from_date)
        AND (to_date IS NULL OR occasion.day < to_date)
        AND CASE
            WHEN by IS NULL THEN true
            ELSE dimension.name = kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')
        END;
END;
COMMENT ON FUNCTION deal_occasion(date, date, text, timestamp with time zone, text) IS
    'one row per opening and closing of a deal in the period and dimension: what win_rate_report and lead_time_report count';
