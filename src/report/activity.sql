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
                coalesce(from_date - 2, '-infinity') AS after,
                coalesce(to_date + 2, 'infinity') AS before
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

/*
 * activity_effort: how many actions and hours does a deal take?
 *
 * Grain: dimension × member × period × occasion, over the deals opened, won or lost
 * in the period; a reopened deal counts by its last closing.  Each has the actions
 * done for it until then:
 *
 *   opened  until it was opened: those for its lead, and for the deal itself
 *   won     until it was won, so those until it was opened included
 *   lost    until it was lost, the same
 *
 * An activity for a deal is that deal's; one for a lead only is that of each deal
 * of the lead.  Rep and product are those of the opening or closing, not those of
 * who acted.  Hours as in activity_report; unknown ones are not counted, and
 * timed_count says how many are known.
 */
CREATE FUNCTION activity_effort(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'quarter'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    occasion text,
    sort_order integer,
    deal_count bigint,
    acted_count bigint,
    activity_count bigint,
    timed_count bigint,
    duration_hours double precision,
    activities_per_deal double precision,
    hours_per_deal double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
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
            (SELECT min(deal.opened_at) FROM deal),
            -- a closing that was undone since is later than now only if it was entered so
            (SELECT greatest(now(), (SELECT max(deal.opened_at) FROM deal), (SELECT max(deal.closed_at) FROM deal)))
        ) AS bounds
    ), measured AS MATERIALIZED (
        SELECT
            happened.kind,
            happened.period_no,
            happened.rep_id,
            sales_rep.team_id,
            happened.product_id,
            happened.source_id,
            happened.pipeline_id,
            happened.activity_count,
            happened.timed_count,
            happened.duration
        FROM (
            SELECT
                1 AS kind,
                width_bucket(deal.opened_at, (SELECT bounds.instants FROM bounds)) AS period_no,
                opening.rep_id,
                opening.product_id,
                deal.source_id,
                coalesce(phase.pipeline_id, deal.pipeline_id) AS pipeline_id,
                effort.activity_count,
                effort.timed_count,
                effort.duration
            FROM deal
            LEFT JOIN phase_stay AS opening
                ON opening.deal_id = deal.id
                AND opening.stay_no = 1
            LEFT JOIN phase ON phase.id = opening.phase_id
            -- a probe of the index for each deal: a deal's activities lie together
            CROSS JOIN LATERAL (
                SELECT
                    count(*)::integer AS activity_count,
                    count(acted.duration)::integer AS timed_count,
                    sum(acted.duration) AS duration
                FROM (
                    SELECT activity.duration
                    FROM activity_done(deal.opened_at) AS activity
                    WHERE activity.deal_id = deal.id
                    UNION ALL
                    SELECT activity.duration
                    FROM activity_done(deal.opened_at) AS activity
                    WHERE activity.lead_id = deal.lead_id
                        AND activity.deal_id IS NULL
                ) AS acted
            ) AS effort
            WHERE deal.opened_at <= as_of
                AND deal.opened_at >= coalesce(from_date - 2, '-infinity')
                AND deal.opened_at < coalesce(to_date + 2, 'infinity')
            UNION ALL
            SELECT
                CASE phase.kind WHEN 'won' THEN 2 ELSE 3 END,
                width_bucket(stay.entered_at, (SELECT bounds.instants FROM bounds)),
                stay.rep_id,
                stay.product_id,
                deal.source_id,
                phase.pipeline_id,
                effort.activity_count,
                effort.timed_count,
                effort.duration
            FROM phase_stay AS stay
            JOIN phase ON phase.id = stay.phase_id
            JOIN deal ON deal.id = stay.deal_id
            CROSS JOIN LATERAL (
                SELECT
                    count(*)::integer AS activity_count,
                    count(acted.duration)::integer AS timed_count,
                    sum(acted.duration) AS duration
                FROM (
                    SELECT activity.duration
                    FROM activity_done(stay.entered_at) AS activity
                    WHERE activity.deal_id = deal.id
                    UNION ALL
                    SELECT activity.duration
                    FROM activity_done(stay.entered_at) AS activity
                    WHERE activity.lead_id = deal.lead_id
                        AND activity.deal_id IS NULL
                ) AS acted
            ) AS effort
            WHERE phase.kind IN ('won', 'lost')
                AND stay.entered_at <= as_of
                AND (stay.left_at IS NULL OR stay.left_at > as_of)
                AND deal.opened_at <= as_of
                AND stay.entered_at >= coalesce(from_date - 2, '-infinity')
                AND stay.entered_at < coalesce(to_date + 2, 'infinity')
        ) AS happened
        LEFT JOIN sales_rep ON sales_rep.id = happened.rep_id
        WHERE kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
            AND happened.period_no BETWEEN 1 AND (SELECT cardinality(bounds.starts) FROM bounds)
    ), summed AS (
        SELECT
            dimension.no AS dimension_no,
            dimension.member_id,
            measured.period_no,
            measured.kind,
            count(*) AS deal_count,
            count(*) FILTER (WHERE measured.activity_count > 0) AS acted_count,
            sum(measured.activity_count) AS activity_count,
            sum(measured.timed_count) AS timed_count,
            (EXTRACT(epoch FROM sum(measured.duration)) / 3600)::double precision AS duration_hours
        FROM measured
        -- numbers instead of names: hashing them is what takes the time
        CROSS JOIN LATERAL (VALUES
            (1, NULL::bigint),
            (2, measured.rep_id),
            (3, measured.team_id),
            (4, measured.product_id),
            (5, measured.source_id),
            (6, measured.pipeline_id)
        ) AS dimension (no, member_id)
        WHERE CASE
            WHEN by IS NULL THEN true
            ELSE dimension.no = array_position(
                ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline'],
                kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')
            )
        END
        GROUP BY
            dimension.no,
            dimension.member_id,
            measured.period_no,
            measured.kind
    )
    SELECT
        dimension.name,
        summed.member_id,
        CASE summed.dimension_no
            WHEN 1 THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        bounds.starts[summed.period_no],
        bounds.labels[summed.period_no],
        (ARRAY['opened', 'won', 'lost'])[summed.kind],
        summed.kind,
        summed.deal_count,
        summed.acted_count,
        summed.activity_count,
        summed.timed_count,
        summed.duration_hours,
        summed.activity_count::double precision / summed.deal_count,
        summed.duration_hours / summed.deal_count
    FROM summed
    CROSS JOIN bounds
    CROSS JOIN LATERAL (SELECT (ARRAY['all', 'rep', 'team', 'product', 'source', 'pipeline'])[summed.dimension_no] AS name) AS dimension
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = dimension.name
        AND dimension_member.member_id = summed.member_id
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION activity_effort(date, date, text, timestamp with time zone, text) IS
    'actions and hours that the deals opened, won or lost from from_date until before to_date had taken until then, by all, rep, team, product, source or pipeline (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW activity_effort WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.occasion,
    report.sort_order,
    report.deal_count,
    report.acted_count,
    report.activity_count,
    report.timed_count,
    report.duration_hours,
    report.activities_per_deal,
    report.hours_per_deal
