/*
 * lmdi, shapley, kpi_tree and explain_gap: sums to the last digit, textbook numbers,
 * and the same from first principles.
 */
BEGIN;
\ir include/small_pipeline.sql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT no_plan();

-- Published check.
SELECT is(
    kpicrm.lmdi(ARRAY[100, 0.30, 0.25, 1000000], ARRAY[120, 0.25, 0.20, 1100000], 2),
    ARRAY[1283619.44, -1283619.44, -1571023.23, 671023.23],
    'plan 100 × 0.30 × 0.25 × 1,000,000, actual 120 × 0.25 × 0.20 × 1,100,000'
);
SELECT is(kpicrm.lmdi(ARRAY[7, 3], ARRAY[3, 7]), ARRAY[-17.793255, 17.793255], 'no change in all: L(a, a) is a, and ln(3/7) × 21 = -17.793255');
SELECT is(kpicrm.lmdi(ARRAY[5], ARRAY[8]), ARRAY[3.000000], 'one factor is all of it');
SELECT is(kpicrm.shapley(ARRAY[2, 3], ARRAY[4, 0]), ARRAY[3.000000, -9.000000], 'two factors: (4 - 2) × (3 + 0) / 2 and (0 - 3) × (2 + 4) / 2');
SELECT is(kpicrm.shapley(ARRAY[0, 0, 0], ARRAY[2, 3, 4]), ARRAY[8.000000, 8.000000, 8.000000], 'from nothing: each a third');

-- Shapley value from its definition: the mean over all orders.
CREATE FUNCTION pg_temp.by_orders(plan numeric[], actual numeric[]) RETURNS numeric[]
    LANGUAGE plpgsql
AS $$
DECLARE
    n constant integer = cardinality(plan);
    orders integer = 0;
    parts numeric[] = array_fill(0::numeric, ARRAY[n]);
    path integer[];
    now numeric[];
    before numeric;
BEGIN
    FOR path IN
        WITH RECURSIVE walk AS (
            SELECT ARRAY[]::integer[] AS path
            UNION ALL
            SELECT walk.path || i FROM walk, generate_series(1, n) AS i WHERE i <> ALL (walk.path)
        )
        SELECT walk.path FROM walk WHERE cardinality(walk.path) = n
    LOOP
        orders = orders + 1;
        now = plan;
        FOR k IN 1 .. n LOOP
            before = (SELECT kpicrm.product(now));
            now[path[k]] = actual[path[k]];
            parts[path[k]] = parts[path[k]] + kpicrm.product(now) - before;
        END LOOP;
    END LOOP;
    RETURN ARRAY(SELECT part / orders FROM unnest(parts) WITH ORDINALITY AS p (part, i) ORDER BY i);
END;
$$;
CREATE TEMP TABLE sample AS
SELECT
    s,
    array_agg(round(((hashint4(s * 100 + i) % 2000) / 100.0)::numeric, 2) ORDER BY i) AS plan,
    array_agg(round(((hashint4(s * 100 + i + 50) % 2000) / 100.0)::numeric, 2) ORDER BY i) AS actual
