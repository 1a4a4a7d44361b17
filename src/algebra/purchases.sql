-- purchases: one customer's history.
--
-- The orders, amount and cost of each day, and the instants of the first and the
-- last order; a merge of any parts in any order is the same state.  Each row is
-- an order, whatever its amount: leave refunds out with FILTER, or let them
-- lower the revenue of their day.
--
-- The day of a timestamptz is its UTC day.  For the days of a place pass dates:
--   kpicrm.purchase_agg(amount, (purchased_at AT TIME ZONE 'Asia/Tokyo')::date)
--
-- Rows without amount or time are skipped; with the form that has a cost, rows
-- without cost are left out and counted by invalid_count().  At most 1,000,000
-- days; amounts are exact decimals of at most 38 digits, 30 after the point.

CREATE TYPE kpicrm.purchases;

CREATE FUNCTION kpicrm.purchases_in(cstring) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_in';
COMMENT ON FUNCTION kpicrm.purchases_in(cstring) IS
    'reads the text form of purchases';

CREATE FUNCTION kpicrm.purchases_out(kpicrm.purchases) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_out';
COMMENT ON FUNCTION kpicrm.purchases_out(kpicrm.purchases) IS
    'writes the text form of purchases';

CREATE FUNCTION kpicrm.purchases_recv(internal) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_recv';
COMMENT ON FUNCTION kpicrm.purchases_recv(internal) IS
    'reads the binary form of purchases';

CREATE FUNCTION kpicrm.purchases_send(kpicrm.purchases) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_send';
COMMENT ON FUNCTION kpicrm.purchases_send(kpicrm.purchases) IS
    'writes the binary form of purchases';

CREATE TYPE kpicrm.purchases (
    INPUT = kpicrm.purchases_in,
    OUTPUT = kpicrm.purchases_out,
    RECEIVE = kpicrm.purchases_recv,
    SEND = kpicrm.purchases_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.purchases IS
    'one customer''s history: orders, amount and cost of each day, first and last instant (UTC)';

CREATE FUNCTION kpicrm.purchases_transition(
    kpicrm.purchases,
    amount numeric,
    purchased_at timestamp with time zone
) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.purchases_transition(kpicrm.purchases, numeric, timestamp with time zone) IS
    'adds an order';

CREATE FUNCTION kpicrm.purchases_transition(
    kpicrm.purchases,
    amount numeric,
    purchased_at timestamp with time zone,
    cost numeric
) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.purchases_transition(kpicrm.purchases, numeric, timestamp with time zone, numeric) IS
    'adds an order with its cost';

CREATE FUNCTION kpicrm.purchases_transition(
    kpicrm.purchases,
    amount numeric,
    purchased_on date
) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_transition_date';
COMMENT ON FUNCTION kpicrm.purchases_transition(kpicrm.purchases, numeric, date) IS
    'adds an order';

CREATE FUNCTION kpicrm.purchases_transition(
    kpicrm.purchases,
    amount numeric,
    purchased_on date,
    cost numeric
) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_transition_date';
COMMENT ON FUNCTION kpicrm.purchases_transition(kpicrm.purchases, numeric, date, numeric) IS
    'adds an order with its cost';

CREATE FUNCTION kpicrm.purchases_add(
    kpicrm.purchases,
    kpicrm.purchases
) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_add';
COMMENT ON FUNCTION kpicrm.purchases_add(kpicrm.purchases, kpicrm.purchases) IS
    'implementation of +';

CREATE FUNCTION kpicrm.purchases_final(kpicrm.purchases) RETURNS kpicrm.purchases
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_final';
COMMENT ON FUNCTION kpicrm.purchases_final(kpicrm.purchases) IS
    'brings the state into its canonical form';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.purchases_add,
    LEFTARG = kpicrm.purchases,
    RIGHTARG = kpicrm.purchases,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.purchases, kpicrm.purchases) IS
    'the state of all rows of both';

