/*
 * Properties of the history, over hundreds of random edits of some sixty deals.
 *
 * The oracle keeps a log of its own: after each edit it compares the deals with
 * those before it, and notes what was said, of which instant, and since when it
 * is known.  It reads that log row by row and never looks into deal_event.
 */
BEGIN;
SET search_path = public, pg_catalog;
SET client_min_messages = warning;
SET TIME ZONE 'UTC';
SELECT plan(62);

SELECT kpicrm.create_workspace('history_test') \g /dev/null
SET search_path = history_test, public;
SELECT setseed(0.2026) \g /dev/null

INSERT INTO sales_rep (id, name) SELECT id, 'rep ' || id FROM generate_series(1, 4) AS id;
INSERT INTO product (id, name) SELECT id, 'product ' || id FROM generate_series(1, 3) AS id;
INSERT INTO pipeline (id, name) VALUES (1, 'new'), (2, 'renewal');
INSERT INTO phase (id, name, pipeline_id, position, kind) VALUES
    (1, 'approach', 1, 1, 'open'),
    (2, 'proposal', 1, 2, 'open'),
    (3, 'waiting', 1, 3, 'hold'),
    (4, 'won', 1, 4, 'won'),
    (5, 'lost', 1, 5, 'lost'),
    (6, 'unfit', 1, 6, 'disqualified'),
    (7, 'offer', 2, 1, 'open'),
    (8, 'renewed', 2, 2, 'won'),
    (9, 'left', 2, 3, 'lost');

-- ---------------------------------------------------------------- the oracle

CREATE TEMP TABLE said (
    n bigint GENERATED ALWAYS AS IDENTITY,
    deal_id bigint NOT NULL,
    at timestamptz NOT NULL,
    known_from timestamptz NOT NULL,
    known_until timestamptz NOT NULL DEFAULT 'infinity',
    entered bigint,
    changes jsonb,
    removed boolean NOT NULL DEFAULT false
);
CREATE TEMP TABLE before AS TABLE deal;
CREATE TEMP TABLE edit_log (n bigint GENERATED ALWAYS AS IDENTITY, edit text, requested timestamptz);

-- Notes what an edit said.  requested is the phase_since or closed_at that it gave,
-- if any.  A phase_since that stays the same says nothing; a closed_at always does.
CREATE FUNCTION pg_temp.note(requested timestamptz, is_closing boolean) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    now constant timestamptz = statement_timestamp();
    d record;
    last_at timestamptz;
    entry_at timestamptz;
    is_backdated boolean;
    changes jsonb;
    entry record;
    present bigint[];
BEGIN
    FOR d IN
        SELECT new AS n, old AS o
        FROM deal AS new
        FULL JOIN before AS old ON old.id = new.id
        WHERE new IS DISTINCT FROM old
        ORDER BY coalesce(new.id, old.id)
    LOOP
        IF (d.o).id IS NULL THEN
            INSERT INTO said (deal_id, at, known_from, changes) VALUES ((d.n).id, (d.n).opened_at, now, jsonb_build_object(
                'amount', (d.n).amount, 'expected_close_on', (d.n).expected_close_on, 'rep_id', (d.n).rep_id, 'product_id', (d.n).product_id));
            INSERT INTO said (deal_id, at, known_from, entered) VALUES ((d.n).id, (d.n).phase_since, now, (d.n).phase_id);
            CONTINUE;
        END IF;
        SELECT max(said.at) INTO last_at FROM said WHERE said.deal_id = (d.o).id;
        IF (d.n).id IS NULL THEN
            INSERT INTO said (deal_id, at, known_from, removed) VALUES ((d.o).id, greatest(now, last_at), now, true);
            CONTINUE;
        END IF;

        changes = '{}';
        IF (d.n).amount IS DISTINCT FROM (d.o).amount THEN
            changes = changes || jsonb_build_object('amount', (d.n).amount);
        END IF;
        IF (d.n).expected_close_on IS DISTINCT FROM (d.o).expected_close_on THEN
            changes = changes || jsonb_build_object('expected_close_on', (d.n).expected_close_on);
        END IF;
        IF (d.n).rep_id IS DISTINCT FROM (d.o).rep_id THEN
            changes = changes || jsonb_build_object('rep_id', (d.n).rep_id);
        END IF;
        IF (d.n).product_id IS DISTINCT FROM (d.o).product_id THEN
            changes = changes || jsonb_build_object('product_id', (d.n).product_id);
        END IF;

        entry_at = CASE
            WHEN is_closing OR requested <> (d.o).phase_since THEN requested
            WHEN (d.n).phase_id <> (d.o).phase_id THEN greatest(now, (d.o).phase_since)
        END;
        is_backdated = entry_at < last_at OR (entry_at IS NOT NULL AND (d.n).phase_id = (d.o).phase_id);
        IF is_backdated THEN
            present = '{}';
            IF (d.n).phase_id = (d.o).phase_id THEN
                -- The entries that make up the present stay move with it.
                FOR entry IN
                    SELECT said.n, said.entered FROM said
                    WHERE said.deal_id = (d.n).id AND said.entered IS NOT NULL AND said.known_until = 'infinity'
                    ORDER BY said.at DESC, said.n DESC
                LOOP
                    EXIT WHEN entry.entered <> (d.o).phase_id;
                    present = present || entry.n;
                END LOOP;
            END IF;
            UPDATE said SET known_until = now
            WHERE said.deal_id = (d.n).id AND said.entered IS NOT NULL AND said.known_until = 'infinity'
                AND (said.at > entry_at OR said.n = ANY (present));
        END IF;
        IF entry_at IS NOT NULL THEN
            INSERT INTO said (deal_id, at, known_from, entered) VALUES ((d.n).id, entry_at, now, (d.n).phase_id);
        END IF;
        IF changes <> '{}' THEN
            INSERT INTO said (deal_id, at, known_from, changes)
            VALUES ((d.n).id, CASE WHEN NOT is_backdated THEN entry_at ELSE greatest(now, last_at) END, now, changes);
        END IF;
    END LOOP;
    DELETE FROM before;
    INSERT INTO before SELECT * FROM deal;
