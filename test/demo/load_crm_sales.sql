/*
 * Loads the CRM Sales Opportunities (test/data/crm_sales) into the workspace
 * crm, which must be there and empty.  Run it in the root of the source tree,
 * in one transaction:
 *
 *   psql -X -1 -f test/demo/load_crm_sales.sql
 *
 *   1  read     the files, as text, into temporary tables
 *   2  judge    every row: its values repaired, or the reason to reject it
 *   3  load     dimensions, deals, their history, purchases
 *   4  account  for every row: read = loaded + rejected, or nothing is kept
 */
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir load_captions.sql

-- ------------------------------------------------------------------- 1  read

CREATE TEMP TABLE raw_account (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    account text,
    sector text,
    year_established text,
    revenue text,
    employees text,
    office_location text,
    subsidiary_of text
);
CREATE TEMP TABLE raw_product (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    product text,
    series text,
    sales_price text
);
CREATE TEMP TABLE raw_agent (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    sales_agent text,
    manager text,
    regional_office text
);
CREATE TEMP TABLE raw_opportunity (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    opportunity_id text,
    sales_agent text,
    product text,
    account text,
    deal_stage text,
    engage_date text,
    close_date text,
    close_value text
);
\copy raw_account (account, sector, year_established, revenue, employees, office_location, subsidiary_of) FROM 'test/data/crm_sales/accounts.csv' (FORMAT csv, HEADER true)
\copy raw_product (product, series, sales_price) FROM 'test/data/crm_sales/products.csv' (FORMAT csv, HEADER true)
\copy raw_agent (sales_agent, manager, regional_office) FROM 'test/data/crm_sales/sales_teams.csv' (FORMAT csv, HEADER true)
\copy raw_opportunity (opportunity_id, sales_agent, product, account, deal_stage, engage_date, close_date, close_value) FROM 'test/data/crm_sales/sales_pipeline.csv' (FORMAT csv, HEADER true)

-- ------------------------------------------------------------------ 2  judge

-- The day the extract was made: the last day on which anything closed.
CREATE TEMP TABLE extract AS
SELECT max(raw.close_date)::date AS as_of
FROM raw_opportunity AS raw;

CREATE TEMP TABLE judged_account AS
SELECT
    raw.line_no,
    raw.account AS name,
    CASE raw.sector WHEN 'technolgy' THEN 'technology' ELSE raw.sector END AS industry,
    raw.sector = 'technolgy' AS is_misspelt,
    raw.office_location AS region,
    raw.employees,
    raw.subsidiary_of AS parent_name,
    CASE
        WHEN raw.account IS NULL
            THEN 'no name'
        WHEN row_number() OVER (PARTITION BY raw.account ORDER BY raw.line_no) > 1
            THEN 'name given twice'
        WHEN raw.employees !~ '^[0-9]+$'
            THEN 'employees is not a number'
        WHEN raw.subsidiary_of IS NOT NULL
            AND NOT EXISTS (SELECT FROM raw_account AS parent WHERE parent.account = raw.subsidiary_of)
            THEN 'unknown parent company'
    END AS reason
FROM raw_account AS raw;

CREATE TEMP TABLE judged_product AS
SELECT
    raw.line_no,
    raw.product AS name,
    raw.series,
    raw.sales_price,
    CASE
        WHEN raw.product IS NULL
            THEN 'no name'
        WHEN row_number() OVER (PARTITION BY raw.product ORDER BY raw.line_no) > 1
            THEN 'name given twice'
        WHEN raw.sales_price !~ '^[0-9]+([.][0-9]+)?$'
            THEN 'price is not a number'
    END AS reason
FROM raw_product AS raw;

CREATE TEMP TABLE judged_agent AS
SELECT
    raw.line_no,
    raw.sales_agent AS name,
    raw.manager,
    raw.regional_office,
    CASE
        WHEN raw.sales_agent IS NULL OR raw.manager IS NULL
            THEN 'no name'
        WHEN row_number() OVER (PARTITION BY raw.sales_agent ORDER BY raw.line_no) > 1
            THEN 'name given twice'
    END AS reason
