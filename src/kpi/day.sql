/*
 * kpi_day: KPIs added up by day, so that a year of a large company need not be counted again
 * for every chart.
 *
 * refresh_kpi_days() fills it; from then on triggers note in kpi_day_stale which days of
 * which fact have changed.  kpi_measure() takes the days that have not from kpi_day, and
 * counts the others, and the day of as_of, from the facts.  So the numbers are the same at
 * any time, refreshed or not; what is refreshed is how much has to be counted.
 *
 * What a row means can depend on rows of others: an activity counts for a closing that another
 * transaction writes at the same time, and neither sees the other.  So a day stays noted until
 * it was counted when nobody was writing, or when all had ended who wrote when it was first seen.
 *
 * Kept are KPIs of kind flow, the flows that levels and running totals are made of, and parts
 * of reports, that add up over the facts of kpi_day_fact(), and the pace of phases (pace.sql).
 * A report takes nothing from kpi_day if the definition, the time zone or the version is
 * another one, if the past that it looks at was different (as_of before the latest change of
 * a deal or, for some, the latest activity), or if row security hides rows from the reader.
 */

CREATE FUNCTION kpi_day_fact() RETURNS TABLE (
    fact text,
    sources text[],
    sees text[],
    looks_ahead boolean
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 11
BEGIN ATOMIC
    -- sees: what may have happened since that changes what a row of an earlier day says;
    -- looks_ahead: can a row count on a day that is still to come?
    VALUES
        ('lead_fact', '{setting,lead,deal,sales_rep}'::text[], '{opening}'::text[], false),
        ('lead_outcome', '{setting,lead,deal,phase_stay,phase,activity}', '{opening,phase,activity}', false),
        ('deal_opening', '{setting,deal,phase_stay,phase,sales_rep}', '{}', false),
        ('deal_closing', '{setting,deal,phase_stay,phase,sales_rep}', '{opening,phase}', false),
        ('deal_effort', '{setting,deal,phase_stay,phase,sales_rep,activity}', '{opening,phase}', false),
        ('open_stay', '{setting,deal,phase_stay,phase,phase_version,sales_rep}', '{opening,phase,version}', true),
        ('prospect_stay', '{setting,deal,phase_stay,phase,phase_version,sales_rep}', '{opening,phase,version}', true),
        ('activity_fact', '{setting,activity,activity_type,deal,sales_rep}', '{}', false),
        ('customer_purchase', '{setting,purchase,account,sales_rep}', '{}', false),
        ('contract_end', '{setting,contract,account,sales_rep}', '{}', false),
        ('phase_pace', '{setting,phase_stay,deal,phase,kpi_day_pace}', '{}', false);
END;
COMMENT ON FUNCTION kpi_day_fact() IS
    'facts whose changes are noted, and the tables they are made of';

-- What lets the rows on some days be found by an index, where their day alone does not.
CREATE FUNCTION kpi_day_narrowing(
    fact text,
    date_column text,
    days datemultirange
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    home constant text = quote_ident(current_schema());
BEGIN
    -- of many days a scan finds the rows sooner
    IF (SELECT count(*) FROM unnest(days)) NOT BETWEEN 1 AND 20 THEN
        RETURN NULL;
    END IF;
    RETURN CASE fact || '.' || date_column
        -- whether a purchase is the first one is seen among all of its customer
        WHEN 'customer_purchase.purchased_date' THEN format(
            'fact.account_id = ANY (ARRAY(SELECT purchase.account_id FROM %s.purchase WHERE %s))',
            home,
            kpi_day_spans('purchase.purchased_at', days, true)
        )
        -- where a stay ends another begins
        WHEN 'prospect_stay.due_date' THEN format(
            'fact.deal_id = ANY (ARRAY(
                SELECT stay.deal_id FROM %1$s.phase_stay AS stay WHERE %2$s
                UNION
                SELECT deal.id FROM %1$s.deal WHERE %3$s
            ))',
            home,
            kpi_day_spans('stay.entered_at', days, true),
            kpi_day_spans('deal.expected_close_on', days, false)
        )
        WHEN 'open_stay.expected_close_date' THEN format(
            'fact.deal_id = ANY (ARRAY(SELECT deal.id FROM %s.deal WHERE %s))',
            home,
            kpi_day_spans('deal.expected_close_on', days, false)
        )
    END;
END;
$$;
COMMENT ON FUNCTION kpi_day_narrowing(text, text, datemultirange) IS
    'a condition on the rows of a fact that holds for all of them on a few spans of days; NULL if there are many spans, or the day is enough';

CREATE FUNCTION kpi_day_can_hold(definition kpi) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    -- of a flow that a KPI is made of what the KPI says, without what kpi_definition() adds
    expressions constant text = coalesce(
        (SELECT concat_ws(' ', kpi.condition, kpi.numerator, kpi.denominator) FROM kpi WHERE definition.code = ANY (kpi_flows(kpi))),
        concat_ws(' ', definition.condition, definition.numerator, definition.denominator)
    );
BEGIN
    RETURN definition.kind = 'flow'
        AND EXISTS (SELECT FROM kpi_day_fact() AS tracked WHERE tracked.fact = definition.fact)
        -- of another day of a stay not everything is noted
        AND (definition.fact <> 'open_stay' OR definition.date_column = 'expected_close_date')
        AND NOT (definition.fact = 'prospect_stay' AND definition.date_column <> 'due_date' AND expressions ~ 'due_date')
        -- what has begun less what has ended is 0 where a sum of nothing is NULL
        AND NOT (definition.code ~ '\.(begun|ended)$' AND expressions ~* '\msum\M')
        -- a rep's team is the present one, and the present changes without a row of the fact
        AND NOT expressions ~ 'as_of|team_id'
        AND kpi_adds_up(definition);
END;
$$;
COMMENT ON FUNCTION kpi_day_can_hold(kpi) IS
    'can a KPI, or a part of a report, be kept by day?';

