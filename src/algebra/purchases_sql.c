/*
 * purchases_sql.c
 *		SQL face of purchases: read arguments, call the arithmetic, return.
 *
 * As in customer_base_sql.c the state is one datum, COMPACT outside and WORKING
 * inside an aggregate.
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "algebra/decimal_sql.h"
#include "algebra/instant.h"
#include "algebra/purchases_sql.h"

#define MIN_CAPACITY 4

#define INVALID_HINT "Write \"empty\", or for example \"revenue, 2026-01-05 10:00:00 to 2026-02-01 00:00:00 {2026-01-05 2 300, 2026-02-01 1 50.5}\"."

typedef struct WorkingPurchases
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmPurchases p;
} WorkingPurchases;

#define WORKING_HEADER offsetof(WorkingPurchases, p)

static WorkingPurchases *
new_working(const KpicrmPurchases *header, uint32 capacity)
{
	Size		size = WORKING_HEADER + kpicrm_purchases_size(capacity);
	WorkingPurchases *w = palloc0(size);

	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	memcpy(&w->p, header, offsetof(KpicrmPurchases, days));
	w->p.used = 0;
	w->p.capacity = capacity;
	return w;
}

static int
compare_days(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return kpicrm_purchase_day_compare(a, b);
}

static void
settle(KpicrmPurchases *p)
{
	if (p->settled)
		return;
	qsort(p->days, p->used, sizeof(KpicrmPurchaseDay), compare_days);
	if (!kpicrm_purchases_unite(p))
		kpicrm_amount_overflow();
}

/* Compact bytes from outside or from a table; NULL if they are malformed. */
static WorkingPurchases *
expand(const char *bytes, int length)
{
	KpicrmSource source;
	KpicrmPurchases header;
	KpicrmPurchaseSummary summary;
	WorkingPurchases *w;
	int64		days;

	kpicrm_take_start(&source, bytes, (size_t) length);
	if (!kpicrm_purchases_take_header(&source, &header, &days))
		return NULL;
	w = new_working(&header, (uint32) days);
	if (!kpicrm_purchases_take_days(&source, &w->p, days) ||
		!kpicrm_purchases_summary(&w->p, &summary))
		return NULL;
	return w;
}

/* A WORKING form outside an aggregate has escaped from a foreign one. */
static struct varlena *
argument(FunctionCallInfo fcinfo, Datum value)
{
	struct varlena *v = PG_DETOAST_DATUM(value);

	if (kpicrm_is_working(v) && !AggCheckCallContext(fcinfo, NULL))
		kpicrm_corrupted_state("purchases");
	return v;
}

/* The value in WORKING form, to be read but not changed. */
static WorkingPurchases *
readable(struct varlena *v)
{
	WorkingPurchases *w = (WorkingPurchases *) v;

	if (!kpicrm_is_working(v))
		w = expand(VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
	else if (VARSIZE(v) < sizeof(WorkingPurchases) || w->p.used > w->p.capacity ||
			 VARSIZE(v) != WORKING_HEADER + kpicrm_purchases_size(w->p.capacity))
		w = NULL;
	if (w == NULL)
		kpicrm_corrupted_state("purchases");
	return w;
}

/* The same, settled: in a copy if the executor still writes on the state. */
static const KpicrmPurchases *
settled(struct varlena *v)
{
	WorkingPurchases *w = readable(v);

	if (!w->p.settled)
	{
		WorkingPurchases *copy = new_working(&w->p, w->p.used);

		memcpy(copy->p.days, w->p.days, w->p.used * sizeof(KpicrmPurchaseDay));
		copy->p.used = w->p.used;
		settle(&copy->p);
		w = copy;
	}
	return &w->p;
}

static struct varlena *
compact(struct varlena *v)
{
	const KpicrmPurchases *p = settled(v);
	KpicrmPurchaseSummary summary;
	struct varlena *compacted;
	KpicrmSink	sink;

	/* Days may fit where their sum does not. */
	if (!kpicrm_purchases_summary(p, &summary))
		kpicrm_amount_overflow();
	compacted = palloc(VARHDRSZ + KPICRM_PURCHASES_HEADER_MAX +
					   (Size) p->used * KPICRM_PURCHASE_DAY_MAX);
	sink.at = (uint8 *) VARDATA(compacted);
	kpicrm_purchases_put(&sink, p);
	SET_VARSIZE(compacted, sink.at - (uint8 *) compacted);
	return compacted;
}

const KpicrmPurchases *
kpicrm_purchases_of(Datum purchases)
{
	struct varlena *v = PG_DETOAST_DATUM(purchases);

	if (kpicrm_is_working(v))
		kpicrm_corrupted_state("purchases");
	return settled(v);
}

KpicrmPurchaseSummary
kpicrm_purchases_summary_of(Datum purchases)
{
	KpicrmPurchaseSummary summary;

	if (!kpicrm_purchases_summary(kpicrm_purchases_of(purchases), &summary))
		kpicrm_amount_overflow();
	return summary;
}

static void
check_same_money(int32 a, int32 b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge %s %s with one %s", "purchases",
						kpicrm_money_name(a), kpicrm_money_name(b)),
				 errhint("Give a cost to both aggregates, or to neither.")));
}

