/*
 * The loan applications, loaded by the demo's own script from their event log,
 * against reference numbers that plain SQL drew from the CSV files
 * (test/reference/loans.csv): counts exactly, means and hours to 1e-9.
 * Runs in the root of the source tree.
 */
BEGIN;
SET client_min_messages = warning;
SELECT kpicrm.create_workspace('loans') \g /dev/null
\o /dev/null
\i test/demo/load_loans.sql
\o
\pset tuples_only on
SELECT plan(17);
SELECT is_empty(
    $$SELECT relname FROM pg_class WHERE relnamespace = 'loans'::regnamespace AND relname IN ('deal', 'deal_event', 'deal_span', 'phase_stay') AND reltuples < 10000$$,
    'the planner knows the tables after the load: reports do not wait for autovacuum'
);

CREATE TEMP TABLE reference (
    topic text,
    member text,
    measure text,
    value text
);
\copy reference FROM 'test/reference/loans.csv' (FORMAT csv, HEADER true)

CREATE TEMP TABLE have (
    topic text,
    member text,
    measure text,
    value text
);
CREATE TEMP TABLE phase_event AS
SELECT
    meaning.event,
    meaning.phase
FROM meaning
WHERE meaning.phase IS NOT NULL;

INSERT INTO have
SELECT 'outcome', CASE WHEN deals.open THEN 'open' ELSE phase_event.event END, 'deal_count', count(*)::text
FROM loans.deals AS deals
JOIN phase_event ON phase_event.phase = deals.phase
GROUP BY 2
UNION ALL
SELECT 'opened', to_char(deals.opened_date, 'YYYY-MM'), 'deal_count', count(*)::text
FROM loans.deals AS deals
GROUP BY 2
UNION ALL
SELECT 'approver', replace(deals.rep, 'Resource ', ''), 'won_count', count(*)::text
FROM loans.deals AS deals
WHERE deals.won
GROUP BY 2;

INSERT INTO have
SELECT 'win_rate', 'all', measure.name, measure.value
FROM loans.win_rate_report(by => 'all', grain => 'all', as_of => '2012-03-15 00:00+00') AS report
CROSS JOIN LATERAL (VALUES
    ('won_count', report.won_count::text),
    ('closed_count', report.deal_count::text),
    ('win_rate', report.win_rate::text)
) AS measure (name, value)
WHERE report.definition = 'closed';

INSERT INTO have
SELECT 'lead_time', 'A_APPROVED', measure.name, measure.value
FROM (
    SELECT
        kpicrm.lead_time(deals.opened_at, deals.closed_at) AS mean,
        kpicrm.lead_time(deals.opened_at, deals.closed_at, 0.5) AS median
    FROM loans.deals AS deals
    WHERE deals.won
) AS lead_time
CROSS JOIN LATERAL (VALUES
    ('mean_days', (EXTRACT(epoch FROM lead_time.mean) / 86400)::text),
    ('median_days', (EXTRACT(epoch FROM lead_time.median) / 86400)::text)
) AS measure (name, value);

INSERT INTO have
SELECT 'reached', phase_event.event, measure.name, measure.value
FROM (
    SELECT
        stays.phase,
        count(DISTINCT stays.deal_id) AS deals,
        count(*) AS stays
    FROM loans.phase_stays AS stays
    GROUP BY stays.phase
) AS counted
JOIN phase_event ON phase_event.phase = counted.phase
CROSS JOIN LATERAL (VALUES
    ('deal_count', counted.deals::text),
    ('stay_count', counted.stays::text)
) AS measure (name, value);

