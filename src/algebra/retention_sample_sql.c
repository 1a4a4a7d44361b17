/*
 * retention_sample_sql.c
 *		SQL face of retention_sample: read arguments, call the arithmetic, return.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/retention_sample_sql.h"

#define INVALID_HINT "Write periods lost/kept in ascending order, for example \"{1 131/0, 2 126/743}\"."

static KpicrmRetentionSample *
new_sample(int64 room)
{
	Size		size = kpicrm_retention_size(room);
	KpicrmRetentionSample *s = palloc0(size);

	SET_VARSIZE(s, size);
	return s;
}

/* Gives back the room of entries that were not needed. */
static Datum
result(KpicrmRetentionSample *s)
{
	SET_VARSIZE(s, kpicrm_retention_size(s->used));
	return PointerGetDatum(s);
}

static void
overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("more contracts than a bigint can count in one %s", "retention_sample"),
			 errhint("Count each contract once.")));
}

/*
 * What the executor keeps for an aggregate is valid, because it was when it came in;
 * to look at all of it for each row would take longer than the row.
 */
KpicrmRetentionSample *
kpicrm_retention_sample_argument(FunctionCallInfo fcinfo, int n)
{
	KpicrmRetentionSample *s = (KpicrmRetentionSample *) PG_GETARG_VARLENA_P(n);

	if (VARSIZE(s) < kpicrm_retention_size(0) || s->used < 0 ||
		VARSIZE(s) != kpicrm_retention_size(s->used) ||
		(!(n == 0 && AggCheckCallContext(fcinfo, NULL)) && !kpicrm_retention_sample_is_valid(s)))
		kpicrm_corrupted_state("retention_sample");
	return s;
}

static Datum
merged(const KpicrmRetentionSample *a, const KpicrmRetentionSample *b)
{
	KpicrmRetentionSample *whole = new_sample((int64) a->used + b->used);

	if (!kpicrm_retention_merge(whole, a, b))
		overflow();
	return result(whole);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_in);
Datum
kpicrm_retention_sample_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	int64		entries = kpicrm_retention_text_entries(string);
	KpicrmRetentionSample *s;

	if (entries > KPICRM_RETENTION_PERIODS + 1)
		kpicrm_invalid_text("retention_sample", string, INVALID_HINT);
	s = new_sample(entries);
	if (!kpicrm_retention_parse(s, string) || !kpicrm_retention_sample_is_valid(s))
		kpicrm_invalid_text("retention_sample", string, INVALID_HINT);
	return result(s);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_out);
Datum
kpicrm_retention_sample_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_retention_print(&out, kpicrm_retention_sample_argument(fcinfo, 0));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_recv);
Datum
kpicrm_retention_sample_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	KpicrmSource source;
	KpicrmRetentionSample *s;
	int64		entries;

	kpicrm_take_start(&source, pq_getmsgbytes(buf, length), (size_t) length);
	if (!kpicrm_retention_take_header(&source, &entries))
		kpicrm_invalid_bytes("retention_sample");
	s = new_sample(entries);
	if (!kpicrm_retention_take_entries(&source, s, entries) || !kpicrm_retention_sample_is_valid(s))
		kpicrm_invalid_bytes("retention_sample");
	return result(s);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_send);
Datum
kpicrm_retention_sample_send(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionSample *s = kpicrm_retention_sample_argument(fcinfo, 0);
	bytea	   *wire = palloc(VARHDRSZ + KPICRM_RETENTION_HEADER_MAX +
							  (Size) s->used * KPICRM_RETENTION_ENTRY_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(wire);
	kpicrm_retention_put(&sink, s);
	SET_VARSIZE(wire, sink.at - (uint8 *) wire);
	PG_RETURN_BYTEA_P(wire);
}

static int32
period_of_row(FunctionCallInfo fcinfo)
{
	int32		period = PG_GETARG_INT32(1);

	if (period < 0 || period > KPICRM_RETENTION_PERIODS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("period must be between 0 and %d, not %d", KPICRM_RETENTION_PERIODS, period),
				 errhint("Give the number of renewals that came up; take longer periods if there are so many.")));
	if (period == 0 && PG_GETARG_BOOL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a contract cannot be lost in period 0"),
				 errhint("A contract that was not renewed even once is lost in period 1.")));
	return period;
}

