/*
 * The statistics of the reports once more, in plain SQL and PL/pgSQL, for tests to
 * compare with.  Slow and simple on purpose: each is its textbook formula.
 */

-- Wilson score bounds of k of n at 95 %: side -1 is the lower, +1 the upper.
CREATE FUNCTION pg_temp.wilson(k numeric, n numeric, side integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN n > 0 THEN
        (k / n + 1.959963984540054 ^ 2 / (2 * n)
            + side * 1.959963984540054 * sqrt(k / n * (1 - k / n) / n + 1.959963984540054 ^ 2 / (4 * n ^ 2)))
        / (1 + 1.959963984540054 ^ 2 / n)
    END;

-- Share not ended at a time, and share won by then: days, how each ended ('won',
-- 'lost', or anything else for not yet).  A case that ends at a time is at risk at it.
CREATE FUNCTION pg_temp.curve(days numeric[], ends text[])
RETURNS TABLE (day numeric, survival numeric, won numeric)
    LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    at_risk numeric;
BEGIN
    survival = 1;
    won = 0;
    FOR day IN SELECT DISTINCT d FROM unnest(days) AS d ORDER BY d LOOP
        SELECT count(*) INTO at_risk FROM unnest(days) AS d WHERE d >= day;
        won = won + survival * (SELECT count(*) FROM unnest(days, ends) AS c (d, e) WHERE d = day AND e = 'won') / at_risk;
        survival = survival * (1 - (SELECT count(*) FROM unnest(days, ends) AS c (d, e) WHERE d = day AND e IN ('won', 'lost')) / at_risk);
        RETURN NEXT;
    END LOOP;
END;
$$;

CREATE FUNCTION pg_temp.won_within(days numeric[], ends text[], within numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN coalesce((SELECT max(step.won) FROM pg_temp.curve(days, ends) AS step WHERE step.day <= within), 0);

CREATE FUNCTION pg_temp.ended_by(days numeric[], ends text[], age numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN 1 - coalesce((SELECT min(step.survival) FROM pg_temp.curve(days, ends) AS step WHERE step.day <= age), 1);

CREATE FUNCTION pg_temp.time_until(days numeric[], ends text[], fraction numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN (SELECT min(step.day) FROM pg_temp.curve(days, ends) AS step WHERE round(step.survival, 12) <= 1 - fraction);

-- Days, exactly.
CREATE FUNCTION pg_temp.days(span interval) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN EXTRACT(epoch FROM span) / 86400;

-- The same rows as often, by value: numbers of another scale are equal.
CREATE FUNCTION pg_temp.same_rows(have text, want text, title text) RETURNS text
    LANGUAGE sql
    RETURN is_empty(
        format(
            $query$
            SELECT 'not expected' AS row_is, surplus.* FROM ((%1$s) EXCEPT ALL (%2$s)) AS surplus
            UNION ALL
            SELECT 'missing', lack.* FROM ((%2$s) EXCEPT ALL (%1$s)) AS lack
            $query$,
            have,
            want
        ),
        title
    );
