-- The formulas: published values, limits and refusals.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SELECT plan(13);

-- The example of a Japanese textbook: 500,000 x 50 % x 2 a year x 5 years.
SELECT is(ltv_simple(500000, 0.5, 2, 5), 2500000::numeric, 'simple');
SELECT is(ltv_simple(500000, -0.5, 2, 5), -2500000::numeric, 'a negative margin is a loss');
SELECT is(round(ltv_churn(933, 1, 0.1), 10), 9330::numeric, 'churn');
SELECT is(ltv_churn(933, 1, 0), NULL, 'no churn, no finite value');
SELECT is(round(ltv_discounted(100, 0.8, 0.1, true), 2), 366.67, 'first payment now');
SELECT is(round(ltv_discounted(100, 0.8, 0.1, false), 2), 266.67, 'first payment after one period');
SELECT is(ltv_discounted(100, 1, 0, true), NULL, 'kept for ever, not discounted: no finite value');

-- The closed form is the sum of the series.
SELECT is(
    round(ltv_discounted(100, 0.8, 0.1, true), 6),
    round((SELECT sum(100 * power(0.8 / 1.1, n)) FROM generate_series(0, 200) AS n)::numeric, 6),
    'the geometric series'
);

SELECT throws_ok('SELECT kpicrm.ltv_churn(1, 1, 5)', '22023', 'churn must be between 0 and 1, not 5');
SELECT throws_ok('SELECT kpicrm.ltv_churn(1, 1, -0.1)', '22023', 'churn must be between 0 and 1, not -0.1');
SELECT throws_ok('SELECT kpicrm.ltv_simple(1, 50, 1, 1)', '22023', 'gross_margin must be between -1 and 1, not 50');
SELECT throws_ok('SELECT kpicrm.ltv_discounted(1, 0.5, ''Infinity'', true)', '22023', 'discount must be a finite number, not Infinity');
SELECT throws_ok('SELECT kpicrm.ltv_discounted(1, 0.5, -0.1, true)', '22023', 'discount must not be negative, but is -0.1');

SELECT * FROM finish();
ROLLBACK;
