-- Business calendars: workdays, working time, holidays of Japan.

SET DateStyle = 'ISO';
SET TIME ZONE 'Asia/Tokyo';

-- A calendar is a value, and says what it knows.
SELECT kpicrm.calendar('weekdays');
SELECT
    kpicrm.first_day(kpicrm.calendar('jp')),
    kpicrm.last_day(kpicrm.calendar('jp')),
    left(kpicrm.calendar('jp')::text, 100) AS beginning;

-- Workdays of the years in Japan, as plain SQL counts them.
SELECT
    year,
    kpicrm.workdays(kpicrm.calendar('jp'), make_date(year, 1, 1), make_date(year + 1, 1, 1)),
    (
        SELECT count(*)
        FROM generate_series(make_timestamp(year, 1, 1, 0, 0, 0), make_timestamp(year, 12, 31, 0, 0, 0), '1 day') AS day
        WHERE EXTRACT(isodow FROM day) < 6
            AND day::date NOT IN (SELECT holiday.day FROM kpicrm.holidays('jp') AS holiday)
    ) AS plain
FROM generate_series(2018, 2026) AS year
ORDER BY year;

-- The autumn of 2026: a day between two holidays is one.
SELECT
    day,
    name_en
FROM kpicrm.holidays('jp')
WHERE day >= '2026-09-01';
SELECT
    day::date,
    kpicrm.is_workday(kpicrm.calendar('jp'), day::date),
    kpicrm.add_workdays(kpicrm.calendar('jp'), day::date, 1) AS next,
    kpicrm.add_workdays(kpicrm.calendar('jp'), day::date, -1) AS previous,
    kpicrm.add_workdays(kpicrm.calendar('jp'), day::date, 0) AS same
FROM generate_series(timestamp '2026-09-18', '2026-09-24', '1 day') AS day;

-- From Friday noon until Tuesday noon, with a holiday on Monday.
SELECT kpicrm.work_time(kpicrm.calendar('jp'), '2026-11-20 12:00', '2026-11-24 12:00');

-- A calendar of one's own.
SELECT kpicrm.make_work_calendar(
    'shop',
    ARRAY[date '2026-05-01', '2026-01-01', '2026-05-01'],
    time_zone => 'Asia/Tokyo',
    opening_hours => '1-4 09:00-12:00 13:00-18:00, 6 10:00-12:00',
    version => '2026-07'
);
SELECT kpicrm.work_calendar_agg(day, kpicrm.make_work_calendar('shop', last_day => '2026-12-31'))
FROM (VALUES (date '2026-05-01'), (NULL), ('2026-01-01'), ('2026-05-01')) AS closed (day);

-- When the clocks are changed, an hour is missing or there twice.
SELECT
    night,
    kpicrm.work_time(
        kpicrm.make_work_calendar('night shift', time_zone => 'America/New_York', opening_hours => '1-7 00:00-06:00'),
        night AT TIME ZONE 'America/New_York',
        (night + interval '6 hours') AT TIME ZONE 'America/New_York'
    )
FROM (VALUES (timestamp '2026-03-07'), ('2026-03-08'), ('2026-11-01')) AS example (night)
ORDER BY night;

-- Equality.
SELECT
    kpicrm.calendar('jp') OPERATOR(kpicrm.=) kpicrm.calendar('jp') AS same,
    kpicrm.calendar('jp') OPERATOR(kpicrm.<>) kpicrm.calendar('weekdays') AS different;

-- What is not known is not guessed, and what makes no sense is refused.
SELECT kpicrm.workdays(kpicrm.calendar('jp'), '2026-12-01', '2027-02-01');
SELECT kpicrm.add_workdays(kpicrm.calendar('jp'), '2026-12-28', 10);
\set VERBOSITY terse
SELECT kpicrm.workdays(kpicrm.calendar('weekdays'), '2026-12-01', 'infinity');
SELECT kpicrm.workdays(kpicrm.calendar('jp'), '2026-12-01', '2026-11-01');
SELECT kpicrm.work_time(kpicrm.calendar('jp'), '2026-12-01', '2026-11-01');
SELECT kpicrm.calendar('Japan');
SELECT count(*) FROM kpicrm.holidays('Japan');
SELECT kpicrm.make_work_calendar('shop', opening_hours => 'always');
SELECT kpicrm.make_work_calendar('shop', opening_hours => '1 18:00-09:00');
SELECT kpicrm.make_work_calendar('shop', time_zone => 'Nowhere');
SELECT kpicrm.make_work_calendar('shop', ARRAY[date '2026-01-01'], first_day => '2026-01-02');
SELECT 'Monday to Friday'::kpicrm.work_calendar;
\set VERBOSITY sqlstate
SELECT kpicrm.workdays(kpicrm.calendar('jp'), '2026-12-01', '2027-02-01');
SELECT kpicrm.calendar('Japan');
SELECT 'Monday to Friday'::kpicrm.work_calendar;
