-- 1.1.0: deal_span, the deal as it was from each event to the next; kpi_day, KPIs added up by day,
-- and kpi_day_pace, stays that are over; indexes that hold what reports on customers and sources read.

-- A KPI of one's own over a fact of that name would count another one from now on.
DO $$
DECLARE
    taken text;
BEGIN
    SELECT string_agg(format('"%s"', fact.name), ', ' ORDER BY fact.name)
    INTO taken
    FROM unnest('{deal_effort,lead_outcome,prospect_stay}'::text[]) AS fact (name)
    WHERE EXISTS (SELECT FROM pg_class AS relation WHERE relation.relnamespace = quote_ident(current_schema())::regnamespace AND relation.relname = fact.name)
        OR EXISTS (SELECT FROM pg_proc AS routine WHERE routine.pronamespace = quote_ident(current_schema())::regnamespace AND routine.proname = fact.name);
    IF taken IS NOT NULL THEN
        RAISE EXCEPTION 'workspace "%" has something of its own with the name of a new fact: %', current_schema(), taken
            USING ERRCODE = 'duplicate_object',
                  HINT = 'Give it another name, here and in kpi.fact, and upgrade the workspace then.';
    END IF;
END;
$$;

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
COMMENT ON COLUMN deal_span.entered_at IS 'instant it entered that phase; of a deleted deal, the phase before';
COMMENT ON COLUMN deal_span.rep_id IS 'rep who has it';
COMMENT ON COLUMN deal_span.product_id IS 'product';
COMMENT ON COLUMN deal_span.amount IS 'amount';
COMMENT ON COLUMN deal_span.expected_close_on IS 'day of the expected close';
COMMENT ON COLUMN deal_span.previous_phase_id IS 'phase in the span before';
COMMENT ON COLUMN deal_span.previous_rep_id IS 'rep in the span before';
COMMENT ON COLUMN deal_span.previous_product_id IS 'product in the span before';
COMMENT ON COLUMN deal_span.previous_amount IS 'amount in the span before';

CREATE TABLE kpi_day (
    kpi_code text NOT NULL,
    dimension_name text NOT NULL,
    grain text NOT NULL,
    day date NOT NULL,
    member_ids bigint[] NOT NULL,
    numerators numeric[] NOT NULL,
    denominators numeric[] NOT NULL,
    row_counts bigint[] NOT NULL,
    CONSTRAINT kpi_day_pkey PRIMARY KEY (kpi_code, dimension_name, grain, day)
);
COMMENT ON TABLE kpi_day IS
    'One row per KPI, dimension and day or month, with all members of the dimension; derived by refresh_kpi_days(), do not write here.';
COMMENT ON COLUMN kpi_day.kpi_code IS 'KPI, or part of a report';
COMMENT ON COLUMN kpi_day.dimension_name IS 'all, rep, product, source or pipeline; teams follow from reps';
COMMENT ON COLUMN kpi_day.grain IS 'day, or month: what its days add up to';
COMMENT ON COLUMN kpi_day.day IS 'day in the workspace''s time zone; the first of a month';
COMMENT ON COLUMN kpi_day.member_ids IS 'keys of the members; NULL for all, and for what has no member';
COMMENT ON COLUMN kpi_day.numerators IS 'numerators, in the order of the members';
COMMENT ON COLUMN kpi_day.denominators IS 'denominators, in the order of the members; NULL for what has none';
COMMENT ON COLUMN kpi_day.row_counts IS 'rows that were counted, in the order of the members';

CREATE TABLE kpi_day_cover (
    kpi_code text NOT NULL,
    definition_hash text NOT NULL,
    version text NOT NULL,
    time_zone text NOT NULL,
    latest_at timestamp with time zone NOT NULL,
    CONSTRAINT kpi_day_cover_pkey PRIMARY KEY (kpi_code)
);
COMMENT ON TABLE kpi_day_cover IS
    'One row per KPI that kpi_day holds, on every day that has rows; derived by refresh_kpi_days(), do not write here.';
COMMENT ON COLUMN kpi_day_cover.kpi_code IS 'KPI, or part of a report';
COMMENT ON COLUMN kpi_day_cover.definition_hash IS 'definition it was measured by; with another one kpi_day is not read';
COMMENT ON COLUMN kpi_day_cover.version IS 'version of the workspace it was measured by';
COMMENT ON COLUMN kpi_day_cover.time_zone IS 'time zone its days are in';
COMMENT ON COLUMN kpi_day_cover.latest_at IS 'latest opening or change of phase of a deal, for some the latest activity, that was known then; reports of an earlier instant count the facts';

