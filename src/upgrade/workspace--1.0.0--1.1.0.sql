-- 1.1.0: deal_span, the deal as it was from each event to the next.

-- Until the new triggers keep it, nobody writes.
LOCK TABLE deal IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE deal_span (
    deal_id bigint NOT NULL,
    span_no integer NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone,
    phase_id bigint,
    entered_at timestamp with time zone,
    rep_id bigint,
    product_id bigint,
    amount numeric(18, 2),
    expected_close_on date,
    previous_phase_id bigint,
    previous_rep_id bigint,
    previous_product_id bigint,
    previous_amount numeric(18, 2),
    CONSTRAINT deal_span_pkey PRIMARY KEY (deal_id, span_no),
    CONSTRAINT deal_span_ends_after_it_starts CHECK (ends_at >= starts_at)
);
COMMENT ON TABLE deal_span IS
    'One row per span of time in which nothing of a deal changed, of deleted deals too; derived from deal_event, do not write here.';
COMMENT ON COLUMN deal_span.deal_id IS 'deal';
COMMENT ON COLUMN deal_span.span_no IS 'number of the span within the deal, from 1';
COMMENT ON COLUMN deal_span.starts_at IS 'instant of the event it begins with';
COMMENT ON COLUMN deal_span.ends_at IS 'instant of the next event; NULL: it lasts until now';
COMMENT ON COLUMN deal_span.phase_id IS 'phase the deal is in; NULL: not yet known, or the deal is deleted';
COMMENT ON COLUMN deal_span.entered_at IS 'instant it entered that phase';
COMMENT ON COLUMN deal_span.rep_id IS 'rep who has it';
COMMENT ON COLUMN deal_span.product_id IS 'product';
COMMENT ON COLUMN deal_span.amount IS 'amount';
COMMENT ON COLUMN deal_span.expected_close_on IS 'day of the expected close';
COMMENT ON COLUMN deal_span.previous_phase_id IS 'phase in the span before';
COMMENT ON COLUMN deal_span.previous_rep_id IS 'rep in the span before';
COMMENT ON COLUMN deal_span.previous_product_id IS 'product in the span before';
COMMENT ON COLUMN deal_span.previous_amount IS 'amount in the span before';

-- Who may read or write the stays may do the same with the spans, and sees as much of them.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format(
            'GRANT %s ON deal_span TO %s',
            string_agg(privilege.privilege_type, ', '),
            CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(privilege.grantee)) END
        )
        FROM pg_catalog.pg_class AS stays
        CROSS JOIN LATERAL pg_catalog.aclexplode(stays.relacl) AS privilege
        WHERE stays.oid = 'phase_stay'::regclass
            AND privilege.grantee <> stays.relowner
        GROUP BY privilege.grantee
        UNION ALL
        SELECT 'ALTER TABLE deal_span ENABLE ROW LEVEL SECURITY'
        FROM pg_catalog.pg_class AS stays
        WHERE stays.oid = 'phase_stay'::regclass
            AND stays.relrowsecurity
        UNION ALL
        SELECT 'ALTER TABLE deal_span FORCE ROW LEVEL SECURITY'
        FROM pg_catalog.pg_class AS stays
        WHERE stays.oid = 'phase_stay'::regclass
            AND stays.relforcerowsecurity
        UNION ALL
        SELECT format(
            'CREATE POLICY %I ON deal_span AS %s FOR %s TO %s%s%s',
            policy.polname,
            CASE WHEN policy.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
            CASE policy.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            (
                SELECT string_agg(CASE role.oid WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(role.oid)) END, ', ')
                FROM unnest(policy.polroles) AS role (oid)
            ),
            ' USING (' || pg_catalog.pg_get_expr(policy.polqual, policy.polrelid) || ')',
            ' WITH CHECK (' || pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) || ')'
        )
        FROM pg_catalog.pg_policy AS policy
        WHERE policy.polrelid = 'phase_stay'::regclass
    LOOP
        EXECUTE statement;
    END LOOP;
END;
$$;
