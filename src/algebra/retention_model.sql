-- retention_model: how long contracts last.
--
-- The shifted-beta-geometric distribution of P. S. Fader and B. G. S. Hardie: each
-- contract is lost with the same probability at every renewal, but contracts differ in
-- it, so those that are still there are more and more the loyal ones and the retention
-- rate rises with age.  Fitted by maximum likelihood to a retention_sample; what was not
-- identified or did not converge predicts nothing: NULL, and status() says why.

CREATE TYPE kpicrm.retention_model;

CREATE FUNCTION kpicrm.retention_model_in(cstring) RETURNS kpicrm.retention_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_in';
COMMENT ON FUNCTION kpicrm.retention_model_in(cstring) IS
    'reads the text form of retention_model';

CREATE FUNCTION kpicrm.retention_model_out(kpicrm.retention_model) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_out';
COMMENT ON FUNCTION kpicrm.retention_model_out(kpicrm.retention_model) IS
    'writes the text form of retention_model';

CREATE FUNCTION kpicrm.retention_model_recv(internal) RETURNS kpicrm.retention_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_recv';
COMMENT ON FUNCTION kpicrm.retention_model_recv(internal) IS
    'reads the binary form of retention_model';

CREATE FUNCTION kpicrm.retention_model_send(kpicrm.retention_model) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_send';
COMMENT ON FUNCTION kpicrm.retention_model_send(kpicrm.retention_model) IS
    'writes the binary form of retention_model';

CREATE TYPE kpicrm.retention_model (
    INPUT = kpicrm.retention_model_in,
    OUTPUT = kpicrm.retention_model_out,
    RECEIVE = kpicrm.retention_model_recv,
    SEND = kpicrm.retention_model_send,
    INTERNALLENGTH = 64,
    ALIGNMENT = double
);
COMMENT ON TYPE kpicrm.retention_model IS
    'a shifted-beta-geometric model of how long contracts last: parameters with standard errors, log-likelihood, status and number of contracts';

CREATE FUNCTION kpicrm.retention_fit(retention_sample kpicrm.retention_sample) RETURNS kpicrm.retention_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100000 AS 'MODULE_PATHNAME', 'kpicrm_retention_fit_sql';
COMMENT ON FUNCTION kpicrm.retention_fit(kpicrm.retention_sample) IS
    'the model that makes the sample most likely';

CREATE FUNCTION kpicrm.status(retention_model kpicrm.retention_model) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_status';
COMMENT ON FUNCTION kpicrm.status(kpicrm.retention_model) IS
    'converged, or why the model predicts nothing';

CREATE FUNCTION kpicrm.converged(retention_model kpicrm.retention_model) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_converged';
COMMENT ON FUNCTION kpicrm.converged(kpicrm.retention_model) IS
    'whether the model predicts: the maximum was found, with or without heterogeneity';

CREATE FUNCTION kpicrm.contract_count(retention_model kpicrm.retention_model) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_contract_count';
COMMENT ON FUNCTION kpicrm.contract_count(kpicrm.retention_model) IS
    'number of contracts that the model was fitted to';

CREATE FUNCTION kpicrm.log_likelihood(retention_model kpicrm.retention_model) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_log_likelihood';
COMMENT ON FUNCTION kpicrm.log_likelihood(kpicrm.retention_model) IS
    'logarithm of the probability of the sample at the maximum; NULL unless converged';

CREATE FUNCTION kpicrm.parameters(
    retention_model kpicrm.retention_model,
    OUT name text,
    OUT value double precision,
    OUT standard_error double precision
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'kpicrm_retention_model_parameters';
COMMENT ON FUNCTION kpicrm.parameters(kpicrm.retention_model) IS
    'alpha and beta of the beta distribution of churn probabilities, and its mean, churn, with standard errors; NULL where there is no estimate';

CREATE FUNCTION kpicrm.survival(
    retention_model kpicrm.retention_model,
    period integer
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'kpicrm_retention_model_survival';
COMMENT ON FUNCTION kpicrm.survival(kpicrm.retention_model, integer) IS
    'share of contracts that are still there after so many renewals; NULL unless the model has converged';

CREATE FUNCTION kpicrm.retention_rate(
    retention_model kpicrm.retention_model,
    period integer
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_model_retention_rate';
COMMENT ON FUNCTION kpicrm.retention_rate(kpicrm.retention_model, integer) IS
    'share of the contracts still there that are renewed at the end of this period, 1 being the first; NULL unless the model has converged';

CREATE FUNCTION kpicrm.residual_lifetime(
    retention_model kpicrm.retention_model,
    renewals_done integer,
    discount_rate double precision,
    first_payment_now boolean DEFAULT true
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_retention_model_residual_lifetime';
COMMENT ON FUNCTION kpicrm.residual_lifetime(kpicrm.retention_model, integer, double precision, boolean) IS
    'payments still expected of a contract that was renewed so many times, discounted by a rate per period; Infinity if they have no finite mean; NULL unless the model has converged';

CREATE AGGREGATE kpicrm.retention_model_agg(period integer, lost boolean) (
    SFUNC = kpicrm.retention_sample_transition,
    STYPE = kpicrm.retention_sample,
    SSPACE = 1000,
    INITCOND = '{}',
    FINALFUNC = kpicrm.retention_fit,
    COMBINEFUNC = kpicrm.retention_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention_model_agg(integer, boolean) IS
    'retention_model of contracts, one row each: renewals that came up, and whether it was lost at the last; rows with NULL are skipped';

CREATE AGGREGATE kpicrm.retention_model_agg(period integer, lost boolean, contracts bigint) (
    SFUNC = kpicrm.retention_sample_transition,
    STYPE = kpicrm.retention_sample,
    SSPACE = 1000,
    INITCOND = '{}',
    FINALFUNC = kpicrm.retention_fit,
    COMBINEFUNC = kpicrm.retention_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention_model_agg(integer, boolean, bigint) IS
    'retention_model of rows that stand for so many contracts each; rows with NULL are skipped';
