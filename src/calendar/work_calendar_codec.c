/*
 * work_calendar_codec.c
 *		The text form of a calendar.  Knows neither fmgr nor SQL.
 *
 *		"jp" version "2026" zone "Asia/Tokyo" known 1955-01-01..2026-12-31
 *		open 1-5 09:00-12:00 13:00-18:00, 6 10:00-12:00 holidays {2026-01-01,2026-01-12}
 */
#include "postgres.h"

#include "miscadmin.h"

#include "algebra/codec.h"
#include "algebra/instant.h"
#include "calendar/work_calendar.h"

static void
print_quoted(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (; *text != '\0'; text++)
	{
		if (*text == '"' || *text == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *text);
	}
	appendStringInfoChar(out, '"');
}

static bool
same_hours(const KpicrmCalendarParts *parts, int a, int b)
{
	return parts->spans[a] == parts->spans[b] &&
		memcmp(parts->opening[a], parts->opening[b], parts->spans[a] * sizeof(KpicrmOpening)) == 0;
}

static void
print_minute(StringInfo out, uint16 minute)
{
	appendStringInfo(out, "%02d:%02d", minute / 60, minute % 60);
}

/* Neighbours with the same hours share them. */
static void
print_openings(StringInfo out, const KpicrmCalendarParts *parts)
{
	const char *separator = "";
	int			next;

	appendStringInfoString(out, " open ");
	for (int i = 0; i < 7; i = next)
	{
		for (next = i + 1; next < 7 && same_hours(parts, i, next);)
			next++;
		if (parts->spans[i] == 0)
			continue;
		appendStringInfo(out, "%s%d", separator, i + 1);
		if (next > i + 1)
			appendStringInfo(out, "-%d", next);
		for (uint32 s = 0; s < parts->spans[i]; s++)
		{
			appendStringInfoChar(out, ' ');
			print_minute(out, parts->opening[i][s].opens);
			appendStringInfoChar(out, '-');
			print_minute(out, parts->opening[i][s].closes);
		}
		separator = ", ";
	}
	if (*separator == '\0')
		appendStringInfoString(out, "never");
}

void
kpicrm_calendar_print_known(StringInfo out, const KpicrmCalendarParts *parts)
{
	kpicrm_print_day(out, parts->first);
	appendStringInfoString(out, "..");
	kpicrm_print_day(out, parts->last);
}

void
kpicrm_calendar_print(StringInfo out, const KpicrmCalendarParts *parts)
{
	print_quoted(out, parts->name);
	appendStringInfoString(out, " version ");
	print_quoted(out, parts->version);
	appendStringInfoString(out, " zone ");
	print_quoted(out, parts->zone);
	appendStringInfoString(out, " known ");
	kpicrm_calendar_print_known(out, parts);
	print_openings(out, parts);
	appendStringInfoString(out, " holidays {");
	for (uint32 i = 0; i < parts->holidays; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		kpicrm_print_day(out, parts->holiday[i]);
	}
	appendStringInfoChar(out, '}');
}

static const char *
parse_quoted(KpicrmText *in)
{
	StringInfoData text;

	initStringInfo(&text);
	kpicrm_text_literal(in, "\"");
	while (!in->failed && *in->at != '"')
	{
		if (*in->at == '\\')
			in->at++;
		if (*in->at == '\0')
			in->failed = true;
		else
			appendStringInfoChar(&text, *in->at++);
	}
	kpicrm_text_literal(in, "\"");
	return text.data;
}

/* Exactly so many digits. */
static int
parse_digits(KpicrmText *in, int digits)
{
	int			value = 0;

	for (; digits > 0 && !in->failed; digits--)
	{
		if (kpicrm_is_digit(*in->at))
			value = value * 10 + (*in->at++ - '0');
		else
			in->failed = true;
	}
	return value;
}

static uint16
parse_minute(KpicrmText *in)
{
	int			hours = parse_digits(in, 2);
	int			minutes;

	kpicrm_text_literal(in, ":");
	minutes = parse_digits(in, 2);
	if (minutes > 59)
		in->failed = true;
	return (uint16) (hours * 60 + minutes);
}

static int
parse_weekday(KpicrmText *in)
{
	int			day = parse_digits(in, 1);

	if (day < 1 || day > 7)
		in->failed = true;
	return in->failed ? 0 : day - 1;
}

/* Weekdays and their hours, for example 1-5 09:00-12:00 13:00-18:00. */
static void
parse_opening(KpicrmText *in, KpicrmCalendarParts *parts)
{
	int			from = parse_weekday(in);
	int			until = from;
	KpicrmOpening span;

	if (kpicrm_text_try(in, "-"))
		until = parse_weekday(in);
	for (int i = from; i <= until; i++)
		if (parts->spans[i] > 0)
			in->failed = true;
	if (until < from || *in->at != ' ')
		in->failed = true;
	while (!in->failed && *in->at == ' ' && kpicrm_is_digit(in->at[1]))
	{
		kpicrm_text_literal(in, " ");
		span.opens = parse_minute(in);
		kpicrm_text_literal(in, "-");
		span.closes = parse_minute(in);
		for (int i = from; i <= until && !in->failed; i++)
		{
			if (parts->spans[i] >= KPICRM_CALENDAR_MAX_SPANS)
				in->failed = true;
			else
				parts->opening[i][parts->spans[i]++] = span;
		}
	}
	if (parts->spans[from] == 0)
		in->failed = true;
}

/* Weekdays with their hours, or "never". */
static void
parse_openings(KpicrmText *in, KpicrmCalendarParts *parts)
{
	if (kpicrm_text_try(in, "never"))
		return;
	do
		parse_opening(in, parts);
	while (kpicrm_text_try(in, ", "));
}

static void
parse_holidays(KpicrmText *in, KpicrmCalendarParts *parts)
{
	/* However a day is written, it takes a byte. */
	int32	   *holiday = palloc(Min(strlen(in->at) + 1, KPICRM_CALENDAR_MAX_HOLIDAYS) * sizeof(int32));

	parts->holiday = holiday;
	kpicrm_text_literal(in, "{");
	if (kpicrm_text_try(in, "}"))
		return;
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (parts->holidays >= KPICRM_CALENDAR_MAX_HOLIDAYS)
			in->failed = true;
		else
			holiday[parts->holidays++] = kpicrm_text_day(in);
	} while (kpicrm_text_try(in, ","));
	kpicrm_text_literal(in, "}");
}

/* True if the text has the form of a calendar; it may still have a problem. */
bool
kpicrm_calendar_parse(KpicrmCalendarParts *parts, const char *string)
{
	KpicrmText	in;

	memset(parts, 0, sizeof(*parts));
	kpicrm_text_start(&in, string);
	parts->name = parse_quoted(&in);
	kpicrm_text_literal(&in, " version ");
	parts->version = parse_quoted(&in);
	kpicrm_text_literal(&in, " zone ");
	parts->zone = parse_quoted(&in);
	kpicrm_text_literal(&in, " known ");
	parts->first = kpicrm_text_day(&in);
	kpicrm_text_literal(&in, "..");
	parts->last = kpicrm_text_day(&in);
	kpicrm_text_literal(&in, " open ");
	parse_openings(&in, parts);
	kpicrm_text_literal(&in, " holidays ");
	parse_holidays(&in, parts);
	return kpicrm_text_finish(&in);
}

/* The hours alone, as they are given to the builder. */
bool
kpicrm_calendar_parse_hours(KpicrmCalendarParts *parts, const char *string)
{
	KpicrmText	in;

	kpicrm_text_start(&in, string);
	parse_openings(&in, parts);
	return kpicrm_text_finish(&in);
}
