-- A workspace: one company's tables, history, reports and settings, in a schema
-- of the caller's.

SET TIME ZONE 'UTC';
SET DateStyle = 'ISO';
SET client_min_messages = warning;
\set SHOW_CONTEXT never

SELECT kpicrm.create_workspace('crm');
SELECT kpicrm.create_workspace('Sales 2026');
SHOW search_path;
SELECT
    setting.time_zone,
    setting.fiscal_start_month,
    setting.week_start,
    setting.home_currency,
    setting.calendar,
    setting.language,
    setting.version = kpicrm.installed_version() AS is_up_to_date
FROM "Sales 2026".setting;
SELECT
    kpicrm.is_workspace('crm') AS crm,
    kpicrm.is_workspace('public') AS public,
    kpicrm.upgrade_workspace('crm') = kpicrm.installed_version() AS is_up_to_date;

-- Names that cannot be used.
SELECT kpicrm.create_workspace('crm');
SELECT kpicrm.create_workspace('pg_sales');
SELECT kpicrm.create_workspace('my_PG_sales');
SELECT kpicrm.create_workspace('kpicrm');
SELECT kpicrm.create_workspace('information_schema');
SELECT kpicrm.create_workspace('');
SELECT kpicrm.create_workspace('  ');
SELECT kpicrm.create_workspace(NULL);
SELECT kpicrm.create_workspace('営業営業営業営業営業営業営業営業営業営業営業');
CREATE SCHEMA taken;
CREATE TABLE taken.memo (note text);
SELECT kpicrm.create_workspace('taken');
DROP TABLE taken.memo;
SELECT kpicrm.upgrade_workspace('crn');
SELECT kpicrm.upgrade_workspace(NULL);
SELECT kpicrm.drop_workspace('public');
SELECT kpicrm.drop_workspace(NULL);

-- The extension cannot go while a workspace needs it.
\set VERBOSITY terse
DROP EXTENSION kpicrm;
\set VERBOSITY default

-- An empty schema, made beforehand, can become a workspace.
SELECT kpicrm.create_workspace('taken');
SELECT kpicrm.drop_workspace('taken');

-- Settings are one row, and only what makes sense.
INSERT INTO crm.setting (only_row, version) VALUES (false, '1');
UPDATE crm.setting SET time_zone = 'Asia/Tokio';
DELETE FROM crm.setting;
UPDATE crm.setting SET fiscal_start_month = 13;
UPDATE crm.setting SET week_start = 0;
UPDATE crm.setting SET home_currency = 'yen';
UPDATE crm.setting SET language = 'fr';
UPDATE crm.setting SET prospect_min_probability = 50;
UPDATE crm.setting SET stall_fraction = 'NaN';
UPDATE crm.setting SET time_zone = 'Asia/Tokyo', language = 'ja';

-- ------------------------------------------------------ the life of a deal

SET search_path = crm;
INSERT INTO sales_rep (id, name) VALUES
    (1, 'Aoi'),
    (2, 'Ben');
INSERT INTO product (id, name) VALUES (1, 'Alpha');
INSERT INTO pipeline (id, name) VALUES
    (1, 'New'),
    (2, 'Renewal');
INSERT INTO phase (id, name, pipeline_id, position, kind) VALUES
    (1, 'Approach', 1, 1, 'open'),
    (2, 'Proposal', 1, 2, 'open'),
    (3, 'Waiting', 1, 3, 'hold'),
    (4, 'Won', 1, 4, 'won'),
    (5, 'Lost', 1, 5, 'lost'),
    (6, 'Offer', 2, 1, 'open'),
    (7, 'Renewed', 2, 2, 'won');

CREATE VIEW public.now_deal AS
SELECT
    deal.id,
    deal.pipeline_id AS pipeline,
    phase.name AS phase,
    deal.phase_since,
    deal.amount,
    deal.rep_id AS rep,
    deal.closed_at
FROM deal
JOIN phase ON phase.id = deal.phase_id;
CREATE VIEW public.events AS
SELECT
    event.deal_id AS deal,
    CASE WHEN event.at > '2025-01-01' THEN 'now' ELSE event.at::text END AS at,
    phase.name AS phase,
    event.amount,
    event.expected_close_on,
    event.rep_id AS rep,
    event.product_id AS product,
    event.cleared,
    event.removed,
    CASE WHEN corrected.at > '2025-01-01' THEN 'now' ELSE corrected.at::text END AS corrects
FROM deal_event AS event
LEFT JOIN phase ON phase.id = event.phase_id
LEFT JOIN deal_event AS corrected ON corrected.id = event.corrects
ORDER BY event.id;
CREATE VIEW public.stays AS
SELECT
    stay.deal_id AS deal,
    stay.stay_no AS no,
    phase.name AS phase,
    stay.entered_at,
    stay.left_at,
    stay.rep_id AS rep,
    stay.amount
FROM phase_stay AS stay
JOIN phase ON phase.id = stay.phase_id
ORDER BY stay.deal_id, stay.stay_no;

