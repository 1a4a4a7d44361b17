/*
 * pipeline_waterfall: why did the pipeline change?
 *
 * Grain: dimension × member; pipeline_waterfall_deal: deal.  The pipeline are the deals
 * in an open phase whose expected close date lies in [closing_from, closing_to), or
 * all of them without limits.  Between two instants it changes, deal by deal:
 *
 *   start  in the pipeline when the period began, with the amount of then
 *   + new         opened in the period
 *   + pulled_in   open, and its expected close date came into the range
 *   + reopened    came back from an end, or from hold
 *   + increased, - decreased  the amount rose or fell
 *   - pushed_out  open, and its expected close date left the range
 *   - won, - lost
 *   - removed     disqualified, put on hold or deleted
 *   = end  in the pipeline when it ended
 *
 * A deal that came and went counts as both, such as opened and won in the period.  What
 * comes and goes does so with the amount it has at the end, so that won is what was
 * won.  By a dimension, a deal that changed hands is transferred from the one member to
 * the other.
 */
CREATE FUNCTION deal_waterfall(
    from_at timestamp with time zone,
    until_at timestamp with time zone,
    closing_from date,
    closing_to date
) RETURNS TABLE (
    deal_id bigint,
    start_phase_id bigint,
    end_phase_id bigint,
    start_close_date date,
    end_close_date date,
    start_rep_id bigint,
    end_rep_id bigint,
    start_product_id bigint,
    end_product_id bigint,
    was_in boolean,
    is_in boolean,
    came text,
    went text,
    start_amount numeric,
    end_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH stand AS (
        -- how each deal stood at the end, and how at the start
        SELECT
            goal.deal_id,
            start_phase.kind AS start_kind,
            end_phase.kind AS end_kind,
            origin.phase_id AS start_phase_id,
            goal.phase_id AS end_phase_id,
            origin.expected_close_on AS start_close_date,
            goal.expected_close_on AS end_close_date,
            origin.rep_id AS start_rep_id,
            goal.rep_id AS end_rep_id,
            origin.product_id AS start_product_id,
            goal.product_id AS end_product_id,
            coalesce(origin.amount, 0) AS start_amount,
            coalesce(goal.amount, 0) AS end_amount,
            -- it came to its end within: it was closed or deleted
            CASE
                WHEN goal.phase_id IS NULL THEN goal.starts_at >= from_at AND (start_phase.kind IN ('open', 'hold') OR goal.entered_at >= from_at)
                ELSE end_phase.kind IN ('won', 'lost', 'disqualified') AND goal.entered_at >= from_at
            END AS has_ended
        FROM deal_span AS goal
        LEFT JOIN phase AS end_phase ON end_phase.id = goal.phase_id
        LEFT JOIN deal_span AS origin
            ON origin.deal_id = goal.deal_id
            AND origin.phase_id IS NOT NULL
            AND origin.starts_at < from_at
            AND (origin.ends_at IS NULL OR origin.ends_at >= from_at)
        LEFT JOIN phase AS start_phase ON start_phase.id = origin.phase_id
        WHERE goal.starts_at < until_at
            AND (goal.ends_at IS NULL OR goal.ends_at >= until_at)
            -- nothing happened to a deal that was not open: it is in no row
            AND CASE WHEN goal.starts_at >= from_at THEN true ELSE end_phase.kind = 'open' END
    ), judged AS (
        SELECT
            stand.deal_id,
            stand.start_kind,
            stand.end_kind,
            stand.start_phase_id,
            stand.end_phase_id,
            stand.start_close_date,
            stand.end_close_date,
            stand.start_rep_id,
            stand.end_rep_id,
            stand.start_product_id,
            stand.end_product_id,
            stand.start_amount,
            stand.end_amount,
            coalesce(stand.start_kind = 'open' AND start_range.holds, false) AS was_in,
            coalesce(stand.end_kind = 'open' AND end_range.holds, false) AS is_in,
            -- ended within the period, having been expected in the range at last
            coalesce(stand.has_ended AND end_range.holds, false) AS passed
        FROM stand
        CROSS JOIN LATERAL (
            SELECT
                (closing_from IS NULL OR coalesce(stand.start_close_date >= closing_from, false))
                AND (closing_to IS NULL OR coalesce(stand.start_close_date < closing_to, false)) AS holds
        ) AS start_range
        CROSS JOIN LATERAL (
            SELECT
                (closing_from IS NULL OR coalesce(stand.end_close_date >= closing_from, false))
                AND (closing_to IS NULL OR coalesce(stand.end_close_date < closing_to, false)) AS holds
        ) AS end_range
    )
    SELECT
        judged.deal_id,
        judged.start_phase_id,
        judged.end_phase_id,
        judged.start_close_date,
        judged.end_close_date,
        judged.start_rep_id,
        judged.end_rep_id,
        judged.start_product_id,
        judged.end_product_id,
        judged.was_in,
        judged.is_in,
        CASE
            WHEN judged.was_in THEN NULL
            WHEN judged.start_kind IS NULL THEN 'new'
            WHEN judged.start_kind = 'open' THEN 'pulled_in'
            ELSE 'reopened'
        END,
        CASE
            WHEN judged.is_in THEN NULL
            WHEN judged.end_kind = 'open' THEN 'pushed_out'
            WHEN judged.end_kind IN ('won', 'lost') THEN judged.end_kind
            ELSE 'removed'
        END,
        judged.start_amount,
        judged.end_amount
    FROM judged
    WHERE judged.was_in
        OR judged.is_in
        OR judged.passed;
END;
COMMENT ON FUNCTION deal_waterfall(timestamp with time zone, timestamp with time zone, date, date) IS
    'one row per deal that was in the pipeline at the start, is in it at the end, or came to its end in between: how it came (NULL: it was there) and how it went (NULL: it is there)';

CREATE FUNCTION counted_waterfall(
    from_at timestamp with time zone,
    until_at timestamp with time zone,
    closing_from date,
    closing_to date,
    by text
) RETURNS TABLE (
    source_id bigint,
    start_phase_id bigint,
    end_phase_id bigint,
    start_rep_id bigint,
    end_rep_id bigint,
    start_product_id bigint,
    end_product_id bigint,
    was_in boolean,
    is_in boolean,
    came text,
    went text,
    direction numeric,
    deal_count bigint,
    start_amount numeric,
    end_amount numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
    -- planned by itself, with its arguments as constants; there are few combinations, of which the planner expects millions
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_sort = off
    -- which makes a plan that sorts all the same look so expensive that it would be compiled
    SET jit = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT
        CASE WHEN by IS NULL OR by = 'source' THEN deal.source_id END,
        moved.start_phase_id,
        moved.end_phase_id,
        moved.start_rep_id,
        moved.end_rep_id,
        moved.start_product_id,
        moved.end_product_id,
        moved.was_in,
        moved.is_in,
        moved.came,
        moved.went,
        sign(moved.end_amount - moved.start_amount),
        count(*),
        sum(moved.start_amount),
        sum(moved.end_amount)
    FROM deal_waterfall(from_at, until_at, closing_from, closing_to) AS moved
    LEFT JOIN deal ON deal.id = moved.deal_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
END;
$$;
COMMENT ON FUNCTION counted_waterfall(timestamp with time zone, timestamp with time zone, date, date, text) IS
    'rows of deal_waterfall() that are alike, counted; source_id is NULL unless by is source or NULL';

CREATE FUNCTION pipeline_waterfall_deal(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    closing_from date DEFAULT NULL,
    closing_to date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    deal_id bigint,
    deal text,
    pipeline_id bigint,
    pipeline text,
    rep_id bigint,
    rep text,
    start_phase text,
    end_phase text,
    start_close_date date,
    end_close_date date,
    start_amount numeric,
    new_amount numeric,
    pulled_in_amount numeric,
    reopened_amount numeric,
    increased_amount numeric,
    decreased_amount numeric,
    pushed_out_amount numeric,
    won_amount numeric,
    lost_amount numeric,
    removed_amount numeric,
    end_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            progress_span.from_at,
            progress_span.until_at
        FROM progress_span(pipeline_waterfall_deal.from_date, pipeline_waterfall_deal.to_date, pipeline_waterfall_deal.as_of, 'quarter')
    )
    SELECT
        moved.deal_id,
        coalesce(deal.name, '(deleted)'),
        coalesce(goal.pipeline_id, origin.pipeline_id),
        pipeline.name,
        moved.end_rep_id,
        coalesce(sales_rep.name, '(none)'),
        origin.name,
        goal.name,
        moved.start_close_date,
        moved.end_close_date,
        CASE WHEN moved.was_in THEN moved.start_amount ELSE 0 END,
        CASE WHEN moved.came = 'new' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.came = 'pulled_in' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.came = 'reopened' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.was_in THEN greatest(moved.end_amount - moved.start_amount, 0) ELSE 0 END,
        CASE WHEN moved.was_in THEN greatest(moved.start_amount - moved.end_amount, 0) ELSE 0 END,
        CASE WHEN moved.went = 'pushed_out' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.went = 'won' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.went = 'lost' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.went = 'removed' THEN moved.end_amount ELSE 0 END,
        CASE WHEN moved.is_in THEN moved.end_amount ELSE 0 END
    FROM span
    CROSS JOIN deal_waterfall(
        (SELECT span.from_at FROM span),
        (SELECT span.until_at FROM span),
        pipeline_waterfall_deal.closing_from,
        pipeline_waterfall_deal.closing_to
    ) AS moved
    LEFT JOIN deal ON deal.id = moved.deal_id
    LEFT JOIN phase_as_of(span.until_at - INTERVAL '1 microsecond') AS origin ON origin.id = moved.start_phase_id
    LEFT JOIN phase_as_of(span.until_at - INTERVAL '1 microsecond') AS goal ON goal.id = moved.end_phase_id
    LEFT JOIN pipeline ON pipeline.id = coalesce(goal.pipeline_id, origin.pipeline_id)
    LEFT JOIN sales_rep ON sales_rep.id = moved.end_rep_id
    WHERE kpicrm.accept_period(closing_from, closing_to);
END;
COMMENT ON FUNCTION pipeline_waterfall_deal(date, date, date, date, timestamp with time zone) IS
    'what each deal added to and took from the pipeline of deals expected to close from closing_from until before closing_to, from from_date (left out: the beginning of the fiscal quarter) until before to_date, not later than as_of';

CREATE FUNCTION pipeline_waterfall(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    closing_from date DEFAULT NULL,
    closing_to date DEFAULT NULL,
    by text DEFAULT 'all',
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    start_count bigint,
    start_amount numeric,
    new_count bigint,
    new_amount numeric,
    pulled_in_count bigint,
    pulled_in_amount numeric,
    reopened_count bigint,
    reopened_amount numeric,
    transferred_in_count bigint,
    transferred_in_amount numeric,
    increased_count bigint,
    increased_amount numeric,
    decreased_count bigint,
    decreased_amount numeric,
    transferred_out_count bigint,
    transferred_out_amount numeric,
    pushed_out_count bigint,
    pushed_out_amount numeric,
    won_count bigint,
    won_amount numeric,
    lost_count bigint,
    lost_amount numeric,
    removed_count bigint,
    removed_amount numeric,
    end_count bigint,
    end_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            progress_span.from_at,
            progress_span.until_at
        FROM progress_span(pipeline_waterfall.from_date, pipeline_waterfall.to_date, pipeline_waterfall.as_of, 'quarter')
    ), counted AS (
        SELECT
            moved.source_id,
            moved.start_phase_id,
            moved.end_phase_id,
            moved.start_rep_id,
            moved.end_rep_id,
            moved.start_product_id,
            moved.end_product_id,
            moved.was_in,
            moved.is_in,
            moved.came,
            moved.went,
            moved.direction,
            moved.deal_count,
            moved.start_amount,
            moved.end_amount
        FROM counted_waterfall(
            (SELECT span.from_at FROM span),
            (SELECT span.until_at FROM span),
            pipeline_waterfall.closing_from,
            pipeline_waterfall.closing_to,
            pipeline_waterfall.by
        ) AS moved
        WHERE kpicrm.accept_period(closing_from, closing_to)
    ), piece AS (
        SELECT
            dimension.name AS dimension_name,
            CASE WHEN counted.was_in THEN member.start_id ELSE member.end_id END AS start_id,
            member.end_id,
            counted.was_in,
            counted.is_in,
            counted.came,
            counted.went,
            counted.direction,
            counted.deal_count,
            counted.start_amount,
            counted.end_amount
        FROM counted
        LEFT JOIN phase AS origin ON origin.id = counted.start_phase_id
        LEFT JOIN phase AS goal ON goal.id = counted.end_phase_id
        LEFT JOIN sales_rep AS start_rep ON start_rep.id = counted.start_rep_id
        LEFT JOIN sales_rep AS end_rep ON end_rep.id = counted.end_rep_id
        CROSS JOIN unnest(
            CASE
                WHEN pipeline_waterfall.by IS NULL THEN ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline']
                ELSE ARRAY[kpicrm.checked_option('by', pipeline_waterfall.by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')]
            END
        ) AS dimension (name)
        CROSS JOIN LATERAL (
            SELECT
                CASE dimension.name
                    WHEN 'rep' THEN counted.start_rep_id
                    WHEN 'team' THEN start_rep.team_id
                    WHEN 'product' THEN counted.start_product_id
                    WHEN 'source' THEN counted.source_id
                    WHEN 'pipeline' THEN origin.pipeline_id
                END AS start_id,
                CASE dimension.name
                    WHEN 'rep' THEN counted.end_rep_id
                    WHEN 'team' THEN end_rep.team_id
                    WHEN 'product' THEN counted.end_product_id
                    WHEN 'source' THEN counted.source_id
                    WHEN 'pipeline' THEN coalesce(goal.pipeline_id, origin.pipeline_id)
                END AS end_id
        ) AS member
    ), entry AS (
        SELECT
            piece.dimension_name,
            flow.member_id,
            flow.name AS flow,
            piece.deal_count,
            flow.amount
        FROM piece
        CROSS JOIN LATERAL (
            SELECT piece.start_id AS member_id, 'start' AS name, piece.start_amount AS amount WHERE piece.was_in
            UNION ALL
            SELECT piece.end_id, piece.came, piece.end_amount WHERE piece.came IS NOT NULL
            UNION ALL
            SELECT piece.start_id, 'increased', piece.end_amount - piece.start_amount WHERE piece.was_in AND piece.direction > 0
            UNION ALL
            SELECT piece.start_id, 'decreased', piece.start_amount - piece.end_amount WHERE piece.was_in AND piece.direction < 0
            UNION ALL
            SELECT piece.start_id, 'transferred_out', piece.end_amount WHERE piece.was_in AND piece.start_id IS DISTINCT FROM piece.end_id
            UNION ALL
            SELECT piece.end_id, 'transferred_in', piece.end_amount WHERE piece.was_in AND piece.start_id IS DISTINCT FROM piece.end_id
            UNION ALL
            SELECT piece.end_id, piece.went, piece.end_amount WHERE piece.went IS NOT NULL
            UNION ALL
            SELECT piece.end_id, 'end', piece.end_amount WHERE piece.is_in
        ) AS flow
    ), total AS (
        SELECT
            entry.dimension_name,
            entry.member_id,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'start'), 0)::bigint AS start_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'start'), 0) AS start_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'new'), 0)::bigint AS new_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'new'), 0) AS new_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'pulled_in'), 0)::bigint AS pulled_in_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'pulled_in'), 0) AS pulled_in_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'reopened'), 0)::bigint AS reopened_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'reopened'), 0) AS reopened_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'transferred_in'), 0)::bigint AS transferred_in_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'transferred_in'), 0) AS transferred_in_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'increased'), 0)::bigint AS increased_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'increased'), 0) AS increased_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'decreased'), 0)::bigint AS decreased_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'decreased'), 0) AS decreased_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'transferred_out'), 0)::bigint AS transferred_out_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'transferred_out'), 0) AS transferred_out_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'pushed_out'), 0)::bigint AS pushed_out_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'pushed_out'), 0) AS pushed_out_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'won'), 0)::bigint AS won_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'won'), 0) AS won_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'lost'), 0)::bigint AS lost_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'lost'), 0) AS lost_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'removed'), 0)::bigint AS removed_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'removed'), 0) AS removed_amount,
            coalesce(sum(entry.deal_count) FILTER (WHERE entry.flow = 'end'), 0)::bigint AS end_count,
            coalesce(sum(entry.amount) FILTER (WHERE entry.flow = 'end'), 0) AS end_amount
        FROM entry
        GROUP BY
            entry.dimension_name,
            entry.member_id
    )
    SELECT
        total.dimension_name,
        total.member_id,
        CASE total.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        total.start_count,
        total.start_amount,
        total.new_count,
        total.new_amount,
        total.pulled_in_count,
        total.pulled_in_amount,
        total.reopened_count,
        total.reopened_amount,
        total.transferred_in_count,
        total.transferred_in_amount,
        total.increased_count,
        total.increased_amount,
        total.decreased_count,
        total.decreased_amount,
        total.transferred_out_count,
        total.transferred_out_amount,
        total.pushed_out_count,
        total.pushed_out_amount,
        total.won_count,
        total.won_amount,
        total.lost_count,
        total.lost_amount,
        total.removed_count,
        total.removed_amount,
        total.end_count,
        total.end_amount
    FROM total
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = total.dimension_name
        AND dimension_member.member_id = total.member_id;
