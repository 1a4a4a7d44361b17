/*
 * import_deals, import_leads, import_activities: every row is loaded whole or
 * rejected with its reasons, a second run changes nothing, and the history is kept.
 */
BEGIN;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT kpicrm.create_workspace('crm') \g /dev/null
UPDATE crm.setting SET time_zone = 'Asia/Tokyo';
\pset tuples_only on
SELECT plan(90);

-- ---------------------------------------------------------------- values as text
SELECT is(kpicrm.parsed_date(value.text), value.day, format('day "%s"', value.text))
FROM (VALUES
    ('2026-03-31', date '2026-03-31'),
    ('2026/3/1', '2026-03-01'),
    ('2024-02-29T00:00:00', '2024-02-29'),
    ('2000-02-29', '2000-02-29'),
    ('2026-02-29', NULL),
    ('1900-02-29', NULL),
    ('2026-04-31', NULL),
    ('2026-13-01', NULL),
    ('0000-01-01', NULL),
    ('31/03/2026', NULL),
    ('infinity', NULL),
    ('2026-03-31 09:00', NULL),
    ('', NULL)
) AS value (text, day);
SELECT is(
    (SELECT count(*)
     FROM generate_series(1896, 2004) AS year, generate_series(0, 13) AS month, generate_series(0, 32) AS day
     WHERE kpicrm.parsed_date(format('%s-%s-%s', year, month, day)) IS NOT NULL),
    date '2005-01-01' - date '1896-01-01' + 0::bigint,
    'in 109 years no day is missing and none is made up'
);
SELECT is(kpicrm.parsed_instant(value.text, 'Asia/Tokyo'), value.at, format('instant "%s"', value.text))
FROM (VALUES
    ('2026-03-31', timestamptz '2026-03-30 15:00+00'),
    ('2026-03-31 9:30', '2026-03-31 00:30+00'),
    ('2026/03/31T09:30:15.25', '2026-03-31 00:30:15.25+00'),
    ('2026-03-31T09:30:00Z', '2026-03-31 09:30+00'),
    ('2026-03-31 09:30:00+01:00', '2026-03-31 08:30+00'),
    ('2026-03-31 09:30 -0930', '2026-03-31 19:00+00'),
    ('2026-03-31 24:00', NULL),
    ('2026-03-31 09:60', NULL),
    ('2026-03-31 09:30 JST', NULL),
    (U&'2026-03-31 09:30\3000+09:00', NULL),
    (U&'\FF12026-03-31', NULL),
    ('2026-03-31 09:30:00.' || repeat('1', 300), NULL),
    ('now', NULL)
) AS value (text, at);
SELECT is(kpicrm.parsed_amount(value.text), value.amount, format('amount "%s"', value.text))
FROM (VALUES
    ('1200', 1200),
    ('-1.555', -1.56),
    ('1.5e3', 1500),
    ('9999999999999999.99', 9999999999999999.99),
    ('9999999999999999.995', NULL),
    ('1,200', NULL),
    (U&'\FF11\FF15', NULL),
    ('NaN', NULL),
    ('1e999', NULL)
) AS value (text, amount);
SELECT results_eq(
    $$SELECT kpicrm.parsed_boolean(text) FROM unnest(ARRAY['Yes', 'F', '1', 'maybe']) AS text$$,
    'VALUES (true), (false), (true), (NULL)',
    'booleans'
);

