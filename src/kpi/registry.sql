/*
 * The registry: which definitions of KPIs are accepted.
 *
 * A KPI counts the rows of a fact: a function fact(as_of) of the workspace, or a
 * view or table of it.  Its expressions are checked by PostgreSQL's own parser as
 * they are stored (kpicrm.expression_type), and later run with the rights of who
 * reads the KPI.  So that nobody can make others run what they did not mean to,
 *
 *   - an expression may use IMMUTABLE functions of PostgreSQL and kpicrm only;
 *   - the fact must belong to the owner of the workspace, who makes its functions.
 *
 * period_start, period_end (the first day after the period; of a level, after the
 * day it is measured on) and as_of can be used in expressions like columns.
 */

CREATE FUNCTION kpi_fact(
    fact text,
    OUT source text,
    OUT is_function boolean,
    OUT columns text[],
    OUT date_columns text[]
) RETURNS record
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    home constant regnamespace = quote_ident(current_schema())::regnamespace;
    owner constant oid = (SELECT relation.relowner FROM pg_class AS relation WHERE relation.oid = 'kpi'::regclass);
    routine oid = (
        SELECT candidate.oid
        FROM pg_proc AS candidate
        WHERE candidate.pronamespace = home
            AND candidate.proname = fact
            AND candidate.proargtypes = ARRAY['timestamptz'::regtype]::oidvector
            AND candidate.proretset
            AND candidate.proallargtypes IS NOT NULL
            AND candidate.proowner = owner
    );
    relation oid = (
        SELECT candidate.oid
        FROM pg_class AS candidate
        WHERE candidate.relnamespace = home
            AND candidate.relname = fact
            AND candidate.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND candidate.relowner = owner
    );
BEGIN
    is_function = routine IS NOT NULL;
    source = format('%I.%I', current_schema(), fact);
    IF is_function THEN
        SELECT
            array_agg(argument.name ORDER BY argument.position),
            array_agg(argument.name ORDER BY argument.position) FILTER (WHERE argument.type = 'date'::regtype)
        INTO columns, date_columns
        FROM pg_proc
        CROSS JOIN LATERAL unnest(pg_proc.proargnames, pg_proc.proallargtypes, pg_proc.proargmodes)
            WITH ORDINALITY AS argument (name, type, mode, position)
        WHERE pg_proc.oid = routine
            AND argument.mode = 't';
    ELSIF relation IS NOT NULL THEN
        SELECT
            array_agg(attribute.attname::text ORDER BY attribute.attnum),
            array_agg(attribute.attname::text ORDER BY attribute.attnum) FILTER (WHERE attribute.atttypid = 'date'::regtype)
        INTO columns, date_columns
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = relation
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped;
    ELSE
        RAISE EXCEPTION 'there is no fact "%" in workspace "%"', fact, current_schema()
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A fact is a view of the workspace that belongs to its owner, or one of these: ' || (
                      SELECT string_agg(candidate.proname, ', ' ORDER BY candidate.proname)
                      FROM pg_proc AS candidate
                      WHERE candidate.pronamespace = home
                          AND obj_description(candidate.oid, 'pg_proc') LIKE 'fact: %'
                  ) || '.';
    END IF;
    columns = ARRAY(
        SELECT listed.name
        FROM unnest(columns) WITH ORDINALITY AS listed (name, position)
        WHERE listed.name NOT IN ('period_start', 'period_end', 'as_of')
        ORDER BY listed.position
    );
    date_columns = coalesce(date_columns, '{}');
END;
$$;
COMMENT ON FUNCTION kpi_fact(text) IS
    'what a fact is called in a FROM clause, its columns and those of type date; an error if there is none';

