/*
 * conversion_sql.c
 *		SQL face of conversion: read arguments, call the arithmetic, return.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/conversion.h"
#include "algebra/proportion.h"

#define CONVERSION_WIRE_VERSION 1
#define CONVERSION_WIRE_LENGTH (1 + 2 * (int) sizeof(int64))

#define PG_GETARG_CONVERSION_P(n) ((KpicrmConversion *) PG_GETARG_POINTER(n))

static void
count_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("count out of range"),
			 errdetail("A %s counts at most %lld cases.", "conversion", (long long) PG_INT64_MAX),
			 errhint("Merge fewer states.")));
}

/*
 * The state a function may write on: the executor's own inside an aggregate, a
 * copy anywhere else, because there it belongs to a tuple.
 */
static inline KpicrmConversion *
writable_conversion(FunctionCallInfo fcinfo)
{
	KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);

	if (!AggCheckCallContext(fcinfo, NULL))
	{
		KpicrmConversion *copy = palloc(sizeof(*copy));

		*copy = *c;
		c = copy;
	}
	return c;
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_in);
Datum
kpicrm_conversion_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmConversion *c = palloc(sizeof(*c));

	if (!kpicrm_conversion_parse(c, string) || !kpicrm_conversion_is_valid(c))
		kpicrm_invalid_text("conversion", string,
							"Write how many converted of how many, for example \"3/10\".");
	PG_RETURN_POINTER(c);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_out);
Datum
kpicrm_conversion_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_conversion_print(&out, PG_GETARG_CONVERSION_P(0));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_recv);
Datum
kpicrm_conversion_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	KpicrmConversion *c = palloc(sizeof(*c));

	if (buf->len - buf->cursor != CONVERSION_WIRE_LENGTH ||
		pq_getmsgbyte(buf) != CONVERSION_WIRE_VERSION)
		kpicrm_invalid_bytes("conversion");
	c->converted = pq_getmsgint64(buf);
	c->total = pq_getmsgint64(buf);
	if (!kpicrm_conversion_is_valid(c))
		kpicrm_invalid_bytes("conversion");
	PG_RETURN_POINTER(c);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_send);
Datum
kpicrm_conversion_send(PG_FUNCTION_ARGS)
{
	const KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);
	StringInfoData wire;

	pq_begintypsend(&wire);
	pq_sendbyte(&wire, CONVERSION_WIRE_VERSION);
	pq_sendint64(&wire, (uint64) c->converted);
	pq_sendint64(&wire, (uint64) c->total);
	PG_RETURN_BYTEA_P(pq_endtypsend(&wire));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_transition);
Datum
kpicrm_conversion_transition(PG_FUNCTION_ARGS)
{
	KpicrmConversion *c = writable_conversion(fcinfo);

	if (!kpicrm_conversion_row(c, PG_GETARG_BOOL(1)))
		count_overflow();
	PG_RETURN_POINTER(c);
}

static void
subtract_or_error(KpicrmConversion *from, const KpicrmConversion *part)
{
	if (!kpicrm_conversion_unmerge(from, part))
	{
		StringInfoData detail;

		initStringInfo(&detail);
		kpicrm_conversion_print(&detail, part);
		appendStringInfoString(&detail, " from ");
		kpicrm_conversion_print(&detail, from);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract a %s that is not a part of the other", "conversion"),
				 errdetail("Subtracting %s.", detail.data),
				 errhint("Subtract only what has been added before.")));
	}
}

/* The row leaves the window frame. */
PG_FUNCTION_INFO_V1(kpicrm_conversion_inverse);
Datum
kpicrm_conversion_inverse(PG_FUNCTION_ARGS)
{
	KpicrmConversion *c = writable_conversion(fcinfo);
	KpicrmConversion row = {0, 0};

	(void) kpicrm_conversion_row(&row, PG_GETARG_BOOL(1));
	subtract_or_error(c, &row);
	PG_RETURN_POINTER(c);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_add);
Datum
kpicrm_conversion_add(PG_FUNCTION_ARGS)
{
	KpicrmConversion *c = writable_conversion(fcinfo);

	if (!kpicrm_conversion_merge(c, PG_GETARG_CONVERSION_P(1)))
		count_overflow();
	PG_RETURN_POINTER(c);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_subtract);
Datum
kpicrm_conversion_subtract(PG_FUNCTION_ARGS)
{
	KpicrmConversion *c = writable_conversion(fcinfo);

	subtract_or_error(c, PG_GETARG_CONVERSION_P(1));
	PG_RETURN_POINTER(c);
}

/* Nothing decided: no rate.  Zero would claim that somebody failed. */
PG_FUNCTION_INFO_V1(kpicrm_conversion_rate);
Datum
kpicrm_conversion_rate(PG_FUNCTION_ARGS)
{
	const KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);

	if (c->total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) c->converted / (double) c->total);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_converted_count);
Datum
kpicrm_conversion_converted_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_CONVERSION_P(0)->converted);
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_total_count);
Datum
kpicrm_conversion_total_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_CONVERSION_P(0)->total);
}

/* Written so that NaN fails too. */
PG_FUNCTION_INFO_V1(kpicrm_conversion_rate_lower);
Datum
kpicrm_conversion_rate_lower(PG_FUNCTION_ARGS)
{
	const KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);
	double		confidence = kpicrm_confidence_argument(fcinfo, 1);

	if (c->total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_wilson_lower(c->converted, c->total, confidence));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_rate_upper);
Datum
kpicrm_conversion_rate_upper(PG_FUNCTION_ARGS)
{
	const KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);
	double		confidence = kpicrm_confidence_argument(fcinfo, 1);

	if (c->total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_wilson_upper(c->converted, c->total, confidence));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_compare);
Datum
kpicrm_conversion_compare(PG_FUNCTION_ARGS)
{
	const KpicrmConversion *c1 = PG_GETARG_CONVERSION_P(0);
	const KpicrmConversion *c2 = PG_GETARG_CONVERSION_P(1);

	if (c1->total == 0 || c2->total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_same_rate_probability(c1->converted, c1->total,
												  c2->converted, c2->total));
}

static bool
same_conversion(const KpicrmConversion *a, const KpicrmConversion *b)
{
	return a->converted == b->converted && a->total == b->total;
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_eq);
Datum
kpicrm_conversion_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same_conversion(PG_GETARG_CONVERSION_P(0), PG_GETARG_CONVERSION_P(1)));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_ne);
Datum
kpicrm_conversion_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same_conversion(PG_GETARG_CONVERSION_P(0), PG_GETARG_CONVERSION_P(1)));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_hash);
Datum
kpicrm_conversion_hash(PG_FUNCTION_ARGS)
{
	return hash_any((const unsigned char *) PG_GETARG_POINTER(0), sizeof(KpicrmConversion));
}

PG_FUNCTION_INFO_V1(kpicrm_conversion_hash_extended);
Datum
kpicrm_conversion_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((const unsigned char *) PG_GETARG_POINTER(0),
							 sizeof(KpicrmConversion), (uint64) PG_GETARG_INT64(1));
}