/*
 * The first argument with room for more days, to be written on: the executor's
 * own inside an aggregate, a copy anywhere else.
 */
static WorkingPurchases *
writable(FunctionCallInfo fcinfo, int32 money, uint32 more)
{
	struct varlena *v = argument(fcinfo, PG_GETARG_DATUM(0));
	WorkingPurchases *w = readable(v);
	WorkingPurchases *bigger;
	uint32		capacity = MIN_CAPACITY;

	if (w->p.money != KPICRM_MONEY_NONE)
		check_same_money(w->p.money, money);
	if (kpicrm_is_working(v) && w->p.used + more <= w->p.capacity)
		return w;
	if (kpicrm_is_working(v))
	{
		/* Repeated days may be all that fills it. */
		settle(&w->p);
		if (w->p.used + more <= w->p.capacity / 4 * 3)
			return w;
	}
	if (w->p.used + more > KPICRM_PURCHASE_DAYS_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %d order days in one %s", KPICRM_PURCHASE_DAYS_LIMIT, "purchases"),
				 errhint("The state holds one customer's history: group by customer.")));
	while (capacity < w->p.used + more)
		capacity *= 2;
	if (kpicrm_is_working(v) && capacity < 2 * w->p.capacity)
		capacity = 2 * w->p.capacity;
	/* No room beyond the limit: what is full is looked at again. */
	bigger = new_working(&w->p, Min(capacity, KPICRM_PURCHASE_DAYS_LIMIT));
	bigger->p.money = money;
	memcpy(bigger->p.days, w->p.days, w->p.used * sizeof(KpicrmPurchaseDay));
	bigger->p.used = w->p.used;
	return bigger;
}

static Datum
result(FunctionCallInfo fcinfo, WorkingPurchases *w)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	return PointerGetDatum(compact((struct varlena *) w));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_in);
Datum
kpicrm_purchases_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmText	in;
	KpicrmPurchases header;
	KpicrmPurchaseSummary summary;
	WorkingPurchases *w;
	int64		days;

	kpicrm_text_start(&in, string);
	if (!kpicrm_purchases_text_header(&in, &header, &days))
		kpicrm_invalid_text("purchases", string, INVALID_HINT);
	w = new_working(&header, (uint32) days);
	if (!kpicrm_purchases_text_days(&in, &w->p, days) ||
		!kpicrm_purchases_summary(&w->p, &summary))
		kpicrm_invalid_text("purchases", string, INVALID_HINT);
	PG_RETURN_POINTER(compact((struct varlena *) w));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_out);
Datum
kpicrm_purchases_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_purchases_print(&out, settled(PG_DETOAST_DATUM(PG_GETARG_DATUM(0))));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_recv);
Datum
kpicrm_purchases_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	WorkingPurchases *w = expand(pq_getmsgbytes(buf, length), length);

	if (w == NULL)
		kpicrm_invalid_bytes("purchases");
	PG_RETURN_POINTER(compact((struct varlena *) w));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_send);
Datum
kpicrm_purchases_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(PG_DETOAST_DATUM(PG_GETARG_DATUM(0))));
}

/*
 * One order: skipped without amount or time; without cost, where the form has
 * one, it is counted but otherwise left out.
 */
static Datum
order_transition(FunctionCallInfo fcinfo, int64 instant)
{
	bool		with_cost = PG_NARGS() > 3;
	KpicrmPurchaseDay day;
	WorkingPurchases *w;

	memset(&day, 0, sizeof(day));
	day.day = kpicrm_day_of_instant(instant);
	day.orders = 1;
	day.amount = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(1));
	if (with_cost && !PG_ARGISNULL(3))
		day.cost = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(3));
	w = writable(fcinfo, with_cost ? KPICRM_MONEY_COST : KPICRM_MONEY_REVENUE, 1);
	if (with_cost && PG_ARGISNULL(3))
	{
		if (__builtin_add_overflow(w->p.invalid, 1, &w->p.invalid))
			kpicrm_amount_overflow();
	}
	else if (!kpicrm_purchases_append(&w->p, &day, instant, instant))
		kpicrm_amount_overflow();
	return result(fcinfo, w);
}

