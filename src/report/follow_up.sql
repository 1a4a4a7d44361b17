/*
 * follow_up: whom to contact now, and why?
 *
 * Grain: account with a reason.  A customer is an account with an order in the last
 * history_days days or a contract that runs; an account that ordered longer ago is a
 * lost one and not on the list.  Reasons:
 *
 *   renewal due        a contract, neither renewed nor cancelled, ends today or in the
 *                      next renewal_days days
 *   purchase overdue   silence_probability is 0.2 or less
 *   value at risk      alive_probability or, without a model (refresh_ltv_fit), silence_probability
 *                      is 0.5 or less, and the customer is one of the best fifth by
 *                      yearly_amount: worth a call before it is overdue
 *   no contact         no activity was begun and done for the customer, its deals or
 *                      its leads, and no inquiry of it was answered, in the last
 *                      silent_days days; the account of an activity is its own, or else
 *                      the deal's, or else the lead's
 *
 * silence_probability is how likely a silence as long as the present one is if the
 * customer keeps to its own rhythm.  After g gaps between order days, s days in all,
 * with orders at random times at an unknown steady rate, a further gap is longer than t
 * with the probability (s / (s + t)) ^ g (a Lomax distribution: few gaps say little, many
 * come to exp(-t g / s)).  It needs two gaps, that is three order days.
 *
 * at_stake_amount is the larger of what the renewals due bring in twelve months and
 * what the customer brought per year, for the other reasons: one contains the other
 * where contracts are invoiced as purchases.  Orders and revenue are those of the last
 * history_days days; a purchase with a negative amount is a credit note and no order.
 * What follows a contract is what is known now.
 */

