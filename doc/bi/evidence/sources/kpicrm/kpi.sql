SELECT
    kpi_long.period_start,
    kpi_long.period_label,
    kpi_long.kpi_name,
    kpi_long.dimension_name,
    kpi_long.dimension_value,
    kpi_long.unit_label,
    kpi_long.value,
    kpi_long.value_low,
    kpi_long.value_high
FROM crm.kpi_long
