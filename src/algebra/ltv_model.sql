-- ltv_model: what customers are expected to be worth.
--
-- For customers without a contract, who order when they like and leave without a
-- word.  Two models fitted together by maximum likelihood: BG/NBD (or its variant
-- MBG/NBD) says how many orders are to come, Gamma-Gamma what one of them is worth.
--
-- A model that did not converge predicts nothing: NULL, and status() and
-- value_status() say why.  Those who have plain numbers instead of purchases use the
-- forms with frequency, recency and age.

CREATE TYPE kpicrm.ltv_model;

CREATE FUNCTION kpicrm.ltv_model_in(cstring) RETURNS kpicrm.ltv_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_in';
COMMENT ON FUNCTION kpicrm.ltv_model_in(cstring) IS
    'reads the text form of ltv_model';

CREATE FUNCTION kpicrm.ltv_model_out(kpicrm.ltv_model) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_out';
COMMENT ON FUNCTION kpicrm.ltv_model_out(kpicrm.ltv_model) IS
    'writes the text form of ltv_model';

CREATE FUNCTION kpicrm.ltv_model_recv(internal) RETURNS kpicrm.ltv_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_recv';
COMMENT ON FUNCTION kpicrm.ltv_model_recv(internal) IS
    'reads the binary form of ltv_model';

CREATE FUNCTION kpicrm.ltv_model_send(kpicrm.ltv_model) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_send';
COMMENT ON FUNCTION kpicrm.ltv_model_send(kpicrm.ltv_model) IS
    'writes the binary form of ltv_model';

CREATE TYPE kpicrm.ltv_model (
    INPUT = kpicrm.ltv_model_in,
    OUTPUT = kpicrm.ltv_model_out,
    RECEIVE = kpicrm.ltv_model_recv,
    SEND = kpicrm.ltv_model_send,
    INTERNALLENGTH = 200,
    ALIGNMENT = double
);
COMMENT ON TYPE kpicrm.ltv_model IS
    'a model of the orders to come and of their value: parameters with standard errors, log-likelihoods, statuses, and what it was fitted to';

CREATE FUNCTION kpicrm.ltv_fit(ltv_sample kpicrm.ltv_sample) RETURNS kpicrm.ltv_model
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 1000000 AS 'MODULE_PATHNAME', 'kpicrm_ltv_fit_sql';
COMMENT ON FUNCTION kpicrm.ltv_fit(kpicrm.ltv_sample) IS
    'the model that makes the sample most likely';

CREATE FUNCTION kpicrm.status(ltv_model kpicrm.ltv_model) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_status';
COMMENT ON FUNCTION kpicrm.status(kpicrm.ltv_model) IS
    'converged, or why the model predicts no orders';

CREATE FUNCTION kpicrm.value_status(ltv_model kpicrm.ltv_model) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_value_status';
COMMENT ON FUNCTION kpicrm.value_status(kpicrm.ltv_model) IS
    'converged, or why the model predicts no order value';

CREATE FUNCTION kpicrm.converged(ltv_model kpicrm.ltv_model) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_converged';
COMMENT ON FUNCTION kpicrm.converged(kpicrm.ltv_model) IS
    'whether the model predicts orders';

CREATE FUNCTION kpicrm.value_converged(ltv_model kpicrm.ltv_model) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_value_converged';
COMMENT ON FUNCTION kpicrm.value_converged(kpicrm.ltv_model) IS
    'whether the model predicts the value of an order';

CREATE FUNCTION kpicrm.log_likelihood(ltv_model kpicrm.ltv_model) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_log_likelihood';
COMMENT ON FUNCTION kpicrm.log_likelihood(kpicrm.ltv_model) IS
    'log-likelihood of the orders, times in periods; NULL if there was nothing to fit';

CREATE FUNCTION kpicrm.value_log_likelihood(ltv_model kpicrm.ltv_model) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_value_log_likelihood';
COMMENT ON FUNCTION kpicrm.value_log_likelihood(kpicrm.ltv_model) IS
    'log-likelihood of the values; NULL if there was nothing to fit';

CREATE FUNCTION kpicrm.customer_count(ltv_model kpicrm.ltv_model) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_customer_count';
COMMENT ON FUNCTION kpicrm.customer_count(kpicrm.ltv_model) IS
    'number of customers the model was fitted to';

CREATE FUNCTION kpicrm.repeat_count(ltv_model kpicrm.ltv_model) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_repeat_count';
COMMENT ON FUNCTION kpicrm.repeat_count(kpicrm.ltv_model) IS
    'number of customers who came back';

