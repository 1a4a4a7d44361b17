-- What is stuck.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

-- Twenty negotiations took 1 to 20 days; four are open, for 3, 10, 19 and 30 days.
CREATE TEMPORARY TABLE stay AS
SELECT
    'Negotiation' AS phase,
    timestamptz '2026-01-01' AS entered_at,
    timestamptz '2026-01-01' + day * interval '1 day' AS left_at
FROM generate_series(1, 20) AS day
UNION ALL
SELECT
    'Negotiation',
    timestamptz '2026-03-01' - age * interval '1 day',
    NULL
FROM unnest(ARRAY[3, 10, 19, 30]) AS age
UNION ALL
SELECT 'Proposal', '2026-02-01', NULL;

SELECT
    phase,
    phase_stall(entered_at, left_at, '2026-03-01') AS stalled,
    phase_stall(entered_at, left_at, '2026-03-01', 0.5) AS above_the_median,
    phase_stall(entered_at::date, left_at::date, '2026-03-01') AS by_date,
    phase_stall_rate(entered_at, left_at, '2026-03-01') AS rate,
    phase_stall_rate(entered_at, left_at, '2026-03-01', 0.5) AS rate_above_the_median
FROM stay
GROUP BY phase
ORDER BY phase;

-- On another day another number is stuck.
SELECT
    day,
    phase_stall(entered_at, left_at, day) AS stalled
FROM stay
CROSS JOIN (VALUES (timestamptz '2026-01-01'), ('2026-01-25'), ('2026-03-20')) AS as_of (day)
WHERE phase = 'Negotiation'
GROUP BY day
ORDER BY day;

-- The same from a state, and for one deal.
SELECT
    phase,
    stalled_count(stays),
    stall_rate(stays),
    stall_threshold(stays),
    stalled_count(stays, 0.5) AS above_the_median,
    stall_threshold(stays, 0.5) AS median,
    stall_score(stays, '10 days') AS score_at_10_days,
    stall_score(stays, '30 days') AS score_at_30_days
FROM (
    SELECT
        phase,
        lead_time_agg(entered_at, left_at, true, '2026-03-01') AS stays
    FROM stay
    GROUP BY phase
) AS phase
ORDER BY phase;

-- Nothing is stalled where nothing is; no rate where nothing is open.
SELECT phase_stall(entered_at, left_at), phase_stall_rate(entered_at, left_at) FROM stay WHERE false;
SELECT phase_stall(entered_at, left_at), phase_stall_rate(entered_at, left_at) FROM stay WHERE left_at < now();

-- Errors say what was wrong.
SELECT phase_stall(entered_at, left_at, '2026-03-01', 80) FROM stay;
SELECT phase_stall(entered_at, left_at, '2026-03-01', CASE phase WHEN 'Proposal' THEN 0.9 ELSE 0.8 END) FROM stay;
SELECT stalled_count('{}', -0.1);
SELECT stall_score('{}', '-1 day');
