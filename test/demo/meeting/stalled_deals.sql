-- What is stuck: how much in each phase, and which deals, with the reasons?

SELECT pg_temp.said(
    format('How much is stuck in each phase, million %s?', :'currency'),
    format('各フェーズでいくら停滞しているか（百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    total.phase AS :"phase",
    total.deal_count AS :"deal_count",
    pg_temp.million(total.amount) AS :"amount",
    pg_temp.million(total.weighted_amount) AS :"weighted_amount",
    pg_temp.tenths(total.average_phase_days) AS :"average_phase_days",
    total.stalled_count AS :"stalled_count",
    pg_temp.million(total.stalled_amount) AS :"stalled_amount",
    total.attention_count AS :"attention_count"
FROM company.deal_board_phase(:'as_of') AS total
ORDER BY total.phase_sort_order;

SELECT pg_temp.said(
    format('Which deals that came into their phase this fiscal year have stalled, and why?  Million %s', :'currency'),
    format('今年度フェーズに入って停滞した商談のうち、金額の大きいものはどれか（百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    card.deal AS :"deal",
    card.rep AS :"rep",
    card.phase AS :"phase",
    pg_temp.million(card.amount) AS :"amount",
    pg_temp.tenths(card.phase_days) AS :"phase_days",
    pg_temp.tenths(card.stall_after_days) AS :"stall_after_days",
    replace(card.reason, 'stalled, ', '') AS :"reason"
FROM company.deal_board(:'as_of') AS card
WHERE card.is_stalled
    AND card.phase_since_at >= :'year_start'::date
ORDER BY
    card.amount DESC NULLS LAST,
    card.phase_since_at,
    card.deal_id
LIMIT 10;