END;
$$;

CREATE FUNCTION pg_temp.edit(edit text, requested timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO edit_log (edit, requested) VALUES (edit, requested);
    EXECUTE edit USING requested;
    PERFORM pg_temp.note(requested, edit LIKE '%closed_at = $1%');
END;
$$;

CREATE FUNCTION pg_temp.oracle(at timestamptz, known_at timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    phase_id bigint,
    phase_since timestamptz,
    amount numeric,
    expected_close_on date,
    rep_id bigint,
    product_id bigint,
    opened_at timestamptz,
    closed_at timestamptz
)
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    row record;
    state jsonb;
    target bigint;
BEGIN
    FOR target IN SELECT DISTINCT said.deal_id FROM said LOOP
        state = NULL;
        FOR row IN
            SELECT said.* FROM said
            WHERE said.deal_id = target AND said.at <= oracle.at AND said.known_from <= oracle.known_at
                AND (said.known_until > oracle.known_at OR said.known_until = 'infinity')
            ORDER BY said.at, said.n
        LOOP
            IF row.removed THEN
                state = NULL;
                EXIT;
            END IF;
            state = coalesce(state, jsonb_build_object('opened_at', row.at)) || coalesce(row.changes, '{}');
            IF row.entered IS NOT NULL AND row.entered IS DISTINCT FROM (state ->> 'phase_id')::bigint THEN
                state = state || jsonb_build_object('phase_id', row.entered, 'phase_since', row.at);
            END IF;
        END LOOP;
        CONTINUE WHEN state IS NULL;
        RETURN QUERY
            SELECT
                target,
                phase.pipeline_id,
                (state ->> 'phase_id')::bigint,
                (state ->> 'phase_since')::timestamptz,
                (state ->> 'amount')::numeric,
                (state ->> 'expected_close_on')::date,
                (state ->> 'rep_id')::bigint,
                (state ->> 'product_id')::bigint,
                (state ->> 'opened_at')::timestamptz,
                CASE WHEN phase.kind IN ('won', 'lost') THEN (state ->> 'phase_since')::timestamptz END
            FROM (SELECT) AS one
            LEFT JOIN phase ON phase.id = (state ->> 'phase_id')::bigint;
    END LOOP;
END;
$$;

-- ----------------------------------------------------------------- the edits

CREATE FUNCTION pg_temp.one_of(choices anyarray) RETURNS anyelement
    LANGUAGE sql AS 'SELECT choices[1 + floor(random() * cardinality(choices))::integer]';

-- Some of SET amount = …, …, NULL included, at least one.
CREATE FUNCTION pg_temp.some_values() RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    parts text[] = '{}';
BEGIN
    WHILE cardinality(parts) = 0 LOOP
        IF random() < 0.4 THEN
            parts = parts || ('amount = ' || coalesce(nullif(floor(random() * 6)::integer, 0)::text || '00', 'NULL'));
        END IF;
        IF random() < 0.4 THEN
            parts = parts || ('rep_id = ' || coalesce(nullif(floor(random() * 5)::integer, 0)::text, 'NULL'));
        END IF;
        IF random() < 0.3 THEN
            parts = parts || ('product_id = ' || coalesce(nullif(floor(random() * 4)::integer, 0)::text, 'NULL'));
        END IF;
        IF random() < 0.3 THEN
            parts = parts || pg_temp.one_of(ARRAY['expected_close_on = ''2026-06-30''', 'expected_close_on = ''2026-09-30''', 'expected_close_on = NULL']);
        END IF;
    END LOOP;
    RETURN array_to_string(parts, ', ');
END;
$$;

-- An instant at which a deal may have entered a phase: any, or that of something
-- that happened to it.
CREATE FUNCTION pg_temp.some_instant(deal_id bigint) RETURNS timestamptz
    LANGUAGE sql RETURN (
        SELECT CASE WHEN random() < 0.35
            THEN (SELECT said.at FROM said WHERE said.deal_id = deal.id AND said.at >= deal.opened_at ORDER BY random() LIMIT 1)
            ELSE greatest(deal.opened_at, date_trunc('milliseconds', deal.opened_at + random() * (statement_timestamp() - deal.opened_at)))
        END
        FROM deal
        WHERE deal.id = some_instant.deal_id
    );

CREATE FUNCTION pg_temp.some_insert() RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    opened constant timestamptz = timestamptz '2025-06-01' + floor(random() * 300) * interval '1 day';
    later constant timestamptz = opened + floor(random() * 60) * interval '1 day';
    amount constant text = pg_temp.one_of(ARRAY['NULL', '100', '250.50', '900']);
    rep constant text = pg_temp.one_of(ARRAY['NULL', '1', '2', '3']);
BEGIN
    PERFORM pg_temp.edit(format(pg_temp.one_of(ARRAY[
        'INSERT INTO deal (name, phase_id, opened_at, amount, rep_id) VALUES (''new'', 1, %1$L, %3$s, %4$s), (''newer'', 7, %1$L, %3$s, NULL)',
        'INSERT INTO deal (name, phase_id, opened_at, phase_since, amount, rep_id) VALUES (''began later'', 2, %1$L, %2$L, %3$s, %4$s)',
        'INSERT INTO deal (name, phase_id, opened_at, closed_at, amount, rep_id, product_id) VALUES (''closed'', 4, %1$L, %2$L, %3$s, %4$s, 1)',
        'INSERT INTO deal (name, phase_id, opened_at, closed_at, expected_close_on) VALUES (''lost'', 9, %1$L, %2$L, ''2026-01-31'')',
        'INSERT INTO deal (name, phase_id, opened_at, amount) VALUES (''just now'', 3, statement_timestamp(), %3$s)'
    ]), opened, later, amount, rep));
END;
$$;

CREATE FUNCTION pg_temp.some_edit() RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    target constant bigint = (SELECT deal.id FROM deal ORDER BY random() LIMIT 1);
    phase constant bigint = 1 + floor(random() * 9)::bigint;
    choice constant double precision = random();
    instant timestamptz;
BEGIN
    IF choice < 0.15 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s WHERE id = %s', phase, target));
    ELSIF choice < 0.40 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s, phase_since = $1 WHERE id = %s', phase, target), pg_temp.some_instant(target));
    ELSIF choice < 0.50 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_since = $1 WHERE id = %s', target), pg_temp.some_instant(target));
    ELSIF choice < 0.60 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s, phase_since = $1, %s WHERE id = %s', phase, pg_temp.some_values(), target), pg_temp.some_instant(target));
    ELSIF choice < 0.65 THEN
        instant = pg_temp.some_instant(target);
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s, closed_at = $1 WHERE id = %s AND closed_at IS DISTINCT FROM $1', pg_temp.one_of('{4,5,8,9}'::integer[]), target), instant);
    ELSIF choice < 0.80 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET %s WHERE id = %s', pg_temp.some_values(), target));
    ELSIF choice < 0.85 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s, %s WHERE id %% 5 = %s', phase, pg_temp.some_values(), target % 5));
    ELSIF choice < 0.89 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET amount = amount + 1, phase_id = CASE WHEN id %% 2 = 0 THEN 1 ELSE phase_id END, rep_id = CASE WHEN id %% 3 = 0 THEN NULL ELSE 4 END WHERE id %% 7 = %s', target % 7));
    ELSIF choice < 0.91 THEN
        PERFORM pg_temp.edit(format('UPDATE deal SET phase_id = %s, phase_since = greatest($1, opened_at) WHERE id %% 9 = %s AND opened_at <= $1', phase, target % 9), pg_temp.some_instant(target));
    ELSIF choice < 0.93 THEN
        PERFORM pg_temp.edit(format('INSERT INTO deal (id, name, phase_id, opened_at) SELECT id, name, phase_id, opened_at FROM deal WHERE id IN (%s, %s) ON CONFLICT (id) DO UPDATE SET phase_id = %s, %s', target, target + 1, phase, pg_temp.some_values()));
    ELSIF choice < 0.95 THEN
        PERFORM pg_temp.edit(format('MERGE INTO deal USING (VALUES (%s), (NULL::bigint)) AS given (id) ON given.id = deal.id WHEN MATCHED THEN UPDATE SET phase_id = %s, amount = 77 WHEN NOT MATCHED THEN INSERT (name, phase_id, opened_at) VALUES (''merged'', 1, ''2026-01-01'')', target, phase));
    ELSIF choice < 0.97 THEN
        PERFORM pg_temp.edit(format('DELETE FROM deal WHERE id = %s', target));
    ELSE
        PERFORM pg_temp.some_insert();
    END IF;
END;
$$;
-- Several edits within one statement share its instant.
CREATE FUNCTION pg_temp.some_edits(n integer) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. n LOOP
        PERFORM pg_temp.some_edit();
    END LOOP;
END;
$$;

-- -------------------------------------------------------------- what must hold

CREATE TEMP TABLE failure (batch integer, property text, detail text);
CREATE TEMP TABLE remembered (asked_at timestamptz, at timestamptz, state jsonb);
CREATE TEMP SEQUENCE batch;
CREATE FUNCTION pg_temp.difference(property text, one text, other text) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO failure
        SELECT currval(''batch''), %L, ''only one: '' || x FROM (SELECT r::text FROM (%2$s) AS r EXCEPT ALL SELECT r::text FROM (%3$s) AS r) AS d (x)
        UNION ALL
        SELECT currval(''batch''), %1$L, ''only other: '' || x FROM (SELECT r::text FROM (%3$s) AS r EXCEPT ALL SELECT r::text FROM (%2$s) AS r) AS d (x)',
        property, one, other);
