/*
 * data_quality: what is wrong in the data, and which KPI it distorts.
 *
 * Grain: row of a table × check it fails.  Rows that can be wrong in real data load
 * all the same; here they show up with their effect.  Severity:
 *
 *   error    a KPI is wrong because of it
 *   warning  a KPI or report is probably wrong, or leaves the row out
 *   info     a report cannot show the row where it belongs
 *
 * Rows that fail are found by an index where there is one (of activities that are odd,
 * of what is dated later than now), and the other tables are read once: a filter that
 * holds if any check fails, then the checks of the few rows that are left.  Contradictions
 * between deals and their history are not among them: check_history() finds those.
 */
CREATE FUNCTION data_finding(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    check_name text,
    table_name text,
    row_id bigint,
    row_label text,
    problem text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        failed.check_name,
        'deal' AS table_name,
        deal.id AS row_id,
        deal.name AS row_label,
        CASE failed.check_name
            WHEN 'won_without_amount' THEN 'won without an amount'
            WHEN 'negative_amount' THEN 'amount ' || deal.amount
            WHEN 'open_without_amount' THEN 'open without an amount'
            WHEN 'close_date_passed' THEN 'expected to close on ' || to_char(deal.expected_close_on, 'YYYY-MM-DD') || ', still open'
            WHEN 'open_without_close_date' THEN 'open without an expected close date'
            WHEN 'deal_without_rep' THEN 'belongs to nobody'
            WHEN 'deal_without_source' THEN 'without a source'
            WHEN 'deal_in_the_future' THEN 'opened or moved later than now: ' || to_char(greatest(deal.opened_at, deal.phase_since) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
            WHEN 'closing_does_not_fit' THEN 'in phase ' || phase.name || ', but ' || CASE WHEN deal.closed_at IS NULL THEN 'without' ELSE 'with' END || ' closed_at'
            WHEN 'closed_when_opened' THEN 'won or lost at the very moment it was opened'
        END AS problem
    FROM deal
    JOIN phase ON phase.id = deal.phase_id
    -- not a subquery of its own: with one, nothing of all this runs in parallel
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (SELECT (data_finding.as_of AT TIME ZONE setting.time_zone)::date AS day) AS today
    CROSS JOIN LATERAL (VALUES
        ('won_without_amount', phase.kind = 'won' AND deal.amount IS NULL),
        ('negative_amount', deal.amount < 0),
        ('open_without_amount', phase.kind = 'open' AND deal.amount IS NULL),
        ('close_date_passed', phase.kind = 'open' AND deal.expected_close_on < today.day),
        ('open_without_close_date', phase.kind = 'open' AND deal.expected_close_on IS NULL),
        ('deal_without_rep', deal.rep_id IS NULL),
        ('deal_without_source', deal.source_id IS NULL),
        ('deal_in_the_future', deal.opened_at > data_finding.as_of OR deal.phase_since > data_finding.as_of),
        ('closing_does_not_fit', (phase.kind IN ('won', 'lost')) <> (deal.closed_at IS NOT NULL)),
        -- what an import without closed_at makes of a closed deal
        ('closed_when_opened', deal.closed_at = deal.opened_at)
    ) AS failed (check_name, is_failed)
    WHERE ((phase.kind IN ('open', 'won') AND deal.amount IS NULL) OR deal.amount < 0
            OR (phase.kind = 'open' AND (deal.expected_close_on IS NULL OR deal.expected_close_on < today.day))
            OR deal.rep_id IS NULL OR deal.source_id IS NULL OR deal.opened_at > data_finding.as_of OR deal.phase_since > data_finding.as_of
            OR (phase.kind IN ('won', 'lost')) <> (deal.closed_at IS NOT NULL) OR deal.closed_at = deal.opened_at)
        AND failed.is_failed
    UNION ALL
    -- the one check of a deal that needs its lead: the others are not joined for it
    SELECT
        'deal_before_lead',
        'deal',
        early.id,
        early.name,
        'opened before its lead came in'
    FROM (
        SELECT
            deal.id,
            deal.name
        FROM deal
        JOIN lead ON lead.id = deal.lead_id
        WHERE deal.opened_at < lead.created_at
            AND NOT kpi_day_is_read('data_quality.deal_before_lead')
        UNION ALL
        SELECT
            deal.id,
            deal.name
        FROM kpi_day_found('data_quality.deal_before_lead') AS found
        -- DISTINCT, because the planner would join all deals with all leads before it asks for the days
        CROSS JOIN LATERAL (
            SELECT DISTINCT
                deal.id,
                deal.name
            FROM lead
            JOIN deal ON deal.lead_id = lead.id
            WHERE lead.created_at >= found.starts_at
                AND lead.created_at < found.ends_at
                AND deal.opened_at < lead.created_at
        ) AS deal
    ) AS early
    UNION ALL
    SELECT
        'lead_without_source',
        'lead',
        lead.id,
        lead.name,
        'without a source'
    FROM lead
    WHERE lead.source_id IS NULL
    UNION ALL
    SELECT
        'lead_in_the_future',
        'lead',
        lead.id,
        lead.name,
        'came in later than now: ' || to_char(lead.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
    FROM lead
    WHERE lead.created_at > data_finding.as_of
    UNION ALL
    SELECT
        failed.check_name,
        'activity',
        activity.id,
        activity.name,
        CASE failed.check_name
            WHEN 'done_without_time' THEN 'done, but nobody knows when'
            WHEN 'done_without_end' THEN 'done, but nobody knows for how long'
            WHEN 'activity_longer_than_a_day' THEN 'took ' || round(EXTRACT(epoch FROM activity.ended_at - activity.started_at) / 3600) || ' hours'
            WHEN 'activity_for_nothing' THEN 'for no deal, lead or account'
            WHEN 'activity_without_rep' THEN 'done by nobody'
        END
    FROM activity
    CROSS JOIN LATERAL (SELECT coalesce(activity.ended_at, activity.started_at, activity.planned_at) AS at) AS acted
    CROSS JOIN LATERAL (VALUES
        ('done_without_time', activity.done AND acted.at IS NULL),
        ('done_without_end', activity.done AND acted.at IS NOT NULL AND (activity.started_at IS NULL OR activity.ended_at IS NULL)),
        ('activity_longer_than_a_day', activity.ended_at - activity.started_at > INTERVAL '24 hours'),
        ('activity_for_nothing', activity.deal_id IS NULL AND activity.lead_id IS NULL AND activity.account_id IS NULL),
        ('activity_without_rep', activity.rep_id IS NULL)
    ) AS failed (check_name, is_failed)
    -- as the index activity_odd_idx has it
    WHERE ((activity.done AND (activity.started_at IS NULL OR activity.ended_at IS NULL))
            OR activity.ended_at - activity.started_at > INTERVAL '24 hours'
            OR activity.rep_id IS NULL
            OR (activity.deal_id IS NULL AND activity.lead_id IS NULL AND activity.account_id IS NULL))
        AND failed.is_failed
    UNION ALL
    SELECT
        'done_in_the_future',
        'activity',
        activity.id,
        activity.name,
        'done later than now: ' || to_char(coalesce(activity.ended_at, activity.started_at, activity.planned_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
    FROM activity
    WHERE activity.done
        AND coalesce(activity.ended_at, activity.started_at, activity.planned_at) > data_finding.as_of
    UNION ALL
    SELECT
        'purchase_not_positive',
        'purchase',
        purchase.id,
        coalesce(purchase.name, 'purchase ' || purchase.id),
        'amount ' || purchase.amount
    FROM purchase
    WHERE purchase.amount <= 0
    UNION ALL
    SELECT
        'purchase_in_the_future',
        'purchase',
        purchase.id,
        coalesce(purchase.name, 'purchase ' || purchase.id),
        'purchased later than now: ' || to_char(purchase.purchased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
    FROM purchase
    WHERE purchase.purchased_at > data_finding.as_of
    UNION ALL
    SELECT
        failed.check_name,
        'contract',
        contract.id,
        coalesce(contract.name, 'contract ' || contract.id),
        CASE failed.check_name
            WHEN 'contracts_overlap' THEN 'begins on ' || to_char(contract.starts_on, 'YYYY-MM-DD') || ', but another one with the same account and product ends on ' || to_char(contract.busy_until, 'YYYY-MM-DD')
            WHEN 'cancelled_before_start' THEN 'cancelled on ' || to_char(contract.cancelled_on, 'YYYY-MM-DD') || ', before it begins'
            WHEN 'contract_without_amount' THEN 'without an amount'
        END
    FROM (
        SELECT
            term.id,
            term.name,
            term.starts_on,
            term.cancelled_on,
            term.amount_per_month,
            -- of all terms that begin earlier, not only the one before
            max(term.ends_on) OVER (
                PARTITION BY term.account_id, term.product_id
                ORDER BY term.starts_on, term.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS busy_until
        FROM contract AS term
    ) AS contract
    CROSS JOIN LATERAL (VALUES
        ('contracts_overlap', contract.busy_until >= contract.starts_on),
        ('cancelled_before_start', contract.cancelled_on < contract.starts_on),
        ('contract_without_amount', contract.amount_per_month IS NULL)
    ) AS failed (check_name, is_failed)
    WHERE (contract.busy_until >= contract.starts_on OR contract.cancelled_on < contract.starts_on OR contract.amount_per_month IS NULL)
        AND failed.is_failed
    UNION ALL
    SELECT
        'account_twice',
        'account',
        account.id,
        account.name,
        'has the name of account ' || same.first_id
    FROM (
        SELECT
            lower(btrim(each.name)) AS name,
            min(each.id) AS first_id
        FROM account AS each
        GROUP BY 1
        HAVING count(*) > 1
    ) AS same
    JOIN account
        ON lower(btrim(account.name)) = same.name
        AND account.id <> same.first_id
    UNION ALL
    SELECT
        failed.check_name,
        'phase',
        phase.id,
        phase.name,
        CASE failed.check_name
            WHEN 'phase_without_probability' THEN 'open without a win probability'
            WHEN 'probability_falls' THEN 'win probability ' || phase.win_probability || ' after ' || phase.earlier_probability
        END
    FROM (
        SELECT
            step.id,
            step.name,
            step.win_probability,
            max(step.win_probability) OVER (PARTITION BY step.pipeline_id ORDER BY step.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_probability
        FROM phase AS step
        WHERE step.kind = 'open'
    ) AS phase
    CROSS JOIN LATERAL (VALUES
        ('phase_without_probability', phase.win_probability IS NULL),
        ('probability_falls', phase.win_probability < phase.earlier_probability)
    ) AS failed (check_name, is_failed)
    WHERE failed.is_failed
    UNION ALL
    SELECT
        'pipeline_without_win',
        'pipeline',
        pipeline.id,
        pipeline.name,
        'has no phase of kind won'
    FROM pipeline
    WHERE NOT EXISTS (SELECT FROM phase WHERE phase.pipeline_id = pipeline.id AND phase.kind = 'won')
    UNION ALL
    SELECT
        'target_off_period',
        'target',
        target.id,
        target.kpi_code || ' by ' || target.grain,
        'begins on ' || to_char(target.period_start, 'YYYY-MM-DD') || ', its ' || target.grain || ' on ' || to_char(period.starts_on, 'YYYY-MM-DD')
    FROM target
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (
        SELECT kpicrm.fiscal_period_start(target.period_start, target.grain, setting.fiscal_start_month, setting.week_start) AS starts_on
    ) AS period
    WHERE target.period_start <> period.starts_on
    UNION ALL
    SELECT
        'target_beyond_calendar',
        'target',
        target.id,
        target.kpi_code || ' by ' || target.grain,
        'ends on ' || to_char(period.ends_on, 'YYYY-MM-DD') || ', the calendar on ' || to_char(known.last_day, 'YYYY-MM-DD')
    FROM target
    JOIN setting ON setting.only_row
    -- min, because the calendar is large: it is read once, and not for each target
    CROSS JOIN (SELECT min(kpicrm.last_day(work_calendar())) AS last_day) AS known
    CROSS JOIN LATERAL (
        SELECT kpicrm.fiscal_period_end(target.period_start, target.grain, setting.fiscal_start_month, setting.week_start) - 1 AS ends_on
    ) AS period
    WHERE period.ends_on > known.last_day;
END;
COMMENT ON FUNCTION data_finding(timestamp with time zone) IS
    'each row that fails a check as of the instant, with what is wrong: data_quality without what the check is about, for those who count';

CREATE FUNCTION data_check() RETURNS TABLE (
    check_name text,
    severity text,
    severity_sort_order integer,
    distorted_names text
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 30
BEGIN ATOMIC
    SELECT
        rule.check_name,
        rule.severity,
        CASE rule.severity WHEN 'error' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END,
        rule.distorted
    FROM (VALUES
        ('won_without_amount', 'error', 'revenue, average_deal_amount, revenue_per_customer'),
        ('negative_amount', 'error', 'revenue, average_deal_amount, win_rate by amount'),
        ('open_without_amount', 'warning', 'pipeline_coverage, sales_velocity, forecast'),
        ('close_date_passed', 'warning', 'prospect_deal_count, pipeline_coverage, forecast'),
        ('open_without_close_date', 'warning', 'pipeline_coverage, forecast, pipeline_waterfall'),
        ('deal_without_rep', 'warning', 'every KPI by rep and team'),
        ('deal_without_source', 'info', 'lead_source_report, every KPI by source'),
        ('deal_in_the_future', 'error', 'deal_count, lead_time_days, stays in phases'),
        ('closing_does_not_fit', 'error', 'win_rate, revenue, lead_time_days'),
        ('deal_before_lead', 'warning', 'days from lead to deal'),
        ('closed_when_opened', 'warning', 'lead_time_days, sales_velocity, and what is counted by the day of closing'),
        ('lead_without_source', 'info', 'lead_source_report, every KPI by source'),
        ('lead_in_the_future', 'error', 'lead_count, opportunity_rate'),
        ('done_without_time', 'warning', 'visit_count, contact_count, activity_report'),
        ('done_without_end', 'info', 'hours in activity_report and lead_source_report'),
        ('activity_longer_than_a_day', 'warning', 'hours in activity_report and lead_source_report'),
        ('done_in_the_future', 'error', 'visit_count, contact_count'),
        ('activity_for_nothing', 'info', 'actions per deal'),
        ('activity_without_rep', 'info', 'activity_report'),
        ('purchase_not_positive', 'info', 'ltv, revenue_per_customer'),
        ('purchase_in_the_future', 'error', 'ltv, repeat_rate, new_customer_count'),
        ('contracts_overlap', 'warning', 'renewal_rate'),
        ('cancelled_before_start', 'warning', 'renewal_rate'),
        ('contract_without_amount', 'info', 'renewal_rate by amount'),
        ('account_twice', 'warning', 'new_customer_count, revenue_per_customer, repeat_rate, ltv'),
        ('phase_without_probability', 'warning', 'prospect_deal_count, weighted amounts, forecast'),
        ('probability_falls', 'warning', 'weighted amounts, forecast'),
        ('pipeline_without_win', 'error', 'win_rate, lead_time_days, revenue'),
        ('target_off_period', 'error', 'kpi_progress, sales_vs_target'),
        ('target_beyond_calendar', 'warning', 'kpi_progress: days instead of workdays')
    ) AS rule (check_name, severity, distorted);
END;
COMMENT ON FUNCTION data_check() IS
    'the checks of data_quality: how severe, and which KPIs they are about';

CREATE FUNCTION data_quality(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    check_name text,
    severity text,
    severity_sort_order integer,
    table_name text,
    row_id bigint,
    row_label text,
    problem text,
    distorted_names text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        finding.check_name,
        rule.severity,
        rule.severity_sort_order,
        finding.table_name,
        finding.row_id,
        finding.row_label,
        finding.problem,
        rule.distorted_names
    FROM data_finding(as_of) AS finding
    JOIN data_check() AS rule ON rule.check_name = finding.check_name
    WHERE kpicrm.accept_as_of(as_of);
END;
COMMENT ON FUNCTION data_quality(timestamp with time zone) IS
    'each row that fails a check as of the instant, with what is wrong and the KPIs it distorts';

CREATE VIEW data_quality WITH (security_invoker = true) AS
SELECT
    report.check_name,
    report.severity,
    report.severity_sort_order,
    report.table_name,
    report.row_id,
    report.row_label,
    report.problem,
    report.distorted_names
FROM data_quality() AS report;
COMMENT ON VIEW data_quality IS
    'One row per check and table row that fails it: what is wrong with which value, and the KPIs it distorts, as of now. Contradictions between deals and history: check_history().';
COMMENT ON COLUMN data_quality.check_name IS 'name of the check';
COMMENT ON COLUMN data_quality.severity IS 'error, warning or info';
COMMENT ON COLUMN data_quality.severity_sort_order IS '1 error, 2 warning, 3 info';
COMMENT ON COLUMN data_quality.table_name IS 'table the row is in';
COMMENT ON COLUMN data_quality.row_id IS 'key of the row';
COMMENT ON COLUMN data_quality.row_label IS 'name of the row';
COMMENT ON COLUMN data_quality.problem IS 'what is wrong, with the value';
COMMENT ON COLUMN data_quality.distorted_names IS 'KPIs and reports that are wrong or incomplete because of it';

CREATE VIEW data_quality_summary WITH (security_invoker = true) AS
SELECT
    failed.check_name,
    rule.severity,
    rule.severity_sort_order,
    failed.table_name,
    failed.row_count,
    failed.first_row_id,
    rule.distorted_names
FROM (
    SELECT
        finding.check_name,
        finding.table_name,
        count(*) AS row_count,
        min(finding.row_id) AS first_row_id
    FROM data_finding() AS finding
    GROUP BY
        finding.check_name,
        finding.table_name
) AS failed
JOIN data_check() AS rule ON rule.check_name = failed.check_name;
COMMENT ON VIEW data_quality_summary IS
    'One row per check that fails: how many rows of data_quality it has, as of now.';
COMMENT ON COLUMN data_quality_summary.check_name IS 'name of the check';
COMMENT ON COLUMN data_quality_summary.severity IS 'error, warning or info';
COMMENT ON COLUMN data_quality_summary.severity_sort_order IS '1 error, 2 warning, 3 info';
COMMENT ON COLUMN data_quality_summary.table_name IS 'table the rows are in';
COMMENT ON COLUMN data_quality_summary.row_count IS 'rows that fail the check';
COMMENT ON COLUMN data_quality_summary.first_row_id IS 'key of the first of them';
COMMENT ON COLUMN data_quality_summary.distorted_names IS 'KPIs and reports that are wrong or incomplete because of it';
