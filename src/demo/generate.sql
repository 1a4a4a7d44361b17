/*
 * generate_demo: a company that could exist, for demos, tests and benchmarks.
 *
 * Seeded: each number is drawn by hashing the row's number with the seed, never by
 * random(), so the same arguments give the same data on every machine, whatever the
 * plan.  The parts below write into the workspace that generate_demo() has put on
 * the search path.
 *
 *   seasonality      openings follow the Japanese business year: closings peak in
 *                    March and September and are low in April and August
 *   reps             differ in skill (log-normal, 25 %) and speed; some deals are
 *                    handed over
 *   sources          differ in volume, quality and cost
 *   phases           are skipped (8 % of the steps ahead), left backward (5 %), held,
 *                    and stays are log-normal; lost deals were slower; 4 % of the lost
 *                    ones are reopened, and 3 % of the stays never end: lost and left
 *                    open
 *   expected close   is pushed while the deal lasts longer than was expected
 *   customers        buy again at their own rhythm and stop; subscriptions renew with
 *                    85 % a year
 */

CREATE FUNCTION kpicrm.demo_share(
    row_number bigint,
    stream bigint
) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((pg_catalog.hashint8extended(demo_share.row_number, demo_share.stream) & 4503599627370495) + 0.5::double precision) / 4503599627370496;
COMMENT ON FUNCTION kpicrm.demo_share(bigint, bigint) IS
    'a number between 0 and 1 that depends on the row and the stream alone, evenly spread over many rows';

CREATE FUNCTION kpicrm.demo_normal(
    row_number bigint,
    stream bigint
) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sqrt(-2 * ln(kpicrm.demo_share(demo_normal.row_number, demo_normal.stream)))
        * cos(2 * pi() * kpicrm.demo_share(demo_normal.row_number, demo_normal.stream + 500));
COMMENT ON FUNCTION kpicrm.demo_normal(bigint, bigint) IS
    'a standard normal number that depends on the row and the stream alone (Box and Muller); uses the stream 500 later too';

