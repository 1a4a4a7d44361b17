-- phase_path: one deal's way through the phases, from rows in any order.
--
-- A row says that the deal entered the phase at this position (of the phases of its
-- pipeline, from 1) at this instant.  Rows at one instant count in the order of seq,
-- those without seq first, then of the position.  Rows in a row at one position are one
-- stay.  The same row twice counts once, so overlapping parts can be merged.
--
-- The state holds one deal's entries, 100,000 at most, so group by deal.

CREATE TYPE kpicrm.phase_path;

CREATE FUNCTION kpicrm.phase_path_in(cstring) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_in';
COMMENT ON FUNCTION kpicrm.phase_path_in(cstring) IS
    'reads the text form of phase_path';

CREATE FUNCTION kpicrm.phase_path_out(kpicrm.phase_path) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_out';
COMMENT ON FUNCTION kpicrm.phase_path_out(kpicrm.phase_path) IS
    'writes the text form of phase_path';

CREATE FUNCTION kpicrm.phase_path_recv(internal) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_recv';
COMMENT ON FUNCTION kpicrm.phase_path_recv(internal) IS
    'reads the binary form of phase_path';

CREATE FUNCTION kpicrm.phase_path_send(kpicrm.phase_path) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_send';
COMMENT ON FUNCTION kpicrm.phase_path_send(kpicrm.phase_path) IS
    'writes the binary form of phase_path';

CREATE TYPE kpicrm.phase_path (
    INPUT = kpicrm.phase_path_in,
    OUTPUT = kpicrm.phase_path_out,
    RECEIVE = kpicrm.phase_path_recv,
    SEND = kpicrm.phase_path_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.phase_path IS
    'one deals way through the phases: which position it entered when';

CREATE FUNCTION kpicrm.phase_path_add(
    kpicrm.phase_path,
    kpicrm.phase_path
) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_add';
COMMENT ON FUNCTION kpicrm.phase_path_add(kpicrm.phase_path, kpicrm.phase_path) IS
    'implementation of +';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.phase_path_add,
    LEFTARG = kpicrm.phase_path,
    RIGHTARG = kpicrm.phase_path,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.phase_path, kpicrm.phase_path) IS
    'the entries of both, each once';

