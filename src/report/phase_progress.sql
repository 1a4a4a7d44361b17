/*
 * phase_progress: what moved?
 *
 * Grain: dimension × member × pipeline × open phase, over the days from from_date
 * until before to_date.  The columns of a row add up, in deals and in money:
 *
 *   start  in the phase when the period began
 *   + new (opened here), forward_in (from an earlier open phase), backward_in (from a
 *     later one), reopened (from an end), resumed (from hold), transferred_in (from
 *     another member of the dimension, or another pipeline)
 *   - forward_out, backward_out, won, lost, disqualified, held, transferred_out,
 *     removed (deleted)
 *   + changed_amount (the amount of a deal rose or fell)
 *   = end  in the phase when it ended
 *
 * Every move counts, also of a deal that comes and goes within the period.  A deal
 * moves with the amount it has afterwards; the change belongs to the row it was in.
 * A deal that changes its member and its phase at once is transferred.  Over all rows
 * of a pipeline forward_in is forward_out, and backward_in is backward_out.
 *
 * phase_transition: from where to where?  The same moves as a matrix, and beside
 * them where the deals that were there at the start stand at the end.
 *
 * Phases are as they were at the end of the period; rep and product are those the
 * deal had at each instant, the team is the rep's present one.
 */
CREATE FUNCTION deal_segment(
    from_at timestamp with time zone,
    until_at timestamp with time zone
) RETURNS TABLE (
    deal_id bigint,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    phase_id bigint,
    kind text,
    rep_id bigint,
    product_id bigint,
    amount numeric,
    expected_close_on date,
    previous_phase_id bigint,
    previous_rep_id bigint,
    previous_product_id bigint,
    previous_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        span.deal_id,
        span.starts_at,
        CASE WHEN span.ends_at < until_at THEN span.ends_at END,
        span.phase_id,
        phase.kind,
        span.rep_id,
        span.product_id,
        span.amount,
        span.expected_close_on,
        CASE WHEN span.starts_at >= from_at THEN span.previous_phase_id END,
        CASE WHEN span.starts_at >= from_at THEN span.previous_rep_id END,
        CASE WHEN span.starts_at >= from_at THEN span.previous_product_id END,
        CASE WHEN span.starts_at >= from_at THEN span.previous_amount END
    FROM deal_span AS span
    LEFT JOIN phase ON phase.id = span.phase_id
    WHERE span.starts_at < until_at
        AND CASE
            WHEN span.ends_at < from_at THEN false
            WHEN span.starts_at >= from_at OR span.ends_at < until_at THEN true
            -- nothing happened: not that of a deal that had ended before
            ELSE phase.kind IN ('open', 'hold')
        END;
END;
COMMENT ON FUNCTION deal_segment(timestamp with time zone, timestamp with time zone) IS
    'one row per span in which nothing of a deal changed, of those that touch [from_at, until_at), with what was before those that begin then; deals that ended before are left out; ends_at is NULL if it lasts until until_at';

-- These two are planned by themselves, with their arguments as constants: joined with the
-- row that holds the instants, the spans would be read by one process alone.
-- enable_sort: there are few combinations, of which the planner expects millions.
CREATE FUNCTION deal_move(
    from_at timestamp with time zone,
    until_at timestamp with time zone,
    by text
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    phase_id bigint,
    previous_member_id bigint,
    previous_phase_id bigint,
    is_start boolean,
    is_end boolean,
    is_move boolean,
    deal_count bigint,
    amount numeric,
    change_amount numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_sort = off
    -- which makes a plan that sorts all the same look so expensive that it would be compiled
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT
            segment.phase_id,
            segment.previous_phase_id,
            -- only what is asked for, so that there are few groups
            CASE WHEN by IS NULL OR by IN ('rep', 'team') THEN segment.rep_id END AS rep_id,
            CASE WHEN by IS NULL OR by IN ('rep', 'team') THEN segment.previous_rep_id END AS previous_rep_id,
            CASE WHEN by IS NULL OR by = 'product' THEN segment.product_id END AS product_id,
            CASE WHEN by IS NULL OR by = 'product' THEN segment.previous_product_id END AS previous_product_id,
            CASE WHEN by IS NULL OR by = 'source' THEN deal.source_id END AS source_id,
            segment.starts_at < from_at AS is_start,
            segment.ends_at IS NULL AS is_end,
            segment.starts_at >= from_at AS is_move,
            count(*) AS deal_count,
            sum(segment.amount) AS amount,
            coalesce(sum(segment.amount), 0) - coalesce(sum(segment.previous_amount), 0) AS change_amount
        FROM deal_segment(from_at, until_at) AS segment
        LEFT JOIN deal ON deal.id = segment.deal_id
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
    )
    SELECT
        dimension.name,
        member.id,
        counted.phase_id,
        member.previous_id,
        counted.previous_phase_id,
        counted.is_start,
        counted.is_end,
        counted.is_move,
        sum(counted.deal_count)::bigint,
        coalesce(sum(counted.amount), 0),
        sum(counted.change_amount)
    FROM counted
    LEFT JOIN phase ON phase.id = counted.phase_id
    LEFT JOIN phase AS previous ON previous.id = counted.previous_phase_id
    LEFT JOIN sales_rep ON sales_rep.id = counted.rep_id
    LEFT JOIN sales_rep AS previous_rep ON previous_rep.id = counted.previous_rep_id
    CROSS JOIN unnest(
        CASE
            WHEN by IS NULL THEN ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']
            ELSE ARRAY[kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')]
        END
    ) AS dimension (name)
    CROSS JOIN LATERAL (
        SELECT
            CASE dimension.name
                WHEN 'rep' THEN counted.rep_id
                WHEN 'team' THEN sales_rep.team_id
                WHEN 'product' THEN counted.product_id
                WHEN 'source' THEN counted.source_id
                WHEN 'pipeline' THEN phase.pipeline_id
            END AS id,
            CASE dimension.name
                WHEN 'rep' THEN counted.previous_rep_id
                WHEN 'team' THEN previous_rep.team_id
                WHEN 'product' THEN counted.previous_product_id
                WHEN 'source' THEN counted.source_id
                WHEN 'pipeline' THEN previous.pipeline_id
            END AS previous_id
    ) AS member
    GROUP BY
        dimension.name,
        member.id,
        counted.phase_id,
        member.previous_id,
        counted.previous_phase_id,
        counted.is_start,
        counted.is_end,
        counted.is_move;
END;
$$;
COMMENT ON FUNCTION deal_move(timestamp with time zone, timestamp with time zone, text) IS
    'how many deals stood and moved where in [from_at, until_at): by phase and member, present and previous; is_start and is_end: there at the start and at the end, is_move: came there within';

CREATE FUNCTION deal_stand(
    from_at timestamp with time zone,
    until_at timestamp with time zone,
    by text
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    starting_phase_id bigint,
    phase_id bigint,
    deal_count bigint,
    amount numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_sort = off
    -- which makes a plan that sorts all the same look so expensive that it would be compiled
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT
            origin.phase_id AS starting_phase_id,
            goal.phase_id,
            CASE WHEN by IS NULL OR by IN ('rep', 'team') THEN goal.rep_id END AS rep_id,
            CASE WHEN by IS NULL OR by = 'product' THEN goal.product_id END AS product_id,
            CASE WHEN by IS NULL OR by = 'source' THEN deal.source_id END AS source_id,
            count(*) AS deal_count,
            sum(goal.amount) AS amount
        FROM deal_span AS goal
        LEFT JOIN phase ON phase.id = goal.phase_id
        LEFT JOIN deal_span AS origin
            ON origin.deal_id = goal.deal_id
            AND origin.starts_at < from_at
            AND (origin.ends_at IS NULL OR origin.ends_at >= from_at)
        LEFT JOIN phase AS start_phase ON start_phase.id = origin.phase_id
        LEFT JOIN deal ON deal.id = goal.deal_id
        WHERE goal.starts_at < until_at
            AND (goal.ends_at IS NULL OR goal.ends_at >= until_at)
            -- not those that had ended before, whatever else of them has changed since
            AND (coalesce(phase.kind, start_phase.kind) IN ('open', 'hold') OR goal.entered_at >= from_at)
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT
        dimension.name,
        CASE dimension.name
            WHEN 'rep' THEN counted.rep_id
            WHEN 'team' THEN sales_rep.team_id
            WHEN 'product' THEN counted.product_id
            WHEN 'source' THEN counted.source_id
            WHEN 'pipeline' THEN coalesce(phase.pipeline_id, origin.pipeline_id)
        END,
        counted.starting_phase_id,
        counted.phase_id,
        sum(counted.deal_count)::bigint,
        coalesce(sum(counted.amount), 0)
    FROM counted
    LEFT JOIN phase ON phase.id = counted.phase_id
    LEFT JOIN phase AS origin ON origin.id = counted.starting_phase_id
    LEFT JOIN sales_rep ON sales_rep.id = counted.rep_id
    CROSS JOIN unnest(
        CASE
            WHEN by IS NULL THEN ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']
            ELSE ARRAY[kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')]
        END
    ) AS dimension (name)
    WHERE num_nonnulls(counted.starting_phase_id, counted.phase_id) > 0
    GROUP BY 1, 2, 3, 4;
END;
$$;
COMMENT ON FUNCTION deal_stand(timestamp with time zone, timestamp with time zone, text) IS
    'how many deals stood in which phase just before from_at (NULL: not yet there) and stand in which at until_at (NULL: deleted), by member at the end; deals that had ended before are left out';

CREATE FUNCTION progress_span(
    from_date date,
    to_date date,
    as_of timestamp with time zone,
    grain text
) RETURNS TABLE (
    from_at timestamp with time zone,
    until_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT
        span.from_at,
        greatest(span.from_at, least(span.to_at, progress_span.as_of + INTERVAL '1 microsecond'))
    FROM (
        SELECT
            day_begins_at(coalesce(progress_span.from_date, kpicrm.fiscal_period_start((progress_span.as_of AT TIME ZONE setting.time_zone)::date, progress_span.grain, setting.fiscal_start_month, setting.week_start))) AS from_at,
            day_begins_at(progress_span.to_date) AS to_at
        FROM setting
        WHERE setting.only_row
            AND kpicrm.accept_as_of(progress_span.as_of)
            AND kpicrm.accept_period(progress_span.from_date, progress_span.to_date)
    ) AS span;
END;
COMMENT ON FUNCTION progress_span(date, date, timestamp with time zone, text) IS
    'the instants a report about moves looks at: from the beginning of from_date (left out: of the period of the grain that as_of lies in) until before to_date, and not later than as_of';

CREATE FUNCTION phase_progress(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT 'all',
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    phase_sort_order integer,
    start_count bigint,
    start_amount numeric,
    new_count bigint,
    new_amount numeric,
    forward_in_count bigint,
    forward_in_amount numeric,
    backward_in_count bigint,
    backward_in_amount numeric,
    reopened_count bigint,
    reopened_amount numeric,
    resumed_count bigint,
    resumed_amount numeric,
    transferred_in_count bigint,
    transferred_in_amount numeric,
    forward_out_count bigint,
    forward_out_amount numeric,
    backward_out_count bigint,
    backward_out_amount numeric,
    won_count bigint,
    won_amount numeric,
    lost_count bigint,
    lost_amount numeric,
    disqualified_count bigint,
    disqualified_amount numeric,
    held_count bigint,
    held_amount numeric,
    transferred_out_count bigint,
    transferred_out_amount numeric,
    removed_count bigint,
    removed_amount numeric,
    changed_amount numeric,
    end_count bigint,
    end_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            progress_span.from_at,
            progress_span.until_at
        FROM progress_span(phase_progress.from_date, phase_progress.to_date, phase_progress.as_of, 'week')
    ), step AS MATERIALIZED (
        SELECT
            phase.id,
            phase.pipeline_id,
            phase.name,
            phase."position",
            phase.kind
        FROM phase_as_of((SELECT span.until_at - INTERVAL '1 microsecond' FROM span)) AS phase
    ), move AS (
        SELECT
            move.dimension_name,
            move.member_id,
            move.phase_id,
            move.previous_member_id,
            move.previous_phase_id,
            move.is_start,
            move.is_end,
            move.is_move,
            move.deal_count,
            move.amount,
            move.change_amount,
            here.kind,
            here."position",
            here.pipeline_id,
            before.kind AS previous_kind,
            before."position" AS previous_position,
            before.pipeline_id AS previous_pipeline_id,
            -- did it come from another row of the report?
            move.is_move AND (move.phase_id, move.member_id) IS DISTINCT FROM (move.previous_phase_id, move.previous_member_id) AS is_arrival
        FROM deal_move((SELECT span.from_at FROM span), (SELECT span.until_at FROM span), phase_progress.by) AS move
        LEFT JOIN step AS here ON here.id = move.phase_id
        LEFT JOIN step AS before ON before.id = move.previous_phase_id
    ), entry AS (
        -- every move twice: where it came to, and where it left
        SELECT
            move.dimension_name,
            move.member_id,
            move.phase_id,
            flow.name AS flow,
            move.deal_count,
            move.amount
        FROM move
        CROSS JOIN LATERAL (
            SELECT 'start' AS name WHERE move.is_start
            UNION ALL
            SELECT 'end' WHERE move.is_end
            UNION ALL
            SELECT CASE
                WHEN move.previous_phase_id IS NULL THEN 'new'
                WHEN move.previous_kind = 'hold' THEN 'resumed'
                WHEN move.previous_kind <> 'open' THEN 'reopened'
                WHEN move.previous_pipeline_id <> move.pipeline_id OR move.previous_member_id IS DISTINCT FROM move.member_id THEN 'transferred_in'
                WHEN move.previous_position < move."position" THEN 'forward_in'
                ELSE 'backward_in'
            END
            WHERE move.is_arrival
        ) AS flow
        WHERE move.kind = 'open'
        UNION ALL
        SELECT
            move.dimension_name,
            move.previous_member_id,
            move.previous_phase_id,
            CASE
                WHEN move.phase_id IS NULL THEN 'removed'
                WHEN move.kind = 'hold' THEN 'held'
                WHEN move.kind <> 'open' THEN move.kind
                WHEN move.previous_pipeline_id <> move.pipeline_id OR move.previous_member_id IS DISTINCT FROM move.member_id THEN 'transferred_out'
                WHEN move.previous_position < move."position" THEN 'forward_out'
                ELSE 'backward_out'
            END,
            move.deal_count,
            move.amount
        FROM move
        WHERE move.previous_kind = 'open'
            AND move.is_arrival
        UNION ALL
        SELECT
            move.dimension_name,
            move.previous_member_id,
            move.previous_phase_id,
            'changed',
            0,
            move.change_amount
        FROM move
        WHERE move.previous_kind = 'open'
            AND move.is_move
    ), total AS (
        SELECT
            entry.dimension_name,
            entry.member_id,
            entry.phase_id,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'start'), 0)::bigint AS start_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'start'), 0) AS start_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'new'), 0)::bigint AS new_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'new'), 0) AS new_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'forward_in'), 0)::bigint AS forward_in_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'forward_in'), 0) AS forward_in_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'backward_in'), 0)::bigint AS backward_in_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'backward_in'), 0) AS backward_in_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'reopened'), 0)::bigint AS reopened_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'reopened'), 0) AS reopened_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'resumed'), 0)::bigint AS resumed_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'resumed'), 0) AS resumed_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'transferred_in'), 0)::bigint AS transferred_in_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'transferred_in'), 0) AS transferred_in_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'forward_out'), 0)::bigint AS forward_out_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'forward_out'), 0) AS forward_out_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'backward_out'), 0)::bigint AS backward_out_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'backward_out'), 0) AS backward_out_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'won'), 0)::bigint AS won_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'won'), 0) AS won_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'lost'), 0)::bigint AS lost_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'lost'), 0) AS lost_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'disqualified'), 0)::bigint AS disqualified_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'disqualified'), 0) AS disqualified_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'held'), 0)::bigint AS held_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'held'), 0) AS held_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'transferred_out'), 0)::bigint AS transferred_out_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'transferred_out'), 0) AS transferred_out_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'removed'), 0)::bigint AS removed_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'removed'), 0) AS removed_amount,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'changed'), 0) AS changed_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'end'), 0)::bigint AS end_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'end'), 0) AS end_amount
        FROM entry
        GROUP BY
            entry.dimension_name,
            entry.member_id,
            entry.phase_id
    )
    SELECT
        total.dimension_name,
        total.member_id,
        CASE total.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        step.pipeline_id,
        pipeline.name,
        total.phase_id,
        step.name,
        step."position",
        total.start_count,
        total.start_amount,
        total.new_count,
        total.new_amount,
        total.forward_in_count,
        total.forward_in_amount,
        total.backward_in_count,
        total.backward_in_amount,
        total.reopened_count,
        total.reopened_amount,
        total.resumed_count,
        total.resumed_amount,
        total.transferred_in_count,
        total.transferred_in_amount,
        total.forward_out_count,
        total.forward_out_amount,
        total.backward_out_count,
        total.backward_out_amount,
        total.won_count,
        total.won_amount,
        total.lost_count,
        total.lost_amount,
        total.disqualified_count,
        total.disqualified_amount,
        total.held_count,
        total.held_amount,
        total.transferred_out_count,
        total.transferred_out_amount,
        total.removed_count,
        total.removed_amount,
        total.changed_amount,
        total.end_count,
        total.end_amount
    FROM total
    JOIN step ON step.id = total.phase_id
    JOIN pipeline ON pipeline.id = step.pipeline_id
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = total.dimension_name
        AND dimension_member.member_id = total.member_id;