-- ------------------------------------------------------------- deals by their names
CREATE TEMP TABLE first_rows AS
SELECT '[
    {"external_id": "A-1", "name": "Acme", "pipeline": "Sales", "phase": "Contact", "rep": "Ito", "team": "East", "product": "Alpha",
     "source": "Web", "account": "Acme Inc.", "amount": 1000, "opened_at": "2026-01-05 09:00", "expected_close_on": "2026/3/31"},
    {"external_id": "A-2", "name": "Bell", "pipeline": "Sales", "phase": "Contact", "amount": "12,000", "opened_at": "2026-02-30", "product": "Beta"},
    {"external_id": "A-1", "name": "twice", "pipeline": "Sales", "phase": "Contact"},
    17,
    {"external_id": "A-3", "name": "  Coda　", "pipeline": "Sales", "phase": "Proposal", "rep": "Sato", "team": "West",
     "opened_at": "2026-01-07", "phase_since": "2026-02-01T09:00:00+09:00"},
    {"external_id": "A-4", "name": "Dell", "pipeline": "Sales", "phase": "Won", "phase_kind": "won", "rep": "Ito", "team": "East",
     "opened_at": "2026-01-08", "closed_at": "2026-02-10", "amount": 300.005},
    {"external_id": "A-5", "name": "Echo", "pipeline": "Sales", "phase": "Contact", "rep": "Ito", "team": "West", "source": "Fair"},
    {"external_id": "A-6", "name": "", "phase": "Lost", "pipeline": "Sales", "closed_at": "2026-02-01", "opened_at": "2026-03-01"},
    {"external_id": "A-7", "name": "Golf", "phase": "Contact", "pipeline": "Sales", "account": {"name": "nested"}},
    {"external_id": "A-8", "name": "Hotel", "pipeline": "Sales", "phase": "Won", "opened_at": "2026-01-08", "phase_since": "2026-01-09"}
]'::jsonb AS rows;

CREATE TEMP TABLE first_result AS
SELECT result.* FROM first_rows, crm.import_deals(first_rows.rows) AS result;
SELECT results_eq(
    'SELECT row_number, external_id, action, reason FROM first_result ORDER BY row_number',
    $$VALUES
        (1::bigint, 'A-1', 'inserted', NULL),
        (2, 'A-2', 'rejected', 'amount "12,000" is not an amount; opened_at "2026-02-30" is not an instant'),
        (3, 'A-1', 'rejected', 'external_id "A-1" is that of row 1'),
        (4, NULL, 'rejected', 'not a JSON object; name is missing; phase is missing'),
        (5, 'A-3', 'inserted', NULL),
        (6, 'A-4', 'inserted', NULL),
        (7, 'A-5', 'rejected', 'rep "Ito" is in team "East", not "West"'),
        (8, 'A-6', 'rejected', 'name is missing; phase "Lost" is new and closed_at is given: phase_kind must say whether it is won or lost; closed_at is before opened_at'),
        (9, 'A-7', 'rejected', 'a value is an object or an array'),
        (10, 'A-8', 'inserted', NULL)$$,
    'what happened to every row, with all reasons'
);
SELECT results_eq(
    'SELECT source_row FROM first_result WHERE action = ''rejected'' ORDER BY row_number',
    'SELECT rows -> no FROM first_rows, unnest(ARRAY[1, 2, 3, 6, 7, 8]) AS no',
    'a rejected row comes back as it was'
);
SELECT is_empty('SELECT FROM first_result WHERE (action = ''rejected'') <> (reason IS NOT NULL) OR (action <> ''rejected'') <> (source_row IS NULL)', 'and no other does');
SELECT results_eq(
    $$SELECT deal.external_id, deal.name, phase.name, deal.amount, deal.opened_at, deal.phase_since, deal.closed_at, deal.expected_close_on
      FROM crm.deal JOIN crm.phase ON phase.id = deal.phase_id ORDER BY deal.external_id$$,
    $$VALUES
        ('A-1', 'Acme', 'Contact', 1000.00, timestamptz '2026-01-05 00:00+00', timestamptz '2026-01-05 00:00+00', NULL::timestamptz, date '2026-03-31'),
        ('A-3', 'Coda', 'Proposal', NULL, '2026-01-06 15:00+00', '2026-02-01 00:00+00', NULL, NULL),
        ('A-4', 'Dell', 'Won', 300.01, '2026-01-07 15:00+00', '2026-02-09 15:00+00', '2026-02-09 15:00+00', NULL),
        ('A-8', 'Hotel', 'Won', NULL, '2026-01-07 15:00+00', '2026-01-08 15:00+00', '2026-01-08 15:00+00', NULL)$$,
    'the deals: days without a zone are those of the workspace'
);
SELECT results_eq(
    'SELECT name, kind, position FROM crm.phase ORDER BY position',
    $$VALUES ('Contact', 'open', 1), ('Proposal', 'open', 2), ('Won', 'won', 3)$$,
    'new phases in the order of their first rows, of the kind that any row says'
);
SELECT results_eq(
    'SELECT rep.name, team.name FROM crm.sales_rep AS rep LEFT JOIN crm.sales_team AS team ON team.id = rep.team_id ORDER BY rep.id',
    $$VALUES ('Ito', 'East'), ('Sato', 'West')$$,
    'new reps with their teams'
);
SELECT is_empty(
    $$SELECT name FROM crm.product WHERE name = 'Beta' UNION ALL SELECT name FROM crm.lead_source WHERE name = 'Fair' UNION ALL SELECT name FROM crm.phase WHERE name = 'Lost'$$,
    'nothing of a rejected row is left, not even a name'
);
SELECT is_empty('SELECT * FROM crm.check_history()', 'the history does not contradict itself');
SELECT is(to_regclass('pg_temp.kpicrm_import'), NULL, 'the import leaves no table behind');

