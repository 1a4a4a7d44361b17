/*
 * work_calendar_sql.c
 *		SQL face of work_calendar: input and output, builders, questions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/instant.h"
#include "calendar/holidays_jp.h"
#include "calendar/work_calendar.h"

#define TEXT_HINT "Write for example '\"shop\" version \"1\" zone \"Asia/Tokyo\" known 2026-01-01..2026-12-31 open 1-5 09:00-18:00 holidays {2026-01-01}', or use kpicrm.make_work_calendar()."
#define RANGE_HINT "Give it the holidays of more years: with make_work_calendar() or work_calendar_agg(), in a workspace by rows of calendar_holiday and calendar.known_until. See \"The next year\" in doc/calendars.md."
#define OFFICE_HOURS "1-5 09:00-18:00"
#define UNIX_TO_POSTGRES ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

static const KpicrmCalendar *
argument(FunctionCallInfo fcinfo, int n)
{
	const KpicrmCalendar *c = (const KpicrmCalendar *) PG_DETOAST_DATUM(PG_GETARG_DATUM(n));

	if (!kpicrm_calendar_fits(c, VARSIZE(c)))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored value of type work_calendar is corrupted"),
				 errhint("Make it again from its holidays and hours.")));
	return c;
}

/* The pure file cannot know which time zones there are. */
static const char *
problem_of(const KpicrmCalendarParts *parts)
{
	const char *problem = kpicrm_calendar_problem(parts);
	pg_tz	   *zone;

	if (problem != NULL)
		return problem;
	zone = pg_tzset(parts->zone);
	if (zone == NULL || !pg_tz_acceptable(zone))
		return "the time zone is not known: see pg_timezone_names";
	return NULL;
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_in);
Datum
kpicrm_work_calendar_in(PG_FUNCTION_ARGS)
{
	char	   *string = PG_GETARG_CSTRING(0);
	KpicrmCalendarParts parts;
	const char *problem = "it is not of this form";

	if (kpicrm_calendar_parse(&parts, string))
		problem = problem_of(&parts);
	if (problem != NULL)
	{
		int			shown = pg_mbcliplen(string, (int) strlen(string), 200);

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type work_calendar: \"%.*s\"", shown, string),
				 errdetail("%s.", problem),
				 errhint("%s", TEXT_HINT)));
	}
	PG_RETURN_POINTER(kpicrm_calendar_build(&parts));
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_out);
Datum
kpicrm_work_calendar_out(PG_FUNCTION_ARGS)
{
	KpicrmCalendarParts parts = kpicrm_calendar_parts(argument(fcinfo, 0));
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_calendar_print(&out, &parts);
	PG_RETURN_CSTRING(out.data);
}

/*
 * Binary form: version byte; name, version and zone, each with its length in
 * front; first and last day; of each weekday the number of spans and the spans;
 * the number of holidays and the holidays.
 */