CREATE TABLE kpi_day_stale (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    fact text NOT NULL,
    day date,
    is_whole boolean NOT NULL DEFAULT false,
    waits_for_xid bigint,
    CONSTRAINT kpi_day_stale_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE kpi_day_stale IS
    'One row per change of a day since kpi_day was refreshed: triggers write it, refresh_kpi_days() removes it.';
COMMENT ON COLUMN kpi_day_stale.id IS 'key';
COMMENT ON COLUMN kpi_day_stale.fact IS 'fact whose rows changed';
COMMENT ON COLUMN kpi_day_stale.day IS 'day whose rows changed; NULL: any, if is_whole';
COMMENT ON COLUMN kpi_day_stale.is_whole IS 'has every day of the fact to be counted again?';
COMMENT ON COLUMN kpi_day_stale.waits_for_xid IS 'the row stays until all transactions below this number have ended, which may have been writing when a refresh first saw it; NULL: none has';

CREATE TABLE kpi_day_pace (
    phase_id bigint NOT NULL,
    stays text NOT NULL,
    until_at timestamp with time zone NOT NULL,
    version text NOT NULL,
    CONSTRAINT kpi_day_pace_pkey PRIMARY KEY (phase_id)
);
COMMENT ON TABLE kpi_day_pace IS
    'One row per phase with the stays in it that are over; derived by refresh_kpi_days(), do not write here.';
COMMENT ON COLUMN kpi_day_pace.phase_id IS 'phase';
COMMENT ON COLUMN kpi_day_pace.stays IS 'how long the stays lasted that ended before until_at: lead_times as text, which does not depend on the extension';
COMMENT ON COLUMN kpi_day_pace.until_at IS 'stays that ended before this instant are in it; the same in all rows';
COMMENT ON COLUMN kpi_day_pace.version IS 'version of the workspace it was made by';

-- whoever partitioned a table may have left out an index
DROP INDEX IF EXISTS purchase_account_id_idx;
CREATE INDEX purchase_account_id_idx ON purchase (account_id, purchased_at) INCLUDE (amount, cost);
DROP INDEX IF EXISTS lead_source_id_idx;
CREATE INDEX lead_source_id_idx ON lead (source_id, created_at);
DROP INDEX IF EXISTS deal_source_id_idx;
CREATE INDEX deal_source_id_idx ON deal (source_id, opened_at) INCLUDE (lead_id);
DROP INDEX IF EXISTS activity_started_at_idx;
CREATE INDEX activity_started_at_idx ON activity (started_at) INCLUDE (account_id, done);
CREATE INDEX activity_without_account_idx ON activity (started_at) INCLUDE (deal_id, lead_id) WHERE done AND account_id IS NULL;
CREATE INDEX activity_without_deal_idx ON activity (lead_id) INCLUDE (started_at, ended_at, planned_at, done) WHERE deal_id IS NULL AND lead_id IS NOT NULL;
CREATE INDEX activity_odd_idx ON activity (id)
    WHERE (done AND (started_at IS NULL OR ended_at IS NULL))
        OR ended_at - started_at > INTERVAL '24 hours'
        OR rep_id IS NULL
        OR (deal_id IS NULL AND lead_id IS NULL AND account_id IS NULL);
CREATE INDEX purchase_not_positive_idx ON purchase (id) WHERE amount <= 0;
DROP INDEX IF EXISTS contract_account_id_idx;
CREATE INDEX contract_account_id_idx ON contract (account_id, product_id, starts_on, id) INCLUDE (ends_on, cancelled_on, amount_per_month, renewed_by);
DROP INDEX IF EXISTS deal_phase_since_idx;
CREATE INDEX deal_phase_since_idx ON deal (phase_since);
DROP INDEX IF EXISTS deal_expected_close_on_idx;
CREATE INDEX deal_expected_close_on_idx ON deal (expected_close_on);
DROP INDEX IF EXISTS phase_stay_entered_at_idx;
CREATE INDEX phase_stay_entered_at_idx ON phase_stay (entered_at);

-- Who may read or write the stays may do the same with what is new, and sees as much of the spans; from
-- whom stays are hidden, sums over all of them are, too.
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format(
            'GRANT %s ON deal_span, kpi_day, kpi_day_cover, kpi_day_stale, kpi_day_pace TO %s',
            string_agg(privilege.privilege_type, ', '),
            CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(privilege.grantee)) END
        )
        FROM pg_catalog.pg_class AS stays
        CROSS JOIN LATERAL pg_catalog.aclexplode(stays.relacl) AS privilege
        WHERE stays.oid = 'phase_stay'::regclass
            AND privilege.grantee <> stays.relowner
        GROUP BY privilege.grantee
        UNION ALL
        SELECT format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', made.name)
        FROM pg_catalog.pg_class AS stays
        CROSS JOIN unnest('{deal_span,kpi_day,kpi_day_pace}'::text[]) AS made (name)
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
            -- a sub-select names the table
            ' USING (' || regexp_replace(pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '\mphase_stay\.', 'deal_span.', 'g') || ')',
            ' WITH CHECK (' || regexp_replace(pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid), '\mphase_stay\.', 'deal_span.', 'g') || ')'
        )
        FROM pg_catalog.pg_policy AS policy
        WHERE policy.polrelid = 'phase_stay'::regclass
    LOOP
        EXECUTE statement;
    END LOOP;
END;
$$;
