-- 1.1.0: a workspace comes from one version to the next by steps (workspace_steps, which the
-- build appends, as it does the modules of a workspace); a partitioned deal_event makes no
-- workspace less.

CREATE OR REPLACE FUNCTION kpicrm.is_workspace(workspace text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT count(*) = 3
    FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = is_workspace.workspace
        AND relation.relkind IN ('r', 'p')
        AND relation.relname IN ('setting', 'deal', 'deal_event');
END;
COMMENT ON FUNCTION kpicrm.is_workspace(text) IS
    'does the schema of this name hold a workspace?';

-- fiscal periods in C: reports ask for them row by row
CREATE OR REPLACE FUNCTION kpicrm.fiscal_month(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_month_of';

CREATE OR REPLACE FUNCTION kpicrm.fiscal_year(
    day date,
    start_month integer DEFAULT 1
) RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_year_of';

CREATE OR REPLACE FUNCTION kpicrm.fiscal_period_start(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_start';

CREATE OR REPLACE FUNCTION kpicrm.fiscal_period_end(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS date
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_end';

CREATE OR REPLACE FUNCTION kpicrm.fiscal_period_label(
    day date,
    grain text,
    start_month integer DEFAULT 1,
    week_start integer DEFAULT 1
) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'kpicrm_fiscal_period_label';

-- a workspace is not made in a schema of somebody else, and an upgrade runs as its owner
CREATE FUNCTION kpicrm.reject_taken_schema(workspace text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    existing text;
    owner text;
    renamed text;
BEGIN
    -- Functions count too: drop_workspace() would take them along.
    SELECT string_agg(object.name, ', ' ORDER BY object.name)
    INTO existing
    FROM (
        SELECT relation.relname::text AS name
        FROM pg_class AS relation
        JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
        WHERE namespace.nspname = workspace
            AND relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT routine.proname || '()'
        FROM pg_proc AS routine
        JOIN pg_namespace AS namespace ON namespace.oid = routine.pronamespace
        WHERE namespace.nspname = workspace
    ) AS object;
    IF kpicrm.is_workspace(workspace) THEN
        RAISE EXCEPTION 'workspace "%" already exists', workspace
            USING ERRCODE = 'duplicate_schema',
                  HINT = 'Choose another name, or bring it up to date with kpicrm.upgrade_workspace().';
    ELSIF existing IS NOT NULL THEN
        RAISE EXCEPTION 'schema "%" is not empty', workspace
            USING ERRCODE = 'duplicate_schema',
                  DETAIL = format('It holds %s.', existing),
                  HINT = 'A workspace needs a schema of its own: choose another name.';
    END IF;

    -- whoever owns the schema could put code of their own beside ours
    SELECT pg_get_userbyid(namespace.nspowner)
    INTO owner
    FROM pg_namespace AS namespace
    WHERE namespace.nspname = workspace;
    IF owner <> current_user THEN
        RAISE EXCEPTION 'schema "%" belongs to role "%"', workspace, owner
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Let that role create the workspace, or choose another name.';
    END IF;
    -- the functions of a workspace name their schema
    SELECT routine.pronamespace::regnamespace::text
    INTO renamed
    FROM pg_proc AS routine
    WHERE routine.proconfig @> ARRAY[format('search_path=%I, pg_temp', workspace)]
        AND routine.pronamespace <> coalesce(to_regnamespace(quote_ident(workspace)), 0)
    LIMIT 1;
    IF renamed IS NOT NULL THEN
        RAISE EXCEPTION 'workspace % had the name "%" and has not been upgraded since', renamed, workspace
            USING ERRCODE = 'duplicate_schema',
                  HINT = format('Its functions would write here: SELECT kpicrm.upgrade_workspace(%L).', renamed);
    END IF;
END;
$$;
COMMENT ON FUNCTION kpicrm.reject_taken_schema(text) IS
    'raises an error unless a new workspace can be in the schema of this name: there is none, or an empty one of the caller''s';

CREATE OR REPLACE FUNCTION kpicrm.create_workspace(workspace text) RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    module record;
BEGIN
    PERFORM kpicrm.check_workspace_name(workspace);
    PERFORM kpicrm.reject_taken_schema(workspace);
    IF to_regnamespace(quote_ident(workspace)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', workspace);
        EXECUTE format('COMMENT ON SCHEMA %I IS %L', workspace, 'kpicrm workspace: pipeline, history and reports');
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', workspace), true);
    FOR module IN SELECT modules.ddl FROM kpicrm.workspace_modules() AS modules ORDER BY modules.load_order LOOP
        EXECUTE module.ddl;
    END LOOP;
    EXECUTE 'INSERT INTO setting (version) VALUES ($1)' USING kpicrm.installed_version();
    -- Autovacuum never looks at a table of one row, but every report joins it.
    EXECUTE 'ANALYZE setting';
    RETURN workspace;
END;
$$;
CREATE FUNCTION kpicrm.execute_as(
    role regrole,
    statement text
) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'kpicrm_execute_as';
COMMENT ON FUNCTION kpicrm.execute_as(regrole, text) IS
    'runs statements as a role that the caller may become, with no way back from it for what they call';

CREATE FUNCTION kpicrm.claim_workspace(workspace text) RETURNS regrole
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    home constant oid = to_regnamespace(quote_ident(workspace));
    owner constant regrole = (SELECT relation.relowner FROM pg_class AS relation WHERE relation.relnamespace = home AND relation.relname = 'setting');
    stray record;
BEGIN
    IF NOT pg_has_role(owner, 'MEMBER') THEN
        RAISE EXCEPTION 'workspace "%" belongs to role "%"', workspace, pg_get_userbyid(owner)
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Let that role do it, or a superuser.';
    END IF;
    -- what an upgrade of an earlier version left with the role that called it
    FOR stray IN
        WITH made AS (
            SELECT DISTINCT created.names[1] AS name
            FROM kpicrm.workspace_modules() AS modules
            CROSS JOIN LATERAL regexp_matches(modules.ddl, '^CREATE (?:TABLE|VIEW|FUNCTION) ([a-z_0-9]+)', 'gn') AS created (names)
        )
        SELECT format('ALTER %s %I.%I OWNER TO %s', CASE relation.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, workspace, relation.relname, owner) AS ddl
        FROM pg_class AS relation
        JOIN made ON made.name = relation.relname
        WHERE relation.relnamespace = home
            AND relation.relkind IN ('r', 'p', 'v')
            AND relation.relowner <> owner
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO %s', routine.oid::regprocedure, owner)
        FROM pg_proc AS routine
        JOIN made ON made.name = routine.proname
        WHERE routine.pronamespace = home
            AND routine.proowner <> owner
    LOOP
        EXECUTE stray.ddl;
    END LOOP;
    RETURN owner;
END;
$$;
COMMENT ON FUNCTION kpicrm.claim_workspace(text) IS
    'the owner of a workspace, to whom all that kpicrm made in it belongs afterwards; raises an error unless the caller may become that role';

CREATE OR REPLACE FUNCTION kpicrm.upgrade_workspace(workspace text) RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    installed constant text = kpicrm.installed_version();
    owner regrole;
    present text;
    way text[];
    module record;
BEGIN
    PERFORM kpicrm.reject_unknown_workspace(workspace);
    owner = kpicrm.claim_workspace(workspace);
    EXECUTE format('SELECT setting.version FROM %I.setting', workspace) INTO present;
    WITH RECURSIVE taken AS (
        SELECT
            present AS version,
            '{}'::text[] AS way
        UNION ALL
        SELECT
            step.to_version,
            taken.way || step.from_version
        FROM taken
        JOIN kpicrm.workspace_steps() AS step ON step.from_version = taken.version
        WHERE taken.version <> installed
    )
    SELECT taken.way INTO way FROM taken WHERE taken.version = installed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workspace "%" has version %, and there is no way from there to %', workspace, coalesce(present, 'unknown'), installed
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Install the version of kpicrm the workspace was made with, or a later one: ALTER EXTENSION kpicrm UPDATE.';
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', workspace), true);
    FOR module IN
        SELECT step.ddl
        FROM unnest(way) WITH ORDINALITY AS taken (version, step_no)
        JOIN kpicrm.workspace_steps() AS step ON step.from_version = taken.version
        ORDER BY taken.step_no
    LOOP
        PERFORM kpicrm.execute_as(owner, module.ddl);
    END LOOP;
    FOR module IN
        SELECT regexp_replace(modules.ddl, '^CREATE (FUNCTION|VIEW|TRIGGER) ', 'CREATE OR REPLACE \1 ', 'gn') AS ddl
        FROM kpicrm.workspace_modules() AS modules
        WHERE modules.ddl !~ '(?n)^CREATE TABLE '
        ORDER BY modules.load_order
    LOOP
        PERFORM kpicrm.execute_as(owner, module.ddl);
    END LOOP;
    FOR module IN
        SELECT step.after_ddl AS ddl
        FROM unnest(way) WITH ORDINALITY AS taken (version, step_no)
        JOIN kpicrm.workspace_steps() AS step ON step.from_version = taken.version
        WHERE step.after_ddl IS NOT NULL
        ORDER BY taken.step_no
    LOOP
        PERFORM kpicrm.execute_as(owner, module.ddl);
    END LOOP;
    PERFORM kpicrm.execute_as(owner, format('UPDATE setting SET version = %1$L WHERE version <> %1$L', installed));
    RETURN installed;
END;
$$;
COMMENT ON FUNCTION kpicrm.upgrade_workspace(text) IS
    'brings a workspace to the installed version, step by step, and returns that; makes its functions, triggers and views anew, also when it has that version already';

-- the page: short amounts have a decimal, columns as many labels as fit, legends and notes a style;
-- wide tables fit on paper
CREATE OR REPLACE FUNCTION kpicrm.html_number(
    value double precision,
    unit text,
    language text DEFAULT 'en'
) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE unit
        WHEN 'count' THEN to_char(round(value::numeric), 'FM999,999,999,999,999,990')
        WHEN 'amount' THEN to_char(round(value::numeric), 'FM999,999,999,999,999,990')
        WHEN 'short_amount' THEN CASE
            WHEN language = 'ja' AND abs(value) >= 1e8 THEN to_char(value::numeric / 1e8, 'FM999,999,990.0') || '億'
            -- below 100 a whole number says too little
            WHEN language = 'ja' AND abs(value) >= 1e4 THEN to_char(value::numeric / 1e4, CASE WHEN abs(value) < 99.95e4 THEN 'FM990.0' ELSE 'FM999,990' END) || '万'
            WHEN language <> 'ja' AND abs(value) >= 1e9 THEN to_char(value::numeric / 1e9, 'FM999,999,990.0') || ' bn'
            WHEN language <> 'ja' AND abs(value) >= 1e6 THEN to_char(value::numeric / 1e6, 'FM999,999,990.0') || ' m'
            WHEN language <> 'ja' AND abs(value) >= 1e3 THEN to_char(value::numeric / 1e3, CASE WHEN abs(value) < 99.95e3 THEN 'FM990.0' ELSE 'FM999,990' END) || ' k'
            ELSE to_char(value::numeric, 'FM999,999,990')
        END
        WHEN 'rate' THEN to_char(100 * value::numeric, 'FM999,990.0') || ' %'
        ELSE to_char(value::numeric, 'FM999,999,999,990.0')
    END;
COMMENT ON FUNCTION kpicrm.html_number(double precision, text, text) IS
    'a number as people read it: unit is count, amount, short_amount (thousands, millions; 万, 億), rate (per cent), days, hours or score';

CREATE OR REPLACE FUNCTION kpicrm.svg_columns(
    title text,
    description text,
    labels text[],
    bars double precision[],
    marks double precision[] DEFAULT NULL
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH bar AS (
        SELECT
            listed.nth,
            listed.label,
            greatest(coalesce(listed.value, 0), 0) AS value,
            listed.mark
        FROM unnest(labels, bars, marks) WITH ORDINALITY AS listed (label, value, mark, nth)
    ), scale AS (
        SELECT
            greatest(max(greatest(bar.value, bar.mark)), 0) AS high,
            count(*) AS count,
            328.0 / nullif(count(*), 0) AS room,
            7.5 * max(octet_length(left(bar.label, 24)) + char_length(left(bar.label, 24))) / 2 AS label_width
        FROM bar
    ), step AS (
        SELECT
            CASE
                WHEN scale.label_width + 8 <= scale.room THEN 1
                -- those at both edges would meet
                WHEN 2 * scale.label_width + 8 > 328 THEN scale.count
                -- the first is at the edge, so that the second must be further away
                ELSE greatest(ceil((scale.label_width + 8) / scale.room), ceil((1.5 * scale.label_width + 8) / scale.room - 0.5))
            END::bigint AS columns
        FROM scale
    ), placed AS (
        SELECT
            bar.nth,
            CASE WHEN (bar.nth - 1) % step.columns = 0 THEN kpicrm.html_label(bar.label) END AS label,
            (bar.nth - 0.5) * scale.room < scale.label_width / 2 AS is_at_start,
            (scale.count - bar.nth + 0.5) * scale.room < scale.label_width / 2 AS is_at_end,
            100.0 * (bar.nth - 0.85) / scale.count AS x,
            70.0 / scale.count AS width,
            140 * bar.value / nullif(scale.high, 0) AS height,
            150 - 140 * bar.mark / nullif(scale.high, 0) AS mark,
            scale.count
        FROM bar
        CROSS JOIN scale
        CROSS JOIN step
    )
    SELECT '<svg class="columns" role="img" width="100%" height="172"><title>' || kpicrm.html_escape(title) || '</title><desc>' || kpicrm.html_escape(description)
        || '</desc><line class="axis" x1="0" x2="100%" y1="150.5" y2="150.5"/>' || string_agg(
            '<rect class="bar" x="' || round(placed.x::numeric, 3)::text || '%" y="' || round((150 - coalesce(placed.height, 0))::numeric, 2)::text || '" width="' || round(placed.width::numeric, 3)::text
            || '%" height="' || round(coalesce(placed.height, 0)::numeric, 2)::text || '"/>'
            || CASE WHEN placed.mark IS NULL THEN '' ELSE
                '<line class="mark" x1="' || round((placed.x - 7.0 / placed.count)::numeric, 3)::text || '%" x2="' || round((placed.x + 77.0 / placed.count)::numeric, 3)::text
                || '%" y1="' || round(placed.mark::numeric, 2)::text || '" y2="' || round(placed.mark::numeric, 2)::text || '"/>' END
            || CASE
                WHEN placed.label IS NULL THEN ''
                WHEN placed.nth = 1 AND placed.is_at_start THEN '<text class="label" x="0" y="167">' || placed.label || '</text>'
                WHEN placed.nth = placed.count AND placed.is_at_end THEN '<text class="value" x="100%" y="167">' || placed.label || '</text>'
                WHEN placed.is_at_end THEN ''
                ELSE '<text class="middle" x="' || round(100.0 * (placed.nth - 0.5) / placed.count, 3)::text || '%" y="167">' || placed.label || '</text>' END,
            '' ORDER BY placed.nth
        ) || '</svg>'
    FROM placed;
END;
COMMENT ON FUNCTION kpicrm.svg_columns(text, text, text[], double precision[], double precision[]) IS
    'upright columns over periods with a mark where each should be; NULL without columns';

CREATE OR REPLACE FUNCTION kpicrm.html_style() RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN $css$
:root { --ink: #1d2733; --soft: #5b6875; --paper: #ffffff; --line: #d7dde3; --tile: #f4f6f8; --bar: #0072b2; --minus: #d55e00; --mark: #1d2733; --heat: 0, 114, 178; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #9aa7b4; --paper: #14191f; --line: #36414c; --tile: #1d252d; --bar: #56b4e9; --minus: #e69f00; --mark: #e6ebf0; --heat: 86, 180, 233; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "Hiragino Sans", "Noto Sans JP", "Noto Sans CJK JP", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2rem 0 0; border-top: 2px solid var(--line); padding-top: .75rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
header p, .question, .empty { color: var(--soft); margin: .1rem 0 .75rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .75rem; }
.tile { background: var(--tile); border-radius: .5rem; padding: .6rem .75rem; border-left: 4px solid var(--line); }
.tile h3 { margin: 0; font-weight: 500; color: var(--soft); } .tile .big { font-size: 1.5rem; margin: 0; font-weight: 600; } .tile .goal { margin: 0; font-size: .85rem; }
.tile.met, .tile.on_track { border-left-color: var(--bar); } .tile.at_risk, .tile.behind { border-left-color: var(--minus); }
.table { overflow-x: auto; margin: .5rem 0 1rem; } table { border-collapse: collapse; width: 100%; font-size: .85rem; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; } th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--line); padding: .25rem .5rem; vertical-align: bottom; min-width: 4rem; overflow-wrap: normal; } th.number, th.none { text-align: right; }
td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; vertical-align: top; min-width: 3.5rem; overflow-wrap: break-word; } td:first-child { min-width: 6rem; } td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; } td.none { text-align: right; color: var(--soft); }
td.heat { background: rgba(var(--heat), calc(var(--share) * .6)); }
svg { display: block; margin: .5rem 0; } svg text { fill: var(--ink); font-size: 13px; } svg .value { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .bar { fill: var(--bar); } svg .minus { fill: var(--minus); } svg .mark { stroke: var(--mark); stroke-width: 2; } svg .axis { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; } svg .grid { stroke: var(--line); vector-effect: non-scaling-stroke; }
svg polyline { fill: none; stroke: var(--bar); stroke-width: 2; vector-effect: non-scaling-stroke; } svg .other { stroke: var(--minus); stroke-dasharray: 6 4; }
.legend, .note { font-size: 13px; margin: .25rem 0; } .legend span { margin-right: 1rem; white-space: nowrap; } .legend svg { display: inline-block; vertical-align: middle; margin: 0 .4rem 0 0; } .note { color: var(--soft); }
@media print { body { max-width: none; font-size: 11px; } section { break-inside: avoid-page; } h2 { break-after: avoid; } tr, .tile, svg { break-inside: avoid; } h3, .legend { break-after: avoid; } .note { font-size: 9px; break-before: avoid; } .table { overflow: visible; } table { font-size: 9px; } th, td, td:first-child { min-width: 0; padding: .15rem .2rem; } th { hyphens: auto; } }
@page { size: A4; margin: 14mm; }
$css$;
COMMENT ON FUNCTION kpicrm.html_style() IS
    'style sheet of report_html';

-- what the generator makes has ended when its time does
CREATE OR REPLACE FUNCTION kpicrm.demo_activities(
    stream bigint,
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    -- About one action a week while a deal is open, planned ones for most open deals.
    INSERT INTO activity (name, activity_type_id, rep_id, deal_id, account_id, planned_at, started_at, ended_at, done)
    SELECT
        kind.name,
        kind.id,
        stay.rep_id,
        stay.deal_id,
        deal.account_id,
        done.at,
        done.at,
        -- none is done that has not ended yet
        least(ends_at, done.at + (10 + floor(80 * kpicrm.demo_share(drawn.row_number, stream + 61) ^ 2) + CASE WHEN kind.counts_as_visit THEN 30 ELSE 0 END) * interval '1 minute'),
        true
    FROM phase_stay AS stay
    JOIN phase ON phase.id = stay.phase_id AND phase.kind = 'open'
    JOIN deal ON deal.id = stay.deal_id
    CROSS JOIN LATERAL (SELECT least(coalesce(stay.left_at, ends_at), stay.entered_at + interval '90 days') AS until) AS span
    CROSS JOIN LATERAL generate_series(1, least(12, ceil(EXTRACT(epoch FROM span.until - stay.entered_at) / 604800))::integer) AS no
    CROSS JOIN LATERAL (SELECT (stay.deal_id * 16 + stay.stay_no) * 16 + no AS row_number) AS drawn
    CROSS JOIN LATERAL (SELECT stay.entered_at + kpicrm.demo_share(drawn.row_number, stream + 60) * (span.until - stay.entered_at) AS at) AS done
    JOIN activity_type AS kind
        ON kind.name = (ARRAY['Call', 'Mail', 'Visit', 'Online meeting'])[1 + width_bucket(kpicrm.demo_share(drawn.row_number, stream + 62), ARRAY[0.35, 0.65, 0.8]::double precision[])];

    INSERT INTO activity (name, activity_type_id, rep_id, deal_id, account_id, planned_at)
    SELECT
        'Next step',
        kind.id,
        deal.rep_id,
        deal.id,
        deal.account_id,
        (deal.next_action_on + time '10:00') AT TIME ZONE zone
    FROM deal
    JOIN activity_type AS kind ON kind.name = 'Call'
    WHERE deal.next_action_on IS NOT NULL;

    -- Calls on leads, whether or not a deal came of them.
    INSERT INTO activity (name, activity_type_id, rep_id, lead_id, account_id, started_at, ended_at, done)
    SELECT
        'First contact',
        kind.id,
        lead.rep_id,
        lead.id,
        lead.account_id,
        lead.created_at + interval '3 hours',
        lead.created_at + interval '3 hours' + (5 + 20 * kpicrm.demo_share(lead.id, stream + 63)) * interval '1 minute',
        true
    FROM lead
    JOIN activity_type AS kind ON kind.name = CASE WHEN kpicrm.demo_share(lead.id, stream + 64) < 0.7 THEN 'Call' ELSE 'Mail' END
    WHERE kpicrm.demo_share(lead.id, stream + 65) < 0.8
        AND lead.created_at + interval '4 hours' <= ends_at;

    INSERT INTO inquiry (name, account_id, rep_id, received_at, responded_at, resolved_at)
    SELECT
        'Question ' || account.id || '/' || no,
        account.id,
        account.rep_id,
        asked.at,
        CASE WHEN asked.at + answer.wait <= ends_at AND kpicrm.demo_share(account.id * 4 + no, stream + 72) < 0.93 THEN asked.at + answer.wait END,
        CASE WHEN asked.at + 4 * answer.wait <= ends_at AND kpicrm.demo_share(account.id * 4 + no, stream + 72) < 0.8 THEN asked.at + 4 * answer.wait END
    FROM account
    CROSS JOIN generate_series(1, 3) AS no
    CROSS JOIN LATERAL (SELECT account.first_seen_at + kpicrm.demo_share(account.id * 4 + no, stream + 70) * greatest(interval '0', ends_at - account.first_seen_at) AS at) AS asked
    CROSS JOIN LATERAL (SELECT exp(2 + 1.2 * kpicrm.demo_normal(account.id * 4 + no, stream + 71)) * interval '1 hour' AS wait) AS answer
    WHERE kpicrm.demo_share(account.id * 4 + no, stream + 73) < 0.5
        AND asked.at < ends_at;

    INSERT INTO feedback (account_id, rep_id, kind, score, received_at)
    SELECT
        inquiry.account_id,
        inquiry.rep_id,
        CASE WHEN inquiry.id % 2 = 0 THEN 'csat' ELSE 'nps' END,
        CASE WHEN inquiry.id % 2 = 0 THEN 1 + round(4 * kpicrm.demo_share(inquiry.id, stream + 75) ^ 0.4) ELSE round(10 * kpicrm.demo_share(inquiry.id, stream + 76) ^ 0.4) END,
        inquiry.resolved_at
    FROM inquiry
    WHERE inquiry.resolved_at IS NOT NULL
        AND kpicrm.demo_share(inquiry.id, stream + 74) < 0.5
    ORDER BY inquiry.id;
END;
$$;

-- digits are 0 to 9, whatever the database takes for one
CREATE OR REPLACE FUNCTION kpicrm.parsed_date(value text) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    -- long months, short months, February, February 29
    RETURN CASE
        WHEN value ~ ('^([0-9]{4}[-/](0?[13578]|1[02])[-/](0?[1-9]|[12][0-9]|3[01])'
                || '|[0-9]{4}[-/](0?[469]|11)[-/](0?[1-9]|[12][0-9]|30)'
                || '|[0-9]{4}[-/]0?2[-/](0?[1-9]|1[0-9]|2[0-8])'
                || '|([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)[-/]0?2[-/]29)'
                || '([T ]00:00(:00([.]0+)?)?)?$')
            AND value !~ '^0000'
            THEN translate(split_part(translate(value, 'T', ' '), ' ', 1), '/', '-')::date
    END;
CREATE OR REPLACE FUNCTION kpicrm.parsed_instant(
    value text,
    zone text
) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE
        WHEN kpicrm.parsed_date(split_part(translate(value, 'T', ' '), ' ', 1)) IS NULL
            THEN NULL
        WHEN value ~ '^[-/0-9]+([T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?)?$'
            THEN translate(value, '/', '-')::timestamp without time zone AT TIME ZONE zone
        WHEN value ~ '^[-/0-9]+[T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)? ?(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)$'
            THEN translate(value, '/', '-')::timestamp with time zone
    END;
CREATE OR REPLACE FUNCTION kpicrm.parsed_amount(value text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN value ~* '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9][0-9]?)?$'
            THEN CASE WHEN length(value) <= 100 AND abs(round(value::numeric, 2)) < 1e16 THEN round(value::numeric, 2) END
    END;
