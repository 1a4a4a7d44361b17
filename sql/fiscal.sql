-- Fiscal periods: the year begins on the first day of start_month and bears the
-- number of the calendar year it begins in.

SET DateStyle = 'ISO';

-- A Japanese fiscal year, from April.
SELECT
    day,
    kpicrm.fiscal_year(day, 4) AS year,
    kpicrm.fiscal_half(day, 4) AS half,
    kpicrm.fiscal_quarter(day, 4) AS quarter,
    kpicrm.fiscal_month(day, 4) AS month,
    kpicrm.fiscal_period_start(day, 'year', 4) AS year_start,
    kpicrm.fiscal_period_start(day, 'half', 4) AS half_start,
    kpicrm.fiscal_period_start(day, 'quarter', 4) AS quarter_start,
    kpicrm.fiscal_period_start(day, 'month', 4) AS month_start
FROM (VALUES
    (date '2023-12-31'),
    (date '2024-01-01'),
    (date '2024-02-29'),
    (date '2024-03-31'),
    (date '2024-04-01'),
    (date '2024-06-30'),
    (date '2024-07-01'),
    (date '2024-09-30'),
    (date '2024-10-01')
) AS example (day)
ORDER BY day;

-- The end is the first day that no longer belongs to the period.
SELECT
    grain,
    kpicrm.fiscal_period_start(date '2024-02-29', grain, 4) AS start,
    kpicrm.fiscal_period_end(date '2024-02-29', grain, 4) AS "end",
    kpicrm.fiscal_period_label(date '2024-02-29', grain, 4) AS label,
    kpicrm.fiscal_period_label(date '2024-02-29', grain) AS calendar_label
FROM (VALUES
    (1, 'day'),
    (2, 'week'),
    (3, 'month'),
    (4, 'quarter'),
    (5, 'half'),
    (6, 'year')
) AS example (sort_order, grain)
ORDER BY sort_order;

-- Weeks begin on the day that is asked for: 1 Monday … 7 Sunday.
SELECT
    week_start,
    kpicrm.fiscal_period_start(date '2024-02-29', 'week', 1, week_start) AS start,
    kpicrm.fiscal_period_end(date '2024-02-29', 'week', 1, week_start) AS "end"
FROM generate_series(1, 7) AS week_start
ORDER BY week_start;

-- Every day of 28 years lies in its period, whichever month the year begins in,
-- whichever day the week does, and a period's start and last day agree on it.
SELECT
    grain,
    count(*) FILTER (WHERE day < start OR day >= next) AS outside,
    count(*) FILTER (WHERE kpicrm.fiscal_period_start(start, grain, start_month, week_start) <> start) AS start_moved,
    count(*) FILTER (WHERE kpicrm.fiscal_period_start(next - 1, grain, start_month, week_start) <> start) AS last_day_differs,
    count(*) FILTER (WHERE kpicrm.fiscal_period_start(next, grain, start_month, week_start) <> next) AS gap
FROM (
    SELECT
        day,
        grain,
        start_month,
        week_start,
        kpicrm.fiscal_period_start(day, grain, start_month, week_start) AS start,
        kpicrm.fiscal_period_end(day, grain, start_month, week_start) AS next
    FROM generate_series(0, 10226, 3) AS n
    CROSS JOIN LATERAL (VALUES (date '1999-12-31' + n, n % 12 + 1, n % 7 + 1)) AS example (day, start_month, week_start)
    CROSS JOIN unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year']) AS grain
) AS period
GROUP BY grain
ORDER BY grain;

-- Labels of different periods differ, and their order is that of time.
SELECT
    grain,
    count(DISTINCT label) = count(DISTINCT start) AS one_to_one,
    array_agg(label ORDER BY label COLLATE "C") = array_agg(label ORDER BY start) AS in_order
FROM (
    SELECT DISTINCT
        grain,
        kpicrm.fiscal_period_start(date '2023-01-01' + n, grain, 4) AS start,
        kpicrm.fiscal_period_label(date '2023-01-01' + n, grain, 4) AS label
    FROM generate_series(0, 1000) AS n
    CROSS JOIN unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year']) AS grain
) AS period
GROUP BY grain
ORDER BY grain;

-- No date, no period.
SELECT
    coalesce(day::text, 'NULL') AS day,
    kpicrm.fiscal_year(day, 4) IS NULL AS year,
    kpicrm.fiscal_quarter(day, 4) IS NULL AS quarter,
    bool_and(kpicrm.fiscal_period_start(day, grain, 4) IS NULL) AS start,
    bool_and(kpicrm.fiscal_period_end(day, grain, 4) IS NULL) AS "end",
    bool_and(kpicrm.fiscal_period_label(day, grain, 4) IS NULL) AS label
FROM (VALUES (NULL::date), ('infinity'), ('-infinity')) AS example (day)
CROSS JOIN unnest(ARRAY['day', 'week', 'month', 'quarter', 'half', 'year']) AS grain
GROUP BY day
ORDER BY 1;

-- The session's settings do not matter.
SET TIME ZONE 'Asia/Tokyo';
SET DateStyle = 'SQL, DMY';
SELECT
    kpicrm.fiscal_period_label(make_date(2024, 3, 31), 'day', 4),
    kpicrm.fiscal_period_label(make_date(2024, 3, 31), 'quarter', 4);
RESET TIME ZONE;
SET DateStyle = 'ISO';

-- What is not a choice is refused, also where there is no date.
\set VERBOSITY terse
SELECT kpicrm.fiscal_period_start(date '2024-02-29', 'decade');
SELECT kpicrm.fiscal_period_start(NULL, 'decade');
SELECT kpicrm.fiscal_period_end(date '2024-02-29', NULL);
SELECT kpicrm.fiscal_period_label(date '2024-02-29', 'Month');
SELECT kpicrm.fiscal_period_start(date '2024-02-29', 'week', 4, 0);
SELECT kpicrm.fiscal_year(date '2024-02-29', 13);
SELECT kpicrm.fiscal_quarter(date '2024-02-29', 0);
SELECT kpicrm.fiscal_month(NULL, NULL);
\set VERBOSITY sqlstate
SELECT kpicrm.fiscal_period_start(date '2024-02-29', 'decade');
SELECT kpicrm.fiscal_half(date '2024-02-29', -1);
