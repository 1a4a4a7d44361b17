SELECT
    lead_source_report.member_name AS source,
    sum(lead_source_report.lead_count)::bigint AS lead_count,
    sum(lead_source_report.converted_count)::double precision / nullif(sum(lead_source_report.lead_count), 0)::double precision AS opportunity_rate,
    sum(lead_source_report.won_count)::double precision / nullif(sum(lead_source_report.closed_count), 0)::double precision AS win_rate,
    sum(lead_source_report.won_amount)::double precision AS won_amount,
    sum(lead_source_report.won_amount)::double precision / nullif(sum(lead_source_report.duration_hours), 0) AS won_per_hour_amount
FROM crm.lead_source_report
WHERE lead_source_report.dimension_name = 'source'
GROUP BY lead_source_report.member_name
