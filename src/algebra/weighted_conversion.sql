-- weighted_conversion: how much of an amount converted.
--
-- Of the decided rows with an amount: the converted and the total amount, how
-- many rows each of them has, and how many rows were left out because their
-- amount is negative.  Written as converted/total amount, converted/total rows
-- and excluded rows:  120.5/400 3/10 1
--
-- Amounts are exact decimals of at most 38 digits, 30 of them after the point.

CREATE TYPE kpicrm.weighted_conversion;

CREATE FUNCTION kpicrm.weighted_conversion_in(cstring) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_in';
COMMENT ON FUNCTION kpicrm.weighted_conversion_in(cstring) IS
    'reads the text form of weighted_conversion';

CREATE FUNCTION kpicrm.weighted_conversion_out(kpicrm.weighted_conversion) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_out';
COMMENT ON FUNCTION kpicrm.weighted_conversion_out(kpicrm.weighted_conversion) IS
    'writes the text form of weighted_conversion';

CREATE FUNCTION kpicrm.weighted_conversion_recv(internal) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_recv';
COMMENT ON FUNCTION kpicrm.weighted_conversion_recv(internal) IS
    'reads the binary form of weighted_conversion';

CREATE FUNCTION kpicrm.weighted_conversion_send(kpicrm.weighted_conversion) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_send';
COMMENT ON FUNCTION kpicrm.weighted_conversion_send(kpicrm.weighted_conversion) IS
    'writes the binary form of weighted_conversion';

CREATE TYPE kpicrm.weighted_conversion (
    INPUT = kpicrm.weighted_conversion_in,
    OUTPUT = kpicrm.weighted_conversion_out,
    RECEIVE = kpicrm.weighted_conversion_recv,
    SEND = kpicrm.weighted_conversion_send,
    INTERNALLENGTH = 72,
    ALIGNMENT = double
);
COMMENT ON TYPE kpicrm.weighted_conversion IS
    'converted amount of total amount of the decided rows; written as 120.5/400 3/10 1 (amounts, rows, rows excluded for a negative amount)';

CREATE FUNCTION kpicrm.weighted_conversion_transition(
    kpicrm.weighted_conversion,
    converted boolean,
    amount numeric
) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_transition';
COMMENT ON FUNCTION kpicrm.weighted_conversion_transition(kpicrm.weighted_conversion, boolean, numeric) IS
    'adds a row';