END;
COMMENT ON FUNCTION phase_progress(date, date, text, timestamp with time zone) IS
    'what moved from from_date (left out: the beginning of the week) until before to_date, not later than as_of: per open phase the deals and amounts at the start, in, out, and at the end';

CREATE VIEW phase_progress WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.pipeline_id,
    report.pipeline,
    report.phase_id,
    report.phase,
    report.phase_sort_order,
    report.start_count,
    report.start_amount::numeric(18, 2) AS start_amount,
    report.new_count,
    report.new_amount::numeric(18, 2) AS new_amount,
    report.forward_in_count,
    report.forward_in_amount::numeric(18, 2) AS forward_in_amount,
    report.backward_in_count,
    report.backward_in_amount::numeric(18, 2) AS backward_in_amount,
    report.reopened_count,
    report.reopened_amount::numeric(18, 2) AS reopened_amount,
    report.resumed_count,
    report.resumed_amount::numeric(18, 2) AS resumed_amount,
    report.transferred_in_count,
    report.transferred_in_amount::numeric(18, 2) AS transferred_in_amount,
    report.forward_out_count,
    report.forward_out_amount::numeric(18, 2) AS forward_out_amount,
    report.backward_out_count,
    report.backward_out_amount::numeric(18, 2) AS backward_out_amount,
    report.won_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.lost_count,
    report.lost_amount::numeric(18, 2) AS lost_amount,
    report.disqualified_count,
    report.disqualified_amount::numeric(18, 2) AS disqualified_amount,
    report.held_count,
    report.held_amount::numeric(18, 2) AS held_amount,
    report.transferred_out_count,
    report.transferred_out_amount::numeric(18, 2) AS transferred_out_amount,
    report.removed_count,
    report.removed_amount::numeric(18, 2) AS removed_amount,
    report.changed_amount::numeric(18, 2) AS changed_amount,
    report.end_count,
    report.end_amount::numeric(18, 2) AS end_amount
