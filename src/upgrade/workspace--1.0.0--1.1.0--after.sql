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
