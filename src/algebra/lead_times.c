/*
 * lead_times.c
 *		A multiset of durations: how many were won, lost or are still open at each.
 *
 * Rows go into a hash table until that has KPICRM_EXACT_LIMIT distinct
 * durations, then into bins.  Functions that may need more room return the
 * state to go on with: the same one, or a larger copy.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"

#include "algebra/lead_times.h"

#define MIN_CAPACITY_BITS 2
#define MAX_CAPACITY (2 * KPICRM_EXACT_LIMIT)
#define NO_DURATION (-1)
#define NO_PAGE (-1)
#define DIRECTORY_LENGTH (KPICRM_BIN_PAGES * KPICRM_OUTCOMES)
#define DIRECTORY_SIZE MAXALIGN(DIRECTORY_LENGTH * sizeof(int16))
#define PAGE_SIZE (KPICRM_BINS_PER_PAGE * sizeof(int64))
#define GOLDEN_RATIO UINT64CONST(0x9E3779B97F4A7C15)

static KpicrmLeadEntry *
slots(const KpicrmLeadTimes *lt)
{
	return (KpicrmLeadEntry *) (lt + 1);
}

static int16 *
directory(const KpicrmLeadTimes *lt)
{
	return (int16 *) (lt + 1);
}

static int64 *
page(const KpicrmLeadTimes *lt, int number)
{
	return (int64 *) ((char *) (lt + 1) + DIRECTORY_SIZE + (size_t) number * PAGE_SIZE);
}

static size_t
hash_size(uint32 capacity)
{
	return sizeof(KpicrmLeadTimes) + capacity * sizeof(KpicrmLeadEntry);
}

static size_t
bins_size(uint32 capacity)
{
	return sizeof(KpicrmLeadTimes) + DIRECTORY_SIZE + capacity * PAGE_SIZE;
}

/* For a value that claims to be in working form: does it lie in its memory? */
bool
kpicrm_lead_size_fits(const KpicrmLeadTimes *lt, size_t size)
{
	if (size < sizeof(KpicrmLeadTimes) || lt->used > lt->capacity)
		return false;
	if (lt->form == KPICRM_LEAD_HASH)
		return lt->capacity <= MAX_CAPACITY && size == hash_size(lt->capacity);
	return lt->form == KPICRM_LEAD_BINS && lt->capacity <= DIRECTORY_LENGTH &&
		size == bins_size(lt->capacity);
}

static void
too_many_rows(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("more than %lld rows in one %s", (long long) PG_INT64_MAX, "lead_times"),
			 errhint("The states merged cannot all have been built from rows.")));
}

void
kpicrm_lead_not_a_part(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("cannot subtract a %s that is not a part of the other", "lead_times"),
			 errhint("Subtract only what has been added before.")));
}

static KpicrmLeadTimes *
new_hash(int capacity_bits)
{
	uint32		capacity = (uint32) 1 << capacity_bits;
	size_t		size = hash_size(capacity);
	KpicrmLeadTimes *lt = palloc0(size);

	SET_VARSIZE(lt, size);
	lt->form = KPICRM_LEAD_HASH;
	lt->shift = (uint8) (64 - capacity_bits);
	lt->capacity = capacity;
	lt->fraction = KPICRM_NO_FRACTION;
	for (uint32 i = 0; i < capacity; i++)
		slots(lt)[i].duration = NO_DURATION;
	return lt;
}

static KpicrmLeadTimes *
new_bins(uint32 capacity)
{
	size_t		size = bins_size(capacity);
	KpicrmLeadTimes *lt = palloc0(size);

	SET_VARSIZE(lt, size);
	lt->form = KPICRM_LEAD_BINS;
	lt->capacity = capacity;
	memset(directory(lt), 0xFF, DIRECTORY_LENGTH * sizeof(int16));	/* NO_PAGE */
	return lt;
}

KpicrmLeadTimes *
kpicrm_lead_new(void)
{
	return new_hash(MIN_CAPACITY_BITS);
}

static void
copy_totals(KpicrmLeadTimes *to, const KpicrmLeadTimes *from)
{
	to->total = from->total;
	to->invalid = from->invalid;
	to->fraction = from->fraction;
	to->won_sum = from->won_sum;
}