CREATE FUNCTION kpi_rows(fact text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    found record;
BEGIN
    SELECT listed.* INTO found FROM kpi_fact(fact) AS listed;
    RETURN format(
        '(SELECT %s, NULL::date AS period_start, NULL::date AS period_end, NULL::timestamptz AS as_of FROM %s%s AS fact) AS fact',
        (SELECT string_agg(format('fact.%I', listed.name), ', ') FROM unnest(found.columns) AS listed (name)),
        found.source,
        CASE WHEN found.is_function THEN '(NULL)' ELSE '' END
    );
END;
$$;
COMMENT ON FUNCTION kpi_rows(text) IS
    'FROM clause with the columns that expressions over a fact can use';

CREATE FUNCTION kpi_shown_dimensions(
    columns text[],
    dimensions text[]
) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT dimension.name
        FROM unnest(dimensions) WITH ORDINALITY AS dimension (name, position)
        WHERE dimension.name = 'all'
            OR (CASE dimension.name WHEN 'team_tree' THEN 'team' ELSE dimension.name END) || '_id' = ANY (columns)
        ORDER BY dimension.position
    );
COMMENT ON FUNCTION kpi_shown_dimensions(text[], text[]) IS
    'those of the dimensions that a fact with these columns has';

CREATE FUNCTION kpi_dimensions(kpi_code text) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    definition kpi;
    input text;
    result text[] = '{all,team,rep,product,source,pipeline}';
BEGIN
    SELECT listed.* INTO definition FROM kpi AS listed WHERE listed.code = kpi_code;
    IF definition.kind = 'formula' THEN
        FOREACH input IN ARRAY definition.inputs LOOP
            result = ARRAY(
                SELECT dimension.name
                FROM unnest(result) WITH ORDINALITY AS dimension (name, position)
                WHERE dimension.name = ANY (kpi_dimensions(input))
                ORDER BY dimension.position
            );
        END LOOP;
    ELSE
        result = kpi_shown_dimensions((kpi_fact(definition.fact)).columns, result);
    END IF;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION kpi_dimensions(text) IS
    'what a KPI can be grouped by: all, and those of team, rep, product, source and pipeline that its fact has';

CREATE FUNCTION kpi_formula_columns(inputs text[]) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(
        SELECT input.code || suffix.name
        FROM unnest(inputs) WITH ORDINALITY AS input (code, position)
        CROSS JOIN (VALUES (1, ''), (2, '_target'), (3, '_previous_year')) AS suffix (position, name)
        ORDER BY input.position, suffix.position
    );
COMMENT ON FUNCTION kpi_formula_columns(text[]) IS
    'what a formula can use: the value, the target and the value a year before of each of its inputs';

CREATE FUNCTION check_kpi_expression(
    kpi_code text,
    part text,
    expression text,
    source text,
    aggregated boolean,
    types regtype[],
    columns text[]
) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path FROM CURRENT
AS $$
DECLARE
    type regtype;
    message text;
    detail text;
    hint text;
    state text;
BEGIN
    type = kpicrm.expression_type(expression, source, aggregated);
    IF NOT type = ANY (types) THEN
        RAISE EXCEPTION 'it is of type %', type
            USING ERRCODE = 'datatype_mismatch',
                  HINT = format('It must be of type %s.', CASE cardinality(types) WHEN 1 THEN 'boolean' WHEN 3 THEN 'bigint, as count(*) is' ELSE 'numeric, bigint or double precision' END);
    END IF;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS
        message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT,
        state = RETURNED_SQLSTATE;
    RAISE EXCEPTION 'the % of KPI "%" is not valid: %', part, kpi_code, message
        USING ERRCODE = state,
              HINT = concat_ws(' ', nullif(detail, ''), CASE
                  WHEN state = '42703' OR hint = '' THEN format('It can use these columns: %s.', array_to_string(columns, ', '))
                  ELSE hint
              END);
END;
$$;
COMMENT ON FUNCTION check_kpi_expression(text, text, text, text, boolean, regtype[], text[]) IS
    'raises an error, with the parser''s message, unless the expression can be part of the definition of a KPI';

