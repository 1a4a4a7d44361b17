/*
 * deal_forecast, sales_forecast, forecast_accuracy, forecast_reliability: every number
 * on random histories against plain SQL over the stays, and that nothing which
 * happened after a forecast is in it.
 */
BEGIN;
\ir include/random_histories.psql
\ir include/plain_statistics.sql
\pset tuples_only on
SELECT plan(37);

-- As if it had always been so.
UPDATE crm.phase SET win_probability = CASE "position" WHEN 1 THEN 0.1 WHEN 2 THEN 0.3 ELSE 0.6 END WHERE kind = 'open' AND pipeline_id <> 9;
DELETE FROM crm.phase_version;

-- ------------------------------------------------------------------ in plain SQL
CREATE FUNCTION pg_temp.comparable(of_instant timestamptz, history integer)
RETURNS TABLE (pipeline_id bigint, phase_id bigint, stayed numeric, began timestamptz, ended timestamptz, days numeric, ending text)
    LANGUAGE sql STABLE
AS $$
    SELECT
        p.pipeline_id,
        s.phase_id,
        pg_temp.days(least(s.left_at, of_instant) - s.entered_at),
        s.entered_at,
        e.entered_at,
        pg_temp.days(coalesce(e.entered_at, of_instant) - s.entered_at),
        CASE e.kind WHEN 'won' THEN 'won' WHEN 'lost' THEN 'lost' WHEN 'disqualified' THEN 'lost' ELSE 'open' END
    FROM crm.phase_stay AS s
    JOIN crm.phase AS p ON p.id = s.phase_id AND p.kind = 'open'
    LEFT JOIN LATERAL (
        SELECT last.entered_at, ep.kind
        FROM crm.phase_stay AS last
        JOIN crm.phase AS ep ON ep.id = last.phase_id AND ep.kind IN ('won', 'lost', 'disqualified')
        WHERE last.deal_id = s.deal_id
            AND last.entered_at BETWEEN of_instant - make_interval(hours => 24 * history) AND of_instant
            AND (last.left_at > of_instant) IS NOT FALSE
    ) AS e ON true
    WHERE s.entered_at BETWEEN of_instant - make_interval(hours => 24 * history) AND of_instant
$$;

-- The first comparison in this order that has enough ended cases; else the last one that
-- has any.  The curve is survival_curve(), which is compared with R in another test.
CREATE FUNCTION pg_temp.choice(of_instant timestamptz, history integer, minimum integer)
RETURNS TABLE (phase_id bigint, band numeric, level text, at_least numeric, ended bigint, days numeric[], survival float8[], won float8[])
    LANGUAGE sql STABLE
AS $$
    WITH c AS MATERIALIZED (
        SELECT * FROM pg_temp.comparable(of_instant, history)
    ), band AS (
        SELECT unnest(ARRAY[0, 1, 2, 4, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730])::numeric AS day
    ), candidate AS (
        SELECT
            p.id AS phase_id, lower.day AS at_least, l.level, l.nth,
            count(*) FILTER (WHERE c.ending <> 'open') AS ended,
            kpicrm.lead_time_agg(c.began, c.ended, CASE c.ending WHEN 'won' THEN true WHEN 'lost' THEN false END, of_instant) AS times
        FROM crm.phase AS p
        CROSS JOIN band AS lower
        CROSS JOIN (VALUES ('phase', 1), ('pipeline', 2), ('all', 3)) AS l (level, nth)
        JOIN c ON c.stayed >= lower.day
            AND CASE l.level WHEN 'phase' THEN c.phase_id = p.id WHEN 'pipeline' THEN c.pipeline_id = p.pipeline_id ELSE true END
        WHERE p.kind = 'open'
        GROUP BY 1, 2, 3, 4
        HAVING count(*) FILTER (WHERE c.ending <> 'open') > 0
    ), ranked AS (
        SELECT candidate.*, own.day AS band, row_number() OVER (
            PARTITION BY candidate.phase_id, own.day
            ORDER BY CASE WHEN ended >= minimum THEN nth * 1000 - at_least ELSE 1000000 - nth * 1000 + at_least END
        ) AS place
        FROM candidate
        JOIN band AS own ON own.day >= candidate.at_least
    )
    SELECT phase_id, band, level, at_least, ended, curve.days, curve.survival, curve.won
    FROM ranked
    CROSS JOIN LATERAL (
        SELECT array_agg(pg_temp.days("time") ORDER BY "time") AS days, array_agg(step.survival ORDER BY "time") AS survival, array_agg(won_incidence ORDER BY "time") AS won
        FROM kpicrm.survival_curve(ranked.times) AS step
    ) AS curve
    WHERE place = 1