-- It is opened.  The pipeline and the beginning of the phase follow.
INSERT INTO deal (id, name, phase_id, rep_id, product_id, amount, opened_at, expected_close_on)
VALUES (1, 'Acme', 1, 1, 1, 1000, '2024-01-10 09:00', '2024-06-30');
SELECT * FROM public.now_deal;
SELECT * FROM public.events;
SELECT * FROM public.stays;

-- It moves on, with a new amount.
UPDATE deal SET phase_id = 2, phase_since = '2024-02-01', amount = 1200 WHERE id = 1;
SELECT * FROM public.stays;

-- What is not tracked, and what does not change, leaves no trace.
UPDATE deal SET name = 'Acme Inc.', next_action_on = '2024-02-03', amount = 1200.00, phase_id = 2 WHERE id = 1;
SELECT count(*) FROM deal_event;

-- It goes to Waiting and is won.  closed_at follows.
UPDATE deal SET phase_id = 3, phase_since = '2024-03-01' WHERE id = 1;
UPDATE deal SET phase_id = 4, phase_since = '2024-04-01' WHERE id = 1;
SELECT * FROM public.now_deal;

-- Late news: it was Ben's only from now on, and the day is open.
UPDATE deal SET rep_id = 2, expected_close_on = NULL WHERE id = 1;
-- The rep has left.
UPDATE deal SET rep_id = NULL WHERE id = 1;
SELECT * FROM public.events OFFSET 4;

-- It is reopened, and closed_at is gone.  (No date is given: it happens now.)
UPDATE deal SET phase_id = 2 WHERE id = 1;
SELECT
    now_deal.phase,
    now_deal.phase_since = (SELECT max(event.recorded_at) FROM deal_event AS event) AS since_now,
    now_deal.closed_at
FROM public.now_deal;

-- That was wrong: in truth it waited from February on, and nothing came later.
UPDATE deal SET phase_id = 3, phase_since = '2024-02-10' WHERE id = 1;
SELECT * FROM public.now_deal;
SELECT * FROM public.stays;
SELECT * FROM public.events OFFSET 6;

-- Another date for the present phase moves its beginning.
UPDATE deal SET phase_since = '2024-02-15' WHERE id = 1;
SELECT * FROM public.stays;

-- Won on a day, said by closed_at alone.
UPDATE deal SET phase_id = 4, closed_at = '2024-05-01' WHERE id = 1;
SELECT * FROM public.stays;

-- Opened long ago, in this phase only since March: before that, its phase is not known.
INSERT INTO deal (id, name, phase_id, opened_at, phase_since) VALUES (2, 'Bell', 2, '2024-01-01', '2024-03-01');
-- Lost before it came here.
INSERT INTO deal (id, name, phase_id, opened_at, closed_at) VALUES (3, 'Coda', 5, '2024-01-01', '2024-02-01');
-- Into another pipeline, which follows the phase.
UPDATE deal SET phase_id = 6, phase_since = '2024-04-01' WHERE id = 2;
SELECT * FROM public.now_deal ORDER BY id;
SELECT * FROM public.stays WHERE deal > 1;
SELECT
    instant::date,
    state.deal_id,
    state.pipeline_id,
    state.phase_id,
    state.phase_since::date,
    state.opened_at::date,
    state.closed_at::date
FROM (VALUES (timestamptz '2024-01-15'), ('2024-02-15'), ('2024-03-15'), ('2024-04-15')) AS instants (instant)
CROSS JOIN LATERAL deal_as_of(instants.instant) AS state
WHERE state.deal_id > 1
ORDER BY instants.instant, state.deal_id;

-- Deleted: the stays are gone, the events stay, and the key is not used again.
DELETE FROM deal WHERE id = 2;
SELECT * FROM public.events WHERE deal = 2;
SELECT * FROM public.stays WHERE deal = 2;
INSERT INTO deal (id, name, phase_id) VALUES (2, 'Bell again', 1);
SELECT * FROM check_history();

-- ------------------------------------------------------------------ errors

INSERT INTO deal (id, name, phase_id) VALUES (10, 'No such phase', 99);
INSERT INTO deal (id, name) VALUES (10, 'No phase');
INSERT INTO deal (id, name, pipeline_id, phase_id) VALUES (10, 'Phase of another pipeline', 2, 1);
INSERT INTO deal (id, name, phase_id, opened_at, closed_at) VALUES (10, 'Closed, but open', 1, '2024-01-01', '2024-02-01');
INSERT INTO deal (id, name, phase_id, opened_at, phase_since, closed_at) VALUES (10, 'Twice', 4, '2024-01-01', '2024-02-01', '2024-02-02');
INSERT INTO deal (id, name, phase_id, opened_at, phase_since) VALUES (10, 'Begun before', 1, '2024-02-01', '2024-01-01');
UPDATE deal SET id = 9 WHERE id = 1;
UPDATE deal SET phase_id = NULL WHERE id = 1;
UPDATE deal SET phase_id = 1, closed_at = '2024-06-01' WHERE id = 1;
UPDATE deal SET phase_since = NULL WHERE id = 1;
DELETE FROM phase WHERE id = 6;
DELETE FROM sales_rep WHERE id = 2;
DELETE FROM product WHERE id = 1;

