/*
 * fiscal.c
 *		Periods of a fiscal year, by counting months.  Knows neither fmgr nor SQL.
 */
#include "postgres.h"

#include "utils/datetime.h"

#include "calendar/fiscal.h"

static const struct
{
	const char *name;
	int			months;			/* 0: counted in days */
	int			days;
}			grains[] =
{
	[KPICRM_GRAIN_DAY] = {"day", 0, 1},
	[KPICRM_GRAIN_WEEK] = {"week", 0, 7},
	[KPICRM_GRAIN_MONTH] = {"month", 1, 0},
	[KPICRM_GRAIN_QUARTER] = {"quarter", 3, 0},
	[KPICRM_GRAIN_HALF] = {"half", 6, 0},
	[KPICRM_GRAIN_YEAR] = {"year", 12, 0},
};

bool
kpicrm_grain_named(const char *name, size_t length, KpicrmGrain *grain)
{
	for (int i = 0; i < lengthof(grains); i++)
	{
		if (strlen(grains[i].name) == length && memcmp(grains[i].name, name, length) == 0)
		{
			*grain = (KpicrmGrain) i;
			return true;
		}
	}
	return false;
}

/* Months since January of the year 0, which is 1 BC. */
static int
month_number(int32 day)
{
	int			year;
	int			month;
	int			of_month;

	j2date(day + POSTGRES_EPOCH_JDATE, &year, &month, &of_month);
	return year * 12 + month - 1;
}

static int
year_of(int month_number)
{
	int			year = month_number / 12;

	return month_number % 12 < 0 ? year - 1 : year;
}

/* Beyond the range of a date for a month beyond the last year of it. */
static int32
first_day(int month_number)
{
	int			year = year_of(month_number);

	if (year >= JULIAN_MAXYEAR)
		return PG_INT32_MAX;
	return date2j(year, month_number - year * 12 + 1, 1) - POSTGRES_EPOCH_JDATE;
}

/* As PostgreSQL's EXTRACT says it: there is no year 0. */
static int
shown_year(int month_number)
{
	int			year = year_of(month_number);

	return year > 0 ? year : year - 1;
}

int
kpicrm_fiscal_month(int32 day, int start_month)
{
	int			month = month_number(day);

	return (month - year_of(month) * 12 + 1 - start_month + 12) % 12 + 1;
}

int
kpicrm_fiscal_year(int32 day, int start_month)
{
	return shown_year(month_number(day) - (kpicrm_fiscal_month(day, start_month) - 1));
}

int32
kpicrm_period_start(int32 day, KpicrmGrain grain, int start_month, int week_start)
{
	switch (grain)
	{
		case KPICRM_GRAIN_DAY:
			return day;
		case KPICRM_GRAIN_WEEK:
			return day - (j2day(day + POSTGRES_EPOCH_JDATE) + 7 - week_start % 7) % 7;
		case KPICRM_GRAIN_MONTH:
			return first_day(month_number(day));
		case KPICRM_GRAIN_QUARTER:
		case KPICRM_GRAIN_HALF:
		case KPICRM_GRAIN_YEAR:
			break;
	}
	return first_day(month_number(day) - (kpicrm_fiscal_month(day, start_month) - 1) % grains[grain].months);
}

int32
kpicrm_period_end(int32 start, KpicrmGrain grain)
{
	if (grains[grain].months == 0)
		return start + grains[grain].days;
	return first_day(month_number(start) + grains[grain].months);
}

void
kpicrm_period_label(int32 start, KpicrmGrain grain, int start_month, char *label)
{
	const char *fiscal = start_month == 1 ? "" : "FY";
	int			month = month_number(start);
	int			of_year = month - year_of(month) * 12 + 1;

	switch (grain)
	{
		case KPICRM_GRAIN_DAY:
		case KPICRM_GRAIN_WEEK:
			snprintf(label, KPICRM_PERIOD_LABEL_SIZE, "%d-%02d-%02d", shown_year(month), of_year, start - first_day(month) + 1);
			break;
		case KPICRM_GRAIN_MONTH:
			snprintf(label, KPICRM_PERIOD_LABEL_SIZE, "%d-%02d", shown_year(month), of_year);
			break;
		case KPICRM_GRAIN_QUARTER:
			snprintf(label, KPICRM_PERIOD_LABEL_SIZE, "%s%d Q%d", fiscal, kpicrm_fiscal_year(start, start_month),
					 (kpicrm_fiscal_month(start, start_month) + 2) / 3);
			break;
		case KPICRM_GRAIN_HALF:
			snprintf(label, KPICRM_PERIOD_LABEL_SIZE, "%s%d H%d", fiscal, kpicrm_fiscal_year(start, start_month),
					 (kpicrm_fiscal_month(start, start_month) + 5) / 6);
			break;
		case KPICRM_GRAIN_YEAR:
			snprintf(label, KPICRM_PERIOD_LABEL_SIZE, "%s%d", fiscal, kpicrm_fiscal_year(start, start_month));
			break;
	}
}
