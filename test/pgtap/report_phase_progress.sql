/*
 * phase_progress and phase_transition on random histories: the columns add up, and
 * each is what a plain walk over the history finds.
 */
BEGIN;
\ir include/random_histories.psql
\pset tuples_only on
SELECT plan(35);

SELECT is_empty('SELECT * FROM crm.check_history()', 'the history is sound');

-- The oracle: state by state, one after the other.
CREATE FUNCTION pg_temp.walked(from_at timestamptz, until_at timestamptz, dimension text)
RETURNS TABLE (member_id bigint, phase_id bigint, flow text, deals bigint, amount numeric)
    LANGUAGE plpgsql
AS $$
DECLARE
    now_ record;
    old record;
    none record;
    here bigint;
    before bigint;
    old_is_open boolean;
    now_is_open boolean;
BEGIN
    SELECT NULL::bigint AS deal_id, NULL::bigint AS event_no, NULL::timestamptz AS at, NULL::boolean AS removed, NULL::bigint AS phase_id, NULL::bigint AS rep_id,
        NULL::bigint AS product_id, 0::numeric AS amount, NULL::text AS kind, NULL::integer AS position, NULL::bigint AS pipeline_id, NULL::bigint AS team_id, NULL::bigint AS source_id
    INTO none;
    old = none;
    CREATE TEMP TABLE seen (member_id bigint, phase_id bigint, flow text, deals bigint, amount numeric) ON COMMIT DROP;
    FOR now_ IN
        SELECT h.deal_id, h.event_no, h.at, h.removed, CASE WHEN NOT h.removed THEN h.phase_id END AS phase_id, h.rep_id, h.product_id, coalesce(h.amount, 0) AS amount,
            p.kind, p.position, p.pipeline_id, r.team_id, d.source_id
        FROM crm.event_history() AS h
        LEFT JOIN crm.phase AS p ON p.id = h.phase_id AND NOT h.removed
        LEFT JOIN crm.sales_rep AS r ON r.id = h.rep_id
        LEFT JOIN crm.deal AS d ON d.id = h.deal_id
        WHERE h.at < until_at
        ORDER BY h.deal_id, h.event_no
    LOOP
        IF old.deal_id IS DISTINCT FROM now_.deal_id THEN
            -- the deal before: how it stood at the end
            IF old.kind = 'open' THEN
                INSERT INTO seen VALUES (before, old.phase_id, 'end', 1, old.amount);
                IF old.at < from_at THEN INSERT INTO seen VALUES (before, old.phase_id, 'start', 1, old.amount); END IF;
            END IF;
            old = none;
            before = NULL;
        END IF;
        here = CASE dimension WHEN 'rep' THEN now_.rep_id WHEN 'team' THEN now_.team_id WHEN 'product' THEN now_.product_id
            WHEN 'source' THEN now_.source_id WHEN 'pipeline' THEN now_.pipeline_id END;
        old_is_open = coalesce(old.kind = 'open', false);
        now_is_open = coalesce(now_.kind = 'open', false);
        IF old_is_open AND old.at < from_at AND now_.at >= from_at THEN
            INSERT INTO seen VALUES (before, old.phase_id, 'start', 1, old.amount);
        END IF;
        IF now_.at >= from_at THEN
            IF old_is_open THEN
                INSERT INTO seen VALUES (before, old.phase_id, 'changed', 0, now_.amount - old.amount);
            END IF;
            IF now_.phase_id IS DISTINCT FROM old.phase_id OR here IS DISTINCT FROM before THEN
                IF old_is_open THEN
                    INSERT INTO seen VALUES (before, old.phase_id, CASE
                        WHEN now_.phase_id IS NULL THEN 'removed'
                        WHEN now_.kind = 'hold' THEN 'held'
                        WHEN now_.kind <> 'open' THEN now_.kind
                        WHEN now_.pipeline_id <> old.pipeline_id OR here IS DISTINCT FROM before THEN 'transferred_out'
                        WHEN now_.position > old.position THEN 'forward_out' ELSE 'backward_out' END, 1, now_.amount);
                END IF;
                IF now_is_open THEN
                    INSERT INTO seen VALUES (here, now_.phase_id, CASE
                        WHEN old.phase_id IS NULL THEN 'new'
                        WHEN old.kind = 'hold' THEN 'resumed'
                        WHEN old.kind <> 'open' THEN 'reopened'
                        WHEN now_.pipeline_id <> old.pipeline_id OR here IS DISTINCT FROM before THEN 'transferred_in'
                        WHEN now_.position > old.position THEN 'forward_in' ELSE 'backward_in' END, 1, now_.amount);
                END IF;
            END IF;
        END IF;
        old = now_;
        before = here;
    END LOOP;
    IF old.kind = 'open' THEN
        INSERT INTO seen VALUES (before, old.phase_id, 'end', 1, old.amount);
        IF old.at < from_at THEN INSERT INTO seen VALUES (before, old.phase_id, 'start', 1, old.amount); END IF;
    END IF;
    RETURN QUERY SELECT s.member_id, s.phase_id, s.flow, sum(s.deals)::bigint, sum(s.amount) FROM seen AS s GROUP BY 1, 2, 3 HAVING sum(s.deals) > 0 OR sum(s.amount) <> 0;
    DROP TABLE seen;
