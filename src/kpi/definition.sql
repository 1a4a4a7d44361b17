/*
 * What is counted by day besides the KPIs, defined as they are: the parts of reports, and
 * the flows that running totals and levels are made of.
 *
 * activity_effort and lead_source_report join every deal and lead with what was done for
 * it, data_quality every deal with its lead.  Counted by kpi_measure(), they are kept by
 * refresh_kpi_days() like any KPI.
 *
 * A running total is what was added on all days until then, and a level what has begun less
 * what has ended, so these flows are kept in its place.
 *
 * None of them is in the registry, because each is a part of something and no goal for
 * anybody: their codes contain a dot, which that of a KPI cannot.
 */
CREATE FUNCTION kpi_flows(kpi kpi) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN kpi.kind = 'flow' THEN ARRAY[kpi.code]
        WHEN kpi.kind = 'running' THEN ARRAY[kpi.code || '.added']
        WHEN kpi.kind = 'level' AND kpi.end_column IS NULL THEN ARRAY[kpi.code || '.begun']
        WHEN kpi.kind = 'level' THEN ARRAY[kpi.code || '.begun', kpi.code || '.ended']
    END;
COMMENT ON FUNCTION kpi_flows(kpi) IS
    'codes in kpi_definition() of the flows that a KPI is made of; NULL for a formula';

CREATE FUNCTION kpi_counted_rows(kpi kpi) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE kpi.kind
        WHEN 'formula' THEN ARRAY[kpi.code]
        ELSE ARRAY[kpi.kind, kpi.fact, kpi.date_column, kpi.end_column, kpi.condition]
    END;
COMMENT ON FUNCTION kpi_counted_rows(kpi) IS
    'which rows a KPI counts: the same for KPIs that are measured together; of a formula its code';

CREATE FUNCTION kpi_definition() RETURNS SETOF kpi
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    SELECT kpi
    FROM kpi
    UNION ALL
    SELECT jsonb_populate_record(
        kpi,
        jsonb_build_object(
            'code', flow.code,
            'kind', 'flow',
            'date_column', CASE WHEN flow.code LIKE '%.ended' THEN kpi.end_column ELSE kpi.date_column END,
            'end_column', NULL,
            -- what ends on the day it begins, or before, never counts
            'condition', CASE
                WHEN kpi.end_column IS NULL THEN kpi.condition
                ELSE format(
                    E'(%1$s\n) AND %2$I IS NOT NULL AND (%3$I > %2$I) IS NOT FALSE',
                    coalesce(kpi.condition, 'true'), kpi.date_column, kpi.end_column
                )
            END,
            'definition_hash', md5(kpi.definition_hash || flow.code)
        )
    )
    FROM kpi
    CROSS JOIN LATERAL unnest(kpi_flows(kpi)) AS flow (code)
    WHERE kpi.kind IN ('level', 'running')
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
    'all that kpi_measure() can measure: the KPIs, the flows that they are made of, and the parts of reports';
