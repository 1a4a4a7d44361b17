/*
 * Would the forecast have been right?  The months of the two public data sets once
 * more, each forecast from what was known at its first instant and judged by what
 * came: age-aware, age-blind, and by the fixed win probability of the phase.
 */
\set workspace crm
\ir captions.sql

SELECT pg_temp.said(
    'Would the forecast have been right?',
    '予測は当たっていたか'
) AS heading \gset
\ir heading.sql

SELECT pg_temp.said(
    'Past forecasts against what came: won within 30 days of the first of each month',
    '過去の予測と結果：毎月一日から30日以内の受注'
) AS title \gset
\pset title :title
SELECT
    judged.pipeline AS :"pipeline",
    pg_temp.said(replace(judged.method, '_', ' '), CASE judged.method WHEN 'age_aware' THEN '滞留日数を考慮' WHEN 'age_blind' THEN '滞留日数を無視' ELSE 'フェーズの固定確度' END) AS :"method_name",
    judged.deal_count AS :"deal_count",
    judged.won_count AS :"won_count",
    round(judged.expected_won_count) AS :"expected_won_value",
    pg_temp.percent(judged.bias_rate) AS :"bias_rate",
    pg_temp.percent(judged.wape_rate) AS :"wape_rate",
    round(judged.brier_score::numeric, 4) AS :"brier_score"
FROM (
    SELECT 1 AS nth, pg_temp.said('hardware', '機器販売') AS pipeline, hardware.*
    FROM crm.forecast_accuracy('2017-03-01', '2017-12-31', '2017-12-31 00:00+00', 30, 'all') AS hardware
    UNION ALL
    SELECT 2, pg_temp.said('loans', 'ローン'), loan.*
    FROM loans.forecast_accuracy('2011-11-01', '2012-03-01', '2012-03-15 00:00+01', 30, 'all') AS loan
) AS judged
ORDER BY
    judged.nth,
    judged.sort_order;
SELECT pg_temp.said(
    E'age aware: compared with deals that were in the phase for as long; age blind: with all that were in it;\nfixed: the win probability of the phase, which does not say when.  A deal is judged at each month it is open.\nBrier score: mean of (probability - outcome) squared; 0 is perfect, saying 50 % to everything gives 0.25.',
    E'滞留日数を考慮：同じフェーズに同じ日数以上とどまった商談と比較。無視：そのフェーズの全商談と比較。\n固定確度：フェーズに設定した確度（時期は問わない）。商談は進行中の月ごとに判定。\nブライアスコア：（確率－結果）の二乗の平均。0が最良、すべて50%とすると0.25。'
) AS note \gset
\echo :note
\echo
\pset title