CREATE TEMP TABLE past AS SELECT * FROM crm.deal_event;
SELECT results_eq(
    'SELECT result.action, count(*) FROM first_rows, crm.import_deals(first_rows.rows) AS result GROUP BY 1 ORDER BY 1',
    $$VALUES ('rejected', 6::bigint), ('unchanged', 4)$$,
    'a second run finds nothing to do'
);
SELECT results_eq('TABLE crm.deal_event', 'TABLE past', 'and writes no history');

-- ----------------------------------------------------------------------- changes
SELECT results_eq(
    $$SELECT row_number, action, reason FROM crm.import_deals('[
        {"external_id": "A-1", "phase": "Proposal", "phase_since": "2026-01-20", "amount": null},
        {"external_id": "A-3", "rep": ""},
        {"external_id": "A-4", "phase": "Contact"},
        {"external_id": "A-8", "opened_at": "2026-02-01"},
        {"external_id": "A-8", "name": "again"},
        {"external_id": "A-9", "name": "India", "phase": "Nowhere", "pipeline": "Other", "phase_since": "2026-01-01"}
    ]'::jsonb)$$,
    $$VALUES
        (1::bigint, 'updated', NULL),
        (2, 'updated', NULL),
        (3, 'updated', NULL),
        (4, 'rejected', 'phase_since is before opened_at'),
        (5, 'rejected', 'external_id "A-8" is that of row 4'),
        (6, 'inserted', NULL)$$,
    'rows that differ are updated'
);
SELECT results_eq(
    $$SELECT deal.external_id, deal.amount, deal.rep_id IS NULL, deal.expected_close_on, phase.name, deal.closed_at
      FROM crm.deal JOIN crm.phase ON phase.id = deal.phase_id WHERE deal.external_id IN ('A-1', 'A-3', 'A-4') ORDER BY deal.external_id$$,
    $$VALUES
        ('A-1', NULL::numeric, false, date '2026-03-31', 'Proposal', NULL::timestamptz),
        ('A-3', NULL, true, NULL, 'Proposal', NULL),
        ('A-4', 300.01, false, NULL, 'Contact', NULL)$$,
    'null and an empty text empty a column, a key that is left out leaves it'
);
SELECT results_eq(
    $$SELECT event.at, event.cleared FROM crm.deal_event AS event JOIN crm.deal ON deal.id = event.deal_id
      WHERE deal.external_id = 'A-1' AND event.id > (SELECT max(id) FROM past)$$,
    $$VALUES (timestamptz '2026-01-19 15:00+00', '{amount}'::text[])$$,
    'the change went through the history'
);
SELECT is_empty('SELECT * FROM crm.check_history()', 'which does not contradict itself');

-- A phase backdated into a stay in the same phase.
SELECT is(action, 'updated', 'a phase with an earlier date')
FROM crm.import_deals('[{"external_id": "A-3", "phase": "Contact", "phase_since": "2026-02-20"}]'::jsonb);
CREATE TEMP TABLE backdated AS
SELECT '[{"external_id": "A-3", "phase": "Proposal", "phase_since": "2026-02-10"}]'::jsonb AS rows;
SELECT is(result.action, 'updated', 'into a stay in the same phase') FROM backdated, crm.import_deals(backdated.rows) AS result;
SELECT is(deal.phase_since, '2026-02-09 15:00+00', 'has the date that was asked for') FROM crm.deal WHERE deal.external_id = 'A-3';
SELECT is(result.action, 'unchanged', 'and a second run changes nothing') FROM backdated, crm.import_deals(backdated.rows) AS result;
SELECT is_empty('SELECT * FROM crm.check_history()', 'nor does the history contradict itself');

