/*
 * forecast_accuracy, forecast_reliability: can the forecast be trusted?
 *
 * Past forecasts are replayed from the history, without snapshots: at the first
 * instant of each month (a cut) from from_date until before to_date, every deal open then
 * gets the probability to be won within horizon_days, from what had happened by
 * then alone, and is compared with what it came to: in a won phase horizon_days
 * later, or not.  Cuts whose horizon is not over at as_of are left out.  Three
 * methods side by side:
 *
 *   age_aware    deal_forecast: by phase and by how long the deal has been in it
 *   age_blind    the same stays of the phase, and the same horizon, but no age: the
 *                share won within the horizon of the entry into the phase
 *   fixed        the phase's own win probability, as it was set at the cut; if none
 *                was set, the share won of the comparable deals that had ended by then
 *
 * Compared are the deals for which all three have a probability.
 *
 *   bias     forecast - actual, of the amounts; positive is too optimistic
 *   wape     sum over the cuts of |forecast - actual| / sum of actual
 *   brier    mean of (probability - outcome)²: 0 is perfect, smaller is better
 *   log loss is not shown: one deal that was won against all odds makes it infinite
 *
 * Amounts are those known at the cut, in the forecast and in the actual: an amount that
 * changed later is no error of the probability.
 *
 * Add up counts, amounts and squared errors, never rates.  Months overlap if the horizon
 * is longer than a month: the same deal is then judged several times.
 */

CREATE FUNCTION forecast_replay(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 90,
    history_days integer DEFAULT 730,
    minimum_count integer DEFAULT 30
) RETURNS TABLE (
    cut_date date,
    until_date date,
    deal_id bigint,
    pipeline_id bigint,
    phase_id bigint,
    amount numeric,
    won boolean,
    age_aware double precision,
    age_blind double precision,
    fixed double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        -- without bounds: the last twelve months whose horizon is over
        SELECT
            coalesce(bounds.from_date, (date_trunc('month', bounds.last_day::timestamp) - INTERVAL '11 months')::date) AS first_day,
            coalesce(bounds.to_date, bounds.last_day + 1) AS end_day,
            bounds.last_day
        FROM (
            SELECT
                forecast_replay.from_date,
                forecast_replay.to_date,
                (forecast_replay.as_of AT TIME ZONE setting.time_zone)::date - forecast_replay.horizon_days AS last_day
            FROM setting
            WHERE setting.only_row
                AND kpicrm.accept_as_of(forecast_replay.as_of)
                AND kpicrm.accept_period(forecast_replay.from_date, forecast_replay.to_date)
                AND kpicrm.accept_number('horizon_days', forecast_replay.horizon_days, 1, 3650)
        ) AS bounds
    ), cut AS MATERIALIZED (
        SELECT
            month.at::date AS cut_date,
            month.at::date + forecast_replay.horizon_days AS until_date,
            day_begins_at(month.at::date) AS cut_at,
            day_begins_at(month.at::date + forecast_replay.horizon_days) AS until_at
        FROM span
        CROSS JOIN LATERAL generate_series(
            date_trunc('month', (span.first_day - 1)::timestamp) + INTERVAL '1 month',
            least(span.end_day - 1, span.last_day)::timestamp,
            INTERVAL '1 month'
        ) AS month (at)
    ), phase_share AS MATERIALIZED (
        SELECT
            cut.cut_date,
            pace.phase_id,
            kpicrm.win_probability(pace.stays, make_interval(secs => EXTRACT(epoch FROM cut.until_at - cut.cut_at)::double precision)) AS within_horizon,
            coalesce(
                phase.win_probability,
                kpicrm.completed_count(pace.stays)::double precision / nullif(kpicrm.completed_count(pace.stays) + kpicrm.lost_count(pace.stays), 0)
            ) AS fixed
        FROM cut
        CROSS JOIN LATERAL forecast_pace(cut.cut_at, forecast_replay.history_days) AS pace
        LEFT JOIN LATERAL phase_as_of(cut.cut_at) AS phase ON phase.id = pace.phase_id
        WHERE pace.level = 'phase'
            AND pace.at_least = INTERVAL '0'
    ), ending AS (
        SELECT
            cut.cut_date,
            stay.deal_id
        FROM cut
        JOIN phase_stay AS stay
            ON stay.entered_at < cut.until_at
            AND stay.entered_at > cut.cut_at
            AND (stay.left_at IS NULL OR stay.left_at >= cut.until_at)
        WHERE stay.phase_id = ANY (ARRAY(SELECT won_phase.id FROM phase AS won_phase WHERE won_phase.kind = 'won'))
    )
    SELECT
        cut.cut_date,
        cut.until_date,
        forecast.deal_id,
        forecast.pipeline_id,
        forecast.phase_id,
        forecast.amount,
        ending.deal_id IS NOT NULL,
        forecast.win_probability,
        phase_share.within_horizon,
        phase_share.fixed
    FROM cut
    CROSS JOIN LATERAL deal_forecast(cut.cut_at, cut.until_date, NULL, forecast_replay.history_days, forecast_replay.minimum_count) AS forecast
    JOIN phase_share
        ON phase_share.cut_date = cut.cut_date
        AND phase_share.phase_id = forecast.phase_id
    LEFT JOIN ending
        ON ending.cut_date = cut.cut_date
        AND ending.deal_id = forecast.deal_id
    WHERE forecast.win_probability IS NOT NULL
        AND phase_share.within_horizon IS NOT NULL
        AND phase_share.fixed IS NOT NULL;
