/*
 * lead_time_report and lead_time_band: every number of the small company against
 * plain SQL over what is known to be true of it.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/occasion.sql
\pset tuples_only on
SELECT plan(14);

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

TRUNCATE crm.deal CASCADE;
SELECT is_empty(
    $$SELECT r.member_name FROM crm.lead_time_report AS r UNION ALL SELECT r.member_name FROM crm.lead_time_band AS r$$,
    'no deals, no rows'
);
SELECT * FROM finish();
ROLLBACK;
