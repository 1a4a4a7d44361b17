/*
 * Fills the workspace company, which must be there and empty, with the 20,000 deals
 * of a Japanese company that could exist: what no public data set has, such as leads
 * by source, targets, contracts and inquiries.
 *
 * The seed and the last day are fixed, so that everybody sees the same meeting.
 * 2025-02-21 is a Friday with a week of the month and of Japan's main season of
 * closings to go, and with a public holiday (the 24th, for the Sunday before)
 * between it and the end of the month.
 */
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir load_captions.sql

UPDATE company.setting
SET time_zone = 'Asia/Tokyo',
    calendar = 'jp';
SELECT kpicrm.generate_demo('company', deals => 20000, seed => 1, ends_on => '2025-02-21') \g /dev/null

SELECT pg_temp.said(
    'A generated company: rows by table',
    '生成した会社：テーブルごとの件数'
) AS title \gset
\pset title :title
SELECT
    made.title AS :"table",
    made.rows AS :"rows",
    made.first_day AS :"from",
    made.last_day AS :"to"
FROM (
    SELECT 1 AS sort_order, pg_temp.said('leads', 'リード') AS title, count(*) AS rows, min(lead.created_date) AS first_day, max(lead.created_date) AS last_day FROM company.leads AS lead
    UNION ALL
    SELECT 2, pg_temp.said('deals', '商談'), count(*), min(deal.opened_date), max(deal.opened_date) FROM company.deals AS deal
    UNION ALL
    SELECT 3, pg_temp.said('stays in a phase', 'フェーズ滞留'), count(*), min(stay.entered_date), max(stay.entered_date) FROM company.phase_stays AS stay
    UNION ALL
    SELECT 4, pg_temp.said('activities done', '実施済みのアクション'), count(*), min(activity.done_date), max(activity.done_date) FROM company.activities AS activity WHERE activity.done
    UNION ALL
    SELECT 5, pg_temp.said('purchases', '購入'), count(*), min(purchase.purchased_date), max(purchase.purchased_date) FROM company.purchases AS purchase
    UNION ALL
    SELECT 6, pg_temp.said('contracts', '契約'), count(*), min(contract.starts_on), max(contract.starts_on) FROM company.contract AS contract
    UNION ALL
    SELECT 7, pg_temp.said('targets', '目標'), count(*), min(target.period_start), max(target.period_start) FROM company.target AS target
) AS made
ORDER BY made.sort_order;
\pset title
