/*
 * weighted_conversion.h
 *		Converted amount of total amount.
 */
#ifndef KPICRM_WEIGHTED_CONVERSION_H
#define KPICRM_WEIGHTED_CONVERSION_H

#include "algebra/decimal.h"

typedef struct KpicrmWeightedConversion
{
	KpicrmDecimal converted;
	KpicrmDecimal total;
	int64		converted_count;
	int64		total_count;
	int64		invalid_count;	/* rows left out for a negative amount */
} KpicrmWeightedConversion;

extern bool kpicrm_weighted_is_valid(const KpicrmWeightedConversion *w);
extern void kpicrm_weighted_trim(KpicrmWeightedConversion *w);
extern bool kpicrm_weighted_row(KpicrmWeightedConversion *w, bool converted,
								const KpicrmDecimal *amount);
extern bool kpicrm_weighted_merge(KpicrmWeightedConversion *into,
								  const KpicrmWeightedConversion *other);
extern bool kpicrm_weighted_subtract(KpicrmWeightedConversion *from,
									 const KpicrmWeightedConversion *part);
extern bool kpicrm_weighted_parse(KpicrmWeightedConversion *w, const char *string);
extern void kpicrm_weighted_print(StringInfo out, const KpicrmWeightedConversion *w);

#endif							/* KPICRM_WEIGHTED_CONVERSION_H */
