/*
 * phase_path_sql.c
 *		SQL face of phase_path: read arguments, call the arithmetic, return.
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
#include "utils/timestamp.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/phase_path_sql.h"

#define MIN_CAPACITY 4

#define INVALID_HINT "Write for example \"{2026-04-01 09:00:00 1, 2026-04-08 10:30:00 2}\": instants in UTC and positions."

typedef struct WorkingPath
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmPhasePath p;
} WorkingPath;

#define WORKING_HEADER offsetof(WorkingPath, p)

static WorkingPath *
new_working(uint32 capacity)
{
	Size		size = WORKING_HEADER + kpicrm_path_size(capacity);
	WorkingPath *w = palloc(size);

	memset(w, 0, WORKING_HEADER + offsetof(KpicrmPhasePath, entries));
	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	w->p.capacity = capacity;
	w->p.sorted = 1;
	return w;
}

static int
compare_entries(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return kpicrm_path_compare(a, b);
}

static void
settle(KpicrmPhasePath *path)
{
	if (path->sorted)
		return;
	qsort(path->entries, path->used, sizeof(KpicrmPathEntry), compare_entries);
	kpicrm_path_unite(path);
}

/* Compact bytes from outside or from a table; NULL if they are malformed. */
static WorkingPath *
expand(const char *bytes, int length)
{
	KpicrmSource source;
	WorkingPath *w;
	int64		entries;

	kpicrm_take_start(&source, bytes, (size_t) length);
	if (!kpicrm_path_take_header(&source, &entries))
		return NULL;
	w = new_working((uint32) entries);
	return kpicrm_path_take_entries(&source, &w->p, entries) ? w : NULL;
}

/* The value in WORKING form, to be read but not changed. */
static WorkingPath *
readable(FunctionCallInfo fcinfo, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM(value);
	WorkingPath *w = (WorkingPath *) v;

	if (!kpicrm_is_working(v))
		w = expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
	else if (!AggCheckCallContext(fcinfo, NULL) || VARSIZE(v) < WORKING_HEADER + kpicrm_path_size(0) ||
			 w->p.used > w->p.capacity || VARSIZE(v) != WORKING_HEADER + kpicrm_path_size(w->p.capacity))
		w = NULL;
	if (w == NULL)
		kpicrm_corrupted_state("phase_path");
	return w;
}

/* The same, settled: in a copy if the executor still writes on the state. */
static const KpicrmPhasePath *
settled(FunctionCallInfo fcinfo, Datum value)
{
	WorkingPath *w = readable(fcinfo, value);
	WorkingPath *copy;

	if (w->p.sorted)
		return &w->p;
	copy = new_working(w->p.used);
	memcpy(copy->p.entries, w->p.entries, w->p.used * sizeof(KpicrmPathEntry));
	copy->p.used = w->p.used;
	copy->p.sorted = 0;
	settle(&copy->p);
	return &copy->p;
}

const KpicrmPhasePath *
kpicrm_path_of(Datum path)
{
	struct varlena *v = PG_DETOAST_DATUM(path);
	WorkingPath *w = kpicrm_is_working(v) ? NULL : expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));

	if (w == NULL)
		kpicrm_corrupted_state("phase_path");
	return &w->p;
}

static struct varlena *
compact(const KpicrmPhasePath *path)
{
	struct varlena *compacted = palloc(VARHDRSZ + KPICRM_PATH_HEADER_MAX + (Size) path->used * KPICRM_PATH_ENTRY_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(compacted);
	kpicrm_path_put(&sink, path);
	SET_VARSIZE(compacted, sink.at - (uint8 *) compacted);
	return compacted;
}

/* The first argument with room for more entries, to be written on. */
static WorkingPath *
writable(FunctionCallInfo fcinfo, uint32 more)
{
	WorkingPath *w = NULL;
	WorkingPath *bigger;
	uint32		used = 0;
	uint32		capacity = MIN_CAPACITY;

	if (!PG_ARGISNULL(0))
	{
		w = readable(fcinfo, PG_GETARG_DATUM(0));
		if (AggCheckCallContext(fcinfo, NULL) && kpicrm_is_working((struct varlena *) DatumGetPointer(PG_GETARG_DATUM(0))))
		{
			if (w->p.used + more <= w->p.capacity)
				return w;
			/* Repeated entries may be all that fills it. */
			settle(&w->p);
			if (w->p.used + more <= w->p.capacity / 4 * 3)
				return w;
		}
		used = w->p.used;
	}
	if (used + more > KPICRM_PATH_ENTRIES_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d entries in one %s", KPICRM_PATH_ENTRIES_LIMIT, "phase_path"),
				 errhint("The state holds one deal's way: group by deal.")));
	while (capacity < used + more)
		capacity *= 2;
	/* No room beyond the limit. */
	bigger = new_working(Min(capacity, KPICRM_PATH_ENTRIES_LIMIT));
	if (w != NULL)
	{
		memcpy(bigger->p.entries, w->p.entries, used * sizeof(KpicrmPathEntry));
		bigger->p.used = used;
		bigger->p.sorted = w->p.sorted;
	}
	return bigger;
}