FROM phase_progress(by => NULL) AS report;
COMMENT ON VIEW phase_progress IS
    'One row per dimension, member and open phase with deals in the present week, as of now: how many were there at its start, came and went, and are there now; the columns add up.';
COMMENT ON COLUMN phase_progress.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline; filter on one';
COMMENT ON COLUMN phase_progress.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN phase_progress.member_name IS 'name of the member; all for the company, (none) for deals without one';
COMMENT ON COLUMN phase_progress.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN phase_progress.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN phase_progress.phase_id IS 'key of the phase';
COMMENT ON COLUMN phase_progress.phase IS 'name of the phase';
COMMENT ON COLUMN phase_progress.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN phase_progress.start_count IS 'deals in the phase when the week began';
COMMENT ON COLUMN phase_progress.start_amount IS 'amount of the deals in the phase when the week began';
COMMENT ON COLUMN phase_progress.new_count IS 'deals that were opened in this phase';
COMMENT ON COLUMN phase_progress.new_amount IS 'amount of the deals that were opened in this phase';
COMMENT ON COLUMN phase_progress.forward_in_count IS 'deals that came from an earlier open phase';
COMMENT ON COLUMN phase_progress.forward_in_amount IS 'amount of the deals that came from an earlier open phase';
COMMENT ON COLUMN phase_progress.backward_in_count IS 'deals that came from a later open phase';
COMMENT ON COLUMN phase_progress.backward_in_amount IS 'amount of the deals that came from a later open phase';
COMMENT ON COLUMN phase_progress.reopened_count IS 'deals that came from won, lost or disqualified';
COMMENT ON COLUMN phase_progress.reopened_amount IS 'amount of the deals that came from won, lost or disqualified';
COMMENT ON COLUMN phase_progress.resumed_count IS 'deals that came from hold';
COMMENT ON COLUMN phase_progress.resumed_amount IS 'amount of the deals that came from hold';
COMMENT ON COLUMN phase_progress.transferred_in_count IS 'deals that came from another member or pipeline';
COMMENT ON COLUMN phase_progress.transferred_in_amount IS 'amount of the deals that came from another member or pipeline';
COMMENT ON COLUMN phase_progress.forward_out_count IS 'deals that left for a later open phase';
COMMENT ON COLUMN phase_progress.forward_out_amount IS 'amount of the deals that left for a later open phase';
COMMENT ON COLUMN phase_progress.backward_out_count IS 'deals that left for an earlier open phase';
COMMENT ON COLUMN phase_progress.backward_out_amount IS 'amount of the deals that left for an earlier open phase';
COMMENT ON COLUMN phase_progress.won_count IS 'deals that were won from here';
COMMENT ON COLUMN phase_progress.won_amount IS 'amount of the deals that were won from here';
COMMENT ON COLUMN phase_progress.lost_count IS 'deals that were lost from here';
COMMENT ON COLUMN phase_progress.lost_amount IS 'amount of the deals that were lost from here';
COMMENT ON COLUMN phase_progress.disqualified_count IS 'deals that were disqualified from here';
COMMENT ON COLUMN phase_progress.disqualified_amount IS 'amount of the deals that were disqualified from here';
COMMENT ON COLUMN phase_progress.held_count IS 'deals that were put on hold from here';
COMMENT ON COLUMN phase_progress.held_amount IS 'amount of the deals that were put on hold from here';
COMMENT ON COLUMN phase_progress.transferred_out_count IS 'deals that left for another member or pipeline';
COMMENT ON COLUMN phase_progress.transferred_out_amount IS 'amount of the deals that left for another member or pipeline';
COMMENT ON COLUMN phase_progress.removed_count IS 'deals that were deleted';
COMMENT ON COLUMN phase_progress.removed_amount IS 'amount of the deals that were deleted';
COMMENT ON COLUMN phase_progress.changed_amount IS 'by how much the amounts of the deals here rose or fell';
COMMENT ON COLUMN phase_progress.end_count IS 'deals in the phase now: start and all that came, less all that left';
COMMENT ON COLUMN phase_progress.end_amount IS 'their amount: start, all that came and what changed, less all that left';

