/*
 * lead_times_sql.c
 *		SQL face of lead_times: read arguments, call the arithmetic, return.
 *
 * The state is one datum: COMPACT outside an aggregate, and inside one a
 * WORKING form that is written on in place.  lead_times_fraction is the same
 * with the fraction that phase_stall() or lead_time() was asked for.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "common/int.h"
#include "libpq/pqformat.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "algebra/lead_times_sql.h"

#define TYPE_HINT "Write durations with won/lost/open rows, for example \"{36h 0/0/1, 2d 3/1/0}\", in ascending order."
#define FRACTION_HINT "Write the fraction and the durations with won/lost/open rows, for example \"0.8 of {2d 3/1/0}\"."

/* Which argument of a transition function is what; 0 is not there. */
typedef struct Arguments
{
	bool		dates;
	int			won;
	int			as_of;
	int			fraction;
} Arguments;

static bool
is_working(const struct varlena *v)
{
	return VARSIZE(v) > VARHDRSZ && *(const uint8 *) VARDATA(v) != KPICRM_LEAD_COMPACT;
}

/* A working form outside an aggregate has escaped from a foreign one. */
static KpicrmLeadTimes *
working(FunctionCallInfo fcinfo, struct varlena *v)
{
	if (!AggCheckCallContext(fcinfo, NULL) ||
		!kpicrm_lead_size_fits((KpicrmLeadTimes *) v, VARSIZE(v)))
		kpicrm_corrupted_state("lead_times");
	return (KpicrmLeadTimes *) v;
}

static KpicrmLeadList
decoded(struct varlena *v)
{
	KpicrmLeadList list;

	if (!kpicrm_lead_decode(&list, (const uint8 *) VARDATA(v), VARSIZE(v) - VARHDRSZ))
		kpicrm_corrupted_state("lead_times");
	return list;
}

KpicrmLeadList
kpicrm_lead_argument(FunctionCallInfo fcinfo, int n)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (is_working(v))
		return kpicrm_lead_list(working(fcinfo, v));
	return decoded(v);
}

static KpicrmLeadList
part_argument(FunctionCallInfo fcinfo, int n)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (is_working(v))
		return kpicrm_lead_unsorted_list(working(fcinfo, v));
	return decoded(v);
}

static void
set_fraction(KpicrmLeadTimes *lt, double fraction)
{
	if (lt->fraction != KPICRM_NO_FRACTION && lt->fraction != fraction)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fraction must be the same in all rows, not %g and %g", lt->fraction, fraction),
				 errhint("Group by the fraction, or build one lead_time_agg() and ask it for each of them.")));
	lt->fraction = fraction;
}

static KpicrmLeadTimes *
merge(KpicrmLeadTimes *lt, const KpicrmLeadList *list)
{
	lt = kpicrm_lead_merge(lt, list);
	if (list->fraction != KPICRM_NO_FRACTION)
		set_fraction(lt, list->fraction);
	return lt;
}

/* The first argument to be written on: the executor's own inside an aggregate. */
static KpicrmLeadTimes *
writable(FunctionCallInfo fcinfo)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));
	KpicrmLeadList list;

	if (is_working(v))
		return working(fcinfo, v);
	list = decoded(v);
	return merge(kpicrm_lead_new(), &list);
}

static struct varlena *
compact(const KpicrmLeadTimes *lt)
{
	KpicrmLeadList list = kpicrm_lead_list(lt);

	return kpicrm_lead_encode(&list);
}

static Datum
result(FunctionCallInfo fcinfo, KpicrmLeadTimes *lt)
{
	if (AggCheckCallContext(fcinfo, NULL))
		return PointerGetDatum(lt);
	return PointerGetDatum(compact(lt));
}

static Datum
input(const char *string, bool with_fraction)
{
	KpicrmLeadList list;

	if (!kpicrm_lead_parse(&list, string) ||
		(!with_fraction && list.fraction != KPICRM_NO_FRACTION))
		kpicrm_invalid_text(with_fraction ? "lead_times_fraction" : "lead_times", string,
							with_fraction ? FRACTION_HINT : TYPE_HINT);
	return PointerGetDatum(kpicrm_lead_encode(&list));
}