INSERT INTO have
SELECT 'work', meaning.event, measure.name, measure.value
FROM (
    SELECT
        activities.activity_type,
        count(activities.started_at) AS started,
        count(*) FILTER (WHERE activities.done) AS done,
        sum(EXTRACT(epoch FROM activities.ended_at - activities.started_at)) / 3600 AS hours
    FROM loans.activities AS activities
    GROUP BY activities.activity_type
) AS work
JOIN meaning ON meaning.activity_type = work.activity_type
CROSS JOIN LATERAL (VALUES
    ('started_count', work.started::text),
    ('done_count', work.done::text),
    ('hours', work.hours::text)
) AS measure (name, value)
WHERE work.started > 0
UNION ALL
SELECT 'person', coalesce(replace(activities.rep, 'Resource ', ''), 'nobody'), 'done_count', count(*) FILTER (WHERE activities.done)::text
FROM loans.activities AS activities
WHERE activities.started_at IS NOT NULL
GROUP BY 2;

-- A mean is exact but for microseconds.  The median of more than 2,048 distinct
-- durations is that of durations rounded to eight bits: within 0.4 %.
CREATE TEMP TABLE comparison AS
SELECT
    coalesce(have.topic, want.topic) AS topic,
    coalesce(have.member, want.member) AS member,
    coalesce(have.measure, want.measure) AS measure,
    want.value AS want,
    have.value AS have,
    CASE
        WHEN have.value IS NULL OR want.value IS NULL
            THEN false
        WHEN want.measure = 'median_days'
            THEN abs(have.value::double precision / want.value::double precision - 1) <= 0.004
        WHEN want.measure IN ('mean_days', 'win_rate', 'hours')
            THEN abs(have.value::double precision - want.value::double precision) <= 1e-9 * greatest(1, abs(want.value::double precision))
        ELSE have.value = want.value
    END AS is_equal
FROM reference AS want
FULL JOIN have
    ON have.topic = want.topic
    AND have.member = want.member
    AND have.measure = want.measure;

SELECT cmp_ok(count(*), '>=', 110::bigint, 'there are numbers to compare') FROM reference;
SELECT is_empty(
    format('SELECT member, measure, want, have FROM comparison WHERE topic = %L AND NOT is_equal', subject.topic),
    subject.title
)
FROM (VALUES
    ('outcome', 'approved, declined, cancelled and open applications'),
    ('opened', 'applications by month, in Amsterdam'),
    ('approver', 'approvals by person'),
    ('win_rate', 'share approved of what has ended'),
    ('lead_time', 'days to the approval: mean and median'),
    ('reached', 'applications and stays in each phase'),
    ('work', 'work items and their hours'),
    ('person', 'work items done by person')
) AS subject (topic, title);

SELECT is(
    (SELECT count(*) FROM loans.deals AS deals WHERE deals.open),
    399::bigint,
    '399 applications had not ended'
);
SELECT is_empty('SELECT * FROM loans.check_history()', 'the history does not contradict itself');
SELECT is(loans.rebuild_history(), 0::bigint, 'and there is nothing left to rebuild');
SELECT is_empty(
    $$SELECT result.name FROM loan_result AS result WHERE result.rows_read <> result.rows_loaded + result.rows_skipped$$,
    'every row of the files was loaded or skipped with a reason'
);
-- The institute recorded what happened when it happened.
SELECT is(
    (SELECT count(*) FROM loans.deal_as_of('2011-11-30 23:00+00', '2011-11-30 23:00+00') AS state
     JOIN loans.phase ON phase.id = state.phase_id WHERE phase.kind = 'open'),
    (SELECT count(*) FROM raw_event AS submitted
     WHERE submitted.event = 'A_SUBMITTED' AND submitted.at::timestamptz <= '2011-11-30 23:00+00'
        AND NOT EXISTS (
            SELECT FROM raw_event AS ending
            WHERE ending.case_id = submitted.case_id
                AND ending.event IN ('A_APPROVED', 'A_DECLINED', 'A_CANCELLED')
                AND ending.at::timestamptz <= '2011-11-30 23:00+00'
        )),
    'the open applications of a past instant, as known then'
);

-- Deals the forecast has not seen, month after month.
\set workspace loans
\set replayed '''2011-11-01'', ''2012-03-01'', ''2012-03-15 00:00+01'', 30, ''all'''
\set least_deals 2000
\ir include/calibration.psql

SELECT * FROM finish();
ROLLBACK;
