/*
 * Facts for free-form SQL: deals, leads, phase_stays, activities, purchases.
 *
 * One row per fact, every dimension as key and as name, so that
 *
 *   SELECT rep, kpicrm.conversion_rate(won), kpicrm.lead_time(opened_at, closed_at)
 *   FROM deals
 *   GROUP BY rep
 *
 * is a report.  Keys are those of the tables; a name is NULL where the key is.
 * Dates are days in the workspace's time zone; ages are as of now().
 *
 * Rep, team and product are those of the event.  A deal that has ended (won, lost,
 * disqualified) has the rep and product with which it entered that phase; a deal
 * that was won by one rep and handed to another stays the first one's.  Any other
 * deal has its present ones, and current_rep is always the present one.  The team
 * is the rep's present team.
 *
 * Joins to names that a query does not ask for are removed by the planner, because
 * each of them is to a unique key: a view with many columns costs what is asked of
 * it.  Only the stay that a deal ended with is always read by deals.
 */

CREATE VIEW deals WITH (security_invoker = true) AS
SELECT
    deal.id AS deal_id,
    deal.name AS deal,
    deal.external_id,
    deal.pipeline_id,
    pipeline.name AS pipeline,
    deal.phase_id,
    phase.name AS phase,
    phase.position AS phase_sort_order,
    phase.kind AS phase_kind,
    deal.account_id,
    account.name AS account,
    account.industry,
    account.region,
    sales_rep.id AS rep_id,
    sales_rep.name AS rep,
    sales_rep.team_id,
    sales_team.name AS team,
    deal.rep_id AS current_rep_id,
    current_rep.name AS current_rep,
    product.id AS product_id,
    product.name AS product,
    deal.source_id,
    lead_source.name AS source,
    lead_source.channel,
    deal.lead_id,
    deal.amount::numeric(18, 2) AS amount,
    deal.cost::numeric(18, 2) AS cost,
    phase.win_probability,
    CASE phase.kind WHEN 'open' THEN deal.amount * phase.win_probability::numeric END::numeric(18, 2) AS weighted_amount,
    CASE phase.kind WHEN 'won' THEN true WHEN 'lost' THEN false END AS won,
    coalesce(phase.kind = 'open', false) AS open,
    deal.opened_at,
    deal.closed_at,
    (deal.opened_at AT TIME ZONE setting.time_zone)::date AS opened_date,
    (deal.closed_at AT TIME ZONE setting.time_zone)::date AS closed_date,
    deal.expected_close_on AS expected_close_date,
    deal.next_action_on AS next_action_date,
    deal.phase_since AS phase_since_at,
    CASE WHEN deal.closed_at >= deal.opened_at THEN (EXTRACT(epoch FROM deal.closed_at - deal.opened_at) / 86400)::double precision END AS lead_time_days,
    CASE WHEN phase.kind = 'open' AND deal.opened_at <= now() THEN (EXTRACT(epoch FROM now() - deal.opened_at) / 86400)::double precision END AS age_days,
    CASE WHEN phase.kind = 'open' AND deal.phase_since <= now() THEN (EXTRACT(epoch FROM now() - deal.phase_since) / 86400)::double precision END AS phase_days,
    CASE WHEN phase.kind = 'open' AND deal.phase_since <= now() THEN coalesce(pace.scores[nullif(width_bucket(EXTRACT(epoch FROM now() - deal.phase_since)::double precision, pace.ages), 0)], 0) END AS stall_score
FROM deal
JOIN setting ON setting.only_row
LEFT JOIN phase_stay AS stay
    ON stay.deal_id = deal.id
    AND stay.left_at IS NULL
LEFT JOIN phase ON phase.id = deal.phase_id
LEFT JOIN pipeline ON pipeline.id = deal.pipeline_id
LEFT JOIN account ON account.id = deal.account_id
LEFT JOIN sales_rep
    ON sales_rep.id = CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN stay.rep_id ELSE deal.rep_id END
LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
LEFT JOIN sales_rep AS current_rep ON current_rep.id = deal.rep_id
LEFT JOIN product
    ON product.id = CASE WHEN phase.kind IN ('won', 'lost', 'disqualified') THEN stay.product_id ELSE deal.product_id END
LEFT JOIN lead_source ON lead_source.id = deal.source_id
LEFT JOIN (
    -- DISTINCT ON tells the planner that there is one row a phase
    SELECT DISTINCT ON (pace.phase_id)
        pace.phase_id,
        pace.ages,
        pace.scores
    FROM phase_pace() AS pace
) AS pace ON pace.phase_id = deal.phase_id;
COMMENT ON VIEW deals IS
    'One row per deal: what it is, who has it, where it stands and how it ended, with every dimension as key and name, as of now.';
COMMENT ON COLUMN deals.deal_id IS 'key of the deal';
COMMENT ON COLUMN deals.deal IS 'name of the deal';
COMMENT ON COLUMN deals.external_id IS 'key of the deal where it was imported from';
COMMENT ON COLUMN deals.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN deals.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN deals.phase_id IS 'key of the phase the deal is in';
COMMENT ON COLUMN deals.phase IS 'name of the phase the deal is in';
COMMENT ON COLUMN deals.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN deals.phase_kind IS 'open, hold, won, lost or disqualified';
COMMENT ON COLUMN deals.account_id IS 'key of the account';
COMMENT ON COLUMN deals.account IS 'name of the account';
COMMENT ON COLUMN deals.industry IS 'industry of the account';
COMMENT ON COLUMN deals.region IS 'region of the account';
COMMENT ON COLUMN deals.rep_id IS 'key of the rep; of a deal that has ended, the one who ended it';
COMMENT ON COLUMN deals.rep IS 'name of the rep; of a deal that has ended, the one who ended it';
COMMENT ON COLUMN deals.team_id IS 'key of the rep''s team';
COMMENT ON COLUMN deals.team IS 'name of the rep''s team';
COMMENT ON COLUMN deals.current_rep_id IS 'key of the rep who has the deal now';
COMMENT ON COLUMN deals.current_rep IS 'name of the rep who has the deal now';
COMMENT ON COLUMN deals.product_id IS 'key of the product; of a deal that has ended, the one at its end';
COMMENT ON COLUMN deals.product IS 'name of the product; of a deal that has ended, the one at its end';
COMMENT ON COLUMN deals.source_id IS 'key of the lead source';
COMMENT ON COLUMN deals.source IS 'name of the lead source';
COMMENT ON COLUMN deals.channel IS 'channel of the lead source';
COMMENT ON COLUMN deals.lead_id IS 'key of the lead the deal came from';
COMMENT ON COLUMN deals.amount IS 'amount of the deal';
COMMENT ON COLUMN deals.cost IS 'cost of the deal';
COMMENT ON COLUMN deals.win_probability IS 'probability to be won that the phase stands for, 0 to 1';
COMMENT ON COLUMN deals.weighted_amount IS 'amount times win_probability of an open deal; NULL otherwise';
COMMENT ON COLUMN deals.won IS 'true if won, false if lost, NULL if neither (open, on hold, disqualified)';
COMMENT ON COLUMN deals.open IS 'true if the deal is in an open phase';
COMMENT ON COLUMN deals.opened_at IS 'instant the deal was opened';
COMMENT ON COLUMN deals.closed_at IS 'instant the deal was won or lost; NULL if it is neither';
COMMENT ON COLUMN deals.opened_date IS 'day the deal was opened';
COMMENT ON COLUMN deals.closed_date IS 'day the deal was won or lost';
COMMENT ON COLUMN deals.expected_close_date IS 'day the deal is expected to close';
COMMENT ON COLUMN deals.next_action_date IS 'day of the next action';
COMMENT ON COLUMN deals.phase_since_at IS 'instant the deal entered its phase';
COMMENT ON COLUMN deals.lead_time_days IS 'days from opening to closing of a deal won or lost; NULL if it is neither, or closed before it was opened';
COMMENT ON COLUMN deals.age_days IS 'days since an open deal was opened; NULL otherwise';
COMMENT ON COLUMN deals.phase_days IS 'days an open deal has been in its phase; NULL otherwise';
COMMENT ON COLUMN deals.stall_score IS 'share of all stays in the phase that had ended at this age, 0 to 1 (Kaplan-Meier, open stays censored); NULL unless open';

