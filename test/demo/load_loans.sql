/*
 * Loads the loan applications of a Dutch financial institute (test/data/loan_pipeline)
 * from their event log into the workspace loans, which must be there and empty.  Run
 * it in the root of the source tree, in one transaction:
 *
 *   psql -X -1 -f test/demo/load_loans.sql
 *
 *   1  read     the files, as text, into temporary tables
 *   2  judge    every row: what it stands for, or the reason to skip it
 *   3  load     deals and their history past the triggers, then rebuild_history()
 *   4  account  for every row: read = loaded + skipped, or nothing is kept
 */
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir load_captions.sql

-- ------------------------------------------------------------------- 1  read

CREATE TEMP TABLE raw_case (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    case_id text,
    amount text,
    registered_at text
);
CREATE TEMP TABLE raw_event (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    case_id text,
    event text,
    lifecycle text,
    at text,
    resource text
);
\copy raw_case (case_id, amount, registered_at) FROM PROGRAM 'gunzip -c test/data/loan_pipeline/loan_cases.csv.gz' (FORMAT csv, HEADER true)
\copy raw_event (case_id, event, lifecycle, at, resource) FROM PROGRAM 'gunzip -c test/data/loan_pipeline/loan_events.csv.gz' (FORMAT csv, HEADER true)
ANALYZE raw_case, raw_event;

-- ------------------------------------------------------------------ 2  judge

-- What an event of the log means.  An offer that is withdrawn or answered changes
-- nothing about the application, whose own end follows or has come.
CREATE TEMP TABLE meaning (
    event text PRIMARY KEY,
    phase text,
    position integer,
    kind text,
    activity_type text,
    reason text
);
INSERT INTO meaning (event, phase, position, kind, activity_type, reason) VALUES
    ('A_SUBMITTED', 'Submitted', 1, 'open', NULL, NULL),
    ('A_PARTLYSUBMITTED', 'Partly submitted', 2, 'open', NULL, NULL),
    ('A_PREACCEPTED', 'Preaccepted', 3, 'open', NULL, NULL),
    ('A_ACCEPTED', 'Accepted', 4, 'open', NULL, NULL),
    ('A_FINALIZED', 'Finalized', 5, 'open', NULL, NULL),
    ('O_SENT', 'Offer sent', 6, 'open', NULL, NULL),
    ('O_SENT_BACK', 'Offer sent back', 7, 'open', NULL, NULL),
    ('A_APPROVED', 'Approved', 8, 'won', NULL, NULL),
    ('A_DECLINED', 'Declined', 9, 'lost', NULL, NULL),
    ('A_CANCELLED', 'Cancelled', 10, 'lost', NULL, NULL),
    ('A_REGISTERED', NULL, NULL, NULL, NULL, 'a formality around the approval'),
    ('A_ACTIVATED', NULL, NULL, NULL, NULL, 'a formality around the approval'),
    ('O_SELECTED', NULL, NULL, NULL, NULL, 'the offer is not sent yet'),
    ('O_CREATED', NULL, NULL, NULL, NULL, 'the offer is not sent yet'),
    ('O_CANCELLED', NULL, NULL, NULL, NULL, 'the end of an offer, not of the application'),
    ('O_ACCEPTED', NULL, NULL, NULL, NULL, 'the end of an offer, not of the application'),
    ('O_DECLINED', NULL, NULL, NULL, NULL, 'the end of an offer, not of the application'),
    ('W_Afhandelen leads', NULL, NULL, NULL, 'Handling the lead', NULL),
    ('W_Beoordelen fraude', NULL, NULL, NULL, 'Assessing fraud', NULL),
    ('W_Completeren aanvraag', NULL, NULL, NULL, 'Completing the application', NULL),
    ('W_Nabellen incomplete dossiers', NULL, NULL, NULL, 'Calling for missing documents', NULL),
    ('W_Nabellen offertes', NULL, NULL, NULL, 'Calling after the offer', NULL),
    ('W_Valideren aanvraag', NULL, NULL, NULL, 'Validating the application', NULL),
    ('W_Wijzigen contractgegevens', NULL, NULL, NULL, 'Changing the contract', NULL);

