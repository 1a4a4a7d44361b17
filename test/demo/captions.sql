/*
 * What the reports of the demo share: captions in the language of the variable
 * language (en, ja), and forms of numbers.
 *
 * Each column of the workspace's views becomes a psql variable that holds its
 * caption, so that one query serves both languages:
 *
 *   SELECT report.won_count AS :"won_count" FROM crm.win_rate_report() AS report;
 *
 * The variable workspace says whose describe() is asked.
 */
\set ON_ERROR_STOP on
\pset footer off
\pset border 1
\pset null '-'
SET client_min_messages = warning;
\ir language.sql

-- A caption in two lines if it is wide: broken nearest to the middle, at a space or
-- where a Japanese word ends.  Characters of three bytes are two columns wide.
CREATE FUNCTION pg_temp.folded(caption text) RETURNS text
    LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT coalesce(
        (
            SELECT rtrim(left(caption, place)) || E'\n' || ltrim(substr(caption, place + 1))
            FROM generate_series(1, length(caption) - 1) AS place
            WHERE octet_length(caption) + length(caption) > 2 * 8
                AND substr(caption, place) ~ '^( |[ぁ-んァ-ヶー][一-龠]|.（|.(件数|日数|金額))'
            ORDER BY abs(2 * place - length(caption))
            LIMIT 1
        ),
        caption
    );
END;

SELECT format('SELECT %s', string_agg(DISTINCT format('%L AS %I', pg_temp.folded(described.caption), described.column_name), ', ')) AS captions
FROM (
    SELECT
        report.column_name,
        report.caption
    FROM :"workspace".describe(:'language') AS report
    WHERE report.kind = 'column'
    UNION ALL
    -- of explain_gap(), which is no view, and of what the demo itself computes
    SELECT
        part.name,
        pg_temp.said(part.name_en, part.name_ja)
    FROM (VALUES
        ('factor', 'factor', '要因'),
        ('came_back', 'came back', '戻り・再開'),
        ('went_back', 'went back or on hold', '後退・保留'),
        ('won_in_90_days', 'won in 90 days', '90日以内の受注確率'),
        ('win_rate_by_amount', 'win rate by amount', '金額の成約率'),
        ('lead_time', 'lead time', '受注期間'),
        ('plan_value', 'plan', '計画'),
        ('contribution', 'contribution', '差異への寄与'),
        ('share_of_gap', 'share of the gap', '差異に占める割合')
    ) AS part (name, name_en, name_ja)
) AS described \gset
:captions \gset

-- -------------------------------------------------------------- forms of numbers

CREATE FUNCTION pg_temp.percent(share double precision) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN to_char(100 * share, '990.0') || ' %';

CREATE FUNCTION pg_temp.million(amount numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN round(amount / 1000000, 2);

CREATE FUNCTION pg_temp.tenths(amount double precision) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN round(amount::numeric, 1);

-- The value of a KPI in its unit, so that KPIs of all units fit into one column.
CREATE FUNCTION pg_temp.shown(
    value double precision,
    unit text
) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE unit
        WHEN 'amount' THEN to_char(value / 1000000, '9,990.00') || ' M'
        WHEN 'rate' THEN to_char(100 * value, '99,990.0') || ' %'
        WHEN 'days' THEN to_char(value, '99,990.0') || ' d'
        WHEN 'hours' THEN to_char(value, '99,990.0') || ' h'
        WHEN 'count' THEN to_char(value, '9,999,990') || ' '
        ELSE to_char(value, '99,990.0') || '  '
    END;
