-- Aggregates of one's own on the functions of the extension: with its final function they
-- work; without it, each function refuses what they leave
-- in a table, or gives the same as for a state in its form.
BEGIN;
SELECT plan(5);
SET search_path = kpicrm, public;
SET TIME ZONE 'UTC';

CREATE TEMPORARY TABLE state (
    type_name text,
    transition text,
    initial text,
    arguments text,
    rows text
);
INSERT INTO state VALUES
    ('lead_times', 'lead_times_transition', ', INITCOND = ''{}''', 'date, date', 'date ''2026-01-01'', date ''2026-01-01'' + n'),
    ('purchases', 'purchases_transition', ', INITCOND = ''empty''', 'numeric, date', 'n * 1.5, date ''2026-01-01'' - n'),
    ('customer_base', 'customer_base_transition', ', INITCOND = ''empty''', 'bigint, numeric', 'n::bigint, n * 1.5'),
    ('phase_path', 'phase_path_transition', '', 'integer, timestamptz', 'n, timestamptz ''2026-02-01 00:00+00'' - n * interval ''1 day'''),
    ('funnel', 'funnel_transition', '', 'kpicrm.phase_path, integer', '(SELECT phase_path_agg(p, timestamptz ''2026-01-01 00:00+00'' + p * interval ''1 day'') FROM generate_series(1, n) AS p), 9'),
    ('event_chain', 'event_chain_transition', '', 'interval, timestamptz, VARIADIC boolean[]', 'interval ''9 days'', timestamptz ''2026-02-01 00:00+00'' - n * interval ''1 day'', VARIADIC ARRAY[n = 1, n = 2]'),
    ('ltv_sample', 'ltv_sample_transition', ', INITCOND = ''empty''', 'bigint, double precision, double precision, double precision', 'n::bigint, 10.0::float8, 40.0::float8, n * 1.5::float8');

-- What the same rows give in an aggregate without and in one with the final function.
CREATE FUNCTION pg_temp.make(type_name text, transition text, initial text, arguments text, rows text) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE AGGREGATE pg_temp.raw_%1$s(%2$s) (SFUNC = kpicrm.%3$I, STYPE = kpicrm.%1$I%4$s)',
        type_name, arguments, transition, initial);
    EXECUTE format('CREATE AGGREGATE pg_temp.own_%1$s(%2$s) (SFUNC = kpicrm.%3$I, STYPE = kpicrm.%1$I, FINALFUNC = kpicrm.%1$s_final%4$s)',
        type_name, arguments, transition, initial);
    EXECUTE format('CREATE TEMPORARY TABLE kept_%1$s AS SELECT pg_temp.raw_%1$s(%2$s) AS raw, pg_temp.own_%1$s(%2$s) AS own FROM generate_series(1, 6) AS n',
        type_name, rows);
END;
$$;
SELECT count(pg_temp.make(type_name, transition, initial, arguments, rows)) AS made FROM state \gset

CREATE FUNCTION pg_temp.outcome(query text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    result text;
BEGIN
    EXECUTE query INTO result;
    RETURN result;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || SQLERRM || COALESCE(' / ' || hint, '');
END;
$$;

-- Every operator of the type, and every function of it alone.
CREATE TEMPORARY TABLE use AS
SELECT type_name, format('SELECT (%2$s OPERATOR(kpicrm.%1$s) %3$s)::text FROM kept_%4$s', oprname, l, r, type_name) AS query,
    format('SELECT (own OPERATOR(kpicrm.%1$s) own)::text FROM kept_%2$s', oprname, type_name) AS own_query
FROM state
INNER JOIN pg_operator ON oprleft = ('kpicrm.' || type_name)::regtype AND oprright = ('kpicrm.' || type_name)::regtype
CROSS JOIN (VALUES ('raw', 'own'), ('own', 'raw')) AS side (l, r)
UNION ALL
SELECT type_name, format('SELECT kpicrm.%I(raw)::text FROM kept_%s', proname, type_name), format('SELECT kpicrm.%I(own)::text FROM kept_%s', proname, type_name)
FROM state
INNER JOIN pg_proc ON pronamespace = 'kpicrm'::regnamespace AND pronargs - pronargdefaults = 1 AND proargtypes[0] = ('kpicrm.' || type_name)::regtype AND prokind = 'f';
CREATE TEMPORARY TABLE outcome AS
SELECT type_name, query, pg_temp.outcome(query) AS outcome, pg_temp.outcome(own_query) AS own_outcome,
    format('XX001 stored value of type %1$s is corrupted / If an aggregate of your own made it, give that aggregate FINALFUNC = kpicrm.%1$s_final.', type_name) AS refusal
FROM use;

SELECT is_empty(
    'SELECT query, outcome, own_outcome FROM outcome WHERE outcome IS DISTINCT FROM refusal AND outcome IS DISTINCT FROM own_outcome',
    'a state that was never brought into its form is refused with the remedy, or understood'
);
SELECT cmp_ok(count(*), '>', 60::bigint, 'by all functions') FROM outcome;
SELECT is_empty(
    'SELECT type_name FROM outcome GROUP BY type_name HAVING count(*) FILTER (WHERE outcome = refusal) = 0',
    'each type refuses it somewhere'
);
SELECT is_empty($$
    SELECT type_name, outcome
    FROM state, LATERAL pg_temp.outcome(format('SELECT kpicrm.rollup(value)::text = kpicrm.rollup(own)::text FROM (SELECT CASE n WHEN 1 THEN raw ELSE own END AS value, own FROM kept_%s, generate_series(1, 3) AS n) AS given', type_name)) AS outcome
    WHERE outcome IS DISTINCT FROM 'true' AND outcome !~ '^XX001 .*_final'
$$, 'merged, too');
SELECT is_empty($$
    SELECT type_name, outcome
    FROM state, LATERAL pg_temp.outcome(format('SELECT own::text::%1$I::text = own::text FROM kept_%1$s', type_name)) AS outcome
    WHERE outcome IS DISTINCT FROM 'true'
$$, 'with the final function it is a state like any other');

SELECT * FROM finish();
ROLLBACK;
