-- retention: who came back, on any table of events.
--
-- The meaning is that of ClickHouse's retention: an array of as many elements as
-- conditions; the first says whether any row of the group met condition 1, each other
-- one whether condition 1 and that condition were met, each by any row.

CREATE TYPE kpicrm.step_flags;

CREATE FUNCTION kpicrm.step_flags_in(cstring) RETURNS kpicrm.step_flags
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_in';
COMMENT ON FUNCTION kpicrm.step_flags_in(cstring) IS
    'reads the text form of step_flags';

CREATE FUNCTION kpicrm.step_flags_out(kpicrm.step_flags) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_out';
COMMENT ON FUNCTION kpicrm.step_flags_out(kpicrm.step_flags) IS
    'writes the text form of step_flags';

CREATE FUNCTION kpicrm.step_flags_recv(internal) RETURNS kpicrm.step_flags
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_recv';
COMMENT ON FUNCTION kpicrm.step_flags_recv(internal) IS
    'reads the binary form of step_flags';

CREATE FUNCTION kpicrm.step_flags_send(kpicrm.step_flags) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_send';
COMMENT ON FUNCTION kpicrm.step_flags_send(kpicrm.step_flags) IS
    'writes the binary form of step_flags';

CREATE TYPE kpicrm.step_flags (
    INPUT = kpicrm.step_flags_in,
    OUTPUT = kpicrm.step_flags_out,
    RECEIVE = kpicrm.step_flags_recv,
    SEND = kpicrm.step_flags_send,
    INTERNALLENGTH = 8,
    ALIGNMENT = int4
);
COMMENT ON TYPE kpicrm.step_flags IS
    'which of up to 32 conditions any row has met';

CREATE FUNCTION kpicrm.step_flags_add(
    kpicrm.step_flags,
    kpicrm.step_flags
) RETURNS kpicrm.step_flags
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_add';
COMMENT ON FUNCTION kpicrm.step_flags_add(kpicrm.step_flags, kpicrm.step_flags) IS
    'implementation of +';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.step_flags_add,
    LEFTARG = kpicrm.step_flags,
    RIGHTARG = kpicrm.step_flags,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.step_flags, kpicrm.step_flags) IS
    'the state of all rows of both';

CREATE FUNCTION kpicrm.step_flags_eq(
    kpicrm.step_flags,
    kpicrm.step_flags
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_eq';
COMMENT ON FUNCTION kpicrm.step_flags_eq(kpicrm.step_flags, kpicrm.step_flags) IS
    'implementation of =';

CREATE FUNCTION kpicrm.step_flags_ne(
    kpicrm.step_flags,
    kpicrm.step_flags
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_ne';
COMMENT ON FUNCTION kpicrm.step_flags_ne(kpicrm.step_flags, kpicrm.step_flags) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.step_flags_hash(kpicrm.step_flags) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_hash';
COMMENT ON FUNCTION kpicrm.step_flags_hash(kpicrm.step_flags) IS
    'hash support';

CREATE FUNCTION kpicrm.step_flags_hash_extended(
    kpicrm.step_flags,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_hash_extended';
COMMENT ON FUNCTION kpicrm.step_flags_hash_extended(kpicrm.step_flags, bigint) IS
    'hash support';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.step_flags_eq,
    LEFTARG = kpicrm.step_flags,
    RIGHTARG = kpicrm.step_flags,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.step_flags, kpicrm.step_flags) IS
    'are the states the same?';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.step_flags_ne,
    LEFTARG = kpicrm.step_flags,
    RIGHTARG = kpicrm.step_flags,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.step_flags, kpicrm.step_flags) IS
    'do the states differ?';

CREATE OPERATOR CLASS kpicrm.step_flags_hash_ops
    DEFAULT FOR TYPE kpicrm.step_flags USING hash AS
    OPERATOR 1 kpicrm.= (kpicrm.step_flags, kpicrm.step_flags),
    FUNCTION 1 kpicrm.step_flags_hash(kpicrm.step_flags),
    FUNCTION 2 kpicrm.step_flags_hash_extended(kpicrm.step_flags, bigint);
COMMENT ON OPERATOR FAMILY kpicrm.step_flags_hash_ops USING hash IS
    'hash equality of step_flags';
COMMENT ON OPERATOR CLASS kpicrm.step_flags_hash_ops USING hash IS
    'hash equality of step_flags';

CREATE FUNCTION kpicrm.step_flags_transition(
    kpicrm.step_flags,
    VARIADIC conditions boolean[]
) RETURNS kpicrm.step_flags
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_transition';
COMMENT ON FUNCTION kpicrm.step_flags_transition(kpicrm.step_flags, boolean[]) IS
    'adds a row';

CREATE FUNCTION kpicrm.retained(flags kpicrm.step_flags) RETURNS boolean[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_step_flags_retained';
COMMENT ON FUNCTION kpicrm.retained(kpicrm.step_flags) IS
    'whether condition 1 was met, and for each other one whether it was met too';

CREATE AGGREGATE kpicrm.retention_agg(VARIADIC conditions boolean[]) (
    SFUNC = kpicrm.step_flags_transition,
    STYPE = kpicrm.step_flags,
    COMBINEFUNC = kpicrm.step_flags_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention_agg(VARIADIC boolean[]) IS
    'which of the conditions any row has met';

CREATE AGGREGATE kpicrm.retention(VARIADIC conditions boolean[]) (
    SFUNC = kpicrm.step_flags_transition,
    STYPE = kpicrm.step_flags,
    FINALFUNC = kpicrm.retained,
    COMBINEFUNC = kpicrm.step_flags_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention(VARIADIC boolean[]) IS
    'whether any row met condition 1, and for each other condition whether it was met too; NULL without rows';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.step_flags) (
    SFUNC = kpicrm.step_flags_add,
    STYPE = kpicrm.step_flags,
    COMBINEFUNC = kpicrm.step_flags_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.step_flags) IS
    'merges parts';