-- ------------------------------------------------------------------------ strict
SELECT results_eq(
    $$SELECT action, reason FROM crm.import_deals('[
        {"external_id": "B-1", "name": "x", "pipeline": "Sales", "phase": "Nego", "rep": "Kato", "team": "North", "product": "Zeta", "source": "Mail", "account": "Zed"},
        {"external_id": "B-2", "name": "x", "phase": "Contact", "rep": "Ito", "product": "Alpha"},
        {"external_id": "B-3", "name": "x", "phase": "Contact", "pipeline": "Sols"}
    ]'::jsonb, strict => true)$$,
    $$VALUES
        ('rejected', 'phase "Nego" of pipeline "Sales" is unknown; team "North" is unknown; rep "Kato" is unknown; account "Zed" is unknown; product "Zeta" is unknown; source "Mail" is unknown'),
        ('inserted', NULL),
        ('rejected', 'pipeline "Sols" is unknown')$$,
    'strict rejects every unknown name'
);
INSERT INTO crm.account (name) VALUES ('Twin'), ('Twin');
SELECT results_eq(
    $$SELECT reason FROM crm.import_deals('[
        {"external_id": "B-4", "name": "x", "phase": "Contact", "account": "Twin"},
        {"external_id": "B-5", "name": "x", "phase": "Elsewhere"},
        {"external_id": "B-6", "name": "x", "phase": "Contact", "phase_kind": "lost"},
        {"external_id": "B-7", "name": "x", "phase": "Contact", "phase_kind": "gone"},
        {"external_id": "B-8", "name": "x", "phase": "Contact", "closed_at": "2026-01-01"},
        {"external_id": "B-9", "name": "x", "phase": "Won", "closed_at": "2026-01-01", "phase_since": "2026-01-02"},
        {"external_id": "B-10", "name": "x", "phase": "Contact", "lead_external_id": "nobody"},
        {"external_id": "B-11", "name": "x", "phase": "Contact", "team": "East"}
    ]'::jsonb) ORDER BY row_number$$,
    $$VALUES
        ('account "Twin" is there 2 times'),
        ('phase "Elsewhere" is in no pipeline, or in several: name the pipeline'),
        ('phase "Contact" is of kind open, not lost'),
        ('phase_kind "gone" is none of open, hold, won, lost, disqualified; phase "Contact" is of kind open, not gone'),
        ('closed_at is given, but phase "Contact" is neither won nor lost'),
        ('closed_at and phase_since are different instants: closed_at is the entry into the won or lost phase'),
        ('lead "nobody" is unknown'),
        ('team "East" without a rep')$$,
    'what else is rejected'
);

-- ----------------------------------------------------- new phases keep the ends last
SELECT is(count(*), 3::bigint, 'three deals in new phases')
FROM crm.import_deals('[
    {"external_id": "C-1", "name": "x", "pipeline": "Sales", "phase": "Lost", "phase_kind": "lost"},
    {"external_id": "C-2", "name": "x", "pipeline": "Sales", "phase": "Negotiation"},
    {"external_id": "C-3", "name": "x", "pipeline": "Sales", "phase": "Waiting", "phase_kind": "hold"}
]'::jsonb)
WHERE action = 'inserted';
SELECT results_eq(
    $$SELECT phase.name FROM crm.phase JOIN crm.pipeline ON pipeline.id = phase.pipeline_id WHERE pipeline.name = 'Sales' ORDER BY phase.position$$,
    $$VALUES ('Contact'), ('Proposal'), ('Negotiation'), ('Waiting'), ('Won'), ('Lost')$$,
    'the ends stand last'
);

