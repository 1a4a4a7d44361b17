/*
 * lead_time_report and lead_time_band: every number of the small company against
 * plain SQL over what is known to be true of it.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/occasion.sql
\pset tuples_only on
SELECT plan(20);

CREATE FUNCTION pg_temp.expected(grain text)
RETURNS TABLE (
    dimension text,
    member text,
    period_start date,
    definition text,
    won bigint,
    lost bigint,
    open bigint,
    mean numeric,
    median numeric,
    p80 numeric,
    censored_median numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT
        o.dimension,
        o.member,
        CASE WHEN grain <> 'all' THEN date_trunc(grain, o.day::timestamp)::date END,
        o.occasion,
        count(*) FILTER (WHERE o.ending = 'won'),
        count(*) FILTER (WHERE o.ending = 'lost'),
        count(*) FILTER (WHERE o.ending = 'open'),
        round(avg(o.days) FILTER (WHERE o.ending = 'won'), 9),
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY o.days) FILTER (WHERE o.ending = 'won'))::numeric, 9),
        round((percentile_cont(0.8) WITHIN GROUP (ORDER BY o.days) FILTER (WHERE o.ending = 'won'))::numeric, 9),
        CASE o.occasion WHEN 'opened' THEN round(pg_temp.time_until(array_agg(o.days), array_agg(o.ending), 0.5), 9) END
    FROM occasion AS o
    GROUP BY 1, 2, 3, 4
$$;

CREATE FUNCTION pg_temp.reported(grain text)
RETURNS TABLE (
    dimension text,
    member text,
    period_start date,
    definition text,
    won bigint,
    lost bigint,
    open bigint,
    mean numeric,
    median numeric,
    p80 numeric,
    censored_median numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.definition, r.won_count, r.lost_count, r.open_count,
        round(r.mean_days::numeric, 9), round(r.median_days::numeric, 9), round(r.p80_days::numeric, 9),
        round(r.censored_median_days::numeric, 9)
    FROM crm.lead_time_report(as_of => '2026-07-01 12:00+09', grain => grain) AS r
$$;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected('quarter')), '>', 50::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('quarter')$$,
    $$SELECT * FROM pg_temp.expected('quarter')$$,
    'each dimension, member, quarter and definition'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('month')$$,
    $$SELECT * FROM pg_temp.expected('month')$$,
    'the same by month'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('all')$$,
    $$SELECT * FROM pg_temp.expected('all')$$,
    'the same over all time'
);

-- By hand.
SELECT is(
    (SELECT r.mean_days FROM crm.lead_time_report('2026-05-01', '2026-06-01', 'all', '2026-07-01 12:00+09', 'month') AS r
     WHERE r.definition = 'closed'),
    108::double precision,
    'the reopened deal took 108 days, from its opening to its last closing'
);
SELECT is(
    (SELECT r.period_label FROM crm.lead_time_report('2026-03-01', '2026-04-01', 'all', '2026-07-01 12:00+09', 'month') AS r
     WHERE r.definition = 'closed'),
    '2026-03',
    'a closing at 23:30 belongs to its local day'
);
SELECT is_empty(
    $$SELECT r.* FROM crm.lead_time_report('2025-05-01', '2025-12-31', as_of => '2026-07-01 12:00+09') AS r$$,
    'a time without openings and closings has no rows'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM crm.lead_time_report$$,
    $$SELECT * FROM crm.lead_time_report(NULL, NULL, NULL, now(), 'quarter')$$,
    'the view is the report as of now, by quarter'
);
SELECT throws_ok(
    $$SELECT * FROM crm.lead_time_report(by => 'manager')$$,
    '22023', 'invalid value for argument "by": "manager"', 'by something else'
);

-- --------------------------------------------------------------------- bands
SELECT pg_temp.same_rows(
    $$SELECT r.dimension_name, r.member_name, r.band_label, r.won_count, r.closed_count, round(r.win_rate::numeric, 9),
        round(r.win_rate_low::numeric, 9), round(r.win_rate_high::numeric, 9), r.won_amount, round(r.average_won_amount, 9)
      FROM crm.lead_time_band(as_of => '2026-07-01 12:00+09') AS r$$,
    $$SELECT o.dimension, o.member,
        CASE
            WHEN o.days < 7 THEN 'under 7 days'
            WHEN o.days < 14 THEN '7 to 13 days'
            WHEN o.days < 30 THEN '14 to 29 days'
            WHEN o.days < 60 THEN '30 to 59 days'
            WHEN o.days < 90 THEN '60 to 89 days'
            WHEN o.days < 180 THEN '90 to 179 days'
        END,
        count(*) FILTER (WHERE o.outcome = 'won'),
        count(*),
        round(count(*) FILTER (WHERE o.outcome = 'won')::numeric / count(*), 9),
        round(pg_temp.wilson(count(*) FILTER (WHERE o.outcome = 'won'), count(*), -1), 9),
        round(pg_temp.wilson(count(*) FILTER (WHERE o.outcome = 'won'), count(*), 1), 9),
        coalesce(sum(o.amount) FILTER (WHERE o.outcome = 'won'), 0),
        round(avg(o.amount) FILTER (WHERE o.outcome = 'won'), 9)
      FROM occasion AS o
      WHERE o.occasion = 'closed'
      GROUP BY 1, 2, 3$$,
    'each dimension, member and band'
);
SELECT results_eq(
    $$SELECT r.band_label, r.won_count, r.closed_count FROM crm.lead_time_band('2026-04-01', '2026-05-01', 'all', '2026-07-01 12:00+09') AS r
      ORDER BY r.sort_order$$,
    $$VALUES ('7 to 13 days', 1::bigint, 1::bigint), ('30 to 59 days', 0, 1), ('60 to 89 days', 1, 1)$$,
    'closed in April: 8 days won, 54 days lost, 76 days won'
);
SELECT pg_temp.same_rows(
    $$SELECT r.dimension_name, r.member_name, r.band_label, r.closed_count, r.won_amount FROM crm.lead_time_band AS r$$,
    $$SELECT r.dimension_name, r.member_name, r.band_label, r.closed_count, r.won_amount::numeric(18, 2)
      FROM crm.lead_time_band(NULL, NULL, NULL, now()) AS r$$,
    'the view is the report as of now'
);
SELECT throws_ok(
    $$SELECT * FROM crm.lead_time_band(by => 'manager')$$,
    '22023', 'invalid value for argument "by": "manager"', 'by something else'
);

SELECT throws_ok(
    $$SELECT * FROM crm.lead_time_report(as_of => NULL)$$,
    '22023', 'invalid value for argument "as_of": NULL', 'as of nothing'
);
SELECT throws_ok(
    $$SELECT * FROM crm.lead_time_band(as_of => 'infinity')$$,
    '22023', 'invalid value for argument "as_of": "infinity"', 'as of infinity'
);
SELECT throws_ok(
    $$SELECT * FROM crm.lead_time_band('2026-05-01', '2026-04-01')$$,
    '22023', 'invalid value for argument "from_date": "2026-05-01"', 'a band of a period that ends before it begins'
);

-- --------------------------------------------------- hours by lead-time band
INSERT INTO crm.activity (id, activity_type_id, rep_id, deal_id, planned_at, started_at, ended_at, done) VALUES
    (101, 1, 1, 1, NULL, '2026-04-20 09:00+09', '2026-04-20 10:15+09', true),
    (102, 1, 1, 2, NULL, '2026-02-10 09:00+09', '2026-02-12 11:00+09', true),
    (103, 1, 1, 2, NULL, '2026-02-10 09:00+09', NULL, true),
    (104, 1, 1, 2, '2026-02-10 09:00+09', NULL, NULL, true),
    (105, 1, 1, 2, '2026-02-10 09:00+09', '2026-02-10 09:00+09', '2026-02-10 11:00+09', false),
    (106, 2, 1, 3, NULL, '2026-03-10 09:00+09', '2026-03-11 09:00+09', true),
    (107, 2, 2, 4, NULL, '2026-07-01 11:00+09', '2026-07-01 12:00+09', true),
    (108, 2, 2, 4, NULL, '2026-07-01 11:00+09', '2026-07-01 12:30+09', true),
    (109, 2, 3, 10, NULL, '2026-04-11 11:00+09', '2026-04-11 13:00+09', true),
    (110, 2, 3, 7, NULL, '2026-04-11 11:00+09', '2026-04-11 13:00+09', true);
SELECT pg_temp.same_rows(
    $$SELECT r.dimension_name, r.member_name, r.band_from_days, r.activity_count, round(r.activity_hours::numeric, 9), round(r.average_deal_hours::numeric, 9)
      FROM crm.lead_time_band(as_of => '2026-07-01 12:00+09') AS r$$,
    $$WITH work AS (
        SELECT deal_id, count(*) AS acts,
            coalesce(sum(EXTRACT(epoch FROM ended_at - started_at)) FILTER (WHERE ended_at - started_at <= '1 day'), 0) / 3600 AS hours
        FROM crm.activity
        WHERE done AND coalesce(ended_at, started_at, planned_at) <= '2026-07-01 12:00+09'
        GROUP BY deal_id
    ), closed AS (
        SELECT truth.*, coalesce(acts, 0) AS acts, coalesce(hours, 0) AS hours,
            (SELECT max(low) FROM unnest(ARRAY[0, 7, 14, 30, 60, 90, 180, 365]) AS low WHERE low <= pg_temp.days(ended_at - opened_at)) AS low
        FROM truth LEFT JOIN work USING (deal_id)
        WHERE outcome IN ('won', 'lost')
    ), named AS (
        SELECT d.*, c.low, c.acts, c.hours
        FROM closed AS c CROSS JOIN LATERAL (VALUES
            ('all', 'all'),
            ('rep', (ARRAY['Aoi', 'Ben', 'Chie'])[c.rep_id]),
            ('team', coalesce((ARRAY['East', 'West'])[c.rep_id], '(none)')),
            ('product', (ARRAY['Alpha', 'Beta'])[c.product_id]),
            ('source', coalesce((ARRAY['Web', 'Fair'])[c.source_id], '(none)')),
            ('pipeline', (ARRAY['Direct', 'Partner'])[c.pipeline_id])
        ) AS d (dimension, member)
    )
    SELECT dimension, member, low, sum(acts), round(sum(hours), 9), round(sum(hours) / count(*), 9) FROM named GROUP BY 1, 2, 3$$,
    'hours: done, until as_of, before and after the closing; without both ends or of more than a day none'
);
SELECT results_eq(
    $$SELECT sum(r.activity_count), sum(r.activity_hours) FROM crm.lead_time_band(by => 'all', as_of => '2026-07-01 12:00+09') AS r$$,
    $$VALUES (9::numeric, 0.5 + 2 + 1.25 + 24 + 1 + 2::double precision)$$,
    'by hand: nine activities of closed deals, 30.75 hours'
);
SELECT results_eq(
    $$SELECT r.band_from_days, r.activity_count, r.activity_hours FROM crm.lead_time_band('2026-04-01', '2026-05-01', 'rep', '2026-07-01 12:00+09') AS r
      WHERE r.member_name = 'Chie'$$,
    $$VALUES (7::double precision, 1::bigint, 2::double precision)$$,
    'of a rep, in a period'
);

TRUNCATE crm.deal CASCADE;
SELECT is_empty(
    $$SELECT r.member_name FROM crm.lead_time_report AS r UNION ALL SELECT r.member_name FROM crm.lead_time_band AS r$$,
    'no deals, no rows'
);
SELECT * FROM finish();
ROLLBACK;