END;
$$;

CREATE TEMP VIEW slip_by_plain_sql AS
SELECT
    push.deal_id,
    'push' AS kind,
    (row_number() OVER (PARTITION BY push.deal_id ORDER BY push.at, push.seq NULLS FIRST, push.id))::integer AS slip_no,
    push.at
FROM (
    SELECT
        event.deal_id,
        event.at,
        event.seq,
        event.id,
        event.expected_close_on > lag(event.expected_close_on) OVER (PARTITION BY event.deal_id ORDER BY event.at, event.seq NULLS FIRST, event.id) AS is_push
    FROM deal_event AS event
    WHERE event.expected_close_on IS NOT NULL
        AND event.id NOT IN (SELECT correction.corrects FROM deal_event AS correction WHERE correction.corrects IS NOT NULL)
        AND event.deal_id IN (SELECT deal.id FROM deal)
) AS push
WHERE push.is_push
UNION ALL
SELECT
    backward.deal_id,
    'backward',
    (row_number() OVER (PARTITION BY backward.deal_id ORDER BY backward.stay_no))::integer,
    backward.entered_at
FROM (
    SELECT
        stay.deal_id,
        stay.stay_no,
        stay.entered_at,
        phase.position < lag(phase.position) OVER (PARTITION BY stay.deal_id ORDER BY stay.stay_no) AS is_backward
    FROM phase_stay AS stay
    JOIN phase ON phase.id = stay.phase_id AND phase.kind = 'open'
) AS backward
WHERE backward.is_backward;