-- What each account has bought: all of its orders, and those of the last days.
CREATE FUNCTION customer_rhythm(
    as_of timestamp with time zone,
    history_days integer
) RETURNS TABLE (
    account_id bigint,
    history kpicrm.purchases,
    order_count bigint,
    order_day_count bigint,
    first_day date,
    last_day date,
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        buyer.account_id,
        CASE WHEN buyer.all_order_count > 0 THEN buyer.history END,
        buyer.order_count,
        kpicrm.order_day_count(buyer.recent),
        buyer.first_day,
        buyer.last_day,
        buyer.amount
    FROM (
        SELECT
            dated.account_id,
            count(*) FILTER (WHERE dated.amount >= 0) AS all_order_count,
            kpicrm.purchase_agg(dated.amount, dated.day) FILTER (WHERE dated.amount >= 0) AS history,
            count(*) FILTER (WHERE dated.amount >= 0 AND dated.is_recent) AS order_count,
            kpicrm.purchase_agg(dated.amount, dated.day) FILTER (WHERE dated.amount >= 0 AND dated.is_recent) AS recent,
            min(dated.day) FILTER (WHERE dated.amount >= 0 AND dated.is_recent) AS first_day,
            max(dated.day) FILTER (WHERE dated.amount >= 0 AND dated.is_recent) AS last_day,
            sum(dated.amount) FILTER (WHERE dated.is_recent) AS amount
        FROM (
            SELECT
                purchase.account_id,
                purchase.amount,
                (purchase.purchased_at AT TIME ZONE (SELECT setting.time_zone FROM setting WHERE setting.only_row))::date AS day,
                -- a value out of range is refused below, but must not overflow before
                purchase.purchased_at > (SELECT as_of - make_interval(hours => 24 * least(greatest(history_days, 1), 36500))) AS is_recent
            FROM purchase
            WHERE purchase.purchased_at <= as_of
                AND kpicrm.accept_number('history_days', history_days, 1, 36500)
        ) AS dated
        GROUP BY dated.account_id
    ) AS buyer;
END;
COMMENT ON FUNCTION customer_rhythm(timestamp with time zone, integer) IS
    'what each account has bought until the instant: all of its orders, by local day, and of the last history_days days the number of orders and of days with one, the first and the last of them, and the amount less credit notes';

-- Neither hashed nor sorted, as in customer_total.
CREATE FUNCTION every_customer_rhythm(
    as_of timestamp with time zone,
    history_days integer
) RETURNS TABLE (
    account_id bigint,
    history kpicrm.purchases,
    order_day_count bigint,
    first_day date,
    last_day date,
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
    SET enable_hashagg = off
    SET enable_sort = off
BEGIN ATOMIC
    SELECT
        visit.account_id,
        visit.history,
        visit.order_day_count,
        visit.first_day,
        visit.last_day,
        visit.amount
    FROM customer_rhythm(as_of, history_days) AS visit;
END;
COMMENT ON FUNCTION every_customer_rhythm(timestamp with time zone, integer) IS
    'customer_rhythm of all accounts, account by account as the index of purchase has them';

CREATE FUNCTION running_renewal(
    as_of timestamp with time zone,
    renewal_days integer
) RETURNS TABLE (
    account_id bigint,
    renewal_count bigint,
    renewal_day date,
    renewal_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        contract.account_id,
        count(*) FILTER (WHERE due.is_due),
        min(contract.ends_on) FILTER (WHERE due.is_due),
        sum(contract.amount_per_month) FILTER (WHERE due.is_due) * 12
    FROM contract
    JOIN setting ON setting.only_row
    CROSS JOIN LATERAL (
        SELECT (as_of AT TIME ZONE setting.time_zone)::date AS day
    ) AS today
    CROSS JOIN LATERAL (
        SELECT contract.renewed_by IS NULL AND contract.ends_on <= today.day + least(greatest(renewal_days, 0), 36500) AS is_due
    ) AS due
    WHERE contract.starts_on <= today.day
        AND contract.ends_on >= today.day
        AND (contract.cancelled_on IS NULL OR contract.cancelled_on > today.day)
        AND kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_number('renewal_days', renewal_days, 0, 36500)
    GROUP BY contract.account_id;
END;
COMMENT ON FUNCTION running_renewal(timestamp with time zone, integer) IS
    'each account with a contract that runs on the day: how many of its contracts are due for renewal in the next renewal_days days, the first of them, and what they bring in twelve months';

-- account_ids: of these only (NULL: of all); best_amount: from which yearly amount on a customer is one of
-- the best, which some accounts do not say of all.
CREATE FUNCTION follow_up_of(
    account_ids bigint[],
    best_amount numeric,
    renewal_days integer,
    silent_days integer,
    history_days integer,
    as_of timestamp with time zone
) RETURNS TABLE (
    priority_order integer,
    account_id bigint,
    account text,
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    reason text,
    at_stake_amount numeric,
    is_renewal_due boolean,
    is_purchase_overdue boolean,
    is_value_at_risk boolean,
    is_without_contact boolean,
    renewal_count bigint,
    renewal_date date,
    renewal_amount numeric,
    order_day_count bigint,
    last_purchase_date date,
    since_last_purchase_days double precision,
    purchase_rhythm_days double precision,
    silence_probability double precision,
    alive_probability double precision,
    yearly_amount numeric,
    last_contact_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    WITH frame AS (
        -- hours, because days would depend on the session's time zone
        SELECT
            (as_of AT TIME ZONE setting.time_zone)::date AS today
        FROM setting
        WHERE setting.only_row
            AND kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_number('history_days', history_days, 1, 36500)
            AND kpicrm.accept_number('renewal_days', renewal_days, 0, 36500)
            AND kpicrm.accept_number('silent_days', silent_days, 1, 36500)
    ), visit AS (
        SELECT
            bought.account_id,
            bought.history,
            bought.order_day_count,
            bought.first_day,
            bought.last_day,
            bought.amount
        FROM every_customer_rhythm(as_of, history_days) AS bought
        WHERE account_ids IS NULL
        UNION ALL
        SELECT
            listed.account_id,
            listed.history,
            listed.order_day_count,
            listed.first_day,
            listed.last_day,
            listed.amount
        FROM customer_rhythm(as_of, history_days) AS listed
        WHERE listed.account_id = ANY (account_ids)
    ), rhythm AS MATERIALIZED (
        SELECT
            visit.account_id,
            visit.history,
            visit.order_day_count,
            visit.last_day,
            CASE WHEN visit.order_day_count > 0 THEN visit.amount * 365 / history_days END AS yearly_amount,
            frame.today - visit.last_day AS silence,
            CASE
                WHEN visit.order_day_count > 2
                    THEN (visit.last_day - visit.first_day)::double precision / (visit.order_day_count - 1)
            END AS rhythm_days,
            CASE
                WHEN visit.order_day_count > 2
                    THEN power(
                        (visit.last_day - visit.first_day)::double precision / (frame.today - visit.first_day),
                        (visit.order_day_count - 1)::double precision
                    )
            END AS silence_probability
        FROM frame
        CROSS JOIN visit
    ), best AS (
        -- that of the last one who belongs to it: just above 0.8, because at 0.8 of the customers a further one would
        SELECT coalesce(best_amount, percentile_disc(0.8 + 1e-9) WITHIN GROUP (ORDER BY rhythm.yearly_amount)) AS yearly_amount
        FROM rhythm
    ), term AS MATERIALIZED (
        SELECT
            running.account_id,
            running.renewal_count,
            running.renewal_day,
            running.renewal_amount
        FROM running_renewal(as_of, renewal_days) AS running
        WHERE account_ids IS NULL
            OR running.account_id = ANY (account_ids)
    ), act AS (
        -- what has no account of its own: few groups, before the joins
        SELECT
            activity.deal_id,
            activity.lead_id,
            max(activity.started_at) AS at
        FROM activity
        WHERE activity.done
            AND activity.account_id IS NULL
            AND activity.started_at <= as_of
            AND activity.started_at > as_of - make_interval(hours => 24 * silent_days)
        GROUP BY
            activity.deal_id,
            activity.lead_id
    ), contact AS (
        SELECT
            touch.account_id,
            max(touch.at) AS last_at
        FROM (
            SELECT
                activity.account_id,
                activity.started_at AS at
            FROM activity
            WHERE activity.done
                AND activity.account_id IS NOT NULL
                AND activity.started_at <= as_of
                AND activity.started_at > as_of - make_interval(hours => 24 * silent_days)
            UNION ALL
            SELECT
                coalesce(deal.account_id, lead.account_id),
                act.at
            FROM act
            LEFT JOIN deal ON deal.id = act.deal_id
            LEFT JOIN lead ON lead.id = act.lead_id
            UNION ALL
            SELECT
                inquiry.account_id,
                inquiry.responded_at
            FROM inquiry
            WHERE inquiry.account_id IS NOT NULL
                AND inquiry.responded_at <= as_of
                AND inquiry.responded_at > as_of - make_interval(hours => 24 * silent_days)
        ) AS touch
        WHERE touch.account_id IS NOT NULL
            AND (account_ids IS NULL OR touch.account_id = ANY (account_ids))
        GROUP BY touch.account_id
    ), customer AS (
        SELECT
            coalesce(rhythm.account_id, term.account_id) AS account_id,
            rhythm.history,
            coalesce(rhythm.order_day_count, 0) AS order_day_count,
            rhythm.last_day,
            rhythm.silence,
            rhythm.rhythm_days,
            rhythm.silence_probability,
            coalesce(rhythm.yearly_amount, 0) AS yearly_amount,
            coalesce(term.renewal_count, 0) AS renewal_count,
            term.renewal_day,
            coalesce(term.renewal_amount, 0) AS renewal_amount
        FROM rhythm
        FULL JOIN term ON term.account_id = rhythm.account_id
        WHERE rhythm.order_day_count > 0
            OR term.account_id IS NOT NULL
    ), predicted AS MATERIALIZED (
        SELECT
            customer.account_id,
            customer.order_day_count,
            customer.last_day,
            customer.silence,
            customer.rhythm_days,
            customer.silence_probability,
            kpicrm.alive_probability(model.model, customer.history, model.today) AS alive_probability,
            customer.yearly_amount,
            customer.renewal_count,
            customer.renewal_day,
            customer.renewal_amount
        FROM customer
        -- any margin: what it is does not change who is still a customer
        LEFT JOIN ltv_frame(as_of, gross_margin => 1) AS model ON true
    ), judged AS (
        SELECT
            predicted.account_id,
            predicted.order_day_count,
            predicted.last_day,
            predicted.silence,
            predicted.rhythm_days,
            predicted.silence_probability,
            predicted.alive_probability,
            predicted.yearly_amount,
            predicted.renewal_count,
            predicted.renewal_day,
            predicted.renewal_amount,
            contact.last_at,
            predicted.renewal_count > 0 AS is_renewal_due,
            coalesce(predicted.silence_probability <= 0.2, false) AS is_purchase_overdue,
            coalesce(coalesce(predicted.alive_probability, predicted.silence_probability) <= 0.5 AND predicted.yearly_amount >= best.yearly_amount, false) AS is_value_at_risk,
            contact.last_at IS NULL AS is_without_contact
        FROM predicted
        CROSS JOIN best
        LEFT JOIN contact ON contact.account_id = predicted.account_id
    ), chosen AS (
        SELECT
            judged.account_id,
            judged.order_day_count,
            judged.last_day,
            judged.silence,
            judged.rhythm_days,
            judged.silence_probability,
            judged.alive_probability,
            judged.yearly_amount,
            judged.renewal_count,
            judged.renewal_day,
            judged.renewal_amount,
            judged.last_at,
            judged.is_renewal_due,
            judged.is_purchase_overdue,
            judged.is_value_at_risk,
            judged.is_without_contact,
            greatest(
                0,
                judged.renewal_amount,
                CASE WHEN judged.is_purchase_overdue OR judged.is_value_at_risk OR judged.is_without_contact THEN judged.yearly_amount END
            ) AS at_stake_amount
        FROM judged
        WHERE judged.is_renewal_due
            OR judged.is_purchase_overdue
            OR judged.is_value_at_risk
            OR judged.is_without_contact
    )
    SELECT
        (row_number() OVER (ORDER BY chosen.at_stake_amount DESC, chosen.account_id))::integer,
        chosen.account_id,
        account.name,
        account.rep_id,
        sales_rep.name,
        sales_rep.team_id,
        sales_team.name,
        concat_ws(
            ', ',
            CASE WHEN chosen.is_renewal_due THEN 'renewal due' END,
            CASE WHEN chosen.is_purchase_overdue THEN 'purchase overdue' END,
            CASE WHEN chosen.is_value_at_risk THEN 'value at risk' END,
            CASE WHEN chosen.is_without_contact THEN 'no contact' END
        ),
        chosen.at_stake_amount,
        chosen.is_renewal_due,
        chosen.is_purchase_overdue,
        chosen.is_value_at_risk,
        chosen.is_without_contact,
        chosen.renewal_count,
        chosen.renewal_day,
        chosen.renewal_amount,
        chosen.order_day_count,
        chosen.last_day,
        chosen.silence::double precision,
        chosen.rhythm_days,
        chosen.silence_probability,
        chosen.alive_probability,
        chosen.yearly_amount,
        chosen.last_at
    FROM chosen
    JOIN account ON account.id = chosen.account_id
    LEFT JOIN sales_rep ON sales_rep.id = account.rep_id
    LEFT JOIN sales_team ON sales_team.id = sales_rep.team_id;
END;
COMMENT ON FUNCTION follow_up_of(bigint[], numeric, integer, integer, integer, timestamp with time zone) IS
    'follow_up, of some accounts only or of all';

CREATE FUNCTION follow_up(
    renewal_days integer DEFAULT 90,
    silent_days integer DEFAULT 90,
    history_days integer DEFAULT 730,
    as_of timestamp with time zone DEFAULT now()
) RETURNS TABLE (
    priority_order integer,
    account_id bigint,
    account text,
    rep_id bigint,
    rep text,
    team_id bigint,
    team text,
    reason text,
    at_stake_amount numeric,
    is_renewal_due boolean,
    is_purchase_overdue boolean,
    is_value_at_risk boolean,
    is_without_contact boolean,
    renewal_count bigint,
    renewal_date date,
    renewal_amount numeric,
    order_day_count bigint,
    last_purchase_date date,
    since_last_purchase_days double precision,
    purchase_rhythm_days double precision,
    silence_probability double precision,
    alive_probability double precision,
    yearly_amount numeric,
    last_contact_at timestamp with time zone
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        due.priority_order,
        due.account_id,
        due.account,
        due.rep_id,
        due.rep,
        due.team_id,
        due.team,
        due.reason,
        due.at_stake_amount,
        due.is_renewal_due,
        due.is_purchase_overdue,
        due.is_value_at_risk,
        due.is_without_contact,
        due.renewal_count,
        due.renewal_date,
        due.renewal_amount,
        due.order_day_count,
        due.last_purchase_date,
        due.since_last_purchase_days,
        due.purchase_rhythm_days,
        due.silence_probability,
        due.alive_probability,
        due.yearly_amount,
        due.last_contact_at
    FROM follow_up_of(NULL, NULL, renewal_days, silent_days, history_days, as_of) AS due;
END;
COMMENT ON FUNCTION follow_up(integer, integer, integer, timestamp with time zone) IS
    'accounts to contact, with the reasons and the money at stake: contracts that end within renewal_days, purchases overdue against the customer''s own rhythm, valuable customers who go quiet, and customers without contact for silent_days; orders of the last history_days count';

-- In the order of the accounts, which two indexes have: neither hashed nor sorted, as in customer_total.
CREATE FUNCTION customer_worth(
    as_of timestamp with time zone,
    history_days integer,
    renewal_days integer
) RETURNS TABLE (
    account_id bigint,
    yearly_amount numeric,
    amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
    SET enable_hashagg = off
    SET enable_sort = off
    SET enable_hashjoin = off
BEGIN ATOMIC
    SELECT
        coalesce(bought.account_id, running.account_id),
        bought.yearly_amount,
        greatest(0, bought.yearly_amount, running.renewal_amount)
    FROM (
        SELECT
            rhythm.account_id,
            rhythm.amount * 365 / history_days AS yearly_amount
        FROM customer_rhythm(as_of, history_days) AS rhythm
        WHERE rhythm.order_count > 0
    ) AS bought
    FULL JOIN running_renewal(as_of, renewal_days) AS running ON running.account_id = bought.account_id;
END;
COMMENT ON FUNCTION customer_worth(timestamp with time zone, integer, integer) IS
    'the customers at the instant: what each brought per year, and the most that can be at stake';

/*
 * The accounts among which the first rows of follow_up are, whatever the reasons: nobody
 * has more at stake than what it brought per year or what its renewals bring.  Of those
 * with the most the reasons are worked out, until so many are sure to be ahead of all others.
 */
CREATE FUNCTION follow_up_candidate(
    row_count integer,
    renewal_days integer,
    silent_days integer,
    history_days integer,
    as_of timestamp with time zone
) RETURNS TABLE (
    account_ids bigint[],
    best_amount numeric
)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path FROM CURRENT
AS $$
DECLARE
    looked bigint = 5 * row_count::bigint;
    customer_count bigint;
    rest_amount numeric;
    sure bigint;
BEGIN
    PERFORM kpicrm.accept_number('row_count', row_count, 0, 1000000);
    LOOP
        EXECUTE '
            WITH customer AS MATERIALIZED (
                SELECT worth.account_id, worth.yearly_amount, worth.amount
                FROM customer_worth($4, $3, $2) AS worth
            ), most AS (
                SELECT customer.account_id, customer.amount
                FROM customer
                ORDER BY customer.amount DESC, customer.account_id
                LIMIT $1 + 1
            )
            SELECT
                (SELECT count(*) FROM customer),
                -- as in follow_up_of
                (SELECT percentile_disc(0.8 + 1e-9) WITHIN GROUP (ORDER BY customer.yearly_amount) FROM customer),
                (SELECT array_agg(most.account_id ORDER BY most.amount DESC, most.account_id) FROM most),
                (SELECT min(most.amount) FROM most)'
        INTO customer_count, best_amount, account_ids, rest_amount
        USING looked, renewal_days, history_days, as_of;
        IF customer_count <= looked + 1 THEN
            account_ids = NULL;
            EXIT;
        END IF;
        -- nobody else has as much, or as much and a lower key
        EXECUTE '
            SELECT count(*)
            FROM follow_up_of($1, $2, $3, $4, $5, $6) AS due
            WHERE due.at_stake_amount > $7
                OR (due.at_stake_amount = $7 AND due.account_id <= $8)'
        INTO sure
        USING account_ids, best_amount, renewal_days, silent_days, history_days, as_of, rest_amount, account_ids[looked + 1];
        EXIT WHEN sure >= row_count;
        looked = looked * 10;
    END LOOP;
    RETURN NEXT;
END;
$$;
COMMENT ON FUNCTION follow_up_candidate(integer, integer, integer, integer, timestamp with time zone) IS
    'accounts among which the first row_count rows of follow_up are (NULL: all), and the yearly amount from which on a customer is one of the best: with follow_up_of they are found without the reasons of all others';

CREATE VIEW follow_up WITH (security_invoker = true) AS
SELECT
    due.priority_order,
    due.account_id,
    due.account,
    due.rep_id,
    due.rep,
    due.team_id,
    due.team,
    due.reason,
    due.at_stake_amount::numeric(18, 2) AS at_stake_amount,
    due.is_renewal_due,
    due.is_purchase_overdue,
    due.is_value_at_risk,
    due.is_without_contact,
    due.renewal_count,
    due.renewal_date,
    due.renewal_amount::numeric(18, 2) AS renewal_amount,
    due.order_day_count,
    due.last_purchase_date,
    due.since_last_purchase_days,
    due.purchase_rhythm_days,
    due.silence_probability,
    due.alive_probability,
    due.yearly_amount::numeric(18, 2) AS yearly_amount,
    due.last_contact_at
FROM follow_up() AS due;
COMMENT ON VIEW follow_up IS
    'One row per account that somebody should contact now: a contract ends within 90 days, its next purchase is overdue against its own rhythm of the last two years, it is valuable and goes quiet, or nobody had contact with the customer for 90 days. Accounts without an order in two years and without a running contract are not here.';
COMMENT ON COLUMN follow_up.priority_order IS 'rank by at_stake_amount: 1 is the account to contact first';
COMMENT ON COLUMN follow_up.account_id IS 'key of the account';
COMMENT ON COLUMN follow_up.account IS 'name of the account';
COMMENT ON COLUMN follow_up.rep_id IS 'key of the account''s present rep';
COMMENT ON COLUMN follow_up.rep IS 'name of the account''s present rep';
COMMENT ON COLUMN follow_up.team_id IS 'key of the rep''s present team';
COMMENT ON COLUMN follow_up.team IS 'name of the rep''s present team';
COMMENT ON COLUMN follow_up.reason IS 'the reasons that hold: renewal due, purchase overdue, value at risk, no contact';
COMMENT ON COLUMN follow_up.at_stake_amount IS 'the larger of renewal_amount and, for the other reasons, yearly_amount';
COMMENT ON COLUMN follow_up.is_renewal_due IS 'true if a contract, neither renewed nor cancelled, ends within 90 days';
COMMENT ON COLUMN follow_up.is_purchase_overdue IS 'true if silence_probability is 0.2 or less';
COMMENT ON COLUMN follow_up.is_value_at_risk IS 'true if alive_probability or, without a model, silence_probability is 0.5 or less and yearly_amount is among the best fifth of the customers''';
COMMENT ON COLUMN follow_up.is_without_contact IS 'true if no activity was done for the customer, its deals or leads, and no inquiry of it answered, in the last 90 days';
COMMENT ON COLUMN follow_up.renewal_count IS 'contracts due';
COMMENT ON COLUMN follow_up.renewal_date IS 'last day of the first of them; NULL if there is none';
COMMENT ON COLUMN follow_up.renewal_amount IS 'what they bring in twelve months';
COMMENT ON COLUMN follow_up.order_day_count IS 'days with an order in the last 730 days';
COMMENT ON COLUMN follow_up.last_purchase_date IS 'day of the last order; NULL if there was none in these days';
COMMENT ON COLUMN follow_up.since_last_purchase_days IS 'days from there until today';
COMMENT ON COLUMN follow_up.purchase_rhythm_days IS 'mean days from one order day to the next; NULL for fewer than three order days';
COMMENT ON COLUMN follow_up.silence_probability IS 'how likely so long a silence is if the customer keeps to its rhythm, 0 to 1; NULL for fewer than three order days';
COMMENT ON COLUMN follow_up.alive_probability IS 'probability that the account is still a customer, by the model that refresh_ltv_fit() fitted last; NULL without one';
COMMENT ON COLUMN follow_up.yearly_amount IS 'amount of the purchases of the last 730 days, per 365 days';
COMMENT ON COLUMN follow_up.last_contact_at IS 'instant of the last contact of the last 90 days; NULL if there was none';
