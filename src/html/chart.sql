-- Charts as SVG.  Lengths are shares of the width, so that a chart fills a phone as
-- well as a page; texts keep their size.  Each has a title and a description for
-- those who do not see it.

-- Horizontal bars, label and value above each, so that they fit a phone; a mark is
-- where it should be.  Negative values go to the left of the same zero.
CREATE FUNCTION kpicrm.svg_bars(
    title text,
    description text,
    labels text[],
    bars double precision[],
    shown text[],
    marks double precision[] DEFAULT NULL
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH bar AS (
        SELECT
            listed.nth,
            listed.label,
            coalesce(listed.value, 0) AS value,
            listed.shown,
            listed.mark
        FROM unnest(labels, bars, shown, marks) WITH ORDINALITY AS listed (label, value, shown, mark, nth)
    ), scale AS (
        SELECT
            least(min(least(bar.value, bar.mark)), 0) AS low,
            greatest(max(greatest(bar.value, bar.mark)), 0) AS high,
            count(*) AS count
        FROM bar
    ), placed AS (
        SELECT
            bar.nth,
            bar.label,
            bar.shown,
            100 * (least(bar.value, 0) - scale.low) / nullif(scale.high - scale.low, 0) AS x,
            100 * abs(bar.value) / nullif(scale.high - scale.low, 0) AS width,
            100 * (bar.mark - scale.low) / nullif(scale.high - scale.low, 0) AS mark,
            34 * (bar.nth - 1) AS y,
            bar.value < 0 AS is_negative
        FROM bar
        CROSS JOIN scale
    )
    SELECT '<svg class="bars" role="img" width="100%" height="' || (34 * scale.count)::text || '"><title>' || kpicrm.html_escape(title) || '</title><desc>'
        || kpicrm.html_escape(description) || '</desc>' || string_agg(
            '<text class="label" x="0" y="' || (placed.y + 14)::text || '">' || coalesce(kpicrm.html_label(placed.label, 22), '') || '<title>' || coalesce(kpicrm.html_escape(placed.label), '') || '</title></text>'
            || '<rect class="' || CASE WHEN placed.is_negative THEN 'bar minus' ELSE 'bar' END || '" x="' || round(coalesce(placed.x, 0)::numeric, 3)::text || '%" y="' || (placed.y + 19)::text
            || '" width="' || round(coalesce(placed.width, 0)::numeric, 3)::text || '%" height="10"/>'
            || CASE WHEN placed.mark IS NULL THEN '' ELSE
                '<line class="mark" x1="' || round(placed.mark::numeric, 3)::text || '%" x2="' || round(placed.mark::numeric, 3)::text || '%" y1="' || (placed.y + 17)::text || '" y2="' || (placed.y + 31)::text || '"/>' END
            || '<text class="value" x="100%" y="' || (placed.y + 14)::text || '">' || coalesce(kpicrm.html_escape(placed.shown), '–') || '</text>',
            '' ORDER BY placed.nth
        ) || '</svg>'
    FROM placed
    CROSS JOIN scale
    GROUP BY scale.count;
END;
COMMENT ON FUNCTION kpicrm.svg_bars(text, text, text[], double precision[], text[], double precision[]) IS
    'horizontal bars with labels and values, and a mark where each should be; NULL without bars';

-- Upright columns over periods, each with a mark.  As many labels as fit a phone: on
-- one of 360 pixels the page leaves 328, a character takes 7.5 of them, a wide one (three
-- bytes) twice as many, and 8 lie between two labels.  Every n-th column has one, in its
-- middle, but those at the ends stand at the edge if they would leave the picture.
CREATE FUNCTION kpicrm.svg_columns(
    title text,
    description text,
    labels text[],
    bars double precision[],
    marks double precision[] DEFAULT NULL
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH bar AS (
        SELECT
            listed.nth,
            listed.label,
            greatest(coalesce(listed.value, 0), 0) AS value,
            listed.mark
        FROM unnest(labels, bars, marks) WITH ORDINALITY AS listed (label, value, mark, nth)
    ), scale AS (
        SELECT
            greatest(max(greatest(bar.value, bar.mark)), 0) AS high,
            count(*) AS count,
            328.0 / nullif(count(*), 0) AS room,
            7.5 * max(octet_length(left(bar.label, 24)) + char_length(left(bar.label, 24))) / 2 AS label_width
        FROM bar
    ), step AS (
        SELECT
            CASE
                WHEN scale.label_width + 8 <= scale.room THEN 1
                -- those at both edges would meet
                WHEN 2 * scale.label_width + 8 > 328 THEN scale.count
                -- the first is at the edge, so that the second must be further away
                ELSE greatest(ceil((scale.label_width + 8) / scale.room), ceil((1.5 * scale.label_width + 8) / scale.room - 0.5))
            END::bigint AS columns
        FROM scale
    ), placed AS (
        SELECT
            bar.nth,
            CASE WHEN (bar.nth - 1) % step.columns = 0 THEN kpicrm.html_label(bar.label) END AS label,
            (bar.nth - 0.5) * scale.room < scale.label_width / 2 AS is_at_start,
            (scale.count - bar.nth + 0.5) * scale.room < scale.label_width / 2 AS is_at_end,
            100.0 * (bar.nth - 0.85) / scale.count AS x,
            70.0 / scale.count AS width,
            140 * bar.value / nullif(scale.high, 0) AS height,
            150 - 140 * bar.mark / nullif(scale.high, 0) AS mark,
            scale.count
        FROM bar
        CROSS JOIN scale
        CROSS JOIN step
    )
    SELECT '<svg class="columns" role="img" width="100%" height="172"><title>' || kpicrm.html_escape(title) || '</title><desc>' || kpicrm.html_escape(description)
        || '</desc><line class="axis" x1="0" x2="100%" y1="150.5" y2="150.5"/>' || string_agg(
            '<rect class="bar" x="' || round(placed.x::numeric, 3)::text || '%" y="' || round((150 - coalesce(placed.height, 0))::numeric, 2)::text || '" width="' || round(placed.width::numeric, 3)::text
            || '%" height="' || round(coalesce(placed.height, 0)::numeric, 2)::text || '"/>'
            || CASE WHEN placed.mark IS NULL THEN '' ELSE
                '<line class="mark" x1="' || round((placed.x - 7.0 / placed.count)::numeric, 3)::text || '%" x2="' || round((placed.x + 77.0 / placed.count)::numeric, 3)::text
                || '%" y1="' || round(placed.mark::numeric, 2)::text || '" y2="' || round(placed.mark::numeric, 2)::text || '"/>' END
            || CASE
                WHEN placed.label IS NULL THEN ''
                WHEN placed.nth = 1 AND placed.is_at_start THEN '<text class="label" x="0" y="167">' || placed.label || '</text>'
                WHEN placed.nth = placed.count AND placed.is_at_end THEN '<text class="value" x="100%" y="167">' || placed.label || '</text>'
                WHEN placed.is_at_end THEN ''
                ELSE '<text class="middle" x="' || round(100.0 * (placed.nth - 0.5) / placed.count, 3)::text || '%" y="167">' || placed.label || '</text>' END,
            '' ORDER BY placed.nth
        ) || '</svg>'
    FROM placed;
END;
COMMENT ON FUNCTION kpicrm.svg_columns(text, text, text[], double precision[], double precision[]) IS
    'upright columns over periods with a mark where each should be; NULL without columns';

-- A line through points in order; NULL breaks it.  Its height is its own.
CREATE FUNCTION kpicrm.svg_trend(
    title text,
    points double precision[],
    height integer DEFAULT 36
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH point AS (
        SELECT
            listed.nth - 1 AS x,
            listed.value
        FROM unnest(points) WITH ORDINALITY AS listed (value, nth)
        WHERE listed.value IS NOT NULL
    ), scale AS (
        SELECT
            min(point.value) AS low,
            max(point.value) AS high,
            greatest(array_length(points, 1) - 1, 1) AS last
        FROM point
    )
    SELECT '<svg class="trend" role="img" width="100%" height="' || height::text || '" viewBox="0 0 100 100" preserveAspectRatio="none"><title>' || kpicrm.html_escape(title)
        || '</title><polyline points="' || string_agg(
            round((100.0 * point.x / scale.last)::numeric, 2)::text || ',' || round(coalesce(95 - 90 * (point.value - scale.low) / nullif(scale.high - scale.low, 0), 50)::numeric, 2)::text,
            ' ' ORDER BY point.x
        ) || '"/></svg>'
    FROM point
    CROSS JOIN scale;
END;
COMMENT ON FUNCTION kpicrm.svg_trend(text, double precision[], integer) IS
    'a line without axes, as wide as its place; NULL without points';

-- Two curves of shares (0 to 1) over time, as steps; the second is dashed.
CREATE FUNCTION kpicrm.svg_steps(
    title text,
    description text,
    at double precision[],
    curve double precision[],
    other double precision[],
    unit_label text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH point AS (
        SELECT
            100 * listed.at / nullif(max(listed.at) OVER (), 0) AS x,
            listed.at,
            100 - 100 * listed.curve AS y,
            100 - 100 * lag(listed.curve, 1, 0::double precision) OVER (ORDER BY listed.nth) AS y_before,
            100 - 100 * listed.other AS other,
            100 - 100 * lag(listed.other, 1, 0::double precision) OVER (ORDER BY listed.nth) AS other_before,
            listed.nth
        FROM unnest(at, curve, other) WITH ORDINALITY AS listed (at, curve, other, nth)
    )
    SELECT '<svg class="steps" role="img" width="100%" height="220"><title>' || kpicrm.html_escape(title) || '</title><desc>' || kpicrm.html_escape(description)
        || '</desc><svg y="5" width="100%" height="190" viewBox="0 0 100 100" preserveAspectRatio="none">'
        || '<line class="grid" x1="0" x2="100" y1="0" y2="0"/><line class="grid" x1="0" x2="100" y1="50" y2="50"/><line class="axis" x1="0" x2="100" y1="100" y2="100"/>'
        || '<polyline class="curve" points="0,100 ' || string_agg(round(coalesce(point.x, 0)::numeric, 2)::text || ',' || round(point.y_before::numeric, 2)::text || ' '
            || round(coalesce(point.x, 0)::numeric, 2)::text || ',' || round(point.y::numeric, 2)::text, ' ' ORDER BY point.nth) || '"/>'
        || '<polyline class="other" points="0,100 ' || string_agg(round(coalesce(point.x, 0)::numeric, 2)::text || ',' || round(point.other_before::numeric, 2)::text || ' '
            || round(coalesce(point.x, 0)::numeric, 2)::text || ',' || round(point.other::numeric, 2)::text, ' ' ORDER BY point.nth) || '"/></svg>'
        || '<text class="label" x="0" y="215">0</text><text class="value" x="100%" y="215">' || to_char(max(point.at)::numeric, 'FM999,990') || ' ' || kpicrm.html_escape(unit_label)
        || '</text><text class="label" x="2" y="15">100 %</text><text class="label" x="2" y="98">50 %</text></svg>'
    FROM point;
END;
COMMENT ON FUNCTION kpicrm.svg_steps(text, text, double precision[], double precision[], double precision[], text) IS
    'two curves of shares over time, as steps, the second one dashed; NULL without points';
