/*
 * phase_as_of: the phases as they were at an instant.
 *
 * A phase that is renamed, moved or given another probability leaves its former state
 * in phase_version, so that past reports show what was true then.  A phase that is
 * added to a pipeline with deals was not there before, unless a deal was in it.
 * The kind of a phase is not versioned: changing it changes what its deals mean.
 */
CREATE FUNCTION phase_as_of(at timestamp with time zone DEFAULT now()) RETURNS TABLE (
    id bigint,
    pipeline_id bigint,
    name text,
    "position" integer,
    kind text,
    win_probability double precision,
    stall_after interval
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    SELECT
        phase.id,
        phase.pipeline_id,
        coalesce(version.name, phase.name),
        coalesce(version."position", phase."position"),
        phase.kind,
        CASE WHEN version.phase_id IS NULL THEN phase.win_probability ELSE version.win_probability END,
        phase.stall_after
    FROM phase
    LEFT JOIN (
        SELECT DISTINCT ON (phase_version.phase_id)
            phase_version.phase_id,
            phase_version.name,
            phase_version."position",
            phase_version.win_probability
        FROM phase_version
        WHERE phase_version.valid_until > at
        ORDER BY
            phase_version.phase_id,
            phase_version.valid_until
    ) AS version ON version.phase_id = phase.id
    WHERE phase.added_at IS NULL
        OR phase.added_at <= at
        -- refers to no row outside of it, which would keep whatever reads phases in one process
        OR phase.id IN (
            SELECT added.id
            FROM phase AS added
            WHERE added.added_at > at
                AND EXISTS (
                    SELECT
                    FROM phase_stay
                    WHERE phase_stay.phase_id = added.id
                        AND phase_stay.entered_at <= at
                )
        );
END;
COMMENT ON FUNCTION phase_as_of(timestamp with time zone) IS
    'the phases as they were at an instant: name, position and win probability; without those added later';

CREATE FUNCTION phase_date_addition() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    IF NEW.added_at IS NULL AND EXISTS (SELECT FROM deal WHERE deal.pipeline_id = NEW.pipeline_id) THEN
        NEW.added_at = statement_timestamp();
    END IF;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION phase_date_addition() IS
    'trigger: dates a phase that is added to a pipeline with deals';

CREATE TRIGGER phase_date_addition_on_insert
    BEFORE INSERT ON phase
    FOR EACH ROW
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION phase_date_addition();
COMMENT ON TRIGGER phase_date_addition_on_insert ON phase IS 'sets added_at';

CREATE FUNCTION phase_keep_version() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    -- two changes in one statement time: what was true before the first one was true until then
    INSERT INTO phase_version (phase_id, valid_until, name, "position", win_probability)
    VALUES (OLD.id, statement_timestamp(), OLD.name, OLD."position", OLD.win_probability)
    ON CONFLICT (phase_id, valid_until) DO NOTHING;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION phase_keep_version() IS
    'trigger: keeps the former name, position and win probability of a phase in phase_version';

CREATE TRIGGER phase_keep_version_on_update
    AFTER UPDATE ON phase
    FOR EACH ROW
    WHEN ((OLD.name, OLD."position", OLD.win_probability) IS DISTINCT FROM (NEW.name, NEW."position", NEW.win_probability)
        AND current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION phase_keep_version();
COMMENT ON TRIGGER phase_keep_version_on_update ON phase IS 'appends to phase_version';
