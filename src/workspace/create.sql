-- create_workspace, upgrade_workspace, drop_workspace.
--
-- A workspace is a schema of ordinary objects that belong to the caller.  Its DDL
-- is in the modules that workspace_modules() returns; here they are run with the
-- workspace as the only schema on the search path, so that unqualified names mean
-- the workspace's.  A module holds either tables, which are made once, or code
-- (functions, triggers, views), which upgrade_workspace() replaces in place.

CREATE FUNCTION kpicrm.is_workspace(workspace text) RETURNS boolean
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

CREATE FUNCTION kpicrm.check_workspace_name(workspace text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF workspace IS NULL OR btrim(workspace) = '' THEN
        RAISE EXCEPTION 'a workspace needs a name'
            USING ERRCODE = 'invalid_schema_name',
                  HINT = 'Write for example SELECT kpicrm.create_workspace(''crm'').';
    ELSIF octet_length(workspace) > 63 THEN
        RAISE EXCEPTION 'workspace name "%" is too long', workspace
            USING ERRCODE = 'name_too_long',
                  HINT = 'A schema name has at most 63 bytes.';
    ELSIF workspace ~* 'pg_' OR workspace IN ('kpicrm', 'information_schema') THEN
        RAISE EXCEPTION 'workspace name "%" is reserved', workspace
            USING ERRCODE = 'reserved_name',
                  HINT = 'Names that contain "pg_", and the names kpicrm and information_schema, cannot be used: BI tools hide them.';
    END IF;
END;
$$;
COMMENT ON FUNCTION kpicrm.check_workspace_name(text) IS
    'raises an error unless a workspace can have this name';

CREATE FUNCTION kpicrm.reject_unknown_workspace(workspace text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF kpicrm.is_workspace(workspace) IS NOT TRUE THEN
        RAISE EXCEPTION 'workspace "%" does not exist', coalesce(workspace, 'NULL')
            USING ERRCODE = 'invalid_schema_name',
                  HINT = coalesce('Workspaces: ' || (
                      SELECT string_agg(quote_literal(namespace.nspname), ', ' ORDER BY namespace.nspname)
                      FROM pg_namespace AS namespace
                      WHERE kpicrm.is_workspace(namespace.nspname)
                  ) || '.', 'There is none yet: SELECT kpicrm.create_workspace(''crm'').');
    END IF;
END;
$$;
COMMENT ON FUNCTION kpicrm.reject_unknown_workspace(text) IS
    'raises an error unless there is a workspace of this name';

CREATE FUNCTION kpicrm.installed_version() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT extension.extversion
    FROM pg_catalog.pg_extension AS extension
    WHERE extension.extname = 'kpicrm';
END;
COMMENT ON FUNCTION kpicrm.installed_version() IS
    'version of the extension in this database';

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

CREATE FUNCTION kpicrm.create_workspace(workspace text) RETURNS text
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
COMMENT ON FUNCTION kpicrm.create_workspace(text) IS
    'builds pipeline tables, history, reports and settings in a schema of this name, owned by the caller; returns the name';

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

CREATE FUNCTION kpicrm.upgrade_workspace(workspace text) RETURNS text
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

CREATE FUNCTION kpicrm.drop_workspace(
    workspace text,
    force boolean DEFAULT false
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET client_min_messages = warning
AS $$
DECLARE
    deals bigint;
    foreign_relations text;
BEGIN
    PERFORM kpicrm.reject_unknown_workspace(workspace);
    EXECUTE format('SELECT count(*) FROM %I.deal', workspace) INTO deals;
    SELECT string_agg(relation.relname, ', ' ORDER BY relation.relname)
    INTO foreign_relations
    FROM pg_class AS relation
    WHERE relation.relnamespace = quote_ident(workspace)::regnamespace
        AND relation.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND NOT EXISTS (
            SELECT
            FROM kpicrm.workspace_modules() AS modules
            CROSS JOIN LATERAL regexp_matches(modules.ddl, '^CREATE (?:TABLE|VIEW) ([a-z_]+)', 'gn') AS created (names)
            WHERE created.names[1] = relation.relname
        );
    IF deals > 0 AND force IS NOT TRUE THEN
        RAISE EXCEPTION 'workspace "%" holds % deals', workspace, deals
            USING ERRCODE = 'dependent_objects_still_exist',
                  HINT = format('To drop it with all of its data: SELECT kpicrm.drop_workspace(%L, force => true).', workspace);
    ELSIF foreign_relations IS NOT NULL AND force IS NOT TRUE THEN
        RAISE EXCEPTION 'workspace "%" holds relations that kpicrm did not make', workspace
            USING ERRCODE = 'dependent_objects_still_exist',
                  DETAIL = format('These are %s.', foreign_relations),
                  HINT = format('Move them to another schema, or drop them with the workspace: SELECT kpicrm.drop_workspace(%L, force => true).', workspace);
    END IF;
    EXECUTE format('DROP SCHEMA %I CASCADE', workspace);
END;
$$;
COMMENT ON FUNCTION kpicrm.drop_workspace(text, boolean) IS
    'drops a workspace and all that is in its schema; refuses while there are deals or relations of your own, unless forced';