FROM generate_series(1, 60) AS s, generate_series(1, 5) AS i
WHERE i <= 1 + s % 5
GROUP BY s;
SELECT is_empty(
    $$SELECT s, i FROM sample, unnest(kpicrm.shapley(plan, actual, 6), pg_temp.by_orders(plan, actual)) WITH ORDINALITY AS p (fast, slow, i)
      WHERE abs(fast - slow) > 0.000010$$,
    'shapley is the mean over all orders, for factors of any sign'
);
SELECT is_empty(
    $$SELECT s FROM sample WHERE (SELECT sum(p) FROM unnest(kpicrm.shapley(plan, actual, 3)) AS p) <> round(kpicrm.product(actual) - kpicrm.product(plan), 3)$$,
    'it adds up to the last digit'
);
SELECT is_empty(
    $$SELECT s, d FROM sample, generate_series(0, 12, 3) AS d, LATERAL (SELECT array_agg(abs(p) + 0.01 ORDER BY i) AS plan2 FROM unnest(plan) WITH ORDINALITY AS p (p, i)) AS a, LATERAL (SELECT array_agg(abs(p) + 0.01 ORDER BY i) AS actual2 FROM unnest(actual) WITH ORDINALITY AS p (p, i)) AS b
      WHERE (SELECT sum(p) FROM unnest(kpicrm.lmdi(plan2, actual2, d)) AS p) <> round(kpicrm.product(actual2) - kpicrm.product(plan2), d)$$,
    'lmdi adds up to the last digit'
);
SELECT is_empty(
    $$SELECT s, i FROM sample, LATERAL (SELECT array_agg(abs(p) + 0.01 ORDER BY i) AS plan2 FROM unnest(plan) WITH ORDINALITY AS p (p, i)) AS a, LATERAL (SELECT array_agg(abs(p) + 0.01 ORDER BY i) AS actual2 FROM unnest(actual) WITH ORDINALITY AS p (p, i)) AS b,
        unnest(kpicrm.lmdi(plan2, actual2, 6), plan2, actual2) WITH ORDINALITY AS p (part, x0, x1, i),
        LATERAL (SELECT kpicrm.product(plan2)::float8 AS v0, kpicrm.product(actual2)::float8 AS v1) AS v
      WHERE v0 <> v1 AND abs(part - ((v1 - v0) / ln(v1 / v0) * ln(x1::float8 / x0::float8))::numeric) > 0.00001 * greatest(1, abs(part))$$,
    'lmdi is its formula'
);
SELECT is(
    (SELECT sum(p) FROM unnest(kpicrm.lmdi(array_fill(1.1::numeric, ARRAY[100]), array_fill(1.2::numeric, ARRAY[100]), 2)) AS p),
    round(1.2 ^ 100::numeric - 1.1 ^ 100::numeric, 2), 'a hundred factors');
SELECT is(
    (SELECT count(DISTINCT p) FROM unnest(kpicrm.shapley(array_fill(1.1::numeric, ARRAY[50]), array_fill(1.2::numeric, ARRAY[50]), 6)) AS p) <= 2, true, 'fifty equal factors contribute the same (but for the rounding)');
SELECT is(kpicrm.lmdi(NULL, ARRAY[1]), NULL, 'nothing of nothing');
SELECT throws_ok(format('SELECT kpicrm.%s', call), '22023', NULL, call)
FROM unnest(ARRAY[
    'lmdi(ARRAY[1, 0], ARRAY[1, 1])', 'lmdi(ARRAY[1, 2], ARRAY[1, -1])', 'lmdi(ARRAY[1], ARRAY[1, 2])', 'lmdi(ARRAY[]::numeric[], ARRAY[]::numeric[])', 'lmdi(ARRAY[NULL, 1], ARRAY[1, 1])',
    'lmdi(ARRAY[''NaN'']::numeric[], ARRAY[1])', 'lmdi(ARRAY[1], ARRAY[''Infinity'']::numeric[])', 'shapley(ARRAY[1], ARRAY[1, 2])', 'shapley(ARRAY[1, NULL], ARRAY[1, 2])',
    'shapley(ARRAY[[1, 2], [3, 4]], ARRAY[[1, 2], [3, 4]])', 'shapley(array_fill(1::numeric, ARRAY[101]), array_fill(1::numeric, ARRAY[101]))'
]) AS call;

