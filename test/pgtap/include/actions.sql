/*
 * Random leads, deals and activities on top of the small company, for the reports
 * of actions and sources.  Its zone is now Havana's, where the clock goes back from
 * 1:00 to 0:00, so that a day begins with an hour that comes twice; on 1 November
 * 2026 that day begins a month.  The table known says what is true, kept apart from
 * what is derived: the phase at an instant is that of the latest event.
 */
UPDATE crm.setting SET time_zone = 'America/Havana';
INSERT INTO crm.sales_rep (id, name, team_id) VALUES
    (4, 'Dai', 2),
    (5, 'Emi', 3);
INSERT INTO crm.lead_source (id, name, channel, cost, starts_on, ends_on) VALUES
    (3, 'Call', NULL, 300, '2024-02-10', '2024-03-10'),
    (4, 'Mail', 'inbound', 1000, NULL, NULL),
    (5, 'Poster', 'event', 90, '2023-12-30', '2024-01-01');
INSERT INTO crm.activity_type (id, name) VALUES (3, 'Mail');

-- The same numbers in every run and plan.
CREATE FUNCTION pg_temp.dice(n bigint, salt text, sides integer) RETURNS integer
    LANGUAGE sql IMMUTABLE
    RETURN (('x' || substr(md5(n || salt), 1, 8))::bit(32)::bigint % sides)::integer;

-- October 2023 to April 2025, a leap day in it; every eighth around 1 November 2026.
CREATE FUNCTION pg_temp.some_instant(n bigint, salt text) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE
    RETURN CASE pg_temp.dice(n, salt || 'late', 8)
        WHEN 0 THEN timestamptz '2026-10-29 12:00+00' + pg_temp.dice(n, salt, 4 * 1440) * interval '1 minute'
        ELSE timestamptz '2023-10-20 00:00+00' + pg_temp.dice(n, salt, 540 * 1440) * interval '1 minute'
    END;

INSERT INTO crm.lead (id, name, source_id, rep_id, created_at)
SELECT 1000 + n, 'lead', nullif(pg_temp.dice(n, 'source', 5), 0), nullif(pg_temp.dice(n, 'rep', 6), 0), pg_temp.some_instant(n, 'lead')
FROM generate_series(1, 240) AS n;

CREATE TEMP TABLE known_event AS
WITH opened AS (
    SELECT
        n,
        lead.id AS lead_id,
        CASE
            WHEN lead.id IS NULL THEN pg_temp.some_instant(n, 'deal')
            ELSE lead.created_at + (pg_temp.dice(n, 'opened', 30 * 1440) - 1440) * interval '1 minute'
        END AS opened_at
    FROM generate_series(1, 240) AS n
    LEFT JOIN crm.lead ON lead.id = CASE pg_temp.dice(n, 'direct', 3) WHEN 0 THEN NULL ELSE 1000 + pg_temp.dice(n, 'of lead', 240) END
)
SELECT
    1000 + n AS deal_id,
    lead_id,
    opened_at,
    nullif(pg_temp.dice(n, 'deal source', 5), 0)::bigint AS source_id,
    step,
    -- the first phase is known from the opening on, or two days later
    opened_at + CASE WHEN n % 17 = 0 THEN interval '2 days' ELSE interval '0' END + step * interval '5 days'
        + CASE step WHEN 0 THEN 0 ELSE pg_temp.dice(n * 10 + step, 'step', 7000) END * interval '1 minute' AS at,
    (11 + pg_temp.dice(n * 10 + step, 'phase', 7))::bigint AS phase_id,
    CASE WHEN step = 0 OR pg_temp.dice(n * 10 + step, 'handed over', 3) = 0 THEN 1 + pg_temp.dice(n * 10 + step, 'rep', 5) END::bigint AS rep_id,
    CASE WHEN step = 0 THEN 1 + pg_temp.dice(n, 'product', 2) END::bigint AS product_id,
    CASE WHEN step = 0 AND n % 9 > 0 THEN pg_temp.dice(n, 'amount', 100000) / 100.0 END AS amount
FROM opened
CROSS JOIN LATERAL generate_series(0, pg_temp.dice(n, 'steps', 6)) AS step;

SET kpicrm.history = 'off';
INSERT INTO crm.deal (id, name, pipeline_id, phase_id, phase_since, source_id, lead_id, amount, opened_at)
SELECT deal_id, 'deal', 1, 11, opened_at, source_id, lead_id, amount, opened_at
FROM known_event
WHERE step = 0;
INSERT INTO crm.deal_event (deal_id, at, phase_id, rep_id, product_id, amount)
SELECT deal_id, at, phase_id, rep_id, product_id, amount
FROM known_event
ORDER BY deal_id, at;
RESET kpicrm.history;
SELECT crm.rebuild_history() \g /dev/null

