/*
 * Reference numbers of the loan applications: plain SQL over the raw CSV files,
 * with nothing of kpicrm.  Any PostgreSQL will do:
 *
 *   psql -qX -f test/reference/loans.sql > test/reference/loans.csv
 *
 * run in the root of the source tree.  One row per number: topic, member, measure,
 * value.  Phases are the events of the log; hours of a work item are those from
 * each START to the first COMPLETE behind it, unless another START comes before.
 */
\set ON_ERROR_STOP on
SET extra_float_digits = 1;
SET TIME ZONE 'UTC';

CREATE TEMP TABLE raw_case (
    case_id text,
    amount numeric,
    registered_at timestamptz
);
CREATE TEMP TABLE raw_event (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    case_id text,
    event text,
    lifecycle text,
    at timestamptz,
    resource text
);
\copy raw_case FROM PROGRAM 'gunzip -c test/data/loan_pipeline/loan_cases.csv.gz' (FORMAT csv, HEADER true)
\copy raw_event (case_id, event, lifecycle, at, resource) FROM PROGRAM 'gunzip -c test/data/loan_pipeline/loan_events.csv.gz' (FORMAT csv, HEADER true)
CREATE INDEX ON raw_event (case_id, event, line_no);
ANALYZE raw_event;

-- One row per application: when it came, how and when it ended.
CREATE TEMP TABLE application AS
SELECT
    submitted.case_id,
    submitted.at AS opened_at,
    coalesce(ending.event, 'open') AS outcome,
    ending.at AS closed_at,
    EXTRACT(epoch FROM ending.at - submitted.at) / 86400 AS days,
    ending.resource AS closed_by
FROM raw_event AS submitted
LEFT JOIN raw_event AS ending
    ON ending.case_id = submitted.case_id
    AND ending.event IN ('A_APPROVED', 'A_DECLINED', 'A_CANCELLED')
WHERE submitted.event = 'A_SUBMITTED';

-- One row per entry into a phase that the application was not in already.
CREATE TEMP TABLE entry AS
SELECT
    entered.case_id,
    entered.event,
    entered.at
FROM raw_event AS entered
WHERE entered.event IN ('A_SUBMITTED', 'A_PARTLYSUBMITTED', 'A_PREACCEPTED', 'A_ACCEPTED', 'A_FINALIZED', 'O_SENT', 'O_SENT_BACK',
        'A_APPROVED', 'A_DECLINED', 'A_CANCELLED')
    AND NOT (entered.event = 'O_SENT' AND coalesce((
        SELECT earlier.event
        FROM raw_event AS earlier
        WHERE earlier.case_id = entered.case_id
            AND earlier.line_no < entered.line_no
            AND earlier.event IN ('A_FINALIZED', 'O_SENT', 'O_SENT_BACK')
        ORDER BY earlier.line_no DESC
        LIMIT 1
    ), '') = 'O_SENT');

-- One row per START of a work item.
CREATE TEMP TABLE work AS
SELECT
    started.case_id,
    started.event,
    coalesce(finished.resource, started.resource) AS resource,
    EXTRACT(epoch FROM finished.at - started.at) / 3600 AS hours
FROM raw_event AS started
LEFT JOIN LATERAL (
    SELECT
        later.lifecycle,
        later.at,
        later.resource
    FROM raw_event AS later
    WHERE later.case_id = started.case_id
        AND later.event = started.event
        AND later.line_no > started.line_no
        AND later.lifecycle IN ('START', 'COMPLETE')
    ORDER BY later.line_no
    LIMIT 1
) AS finished ON finished.lifecycle = 'COMPLETE'
WHERE started.event LIKE 'W%'
    AND started.lifecycle = 'START';

CREATE TEMP VIEW number AS
SELECT 'outcome' AS topic, application.outcome AS member, 'deal_count' AS measure, count(*)::text AS value
FROM application
GROUP BY application.outcome
UNION ALL
SELECT 'win_rate', 'all', measure.name, measure.value
FROM (
    SELECT
        count(*) FILTER (WHERE application.outcome = 'A_APPROVED') AS won,
        count(*) AS closed
    FROM application
    WHERE application.outcome <> 'open'
) AS counted
CROSS JOIN LATERAL (VALUES
    ('won_count', counted.won::text),
    ('closed_count', counted.closed::text),
    ('win_rate', (counted.won::double precision / counted.closed)::text)
) AS measure (name, value)
UNION ALL
SELECT 'lead_time', 'A_APPROVED', measure.name, measure.value
FROM (
    SELECT
        avg(application.days)::double precision AS mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY application.days::double precision) AS median
    FROM application
    WHERE application.outcome = 'A_APPROVED'
) AS counted
CROSS JOIN LATERAL (VALUES
    ('mean_days', counted.mean::text),
    ('median_days', counted.median::text)
) AS measure (name, value)
UNION ALL
SELECT 'reached', entry.event, 'deal_count', count(DISTINCT entry.case_id)::text
FROM entry
GROUP BY entry.event
UNION ALL
SELECT 'reached', entry.event, 'stay_count', count(*)::text
FROM entry
GROUP BY entry.event
UNION ALL
SELECT 'opened', to_char(application.opened_at AT TIME ZONE 'Europe/Amsterdam', 'YYYY-MM'), 'deal_count', count(*)::text
FROM application
GROUP BY 2
UNION ALL
SELECT 'work', work.event, measure.name, measure.value
FROM (
    SELECT
        work.event,
        count(*) AS started,
        count(work.hours) AS done,
        sum(work.hours) AS hours
    FROM work
    GROUP BY work.event
) AS work
CROSS JOIN LATERAL (VALUES
    ('started_count', work.started::text),
    ('done_count', work.done::text),
    ('hours', work.hours::text)
) AS measure (name, value)
UNION ALL
SELECT 'person', coalesce(work.resource, 'nobody'), 'done_count', count(work.hours)::text
FROM work
GROUP BY work.resource
UNION ALL
SELECT 'approver', application.closed_by, 'won_count', count(*)::text
FROM application
WHERE application.outcome = 'A_APPROVED'
GROUP BY application.closed_by;

\copy (SELECT number.topic, number.member, number.measure, number.value FROM number ORDER BY number.topic COLLATE "C", number.member COLLATE "C", number.measure COLLATE "C") TO STDOUT (FORMAT csv, HEADER true)