CREATE TEMP TABLE judged_case AS
SELECT
    raw.line_no,
    raw.case_id,
    kpicrm.parsed_amount(raw.amount) AS amount,
    kpicrm.parsed_instant(raw.registered_at, 'UTC') AS registered_at,
    CASE
        WHEN raw.case_id IS NULL
            THEN 'no case_id'
        WHEN row_number() OVER (PARTITION BY raw.case_id ORDER BY raw.line_no) > 1
            THEN 'case_id given twice'
        WHEN kpicrm.parsed_amount(raw.amount) IS NULL
            THEN 'amount is not a number'
        WHEN NOT EXISTS (SELECT FROM raw_event AS event WHERE event.case_id = raw.case_id AND event.event = 'A_SUBMITTED')
            THEN 'was never submitted'
    END AS reason
FROM raw_case AS raw;

CREATE TEMP TABLE judged_event AS
SELECT
    raw.line_no,
    raw.case_id,
    raw.event,
    raw.lifecycle,
    kpicrm.parsed_instant(raw.at, 'UTC') AS at,
    raw.resource,
    meaning.phase,
    meaning.activity_type,
    CASE
        WHEN judged_case.case_id IS NULL
            THEN 'unknown application'
        WHEN meaning.event IS NULL
            THEN 'unknown event'
        WHEN kpicrm.parsed_instant(raw.at, 'UTC') IS NULL
            THEN 'not an instant'
        WHEN raw.lifecycle <> ALL (CASE WHEN meaning.activity_type IS NULL THEN '{COMPLETE}'::text[] ELSE '{SCHEDULE,START,COMPLETE}' END)
            THEN 'unknown lifecycle'
        ELSE meaning.reason
    END AS reason
FROM raw_event AS raw
LEFT JOIN judged_case
    ON judged_case.case_id = raw.case_id
    AND judged_case.reason IS NULL
LEFT JOIN meaning ON meaning.event = raw.event
ORDER BY raw.line_no;
ANALYZE judged_case, judged_event;

-- A START and the COMPLETE that comes next of the same item are one activity, what
-- is SCHEDULEd in between is the next one: so each pair is looked at without the third.
CREATE TEMP TABLE work_item AS
WITH worked AS (
    SELECT
        judged.line_no,
        judged.lifecycle,
        lag(judged.lifecycle) OVER by_line AS previous_lifecycle,
        lead(judged.lifecycle) OVER by_line AS next_lifecycle,
        lead(judged.at) OVER by_line AS next_at,
        lead(judged.resource) OVER by_line AS next_resource
    FROM judged_event AS judged
    WHERE judged.reason IS NULL
        AND judged.activity_type IS NOT NULL
        AND judged.lifecycle <> 'SCHEDULE'
    WINDOW by_line AS (PARTITION BY judged.case_id, judged.event ORDER BY judged.line_no)
), planned AS (
    SELECT
        judged.line_no,
        lag(judged.lifecycle) OVER by_line AS previous_lifecycle,
        lag(judged.at) OVER by_line AS previous_at,
        lead(judged.lifecycle) OVER by_line AS next_lifecycle
    FROM judged_event AS judged
    WHERE judged.reason IS NULL
        AND judged.activity_type IS NOT NULL
        AND judged.lifecycle <> 'COMPLETE'
    WINDOW by_line AS (PARTITION BY judged.case_id, judged.event ORDER BY judged.line_no)
)
SELECT
    judged.line_no,
    judged.case_id,
    judged.activity_type,
    judged.lifecycle,
    CASE
        WHEN judged.lifecycle = 'SCHEDULE' THEN judged.at
        WHEN planned.previous_lifecycle = 'SCHEDULE' THEN planned.previous_at
    END AS planned_at,
    CASE judged.lifecycle WHEN 'START' THEN judged.at END AS started_at,
    CASE WHEN judged.lifecycle = 'START' AND worked.next_lifecycle = 'COMPLETE' THEN worked.next_at END AS ended_at,
    -- Who completed it; the START often names nobody.
    CASE
        WHEN judged.lifecycle = 'START' AND worked.next_lifecycle = 'COMPLETE' THEN coalesce(worked.next_resource, judged.resource)
        ELSE judged.resource
    END AS resource,
    CASE judged.lifecycle
        WHEN 'START' THEN 'an activity'
        WHEN 'SCHEDULE' THEN CASE WHEN planned.next_lifecycle = 'START' THEN 'the plan of an activity' ELSE 'an activity that was only planned' END
        ELSE CASE WHEN worked.previous_lifecycle = 'START' THEN 'the end of an activity' END
    END AS role
