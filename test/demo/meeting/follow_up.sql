-- Whom to contact now, and why?

SELECT pg_temp.said(
    format('Which customers should we contact now, and why?  The ten with most at stake, million %s', :'currency'),
    format('今どの顧客に、なぜ連絡すべきか（対象金額の上位十社、百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    due.account AS :"account",
    due.rep AS :"rep",
    due.reason AS :"reason",
    pg_temp.million(due.at_stake_amount) AS :"at_stake_amount",
    due.renewal_date AS :"renewal_date",
    pg_temp.million(due.yearly_amount) AS :"yearly_amount"
FROM company.follow_up(as_of => :'as_of') AS due
ORDER BY due.priority_order
LIMIT 10;
