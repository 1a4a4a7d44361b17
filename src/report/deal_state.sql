/*
 * deal_state: every deal as it stood at an instant, for the reports.
 *
 * A deal opened later does not exist yet, and a phase entered later was not
 * entered.  Who and what are those of the event: opening_rep_id and
 * opening_product_id as the deal began; rep_id and product_id of a deal that has
 * ended (won, lost, disqualified) as it entered its last phase, of any other as
 * they are now.  So a deal that was won by one rep and handed to another stays
 * the first one's win, and a reopened deal counts by its last closing.  A deal that
 * was opened before its first known phase has no phase until then.
 *
 * The amount, the expected close date and the next action are those known now.
 */
CREATE FUNCTION deal_state(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    source_id bigint,
    account_id bigint,
    phase_id bigint,
    phase_kind text,
    entered_at timestamp with time zone,
    opened_at timestamp with time zone,
    opening_rep_id bigint,
    opening_product_id bigint,
    rep_id bigint,
    product_id bigint,
    won boolean,
    closed_at timestamp with time zone,
    ended_at timestamp with time zone,
    amount numeric,
    win_probability double precision,
    expected_close_date date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        deal.id,
        coalesce(phase.pipeline_id, deal.pipeline_id),
        deal.source_id,
        deal.account_id,
        stay.phase_id,
        phase.kind,
        stay.entered_at,
        deal.opened_at,
        opening.rep_id,
        opening.product_id,
        CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN stay.rep_id ELSE deal.rep_id END,
        CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN stay.product_id ELSE deal.product_id END,
        CASE phase.kind WHEN 'won' THEN true WHEN 'lost' THEN false END,
        CASE WHEN phase.kind IN ('won', 'lost') THEN stay.entered_at END,
        CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN stay.entered_at END,
        deal.amount,
        phase.win_probability,
        deal.expected_close_on
    FROM deal
    LEFT JOIN phase_stay AS stay
        ON stay.deal_id = deal.id
        AND stay.entered_at <= as_of
        AND (stay.left_at IS NULL OR stay.left_at > as_of)
    LEFT JOIN phase_as_of(as_of) AS phase ON phase.id = stay.phase_id
    LEFT JOIN phase_stay AS opening
        ON opening.deal_id = deal.id
        AND opening.stay_no = 1
    WHERE deal.opened_at <= as_of
        AND kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION deal_state(timestamp with time zone) IS
    'every deal that was open at or before the instant: its phase then, how and when it had ended, and the rep and product of that event';

/*
 * deal_standing: every deal with the phase it was in at an instant.
 *
 * Most deals are where they were: only of those that moved since do the stays have to say
 * it.  What is not the phase is what is known now.
 */
CREATE FUNCTION deal_standing(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    source_id bigint,
    lead_id bigint,
    rep_id bigint,
    product_id bigint,
    opened_at timestamp with time zone,
    expected_close_date date,
    amount numeric,
    phase_id bigint,
    entered_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        deal.id,
        deal.pipeline_id,
        deal.source_id,
        deal.lead_id,
        deal.rep_id,
        deal.product_id,
        deal.opened_at,
        deal.expected_close_on,
        deal.amount,
        deal.phase_id,
        deal.phase_since
    FROM deal
    WHERE deal.opened_at <= as_of
        AND deal.phase_since <= as_of
    UNION ALL
    SELECT
        deal.id,
        deal.pipeline_id,
        deal.source_id,
        deal.lead_id,
        deal.rep_id,
        deal.product_id,
        deal.opened_at,
        deal.expected_close_on,
        deal.amount,
        stay.phase_id,
        stay.entered_at
    FROM deal
    LEFT JOIN phase_stay AS stay
        ON stay.deal_id = deal.id
        AND stay.entered_at <= as_of
        AND stay.left_at > as_of
    WHERE deal.opened_at <= as_of
        AND deal.phase_since > as_of;
END;
COMMENT ON FUNCTION deal_standing(timestamp with time zone) IS
    'every deal that was open at or before the instant, with the phase it was in then (NULL before its first known one) and since when';

/*
 * phase_pace: what the stays in each open phase teach, until an instant.
 *
 * Stays still open are censored.  stall_after is phase.stall_after or, if that is
 * not set, the time within which setting.stall_fraction of the stays ended.  ages
 * (seconds) and scores are the curve of kpicrm.stall_score: the score at an age is
 *
 *   coalesce(scores[nullif(width_bucket(age, ages), 0)], 0)
 *
 * the same number, without reading the whole state again for each deal.
 */
CREATE FUNCTION phase_pace(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    phase_id bigint,
    stays kpicrm.lead_times,
    stall_after interval,
    ages double precision[],
    scores double precision[]
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT
        pace.phase_id,
        pace.stays,
        coalesce(phase.stall_after, kpicrm.stall_threshold(pace.stays, setting.stall_fraction)),
        curve.ages,
        curve.scores
    FROM (
        -- an array instead of a join: this reads every stay there is
        SELECT
            phase_stay.phase_id,
            kpicrm.lead_time_agg(phase_stay.entered_at, phase_stay.left_at, true, as_of) AS stays
        FROM phase_stay
        WHERE phase_stay.phase_id = ANY (ARRAY(SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open'))
            AND phase_stay.entered_at <= as_of
            AND kpicrm.accept_as_of(as_of)
        GROUP BY phase_stay.phase_id
    ) AS pace
    JOIN phase ON phase.id = pace.phase_id
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (
        SELECT
            array_agg(EXTRACT(epoch FROM step."time")::double precision ORDER BY step."time") AS ages,
            array_agg(1 - step.survival ORDER BY step."time") AS scores
        FROM kpicrm.survival_curve(pace.stays) AS step
    ) AS curve;
END;
COMMENT ON FUNCTION phase_pace(timestamp with time zone) IS
    'what the stays in each open phase teach until the instant: their state, the age at which a deal is stalled, and the curve of the stall score';
