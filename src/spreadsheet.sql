-- Text that a spreadsheet takes for text.

CREATE FUNCTION kpicrm.spreadsheet_text(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN value ~ '^[=+@\t\r\n＝＋－＠-]' THEN '''' || value ELSE value END;
COMMENT ON FUNCTION kpicrm.spreadsheet_text(text) IS
    'the text with an apostrophe before it if a spreadsheet would take it for a formula';
