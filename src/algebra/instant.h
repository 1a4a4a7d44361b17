/*
 * instant.h
 *		Instants and days in the text of states.  Microseconds and days since
 *		2000-01-01 UTC.
 */
#ifndef KPICRM_INSTANT_H
#define KPICRM_INSTANT_H

#include "lib/stringinfo.h"

#include "algebra/codec.h"

extern int32 kpicrm_day_of_instant(int64 instant);
extern void kpicrm_print_day(StringInfo out, int32 day);
extern void kpicrm_print_instant(StringInfo out, int64 instant);
extern int32 kpicrm_text_day(KpicrmText *in);
extern int64 kpicrm_text_instant(KpicrmText *in);

#endif							/* KPICRM_INSTANT_H */