static Datum
result(FunctionCallInfo fcinfo, WorkingPath *w)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	settle(&w->p);
	return PointerGetDatum(compact(&w->p));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_in);
Datum
kpicrm_phase_path_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	int64		entries = kpicrm_path_text_entries(string);
	KpicrmText	in;
	WorkingPath *w;

	if (entries > KPICRM_PATH_ENTRIES_LIMIT)
		kpicrm_invalid_text("phase_path", string, INVALID_HINT);
	w = new_working((uint32) entries);
	kpicrm_text_start(&in, string);
	if (!kpicrm_path_parse(&in, &w->p, entries))
		kpicrm_invalid_text("phase_path", string, INVALID_HINT);
	PG_RETURN_POINTER(compact(&w->p));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_out);
Datum
kpicrm_phase_path_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_path_print(&out, settled(fcinfo, PG_GETARG_DATUM(0)));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_recv);
Datum
kpicrm_phase_path_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	WorkingPath *w = expand(pq_getmsgbytes(buf, length), length);

	if (w == NULL)
		kpicrm_invalid_bytes("phase_path");
	PG_RETURN_POINTER(compact(&w->p));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_send);
Datum
kpicrm_phase_path_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(settled(fcinfo, PG_GETARG_DATUM(0))));
}

/* One entry into a phase: skipped without position or instant. */
PG_FUNCTION_INFO_V1(kpicrm_phase_path_transition);
Datum
kpicrm_phase_path_transition(PG_FUNCTION_ARGS)
{
	KpicrmPathEntry entry;
	WorkingPath *w;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	memset(&entry, 0, sizeof(entry));
	entry.position = PG_GETARG_INT32(1);
	entry.at = PG_GETARG_TIMESTAMPTZ(2);
	if (PG_NARGS() > 3 && !PG_ARGISNULL(3))
	{
		entry.has_seq = 1;
		entry.seq = PG_GETARG_INT64(3);
	}
	if (TIMESTAMP_NOT_FINITE(entry.at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the instant a phase is entered must be finite"),
				 errhint("Leave the row out with FILTER, or turn the instant into NULL.")));
	if (entry.position < 1 || entry.position > KPICRM_POSITION_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("position must be between 1 and %d, not %d", KPICRM_POSITION_MAX, entry.position),
				 errhint("Number the phases of a pipeline from 1, in their order.")));
	w = writable(fcinfo, 1);
	kpicrm_path_append(&w->p, &entry);
	return result(fcinfo, w);
}

/* Combine, rollup and +. */
PG_FUNCTION_INFO_V1(kpicrm_phase_path_add);
Datum
kpicrm_phase_path_add(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *more = &readable(fcinfo, PG_GETARG_DATUM(1))->p;
	WorkingPath *w = writable(fcinfo, more->used);

	for (uint32 i = 0; i < more->used; i++)
		kpicrm_path_append(&w->p, &more->entries[i]);
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_final);
Datum
kpicrm_phase_path_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(compact(settled(fcinfo, PG_GETARG_DATUM(0))));
}

/* What there is to say of the stays at one position until as_of. */
typedef struct Sojourn
{
	int64		visits;
	int64		first;			/* microseconds */
	int64		last;
	int128		total;
} Sojourn;

