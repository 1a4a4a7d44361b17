/*
 * work_calendar.c
 *		Building a calendar and counting with it.  Knows neither fmgr nor SQL.
 *
 * Everything is counted from the first known day on, so that a span is the
 * difference of two counts: whole weeks by multiplication, the days of the last
 * one by the weekday they begin with, less the holidays before the day, whose
 * sums stand in the value.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/pg_bitutils.h"

#include "compat.h"
#include "calendar/work_calendar.h"

#define USECS_PER_MINUTE_ ((int64) USECS_PER_MINUTE)

/* Monday 0 … Sunday 6; day 0 is a Saturday. */
static inline int32
weekday(int32 day)
{
	int32		rest = (day + 5) % 7;

	return rest < 0 ? rest + 7 : rest;
}

static const int32 *
minutes_lost(const KpicrmCalendar *c)
{
	return kpicrm_calendar_holiday(c) + c->holidays;
}

static const uint16 *
days_lost(const KpicrmCalendar *c)
{
	return (const uint16 *) (minutes_lost(c) + c->holidays + 1);
}

static const KpicrmOpening *
openings(const KpicrmCalendar *c)
{
	return (const KpicrmOpening *) (days_lost(c) + c->holidays + 1);
}

static uint32
span_count(const KpicrmCalendar *c)
{
	uint32		spans = 0;

	for (int i = 0; i < 7; i++)
		spans += c->spans[i];
	return spans;
}

const char *
kpicrm_calendar_name(const KpicrmCalendar *c)
{
	return (const char *) (openings(c) + span_count(c));
}

const char *
kpicrm_calendar_version(const KpicrmCalendar *c)
{
	return kpicrm_calendar_name(c) + c->name_length + 1;
}

const char *
kpicrm_calendar_zone(const KpicrmCalendar *c)
{
	return kpicrm_calendar_version(c) + c->version_length + 1;
}

static size_t
calendar_size(size_t holidays, size_t spans, size_t text)
{
	return sizeof(KpicrmCalendar) + holidays * sizeof(int32) +
		(holidays + 1) * (sizeof(int32) + sizeof(uint16)) +
		spans * sizeof(KpicrmOpening) + text;
}

/* Whether a datum of this size can be read without leaving it. */
bool
kpicrm_calendar_fits(const KpicrmCalendar *c, size_t size)
{
	return size > sizeof(*c) && c->format == KPICRM_CALENDAR_FORMAT &&
		c->holidays <= KPICRM_CALENDAR_MAX_HOLIDAYS &&
		size == calendar_size(c->holidays, span_count(c),
							  (size_t) c->name_length + c->version_length + c->zone_length + 3) &&
		kpicrm_calendar_name(c)[c->name_length] == '\0' &&
		kpicrm_calendar_version(c)[c->version_length] == '\0' &&
		kpicrm_calendar_zone(c)[c->zone_length] == '\0';
}

bool
kpicrm_calendar_same_frame(const KpicrmCalendarParts *a, const KpicrmCalendarParts *b)
{
	for (int i = 0; i < 7; i++)
		if (a->spans[i] != b->spans[i] ||
			memcmp(a->opening[i], b->opening[i], a->spans[i] * sizeof(KpicrmOpening)) != 0)
			return false;
	return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 &&
		strcmp(a->zone, b->zone) == 0 && a->first == b->first && a->last == b->last;
}

static const char *
text_problem(const char *text, bool is_zone)
{
	size_t		length = strlen(text);

	if (length > KPICRM_CALENDAR_MAX_TEXT)
		return "a name, version or time zone is longer than 255 bytes";
	if (is_zone && length == 0)
		return "the time zone is empty";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char) text[i] < ' ' || text[i] == 0x7f)
			return "a name, version or time zone holds a control character";
	return NULL;
}

static const char *
opening_problem(const KpicrmCalendarParts *parts)
{
	for (int i = 0; i < 7; i++)
	{
		uint16		closed = 0;

		if (parts->spans[i] > KPICRM_CALENDAR_MAX_SPANS)
			return "a weekday opens more than 8 times";
		for (uint32 s = 0; s < parts->spans[i]; s++)
		{
			KpicrmOpening span = parts->opening[i][s];

			if (span.closes <= span.opens)
				return "opening hours end before they begin";
			if (span.closes > KPICRM_MINUTES_PER_DAY)
				return "opening hours end after midnight";
			if (s > 0 && span.opens <= closed)
				return "opening hours of a weekday are not in order, overlap or touch";
			closed = span.closes;
		}
	}
	return NULL;
}

