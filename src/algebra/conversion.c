/*
 * conversion.c
 *		k of n: the arithmetic.  Knows neither fmgr nor SQL (see conversion_sql.c).
 */
#include "postgres.h"

#include "algebra/codec.h"
#include "algebra/conversion.h"

bool
kpicrm_conversion_is_valid(const KpicrmConversion *c)
{
	return c->converted >= 0 && c->converted <= c->total;
}

/* Returns false, with *into undefined, if the counter would overflow. */
bool
kpicrm_conversion_merge(KpicrmConversion *into, const KpicrmConversion *other)
{
	if (pg_add_s64_overflow(into->total, other->total, &into->total))
		return false;
	into->converted += other->converted;	/* never more than the total */
	return true;
}

/* Returns false, and leaves *from alone, if the part cannot be one of *from. */
bool
kpicrm_conversion_unmerge(KpicrmConversion *from, const KpicrmConversion *part)
{
	KpicrmConversion rest;

	/* Of two valid states neither difference overflows. */
	rest.converted = from->converted - part->converted;
	rest.total = from->total - part->total;
	if (!kpicrm_conversion_is_valid(&rest))
		return false;
	*from = rest;
	return true;
}

bool
kpicrm_conversion_parse(KpicrmConversion *c, const char *string)
{
	KpicrmText	in;

	kpicrm_text_start(&in, string);
	c->converted = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, "/");
	c->total = kpicrm_text_count(&in);
	return kpicrm_text_finish(&in);
}

void
kpicrm_conversion_print(StringInfo out, const KpicrmConversion *c)
{
	appendStringInfo(out, "%lld/%lld", (long long) c->converted, (long long) c->total);
}
