/*
 * funnel.c
 *		How far deals get: what one deal's path adds to the counts.  Knows neither
 *		fmgr nor SQL (see funnel_sql.c).
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"

#include "algebra/funnel.h"

/* A position takes 10 bits and 1000 itself: 11 leave room. */
#define FROM_SHIFT 11
#define KIND_SHIFT 22
#define POSITION_MASK ((1u << FROM_SHIFT) - 1)

size_t
kpicrm_funnel_size(uint32 capacity)
{
	return offsetof(KpicrmFunnel, cells) + capacity * sizeof(KpicrmFunnelCell);
}

static uint32
key_of(KpicrmFunnelKind kind, int32 from, int32 to)
{
	return (uint32) kind << KIND_SHIFT | (uint32) from << FROM_SHIFT | (uint32) to;
}

int32
kpicrm_funnel_from(const KpicrmFunnelCell *cell)
{
	return (int32) (cell->key >> FROM_SHIFT & POSITION_MASK);
}

int32
kpicrm_funnel_to(const KpicrmFunnelCell *cell)
{
	return (int32) (cell->key & POSITION_MASK);
}

/* The first cell that is not before the key. */
static uint32
find(const KpicrmFunnel *funnel, uint32 key)
{
	uint32		low = 0;
	uint32		high = funnel->used;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (funnel->cells[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Cells that count nothing are not there.  False if a count would leave its range. */
static bool
count_key(KpicrmFunnel *funnel, uint32 key, int64 times)
{
	uint32		i = find(funnel, key);
	KpicrmFunnelCell *cell = &funnel->cells[i];
	int64		sum;

	if (i == funnel->used || cell->key != key)
	{
		if (times < 0)
			return false;
		memmove(cell + 1, cell, (funnel->used - i) * sizeof(*cell));
		cell->key = key;
		cell->unused = 0;
		cell->count = times;
		funnel->used++;
		return true;
	}
	if (pg_add_s64_overflow(cell->count, times, &sum) || sum < 0)
		return false;
	cell->count = sum;
	if (sum == 0)
	{
		funnel->used--;
		memmove(cell, cell + 1, (funnel->used - i) * sizeof(*cell));
	}
	return true;
}

/* Cells that counting this path may add. */
uint32
kpicrm_funnel_room_for(const KpicrmPhasePath *path)
{
	return 3 * path->used + 6;
}

/* What is counted once a deal. */
typedef struct Journey
{
	int32		furthest;
	int32		ordered;
	int32		strict;
	int32		run;			/* of 1, 2, 3 … that the last stay belongs to */
	int32		last_open;
	int32		end;
	int32		won;
	bool		entered[KPICRM_POSITION_MAX + 1];
} Journey;

static void
visit(Journey *journey, int32 position, int32 last_position)
{
	journey->won = position == last_position;
	journey->end = position < last_position ? 0 : position;
	if (position < last_position)
		journey->last_open = position;
	if (position == journey->run + 1)
		journey->run = position;
	else
		journey->run = position == 1;
	if (position > last_position)
		return;
	journey->entered[position] = true;
	journey->furthest = Max(journey->furthest, position);
	journey->strict = Max(journey->strict, journey->run);
	if (position == journey->ordered + 1)
		journey->ordered = position;
}

static bool
count_journey(KpicrmFunnel *funnel, const Journey *journey)
{
	int32		won = journey->won;
	bool		in_range = count_key(funnel, key_of(KPICRM_FUNNEL_DEALS, 0, won), 1);

	in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_ENDED, journey->last_open, journey->end), 1);
	if (journey->furthest > 0)
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_FURTHEST, journey->furthest, won), 1);
	if (journey->ordered > 0)
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_ORDERED, journey->ordered, won), 1);
	if (journey->strict > 0)
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_STRICT, journey->strict, won), 1);
	for (int32 k = 1; k <= journey->furthest; k++)
	{
		if (!journey->entered[k])
			continue;
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_ENTERED, k, won), 1);
		if (journey->entered[k - 1])
			in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_JOINED, k, won), 1);
	}
	return in_range;
}

