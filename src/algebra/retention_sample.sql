-- retention_sample: how long contracts lasted.
--
-- One row per contract: period, the number of renewals that came up, and whether it was
-- lost at the last of them.  (3, true) was renewed twice and lost at the third renewal;
-- (3, false) was renewed three times and is still there.  A contract that has not come
-- up for renewal yet is (0, false): it is counted, but says nothing.
--
-- Rows with NULL are skipped.  The form with contracts takes rows that stand for so many
-- of them, as cohort tables have it.  At most 10,000 periods.  Written as periods
-- lost/kept:  {1 131/0, 2 126/743}

CREATE TYPE kpicrm.retention_sample;

CREATE FUNCTION kpicrm.retention_sample_in(cstring) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_in';
COMMENT ON FUNCTION kpicrm.retention_sample_in(cstring) IS
    'reads the text form of retention_sample';

CREATE FUNCTION kpicrm.retention_sample_out(kpicrm.retention_sample) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_out';
COMMENT ON FUNCTION kpicrm.retention_sample_out(kpicrm.retention_sample) IS
    'writes the text form of retention_sample';

CREATE FUNCTION kpicrm.retention_sample_recv(internal) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_recv';
COMMENT ON FUNCTION kpicrm.retention_sample_recv(internal) IS
    'reads the binary form of retention_sample';

CREATE FUNCTION kpicrm.retention_sample_send(kpicrm.retention_sample) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_send';
COMMENT ON FUNCTION kpicrm.retention_sample_send(kpicrm.retention_sample) IS
    'writes the binary form of retention_sample';

