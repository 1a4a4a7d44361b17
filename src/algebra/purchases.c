/*
 * purchases.c
 *		One customer's history: the arithmetic and the bytes.  Knows neither fmgr
 *		nor SQL (see purchases_sql.c).
 */
#include "postgres.h"

#include "common/int.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"

#include "algebra/instant.h"
#include "algebra/purchases.h"

size_t
kpicrm_purchases_size(uint32 capacity)
{
	return offsetof(KpicrmPurchases, days) + capacity * sizeof(KpicrmPurchaseDay);
}

static bool
add_day(KpicrmPurchaseDay *into, const KpicrmPurchaseDay *day)
{
	return !pg_add_s64_overflow(into->orders, day->orders, &into->orders) &&
		kpicrm_decimal_add(&into->amount, &day->amount) &&
		kpicrm_decimal_add(&into->cost, &day->cost);
}

/*
 * Adds orders of one day; the caller has made room.  Rows in the order of time,
 * which is usual, keep the days settled.  Returns false on overflow.
 */
bool
kpicrm_purchases_append(KpicrmPurchases *p, const KpicrmPurchaseDay *day,
						int64 first, int64 last)
{
	if (p->used == 0 || first < p->first)
		p->first = first;
	if (p->used == 0 || last > p->last)
		p->last = last;
	if (p->used > 0)
	{
		if (p->days[p->used - 1].day == day->day)
			return add_day(&p->days[p->used - 1], day);
		if (p->days[p->used - 1].day > day->day)
			p->settled = 0;
	}
	p->days[p->used++] = *day;
	return true;
}

int
kpicrm_purchase_day_compare(const void *a, const void *b)
{
	const KpicrmPurchaseDay *x = a;
	const KpicrmPurchaseDay *y = b;

	return (x->day > y->day) - (x->day < y->day);
}

/* After sorting: one entry a day.  Returns false on overflow. */
bool
kpicrm_purchases_unite(KpicrmPurchases *p)
{
	uint32		kept = 0;

	for (uint32 i = 1; i < p->used; i++)
	{
		if (p->days[i].day == p->days[kept].day)
		{
			if (!add_day(&p->days[kept], &p->days[i]))
				return false;
		}
		else
			p->days[++kept] = p->days[i];
	}
	if (p->used > 0)
		p->used = kept + 1;
	p->settled = 1;
	return true;
}

/*
 * The totals of settled purchases, and all that is checked of values from
 * outside; false if they are not what rows could have made.
 */
bool
kpicrm_purchases_summary(const KpicrmPurchases *p, KpicrmPurchaseSummary *s)
{
	memset(s, 0, sizeof(*s));
	s->money = p->money;
	s->days = p->used;
	s->invalid = p->invalid;
	if (p->invalid < 0 ||
		(p->money == KPICRM_MONEY_NONE) != (p->used == 0 && p->invalid == 0))
		return false;
	if (p->invalid > 0 && p->money != KPICRM_MONEY_COST)
		return false;
	if (p->used == 0)
		return true;

	s->first = p->first;
	s->last = p->last;
	s->first_day = p->days[0].day;
	s->last_day = p->days[p->used - 1].day;
	s->first_day_revenue = p->days[0].amount;
	if (p->first > p->last || !IS_VALID_TIMESTAMP(p->first) || !IS_VALID_TIMESTAMP(p->last) ||
		kpicrm_day_of_instant(p->first) != s->first_day ||
		kpicrm_day_of_instant(p->last) != s->last_day)
		return false;
	for (uint32 i = 0; i < p->used; i++)
	{
		const KpicrmPurchaseDay *day = &p->days[i];

		if (day->orders < 1 || (i > 0 && day->day <= p->days[i - 1].day) ||
			pg_add_s64_overflow(s->orders, day->orders, &s->orders) ||
			!kpicrm_decimal_add(&s->revenue, &day->amount) ||
			!kpicrm_decimal_add(&s->cost, &day->cost))
			return false;
	}
	/* A single order has a single instant. */
	return s->orders > 1 || p->first == p->last;
}

bool
kpicrm_purchases_take_header(KpicrmSource *source, KpicrmPurchases *header, int64 *days)
{
	memset(header, 0, sizeof(*header));
	*days = 0;
	if (kpicrm_take_byte(source) != KPICRM_PURCHASES_VERSION)
		return false;
	header->money = kpicrm_take_byte(source);
	header->settled = 1;
	if (header->money == KPICRM_MONEY_NONE)
		return !source->failed;
	header->invalid = kpicrm_take_count(source);
	*days = kpicrm_take_count(source);
	if (*days > 0)
	{
		uint64		span;

		/* All of time is longer than an int64: unsigned, and wrapping back. */
		header->first = kpicrm_take_signed(source);
		span = kpicrm_take_varint(source);
		if (span > (uint64) PG_INT64_MAX - (uint64) header->first)
			return false;
		header->last = (int64) ((uint64) header->first + span);
	}
	/* No day is shorter than a byte: counts that lie stop here. */
	return !source->failed && header->money <= KPICRM_MONEY_COST &&
		*days <= KPICRM_PURCHASE_DAYS_LIMIT && *days <= source->end - source->at;
}

