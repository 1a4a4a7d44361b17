/*
 * generate_demo: the same arguments give the same company, and it has what real
 * ones have.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(35);

SELECT kpicrm.create_workspace('demo_one') \g /dev/null
SELECT kpicrm.create_workspace('demo_two') \g /dev/null
SELECT kpicrm.create_workspace('demo_three') \g /dev/null

SELECT kpicrm.generate_demo('demo_one', 3000, 7, '2026-03-31') AS events \gset
SELECT is(:events::bigint, count(*), 'it tells the number of events') FROM demo_one.deal_event;
SELECT is(current_setting('TimeZone'), 'UTC', 'and leaves the time zone of the session alone');
-- Another plan, another zone of the session: the same data.
SET LOCAL enable_hashjoin = off;
SET LOCAL TIME ZONE 'America/New_York';
SELECT isnt(kpicrm.generate_demo('demo_two', 3000, 7, '2026-03-31'), 0::bigint, 'a second time');
RESET enable_hashjoin;
SET LOCAL TIME ZONE 'UTC';
SELECT isnt(kpicrm.generate_demo('demo_three', 3000, 8, '2026-03-31'), 0::bigint, 'and with another seed');

SELECT bag_eq('TABLE demo_one.' || name, 'TABLE demo_two.' || name, name || ' is the same for the same seed')
FROM unnest(ARRAY['deal', 'deal_span', 'phase_stay', 'deal_slip', 'lead', 'account', 'target', 'sales_rep']) AS name;
SELECT bag_eq(
    format('SELECT %s FROM demo_one.%I', columns, name),
    format('SELECT %s FROM demo_two.%I', columns, name),
    name || ' is the same for the same seed'
)
FROM (VALUES
    ('deal_event', 'deal_id, at, seq, phase_id, amount, expected_close_on, rep_id, product_id'),
    ('activity', 'name, activity_type_id, rep_id, deal_id, lead_id, account_id, planned_at, started_at, ended_at, done'),
    ('purchase', 'name, account_id, deal_id, product_id, purchased_at, amount, cost, external_id'),
    ('contract', 'name, account_id, product_id, starts_on, ends_on, amount_per_month, cancelled_on, external_id'),
    ('inquiry', 'name, account_id, rep_id, received_at, responded_at, resolved_at')
) AS compared (name, columns);
SELECT isnt_empty('SELECT id, amount FROM demo_one.deal EXCEPT SELECT id, amount FROM demo_three.deal', 'another seed gives another company');

SET search_path = demo_one, public, pg_catalog;
SELECT is_empty('SELECT * FROM check_history()', 'the history does not contradict itself');
SELECT is(count(*), 3000::bigint, 'as many deals as were asked for') FROM deal;
SELECT is_empty($$
    SELECT 'deal', max(at) FROM deal_event HAVING max(at) > '2026-03-31 18:00'
    UNION ALL SELECT 'activity', max(started_at) FROM activity HAVING max(started_at) > '2026-03-31 18:00'
    UNION ALL SELECT 'purchase', max(purchased_at) FROM purchase HAVING max(purchased_at) > '2026-03-31 18:00'
    UNION ALL SELECT 'inquiry', max(received_at) FROM inquiry HAVING max(received_at) > '2026-03-31 18:00'
$$, 'nothing happens after the last day');

SELECT cmp_ok(n, '>', least::bigint, title || ': ' || n)
FROM (VALUES
    ('deals that skip a phase', 30, (SELECT count(*) FROM phase_stay AS a JOIN phase_stay AS b ON b.deal_id = a.deal_id AND b.stay_no = a.stay_no + 1
        JOIN phase AS p ON p.id = a.phase_id AND p.kind = 'open' JOIN phase AS q ON q.id = b.phase_id AND q.kind = 'open' WHERE q.position > p.position + 1)),
    ('moves backward', 30, (SELECT count(*) FROM deal_slip WHERE kind = 'backward')),
    ('pushes', 200, (SELECT count(*) FROM deal_slip WHERE kind = 'push')),
    ('reopened deals', 20, (SELECT count(*) FROM phase_stay AS a JOIN phase AS p ON p.id = a.phase_id WHERE p.kind = 'lost' AND a.left_at IS NOT NULL)),
    ('deals lost and left open', 50, (SELECT count(*) FROM deal JOIN phase ON phase.id = phase_id WHERE kind = 'open' AND phase_since < '2025-10-01')),
    ('deals handed over', 20, (SELECT count(*) FROM (SELECT deal_id FROM deal_event WHERE rep_id IS NOT NULL GROUP BY deal_id HAVING count(*) > 1) AS handed)),
    ('renewed contracts', 20, (SELECT count(*) FROM contract WHERE renewed_by IS NOT NULL)),
    ('customers that bought again', 50, (SELECT count(*) FROM (SELECT account_id FROM purchase GROUP BY account_id HAVING count(*) > 1) AS again)),
    ('planned actions', 50, (SELECT count(*) FROM activity WHERE NOT done))
) AS feature (title, least, n);
SELECT ok(
    (SELECT count(*) FROM deal JOIN phase ON phase.id = phase_id WHERE kind = 'won' AND EXTRACT(month FROM closed_at) IN (2, 3))
        > 1.3 * (SELECT count(*) FROM deal JOIN phase ON phase.id = phase_id WHERE kind = 'won' AND EXTRACT(month FROM closed_at) IN (12, 1)),
    'the end of the fiscal year is the season'
);

-- ------------------------------------------------------------------------ errors
SELECT throws_ok($$SELECT kpicrm.generate_demo('demo_one', 10)$$, '55000', 'workspace "demo_one" is in use: it holds deals', 'a workspace in use is refused');
SELECT throws_ok($$SELECT kpicrm.generate_demo('nowhere', 10)$$, '3F000', NULL, 'an unknown workspace');
SELECT throws_ok(format('SELECT kpicrm.generate_demo(%L, %s)', 'demo_one', deals), '22023', NULL, 'deals => ' || deals)
FROM unnest(ARRAY['0', 'NULL']) AS deals;

SELECT * FROM finish();
ROLLBACK;
