-- work_calendar(name): a calendar of the workspace as a value, made from its rows
-- in calendar and calendar_holiday.  A name that has no row may be that of a
-- calendar that is shipped: jp, weekdays.

CREATE FUNCTION work_calendar(
    name text DEFAULT NULL
) RETURNS kpicrm.work_calendar
    LANGUAGE sql STABLE PARALLEL SAFE COST 1000
BEGIN ATOMIC
    SELECT coalesce(
        (
            SELECT kpicrm.make_work_calendar(
                name => calendar.name,
                holidays => ARRAY(
                    SELECT calendar_holiday.day
                    FROM calendar_holiday
                    WHERE calendar_holiday.calendar_id = calendar.id
                        AND calendar_holiday.day BETWEEN coalesce(calendar.known_from, '0001-01-01') AND coalesce(calendar.known_until, '9999-12-31')
                ),
                first_day => coalesce(calendar.known_from, '0001-01-01'),
                last_day => coalesce(calendar.known_until, '9999-12-31'),
                time_zone => calendar.time_zone,
                opening_hours => coalesce(
                    (
                        SELECT string_agg(format('%s %s-%s', weekday, to_char(calendar.opens_at, 'HH24:MI'), to_char(calendar.closes_at, 'HH24:MI')), ', ')
                        FROM generate_series(1, 7) AS weekday
                        WHERE weekday <> ALL (calendar.weekend)
                    ),
                    'never'
                )
            )
            FROM calendar
            WHERE calendar.name = asked.name
        ),
        kpicrm.calendar(asked.name)
    )
    FROM (
        SELECT coalesce(work_calendar.name, setting.calendar) AS name
        FROM setting
        WHERE setting.only_row
        -- keeps the name from the planner of 18, which would ask for a shipped calendar of that name beforehand
        OFFSET 0
    ) AS asked;
END;
COMMENT ON FUNCTION work_calendar(text) IS
    'a business calendar as a value: the row of table calendar with its holidays, else the shipped one of that name; NULL: the one setting.calendar names';