-- The published check once more, through targets and leads: 100 leads planned …
SELECT kpicrm.create_workspace('tree') \g /dev/null
UPDATE tree.setting SET time_zone = 'UTC';
INSERT INTO tree.pipeline (id, name) VALUES (1, 'Sales');
INSERT INTO tree.phase (id, pipeline_id, name, position, kind) VALUES (1, 1, 'Open', 1, 'open'), (2, 1, 'Won', 2, 'won'), (3, 1, 'Lost', 3, 'lost');
INSERT INTO tree.lead (id, name, created_at) SELECT n, 'lead', '2026-05-01 12:00Z' FROM generate_series(1, 120) AS n;
INSERT INTO tree.deal (name, phase_id, phase_since, opened_at, lead_id, amount)
SELECT 'deal', CASE WHEN n % 5 = 0 THEN 2 ELSE 3 END, '2026-05-20 12:00Z', '2026-05-10 12:00Z', n, 1100000 FROM generate_series(1, 30) AS n;
INSERT INTO tree.target (kpi_code, grain, period_start, value) VALUES
    ('revenue', 'month', '2026-05-01', 7500000), ('lead_count', 'month', '2026-05-01', 100), ('opportunity_rate', 'month', '2026-05-01', 0.30),
    ('win_rate', 'month', '2026-05-01', 0.25), ('average_deal_amount', 'month', '2026-05-01', 1000000);
SELECT results_eq(
    $$SELECT factor, round(plan_value, 2), round(actual_value, 2), contribution, method FROM tree.explain_gap('revenue', '2026-05-17', as_of => '2026-06-01Z')$$,
    $$VALUES ('lead_count', 100.00, 120.00, 1283619.44, 'lmdi'), ('opportunity_rate', 0.30, 0.25, -1283619.44, 'lmdi'), ('win_rate', 0.25, 0.20, -1571023.23, 'lmdi'),
        ('average_deal_amount', 1000000.00, 1100000.00, 671023.23, 'lmdi'), ('(rest)', 1.00, 1.00, 0.00, 'lmdi')$$,
    'explain_gap: the four factors, and a rest of nothing'
);
SELECT is((SELECT round(sum(share_of_gap)::numeric, 9) FROM tree.explain_gap('revenue', '2026-05-17', as_of => '2026-06-01Z')), 1.000000000, 'shares of the gap');
SELECT results_eq(
    $$SELECT kpi_name, parent_name, depth_no, path_label, actual_value, target_value, round(attainment_rate::numeric, 6), previous_year_value FROM tree.kpi_tree('revenue', '2026-05-31', 'month', '2026-06-01Z') ORDER BY sort_order$$,
    $$VALUES ('revenue', NULL, 0, 'revenue', 6600000::float8, 7500000::float8, 0.880000, 0::float8), ('lead_count', 'revenue', 1, 'revenue > lead_count', 120, 100, 1.2, 0),
        ('opportunity_rate', 'revenue', 1, 'revenue > opportunity_rate', 0.25, 0.30, 0.833333, NULL), ('win_rate', 'revenue', 1, 'revenue > win_rate', 0.2, 0.25, 0.8, NULL),
        ('average_deal_amount', 'revenue', 1, 'revenue > average_deal_amount', 1100000, 1000000, 1.1, NULL)$$,
    'kpi_tree: values and targets of the KGI and its factors'
);
DELETE FROM tree.target WHERE kpi_code = 'opportunity_rate';
SELECT is(
    (SELECT string_agg(factor, ', ' ORDER BY sort_order) || ': ' || sum(contribution) FROM tree.explain_gap('revenue', '2026-05-17', as_of => '2026-06-01Z')),
    'lead_count, win_rate, average_deal_amount, (rest): -900000.00', 'a factor without target is part of the rest'
);
SELECT is(
    (SELECT string_agg(DISTINCT method, ',') || ' ' || sum(contribution) FROM tree.explain_gap('revenue', '2026-05-17', versus => 'previous_period', as_of => '2026-06-01Z')),
    'shapley 6600000.00', 'against a month of nothing: Shapley'
);
SELECT is(
    (SELECT string_agg(factor || ' ' || method || ' ' || contribution, ',') FROM tree.explain_gap('lead_count', '2026-05-17', as_of => '2026-06-01Z')),
    'lead_count difference 20.000000000', 'a KPI without factors is explained by itself'
);
-- Deeper trees, and circles.
INSERT INTO tree.kpi_link VALUES ('lead_count', 'contact_count', 1), ('contact_count', 'visit_count', 1), ('visit_count', 'lead_count', 1);
SELECT is((SELECT string_agg(path_label, ' | ' ORDER BY sort_order) FROM tree.kpi_tree('lead_count', '2026-05-31', 'month', '2026-06-01Z')),
    'lead_count | lead_count > contact_count | lead_count > contact_count > visit_count', 'a circle ends where it closes');
