/*
 * weighted_conversion_sql.c
 *		SQL face of weighted_conversion: read arguments, call the arithmetic,
 *		return.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"

#include "compat.h"
#include "algebra/decimal_sql.h"
#include "algebra/weighted_conversion.h"

#define WEIGHTED_WIRE_VERSION 1
#define WEIGHTED_WIRE_MAX (1 + 2 * KPICRM_DECIMAL_WIRE_MAX + 3 * 10)

#define PG_GETARG_WEIGHTED_P(n) ((KpicrmWeightedConversion *) PG_GETARG_POINTER(n))

/*
 * The state a function may write on: the executor's own inside an aggregate, a
 * copy anywhere else, because there it belongs to a tuple.
 */
static KpicrmWeightedConversion *
writable_weighted(FunctionCallInfo fcinfo)
{
	KpicrmWeightedConversion *w = PG_GETARG_WEIGHTED_P(0);

	if (!AggCheckCallContext(fcinfo, NULL))
	{
		KpicrmWeightedConversion *copy = palloc(sizeof(*copy));

		*copy = *w;
		w = copy;
	}
	return w;
}

/* Inside an aggregate the scale may keep its zeros: the final function trims. */
static Datum
result(FunctionCallInfo fcinfo, KpicrmWeightedConversion *w)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		kpicrm_weighted_trim(w);
	return PointerGetDatum(w);
}

static KpicrmWeightedConversion *
trimmed_copy(const KpicrmWeightedConversion *w)
{
	KpicrmWeightedConversion *copy = palloc(sizeof(*copy));

	*copy = *w;
	kpicrm_weighted_trim(copy);
	return copy;
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_in);
Datum
kpicrm_weighted_conversion_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmWeightedConversion *w = palloc(sizeof(*w));

	if (!kpicrm_weighted_parse(w, string) || !kpicrm_weighted_is_valid(w))
		kpicrm_invalid_text("weighted_conversion", string,
							"Write converted/total amount, converted/total rows and excluded rows, for example \"120.5/400 3/10 1\".");
	PG_RETURN_POINTER(w);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_out);
Datum
kpicrm_weighted_conversion_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_weighted_print(&out, PG_GETARG_WEIGHTED_P(0));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_recv);
Datum
kpicrm_weighted_conversion_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	KpicrmSource source;
	KpicrmWeightedConversion *w = palloc0(sizeof(*w));

	kpicrm_take_start(&source, pq_getmsgbytes(buf, length), (size_t) length);
	if (kpicrm_take_byte(&source) != WEIGHTED_WIRE_VERSION)
		source.failed = true;
	w->converted = kpicrm_take_decimal(&source);
	w->total = kpicrm_take_decimal(&source);
	w->converted_count = kpicrm_take_count(&source);
	w->total_count = kpicrm_take_count(&source);
	w->invalid_count = kpicrm_take_count(&source);
	if (source.failed || source.at != source.end || !kpicrm_weighted_is_valid(w))
		kpicrm_invalid_bytes("weighted_conversion");
	PG_RETURN_POINTER(w);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_send);
Datum
kpicrm_weighted_conversion_send(PG_FUNCTION_ARGS)
{
	const KpicrmWeightedConversion *w = PG_GETARG_WEIGHTED_P(0);
	bytea	   *wire = palloc(VARHDRSZ + WEIGHTED_WIRE_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(wire);
	*sink.at++ = WEIGHTED_WIRE_VERSION;
	kpicrm_put_decimal(&sink, &w->converted);
	kpicrm_put_decimal(&sink, &w->total);
	kpicrm_put_varint(&sink, (uint64) w->converted_count);
	kpicrm_put_varint(&sink, (uint64) w->total_count);
	kpicrm_put_varint(&sink, (uint64) w->invalid_count);
	SET_VARSIZE(wire, sink.at - (uint8 *) wire);
	PG_RETURN_BYTEA_P(wire);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_transition);
Datum
kpicrm_weighted_conversion_transition(PG_FUNCTION_ARGS)
{
	KpicrmWeightedConversion *w = writable_weighted(fcinfo);
	KpicrmDecimal amount = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(2));

	if (!kpicrm_weighted_row(w, PG_GETARG_BOOL(1), &amount))
		kpicrm_amount_overflow();
	PG_RETURN_DATUM(result(fcinfo, w));
}

