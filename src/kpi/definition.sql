/*
 * What reports count by day, defined as KPIs are.
 *
 * activity_effort and lead_source_report join every deal and lead with what was done for
 * it, data_quality every deal with its lead.  Counted by kpi_measure(), they are kept by refresh_kpi_days() like any KPI.  They
 * are not in the registry, because each is a part of a report and no goal for anybody: their
 * codes contain a dot, which that of a KPI cannot.
 */
CREATE FUNCTION kpi_definition() RETURNS SETOF kpi
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 40
BEGIN ATOMIC
    SELECT kpi
    FROM kpi
    UNION ALL
    -- by name, because the table may have columns that its owner has added
    SELECT jsonb_populate_record(
        NULL::kpi,
        to_jsonb(part) || jsonb_build_object('kind', 'flow', 'definition_hash', md5(part::text))
    )
    FROM (
        SELECT
            'activity_effort.' || occasion.name || '.' || measure.name AS code,
            'deal_effort' AS fact,
            'reached_date' AS date_column,
            -- not a condition: all occasions are counted in one pass
            format(measure.numerator, occasion.name) AS numerator,
            format(measure.denominator, occasion.name) AS denominator
        FROM (VALUES ('opened'), ('won'), ('lost')) AS occasion (name)
        CROSS JOIN (VALUES
            ('deal', 'count(*) FILTER (WHERE occasion = %L AND activity_count > 0)', 'count(*) FILTER (WHERE occasion = %L)'),
            ('activity', 'sum(activity_count) FILTER (WHERE occasion = %L)', NULL),
            ('time', 'sum(duration_seconds) FILTER (WHERE occasion = %L)', 'sum(timed_count) FILTER (WHERE occasion = %L)')
        ) AS measure (name, numerator, denominator)
        UNION ALL
        SELECT
            'lead_source_report.' || measure.name,
            'lead_outcome',
            'origin_date',
            measure.numerator,
            measure.denominator
        FROM (VALUES
            ('lead', 'count(converted_lead_id)', 'count(lead_id)'),
            ('deal', 'count(direct_deal_id)', 'count(deal_id)'),
            ('closed', 'count(*) FILTER (WHERE won)', 'count(won)'),
            ('amount', 'sum(won_amount)', NULL),
            ('time', 'sum(duration_seconds)', 'count(duration_seconds)'),
            ('activity', 'count(activity_id)', NULL)
        ) AS measure (name, numerator, denominator)
        UNION ALL
        -- where there is nothing to find, nobody has to look
        SELECT
            'data_quality.deal_before_lead',
            'lead_outcome',
            'origin_date',
            'count(*) FILTER (WHERE is_before_lead)',
            NULL
    ) AS part;
END;
COMMENT ON FUNCTION kpi_definition() IS
    'all that kpi_measure() can measure: the KPIs, and the parts of reports';
