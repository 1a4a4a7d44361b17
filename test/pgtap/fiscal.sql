/*
 * Fiscal periods against date_trunc() and intervals: all months a year can begin in, all
 * days a week can, days of five thousand years.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
\pset tuples_only on
SELECT plan(7);

CREATE FUNCTION pg_temp.state(call text) RETURNS text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END;
$$;

CREATE TEMP TABLE example AS
SELECT day, start_month, week_start
FROM (
    SELECT date '2000-01-01' + n * 733 FROM generate_series(-1200, 1200) AS n
    UNION ALL
    SELECT date '2023-12-25' + n FROM generate_series(0, 440) AS n
) AS listed (day)
CROSS JOIN LATERAL (VALUES (1 + abs(day - date '2000-01-01') % 12, 1 + abs(day - date '2000-01-01') % 7), (4, 1)) AS beginning (start_month, week_start);

CREATE FUNCTION pg_temp.expected_start(day date, grain text, start_month integer, week_start integer) RETURNS date
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE grain
        WHEN 'day' THEN day
        -- the last of seven days with that number
        WHEN 'week' THEN (SELECT max(day - n) FROM generate_series(0, 6) AS n WHERE extract(isodow FROM day - n) = week_start)
        WHEN 'month' THEN date_trunc('month', day::timestamp)::date
        -- as if the year began in January, and back
        WHEN 'quarter' THEN (date_trunc('quarter', day::timestamp - shift) + shift)::date
        WHEN 'half' THEN (date_trunc('year', day::timestamp - shift) + CASE WHEN extract(month FROM day::timestamp - shift) > 6 THEN interval '6 months' ELSE interval '0' END + shift)::date
        WHEN 'year' THEN (date_trunc('year', day::timestamp - shift) + shift)::date
    END
    FROM (SELECT make_interval(months => start_month - 1) AS shift) AS s
$$;
-- shifting a day by months can end in another month: the first of its month cannot
CREATE TEMP TABLE expected AS
SELECT
    e.*,
    grain,
    pg_temp.expected_start(CASE WHEN grain IN ('day', 'week') THEN day ELSE date_trunc('month', day::timestamp)::date END, grain, start_month, week_start) AS start,
    CASE grain WHEN 'day' THEN interval '1 day' WHEN 'week' THEN interval '7 days' WHEN 'month' THEN interval '1 month' WHEN 'quarter' THEN interval '3 months' WHEN 'half' THEN interval '6 months' ELSE interval '1 year' END AS length
FROM example AS e
CROSS JOIN unnest('{day,week,month,quarter,half,year}'::text[]) AS grain;

SELECT cmp_ok((SELECT count(*) FROM expected), '>', 30000::bigint, 'there is something to compare');
SELECT is_empty($$
    SELECT * FROM expected WHERE kpicrm.fiscal_period_start(day, grain, start_month, week_start) IS DISTINCT FROM start
$$, 'first days');
SELECT is_empty($$
    SELECT * FROM expected WHERE kpicrm.fiscal_period_end(day, grain, start_month, week_start) IS DISTINCT FROM (start + length)::date
$$, 'ends');
SELECT is_empty($$
    SELECT * FROM expected
    WHERE grain = 'year'
        AND (kpicrm.fiscal_year(day, start_month), kpicrm.fiscal_month(day, start_month), kpicrm.fiscal_quarter(day, start_month), kpicrm.fiscal_half(day, start_month)) IS DISTINCT FROM (
            extract(year FROM start)::integer,
            1 + (SELECT count(*)::integer FROM generate_series(1, 11) AS n WHERE day >= (start + make_interval(months => n))::date),
            1 + (SELECT count(*)::integer FROM generate_series(1, 3) AS n WHERE day >= (start + make_interval(months => 3 * n))::date),
            CASE WHEN day >= (start + interval '6 months')::date THEN 2 ELSE 1 END
        )
$$, 'numbers of year, month, quarter and half');
SELECT is_empty($$
    SELECT * FROM expected
    WHERE kpicrm.fiscal_period_label(day, grain, start_month, week_start) IS DISTINCT FROM CASE
        WHEN grain IN ('year', 'half', 'quarter') THEN CASE start_month WHEN 1 THEN '' ELSE 'FY' END || kpicrm.fiscal_year(day, start_month)
            || CASE grain WHEN 'half' THEN ' H' || kpicrm.fiscal_half(day, start_month) WHEN 'quarter' THEN ' Q' || kpicrm.fiscal_quarter(day, start_month) ELSE '' END
        ELSE extract(year FROM start)::text || to_char(start, CASE grain WHEN 'month' THEN '-MM' ELSE '-MM-DD' END)
    END
$$, 'names');

-- There is no year 0, and nothing before the first date or after the last.
SELECT results_eq(
    $$SELECT kpicrm.fiscal_year(day, 4), kpicrm.fiscal_period_label(day, 'quarter', 4), kpicrm.fiscal_period_label(day, 'month', 4), kpicrm.fiscal_period_start(day, 'year', 4)
      FROM unnest('{0001-02-03,0001-05-03 BC,0002-05-03 BC}'::date[]) AS day$$,
    $$VALUES (-1, 'FY-1 Q4', '1-02', date '0001-04-01 BC'), (-1, 'FY-1 Q1', '-1-05', '0001-04-01 BC'), (-2, 'FY-2 Q1', '-2-05', '0002-04-01 BC')$$,
    'the years around the first'
);
SELECT results_eq(
    $$SELECT call, pg_temp.state('SELECT ' || call) FROM unnest(ARRAY[
        'kpicrm.fiscal_period_start(''4714-11-24 BC'', ''month'')', 'kpicrm.fiscal_period_label(''4714-11-24 BC'', ''week'')',
        'kpicrm.fiscal_period_end(''5874897-12-31'', ''day'')', 'kpicrm.fiscal_period_end(''5874897-12-31'', ''year'', 12)', 'kpicrm.fiscal_period_end(''5874897-12-31'', ''year'', 4)',
        'kpicrm.fiscal_period_start(''4714-11-24 BC'', ''day'')', 'kpicrm.fiscal_period_start(''5874897-12-31'', ''year'', 12)']) AS call$$,
    $$VALUES ('kpicrm.fiscal_period_start(''4714-11-24 BC'', ''month'')', '22008'), ('kpicrm.fiscal_period_label(''4714-11-24 BC'', ''week'')', NULL),
        ('kpicrm.fiscal_period_end(''5874897-12-31'', ''day'')', '22008'), ('kpicrm.fiscal_period_end(''5874897-12-31'', ''year'', 12)', '22008'), ('kpicrm.fiscal_period_end(''5874897-12-31'', ''year'', 4)', '22008'),
        ('kpicrm.fiscal_period_start(''4714-11-24 BC'', ''day'')', NULL), ('kpicrm.fiscal_period_start(''5874897-12-31'', ''year'', 12)', NULL)$$,
    'a period must begin and end within the range of a date'
);

SELECT * FROM finish();
ROLLBACK;