CREATE FUNCTION phase_transition(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT 'all',
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    from_pipeline_id bigint,
    from_pipeline text,
    from_phase_id bigint,
    from_phase text,
    from_sort_order integer,
    to_pipeline_id bigint,
    to_pipeline text,
    to_phase_id bigint,
    to_phase text,
    to_sort_order integer,
    move_count bigint,
    move_amount numeric,
    deal_count bigint,
    deal_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            progress_span.from_at,
            progress_span.until_at
        FROM progress_span(phase_transition.from_date, phase_transition.to_date, phase_transition.as_of, 'week')
    ), step AS MATERIALIZED (
        SELECT
            phase.id,
            phase.pipeline_id,
            phase.name,
            phase."position"
        FROM phase_as_of((SELECT span.until_at - INTERVAL '1 microsecond' FROM span)) AS phase
    ), cell AS (
        SELECT
            move.dimension_name,
            CASE WHEN move.phase_id IS NULL THEN move.previous_member_id ELSE move.member_id END AS member_id,
            move.previous_phase_id AS from_phase_id,
            move.phase_id AS to_phase_id,
            move.deal_count AS move_count,
            move.amount AS move_amount,
            0 AS deal_count,
            0 AS deal_amount
        FROM deal_move((SELECT span.from_at FROM span), (SELECT span.until_at FROM span), phase_transition.by) AS move
        WHERE move.is_move
            AND move.phase_id IS DISTINCT FROM move.previous_phase_id
        UNION ALL
        -- where each deal stood at the start and stands at the end
        SELECT
            stand.dimension_name,
            stand.member_id,
            stand.starting_phase_id,
            stand.phase_id,
            0,
            0,
            stand.deal_count,
            CASE WHEN stand.phase_id IS NOT NULL THEN stand.amount ELSE 0 END
        FROM deal_stand((SELECT span.from_at FROM span), (SELECT span.until_at FROM span), phase_transition.by) AS stand
    )
    SELECT
        cell.dimension_name,
        cell.member_id,
        CASE cell.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        origin.pipeline_id,
        origin_pipeline.name,
        cell.from_phase_id,
        coalesce(origin.name, '(new)'),
        coalesce(origin."position", 0),
        goal.pipeline_id,
        goal_pipeline.name,
        cell.to_phase_id,
        coalesce(goal.name, '(removed)'),
        goal."position",
        sum(cell.move_count)::bigint,
        sum(cell.move_amount),
        sum(cell.deal_count)::bigint,
        sum(cell.deal_amount)
    FROM cell
    LEFT JOIN step AS origin ON origin.id = cell.from_phase_id
    LEFT JOIN step AS goal ON goal.id = cell.to_phase_id
    LEFT JOIN pipeline AS origin_pipeline ON origin_pipeline.id = origin.pipeline_id
    LEFT JOIN pipeline AS goal_pipeline ON goal_pipeline.id = goal.pipeline_id
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = cell.dimension_name
        AND dimension_member.member_id = cell.member_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13;