-- ------------------------------------------------------------------ staging tables
CREATE SCHEMA "odd; DROP TABLE crm.deal; --";
CREATE TABLE "odd; DROP TABLE crm.deal; --"."stage ""of"" rows" (
    external_id text,
    name text,
    pipeline text,
    phase text,
    phase_kind text,
    rep text,
    account text,
    amount numeric,
    opened_at timestamptz,
    phase_since timestamp,
    expected_close_on date
);
INSERT INTO "odd; DROP TABLE crm.deal; --"."stage ""of"" rows"
SELECT
    'S-' || n,
    CASE WHEN n % 97 = 0 THEN NULL ELSE 'Deal ' || n END,
    'Staged',
    (ARRAY['One', 'Two', 'Three', 'Gained', 'Dropped'])[n % 5 + 1],
    (ARRAY['open', 'open', 'open', 'won', 'lost'])[n % 5 + 1],
    'Rep '');DROP TABLE deal;--' || n % 7,
    'Account $$' || n % 300,
    CASE WHEN n % 101 = 0 THEN 'NaN' ELSE n * 1.5 END,
    timestamptz '2025-01-01 00:00+00' + n * interval '1 hour',
    timestamp '2025-06-01 09:00' + n * interval '1 hour',
    date '2025-09-01' + n % 60
FROM generate_series(1, 2000) AS n;
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL search_path = "odd; DROP TABLE crm.deal; --", public;
CREATE TEMP TABLE staged_result AS
SELECT * FROM crm.import_deals('"stage ""of"" rows"'::regclass);
RESET search_path;
RESET DateStyle;
SELECT results_eq(
    'SELECT action, reason, count(*) FROM staged_result GROUP BY 1, 2 ORDER BY 2 NULLS FIRST',
    $$VALUES ('inserted', NULL, 1961::bigint), ('rejected', 'amount "NaN" is not an amount', 19), ('rejected', 'name is missing', 20)$$,
    'a staging table, whatever its name and the session''s DateStyle'
);
SELECT results_eq(
    $$SELECT deal.external_id, deal.name, phase.name, rep.name, account.name, deal.amount, deal.opened_at, deal.phase_since, deal.expected_close_on
      FROM crm.deal
      JOIN crm.phase ON phase.id = deal.phase_id
      JOIN crm.sales_rep AS rep ON rep.id = deal.rep_id
      JOIN crm.account ON account.id = deal.account_id
      WHERE deal.external_id LIKE 'S-%' ORDER BY deal.id$$,
    $$SELECT external_id, name, phase, rep, account, amount::numeric(18, 2), opened_at, phase_since AT TIME ZONE 'Asia/Tokyo', expected_close_on
      FROM "odd; DROP TABLE crm.deal; --"."stage ""of"" rows" WHERE name IS NOT NULL AND amount <> 'NaN'$$,
    'the deals are those of the table, in its order'
);
SELECT results_eq(
    $$SELECT action, count(*) FROM crm.import_deals((SELECT jsonb_agg(to_jsonb(stage) ORDER BY substring(external_id, 3)::integer) FROM "odd; DROP TABLE crm.deal; --"."stage ""of"" rows" AS stage)) GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('rejected', 39::bigint), ('unchanged', 1961)$$,
    'the same rows as JSON change nothing'
);
UPDATE "odd; DROP TABLE crm.deal; --"."stage ""of"" rows"
SET amount = amount + 1,
    phase = CASE WHEN phase = 'One' THEN 'Gained' ELSE phase END,
    phase_kind = CASE WHEN phase = 'One' THEN 'won' ELSE phase_kind END,
    phase_since = phase_since + CASE WHEN phase = 'One' THEN interval '30 days' ELSE interval '0' END
WHERE substring(external_id, 3)::integer % 4 = 0;
SELECT results_eq(
    $$SELECT action, count(*) FROM crm.import_deals('"odd; DROP TABLE crm.deal; --"."stage ""of"" rows"'::regclass) GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('rejected', 39::bigint), ('unchanged', 1470), ('updated', 491)$$,
    'only what differs is updated'
);
SELECT is_empty('SELECT * FROM crm.check_history()', 'and the history is right for all of them');
SELECT results_eq(
    $$SELECT action, count(*) FROM crm.import_deals('"odd; DROP TABLE crm.deal; --"."stage ""of"" rows"'::regclass) GROUP BY 1 ORDER BY 1$$,
    $$VALUES ('rejected', 39::bigint), ('unchanged', 1961)$$,
    'until the next change'
);