END;
COMMENT ON FUNCTION pipeline_waterfall(date, date, date, date, text, timestamp with time zone) IS
    'why the pipeline of deals expected to close from closing_from until before closing_to changed from from_date (left out: the beginning of the fiscal quarter) until before to_date, not later than as_of: what was there, came, rose, fell, went, and is there';

CREATE VIEW pipeline_waterfall WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.start_count,
    report.start_amount::numeric(18, 2) AS start_amount,
    report.new_count,
    report.new_amount::numeric(18, 2) AS new_amount,
    report.pulled_in_count,
    report.pulled_in_amount::numeric(18, 2) AS pulled_in_amount,
    report.reopened_count,
    report.reopened_amount::numeric(18, 2) AS reopened_amount,
    report.transferred_in_count,
    report.transferred_in_amount::numeric(18, 2) AS transferred_in_amount,
    report.increased_count,
    report.increased_amount::numeric(18, 2) AS increased_amount,
    report.decreased_count,
    report.decreased_amount::numeric(18, 2) AS decreased_amount,
    report.transferred_out_count,
    report.transferred_out_amount::numeric(18, 2) AS transferred_out_amount,
    report.pushed_out_count,
    report.pushed_out_amount::numeric(18, 2) AS pushed_out_amount,
    report.won_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.lost_count,
    report.lost_amount::numeric(18, 2) AS lost_amount,
    report.removed_count,
    report.removed_amount::numeric(18, 2) AS removed_amount,
    report.end_count,
    report.end_amount::numeric(18, 2) AS end_amount