FROM raw_agent AS raw;

CREATE TEMP TABLE judged_opportunity AS
SELECT
    raw.line_no,
    raw.opportunity_id,
    raw.sales_agent,
    -- The list of products writes it with a space.
    CASE raw.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE raw.product END AS product,
    raw.product = 'GTXPro' AS is_misspelt,
    raw.account,
    raw.deal_stage,
    raw.engage_date,
    raw.close_date,
    raw.close_value,
    CASE
        WHEN raw.opportunity_id IS NULL
            THEN 'no opportunity_id'
        WHEN row_number() OVER (PARTITION BY raw.opportunity_id ORDER BY raw.line_no) > 1
            THEN 'opportunity_id given twice'
        WHEN raw.deal_stage IS NULL OR raw.deal_stage NOT IN ('Prospecting', 'Engaging', 'Won', 'Lost')
            THEN 'unknown stage'
        WHEN NOT EXISTS (
            SELECT FROM judged_agent AS agent
            WHERE agent.name = raw.sales_agent AND agent.reason IS NULL)
            THEN 'unknown sales agent'
        WHEN NOT EXISTS (
            SELECT FROM judged_product AS product
            WHERE product.name = CASE raw.product WHEN 'GTXPro' THEN 'GTX Pro' ELSE raw.product END
                AND product.reason IS NULL)
            THEN 'unknown product'
        WHEN raw.account IS NOT NULL AND NOT EXISTS (
            SELECT FROM judged_account AS account
            WHERE account.name = raw.account AND account.reason IS NULL)
            THEN 'unknown account'
        WHEN raw.engage_date !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' OR raw.close_date !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
            THEN 'not a date'
        WHEN raw.deal_stage <> 'Prospecting' AND raw.engage_date IS NULL
            THEN 'engaged without a date'
        WHEN raw.deal_stage IN ('Won', 'Lost') AND (raw.close_date IS NULL OR raw.close_value IS NULL)
            THEN 'closed without date or value'
        WHEN raw.deal_stage IN ('Prospecting', 'Engaging') AND raw.close_date IS NOT NULL
            THEN 'open but with a close date'
        WHEN raw.close_value !~ '^[0-9]+([.][0-9]+)?$'
            THEN 'value is not a number'
        WHEN raw.close_date < raw.engage_date
            THEN 'closed before it was engaged'
    END AS reason
FROM raw_opportunity AS raw;

-- ------------------------------------------------------------------- 3  load

-- Dates carry no zone: midnight UTC, and UTC for every period of the reports.
-- The seller's year is the calendar year and its money the dollar.
UPDATE crm.setting
SET time_zone = 'UTC',
    fiscal_start_month = 1,
    home_currency = 'USD',
    language = 'en';

-- A manager is a team, a regional office the region the team works in.
INSERT INTO crm.sales_team (name)
SELECT DISTINCT agent.regional_office || ' region'
FROM judged_agent AS agent
WHERE agent.reason IS NULL
    AND agent.regional_office IS NOT NULL;

INSERT INTO crm.sales_team (name, parent_team_id)
SELECT DISTINCT
    agent.manager,
    region.id
FROM judged_agent AS agent
LEFT JOIN crm.sales_team AS region ON region.name = agent.regional_office || ' region'
WHERE agent.reason IS NULL;

INSERT INTO crm.sales_rep (name, team_id)
SELECT
    agent.name,
    team.id
FROM judged_agent AS agent
JOIN crm.sales_team AS team ON team.name = agent.manager
WHERE agent.reason IS NULL
ORDER BY agent.line_no;

INSERT INTO crm.product (name, series, list_price)
SELECT
    product.name,
    product.series,
    product.sales_price::numeric
FROM judged_product AS product
WHERE product.reason IS NULL
ORDER BY product.line_no;

