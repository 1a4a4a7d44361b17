/*
 * fiscal_sql.c
 *		SQL face of fiscal: what is not a choice is refused, also where there is no date.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "calendar/fiscal.h"

pg_noreturn static void
reject(const char *argument, const char *value, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 value == NULL ? errmsg("invalid value for argument \"%s\": NULL", argument)
			 : errmsg("invalid value for argument \"%s\": \"%s\"", argument, value),
			 errhint("%s", hint)));
}

static int
number_argument(FunctionCallInfo fcinfo, int n, const char *argument, int highest, const char *hint)
{
	if (PG_ARGISNULL(n) || PG_GETARG_INT32(n) < 1 || PG_GETARG_INT32(n) > highest)
		reject(argument, PG_ARGISNULL(n) ? NULL : psprintf("%d", PG_GETARG_INT32(n)), hint);
	return PG_GETARG_INT32(n);
}

static int
start_month_argument(FunctionCallInfo fcinfo, int n)
{
	return number_argument(fcinfo, n, "start_month", 12, "A month is a number from 1 to 12.");
}

static int
week_start_argument(FunctionCallInfo fcinfo, int n)
{
	return number_argument(fcinfo, n, "week_start", 7, "A day of the week is a number from 1 (Monday) to 7 (Sunday).");
}

static bool
has_day(FunctionCallInfo fcinfo)
{
	return !PG_ARGISNULL(0) && !DATE_NOT_FINITE(PG_GETARG_DATEADT(0));
}

static DateADT
checked_day(int32 day)
{
	if (!IS_VALID_DATE(day))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range"),
				 errhint("The period begins before the first date there is, or ends after the last one.")));
	return day;
}

/* A period as the functions are asked for it: (day, grain, start_month, week_start). */
typedef struct Asked
{
	KpicrmGrain grain;
	int			start_month;	/* 1 where it does not matter, and may be anything */
	bool		has_day;
	int32		start;
} Asked;

static Asked
asked_period(FunctionCallInfo fcinfo)
{
	Asked		asked = {.start_month = 1};
	int			week_start = 1;
	text	   *grain = PG_ARGISNULL(1) ? NULL : PG_GETARG_TEXT_PP(1);

	if (grain == NULL || !kpicrm_grain_named(VARDATA_ANY(grain), VARSIZE_ANY_EXHDR(grain), &asked.grain))
		reject("grain", grain == NULL ? NULL : text_to_cstring(grain), "Allowed: day, week, month, quarter, half, year.");
	if (asked.grain == KPICRM_GRAIN_WEEK)
		week_start = week_start_argument(fcinfo, 3);
	else if (asked.grain >= KPICRM_GRAIN_QUARTER)
		asked.start_month = start_month_argument(fcinfo, 2);
	asked.has_day = has_day(fcinfo);
	if (asked.has_day)
		asked.start = checked_day(kpicrm_period_start(PG_GETARG_DATEADT(0), asked.grain, asked.start_month, week_start));
	return asked;
}

PG_FUNCTION_INFO_V1(kpicrm_fiscal_period_start);
Datum
kpicrm_fiscal_period_start(PG_FUNCTION_ARGS)
{
	Asked		asked = asked_period(fcinfo);

	if (!asked.has_day)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(asked.start);
}

PG_FUNCTION_INFO_V1(kpicrm_fiscal_period_end);
Datum
kpicrm_fiscal_period_end(PG_FUNCTION_ARGS)
{
	Asked		asked = asked_period(fcinfo);

	if (!asked.has_day)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(checked_day(kpicrm_period_end(asked.start, asked.grain)));
}

PG_FUNCTION_INFO_V1(kpicrm_fiscal_period_label);
Datum
kpicrm_fiscal_period_label(PG_FUNCTION_ARGS)
{
	Asked		asked = asked_period(fcinfo);
	char		label[KPICRM_PERIOD_LABEL_SIZE];

	if (!asked.has_day)
		PG_RETURN_NULL();
	kpicrm_period_label(asked.start, asked.grain, asked.start_month, label);
	PG_RETURN_TEXT_P(cstring_to_text(label));
}

PG_FUNCTION_INFO_V1(kpicrm_fiscal_month_of);
Datum
kpicrm_fiscal_month_of(PG_FUNCTION_ARGS)
{
	int			start_month = start_month_argument(fcinfo, 1);

	if (!has_day(fcinfo))
		PG_RETURN_NULL();
	PG_RETURN_INT32(kpicrm_fiscal_month(PG_GETARG_DATEADT(0), start_month));
}

PG_FUNCTION_INFO_V1(kpicrm_fiscal_year_of);
Datum
kpicrm_fiscal_year_of(PG_FUNCTION_ARGS)
{
	int			start_month = start_month_argument(fcinfo, 1);

	if (!has_day(fcinfo))
		PG_RETURN_NULL();
	PG_RETURN_INT32(kpicrm_fiscal_year(PG_GETARG_DATEADT(0), start_month));
}
