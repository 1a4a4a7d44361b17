/*
 * data_quality: each check finds the row that was made for it, and nothing else.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(19);

SELECT kpicrm.create_workspace('quality') \g /dev/null
SET search_path = quality, public, pg_catalog;
UPDATE setting SET time_zone = 'Asia/Tokyo', fiscal_start_month = 4;
\set as_of '''2026-06-15 16:00+00'''

INSERT INTO sales_rep (id, name) VALUES (1, 'Aoi');
INSERT INTO lead_source (id, name) VALUES (1, 'web');
INSERT INTO account (id, name) VALUES (1, 'Asahi Trading'), (2, ' asahi trading'), (3, 'Other');
INSERT INTO pipeline (id, name) VALUES (1, 'new'), (2, 'endless');
INSERT INTO phase (id, pipeline_id, name, position, kind, win_probability) VALUES
    (1, 1, 'contact', 1, 'open', 0.3),
    (2, 1, 'proposal', 2, 'open', 0.2),
    (3, 1, 'won', 3, 'won', 1),
    (4, 1, 'lost', 4, 'lost', 0),
    (5, 2, 'talking', 1, 'open', NULL);
INSERT INTO lead (id, name, source_id, created_at) VALUES
    (1, 'fine', 1, '2026-01-01'),
    (2, 'from nowhere', NULL, '2026-01-01'),
    (3, 'too early', 1, '2026-07-01');

-- The first of each table is as it should be.
SET kpicrm.history = 'off';
INSERT INTO deal (id, name, pipeline_id, phase_id, phase_since, opened_at, closed_at, amount, expected_close_on, rep_id, source_id, lead_id) VALUES
    (1, 'fine', 1, 1, '2026-02-01', '2026-02-01', NULL, 100, '2026-06-16', 1, 1, 1),
    (2, 'won for nothing', 1, 3, '2026-02-02', '2026-02-01', '2026-02-02', NULL, '2026-02-02', 1, 1, NULL),
    (3, 'negative', 1, 4, '2026-02-02', '2026-02-01', '2026-02-02', -5, '2026-02-02', 1, 1, NULL),
    (4, 'vague', 1, 1, '2026-02-01', '2026-02-01', NULL, NULL, NULL, 1, 1, NULL),
    -- it is the 16th in Tokyo, though still the 15th in UTC
    (5, 'late', 1, 1, '2026-02-01', '2026-02-01', NULL, 100, '2026-06-15', 1, 1, NULL),
    (6, 'orphan', 1, 1, '2026-02-01', '2026-02-01', NULL, 100, '2026-12-31', NULL, NULL, NULL),
    (7, 'ahead', 1, 1, '2026-06-15 16:01+00', '2026-02-01', NULL, 100, '2026-12-31', 1, 1, NULL),
    (8, 'open and closed', 1, 1, '2026-02-01', '2026-02-01', '2026-03-01', 100, '2026-12-31', 1, 1, NULL),
    (9, 'before its lead', 1, 1, '2025-12-31', '2025-12-31', NULL, 100, '2026-12-31', 1, 1, 1),
    (10, 'won at once', 1, 3, '2026-02-01', '2026-02-01', '2026-02-01', 100, '2026-02-01', 1, 1, NULL);
RESET kpicrm.history;

INSERT INTO activity_type (id, name) VALUES (1, 'call');
INSERT INTO activity (id, name, activity_type_id, rep_id, account_id, planned_at, started_at, ended_at, done) VALUES
    (1, 'fine', 1, 1, 1, '2026-02-01', '2026-02-01 10:00', '2026-02-01 11:00', true),
    (2, 'planned', 1, 1, 1, '2026-12-01', NULL, NULL, false),
    (3, 'when?', 1, 1, 1, NULL, NULL, NULL, true),
    (4, 'how long?', 1, 1, 1, NULL, '2026-02-01', NULL, true),
    (5, 'endless', 1, 1, 1, NULL, '2026-02-01', '2026-02-03', true),
    (6, 'tomorrow', 1, 1, 1, NULL, '2026-06-16 10:00', '2026-06-16 11:00', true),
    (7, 'for nobody by nobody', 1, NULL, NULL, NULL, '2026-02-01 10:00', '2026-02-01 11:00', true);
INSERT INTO purchase (id, account_id, purchased_at, amount) VALUES (1, 1, '2026-02-01', 10), (2, 1, '2026-02-01', -10), (3, 1, '2026-07-01', 10);
INSERT INTO contract (id, account_id, starts_on, ends_on, amount_per_month, cancelled_on) VALUES
    (1, 1, '2025-04-01', '2026-03-31', 10, NULL),
    (2, 1, '2026-04-01', '2027-03-31', 10, NULL),
    (3, 1, '2027-03-31', '2027-12-31', 10, NULL),
    (4, 3, '2026-04-01', '2027-03-31', NULL, '2026-03-31');
ALTER TABLE target DISABLE TRIGGER USER;
INSERT INTO target (id, kpi_code, grain, period_start, value) VALUES (1, 'revenue', 'quarter', '2026-04-01', 5), (2, 'revenue', 'quarter', '2026-05-01', 5);
ALTER TABLE target ENABLE TRIGGER USER;

SELECT bag_eq(
    format('SELECT check_name, severity, table_name, row_id FROM data_quality(%L)', :as_of),
    $$VALUES
        ('won_without_amount', 'error', 'deal', 2::bigint),
        ('negative_amount', 'error', 'deal', 3),
        ('open_without_amount', 'warning', 'deal', 4),
        ('open_without_close_date', 'warning', 'deal', 4),
        ('close_date_passed', 'warning', 'deal', 5),
        ('deal_without_rep', 'warning', 'deal', 6),
        ('deal_without_source', 'info', 'deal', 6),
        ('deal_in_the_future', 'error', 'deal', 7),
        ('closing_does_not_fit', 'error', 'deal', 8),
        ('deal_before_lead', 'warning', 'deal', 9),
        ('closed_when_opened', 'warning', 'deal', 10),
        ('lead_without_source', 'info', 'lead', 2),
        ('lead_in_the_future', 'error', 'lead', 3),
        ('done_without_time', 'warning', 'activity', 3),
        ('done_without_end', 'info', 'activity', 4),
        ('activity_longer_than_a_day', 'warning', 'activity', 5),
        ('done_in_the_future', 'error', 'activity', 6),
        ('activity_for_nothing', 'info', 'activity', 7),
        ('activity_without_rep', 'info', 'activity', 7),
        ('purchase_not_positive', 'info', 'purchase', 2),
        ('purchase_in_the_future', 'error', 'purchase', 3),
        ('contracts_overlap', 'warning', 'contract', 3),
        ('cancelled_before_start', 'warning', 'contract', 4),
        ('contract_without_amount', 'info', 'contract', 4),
        ('account_twice', 'warning', 'account', 2),
        ('phase_without_probability', 'warning', 'phase', 5),
        ('probability_falls', 'warning', 'phase', 2),
        ('pipeline_without_win', 'error', 'pipeline', 2),
        ('target_off_period', 'error', 'target', 2)$$,
    'each check finds its row'
);
SELECT is(problem, expected, check_name || ' says what is wrong')
FROM data_quality(:as_of)
JOIN (VALUES
    ('negative_amount', 'amount -5.00'),
    ('close_date_passed', 'expected to close on 2026-06-15, still open'),
    ('probability_falls', 'win probability 0.2 after 0.3'),
    ('contracts_overlap', 'begins on 2027-03-31, but another one with the same account and product ends on 2027-03-31'),
    ('target_off_period', 'begins on 2026-05-01, its quarter on 2026-04-01'),
    ('activity_longer_than_a_day', 'took 48 hours')
) AS said (check_name, expected) USING (check_name)
ORDER BY check_name;
SELECT is_empty($$SELECT check_name FROM data_quality() WHERE distorted_names IS NULL OR problem IS NULL OR row_label IS NULL$$, 'every finding says what, where and which KPI');
SELECT bag_eq(
    'SELECT check_name, row_count FROM data_quality_summary',
    'SELECT check_name, count(*) FROM data_quality GROUP BY check_name',
    'the summary counts them'
);
SET LOCAL DateStyle = 'German';
SET LOCAL TIME ZONE 'America/New_York';
SELECT is(problem, 'expected to close on 2026-06-15, still open', 'whatever the session''s settings') FROM data_quality(:as_of) WHERE check_name = 'close_date_passed';
SELECT set_eq('SELECT row_id FROM data_quality(''2027-01-01'') WHERE check_name = ''close_date_passed''', ARRAY[1, 5, 6, 7, 8, 9]::bigint[], 'later more dates have passed');
SELECT is_empty($$SELECT * FROM data_quality('2027-12-31') WHERE check_name LIKE '%in_the_future'$$, 'and nothing lies ahead');

-- With kept days it looks only where something was found, and where rows have changed since.
RESET DateStyle;
RESET TIME ZONE;
CREATE TEMPORARY TABLE found_before AS SELECT * FROM data_quality('2027-01-01');
SELECT is(kpi_day_is_read('data_quality.deal_before_lead'), false, 'nothing is kept');
SELECT refresh_kpi_days() \g /dev/null
SELECT is(kpi_day_is_read('data_quality.deal_before_lead'), true, 'it is kept where a deal came before its lead');
SELECT set_eq(
    $$SELECT * FROM kpi_day_found('data_quality.deal_before_lead')$$,
    $$VALUES (timestamptz '2026-01-01 00:00+09', timestamptz '2026-01-02 00:00+09')$$,
    'on one local day'
);
SELECT bag_eq($$SELECT * FROM data_quality('2027-01-01')$$, 'SELECT * FROM found_before', 'the findings are the same');
UPDATE lead SET created_at = '2026-05-01' WHERE id = 2;
UPDATE deal SET lead_id = 2 WHERE id = 10;
SELECT set_eq($$SELECT row_id FROM data_quality('2027-01-01') WHERE check_name = 'deal_before_lead'$$, ARRAY[9, 10]::bigint[], 'and so are those since');
SELECT refresh_kpi_days() \g /dev/null
SELECT set_eq($$SELECT row_id FROM data_quality('2027-01-01') WHERE check_name = 'deal_before_lead'$$, ARRAY[9, 10]::bigint[], 'refreshed again');
DELETE FROM deal WHERE id = 9;
UPDATE deal SET lead_id = 1 WHERE id = 10;
SELECT refresh_kpi_days() \g /dev/null
SELECT is_empty($$SELECT * FROM data_quality('2027-01-01') WHERE check_name = 'deal_before_lead'$$, 'and nothing is found where it was mended');

SELECT * FROM finish();
ROLLBACK;
