-- import_deals, import_leads, import_activities: rows of another system, by names
-- and by its own keys.
--
-- Each takes a jsonb array of objects, or a staging table or view, and returns one
-- row per row of it: inserted, updated, unchanged, or rejected with the reasons.  A
-- row is loaded whole or not at all, and a bad one stops no other.
--
--   1  stage    every value read as its type; what cannot be read is a reason
--   2  judge    every row against the workspace: all reasons, before anything is written
--   3  name     names that accepted rows use and nobody has are created, unless strict
--   4  write    new rows; then rows that differ, through the triggers of history.sql
--
-- external_id says which row is meant, so a second run finds nothing to do.  A key
-- that a row leaves out leaves the column as it is; null or an empty text empties
-- it, except where a row cannot be without (there it counts as left out).
--
-- The steps share the temporary table pg_temp.kpicrm_import, which is gone when
-- the import ends.

-- ------------------------------------------------------------------- 1  stage

CREATE FUNCTION import_keys(kind text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE kind
        WHEN 'deal' THEN '{external_id,name,pipeline,phase,phase_kind,phase_since,account,rep,team,product,source,lead_external_id,amount,cost,opened_at,expected_close_on,closed_at,next_action_on}'::text[]
        WHEN 'lead' THEN '{external_id,name,source,rep,team,account,created_at,qualified_at,disqualified_at}'::text[]
        WHEN 'activity' THEN '{external_id,name,activity_type,counts_as_visit,rep,team,account,deal_external_id,lead_external_id,planned_at,started_at,ended_at,done}'::text[]
    END;
COMMENT ON FUNCTION import_keys(text) IS
    'keys that rows of an import of deals, leads or activities can have; kind is deal, lead or activity';

CREATE FUNCTION import_source(
    kind text,
    rows jsonb,
    staging regclass
) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path FROM CURRENT
AS $$
DECLARE
    known constant text[] = import_keys(import_source.kind);
    unknown text;
BEGIN
    IF import_source.rows IS NOT NULL THEN
        IF jsonb_typeof(import_source.rows) <> 'array' THEN
            RAISE EXCEPTION 'the rows of an import are a JSON array, not %', jsonb_typeof(import_source.rows)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = 'Write one object a row: [{"external_id": "A-1", …}, …].';
        END IF;
        SELECT format('row %s has the unknown key "%s"', min(element.row_number), key.name)
        INTO unknown
        FROM jsonb_array_elements(import_source.rows) WITH ORDINALITY AS element (value, row_number)
        CROSS JOIN LATERAL jsonb_object_keys(CASE jsonb_typeof(element.value) WHEN 'object' THEN element.value END) AS key (name)
        WHERE key.name <> ALL (known)
        GROUP BY key.name
        ORDER BY min(element.row_number), key.name
        LIMIT 1;
    ELSIF import_source.staging IS NOT NULL THEN
        IF NOT EXISTS (
            SELECT
            FROM pg_class AS relation
            WHERE relation.oid = import_source.staging
                AND relation.relkind IN ('r', 'p', 'v', 'm', 'f')
        ) THEN
            RAISE EXCEPTION '% is not a table or view', import_source.staging
                USING ERRCODE = 'wrong_object_type',
                      HINT = 'COPY the rows into a table of your own and name that.';
        END IF;
        SELECT format('%s has the unknown column "%s"', import_source.staging, attribute.attname)
        INTO unknown
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = import_source.staging
            AND attribute.attnum > 0
            AND NOT attribute.attisdropped
            AND attribute.attname <> ALL (known)
        ORDER BY attribute.attnum
        LIMIT 1;
        IF unknown IS NULL AND NOT EXISTS (
            SELECT
            FROM pg_attribute AS attribute
            WHERE attribute.attrelid = import_source.staging
                AND attribute.attname = 'external_id'
                AND NOT attribute.attisdropped
        ) THEN
            unknown = format('%s has no column "external_id"', import_source.staging);
        END IF;
    ELSE
        PERFORM kpicrm.reject_argument('rows', NULL, 'Give a jsonb array of objects, or a staging table or view.');
    END IF;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION '%', unknown
            USING ERRCODE = 'undefined_column',
                  HINT = format('Known to an import of type %s: %s.', import_source.kind, array_to_string(known, ', '));
    END IF;

    RETURN CASE
        WHEN import_source.rows IS NOT NULL
            THEN 'SELECT element.value, element.row_number FROM jsonb_array_elements($1) WITH ORDINALITY AS element (value, row_number)'
        ELSE format('SELECT to_jsonb(staged), row_number() OVER () FROM %s AS staged', import_source.staging)
    END;
END;
$$;
COMMENT ON FUNCTION import_source(text, jsonb, regclass) IS
    'the query that reads the rows of an import (with $1 for the array); refuses what is no array, no relation, or has unknown keys';

CREATE FUNCTION import_stage(
    kind text,
    rows jsonb,
    staging regclass
) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    source_query constant text = import_source(import_stage.kind, import_stage.rows, import_stage.staging);
BEGIN
    -- One import at a time: two that bring the same new rows would collide.
    PERFORM pg_advisory_xact_lock('deal'::regclass::oid::bigint);
    IF to_regclass('pg_temp.kpicrm_import') IS NOT NULL THEN
        DROP TABLE pg_temp.kpicrm_import;
    END IF;
    CREATE TEMP TABLE kpicrm_import (
        row_number bigint NOT NULL,
        source_row jsonb,
        target_id bigint,
        action text,
        external_id text,
        name text,
        pipeline text,
        phase text,
        phase_kind text,
        activity_type text,
        counts_as_visit boolean,
        account text,
        rep text,
        team text,
        product text,
        source text,
        lead_external_id text,
        deal_external_id text,
        amount numeric(18, 2),
        cost numeric(18, 2),
        opened_at timestamp with time zone,
        expected_close_on date,
        closed_at timestamp with time zone,
        next_action_on date,
        phase_since timestamp with time zone,
        created_at timestamp with time zone,
        qualified_at timestamp with time zone,
        disqualified_at timestamp with time zone,
        planned_at timestamp with time zone,
        started_at timestamp with time zone,
        ended_at timestamp with time zone,
        done boolean,
        reasons text[] NOT NULL,
        phase_id bigint,
        activity_type_id bigint,
        account_id bigint,
        rep_id bigint,
        product_id bigint,
        source_id bigint,
        lead_id bigint,
        deal_id bigint
    ) ON COMMIT DROP;

    EXECUTE format($insert$
        INSERT INTO pg_temp.kpicrm_import (
            row_number, source_row, external_id, name, pipeline, phase, phase_kind, activity_type, counts_as_visit,
            account, rep, team, product, source, lead_external_id, deal_external_id, amount, cost, opened_at,
            expected_close_on, closed_at, next_action_on, phase_since, created_at, qualified_at, disqualified_at,
            planned_at, started_at, ended_at, done, reasons
        )
        SELECT
            parsed.row_number,
            parsed.source_row,
            parsed.external_id,
            parsed.name,
            parsed.pipeline,
            parsed.phase,
            parsed.phase_kind,
            parsed.activity_type,
            parsed.counts_as_visit,
            parsed.account,
            parsed.rep,
            parsed.team,
            parsed.product,
            parsed.source,
            parsed.lead_external_id,
            parsed.deal_external_id,
            parsed.amount,
            parsed.cost,
            parsed.opened_at,
            parsed.expected_close_on,
            parsed.closed_at,
            parsed.next_action_on,
            parsed.phase_since,
            parsed.created_at,
            parsed.qualified_at,
            parsed.disqualified_at,
            parsed.planned_at,
            parsed.started_at,
            parsed.ended_at,
            parsed.done,
            array_remove(ARRAY[
                CASE
                    WHEN NOT parsed.is_object THEN 'not a JSON object'
                    WHEN parsed.is_nested THEN 'a value is an object or an array'
                    WHEN parsed.external_id IS NULL THEN 'external_id is missing'
                END,
                CASE WHEN parsed.amount IS NULL AND parsed.amount_text IS NOT NULL THEN format('amount "%%s" is not an amount', left(parsed.amount_text, 60)) END,
                CASE WHEN parsed.cost IS NULL AND parsed.cost_text IS NOT NULL THEN format('cost "%%s" is not an amount', left(parsed.cost_text, 60)) END,
                CASE WHEN parsed.opened_at IS NULL AND parsed.opened_text IS NOT NULL THEN format('opened_at "%%s" is not an instant', left(parsed.opened_text, 60)) END,
                CASE WHEN parsed.expected_close_on IS NULL AND parsed.expected_close_text IS NOT NULL THEN format('expected_close_on "%%s" is not a date', left(parsed.expected_close_text, 60)) END,
                CASE WHEN parsed.closed_at IS NULL AND parsed.closed_text IS NOT NULL THEN format('closed_at "%%s" is not an instant', left(parsed.closed_text, 60)) END,
                CASE WHEN parsed.next_action_on IS NULL AND parsed.next_action_text IS NOT NULL THEN format('next_action_on "%%s" is not a date', left(parsed.next_action_text, 60)) END,
                CASE WHEN parsed.phase_since IS NULL AND parsed.phase_since_text IS NOT NULL THEN format('phase_since "%%s" is not an instant', left(parsed.phase_since_text, 60)) END,
                CASE WHEN parsed.created_at IS NULL AND parsed.created_text IS NOT NULL THEN format('created_at "%%s" is not an instant', left(parsed.created_text, 60)) END,
                CASE WHEN parsed.qualified_at IS NULL AND parsed.qualified_text IS NOT NULL THEN format('qualified_at "%%s" is not an instant', left(parsed.qualified_text, 60)) END,
                CASE WHEN parsed.disqualified_at IS NULL AND parsed.disqualified_text IS NOT NULL THEN format('disqualified_at "%%s" is not an instant', left(parsed.disqualified_text, 60)) END,
                CASE WHEN parsed.planned_at IS NULL AND parsed.planned_text IS NOT NULL THEN format('planned_at "%%s" is not an instant', left(parsed.planned_text, 60)) END,
                CASE WHEN parsed.started_at IS NULL AND parsed.started_text IS NOT NULL THEN format('started_at "%%s" is not an instant', left(parsed.started_text, 60)) END,
                CASE WHEN parsed.ended_at IS NULL AND parsed.ended_text IS NOT NULL THEN format('ended_at "%%s" is not an instant', left(parsed.ended_text, 60)) END,
                CASE WHEN parsed.done IS NULL AND parsed.done_text IS NOT NULL THEN format('done "%%s" is not true or false', left(parsed.done_text, 60)) END,
                CASE WHEN parsed.counts_as_visit IS NULL AND parsed.counts_as_visit_text IS NOT NULL THEN format('counts_as_visit "%%s" is not true or false', left(parsed.counts_as_visit_text, 60)) END,
                -- what is found by an index
                CASE WHEN greatest(
                    octet_length(parsed.external_id), octet_length(parsed.pipeline), octet_length(parsed.phase), octet_length(parsed.activity_type),
                    octet_length(parsed.account), octet_length(parsed.rep), octet_length(parsed.team), octet_length(parsed.product), octet_length(parsed.source),
                    octet_length(parsed.lead_external_id), octet_length(parsed.deal_external_id)
                ) > 2000 THEN 'external_id, or the name of what belongs to it, is longer than 2000 bytes' END,
                CASE WHEN parsed.phase_kind NOT IN ('open', 'hold', 'won', 'lost', 'disqualified') THEN format('phase_kind "%%s" is none of open, hold, won, lost, disqualified', left(parsed.phase_kind, 60)) END
            ], NULL)
        FROM (
            SELECT
                written.*,
                kpicrm.parsed_amount(written.amount_text) AS amount,
                kpicrm.parsed_amount(written.cost_text) AS cost,
                kpicrm.parsed_instant(written.opened_text, setting.time_zone) AS opened_at,
                kpicrm.parsed_date(written.expected_close_text) AS expected_close_on,
                kpicrm.parsed_instant(written.closed_text, setting.time_zone) AS closed_at,
                kpicrm.parsed_date(written.next_action_text) AS next_action_on,
                kpicrm.parsed_instant(written.phase_since_text, setting.time_zone) AS phase_since,
                kpicrm.parsed_instant(written.created_text, setting.time_zone) AS created_at,
                kpicrm.parsed_instant(written.qualified_text, setting.time_zone) AS qualified_at,
                kpicrm.parsed_instant(written.disqualified_text, setting.time_zone) AS disqualified_at,
                kpicrm.parsed_instant(written.planned_text, setting.time_zone) AS planned_at,
                kpicrm.parsed_instant(written.started_text, setting.time_zone) AS started_at,
                kpicrm.parsed_instant(written.ended_text, setting.time_zone) AS ended_at,
                kpicrm.parsed_boolean(written.done_text) AS done,
                kpicrm.parsed_boolean(written.counts_as_visit_text) AS counts_as_visit
            FROM (
                SELECT
                    read.row_number,
                    read.source_row,
                    jsonb_typeof(read.source_row) = 'object' AS is_object,
                    jsonb_path_exists(read.source_row, 'strict $.* ? (@.type() == "object" || @.type() == "array")', silent => true) AS is_nested,
                    nullif(btrim(read.source_row ->> 'external_id', $1), '') AS external_id,
                    nullif(btrim(read.source_row ->> 'name', $1), '') AS name,
                    nullif(btrim(read.source_row ->> 'pipeline', $1), '') AS pipeline,
                    nullif(btrim(read.source_row ->> 'phase', $1), '') AS phase,
                    nullif(btrim(read.source_row ->> 'phase_kind', $1), '') AS phase_kind,
                    nullif(btrim(read.source_row ->> 'activity_type', $1), '') AS activity_type,
                    nullif(btrim(read.source_row ->> 'account', $1), '') AS account,
                    nullif(btrim(read.source_row ->> 'rep', $1), '') AS rep,
                    nullif(btrim(read.source_row ->> 'team', $1), '') AS team,
                    nullif(btrim(read.source_row ->> 'product', $1), '') AS product,
                    nullif(btrim(read.source_row ->> 'source', $1), '') AS source,
                    nullif(btrim(read.source_row ->> 'lead_external_id', $1), '') AS lead_external_id,
                    nullif(btrim(read.source_row ->> 'deal_external_id', $1), '') AS deal_external_id,
                    nullif(btrim(read.source_row ->> 'amount', $1), '') AS amount_text,
                    nullif(btrim(read.source_row ->> 'cost', $1), '') AS cost_text,
                    nullif(btrim(read.source_row ->> 'opened_at', $1), '') AS opened_text,
                    nullif(btrim(read.source_row ->> 'expected_close_on', $1), '') AS expected_close_text,
                    nullif(btrim(read.source_row ->> 'closed_at', $1), '') AS closed_text,
                    nullif(btrim(read.source_row ->> 'next_action_on', $1), '') AS next_action_text,
                    nullif(btrim(read.source_row ->> 'phase_since', $1), '') AS phase_since_text,
                    nullif(btrim(read.source_row ->> 'created_at', $1), '') AS created_text,
                    nullif(btrim(read.source_row ->> 'qualified_at', $1), '') AS qualified_text,
                    nullif(btrim(read.source_row ->> 'disqualified_at', $1), '') AS disqualified_text,
                    nullif(btrim(read.source_row ->> 'planned_at', $1), '') AS planned_text,
                    nullif(btrim(read.source_row ->> 'started_at', $1), '') AS started_text,
                    nullif(btrim(read.source_row ->> 'ended_at', $1), '') AS ended_text,
                    nullif(btrim(read.source_row ->> 'done', $1), '') AS done_text,
                    nullif(btrim(read.source_row ->> 'counts_as_visit', $1), '') AS counts_as_visit_text
                FROM (%s) AS read (source_row, row_number)
                OFFSET 0
            ) AS written
            CROSS JOIN setting
            OFFSET 0
        ) AS parsed
    $insert$, replace(source_query, '$1', '$2'))
    -- what can stand around a value: also the wide space of Japanese tables
    USING U&' \0009\000A\000D\3000', import_stage.rows;

    UPDATE pg_temp.kpicrm_import AS import
    SET reasons = array_append(import.reasons, format('external_id "%s" is that of row %s', import.external_id, first.row_number))
    FROM (
        SELECT
            import.external_id,
            min(import.row_number) AS row_number
        FROM pg_temp.kpicrm_import AS import
        GROUP BY import.external_id
        HAVING count(*) > 1
    ) AS first
    WHERE first.external_id = import.external_id
        AND first.row_number < import.row_number;
    ANALYZE pg_temp.kpicrm_import;
END;
$$;
COMMENT ON FUNCTION import_stage(text, jsonb, regclass) IS
    'step 1 of an import: fills pg_temp.kpicrm_import with every row, its values, and the reasons why they cannot be read';

-- ------------------------------------------------------------------- 2  judge

CREATE FUNCTION import_is_large() RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN (SELECT count(*) > 1000 FROM pg_temp.kpicrm_import);
END;
$$;
COMMENT ON FUNCTION import_is_large() IS
    'are there so many rows that tables are better read as a whole? Their statistics may be those of an empty table';

CREATE FUNCTION import_judge_names(strict boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on
AS $$
BEGIN
    PERFORM set_config('enable_nestloop', (NOT import_is_large())::text, true);
    -- What a new name comes with (the team of a rep, the kind of a phase, whether an
    -- activity counts as a visit) is that of the first row that says so; a row that
    -- contradicts it, or what is there already, is rejected.
    WITH account_count AS MATERIALIZED (
        SELECT
            account.name,
            count(*) AS accounts
        FROM account
        GROUP BY account.name
    ), said_team AS MATERIALIZED (
        SELECT DISTINCT ON (import.rep)
            import.rep,
            import.team
        FROM pg_temp.kpicrm_import AS import
        WHERE import.rep IS NOT NULL
            AND import.team IS NOT NULL
        ORDER BY
            import.rep,
            import.row_number
    ), said_visit AS MATERIALIZED (
        SELECT DISTINCT ON (import.activity_type)
            import.activity_type,
            import.counts_as_visit
        FROM pg_temp.kpicrm_import AS import
        WHERE import.activity_type IS NOT NULL
            AND import.counts_as_visit IS NOT NULL
        ORDER BY
            import.activity_type,
            import.row_number
    ), judged AS MATERIALIZED (
        SELECT
            import.row_number,
            array_remove(ARRAY[
                CASE
                    WHEN import.team IS NOT NULL AND import.rep IS NULL
                        THEN format('team "%s" without a rep', import.team)
                    WHEN strict AND import.team IS NOT NULL AND team.id IS NULL
                        THEN format('team "%s" is unknown', import.team)
                END,
                CASE
                    WHEN strict AND import.rep IS NOT NULL AND rep.id IS NULL
                        THEN format('rep "%s" is unknown', import.rep)
                    WHEN import.team <> coalesce(rep_team.name, said_team.team)
                        THEN format('rep "%s" is in team "%s", not "%s"', import.rep, coalesce(rep_team.name, said_team.team), import.team)
                END,
                CASE
                    WHEN account_count.accounts > 1
                        THEN format('account "%s" is there %s times', import.account, account_count.accounts)
                    WHEN strict AND import.account IS NOT NULL AND account_count.accounts IS NULL
                        THEN format('account "%s" is unknown', import.account)
                END,
                CASE WHEN strict AND import.product IS NOT NULL AND product.id IS NULL THEN format('product "%s" is unknown', import.product) END,
                CASE WHEN strict AND import.source IS NOT NULL AND source.id IS NULL THEN format('source "%s" is unknown', import.source) END,
                CASE
                    WHEN import.counts_as_visit IS NOT NULL AND import.activity_type IS NULL
                        THEN 'counts_as_visit without an activity_type'
                    WHEN strict AND import.activity_type IS NOT NULL AND activity_type.id IS NULL
                        THEN format('activity_type "%s" is unknown', import.activity_type)
                    WHEN import.counts_as_visit <> coalesce(activity_type.counts_as_visit, said_visit.counts_as_visit)
                        THEN format('counts_as_visit of activity_type "%s" is %s', import.activity_type, (NOT import.counts_as_visit)::text)
                END,
                CASE WHEN import.lead_external_id IS NOT NULL AND lead.id IS NULL THEN format('lead "%s" is unknown', import.lead_external_id) END,
                CASE WHEN import.deal_external_id IS NOT NULL AND deal.id IS NULL THEN format('deal "%s" is unknown', import.deal_external_id) END
            ], NULL) AS reasons
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN sales_team AS team ON team.name = import.team
        LEFT JOIN sales_rep AS rep ON rep.name = import.rep
        LEFT JOIN sales_team AS rep_team ON rep_team.id = rep.team_id
        LEFT JOIN said_team ON said_team.rep = import.rep
        LEFT JOIN account_count ON account_count.name = import.account
        LEFT JOIN product ON product.name = import.product
        LEFT JOIN lead_source AS source ON source.name = import.source
        LEFT JOIN activity_type ON activity_type.name = import.activity_type
        LEFT JOIN said_visit ON said_visit.activity_type = import.activity_type
        LEFT JOIN lead ON lead.external_id = import.lead_external_id
        LEFT JOIN deal ON deal.external_id = import.deal_external_id
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET reasons = import.reasons || judged.reasons
    FROM judged
    WHERE judged.row_number = import.row_number
        AND cardinality(judged.reasons) > 0;
END;
$$;
COMMENT ON FUNCTION import_judge_names(boolean) IS
    'step 2 of an import: adds the reasons why a name cannot be meant; strict also rejects names that nobody has';

CREATE FUNCTION import_judge_deals(strict boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on
AS $$
DECLARE
    now constant timestamp with time zone = statement_timestamp();
BEGIN
    PERFORM set_config('enable_nestloop', (NOT import_is_large())::text, true);
    PERFORM
    FROM deal
    JOIN pg_temp.kpicrm_import AS import ON import.external_id = deal.external_id
    ORDER BY deal.id
    FOR UPDATE OF deal;
    UPDATE pg_temp.kpicrm_import AS import
    SET target_id = deal.id
    FROM deal
    WHERE deal.external_id = import.external_id;

    -- A phase without a pipeline is one of the deal's own, else of the only pipeline
    -- that has such a phase, else of the only pipeline there is.
    UPDATE pg_temp.kpicrm_import AS import
    SET pipeline = found.name
    FROM (
        SELECT
            import.row_number,
            coalesce(own.name, named.name, single.name) AS name
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN deal ON deal.id = import.target_id
        LEFT JOIN pipeline AS own ON own.id = deal.pipeline_id
        LEFT JOIN (
            SELECT
                phase.name AS phase,
                min(pipeline.name) AS name
            FROM phase
            JOIN pipeline ON pipeline.id = phase.pipeline_id
            GROUP BY phase.name
            HAVING count(*) = 1
        ) AS named ON named.phase = import.phase
        LEFT JOIN (
            SELECT min(pipeline.name) AS name
            FROM pipeline
            HAVING count(*) = 1
        ) AS single ON true
        WHERE import.pipeline IS NULL
            AND import.phase IS NOT NULL
    ) AS found
    WHERE found.row_number = import.row_number;

    -- The kind of a new phase is that of the first row that says it, of all of them.
    UPDATE pg_temp.kpicrm_import AS import
    SET phase_kind = said.phase_kind
    FROM (
        SELECT DISTINCT ON (import.pipeline, import.phase)
            import.pipeline,
            import.phase,
            import.phase_kind
        FROM pg_temp.kpicrm_import AS import
        WHERE import.phase IS NOT NULL
            AND import.phase_kind IN ('open', 'hold', 'won', 'lost', 'disqualified')
        ORDER BY
            import.pipeline,
            import.phase,
            import.row_number
    ) AS said
    WHERE import.phase_kind IS NULL
        AND said.pipeline = import.pipeline
        AND said.phase = import.phase
        AND NOT EXISTS (
            SELECT
            FROM phase
            JOIN pipeline ON pipeline.id = phase.pipeline_id
            WHERE pipeline.name = import.pipeline
                AND phase.name = import.phase
        );

    WITH said_kind AS MATERIALIZED (
        SELECT DISTINCT ON (import.pipeline, import.phase)
            import.pipeline,
            import.phase,
            import.phase_kind
        FROM pg_temp.kpicrm_import AS import
        WHERE import.phase IS NOT NULL
            AND import.phase_kind IN ('open', 'hold', 'won', 'lost', 'disqualified')
        ORDER BY
            import.pipeline,
            import.phase,
            import.row_number
    ), judged AS MATERIALIZED (
        SELECT
            import.row_number,
            array_remove(ARRAY[
                CASE WHEN deal.id IS NULL AND import.name IS NULL THEN 'name is missing' END,
                CASE
                    WHEN deal.id IS NULL AND import.phase IS NULL
                        THEN 'phase is missing'
                    WHEN import.phase IS NULL AND import.pipeline <> own_pipeline.name
                        THEN format('phase of pipeline "%s" is missing', import.pipeline)
                    WHEN import.phase IS NULL AND import.phase_kind IS NOT NULL
                        THEN 'phase_kind without a phase'
                    WHEN import.phase IS NOT NULL AND import.pipeline IS NULL
                        THEN format('phase "%s" is in no pipeline, or in several: name the pipeline', import.phase)
                    WHEN strict AND import.phase IS NOT NULL AND pipeline.id IS NULL
                        THEN format('pipeline "%s" is unknown', import.pipeline)
                    WHEN strict AND import.phase IS NOT NULL AND phase.id IS NULL
                        THEN format('phase "%s" of pipeline "%s" is unknown', import.phase, import.pipeline)
                    WHEN import.phase_kind <> coalesce(phase.kind, said_kind.phase_kind)
                        THEN format('phase "%s" is of kind %s, not %s', import.phase, coalesce(phase.kind, said_kind.phase_kind), import.phase_kind)
                    WHEN import.closed_at IS NOT NULL AND import.phase IS NOT NULL AND phase.id IS NULL AND said_kind.phase_kind IS NULL
                        THEN format('phase "%s" is new and closed_at is given: phase_kind must say whether it is won or lost', import.phase)
                    WHEN import.closed_at IS NOT NULL
                        AND coalesce(CASE WHEN import.phase IS NULL THEN own_phase.kind END, phase.kind, said_kind.phase_kind) NOT IN ('won', 'lost')
                        THEN format('closed_at is given, but phase "%s" is neither won nor lost', coalesce(import.phase, own_phase.name))
                END,
                CASE
                    WHEN import.closed_at <> import.phase_since
                        THEN 'closed_at and phase_since are different instants: closed_at is the entry into the won or lost phase'
                    WHEN coalesce(
                            import.closed_at,
                            import.phase_since,
                            CASE WHEN deal.id IS NOT NULL AND import.phase IS NOT NULL AND phase.id IS DISTINCT FROM deal.phase_id THEN greatest(now, deal.phase_since) END,
                            deal.phase_since
                        ) < coalesce(import.opened_at, deal.opened_at)
                        THEN format('%s is before opened_at', CASE WHEN import.closed_at IS NOT NULL THEN 'closed_at' ELSE 'phase_since' END)
                END
            ], NULL) AS reasons
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN deal ON deal.id = import.target_id
        LEFT JOIN pipeline AS own_pipeline ON own_pipeline.id = deal.pipeline_id
        LEFT JOIN phase AS own_phase ON own_phase.id = deal.phase_id
        LEFT JOIN pipeline ON pipeline.name = import.pipeline
        LEFT JOIN phase
            ON phase.pipeline_id = pipeline.id
            AND phase.name = import.phase
        LEFT JOIN said_kind
            ON said_kind.pipeline = import.pipeline
            AND said_kind.phase = import.phase
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET reasons = import.reasons || judged.reasons
    FROM judged
    WHERE judged.row_number = import.row_number
        AND cardinality(judged.reasons) > 0;

    PERFORM import_judge_names(strict);
END;
$$;
COMMENT ON FUNCTION import_judge_deals(boolean) IS
    'step 2 of an import of deals: locks those that are there, and adds the reasons why a row cannot be one';

CREATE FUNCTION import_decide(sequence regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    UPDATE pg_temp.kpicrm_import AS import
    SET action = CASE
            WHEN cardinality(import.reasons) > 0 THEN 'rejected'
            WHEN import.target_id IS NULL THEN 'inserted'
            ELSE 'unchanged'
        END,
        target_id = coalesce(import.target_id, numbered.id)
    FROM (
        SELECT
            listed.row_number,
            CASE WHEN listed.is_new THEN nextval(import_decide.sequence) END AS id
        FROM (
            SELECT
                import.row_number,
                import.target_id IS NULL AND cardinality(import.reasons) = 0 AS is_new
            FROM pg_temp.kpicrm_import AS import
            ORDER BY import.row_number
        ) AS listed
    ) AS numbered
    WHERE numbered.row_number = import.row_number;
    -- The plans of the next steps depend on how many rows are new.
    ANALYZE pg_temp.kpicrm_import;
END;
$$;
COMMENT ON FUNCTION import_decide(regclass) IS
    'the end of step 2 of an import: what is to happen to every row, and a key for each that is new';

-- -------------------------------------------------------------------- 3  name

CREATE FUNCTION import_create_names() RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    INSERT INTO sales_team (name)
    SELECT import.team
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.team IS NOT NULL
        AND NOT EXISTS (SELECT FROM sales_team AS team WHERE team.name = import.team)
    GROUP BY import.team
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;

    INSERT INTO sales_rep (name, team_id)
    SELECT
        import.rep,
        min(team.id)
    FROM pg_temp.kpicrm_import AS import
    LEFT JOIN sales_team AS team ON team.name = import.team
    WHERE import.action <> 'rejected'
        AND import.rep IS NOT NULL
        AND NOT EXISTS (SELECT FROM sales_rep AS rep WHERE rep.name = import.rep)
    GROUP BY import.rep
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;
    UPDATE sales_rep AS rep
    SET team_id = said.team_id
    FROM (
        SELECT
            import.rep,
            min(team.id) AS team_id
        FROM pg_temp.kpicrm_import AS import
        JOIN sales_team AS team ON team.name = import.team
        WHERE import.action <> 'rejected'
        GROUP BY import.rep
    ) AS said
    WHERE said.rep = rep.name
        AND rep.team_id IS NULL;

    INSERT INTO lead_source (name)
    SELECT import.source
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.source IS NOT NULL
        AND NOT EXISTS (SELECT FROM lead_source AS source WHERE source.name = import.source)
    GROUP BY import.source
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;

    INSERT INTO product (name)
    SELECT import.product
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.product IS NOT NULL
        AND NOT EXISTS (SELECT FROM product WHERE product.name = import.product)
    GROUP BY import.product
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;

    -- An account has been known for as long as anything about it.
    INSERT INTO account (name, first_seen_at)
    SELECT
        import.account,
        min(least(import.opened_at, import.phase_since, import.closed_at, import.created_at, import.started_at, statement_timestamp()))
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.account IS NOT NULL
        AND NOT EXISTS (SELECT FROM account WHERE account.name = import.account)
    GROUP BY import.account
    ORDER BY min(import.row_number);

    INSERT INTO activity_type (name, counts_as_visit)
    SELECT
        import.activity_type,
        coalesce(bool_or(import.counts_as_visit), false)
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.activity_type IS NOT NULL
        AND NOT EXISTS (SELECT FROM activity_type AS type WHERE type.name = import.activity_type)
    GROUP BY import.activity_type
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;

    INSERT INTO pipeline (name)
    SELECT import.pipeline
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action <> 'rejected'
        AND import.pipeline IS NOT NULL
        AND NOT EXISTS (SELECT FROM pipeline WHERE pipeline.name = import.pipeline)
    GROUP BY import.pipeline
    ORDER BY min(import.row_number)
    ON CONFLICT (name) DO NOTHING;

    -- New phases stand behind those of the pipeline, in the order of their first
    -- rows; the ends stay last.
    WITH new_phase AS MATERIALIZED (
        SELECT
            pipeline.id AS pipeline_id,
            import.phase AS name,
            coalesce(min(import.phase_kind), 'open') AS kind,
            min(import.row_number) AS row_number
        FROM pg_temp.kpicrm_import AS import
        JOIN pipeline ON pipeline.name = import.pipeline
        WHERE import.action <> 'rejected'
            AND import.phase IS NOT NULL
            AND NOT EXISTS (
                SELECT
                FROM phase
                WHERE phase.pipeline_id = pipeline.id
                    AND phase.name = import.phase
            )
        GROUP BY
            pipeline.id,
            import.phase
    ), held AS MATERIALIZED (
        SELECT
            phase.pipeline_id,
            coalesce(max(phase.position) FILTER (WHERE phase.kind IN ('open', 'hold')), min(phase.position) - 1) AS open_position,
            max(phase.position) AS last_position
        FROM phase
        GROUP BY phase.pipeline_id
    ), moved AS (
        UPDATE phase
        SET position = phase.position + added.phases
        FROM (
            SELECT
                new_phase.pipeline_id,
                count(*) AS phases
            FROM new_phase
            WHERE new_phase.kind IN ('open', 'hold')
            GROUP BY new_phase.pipeline_id
        ) AS added
        JOIN held ON held.pipeline_id = added.pipeline_id
        WHERE added.pipeline_id = phase.pipeline_id
            AND phase.position > held.open_position
    )
    INSERT INTO phase (pipeline_id, name, kind, position)
    SELECT
        new_phase.pipeline_id,
        new_phase.name,
        new_phase.kind,
        coalesce(held.open_position, 0)
            + row_number() OVER (PARTITION BY new_phase.pipeline_id ORDER BY new_phase.kind IN ('won', 'lost', 'disqualified'), new_phase.row_number)
            + CASE WHEN new_phase.kind IN ('won', 'lost', 'disqualified') THEN coalesce(held.last_position, 0) - coalesce(held.open_position, 0) ELSE 0 END
    FROM new_phase
    LEFT JOIN held ON held.pipeline_id = new_phase.pipeline_id;
END;
$$;
COMMENT ON FUNCTION import_create_names() IS
    'step 3 of an import: creates the teams, reps, sources, products, accounts, activity types, pipelines and phases that accepted rows name and nobody has';

CREATE FUNCTION import_resolve_names() RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET enable_nestloop = on
AS $$
BEGIN
    PERFORM set_config('enable_nestloop', (NOT import_is_large())::text, true);
    UPDATE pg_temp.kpicrm_import AS import
    SET phase_id = named.phase_id,
        activity_type_id = named.activity_type_id,
        account_id = named.account_id,
        rep_id = named.rep_id,
        product_id = named.product_id,
        source_id = named.source_id,
        lead_id = named.lead_id,
        deal_id = named.deal_id
    FROM (
        SELECT
            import.row_number,
            phase.id AS phase_id,
            activity_type.id AS activity_type_id,
            account.id AS account_id,
            rep.id AS rep_id,
            product.id AS product_id,
            source.id AS source_id,
            lead.id AS lead_id,
            deal.id AS deal_id
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN pipeline ON pipeline.name = import.pipeline
        LEFT JOIN phase
            ON phase.pipeline_id = pipeline.id
            AND phase.name = import.phase
        LEFT JOIN activity_type ON activity_type.name = import.activity_type
        LEFT JOIN account ON account.name = import.account
        LEFT JOIN sales_rep AS rep ON rep.name = import.rep
        LEFT JOIN product ON product.name = import.product
        LEFT JOIN lead_source AS source ON source.name = import.source
        LEFT JOIN lead ON lead.external_id = import.lead_external_id
        LEFT JOIN deal ON deal.external_id = import.deal_external_id
        WHERE import.action <> 'rejected'
    ) AS named
    WHERE named.row_number = import.row_number;
END;
$$;
COMMENT ON FUNCTION import_resolve_names() IS
    'the end of step 3 of an import: the keys behind the names of accepted rows';

-- ------------------------------------------------------------------- 4  write

CREATE FUNCTION import_finish() RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    target_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    -- expressions, because a long value itself is kept apart, and would go with the table
    SELECT
        import.row_number,
        import.external_id || '',
        import.action,
        import.target_id,
        nullif(array_to_string(import.reasons, '; '), ''),
        CASE import.action WHEN 'rejected' THEN import.source_row #> '{}' END
    FROM pg_temp.kpicrm_import AS import
    ORDER BY import.row_number;
    DROP TABLE pg_temp.kpicrm_import;
    PERFORM renew_statistics();
END;
$$;
COMMENT ON FUNCTION import_finish() IS
    'the last step of an import: what happened to every row';

CREATE FUNCTION import_staged_deals(strict boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    history constant text = coalesce(current_setting('kpicrm.history', true), '');
    changed bigint;
BEGIN
    PERFORM import_judge_deals(strict);
    PERFORM import_decide(pg_get_serial_sequence('deal', 'id'));
    PERFORM import_create_names();
    PERFORM import_resolve_names();
    PERFORM set_config('kpicrm.history', '', true);

    -- closed_at follows from phase_since and the kind of the phase.
    INSERT INTO deal (id, name, pipeline_id, phase_id, phase_since, account_id, rep_id, product_id, source_id, lead_id, amount, cost,
        opened_at, expected_close_on, next_action_on, external_id)
    SELECT
        import.target_id,
        import.name,
        phase.pipeline_id,
        phase.id,
        coalesce(import.closed_at, import.phase_since),
        import.account_id,
        import.rep_id,
        import.product_id,
        import.source_id,
        import.lead_id,
        import.amount,
        import.cost,
        coalesce(import.opened_at, import.closed_at, import.phase_since, statement_timestamp()),
        import.expected_close_on,
        import.next_action_on,
        import.external_id
    FROM pg_temp.kpicrm_import AS import
    JOIN phase ON phase.id = import.phase_id
    WHERE import.action = 'inserted'
    ORDER BY import.row_number;

    -- A phase backdated into a stay in the same phase begins with that stay, until
    -- phase_since is set once more: so again, until nothing differs.
    FOR pass IN 1..3 LOOP
        WITH wanted AS MATERIALIZED (
            SELECT
                import.row_number,
                deal.id,
                coalesce(import.name, deal.name) AS name,
                coalesce(import.phase_id, deal.phase_id) AS phase_id,
                coalesce(import.closed_at, import.phase_since, deal.phase_since) AS phase_since,
                CASE WHEN import.source_row ? 'account' THEN import.account_id ELSE deal.account_id END AS account_id,
                CASE WHEN import.source_row ? 'rep' THEN import.rep_id ELSE deal.rep_id END AS rep_id,
                CASE WHEN import.source_row ? 'product' THEN import.product_id ELSE deal.product_id END AS product_id,
                CASE WHEN import.source_row ? 'source' THEN import.source_id ELSE deal.source_id END AS source_id,
                CASE WHEN import.source_row ? 'lead_external_id' THEN import.lead_id ELSE deal.lead_id END AS lead_id,
                CASE WHEN import.source_row ? 'amount' THEN import.amount ELSE deal.amount END AS amount,
                CASE WHEN import.source_row ? 'cost' THEN import.cost ELSE deal.cost END AS cost,
                coalesce(import.opened_at, deal.opened_at) AS opened_at,
                CASE WHEN import.source_row ? 'expected_close_on' THEN import.expected_close_on ELSE deal.expected_close_on END AS expected_close_on,
                CASE WHEN import.source_row ? 'next_action_on' THEN import.next_action_on ELSE deal.next_action_on END AS next_action_on
            FROM pg_temp.kpicrm_import AS import
            JOIN deal ON deal.id = import.target_id
            WHERE import.action = CASE pass WHEN 1 THEN 'unchanged' ELSE 'updated' END
        ), written AS (
            UPDATE deal
            SET name = wanted.name,
                phase_id = wanted.phase_id,
                phase_since = wanted.phase_since,
                account_id = wanted.account_id,
                rep_id = wanted.rep_id,
                product_id = wanted.product_id,
                source_id = wanted.source_id,
                lead_id = wanted.lead_id,
                amount = wanted.amount,
                cost = wanted.cost,
                opened_at = wanted.opened_at,
                expected_close_on = wanted.expected_close_on,
                next_action_on = wanted.next_action_on
            FROM wanted
            WHERE deal.id = wanted.id
                AND (deal.name, deal.phase_id, deal.phase_since, deal.account_id, deal.rep_id, deal.product_id, deal.source_id, deal.lead_id,
                        deal.amount, deal.cost, deal.opened_at, deal.expected_close_on, deal.next_action_on)
                    IS DISTINCT FROM
                    (wanted.name, wanted.phase_id, wanted.phase_since, wanted.account_id, wanted.rep_id, wanted.product_id, wanted.source_id, wanted.lead_id,
                        wanted.amount, wanted.cost, wanted.opened_at, wanted.expected_close_on, wanted.next_action_on)
            RETURNING wanted.row_number
        )
        UPDATE pg_temp.kpicrm_import AS import
        SET action = 'updated'
        FROM written
        WHERE written.row_number = import.row_number;
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXIT WHEN changed = 0;
        ANALYZE pg_temp.kpicrm_import;
    END LOOP;
    PERFORM set_config('kpicrm.history', history, true);
END;
$$;
COMMENT ON FUNCTION import_staged_deals(boolean) IS
    'steps 2 to 4 of an import of deals';

CREATE FUNCTION import_deals(
    rows jsonb,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    deal_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('deal', import_deals.rows, NULL);
    PERFORM import_staged_deals(coalesce(import_deals.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_deals(jsonb, boolean) IS
    'loads deals from a JSON array of objects, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';

CREATE FUNCTION import_deals(
    staging regclass,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    deal_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('deal', NULL, import_deals.staging);
    PERFORM import_staged_deals(coalesce(import_deals.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_deals(regclass, boolean) IS
    'loads deals from a table or view, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';

CREATE FUNCTION import_staged_leads(strict boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM
    FROM lead
    JOIN pg_temp.kpicrm_import AS import ON import.external_id = lead.external_id
    ORDER BY lead.id
    FOR UPDATE OF lead;
    UPDATE pg_temp.kpicrm_import AS import
    SET target_id = lead.id
    FROM lead
    WHERE lead.external_id = import.external_id;

    -- A lead that was judged before this import knew it was created is as old as that.
    WITH judged AS MATERIALIZED (
        SELECT
            import.row_number,
            array_remove(ARRAY[
                CASE WHEN lead.id IS NULL AND import.name IS NULL THEN 'name is missing' END,
                CASE
                    WHEN coalesce(import.qualified_at, CASE WHEN NOT import.source_row ? 'qualified_at' THEN lead.qualified_at END)
                            < coalesce(import.created_at, lead.created_at)
                        THEN 'qualified_at is before created_at'
                END,
                CASE
                    WHEN coalesce(import.disqualified_at, CASE WHEN NOT import.source_row ? 'disqualified_at' THEN lead.disqualified_at END)
                            < coalesce(import.created_at, lead.created_at)
                        THEN 'disqualified_at is before created_at'
                END
            ], NULL) AS reasons
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN lead ON lead.id = import.target_id
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET reasons = import.reasons || judged.reasons
    FROM judged
    WHERE judged.row_number = import.row_number
        AND cardinality(judged.reasons) > 0;

    PERFORM import_judge_names(strict);
    PERFORM import_decide(pg_get_serial_sequence('lead', 'id'));
    PERFORM import_create_names();
    PERFORM import_resolve_names();

    INSERT INTO lead (id, name, source_id, rep_id, account_id, created_at, qualified_at, disqualified_at, external_id)
    SELECT
        import.target_id,
        import.name,
        import.source_id,
        import.rep_id,
        import.account_id,
        coalesce(import.created_at, least(import.qualified_at, import.disqualified_at, statement_timestamp())),
        import.qualified_at,
        import.disqualified_at,
        import.external_id
    FROM pg_temp.kpicrm_import AS import
    WHERE import.action = 'inserted'
    ORDER BY import.row_number;

    WITH wanted AS MATERIALIZED (
        SELECT
            import.row_number,
            lead.id,
            coalesce(import.name, lead.name) AS name,
            CASE WHEN import.source_row ? 'source' THEN import.source_id ELSE lead.source_id END AS source_id,
            CASE WHEN import.source_row ? 'rep' THEN import.rep_id ELSE lead.rep_id END AS rep_id,
            CASE WHEN import.source_row ? 'account' THEN import.account_id ELSE lead.account_id END AS account_id,
            coalesce(import.created_at, lead.created_at) AS created_at,
            CASE WHEN import.source_row ? 'qualified_at' THEN import.qualified_at ELSE lead.qualified_at END AS qualified_at,
            CASE WHEN import.source_row ? 'disqualified_at' THEN import.disqualified_at ELSE lead.disqualified_at END AS disqualified_at
        FROM pg_temp.kpicrm_import AS import
        JOIN lead ON lead.id = import.target_id
        WHERE import.action = 'unchanged'
    ), written AS (
        UPDATE lead
        SET name = wanted.name,
            source_id = wanted.source_id,
            rep_id = wanted.rep_id,
            account_id = wanted.account_id,
            created_at = wanted.created_at,
            qualified_at = wanted.qualified_at,
            disqualified_at = wanted.disqualified_at
        FROM wanted
        WHERE lead.id = wanted.id
            AND (lead.name, lead.source_id, lead.rep_id, lead.account_id, lead.created_at, lead.qualified_at, lead.disqualified_at)
                IS DISTINCT FROM
                (wanted.name, wanted.source_id, wanted.rep_id, wanted.account_id, wanted.created_at, wanted.qualified_at, wanted.disqualified_at)
        RETURNING wanted.row_number
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET action = 'updated'
    FROM written
    WHERE written.row_number = import.row_number;
END;
$$;
COMMENT ON FUNCTION import_staged_leads(boolean) IS
    'steps 2 to 4 of an import of leads';

CREATE FUNCTION import_leads(
    rows jsonb,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    lead_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('lead', import_leads.rows, NULL);
    PERFORM import_staged_leads(coalesce(import_leads.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_leads(jsonb, boolean) IS
    'loads leads from a JSON array of objects, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';

CREATE FUNCTION import_leads(
    staging regclass,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    lead_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('lead', NULL, import_leads.staging);
    PERFORM import_staged_leads(coalesce(import_leads.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_leads(regclass, boolean) IS
    'loads leads from a table or view, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';

CREATE FUNCTION import_staged_activities(strict boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    PERFORM
    FROM activity
    JOIN pg_temp.kpicrm_import AS import ON import.external_id = activity.external_id
    ORDER BY activity.id
    FOR UPDATE OF activity;
    UPDATE pg_temp.kpicrm_import AS import
    SET target_id = activity.id
    FROM activity
    WHERE activity.external_id = import.external_id;

    WITH judged AS MATERIALIZED (
        SELECT
            import.row_number,
            array_remove(ARRAY[
                CASE WHEN activity.id IS NULL AND import.activity_type IS NULL THEN 'activity_type is missing' END,
                CASE
                    WHEN coalesce(import.ended_at, CASE WHEN NOT import.source_row ? 'ended_at' THEN activity.ended_at END)
                            < coalesce(import.started_at, CASE WHEN NOT import.source_row ? 'started_at' THEN activity.started_at END)
                        THEN 'ended_at is before started_at'
                END
            ], NULL) AS reasons
        FROM pg_temp.kpicrm_import AS import
        LEFT JOIN activity ON activity.id = import.target_id
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET reasons = import.reasons || judged.reasons
    FROM judged
    WHERE judged.row_number = import.row_number
        AND cardinality(judged.reasons) > 0;

    PERFORM import_judge_names(strict);
    PERFORM import_decide(pg_get_serial_sequence('activity', 'id'));
    PERFORM import_create_names();
    PERFORM import_resolve_names();

    INSERT INTO activity (id, name, activity_type_id, rep_id, deal_id, lead_id, account_id, planned_at, started_at, ended_at, done, external_id)
    SELECT
        import.target_id,
        coalesce(import.name, type.name),
        type.id,
        import.rep_id,
        import.deal_id,
        import.lead_id,
        import.account_id,
        import.planned_at,
        import.started_at,
        import.ended_at,
        coalesce(import.done, false),
        import.external_id
    FROM pg_temp.kpicrm_import AS import
    JOIN activity_type AS type ON type.id = import.activity_type_id
    WHERE import.action = 'inserted'
    ORDER BY import.row_number;

    WITH wanted AS MATERIALIZED (
        SELECT
            import.row_number,
            activity.id,
            coalesce(import.name, activity.name) AS name,
            coalesce(import.activity_type_id, activity.activity_type_id) AS activity_type_id,
            CASE WHEN import.source_row ? 'rep' THEN import.rep_id ELSE activity.rep_id END AS rep_id,
            CASE WHEN import.source_row ? 'deal_external_id' THEN import.deal_id ELSE activity.deal_id END AS deal_id,
            CASE WHEN import.source_row ? 'lead_external_id' THEN import.lead_id ELSE activity.lead_id END AS lead_id,
            CASE WHEN import.source_row ? 'account' THEN import.account_id ELSE activity.account_id END AS account_id,
            CASE WHEN import.source_row ? 'planned_at' THEN import.planned_at ELSE activity.planned_at END AS planned_at,
            CASE WHEN import.source_row ? 'started_at' THEN import.started_at ELSE activity.started_at END AS started_at,
            CASE WHEN import.source_row ? 'ended_at' THEN import.ended_at ELSE activity.ended_at END AS ended_at,
            coalesce(import.done, activity.done) AS done
        FROM pg_temp.kpicrm_import AS import
        JOIN activity ON activity.id = import.target_id
        WHERE import.action = 'unchanged'
    ), written AS (
        UPDATE activity
        SET name = wanted.name,
            activity_type_id = wanted.activity_type_id,
            rep_id = wanted.rep_id,
            deal_id = wanted.deal_id,
            lead_id = wanted.lead_id,
            account_id = wanted.account_id,
            planned_at = wanted.planned_at,
            started_at = wanted.started_at,
            ended_at = wanted.ended_at,
            done = wanted.done
        FROM wanted
        WHERE activity.id = wanted.id
            AND (activity.name, activity.activity_type_id, activity.rep_id, activity.deal_id, activity.lead_id, activity.account_id,
                    activity.planned_at, activity.started_at, activity.ended_at, activity.done)
                IS DISTINCT FROM
                (wanted.name, wanted.activity_type_id, wanted.rep_id, wanted.deal_id, wanted.lead_id, wanted.account_id,
                    wanted.planned_at, wanted.started_at, wanted.ended_at, wanted.done)
        RETURNING wanted.row_number
    )
    UPDATE pg_temp.kpicrm_import AS import
    SET action = 'updated'
    FROM written
    WHERE written.row_number = import.row_number;
END;
$$;
COMMENT ON FUNCTION import_staged_activities(boolean) IS
    'steps 2 to 4 of an import of activities';

CREATE FUNCTION import_activities(
    rows jsonb,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    activity_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('activity', import_activities.rows, NULL);
    PERFORM import_staged_activities(coalesce(import_activities.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_activities(jsonb, boolean) IS
    'loads activities from a JSON array of objects, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';

CREATE FUNCTION import_activities(
    staging regclass,
    strict boolean DEFAULT false
) RETURNS TABLE (
    row_number bigint,
    external_id text,
    action text,
    activity_id bigint,
    reason text,
    source_row jsonb
)
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    PERFORM import_stage('activity', NULL, import_activities.staging);
    PERFORM import_staged_activities(coalesce(import_activities.strict, false));
    RETURN QUERY
    SELECT
        result.row_number,
        result.external_id,
        result.action,
        result.target_id,
        result.reason,
        result.source_row
    FROM import_finish() AS result;
END;
$$;
COMMENT ON FUNCTION import_activities(regclass, boolean) IS
    'loads activities from a table or view, with names for keys; one row per row of it: inserted, updated, unchanged, or rejected with the reasons and the row itself';
