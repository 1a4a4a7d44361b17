/*
 * customer_value and the fact views of the small company.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT plan(24);

-- ------------------------------------------------------------ customer value
SELECT pg_temp.same_rows(
    $$SELECT c.account_id, c.account, c.industry, c.region, c.rep, c.order_count, c.order_day_count, c.is_repeat, c.revenue_amount, c.margin_amount,
        round(c.margin_rate::numeric, 9), round(c.average_order_amount, 9), c.first_purchase_date, c.last_purchase_date, c.since_last_purchase_days
      FROM crm.customer_value('2026-07-01 12:00+09') AS c$$,
    $$VALUES
        (1, 'Acme', 'metal', 'Tokyo', 'Aoi', 4, 4, true, 2300, 750, round(750 / 1500.0, 9), 575, date '2025-04-20', date '2026-06-10', 21),
        (2, 'Bell', 'phone', 'Osaka', 'Ben', 2, 1, false, 500, 0, 0, 250, '2026-04-01', '2026-04-01', 91)$$,
    'orders, revenue, margin and dates, by hand: two orders of one day are no repeat, a purchase after as_of is none'
);
SELECT is(
    (SELECT c.first_purchase_at FROM crm.customer_value('2026-04-01 00:10+09') AS c WHERE c.account_id = 1),
    timestamptz '2025-04-20 10:00+09',
    'the first purchase''s instant'
);
SELECT is(
    (SELECT c.last_purchase_date FROM crm.customer_value('2026-04-01 00:10+09') AS c WHERE c.account_id = 1),
    date '2026-04-01',
    'a purchase at 0:10 is one of its local day, and one at as_of counts'
);
SELECT is_empty($$SELECT * FROM crm.customer_value('2025-01-01') $$, 'before the first purchase there is no customer');
SELECT pg_temp.same_rows(
    $$SELECT c.account_id, c.order_count, c.revenue_amount, c.margin_amount, c.average_order_amount, c.since_last_purchase_days FROM crm.customer_value AS c$$,
    $$SELECT c.account_id, c.order_count, c.revenue_amount::numeric(18, 2), c.margin_amount::numeric(18, 2), c.average_order_amount::numeric(18, 2), c.since_last_purchase_days
      FROM crm.customer_value(now()) AS c$$,
    'the view is the report as of now'
);

-- --------------------------------------------------------------------- deals
SELECT pg_temp.same_rows(
    $$SELECT d.rep, kpicrm.conversion_rate(d.won), EXTRACT(epoch FROM kpicrm.lead_time(d.opened_at, d.closed_at)) FROM crm.deals AS d GROUP BY d.rep$$,
    $$SELECT (ARRAY['Aoi', 'Ben', 'Chie'])[truth.rep_id],
        (count(*) FILTER (WHERE outcome = 'won'))::double precision / nullif(count(*) FILTER (WHERE outcome IN ('won', 'lost')), 0),
        avg(EXTRACT(epoch FROM ended_at - opened_at)) FILTER (WHERE outcome IN ('won', 'lost'))
      FROM truth GROUP BY 1$$,
    'SELECT rep, conversion_rate(won), lead_time(opened_at, closed_at) FROM deals GROUP BY rep'
);
SELECT pg_temp.same_rows(
    $$SELECT d.deal_id, d.deal, d.pipeline, d.account, d.rep, d.team, d.product, d.source, d.amount, d.won, d.open, d.opened_at, d.closed_at,
        round(d.lead_time_days::numeric, 9) FROM crm.deals AS d$$,
    $$SELECT deal_id, deal, (ARRAY['Direct', 'Partner'])[pipeline_id], (ARRAY['Acme', 'Bell', 'Coda'])[account_id], (ARRAY['Aoi', 'Ben', 'Chie'])[rep_id],
        (ARRAY['East', 'West', NULL])[rep_id], (ARRAY['Alpha', 'Beta'])[product_id], (ARRAY['Web', 'Fair'])[source_id], amount,
        CASE outcome WHEN 'won' THEN true WHEN 'lost' THEN false END, outcome IN ('open', 'later'), opened_at,
        CASE WHEN outcome IN ('won', 'lost') THEN ended_at END,
        CASE WHEN outcome IN ('won', 'lost') THEN round(pg_temp.days(ended_at - opened_at), 9) END
      FROM truth$$,
    'every deal with its names; rep and product are those of its end'
);
SELECT results_eq(
    $$SELECT d.rep, d.current_rep FROM crm.deals AS d WHERE d.deal_id = 1$$,
    $$VALUES ('Aoi', 'Ben')$$,
    'who won it and who has it'
);
SELECT results_eq(
    $$SELECT d.deal_id, d.opened_date, d.closed_date FROM crm.deals AS d WHERE d.deal_id IN (1, 2) ORDER BY d.deal_id$$,
    $$VALUES (1::bigint, date '2026-01-10', date '2026-03-31'), (2, '2026-01-15', '2026-04-01')$$,
    'closed at 23:30 and at 0:30: local days'
);
SELECT results_eq(
    $$SELECT d.deal_id, d.weighted_amount FROM crm.deals AS d WHERE d.weighted_amount IS NOT NULL ORDER BY d.deal_id$$,
    $$VALUES (7::bigint, 180.00), (8, 70), (11, 450), (13, 900), (14, 5)$$,
    'weighted amount of the open deals only'
);
SELECT is_empty(
    $$SELECT d.deal_id FROM crm.deals AS d
      WHERE (d.age_days IS NULL) <> (d.phase_kind <> 'open' OR d.opened_at > now())
        OR (d.phase_days IS NULL) <> (d.phase_kind <> 'open' OR d.phase_since_at > now())
        OR abs(d.age_days - EXTRACT(epoch FROM now() - d.opened_at) / 86400) > 1e-9
        OR abs(d.phase_days - EXTRACT(epoch FROM now() - d.phase_since_at) / 86400) > 1e-9$$,
    'ages of open deals'
);

-- ------------------------------------------------------------- other facts
SELECT results_eq(
    $$SELECT l.lead_id, l.lead, l.source, l.channel, l.rep, l.team, l.account, l.created_date, l.has_deal, l.deal_count, l.won_count, l.won_amount,
        l.first_deal_at, round(l.to_deal_days::numeric, 9) FROM crm.leads AS l ORDER BY l.lead_id$$,
    $$VALUES
        (1::bigint, 'Lead one', 'Web', 'inbound', 'Aoi', 'East', 'Acme', date '2026-01-05', true, 2::bigint, 2::bigint, 1800.00,
            timestamptz '2026-01-10 10:00+09', round(5 + 1 / 24.0, 9)),
        (2, 'Lead two', 'Fair', 'event', 'Ben', 'West', NULL, '2026-02-01', false, 0, 0, 0, NULL, NULL)$$,
    'leads and what came of them'
);
SELECT pg_temp.same_rows(
    $$SELECT s.deal_id, s.phase, s.entered_at, s.left_at, s.is_current, s.rep, s.product, s.amount FROM crm.phase_stays AS s$$,
    $$SELECT e.deal_id, phase.name, e.at, lead(e.at) OVER (PARTITION BY e.deal_id ORDER BY e.at), lead(e.at) OVER (PARTITION BY e.deal_id ORDER BY e.at) IS NULL,
        (ARRAY['Aoi', 'Ben', 'Chie'])[CASE WHEN e.deal_id = 16 AND e.phase_id = 16 THEN 2 ELSE truth.opening_rep_id END],
        (ARRAY['Alpha', 'Beta'])[CASE WHEN e.deal_id = 16 AND e.phase_id = 16 THEN 2 ELSE truth.opening_product_id END], truth.amount
      FROM crm.deal_event AS e JOIN crm.phase ON phase.id = e.phase_id JOIN truth USING (deal_id)$$,
    'stays with the rep and product of their beginning'
);
SELECT is_empty(
    $$SELECT s.deal_id FROM crm.phase_stays AS s
      WHERE s.stay_days IS DISTINCT FROM (EXTRACT(epoch FROM s.left_at - s.entered_at) / 86400)::double precision
        OR s.entered_date <> (s.entered_at AT TIME ZONE 'Asia/Tokyo')::date$$,
    'their days'
);
SELECT results_eq(
    $$SELECT a.activity_id, a.activity_type, a.counts_as_visit, a.rep, a.account, a.phase, a.done_date, a.planned_date, round(a.duration_hours::numeric, 9)
      FROM crm.activities AS a ORDER BY a.activity_id$$,
    $$VALUES
        (1::bigint, 'Call', false, 'Aoi', 'Acme', 'Proposal', date '2026-01-25', date '2026-01-25', 0.5),
        (2, 'Visit', true, 'Aoi', 'Acme', 'Contract', '2026-02-10', NULL, 2),
        (3, 'Call', false, 'Ben', 'Bell', NULL, NULL, '2026-07-02', NULL),
        (4, 'Call', false, 'Ben', 'Bell', NULL, NULL, '2026-07-10', NULL),
        (5, 'Call', false, 'Aoi', NULL, NULL, '2026-01-07', NULL, round(1 / 3.0, 9)),
        (6, 'Call', false, 'Aoi', NULL, NULL, '2026-01-08', NULL, NULL)$$,
    'activities, in the phase the deal was in as they ended; two days are no duration'
);
SELECT pg_temp.same_rows(
    $$SELECT p.purchase_id, p.account, p.deal_id, p.product, p.purchased_date, p.amount, p.cost, p.margin_amount, p.rep FROM crm.purchases AS p$$,
    $$SELECT p.id, (ARRAY['Acme', 'Bell', 'Coda'])[p.account_id], p.deal_id, (ARRAY['Alpha', 'Beta'])[p.product_id],
        (p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date, p.amount, p.cost, p.amount - p.cost, (ARRAY['Aoi', 'Ben', NULL])[p.account_id]
      FROM crm.purchase AS p$$,
    'purchases'
);
SELECT results_eq(
    $$SELECT d.dimension_name, count(*) FROM crm.dimension_member AS d GROUP BY d.dimension_name ORDER BY 1$$,
    $$VALUES ('pipeline', 2::bigint), ('product', 2), ('rep', 3), ('source', 2), ('team', 3)$$,
    'members of each dimension'
);

-- A fact view costs what is asked of it: no table is read for names nobody wants.
CREATE FUNCTION pg_temp.relations_read(query text) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    line text;
    names text[] = '{}';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        names = names || coalesce((regexp_match(line, '(?:Scan|Only Scan)(?: using \S+)? on (\S+)'))[1], (regexp_match(line, 'Bitmap Heap Scan on (\S+)'))[1]);
    END LOOP;
    RETURN (SELECT string_agg(DISTINCT n, ' ' ORDER BY n) FROM unnest(names) AS n WHERE n IS NOT NULL);
END;
$$;
SELECT is(
    pg_temp.relations_read('SELECT l.lead, l.created_at FROM crm.leads AS l'), 'lead setting', 'leads: no join that is not asked for'
);
SELECT is(
    pg_temp.relations_read('SELECT p.amount FROM crm.purchases AS p'), 'purchase setting', 'purchases: no join that is not asked for'
);

-- ---------------------------------------------------------------- the helpers
SELECT is(crm.local_date('2026-03-31 15:30+00'), date '2026-04-01', 'the local day of an instant');
SELECT results_eq(
    $$SELECT g, crm.period_start('2026-03-31', g), crm.period_label('2026-03-31', g) FROM unnest(ARRAY['week', 'month', 'quarter', 'half', 'year']) AS g$$,
    $$VALUES ('week', date '2026-03-30', '2026-03-30'), ('month', '2026-03-01', '2026-03'), ('quarter', '2026-01-01', 'FY2025 Q4'),
        ('half', '2025-10-01', 'FY2025 H2'), ('year', '2025-04-01', 'FY2025')$$,
    'fiscal periods of the workspace'
);
SELECT throws_ok($$SELECT crm.period_start('2026-03-31', 'decade')$$, '22023', NULL, 'another grain');

-- ---------------------------------------------------------------- credit notes
\ir include/many_purchases.sql
SELECT pg_temp.same_rows(
    $$SELECT c.account_id, c.order_count, c.order_day_count, c.is_repeat, c.revenue_amount, c.margin_amount, round(c.average_order_amount, 6), c.first_purchase_at, c.last_purchase_date
      FROM crm.customer_value('2026-07-01 12:00+09') AS c$$,
    $$SELECT p.account_id, count(*) FILTER (WHERE p.amount >= 0), count(DISTINCT (p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE p.amount >= 0),
        count(DISTINCT (p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE p.amount >= 0) > 1, sum(p.amount),
        sum(p.amount - p.cost), round(sum(p.amount) / nullif(count(*) FILTER (WHERE p.amount >= 0), 0), 6),
        min(p.purchased_at) FILTER (WHERE p.amount >= 0), max((p.purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE p.amount >= 0)
      FROM crm.purchase AS p WHERE p.purchased_at <= '2026-07-01 12:00+09' GROUP BY 1$$,
    'many customers: a credit note lowers revenue and margin and is no order'
);
DELETE FROM crm.purchase WHERE account_id = 139 AND id < 2000;
SELECT results_eq(
    $$SELECT c.order_count, c.is_repeat, c.revenue_amount, c.first_purchase_at, c.average_order_amount FROM crm.customer_value('2025-06-01 12:00+09') AS c WHERE c.account_id = 139$$,
    $$VALUES (0::bigint, false, -30.00, NULL::timestamptz, NULL::numeric)$$,
    'credit notes alone: no order and no dates'
);
SELECT * FROM finish();
ROLLBACK;