END;
$$;

-- The report as one number a row.
CREATE FUNCTION pg_temp.reported(from_date date, to_date date, dimension text)
RETURNS TABLE (member_id bigint, phase_id bigint, flow text, deals bigint, amount numeric)
    LANGUAGE sql
AS $$
    SELECT r.member_id, r.phase_id, f.flow, f.deals, f.amount
    FROM crm.phase_progress(from_date, to_date, dimension) AS r
    CROSS JOIN LATERAL (VALUES
        ('start', r.start_count, r.start_amount), ('new', r.new_count, r.new_amount), ('forward_in', r.forward_in_count, r.forward_in_amount),
        ('backward_in', r.backward_in_count, r.backward_in_amount), ('reopened', r.reopened_count, r.reopened_amount), ('resumed', r.resumed_count, r.resumed_amount),
        ('transferred_in', r.transferred_in_count, r.transferred_in_amount), ('forward_out', r.forward_out_count, r.forward_out_amount),
        ('backward_out', r.backward_out_count, r.backward_out_amount), ('won', r.won_count, r.won_amount), ('lost', r.lost_count, r.lost_amount),
        ('disqualified', r.disqualified_count, r.disqualified_amount), ('held', r.held_count, r.held_amount), ('transferred_out', r.transferred_out_count, r.transferred_out_amount),
        ('removed', r.removed_count, r.removed_amount), ('changed', 0, r.changed_amount), ('end', r.end_count, r.end_amount)
    ) AS f (flow, deals, amount)
    WHERE f.deals > 0 OR f.amount <> 0
$$;

SELECT bag_eq(
    format('SELECT * FROM pg_temp.reported(%L, %L, %L)', span.from_date, span.to_date, dimension.name),
    format('SELECT * FROM pg_temp.walked(%L, %L, %L)', span.from_date::timestamp AT TIME ZONE 'America/New_York', span.to_date::timestamp AT TIME ZONE 'America/New_York', dimension.name),
    format('%s to %s by %s', span.from_date, span.to_date, dimension.name)
)
FROM (VALUES (date '2026-02-09', date '2026-02-16'), ('2025-04-01', '2026-04-01'), ('2026-03-08', '2026-03-09')) AS span (from_date, to_date)
CROSS JOIN unnest('{all,rep,team,product,source,pipeline}'::text[]) AS dimension (name);

-- Every flow occurs, or nothing has been shown.
SELECT is(
    (SELECT count(DISTINCT flow) FROM pg_temp.reported('2025-04-01', '2026-04-01', 'rep')), 17::bigint,
    'each column has something in it'
);

SELECT is_empty(
    $$SELECT member_id, phase_id FROM crm.phase_progress('2026-02-09', '2026-02-16', NULL)
      WHERE start_count + new_count + forward_in_count + backward_in_count + reopened_count + resumed_count + transferred_in_count
            - forward_out_count - backward_out_count - won_count - lost_count - disqualified_count - held_count - transferred_out_count - removed_count <> end_count
        OR start_amount + new_amount + forward_in_amount + backward_in_amount + reopened_amount + resumed_amount + transferred_in_amount + changed_amount
            - forward_out_amount - backward_out_amount - won_amount - lost_amount - disqualified_amount - held_amount - transferred_out_amount - removed_amount <> end_amount$$,
    'the columns of each row add up, in deals and in money'
);
SELECT is_empty(
    $$SELECT dimension_name FROM crm.phase_progress('2025-04-01', '2026-04-01', NULL)
      GROUP BY dimension_name
      HAVING sum(forward_in_count) <> sum(forward_out_count) OR sum(backward_in_amount) <> sum(backward_out_amount)
        OR sum(transferred_in_count) <> sum(transferred_out_count) OR sum(transferred_in_amount) <> sum(transferred_out_amount)$$,
    'what leaves one row for another arrives there'
);
SELECT bag_eq(
    $$SELECT phase_id, end_count, end_amount FROM crm.phase_progress('2026-02-09', '2026-02-16') WHERE end_count > 0$$,
    $$SELECT d.phase_id, count(*) AS deals, coalesce(sum(d.amount), 0) AS amount
      FROM crm.deal_as_of('2026-02-15 23:59:59.999999-05') AS d JOIN crm.phase ON phase.id = d.phase_id AND phase.kind = 'open' GROUP BY 1$$,
    'the end is what deal_as_of finds just before it'
);
SELECT bag_eq(
    $$SELECT phase_id, start_count, start_amount FROM crm.phase_progress('2026-02-09', '2026-02-16') WHERE start_count > 0$$,
    $$SELECT d.phase_id, count(*) AS deals, coalesce(sum(d.amount), 0) AS amount
      FROM crm.deal_as_of('2026-02-08 23:59:59.999999-05') AS d JOIN crm.phase ON phase.id = d.phase_id AND phase.kind = 'open' GROUP BY 1$$,
    'and so is the start'
);

