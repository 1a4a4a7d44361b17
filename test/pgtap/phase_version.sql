/*
 * Phases that are renamed, moved, weighted anew or added later: reports as of an
 * earlier instant show what was true then, to the last row.
 */
BEGIN;
\ir include/small_pipeline.sql
\pset tuples_only on
SELECT plan(16);

CREATE FUNCTION pg_temp.picture(as_of timestamptz) RETURNS TABLE (report text, line text)
    LANGUAGE sql STABLE
AS $$
    SELECT 'phase_report', r::text FROM crm.phase_report(as_of => picture.as_of) AS r
    UNION ALL
    SELECT 'deal_board', r::text FROM crm.deal_board(picture.as_of) AS r
    UNION ALL
    SELECT 'deal_board_phase', r::text FROM crm.deal_board_phase(picture.as_of) AS r
    UNION ALL
    SELECT 'sales_vs_target', r::text FROM crm.sales_vs_target(as_of => picture.as_of) AS r
    UNION ALL
    SELECT 'activity_report', r::text FROM crm.activity_report(as_of => picture.as_of) AS r
    UNION ALL
    SELECT 'prospects', r::text FROM crm.kpi_series('prospect_deal_count', '2025-01-01', '2026-07-02', as_of => picture.as_of) AS r
$$;
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.picture('2026-07-01 12:00+09');
SELECT is(
    (SELECT count(DISTINCT report) FROM before), 6::bigint,
    'each of the reports has something to show'
);

-- Everything changes, now.
UPDATE crm.phase SET name = 'New ' || name, win_probability = 1 - win_probability WHERE kind = 'open';
SET CONSTRAINTS ALL DEFERRED;
UPDATE crm.phase SET position = CASE id WHEN 11 THEN 3 WHEN 13 THEN 1 END WHERE id IN (11, 13);
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO crm.phase (id, pipeline_id, position, name, kind, win_probability) VALUES
    (18, 1, 8, 'Trial', 'open', 0.9),
    (24, 2, 4, 'Trial', 'open', 0.9);

SELECT bag_eq(
    $$SELECT report, line FROM pg_temp.picture('2026-07-01 12:00+09')$$,
    $$SELECT report, line FROM before$$,
    'as of an earlier instant nothing has changed'
);
SELECT isnt_empty(
    $$SELECT report, line FROM pg_temp.picture(now() + INTERVAL '1 hour') EXCEPT SELECT report, line FROM before$$,
    'later everything has'
);
SELECT results_eq(
    $$SELECT DISTINCT phase, sort_order FROM crm.phase_report('fill', clock_timestamp()) WHERE pipeline_id = 1 ORDER BY 2$$,
    $$VALUES ('New Contract', 1), ('New Proposal', 2), ('New Approach', 3), ('Trial', 4)$$,
    'the new names in the new order'
);
SELECT results_eq(
    $$SELECT id, name, position, win_probability FROM crm.phase_as_of('2026-07-01') WHERE kind = 'open' ORDER BY id$$,
    $$VALUES (11::bigint, 'Approach', 1, 0.1::float8), (12, 'Proposal', 2, 0.3), (13, 'Contract', 3, 0.6), (21, 'Referral', 1, 0.5)$$,
    'the phases as they were'
);
SELECT bag_eq(
    $$SELECT id, name, position, kind, win_probability, stall_after FROM crm.phase_as_of(clock_timestamp())$$,
    $$SELECT id, name, position, kind, win_probability, stall_after FROM crm.phase$$,
    'and as they are'
);
SELECT is(
    (SELECT count(*) FROM crm.phase WHERE added_at IS NOT NULL), 2::bigint,
    'only phases added to a pipeline with deals are dated'
);

-- What does not change leaves nothing.
CREATE TEMP TABLE versions AS SELECT * FROM crm.phase_version;
UPDATE crm.phase SET name = name, stall_after = INTERVAL '3 days';
SELECT bag_eq($$SELECT * FROM crm.phase_version$$, $$SELECT * FROM versions$$, 'an update that changes none of the three leaves no version');

-- Several changes: each instant has its own.
INSERT INTO crm.phase_version (phase_id, valid_until, name, position, win_probability) VALUES
    (22, '2026-01-01 00:00+09', 'Oral yes', 2, 0.9),
    (22, '2026-03-01 00:00+09', 'Written yes', 2, NULL);
SELECT results_eq(
    $$SELECT phase.name, phase.win_probability
      FROM (VALUES (timestamptz '2025-12-31 23:59+09'), ('2026-01-01 00:00+09'), ('2026-02-28 23:59+09'), ('2026-03-01 00:00+09')) AS probe (at)
      CROSS JOIN LATERAL crm.phase_as_of(probe.at) AS phase
      WHERE phase.id = 22
      ORDER BY probe.at$$,
    $$VALUES ('Oral yes', 0.9::float8), ('Written yes', NULL), ('Written yes', NULL), ('Signed', 1)$$,
    'a version holds until just before the instant of its change, also without a probability'
);

-- A phase added now in which deals were: it was there from the first of them.
INSERT INTO crm.deal (id, name, pipeline_id, phase_id, opened_at, amount) VALUES (2000, 'imported', 1, 18, '2026-05-05 10:00+09', 1);
SELECT is_empty($$SELECT 1 FROM crm.phase_as_of('2026-05-05 09:59+09') WHERE id = 18$$, 'an added phase was not there before');
SELECT isnt_empty($$SELECT 1 FROM crm.phase_as_of('2026-05-05 10:00+09') WHERE id = 18$$, 'but was when a deal was in it');
SELECT ok(
    (SELECT reached_count = 1 FROM crm.phase_report('any', '2026-07-01 12:00+09') WHERE phase_id = 18),
    'and the deal counts in it'
);

-- Who loads rows as they are.
SET kpicrm.history = 'off';
UPDATE crm.phase SET name = 'silent' WHERE id = 12;
INSERT INTO crm.phase (id, pipeline_id, position, name, kind) VALUES (30, 1, 30, 'loaded', 'open');
RESET kpicrm.history;
SELECT is((SELECT count(*) FROM crm.phase_version WHERE name = 'New Proposal'), 0::bigint, 'nothing is kept while history is off');
SELECT is((SELECT added_at FROM crm.phase WHERE id = 30), NULL, 'and nothing dated');

UPDATE crm.phase SET name = 'first' WHERE id = 30;
SELECT is(
    (SELECT array_agg(name ORDER BY valid_until) FROM crm.phase_version WHERE phase_id = 30),
    '{loaded}',
    'one change, one version'
);
DELETE FROM crm.phase WHERE id = 30;
SELECT is_empty($$SELECT 1 FROM crm.phase_version WHERE phase_id = 30$$, 'a phase that no deal was in goes with its versions');
SELECT * FROM finish();
ROLLBACK;
