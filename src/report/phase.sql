/*
 * phase_report: where do deals stop?
 *
 * Grain: pipeline × open phase × policy, over the deals opened in [from_date,
 * to_date) and until as_of.  Which deals have reached a phase is a matter of policy:
 *
 *   fill     the furthest phase a deal was ever in counts as having passed all the
 *            earlier ones, and a deal that is won has passed them all: a deal that
 *            skipped a phase, or began in a later one, reached every earlier one
 *   any      the deal was really in this phase
 *   ordered  it was in the first, the second … up to this one in this order of time,
 *            in others between or not
 *   strict   it went from the first to the second … to this one, nothing between
 *
 * The next phase is the next open one of the pipeline by position; that of the
 * last is to be won.  A rate to the next phase is of the deals that reached this
 * phase and the next one too, so it never exceeds 1.  A deal is won if it stands
 * in a won phase of the pipeline at as_of: a reopened deal is not won, but keeps how
 * far it got; one that moved to another pipeline is neither won nor lost here.
 *
 * How long deals stay, and what is in the phase now and stalled, is the same in each
 * policy and over all deals, whenever they were opened: stays still open are
 * censored at as_of.  Stalled is an open deal that has been in its phase for longer
 * than stall_after_days: phase.stall_after if that is set, or else the time within
 * which setting.stall_fraction of the stays ended (Kaplan-Meier).
 */
