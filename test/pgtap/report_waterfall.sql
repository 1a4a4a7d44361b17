/*
 * pipeline_waterfall on random histories: it adds up deal by deal and in total, and is
 * what two pictures of the deals, at the start and at the end, say.
 */
BEGIN;
\ir include/random_histories.psql
\pset tuples_only on
SELECT plan(25);

-- From two pictures in plain SQL; what ended in between from the history.
CREATE FUNCTION pg_temp.expected(from_at timestamptz, until_at timestamptz, closing_from date, closing_to date)
RETURNS TABLE (deal_id bigint, start_amount numeric, new_amount numeric, pulled_in_amount numeric, reopened_amount numeric, increased_amount numeric,
    decreased_amount numeric, pushed_out_amount numeric, won_amount numeric, lost_amount numeric, removed_amount numeric, end_amount numeric)
    LANGUAGE sql
AS $$
    WITH a AS (
        SELECT d.*, p.kind FROM crm.deal_as_of(from_at - INTERVAL '1 microsecond') AS d LEFT JOIN crm.phase AS p ON p.id = d.phase_id
    ), b AS (
        -- of a deleted deal, its last state
        SELECT DISTINCT ON (h.deal_id) h.deal_id, CASE WHEN NOT h.removed THEN p.kind ELSE 'deleted' END AS kind, h.amount, h.expected_close_on
        FROM crm.event_history() AS h LEFT JOIN crm.phase AS p ON p.id = h.phase_id
        WHERE h.at < until_at
        ORDER BY h.deal_id, h.event_no DESC
    ), ended AS (
        -- deleting what had ended before ends nothing
        SELECT h.deal_id
        FROM crm.event_history() AS h
        LEFT JOIN crm.phase AS p ON p.id = h.phase_id
        WHERE h.at >= from_at AND h.at < until_at
            AND ((h.is_entry AND p.kind IN ('won', 'lost', 'disqualified'))
                OR (h.removed AND (p.kind IN ('open', 'hold') OR h.entered_at >= from_at)))
        GROUP BY h.deal_id
    ), both_ AS (
        SELECT b.deal_id, a.kind AS was, b.kind AS is_, coalesce(a.amount, 0) AS before, coalesce(b.amount, 0) AS after,
            a.kind = 'open' AND (closing_from IS NULL OR a.expected_close_on >= closing_from) AND (closing_to IS NULL OR a.expected_close_on < closing_to) AS was_in,
            b.kind = 'open' AND (closing_from IS NULL OR b.expected_close_on >= closing_from) AND (closing_to IS NULL OR b.expected_close_on < closing_to) AS is_in,
            b.kind NOT IN ('open', 'hold') AND ended.deal_id IS NOT NULL
                AND (closing_from IS NULL OR b.expected_close_on >= closing_from) AND (closing_to IS NULL OR b.expected_close_on < closing_to) AS passed
        FROM b LEFT JOIN a USING (deal_id) LEFT JOIN ended USING (deal_id)
    ), listed AS (
        SELECT *, coalesce(was_in, false) AS s, coalesce(is_in, false) AS e FROM both_ WHERE was_in OR is_in OR passed
    )
    SELECT deal_id,
        CASE WHEN s THEN before ELSE 0 END,
        CASE WHEN NOT s AND was IS NULL THEN after ELSE 0 END,
        CASE WHEN NOT s AND was = 'open' THEN after ELSE 0 END,
        CASE WHEN NOT s AND was <> 'open' THEN after ELSE 0 END,
        CASE WHEN s AND after > before THEN after - before ELSE 0 END,
        CASE WHEN s AND after < before THEN before - after ELSE 0 END,
        CASE WHEN NOT e AND is_ = 'open' THEN after ELSE 0 END,
        CASE WHEN NOT e AND is_ = 'won' THEN after ELSE 0 END,
        CASE WHEN NOT e AND is_ = 'lost' THEN after ELSE 0 END,
        CASE WHEN NOT e AND is_ NOT IN ('open', 'won', 'lost') THEN after ELSE 0 END,
        CASE WHEN e THEN after ELSE 0 END
    FROM listed
$$;

CREATE TEMP TABLE span AS
SELECT * FROM (VALUES
    ('a week', date '2026-02-09', date '2026-02-16', NULL::date, NULL::date),
    ('a week, closing in the quarter', '2026-02-09', '2026-02-16', '2026-01-01', '2026-04-01'),
    ('a quarter', '2026-01-01', '2026-04-01', '2026-01-01', '2026-04-01'),
    ('a year, closing from a day', '2025-04-01', '2026-04-01', '2026-02-01', NULL),
    ('a year, closing before a day', '2025-04-01', '2026-04-01', NULL, '2025-12-01')
) AS listed (name, from_date, to_date, closing_from, closing_to);

