/*
 * The reports over the CRM sales data, loaded by the demo's own script, against
 * reference numbers that plain SQL drew from the CSV files (test/reference/crm_sales.csv):
 * counts, sums and dates exactly, rates, means and quantiles to 1e-9.
 * Runs in the root of the source tree.
 */
BEGIN;
SET client_min_messages = warning;
SELECT kpicrm.create_workspace('crm') \g /dev/null
\o /dev/null
\i test/demo/load_crm_sales.sql
\o
\pset tuples_only on
SELECT plan(15);

CREATE TEMP TABLE reference (
    topic text,
    dimension text,
    member text,
    measure text,
    value text
);
\copy reference FROM 'test/reference/crm_sales.csv' (FORMAT csv, HEADER true)

CREATE TEMP TABLE have (
    topic text,
    dimension text,
    member text,
    measure text,
    value text
);

-- What the reports say as of the last day of the data, and what free-form SQL over
-- the fact views says where a question is of no report: by region and by sector.
CREATE TEMP VIEW region_deal AS
SELECT
    deals.won,
    deals.amount,
    deals.phase,
    deals.industry,
    replace(region.name, ' region', '') AS region
FROM crm.deals AS deals
JOIN crm.sales_team AS team ON team.id = deals.team_id
JOIN crm.sales_team AS region ON region.id = team.parent_team_id;

INSERT INTO have
SELECT
    'stage',
    'stage',
    deals.phase,
    'deal_count',
    count(*)::text
FROM crm.deals AS deals
GROUP BY deals.phase;

INSERT INTO have
SELECT
    'win_rate',
    rate.dimension,
    rate.member,
    measure.name,
    measure.value
FROM (
    SELECT
        report.dimension_name AS dimension,
        report.member_name AS member,
        report.won_count,
        report.deal_count,
        report.win_rate
    FROM crm.win_rate_report(as_of => '2017-12-31 00:00+00', grain => 'all') AS report
    WHERE report.definition = 'closed'
        AND report.dimension_name IN ('all', 'rep', 'team', 'product')
    UNION ALL
    SELECT
        'quarter',
        replace(report.period_label, ' ', '-'),
        report.won_count,
        report.deal_count,
        report.win_rate
    FROM crm.win_rate_report(by => 'all', as_of => '2017-12-31 00:00+00') AS report
    WHERE report.definition = 'closed'
    UNION ALL
    SELECT
        dimension.name,
        dimension.member,
        kpicrm.converted_count(kpicrm.conversion_agg(deal.won)),
        kpicrm.total_count(kpicrm.conversion_agg(deal.won)),
        kpicrm.conversion_rate(deal.won)
    FROM region_deal AS deal
    CROSS JOIN LATERAL (VALUES
        ('region', deal.region),
        ('sector', deal.industry)
    ) AS dimension (name, member)
    WHERE dimension.member IS NOT NULL
    GROUP BY
        dimension.name,
        dimension.member
) AS rate
CROSS JOIN LATERAL (VALUES
    ('won_count', rate.won_count::text),
    ('closed_count', rate.deal_count::text),
    ('win_rate', rate.win_rate::text)
) AS measure (name, value);

-- Prospects have no start in the files.  They stand as opened on the last day, and
-- only they, so the deals opened before it are the reference's.
INSERT INTO have
SELECT
    'lead_time',
    report.dimension_name,
    report.member_name,
    measure.name,
    measure.value
FROM crm.lead_time_report(to_date => '2017-12-31', as_of => '2017-12-31 00:00+00', grain => 'all') AS report
CROSS JOIN LATERAL (VALUES
    ('won_count', report.won_count::text),
    ('engaging_count', report.open_count::text),
    ('mean_days', report.mean_days::text),
    ('median_days', report.median_days::text),
    ('p80_days', report.p80_days::text)
) AS measure (name, value)
WHERE report.definition = 'opened'
    AND report.dimension_name IN ('all', 'rep', 'team', 'product');

INSERT INTO have
SELECT
    'sales',
    sales.dimension,
    sales.member,
    measure.name,
    measure.value
FROM (
    SELECT
        CASE
            WHEN report.scope_name = 'company' THEN 'all'
            WHEN report.member_name LIKE '% region' THEN 'region'
            ELSE report.scope_name
        END AS dimension,
        CASE
            WHEN report.scope_name = 'company' THEN 'all'
            ELSE replace(report.member_name, ' region', '')
        END AS member,
        report.won_count,
        report.won_amount
    FROM crm.sales_vs_target('year', as_of => '2017-12-31 00:00+00') AS report
    WHERE report.period_label = '2017'
    UNION ALL
    SELECT
        CASE report.scope_name WHEN 'company' THEN 'quarter' ELSE 'quarter_product' END,
        replace(report.period_label, ' ', '-') || CASE report.scope_name WHEN 'company' THEN '' ELSE ' ' || report.member_name END,
        report.won_count,
        report.won_amount
    FROM crm.sales_vs_target('quarter', as_of => '2017-12-31 00:00+00') AS report
    WHERE report.scope_name IN ('company', 'product')
    UNION ALL
    SELECT
        'sector',
        deal.industry,
        count(*),
        sum(deal.amount)
    FROM region_deal AS deal
    WHERE deal.won
        AND deal.industry IS NOT NULL
    GROUP BY deal.industry
) AS sales
CROSS JOIN LATERAL (VALUES
    ('won_count', sales.won_count::text),
    ('won_amount', trim_scale(sales.won_amount)::text)
) AS measure (name, value);