CREATE FUNCTION phase_report(
    policy text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL
) RETURNS TABLE (
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    sort_order integer,
    policy_name text,
    policy_order integer,
    reached_count bigint,
    next_count bigint,
    next_rate double precision,
    next_rate_low double precision,
    next_rate_high double precision,
    won_count bigint,
    won_rate double precision,
    won_rate_low double precision,
    won_rate_high double precision,
    lost_here_count bigint,
    stay_count bigint,
    stay_mean_days double precision,
    stay_median_days double precision,
    stay_p80_days double precision,
    stall_after_days double precision,
    open_count bigint,
    open_amount numeric,
    stalled_count bigint,
    stalled_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH step AS (
        -- the open phases in order, then to be won, to be lost, and the other ends
        SELECT
            phase.id AS phase_id,
            phase.pipeline_id,
            phase.name,
            phase.kind,
            CASE phase.kind
                WHEN 'open' THEN row_number() OVER (PARTITION BY phase.pipeline_id, phase.kind ORDER BY phase.position)
                ELSE count(*) FILTER (WHERE phase.kind = 'open') OVER (PARTITION BY phase.pipeline_id)
                    + CASE phase.kind WHEN 'won' THEN 1 WHEN 'lost' THEN 2 ELSE 3 END
            END::integer AS step_no,
            (1 + count(*) FILTER (WHERE phase.kind = 'open') OVER (PARTITION BY phase.pipeline_id))::integer AS last_step_no
        FROM phase_as_of(as_of) AS phase
    ), way AS (
        SELECT
            step.pipeline_id,
            step.last_step_no,
            kpicrm.phase_path_agg(step.step_no, phase_stay.entered_at, phase_stay.stay_no) AS path,
            bool_or(phase_stay.left_at IS NULL OR phase_stay.left_at > as_of) AS is_here
        FROM deal
        JOIN phase_stay ON phase_stay.deal_id = deal.id
        JOIN step ON step.phase_id = phase_stay.phase_id
        WHERE deal.opened_at <= as_of
            AND deal.opened_at >= coalesce((SELECT day_begins_at(from_date)), '-infinity')
            AND deal.opened_at < coalesce((SELECT day_begins_at(to_date)), 'infinity')
            AND phase_stay.entered_at <= as_of
        GROUP BY
            phase_stay.deal_id,
            step.pipeline_id,
            step.last_step_no
    ), funnel AS MATERIALIZED (
        SELECT
            way.pipeline_id,
            way.last_step_no,
            -- a deal that moved to another pipeline has left this one
            kpicrm.funnel_agg(CASE WHEN way.is_here THEN way.path ELSE way.path OPERATOR(kpicrm.+) '{294276-12-31 00:00:00 1000}'::kpicrm.phase_path END, way.last_step_no) AS funnel
        FROM way
        GROUP BY
            way.pipeline_id,
            way.last_step_no
    ), reach AS (
        SELECT
            choice.policy_name,
            choice.policy_order,
            funnel.pipeline_id,
            funnel.last_step_no,
            reached."position" AS step_no,
            reached.reached AS reached_count,
            reached.passed AS passed_count,
            reached.won AS won_count
        FROM funnel
        CROSS JOIN (VALUES ('fill', 1), ('any', 2), ('ordered', 3), ('strict', 4)) AS choice (policy_name, policy_order)
        CROSS JOIN LATERAL kpicrm.steps(funnel.funnel, choice.policy_name) AS reached
        WHERE CASE
            WHEN policy IS NULL THEN true
            ELSE choice.policy_name = kpicrm.checked_option('policy', policy, 'fill', 'any', 'ordered', 'strict')
        END
            AND kpicrm.accept_period(from_date, to_date)
    ), loss AS (
        SELECT
            funnel.pipeline_id,
            ending.last_open_position AS step_no,
            ending.deals AS deal_count
        FROM funnel
        CROSS JOIN LATERAL kpicrm.endings(funnel.funnel) AS ending
        WHERE ending."position" = funnel.last_step_no + 1
    ), threshold AS MATERIALIZED (
        SELECT
            pace.phase_id,
            pace.stays,
            pace.stall_after
        FROM phase_pace(as_of) AS pace
    ), stock AS (
        SELECT
            deal.phase_id,
            count(*) AS deal_count,
            sum(deal.amount) AS amount,
            count(*) FILTER (WHERE as_of - deal.entered_at > threshold.stall_after) AS stalled_count,
            sum(deal.amount) FILTER (WHERE as_of - deal.entered_at > threshold.stall_after) AS stalled_amount
        FROM deal_standing(as_of) AS deal
        JOIN threshold ON threshold.phase_id = deal.phase_id
        -- an array, which gets as far as into the scan of deals: others are not handed on
        WHERE deal.phase_id = ANY (ARRAY(SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open'))
        GROUP BY deal.phase_id
    )
    SELECT
        step.pipeline_id,
        pipeline.name,
        step.phase_id,
        step.name,
        step.step_no,
        reach.policy_name,
        reach.policy_order,
        reach.reached_count,
        next.deal_count,
        kpicrm.rate(conversion.next),
        kpicrm.rate_lower(conversion.next),
        kpicrm.rate_upper(conversion.next),
        reach.won_count,
        kpicrm.rate(conversion.won),
        kpicrm.rate_lower(conversion.won),
        kpicrm.rate_upper(conversion.won),
        coalesce(loss.deal_count, 0),
        coalesce(kpicrm.completed_count(threshold.stays), 0),
        kpicrm.mean_days(threshold.stays),
        kpicrm.survival_quantile_days(threshold.stays, 0.5),
        kpicrm.survival_quantile_days(threshold.stays, 0.8),
        EXTRACT(epoch FROM threshold.stall_after) / 86400,
        coalesce(stock.deal_count, 0),
        coalesce(stock.amount, 0),
        coalesce(stock.stalled_count, 0),
        coalesce(stock.stalled_amount, 0)
    FROM step
    JOIN reach
        ON reach.pipeline_id = step.pipeline_id
        AND reach.step_no = step.step_no
    JOIN pipeline ON pipeline.id = step.pipeline_id
    LEFT JOIN reach AS following
        ON following.pipeline_id = step.pipeline_id
        AND following.step_no = step.step_no + 1
        AND following.policy_name = reach.policy_name
    LEFT JOIN loss
        ON loss.pipeline_id = step.pipeline_id
        AND loss.step_no = step.step_no
    LEFT JOIN threshold ON threshold.phase_id = step.phase_id
    LEFT JOIN stock ON stock.phase_id = step.phase_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN step.step_no + 1 < step.last_step_no THEN following.passed_count ELSE reach.won_count END AS deal_count
    ) AS next
    CROSS JOIN LATERAL (
        SELECT
            (next.deal_count || '/' || reach.reached_count)::kpicrm.conversion AS next,
            (reach.won_count || '/' || reach.reached_count)::kpicrm.conversion AS won
    ) AS conversion
    WHERE kpicrm.accept_as_of(as_of)
        AND step.kind = 'open'
        AND reach.reached_count > 0;
END;
COMMENT ON FUNCTION phase_report(text, timestamp with time zone, date, date) IS
    'how far the deals opened in a period get, how long deals stay in each open phase and how many are stalled, by policy fill, any, ordered or strict (NULL: by each of them)';

CREATE VIEW phase_report WITH (security_invoker = true) AS
SELECT
    report.pipeline_id,
    report.pipeline,
    report.phase_id,
    report.phase,
    report.sort_order,
    report.policy_name,
    report.policy_order,
    report.reached_count,
    report.next_count,
    report.next_rate,
    report.next_rate_low,
    report.next_rate_high,
    report.won_count,
    report.won_rate,
    report.won_rate_low,
    report.won_rate_high,
    report.lost_here_count,
    report.stay_count,
    report.stay_mean_days,
    report.stay_median_days,
    report.stay_p80_days,
    report.stall_after_days,
    report.open_count,
    report.open_amount::numeric(18, 2) AS open_amount,
    report.stalled_count,
    report.stalled_amount::numeric(18, 2) AS stalled_amount
FROM phase_report() AS report;
COMMENT ON VIEW phase_report IS
    'One row per pipeline, open phase and policy, over all deals: how many reached the phase, went on to the next and were won, how long they stay, and what is stalled, as of now.';
COMMENT ON COLUMN phase_report.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN phase_report.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN phase_report.phase_id IS 'key of the phase';
COMMENT ON COLUMN phase_report.phase IS 'name of the phase';
COMMENT ON COLUMN phase_report.sort_order IS 'place of the phase among the open ones of its pipeline, from 1';
COMMENT ON COLUMN phase_report.policy_name IS 'fill: the furthest phase counts as having passed all earlier ones; any: the deal was really in the phase; ordered: in all up to it, in their order; strict: in all up to it, with nothing between';
COMMENT ON COLUMN phase_report.policy_order IS 'order of the policies';
COMMENT ON COLUMN phase_report.reached_count IS 'deals that reached the phase';
COMMENT ON COLUMN phase_report.next_count IS 'of these, deals that reached the next open phase; that were won, for the last phase';
COMMENT ON COLUMN phase_report.next_rate IS 'next_count / reached_count, 0 to 1';
COMMENT ON COLUMN phase_report.next_rate_low IS 'lower 95 % Wilson bound of next_rate';
COMMENT ON COLUMN phase_report.next_rate_high IS 'upper 95 % Wilson bound of next_rate';
COMMENT ON COLUMN phase_report.won_count IS 'of the deals that reached the phase, those won';
COMMENT ON COLUMN phase_report.won_rate IS 'won_count / reached_count, 0 to 1';
COMMENT ON COLUMN phase_report.won_rate_low IS 'lower 95 % Wilson bound of won_rate';
COMMENT ON COLUMN phase_report.won_rate_high IS 'upper 95 % Wilson bound of won_rate';
COMMENT ON COLUMN phase_report.lost_here_count IS 'lost deals whose last open phase this was; the same in each policy';
COMMENT ON COLUMN phase_report.stay_count IS 'stays in the phase that have ended; the same in each policy, as all that follows';
COMMENT ON COLUMN phase_report.stay_mean_days IS 'mean of the stays that have ended; NULL if none has';
COMMENT ON COLUMN phase_report.stay_median_days IS 'days until half of the stays ended, those still open censored (Kaplan-Meier); NULL if half have not';
COMMENT ON COLUMN phase_report.stay_p80_days IS 'days until 80 % of the stays ended, those still open censored (Kaplan-Meier); NULL if so many have not';
COMMENT ON COLUMN phase_report.stall_after_days IS 'age at which a deal in the phase is stalled: set for the phase, or learned from its stays; NULL if it cannot be learned yet';
COMMENT ON COLUMN phase_report.open_count IS 'deals in the phase now';
COMMENT ON COLUMN phase_report.open_amount IS 'their amount';
COMMENT ON COLUMN phase_report.stalled_count IS 'deals in the phase for longer than stall_after_days';
COMMENT ON COLUMN phase_report.stalled_amount IS 'their amount';
