/*
 * win_rate_report: every number of the small company against plain SQL over what
 * is known to be true of it.  Runs in the root of the source tree.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/occasion.sql
\pset tuples_only on
SELECT plan(20);

-- Definitions × periods of one grain, counted one by one.
CREATE FUNCTION pg_temp.expected(grain text, within integer)
RETURNS TABLE (
    dimension text,
    member text,
    period_start date,
    definition text,
    won bigint,
    deals bigint,
    won_amount numeric,
    amount numeric,
    rate numeric,
    low numeric,
    high numeric
)
    LANGUAGE sql STABLE
AS $$
    WITH dated AS (
        SELECT o.*, CASE WHEN grain <> 'all' THEN date_trunc(grain, o.day::timestamp)::date END AS period_start
        FROM occasion AS o
    ), counted AS (
        SELECT dimension, member, period_start, 'closed' AS definition,
            count(*) FILTER (WHERE outcome = 'won') AS won, count(*) AS deals, NULL::numeric AS won_amount, NULL::numeric AS amount
        FROM dated WHERE occasion = 'closed' GROUP BY 1, 2, 3
        UNION ALL
        SELECT dimension, member, period_start, 'closed_amount',
            count(*) FILTER (WHERE outcome = 'won'), count(*), coalesce(sum(amount) FILTER (WHERE outcome = 'won'), 0), sum(amount)
        FROM dated WHERE occasion = 'closed' AND amount >= 0 GROUP BY 1, 2, 3
        UNION ALL
        SELECT dimension, member, period_start, 'created',
            count(*) FILTER (WHERE outcome = 'won'), count(*), NULL, NULL
        FROM dated WHERE occasion = 'opened' GROUP BY 1, 2, 3
        UNION ALL
        SELECT dimension, member, period_start, 'mature',
            count(*) FILTER (WHERE outcome = 'won' AND days <= within), count(*), NULL, NULL
        FROM dated WHERE occasion = 'opened' AND pg_temp.days('2026-07-01 12:00+09' - opened_at) >= within GROUP BY 1, 2, 3
    )
    SELECT dimension, member, period_start, definition, won, deals, won_amount, amount,
        round(coalesce(won_amount, won) / nullif(coalesce(amount, deals), 0), 9),
        CASE WHEN amount IS NULL THEN round(pg_temp.wilson(won, deals, -1), 9) END,
        CASE WHEN amount IS NULL THEN round(pg_temp.wilson(won, deals, 1), 9) END
    FROM counted
    UNION ALL
    SELECT dimension, member, period_start, 'censored',
        count(*) FILTER (WHERE outcome = 'won'), count(*), NULL, NULL,
        CASE WHEN max(days) >= within OR bool_and(outcome IN ('won', 'lost', 'disqualified'))
            THEN round(pg_temp.won_within(array_agg(days), array_agg(CASE WHEN outcome = 'disqualified' THEN 'lost' ELSE ending END), within), 9) END, NULL, NULL
    FROM dated WHERE occasion = 'opened' GROUP BY 1, 2, 3
$$;

CREATE FUNCTION pg_temp.reported(grain text, within integer)
RETURNS TABLE (
    dimension text,
    member text,
    period_start date,
    definition text,
    won bigint,
    deals bigint,
    won_amount numeric,
    amount numeric,
    rate numeric,
    low numeric,
    high numeric
)
    LANGUAGE sql STABLE
AS $$
    SELECT r.dimension_name, r.member_name, r.period_start, r.definition, r.won_count, r.deal_count, r.won_amount, r.deal_amount,
        round(r.win_rate::numeric, 9), round(r.win_rate_low::numeric, 9), round(r.win_rate_high::numeric, 9)
    FROM crm.win_rate_report(as_of => '2026-07-01 12:00+09', grain => grain, within_days => within) AS r
$$;

SELECT cmp_ok((SELECT count(*) FROM pg_temp.expected('quarter', 90)), '>', 100::bigint, 'there is something to compare');
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('quarter', 90)$$,
    $$SELECT * FROM pg_temp.expected('quarter', 90)$$,
    'each dimension, member, quarter and definition'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('month', 30)$$,
    $$SELECT * FROM pg_temp.expected('month', 30)$$,
    'the same by month and within 30 days'
);
SELECT pg_temp.same_rows(
    $$SELECT * FROM pg_temp.reported('all', 90)$$,
    $$SELECT * FROM pg_temp.expected('all', 90)$$,
    'the same over all time'
);

-- By hand.
SELECT results_eq(
    $$SELECT r.member_name, r.won_count, r.deal_count
      FROM crm.win_rate_report('2026-04-01', '2026-07-01', 'rep', '2026-07-01 12:00+09') AS r
      WHERE r.definition = 'closed'
      ORDER BY r.member_name$$,
    $$VALUES ('Aoi', 2::bigint, 2::bigint), ('Ben', 1, 3), ('Chie', 1, 1)$$,
    'April to June: Aoi won 0:30 and 12, Ben 3 (not 13, reopened) and lost two, Chie won one'
);
SELECT is(
    (SELECT r.won_count FROM crm.win_rate_report('2026-01-01', '2026-04-01', 'rep', '2026-07-01 12:00+09') AS r
     WHERE r.definition = 'closed' AND r.member_name = 'Aoi'),
    1::bigint,
    'what Aoi won at 23:30 on the last day of March stays hers and in March, though Ben has it now'
);
SELECT is(
    (SELECT r.won_count || ' of ' || r.deal_count FROM crm.win_rate_report(by => 'all', as_of => '2026-04-10 10:00+09', grain => 'all') AS r
     WHERE r.definition = 'closed'),
    '4 of 5',
    'as of 10 April 10:00: deals 1, 2, 13 and 15 are won, 4 is lost in that instant, 3 is reopened'
);
SELECT is(
    (SELECT string_agg(DISTINCT r.period_label, ', ' ORDER BY r.period_label)
     FROM crm.win_rate_report(by => 'all', as_of => '2026-07-01 12:00+09') AS r WHERE r.definition = 'closed'),
    'FY2025 Q1, FY2025 Q4, FY2026 Q1',
    'quarters without closings are absent'
);

-- The view is the function.
SELECT pg_temp.same_rows(
    $$SELECT * FROM crm.win_rate_report$$,
    $$SELECT r.dimension_name, r.member_id, r.member_name, r.period_start, r.period_label, r.definition, r.sort_order, r.won_count, r.deal_count,
        r.won_amount::numeric(18, 2), r.deal_amount::numeric(18, 2), r.win_rate, r.win_rate_low, r.win_rate_high
      FROM crm.win_rate_report(NULL, NULL, NULL, now(), 'quarter', 90) AS r$$,
    'the view is the report as of now, by quarter'
);
SELECT is_empty(
    $$SELECT r.* FROM crm.win_rate_report AS r
      WHERE r.win_rate NOT BETWEEN 0 AND 1 OR r.won_count > r.deal_count OR r.win_rate_low > r.win_rate OR r.win_rate_high < r.win_rate$$,
    'rates lie between 0 and 1 and within their bounds'
);

-- What is not a choice.
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(by => 'manager')$$,
    '22023', 'invalid value for argument "by": "manager"', 'by something else'
);
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(grain => 'decade')$$,
    '22023', 'invalid value for argument "grain": "decade"', 'another grain'
);
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(grain => NULL)$$,
    '22023', 'invalid value for argument "grain": NULL', 'no grain'
);

SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(within_days => -1)$$,
    '22023', 'invalid value for argument "within_days": "-1"', 'within a negative time'
);
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(within_days => NULL)$$,
    '22023', 'invalid value for argument "within_days": NULL', 'within nothing'
);
SELECT lives_ok($$SELECT * FROM crm.win_rate_report(within_days => 0)$$, 'on the first day is a time');
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(as_of => NULL)$$,
    '22023', 'invalid value for argument "as_of": NULL', 'as of nothing'
);
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report(as_of => '-infinity')$$,
    '22023', 'invalid value for argument "as_of": "-infinity"', 'as of minus infinity'
);
SELECT throws_ok(
    $$SELECT * FROM crm.win_rate_report('2026-05-01', '2026-04-01')$$,
    '22023', 'invalid value for argument "from_date": "2026-05-01"', 'a period that ends before it begins'
);

TRUNCATE crm.deal CASCADE;
SELECT is_empty('SELECT * FROM crm.win_rate_report', 'no deals, no rows');
SELECT * FROM finish();
ROLLBACK;
