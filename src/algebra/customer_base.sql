-- customer_base: the distinct customers of a group and what they bought.
--
-- One key per customer (bigint 8 and uuid 16 bytes exactly; text as a hash of
-- 128 bits, so that two of 16 million customers fall together about once in
-- 10^24 groups, unless somebody makes them collide on purpose; texts are the
-- same if their bytes are), and the sums of amounts and costs.  Up to
-- 16,777,216 customers; while it is built a state takes up to 22 (bigint) or 43
-- bytes a customer, and twice that at the moment it grows.
--
-- Built from the purchases states of single customers it holds no keys
-- ("counted") and does not grow, but each state that is merged must be another
-- customer.
--
-- Rows without customer or amount are skipped; with the form that has a cost,
-- rows without cost are left out and counted by invalid_count().  Negative
-- amounts lower the sums.

CREATE TYPE kpicrm.customer_base;

CREATE FUNCTION kpicrm.customer_base_in(cstring) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_in';
COMMENT ON FUNCTION kpicrm.customer_base_in(cstring) IS
    'reads the text form of customer_base';

CREATE FUNCTION kpicrm.customer_base_out(kpicrm.customer_base) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_out';
COMMENT ON FUNCTION kpicrm.customer_base_out(kpicrm.customer_base) IS
    'writes the text form of customer_base';

CREATE FUNCTION kpicrm.customer_base_recv(internal) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_recv';
COMMENT ON FUNCTION kpicrm.customer_base_recv(internal) IS
    'reads the binary form of customer_base';

CREATE FUNCTION kpicrm.customer_base_send(kpicrm.customer_base) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_send';
COMMENT ON FUNCTION kpicrm.customer_base_send(kpicrm.customer_base) IS
    'writes the binary form of customer_base';

