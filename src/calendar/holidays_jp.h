/*
 * holidays_jp.h
 *		The public holidays of Japan, as announced by the Cabinet Office.
 */
#ifndef KPICRM_HOLIDAYS_JP_H
#define KPICRM_HOLIDAYS_JP_H

#define KPICRM_HOLIDAYS_JP_FIRST_YEAR 1955
#define KPICRM_HOLIDAYS_JP_LAST_YEAR 2026

/* Of the list: when it changes, so does this. */
#define KPICRM_HOLIDAYS_JP_VERSION "2026"

typedef struct KpicrmHoliday
{
	int			year;
	int			month;
	int			day;
	const char *name;			/* UTF-8 */
	const char *name_en;		/* ASCII */
} KpicrmHoliday;

extern int	kpicrm_holidays_jp_count(void);
extern KpicrmHoliday kpicrm_holiday_jp(int n);

#endif							/* KPICRM_HOLIDAYS_JP_H */
