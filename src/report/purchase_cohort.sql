/*
 * purchase_cohort: do customers come back, and what are they worth over time?
 *
 * Grain: dimension × member × cohort × period since.  A customer belongs to the period
 * of its first order, its cohort, for good; period_no counts periods from there, 0 being
 * the cohort's own, and goes as far as as_of does.  In a period a customer is active if
 * it ordered; of the cohort's own everybody is.
 *
 * A purchase with a negative amount is a credit note: it lowers the revenue of its
 * period (of the first one if it came before the first order) and is no order.  Cells
 * nobody bought in are there, with 0: the denominator is the cohort.  The last period
 * may not be over: is_complete says so; compare only complete ones.
 *
 * from_date and to_date limit the day of the first order.  by is a property of the
 * account, as it is now.
 */
CREATE FUNCTION purchase_cohort(
    from_date date DEFAULT NULL,
    to_date date DEFAULT NULL,
    by text DEFAULT 'all',
    as_of timestamp with time zone DEFAULT now(),
    grain text DEFAULT 'month'
) RETURNS TABLE (
    dimension_name text,
    member_id bigint,
    member_name text,
    cohort_start date,
    cohort_label text,
    period_no integer,
    period_start date,
    period_label text,
    is_complete boolean,
    customer_count bigint,
    active_customer_count bigint,
    retention_rate double precision,
    retention_rate_low double precision,
    retention_rate_high double precision,
    order_count bigint,
    revenue_amount numeric,
    cumulative_revenue_amount numeric,
    revenue_per_customer_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH span AS (
        -- no further than there is data, or today: an as_of in the year 9999 means no limit
        SELECT
            (bought.first_at AT TIME ZONE setting.time_zone)::date AS first_day,
            (least(as_of, greatest(now(), bought.last_at)) AT TIME ZONE setting.time_zone)::date AS last_day,
            from_date AS from_day,
            to_date AS end_day,
            setting.time_zone,
            setting.fiscal_start_month,
            setting.week_start
        FROM setting
        CROSS JOIN (
            SELECT
                min(purchase.purchased_at) AS first_at,
                max(purchase.purchased_at) AS last_at
            FROM purchase
        ) AS bought
        WHERE setting.only_row
            AND kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_period(from_date, to_date)
            AND kpicrm.checked_option('grain', grain, 'week', 'month', 'quarter', 'half', 'year') IS NOT NULL
    ), period AS (
        SELECT
            row_number() OVER (ORDER BY begun.day)::integer AS no,
            begun.day AS period_start,
            kpicrm.fiscal_period_label(begun.day, grain, begun.fiscal_start_month, begun.week_start) AS label,
            kpicrm.fiscal_period_end(begun.day, grain, begun.fiscal_start_month, begun.week_start) AS period_end,
            begun.first_day,
            begun.last_day
        FROM (
            SELECT DISTINCT
                kpicrm.fiscal_period_start(day.at::date, grain, span.fiscal_start_month, span.week_start) AS day,
                span.fiscal_start_month,
                span.week_start,
                span.first_day,
                span.last_day
            FROM span
            CROSS JOIN LATERAL generate_series(
                span.first_day::timestamp without time zone,
                span.last_day::timestamp without time zone,
                INTERVAL '1 day'
            ) AS day (at)
        ) AS begun
    ), calendar AS (
        -- the number of each day's period: read by subscript, much faster than a join
        SELECT array_agg(period.no ORDER BY period.no, day.at) AS period_nos
        FROM period
        CROSS JOIN LATERAL generate_series(
            greatest(period.period_start, period.first_day)::timestamp without time zone,
            least(period.period_end - 1, period.last_day)::timestamp without time zone,
            INTERVAL '1 day'
        ) AS day (at)
    ), bought AS (
        SELECT
            dated.account_id,
            dated.purchased_at,
            dated.day,
            (SELECT calendar.period_nos FROM calendar)[dated.day - (SELECT span.first_day FROM span) + 1] AS no,
            dated.amount
        FROM (
            SELECT
                purchase.account_id,
                purchase.purchased_at,
                (purchase.purchased_at AT TIME ZONE (SELECT span.time_zone FROM span))::date AS day,
                purchase.amount
            FROM purchase
            WHERE purchase.account_id IS NOT NULL
                AND purchase.purchased_at <= as_of
        ) AS dated
    ), sequence AS (
        -- in the order of the index that has all of it: nothing is sorted, and no account is looked up twice
        SELECT
            bought.account_id,
            bought.no,
            bought.amount,
            min(bought.no) FILTER (WHERE bought.amount >= 0) OVER of_account AS cohort_no,
            min(bought.day) FILTER (WHERE bought.amount >= 0) OVER of_account AS cohort_day,
            max(bought.no) FILTER (WHERE bought.amount >= 0) OVER (
                PARTITION BY bought.account_id
                ORDER BY bought.purchased_at
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS latest_no
        FROM bought
        WINDOW of_account AS (PARTITION BY bought.account_id)
    ), visit AS (
        SELECT
            sequence.account_id,
            sequence.cohort_no,
            -- a credit note from before the first order belongs to that
            greatest(sequence.no - sequence.cohort_no, 0) AS period_no,
            sequence.amount >= 0 AS is_order,
            sequence.amount >= 0 AND sequence.latest_no IS DISTINCT FROM sequence.no AS is_first_order,
            sequence.amount
        FROM sequence
        WHERE sequence.cohort_no IS NOT NULL
            -- read from span: an argument that is an expression would be worked out for each row
            AND CASE
                WHEN sequence.cohort_day < (SELECT span.from_day FROM span) OR sequence.cohort_day >= (SELECT span.end_day FROM span) THEN false
                ELSE true
            END
    ), dimension AS (
        SELECT choice.name
        FROM unnest(
            CASE
                WHEN by IS NULL THEN ARRAY['all', 'industry', 'region', 'rep', 'team']
                ELSE ARRAY[kpicrm.checked_option('by', by, 'all', 'industry', 'region', 'rep', 'team')]
            END
        ) AS choice (name)
    ), cell AS (
        SELECT
            visit.cohort_no,
            visit.period_no,
            dimension.name AS dimension_name,
            CASE dimension.name
                WHEN 'rep' THEN account.rep_id
                WHEN 'team' THEN sales_rep.team_id
            END AS member_id,
            CASE dimension.name
                WHEN 'industry' THEN account.industry
                WHEN 'region' THEN account.region
            END AS member_text,
            count(*) FILTER (WHERE visit.is_first_order) AS active_customer_count,
            count(*) FILTER (WHERE visit.is_order) AS order_count,
            sum(visit.amount) AS revenue_amount
        FROM visit
        LEFT JOIN account
            ON account.id = visit.account_id
            AND purchase_cohort.by IS DISTINCT FROM 'all'
        LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
        CROSS JOIN dimension
        GROUP BY
            1,
            2,
            3,
            4,
            5
    ), cohort AS (
        SELECT
            cell.dimension_name,
            cell.member_id,
            cell.member_text,
            cell.cohort_no,
            cell.active_customer_count AS customer_count
        FROM cell
        WHERE cell.period_no = 0
    ), triangle AS (
        SELECT
            cohort.dimension_name,
            cohort.member_id,
            cohort.member_text,
            begun.period_start AS cohort_start,
            begun.label AS cohort_label,
            period.no - cohort.cohort_no AS period_no,
            period.period_start,
            period.label AS period_label,
            period.period_end <= period.last_day AS is_complete,
            cohort.customer_count,
            coalesce(cell.active_customer_count, 0) AS active_customer_count,
            (coalesce(cell.active_customer_count, 0)::text || '/' || cohort.customer_count::text)::kpicrm.conversion AS retention,
            coalesce(cell.order_count, 0) AS order_count,
            coalesce(cell.revenue_amount, 0) AS revenue_amount
        FROM cohort
        JOIN period AS begun ON begun.no = cohort.cohort_no
        JOIN period ON period.no >= cohort.cohort_no
        LEFT JOIN cell
            ON cell.dimension_name = cohort.dimension_name
            AND cell.member_id IS NOT DISTINCT FROM cohort.member_id
            AND cell.member_text IS NOT DISTINCT FROM cohort.member_text
            AND cell.cohort_no = cohort.cohort_no
            AND cell.period_no = period.no - cohort.cohort_no
    )
    SELECT
        triangle.dimension_name,
        triangle.member_id,
        CASE triangle.dimension_name
            WHEN 'all' THEN 'all'
            ELSE coalesce(triangle.member_text, dimension_member.member_name, '(none)')
        END,
        triangle.cohort_start,
        triangle.cohort_label,
        triangle.period_no,
        triangle.period_start,
        triangle.period_label,
        triangle.is_complete,
        triangle.customer_count,
        triangle.active_customer_count,
        kpicrm.rate(triangle.retention),
        kpicrm.rate_lower(triangle.retention),
        kpicrm.rate_upper(triangle.retention),
        triangle.order_count,
        triangle.revenue_amount,
        sum(triangle.revenue_amount) OVER so_far,
        sum(triangle.revenue_amount) OVER so_far / triangle.customer_count
    FROM triangle
    LEFT JOIN dimension_member
        ON dimension_member.dimension_name = triangle.dimension_name
        AND dimension_member.member_id = triangle.member_id
    WINDOW so_far AS (
        PARTITION BY triangle.dimension_name, triangle.member_id, triangle.member_text, triangle.cohort_start
        ORDER BY triangle.period_no
        ROWS UNBOUNDED PRECEDING
    );
END;
COMMENT ON FUNCTION purchase_cohort(date, date, text, timestamp with time zone, text) IS
    'customers by the period of their first order (from from_date until before to_date), and in each period since: how many ordered again and the revenue so far; by all, industry, region, rep or team of the account (NULL: by each of them), by week, month, quarter, half or year';

CREATE VIEW purchase_cohort WITH (security_invoker = true) AS
SELECT
    report.cohort_start,
    report.cohort_label,
    report.period_no,
    report.period_start,
    report.period_label,
    report.is_complete,
    report.customer_count,
    report.active_customer_count,
    report.retention_rate,
    report.retention_rate_low,
    report.retention_rate_high,
    report.order_count,
    report.revenue_amount::numeric(18, 2) AS revenue_amount,
    report.cumulative_revenue_amount::numeric(18, 2) AS cumulative_revenue_amount,
    report.revenue_per_customer_amount::numeric(18, 2) AS revenue_per_customer_amount
FROM purchase_cohort() AS report;
COMMENT ON VIEW purchase_cohort IS
    'One row per month of first order and month since: how many of the customers ordered in it, and what they have brought so far, as of now. The cohort is the denominator of every rate, also when nobody ordered; a purchase with a negative amount is a credit note and no order.';
COMMENT ON COLUMN purchase_cohort.cohort_start IS 'first day of the month the customers first ordered in';
COMMENT ON COLUMN purchase_cohort.cohort_label IS 'name of the month the customers first ordered in';
COMMENT ON COLUMN purchase_cohort.period_no IS 'months since the first order''s, 0 being that month';
COMMENT ON COLUMN purchase_cohort.period_start IS 'first day of the month';
COMMENT ON COLUMN purchase_cohort.period_label IS 'name of the month';
COMMENT ON COLUMN purchase_cohort.is_complete IS 'true if the month is over';
COMMENT ON COLUMN purchase_cohort.customer_count IS 'customers of the cohort';
COMMENT ON COLUMN purchase_cohort.active_customer_count IS 'of these, customers that ordered in the month';
COMMENT ON COLUMN purchase_cohort.retention_rate IS 'active_customer_count / customer_count, 0 to 1';
COMMENT ON COLUMN purchase_cohort.retention_rate_low IS 'lower 95 % Wilson bound of retention_rate';
COMMENT ON COLUMN purchase_cohort.retention_rate_high IS 'upper 95 % Wilson bound of retention_rate';
COMMENT ON COLUMN purchase_cohort.order_count IS 'their purchases in the month, without credit notes';
COMMENT ON COLUMN purchase_cohort.revenue_amount IS 'amount of their purchases in the month, less credit notes';
COMMENT ON COLUMN purchase_cohort.cumulative_revenue_amount IS 'amount of their purchases from the first month until this one';
COMMENT ON COLUMN purchase_cohort.revenue_per_customer_amount IS 'cumulative_revenue_amount / customer_count: what a customer of the cohort has brought by this age';
