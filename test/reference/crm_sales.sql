/*
 * Reference numbers of the CRM sales data: plain SQL over the raw CSV files,
 * loaded as text, with nothing of kpicrm.  Any PostgreSQL will do:
 *
 *   psql -qX -f test/reference/crm_sales.sql > test/reference/crm_sales.csv
 *
 * run in the root of the source tree.  One row per number: topic, dimension,
 * member, measure, value.  Two spellings are repaired (product "GTXPro", sector
 * "technolgy"); everything else is as it stands in the files.
 */
\set ON_ERROR_STOP on
SET extra_float_digits = 1;

CREATE TEMP TABLE raw_pipeline (
    opportunity_id text,
    sales_agent text,
    product text,
    account text,
    deal_stage text,
    engage_date text,
    close_date text,
    close_value text
);
CREATE TEMP TABLE raw_account (
    account text,
    sector text,
    year_established text,
    revenue text,
    employees text,
    office_location text,
    subsidiary_of text
);
CREATE TEMP TABLE raw_product (
    product text,
    series text,
    sales_price text
);
CREATE TEMP TABLE raw_team (
    sales_agent text,
    manager text,
    regional_office text
);
\copy raw_pipeline FROM 'test/data/crm_sales/sales_pipeline.csv' (FORMAT csv, HEADER true)
\copy raw_account FROM 'test/data/crm_sales/accounts.csv' (FORMAT csv, HEADER true)
\copy raw_product FROM 'test/data/crm_sales/products.csv' (FORMAT csv, HEADER true)
\copy raw_team FROM 'test/data/crm_sales/sales_teams.csv' (FORMAT csv, HEADER true)

-- One row per opportunity and dimension it is grouped by.
CREATE TEMP TABLE opportunity AS
SELECT
    dimension.name AS dimension,
    dimension.member,
    raw.deal_stage,
    raw.account,
    raw.engage_date::date AS engaged_on,
    raw.close_date::date AS closed_on,
    raw.close_value::numeric AS value,
    raw.close_date::date - raw.engage_date::date AS days
FROM raw_pipeline AS raw
JOIN raw_team AS team ON team.sales_agent = raw.sales_agent
LEFT JOIN raw_account AS account ON account.account = raw.account
CROSS JOIN LATERAL (VALUES
    ('all', 'all'),
    ('rep', raw.sales_agent),
    ('team', team.manager),
    ('region', team.regional_office),
    ('product', replace(raw.product, 'GTXPro', 'GTX Pro')),
    ('quarter', to_char(raw.close_date::date, 'YYYY"-Q"Q')),
    ('quarter_product',
        to_char(raw.close_date::date, 'YYYY"-Q"Q') || ' ' || replace(raw.product, 'GTXPro', 'GTX Pro')),
    ('sector', replace(account.sector, 'technolgy', 'technology'))
) AS dimension (name, member)
WHERE dimension.member IS NOT NULL;

CREATE TEMP TABLE reference (
    topic text,
    dimension text,
    member text,
    measure text,
    value text
);

-- How many opportunities stand in each stage.
INSERT INTO reference
SELECT
    'stage',
    'stage',
    raw.deal_stage,
    'deal_count',
    count(*)::text
FROM raw_pipeline AS raw
GROUP BY raw.deal_stage;

-- Opportunities with a quirk of the files.
INSERT INTO reference
SELECT
    'quirk',
    'all',
    'all',
    measure.name,
    measure.value::text
FROM (
    SELECT
        count(*) FILTER (WHERE raw.product = 'GTXPro') AS misspelt,
        count(*) FILTER (WHERE raw.account IS NULL) AS without_account,
        count(*) FILTER (WHERE raw.engage_date IS NULL) AS without_engage_date,
        count(*) FILTER (WHERE raw.close_date IS NULL) AS without_close_date
    FROM raw_pipeline AS raw
) AS quirk
CROSS JOIN LATERAL (VALUES
    ('misspelt_product_count', quirk.misspelt),
    ('without_account_count', quirk.without_account),
    ('without_engage_date_count', quirk.without_engage_date),
    ('without_close_date_count', quirk.without_close_date)
) AS measure (name, value);

-- Win rate: won / (won + lost).  Lost deals carry the value 0 in the files, so a
-- rate by value would be 1 for everybody: it is no reference number.
INSERT INTO reference
SELECT
    'win_rate',
    rate.dimension,
    rate.member,
    measure.name,
    measure.value