-- ------------------------------------------------------------------------- leads
CREATE TEMP TABLE lead_rows AS
SELECT '[
    {"external_id": "L-1", "name": "Ann", "source": "Web", "rep": "Ito", "account": "Acme Inc.", "created_at": "2026-01-05", "qualified_at": "2026-01-06"},
    {"external_id": "L-2", "name": "Bob", "source": "Phone", "created_at": "2026-01-05", "disqualified_at": "2026-01-04"},
    {"external_id": "L-3", "source": "Fax", "created_at": "2026-01-05"},
    {"external_id": "L-4", "name": "Dan", "created_at": "yesterday"}
]'::jsonb AS rows;
SELECT results_eq(
    'SELECT result.action, result.reason FROM lead_rows, crm.import_leads(lead_rows.rows) AS result ORDER BY row_number',
    $$VALUES
        ('inserted', NULL),
        ('rejected', 'disqualified_at is before created_at'),
        ('rejected', 'name is missing'),
        ('rejected', 'created_at "yesterday" is not an instant')$$,
    'leads'
);
SELECT results_eq(
    'SELECT lead.name, source.name, rep.name, lead.created_at, lead.qualified_at FROM crm.lead JOIN crm.lead_source AS source ON source.id = lead.source_id JOIN crm.sales_rep AS rep ON rep.id = lead.rep_id',
    $$VALUES ('Ann', 'Web', 'Ito', timestamptz '2026-01-04 15:00+00', timestamptz '2026-01-05 15:00+00')$$,
    'by their names'
);
SELECT is(result.action, 'unchanged', 'a second run') FROM lead_rows, crm.import_leads(lead_rows.rows) AS result WHERE result.row_number = 1;
SELECT results_eq(
    $$SELECT action, reason FROM crm.import_leads('[{"external_id": "L-1", "qualified_at": null, "disqualified_at": "2026-02-01"}]'::jsonb)
      UNION ALL SELECT action, reason FROM crm.import_leads('[{"external_id": "L-1", "created_at": "2026-03-01"}]'::jsonb)$$,
    $$VALUES ('updated', NULL), ('rejected', 'disqualified_at is before created_at')$$,
    'changes of leads, judged with what is known'
);

