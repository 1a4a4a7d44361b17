-- grant_workspace: what a role needs to read or to write a workspace.
--
-- Triggers and reports run with the rights of the caller, so a writer needs the
-- history, too.  What defines the numbers (setting, kpi, kpi_link, calendar) a writer
-- may read only: it stays with the owner.

CREATE FUNCTION kpicrm.grant_workspace(
    workspace text,
    role text,
    privilege text DEFAULT 'read'
) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text;
BEGIN
    PERFORM kpicrm.reject_unknown_workspace(workspace);
    PERFORM kpicrm.checked_option('privilege', privilege, 'read', 'write');
    IF NOT EXISTS (SELECT FROM pg_roles AS known WHERE known.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', coalesce(role, 'NULL')
            USING ERRCODE = 'undefined_object',
                  HINT = format('Create it first: CREATE ROLE %I.', coalesce(role, 'crm_reader'));
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', workspace, role);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', workspace, role);
    -- views that a later version brings
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO %I', workspace, role);
    IF privilege = 'write' THEN
        SELECT string_agg(format('%I.%I', workspace, relation.relname), ', ')
        INTO written
        FROM pg_class AS relation
        WHERE relation.relnamespace = quote_ident(workspace)::regnamespace
            AND relation.relkind IN ('r', 'p')
            AND relation.relname NOT IN ('setting', 'kpi', 'kpi_link', 'calendar');
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO %I', written, role);
        -- UPDATE lets rebuild_history() move a sequence past imported keys
        EXECUTE format('GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %I TO %I', workspace, role);
    END IF;
END;
$$;
COMMENT ON FUNCTION kpicrm.grant_workspace(text, text, text) IS
    'lets a role read a workspace (read), or also write all of it but setting, kpi, kpi_link and calendar (write); what it has already stays';