SELECT is((SELECT max(depth_no) FROM tree.kpi_tree(NULL, '2026-05-31')), 3, 'every root');
SELECT throws_ok(format('SELECT * FROM tree.%s', call), '22023', message, call)
FROM (VALUES
    ('explain_gap(''nonsense'')', 'invalid value for argument "kpi": "nonsense"'),
    ('explain_gap(''revenue'', grain => ''decade'')', 'invalid value for argument "grain": "decade"'),
    ('explain_gap(''revenue'', versus => ''budget'')', 'invalid value for argument "versus": "budget"'),
    ('explain_gap(''revenue'', versus => NULL)', 'invalid value for argument "versus": NULL'),
    ('explain_gap(''revenue'', by => ''region'')', 'invalid value for argument "by": "region"'),
    ('explain_gap(''revenue'', ''2020-01-01'')', 'invalid value for argument "versus": "target"'),
    ('explain_gap(''win_rate'', ''2026-05-01'', by => ''rep'')', 'invalid value for argument "versus": "target"'),
    ('explain_gap(''win_rate'', ''2020-05-01'', versus => ''previous_year'')', 'invalid value for argument "versus": "previous_year"'),
    ('explain_gap(''growth_rate'', ''2026-05-01'', versus => ''previous_year'', by => ''rep'')', 'invalid value for argument "versus": "previous_year"'),
    ('kpi_tree(''nonsense'')', 'invalid value for argument "kpi": "nonsense"'),
    ('kpi_tree(''revenue'', grain => ''decade'')', 'invalid value for argument "grain": "decade"')
) AS v (call, message);

-- A generated company: whatever is compared, the contributions are the gap.
SELECT kpicrm.create_workspace('demo') \g /dev/null
UPDATE demo.setting SET time_zone = 'Asia/Tokyo';
SELECT kpicrm.generate_demo('demo', 1500, 11, '2026-03-20') \g /dev/null
ANALYZE;
CREATE TEMP TABLE explained AS
SELECT k.kpi, g.name AS grain, v.name AS versus, d.name AS dimension, e.*
FROM unnest(ARRAY['revenue', 'win_rate', 'deal_count', 'average_deal_amount', 'lead_time_days', 'opportunity_rate']) AS k (kpi),
    unnest(ARRAY['month', 'quarter', 'year']) AS g (name), unnest(ARRAY['target', 'previous_year', 'previous_period']) AS v (name), unnest(ARRAY['all', 'rep', 'team', 'source']) AS d (name),
    demo.explain_gap(k.kpi, '2025-11-10', g.name, v.name, d.name, '2026-03-01 12:00+09') AS e
WHERE (v.name <> 'target' OR (k.kpi = 'revenue' AND d.name <> 'source') OR (g.name = 'month' AND d.name = 'all'));
CREATE FUNCTION pg_temp.value(kpi text, start date, until date) RETURNS numeric
    LANGUAGE sql
    RETURN (SELECT s.numerator / coalesce(s.denominator, 1) FROM demo.kpi_measure(ARRAY[kpi], start, until, 'year', '{all}', '2026-03-01 12:00+09') AS s);