static int64
contracts_of_row(FunctionCallInfo fcinfo)
{
	int64		contracts = PG_NARGS() > 3 ? PG_GETARG_INT64(3) : 1;

	if (contracts < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contracts must not be negative, but is %lld", (long long) contracts),
				 errhint("Give the number of contracts that the row stands for.")));
	return contracts;
}

/* The row as a sample of its own: no contracts are no entry. */
static KpicrmRetentionSample *
sample_of_row(int32 period, bool lost, int64 contracts)
{
	KpicrmRetentionSample *row = new_sample(1);

	row->used = contracts > 0;
	row->entries[0].period = period;
	if (!kpicrm_retention_count(row, row->entries, lost, contracts))
		overflow();
	return row;
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_transition);
Datum
kpicrm_retention_sample_transition(PG_FUNCTION_ARGS)
{
	KpicrmRetentionSample *s = kpicrm_retention_sample_argument(fcinfo, 0);
	int32		period = period_of_row(fcinfo);
	bool		lost = PG_GETARG_BOOL(2);
	int64		contracts = contracts_of_row(fcinfo);
	KpicrmRetentionEntry *entry = kpicrm_retention_find(s, period);

	/* usual: it is the executor's own, and only a counter grows */
	if (entry != NULL && AggCheckCallContext(fcinfo, NULL))
	{
		if (!kpicrm_retention_count(s, entry, lost, contracts))
			overflow();
		return PointerGetDatum(s);
	}
	return merged(s, sample_of_row(period, lost, contracts));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_add);
Datum
kpicrm_retention_sample_add(PG_FUNCTION_ARGS)
{
	return merged(kpicrm_retention_sample_argument(fcinfo, 0),
				  kpicrm_retention_sample_argument(fcinfo, 1));
}

static Datum
subtracted(const KpicrmRetentionSample *whole, const KpicrmRetentionSample *part)
{
	/* an entry that cancels out at the end still needs its place */
	KpicrmRetentionSample *rest = new_sample((int64) whole->used + 1);

	if (!kpicrm_retention_subtract(rest, whole, part))
	{
		StringInfoData detail;

		initStringInfo(&detail);
		kpicrm_retention_print(&detail, part);
		appendStringInfoString(&detail, " from ");
		kpicrm_retention_print(&detail, whole);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract a %s that is not a part of the other", "retention_sample"),
				 errdetail("Subtracting %s.", detail.data),
				 errhint("Subtract only what has been added before.")));
	}
	return result(rest);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_subtract);
Datum
kpicrm_retention_sample_subtract(PG_FUNCTION_ARGS)
{
	return subtracted(kpicrm_retention_sample_argument(fcinfo, 0),
					  kpicrm_retention_sample_argument(fcinfo, 1));
}

/* The row leaves the window frame. */
PG_FUNCTION_INFO_V1(kpicrm_retention_sample_inverse);
Datum
kpicrm_retention_sample_inverse(PG_FUNCTION_ARGS)
{
	return subtracted(kpicrm_retention_sample_argument(fcinfo, 0),
					  sample_of_row(period_of_row(fcinfo), PG_GETARG_BOOL(2), contracts_of_row(fcinfo)));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_contract_count);
Datum
kpicrm_retention_sample_contract_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kpicrm_retention_sample_argument(fcinfo, 0)->contracts);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_lost_count);
Datum
kpicrm_retention_sample_lost_count(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionSample *s = kpicrm_retention_sample_argument(fcinfo, 0);
	int64		lost = 0;

	for (int32 i = 0; i < s->used; i++)
		lost += s->entries[i].lost;
	PG_RETURN_INT64(lost);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_eq);
Datum
kpicrm_retention_sample_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(kpicrm_same_bytes(PG_GETARG_VARLENA_P(0), PG_GETARG_VARLENA_P(1)));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_ne);
Datum
kpicrm_retention_sample_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!kpicrm_same_bytes(PG_GETARG_VARLENA_P(0), PG_GETARG_VARLENA_P(1)));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_hash);
Datum
kpicrm_retention_sample_hash(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes(PG_GETARG_VARLENA_P(0));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_sample_hash_extended);
Datum
kpicrm_retention_sample_hash_extended(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes_extended(PG_GETARG_VARLENA_P(0), PG_GETARG_INT64(1));
}
