-- outcome_sum: what a sum of all-or-nothing amounts may come to.
--
-- Each amount comes with its probability, or not at all, and none depends on another
-- (Poisson binomial distribution with weights).  Pairs without probability or amount
-- are left out.  method says how the numbers were found:
--
--   exact  by convolution over the distinct sums; always for up to 16 amounts, and
--          for more as long as there are at most 65,536 distinct sums
--   mixed  the amounts with the largest deviations by convolution, up to 1,024 sums
--          (at least ten amounts), all others together as normal; improbable ones, of
--          which fewer than about ten come, are convolved with sums merged to 1,024
--
-- The order of the pairs does not matter, to the last bit.

CREATE FUNCTION kpicrm.outcome_sum(
    probabilities double precision[],
    amounts numeric[],
    fractions double precision[] DEFAULT '{0.1,0.5,0.9}',
    threshold numeric DEFAULT NULL,
    OUT method text,
    OUT outcome_count bigint,
    OUT mean double precision,
    OUT deviation double precision,
    OUT quantiles numeric[],
    OUT at_least_probability double precision
) RETURNS record
    LANGUAGE c IMMUTABLE PARALLEL SAFE COST 10000 AS 'MODULE_PATHNAME', 'kpicrm_outcome_sum_sql';
COMMENT ON FUNCTION kpicrm.outcome_sum(double precision[], numeric[], double precision[], numeric) IS
    'distribution of the sum of the amounts, each of which comes with its probability or not at all: method (exact or mixed), number of pairs, mean, standard deviation, the smallest amounts not exceeded with the probabilities in fractions, and the probability of at least threshold';
