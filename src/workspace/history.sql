-- The history keeps itself: functions that derive states from deal_event, and the
-- triggers on deal that append to it and bring deal_span, phase_stay and deal_slip up
-- to date.  rebuild_history() derives them anew and finds the same.
--
-- SET kpicrm.history = 'off' is the way past the triggers for a bulk load: COPY
-- into deal and deal_event as they are, then rebuild_history().

-- ------------------------------------------------------------ events → states

CREATE FUNCTION event_history(
    deal_ids bigint[] DEFAULT NULL,
    until timestamp with time zone DEFAULT 'infinity',
    known_at timestamp with time zone DEFAULT 'infinity'
) RETURNS TABLE (
    deal_id bigint,
    event_no bigint,
    at timestamp with time zone,
    removed boolean,
    is_last boolean,
    first_at timestamp with time zone,
    is_entry boolean,
    stay_no integer,
    entered_at timestamp with time zone,
    left_at timestamp with time zone,
    is_push boolean,
    is_backward boolean,
    phase_id bigint,
    amount numeric,
    expected_close_on date,
    rep_id bigint,
    product_id bigint
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    -- everything in one window, because sorting the events is what takes the time
    SELECT
        event.deal_id,
        row_number() OVER by_time,
        event.at,
        event.removed,
        lead(event.id) OVER by_time IS NULL,
        first_value(event.at) OVER by_time,
        kpicrm.run_begins(event.phase_id) OVER by_time,
        (kpicrm.run_no(event.phase_id) OVER by_time)::integer,
        kpicrm.run_since(event.phase_id, event.at) OVER by_time,
        kpicrm.run_until(event.phase_id, event.at) OVER by_time,
        kpicrm.rises(event.expected_close_on - date '2000-01-01') OVER by_time,
        kpicrm.falls(CASE phase.kind WHEN 'open' THEN phase.position END) OVER by_time,
        kpicrm.last_known(event.phase_id, false) OVER by_time,
        kpicrm.last_known(event.amount, 'amount' = ANY (event.cleared)) OVER by_time,
        kpicrm.last_known(event.expected_close_on, 'expected_close_on' = ANY (event.cleared)) OVER by_time,
        kpicrm.last_known(event.rep_id, 'rep_id' = ANY (event.cleared)) OVER by_time,
        kpicrm.last_known(event.product_id, 'product_id' = ANY (event.cleared)) OVER by_time
    FROM deal_event AS event
    LEFT JOIN phase ON phase.id = event.phase_id
    WHERE (event_history.deal_ids IS NULL OR event.deal_id = ANY (event_history.deal_ids))
        AND event.at <= event_history.until
        AND event.recorded_at <= event_history.known_at
        AND NOT EXISTS (
            SELECT
            FROM deal_event AS correction
            WHERE correction.corrects = event.id
                AND correction.recorded_at <= event_history.known_at
        )
    WINDOW by_time AS (
        PARTITION BY event.deal_id
        ORDER BY event.at, event.seq NULLS FIRST, phase.kind IN ('won', 'lost', 'disqualified') NULLS FIRST, phase.position, event.id
    );
END;
COMMENT ON FUNCTION event_history(bigint[], timestamp with time zone, timestamp with time zone) IS
    'one row per event that holds, in order, with all that was known of the deal after it, and of the stay it is in; is_entry where that begins';

CREATE FUNCTION span_history(deal_ids bigint[] DEFAULT NULL) RETURNS TABLE (
    deal_id bigint,
    span_no integer,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    phase_id bigint,
    entered_at timestamp with time zone,
    rep_id bigint,
    product_id bigint,
    amount numeric,
    expected_close_on date,
    previous_phase_id bigint,
    previous_rep_id bigint,
    previous_product_id bigint,
    previous_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        event.deal_id,
        event.event_no::integer,
        event.at,
        lead(event.at) OVER by_no,
        CASE WHEN NOT event.removed THEN event.phase_id END,
        event.entered_at,
        event.rep_id,
        event.product_id,
        event.amount,
        event.expected_close_on,
        lag(CASE WHEN NOT event.removed THEN event.phase_id END) OVER by_no,
        lag(event.rep_id) OVER by_no,
        lag(event.product_id) OVER by_no,
        lag(event.amount) OVER by_no
    FROM event_history(span_history.deal_ids) AS event
    WINDOW by_no AS (PARTITION BY event.deal_id ORDER BY event.event_no);
END;
COMMENT ON FUNCTION span_history(bigint[]) IS
    'one row per span in which nothing of a deal changed, derived from the events, of deleted deals too';

CREATE FUNCTION stay_history(
    deal_ids bigint[] DEFAULT NULL,
    until timestamp with time zone DEFAULT 'infinity',
    known_at timestamp with time zone DEFAULT 'infinity'
) RETURNS TABLE (
    deal_id bigint,
    stay_no integer,
    phase_id bigint,
    entered_at timestamp with time zone,
    left_at timestamp with time zone,
    rep_id bigint,
    product_id bigint,
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        entry.deal_id,
        entry.stay_no,
        entry.phase_id,
        entry.entered_at,
        entry.left_at,
        entry.rep_id,
        entry.product_id,
        entry.amount
    FROM event_history(stay_history.deal_ids, stay_history.until, stay_history.known_at) AS entry
    WHERE entry.is_entry;
END;
COMMENT ON FUNCTION stay_history(bigint[], timestamp with time zone, timestamp with time zone) IS
    'one row per uninterrupted stay, derived from the events, of deleted deals too';

CREATE FUNCTION slip_history(deal_ids bigint[] DEFAULT NULL) RETURNS TABLE (
    deal_id bigint,
    kind text,
    slip_no integer,
    at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        event.deal_id,
        slip.kind,
        (row_number() OVER (PARTITION BY event.deal_id, slip.kind ORDER BY event.event_no))::integer,
        event.at
    FROM event_history(slip_history.deal_ids) AS event
    CROSS JOIN LATERAL (
        SELECT 'push' AS kind WHERE event.is_push
        UNION ALL
        SELECT 'backward' WHERE event.is_backward
    ) AS slip
    WHERE event.is_push OR event.is_backward;
END;
COMMENT ON FUNCTION slip_history(bigint[]) IS
    'one row per set-back, derived from the events, of deleted deals too: the expected close date pushed to a later day, or a move to an earlier open phase';

CREATE FUNCTION deal_as_of(
    at timestamp with time zone,
    known_at timestamp with time zone DEFAULT 'infinity'
) RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    phase_id bigint,
    phase_since timestamp with time zone,
    amount numeric,
    expected_close_on date,
    rep_id bigint,
    product_id bigint,
    opened_at timestamp with time zone,
    closed_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        state.deal_id,
        phase.pipeline_id,
        state.phase_id,
        state.entered_at,
        state.amount,
        state.expected_close_on,
        state.rep_id,
        state.product_id,
        state.first_at,
        CASE WHEN phase.kind IN ('won', 'lost') THEN state.entered_at END
    FROM event_history(NULL, deal_as_of.at, deal_as_of.known_at) AS state
    LEFT JOIN phase ON phase.id = state.phase_id
    WHERE state.is_last
        AND NOT state.removed;
END;
COMMENT ON FUNCTION deal_as_of(timestamp with time zone, timestamp with time zone) IS
    'one row per deal that existed at an instant, as it stood then, and as it was known at known_at; opened_at is its first event''s';

-- ------------------------------------------------------- before a row changes

CREATE FUNCTION deal_enter_phase() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    entered record;
    is_closed boolean;
    moves constant boolean = TG_OP = 'INSERT' OR NEW.phase_id <> OLD.phase_id;
    dated boolean = NEW.phase_since IS NOT NULL;
    closed_explicitly boolean = NEW.closed_at IS NOT NULL;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.id <> OLD.id THEN
            RAISE EXCEPTION 'the key of deal % cannot change', OLD.id
                USING ERRCODE = 'feature_not_supported',
                      HINT = 'Its history is kept under this key. Use external_id for keys of your own.';
        END IF;
        dated = NEW.phase_since IS DISTINCT FROM OLD.phase_since;
        closed_explicitly = NEW.closed_at IS NOT NULL AND NEW.closed_at IS DISTINCT FROM OLD.closed_at;
    END IF;

    SELECT phase.pipeline_id, phase.kind IN ('won', 'lost') AS closes
    INTO entered
    FROM phase
    WHERE phase.id = NEW.phase_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'phase % of deal "%" does not exist', coalesce(NEW.phase_id::text, 'NULL'), NEW.name
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'A deal is always in a phase of its pipeline: take phase_id from table phase.';
    END IF;

    IF closed_explicitly AND NOT entered.closes THEN
        RAISE EXCEPTION 'deal "%" cannot be closed at % in a phase that is neither won nor lost', NEW.name, NEW.closed_at
            USING ERRCODE = 'check_violation',
                  HINT = 'Move the deal into a won or lost phase; closed_at follows by itself.';
    END IF;
    IF closed_explicitly AND dated AND NEW.closed_at <> NEW.phase_since THEN
        RAISE EXCEPTION 'deal "%" cannot be closed at % and have entered its last phase at %', NEW.name, NEW.closed_at, NEW.phase_since
            USING ERRCODE = 'check_violation',
                  HINT = 'closed_at is the entry into the won or lost phase: set one of the two.';
    END IF;

    IF NEW.pipeline_id IS NULL OR (TG_OP = 'UPDATE' AND moves AND NEW.pipeline_id = OLD.pipeline_id) THEN
        NEW.pipeline_id = entered.pipeline_id;
    END IF;
    IF closed_explicitly THEN
        NEW.phase_since = NEW.closed_at;
    ELSIF NOT dated AND moves THEN
        -- A writer that waited for another one comes after it.
        NEW.phase_since = CASE TG_OP WHEN 'INSERT' THEN NEW.opened_at ELSE greatest(statement_timestamp(), OLD.phase_since) END;
    END IF;
    NEW.closed_at = CASE WHEN entered.closes THEN NEW.phase_since END;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION deal_enter_phase() IS
    'trigger: the columns of deal that follow from its phase (pipeline_id, phase_since, closed_at)';

CREATE TRIGGER deal_enter_phase_on_insert
    BEFORE INSERT ON deal
    FOR EACH ROW
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_enter_phase();
COMMENT ON TRIGGER deal_enter_phase_on_insert ON deal IS 'sets what follows from the phase';

CREATE TRIGGER deal_enter_phase_on_update
    BEFORE UPDATE ON deal
    FOR EACH ROW
    WHEN ((OLD.id, OLD.phase_id, OLD.phase_since, OLD.pipeline_id, OLD.closed_at)
            IS DISTINCT FROM (NEW.id, NEW.phase_id, NEW.phase_since, NEW.pipeline_id, NEW.closed_at)
        AND current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_enter_phase();
COMMENT ON TRIGGER deal_enter_phase_on_update ON deal IS 'sets what follows from the phase';

-- --------------------------------------------------- after a statement is done
--
-- Each of these runs once a statement, over all of its rows.  force_custom_plan:
-- a plan made for one row would be kept for the next hundred thousand.

CREATE FUNCTION deal_append_insert() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
-- a column of your own may have the name of a variable
#variable_conflict use_variable
DECLARE
    event_id constant regclass = pg_get_serial_sequence('deal_event', 'id');
    now constant timestamp with time zone = statement_timestamp();
    last_known_deal constant bigint = (SELECT max(event.deal_id) FROM deal_event AS event);
    reused bigint;
BEGIN
    SELECT new_deal.id
    INTO reused
    FROM new_deal
    WHERE new_deal.id <= last_known_deal
        AND EXISTS (SELECT FROM deal_event AS event WHERE event.deal_id = new_deal.id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'deal % has a history already', reused
            USING ERRCODE = 'unique_violation',
                  HINT = 'The history of a deleted deal is kept: leave out the id to get a new one. '
                      'To load deals together with their history, SET kpicrm.history = ''off'' and call rebuild_history().';
    END IF;

    -- Opened before its present phase began: which one it was in is not known.
    INSERT INTO deal_event (id, deal_id, at, seq, recorded_at, phase_id, amount, expected_close_on, rep_id, product_id)
    SELECT
        numbered.event_id,
        numbered.id,
        numbered.opened_at,
        numbered.event_id,
        now,
        CASE WHEN numbered.phase_since = numbered.opened_at THEN numbered.phase_id END,
        numbered.amount,
        numbered.expected_close_on,
        numbered.rep_id,
        numbered.product_id
    FROM (
        -- by name: columns of your own may have any name
        SELECT
            nextval(event_id) AS event_id,
            new_deal.id,
            new_deal.opened_at,
            new_deal.phase_since,
            new_deal.phase_id,
            new_deal.amount,
            new_deal.expected_close_on,
            new_deal.rep_id,
            new_deal.product_id
        FROM new_deal
    ) AS numbered;

    INSERT INTO deal_event (id, deal_id, at, seq, recorded_at, phase_id)
    SELECT
        numbered.event_id,
        numbered.id,
        numbered.phase_since,
        numbered.event_id,
        now,
        numbered.phase_id
    FROM (
        SELECT
            nextval(event_id) AS event_id,
            new_deal.id,
            new_deal.phase_since,
            new_deal.phase_id
        FROM new_deal
        WHERE new_deal.phase_since > new_deal.opened_at
    ) AS numbered;

    INSERT INTO deal_span (
        deal_id, span_no, starts_at, ends_at, phase_id, entered_at, rep_id, product_id, amount, expected_close_on,
        previous_rep_id, previous_product_id, previous_amount)
    SELECT
        new_deal.id,
        1,
        new_deal.opened_at,
        CASE WHEN new_deal.phase_since > new_deal.opened_at THEN new_deal.phase_since END,
        CASE WHEN new_deal.phase_since = new_deal.opened_at THEN new_deal.phase_id END,
        CASE WHEN new_deal.phase_since = new_deal.opened_at THEN new_deal.phase_since END,
        new_deal.rep_id,
        new_deal.product_id,
        new_deal.amount,
        new_deal.expected_close_on,
        NULL,
        NULL,
        NULL
    FROM new_deal
    UNION ALL
    SELECT
        new_deal.id,
        2,
        new_deal.phase_since,
        NULL,
        new_deal.phase_id,
        new_deal.phase_since,
        new_deal.rep_id,
        new_deal.product_id,
        new_deal.amount,
        new_deal.expected_close_on,
        new_deal.rep_id,
        new_deal.product_id,
        new_deal.amount
    FROM new_deal
    WHERE new_deal.phase_since > new_deal.opened_at;

    INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at, rep_id, product_id, amount)
    SELECT
        new_deal.id,
        1,
        new_deal.phase_id,
        new_deal.phase_since,
        new_deal.rep_id,
        new_deal.product_id,
        new_deal.amount
    FROM new_deal;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION deal_append_insert() IS
    'trigger: the first events, spans and the first stay of new deals';

CREATE FUNCTION derive_spans(deal_ids bigint[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    DELETE FROM deal_span AS span
    WHERE derive_spans.deal_ids IS NULL OR span.deal_id = ANY (derive_spans.deal_ids);

    INSERT INTO deal_span (
        deal_id, span_no, starts_at, ends_at, phase_id, entered_at, rep_id, product_id, amount, expected_close_on,
        previous_phase_id, previous_rep_id, previous_product_id, previous_amount)
    SELECT
        span.deal_id,
        span.span_no,
        span.starts_at,
        span.ends_at,
        span.phase_id,
        span.entered_at,
        span.rep_id,
        span.product_id,
        span.amount,
        span.expected_close_on,
        span.previous_phase_id,
        span.previous_rep_id,
        span.previous_product_id,
        span.previous_amount
    FROM span_history(derive_spans.deal_ids) AS span;
END;
$$;
COMMENT ON FUNCTION derive_spans(bigint[]) IS
    'writes the spans of these deals, or of all, anew from their events';

CREATE FUNCTION derive_slips(deal_ids bigint[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    DELETE FROM deal_slip AS slip
    WHERE derive_slips.deal_ids IS NULL OR slip.deal_id = ANY (derive_slips.deal_ids);

    INSERT INTO deal_slip (deal_id, kind, slip_no, at)
    SELECT
        slip.deal_id,
        slip.kind,
        slip.slip_no,
        slip.at
    FROM slip_history(derive_slips.deal_ids) AS slip
    JOIN deal ON deal.id = slip.deal_id;
END;
$$;
COMMENT ON FUNCTION derive_slips(bigint[]) IS
    'writes the slips of these deals, or of all, anew from their events';

CREATE FUNCTION derive_stays(deal_ids bigint[] DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    DELETE FROM phase_stay AS stay
    WHERE derive_stays.deal_ids IS NULL OR stay.deal_id = ANY (derive_stays.deal_ids);

    INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at, left_at, rep_id, product_id, amount)
    SELECT
        stay.deal_id,
        stay.stay_no,
        stay.phase_id,
        stay.entered_at,
        stay.left_at,
        stay.rep_id,
        stay.product_id,
        stay.amount
    FROM stay_history(derive_stays.deal_ids) AS stay
    JOIN deal ON deal.id = stay.deal_id;

    PERFORM derive_slips(derive_stays.deal_ids);
    PERFORM derive_spans(derive_stays.deal_ids);
END;
$$;
COMMENT ON FUNCTION derive_stays(bigint[]) IS
    'writes the stays, slips and spans of these deals, or of all, anew from their events';

CREATE FUNCTION deal_append_update() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
-- a column of your own may have the name of a variable
#variable_conflict use_variable
DECLARE
    event_id constant regclass = pg_get_serial_sequence('deal_event', 'id');
    first_event_id constant bigint = nextval(event_id);
    now constant timestamp with time zone = statement_timestamp();
    history constant text = coalesce(current_setting('kpicrm.history', true), '');
    backdated bigint[];
BEGIN
    WITH change AS MATERIALIZED (
        SELECT
            new_deal.id,
            new_deal.phase_id,
            new_deal.phase_since,
            new_deal.rep_id,
            new_deal.product_id,
            new_deal.amount,
            new_deal.expected_close_on,
            old_deal.expected_close_on AS old_expected_close_on,
            moved.is_moved,
            moved.is_moved AND (new_deal.phase_since < last.at OR new_deal.phase_id = old_deal.phase_id) AS is_backdated,
            greatest(now, last.at) AS at,
            other.new_amount IS NOT NULL OR other.new_expected_close_on IS NOT NULL OR other.new_rep_id IS NOT NULL
                OR other.new_product_id IS NOT NULL OR other.cleared IS NOT NULL AS has_other,
            other.new_amount,
            other.new_expected_close_on,
            other.new_rep_id,
            other.new_product_id,
            other.cleared
        FROM new_deal
        JOIN old_deal ON old_deal.id = new_deal.id
        CROSS JOIN LATERAL (
            SELECT (new_deal.phase_id, new_deal.phase_since) IS DISTINCT FROM (old_deal.phase_id, old_deal.phase_since) AS is_moved
        ) AS moved
        CROSS JOIN LATERAL (
            SELECT
                CASE WHEN new_deal.amount IS DISTINCT FROM old_deal.amount THEN new_deal.amount END AS new_amount,
                CASE WHEN new_deal.expected_close_on IS DISTINCT FROM old_deal.expected_close_on THEN new_deal.expected_close_on END AS new_expected_close_on,
                CASE WHEN new_deal.rep_id IS DISTINCT FROM old_deal.rep_id THEN new_deal.rep_id END AS new_rep_id,
                CASE WHEN new_deal.product_id IS DISTINCT FROM old_deal.product_id THEN new_deal.product_id END AS new_product_id,
                nullif(array_remove(ARRAY[
                    CASE WHEN new_deal.amount IS NULL AND old_deal.amount IS NOT NULL THEN 'amount' END,
                    CASE WHEN new_deal.expected_close_on IS NULL AND old_deal.expected_close_on IS NOT NULL THEN 'expected_close_on' END,
                    CASE WHEN new_deal.rep_id IS NULL AND old_deal.rep_id IS NOT NULL THEN 'rep_id' END,
                    CASE WHEN new_deal.product_id IS NULL AND old_deal.product_id IS NOT NULL THEN 'product_id' END
                ], NULL), '{}') AS cleared
        ) AS other
        CROSS JOIN LATERAL (
            SELECT max(event.at) AS at
            FROM deal_event AS event
            WHERE event.deal_id = new_deal.id
        ) AS last
        WHERE (new_deal.phase_id, new_deal.phase_since, new_deal.amount, new_deal.expected_close_on, new_deal.rep_id, new_deal.product_id)
            IS DISTINCT FROM
            (old_deal.phase_id, old_deal.phase_since, old_deal.amount, old_deal.expected_close_on, old_deal.rep_id, old_deal.product_id)
    ), appended AS (
        INSERT INTO deal_event (id, deal_id, at, seq, recorded_at, phase_id, amount, expected_close_on, rep_id, product_id, cleared)
        SELECT
            numbered.event_id,
            numbered.id,
            CASE WHEN numbered.is_moved THEN numbered.phase_since ELSE numbered.at END,
            numbered.event_id,
            now,
            CASE WHEN numbered.is_moved THEN numbered.phase_id END,
            CASE WHEN NOT numbered.is_backdated THEN numbered.new_amount END,
            CASE WHEN NOT numbered.is_backdated THEN numbered.new_expected_close_on END,
            CASE WHEN NOT numbered.is_backdated THEN numbered.new_rep_id END,
            CASE WHEN NOT numbered.is_backdated THEN numbered.new_product_id END,
            CASE WHEN NOT numbered.is_backdated THEN numbered.cleared END
        FROM (SELECT nextval(event_id) AS event_id, change.* FROM change) AS numbered
    ), appended_after_backdated AS (
        -- The phase may be backdated, but what else changed, changed now.
        INSERT INTO deal_event (id, deal_id, at, seq, recorded_at, amount, expected_close_on, rep_id, product_id, cleared)
        SELECT
            numbered.event_id,
            numbered.id,
            numbered.at,
            numbered.event_id,
            now,
            numbered.new_amount,
            numbered.new_expected_close_on,
            numbered.new_rep_id,
            numbered.new_product_id,
            numbered.cleared
        FROM (SELECT nextval(event_id) AS event_id, change.* FROM change WHERE change.is_backdated AND change.has_other) AS numbered
    ), left_span AS (
        UPDATE deal_span
        SET ends_at = CASE WHEN change.is_moved THEN change.phase_since ELSE change.at END
        FROM change
        WHERE deal_span.deal_id = change.id
            AND deal_span.ends_at IS NULL
            AND NOT change.is_backdated
        RETURNING deal_span.deal_id, deal_span.span_no, deal_span.phase_id, deal_span.rep_id, deal_span.product_id, deal_span.amount
    ), entered_span AS (
        INSERT INTO deal_span (
            deal_id, span_no, starts_at, phase_id, entered_at, rep_id, product_id, amount, expected_close_on,
            previous_phase_id, previous_rep_id, previous_product_id, previous_amount)
        SELECT
            change.id,
            coalesce(left_span.span_no, 0) + 1,
            CASE WHEN change.is_moved THEN change.phase_since ELSE change.at END,
            change.phase_id,
            change.phase_since,
            change.rep_id,
            change.product_id,
            change.amount,
            change.expected_close_on,
            left_span.phase_id,
            left_span.rep_id,
            left_span.product_id,
            left_span.amount
        FROM change
        LEFT JOIN left_span ON left_span.deal_id = change.id
        WHERE NOT change.is_backdated
    ), left_stay AS (
        UPDATE phase_stay
        SET left_at = change.phase_since
        FROM change
        WHERE phase_stay.deal_id = change.id
            AND phase_stay.left_at IS NULL
            AND change.is_moved
            AND NOT change.is_backdated
        RETURNING phase_stay.deal_id, phase_stay.stay_no
    ), entered_stay AS (
        INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at, rep_id, product_id, amount)
        SELECT
            change.id,
            coalesce(left_stay.stay_no, 0) + 1,
            change.phase_id,
            change.phase_since,
            change.rep_id,
            change.product_id,
            change.amount
        FROM change
        LEFT JOIN left_stay ON left_stay.deal_id = change.id
        WHERE change.is_moved
            AND NOT change.is_backdated
    ), slip AS (
        SELECT
            change.id,
            'push' AS kind,
            CASE WHEN change.is_moved THEN change.phase_since ELSE change.at END AS at
        FROM change
        WHERE NOT change.is_backdated
            AND change.new_expected_close_on > coalesce(change.old_expected_close_on, (
                SELECT event.expected_close_on
                FROM deal_event AS event
                WHERE event.deal_id = change.id
                    AND event.expected_close_on IS NOT NULL
                    AND NOT EXISTS (SELECT FROM deal_event AS correction WHERE correction.corrects = event.id)
                ORDER BY event.at DESC, event.seq DESC NULLS LAST, event.id DESC
                LIMIT 1
            ))
        UNION ALL
        SELECT
            change.id,
            'backward',
            change.phase_since
        FROM change
        JOIN phase AS entered
            ON entered.id = change.phase_id
            AND entered.kind = 'open'
        WHERE change.is_moved
            AND NOT change.is_backdated
            AND entered.position < (
                SELECT phase.position
                FROM phase_stay AS stay
                JOIN phase
                    ON phase.id = stay.phase_id
                    AND phase.kind = 'open'
                WHERE stay.deal_id = change.id
                ORDER BY stay.stay_no DESC
                LIMIT 1
            )
    ), slipped AS (
        INSERT INTO deal_slip (deal_id, kind, slip_no, at)
        SELECT
            slip.id,
            slip.kind,
            1 + (SELECT count(*) FROM deal_slip AS earlier WHERE earlier.deal_id = slip.id AND earlier.kind = slip.kind),
            slip.at
        FROM slip
    )
    SELECT array_agg(change.id) FILTER (WHERE change.is_backdated)
    INTO backdated
    FROM change;

    IF backdated IS NOT NULL THEN
        -- Entries into a phase that are later than the new one have not happened;
        -- nor has the beginning of the stay that now has another date.
        INSERT INTO deal_event (deal_id, at, seq, recorded_at, amount, expected_close_on, rep_id, product_id, cleared, corrects)
        SELECT
            event.deal_id,
            event.at,
            event.seq,
            now,
            event.amount,
            event.expected_close_on,
            event.rep_id,
            event.product_id,
            event.cleared,
            event.id
        FROM new_deal
        JOIN old_deal ON old_deal.id = new_deal.id
        JOIN deal_event AS event ON event.deal_id = new_deal.id
        WHERE new_deal.id = ANY (backdated)
            AND NOT (event.id >= first_event_id AND event.recorded_at = now)
            AND event.phase_id IS NOT NULL
            AND (event.at > new_deal.phase_since
                OR (new_deal.phase_id = old_deal.phase_id
                    AND event.phase_id = old_deal.phase_id
                    AND event.at >= old_deal.phase_since))
            AND NOT EXISTS (SELECT FROM deal_event AS correction WHERE correction.corrects = event.id);
        PERFORM derive_stays(backdated);
        -- It may turn out that the deal had been in that phase for longer.
        PERFORM set_config('kpicrm.history', 'off', true);
        UPDATE deal
        SET phase_since = stay.entered_at,
            closed_at = CASE WHEN deal.closed_at IS NOT NULL THEN stay.entered_at END
        FROM phase_stay AS stay
        WHERE stay.deal_id = deal.id
            AND stay.left_at IS NULL
            AND deal.id = ANY (backdated)
            AND deal.phase_since <> stay.entered_at;
        PERFORM set_config('kpicrm.history', history, true);
    END IF;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION deal_append_update() IS
    'trigger: events, spans and stays of changed deals; a backdated phase corrects what was recorded after its date';

CREATE FUNCTION append_removal(deal_ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    event_id constant regclass = pg_get_serial_sequence('deal_event', 'id');
BEGIN
    WITH numbered AS MATERIALIZED (
        SELECT
            nextval(event_id) AS event_id,
            removed.deal_id,
            greatest(statement_timestamp(), last.at) AS at
        FROM unnest(append_removal.deal_ids) AS removed (deal_id)
        CROSS JOIN LATERAL (
            SELECT max(event.at) AS at
            FROM deal_event AS event
            WHERE event.deal_id = removed.deal_id
        ) AS last
    ), appended AS (
        INSERT INTO deal_event (id, deal_id, at, seq, removed)
        SELECT
            numbered.event_id,
            numbered.deal_id,
            numbered.at,
            numbered.event_id,
            true
        FROM numbered
    ), left_span AS (
        UPDATE deal_span
        SET ends_at = numbered.at
        FROM numbered
        WHERE deal_span.deal_id = numbered.deal_id
            AND deal_span.ends_at IS NULL
        RETURNING
            deal_span.deal_id,
            deal_span.span_no,
            deal_span.phase_id,
            deal_span.entered_at,
            deal_span.rep_id,
            deal_span.product_id,
            deal_span.amount,
            deal_span.expected_close_on
    )
    INSERT INTO deal_span (
        deal_id, span_no, starts_at, entered_at, rep_id, product_id, amount, expected_close_on,
        previous_phase_id, previous_rep_id, previous_product_id, previous_amount)
    SELECT
        numbered.deal_id,
        coalesce(left_span.span_no, 0) + 1,
        numbered.at,
        left_span.entered_at,
        left_span.rep_id,
        left_span.product_id,
        left_span.amount,
        left_span.expected_close_on,
        left_span.phase_id,
        left_span.rep_id,
        left_span.product_id,
        left_span.amount
    FROM numbered
    LEFT JOIN left_span ON left_span.deal_id = numbered.deal_id;

    DELETE FROM phase_stay AS stay
    WHERE stay.deal_id = ANY (append_removal.deal_ids);
    DELETE FROM deal_slip AS slip
    WHERE slip.deal_id = ANY (append_removal.deal_ids);
END;
$$;
COMMENT ON FUNCTION append_removal(bigint[]) IS
    'the last event and span of deals that are deleted; their stays and slips go, their events and spans stay';

CREATE FUNCTION deal_append_delete() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    PERFORM append_removal((SELECT array_agg(old_deal.id) FROM old_deal));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION deal_append_delete() IS
    'trigger: records which deals were deleted';

CREATE FUNCTION deal_append_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    PERFORM append_removal((SELECT array_agg(deal.id) FROM deal));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION deal_append_truncate() IS
    'trigger: records that all deals were deleted; TRUNCATE deal, deal_event CASCADE empties the history too';

CREATE TRIGGER deal_history_on_insert
    AFTER INSERT ON deal
    REFERENCING NEW TABLE AS new_deal
    FOR EACH STATEMENT
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_append_insert();
COMMENT ON TRIGGER deal_history_on_insert ON deal IS 'appends to deal_event, deal_span and phase_stay';

CREATE TRIGGER deal_history_on_update
    AFTER UPDATE ON deal
    REFERENCING OLD TABLE AS old_deal NEW TABLE AS new_deal
    FOR EACH STATEMENT
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_append_update();
COMMENT ON TRIGGER deal_history_on_update ON deal IS 'appends to deal_event and keeps deal_span and phase_stay';

CREATE TRIGGER deal_history_on_delete
    AFTER DELETE ON deal
    REFERENCING OLD TABLE AS old_deal
    FOR EACH STATEMENT
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_append_delete();
COMMENT ON TRIGGER deal_history_on_delete ON deal IS 'appends to deal_event';

CREATE TRIGGER deal_history_on_truncate
    BEFORE TRUNCATE ON deal
    FOR EACH STATEMENT
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_append_truncate();
COMMENT ON TRIGGER deal_history_on_truncate ON deal IS 'appends to deal_event';

CREATE FUNCTION deal_event_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    DELETE FROM deal_span;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION deal_event_truncate() IS
    'trigger: without events there are no spans';

-- after the deals that are truncated with the events have been noted
CREATE TRIGGER deal_span_on_truncate
    AFTER TRUNCATE ON deal_event
    FOR EACH STATEMENT
    WHEN (current_setting('kpicrm.history', true) IS DISTINCT FROM 'off')
    EXECUTE FUNCTION deal_event_truncate();
COMMENT ON TRIGGER deal_span_on_truncate ON deal_event IS 'empties deal_span';

CREATE FUNCTION keep_what_history_mentions() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    is_mentioned boolean;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
        RETURN NEW;
    END IF;
    -- row security would hide what it is needed for
    IF row_security_active('deal_event'::regclass) THEN
        RAISE EXCEPTION 'role "%" cannot see whether % "%" is part of the history of deals', current_user, TG_TABLE_NAME, OLD.name
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Let the owner of the workspace do it.';
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM deal_event AS event WHERE event.%I = $1)', TG_ARGV[0])
    INTO is_mentioned
    USING OLD.id;
    IF is_mentioned THEN
        RAISE EXCEPTION '% "%" is part of the history of deals', TG_TABLE_NAME, OLD.name
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'Past reports need it: rename it instead.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END;
$$;
COMMENT ON FUNCTION keep_what_history_mentions() IS
    'trigger: refuses to delete, or to give another key, what deal_event refers to in the column that is its argument';

CREATE TRIGGER phase_is_in_history
    BEFORE DELETE OR UPDATE OF id ON phase
    FOR EACH ROW
    EXECUTE FUNCTION keep_what_history_mentions('phase_id');
COMMENT ON TRIGGER phase_is_in_history ON phase IS 'keeps phases that past reports need, and their keys';

CREATE TRIGGER sales_rep_is_in_history
    BEFORE DELETE OR UPDATE OF id ON sales_rep
    FOR EACH ROW
    EXECUTE FUNCTION keep_what_history_mentions('rep_id');
COMMENT ON TRIGGER sales_rep_is_in_history ON sales_rep IS 'keeps reps that past reports need, and their keys';

CREATE TRIGGER product_is_in_history
    BEFORE DELETE OR UPDATE OF id ON product
    FOR EACH ROW
    EXECUTE FUNCTION keep_what_history_mentions('product_id');
COMMENT ON TRIGGER product_is_in_history ON product IS 'keeps products that past reports need, and their keys';

-- ------------------------------------------------------------ rebuild, check

CREATE FUNCTION last_state(deal_ids bigint[] DEFAULT NULL) RETURNS TABLE (
    deal_id bigint,
    removed boolean,
    phase_id bigint,
    amount numeric,
    expected_close_on date,
    rep_id bigint,
    product_id bigint,
    first_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    SELECT
        state.deal_id,
        state.removed,
        state.phase_id,
        state.amount,
        state.expected_close_on,
        state.rep_id,
        state.product_id,
        state.first_at
    FROM event_history(last_state.deal_ids) AS state
    WHERE state.is_last;
END;
COMMENT ON FUNCTION last_state(bigint[]) IS
    'one row per deal that has events: what they say about it now, and when they began';

CREATE FUNCTION differing_deals(deal_ids bigint[] DEFAULT NULL) RETURNS TABLE (
    deal_id bigint,
    problem text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    WITH checked AS MATERIALIZED (
        SELECT
            event.deal_id,
            event.event_no,
            event.is_last,
            event.is_entry AND wrong.stay AS is_wrong_stay,
            wrong.span AS is_wrong_span,
            event.is_push,
            event.at,
            event.stay_no,
            event.entered_at,
            event.phase_id,
            event.amount,
            event.expected_close_on,
            event.rep_id,
            event.product_id
        FROM event_history(differing_deals.deal_ids) AS event
        LEFT JOIN phase_stay AS stay
            ON stay.deal_id = event.deal_id
            AND stay.stay_no = event.stay_no
        LEFT JOIN deal_span AS span
            ON span.deal_id = event.deal_id
            AND span.span_no = event.event_no
        CROSS JOIN LATERAL (
            SELECT
                (stay.phase_id, stay.entered_at, stay.left_at, stay.rep_id, stay.product_id, stay.amount)
                    IS DISTINCT FROM (event.phase_id, event.entered_at, event.left_at, event.rep_id, event.product_id, event.amount) AS stay,
                (span.phase_id, span.entered_at, span.starts_at, span.rep_id, span.product_id, span.amount, span.expected_close_on)
                    IS DISTINCT FROM (CASE WHEN NOT event.removed THEN event.phase_id END, event.entered_at, event.at, event.rep_id, event.product_id, event.amount, event.expected_close_on) AS span
        ) AS wrong
        WHERE event.is_last OR (event.is_entry AND wrong.stay) OR wrong.span OR event.is_push
    ), held AS MATERIALIZED (
        SELECT
            deal.id AS deal_id,
            last.stay_no,
            last.deal_id IS NULL AS is_without_history,
            (deal.phase_id, deal.phase_since, deal.amount, deal.expected_close_on, deal.rep_id, deal.product_id, deal.closed_at)
                IS DISTINCT FROM (last.phase_id, last.entered_at, last.amount, last.expected_close_on, last.rep_id, last.product_id,
                    CASE WHEN phase.kind IN ('won', 'lost') THEN last.entered_at END) AS is_wrong
        FROM deal
        JOIN phase ON phase.id = deal.phase_id
        LEFT JOIN checked AS last
            ON last.deal_id = deal.id
            AND last.is_last
        WHERE differing_deals.deal_ids IS NULL OR deal.id = ANY (differing_deals.deal_ids)
    )
    SELECT
        held.deal_id,
        CASE WHEN held.is_without_history THEN 'the deal has no history' ELSE 'the deal differs from its last event' END
    FROM held
    WHERE held.is_wrong
    UNION ALL
    SELECT
        checked.deal_id,
        'stay ' || checked.stay_no || ' differs from the events'
    FROM checked
    JOIN held ON held.deal_id = checked.deal_id
    WHERE checked.is_wrong_stay
    UNION ALL
    SELECT
        stay.deal_id,
        'stay ' || stay.stay_no || ' is not in the events'
    FROM phase_stay AS stay
    LEFT JOIN held ON held.deal_id = stay.deal_id
    WHERE (differing_deals.deal_ids IS NULL OR stay.deal_id = ANY (differing_deals.deal_ids))
        AND coalesce(held.stay_no, 0) < stay.stay_no
        -- read once, and only if there are too many of them
        AND (SELECT count(*) FROM phase_stay AS counted WHERE differing_deals.deal_ids IS NULL OR counted.deal_id = ANY (differing_deals.deal_ids))
            > (SELECT sum(coalesce(counted.stay_no, 0)) FROM held AS counted)
            - (SELECT count(*) FROM checked AS counted WHERE counted.is_wrong_stay)
    UNION ALL
    SELECT
        checked.deal_id,
        'span ' || checked.event_no || ' differs from the events'
    FROM checked
    WHERE checked.is_wrong_span
    UNION ALL
    SELECT
        span.deal_id,
        'span ' || span.span_no || ' is not in the events'
    FROM deal_span AS span
    LEFT JOIN checked AS last
        ON last.deal_id = span.deal_id
        AND last.is_last
    WHERE (differing_deals.deal_ids IS NULL OR span.deal_id = ANY (differing_deals.deal_ids))
        AND coalesce(last.event_no, 0) < span.span_no
        AND (SELECT count(*) FROM deal_span AS counted WHERE differing_deals.deal_ids IS NULL OR counted.deal_id = ANY (differing_deals.deal_ids))
            > (SELECT coalesce(sum(counted.event_no), 0) FROM checked AS counted WHERE counted.is_last)
            - (SELECT count(*) FROM checked AS counted WHERE counted.is_wrong_span)
    UNION ALL
    SELECT
        span.deal_id,
        'span ' || span.span_no || ' does not follow from the one before, or does not lead to the next'
    FROM (
        SELECT
            deal_span.deal_id,
            deal_span.span_no,
            (deal_span.ends_at, deal_span.previous_phase_id, deal_span.previous_rep_id, deal_span.previous_product_id, deal_span.previous_amount)
                IS DISTINCT FROM (lead(deal_span.starts_at) OVER by_no, lag(deal_span.phase_id) OVER by_no, lag(deal_span.rep_id) OVER by_no,
                    lag(deal_span.product_id) OVER by_no, lag(deal_span.amount) OVER by_no) AS is_wrong
        FROM deal_span
        WHERE differing_deals.deal_ids IS NULL OR deal_span.deal_id = ANY (differing_deals.deal_ids)
        WINDOW by_no AS (PARTITION BY deal_span.deal_id ORDER BY deal_span.span_no)
    ) AS span
    WHERE span.is_wrong
    UNION ALL
    -- moves backward keep what was true when they happened, whatever the order of phases is now
    SELECT
        coalesce(recorded.deal_id, derived.deal_id),
        'the pushes differ from the events'
    FROM (
        SELECT
            slip.deal_id,
            count(*) AS push_count,
            min(slip.at) AS first_at,
            max(slip.at) AS last_at
        FROM deal_slip AS slip
        WHERE slip.kind = 'push'
            AND (differing_deals.deal_ids IS NULL OR slip.deal_id = ANY (differing_deals.deal_ids))
        GROUP BY slip.deal_id
    ) AS recorded
    FULL JOIN (
        SELECT
            push.deal_id,
            count(*) AS push_count,
            min(push.at) AS first_at,
            max(push.at) AS last_at
        FROM checked AS push
        JOIN held ON held.deal_id = push.deal_id
        WHERE push.is_push
        GROUP BY push.deal_id
    ) AS derived ON derived.deal_id = recorded.deal_id
    WHERE (recorded.push_count, recorded.first_at, recorded.last_at) IS DISTINCT FROM (derived.push_count, derived.first_at, derived.last_at);
END;
COMMENT ON FUNCTION differing_deals(bigint[]) IS
    'one row per contradiction between what the events say and what deal, deal_span, phase_stay or deal_slip say';

-- Events and stays come in the order of their deal anyway: merging them needs no
-- memory, and with millions of them is faster than hashing, which the planner prefers.
CREATE FUNCTION rebuild_history(deal_ids bigint[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET plan_cache_mode = force_custom_plan
    SET work_mem = '64MB'
    SET enable_hashjoin = off
AS $$
DECLARE
    event_id constant regclass = pg_get_serial_sequence('deal_event', 'id');
    history constant text = coalesce(current_setting('kpicrm.history', true), '');
    differing bigint[];
    chosen bigint[];
BEGIN
    IF rebuild_history.deal_ids IS NULL THEN
        LOCK TABLE deal IN SHARE ROW EXCLUSIVE MODE;
    ELSE
        PERFORM
        FROM deal
        WHERE deal.id = ANY (rebuild_history.deal_ids)
        ORDER BY deal.id
        FOR UPDATE;
    END IF;

    -- Imported events may have brought keys that the triggers would take next.
    PERFORM setval(event_id, last.id)
    FROM (SELECT max(event.id) AS id FROM deal_event AS event) AS last
    WHERE last.id > coalesce(pg_sequence_last_value(event_id), 0);

    SELECT array_agg(DISTINCT differing_deals.deal_id)
    INTO differing
    FROM differing_deals(rebuild_history.deal_ids);
    IF differing IS NULL THEN
        RETURN 0;
    END IF;
    -- If it is most of them, all at once are faster than each by its key.
    chosen = differing;
    IF rebuild_history.deal_ids IS NULL AND 2 * cardinality(differing) > (SELECT count(*) FROM deal) THEN
        chosen = NULL;
    END IF;

    -- What no event has ever said is taken from the deal, as known from the start.
    WITH said AS MATERIALIZED (
        SELECT
            event.deal_id,
            min(event.at) AS first_at,
            bool_or(event.phase_id IS NOT NULL) AS phase_id,
            bool_or(event.amount IS NOT NULL OR 'amount' = ANY (event.cleared)) AS amount,
            bool_or(event.expected_close_on IS NOT NULL OR 'expected_close_on' = ANY (event.cleared)) AS expected_close_on,
            bool_or(event.rep_id IS NOT NULL OR 'rep_id' = ANY (event.cleared)) AS rep_id,
            bool_or(event.product_id IS NOT NULL OR 'product_id' = ANY (event.cleared)) AS product_id
        FROM deal_event AS event
        WHERE chosen IS NULL OR event.deal_id = ANY (chosen)
        GROUP BY event.deal_id
    ), silent AS MATERIALIZED (
        SELECT
            deal.id,
            least(deal.opened_at, said.first_at) AS first_at,
            deal.phase_since,
            CASE WHEN said.phase_id IS NOT TRUE THEN deal.phase_id END AS phase_id,
            CASE WHEN said.amount IS NOT TRUE THEN deal.amount END AS amount,
            CASE WHEN said.expected_close_on IS NOT TRUE THEN deal.expected_close_on END AS expected_close_on,
            CASE WHEN said.rep_id IS NOT TRUE THEN deal.rep_id END AS rep_id,
            CASE WHEN said.product_id IS NOT TRUE THEN deal.product_id END AS product_id
        FROM deal
        LEFT JOIN said ON said.deal_id = deal.id
        WHERE chosen IS NULL OR deal.id = ANY (chosen)
    ), phase_added AS (
        INSERT INTO deal_event (deal_id, at, phase_id)
        SELECT
            silent.id,
            silent.phase_since,
            silent.phase_id
        FROM silent
        WHERE silent.phase_id IS NOT NULL
    )
    INSERT INTO deal_event (deal_id, at, amount, expected_close_on, rep_id, product_id)
    SELECT
        silent.id,
        silent.first_at,
        silent.amount,
        silent.expected_close_on,
        silent.rep_id,
        silent.product_id
    FROM silent
    WHERE num_nonnulls(silent.amount, silent.expected_close_on, silent.rep_id, silent.product_id) > 0
        OR (silent.phase_id IS NOT NULL AND silent.first_at < silent.phase_since);

    DELETE FROM phase_stay AS stay
    WHERE chosen IS NULL OR stay.deal_id = ANY (chosen);
    DELETE FROM deal_slip AS slip
    WHERE chosen IS NULL OR slip.deal_id = ANY (chosen);
    PERFORM derive_spans(chosen);

    PERFORM set_config('kpicrm.history', 'off', true);
    WITH event AS MATERIALIZED (
        SELECT
            event.deal_id,
            event.is_last,
            event.is_entry,
            event.is_push,
            event.is_backward,
            event.event_no,
            event.at,
            event.first_at,
            event.stay_no,
            event.entered_at,
            event.left_at,
            event.phase_id,
            event.amount,
            event.expected_close_on,
            event.rep_id,
            event.product_id
        FROM event_history(chosen) AS event
        JOIN deal ON deal.id = event.deal_id
        WHERE event.is_entry OR event.is_last OR event.is_push OR event.is_backward
    ), stay AS (
        INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at, left_at, rep_id, product_id, amount)
        SELECT
            event.deal_id,
            event.stay_no,
            event.phase_id,
            event.entered_at,
            event.left_at,
            event.rep_id,
            event.product_id,
            event.amount
        FROM event
        WHERE event.is_entry
    ), slip AS (
        INSERT INTO deal_slip (deal_id, kind, slip_no, at)
        SELECT
            event.deal_id,
            slip.kind,
            row_number() OVER (PARTITION BY event.deal_id, slip.kind ORDER BY event.event_no),
            event.at
        FROM event
        CROSS JOIN LATERAL (
            SELECT 'push' AS kind WHERE event.is_push
            UNION ALL
            SELECT 'backward' WHERE event.is_backward
        ) AS slip
        WHERE event.is_push OR event.is_backward
    )
    UPDATE deal
    SET pipeline_id = last.pipeline_id,
        phase_id = last.phase_id,
        phase_since = last.entered_at,
        amount = last.amount,
        expected_close_on = last.expected_close_on,
        rep_id = last.rep_id,
        product_id = last.product_id,
        opened_at = CASE WHEN deal.opened_at > last.entered_at THEN last.first_at ELSE deal.opened_at END,
        closed_at = last.closed_at
    FROM (
        SELECT
            event.deal_id,
            phase.pipeline_id,
            event.phase_id,
            event.entered_at,
            event.amount,
            event.expected_close_on,
            event.rep_id,
            event.product_id,
            event.first_at,
            CASE WHEN phase.kind IN ('won', 'lost') THEN event.entered_at END AS closed_at
        FROM event
        JOIN phase ON phase.id = event.phase_id
        WHERE event.is_last
    ) AS last
    WHERE deal.id = last.deal_id
        AND (deal.pipeline_id, deal.phase_id, deal.phase_since, deal.amount, deal.expected_close_on, deal.rep_id, deal.product_id, deal.closed_at)
            IS DISTINCT FROM
            (last.pipeline_id, last.phase_id, last.entered_at, last.amount, last.expected_close_on, last.rep_id, last.product_id, last.closed_at);
    PERFORM set_config('kpicrm.history', history, true);
    PERFORM renew_statistics();
    RETURN (SELECT count(*) FROM deal WHERE deal.id = ANY (differing));
END;
$$;
COMMENT ON FUNCTION rebuild_history(bigint[]) IS
    'brings deal, deal_span, phase_stay and deal_slip in line with deal_event, for these deals or for all; what no event has said is added to the history first; returns how many deals were not in line';

CREATE FUNCTION check_history() RETURNS TABLE (
    deal_id bigint,
    problem text
)
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT
        differing.deal_id,
        differing.problem
    FROM differing_deals() AS differing
    UNION ALL
    SELECT
        last.deal_id,
        CASE
            WHEN deal.id IS NULL THEN 'the deal does not exist, but its history does not say that it was deleted'
            ELSE 'the deal exists, but its history says that it was deleted'
        END
    FROM last_state() AS last
    LEFT JOIN deal ON deal.id = last.deal_id
    WHERE (deal.id IS NOT NULL) = last.removed
    UNION ALL
    SELECT
        stay.deal_id,
        'stay ' || stay.stay_no || ' does not end where the next one begins'
    FROM (
        SELECT
            phase_stay.deal_id,
            phase_stay.stay_no,
            phase_stay.left_at,
            lead(phase_stay.entered_at) OVER (PARTITION BY phase_stay.deal_id ORDER BY phase_stay.stay_no) AS next_entered_at
        FROM phase_stay
    ) AS stay
    WHERE stay.left_at IS DISTINCT FROM stay.next_entered_at;
END;
COMMENT ON FUNCTION check_history() IS
    'one row per contradiction between deals, events and stays; no rows unless somebody wrote past the triggers';
