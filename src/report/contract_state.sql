/*
 * The terms of contracts as they stand at an instant.  A term is
 *
 *   renewed  if another contract follows it (renewed_by)
 *   churned  if none does, and it was cancelled by as_of or its last day is over
 *   pending  otherwise: it still runs, and nobody has decided
 *
 * What follows a term is what is known now: renewed_by has no date.
 */
CREATE FUNCTION contract_state(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    contract_id bigint,
    account_id bigint,
    product_id bigint,
    rep_id bigint,
    ends_on date,
    state text,
    monthly_amount numeric,
    following_monthly_amount numeric,
    today date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
BEGIN ATOMIC
    SELECT
        contract.id,
        contract.account_id,
        contract.product_id,
        account.rep_id,
        contract.ends_on,
        CASE
            WHEN contract.renewed_by IS NOT NULL THEN 'renewed'
            WHEN contract.cancelled_on <= (as_of AT TIME ZONE setting.time_zone)::date THEN 'churned'
            WHEN contract.ends_on < (as_of AT TIME ZONE setting.time_zone)::date THEN 'churned'
            ELSE 'pending'
        END,
        contract.amount_per_month,
        following.amount_per_month,
        (as_of AT TIME ZONE setting.time_zone)::date
    FROM contract
    JOIN setting ON setting.only_row
    JOIN account ON account.id = contract.account_id
    LEFT JOIN contract AS following ON following.id = contract.renewed_by;
END;
COMMENT ON FUNCTION contract_state(timestamp with time zone) IS
    'every term of a contract: renewed, churned or pending at the instant, its amount per month and that of the term that follows it';
