/*
 * fiscal.h
 *		Periods of a fiscal year: the month, quarter, half and year of a day.
 *
 * Days are numbered as PostgreSQL does, 0 is 2000-01-01.  start_month is 1 to 12,
 * week_start 1 (Monday) to 7; whoever calls has checked them.
 */
#ifndef KPICRM_FISCAL_H
#define KPICRM_FISCAL_H

typedef enum KpicrmGrain
{
	KPICRM_GRAIN_DAY,
	KPICRM_GRAIN_WEEK,
	KPICRM_GRAIN_MONTH,
	KPICRM_GRAIN_QUARTER,
	KPICRM_GRAIN_HALF,
	KPICRM_GRAIN_YEAR
} KpicrmGrain;

/* "FY5874897 Q4" and "5874897-12-31" are the longest. */
#define KPICRM_PERIOD_LABEL_SIZE 24

extern bool kpicrm_grain_named(const char *name, size_t length, KpicrmGrain *grain);
extern int	kpicrm_fiscal_month(int32 day, int start_month);
extern int	kpicrm_fiscal_year(int32 day, int start_month);

/* Both may lie outside of the range of a date, if the day is near its ends. */
extern int32 kpicrm_period_start(int32 day, KpicrmGrain grain, int start_month, int week_start);
extern int32 kpicrm_period_end(int32 start, KpicrmGrain grain);

/* start is the first day of the period. */
extern void kpicrm_period_label(int32 start, KpicrmGrain grain, int start_month, char *label);

#endif							/* KPICRM_FISCAL_H */
