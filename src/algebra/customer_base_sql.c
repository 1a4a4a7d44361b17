/*
 * customer_base_sql.c
 *		SQL face of customer_base: read arguments, call the arithmetic, return.
 *
 * The state is one datum in one of two forms.  COMPACT is what leaves an
 * aggregate.  WORKING, a hash table with room to spare, lives inside one: the
 * transition writes into it and hands the same pointer back, so that the
 * executor copies nothing; when it is full, a new datum of twice the size is
 * returned, which the executor copies once, so that growth is amortised O(1).
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "compat.h"
#include "algebra/customer_base.h"
#include "algebra/decimal_sql.h"
#include "algebra/purchases_sql.h"

#define INTERRUPT_INTERVAL 65536

#define INVALID_HINT "Write \"empty\", or for example \"2 bigint customers, 3 orders, 120.5 revenue, 0 invalid {1,5}\"."

typedef struct WorkingBase
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		unused[3];
	KpicrmCustomerTable table;
} WorkingBase;

#define WORKING_HEADER offsetof(WorkingBase, table)

static void
check_limit(int64 customers)
{
	if (customers > KPICRM_CUSTOMER_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than %lld customers in one %s",
						(long long) KPICRM_CUSTOMER_LIMIT, "customer_base"),
				 errhint("Group by customer first: ltv(purchases) over the states of purchase_agg() needs no keys.")));
}

static WorkingBase *
new_working(const KpicrmCustomerSums *sums, int64 room)
{
	uint32		capacity = kpicrm_customer_capacity(sums->key, room);
	Size		size = WORKING_HEADER + kpicrm_customer_table_size(sums->key, capacity);
	WorkingBase *w = palloc0(size);

	SET_VARSIZE(w, size);
	w->form = KPICRM_WORKING_FORM;
	w->table.sums = *sums;
	w->table.capacity = capacity;
	return w;
}

static WorkingBase *
checked_working(struct varlena *v)
{
	WorkingBase *w = (WorkingBase *) v;

	if (VARSIZE(v) < sizeof(WorkingBase) ||
		w->table.sums.key < KPICRM_KEY_NONE || w->table.sums.key > KPICRM_KEY_COUNTED ||
		VARSIZE(v) != WORKING_HEADER + kpicrm_customer_table_size(w->table.sums.key, w->table.capacity))
		kpicrm_corrupted_state("customer_base");
	return w;
}

static KpicrmSource
source_of(const struct varlena *v)
{
	KpicrmSource source;

	kpicrm_take_start(&source, VARDATA(v), VARSIZE(v) - VARHDRSZ);
	return source;
}

/*
 * Reads compact bytes from outside or from a table; NULL if they are malformed.
 * Room for more keys can be asked for.
 */
static WorkingBase *
expand(KpicrmSource *source, int64 more)
{
	KpicrmCustomerSums sums;
	KpicrmCustomerKeyValue key = {0, 0};
	WorkingBase *w;
	int64		customers;

	if (!kpicrm_customer_take_sums(source, &sums))
		return NULL;
	customers = sums.customers;
	w = new_working(&sums, Min(customers + more, KPICRM_CUSTOMER_LIMIT + 1));
	if (w->table.capacity > 0)
	{
		w->table.sums.customers = 0;
		for (int64 i = 0; i < customers; i++)
		{
			if (i % INTERRUPT_INTERVAL == 0)
				CHECK_FOR_INTERRUPTS();
			if (!kpicrm_customer_take_key(source, sums.key, i == 0, &key))
				return NULL;
			kpicrm_customer_insert(&w->table, key);
		}
	}
	return source->at == source->end ? w : NULL;
}

static void
insert_all(WorkingBase *into, const WorkingBase *from)
{
	kpicrm_customer_insert_zero(&into->table, &from->table);
	for (uint32 at = 0; at < from->table.capacity; at += INTERRUPT_INTERVAL)
	{
		CHECK_FOR_INTERRUPTS();
		kpicrm_customer_insert_slots(&into->table, &from->table, at, at + INTERRUPT_INTERVAL);
		check_limit(into->table.capacity > 0 ? into->table.sums.customers : 0);
	}
}

/* A WORKING form outside an aggregate has escaped from a foreign one. */
static void
check_form(const struct varlena *v, FunctionCallInfo fcinfo)
{
	if (kpicrm_is_working(v) && !AggCheckCallContext(fcinfo, NULL))
		kpicrm_corrupted_state("customer_base");
}

