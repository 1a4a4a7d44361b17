-- lead_times: how long it took, and how it ended.
--
-- A multiset of durations with the rows that were won, lost or are still open at
-- each, and the number of rows left out because they end before they start.
-- Exact up to 2,048 distinct durations; beyond that every duration is rounded to
-- 8 significant bits (0.4 %), while the mean stays exact.  Written as durations
-- with won/lost/open rows:  {36h 0/0/1, 2d 3/1/0} invalid 1
--
-- Without won every end counts as won.  Without as_of the rows are seen as of
-- now: an end later than that has not happened yet.  Dates count whole days.

CREATE TYPE kpicrm.lead_times;

CREATE FUNCTION kpicrm.lead_times_in(cstring) RETURNS kpicrm.lead_times
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_in';
COMMENT ON FUNCTION kpicrm.lead_times_in(cstring) IS
    'reads the text form of lead_times';

CREATE FUNCTION kpicrm.lead_times_out(kpicrm.lead_times) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_out';
COMMENT ON FUNCTION kpicrm.lead_times_out(kpicrm.lead_times) IS
    'writes the text form of lead_times';

CREATE FUNCTION kpicrm.lead_times_recv(internal) RETURNS kpicrm.lead_times
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_recv';
COMMENT ON FUNCTION kpicrm.lead_times_recv(internal) IS
    'reads the binary form of lead_times';

CREATE FUNCTION kpicrm.lead_times_send(kpicrm.lead_times) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_send';
COMMENT ON FUNCTION kpicrm.lead_times_send(kpicrm.lead_times) IS
    'writes the binary form of lead_times';

CREATE TYPE kpicrm.lead_times (
    INPUT = kpicrm.lead_times_in,
    OUTPUT = kpicrm.lead_times_out,
    RECEIVE = kpicrm.lead_times_recv,
    SEND = kpicrm.lead_times_send,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.lead_times IS
    'durations with their won, lost and open rows; written as {36h 0/0/1, 2d 3/1/0} (~ in front: rounded to 8 significant bits)';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, timestamptz, timestamptz) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz,
    won boolean
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, timestamptz, timestamptz, boolean) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz,
    won boolean,
    as_of timestamptz
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, timestamptz, timestamptz, boolean, timestamptz) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, timestamptz, timestamptz) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz,
    won boolean
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, timestamptz, timestamptz, boolean) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started timestamptz,
    ended timestamptz,
    won boolean,
    as_of timestamptz
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_timestamptz';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, timestamptz, timestamptz, boolean, timestamptz) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started date,
    ended date
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_date';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, date, date) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started date,
    ended date,
    won boolean
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_date';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, date, date, boolean) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_transition(
    kpicrm.lead_times,
    started date,
    ended date,
    won boolean,
    as_of date
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_transition_date';
COMMENT ON FUNCTION kpicrm.lead_times_transition(kpicrm.lead_times, date, date, boolean, date) IS
    'adds a row';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started date,
    ended date
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_date';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, date, date) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started date,
    ended date,
    won boolean
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_date';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, date, date, boolean) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_inverse(
    kpicrm.lead_times,
    started date,
    ended date,
    won boolean,
    as_of date
) RETURNS kpicrm.lead_times
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_inverse_date';
COMMENT ON FUNCTION kpicrm.lead_times_inverse(kpicrm.lead_times, date, date, boolean, date) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.lead_times_add(
    kpicrm.lead_times,
    kpicrm.lead_times
) RETURNS kpicrm.lead_times
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_add';
COMMENT ON FUNCTION kpicrm.lead_times_add(kpicrm.lead_times, kpicrm.lead_times) IS
    'implementation of +';

CREATE FUNCTION kpicrm.lead_times_subtract(
    kpicrm.lead_times,
    kpicrm.lead_times
) RETURNS kpicrm.lead_times
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_subtract';
COMMENT ON FUNCTION kpicrm.lead_times_subtract(kpicrm.lead_times, kpicrm.lead_times) IS
    'implementation of -';