CREATE FUNCTION kpi_sums_up(definition kpi) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    source constant text = kpi_rows(definition.fact) || ' GROUP BY fact.period_start, fact.period_end, fact.as_of';
BEGIN
    RETURN kpicrm.expression_adds_up(definition.numerator, source)
        AND coalesce(kpicrm.expression_adds_up(definition.denominator, source), true);
END;
$$;
COMMENT ON FUNCTION kpi_sums_up(kpi) IS
    'do the numerator and the denominator of a KPI over all rows of a period follow from those over parts of them by adding up?';

-- Can the numerator and the denominator of a long period be had from those of the
-- shorter ones inside it?
CREATE FUNCTION kpi_adds_up(definition kpi) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN CASE
        WHEN definition.kind IN ('flow', 'running') THEN
            NOT concat(definition.condition, definition.numerator, definition.denominator) LIKE '%period\_%'
            AND kpi_sums_up(definition)
        ELSE false
    END;
END;
$$;
COMMENT ON FUNCTION kpi_adds_up(kpi) IS
    'do the numerator and the denominator of a KPI over a long period follow from those over its parts by adding up?';

CREATE FUNCTION check_kpi_formula(definition kpi) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path FROM CURRENT
AS $$
DECLARE
    columns constant text[] = kpi_formula_columns(definition.inputs);
    numbers constant regtype[] = '{smallint,integer,bigint,numeric,real,double precision}';
    source constant text = format(
        '(SELECT %s) AS input',
        (SELECT string_agg(format('NULL::numeric AS %I', listed.name), ', ') FROM unnest(columns) AS listed (name))
    );
    unknown text;
BEGIN
    SELECT string_agg(format('"%s"', input.code), ', ')
    INTO unknown
    FROM unnest(definition.inputs) AS input (code)
    WHERE NOT EXISTS (SELECT FROM kpi WHERE kpi.code = input.code AND kpi.kind <> 'formula');
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'the inputs of KPI "%" are not valid: %', definition.code, unknown
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'An input is the code of another KPI that is no formula itself.';
    END IF;
    PERFORM check_kpi_expression(definition.code, 'numerator', definition.numerator, source, false, numbers, columns);
    IF definition.denominator IS NOT NULL THEN
        PERFORM check_kpi_expression(definition.code, 'denominator', definition.denominator, source, false, numbers, columns);
    END IF;
END;
$$;
COMMENT ON FUNCTION check_kpi_formula(kpi) IS
    'raises an error unless the definition of a KPI of kind formula is valid';

CREATE FUNCTION check_kpi_count(definition kpi) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path FROM CURRENT
AS $$
DECLARE
    numbers constant regtype[] = CASE
        WHEN definition.is_share THEN '{smallint,integer,bigint}'
        ELSE '{smallint,integer,bigint,numeric,real,double precision}'
    END;
    fact record;
    source text;
    named text;
BEGIN
    SELECT listed.* INTO fact FROM kpi_fact(definition.fact) AS listed;
    FOREACH named IN ARRAY array_remove(ARRAY[definition.date_column, definition.end_column], NULL) LOOP
        IF NOT named = ANY (fact.date_columns) THEN
            RAISE EXCEPTION 'fact "%" of KPI "%" has no column "%" of type date', definition.fact, definition.code, named
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('Its columns of type date: %s.', coalesce(nullif(array_to_string(fact.date_columns, ', '), ''), 'none'));
        END IF;
    END LOOP;
    source = kpi_rows(definition.fact);
    fact.columns = fact.columns || ARRAY['period_start', 'period_end', 'as_of'];
    IF definition.condition IS NOT NULL THEN
        PERFORM check_kpi_expression(definition.code, 'condition', definition.condition, source, false, '{boolean}', fact.columns);
    END IF;
    source = source || ' GROUP BY fact.period_start, fact.period_end, fact.as_of';
    PERFORM check_kpi_expression(definition.code, 'numerator', definition.numerator, source, true, numbers, fact.columns);
    IF definition.denominator IS NOT NULL THEN
        PERFORM check_kpi_expression(definition.code, 'denominator', definition.denominator, source, true, numbers, fact.columns);
    END IF;
    IF definition.kind = 'running' AND NOT kpi_adds_up(definition) THEN
        RAISE EXCEPTION 'KPI "%" is a running total, but does not add up', definition.code
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Numerator and denominator of a running total can be made of count and sum, without DISTINCT.';
    END IF;
