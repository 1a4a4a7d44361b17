-- Properties of work_calendar: every answer against a plain query over
-- generate_series, in zones that change their clocks and over leap days; text and
-- binary round trip, malformed input, any split of the aggregate.
BEGIN;
SET search_path = kpicrm, public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SET DateStyle = 'ISO';
SELECT plan(72);
SELECT setseed(0.2026) \g /dev/null

-- ------------------------------------------------------------- Japan
SELECT is(workdays(calendar('jp'), make_date(year, 1, 1), make_date(year + 1, 1, 1)), days, format('jp: workdays of %s', year))
FROM (VALUES (2018, 248), (2019, 244), (2020, 246), (2021, 246), (2022, 245), (2023, 247), (2024, 248), (2025, 246), (2026, 244)) AS known (year, days);
SELECT is_empty($$
    SELECT year, plain
    FROM generate_series(1955, 2026) AS year
    CROSS JOIN LATERAL (
        SELECT count(*) AS plain
        FROM generate_series(make_timestamp(year, 1, 1, 0, 0, 0), make_timestamp(year, 12, 31, 0, 0, 0), '1 day') AS day
        WHERE EXTRACT(isodow FROM day) < 6
            AND day::date NOT IN (SELECT holiday.day FROM holidays('jp') AS holiday)
    ) AS counted
    WHERE plain <> workdays(calendar('jp'), make_date(year, 1, 1), make_date(year + 1, 1, 1))
$$, 'jp: the workdays of every year against a plain query');
SELECT is((SELECT count(*) FROM holidays('jp')), 1050::bigint, 'jp: holidays since 1955');
SELECT is((SELECT array_agg(day ORDER BY day) FROM holidays('jp') WHERE day BETWEEN '2019-04-27' AND '2019-05-06'),
    '{2019-04-29,2019-04-30,2019-05-01,2019-05-02,2019-05-03,2019-05-04,2019-05-05,2019-05-06}'::date[], 'jp: the days around the new emperor');
SELECT is((SELECT string_agg(name || ' ' || name_en, ', ' ORDER BY day) FROM holidays('jp') WHERE day BETWEEN '2026-09-21' AND '2026-09-23'),
    '敬老の日 Respect for the Aged Day, 休日 Citizen''s Holiday, 秋分の日 Autumnal Equinox Day', 'jp: a day between two holidays is one');
SELECT is(row(first_day(calendar('jp')), last_day(calendar('jp')))::text, '(1955-01-01,2026-12-31)', 'jp: it says what it knows');
SELECT is_empty($$SELECT FROM generate_series(1955, 2026) AS year WHERE NOT EXISTS (SELECT FROM holidays('jp') WHERE EXTRACT(year FROM day) = year)$$,
    'jp: no year is missing');

-- ------------------------------------------------------------- random calendars
-- What a calendar should be, as rows.
CREATE TEMPORARY TABLE example AS
SELECT
    n,
    zone,
    hours,
    holidays,
    make_work_calendar('example ' || n, holidays, '2023-01-01', '2025-12-31', zone, hours, 'v' || n) AS calendar
FROM generate_series(1, 24) AS n
CROSS JOIN LATERAL (
    SELECT
        (ARRAY['America/New_York', 'Asia/Tokyo', 'Australia/Lord_Howe', 'America/Santiago', 'Europe/London', 'Asia/Kathmandu'])[1 + n % 6] AS zone,
        (ARRAY['1-5 09:00-18:00', '1-4 09:00-12:00 13:00-18:00, 6 00:00-02:30 23:30-24:00', '1-7 00:00-24:00', '7 00:30-03:00, 1-6 01:15-02:45'])[1 + n / 6 % 4] AS hours,
        ARRAY(SELECT date '2023-01-01' + (random() * 1095 + n * 0)::integer FROM generate_series(1, n * 5)) AS holidays
) AS chosen;
CREATE TEMPORARY TABLE opening AS
SELECT n, weekday, split_part(span, '-', 1)::interval AS opens, split_part(span, '-', 2)::interval AS closes
FROM example
CROSS JOIN LATERAL unnest(string_to_array(hours, ', ')) AS part
CROSS JOIN LATERAL (SELECT split_part(part, ' ', 1) AS weekdays) AS head
CROSS JOIN LATERAL generate_series(left(weekdays, 1)::integer, right(weekdays, 1)::integer) AS weekday
CROSS JOIN LATERAL unnest((string_to_array(part, ' '))[2:]) AS span;
CREATE TEMPORARY TABLE workday AS
SELECT n, day::date AS day, row_number() OVER (PARTITION BY n ORDER BY day) AS workday_no
FROM example
CROSS JOIN generate_series(timestamp '2023-01-01', '2025-12-31', '1 day') AS day
WHERE day::date <> ALL (holidays)
    AND EXISTS (SELECT FROM opening WHERE opening.n = example.n AND weekday = EXTRACT(isodow FROM day));
