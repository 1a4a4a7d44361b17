/*
 * ltv_sample.c
 *		What an ltv_model is fitted to: the arithmetic and the bytes.  Knows neither
 *		fmgr nor SQL (see ltv_sample_sql.c).
 *
 * Histories are days apart, so that many customers share one: what is kept, and what
 * the fit takes, grows with the distinct ones.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "miscadmin.h"

#include "algebra/instant.h"
#include "algebra/ltv_sample.h"

bool
kpicrm_ltv_terms_are_valid(const KpicrmLtvTerms *t)
{
	if (t->variant < KPICRM_BUYER_NONE || t->variant > KPICRM_BUYER_MBG || t->period < 0)
		return false;
	return t->variant == KPICRM_BUYER_NONE ? t->period == 0 && t->as_of == 0 : t->period > 0 || t->as_of == 0;
}

void
kpicrm_ltv_put_terms(KpicrmSink *sink, const KpicrmLtvTerms *t)
{
	*sink->at++ = (uint8) t->variant;
	if (t->variant == KPICRM_BUYER_NONE)
		return;
	kpicrm_put_varint(sink, (uint64) t->period);
	if (t->period > 0)
		kpicrm_put_signed(sink, t->as_of);
}

void
kpicrm_ltv_take_terms(KpicrmSource *source, KpicrmLtvTerms *t)
{
	int64		as_of = 0;

	memset(t, 0, sizeof(*t));
	t->variant = kpicrm_take_byte(source);
	if (t->variant == KPICRM_BUYER_NONE)
		return;
	t->period = kpicrm_take_count(source);
	if (t->period > 0)
		as_of = kpicrm_take_signed(source);
	if (as_of != (int32) as_of)
		source->failed = true;
	t->as_of = (int32) as_of;
}

/* Not for terms without a variant: those have no text. */
void
kpicrm_ltv_text_terms(KpicrmText *in, KpicrmLtvTerms *t)
{
	memset(t, 0, sizeof(*t));
	t->variant = kpicrm_text_try(in, "M") ? KPICRM_BUYER_MBG : KPICRM_BUYER_BG;
	kpicrm_text_literal(in, "BG/NBD");
	if (kpicrm_text_try(in, " of numbers"))
		return;
	kpicrm_text_literal(in, " per ");
	t->period = kpicrm_text_count(in);
	kpicrm_text_literal(in, "us as of ");
	t->as_of = kpicrm_text_day(in);
	if (t->period == 0)
		in->failed = true;
}

void
kpicrm_ltv_print_terms(StringInfo out, const KpicrmLtvTerms *t)
{
	appendStringInfoString(out, kpicrm_buyer_variant_name(t->variant));
	if (t->period == 0)
	{
		appendStringInfoString(out, " of numbers");
		return;
	}
	appendStringInfo(out, " per %lldus as of ", (long long) t->period);
	kpicrm_print_day(out, t->as_of);
}

static bool
is_time(double time)
{
	return time == 0 ? !signbit(time) : time >= 1 / KPICRM_LTV_MAX_TIME && time <= KPICRM_LTV_MAX_TIME;
}

/* Also that a customer of one order has no time between orders, and no repeat value. */
bool
kpicrm_ltv_entry_is_valid(const KpicrmLtvEntry *e)
{
	if (e->frequency < 0 || e->frequency > KPICRM_LTV_MAX_FREQUENCY || e->customers < 1)
		return false;
	if (!is_time(e->recency) || !is_time(e->age) || e->recency > e->age)
		return false;
	if (e->value == 0 ? signbit(e->value) : !(e->value >= KPICRM_LTV_MIN_VALUE && e->value <= KPICRM_LTV_MAX_VALUE))
		return false;
	return e->frequency > 0 || (e->recency == 0 && e->value == 0);
}

/*
 * The customer's history until the end of a day; false if there is none yet.  Days
 * are whole: one transaction a day, as in the model's literature.
 */