CREATE FUNCTION kpicrm.purchases_eq(
    kpicrm.purchases,
    kpicrm.purchases
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_eq';
COMMENT ON FUNCTION kpicrm.purchases_eq(kpicrm.purchases, kpicrm.purchases) IS
    'implementation of =';

CREATE FUNCTION kpicrm.purchases_ne(
    kpicrm.purchases,
    kpicrm.purchases
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_ne';
COMMENT ON FUNCTION kpicrm.purchases_ne(kpicrm.purchases, kpicrm.purchases) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.purchases_hash(kpicrm.purchases) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_hash';
COMMENT ON FUNCTION kpicrm.purchases_hash(kpicrm.purchases) IS
    'hash value, equal for equal states';

CREATE FUNCTION kpicrm.purchases_hash_extended(
    kpicrm.purchases,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_hash_extended';
COMMENT ON FUNCTION kpicrm.purchases_hash_extended(kpicrm.purchases, bigint) IS
    'hash value with a seed, equal for equal states';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.purchases_eq,
    LEFTARG = kpicrm.purchases,
    RIGHTARG = kpicrm.purchases,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.purchases, kpicrm.purchases) IS
    'the same state';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.purchases_ne,
    LEFTARG = kpicrm.purchases,
    RIGHTARG = kpicrm.purchases,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.purchases, kpicrm.purchases) IS
    'not the same state';

CREATE OPERATOR CLASS kpicrm.purchases_hash_ops
    DEFAULT FOR TYPE kpicrm.purchases USING hash AS
        OPERATOR 1 kpicrm.=,
        FUNCTION 1 kpicrm.purchases_hash(kpicrm.purchases),
        FUNCTION 2 kpicrm.purchases_hash_extended(kpicrm.purchases, bigint);
COMMENT ON OPERATOR CLASS kpicrm.purchases_hash_ops USING hash IS
    'lets states be grouped, made distinct and joined by hash';
COMMENT ON OPERATOR FAMILY kpicrm.purchases_hash_ops USING hash IS
    'hash functions of purchases';

CREATE FUNCTION kpicrm.order_count(purchases kpicrm.purchases) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_order_count';
COMMENT ON FUNCTION kpicrm.order_count(kpicrm.purchases) IS
    'number of orders';

CREATE FUNCTION kpicrm.order_day_count(purchases kpicrm.purchases) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_order_day_count';
COMMENT ON FUNCTION kpicrm.order_day_count(kpicrm.purchases) IS
    'number of distinct days with an order';

CREATE FUNCTION kpicrm.repeat_count(purchases kpicrm.purchases) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_repeat_count';
COMMENT ON FUNCTION kpicrm.repeat_count(kpicrm.purchases) IS
    'number of order days after the first';

CREATE FUNCTION kpicrm.invalid_count(purchases kpicrm.purchases) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_invalid_count';
COMMENT ON FUNCTION kpicrm.invalid_count(kpicrm.purchases) IS
    'number of orders left out because their cost is unknown';

CREATE FUNCTION kpicrm.first_purchase_at(purchases kpicrm.purchases) RETURNS timestamp with time zone
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_first_purchase_at';
COMMENT ON FUNCTION kpicrm.first_purchase_at(kpicrm.purchases) IS
    'instant of the first order; NULL if there is none';

CREATE FUNCTION kpicrm.last_purchase_at(purchases kpicrm.purchases) RETURNS timestamp with time zone
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_last_purchase_at';
COMMENT ON FUNCTION kpicrm.last_purchase_at(kpicrm.purchases) IS
    'instant of the last order; NULL if there is none';

CREATE FUNCTION kpicrm.revenue(purchases kpicrm.purchases) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_revenue';
COMMENT ON FUNCTION kpicrm.revenue(kpicrm.purchases) IS
    'sum of the amounts';

CREATE FUNCTION kpicrm.cost(purchases kpicrm.purchases) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_cost';
COMMENT ON FUNCTION kpicrm.cost(kpicrm.purchases) IS
    'sum of the costs; NULL if the state was built without cost';

CREATE FUNCTION kpicrm.margin(purchases kpicrm.purchases) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_margin';
COMMENT ON FUNCTION kpicrm.margin(kpicrm.purchases) IS
    'revenue less cost; NULL if the state was built without cost';

CREATE FUNCTION kpicrm.average_order_value(purchases kpicrm.purchases) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_average_order_value';
COMMENT ON FUNCTION kpicrm.average_order_value(kpicrm.purchases) IS
    'revenue per order; NULL without orders';

CREATE FUNCTION kpicrm.average_repeat_value(purchases kpicrm.purchases) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_purchases_average_repeat_value';
COMMENT ON FUNCTION kpicrm.average_repeat_value(kpicrm.purchases) IS
    'revenue per order day after the first; NULL without a second day';

CREATE AGGREGATE kpicrm.purchase_agg(amount numeric, purchased_at timestamp with time zone) (
    SFUNC = kpicrm.purchases_transition,
    STYPE = kpicrm.purchases,
    SSPACE = 400,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.purchases_final,
    COMBINEFUNC = kpicrm.purchases_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.purchase_agg(numeric, timestamp with time zone) IS
    'one customer''s history; rows without amount or time are skipped; days are UTC days';

CREATE AGGREGATE kpicrm.purchase_agg(amount numeric, purchased_at timestamp with time zone, cost numeric) (
    SFUNC = kpicrm.purchases_transition,
    STYPE = kpicrm.purchases,
    SSPACE = 400,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.purchases_final,
    COMBINEFUNC = kpicrm.purchases_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.purchase_agg(numeric, timestamp with time zone, numeric) IS
    'one customer''s history; rows without amount or time are skipped, rows without cost left out and counted; days are UTC days';

CREATE AGGREGATE kpicrm.purchase_agg(amount numeric, purchased_on date) (
    SFUNC = kpicrm.purchases_transition,
    STYPE = kpicrm.purchases,
    SSPACE = 400,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.purchases_final,
    COMBINEFUNC = kpicrm.purchases_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.purchase_agg(numeric, date) IS
    'one customer''s history; rows without amount or time are skipped';

CREATE AGGREGATE kpicrm.purchase_agg(amount numeric, purchased_on date, cost numeric) (
    SFUNC = kpicrm.purchases_transition,
    STYPE = kpicrm.purchases,
    SSPACE = 400,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.purchases_final,
    COMBINEFUNC = kpicrm.purchases_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.purchase_agg(numeric, date, numeric) IS
    'one customer''s history; rows without amount or time are skipped, rows without cost left out and counted';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.purchases) (
    SFUNC = kpicrm.purchases_add,
    STYPE = kpicrm.purchases,
    SSPACE = 400,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.purchases_final,
    COMBINEFUNC = kpicrm.purchases_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.purchases) IS
    'merges parts of one customer''s history';