static void
infinite_time(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("purchase time must be finite"),
			 errhint("Leave the row out with FILTER, or turn the time into NULL.")));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_transition_timestamptz);
Datum
kpicrm_purchases_transition_timestamptz(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	if (TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(2)))
		infinite_time();
	return order_transition(fcinfo, PG_GETARG_TIMESTAMPTZ(2));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_transition_date);
Datum
kpicrm_purchases_transition_date(PG_FUNCTION_ARGS)
{
	DateADT		date;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	date = PG_GETARG_DATEADT(2);
	if (DATE_NOT_FINITE(date))
		infinite_time();
	if (date >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range for timestamp"),
				 errhint("Purchases cannot be later than the year 294276.")));
	return order_transition(fcinfo, (int64) date * USECS_PER_DAY);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_add);
Datum
kpicrm_purchases_add(PG_FUNCTION_ARGS)
{
	const KpicrmPurchases *other = settled(argument(fcinfo, PG_GETARG_DATUM(1)));
	WorkingPurchases *w;

	if (other->money == KPICRM_MONEY_NONE)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	w = writable(fcinfo, other->money, other->used);
	if (__builtin_add_overflow(w->p.invalid, other->invalid, &w->p.invalid))
		kpicrm_amount_overflow();
	for (uint32 i = 0; i < other->used; i++)
		if (!kpicrm_purchases_append(&w->p, &other->days[i], other->first, other->last))
			kpicrm_amount_overflow();
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_final);
Datum
kpicrm_purchases_final(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	PG_RETURN_POINTER(kpicrm_is_working(v) ? compact(v) : v);
}

static KpicrmPurchaseSummary
argument_summary(FunctionCallInfo fcinfo)
{
	return kpicrm_purchases_summary_of(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_order_count);
Datum
kpicrm_purchases_order_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_summary(fcinfo).orders);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_order_day_count);
Datum
kpicrm_purchases_order_day_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_summary(fcinfo).days);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_repeat_count);
Datum
kpicrm_purchases_repeat_count(PG_FUNCTION_ARGS)
{
	int64		days = argument_summary(fcinfo).days;

	PG_RETURN_INT64(days > 0 ? days - 1 : 0);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_invalid_count);
Datum
kpicrm_purchases_invalid_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_summary(fcinfo).invalid);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_first_purchase_at);
Datum
kpicrm_purchases_first_purchase_at(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.days == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(s.first);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_last_purchase_at);
Datum
kpicrm_purchases_last_purchase_at(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.days == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(s.last);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_revenue);
Datum
kpicrm_purchases_revenue(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&s.revenue));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_cost);
Datum
kpicrm_purchases_cost(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.money != KPICRM_MONEY_COST)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&s.cost));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_margin);
Datum
kpicrm_purchases_margin(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.money != KPICRM_MONEY_COST)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kpicrm_decimal_margin(&s.revenue, &s.cost));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_average_order_value);
Datum
kpicrm_purchases_average_order_value(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.orders == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kpicrm_decimal_per(&s.revenue, s.orders));
}

/* What the first day brought says nothing about coming back. */
PG_FUNCTION_INFO_V1(kpicrm_purchases_average_repeat_value);
Datum
kpicrm_purchases_average_repeat_value(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary s = argument_summary(fcinfo);

	if (s.days < 2)
		PG_RETURN_NULL();
	if (!kpicrm_decimal_subtract(&s.revenue, &s.first_day_revenue))
		kpicrm_amount_overflow();
	PG_RETURN_DATUM(kpicrm_decimal_per(&s.revenue, s.days - 1));
}

static bool
same(FunctionCallInfo fcinfo)
{
	return kpicrm_same_bytes(argument(fcinfo, PG_GETARG_DATUM(0)), argument(fcinfo, PG_GETARG_DATUM(1)));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_eq);
Datum
kpicrm_purchases_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_ne);
Datum
kpicrm_purchases_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_hash);
Datum
kpicrm_purchases_hash(PG_FUNCTION_ARGS)
{
	struct varlena *v = argument(fcinfo, PG_GETARG_DATUM(0));

	return kpicrm_hash_bytes(v);
}

PG_FUNCTION_INFO_V1(kpicrm_purchases_hash_extended);
Datum
kpicrm_purchases_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *v = argument(fcinfo, PG_GETARG_DATUM(0));

	return kpicrm_hash_bytes_extended(v, PG_GETARG_INT64(1));
}
