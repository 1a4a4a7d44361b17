/*
 * kpi_day_pace: what the stays in each phase that are over teach, kept by refresh_kpi_days().
 *
 * phase_pace() reads every stay there ever was, though hardly any of them changes: kept are the
 * states of those that ended before the last day on which a deal moved, or before today.  What
 * ended since, and what has not ended, is read each time, so the pace is the same with and
 * without, wherever deals and stays say the same (check_history).
 *
 * A note of an earlier day in kpi_day_stale, as any change of a stay that is over leaves it,
 * makes them unread until the next refresh.
 */
CREATE FUNCTION kpi_day_pace_until(as_of timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    -- who compares, who may not see all, and data without the triggers, as in kpi_day_kept
    IF current_setting('kpicrm.kpi_days', true) = 'off'
        OR NOT kpi_day_is_visible('phase_pace')
        OR NOT kpi_day_is_noted()
    THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT min(pace.until_at)
        FROM kpi_day_pace AS pace
        JOIN setting ON setting.version = pace.version
        WHERE pace.until_at <= kpi_day_pace_until.as_of
            AND NOT EXISTS (
                SELECT
                FROM kpi_day_stale AS stale
                WHERE stale.fact = 'phase_pace'
                    AND (stale.is_whole OR day_begins_at(stale.day) < pace.until_at)
            )
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_pace_until(timestamp with time zone) IS
    'the instant before which the stays that ended are kept in kpi_day_pace as they were at another instant; NULL if they are not, or the caller may not see them';

CREATE FUNCTION refresh_kpi_day_pace() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    kept_until constant timestamp with time zone = kpi_day_pace_until('infinity');
    -- of the day of the last move, and of today, much is still to end
    keep_until constant timestamp with time zone = day_begins_at(local_date(least((SELECT max(stay.entered_at) FROM phase_stay AS stay), now())));
    written bigint;
BEGIN
    IF kept_until IS NOT DISTINCT FROM keep_until THEN
        RETURN 0;
    END IF;
    WITH extended AS (
        SELECT
            part.phase_id,
            kpicrm.rollup(part.stays) AS stays
        FROM (
            SELECT kept.phase_id, kept.stays::kpicrm.lead_times AS stays
            FROM kpi_day_pace AS kept
            WHERE kept_until < keep_until
            UNION ALL
            SELECT stay.phase_id, kpicrm.lead_time_agg(stay.entered_at, stay.left_at, true, keep_until)
            FROM phase_stay AS stay
            WHERE stay.left_at < keep_until
                AND (kept_until < keep_until) IS NOT TRUE
            GROUP BY stay.phase_id
            UNION ALL
            SELECT ended.phase_id, ended.stays
            FROM phase_stay_ended(kept_until, keep_until - INTERVAL '1 microsecond') AS ended
            WHERE kept_until < keep_until
        ) AS part
        GROUP BY part.phase_id
    ), removed AS (
        DELETE FROM kpi_day_pace
        WHERE NOT EXISTS (SELECT FROM extended WHERE extended.phase_id = kpi_day_pace.phase_id)
    )
    INSERT INTO kpi_day_pace (phase_id, stays, until_at, version)
    SELECT extended.phase_id, extended.stays::text, keep_until, setting.version
    FROM extended
    JOIN setting ON setting.only_row
    ON CONFLICT (phase_id) DO UPDATE SET stays = excluded.stays, until_at = excluded.until_at, version = excluded.version;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END;
$$;
COMMENT ON FUNCTION refresh_kpi_day_pace() IS
    'step of refresh_kpi_days: keeps what the stays that are over teach; returns how many rows it wrote';
