/*
 * lead_times_codec.c
 *		Between a list of durations and its bytes, and its text.
 *
 * Text:  {36h 0/0/1, 2d 3/1/0}  with won/lost/open behind each duration; ~ in
 * front and the sum of the won durations in microseconds behind if rounded; then
 * the rows left out as invalid.  The fraction of a lead_times_fraction stands in
 * front of everything:  0.8 of {…}
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "datatype/timestamp.h"

#include "algebra/decimal.h"
#include "algebra/lead_times.h"

#define FLAG_ROUNDED 1
#define FLAG_FRACTION 2
#define ALL_FLAGS 3
#define OUTCOME_BITS 3
#define ENTRY_MAX (4 * 10)		/* bytes */
#define ENTRY_MIN 2
#define HEADER_MAX (2 + 8 + 2 * 10 + KPICRM_DECIMAL_WIRE_MAX)

static uint32
length_limit(bool rounded)
{
	return rounded ? KPICRM_BIN_COUNT : KPICRM_EXACT_LIMIT;
}

/* Position of a duration on the scale that steps are counted on. */
static int64
position_of(const KpicrmLeadList *list, uint32 i)
{
	int64		duration = list->entries[i].duration;

	return list->rounded ? kpicrm_bin_of(duration) : duration;
}

/*
 * Can the won durations have this sum?  A false one would come from outside, or
 * from subtracting what has never been added.
 */
static bool
sum_fits(const KpicrmLeadList *list)
{
	int128		sum = 0;
	int128		tolerance = 0;

	for (uint32 i = 0; i < list->length; i++)
	{
		const KpicrmLeadEntry *entry = &list->entries[i];

		sum += (int128) entry->duration * entry->count[KPICRM_WON];
		if (list->rounded)
			tolerance += (int128) kpicrm_bin_tolerance(kpicrm_bin_of(entry->duration)) *
				entry->count[KPICRM_WON];
	}
	return list->won_sum >= sum - tolerance && list->won_sum <= sum + tolerance;
}

/* Brings the totals up to date with an entry; false if they do not fit. */
static bool
add_entry(KpicrmLeadList *list, const KpicrmLeadEntry *entry)
{
	for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
		if (pg_add_s64_overflow(list->total, entry->count[outcome], &list->total))
			return false;
	if (!list->rounded)
		list->won_sum += (int128) entry->duration * entry->count[KPICRM_WON];
	list->entries[list->length++] = *entry;
	return true;
}

static KpicrmDecimal
decimal_of_sum(const KpicrmLeadList *list)
{
	KpicrmDecimal d;

	memset(&d, 0, sizeof(d));
	d.units = list->won_sum;
	return d;
}

/* A fraction has one spelling: zero without sign. */
static bool
is_fraction(double fraction)
{
	return fraction >= 0 && fraction <= 1 && !signbit(fraction);
}

static void
put_entries(KpicrmSink *sink, const KpicrmLeadList *list)
{
	int64		previous = 0;

	for (uint32 i = 0; i < list->length; i++)
	{
		const KpicrmLeadEntry *entry = &list->entries[i];
		int64		position = position_of(list, i);
		uint64		present = 0;

		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			present |= (uint64) (entry->count[outcome] > 0) << outcome;
		kpicrm_put_varint(sink, (uint64) (position - previous) << OUTCOME_BITS | present);
		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			if (entry->count[outcome] > 0)
				kpicrm_put_varint(sink, (uint64) entry->count[outcome]);
		previous = position;
	}
}