FROM judged_event AS judged
LEFT JOIN worked ON worked.line_no = judged.line_no
LEFT JOIN planned ON planned.line_no = judged.line_no
WHERE judged.reason IS NULL
    AND judged.activity_type IS NOT NULL;

UPDATE judged_event AS judged
SET reason = 'COMPLETE of a work item that was not started'
FROM work_item
WHERE work_item.line_no = judged.line_no
    AND work_item.role IS NULL;

-- ------------------------------------------------------------------- 3  load

UPDATE loans.setting
SET time_zone = 'Europe/Amsterdam',
    fiscal_start_month = 1,
    home_currency = 'EUR',
    language = 'en';

INSERT INTO loans.sales_rep (name)
SELECT 'Resource ' || judged.resource
FROM judged_event AS judged
WHERE judged.reason IS NULL
    AND judged.resource IS NOT NULL
GROUP BY judged.resource
ORDER BY judged.resource;

INSERT INTO loans.pipeline (name)
VALUES ('Loan application');

-- The log is long enough to say it itself: the share that was approved of the
-- applications that reached the phase and have ended.
INSERT INTO loans.phase (pipeline_id, name, position, kind, win_probability)
SELECT
    pipeline.id,
    meaning.phase,
    meaning.position,
    meaning.kind,
    CASE meaning.kind WHEN 'won' THEN 1 WHEN 'lost' THEN 0 ELSE share.won END
FROM meaning
CROSS JOIN loans.pipeline AS pipeline
LEFT JOIN (
    SELECT
        reached.phase,
        round(avg(CASE ended.kind WHEN 'won' THEN 1.0 ELSE 0.0 END), 2) AS won
    FROM (
        SELECT DISTINCT
            judged.case_id,
            judged.phase
        FROM judged_event AS judged
        WHERE judged.reason IS NULL
            AND judged.phase IS NOT NULL
    ) AS reached
    JOIN (
        SELECT
            judged.case_id,
            meaning.kind
        FROM judged_event AS judged
        JOIN meaning ON meaning.event = judged.event
        WHERE judged.reason IS NULL
            AND meaning.kind IN ('won', 'lost')
    ) AS ended ON ended.case_id = reached.case_id
    GROUP BY reached.phase
) AS share ON share.phase = meaning.phase
WHERE meaning.phase IS NOT NULL
ORDER BY meaning.position;

-- Every deal as it began; what became of it is in the events alone.
SET kpicrm.history = 'off';
INSERT INTO loans.deal (external_id, name, pipeline_id, phase_id, phase_since, opened_at, amount)
SELECT
    judged.case_id,
    'Application ' || judged.case_id,
    phase.pipeline_id,
    phase.id,
    submitted.at,
    submitted.at,
    judged.amount
FROM judged_case AS judged
JOIN judged_event AS submitted
    ON submitted.case_id = judged.case_id
    AND submitted.event = 'A_SUBMITTED'
    AND submitted.reason IS NULL
JOIN loans.phase AS phase ON phase.name = submitted.phase
WHERE judged.reason IS NULL
ORDER BY judged.line_no;

-- The institute knew each event when it happened.  At one instant the order of the
-- file decides.
INSERT INTO loans.deal_event (deal_id, at, seq, recorded_at, phase_id, amount, rep_id)
SELECT
    deal.id,
    judged.at,
    judged.line_no,
    judged.at,
    phase.id,
    CASE judged.event WHEN 'A_SUBMITTED' THEN deal.amount END,
    rep.id
FROM judged_event AS judged
JOIN loans.deal AS deal ON deal.external_id = judged.case_id
JOIN loans.phase AS phase ON phase.name = judged.phase
LEFT JOIN loans.sales_rep AS rep ON rep.name = 'Resource ' || judged.resource
WHERE judged.reason IS NULL
ORDER BY judged.line_no;

SELECT loans.rebuild_history() \g /dev/null
RESET kpicrm.history;

INSERT INTO loans.activity_type (name)
SELECT meaning.activity_type
FROM meaning
WHERE meaning.activity_type IS NOT NULL
ORDER BY meaning.activity_type;

INSERT INTO loans.activity (name, activity_type_id, rep_id, deal_id, planned_at, started_at, ended_at, done)
SELECT
    item.activity_type,
    type.id,
    rep.id,
    deal.id,
    item.planned_at,
    item.started_at,
    item.ended_at,
    item.ended_at IS NOT NULL
