/*
 * kpi_day, the flows that levels and running totals are made of: customers who buy and change
 * hands, contracts, and what happens to deals in open phases.  As in kpi_day.sql, what is kept
 * and what is counted from the facts are the same after every change.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
-- hundreds of queries, each compiled for itself, would take minutes
SET jit = off;
\pset tuples_only on
SELECT plan(71);

\ir include/kpi_day.sql
SELECT kept.refresh_kpi_days() \g /dev/null

SELECT pg_temp.holds('purchases, among them first ones, later found and corrected', $$INSERT INTO kept.purchase (account_id, purchased_at, amount, cost) SELECT id, '2025-10-01'::timestamptz + (id % 300) * interval '1 day', 100, 40 FROM kept.account WHERE id % 3 = 0; UPDATE kept.purchase SET amount = -amount WHERE id % 7 = 0; UPDATE kept.purchase SET purchased_at = purchased_at + interval '200 days', cost = NULL WHERE id % 11 = 0; UPDATE kept.purchase SET account_id = (SELECT min(id) FROM kept.account) WHERE id % 13 = 0; DELETE FROM kept.purchase WHERE id % 5 = 0$$);
SELECT pg_temp.holds('contracts', $$UPDATE kept.contract SET ends_on = ends_on + 20 WHERE id % 5 = 0; UPDATE kept.contract SET renewed_by = NULL WHERE id % 6 = 0; UPDATE kept.contract SET product_id = 1, amount_per_month = NULL WHERE id % 7 = 0; DELETE FROM kept.contract WHERE id % 11 = 0 AND renewed_by IS NULL$$);
SELECT pg_temp.holds('customers change hands', $$UPDATE kept.account SET rep_id = 2 WHERE id % 4 = 0; UPDATE kept.account SET rep_id = NULL WHERE id % 9 = 0; UPDATE kept.account SET name = name || '!'$$);
SELECT pg_temp.holds('deals are expected at another time', $$UPDATE kept.deal SET expected_close_on = expected_close_on + 45 WHERE closed_at IS NULL AND id % 2 = 0; UPDATE kept.deal SET expected_close_on = NULL WHERE id % 5 = 1; UPDATE kept.deal SET expected_close_on = phase_since::date - 3 WHERE id % 5 = 2; UPDATE kept.deal SET expected_close_on = opened_at::date + 30 WHERE id % 5 = 3$$);
SELECT pg_temp.holds('open deals change hands', $$UPDATE kept.deal SET rep_id = 1 + id % 3, product_id = 1 + id % 2 WHERE closed_at IS NULL$$);
SELECT pg_temp.holds('and are given back as they move', $$UPDATE kept.deal SET rep_id = stay.rep_id, product_id = stay.product_id, phase_id = (SELECT phase.id FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id AND phase.id <> deal.phase_id AND phase.kind = 'open' ORDER BY phase.position DESC LIMIT 1), phase_since = '2026-05-31 12:00+09' FROM kept.phase_stay AS stay WHERE stay.deal_id = deal.id AND stay.left_at IS NULL AND deal.closed_at IS NULL AND deal.phase_since < '2026-05-31 12:00+09' AND deal.id % 2 = 0$$);
SELECT pg_temp.holds('they move, and nothing else', $$UPDATE kept.deal SET phase_id = (SELECT phase.id FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id AND phase.id <> deal.phase_id AND phase.kind = 'open' ORDER BY phase.position LIMIT 1), phase_since = '2026-05-31 20:00+09' WHERE closed_at IS NULL AND phase_since < '2026-05-31 20:00+09' AND id % 3 = 0$$);
-- one deal, so that no other one's days are counted again
SELECT pg_temp.holds('a deal begins in a likely phase', $$INSERT INTO kept.deal (name, phase_id, rep_id, opened_at, expected_close_on) SELECT 'likely', phase.id, 1, '2026-02-10 10:00+09', '2026-03-20' FROM kept.phase WHERE phase.kind = 'open' AND phase.win_probability >= 0.5 LIMIT 1$$);
SELECT pg_temp.holds('it goes to another rep', $$INSERT INTO kept.deal_event (deal_id, at, rep_id) SELECT id, '2026-02-12', 3 FROM kept.deal WHERE name = 'likely'; SELECT kept.rebuild_history()$$);
SELECT pg_temp.holds('it is won', $$UPDATE kept.deal SET phase_id = (SELECT phase.id FROM kept.phase WHERE phase.pipeline_id = deal.pipeline_id AND phase.kind = 'won' LIMIT 1), phase_since = '2026-03-10 10:00+09' WHERE name = 'likely'$$);
SELECT pg_temp.holds('later than expected, it turns out', $$UPDATE kept.deal SET expected_close_on = '2026-02-25' WHERE name = 'likely'$$);
SELECT pg_temp.holds('which was before it was there', $$UPDATE kept.deal SET expected_close_on = '2026-02-05' WHERE name = 'likely'$$);
SELECT pg_temp.holds('or after all', $$UPDATE kept.deal SET expected_close_on = '2026-04-20' WHERE name = 'likely'$$);
SELECT pg_temp.holds('the first rep was another one', $$INSERT INTO kept.deal_event (deal_id, at, phase_id, rep_id) SELECT stay.deal_id, stay.entered_at, stay.phase_id, 2 FROM kept.phase_stay AS stay JOIN kept.deal ON deal.id = stay.deal_id WHERE deal.name = 'likely' AND stay.stay_no = 1; SELECT kept.rebuild_history()$$);
SELECT pg_temp.holds('it is deleted', $$DELETE FROM kept.deal WHERE name = 'likely'$$);
SELECT pg_temp.holds('a deal of nobody', $$INSERT INTO kept.deal (name, phase_id, opened_at) SELECT 'nobody', phase.id, '2026-02-10 10:00+09' FROM kept.phase WHERE phase.kind = 'open' AND phase.win_probability >= 0.5 LIMIT 1$$);
SELECT pg_temp.holds('is deleted', $$DELETE FROM kept.deal WHERE name = 'nobody'$$);
SELECT pg_temp.holds('another probability is likely', $$UPDATE kept.setting SET prospect_min_probability = 0.2$$);
SELECT pg_temp.holds('in settings that are written anew', $$CREATE TEMP TABLE former AS TABLE kept.setting; UPDATE former SET prospect_min_probability = 0.4; TRUNCATE kept.setting; INSERT INTO kept.setting TABLE former; DROP TABLE former$$);
-- dates reach further than instants
SELECT pg_temp.holds('the end of all days', $$UPDATE kept.deal SET expected_close_on = '294277-01-01' WHERE id = (SELECT min(id) FROM kept.deal WHERE closed_at IS NULL); UPDATE kept.contract SET ends_on = '400000-05-05' WHERE id = (SELECT max(id) FROM kept.contract)$$);
SELECT pg_temp.holds('is not that far', $$UPDATE kept.deal SET expected_close_on = '2026-06-01' WHERE expected_close_on = '294277-01-01'; UPDATE kept.contract SET ends_on = '2026-05-05' WHERE ends_on = '400000-05-05'$$);
SELECT pg_temp.holds('a phase is more likely from now on, and was not before', $$UPDATE kept.phase SET win_probability = 0.9 WHERE id = (SELECT min(id) FROM kept.phase WHERE kind = 'open')$$);
SELECT is(pg_temp.differences('2026-05-31 23:00+09', 2), 0::bigint, 'as of before it was');
SELECT pg_temp.holds('that is corrected', $$UPDATE kept.phase_version SET win_probability = 0.8$$);
SELECT is(pg_temp.differences(), 0::bigint, 'by every grain');

SELECT * FROM finish();
ROLLBACK;