INSERT INTO crm.account (name, industry, region, employees)
SELECT
    account.name,
    account.industry,
    account.region,
    account.employees::integer
FROM judged_account AS account
WHERE account.reason IS NULL
ORDER BY account.line_no;

UPDATE crm.account AS child
SET parent_account_id = parent.id
FROM judged_account AS judged
JOIN crm.account AS parent ON parent.name = judged.parent_name
WHERE judged.reason IS NULL
    AND child.name = judged.name;

-- Win probabilities are not in the files.  An engaged deal gets the share that
-- was won of all that closed; how many prospects become engaged is unknown.
INSERT INTO crm.pipeline (name)
VALUES ('Hardware sales');

INSERT INTO crm.phase (pipeline_id, name, position, kind, win_probability)
SELECT
    pipeline.id,
    phase.name,
    phase.position,
    phase.kind,
    phase.win_probability
FROM crm.pipeline AS pipeline
CROSS JOIN (
    SELECT round(avg(CASE judged.deal_stage WHEN 'Won' THEN 1.0 ELSE 0.0 END), 2) AS rate
    FROM judged_opportunity AS judged
    WHERE judged.reason IS NULL
        AND judged.deal_stage IN ('Won', 'Lost')
) AS won_share
CROSS JOIN LATERAL (VALUES
    (1, 'Prospecting', 'open', NULL),
    (2, 'Engaging', 'open', won_share.rate),
    (3, 'Won', 'won', 1),
    (4, 'Lost', 'lost', 0)
) AS phase (position, name, kind, win_probability)
WHERE pipeline.name = 'Hardware sales';

-- Every deal as it began: engaged on its engage_date, or a prospect of unknown
-- age, which stands as opened on the day of the extract (age 0: it can neither
-- lengthen a lead time nor count as stalled).  The expected amount is the list
-- price: the files know no estimate.  The trigger writes the first event.
INSERT INTO crm.deal (
    external_id,
    name,
    pipeline_id,
    phase_id,
    phase_since,
    opened_at,
    account_id,
    rep_id,
    product_id,
    amount
)
SELECT
    judged.opportunity_id,
    judged.opportunity_id,
    phase.pipeline_id,
    phase.id,
    began.at,
    began.at,
    account.id,
    rep.id,
    product.id,
    product.list_price
FROM judged_opportunity AS judged
CROSS JOIN extract
CROSS JOIN LATERAL (
    SELECT coalesce(judged.engage_date::date, extract.as_of)::timestamp AT TIME ZONE 'UTC' AS at
) AS began
JOIN crm.phase AS phase
    ON phase.name = CASE judged.deal_stage WHEN 'Prospecting' THEN 'Prospecting' ELSE 'Engaging' END
JOIN crm.sales_rep AS rep ON rep.name = judged.sales_agent
JOIN crm.product AS product ON product.name = judged.product
LEFT JOIN crm.account AS account ON account.name = judged.account
WHERE judged.reason IS NULL
ORDER BY judged.line_no;

-- How they ended, as history.  A lost deal keeps the list price as the amount
-- that was lost: the 0 in the file is revenue, not the size of the deal.
INSERT INTO crm.deal_event (
    deal_id,
    at,
    phase_id,
    amount,
    rep_id,
    product_id
)
SELECT
    deal.id,
    judged.close_date::timestamp AT TIME ZONE 'UTC',
    phase.id,
    CASE judged.deal_stage WHEN 'Won' THEN judged.close_value::numeric ELSE deal.amount END,
    deal.rep_id,
    deal.product_id
FROM judged_opportunity AS judged
JOIN crm.deal AS deal ON deal.external_id = judged.opportunity_id
JOIN crm.phase AS phase ON phase.name = judged.deal_stage
WHERE judged.reason IS NULL
    AND judged.deal_stage IN ('Won', 'Lost')
ORDER BY judged.line_no;

-- The deals' current columns and every stay in a phase follow from the events.
SELECT crm.rebuild_history() \g /dev/null