-- -------------------------------------------------------------------- activities
CREATE TEMP TABLE activity_stage AS
SELECT *
FROM (VALUES
    ('V-1', 'First visit', 'Visit', true, 'Ito', 'A-1', NULL, timestamp '2026-01-10 10:00', timestamp '2026-01-10 11:00', true),
    ('V-2', NULL, 'Call', NULL, 'Sato', NULL, 'L-1', '2026-01-11 10:00', NULL, false),
    ('V-3', NULL, 'Call', NULL, NULL, 'no such deal', NULL, NULL, NULL, NULL),
    ('V-4', NULL, 'Visit', false, NULL, 'A-1', NULL, NULL, NULL, NULL),
    ('V-5', NULL, 'Call', NULL, NULL, 'A-1', NULL, '2026-01-11 10:00', '2026-01-11 09:00', true),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS stage (external_id, name, activity_type, counts_as_visit, rep, deal_external_id, lead_external_id, started_at, ended_at, done);
SELECT results_eq(
    $$SELECT action, reason FROM crm.import_activities('activity_stage'::regclass) ORDER BY row_number$$,
    $$VALUES
        ('inserted', NULL),
        ('inserted', NULL),
        ('rejected', 'deal "no such deal" is unknown'),
        ('rejected', 'counts_as_visit of activity_type "Visit" is true'),
        ('rejected', 'ended_at is before started_at'),
        ('rejected', 'external_id is missing; activity_type is missing')$$,
    'activities'
);
SELECT results_eq(
    'SELECT activity.name, type.name, type.counts_as_visit, deal.external_id, lead.external_id, activity.started_at, activity.done
     FROM crm.activity JOIN crm.activity_type AS type ON type.id = activity.activity_type_id
     LEFT JOIN crm.deal ON deal.id = activity.deal_id LEFT JOIN crm.lead ON lead.id = activity.lead_id ORDER BY activity.id',
    $$VALUES ('First visit', 'Visit', true, 'A-1', NULL, timestamptz '2026-01-10 01:00+00', true), ('Call', 'Call', false, NULL, 'L-1', '2026-01-11 01:00+00', false)$$,
    'of deals and leads by their external keys'
);
UPDATE activity_stage SET done = true, ended_at = started_at + interval '1 hour' WHERE external_id = 'V-2';
SELECT results_eq(
    $$SELECT action FROM crm.import_activities('activity_stage'::regclass) WHERE external_id IN ('V-1', 'V-2') ORDER BY external_id$$,
    $$VALUES ('unchanged'), ('updated')$$,
    'only the one that changed is updated'
);

-- ------------------------------------------------------------------------ refused
SELECT throws_ok($$SELECT crm.import_deals('[{"external_id": "A"}, {"external_id": "B", "phas": 1}]'::jsonb)$$, '42703', 'row 2 has the unknown key "phas"', 'an unknown key');
SELECT throws_ok($$SELECT crm.import_leads('activity_stage'::regclass)$$, '42703', 'activity_stage has the unknown column "activity_type"', 'an unknown column');
CREATE TEMP TABLE keyless (name text);
SELECT throws_ok($$SELECT crm.import_leads('keyless'::regclass)$$, '42703', 'keyless has no column "external_id"', 'a table without external_id');
SELECT throws_ok($$SELECT crm.import_deals('{"external_id": "A"}'::jsonb)$$, '22023', 'the rows of an import are a JSON array, not object', 'no array');
SELECT throws_ok($$SELECT crm.import_deals('crm.deal_pkey'::regclass)$$, '42809', 'deal_pkey is not a table or view', 'an index');
SELECT throws_ok($$SELECT crm.import_deals(NULL::jsonb)$$, '22023', NULL, 'nothing at all');
SELECT is_empty($$SELECT * FROM crm.import_deals('[]'::jsonb)$$, 'an empty array is no error');

-- The rights are the caller's, and what fails leaves nothing behind.
CREATE ROLE import_test_reader;
GRANT USAGE ON SCHEMA crm TO import_test_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA crm TO import_test_reader;
SET LOCAL ROLE import_test_reader;
SELECT throws_ok($$SELECT crm.import_deals('[{"external_id": "R-1", "name": "x", "pipeline": "Sales", "phase": "Contact"}]'::jsonb)$$, '42501', NULL, 'who cannot write deals cannot import them');
RESET ROLE;
ALTER TABLE crm.deal ADD CONSTRAINT own_rule CHECK (name <> 'forbidden');
SELECT throws_ok($$SELECT crm.import_deals('[{"external_id": "R-2", "name": "forbidden", "pipeline": "Sales", "phase": "Contact", "rep": "Nobody"}]'::jsonb)$$, '23514', NULL, 'a rule of your own stops the import');
SELECT is_empty($$SELECT name FROM crm.sales_rep WHERE name = 'Nobody'$$, 'and nothing of it stays');
CREATE TEMP TABLE long_key AS
SELECT import.external_id, import.action, import.reason, import.source_row
FROM crm.import_deals(jsonb_build_array(
    jsonb_build_object('external_id', 'short', 'name', 'a', 'pipeline', 'Sales', 'phase', 'Contact'),
    jsonb_build_object('external_id', (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n), 'name', 'a', 'pipeline', 'Sales', 'phase', 'Contact'))) AS import;
SELECT set_eq(
    'SELECT length(external_id) AS key, action, reason, length(source_row ->> ''external_id'') AS given FROM long_key',
    $$VALUES (5, 'inserted', NULL, NULL), (6400, 'rejected', 'external_id, or the name of what belongs to it, is longer than 2000 bytes', 6400)$$,
    'what is too long for an index is rejected alone'
);
SELECT isnt_empty($$SELECT FROM crm.deal WHERE external_id = 'short'$$, 'and the rest is there');
SET kpicrm.history = 'off';
SELECT is(action, 'inserted', 'an import keeps the history, whatever the session says')
FROM crm.import_deals('[{"external_id": "R-3", "name": "x", "pipeline": "Sales", "phase": "Contact"}]'::jsonb);
SELECT is(current_setting('kpicrm.history'), 'off', 'and leaves that as it was');
RESET kpicrm.history;
SELECT is_empty('SELECT * FROM crm.check_history()', 'the history does not contradict itself');

SELECT is_empty(
    $$SELECT relname FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relname IN ('deal', 'deal_event', 'phase_stay', 'lead', 'activity') AND reltuples < 0$$,
    'the planner knows what was imported'
);
SELECT * FROM finish();
ROLLBACK;