CREATE TYPE kpicrm.retention_sample (
    INPUT = kpicrm.retention_sample_in,
    OUTPUT = kpicrm.retention_sample_out,
    RECEIVE = kpicrm.retention_sample_recv,
    SEND = kpicrm.retention_sample_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.retention_sample IS
    'how long contracts lasted: of each number of periods, how many were lost and how many kept; written as {1 131/0, 2 126/743}';

CREATE FUNCTION kpicrm.retention_sample_transition(
    kpicrm.retention_sample,
    period integer,
    lost boolean
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_transition';
COMMENT ON FUNCTION kpicrm.retention_sample_transition(kpicrm.retention_sample, integer, boolean) IS
    'adds a contract';

CREATE FUNCTION kpicrm.retention_sample_transition(
    kpicrm.retention_sample,
    period integer,
    lost boolean,
    contracts bigint
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_transition';
COMMENT ON FUNCTION kpicrm.retention_sample_transition(kpicrm.retention_sample, integer, boolean, bigint) IS
    'adds so many contracts';

CREATE FUNCTION kpicrm.retention_sample_inverse(
    kpicrm.retention_sample,
    period integer,
    lost boolean
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_inverse';
COMMENT ON FUNCTION kpicrm.retention_sample_inverse(kpicrm.retention_sample, integer, boolean) IS
    'takes a contract away that has been added';

CREATE FUNCTION kpicrm.retention_sample_inverse(
    kpicrm.retention_sample,
    period integer,
    lost boolean,
    contracts bigint
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_inverse';
COMMENT ON FUNCTION kpicrm.retention_sample_inverse(kpicrm.retention_sample, integer, boolean, bigint) IS
    'takes so many contracts away that have been added';

CREATE FUNCTION kpicrm.retention_sample_add(
    kpicrm.retention_sample,
    kpicrm.retention_sample
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_add';
COMMENT ON FUNCTION kpicrm.retention_sample_add(kpicrm.retention_sample, kpicrm.retention_sample) IS
    'implementation of +';

CREATE FUNCTION kpicrm.retention_sample_subtract(
    kpicrm.retention_sample,
    kpicrm.retention_sample
) RETURNS kpicrm.retention_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_subtract';
COMMENT ON FUNCTION kpicrm.retention_sample_subtract(kpicrm.retention_sample, kpicrm.retention_sample) IS
    'implementation of -';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.retention_sample_add,
    LEFTARG = kpicrm.retention_sample,
    RIGHTARG = kpicrm.retention_sample,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.retention_sample, kpicrm.retention_sample) IS
    'the state of all contracts of both';

CREATE OPERATOR kpicrm.- (
    FUNCTION = kpicrm.retention_sample_subtract,
    LEFTARG = kpicrm.retention_sample,
    RIGHTARG = kpicrm.retention_sample
);
COMMENT ON OPERATOR kpicrm.- (kpicrm.retention_sample, kpicrm.retention_sample) IS
    'the state without the contracts of the second, which must be a part of the first';

CREATE FUNCTION kpicrm.retention_sample_eq(
    kpicrm.retention_sample,
    kpicrm.retention_sample
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_eq';
COMMENT ON FUNCTION kpicrm.retention_sample_eq(kpicrm.retention_sample, kpicrm.retention_sample) IS
    'implementation of =';

CREATE FUNCTION kpicrm.retention_sample_ne(
    kpicrm.retention_sample,
    kpicrm.retention_sample
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_ne';
COMMENT ON FUNCTION kpicrm.retention_sample_ne(kpicrm.retention_sample, kpicrm.retention_sample) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.retention_sample_hash(kpicrm.retention_sample) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_hash';
COMMENT ON FUNCTION kpicrm.retention_sample_hash(kpicrm.retention_sample) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.retention_sample_hash_extended(
    kpicrm.retention_sample,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_hash_extended';
COMMENT ON FUNCTION kpicrm.retention_sample_hash_extended(kpicrm.retention_sample, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.retention_sample_eq,
    LEFTARG = kpicrm.retention_sample,
    RIGHTARG = kpicrm.retention_sample,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.retention_sample, kpicrm.retention_sample) IS
    'the same state';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.retention_sample_ne,
    LEFTARG = kpicrm.retention_sample,
    RIGHTARG = kpicrm.retention_sample,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.retention_sample, kpicrm.retention_sample) IS
    'not the same state';

CREATE OPERATOR CLASS kpicrm.retention_sample_hash_ops
    DEFAULT FOR TYPE kpicrm.retention_sample USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.retention_sample_hash(kpicrm.retention_sample),
        FUNCTION 2 kpicrm.retention_sample_hash_extended(kpicrm.retention_sample, bigint);
COMMENT ON OPERATOR CLASS kpicrm.retention_sample_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.retention_sample_hash_ops USING hash IS
    'hash functions of retention_sample';

CREATE FUNCTION kpicrm.contract_count(retention_sample kpicrm.retention_sample) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_contract_count';
COMMENT ON FUNCTION kpicrm.contract_count(kpicrm.retention_sample) IS
    'number of contracts';

CREATE FUNCTION kpicrm.lost_count(retention_sample kpicrm.retention_sample) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_retention_sample_lost_count';
COMMENT ON FUNCTION kpicrm.lost_count(kpicrm.retention_sample) IS
    'number of contracts that were lost';

CREATE AGGREGATE kpicrm.retention_sample_agg(period integer, lost boolean) (
    SFUNC = kpicrm.retention_sample_transition,
    STYPE = kpicrm.retention_sample,
    SSPACE = 1000,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.retention_sample_add,
    MSFUNC = kpicrm.retention_sample_transition,
    MINVFUNC = kpicrm.retention_sample_inverse,
    MSTYPE = kpicrm.retention_sample,
    MSSPACE = 1000,
    MINITCOND = '{}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention_sample_agg(integer, boolean) IS
    'retention_sample of contracts, one row each: renewals that came up, and whether it was lost at the last; rows with NULL are skipped';

CREATE AGGREGATE kpicrm.retention_sample_agg(period integer, lost boolean, contracts bigint) (
    SFUNC = kpicrm.retention_sample_transition,
    STYPE = kpicrm.retention_sample,
    SSPACE = 1000,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.retention_sample_add,
    MSFUNC = kpicrm.retention_sample_transition,
    MINVFUNC = kpicrm.retention_sample_inverse,
    MSTYPE = kpicrm.retention_sample,
    MSSPACE = 1000,
    MINITCOND = '{}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.retention_sample_agg(integer, boolean, bigint) IS
    'retention_sample of rows that stand for so many contracts each; rows with NULL are skipped';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.retention_sample) (
    SFUNC = kpicrm.retention_sample_add,
    STYPE = kpicrm.retention_sample,
    SSPACE = 1000,
    INITCOND = '{}',
    COMBINEFUNC = kpicrm.retention_sample_add,
    MSFUNC = kpicrm.retention_sample_add,
    MINVFUNC = kpicrm.retention_sample_subtract,
    MSTYPE = kpicrm.retention_sample,
    MSSPACE = 1000,
    MINITCOND = '{}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.retention_sample) IS
    'merges retention_sample states';