PG_FUNCTION_INFO_V1(kpicrm_work_calendar_send);
Datum
kpicrm_work_calendar_send(PG_FUNCTION_ARGS)
{
	KpicrmCalendarParts parts = kpicrm_calendar_parts(argument(fcinfo, 0));
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendint8(&out, KPICRM_CALENDAR_FORMAT);
	kpicrm_sendcountedtext(&out, parts.name, (int) strlen(parts.name));
	kpicrm_sendcountedtext(&out, parts.version, (int) strlen(parts.version));
	kpicrm_sendcountedtext(&out, parts.zone, (int) strlen(parts.zone));
	pq_sendint32(&out, (uint32) parts.first);
	pq_sendint32(&out, (uint32) parts.last);
	for (int i = 0; i < 7; i++)
	{
		pq_sendint8(&out, (uint8) parts.spans[i]);
		for (uint32 s = 0; s < parts.spans[i]; s++)
		{
			pq_sendint16(&out, parts.opening[i][s].opens);
			pq_sendint16(&out, parts.opening[i][s].closes);
		}
	}
	pq_sendint32(&out, parts.holidays);
	for (uint32 i = 0; i < parts.holidays; i++)
		pq_sendint32(&out, (uint32) parts.holiday[i]);
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* A number of so many bytes, if the message still has them. */
static uint32
take_number(StringInfo in, int bytes)
{
	if (in->len - in->cursor < bytes)
		kpicrm_invalid_bytes("work_calendar");
	return pq_getmsgint(in, bytes);
}

static const char *
take_text(StringInfo in)
{
	uint32		length = take_number(in, 4);
	const char *raw;
	int			converted;

	/* A conversion makes no more than four bytes of one. */
	if (length > 4 * KPICRM_CALENDAR_MAX_TEXT || length > (uint32) (in->len - in->cursor))
		kpicrm_invalid_bytes("work_calendar");
	raw = in->data + in->cursor;
	if (memchr(raw, '\0', length) != NULL ||
		(pg_get_client_encoding() == GetDatabaseEncoding() && !pg_verifymbstr(raw, (int) length, true)))
		kpicrm_invalid_bytes("work_calendar");
	return pq_getmsgtext(in, (int) length, &converted);
}

static void
take_openings(StringInfo in, KpicrmCalendarParts *parts)
{
	for (int i = 0; i < 7; i++)
	{
		parts->spans[i] = take_number(in, 1);
		if (parts->spans[i] > KPICRM_CALENDAR_MAX_SPANS)
			kpicrm_invalid_bytes("work_calendar");
		for (uint32 s = 0; s < parts->spans[i]; s++)
		{
			parts->opening[i][s].opens = (uint16) take_number(in, 2);
			parts->opening[i][s].closes = (uint16) take_number(in, 2);
		}
	}
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_recv);
Datum
kpicrm_work_calendar_recv(PG_FUNCTION_ARGS)
{
	StringInfo	in = (StringInfo) PG_GETARG_POINTER(0);
	KpicrmCalendarParts parts;
	int32	   *holiday;

	memset(&parts, 0, sizeof(parts));
	if (take_number(in, 1) != KPICRM_CALENDAR_FORMAT)
		kpicrm_invalid_bytes("work_calendar");
	parts.name = take_text(in);
	parts.version = take_text(in);
	parts.zone = take_text(in);
	parts.first = (int32) take_number(in, 4);
	parts.last = (int32) take_number(in, 4);
	take_openings(in, &parts);
	parts.holidays = take_number(in, 4);
	if (parts.holidays > KPICRM_CALENDAR_MAX_HOLIDAYS ||
		(size_t) (in->len - in->cursor) != parts.holidays * sizeof(int32))
		kpicrm_invalid_bytes("work_calendar");
	parts.holiday = holiday = palloc((parts.holidays + 1) * sizeof(int32));
	for (uint32 i = 0; i < parts.holidays; i++)
		holiday[i] = (int32) take_number(in, 4);
	if (problem_of(&parts) != NULL)
		kpicrm_invalid_bytes("work_calendar");
	PG_RETURN_POINTER(kpicrm_calendar_build(&parts));
}

static bool
same(FunctionCallInfo fcinfo)
{
	return kpicrm_same_bytes((const struct varlena *) argument(fcinfo, 0),
							 (const struct varlena *) argument(fcinfo, 1));
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_eq);
Datum
kpicrm_work_calendar_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_ne);
Datum
kpicrm_work_calendar_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!same(fcinfo));
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_hash);
Datum
kpicrm_work_calendar_hash(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes((const struct varlena *) argument(fcinfo, 0));
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_hash_extended);
Datum
kpicrm_work_calendar_hash_extended(PG_FUNCTION_ARGS)
{
	return kpicrm_hash_bytes_extended((const struct varlena *) argument(fcinfo, 0), PG_GETARG_INT64(1));
}

/* ------------------------------------------------------------- builders */

static int
compare_days(const void *a, const void *b)
{
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	return (x > y) - (x < y);
}