-- --------------------------------------------------------- importing a past

SET search_path = "Sales 2026";
INSERT INTO pipeline (id, name) VALUES (1, 'New');
INSERT INTO phase (id, name, pipeline_id, position, kind) VALUES
    (1, 'Approach', 1, 1, 'open'),
    (2, 'Proposal', 1, 2, 'open'),
    (3, 'Won', 1, 3, 'won');

-- Deals with what is known of them, then their events in any order.  Deal 21 has
-- no events: it was in its phase from the start.
SET kpicrm.history = 'off';
COPY deal (id, name, pipeline_id, phase_id, phase_since, opened_at, amount) FROM stdin (DELIMITER '|');
21|Dora|1|2|2024-01-05|2024-01-05|50
22|Eins|1|1|2024-01-01|2024-01-01|\N
23|Fuji|1|1|2024-01-02|2024-01-02|300
\.
COPY deal_event (deal_id, at, recorded_at, phase_id, amount, cleared, corrects) FROM stdin (DELIMITER '|');
22|2024-03-01|2024-03-02|3|\N|\N|\N
22|2024-01-01|2024-01-01|1|100|\N|\N
22|2024-02-01|2024-02-01|2|120|\N|\N
23|2024-02-01|2024-02-01|2|\N|\N|\N
23|2024-01-02|2024-01-02|1|\N|\N|\N
\.
SELECT * FROM check_history() ORDER BY deal_id, problem;
SELECT rebuild_history();
RESET kpicrm.history;
SELECT * FROM check_history();
SELECT
    deal.id,
    deal.phase_id,
    deal.phase_since,
    deal.amount,
    deal.closed_at
FROM deal
ORDER BY deal.id;
SELECT
    stay.deal_id,
    stay.stay_no,
    stay.phase_id,
    stay.entered_at,
    stay.left_at,
    stay.amount
FROM phase_stay AS stay
ORDER BY stay.deal_id, stay.stay_no;

-- Events at one instant without seq: the lower phase comes first, the end last.
INSERT INTO deal_event (deal_id, at, recorded_at, phase_id) VALUES
    (23, '2024-05-01', '2024-05-01', 3),
    (23, '2024-05-01', '2024-05-01', 2),
    (23, '2024-05-01', '2024-05-01', 1);
SELECT rebuild_history(ARRAY[23]);
SELECT
    stay.stay_no,
    stay.phase_id,
    stay.entered_at,
    stay.left_at
FROM phase_stay AS stay
WHERE stay.deal_id = 23
ORDER BY stay.stay_no;

-- The amount of February was a mistake, found in June; its row is replaced.
INSERT INTO deal_event (deal_id, at, recorded_at, phase_id, amount, corrects)
SELECT
    event.deal_id,
    event.at,
    '2024-06-01',
    event.phase_id,
    150,
    event.id
FROM deal_event AS event
WHERE event.deal_id = 22
    AND event.amount = 120;
SELECT rebuild_history(ARRAY[22]);

-- Any day, as it was known on any other.
SELECT
    known_at::date,
    at::date,
    state.phase_id,
    state.amount,
    state.closed_at::date
FROM (VALUES (timestamptz '2024-03-01 12:00'), ('2024-05-31'), ('2024-06-01')) AS knowledge (known_at)
CROSS JOIN (VALUES (timestamptz '2024-01-31'), ('2024-02-01'), ('2024-03-01')) AS instants (at)
CROSS JOIN LATERAL deal_as_of(instants.at, knowledge.known_at) AS state
WHERE state.deal_id = 22
ORDER BY knowledge.known_at, instants.at;
SELECT * FROM check_history();

-- TRUNCATE deletes too; with deal_event it empties the history.
TRUNCATE deal CASCADE;
SELECT
    event.deal_id,
    event.removed
FROM deal_event AS event
WHERE event.removed
ORDER BY event.deal_id;
SELECT * FROM check_history();
TRUNCATE deal, deal_event CASCADE;
SELECT count(*) FROM deal_event;

-- --------------------------------------------------------------- the end of it

RESET search_path;
SELECT kpicrm.drop_workspace('crm');
SELECT kpicrm.drop_workspace('Sales 2026');
SELECT kpicrm.drop_workspace('Sales 2026');
SELECT kpicrm.create_workspace('own');
CREATE TABLE own.my_notes (note text);
SELECT kpicrm.drop_workspace('own');
SELECT kpicrm.drop_workspace('own', force => true);
DROP VIEW public.now_deal, public.events, public.stays;
SELECT kpicrm.drop_workspace('crm', force => true);
SELECT kpicrm.is_workspace('crm');
