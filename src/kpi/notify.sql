/*
 * notify_kpi: tell whoever listens which KPIs fall behind.
 *
 * One notification for each target of a period that runs, whose status is behind or,
 * with from_status at_risk, at risk.  The payload is a JSON object and always shorter
 * than the 8000 bytes that PostgreSQL takes.
 */
CREATE FUNCTION notify_kpi(
    as_of timestamp with time zone DEFAULT now(),
    channel text DEFAULT 'kpicrm',
    from_status text DEFAULT 'behind'
) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    payload text;
    sent bigint = 0;
BEGIN
    PERFORM kpicrm.accept_as_of(notify_kpi.as_of);
    PERFORM kpicrm.checked_option('from_status', notify_kpi.from_status, 'behind', 'at_risk');
    IF coalesce(octet_length(notify_kpi.channel), 0) NOT BETWEEN 1 AND 63 THEN
        PERFORM kpicrm.reject_argument('channel', notify_kpi.channel, 'The name of a channel has 1 to 63 bytes.');
    END IF;
    FOR payload IN
        SELECT json_build_object(
            'workspace', current_schema(),
            'kpi', left(progress.kpi_name, 200),
            'scope', progress.scope_name,
            'member', left(progress.member_name, 200),
            'period', progress.period_label,
            'target', progress.target_value,
            'actual', progress.actual_value,
            'expected', progress.expected_value,
            'attainment', progress.attainment_rate,
            'status', progress.status_name
        )::text
        FROM setting
        CROSS JOIN LATERAL kpi_progress(
            notify_kpi.as_of,
            from_date => kpicrm.fiscal_period_start(local_date(notify_kpi.as_of), 'year', setting.fiscal_start_month) - 7
        ) AS progress
        WHERE progress.status_name IN ('behind', notify_kpi.from_status)
            AND kpicrm.fiscal_period_end(progress.period_start, progress.grain_name, setting.fiscal_start_month, setting.week_start) > local_date(notify_kpi.as_of)
        ORDER BY progress.sort_order
    LOOP
        PERFORM pg_notify(notify_kpi.channel, payload);
        sent = sent + 1;
    END LOOP;
    RETURN sent;
END;
$$;
COMMENT ON FUNCTION notify_kpi(timestamp with time zone, text, text) IS
    'sends a notification for each target that runs and is behind (from_status at_risk: or at risk); returns how many';
