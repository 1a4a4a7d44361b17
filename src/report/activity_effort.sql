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
 *
 * The rows are those of deal_effort(), counted as KPIs are, so refresh_kpi_days() keeps them.
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
    WITH summed AS (
        SELECT
            part.dimension_name,
            part.member_id,
            part.period_start,
            part.period_label,
            split_part(part.part, '.', 1) AS occasion,
            max(part.denominator) FILTER (WHERE part.part LIKE '%.deal')::bigint AS deal_count,
            max(part.numerator) FILTER (WHERE part.part LIKE '%.deal')::bigint AS acted_count,
            max(part.numerator) FILTER (WHERE part.part LIKE '%.activity')::bigint AS activity_count,
            max(part.denominator) FILTER (WHERE part.part LIKE '%.time')::bigint AS timed_count,
            (max(part.numerator) FILTER (WHERE part.part LIKE '%.time') / 3600)::double precision AS duration_hours
        FROM report_part(
            'activity_effort',
            from_date,
            to_date,
            grain,
            CASE
                WHEN by IS NULL THEN '{all,rep,team,product,source,pipeline}'
                ELSE ARRAY[kpicrm.checked_option('by', by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')]
            END,
            as_of,
            (SELECT least((SELECT min(deal.opened_at) FROM deal), (SELECT min(stay.entered_at) FROM phase_stay AS stay))),
            (SELECT greatest((SELECT max(deal.opened_at) FROM deal), (SELECT max(stay.entered_at) FROM phase_stay AS stay)))
        ) AS part
        GROUP BY
            part.dimension_name,
            part.member_id,
            part.period_start,
            part.period_label,
            split_part(part.part, '.', 1)
    )
    SELECT
        summed.dimension_name,
        summed.member_id,
        CASE summed.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        summed.period_start,
        summed.period_label,
        summed.occasion,
        array_position('{opened,won,lost}', summed.occasion),
        summed.deal_count,
        summed.acted_count,
        summed.activity_count,
        summed.timed_count,
        summed.duration_hours,
        summed.activity_count::double precision / summed.deal_count,
        summed.duration_hours / summed.deal_count
    FROM summed
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = summed.dimension_name
        AND dimension_member.member_id = summed.member_id
    WHERE summed.deal_count > 0
        -- where there is no deal, nothing has looked at them yet
        AND kpicrm.accept_period(from_date, to_date)
        AND kpicrm.accept_as_of(as_of)
        AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL;
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
