/*
 * Facts: the rows that KPIs count.
 *
 * A fact is one kind of event (a lead came in, a deal was closed) or of state with
 * a beginning and an end (a deal is in an open phase), as it was known at as_of.
 * Rep and product are those of the event; the team is the rep's present one; a
 * customer's rep is the account's present one.  Columns that all facts share:
 *
 *   …_date               local day in the workspace's time zone, what KPIs count on
 *   …_at                 the instant of the same name, for the index
 *   rep_id, team_id, product_id, source_id, pipeline_id
 *                        dimensions, where the fact has them
 *
 * Joins to what a KPI does not ask for are removed by the planner.  The time zone is a
 * scalar subquery, which runs once: a join with setting would keep the scan in one process.
 */

CREATE FUNCTION lead_fact(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    lead_id bigint,
    created_at timestamp with time zone,
    created_date date,
    rep_id bigint,
    team_id bigint,
    source_id bigint,
    account_id bigint,
    has_deal boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        lead.id,
        lead.created_at,
        (lead.created_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        lead.rep_id,
        sales_rep.team_id,
        lead.source_id,
        lead.account_id,
        EXISTS (
            SELECT
            FROM deal
            WHERE deal.lead_id = lead.id
                AND deal.opened_at <= as_of
        )
    FROM lead
    LEFT JOIN sales_rep ON sales_rep.id = lead.rep_id
    WHERE lead.created_at <= as_of;
END;
COMMENT ON FUNCTION lead_fact(timestamp with time zone) IS
    'fact: one row per lead, on the day it came in; has_deal: did a deal come of it until the instant?';

CREATE FUNCTION deal_opening(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    opened_at timestamp with time zone,
    opened_date date,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    source_id bigint,
    pipeline_id bigint,
    account_id bigint,
    lead_id bigint,
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        deal.id,
        deal.opened_at,
        (deal.opened_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        opening.rep_id,
        sales_rep.team_id,
        opening.product_id,
        deal.source_id,
        coalesce(phase.pipeline_id, deal.pipeline_id),
        deal.account_id,
        deal.lead_id,
        deal.amount
    FROM deal
    LEFT JOIN phase_stay AS opening
        ON opening.deal_id = deal.id
        AND opening.stay_no = 1
    LEFT JOIN phase ON phase.id = opening.phase_id
    LEFT JOIN sales_rep ON sales_rep.id = opening.rep_id
    WHERE deal.opened_at <= as_of;
END;
COMMENT ON FUNCTION deal_opening(timestamp with time zone) IS
    'fact: one row per deal, on the day it was opened, for the rep, product and pipeline it was opened with';

CREATE FUNCTION deal_closing(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    closed_at timestamp with time zone,
    closed_date date,
    won boolean,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    source_id bigint,
    pipeline_id bigint,
    account_id bigint,
    lead_id bigint,
    amount numeric,
    cost numeric,
    lead_time_days double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        deal.id,
        stay.entered_at,
        (stay.entered_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        phase.kind = 'won',
        stay.rep_id,
        sales_rep.team_id,
        stay.product_id,
        deal.source_id,
        phase.pipeline_id,
        deal.account_id,
        deal.lead_id,
        deal.amount,
        deal.cost,
        CASE WHEN stay.entered_at >= deal.opened_at THEN (EXTRACT(epoch FROM stay.entered_at - deal.opened_at) / 86400)::double precision END
    FROM phase_stay AS stay
    JOIN phase ON phase.id = stay.phase_id
    JOIN deal ON deal.id = stay.deal_id
    LEFT JOIN sales_rep ON sales_rep.id = stay.rep_id
    WHERE phase.kind IN ('won', 'lost')
        AND deal.opened_at <= as_of
        AND stay.entered_at <= as_of
        AND (stay.left_at IS NULL OR stay.left_at > as_of);
END;
COMMENT ON FUNCTION deal_closing(timestamp with time zone) IS
    'fact: one row per deal that is won or lost at the instant, on the day it was (a reopened deal: last), for the rep, product and pipeline it was closed with';

CREATE FUNCTION open_stay(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    phase_id bigint,
    entered_at timestamp with time zone,
    entered_date date,
    left_at timestamp with time zone,
    left_date date,
    is_current boolean,
    expected_close_date date,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    source_id bigint,
    pipeline_id bigint,
    account_id bigint,
    amount numeric,
    win_probability double precision,
    is_likely boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        deal.id,
        stay.phase_id,
        stay.entered_at,
        (stay.entered_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        CASE WHEN stay.left_at <= as_of THEN stay.left_at END,
        CASE WHEN stay.left_at <= as_of THEN (stay.left_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date END,
        stay.left_at IS NULL OR stay.left_at > as_of,
        deal.expected_close_on,
        CASE WHEN stay.left_at IS NULL THEN deal.rep_id ELSE stay.rep_id END,
        sales_rep.team_id,
        CASE WHEN stay.left_at IS NULL THEN deal.product_id ELSE stay.product_id END,
        deal.source_id,
        phase.pipeline_id,
        deal.account_id,
        deal.amount,
        phase.win_probability,
        phase.win_probability >= (SELECT setting.prospect_min_probability FROM setting WHERE setting.only_row)
    FROM phase_stay AS stay
    JOIN phase_as_of(as_of) AS phase ON phase.id = stay.phase_id
    JOIN deal ON deal.id = stay.deal_id
    LEFT JOIN sales_rep
        ON sales_rep.id = CASE WHEN stay.left_at IS NULL THEN deal.rep_id ELSE stay.rep_id END
    WHERE phase.kind = 'open'
        AND deal.opened_at <= as_of
        AND stay.entered_at <= as_of;
END;
COMMENT ON FUNCTION open_stay(timestamp with time zone) IS
    'fact: one row per stay of a deal in an open phase until the instant, from the day it began to the day it ended; rep and product are the present ones of the stay that still lasts, else those it began with; is_likely: win_probability reaches setting.prospect_min_probability';

CREATE FUNCTION prospect_stay(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    phase_id bigint,
    entered_at timestamp with time zone,
    entered_date date,
    due_date date,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    source_id bigint,
    pipeline_id bigint,
    account_id bigint
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        stay.deal_id,
        stay.phase_id,
        stay.entered_at,
        stay.entered_date,
        least(stay.left_date, stay.expected_close_date),
        stay.rep_id,
        stay.team_id,
        stay.product_id,
        stay.source_id,
        stay.pipeline_id,
        stay.account_id
    FROM open_stay(as_of) AS stay
    WHERE stay.is_likely;
END;
COMMENT ON FUNCTION prospect_stay(timestamp with time zone) IS
    'fact: one row per stay of a deal in an open phase whose win probability reaches setting.prospect_min_probability, from the day it began to the day it ended or, if that was earlier, the day the deal is expected to close; rep and product as in open_stay';

CREATE FUNCTION activity_fact(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    activity_id bigint,
    done_at timestamp with time zone,
    done_date date,
    counts_as_visit boolean,
    activity_type_id bigint,
    rep_id bigint,
    team_id bigint,
    source_id bigint,
    pipeline_id bigint,
    deal_id bigint,
    lead_id bigint,
    account_id bigint,
    duration_hours double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        activity.activity_id,
        activity.done_at,
        (activity.done_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        activity_type.counts_as_visit,
        activity.activity_type_id,
        activity.rep_id,
        sales_rep.team_id,
        deal.source_id,
        deal.pipeline_id,
        activity.deal_id,
        activity.lead_id,
        coalesce(activity.account_id, deal.account_id),
        (EXTRACT(epoch FROM activity.duration) / 3600)::double precision
    FROM activity_done(as_of) AS activity
    LEFT JOIN activity_type ON activity_type.id = activity.activity_type_id
    LEFT JOIN sales_rep ON sales_rep.id = activity.rep_id
    LEFT JOIN deal ON deal.id = activity.deal_id;
END;
COMMENT ON FUNCTION activity_fact(timestamp with time zone) IS
    'fact: one row per activity that is done, on the day it ended';

CREATE FUNCTION deal_effort(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    occasion text,
    reached_at timestamp with time zone,
    reached_date date,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    source_id bigint,
    pipeline_id bigint,
    activity_count bigint,
    timed_count bigint,
    duration_seconds numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    WITH reached AS NOT MATERIALIZED (
        SELECT
            opening.deal_id,
            'opened' AS occasion,
            opening.opened_at AS at,
            opening.rep_id,
            opening.product_id,
            opening.source_id,
            opening.pipeline_id,
            opening.lead_id
        FROM deal_opening(as_of) AS opening
        UNION ALL
        SELECT
            closing.deal_id,
            CASE WHEN closing.won THEN 'won' ELSE 'lost' END,
            closing.closed_at,
            closing.rep_id,
            closing.product_id,
            closing.source_id,
            closing.pipeline_id,
            closing.lead_id
        FROM deal_closing(as_of) AS closing
    )
    SELECT
        effort.deal_id,
        effort.occasion,
        effort.at,
        (effort.at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        effort.rep_id,
        sales_rep.team_id,
        effort.product_id,
        effort.source_id,
        effort.pipeline_id,
        effort.activity_count,
        effort.timed_count,
        EXTRACT(epoch FROM effort.duration)
    FROM (
        SELECT
            acted.deal_id,
            acted.occasion,
            acted.at,
            acted.rep_id,
            acted.product_id,
            acted.source_id,
            acted.pipeline_id,
            count(acted.activity_id) AS activity_count,
            count(acted.duration) AS timed_count,
            sum(acted.duration) AS duration
        FROM (
            SELECT
                reached.deal_id,
                reached.occasion,
                reached.at,
                reached.rep_id,
                reached.product_id,
                reached.source_id,
                reached.pipeline_id,
                activity.activity_id,
                activity.duration
            FROM reached
            LEFT JOIN activity_done('infinity') AS activity
                ON activity.deal_id = reached.deal_id
                AND activity.done_at <= reached.at
            UNION ALL
            SELECT
                reached.deal_id,
                reached.occasion,
                reached.at,
                reached.rep_id,
                reached.product_id,
                reached.source_id,
                reached.pipeline_id,
                activity.activity_id,
                activity.duration
            FROM reached
            JOIN activity_done('infinity') AS activity
                ON activity.lead_id = reached.lead_id
                AND activity.done_at <= reached.at
            WHERE activity.lead_id IS NOT NULL
                AND activity.deal_id IS NULL
        ) AS acted
        GROUP BY
            acted.deal_id,
            acted.occasion,
            acted.at,
            acted.rep_id,
            acted.product_id,
            acted.source_id,
            acted.pipeline_id
    ) AS effort
    LEFT JOIN sales_rep ON sales_rep.id = effort.rep_id;
END;
COMMENT ON FUNCTION deal_effort(timestamp with time zone) IS
    'fact: one row per opening (occasion opened) and per last closing (won, lost) of a deal, on its day, for the rep, product and pipeline of that event: activities done until then for the deal and for its lead, those among them whose duration is known, and how many seconds these took';

CREATE FUNCTION lead_outcome(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    origin_at timestamp with time zone,
    origin_date date,
    source_id bigint,
    lead_id bigint,
    converted_lead_id bigint,
    deal_id bigint,
    direct_deal_id bigint,
    won boolean,
    won_amount numeric,
    activity_id bigint,
    duration_seconds numeric,
    is_before_lead boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000000
BEGIN ATOMIC
    WITH origin AS NOT MATERIALIZED (
        -- the deals of leads, and those without one, in the phase they are in
        SELECT
            deal.id AS deal_id,
            NULL::bigint AS direct_deal_id,
            lead.source_id,
            lead.created_at AS at,
            deal.opened_at < lead.created_at AS is_before_lead,
            deal.phase_id,
            deal.amount
        FROM lead
        JOIN deal ON deal.lead_id = lead.id
        WHERE lead.created_at <= as_of
            AND deal.opened_at <= as_of
            AND deal.phase_since <= as_of
        UNION ALL
        SELECT
            deal.id,
            deal.id,
            deal.source_id,
            deal.opened_at,
            false,
            deal.phase_id,
            deal.amount
        FROM deal
        WHERE deal.lead_id IS NULL
            AND deal.opened_at <= as_of
            AND deal.phase_since <= as_of
        UNION ALL
        -- and those that have moved since, in the phase they were in
        SELECT
            deal.id,
            CASE WHEN deal.lead_id IS NULL THEN deal.id END,
            CASE WHEN deal.lead_id IS NULL THEN deal.source_id ELSE lead.source_id END,
            CASE WHEN deal.lead_id IS NULL THEN deal.opened_at ELSE lead.created_at END,
            coalesce(deal.opened_at < lead.created_at, false),
            stay.phase_id,
            deal.amount
        FROM deal
        LEFT JOIN lead ON lead.id = deal.lead_id
        LEFT JOIN phase_stay AS stay
            ON stay.deal_id = deal.id
            AND stay.entered_at <= as_of
            AND stay.left_at > as_of
        WHERE deal.phase_since > as_of
            AND deal.opened_at <= as_of
            AND (deal.lead_id IS NULL OR lead.created_at <= as_of)
    )
    SELECT
        outcome.at,
        (outcome.at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        outcome.source_id,
        outcome.lead_id,
        outcome.converted_lead_id,
        outcome.deal_id,
        outcome.direct_deal_id,
        outcome.won,
        outcome.won_amount,
        outcome.activity_id,
        EXTRACT(epoch FROM outcome.duration),
        outcome.is_before_lead
    FROM (
        -- one row for each thing to count: one pass over them all, which runs in parallel
        SELECT
            lead.created_at AS at,
            lead.source_id,
            lead.id AS lead_id,
            NULL::bigint AS converted_lead_id,
            NULL::bigint AS deal_id,
            NULL::bigint AS direct_deal_id,
            NULL::boolean AS won,
            NULL::numeric AS won_amount,
            NULL::bigint AS activity_id,
            NULL::interval AS duration,
            NULL::boolean AS is_before_lead
        FROM lead
        WHERE lead.created_at <= as_of
        UNION ALL
        SELECT
            lead.created_at,
            lead.source_id,
            NULL,
            lead.id,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL
        FROM lead
        WHERE lead.created_at <= as_of
            AND EXISTS (SELECT FROM deal WHERE deal.lead_id = lead.id AND deal.opened_at <= as_of)
        UNION ALL
        SELECT
            origin.at,
            origin.source_id,
            NULL,
            NULL,
            origin.deal_id,
            origin.direct_deal_id,
            CASE phase.kind WHEN 'won' THEN true WHEN 'lost' THEN false END,
            CASE phase.kind WHEN 'won' THEN origin.amount END,
            NULL,
            NULL,
            origin.is_before_lead
        FROM origin
        LEFT JOIN phase ON phase.id = origin.phase_id
        UNION ALL
        SELECT
            origin.at,
            origin.source_id,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            activity.activity_id,
            activity.duration,
            NULL
        FROM origin
        JOIN activity_done(as_of) AS activity ON activity.deal_id = origin.deal_id
        UNION ALL
        SELECT
            lead.created_at,
            lead.source_id,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            activity.activity_id,
            activity.duration,
            NULL
        FROM lead
        JOIN activity_done(as_of) AS activity ON activity.lead_id = lead.id
        WHERE lead.created_at <= as_of
            -- which the join says too, but not to the index of what was done for leads
            AND activity.lead_id IS NOT NULL
            AND activity.deal_id IS NULL
    ) AS outcome;
END;
COMMENT ON FUNCTION lead_outcome(timestamp with time zone) IS
    'fact: one row per lead, per lead of which a deal has come, per deal and per activity done for one of them until the instant, each on the day the lead came in (of a deal without a lead: on the day it was opened) and for the lead''s source; the keys say which of them a row is; is_before_lead: a deal that was opened before its lead came in';

CREATE FUNCTION customer_purchase(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    purchase_id bigint,
    account_id bigint,
    purchased_at timestamp with time zone,
    purchased_date date,
    rep_id bigint,
    team_id bigint,
    amount numeric,
    cost numeric,
    is_first boolean,
    is_first_repeat boolean,
    is_first_with_cost boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        ordered.id,
        ordered.account_id,
        ordered.purchased_at,
        ordered.day,
        account.rep_id,
        sales_rep.team_id,
        ordered.amount,
        ordered.cost,
        ordered.is_order AND ordered.order_no = 1,
        ordered.is_order AND ordered.day_no = 2 AND ordered.previous_day < ordered.day,
        ordered.cost IS NOT NULL AND ordered.costed_no = 1
    FROM (
        SELECT
            dated.id,
            dated.account_id,
            dated.purchased_at,
            dated.day,
            dated.amount,
            dated.cost,
            dated.is_order,
            row_number() OVER (ordering ORDER BY dated.day, dated.purchased_at, dated.id) AS order_no,
            dense_rank() OVER (ordering ORDER BY dated.day) AS day_no,
            lag(dated.day) OVER (ordering ORDER BY dated.day, dated.purchased_at, dated.id) AS previous_day,
            count(dated.cost) OVER (PARTITION BY dated.account_id ORDER BY dated.day, dated.purchased_at, dated.id ROWS UNBOUNDED PRECEDING) AS costed_no
        FROM (
            SELECT
                purchase.id,
                purchase.account_id,
                purchase.purchased_at,
                (purchase.purchased_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date AS day,
                purchase.amount,
                purchase.cost,
                -- a negative amount is a credit note
                purchase.amount >= 0 AS is_order
            FROM purchase
                    WHERE purchase.purchased_at <= as_of
        ) AS dated
        WINDOW ordering AS (PARTITION BY dated.account_id, dated.is_order)
    ) AS ordered
    JOIN account ON account.id = ordered.account_id
    LEFT JOIN sales_rep ON sales_rep.id = account.rep_id;
END;
COMMENT ON FUNCTION customer_purchase(timestamp with time zone) IS
    'fact: one row per purchase, on its day, for the present rep of the account; is_first: the first order of the account (a negative amount is a credit note and no order), is_first_repeat: the first on its second day with an order, which makes it a repeat customer, is_first_with_cost: the first purchase whose cost is known';

CREATE FUNCTION contract_end(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    contract_id bigint,
    end_date date,
    account_id bigint,
    rep_id bigint,
    team_id bigint,
    product_id bigint,
    amount_per_month numeric,
    is_renewed boolean
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        contract.id,
        contract.ends_on,
        contract.account_id,
        account.rep_id,
        sales_rep.team_id,
        contract.product_id,
        contract.amount_per_month,
        contract.renewed_by IS NOT NULL
    FROM contract
    JOIN account ON account.id = contract.account_id
    LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
    WHERE contract.ends_on <= (as_of AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date;
END;
COMMENT ON FUNCTION contract_end(timestamp with time zone) IS
    'fact: one row per term of a contract that has come to its end, on its last day, for the present rep of the account';

CREATE FUNCTION inquiry_fact(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    inquiry_id bigint,
    received_at timestamp with time zone,
    received_date date,
    account_id bigint,
    rep_id bigint,
    team_id bigint,
    is_responded boolean,
    response_hours double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        inquiry.id,
        inquiry.received_at,
        (inquiry.received_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        inquiry.account_id,
        inquiry.rep_id,
        sales_rep.team_id,
        coalesce(inquiry.responded_at <= as_of, false),
        CASE WHEN inquiry.responded_at <= as_of THEN (EXTRACT(epoch FROM inquiry.responded_at - inquiry.received_at) / 3600)::double precision END
    FROM inquiry
    LEFT JOIN sales_rep ON sales_rep.id = inquiry.rep_id
    WHERE inquiry.received_at <= as_of;
END;
COMMENT ON FUNCTION inquiry_fact(timestamp with time zone) IS
    'fact: one row per inquiry, on the day it came in; is_responded: was there an answer until the instant?';

CREATE FUNCTION feedback_fact(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    feedback_id bigint,
    received_at timestamp with time zone,
    received_date date,
    account_id bigint,
    rep_id bigint,
    team_id bigint,
    kind text,
    score integer
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        feedback.id,
        feedback.received_at,
        (feedback.received_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date,
        feedback.account_id,
        feedback.rep_id,
        sales_rep.team_id,
        feedback.kind,
        feedback.score
    FROM feedback
    LEFT JOIN sales_rep ON sales_rep.id = feedback.rep_id
    WHERE feedback.received_at <= as_of;
END;
COMMENT ON FUNCTION feedback_fact(timestamp with time zone) IS
    'fact: one row per answer to a survey, on the day it came in';
