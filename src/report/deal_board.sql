/*
 * deal_board: the kanban.
 *
 * Grain: deal that is in an open phase at as_of.  Status:
 *
 *   stalled    in its phase for longer than stall_after_days: phase.stall_after if
 *              that is set, or else the time within which setting.stall_fraction of
 *              all stays in the phase ended (Kaplan-Meier, open stays censored)
 *   attention  any other reason holds
 *   on_track   none does
 *
 * Reasons: no next action (neither deal.next_action_on nor a planned activity),
 * overdue action (the next one was planned for an earlier day), close date passed,
 * pushed twice or more (the expected close date was moved to a later one), moved
 * backward (to an earlier open phase), stalled.  Days are those of the workspace's
 * time zone.  Phase, pushes and backward moves are those until as_of; amount, rep,
 * dates and actions are the present ones.
 *
 * Each phase's stays are gathered once, and set-backs are read from deal_slip instead
 * of the events, so that the board of a large pipeline stays fast.
 */
CREATE FUNCTION deal_status(
    is_stalled boolean,
    is_without_action boolean,
    is_action_overdue boolean,
    is_close_date_passed boolean,
    push_count bigint,
    backward_count bigint
) RETURNS TABLE (
    status text,
    reason text,
    sort_order integer
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT
        CASE judged.sort_order WHEN 1 THEN 'stalled' WHEN 2 THEN 'attention' ELSE 'on_track' END,
        nullif(concat_ws(
            ', ',
            CASE WHEN is_stalled THEN 'stalled' END,
            CASE WHEN is_without_action THEN 'no next action' END,
            CASE WHEN is_action_overdue THEN 'overdue action' END,
            CASE WHEN is_close_date_passed THEN 'close date passed' END,
            CASE WHEN push_count >= 2 THEN 'pushed ' || push_count::text || ' times' END,
            CASE WHEN backward_count > 0 THEN 'moved backward' END
        ), ''),
        judged.sort_order
    FROM (
        SELECT CASE
            WHEN is_stalled THEN 1
            WHEN is_without_action
                OR is_action_overdue
                OR is_close_date_passed
                OR push_count >= 2
                OR backward_count > 0 THEN 2
            ELSE 3
        END AS sort_order
    ) AS judged;
END;
COMMENT ON FUNCTION deal_status(boolean, boolean, boolean, boolean, bigint, bigint) IS
    'the status of a deal on the board, its reasons (NULL if there is none), and its place in the order of statuses';

-- All of a card but how it compares with other deals.
CREATE FUNCTION deal_card(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    deal text,
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    phase_sort_order integer,
    account_id bigint,
    account text,
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    product_id bigint,
    product text,
    amount numeric,
    win_probability double precision,
    opened_at timestamp with time zone,
    phase_since_at timestamp with time zone,
    expected_close_date date,
    next_action_date date,
    push_count bigint,
    backward_count bigint,
    is_without_action boolean,
    is_action_overdue boolean,
    is_close_date_passed boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH seat AS (
        -- most deals are where they were at as_of; of the others the stays know
        SELECT
            deal.id AS deal_id,
            deal.name,
            deal.phase_id,
            deal.phase_since AS entered_at,
            deal.account_id,
            deal.rep_id,
            deal.product_id,
            deal.amount,
            deal.opened_at,
            deal.expected_close_on,
            deal.next_action_on
        FROM deal
        WHERE deal.phase_since <= as_of
            AND deal.phase_id IN (SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open')
        UNION ALL
        SELECT
            deal.id,
            deal.name,
            stay.phase_id,
            stay.entered_at,
            deal.account_id,
            deal.rep_id,
            deal.product_id,
            deal.amount,
            deal.opened_at,
            deal.expected_close_on,
            deal.next_action_on
        FROM deal
        JOIN phase_stay AS stay ON stay.deal_id = deal.id
        WHERE deal.phase_since > as_of
            AND stay.entered_at <= as_of
            AND stay.left_at > as_of
    ), planned AS (
        SELECT
            activity.deal_id,
            min(activity.planned_at) AS planned_at
        FROM activity
        WHERE NOT activity.done
            AND activity.deal_id IS NOT NULL
        GROUP BY activity.deal_id
    )
    SELECT
        seat.deal_id,
        seat.name,
        phase.pipeline_id,
        pipeline.name,
        phase.id,
        phase.name,
        phase.position,
        seat.account_id,
        account.name,
        seat.rep_id,
        sales_rep.name,
        sales_rep.team_id,
        sales_team.name,
        seat.product_id,
        product.name,
        seat.amount,
        phase.win_probability,
        seat.opened_at,
        seat.entered_at,
        seat.expected_close_on,
        action.next_on,
        slip.push_count,
        slip.backward_count,
        action.next_on IS NULL,
        coalesce(action.next_on < today.day, false),
        coalesce(seat.expected_close_on < today.day, false)
    FROM seat
    JOIN phase_as_of(as_of) AS phase
        ON phase.id = seat.phase_id
        AND phase.kind = 'open'
    JOIN pipeline ON pipeline.id = phase.pipeline_id
    JOIN setting ON setting.only_row
    LEFT JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE deal_slip.kind = 'push') AS push_count,
            count(*) FILTER (WHERE deal_slip.kind = 'backward') AS backward_count
        FROM deal_slip
        WHERE deal_slip.deal_id = seat.deal_id
            AND deal_slip.at <= as_of
    ) AS slip ON true
    LEFT JOIN planned ON planned.deal_id = seat.deal_id
    LEFT JOIN account ON account.id = seat.account_id
    LEFT JOIN sales_rep ON sales_rep.id = seat.rep_id
    LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
    LEFT JOIN product ON product.id = seat.product_id
    CROSS JOIN LATERAL (
        SELECT (as_of AT TIME ZONE setting.time_zone)::date AS day
    ) AS today
    CROSS JOIN LATERAL (
        SELECT coalesce(seat.next_action_on, (planned.planned_at AT TIME ZONE setting.time_zone)::date) AS next_on
    ) AS action
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION deal_card(timestamp with time zone) IS
    'each deal that is in an open phase at the instant, with what the board shows of it but how long others stay';

CREATE FUNCTION deal_board(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    deal text,
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    phase_sort_order integer,
    account_id bigint,
    account text,
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    product_id bigint,
    product text,
    amount numeric,
    win_probability double precision,
    weighted_amount numeric,
    opened_at timestamp with time zone,
    phase_since_at timestamp with time zone,
    age_days double precision,
    phase_days double precision,
    stall_after_days double precision,
    stall_score double precision,
    expected_close_date date,
    next_action_date date,
    push_count bigint,
    backward_count bigint,
    status text,
    reason text,
    status_sort_order integer,
    is_stalled boolean,
    is_without_action boolean,
    is_action_overdue boolean,
    is_close_date_passed boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH pace AS MATERIALIZED (
        SELECT
            pace.phase_id,
            pace.stall_after,
            pace.ages,
            pace.scores
        FROM phase_pace(as_of) AS pace
    )
    SELECT
        card.deal_id,
        card.deal,
        card.pipeline_id,
        card.pipeline,
        card.phase_id,
        card.phase,
        card.phase_sort_order,
        card.account_id,
        card.account,
        card.rep_id,
        card.rep,
        card.team_id,
        card.team,
        card.product_id,
        card.product,
        card.amount,
        card.win_probability,
        card.amount * card.win_probability::numeric,
        card.opened_at,
        card.phase_since_at,
        EXTRACT(epoch FROM as_of - card.opened_at) / 86400,
        EXTRACT(epoch FROM as_of - card.phase_since_at) / 86400,
        EXTRACT(epoch FROM pace.stall_after) / 86400,
        coalesce(
            pace.scores[nullif(width_bucket(EXTRACT(epoch FROM as_of - card.phase_since_at)::double precision, pace.ages), 0)],
            0
        ),
        card.expected_close_date,
        card.next_action_date,
        card.push_count,
        card.backward_count,
        judged.status,
        judged.reason,
        judged.sort_order,
        stall.is_stalled,
        card.is_without_action,
        card.is_action_overdue,
        card.is_close_date_passed
    FROM deal_card(as_of) AS card
    JOIN pace ON pace.phase_id = card.phase_id
    CROSS JOIN LATERAL (
        SELECT coalesce(as_of - card.phase_since_at > pace.stall_after, false) AS is_stalled
    ) AS stall
    CROSS JOIN LATERAL deal_status(
        stall.is_stalled, card.is_without_action, card.is_action_overdue, card.is_close_date_passed, card.push_count, card.backward_count
    ) AS judged;
END;
COMMENT ON FUNCTION deal_board(timestamp with time zone) IS
    'a card for each deal that is in an open phase at the instant, with its status and the reasons';

CREATE VIEW deal_board WITH (security_invoker = true) AS
SELECT
    card.deal_id,
    card.deal,
    card.pipeline_id,
    card.pipeline,
    card.phase_id,
    card.phase,
    card.phase_sort_order,
    card.account_id,
    card.account,
    card.rep_id,
    card.rep,
    card.team_id,
    card.team,
    card.product_id,
    card.product,
    card.amount::numeric(18, 2) AS amount,
    card.win_probability,
    card.weighted_amount::numeric(18, 2) AS weighted_amount,
    card.opened_at,
    card.phase_since_at,
    card.age_days,
    card.phase_days,
    card.stall_after_days,
    card.stall_score,
    card.expected_close_date,
    card.next_action_date,
    card.push_count,
    card.backward_count,
    card.status,
    card.reason,
    card.status_sort_order,
    card.is_stalled,
    card.is_without_action,
    card.is_action_overdue,
    card.is_close_date_passed
FROM deal_board() AS card;
COMMENT ON VIEW deal_board IS
    'One row per open deal: where it stands, for how long, and whether it needs care and why, as of now. Status stalled: longer in its phase than the phase allows or than most stays lasted; attention: no or overdue next action, close date passed, pushed twice or more, or moved backward.';
COMMENT ON COLUMN deal_board.deal_id IS 'key of the deal';
COMMENT ON COLUMN deal_board.deal IS 'name of the deal';
COMMENT ON COLUMN deal_board.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN deal_board.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN deal_board.phase_id IS 'key of the phase';
COMMENT ON COLUMN deal_board.phase IS 'name of the phase';
COMMENT ON COLUMN deal_board.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN deal_board.account_id IS 'key of the account';
COMMENT ON COLUMN deal_board.account IS 'name of the account';
COMMENT ON COLUMN deal_board.rep_id IS 'key of the rep';
COMMENT ON COLUMN deal_board.rep IS 'name of the rep';
COMMENT ON COLUMN deal_board.team_id IS 'key of the rep''s team';
COMMENT ON COLUMN deal_board.team IS 'name of the rep''s team';
COMMENT ON COLUMN deal_board.product_id IS 'key of the product';
COMMENT ON COLUMN deal_board.product IS 'name of the product';
COMMENT ON COLUMN deal_board.amount IS 'amount of the deal';
COMMENT ON COLUMN deal_board.win_probability IS 'probability to be won that the phase stands for, 0 to 1';
COMMENT ON COLUMN deal_board.weighted_amount IS 'amount times win_probability';
COMMENT ON COLUMN deal_board.opened_at IS 'instant the deal was opened';
COMMENT ON COLUMN deal_board.phase_since_at IS 'instant the deal entered the phase';
COMMENT ON COLUMN deal_board.age_days IS 'days since the deal was opened';
COMMENT ON COLUMN deal_board.phase_days IS 'days in the phase';
COMMENT ON COLUMN deal_board.stall_after_days IS 'age at which a deal in this phase is stalled: set for the phase, or learned; NULL if it cannot be learned yet';
COMMENT ON COLUMN deal_board.stall_score IS 'share of all stays in the phase that had ended at this age, 0 to 1 (Kaplan-Meier, open stays censored)';
COMMENT ON COLUMN deal_board.expected_close_date IS 'day the deal is expected to close';
COMMENT ON COLUMN deal_board.next_action_date IS 'day of the next action: the deal''s own, or its earliest planned activity';
COMMENT ON COLUMN deal_board.push_count IS 'times the expected close date was moved to a later one';
COMMENT ON COLUMN deal_board.backward_count IS 'times the deal was moved back to an earlier open phase';
COMMENT ON COLUMN deal_board.status IS 'stalled, attention or on_track';
COMMENT ON COLUMN deal_board.reason IS 'why, as a list; NULL if on_track';
COMMENT ON COLUMN deal_board.status_sort_order IS '1 stalled, 2 attention, 3 on_track';
COMMENT ON COLUMN deal_board.is_stalled IS 'true if in the phase for longer than stall_after_days';
COMMENT ON COLUMN deal_board.is_without_action IS 'true if there is no next action';
COMMENT ON COLUMN deal_board.is_action_overdue IS 'true if the next action was planned for an earlier day';
COMMENT ON COLUMN deal_board.is_close_date_passed IS 'true if the expected close date is an earlier day';

-- The totals over each column of the board.
CREATE FUNCTION deal_board_phase(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    phase_sort_order integer,
    deal_count bigint,
    amount numeric,
    weighted_amount numeric,
    average_phase_days double precision,
    stalled_count bigint,
    stalled_amount numeric,
    attention_count bigint
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT
        card.pipeline_id,
        card.pipeline,
        card.phase_id,
        card.phase,
        card.phase_sort_order,
        count(*),
        coalesce(sum(card.amount), 0),
        coalesce(sum(card.weighted_amount), 0),
        avg(card.phase_days),
        count(*) FILTER (WHERE card.is_stalled),
        coalesce(sum(card.amount) FILTER (WHERE card.is_stalled), 0),
        count(*) FILTER (WHERE card.status = 'attention')
    FROM deal_board(as_of) AS card
    WHERE kpicrm.accept_as_of(as_of)
    GROUP BY
        card.pipeline_id,
        card.pipeline,
        card.phase_id,
        card.phase,
        card.phase_sort_order;
END;
COMMENT ON FUNCTION deal_board_phase(timestamp with time zone) IS
    'the totals of each open phase that holds a deal at the instant';

CREATE VIEW deal_board_phase WITH (security_invoker = true) AS
SELECT
    total.pipeline_id,
    total.pipeline,
    total.phase_id,
    total.phase,
    total.phase_sort_order,
    total.deal_count,
    total.amount::numeric(18, 2) AS amount,
    total.weighted_amount::numeric(18, 2) AS weighted_amount,
    total.average_phase_days,
    total.stalled_count,
    total.stalled_amount::numeric(18, 2) AS stalled_amount,
    total.attention_count
FROM deal_board_phase() AS total;
COMMENT ON VIEW deal_board_phase IS
    'One row per open phase that holds a deal: the totals of its cards on the deal_board, as of now.';
COMMENT ON COLUMN deal_board_phase.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN deal_board_phase.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN deal_board_phase.phase_id IS 'key of the phase';
COMMENT ON COLUMN deal_board_phase.phase IS 'name of the phase';
COMMENT ON COLUMN deal_board_phase.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN deal_board_phase.deal_count IS 'open deals in the phase';
COMMENT ON COLUMN deal_board_phase.amount IS 'their amount';
COMMENT ON COLUMN deal_board_phase.weighted_amount IS 'their amount times win_probability';
COMMENT ON COLUMN deal_board_phase.average_phase_days IS 'mean of the days they have been in the phase';
COMMENT ON COLUMN deal_board_phase.stalled_count IS 'of these, the stalled ones';
COMMENT ON COLUMN deal_board_phase.stalled_amount IS 'amount of the stalled ones';
COMMENT ON COLUMN deal_board_phase.attention_count IS 'of these, the ones that need attention for another reason';
