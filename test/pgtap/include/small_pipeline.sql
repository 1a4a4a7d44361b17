/*
 * A small company, in workspace crm: every instant is given, in Japan's time, and
 * the fiscal year begins in April.  Reports are read as of 2026-07-01 12:00 there.
 *
 * The table truth says by hand what the history below means; the tests compute
 * what reports must show from it, in plain SQL and without the history.
 */
SET client_min_messages = warning;
SET TIME ZONE 'Asia/Tokyo';
SELECT kpicrm.create_workspace('crm') \g /dev/null
UPDATE crm.setting SET time_zone = 'Asia/Tokyo', fiscal_start_month = 4, week_start = 1, stall_fraction = 0.8;

INSERT INTO crm.sales_team (id, name, parent_team_id) VALUES
    (1, 'Japan', NULL),
    (2, 'East', 1),
    (3, 'West', 1);
INSERT INTO crm.sales_rep (id, name, team_id) VALUES
    (1, 'Aoi', 2),
    (2, 'Ben', 3),
    (3, 'Chie', NULL);
INSERT INTO crm.lead_source (id, name, channel) VALUES
    (1, 'Web', 'inbound'),
    (2, 'Fair', 'event');
INSERT INTO crm.product (id, name) VALUES
    (1, 'Alpha'),
    (2, 'Beta');
INSERT INTO crm.account (id, name, industry, region, rep_id) VALUES
    (1, 'Acme', 'metal', 'Tokyo', 1),
    (2, 'Bell', 'phone', 'Osaka', 2),
    (3, 'Coda', NULL, NULL, NULL);
INSERT INTO crm.pipeline (id, name) VALUES
    (1, 'Direct'),
    (2, 'Partner');
INSERT INTO crm.phase (id, pipeline_id, position, name, kind, win_probability, stall_after) VALUES
    (11, 1, 1, 'Approach', 'open', 0.1, NULL),
    (12, 1, 2, 'Proposal', 'open', 0.3, NULL),
    (13, 1, 3, 'Contract', 'open', 0.6, NULL),
    (14, 1, 4, 'Waiting', 'hold', NULL, NULL),
    (15, 1, 5, 'Won', 'won', 1, NULL),
    (16, 1, 6, 'Lost', 'lost', 0, NULL),
    (17, 1, 7, 'No fit', 'disqualified', 0, NULL),
    (21, 2, 1, 'Referral', 'open', 0.5, INTERVAL '10 days'),
    (22, 2, 2, 'Signed', 'won', 1, NULL),
    (23, 2, 3, 'Refused', 'lost', 0, NULL);
INSERT INTO crm.lead (id, name, source_id, rep_id, account_id, created_at) VALUES
    (1, 'Lead one', 1, 1, 1, '2026-01-05 09:00+09'),
    (2, 'Lead two', 2, 2, NULL, '2026-02-01 09:00+09');

