\echo Use "CREATE EXTENSION kpicrm" to load this file. \quit

/*
 * The schema is created here, not named in the control file: a schema that
 * somebody prepared in advance must stop the installation instead of lending
 * its functions to it.  During the script only pg_catalog is searched, so every
 * object below carries its schema.
 */
CREATE SCHEMA kpicrm;
COMMENT ON SCHEMA kpicrm IS
    'CRM and sales KPIs: mergeable states, aggregates and the workspace constructor';
GRANT USAGE ON SCHEMA kpicrm TO PUBLIC;