CREATE VIEW leads WITH (security_invoker = true) AS
SELECT
    lead.id AS lead_id,
    lead.name AS lead,
    lead.source_id,
    lead_source.name AS source,
    lead_source.channel,
    lead.rep_id,
    sales_rep.name AS rep,
    sales_rep.team_id,
    sales_team.name AS team,
    lead.account_id,
    account.name AS account,
    account.industry,
    account.region,
    lead.created_at,
    (lead.created_at AT TIME ZONE setting.time_zone)::date AS created_date,
    lead.qualified_at,
    lead.disqualified_at,
    coalesce(outcome.deal_count > 0, false) AS has_deal,
    coalesce(outcome.deal_count, 0) AS deal_count,
    coalesce(outcome.won_count, 0) AS won_count,
    coalesce(outcome.won_amount, 0)::numeric(18, 2) AS won_amount,
    outcome.first_deal_at,
    CASE WHEN outcome.first_deal_at >= lead.created_at THEN (EXTRACT(epoch FROM outcome.first_deal_at - lead.created_at) / 86400)::double precision END AS to_deal_days
FROM lead
JOIN setting ON setting.only_row
LEFT JOIN lead_source ON lead_source.id = lead.source_id
LEFT JOIN sales_rep ON sales_rep.id = lead.rep_id
LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
LEFT JOIN account ON account.id = lead.account_id
LEFT JOIN (
    SELECT
        deal.lead_id,
        count(*) AS deal_count,
        count(*) FILTER (WHERE phase.kind = 'won') AS won_count,
        sum(deal.amount) FILTER (WHERE phase.kind = 'won') AS won_amount,
        min(deal.opened_at) AS first_deal_at
    FROM deal
    LEFT JOIN phase ON phase.id = deal.phase_id
    WHERE deal.lead_id IS NOT NULL
    GROUP BY deal.lead_id
) AS outcome ON outcome.lead_id = lead.id;
COMMENT ON VIEW leads IS
    'One row per lead: where it came from, who has it and what came of it, as of now.';
COMMENT ON COLUMN leads.lead_id IS 'key of the lead';
COMMENT ON COLUMN leads.lead IS 'name of the lead';
COMMENT ON COLUMN leads.source_id IS 'key of the lead source';
COMMENT ON COLUMN leads.source IS 'name of the lead source';
COMMENT ON COLUMN leads.channel IS 'channel of the lead source';
COMMENT ON COLUMN leads.rep_id IS 'key of the rep';
COMMENT ON COLUMN leads.rep IS 'name of the rep';
COMMENT ON COLUMN leads.team_id IS 'key of the rep''s team';
COMMENT ON COLUMN leads.team IS 'name of the rep''s team';
COMMENT ON COLUMN leads.account_id IS 'key of the account';
COMMENT ON COLUMN leads.account IS 'name of the account';
COMMENT ON COLUMN leads.industry IS 'industry of the account';
COMMENT ON COLUMN leads.region IS 'region of the account';
COMMENT ON COLUMN leads.created_at IS 'instant the lead came in';
COMMENT ON COLUMN leads.created_date IS 'day the lead came in';
COMMENT ON COLUMN leads.qualified_at IS 'instant the lead was qualified';
COMMENT ON COLUMN leads.disqualified_at IS 'instant the lead was disqualified';
COMMENT ON COLUMN leads.has_deal IS 'true if a deal came of the lead: kpicrm.conversion_rate(has_deal) is the opportunity rate';
COMMENT ON COLUMN leads.deal_count IS 'deals that came of the lead';
COMMENT ON COLUMN leads.won_count IS 'deals won that came of the lead';
COMMENT ON COLUMN leads.won_amount IS 'amount of the deals won that came of the lead';
COMMENT ON COLUMN leads.first_deal_at IS 'instant the first of them was opened';
COMMENT ON COLUMN leads.to_deal_days IS 'days from the lead to its first deal; NULL if there is none, or it was opened before';

