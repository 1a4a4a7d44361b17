/*
 * work_calendar.h
 *		When work is done: opening hours of the days of a week, less holidays.
 *
 * Days are numbered as PostgreSQL does, 0 is 2000-01-01.  Weekdays are numbered
 * from 0, Monday; SQL and the text form say 1.
 */
#ifndef KPICRM_WORK_CALENDAR_H
#define KPICRM_WORK_CALENDAR_H

#include "lib/stringinfo.h"

#define KPICRM_CALENDAR_FORMAT 1

#define KPICRM_CALENDAR_MAX_HOLIDAYS 16384
#define KPICRM_CALENDAR_MAX_TEXT 255	/* bytes of a name, a version, a time zone */
#define KPICRM_CALENDAR_MAX_SPANS 8 /* opening spans of one weekday */

#define KPICRM_MINUTES_PER_DAY 1440

/* 0001-01-01 and 9999-12-31 */
#define KPICRM_FIRST_DAY (-730119)
#define KPICRM_LAST_DAY 2921939

/* Minutes after midnight: open from opens until before closes. */
typedef struct KpicrmOpening
{
	uint16		opens;
	uint16		closes;
} KpicrmOpening;

/* A calendar in parts, as it is read, written and built. */
typedef struct KpicrmCalendarParts
{
	const char *name;
	const char *version;
	const char *zone;
	int32		first;			/* first and last day it knows */
	int32		last;
	uint32		spans[7];		/* a weekday without any is a day off */
	KpicrmOpening opening[7][KPICRM_CALENDAR_MAX_SPANS];
	uint32		holidays;
	const int32 *holiday;		/* ascending, each once */
} KpicrmCalendarParts;

/* Whether two calendars differ in their holidays alone. */
extern bool kpicrm_calendar_same_frame(const KpicrmCalendarParts *a, const KpicrmCalendarParts *b);

/*
 * A calendar as a datum.  Behind the fixed part, in this order:
 *
 *		int32	holiday[holidays]
 *		int32	minutes[holidays + 1]	opening minutes lost to the first n holidays
 *		uint16	days[holidays + 1]		workdays lost to them
 *		KpicrmOpening opening[spans]	weekday after weekday
 *		char	name[], version[], zone[]	each with its NUL
 *
 * so that a question needs one binary search.  Equal calendars are equal bytes.
 */
typedef struct KpicrmCalendar
{
	int32		vl_len_;
	uint8		format;
	uint8		open;			/* bit 0 Monday … bit 6 Sunday */
	uint8		name_length;	/* lengths without the NUL */
	uint8		version_length;
	uint8		zone_length;
	uint8		spans[7];
	int32		first;
	int32		last;
	uint32		holidays;
	uint16		minutes[7];		/* opening minutes of a weekday */
	uint16		week_minutes;
} KpicrmCalendar;

static inline const int32 *
kpicrm_calendar_holiday(const KpicrmCalendar *c)
{
	return (const int32 *) (c + 1);
}

extern bool kpicrm_calendar_fits(const KpicrmCalendar *c, size_t size);
extern const char *kpicrm_calendar_problem(const KpicrmCalendarParts *parts);
extern KpicrmCalendar *kpicrm_calendar_build(const KpicrmCalendarParts *parts);
extern KpicrmCalendarParts kpicrm_calendar_parts(const KpicrmCalendar *c);
extern const char *kpicrm_calendar_name(const KpicrmCalendar *c);
extern const char *kpicrm_calendar_version(const KpicrmCalendar *c);
extern const char *kpicrm_calendar_zone(const KpicrmCalendar *c);

extern bool kpicrm_calendar_is_workday(const KpicrmCalendar *c, int32 day);
extern int32 kpicrm_calendar_workdays_before(const KpicrmCalendar *c, int32 day);
extern int64 kpicrm_calendar_time_before(const KpicrmCalendar *c, int64 local);
extern bool kpicrm_calendar_nth_workday(const KpicrmCalendar *c, int64 nth, int32 *day);

extern bool kpicrm_calendar_parse(KpicrmCalendarParts *parts, const char *string);
extern bool kpicrm_calendar_parse_hours(KpicrmCalendarParts *parts, const char *string);
extern void kpicrm_calendar_print(StringInfo out, const KpicrmCalendarParts *parts);
extern void kpicrm_calendar_print_known(StringInfo out, const KpicrmCalendarParts *parts);

#endif							/* KPICRM_WORK_CALENDAR_H */