CREATE FUNCTION pg_temp.look() RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    instant timestamptz;
BEGIN
    PERFORM nextval('batch');
    INSERT INTO failure SELECT currval('batch'), 'check_history', problem.deal_id || ': ' || problem.problem FROM check_history() AS problem;
    PERFORM pg_temp.difference('now', 'SELECT * FROM deal_as_of(statement_timestamp())',
        'SELECT id, pipeline_id, phase_id, phase_since, amount, expected_close_on, rep_id, product_id, opened_at, closed_at FROM deal');
    PERFORM pg_temp.difference('oracle', 'SELECT * FROM deal_as_of(statement_timestamp())', 'SELECT * FROM pg_temp.oracle(statement_timestamp())');

    PERFORM pg_temp.difference('slips', 'TABLE deal_slip', 'SELECT * FROM pg_temp.slip_by_plain_sql');

    CREATE TEMP TABLE deal_before AS TABLE deal;
    CREATE TEMP TABLE stay_before AS TABLE phase_stay;
    CREATE TEMP TABLE event_before AS TABLE deal_event;
    PERFORM rebuild_history((SELECT array_agg(deal.id) FROM deal WHERE deal.id % 3 = currval('batch') % 3));
    PERFORM pg_temp.difference('rebuild of some: deal', 'TABLE deal', 'TABLE deal_before');
    PERFORM pg_temp.difference('rebuild of some: phase_stay', 'TABLE phase_stay', 'TABLE stay_before');
    PERFORM rebuild_history();
    PERFORM pg_temp.difference('rebuild of all: deal', 'TABLE deal', 'TABLE deal_before');
    PERFORM pg_temp.difference('rebuild of all: phase_stay', 'TABLE phase_stay', 'TABLE stay_before');
    PERFORM pg_temp.difference('rebuild of all: deal_event', 'TABLE deal_event', 'TABLE event_before');
    DROP TABLE deal_before, stay_before, event_before;

    -- What is told now of some instants, to be asked again later.
    FOR instant IN
        -- one instant is not remembered twice
        SELECT told.at FROM (SELECT DISTINCT said.at FROM said) AS told ORDER BY random() LIMIT 5
    LOOP
        INSERT INTO remembered
        SELECT statement_timestamp(), instant, to_jsonb(state) FROM deal_as_of(instant) AS state;
    END LOOP;