CREATE FUNCTION kpicrm.demo_people(
    reps integer,
    stream bigint
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO sales_team (name, parent_team_id) VALUES ('Sales', NULL);
    INSERT INTO sales_team (name, parent_team_id)
    SELECT team.name, parent.id
    FROM (VALUES (1, 'East'), (2, 'West'), (3, 'Online')) AS team (no, name)
    CROSS JOIN sales_team AS parent
    WHERE parent.name = 'Sales'
    ORDER BY team.no;

    INSERT INTO sales_rep (name, team_id)
    SELECT
        given.names[1 + (n - 1) % cardinality(given.names)] || CASE WHEN n > cardinality(given.names) THEN ' ' || 1 + (n - 1) / cardinality(given.names) ELSE '' END,
        team.id
    FROM generate_series(1, reps) AS n
    CROSS JOIN (SELECT ARRAY['Aoi', 'Haruto', 'Mei', 'Ren', 'Yui', 'Sota', 'Hina', 'Riku', 'Sakura', 'Daichi', 'Emi', 'Kenta', 'Naoko', 'Takumi', 'Yuna', 'Shin'] AS names) AS given
    JOIN sales_team AS team ON team.name = (ARRAY['East', 'West', 'Online'])[1 + n % 3]
    ORDER BY n;

    INSERT INTO lead_source (name, channel, cost) VALUES
        ('Referral', 'referral', 500000),
        ('Web form', 'web', 6000000),
        ('Webinar', 'webinar', 4000000),
        ('Exhibition', 'event', 12000000),
        ('Newsletter', 'mail', 1500000),
        ('Telephone', 'outbound', 9000000),
        ('Partner', 'partner', 3000000);

    INSERT INTO product (name, series, list_price, unit_cost) VALUES
        ('Starter', 'Subscription', 600000, 180000),
        ('Business', 'Subscription', 1800000, 450000),
        ('Enterprise', 'Subscription', 6000000, 1200000),
        ('Onboarding', 'Services', 900000, 600000),
        ('Consulting', 'Services', 2500000, 1700000);

    INSERT INTO activity_type (name, counts_as_visit) VALUES ('Call', false), ('Mail', false), ('Visit', true), ('Online meeting', true);

    INSERT INTO pipeline (name) VALUES ('New business');
    INSERT INTO phase (pipeline_id, name, position, kind, win_probability, forecast_category)
    SELECT pipeline.id, entry.name, entry.position, entry.kind, entry.win_probability, entry.forecast_category
    FROM pipeline
    CROSS JOIN (VALUES
        (1, 'Contact', 'open', 0.1, 'pipeline'),
        (2, 'Needs', 'open', 0.25, 'pipeline'),
        (3, 'Proposal', 'open', 0.5, 'best case'),
        (4, 'Negotiation', 'open', 0.75, 'commit'),
        (5, 'On hold', 'hold', NULL, NULL),
        (6, 'Won', 'won', 1, 'closed'),
        (7, 'Lost', 'lost', 0, NULL),
        (8, 'Unfit', 'disqualified', NULL, NULL)
    ) AS entry (position, name, kind, win_probability, forecast_category)
    ORDER BY entry.position;
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_people(integer, bigint) IS
    'part of generate_demo: teams, reps, sources, products, kinds of activity and the phases';

CREATE FUNCTION kpicrm.demo_leads(
    deals integer,
    stream bigint,
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    first_month constant date = date_trunc('month', (ends_at AT TIME ZONE zone) - interval '35 months');
BEGIN
    -- What each deal starts from; the leads without a deal have the numbers after the deals.
    CREATE TEMPORARY TABLE kpicrm_demo_deal ON COMMIT DROP AS
    WITH month AS MATERIALIZED (
        -- a lead of this month is a closing of the month after next
        SELECT array_agg(sum_to_here / total ORDER BY no) AS ends
        FROM (
            SELECT
                no,
                sum(weight) OVER (ORDER BY no) AS sum_to_here,
                sum(weight) OVER () AS total
            FROM (
                SELECT
                    no,
                    (1 + no / 60.0::double precision) * (ARRAY[0.8, 1.2, 2.4, 0.6, 0.7, 1.0, 0.9, 0.6, 1.7, 0.8, 1.0, 1.1]::double precision[])[
                        EXTRACT(month FROM first_month + (no + 2) * interval '1 month')::integer] AS weight
                FROM generate_series(0, 35) AS no
            ) AS weighted
        ) AS cumulated
    ), source AS MATERIALIZED (
        SELECT array_agg(lead_source.id ORDER BY lead_source.id) AS ids FROM lead_source
    ), rep AS MATERIALIZED (
        SELECT array_agg(sales_rep.id ORDER BY sales_rep.id) AS ids FROM sales_rep
    ), product AS MATERIALIZED (
        SELECT array_agg(product.id ORDER BY product.id) AS ids, array_agg(product.list_price ORDER BY product.id) AS prices FROM product
    )
    SELECT
        n,
        source.ids[picked.source_no] AS source_id,
        rep.ids[picked.rep_no] AS rep_id,
        picked.rep_no,
        rep.ids[1 + picked.rep_no % cardinality(rep.ids)] AS next_rep_id,
        product.ids[picked.product_no] AS product_id,
        1 + floor(kpicrm.demo_share(n, stream + 4) * greatest(1, deals / 3))::bigint AS account_no,
        round(product.prices[picked.product_no] * exp(0.5 * kpicrm.demo_normal(n, stream + 5))::numeric, -4) AS amount,
        exp(0.25 * kpicrm.demo_normal(picked.rep_no, stream + 6)) * (ARRAY[1.3, 1.0, 0.95, 0.85, 0.9, 0.7, 1.15]::double precision[])[picked.source_no] AS quality,
        exp(0.2 * kpicrm.demo_normal(picked.rep_no, stream + 7)) AS slowness,
        least(opening.at, ends_at - interval '1 hour') AS opened_at
    FROM generate_series(1::bigint, 3 * deals::bigint) AS n
    CROSS JOIN month
    CROSS JOIN source
    CROSS JOIN rep
    CROSS JOIN product
    CROSS JOIN LATERAL (
        SELECT
            1 + width_bucket(kpicrm.demo_share(n, stream + 1), ARRAY[0.08, 0.38, 0.55, 0.67, 0.82, 0.93]::double precision[]) AS source_no,
            1 + floor(kpicrm.demo_share(n, stream + 2) * cardinality(rep.ids))::integer AS rep_no,
            1 + width_bucket(kpicrm.demo_share(n, stream + 3), ARRAY[0.35, 0.65, 0.78, 0.92]::double precision[]) AS product_no,
            first_month + width_bucket(kpicrm.demo_share(n, stream + 8), month.ends) * interval '1 month' AS month_start
    ) AS picked
    CROSS JOIN LATERAL (
        SELECT (picked.month_start + kpicrm.demo_share(n, stream + 9) * (picked.month_start + interval '1 month' - picked.month_start))::date AS day
    ) AS drawn
    CROSS JOIN LATERAL (
        -- on a weekday, in office hours
        SELECT (drawn.day - greatest(EXTRACT(isodow FROM drawn.day)::integer - 5, 0) + time '09:00' + kpicrm.demo_share(n, stream + 10) * interval '9 hours') AT TIME ZONE zone AS at
    ) AS opening;

    INSERT INTO account (id, name, industry, region, employees, rep_id, first_seen_at, external_id)
    SELECT
        n,
        'Account ' || n,
        (ARRAY['Manufacturing', 'Retail', 'Software', 'Finance', 'Healthcare', 'Logistics'])[1 + floor(kpicrm.demo_share(n, stream + 20) * 6)::integer],
        (ARRAY['Kanto', 'Kansai', 'Chubu', 'Kyushu', 'Tohoku'])[1 + floor(kpicrm.demo_share(n, stream + 21) ^ 2 * 5)::integer],
        greatest(1, exp(4.5 + 1.3 * kpicrm.demo_normal(n, stream + 22)))::integer,
        owner.rep_id,
        coalesce(owner.first_at, ends_at),
        'demo-' || n
    FROM generate_series(1, greatest(1, deals / 3)) AS n
    LEFT JOIN (
        SELECT
            demo.account_no,
            min(demo.opened_at) - interval '30 days' AS first_at,
            (array_agg(demo.rep_id ORDER BY demo.opened_at, demo.n))[1] AS rep_id
        FROM kpicrm_demo_deal AS demo
        GROUP BY demo.account_no
    ) AS owner ON owner.account_no = n;
    PERFORM setval(pg_get_serial_sequence('account', 'id'), greatest(1, deals / 3));

    -- Four of five deals come of a lead.
    INSERT INTO lead (id, name, source_id, rep_id, account_id, created_at, qualified_at, disqualified_at, external_id)
    SELECT
        demo.n,
        'Lead ' || demo.n,
        demo.source_id,
        demo.rep_id,
        demo.account_no,
        demo.created_at,
        CASE WHEN demo.n <= deals OR demo.fate < 0.2 THEN demo.created_at + 0.5 * demo.wait END,
        CASE WHEN demo.n > deals AND demo.fate > 0.6 AND demo.created_at + 2 * demo.wait <= ends_at THEN demo.created_at + 2 * demo.wait END,
        'demo-' || demo.n
    FROM (
        SELECT
            base.n,
            base.source_id,
            base.rep_id,
            base.account_no,
            wait.wait,
            CASE WHEN base.n <= deals THEN base.opened_at - wait.wait ELSE base.opened_at END AS created_at,
            kpicrm.demo_share(base.n, stream + 31) AS fate
        FROM kpicrm_demo_deal AS base
        CROSS JOIN LATERAL (SELECT exp(1.5 + 0.8 * kpicrm.demo_normal(base.n, stream + 30)) * interval '1 day' AS wait) AS wait
        WHERE base.n > deals OR base.n % 5 <> 0
    ) AS demo;
    PERFORM setval(pg_get_serial_sequence('lead', 'id'), 3 * deals);
    DELETE FROM kpicrm_demo_deal AS demo WHERE demo.n > deals;
    ANALYZE kpicrm_demo_deal;
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_leads(integer, bigint, timestamp with time zone, text) IS
    'part of generate_demo: accounts and leads, and what each deal starts from';

CREATE FUNCTION kpicrm.demo_history(
    stream bigint,
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    -- Every deal walks from phase to phase: positions 1 to 4 open, 5 hold, 6 won, 7 lost, 8 unfit.
    CREATE TEMPORARY TABLE kpicrm_demo_step ON COMMIT DROP AS
    WITH RECURSIVE walk AS (
        SELECT
            demo.n,
            1 AS step,
            1 AS position,
            demo.opened_at AS at,
            demo.quality,
            demo.slowness,
            demo.opened_at
        FROM kpicrm_demo_deal AS demo
        UNION ALL
        SELECT
            walk.n,
            walk.step + 1,
            next.position,
            walk.at + wait.duration,
            walk.quality,
            walk.slowness,
            walk.opened_at
        FROM walk
        CROSS JOIN LATERAL (
            SELECT
                kpicrm.demo_share(walk.n * 16 + walk.step, stream + 40) AS fate,
                kpicrm.demo_share(walk.n * 16 + walk.step, stream + 41) AS detour,
                least(0.93, (ARRAY[0.70, 0.75, 0.68, 0.68]::double precision[])[walk.position] * sqrt(walk.quality)) AS ahead
        ) AS drawn
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN walk.position <= 4 THEN CASE
                    WHEN drawn.detour < 0.03 THEN NULL
                    WHEN drawn.detour < 0.05 THEN 5
                    WHEN drawn.detour < 0.08 AND walk.position <= 2 THEN 8
                    WHEN drawn.detour < 0.13 AND walk.position >= 2 THEN walk.position - 1
                    WHEN drawn.fate >= drawn.ahead THEN 7
                    WHEN walk.position = 4 THEN 6
                    WHEN drawn.detour > 0.92 AND walk.position <= 2 THEN walk.position + 2
                    ELSE walk.position + 1
                END
                WHEN walk.position = 5 THEN CASE WHEN drawn.fate < 0.6 THEN 2 ELSE 7 END
                WHEN walk.position = 7 AND drawn.fate < 0.04 THEN 2
            END AS position
        ) AS next
        CROSS JOIN LATERAL (
            SELECT greatest(0.05, (ARRAY[6, 14, 18, 12, 45, 0, 50, 0])[walk.position] * CASE next.position WHEN 7 THEN 1.6 ELSE 1 END
                * exp(0.7 * kpicrm.demo_normal(walk.n * 16 + walk.step, stream + 42)) * walk.slowness) * interval '1 day' AS duration
        ) AS wait
        WHERE walk.step < 14
            AND next.position IS NOT NULL
            AND walk.at + wait.duration <= ends_at
    )
    SELECT
        walk.n,
        walk.step,
        walk.position,
        walk.at,
        CASE
            WHEN walk.step = 1 THEN (walk.opened_at AT TIME ZONE zone)::date + 60
            -- what takes longer than expected is pushed
            WHEN walk.position <= 4 AND kpicrm.demo_share(walk.n * 16 + walk.step, stream + 43) < 0.5
                THEN greatest((walk.opened_at AT TIME ZONE zone)::date + 60, (walk.at AT TIME ZONE zone)::date + 20 + 10 * (4 - walk.position))
        END AS expected_close_on
    FROM walk;
    ANALYZE kpicrm_demo_step;

    PERFORM set_config('kpicrm.history', 'off', true);
    -- as the events will say: the last phase, the last date, the amount agreed from the third step on
    INSERT INTO deal (id, name, pipeline_id, phase_id, phase_since, account_id, rep_id, product_id, source_id, lead_id,
        amount, cost, opened_at, expected_close_on, closed_at, next_action_on, external_id)
    SELECT
        demo.n,
        'Deal ' || demo.n,
        phase.pipeline_id,
        phase.id,
        final.at,
        demo.account_no,
        CASE WHEN demo.n % 33 = 0 AND final.step >= 2 THEN demo.next_rep_id ELSE demo.rep_id END,
        demo.product_id,
        demo.source_id,
        CASE WHEN demo.n % 5 <> 0 THEN demo.n END,
        CASE WHEN final.step >= 3 THEN agreed.amount ELSE demo.amount END,
        round(agreed.amount * (product.unit_cost / product.list_price), -3),
        demo.opened_at,
        final.expected_close_on,
        CASE WHEN phase.kind IN ('won', 'lost') THEN final.at END,
        CASE WHEN phase.kind = 'open' AND kpicrm.demo_share(demo.n, stream + 45) < 0.7
            THEN (ends_at AT TIME ZONE zone)::date - 4 + floor(14 * kpicrm.demo_share(demo.n, stream + 46))::integer END,
        'demo-' || demo.n
    FROM kpicrm_demo_deal AS demo
    JOIN (
        SELECT
            step.n,
            max(step.step) AS step,
            (array_agg(step.position ORDER BY step.step DESC))[1] AS position,
            (array_agg(step.at ORDER BY step.step DESC))[1] AS at,
            (array_agg(step.expected_close_on ORDER BY step.step DESC) FILTER (WHERE step.expected_close_on IS NOT NULL))[1] AS expected_close_on
        FROM kpicrm_demo_step AS step
        GROUP BY step.n
    ) AS final ON final.n = demo.n
    JOIN phase ON phase.position = final.position
    JOIN product ON product.id = demo.product_id
    CROSS JOIN LATERAL (
        SELECT round(demo.amount * (0.75 + 0.4 * kpicrm.demo_share(demo.n, stream + 44))::numeric, -4) AS amount
    ) AS agreed;
    PERFORM setval(pg_get_serial_sequence('deal', 'id'), (SELECT max(deal.id) FROM deal));

    INSERT INTO deal_event (deal_id, at, seq, recorded_at, phase_id, amount, expected_close_on, rep_id, product_id)
    SELECT
        step.n,
        step.at,
        step.step,
        step.at,
        phase.id,
        CASE step.step
            WHEN 1 THEN demo.amount
            WHEN 3 THEN round(demo.amount * (0.75 + 0.4 * kpicrm.demo_share(demo.n, stream + 44))::numeric, -4)
        END,
        step.expected_close_on,
        CASE WHEN step.step = 1 THEN demo.rep_id WHEN step.step = 2 AND demo.n % 33 = 0 THEN demo.next_rep_id END,
        CASE WHEN step.step = 1 THEN demo.product_id END
    FROM kpicrm_demo_step AS step
    JOIN kpicrm_demo_deal AS demo ON demo.n = step.n
    JOIN phase ON phase.position = step.position
    ORDER BY
        step.at,
        step.n,
        step.step;
    PERFORM set_config('kpicrm.history', '', true);
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_history(bigint, timestamp with time zone, text) IS
    'part of generate_demo: deals and what happened to them';

CREATE FUNCTION kpicrm.demo_activities(
    stream bigint,
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    -- About one action a week while a deal is open, planned ones for most open deals.
    INSERT INTO activity (name, activity_type_id, rep_id, deal_id, account_id, planned_at, started_at, ended_at, done)
    SELECT
        kind.name,
        kind.id,
        stay.rep_id,
        stay.deal_id,
        deal.account_id,
        done.at,
        done.at,
        -- none is done that has not ended yet
        least(ends_at, done.at + (10 + floor(80 * kpicrm.demo_share(drawn.row_number, stream + 61) ^ 2) + CASE WHEN kind.counts_as_visit THEN 30 ELSE 0 END) * interval '1 minute'),
        true
    FROM phase_stay AS stay
    JOIN phase ON phase.id = stay.phase_id AND phase.kind = 'open'
    JOIN deal ON deal.id = stay.deal_id
    CROSS JOIN LATERAL (SELECT least(coalesce(stay.left_at, ends_at), stay.entered_at + interval '90 days') AS until) AS span
    CROSS JOIN LATERAL generate_series(1, least(12, ceil(EXTRACT(epoch FROM span.until - stay.entered_at) / 604800))::integer) AS no
    CROSS JOIN LATERAL (SELECT (stay.deal_id * 16 + stay.stay_no) * 16 + no AS row_number) AS drawn
    CROSS JOIN LATERAL (SELECT stay.entered_at + kpicrm.demo_share(drawn.row_number, stream + 60) * (span.until - stay.entered_at) AS at) AS done
    JOIN activity_type AS kind
        ON kind.name = (ARRAY['Call', 'Mail', 'Visit', 'Online meeting'])[1 + width_bucket(kpicrm.demo_share(drawn.row_number, stream + 62), ARRAY[0.35, 0.65, 0.8]::double precision[])];

    INSERT INTO activity (name, activity_type_id, rep_id, deal_id, account_id, planned_at)
    SELECT
        'Next step',
        kind.id,
        deal.rep_id,
        deal.id,
        deal.account_id,
        (deal.next_action_on + time '10:00') AT TIME ZONE zone
    FROM deal
    JOIN activity_type AS kind ON kind.name = 'Call'
    WHERE deal.next_action_on IS NOT NULL;

    -- Calls on leads, whether or not a deal came of them.
    INSERT INTO activity (name, activity_type_id, rep_id, lead_id, account_id, started_at, ended_at, done)
    SELECT
        'First contact',
        kind.id,
        lead.rep_id,
        lead.id,
        lead.account_id,
        lead.created_at + interval '3 hours',
        lead.created_at + interval '3 hours' + (5 + 20 * kpicrm.demo_share(lead.id, stream + 63)) * interval '1 minute',
        true
    FROM lead
    JOIN activity_type AS kind ON kind.name = CASE WHEN kpicrm.demo_share(lead.id, stream + 64) < 0.7 THEN 'Call' ELSE 'Mail' END
    WHERE kpicrm.demo_share(lead.id, stream + 65) < 0.8
        AND lead.created_at + interval '4 hours' <= ends_at;

    INSERT INTO inquiry (name, account_id, rep_id, received_at, responded_at, resolved_at)
    SELECT
        'Question ' || account.id || '/' || no,
        account.id,
        account.rep_id,
        asked.at,
        CASE WHEN asked.at + answer.wait <= ends_at AND kpicrm.demo_share(account.id * 4 + no, stream + 72) < 0.93 THEN asked.at + answer.wait END,
        CASE WHEN asked.at + 4 * answer.wait <= ends_at AND kpicrm.demo_share(account.id * 4 + no, stream + 72) < 0.8 THEN asked.at + 4 * answer.wait END
    FROM account
    CROSS JOIN generate_series(1, 3) AS no
    CROSS JOIN LATERAL (SELECT account.first_seen_at + kpicrm.demo_share(account.id * 4 + no, stream + 70) * greatest(interval '0', ends_at - account.first_seen_at) AS at) AS asked
    CROSS JOIN LATERAL (SELECT exp(2 + 1.2 * kpicrm.demo_normal(account.id * 4 + no, stream + 71)) * interval '1 hour' AS wait) AS answer
    WHERE kpicrm.demo_share(account.id * 4 + no, stream + 73) < 0.5
        AND asked.at < ends_at;

    INSERT INTO feedback (account_id, rep_id, kind, score, received_at)
    SELECT
        inquiry.account_id,
        inquiry.rep_id,
        CASE WHEN inquiry.id % 2 = 0 THEN 'csat' ELSE 'nps' END,
        CASE WHEN inquiry.id % 2 = 0 THEN 1 + round(4 * kpicrm.demo_share(inquiry.id, stream + 75) ^ 0.4) ELSE round(10 * kpicrm.demo_share(inquiry.id, stream + 76) ^ 0.4) END,
        inquiry.resolved_at
    FROM inquiry
    WHERE inquiry.resolved_at IS NOT NULL
        AND kpicrm.demo_share(inquiry.id, stream + 74) < 0.5
    ORDER BY inquiry.id;
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_activities(bigint, timestamp with time zone, text) IS
    'part of generate_demo: actions, inquiries and answers to surveys';

CREATE FUNCTION kpicrm.demo_customers(
    stream bigint,
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO purchase (name, account_id, deal_id, product_id, purchased_at, amount, cost, external_id)
    SELECT deal.name, deal.account_id, deal.id, deal.product_id, deal.closed_at, deal.amount, deal.cost, deal.external_id
    FROM deal
    JOIN phase ON phase.id = deal.phase_id AND phase.kind = 'won'
    ORDER BY deal.id;

    -- Each customer has a rhythm of its own, and a chance of its own to stop after an order: one in four in the mean.
    INSERT INTO purchase (name, account_id, product_id, purchased_at, amount, cost, external_id)
    SELECT
        'Repeat order',
        again.account_id,
        again.product_id,
        again.at,
        again.amount,
        round(again.amount * 0.6, -3),
        'demo-' || again.account_id || '-' || again.no
    FROM (
        SELECT
            customer.account_id,
            customer.product_id,
            no,
            customer.first_at + sum(-ln(kpicrm.demo_share(customer.account_id * 32 + no, stream + 80)) * customer.rhythm) OVER (PARTITION BY customer.account_id ORDER BY no) AS at,
            round(customer.amount * 0.15 * exp(0.4 * kpicrm.demo_normal(customer.account_id * 32 + no, stream + 81))::numeric, -3) AS amount
        FROM (
            SELECT
                purchase.account_id,
                (array_agg(purchase.product_id ORDER BY purchase.purchased_at, purchase.id))[1] AS product_id,
                min(purchase.purchased_at) AS first_at,
                avg(purchase.amount) AS amount,
                exp(4.3 + 0.6 * kpicrm.demo_normal(purchase.account_id, stream + 82)) * interval '1 day' AS rhythm,
                least(24, 1 + floor(3 * ln(kpicrm.demo_share(purchase.account_id, stream + 83)) / ln(kpicrm.demo_share(purchase.account_id, stream + 84))))::integer AS orders
            FROM purchase
            GROUP BY purchase.account_id
        ) AS customer
        CROSS JOIN LATERAL generate_series(1, customer.orders) AS no
    ) AS again
    WHERE again.at <= ends_at;

    -- Subscriptions run for a year; each has a chance of its own to be renewed, five in six in the mean.
    INSERT INTO contract (name, account_id, product_id, starts_on, ends_on, amount_per_month, cancelled_on, external_id)
    SELECT
        deal.name || ', year ' || term.no,
        deal.account_id,
        deal.product_id,
        term.starts_on,
        (term.starts_on + interval '1 year')::date - 1,
        round(deal.amount / 12, 2),
        CASE WHEN term.no = life.years AND (term.starts_on + interval '10 months')::date < (ends_at AT TIME ZONE zone)::date THEN (term.starts_on + interval '10 months')::date END,
        deal.external_id || '-' || term.no
    FROM deal
    JOIN phase ON phase.id = deal.phase_id AND phase.kind = 'won'
    JOIN product ON product.id = deal.product_id AND product.series = 'Subscription'
    CROSS JOIN LATERAL (SELECT least(5, 1 + floor(5 * ln(kpicrm.demo_share(deal.id, stream + 90)) / ln(kpicrm.demo_share(deal.id, stream + 91))))::integer AS years) AS life
    CROSS JOIN LATERAL (
        SELECT no, ((deal.closed_at AT TIME ZONE zone)::date + (no - 1) * interval '1 year')::date AS starts_on
        FROM generate_series(1, least(life.years, 4)) AS no
    ) AS term
    WHERE deal.amount > 0
        AND term.starts_on <= (ends_at AT TIME ZONE zone)::date
    ORDER BY deal.id, term.no;
    UPDATE contract
    SET renewed_by = renewal.id
    FROM contract AS renewal
    WHERE renewal.external_id = regexp_replace(contract.external_id, '\d+$', '') || (substring(contract.external_id FROM '\d+$')::integer + 1);
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_customers(bigint, timestamp with time zone, text) IS
    'part of generate_demo: purchases and contracts';

CREATE FUNCTION kpicrm.demo_targets(
    ends_at timestamp with time zone,
    zone text
) RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    today constant date = (ends_at AT TIME ZONE zone)::date;
BEGIN
    -- Ten per cent above a usual month, by the company's season, for the present fiscal
    -- year and the one before.
    INSERT INTO target (kpi_code, grain, period_start, rep_id, value)
    WITH won AS MATERIALIZED (
        SELECT
            deal.rep_id,
            EXTRACT(month FROM deal.closed_at AT TIME ZONE zone)::integer AS month_no,
            deal.amount
        FROM deal
        JOIN phase ON phase.id = deal.phase_id AND phase.kind = 'won'
    ), season AS (
        SELECT
            won.month_no,
            12 * sum(won.amount) / sum(sum(won.amount)) OVER () AS weight
        FROM won
        GROUP BY won.month_no
    ), usual AS (
        SELECT won.rep_id, sum(won.amount) / 34 AS amount
        FROM won
        GROUP BY won.rep_id
    )
    SELECT
        'revenue',
        'month',
        month.starts_on,
        usual.rep_id,
        greatest(10000, round(1.1 * usual.amount * season.weight, -4))
    FROM usual
    CROSS JOIN (
        SELECT (kpicrm.fiscal_period_start(today, 'year', setting.fiscal_start_month) + (no - 12) * interval '1 month')::date AS starts_on
        FROM setting
        CROSS JOIN generate_series(0, 23) AS no
    ) AS month
    JOIN season ON season.month_no = EXTRACT(month FROM month.starts_on)
    ORDER BY
        usual.rep_id,
        month.starts_on;

    INSERT INTO target (kpi_code, grain, period_start, team_id, value)
    SELECT target.kpi_code, target.grain, target.period_start, sales_rep.team_id, sum(target.value)
    FROM target
    JOIN sales_rep ON sales_rep.id = target.rep_id
    GROUP BY target.kpi_code, target.grain, target.period_start, sales_rep.team_id
    ORDER BY sales_rep.team_id, target.period_start;

    INSERT INTO target (kpi_code, grain, period_start, value)
    SELECT target.kpi_code, target.grain, target.period_start, sum(target.value)
    FROM target
    WHERE target.rep_id IS NOT NULL
    GROUP BY target.kpi_code, target.grain, target.period_start
    ORDER BY target.period_start;

    -- The other KPIs of the company: what its history says, and a little more; what
    -- is counted, by its own season.
    INSERT INTO target (kpi_code, grain, period_start, value)
    WITH counted AS (
        SELECT 'lead_count' AS kpi_code, lead.created_at AS at FROM lead
        UNION ALL
        SELECT 'deal_count', deal.opened_at FROM deal
        UNION ALL
        SELECT 'visit_count', activity.started_at
        FROM activity
        JOIN activity_type ON activity_type.id = activity.activity_type_id
        WHERE activity_type.counts_as_visit
            AND activity.done
    ), goal AS (
        SELECT
            counted.kpi_code,
            EXTRACT(month FROM counted.at AT TIME ZONE zone)::integer AS month_no,
            -- there are three of each month
            round(1.15 * count(*) / 3) AS value
        FROM counted
        GROUP BY
            counted.kpi_code,
            EXTRACT(month FROM counted.at AT TIME ZONE zone)::integer
        UNION ALL
        SELECT 'opportunity_rate', NULL, round(count(deal.lead_id) * 1.03 / nullif((SELECT count(*) FROM lead), 0), 3)
        FROM deal
        UNION ALL
        SELECT 'win_rate', NULL, round(1.03 * count(*) FILTER (WHERE phase.kind = 'won') / nullif(count(*) FILTER (WHERE phase.kind IN ('won', 'lost')), 0), 3)
        FROM deal
        JOIN phase ON phase.id = deal.phase_id
        UNION ALL
        SELECT 'average_deal_amount', NULL, round(1.02 * avg(deal.amount), -4)
        FROM deal
        JOIN phase ON phase.id = deal.phase_id
        WHERE phase.kind = 'won'
        UNION ALL
        SELECT 'lead_time_days', NULL, round(0.95 * avg(EXTRACT(epoch FROM deal.closed_at - deal.opened_at) / 86400))
        FROM deal
        JOIN phase ON phase.id = deal.phase_id
        WHERE phase.kind = 'won'
    )
    SELECT
        goal.kpi_code,
        'month',
        month.period_start,
        goal.value
    FROM goal
    JOIN kpi ON kpi.code = goal.kpi_code
    JOIN (SELECT DISTINCT target.period_start FROM target) AS month
        ON goal.month_no IS NULL
        OR goal.month_no = EXTRACT(month FROM month.period_start)
    WHERE goal.value IS NOT NULL
    ORDER BY
        goal.kpi_code,
        month.period_start;
END;
$$;
COMMENT ON FUNCTION kpicrm.demo_targets(timestamp with time zone, text) IS
    'part of generate_demo: targets of reps, teams and the company';

CREATE FUNCTION kpicrm.generate_demo(
    workspace text,
    deals integer DEFAULT 5000,
    seed integer DEFAULT 1,
    ends_on date DEFAULT current_date
) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    zone text;
    ends_at timestamp with time zone;
    stream constant bigint = seed * 1000::bigint;
    occupied text;
    events bigint;
BEGIN
    PERFORM kpicrm.reject_unknown_workspace(workspace);
    IF deals IS NULL OR deals NOT BETWEEN 1 AND 100000000 THEN
        PERFORM kpicrm.reject_argument('deals', coalesce(deals::text, 'NULL'), 'Choose a number from 1 to 100000000.');
    ELSIF seed IS NULL THEN
        PERFORM kpicrm.reject_argument('seed', 'NULL', 'Any whole number will do.');
    ELSIF ends_on IS NULL OR ends_on NOT BETWEEN date '1900-01-01' AND date '2200-01-01' THEN
        PERFORM kpicrm.reject_argument('ends_on', coalesce(ends_on::text, 'NULL'), 'Choose the last day of the data, between 1900 and 2200.');
    END IF;
    PERFORM set_config('search_path', format('%I, pg_temp', workspace), true);
    EXECUTE 'SELECT CASE
            WHEN EXISTS (SELECT FROM deal) THEN ''deals'' WHEN EXISTS (SELECT FROM deal_event) THEN ''events''
            WHEN EXISTS (SELECT FROM account) THEN ''accounts'' WHEN EXISTS (SELECT FROM lead) THEN ''leads''
            WHEN EXISTS (SELECT FROM sales_team) THEN ''teams'' WHEN EXISTS (SELECT FROM sales_rep) THEN ''reps''
            WHEN EXISTS (SELECT FROM pipeline) THEN ''pipelines'' WHEN EXISTS (SELECT FROM product) THEN ''products''
            WHEN EXISTS (SELECT FROM lead_source) THEN ''sources'' WHEN EXISTS (SELECT FROM activity_type) THEN ''activity types''
            WHEN EXISTS (SELECT FROM target) THEN ''targets'' END' INTO occupied;
    IF occupied IS NOT NULL THEN
        RAISE EXCEPTION 'workspace "%" is in use: it holds %', workspace, occupied
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Demo data need a workspace of their own: SELECT kpicrm.create_workspace(''demo'').';
    END IF;
    EXECUTE 'SELECT setting.time_zone FROM setting' INTO zone;
    ends_at = (ends_on + time '18:00') AT TIME ZONE zone;
    -- a day after an instant must not depend on where the session is
    PERFORM set_config('TimeZone', zone, true);

    PERFORM kpicrm.demo_people(greatest(3, least(200, deals / 250)), stream);
    PERFORM kpicrm.demo_leads(deals, stream, ends_at, zone);
    PERFORM kpicrm.demo_history(stream, ends_at, zone);
    EXECUTE 'SELECT rebuild_history()';
    PERFORM kpicrm.demo_activities(stream, ends_at, zone);
    PERFORM kpicrm.demo_customers(stream, ends_at, zone);
    PERFORM kpicrm.demo_targets(ends_at, zone);
    EXECUTE 'SELECT refresh_ltv_fit($1)' USING ends_at;
    EXECUTE 'SELECT count(*) FROM deal_event' INTO events;
    DROP TABLE pg_temp.kpicrm_demo_deal, pg_temp.kpicrm_demo_step;
    RETURN events;
END;
$$;
COMMENT ON FUNCTION kpicrm.generate_demo(text, integer, integer, date) IS
    'fills an empty workspace with the three years before ends_on of a company that could exist; the same arguments give the same data; returns the number of events';
