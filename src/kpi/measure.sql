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

-- For an index: the day itself decides, so a day more does no harm, whatever clocks have done at midnight.
-- There are days beyond the last instant.
CREATE FUNCTION kpi_day_span(
    expression text,
    first_day date,
    end_day date,
    is_instant boolean
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET DateStyle = 'ISO, YMD'
    RETURN nullif(concat_ws(
        ' AND ',
        CASE
            WHEN first_day IS NULL THEN NULL
            WHEN is_instant THEN format('%s >= %L::timestamptz', expression, day_begins_at(least(first_day, '294276-01-01')) - INTERVAL '1 day')
            ELSE format('%s >= %L::date', expression, first_day)
        END,
        CASE
            WHEN end_day IS NULL THEN NULL
            WHEN is_instant AND end_day > '294276-01-01' THEN NULL
            WHEN is_instant THEN format('%s < %L::timestamptz', expression, day_begins_at(end_day) + INTERVAL '1 day')
            ELSE format('%s < %L::date', expression, end_day)
        END
    ), '');
COMMENT ON FUNCTION kpi_day_span(text, date, date, boolean) IS
    'condition on a date or an instant that holds from a day until before another; NULL without either';

CREATE FUNCTION kpi_day_spans(
    expression text,
    days datemultirange,
    is_instant boolean
) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    -- a probe of the index for each
    RETURN CASE WHEN (SELECT count(*) FROM unnest(days)) <= 100 THEN (
        SELECT '(' || string_agg('(' || kpi_day_span(expression, lower(span.days), upper(span.days), is_instant) || ')', ' OR ') || ')'
        FROM unnest(days) AS span (days)
    ) END;
COMMENT ON FUNCTION kpi_day_spans(text, datemultirange, boolean) IS
    'condition on a date or an instant that holds on all of the days, for at most 100 spans of them; NULL for more';

CREATE FUNCTION kpi_query(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone,
    only_days datemultirange
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    home constant text = quote_ident(current_schema());
    is_tree constant boolean = dimensions = '{team_tree}';
    today constant date = local_date(as_of);
    definitions constant kpi[] = ARRAY(SELECT listed FROM kpi_definition() AS listed WHERE listed.code = ANY (kpi_codes));
    definition constant kpi = definitions[1];
    first_day date;
    last_day date;
    fact record;
    source text;
    selected text;
    counted text;
    ctes text;
    keys text = 'fact.period_start';
    is_mapped boolean;
    is_dated boolean;
    instant text;
    rows_of_period text;
    members text[];
    measures text;
    row_count text = 'count(*)';
    sets text;
    set_count integer;
BEGIN
    SELECT listed.* INTO fact FROM kpi_fact(definition.fact) AS listed;
    -- what the fact does not have is not shown
    members = array_remove(kpi_shown_dimensions(fact.columns, dimensions), 'all');
    IF cardinality(members) = 0 AND NOT 'all' = ANY (dimensions) THEN
        RETURN NULL;
    END IF;

    first_day = CASE definition.kind WHEN 'running' THEN from_date - 1 ELSE from_date END;
    last_day = CASE definition.kind WHEN 'running' THEN least(to_date - 1, today) ELSE to_date - 1 END;
    source = fact.source || CASE WHEN fact.is_function THEN format('(%L::timestamptz)', as_of) ELSE '' END;
    -- the column with the instant of the day, if it is one
    instant = CASE WHEN definition.date_column LIKE '%\_date' THEN regexp_replace(definition.date_column, '_date$', '_at') END;
    is_mapped = coalesce(last_day - first_day < 20000, false);
    -- a level and a running total are shown for periods, whatever days have rows
    IF definition.kind <> 'flow' THEN
        ctes = format(
            -- arrays, because workers cannot read a list of rows that is made once
            'periods AS MATERIALIZED (
    SELECT
        array_agg(period.period_start ORDER BY period.period_start) AS starts,
        array_agg(period.period_end ORDER BY period.period_start) AS ends
    FROM %s.kpi_periods(%s, %L, %L, %L) AS period
), period AS NOT MATERIALIZED (
    SELECT listed.period_start, listed.period_end
    FROM unnest((SELECT periods.starts FROM periods), (SELECT periods.ends FROM periods)) AS listed (period_start, period_end)
)',
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
            ' JOIN (SELECT day.day, min(day.period_start) AS period_start, min(day.period_end) AS period_end FROM %1$s.kpi_days(%2$L, %3$L, %4$L) AS day WHERE %6$s GROUP BY day.day) AS period ON period.day = ' || CASE definition.kind WHEN 'running' THEN 'greatest(fact.%5$I, %2$L)' ELSE 'fact.%5$I' END,
            home,
            first_day,
            last_day,
            grain,
            definition.date_column,
            CASE WHEN only_days IS NULL THEN 'true' ELSE format('day.day <@ %L::datemultirange', only_days) END
        );
    ELSE
        -- more days than anybody would list: a calculation per row
        counted = counted || (
            SELECT format(
                ' JOIN LATERAL (SELECT kpicrm.fiscal_period_start(fact.%1$I, %2$L, %3$s, %4$s) AS period_start, kpicrm.fiscal_period_end(fact.%1$I, %2$L, %3$s, %4$s) AS period_end) AS period ON period.period_start IS NOT NULL',
                definition.date_column,
                grain,
                setting.fiscal_start_month,
                setting.week_start
            )
            FROM setting
            WHERE setting.only_row
        );
    END IF;
    -- what the join with the days says already would convert each instant once more, and mislead the planner
    is_dated = coalesce(definition.kind <> 'level' AND is_mapped AND fact.is_function AND instant = ANY (fact.columns), false);
    rows_of_period = concat_ws(
        ' AND ',
        'true',
        CASE WHEN definition.kind = 'flow' AND from_date IS NOT NULL AND NOT is_dated THEN format('fact.%I >= %L', definition.date_column, from_date) END,
        CASE WHEN to_date IS NOT NULL AND NOT is_dated THEN format('fact.%I < %L', definition.date_column, to_date) END,
        -- a fact function does not show what came later, but may look ahead
        CASE WHEN NOT fact.is_function OR definition.kind = 'running' THEN format('fact.%I <= %L', definition.date_column, today) END,
        CASE WHEN definition.kind = 'level' AND definition.end_column IS NOT NULL AND from_date IS NOT NULL THEN
            format('(fact.%I >= %L) IS NOT FALSE', definition.end_column, from_date)
        END
    );
    IF only_days IS NOT NULL AND NOT is_dated THEN
        rows_of_period = rows_of_period || format(' AND fact.%I <@ %L::datemultirange', definition.date_column, only_days);
    END IF;
    -- the instant of the same name, for the index
    IF instant = ANY (fact.columns) THEN
        rows_of_period = concat_ws(
            ' AND ',
            rows_of_period,
            kpi_day_span(format('fact.%I', instant), CASE definition.kind WHEN 'flow' THEN from_date END, to_date, true),
            -- of one span these are the limits above
            CASE WHEN (SELECT count(*) FROM unnest(only_days)) > 1 THEN kpi_day_spans(format('fact.%I', instant), only_days, true) END
        );
    END IF;
    rows_of_period = concat_ws(' AND ', rows_of_period, kpi_day_narrowing(definition.fact, definition.date_column, only_days));

    selected = (
        SELECT string_agg(format('fact.%I', listed.name), ', ')
        FROM unnest(fact.columns) AS listed (name)
    );
    IF is_tree THEN
        counted = counted || format(' JOIN %s.team_tree() AS tree ON tree.team_id = fact.team_id', home);
        selected = selected || ', tree.member_id AS team_tree_id';
    END IF;
    -- these stand for one value each, but cost time to group by
    IF EXISTS (SELECT FROM unnest(definitions) AS kpi WHERE concat(kpi.numerator, kpi.denominator) ~ 'period_end|as_of') THEN
        keys = keys || ', fact.period_end, fact.as_of';
    END IF;
    SELECT
        string_agg(format('(%s%s)', keys, coalesce(', fact.' || quote_ident(dimension.name || '_id'), '')), ', '),
        count(*)
    INTO sets, set_count
    FROM (
        SELECT NULL::text AS name WHERE 'all' = ANY (dimensions)
        UNION ALL
        SELECT listed.name FROM unnest(members) AS listed (name)
    ) AS dimension;
    counted = format(
        $query$(
        SELECT %1$s, period.period_start, period.period_end, %2$L::timestamptz AS as_of
        FROM %3$s
        WHERE %4$s
    ) AS fact
    WHERE %5$s$query$,
        selected,
        as_of,
        counted,
        rows_of_period,
        E'(\n' || coalesce(definition.condition, 'true') || E'\n)'
    );
    measures = (
        SELECT string_agg(format(E',\n        ((\n%s\n)) AS numerator_%s,\n        ((\n%s\n)) AS denominator_%s',
            kpi.numerator, listed.position, coalesce(kpi.denominator, 'NULL::numeric'), listed.position), '' ORDER BY listed.position)
        FROM unnest(kpi_codes) WITH ORDINALITY AS listed (code, position)
        JOIN unnest(definitions) AS kpi ON kpi.code = listed.code
    );
    -- GROUPING SETS run in one process: what adds up is first counted by all members at once
    IF set_count > 1 AND (SELECT bool_and(kpi_sums_up(kpi)) FROM unnest(definitions) AS kpi) THEN
        counted = format(
            $query$(
        SELECT %1$s%2$s, count(*) AS n%3$s
        FROM %4$s
        GROUP BY %1$s%2$s
    ) AS fact$query$,
            keys,
            (SELECT string_agg(format(', fact.%I', listed.name || '_id'), '') FROM unnest(members) AS listed (name)),
            measures,
            counted
        );
        measures = (
            SELECT string_agg(format(E',\n        sum(fact.%1$I) AS %1$I,\n        sum(fact.%2$I) AS %2$I', 'numerator_' || listed.position, 'denominator_' || listed.position), '' ORDER BY listed.position)
            FROM unnest(kpi_codes) WITH ORDINALITY AS listed (code, position)
        );
        row_count = 'sum(fact.n)::bigint';
    END IF;

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
        %3$s AS n%4$s
    FROM %5$s
    GROUP BY %6$s
) AS grouped
CROSS JOIN LATERAL (VALUES %7$s) AS measure (kpi_code, numerator, denominator)$query$,
        CASE
            WHEN cardinality(members) = 0 THEN quote_literal('all')
            WHEN set_count = 1 THEN quote_literal(members[1])
            ELSE (
                SELECT 'CASE ' || string_agg(format('WHEN GROUPING(fact.%I) = 0 THEN %L', listed.name || '_id', listed.name), ' ') || ' ELSE ''all'' END'
                FROM unnest(members) AS listed (name)
            )
        END,
        CASE
            WHEN cardinality(members) = 0 THEN 'NULL::bigint'
            WHEN set_count = 1 THEN format('fact.%I', members[1] || '_id')
            ELSE (
                SELECT 'CASE ' || string_agg(format('WHEN GROUPING(fact.%1$I) = 0 THEN fact.%1$I', listed.name || '_id'), ' ') || ' END'
                FROM unnest(members) AS listed (name)
            )
        END,
        row_count,
        measures,
        counted,
        CASE set_count WHEN 1 THEN sets ELSE format('GROUPING SETS (%s)', sets) END,
        (
            SELECT string_agg(format('(%L, grouped.numerator_%2$s::numeric, grouped.denominator_%2$s::numeric)', listed.code, listed.position), ', ')
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
COMMENT ON FUNCTION kpi_query(text[], date, date, text, text[], timestamp with time zone, datemultirange) IS
    'the query that measures KPIs of one kind, fact, day and condition, on some days or on all (NULL)';

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
    as_of timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    expressions constant text = concat(definition.numerator, definition.denominator);
    -- what the formula does not ask for must not give it rows
    used constant text[] = ARRAY(
        SELECT input.code || suffix.name
        FROM unnest(definition.inputs) AS input (code)
        CROSS JOIN (VALUES ('', true), ('_target', expressions LIKE '%\_target%'), ('_previous_year', expressions LIKE '%\_previous\_year%')) AS suffix (name, is_used)
        WHERE suffix.is_used
    );
BEGIN
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
        bool_or(piece.n IS NOT NULL) AS has_value,
        %4$s
    FROM unnest($1) AS piece
    WHERE piece.kpi_code = ANY (%5$L::text[])
    GROUP BY
        piece.dimension_name,
        piece.member_id,
        piece.period_start
) AS input
WHERE input.has_value OR input.period_start <= %6$L$query$,
        definition.code,
        definition.numerator,
        coalesce(definition.denominator, 'NULL'),
        (
            SELECT string_agg(format('max(piece.numerator) FILTER (WHERE piece.kpi_code = %L) AS %I', listed.name, listed.name), ', ')
            FROM unnest(kpi_formula_columns(definition.inputs)) AS listed (name)
        ),
        used,
        local_date(as_of)
    );