FROM setting
CROSS JOIN LATERAL (
    SELECT
        period_start(local_date(now()), 'quarter') AS from_date,
        kpicrm.fiscal_period_end(local_date(now()), 'quarter', setting.fiscal_start_month) AS to_date
) AS period
CROSS JOIN LATERAL pipeline_waterfall(period.from_date, NULL, period.from_date, period.to_date, NULL) AS report;
COMMENT ON VIEW pipeline_waterfall IS
    'One row per dimension and member with deals expected to close in the present fiscal quarter, as of now: why their amount changed since it began; start + new + pulled in + reopened + transferred in + increased - decreased - transferred out - pushed out - won - lost - removed = end.';
COMMENT ON COLUMN pipeline_waterfall.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline; filter on one';
COMMENT ON COLUMN pipeline_waterfall.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN pipeline_waterfall.member_name IS 'name of the member; all for the company, (none) for deals without one';
COMMENT ON COLUMN pipeline_waterfall.start_count IS 'deals in the pipeline when the quarter began';
COMMENT ON COLUMN pipeline_waterfall.start_amount IS 'amount of the deals in the pipeline when the quarter began';
COMMENT ON COLUMN pipeline_waterfall.new_count IS 'deals opened in the quarter';
COMMENT ON COLUMN pipeline_waterfall.new_amount IS 'amount of the deals opened in the quarter';
COMMENT ON COLUMN pipeline_waterfall.pulled_in_count IS 'deals open, whose expected close date came into the quarter';
COMMENT ON COLUMN pipeline_waterfall.pulled_in_amount IS 'amount of the deals open, whose expected close date came into the quarter';
COMMENT ON COLUMN pipeline_waterfall.reopened_count IS 'deals that came back from an end or from hold';
COMMENT ON COLUMN pipeline_waterfall.reopened_amount IS 'amount of the deals that came back from an end or from hold';
COMMENT ON COLUMN pipeline_waterfall.transferred_in_count IS 'deals that came from another member';
COMMENT ON COLUMN pipeline_waterfall.transferred_in_amount IS 'amount of the deals that came from another member';
COMMENT ON COLUMN pipeline_waterfall.increased_count IS 'deals whose amount rose';
COMMENT ON COLUMN pipeline_waterfall.increased_amount IS 'by how much the amounts rose';
COMMENT ON COLUMN pipeline_waterfall.decreased_count IS 'deals whose amount fell';
COMMENT ON COLUMN pipeline_waterfall.decreased_amount IS 'by how much the amounts fell';
COMMENT ON COLUMN pipeline_waterfall.transferred_out_count IS 'deals that went to another member';
COMMENT ON COLUMN pipeline_waterfall.transferred_out_amount IS 'amount of the deals that went to another member';
COMMENT ON COLUMN pipeline_waterfall.pushed_out_count IS 'deals open, whose expected close date left the quarter';
COMMENT ON COLUMN pipeline_waterfall.pushed_out_amount IS 'amount of the deals open, whose expected close date left the quarter';
COMMENT ON COLUMN pipeline_waterfall.won_count IS 'deals won';
COMMENT ON COLUMN pipeline_waterfall.won_amount IS 'amount of the deals won';
COMMENT ON COLUMN pipeline_waterfall.lost_count IS 'deals lost';
COMMENT ON COLUMN pipeline_waterfall.lost_amount IS 'amount of the deals lost';
COMMENT ON COLUMN pipeline_waterfall.removed_count IS 'deals disqualified, put on hold or deleted';
COMMENT ON COLUMN pipeline_waterfall.removed_amount IS 'amount of the deals disqualified, put on hold or deleted';
COMMENT ON COLUMN pipeline_waterfall.end_count IS 'deals in the pipeline now';
COMMENT ON COLUMN pipeline_waterfall.end_amount IS 'amount of the deals in the pipeline now';