SELECT bag_eq(
    format('SELECT deal_id, start_amount, new_amount, pulled_in_amount, reopened_amount, increased_amount, decreased_amount, pushed_out_amount, won_amount, lost_amount, removed_amount, end_amount
        FROM crm.pipeline_waterfall_deal(%L, %L, %L, %L)', from_date, to_date, closing_from, closing_to),
    format('SELECT * FROM pg_temp.expected(%L, %L, %L, %L)', from_date::timestamp AT TIME ZONE 'America/New_York', to_date::timestamp AT TIME ZONE 'America/New_York', closing_from, closing_to),
    name || ': each deal'
)
FROM span;
SELECT is_empty(
    format('SELECT deal_id FROM crm.pipeline_waterfall_deal(%L, %L, %L, %L)
        WHERE start_amount + new_amount + pulled_in_amount + reopened_amount + increased_amount - decreased_amount - pushed_out_amount - won_amount - lost_amount - removed_amount <> end_amount',
        from_date, to_date, closing_from, closing_to),
    name || ': each deal adds up'
)
FROM span;
SELECT is_empty(
    format('SELECT dimension_name, member_id FROM crm.pipeline_waterfall(%L, %L, %L, %L, NULL)
        WHERE start_amount + new_amount + pulled_in_amount + reopened_amount + transferred_in_amount + increased_amount
                - decreased_amount - transferred_out_amount - pushed_out_amount - won_amount - lost_amount - removed_amount <> end_amount
            OR start_count + new_count + pulled_in_count + reopened_count + transferred_in_count
                - transferred_out_count - pushed_out_count - won_count - lost_count - removed_count <> end_count',
        from_date, to_date, closing_from, closing_to),
    name || ': each row of each dimension adds up, in money and in deals'
)
FROM span;
SELECT is_empty(
    format('WITH deals AS (SELECT * FROM crm.pipeline_waterfall_deal(%L, %L, %L, %L))
        SELECT total.dimension_name
        FROM (
            SELECT dimension_name, sum(start_amount) AS s, sum(new_amount) AS n, sum(pulled_in_amount) AS pi, sum(reopened_amount) AS r, sum(increased_amount) AS i, sum(decreased_amount) AS d,
                sum(pushed_out_amount) AS po, sum(won_amount) AS w, sum(lost_amount) AS l, sum(removed_amount) AS x, sum(end_amount) AS e, sum(transferred_in_amount) - sum(transferred_out_amount) AS t
            FROM crm.pipeline_waterfall(%1$L, %2$L, %3$L, %4$L, NULL) GROUP BY 1
        ) AS total
        CROSS JOIN (
            SELECT sum(start_amount) AS s, sum(new_amount) AS n, sum(pulled_in_amount) AS pi, sum(reopened_amount) AS r, sum(increased_amount) AS i, sum(decreased_amount) AS d,
                sum(pushed_out_amount) AS po, sum(won_amount) AS w, sum(lost_amount) AS l, sum(removed_amount) AS x, sum(end_amount) AS e
            FROM deals
        ) AS sum
        WHERE (total.s, total.n, total.pi, total.r, total.i, total.d, total.po, total.w, total.l, total.x, total.e, total.t)
            IS DISTINCT FROM (sum.s, sum.n, sum.pi, sum.r, sum.i, sum.d, sum.po, sum.w, sum.l, sum.x, sum.e, 0)',
        from_date, to_date, closing_from, closing_to),
    name || ': the deals add up to each dimension'
)
FROM span;
SELECT is_empty(
    $$SELECT flow.name
      FROM (
        SELECT sum(w.new_count) AS n, sum(w.pulled_in_count) AS pi, sum(w.reopened_count) AS r, sum(w.increased_count) AS i, sum(w.decreased_count) AS d,
            sum(w.pushed_out_count) AS po, sum(w.won_count) AS w, sum(w.lost_count) AS l, sum(w.removed_count) AS x
        FROM span CROSS JOIN LATERAL crm.pipeline_waterfall(span.from_date, span.to_date, span.closing_from, span.closing_to) AS w
      ) AS total
      CROSS JOIN LATERAL (VALUES ('new', n), ('pulled_in', pi), ('reopened', r), ('increased', i), ('decreased', d), ('pushed_out', po), ('won', w), ('lost', l), ('removed', x)) AS flow (name, deals)
      WHERE flow.deals = 0$$,
    'each column has something in it'
);
SELECT ok((SELECT sum(transferred_in_count) > 0 FROM crm.pipeline_waterfall('2026-01-01', '2026-04-01', by => 'rep')), 'deals change hands');
SELECT throws_ok($$SELECT 1 FROM crm.pipeline_waterfall('2026-02-09', '2026-02-16', '2026-04-01', '2026-01-01')$$, '22023', NULL, 'closing_from after closing_to');
SELECT throws_ok($$SELECT 1 FROM crm.pipeline_waterfall('2026-02-16', '2026-02-09')$$, '22023', NULL, 'from after to');
SELECT throws_ok($$SELECT 1 FROM crm.pipeline_waterfall(by => 'boss')$$, '22023', 'invalid value for argument "by": "boss"');
SELECT * FROM finish();
ROLLBACK;
