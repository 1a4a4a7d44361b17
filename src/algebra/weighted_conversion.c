/*
 * weighted_conversion.c
 *		Converted amount of total amount: the arithmetic.  Knows neither fmgr nor
 *		SQL (see weighted_conversion_sql.c).
 */
#include "postgres.h"

#include "common/int.h"

#include "algebra/weighted_conversion.h"

bool
kpicrm_weighted_is_valid(const KpicrmWeightedConversion *w)
{
	KpicrmDecimal rest = w->total;

	if (w->converted_count < 0 || w->converted_count > w->total_count ||
		w->invalid_count < 0)
		return false;
	if (w->converted.units < 0 || kpicrm_decimal_compare(&w->converted, &w->total) > 0)
		return false;
	if (w->converted_count == 0 && w->converted.units != 0)
		return false;
	/* If all converted, or there is nothing, the amounts must say so too. */
	return w->converted_count < w->total_count ||
		(kpicrm_decimal_subtract(&rest, &w->converted) && rest.units == 0);
}

void
kpicrm_weighted_trim(KpicrmWeightedConversion *w)
{
	kpicrm_decimal_trim(&w->converted);
	kpicrm_decimal_trim(&w->total);
}

/* Returns false, with *w undefined, if a sum does not fit. */
bool
kpicrm_weighted_row(KpicrmWeightedConversion *w, bool converted,
					const KpicrmDecimal *amount)
{
	if (amount->units < 0)
		return !pg_add_s64_overflow(w->invalid_count, 1, &w->invalid_count);

	if (converted && (!kpicrm_decimal_add(&w->converted, amount) ||
					  pg_add_s64_overflow(w->converted_count, 1, &w->converted_count)))
		return false;
	return kpicrm_decimal_add(&w->total, amount) &&
		!pg_add_s64_overflow(w->total_count, 1, &w->total_count);
}

bool
kpicrm_weighted_merge(KpicrmWeightedConversion *into,
					  const KpicrmWeightedConversion *other)
{
	return kpicrm_decimal_add(&into->converted, &other->converted) &&
		kpicrm_decimal_add(&into->total, &other->total) &&
		!pg_add_s64_overflow(into->converted_count, other->converted_count, &into->converted_count) &&
		!pg_add_s64_overflow(into->total_count, other->total_count, &into->total_count) &&
		!pg_add_s64_overflow(into->invalid_count, other->invalid_count, &into->invalid_count);
}

/* Returns false, with *from undefined, if the part cannot be one of *from. */
bool
kpicrm_weighted_subtract(KpicrmWeightedConversion *from,
						 const KpicrmWeightedConversion *part)
{
	if (!kpicrm_decimal_subtract(&from->converted, &part->converted) ||
		!kpicrm_decimal_subtract(&from->total, &part->total))
		return false;
	from->converted_count -= part->converted_count;
	from->total_count -= part->total_count;
	from->invalid_count -= part->invalid_count;
	return kpicrm_weighted_is_valid(from);
}

bool
kpicrm_weighted_parse(KpicrmWeightedConversion *w, const char *string)
{
	KpicrmText	in;

	memset(w, 0, sizeof(*w));
	kpicrm_text_start(&in, string);
	w->converted = kpicrm_text_decimal(&in);
	kpicrm_text_literal(&in, "/");
	w->total = kpicrm_text_decimal(&in);
	kpicrm_text_literal(&in, " ");
	w->converted_count = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, "/");
	w->total_count = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, " ");
	w->invalid_count = kpicrm_text_count(&in);
	return kpicrm_text_finish(&in);
}

void
kpicrm_weighted_print(StringInfo out, const KpicrmWeightedConversion *w)
{
	kpicrm_decimal_print(out, &w->converted);
	appendStringInfoChar(out, '/');
	kpicrm_decimal_print(out, &w->total);
	appendStringInfo(out, " %lld/%lld %lld", (long long) w->converted_count,
					 (long long) w->total_count, (long long) w->invalid_count);
}
