/*
 * sales_forecast: what will the period bring, and will it reach the target?
 *
 * Grain: dimension × member, for the period from from_date until before to_date (by
 * default the fiscal quarter of as_of).
 *
 *   won          deals won in the period until as_of, by the day of their last
 *                closing, for the rep and product of the closing; present amounts
 *   expected     of the deals open at as_of: the sum of amount × probability to be won
 *                in what is left of the period (deal_forecast).  Deals that are
 *                yet to be opened are in no number here, so a forecast of a far
 *                period is too low
 *   p10, p50, p90  the forecast (won + open) is not below, and not above, these with a
 *                probability of 10, 50 and 90 %: the distribution of the sum of
 *                the open deals, each of which is won whole or not at all, and none
 *                of which depends on another (kpicrm.outcome_sum).  method is how it
 *                was found: exact, or mixed (the largest exact, the rest normal)
 *   target       of the KPI revenue: the targets of the longest grain set (month,
 *                quarter, half, year) whose periods lie inside the period
 *   target_probability  probability that won + open is at least the target
 *   manual       won + amount × the phase's own probability of the open deals
 *                that are expected to close in what is left of the period: the
 *                forecast of sales_vs_target, and no part of the others
 *
 * Open deals without amount, or of which nothing is known (level none), are counted
 * in unknown_count and are in no amount.  A team's sales are those of its reps and of all
 * teams below it, so teams do not add up to the company where one lies inside another.
 */
