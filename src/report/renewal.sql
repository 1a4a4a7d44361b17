/*
 * renewal_report: which contracts are due, and which are kept?
 *
 * Grain: dimension (all, product, rep, team) × member × period in which the term
 * ends (its last day).  A term that is due is renewed, churned or pending:
 * contract_state().
 *
 * renewal_rate is renewed / (renewed + churned), by count; retention rates the same
 * by the amount per month, gross with what the renewed terms had, net with what the
 * following ones have.  Terms without an amount count, and add nothing to amounts; a
 * negative one is left out of amounts and retention rates.
 *
 * The rep is the account's present one, the team that rep's present one.  What is
 * expected of the pending ones is the sum, or the mean, over contract_life().
 */
CREATE FUNCTION renewal_report(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month',
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    period_start date,
    period_label text,
    due_count bigint,
    renewed_count bigint,
    churned_count bigint,
    pending_count bigint,
    renewal_rate double precision,
    renewal_rate_low double precision,
    renewal_rate_high double precision,
    due_monthly_amount numeric,
    renewed_monthly_amount numeric,
    churned_monthly_amount numeric,
    pending_monthly_amount numeric,
    following_monthly_amount numeric,
    gross_retention_rate double precision,
    net_retention_rate double precision,
    expected_renewed_value double precision,
    expected_remaining_days double precision,
    expected_remaining_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH part AS (
        -- by day first: there are few days and few members, whatever the grain
        SELECT
            contract_state.product_id,
            contract_state.rep_id,
            contract_state.ends_on,
            kpicrm.conversion_agg(contract_state.state = 'renewed') FILTER (WHERE contract_state.state <> 'pending') AS renewal,
            count(*) FILTER (WHERE contract_state.state = 'pending') AS pending_count,
            sum(contract_state.monthly_amount) FILTER (WHERE contract_state.monthly_amount >= 0 AND contract_state.state = 'renewed') AS renewed_amount,
            sum(contract_state.monthly_amount) FILTER (WHERE contract_state.monthly_amount >= 0 AND contract_state.state = 'churned') AS churned_amount,
            sum(contract_state.monthly_amount) FILTER (WHERE contract_state.monthly_amount >= 0 AND contract_state.state = 'pending') AS pending_amount,
            sum(contract_state.following_monthly_amount) FILTER (WHERE contract_state.following_monthly_amount >= 0 AND contract_state.monthly_amount >= 0) AS following_amount,
            sum(life.renewal_probability) AS expected_renewed,
            sum(life.expected_remaining_days) AS remaining_days,
            count(life.expected_remaining_days) AS remaining_count,
            sum(life.expected_remaining_amount) FILTER (WHERE contract_state.monthly_amount >= 0) AS remaining_amount
        FROM contract_state(as_of) AS contract_state
        LEFT JOIN contract_life(as_of, discount_rate) AS life ON life.contract_id = contract_state.contract_id
        WHERE (from_date IS NULL OR contract_state.ends_on >= from_date)
            AND (to_date IS NULL OR contract_state.ends_on < to_date)
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'day', 'week', 'month', 'quarter', 'half', 'year', 'all') IS NOT NULL
        GROUP BY
            contract_state.product_id,
            contract_state.rep_id,
            contract_state.ends_on
    ), day AS MATERIALIZED (
        SELECT
            part.ends_on,
            CASE grain
                WHEN 'all' THEN from_date
                ELSE kpicrm.fiscal_period_start(part.ends_on, grain, setting.fiscal_start_month, setting.week_start)
            END AS period_start
        FROM (SELECT DISTINCT part.ends_on FROM part) AS part
        JOIN setting ON setting.only_row
    ), summed AS (
        SELECT
            dimension.name AS dimension_name,
            dimension.member_id,
            day.period_start,
            kpicrm.rollup(part.renewal) AS renewal,
            sum(part.pending_count)::bigint AS pending_count,
            coalesce(sum(part.renewed_amount), 0) AS renewed_amount,
            coalesce(sum(part.churned_amount), 0) AS churned_amount,
            coalesce(sum(part.pending_amount), 0) AS pending_amount,
            coalesce(sum(part.following_amount), 0) AS following_amount,
            sum(part.expected_renewed) AS expected_renewed,
            sum(part.remaining_days) / nullif(sum(part.remaining_count), 0) AS remaining_days,
            sum(part.remaining_amount) AS remaining_amount
        FROM part
        JOIN day ON day.ends_on = part.ends_on
        LEFT JOIN sales_rep ON sales_rep.id = part.rep_id
        CROSS JOIN LATERAL (VALUES
            ('all', NULL::bigint),
            ('product', part.product_id),
            ('rep', part.rep_id),
            ('team', sales_rep.team_id)
        ) AS dimension (name, member_id)
        WHERE CASE
            WHEN by IS NULL THEN true
            ELSE dimension.name = kpicrm.checked_option('by', by, 'all', 'product', 'rep', 'team')
        END
        GROUP BY
            dimension.name,
            dimension.member_id,
            day.period_start
    )
    SELECT
        summed.dimension_name,
        summed.member_id,
        CASE summed.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(dimension_member.member_name, '(none)')
        END,
        summed.period_start,
        CASE grain
            WHEN 'all' THEN 'all'
            ELSE kpicrm.fiscal_period_label(summed.period_start, grain, setting.fiscal_start_month, setting.week_start)
        END,
        coalesce(kpicrm.total_count(summed.renewal), 0) + summed.pending_count,
        coalesce(kpicrm.converted_count(summed.renewal), 0),
        coalesce(kpicrm.total_count(summed.renewal) - kpicrm.converted_count(summed.renewal), 0),
        summed.pending_count,
        kpicrm.rate(summed.renewal),
        kpicrm.rate_lower(summed.renewal),
        kpicrm.rate_upper(summed.renewal),
        summed.renewed_amount + summed.churned_amount + summed.pending_amount,
        summed.renewed_amount,
        summed.churned_amount,
        summed.pending_amount,
        summed.following_amount,
        (summed.renewed_amount / nullif(summed.renewed_amount + summed.churned_amount, 0))::double precision,
        (summed.following_amount / nullif(summed.renewed_amount + summed.churned_amount, 0))::double precision,
        summed.expected_renewed,
        summed.remaining_days,
        summed.remaining_amount
    FROM summed
    JOIN setting ON setting.only_row
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = summed.dimension_name
        AND dimension_member.member_id = summed.member_id
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION renewal_report(date, date, text, timestamp with time zone, text, double precision) IS
    'contracts whose term ends from from_date until before to_date: due, renewed, churned and pending, with amounts per month, by all, product, rep or team (NULL: by each of them) and by period of the grain (all: one period)';