struct varlena *
kpicrm_lead_encode(const KpicrmLeadList *list)
{
	bool		has_fraction = list->fraction != KPICRM_NO_FRACTION;
	struct varlena *compact;
	KpicrmSink	sink;
	KpicrmDecimal sum = decimal_of_sum(list);

	if (!sum_fits(list))
		kpicrm_lead_not_a_part();
	compact = palloc(VARHDRSZ + HEADER_MAX + (size_t) list->length * ENTRY_MAX);
	sink.at = (uint8 *) VARDATA(compact);
	*sink.at++ = KPICRM_LEAD_COMPACT;
	*sink.at++ = (uint8) ((list->rounded ? FLAG_ROUNDED : 0) | (has_fraction ? FLAG_FRACTION : 0));
	if (has_fraction)
		kpicrm_put_double(&sink, list->fraction);
	kpicrm_put_varint(&sink, (uint64) list->invalid);
	kpicrm_put_varint(&sink, list->length);
	if (list->rounded)
		kpicrm_put_decimal(&sink, &sum);
	put_entries(&sink, list);
	SET_VARSIZE(compact, sink.at - (uint8 *) compact);
	return compact;
}

static bool
take_header(KpicrmSource *source, KpicrmLeadList *list, int64 *length)
{
	uint8		flags;

	if (kpicrm_take_byte(source) != KPICRM_LEAD_COMPACT)
		return false;
	flags = kpicrm_take_byte(source);
	list->rounded = (flags & FLAG_ROUNDED) != 0;
	if (flags & FLAG_FRACTION)
	{
		list->fraction = kpicrm_take_double(source);
		if (!is_fraction(list->fraction))
			return false;
	}
	list->invalid = kpicrm_take_count(source);
	*length = kpicrm_take_count(source);
	if (list->rounded)
	{
		KpicrmDecimal sum = kpicrm_take_decimal(source);

		if (sum.scale != 0)
			return false;
		list->won_sum = sum.units;
	}
	return !source->failed && (flags & ~ALL_FLAGS) == 0 &&
		*length <= (int64) length_limit(list->rounded) &&
		*length <= (source->end - source->at) / ENTRY_MIN &&
		(*length > 0 || !list->rounded);
}

static bool
take_entry(KpicrmSource *source, KpicrmLeadList *list, int64 *position)
{
	uint64		step = kpicrm_take_varint(source);
	uint64		present = step & ((1 << OUTCOME_BITS) - 1);
	KpicrmLeadEntry entry;

	step >>= OUTCOME_BITS;
	if (source->failed || present == 0 || step > (uint64) (KPICRM_DURATION_MAX - *position) ||
		(step == 0 && list->length > 0))
		return false;
	*position += (int64) step;
	if (list->rounded && *position >= KPICRM_BIN_COUNT)
		return false;
	entry.duration = list->rounded ? kpicrm_bin_duration((int32) *position) : *position;
	for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
	{
		entry.count[outcome] = 0;
		if ((present & (1 << outcome)) == 0)
			continue;
		entry.count[outcome] = kpicrm_take_count(source);
		if (entry.count[outcome] == 0)
			return false;
	}
	return !source->failed && add_entry(list, &entry);
}

/* Returns false if the bytes are not what encode() writes. */
bool
kpicrm_lead_decode(KpicrmLeadList *list, const uint8 *bytes, size_t size)
{
	KpicrmSource source;
	int64		length;
	int64		position = 0;

	memset(list, 0, sizeof(*list));
	list->fraction = KPICRM_NO_FRACTION;
	kpicrm_take_start(&source, bytes, size);
	if (!take_header(&source, list, &length))
		return false;
	list->entries = palloc((size_t) (length + 1) * sizeof(KpicrmLeadEntry));
	for (int64 i = 0; i < length; i++)
		if (!take_entry(&source, list, &position))
			return false;
	return source.at == source.end && sum_fits(list);
}

typedef struct Unit
{
	const char *name;
	int64		usec;
} Unit;

/* The longest names first: "ms" must not be read as "m". */
static const Unit units[] = {
	{"us", 1},
	{"ms", 1000},
	{"d", USECS_PER_DAY},
	{"h", USECS_PER_HOUR},
	{"m", USECS_PER_MINUTE},
	{"s", USECS_PER_SEC}
};

static int64
text_duration(KpicrmText *in)
{
	int64		duration = kpicrm_text_count(in);

	for (size_t i = 0; i < lengthof(units); i++)
		if (kpicrm_text_try(in, units[i].name))
		{
			if (pg_mul_s64_overflow(duration, units[i].usec, &duration) ||
				duration > KPICRM_DURATION_MAX)
				in->failed = true;
			return duration;
		}
	in->failed = true;
	return 0;
}