END;
$$;
COMMENT ON FUNCTION kpi_formula_query(kpi, timestamp with time zone) IS
    'the query that calculates a KPI of kind formula from its inputs, which are its parameter';

CREATE FUNCTION kpi_task(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS TABLE (
    codes text[],
    query text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH kept AS MATERIALIZED (
        SELECT kpi_day_kept(
            ARRAY(
                SELECT flow.code
                FROM kpi_definition() AS kpi
                CROSS JOIN LATERAL unnest(kpi_flows(kpi)) AS flow (code)
                WHERE kpi.code = ANY (kpi_codes)
            ),
            as_of
        ) AS codes
    )
    SELECT
        task.codes,
        CASE
            WHEN NOT task.is_kept THEN kpi_query(task.codes, from_date, to_date, grain, task.dimensions, as_of, NULL)
            WHEN task.kind = 'flow' THEN kpi_day_query(task.codes, from_date, to_date, grain, task.dimensions, as_of)
            ELSE kpi_day_total_query(task.codes, from_date, to_date, grain, task.dimensions, as_of)
        END
    FROM (
        SELECT
            array_agg(kpi.code ORDER BY kpi.code) AS codes,
            kpi.kind,
            parts.dimensions,
            read.is_kept
        FROM kpi_definition() AS kpi
        CROSS JOIN kept
        CROSS JOIN LATERAL (
            -- row security is the reader's: asked once for each fact that is kept
            SELECT CASE WHEN kpi_flows(kpi) <@ kept.codes THEN kpi_day_is_visible(kpi.fact) ELSE false END AS is_kept
        ) AS read
        -- teams with those below them multiply the rows: a scan of their own
        CROSS JOIN LATERAL (VALUES
            (array_remove(kpi_task.dimensions, 'team_tree')),
            (CASE WHEN 'team_tree' = ANY (kpi_task.dimensions) THEN '{team_tree}'::text[] ELSE '{}' END)
        ) AS parts (dimensions)
        WHERE kpi.code = ANY (kpi_codes)
            AND kpi.kind <> 'formula'
            AND cardinality(parts.dimensions) > 0
        GROUP BY
            kpi_counted_rows(kpi),
            kpi.kind,
            parts.dimensions,
            read.is_kept
    ) AS task;
END;
COMMENT ON FUNCTION kpi_task(text[], date, date, text, text[], timestamp with time zone) IS
    'the queries that measure KPIs, formulas left out: one for those that count the same rows';

-- What formulas can use besides the values of the period itself.
CREATE FUNCTION kpi_formula_inputs(
    formulas text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS kpicrm.measured_value[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    back constant interval = CASE WHEN grain IN ('day', 'week') THEN INTERVAL '364 days' ELSE INTERVAL '1 year' END;
    lagged constant text[] = ARRAY(
        SELECT DISTINCT input.code
        FROM kpi
        CROSS JOIN LATERAL unnest(kpi.inputs) AS input (code)
        WHERE kpi.code = ANY (formulas)
            AND concat(kpi.numerator, kpi.denominator) LIKE '%\_previous\_year%'
    );
BEGIN
    RETURN ARRAY(
        SELECT ROW(
            measured.kpi_code || '_previous_year',
            measured.dimension_name,
            measured.member_id,
            kpicrm.fiscal_period_start((measured.period_start + back)::date, grain, setting.fiscal_start_month, setting.week_start),
            CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END,
            NULL,
            NULL
        )::kpicrm.measured_value
        FROM kpi_measure(lagged, (from_date - back)::date, (to_date - back)::date, grain, dimensions, as_of) AS measured
        JOIN kpi ON kpi.code = measured.kpi_code
        JOIN setting ON setting.only_row
        UNION ALL
        SELECT ROW(goal.kpi_code || '_target', dimension.name, goal.member_id, goal.period_start, goal.value, NULL, NULL)::kpicrm.measured_value
        FROM kpi_goal(
            ARRAY(
                SELECT DISTINCT input.code
                FROM kpi
                CROSS JOIN LATERAL unnest(kpi.inputs) AS input (code)
                WHERE kpi.code = ANY (formulas)
            ),
            grain
        ) AS goal
        JOIN unnest(dimensions) AS dimension (name)
            ON CASE
                WHEN goal.scope_name <> 'team' THEN dimension.name = goal.scope_name
                WHEN dimension.name = 'team' THEN NOT EXISTS (SELECT FROM sales_team AS below WHERE below.parent_team_id = goal.member_id)
                -- a team's target is that of all teams below it, too
                ELSE dimension.name = 'team_tree'
            END
        WHERE (goal.period_start >= from_date) IS NOT FALSE
            AND (goal.period_start < to_date) IS NOT FALSE
    );
END;
$$;
COMMENT ON FUNCTION kpi_formula_inputs(text[], date, date, text, text[], timestamp with time zone) IS
    'targets, and values a year before, of the inputs of formulas';

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
#variable_conflict use_column
DECLARE
    formulas constant text[] = ARRAY(SELECT kpi.code FROM kpi WHERE kpi.code = ANY (kpi_codes) AND kpi.kind = 'formula');
    needed constant text[] = ARRAY(
        SELECT DISTINCT input.code
        FROM kpi
        CROSS JOIN LATERAL unnest(kpi.inputs) AS input (code)
        WHERE kpi.code = ANY (formulas)
    );
    task record;
    found kpicrm.measured_value[];
    known kpicrm.measured_value[];
BEGIN
    FOR task IN
        SELECT listed.codes, listed.query
        FROM kpi_task(kpi_codes || needed, from_date, to_date, kpi_measure.grain, kpi_measure.dimensions, kpi_measure.as_of) AS listed
        WHERE listed.query IS NOT NULL
    LOOP
        IF NOT task.codes && needed THEN
            RETURN QUERY SELECT measured.* FROM kpicrm.measured_rows(task.query) AS measured;
            CONTINUE;
        END IF;
        -- measured once: for who asks for them, and for the formulas
        found = ARRAY(SELECT measured FROM kpicrm.measured_rows(task.query) AS measured);
        RETURN QUERY SELECT listed.* FROM unnest(found) AS listed WHERE listed.kpi_code = ANY (kpi_codes);
        known = known || ARRAY(
            SELECT ROW(
                listed.kpi_code, listed.dimension_name, listed.member_id, listed.period_start,
                CASE WHEN kpi.denominator IS NULL THEN listed.numerator ELSE listed.numerator / nullif(listed.denominator, 0) END,
                NULL, listed.n
            )::kpicrm.measured_value
            FROM unnest(found) AS listed
            JOIN kpi ON kpi.code = listed.kpi_code
        );
    END LOOP;
    IF cardinality(formulas) > 0 THEN
        known = known || kpi_formula_inputs(formulas, from_date, to_date, kpi_measure.grain, kpi_measure.dimensions, kpi_measure.as_of);
        RETURN QUERY
            SELECT measured.*
            FROM kpi
            CROSS JOIN LATERAL kpicrm.measured_rows(kpi_formula_query(kpi, kpi_measure.as_of), known) AS measured
            WHERE kpi.code = ANY (formulas)
                AND measured.numerator IS NOT NULL;
    END IF;
END;
$$;
COMMENT ON FUNCTION kpi_measure(text[], date, date, text, text[], timestamp with time zone) IS
    'numerators and denominators of KPIs by period of the grain and by each of the dimensions';

-- Two periods of the grain, as plan and actual are: in one scan if they touch.
CREATE FUNCTION kpi_measure_two(
    kpi_codes text[],
    first_start date,
    second_start date,
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
    first_end date;
    second_end date;
BEGIN
    SELECT
        kpicrm.fiscal_period_end(first_start, kpi_measure_two.grain, setting.fiscal_start_month, setting.week_start),
        kpicrm.fiscal_period_end(second_start, kpi_measure_two.grain, setting.fiscal_start_month, setting.week_start)
    INTO first_end, second_end
    FROM setting
    WHERE setting.only_row;
    IF first_end = second_start THEN
        RETURN QUERY SELECT measured.* FROM kpi_measure(kpi_codes, first_start, second_end, kpi_measure_two.grain, kpi_measure_two.dimensions, kpi_measure_two.as_of) AS measured;
        RETURN;
    END IF;
    RETURN QUERY SELECT measured.* FROM kpi_measure(kpi_codes, second_start, second_end, kpi_measure_two.grain, kpi_measure_two.dimensions, kpi_measure_two.as_of) AS measured;
    IF first_start <> second_start THEN
        RETURN QUERY SELECT measured.* FROM kpi_measure(kpi_codes, first_start, first_end, kpi_measure_two.grain, kpi_measure_two.dimensions, kpi_measure_two.as_of) AS measured;
    END IF;
END;
$$;
COMMENT ON FUNCTION kpi_measure_two(text[], date, date, text, text[], timestamp with time zone) IS
    'KPIs in two periods of the grain, the earlier first, or in one if they are the same';