CREATE FUNCTION kpicrm.phase_path_eq(
    kpicrm.phase_path,
    kpicrm.phase_path
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_eq';
COMMENT ON FUNCTION kpicrm.phase_path_eq(kpicrm.phase_path, kpicrm.phase_path) IS
    'implementation of =';

CREATE FUNCTION kpicrm.phase_path_ne(
    kpicrm.phase_path,
    kpicrm.phase_path
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_ne';
COMMENT ON FUNCTION kpicrm.phase_path_ne(kpicrm.phase_path, kpicrm.phase_path) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.phase_path_hash(kpicrm.phase_path) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_hash';
COMMENT ON FUNCTION kpicrm.phase_path_hash(kpicrm.phase_path) IS
    'hash support';

CREATE FUNCTION kpicrm.phase_path_hash_extended(
    kpicrm.phase_path,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_hash_extended';
COMMENT ON FUNCTION kpicrm.phase_path_hash_extended(kpicrm.phase_path, bigint) IS
    'hash support';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.phase_path_eq,
    LEFTARG = kpicrm.phase_path,
    RIGHTARG = kpicrm.phase_path,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.phase_path, kpicrm.phase_path) IS
    'are the states the same?';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.phase_path_ne,
    LEFTARG = kpicrm.phase_path,
    RIGHTARG = kpicrm.phase_path,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.phase_path, kpicrm.phase_path) IS
    'do the states differ?';

CREATE OPERATOR CLASS kpicrm.phase_path_hash_ops
    DEFAULT FOR TYPE kpicrm.phase_path USING hash AS
    OPERATOR 1 kpicrm.= (kpicrm.phase_path, kpicrm.phase_path),
    FUNCTION 1 kpicrm.phase_path_hash(kpicrm.phase_path),
    FUNCTION 2 kpicrm.phase_path_hash_extended(kpicrm.phase_path, bigint);
COMMENT ON OPERATOR FAMILY kpicrm.phase_path_hash_ops USING hash IS
    'hash equality of phase_path';
COMMENT ON OPERATOR CLASS kpicrm.phase_path_hash_ops USING hash IS
    'hash equality of phase_path';

CREATE FUNCTION kpicrm.phase_path_transition(
    kpicrm.phase_path,
    "position" integer,
    at timestamp with time zone
) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_transition';
COMMENT ON FUNCTION kpicrm.phase_path_transition(kpicrm.phase_path, integer, timestamp with time zone) IS
    'adds an entry';

CREATE FUNCTION kpicrm.phase_path_transition(
    kpicrm.phase_path,
    "position" integer,
    at timestamp with time zone,
    seq bigint
) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_transition';
COMMENT ON FUNCTION kpicrm.phase_path_transition(kpicrm.phase_path, integer, timestamp with time zone, bigint) IS
    'adds an entry';

CREATE FUNCTION kpicrm.phase_path_final(kpicrm.phase_path) RETURNS kpicrm.phase_path
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_final';
COMMENT ON FUNCTION kpicrm.phase_path_final(kpicrm.phase_path) IS
    'brings the state into its canonical form';

CREATE FUNCTION kpicrm.time_in(
    path kpicrm.phase_path,
    "position" integer,
    as_of timestamp with time zone DEFAULT now()
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_total_stay';
COMMENT ON FUNCTION kpicrm.time_in(kpicrm.phase_path, integer, timestamp with time zone) IS
    'time spent at the position in all stays until as_of, the open one included; NULL if it was never entered';

CREATE FUNCTION kpicrm.first_stay(
    path kpicrm.phase_path,
    "position" integer,
    as_of timestamp with time zone DEFAULT now()
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_first_stay';
COMMENT ON FUNCTION kpicrm.first_stay(kpicrm.phase_path, integer, timestamp with time zone) IS
    'length of the first stay at the position, until as_of if it is open; NULL if it was never entered';

CREATE FUNCTION kpicrm.last_stay(
    path kpicrm.phase_path,
    "position" integer,
    as_of timestamp with time zone DEFAULT now()
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_last_stay';
COMMENT ON FUNCTION kpicrm.last_stay(kpicrm.phase_path, integer, timestamp with time zone) IS
    'length of the last stay at the position, until as_of if it is open; NULL if it was never entered';

CREATE FUNCTION kpicrm.total_stay(
    path kpicrm.phase_path,
    "position" integer,
    as_of timestamp with time zone DEFAULT now()
) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_total_stay';
COMMENT ON FUNCTION kpicrm.total_stay(kpicrm.phase_path, integer, timestamp with time zone) IS
    'the same as time_in, beside first_stay and last_stay';

CREATE FUNCTION kpicrm.visits(
    path kpicrm.phase_path,
    "position" integer
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_visits';
COMMENT ON FUNCTION kpicrm.visits(kpicrm.phase_path, integer) IS
    'number of stays at the position';

CREATE FUNCTION kpicrm.backward_moves(path kpicrm.phase_path) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_backward_moves';
COMMENT ON FUNCTION kpicrm.backward_moves(kpicrm.phase_path) IS
    'number of moves to a lower position';

CREATE FUNCTION kpicrm.current_phase(path kpicrm.phase_path) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_current';
COMMENT ON FUNCTION kpicrm.current_phase(kpicrm.phase_path) IS
    'position entered last; NULL of an empty path';

CREATE FUNCTION kpicrm.furthest_phase(path kpicrm.phase_path) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_phase_path_furthest';
COMMENT ON FUNCTION kpicrm.furthest_phase(kpicrm.phase_path) IS
    'highest position ever entered; NULL of an empty path';

CREATE FUNCTION kpicrm.stays(
    path kpicrm.phase_path,
    as_of timestamp with time zone DEFAULT 'infinity',
    OUT stay_no integer,
    OUT "position" integer,
    OUT entered_at timestamp with time zone,
    OUT left_at timestamp with time zone
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'kpicrm_phase_path_stays';
COMMENT ON FUNCTION kpicrm.stays(kpicrm.phase_path, timestamp with time zone) IS
    'the stays as of an instant, in order; left_at is NULL of the open one';

CREATE AGGREGATE kpicrm.phase_path_agg("position" integer, at timestamp with time zone) (
    SFUNC = kpicrm.phase_path_transition,
    STYPE = kpicrm.phase_path,
    SSPACE = 200,
    FINALFUNC = kpicrm.phase_path_final,
    COMBINEFUNC = kpicrm.phase_path_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_path_agg(integer, timestamp with time zone) IS
    'one deal''s way through the phases; rows without position or instant are left out';

CREATE AGGREGATE kpicrm.phase_path_agg("position" integer, at timestamp with time zone, seq bigint) (
    SFUNC = kpicrm.phase_path_transition,
    STYPE = kpicrm.phase_path,
    SSPACE = 200,
    FINALFUNC = kpicrm.phase_path_final,
    COMBINEFUNC = kpicrm.phase_path_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.phase_path_agg(integer, timestamp with time zone, bigint) IS
    'one deal''s way through the phases; rows without position or instant are left out';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.phase_path) (
    SFUNC = kpicrm.phase_path_add,
    STYPE = kpicrm.phase_path,
    SSPACE = 200,
    FINALFUNC = kpicrm.phase_path_final,
    COMBINEFUNC = kpicrm.phase_path_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.phase_path) IS
    'merges parts of one deal''s way, which may overlap';