CREATE FUNCTION kpicrm.weighted_conversion_inverse(
    kpicrm.weighted_conversion,
    converted boolean,
    amount numeric
) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_inverse';
COMMENT ON FUNCTION kpicrm.weighted_conversion_inverse(kpicrm.weighted_conversion, boolean, numeric) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.weighted_conversion_add(
    kpicrm.weighted_conversion,
    kpicrm.weighted_conversion
) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_add';
COMMENT ON FUNCTION kpicrm.weighted_conversion_add(kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'implementation of +';

CREATE FUNCTION kpicrm.weighted_conversion_subtract(
    kpicrm.weighted_conversion,
    kpicrm.weighted_conversion
) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_subtract';
COMMENT ON FUNCTION kpicrm.weighted_conversion_subtract(kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'implementation of -';

CREATE FUNCTION kpicrm.weighted_conversion_final(kpicrm.weighted_conversion) RETURNS kpicrm.weighted_conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_final';
COMMENT ON FUNCTION kpicrm.weighted_conversion_final(kpicrm.weighted_conversion) IS
    'brings the state into its canonical form';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.weighted_conversion_add,
    LEFTARG = kpicrm.weighted_conversion,
    RIGHTARG = kpicrm.weighted_conversion,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'the state of all rows of both';

CREATE OPERATOR kpicrm.- (
    FUNCTION = kpicrm.weighted_conversion_subtract,
    LEFTARG = kpicrm.weighted_conversion,
    RIGHTARG = kpicrm.weighted_conversion
);
COMMENT ON OPERATOR kpicrm.- (kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'the state without the rows of the second, which must be a part of the first';

CREATE FUNCTION kpicrm.weighted_conversion_eq(
    kpicrm.weighted_conversion,
    kpicrm.weighted_conversion
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_eq';
COMMENT ON FUNCTION kpicrm.weighted_conversion_eq(kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'implementation of =';

CREATE FUNCTION kpicrm.weighted_conversion_ne(
    kpicrm.weighted_conversion,
    kpicrm.weighted_conversion
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_ne';
COMMENT ON FUNCTION kpicrm.weighted_conversion_ne(kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.weighted_conversion_hash(kpicrm.weighted_conversion) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_hash';
COMMENT ON FUNCTION kpicrm.weighted_conversion_hash(kpicrm.weighted_conversion) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.weighted_conversion_hash_extended(
    kpicrm.weighted_conversion,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_hash_extended';
COMMENT ON FUNCTION kpicrm.weighted_conversion_hash_extended(kpicrm.weighted_conversion, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.weighted_conversion_eq,
    LEFTARG = kpicrm.weighted_conversion,
    RIGHTARG = kpicrm.weighted_conversion,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'the same state';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.weighted_conversion_ne,
    LEFTARG = kpicrm.weighted_conversion,
    RIGHTARG = kpicrm.weighted_conversion,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.weighted_conversion, kpicrm.weighted_conversion) IS
    'not the same state';

CREATE OPERATOR CLASS kpicrm.weighted_conversion_hash_ops
    DEFAULT FOR TYPE kpicrm.weighted_conversion USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.weighted_conversion_hash(kpicrm.weighted_conversion),
        FUNCTION 2 kpicrm.weighted_conversion_hash_extended(kpicrm.weighted_conversion, bigint);
COMMENT ON OPERATOR CLASS kpicrm.weighted_conversion_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.weighted_conversion_hash_ops USING hash IS
    'hash functions of weighted_conversion';

CREATE FUNCTION kpicrm.rate(weighted_conversion kpicrm.weighted_conversion) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_rate';
COMMENT ON FUNCTION kpicrm.rate(kpicrm.weighted_conversion) IS
    'share of the amount that converted, 0 to 1; NULL if no amount was at stake';

CREATE FUNCTION kpicrm.converted_amount(weighted_conversion kpicrm.weighted_conversion) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_converted_amount';
COMMENT ON FUNCTION kpicrm.converted_amount(kpicrm.weighted_conversion) IS
    'amount that converted';

CREATE FUNCTION kpicrm.total_amount(weighted_conversion kpicrm.weighted_conversion) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_total_amount';
COMMENT ON FUNCTION kpicrm.total_amount(kpicrm.weighted_conversion) IS
    'amount that was decided';

CREATE FUNCTION kpicrm.converted_count(weighted_conversion kpicrm.weighted_conversion) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_converted_count';
COMMENT ON FUNCTION kpicrm.converted_count(kpicrm.weighted_conversion) IS
    'number of rows that converted';

CREATE FUNCTION kpicrm.total_count(weighted_conversion kpicrm.weighted_conversion) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_total_count';
COMMENT ON FUNCTION kpicrm.total_count(kpicrm.weighted_conversion) IS
    'number of decided rows with an amount that is not negative';

CREATE FUNCTION kpicrm.invalid_count(weighted_conversion kpicrm.weighted_conversion) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_weighted_conversion_invalid_count';
COMMENT ON FUNCTION kpicrm.invalid_count(kpicrm.weighted_conversion) IS
    'number of decided rows left out because their amount is negative';

CREATE AGGREGATE kpicrm.conversion_agg(converted boolean, amount numeric) (
    SFUNC = kpicrm.weighted_conversion_transition,
    STYPE = kpicrm.weighted_conversion,
    INITCOND = '0/0 0/0 0',
    COMBINEFUNC = kpicrm.weighted_conversion_add,
    FINALFUNC = kpicrm.weighted_conversion_final,
    MSFUNC = kpicrm.weighted_conversion_transition,
    MINVFUNC = kpicrm.weighted_conversion_inverse,
    MSTYPE = kpicrm.weighted_conversion,
    MINITCOND = '0/0 0/0 0',
    MFINALFUNC = kpicrm.weighted_conversion_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.conversion_agg(boolean, numeric) IS
    'weighted_conversion of the rows; rows without decision or amount are skipped, negative amounts excluded and counted';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.weighted_conversion) (
    SFUNC = kpicrm.weighted_conversion_add,
    STYPE = kpicrm.weighted_conversion,
    INITCOND = '0/0 0/0 0',
    COMBINEFUNC = kpicrm.weighted_conversion_add,
    FINALFUNC = kpicrm.weighted_conversion_final,
    MSFUNC = kpicrm.weighted_conversion_add,
    MINVFUNC = kpicrm.weighted_conversion_subtract,
    MSTYPE = kpicrm.weighted_conversion,
    MINITCOND = '0/0 0/0 0',
    MFINALFUNC = kpicrm.weighted_conversion_final,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.weighted_conversion) IS
    'merges weighted_conversion states';

CREATE AGGREGATE kpicrm.conversion_rate(converted boolean, amount numeric) (
    SFUNC = kpicrm.weighted_conversion_transition,
    STYPE = kpicrm.weighted_conversion,
    INITCOND = '0/0 0/0 0',
    COMBINEFUNC = kpicrm.weighted_conversion_add,
    FINALFUNC = kpicrm.rate,
    MSFUNC = kpicrm.weighted_conversion_transition,
    MINVFUNC = kpicrm.weighted_conversion_inverse,
    MSTYPE = kpicrm.weighted_conversion,
    MINITCOND = '0/0 0/0 0',
    MFINALFUNC = kpicrm.rate,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.conversion_rate(boolean, numeric) IS
    'share of the amount that converted, 0 to 1; NULL if no amount was at stake';