/* Holidays in any order, some twice, as they come from a table. */
static void
take_holidays(KpicrmCalendarParts *parts, ArrayType *array)
{
	Datum	   *element;
	bool	   *is_null;
	int			count;
	int32	   *holiday;

	deconstruct_array(array, DATEOID, sizeof(DateADT), true, TYPALIGN_INT, &element, &is_null, &count);
	holiday = palloc(((size_t) count + 1) * sizeof(int32));
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_null[i])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a holiday is NULL"),
					 errhint("Leave it out, for example with array_remove(holidays, NULL).")));
		holiday[i] = DatumGetDateADT(element[i]);
		if (holiday[i] < KPICRM_FIRST_DAY || holiday[i] > KPICRM_LAST_DAY)
			ereport(ERROR,
					(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
					 errmsg("holiday out of range: %s", DatumGetCString(DirectFunctionCall1(date_out, element[i]))),
					 errhint("A calendar knows days of the years 1 to 9999.")));
	}
	qsort(holiday, (size_t) count, sizeof(int32), compare_days);
	for (int i = 0; i < count; i++)
		if (i == 0 || holiday[i] != holiday[i - 1])
			holiday[parts->holidays++] = holiday[i];
	parts->holiday = holiday;
}

/* First or last day of the year of a day. */
static int32
end_of_year(int32 day, bool last)
{
	int			year;
	int			month;
	int			of_month;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &of_month);
	return (last ? date2j(year, 12, 31) : date2j(year, 1, 1)) - POSTGRES_EPOCH_JDATE;
}

/* Not strict: a range that is not given is that of the years of the holidays. */
PG_FUNCTION_INFO_V1(kpicrm_make_work_calendar);
Datum
kpicrm_make_work_calendar(PG_FUNCTION_ARGS)
{
	KpicrmCalendarParts parts;
	const char *problem;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(4) || PG_ARGISNULL(5) || PG_ARGISNULL(6))
		PG_RETURN_NULL();
	memset(&parts, 0, sizeof(parts));
	parts.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	parts.zone = text_to_cstring(PG_GETARG_TEXT_PP(4));
	parts.version = text_to_cstring(PG_GETARG_TEXT_PP(6));
	take_holidays(&parts, PG_GETARG_ARRAYTYPE_P(1));
	parts.first = !PG_ARGISNULL(2) ? PG_GETARG_DATEADT(2) :
		parts.holidays == 0 ? KPICRM_FIRST_DAY : end_of_year(parts.holiday[0], false);
	parts.last = !PG_ARGISNULL(3) ? PG_GETARG_DATEADT(3) :
		parts.holidays == 0 ? KPICRM_LAST_DAY : end_of_year(parts.holiday[parts.holidays - 1], true);
	if (!kpicrm_calendar_parse_hours(&parts, text_to_cstring(PG_GETARG_TEXT_PP(5))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"opening_hours\": \"%s\"",
						text_to_cstring(PG_GETARG_TEXT_PP(5))),
				 errhint("Write weekdays, 1 Monday to 7 Sunday, and hours: '1-4 09:00-18:00, 5 09:00-12:00 13:00-17:00', or 'never'.")));
	problem = problem_of(&parts);
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("calendar \"%s\" cannot be made: %s", parts.name, problem),
				 errhint("The time zone is a name such as Asia/Tokyo, opening hours are written as '1-5 09:00-18:00', and every holiday lies between first_day and last_day.")));
	PG_RETURN_POINTER(kpicrm_calendar_build(&parts));
}

static Datum
date_of_jp(int n)
{
	KpicrmHoliday holiday = kpicrm_holiday_jp(n);

	return DateADTGetDatum(date2j(holiday.year, holiday.month, holiday.day) - POSTGRES_EPOCH_JDATE);
}

static KpicrmCalendar *
calendar_jp(void)
{
	KpicrmCalendarParts parts;
	int			count = kpicrm_holidays_jp_count();
	int32	   *holiday = palloc((size_t) count * sizeof(int32));

	memset(&parts, 0, sizeof(parts));
	parts.name = "jp";
	parts.version = KPICRM_HOLIDAYS_JP_VERSION;
	parts.zone = "Asia/Tokyo";
	parts.first = date2j(KPICRM_HOLIDAYS_JP_FIRST_YEAR, 1, 1) - POSTGRES_EPOCH_JDATE;
	parts.last = date2j(KPICRM_HOLIDAYS_JP_LAST_YEAR, 12, 31) - POSTGRES_EPOCH_JDATE;
	(void) kpicrm_calendar_parse_hours(&parts, OFFICE_HOURS);
	for (int i = 0; i < count; i++)
		holiday[i] = DatumGetDateADT(date_of_jp(i));
	parts.holidays = (uint32) count;
	parts.holiday = holiday;
	return kpicrm_calendar_build(&parts);
}