/* What is wrong with the parts; NULL if nothing is. */
const char *
kpicrm_calendar_problem(const KpicrmCalendarParts *parts)
{
	const char *problem = text_problem(parts->name, false);

	if (problem == NULL)
		problem = text_problem(parts->version, false);
	if (problem == NULL)
		problem = text_problem(parts->zone, true);
	if (problem == NULL)
		problem = opening_problem(parts);
	if (problem != NULL)
		return problem;
	if (parts->first < KPICRM_FIRST_DAY || parts->last > KPICRM_LAST_DAY)
		return "known days are in the years 1 to 9999";
	if (parts->first > parts->last)
		return "the first known day is later than the last";
	if (parts->holidays > KPICRM_CALENDAR_MAX_HOLIDAYS)
		return "there are more than 16384 holidays";
	for (uint32 i = 0; i < parts->holidays; i++)
	{
		if (parts->holiday[i] < parts->first || parts->holiday[i] > parts->last)
			return "a holiday is not between the first and the last known day";
		if (i > 0 && parts->holiday[i] <= parts->holiday[i - 1])
			return "holidays are not in ascending order";
	}
	return NULL;
}

static char *
put_text(char *to, const char *text, uint8 *length)
{
	size_t		size = strlen(text) + 1;

	*length = (uint8) (size - 1);
	memcpy(to, text, size);
	return to + size;
}

static void
fill_openings(KpicrmCalendar *c, const KpicrmCalendarParts *parts)
{
	int32		week_minutes = 0;

	for (int i = 0; i < 7; i++)
	{
		int32		minutes = 0;

		c->spans[i] = (uint8) parts->spans[i];
		if (parts->spans[i] > 0)
			c->open |= (uint8) (1 << i);
		for (uint32 s = 0; s < parts->spans[i]; s++)
			minutes += parts->opening[i][s].closes - parts->opening[i][s].opens;
		c->minutes[i] = (uint16) minutes;
		week_minutes += minutes;
	}
	c->week_minutes = (uint16) week_minutes;
}

static void
fill_holidays(KpicrmCalendar *c, const KpicrmCalendarParts *parts)
{
	int32	   *holiday = (int32 *) (c + 1);
	int32	   *minutes = holiday + c->holidays;
	uint16	   *days = (uint16 *) (minutes + c->holidays + 1);

	minutes[0] = 0;
	days[0] = 0;
	for (uint32 i = 0; i < c->holidays; i++)
	{
		int32		on = weekday(parts->holiday[i]);

		holiday[i] = parts->holiday[i];
		minutes[i + 1] = minutes[i] + c->minutes[on];
		days[i + 1] = days[i] + (c->open >> on & 1);
	}
}

/* Of parts without a problem. */
KpicrmCalendar *
kpicrm_calendar_build(const KpicrmCalendarParts *parts)
{
	size_t		spans = 0;
	size_t		size;
	KpicrmCalendar *c;
	KpicrmOpening *opening;
	char	   *text;

	for (int i = 0; i < 7; i++)
		spans += parts->spans[i];
	size = calendar_size(parts->holidays, spans,
						 strlen(parts->name) + strlen(parts->version) + strlen(parts->zone) + 3);
	c = palloc0(size);
	SET_VARSIZE(c, size);
	c->format = KPICRM_CALENDAR_FORMAT;
	c->first = parts->first;
	c->last = parts->last;
	c->holidays = parts->holidays;
	fill_openings(c, parts);
	fill_holidays(c, parts);
	opening = unconstify(KpicrmOpening *, openings(c));
	for (int i = 0; i < 7; i++)
		for (uint32 s = 0; s < parts->spans[i]; s++)
			*opening++ = parts->opening[i][s];
	text = put_text((char *) opening, parts->name, &c->name_length);
	text = put_text(text, parts->version, &c->version_length);
	(void) put_text(text, parts->zone, &c->zone_length);
	return c;
}