CREATE TYPE kpicrm.customer_base (
    INPUT = kpicrm.customer_base_in,
    OUTPUT = kpicrm.customer_base_out,
    RECEIVE = kpicrm.customer_base_recv,
    SEND = kpicrm.customer_base_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.customer_base IS
    'the distinct customers of a group, their orders, revenue and cost';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer bigint,
    amount numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_bigint';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, bigint, numeric) IS
    'adds an order';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer bigint,
    amount numeric,
    cost numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_bigint';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, bigint, numeric, numeric) IS
    'adds an order with its cost';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer uuid,
    amount numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_uuid';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, uuid, numeric) IS
    'adds an order';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer uuid,
    amount numeric,
    cost numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_uuid';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, uuid, numeric, numeric) IS
    'adds an order with its cost';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer text,
    amount numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_text';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, text, numeric) IS
    'adds an order';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    customer text,
    amount numeric,
    cost numeric
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_text';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, text, numeric, numeric) IS
    'adds an order with its cost';

CREATE FUNCTION kpicrm.customer_base_transition(
    kpicrm.customer_base,
    purchases kpicrm.purchases
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_transition_purchases';
COMMENT ON FUNCTION kpicrm.customer_base_transition(kpicrm.customer_base, kpicrm.purchases) IS
    'adds a customer';

CREATE FUNCTION kpicrm.customer_base_add(
    kpicrm.customer_base,
    kpicrm.customer_base
) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_add';
COMMENT ON FUNCTION kpicrm.customer_base_add(kpicrm.customer_base, kpicrm.customer_base) IS
    'implementation of +';

CREATE FUNCTION kpicrm.customer_base_final(kpicrm.customer_base) RETURNS kpicrm.customer_base
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_final';
COMMENT ON FUNCTION kpicrm.customer_base_final(kpicrm.customer_base) IS
    'brings the state into its canonical form';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.customer_base_add,
    LEFTARG = kpicrm.customer_base,
    RIGHTARG = kpicrm.customer_base,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.customer_base, kpicrm.customer_base) IS
    'the state of all rows of both';

CREATE FUNCTION kpicrm.customer_base_eq(
    kpicrm.customer_base,
    kpicrm.customer_base
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_eq';
COMMENT ON FUNCTION kpicrm.customer_base_eq(kpicrm.customer_base, kpicrm.customer_base) IS
    'implementation of =';

CREATE FUNCTION kpicrm.customer_base_ne(
    kpicrm.customer_base,
    kpicrm.customer_base
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_ne';
COMMENT ON FUNCTION kpicrm.customer_base_ne(kpicrm.customer_base, kpicrm.customer_base) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.customer_base_hash(kpicrm.customer_base) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_hash';
COMMENT ON FUNCTION kpicrm.customer_base_hash(kpicrm.customer_base) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.customer_base_hash_extended(
    kpicrm.customer_base,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_hash_extended';
COMMENT ON FUNCTION kpicrm.customer_base_hash_extended(kpicrm.customer_base, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.customer_base_eq,
    LEFTARG = kpicrm.customer_base,
    RIGHTARG = kpicrm.customer_base,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.customer_base, kpicrm.customer_base) IS
    'the same state';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.customer_base_ne,
    LEFTARG = kpicrm.customer_base,
    RIGHTARG = kpicrm.customer_base,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.customer_base, kpicrm.customer_base) IS
    'not the same state';

CREATE OPERATOR CLASS kpicrm.customer_base_hash_ops
    DEFAULT FOR TYPE kpicrm.customer_base USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.customer_base_hash(kpicrm.customer_base),
        FUNCTION 2 kpicrm.customer_base_hash_extended(kpicrm.customer_base, bigint);
COMMENT ON OPERATOR CLASS kpicrm.customer_base_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.customer_base_hash_ops USING hash IS
    'hash functions of customer_base';

CREATE FUNCTION kpicrm.customer_count(customer_base kpicrm.customer_base) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_customer_count';
COMMENT ON FUNCTION kpicrm.customer_count(kpicrm.customer_base) IS
    'number of distinct customers';

CREATE FUNCTION kpicrm.order_count(customer_base kpicrm.customer_base) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_order_count';
COMMENT ON FUNCTION kpicrm.order_count(kpicrm.customer_base) IS
    'number of orders';

CREATE FUNCTION kpicrm.invalid_count(customer_base kpicrm.customer_base) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_invalid_count';
COMMENT ON FUNCTION kpicrm.invalid_count(kpicrm.customer_base) IS
    'number of orders left out because their cost is unknown';

CREATE FUNCTION kpicrm.revenue(customer_base kpicrm.customer_base) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_revenue';
COMMENT ON FUNCTION kpicrm.revenue(kpicrm.customer_base) IS
    'sum of the amounts';

CREATE FUNCTION kpicrm.cost(customer_base kpicrm.customer_base) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_cost';
COMMENT ON FUNCTION kpicrm.cost(kpicrm.customer_base) IS
    'sum of the costs; NULL if the state was built without cost';

CREATE FUNCTION kpicrm.margin(customer_base kpicrm.customer_base) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_margin';
COMMENT ON FUNCTION kpicrm.margin(kpicrm.customer_base) IS
    'revenue less cost; NULL if the state was built without cost';

CREATE FUNCTION kpicrm.ltv(customer_base kpicrm.customer_base) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_customer_base_ltv';
COMMENT ON FUNCTION kpicrm.ltv(kpicrm.customer_base) IS
    'realised lifetime value: revenue (less cost, if it was given) per customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv_agg(customer bigint, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(bigint, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(customer bigint, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(bigint, numeric, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(customer uuid, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(uuid, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(customer uuid, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(uuid, numeric, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(customer text, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(text, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(customer text, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(text, numeric, numeric) IS
    'customer_base of the orders';

CREATE AGGREGATE kpicrm.ltv_agg(purchases kpicrm.purchases) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.ltv_agg(kpicrm.purchases) IS
    'customer_base of the orders, one state a customer; does not grow';

CREATE AGGREGATE kpicrm.ltv(customer bigint, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(bigint, numeric) IS
    'realised lifetime value: revenue per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(customer bigint, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(bigint, numeric, numeric) IS
    'realised lifetime value: revenue less cost per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(customer uuid, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(uuid, numeric) IS
    'realised lifetime value: revenue per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(customer uuid, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(uuid, numeric, numeric) IS
    'realised lifetime value: revenue less cost per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(customer text, amount numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(text, numeric) IS
    'realised lifetime value: revenue per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(customer text, amount numeric, cost numeric) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(text, numeric, numeric) IS
    'realised lifetime value: revenue less cost per distinct customer; NULL without customers';

CREATE AGGREGATE kpicrm.ltv(purchases kpicrm.purchases) (
    SFUNC = kpicrm.customer_base_transition,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.ltv
);
COMMENT ON AGGREGATE kpicrm.ltv(kpicrm.purchases) IS
    'realised lifetime value, one state a customer; does not grow';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.customer_base) (
    SFUNC = kpicrm.customer_base_add,
    STYPE = kpicrm.customer_base,
    SSPACE = 400,
    INITCOND = 'empty',
    COMBINEFUNC = kpicrm.customer_base_add,
    PARALLEL = SAFE,
    FINALFUNC = kpicrm.customer_base_final
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.customer_base) IS
    'merges customer_base states; the same customer in two of them counts once';