/* The entry of a duration, or the free one where it would stand. */
static inline KpicrmLeadEntry *
find_slot(const KpicrmLeadTimes *lt, int64 duration)
{
	KpicrmLeadEntry *all = slots(lt);
	uint32		mask = lt->capacity - 1;
	uint32		i = (uint32) (((uint64) duration * GOLDEN_RATIO) >> lt->shift);

	while (all[i].duration != duration && all[i].duration != NO_DURATION)
		i = (i + 1) & mask;
	return &all[i];
}

static uint32
used_limit(const KpicrmLeadTimes *lt)
{
	return Min(lt->capacity / 4 * 3, KPICRM_EXACT_LIMIT);
}

/* The counter of a duration and outcome; NULL if there is no room for it. */
static inline int64 *
counter_to_write(KpicrmLeadTimes *lt, int64 duration, int outcome)
{
	int32		bin;
	int16	   *number;

	if (lt->form == KPICRM_LEAD_HASH)
	{
		KpicrmLeadEntry *entry = find_slot(lt, duration);

		if (entry->duration == NO_DURATION)
		{
			if (lt->used >= used_limit(lt))
				return NULL;
			entry->duration = duration;
			lt->used++;
		}
		return &entry->count[outcome];
	}
	bin = kpicrm_bin_of(duration);
	number = &directory(lt)[outcome * KPICRM_BIN_PAGES + bin / KPICRM_BINS_PER_PAGE];
	if (*number == NO_PAGE)
	{
		if (lt->used >= lt->capacity)
			return NULL;
		*number = (int16) lt->used++;
	}
	return &page(lt, *number)[bin % KPICRM_BINS_PER_PAGE];
}

/* The same for reading: NULL if the duration has never been counted. */
static const int64 *
counter_to_read(const KpicrmLeadTimes *lt, int64 duration, int outcome)
{
	int32		bin;
	int16		number;

	if (lt->form == KPICRM_LEAD_HASH)
	{
		const KpicrmLeadEntry *entry = find_slot(lt, duration);

		return entry->duration == NO_DURATION ? NULL : &entry->count[outcome];
	}
	bin = kpicrm_bin_of(duration);
	number = directory(lt)[outcome * KPICRM_BIN_PAGES + bin / KPICRM_BINS_PER_PAGE];
	return number == NO_PAGE ? NULL : &page(lt, number)[bin % KPICRM_BINS_PER_PAGE];
}

static bool
is_live(const KpicrmLeadEntry *entry)
{
	return entry->duration != NO_DURATION &&
		(entry->count[KPICRM_WON] | entry->count[KPICRM_LOST] | entry->count[KPICRM_OPEN]) != 0;
}

static uint32
live_entries(const KpicrmLeadTimes *lt)
{
	uint32		live = 0;

	for (uint32 i = 0; i < lt->capacity; i++)
		live += is_live(&slots(lt)[i]);
	return live;
}

static KpicrmLeadTimes *
rehash(const KpicrmLeadTimes *lt, int bits)
{
	KpicrmLeadTimes *larger = new_hash(bits);

	copy_totals(larger, lt);
	for (uint32 i = 0; i < lt->capacity; i++)
	{
		const KpicrmLeadEntry *entry = &slots(lt)[i];

		if (is_live(entry))
		{
			*find_slot(larger, entry->duration) = *entry;
			larger->used++;
		}
	}
	return larger;
}

static KpicrmLeadTimes *
more_pages(const KpicrmLeadTimes *lt)
{
	KpicrmLeadTimes *larger = new_bins(Min(2 * lt->capacity, DIRECTORY_LENGTH));

	copy_totals(larger, lt);
	larger->used = lt->used;
	memcpy(directory(larger), directory(lt), DIRECTORY_LENGTH * sizeof(int16));
	memcpy(page(larger, 0), page(lt, 0), lt->used * PAGE_SIZE);
	return larger;
}

static KpicrmLeadTimes *
to_bins(const KpicrmLeadTimes *lt)
{
	KpicrmLeadTimes *bins = new_bins(8);

	copy_totals(bins, lt);
	for (uint32 i = 0; i < lt->capacity; i++)
	{
		const KpicrmLeadEntry *entry = &slots(lt)[i];

		for (int outcome = 0; outcome < KPICRM_OUTCOMES && is_live(entry); outcome++)
		{
			int64	   *counter;

			if (entry->count[outcome] == 0)
				continue;
			while ((counter = counter_to_write(bins, entry->duration, outcome)) == NULL)
				bins = more_pages(bins);
			*counter += entry->count[outcome];
		}
	}
	return bins;
}