static Datum
receive(StringInfo buf, bool with_fraction)
{
	int			length = buf->len - buf->cursor;
	KpicrmLeadList list;

	if (!kpicrm_lead_decode(&list, (const uint8 *) pq_getmsgbytes(buf, length), (size_t) length) ||
		(!with_fraction && list.fraction != KPICRM_NO_FRACTION))
		kpicrm_invalid_bytes(with_fraction ? "lead_times_fraction" : "lead_times");
	return PointerGetDatum(kpicrm_lead_encode(&list));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_in);
Datum
kpicrm_lead_times_in(PG_FUNCTION_ARGS)
{
	return input(PG_GETARG_CSTRING(0), false);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_fraction_in);
Datum
kpicrm_lead_times_fraction_in(PG_FUNCTION_ARGS)
{
	return input(PG_GETARG_CSTRING(0), true);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_out);
Datum
kpicrm_lead_times_out(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_lead_print(&out, &list);
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_recv);
Datum
kpicrm_lead_times_recv(PG_FUNCTION_ARGS)
{
	return receive((StringInfo) PG_GETARG_POINTER(0), false);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_fraction_recv);
Datum
kpicrm_lead_times_fraction_recv(PG_FUNCTION_ARGS)
{
	return receive((StringInfo) PG_GETARG_POINTER(0), true);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_send);
Datum
kpicrm_lead_times_send(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_BYTEA_P(kpicrm_lead_encode(&list));
}

static void
unusable_time(const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("%s", problem),
			 errhint("%s", hint)));
}

/* Microseconds on the scale of timestamps; whole days if it is a date. */
static int64
instant_argument(FunctionCallInfo fcinfo, int n, bool is_date)
{
	int64		instant;

	if (is_date ? DATE_NOT_FINITE(PG_GETARG_DATEADT(n)) :
		TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(n)))
		unusable_time("times must be finite, not infinity",
					  "Use NULL for the end of what is still open, and leave out rows without a start.");
	if (!is_date)
		return PG_GETARG_TIMESTAMPTZ(n);
	if (pg_mul_s64_overflow(PG_GETARG_DATEADT(n), USECS_PER_DAY, &instant))
		unusable_time("date out of range for timestamp",
					  "Times cannot be later than the year 294276.");
	return instant;
}

static int64
as_of_argument(FunctionCallInfo fcinfo, Arguments arguments)
{
	if (arguments.as_of > 0 && !PG_ARGISNULL(arguments.as_of))
		return instant_argument(fcinfo, arguments.as_of, arguments.dates);
	if (arguments.dates)
		return (int64) GetSQLCurrentDate() * USECS_PER_DAY;
	return GetCurrentTransactionStartTimestamp();
}

static int64
distance(int64 started, int64 ended)
{
	int64		duration;

	if (pg_sub_s64_overflow(ended, started, &duration) || duration > KPICRM_DURATION_MAX)
		unusable_time("duration out of range",
					  "Between start and end there can be at most 36,500 years.");
	return duration;
}

/* Reads a row; false if it does not exist at as_of.  Duration < 0 is invalid. */
static bool
read_row(FunctionCallInfo fcinfo, Arguments arguments, int64 *duration, int *outcome)
{
	int64		started;
	int64		ended;
	int64		as_of;

	if (PG_ARGISNULL(1))
		return false;
	started = instant_argument(fcinfo, 1, arguments.dates);
	as_of = as_of_argument(fcinfo, arguments);
	ended = PG_ARGISNULL(2) ? as_of : instant_argument(fcinfo, 2, arguments.dates);
	if (started > as_of)
		return false;
	if (PG_ARGISNULL(2) || ended > as_of)
	{
		ended = as_of;
		*outcome = KPICRM_OPEN;
	}
	else if (arguments.won == 0)
		*outcome = KPICRM_WON;
	else if (PG_ARGISNULL(arguments.won))
		*outcome = KPICRM_OPEN;	/* ended without a decision: observed until then */
	else
		*outcome = PG_GETARG_BOOL(arguments.won) ? KPICRM_WON : KPICRM_LOST;
	*duration = distance(started, ended);
	return true;
}

