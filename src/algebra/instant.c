/*
 * instant.c
 *		Instants and days in the text of states: always UTC, whatever the session's
 *		settings, so that the text of a state is one and the same.
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "algebra/instant.h"

/* Days from 0000-03-01, where leap days end years, to 2000-01-01. */
#define CIVIL_OFFSET 730425
#define DAYS_IN_400_YEARS 146097

int32
kpicrm_day_of_instant(int64 instant)
{
	int64		day = instant / USECS_PER_DAY;

	return (int32) (instant % USECS_PER_DAY < 0 ? day - 1 : day);
}

/* Proleptic Gregorian calendar; the year 0 is 1 BC. */
void
kpicrm_print_day(StringInfo out, int32 day)
{
	int64		z = (int64) day + CIVIL_OFFSET;
	int64		era = (z >= 0 ? z : z - DAYS_IN_400_YEARS + 1) / DAYS_IN_400_YEARS;
	int64		of_era = z - era * DAYS_IN_400_YEARS;
	int64		year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64		of_year = of_era - (365 * year + year / 4 - year / 100);
	int64		month = (5 * of_year + 2) / 153;	/* from March */
	int64		of_month = of_year - (153 * month + 2) / 5 + 1;

	year += era * 400 + (month >= 10);
	appendStringInfo(out, "%s%04lld-%02d-%02d", year < 0 ? "-" : "",
					 (long long) (year < 0 ? -year : year),
					 (int) (month < 10 ? month + 3 : month - 9), (int) of_month);
}

/* So many digits, no more and no less. */
static int64
text_digits(KpicrmText *in, int count)
{
	int64		value = 0;

	for (int i = 0; i < count && !in->failed; i++)
	{
		if (!kpicrm_is_digit(*in->at))
			in->failed = true;
		else
			value = value * 10 + (*in->at++ - '0');
	}
	return value;
}

int32
kpicrm_text_day(KpicrmText *in)
{
	const char *start = in->at;
	bool		negative = kpicrm_text_try(in, "-");
	int64		year = kpicrm_text_count(in);
	int64		month;
	int64		of_month;
	int64		era;
	int64		day;
	StringInfoData back;

	kpicrm_text_literal(in, "-");
	month = text_digits(in, 2);
	kpicrm_text_literal(in, "-");
	of_month = text_digits(in, 2);
	if (in->failed || year > 300000 || month < 1 || month > 12 || of_month < 1)
	{
		in->failed = true;
		return 0;
	}
	year = (negative ? -year : year) - (month <= 2);
	era = (year >= 0 ? year : year - 399) / 400;
	year -= era * 400;
	day = era * DAYS_IN_400_YEARS + 365 * year + year / 4 - year / 100 +
		(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + of_month - 1 - CIVIL_OFFSET;

	/* The 30th of February would come back as another day, the year 1 with more digits. */
	initStringInfo(&back);
	kpicrm_print_day(&back, (int32) day);
	if (back.len != in->at - start || memcmp(back.data, start, back.len) != 0)
		in->failed = true;
	pfree(back.data);
	return (int32) day;
}

void
kpicrm_print_instant(StringInfo out, int64 instant)
{
	int32		day = kpicrm_day_of_instant(instant);
	int64		rest = instant - (int64) day * USECS_PER_DAY;

	kpicrm_print_day(out, day);
	appendStringInfo(out, " %02d:%02d:%02d", (int) (rest / USECS_PER_HOUR),
					 (int) (rest / USECS_PER_MINUTE % 60), (int) (rest / USECS_PER_SEC % 60));
	if (rest % USECS_PER_SEC != 0)
		appendStringInfo(out, ".%06d", (int) (rest % USECS_PER_SEC));
}

int64
kpicrm_text_instant(KpicrmText *in)
{
	int32		day = kpicrm_text_day(in);
	int64		hour;
	int64		minute;
	int64		second;
	int64		fraction = 0;

	kpicrm_text_literal(in, " ");
	hour = text_digits(in, 2);
	kpicrm_text_literal(in, ":");
	minute = text_digits(in, 2);
	kpicrm_text_literal(in, ":");
	second = text_digits(in, 2);
	if (kpicrm_text_try(in, "."))
		fraction = text_digits(in, 6);
	if (hour > 23 || minute > 59 || second > 59)
		in->failed = true;
	return (int64) day * USECS_PER_DAY + hour * USECS_PER_HOUR +
		minute * USECS_PER_MINUTE + second * USECS_PER_SEC + fraction;
}
