/*
 * funnel_sql.c
 *		SQL face of funnel: read arguments, call the arithmetic, return.
 *
 * As in purchases_sql.c the state is one datum, COMPACT outside and WORKING
 * inside an aggregate.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/funnel.h"
#include "algebra/phase_path_sql.h"
#include "algebra/proportion.h"

#define MIN_CAPACITY 32

#define INVALID_HINT "Funnels are made by funnel_agg(path, last_position); keep what it returns as it is."

typedef struct WorkingFunnel
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmFunnel f;
} WorkingFunnel;

#define WORKING_HEADER offsetof(WorkingFunnel, f)

static WorkingFunnel *
new_working(int32 last_position, uint32 capacity)
{
	Size		size = WORKING_HEADER + kpicrm_funnel_size(capacity);
	WorkingFunnel *w = palloc(size);

	memset(w, 0, WORKING_HEADER + offsetof(KpicrmFunnel, cells));
	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	w->f.last_position = last_position;
	w->f.capacity = capacity;
	return w;
}

static bool
is_valid(const KpicrmFunnel *funnel)
{
	int64	   *sums = palloc(2 * (KPICRM_POSITION_MAX + 1) * sizeof(int64));
	bool		valid = kpicrm_funnel_is_valid(funnel, sums, sums + KPICRM_POSITION_MAX + 1);

	pfree(sums);
	return valid;
}

/* Compact bytes from outside or from a table; NULL if they are malformed. */
static WorkingFunnel *
expand(const char *bytes, int length)
{
	KpicrmSource source;
	WorkingFunnel *w;
	int32		last_position;
	int64		cells;

	kpicrm_take_start(&source, bytes, (size_t) length);
	if (!kpicrm_funnel_take_header(&source, &last_position, &cells))
		return NULL;
	w = new_working(last_position, (uint32) cells);
	return kpicrm_funnel_take_cells(&source, &w->f, cells) && is_valid(&w->f) ? w : NULL;
}

/* The value in WORKING form, to be read but not changed. */
static WorkingFunnel *
readable(FunctionCallInfo fcinfo, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM(value);
	WorkingFunnel *w = (WorkingFunnel *) v;

	if (!kpicrm_is_working(v))
		w = expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
	else if (!AggCheckCallContext(fcinfo, NULL) || VARSIZE(v) < WORKING_HEADER + kpicrm_funnel_size(0) ||
			 w->f.used > w->f.capacity || VARSIZE(v) != WORKING_HEADER + kpicrm_funnel_size(w->f.capacity))
		w = NULL;
	if (w == NULL)
		kpicrm_corrupted_state("funnel");
	return w;
}

static struct varlena *
compact(const KpicrmFunnel *funnel)
{
	struct varlena *compacted = palloc(VARHDRSZ + KPICRM_FUNNEL_HEADER_MAX + (Size) funnel->used * KPICRM_FUNNEL_CELL_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(compacted);
	kpicrm_funnel_put(&sink, funnel);
	SET_VARSIZE(compacted, sink.at - (uint8 *) compacted);
	return compacted;
}

static int32
last_position_argument(FunctionCallInfo fcinfo, int n)
{
	int32		last_position = PG_GETARG_INT32(n);

	if (last_position < 1 || last_position > KPICRM_POSITION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("last_position must be between 1 and %d, not %d", KPICRM_POSITION_MAX, last_position),
				 errhint("Give the position that means won; the open phases come before it.")));
	return last_position;
}

static void
check_same_end(int32 a, int32 b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge funnels to position %d and to position %d", a, b),
				 errhint("Give the same last_position for all rows: one funnel is of one pipeline.")));
}

