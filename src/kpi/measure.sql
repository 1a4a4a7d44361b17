/*
 * kpi_measure: many KPIs at once, by period and dimension.
 *
 * Grain: KPI × dimension × member × period.  KPIs that count the same rows (the
 * same fact, day and condition) are measured in one scan, all dimensions at once.
 * The value is numerator / denominator, or the numerator if there is no
 * denominator; numerators and denominators of KPIs that count add up.
 *
 * dimensions: all, team, rep, product, source, pipeline; team_tree are the teams
 * with all that lie below them, for the targets of teams.  A KPI is left out of
 * dimensions that its fact does not have.
 */

-- The periods that a level or a running total is shown for: from the first until
-- to_date or the day of as_of.
CREATE FUNCTION kpi_periods(
    from_date date,
    to_date date,
    grain text,
    as_of timestamp with time zone
) RETURNS TABLE (
    period_start date,
    period_end date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT
        period.start,
        least(kpicrm.fiscal_period_end(period.start, grain, setting.fiscal_start_month, setting.week_start), limits.until)
    FROM setting
    CROSS JOIN LATERAL (
        SELECT least(to_date, (as_of AT TIME ZONE setting.time_zone)::date + 1) AS until
    ) AS limits
    CROSS JOIN LATERAL (
        SELECT DISTINCT kpicrm.fiscal_period_start(day.at::date, grain, setting.fiscal_start_month, setting.week_start) AS start
        FROM generate_series(from_date::timestamp, limits.until - INTERVAL '1 day', INTERVAL '1 day') AS day (at)
    ) AS period
    -- a series without end would never come back
    WHERE kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_period(from_date, to_date);
END;
COMMENT ON FUNCTION kpi_periods(date, date, text, timestamp with time zone) IS
    'the periods of the grain from from_date until before to_date, not later than the instant; the last one may end early';

CREATE FUNCTION kpi_days(
    first_day date,
    last_day date,
    grain text
) RETURNS TABLE (
    day date,
    period_start date,
    period_end date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 365
BEGIN ATOMIC
    SELECT
        series.at::date,
        kpicrm.fiscal_period_start(series.at::date, grain, setting.fiscal_start_month, setting.week_start),
        kpicrm.fiscal_period_end(series.at::date, grain, setting.fiscal_start_month, setting.week_start)
    FROM generate_series(first_day::timestamp without time zone, last_day::timestamp without time zone, INTERVAL '1 day') AS series (at)
    JOIN setting ON setting.only_row
    WHERE isfinite(first_day)
        AND isfinite(last_day);
END;
COMMENT ON FUNCTION kpi_days(date, date, text) IS
    'each day from first_day to last_day with the period of the grain it lies in';

CREATE FUNCTION kpi_query(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    home constant text = quote_ident(current_schema());
    is_tree constant boolean = dimensions = '{team_tree}';
    today constant date = local_date(as_of);
    definition kpi;
    first_day date;
    last_day date;
    fact record;
    source text;
    selected text;
    counted text;
    ctes text;
    keys text = 'fact.period_start';
    is_mapped boolean;
    rows_of_period text;
    members text[];
    sets text;
BEGIN
    SELECT listed.* INTO definition FROM kpi AS listed WHERE listed.code = kpi_codes[1];
    SELECT listed.* INTO fact FROM kpi_fact(definition.fact) AS listed;
    -- what the fact does not have is not shown
    members = ARRAY(
        SELECT dimension.name
        FROM unnest(dimensions) AS dimension (name)
        WHERE dimension.name <> 'all'
            AND (CASE dimension.name WHEN 'team_tree' THEN 'team' ELSE dimension.name END) || '_id' = ANY (fact.columns)
    );
    IF cardinality(members) = 0 AND NOT 'all' = ANY (dimensions) THEN
        RETURN NULL;
    END IF;

    first_day = CASE definition.kind WHEN 'running' THEN from_date - 1 ELSE from_date END;
    last_day = CASE definition.kind WHEN 'running' THEN least(to_date - 1, today) ELSE to_date - 1 END;
    source = fact.source || CASE WHEN fact.is_function THEN format('(%L::timestamptz)', as_of) ELSE '' END;
    is_mapped = coalesce(last_day - first_day < 20000, false);
    -- a level and a running total are shown for periods, whatever days have rows
    IF definition.kind <> 'flow' THEN
        ctes = format(
            'period AS MATERIALIZED (SELECT period.period_start, period.period_end FROM %s.kpi_periods(%s, %L, %L, %L) AS period)',
            home,
            coalesce(quote_literal(from_date) || '::date', format('(SELECT min(fact.%I) FROM %s AS fact)', definition.date_column, source)),
            to_date,
            grain,
            as_of
        );
    END IF;
    counted = format('%s AS fact', source);
    IF definition.kind = 'level' THEN
        counted = counted || format(
            ' JOIN period ON fact.%1$I < period.period_end AND (%2$s >= period.period_end) IS NOT FALSE',
            definition.date_column,
            CASE WHEN definition.end_column IS NULL THEN 'NULL::date' ELSE format('fact.%I', definition.end_column) END
        );
    ELSIF is_mapped THEN
        -- a list of the days replaces a calculation per row, and lets the planner see that there
        -- are few groups.  What came before the first period of a running total has no period of its own
        counted = counted || format(
            ' JOIN (SELECT day.day, min(day.period_start) AS period_start, min(day.period_end) AS period_end FROM %1$s.kpi_days(%2$L, %3$L, %4$L) AS day GROUP BY day.day) AS period ON period.day = ' || CASE definition.kind WHEN 'running' THEN 'greatest(fact.%5$I, %2$L)' ELSE 'fact.%5$I' END,
            home,
            first_day,
            last_day,
            grain,
            definition.date_column
        );
    ELSE
        counted = counted || format(
            ' JOIN (SELECT day.day, day.period_start, day.period_end FROM (SELECT DISTINCT fact.%1$I AS day FROM %2$s AS fact) AS seen CROSS JOIN LATERAL %3$s.kpi_days(seen.day, seen.day, %4$L) AS day) AS period ON period.day = fact.%1$I',
            definition.date_column,
            source,
            home,
            grain
        );
    END IF;
    rows_of_period = concat_ws(
        ' AND ',
        'true',
        CASE WHEN definition.kind = 'flow' AND from_date IS NOT NULL THEN format('fact.%I >= %L', definition.date_column, from_date) END,
        CASE WHEN to_date IS NOT NULL THEN format('fact.%I < %L', definition.date_column, to_date) END,
        CASE WHEN NOT fact.is_function THEN format('fact.%I <= %L', definition.date_column, today) END,
        CASE WHEN definition.kind = 'level' AND definition.end_column IS NOT NULL AND from_date IS NOT NULL THEN
            format('(fact.%I >= %L) IS NOT FALSE', definition.end_column, from_date)
        END
    );
    -- the instant of the same name, a day wider than any time zone needs, for the index
    IF definition.date_column LIKE '%\_date' AND regexp_replace(definition.date_column, '_date$', '_at') = ANY (fact.columns) THEN
        rows_of_period = concat_ws(
            ' AND ',
            rows_of_period,
            CASE WHEN definition.kind = 'flow' AND from_date IS NOT NULL THEN
                format('fact.%I >= %L::timestamptz', regexp_replace(definition.date_column, '_date$', '_at'), (from_date - 2) || ' 00:00+00')
            END,
            CASE WHEN to_date IS NOT NULL THEN
                format('fact.%I < %L::timestamptz', regexp_replace(definition.date_column, '_date$', '_at'), (to_date + 2) || ' 00:00+00')
            END
        );
    END IF;

    selected = (
        SELECT string_agg(format('fact.%I', listed.name), ', ')
        FROM unnest(fact.columns) AS listed (name)
    );
    IF is_tree THEN
        counted = counted || format(' JOIN %s.team_tree() AS tree ON tree.team_id = fact.team_id', home);
        selected = selected || ', tree.member_id AS team_tree_id';
    END IF;
    -- these stand for one value each, but cost time to group by
    IF EXISTS (SELECT FROM kpi WHERE kpi.code = ANY (kpi_codes) AND concat(kpi.numerator, kpi.denominator) ~ 'period_end|as_of') THEN
        keys = keys || ', fact.period_end, fact.as_of';
    END IF;
    SELECT string_agg(format('(%s%s)', keys, coalesce(', fact.' || quote_ident(dimension.name || '_id'), '')), ', ')
    INTO sets
    FROM (
        SELECT NULL::text AS name WHERE 'all' = ANY (dimensions)
        UNION ALL
        SELECT listed.name FROM unnest(members) AS listed (name)
    ) AS dimension;

    source = format(
        $query$
SELECT
    measure.kpi_code,
    grouped.dimension_name,
    grouped.member_id,
    grouped.period_start,
    measure.numerator,
    measure.denominator,
    grouped.n
FROM (
    SELECT
        fact.period_start,
        %1$s AS dimension_name,
        %2$s AS member_id,
        count(*) AS n%3$s
    FROM (
        SELECT %4$s, period.period_start, period.period_end, %5$L::timestamptz AS as_of
        FROM %6$s
        WHERE %7$s
    ) AS fact
    WHERE %8$s
    GROUP BY GROUPING SETS (%9$s)
) AS grouped
CROSS JOIN LATERAL (VALUES %10$s) AS measure (kpi_code, numerator, denominator)$query$,
        CASE WHEN cardinality(members) = 0 THEN quote_literal('all') ELSE (
            SELECT 'CASE ' || string_agg(format('WHEN GROUPING(fact.%I) = 0 THEN %L', listed.name || '_id', listed.name), ' ') || ' ELSE ''all'' END'
            FROM unnest(members) AS listed (name)
        ) END,
        CASE WHEN cardinality(members) = 0 THEN 'NULL::bigint' ELSE (
            SELECT 'CASE ' || string_agg(format('WHEN GROUPING(fact.%1$I) = 0 THEN fact.%1$I', listed.name || '_id'), ' ') || ' END'
            FROM unnest(members) AS listed (name)
        ) END,
        (
            SELECT string_agg(format(E',\n        ((\n%s\n))::numeric AS numerator_%s,\n        ((\n%s\n))::numeric AS denominator_%s',
                kpi.numerator, listed.position, coalesce(kpi.denominator, 'NULL'), listed.position), '' ORDER BY listed.position)
            FROM unnest(kpi_codes) WITH ORDINALITY AS listed (code, position)
            JOIN kpi ON kpi.code = listed.code
        ),
        selected,
        as_of,
        counted,
        rows_of_period,
        E'(\n' || coalesce(definition.condition, 'true') || E'\n)',
        sets,
        (
            SELECT string_agg(format('(%L, grouped.numerator_%2$s, grouped.denominator_%2$s)', listed.code, listed.position), ', ')
            FROM unnest(kpi_codes) WITH ORDINALITY AS listed (code, position)
        )
    );
    IF definition.kind = 'running' THEN
        RETURN format(
            $query$WITH %1$s, measured AS MATERIALIZED (%2$s)
SELECT
    measured.kpi_code,
    measured.dimension_name,
    measured.member_id,
    period.period_start,
    sum(measured.numerator),
    sum(measured.denominator),
    sum(measured.n)::bigint
FROM period
JOIN measured ON measured.period_start <= period.period_start
GROUP BY
    measured.kpi_code,
    measured.dimension_name,
    measured.member_id,
    period.period_start$query$,
            ctes,
            source
        );
    END IF;
    RETURN coalesce('WITH ' || ctes, '') || source;
END;
$$;
COMMENT ON FUNCTION kpi_query(text[], date, date, text, text[], timestamp with time zone) IS
    'the query that measures KPIs of one kind, fact, day and condition';

-- Targets of a grain: as they were set for it or, for what adds up, as those of the
-- next finer grain add up to, if none was set for the period.
CREATE FUNCTION kpi_goal(
    kpi_codes text[],
    grain text
) RETURNS TABLE (
    kpi_code text,
    scope_name text,
    member_id bigint,
    period_start date,
    value numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT DISTINCT ON (total.kpi_code, total.scope_name, total.member_id, total.period_start)
        total.kpi_code,
        total.scope_name,
        total.member_id,
        total.period_start,
        total.value
    FROM (
        SELECT
            target.kpi_code,
            CASE
                WHEN target.rep_id IS NOT NULL THEN 'rep'
                WHEN target.product_id IS NOT NULL THEN 'product'
                WHEN target.team_id IS NOT NULL THEN 'team'
                ELSE 'all'
            END AS scope_name,
            coalesce(target.rep_id, target.product_id, target.team_id) AS member_id,
            kpicrm.fiscal_period_start(target.period_start, kpi_goal.grain, setting.fiscal_start_month, setting.week_start) AS period_start,
            stored.months,
            sum(target.value) AS value
        FROM target
        JOIN kpi ON kpi.code = target.kpi_code
        JOIN setting ON setting.only_row
        JOIN (VALUES ('week', 0), ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS stored (name, months)
            ON stored.name = target.grain
        JOIN (VALUES ('week', 0), ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS wanted (name, months)
            ON wanted.name = kpi_goal.grain
        WHERE target.kpi_code = ANY (kpi_codes)
            AND CASE
                WHEN target.grain = wanted.name THEN true
                ELSE kpi.kind = 'flow' AND kpi.denominator IS NULL AND stored.months BETWEEN 1 AND wanted.months
            END
        GROUP BY
            1,
            2,
            3,
            4,
            5
    ) AS total
    ORDER BY
        total.kpi_code,
        total.scope_name,
        total.member_id,
        total.period_start,
        total.months DESC;
END;
COMMENT ON FUNCTION kpi_goal(text[], text) IS
    'targets of KPIs by period of the grain for the company (all), teams, reps and products; those of a finer grain added up where none was set';

CREATE FUNCTION kpi_formula_query(
    definition kpi,
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
    SET IntervalStyle = 'postgres'
AS $$
DECLARE
    back constant interval = CASE WHEN grain IN ('day', 'week') THEN INTERVAL '364 days' ELSE INTERVAL '1 year' END;
    home constant text = quote_ident(current_schema());
    columns constant text[] = kpi_formula_columns(definition.inputs);
    other_parts text = '';
BEGIN
    -- only what the formula asks for is measured
    IF concat(definition.numerator, definition.denominator) LIKE '%\_previous\_year%' THEN
        other_parts = format(
            $query$
        UNION ALL
        SELECT '_previous_year', measured.kpi_code, measured.dimension_name, measured.member_id,
            kpicrm.fiscal_period_start((measured.period_start + %1$L::interval)::date, %2$L, setting.fiscal_start_month, setting.week_start),
            CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END
        FROM %3$s.kpi_measure(%4$L, %5$L, %6$L, %2$L, %7$L, %8$L) AS measured
        JOIN %3$s.kpi ON kpi.code = measured.kpi_code
        JOIN %3$s.setting ON setting.only_row$query$,
            back,
            grain,
            home,
            definition.inputs,
            (from_date - back)::date,
            (to_date - back)::date,
            dimensions,
            as_of
        );
    END IF;
    IF concat(definition.numerator, definition.denominator) LIKE '%\_target%' THEN
        other_parts = other_parts || format(
            $query$
        UNION ALL
        SELECT '_target', goal.kpi_code, dimension.name, goal.member_id, goal.period_start, goal.value
        FROM %1$s.kpi_goal(%2$L, %3$L) AS goal
        JOIN unnest(%4$L::text[]) AS dimension (name)
            ON dimension.name = goal.scope_name OR (dimension.name = 'team_tree' AND goal.scope_name = 'team')
        WHERE (goal.period_start >= %5$L) IS NOT FALSE
            AND (goal.period_start < %6$L) IS NOT FALSE$query$,
            home,
            definition.inputs,
            grain,
            dimensions,
            from_date,
            to_date
        );
    END IF;
    RETURN format(
        $query$
SELECT
    %1$L,
    input.dimension_name,
    input.member_id,
    input.period_start,
    ((
%2$s
))::numeric,
    ((
%3$s
))::numeric,
    NULL::bigint
FROM (
    SELECT
        piece.dimension_name,
        piece.member_id,
        piece.period_start,
        bool_or(piece.role = '') AS has_value,
        %4$s
    FROM (
        SELECT '' AS role, measured.kpi_code, measured.dimension_name, measured.member_id, measured.period_start,
            CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END AS value
        FROM %5$s.kpi_measure(%6$L, %7$L, %8$L, %9$L, %10$L, %11$L) AS measured
        JOIN %5$s.kpi ON kpi.code = measured.kpi_code
        %12$s
    ) AS piece
    GROUP BY
        piece.dimension_name,
        piece.member_id,
        piece.period_start
) AS input
WHERE input.has_value OR input.period_start <= %5$s.local_date(%11$L)$query$,
        definition.code,
        definition.numerator,
        coalesce(definition.denominator, 'NULL'),
        (
            SELECT string_agg(format(
                'max(piece.value) FILTER (WHERE piece.kpi_code || piece.role = %L) AS %I', listed.name, listed.name
            ), ', ')
            FROM unnest(columns) AS listed (name)
        ),
        home,
        definition.inputs,
        from_date,
        to_date,
        grain,
        dimensions,
        as_of,
        other_parts
    );
END;
$$;
COMMENT ON FUNCTION kpi_formula_query(kpi, date, date, text, text[], timestamp with time zone) IS
    'the query that measures a KPI of kind formula';

CREATE FUNCTION kpi_measure(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS TABLE (
    kpi_code text,
    dimension_name text,
    member_id bigint,
    period_start date,
    numerator numeric,
    denominator numeric,
    n bigint
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 COST 100000
    SET search_path FROM CURRENT
AS $$
DECLARE
    task record;
    query text;
BEGIN
    FOR task IN
        SELECT
            array_agg(kpi.code ORDER BY kpi.code) AS codes,
            parts.dimensions,
            kpi.kind = 'formula' AS is_formula
        FROM kpi
        -- teams with those below them multiply the rows: a scan of their own
        CROSS JOIN LATERAL (VALUES
            (array_remove(kpi_measure.dimensions, 'team_tree')),
            (CASE WHEN 'team_tree' = ANY (kpi_measure.dimensions) THEN '{team_tree}'::text[] ELSE '{}' END)
        ) AS parts (dimensions)
        WHERE kpi.code = ANY (kpi_codes)
            AND cardinality(parts.dimensions) > 0
        GROUP BY
            kpi.kind,
            kpi.fact,
            kpi.date_column,
            kpi.end_column,
            kpi.condition,
            CASE kpi.kind WHEN 'formula' THEN kpi.code END,
            parts.dimensions
    LOOP
        IF task.is_formula THEN
            SELECT kpi_formula_query(kpi, from_date, to_date, kpi_measure.grain, task.dimensions, kpi_measure.as_of)
            INTO query
            FROM kpi
            WHERE kpi.code = task.codes[1];
        ELSE
            query = kpi_query(task.codes, from_date, to_date, kpi_measure.grain, task.dimensions, kpi_measure.as_of);
        END IF;
        CONTINUE WHEN query IS NULL;
        RETURN QUERY
            SELECT
                measured.kpi_code,
                measured.dimension_name,
                measured.member_id,
                measured.period_start,
                CASE WHEN measured.numerator NOT IN ('NaN', 'Infinity', '-Infinity') THEN measured.numerator END,
                CASE WHEN measured.denominator NOT IN ('NaN', 'Infinity', '-Infinity') THEN measured.denominator END,
                measured.n
            FROM kpicrm.measured_rows(query) AS measured
            WHERE NOT task.is_formula OR measured.numerator IS NOT NULL;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION kpi_measure(text[], date, date, text, text[], timestamp with time zone) IS
    'numerators and denominators of KPIs by period of the grain and by each of the dimensions';