END;
$$;

DO $$BEGIN FOR i IN 1 .. 35 LOOP PERFORM pg_temp.some_insert(); END LOOP; END$$;
SELECT pg_temp.look() \g /dev/null

-- Twenty batches: single statements, then some that share an instant.
SELECT CASE
        WHEN step = 31 THEN 'SELECT pg_temp.look() AS look'
        WHEN step % 10 = 0 THEN 'SELECT pg_temp.some_edits(4)'
        ELSE 'SELECT pg_temp.some_edit()'
    END
FROM generate_series(1, 20) AS batch
CROSS JOIN generate_series(1, 31) AS step
ORDER BY batch, step
\o /dev/null
\gexec
\o

SELECT cmp_ok(count(*), '>=', 600::bigint, 'there were hundreds of edits') FROM edit_log;
SELECT cmp_ok(count(*), '>=', 40::bigint, 'of dozens of deals') FROM deal;
SELECT cmp_ok(count(*), '>=', 100::bigint, 'with many corrections') FROM deal_event WHERE corrects IS NOT NULL;
SELECT cmp_ok(count(*), '>=', 5::bigint, 'and deleted deals') FROM deal_event WHERE removed;
SELECT is(last_value, 21::bigint, 'and twenty batches') FROM batch;
SELECT is_empty(
    format('SELECT batch, detail FROM failure WHERE property = %L LIMIT 10', property),
    title
)
FROM (VALUES
    ('check_history', 'check_history() finds nothing after any batch'),
    ('slips', 'every push and every move backward is in deal_slip'),
    ('now', 'deal_as_of(this moment) is deal'),
    ('oracle', 'deal_as_of(this moment) is what was said'),
    ('rebuild of some: deal', 'rebuild_history(some) leaves deal as it is'),
    ('rebuild of some: phase_stay', 'rebuild_history(some) finds the same stays'),
    ('rebuild of all: deal', 'rebuild_history() leaves deal as it is'),
    ('rebuild of all: phase_stay', 'rebuild_history() finds the same stays'),
    ('rebuild of all: deal_event', 'rebuild_history() adds nothing to a history that was lived through')
) AS checked (property, title);

-- Any instant, any knowledge.
CREATE TEMP TABLE question AS
SELECT
    (SELECT min(said.at) FROM said) + random() * (statement_timestamp() - (SELECT min(said.at) FROM said)) AS at,
    CASE WHEN n <= 100 THEN 'infinity' ELSE (SELECT max(said.known_from) FROM said) - random() * (SELECT max(said.known_from) - min(said.known_from) FROM said) END AS known_at