/* The reverse; texts and holidays stay where they are. */
KpicrmCalendarParts
kpicrm_calendar_parts(const KpicrmCalendar *c)
{
	KpicrmCalendarParts parts;
	const KpicrmOpening *opening = openings(c);

	memset(&parts, 0, sizeof(parts));
	parts.name = kpicrm_calendar_name(c);
	parts.version = kpicrm_calendar_version(c);
	parts.zone = kpicrm_calendar_zone(c);
	parts.first = c->first;
	parts.last = c->last;
	parts.holidays = c->holidays;
	parts.holiday = kpicrm_calendar_holiday(c);
	for (int i = 0; i < 7; i++)
	{
		parts.spans[i] = Min(c->spans[i], KPICRM_CALENDAR_MAX_SPANS);
		for (uint32 s = 0; s < parts.spans[i]; s++)
			parts.opening[i][s] = opening[s];
		opening += c->spans[i];
	}
	return parts;
}

/* Number of holidays before the day: a binary search without branches to guess. */
static inline uint32
holidays_before(const KpicrmCalendar *c, int32 day)
{
	const int32 *from = kpicrm_calendar_holiday(c);
	uint32		length = c->holidays;

	if (length == 0)
		return 0;
	while (length > 1)
	{
		uint32		half = length / 2;

		from += from[half - 1] < day ? half : 0;
		length -= half;
	}
	return (uint32) (from - kpicrm_calendar_holiday(c)) + (*from < day);
}

/* Workdays d with first <= d < day, for days from the first known to behind the last. */
int32
kpicrm_calendar_workdays_before(const KpicrmCalendar *c, int32 day)
{
	int32		days = day - c->first;
	uint32		two_weeks = (uint32) c->open << 7 | c->open;
	uint32		rest = (two_weeks >> weekday(c->first)) & ((1u << (days % 7)) - 1);

	return days / 7 * (int32) pg_popcount32(c->open) + (int32) pg_popcount32(rest) -
		days_lost(c)[holidays_before(c, day)];
}

bool
kpicrm_calendar_is_workday(const KpicrmCalendar *c, int32 day)
{
	uint32		before = holidays_before(c, day);

	return (c->open >> weekday(day) & 1) != 0 &&
		(before == c->holidays || kpicrm_calendar_holiday(c)[before] != day);
}

static int64
minutes_before(const KpicrmCalendar *c, int32 day)
{
	int32		days = day - c->first;
	int32		on = weekday(c->first);
	int64		minutes = (int64) (days / 7) * c->week_minutes;

	for (int32 i = 0; i < days % 7; i++)
		minutes += c->minutes[(on + i) % 7];
	return minutes - minutes_lost(c)[holidays_before(c, day)];
}

/* Opening time of the day until so long after midnight. */
static int64
time_of_day_before(const KpicrmCalendar *c, int32 day, int64 time)
{
	const KpicrmOpening *opening = openings(c);
	int32		on = weekday(day);
	int64		sum = 0;

	if (!kpicrm_calendar_is_workday(c, day))
		return 0;
	for (int i = 0; i < on; i++)
		opening += c->spans[i];
	for (int s = 0; s < c->spans[on]; s++)
	{
		int64		opens = opening[s].opens * USECS_PER_MINUTE_;

		if (time > opens)
			sum += Min(time, opening[s].closes * USECS_PER_MINUTE_) - opens;
	}
	return sum;
}

/*
 * Opening time, in microseconds of the clock on the wall, from the first known
 * day until the local time; nothing is open outside of what is known.
 */
int64
kpicrm_calendar_time_before(const KpicrmCalendar *c, int64 local)
{
	int64		day = local / USECS_PER_DAY;
	int64		time = local % USECS_PER_DAY;

	if (time < 0)
	{
		time += USECS_PER_DAY;
		day--;
	}
	if (day < c->first)
		return 0;
	if (day > c->last)
	{
		day = (int64) c->last + 1;
		time = 0;
	}
	return minutes_before(c, (int32) day) * USECS_PER_MINUTE_ +
		(time > 0 ? time_of_day_before(c, (int32) day, time) : 0);
}

/* The day of the nth workday of the calendar, counted from 1; false if it does not know it. */
bool
kpicrm_calendar_nth_workday(const KpicrmCalendar *c, int64 nth, int32 *day)
{
	int32		low = c->first;
	int32		high = c->last;

	if (nth < 1 || nth > kpicrm_calendar_workdays_before(c, high + 1))
		return false;
	while (low < high)
	{
		int32		middle = low + (high - low) / 2;

		if (kpicrm_calendar_workdays_before(c, middle + 1) >= nth)
			high = middle;
		else
			low = middle + 1;
	}
	*day = low;
	return true;
}
