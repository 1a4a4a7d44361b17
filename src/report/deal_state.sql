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

-- Where a stay ends the next one begins: what ended in a span of time is found by that.
CREATE FUNCTION phase_stay_ended(
    after_at timestamp with time zone,
    until_at timestamp with time zone
) RETURNS TABLE (
    phase_id bigint,
    stays kpicrm.lead_times
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT
        stay.phase_id,
        kpicrm.lead_time_agg(stay.entered_at, stay.left_at, true, until_at)
    FROM phase_stay AS following
    JOIN phase_stay AS stay
        ON stay.deal_id = following.deal_id
        AND stay.stay_no = following.stay_no - 1
    WHERE following.entered_at >= after_at
        AND following.entered_at <= until_at
        AND stay.left_at >= after_at
        AND stay.left_at <= until_at
    GROUP BY stay.phase_id;
END;
COMMENT ON FUNCTION phase_stay_ended(timestamp with time zone, timestamp with time zone) IS
    'the stays in each phase that ended from one instant until another, both included';

CREATE FUNCTION phase_stay_lasting(as_of timestamp with time zone)
RETURNS TABLE (
    phase_id bigint,
    stays kpicrm.lead_times
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT
        lasting.phase_id,
        kpicrm.lead_time_agg(lasting.entered_at, lasting.left_at, true, as_of)
    FROM (
        SELECT
            deal.phase_id,
            deal.phase_since AS entered_at,
            NULL::timestamp with time zone AS left_at
        FROM deal
        WHERE deal.phase_since <= as_of
            AND deal.phase_id IN (SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open')
        UNION ALL
        SELECT
            stay.phase_id,
            stay.entered_at,
            stay.left_at
        FROM phase_stay AS following
        JOIN phase_stay AS stay
            ON stay.deal_id = following.deal_id
            AND stay.stay_no = following.stay_no - 1
        WHERE following.entered_at > as_of
            AND stay.entered_at <= as_of
            AND stay.left_at > as_of
            AND stay.phase_id IN (SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open')
    ) AS lasting
    GROUP BY lasting.phase_id;
END;
COMMENT ON FUNCTION phase_stay_lasting(timestamp with time zone) IS
    'the stays in each open phase that had not ended at the instant';

-- Every stay, or those that are not kept (src/kpi/pace.sql); PL/pgSQL, because each is planned as what it is.
CREATE FUNCTION phase_stay_state(as_of timestamp with time zone)
RETURNS TABLE (
    phase_id bigint,
    stays kpicrm.lead_times
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 COST 100000
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
    kept_until constant timestamp with time zone = kpi_day_pace_until(phase_stay_state.as_of);
BEGIN
    PERFORM kpicrm.accept_as_of(phase_stay_state.as_of);
    IF kept_until IS NULL THEN
        RETURN QUERY
            SELECT
                stay.phase_id,
                kpicrm.lead_time_agg(stay.entered_at, stay.left_at, true, phase_stay_state.as_of)
            FROM phase_stay AS stay
            -- an array instead of a join: this reads every stay there is
            WHERE stay.phase_id = ANY (ARRAY(SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open'))
                AND stay.entered_at <= phase_stay_state.as_of
            GROUP BY stay.phase_id;
    ELSE
        RETURN QUERY
            SELECT part.phase_id, kpicrm.rollup(part.stays)
            FROM (
                SELECT kept.phase_id, kept.stays::kpicrm.lead_times AS stays FROM kpi_day_pace AS kept
                UNION ALL
                SELECT ended.phase_id, ended.stays FROM phase_stay_ended(kept_until, phase_stay_state.as_of) AS ended
                UNION ALL
                SELECT lasting.phase_id, lasting.stays FROM phase_stay_lasting(phase_stay_state.as_of) AS lasting
            ) AS part
            JOIN phase
                ON phase.id = part.phase_id
                AND phase.kind = 'open'
            GROUP BY part.phase_id;
    END IF;
END;
$$;
COMMENT ON FUNCTION phase_stay_state(timestamp with time zone) IS
    'the stays in each open phase until the instant, those still open censored';

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
    FROM phase_stay_state(as_of) AS pace
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