FROM work_item AS item
JOIN loans.deal AS deal ON deal.external_id = item.case_id
JOIN loans.activity_type AS type ON type.name = item.activity_type
LEFT JOIN loans.sales_rep AS rep ON rep.name = 'Resource ' || item.resource
WHERE item.role IN ('an activity', 'an activity that was only planned')
ORDER BY item.line_no;

-- ---------------------------------------------------------------- 4  account

CREATE TEMP TABLE loan_result AS
SELECT
    1 AS sort_order,
    'loan_cases.csv.gz' AS name,
    (SELECT count(*) FROM raw_case) AS rows_read,
    (SELECT count(*) FROM loans.deal) AS rows_loaded,
    (SELECT count(*) FROM judged_case AS judged WHERE judged.reason IS NOT NULL) AS rows_skipped
UNION ALL
SELECT
    2,
    'loan_events.csv.gz',
    (SELECT count(*) FROM raw_event),
    (SELECT count(*) FROM loans.deal_event)
        + (SELECT count(activity.planned_at) + count(activity.started_at) + count(activity.ended_at) FROM loans.activity AS activity),
    (SELECT count(*) FROM judged_event AS judged WHERE judged.reason IS NOT NULL);

SELECT pg_temp.said(
    'Loan applications: rows read, loaded and skipped',
    'ローン申込：読込件数、登録件数、除外件数'
) AS title \gset
\pset title :title
SELECT
    file.name AS :"file",
    file.rows_read AS :"read",
    file.rows_loaded AS :"loaded",
    file.rows_skipped AS :"skipped"
FROM loan_result AS file
ORDER BY file.sort_order;

SELECT pg_temp.said(
    'What the events became',
    'イベントは何として登録されたか'
) AS title \gset
\pset title :title
SELECT
    became.what AS :"loaded_as",
    became.rows AS :"rows"
FROM (VALUES
    (1, pg_temp.said('entry into a phase', 'フェーズへの移行'), (SELECT count(*) FROM loans.deal_event)),
    (2, pg_temp.said('start of an activity', 'アクションの開始'), (SELECT count(activity.started_at) FROM loans.activity AS activity)),
    (3, pg_temp.said('end of an activity', 'アクションの終了'), (SELECT count(activity.ended_at) FROM loans.activity AS activity)),
    (4, pg_temp.said('plan of an activity', 'アクションの予定'), (SELECT count(activity.planned_at) FROM loans.activity AS activity))
) AS became (sort_order, what, rows)
ORDER BY became.sort_order;

-- The tables keep the reasons in English; only here they are translated.
SELECT pg_temp.said(
    'Skipped, by reason',
    '理由別の除外件数'
) AS title \gset
\pset title :title
SELECT
    skipped.file AS :"file",
    pg_temp.said(skipped.reason, coalesce(known.japanese, skipped.reason)) AS :"reason",
    count(*) AS :"rows"
FROM (
    SELECT 'loan_cases.csv.gz' AS file, judged.reason
    FROM judged_case AS judged
    UNION ALL
    SELECT 'loan_events.csv.gz', judged.reason
    FROM judged_event AS judged
) AS skipped
LEFT JOIN (VALUES
    ('no case_id', 'case_idがない'),
    ('case_id given twice', 'case_idが重複'),
    ('amount is not a number', '金額が数値でない'),
    ('was never submitted', '提出（A_SUBMITTED）の記録がない'),
    ('unknown application', '申込が見つからない'),
    ('unknown event', '未知のイベント'),
    ('not an instant', '日時として読めない'),
    ('unknown lifecycle', '未知のlifecycle'),
    ('a formality around the approval', '承認前後の事務手続き'),
    ('the offer is not sent yet', 'オファーがまだ送付されていない'),
    ('the end of an offer, not of the application', 'オファーの終了であり、申込の終了ではない'),
    ('COMPLETE of a work item that was not started', '開始（START）のない作業の完了（COMPLETE）')
) AS known (english, japanese) ON known.english = skipped.reason
WHERE skipped.reason IS NOT NULL
GROUP BY
    skipped.file,
    skipped.reason,
    known.japanese
ORDER BY
    skipped.file,
    count(*) DESC;