CREATE VIEW pipeline_waterfall_deal WITH (security_invoker = true) AS
SELECT
    report.deal_id,
    report.deal,
    report.pipeline_id,
    report.pipeline,
    report.rep_id,
    report.rep,
    report.start_phase,
    report.end_phase,
    report.start_close_date,
    report.end_close_date,
    report.start_amount::numeric(18, 2) AS start_amount,
    report.new_amount::numeric(18, 2) AS new_amount,
    report.pulled_in_amount::numeric(18, 2) AS pulled_in_amount,
    report.reopened_amount::numeric(18, 2) AS reopened_amount,
    report.increased_amount::numeric(18, 2) AS increased_amount,
    report.decreased_amount::numeric(18, 2) AS decreased_amount,
    report.pushed_out_amount::numeric(18, 2) AS pushed_out_amount,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.lost_amount::numeric(18, 2) AS lost_amount,
    report.removed_amount::numeric(18, 2) AS removed_amount,
    report.end_amount::numeric(18, 2) AS end_amount
FROM setting
CROSS JOIN LATERAL (
    SELECT
        period_start(local_date(now()), 'quarter') AS from_date,
        kpicrm.fiscal_period_end(local_date(now()), 'quarter', setting.fiscal_start_month) AS to_date
) AS period
CROSS JOIN LATERAL pipeline_waterfall_deal(period.from_date, NULL, period.from_date, period.to_date) AS report;
COMMENT ON VIEW pipeline_waterfall_deal IS
    'One row per deal that was expected to close in the present fiscal quarter when it began, is so now, or came to its end since: what it added to and took from that pipeline; each row adds up from start to end.';