FROM (
    SELECT
        opportunity.dimension,
        opportunity.member,
        count(*) FILTER (WHERE opportunity.deal_stage = 'Won') AS won,
        count(*) AS closed
    FROM opportunity
    WHERE opportunity.deal_stage IN ('Won', 'Lost')
        AND opportunity.dimension <> 'quarter_product'
    GROUP BY
        opportunity.dimension,
        opportunity.member
) AS rate
CROSS JOIN LATERAL (VALUES
    ('won_count', rate.won::text),
    ('closed_count', rate.closed::text),
    ('win_rate', (rate.won::double precision / rate.closed)::text)
) AS measure (name, value);

-- Days from engagement to winning; how many are still engaged.
INSERT INTO reference
SELECT
    'lead_time',
    days.dimension,
    days.member,
    measure.name,
    measure.value
FROM (
    SELECT
        opportunity.dimension,
        opportunity.member,
        count(*) FILTER (WHERE opportunity.deal_stage = 'Won') AS won,
        count(*) FILTER (WHERE opportunity.deal_stage = 'Engaging') AS engaging,
        sum(opportunity.days) FILTER (WHERE opportunity.deal_stage = 'Won') AS total,
        percentile_cont(ARRAY[0.5, 0.8]) WITHIN GROUP (ORDER BY opportunity.days)
            FILTER (WHERE opportunity.deal_stage = 'Won') AS quantiles
    FROM opportunity
    WHERE opportunity.dimension IN ('all', 'rep', 'team', 'product')
    GROUP BY
        opportunity.dimension,
        opportunity.member
) AS days
CROSS JOIN LATERAL (VALUES
    ('won_count', days.won::text),
    ('engaging_count', days.engaging::text),
    ('mean_days', (days.total::double precision / days.won)::text),
    ('median_days', days.quantiles[1]::text),
    ('p80_days', days.quantiles[2]::text)
) AS measure (name, value);

-- Sales: value of the deals won, by quarter of the close, product, agent, ...
INSERT INTO reference
SELECT
    'sales',
    sales.dimension,
    sales.member,
    measure.name,
    measure.value
FROM (
    SELECT
        opportunity.dimension,
        opportunity.member,
        count(*) AS won,
        sum(opportunity.value) AS amount
    FROM opportunity
    WHERE opportunity.deal_stage = 'Won'
    GROUP BY
        opportunity.dimension,
        opportunity.member
) AS sales
CROSS JOIN LATERAL (VALUES
    ('won_count', sales.won::text),
    ('won_amount', sales.amount::text)
) AS measure (name, value);

-- What each customer bought.
INSERT INTO reference
SELECT
    'customer_value',
    'account',
    customer.account,
    measure.name,
    measure.value
FROM (
    SELECT
        opportunity.account,
        count(*) AS orders,
        sum(opportunity.value) AS revenue,
        min(opportunity.closed_on) AS first_on,
        max(opportunity.closed_on) AS last_on
    FROM opportunity
    WHERE opportunity.deal_stage = 'Won'
        AND opportunity.dimension = 'all'
    GROUP BY opportunity.account
) AS customer
CROSS JOIN LATERAL (VALUES
    ('order_count', customer.orders::text),
    ('revenue_amount', customer.revenue::text),
    ('average_order_amount', (customer.revenue::double precision / customer.orders::double precision)::text),
    ('first_purchase_on', customer.first_on::text),
    ('last_purchase_on', customer.last_on::text)
) AS measure (name, value);

-- What the customers of a sector bought.
INSERT INTO reference
SELECT
    'customer_value',
    'sector',
    segment.member,
    measure.name,
    measure.value
FROM (
    SELECT
        opportunity.member,
        count(DISTINCT opportunity.account) AS customers,
        count(*) AS orders,
        sum(opportunity.value) AS revenue
    FROM opportunity
    WHERE opportunity.deal_stage = 'Won'
        AND opportunity.dimension = 'sector'
    GROUP BY opportunity.member
) AS segment
CROSS JOIN LATERAL (VALUES
    ('customer_count', segment.customers::text),
    ('order_count', segment.orders::text),
    ('revenue_amount', segment.revenue::text)
) AS measure (name, value);

COPY (
    SELECT
        reference.topic,
        reference.dimension,
        reference.member,
        reference.measure,
        reference.value
    FROM reference
    ORDER BY
        reference.topic COLLATE "C",
        reference.dimension COLLATE "C",
        reference.member COLLATE "C",
        reference.measure COLLATE "C"
) TO STDOUT (FORMAT csv, HEADER true);
