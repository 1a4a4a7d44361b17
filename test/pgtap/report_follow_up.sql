/*
 * follow_up: who is on the list, why, and for how much, against plain SQL, and by
 * hand what each reason needs.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\ir include/many_purchases.sql
\pset tuples_only on
SELECT plan(23);

INSERT INTO crm.contract (id, account_id, product_id, starts_on, ends_on, amount_per_month, renewed_by, cancelled_on) VALUES
    (101, 101, 1, '2025-07-02', '2026-07-01', 1000, NULL, NULL),
    (102, 101, 2, '2025-09-30', '2026-09-29', 10, NULL, NULL),
    (103, 102, 1, '2025-07-02', '2026-09-30', 500, NULL, NULL),
    (104, 103, 1, '2025-07-01', '2026-06-30', 500, NULL, NULL),
    (105, 104, 1, '2025-08-01', '2026-07-31', 500, 103, NULL),
    (106, 105, 1, '2025-08-01', '2026-07-31', 500, NULL, '2026-07-01'),
    (107, 106, 1, '2025-08-01', '2026-07-31', 500, NULL, '2026-07-02'),
    (108, 107, 1, '2026-07-02', '2026-07-31', 500, NULL, NULL),
    (109, 140, 1, '2026-01-01', '2026-07-31', NULL, NULL, NULL);
INSERT INTO crm.lead (id, name, source_id, rep_id, account_id, created_at) VALUES (101, 'of a customer', 1, 1, 104, '2026-01-05');
INSERT INTO crm.activity (id, activity_type_id, rep_id, deal_id, lead_id, account_id, planned_at, started_at, done) VALUES
    (201, 1, 1, NULL, NULL, 101, NULL, '2026-07-01 12:00+09', true),
    (202, 1, 1, NULL, NULL, 102, NULL, '2026-07-01 12:00:00.000001+09', true),
    (203, 1, 1, NULL, NULL, 103, '2026-06-01', '2026-06-01 12:00+09', false),
    (204, 1, 1, NULL, 101, NULL, NULL, '2026-06-01 12:00+09', true),
    (205, 1, 1, 2, NULL, NULL, NULL, '2026-06-02 12:00+09', true),
    (206, 1, 1, 2, NULL, 105, NULL, '2026-06-20 12:00+09', true),
    (207, 1, 1, NULL, NULL, 106, NULL, '2026-04-02 12:00+09', true),
    (208, 1, 1, NULL, NULL, 107, NULL, '2026-04-02 12:00:00.000001+09', true);
INSERT INTO crm.inquiry (id, name, account_id, rep_id, received_at, responded_at) VALUES
    (101, 'Repair', 108, 1, '2026-01-01', '2026-06-01 10:00+09'),
    (102, 'Repair', 109, 1, '2026-06-01', NULL);

-- Account by account, with loops instead of joins.
CREATE FUNCTION pg_temp.expected(renewal_days integer, silent_days integer, history_days integer, until timestamptz)
RETURNS TABLE (
    account text,
    reason text,
    stake numeric,
    renewals bigint,
    renewal_day date,
    order_days bigint,
    last_day date,
    rhythm numeric,
    silence numeric,
    yearly numeric,
    contact_at timestamptz
)
    LANGUAGE plpgsql
AS $$
DECLARE
    today date = (until AT TIME ZONE 'Asia/Tokyo')::date;
    customer record;
    runs boolean;
    renewal numeric;
    first_day date;
    best numeric;
BEGIN
    best = (
        -- the last one of a fifth of them, rounded up
        SELECT (array_agg(money ORDER BY money DESC))[ceil(count(*) / 5.0)]
        FROM (
            SELECT sum(amount) * 365 / history_days AS money FROM crm.purchase
            WHERE purchased_at <= until AND purchased_at > until - history_days * INTERVAL '24 hours'
            GROUP BY account_id HAVING bool_or(amount >= 0)
        ) AS each
    );
    FOR customer IN SELECT * FROM crm.account LOOP
        account = customer.name;
        SELECT count(DISTINCT (purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE amount >= 0),
            min((purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE amount >= 0),
            max((purchased_at AT TIME ZONE 'Asia/Tokyo')::date) FILTER (WHERE amount >= 0),
            sum(amount) * 365 / history_days
        INTO order_days, first_day, last_day, yearly
        FROM crm.purchase
        WHERE account_id = customer.id AND purchased_at <= until AND purchased_at > until - history_days * INTERVAL '24 hours';
        yearly = CASE WHEN order_days > 0 THEN yearly ELSE 0 END;
        rhythm = NULL;
        silence = NULL;
        IF order_days > 2 THEN
            rhythm = (last_day - first_day) / (order_days - 1.0);
            silence = ((last_day - first_day)::numeric / ((last_day - first_day) + (today - last_day))) ^ (order_days - 1);
        END IF;
        runs = EXISTS (
            SELECT FROM crm.contract
            WHERE account_id = customer.id AND today BETWEEN starts_on AND ends_on AND coalesce(cancelled_on > today, true)
        );
        SELECT count(*), min(ends_on), coalesce(sum(amount_per_month), 0) * 12 INTO renewals, renewal_day, renewal
        FROM crm.contract
        WHERE account_id = customer.id AND today BETWEEN starts_on AND ends_on AND coalesce(cancelled_on > today, true)
            AND renewed_by IS NULL AND ends_on - today <= renewal_days;
        SELECT max(c.at) INTO contact_at
        FROM (
            SELECT coalesce(a.account_id, (SELECT d.account_id FROM crm.deal AS d WHERE d.id = a.deal_id), (SELECT l.account_id FROM crm.lead AS l WHERE l.id = a.lead_id)) AS who,
                a.started_at AS at
            FROM crm.activity AS a WHERE a.done
            UNION ALL
            SELECT i.account_id, i.responded_at FROM crm.inquiry AS i
        ) AS c
        WHERE c.who = customer.id AND c.at <= until AND c.at > until - silent_days * INTERVAL '24 hours';
        reason = concat_ws(
            ', ',
            CASE WHEN renewals > 0 THEN 'renewal due' END,
            CASE WHEN silence <= 0.2 THEN 'purchase overdue' END,
            CASE WHEN silence <= 0.5 AND yearly >= best THEN 'value at risk' END,
            CASE WHEN contact_at IS NULL THEN 'no contact' END
        );
        stake = greatest(0, renewal, CASE WHEN reason NOT IN ('', 'renewal due') THEN yearly END);
        IF (runs OR order_days > 0) AND reason <> '' THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END;
$$;

SELECT is_empty(
    $$SELECT r FROM unnest(ARRAY['renewal due', 'purchase overdue', 'value at risk', 'no contact']) AS r
      WHERE NOT EXISTS (SELECT FROM pg_temp.expected(90, 90, 730, '2026-07-01 12:00+09') AS e WHERE e.reason LIKE '%' || r || '%')
        OR NOT EXISTS (SELECT FROM pg_temp.expected(90, 90, 730, '2026-07-01 12:00+09') AS e WHERE e.reason NOT LIKE '%' || r || '%')$$,
    'each reason is there, and somebody without it'
);
SELECT pg_temp.same_rows(
    format(
        $$SELECT r.account, r.reason, round(r.at_stake_amount, 6), r.renewal_count, r.renewal_date, r.order_day_count, r.last_purchase_date, round(r.purchase_rhythm_days::numeric, 6),
            round(r.silence_probability::numeric, 9), round(r.yearly_amount, 6), r.last_contact_at
          FROM crm.follow_up(%s, %s, %s, %L) AS r$$,
        renewal_days, silent_days, history_days, until
    ),
    format(
        $$SELECT e.account, e.reason, round(e.stake, 6), e.renewals, e.renewal_day, e.order_days, e.last_day, round(e.rhythm, 6), round(e.silence, 9), round(e.yearly, 6), e.contact_at
          FROM pg_temp.expected(%s, %s, %s, %L) AS e$$,
        renewal_days, silent_days, history_days, until
    ),
    format('everybody with a reason: %s, %s, %s days as of %s', renewal_days, silent_days, history_days, until)
)
FROM (VALUES
    (90, 90, 730, '2026-07-01 12:00+09'),
    (0, 1, 30, '2026-07-01 12:00+09'),
    (365, 400, 2000, '2026-07-01 12:00+09'),
    (91, 30, 365, '2026-03-31 23:59+09'),
    (90, 90, 730, '2023-01-01')
) AS choice (renewal_days, silent_days, history_days, until);

-- The first rows are found without the reasons of all.
CREATE TEMP VIEW firsts AS
SELECT
    choice.*,
    n.row_count,
    candidate.account_ids,
    candidate.best_amount
FROM (VALUES
    (90, 90, 730, timestamptz '2026-07-01 12:00+09'),
    (0, 1000, 1500, '2026-07-01 12:00+09'),
    (365, 400, 2000, '2026-07-01 12:00+09'),
    (91, 30, 365, '2026-03-31 23:59+09'),
    (90, 90, 730, '2023-01-01')
) AS choice (renewal_days, silent_days, history_days, until)
CROSS JOIN unnest(ARRAY[0, 1, 2, 5, 17, 1000]) AS n (row_count)
CROSS JOIN LATERAL crm.follow_up_candidate(n.row_count, choice.renewal_days, choice.silent_days, choice.history_days, choice.until) AS candidate;
CREATE TEMP VIEW misplaced AS
SELECT f.renewal_days, f.row_count FROM firsts AS f
WHERE ARRAY(
    SELECT r::text FROM crm.follow_up_of(f.account_ids, f.best_amount, f.renewal_days, f.silent_days, f.history_days, f.until) AS r
    WHERE r.priority_order <= f.row_count ORDER BY r.priority_order
) IS DISTINCT FROM ARRAY(
    SELECT r::text FROM crm.follow_up(f.renewal_days, f.silent_days, f.history_days, f.until) AS r
    WHERE r.priority_order <= f.row_count ORDER BY r.priority_order
);
SELECT is_empty('SELECT * FROM misplaced', 'the first rows of the candidates are the first of all');
SAVEPOINT contacts;
INSERT INTO crm.inquiry (id, name, account_id, rep_id, received_at, responded_at)
SELECT 1000 + account.id, 'Thanks', account.id, 1, '2026-06-30', '2026-07-01 11:00+09' FROM crm.account;
INSERT INTO crm.purchase (id, account_id, purchased_at, amount)
SELECT 100000 + account.id, account.id, '2026-06-30', 1e9 FROM crm.account WHERE account.id BETWEEN 110 AND 130;
SELECT is_empty('SELECT * FROM misplaced', 'and where few have a reason');
SELECT set_eq(
    'SELECT DISTINCT account_ids IS NULL AS all_of_them, cardinality(account_ids) > 5 * row_count + 1 AS more FROM firsts WHERE row_count > 0',
    'VALUES (false, false), (true, NULL)',
    'of which a few are enough, or all have to be looked at'
);
ROLLBACK TO contacts;

-- By hand.
CREATE TEMP VIEW list AS SELECT * FROM crm.follow_up(as_of => '2026-07-01 12:00+09');
SELECT results_eq(
    $$SELECT account_id, is_renewal_due, renewal_count, renewal_date, renewal_amount FROM list WHERE account_id IN (101, 102, 103, 104, 105, 106, 107, 140) AND is_renewal_due
      ORDER BY 1$$,
    $$VALUES
        (101::bigint, true, 2::bigint, date '2026-07-01', 12120::numeric),
        (106, true, 1, '2026-07-31', 6000),
        (140, true, 1, '2026-07-31', 0)$$,
    'due: ends today or in 90 days, not in 91, yesterday, renewed, cancelled by today or not begun'
);
SELECT results_eq(
    $$SELECT account_id, last_contact_at FROM list WHERE account_id IN (101, 104, 105, 107, 108) AND NOT is_without_contact ORDER BY 1$$,
    $$SELECT * FROM (VALUES
        (101::bigint, timestamptz '2026-07-01 12:00+09'),
        (104, '2026-06-01 12:00+09'),
        (105, '2026-06-20 12:00+09'),
        (107, '2026-04-02 12:00:00.000001+09'),
        (108, '2026-06-01 10:00+09')) AS c (account_id, at)
      WHERE account_id IN (SELECT account_id FROM list) ORDER BY 1$$,
    'contact: own, of a lead, an answered inquiry, until as_of, for just under 90 days'
);
SELECT is_empty(
    $$SELECT account_id FROM list WHERE account_id IN (102, 103, 106, 109) AND NOT is_without_contact$$,
    'no contact: later, not done, exactly 90 days ago, an inquiry nobody answered'
);
SELECT is_empty(
    $$SELECT priority_order FROM (SELECT priority_order, row_number() OVER (ORDER BY at_stake_amount DESC, account_id) AS no FROM list) AS l WHERE no <> priority_order$$,
    'the most money at stake comes first'
);
SELECT is_empty(
    $$SELECT l.account_id FROM list AS l
      LEFT JOIN crm.account AS a ON a.id = l.account_id
      LEFT JOIN crm.sales_rep AS s ON s.id = a.rep_id
      LEFT JOIN crm.sales_team AS t ON t.id = s.team_id
      WHERE (l.account, l.rep_id, l.rep, l.team_id, l.team) IS DISTINCT FROM (a.name, a.rep_id, s.name, s.team_id, t.name)
        OR l.since_last_purchase_days IS DISTINCT FROM (date '2026-07-01' - l.last_purchase_date)::double precision
        OR l.reason <> concat_ws(', ', CASE WHEN l.is_renewal_due THEN 'renewal due' END, CASE WHEN l.is_purchase_overdue THEN 'purchase overdue' END,
            CASE WHEN l.is_value_at_risk THEN 'value at risk' END, CASE WHEN l.is_without_contact THEN 'no contact' END)$$,
    'names are those of the keys, and reasons those of the flags'
);
DELETE FROM crm.purchase;
INSERT INTO crm.purchase (account_id, purchased_at, amount) VALUES
    (120, '2026-01-01 10:00+09', 100), (120, '2026-01-11 10:00+09', 100), (120, '2026-01-21 10:00+09', 100), (120, '2026-01-31 10:00+09', 100),
    (121, '2026-01-01 10:00+09', 100), (121, '2026-01-31 10:00+09', 100), (121, '2026-01-31 20:00+09', 100);
SELECT results_eq(
    $$SELECT f.account_id, f.purchase_rhythm_days, round(f.silence_probability::numeric, 12), f.is_purchase_overdue, f.yearly_amount
      FROM crm.follow_up(as_of => '2026-02-22 12:00+09') AS f WHERE f.account_id IN (120, 121) ORDER BY 1$$,
    $$VALUES (120::bigint, 10::double precision, round((30 / 52.0) ^ 3, 12), true, 200::numeric), (121, NULL, NULL, false, 150)$$,
    'three gaps of ten days and 22 of silence: (30 / 52) ^ 3; two order days have no rhythm'
);
SELECT is(
    (SELECT f.is_purchase_overdue FROM crm.follow_up(as_of => '2026-02-20 12:00+09') AS f WHERE f.account_id = 120),
    false,
    'two days before, (30 / 50) ^ 3 is not overdue'
);

SELECT pg_temp.same_rows(
    $$SELECT v.priority_order, v.account_id, v.reason, v.at_stake_amount, v.yearly_amount, v.last_contact_at FROM crm.follow_up AS v$$,
    $$SELECT f.priority_order, f.account_id, f.reason, f.at_stake_amount::numeric(18, 2), f.yearly_amount::numeric(18, 2), f.last_contact_at FROM crm.follow_up(90, 90, 730, now()) AS f$$,
    'the view is the report as of now'
);
SELECT throws_ok($$SELECT * FROM crm.follow_up_candidate(NULL, 90, 90, 730, now())$$, '22023', NULL, 'a number of rows is needed');
SELECT throws_ok(
    $$SELECT * FROM crm.follow_up(renewal_days => -1)$$,
    '22023', 'invalid value for argument "renewal_days": "-1"', 'renewals in the past'
);
SELECT throws_ok(
    $$SELECT * FROM crm.follow_up(silent_days => NULL)$$,
    '22023', 'invalid value for argument "silent_days": NULL', 'silent for nothing'
);
SELECT throws_ok(
    $$SELECT * FROM crm.follow_up(history_days => 0)$$,
    '22023', 'invalid value for argument "history_days": "0"', 'no history'
);
SELECT throws_ok(
    $$SELECT * FROM crm.follow_up(as_of => 'infinity')$$,
    '22023', 'invalid value for argument "as_of": "infinity"', 'as of infinity'
);
DELETE FROM crm.purchase;
DELETE FROM crm.contract;
SELECT is_empty('SELECT * FROM crm.follow_up', 'no customers, nobody to contact');
SELECT * FROM finish();
ROLLBACK;
