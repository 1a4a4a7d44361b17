/*
 * A real second pipeline, with phases, people and work items over time: the loan
 * applications in the workspace loans, as loaded by load_loans.sql.  "Today" is the
 * end of the last day of the log, in Amsterdam.
 */
\set as_of '2012-03-15 00:00+01'
\set workspace loans
\ir captions.sql

SELECT pg_temp.said(
    format('A second pipeline: %s loan applications of a Dutch bank, %s to %s', count(*), min(deal.opened_date), max(deal.opened_date)),
    format('別のパイプライン：オランダの銀行のローン申込%s件（%sから%sまで）', count(*), min(deal.opened_date), max(deal.opened_date))
) AS heading
FROM loans.deals AS deal \gset
\ir heading.sql

SELECT pg_temp.said(
    'Where do applications stop, and where do they wait?',
    '申込はどのフェーズで止まり、どこで待つのか'
) AS title \gset
\pset title :title
SELECT
    phase.phase AS :"phase",
    phase.reached_count AS :"reached_count",
    pg_temp.percent(phase.next_rate) AS :"next_rate",
    pg_temp.percent(phase.won_rate) AS :"won_rate",
    phase.lost_here_count AS :"lost_here_count",
    round(phase.stay_median_days::numeric, 3) AS :"stay_median_days",
    round(phase.stay_p80_days::numeric, 3) AS :"stay_p80_days",
    phase.open_count AS :"open_count",
    phase.stalled_count AS :"stalled_count"
FROM loans.phase_report(policy => 'fill', as_of => :'as_of') AS phase
ORDER BY phase.sort_order;

SELECT pg_temp.said(
    'How long do applications take, by the month they came in?',
    '申込月ごとに、受注までどれくらいかかるか'
) AS title \gset
\pset title :title
SELECT
    lead_time.period_label AS :"period_label",
    lead_time.won_count AS :"won_count",
    lead_time.lost_count AS :"lost_count",
    lead_time.open_count AS :"open_count",
    pg_temp.tenths(lead_time.mean_days) AS :"mean_days",
    pg_temp.tenths(lead_time.median_days) AS :"median_days",
    pg_temp.tenths(lead_time.p80_days) AS :"p80_days",
    pg_temp.tenths(lead_time.censored_median_days) AS :"censored_median_days"
FROM loans.lead_time_report(by => 'all', as_of => :'as_of', grain => 'month') AS lead_time
WHERE lead_time.definition = 'opened'
ORDER BY lead_time.period_start;

SELECT pg_temp.said(
    'Which work takes the time, and in which phase?',
    'どのフェーズのどの作業に時間がかかっているか'
) AS title \gset
\pset title :title
SELECT
    activity.phase AS :"phase",
    activity.activity_type AS :"activity_type",
    sum(activity.activity_count) AS :"activity_count",
    round(sum(activity.duration_hours)) AS :"duration_hours",
    pg_temp.percent(sum(activity.duration_hours) / sum(sum(activity.duration_hours)) OVER ()) AS :"time_rate"
FROM loans.activity_report(as_of => :'as_of') AS activity
GROUP BY
    activity.phase,
    activity.activity_type
ORDER BY sum(activity.duration_hours) DESC NULLS LAST
LIMIT 8;
\pset title