-- What deal was, by hand: who opened it with which product, who ended it with
-- which, and how it stands on 2026-07-01.
CREATE TEMP TABLE truth (
    deal_id bigint,
    deal text,
    pipeline_id bigint,
    source_id bigint,
    account_id bigint,
    amount numeric,
    opened_at timestamptz,
    opening_rep_id bigint,
    opening_product_id bigint,
    outcome text,
    ended_at timestamptz,
    rep_id bigint,
    product_id bigint
);
INSERT INTO truth VALUES
    (1, 'won at 23:30, then handed over', 1, 1, 1, 1000, '2026-01-10 10:00+09', 1, 1, 'won', '2026-03-31 23:30+09', 1, 1),
    (2, 'skipped a phase, won at 0:30', 1, 2, 2, 500, '2026-01-15 10:00+09', 1, 2, 'won', '2026-04-01 00:30+09', 1, 2),
    (3, 'lost, reopened, won', 1, 1, 1, 800, '2026-02-01 10:00+09', 2, 1, 'won', '2026-05-20 10:00+09', 2, 1),
    (4, 'lost, no source', 1, NULL, 2, 300, '2026-02-15 10:00+09', 2, 2, 'lost', '2026-04-10 10:00+09', 2, 2),
    (5, 'on hold', 1, 2, NULL, 400, '2026-03-05 10:00+09', 1, 1, 'hold', NULL, 1, 1),
    (6, 'disqualified', 1, 2, NULL, 250, '2026-03-10 10:00+09', 1, 2, 'disqualified', '2026-03-20 10:00+09', 1, 2),
    (7, 'pushed twice, handed over', 1, 1, 1, 600, '2026-04-02 10:00+09', 1, 1, 'open', NULL, 2, 1),
    (8, 'moved backward', 1, 1, 3, 700, '2026-05-01 10:00+09', 2, 2, 'open', NULL, 2, 2),
    (9, 'no amount, overdue action', 1, NULL, NULL, NULL, '2026-06-20 10:00+09', 3, 1, 'open', NULL, 3, 1),
    (10, 'partner, won', 2, 2, 3, 200, '2026-04-10 10:00+09', 3, 2, 'won', '2026-04-18 10:00+09', 3, 2),
    (11, 'partner, stalled by rule', 2, 2, 3, 900, '2026-06-01 10:00+09', 2, 2, 'open', NULL, 2, 2),
    (12, 'won as it was opened', 1, 1, 1, 100, '2026-06-10 10:00+09', 1, 1, 'won', '2026-06-10 10:00+09', 1, 1),
    (13, 'won, reopened, open', 1, NULL, 2, 1500, '2026-03-15 10:00+09', 2, 2, 'open', NULL, 2, 2),
    (14, 'opened later', 1, 1, 1, 50, '2026-07-05 10:00+09', 1, 1, 'later', NULL, 1, 1),
    (15, 'won a year before', 1, 1, 1, 400, '2025-01-10 10:00+09', 1, 1, 'won', '2025-04-20 10:00+09', 1, 1),
    (16, 'lost, by another rep with another product', 1, 1, 2, -70, '2026-01-20 10:00+09', 1, 1, 'lost', '2026-05-01 10:00+09', 2, 2);

-- The same as it was lived, through the import path.
SET kpicrm.history = 'off';
INSERT INTO crm.deal (id, name, pipeline_id, phase_id, phase_since, account_id, source_id, lead_id, amount, opened_at, next_action_on)
SELECT
    truth.deal_id,
    truth.deal,
    truth.pipeline_id,
    CASE truth.pipeline_id WHEN 1 THEN 11 ELSE 21 END,
    truth.opened_at,
    truth.account_id,
    truth.source_id,
    CASE truth.deal_id WHEN 1 THEN 1 WHEN 3 THEN 1 END,
    truth.amount,
    truth.opened_at,
    CASE truth.deal_id
        WHEN 8 THEN date '2026-07-05'
        WHEN 9 THEN date '2026-06-25'
        WHEN 11 THEN date '2026-07-01'
    END
