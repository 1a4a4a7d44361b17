/*
 * lead_source_report: every number of random leads, deals and activities against plain
 * SQL over what is known of them, costs by counting days.  Runs in the root of the
 * source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/actions.sql
\pset tuples_only on
SELECT plan(24);

-- Days of each source that cost something, and what each of them cost.
CREATE FUNCTION pg_temp.cost_day(until timestamptz)
RETURNS TABLE (source_id bigint, day date, cost numeric)
    LANGUAGE sql STABLE
AS $$
    WITH term AS (
        SELECT
            s.id,
            s.cost,
            coalesce(s.starts_on, (
                SELECT min(seen.day) FROM (
                    SELECT (l.created_at AT TIME ZONE 'America/Havana')::date AS day FROM crm.lead AS l WHERE l.source_id = s.id
                    UNION ALL
                    SELECT (d.opened_at AT TIME ZONE 'America/Havana')::date FROM crm.deal AS d WHERE d.source_id = s.id AND d.lead_id IS NULL
                ) AS seen
            )) AS first,
            coalesce(s.ends_on, (until AT TIME ZONE 'America/Havana')::date) AS last
        FROM crm.lead_source AS s
        WHERE s.cost IS NOT NULL
    )
    SELECT term.id, term.first + n, term.cost / (term.last - term.first + 1)
    FROM term
    CROSS JOIN LATERAL generate_series(0, term.last - term.first) AS n
    WHERE term.first + n <= (until AT TIME ZONE 'America/Havana')::date
$$;

CREATE FUNCTION pg_temp.expected(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, channel text, period_start date,
    leads numeric, converted numeric, opportunity numeric, opportunity_low numeric, opportunity_high numeric,
    deals numeric, direct numeric, won numeric, closed numeric, win_rate numeric, win_low numeric, win_high numeric, won_amount numeric,
    activities numeric, timed numeric, hours numeric, cost numeric, per_hour numeric, per_cost numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH deal AS MATERIALIZED (
        SELECT d.*, l.id IS NULL AS is_direct, CASE WHEN l.id IS NULL THEN d.source_id ELSE l.source_id END AS origin_id,
            coalesce(l.created_at, d.opened_at) AS at
        FROM pg_temp.known_deal(until) AS d
        LEFT JOIN crm.lead AS l ON l.id = d.lead_id
    ), fact AS (
        SELECT l.source_id, l.created_at AS at,
            1 AS leads, CASE WHEN EXISTS (SELECT FROM deal WHERE deal.lead_id = l.id) THEN 1 ELSE 0 END AS converted,
            0 AS deals, 0 AS direct, 0 AS won, 0 AS closed, 0::numeric AS won_amount,
            own.activities, own.timed, own.hours
        FROM crm.lead AS l
        CROSS JOIN LATERAL (
            SELECT count(*) AS activities, count(k.hours) AS timed, sum(k.hours) AS hours
            FROM known_activity AS k WHERE k.lead_id = l.id AND k.deal_id IS NULL AND k.at <= until
        ) AS own
        UNION ALL
        SELECT d.origin_id, d.at, 0, 0,
            1, CASE WHEN d.is_direct THEN 1 ELSE 0 END, CASE WHEN d.kind = 'won' THEN 1 ELSE 0 END, CASE WHEN d.kind IN ('won', 'lost') THEN 1 ELSE 0 END,
            CASE WHEN d.kind = 'won' THEN coalesce(d.amount, 0) ELSE 0 END,
            own.activities, own.timed, own.hours
        FROM deal AS d
        CROSS JOIN LATERAL (
            SELECT count(*) AS activities, count(k.hours) AS timed, sum(k.hours) AS hours
            FROM known_activity AS k WHERE k.deal_id = d.deal_id AND k.at <= until
        ) AS own
    ), dated AS (
        SELECT f.*, (f.at AT TIME ZONE 'America/Havana')::date AS day, NULL::numeric AS cost
        FROM fact AS f
        WHERE f.at <= until
        UNION ALL
        SELECT c.source_id, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, c.day, c.cost
        FROM pg_temp.cost_day(until) AS c
    ), member AS (
        SELECT d.*, 'all' AS dimension, 'all' AS member, NULL::text AS channel FROM dated AS d
        UNION ALL SELECT d.*, 'source', coalesce(s.name, '(none)'), s.channel FROM dated AS d LEFT JOIN crm.lead_source AS s ON s.id = d.source_id
        UNION ALL SELECT d.*, 'channel', coalesce(s.channel, '(none)'), s.channel FROM dated AS d LEFT JOIN crm.lead_source AS s ON s.id = d.source_id
    )
    SELECT m.dimension, m.member, m.channel, coalesce(pg_temp.first_day(m.day, grain), from_date),
        sum(m.leads), sum(m.converted), round(sum(m.converted)::numeric / nullif(sum(m.leads), 0), 9),
        round(pg_temp.wilson(sum(m.converted), sum(m.leads), -1), 9), round(pg_temp.wilson(sum(m.converted), sum(m.leads), 1), 9),
        sum(m.deals), sum(m.direct), sum(m.won), sum(m.closed), round(sum(m.won)::numeric / nullif(sum(m.closed), 0), 9),
        round(pg_temp.wilson(sum(m.won), sum(m.closed), -1), 9), round(pg_temp.wilson(sum(m.won), sum(m.closed), 1), 9),
        sum(m.won_amount), sum(m.activities), sum(m.timed), round(sum(m.hours), 6), round(sum(m.cost), 6),
        round(sum(m.won_amount) / nullif(sum(m.hours), 0), 6), round(sum(m.won_amount) / nullif(sum(m.cost), 0), 6)
    FROM member AS m
    WHERE (from_date IS NULL OR m.day >= from_date) AND (to_date IS NULL OR m.day < to_date)
    GROUP BY 1, 2, 3, 4
$$;

CREATE FUNCTION pg_temp.reported(from_date date, to_date date, until timestamptz, grain text)
RETURNS TABLE (
    dimension text, member text, channel text, period_start date,
    leads numeric, converted numeric, opportunity numeric, opportunity_low numeric, opportunity_high numeric,
    deals numeric, direct numeric, won numeric, closed numeric, win_rate numeric, win_low numeric, win_high numeric, won_amount numeric,
    activities numeric, timed numeric, hours numeric, cost numeric, per_hour numeric, per_cost numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.channel, r.period_start,
        r.lead_count, r.converted_count, round(r.opportunity_rate::numeric, 9), round(r.opportunity_rate_low::numeric, 9), round(r.opportunity_rate_high::numeric, 9),
        r.deal_count, r.direct_deal_count, r.won_count, r.closed_count,
        round(r.win_rate::numeric, 9), round(r.win_rate_low::numeric, 9), round(r.win_rate_high::numeric, 9), r.won_amount,
        r.activity_count, r.timed_count, round(r.duration_hours::numeric, 6), round(r.cost_amount, 6), round(r.won_per_hour_amount, 6), round(r.won_amount_per_cost::numeric, 6)
    FROM crm.lead_source_report(from_date, to_date, NULL, until, grain) AS r
$$;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected(NULL, NULL, '2027-01-01', 'month')), '>', 150::bigint, 'there is something to compare');
SELECT cmp_ok((SELECT sum(won) FROM pg_temp.expected(NULL, NULL, '2027-01-01', 'all') WHERE dimension = 'all'), '>', 10::numeric, 'won deals among it');
SELECT cmp_ok(
    (SELECT count(*) FROM crm.deal JOIN crm.lead ON lead.id = deal.lead_id WHERE lead.source_id <> deal.source_id), '>', 10::bigint,
    'deals of another source than their lead'
);
SELECT pg_temp.same_rows(
    format('SELECT * FROM pg_temp.reported(NULL, NULL, ''2027-01-01'', %L)', grain),
    format('SELECT * FROM pg_temp.expected(NULL, NULL, ''2027-01-01'', %L)', grain),
    'all of it, by ' || grain
)
FROM unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year', 'all']) AS grain;
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2024-02-15', '2024-09-05', '2024-06-01', 'month')$$,
    $$SELECT * FROM pg_temp.expected('2024-02-15', '2024-09-05', '2024-06-01', 'month')$$,
    'a part, as it was known within it'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2026-10-31', '2026-11-03', '2027-01-01', 'day')$$,
    $$SELECT * FROM pg_temp.expected('2026-10-31', '2026-11-03', '2027-01-01', 'day')$$,
    'days, one of which begins twice'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('2024-01-01', '2024-04-01', '2027-01-01', 'all')$$,
    $$SELECT * FROM pg_temp.expected('2024-01-01', '2024-04-01', '2027-01-01', 'all')$$,
    'one period between two days'
);

-- By hand: 300 for the 30 days from 10 February to 10 March 2024, a leap day among them.
SELECT results_eq(
    $$SELECT r.period_label, r.cost_amount::numeric(18, 2) FROM crm.lead_source_report('2024-01-01', '2025-01-01', 'source', '2027-01-01') AS r
      WHERE r.member_name = 'Call' AND r.cost_amount IS NOT NULL ORDER BY r.period_start$$,
    $$VALUES ('2024-02', 200.00), ('2024-03', 100.00)$$,
    'a campaign''s cost in its two months'
);
SELECT is(
    (SELECT sum(r.cost_amount)::numeric(18, 2) FROM crm.lead_source_report(by => 'source', as_of => '2024-02-14 23:00-05', grain => 'day') AS r WHERE r.member_name = 'Call'),
    50.00,
    'five days of it are over on the fifth day'
);
SELECT is(
    (SELECT sum(r.cost_amount)::numeric(18, 2) FROM crm.lead_source_report(by => 'all', as_of => '2027-01-01') AS r),
    1390.00,
    'in the end all costs are there'
);
SELECT is(
    (SELECT sum(r.cost_amount)::numeric(18, 2) FROM crm.lead_source_report(by => 'all') AS r WHERE r.period_start < '2023-10-01'),
    NULL,
    'and none before their sources began'
);
UPDATE crm.lead_source SET cost = NULL, starts_on = NULL WHERE id >= 3;
SELECT is((SELECT sum(r.cost_amount) FROM crm.lead_source_report AS r), NULL, 'no cost is known: none is shown');
SELECT is_empty(
    $$SELECT r.* FROM crm.lead_source_report AS r
      WHERE r.win_rate NOT BETWEEN r.win_rate_low AND r.win_rate_high OR r.opportunity_rate NOT BETWEEN r.opportunity_rate_low AND r.opportunity_rate_high
        OR r.converted_count > r.lead_count OR r.won_count > r.closed_count OR r.closed_count > r.deal_count OR r.direct_deal_count > r.deal_count$$,
    'rates lie within their bounds and parts within the whole'
);
SELECT is_empty(
    $$SELECT r.period_start FROM crm.lead_source_report AS r GROUP BY r.period_start
      HAVING count(DISTINCT r.dimension_name) <> 3
        OR sum(r.lead_count) FILTER (WHERE r.dimension_name = 'source') <> sum(r.lead_count) FILTER (WHERE r.dimension_name = 'all')
        OR sum(r.activity_count) FILTER (WHERE r.dimension_name = 'channel') <> sum(r.activity_count) FILTER (WHERE r.dimension_name = 'all')$$,
    'sources and channels add up'
);
SELECT is_empty($$SELECT * FROM crm.lead_source_report('2030-01-01', '2030-02-01')$$, 'nothing where there is nothing');

-- What cannot be.
SELECT throws_ok($$SELECT * FROM crm.lead_source_report('2024-02-02', '2024-02-01')$$, '22023', 'invalid value for argument "from_date": "2024-02-02"', 'from after to');
SELECT throws_ok($$SELECT * FROM crm.lead_source_report(grain => 'decade')$$, '22023', 'invalid value for argument "grain": "decade"', 'another grain');
SELECT throws_ok($$SELECT * FROM crm.lead_source_report(by => 'rep')$$, '22023', 'invalid value for argument "by": "rep"', 'another dimension');

SELECT * FROM finish();
ROLLBACK;
