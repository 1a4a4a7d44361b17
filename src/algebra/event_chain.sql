-- window_funnel: how far each customer comes through the steps of a funnel within
-- a window, on any table of events.
--
-- The meaning is that of ClickHouse's windowFunnel: a chain begins with an event that
-- matches step 1, and reaches step 2, 3 … with later events, others in between, as
-- long as they are within the window from its beginning; the result is the highest
-- step that any chain reaches, 0 if none begins.  An event may match several steps.
-- Events at one instant count in the order of their steps.  Modes:
--
--   strict_deduplication  an event that repeats a step reached ends the search
--   strict_order          so does one that matches no step, or a later one too soon
--   strict_increase       a step must be later than the one before, not at its instant
--
-- Where ClickHouse keeps one candidate for a step and may lose a chain (events of two
-- steps at one instant with strict_increase), this finds it.
--
-- The state event_chain holds the events of one customer, 1,000,000 at most, so group
-- by customer.

CREATE TYPE kpicrm.event_chain;

CREATE FUNCTION kpicrm.event_chain_in(cstring) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_in';
COMMENT ON FUNCTION kpicrm.event_chain_in(cstring) IS
    'reads the text form of event_chain';

CREATE FUNCTION kpicrm.event_chain_out(kpicrm.event_chain) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_out';
COMMENT ON FUNCTION kpicrm.event_chain_out(kpicrm.event_chain) IS
    'writes the text form of event_chain';

CREATE FUNCTION kpicrm.event_chain_recv(internal) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_recv';
COMMENT ON FUNCTION kpicrm.event_chain_recv(internal) IS
    'reads the binary form of event_chain';

CREATE FUNCTION kpicrm.event_chain_send(kpicrm.event_chain) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_send';
COMMENT ON FUNCTION kpicrm.event_chain_send(kpicrm.event_chain) IS
    'writes the binary form of event_chain';

CREATE TYPE kpicrm.event_chain (
    INPUT = kpicrm.event_chain_in,
    OUTPUT = kpicrm.event_chain_out,
    RECEIVE = kpicrm.event_chain_recv,
    SEND = kpicrm.event_chain_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.event_chain IS
    'the events of one customer that steps of a funnel match, with the window and modes to judge them by';

CREATE FUNCTION kpicrm.event_chain_add(
    kpicrm.event_chain,
    kpicrm.event_chain
) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_add';
COMMENT ON FUNCTION kpicrm.event_chain_add(kpicrm.event_chain, kpicrm.event_chain) IS
    'implementation of +';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.event_chain_add,
    LEFTARG = kpicrm.event_chain,
    RIGHTARG = kpicrm.event_chain,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.event_chain, kpicrm.event_chain) IS
    'the state of all rows of both';