CREATE VIEW renewal_report WITH (security_invoker = true) AS
SELECT
    report.dimension_name,
    report.member_id,
    report.member_name,
    report.period_start,
    report.period_label,
    report.due_count,
    report.renewed_count,
    report.churned_count,
    report.pending_count,
    report.renewal_rate,
    report.renewal_rate_low,
    report.renewal_rate_high,
    report.due_monthly_amount::numeric(18, 2) AS due_monthly_amount,
    report.renewed_monthly_amount::numeric(18, 2) AS renewed_monthly_amount,
    report.churned_monthly_amount::numeric(18, 2) AS churned_monthly_amount,
    report.pending_monthly_amount::numeric(18, 2) AS pending_monthly_amount,
    report.following_monthly_amount::numeric(18, 2) AS following_monthly_amount,
    report.gross_retention_rate,
    report.net_retention_rate,
    report.expected_renewed_value,
    report.expected_remaining_days,
    report.expected_remaining_amount::numeric(18, 2) AS expected_remaining_amount
FROM renewal_report() AS report;
COMMENT ON VIEW renewal_report IS
    'One row per dimension (all, product, rep, team), member and month: the contracts whose term ends in the month, renewed, churned (cancelled, or over without a following term) or pending, as of now. Amounts are per month.';
COMMENT ON COLUMN renewal_report.dimension_name IS 'what the row is grouped by: all, product, rep or team';
COMMENT ON COLUMN renewal_report.member_id IS 'key of the member in its own table; NULL for all, and for contracts that have none';
COMMENT ON COLUMN renewal_report.member_name IS 'name of the member; (none) for contracts that have none';
COMMENT ON COLUMN renewal_report.period_start IS 'first day of the month';
COMMENT ON COLUMN renewal_report.period_label IS 'name of the month';
COMMENT ON COLUMN renewal_report.due_count IS 'contracts whose term ends in the month';
COMMENT ON COLUMN renewal_report.renewed_count IS 'contracts that another one follows: numerator of renewal_rate';
COMMENT ON COLUMN renewal_report.churned_count IS 'contracts cancelled, or over, and not followed: with renewed_count the denominator of renewal_rate';
COMMENT ON COLUMN renewal_report.pending_count IS 'contracts that still run and are neither renewed nor cancelled';
COMMENT ON COLUMN renewal_report.renewal_rate IS 'share renewed of renewed and churned, 0 to 1; NULL if nothing is decided';
COMMENT ON COLUMN renewal_report.renewal_rate_low IS 'lower 95 % Wilson bound of renewal_rate';
COMMENT ON COLUMN renewal_report.renewal_rate_high IS 'upper 95 % Wilson bound of renewal_rate';
COMMENT ON COLUMN renewal_report.due_monthly_amount IS 'amount per month of the contracts due';
COMMENT ON COLUMN renewal_report.renewed_monthly_amount IS 'amount per month that the renewed ones had: numerator of gross_retention_rate';
COMMENT ON COLUMN renewal_report.churned_monthly_amount IS 'amount per month of the churned ones: with renewed_monthly_amount the denominator of both retention rates';
COMMENT ON COLUMN renewal_report.pending_monthly_amount IS 'amount per month of the pending ones';
COMMENT ON COLUMN renewal_report.following_monthly_amount IS 'amount per month of the contracts that follow the renewed ones: numerator of net_retention_rate';
COMMENT ON COLUMN renewal_report.gross_retention_rate IS 'share of the decided amount per month that was renewed, 0 to 1; NULL if there is none';
COMMENT ON COLUMN renewal_report.net_retention_rate IS 'amount per month that follows, by the decided one: more than 1 if the renewals grew by more than what churned';
COMMENT ON COLUMN renewal_report.expected_renewed_value IS 'how many of the pending ones will be renewed, by the retention model; NULL if it cannot say, or nothing is pending';
COMMENT ON COLUMN renewal_report.expected_remaining_days IS 'mean over the pending ones of the days that are expected to follow their present term, discounted by 10 % a year';
COMMENT ON COLUMN renewal_report.expected_remaining_amount IS 'what the pending ones are expected to bring after their present terms, discounted by 10 % a year';

