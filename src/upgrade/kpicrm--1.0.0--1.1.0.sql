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

CREATE OR REPLACE FUNCTION kpicrm.upgrade_workspace(workspace text) RETURNS text
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    installed constant text = kpicrm.installed_version();
    present text;
    way text[];
    module record;
BEGIN
    PERFORM kpicrm.reject_unknown_workspace(workspace);
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
        EXECUTE module.ddl;
    END LOOP;
    FOR module IN
        SELECT regexp_replace(modules.ddl, '^CREATE (FUNCTION|VIEW|TRIGGER) ', 'CREATE OR REPLACE \1 ', 'gn') AS ddl
        FROM kpicrm.workspace_modules() AS modules
        WHERE modules.ddl !~ '(?n)^CREATE TABLE '
        ORDER BY modules.load_order
    LOOP
        EXECUTE module.ddl;
    END LOOP;
    FOR module IN
        SELECT step.after_ddl AS ddl
        FROM unnest(way) WITH ORDINALITY AS taken (version, step_no)
        JOIN kpicrm.workspace_steps() AS step ON step.from_version = taken.version
        WHERE step.after_ddl IS NOT NULL
        ORDER BY taken.step_no
    LOOP
        EXECUTE module.ddl;
    END LOOP;
    EXECUTE 'UPDATE setting SET version = $1 WHERE version <> $1' USING installed;
    RETURN installed;
END;
$$;
COMMENT ON FUNCTION kpicrm.upgrade_workspace(text) IS
    'brings a workspace to the installed version, step by step, and returns that; makes its functions, triggers and views anew, also when it has that version already';
