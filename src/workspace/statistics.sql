-- renew_statistics: what the planner knows of the tables after a bulk load.
--
-- Autovacuum renews statistics a minute later, and not before the load is committed; it never
-- does for a partitioned table.  Reports that follow at once, as in a nightly script, would be
-- planned as for empty tables.

CREATE FUNCTION renew_statistics() RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    outgrown text;
BEGIN
    SELECT string_agg(relation.oid::regclass::text, ', ')
    INTO outgrown
    FROM pg_class AS relation
    WHERE relation.relnamespace = quote_ident(current_schema())::regnamespace
        AND relation.relname IN ('account', 'lead', 'deal', 'deal_event', 'deal_span', 'phase_stay', 'deal_slip', 'activity', 'kpi_day')
        -- who may not would be warned
        AND pg_has_role(relation.relowner, 'USAGE')
        AND CASE relation.relkind
            WHEN 'p' THEN relation.reltuples < 0
            ELSE pg_relation_size(relation.oid) / current_setting('block_size')::bigint > 2 * relation.relpages
        END;
    IF outgrown IS NOT NULL THEN
        EXECUTE 'ANALYZE ' || outgrown;
    END IF;
END;
$$;
COMMENT ON FUNCTION renew_statistics() IS
    'analyzes the tables of deals, leads and activities, and kpi_day, that have more than doubled since they were, as far as the caller owns them';