COMMENT ON COLUMN pipeline_waterfall_deal.deal_id IS 'key of the deal';
COMMENT ON COLUMN pipeline_waterfall_deal.deal IS 'name of the deal, or (deleted)';
COMMENT ON COLUMN pipeline_waterfall_deal.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN pipeline_waterfall_deal.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN pipeline_waterfall_deal.rep_id IS 'key of the rep who has it now';
COMMENT ON COLUMN pipeline_waterfall_deal.rep IS 'name of the rep, or (none)';
COMMENT ON COLUMN pipeline_waterfall_deal.start_phase IS 'phase when the quarter began; NULL: it was not there';
COMMENT ON COLUMN pipeline_waterfall_deal.end_phase IS 'phase now; NULL: deleted';
COMMENT ON COLUMN pipeline_waterfall_deal.start_close_date IS 'expected close date when the quarter began';
COMMENT ON COLUMN pipeline_waterfall_deal.end_close_date IS 'expected close date now';
COMMENT ON COLUMN pipeline_waterfall_deal.start_amount IS 'amount in the pipeline when the quarter began';
COMMENT ON COLUMN pipeline_waterfall_deal.new_amount IS 'amount that came as a new deal';
COMMENT ON COLUMN pipeline_waterfall_deal.pulled_in_amount IS 'amount that came because the expected close date moved into the quarter';
COMMENT ON COLUMN pipeline_waterfall_deal.reopened_amount IS 'amount that came back from an end or from hold';
COMMENT ON COLUMN pipeline_waterfall_deal.increased_amount IS 'by how much the amount rose';
COMMENT ON COLUMN pipeline_waterfall_deal.decreased_amount IS 'by how much the amount fell';
COMMENT ON COLUMN pipeline_waterfall_deal.pushed_out_amount IS 'amount that went because the expected close date left the quarter';
COMMENT ON COLUMN pipeline_waterfall_deal.won_amount IS 'amount won';
COMMENT ON COLUMN pipeline_waterfall_deal.lost_amount IS 'amount lost';
COMMENT ON COLUMN pipeline_waterfall_deal.removed_amount IS 'amount disqualified, put on hold or deleted';
COMMENT ON COLUMN pipeline_waterfall_deal.end_amount IS 'amount in the pipeline now';
