/*
 * event_chain_sql.c
 *		SQL face of event_chain and window_funnel: read arguments, call the
 *		arithmetic, return.
 *
 * As in purchases_sql.c the state is one datum, COMPACT outside and WORKING
 * inside an aggregate.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/event_chain.h"
#include "algebra/step_flags.h"

#define MIN_CAPACITY 8

#define INVALID_HINT "Write for example \"2 steps in 3600000000us {2026-04-01 09:00:00 10, 2026-04-01 09:10:00 01}\"."

typedef struct WorkingChain
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmEventChain c;
} WorkingChain;

#define WORKING_HEADER offsetof(WorkingChain, c)

static WorkingChain *
new_working(const KpicrmEventChain *header, uint32 capacity)
{
	Size		size = WORKING_HEADER + kpicrm_chain_size(capacity);
	WorkingChain *w = palloc0(size);

	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	memcpy(&w->c, header, offsetof(KpicrmEventChain, events));
	w->c.used = 0;
	w->c.capacity = capacity;
	return w;
}

static int
compare_events(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return kpicrm_chain_compare(a, b);
}

/* Compact bytes from outside or from a table; NULL if they are malformed. */
static WorkingChain *
expand(const char *bytes, int length)
{
	KpicrmSource source;
	KpicrmEventChain header;
	WorkingChain *w;
	int64		events;

	kpicrm_take_start(&source, bytes, (size_t) length);
	if (!kpicrm_chain_take_header(&source, &header, &events))
		return NULL;
	w = new_working(&header, (uint32) events);
	return kpicrm_chain_take_events(&source, &w->c, events) ? w : NULL;
}

/* The value in WORKING form, to be read but not changed. */
static WorkingChain *
readable(FunctionCallInfo fcinfo, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM(value);
	WorkingChain *w = (WorkingChain *) v;

	if (!kpicrm_is_working(v))
		w = expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
	else if (!AggCheckCallContext(fcinfo, NULL) || VARSIZE(v) < sizeof(WorkingChain) ||
			 w->c.used > w->c.capacity || VARSIZE(v) != WORKING_HEADER + kpicrm_chain_size(w->c.capacity))
		w = NULL;
	if (w == NULL)
		kpicrm_corrupted_state("event_chain");
	return w;
}

/* The same with its events in order: in a copy if the executor still writes on it. */
static const KpicrmEventChain *
sorted(FunctionCallInfo fcinfo, Datum value)
{
	WorkingChain *w = readable(fcinfo, value);
	WorkingChain *copy;

	if (w->c.sorted)
		return &w->c;
	copy = new_working(&w->c, w->c.used);
	memcpy(copy->c.events, w->c.events, w->c.used * sizeof(KpicrmChainEvent));
	copy->c.used = w->c.used;
	qsort(copy->c.events, copy->c.used, sizeof(KpicrmChainEvent), compare_events);
	copy->c.sorted = 1;
	return &copy->c;
}

static struct varlena *
compact(const KpicrmEventChain *chain)
{
	struct varlena *compacted = palloc(VARHDRSZ + KPICRM_CHAIN_HEADER_MAX +
									   (Size) chain->used * KPICRM_CHAIN_EVENT_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(compacted);
	kpicrm_chain_put(&sink, chain);
	SET_VARSIZE(compacted, sink.at - (uint8 *) compacted);
	return compacted;
}

static char *
parameters(const KpicrmEventChain *chain)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_chain_print_modes(&out, chain->modes);
	appendStringInfo(&out, "%d steps in %lld microseconds", chain->steps, (long long) chain->window);
	return out.data;
}

static void
check_same_parameters(const KpicrmEventChain *a, const KpicrmEventChain *b)
{
	if (a->window != b->window || a->modes != b->modes || a->steps != b->steps)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge %s of different parameters: %s, and %s", "event_chain",
						parameters(a), parameters(b)),
				 errhint("Give the same modes, window and number of steps for all rows.")));
}

/* The state, to be written on, with room for more events. */
static WorkingChain *
writable(FunctionCallInfo fcinfo, const KpicrmEventChain *with, uint32 more)
{
	WorkingChain *w;
	WorkingChain *bigger;
	uint32		used = 0;
	uint32		capacity = MIN_CAPACITY;

	if (PG_ARGISNULL(0))
		return new_working(with, Max(capacity, more));
	w = readable(fcinfo, PG_GETARG_DATUM(0));
	check_same_parameters(&w->c, with);
	used = w->c.used;
	if (kpicrm_is_working((struct varlena *) w) && AggCheckCallContext(fcinfo, NULL) && used + more <= w->c.capacity)
		return w;
	if (used + more > KPICRM_CHAIN_EVENTS_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d events in one %s", KPICRM_CHAIN_EVENTS_LIMIT, "event_chain"),
				 errhint("The state holds the events of one customer: group by customer.")));
	while (capacity < used + more)
		capacity *= 2;
	/* No room beyond the limit: what is full is looked at again. */
	bigger = new_working(&w->c, Min(capacity, KPICRM_CHAIN_EVENTS_LIMIT));
	memcpy(bigger->c.events, w->c.events, used * sizeof(KpicrmChainEvent));
	bigger->c.used = used;
	return bigger;
}