FROM truth;
INSERT INTO crm.deal_event (deal_id, at, phase_id, amount, expected_close_on, rep_id, product_id) VALUES
    (1, '2026-01-10 10:00+09', 11, 1000, '2026-03-20', 1, 1),
    (1, '2026-01-20 10:00+09', 12, NULL, NULL, NULL, NULL),
    (1, '2026-02-10 10:00+09', 13, NULL, NULL, NULL, NULL),
    (1, '2026-03-31 23:30+09', 15, NULL, NULL, NULL, NULL),
    (1, '2026-04-15 10:00+09', NULL, NULL, NULL, 2, NULL),
    (2, '2026-01-15 10:00+09', 11, 500, NULL, 1, 2),
    (2, '2026-02-01 10:00+09', 13, NULL, NULL, NULL, NULL),
    (2, '2026-04-01 00:30+09', 15, NULL, NULL, NULL, NULL),
    (3, '2026-02-01 10:00+09', 11, 800, NULL, 2, 1),
    (3, '2026-03-01 10:00+09', 16, NULL, NULL, NULL, NULL),
    (3, '2026-03-10 10:00+09', 12, NULL, NULL, NULL, NULL),
    (3, '2026-05-20 10:00+09', 15, NULL, NULL, NULL, NULL),
    (4, '2026-02-15 10:00+09', 11, 300, NULL, 2, 2),
    (4, '2026-03-01 10:00+09', 12, NULL, NULL, NULL, NULL),
    (4, '2026-04-10 10:00+09', 16, NULL, NULL, NULL, NULL),
    (5, '2026-03-05 10:00+09', 11, 400, '2026-07-10', 1, 1),
    (5, '2026-04-01 10:00+09', 14, NULL, NULL, NULL, NULL),
    (6, '2026-03-10 10:00+09', 11, 250, NULL, 1, 2),
    (6, '2026-03-20 10:00+09', 17, NULL, NULL, NULL, NULL),
    (7, '2026-04-02 10:00+09', 11, 600, '2026-05-31', 1, 1),
    (7, '2026-04-20 10:00+09', 12, NULL, NULL, NULL, NULL),
    (7, '2026-05-01 10:00+09', NULL, NULL, NULL, 2, NULL),
    (7, '2026-05-20 10:00+09', NULL, NULL, '2026-06-15', NULL, NULL),
    (7, '2026-06-05 10:00+09', NULL, NULL, '2026-06-10', NULL, NULL),
    (7, '2026-06-10 10:00+09', NULL, NULL, '2026-06-30', NULL, NULL),
    (8, '2026-05-01 10:00+09', 11, 700, '2026-07-31', 2, 2),
    (8, '2026-05-10 10:00+09', 12, NULL, NULL, NULL, NULL),
    (8, '2026-06-01 10:00+09', 11, NULL, NULL, NULL, NULL),
    (9, '2026-06-20 10:00+09', 11, NULL, '2026-08-15', 3, 1),
    (10, '2026-04-10 10:00+09', 21, 200, NULL, 3, 2),
    (10, '2026-04-18 10:00+09', 22, NULL, NULL, NULL, NULL),
    (11, '2026-06-01 10:00+09', 21, 900, '2026-09-30', 2, 2),
    (12, '2026-06-10 10:00+09', 15, 100, NULL, 1, 1),
    (13, '2026-03-15 10:00+09', 11, 1500, '2026-04-30', 2, 2),
    (13, '2026-03-25 10:00+09', 13, NULL, NULL, NULL, NULL),
    (13, '2026-04-05 10:00+09', 15, NULL, NULL, NULL, NULL),
    (13, '2026-04-20 10:00+09', 13, NULL, '2026-07-20', NULL, NULL),
    (14, '2026-07-05 10:00+09', 11, 50, '2026-07-31', 1, 1),
    (15, '2025-01-10 10:00+09', 11, 400, NULL, 1, 1),
    (15, '2025-04-20 10:00+09', 15, NULL, NULL, NULL, NULL),
    (16, '2026-01-20 10:00+09', 11, -70, NULL, 1, 1),
    (16, '2026-02-20 10:00+09', NULL, NULL, NULL, 2, 2),
    (16, '2026-05-01 10:00+09', 16, NULL, NULL, NULL, NULL);
RESET kpicrm.history;
SELECT crm.rebuild_history() \g /dev/null

INSERT INTO crm.activity_type (id, name, counts_as_visit) VALUES
    (1, 'Call', false),
    (2, 'Visit', true);
