-- Replaced by functions with other arguments.
DROP FUNCTION deal_move(timestamp with time zone, timestamp with time zone, timestamp with time zone, text, boolean);
DROP FUNCTION deal_waterfall(timestamp with time zone, timestamp with time zone, timestamp with time zone, date, date);
DROP FUNCTION deal_segment(timestamp with time zone, timestamp with time zone, timestamp with time zone);
DROP FUNCTION kpi_query(text[], date, date, text, text[], timestamp with time zone);
DROP FUNCTION html_sales_vs_target(date, date, text, timestamp with time zone);

DO $$
BEGIN
    PERFORM derive_spans();
END;
$$;
ANALYZE deal_span;

-- The same count by a definition that adds up, wherever it is still the shipped one.
UPDATE kpi
SET
    fact = 'prospect_stay',
    end_column = 'due_date',
    condition = NULL
WHERE code = 'prospect_deal_count'
    AND kind = 'level'
    AND fact = 'open_stay'
    AND date_column = 'entered_date'
    AND end_column = 'left_date'
    AND condition = 'is_likely AND (expected_close_date IS NULL OR expected_close_date >= period_end)'
    AND numerator = 'count(*)'
    AND denominator IS NULL;
