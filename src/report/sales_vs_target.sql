/*
 * sales_vs_target: plan and actual.
 *
 * Grain: grain (month, quarter, half, year) × scope (company, team, rep, product) ×
 * member × fiscal period.
 *
 *   won       deals won in the period, by the day of their last closing; rep and
 *             product are those of the closing.  The amount is the present one
 *   target    of the KPI revenue, as it was set for this grain and scope.  If it
 *             was set for no period of this grain, the sum of the targets set for
 *             the next finer grain inside the period.  Targets of one scope are
 *             never derived from another
 *   weighted  open deals expected to close in the period, from today on: amount ×
 *             the win probability of the phase.  Deals expected earlier and still
 *             open are overdue_amount of the period that they were expected in, and
 *             no part of a forecast
 *   forecast  won + weighted
 *   gap       won - target
 *   growth    won / won in the same period of the previous fiscal year - 1; the
 *             present period, so far as it has come, against the whole one then
 *
 * A team's sales are those of its reps and of all teams below it, so teams do not
 * add up to the company where one lies inside another.  A period is shown if it
 * has a target, a sale or an open deal (an overdue one: that of its close date); one
 * that has begun also for a sale a year before.
 */
CREATE FUNCTION sales_vs_target(
    grain text DEFAULT NULL,
    scope text DEFAULT NULL,
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    grain_name text,
    scope_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    target_amount numeric,
    won_count bigint,
    won_amount numeric,
    attainment_rate double precision,
    gap_amount numeric,
    weighted_open_amount numeric,
    forecast_amount numeric,
    overdue_amount numeric,
    previous_year_amount numeric,
    growth_rate double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH team_chain AS (
        SELECT
            team_tree.team_id,
            array_agg(team_tree.member_id) AS member_ids
        FROM team_tree()
        GROUP BY team_tree.team_id
    ), grains AS (
        SELECT
            choice.name,
            choice.months
        FROM (VALUES ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS choice (name, months)
        WHERE CASE
            WHEN sales_vs_target.grain IS NULL THEN true
            ELSE choice.name = kpicrm.checked_option('grain', sales_vs_target.grain, 'month', 'quarter', 'half', 'year')
        END
    ), today AS (
        SELECT
            (sales_vs_target.as_of AT TIME ZONE setting.time_zone)::date AS day,
            setting.fiscal_start_month AS start_month
        FROM setting
        WHERE setting.only_row
    ), fact AS (
        -- months are part of every grain, so the deals are read once
        SELECT
            kpicrm.fiscal_period_start(deal.day, 'month') AS month_start,
            deal.rep_id,
            deal.product_id,
            count(*) FILTER (WHERE deal.won) AS won_count,
            sum(deal.amount) FILTER (WHERE deal.won) AS won_amount,
            sum(deal.amount * deal.win_probability::numeric) FILTER (WHERE deal.won IS NULL AND deal.day >= deal.today) AS weighted_amount,
            sum(deal.amount * deal.win_probability::numeric) FILTER (WHERE deal.won IS NULL AND deal.day < deal.today) AS overdue_amount
        FROM (
            SELECT
                (stay.entered_at AT TIME ZONE setting.time_zone)::date AS day,
                (sales_vs_target.as_of AT TIME ZONE setting.time_zone)::date AS today,
                stay.rep_id,
                stay.product_id,
                true AS won,
                deal.amount,
                phase.win_probability
            FROM phase_stay AS stay
            JOIN phase
                ON phase.id = stay.phase_id
                AND phase.kind = 'won'
            JOIN deal ON deal.id = stay.deal_id
            JOIN setting ON setting.only_row
            WHERE stay.entered_at <= as_of
                AND (stay.left_at IS NULL OR stay.left_at > as_of)
                AND deal.opened_at <= as_of
                -- the period, the same a year before, and what a longer grain needs
                AND stay.entered_at >= earliest_instant((from_date - INTERVAL '1 year')::date)
                AND stay.entered_at < latest_instant((to_date + INTERVAL '1 year')::date)
            UNION ALL
            SELECT
                pending.expected_close_date,
                (sales_vs_target.as_of AT TIME ZONE setting.time_zone)::date,
                pending.rep_id,
                pending.product_id,
                NULL,
                pending.amount,
                phase.win_probability
            FROM deal_standing(as_of) AS pending
            JOIN phase_as_of(as_of) AS phase
                ON phase.id = pending.phase_id
                AND phase.kind = 'open'
            JOIN setting ON setting.only_row
            -- an array, which gets as far as into the scan of deals: others are not handed on
            WHERE pending.phase_id = ANY (ARRAY(SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open'))
        ) AS deal
        WHERE deal.day IS NOT NULL
        GROUP BY
            1,
            2,
            3
    ), scoped AS (
        SELECT
            member.scope,
            member.id AS member_id,
            fact.month_start,
            fact.won_count,
            fact.won_amount,
            fact.weighted_amount,
            fact.overdue_amount
        FROM fact
        LEFT JOIN sales_rep ON sales_rep.id = fact.rep_id
        LEFT JOIN team_chain ON team_chain.team_id = sales_rep.team_id
        CROSS JOIN LATERAL (
            SELECT 'company' AS scope, NULL::bigint AS id
            UNION ALL
            SELECT 'rep', fact.rep_id
            UNION ALL
            SELECT 'product', fact.product_id
            UNION ALL
            SELECT 'team', unnest(coalesce(team_chain.member_ids, ARRAY[NULL::bigint]))
        ) AS member
        WHERE CASE
            WHEN sales_vs_target.scope IS NULL THEN true
            ELSE member.scope = kpicrm.checked_option('scope', sales_vs_target.scope, 'company', 'team', 'rep', 'product')
        END
    ), set_target AS (
        SELECT
            stored.name AS grain,
            stored.months,
            CASE
                WHEN target.rep_id IS NOT NULL THEN 'rep'
                WHEN target.product_id IS NOT NULL THEN 'product'
                WHEN target.team_id IS NOT NULL THEN 'team'
                ELSE 'company'
            END AS scope,
            coalesce(target.rep_id, target.product_id, target.team_id) AS member_id,
            target.period_start,
            target.value AS amount
        FROM target
        JOIN (VALUES ('month', 1), ('quarter', 3), ('half', 6), ('year', 12)) AS stored (name, months)
            ON stored.name = target.grain
        WHERE target.kpi_code = 'revenue'
    ), goal AS (
        -- the target set for the grain itself, or else what the next finer one adds up to
        SELECT DISTINCT ON (total.grain, total.scope, total.member_id, total.period_start)
            total.grain,
            total.scope,
            total.member_id,
            total.period_start,
            total.amount
        FROM (
            SELECT
                grains.name AS grain,
                set_target.months,
                set_target.scope,
                set_target.member_id,
                kpicrm.fiscal_period_start(set_target.period_start, grains.name, today.start_month) AS period_start,
                sum(set_target.amount) AS amount
            FROM grains
            JOIN set_target ON set_target.months <= grains.months
            CROSS JOIN today
            WHERE CASE
                WHEN sales_vs_target.scope IS NULL THEN true
                ELSE set_target.scope = sales_vs_target.scope
            END
            GROUP BY
                1,
                2,
                3,
                4,
                5
        ) AS total
        ORDER BY
            total.grain,
            total.scope,
            total.member_id,
            total.period_start,
            total.months DESC
    ), piece AS (
        -- what a period is made of: its own deals, those of a year before, its target
        SELECT
            grains.name AS grain,
            scoped.scope,
            scoped.member_id,
            kpicrm.fiscal_period_start(scoped.month_start, grains.name, today.start_month) AS period_start,
            NULL::numeric AS target_amount,
            scoped.won_count,
            scoped.won_amount,
            scoped.weighted_amount,
            scoped.overdue_amount,
            NULL::numeric AS previous_amount,
            true AS is_own
        FROM scoped
        CROSS JOIN grains
        CROSS JOIN today
        UNION ALL
        SELECT
            grains.name,
            scoped.scope,
            scoped.member_id,
            kpicrm.fiscal_period_start((scoped.month_start + INTERVAL '1 year')::date, grains.name, today.start_month),
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            scoped.won_amount,
            false
        FROM scoped
        CROSS JOIN grains
        CROSS JOIN today
        WHERE scoped.won_count > 0
        UNION ALL
        SELECT
            goal.grain,
            goal.scope,
            goal.member_id,
            goal.period_start,
            goal.amount,
            NULL,
            NULL,
            NULL,
            NULL,
            NULL,
            true
        FROM goal
    ), period AS (
        SELECT
            piece.grain,
            piece.scope,
            piece.member_id,
            piece.period_start,
            sum(piece.target_amount) AS target_amount,
            coalesce(sum(piece.won_count), 0)::bigint AS won_count,
            coalesce(sum(piece.won_amount), 0) AS won_amount,
            coalesce(sum(piece.weighted_amount), 0) AS weighted_amount,
            coalesce(sum(piece.overdue_amount), 0) AS overdue_amount,
            coalesce(sum(piece.previous_amount), 0) AS previous_amount,
            bool_or(piece.is_own) AS is_own
        FROM piece
        GROUP BY
            piece.grain,
            piece.scope,
            piece.member_id,
            piece.period_start
    )
    SELECT
        period.grain,
        period.scope,
        period.member_id,
        CASE period.scope
            WHEN 'company' THEN 'company'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        period.period_start,
        kpicrm.fiscal_period_label(period.period_start, period.grain, today.start_month),
        period.target_amount,
        period.won_count,
        period.won_amount,
        (period.won_amount / nullif(period.target_amount, 0))::double precision,
        period.won_amount - period.target_amount,
        period.weighted_amount,
        period.won_amount + period.weighted_amount,
        period.overdue_amount,
        period.previous_amount,
        (period.won_amount / nullif(period.previous_amount, 0) - 1)::double precision
    FROM period
    CROSS JOIN today
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = period.scope
        AND dimension_member.member_id = period.member_id
    WHERE kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_period(from_date, to_date)
        AND (period.is_own OR period.period_start <= today.day)
        AND (sales_vs_target.from_date IS NULL OR period.period_start >= sales_vs_target.from_date)
        AND (sales_vs_target.to_date IS NULL OR period.period_start < sales_vs_target.to_date);
END;
COMMENT ON FUNCTION sales_vs_target(text, text, date, date, timestamp with time zone) IS
    'sales against target of the periods that begin from from_date until before to_date, by grain month, quarter, half or year and scope company, team, rep or product (NULL: by each of them)';

CREATE VIEW sales_vs_target WITH (security_invoker = true) AS
SELECT
    report.grain_name,
    report.scope_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.target_amount::numeric(18, 2) AS target_amount,
    report.won_count,
    report.won_amount::numeric(18, 2) AS won_amount,
    report.attainment_rate,
    report.gap_amount::numeric(18, 2) AS gap_amount,
    report.weighted_open_amount::numeric(18, 2) AS weighted_open_amount,
    report.forecast_amount::numeric(18, 2) AS forecast_amount,
    report.overdue_amount::numeric(18, 2) AS overdue_amount,
    report.previous_year_amount::numeric(18, 2) AS previous_year_amount,
    report.growth_rate
FROM sales_vs_target() AS report;
COMMENT ON VIEW sales_vs_target IS
    'One row per grain, scope, member and fiscal period: target, sales, forecast and the year before, as of now. Never add up rows of different grains or scopes; the sales of a team include those of the teams below it.';
COMMENT ON COLUMN sales_vs_target.grain_name IS 'month, quarter, half or year';
COMMENT ON COLUMN sales_vs_target.scope_name IS 'company, team, rep or product';
COMMENT ON COLUMN sales_vs_target.member_id IS 'key of the team, rep or product; NULL for the company, and for deals that have none';
COMMENT ON COLUMN sales_vs_target.member_name IS 'name of the team, rep or product; company; (none) for deals that have none';
COMMENT ON COLUMN sales_vs_target.period_start IS 'first day of the period';
COMMENT ON COLUMN sales_vs_target.period_label IS 'name of the period';
COMMENT ON COLUMN sales_vs_target.target_amount IS 'target of the KPI revenue; NULL if none is set';
COMMENT ON COLUMN sales_vs_target.won_count IS 'deals won in the period';
COMMENT ON COLUMN sales_vs_target.won_amount IS 'amount of the deals won in the period';
COMMENT ON COLUMN sales_vs_target.attainment_rate IS 'won_amount / target_amount, 1 is on target; NULL if there is no target or it is 0';
COMMENT ON COLUMN sales_vs_target.gap_amount IS 'won_amount - target_amount: negative is short of the target';
COMMENT ON COLUMN sales_vs_target.weighted_open_amount IS 'amount times win probability of the open deals expected to close in the period, from today on';
COMMENT ON COLUMN sales_vs_target.forecast_amount IS 'won_amount + weighted_open_amount';
COMMENT ON COLUMN sales_vs_target.overdue_amount IS 'amount times win probability of the deals expected to close in the period before today and still open';
COMMENT ON COLUMN sales_vs_target.previous_year_amount IS 'amount of the deals won in the same period of the previous fiscal year';
COMMENT ON COLUMN sales_vs_target.growth_rate IS 'won_amount / previous_year_amount - 1; NULL if nothing was won a year before';
