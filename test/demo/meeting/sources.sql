-- Which source of leads is worth the time?  Of the leads of this fiscal year.

SELECT pg_temp.said(
    format('Which source is worth the time?  Leads of %s so far; M: million %s', :'year_label', :'currency'),
    format('時間をかける価値のあるリードソースはどれか（%sのリード、M：百万%s）', :'year_label', :'currency')
) AS title \gset
\pset title :title
SELECT
    source.member_name AS :"source",
    source.lead_count AS :"lead_count",
    pg_temp.percent(source.opportunity_rate) AS :"opportunity_rate",
    source.won_count AS :"won_count",
    pg_temp.percent(source.win_rate) AS :"win_rate",
    pg_temp.percent(source.win_rate_low) AS :"win_rate_low",
    pg_temp.percent(source.win_rate_high) AS :"win_rate_high",
    pg_temp.shown(source.won_amount::double precision, 'amount') AS :"won_amount",
    round(source.duration_hours) AS :"duration_hours",
    round(source.won_per_hour_amount) AS :"won_per_hour_amount"
FROM company.lead_source_report(:'year_start', :'year_end', 'source', :'as_of', 'year') AS source
ORDER BY source.won_per_hour_amount DESC NULLS LAST;