bool
kpicrm_ltv_entry_of_purchases(KpicrmLtvEntry *e, const KpicrmPurchases *p, int32 as_of)
{
	const KpicrmDecimal one = {.units = 1};
	double		repeated = 0;

	memset(e, 0, sizeof(*e));
	if (p->used == 0 || p->days[0].day > as_of)
		return false;
	for (uint32 i = 1; i < p->used && p->days[i].day <= as_of; i++)
	{
		repeated += kpicrm_decimal_ratio(&p->days[i].amount, &one);
		e->recency = (double) p->days[i].day - p->days[0].day;
		e->frequency++;
	}
	e->age = (double) as_of - p->days[0].day;
	e->customers = 1;
	if (repeated >= (double) e->frequency * KPICRM_LTV_MIN_VALUE && e->frequency > 0)
		e->value = repeated / (double) e->frequency;
	return true;
}

size_t
kpicrm_ltv_sample_size(uint32 capacity)
{
	return offsetof(KpicrmLtvSample, entries) + capacity * sizeof(KpicrmLtvEntry);
}

int
kpicrm_ltv_entry_compare(const void *a, const void *b)
{
	const KpicrmLtvEntry *x = a;
	const KpicrmLtvEntry *y = b;

	if (x->frequency != y->frequency)
		return x->frequency < y->frequency ? -1 : 1;
	if (x->recency != y->recency)
		return x->recency < y->recency ? -1 : 1;
	if (x->age != y->age)
		return x->age < y->age ? -1 : 1;
	return (x->value > y->value) - (x->value < y->value);
}

/* Adds customers; the caller has made room.  Returns false on overflow. */
bool
kpicrm_ltv_sample_append(KpicrmLtvSample *s, const KpicrmLtvEntry *entry)
{
	if (s->used > 0)
	{
		KpicrmLtvEntry *last = &s->entries[s->used - 1];
		int			order = kpicrm_ltv_entry_compare(last, entry);

		if (order == 0)
			return !pg_add_s64_overflow(last->customers, entry->customers, &last->customers);
		if (order > 0)
			s->settled = 0;
	}
	s->entries[s->used++] = *entry;
	return true;
}

/* After sorting: one entry a history.  Returns false on overflow. */
bool
kpicrm_ltv_sample_unite(KpicrmLtvSample *s)
{
	uint32		used = s->used;

	s->used = 0;
	for (uint32 i = 0; i < used; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!kpicrm_ltv_sample_append(s, &s->entries[i]))
			return false;
	}
	s->settled = 1;
	return true;
}

/* All that is checked of settled values from outside. */
bool
kpicrm_ltv_sample_is_valid(const KpicrmLtvSample *s)
{
	int64		customers = 0;

	if (!kpicrm_ltv_terms_are_valid(&s->terms) || (s->terms.variant == KPICRM_BUYER_NONE && s->used > 0))
		return false;
	for (uint32 i = 0; i < s->used; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!kpicrm_ltv_entry_is_valid(&s->entries[i]) ||
			(i > 0 && kpicrm_ltv_entry_compare(&s->entries[i - 1], &s->entries[i]) >= 0) ||
			pg_add_s64_overflow(customers, s->entries[i].customers, &customers))
			return false;
	}
	return true;
}

bool
kpicrm_ltv_sample_take_header(KpicrmSource *source, KpicrmLtvSample *header, int64 *entries)
{
	memset(header, 0, sizeof(*header));
	header->settled = 1;
	*entries = 0;
	if (kpicrm_take_byte(source) != KPICRM_LTV_SAMPLE_VERSION)
		return false;
	kpicrm_ltv_take_terms(source, &header->terms);
	if (header->terms.variant != KPICRM_BUYER_NONE)
		*entries = kpicrm_take_count(source);
	/* No entry is shorter than its numbers: counts that lie stop here. */
	return !source->failed && *entries <= KPICRM_LTV_ENTRY_LIMIT &&
		*entries * 26 <= source->end - source->at;
}

