/*
 * retention_sample.c
 *		How long contracts lasted: the arithmetic, the bytes and the text.  Knows
 *		neither fmgr nor SQL (see retention_sample_sql.c).
 *
 * Text:  {1 131/0, 2 126/3}  with lost/kept behind each number of periods.
 */
#include "postgres.h"

#include "common/int.h"

#include "algebra/retention_sample.h"

size_t
kpicrm_retention_size(int64 used)
{
	return offsetof(KpicrmRetentionSample, entries) + (size_t) used * sizeof(KpicrmRetentionEntry);
}

/* Nobody is lost before the first period has ended. */
static bool
entry_is_valid(const KpicrmRetentionEntry *entry)
{
	return entry->period >= 0 && entry->period <= KPICRM_RETENTION_PERIODS && entry->unused == 0 &&
		entry->lost >= 0 && entry->kept >= 0 && (entry->lost > 0 || entry->kept > 0) &&
		(entry->period > 0 || entry->lost == 0);
}

/* All that is checked of values from outside. */
bool
kpicrm_retention_sample_is_valid(const KpicrmRetentionSample *s)
{
	int64		contracts = 0;

	for (int i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		if (!entry_is_valid(entry) || (i > 0 && entry->period <= s->entries[i - 1].period) ||
			pg_add_s64_overflow(contracts, entry->lost, &contracts) ||
			pg_add_s64_overflow(contracts, entry->kept, &contracts))
			return false;
	}
	return s->contracts == contracts;
}

