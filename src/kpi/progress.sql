/*
 * kpi_progress: are we on the way to our targets?
 *
 * Grain: target whose period has begun.  All values are in the unit of the KPI.
 *
 *   actual      of the KPI in the period until as_of; a team's is that of its reps
 *               and of all teams below it
 *   attainment  actual / target or, where less is better, target / actual
 *   elapsed     share of the period that has passed with the day of as_of:
 *                 linear    its days
 *                 workday   its workdays in the workspace's calendar (default); linear
 *                           where that knows only a part of the period
 *                 seasonal  what of the company's total of the same period of the
 *                           (up to three) previous years had been reached at the
 *                           same point, as far as the data reach back to its
 *                           begin; linear where there is none, or where
 *                           amounts below 0 make it no share
 *               pacing says which one it was
 *   expected    target × elapsed for what adds up over time; for rates, averages,
 *               levels and running totals the target itself
 *   gap         actual - expected
 *   projection  actual / elapsed for what adds up, else the actual
 *   required    what is missing to the target per remaining workday, for what adds
 *               up and should grow
 *   status      met: the target is reached, and more cannot undo it (what adds up
 *               and should grow, or the period is over); on_track: as expected or
 *               better; at_risk: short of that by at most a tenth; behind
 */

CREATE FUNCTION workday_count(
    from_date date,
    to_date date
) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000
    RETURN kpicrm.workdays(work_calendar(), from_date, to_date);
COMMENT ON FUNCTION workday_count(date, date) IS
    'workdays from from_date until before to_date in the workspace''s calendar (setting.calendar)';