CREATE VIEW phase_stays WITH (security_invoker = true) AS
SELECT
    stay.deal_id,
    stay.stay_no,
    deal.name AS deal,
    phase.pipeline_id,
    pipeline.name AS pipeline,
    stay.phase_id,
    phase.name AS phase,
    phase.position AS phase_sort_order,
    phase.kind AS phase_kind,
    stay.rep_id,
    sales_rep.name AS rep,
    sales_rep.team_id,
    sales_team.name AS team,
    stay.product_id,
    product.name AS product,
    deal.account_id,
    account.name AS account,
    deal.source_id,
    lead_source.name AS source,
    lead_source.channel,
    stay.amount::numeric(18, 2) AS amount,
    stay.entered_at,
    stay.left_at,
    (stay.entered_at AT TIME ZONE setting.time_zone)::date AS entered_date,
    (stay.left_at AT TIME ZONE setting.time_zone)::date AS left_date,
    stay.left_at IS NULL AS is_current,
    (EXTRACT(epoch FROM stay.left_at - stay.entered_at) / 86400)::double precision AS stay_days,
    CASE WHEN stay.left_at IS NULL AND stay.entered_at <= now() THEN (EXTRACT(epoch FROM now() - stay.entered_at) / 86400)::double precision END AS age_days
FROM phase_stay AS stay
JOIN setting ON setting.only_row
LEFT JOIN deal ON deal.id = stay.deal_id
LEFT JOIN phase ON phase.id = stay.phase_id
LEFT JOIN pipeline ON pipeline.id = phase.pipeline_id
LEFT JOIN sales_rep ON sales_rep.id = stay.rep_id
LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
LEFT JOIN product ON product.id = stay.product_id
LEFT JOIN account ON account.id = deal.account_id
LEFT JOIN lead_source ON lead_source.id = deal.source_id;
COMMENT ON VIEW phase_stays IS
    'One row per uninterrupted stay of a deal in a phase: who had it then, from when and until when; stays in won, lost and hold phases included.';
COMMENT ON COLUMN phase_stays.deal_id IS 'key of the deal';
COMMENT ON COLUMN phase_stays.stay_no IS 'number of the stay within the deal, from 1';
COMMENT ON COLUMN phase_stays.deal IS 'name of the deal';
COMMENT ON COLUMN phase_stays.pipeline_id IS 'key of the phase''s pipeline';
COMMENT ON COLUMN phase_stays.pipeline IS 'name of the phase''s pipeline';
COMMENT ON COLUMN phase_stays.phase_id IS 'key of the phase';
COMMENT ON COLUMN phase_stays.phase IS 'name of the phase';
COMMENT ON COLUMN phase_stays.phase_sort_order IS 'position of the phase in its pipeline';
COMMENT ON COLUMN phase_stays.phase_kind IS 'open, hold, won, lost or disqualified';
COMMENT ON COLUMN phase_stays.rep_id IS 'key of the rep who had the deal as the stay began';
COMMENT ON COLUMN phase_stays.rep IS 'name of the rep who had the deal as the stay began';
COMMENT ON COLUMN phase_stays.team_id IS 'key of the rep''s team';
COMMENT ON COLUMN phase_stays.team IS 'name of the rep''s team';
COMMENT ON COLUMN phase_stays.product_id IS 'key of the product as the stay began';
COMMENT ON COLUMN phase_stays.product IS 'name of the product as the stay began';
COMMENT ON COLUMN phase_stays.account_id IS 'key of the deal''s account';
COMMENT ON COLUMN phase_stays.account IS 'name of the deal''s account';
COMMENT ON COLUMN phase_stays.source_id IS 'key of the deal''s lead source';
COMMENT ON COLUMN phase_stays.source IS 'name of the deal''s lead source';
COMMENT ON COLUMN phase_stays.channel IS 'channel of the deal''s lead source';
COMMENT ON COLUMN phase_stays.amount IS 'amount of the deal as the stay began';
COMMENT ON COLUMN phase_stays.entered_at IS 'instant the deal entered the phase';
COMMENT ON COLUMN phase_stays.left_at IS 'instant the deal left the phase; NULL while it is there';
COMMENT ON COLUMN phase_stays.entered_date IS 'day the deal entered the phase';
COMMENT ON COLUMN phase_stays.left_date IS 'day the deal left the phase';
COMMENT ON COLUMN phase_stays.is_current IS 'true if the deal is still in the phase';
COMMENT ON COLUMN phase_stays.stay_days IS 'days from entering to leaving; NULL while the deal is there';
COMMENT ON COLUMN phase_stays.age_days IS 'days the deal has been in the phase; NULL once it has left';