static void
subtract_or_error(KpicrmWeightedConversion *from, const KpicrmWeightedConversion *part)
{
	KpicrmWeightedConversion whole = *from;

	if (!kpicrm_weighted_subtract(from, part))
	{
		StringInfoData detail;

		initStringInfo(&detail);
		kpicrm_weighted_print(&detail, part);
		appendStringInfoString(&detail, " from ");
		kpicrm_weighted_print(&detail, &whole);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot subtract a %s that is not a part of the other", "weighted_conversion"),
				 errdetail("Subtracting %s.", detail.data),
				 errhint("Subtract only what has been added before.")));
	}
}

/* The row leaves the window frame. */
PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_inverse);
Datum
kpicrm_weighted_conversion_inverse(PG_FUNCTION_ARGS)
{
	KpicrmWeightedConversion *w = writable_weighted(fcinfo);
	KpicrmDecimal amount = kpicrm_decimal_of_numeric(PG_GETARG_DATUM(2));
	KpicrmWeightedConversion row;

	memset(&row, 0, sizeof(row));
	if (!kpicrm_weighted_row(&row, PG_GETARG_BOOL(1), &amount))
		kpicrm_amount_overflow();
	subtract_or_error(w, &row);
	PG_RETURN_DATUM(result(fcinfo, w));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_add);
Datum
kpicrm_weighted_conversion_add(PG_FUNCTION_ARGS)
{
	KpicrmWeightedConversion *w = writable_weighted(fcinfo);

	if (!kpicrm_weighted_merge(w, PG_GETARG_WEIGHTED_P(1)))
		kpicrm_amount_overflow();
	PG_RETURN_DATUM(result(fcinfo, w));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_subtract);
Datum
kpicrm_weighted_conversion_subtract(PG_FUNCTION_ARGS)
{
	KpicrmWeightedConversion *w = writable_weighted(fcinfo);

	subtract_or_error(w, PG_GETARG_WEIGHTED_P(1));
	PG_RETURN_DATUM(result(fcinfo, w));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_final);
Datum
kpicrm_weighted_conversion_final(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(trimmed_copy(PG_GETARG_WEIGHTED_P(0)));
}

/* Nothing at stake: no rate.  Zero would claim that somebody failed. */
PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_rate);
Datum
kpicrm_weighted_conversion_rate(PG_FUNCTION_ARGS)
{
	const KpicrmWeightedConversion *w = PG_GETARG_WEIGHTED_P(0);

	if (w->total.units == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_decimal_ratio(&w->converted, &w->total));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_converted_amount);
Datum
kpicrm_weighted_conversion_converted_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&PG_GETARG_WEIGHTED_P(0)->converted));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_total_amount);
Datum
kpicrm_weighted_conversion_total_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(kpicrm_decimal_to_numeric(&PG_GETARG_WEIGHTED_P(0)->total));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_converted_count);
Datum
kpicrm_weighted_conversion_converted_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_WEIGHTED_P(0)->converted_count);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_total_count);
Datum
kpicrm_weighted_conversion_total_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_WEIGHTED_P(0)->total_count);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_invalid_count);
Datum
kpicrm_weighted_conversion_invalid_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_WEIGHTED_P(0)->invalid_count);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_eq);
Datum
kpicrm_weighted_conversion_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(memcmp(trimmed_copy(PG_GETARG_WEIGHTED_P(0)),
						  trimmed_copy(PG_GETARG_WEIGHTED_P(1)),
						  sizeof(KpicrmWeightedConversion)) == 0);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_ne);
Datum
kpicrm_weighted_conversion_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(memcmp(trimmed_copy(PG_GETARG_WEIGHTED_P(0)),
						  trimmed_copy(PG_GETARG_WEIGHTED_P(1)),
						  sizeof(KpicrmWeightedConversion)) != 0);
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_hash);
Datum
kpicrm_weighted_conversion_hash(PG_FUNCTION_ARGS)
{
	const KpicrmWeightedConversion *w = trimmed_copy(PG_GETARG_WEIGHTED_P(0));

	return hash_any((const unsigned char *) w, sizeof(*w));
}

PG_FUNCTION_INFO_V1(kpicrm_weighted_conversion_hash_extended);
Datum
kpicrm_weighted_conversion_hash_extended(PG_FUNCTION_ARGS)
{
	const KpicrmWeightedConversion *w = trimmed_copy(PG_GETARG_WEIGHTED_P(0));

	return hash_any_extended((const unsigned char *) w, sizeof(*w),
							 (uint64) PG_GETARG_INT64(1));
}
