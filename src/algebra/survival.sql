-- Survival: durations when some have not ended yet.
--
-- The mean of what has ended is too short while the slow deals are still open.
-- These functions count an open row as not ended until now (censored), and won
-- and lost as two ways to end, of which the one excludes the other.

CREATE FUNCTION kpicrm.survival(
    lead_times kpicrm.lead_times,
    duration interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_survival';
COMMENT ON FUNCTION kpicrm.survival(kpicrm.lead_times, interval) IS
    'share that has not ended after this duration (Kaplan-Meier), 0 to 1; NULL without rows';

CREATE FUNCTION kpicrm.survival_quantile(
    lead_times kpicrm.lead_times,
    fraction double precision
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_survival_quantile';
COMMENT ON FUNCTION kpicrm.survival_quantile(kpicrm.lead_times, double precision) IS
    'first duration by which this fraction has ended (Kaplan-Meier); NULL if it is never reached';

CREATE FUNCTION kpicrm.survival_quantile_days(
    lead_times kpicrm.lead_times,
    fraction double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_survival_quantile_days';
COMMENT ON FUNCTION kpicrm.survival_quantile_days(kpicrm.lead_times, double precision) IS
    'first duration in days by which this fraction has ended (Kaplan-Meier); NULL if it is never reached';

CREATE FUNCTION kpicrm.win_probability(
    lead_times kpicrm.lead_times,
    within interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_win_probability';
COMMENT ON FUNCTION kpicrm.win_probability(kpicrm.lead_times, interval) IS
    'probability to be won within this duration, lost being the alternative (Aalen-Johansen), 0 to 1; NULL without rows';

CREATE FUNCTION kpicrm.win_probability(
    lead_times kpicrm.lead_times,
    within interval,
    given_age interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_win_probability_given_age';
COMMENT ON FUNCTION kpicrm.win_probability(kpicrm.lead_times, interval, interval) IS
    'the same for what is already that old and still open; NULL if nothing has ever grown so old';

CREATE FUNCTION kpicrm.restricted_mean(
    lead_times kpicrm.lead_times,
    horizon interval
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_restricted_mean';
COMMENT ON FUNCTION kpicrm.restricted_mean(kpicrm.lead_times, interval) IS
    'mean duration up to the horizon (area below the Kaplan-Meier curve); NULL without rows';

CREATE FUNCTION kpicrm.restricted_mean_days(
    lead_times kpicrm.lead_times,
    horizon interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_restricted_mean_days';
COMMENT ON FUNCTION kpicrm.restricted_mean_days(kpicrm.lead_times, interval) IS
    'mean duration in days up to the horizon; NULL without rows';

CREATE FUNCTION kpicrm.survival_curve(
    lead_times kpicrm.lead_times,
    OUT "time" interval,
    OUT at_risk bigint,
    OUT won bigint,
    OUT lost bigint,
    OUT open bigint,
    OUT survival double precision,
    OUT lower double precision,
    OUT upper double precision,
    OUT won_incidence double precision,
    OUT lost_incidence double precision
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 300 AS 'MODULE_PATHNAME', 'kpicrm_lead_times_survival_curve';
COMMENT ON FUNCTION kpicrm.survival_curve(kpicrm.lead_times) IS
    'one row per duration: rows at risk, won, lost, open; survival with 95 % log-log bounds (NULL where it is 0 or 1); incidence of won and lost';