FROM activity_effort() AS report;
COMMENT ON VIEW activity_effort IS
    'One row per dimension, member, fiscal quarter and occasion (opened, won, lost): how many actions and hours the deals opened, won or lost in the quarter had taken until then, those for their leads included, as of now. Rep, team and product are those of the opening or closing.';
COMMENT ON COLUMN activity_effort.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline';
COMMENT ON COLUMN activity_effort.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN activity_effort.member_name IS 'name of the member; (none) for deals that have none';
COMMENT ON COLUMN activity_effort.period_start IS 'first day of the fiscal quarter';
COMMENT ON COLUMN activity_effort.period_label IS 'name of the fiscal quarter';
COMMENT ON COLUMN activity_effort.occasion IS 'opened, won or lost: what happened to the deals in the quarter, and until when their actions count';
COMMENT ON COLUMN activity_effort.sort_order IS 'order of the occasions';
COMMENT ON COLUMN activity_effort.deal_count IS 'deals';
COMMENT ON COLUMN activity_effort.acted_count IS 'deals among them with at least one action';
COMMENT ON COLUMN activity_effort.activity_count IS 'actions done for the deals and their leads until the occasion';
COMMENT ON COLUMN activity_effort.timed_count IS 'actions among them whose hours are known';
COMMENT ON COLUMN activity_effort.duration_hours IS 'hours of the actions whose hours are known; NULL if there is none';
COMMENT ON COLUMN activity_effort.activities_per_deal IS 'activity_count by deal_count';
COMMENT ON COLUMN activity_effort.hours_per_deal IS 'duration_hours by deal_count: too low as far as hours are not known';