FROM generate_series(1, 150) AS n
UNION ALL
(SELECT said.at, 'infinity' FROM said ORDER BY random() LIMIT 50)
UNION ALL
(SELECT said.at, said.known_from FROM said ORDER BY random() LIMIT 50);
SELECT cmp_ok(count(*), '>', 2000::bigint, 'the answers to be compared are many')
FROM question CROSS JOIN LATERAL deal_as_of(question.at, question.known_at);
SELECT is_empty($$
    SELECT question.at, question.known_at, difference.*
    FROM question
    CROSS JOIN LATERAL (
        (SELECT 'told' AS side, * FROM deal_as_of(question.at, question.known_at)
            EXCEPT ALL SELECT 'told', * FROM pg_temp.oracle(question.at, question.known_at))
        UNION ALL
        (SELECT 'said', * FROM pg_temp.oracle(question.at, question.known_at)
            EXCEPT ALL SELECT 'said', * FROM deal_as_of(question.at, question.known_at))
    ) AS difference
    LIMIT 10
$$, 'deal_as_of(at, known_at) is what the oracle says of 250 instants');
SELECT is_empty($$
    SELECT asked.at, asked.asked_at, difference.*
    FROM (SELECT DISTINCT at, asked_at FROM remembered) AS asked
    CROSS JOIN LATERAL (
        (SELECT to_jsonb(state) FROM deal_as_of(asked.at, asked.asked_at) AS state
            EXCEPT ALL SELECT remembered.state FROM remembered WHERE (remembered.at, remembered.asked_at) = (asked.at, asked.asked_at))
        UNION ALL
        (SELECT remembered.state FROM remembered WHERE (remembered.at, remembered.asked_at) = (asked.at, asked.asked_at)
            EXCEPT ALL SELECT to_jsonb(state) FROM deal_as_of(asked.at, asked.asked_at) AS state)
    ) AS difference
    LIMIT 10
$$, 'deal_as_of(at, known_at) is what deal_as_of(at) said at known_at');

-- --------------------------------------------- an imported history is a lived one

SELECT kpicrm.create_workspace('history_import') \g /dev/null
INSERT INTO history_import.sales_rep TABLE sales_rep;
INSERT INTO history_import.product TABLE product;
INSERT INTO history_import.pipeline TABLE pipeline;
INSERT INTO history_import.phase TABLE phase;
SET kpicrm.history = 'off';
INSERT INTO history_import.deal (id, name, pipeline_id, phase_id, phase_since, opened_at)
SELECT id, name, 1, 1, opened_at, opened_at FROM deal ORDER BY random();
INSERT INTO history_import.deal_event (deal_id, at, seq, recorded_at, phase_id, amount, expected_close_on, rep_id, product_id, cleared, removed)
SELECT
    event.deal_id,
    event.at,
    CASE WHEN count(*) OVER (PARTITION BY event.deal_id, event.at) > 1 THEN event.seq END,
    event.recorded_at,
    event.phase_id,
    event.amount,
    event.expected_close_on,
    event.rep_id,
    event.product_id,
    event.cleared,
    event.removed
FROM deal_event AS event
WHERE NOT EXISTS (SELECT FROM deal_event AS correction WHERE correction.corrects = event.id)
ORDER BY random();
RESET kpicrm.history;
SELECT is(history_import.rebuild_history(), count(*), 'rebuild_history() tells the number of deals') FROM deal;
SELECT bag_eq('TABLE history_import.phase_stay', 'TABLE phase_stay', 'the stays of an imported history are the lived ones');
SELECT bag_eq('TABLE history_import.deal_span', 'TABLE deal_span', 'and so are the spans, of deleted deals too');
SELECT results_eq(
    'SELECT span.deal_id, phase.pipeline_id, span.phase_id, span.entered_at, span.amount, span.expected_close_on, span.rep_id, span.product_id
    FROM deal_span AS span LEFT JOIN phase ON phase.id = span.phase_id
    WHERE span.starts_at <= now() - interval ''1 month'' AND (span.ends_at IS NULL OR span.ends_at > now() - interval ''1 month'')
        AND NOT EXISTS (SELECT FROM deal_event AS event WHERE event.removed AND event.deal_id = span.deal_id AND event.at <= now() - interval ''1 month'')
    ORDER BY span.deal_id',
    'SELECT deal_id, pipeline_id, phase_id, phase_since, amount, expected_close_on, rep_id, product_id FROM deal_as_of(now() - interval ''1 month'') ORDER BY deal_id',
    'the spans of an instant are deal_as_of() then'
);
SELECT cmp_ok(count(*), '>', 20::bigint, 'of many deals')
FROM deal_span AS span
WHERE span.starts_at <= now() - interval '1 month' AND (span.ends_at IS NULL OR span.ends_at > now() - interval '1 month');
SELECT bag_eq('TABLE history_import.deal', 'TABLE deal', 'and so are the deals');
SELECT bag_eq('TABLE history_import.deal_slip', 'TABLE deal_slip', 'and the slips');
SELECT cmp_ok(count(*), '>=', 5::bigint, 'of which there are ' || kind || 's') FROM deal_slip GROUP BY kind ORDER BY kind;
SELECT bag_eq('TABLE deal_slip', 'SELECT slip.* FROM slip_history() AS slip JOIN deal ON deal.id = slip.deal_id', 'slip_history() finds them');
SELECT is_empty('SELECT * FROM history_import.check_history()', 'and nothing contradicts');

