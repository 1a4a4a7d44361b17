-- funnel: how far deals get, by every policy, from one state.
--
-- Positions 1 to last_position - 1 are the open phases of a pipeline in their order,
-- last_position is to be won, later ones are its other ends (lost, on hold …).  A deal
-- is won if it stands at last_position.  Which deals have reached a position is a
-- matter of policy:
--
--   fill     the furthest position up to last_position counts as having passed all before
--   any      really entered
--   ordered  1, 2, 3 … in this order of time, others may lie between
--   strict   1, 2, 3 … right one after the other
--   direct   counts stays instead of deals: those that began right after one before
--
-- transitions() and absorbing_win_rate() are of every move of every deal.

CREATE TYPE kpicrm.funnel;

CREATE FUNCTION kpicrm.funnel_in(cstring) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_in';
COMMENT ON FUNCTION kpicrm.funnel_in(cstring) IS
    'reads the text form of funnel';

CREATE FUNCTION kpicrm.funnel_out(kpicrm.funnel) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_out';
COMMENT ON FUNCTION kpicrm.funnel_out(kpicrm.funnel) IS
    'writes the text form of funnel';

CREATE FUNCTION kpicrm.funnel_recv(internal) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_recv';
COMMENT ON FUNCTION kpicrm.funnel_recv(internal) IS
    'reads the binary form of funnel';

CREATE FUNCTION kpicrm.funnel_send(kpicrm.funnel) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_send';
COMMENT ON FUNCTION kpicrm.funnel_send(kpicrm.funnel) IS
    'writes the binary form of funnel';