END;
$$;
COMMENT ON FUNCTION check_kpi_count(kpi) IS
    'raises an error unless the definition of a KPI that counts a fact is valid';

-- After the statement's rows are all there, so that a formula can stand before its
-- inputs, in an INSERT as in a dump.
CREATE FUNCTION check_kpi() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    dependent text;
BEGIN
    IF TG_OP <> 'DELETE' THEN
        IF NEW.kind = 'formula' THEN
            PERFORM check_kpi_formula(NEW);
        ELSE
            PERFORM check_kpi_count(NEW);
        END IF;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        SELECT string_agg(format('"%s"', kpi.code), ', ' ORDER BY kpi.code)
        INTO dependent
        FROM kpi
        WHERE kpi.inputs @> ARRAY[OLD.code]
            AND NOT EXISTS (SELECT FROM kpi AS other WHERE other.code = OLD.code AND other.kind <> 'formula');
        IF dependent IS NOT NULL THEN
            RAISE EXCEPTION 'KPI "%" is an input of %', OLD.code, dependent
                USING ERRCODE = 'foreign_key_violation',
                      HINT = 'Change or delete those formulas first.';
        END IF;
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION check_kpi() IS
    'trigger: refuses a KPI whose definition is not valid, and to lose one that a formula needs';

CREATE TRIGGER kpi_is_valid
    AFTER INSERT OR UPDATE OR DELETE ON kpi
    FOR EACH ROW
    EXECUTE FUNCTION check_kpi();
COMMENT ON TRIGGER kpi_is_valid ON kpi IS 'a broken definition is refused when it is written, not when it is read';

CREATE FUNCTION check_target() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    start date;
    dimension constant text = CASE WHEN NEW.team_id IS NOT NULL THEN 'team' WHEN NEW.rep_id IS NOT NULL THEN 'rep' WHEN NEW.product_id IS NOT NULL THEN 'product' ELSE 'all' END;
    -- none of a KPI that is not there, which the foreign key will say
    dimensions constant text[] = (SELECT kpi_dimensions(kpi.code) FROM kpi WHERE kpi.code = NEW.kpi_code);
BEGIN
    IF NOT dimension = ANY (dimensions) THEN
        RAISE EXCEPTION 'KPI "%" cannot be measured by %', NEW.kpi_code, dimension
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = format('It can be grouped by: %s.', array_to_string(dimensions, ', '));
    END IF;
    SELECT kpicrm.fiscal_period_start(NEW.period_start, NEW.grain, setting.fiscal_start_month, setting.week_start)
    INTO start
    FROM setting;
    -- no settings yet: a restore loads the tables in any order
    IF start <> NEW.period_start THEN
        RAISE EXCEPTION '% is not the first day of a %', NEW.period_start, NEW.grain
            USING ERRCODE = 'check_violation',
                  CONSTRAINT = 'target_period_start_is_first_day',
                  HINT = format('The %s it lies in begins on %s (setting.fiscal_start_month, setting.week_start).', NEW.grain, start);
    END IF;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION check_target() IS
    'trigger: refuses a target for what is not the beginning of a period of its grain, or in a dimension that its KPI does not have';

CREATE TRIGGER target_begins_a_period
    BEFORE INSERT OR UPDATE OF kpi_code, grain, period_start, team_id, rep_id, product_id ON target
    FOR EACH ROW
    WHEN (NEW.grain IN ('week', 'month', 'quarter', 'half', 'year') AND isfinite(NEW.period_start)
        -- a restore brings what was there, and the fiscal year may have changed since
        AND current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION check_target();
COMMENT ON TRIGGER target_begins_a_period ON target IS 'a target for no period, or of what is not measured, would be missed by everybody';
