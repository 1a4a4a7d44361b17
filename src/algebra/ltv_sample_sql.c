/*
 * ltv_sample_sql.c
 *		SQL face of ltv_sample: read arguments, call the arithmetic, return.
 *
 * As in purchases_sql.c the state is one datum, COMPACT outside and WORKING
 * inside an aggregate.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/instant.h"
#include "algebra/ltv_sample_sql.h"
#include "algebra/purchases_sql.h"

#define MIN_CAPACITY 16

#define DEFAULT_PERIOD (7 * USECS_PER_DAY)

#define INVALID_HINT "Write \"empty\", or for example \"BG/NBD of numbers {0 0 38.86 x2, 2 30.43 38.86 22.35 x1}\" (frequency, recency, age, mean value if known, customers)."

typedef struct WorkingSample
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmLtvSample s;
} WorkingSample;

#define WORKING_HEADER offsetof(WorkingSample, s)

static WorkingSample *
new_working(const KpicrmLtvSample *header, uint32 capacity)
{
	Size		size = WORKING_HEADER + kpicrm_ltv_sample_size(capacity);
	WorkingSample *w = palloc0(size);

	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	memcpy(&w->s, header, offsetof(KpicrmLtvSample, entries));
	w->s.used = 0;
	w->s.capacity = capacity;
	return w;
}

static void
count_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("more than %lld customers in one %s", (long long) PG_INT64_MAX, "ltv_sample"),
			 errhint("Check the weights.")));
}

static int
compare_entries(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return kpicrm_ltv_entry_compare(a, b);
}

static void
settle(KpicrmLtvSample *s)
{
	if (s->settled)
		return;
	qsort(s->entries, s->used, sizeof(KpicrmLtvEntry), compare_entries);
	if (!kpicrm_ltv_sample_unite(s))
		count_overflow();
}

/* Compact bytes from outside or from a table; NULL if they are malformed. */
static WorkingSample *
expand(const char *bytes, int length)
{
	KpicrmSource source;
	KpicrmLtvSample header;
	WorkingSample *w;
	int64		entries;

	kpicrm_take_start(&source, bytes, (size_t) length);
	if (!kpicrm_ltv_sample_take_header(&source, &header, &entries))
		return NULL;
	w = new_working(&header, (uint32) entries);
	if (!kpicrm_ltv_sample_take_entries(&source, &w->s, entries) || !kpicrm_ltv_sample_is_valid(&w->s))
		return NULL;
	return w;
}

/* A WORKING form outside an aggregate has escaped from a foreign one. */
static struct varlena *
argument(FunctionCallInfo fcinfo, int n)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (kpicrm_is_working(v) && !AggCheckCallContext(fcinfo, NULL))
		kpicrm_corrupted_state("ltv_sample");
	return v;
}

/* The value in WORKING form, to be read but not changed. */
static WorkingSample *
readable(struct varlena *v)
{
	WorkingSample *w = (WorkingSample *) v;

	if (!kpicrm_is_working(v))
		w = expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
	else if (VARSIZE(v) < sizeof(WorkingSample) || w->s.used > w->s.capacity ||
			 w->s.capacity > KPICRM_LTV_ENTRY_LIMIT ||
			 VARSIZE(v) != WORKING_HEADER + kpicrm_ltv_sample_size(w->s.capacity))
		w = NULL;
	if (w == NULL)
		kpicrm_corrupted_state("ltv_sample");
	return w;
}

/* The same, settled: in a copy if the executor still writes on the state. */
static const KpicrmLtvSample *
settled(struct varlena *v)
{
	WorkingSample *w = readable(v);

	if (!w->s.settled)
	{
		WorkingSample *copy = new_working(&w->s, w->s.used);

		memcpy(copy->s.entries, w->s.entries, w->s.used * sizeof(KpicrmLtvEntry));
		copy->s.used = w->s.used;
		settle(&copy->s);
		w = copy;
	}
	/* Entries may fit where their sum does not. */
	if (!kpicrm_ltv_sample_is_valid(&w->s))
		count_overflow();
	return &w->s;
}

const KpicrmLtvSample *
kpicrm_ltv_sample_argument(FunctionCallInfo fcinfo, int n)
{
	return settled(argument(fcinfo, n));
}

static struct varlena *
compact(const KpicrmLtvSample *s)
{
	struct varlena *compacted = palloc(VARHDRSZ + KPICRM_LTV_HEADER_MAX + (Size) s->used * KPICRM_LTV_ENTRY_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(compacted);
	kpicrm_ltv_sample_put(&sink, s);
	SET_VARSIZE(compacted, sink.at - (uint8 *) compacted);
	return compacted;
}

static char *
print_terms(const KpicrmLtvTerms *terms)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_ltv_print_terms(&out, terms);
	return out.data;
}

static void
check_same_terms(const KpicrmLtvTerms *a, const KpicrmLtvTerms *b)
{
	if (memcmp(a, b, sizeof(*a)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge an ltv_sample of %s with one of %s", print_terms(a), print_terms(b)),
				 errhint("Give the same as_of, period and variant for all customers.")));
}

