-- conversion: k of n.
--
-- How many of the decided cases converted: leads that became deals, deals that
-- were won, trials that were bought.  Written as 3/10.  A case that is not
-- decided yet (NULL) counts nowhere.

CREATE TYPE kpicrm.conversion;

CREATE FUNCTION kpicrm.conversion_in(cstring) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_in';
COMMENT ON FUNCTION kpicrm.conversion_in(cstring) IS
    'reads the text form of conversion';

CREATE FUNCTION kpicrm.conversion_out(kpicrm.conversion) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_out';
COMMENT ON FUNCTION kpicrm.conversion_out(kpicrm.conversion) IS
    'writes the text form of conversion';

CREATE FUNCTION kpicrm.conversion_recv(internal) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_recv';
COMMENT ON FUNCTION kpicrm.conversion_recv(internal) IS
    'reads the binary form of conversion';

CREATE FUNCTION kpicrm.conversion_send(kpicrm.conversion) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_send';
COMMENT ON FUNCTION kpicrm.conversion_send(kpicrm.conversion) IS
    'writes the binary form of conversion';

CREATE TYPE kpicrm.conversion (
    INPUT = kpicrm.conversion_in,
    OUTPUT = kpicrm.conversion_out,
    RECEIVE = kpicrm.conversion_recv,
    SEND = kpicrm.conversion_send,
    INTERNALLENGTH = 16,
    ALIGNMENT = double
);
COMMENT ON TYPE kpicrm.conversion IS
    'k of n: how many of the decided cases converted; written as 3/10';

CREATE FUNCTION kpicrm.conversion_transition(
    kpicrm.conversion,
    converted boolean
) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_transition';
COMMENT ON FUNCTION kpicrm.conversion_transition(kpicrm.conversion, boolean) IS
    'adds a row';

CREATE FUNCTION kpicrm.conversion_inverse(
    kpicrm.conversion,
    converted boolean
) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_inverse';
COMMENT ON FUNCTION kpicrm.conversion_inverse(kpicrm.conversion, boolean) IS
    'takes a row away that has been added';

CREATE FUNCTION kpicrm.conversion_add(
    kpicrm.conversion,
    kpicrm.conversion
) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_add';
COMMENT ON FUNCTION kpicrm.conversion_add(kpicrm.conversion, kpicrm.conversion) IS
    'implementation of +';

CREATE FUNCTION kpicrm.conversion_subtract(
    kpicrm.conversion,
    kpicrm.conversion
) RETURNS kpicrm.conversion
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_subtract';
COMMENT ON FUNCTION kpicrm.conversion_subtract(kpicrm.conversion, kpicrm.conversion) IS
    'implementation of -';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.conversion_add,
    LEFTARG = kpicrm.conversion,
    RIGHTARG = kpicrm.conversion,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.conversion, kpicrm.conversion) IS
    'the state of all cases of both';

CREATE OPERATOR kpicrm.- (
    FUNCTION = kpicrm.conversion_subtract,
    LEFTARG = kpicrm.conversion,
    RIGHTARG = kpicrm.conversion
);
COMMENT ON OPERATOR kpicrm.- (kpicrm.conversion, kpicrm.conversion) IS
    'the state without the cases of the second, which must be a part of the first';