static Datum
result(FunctionCallInfo fcinfo, WorkingChain *w)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	/* Outside an aggregate it is a copy of our own. */
	qsort(w->c.events, w->c.used, sizeof(KpicrmChainEvent), compare_events);
	return PointerGetDatum(compact(&w->c));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_in);
Datum
kpicrm_event_chain_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmText	in;
	KpicrmEventChain header;
	WorkingChain *w;
	int64		events;

	kpicrm_text_start(&in, string);
	if (!kpicrm_chain_text_header(&in, &header, &events))
		kpicrm_invalid_text("event_chain", string, INVALID_HINT);
	w = new_working(&header, (uint32) events);
	if (!kpicrm_chain_text_events(&in, &w->c, events))
		kpicrm_invalid_text("event_chain", string, INVALID_HINT);
	PG_RETURN_POINTER(compact(&w->c));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_out);
Datum
kpicrm_event_chain_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_chain_print(&out, sorted(fcinfo, PG_GETARG_DATUM(0)));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_recv);
Datum
kpicrm_event_chain_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	WorkingChain *w = expand(pq_getmsgbytes(buf, length), length);

	if (w == NULL)
		kpicrm_invalid_bytes("event_chain");
	PG_RETURN_POINTER(compact(&w->c));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_send);
Datum
kpicrm_event_chain_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(sorted(fcinfo, PG_GETARG_DATUM(0))));
}

static Datum
unchanged(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	return PG_GETARG_DATUM(0);
}

/*
 * One row: without window, steps or instant it is skipped, and it leaves no trace
 * if it matches no step and cannot end a chain.
 */
static Datum
event_transition(FunctionCallInfo fcinfo, int32 modes, int first_argument)
{
	KpicrmEventChain with;
	KpicrmStepFlags flags;
	WorkingChain *w;
	TimestampTz at;

	if (PG_ARGISNULL(first_argument) || PG_ARGISNULL(first_argument + 2))
		return unchanged(fcinfo);
	memset(&with, 0, sizeof(with));
	with.modes = modes;
	with.window = kpicrm_span_argument(fcinfo, first_argument, "window");
	with.sorted = 1;
	flags = kpicrm_step_flags_of_array(PG_GETARG_ARRAYTYPE_P(first_argument + 2));
	with.steps = flags.steps;
	if (PG_ARGISNULL(first_argument + 1))
		return unchanged(fcinfo);
	at = PG_GETARG_TIMESTAMPTZ(first_argument + 1);
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the instant of an event must be finite"),
				 errhint("Leave the row out with FILTER, or turn the instant into NULL.")));
	w = writable(fcinfo, &with, 1);
	if (flags.met != 0 || (modes & KPICRM_STRICT_ORDER))
		kpicrm_chain_append(&w->c, at, flags.met);
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_transition);
Datum
kpicrm_event_chain_transition(PG_FUNCTION_ARGS)
{
	return event_transition(fcinfo, 0, 1);
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_transition_modes);
Datum
kpicrm_event_chain_transition_modes(PG_FUNCTION_ARGS)
{
	int32		modes = 0;
	text	   *names;

	if (!PG_ARGISNULL(1))
	{
		names = PG_GETARG_TEXT_PP(1);
		if (!kpicrm_chain_modes(VARDATA_ANY(names), VARSIZE_ANY_EXHDR(names), &modes))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown mode in \"%s\"", text_to_cstring(names)),
					 errhint("Modes are strict_deduplication, strict_order and strict_increase; separate several by commas.")));
	}
	return event_transition(fcinfo, modes, 2);
}

/* Combine, rollup and +. */
PG_FUNCTION_INFO_V1(kpicrm_event_chain_add);
Datum
kpicrm_event_chain_add(PG_FUNCTION_ARGS)
{
	const KpicrmEventChain *more;
	WorkingChain *w;

	more = &readable(fcinfo, PG_GETARG_DATUM(1))->c;
	w = writable(fcinfo, more, more->used);
	for (uint32 i = 0; i < more->used; i++)
		kpicrm_chain_append(&w->c, more->events[i].at, more->events[i].steps);
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_final);
Datum
kpicrm_event_chain_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(compact(sorted(fcinfo, PG_GETARG_DATUM(0))));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_level);
Datum
kpicrm_event_chain_level(PG_FUNCTION_ARGS)
{
	/* Of no rows no step is reached: the final function, unlike level(), is not strict. */
	if (PG_ARGISNULL(0))
		PG_RETURN_INT32(0);
	PG_RETURN_INT32(kpicrm_chain_level(sorted(fcinfo, PG_GETARG_DATUM(0))));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_eq);
Datum
kpicrm_event_chain_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(kpicrm_same_states(fcinfo, "event_chain"));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_ne);
Datum
kpicrm_event_chain_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!kpicrm_same_states(fcinfo, "event_chain"));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_hash);
Datum
kpicrm_event_chain_hash(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes(kpicrm_compact_argument(fcinfo, 0, "event_chain"));
}

PG_FUNCTION_INFO_V1(kpicrm_event_chain_hash_extended);
Datum
kpicrm_event_chain_hash_extended(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes_extended(kpicrm_compact_argument(fcinfo, 0, "event_chain"), PG_GETARG_INT64(1));
}