/* The entry of this period; NULL if there is none. */
KpicrmRetentionEntry *
kpicrm_retention_find(KpicrmRetentionSample *s, int32 period)
{
	int32		low = 0;
	int32		high = s->used;

	while (low < high)
	{
		int32		middle = (low + high) / 2;

		if (s->entries[middle].period < period)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->used && s->entries[low].period == period ? &s->entries[low] : NULL;
}

/* No counter can overflow where the sum of all does not. */
bool
kpicrm_retention_count(KpicrmRetentionSample *s, KpicrmRetentionEntry *entry, bool lost,
					   int64 contracts)
{
	if (pg_add_s64_overflow(s->contracts, contracts, &s->contracts))
		return false;
	if (lost)
		entry->lost += contracts;
	else
		entry->kept += contracts;
	return true;
}

/* whole has room for the entries of both; false, with *whole undefined, on overflow. */
bool
kpicrm_retention_merge(KpicrmRetentionSample *whole, const KpicrmRetentionSample *a,
					   const KpicrmRetentionSample *b)
{
	int32		i = 0;
	int32		j = 0;

	whole->used = 0;
	if (pg_add_s64_overflow(a->contracts, b->contracts, &whole->contracts))
		return false;
	while (i < a->used || j < b->used)
	{
		KpicrmRetentionEntry *entry = &whole->entries[whole->used++];

		if (j == b->used || (i < a->used && a->entries[i].period < b->entries[j].period))
			*entry = a->entries[i++];
		else if (i == a->used || b->entries[j].period < a->entries[i].period)
			*entry = b->entries[j++];
		else
		{
			*entry = a->entries[i++];
			entry->lost += b->entries[j].lost;
			entry->kept += b->entries[j++].kept;
		}
	}
	return true;
}

/*
 * rest has room for the entries of whole.  Returns false, with *rest undefined, if
 * part is none of whole.
 */
bool
kpicrm_retention_subtract(KpicrmRetentionSample *rest, const KpicrmRetentionSample *whole,
						  const KpicrmRetentionSample *part)
{
	int32		j = 0;

	rest->used = 0;
	rest->contracts = whole->contracts - part->contracts;
	for (int32 i = 0; i < whole->used; i++)
	{
		KpicrmRetentionEntry *entry = &rest->entries[rest->used];

		*entry = whole->entries[i];
		if (j < part->used && part->entries[j].period == entry->period)
		{
			entry->lost -= part->entries[j].lost;
			entry->kept -= part->entries[j++].kept;
			if (entry->lost < 0 || entry->kept < 0)
				return false;
		}
		if (entry->lost > 0 || entry->kept > 0)
			rest->used++;
	}
	return j == part->used;
}

bool
kpicrm_retention_take_header(KpicrmSource *source, int64 *entries)
{
	if (kpicrm_take_byte(source) != KPICRM_RETENTION_VERSION)
		return false;
	*entries = kpicrm_take_count(source);
	/* There are no more entries than periods: counts that lie stop here. */
	return !source->failed && *entries <= KPICRM_RETENTION_PERIODS + 1;
}

bool
kpicrm_retention_take_entries(KpicrmSource *source, KpicrmRetentionSample *s, int64 entries)
{
	int64		period = -1;

	for (int64 i = 0; i < entries; i++)
	{
		KpicrmRetentionEntry *entry = &s->entries[s->used++];
		int64		gap = kpicrm_take_count(source);

		if (source->failed || gap < 1 || gap > KPICRM_RETENTION_PERIODS - period)
			return false;
		period += gap;
		entry->period = (int32) period;
		entry->lost = kpicrm_take_count(source);
		entry->kept = kpicrm_take_count(source);
		if (pg_add_s64_overflow(s->contracts, entry->lost, &s->contracts) ||
			pg_add_s64_overflow(s->contracts, entry->kept, &s->contracts))
			return false;
	}
	return !source->failed && source->at == source->end;
}

void
kpicrm_retention_put(KpicrmSink *sink, const KpicrmRetentionSample *s)
{
	int32		previous = -1;

	*sink->at++ = KPICRM_RETENTION_VERSION;
	kpicrm_put_varint(sink, (uint64) s->used);
	for (int32 i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		kpicrm_put_varint(sink, (uint64) (entry->period - previous));
		kpicrm_put_varint(sink, (uint64) entry->lost);
		kpicrm_put_varint(sink, (uint64) entry->kept);
		previous = entry->period;
	}
}

/* How many entries the text can hold at most. */
int64
kpicrm_retention_text_entries(const char *string)
{
	int64		entries = 1;

	for (const char *c = string; *c != '\0'; c++)
		entries += *c == ',';
	return entries;
}

static bool
text_entry(KpicrmText *in, KpicrmRetentionSample *s)
{
	KpicrmRetentionEntry *entry = &s->entries[s->used++];
	int64		period = kpicrm_text_count(in);

	kpicrm_text_literal(in, " ");
	entry->lost = kpicrm_text_count(in);
	kpicrm_text_literal(in, "/");
	entry->kept = kpicrm_text_count(in);
	if (in->failed || period > KPICRM_RETENTION_PERIODS)
		return false;
	entry->period = (int32) period;
	return !pg_add_s64_overflow(s->contracts, entry->lost, &s->contracts) &&
		!pg_add_s64_overflow(s->contracts, entry->kept, &s->contracts);
}

/* s has room for all entries, and is zero. */
bool
kpicrm_retention_parse(KpicrmRetentionSample *s, const char *string)
{
	KpicrmText	in;

	kpicrm_text_start(&in, string);
	kpicrm_text_literal(&in, "{");
	if (kpicrm_text_try(&in, "}"))
		return kpicrm_text_finish(&in);
	do
	{
		if (!text_entry(&in, s))
			return false;
	} while (kpicrm_text_try(&in, ", "));
	kpicrm_text_literal(&in, "}");
	return kpicrm_text_finish(&in);
}

void
kpicrm_retention_print(StringInfo out, const KpicrmRetentionSample *s)
{
	appendStringInfoChar(out, '{');
	for (int32 i = 0; i < s->used; i++)
		appendStringInfo(out, "%s%d %lld/%lld", i == 0 ? "" : ", ", s->entries[i].period,
						 (long long) s->entries[i].lost, (long long) s->entries[i].kept);
	appendStringInfoChar(out, '}');
}