bool
kpicrm_purchases_take_days(KpicrmSource *source, KpicrmPurchases *p, int64 days)
{
	for (int64 i = 0; i < days && !source->failed; i++)
	{
		KpicrmPurchaseDay *day = &p->days[i];

		CHECK_FOR_INTERRUPTS();
		if (i == 0)
			day->day = kpicrm_day_of_instant(p->first);
		else
		{
			int64		gap = kpicrm_take_count(source);

			if (gap < 1 || gap > PG_INT32_MAX ||
				pg_add_s32_overflow(p->days[i - 1].day, (int32) gap, &day->day))
				return false;
		}
		day->orders = kpicrm_take_count(source);
		day->amount = kpicrm_take_decimal(source);
		if (p->money == KPICRM_MONEY_COST)
			day->cost = kpicrm_take_decimal(source);
		p->used++;
	}
	return !source->failed && source->at == source->end;
}

void
kpicrm_purchases_put(KpicrmSink *sink, const KpicrmPurchases *p)
{
	*sink->at++ = KPICRM_PURCHASES_VERSION;
	*sink->at++ = (uint8) p->money;
	if (p->money == KPICRM_MONEY_NONE)
		return;
	kpicrm_put_varint(sink, (uint64) p->invalid);
	kpicrm_put_varint(sink, p->used);
	if (p->used > 0)
	{
		kpicrm_put_signed(sink, p->first);
		kpicrm_put_varint(sink, (uint64) p->last - (uint64) p->first);
	}
	for (uint32 i = 0; i < p->used; i++)
	{
		const KpicrmPurchaseDay *day = &p->days[i];

		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			kpicrm_put_varint(sink, (uint64) (day->day - p->days[i - 1].day));
		kpicrm_put_varint(sink, (uint64) day->orders);
		kpicrm_put_decimal(sink, &day->amount);
		if (p->money == KPICRM_MONEY_COST)
			kpicrm_put_decimal(sink, &day->cost);
	}
}

/* Also returns how many days the text can hold at most. */
bool
kpicrm_purchases_text_header(KpicrmText *in, KpicrmPurchases *header, int64 *days)
{
	memset(header, 0, sizeof(*header));
	header->settled = 1;
	*days = 0;
	if (kpicrm_text_try(in, "empty"))
		return true;

	header->money = KPICRM_MONEY_REVENUE;
	if (kpicrm_text_try(in, "cost, "))
	{
		header->money = KPICRM_MONEY_COST;
		header->invalid = kpicrm_text_count(in);
		kpicrm_text_literal(in, " invalid");
	}
	else
		kpicrm_text_literal(in, "revenue");
	if (kpicrm_text_try(in, ", "))
	{
		header->first = kpicrm_text_instant(in);
		kpicrm_text_literal(in, " to ");
		header->last = kpicrm_text_instant(in);
		*days = 1;
		for (const char *c = in->at; *c != '\0'; c++)
			*days += *c == ',';
	}
	return !in->failed && *days <= KPICRM_PURCHASE_DAYS_LIMIT;
}

bool
kpicrm_purchases_text_days(KpicrmText *in, KpicrmPurchases *p, int64 days)
{
	for (int64 i = 0; i < days; i++)
	{
		KpicrmPurchaseDay *day = &p->days[i];

		CHECK_FOR_INTERRUPTS();
		kpicrm_text_literal(in, i == 0 ? " {" : ", ");
		day->day = kpicrm_text_day(in);
		kpicrm_text_literal(in, " ");
		day->orders = kpicrm_text_count(in);
		kpicrm_text_literal(in, " ");
		day->amount = kpicrm_text_decimal(in);
		if (p->money == KPICRM_MONEY_COST)
		{
			kpicrm_text_literal(in, " ");
			day->cost = kpicrm_text_decimal(in);
		}
		if (in->failed)
			return false;
		p->used++;
	}
	if (days > 0)
		kpicrm_text_literal(in, "}");
	return kpicrm_text_finish(in);
}

void
kpicrm_purchases_print(StringInfo out, const KpicrmPurchases *p)
{
	if (p->money == KPICRM_MONEY_NONE)
	{
		appendStringInfoString(out, "empty");
		return;
	}
	if (p->money == KPICRM_MONEY_COST)
		appendStringInfo(out, "cost, %lld invalid", (long long) p->invalid);
	else
		appendStringInfoString(out, "revenue");
	if (p->used == 0)
		return;
	appendStringInfoString(out, ", ");
	kpicrm_print_instant(out, p->first);
	appendStringInfoString(out, " to ");
	kpicrm_print_instant(out, p->last);
	for (uint32 i = 0; i < p->used; i++)
	{
		CHECK_FOR_INTERRUPTS();
		appendStringInfoString(out, i == 0 ? " {" : ", ");
		kpicrm_print_day(out, p->days[i].day);
		appendStringInfo(out, " %lld ", (long long) p->days[i].orders);
		kpicrm_decimal_print(out, &p->days[i].amount);
		if (p->money == KPICRM_MONEY_COST)
		{
			appendStringInfoChar(out, ' ');
			kpicrm_decimal_print(out, &p->days[i].cost);
		}
	}
	appendStringInfoChar(out, '}');
}
