/*
 * activity_report and activity_effort: every number of random activities, in a zone
 * whose days may begin twice, against plain SQL over what is known of them.  Runs in
 * the root of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(40);

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    rep text,
    team text,
    activity_type text,
    phase text,
    pipeline text,
    sort_order integer,
    period_start date,
    activities bigint,
    timed bigint,
    hours numeric,
    rep_hours numeric,
    share numeric,
    team_reps bigint,
    team_activities bigint,
    per_rep numeric,
    team_hours numeric,
    hours_per_rep numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH done AS (
        SELECT k.*, r.team_id, coalesce(pg_temp.first_day(k.day, grain), from_date) AS period_start
        FROM known_activity AS k
        LEFT JOIN crm.sales_rep AS r ON r.id = k.rep_id
        WHERE k.at <= until AND (from_date IS NULL OR k.day >= from_date) AND (to_date IS NULL OR k.day < to_date)
    ), cell AS (
        SELECT rep_id, team_id, activity_type_id, phase_id, period_start, count(*) AS activities, count(hours) AS timed, sum(hours) AS hours
        FROM done
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT
        coalesce(r.name, '(none)'), coalesce(t.name, '(none)'), y.name, coalesce(p.name, '(none)'), coalesce(l.name, '(none)'), p.position, c.period_start,
        c.activities, c.timed, round(c.hours, 6),
        round(mine.hours, 6), round(c.hours / nullif(mine.hours, 0), 9),
        size.reps, CASE WHEN c.team_id IS NOT NULL THEN of_team.activities END,
        round(of_team.activities::numeric / size.reps, 9),
        CASE WHEN c.team_id IS NOT NULL THEN round(of_team.hours, 6) END,
        round(of_team.hours / size.reps, 6)
    FROM cell AS c
    LEFT JOIN crm.sales_rep AS r ON r.id = c.rep_id
    LEFT JOIN crm.sales_team AS t ON t.id = c.team_id
    JOIN crm.activity_type AS y ON y.id = c.activity_type_id
    LEFT JOIN crm.phase AS p ON p.id = c.phase_id
    LEFT JOIN crm.pipeline AS l ON l.id = p.pipeline_id
    CROSS JOIN LATERAL (
        SELECT sum(d.hours) AS hours FROM done AS d
        WHERE d.rep_id IS NOT DISTINCT FROM c.rep_id AND d.period_start IS NOT DISTINCT FROM c.period_start
    ) AS mine
    CROSS JOIN LATERAL (
        SELECT nullif(count(DISTINCT d.rep_id), 0) AS reps FROM done AS d
        WHERE d.team_id = c.team_id AND d.period_start IS NOT DISTINCT FROM c.period_start
    ) AS size
    CROSS JOIN LATERAL (
        SELECT count(*) AS activities, sum(d.hours) AS hours FROM done AS d
        WHERE d.team_id = c.team_id AND d.period_start IS NOT DISTINCT FROM c.period_start
            AND d.activity_type_id = c.activity_type_id AND d.phase_id IS NOT DISTINCT FROM c.phase_id
    ) AS of_team
$$;

CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    rep text,
    team text,
    activity_type text,
    phase text,
    pipeline text,
    sort_order integer,
    period_start date,
    activities bigint,
    timed bigint,
    hours numeric,
    rep_hours numeric,
    share numeric,
    team_reps bigint,
    team_activities bigint,
    per_rep numeric,
    team_hours numeric,
    hours_per_rep numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.rep, r.team, r.activity_type, r.phase, r.pipeline, r.phase_sort_order, r.period_start,
        r.activity_count, r.timed_count, round(r.duration_hours::numeric, 6), round(r.rep_hours::numeric, 6), round(r.time_rate::numeric, 9),
        r.team_rep_count, r.team_activity_count, round(r.team_activities_per_rep::numeric, 9), round(r.team_hours::numeric, 6), round(r.team_hours_per_rep::numeric, 6)
    FROM crm.activity_report(from_date, to_date, until, grain) AS r
$$;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected(NULL, NULL, '2030-01-01', 'month')), '>', 800::bigint, 'there is something to compare');
SELECT cmp_ok((SELECT count(*) FROM known_activity WHERE deal_id IS NOT NULL AND phase_id IS NULL), '>', 5::bigint, 'some of it before the first phase of a deal');
SELECT cmp_ok(
    (SELECT count(*) FROM known_activity WHERE at >= '2026-11-01 04:00+00' AND at < '2026-11-01 05:00+00'), '>', 0::bigint,
    'some of it in the first 0:00 to 1:00 of 1 November 2026, which comes twice'
);
SELECT cmp_ok((SELECT count(*) FROM known_activity WHERE day = '2024-02-29'), '>', 0::bigint, 'some of it on the leap day');
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.reported(NULL, NULL, ''2030-01-01'', %L)', grain),
    format('SELECT * FROM pg_temp.expected(NULL, NULL, ''2030-01-01'', %L)', grain),
    'all of it, by ' || grain
)
FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year', 'all']) AS grain;
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2024-02-10', '2024-03-05', '2030-01-01', 'month')$$,
    $$SELECT * FROM pg_temp.expected('2024-02-10', '2024-03-05', '2030-01-01', 'month')$$,
    'from within a month until within another'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2026-11-01', '2026-11-02', '2030-01-01', 'day')$$,
    $$SELECT * FROM pg_temp.expected('2026-11-01', '2026-11-02', '2030-01-01', 'day')$$,
    'the one day that begins twice'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2024-01-01', '9999-12-31', '2024-02-29 23:59-05', 'all')$$,
    $$SELECT * FROM pg_temp.expected('2024-01-01', '9999-12-31', '2024-02-29 23:59-05', 'all')$$,
    'until the end of the leap day, in one'
);
SELECT is_empty($$SELECT * FROM crm.activity_report('2030-01-01', '2030-02-01')$$, 'nothing where there is nothing');
SELECT is_empty($$SELECT * FROM crm.activity_report('2024-02-10', '2024-02-10')$$, 'nor in a period of no day');
SELECT is(
    (SELECT string_agg(DISTINCT r.period_label, ', ' ORDER BY r.period_label) FROM crm.activity_report('2023-11-01', '2024-11-01', '2030-01-01', 'half') AS r),
    'FY2023 H2, FY2024 H1, FY2024 H2',
    'names of fiscal halves'
);
SELECT is(
    (SELECT sum(r.activity_count) FROM crm.activity_report AS r),
    (SELECT count(*)::numeric FROM known_activity WHERE at <= now()),
    'the view is the report as of now'
);
SELECT is(
    (SELECT r.phase FROM crm.activity_report(as_of => '2026-07-01 12:00+09', grain => 'day') AS r WHERE r.rep = 'Aoi' AND r.period_start = '2026-02-09' AND r.activity_type = 'Visit'),
    'Contract',
    'a visit that ends an hour after its deal moved to Contract belongs to Contract'
);

-- activity_effort
CREATE FUNCTION pg_temp.expected_effort(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (dimension text, member text, period_start date, occasion text, deals bigint, acted bigint, activities numeric, timed numeric, hours numeric, per_deal numeric, hours_per_deal numeric)
    LANGUAGE sql STABLE
AS $$
    WITH occasion AS (
        SELECT deal_id, lead_id, source_id, pipeline_id, 'opened' AS occasion, opened_at AS at, opening_rep_id AS rep_id, opening_product_id AS product_id
        FROM pg_temp.known_deal(until)
        UNION ALL
        SELECT deal_id, lead_id, source_id, pipeline_id, kind, entered_at, rep_id, product_id
        FROM pg_temp.known_deal(until) WHERE kind IN ('won', 'lost')
    ), effort AS (
        SELECT o.*, (o.at AT TIME ZONE 'America/Havana')::date AS day, done.activities, done.timed, done.hours
        FROM occasion AS o
        CROSS JOIN LATERAL (
            SELECT count(*) AS activities, count(k.hours) AS timed, sum(k.hours) AS hours
            FROM known_activity AS k
            WHERE coalesce(k.deal_id = o.deal_id, k.lead_id = o.lead_id) AND k.at <= o.at
        ) AS done
    ), member AS (
        SELECT e.*, 'all' AS dimension, 'all' AS member FROM effort AS e
        UNION ALL SELECT e.*, 'rep', coalesce(r.name, '(none)') FROM effort AS e LEFT JOIN crm.sales_rep AS r ON r.id = e.rep_id
        UNION ALL SELECT e.*, 'team', coalesce(t.name, '(none)') FROM effort AS e LEFT JOIN crm.sales_rep AS r ON r.id = e.rep_id LEFT JOIN crm.sales_team AS t ON t.id = r.team_id
        UNION ALL SELECT e.*, 'product', coalesce(p.name, '(none)') FROM effort AS e LEFT JOIN crm.product AS p ON p.id = e.product_id
        UNION ALL SELECT e.*, 'source', coalesce(s.name, '(none)') FROM effort AS e LEFT JOIN crm.lead_source AS s ON s.id = e.source_id
        UNION ALL SELECT e.*, 'pipeline', l.name FROM effort AS e JOIN crm.pipeline AS l ON l.id = e.pipeline_id
    )
    SELECT dimension, member, coalesce(pg_temp.first_day(day, grain), from_date), occasion,
        count(*), count(*) FILTER (WHERE activities > 0), sum(activities), sum(timed), round(sum(hours), 6),
        round(sum(activities) / count(*), 9), round(sum(hours) / count(*), 6)
    FROM member
    WHERE (from_date IS NULL OR day >= from_date) AND (to_date IS NULL OR day < to_date)
    GROUP BY 1, 2, 3, 4
$$;
CREATE FUNCTION pg_temp.reported_effort(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (dimension text, member text, period_start date, occasion text, deals bigint, acted bigint, activities numeric, timed numeric, hours numeric, per_deal numeric, hours_per_deal numeric)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.occasion, r.deal_count, r.acted_count, r.activity_count, r.timed_count,
        round(r.duration_hours::numeric, 6), round(r.activities_per_deal::numeric, 9), round(r.hours_per_deal::numeric, 6)
    FROM crm.activity_effort(from_date, to_date, NULL, until, grain) AS r
$$;
SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected_effort(NULL, NULL, '2027-01-01', 'quarter') WHERE activities > 0), '>', 150::bigint, 'there is effort to compare');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported_effort(NULL, NULL, '2027-01-01', 'quarter')$$,
    $$SELECT * FROM pg_temp.expected_effort(NULL, NULL, '2027-01-01', 'quarter')$$,
    'effort by quarter: deals reopened, handed over, without a lead, and sharing one'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported_effort('2024-02-10', '2024-11-15', '2024-09-01', 'month')$$,
    $$SELECT * FROM pg_temp.expected_effort('2024-02-10', '2024-11-15', '2024-09-01', 'month')$$,
    'effort of a part, as it was known within it, by month'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported_effort('2026-10-31', '2026-11-03', '2027-01-01', 'day')$$,
    $$SELECT * FROM pg_temp.expected_effort('2026-10-31', '2026-11-03', '2027-01-01', 'day')$$,
    'effort by day, where a day begins twice'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM crm.activity_effort(by => 'rep', as_of => '2027-01-01')$$,
    $$SELECT * FROM crm.activity_effort(as_of => '2027-01-01') AS r WHERE r.dimension_name = 'rep'$$,
    'one dimension is that of all'
);

-- What cannot be.
SELECT throws_ok($$SELECT * FROM crm.activity_report('2024-02-02', '2024-02-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-02"', 'from after to');
SELECT throws_ok($$SELECT * FROM crm.activity_report('-infinity', NULL)$$, '22023', 'invalid value for argument "from_date": "-infinity"', 'from the beginning of time');
SELECT throws_ok($$SELECT * FROM crm.activity_report(grain => 'decade')$$, '22023', 'invalid value for argument "grain": "decade"', 'another grain');
SELECT throws_ok($$SELECT * FROM crm.activity_effort('2024-02-02', '2024-02-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-02"', 'effort from after to');
SELECT throws_ok($$SELECT * FROM crm.activity_effort(by => 'manager')$$, '22023', 'invalid value for argument "by": "manager"', 'effort by something else');

-- Where there is nothing, arguments are looked at all the same.
SELECT kpicrm.create_workspace('nothing') \g /dev/null
SELECT throws_ok('SELECT * FROM nothing.activity_effort(' || arguments || ')', '22023')
FROM unnest(ARRAY[$$'2026-02-01', '2026-01-01'$$, $$as_of => 'infinity'$$, $$grain => 'fortnight'$$, $$by => 'weather'$$]) AS arguments;
SELECT throws_ok('SELECT * FROM nothing.lead_source_report(' || arguments || ')', '22023')
FROM unnest(ARRAY[$$'2026-02-01', '2026-01-01'$$, $$as_of => 'infinity'$$, $$grain => 'fortnight'$$, $$by => 'weather'$$]) AS arguments;
SELECT is_empty('SELECT * FROM nothing.activity_effort()', 'no deals, no effort');

-- A deal is won in the future, and reopened later still: as of the time between it is won.
INSERT INTO nothing.pipeline (name) VALUES ('p');
INSERT INTO nothing.phase (pipeline_id, name, position, kind) VALUES (1, 'open', 1, 'open'), (1, 'won', 2, 'won');
INSERT INTO nothing.deal (name, phase_id, opened_at) VALUES ('d', 1, now() - interval '9 days');
UPDATE nothing.deal SET phase_id = 2, phase_since = now() + interval '20 days';
UPDATE nothing.deal SET phase_id = 1, phase_since = now() + interval '30 days';
SELECT results_eq($$SELECT deal_count FROM nothing.activity_effort(NULL, NULL, 'all', now() + interval '25 days', 'all') WHERE occasion = 'won'$$, 'VALUES (1::bigint)', 'effort of a closing that is undone later');
-- One mistyped year.
INSERT INTO nothing.deal (name, phase_id, opened_at) VALUES ('old', 1, '0202-05-01');
SELECT results_eq($$SELECT period_start, deal_count FROM nothing.activity_effort(NULL, NULL, 'all', grain => 'year') WHERE occasion = 'opened' ORDER BY 1$$,
    $$SELECT nothing.period_start((opened_at AT TIME ZONE 'UTC')::date, 'year'), 1::bigint FROM nothing.deal ORDER BY 1$$, 'eighteen centuries apart');

SELECT * FROM finish();
ROLLBACK;
