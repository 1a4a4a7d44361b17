/*
 * activity_report: which actions, how many, how long, and in which phase?
 *
 * Grain: rep × kind of activity × phase the deal was in at that time × period.
 *
 *   counted  activities done, in the period in which they ended (or began, or were
 *            planned, whichever is the first one known).  Planned ones do not count
 *   hours    from start to end.  Unknown (and not zero) without both of them, and
 *            if they are more than a day apart; timed_count says how many are known
 *   phase    that of the deal at that instant, whatever it is in now; (none) for an
 *            activity without a deal, or before the deal's first phase
 *   team     the rep's present one.  The average is over its reps who did anything
 *            in the period, those who did nothing of this kind in this phase
 *            included as zero
 *
 * Counts and hours add up.  Never add up time_rate or what stands per rep.
 */
CREATE FUNCTION activity_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month'
) RETURNS TABLE (
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    activity_type_id bigint,
    activity_type text,
    pipeline_id bigint,
    pipeline text,
    phase_id bigint,
    phase text,
    phase_sort_order integer,
    period_start date,
    period_label text,
    activity_count bigint,
    timed_count bigint,
    duration_hours double precision,
    rep_hours double precision,
    time_rate double precision,
    team_rep_count bigint,
    team_activity_count bigint,
    team_activities_per_rep double precision,
    team_hours double precision,
    team_hours_per_rep double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH bounds AS MATERIALIZED (
        SELECT
            bounds.starts,
            bounds.labels,
            bounds.instants
        FROM period_bounds(
            from_date,
            to_date,
            grain,
            (SELECT min(coalesce(activity.ended_at, activity.started_at, activity.planned_at)) FROM activity),
            (SELECT max(coalesce(activity.ended_at, activity.started_at, activity.planned_at)) FROM activity)
        ) AS bounds
    ), counted AS MATERIALIZED (
        SELECT
            activity.rep_id,
            activity.activity_type_id,
            stay.phase_id,
            period.no AS period_no,
            count(*) AS activity_count,
            count(activity.duration) AS timed_count,
            sum(activity.duration) AS duration
        FROM activity_done(as_of) AS activity
        -- days more than enough, known to the planner as numbers: it sees how many rows there will be
        CROSS JOIN LATERAL (
            SELECT
                earliest_instant(from_date) AS after,
                latest_instant(to_date) AS before
        ) AS near
        -- the stays that overlap the period, and not one probe per activity: a hash join reads them once
        LEFT JOIN phase_stay AS stay
            ON stay.deal_id = activity.deal_id
            AND stay.entered_at <= activity.done_at
            AND (stay.left_at IS NULL OR stay.left_at > activity.done_at)
            AND stay.entered_at < near.before
            AND (stay.left_at IS NULL OR stay.left_at > near.after)
        -- a join, because it tells the planner that there are few periods, and so it aggregates in parallel;
        -- an outer one, because of an inner one it expects that few rows are left
        LEFT JOIN unnest((SELECT bounds.starts FROM bounds)) WITH ORDINALITY AS period (starts_on, no)
            ON period.no = width_bucket(activity.done_at, (SELECT bounds.instants FROM bounds))
        WHERE activity.done_at >= near.after
            AND activity.done_at < near.before
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
        GROUP BY
            activity.rep_id,
            activity.activity_type_id,
            stay.phase_id,
            period.no
    ), team_size AS (
        SELECT
            sales_rep.team_id,
            counted.period_no,
            count(DISTINCT counted.rep_id) AS rep_count
        FROM counted
        JOIN sales_rep ON sales_rep.id = counted.rep_id
        WHERE sales_rep.team_id IS NOT NULL
            AND counted.period_no IS NOT NULL
        GROUP BY
            sales_rep.team_id,
            counted.period_no
    ), measured AS (
        SELECT
            counted.rep_id,
            sales_rep.name AS rep,
            sales_rep.team_id,
            counted.activity_type_id,
            counted.phase_id,
            counted.period_no,
            counted.activity_count,
            counted.timed_count,
            (EXTRACT(epoch FROM counted.duration) / 3600)::double precision AS duration_hours,
            (EXTRACT(epoch FROM sum(counted.duration) OVER of_rep) / 3600)::double precision AS rep_hours,
            sum(counted.activity_count) OVER of_team AS team_activity_count,
            (EXTRACT(epoch FROM sum(counted.duration) OVER of_team) / 3600)::double precision AS team_hours
        FROM counted
        LEFT JOIN sales_rep ON sales_rep.id = counted.rep_id
        WHERE counted.period_no IS NOT NULL
        WINDOW
            of_rep AS (PARTITION BY counted.period_no, counted.rep_id),
            of_team AS (PARTITION BY counted.period_no, sales_rep.team_id, counted.activity_type_id, counted.phase_id)
    )
    SELECT
        measured.rep_id,
        coalesce(measured.rep, '(none)'),
        measured.team_id,
        coalesce(sales_team.name, '(none)'),
        measured.activity_type_id,
        activity_type.name,
        phase.pipeline_id,
        coalesce(pipeline.name, '(none)'),
        measured.phase_id,
        coalesce(phase.name, '(none)'),
        phase.position,
        bounds.starts[measured.period_no],
        bounds.labels[measured.period_no],
        measured.activity_count,
        measured.timed_count,
        measured.duration_hours,
        measured.rep_hours,
        measured.duration_hours / nullif(measured.rep_hours, 0),
        team_size.rep_count,
        CASE WHEN measured.team_id IS NOT NULL THEN measured.team_activity_count END::bigint,
        measured.team_activity_count::double precision / team_size.rep_count,
        CASE WHEN measured.team_id IS NOT NULL THEN measured.team_hours END,
        measured.team_hours / team_size.rep_count
    FROM measured
    CROSS JOIN bounds
    JOIN activity_type ON activity_type.id = measured.activity_type_id
    LEFT JOIN sales_team ON sales_team.id = measured.team_id
    LEFT JOIN phase_as_of(as_of) AS phase ON phase.id = measured.phase_id
    LEFT JOIN pipeline ON pipeline.id = phase.pipeline_id
    LEFT JOIN team_size
        ON team_size.team_id = measured.team_id
        AND team_size.period_no = measured.period_no
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION activity_report(date, date, timestamp with time zone, text) IS
    'activities done from from_date until before to_date by rep, kind, phase the deal was in at that time and period of the grain (all: one period): count, hours, share of the rep''s time, and the average of the rep''s team';

CREATE VIEW activity_report WITH (security_invoker = true) AS
SELECT
    report.rep_id,
    report.rep,
    report.team_id,
    report.team,
    report.activity_type_id,
    report.activity_type,
    report.pipeline_id,
    report.pipeline,
    report.phase_id,
    report.phase,
    report.phase_sort_order,
    report.period_start,
    report.period_label,
    report.activity_count,
    report.timed_count,
    report.duration_hours,
    report.rep_hours,
    report.time_rate,
    report.team_rep_count,
    report.team_activity_count,
    report.team_activities_per_rep,
    report.team_hours,
    report.team_hours_per_rep
FROM activity_report() AS report;
COMMENT ON VIEW activity_report IS
    'One row per rep, kind of activity, phase that the deal was in at that time, and month: how many were done, how long they took, and what the rep''s team did on average. Planned activities do not count; hours are those of activities with a start and an end not more than a day apart.';
COMMENT ON COLUMN activity_report.rep_id IS 'key of the rep who acted; NULL if nobody is named';
COMMENT ON COLUMN activity_report.rep IS 'name of the rep who acted; (none) if nobody is named';
COMMENT ON COLUMN activity_report.team_id IS 'key of the rep''s present team';
COMMENT ON COLUMN activity_report.team IS 'name of the rep''s present team; (none) if there is none';
COMMENT ON COLUMN activity_report.activity_type_id IS 'key of the kind of activity';
COMMENT ON COLUMN activity_report.activity_type IS 'kind of activity: call, visit, mail, meeting';
COMMENT ON COLUMN activity_report.pipeline_id IS 'key of the phase''s pipeline';
COMMENT ON COLUMN activity_report.pipeline IS 'name of the phase''s pipeline; (none) if there was no phase';
COMMENT ON COLUMN activity_report.phase_id IS 'key of the phase the deal was in at that time; NULL if there was none';
COMMENT ON COLUMN activity_report.phase IS 'name of the phase the deal was in at that time; (none) for activities without a deal, or before its first phase';
COMMENT ON COLUMN activity_report.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN activity_report.period_start IS 'first day of the month';
COMMENT ON COLUMN activity_report.period_label IS 'name of the month';
COMMENT ON COLUMN activity_report.activity_count IS 'activities done';
COMMENT ON COLUMN activity_report.timed_count IS 'activities among them whose hours are known';
COMMENT ON COLUMN activity_report.duration_hours IS 'hours of the activities whose hours are known; NULL if there is none';
COMMENT ON COLUMN activity_report.rep_hours IS 'hours of all activities of the rep in the month: denominator of time_rate';
COMMENT ON COLUMN activity_report.time_rate IS 'share of the rep''s hours in the month, 0 to 1; NULL if none are known';
COMMENT ON COLUMN activity_report.team_rep_count IS 'reps of the team who did anything in the month; NULL without a team';
COMMENT ON COLUMN activity_report.team_activity_count IS 'activities of this kind in this phase of the whole team; NULL without a team';
COMMENT ON COLUMN activity_report.team_activities_per_rep IS 'average of the team: team_activity_count by team_rep_count';
COMMENT ON COLUMN activity_report.team_hours IS 'hours of this kind in this phase of the whole team; NULL without a team, or if none are known';
COMMENT ON COLUMN activity_report.team_hours_per_rep IS 'average of the team: team_hours by team_rep_count';