bool
kpicrm_ltv_sample_take_entries(KpicrmSource *source, KpicrmLtvSample *s, int64 entries)
{
	for (; s->used < entries && !source->failed; s->used++)
	{
		KpicrmLtvEntry *e = &s->entries[s->used];

		CHECK_FOR_INTERRUPTS();
		e->frequency = kpicrm_take_count(source);
		e->recency = kpicrm_take_double(source);
		e->age = kpicrm_take_double(source);
		e->value = kpicrm_take_double(source);
		e->customers = kpicrm_take_count(source);
	}
	return !source->failed && source->at == source->end;
}

void
kpicrm_ltv_sample_put(KpicrmSink *sink, const KpicrmLtvSample *s)
{
	*sink->at++ = KPICRM_LTV_SAMPLE_VERSION;
	kpicrm_ltv_put_terms(sink, &s->terms);
	if (s->terms.variant == KPICRM_BUYER_NONE)
		return;
	kpicrm_put_varint(sink, s->used);
	for (uint32 i = 0; i < s->used; i++)
	{
		const KpicrmLtvEntry *e = &s->entries[i];

		CHECK_FOR_INTERRUPTS();
		kpicrm_put_varint(sink, (uint64) e->frequency);
		kpicrm_put_double(sink, e->recency);
		kpicrm_put_double(sink, e->age);
		kpicrm_put_double(sink, e->value);
		kpicrm_put_varint(sink, (uint64) e->customers);
	}
}

/* Also returns how many entries the text can hold at most. */
bool
kpicrm_ltv_sample_text_header(KpicrmText *in, KpicrmLtvSample *header, int64 *entries)
{
	memset(header, 0, sizeof(*header));
	header->settled = 1;
	*entries = 0;
	if (kpicrm_text_try(in, "empty"))
		return true;
	kpicrm_ltv_text_terms(in, &header->terms);
	kpicrm_text_literal(in, " {");
	for (const char *c = in->at; *c != '\0'; c++)
		*entries += *c == 'x';
	return !in->failed && *entries <= KPICRM_LTV_ENTRY_LIMIT;
}

bool
kpicrm_ltv_sample_text_entries(KpicrmText *in, KpicrmLtvSample *s, int64 entries)
{
	for (; s->used < entries; s->used++)
	{
		KpicrmLtvEntry *e = &s->entries[s->used];

		CHECK_FOR_INTERRUPTS();
		if (s->used > 0)
			kpicrm_text_literal(in, ", ");
		e->frequency = kpicrm_text_count(in);
		kpicrm_text_literal(in, " ");
		e->recency = kpicrm_text_double(in);
		kpicrm_text_literal(in, " ");
		e->age = kpicrm_text_double(in);
		kpicrm_text_literal(in, " ");
		if (!kpicrm_text_try(in, "x"))
		{
			e->value = kpicrm_text_double(in);
			kpicrm_text_literal(in, " x");
		}
		e->customers = kpicrm_text_count(in);
		if (in->failed)
			return false;
	}
	if (s->terms.variant != KPICRM_BUYER_NONE)
		kpicrm_text_literal(in, "}");
	return kpicrm_text_finish(in);
}

void
kpicrm_ltv_sample_print(StringInfo out, const KpicrmLtvSample *s)
{
	if (s->terms.variant == KPICRM_BUYER_NONE)
	{
		appendStringInfoString(out, "empty");
		return;
	}
	kpicrm_ltv_print_terms(out, &s->terms);
	for (uint32 i = 0; i < s->used; i++)
	{
		const KpicrmLtvEntry *e = &s->entries[i];

		CHECK_FOR_INTERRUPTS();
		appendStringInfo(out, "%s%lld ", i == 0 ? " {" : ", ", (long long) e->frequency);
		kpicrm_print_double(out, e->recency);
		appendStringInfoChar(out, ' ');
		kpicrm_print_double(out, e->age);
		appendStringInfoChar(out, ' ');
		if (e->value > 0)
		{
			kpicrm_print_double(out, e->value);
			appendStringInfoChar(out, ' ');
		}
		appendStringInfo(out, "x%lld", (long long) e->customers);
	}
	appendStringInfoString(out, s->used == 0 ? " {}" : "}");
}