/* The argument in WORKING form, for reading. */
static WorkingBase *
readable(struct varlena *v)
{
	KpicrmSource source = source_of(v);
	WorkingBase *w;

	if (kpicrm_is_working(v))
		return checked_working(v);
	w = expand(&source, 0);
	if (w == NULL)
		kpicrm_corrupted_state("customer_base");
	return w;
}

/* Sums alone cost nothing in either form. */
static KpicrmCustomerSums
sums_of(struct varlena *v)
{
	KpicrmSource source = source_of(v);
	KpicrmCustomerSums sums;

	if (kpicrm_is_working(v))
		return checked_working(v)->table.sums;
	if (!kpicrm_customer_take_sums(&source, &sums))
		kpicrm_corrupted_state("customer_base");
	return sums;
}

static void
check_same_kind(const KpicrmCustomerSums *a, const KpicrmCustomerSums *b)
{
	if (a->key != b->key)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge a %s of %s customers with one of %s customers", "customer_base",
						kpicrm_customer_key_name(a->key), kpicrm_customer_key_name(b->key)),
				 errhint("Build both with the same type of customer key.")));
	if (a->money != b->money)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge a %s %s with one %s", "customer_base",
						kpicrm_money_name(a->money), kpicrm_money_name(b->money)),
				 errhint("Give a cost to both aggregates, or to neither.")));
}

/*
 * The first argument as a table of this kind that can be written on and holds
 * more keys: the executor's own inside an aggregate, a copy anywhere else.
 */
static WorkingBase *
writable(FunctionCallInfo fcinfo, int32 key, int32 money, int64 more)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	KpicrmCustomerSums kind;
	WorkingBase *w;
	WorkingBase *bigger;

	check_form(v, fcinfo);
	memset(&kind, 0, sizeof(kind));
	kind.key = key;
	kind.money = money;
	w = readable(v);
	if (w->table.sums.key == KPICRM_KEY_NONE)
		return new_working(&kind, more);
	check_same_kind(&w->table.sums, &kind);
	if (kpicrm_is_working(v) && kpicrm_customer_has_room(&w->table, more))
		return w;

	kind = w->table.sums;
	if (w->table.capacity > 0)
		kind.customers = 0;
	bigger = new_working(&kind, Min(w->table.sums.customers + more, KPICRM_CUSTOMER_LIMIT + 1));
	insert_all(bigger, w);
	return bigger;
}

/* Sorting may take seconds for millions of customers. */
static int
compare_keys(const void *a, const void *b)
{
	CHECK_FOR_INTERRUPTS();
	return kpicrm_customer_compare(a, b);
}

static KpicrmCustomerKeyValue *
sorted_keys(const WorkingBase *w)
{
	int64		customers = w->table.sums.customers;
	KpicrmCustomerKeyValue *keys;

	if (w->table.capacity == 0)
		return NULL;
	keys = palloc((Size) (customers + 1) * sizeof(KpicrmCustomerKeyValue));
	kpicrm_customer_keys(&w->table, keys);
	qsort(keys, (Size) customers, sizeof(KpicrmCustomerKeyValue), compare_keys);
	return keys;
}

static struct varlena *
compact(const WorkingBase *w)
{
	const KpicrmCustomerSums *sums = &w->table.sums;
	KpicrmCustomerKeyValue *keys = sorted_keys(w);
	Size		key_max = sums->key == KPICRM_KEY_BIGINT ? 10 : 16;
	struct varlena *v;
	KpicrmSink	sink;

	v = palloc(VARHDRSZ + KPICRM_CUSTOMER_HEADER_MAX +
			   (keys != NULL ? (Size) sums->customers * key_max : 0));
	sink.at = (uint8 *) VARDATA(v);
	kpicrm_customer_put_sums(&sink, sums);
	for (int64 i = 0; keys != NULL && i < sums->customers; i++)
		kpicrm_customer_put_key(&sink, sums->key, i > 0 ? &keys[i - 1] : NULL, &keys[i]);
	SET_VARSIZE(v, sink.at - (uint8 *) v);
	if (keys != NULL)
		pfree(keys);
	return v;
}

static Datum
result(FunctionCallInfo fcinfo, WorkingBase *w)
{
	check_limit(w->table.capacity > 0 ? w->table.sums.customers : 0);
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(w);
	return PointerGetDatum(compact(w));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_in);