static KpicrmLeadTimes *
with_more_room(const KpicrmLeadTimes *lt)
{
	uint32		live;

	if (lt->form == KPICRM_LEAD_BINS)
		return more_pages(lt);
	live = live_entries(lt);
	if (live >= KPICRM_EXACT_LIMIT)
		return to_bins(lt);
	/* Subtracted durations leave their entries behind: they may be room enough. */
	return rehash(lt, 64 - lt->shift + (live > used_limit(lt) / 2 && lt->capacity < MAX_CAPACITY));
}

/* Grows once where adding one by one would grow many times. */
static KpicrmLeadTimes *
with_room_for(KpicrmLeadTimes *lt, uint32 more)
{
	int			bits = 64 - lt->shift;

	if (lt->form != KPICRM_LEAD_HASH || more <= used_limit(lt) - lt->used)
		return lt;
	while (((uint32) 1 << bits) < MAX_CAPACITY && ((uint32) 1 << bits) / 4 * 3 < lt->used + more)
		bits++;
	return ((uint32) 1 << bits) > lt->capacity ? rehash(lt, bits) : lt;
}

/* Counts without touching the sum.  No counter exceeds the total. */
static inline KpicrmLeadTimes *
count(KpicrmLeadTimes *lt, int64 duration, int outcome, int64 more)
{
	int64	   *counter;

	while (unlikely((counter = counter_to_write(lt, duration, outcome)) == NULL))
		lt = with_more_room(lt);
	if (unlikely(pg_add_s64_overflow(lt->total, more, &lt->total)))
		too_many_rows();
	*counter += more;
	return lt;
}

KpicrmLeadTimes *
kpicrm_lead_row(KpicrmLeadTimes *lt, int64 duration, int outcome)
{
	lt = count(lt, duration, outcome, 1);
	if (outcome == KPICRM_WON)
		lt->won_sum += duration;
	return lt;
}

static bool
uncount(KpicrmLeadTimes *lt, int64 duration, int outcome, int64 fewer)
{
	int64	   *counter = unconstify(int64 *, counter_to_read(lt, duration, outcome));

	if (counter == NULL || *counter < fewer)
		return false;
	*counter -= fewer;
	lt->total -= fewer;
	return true;
}

/* Returns false if the state has no such row. */
bool
kpicrm_lead_unrow(KpicrmLeadTimes *lt, int64 duration, int outcome)
{
	if (!uncount(lt, duration, outcome, 1))
		return false;
	if (outcome == KPICRM_WON)
		lt->won_sum -= duration;
	return true;
}

void
kpicrm_lead_invalid(KpicrmLeadTimes *lt, int64 more)
{
	if (pg_add_s64_overflow(lt->invalid, more, &lt->invalid))
		too_many_rows();
}

KpicrmLeadTimes *
kpicrm_lead_merge(KpicrmLeadTimes *lt, const KpicrmLeadList *list)
{
	if (list->rounded && lt->form == KPICRM_LEAD_HASH)
		lt = to_bins(lt);
	/* Half of them will be new: right for equal parts, enough to start with. */
	lt = with_room_for(lt, lt->used == 0 ? list->length : list->length / 2);
	for (uint32 i = 0; i < list->length; i++)
	{
		const KpicrmLeadEntry *entry = &list->entries[i];

		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			if (entry->count[outcome] > 0)
				lt = count(lt, entry->duration, outcome, entry->count[outcome]);
	}
	kpicrm_lead_invalid(lt, list->invalid);
	lt->won_sum += list->won_sum;
	return lt;
}

/* Returns false, with *lt undefined, if the list is not a part of it. */
bool
kpicrm_lead_subtract(KpicrmLeadTimes *lt, const KpicrmLeadList *list)
{
	if (list->rounded && lt->form == KPICRM_LEAD_HASH)
		return false;
	for (uint32 i = 0; i < list->length; i++)
	{
		const KpicrmLeadEntry *entry = &list->entries[i];

		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			if (entry->count[outcome] > 0 &&
				!uncount(lt, entry->duration, outcome, entry->count[outcome]))
				return false;
	}
	lt->invalid -= list->invalid;
	lt->won_sum -= list->won_sum;
	return lt->invalid >= 0 && lt->won_sum >= 0 && (lt->total > 0 || lt->won_sum == 0);
}