/* The state, to be written on, with room for more cells. */
static WorkingFunnel *
writable(FunctionCallInfo fcinfo, int32 last_position, uint32 more)
{
	WorkingFunnel *w;
	WorkingFunnel *bigger;
	uint32		capacity = MIN_CAPACITY;

	if (PG_ARGISNULL(0))
		return new_working(last_position, Max(capacity, more));
	w = readable(fcinfo, PG_GETARG_DATUM(0));
	check_same_end(w->f.last_position, last_position);
	if (kpicrm_is_working((struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0))) && w->f.used + more <= w->f.capacity)
		return w;
	if (w->f.used + more > KPICRM_FUNNEL_CELLS_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d different moves in one funnel", KPICRM_FUNNEL_CELLS_LIMIT),
				 errhint("Number the phases of one pipeline from 1, in their order.")));
	while (capacity < w->f.used + more)
		capacity *= 2;
	/* No room beyond the limit: what is full is looked at again. */
	bigger = new_working(last_position, Min(capacity, KPICRM_FUNNEL_CELLS_LIMIT));
	memcpy(bigger->f.cells, w->f.cells, w->f.used * sizeof(KpicrmFunnelCell));
	bigger->f.used = w->f.used;
	return bigger;
}

static void
out_of_range(bool subtracted)
{
	if (subtracted)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract deals that are not in the funnel"),
				 errhint("Subtract only what has been added.")));
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("counts of a funnel are out of range"),
			 errhint("Aggregate fewer deals into one state.")));
}

static Datum
result(FunctionCallInfo fcinfo, WorkingFunnel *w, bool subtracted)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	if (!is_valid(&w->f))
		out_of_range(subtracted);
	return PointerGetDatum(compact(&w->f));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_in);
Datum
kpicrm_funnel_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmText	in;
	WorkingFunnel *w;
	int32		last_position;
	int64		cells;

	kpicrm_text_start(&in, string);
	if (!kpicrm_funnel_text_header(&in, &last_position, &cells))
		kpicrm_invalid_text("funnel", string, INVALID_HINT);
	w = new_working(last_position, (uint32) cells);
	if (!kpicrm_funnel_text_cells(&in, &w->f, cells) || !is_valid(&w->f))
		kpicrm_invalid_text("funnel", string, INVALID_HINT);
	PG_RETURN_POINTER(compact(&w->f));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_out);
Datum
kpicrm_funnel_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_funnel_print(&out, &readable(fcinfo, PG_GETARG_DATUM(0))->f);
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_recv);
Datum
kpicrm_funnel_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	WorkingFunnel *w = expand(pq_getmsgbytes(buf, length), length);

	if (w == NULL)
		kpicrm_invalid_bytes("funnel");
	PG_RETURN_POINTER(compact(&w->f));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_send);
Datum
kpicrm_funnel_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(&readable(fcinfo, PG_GETARG_DATUM(0))->f));
}

/* One deal: without a path or an end it is skipped. */
PG_FUNCTION_INFO_V1(kpicrm_funnel_transition);
Datum
kpicrm_funnel_transition(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *path;
	WorkingFunnel *w;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	path = kpicrm_path_of(PG_GETARG_DATUM(1));
	w = writable(fcinfo, last_position_argument(fcinfo, 2), kpicrm_funnel_room_for(path));
	if (!kpicrm_funnel_count_path(&w->f, path))
		out_of_range(false);
	return result(fcinfo, w, false);
}

static Datum
count_all(FunctionCallInfo fcinfo, int64 times)
{
	const KpicrmFunnel *more = &readable(fcinfo, PG_GETARG_DATUM(1))->f;
	WorkingFunnel *w = writable(fcinfo, more->last_position, more->used);

	if (!kpicrm_funnel_count_all(&w->f, more, times))
		out_of_range(times < 0);
	return result(fcinfo, w, times < 0);
}

