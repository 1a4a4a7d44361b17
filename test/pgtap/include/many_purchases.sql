/*
 * Forty more customers of the small company, who buy at random: some once, some
 * often, some with credit notes, before their first order, too, or nothing else;
 * some rows without a cost, a product, a deal.  The same on every run.
 */
SELECT setseed(0.25) \g /dev/null
INSERT INTO crm.account (id, name, industry, region, rep_id)
SELECT
    100 + n,
    'Customer ' || n,
    (ARRAY['metal', 'phone', 'retail', NULL])[1 + n % 4],
    (ARRAY['Tokyo', 'Osaka', NULL])[1 + n % 3],
    (ARRAY[1, 2, 3, NULL])[1 + n % 4]
FROM generate_series(1, 40) AS n;
INSERT INTO crm.purchase (id, account_id, deal_id, product_id, purchased_at, amount, cost)
SELECT
    1000 + n,
    100 + ceil(40 * random() * random()),
    (ARRAY[1, 2, 3, 4, NULL, NULL, NULL])[ceil(7 * random())],
    (ARRAY[1, 2, NULL])[ceil(3 * random())],
    '2024-02-28 00:00+09'::timestamptz + random() * INTERVAL '900 days',
    round((random() * 1000)::numeric, 2) * CASE WHEN random() < 0.15 THEN -1 ELSE 1 END,
    CASE WHEN random() < 0.7 THEN round((random() * 500)::numeric, 2) END
FROM generate_series(1, 400) AS n;
INSERT INTO crm.purchase (id, account_id, product_id, purchased_at, amount, cost) VALUES
    (2001, 140, 1, '2025-05-05 10:00+09', -30, NULL),
    (2002, 139, 1, '2025-05-05 10:00+09', -30, NULL),
    (2003, 139, 1, '2025-06-05 10:00+09', 0, 0),
    (2004, 138, 1, '2025-03-31 23:59:59.999999+09', 70, 10),
    (2005, 138, 1, '2025-04-01 00:00+09', 70, 10),
    (2006, 138, 2, '2026-07-01 12:00+09', 70, 10),
    (2007, 138, 2, '2026-07-01 12:00:00.000001+09', 7000, 10);
ANALYZE crm.account, crm.purchase;

-- First day of the period of a day, for a fiscal year from April.
CREATE FUNCTION pg_temp.period_of(day date, grain text) RETURNS date
    LANGUAGE sql IMMUTABLE
    RETURN CASE grain
        WHEN 'half' THEN
            CASE
                WHEN EXTRACT(month FROM day) BETWEEN 4 AND 9 THEN make_date(EXTRACT(year FROM day)::integer, 4, 1)
                ELSE make_date(EXTRACT(year FROM day - INTERVAL '3 months')::integer, 10, 1)
            END
        WHEN 'year' THEN make_date(EXTRACT(year FROM day - INTERVAL '3 months')::integer, 4, 1)
        ELSE date_trunc(grain, day)::date
    END;