static void
list_hash(KpicrmLeadList *list, const KpicrmLeadTimes *lt)
{
	list->entries = palloc((lt->used + 1) * sizeof(KpicrmLeadEntry));
	for (uint32 i = 0; i < lt->capacity; i++)
		if (is_live(&slots(lt)[i]))
			list->entries[list->length++] = slots(lt)[i];
}

static void
list_page(KpicrmLeadList *list, const KpicrmLeadTimes *lt, int32 first_bin)
{
	const int64 *pages[KPICRM_OUTCOMES];

	for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
	{
		int16		number = directory(lt)[outcome * KPICRM_BIN_PAGES + first_bin / KPICRM_BINS_PER_PAGE];

		pages[outcome] = number == NO_PAGE ? NULL : page(lt, number);
	}
	for (int32 i = 0; i < KPICRM_BINS_PER_PAGE; i++)
	{
		KpicrmLeadEntry *entry = &list->entries[list->length];

		entry->duration = first_bin + i < KPICRM_BIN_COUNT ? kpicrm_bin_duration(first_bin + i) : NO_DURATION;
		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			entry->count[outcome] = pages[outcome] == NULL ? 0 : pages[outcome][i];
		list->length += is_live(entry);
	}
}

static void
list_bins(KpicrmLeadList *list, const KpicrmLeadTimes *lt)
{
	list->entries = palloc((size_t) (lt->used + 1) * KPICRM_BINS_PER_PAGE * sizeof(KpicrmLeadEntry));
	for (int32 bin = 0; bin < KPICRM_BIN_COUNT; bin += KPICRM_BINS_PER_PAGE)
		for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
			if (directory(lt)[outcome * KPICRM_BIN_PAGES + bin / KPICRM_BINS_PER_PAGE] != NO_PAGE)
			{
				list_page(list, lt, bin);
				break;
			}
	/* Nothing is left: as exact as a set can be. */
	list->rounded = list->length > 0;
}

/* For merging, which does not care about the order. */
KpicrmLeadList
kpicrm_lead_unsorted_list(const KpicrmLeadTimes *lt)
{
	KpicrmLeadList list;

	memset(&list, 0, sizeof(list));
	list.total = lt->total;
	list.invalid = lt->invalid;
	list.fraction = lt->fraction;
	list.won_sum = lt->won_sum;
	if (lt->form == KPICRM_LEAD_HASH)
		list_hash(&list, lt);
	else
		list_bins(&list, lt);
	return list;
}

static int
compare_entries(const void *a, const void *b)
{
	int64		x = ((const KpicrmLeadEntry *) a)->duration;
	int64		y = ((const KpicrmLeadEntry *) b)->duration;

	return (x > y) - (x < y);
}

KpicrmLeadList
kpicrm_lead_list(const KpicrmLeadTimes *lt)
{
	KpicrmLeadList list = kpicrm_lead_unsorted_list(lt);

	if (lt->form == KPICRM_LEAD_HASH)
		qsort(list.entries, list.length, sizeof(KpicrmLeadEntry), compare_entries);
	return list;
}

int64
kpicrm_lead_count(const KpicrmLeadList *list, int outcome)
{
	int64		sum = 0;

	for (uint32 i = 0; i < list->length; i++)
		sum += list->entries[i].count[outcome];
	return sum;
}

/*
 * Microseconds at a fraction of the durations with that outcome, of which there
 * must be some: between two neighbours as percentile_cont() does it.
 */
double
kpicrm_lead_quantile(const KpicrmLeadList *list, int outcome, double fraction)
{
	int64		rows = kpicrm_lead_count(list, outcome);
	double		position = fraction * (double) (rows - 1);
	int64		lower = Min((int64) floor(position), rows - 1);
	double		share = position - (double) lower;
	int64		passed = 0;
	int64		below = -1;

	for (uint32 i = 0; i < list->length; i++)
	{
		passed += list->entries[i].count[outcome];
		if (below < 0 && passed > lower)
			below = list->entries[i].duration;
		if (below >= 0 && (share <= 0 || passed > lower + 1))
			return (double) below + share * (double) (list->entries[i].duration - below);
	}
	return (double) below;
}