CREATE FUNCTION kpi_day_is_visible(fact text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN (
        SELECT bool_and(has_table_privilege(source.name::regclass, 'SELECT') AND NOT row_security_active(source.name::regclass))
        FROM kpi_day_fact() AS tracked
        CROSS JOIN LATERAL unnest(tracked.sources || '{kpi_day,kpi_day_cover,kpi_day_stale}'::text[]) AS source (name)
        WHERE tracked.fact = kpi_day_is_visible.fact
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_is_visible(text) IS
    'may the caller see every row that a fact is made of?';

CREATE FUNCTION kpi_day_is_subscribed() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM pg_subscription_rel AS subscribed
        JOIN kpi_day_trigger() AS wanted
            ON subscribed.srrelid = wanted.relation::regclass
            OR subscribed.srrelid IN (SELECT part.relid FROM pg_partition_tree(wanted.relation::regclass) AS part)
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_is_subscribed() IS
    'do rows of the facts come by a subscription, which fires no trigger of a statement?';

CREATE FUNCTION kpi_day_is_noted() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT
        FROM kpi_day_trigger() AS wanted
        LEFT JOIN pg_trigger AS made
            ON made.tgrelid = wanted.relation::regclass
            AND made.tgname = wanted.name
            AND made.tgenabled <> 'D'
        WHERE made.oid IS NULL
    ) AND NOT kpi_day_is_subscribed();
END;
$$;
COMMENT ON FUNCTION kpi_day_is_noted() IS
    'are all triggers that note changes there and enabled, and does every change fire them?';

CREATE FUNCTION kpi_day_kept(
    kpi_codes text[],
    as_of timestamp with time zone
) RETURNS text[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    -- who compares; who was granted the tables of an earlier version only; and data without the
    -- triggers, as pg_dump --data-only and logical replication bring them
    IF current_setting('kpicrm.kpi_days', true) = 'off'
        OR NOT has_table_privilege('kpi', 'SELECT')
        OR NOT has_table_privilege('kpi_day_cover', 'SELECT')
        OR NOT has_table_privilege('kpi_day_stale', 'SELECT')
        OR NOT kpi_day_is_noted()
    THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        WITH noted AS MATERIALIZED (
            SELECT
                tracked.fact,
                tracked.sees,
                coalesce(bool_or(stale.is_whole), false) AS is_whole
            FROM kpi_day_fact() AS tracked
            LEFT JOIN kpi_day_stale AS stale ON stale.fact = tracked.fact
            GROUP BY
                tracked.fact,
                tracked.sees
        )
        SELECT kpi.code
        FROM kpi_day_cover AS cover
        JOIN kpi_definition() AS kpi
            ON kpi.code = cover.kpi_code
            AND kpi.definition_hash = cover.definition_hash
        JOIN setting
            ON setting.version = cover.version
            AND setting.time_zone = cover.time_zone
        JOIN noted ON noted.fact = kpi.fact
        WHERE kpi.code = ANY (kpi_codes)
            AND NOT noted.is_whole
            -- what was noted since is counted as it was at the instant
            AND (noted.sees = '{}' OR kpi_day_kept.as_of >= cover.latest_at)
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_kept(text[], timestamp with time zone) IS
    'which of the KPIs kpi_day holds as they were at the instant';

CREATE FUNCTION kpi_day_is_read(kpi_code text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
BEGIN
    RETURN kpi_day_is_read.kpi_code = ANY (kpi_day_kept(ARRAY[kpi_day_is_read.kpi_code], 'infinity'))
        AND (SELECT kpi_day_is_visible(kpi.fact) FROM kpi_definition() AS kpi WHERE kpi.code = kpi_day_is_read.kpi_code);
END;
$$;
COMMENT ON FUNCTION kpi_day_is_read(text) IS
    'does kpi_day hold a KPI, or a part of a report, as the facts are now, and may the caller see it?';

-- PL/pgSQL, because who may not read the tables does not get here.
CREATE FUNCTION kpi_day_found(kpi_code text) RETURNS TABLE (
    starts_at timestamp with time zone,
    ends_at timestamp with time zone
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    IF kpi_day_is_read(kpi_day_found.kpi_code) THEN
        RETURN QUERY
            SELECT day_begins_at(found.day), day_begins_at(found.day + 1)
            FROM (
                SELECT kpi_day.day
                FROM kpi_day
                WHERE kpi_day.kpi_code = kpi_day_found.kpi_code
                    AND kpi_day.dimension_name = 'all'
                    AND kpi_day.grain = 'day'
                    AND 0 <> ANY (kpi_day.numerators)
                UNION
                SELECT stale.day
                FROM kpi_day_stale AS stale
                JOIN kpi_definition() AS kpi ON kpi.fact = stale.fact
                WHERE kpi.code = kpi_day_found.kpi_code
            ) AS found;
    END IF;
END;
$$;
COMMENT ON FUNCTION kpi_day_found(text) IS
    'the days, from their first instant until before their last, on which something is kept of a KPI or has changed since; none if kpi_day_is_read() says no';

-- No way through a timestamp, whose range is that of fewer days; the last month of all has no end.
CREATE FUNCTION kpi_day_month(day date) RETURNS daterange
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        SELECT daterange(month.first_day, month.first_day + 32 - EXTRACT(day FROM month.first_day + 31)::integer)
        FROM (
            SELECT kpi_day_month.day - EXTRACT(day FROM kpi_day_month.day)::integer + 1 AS first_day
            WHERE kpi_day_month.day < '5874897-12-01'
        ) AS month
    );
COMMENT ON FUNCTION kpi_day_month(date) IS
    'the days of the month a day lies in; NULL for the last month there is';

-- Whole months of which nothing has to be counted again are read as one row.
CREATE FUNCTION kpi_day_months(
    kpi_codes text[],
    first_day date,
    end_day date,
    missing datemultirange
) RETURNS datemultirange
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(range_agg(month.days), '{}')
        FROM (
            SELECT kpi_day_month(kept.day) AS days
            FROM kpi_day AS kept
            WHERE kept.kpi_code = ANY (kpi_codes)
                AND kept.dimension_name = 'all'
                AND kept.grain = 'month'
        ) AS month
        WHERE lower(month.days) >= kpi_day_months.first_day
            AND upper(month.days) <= kpi_day_months.end_day
            AND NOT month.days && missing
    );
COMMENT ON FUNCTION kpi_day_months(text[], date, date, datemultirange) IS
    'the months kept of KPIs that lie whole between two days, without those that have missing days';

-- What has to be counted from the facts all the same.
CREATE FUNCTION kpi_day_missing(
    fact text,
    from_date date,
    to_date date,
    today date
) RETURNS datemultirange
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT coalesce(range_agg(daterange(missing.day, missing.day + 1)), '{}')
        FROM (
            SELECT stale.day
            FROM kpi_day_stale AS stale
            WHERE stale.fact = kpi_day_missing.fact
            UNION
            SELECT kpi_day_missing.today
        ) AS missing
        WHERE missing.day >= from_date
            AND missing.day < to_date
    );
COMMENT ON FUNCTION kpi_day_missing(text, date, date, date) IS
    'days from from_date until before to_date on which a fact has changed, and today';

CREATE FUNCTION kpi_day_query(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    home constant text = quote_ident(current_schema());
    today constant date = local_date(as_of);
    counted constant text = (SELECT kpi.fact FROM kpi_definition() AS kpi WHERE kpi.code = kpi_codes[1]);
    looks_ahead constant boolean = (SELECT tracked.looks_ahead FROM kpi_day_fact() AS tracked WHERE tracked.fact = counted);
    shown constant text[] = kpi_shown_dimensions((kpi_fact(counted)).columns, dimensions);
    missing datemultirange;
    months datemultirange;
    first_day date;
    end_day date;
    unnested text;
    pieces text[] = '{}';
BEGIN
    IF shown = '{}' THEN
        RETURN NULL;
    END IF;
    SELECT
        greatest(from_date, least(min(found.first_day), today)),
        least(to_date, CASE WHEN looks_ahead THEN greatest(max(found.last_day), today) ELSE today END + 1)
    INTO first_day, end_day
    FROM (
        SELECT min(kpi_day.day) AS first_day, max(kpi_day.day) AS last_day
        FROM kpi_day
        WHERE kpi_day.kpi_code = ANY (kpi_codes)
            AND kpi_day.dimension_name = 'all'
            AND kpi_day.grain = 'day'
        UNION ALL
        SELECT min(stale.day), max(stale.day)
        FROM kpi_day_stale AS stale
        WHERE stale.fact = counted
    ) AS found;
    missing = kpi_day_missing(counted, first_day, end_day, today);
    -- a day or a week is no whole number of months
    months = CASE WHEN grain IN ('day', 'week') THEN '{}' ELSE kpi_day_months(kpi_codes, first_day, end_day, missing) END;
    unnested = format(
        'SELECT
                day.kpi_code,
                day.dimension_name,
                day.day,
                unnest(day.member_ids) AS member_id,
                unnest(day.numerators) AS numerator,
                unnest(day.denominators) AS denominator,
                unnest(day.row_counts) AS n
            FROM %s.kpi_day AS day
            WHERE day.kpi_code = ANY (%L)
                AND CASE day.grain
                    WHEN ''month'' THEN day.day <@ %L::datemultirange
                    ELSE day.day >= %L AND day.day < %L AND NOT day.day <@ %L::datemultirange
                END',
        home,
        kpi_codes,
        months,
        first_day,
        end_day,
        missing + months
    );

    IF shown && '{all,rep,product,source,pipeline}' THEN
        pieces = pieces || format(
            'SELECT kept.kpi_code, kept.dimension_name, kept.member_id, kept.day, kept.numerator, kept.denominator, kept.n
                FROM (%s) AS kept
                WHERE kept.dimension_name = ANY (%L)',
            unnested,
            shown
        );
    END IF;
    IF 'team' = ANY (shown) OR 'team_tree' = ANY (shown) THEN
        pieces = pieces || format(
            'SELECT kept.kpi_code, %1$L, team.id, kept.day, kept.numerator, kept.denominator, kept.n
                FROM (%2$s) AS kept
                LEFT JOIN %3$s.sales_rep AS rep ON rep.id = kept.member_id
                %4$s
                WHERE kept.dimension_name = ''rep''',
            CASE WHEN 'team' = ANY (shown) THEN 'team' ELSE 'team_tree' END,
            unnested,
            home,
            CASE
                WHEN 'team' = ANY (shown) THEN 'CROSS JOIN LATERAL (SELECT rep.team_id AS id) AS team'
                ELSE format('JOIN (SELECT tree.team_id, tree.member_id AS id FROM %s.team_tree() AS tree) AS team ON team.team_id = rep.team_id', home)
            END
        );
    END IF;
    RETURN format(
        $query$
SELECT
    piece.kpi_code,
    piece.dimension_name,
    piece.member_id,
    piece.period_start,
    sum(piece.numerator),
    sum(piece.denominator),
    sum(piece.n)::bigint
FROM (
    SELECT
        kept.kpi_code,
        kept.dimension_name,
        kept.member_id,
        kpicrm.fiscal_period_start(kept.day, %2$L, setting.fiscal_start_month, setting.week_start) AS period_start,
        kept.numerator,
        kept.denominator,
        kept.n
    FROM (
        %1$s
    ) AS kept (kpi_code, dimension_name, member_id, day, numerator, denominator, n)
    JOIN %3$s.setting ON setting.only_row%4$s
) AS piece
GROUP BY
    piece.kpi_code,
    piece.dimension_name,
    piece.member_id,
    piece.period_start$query$,
        array_to_string(pieces, ' UNION ALL '),
        grain,
        home,
        CASE WHEN isempty(missing) THEN '' ELSE E'\n    UNION ALL\n    SELECT counted.* FROM ('
            || kpi_query(kpi_codes, lower(missing), upper(missing), grain, dimensions, as_of, missing) || ') AS counted' END
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_query(text[], date, date, text, text[], timestamp with time zone) IS
    'the query that takes KPIs of one fact, day and condition from kpi_day, and counts the days that have changed since';

-- Running totals and levels, from the flows that are kept in their place.
CREATE FUNCTION kpi_day_total_query(
    kpi_codes text[],
    from_date date,
    to_date date,
    grain text,
    dimensions text[],
    as_of timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET DateStyle = 'ISO, YMD'
AS $$
DECLARE
    pieces text[] = '{}';
    task record;
    query text;
BEGIN
    -- what ends counts on other days than what begins
    FOR task IN
        SELECT
            array_agg(flow.code ORDER BY flow.code) AS codes,
            flow.code LIKE '%.ended' AS has_ended
        FROM kpi
        CROSS JOIN LATERAL unnest(kpi_flows(kpi)) AS flow (code)
        WHERE kpi.code = ANY (kpi_codes)
        GROUP BY flow.code LIKE '%.ended'
    LOOP
        -- what is expected to end later has not
        query = kpi_day_query(task.codes, NULL, least(to_date, local_date(as_of) + 1), grain, dimensions, as_of);
        IF query IS NULL THEN
            RETURN NULL;
        END IF;
        pieces = pieces || format(
            'SELECT split_part(flow.kpi_code, ''.'', 1), flow.dimension_name, flow.member_id, flow.period_start, %1$s flow.numerator, %1$s flow.denominator, %1$s flow.n
    FROM (%2$s) AS flow (kpi_code, dimension_name, member_id, period_start, numerator, denominator, n)',
            CASE WHEN task.has_ended THEN '-' ELSE '+' END,
            query
        );
    END LOOP;
    RETURN format(
        $query$
WITH flow (kpi_code, dimension_name, member_id, period_start, numerator, denominator, n) AS MATERIALIZED (
    %1$s
), period AS MATERIALIZED (
    SELECT listed.period_start
    FROM %2$s.kpi_periods(coalesce(%3$L::date, (SELECT min(flow.period_start) FROM flow)), %4$L, %5$L, %6$L) AS listed
)
SELECT
    total.kpi_code,
    total.dimension_name,
    total.member_id,
    total.period_start,
    total.numerator,
    total.denominator,
    total.n
FROM (
    SELECT
        piece.kpi_code,
        piece.dimension_name,
        piece.member_id,
        piece.period_start,
        sum(sum(piece.numerator)) OVER until_then AS numerator,
        sum(sum(piece.denominator)) OVER until_then AS denominator,
        (sum(sum(piece.n)) OVER until_then)::bigint AS n
    FROM (
        SELECT flow.*
        FROM flow
        UNION ALL
        SELECT member.kpi_code, member.dimension_name, member.member_id, period.period_start, NULL, NULL, NULL
        FROM (SELECT DISTINCT flow.kpi_code, flow.dimension_name, flow.member_id FROM flow) AS member
        CROSS JOIN period
    ) AS piece
    GROUP BY
        piece.kpi_code,
        piece.dimension_name,
        piece.member_id,
        piece.period_start
    WINDOW until_then AS (PARTITION BY piece.kpi_code, piece.dimension_name, piece.member_id ORDER BY piece.period_start)
) AS total
JOIN period ON period.period_start = total.period_start
WHERE total.n > 0$query$,
        array_to_string(pieces, E'\n    UNION ALL\n    '),
        quote_ident(current_schema()),
        from_date,
        to_date,
        grain,
        as_of
    );
END;
$$;
COMMENT ON FUNCTION kpi_day_total_query(text[], date, date, text, text[], timestamp with time zone) IS
    'the query that takes levels or running totals of one fact, day and condition from kpi_day, and counts the days that have changed since';

-- On which days the facts count a row of a table: instants or days of it and of what is joined,
-- for those columns that the facts show.  seen: the tables that are joined to say so.
CREATE FUNCTION kpi_day_rule() RETURNS TABLE (
    relation text,
    facts text[],
    columns text[],
    instants text[],
    days text[],
    seen text[],
    joins text
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    VALUES
        ('lead', '{lead_fact,lead_outcome}'::text[], '{created_at,rep_id,source_id,account_id}'::text[],
            ARRAY['changed.created_at'], '{}'::text[], '{}'::text[], ''),
        ('deal', '{lead_fact}', '{lead_id,opened_at}',
            ARRAY['lead.created_at'], '{}',
            '{lead}', 'JOIN lead ON lead.id = changed.lead_id'),
        ('deal', '{lead_outcome}', '{lead_id,opened_at,source_id,phase_id,phase_since,amount}',
            ARRAY['CASE WHEN changed.lead_id IS NULL THEN changed.opened_at ELSE lead.created_at END'], '{}',
            '{lead}', 'LEFT JOIN lead ON lead.id = changed.lead_id'),
        ('deal', '{deal_opening,deal_effort}', '{opened_at,source_id,pipeline_id,account_id,lead_id,amount}',
            ARRAY['changed.opened_at'], '{}', '{}', ''),
        -- not by closed_at, which is not in line with a phase that was given another kind
        ('deal', '{deal_closing,deal_effort}', '{phase_id,phase_since,opened_at,source_id,pipeline_id,account_id,lead_id,amount,cost}',
            ARRAY['changed.phase_since'], '{}',
            '{phase}', 'JOIN phase ON phase.id = changed.phase_id AND phase.kind IN (''won'', ''lost'')'),
        ('deal', '{open_stay,prospect_stay}', '{rep_id,product_id,source_id,account_id,opened_at}',
            ARRAY['stay.entered_at'], ARRAY['deal.expected_close_on'],
            '{deal,phase_stay}', 'JOIN deal ON deal.id = changed.id
                LEFT JOIN phase_stay AS stay ON stay.deal_id = changed.id'),
        -- what began or ended before the expected close is where it was; a stay ends where the next one begins
        ('deal', '{open_stay,prospect_stay}', '{amount,expected_close_on}',
            ARRAY['stay.entered_at'], ARRAY['changed.expected_close_on'],
            '{phase_stay}', 'LEFT JOIN phase_stay AS stay
                ON stay.deal_id = changed.id
                -- a day more than any time zone needs
                AND (stay.entered_at AT TIME ZONE ''UTC'')::date + 1 >= changed.expected_close_on'),
        ('deal', '{activity_fact}', '{source_id,pipeline_id,account_id}',
            ARRAY['coalesce(activity.ended_at, activity.started_at, activity.planned_at)'], '{}',
            '{activity}', 'JOIN activity ON activity.deal_id = changed.id AND activity.done'),
        ('phase_stay', '{deal_opening,deal_effort}', '{phase_id,rep_id,product_id}',
            ARRAY['deal.opened_at'], '{}',
            '{deal}', 'JOIN deal ON deal.id = changed.deal_id AND changed.stay_no = 1'),
        ('phase_stay', '{deal_closing,deal_effort}', '{phase_id,entered_at,left_at,rep_id,product_id}',
            ARRAY['changed.entered_at'], '{}',
            '{phase}', 'JOIN phase ON phase.id = changed.phase_id AND phase.kind IN (''won'', ''lost'')'),
        ('phase_stay', '{phase_pace}', '{phase_id,entered_at,left_at}',
            ARRAY['changed.left_at'], '{}', '{}', ''),
        ('phase_stay', '{prospect_stay}', '{phase_id,entered_at,rep_id,product_id}',
            ARRAY['changed.entered_at'], '{}', '{}', ''),
        -- while a stay lasts its rep is the deal''s
        ('phase_stay', '{open_stay,prospect_stay}', '{phase_id,entered_at,left_at,rep_id,product_id}',
            ARRAY[
                'changed.left_at',
                'CASE WHEN (deal.rep_id, deal.product_id) IS DISTINCT FROM (changed.rep_id, changed.product_id) THEN changed.entered_at END'
            ],
            ARRAY['deal.expected_close_on'],
            '{deal}', 'LEFT JOIN deal ON deal.id = changed.deal_id'),
        -- a purchase can be the first one only of those before it, in the order of days
        ('purchase', '{customer_purchase}', '{purchased_at,account_id,amount,cost}',
            ARRAY['changed.purchased_at', 'later.purchased_at'], '{}',
            '{purchase}', 'LEFT JOIN purchase AS later
                ON later.account_id = changed.account_id
                -- clocks may go back across midnight
                AND later.purchased_at > changed.purchased_at - INTERVAL ''1 day'''),
        ('contract', '{contract_end}', '{ends_on,account_id,product_id,amount_per_month,renewed_by}',
            '{}', ARRAY['changed.ends_on'], '{}', ''),
        ('account', '{customer_purchase}', '{rep_id}',
            ARRAY['purchase.purchased_at'], '{}',
            '{purchase}', 'JOIN purchase ON purchase.account_id = changed.id'),
        ('account', '{contract_end}', '{rep_id}',
            '{}', ARRAY['contract.ends_on'],
            '{contract}', 'JOIN contract ON contract.account_id = changed.id'),
        ('activity', '{activity_fact}', '{ended_at,started_at,planned_at,done,activity_type_id,rep_id,deal_id,lead_id,account_id}',
            ARRAY['coalesce(changed.ended_at, changed.started_at, changed.planned_at)'], '{}', '{}', ''),
        -- what was done later than an opening or a closing does not count for it
        ('activity', '{deal_effort}', '{ended_at,started_at,planned_at,done,deal_id,lead_id}',
            ARRAY['reached.at'], '{}',
            '{deal,phase}', 'JOIN deal ON deal.id = changed.deal_id OR deal.lead_id = changed.lead_id AND changed.deal_id IS NULL
                LEFT JOIN phase ON phase.id = deal.phase_id
                JOIN LATERAL (VALUES (deal.opened_at), (CASE WHEN phase.kind IN (''won'', ''lost'') THEN deal.phase_since END)) AS reached (at)
                    ON changed.done AND coalesce(changed.ended_at, changed.started_at, changed.planned_at) <= reached.at'),
        ('activity', '{lead_outcome}', '{ended_at,started_at,planned_at,done,deal_id,lead_id}',
            ARRAY['coalesce(lead.created_at, deal.opened_at)'], '{}',
            '{deal,lead}', 'LEFT JOIN deal ON deal.id = changed.deal_id
                LEFT JOIN lead ON lead.id = CASE WHEN changed.deal_id IS NULL THEN changed.lead_id ELSE deal.lead_id END
                WHERE changed.done');
END;
COMMENT ON FUNCTION kpi_day_rule() IS
    'how the days are found that a change of a row concerns';

CREATE FUNCTION kpi_day_note() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    rule record;
    changed text;
    changed_columns text[];
    keys constant text[] = CASE TG_TABLE_NAME WHEN 'phase_stay' THEN '{deal_id,stay_no}' ELSE '{id}' END;
    -- what others have committed since may not be seen in an older snapshot
    sees_all constant boolean = current_setting('transaction_isolation') IN ('read committed', 'read uncommitted');
BEGIN
    -- most statements change few columns
    IF TG_OP = 'UPDATE' THEN
        EXECUTE (
            SELECT format(
                'SELECT array_remove(ARRAY[%s], NULL) FROM before_rows AS before FULL JOIN after_rows AS after ON (%s)',
                string_agg(format('CASE WHEN bool_or(before.%1$I IS DISTINCT FROM after.%1$I) THEN %1$L END', listed.name), ', '),
                (SELECT string_agg(format('after.%1$I = before.%1$I', key.name), ' AND ') FROM unnest(keys) AS key (name))
            )
            FROM (
                SELECT DISTINCT unnest(listed.columns) AS name
                FROM kpi_day_rule() AS listed
                WHERE listed.relation = TG_TABLE_NAME
            ) AS listed
        )
        INTO changed_columns;
    END IF;
    FOR rule IN
        SELECT listed.*
        FROM kpi_day_rule() AS listed
        WHERE listed.relation = TG_TABLE_NAME
            AND (TG_OP <> 'UPDATE' OR listed.columns && changed_columns)
    LOOP
        -- who cannot see all rows of the other tables cannot say which days it is about
        IF (
            SELECT bool_or(NOT sees_all OR row_security_active(other.name::regclass) OR NOT has_table_privilege(other.name::regclass, 'SELECT'))
            FROM unnest(rule.seen) AS other (name)
        ) THEN
            INSERT INTO kpi_day_stale (fact, is_whole) SELECT fact.name, true FROM unnest(rule.facts) AS fact (name);
            CONTINUE;
        END IF;
        -- of an UPDATE the rows before and after, as far as they differ in what the fact shows
        changed = CASE TG_OP
            WHEN 'INSERT' THEN 'after_rows'
            WHEN 'DELETE' THEN 'before_rows'
            ELSE (
                SELECT format(
                    '(SELECT %1$s FROM before_rows EXCEPT ALL SELECT %1$s FROM after_rows UNION ALL (SELECT %1$s FROM after_rows EXCEPT ALL SELECT %1$s FROM before_rows))',
                    string_agg(listed.name, ', ')
                )
                FROM unnest(rule.columns || keys) AS listed (name)
            )
        END;
        EXECUTE format(
            'INSERT INTO kpi_day_stale (fact, day)
                SELECT fact.name, dated.day
                FROM (
                    SELECT DISTINCT noted.day
                    FROM (SELECT unnest(ARRAY[%s]) AS day FROM %s AS changed %s) AS noted
                    WHERE noted.day IS NOT NULL
                ) AS dated
                CROSS JOIN unnest(%L::text[]) AS fact (name)',
            (
                SELECT string_agg(listed.expression, ', ')
                FROM (
                    -- and not local_date(), which would be called for each row
                    SELECT format('(%s AT TIME ZONE %L)::date', instant.expression, (SELECT setting.time_zone FROM setting WHERE setting.only_row))
                    FROM unnest(rule.instants) AS instant (expression)
                    UNION ALL
                    SELECT day.expression
                    FROM unnest(rule.days) AS day (expression)
                ) AS listed (expression)
            ),
            changed,
            rule.joins,
            rule.facts
        );
    END LOOP;
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION kpi_day_note() IS
    'trigger: notes which days of which facts a statement has changed';

CREATE FUNCTION kpi_day_note_all() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    INSERT INTO kpi_day_stale (fact, is_whole)
    SELECT tracked.fact, true
    FROM kpi_day_fact() AS tracked
    WHERE TG_TABLE_NAME = ANY (tracked.sources)
        AND (TG_NARGS = 0 OR tracked.fact = ANY (TG_ARGV));
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION kpi_day_note_all() IS
    'trigger: notes that every day of the facts a table is part of, or of those it is created with, has to be counted again';

CREATE FUNCTION kpi_day_trigger() RETURNS TABLE (
    relation text,
    name text,
    ddl text
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 31
BEGIN ATOMIC
    SELECT
        kept.relation,
        kept.name,
        format('CREATE TRIGGER %I AFTER %s ON %I%s FOR EACH STATEMENT EXECUTE FUNCTION %s', kept.name, kept.event, kept.relation, kept.seen, kept.function)
    FROM (
        SELECT
            source.relation,
            'kpi_day_on_' || event.name AS name,
            event.name AS event,
            event.seen,
            event.function
        FROM (VALUES ('lead'), ('deal'), ('phase_stay'), ('activity'), ('purchase'), ('contract')) AS source (relation)
        CROSS JOIN (VALUES
            ('insert', ' REFERENCING NEW TABLE AS after_rows', 'kpi_day_note()'),
            ('update', ' REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows', 'kpi_day_note()'),
            ('delete', ' REFERENCING OLD TABLE AS before_rows', 'kpi_day_note()'),
            ('truncate', '', 'kpi_day_note_all()')
        ) AS event (name, seen, function)
        UNION ALL
        VALUES
            -- an account without rows that refer to it is in no fact
            ('account', 'kpi_day_on_update', 'UPDATE', ' REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows', 'kpi_day_note()'),
            ('setting', 'kpi_day_on_update', 'UPDATE OF time_zone', '', 'kpi_day_note_all()'),
            ('setting', 'kpi_day_on_prospect', 'INSERT OR UPDATE OF prospect_min_probability OR TRUNCATE', '', 'kpi_day_note_all(open_stay, prospect_stay)'),
            ('phase', 'kpi_day_on_update', 'UPDATE OF kind, pipeline_id', '', 'kpi_day_note_all()'),
            ('phase', 'kpi_day_on_prospect', 'UPDATE OF win_probability, added_at', '', 'kpi_day_note_all(open_stay, prospect_stay)'),
            ('phase_version', 'kpi_day_on_prospect', 'INSERT OR UPDATE OR DELETE OR TRUNCATE', '', 'kpi_day_note_all(open_stay, prospect_stay)'),
            ('activity_type', 'kpi_day_on_update', 'UPDATE OF counts_as_visit', '', 'kpi_day_note_all()')
    ) AS kept;
END;
COMMENT ON FUNCTION kpi_day_trigger() IS
    'the triggers that note changes, while kpi_day is kept';

CREATE FUNCTION stop_kpi_days() RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
    SET client_min_messages = warning
AS $$
DECLARE
    listed record;
BEGIN
    FOR listed IN SELECT wanted.relation, wanted.name FROM kpi_day_trigger() AS wanted LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS %I ON %I', listed.name, listed.relation);
    END LOOP;
    DELETE FROM kpi_day_cover;
    DELETE FROM kpi_day;
    DELETE FROM kpi_day_stale;
    DELETE FROM kpi_day_pace;
END;
$$;
COMMENT ON FUNCTION stop_kpi_days() IS
    'empties kpi_day and removes the triggers that keep it: every report counts the facts again';

CREATE FUNCTION start_kpi_days() RETURNS void
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    listed record;
BEGIN
    -- a snapshot from before the lock would miss what was written until then, which nobody has noted
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'the first refresh_kpi_days() cannot run in a % transaction', current_setting('transaction_isolation')
            USING ERRCODE = 'invalid_transaction_state',
                  HINT = 'Call it in a transaction of isolation level READ COMMITTED.';
    END IF;
    -- whoever writes now must be seen, and whoever writes later must note it
    LOCK TABLE setting, lead, deal, phase_stay, activity, account, purchase, contract, phase, phase_version, activity_type IN SHARE ROW EXCLUSIVE MODE;
    PERFORM stop_kpi_days();
    FOR listed IN SELECT wanted.relation, wanted.name, wanted.ddl FROM kpi_day_trigger() AS wanted LOOP
        EXECUTE listed.ddl;
        EXECUTE format('COMMENT ON TRIGGER %I ON %I IS %L', listed.name, listed.relation, 'notes which days refresh_kpi_days() has to count again');
    END LOOP;
END;
$$;
COMMENT ON FUNCTION start_kpi_days() IS
    'makes the triggers that note changes, with nothing kept yet';

CREATE FUNCTION kpi_day_count(
    kpi_codes text[],
    missing datemultirange DEFAULT NULL
) RETURNS TABLE (
    kpi_code text,
    dimension_name text,
    day date,
    member_ids bigint[],
    numerators numeric[],
    denominators numeric[],
    row_counts bigint[]
)
    LANGUAGE plpgsql STABLE ROWS 1000 COST 100000
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT
            counted.kpi_code,
            counted.dimension_name,
            counted.period_start,
            array_agg(counted.member_id ORDER BY counted.member_id),
            array_agg(counted.numerator ORDER BY counted.member_id),
            array_agg(counted.denominator ORDER BY counted.member_id),
            array_agg(counted.n ORDER BY counted.member_id)
        FROM kpi_day_fact() AS tracked
        CROSS JOIN LATERAL (
            SELECT array_agg(kpi.code ORDER BY kpi.code) AS codes
            FROM kpi_definition() AS kpi
            WHERE kpi.code = ANY (kpi_codes)
                AND kpi.fact = tracked.fact
            GROUP BY kpi_counted_rows(kpi)
        ) AS task
        CROSS JOIN LATERAL kpicrm.measured_rows(kpi_query(
            task.codes, lower(missing), upper(missing), 'day', '{all,rep,product,source,pipeline}', 'infinity', missing
        )) AS counted
        GROUP BY
            counted.kpi_code,
            counted.dimension_name,
            counted.period_start;
END;
$$;
COMMENT ON FUNCTION kpi_day_count(text[], datemultirange) IS
    'what kpi_day is to hold of KPIs, on some days or on all (NULL), counted from the facts';

CREATE FUNCTION kpi_day_month_count(
    kpi_codes text[],
    changed datemultirange DEFAULT NULL
) RETURNS TABLE (
    kpi_code text,
    dimension_name text,
    month date,
    member_ids bigint[],
    numerators numeric[],
    denominators numeric[],
    row_counts bigint[]
)
    LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
    SELECT
        summed.kpi_code,
        summed.dimension_name,
        summed.month,
        array_agg(summed.member_id ORDER BY summed.member_id),
        array_agg(summed.numerator ORDER BY summed.member_id),
        array_agg(summed.denominator ORDER BY summed.member_id),
        array_agg(summed.n ORDER BY summed.member_id)
    FROM (
        SELECT
            piece.kpi_code,
            piece.dimension_name,
            piece.month,
            piece.member_id,
            sum(piece.numerator) AS numerator,
            sum(piece.denominator) AS denominator,
            sum(piece.n)::bigint AS n
        FROM (
            SELECT
                kept.kpi_code,
                kept.dimension_name,
                lower(kpi_day_month(kept.day)) AS month,
                unnest(kept.member_ids) AS member_id,
                unnest(kept.numerators) AS numerator,
                unnest(kept.denominators) AS denominator,
                unnest(kept.row_counts) AS n
            FROM kpi_day AS kept
            WHERE kept.kpi_code = ANY (kpi_codes)
                AND kept.grain = 'day'
                AND kpi_day_month(kept.day) IS NOT NULL
                AND (kpi_day_month(kept.day) && changed) IS NOT FALSE
        ) AS piece
        GROUP BY
            piece.kpi_code,
            piece.dimension_name,
            piece.month,
            piece.member_id
    ) AS summed
    GROUP BY
        summed.kpi_code,
        summed.dimension_name,
        summed.month;
END;
COMMENT ON FUNCTION kpi_day_month_count(text[], datemultirange) IS
    'what the kept days of KPIs add up to by month, of the months that some days lie in or of all (NULL)';

CREATE FUNCTION refresh_kpi_days() RETURNS bigint
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
DECLARE
    hidden text;
    stale record;
    known text[];
    whole text[];
    changed text[];
    written bigint;
    result bigint = 0;
BEGIN
    SELECT string_agg(tracked.fact, ', ' ORDER BY tracked.fact)
    INTO hidden
    FROM kpi_day_fact() AS tracked
    WHERE NOT kpi_day_is_visible(tracked.fact);
    IF hidden IS NOT NULL THEN
        RAISE EXCEPTION 'role "%" cannot see all rows of %', current_user, hidden
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Refresh as the owner of the workspace, or as a role that reads all of it and that no row security policy applies to.';
    END IF;
    IF kpi_day_is_subscribed() THEN
        RAISE EXCEPTION 'the rows of this workspace come by a subscription, whose changes cannot be noted'
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'Refresh at the publisher. Reports count all rows here.';
    END IF;
    IF NOT kpi_day_is_noted() THEN
        PERFORM start_kpi_days();
    END IF;
    -- one at a time
    LOCK TABLE kpi_day_cover IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM kpi_day_cover AS cover
    WHERE NOT EXISTS (
        SELECT
        FROM kpi_definition() AS kpi
        JOIN setting ON setting.version = cover.version AND setting.time_zone = cover.time_zone
        WHERE kpi.code = cover.kpi_code
            AND kpi.definition_hash = cover.definition_hash
    );
    -- First what was noted, then the facts: what is written in between is counted or still noted.
    FOR stale IN
        WITH seen AS MATERIALIZED (
            SELECT
                pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS ended_xid,
                pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid,
                -- who has ended since an older snapshot is not seen in it
                current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') AND NOT EXISTS (
                    SELECT
                    FROM pg_locks AS held
                    JOIN (SELECT DISTINCT unnest(tracked.sources) AS name FROM kpi_day_fact() AS tracked) AS source
                        ON held.relation = source.name::regclass
                        OR held.relation IN (SELECT part.relid FROM pg_partition_tree(source.name::regclass) AS part)
                    WHERE held.database = (SELECT pg_database.oid FROM pg_database WHERE pg_database.datname = current_database())
                        AND held.granted
                        AND held.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                        AND held.pid IS DISTINCT FROM pg_backend_pid()
                ) AS is_quiet
        ), waiting AS (
            UPDATE kpi_day_stale
            SET waits_for_xid = seen.next_xid
            FROM seen
            WHERE NOT seen.is_quiet
                -- one of the future comes from the server that a dump was made of
                AND (kpi_day_stale.waits_for_xid BETWEEN 0 AND seen.next_xid) IS NOT TRUE
        ), removed AS (
            DELETE FROM kpi_day_stale
            USING seen
            WHERE seen.is_quiet
                OR kpi_day_stale.waits_for_xid <= seen.ended_xid
            RETURNING kpi_day_stale.fact, kpi_day_stale.day, kpi_day_stale.is_whole
        )
        SELECT
            tracked.fact,
            tracked.sees,
            range_agg(daterange(removed.day, removed.day + 1)) FILTER (WHERE removed.day IS NOT NULL) AS days,
            coalesce(bool_or(removed.is_whole), false) AS is_whole
        FROM kpi_day_fact() AS tracked
        LEFT JOIN removed ON removed.fact = tracked.fact
        GROUP BY
            tracked.fact,
            tracked.sees
    LOOP
        IF stale.fact = 'phase_pace' THEN
            DELETE FROM kpi_day_pace
            WHERE stale.is_whole
                OR kpi_day_pace.until_at > day_begins_at(lower(stale.days));
            result = result + refresh_kpi_day_pace();
            CONTINUE;
        END IF;
        IF stale.is_whole THEN
            DELETE FROM kpi_day_cover AS cover
            USING kpi_definition() AS kpi
            WHERE kpi.code = cover.kpi_code
                AND kpi.fact = stale.fact;
        END IF;
        known = ARRAY(SELECT cover.kpi_code FROM kpi_day_cover AS cover JOIN kpi_definition() AS kpi ON kpi.code = cover.kpi_code WHERE kpi.fact = stale.fact);
        whole = ARRAY(SELECT kpi.code FROM kpi_definition() AS kpi WHERE kpi.fact = stale.fact AND NOT kpi.code = ANY (known) AND kpi_day_can_hold(kpi));

        changed = CASE WHEN stale.days IS NULL THEN '{}' ELSE known END;
        DELETE FROM kpi_day
        WHERE kpi_day.kpi_code = ANY (whole)
            OR (kpi_day.kpi_code = ANY (changed) AND CASE kpi_day.grain
                WHEN 'day' THEN kpi_day.day <@ stale.days
                ELSE kpi_day_month(kpi_day.day) && stale.days
            END);
        INSERT INTO kpi_day (kpi_code, dimension_name, grain, day, member_ids, numerators, denominators, row_counts)
        SELECT counted.kpi_code, counted.dimension_name, 'day', counted.day, counted.member_ids, counted.numerators, counted.denominators, counted.row_counts
        FROM kpi_day_count(whole) AS counted
        UNION ALL
        SELECT counted.kpi_code, counted.dimension_name, 'day', counted.day, counted.member_ids, counted.numerators, counted.denominators, counted.row_counts
        FROM kpi_day_count(changed, stale.days) AS counted;
        GET DIAGNOSTICS written = ROW_COUNT;
        result = result + written;
        INSERT INTO kpi_day (kpi_code, dimension_name, grain, day, member_ids, numerators, denominators, row_counts)
        SELECT counted.kpi_code, counted.dimension_name, 'month', counted.month, counted.member_ids, counted.numerators, counted.denominators, counted.row_counts
        FROM kpi_day_month_count(whole) AS counted
        UNION ALL
        SELECT counted.kpi_code, counted.dimension_name, 'month', counted.month, counted.member_ids, counted.numerators, counted.denominators, counted.row_counts
        FROM kpi_day_month_count(changed, stale.days) AS counted;
        GET DIAGNOSTICS written = ROW_COUNT;
        result = result + written;

        INSERT INTO kpi_day_cover (kpi_code, definition_hash, version, time_zone, latest_at)
        SELECT kpi.code, kpi.definition_hash, setting.version, setting.time_zone, latest.at
        FROM kpi_definition() AS kpi
        JOIN setting ON setting.only_row
        CROSS JOIN LATERAL (
            SELECT coalesce(
                greatest(
                    CASE WHEN 'opening' = ANY (stale.sees) THEN (SELECT max(deal.opened_at) FROM deal) END,
                    CASE WHEN 'phase' = ANY (stale.sees) THEN (SELECT max(stay.entered_at) FROM phase_stay AS stay) END,
                    CASE WHEN 'version' = ANY (stale.sees) THEN (SELECT max(version.valid_until) FROM phase_version AS version) END,
                    CASE WHEN 'version' = ANY (stale.sees) THEN (SELECT max(phase.added_at) FROM phase) END,
                    CASE WHEN 'activity' = ANY (stale.sees) THEN (SELECT max(activity.done_at) FROM activity_done('infinity') AS activity) END
                ),
                '-infinity'
            ) AS at
        ) AS latest
        WHERE kpi.code = ANY (whole || known)
        ON CONFLICT (kpi_code) DO UPDATE SET latest_at = excluded.latest_at
        WHERE kpi_day_cover.latest_at <> excluded.latest_at;
    END LOOP;
    DELETE FROM kpi_day WHERE NOT EXISTS (SELECT FROM kpi_day_cover AS cover WHERE cover.kpi_code = kpi_day.kpi_code);
    PERFORM renew_statistics();
    RETURN result;
END;
$$;
COMMENT ON FUNCTION refresh_kpi_days() IS
    'brings kpi_day and kpi_day_pace up to date and returns how many of their rows were written; the first call makes the triggers that note changes, and waits until nobody writes';

CREATE FUNCTION check_kpi_days() RETURNS TABLE (
    kpi_name text,
    dimension_name text,
    day date,
    kept text,
    counted text
)
    LANGUAGE plpgsql STABLE ROWS 1000 COST 100000
    SET search_path FROM CURRENT
AS $$
#variable_conflict use_column
DECLARE
    pace_until constant timestamp with time zone = kpi_day_pace_until('infinity');
BEGIN
    RETURN QUERY
        WITH held AS MATERIALIZED (
            SELECT kpi.code, kpi.fact
            FROM kpi_definition() AS kpi
            WHERE kpi.code = ANY (kpi_day_kept(ARRAY(SELECT listed.code FROM kpi_definition() AS listed), 'infinity'))
        )
        SELECT
            coalesce(kept.kpi_code, counted.kpi_code),
            coalesce(kept.dimension_name, counted.dimension_name),
            coalesce(kept.day, counted.day),
            ROW(kept.member_ids, kept.numerators, kept.denominators, kept.row_counts)::text,
            ROW(counted.member_ids, counted.numerators, counted.denominators, counted.row_counts)::text
        FROM (SELECT kpi_day.* FROM kpi_day JOIN held ON held.code = kpi_day.kpi_code WHERE kpi_day.grain = 'day') AS kept
        FULL JOIN kpi_day_count(ARRAY(SELECT held.code FROM held)) AS counted
            ON counted.kpi_code = kept.kpi_code
            AND counted.dimension_name = kept.dimension_name
            AND counted.day = kept.day
        JOIN held ON held.code = coalesce(kept.kpi_code, counted.kpi_code)
        WHERE NOT EXISTS (SELECT FROM kpi_day_stale AS stale WHERE stale.fact = held.fact AND stale.day = coalesce(kept.day, counted.day))
            AND ((kept.member_ids, kept.row_counts) IS DISTINCT FROM (counted.member_ids, counted.row_counts)
            OR (SELECT array_agg(round(part.value, 6)) FROM unnest(kept.numerators || kept.denominators) AS part (value))
                IS DISTINCT FROM (SELECT array_agg(round(part.value, 6)) FROM unnest(counted.numerators || counted.denominators) AS part (value)))
        UNION ALL
        SELECT
            coalesce(kept.kpi_code, counted.kpi_code),
            coalesce(kept.dimension_name, counted.dimension_name),
            coalesce(kept.day, counted.month),
            ROW(kept.member_ids, kept.numerators, kept.denominators, kept.row_counts)::text,
            ROW(counted.member_ids, counted.numerators, counted.denominators, counted.row_counts)::text
        FROM (SELECT kpi_day.* FROM kpi_day JOIN held ON held.code = kpi_day.kpi_code WHERE kpi_day.grain = 'month') AS kept
        FULL JOIN kpi_day_month_count(ARRAY(SELECT held.code FROM held)) AS counted
            ON counted.kpi_code = kept.kpi_code
            AND counted.dimension_name = kept.dimension_name
            AND counted.month = kept.day
        WHERE (kept.member_ids, kept.numerators, kept.denominators, kept.row_counts)
            IS DISTINCT FROM (counted.member_ids, counted.numerators, counted.denominators, counted.row_counts)
        UNION ALL
        SELECT
            'phase_pace',
            'phase',
            NULL,
            ROW(coalesce(kept.phase_id, counted.phase_id), kept.stays)::text,
            ROW(coalesce(kept.phase_id, counted.phase_id), counted.stays)::text
        FROM kpi_day_pace AS kept
        FULL JOIN (
            SELECT
                stay.phase_id,
                kpicrm.lead_time_agg(stay.entered_at, stay.left_at, true, pace_until)::text AS stays
            FROM phase_stay AS stay
            WHERE stay.left_at < pace_until
            GROUP BY stay.phase_id
        ) AS counted ON counted.phase_id = kept.phase_id
        WHERE pace_until IS NOT NULL
            AND kept.stays IS DISTINCT FROM counted.stays;
END;
$$;
COMMENT ON FUNCTION check_kpi_days() IS
    'days of which kpi_day says something else than the facts, without those that are noted as changed, and months that are not what their days add up to: no rows is what it should be';