END;
COMMENT ON FUNCTION forecast_replay(date, date, timestamp with time zone, integer, integer, integer) IS
    'one row per month and deal open at its first instant: the probabilities to be won within horizon_days that were known then, by three methods, and whether it was; months from from_date until before to_date (NULL: the last twelve) whose horizon is over at as_of';

CREATE FUNCTION forecast_accuracy(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 90,
    grain text DEFAULT 'month',
    history_days integer DEFAULT 730,
    minimum_count integer DEFAULT 30
) RETURNS TABLE (
    method text,
    sort_order integer,
    period_start date,
    period_label text,
    deal_count bigint,
    won_count bigint,
    expected_won_count double precision,
    actual_amount numeric,
    forecast_amount numeric,
    bias_amount numeric,
    absolute_error_amount numeric,
    bias_rate double precision,
    wape_rate double precision,
    squared_error double precision,
    brier_score double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 40
BEGIN ATOMIC
    WITH month AS (
        SELECT
            judged.method,
            judged.sort_order,
            replay.cut_date,
            count(*) AS deal_count,
            count(*) FILTER (WHERE replay.won) AS won_count,
            sum(judged.probability::numeric) AS expected_won,
            coalesce(sum(replay.amount) FILTER (WHERE replay.won), 0) AS actual_amount,
            coalesce(sum(replay.amount * judged.probability::numeric), 0) AS forecast_amount,
            -- numeric: the same sum in any order
            sum(((judged.probability - replay.won::integer) ^ 2)::numeric) AS squared_error
        FROM forecast_replay(from_date, to_date, as_of, horizon_days, history_days, minimum_count) AS replay
        CROSS JOIN LATERAL (VALUES
            ('age_aware', 1, replay.age_aware),
            ('age_blind', 2, replay.age_blind),
            ('fixed', 3, replay.fixed)
        ) AS judged (method, sort_order, probability)
        GROUP BY
            judged.method,
            judged.sort_order,
            replay.cut_date
    )
    SELECT
        month.method,
        month.sort_order,
        period.period_start,
        CASE forecast_accuracy.grain
            WHEN 'all' THEN 'all'
            ELSE kpicrm.fiscal_period_label(period.period_start, forecast_accuracy.grain, setting.fiscal_start_month, setting.week_start)
        END,
        sum(month.deal_count)::bigint,
        sum(month.won_count)::bigint,
        sum(month.expected_won)::double precision,
        sum(month.actual_amount),
        sum(month.forecast_amount),
        sum(month.forecast_amount) - sum(month.actual_amount),
        sum(abs(month.forecast_amount - month.actual_amount)),
        ((sum(month.forecast_amount) - sum(month.actual_amount)) / nullif(sum(month.actual_amount), 0))::double precision,
        (sum(abs(month.forecast_amount - month.actual_amount)) / nullif(sum(month.actual_amount), 0))::double precision,
        sum(month.squared_error)::double precision,
        (sum(month.squared_error) / sum(month.deal_count))::double precision
    FROM month
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (
        SELECT CASE kpicrm.checked_option('grain', forecast_accuracy.grain, 'month', 'quarter', 'half', 'year', 'all')
            WHEN 'all' THEN NULL
            ELSE kpicrm.fiscal_period_start(month.cut_date, forecast_accuracy.grain, setting.fiscal_start_month, setting.week_start)
        END AS period_start
    ) AS period
    GROUP BY
        1,
        2,
        3,
        4;
END;
COMMENT ON FUNCTION forecast_accuracy(date, date, timestamp with time zone, integer, text, integer, integer) IS
    'how good forecasts of past months would have been, by three methods (age_aware, age_blind, fixed): deals open at the first instant of each month from from_date until before to_date (NULL: the last twelve), won within horizon_days or not; grain month, quarter, half, year or all';

CREATE FUNCTION forecast_reliability(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    as_of timestamp with time zone DEFAULT now(),
    horizon_days integer DEFAULT 90,
    bins integer DEFAULT 10,
    history_days integer DEFAULT 730,
    minimum_count integer DEFAULT 30
) RETURNS TABLE (
    method text,
    sort_order integer,
    bin_no integer,
    probability_low double precision,
    probability_high double precision,
    deal_count bigint,
    won_count bigint,
    mean_probability double precision,
    won_rate double precision,
    won_rate_low double precision,
    won_rate_high double precision
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
    SELECT
        bin.method,
        bin.sort_order,
        bin.bin_no,
        (bin.bin_no - 1)::double precision / forecast_reliability.bins,
        bin.bin_no::double precision / forecast_reliability.bins,
        kpicrm.total_count(bin.trials),
        kpicrm.converted_count(bin.trials),
        (bin.probability_sum / kpicrm.total_count(bin.trials))::double precision,
        kpicrm.rate(bin.trials),
        kpicrm.rate_lower(bin.trials),
        kpicrm.rate_upper(bin.trials)
    FROM (
        SELECT
            judged.method,
            judged.sort_order,
            -- the last bin holds 1 too
            least(floor(judged.probability * forecast_reliability.bins)::integer + 1, forecast_reliability.bins) AS bin_no,
            kpicrm.conversion_agg(replay.won) AS trials,
            sum(judged.probability::numeric) AS probability_sum
        FROM forecast_replay(from_date, to_date, as_of, horizon_days, history_days, minimum_count) AS replay
        CROSS JOIN LATERAL (VALUES
            ('age_aware', 1, replay.age_aware),
            ('age_blind', 2, replay.age_blind),
            ('fixed', 3, replay.fixed)
        ) AS judged (method, sort_order, probability)
        WHERE kpicrm.accept_number('bins', bins, 1, 1000)
        GROUP BY
            1,
            2,
            3
    ) AS bin;
END;
COMMENT ON FUNCTION forecast_reliability(date, date, timestamp with time zone, integer, integer, integer, integer) IS
    'of the deals that a method gave a probability between two bounds, how many were really won: forecasts of past months as in forecast_accuracy, in bins of equal width';

CREATE VIEW forecast_accuracy WITH (security_invoker = true) AS
SELECT
    report.method AS method_name,
    report.sort_order,
    report.period_start,
    report.period_label,
    report.deal_count,
    report.won_count,
    report.expected_won_count AS expected_won_value,
    report.actual_amount::numeric(18, 2) AS actual_amount,
    report.forecast_amount::numeric(18, 2) AS forecast_amount,
    report.bias_amount::numeric(18, 2) AS bias_amount,
    report.absolute_error_amount::numeric(18, 2) AS absolute_error_amount,
    report.bias_rate,
    report.wape_rate,
    report.squared_error AS squared_error_value,
    report.brier_score
FROM forecast_accuracy() AS report;
COMMENT ON VIEW forecast_accuracy IS
    'One row per method and month, for the last twelve months whose 90 days are over: the deals open at its first instant, what was forecast of them then for the next 90 days, from what was known then alone, and what came. Methods: age_aware (deal_forecast), age_blind (the same without the age), fixed (win probability of the phase).';
COMMENT ON COLUMN forecast_accuracy.method_name IS 'age_aware, age_blind or fixed';
COMMENT ON COLUMN forecast_accuracy.sort_order IS 'order of the methods';
COMMENT ON COLUMN forecast_accuracy.period_start IS 'first day of the month: the forecast is as of its first instant';
COMMENT ON COLUMN forecast_accuracy.period_label IS 'name of the month';
COMMENT ON COLUMN forecast_accuracy.deal_count IS 'deals open then';
COMMENT ON COLUMN forecast_accuracy.won_count IS 'deals among them that were won after 90 days';
COMMENT ON COLUMN forecast_accuracy.expected_won_value IS 'deals that were expected to be: sum of the probabilities';
COMMENT ON COLUMN forecast_accuracy.actual_amount IS 'amount of the deals that were won, as it was known at the forecast';
COMMENT ON COLUMN forecast_accuracy.forecast_amount IS 'amount that was expected';
COMMENT ON COLUMN forecast_accuracy.bias_amount IS 'forecast - actual: positive is too optimistic';
COMMENT ON COLUMN forecast_accuracy.absolute_error_amount IS 'the same without sign';
COMMENT ON COLUMN forecast_accuracy.bias_rate IS 'bias / actual; NULL if nothing was won';
COMMENT ON COLUMN forecast_accuracy.wape_rate IS 'absolute error / actual; NULL if nothing was won; over several months, divide the sums';
COMMENT ON COLUMN forecast_accuracy.squared_error_value IS 'sum over the deals of (probability - outcome) squared';
COMMENT ON COLUMN forecast_accuracy.brier_score IS 'its mean: 0 is perfect, smaller is better';

CREATE VIEW forecast_reliability WITH (security_invoker = true) AS
SELECT
    report.method AS method_name,
    report.sort_order,
    report.bin_no,
    report.probability_low,
    report.probability_high,
    report.deal_count,
    report.won_count,
    report.mean_probability,
    report.won_rate,
    report.won_rate_low,
    report.won_rate_high
FROM forecast_reliability() AS report;
COMMENT ON VIEW forecast_reliability IS
    'One row per method and tenth of the probability, over the last twelve months whose 90 days are over: the deals that were given such a probability to be won within 90 days, and how many were. In a calibrated forecast won_rate is near mean_probability.';
COMMENT ON COLUMN forecast_reliability.method_name IS 'age_aware, age_blind or fixed, as in forecast_accuracy';
COMMENT ON COLUMN forecast_reliability.sort_order IS 'order of the methods';
COMMENT ON COLUMN forecast_reliability.bin_no IS 'number of the bin, from 1';
COMMENT ON COLUMN forecast_reliability.probability_low IS 'lower bound of the probabilities in the bin, which it holds';
COMMENT ON COLUMN forecast_reliability.probability_high IS 'upper bound, which it does not hold; the last one does';
COMMENT ON COLUMN forecast_reliability.deal_count IS 'forecasts in the bin: a deal counts once for each month that it was open in';
COMMENT ON COLUMN forecast_reliability.won_count IS 'of them, deals that were won after 90 days';
COMMENT ON COLUMN forecast_reliability.mean_probability IS 'mean of the probabilities';
COMMENT ON COLUMN forecast_reliability.won_rate IS 'won_count / deal_count';
COMMENT ON COLUMN forecast_reliability.won_rate_low IS 'lower 95 % Wilson bound of won_rate';
COMMENT ON COLUMN forecast_reliability.won_rate_high IS 'upper 95 % Wilson bound of won_rate';