CREATE FUNCTION kpicrm.event_chain_eq(
    kpicrm.event_chain,
    kpicrm.event_chain
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_eq';
COMMENT ON FUNCTION kpicrm.event_chain_eq(kpicrm.event_chain, kpicrm.event_chain) IS
    'implementation of =';

CREATE FUNCTION kpicrm.event_chain_ne(
    kpicrm.event_chain,
    kpicrm.event_chain
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_ne';
COMMENT ON FUNCTION kpicrm.event_chain_ne(kpicrm.event_chain, kpicrm.event_chain) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.event_chain_hash(kpicrm.event_chain) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_hash';
COMMENT ON FUNCTION kpicrm.event_chain_hash(kpicrm.event_chain) IS
    'hash support';

CREATE FUNCTION kpicrm.event_chain_hash_extended(
    kpicrm.event_chain,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_hash_extended';
COMMENT ON FUNCTION kpicrm.event_chain_hash_extended(kpicrm.event_chain, bigint) IS
    'hash support';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.event_chain_eq,
    LEFTARG = kpicrm.event_chain,
    RIGHTARG = kpicrm.event_chain,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.event_chain, kpicrm.event_chain) IS
    'are the states the same?';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.event_chain_ne,
    LEFTARG = kpicrm.event_chain,
    RIGHTARG = kpicrm.event_chain,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.event_chain, kpicrm.event_chain) IS
    'do the states differ?';

CREATE OPERATOR CLASS kpicrm.event_chain_hash_ops
    DEFAULT FOR TYPE kpicrm.event_chain USING hash AS
    OPERATOR 1 kpicrm.= (kpicrm.event_chain, kpicrm.event_chain),
    FUNCTION 1 kpicrm.event_chain_hash(kpicrm.event_chain),
    FUNCTION 2 kpicrm.event_chain_hash_extended(kpicrm.event_chain, bigint);
COMMENT ON OPERATOR FAMILY kpicrm.event_chain_hash_ops USING hash IS
    'hash equality of event_chain';
COMMENT ON OPERATOR CLASS kpicrm.event_chain_hash_ops USING hash IS
    'hash equality of event_chain';

CREATE FUNCTION kpicrm.event_chain_transition(
    kpicrm.event_chain,
    "window" interval,
    at timestamp with time zone,
    VARIADIC steps boolean[]
) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_transition';
COMMENT ON FUNCTION kpicrm.event_chain_transition(kpicrm.event_chain, interval, timestamp with time zone, boolean[]) IS
    'adds an event';

CREATE FUNCTION kpicrm.event_chain_transition(
    kpicrm.event_chain,
    modes text,
    "window" interval,
    at timestamp with time zone,
    VARIADIC steps boolean[]
) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_transition_modes';
COMMENT ON FUNCTION kpicrm.event_chain_transition(kpicrm.event_chain, text, interval, timestamp with time zone, boolean[]) IS
    'adds an event';

CREATE FUNCTION kpicrm.event_chain_final(kpicrm.event_chain) RETURNS kpicrm.event_chain
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_final';
COMMENT ON FUNCTION kpicrm.event_chain_final(kpicrm.event_chain) IS
    'brings the state into its canonical form';

CREATE FUNCTION kpicrm.event_chain_level_final(kpicrm.event_chain) RETURNS integer
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_level';
COMMENT ON FUNCTION kpicrm.event_chain_level_final(kpicrm.event_chain) IS
    'the highest step reached; 0 without rows';

CREATE FUNCTION kpicrm.level(chain kpicrm.event_chain) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_event_chain_level';
COMMENT ON FUNCTION kpicrm.level(kpicrm.event_chain) IS
    'the highest step reached within the window, 0 if step 1 is not';

CREATE AGGREGATE kpicrm.window_funnel_agg("window" interval, at timestamp with time zone, VARIADIC steps boolean[]) (
    SFUNC = kpicrm.event_chain_transition,
    STYPE = kpicrm.event_chain,
    SSPACE = 200,
    FINALFUNC = kpicrm.event_chain_final,
    COMBINEFUNC = kpicrm.event_chain_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.window_funnel_agg(interval, timestamp with time zone, VARIADIC boolean[]) IS
    'the events of one customer that match steps of a funnel';

CREATE AGGREGATE kpicrm.window_funnel_agg(modes text, "window" interval, at timestamp with time zone, VARIADIC steps boolean[]) (
    SFUNC = kpicrm.event_chain_transition,
    STYPE = kpicrm.event_chain,
    SSPACE = 200,
    FINALFUNC = kpicrm.event_chain_final,
    COMBINEFUNC = kpicrm.event_chain_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.window_funnel_agg(text, interval, timestamp with time zone, VARIADIC boolean[]) IS
    'the events of one customer that match steps of a funnel; modes are strict_deduplication, strict_order, strict_increase';

CREATE AGGREGATE kpicrm.window_funnel("window" interval, at timestamp with time zone, VARIADIC steps boolean[]) (
    SFUNC = kpicrm.event_chain_transition,
    STYPE = kpicrm.event_chain,
    SSPACE = 200,
    FINALFUNC = kpicrm.event_chain_level_final,
    COMBINEFUNC = kpicrm.event_chain_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.window_funnel(interval, timestamp with time zone, VARIADIC boolean[]) IS
    'the highest step of a funnel that one customer reached in order within the window; 0 if none';

CREATE AGGREGATE kpicrm.window_funnel(modes text, "window" interval, at timestamp with time zone, VARIADIC steps boolean[]) (
    SFUNC = kpicrm.event_chain_transition,
    STYPE = kpicrm.event_chain,
    SSPACE = 200,
    FINALFUNC = kpicrm.event_chain_level_final,
    COMBINEFUNC = kpicrm.event_chain_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.window_funnel(text, interval, timestamp with time zone, VARIADIC boolean[]) IS
    'the highest step of a funnel that one customer reached in order within the window; 0 if none; modes are strict_deduplication, strict_order, strict_increase';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.event_chain) (
    SFUNC = kpicrm.event_chain_add,
    STYPE = kpicrm.event_chain,
    SSPACE = 200,
    FINALFUNC = kpicrm.event_chain_final,
    COMBINEFUNC = kpicrm.event_chain_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.event_chain) IS
    'merges parts of the events of one customer';