-- ------------------------------------------------------------------- particulars

SELECT count(*) AS events FROM deal_event \gset
UPDATE deal SET name = name || '!', amount = amount, phase_id = phase_id, phase_since = phase_since, next_action_on = '2026-01-01', cost = 1;
SELECT is(count(*), :events::bigint, 'an UPDATE that changes nothing tracked writes no event') FROM deal_event;

INSERT INTO deal (id, name, phase_id, opened_at) VALUES (1001, 'short', 1, '2025-01-01');
INSERT INTO deal_event (deal_id, at, phase_id) VALUES (1001, '2025-02-01', 4), (1001, '2025-02-01', 2), (1001, '2025-02-01', 3);
SELECT rebuild_history('{1001}') \g /dev/null
SELECT results_eq(
    'SELECT stay_no, phase_id, left_at - entered_at FROM phase_stay WHERE deal_id = 1001 ORDER BY stay_no',
    $$VALUES (1, 1::bigint, interval '31 days'), (2, 2, '0'), (3, 3, '0'), (4, 4, NULL)$$,
    'events at one instant without seq: the lower phase first, the end last'
);

-- An UPDATE cannot tell an unchanged phase_since from one that was not given, but a closed_at it can.
INSERT INTO deal (id, name, phase_id, opened_at) VALUES (1005, 'closed at once', 1, '2025-01-01'), (1006, 'closed now', 1, '2025-01-01');
UPDATE deal SET phase_id = 4, closed_at = phase_since WHERE id = 1005;
UPDATE deal SET phase_id = 4, phase_since = phase_since WHERE id = 1006;
SELECT results_eq(
    'SELECT stay_no, phase_id, entered_at, left_at FROM phase_stay WHERE deal_id = 1005 ORDER BY stay_no',
    $$VALUES (1, 1::bigint, timestamptz '2025-01-01', timestamptz '2025-01-01'), (2, 4, '2025-01-01', NULL)$$,
    'a deal can be closed at the instant at which it entered its last phase'
);
SELECT ok(closed_at > '2026-01-01', 'and is closed now if only phase_since repeats what it was') FROM deal WHERE id = 1006;

DO $$
BEGIN
    INSERT INTO deal (id, name, phase_id, opened_at) VALUES (1002, 'gone at once', 1, statement_timestamp());
    DELETE FROM deal WHERE id = 1002;
END;
$$;
SELECT is_empty('SELECT * FROM check_history()', 'a deal can come and go in one instant');

INSERT INTO deal (id, name, phase_id, opened_at) VALUES (1003, 'ahead', 1, statement_timestamp() + interval '1 day');
UPDATE deal SET amount = 5 WHERE id = 1003;
UPDATE deal SET phase_id = 2 WHERE id = 1003;
SELECT is(count(*), 2::bigint, 'what happens before its time is in order all the same') FROM phase_stay WHERE deal_id = 1003;
DELETE FROM deal WHERE id = 1003;
SELECT is_empty('SELECT * FROM check_history()', 'and can be deleted before it');

-- Imported keys may be ahead of the sequence; a later correction knows these events all the same.
SET kpicrm.history = 'off';
INSERT INTO deal (id, name, pipeline_id, phase_id, phase_since, opened_at) VALUES (1004, 'imported', 1, 1, '2025-01-01', '2025-01-01');
INSERT INTO deal_event (id, deal_id, at, recorded_at, phase_id) VALUES
    (1000001, 1004, '2025-01-01', '2025-01-01', 1),
    (1000002, 1004, '2025-03-01', '2025-03-01', 2);
RESET kpicrm.history;
SELECT rebuild_history('{1004}') \g /dev/null
UPDATE deal SET phase_id = 3, phase_since = '2025-02-01' WHERE id = 1004;
SELECT is_empty('SELECT * FROM check_history() WHERE deal_id = 1004', 'imported events with high keys can be corrected');

SET kpicrm.history = 'off';
INSERT INTO deal_event (id, deal_id, at, phase_id)
SELECT last_value + 1, 1004, '2025-03-01', 2
FROM deal_event_id_seq;
RESET kpicrm.history;
SELECT rebuild_history('{1004}') \g /dev/null
SELECT lives_ok('UPDATE deal SET phase_id = 3 WHERE id = 1004', 'and events with the next keys do not collide with what follows');

-- Whoever writes past the triggers is found out, and it can be mended.
CREATE FUNCTION pg_temp.damage(damage text) RETURNS text
    LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
    left_over bigint;