SELECT pg_temp.said(
    'What is odd in the log, and what was done about it',
    'ログの不自然な点とその扱い'
) AS title \gset
\pset title :title
SELECT
    quirk.title AS :"quirk",
    quirk.rows AS :"rows",
    quirk.done AS :"done"
FROM (VALUES
    (1, pg_temp.said('event at the instant of the one before', '直前のイベントと同じ日時のイベント'),
        (SELECT count(*) FROM (
            SELECT judged.at = lag(judged.at) OVER (PARTITION BY judged.case_id ORDER BY judged.line_no) AS is_same
            FROM judged_event AS judged
            WHERE judged.activity_type IS NULL
        ) AS event WHERE event.is_same),
        pg_temp.said('the order of the file is kept, as seq', 'ファイルの順序をseqとして保持')),
    (2, pg_temp.said('offer sent again after it came back', '返送後に再び送付されたオファー'),
        (SELECT count(*) FROM loans.deal_slip AS slip WHERE slip.kind = 'backward'),
        pg_temp.said('a move backward', 'フェーズの後退として登録')),
    (3, pg_temp.said('activity started and never completed', '開始後に完了していないアクション'),
        (SELECT count(*) FROM loans.activity AS activity WHERE activity.started_at IS NOT NULL AND activity.ended_at IS NULL),
        pg_temp.said('loaded as not done', '未実施として登録')),
    (4, pg_temp.said('activity scheduled and never started', '予定後に開始していないアクション'),
        (SELECT count(*) FROM loans.activity AS activity WHERE activity.started_at IS NULL),
        pg_temp.said('loaded as planned, not done', '予定（未実施）として登録')),
    (5, pg_temp.said('activity of more than twelve hours', '12時間を超えるアクション'),
        (SELECT count(*) FROM loans.activity AS activity WHERE activity.ended_at - activity.started_at > interval '12 hours'),
        pg_temp.said('loaded: the log knows clicks, not working time', 'そのまま登録（ログの時刻は操作の記録で、作業時間ではない）')),
    (6, pg_temp.said('activity of nobody known', '担当者不明のアクション'),
        (SELECT count(*) FROM loans.activity AS activity WHERE activity.rep_id IS NULL),
        pg_temp.said('loaded, the activity has no rep', '担当者なしで登録')),
    (7, pg_temp.said('application of 0 EUR', '金額が0 EURの申込'),
        (SELECT count(*) FROM loans.deal AS deal WHERE deal.amount = 0),
        pg_temp.said('loaded as it is', 'そのまま登録')),
    (8, pg_temp.said('registered_at is not the first event', 'registered_atが最初のイベントと異なる申込'),
        (SELECT count(*) FROM judged_case AS judged JOIN loans.deal AS deal ON deal.external_id = judged.case_id WHERE deal.opened_at <> judged.registered_at),
        (SELECT format(
            pg_temp.said('the event counts; they differ by %s s at most', 'イベントの日時を採用（差は最大%s秒）'),
            round(max(abs(EXTRACT(epoch FROM deal.opened_at - judged.registered_at))), 3))
         FROM judged_case AS judged JOIN loans.deal AS deal ON deal.external_id = judged.case_id)),
    (9, pg_temp.said('events on the day of 25 hours, 2011-10-30', '1日が25時間ある日（2011-10-30）のイベント'),
        (SELECT count(*) FROM judged_event AS judged WHERE (judged.at AT TIME ZONE 'Europe/Amsterdam')::date = '2011-10-30'),
        pg_temp.said('times are in UTC, days in Amsterdam', '日時はUTC、日付はアムステルダム時間'))
) AS quirk (sort_order, title, rows, done)
WHERE quirk.rows > 0
ORDER BY quirk.sort_order;
\pset title

DO $$
DECLARE
    file record;
BEGIN
    FOR file IN
        SELECT result.name, result.rows_read, result.rows_loaded, result.rows_skipped
        FROM loan_result AS result
        WHERE result.rows_read <> result.rows_loaded + result.rows_skipped
    LOOP
        RAISE EXCEPTION '%: % rows were read, but % loaded and % skipped',
            file.name, file.rows_read, file.rows_loaded, file.rows_skipped
            USING ERRCODE = 'data_exception',
                  HINT = 'Every row must be loaded or skipped with a reason; nothing was kept.';
    END LOOP;
END
$$;
