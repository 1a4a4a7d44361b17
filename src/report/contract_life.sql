/*
 * How long will the pending contracts still last?
 *
 * A contract is the chain of its terms (renewed_by); each end of a term is an occasion
 * to lose it.  The retention model learns from every chain as it stands at the instant,
 * of the chains whose last term is as long as this one, in whole months; where these
 * are too few or too alike for a model, of all chains.  prediction_basis says which, or
 * why there is no prediction.
 *
 * What is to come of a contract is counted from the day after its term: the next term,
 * if it is renewed, not discounted, those after it by discount_rate a year.  Without
 * discounting the mean may be infinite: NULL.
 */
CREATE FUNCTION contract_life(
    as_of timestamp with time zone DEFAULT now(),
    discount_rate double precision DEFAULT 0.1
) RETURNS TABLE (
    contract_id bigint,
    renewed_before_count bigint,
    renewal_probability double precision,
    expected_remaining_days double precision,
    expected_remaining_amount numeric,
    prediction_basis text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
BEGIN ATOMIC
    WITH RECURSIVE term AS (
        SELECT
            contract.id,
            contract.renewed_by,
            contract.starts_on,
            contract.ends_on,
            contract.amount_per_month,
            1 AS term_no
        FROM contract
        WHERE NOT EXISTS (SELECT FROM contract AS earlier WHERE earlier.renewed_by = contract.id)
        UNION ALL
        SELECT
            following.id,
            following.renewed_by,
            following.starts_on,
            following.ends_on,
            following.amount_per_month,
            term.term_no + 1
        FROM term
        JOIN contract AS following ON following.id = term.renewed_by
    ), chain AS MATERIALIZED (
        SELECT
            term.id,
            least(term.term_no, 10000) - 1 AS renewals_done,
            contract_state.state = 'churned' AS is_lost,
            term.amount_per_month,
            term.ends_on - term.starts_on + 1 AS term_days,
            duration.months,
            greatest(round(duration.months), 1) AS whole_months
        FROM term
        JOIN contract_state(as_of) AS contract_state ON contract_state.contract_id = term.id
        -- until 9999-12-31: age() knows no later days than a timestamp
        CROSS JOIN LATERAL (
            SELECT age(least(term.ends_on, date '9999-12-31') + 1, least(term.starts_on, date '9999-12-31')) AS span
        ) AS between_days
        CROSS JOIN LATERAL (
            SELECT extract(year FROM between_days.span) * 12 + extract(month FROM between_days.span) + extract(day FROM between_days.span) / 30.4375 AS months
        ) AS duration
        WHERE term.renewed_by IS NULL
    ), model AS MATERIALIZED (
        SELECT
            chain.whole_months,
            kpicrm.retention_model_agg(CASE WHEN chain.is_lost THEN chain.renewals_done + 1 ELSE chain.renewals_done END, chain.is_lost) AS model
        FROM chain
        GROUP BY GROUPING SETS ((chain.whole_months), ())
    ), chosen AS (
        SELECT
            of_term.whole_months,
            CASE WHEN kpicrm.converged(of_term.model) THEN of_term.model ELSE of_all.model END AS model,
            CASE
                WHEN kpicrm.converged(of_term.model) THEN format('terms of %s months', of_term.whole_months)
                WHEN kpicrm.converged(of_all.model) THEN 'all terms'
                ELSE kpicrm.status(of_all.model)
            END AS basis
        FROM model AS of_term
        JOIN model AS of_all ON of_all.whole_months IS NULL
        WHERE of_term.whole_months IS NOT NULL
    )
    SELECT
        chain.id,
        chain.renewals_done,
        kpicrm.retention_rate(chosen.model, chain.renewals_done + 1),
        life.terms * chain.term_days,
        life.terms::numeric * chain.months * chain.amount_per_month,
        chosen.basis
    FROM chain
    JOIN chosen ON chosen.whole_months = chain.whole_months
    -- no power() of what a term of thousands of years would need
    CROSS JOIN LATERAL (
        SELECT power(1 + discount_rate, least(chain.term_days / 365.0, 100)::double precision) - 1 AS rate
    ) AS a_term
    CROSS JOIN LATERAL (
        SELECT nullif(kpicrm.residual_lifetime(chosen.model, chain.renewals_done, CASE WHEN a_term.rate >= 1e-9 THEN least(a_term.rate, 1e6) ELSE 0 END), 'Infinity') AS terms
    ) AS life
    WHERE NOT chain.is_lost
        AND kpicrm.accept_as_of(as_of)
        AND kpicrm.accept_number('discount_rate', discount_rate, 0, 10);
END;
COMMENT ON FUNCTION contract_life(timestamp with time zone, double precision) IS
    'each contract that is pending at the instant: how likely it is renewed, and how much of it is expected after its present term, discounted by discount_rate a year';