CREATE FUNCTION kpicrm.conversion_eq(
    kpicrm.conversion,
    kpicrm.conversion
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_eq';
COMMENT ON FUNCTION kpicrm.conversion_eq(kpicrm.conversion, kpicrm.conversion) IS
    'implementation of =';

CREATE FUNCTION kpicrm.conversion_ne(
    kpicrm.conversion,
    kpicrm.conversion
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_ne';
COMMENT ON FUNCTION kpicrm.conversion_ne(kpicrm.conversion, kpicrm.conversion) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.conversion_hash(kpicrm.conversion) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_hash';
COMMENT ON FUNCTION kpicrm.conversion_hash(kpicrm.conversion) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.conversion_hash_extended(
    kpicrm.conversion,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_hash_extended';
COMMENT ON FUNCTION kpicrm.conversion_hash_extended(kpicrm.conversion, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.conversion_eq,
    LEFTARG = kpicrm.conversion,
    RIGHTARG = kpicrm.conversion,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.conversion, kpicrm.conversion) IS
    'the same counts, not only the same rate: 1/2 is not 2/4';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.conversion_ne,
    LEFTARG = kpicrm.conversion,
    RIGHTARG = kpicrm.conversion,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.conversion, kpicrm.conversion) IS
    'not the same counts';

CREATE OPERATOR CLASS kpicrm.conversion_hash_ops
    DEFAULT FOR TYPE kpicrm.conversion USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.conversion_hash(kpicrm.conversion),
        FUNCTION 2 kpicrm.conversion_hash_extended(kpicrm.conversion, bigint);
COMMENT ON OPERATOR CLASS kpicrm.conversion_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.conversion_hash_ops USING hash IS
    'hash functions of conversion';

CREATE FUNCTION kpicrm.rate(conversion kpicrm.conversion) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_rate';
COMMENT ON FUNCTION kpicrm.rate(kpicrm.conversion) IS
    'share that converted, 0 to 1; NULL if nothing was decided';

CREATE FUNCTION kpicrm.converted_count(conversion kpicrm.conversion) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_converted_count';
COMMENT ON FUNCTION kpicrm.converted_count(kpicrm.conversion) IS
    'number of cases that converted';

CREATE FUNCTION kpicrm.total_count(conversion kpicrm.conversion) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_total_count';
COMMENT ON FUNCTION kpicrm.total_count(kpicrm.conversion) IS
    'number of decided cases';

CREATE FUNCTION kpicrm.rate_lower(
    conversion kpicrm.conversion,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_rate_lower';
COMMENT ON FUNCTION kpicrm.rate_lower(kpicrm.conversion, double precision) IS
    'lower end of the Wilson score interval of the rate at this confidence (0.95 is 95 percent); NULL if nothing was decided';

CREATE FUNCTION kpicrm.rate_upper(
    conversion kpicrm.conversion,
    confidence double precision DEFAULT 0.95
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_conversion_rate_upper';
COMMENT ON FUNCTION kpicrm.rate_upper(kpicrm.conversion, double precision) IS
    'upper end of the Wilson score interval of the rate at this confidence (0.95 is 95 percent); NULL if nothing was decided';

-- Fisher's exact test is some hundred steps of arithmetic, whatever the counts.
CREATE FUNCTION kpicrm.compare(
    conversion1 kpicrm.conversion,
    conversion2 kpicrm.conversion
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'kpicrm_conversion_compare';
COMMENT ON FUNCTION kpicrm.compare(kpicrm.conversion, kpicrm.conversion) IS
    'two-sided p-value that both have one underlying rate, small if they differ; Fisher''s exact test for at most 1000 cases or an expected count below 5, else chi-square; NULL if either is empty';

CREATE AGGREGATE kpicrm.conversion_agg(converted boolean) (
    SFUNC = kpicrm.conversion_transition,
    STYPE = kpicrm.conversion,
    INITCOND = '0/0',
    COMBINEFUNC = kpicrm.conversion_add,
    MSFUNC = kpicrm.conversion_transition,
    MINVFUNC = kpicrm.conversion_inverse,
    MSTYPE = kpicrm.conversion,
    MINITCOND = '0/0',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.conversion_agg(boolean) IS
    'conversion of the rows: true converted, false did not, NULL is undecided and not counted';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.conversion) (
    SFUNC = kpicrm.conversion_add,
    STYPE = kpicrm.conversion,
    INITCOND = '0/0',
    COMBINEFUNC = kpicrm.conversion_add,
    MSFUNC = kpicrm.conversion_add,
    MINVFUNC = kpicrm.conversion_subtract,
    MSTYPE = kpicrm.conversion,
    MINITCOND = '0/0',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.conversion) IS
    'merges conversion states';

CREATE AGGREGATE kpicrm.conversion_rate(converted boolean) (
    SFUNC = kpicrm.conversion_transition,
    STYPE = kpicrm.conversion,
    INITCOND = '0/0',
    COMBINEFUNC = kpicrm.conversion_add,
    FINALFUNC = kpicrm.rate,
    MSFUNC = kpicrm.conversion_transition,
    MINVFUNC = kpicrm.conversion_inverse,
    MSTYPE = kpicrm.conversion,
    MINITCOND = '0/0',
    MFINALFUNC = kpicrm.rate,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.conversion_rate(boolean) IS
    'share of the decided rows that converted, 0 to 1; NULL if nothing was decided';