/* Combine, rollup and +. */
PG_FUNCTION_INFO_V1(kpicrm_funnel_add);
Datum
kpicrm_funnel_add(PG_FUNCTION_ARGS)
{
	return count_all(fcinfo, 1);
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_subtract);
Datum
kpicrm_funnel_subtract(PG_FUNCTION_ARGS)
{
	return count_all(fcinfo, -1);
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_final);
Datum
kpicrm_funnel_final(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = &readable(fcinfo, PG_GETARG_DATUM(0))->f;

	if (!is_valid(funnel))
		out_of_range(false);
	PG_RETURN_POINTER(compact(funnel));
}

static const KpicrmFunnel *
funnel_argument(FunctionCallInfo fcinfo)
{
	return &readable(fcinfo, PG_GETARG_DATUM(0))->f;
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_deal_count);
Datum
kpicrm_funnel_deal_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kpicrm_funnel_deals(funnel_argument(fcinfo)));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_won_count);
Datum
kpicrm_funnel_won_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kpicrm_funnel_count(funnel_argument(fcinfo), KPICRM_FUNNEL_DEALS, 0, 1));
}

static KpicrmFunnelPolicy
policy_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(n));
	KpicrmFunnelPolicy policy;

	if (!kpicrm_funnel_policy(name, &policy))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown policy \"%s\"", name),
				 errhint("Policies are fill, any, ordered, strict and direct.")));
	return policy;
}

/* k of n, its rate and bounds; NULL without cases. */
static void
put_rate(Datum *values, bool *nulls, int64 k, int64 n, double confidence)
{
	for (int i = 0; i < 3; i++)
		nulls[i] = n == 0;
	if (n == 0)
		return;
	values[0] = Float8GetDatum((double) k / (double) n);
	values[1] = Float8GetDatum(kpicrm_wilson_lower(k, n, confidence));
	values[2] = Float8GetDatum(kpicrm_wilson_upper(k, n, confidence));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_steps_rows);
