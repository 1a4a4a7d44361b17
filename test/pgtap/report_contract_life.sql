/*
 * What is expected of pending contracts: published figures, plain sums over
 * survival(), the model chosen, and contracts that no model can say anything about.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(19);

SELECT kpicrm.create_workspace('crm') \g /dev/null
UPDATE crm.setting SET time_zone = 'Asia/Tokyo';
SELECT is_empty('SELECT * FROM crm.contract_life()', 'no contracts, no rows');

-- The high-end group of Fader and Hardie (2007): 1,000 contracts of a year, how many were left after 1 to 7 of them.
INSERT INTO crm.sales_rep (id, name) VALUES (1, 'Ito');
INSERT INTO crm.account (id, name, rep_id) SELECT n, 'account ' || n, nullif(n % 2, 0) FROM generate_series(1, 1100) AS n;
INSERT INTO crm.contract (id, account_id, starts_on, ends_on, amount_per_month)
SELECT
    (year + 1) * 10000 + n,
    n,
    date '2018-04-01' + year * interval '1 year',
    date '2019-03-31' + year * interval '1 year',
    100
FROM unnest('{1000,869,743,653,593,551,517,491}'::integer[]) WITH ORDINALITY AS left_of (contracts, year_no)
CROSS JOIN LATERAL (SELECT (year_no - 1)::integer AS year) AS counted
CROSS JOIN generate_series(1, contracts) AS n;
UPDATE crm.contract SET renewed_by = id + 10000 WHERE EXISTS (SELECT FROM crm.contract AS next WHERE next.id = contract.id + 10000);
ANALYZE crm.contract;
\set at 'timestamptz ''2025-06-01 12:00+09'''

SELECT results_eq(
    format('SELECT count(*), min(renewed_before_count), max(renewed_before_count), min(prediction_basis) FROM crm.contract_life(%L)', :at),
    $$VALUES (491::bigint, 7::bigint, 7::bigint, 'terms of 12 months')$$,
    'those still there have been renewed seven times'
);
SELECT results_eq(
    format('SELECT DISTINCT round((expected_remaining_days / 365)::numeric, 3), round(expected_remaining_amount / 1200, 3) FROM crm.contract_life(%L)', :at),
    'VALUES (7.530, 7.530)',
    'the discounted expected residual lifetime of Fader and Hardie (2010), in days and in money'
);
-- The same group as a table of cohorts, and what is to come as a sum over its survivors.
CREATE TEMP TABLE plain_model AS
SELECT kpicrm.retention_model_agg(period, lost, contracts) AS model
FROM (VALUES (1, true, 131::bigint), (2, true, 126), (3, true, 90), (4, true, 60), (5, true, 42), (6, true, 34), (7, true, 26), (7, false, 491)) AS cohort (period, lost, contracts);
CREATE FUNCTION pg_temp.payments(done integer, rate double precision) RETURNS double precision
    LANGUAGE sql STABLE
    RETURN (
        SELECT sum(kpicrm.survival(model, done + k) / kpicrm.survival(model, done) * (1 + rate) ^ (1 - k))
        FROM plain_model
        CROSS JOIN generate_series(1, 2000) AS k
    );
SELECT is_empty(
    format($$SELECT * FROM crm.contract_life(%L, 0.25) CROSS JOIN plain_model
        WHERE abs(renewal_probability - kpicrm.retention_rate(model, 8)) > 1e-9
            OR abs(expected_remaining_days - 365 * pg_temp.payments(7, 0.25)) > 1e-5
            OR abs(expected_remaining_amount - 1200 * pg_temp.payments(7, 0.25)::numeric) > 1e-5$$, :at),
    'sums over survivors, with another discount'
);
SELECT results_eq(
    format('SELECT count(renewal_probability), count(expected_remaining_days), count(expected_remaining_amount) FROM crm.contract_life(%L, 0)', :at),
    'VALUES (491::bigint, 0::bigint, 0::bigint)',
    'without discounting the mean is infinite: NULL'
);

-- The reports show it.
SELECT results_eq(
    format('SELECT contract_id, renewed_before_count, renewal_probability, expected_remaining_days, expected_remaining_amount, prediction_basis FROM crm.renewal_due(365, %L) ORDER BY 1', :at),
    format('SELECT * FROM crm.contract_life(%L) ORDER BY 1', :at),
    'renewal_due: by contract'
);
SELECT is_empty(
    format($$SELECT * FROM crm.renewal_report('2026-03-01', '2026-04-01', 'all', %1$L, 'month', 0.2) AS report
        CROSS JOIN (
            SELECT sum(renewal_probability) AS renewed, avg(expected_remaining_days) AS days, sum(expected_remaining_amount) AS amount
            FROM crm.contract_life(%1$L, 0.2)
        ) AS plain
        WHERE NOT coalesce(abs(report.expected_renewed_value - plain.renewed) < 1e-6 AND abs(report.expected_remaining_days - plain.days) < 1e-6
            AND abs(report.expected_remaining_amount - plain.amount) < 0.001 AND report.pending_count = 491, false)$$, :at),
    'renewal_report: the sum, the mean and the sum of the month'
);
SELECT results_eq(
    format($$SELECT round(sum(expected_renewed_value)::numeric, 6), round(sum(expected_remaining_amount), 3), count(*) FROM crm.renewal_report('2026-03-01', '2026-04-01', 'rep', %L)$$, :at),
    format($$SELECT round(expected_renewed_value::numeric, 6), round(expected_remaining_amount, 3), 2::bigint FROM crm.renewal_report('2026-03-01', '2026-04-01', 'all', %L)$$, :at),
    'the reps add up to all'
);
SELECT results_eq(
    format($$SELECT expected_renewed_value, expected_remaining_days, expected_remaining_amount FROM crm.renewal_report('2020-03-01', '2020-04-01', 'all', %L)$$, :at),
    'VALUES (NULL::double precision, NULL::double precision, NULL::numeric)',
    'nothing is expected where nothing is pending'
);

-- Contracts of a month: too few to learn from, so all terms speak for them.
INSERT INTO crm.contract (id, account_id, starts_on, ends_on, amount_per_month, renewed_by) VALUES
    (1, 1, '2025-05-15', '2025-06-14', 70, NULL),
    (2, 1, '2025-04-15', '2025-05-14', 70, 1),
    (3, 2, '2025-06-01', '2025-06-30', NULL, NULL);
SELECT results_eq(
    format('SELECT contract_id, renewed_before_count, prediction_basis, expected_remaining_amount IS NULL FROM crm.renewal_due(40, %L) ORDER BY 1', :at),
    $$VALUES (1::bigint, 1::bigint, 'all terms', false), (3, 0, 'all terms', true)$$,
    'a model of all terms stands in; without an amount there is none to come'
);
SELECT results_eq(
    format('SELECT round(expected_remaining_amount / expected_remaining_days::numeric, 6) FROM crm.contract_life(%L) WHERE contract_id = 1', :at),
    'SELECT round(70 / 31.0, 6)',
    'a term of 31 days from the 15th to the 14th is a month'
);
SELECT is(prediction_basis, 'terms of 12 months', 'the year''s contracts keep theirs') FROM crm.contract_life(:at) WHERE contract_id = 80001;

-- Odd ones: two that renew each other, one that ends at the end of time, one of a day.
INSERT INTO crm.contract (id, account_id, starts_on, ends_on, amount_per_month) VALUES (11, 3, '2025-01-01', '2025-12-31', 5), (12, 3, '2026-01-01', '2026-12-31', 5), (13, 4, '2025-01-01', '5874897-12-31', 5), (14, 5, '2025-06-01', '2025-06-01', 5);
UPDATE crm.contract SET renewed_by = 23 - id WHERE id IN (11, 12);
SELECT is_empty(format('SELECT * FROM crm.contract_life(%L) WHERE contract_id IN (11, 12)', :at), 'contracts that renew each other are not pending');
SELECT ok(expected_remaining_days > 1e9 AND expected_remaining_amount > 0, 'an endless term does no harm') FROM crm.contract_life(:at) WHERE contract_id = 13;
SELECT ok(expected_remaining_amount BETWEEN 0.1 AND 100, 'a term of a day is a part of a month') FROM crm.contract_life(:at) WHERE contract_id = 14;

-- Nobody was lost: no model, and it says so.
DELETE FROM crm.contract WHERE id NOT IN (1, 2);
SELECT results_eq(
    format('SELECT contract_id, renewal_probability, expected_remaining_days, expected_remaining_amount, prediction_basis FROM crm.renewal_due(40, %L)', :at),
    $$VALUES (1::bigint, NULL::double precision, NULL::double precision, NULL::numeric, 'not identified: nobody was lost')$$,
    'no model, and why'
);
SELECT throws_ok('SELECT * FROM crm.renewal_due(discount_rate => -0.1)', '22023', 'invalid value for argument "discount_rate": "-0.1"');
SELECT throws_ok('SELECT * FROM crm.contract_life(discount_rate => ''NaN'')', '22023', 'invalid value for argument "discount_rate": "NaN"');
SELECT throws_ok('SELECT * FROM crm.renewal_report(discount_rate => NULL)', '22023', 'invalid value for argument "discount_rate": NULL');
SELECT * FROM finish();
ROLLBACK;