CREATE INDEX ON workday (n, day);
ANALYZE workday;
CREATE TEMPORARY TABLE span AS
SELECT n, least(a, b) AS from_date, greatest(a, b) AS to_date
FROM example
CROSS JOIN generate_series(1, 40)
CROSS JOIN LATERAL (SELECT date '2023-01-01' + (random() * 1096)::integer + n * 0 AS a, date '2023-01-01' + (random() * 1096)::integer + n * 0 AS b) AS ends
UNION ALL
SELECT n, from_date, to_date
FROM example
CROSS JOIN (VALUES (date '2023-01-01', date '2026-01-01'), ('2024-02-28', '2024-03-01'), ('2024-02-29', '2024-02-29'), ('2026-01-01', '2026-01-01')) AS ends (from_date, to_date);

SELECT is_empty($$
    SELECT n, from_date, to_date, workdays(calendar, from_date, to_date)
    FROM span JOIN example USING (n)
    WHERE workdays(calendar, from_date, to_date) <> (SELECT count(*) FROM workday WHERE workday.n = span.n AND day >= from_date AND day < to_date)
$$, 'workdays against the count of rows');
SELECT is_empty($$
    SELECT n, asked
    FROM example
    CROSS JOIN generate_series(timestamp '2023-01-01', '2025-12-31', '1 day') AS asked
    WHERE is_workday(calendar, asked::date) <> EXISTS (SELECT FROM workday WHERE workday.n = example.n AND workday.day = asked::date)
$$, 'is_workday on every day');
SELECT is_empty($$
    WITH asked AS (
        SELECT n, calendar, date '2023-01-01' + (random() * 1095)::integer + n * 0 AS day, (random() * 200 - 100)::integer + n * 0 AS count
        FROM example CROSS JOIN generate_series(1, 100)
    ), answered AS (
        SELECT n, asked.day, count, calendar,
            CASE
                WHEN count = 0 THEN asked.day
                WHEN count > 0 THEN (SELECT day FROM workday WHERE workday.n = asked.n AND day > asked.day ORDER BY day OFFSET count - 1 LIMIT 1)
                ELSE (SELECT day FROM workday WHERE workday.n = asked.n AND day < asked.day ORDER BY day DESC OFFSET -count - 1 LIMIT 1)
            END AS plain
        FROM asked
    )
    SELECT n, day, count, plain FROM answered
    WHERE CASE WHEN plain IS NULL THEN NULL ELSE plain <> add_workdays(calendar, day, count) END
$$, 'add_workdays against the rows in order');
SELECT is_empty($$
    SELECT n, day, count
    FROM workday
    JOIN example USING (n)
    CROSS JOIN (VALUES (1), (7), (100)) AS step (count)
    WHERE workday_no <= 300
        AND (workdays(calendar, day, add_workdays(calendar, day, count)) <> count
            OR add_workdays(calendar, add_workdays(calendar, day, count), -count) <> day)
$$, 'as many workdays on, and back again');
SELECT is_empty($$
    SELECT n
    FROM span JOIN example USING (n)
    WHERE workdays(calendar, '2023-01-01', from_date) + workdays(calendar, from_date, to_date) + workdays(calendar, to_date, '2026-01-01')
        <> workdays(calendar, '2023-01-01', '2026-01-01')
$$, 'parts of a span add up');