/*
 * renewal_due: which contracts need a decision soon?
 *
 * Grain: pending contract whose last day is today or one of the next within_days
 * days.  Sorted by the reader: ends_date, or monthly_amount.
 */
CREATE FUNCTION renewal_due(
    within_days integer DEFAULT 90,
    as_of timestamp with time zone DEFAULT now(),
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    contract_id bigint,
    contract text,
    account_id bigint,
    account text,
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    product_id bigint,
    product text,
    starts_date date,
    ends_date date,
    due_days double precision,
    monthly_amount numeric,
    renewed_before_count bigint,
    renewal_probability double precision,
    expected_remaining_days double precision,
    expected_remaining_amount numeric,
    prediction_basis text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    SELECT
        contract.id,
        contract.name,
        contract.account_id,
        account.name,
        account.rep_id,
        sales_rep.name,
        sales_rep.team_id,
        sales_team.name,
        contract.product_id,
        product.name,
        contract.starts_on,
        contract.ends_on,
        contract.ends_on - today.day,
        contract.amount_per_month,
        life.renewed_before_count,
        life.renewal_probability,
        life.expected_remaining_days,
        life.expected_remaining_amount,
        life.prediction_basis
    FROM contract
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (SELECT (as_of AT TIME ZONE setting.time_zone)::date AS day) AS today
    JOIN account ON account.id = contract.account_id
    LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
    LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
    LEFT JOIN product ON product.id = contract.product_id
    LEFT JOIN contract_life(as_of, discount_rate) AS life ON life.contract_id = contract.id
    WHERE kpicrm.accept_as_of(as_of)
        AND contract.renewed_by IS NULL
        AND (contract.cancelled_on IS NULL OR contract.cancelled_on > today.day)
        AND contract.ends_on >= today.day
        AND contract.ends_on - today.day <= within_days
        AND CASE
            WHEN within_days >= 0 THEN true
            ELSE kpicrm.reject_argument('within_days', within_days::text, 'A number of days from 0 (today) up, such as 90.') IS NULL
        END;
END;
COMMENT ON FUNCTION renewal_due(integer, timestamp with time zone, double precision) IS
    'contracts neither renewed nor cancelled whose last day is within the next within_days days';

CREATE VIEW renewal_due WITH (security_invoker = true) AS
SELECT
    due.contract_id,
    due.contract,
    due.account_id,
    due.account,
    due.rep_id,
    due.rep,
    due.team_id,
    due.team,
    due.product_id,
    due.product,
    due.starts_date,
    due.ends_date,
    due.due_days,
    due.monthly_amount::numeric(18, 2) AS monthly_amount,
    due.renewed_before_count,
    due.renewal_probability,
    due.expected_remaining_days,
    due.expected_remaining_amount::numeric(18, 2) AS expected_remaining_amount,
    due.prediction_basis
FROM renewal_due() AS due;
COMMENT ON VIEW renewal_due IS
    'One row per contract that is neither renewed nor cancelled and whose last day is today or within the next 90 days.';
COMMENT ON COLUMN renewal_due.contract_id IS 'key of the contract';
COMMENT ON COLUMN renewal_due.contract IS 'what it says on the contract';
COMMENT ON COLUMN renewal_due.account_id IS 'key of the account that signed';
COMMENT ON COLUMN renewal_due.account IS 'name of the account that signed';
COMMENT ON COLUMN renewal_due.rep_id IS 'key of the account''s present rep';
COMMENT ON COLUMN renewal_due.rep IS 'name of the account''s present rep';
COMMENT ON COLUMN renewal_due.team_id IS 'key of the rep''s present team';
COMMENT ON COLUMN renewal_due.team IS 'name of the rep''s present team';
COMMENT ON COLUMN renewal_due.product_id IS 'key of the product it is about';
COMMENT ON COLUMN renewal_due.product IS 'name of the product it is about';
COMMENT ON COLUMN renewal_due.starts_date IS 'first day of the term';
COMMENT ON COLUMN renewal_due.ends_date IS 'last day of the term';
COMMENT ON COLUMN renewal_due.due_days IS 'days until the last day; 0 is today';
COMMENT ON COLUMN renewal_due.monthly_amount IS 'amount per month';
COMMENT ON COLUMN renewal_due.renewed_before_count IS 'times the contract has been renewed before';
COMMENT ON COLUMN renewal_due.renewal_probability IS 'probability that it is renewed, by the retention model of prediction_basis; this and what follows NULL if that cannot say';
COMMENT ON COLUMN renewal_due.expected_remaining_days IS 'days expected to follow the present term, discounted by 10 % a year';
COMMENT ON COLUMN renewal_due.expected_remaining_amount IS 'amount expected to follow the present term, discounted by 10 % a year';
COMMENT ON COLUMN renewal_due.prediction_basis IS 'contracts the model learnt from: those with terms of so many months, or all; or why there is no model';
