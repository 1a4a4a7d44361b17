/*
 * A company whose KPIs are kept by day, and what compares them with what is counted from the
 * facts: pg_temp.holds() after a statement, before and after a refresh.
 */
SELECT kpicrm.create_workspace('kept') \g /dev/null
SELECT kpicrm.generate_demo('kept', 400, 5, '2026-05-31') \g /dev/null
UPDATE kept.setting SET time_zone = 'Asia/Tokyo';
-- not of the whole database: others would wait for the shared catalogs until the end of this transaction
ANALYZE kept.lead, kept.deal, kept.deal_event, kept.deal_span, kept.phase_stay, kept.activity, kept.purchase, kept.contract;
-- levels by other days than the shipped one: an end that may lie before the beginning, and none at all
INSERT INTO kept.kpi (code, name, name_ja, unit, kind, fact, date_column, end_column, condition, numerator, denominator) VALUES
    ('open_product_share', 'Share with a product', '製品あり', 'rate', 'level', 'prospect_stay', 'entered_date', 'due_date', 'deal_id % 5 <> 0 -- most', 'count(product_id)', 'count(*)'),
    -- what a change of its day does to it is not noted; a day that may not be there; days that lie ahead
    ('long_prospect_count', 'Expected late', '長期見込み', 'count', 'level', 'prospect_stay', 'entered_date', 'due_date', 'due_date - entered_date > 30', 'count(*)', NULL),
    ('reverse_count', 'Reverse', '逆', 'count', 'level', 'prospect_stay', 'due_date', 'entered_date', NULL, 'count(*)', NULL),
    ('expected_total', 'Expected until then', '受注予定累計', 'amount', 'running', 'open_stay', 'expected_close_date', NULL, NULL, 'sum(amount)', NULL),
    ('ever_prospect_count', 'Ever prospective', '累計見込み', 'count', 'level', 'prospect_stay', 'entered_date', NULL, NULL, 'count(*)', NULL),
    ('contract_total_count', 'Contracts ended until then', '満了累計', 'count', 'running', 'contract_end', 'end_date', NULL, 'product_id = 1', 'count(*)', 'count(amount_per_month)') \g /dev/null
\set at 'timestamptz ''2026-06-01 09:00+09'''

-- Every KPI and every part of a report by every dimension, taken from kpi_day as far as it can be, or counted.
CREATE FUNCTION pg_temp.measured(kept text, from_date date, to_date date, grain text, dimensions text[], as_of timestamptz)
RETURNS TABLE (kpi_code text, dimension_name text, member_id bigint, period_start date, numerator numeric, denominator numeric, n bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('kpicrm.kpi_days', kept, true);
    RETURN QUERY SELECT m.kpi_code, m.dimension_name, m.member_id, m.period_start, round(m.numerator, 6), round(m.denominator, 6), m.n
        FROM kept.kpi_measure(ARRAY(SELECT code FROM kept.kpi_definition() WHERE NOT code ~ '\.(added|begun|ended)$'), from_date, to_date, grain, dimensions, as_of) AS m;
END;
$$;
-- The pace of phases, from the stays that are kept and those since, or from all.
CREATE FUNCTION pg_temp.pace(kept text, as_of timestamptz) RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('kpicrm.kpi_days', kept, true);
    RETURN QUERY
        SELECT concat_ws('|', at.days, pace.phase_id, pace.stays, pace.stall_after, pace.ages, pace.scores)
        FROM unnest(ARRAY[0, 1, 40, 400, -40]) AS at (days)
        CROSS JOIN LATERAL kept.phase_pace(as_of - make_interval(days => at.days)) AS pace;
END;
$$;
CREATE FUNCTION pg_temp.differences(as_of timestamptz DEFAULT '2026-06-01 09:00+09', questions integer DEFAULT 7) RETURNS bigint
    LANGUAGE sql AS $$
    SELECT count(*)
    FROM (VALUES
        (1, date '2025-04-01', date '2026-04-01', 'month', '{all,team,rep,product,source,pipeline}'::text[]),
        (2, NULL, NULL, 'year', '{all,team,source}'),
        (3, '2026-05-20', '2026-06-03', 'day', '{all,rep}'),
        (4, '2026-03-01', '2026-07-01', 'quarter', '{team_tree}'),
        (5, '2026-05-04', NULL, 'week', '{all,product}'),
        -- begins and ends in the middle of months
        (6, '2025-11-10', '2026-05-17', 'month', '{all,rep,pipeline}'),
        (7, NULL, '2026-03-20', 'half', '{all,team}')
    ) AS asked (question, from_date, to_date, grain, dimensions)
    CROSS JOIN LATERAL (
        WITH kept AS MATERIALIZED (
            SELECT * FROM pg_temp.measured('on', asked.from_date, asked.to_date, asked.grain, asked.dimensions, as_of)
        ), counted AS MATERIALIZED (
            SELECT * FROM pg_temp.measured('off', asked.from_date, asked.to_date, asked.grain, asked.dimensions, as_of)
        )
        (TABLE kept EXCEPT ALL TABLE counted)
        UNION ALL
        (TABLE counted EXCEPT ALL TABLE kept)
    ) AS different
    WHERE asked.question <= questions
$$;
CREATE FUNCTION pg_temp.pace_differences(as_of timestamptz) RETURNS bigint
    LANGUAGE sql AS $$
    WITH kept AS MATERIALIZED (
        SELECT pace FROM pg_temp.pace('on', as_of) AS pace
    ), counted AS MATERIALIZED (
        SELECT pace FROM pg_temp.pace('off', as_of) AS pace
    )
    SELECT count(*)
    FROM (
        (TABLE kept EXCEPT ALL TABLE counted)
        UNION ALL
        (TABLE counted EXCEPT ALL TABLE kept)
    ) AS different
$$;
CREATE FUNCTION pg_temp.kept(as_of timestamptz DEFAULT '2026-06-01 09:00+09') RETURNS text[]
    LANGUAGE sql AS $$ SELECT set_config('kpicrm.kpi_days', 'on', true); SELECT ARRAY(SELECT unnest(kept.kpi_day_kept(ARRAY(SELECT code FROM kept.kpi), as_of)) AS code ORDER BY code) $$;
-- After a statement: equal as it stands, then equal and nothing noted after a refresh.
CREATE FUNCTION pg_temp.holds(what text, statement text, as_of timestamptz DEFAULT '2026-06-01 09:00+09') RETURNS SETOF text
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN NEXT is(pg_temp.differences(as_of, 2) + pg_temp.pace_differences(as_of), 0::bigint, what || ': nothing differs');
    PERFORM set_config('kpicrm.kpi_days', 'on', true);
    RETURN NEXT is_empty('SELECT * FROM kept.check_kpi_days()', what || ': what is not noted is right');
    PERFORM kept.refresh_kpi_days();
    RETURN NEXT is(pg_temp.differences(as_of, 1) + pg_temp.pace_differences(as_of), 0::bigint, what || ': refreshed');
END;
$$;
