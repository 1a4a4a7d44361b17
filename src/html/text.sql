-- Text and numbers for a page: everything that comes from data passes html_escape().

CREATE FUNCTION kpicrm.html_escape(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN replace(replace(replace(replace(replace(
        -- control characters are not allowed in a document, overriding marks would turn the text around them
        regexp_replace(value, '[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]', '', 'g'),
        '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION kpicrm.html_escape(text) IS
    'the text for HTML, XML and attribute values: & < > and quotes escaped, control characters and marks that override the direction of writing left out';

CREATE FUNCTION kpicrm.html_label(
    value text,
    length integer DEFAULT 24
) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN kpicrm.html_escape(CASE
        WHEN char_length(value) > length THEN left(value, length - 1) || '…'
        ELSE value
    END);
COMMENT ON FUNCTION kpicrm.html_label(text, integer) IS
    'the beginning of a text for a place that holds so many characters, escaped';

CREATE FUNCTION kpicrm.html_number(
    value double precision,
    unit text,
    language text DEFAULT 'en'
) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE unit
        WHEN 'count' THEN to_char(round(value::numeric), 'FM999,999,999,999,999,990')
        WHEN 'amount' THEN to_char(round(value::numeric), 'FM999,999,999,999,999,990')
        WHEN 'short_amount' THEN CASE
            WHEN language = 'ja' AND abs(value) >= 1e8 THEN to_char(value::numeric / 1e8, 'FM999,999,990.0') || '億'
            -- below 100 a whole number says too little
            WHEN language = 'ja' AND abs(value) >= 1e4 THEN to_char(value::numeric / 1e4, CASE WHEN abs(value) < 99.95e4 THEN 'FM990.0' ELSE 'FM999,990' END) || '万'
            WHEN language <> 'ja' AND abs(value) >= 1e9 THEN to_char(value::numeric / 1e9, 'FM999,999,990.0') || ' bn'
            WHEN language <> 'ja' AND abs(value) >= 1e6 THEN to_char(value::numeric / 1e6, 'FM999,999,990.0') || ' m'
            WHEN language <> 'ja' AND abs(value) >= 1e3 THEN to_char(value::numeric / 1e3, CASE WHEN abs(value) < 99.95e3 THEN 'FM990.0' ELSE 'FM999,990' END) || ' k'
            ELSE to_char(value::numeric, 'FM999,999,990')
        END
        WHEN 'rate' THEN to_char(100 * value::numeric, 'FM999,990.0') || ' %'
        ELSE to_char(value::numeric, 'FM999,999,999,990.0')
    END;
COMMENT ON FUNCTION kpicrm.html_number(double precision, text, text) IS
    'a number as people read it: unit is count, amount, short_amount (thousands, millions; 万, 億), rate (per cent), days, hours or score';

CREATE FUNCTION kpicrm.in_language(
    language text,
    english text,
    japanese text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE language WHEN 'ja' THEN japanese ELSE english END;
COMMENT ON FUNCTION kpicrm.in_language(text, text, text) IS
    'the English text, or the Japanese one if language is ja';

-- Cells of a row: text to the left, numbers to the right, names in their own direction.
CREATE FUNCTION kpicrm.html_row(VARIADIC cells text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT '<tr>' || string_agg(
            CASE
                WHEN cell.value IS NULL THEN '<td class="none">–</td>'
                WHEN cell.value ~ '^[-+−]?[0-9][0-9,]*(\.[0-9]+)?( %| m| k| bn|億|万)?$' THEN '<td class="number">' || cell.value || '</td>'
                ELSE '<td><bdi>' || kpicrm.html_escape(cell.value) || '</bdi></td>'
            END,
            '' ORDER BY cell.nth
        ) || '</tr>'
        FROM unnest(cells) WITH ORDINALITY AS cell (value, nth)
    );
COMMENT ON FUNCTION kpicrm.html_row(text[]) IS
    'a row of a table; numbers stand to the right, everything is escaped';

CREATE FUNCTION kpicrm.html_table(
    caption text,
    heads text[],
    rows text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '<div class="table"><table><caption>' || kpicrm.html_escape(caption) || '</caption><thead><tr>'
        || (
            -- the head of a column stands where its first cell does
            SELECT string_agg('<th scope="col"' || coalesce(' class="' || cell.class[1] || '"', '') || '>' || kpicrm.html_escape(upper(left(head.name, 1)) || substr(head.name, 2)) || '</th>', '' ORDER BY head.nth)
            FROM unnest(heads) WITH ORDINALITY AS head (name, nth)
            LEFT JOIN regexp_matches(left(rows, strpos(rows, '</tr>')), '<td(?: class="([a-z]+)")?>', 'g') WITH ORDINALITY AS cell (class, nth) ON cell.nth = head.nth
        ) || '</tr></thead><tbody>' || coalesce(rows, '') || '</tbody></table></div>';
COMMENT ON FUNCTION kpicrm.html_table(text, text[], text) IS
    'a table with its caption and heads around rows of html_row()';