-- The matrix.
SELECT bag_eq(
    $$SELECT phase_id, forward_out_count + backward_out_count + transferred_out_count + won_count + lost_count + disqualified_count + held_count + removed_count AS left_count
      FROM crm.phase_progress('2026-02-09', '2026-02-16')
      WHERE forward_out_count + backward_out_count + transferred_out_count + won_count + lost_count + disqualified_count + held_count + removed_count > 0$$,
    $$SELECT from_phase_id, sum(move_count)::bigint AS moves FROM crm.phase_transition('2026-02-09', '2026-02-16') AS t
      JOIN crm.phase ON phase.id = t.from_phase_id AND phase.kind = 'open' WHERE move_count > 0 GROUP BY 1$$,
    'moves out of a phase, over all phases they went to'
);
SELECT bag_eq(
    $$SELECT from_phase_id, to_phase_id, deal_count, deal_amount FROM crm.phase_transition('2026-02-09', '2026-02-16') AS t WHERE deal_count > 0$$,
    $$WITH last_entry AS (
        SELECT h.deal_id, max(h.at) AS at FROM crm.event_history() AS h WHERE h.is_entry AND h.at < '2026-02-16 00:00-05' GROUP BY h.deal_id
      )
      SELECT was.phase_id AS from_phase_id, is_.phase_id AS to_phase_id, count(*) AS deals, coalesce(sum(is_.amount), 0) AS amount
      FROM crm.deal_as_of('2026-02-08 23:59:59.999999-05') AS was
      FULL JOIN crm.deal_as_of('2026-02-15 23:59:59.999999-05') AS is_ USING (deal_id)
      LEFT JOIN crm.phase AS p ON p.id = was.phase_id LEFT JOIN crm.phase AS q ON q.id = is_.phase_id
      LEFT JOIN last_entry USING (deal_id)
      -- not those that had ended before
      WHERE coalesce(q.kind, p.kind) IN ('open', 'hold') OR last_entry.at >= '2026-02-09 00:00-05' GROUP BY 1, 2$$,
    'where deals stood and stand'
);

-- As of an instant in the period nothing later has happened.
SELECT bag_eq(
    $$SELECT * FROM crm.phase_progress('2026-02-09', '2026-02-16', 'rep', '2026-02-11 23:59:59.999999-05')$$,
    $$SELECT * FROM crm.phase_progress('2026-02-09', '2026-02-12', 'rep')$$,
    'as_of within the period ends it there'
);
SELECT results_eq(
    $$SELECT start_count = end_count, new_count FROM crm.phase_progress('2026-02-09', '2026-02-09') LIMIT 1$$,
    $$VALUES (true, 0::bigint)$$,
    'a period without days: nothing moves'
);
SELECT bag_eq(
    $$SELECT * FROM crm.phase_progress(as_of => '2026-02-11 12:00-05')$$,
    $$SELECT * FROM crm.phase_progress('2026-02-09', NULL, 'all', '2026-02-11 12:00-05')$$,
    'without dates it is the week of as_of until then'
);

-- Moved to another pipeline, there and back: transferred.
SELECT ok((SELECT sum(transferred_in_count) > 0 FROM crm.phase_progress('2026-02-02', '2026-02-20') WHERE pipeline = 'Partner'), 'deals come from another pipeline');

SELECT throws_ok($$SELECT 1 FROM crm.phase_progress('2026-02-16', '2026-02-09')$$, '22023', NULL, 'from after to');
SELECT throws_ok($$SELECT 1 FROM crm.phase_progress('2026-02-09', 'infinity')$$, '22023', NULL, 'no infinite period');
SELECT throws_ok($$SELECT 1 FROM crm.phase_progress(by => 'manager')$$, '22023', 'invalid value for argument "by": "manager"');
SELECT throws_ok($$SELECT 1 FROM crm.phase_transition(by => 'rep''; DROP TABLE crm.deal; --')$$, '22023', NULL, 'a name is a name');
SELECT throws_ok($$SELECT 1 FROM crm.phase_transition(as_of => NULL)$$, '22023', NULL, 'no instant');
SELECT * FROM finish();
ROLLBACK;
