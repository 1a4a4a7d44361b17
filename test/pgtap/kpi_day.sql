/*
 * kpi_day: the same numbers, sooner.  Whatever is written, a KPI taken from the kept days and
 * those that changed is the one that is counted from the facts, before and after a refresh.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
-- hundreds of queries, each compiled for itself, would take minutes
SET jit = off;
\pset tuples_only on
SELECT plan(135);

\ir include/kpi_day.sql

-- The reports that are made of such parts.
CREATE FUNCTION pg_temp.reported(kept text, as_of timestamptz) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('kpicrm.kpi_days', kept, true);
    RETURN QUERY
        SELECT r::text FROM kept.activity_effort('2025-10-15', '2026-08-01', NULL, as_of, 'month') AS r
        UNION ALL
        SELECT r::text FROM kept.activity_effort(NULL, NULL, 'rep', as_of, 'all') AS r
        UNION ALL
        SELECT r::text FROM kept.lead_source_report('2025-10-15', '2026-08-01', NULL, as_of, 'week') AS r
        UNION ALL
        SELECT r::text FROM kept.lead_source_report(as_of => as_of, grain => 'all') AS r;
END;
$$;
-- -------------------------------------------------------------------- switched on
SELECT is(pg_temp.kept(), '{}', 'nothing is kept before the first refresh');
SELECT is(kept.refresh_kpi_days() > 1000, true, 'the first refresh counts all days');
SELECT is(
    pg_temp.kept(), '{average_deal_amount,contact_count,deal_count,expected_amount,gross_profit,lead_count,lead_time_days,new_customer_count,opportunity_rate,renewal_rate,revenue,visit_count,win_rate}',
    'what adds up by day is kept'
);
SELECT is(kept.refresh_kpi_days(), 0::bigint, 'nothing to do again');
SELECT is(
    (SELECT count(*) FROM kept.kpi_definition() AS part WHERE part.code LIKE '%.%' AND part.code = ANY (kept.kpi_day_kept(ARRAY[part.code], :at))),
    (SELECT count(*) FROM kept.kpi_definition() AS part WHERE part.code LIKE '%.%' AND part.code <> 'long_prospect_count.begun'),
    'so are all parts of reports, and the flows that levels and running totals are made of'
);
SELECT is(pg_temp.differences(), 0::bigint, 'taken from kept days: nothing differs');
SELECT is_empty('SELECT * FROM kept.check_kpi_days()', 'all days are right');
SELECT is((SELECT count(*) FROM kept.kpi_day_stale), 0::bigint, 'and none is noted');
SELECT is(pg_temp.differences('2026-07-15 09:00+09'), 0::bigint, 'as of a later instant');
SELECT is(pg_temp.differences('2026-02-14 12:00+09'), 0::bigint, 'as of an earlier one');
SELECT is(pg_temp.kept('2026-02-14 12:00+09'), '{contact_count,deal_count,new_customer_count,renewal_rate,visit_count}', 'for which what depends on later changes of deals is counted');
SELECT results_eq(
    format($$SELECT * FROM pg_temp.reported('on', %L) AS line ORDER BY line$$, as_of),
    format($$SELECT * FROM pg_temp.reported('off', %L) AS line ORDER BY line$$, as_of),
    'reports as of ' || as_of
)
FROM unnest('{2026-06-01 09:00+09,2026-07-15 09:00+09,2026-02-14 12:00+09}'::text[]) AS as_of;

-- It is read: what stands there is shown, and check_kpi_days() finds what is wrong.
UPDATE kept.kpi_day SET numerators = ARRAY[numerators[1] + 1000000] WHERE kpi_code = 'lead_count' AND dimension_name = 'all' AND day = (SELECT min(day) FROM kept.kpi_day WHERE kpi_code = 'lead_count' AND day >= '2025-05-01');
SELECT set_config('kpicrm.kpi_days', 'on', true) \g /dev/null
SELECT ok((SELECT value FROM kept.kpi_series('lead_count', '2025-05-01', '2025-06-01', as_of => :at)) > 1000000, 'a wrong number there is seen in the report');
SELECT is((SELECT array_agg(kpi_name) FROM kept.check_kpi_days()), '{lead_count}', 'and found by check_kpi_days');
UPDATE kept.kpi_day SET numerators = ARRAY[numerators[1] - 1000000] WHERE kpi_code = 'lead_count' AND dimension_name = 'all' AND numerators[1] > 1000000;
SELECT is_empty('SELECT * FROM kept.check_kpi_days()', 'mended');
SELECT ok(kept.kpi_day_pace_until(:at) > '2026-05-01' AND kept.kpi_day_pace_until(:at) <= :at, 'the stays that are over are kept until the day of the last move');
SAVEPOINT pace;
UPDATE kept.kpi_day_pace SET stays = (SELECT other.stays FROM kept.kpi_day_pace AS other WHERE other.phase_id = 2) WHERE phase_id = 1;
SELECT is(pg_temp.pace_differences(:at) > 0, true, 'and read: a wrong state is seen in the pace');
SELECT set_config('kpicrm.kpi_days', 'on', true) \g /dev/null
SELECT is((SELECT array_agg(kpi_name) FROM kept.check_kpi_days()), '{phase_pace}', 'and found');
ROLLBACK TO pace;

-- ---------------------------------------------------------------------- what changes
SELECT pg_temp.holds('leads come in', $$INSERT INTO kept.lead (name, source_id, rep_id, created_at) SELECT 'new', 1, 1 + n % 3, '2026-03-01'::timestamptz + n * interval '9 hours' FROM generate_series(1, 40) AS n$$);
SELECT pg_temp.holds('leads change hands, source and day', $$UPDATE kept.lead SET rep_id = 2, source_id = 2, created_at = created_at - interval '40 days', qualified_at = NULL, disqualified_at = NULL WHERE id % 17 = 0$$);
SELECT pg_temp.holds('leads go', $$DELETE FROM kept.lead WHERE name = 'new' AND id % 2 = 0$$);
SELECT pg_temp.holds('deals of old leads', $$INSERT INTO kept.deal (name, phase_id, lead_id, rep_id, amount, opened_at) SELECT 'late', (SELECT min(id) FROM kept.phase), id, 1, 1000, '2026-05-20' FROM kept.lead WHERE id % 23 = 0$$);
SELECT pg_temp.holds('deals are won and lost', $$UPDATE kept.deal SET phase_id = (SELECT phase.id FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id AND phase.kind = CASE deal.id % 2 WHEN 0 THEN 'won' ELSE 'lost' END LIMIT 1), phase_since = '2026-05-30' WHERE name = 'late'$$);
SELECT pg_temp.holds('deals are reopened', $$UPDATE kept.deal SET phase_id = (SELECT min(phase.id) FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id), phase_since = '2026-05-31 10:00+09' WHERE closed_at IS NOT NULL AND id % 7 = 0$$);
SELECT pg_temp.holds('amounts, products and sources of old deals', $$UPDATE kept.deal SET amount = amount + 7, product_id = 1, source_id = 3, cost = 1 WHERE id % 5 = 0$$);
SELECT pg_temp.holds('openings are backdated', $$UPDATE kept.deal SET opened_at = opened_at - interval '3 days', lead_id = NULL WHERE id % 11 = 0$$);
SELECT pg_temp.holds('deals are deleted', $$DELETE FROM kept.deal WHERE id % 13 = 0$$);
SELECT pg_temp.holds('the past is corrected', $$INSERT INTO kept.deal_event (deal_id, at, phase_id, rep_id) SELECT deal.id, deal.opened_at, (SELECT min(id) FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id), 3 FROM kept.deal WHERE deal.id % 9 = 0; SELECT kept.rebuild_history()$$);
SELECT pg_temp.holds('activities', $$INSERT INTO kept.activity (activity_type_id, rep_id, deal_id, started_at, done) SELECT 1, 1, (SELECT min(id) FROM kept.deal), '2026-05-01'::timestamptz + n * interval '11 hours', true FROM generate_series(1, 30) AS n; UPDATE kept.activity SET done = NOT done WHERE id % 19 = 0; DELETE FROM kept.activity WHERE id % 31 = 0$$);
SELECT pg_temp.holds('work is found out later, before openings and closings', $$INSERT INTO kept.activity (activity_type_id, rep_id, deal_id, started_at, ended_at, done) SELECT 1, 1, id, opened_at - interval '2 hours', opened_at - interval '1 hour', true FROM kept.deal WHERE id % 6 = 0; INSERT INTO kept.activity (activity_type_id, rep_id, lead_id, started_at, ended_at, done) SELECT 1, 2, id, created_at - interval '2 hours', created_at + interval '20 minutes', true FROM kept.lead WHERE id % 8 = 0$$);
SELECT pg_temp.holds('it was longer, earlier, and for another', $$UPDATE kept.activity SET ended_at = ended_at + interval '7 minutes' WHERE id % 4 = 0; UPDATE kept.activity SET started_at = started_at - interval '30 days', ended_at = ended_at - interval '30 days' WHERE id % 9 = 0; UPDATE kept.activity SET deal_id = NULL, lead_id = (SELECT max(id) FROM kept.lead) WHERE id % 25 = 0; UPDATE kept.activity SET lead_id = NULL, deal_id = (SELECT min(id) FROM kept.deal WHERE closed_at IS NOT NULL) WHERE id % 26 = 0$$);
SELECT pg_temp.holds('deals get other leads', $$UPDATE kept.deal SET lead_id = (SELECT lead.id FROM kept.lead WHERE lead.id <> deal.lead_id ORDER BY (lead.id * 7919) % 1009, deal.id LIMIT 1) WHERE id % 10 = 0 AND lead_id IS NOT NULL; UPDATE kept.deal SET lead_id = (SELECT min(id) FROM kept.lead) WHERE lead_id IS NULL AND id % 4 = 0$$);
SELECT pg_temp.holds('something was done in the future', $$UPDATE kept.activity SET started_at = '2026-06-10', ended_at = '2026-06-10 01:00+00', done = true WHERE id = (SELECT min(id) FROM kept.activity WHERE lead_id IS NOT NULL AND deal_id IS NULL AND done)$$);
SELECT set_config('kpicrm.kpi_days', 'on', true) \g /dev/null
SELECT ok(NOT 'lead_source_report.activity' = ANY (kept.kpi_day_kept('{lead_source_report.activity}', '2026-06-08')), 'until then what was done for leads is counted');
SELECT is(pg_temp.differences('2026-06-11'), 0::bigint, 'and after then nothing differs');
SELECT pg_temp.holds('it was not', $$UPDATE kept.activity SET started_at = '2026-05-10', ended_at = '2026-05-10 01:00+00' WHERE started_at = '2026-06-10'$$);
SELECT set_config('kpicrm.kpi_days', 'on', true) \g /dev/null
SELECT ok('lead_source_report.activity' = ANY (kept.kpi_day_kept('{lead_source_report.activity}', '2026-06-08')), 'so what was done for leads is kept again');
SELECT pg_temp.holds('a rep changes team', $$UPDATE kept.sales_rep SET team_id = (SELECT max(id) FROM kept.sales_team) WHERE id % 2 = 0$$);
SELECT pg_temp.holds('another kind counts as a visit', $$UPDATE kept.activity_type SET counts_as_visit = NOT counts_as_visit WHERE id = 1$$);
SELECT pg_temp.holds('a phase is won from now on', $$UPDATE kept.phase SET kind = 'won', win_probability = 1 WHERE id = (SELECT max(id) FROM kept.phase WHERE kind = 'open')$$);
SELECT pg_temp.holds('what its deals are worth, whose closed_at is not in line yet', $$UPDATE kept.deal SET amount = amount + 3 FROM kept.phase WHERE phase.id = deal.phase_id AND phase.kind = 'won' AND deal.closed_at IS NULL$$);
SELECT pg_temp.holds('and what was done for them', $$INSERT INTO kept.activity (activity_type_id, rep_id, deal_id, started_at, ended_at, done) SELECT 1, 1, deal.id, deal.phase_since - interval '2 hours', deal.phase_since - interval '1 hour', true FROM kept.deal JOIN kept.phase ON phase.id = deal.phase_id AND phase.kind = 'won' WHERE deal.closed_at IS NULL$$);
INSERT INTO kept.pipeline (name) VALUES ('Former') \g /dev/null
INSERT INTO kept.phase (pipeline_id, name, position, kind, win_probability) SELECT min(pipeline_id), 'Talk', 99, 'open', 0.1 FROM kept.phase \g /dev/null
INSERT INTO kept.deal (name, phase_id, opened_at) SELECT 'talked', id, '2026-03-02 10:00+00' FROM kept.phase WHERE name = 'Talk' \g /dev/null
UPDATE kept.deal SET phase_id = (SELECT min(id) FROM kept.phase), phase_since = '2026-03-05' WHERE name = 'talked';
SELECT pg_temp.holds('a phase that no deal is in any more', 'SELECT kept.refresh_kpi_days()');
SELECT pg_temp.holds('goes to another pipeline', $$UPDATE kept.phase SET pipeline_id = (SELECT id FROM kept.pipeline WHERE name = 'Former') WHERE name = 'Talk'$$);
SELECT pg_temp.holds('a lead while the time zone was another one for a moment', $$UPDATE kept.setting SET time_zone = 'UTC'; INSERT INTO kept.lead (name, source_id, created_at) VALUES ('evening', 1, '2026-05-01 20:00+00'); UPDATE kept.setting SET time_zone = 'Asia/Tokyo'$$);
-- clocks that skip a day, and that go back across midnight
SELECT pg_temp.holds('a day that the clocks skipped', $$UPDATE kept.setting SET time_zone = 'Pacific/Apia'; UPDATE kept.contract SET starts_on = '2011-01-01', ends_on = '2011-12-30', renewed_by = NULL WHERE id = (SELECT min(id) FROM kept.contract)$$);
SELECT pg_temp.holds('is noted', $$DELETE FROM kept.contract WHERE ends_on = '2011-12-30'$$);
SELECT pg_temp.holds('purchases while clocks go back', $$UPDATE kept.setting SET time_zone = 'America/St_Johns'; INSERT INTO kept.account (id, name) VALUES (777777, 'x'); INSERT INTO kept.purchase (account_id, purchased_at, amount) VALUES (777777, '2010-11-07 00:00:30-02:30', 1)$$);
SELECT pg_temp.holds('the day before comes after', $$INSERT INTO kept.purchase (account_id, purchased_at, amount) VALUES (777777, '2010-11-07 00:10-02:30', 1)$$);
SELECT pg_temp.holds('another time zone', $$UPDATE kept.setting SET time_zone = 'America/New_York'$$);
SELECT pg_temp.holds('another definition', $$UPDATE kept.kpi SET condition = 'rep_id <> 1' WHERE code = 'lead_count'; INSERT INTO kept.kpi (code, name, name_ja, unit, fact, date_column, numerator) VALUES ('big_deal_count', 'Big deals', '大型商談', 'count', 'deal_opening', 'opened_date', 'count(*) FILTER (WHERE amount > 1000000)')$$);
SELECT ok('big_deal_count' = ANY (pg_temp.kept()), 'a KPI of one''s own is kept, too');
SELECT pg_temp.holds('a deal enters a phase in the future', $$UPDATE kept.deal SET phase_since = '2026-06-20', phase_id = (SELECT phase.id FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id AND phase.kind = 'won' LIMIT 1) WHERE id = (SELECT min(id) FROM kept.deal)$$);
SELECT is(pg_temp.kept(), '{big_deal_count,contact_count,deal_count,lead_count,new_customer_count,opportunity_rate,renewal_rate,visit_count}', 'until then what depends on it is counted');
SELECT is(pg_temp.differences('2026-06-21'), 0::bigint, 'and after then nothing differs');
SELECT pg_temp.holds('no activities at all', 'TRUNCATE kept.activity');
SELECT is(pg_temp.differences(), 0::bigint, 'by every grain');

-- ------------------------------------------------------------------------- who reads
CREATE ROLE kpi_day_reader;
SELECT kpicrm.grant_workspace('kept', 'kpi_day_reader') \g /dev/null
GRANT USAGE ON SCHEMA public TO kpi_day_reader;
ALTER TABLE kept.lead ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON kept.lead USING (rep_id = 2);
SET ROLE kpi_day_reader;
SELECT is((SELECT sum(numerator) FROM kept.kpi_series('lead_count', '2025-01-01', '2026-01-01', 'year')), (SELECT count(*)::numeric FROM kept.lead WHERE created_at >= '2025-01-01 00:00-05' AND created_at < '2026-01-01 00:00-05' AND rep_id <> 1), 'under row security a reader has the KPI of the rows he may see');
SELECT throws_ok('SELECT kept.refresh_kpi_days()', '42501', 'role "kpi_day_reader" cannot see all rows of lead_fact, lead_outcome', 'and cannot write them for all');
RESET ROLE;
ALTER TABLE kept.lead DISABLE ROW LEVEL SECURITY;
REVOKE SELECT ON kept.kpi_day_stale FROM kpi_day_reader;
SET ROLE kpi_day_reader;
SELECT lives_ok($$SELECT * FROM kept.kpi_series('lead_count', '2025-01-01', '2026-01-01', 'year')$$, 'who may not read kpi_day counts the facts');
RESET ROLE;

-- A telephone system writes what it was granted, and cannot know which days that is about.
CREATE ROLE kpi_day_writer;
GRANT USAGE ON SCHEMA kept TO kpi_day_writer;
GRANT INSERT ON kept.activity, kept.kpi_day_stale TO kpi_day_writer;
GRANT SELECT ON kept.setting TO kpi_day_writer;
SELECT kept.refresh_kpi_days() \g /dev/null
SET ROLE kpi_day_writer;
SELECT lives_ok($$INSERT INTO kept.activity (activity_type_id, deal_id, ended_at, done) SELECT 1, 1, '2026-05-01', true$$, 'who may not read deals can write activities');
RESET ROLE;
SELECT set_eq($$SELECT fact, is_whole FROM kept.kpi_day_stale$$, $$VALUES ('activity_fact', false), ('deal_effort', true), ('lead_outcome', true)$$, 'and notes what depends on them whole');

-- ---------------------------------------------------------------------- switched off
ALTER TABLE kept.lead DISABLE TRIGGER kpi_day_on_insert;
SELECT is(pg_temp.kept(), '{}', 'without one of the triggers nothing is kept');
INSERT INTO kept.lead (name, created_at) VALUES ('unnoticed', '2026-04-01');
SELECT pg_temp.holds('the next refresh starts anew', 'SELECT kept.refresh_kpi_days()');
SELECT kept.stop_kpi_days() \g /dev/null
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'kpi\_day\_%'), 0::bigint, 'no trigger is left');
SELECT is((SELECT count(*) FROM kept.kpi_day) + (SELECT count(*) FROM kept.kpi_day_cover) + (SELECT count(*) FROM kept.kpi_day_stale), 0::bigint, 'and no row');
SELECT is(kept.refresh_kpi_days() > 100, true, 'it can be started again');

SELECT * FROM finish();
ROLLBACK;
