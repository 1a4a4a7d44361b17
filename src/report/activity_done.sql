/*
 * activity_done: what was done until an instant, and how long it took.
 *
 * At what time, is the first that is known of its end, its start and the plan.  An
 * activity without start or end, or of more than a day (somebody forgot to end it), has
 * no known duration.
 */
CREATE FUNCTION activity_done(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    activity_id bigint,
    activity_type_id bigint,
    rep_id bigint,
    deal_id bigint,
    lead_id bigint,
    account_id bigint,
    done_at timestamp with time zone,
    duration interval
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000000
BEGIN ATOMIC
    SELECT
        activity.id,
        activity.activity_type_id,
        activity.rep_id,
        activity.deal_id,
        activity.lead_id,
        activity.account_id,
        coalesce(activity.ended_at, activity.started_at, activity.planned_at),
        CASE WHEN activity.ended_at - activity.started_at <= INTERVAL '24 hours' THEN activity.ended_at - activity.started_at END
    FROM activity
    WHERE activity.done
        AND coalesce(activity.ended_at, activity.started_at, activity.planned_at) <= as_of;
END;
COMMENT ON FUNCTION activity_done(timestamp with time zone) IS
    'every activity done at or before the instant, when (as it ended, else began, else was planned), and how long it took (NULL if a time is missing or they are more than a day apart)';