INSERT INTO crm.activity (id, activity_type_id, rep_id, deal_id, lead_id, planned_at, started_at, ended_at, done) VALUES
    (1, 1, 1, 1, NULL, '2026-01-25 10:00+09', '2026-01-25 10:00+09', '2026-01-25 10:30+09', true),
    (2, 2, 1, 1, NULL, NULL, '2026-02-10 09:00+09', '2026-02-10 11:00+09', true),
    (3, 1, 2, 13, NULL, '2026-07-02 00:30+09', NULL, NULL, false),
    (4, 1, 2, 13, NULL, '2026-07-10 10:00+09', NULL, NULL, false),
    (5, 1, 1, NULL, 1, NULL, '2026-01-06 23:50+09', '2026-01-07 00:10+09', true),
    (6, 1, 1, NULL, NULL, NULL, '2026-01-06 10:00+09', '2026-01-08 10:00+09', true);
INSERT INTO crm.purchase (id, account_id, deal_id, product_id, purchased_at, amount, cost) VALUES
    (1, 1, 1, 1, '2026-04-01 00:10+09', 1000, 600),
    (2, 1, 3, 1, '2026-05-20 10:00+09', 800, NULL),
    (3, 1, 12, 1, '2026-06-10 10:00+09', 100, 50),
    (4, 1, 15, 1, '2025-04-20 10:00+09', 400, 100),
    (5, 2, 2, 2, '2026-04-01 10:00+09', 450, 500),
    (6, 2, 2, 2, '2026-04-01 23:00+09', 50, 0),
    (7, 3, 10, 2, '2026-07-02 10:00+09', 200, 20);
INSERT INTO crm.inquiry (id, name, account_id, rep_id, received_at, responded_at, resolved_at) VALUES
    (1, 'Price', 1, 1, '2026-05-31 23:50+09', '2026-06-01 01:50+09', '2026-06-02 10:00+09'),
    (2, 'Delivery', 2, 2, '2026-06-20 10:00+09', NULL, NULL);
INSERT INTO crm.feedback (id, account_id, rep_id, kind, score, received_at) VALUES
    (1, 1, 1, 'csat', 4, '2026-06-01 00:10+09'),
    (2, 2, 2, 'nps', 10, '2026-06-20 10:00+09');
INSERT INTO crm.contract (id, name, account_id, product_id, starts_on, ends_on, amount_per_month, renewed_by) VALUES
    (1, 'Care, first year', 1, 1, '2025-06-01', '2026-05-31', 100, 2),
    (2, 'Care, second year', 1, 1, '2026-06-01', '2027-05-31', 120, NULL),
    (3, 'due in 30 days, whenever this runs', 2, 2, '2026-06-01', (now() AT TIME ZONE 'Asia/Tokyo')::date + 30, 50, NULL);
INSERT INTO crm.target (kpi_code, grain, period_start, team_id, rep_id, product_id, value) VALUES
    ('revenue', 'month', '2026-04-01', NULL, NULL, NULL, 1000),
    ('revenue', 'month', '2026-05-01', NULL, NULL, NULL, 1000),
    ('revenue', 'month', '2026-07-01', NULL, NULL, NULL, 0),
    ('revenue', 'quarter', '2026-07-01', NULL, NULL, NULL, 4000),
    ('revenue', 'half', '2026-04-01', NULL, NULL, NULL, 9000),
    ('revenue', 'quarter', '2026-04-01', 1, NULL, NULL, 1500),
    ('revenue', 'month', '2026-05-01', NULL, 2, NULL, 500),
    ('revenue', 'month', '2026-04-01', NULL, NULL, 2, 900),
    ('deal_count', 'month', '2026-04-01', NULL, NULL, NULL, 99);

-- Tables as small as these are never analyzed by themselves.
ANALYZE crm.setting, crm.sales_team, crm.sales_rep, crm.lead_source, crm.product, crm.account, crm.pipeline, crm.phase,
    crm.deal, crm.deal_event, crm.phase_stay, crm.activity, crm.purchase, crm.target, crm.inquiry, crm.feedback, crm.contract;
