/*
 * phase_report and deal_board: every number of the small company, by hand or by
 * plain SQL over its events.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT plan(27);

-- The visits by hand: deal, phases of kind open it was really in, furthest step of
-- 1 to 3 in Direct and 1 in Partner (one more: won), and the last open one.
CREATE TEMP TABLE way (
    deal_id bigint,
    pipeline text,
    visited integer[],
    furthest integer,
    last_open integer
);
INSERT INTO way VALUES
    (1, 'Direct', '{1,2,3}', 4, 3),
    (2, 'Direct', '{1,3}', 4, 3),
    (3, 'Direct', '{1,2}', 4, 2),
    (4, 'Direct', '{1,2}', 2, 2),
    (5, 'Direct', '{1}', 1, 1),
    (6, 'Direct', '{1}', 1, 1),
    (7, 'Direct', '{1,2}', 2, 2),
    (8, 'Direct', '{1,2}', 2, 1),
    (9, 'Direct', '{1}', 1, 1),
    (10, 'Partner', '{1}', 2, 1),
    (11, 'Partner', '{1}', 1, 1),
    (12, 'Direct', '{}', 4, NULL),
    (13, 'Direct', '{1,3}', 4, 3),
    (15, 'Direct', '{1}', 4, 1),
    (16, 'Direct', '{1}', 1, 1);

CREATE TEMP TABLE step (
    pipeline text,
    step integer,
    last integer,
    phase text
);
INSERT INTO step VALUES
    ('Direct', 1, 3, 'Approach'),
    ('Direct', 2, 3, 'Proposal'),
    ('Direct', 3, 3, 'Contract'),
    ('Partner', 1, 1, 'Referral');

CREATE TEMP VIEW expected_reach AS
SELECT
    reach.pipeline,
    reach.phase,
    reach.policy,
    count(*) AS reached,
    count(*) FILTER (WHERE reach.next) AS next,
    count(*) FILTER (WHERE reach.won) AS won
FROM (
    SELECT
        step.pipeline,
        step.phase,
        policy,
        truth.outcome = 'won' AS won,
        CASE
            WHEN step.step = step.last THEN truth.outcome = 'won'
            WHEN policy = 'fill' THEN way.furthest > step.step
            ELSE step.step + 1 = ANY (way.visited)
        END AS next
    FROM way
    JOIN truth USING (deal_id)
    JOIN step USING (pipeline)
    CROSS JOIN unnest(ARRAY['fill', 'any']) AS policy
    WHERE CASE policy WHEN 'fill' THEN way.furthest >= step.step ELSE step.step = ANY (way.visited) END
) AS reach
GROUP BY
    reach.pipeline,
    reach.phase,
    reach.policy;

CREATE TEMP VIEW report AS
SELECT * FROM crm.phase_report(as_of => '2026-07-01 12:00+09');

SELECT pg_temp.same_rows(
    $$SELECT r.pipeline, r.phase, r.policy_name, r.reached_count, r.next_count, r.won_count FROM report AS r WHERE r.policy_name IN ('fill', 'any')$$,
    $$SELECT * FROM expected_reach$$,
    'reached, next and won by policies fill and any'
);

-- In order of time: the ways as texts such as 1>2>w, and which of them hold 1 … n.
CREATE TEMP TABLE route AS
SELECT
    entry.deal_id,
    entry.pipeline,
    string_agg(entry.stop, '>' ORDER BY entry.at) AS route
FROM (
    SELECT
        event.deal_id,
        event.at,
        pipeline.name AS pipeline,
        CASE phase.kind
            WHEN 'open' THEN (SELECT count(*) FROM crm.phase AS earlier WHERE earlier.pipeline_id = phase.pipeline_id AND earlier.kind = 'open' AND earlier.position <= phase.position)::text
            ELSE left(phase.kind, 1)
        END AS stop
    FROM crm.deal_event AS event
    JOIN crm.phase ON phase.id = event.phase_id
    JOIN crm.pipeline ON pipeline.id = phase.pipeline_id
    WHERE event.at <= '2026-07-01 12:00+09'
) AS entry
GROUP BY
    entry.deal_id,
    entry.pipeline;
CREATE FUNCTION pg_temp.goes(route text, steps integer, gap text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN route || '>' ~ ('(^|>)' || (SELECT string_agg(n::text, gap ORDER BY n) FROM generate_series(1, steps) AS n) || '>');
CREATE FUNCTION pg_temp.in_order(opened_from timestamptz, opened_to timestamptz)
RETURNS TABLE (pipeline text, phase text, policy text, reached bigint, next bigint, won bigint)
    LANGUAGE sql STABLE
AS $$
    SELECT
        step.pipeline,
        step.phase,
        policy.name,
        count(*),
        count(*) FILTER (WHERE CASE WHEN step.step = step.last THEN truth.outcome = 'won' ELSE pg_temp.goes(route.route, step.step + 1, policy.gap) END),
        count(*) FILTER (WHERE truth.outcome = 'won')
    FROM route
    JOIN truth USING (deal_id)
    JOIN step USING (pipeline)
    JOIN crm.deal ON deal.id = route.deal_id
    CROSS JOIN (VALUES ('ordered', '>(.*>)?'), ('strict', '>')) AS policy (name, gap)
    WHERE pg_temp.goes(route.route, step.step, policy.gap)
        AND deal.opened_at >= opened_from
        AND deal.opened_at < opened_to
    GROUP BY 1, 2, 3
$$;
SELECT pg_temp.same_rows(
    $$SELECT r.pipeline, r.phase, r.policy_name, r.reached_count, r.next_count, r.won_count FROM report AS r WHERE r.policy_name IN ('ordered', 'strict')$$,
    $$SELECT * FROM pg_temp.in_order('-infinity', 'infinity')$$,
    'reached, next and won by policies ordered and strict'
);
SELECT pg_temp.same_rows(
    $$SELECT r.pipeline, r.phase, r.policy_name, r.reached_count, r.next_count, r.won_count
      FROM crm.phase_report(as_of => '2026-07-01 12:00+09', from_date => '2026-04-20', to_date => '2026-06-01') AS r WHERE r.policy_name IN ('ordered', 'strict')$$,
    $$SELECT * FROM pg_temp.in_order('2026-04-20 00:00+09', '2026-06-01 00:00+09')$$,
    'of the deals opened in a period'
);
SELECT cmp_ok(
    (SELECT count(*) FROM (SELECT reached, next FROM pg_temp.in_order('-infinity', 'infinity') WHERE policy = 'ordered' EXCEPT SELECT reached, next FROM pg_temp.in_order('-infinity', 'infinity') WHERE policy = 'strict') AS differing),
    '>', 0::bigint, 'there are ways that differ by policy');
SELECT pg_temp.same_rows(
    $$SELECT r.pipeline, r.phase, r.policy_name, round(r.next_rate::numeric, 9), round(r.next_rate_low::numeric, 9), round(r.next_rate_high::numeric, 9),
        round(r.won_rate::numeric, 9), round(r.won_rate_low::numeric, 9), round(r.won_rate_high::numeric, 9) FROM report AS r WHERE r.policy_name IN ('fill', 'any')$$,
    $$SELECT pipeline, phase, policy, round(next::numeric / reached, 9), round(pg_temp.wilson(next, reached, -1), 9), round(pg_temp.wilson(next, reached, 1), 9),
        round(won::numeric / reached, 9), round(pg_temp.wilson(won, reached, -1), 9), round(pg_temp.wilson(won, reached, 1), 9) FROM expected_reach$$,
    'their rates and bounds'
);
SELECT results_eq(
    $$SELECT r.phase, r.reached_count, r.next_count, r.won_count FROM report AS r
      WHERE r.pipeline = 'Direct' AND r.policy_name = 'fill' ORDER BY r.sort_order$$,
    $$VALUES ('Approach', 13::bigint, 9::bigint, 5::bigint), ('Proposal', 9, 6, 5), ('Contract', 6, 5, 5)$$,
    'fill, counted by hand'
);
SELECT results_eq(
    $$SELECT r.phase, r.reached_count, r.next_count, r.won_count FROM report AS r
      WHERE r.pipeline = 'Direct' AND r.policy_name = 'any' ORDER BY r.sort_order$$,
    $$VALUES ('Approach', 12::bigint, 5::bigint, 4::bigint), ('Proposal', 5, 1, 2), ('Contract', 3, 2, 2)$$,
    'any, counted by hand: who skipped a phase was not in it'
);
SELECT pg_temp.same_rows(
    $$SELECT r.pipeline, r.phase, r.lost_here_count FROM report AS r WHERE r.policy_name = 'fill'$$,
    $$SELECT step.pipeline, step.phase, count(*) FILTER (WHERE truth.outcome = 'lost')
      FROM step
      LEFT JOIN way ON way.pipeline = step.pipeline AND way.last_open = step.step
      LEFT JOIN truth USING (deal_id)
      GROUP BY 1, 2$$,
    'lost from the last open phase'
);

-- Stays from the events alone.  No two events of a deal are at one instant here,
-- and no event repeats the phase.
CREATE TEMP TABLE stay AS
SELECT
    pipeline.name AS pipeline,
    phase.name AS phase,
    entry.deal_id,
    entry.at AS entered_at,
    entry.next_at AS left_at,
    pg_temp.days(coalesce(entry.next_at, '2026-07-01 12:00+09') - entry.at) AS days,
    CASE WHEN entry.next_at IS NULL THEN 'open' ELSE 'won' END AS ending
FROM (
    SELECT
        event.deal_id,
        event.at,
        event.phase_id,
        lead(event.at) OVER (PARTITION BY event.deal_id ORDER BY event.at) AS next_at
    FROM crm.deal_event AS event
    WHERE event.phase_id IS NOT NULL
        AND event.at <= '2026-07-01 12:00+09'
) AS entry
JOIN crm.phase ON phase.id = entry.phase_id
JOIN crm.pipeline ON pipeline.id = phase.pipeline_id
WHERE phase.kind = 'open';

CREATE TEMP TABLE pace AS
SELECT
    stay.pipeline,
    stay.phase,
    array_agg(stay.days) AS days,
    array_agg(stay.ending) AS endings,
    CASE stay.phase WHEN 'Referral' THEN 10 ELSE pg_temp.time_until(array_agg(stay.days), array_agg(stay.ending), 0.8) END AS stall_after
FROM stay
GROUP BY
    stay.pipeline,
    stay.phase;

SELECT pg_temp.same_rows(
    $$SELECT r.phase, r.stay_count, round(r.stay_mean_days::numeric, 9), round(r.stay_median_days::numeric, 9), round(r.stay_p80_days::numeric, 9),
        round(r.stall_after_days::numeric, 9) FROM report AS r WHERE r.policy_name = 'fill'$$,
    $$SELECT stay.phase, count(*) FILTER (WHERE stay.ending = 'won'), round(avg(stay.days) FILTER (WHERE stay.ending = 'won'), 9),
        round(pg_temp.time_until(pace.days, pace.endings, 0.5), 9), round(pg_temp.time_until(pace.days, pace.endings, 0.8), 9), round(pace.stall_after, 9)
      FROM stay JOIN pace USING (pipeline, phase) GROUP BY stay.phase, pace.days, pace.endings, pace.stall_after$$,
    'stays: number, mean, censored median and p80, and the threshold'
);
SELECT pg_temp.same_rows(
    $$SELECT r.phase, r.open_count, r.open_amount, r.stalled_count, r.stalled_amount FROM report AS r WHERE r.policy_name = 'fill'$$,
    $$SELECT stay.phase, count(*) FILTER (WHERE stay.ending = 'open'), coalesce(sum(truth.amount) FILTER (WHERE stay.ending = 'open'), 0),
        count(*) FILTER (WHERE stay.ending = 'open' AND stay.days > pace.stall_after),
        coalesce(sum(truth.amount) FILTER (WHERE stay.ending = 'open' AND stay.days > pace.stall_after), 0)
      FROM stay JOIN pace USING (pipeline, phase) JOIN truth USING (deal_id) GROUP BY stay.phase$$,
    'what is in each phase and what is stalled'
);
SELECT pg_temp.same_rows(
    $$SELECT r.phase, r.stay_count, r.open_count, r.stalled_count FROM report AS r WHERE r.policy_name = 'fill'$$,
    $$SELECT r.phase, r.stay_count, r.open_count, r.stalled_count FROM report AS r WHERE r.policy_name = 'any' AND r.phase <> 'none'$$,
    'the policy changes nothing in the stays'
);
SELECT pg_temp.same_rows(
    $$SELECT r.policy_name, r.phase, r.reached_count FROM crm.phase_report('any', '2026-07-01 12:00+09') AS r$$,
    $$SELECT policy, phase, reached FROM expected_reach WHERE policy = 'any'$$,
    'one policy alone'
);
SELECT throws_ok(
    $$SELECT * FROM crm.phase_report('furthest')$$,
    '22023', 'invalid value for argument "policy": "furthest"', 'a policy that is not there'
);
SELECT throws_ok(
    $$SELECT * FROM crm.phase_report(from_date => '2026-05-01', to_date => '2026-04-01')$$,
    '22023', 'invalid value for argument "from_date": "2026-05-01"', 'from after to'
);
SELECT pg_temp.same_rows(
    $$SELECT r.phase, r.policy_name, r.reached_count, r.open_amount FROM crm.phase_report AS r$$,
    $$SELECT r.phase, r.policy_name, r.reached_count, r.open_amount::numeric(18, 2) FROM crm.phase_report(NULL, now()) AS r$$,
    'the view is the report as of now'
);

CREATE TEMP TABLE report_before AS SELECT * FROM report;

-- --------------------------------------------------------------------- board
CREATE TEMP VIEW board AS
SELECT * FROM crm.deal_board('2026-07-01 12:00+09');

SELECT results_eq(
    $$SELECT b.deal_id, b.phase, b.rep, b.amount, b.weighted_amount, b.status, b.reason FROM board AS b ORDER BY b.deal_id$$,
    $$VALUES
        (7::bigint, 'Proposal', 'Ben', 600.00, 180.0, 'stalled', 'stalled, no next action, close date passed, pushed 2 times'),
        (8, 'Approach', 'Ben', 700, 70, 'attention', 'moved backward'),
        (9, 'Approach', 'Chie', NULL, NULL, 'attention', 'overdue action'),
        (11, 'Referral', 'Ben', 900, 450, 'stalled', 'stalled'),
        (13, 'Contract', 'Ben', 1500, 900, 'on_track', NULL)$$,
    'a card for each open deal; on hold, disqualified and closed ones have none'
);
SELECT results_eq(
    $$SELECT b.deal_id, b.next_action_date, b.expected_close_date, b.push_count, b.backward_count, b.is_stalled, b.is_without_action, b.is_action_overdue,
        b.is_close_date_passed FROM board AS b ORDER BY b.deal_id$$,
    $$VALUES
        (7::bigint, NULL::date, date '2026-06-30', 2::bigint, 0::bigint, true, true, false, true),
        (8, '2026-07-05', '2026-07-31', 0, 1, false, false, false, false),
        (9, '2026-06-25', '2026-08-15', 0, 0, false, false, true, false),
        (11, '2026-07-01', '2026-09-30', 0, 0, true, false, false, false),
        (13, '2026-07-02', '2026-07-20', 1, 0, false, false, false, false)$$,
    'its dates and reasons: today''s action is not overdue, a pull-in is no push, the planned call is the next action'
);
SELECT pg_temp.same_rows(
    $$SELECT b.deal_id, round(b.phase_days::numeric, 9), round(b.stall_after_days::numeric, 9), round(b.stall_score::numeric, 9) FROM board AS b$$,
    $$SELECT stay.deal_id, round(stay.days, 9), round(pace.stall_after, 9), round(pg_temp.ended_by(pace.days, pace.endings, stay.days), 9)
      FROM stay JOIN pace USING (pipeline, phase) WHERE stay.ending = 'open'$$,
    'days in the phase, threshold and score'
);
SELECT is_empty(
    $$SELECT b.deal_id FROM board AS b JOIN crm.phase_pace('2026-07-01 12:00+09') AS pace ON pace.phase_id = b.phase_id
      WHERE b.stall_score IS DISTINCT FROM kpicrm.stall_score(pace.stays, timestamptz '2026-07-01 12:00+09' - b.phase_since_at)$$,
    'the score is that of kpicrm.stall_score, to the last bit'
);
SELECT results_eq(
    $$SELECT b.deal_id, b.phase, b.push_count FROM crm.deal_board('2026-05-25 12:00+09') AS b WHERE b.deal_id IN (3, 7, 8) ORDER BY b.deal_id$$,
    $$VALUES (7::bigint, 'Proposal', 1::bigint), (8, 'Proposal', 0)$$,
    'on 25 May deal 8 was in Proposal, and 7 was pushed once'
);
SELECT pg_temp.same_rows(
    $$SELECT p.phase, p.deal_count, p.amount, p.weighted_amount, round(p.average_phase_days::numeric, 9), p.stalled_count, p.stalled_amount, p.attention_count
      FROM crm.deal_board_phase('2026-07-01 12:00+09') AS p$$,
    $$SELECT b.phase, count(*), coalesce(sum(b.amount), 0), coalesce(sum(b.weighted_amount), 0), round(avg(b.phase_days)::numeric, 9),
        count(*) FILTER (WHERE b.status = 'stalled'), coalesce(sum(b.amount) FILTER (WHERE b.status = 'stalled'), 0), count(*) FILTER (WHERE b.status = 'attention')
      FROM board AS b GROUP BY b.phase$$,
    'the totals of each phase are those of its cards'
);
SELECT pg_temp.same_rows(
    $$SELECT b.deal_id, b.status, b.reason, b.stall_score FROM crm.deal_board AS b$$,
    $$SELECT b.deal_id, b.status, b.reason, b.stall_score FROM crm.deal_board(now()) AS b$$,
    'the view is the board as of now'
);
SELECT pg_temp.same_rows(
    $$SELECT d.deal_id, d.stall_score FROM crm.deals AS d WHERE d.open$$,
    $$SELECT b.deal_id, b.stall_score FROM crm.deal_board AS b$$,
    'the fact view has the same score'
);

INSERT INTO crm.pipeline (id, name) VALUES (3, 'Long');
INSERT INTO crm.phase (id, pipeline_id, position, name) SELECT 100 + n, 3, n, 'Step ' || n FROM generate_series(1, 100) AS n;
INSERT INTO crm.deal (id, name, phase_id, phase_since, opened_at) VALUES (1000, 'far', 200, '2026-05-01 10:00+09', '2026-05-01 10:00+09');
SELECT results_eq(
    $$SELECT r.sort_order, r.reached_count, r.next_count FROM crm.phase_report('fill', '2026-07-01 12:00+09') AS r
      WHERE r.pipeline = 'Long' AND r.sort_order IN (1, 99, 100) ORDER BY r.sort_order$$,
    $$VALUES (1, 1::bigint, 1::bigint), (99, 1, 1), (100, 1, 0)$$,
    'a pipeline of 100 phases'
);

-- Moved to another pipeline after a win: what was reached stays, the win is not this pipeline's.
UPDATE crm.deal SET phase_id = 101, phase_since = '2026-06-30 10:00+09' WHERE id = 1;
SELECT results_eq(
    $$SELECT r.pipeline, r.phase, r.reached_count, r.won_count, r.lost_here_count FROM crm.phase_report('any', '2026-07-01 12:00+09') AS r WHERE r.phase IN ('Contract', 'Step 1') ORDER BY 1$$,
    $$SELECT 'Direct', r.phase, r.reached_count, r.won_count - 1, r.lost_here_count FROM report_before AS r WHERE r.policy_name = 'any' AND r.phase = 'Contract'
      UNION ALL VALUES ('Long', 'Step 1', 1::bigint, 0::bigint, 0::bigint)$$,
    'a deal that moved to another pipeline has left this one'
);
SELECT results_eq(
    $$SELECT r.won_count FROM crm.phase_report('any', '2026-06-30 09:00+09') AS r WHERE r.phase = 'Contract'$$,
    $$SELECT count(*) FROM way JOIN truth USING (deal_id) WHERE truth.outcome = 'won' AND 3 = ANY (visited)$$,
    'before it did, it was won here'
);

TRUNCATE crm.deal CASCADE;
SELECT is_empty(
    $$SELECT r.phase FROM crm.phase_report AS r UNION ALL SELECT b.phase FROM crm.deal_board AS b UNION ALL SELECT p.phase FROM crm.deal_board_phase AS p$$,
    'no deals, no rows'
);
SELECT * FROM finish();
ROLLBACK;