Datum
kpicrm_customer_base_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmText	in;
	KpicrmCustomerSums sums;
	KpicrmCustomerKeyValue previous = {0, 0};
	WorkingBase *w;
	int64		customers;

	kpicrm_text_start(&in, string);
	if (!kpicrm_customer_text_sums(&in, &sums))
		kpicrm_invalid_text("customer_base", string, INVALID_HINT);
	customers = sums.customers;
	w = new_working(&sums, customers);
	if (w->table.capacity > 0)
	{
		w->table.sums.customers = 0;
		kpicrm_text_literal(&in, " {");
		for (int64 i = 0; i < customers; i++)
		{
			KpicrmCustomerKeyValue key;

			if (i % INTERRUPT_INTERVAL == 0)
				CHECK_FOR_INTERRUPTS();
			if (i > 0)
				kpicrm_text_literal(&in, ",");
			key = kpicrm_customer_text_key(&in, sums.key);
			if (in.failed || (i > 0 && kpicrm_customer_compare(&previous, &key) >= 0))
				kpicrm_invalid_text("customer_base", string, "Keys are distinct, ascending and as many as there are customers.");
			kpicrm_customer_insert(&w->table, key);
			previous = key;
		}
		kpicrm_text_literal(&in, "}");
	}
	if (!kpicrm_text_finish(&in))
		kpicrm_invalid_text("customer_base", string, INVALID_HINT);
	PG_RETURN_POINTER(compact(w));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_out);
Datum
kpicrm_customer_base_out(PG_FUNCTION_ARGS)
{
	WorkingBase *w = readable(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)));
	KpicrmCustomerKeyValue *keys = sorted_keys(w);
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_customer_print_sums(&out, &w->table.sums);
	if (keys != NULL)
	{
		appendStringInfoString(&out, " {");
		for (int64 i = 0; i < w->table.sums.customers; i++)
		{
			if (i % INTERRUPT_INTERVAL == 0)
				CHECK_FOR_INTERRUPTS();
			if (i > 0)
				appendStringInfoChar(&out, ',');
			kpicrm_customer_print_key(&out, w->table.sums.key, &keys[i]);
		}
		appendStringInfoChar(&out, '}');
	}
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_recv);
Datum
kpicrm_customer_base_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	KpicrmSource source;
	WorkingBase *w;

	kpicrm_take_start(&source, pq_getmsgbytes(buf, length), (size_t) length);
	w = expand(&source, 0);
	if (w == NULL)
		kpicrm_invalid_bytes("customer_base");
	PG_RETURN_POINTER(compact(w));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_send);
Datum
kpicrm_customer_base_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(compact(readable(PG_DETOAST_DATUM(PG_GETARG_DATUM(0)))));
}

/*
 * One order: skipped without customer or amount; without cost, where the form
 * has one, it is counted but otherwise left out.
 */
static Datum
order_transition(FunctionCallInfo fcinfo, int32 kind)
{
	bool		with_cost = PG_NARGS() > 3;
	int32		money = with_cost ? KPICRM_MONEY_COST : KPICRM_MONEY_REVENUE;
	bool		invalid = with_cost && PG_ARGISNULL(3);
	KpicrmDecimal amount;
	KpicrmDecimal cost;
	WorkingBase *w;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));

	memset(&amount, 0, sizeof(amount));
	memset(&cost, 0, sizeof(cost));
	if (!invalid)
	{
		amount = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(2));
		if (with_cost)
			cost = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(3));
	}
	w = writable(fcinfo, kind, money, 1);
	if (!kpicrm_customer_add(&w->table.sums, !invalid, invalid, &amount, &cost))
		kpicrm_amount_overflow();
	if (!invalid)
	{
		KpicrmCustomerKeyValue key;

		if (kind == KPICRM_KEY_BIGINT)
			key = kpicrm_customer_key_bigint(PG_GETARG_INT64(1));
		else if (kind == KPICRM_KEY_UUID)
			key = kpicrm_customer_key_bytes(PG_GETARG_UUID_P(1)->data);
		else
		{
			text	   *name = PG_GETARG_TEXT_PP(1);

			key = kpicrm_customer_key_text(VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
		}
		kpicrm_customer_insert(&w->table, key);
	}
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_transition_bigint);
Datum
kpicrm_customer_base_transition_bigint(PG_FUNCTION_ARGS)
{
	return order_transition(fcinfo, KPICRM_KEY_BIGINT);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_transition_uuid);
Datum
kpicrm_customer_base_transition_uuid(PG_FUNCTION_ARGS)
{
	return order_transition(fcinfo, KPICRM_KEY_UUID);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_transition_text);