/*
 * The first argument with room for more entries, to be written on: the executor's
 * own inside an aggregate, a copy anywhere else.
 */
static WorkingSample *
writable(FunctionCallInfo fcinfo, const KpicrmLtvTerms *terms, uint32 more)
{
	struct varlena *v = argument(fcinfo, 0);
	WorkingSample *w = readable(v);
	WorkingSample *bigger;
	uint32		capacity = MIN_CAPACITY;

	if (w->s.terms.variant != KPICRM_BUYER_NONE)
		check_same_terms(&w->s.terms, terms);
	if (kpicrm_is_working(v) && w->s.used + more <= w->s.capacity)
		return w;
	if (kpicrm_is_working(v))
	{
		/* Repeated histories may be all that fills it. */
		settle(&w->s);
		if (w->s.used + more <= w->s.capacity / 4 * 3)
			return w;
	}
	if (w->s.used + more > KPICRM_LTV_ENTRY_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d distinct histories in one %s", KPICRM_LTV_ENTRY_LIMIT, "ltv_sample"),
				 errhint("Fit the model to a random sample of the customers: a million say as much.")));
	while (capacity < w->s.used + more)
		capacity *= 2;
	if (kpicrm_is_working(v) && capacity < 2 * w->s.capacity)
		capacity = Min(2 * w->s.capacity, KPICRM_LTV_ENTRY_LIMIT);
	bigger = new_working(&w->s, capacity);
	bigger->s.terms = *terms;
	memcpy(bigger->s.entries, w->s.entries, w->s.used * sizeof(KpicrmLtvEntry));
	bigger->s.used = w->s.used;
	return bigger;
}

static Datum
result(FunctionCallInfo fcinfo, WorkingSample *w)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	return PointerGetDatum(compact(settled((struct varlena *) w)));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_in);
Datum
kpicrm_ltv_sample_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmText	in;
	KpicrmLtvSample header;
	WorkingSample *w;
	int64		entries;

	kpicrm_text_start(&in, string);
	if (!kpicrm_ltv_sample_text_header(&in, &header, &entries))
		kpicrm_invalid_text("ltv_sample", string, INVALID_HINT);
	w = new_working(&header, (uint32) entries);
	if (!kpicrm_ltv_sample_text_entries(&in, &w->s, entries) || !kpicrm_ltv_sample_is_valid(&w->s))
		kpicrm_invalid_text("ltv_sample", string, INVALID_HINT);
	PG_RETURN_POINTER(compact(&w->s));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_out);
Datum
kpicrm_ltv_sample_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_ltv_sample_print(&out, settled(PG_DETOAST_DATUM(PG_GETARG_DATUM(0))));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_recv);
Datum
kpicrm_ltv_sample_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	WorkingSample *w = expand(pq_getmsgbytes(buf, length), length);

	if (w == NULL)
		kpicrm_invalid_bytes("ltv_sample");
	PG_RETURN_POINTER(compact(&w->s));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_send);
Datum
kpicrm_ltv_sample_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(settled(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)))));
}

/* The UTC day, as in purchases. */
int32
kpicrm_as_of_timestamptz(FunctionCallInfo fcinfo, int n)
{
	TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(n);

	if (TIMESTAMP_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be finite, not %s", TIMESTAMP_IS_NOBEGIN(as_of) ? "-infinity" : "infinity"),
				 errhint("Give an instant, for example now().")));
	return kpicrm_day_of_instant(as_of);
}

int32
kpicrm_as_of_date(FunctionCallInfo fcinfo, int n)
{
	DateADT		as_of = PG_GETARG_DATEADT(n);

	if (DATE_NOT_FINITE(as_of))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be finite, not %s", DATE_IS_NOBEGIN(as_of) ? "-infinity" : "infinity"),
				 errhint("Give a day, for example current_date.")));
	return as_of;
}

static KpicrmBuyerVariant
variant_argument(FunctionCallInfo fcinfo, int n)
{
	const char *name;

	if (PG_NARGS() <= n)
		return KPICRM_BUYER_BG;
	name = text_to_cstring(PG_GETARG_TEXT_PP(n));
	for (KpicrmBuyerVariant variant = KPICRM_BUYER_BG; variant <= KPICRM_BUYER_MBG; variant++)
		if (strcmp(name, kpicrm_buyer_variant_name((int32) variant)) == 0)
			return variant;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("variant must be BG/NBD or MBG/NBD, not \"%s\"", name),
			 errhint("BG/NBD lets customers stop after repeat orders only, MBG/NBD also after the first.")));
	return KPICRM_BUYER_NONE;	/* keep compilers quiet */
}

static int64
period_argument(FunctionCallInfo fcinfo, int n)
{
	int64		period = PG_NARGS() > n ? kpicrm_span_argument(fcinfo, n, "period") : DEFAULT_PERIOD;

	if (period == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period must be longer than 0"),
				 errhint("It is the unit of time of the parameters, for example INTERVAL '7 days'.")));
	return period;
}

