-- A value that holds until the next one is known.
SET search_path = kpicrm, public;

CREATE TEMPORARY TABLE change (
    deal text,
    step integer,
    amount numeric,
    cleared boolean
);
INSERT INTO change (deal, step, amount, cleared) VALUES
    ('A', 1, 100, NULL),
    ('A', 2, NULL, NULL),
    ('A', 3, NULL, false),
    ('A', 4, 250.50, NULL),
    ('A', 5, NULL, true),
    ('A', 6, NULL, NULL),
    ('A', 7, 300, true),
    ('B', 1, NULL, NULL),
    ('B', 2, 7, NULL);

SELECT
    deal,
    step,
    amount,
    cleared,
    last_known(amount, cleared) OVER by_step AS known,
    last_known(amount::text, false) OVER by_step AS never_cleared,
    last_known(step, NULL) OVER by_step AS of_a_column_without_nulls
FROM change
WINDOW by_step AS (PARTITION BY deal ORDER BY step)
ORDER BY deal, step;

-- Nothing known, nothing there.
SELECT last_known(NULL::integer, false) OVER () FROM change WHERE step = 1;
SELECT last_known(1, false) OVER () FROM change WHERE false;

-- It is a window function.
SELECT last_known(1, false);