CREATE FUNCTION sales_forecast(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    history_days integer DEFAULT 730,
    minimum_count integer DEFAULT 30
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_end_date date,
    won_count bigint,
    won_amount numeric,
    open_count bigint,
    unknown_count bigint,
    open_amount numeric,
    expected_amount numeric,
    forecast_amount numeric,
    p10_amount numeric,
    p50_amount numeric,
    p90_amount numeric,
    method text,
    target_amount numeric,
    target_probability double precision,
    manual_open_amount numeric,
    manual_forecast_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 500
BEGIN ATOMIC
    WITH team_chain AS (
        SELECT
            team_tree.team_id,
            array_agg(team_tree.member_id) AS member_ids
        FROM team_tree()
        GROUP BY team_tree.team_id
    ), quarter AS (
        SELECT
            kpicrm.fiscal_period_start(
                coalesce(sales_forecast.from_date, sales_forecast.to_date - 1, (sales_forecast.as_of AT TIME ZONE setting.time_zone)::date),
                'quarter',
                setting.fiscal_start_month
            ) AS first_day,
            (sales_forecast.as_of AT TIME ZONE setting.time_zone)::date AS today
        FROM setting
        WHERE setting.only_row
            AND kpicrm.accept_as_of(sales_forecast.as_of)
            AND kpicrm.accept_period(sales_forecast.from_date, sales_forecast.to_date)
    ), span AS MATERIALIZED (
        SELECT
            bounds.first_day,
            bounds.end_day,
            quarter.today,
            day_begins_at(bounds.first_day) AS begins_at,
            day_begins_at(bounds.end_day) AS ends_at
        FROM quarter
        CROSS JOIN LATERAL (
            SELECT
                coalesce(sales_forecast.from_date, quarter.first_day) AS first_day,
                coalesce(sales_forecast.to_date, (quarter.first_day + INTERVAL '3 months')::date) AS end_day
        ) AS bounds
    ), piece AS (
        -- what a member's forecast is made of: deals won, and deals open
        SELECT
            stay.rep_id,
            stay.product_id,
            deal.source_id,
            won_phase.pipeline_id,
            true AS is_won,
            deal.amount,
            NULL::double precision AS probability,
            NULL::numeric AS manual_amount
        FROM phase_stay AS stay
        JOIN phase AS won_phase ON won_phase.id = stay.phase_id
        JOIN deal ON deal.id = stay.deal_id
        WHERE stay.phase_id = ANY (ARRAY(SELECT phase.id FROM phase WHERE phase.kind = 'won'))
            AND stay.entered_at >= (SELECT span.begins_at FROM span)
            AND stay.entered_at < (SELECT span.ends_at FROM span)
            AND stay.entered_at <= sales_forecast.as_of
            AND (stay.left_at IS NULL OR stay.left_at > sales_forecast.as_of)
            AND deal.opened_at <= sales_forecast.as_of
        UNION ALL
        SELECT
            forecast.rep_id,
            forecast.product_id,
            forecast.source_id,
            forecast.pipeline_id,
            false,
            forecast.amount,
            forecast.win_probability,
            CASE
                WHEN forecast.expected_close_date >= greatest(span.first_day, span.today) AND forecast.expected_close_date < span.end_day
                    THEN forecast.manual_amount
            END
        FROM span
        CROSS JOIN LATERAL deal_forecast(sales_forecast.as_of, span.end_day, span.first_day, sales_forecast.history_days, sales_forecast.minimum_count) AS forecast
    ), total AS (
        SELECT
            member.dimension_name,
            member.id AS member_id,
            count(*) FILTER (WHERE piece.is_won) AS won_count,
            coalesce(sum(piece.amount) FILTER (WHERE piece.is_won), 0) AS won_amount,
            count(*) FILTER (WHERE NOT piece.is_won) AS open_count,
            count(*) FILTER (WHERE NOT piece.is_won AND (piece.amount IS NULL OR piece.probability IS NULL)) AS unknown_count,
            coalesce(sum(piece.amount) FILTER (WHERE NOT piece.is_won), 0) AS open_amount,
            coalesce(sum(piece.amount * piece.probability::numeric), 0) AS expected_amount,
            coalesce(sum(piece.manual_amount), 0) AS manual_amount,
            array_agg(piece.probability) FILTER (WHERE piece.probability > 0 AND piece.amount IS NOT NULL) AS probabilities,
            array_agg(piece.amount) FILTER (WHERE piece.probability > 0 AND piece.amount IS NOT NULL) AS amounts
        FROM piece
        LEFT JOIN sales_rep ON sales_rep.id = piece.rep_id
        LEFT JOIN team_chain ON team_chain.team_id = sales_rep.team_id
        CROSS JOIN LATERAL (
            SELECT 'all' AS dimension_name, NULL::bigint AS id
            UNION ALL
            SELECT 'rep', piece.rep_id
            UNION ALL
            SELECT 'product', piece.product_id
            UNION ALL
            SELECT 'source', piece.source_id
            UNION ALL
            SELECT 'pipeline', piece.pipeline_id
            UNION ALL
            SELECT 'team', unnest(coalesce(team_chain.member_ids, ARRAY[NULL::bigint]))
        ) AS member
        WHERE CASE
            WHEN sales_forecast.by IS NULL THEN true
            ELSE member.dimension_name = kpicrm.checked_option('by', sales_forecast.by, 'all', 'rep', 'team', 'product', 'source', 'pipeline')
        END
        GROUP BY
            member.dimension_name,
            member.id
    ), goal AS (
        SELECT DISTINCT ON (inside.dimension_name, inside.member_id)
            inside.dimension_name,
            inside.member_id,
            inside.amount
        FROM (
            SELECT
                CASE
                    WHEN target.rep_id IS NOT NULL THEN 'rep'
                    WHEN target.product_id IS NOT NULL THEN 'product'
                    WHEN target.team_id IS NOT NULL THEN 'team'
                    ELSE 'all'
                END AS dimension_name,
                coalesce(target.rep_id, target.product_id, target.team_id) AS member_id,
                stored.months,
                sum(target.value) AS amount
            FROM target
            JOIN (VALUES ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS stored (name, months) ON stored.name = target.grain
            CROSS JOIN span
            WHERE target.kpi_code = 'revenue'
                AND target.period_start >= span.first_day
                AND target.period_start + make_interval(months => stored.months) <= span.end_day
            GROUP BY
                1,
                2,
                3
        ) AS inside
        WHERE CASE
            WHEN sales_forecast.by IS NULL THEN true
            ELSE inside.dimension_name = sales_forecast.by
        END
        ORDER BY
            inside.dimension_name,
            inside.member_id,
            inside.months DESC
    ), row_of AS (
        SELECT
            coalesce(total.dimension_name, goal.dimension_name) AS dimension_name,
            coalesce(total.member_id, goal.member_id) AS member_id,
            coalesce(total.won_count, 0) AS won_count,
            coalesce(total.won_amount, 0) AS won_amount,
            coalesce(total.open_count, 0) AS open_count,
            coalesce(total.unknown_count, 0) AS unknown_count,
            coalesce(total.open_amount, 0) AS open_amount,
            coalesce(total.expected_amount, 0) AS expected_amount,
            coalesce(total.manual_amount, 0) AS manual_amount,
            total.probabilities,
            total.amounts,
            goal.amount AS target_amount
        FROM total
        FULL JOIN goal
            ON goal.dimension_name = total.dimension_name
            AND coalesce(goal.member_id, 0) = coalesce(total.member_id, 0)
    )
    SELECT
        row_of.dimension_name,
        row_of.member_id,
        CASE row_of.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        span.first_day,
        span.end_day,
        row_of.won_count,
        row_of.won_amount,
        row_of.open_count,
        row_of.unknown_count,
        row_of.open_amount,
        row_of.expected_amount,
        row_of.won_amount + row_of.expected_amount,
        row_of.won_amount + outcome.quantiles[1],
        row_of.won_amount + outcome.quantiles[2],
        row_of.won_amount + outcome.quantiles[3],
        outcome.method,
        row_of.target_amount,
        outcome.at_least_probability,
        row_of.manual_amount,
        row_of.won_amount + row_of.manual_amount
    FROM row_of
    CROSS JOIN span
    CROSS JOIN LATERAL kpicrm.outcome_sum(row_of.probabilities, row_of.amounts, '{0.1,0.5,0.9}', row_of.target_amount - row_of.won_amount) AS outcome
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = row_of.dimension_name
        AND dimension_member.member_id = row_of.member_id;
END;
COMMENT ON FUNCTION sales_forecast(date, date, text, timestamp with time zone, integer, integer) IS
    'what was won from from_date until before to_date (NULL: the fiscal quarter of as_of) and what the deals open at as_of will add, by all, rep, team, product, source or pipeline (NULL: by each of them): expected amount, amounts reached with a probability of 90, 50 and 10 %, and the probability to reach the target, beside the forecast by the phases'' own probabilities';

CREATE VIEW sales_forecast WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_end_date,
    report.won_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.open_count,
    report.unknown_count,
    report.open_amount::numeric(18, 2) AS open_amount,
    report.expected_amount::numeric(18, 2) AS expected_amount,
    report.forecast_amount::numeric(18, 2) AS forecast_amount,
    report.p10_amount::numeric(18, 2) AS p10_amount,
    report.p50_amount::numeric(18, 2) AS p50_amount,
    report.p90_amount::numeric(18, 2) AS p90_amount,
    report.method AS method_name,
    report.target_amount::numeric(18, 2) AS target_amount,
    report.target_probability,
    report.manual_open_amount::numeric(18, 2) AS manual_open_amount,
    report.manual_forecast_amount::numeric(18, 2) AS manual_forecast_amount
FROM sales_forecast() AS report;
COMMENT ON VIEW sales_forecast IS
    'One row per dimension and member: what was won in this fiscal quarter and what the deals open now will add until it ends, learned from deals that were as long in the same phase. Amounts that are reached with a probability of 90 % (p10), 50 % and 10 % (p90), and the probability to reach the target, deals being independent of each other; beside it the forecast by the phases'' own probabilities. Deals yet to be opened are in no number.';
COMMENT ON COLUMN sales_forecast.dimension_name IS 'what the row is grouped by: all, rep, team, product, source or pipeline';
COMMENT ON COLUMN sales_forecast.member_id IS 'key of the member in its own table; NULL for all, and for deals that have none';
COMMENT ON COLUMN sales_forecast.member_name IS 'name of the member; (none) for deals that have none';
COMMENT ON COLUMN sales_forecast.period_start IS 'first day of the fiscal quarter';
COMMENT ON COLUMN sales_forecast.period_end_date IS 'day after its last day';
COMMENT ON COLUMN sales_forecast.won_count IS 'deals won in it so far';
COMMENT ON COLUMN sales_forecast.won_amount IS 'their amount';
COMMENT ON COLUMN sales_forecast.open_count IS 'deals open now';
COMMENT ON COLUMN sales_forecast.unknown_count IS 'deals among them without amount or without any comparison, which are in no amount';
COMMENT ON COLUMN sales_forecast.open_amount IS 'amount of the open deals';
COMMENT ON COLUMN sales_forecast.expected_amount IS 'sum of amount × probability to be won before the quarter ends';
COMMENT ON COLUMN sales_forecast.forecast_amount IS 'won_amount + expected_amount';
COMMENT ON COLUMN sales_forecast.p10_amount IS 'won and open deals come to no more than this with a probability of 10 %';
COMMENT ON COLUMN sales_forecast.p50_amount IS 'the same with 50 %';
COMMENT ON COLUMN sales_forecast.p90_amount IS 'the same with 90 %';
COMMENT ON COLUMN sales_forecast.method_name IS 'how p10, p50, p90 and target_probability were found: exact, or mixed (largest deals exact, the others together as normal)';
COMMENT ON COLUMN sales_forecast.target_amount IS 'target of the quarter; NULL if none is set';
COMMENT ON COLUMN sales_forecast.target_probability IS 'probability that won and open deals come to the target, 0 to 1; NULL without target';
COMMENT ON COLUMN sales_forecast.manual_open_amount IS 'open deals expected to close in what is left of the quarter: amount × probability of the phase';
COMMENT ON COLUMN sales_forecast.manual_forecast_amount IS 'won_amount + manual_open_amount';
