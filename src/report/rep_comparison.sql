/*
 * rep_comparison: who is really better, and of whom is too little known?
 *
 * Grain: member of the dimension by, for one KPI that is a share of cases (win_rate,
 * opportunity_rate …) over the cases of the period.  Lead sources, teams, products
 * and pipelines are compared the same way.  Cases without a member are left out.
 *
 * group_rate is the rate of all cases of those compared.  A member differs from the
 * others (verdict above or below) if Fisher's exact test of its cases against those
 * of all others says so at 5 %, after Benjamini and Hochberg's correction for so
 * many comparisons.  If not, the verdict is no_difference if the bounds of its rate
 * leave no room for a difference that matters, and too_few_cases otherwise.  What
 * matters is difference, or half the way from group_rate to 0 or 1, whichever is
 * nearer.  required_count is what to wait for: so many cases, compared with a known
 * rate and with it alone, would show that difference four times out of five.
 *
 * shrunk_rate is what to expect of the member: its own cases and, the fewer these
 * are, the more what is known of all (empirical Bayes, beta-binomial).  limit_low and
 * limit_high are the 95 % limits of a funnel plot around group_rate, the outer ones
 * those of 99.8 %.
 */
CREATE FUNCTION checked_share(
    kpi text,
    from_date date,
    to_date date,
    by text,
    team_id bigint
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    definition constant kpi = check_kpi_arguments($1, $2, $3, 'year', $4);
BEGIN
    IF $4 IS NULL OR $4 = 'all' THEN
        PERFORM kpicrm.reject_argument('by', $4, format('KPI %s can be compared by: %s.', $1, array_to_string(array_remove(kpi_dimensions($1), 'all'), ', ')));
    ELSIF NOT definition.is_share THEN
        PERFORM kpicrm.reject_argument('kpi', $1, format(
            'It must be a share of cases: %s.',
            (SELECT string_agg(listed.code, ', ' ORDER BY listed.code) FROM kpi AS listed WHERE listed.is_share)
        ));
    ELSIF definition.kind <> 'running' AND NOT kpi_adds_up(definition) THEN
        PERFORM kpicrm.reject_argument('kpi', $1, 'Its counts of a period must be the sums of those of its parts.');
    ELSIF $5 IS NOT NULL AND $4 <> 'rep' THEN
        PERFORM kpicrm.reject_argument('team_id', $5::text, 'Reps of a team are compared by rep.');
    ELSIF $5 IS NOT NULL AND NOT EXISTS (SELECT FROM sales_team WHERE sales_team.id = $5) THEN
        PERFORM kpicrm.reject_argument('team_id', $5::text, 'There is no such team.');
    END IF;
    RETURN $1;
END;
$$;
COMMENT ON FUNCTION checked_share(text, date, date, text, bigint) IS
    'the KPI if it is a share that can be compared by this dimension; otherwise an error 22023 with a hint';

CREATE FUNCTION rep_comparison(
    kpi text DEFAULT 'win_rate',
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT 'rep',
    as_of timestamp with time zone DEFAULT now(),
    team_id bigint DEFAULT NULL,
    difference double precision DEFAULT NULL
) RETURNS TABLE (
    kpi_name text,
    dimension_name text,
    member_id bigint,
    member_name text,
    rank_order integer,
    converted_count bigint,
    case_count bigint,
    observed_rate double precision,
    observed_rate_low double precision,
    observed_rate_high double precision,
    shrunk_rate double precision,
    shrunk_rate_low double precision,
    shrunk_rate_high double precision,
    group_rate double precision,
    limit_low double precision,
    limit_high double precision,
    outer_limit_low double precision,
    outer_limit_high double precision,
    chance_probability double precision,
    adjusted_chance_probability double precision,
    above_probability double precision,
    required_count bigint,
    verdict text,
    spread_status text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    WITH member AS (
        SELECT
            measured.member_id,
            (sum(measured.numerator) || '/' || sum(measured.denominator))::kpicrm.conversion AS cases
        FROM kpi_measure(
            ARRAY[checked_share(kpi, from_date, to_date, by, team_id)],
            from_date,
            to_date,
            'year',
            ARRAY[by],
            as_of
        ) AS measured
        JOIN kpi AS definition ON definition.code = measured.kpi_code
        WHERE measured.member_id IS NOT NULL
            AND measured.denominator > 0
            -- a running total holds all until its end
            AND (definition.kind <> 'running' OR measured.period_start = (
                SELECT kpicrm.fiscal_period_start(least(to_date - 1, local_date(as_of)), 'year', setting.fiscal_start_month)
                FROM setting
            ))
            AND (rep_comparison.team_id IS NULL OR measured.member_id IN (
                SELECT sales_rep.id
                FROM sales_rep
                WHERE sales_rep.team_id = rep_comparison.team_id
            ))
            AND kpicrm.accept_as_of(as_of)
            AND (difference IS NULL OR kpicrm.accept_number('difference', difference, 1e-6, 1))
        GROUP BY measured.member_id
    ), whole AS (
        SELECT
            kpicrm.rollup(member.cases) AS cases,
            kpicrm.rate(kpicrm.rollup(member.cases)) AS rate,
            kpicrm.rate_prior(array_agg(member.cases)) AS prior
        FROM member
    ), tested AS (
        SELECT
            member.member_id,
            member.cases,
            kpicrm.compare(member.cases, whole.cases OPERATOR(kpicrm.-) member.cases) AS chance
        FROM member
        CROSS JOIN whole
    ), corrected AS (
        SELECT
            tested.member_id,
            tested.cases,
            tested.chance,
            CASE
                WHEN tested.chance IS NOT NULL
                    THEN least(min(tested.chance * tested.comparisons / tested.rank) OVER (ORDER BY tested.rank DESC ROWS UNBOUNDED PRECEDING), 1)
            END AS adjusted
        FROM (
            SELECT
                tested.member_id,
                tested.cases,
                tested.chance,
                count(tested.chance) OVER () AS comparisons,
                row_number() OVER (ORDER BY tested.chance, tested.member_id) AS rank
            FROM tested
        ) AS tested
    ), judged AS (
        SELECT
            corrected.member_id,
            corrected.cases,
            corrected.chance,
            corrected.adjusted,
            kpicrm.total_count(corrected.cases) AS total,
            kpicrm.rate(corrected.cases) AS rate,
            whole.rate AS group_rate,
            (whole.prior).status,
            CASE (whole.prior).status WHEN 'no_spread' THEN whole.rate
                ELSE kpicrm.shrunk_rate(corrected.cases, (whole.prior).alpha, (whole.prior).beta) END AS shrunk_rate,
            CASE (whole.prior).status WHEN 'no_spread' THEN kpicrm.rate_lower(whole.cases)
                ELSE kpicrm.shrunk_rate_lower(corrected.cases, (whole.prior).alpha, (whole.prior).beta) END AS shrunk_low,
            CASE (whole.prior).status WHEN 'no_spread' THEN kpicrm.rate_upper(whole.cases)
                ELSE kpicrm.shrunk_rate_upper(corrected.cases, (whole.prior).alpha, (whole.prior).beta) END AS shrunk_high,
            kpicrm.probability_above(corrected.cases, (whole.prior).alpha, (whole.prior).beta, whole.rate) AS above,
            sought.difference,
            kpicrm.required_count(whole.rate, sought.difference) AS required
        FROM corrected
        CROSS JOIN whole
        CROSS JOIN LATERAL (SELECT coalesce(rep_comparison.difference, nullif(least(whole.rate, 1 - whole.rate) / 2, 0)) AS difference) AS sought
    )
    SELECT
        kpi,
        by,
        judged.member_id,
        dimension_member.member_name,
        (row_number() OVER (ORDER BY coalesce(judged.shrunk_rate, judged.rate) DESC, judged.rate DESC, judged.total DESC, judged.member_id))::integer,
        kpicrm.converted_count(judged.cases),
        judged.total,
        judged.rate,
        kpicrm.rate_lower(judged.cases),
        kpicrm.rate_upper(judged.cases),
        judged.shrunk_rate,
        judged.shrunk_low,
        judged.shrunk_high,
        judged.group_rate,
        kpicrm.control_limit_lower(judged.group_rate, judged.total),
        kpicrm.control_limit_upper(judged.group_rate, judged.total),
        kpicrm.control_limit_lower(judged.group_rate, judged.total, 0.998),
        kpicrm.control_limit_upper(judged.group_rate, judged.total, 0.998),
        judged.chance,
        judged.adjusted,
        judged.above,
        judged.required,
        CASE
            WHEN judged.adjusted < 0.05 AND judged.rate > judged.group_rate THEN 'above'
            WHEN judged.adjusted < 0.05 AND judged.rate < judged.group_rate THEN 'below'
            -- its bounds leave no room for a difference that would matter
            WHEN kpicrm.rate_lower(judged.cases) > judged.group_rate - judged.difference
                AND kpicrm.rate_upper(judged.cases) < judged.group_rate + judged.difference THEN 'no_difference'
            ELSE 'too_few_cases'
        END,
        judged.status
    FROM judged
    -- LEFT, or a dimension without members would be reported as nothing instead of refused
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = by
        AND dimension_member.member_id = judged.member_id;
END;
COMMENT ON FUNCTION rep_comparison(text, date, date, text, timestamp with time zone, bigint, double precision) IS
    'one row per rep (or team, product, source, pipeline) with its rate of a KPI that is a share, what to expect of it, and whether it really differs from the others or has too few cases; from from_date until before to_date';

CREATE FUNCTION comparison_months() RETURNS TABLE (
    from_date date,
    to_date date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT
        (date_trunc('month', today.day::timestamp without time zone) - INTERVAL '12 months')::date,
        today.day + 1
    FROM (SELECT local_date(now()) AS day) AS today;
END;
COMMENT ON FUNCTION comparison_months() IS
    'the last twelve months and the present one: what the comparing views are about';

CREATE VIEW rep_comparison WITH (security_invoker = true) AS
SELECT
    report.kpi_name,
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.rank_order,
    report.converted_count,
    report.case_count,
    report.observed_rate,
    report.observed_rate_low,
    report.observed_rate_high,
    report.shrunk_rate,
    report.shrunk_rate_low,
    report.shrunk_rate_high,
    report.group_rate,
    report.limit_low,
    report.limit_high,
    report.outer_limit_low,
    report.outer_limit_high,
    report.chance_probability,
    report.adjusted_chance_probability,
    report.above_probability,
    report.required_count,
    report.verdict,
    report.spread_status
FROM comparison_months() AS period
CROSS JOIN (VALUES ('win_rate')) AS share (kpi_code)
JOIN kpi ON kpi.code = share.kpi_code
CROSS JOIN LATERAL rep_comparison(kpi.code, period.from_date, period.to_date, 'rep') AS report;
COMMENT ON VIEW rep_comparison IS
    'One row per rep who closed deals in the last twelve months or the present one, as of now: the win rate, what to expect, and whether the rep really differs from the others (deals won of those won and lost, by the rep of the closing).';
COMMENT ON COLUMN rep_comparison.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN rep_comparison.dimension_name IS 'what is compared: rep';
COMMENT ON COLUMN rep_comparison.member_id IS 'key of the rep';
COMMENT ON COLUMN rep_comparison.member_name IS 'name of the rep';
COMMENT ON COLUMN rep_comparison.rank_order IS 'place by shrunk_rate, the highest first';
COMMENT ON COLUMN rep_comparison.converted_count IS 'cases that converted';
COMMENT ON COLUMN rep_comparison.case_count IS 'cases';
COMMENT ON COLUMN rep_comparison.observed_rate IS 'converted_count / case_count';
COMMENT ON COLUMN rep_comparison.observed_rate_low IS 'lower 95 % Wilson bound';
COMMENT ON COLUMN rep_comparison.observed_rate_high IS 'upper 95 % Wilson bound';
COMMENT ON COLUMN rep_comparison.shrunk_rate IS 'what to expect of the rep: its own cases and, the fewer these are, the more what is known of all; NULL with one rep only';
COMMENT ON COLUMN rep_comparison.shrunk_rate_low IS 'lower 95 % bound of that';
COMMENT ON COLUMN rep_comparison.shrunk_rate_high IS 'upper 95 % bound of that';
COMMENT ON COLUMN rep_comparison.group_rate IS 'rate of all cases compared';
COMMENT ON COLUMN rep_comparison.limit_low IS 'lower 95 % limit of a funnel plot: rates in between are those of the group, by chance';
COMMENT ON COLUMN rep_comparison.limit_high IS 'upper 95 % limit of a funnel plot';
COMMENT ON COLUMN rep_comparison.outer_limit_low IS 'lower 99.8 % limit of a funnel plot';
COMMENT ON COLUMN rep_comparison.outer_limit_high IS 'upper 99.8 % limit of a funnel plot';
COMMENT ON COLUMN rep_comparison.chance_probability IS 'p-value: probability of such a difference from all others by chance; NULL without others';
COMMENT ON COLUMN rep_comparison.adjusted_chance_probability IS 'the same corrected for the number of comparisons (Benjamini and Hochberg)';
COMMENT ON COLUMN rep_comparison.above_probability IS 'probability that the true rate is above group_rate; NULL unless spread_status is fitted';
COMMENT ON COLUMN rep_comparison.required_count IS 'cases with which half the way from group_rate to 0 or 1 would be found to differ four times out of five';
COMMENT ON COLUMN rep_comparison.verdict IS 'above, below (really differs from the others), no_difference, or too_few_cases';
COMMENT ON COLUMN rep_comparison.spread_status IS 'how the spread of the true rates was learnt: fitted, no_spread (chance explains all), too_few or not_converged';

CREATE VIEW lead_source_comparison WITH (security_invoker = true) AS
SELECT
    report.kpi_name,
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.rank_order,
    report.converted_count,
    report.case_count,
    report.observed_rate,
    report.observed_rate_low,
    report.observed_rate_high,
    report.shrunk_rate,
    report.shrunk_rate_low,
    report.shrunk_rate_high,
    report.group_rate,
    report.limit_low,
    report.limit_high,
    report.outer_limit_low,
    report.outer_limit_high,
    report.chance_probability,
    report.adjusted_chance_probability,
    report.above_probability,
    report.required_count,
    report.verdict,
    report.spread_status
FROM comparison_months() AS period
CROSS JOIN (VALUES ('opportunity_rate'), ('win_rate')) AS share (kpi_code)
JOIN kpi ON kpi.code = share.kpi_code
CROSS JOIN LATERAL rep_comparison(kpi.code, period.from_date, period.to_date, 'source') AS report;
COMMENT ON VIEW lead_source_comparison IS
    'One row per KPI (opportunity_rate, win_rate) and lead source with cases in the last twelve months or the present one, as of now: the rate, what to expect, and whether the source really differs from the others.';
COMMENT ON COLUMN lead_source_comparison.kpi_name IS 'code of the KPI';
COMMENT ON COLUMN lead_source_comparison.dimension_name IS 'what is compared: source';
COMMENT ON COLUMN lead_source_comparison.member_id IS 'key of the lead source';
COMMENT ON COLUMN lead_source_comparison.member_name IS 'name of the lead source';
COMMENT ON COLUMN lead_source_comparison.rank_order IS 'place by shrunk_rate, the highest first';
COMMENT ON COLUMN lead_source_comparison.converted_count IS 'cases that converted';
COMMENT ON COLUMN lead_source_comparison.case_count IS 'cases';
COMMENT ON COLUMN lead_source_comparison.observed_rate IS 'converted_count / case_count';
COMMENT ON COLUMN lead_source_comparison.observed_rate_low IS 'lower 95 % Wilson bound';
COMMENT ON COLUMN lead_source_comparison.observed_rate_high IS 'upper 95 % Wilson bound';
COMMENT ON COLUMN lead_source_comparison.shrunk_rate IS 'what to expect of the lead source: its own cases and, the fewer these are, the more what is known of all; NULL with one lead source only';
COMMENT ON COLUMN lead_source_comparison.shrunk_rate_low IS 'lower 95 % bound of that';
COMMENT ON COLUMN lead_source_comparison.shrunk_rate_high IS 'upper 95 % bound of that';
COMMENT ON COLUMN lead_source_comparison.group_rate IS 'rate of all cases compared';
COMMENT ON COLUMN lead_source_comparison.limit_low IS 'lower 95 % limit of a funnel plot: rates in between are those of the group, by chance';
COMMENT ON COLUMN lead_source_comparison.limit_high IS 'upper 95 % limit of a funnel plot';
COMMENT ON COLUMN lead_source_comparison.outer_limit_low IS 'lower 99.8 % limit of a funnel plot';
COMMENT ON COLUMN lead_source_comparison.outer_limit_high IS 'upper 99.8 % limit of a funnel plot';
COMMENT ON COLUMN lead_source_comparison.chance_probability IS 'p-value: probability of such a difference from all others by chance; NULL without others';
COMMENT ON COLUMN lead_source_comparison.adjusted_chance_probability IS 'the same corrected for the number of comparisons (Benjamini and Hochberg)';
COMMENT ON COLUMN lead_source_comparison.above_probability IS 'probability that the true rate is above group_rate; NULL unless spread_status is fitted';
COMMENT ON COLUMN lead_source_comparison.required_count IS 'cases with which half the way from group_rate to 0 or 1 would be found to differ four times out of five';
COMMENT ON COLUMN lead_source_comparison.verdict IS 'above, below (really differs from the others), no_difference, or too_few_cases';
COMMENT ON COLUMN lead_source_comparison.spread_status IS 'how the spread of the true rates was learnt: fitted, no_spread (chance explains all), too_few or not_converged';
