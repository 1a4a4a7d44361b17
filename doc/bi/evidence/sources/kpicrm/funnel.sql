SELECT
    phase_report.pipeline,
    phase_report.phase,
    phase_report.sort_order,
    phase_report.reached_count,
    phase_report.next_rate,
    phase_report.won_rate,
    phase_report.stay_median_days,
    phase_report.open_count,
    phase_report.stalled_count
FROM crm.phase_report
WHERE phase_report.policy_name = 'fill'
