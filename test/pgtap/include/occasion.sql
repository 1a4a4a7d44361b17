/*
 * From truth: each deal at its opening and at its closing, by each dimension it is
 * grouped by, as of 2026-07-01 12:00 in Japan.
 */
CREATE TEMP TABLE team_of (
    rep_id bigint,
    team_id bigint
);
INSERT INTO team_of VALUES (1, 2), (2, 3), (3, NULL);

CREATE TEMP TABLE occasion AS
SELECT
    occasion.name AS occasion,
    dimension.name AS dimension,
    dimension.member,
    (occasion.at AT TIME ZONE 'Asia/Tokyo')::date AS day,
    truth.deal_id,
    truth.outcome,
    truth.amount,
    truth.opened_at,
    truth.ended_at,
    pg_temp.days(coalesce(truth.ended_at, '2026-07-01 12:00+09') - truth.opened_at) AS days,
    CASE WHEN truth.outcome IN ('won', 'lost') THEN truth.outcome ELSE 'open' END AS ending
FROM truth
CROSS JOIN LATERAL (VALUES
    ('opened', truth.opened_at, truth.opening_rep_id, truth.opening_product_id),
    ('closed', CASE WHEN truth.outcome IN ('won', 'lost') THEN truth.ended_at END, truth.rep_id, truth.product_id)
) AS occasion (name, at, rep_id, product_id)
JOIN team_of ON team_of.rep_id = occasion.rep_id
CROSS JOIN LATERAL (VALUES
    ('all', 'all'),
    ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[occasion.rep_id]),
    ('team', coalesce((ARRAY['Japan', 'East', 'West'])[team_of.team_id], '(none)')),
    ('product', (ARRAY['Alpha', 'Beta'])[occasion.product_id]),
    ('source', coalesce((ARRAY['Web', 'Fair'])[truth.source_id], '(none)')),
    ('pipeline', (ARRAY['Direct', 'Partner'])[truth.pipeline_id])
) AS dimension (name, member)
WHERE truth.outcome <> 'later'
    AND occasion.at IS NOT NULL;