$$;

-- The value of a step function: before its first step it is the given one.
CREATE FUNCTION pg_temp.step_value(days numeric[], heights float8[], day numeric, before numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE
    RETURN coalesce((SELECT h::numeric FROM unnest(days, heights) AS s (d, h) WHERE d <= day ORDER BY d DESC LIMIT 1), before);

-- What is open, as deal_as_of() knows it.
CREATE FUNCTION pg_temp.expected(of_instant timestamptz, first_day date, end_day date, history integer, minimum integer)
RETURNS TABLE (deal_id bigint, phase_id bigint, days numeric, amount numeric, rep_id bigint, product_id bigint, probability numeric, level text, at_least numeric, ended bigint)
    LANGUAGE sql STABLE
AS $$
    WITH choice AS MATERIALIZED (
        SELECT * FROM pg_temp.choice(of_instant, history, minimum)
    ), o AS MATERIALIZED (
        SELECT
            known.deal_id, known.phase_id, pg_temp.days(of_instant - known.phase_since) AS age, known.amount, known.rep_id, known.product_id,
            (SELECT max(b) FROM unnest(ARRAY[0, 1, 2, 4, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730]) AS b WHERE b <= pg_temp.days(of_instant - known.phase_since)) AS band,
            coalesce(pg_temp.days(greatest((first_day::timestamp AT TIME ZONE 'America/New_York'), of_instant) - of_instant), 0) AS from_days,
            greatest(pg_temp.days((end_day::timestamp AT TIME ZONE 'America/New_York') - of_instant), 0) AS to_days
        FROM crm.deal_as_of(of_instant) AS known
        JOIN crm.deal AS d ON d.id = known.deal_id AND d.opened_at <= of_instant
        JOIN crm.phase AS p ON p.id = known.phase_id AND p.kind = 'open'
    )
    SELECT
        o.deal_id, o.phase_id, o.age, o.amount, o.rep_id, o.product_id,
        (pg_temp.step_value(c.days, c.won, o.age + o.to_days, 0) - pg_temp.step_value(c.days, c.won, o.age + least(o.from_days, o.to_days), 0)) / nullif(alive.share, 0),
        CASE WHEN alive.share > 0 THEN c.level ELSE 'none' END, c.at_least, c.ended
    FROM o
    LEFT JOIN choice AS c ON c.phase_id = o.phase_id AND c.band = o.band
    CROSS JOIN LATERAL (SELECT CASE WHEN c.level IS NOT NULL THEN pg_temp.step_value(c.days, c.survival, o.age, 1) END AS share) AS alive
$$;

-- ------------------------------------------------------------------ deal_forecast
CREATE TEMP TABLE asked (nth integer, instant timestamptz, first_day date, end_day date, history integer, minimum integer);
INSERT INTO asked VALUES
    (1, '2026-01-15 12:00-05', NULL, '2026-04-01', 730, 30),
    (2, '2025-11-01 00:00-04', '2025-12-01', '2026-01-01', 365, 200),
    (3, '2026-03-31 23:00-04', NULL, '2026-07-01', 730, 1),
    (4, '2026-02-20 00:00-05', '2026-01-01', '2026-02-20', 730, 30),
    (5, '2024-06-15 00:00-04', NULL, '2024-10-01', 3650, 10);
CREATE TEMP TABLE want AS
SELECT asked.nth, e.* FROM asked CROSS JOIN LATERAL pg_temp.expected(instant, first_day, end_day, history, minimum) AS e;
CREATE TEMP TABLE have AS
SELECT asked.nth, f.* FROM asked CROSS JOIN LATERAL crm.deal_forecast(instant, end_day, first_day, history, minimum) AS f;

SELECT cmp_ok((SELECT min(n) FROM (SELECT count(*) AS n FROM want GROUP BY nth) AS per), '>=', 10::bigint, 'deals are open at each instant');
SELECT set_has('SELECT level FROM want', $$VALUES ('phase'), ('pipeline'), ('all')$$, 'every level of comparison occurs');
SELECT pg_temp.same_rows('SELECT nth, deal_id, phase_id, amount, rep_id, product_id FROM have', 'SELECT nth, deal_id, phase_id, amount, rep_id, product_id FROM want',
    'the deals open at each instant, as they stood');
SELECT is_empty('SELECT nth, deal_id, phase_days, days FROM have JOIN want USING (nth, deal_id) WHERE abs(phase_days - days) > 1e-9', 'days in the phase');
SELECT pg_temp.same_rows(
    $$SELECT nth, deal_id, level, at_least_days::numeric, comparable_count FROM have WHERE level <> 'none'$$,
    $$SELECT nth, deal_id, level, at_least, ended FROM want WHERE level <> 'none'$$,
    'whom each deal is compared with');
SELECT is_empty(
    $$SELECT nth, deal_id, win_probability, probability, have.level FROM have JOIN want USING (nth, deal_id)
      WHERE (win_probability IS NULL) <> (probability IS NULL) OR abs(win_probability - probability) > 1e-9$$,
    'the probability is that of the curve');
SELECT is_empty(
    $$SELECT nth, deal_id, expected_amount FROM have WHERE expected_amount IS DISTINCT FROM amount * win_probability::numeric$$, 'expected is amount times probability');
SELECT is_empty($$SELECT nth, deal_id FROM have WHERE nth = 4 AND win_probability <> 0$$, 'nothing can be won in a period that is over');
SELECT is_empty($$SELECT nth, deal_id FROM have WHERE win_probability < 0 OR win_probability > 1$$, 'probabilities are between 0 and 1');
SELECT is_empty(
    $$SELECT deal_id FROM have JOIN crm.phase ON phase.id = have.phase_id
      WHERE manual_probability IS DISTINCT FROM CASE WHEN phase.pipeline_id <> 9 THEN CASE phase."position" WHEN 1 THEN 0.1 WHEN 2 THEN 0.3 ELSE 0.6 END END
        OR manual_amount IS DISTINCT FROM amount * manual_probability::numeric$$,
    'the manual forecast beside it');
SELECT is_empty(
    $$SELECT deal_id, have.win_probability, first.win_probability, rest.win_probability
      FROM have
      JOIN crm.deal_forecast('2026-01-15 12:00-05', '2026-03-01') AS first USING (deal_id)
      JOIN crm.deal_forecast('2026-01-15 12:00-05', '2026-04-01', '2026-03-01') AS rest USING (deal_id)
      WHERE have.nth = 1 AND abs(have.win_probability - first.win_probability - rest.win_probability) > 1e-9$$,
    'two parts of a period add up');
SELECT is_empty(
    $$SELECT deal_id FROM crm.deal_forecast('2026-01-15 12:00-05', '2026-04-01') EXCEPT SELECT deal_id FROM crm.deal_forecast('2026-01-15 12:00-05')$$,
    'left out, the period is the rest of the fiscal quarter');
SELECT is_empty(
    $$SELECT deal_id, win_probability FROM crm.deal_forecast('2026-01-15 12:00-05') EXCEPT SELECT deal_id, win_probability FROM have WHERE nth = 1$$, 'to the last bit');
SELECT bag_eq(
    $$SELECT deal_id, win_probability, level_name FROM crm.deal_forecast$$, $$SELECT deal_id, win_probability, level FROM crm.deal_forecast()$$, 'the view shows the function');

-- ------------------------------------------------------------------ sales_forecast
INSERT INTO crm.sales_team (id, name, parent_team_id) VALUES (801, 'Under', (SELECT min(id) FROM crm.sales_team));
UPDATE crm.sales_rep SET team_id = 801 WHERE id IN (901, 902);
DELETE FROM crm.target;
INSERT INTO crm.target (kpi_code, grain, period_start, value) VALUES
    ('revenue', 'month', '2026-01-01', 100000), ('revenue', 'month', '2026-02-01', 200000), ('revenue', 'quarter', '2026-01-01', 5000000), ('revenue', 'year', '2025-04-01', 9);
INSERT INTO crm.target (kpi_code, grain, period_start, value, rep_id)
SELECT 'revenue', 'month', month::date, 150000, 901 FROM generate_series(date '2026-01-01', '2026-03-01', INTERVAL '1 month') AS month;

CREATE TEMP TABLE piece AS
SELECT s.rep_id, s.product_id, d.source_id, d.pipeline_id, true AS is_won, d.amount, NULL::float8 AS probability, NULL::numeric AS manual
FROM crm.phase_stay AS s
JOIN crm.phase AS p ON p.id = s.phase_id AND p.kind = 'won'
JOIN crm.deal AS d ON d.id = s.deal_id
WHERE s.entered_at >= '2026-01-01 00:00-05' AND s.entered_at <= '2026-02-20 00:00-05' AND (s.left_at > '2026-02-20 00:00-05') IS NOT FALSE AND d.opened_at <= '2026-02-20 00:00-05'
UNION ALL
SELECT f.rep_id, f.product_id, f.source_id, f.pipeline_id, false, f.amount, f.win_probability,
    CASE WHEN f.expected_close_date BETWEEN '2026-02-20' AND '2026-03-31' THEN f.amount * f.manual_probability::numeric END
FROM crm.deal_forecast('2026-02-20 00:00-05', '2026-04-01') AS f;
CREATE TEMP TABLE total AS
SELECT
    'all' AS dimension, NULL::bigint AS member, count(*) FILTER (WHERE is_won) AS won, coalesce(sum(amount) FILTER (WHERE is_won), 0) AS won_amount,
    count(*) FILTER (WHERE NOT is_won) AS open, coalesce(sum(amount) FILTER (WHERE NOT is_won), 0) AS open_amount,
    count(*) FILTER (WHERE NOT is_won AND (amount IS NULL OR probability IS NULL)) AS unknown,
    coalesce(sum(amount * probability::numeric), 0) AS expected, coalesce(sum(manual), 0) AS manual
FROM piece;
INSERT INTO total
SELECT
    member.dimension, member.id, count(*) FILTER (WHERE is_won), coalesce(sum(amount) FILTER (WHERE is_won), 0),
    count(*) FILTER (WHERE NOT is_won), coalesce(sum(amount) FILTER (WHERE NOT is_won), 0),
    count(*) FILTER (WHERE NOT is_won AND (amount IS NULL OR probability IS NULL)),
    coalesce(sum(amount * probability::numeric), 0), coalesce(sum(manual), 0)
FROM piece
CROSS JOIN LATERAL (VALUES ('rep', rep_id), ('product', product_id), ('source', source_id), ('pipeline', pipeline_id)) AS member (dimension, id)
GROUP BY 1, 2;
INSERT INTO total
SELECT
    'team', t.id, count(*) FILTER (WHERE is_won), coalesce(sum(amount) FILTER (WHERE is_won), 0),
    count(*) FILTER (WHERE NOT is_won), coalesce(sum(amount) FILTER (WHERE NOT is_won), 0),
    count(*) FILTER (WHERE NOT is_won AND (amount IS NULL OR probability IS NULL)),
    coalesce(sum(amount * probability::numeric), 0), coalesce(sum(manual), 0)
FROM piece
LEFT JOIN crm.sales_rep AS r ON r.id = piece.rep_id
LEFT JOIN LATERAL (
    WITH RECURSIVE above AS (
        SELECT own.id, own.parent_team_id FROM crm.sales_team AS own WHERE own.id = r.team_id
        UNION ALL
        SELECT parent.id, parent.parent_team_id FROM above JOIN crm.sales_team AS parent ON parent.id = above.parent_team_id
    )
    SELECT above.id FROM above
) AS t ON true
GROUP BY 2;
CREATE TEMP TABLE shown AS SELECT * FROM crm.sales_forecast(as_of => '2026-02-20 00:00-05');
SELECT cmp_ok((SELECT min(open) FROM total WHERE dimension = 'all'), '>=', 10::bigint, 'there are open deals to forecast');
SELECT cmp_ok((SELECT min(won) FROM total WHERE dimension = 'all'), '>=', 3::bigint, 'and deals that are won');
SELECT pg_temp.same_rows(
    'SELECT dimension_name, member_id, won_count, won_amount, open_count, open_amount, unknown_count, round(expected_amount, 6), round(manual_open_amount, 6) FROM shown',
    'SELECT dimension, member, won, won_amount, open, open_amount, unknown, round(expected, 6), round(manual, 6) FROM total',
    'won, open and expected, for every member of every dimension');
SELECT is_empty(
    $$SELECT * FROM shown WHERE forecast_amount <> won_amount + expected_amount OR manual_forecast_amount <> won_amount + manual_open_amount
      OR period_start <> '2026-01-01' OR period_end_date <> '2026-04-01'$$, 'the forecast is won and expected, of the fiscal quarter');
SELECT is_empty(
    $$SELECT s.dimension_name, s.member_id, s.p10_amount, s.p50_amount, s.p90_amount, o.quantiles
      FROM shown AS s
      CROSS JOIN LATERAL (
          SELECT array_agg(probability) AS probabilities, array_agg(amount) AS amounts FROM piece
          WHERE NOT is_won AND CASE s.dimension_name WHEN 'all' THEN true WHEN 'rep' THEN rep_id IS NOT DISTINCT FROM s.member_id
              WHEN 'product' THEN product_id IS NOT DISTINCT FROM s.member_id WHEN 'source' THEN source_id IS NOT DISTINCT FROM s.member_id ELSE pipeline_id = s.member_id END
      ) AS own
      CROSS JOIN LATERAL kpicrm.outcome_sum(own.probabilities, own.amounts, '{0.1,0.5,0.9}', s.target_amount - s.won_amount) AS o
      WHERE s.dimension_name <> 'team'
        AND ((s.p10_amount, s.p50_amount, s.p90_amount) IS DISTINCT FROM (s.won_amount + o.quantiles[1], s.won_amount + o.quantiles[2], s.won_amount + o.quantiles[3])
            OR s.target_probability IS DISTINCT FROM o.at_least_probability OR s.method <> o.method)$$,
    'p10, p50, p90 and the probability to reach the target are those of outcome_sum');
SELECT results_eq(
    $$SELECT dimension_name, member_id, target_amount FROM shown WHERE target_amount IS NOT NULL ORDER BY 1$$,
    $$VALUES ('all', NULL::bigint, 5000000::numeric), ('rep', 901, 450000)$$, 'the target of the quarter, or of its months');
SELECT results_eq(
    $$SELECT dimension_name, target_amount, won_count, open_count FROM crm.sales_forecast('2028-01-01', '2028-04-01', 'all', '2026-02-20 00:00-05')$$,
    $$SELECT 'all', NULL::numeric, 0::bigint, open FROM total WHERE dimension = 'all'$$, 'a period far ahead');
SELECT bag_eq(
    $$SELECT dimension_name, member_id, p50_amount FROM crm.sales_forecast(by => 'rep', as_of => '2026-02-20 00:00-05')$$,
    $$SELECT dimension_name, member_id, p50_amount FROM shown WHERE dimension_name = 'rep'$$, 'one dimension alone');

-- ------------------------------------------------------------------ forecast_accuracy
CREATE TEMP TABLE cut AS
SELECT day, day::timestamp AT TIME ZONE 'America/New_York' AS at, (day + 60)::timestamp AT TIME ZONE 'America/New_York' AS until
FROM (VALUES (date '2025-06-01'), ('2025-11-01'), ('2026-01-01')) AS cut (day);
CREATE TEMP TABLE blind AS
SELECT
    cut.day, c.phase_id,
    pg_temp.won_within(array_agg(c.days), array_agg(c.ending), pg_temp.days(cut.until - cut.at)) AS share,
    avg((c.ending = 'won')::integer) FILTER (WHERE c.ending <> 'open') AS won_share
FROM cut
CROSS JOIN LATERAL pg_temp.comparable(cut.at, 730) AS c
GROUP BY cut.day, cut.until, cut.at, c.phase_id;
CREATE TEMP TABLE judged AS
SELECT
    cut.day, f.deal_id, f.amount,
    EXISTS (
        SELECT FROM crm.phase_stay AS s JOIN crm.phase AS p ON p.id = s.phase_id AND p.kind = 'won'
        WHERE s.deal_id = f.deal_id AND s.entered_at < cut.until AND (s.left_at >= cut.until) IS NOT FALSE
    ) AS won,
    f.win_probability::numeric AS aware,
    blind.share AS blind,
    coalesce(f.manual_probability::numeric, blind.won_share) AS fixed
FROM cut
CROSS JOIN LATERAL crm.deal_forecast(cut.at, cut.day + 60) AS f
LEFT JOIN blind ON blind.day = cut.day AND blind.phase_id = f.phase_id
WHERE f.win_probability IS NOT NULL;
DELETE FROM judged WHERE blind IS NULL OR fixed IS NULL;
CREATE TEMP TABLE verdict AS
SELECT day, method, count(*) AS deals, count(*) FILTER (WHERE won) AS won, sum(p) AS expected, coalesce(sum(amount) FILTER (WHERE won), 0) AS actual,
    coalesce(sum(amount * p), 0) AS forecast, sum((p - won::integer) ^ 2) AS squares
FROM judged
CROSS JOIN LATERAL (VALUES ('age_aware', aware), ('age_blind', blind), ('fixed', fixed)) AS m (method, p)
GROUP BY 1, 2;
SELECT cmp_ok((SELECT min(deals) FROM verdict), '>=', 5::bigint, 'there are deals to judge');
SELECT cmp_ok((SELECT sum(won) FROM verdict), '>=', 10::numeric, 'and some of them are won');
SELECT is_empty(
    $$SELECT * FROM verdict
      LEFT JOIN crm.forecast_accuracy('2025-06-01', '2026-02-01', '2026-03-31 12:00-04', 60) AS a ON a.period_start = verdict.day AND a.method = verdict.method
      WHERE a.deal_count IS DISTINCT FROM verdict.deals OR a.won_count IS DISTINCT FROM verdict.won
        OR abs(a.expected_won_count - verdict.expected) > 1e-8 OR a.actual_amount IS DISTINCT FROM verdict.actual
        OR abs(a.forecast_amount - verdict.forecast) > 1e-4 OR abs(a.squared_error - verdict.squares) > 1e-8
        OR abs(a.brier_score - verdict.squares / verdict.deals) > 1e-8 OR a.bias_amount <> a.forecast_amount - a.actual_amount
        OR a.absolute_error_amount <> abs(a.bias_amount)
        OR abs(a.bias_rate - a.bias_amount / nullif(a.actual_amount, 0)) > 1e-8 OR abs(a.wape_rate - abs(a.bias_amount) / nullif(a.actual_amount, 0)) > 1e-8$$,
    'each month and method against plain SQL');
SELECT pg_temp.same_rows(
    $$SELECT method, deal_count, round(forecast_amount, 4), round(absolute_error_amount, 4), round(wape_rate::numeric, 8), round(brier_score::numeric, 8)
      FROM crm.forecast_accuracy('2025-06-01', '2026-02-01', '2026-03-31 12:00-04', 60, 'all')$$,
    $$SELECT method, sum(deal_count), round(sum(forecast_amount), 4), round(sum(absolute_error_amount), 4), round(sum(absolute_error_amount) / sum(actual_amount), 8),
        round((sum(squared_error) / sum(deal_count))::numeric, 8)
      FROM crm.forecast_accuracy('2025-06-01', '2026-02-01', '2026-03-31 12:00-04', 60) GROUP BY method$$,
    'all months together are the sums of the months');
SELECT is(
    (SELECT string_agg(DISTINCT period_label, ' ') FROM crm.forecast_accuracy('2025-12-02', NULL, '2026-03-31 12:00-04', 60)), '2026-01',
    'a month begins inside the bounds, and its horizon is over');
SELECT is(
    (SELECT string_agg(DISTINCT period_label, ' ') FROM crm.forecast_accuracy('2025-10-31', '2026-01-31', '2026-03-31 12:00-04', 30)), '2025-11 2025-12 2026-01',
    'every one of them, from the last day of a month too');
SELECT is(
    (SELECT count(DISTINCT period_start) FROM crm.forecast_accuracy(as_of => '2026-03-31 12:00-04', horizon_days => 30)), 12::bigint, 'twelve months unless bounds are given');

-- ------------------------------------------------------------------ forecast_reliability
SELECT is_empty(
    $$WITH plain AS (
        SELECT method, least(floor(p * 5)::integer + 1, 5) AS bin_no, count(*) AS deals, count(*) FILTER (WHERE won) AS won, avg(p) AS mean
        FROM (SELECT * FROM judged CROSS JOIN LATERAL (VALUES ('age_aware', aware), ('age_blind', blind), ('fixed', fixed)) AS m (method, p) WHERE day = '2026-01-01') AS one
        GROUP BY 1, 2
    )
    SELECT * FROM plain
    FULL JOIN crm.forecast_reliability('2026-01-01', '2026-02-01', '2026-03-31 12:00-04', 60, 5) AS r USING (method, bin_no)
    WHERE r.deal_count IS DISTINCT FROM plain.deals OR r.won_count IS DISTINCT FROM plain.won OR abs(r.mean_probability - plain.mean) > 1e-8
        OR r.mean_probability NOT BETWEEN r.probability_low AND r.probability_high
        OR abs(r.won_rate - plain.won::numeric / plain.deals) > 1e-12
        OR abs(r.won_rate_low - pg_temp.wilson(plain.won, plain.deals, -1)) > 1e-9 OR abs(r.won_rate_high - pg_temp.wilson(plain.won, plain.deals, 1)) > 1e-9$$,
    'bins of one month against plain SQL');

-- ------------------------------------------------------------------ no look ahead
CREATE TEMP TABLE before AS SELECT * FROM crm.deal_forecast('2025-10-01 00:00-04', '2026-01-01');
UPDATE crm.deal SET phase_id = 93, phase_since = '2026-03-30' WHERE closed_at IS NULL AND pipeline_id = 9;
INSERT INTO crm.deal_event (deal_id, at, phase_id)
SELECT deal_id, timestamptz '2025-10-01 00:00-04' + INTERVAL '1 second', (SELECT min(id) FROM crm.phase WHERE kind = 'lost') FROM before WHERE deal_id % 2 = 0;
SELECT crm.rebuild_history() \g /dev/null
INSERT INTO crm.deal (name, phase_id, opened_at, amount) SELECT 'later', 1, '2025-10-02', 5 FROM generate_series(1, 50);
SELECT cmp_ok((SELECT count(*) FROM before), '>=', 20::bigint, 'a forecast of last year');
SELECT bag_eq('SELECT deal_id, phase_id, phase_days, amount, rep_id, win_probability, level, comparable_count FROM before',
    $$SELECT deal_id, phase_id, phase_days, amount, rep_id, win_probability, level, comparable_count FROM crm.deal_forecast('2025-10-01 00:00-04', '2026-01-01')$$,
    'is the same whatever happens later');

-- ------------------------------------------------------------------ nothing to learn from
SELECT kpicrm.create_workspace('fresh') \g /dev/null
SELECT is_empty('SELECT FROM fresh.deal_forecast()', 'no deals, no forecast');
SELECT is_empty('SELECT FROM fresh.forecast_accuracy()', 'and nothing to judge');
INSERT INTO fresh.pipeline (id, name) VALUES (1, 'Sales');
INSERT INTO fresh.phase (id, pipeline_id, name, "position", kind, win_probability) VALUES (1, 1, 'Talk', 1, 'open', 0.4), (2, 1, 'Won', 2, 'won', 1), (3, 1, 'Lost', 3, 'lost', 0);
INSERT INTO fresh.deal (name, phase_id, opened_at, amount) VALUES ('one', 1, now() - INTERVAL '40 days', 100), ('two', 1, now() - INTERVAL '5 days', 100);
SELECT is((SELECT string_agg(level || coalesce(win_probability::text, '-'), ' ') FROM fresh.deal_forecast()), 'none- none-', 'all open: nothing is known');
SELECT is(
    (SELECT format('%s %s %s %s', unknown_count, expected_amount, p90_amount, manual_open_amount) FROM fresh.sales_forecast(by => 'all')), '2 0 0 0', 'unknown deals are counted and expected nowhere');
INSERT INTO fresh.deal (name, phase_id, opened_at, phase_since) SELECT 'gone', 3, now() - INTERVAL '90 days', now() - INTERVAL '80 days' FROM generate_series(1, 40);
SELECT is((SELECT count(*) FILTER (WHERE win_probability > 0) FROM fresh.deal_forecast()), 0::bigint, 'all lost: no hope');

SELECT * FROM finish();
ROLLBACK;
