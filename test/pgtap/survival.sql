/*
 * The survival functions and the proportions against R (test/reference), to 1e-9.
 * Runs in the root of the source tree, because it reads test/data and
 * test/reference.
 */
BEGIN;
SELECT plan(20);

-- Equal to R's number to 1e-9, relative above 1 and absolute below; NULL where R has none.
CREATE FUNCTION pg_temp.agrees(have double precision, want double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN CASE
        WHEN have IS NULL OR want IS NULL THEN have IS NULL AND want IS NULL
        ELSE abs(have - want) <= 1e-9 * greatest(1, abs(want))
    END;

CREATE FUNCTION pg_temp.to_days(span interval) RETURNS double precision
    LANGUAGE sql IMMUTABLE
    RETURN EXTRACT(epoch FROM span)::double precision / 86400;

-- ------------------------------------------------------------------ the data
CREATE TEMP TABLE waltons (
    duration double precision,
    observed integer,
    strain text
);
CREATE TEMP TABLE larynx (
    duration double precision,
    age integer,
    observed integer,
    stage_ii integer,
    stage_iii integer,
    stage_iv integer
);
CREATE TEMP TABLE leadership (
    ctryname text,
    cowcode2 text,
    politycode text,
    un_region_name text,
    un_continent_name text,
    ehead text,
    leaderspellreg text,
    democracy text,
    regime text,
    start_year integer,
    duration integer,
    observed integer
);
CREATE TEMP TABLE pipeline (
    opportunity_id text,
    sales_agent text,
    product text,
    account text,
    deal_stage text,
    engage_date date,
    close_date date,
    close_value numeric
);
\copy waltons FROM 'test/data/lifelines/waltons_dataset.csv' (FORMAT csv, HEADER true)
\copy larynx FROM 'test/data/lifelines/larynx.csv' (FORMAT csv, HEADER true)
\copy leadership FROM 'test/data/lifelines/dd.csv' (FORMAT csv, HEADER true)
\copy pipeline FROM 'test/data/crm_sales/sales_pipeline.csv' (FORMAT csv, HEADER true)

CREATE TEMP TABLE curve_reference (
    data_set text,
    time_days double precision,
    at_risk bigint,
    won bigint,
    lost bigint,
    open bigint,
    survival double precision,
    lower double precision,
    upper double precision,
    won_incidence double precision,
    lost_incidence double precision
);
CREATE TEMP TABLE number_reference (
    data_set text,
    measure text,
    argument double precision,
    argument2 double precision,
    value double precision
);
CREATE TEMP TABLE proportion_reference (
    converted integer,
    total integer,
    confidence double precision,
    rate double precision,
    lower double precision,
    upper double precision
);
CREATE TEMP TABLE comparison_reference (
    converted1 integer,
    total1 integer,
    converted2 integer,
    total2 integer,
    smallest_expected double precision,
    fisher double precision,
    chi_square double precision
);
\copy curve_reference FROM 'test/reference/survival_curve.csv' (FORMAT csv, HEADER true)
\copy number_reference FROM 'test/reference/survival.csv' (FORMAT csv, HEADER true)
\copy proportion_reference FROM 'test/reference/proportion.csv' (FORMAT csv, HEADER true)
\copy comparison_reference FROM 'test/reference/comparison.csv' (FORMAT csv, HEADER true)

-- ---------------------------------------------------------------- the states
-- Whole days by the date form, tenths of a day by the timestamptz form.
CREATE TEMP TABLE state AS
WITH whole_days AS (
    SELECT
        'waltons' AS data_set,
        waltons.duration::integer AS duration,
        waltons.observed
    FROM waltons
    UNION ALL
    SELECT
        CASE waltons.strain WHEN 'control' THEN 'waltons_control' ELSE 'waltons_mir_137' END,
        waltons.duration::integer,
        waltons.observed
    FROM waltons
    UNION ALL
    SELECT
        'dd',
        leadership.duration,
        leadership.observed
    FROM leadership
)
SELECT
    whole_days.data_set,
    kpicrm.lead_time_agg(
        DATE '2000-01-01',
        CASE WHEN whole_days.observed = 1 THEN DATE '2000-01-01' + whole_days.duration END,
        true,
        DATE '2000-01-01' + whole_days.duration
    ) AS lead_times
FROM whole_days
GROUP BY whole_days.data_set
UNION ALL
SELECT
    'larynx',
    kpicrm.lead_time_agg(
        TIMESTAMPTZ '2000-01-01 00:00+00',
        CASE WHEN larynx.observed = 1 THEN TIMESTAMPTZ '2000-01-01 00:00+00' + larynx.duration * INTERVAL '24 hours' END,
        true,
        TIMESTAMPTZ '2000-01-01 00:00+00' + larynx.duration * INTERVAL '24 hours'
    )
FROM larynx
UNION ALL
SELECT
    'crm_sales',
    kpicrm.lead_time_agg(
        pipeline.engage_date,
        pipeline.close_date,
        pipeline.deal_stage = 'Won',
        DATE '2017-12-31'
    )
FROM pipeline;

CREATE TEMP TABLE curve AS
SELECT
    state.data_set,
    pg_temp.to_days(step."time") AS time_days,
    step.at_risk,
    step.won,
    step.lost,
    step.open,
    step.survival,
    step.lower,
    step.upper,
    step.won_incidence,
    step.lost_incidence
FROM state
CROSS JOIN LATERAL kpicrm.survival_curve(state.lead_times) AS step;

-- ----------------------------------------------------------------- the tests
SELECT is(
    (SELECT count(*)::integer FROM state),
    6,
    'six data sets are compared'
);
SELECT is(
    (SELECT kpicrm.completed_count(state.lead_times) || '/' || kpicrm.lost_count(state.lead_times) || '/'
        || kpicrm.open_count(state.lead_times) || '/' || kpicrm.invalid_count(state.lead_times)
     FROM state WHERE state.data_set = 'crm_sales'),
    '4238/2473/1589/0',
    'won, lost, open of the CRM pipeline; Prospecting has no start and is skipped'
);
SELECT is_empty(
    $$
    SELECT
        have.data_set AS have_set,
        have.time_days AS have_days,
        want.data_set,
        want.time_days
    FROM curve AS have
    FULL JOIN curve_reference AS want
        ON want.data_set = have.data_set AND pg_temp.agrees(have.time_days, want.time_days)
    WHERE have.data_set IS NULL OR want.data_set IS NULL
    $$,
    'survival_curve() has the steps of survfit()'
);

CREATE TEMP VIEW step AS
SELECT
    have.data_set,
    have.time_days,
    have.at_risk AS have_at_risk,
    want.at_risk AS want_at_risk,
    ARRAY[have.won, have.lost, have.open] AS have_counts,
    ARRAY[want.won, want.lost, want.open] AS want_counts,
    have.survival AS have_survival,
    want.survival AS want_survival,
    have.lower AS have_lower,
    want.lower AS want_lower,
    have.upper AS have_upper,
    want.upper AS want_upper,
    have.won_incidence AS have_won_incidence,
    want.won_incidence AS want_won_incidence,
    have.lost_incidence AS have_lost_incidence,
    want.lost_incidence AS want_lost_incidence
FROM curve AS have
JOIN curve_reference AS want
    ON want.data_set = have.data_set AND pg_temp.agrees(have.time_days, want.time_days);

SELECT is_empty(
    'SELECT data_set, time_days, have_at_risk, want_at_risk FROM step WHERE have_at_risk IS DISTINCT FROM want_at_risk',
    'at risk'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_counts, want_counts FROM step WHERE have_counts IS DISTINCT FROM want_counts',
    'won, lost and censored at each step'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_survival, want_survival FROM step WHERE NOT pg_temp.agrees(have_survival, want_survival)',
    'Kaplan-Meier survival'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_lower, want_lower FROM step WHERE NOT pg_temp.agrees(have_lower, want_lower)',
    'lower log-log bound; NULL where survival is 0 or 1, as in R'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_upper, want_upper FROM step WHERE NOT pg_temp.agrees(have_upper, want_upper)',
    'upper log-log bound; NULL where survival is 0 or 1, as in R'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_won_incidence, want_won_incidence FROM step WHERE NOT pg_temp.agrees(have_won_incidence, want_won_incidence)',
    'Aalen-Johansen incidence of won'
);
SELECT is_empty(
    'SELECT data_set, time_days, have_lost_incidence, want_lost_incidence FROM step WHERE NOT pg_temp.agrees(have_lost_incidence, want_lost_incidence)',
    'Aalen-Johansen incidence of lost'
);

CREATE TEMP TABLE number AS
SELECT
    want.data_set,
    want.measure,
    want.argument,
    want.argument2,
    want.value AS want,
    CASE want.measure
        WHEN 'survival' THEN kpicrm.survival(state.lead_times, span.argument)
        WHEN 'survival_quantile_days' THEN kpicrm.survival_quantile_days(state.lead_times, want.argument)
        WHEN 'restricted_mean_days' THEN kpicrm.restricted_mean_days(state.lead_times, span.argument)
        WHEN 'win_probability' THEN kpicrm.win_probability(state.lead_times, span.argument)
        WHEN 'win_probability_given_age' THEN kpicrm.win_probability(state.lead_times, span.argument, span.argument2)
    END AS have
FROM number_reference AS want
JOIN state ON state.data_set = want.data_set
CROSS JOIN LATERAL (
    SELECT
        want.argument * INTERVAL '24 hours' AS argument,
        want.argument2 * INTERVAL '24 hours' AS argument2
) AS span;

SELECT is(
    (SELECT count(*) FROM number),
    (SELECT count(*) FROM number_reference),
    'every reference number finds its state'
);
SELECT is_empty(
    format('SELECT data_set, argument, argument2, have, want FROM number WHERE measure = %L AND NOT pg_temp.agrees(have, want)', measure.name),
    measure.title
)
FROM (VALUES
    ('survival', 'survival() at, between, before and after the times'),
    ('survival_quantile_days', 'survival_quantile_days(): the first time with S <= 1 - f; NULL when never reached'),
    ('restricted_mean_days', 'restricted_mean_days() up to and beyond the last time'),
    ('win_probability', 'win_probability(within)'),
    ('win_probability_given_age', 'win_probability(within, given_age)')
) AS measure (name, title);
SELECT is_empty(
    $$
    SELECT
        number.data_set,
        number.argument,
        kpicrm.survival_quantile(state.lead_times, number.argument) AS have,
        number.want
    FROM number
    JOIN state USING (data_set)
    WHERE number.measure = 'survival_quantile_days'
        AND NOT pg_temp.agrees(pg_temp.to_days(kpicrm.survival_quantile(state.lead_times, number.argument)), number.want)
    $$,
    'survival_quantile() is the same as an interval'
);

CREATE TEMP TABLE proportion AS
SELECT
    want.converted,
    want.total,
    want.confidence,
    want.rate,
    want.lower,
    want.upper,
    built.conversion
FROM proportion_reference AS want
JOIN (
    SELECT
        counts.converted,
        counts.total,
        (SELECT kpicrm.conversion_agg(unit.number <= counts.converted)
         FROM generate_series(1, counts.total) AS unit (number)) AS conversion
    FROM (SELECT DISTINCT converted, total FROM proportion_reference) AS counts
) AS built ON built.converted = want.converted AND built.total = want.total;

SELECT is_empty(
    $$
    SELECT
        converted,
        total,
        confidence,
        kpicrm.rate_lower(conversion, confidence) AS have_lower,
        lower AS want_lower,
        kpicrm.rate_upper(conversion, confidence) AS have_upper,
        upper AS want_upper
    FROM proportion
    WHERE NOT (pg_temp.agrees(kpicrm.rate(conversion), rate)
        AND pg_temp.agrees(kpicrm.rate_lower(conversion, confidence), lower)
        AND pg_temp.agrees(kpicrm.rate_upper(conversion, confidence), upper))
    $$,
    'rate and Wilson bounds'
);

CREATE TEMP TABLE comparison AS
SELECT
    want.converted1,
    want.total1,
    want.converted2,
    want.total2,
    want.fisher,
    want.chi_square,
    kpicrm.compare(
        (SELECT kpicrm.conversion_agg(unit.number <= want.converted1) FROM generate_series(1, want.total1) AS unit (number)),
        (SELECT kpicrm.conversion_agg(unit.number <= want.converted2) FROM generate_series(1, want.total2) AS unit (number))
    ) AS have
FROM comparison_reference AS want;

SELECT is_empty(
    'SELECT converted1, total1, converted2, total2, have, fisher FROM comparison WHERE total1 + total2 <= 1000 AND NOT pg_temp.agrees(have, fisher)',
    'compare() of small counts is Fisher''s exact test'
);
SELECT is_empty(
    'SELECT converted1, total1, converted2, total2, have, fisher, chi_square FROM comparison WHERE NOT (pg_temp.agrees(have, fisher) OR pg_temp.agrees(have, chi_square))',
    'compare() of any counts is Fisher''s test or the chi-square test'
);

SELECT * FROM finish();
ROLLBACK;