static void
print_duration(StringInfo out, int64 duration)
{
	const Unit *unit = &units[0];

	for (size_t i = 1; i < lengthof(units); i++)
		if (duration % units[i].usec == 0 && units[i].usec > unit->usec)
			unit = &units[i];
	appendStringInfo(out, "%lld%s", (long long) (duration / unit->usec), unit->name);
}

static bool
text_entry(KpicrmText *in, KpicrmLeadList *list)
{
	KpicrmLeadEntry entry;

	entry.duration = text_duration(in);
	for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
	{
		kpicrm_text_literal(in, outcome == 0 ? " " : "/");
		entry.count[outcome] = kpicrm_text_count(in);
	}
	if (in->failed || list->length >= length_limit(list->rounded) ||
		(entry.count[KPICRM_WON] | entry.count[KPICRM_LOST] | entry.count[KPICRM_OPEN]) == 0)
		return false;
	if (list->rounded && kpicrm_bin_duration(kpicrm_bin_of(entry.duration)) != entry.duration)
		return false;
	if (list->length > 0 && entry.duration <= list->entries[list->length - 1].duration)
		return false;
	return add_entry(list, &entry);
}

static void
text_fraction(KpicrmText *in, KpicrmLeadList *list)
{
	if (!kpicrm_is_digit(*in->at))
		return;
	list->fraction = kpicrm_text_double(in);
	if (!is_fraction(list->fraction))
		in->failed = true;
	kpicrm_text_literal(in, " of ");
}

bool
kpicrm_lead_parse(KpicrmLeadList *list, const char *string)
{
	KpicrmText	in;

	memset(list, 0, sizeof(*list));
	list->fraction = KPICRM_NO_FRACTION;
	kpicrm_text_start(&in, string);
	text_fraction(&in, list);
	list->rounded = kpicrm_text_try(&in, "~");
	/* Every entry takes at least eight characters. */
	list->entries = palloc((Min(strlen(string) / 8, length_limit(list->rounded)) + 1) * sizeof(KpicrmLeadEntry));
	kpicrm_text_literal(&in, "{");
	while (!kpicrm_text_try(&in, "}"))
	{
		if (list->length > 0)
			kpicrm_text_literal(&in, ", ");
		if (!text_entry(&in, list))
			return false;
	}
	if (list->rounded)
	{
		KpicrmDecimal sum;

		kpicrm_text_literal(&in, " sum ");
		sum = kpicrm_text_decimal(&in);
		list->won_sum = sum.units;
		if (sum.scale != 0 || list->length == 0)
			return false;
	}
	if (kpicrm_text_try(&in, " invalid "))
		list->invalid = kpicrm_text_count(&in);
	return kpicrm_text_finish(&in) && sum_fits(list);
}

void
kpicrm_lead_print(StringInfo out, const KpicrmLeadList *list)
{
	if (list->fraction != KPICRM_NO_FRACTION)
	{
		kpicrm_print_double(out, list->fraction);
		appendStringInfoString(out, " of ");
	}
	if (list->rounded)
		appendStringInfoChar(out, '~');
	appendStringInfoChar(out, '{');
	for (uint32 i = 0; i < list->length; i++)
	{
		const KpicrmLeadEntry *entry = &list->entries[i];

		appendStringInfoString(out, i == 0 ? "" : ", ");
		print_duration(out, entry->duration);
		appendStringInfo(out, " %lld/%lld/%lld", (long long) entry->count[KPICRM_WON],
						 (long long) entry->count[KPICRM_LOST], (long long) entry->count[KPICRM_OPEN]);
	}
	appendStringInfoChar(out, '}');
	if (list->rounded)
	{
		KpicrmDecimal sum = decimal_of_sum(list);

		appendStringInfoString(out, " sum ");
		kpicrm_decimal_print(out, &sum);
	}
	if (list->invalid > 0)
		appendStringInfo(out, " invalid %lld", (long long) list->invalid);
}