static KpicrmCalendar *
calendar_weekdays(void)
{
	KpicrmCalendarParts parts;

	memset(&parts, 0, sizeof(parts));
	parts.name = "weekdays";
	parts.version = "";
	parts.zone = "UTC";
	parts.first = KPICRM_FIRST_DAY;
	parts.last = KPICRM_LAST_DAY;
	(void) kpicrm_calendar_parse_hours(&parts, OFFICE_HOURS);
	return kpicrm_calendar_build(&parts);
}

static void
unknown_name(const char *what, const char *name, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown %s \"%s\"", what, name),
			 errhint("%s", hint)));
}

PG_FUNCTION_INFO_V1(kpicrm_calendar);
Datum
kpicrm_calendar(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (strcmp(name, "jp") == 0)
		PG_RETURN_POINTER(calendar_jp());
	if (strcmp(name, "weekdays") != 0)
		unknown_name("calendar", name,
					 "Shipped are jp and weekdays; make others with kpicrm.make_work_calendar(). Those of a workspace are the rows of its table calendar.");
	PG_RETURN_POINTER(calendar_weekdays());
}

/* Whether the database can hold Japanese names. */
static bool
has_japanese(void)
{
	switch (GetDatabaseEncoding())
	{
		case PG_SQL_ASCII:
		case PG_UTF8:
		case PG_EUC_JP:
		case PG_EUC_JIS_2004:
		case PG_GB18030:
			return true;
		default:
			return false;
	}
}

/* Names are kept in UTF-8, whatever the database's encoding is. */
static Datum
text_of_utf8(const char *name)
{
	char	   *text = unconstify(char *, name);

	return CStringGetTextDatum(pg_any_to_server(text, (int) strlen(text), PG_UTF8));
}

PG_FUNCTION_INFO_V1(kpicrm_holidays);
Datum
kpicrm_holidays(PG_FUNCTION_ARGS)
{
	char	   *country = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (strcmp(country, "jp") != 0)
		unknown_name("country", country, "Shipped are the public holidays of Japan: jp.");
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < kpicrm_holidays_jp_count(); i++)
	{
		KpicrmHoliday holiday = kpicrm_holiday_jp(i);
		Datum		values[3];
		bool		nulls[3] = {false, false, false};

		values[0] = date_of_jp(i);
		values[1] = text_of_utf8(has_japanese() ? holiday.name : holiday.name_en);
		values[2] = CStringGetTextDatum(holiday.name_en);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ------------------------------------------------------------- the aggregate */

static void
unknown_day(const KpicrmCalendar *c, Datum day)
{
	StringInfoData known;
	KpicrmCalendarParts parts = kpicrm_calendar_parts(c);

	initStringInfo(&known);
	kpicrm_calendar_print_known(&known, &parts);
	ereport(ERROR,
			(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
			 errmsg("calendar \"%s\" does not know the day %s", parts.name,
					DatumGetCString(DirectFunctionCall1(date_out, day))),
			 errdetail("It knows %s.", known.data),
			 errhint("%s", RANGE_HINT)));
}

/* The calendar with the holidays of another one, and one more; a itself if it has them all. */
static KpicrmCalendar *
unite(const KpicrmCalendar *a, uint32 more, const int32 *days)
{
	KpicrmCalendarParts parts = kpicrm_calendar_parts(a);
	const int32 *have = kpicrm_calendar_holiday(a);
	int32	   *holiday = palloc(((size_t) a->holidays + more + 1) * sizeof(int32));
	uint32		count = 0;
	uint32		i = 0;
	uint32		j = 0;

	while (i < a->holidays || j < more)
	{
		int32		next = j == more || (i < a->holidays && have[i] <= days[j]) ? have[i] : days[j];

		holiday[count++] = next;
		while (i < a->holidays && have[i] == next)
			i++;
		while (j < more && days[j] == next)
			j++;
	}
	if (count == a->holidays)
	{
		pfree(holiday);
		return unconstify(KpicrmCalendar *, a);
	}
	if (count > KPICRM_CALENDAR_MAX_HOLIDAYS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("calendar \"%s\" would have more than %d holidays", parts.name, KPICRM_CALENDAR_MAX_HOLIDAYS),
				 errhint("Leave the holidays of years out that nobody asks about.")));
	parts.holidays = count;
	parts.holiday = holiday;
	return kpicrm_calendar_build(&parts);
}