CREATE FUNCTION kpi_progress(
    as_of timestamp with time zone DEFAULT now(),
    pacing text DEFAULT 'workday',
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL
) RETURNS TABLE (
    target_id bigint,
    kpi_name text,
    grain_name text,
    scope_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    unit_label text,
    target_value double precision,
    actual_value double precision,
    attainment_rate double precision,
    pacing_name text,
    elapsed_rate double precision,
    expected_value double precision,
    gap_value double precision,
    projection_value double precision,
    remaining_workday_count bigint,
    required_per_workday_value double precision,
    status_name text,
    sort_order integer
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH today AS MATERIALIZED (
        SELECT
            (kpi_progress.as_of AT TIME ZONE setting.time_zone)::date AS day,
            work_calendar() AS calendar,
            kpicrm.checked_option('pacing', kpi_progress.pacing, 'linear', 'workday', 'seasonal') AS pacing
        FROM setting
        WHERE setting.only_row
    ), period AS MATERIALIZED (
        SELECT
            span.grain,
            span.period_start,
            span.period_end,
            span.period_label,
            least(today.day + 1, span.period_end) AS reached,
            today.day >= span.period_end AS is_over,
            span.period_end - least(today.day + 1, span.period_end) AS remaining_days,
            (least(today.day + 1, span.period_end) - span.period_start)::numeric / (span.period_end - span.period_start) AS day_share,
            kpicrm.workdays(known.calendar, span.period_start, least(today.day + 1, span.period_end))::numeric
                / nullif(kpicrm.workdays(known.calendar, span.period_start, span.period_end), 0) AS workday_share,
            kpicrm.workdays(known.calendar, least(today.day + 1, span.period_end), span.period_end)::bigint AS remaining_workdays
        FROM (
            SELECT
                listed.grain,
                listed.period_start,
                kpicrm.fiscal_period_end(listed.period_start, listed.grain, setting.fiscal_start_month, setting.week_start) AS period_end,
                kpicrm.fiscal_period_label(listed.period_start, listed.grain, setting.fiscal_start_month, setting.week_start) AS period_label
            FROM (
                SELECT DISTINCT
                    target.grain,
                    target.period_start
                FROM target
                CROSS JOIN today
                WHERE target.period_start <= today.day
                    AND (kpi_progress.from_date IS NULL OR target.period_start >= kpi_progress.from_date)
                    AND (kpi_progress.to_date IS NULL OR target.period_start < kpi_progress.to_date)
            ) AS listed
            JOIN setting ON setting.only_row
        ) AS span
        CROSS JOIN today
        -- not one that ends before the period does: a report must not fail because next year's holidays are not announced
        CROSS JOIN LATERAL (
            SELECT CASE WHEN span.period_start >= kpicrm.first_day(today.calendar) AND span.period_end - 1 <= kpicrm.last_day(today.calendar) THEN today.calendar END AS calendar
        ) AS known
    ), known AS MATERIALIZED (
        SELECT
            kpi.code,
            kpi.kind = 'flow' AND kpi_adds_up(kpi) AS adds_up
        FROM kpi
        WHERE EXISTS (SELECT FROM target WHERE target.kpi_code = kpi.code)
    ), goal AS (
        SELECT
            target.id,
            target.kpi_code,
            kpi.unit,
            kpi.up_is_better,
            CASE WHEN kpi.up_is_better THEN 1 ELSE -1 END AS direction,
            kpi.denominator IS NOT NULL AS is_ratio,
            kpi.kind = 'flow' AND kpi.denominator IS NULL AS adds_up,
            target.grain,
            -- months are part of every longer period, so that the facts are read once
            CASE WHEN known.adds_up AND target.grain <> 'week' THEN 'month' ELSE target.grain END AS measured_grain,
            CASE
                WHEN target.rep_id IS NOT NULL THEN 'rep'
                WHEN target.product_id IS NOT NULL THEN 'product'
                WHEN target.team_id IS NOT NULL THEN 'team'
                ELSE 'company'
            END AS scope,
            CASE
                WHEN target.rep_id IS NOT NULL THEN 'rep'
                WHEN target.product_id IS NOT NULL THEN 'product'
                WHEN target.team_id IS NOT NULL THEN 'team_tree'
                ELSE 'all'
            END AS dimension,
            coalesce(target.rep_id, target.product_id, target.team_id) AS member_id,
            target.period_start,
            period.period_end,
            period.period_label,
            target.value
        FROM target
        JOIN period
            ON period.grain = target.grain
            AND period.period_start = target.period_start
        JOIN kpi ON kpi.code = target.kpi_code
        JOIN known ON known.code = target.kpi_code
    ), wanted AS (
        -- KPIs that are asked for in the same dimensions are measured together
        SELECT
            single.measured_grain,
            single.dimensions,
            array_agg(single.kpi_code) AS kpi_codes,
            min(single.from_date) AS from_date,
            max(single.to_date) AS to_date
        FROM (
            SELECT
                goal.measured_grain,
                goal.kpi_code,
                array_agg(DISTINCT goal.dimension) AS dimensions,
                min(goal.period_start) AS from_date,
                max(goal.period_end) AS to_date
            FROM goal
            GROUP BY
                goal.measured_grain,
                goal.kpi_code
        ) AS single
        GROUP BY
            single.measured_grain,
            single.dimensions
    ), measured AS MATERIALIZED (
        SELECT
            wanted.measured_grain,
            measured.kpi_code,
            measured.dimension_name,
            measured.member_id,
            measured.period_start,
            measured.numerator,
            measured.denominator
        FROM wanted
        CROSS JOIN LATERAL kpi_measure(
            wanted.kpi_codes,
            wanted.from_date,
            wanted.to_date,
            wanted.measured_grain,
            wanted.dimensions,
            kpi_progress.as_of
        ) AS measured
    ), reached AS (
        SELECT
            goal.id,
            goal.kpi_code,
            goal.unit,
            goal.up_is_better,
            goal.direction,
            goal.is_ratio,
            goal.adds_up,
            goal.grain,
            goal.scope,
            goal.dimension,
            goal.member_id,
            goal.period_start,
            goal.period_end,
            goal.period_label,
            goal.value,
            sum(measured.numerator) AS numerator,
            sum(measured.denominator) AS denominator
        FROM goal
        LEFT JOIN measured
            ON measured.measured_grain = goal.measured_grain
            AND measured.kpi_code = goal.kpi_code
            AND measured.dimension_name = goal.dimension
            AND coalesce(measured.member_id, -1) = coalesce(goal.member_id, -1)
            AND measured.period_start >= goal.period_start
            AND measured.period_start < goal.period_end
        GROUP BY
            goal.id,
            goal.kpi_code,
            goal.unit,
            goal.up_is_better,
            goal.direction,
            goal.is_ratio,
            goal.adds_up,
            goal.grain,
            goal.scope,
            goal.dimension,
            goal.member_id,
            goal.period_start,
            goal.period_end,
            goal.period_label,
            goal.value
    ), past_day AS MATERIALIZED (
        -- the company day by day, three years back, only if it is asked for
        SELECT
            measured.kpi_code,
            measured.period_start AS day,
            measured.numerator
        FROM (
            SELECT
                array_agg(DISTINCT goal.kpi_code) FILTER (WHERE goal.adds_up AND today.pacing = 'seasonal') AS kpi_codes,
                (min(goal.period_start) - INTERVAL '3 years')::date - 7 AS from_date,
                max(goal.period_end) AS to_date
            FROM goal
            CROSS JOIN today
        ) AS wanted
        CROSS JOIN LATERAL kpi_measure(wanted.kpi_codes, wanted.from_date, wanted.to_date, 'day', '{all}', kpi_progress.as_of) AS measured
    ), season AS (
        SELECT
            span.kpi_code,
            span.grain,
            span.period_start,
            coalesce(sum(past_day.numerator) FILTER (WHERE past_day.day < past.start + (period.reached - span.period_start)), 0)
                / nullif(sum(past_day.numerator), 0) AS share
        FROM (
            SELECT DISTINCT
                goal.kpi_code,
                goal.grain,
                goal.period_start,
                goal.period_end
            FROM goal
            CROSS JOIN today
            WHERE goal.adds_up
                AND today.pacing = 'seasonal'
        ) AS span
        JOIN period
            ON period.grain = span.grain
            AND period.period_start = span.period_start
        CROSS JOIN generate_series(1, 3) AS years (back)
        CROSS JOIN LATERAL (
            SELECT
                CASE span.grain
                    WHEN 'week' THEN span.period_start - 364 * years.back
                    ELSE (span.period_start - make_interval(years => years.back))::date
                END AS start,
                CASE span.grain
                    WHEN 'week' THEN span.period_end - 364 * years.back
                    ELSE (span.period_end - make_interval(years => years.back))::date
                END AS until
        ) AS past
        -- not a year in the middle of which the data begin
        JOIN (
            SELECT local_date(least((SELECT min(deal.opened_at) FROM deal), (SELECT min(lead.created_at) FROM lead), (SELECT min(purchase.purchased_at) FROM purchase))) AS day
        ) AS first ON first.day <= past.start
        JOIN past_day
            ON past_day.kpi_code = span.kpi_code
            AND past_day.day >= past.start
            AND past_day.day < past.until
        GROUP BY
            span.kpi_code,
            span.grain,
            span.period_start
    ), paced AS (
        SELECT
            reached.id,
            reached.kpi_code,
            reached.unit,
            reached.up_is_better,
            reached.direction,
            reached.adds_up,
            reached.grain,
            reached.scope,
            reached.member_id,
            reached.period_start,
            reached.period_label,
            reached.value AS target,
            CASE
                WHEN reached.is_ratio THEN reached.numerator / nullif(reached.denominator, 0)
                WHEN reached.adds_up THEN coalesce(reached.numerator, 0)
                ELSE reached.numerator
            END AS actual,
            period.is_over,
            period.remaining_workdays,
            choice.pacing,
            CASE choice.pacing
                WHEN 'seasonal' THEN CASE WHEN period.remaining_days = 0 THEN 1 ELSE season.share END
                WHEN 'workday' THEN period.workday_share
                ELSE period.day_share
            END AS elapsed
        FROM reached
        JOIN period
            ON period.grain = reached.grain
            AND period.period_start = reached.period_start
        CROSS JOIN today
        LEFT JOIN season
            ON season.kpi_code = reached.kpi_code
            AND season.grain = reached.grain
            AND season.period_start = reached.period_start
        CROSS JOIN LATERAL (
            SELECT CASE
                -- amounts below 0 may bring it out of there
                WHEN today.pacing = 'seasonal' AND (season.share BETWEEN 0 AND 1) IS NOT TRUE THEN 'linear'
                WHEN today.pacing = 'workday' AND period.workday_share IS NULL THEN 'linear'
                ELSE today.pacing
            END AS pacing
        ) AS choice
    ), judged AS (
        SELECT
            paced.id,
            paced.kpi_code,
            paced.unit,
            paced.up_is_better,
            paced.direction,
            paced.adds_up,
            paced.grain,
            paced.scope,
            paced.member_id,
            paced.period_start,
            paced.period_label,
            paced.target,
            paced.actual,
            paced.is_over,
            paced.remaining_workdays,
            paced.pacing,
            paced.elapsed,
            CASE WHEN paced.adds_up THEN paced.target * paced.elapsed ELSE paced.target END AS expected
        FROM paced
    )
    SELECT
        judged.id,
        judged.kpi_code,
        judged.grain,
        judged.scope,
        judged.member_id,
        CASE judged.scope
            WHEN 'company' THEN 'company'
            ELSE dimension_member.member_name
        END,
        judged.period_start,
        judged.period_label,
        judged.unit,
        judged.target::double precision,
        judged.actual::double precision,
        (CASE
            WHEN judged.up_is_better THEN judged.actual / nullif(judged.target, 0)
            ELSE judged.target / nullif(judged.actual, 0)
        END)::double precision,
        judged.pacing,
        judged.elapsed::double precision,
        judged.expected::double precision,
        (judged.actual - judged.expected)::double precision,
        (CASE
            WHEN judged.adds_up THEN judged.actual / nullif(judged.elapsed, 0)
            ELSE judged.actual
        END)::double precision,
        judged.remaining_workdays,
        (CASE
            WHEN judged.adds_up AND judged.up_is_better THEN greatest(judged.target - judged.actual, 0) / nullif(judged.remaining_workdays, 0)
        END)::double precision,
        status.name,
        CASE status.name
            WHEN 'behind' THEN 1
            WHEN 'at_risk' THEN 2
            WHEN 'on_track' THEN 3
            WHEN 'met' THEN 4
            ELSE 5
        END
    FROM judged
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN judged.actual IS NULL THEN NULL
            WHEN judged.is_over THEN
                CASE WHEN judged.direction * (judged.actual - judged.target) >= 0 THEN 'met' ELSE 'behind' END
            WHEN judged.adds_up AND judged.up_is_better AND judged.actual >= judged.target THEN 'met'
            WHEN judged.direction * (judged.actual - judged.expected) >= 0 THEN 'on_track'
            WHEN judged.direction * (judged.actual - judged.expected) >= -0.1 * abs(judged.expected) THEN 'at_risk'
            ELSE 'behind'
        END AS name
    ) AS status
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = judged.scope
        AND dimension_member.member_id = judged.member_id
    WHERE kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_period(from_date, to_date);
