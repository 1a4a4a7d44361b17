-- The standard reports, over a workspace with a few deals.
SET client_min_messages = warning;
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET TIME ZONE 'Asia/Tokyo';
SELECT kpicrm.create_workspace('crm') \g /dev/null
SET search_path = crm;
UPDATE setting SET time_zone = 'Asia/Tokyo', fiscal_start_month = 4;

INSERT INTO sales_team (id, name) VALUES (1, 'East'), (2, 'West');
INSERT INTO sales_rep (id, name, team_id) VALUES (1, 'Aoi', 1), (2, 'Ben', 2);
INSERT INTO product (id, name) VALUES (1, 'Alpha'), (2, 'Beta');
INSERT INTO lead_source (id, name) VALUES (1, 'Web'), (2, 'Fair');
INSERT INTO account (id, name) VALUES (1, 'Acme'), (2, 'Bell');
INSERT INTO pipeline (id, name) VALUES (1, 'Direct');
INSERT INTO phase (id, pipeline_id, position, name, kind, win_probability) VALUES
    (1, 1, 1, 'Approach', 'open', 0.1),
    (2, 1, 2, 'Proposal', 'open', 0.5),
    (3, 1, 3, 'Won', 'won', 1),
    (4, 1, 4, 'Lost', 'lost', 0);

INSERT INTO deal (id, name, phase_id, account_id, rep_id, product_id, source_id, amount, opened_at, expected_close_on) VALUES
    (1, 'A-1', 1, 1, 1, 1, 1, 1000, '2026-04-01 10:00', '2026-04-30'),
    (2, 'A-2', 1, 1, 1, 2, 1, 400, '2026-04-06 10:00', '2026-05-31'),
    (3, 'B-1', 1, 2, 2, 1, 2, 900, '2026-04-10 10:00', '2026-05-31'),
    (4, 'B-2', 1, 2, 2, 2, NULL, 300, '2026-05-01 10:00', '2026-07-31'),
    (5, 'A-3', 1, 1, 1, 1, 1, 800, '2026-05-11 10:00', '2026-08-31'),
    (6, 'B-3', 1, 2, 2, 1, 2, 500, '2026-06-01 10:00', '2026-06-20');

-- Deals move; phase_since says when, because this is told afterwards.
UPDATE deal SET phase_id = 2, phase_since = '2026-04-11 10:00' WHERE id = 1;
UPDATE deal SET phase_id = 2, phase_since = '2026-04-16 10:00' WHERE id = 2;
UPDATE deal SET phase_id = 2, phase_since = '2026-04-30 10:00' WHERE id = 3;
UPDATE deal SET phase_id = 3, phase_since = '2026-05-01 10:00' WHERE id = 1;
UPDATE deal SET phase_id = 4, phase_since = '2026-05-20 10:00' WHERE id = 2;
UPDATE deal SET phase_id = 2, phase_since = '2026-05-16 10:00' WHERE id = 5;
UPDATE deal SET phase_id = 3, phase_since = '2026-05-30 10:00' WHERE id = 3;
UPDATE deal SET next_action_on = '2026-07-03' WHERE id = 5;

-- Ben leaves; Aoi takes over what he has.  What he won stays his.
UPDATE deal SET rep_id = 1 WHERE rep_id = 2;

-- Facts: every dimension by name, so that a question is one line.
SELECT
    rep,
    kpicrm.conversion_rate(won),
    kpicrm.lead_time(opened_at, closed_at)
FROM deals
GROUP BY rep
ORDER BY rep;

-- Who converts, by which definition?  Opening counts for the rep who opened the deal.
SELECT
    member_name,
    period_label,
    definition,
    won_count,
    deal_count,
    round(win_rate::numeric, 3) AS win_rate,
    round(win_rate_low::numeric, 3) AS low,
    round(win_rate_high::numeric, 3) AS high
FROM win_rate_report(by => 'rep', as_of => '2026-07-01', within_days => 60)
ORDER BY
    member_name,
    sort_order;

-- Who is fast?
SELECT
    member_name,
    definition,
    won_count,
    lost_count,
    open_count,
    mean_days,
    median_days,
    censored_median_days
FROM lead_time_report(by => 'rep', as_of => '2026-07-01')
ORDER BY
    member_name,
    sort_order;

-- Plan and actual.
INSERT INTO target (kpi_code, grain, period_start, value) VALUES
    ('revenue', 'month', '2026-05-01', 1500),
    ('revenue', 'month', '2026-06-01', 1000),
    ('revenue', 'quarter', '2026-07-01', 2000);
SELECT
    grain_name,
    period_label,
    target_amount,
    won_amount,
    round(attainment_rate::numeric, 3) AS attainment,
    gap_amount,
    round(weighted_open_amount, 2) AS weighted_open,
    round(overdue_amount, 2) AS overdue
FROM sales_vs_target(scope => 'company', as_of => '2026-07-01')
WHERE grain_name IN ('month', 'quarter')
ORDER BY
    grain_name,
    period_start;

-- Where do deals stop?
SELECT
    phase,
    policy_name,
    reached_count,
    next_count,
    won_count,
    lost_here_count,
    stay_median_days,
    stall_after_days,
    open_count,
    open_amount,
    stalled_count
FROM phase_report(as_of => '2026-07-01')
ORDER BY
    policy_order,
    sort_order;

-- The board.
SELECT
    phase,
    deal,
    rep,
    amount,
    phase_days,
    round(stall_score::numeric, 3) AS stall_score,
    status,
    reason
FROM deal_board('2026-07-01')
ORDER BY
    phase_sort_order,
    deal;

-- What customers are worth: purchases, not deals.
INSERT INTO purchase (account_id, deal_id, product_id, purchased_at, amount, cost) VALUES
    (1, 1, 1, '2026-05-01 10:00', 1000, 600),
    (1, NULL, 2, '2026-06-10 10:00', 50, NULL),
    (2, 3, 1, '2026-05-30 10:00', 900, 450);
SELECT
    account,
    order_count,
    is_repeat,
    revenue_amount,
    margin_amount,
    last_purchase_date,
    since_last_purchase_days
FROM customer_value('2026-07-01')
ORDER BY account;

-- What is not a choice is refused.
\set SHOW_CONTEXT never
SELECT member_name FROM win_rate_report(by => 'manager');
SELECT phase FROM phase_report(policy => 'loose');
SELECT period_label FROM sales_vs_target(grain => 'week');

RESET search_path;
SELECT kpicrm.drop_workspace('crm', force => true) \g /dev/null