static void
check_same_frame(const KpicrmCalendar *a, const KpicrmCalendar *b)
{
	KpicrmCalendarParts of_a = kpicrm_calendar_parts(a);
	KpicrmCalendarParts of_b = kpicrm_calendar_parts(b);
	StringInfoData text_a;
	StringInfoData text_b;

	if (kpicrm_calendar_same_frame(&of_a, &of_b))
		return;
	initStringInfo(&text_a);
	initStringInfo(&text_b);
	of_a.holidays = of_b.holidays = 0;
	kpicrm_calendar_print(&text_a, &of_a);
	kpicrm_calendar_print(&text_b, &of_b);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("calendars that differ in more than their holidays cannot be united"),
			 errdetail("One is %s, the other %s.", text_a.data, text_b.data),
			 errhint("Give work_calendar_agg() the same calendar for all rows of a group.")));
}

/* Not strict: the first row has no state yet, and a row without holiday adds none. */
PG_FUNCTION_INFO_V1(kpicrm_work_calendar_transition);
Datum
kpicrm_work_calendar_transition(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *base;
	const KpicrmCalendar *state;

	if (PG_ARGISNULL(2))
	{
		if (PG_ARGISNULL(0))
			PG_RETURN_NULL();
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	}
	base = argument(fcinfo, 2);
	state = base;
	if (!PG_ARGISNULL(0))
	{
		state = argument(fcinfo, 0);
		check_same_frame(state, base);
		state = unite(state, base->holidays, kpicrm_calendar_holiday(base));
	}
	if (!PG_ARGISNULL(1))
	{
		DateADT		day = PG_GETARG_DATEADT(1);

		if (day < state->first || day > state->last)
			unknown_day(state, PG_GETARG_DATUM(1));
		state = unite(state, 1, &day);
	}
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_combine);
Datum
kpicrm_work_calendar_combine(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *a = argument(fcinfo, 0);
	const KpicrmCalendar *b = argument(fcinfo, 1);

	check_same_frame(a, b);
	PG_RETURN_POINTER(unite(a, b->holidays, kpicrm_calendar_holiday(b)));
}

/* ------------------------------------------------------------- questions */

/* A day from the first known one to the given last one. */
static int32
day_argument(FunctionCallInfo fcinfo, int n, const KpicrmCalendar *c, int32 last)
{
	DateADT		day = PG_GETARG_DATEADT(n);

	if (day < c->first || day > last)
		unknown_day(c, PG_GETARG_DATUM(n));
	return day;
}

static void
reversed(char *from, char *to)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the span begins after its end: from %s to %s", from, to),
			 errhint("A span is half-open: it begins with its first argument and ends before the second.")));
}

PG_FUNCTION_INFO_V1(kpicrm_workdays);
Datum
kpicrm_workdays(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *c = argument(fcinfo, 0);
	int32		from = day_argument(fcinfo, 1, c, c->last + 1);
	int32		to = day_argument(fcinfo, 2, c, c->last + 1);

	if (from > to)
		reversed(DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(1))),
				 DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(2))));
	PG_RETURN_INT32(kpicrm_calendar_workdays_before(c, to) - kpicrm_calendar_workdays_before(c, from));
}

PG_FUNCTION_INFO_V1(kpicrm_is_workday);
Datum
kpicrm_is_workday(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *c = argument(fcinfo, 0);

	PG_RETURN_BOOL(kpicrm_calendar_is_workday(c, day_argument(fcinfo, 1, c, c->last)));
}