-- What was won was bought.
INSERT INTO crm.purchase (
    account_id,
    deal_id,
    product_id,
    purchased_at,
    amount
)
SELECT
    deal.account_id,
    deal.id,
    deal.product_id,
    deal.closed_at,
    deal.amount
FROM crm.deal AS deal
JOIN crm.phase AS phase ON phase.id = deal.phase_id
WHERE phase.kind = 'won'
    AND deal.account_id IS NOT NULL
ORDER BY deal.closed_at;

-- --------------------------------------------------------------- 4  account

CREATE TEMP TABLE file_result AS
SELECT
    file.sort_order,
    file.name,
    file.rows_read,
    file.rows_loaded,
    file.rows_rejected
FROM (
    SELECT
        1 AS sort_order,
        'sales_pipeline.csv' AS name,
        (SELECT count(*) FROM raw_opportunity) AS rows_read,
        (SELECT count(*) FROM crm.deal) AS rows_loaded,
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.reason IS NOT NULL) AS rows_rejected
    UNION ALL
    SELECT
        2,
        'accounts.csv',
        (SELECT count(*) FROM raw_account),
        (SELECT count(*) FROM crm.account),
        (SELECT count(*) FROM judged_account AS judged WHERE judged.reason IS NOT NULL)
    UNION ALL
    SELECT
        3,
        'products.csv',
        (SELECT count(*) FROM raw_product),
        (SELECT count(*) FROM crm.product),
        (SELECT count(*) FROM judged_product AS judged WHERE judged.reason IS NOT NULL)
    UNION ALL
    SELECT
        4,
        'sales_teams.csv',
        (SELECT count(*) FROM raw_agent),
        (SELECT count(*) FROM crm.sales_rep),
        (SELECT count(*) FROM judged_agent AS judged WHERE judged.reason IS NOT NULL)
) AS file;

SELECT pg_temp.said(
    'Rows of each file',
    'ファイルごとの件数'
) AS title \gset
\pset title :title
SELECT
    file.name AS :"file",
    file.rows_read AS :"read",
    file.rows_loaded AS :"loaded",
    file.rows_rejected AS :"rejected"
FROM file_result AS file
ORDER BY file.sort_order;

CREATE TEMP TABLE rejection AS
SELECT 'sales_pipeline.csv' AS file, judged.line_no, judged.opportunity_id AS name, judged.reason
FROM judged_opportunity AS judged
WHERE judged.reason IS NOT NULL
UNION ALL
SELECT 'accounts.csv', judged.line_no, judged.name, judged.reason
FROM judged_account AS judged
WHERE judged.reason IS NOT NULL
UNION ALL
SELECT 'products.csv', judged.line_no, judged.name, judged.reason
FROM judged_product AS judged
WHERE judged.reason IS NOT NULL
UNION ALL
SELECT 'sales_teams.csv', judged.line_no, judged.name, judged.reason
FROM judged_agent AS judged
WHERE judged.reason IS NOT NULL;

-- The tables keep the reasons in English; only here they are translated.
SELECT pg_temp.said(
    'Rejected, by reason',
    '理由別の却下件数'
) AS title \gset
\pset title :title
SELECT
    rejection.file AS :"file",
    pg_temp.said(rejection.reason, coalesce(known.japanese, rejection.reason)) AS :"reason",
    count(*) AS :"rows"
FROM rejection
LEFT JOIN (VALUES
    ('no name', '名前がない'),
    ('name given twice', '名前が重複'),
    ('employees is not a number', '従業員数が数値でない'),
    ('unknown parent company', '親会社が見つからない'),
    ('price is not a number', '価格が数値でない'),
    ('no opportunity_id', 'opportunity_idがない'),
    ('opportunity_id given twice', 'opportunity_idが重複'),
    ('unknown stage', '未知のステージ'),
    ('unknown sales agent', '担当者が見つからない'),
    ('unknown product', '商品が見つからない'),
    ('unknown account', '顧客が見つからない'),
    ('not a date', '日付として読めない'),
    ('engaged without a date', '着手済みなのに着手日がない'),
    ('closed without date or value', '完了済みなのに完了日または金額がない'),
    ('open but with a close date', '進行中なのに完了日がある'),
    ('value is not a number', '金額が数値でない'),
    ('closed before it was engaged', '完了日が着手日より前')
) AS known (english, japanese) ON known.english = rejection.reason
GROUP BY
    rejection.file,
    rejection.reason,
    known.japanese
