/*
 * conversion.c
 *		k of n: the arithmetic.  Knows neither fmgr nor SQL (see conversion_sql.c).
 */
#include "postgres.h"

#include "algebra/conversion.h"
#include "algebra/decimal.h"

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

/* A count is written in digits alone: 3, not 3.0. */
static int64
text_digits(KpicrmText *input)
{
	const char *end = input->at + strspn(input->at, "0123456789");
	int64		count = kpicrm_text_count(input);

	if (input->at != end)
		input->failed = true;
	return count;
}

bool
kpicrm_conversion_parse(KpicrmConversion *c, const char *string)
{
	KpicrmText	input;

	kpicrm_text_start(&input, string);
	c->converted = text_digits(&input);
	kpicrm_text_literal(&input, "/");
	c->total = text_digits(&input);
	return kpicrm_text_finish(&input);
}

void
kpicrm_conversion_print(StringInfo out, const KpicrmConversion *c)
{
	appendStringInfo(out, "%lld/%lld", (long long) c->converted, (long long) c->total);
}