-- Without a start, an end, or both; for exactly a day, and longer; for a deal, its
-- lead, another lead, a lead only, an account, nothing.
INSERT INTO crm.activity (id, activity_type_id, rep_id, deal_id, lead_id, account_id, planned_at, started_at, ended_at, done)
SELECT
    1000 + n,
    1 + pg_temp.dice(n, 'type', 3),
    nullif(pg_temp.dice(n, 'rep', 6), 0),
    CASE WHEN target IN (0, 1, 2, 3) THEN 1000 + 1 + pg_temp.dice(n, 'deal', 240) END,
    CASE WHEN target IN (3, 4, 5) THEN 1000 + 1 + pg_temp.dice(n, 'lead', 240) END,
    CASE target WHEN 6 THEN 1 END,
    CASE WHEN pg_temp.dice(n, 'times', 12) IN (0, 1, 2, 3) THEN at - interval '1 day' END,
    CASE WHEN pg_temp.dice(n, 'times', 12) NOT IN (0, 1, 4) THEN at END,
    CASE
        WHEN pg_temp.dice(n, 'times', 12) IN (1, 2, 4) THEN NULL
        WHEN pg_temp.dice(n, 'long', 20) = 0 THEN at + interval '24 hours'
        WHEN pg_temp.dice(n, 'long', 20) = 1 THEN at + interval '24 hours 1 second'
        ELSE at + pg_temp.dice(n, 'minutes', 240) * interval '1 minute'
    END,
    pg_temp.dice(n, 'done', 7) > 0
FROM generate_series(1, 3000) AS n
CROSS JOIN LATERAL (SELECT pg_temp.some_instant(n, 'activity') AS at, pg_temp.dice(n, 'target', 8) AS target) AS drawn;

ANALYZE crm.setting, crm.sales_rep, crm.lead_source, crm.lead, crm.deal, crm.deal_event, crm.phase_stay, crm.activity;

-- What is true: activities done, with their instant, local day, hours and phase.
CREATE TEMP TABLE known_activity AS
SELECT
    a.id,
    a.rep_id,
    a.activity_type_id,
    a.deal_id,
    a.lead_id,
    a.at,
    (a.at AT TIME ZONE 'America/Havana')::date AS day,
    CASE WHEN a.ended_at - a.started_at <= interval '24 hours' THEN EXTRACT(epoch FROM a.ended_at - a.started_at) / 3600 END AS hours,
    (
        SELECT e.phase_id
        FROM crm.deal_event AS e
        WHERE e.deal_id = a.deal_id AND e.phase_id IS NOT NULL AND e.at <= a.at
        ORDER BY e.at DESC, e.id DESC
        LIMIT 1
    ) AS phase_id
FROM (
    SELECT activity.*, CASE WHEN ended_at IS NOT NULL THEN ended_at WHEN started_at IS NOT NULL THEN started_at ELSE planned_at END AS at
    FROM crm.activity
    WHERE done
) AS a
WHERE a.at IS NOT NULL;

-- First day of a period, where the fiscal year begins in April and the week on Monday.
CREATE FUNCTION pg_temp.first_day(day date, grain text) RETURNS date
    LANGUAGE sql IMMUTABLE
    RETURN CASE grain
        WHEN 'all' THEN NULL
        WHEN 'year' THEN (date_trunc('year', day - interval '3 months') + interval '3 months')::date
        WHEN 'half' THEN make_date(EXTRACT(year FROM day - interval '3 months')::integer, 4, 1)
            + CASE WHEN EXTRACT(month FROM day) BETWEEN 4 AND 9 THEN 0 ELSE 183 END
        ELSE date_trunc(grain, day::timestamp)::date
    END;

-- Every deal as of an instant, from its events: how it was opened, and how it ended.
CREATE FUNCTION pg_temp.known_deal(as_of timestamptz)
RETURNS TABLE (
    deal_id bigint,
    lead_id bigint,
    source_id bigint,
    pipeline_id bigint,
    amount numeric,
    opened_at timestamptz,
    opening_rep_id bigint,
    opening_product_id bigint,
    kind text,
    entered_at timestamptz,
    rep_id bigint,
    product_id bigint
)
    LANGUAGE sql STABLE
AS $$
    SELECT
        d.id, d.lead_id, d.source_id, d.pipeline_id, d.amount, d.opened_at,
        first_event.rep_id, first_event.product_id,
        phase.kind, entry.at,
        (SELECT e.rep_id FROM crm.deal_event AS e WHERE e.deal_id = d.id AND e.rep_id IS NOT NULL AND e.at <= entry.at ORDER BY e.at DESC, e.id DESC LIMIT 1),
        (SELECT e.product_id FROM crm.deal_event AS e WHERE e.deal_id = d.id AND e.product_id IS NOT NULL AND e.at <= entry.at ORDER BY e.at DESC, e.id DESC LIMIT 1)
    FROM crm.deal AS d
    CROSS JOIN LATERAL (SELECT e.rep_id, e.product_id FROM crm.deal_event AS e WHERE e.deal_id = d.id ORDER BY e.at, e.id LIMIT 1) AS first_event
    LEFT JOIN LATERAL (
        -- the earliest event of the phase since the last one of another phase
        SELECT e.phase_id, min(e.at) AS at
        FROM crm.deal_event AS e
        WHERE e.deal_id = d.id
            AND e.phase_id = (SELECT l.phase_id FROM crm.deal_event AS l WHERE l.deal_id = d.id AND l.phase_id IS NOT NULL AND l.at <= as_of ORDER BY l.at DESC, l.id DESC LIMIT 1)
            AND e.at <= as_of
            AND NOT EXISTS (
                SELECT FROM crm.deal_event AS other
                WHERE other.deal_id = d.id AND other.phase_id <> e.phase_id AND other.at > e.at AND other.at <= as_of
            )
        GROUP BY e.phase_id
    ) AS entry ON true
    LEFT JOIN crm.phase ON phase.id = entry.phase_id
    WHERE d.opened_at <= as_of
$$;