BEGIN
    PERFORM set_config('kpicrm.history', 'off', true);
    EXECUTE damage;
    PERFORM set_config('kpicrm.history', '', true);
    SELECT count(*) INTO found FROM check_history();
    PERFORM rebuild_history();
    SELECT count(*) INTO left_over FROM check_history();
    RETURN CASE WHEN found = 0 THEN 'not found' WHEN left_over > 0 THEN 'not mended' ELSE 'mended' END;
END;
$$;
SELECT is(pg_temp.damage(damage), 'mended', damage)
FROM (VALUES
    ('INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at) SELECT deal_id, stay_no + 1, 1, entered_at FROM phase_stay WHERE deal_id = 1001 AND left_at IS NULL'),
    ('INSERT INTO phase_stay (deal_id, stay_no, phase_id, entered_at) VALUES (999999, 1, 1, now())'),
    ('DELETE FROM phase_stay WHERE deal_id = 1001 AND stay_no = 2'),
    ('DELETE FROM deal_slip WHERE kind = ''push'' AND deal_id = (SELECT min(deal_id) FROM deal_slip WHERE kind = ''push'')'),
    ('INSERT INTO deal_slip (deal_id, kind, slip_no, at) VALUES (1001, ''push'', 1, now())'),
    ('UPDATE phase_stay SET amount = 77 WHERE deal_id = 1001 AND stay_no = 1'),
    ('UPDATE deal_span SET amount = 77 WHERE deal_id = 1001 AND span_no = 1'),
    ('UPDATE deal_span SET previous_rep_id = 3 WHERE deal_id = 1001 AND span_no = 2'),
    ('UPDATE deal_span SET entered_at = starts_at - interval ''1 day'' WHERE deal_id = 1001 AND span_no = 2'),
    ('UPDATE deal_span SET ends_at = ends_at + interval ''1 day'' WHERE deal_id = 1001 AND span_no = 1'),
    ('DELETE FROM deal_span WHERE deal_id = 1001 AND span_no = 2'),
    ('DELETE FROM deal_span WHERE deal_id = 1002'),
    ('INSERT INTO deal_span (deal_id, span_no, starts_at) VALUES (999999, 1, now())'),
    ('INSERT INTO deal_span (deal_id, span_no, starts_at, previous_phase_id) SELECT deal_id, span_no + 1, starts_at, phase_id FROM deal_span WHERE deal_id = 1001 AND ends_at IS NULL'),
    ('UPDATE deal SET closed_at = closed_at + interval ''1 day'' WHERE id = 1001'),
    ('UPDATE deal SET amount = coalesce(amount, 0) + 1 WHERE id = (SELECT min(deal_id) FROM deal_event WHERE amount IS NOT NULL AND deal_id IN (SELECT id FROM deal))')
) AS way (damage);

SELECT count(*) AS deals FROM deal \gset
SELECT count(*) AS removed FROM deal_event WHERE removed \gset
TRUNCATE deal CASCADE;
SELECT is(count(*) - :removed, :deals::bigint, 'TRUNCATE writes that every deal was removed') FROM deal_event WHERE removed;
TRUNCATE deal, deal_event CASCADE;
SELECT is_empty('SELECT * FROM check_history()', 'and with the events the spans are gone, too');
INSERT INTO deal (id, name, phase_id) VALUES (1, 'a', 1), (2, 'b', 1);
TRUNCATE deal_event, deal CASCADE;
SELECT is_empty('SELECT FROM deal_span', 'in whichever order they are named');
ALTER TABLE deal ADD COLUMN event_id bigint, ADD COLUMN now timestamptz, ADD COLUMN deal_id text;
SELECT lives_ok($$INSERT INTO deal (id, name, phase_id, event_id, deal_id) VALUES (1, 'a', 1, 5, 'x')$$, 'columns of your own may have any name');
SELECT lives_ok($$UPDATE deal SET product_id = 1, phase_id = 2$$, 'and are there when a deal changes');
UPDATE deal SET product_id = 2;
SELECT throws_ok('UPDATE product SET id = 99 WHERE id = 1', '23503', NULL, 'what the history mentions keeps its key');
SELECT throws_ok('UPDATE phase SET id = 99 WHERE id = 1', '23503', NULL, 'so does a phase');
SELECT lives_ok($$UPDATE product SET id = id, name = 'renamed' WHERE id = 1$$, 'but not its name');
SELECT is_empty('SELECT * FROM check_history()', 'all of this holds together');

SELECT * FROM finish();
ROLLBACK;
