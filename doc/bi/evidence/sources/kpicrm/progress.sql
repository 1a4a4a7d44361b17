SELECT
    kpi_progress.kpi_name,
    kpi_progress.grain_name,
    kpi_progress.period_start,
    kpi_progress.period_label,
    kpi_progress.unit_label,
    kpi_progress.target_value,
    kpi_progress.actual_value,
    kpi_progress.expected_value,
    kpi_progress.gap_value,
    kpi_progress.attainment_rate,
    kpi_progress.status_name,
    kpi_progress.sort_order
FROM crm.kpi_progress
WHERE kpi_progress.scope_name = 'company'
