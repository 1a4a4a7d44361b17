-- lead_times_fraction: lead_times with the fraction they are asked for.
--
-- The state of the aggregates that take the fraction as an argument of every
-- row.  Written with the fraction in front:  0.8 of {2d 3/1/0}

CREATE TYPE kpicrm.lead_times_fraction;

CREATE FUNCTION kpicrm.lead_times_fraction_in(cstring) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_fraction_in';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_in(cstring) IS
    'reads the text form of lead_times_fraction';

CREATE FUNCTION kpicrm.lead_times_fraction_out(kpicrm.lead_times_fraction) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_out';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_out(kpicrm.lead_times_fraction) IS
    'writes the text form of lead_times_fraction';

CREATE FUNCTION kpicrm.lead_times_fraction_recv(internal) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_fraction_recv';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_recv(internal) IS
    'reads the binary form of lead_times_fraction';

CREATE FUNCTION kpicrm.lead_times_fraction_send(kpicrm.lead_times_fraction) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_send';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_send(kpicrm.lead_times_fraction) IS
    'writes the binary form of lead_times_fraction';

CREATE TYPE kpicrm.lead_times_fraction (
    INPUT = kpicrm.lead_times_fraction_in,
    OUTPUT = kpicrm.lead_times_fraction_out,
    RECEIVE = kpicrm.lead_times_fraction_recv,
    SEND = kpicrm.lead_times_fraction_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.lead_times_fraction IS
    'lead_times with the fraction asked for; the state of lead_time(started, ended, fraction) and phase_stall()';

CREATE FUNCTION kpicrm.lead_times_fraction_transition(
    kpicrm.lead_times_fraction,
    started timestamptz,
    ended timestamptz,
    fraction double precision
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_quantile_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_transition(kpicrm.lead_times_fraction, timestamptz, timestamptz, double precision) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_fraction_transition(
    kpicrm.lead_times_fraction,
    started date,
    ended date,
    fraction double precision
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_quantile_date';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_transition(kpicrm.lead_times_fraction, date, date, double precision) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_fraction_add(
    kpicrm.lead_times_fraction,
    kpicrm.lead_times_fraction
) RETURNS kpicrm.lead_times_fraction
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_add';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_add(kpicrm.lead_times_fraction, kpicrm.lead_times_fraction) IS
    'merges two states of the same fraction';

CREATE FUNCTION kpicrm.lead_times_fraction_quantile(kpicrm.lead_times_fraction) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_fraction_quantile';
COMMENT ON FUNCTION kpicrm.lead_times_fraction_quantile(kpicrm.lead_times_fraction) IS
    'quantile of the completed durations at the fraction of the state';

CREATE AGGREGATE kpicrm.lead_time(started timestamptz, ended timestamptz, fraction double precision) (
    SFUNC = kpicrm.lead_times_fraction_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.lead_times_fraction_quantile,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time(timestamptz, timestamptz, double precision) IS
    'quantile of the durations of the rows that have ended by now; the fraction must be the same in all rows';

CREATE AGGREGATE kpicrm.lead_time(started date, ended date, fraction double precision) (
    SFUNC = kpicrm.lead_times_fraction_transition,
    STYPE = kpicrm.lead_times_fraction,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_fraction_add,
    FINALFUNC = kpicrm.lead_times_fraction_quantile,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time(date, date, double precision) IS
    'quantile of the durations of the rows that have ended by now; the fraction must be the same in all rows';