CREATE FUNCTION kpicrm.lead_times_final(kpicrm.lead_times) RETURNS kpicrm.lead_times
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_final';
COMMENT ON FUNCTION kpicrm.lead_times_final(kpicrm.lead_times) IS
    'brings the state into its canonical form';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.lead_times_add,
    LEFTARG = kpicrm.lead_times,
    RIGHTARG = kpicrm.lead_times,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.lead_times, kpicrm.lead_times) IS
    'the state of all rows of both';

CREATE OPERATOR kpicrm.- (
    FUNCTION = kpicrm.lead_times_subtract,
    LEFTARG = kpicrm.lead_times,
    RIGHTARG = kpicrm.lead_times
);
COMMENT ON OPERATOR kpicrm.- (kpicrm.lead_times, kpicrm.lead_times) IS
    'the state without the rows of the second, which must be a part of the first';

CREATE FUNCTION kpicrm.lead_times_eq(
    kpicrm.lead_times,
    kpicrm.lead_times
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_eq';
COMMENT ON FUNCTION kpicrm.lead_times_eq(kpicrm.lead_times, kpicrm.lead_times) IS
    'implementation of =';

CREATE FUNCTION kpicrm.lead_times_ne(
    kpicrm.lead_times,
    kpicrm.lead_times
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_ne';
COMMENT ON FUNCTION kpicrm.lead_times_ne(kpicrm.lead_times, kpicrm.lead_times) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.lead_times_hash(kpicrm.lead_times) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_hash';
COMMENT ON FUNCTION kpicrm.lead_times_hash(kpicrm.lead_times) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.lead_times_hash_extended(
    kpicrm.lead_times,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_hash_extended';
COMMENT ON FUNCTION kpicrm.lead_times_hash_extended(kpicrm.lead_times, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.lead_times_eq,
    LEFTARG = kpicrm.lead_times,
    RIGHTARG = kpicrm.lead_times,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.lead_times, kpicrm.lead_times) IS
    'the same state';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.lead_times_ne,
    LEFTARG = kpicrm.lead_times,
    RIGHTARG = kpicrm.lead_times,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.lead_times, kpicrm.lead_times) IS
    'not the same state';

CREATE OPERATOR CLASS kpicrm.lead_times_hash_ops
    DEFAULT FOR TYPE kpicrm.lead_times USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.lead_times_hash(kpicrm.lead_times),
        FUNCTION 2 kpicrm.lead_times_hash_extended(kpicrm.lead_times, bigint);
COMMENT ON OPERATOR CLASS kpicrm.lead_times_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.lead_times_hash_ops USING hash IS
    'hash functions of lead_times';

CREATE FUNCTION kpicrm.completed_count(lead_times kpicrm.lead_times) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_completed_count';
COMMENT ON FUNCTION kpicrm.completed_count(kpicrm.lead_times) IS
    'number of rows that were won (without an argument won: that ended)';

CREATE FUNCTION kpicrm.lost_count(lead_times kpicrm.lead_times) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_lost_count';
COMMENT ON FUNCTION kpicrm.lost_count(kpicrm.lead_times) IS
    'number of rows that were lost';

CREATE FUNCTION kpicrm.open_count(lead_times kpicrm.lead_times) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_open_count';
COMMENT ON FUNCTION kpicrm.open_count(kpicrm.lead_times) IS
    'number of rows that are still open';

CREATE FUNCTION kpicrm.invalid_count(lead_times kpicrm.lead_times) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_invalid_count';
COMMENT ON FUNCTION kpicrm.invalid_count(kpicrm.lead_times) IS
    'number of rows left out because they end before they start';

CREATE FUNCTION kpicrm.mean(lead_times kpicrm.lead_times) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_mean';
COMMENT ON FUNCTION kpicrm.mean(kpicrm.lead_times) IS
    'mean of the completed durations, exact; NULL if there are none';

CREATE FUNCTION kpicrm.mean_days(lead_times kpicrm.lead_times) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_mean_days';
COMMENT ON FUNCTION kpicrm.mean_days(kpicrm.lead_times) IS
    'mean of the completed durations in days; NULL if there are none';

CREATE FUNCTION kpicrm.median(lead_times kpicrm.lead_times) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_median';
COMMENT ON FUNCTION kpicrm.median(kpicrm.lead_times) IS
    'median of the completed durations; NULL if there are none';

CREATE FUNCTION kpicrm.median_days(lead_times kpicrm.lead_times) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_median_days';
COMMENT ON FUNCTION kpicrm.median_days(kpicrm.lead_times) IS
    'median of the completed durations in days; NULL if there are none';

CREATE FUNCTION kpicrm.quantile(
    lead_times kpicrm.lead_times,
    fraction double precision
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_quantile';
COMMENT ON FUNCTION kpicrm.quantile(kpicrm.lead_times, double precision) IS
    'quantile of the completed durations, interpolated as percentile_cont() does; NULL if there are none';

CREATE FUNCTION kpicrm.quantile_days(
    lead_times kpicrm.lead_times,
    fraction double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_lead_times_quantile_days';
COMMENT ON FUNCTION kpicrm.quantile_days(kpicrm.lead_times, double precision) IS
    'quantile of the completed durations in days; NULL if there are none';

CREATE AGGREGATE kpicrm.lead_time_agg(started timestamptz, ended timestamptz) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(timestamptz, timestamptz) IS
    'lead_times of the rows as of now; every end counts as won';

CREATE AGGREGATE kpicrm.lead_time_agg(started timestamptz, ended timestamptz, won boolean) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(timestamptz, timestamptz, boolean) IS
    'lead_times of the rows as of now; an end with won NULL counts as open until then';

CREATE AGGREGATE kpicrm.lead_time_agg(started timestamptz, ended timestamptz, won boolean, as_of timestamptz) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(timestamptz, timestamptz, boolean, timestamptz) IS
    'lead_times of the rows as of as_of: what starts later is skipped, what ends later is open';

CREATE AGGREGATE kpicrm.lead_time_agg(started date, ended date) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(date, date) IS
    'lead_times of the rows as of now; every end counts as won';

CREATE AGGREGATE kpicrm.lead_time_agg(started date, ended date, won boolean) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(date, date, boolean) IS
    'lead_times of the rows as of now; an end with won NULL counts as open until then';

CREATE AGGREGATE kpicrm.lead_time_agg(started date, ended date, won boolean, as_of date) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time_agg(date, date, boolean, date) IS
    'lead_times of the rows as of as_of: what starts later is skipped, what ends later is open';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.lead_times) (
    SFUNC = kpicrm.lead_times_add,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.lead_times_final,
    MSFUNC = kpicrm.lead_times_add,
    MINVFUNC = kpicrm.lead_times_subtract,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.lead_times_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.lead_times) IS
    'merges lead_times states';

CREATE AGGREGATE kpicrm.lead_time(started timestamptz, ended timestamptz) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.mean,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.mean,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time(timestamptz, timestamptz) IS
    'mean duration of the rows that have ended by now; NULL if there are none';

CREATE AGGREGATE kpicrm.lead_time(started date, ended date) (
    SFUNC = kpicrm.lead_times_transition,
    STYPE = kpicrm.lead_times,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.lead_times_add,
    FINALFUNC = kpicrm.mean,
    MSFUNC = kpicrm.lead_times_transition,
    MINVFUNC = kpicrm.lead_times_inverse,
    MSTYPE = kpicrm.lead_times,
    MINITCOND = '{}',
    MFINALFUNC = kpicrm.mean,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.lead_time(date, date) IS
    'mean duration of the rows that have ended by now; NULL if there are none';
