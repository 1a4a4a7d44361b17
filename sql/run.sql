-- Runs: stretches of a partition in which a key stays the same.
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

CREATE TEMPORARY TABLE event (
    deal text,
    at timestamp with time zone,
    phase bigint
);
INSERT INTO event (deal, at, phase) VALUES
    ('A', '2026-04-01', NULL),
    ('A', '2026-04-02', 1),
    ('A', '2026-04-03', NULL),
    ('A', '2026-04-04', 1),
    ('A', '2026-04-05', 2),
    ('A', '2026-04-06', NULL),
    ('A', '2026-04-07', 1),
    ('A', '2026-04-08', NULL),
    ('B', '2026-04-01', 1),
    ('B', '2026-04-01', 9),
    ('C', '2026-04-01', NULL);

SELECT
    deal,
    at::date AS day,
    phase,
    run_begins(phase) OVER by_time AS begins,
    run_no(phase) OVER by_time AS no,
    (run_since(phase, at) OVER by_time)::date AS since,
    (run_until(phase, at) OVER by_time)::date AS until
FROM event
WINDOW by_time AS (PARTITION BY deal ORDER BY at, phase)
ORDER BY deal, at, phase;

-- The same as lag() and lead() over the rows that begin a run.
SELECT count(*) AS differences
FROM (
    SELECT
        source.deal,
        source.at,
        run_begins(source.phase) OVER by_time AS begins,
        run_until(source.phase, source.at) OVER by_time AS until
    FROM (
        SELECT
            n % 50 AS deal,
            timestamptz '2026-01-01' + n * interval '1 hour' AS at,
            nullif(abs(hashint4(n)) % 4, 0)::bigint AS phase
        FROM generate_series(1, 5000) AS n
    ) AS source
    WINDOW by_time AS (PARTITION BY source.deal ORDER BY source.at)
) AS ours
FULL JOIN (
    SELECT
        entry.deal,
        entry.at,
        lead(entry.at) OVER (PARTITION BY entry.deal ORDER BY entry.at) AS until
    FROM (
        SELECT
            known.deal,
            known.at,
            known.phase IS DISTINCT FROM lag(known.phase) OVER (PARTITION BY known.deal ORDER BY known.at) AS begins
        FROM (
            SELECT
                n % 50 AS deal,
                timestamptz '2026-01-01' + n * interval '1 hour' AS at,
                nullif(abs(hashint4(n)) % 4, 0)::bigint AS phase
            FROM generate_series(1, 5000) AS n
        ) AS known
        WHERE known.phase IS NOT NULL
    ) AS entry
    WHERE entry.begins
) AS oracle ON oracle.deal = ours.deal AND oracle.at = ours.at
WHERE ours.begins IS DISTINCT FROM (oracle.deal IS NOT NULL)
    OR (ours.begins AND ours.until IS DISTINCT FROM oracle.until);

-- More, or less, than what was known before.
SELECT
    n,
    value,
    rises(value) OVER by_n,
    falls(value) OVER by_n
FROM (VALUES (1, NULL), (2, 5), (3, NULL), (4, 7), (5, 7), (6, NULL), (7, 3), (8, 9223372036854775807), (9, -9223372036854775808)) AS step (n, value)
WINDOW by_n AS (ORDER BY n);

-- An instant that is not known, and no rows.
SELECT run_since(1, NULL) OVER () AS since, run_until(1, NULL) OVER () AS until;
SELECT run_no(1) OVER () FROM event WHERE false;

-- They are window functions.
SELECT run_no(1);