static Datum
transition(FunctionCallInfo fcinfo, Arguments arguments)
{
	KpicrmLeadTimes *lt;
	int64		duration;
	int			outcome;
	bool		exists;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lt = writable(fcinfo);
	if (arguments.fraction > 0 && !PG_ARGISNULL(arguments.fraction))
		set_fraction(lt, kpicrm_fraction_argument(fcinfo, arguments.fraction, "fraction"));
	exists = read_row(fcinfo, arguments, &duration, &outcome);
	if (exists && duration < 0)
		kpicrm_lead_invalid(lt, 1);
	else if (exists)
		lt = kpicrm_lead_row(lt, duration, outcome);
	return result(fcinfo, lt);
}

/*
 * A state that was rounded in a larger window frame goes on in bins.  When so
 * few rows are left that they must be exact, NULL makes the executor build the
 * frame anew.
 */
static Datum
reduced_result(FunctionCallInfo fcinfo, KpicrmLeadTimes *lt)
{
	if (AggCheckCallContext(fcinfo, NULL) &&
		lt->form == KPICRM_LEAD_BINS && lt->total <= KPICRM_EXACT_LIMIT)
		PG_RETURN_NULL();
	return result(fcinfo, lt);
}

/* The row leaves the window frame. */
static Datum
inverse(FunctionCallInfo fcinfo, Arguments arguments)
{
	KpicrmLeadTimes *lt;
	int64		duration;
	int			outcome;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	lt = writable(fcinfo);
	if (!read_row(fcinfo, arguments, &duration, &outcome))
		return result(fcinfo, lt);
	if (duration < 0 ? lt->invalid-- < 1 : !kpicrm_lead_unrow(lt, duration, outcome))
		kpicrm_lead_not_a_part();
	return reduced_result(fcinfo, lt);
}

/* started, ended [, won [, as_of]] */
static Arguments
row_arguments(FunctionCallInfo fcinfo, bool dates)
{
	Arguments	arguments = {dates, 0, 0, 0};

	if (PG_NARGS() > 3)
		arguments.won = 3;
	if (PG_NARGS() > 4)
		arguments.as_of = 4;
	return arguments;
}

/* started, ended [, as_of [, fraction]] */
static Arguments
stay_arguments(FunctionCallInfo fcinfo, bool dates)
{
	Arguments	arguments = {dates, 0, 0, 0};

	if (PG_NARGS() > 3)
		arguments.as_of = 3;
	if (PG_NARGS() > 4)
		arguments.fraction = 4;
	return arguments;
}

/* started, ended, fraction */
static Arguments
quantile_arguments(bool dates)
{
	Arguments	arguments = {dates, 0, 0, 3};

	return arguments;
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_transition_timestamptz);
Datum
kpicrm_lead_times_transition_timestamptz(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, row_arguments(fcinfo, false));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_transition_date);
Datum
kpicrm_lead_times_transition_date(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, row_arguments(fcinfo, true));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_inverse_timestamptz);
Datum
kpicrm_lead_times_inverse_timestamptz(PG_FUNCTION_ARGS)
{
	return inverse(fcinfo, row_arguments(fcinfo, false));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_inverse_date);
Datum
kpicrm_lead_times_inverse_date(PG_FUNCTION_ARGS)
{
	return inverse(fcinfo, row_arguments(fcinfo, true));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_stay_timestamptz);
Datum
kpicrm_lead_times_stay_timestamptz(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, stay_arguments(fcinfo, false));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_stay_date);
Datum
kpicrm_lead_times_stay_date(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, stay_arguments(fcinfo, true));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_quantile_timestamptz);
Datum
kpicrm_lead_times_quantile_timestamptz(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, quantile_arguments(false));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_quantile_date);
Datum
kpicrm_lead_times_quantile_date(PG_FUNCTION_ARGS)
{
	return transition(fcinfo, quantile_arguments(true));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_add);
Datum
kpicrm_lead_times_add(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = part_argument(fcinfo, 1);

	return result(fcinfo, merge(writable(fcinfo), &list));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_subtract);
Datum
kpicrm_lead_times_subtract(PG_FUNCTION_ARGS)
{
	KpicrmLeadTimes *lt = writable(fcinfo);
	KpicrmLeadList list = part_argument(fcinfo, 1);

	if (!kpicrm_lead_subtract(lt, &list))
		kpicrm_lead_not_a_part();
	return reduced_result(fcinfo, lt);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_final);
Datum
kpicrm_lead_times_final(PG_FUNCTION_ARGS)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(0));

	PG_RETURN_POINTER(is_working(v) ? compact(working(fcinfo, v)) : v);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_completed_count);