CREATE TYPE kpicrm.funnel (
    INPUT = kpicrm.funnel_in,
    OUTPUT = kpicrm.funnel_out,
    RECEIVE = kpicrm.funnel_recv,
    SEND = kpicrm.funnel_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE kpicrm.funnel IS
    'how far deals get: counts by every policy, and their moves';

CREATE FUNCTION kpicrm.funnel_add(
    kpicrm.funnel,
    kpicrm.funnel
) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_add';
COMMENT ON FUNCTION kpicrm.funnel_add(kpicrm.funnel, kpicrm.funnel) IS
    'implementation of +';

CREATE OPERATOR kpicrm.+ (
    FUNCTION = kpicrm.funnel_add,
    LEFTARG = kpicrm.funnel,
    RIGHTARG = kpicrm.funnel,
    COMMUTATOR = OPERATOR(kpicrm.+)
);
COMMENT ON OPERATOR kpicrm.+ (kpicrm.funnel, kpicrm.funnel) IS
    'the state of all deals of both';

CREATE FUNCTION kpicrm.funnel_eq(
    kpicrm.funnel,
    kpicrm.funnel
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_eq';
COMMENT ON FUNCTION kpicrm.funnel_eq(kpicrm.funnel, kpicrm.funnel) IS
    'implementation of =';

CREATE FUNCTION kpicrm.funnel_ne(
    kpicrm.funnel,
    kpicrm.funnel
) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_ne';
COMMENT ON FUNCTION kpicrm.funnel_ne(kpicrm.funnel, kpicrm.funnel) IS
    'implementation of <>';

CREATE FUNCTION kpicrm.funnel_hash(kpicrm.funnel) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_hash';
COMMENT ON FUNCTION kpicrm.funnel_hash(kpicrm.funnel) IS
    'hash support';

CREATE FUNCTION kpicrm.funnel_hash_extended(
    kpicrm.funnel,
    bigint
) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_hash_extended';
COMMENT ON FUNCTION kpicrm.funnel_hash_extended(kpicrm.funnel, bigint) IS
    'hash support';

CREATE OPERATOR kpicrm.= (
    FUNCTION = kpicrm.funnel_eq,
    LEFTARG = kpicrm.funnel,
    RIGHTARG = kpicrm.funnel,
    COMMUTATOR = OPERATOR(kpicrm.=),
    NEGATOR = OPERATOR(kpicrm.<>),
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES
);
COMMENT ON OPERATOR kpicrm.= (kpicrm.funnel, kpicrm.funnel) IS
    'are the states the same?';

CREATE OPERATOR kpicrm.<> (
    FUNCTION = kpicrm.funnel_ne,
    LEFTARG = kpicrm.funnel,
    RIGHTARG = kpicrm.funnel,
    COMMUTATOR = OPERATOR(kpicrm.<>),
    NEGATOR = OPERATOR(kpicrm.=),
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR kpicrm.<> (kpicrm.funnel, kpicrm.funnel) IS
    'do the states differ?';

CREATE OPERATOR CLASS kpicrm.funnel_hash_ops
    DEFAULT FOR TYPE kpicrm.funnel USING hash AS
    OPERATOR 1 kpicrm.= (kpicrm.funnel, kpicrm.funnel),
    FUNCTION 1 kpicrm.funnel_hash(kpicrm.funnel),
    FUNCTION 2 kpicrm.funnel_hash_extended(kpicrm.funnel, bigint);
COMMENT ON OPERATOR FAMILY kpicrm.funnel_hash_ops USING hash IS
    'hash equality of funnel';
COMMENT ON OPERATOR CLASS kpicrm.funnel_hash_ops USING hash IS
    'hash equality of funnel';

CREATE FUNCTION kpicrm.funnel_subtract(
    kpicrm.funnel,
    kpicrm.funnel
) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_subtract';
COMMENT ON FUNCTION kpicrm.funnel_subtract(kpicrm.funnel, kpicrm.funnel) IS
    'implementation of -';

CREATE OPERATOR kpicrm.- (
    FUNCTION = kpicrm.funnel_subtract,
    LEFTARG = kpicrm.funnel,
    RIGHTARG = kpicrm.funnel
);
COMMENT ON OPERATOR kpicrm.- (kpicrm.funnel, kpicrm.funnel) IS
    'the state without the deals of the second, which must be a part of the first';

CREATE FUNCTION kpicrm.funnel_transition(
    kpicrm.funnel,
    path kpicrm.phase_path,
    last_position integer
) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_transition';
COMMENT ON FUNCTION kpicrm.funnel_transition(kpicrm.funnel, kpicrm.phase_path, integer) IS
    'adds a deal';

CREATE FUNCTION kpicrm.funnel_final(kpicrm.funnel) RETURNS kpicrm.funnel
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_final';
COMMENT ON FUNCTION kpicrm.funnel_final(kpicrm.funnel) IS
    'brings the state into its canonical form';

CREATE FUNCTION kpicrm.deal_count(funnel kpicrm.funnel) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_deal_count';
COMMENT ON FUNCTION kpicrm.deal_count(kpicrm.funnel) IS
    'number of deals';

CREATE FUNCTION kpicrm.won_count(funnel kpicrm.funnel) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_won_count';
COMMENT ON FUNCTION kpicrm.won_count(kpicrm.funnel) IS
    'number of deals that stand at last_position';

CREATE FUNCTION kpicrm.steps(
    funnel kpicrm.funnel,
    policy text DEFAULT 'fill',
    confidence double precision DEFAULT 0.95,
    OUT "position" integer,
    OUT reached bigint,
    OUT won bigint,
    OUT passed bigint,
    OUT step_rate double precision,
    OUT step_rate_lower double precision,
    OUT step_rate_upper double precision,
    OUT overall_rate double precision,
    OUT overall_rate_lower double precision,
    OUT overall_rate_upper double precision
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'kpicrm_funnel_steps_rows';
COMMENT ON FUNCTION kpicrm.steps(kpicrm.funnel, text, double precision) IS
    'deals that reached each position by policy fill, any, ordered or strict, how many of those at the position before did (passed), their share, and the share of all, with Wilson bounds; direct: stays';

CREATE FUNCTION kpicrm.transitions(
    funnel kpicrm.funnel,
    OUT from_position integer,
    OUT to_position integer,
    OUT moves bigint,
    OUT rate double precision
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 30 AS 'MODULE_PATHNAME', 'kpicrm_funnel_transitions';
COMMENT ON FUNCTION kpicrm.transitions(kpicrm.funnel) IS
    'moves from one position to another and their share of all that leave it or stay; from NULL: where deals begin; to NULL: still there';

CREATE FUNCTION kpicrm.exits(
    funnel kpicrm.funnel,
    OUT "position" integer,
    OUT stays bigint,
    OUT next bigint,
    OUT further bigint,
    OUT backward bigint,
    OUT lost bigint,
    OUT still_there bigint,
    OUT won bigint
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'kpicrm_funnel_exits';
COMMENT ON FUNCTION kpicrm.exits(kpicrm.funnel) IS
    'how the stays at each open position ended: at the next position, further on, backward, lost, or not yet; won are those that went on to last_position, next or further';

CREATE FUNCTION kpicrm.endings(
    funnel kpicrm.funnel,
    OUT last_open_position integer,
    OUT "position" integer,
    OUT deals bigint
) RETURNS SETOF record
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'kpicrm_funnel_endings';
COMMENT ON FUNCTION kpicrm.endings(kpicrm.funnel) IS
    'deals by the open position they were at last (NULL: none) and the end they are at now (NULL: none, they are still there)';

CREATE FUNCTION kpicrm.absorbing_win_rate(
    funnel kpicrm.funnel,
    "position" integer
) RETURNS double precision
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_funnel_absorbing_win_rate';
COMMENT ON FUNCTION kpicrm.absorbing_win_rate(kpicrm.funnel, integer) IS
    'chance that a deal at the position ends at last_position, if deals move on as they did; NULL if none has gone from there to an end';

CREATE AGGREGATE kpicrm.funnel_agg(path kpicrm.phase_path, last_position integer) (
    SFUNC = kpicrm.funnel_transition,
    STYPE = kpicrm.funnel,
    SSPACE = 1000,
    FINALFUNC = kpicrm.funnel_final,
    COMBINEFUNC = kpicrm.funnel_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.funnel_agg(kpicrm.phase_path, integer) IS
    'how far these deals get; positions up to last_position, which is to be won, are the funnel';

CREATE AGGREGATE kpicrm.rollup(state kpicrm.funnel) (
    SFUNC = kpicrm.funnel_add,
    STYPE = kpicrm.funnel,
    SSPACE = 1000,
    FINALFUNC = kpicrm.funnel_final,
    COMBINEFUNC = kpicrm.funnel_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE kpicrm.rollup(kpicrm.funnel) IS
    'merges funnel states';