static Sojourn
sojourn_argument(FunctionCallInfo fcinfo, bool with_as_of)
{
	const KpicrmPhasePath *path = kpicrm_path_of(PG_GETARG_DATUM(0));
	int32		position = PG_GETARG_INT32(1);
	int64		as_of = with_as_of ? PG_GETARG_TIMESTAMPTZ(2) : DT_NOEND;
	KpicrmPathStay stay = {0};
	Sojourn		sojourn = {0, 0, 0, 0};

	if (with_as_of && TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be finite"),
				 errhint("Give the instant until which open stays are counted, for example now().")));
	while (kpicrm_path_next_stay(path, as_of, &stay))
	{
		if (stay.position != position)
			continue;
		/* Saturates only where an interval would overflow anyhow. */
		if (__builtin_sub_overflow(stay.is_open ? as_of : stay.left_at, stay.entered_at, &sojourn.last))
			sojourn.last = PG_INT64_MAX;
		if (sojourn.visits++ == 0)
			sojourn.first = sojourn.last;
		sojourn.total += sojourn.last;
	}
	return sojourn;
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_visits);
Datum
kpicrm_phase_path_visits(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(sojourn_argument(fcinfo, false).visits);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_first_stay);
Datum
kpicrm_phase_path_first_stay(PG_FUNCTION_ARGS)
{
	Sojourn		sojourn = sojourn_argument(fcinfo, true);

	if (sojourn.visits == 0)
		PG_RETURN_NULL();
	return kpicrm_span_result(sojourn.first);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_last_stay);
Datum
kpicrm_phase_path_last_stay(PG_FUNCTION_ARGS)
{
	Sojourn		sojourn = sojourn_argument(fcinfo, true);

	if (sojourn.visits == 0)
		PG_RETURN_NULL();
	return kpicrm_span_result(sojourn.last);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_total_stay);
Datum
kpicrm_phase_path_total_stay(PG_FUNCTION_ARGS)
{
	Sojourn		sojourn = sojourn_argument(fcinfo, true);

	if (sojourn.visits == 0)
		PG_RETURN_NULL();
	return kpicrm_span_result((int64) Min(sojourn.total, PG_INT64_MAX));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_backward_moves);
Datum
kpicrm_phase_path_backward_moves(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *path = kpicrm_path_of(PG_GETARG_DATUM(0));
	int64		moves = 0;

	for (uint32 i = 1; i < path->used; i++)
		moves += path->entries[i].position < path->entries[i - 1].position;
	PG_RETURN_INT64(moves);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_current);
Datum
kpicrm_phase_path_current(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *path = kpicrm_path_of(PG_GETARG_DATUM(0));

	if (path->used == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(path->entries[path->used - 1].position);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_furthest);
Datum
kpicrm_phase_path_furthest(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *path = kpicrm_path_of(PG_GETARG_DATUM(0));
	int32		furthest = 0;

	for (uint32 i = 0; i < path->used; i++)
		furthest = Max(furthest, path->entries[i].position);
	if (furthest == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(furthest);
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_stays);
Datum
kpicrm_phase_path_stays(PG_FUNCTION_ARGS)
{
	const KpicrmPhasePath *path = kpicrm_path_of(PG_GETARG_DATUM(0));
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(1);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	KpicrmPathStay stay = {0};

	InitMaterializedSRF(fcinfo, 0);
	while (kpicrm_path_next_stay(path, as_of, &stay))
	{
		Datum		values[4];
		bool		nulls[4] = {false, false, false, stay.is_open};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum(stay.number);
		values[1] = Int32GetDatum(stay.position);
		values[2] = TimestampTzGetDatum(stay.entered_at);
		values[3] = TimestampTzGetDatum(stay.left_at);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_eq);
Datum
kpicrm_phase_path_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(kpicrm_same_states(fcinfo, "phase_path"));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_ne);
Datum
kpicrm_phase_path_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!kpicrm_same_states(fcinfo, "phase_path"));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_hash);
Datum
kpicrm_phase_path_hash(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes(kpicrm_compact_argument(fcinfo, 0, "phase_path"));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_path_hash_extended);
Datum
kpicrm_phase_path_hash_extended(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes_extended(kpicrm_compact_argument(fcinfo, 0, "phase_path"), PG_GETARG_INT64(1));
}