/* state, purchases, as_of [, period [, variant]] */
static Datum
purchases_transition(FunctionCallInfo fcinfo, int32 as_of)
{
	KpicrmLtvTerms terms = {0};
	KpicrmLtvEntry entry;
	WorkingSample *w;

	terms.as_of = as_of;
	terms.period = period_argument(fcinfo, 3);
	terms.variant = variant_argument(fcinfo, 4);
	w = writable(fcinfo, &terms, 1);
	if (kpicrm_ltv_entry_of_purchases(&entry, kpicrm_purchases_of(PG_GETARG_DATUM(1)), as_of) &&
		!kpicrm_ltv_sample_append(&w->s, &entry))
		count_overflow();
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_transition_timestamptz);
Datum
kpicrm_ltv_sample_transition_timestamptz(PG_FUNCTION_ARGS)
{
	return purchases_transition(fcinfo, kpicrm_as_of_timestamptz(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_transition_date);
Datum
kpicrm_ltv_sample_transition_date(PG_FUNCTION_ARGS)
{
	return purchases_transition(fcinfo, kpicrm_as_of_date(fcinfo, 2));
}

static void
invalid_history(const char *name, double value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\": %g", name, value),
			 errhint("%s", hint)));
}

/* One customer in plain numbers, each of which is checked. */
KpicrmLtvEntry
kpicrm_ltv_history(double frequency, double recency, double age, double value)
{
	KpicrmLtvEntry entry = {0};

	if (!(frequency >= 0 && frequency <= (double) KPICRM_LTV_MAX_FREQUENCY))
		invalid_history("frequency", frequency, "It is the number of repeat orders, 0 to 1000000000.");
	if (!(age == 0 || (age >= 1 / KPICRM_LTV_MAX_TIME && age <= KPICRM_LTV_MAX_TIME)))
		invalid_history("age", age, "It is the time since the first order: 0, or 1e-15 to 1e15.");
	if (!(recency == 0 || (recency >= 1 / KPICRM_LTV_MAX_TIME && recency <= age)))
		invalid_history("recency", recency, "It is the time from the first to the last order: 0, or 1e-15 to the age.");
	if (frequency == 0 && recency > 0)
		invalid_history("recency", recency, "It is 0 for a customer with no repeat order: first and last order are one.");
	if (!(fabs(value) <= KPICRM_LTV_MAX_VALUE))
		invalid_history("monetary_value", value, "It is the mean amount of the repeat orders, -1e100 to 1e100, or NULL.");
	entry.frequency = (int64) frequency;
	/* no zero with a sign */
	entry.recency = recency == 0 ? 0 : recency;
	entry.age = age == 0 ? 0 : age;
	entry.value = frequency > 0 && value >= KPICRM_LTV_MIN_VALUE ? value : 0;
	entry.customers = 1;
	return entry;
}

/* state, frequency, recency, age, monetary_value [, weight [, variant]] */
PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_transition_numbers);
Datum
kpicrm_ltv_sample_transition_numbers(PG_FUNCTION_ARGS)
{
	KpicrmLtvTerms terms = {0};
	KpicrmLtvEntry entry;
	WorkingSample *w;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	for (int n = 1; n < PG_NARGS(); n++)
		if (PG_ARGISNULL(n) && n != 4)
			PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	entry = kpicrm_ltv_history((double) PG_GETARG_INT64(1), PG_GETARG_FLOAT8(2), PG_GETARG_FLOAT8(3),
							   PG_ARGISNULL(4) ? 0 : PG_GETARG_FLOAT8(4));
	if (PG_NARGS() > 5)
		entry.customers = PG_GETARG_INT64(5);
	if (entry.customers < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight must not be negative, but is %lld", (long long) entry.customers),
				 errhint("It is the number of customers with this history.")));
	terms.variant = variant_argument(fcinfo, 6);
	w = writable(fcinfo, &terms, 1);
	if (entry.customers > 0 && !kpicrm_ltv_sample_append(&w->s, &entry))
		count_overflow();
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_add);
Datum
kpicrm_ltv_sample_add(PG_FUNCTION_ARGS)
{
	const KpicrmLtvSample *other = kpicrm_ltv_sample_argument(fcinfo, 1);
	WorkingSample *w;

	if (other->terms.variant == KPICRM_BUYER_NONE)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	w = writable(fcinfo, &other->terms, other->used);
	for (uint32 i = 0; i < other->used; i++)
		if (!kpicrm_ltv_sample_append(&w->s, &other->entries[i]))
			count_overflow();
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_final);
Datum
kpicrm_ltv_sample_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(compact(kpicrm_ltv_sample_argument(fcinfo, 0)));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_sample_customer_count);
Datum
kpicrm_ltv_sample_customer_count(PG_FUNCTION_ARGS)
{
	const KpicrmLtvSample *s = kpicrm_ltv_sample_argument(fcinfo, 0);
	int64		customers = 0;

	for (uint32 i = 0; i < s->used; i++)
		customers += s->entries[i].customers;
	PG_RETURN_INT64(customers);
}
