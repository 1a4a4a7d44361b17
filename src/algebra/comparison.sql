-- Fair comparison of rates: people, sources, branches with few cases each.
--
-- A rate of 3/3 is not the best one.  rate_prior() learns from all groups how far
-- their true rates lie apart (beta-binomial, by maximum likelihood: empirical
-- Bayes); shrunk_rate() is what is then to be believed of one of them, few cases
-- near the mean of all, many near their own rate.  control_limit_lower() and
-- control_limit_upper() are the curves of a funnel plot: where a group that is like
-- all others stays by chance.  required_count() says how many cases would show a
-- difference.

CREATE FUNCTION kpicrm.rate_prior(
    rates kpicrm.conversion[],
    OUT status text,
    OUT group_count bigint,
    OUT mean double precision,
    OUT alpha double precision,
    OUT beta double precision,
    OUT log_likelihood double precision
) RETURNS record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'kpicrm_rate_prior';
COMMENT ON FUNCTION kpicrm.rate_prior(kpicrm.conversion[]) IS
    'how the true rates of groups are spread: the beta distribution of maximum likelihood, with status fitted, no_spread (chance explains all differences), too_few or not_converged; NULL without cases';

CREATE FUNCTION kpicrm.shrunk_rate(
    kpicrm.conversion,
    alpha double precision,
    beta double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_shrunk_rate';
COMMENT ON FUNCTION kpicrm.shrunk_rate(kpicrm.conversion, double precision, double precision) IS
    'what is to be expected of a group with these cases, given how groups are spread';

CREATE FUNCTION kpicrm.shrunk_rate_lower(
    kpicrm.conversion,
    alpha double precision,
    beta double precision,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_shrunk_rate_lower';
COMMENT ON FUNCTION kpicrm.shrunk_rate_lower(kpicrm.conversion, double precision, double precision, double precision) IS
    'lower bound of the group''s true rate, given how groups are spread (credible interval with equal tails)';

CREATE FUNCTION kpicrm.shrunk_rate_upper(
    kpicrm.conversion,
    alpha double precision,
    beta double precision,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'kpicrm_shrunk_rate_upper';
COMMENT ON FUNCTION kpicrm.shrunk_rate_upper(kpicrm.conversion, double precision, double precision, double precision) IS
    'upper bound of the group''s true rate, given how groups are spread (credible interval with equal tails)';

CREATE FUNCTION kpicrm.probability_above(
    kpicrm.conversion,
    alpha double precision,
    beta double precision,
    rate double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 10 AS 'MODULE_PATHNAME', 'kpicrm_probability_above';
COMMENT ON FUNCTION kpicrm.probability_above(kpicrm.conversion, double precision, double precision, double precision) IS
    'probability that the group''s true rate is higher than this rate, given how groups are spread';

CREATE FUNCTION kpicrm.control_limit_lower(
    rate double precision,
    total bigint,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'kpicrm_control_limit_lower';
COMMENT ON FUNCTION kpicrm.control_limit_lower(double precision, bigint, double precision) IS
    'the rate that total cases stay above by chance if each converts with this rate: lower limit of a funnel plot; NULL for no cases';

CREATE FUNCTION kpicrm.control_limit_upper(
    rate double precision,
    total bigint,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'kpicrm_control_limit_upper';
COMMENT ON FUNCTION kpicrm.control_limit_upper(double precision, bigint, double precision) IS
    'the rate that total cases stay below by chance if each converts with this rate: upper limit of a funnel plot; NULL for no cases';

CREATE FUNCTION kpicrm.required_count(
    rate double precision,
    difference double precision,
    power double precision DEFAULT 0.8,
    confidence double precision DEFAULT 0.95
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_required_count';
COMMENT ON FUNCTION kpicrm.required_count(double precision, double precision, double precision, double precision) IS
    'cases a group needs so that a difference of its rate from this rate is found with this power; NULL if no rate differs so much';