UNION ALL
SELECT
    pg_temp.said('(all files)', '（全ファイル）'),
    pg_temp.said('nothing was rejected', '却下なし'),
    0
WHERE NOT EXISTS (SELECT FROM rejection)
ORDER BY 1, 2;

SELECT pg_temp.said(
    'What is odd in the files, and what was done about it',
    'ファイルの不自然な点とその扱い'
) AS title \gset
\pset title :title
SELECT
    quirk.title AS :"quirk",
    quirk.rows AS :"rows",
    quirk.done AS :"done"
FROM (VALUES
    (1, pg_temp.said('product spelt "GTXPro"', '商品名の表記が「GTXPro」'),
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.is_misspelt AND judged.reason IS NULL),
        pg_temp.said('loaded as product "GTX Pro"', '商品「GTX Pro」として登録')),
    (2, pg_temp.said('sector spelt "technolgy"', '業種の表記が「technolgy」'),
        (SELECT count(*) FROM judged_account AS judged WHERE judged.is_misspelt AND judged.reason IS NULL),
        pg_temp.said('loaded as industry "technology"', '業種「technology」として登録')),
    (3, pg_temp.said('opportunity without account', '顧客のない商談'),
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.account IS NULL AND judged.reason IS NULL),
        pg_temp.said('loaded, the deal has no account', '顧客なしの商談として登録')),
    (4, pg_temp.said('open without close date and value', '完了日と金額のない進行中の商談'),
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.close_date IS NULL AND judged.reason IS NULL),
        pg_temp.said('loaded as open, list price as its expected amount', '進行中として登録（見込み金額は定価）')),
    (5, pg_temp.said('Prospecting without any date', '日付が一つもない商談（Prospecting）'),
        (SELECT count(*) FROM judged_opportunity AS judged WHERE judged.engage_date IS NULL AND judged.reason IS NULL),
        format(
            pg_temp.said('loaded as opened on %s, the day of the extract', '商談作成日をデータ抽出日の%sとして登録'),
            (SELECT extract.as_of FROM extract))),
    (6, pg_temp.said('Lost with value 0', '金額が0の商談（Lost）'),
        (SELECT count(*) FROM judged_opportunity AS judged
         WHERE judged.deal_stage = 'Lost' AND judged.close_value::numeric = 0 AND judged.reason IS NULL),
        pg_temp.said('list price as the amount that was lost', '定価を失注金額として登録')),
    (7, pg_temp.said('sales agent without opportunity', '商談のない担当者'),
        (SELECT count(*) FROM judged_agent AS judged
         WHERE judged.reason IS NULL
            AND NOT EXISTS (SELECT FROM judged_opportunity AS deal WHERE deal.sales_agent = judged.name)),
        pg_temp.said('loaded, no row in the reports', '登録（レポートには現れない）'))
) AS quirk (sort_order, title, rows, done)
WHERE quirk.rows > 0
ORDER BY quirk.sort_order;
\pset title

DO $$
DECLARE
    file record;
BEGIN
    FOR file IN
        SELECT result.name, result.rows_read, result.rows_loaded, result.rows_rejected
        FROM file_result AS result
        WHERE result.rows_read <> result.rows_loaded + result.rows_rejected
    LOOP
        RAISE EXCEPTION '%: % rows were read, but % loaded and % rejected',
            file.name, file.rows_read, file.rows_loaded, file.rows_rejected
            USING ERRCODE = 'data_exception',
                  HINT = 'Every row must be loaded or rejected with a reason; nothing was kept.';
    END LOOP;
END
$$;