CREATE TEMP TABLE span AS
SELECT * FROM (VALUES
    ('month', 'target', date '2025-11-01', date '2025-12-01', NULL::date, NULL::date), ('quarter', 'target', '2025-10-01', '2026-01-01', NULL, NULL), ('year', 'target', '2025-04-01', '2026-04-01', NULL, NULL),
    ('month', 'previous_year', '2025-11-01', '2025-12-01', '2024-11-01', '2024-12-01'), ('quarter', 'previous_year', '2025-10-01', '2026-01-01', '2024-10-01', '2025-01-01'), ('year', 'previous_year', '2025-04-01', '2026-04-01', '2024-04-01', '2025-04-01'),
    ('month', 'previous_period', '2025-11-01', '2025-12-01', '2025-10-01', '2025-11-01'), ('quarter', 'previous_period', '2025-10-01', '2026-01-01', '2025-07-01', '2025-10-01'), ('year', 'previous_period', '2025-04-01', '2026-04-01', '2024-04-01', '2025-04-01')
) AS s (grain, versus, start, until, before_start, before_until);
SELECT cmp_ok((SELECT count(DISTINCT (kpi, grain, versus, dimension)) FROM explained), '>', 60::bigint, 'there is something to compare');
SELECT is_empty(
    $$SELECT e.kpi, e.grain, e.versus, e.dimension, sum(e.contribution), max(w.gap) FROM explained AS e JOIN span AS s USING (grain, versus),
        LATERAL (SELECT pg_temp.value(e.kpi, s.start, s.until) - CASE e.versus
            WHEN 'target' THEN (SELECT sum(t.value) FROM demo.target AS t WHERE t.kpi_code = e.kpi AND num_nonnulls(t.rep_id, t.team_id, t.product_id) = 0 AND t.period_start >= s.start AND t.period_start < s.until)
            ELSE pg_temp.value(e.kpi, s.before_start, s.before_until) END AS gap) AS w
      GROUP BY e.kpi, e.grain, e.versus, e.dimension, e.method
      HAVING sum(e.contribution) <> round(max(w.gap), CASE WHEN e.kpi IN ('revenue', 'average_deal_amount') THEN 2 ELSE 9 END)$$,
    'the contributions sum to the gap to the last digit'
);
SELECT is_empty(
    $$SELECT * FROM explained WHERE scale(plan_value) > 9 OR scale(actual_value) > 9 OR (factor = 'average_deal_amount' AND (scale(plan_value) > 2 OR scale(actual_value) > 2))$$,
    'no value has more decimals than a reader can use'
);
SELECT set_eq('SELECT DISTINCT method FROM explained', $$VALUES ('lmdi'), ('difference'), ('rate_mix')$$, 'by these methods');
SELECT is_empty($$SELECT * FROM explained WHERE method = 'rate_mix' AND effect = 'rest'$$, 'rate and mix leave no rest');
-- Rate and mix of one comparison from the counts.
SELECT pg_temp.same_rows(
    $$SELECT member_id, effect, contribution FROM explained WHERE kpi = 'win_rate' AND grain = 'year' AND versus = 'previous_year' AND dimension = 'source' AND abs(contribution) < (SELECT max(abs(contribution)) FROM explained WHERE kpi = 'win_rate' AND grain = 'year' AND versus = 'previous_year' AND dimension = 'source')$$,
    $$WITH r AS (
        SELECT member_id, period_start = '2025-04-01' AS now, numerator / denominator AS rate, denominator / sum(denominator) OVER (PARTITION BY period_start) AS share, sum(numerator) OVER (PARTITION BY period_start) / sum(denominator) OVER (PARTITION BY period_start) AS mean
        FROM demo.kpi_series('win_rate', '2024-04-01', '2026-04-01', 'year', 'source', '2026-03-01 12:00+09')
    ), p AS (
        SELECT b.member_id, (a.share + b.share) / 2 * (b.rate - a.rate) AS rate, (b.share - a.share) * ((a.rate + b.rate) / 2 - (a.mean + b.mean) / 2) AS mix FROM r AS a JOIN r AS b USING (member_id) WHERE b.now AND NOT a.now
    ), e AS (SELECT member_id, e.effect, e.x FROM p, LATERAL (VALUES ('rate', rate), ('mix', mix)) AS e (effect, x))
    SELECT member_id, effect, round(x, 9) FROM e WHERE abs(x) < (SELECT max(abs(x)) FROM e)$$,
    'rate and mix of the win rate by source (the greatest holds what rounding leaves over)'
);
SELECT * FROM finish();
ROLLBACK;