CREATE FUNCTION kpicrm.value_count(ltv_model kpicrm.ltv_model) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_value_count';
COMMENT ON FUNCTION kpicrm.value_count(kpicrm.ltv_model) IS
    'number of customers who came back and spent, to whom the values were fitted';

CREATE FUNCTION kpicrm.variant(ltv_model kpicrm.ltv_model) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_variant';
COMMENT ON FUNCTION kpicrm.variant(kpicrm.ltv_model) IS
    'BG/NBD or MBG/NBD; NULL if there were no rows';

CREATE FUNCTION kpicrm.period(ltv_model kpicrm.ltv_model) RETURNS interval
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_period';
COMMENT ON FUNCTION kpicrm.period(kpicrm.ltv_model) IS
    'unit of time of the parameters; NULL if the model was fitted to plain numbers';

CREATE FUNCTION kpicrm.as_of(ltv_model kpicrm.ltv_model) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_as_of';
COMMENT ON FUNCTION kpicrm.as_of(kpicrm.ltv_model) IS
    'day to the end of which orders were seen; NULL if the model was fitted to plain numbers';

CREATE FUNCTION kpicrm.parameters(
    ltv_model kpicrm.ltv_model,
    OUT name text,
    OUT value double precision,
    OUT standard_error double precision
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 7 AS 'MODULE_PATHNAME', 'kpicrm_ltv_model_parameters';
COMMENT ON FUNCTION kpicrm.parameters(kpicrm.ltv_model) IS
    'r, alpha, a, b of the orders and p, q, v of the values, with standard errors; NULL where there is no estimate';

CREATE FUNCTION kpicrm.expected_orders(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of timestamp with time zone,
    horizon interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_orders_timestamptz';
COMMENT ON FUNCTION kpicrm.expected_orders(kpicrm.ltv_model, kpicrm.purchases, timestamp with time zone, interval) IS
    'days with an order expected of the customer until horizon after as_of; NULL if the model has not converged or the customer has no order by then';

CREATE FUNCTION kpicrm.expected_orders(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of date,
    horizon interval
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_orders_date';
COMMENT ON FUNCTION kpicrm.expected_orders(kpicrm.ltv_model, kpicrm.purchases, date, interval) IS
    'days with an order expected of the customer until horizon after as_of; NULL if the model has not converged or the customer has no order by then';

CREATE FUNCTION kpicrm.expected_orders(
    ltv_model kpicrm.ltv_model,
    frequency bigint,
    recency double precision,
    age double precision,
    horizon double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_orders_numbers';
COMMENT ON FUNCTION kpicrm.expected_orders(kpicrm.ltv_model, bigint, double precision, double precision, double precision) IS
    'orders expected of a customer with this history until horizon, in the unit of recency and age; NULL if the model has not converged';

CREATE FUNCTION kpicrm.alive_probability(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of timestamp with time zone
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_alive_probability_timestamptz';
COMMENT ON FUNCTION kpicrm.alive_probability(kpicrm.ltv_model, kpicrm.purchases, timestamp with time zone) IS
    'probability that the customer has not stopped ordering by as_of; NULL if the model has not converged or the customer has no order by then';

CREATE FUNCTION kpicrm.alive_probability(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of date
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_alive_probability_date';
COMMENT ON FUNCTION kpicrm.alive_probability(kpicrm.ltv_model, kpicrm.purchases, date) IS
    'probability that the customer has not stopped ordering by as_of; NULL if the model has not converged or the customer has no order by then';

CREATE FUNCTION kpicrm.alive_probability(
    ltv_model kpicrm.ltv_model,
    frequency bigint,
    recency double precision,
    age double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_alive_probability_numbers';
COMMENT ON FUNCTION kpicrm.alive_probability(kpicrm.ltv_model, bigint, double precision, double precision) IS
    'probability that a customer with this history has not stopped ordering; NULL if the model has not converged';

CREATE FUNCTION kpicrm.expected_order_value(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_order_value';
COMMENT ON FUNCTION kpicrm.expected_order_value(kpicrm.ltv_model, kpicrm.purchases) IS
    'value expected of a day with an order of the customer; NULL if the model has not converged, if it has no finite mean, or if the repeat orders come to nothing';

CREATE FUNCTION kpicrm.expected_order_value(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of timestamp with time zone
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_order_value_timestamptz';
COMMENT ON FUNCTION kpicrm.expected_order_value(kpicrm.ltv_model, kpicrm.purchases, timestamp with time zone) IS
    'the same from the orders until as_of';

CREATE FUNCTION kpicrm.expected_order_value(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of date
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_order_value_date';
COMMENT ON FUNCTION kpicrm.expected_order_value(kpicrm.ltv_model, kpicrm.purchases, date) IS
    'the same from the orders until as_of';

CREATE FUNCTION kpicrm.expected_order_value(
    ltv_model kpicrm.ltv_model,
    frequency bigint,
    monetary_value double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_expected_order_value_numbers';
COMMENT ON FUNCTION kpicrm.expected_order_value(kpicrm.ltv_model, bigint, double precision) IS
    'value expected of an order of a customer whose repeat orders, so many, have this mean; NULL as for purchases';

CREATE FUNCTION kpicrm.ltv(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of timestamp with time zone,
    horizon interval,
    gross_margin double precision,
    discount_rate double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 300 AS 'MODULE_PATHNAME', 'kpicrm_ltv_timestamptz';
COMMENT ON FUNCTION kpicrm.ltv(kpicrm.ltv_model, kpicrm.purchases, timestamp with time zone, interval, double precision, double precision) IS
    'present value of the margin expected of the customer until horizon after as_of, discounted by a rate per year of 365 days; NULL if either part of the model has not converged';

CREATE FUNCTION kpicrm.ltv(
    ltv_model kpicrm.ltv_model,
    purchases kpicrm.purchases,
    as_of date,
    horizon interval,
    gross_margin double precision,
    discount_rate double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 300 AS 'MODULE_PATHNAME', 'kpicrm_ltv_date';
COMMENT ON FUNCTION kpicrm.ltv(kpicrm.ltv_model, kpicrm.purchases, date, interval, double precision, double precision) IS
    'present value of the margin expected of the customer until horizon after as_of, discounted by a rate per year of 365 days; NULL if either part of the model has not converged';

CREATE FUNCTION kpicrm.ltv(
    ltv_model kpicrm.ltv_model,
    frequency bigint,
    recency double precision,
    age double precision,
    monetary_value double precision,
    horizon double precision,
    gross_margin double precision,
    discount_rate double precision
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 300 AS 'MODULE_PATHNAME', 'kpicrm_ltv_numbers';
COMMENT ON FUNCTION kpicrm.ltv(kpicrm.ltv_model, bigint, double precision, double precision, double precision, double precision, double precision, double precision) IS
    'present value of the margin expected of a customer with this history, discounted by a rate per unit of time; NULL as for purchases';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of timestamp with time zone) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, timestamp with time zone) IS
    'model of customers as of a day, one row per customer; periods are weeks, the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of timestamp with time zone, period interval) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, timestamp with time zone, interval) IS
    'model of customers as of a day, one row per customer; the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of timestamp with time zone, period interval, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, timestamp with time zone, interval, text) IS
    'model of customers as of a day, one row per customer; variant is BG/NBD or MBG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of date) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, date) IS
    'model of customers as of a day, one row per customer; periods are weeks, the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of date, period interval) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, date, interval) IS
    'model of customers as of a day, one row per customer; the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(purchases kpicrm.purchases, as_of date, period interval, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(kpicrm.purchases, date, interval, text) IS
    'model of customers as of a day, one row per customer; variant is BG/NBD or MBG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(frequency bigint, recency double precision, age double precision, monetary_value double precision) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(bigint, double precision, double precision, double precision) IS
    'model of histories in plain numbers, one row per customer; the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(frequency bigint, recency double precision, age double precision, monetary_value double precision, weight bigint) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(bigint, double precision, double precision, double precision, bigint) IS
    'model of histories in plain numbers, each row weight customers; the variant is BG/NBD';

CREATE AGGREGATE kpicrm.ltv_model_agg(frequency bigint, recency double precision, age double precision, monetary_value double precision, weight bigint, variant text) (
    SFUNC = kpicrm.ltv_sample_transition,
    STYPE = kpicrm.ltv_sample,
    SSPACE = 100000,
    INITCOND = 'empty',
    FINALFUNC = kpicrm.ltv_fit,
    COMBINEFUNC = kpicrm.ltv_sample_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.ltv_model_agg(bigint, double precision, double precision, double precision, bigint, text) IS
    'model of histories in plain numbers, each row weight customers; variant is BG/NBD or MBG/NBD';