END;
COMMENT ON FUNCTION kpi_progress(timestamp with time zone, text, date, date) IS
    'every target whose period has begun (and begins from from_date until before to_date): the actual, what was to be expected by now (pacing linear, workday or seasonal), projection and status';

CREATE VIEW kpi_progress WITH (security_invoker = true) AS
SELECT
    report.target_id,
    report.kpi_name,
    report.grain_name,
    report.scope_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.unit_label,
    report.target_value,
    report.actual_value,
    report.attainment_rate,
    report.pacing_name,
    report.elapsed_rate,
    report.expected_value,
    report.gap_value,
    report.projection_value,
    report.remaining_workday_count,
    report.required_per_workday_value,
    report.status_name,
    report.sort_order
FROM kpi_progress() AS report;
COMMENT ON VIEW kpi_progress IS
    'One row per target whose period has begun: the actual, what was to be expected by now at the pace of workdays, projection and status, as of now.';
COMMENT ON COLUMN kpi_progress.target_id IS 'key of the target';
COMMENT ON COLUMN kpi_progress.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN kpi_progress.grain_name IS 'week, month, quarter, half or year';
COMMENT ON COLUMN kpi_progress.scope_name IS 'company, team, rep or product';
COMMENT ON COLUMN kpi_progress.member_id IS 'key of the team, rep or product; NULL for the company';
COMMENT ON COLUMN kpi_progress.member_name IS 'name of the team, rep or product; company';
COMMENT ON COLUMN kpi_progress.period_start IS 'first day of the period';
COMMENT ON COLUMN kpi_progress.period_label IS 'name of the period';
COMMENT ON COLUMN kpi_progress.unit_label IS 'unit of the values: count, amount, rate, days, hours or score';
COMMENT ON COLUMN kpi_progress.target_value IS 'target';
COMMENT ON COLUMN kpi_progress.actual_value IS 'value of the KPI in the period so far';
COMMENT ON COLUMN kpi_progress.attainment_rate IS 'actual / target, or target / actual where less is better: 1 is on target';
COMMENT ON COLUMN kpi_progress.pacing_name IS 'what elapsed_rate is a share of: workday, or linear (days) if the period has no workday or the calendar knows only a part of it';
COMMENT ON COLUMN kpi_progress.elapsed_rate IS 'share of the period that has passed with today, 0 to 1';
COMMENT ON COLUMN kpi_progress.expected_value IS 'target times elapsed_rate for what adds up over time, else the target';
COMMENT ON COLUMN kpi_progress.gap_value IS 'actual less expected';
COMMENT ON COLUMN kpi_progress.projection_value IS 'actual divided by elapsed_rate for what adds up over time, else the actual';
COMMENT ON COLUMN kpi_progress.remaining_workday_count IS 'workdays of the period after today; NULL if the calendar knows only a part of the period';
COMMENT ON COLUMN kpi_progress.required_per_workday_value IS 'what is missing to the target per remaining workday; NULL for what does not add up or should be small, and if no workday remains or nobody knows how many';
COMMENT ON COLUMN kpi_progress.status_name IS 'met, on_track, at_risk or behind; NULL if there is no actual value';
COMMENT ON COLUMN kpi_progress.sort_order IS 'order of the status, the worst first';