CREATE VIEW activities WITH (security_invoker = true) AS
SELECT
    activity.id AS activity_id,
    activity.name AS activity,
    activity.activity_type_id,
    activity_type.name AS activity_type,
    activity_type.counts_as_visit,
    activity.rep_id,
    sales_rep.name AS rep,
    sales_rep.team_id,
    sales_team.name AS team,
    coalesce(activity.account_id, deal.account_id) AS account_id,
    account.name AS account,
    activity.deal_id,
    deal.name AS deal,
    activity.lead_id,
    lead.name AS lead,
    stay.phase_id,
    phase.name AS phase,
    phase.position AS phase_sort_order,
    activity.planned_at,
    activity.started_at,
    activity.ended_at,
    activity.done,
    CASE WHEN activity.done THEN (coalesce(activity.ended_at, activity.started_at, activity.planned_at) AT TIME ZONE setting.time_zone)::date END AS done_date,
    (activity.planned_at AT TIME ZONE setting.time_zone)::date AS planned_date,
    CASE WHEN activity.ended_at - activity.started_at BETWEEN INTERVAL '0' AND INTERVAL '24 hours' THEN (EXTRACT(epoch FROM activity.ended_at - activity.started_at) / 3600)::double precision END AS duration_hours
FROM activity
JOIN setting ON setting.only_row
LEFT JOIN activity_type ON activity_type.id = activity.activity_type_id
LEFT JOIN sales_rep ON sales_rep.id = activity.rep_id
LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id
LEFT JOIN deal ON deal.id = activity.deal_id
LEFT JOIN lead ON lead.id = activity.lead_id
LEFT JOIN account ON account.id = coalesce(activity.account_id, deal.account_id)
LEFT JOIN phase_stay AS stay
    ON activity.done
    AND stay.deal_id = activity.deal_id
    AND stay.entered_at <= coalesce(activity.ended_at, activity.started_at, activity.planned_at)
    AND (stay.left_at IS NULL OR stay.left_at > coalesce(activity.ended_at, activity.started_at, activity.planned_at))
LEFT JOIN phase ON phase.id = stay.phase_id;
COMMENT ON VIEW activities IS
    'One row per activity, planned or done: what kind, by whom, for which deal, lead or account, and in which phase the deal was then.';