CREATE TEMP TABLE customer AS
SELECT
    customer.account AS name,
    customer.industry,
    customer.order_count,
    customer.revenue_amount,
    customer.average_order_amount,
    customer.first_purchase_date,
    customer.last_purchase_date
FROM crm.customer_value('2017-12-31 00:00+00') AS customer;

INSERT INTO have
SELECT
    'customer_value',
    'account',
    customer.name,
    measure.name,
    measure.value
FROM customer
CROSS JOIN LATERAL (VALUES
    ('order_count', customer.order_count::text),
    ('revenue_amount', trim_scale(customer.revenue_amount)::text),
    ('average_order_amount', customer.average_order_amount::text),
    ('first_purchase_on', customer.first_purchase_date::text),
    ('last_purchase_on', customer.last_purchase_date::text)
) AS measure (name, value);

INSERT INTO have
SELECT
    'customer_value',
    'sector',
    segment.industry,
    measure.name,
    measure.value
FROM (
    SELECT
        customer.industry,
        count(*) AS customers,
        sum(customer.order_count) AS orders,
        sum(customer.revenue_amount) AS revenue
    FROM customer
    GROUP BY customer.industry
) AS segment
CROSS JOIN LATERAL (VALUES
    ('customer_count', segment.customers::text),
    ('order_count', segment.orders::text),
    ('revenue_amount', trim_scale(segment.revenue)::text)
) AS measure (name, value);

-- ----------------------------------------------------------------- loading
SELECT is_empty(
    'SELECT name FROM file_result WHERE rows_read <> rows_loaded + rows_rejected',
    'every row read is loaded or rejected'
);
SELECT is(
    (SELECT sum(file_result.rows_read)::text || ' read, ' || sum(file_result.rows_rejected)::text || ' rejected' FROM file_result),
    '8927 read, 0 rejected',
    'all four files in full'
);
SELECT is(
    ARRAY[
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.is_misspelt),
        (SELECT count(*) FROM crm.deal AS deal WHERE deal.account_id IS NULL),
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.engage_date IS NULL),
        (SELECT count(*) FROM crm.deal AS deal WHERE deal.closed_at IS NULL)
    ],
    (SELECT array_agg(reference.value::bigint ORDER BY array_position(
        ARRAY['misspelt_product_count', 'without_account_count', 'without_engage_date_count', 'without_close_date_count'],
        reference.measure))
     FROM reference WHERE reference.topic = 'quirk'),
    'misspelt products, deals without account, without start, still open'
);
SELECT is_empty(
    'SELECT * FROM crm.check_history()',
    'the history that was built has no violation'
);
SELECT is(
    (SELECT count(*) FROM crm.phase_stay AS stay JOIN crm.phase AS phase ON phase.id = stay.phase_id WHERE phase.kind = 'open'),
    8800::bigint,
    'one stay in an open phase per deal: none was ever moved between open phases'
);

-- -------------------------------------------------------- the same numbers
CREATE TEMP VIEW comparison AS
SELECT
    coalesce(want.topic, have.topic) AS topic,
    coalesce(want.dimension, have.dimension) AS dimension,
    coalesce(want.member, have.member) AS member,
    coalesce(want.measure, have.measure) AS measure,
    want.value AS want,
    have.value AS have,
    CASE
        WHEN want.value IS NULL OR have.value IS NULL
            THEN false
        WHEN want.measure IN ('win_rate', 'mean_days', 'median_days', 'p80_days', 'average_order_amount')
            THEN abs(have.value::double precision - want.value::double precision)
                <= 1e-9 * greatest(1, abs(want.value::double precision))
        ELSE have.value = want.value
    END AS is_equal
FROM (
    SELECT
        reference.topic,
        reference.dimension,
        reference.member,
        reference.measure,
        reference.value
    FROM reference
    WHERE reference.topic <> 'quirk'
) AS want
FULL JOIN have
    ON have.topic = want.topic
    AND have.dimension = want.dimension
    AND have.member = want.member
    AND have.measure = want.measure;

SELECT is_empty(
    format(
        'SELECT dimension, member, measure, want, have FROM comparison WHERE topic = %L AND dimension = ANY (%L) AND NOT is_equal',
        subject.topic,
        subject.dimensions
    ),
    subject.title
)
FROM (VALUES
    ('stage', '{stage}', 'deals by phase'),
    ('win_rate', '{all,rep,team,region}', 'win rate by sales agent, manager and region'),
    ('win_rate', '{quarter,product,sector}', 'win rate by quarter, product and sector'),
    ('lead_time', '{all,rep,team,product}', 'lead time by sales agent, manager and product'),
    ('sales', '{all,rep,team,region,sector}', 'sales by sales agent, manager, region and sector'),
    ('sales', '{quarter,product,quarter_product}', 'sales by quarter and product'),
    ('customer_value', '{account}', 'orders, revenue, average and dates of every customer'),
    ('customer_value', '{sector}', 'customers, orders and revenue by sector')
) AS subject (topic, dimensions, title);

-- Deals the forecast has not seen, month after month.
\set workspace crm
\set replayed '''2017-03-01'', ''2017-12-31'', ''2017-12-31 00:00+00'', 30, ''all'''
\set least_deals 10000
\ir include/calibration.psql

SELECT * FROM finish();
ROLLBACK;