/*
 * One deal more.  The caller has made room.  If it fails the counts are not to be
 * used any more.
 */
bool
kpicrm_funnel_count_path(KpicrmFunnel *funnel, const KpicrmPhasePath *path)
{
	Journey		journey;
	KpicrmPathStay stay = {0};
	int32		from = 0;
	bool		in_range = true;

	memset(&journey, 0, offsetof(Journey, entered) + (size_t) funnel->last_position + 1);
	while (kpicrm_path_next_stay(path, PG_INT64_MAX, &stay))
	{
		CHECK_FOR_INTERRUPTS();
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_MOVES, from, stay.position), 1);
		visit(&journey, stay.position, funnel->last_position);
		from = stay.position;
	}
	if (from > 0 && from < funnel->last_position)
		in_range &= count_key(funnel, key_of(KPICRM_FUNNEL_MOVES, from, 0), 1);
	return count_journey(funnel, &journey) && in_range;
}

static uint32
count_missing(const KpicrmFunnel *funnel, const KpicrmFunnel *more)
{
	uint32		missing = 0;
	uint32		i = 0;

	for (uint32 j = 0; j < more->used; j++)
	{
		while (i < funnel->used && funnel->cells[i].key < more->cells[j].key)
			i++;
		missing += i == funnel->used || funnel->cells[i].key != more->cells[j].key;
	}
	return missing;
}

static void
drop_empty(KpicrmFunnel *funnel)
{
	uint32		kept = 0;

	for (uint32 i = 0; i < funnel->used; i++)
		if (funnel->cells[i].count != 0)
			funnel->cells[kept++] = funnel->cells[i];
	funnel->used = kept;
}

/*
 * All deals of another funnel, with the same rules; times is 1, or -1 to take them
 * away.  Merged from the end, where there is room.
 */
bool
kpicrm_funnel_count_all(KpicrmFunnel *funnel, const KpicrmFunnel *more, int64 times)
{
	uint32		missing = count_missing(funnel, more);
	uint32		i = funnel->used;
	bool		in_range = times > 0 || missing == 0;

	funnel->used += missing;
	for (uint32 j = more->used, at = funnel->used; j > 0; at--)
	{
		const KpicrmFunnelCell *added = &more->cells[j - 1];
		KpicrmFunnelCell *cell = &funnel->cells[at - 1];
		int64		counted = 0;

		if (i > 0 && funnel->cells[i - 1].key >= added->key)
			*cell = funnel->cells[--i];
		else
			*cell = (KpicrmFunnelCell) {.key = added->key};
		if (cell->key != added->key)
			continue;
		counted = cell->count;
		j--;
		if (pg_add_s64_overflow(counted, times * added->count, &cell->count) || cell->count < 0)
			in_range = false;
	}
	drop_empty(funnel);
	return in_range;
}

int64
kpicrm_funnel_count(const KpicrmFunnel *funnel, KpicrmFunnelKind kind, int32 from, int32 to)
{
	uint32		key = key_of(kind, from, to);
	uint32		i = find(funnel, key);

	return i < funnel->used && funnel->cells[i].key == key ? funnel->cells[i].count : 0;
}

int64
kpicrm_funnel_deals(const KpicrmFunnel *funnel)
{
	return kpicrm_funnel_count(funnel, KPICRM_FUNNEL_DEALS, 0, 0) + kpicrm_funnel_count(funnel, KPICRM_FUNNEL_DEALS, 0, 1);
}

/* The first cell of a kind; those of the next kind follow. */
const KpicrmFunnelCell *
kpicrm_funnel_cells_of(const KpicrmFunnel *funnel, KpicrmFunnelKind kind)
{
	return &funnel->cells[find(funnel, key_of(kind, 0, 0))];
}
