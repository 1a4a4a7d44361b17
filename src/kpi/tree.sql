/*
 * kpi_tree: what is the KGI made of?
 *
 * Grain: KPI of the tree that kpi_link spans, by its way down from the root, for
 * one period.  A KPI is the product of those below it, as far as the facts allow:
 * leads of this month are not the deals closed in it, so the product of the factors
 * and the KPI itself differ by a rest, which explain_gap() names.
 */
CREATE FUNCTION kpi_tree(
    kpi text DEFAULT NULL,
    period date DEFAULT NULL,
    grain text DEFAULT 'month',
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    root_name text,
    kpi_name text,
    parent_name text,
    depth_no integer,
    path_label text,
    sort_order integer,
    period_start date,
    period_label text,
    unit_label text,
    actual_value double precision,
    target_value double precision,
    attainment_rate double precision,
    previous_year_value double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    WITH RECURSIVE root AS (
        SELECT
            listed.code
        FROM kpi AS listed
        WHERE CASE
            WHEN kpi_tree.kpi IS NULL THEN
                EXISTS (SELECT FROM kpi_link WHERE kpi_link.parent_code = listed.code)
                AND NOT EXISTS (SELECT FROM kpi_link WHERE kpi_link.child_code = listed.code)
            ELSE listed.code = (check_kpi_arguments(kpi_tree.kpi, NULL, NULL, kpi_tree.grain, 'all')).code
        END
    ), node AS (
        SELECT
            root.code AS root_code,
            root.code,
            NULL::text AS parent_code,
            0 AS depth,
            ARRAY[root.code] AS path,
            ARRAY[0] AS sort_key
        FROM root
        UNION ALL
        SELECT
            node.root_code,
            kpi_link.child_code,
            node.code,
            node.depth + 1,
            node.path || kpi_link.child_code,
            node.sort_key || kpi_link.sort_order
        FROM node
        JOIN kpi_link ON kpi_link.parent_code = node.code
        WHERE kpi_link.child_code <> ALL (node.path)
    ), span AS (
        SELECT
            wanted.start,
            kpicrm.fiscal_period_label(wanted.start, kpi_tree.grain, setting.fiscal_start_month, setting.week_start) AS label,
            previous.start AS previous_start
        FROM setting
        CROSS JOIN LATERAL (
            SELECT kpicrm.fiscal_period_start(
                coalesce(kpi_tree.period, (kpi_tree.as_of AT TIME ZONE setting.time_zone)::date),
                kpi_tree.grain,
                setting.fiscal_start_month,
                setting.week_start
            ) AS start
        ) AS wanted
        CROSS JOIN LATERAL (
            SELECT kpicrm.fiscal_period_start(
                CASE WHEN kpi_tree.grain IN ('day', 'week') THEN wanted.start - 364 ELSE (wanted.start - INTERVAL '1 year')::date END,
                kpi_tree.grain,
                setting.fiscal_start_month,
                setting.week_start
            ) AS start
        ) AS previous
        WHERE setting.only_row
    ), codes AS (
        SELECT array_agg(DISTINCT node.code) AS listed
        FROM node
    ), measured AS (
        SELECT
            CASE WHEN value.period_start = span.start THEN 'actual' ELSE 'previous' END AS role,
            value.kpi_code,
            value.numerator,
            value.denominator
        FROM span
        CROSS JOIN codes
        CROSS JOIN LATERAL kpi_measure_two(codes.listed, span.previous_start, span.start, kpi_tree.grain, '{all}', kpi_tree.as_of) AS value
    ), known AS (
        SELECT
            listed.code,
            CASE WHEN listed.denominator IS NULL THEN coalesce(actual.numerator, nothing.value) ELSE actual.numerator / nullif(actual.denominator, 0) END AS actual,
            CASE WHEN listed.denominator IS NULL THEN coalesce(previous.numerator, nothing.value) ELSE previous.numerator / nullif(previous.denominator, 0) END AS previous
        FROM kpi AS listed
        -- a count or sum of nothing is 0
        CROSS JOIN LATERAL (
            SELECT CASE WHEN listed.kind IN ('flow', 'level') THEN 0 END AS value
        ) AS nothing
        LEFT JOIN measured AS actual
            ON actual.kpi_code = listed.code
            AND actual.role = 'actual'
        LEFT JOIN measured AS previous
            ON previous.kpi_code = listed.code
            AND previous.role = 'previous'
    ), goal AS (
        SELECT
            listed.kpi_code,
            listed.value
        FROM codes
        CROSS JOIN span
        CROSS JOIN LATERAL kpi_goal(codes.listed, kpi_tree.grain) AS listed
        WHERE listed.scope_name = 'all'
            AND listed.period_start = span.start
    )
    SELECT
        node.root_code,
        node.code,
        node.parent_code,
        node.depth,
        array_to_string(node.path, ' > '),
        row_number() OVER (ORDER BY node.root_code, node.sort_key, node.path)::integer,
        span.start,
        span.label,
        listed.unit,
        known.actual::double precision,
        goal.value::double precision,
        (CASE
            WHEN listed.up_is_better THEN known.actual / nullif(goal.value, 0)
            ELSE goal.value / nullif(known.actual, 0)
        END)::double precision,
        known.previous::double precision
    FROM node
    JOIN kpi AS listed ON listed.code = node.code
    JOIN known ON known.code = node.code
    CROSS JOIN span
    LEFT JOIN goal ON goal.kpi_code = node.code
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION kpi_tree(text, date, text, timestamp with time zone) IS
    'a KPI and all it is made of (NULL: every KPI that is at the top of a tree) for the period of the grain in which the day lies (NULL: the present one): actual, target, and the value a year before';

CREATE VIEW kpi_tree WITH (security_invoker = true) AS
SELECT
    report.root_name,
    report.kpi_name,
    report.parent_name,
    report.depth_no,
    report.path_label,
    report.sort_order,
    report.period_start,
    report.period_label,
    report.unit_label,
    report.actual_value,
    report.target_value,
    report.attainment_rate,
    report.previous_year_value
FROM kpi_tree() AS report;
COMMENT ON VIEW kpi_tree IS
    'One row per KPI of the trees that kpi_link spans, by its way down from the root, for the present month: actual, target, and the value a year before.';
COMMENT ON COLUMN kpi_tree.root_name IS 'code of the KPI at the top of the tree';
COMMENT ON COLUMN kpi_tree.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN kpi_tree.parent_name IS 'code of the KPI that this one is a factor of; NULL at the top';
COMMENT ON COLUMN kpi_tree.depth_no IS 'distance from the top, which is 0';
COMMENT ON COLUMN kpi_tree.path_label IS 'codes from the top down to this KPI';
COMMENT ON COLUMN kpi_tree.sort_order IS 'order of the rows, each KPI before those below it';
COMMENT ON COLUMN kpi_tree.period_start IS 'first day of the month';
COMMENT ON COLUMN kpi_tree.period_label IS 'name of the month';
COMMENT ON COLUMN kpi_tree.unit_label IS 'unit of the values: count, amount, rate, days, hours or score';
COMMENT ON COLUMN kpi_tree.actual_value IS 'value of the KPI so far';
COMMENT ON COLUMN kpi_tree.target_value IS 'target of the company for the month; NULL if none is set';
COMMENT ON COLUMN kpi_tree.attainment_rate IS 'actual / target, or target / actual where less is better: 1 is on target';
COMMENT ON COLUMN kpi_tree.previous_year_value IS 'value of the KPI in the same month a year before';

/*
 * explain_gap: why was it missed, and by how much each?
 *
 * Grain: factor of the KPI (by NULL), or member of a dimension and effect.  plan is
 * the target, or the value of the previous year or period.  Contributions are
 * numeric, rounded to 2 decimals for amounts and 9 for the rest, and add up to the
 * rounded gap exactly; what rounding leaves over stands in the greatest of them.
 *
 *   lmdi        the factors below the KPI in kpi_link, and (rest): what the KPI is
 *               more than their product. All are positive.  A factor without plan
 *               or actual is part of the rest
 *   shapley     the same where one of them is zero or negative; the rest is then
 *               the difference between the KPI and the product
 *   difference  no factors: the KPI as a whole; or, by member, of what adds up
 *   rate_mix    by member, of a KPI with a denominator: rate, what the member's own
 *               value changed, at its mean share of the denominator; mix, what the
 *               change of its share did, at its mean distance from the mean
 */
CREATE FUNCTION kpi_comparison(
    kpi text,
    period date,
    grain text,
    versus text,
    as_of timestamp with time zone,
    OUT plan_start date,
    OUT actual_start date
) RETURNS record
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        plan.start,
        actual.start
    FROM setting
    CROSS JOIN LATERAL (
        SELECT kpicrm.fiscal_period_start(
            coalesce(kpi_comparison.period, (kpi_comparison.as_of AT TIME ZONE setting.time_zone)::date),
            kpi_comparison.grain,
            setting.fiscal_start_month,
            setting.week_start
        ) AS start
    ) AS actual
    CROSS JOIN LATERAL (
        SELECT kpicrm.fiscal_period_start(
            CASE kpicrm.checked_option('versus', kpi_comparison.versus, 'target', 'previous_year', 'previous_period')
                WHEN 'target' THEN actual.start
                WHEN 'previous_period' THEN actual.start - 1
                ELSE CASE WHEN kpi_comparison.grain IN ('day', 'week') THEN actual.start - 364 ELSE (actual.start - INTERVAL '1 year')::date END
            END,
            kpi_comparison.grain,
            setting.fiscal_start_month,
            setting.week_start
        ) AS start
    ) AS plan;
END;
COMMENT ON FUNCTION kpi_comparison(text, date, text, text, timestamp with time zone) IS
    'first day of the period of the grain in which the day lies, and of the one it is compared with';

CREATE FUNCTION explain_factors(
    kpi text,
    period date,
    grain text,
    versus text,
    as_of timestamp with time zone
) RETURNS TABLE (
    factor text,
    plan numeric,
    actual numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
    SET search_path FROM CURRENT
AS $$
DECLARE
    span constant record = kpi_comparison($1, $2, $3, $4, $5);
    codes constant text[] = ARRAY[$1] || ARRAY(
        SELECT kpi_link.child_code
        FROM kpi_link
        WHERE kpi_link.parent_code = $1
        ORDER BY kpi_link.sort_order, kpi_link.child_code
    );
BEGIN
    RETURN QUERY
        SELECT
            part.code,
            coalesce(max(measured.value) FILTER (WHERE measured.role = 'plan'), CASE WHEN $4 <> 'target' THEN nothing.value END),
            coalesce(max(measured.value) FILTER (WHERE measured.role = 'actual'), nothing.value)
        FROM unnest(codes) WITH ORDINALITY AS part (code, position)
        -- a count or sum of nothing is 0
        JOIN (
            SELECT listed.code, CASE WHEN listed.kind IN ('flow', 'level') AND listed.denominator IS NULL THEN 0 END AS value
            FROM kpi AS listed
        ) AS nothing ON nothing.code = part.code
        LEFT JOIN (
            SELECT found.role, found.kpi_code, CASE WHEN listed.denominator IS NULL THEN found.numerator ELSE found.numerator / nullif(found.denominator, 0) END AS value
            FROM (
                SELECT
                    CASE WHEN value.period_start = span.actual_start THEN 'actual' ELSE 'plan' END AS role,
                    value.kpi_code,
                    value.numerator,
                    value.denominator
                FROM kpi_measure_two(codes, span.plan_start, span.actual_start, $3, '{all}', $5) AS value
            ) AS found
            JOIN kpi AS listed ON listed.code = found.kpi_code
            UNION ALL
            SELECT 'plan', goal.kpi_code, goal.value
            FROM kpi_goal(codes, $3) AS goal
            WHERE $4 = 'target'
                AND goal.scope_name = 'all'
                AND goal.period_start = span.plan_start
        ) AS measured ON measured.kpi_code = part.code
        GROUP BY
            part.code,
            part.position,
            nothing.value
        ORDER BY part.position;
END;
$$;
COMMENT ON FUNCTION explain_factors(text, date, text, text, timestamp with time zone) IS
    'a KPI and, after it, its factors, as they were to be and as they are; NULL for what is not known';

CREATE FUNCTION explain_members(
    kpi text,
    period date,
    grain text,
    versus text,
    by text,
    as_of timestamp with time zone
) RETURNS TABLE (
    member_id bigint,
    plan_numerator numeric,
    plan_denominator numeric,
    actual_numerator numeric,
    actual_denominator numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20
    SET search_path FROM CURRENT
AS $$
DECLARE
    span constant record = kpi_comparison($1, $2, $3, $4, $6);
BEGIN
    RETURN QUERY
        SELECT
            piece.member_id,
            sum(piece.numerator) FILTER (WHERE NOT piece.is_actual),
            sum(piece.denominator) FILTER (WHERE NOT piece.is_actual),
            sum(piece.numerator) FILTER (WHERE piece.is_actual),
            sum(piece.denominator) FILTER (WHERE piece.is_actual)
        FROM (
            SELECT measured.period_start = span.actual_start AS is_actual, measured.member_id, measured.numerator, measured.denominator
            FROM kpi_measure_two(ARRAY[$1], span.plan_start, span.actual_start, $3, ARRAY[$5], $6) AS measured
            UNION ALL
            SELECT false, goal.member_id, goal.value, NULL
            FROM kpi_goal(ARRAY[$1], $3) AS goal
            WHERE $4 = 'target'
                AND goal.scope_name = $5
                AND goal.period_start = span.plan_start
        ) AS piece
        GROUP BY piece.member_id;
END;
$$;
COMMENT ON FUNCTION explain_members(text, date, text, text, text, timestamp with time zone) IS
    'numerators and denominators of a KPI by member, as they were to be and as they are';

-- Two decimals of an amount and nine of anything else, as far as they say something.
CREATE FUNCTION shown_value(
    value numeric,
    unit text
) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE unit WHEN 'amount' THEN round(value, 2) ELSE trim_scale(round(value, 9)) END;
COMMENT ON FUNCTION shown_value(numeric, text) IS
    'a value of a KPI without decimals that only divisions have made';

CREATE FUNCTION explain_gap(
    kpi text,
    period date DEFAULT NULL,
    grain text DEFAULT 'month',
    versus text DEFAULT 'target',
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    sort_order integer,
    factor text,
    effect text,
    member_id bigint,
    plan_value numeric,
    actual_value numeric,
    contribution numeric,
    share_of_gap double precision,
    method text
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
    definition constant kpi = check_kpi_arguments($1, $2, $2, $3, coalesce($5, 'all'));
    digits constant integer = CASE definition.unit WHEN 'amount' THEN 2 ELSE 9 END;
    is_ratio constant boolean = definition.denominator IS NOT NULL;
    total_plan numeric;
    total_actual numeric;
    plans numeric[];
    actuals numeric[];
    factors text[];
    parts numeric[];
    product_plan numeric;
    product_actual numeric;
    chosen text;
    gap numeric;
BEGIN
    PERFORM kpicrm.accept_as_of($6);
    SELECT
        array_agg(part.factor ORDER BY part.position),
        array_agg(part.plan ORDER BY part.position),
        array_agg(part.actual ORDER BY part.position)
    INTO factors, plans, actuals
    FROM explain_factors($1, $2, $3, $4, $6) WITH ORDINALITY AS part (factor, plan, actual, position);
    total_plan = plans[1];
    total_actual = actuals[1];
    IF total_plan IS NULL THEN
        PERFORM kpicrm.reject_argument('versus', $4, CASE $4
            WHEN 'target' THEN format('KPI %s has no target for this %s of the company. Set one, or compare with previous_year or previous_period.', $1, $3)
            ELSE format('KPI %s had no value then.', $1)
        END);
    ELSIF total_actual IS NULL THEN
        PERFORM kpicrm.reject_argument('period', coalesce($2::text, 'now'), format('KPI %s has no value in this %s.', $1, $3));
    END IF;
    gap = round(total_actual - total_plan, digits);

    IF coalesce($5, 'all') = 'all' THEN
        SELECT
            array_agg(part.factor ORDER BY part.position),
            array_agg(part.plan ORDER BY part.position),
            array_agg(part.actual ORDER BY part.position)
        INTO factors, plans, actuals
        FROM unnest(factors, plans, actuals) WITH ORDINALITY AS part (factor, plan, actual, position)
        WHERE part.position > 1
            AND part.plan IS NOT NULL
            AND part.actual IS NOT NULL;
        IF factors IS NULL THEN
            chosen = 'difference';
            factors = ARRAY[$1];
            plans = ARRAY[total_plan];
            actuals = ARRAY[total_actual];
            parts = ARRAY[gap];
        ELSE
            product_plan = kpicrm.product(plans);
            product_actual = kpicrm.product(actuals);
            factors = factors || '(rest)'::text;
            IF least(total_plan, total_actual) > 0 AND 0 < ALL (plans || actuals) THEN
                chosen = 'lmdi';
                plans = plans || total_plan / product_plan;
                actuals = actuals || total_actual / product_actual;
                parts = kpicrm.rounded_parts(kpicrm.lmdi(plans, actuals, digits + 6), total_actual - total_plan, digits);
            ELSE
                chosen = 'shapley';
                parts = kpicrm.shapley(plans, actuals, digits + 6) || (total_actual - total_plan - (product_actual - product_plan));
                parts = kpicrm.rounded_parts(parts, total_actual - total_plan, digits);
                plans = plans || total_plan - product_plan;
                actuals = actuals || total_actual - product_actual;
            END IF;
        END IF;
        RETURN QUERY
            SELECT
                part.position::integer,
                part.factor,
                'factor',
                NULL::bigint,
                shown_value(part.plan, measured.unit),
                shown_value(part.actual, measured.unit),
                part.contribution,
                (part.contribution / nullif(gap, 0))::double precision,
                chosen
            FROM unnest(factors, plans, actuals, parts) WITH ORDINALITY AS part (factor, plan, actual, contribution, position)
            LEFT JOIN kpi AS measured ON measured.code = part.factor
            ORDER BY part.position;
        RETURN;
    END IF;

    IF definition.kind = 'formula' THEN
        PERFORM kpicrm.reject_argument('by', $5, format('KPI %s is made of other KPIs: explain those by %s.', $1, $5));
    ELSIF is_ratio AND $4 = 'target' THEN
        PERFORM kpicrm.reject_argument('versus', $4, format('The target of %s does not say what it is to be made of: compare with previous_year or previous_period.', $1));
    END IF;
    RETURN QUERY
        WITH member AS (
            SELECT
                found.member_id,
                CASE WHEN is_ratio THEN found.plan_numerator / nullif(found.plan_denominator, 0) ELSE found.plan_numerator END AS plan,
                CASE WHEN is_ratio THEN found.actual_numerator / nullif(found.actual_denominator, 0) ELSE found.actual_numerator END AS actual,
                coalesce(found.plan_denominator / nullif(sum(found.plan_denominator) OVER (), 0), 0) AS plan_weight,
                coalesce(found.actual_denominator / nullif(sum(found.actual_denominator) OVER (), 0), 0) AS actual_weight,
                sum(found.plan_numerator) OVER () / nullif(sum(found.plan_denominator) OVER (), 0) AS plan_mean,
                sum(found.actual_numerator) OVER () / nullif(sum(found.actual_denominator) OVER (), 0) AS actual_mean
            FROM explain_members($1, $2, $3, $4, $5, $6) AS found
        ), piece AS (
            SELECT
                member.member_id,
                effect.name AS effect,
                member.plan,
                member.actual,
                effect.contribution
            FROM member
            -- a member that is on one side only has changed its share, not its rate
            CROSS JOIN LATERAL (
                SELECT coalesce(member.plan, member.actual, 0) AS plan, coalesce(member.actual, member.plan, 0) AS actual
            ) AS rate
            CROSS JOIN LATERAL (VALUES
                ('difference', NOT is_ratio, coalesce(member.actual, 0) - coalesce(member.plan, 0)),
                ('rate', is_ratio, (member.plan_weight + member.actual_weight) / 2 * (rate.actual - rate.plan)),
                (
                    'mix',
                    is_ratio,
                    (member.actual_weight - member.plan_weight)
                        * ((rate.plan + rate.actual) / 2 - (member.plan_mean + member.actual_mean) / 2)
                )
            ) AS effect (name, is_used, contribution)
            WHERE effect.is_used
        ), listed AS (
            SELECT
                piece.member_id,
                piece.effect,
                piece.plan,
                piece.actual,
                piece.contribution,
                row_number() OVER (ORDER BY piece.effect DESC, abs(piece.contribution) DESC, piece.member_id) AS position
            FROM piece
            UNION ALL
            SELECT
                NULL,
                'rest',
                NULL,
                NULL,
                total_actual - total_plan - coalesce((SELECT sum(piece.contribution) FROM piece), 0),
                NULL
        ), rounded AS (
            SELECT kpicrm.rounded_parts(array_agg(listed.contribution ORDER BY listed.position), total_actual - total_plan, digits) AS parts
            FROM listed
        )
        SELECT
            (row_number() OVER (ORDER BY listed.position))::integer,
            CASE WHEN listed.effect = 'rest' THEN '(rest)' ELSE coalesce(dimension_member.member_name, '(none)') END,
            listed.effect,
            listed.member_id,
            shown_value(listed.plan, definition.unit),
            shown_value(listed.actual, definition.unit),
            part.contribution,
            (part.contribution / nullif(gap, 0))::double precision,
            CASE WHEN is_ratio THEN 'rate_mix' ELSE 'difference' END
        FROM listed
        CROSS JOIN rounded
        CROSS JOIN LATERAL (
            SELECT rounded.parts[coalesce(listed.position, cardinality(rounded.parts))] AS contribution
        ) AS part
        LEFT JOIN dimension_member
            ON dimension_member.dimension_name = $5
            AND dimension_member.member_id = listed.member_id
        WHERE listed.effect <> 'rest' OR part.contribution <> 0
        ORDER BY listed.position;
END;
$$;
COMMENT ON FUNCTION explain_gap(text, date, text, text, text, timestamp with time zone) IS
    'what each factor of a KPI (or, by team, rep, product, source or pipeline, each member) contributes to the difference from target, previous_year or previous_period, in the period of the grain in which the day lies (NULL: the present one)';