-- Every minute of some days around the changes of the clocks, asked for on the wall.
CREATE TEMPORARY TABLE minute AS
SELECT
    n,
    at,
    EXISTS (
        SELECT
        FROM opening
        WHERE opening.n = example.n
            AND weekday = EXTRACT(isodow FROM wall)
            AND wall - date_trunc('day', wall) >= opens
            AND wall - date_trunc('day', wall) < closes
            AND wall::date <> ALL (holidays)
    ) AS open
FROM example
CROSS JOIN (VALUES
    (timestamptz '2024-03-09 12:00+00'), ('2024-03-30 06:00+00'), ('2024-04-05 18:00+00'),
    ('2024-09-07 12:00+00'), ('2024-10-05 06:00+00'), ('2024-10-26 12:00+00'), ('2024-11-02 12:00+00'), ('2024-02-28 00:00+00')
) AS start (at0)
CROSS JOIN LATERAL (SELECT at0 + m * interval '1 minute' AS at FROM generate_series(0, 2879) AS m) AS minutes
CROSS JOIN LATERAL (SELECT at AT TIME ZONE zone AS wall) AS local;
CREATE INDEX ON minute (n, at);
ANALYZE minute;
SELECT is_empty($$
    SELECT n, from_time, to_time, ours, plain
    FROM (
        SELECT n, calendar, from_time, to_time, work_time(calendar, from_time, to_time) AS ours,
            (SELECT count(*) * interval '1 minute' FROM minute WHERE minute.n = example.n AND at >= from_time AND at < to_time AND open) AS plain
        FROM example
        CROSS JOIN (VALUES
            (timestamptz '2024-03-09 12:00+00'), ('2024-03-30 06:00+00'), ('2024-04-05 18:00+00'),
            ('2024-09-07 12:00+00'), ('2024-10-05 06:00+00'), ('2024-10-26 12:00+00'), ('2024-11-02 12:00+00'), ('2024-02-28 00:00+00')
        ) AS start (at0)
        CROSS JOIN generate_series(1, 4) AS try
        CROSS JOIN LATERAL (
            SELECT
                at0 + CASE try WHEN 1 THEN 0 ELSE floor(random() * 1440 + n * 0) END * interval '1 minute' AS from_time,
                at0 + CASE try WHEN 1 THEN 2880 ELSE 1440 + floor(random() * 1440 + n * 0) END * interval '1 minute' AS to_time
        ) AS ends
    ) AS asked
    WHERE ours <> plain
$$, 'work_time against every minute, where clocks are changed and on a leap day');
SELECT cmp_ok(count(*) FILTER (WHERE open), '>', 100000::bigint, 'many minutes of them are open') FROM minute;
SELECT is_empty($$
    SELECT n, a, b, c
    FROM example
    CROSS JOIN generate_series(1, 100)
    CROSS JOIN LATERAL (
        SELECT
            timestamptz '2023-01-02' + random() * interval '300 days' + n * interval '0' AS a,
            timestamptz '2024-01-02' + random() * interval '300 days' + n * interval '0' AS b,
            timestamptz '2025-01-02' + random() * interval '300 days' + n * interval '0' AS c
    ) AS times
    WHERE work_time(calendar, a, b) + work_time(calendar, b, c) <> work_time(calendar, a, c)
        OR work_time(calendar, a, a) <> interval '0'
        OR work_time(calendar, a, b) > b - a
$$, 'opening time adds up to the microsecond and is never longer than the span');

-- ------------------------------------------------------------- the value
CREATE TEMPORARY TABLE state AS
SELECT calendar FROM example
UNION ALL VALUES (calendar('jp')), (calendar('weekdays')), (make_work_calendar('a "quoted" \ name 東京', opening_hours => 'never'));
CREATE TEMPORARY TABLE observation AS
SELECT id, date '2024-01-01' + (random() * 300)::integer AS day
FROM generate_series(1, 300) AS id;
\ir include/states.psql
SELECT is_empty($$SELECT FROM state WHERE calendar::text::work_calendar <> calendar$$, 'text round trip');
SELECT pg_temp.copy_binary('state', 'state_copy') \g /dev/null
SELECT bag_eq('SELECT calendar::text FROM state', 'SELECT calendar::text FROM state_copy', 'COPY BINARY round trip');
SELECT is_empty($$SELECT FROM state JOIN state_copy USING (calendar) GROUP BY calendar HAVING count(*) <> 1 OR bool_or(work_calendar_hash(calendar) <> work_calendar_hash(calendar::text::work_calendar))$$,
    'equal calendars have equal hashes');