Datum
kpicrm_funnel_steps_rows(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = funnel_argument(fcinfo);
	KpicrmFunnelPolicy policy = policy_argument(fcinfo, 1);
	double		confidence = kpicrm_confidence_argument(fcinfo, 2);
	bool		of_deals = policy != KPICRM_POLICY_DIRECT;
	KpicrmFunnelStep *steps = palloc((Size) funnel->last_position * sizeof(*steps));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	kpicrm_funnel_steps(funnel, policy, steps);
	for (int32 k = 1; k <= funnel->last_position; k++)
	{
		const KpicrmFunnelStep *step = &steps[k - 1];
		Datum		values[10] = {0};
		bool		nulls[10] = {false};

		values[0] = Int32GetDatum(k);
		values[1] = Int64GetDatum(step->reached);
		values[2] = Int64GetDatum(step->won);
		nulls[2] = !of_deals;
		values[3] = Int64GetDatum(step->passed);
		put_rate(&values[4], &nulls[4], step->passed, step->before, confidence);
		put_rate(&values[7], &nulls[7], step->reached, of_deals ? steps[0].before : 0, confidence);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

static void
put_position(Datum *value, bool *is_null, int32 position)
{
	*value = Int32GetDatum(position);
	*is_null = position == 0;
}

/* Moves come ordered by where from: the end of a group is where another one begins. */
static int64
moves_from(const KpicrmFunnelCell *move, const KpicrmFunnelCell *end)
{
	int32		from = kpicrm_funnel_from(move);
	int64		sum = 0;

	for (; move < end && kpicrm_funnel_from(move) == from; move++)
		sum += move->count;
	return sum;
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_transitions);
Datum
kpicrm_funnel_transitions(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = funnel_argument(fcinfo);
	const KpicrmFunnelCell *first = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES);
	const KpicrmFunnelCell *end = &funnel->cells[funnel->used];
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		total = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (const KpicrmFunnelCell *move = first; move < end; move++)
	{
		Datum		values[4];
		bool		nulls[4] = {false};

		CHECK_FOR_INTERRUPTS();
		if (move == first || kpicrm_funnel_from(move) != kpicrm_funnel_from(move - 1))
			total = moves_from(move, end);
		put_position(&values[0], &nulls[0], kpicrm_funnel_from(move));
		put_position(&values[1], &nulls[1], kpicrm_funnel_to(move));
		values[2] = Int64GetDatum(move->count);
		values[3] = Float8GetDatum((double) move->count / (double) total);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

/* How the stays at one position ended. */
typedef struct Exits
{
	int64		stays;
	int64		next;
	int64		further;
	int64		backward;
	int64		won;
	int64		lost;
	int64		still_there;
} Exits;

static void
count_exit(Exits *exits, const KpicrmFunnelCell *move, int32 last_position)
{
	int32		from = kpicrm_funnel_from(move);
	int32		to = kpicrm_funnel_to(move);

	exits->stays += move->count;
	if (to == 0)
		exits->still_there += move->count;
	else if (to > last_position)
		exits->lost += move->count;
	else if (to < from)
		exits->backward += move->count;
	else if (to == from + 1)
		exits->next += move->count;
	else
		exits->further += move->count;
	if (to == last_position)
		exits->won += move->count;
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_exits);
Datum
kpicrm_funnel_exits(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = funnel_argument(fcinfo);
	const KpicrmFunnelCell *move = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES);
	const KpicrmFunnelCell *end = &funnel->cells[funnel->used];
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int32 position = 1; position < funnel->last_position; position++)
	{
		Exits		exits = {0};
		Datum		values[8];
		bool		nulls[8] = {false};

		for (; move < end && kpicrm_funnel_from(move) <= position; move++)
			if (kpicrm_funnel_from(move) == position)
				count_exit(&exits, move, funnel->last_position);
		values[0] = Int32GetDatum(position);
		values[1] = Int64GetDatum(exits.stays);
		values[2] = Int64GetDatum(exits.next);
		values[3] = Int64GetDatum(exits.further);
		values[4] = Int64GetDatum(exits.backward);
		values[5] = Int64GetDatum(exits.lost);
		values[6] = Int64GetDatum(exits.still_there);
		values[7] = Int64GetDatum(exits.won);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_endings);
Datum
kpicrm_funnel_endings(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = funnel_argument(fcinfo);
	const KpicrmFunnelCell *end = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (const KpicrmFunnelCell *cell = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_ENDED); cell < end; cell++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		CHECK_FOR_INTERRUPTS();
		put_position(&values[0], &nulls[0], kpicrm_funnel_from(cell));
		put_position(&values[1], &nulls[1], kpicrm_funnel_to(cell));
		values[2] = Int64GetDatum(cell->count);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_absorbing_win_rate);
Datum
kpicrm_funnel_absorbing_win_rate(PG_FUNCTION_ARGS)
{
	const KpicrmFunnel *funnel = funnel_argument(fcinfo);
	int32		position = PG_GETARG_INT32(1);
	Size		n = (Size) funnel->last_position;
	double	   *weights = palloc(n * (n + 2) * sizeof(double));
	int32	   *slots = palloc(n * sizeof(int32));
	double		rate;

	if (position < 1 || position > KPICRM_POSITION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("position must be between 1 and %d, not %d", KPICRM_POSITION_MAX, position),
				 errhint("Open phases are the positions before last_position.")));
	if (!kpicrm_funnel_absorbing(funnel, position, weights, slots, &rate))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate);
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_eq);
Datum
kpicrm_funnel_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(kpicrm_same_states(fcinfo, "funnel"));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_ne);
Datum
kpicrm_funnel_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!kpicrm_same_states(fcinfo, "funnel"));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_hash);
Datum
kpicrm_funnel_hash(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes(kpicrm_compact_argument(fcinfo, 0, "funnel"));
}

PG_FUNCTION_INFO_V1(kpicrm_funnel_hash_extended);
Datum
kpicrm_funnel_hash_extended(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes_extended(kpicrm_compact_argument(fcinfo, 0, "funnel"), PG_GETARG_INT64(1));
}
