/*
 * dimension_member: everything that a report can be grouped by, in one list.
 *
 * Reports in long form carry dimension_name and member_id; this view gives them
 * their names, and a BI tool its filter.
 */
CREATE VIEW dimension_member WITH (security_invoker = true) AS
SELECT
    'team' AS dimension_name,
    sales_team.id AS member_id,
    sales_team.name AS member_name
FROM sales_team
UNION ALL
SELECT
    'rep',
    sales_rep.id,
    sales_rep.name
FROM sales_rep
UNION ALL
SELECT
    'product',
    product.id,
    product.name
FROM product
UNION ALL
SELECT
    'source',
    lead_source.id,
    lead_source.name
FROM lead_source
UNION ALL
SELECT
    'pipeline',
    pipeline.id,
    pipeline.name
FROM pipeline;
COMMENT ON VIEW dimension_member IS
    'One row per team, rep, product, source and pipeline: the members that reports are grouped by.';
COMMENT ON COLUMN dimension_member.dimension_name IS
    'team, rep, product, source or pipeline';
COMMENT ON COLUMN dimension_member.member_id IS
    'key of the member in its own table';
COMMENT ON COLUMN dimension_member.member_name IS
    'name of the member';

CREATE FUNCTION team_tree()
RETURNS TABLE (
    team_id bigint,
    member_id bigint
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    WITH RECURSIVE path AS (
        -- UNION ends even a circle
        SELECT
            sales_team.id AS team_id,
            sales_team.id AS member_id
        FROM sales_team
        UNION
        SELECT
            path.team_id,
            sales_team.parent_team_id
        FROM path
        JOIN sales_team ON sales_team.id = path.member_id
        WHERE sales_team.parent_team_id IS NOT NULL
    )
    SELECT
        path.team_id,
        path.member_id
    FROM path;
END;
COMMENT ON FUNCTION team_tree() IS
    'each team with itself and every team above it: what the team does is done by member_id too';