SELECT is((SELECT count(*) FROM (SELECT calendar FROM state GROUP BY calendar) AS different), 27::bigint, 'all of them differ');
SELECT is(pg_temp.received('work_calendar', substr(work_calendar_send(calendar('weekdays')), 1, length)), NULL, 'bytes cut after ' || length)
FROM (VALUES (0), (3), (10), (20)) AS cut (length);
SELECT is(pg_temp.received('work_calendar', overlay(work_calendar_send(calendar('weekdays')) PLACING '\x7fffffff'::bytea FROM octet_length(work_calendar_send(calendar('weekdays'))) - 3)), NULL,
    'a number of holidays that is not there');
SELECT is(pg_temp.broken_binary('work_calendar', work_calendar_send(calendar)), 0::bigint, 'damaged bytes')
FROM (VALUES (make_work_calendar('shop', '{2026-01-01,2026-05-01}', time_zone => 'Asia/Tokyo', opening_hours => '1-4 09:00-12:00 13:00-18:00, 6 10:00-12:00', version => '2'))) AS one (calendar);
SELECT is(pg_temp.accepted('work_calendar', VARIADIC ARRAY[
    '', '""', '"a', '"a" version ""', '"a" version "" zone "" known 2026-01-01..2026-12-31 open never holidays {}',
    '"a" version "" zone "Mars/Phobos" known 2026-01-01..2026-12-31 open never holidays {}'] || ARRAY(
    SELECT format('"a" version "" zone "UTC" known %s open %s holidays {%s}%s', known, open, holidays, rest)
    FROM (VALUES
        ('2026-12-31..2026-01-01', '1 09:00-10:00', '', ''),
        ('2026-02-30..2026-12-31', '1 09:00-10:00', '', ''),
        ('0000-12-31..2026-12-31', '1 09:00-10:00', '', ''),
        ('2026-01-01..10000-01-01', '1 09:00-10:00', '', ''),
        ('2026-01-01', '1 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '', '', ''),
        ('2026-01-01..2026-12-31', '1', '', ''),
        ('2026-01-01..2026-12-31', '0 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '8 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '5-1 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '1 9:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '1 10:00-09:00', '', ''),
        ('2026-01-01..2026-12-31', '1 09:00-09:00', '', ''),
        ('2026-01-01..2026-12-31', '1 09:60-10:00', '', ''),
        ('2026-01-01..2026-12-31', '1 09:00-24:01', '', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00 10:00-11:00', '', ''),
        ('2026-01-01..2026-12-31', '1 11:00-12:00 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00, 1 11:00-12:00', '', ''),
        ('2026-01-01..2026-12-31', '1 00:00-00:01 01:00-01:01 02:00-02:01 03:00-03:01 04:00-04:01 05:00-05:01 06:00-06:01 07:00-07:01 08:00-08:01', '', ''),
        ('2026-01-01..2026-12-31', 'never, 1 09:00-10:00', '', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', ',', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', '2026-02-01,2026-02-01', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', '2026-02-02,2026-02-01', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', '2027-02-02', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', '2026-02-29', ''),
        ('2026-01-01..2026-12-31', '1 09:00-10:00', '2026-02-01', 'x'),
        ('1-01-01..2026-12-31', '1 09:00-10:00', '', ''),
        ('02026-01-01..2026-12-31', '1 09:00-10:00', '', ''),
        -- shorter than a day as it is printed: more of them than there would be room for
        ('0001-01-01..9999-12-31', 'never', (SELECT string_agg(n || '-01-01', ',' ORDER BY n) FROM generate_series(1, 99) AS n), '')
    ) AS wrong (known, open, holidays, rest))),
    '{}', 'malformed texts');
CREATE FUNCTION pg_temp.damaged_text() RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    good constant text = '"a" version "1" zone "UTC" known 2026-01-01..2026-12-31 open 1-4 09:00-12:00 13:00-18:00, 6 10:00-12:00 holidays {2026-01-01,2026-05-01}';
    damaged text;
    calendar work_calendar;
BEGIN
    damaged = overlay(good PLACING substr(' "\0123456789-:,.{}xU', 1 + floor(random() * 21)::integer, 1) FROM 1 + floor(random() * length(good))::integer);
    calendar = damaged::work_calendar;
    RETURN calendar::text::work_calendar = calendar;
EXCEPTION WHEN invalid_text_representation THEN
    RETURN true;
END;
$$;
-- One character of a good text replaced by another one: refused, or a calendar.
SELECT is((SELECT count(*) FROM generate_series(1, 2000) WHERE pg_temp.damaged_text() IS NOT TRUE), 0::bigint, 'damaged texts');

-- ------------------------------------------------------------- the aggregate
SELECT is(
    (SELECT work_calendar_agg(day, calendar('weekdays')) FROM holidays('jp')),
    make_work_calendar('weekdays', ARRAY(SELECT day FROM holidays('jp')), '0001-01-01', '9999-12-31'), 'rows make the calendar the array makes');
CREATE AGGREGATE pg_temp.unite(work_calendar) (SFUNC = work_calendar_combine, STYPE = work_calendar);
SELECT is_empty($$
    WITH part AS (
        SELECT trial, part, work_calendar_agg(day, make_work_calendar('x', '{2024-05-05}', '2024-01-01', '2024-12-31') ORDER BY place) AS calendar
        FROM trial JOIN observation USING (id)
        GROUP BY trial, part
    )
    SELECT trial
    FROM part
    GROUP BY trial
    HAVING work_calendar_send(pg_temp.unite(calendar ORDER BY hashint8(trial + part))) <> (
        SELECT work_calendar_send(make_work_calendar('x', array_agg(day) || date '2024-05-05', '2024-01-01', '2024-12-31'))
        FROM trial AS row JOIN observation USING (id)
        WHERE row.trial = part.trial
    )
$$, 'any split in any order gives the same bytes');
SELECT is((SELECT work_calendar_agg(day, calendar('jp')) FROM (VALUES (NULL::date)) AS none (day)), calendar('jp'), 'NULL adds no holiday');
SELECT is((SELECT work_calendar_agg(day, calendar('jp')) FROM holidays('jp') WHERE false), NULL, 'no rows, no calendar');
SELECT is((SELECT work_calendar_agg(day, calendar('jp')) FROM (VALUES (date '2026-05-06'), ('2026-12-31'), ('2026-12-31')) AS more (day)) = calendar('jp'), false, 'a day more');
SELECT throws_ok($$SELECT work_calendar_agg(date '2026-01-01', calendar(name)) FROM (VALUES ('jp'), ('weekdays')) AS two (name)$$, '22023', NULL, 'calendars that differ are not united');
SELECT throws_ok($$SELECT work_calendar_agg(date '2027-01-01', calendar('jp'))$$, '22008', NULL, 'a holiday outside of what it knows');
SELECT throws_ok($$SELECT work_calendar_agg(date '2000-01-01' + n, calendar('weekdays')) FROM generate_series(0, 16384) AS n$$, '54000', NULL, 'more holidays than fit');
CREATE TABLE closed_day AS SELECT date '1990-01-01' + n % 9000 AS day FROM generate_series(1, 40000) AS n;
ANALYZE closed_day;
ALTER TABLE closed_day SET (parallel_workers = 4);
\set query 'SELECT md5(work_calendar_agg(day, calendar(\'weekdays\'))::text) AS digest FROM closed_day'
\ir include/parallel.psql

-- ------------------------------------------------------------- refused
SELECT throws_ok(query, state, NULL, query)
FROM (VALUES
    ($$SELECT workdays(calendar('jp'), '2026-12-01', '2027-01-02')$$, '22008'),
    ($$SELECT workdays(calendar('jp'), '1954-12-31', '2026-01-01')$$, '22008'),
    ($$SELECT workdays(calendar('weekdays'), '-infinity', 'infinity')$$, '22008'),
    ($$SELECT workdays(calendar('jp'), '2026-01-02', '2026-01-01')$$, '22023'),
    ($$SELECT is_workday(calendar('jp'), '2027-01-01')$$, '22008'),
    ($$SELECT add_workdays(calendar('jp'), '2026-12-31', 1)$$, '22008'),
    ($$SELECT add_workdays(calendar('jp'), '1955-01-01', -2147483648)$$, '22008'),
    ($$SELECT work_time(calendar('jp'), '2026-12-31', '2027-01-01')$$, '22008'),
    ($$SELECT work_time(calendar('jp'), '2026-01-02', '2026-01-01')$$, '22023'),
    ($$SELECT work_time(calendar('weekdays'), '-infinity', '2026-01-01')$$, '22008'),
    ($$SELECT calendar('JP')$$, '22023'),
    ($$SELECT FROM holidays('us')$$, '22023'),
    ($$SELECT make_work_calendar('x', '{infinity}')$$, '22008'),
    ($$SELECT make_work_calendar('x', '{NULL}')$$, '22023'),
    ($$SELECT make_work_calendar('x', '{2026-01-01}', last_day => '2025-01-01')$$, '22023'),
    ($$SELECT make_work_calendar(repeat('x', 256))$$, '22023'),
    ($$SELECT make_work_calendar('x', opening_hours => '1-5')$$, '22023'),
    ($$SELECT make_work_calendar('x', time_zone => 'Nowhere')$$, '22023')
) AS wrong (query, state);

-- ------------------------------------------------------------- of a workspace
SELECT kpicrm.create_workspace('crm') \g /dev/null
SELECT is(workdays(crm.work_calendar(), '2026-01-01', '2027-01-01'), 261, 'a new workspace works Monday to Friday');
SELECT is(crm.work_calendar('jp'), calendar('jp'), 'a shipped calendar has no row');
UPDATE crm.setting SET calendar = 'jp';
SELECT is(crm.workday_count('2026-01-01', '2027-01-01'), 244::bigint, 'setting.calendar chooses it');
INSERT INTO crm.calendar (id, name, weekend, opens_at, closes_at, time_zone, known_from, known_until)
VALUES (77, 'shop', '{1,4}', '10:00', '24:00', 'Asia/Tokyo', '2025-01-01', '2027-12-31');
INSERT INTO crm.calendar_holiday (calendar_id, day, name) VALUES (77, '2026-01-02', 'new year'), (77, '2028-01-02', 'not known yet');
SELECT is(crm.work_calendar('shop')::text,
    '"shop" version "" zone "Asia/Tokyo" known 2025-01-01..2027-12-31 open 2-3 10:00-24:00, 5-7 10:00-24:00 holidays {2026-01-02}', 'rows become a value');
UPDATE crm.calendar SET weekend = '{1,2,3,4,5,6,7}' WHERE name = 'shop';
SELECT is(workdays(crm.work_calendar('shop'), '2026-01-01', '2027-01-01'), 0, 'closed for good');
UPDATE crm.setting SET calendar = 'nobody''s';
SELECT throws_ok($$SELECT crm.work_calendar()$$, '22023', 'unknown calendar "nobody''s"', 'an unknown calendar');
SELECT throws_ok($$SELECT * FROM crm.kpi_progress()$$, '22023', 'unknown calendar "nobody''s"', 'an unknown calendar in a report');
SELECT throws_ok($$INSERT INTO crm.calendar (name, known_from, known_until) VALUES ('a', '2026-01-02', '2026-01-01')$$, '23514', NULL, 'known for no day');
SELECT throws_ok($$INSERT INTO crm.calendar (name, opens_at) VALUES ('a', '09:00:30')$$, '23514', NULL, 'seconds are no opening hours');

SELECT * FROM finish();
ROLLBACK;