PG_FUNCTION_INFO_V1(kpicrm_add_workdays);
Datum
kpicrm_add_workdays(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *c = argument(fcinfo, 0);
	int32		day = day_argument(fcinfo, 1, c, c->last);
	int64		n = PG_GETARG_INT32(2);
	int64		before;
	int32		result;

	if (n == 0)
		PG_RETURN_DATEADT(day);
	/* Forward the day itself is behind us, backward it is not yet. */
	before = kpicrm_calendar_workdays_before(c, n > 0 ? day + 1 : day);
	if (!kpicrm_calendar_nth_workday(c, n > 0 ? before + n : before + n + 1, &result))
	{
		KpicrmCalendarParts parts = kpicrm_calendar_parts(c);
		StringInfoData known;

		initStringInfo(&known);
		kpicrm_calendar_print_known(&known, &parts);
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("calendar \"%s\" does not know the day %d workdays from %s", parts.name, (int) n,
						DatumGetCString(DirectFunctionCall1(date_out, PG_GETARG_DATUM(1)))),
				 errdetail("It knows %s.", known.data),
				 errhint("%s", RANGE_HINT)));
	}
	PG_RETURN_DATEADT(result);
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_first_day);
Datum
kpicrm_work_calendar_first_day(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(argument(fcinfo, 0)->first);
}

PG_FUNCTION_INFO_V1(kpicrm_work_calendar_last_day);
Datum
kpicrm_work_calendar_last_day(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(argument(fcinfo, 0)->last);
}

static pg_tz *
zone_of(const KpicrmCalendar *c)
{
	pg_tz	   *zone = pg_tzset(kpicrm_calendar_zone(c));

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" of calendar \"%s\" is not known to this server",
						kpicrm_calendar_zone(c), kpicrm_calendar_name(c)),
				 errhint("Make the calendar again with a name out of pg_timezone_names.")));
	return zone;
}

/* Until when, exclusively, the offset stays what it is; and that offset. */
static int64
offset_until(int64 instant, const pg_tz *zone, int64 *offset)
{
	int64		seconds = instant / USECS_PER_SEC - (instant % USECS_PER_SEC < 0);
	pg_time_t	at = seconds + UNIX_TO_POSTGRES;
	pg_time_t	boundary;
	long		before;
	long		after;
	int			is_dst[2];
	int			found = pg_next_dst_boundary(&at, &before, &is_dst[0], &boundary, &after, &is_dst[1], zone);

	if (found < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range"),
				 errhint("Calendars know days of the years 1 to 9999.")));
	*offset = before * USECS_PER_SEC;
	return found > 0 ? (boundary - UNIX_TO_POSTGRES) * USECS_PER_SEC : DT_NOEND;
}

static void
check_known(const KpicrmCalendar *c, int64 local)
{
	DateADT		day = kpicrm_day_of_instant(local);

	if (day < c->first || local > ((int64) c->last + 1) * USECS_PER_DAY)
		unknown_day(c, DateADTGetDatum(day));
}

/*
 * While the offset stays, the clock on the wall runs as time does; so the span
 * is cut where clocks are changed.
 */
static int64
open_time(const KpicrmCalendar *c, const pg_tz *zone, int64 from, int64 to)
{
	int64		sum = 0;
	int64		offset;
	int64		until;

	do
	{
		CHECK_FOR_INTERRUPTS();
		until = Min(offset_until(from, zone, &offset), to);
		check_known(c, from + offset);
		check_known(c, until + offset);
		sum += kpicrm_calendar_time_before(c, until + offset) - kpicrm_calendar_time_before(c, from + offset);
		from = until;
	} while (from < to);
	return sum;
}

PG_FUNCTION_INFO_V1(kpicrm_work_time);
Datum
kpicrm_work_time(PG_FUNCTION_ARGS)
{
	const KpicrmCalendar *c = argument(fcinfo, 0);
	TimestampTz from = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz to = PG_GETARG_TIMESTAMPTZ(2);

	if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(to))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("times must be finite"),
				 errhint("Leave the row out, or turn the time into NULL.")));
	if (from > to)
		reversed(DatumGetCString(DirectFunctionCall1(timestamptz_out, PG_GETARG_DATUM(1))),
				 DatumGetCString(DirectFunctionCall1(timestamptz_out, PG_GETARG_DATUM(2))));
	return kpicrm_span_result(open_time(c, zone_of(c), from, to));
}