Datum
kpicrm_customer_base_transition_text(PG_FUNCTION_ARGS)
{
	return order_transition(fcinfo, KPICRM_KEY_TEXT);
}

/* One customer's whole history. */
PG_FUNCTION_INFO_V1(kpicrm_customer_base_transition_purchases);
Datum
kpicrm_customer_base_transition_purchases(PG_FUNCTION_ARGS)
{
	KpicrmPurchaseSummary summary = kpicrm_purchases_summary_of(PG_GETARG_DATUM(1));
	WorkingBase *w;

	if (summary.money == KPICRM_MONEY_NONE)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	w = writable(fcinfo, KPICRM_KEY_COUNTED, summary.money, 0);
	if (!kpicrm_customer_add(&w->table.sums, summary.orders, summary.invalid,
							 &summary.revenue, &summary.cost))
		kpicrm_amount_overflow();
	w->table.sums.customers += summary.orders > 0;
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_add);
Datum
kpicrm_customer_base_add(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(1));
	WorkingBase *other;
	WorkingBase *w;
	const KpicrmCustomerSums *sums;

	check_form(v, fcinfo);
	other = readable(v);
	sums = &other->table.sums;
	if (sums->key == KPICRM_KEY_NONE)
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	w = writable(fcinfo, sums->key, sums->money, sums->customers);
	if (!kpicrm_customer_add(&w->table.sums, sums->orders, sums->invalid,
							 &sums->revenue, &sums->cost))
		kpicrm_amount_overflow();
	if (w->table.capacity == 0 &&
		__builtin_add_overflow(w->table.sums.customers, sums->customers, &w->table.sums.customers))
		kpicrm_amount_overflow();
	insert_all(w, other);
	return result(fcinfo, w);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_final);
Datum
kpicrm_customer_base_final(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	PG_RETURN_POINTER(kpicrm_is_working(v) ? compact(checked_working(v)) : v);
}

static KpicrmCustomerSums
argument_sums(FunctionCallInfo fcinfo)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	check_form(v, fcinfo);
	return sums_of(v);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_customer_count);
Datum
kpicrm_customer_base_customer_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_sums(fcinfo).customers);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_order_count);
Datum
kpicrm_customer_base_order_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_sums(fcinfo).orders);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_invalid_count);
Datum
kpicrm_customer_base_invalid_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(argument_sums(fcinfo).invalid);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_revenue);
Datum
kpicrm_customer_base_revenue(PG_FUNCTION_ARGS)
{
	KpicrmCustomerSums sums = argument_sums(fcinfo);

	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&sums.revenue));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_cost);
Datum
kpicrm_customer_base_cost(PG_FUNCTION_ARGS)
{
	KpicrmCustomerSums sums = argument_sums(fcinfo);

	if (sums.money != KPICRM_MONEY_COST)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&sums.cost));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_margin);
Datum
kpicrm_customer_base_margin(PG_FUNCTION_ARGS)
{
	KpicrmCustomerSums sums = argument_sums(fcinfo);

	if (sums.money != KPICRM_MONEY_COST)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kpicrm_decimal_margin(&sums.revenue, &sums.cost));
}

/* Without customers there is no value per customer. */
PG_FUNCTION_INFO_V1(kpicrm_customer_base_ltv);
Datum
kpicrm_customer_base_ltv(PG_FUNCTION_ARGS)
{
	KpicrmCustomerSums sums = argument_sums(fcinfo);

	if (sums.customers == 0)
		PG_RETURN_NULL();
	if (!kpicrm_decimal_subtract(&sums.revenue, &sums.cost))
		kpicrm_amount_overflow();
	PG_RETURN_DATUM(kpicrm_decimal_per(&sums.revenue, sums.customers));
}

static bool
same(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	struct varlena *b = PG_DETOAST_DATUM(PG_GETARG_DATUM(1));

	check_form(a, fcinfo);
	check_form(b, fcinfo);
	return kpicrm_same_bytes(a, b);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_eq);
Datum
kpicrm_customer_base_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_ne);
Datum
kpicrm_customer_base_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_hash);
Datum
kpicrm_customer_base_hash(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	check_form(v, fcinfo);
	return kpicrm_hash_bytes(v);
}

PG_FUNCTION_INFO_V1(kpicrm_customer_base_hash_extended);
Datum
kpicrm_customer_base_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	check_form(v, fcinfo);
	return kpicrm_hash_bytes_extended(v, PG_GETARG_INT64(1));
}
