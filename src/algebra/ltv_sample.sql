-- ltv_sample: what an ltv_model is fitted to.
--
-- How many customers have which history: how often they came back (frequency), when
-- they did last (recency) and how long they have been customers (age), with the mean
-- of what they spent on a day they came back.  As of a day, in whole UTC days, of
-- which each with an order is one transaction; or in plain numbers of any unit.
--
-- Samples add up as all states do; period and variant travel in them, so that the
-- fit needs nothing else.  At most 16,777,216 distinct histories.

CREATE TYPE kpicrm.ltv_sample;

CREATE FUNCTION kpicrm.ltv_sample_in(cstring) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_in';
COMMENT ON FUNCTION kpicrm.ltv_sample_in(cstring) IS
    'reads the text form of ltv_sample';

CREATE FUNCTION kpicrm.ltv_sample_out(kpicrm.ltv_sample) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_out';
COMMENT ON FUNCTION kpicrm.ltv_sample_out(kpicrm.ltv_sample) IS
    'writes the text form of ltv_sample';

CREATE FUNCTION kpicrm.ltv_sample_recv(internal) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_recv';
COMMENT ON FUNCTION kpicrm.ltv_sample_recv(internal) IS
    'reads the binary form of ltv_sample';

CREATE FUNCTION kpicrm.ltv_sample_send(kpicrm.ltv_sample) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_send';
COMMENT ON FUNCTION kpicrm.ltv_sample_send(kpicrm.ltv_sample) IS
    'writes the binary form of ltv_sample';

CREATE TYPE kpicrm.ltv_sample (
    INPUT = kpicrm.ltv_sample_in,
    OUTPUT = kpicrm.ltv_sample_out,
    RECEIVE = kpicrm.ltv_sample_recv,
    SEND = kpicrm.ltv_sample_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.ltv_sample IS
    'how many customers have which history of orders, to fit an ltv_model to; written as frequency, recency, age, mean value if known and number of customers of each';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of timestamp with time zone
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, timestamp with time zone) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of timestamp with time zone,
    period interval
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, timestamp with time zone, interval) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of timestamp with time zone,
    period interval,
    variant text
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_timestamptz';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, timestamp with time zone, interval, text) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of date
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_date';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, date) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of date,
    period interval
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_date';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, date, interval) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    purchases kpicrm.purchases,
    as_of date,
    period interval,
    variant text
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_date';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, kpicrm.purchases, date, interval, text) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    frequency bigint,
    recency double precision,
    age double precision,
    monetary_value double precision
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_numbers';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, bigint, double precision, double precision, double precision) IS
    'adds a customer';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    frequency bigint,
    recency double precision,
    age double precision,
    monetary_value double precision,
    weight bigint
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_numbers';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, bigint, double precision, double precision, double precision, bigint) IS
    'adds customers of one history';

CREATE FUNCTION kpicrm.ltv_sample_transition(
    kpicrm.ltv_sample,
    frequency bigint,
    recency double precision,
    age double precision,
    monetary_value double precision,
    weight bigint,
    variant text
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_transition_numbers';
COMMENT ON FUNCTION kpicrm.ltv_sample_transition(kpicrm.ltv_sample, bigint, double precision, double precision, double precision, bigint, text) IS
    'adds customers of one history';

CREATE FUNCTION kpicrm.ltv_sample_add(
    kpicrm.ltv_sample,
    kpicrm.ltv_sample
) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_add';
COMMENT ON FUNCTION kpicrm.ltv_sample_add(kpicrm.ltv_sample, kpicrm.ltv_sample) IS
    'implementation of +';

CREATE FUNCTION kpicrm.ltv_sample_final(kpicrm.ltv_sample) RETURNS kpicrm.ltv_sample
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_final';
COMMENT ON FUNCTION kpicrm.ltv_sample_final(kpicrm.ltv_sample) IS
    'brings the state into its canonical form';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.ltv_sample_add,
    LEFTARG = kpicrm.ltv_sample,
    RIGHTARG = kpicrm.ltv_sample,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.ltv_sample, kpicrm.ltv_sample) IS
    'the sample of the customers of both';

CREATE FUNCTION kpicrm.customer_count(ltv_sample kpicrm.ltv_sample) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_sample_customer_count';
COMMENT ON FUNCTION kpicrm.customer_count(kpicrm.ltv_sample) IS
    'number of customers in the sample';

CREATE AGGREGATE kpicrm.ltv_sample_agg(purchases kpicrm.purchases, as_of timestamp with time zone, period interval, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_sample_final,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_sample_agg(kpicrm.purchases, timestamp with time zone, interval, text) IS
    'histories of customers as of a day, for a model with times in this period; variant is BG/NBD or MBG/NBD';

CREATE AGGREGATE kpicrm.ltv_sample_agg(purchases kpicrm.purchases, as_of date, period interval, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_sample_final,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_sample_agg(kpicrm.purchases, date, interval, text) IS
    'histories of customers as of a day, for a model with times in this period; variant is BG/NBD or MBG/NBD';

CREATE AGGREGATE kpicrm.ltv_sample_agg(frequency bigint, recency double precision, age double precision, monetary_value double precision, weight bigint, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_sample_final,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_sample_agg(bigint, double precision, double precision, double precision, bigint, text) IS
    'histories in plain numbers, each of weight customers; variant is BG/NBD or MBG/NBD';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.ltv_sample) (
    SFUNC = kpicrm.ltv_sample_add,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_sample_final,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.ltv_sample) IS
    'merges samples of different customers';
