-- phase_path and funnel: a deal's way through the phases, and how far deals get.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

-- Open phases 1 to 4, won 5, lost 6.
CREATE TEMPORARY TABLE entry (
    deal text,
    "position" integer,
    at timestamp with time zone,
    seq bigint
);
INSERT INTO entry (deal, "position", at, seq) VALUES
    ('back and forth', 2, '2026-04-05', 2),
    ('back and forth', 1, '2026-04-01', 1),
    ('back and forth', 4, '2026-04-10', 3),
    ('back and forth', 2, '2026-04-12', 4),
    ('back and forth', 5, '2026-05-01', 5),
    ('lost', 1, '2026-04-01', 1),
    ('lost', 6, '2026-04-05', 2),
    ('skipped', 3, '2026-04-05', 1),
    ('skipped', 5, '2026-04-05', 2),
    ('open', 1, '2026-04-01', NULL),
    ('open', 2, '2026-04-02', NULL),
    ('open', 2, '2026-04-03', NULL),
    ('open', 3, '2026-04-03 12:00', NULL),
    ('open', NULL, '2026-04-04', NULL),
    ('open', 4, NULL, NULL);
CREATE TEMPORARY TABLE way AS
SELECT deal, phase_path_agg("position", at, seq) AS path
FROM entry
GROUP BY deal;

SELECT deal, path FROM way ORDER BY deal;
SELECT
    deal,
    visits(path, 2),
    time_in(path, 2, '2026-06-01'),
    total_stay(path, 2, '2026-06-01') = time_in(path, 2, '2026-06-01') AS same,
    first_stay(path, 2, '2026-06-01'),
    last_stay(path, 2, '2026-06-01'),
    time_in(path, 3, '2026-06-01') AS in_3,
    backward_moves(path),
    current_phase(path),
    furthest_phase(path)
FROM way
ORDER BY deal;
SELECT deal, stays.* FROM way CROSS JOIN LATERAL stays(path) ORDER BY deal, stay_no;
-- As of the 11th the future has not happened.
SELECT stays.* FROM way CROSS JOIN LATERAL stays(path, '2026-04-11') WHERE deal = 'back and forth' ORDER BY stay_no;
SELECT time_in(path, 2, '2026-04-11'), time_in(path, 5, '2026-04-11') FROM way WHERE deal = 'back and forth';

-- The stays of a closed deal add up to its lead time.
SELECT sum(left_at - entered_at), max(entered_at) - min(entered_at) FROM way CROSS JOIN LATERAL stays(path) WHERE deal = 'back and forth';

-- Overlapping parts in any order are one path.
SELECT rollup(part.path ORDER BY random()) = max(way.path::text)::phase_path AS same
FROM (
    SELECT phase_path_agg("position", at, seq) AS path FROM entry WHERE deal = 'back and forth' AND seq <= 3
    UNION ALL
    SELECT phase_path_agg("position", at, seq) FROM entry WHERE deal = 'back and forth' AND seq >= 2
) AS part
CROSS JOIN way
WHERE way.deal = 'back and forth';

-- Every policy from one state.
CREATE TEMPORARY TABLE funnels AS
SELECT funnel_agg(path, 5) AS funnel FROM way;
SELECT funnel, deal_count(funnel), won_count(funnel) FROM funnels;
SELECT
    policy,
    step."position",
    step.reached,
    step.won,
    step.passed,
    round(step.step_rate::numeric, 3) AS step_rate,
    round(step.step_rate_lower::numeric, 3) AS lower,
    round(step.step_rate_upper::numeric, 3) AS upper,
    round(step.overall_rate::numeric, 3) AS overall_rate
FROM funnels
CROSS JOIN unnest(ARRAY['fill', 'any', 'ordered', 'strict', 'direct']) WITH ORDINALITY AS choice (policy, n)
CROSS JOIN LATERAL steps(funnel, policy) AS step
ORDER BY choice.n, step."position";
SELECT from_position, to_position, moves, round(rate::numeric, 3) AS rate FROM funnels CROSS JOIN LATERAL transitions(funnel) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST;
SELECT endings.* FROM funnels CROSS JOIN LATERAL endings(funnel) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST;
SELECT exits.* FROM funnels CROSS JOIN LATERAL exits(funnel) ORDER BY 1;
SELECT "position", round(absorbing_win_rate(funnel, "position")::numeric, 3) AS win_rate FROM funnels CROSS JOIN generate_series(1, 6) AS "position" ORDER BY 1;

-- The chance of the textbook: from 2 half goes back to 1, half is won; from 1 half is lost.
SELECT "position", absorbing_win_rate(funnel_agg(path::phase_path, 3), "position")
FROM (VALUES
    ('{2026-01-01 00:00:00 1, 2026-01-02 00:00:00 2, 2026-01-03 00:00:00 1, 2026-01-04 00:00:00 4}'),
    ('{2026-01-01 00:00:00 1, 2026-01-02 00:00:00 2, 2026-01-03 00:00:00 3}'),
    ('{2026-01-01 00:00:00 1, 2026-01-03 00:00:00 4}')
) AS way (path)
CROSS JOIN generate_series(1, 2) AS "position"
GROUP BY "position"
ORDER BY "position";

-- Subtraction undoes addition; what is not there cannot be taken away.
SELECT (one.funnel + two.funnel) - two.funnel = one.funnel AS same, one.funnel - one.funnel AS nothing
FROM (SELECT funnel_agg(path, 5) AS funnel FROM way WHERE deal < 'open') AS one
CROSS JOIN (SELECT funnel_agg(path, 5) AS funnel FROM way WHERE deal >= 'open') AS two;
SELECT funnel - (funnel + funnel) FROM funnels;

-- Nothing, and nothing known.
SELECT funnel_agg(path, 5) FROM way WHERE false;
SELECT funnel_agg(NULL, 5);
SELECT phase_path_agg(1, NULL), phase_path_agg(NULL, now());
SELECT current_phase('{}'), furthest_phase('{}'), backward_moves('{}'), time_in('{}', 1), funnel_agg('{}', 2);
SELECT * FROM steps('to 2 {}');
SELECT absorbing_win_rate('to 2 {}', 1);

-- What is refused.
SELECT phase_path_agg(0, now());
SELECT phase_path_agg(1001, now());
SELECT phase_path_agg(1, 'infinity');
SELECT time_in('{2026-01-01 00:00:00 1}', 1, 'infinity');
SELECT '{2026-01-02 00:00:00 1, 2026-01-01 00:00:00 2}'::phase_path;
SELECT funnel_agg(path, 0) FROM way;
SELECT funnel_agg(path, length(deal)) FROM way;
SELECT steps(funnel, 'all') FROM funnels;
SELECT steps(funnel, 'fill', 1) FROM funnels;
SELECT absorbing_win_rate(funnel, 0) FROM funnels;
SELECT 'to 2 {furthest 1/0: 1}'::funnel;
SELECT 'to 2 {deals 0/0: 1, moves 0/1: 1}'::funnel;
