/*
 * face.c
 *		What the SQL faces share: arguments to numbers, numbers to results,
 *		equality and hash of states, and the errors every state type has.
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "kpicrm.h"

/*
 * An interval that is a length of time, in microseconds.  The sum is formed in
 * 128 bits, so that the infinite intervals of newer servers fail here too.
 */
int64
kpicrm_span_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *span = PG_GETARG_INTERVAL_P(n);
	int128		days = (int128) span->month * KPICRM_DAYS_PER_MONTH + span->day;
	int128		usec = days * USECS_PER_DAY + span->time;

	if (usec < 0 || usec > PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite interval that is not negative, not %s", name,
						DatumGetCString(DirectFunctionCall1(interval_out, PG_GETARG_DATUM(n)))),
				 errhint("Write a length of time, for example INTERVAL '30 days'; a month counts as %d days.",
						 KPICRM_DAYS_PER_MONTH)));
	return (int64) usec;
}

double
kpicrm_fraction_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	double		fraction = PG_GETARG_FLOAT8(n);

	if (isnan(fraction) || fraction < 0 || fraction > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 0 and 1, not %g", name, fraction),
				 errhint("Write 0.8 for 80 percent.")));
	/* -0 is 0, and stored as such */
	return fraction == 0 ? 0 : fraction;
}

double
kpicrm_confidence_argument(FunctionCallInfo fcinfo, int n)
{
	double		confidence = PG_GETARG_FLOAT8(n);

	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("confidence must be greater than 0 and less than 1, not %g", confidence),
				 errhint("Write 0.95 for 95 percent.")));
	return confidence;
}

/* The shape of a timestamp subtraction: days and time, never months. */
Datum
kpicrm_span_result(int64 usec)
{
	Interval   *span = palloc0(sizeof(Interval));

	span->day = (int32) (usec / USECS_PER_DAY);
	span->time = usec % USECS_PER_DAY;
	return IntervalPGetDatum(span);
}

double
kpicrm_days(double usec)
{
	return usec / (double) USECS_PER_DAY;
}

/*
 * For searches in pure code, which the next CHECK_FOR_INTERRUPTS() then ends.  Not
 * every interrupt is the end: a parallel worker that reports its result is none.
 */
bool
kpicrm_is_cancelled(void)
{
	return InterruptPending && (QueryCancelPending || ProcDiePending || KPICRM_IS_TRANSACTION_OVERDUE);
}

/* States of equal value have equal compact bytes, and what is stored is compact. */
bool
kpicrm_same_bytes(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(VARDATA(a), VARDATA(b), VARSIZE(a) - VARHDRSZ) == 0;
}

/* Of equal states only the compact forms are the same bytes. */
struct varlena *
kpicrm_compact_argument(FunctionCallInfo fcinfo, int n, const char *type)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (kpicrm_is_working(v))
		kpicrm_corrupted_state(type);
	return v;
}

bool
kpicrm_same_states(FunctionCallInfo fcinfo, const char *type)
{
	return kpicrm_same_bytes(kpicrm_compact_argument(fcinfo, 0, type),
							 kpicrm_compact_argument(fcinfo, 1, type));
}

Datum
kpicrm_hash_bytes(const struct varlena *v)
{
	return hash_any((const unsigned char *) VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ));
}

Datum
kpicrm_hash_bytes_extended(const struct varlena *v, int64 seed)
{
	return hash_any_extended((const unsigned char *) VARDATA(v), (int) (VARSIZE(v) - VARHDRSZ),
							 (uint64) seed);
}

void
kpicrm_invalid_text(const char *type, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", type, value),
			 errhint("%s", hint)));
}

void
kpicrm_invalid_bytes(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("invalid binary value for type %s", type),
			 errhint("Binary values are what %s_send() of this version writes.", type)));
}

void
kpicrm_corrupted_state(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored value of type %s is corrupted", type),
			 errhint("If an aggregate of your own made it, give that aggregate FINALFUNC = kpicrm.%s_final.", type)));
}