COMMENT ON COLUMN activities.activity_id IS 'key of the activity';
COMMENT ON COLUMN activities.activity IS 'subject of the activity';
COMMENT ON COLUMN activities.activity_type_id IS 'key of the kind of activity';
COMMENT ON COLUMN activities.activity_type IS 'kind of activity: call, visit, mail, meeting';
COMMENT ON COLUMN activities.counts_as_visit IS 'true if the kind counts as a visit';
COMMENT ON COLUMN activities.rep_id IS 'key of the rep who acted';
COMMENT ON COLUMN activities.rep IS 'name of the rep who acted';
COMMENT ON COLUMN activities.team_id IS 'key of the rep''s team';
COMMENT ON COLUMN activities.team IS 'name of the rep''s team';
COMMENT ON COLUMN activities.account_id IS 'key of the account: the activity''s own, else the deal''s';
COMMENT ON COLUMN activities.account IS 'name of the account';
COMMENT ON COLUMN activities.deal_id IS 'key of the deal';
COMMENT ON COLUMN activities.deal IS 'name of the deal';
COMMENT ON COLUMN activities.lead_id IS 'key of the lead';
COMMENT ON COLUMN activities.lead IS 'name of the lead';
COMMENT ON COLUMN activities.phase_id IS 'key of the phase the deal was in as the activity ended';
COMMENT ON COLUMN activities.phase IS 'name of the phase the deal was in as the activity ended';
COMMENT ON COLUMN activities.phase_sort_order IS 'position of that phase in its pipeline';
COMMENT ON COLUMN activities.planned_at IS 'instant the activity is or was planned for';
COMMENT ON COLUMN activities.started_at IS 'instant the activity began';
COMMENT ON COLUMN activities.ended_at IS 'instant the activity ended';
COMMENT ON COLUMN activities.done IS 'true if the activity has taken place';
COMMENT ON COLUMN activities.done_date IS 'day the activity took place; NULL if it has not';
COMMENT ON COLUMN activities.planned_date IS 'day the activity is or was planned for';
COMMENT ON COLUMN activities.duration_hours IS 'hours from start to end; NULL if one is missing, or they are more than a day apart or in the wrong order';

CREATE VIEW purchases WITH (security_invoker = true) AS
SELECT
    purchase.id AS purchase_id,
    purchase.account_id,
    account.name AS account,
    account.industry,
    account.region,
    purchase.deal_id,
    deal.name AS deal,
    account.rep_id,
    sales_rep.name AS rep,
    purchase.product_id,
    product.name AS product,
    purchase.purchased_at,
    (purchase.purchased_at AT TIME ZONE setting.time_zone)::date AS purchased_date,
    purchase.amount::numeric(18, 2) AS amount,
    purchase.cost::numeric(18, 2) AS cost,
    (purchase.amount - purchase.cost)::numeric(18, 2) AS margin_amount
FROM purchase
JOIN setting ON setting.only_row
LEFT JOIN account ON account.id = purchase.account_id
LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
LEFT JOIN deal ON deal.id = purchase.deal_id
LEFT JOIN product ON product.id = purchase.product_id;
COMMENT ON VIEW purchases IS
    'One row per purchase: who bought what, when and for how much.';
COMMENT ON COLUMN purchases.purchase_id IS 'key of the purchase';
COMMENT ON COLUMN purchases.account_id IS 'key of the account that bought';
COMMENT ON COLUMN purchases.account IS 'name of the account that bought';
COMMENT ON COLUMN purchases.industry IS 'industry of the account';
COMMENT ON COLUMN purchases.region IS 'region of the account';
COMMENT ON COLUMN purchases.deal_id IS 'key of the deal it came of';
COMMENT ON COLUMN purchases.deal IS 'name of the deal it came of';
COMMENT ON COLUMN purchases.rep_id IS 'key of the account''s present rep';
COMMENT ON COLUMN purchases.rep IS 'name of the account''s present rep';
COMMENT ON COLUMN purchases.product_id IS 'key of the product';
COMMENT ON COLUMN purchases.product IS 'name of the product';
COMMENT ON COLUMN purchases.purchased_at IS 'instant of the purchase';
COMMENT ON COLUMN purchases.purchased_date IS 'day of the purchase';
COMMENT ON COLUMN purchases.amount IS 'amount of the purchase';
COMMENT ON COLUMN purchases.cost IS 'cost of the purchase';
COMMENT ON COLUMN purchases.margin_amount IS 'amount less cost; NULL if the cost is not known';