/*
 * target_gap: targets that do not add up.
 *
 * Grain: target × kind of its parts, for KPIs that add up.  The parts are the
 * targets of the teams below, of the reps or products for the same period, or those
 * of the same scope for shorter periods inside it.  Shown if some parts have a
 * target and their sum is another number; parts without a target count as nothing.
 */
CREATE VIEW target_gap WITH (security_invoker = true) AS
WITH goal AS (
    SELECT
        target.id,
        target.kpi_code,
        target.grain,
        span.months,
        target.period_start,
        kpicrm.fiscal_period_end(target.period_start, target.grain, setting.fiscal_start_month, setting.week_start) AS period_end,
        kpicrm.fiscal_period_label(target.period_start, target.grain, setting.fiscal_start_month, setting.week_start) AS period_label,
        CASE
            WHEN target.rep_id IS NOT NULL THEN 'rep'
            WHEN target.product_id IS NOT NULL THEN 'product'
            WHEN target.team_id IS NOT NULL THEN 'team'
            ELSE 'company'
        END AS scope,
        coalesce(target.rep_id, target.product_id, target.team_id) AS member_id,
        target.value
    FROM target
    JOIN kpi
        ON kpi.code = target.kpi_code
        AND kpi.kind = 'flow'
        AND kpi.denominator IS NULL
    JOIN setting ON setting.only_row
    JOIN (VALUES ('week', 0), ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS span (name, months)
        ON span.name = target.grain
), part AS (
    SELECT
        parent.id,
        child.scope AS part_name,
        child.value
    FROM goal AS parent
    JOIN goal AS child
        ON child.kpi_code = parent.kpi_code
        AND child.grain = parent.grain
        AND child.period_start = parent.period_start
    LEFT JOIN sales_team
        ON child.scope = 'team'
        AND sales_team.id = child.member_id
    LEFT JOIN sales_rep
        ON child.scope = 'rep'
        AND sales_rep.id = child.member_id
    WHERE (parent.scope = 'company' AND child.scope IN ('rep', 'product'))
        OR (parent.scope = 'company' AND child.scope = 'team' AND sales_team.parent_team_id IS NULL)
        OR (parent.scope = 'team' AND child.scope = 'team' AND sales_team.parent_team_id = parent.member_id)
        OR (parent.scope = 'team' AND child.scope = 'rep' AND EXISTS (
            SELECT
            FROM team_tree() AS tree
            WHERE tree.team_id = sales_rep.team_id
                AND tree.member_id = parent.member_id
        ))
    UNION ALL
    SELECT
        parent.id,
        child.grain,
        child.value
    FROM goal AS parent
    JOIN goal AS child
        ON child.kpi_code = parent.kpi_code
        AND child.scope = parent.scope
        AND coalesce(child.member_id, -1) = coalesce(parent.member_id, -1)
        AND child.months BETWEEN 1 AND parent.months - 1
        AND child.period_start >= parent.period_start
        AND child.period_start < parent.period_end
)
SELECT
    goal.id AS target_id,
    goal.kpi_code AS kpi_name,
    goal.grain AS grain_name,
    goal.scope AS scope_name,
    goal.member_id,
    CASE goal.scope
        WHEN 'company' THEN 'company'
        ELSE dimension_member.member_name
    END AS member_name,
    goal.period_start,
    goal.period_label,
    part.part_name,
    count(*) AS part_count,
    goal.value::double precision AS target_value,
    sum(part.value)::double precision AS part_value,
    (sum(part.value) - goal.value)::double precision AS gap_value
FROM goal
JOIN part ON part.id = goal.id
LEFT JOIN dimension_member
    ON dimension_member.dimension_name = goal.scope
    AND dimension_member.member_id = goal.member_id
GROUP BY
    goal.id,
    goal.kpi_code,
    goal.grain,
    goal.scope,
    goal.member_id,
    dimension_member.member_name,
    goal.period_start,
    goal.period_label,
    goal.value,
    part.part_name
HAVING sum(part.value) <> goal.value;
COMMENT ON VIEW target_gap IS
    'One row per target and kind of its parts (targets of teams, reps or products for the same period, or of shorter periods) that add up to another number than the target. Only KPIs that add up are compared.';
COMMENT ON COLUMN target_gap.target_id IS 'key of the target';
COMMENT ON COLUMN target_gap.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN target_gap.grain_name IS 'week, month, quarter, half or year';
COMMENT ON COLUMN target_gap.scope_name IS 'company, team, rep or product';
COMMENT ON COLUMN target_gap.member_id IS 'key of the team, rep or product; NULL for the company';
COMMENT ON COLUMN target_gap.member_name IS 'name of the team, rep or product; company';
COMMENT ON COLUMN target_gap.period_start IS 'first day of the period';
COMMENT ON COLUMN target_gap.period_label IS 'name of the period';
COMMENT ON COLUMN target_gap.part_name IS 'what the parts are: team, rep, product, half, quarter or month';
COMMENT ON COLUMN target_gap.part_count IS 'parts that have a target';
COMMENT ON COLUMN target_gap.target_value IS 'target, in the unit of the KPI';
COMMENT ON COLUMN target_gap.part_value IS 'sum of the targets of the parts';
COMMENT ON COLUMN target_gap.gap_value IS 'part_value less target_value: positive, the parts promise more';
