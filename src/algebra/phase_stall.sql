-- phase_stall: what is stuck.
--
-- A stay is stalled if it is still open and older than the threshold: the age by
-- which the fraction (0.8 unless told) of all stays of that phase has ended,
-- open ones counted as not ended until now.  Group by phase: each phase has a
-- pace of its own.

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at timestamptz,
    left_at timestamptz
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_timestamptz';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, timestamptz, timestamptz) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at timestamptz,
    left_at timestamptz,
    as_of timestamptz
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_timestamptz';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, timestamptz, timestamptz, timestamptz) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at timestamptz,
    left_at timestamptz,
    as_of timestamptz,
    fraction double precision
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_timestamptz';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, timestamptz, timestamptz, timestamptz, double precision) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at date,
    left_at date
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_date';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, date, date) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at date,
    left_at date,
    as_of date
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_date';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, date, date, date) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_transition(
    kpicrm.lead_times_fraction,
    entered_at date,
    left_at date,
    as_of date,
    fraction double precision
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stay_date';
COMMENT ON FUNCTION kpicrm.phase_stall_transition(kpicrm.lead_times_fraction, date, date, date, double precision) IS
    'adds a stay';

CREATE FUNCTION kpicrm.phase_stall_final(kpicrm.lead_times_fraction) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_stall_count';
COMMENT ON FUNCTION kpicrm.phase_stall_final(kpicrm.lead_times_fraction) IS
    'number of stalled stays at the fraction of the state';

CREATE FUNCTION kpicrm.phase_stall_rate_final(kpicrm.lead_times_fraction) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_stall_rate';
COMMENT ON FUNCTION kpicrm.phase_stall_rate_final(kpicrm.lead_times_fraction) IS
    'share of the open stays that is stalled at the fraction of the state';

CREATE AGGREGATE kpicrm.phase_stall(entered_at timestamptz, left_at timestamptz) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(timestamptz, timestamptz) IS
    'number of stays that are still open and older than the threshold learned from all of them, as of now, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall(entered_at timestamptz, left_at timestamptz, as_of timestamptz) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(timestamptz, timestamptz, timestamptz) IS
    'number of stays that are still open and older than the threshold learned from all of them, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall(entered_at timestamptz, left_at timestamptz, as_of timestamptz, fraction double precision) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(timestamptz, timestamptz, timestamptz, double precision) IS
    'number of stays that are still open and older than the threshold learned from all of them; the fraction must be the same in all rows';

CREATE AGGREGATE kpicrm.phase_stall(entered_at date, left_at date) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(date, date) IS
    'number of stays that are still open and older than the threshold learned from all of them, as of now, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall(entered_at date, left_at date, as_of date) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(date, date, date) IS
    'number of stays that are still open and older than the threshold learned from all of them, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall(entered_at date, left_at date, as_of date, fraction double precision) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall(date, date, date, double precision) IS
    'number of stays that are still open and older than the threshold learned from all of them; the fraction must be the same in all rows';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at timestamptz, left_at timestamptz) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(timestamptz, timestamptz) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open, as of now, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at timestamptz, left_at timestamptz, as_of timestamptz) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(timestamptz, timestamptz, timestamptz) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at timestamptz, left_at timestamptz, as_of timestamptz, fraction double precision) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(timestamptz, timestamptz, timestamptz, double precision) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open; the fraction must be the same in all rows';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at date, left_at date) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(date, date) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open, as of now, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at date, left_at date, as_of date) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(date, date, date) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open, fraction 0.8';

CREATE AGGREGATE kpicrm.phase_stall_rate(entered_at date, left_at date, as_of date, fraction double precision) (
    SFUNC = kpicrm.phase_stall_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.phase_stall_rate_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_stall_rate(date, date, date, double precision) IS
    'share of the open stays that is stalled, 0 to 1; NULL if none is open; the fraction must be the same in all rows';

CREATE FUNCTION kpicrm.stalled_count(
    lead_times kpicrm.lead_times,
    fraction double precision DEFAULT 0.8
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stalled_count';
COMMENT ON FUNCTION kpicrm.stalled_count(kpicrm.lead_times, double precision) IS
    'number of rows that are still open and older than the threshold';

CREATE FUNCTION kpicrm.stall_rate(
    lead_times kpicrm.lead_times,
    fraction double precision DEFAULT 0.8
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stall_rate';
COMMENT ON FUNCTION kpicrm.stall_rate(kpicrm.lead_times, double precision) IS
    'share of the open rows that is stalled, 0 to 1; NULL if none is open';

CREATE FUNCTION kpicrm.stall_threshold(
    lead_times kpicrm.lead_times,
    fraction double precision DEFAULT 0.8
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_survival_quantile';
COMMENT ON FUNCTION kpicrm.stall_threshold(kpicrm.lead_times, double precision) IS
    'age by which this fraction has ended (Kaplan-Meier); NULL if it is never reached';

CREATE FUNCTION kpicrm.stall_score(
    lead_times kpicrm.lead_times,
    age interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_stall_score';
COMMENT ON FUNCTION kpicrm.stall_score(kpicrm.lead_times, interval) IS
    'share that had ended by this age (Kaplan-Meier), 0 to 1; NULL without rows';
