/*
 * conversion.h
 *		k of n.
 */
#ifndef KPICRM_CONVERSION_H
#define KPICRM_CONVERSION_H

#include "common/int.h"
#include "lib/stringinfo.h"

typedef struct KpicrmConversion
{
	int64		converted;
	int64		total;			/* 0 <= converted <= total */
} KpicrmConversion;

/* Once a row, therefore inline.  Returns false, with *c undefined, if it is full. */
static inline bool
kpicrm_conversion_row(KpicrmConversion *c, bool converted)
{
	if (unlikely(pg_add_s64_overflow(c->total, 1, &c->total)))
		return false;
	c->converted += converted;
	return true;
}

extern bool kpicrm_conversion_is_valid(const KpicrmConversion *c);
extern bool kpicrm_conversion_merge(KpicrmConversion *into, const KpicrmConversion *other);
extern bool kpicrm_conversion_unmerge(KpicrmConversion *from, const KpicrmConversion *part);
extern bool kpicrm_conversion_parse(KpicrmConversion *c, const char *string);
extern void kpicrm_conversion_print(StringInfo out, const KpicrmConversion *c);

#endif							/* KPICRM_CONVERSION_H */