END;
COMMENT ON FUNCTION phase_transition(date, date, text, timestamp with time zone) IS
    'from which phase to which deals moved from from_date (left out: the beginning of the week) until before to_date, not later than as_of, and where those that stood in a phase at the start stand at the end';

CREATE VIEW phase_transition WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.from_pipeline_id,
    report.from_pipeline,
    report.from_phase_id,
    report.from_phase,
    report.from_sort_order,
    report.to_pipeline_id,
    report.to_pipeline,
    report.to_phase_id,
    report.to_phase,
    report.to_sort_order,
    report.move_count,
    report.move_amount::numeric(18, 2) AS move_amount,
    report.deal_count,
    report.deal_amount::numeric(18, 2) AS deal_amount
FROM phase_transition(by => NULL) AS report;
COMMENT ON VIEW phase_transition IS
    'One row per dimension, member, phase a deal came from and phase it went to in the present week, as of now: moves, and deals by where they stood when the week began and where they stand now.';
COMMENT ON COLUMN phase_transition.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline; filter on one';
COMMENT ON COLUMN phase_transition.member_id IS 'key of the member after the move; NULL for all, and for deals that have none';
COMMENT ON COLUMN phase_transition.member_name IS 'name of the member; all for the company, (none) for deals without one';
COMMENT ON COLUMN phase_transition.from_pipeline_id IS 'key of the pipeline it came from; NULL: opened in the week';
COMMENT ON COLUMN phase_transition.from_pipeline IS 'name of that pipeline';
COMMENT ON COLUMN phase_transition.from_phase_id IS 'key of the phase it came from; NULL: opened in the week';
COMMENT ON COLUMN phase_transition.from_phase IS 'name of that phase, or (new)';
COMMENT ON COLUMN phase_transition.from_sort_order IS 'position of that phase; 0 for (new)';
COMMENT ON COLUMN phase_transition.to_pipeline_id IS 'key of the pipeline it went to; NULL: deleted';
COMMENT ON COLUMN phase_transition.to_pipeline IS 'name of that pipeline';
COMMENT ON COLUMN phase_transition.to_phase_id IS 'key of the phase it went to; NULL: deleted';
COMMENT ON COLUMN phase_transition.to_phase IS 'name of that phase, or (removed)';
COMMENT ON COLUMN phase_transition.to_sort_order IS 'position of that phase; NULL for (removed)';
COMMENT ON COLUMN phase_transition.move_count IS 'moves from the one phase to the other';
COMMENT ON COLUMN phase_transition.move_amount IS 'amount of these deals after the move';
COMMENT ON COLUMN phase_transition.deal_count IS 'deals that stood in the one phase when the week began (or were not yet opened) and stand in the other now; also those that stayed';
COMMENT ON COLUMN phase_transition.deal_amount IS 'amount of these deals now';