Datum
kpicrm_lead_times_completed_count(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_INT64(kpicrm_lead_count(&list, KPICRM_WON));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_lost_count);
Datum
kpicrm_lead_times_lost_count(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_INT64(kpicrm_lead_count(&list, KPICRM_LOST));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_open_count);
Datum
kpicrm_lead_times_open_count(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_INT64(kpicrm_lead_count(&list, KPICRM_OPEN));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_invalid_count);
Datum
kpicrm_lead_times_invalid_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(kpicrm_lead_argument(fcinfo, 0).invalid);
}

/* The mean is exact: half a microsecond is rounded up, nothing else is. */
PG_FUNCTION_INFO_V1(kpicrm_lead_times_mean);
Datum
kpicrm_lead_times_mean(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		rows = kpicrm_lead_count(&list, KPICRM_WON);

	if (rows == 0)
		PG_RETURN_NULL();
	return kpicrm_span_result((int64) ((list.won_sum + rows / 2) / rows));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_mean_days);
Datum
kpicrm_lead_times_mean_days(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		rows = kpicrm_lead_count(&list, KPICRM_WON);

	if (rows == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_days((double) list.won_sum / (double) rows));
}

/* Microseconds at a fraction of the completed durations, NULL without any. */
static bool
completed_quantile(FunctionCallInfo fcinfo, double fraction, double *usec)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	if (kpicrm_lead_count(&list, KPICRM_WON) == 0)
		return false;
	*usec = kpicrm_lead_quantile(&list, KPICRM_WON, fraction);
	return true;
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_median);
Datum
kpicrm_lead_times_median(PG_FUNCTION_ARGS)
{
	double		usec;

	if (!completed_quantile(fcinfo, 0.5, &usec))
		PG_RETURN_NULL();
	return kpicrm_span_result((int64) rint(usec));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_median_days);
Datum
kpicrm_lead_times_median_days(PG_FUNCTION_ARGS)
{
	double		usec;

	if (!completed_quantile(fcinfo, 0.5, &usec))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_days(usec));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_quantile);
Datum
kpicrm_lead_times_quantile(PG_FUNCTION_ARGS)
{
	double		usec;

	if (!completed_quantile(fcinfo, kpicrm_fraction_argument(fcinfo, 1, "fraction"), &usec))
		PG_RETURN_NULL();
	return kpicrm_span_result((int64) rint(usec));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_quantile_days);
Datum
kpicrm_lead_times_quantile_days(PG_FUNCTION_ARGS)
{
	double		usec;

	if (!completed_quantile(fcinfo, kpicrm_fraction_argument(fcinfo, 1, "fraction"), &usec))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_days(usec));
}

/* lead_time(started, ended, fraction): the fraction is in the state. */
PG_FUNCTION_INFO_V1(kpicrm_lead_times_fraction_quantile);
Datum
kpicrm_lead_times_fraction_quantile(PG_FUNCTION_ARGS)
{
	double		fraction = kpicrm_lead_argument(fcinfo, 0).fraction;
	double		usec;

	if (fraction == KPICRM_NO_FRACTION || !completed_quantile(fcinfo, fraction, &usec))
		PG_RETURN_NULL();
	return kpicrm_span_result((int64) rint(usec));
}

/* Of equal states only the compact forms are the same bytes. */
static struct varlena *
compact_argument(FunctionCallInfo fcinfo, int n)
{
	struct varlena *v = PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (is_working(v))
		kpicrm_corrupted_state("lead_times");
	return v;
}

static bool
same(FunctionCallInfo fcinfo)
{
	return kpicrm_same_bytes(compact_argument(fcinfo, 0), compact_argument(fcinfo, 1));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_eq);
Datum
kpicrm_lead_times_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_ne);
Datum
kpicrm_lead_times_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_hash);
Datum
kpicrm_lead_times_hash(PG_FUNCTION_ARGS)
{
	struct varlena *v = compact_argument(fcinfo, 0);

	return kpicrm_hash_bytes(v);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_hash_extended);
Datum
kpicrm_lead_times_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *v = compact_argument(fcinfo, 0);

	return kpicrm_hash_bytes_extended(v, PG_GETARG_INT64(1));
}
