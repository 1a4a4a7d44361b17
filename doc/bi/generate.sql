/*
 * Writes the packs that follow from the catalog, one per value of the psql variable
 * pack: dbt (sources) or cube (data model).  The workspace is crm.
 *
 *   psql -XqAt -v pack=dbt -f doc/bi/generate.sql > doc/bi/dbt-sources.yml
 */
SET client_min_messages = warning;
CREATE TEMP VIEW reported AS
SELECT
    class.relname::text AS view,
    attribute.attname::text AS name,
    attribute.attnum AS nth,
    format_type(attribute.atttypid, NULL) AS type,
    to_json(obj_description(class.oid, 'pg_class')) AS view_description,
    to_json(col_description(class.oid, attribute.attnum)) AS description
FROM pg_class AS class
JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum > 0
WHERE class.relnamespace = 'crm'::regnamespace
    AND class.relkind = 'v';

SELECT :'pack' = 'dbt' AS is_dbt \gset
\if :is_dbt
SELECT E'# Made by doc/bi/generate.sql from the catalog; do not edit.\nversion: 2\nsources:\n  - name: crm\n    schema: crm\n    tables:';
SELECT string_agg(part.text, E'\n' ORDER BY part.view)
FROM (
    SELECT
        reported.view,
        format(E'      - name: %s\n        description: %s\n        columns:\n', reported.view, min(reported.view_description::text))
            || string_agg(format(E'          - name: %s\n            description: %s', reported.name, reported.description), E'\n' ORDER BY reported.nth) AS text
    FROM reported
    GROUP BY reported.view
) AS part;
\else
-- Facts only, whose rows add up: of a report, a rate of rates would be guessed.
SELECT E'# Made by doc/bi/generate.sql from the catalog; do not edit.\ncubes:';
WITH fact (view, key) AS (
    VALUES ('deals', 'deal_id'), ('leads', 'lead_id'), ('phase_stays', NULL), ('activities', 'activity_id'), ('purchases', 'purchase_id')
), measure (view, name, type, sql) AS (
    SELECT reported.view, 'total_' || reported.name, 'sum', reported.name
    FROM reported
    JOIN fact USING (view)
    WHERE reported.name ~ '(^|_)(amount|cost)$' OR reported.name ~ '_hours$'
    UNION ALL
    VALUES
        ('deals', 'closed_count', 'number', 'count({CUBE}.won)'),
        ('deals', 'won_count', 'number', 'count(*) FILTER (WHERE {CUBE}.won)'),
        ('deals', 'win_rate', 'number', 'count(*) FILTER (WHERE {CUBE}.won)::double precision / nullif(count({CUBE}.won), 0)'),
        ('deals', 'won_amount', 'number', 'sum({CUBE}.amount) FILTER (WHERE {CUBE}.won)'),
        ('deals', 'lead_time_days_mean', 'number', 'avg({CUBE}.lead_time_days) FILTER (WHERE {CUBE}.won)'),
        ('leads', 'opportunity_rate', 'number', 'count(*) FILTER (WHERE {CUBE}.has_deal)::double precision / nullif(count(*), 0)'),
        ('purchases', 'customer_count', 'number', 'count(DISTINCT {CUBE}.account_id)')
)
SELECT string_agg(
    format(E'  - name: %1$s\n    sql_table: crm.%1$s\n    description: %2$s\n    dimensions:\n%3$s\n    measures:\n      - name: count\n        type: count\n%4$s', fact.view, listed.description, listed.dimensions, listed.measures),
    E'\n' ORDER BY fact.view
)
FROM fact
CROSS JOIN LATERAL (
    SELECT
        min(reported.view_description::text) AS description,
        string_agg(
            format(E'      - name: %1$s\n        sql: %1$s\n        type: %2$s\n        description: %3$s', reported.name,
                CASE WHEN reported.type ~ '^(date|timestamp)' THEN 'time' WHEN reported.type = 'boolean' THEN 'boolean' WHEN reported.type = 'text' THEN 'string' ELSE 'number' END,
                reported.description)
                || CASE WHEN reported.name = fact.key THEN E'\n        primary_key: true' ELSE '' END,
            E'\n' ORDER BY reported.nth
        ) AS dimensions,
        (
            SELECT string_agg(format(E'      - name: %s\n        sql: %s\n        type: %s', measure.name, to_json(measure.sql), measure.type), E'\n' ORDER BY measure.type DESC, measure.name)
            FROM measure
            WHERE measure.view = fact.view
        ) AS measures
    FROM reported
    WHERE reported.view = fact.view
) AS listed;
\endif
