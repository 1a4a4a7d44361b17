/*
 * funnel_codec.c
 *		Counts of a funnel as bytes and as text, and whether they can be true.
 */
#include "postgres.h"

#include "common/int.h"

#include "algebra/funnel.h"

#define KIND_SHIFT 22			/* as in funnel.c */

static const char *const kind_names[KPICRM_FUNNEL_KINDS] = {
	"deals", "furthest", "entered", "joined", "ordered", "strict", "ended", "moves"
};

static KpicrmFunnelKind
kind_of(const KpicrmFunnelCell *cell)
{
	return (KpicrmFunnelKind) (cell->key >> KIND_SHIFT);
}

static bool
is_in_place(const KpicrmFunnel *funnel, const KpicrmFunnelCell *cell)
{
	int32		from = kpicrm_funnel_from(cell);
	int32		to = kpicrm_funnel_to(cell);

	switch (kind_of(cell))
	{
		case KPICRM_FUNNEL_DEALS:
			return from == 0 && to <= 1;
		case KPICRM_FUNNEL_JOINED:
			return from >= 2 && from <= funnel->last_position && to <= 1;
		case KPICRM_FUNNEL_ENDED:
			return from < funnel->last_position && (to == 0 || (to >= funnel->last_position && to <= KPICRM_POSITION_MAX));
		case KPICRM_FUNNEL_MOVES:
			if (to == 0)
				return from > 0 && from < funnel->last_position;
			return from <= KPICRM_POSITION_MAX && to <= KPICRM_POSITION_MAX && from != to;
		default:
			return from >= 1 && from <= funnel->last_position && to <= 1;
	}
}

/* Of no more deals than there are, with the same end. */
static bool
is_within_deals(const KpicrmFunnel *funnel)
{
	int64		sum[KPICRM_FUNNEL_KINDS][2] = {{0}};

	for (uint32 i = 0; i < funnel->used; i++)
	{
		const KpicrmFunnelCell *cell = &funnel->cells[i];
		KpicrmFunnelKind kind = kind_of(cell);
		int32		from = kpicrm_funnel_from(cell);
		int32		won;
		int64		limit;

		if (kind == KPICRM_FUNNEL_MOVES)
			break;
		won = kpicrm_funnel_to(cell) == (kind == KPICRM_FUNNEL_ENDED ? funnel->last_position : 1);
		limit = kpicrm_funnel_count(funnel, KPICRM_FUNNEL_DEALS, 0, won);
		if (kind == KPICRM_FUNNEL_JOINED)
			limit = Min(kpicrm_funnel_count(funnel, KPICRM_FUNNEL_ENTERED, from, won),
						kpicrm_funnel_count(funnel, KPICRM_FUNNEL_ENTERED, from - 1, won));
		else if (kind != KPICRM_FUNNEL_ENTERED)
		{
			/* each deal counts once */
			if (pg_add_s64_overflow(sum[kind][won], cell->count, &sum[kind][won]) || sum[kind][won] > limit)
				return false;
		}
		if (cell->count > limit)
			return false;
	}
	return !pg_add_s64_overflow(sum[KPICRM_FUNNEL_DEALS][0], sum[KPICRM_FUNNEL_DEALS][1], &sum[0][0]);
}

/*
 * Can these counts be true?  Deals leave an open position as often as they enter it,
 * with those that are still there; an end not more often.  The caller brings two
 * arrays of KPICRM_POSITION_MAX + 1.
 */
bool
kpicrm_funnel_is_valid(const KpicrmFunnel *funnel, int64 *entries, int64 *exits)
{
	size_t		size = (KPICRM_POSITION_MAX + 1) * sizeof(int64);

	memset(entries, 0, size);
	memset(exits, 0, size);
	for (uint32 i = 0; i < funnel->used; i++)
	{
		const KpicrmFunnelCell *cell = &funnel->cells[i];
		int32		from = kpicrm_funnel_from(cell);
		int32		to = kpicrm_funnel_to(cell);

		if (kind_of(cell) >= KPICRM_FUNNEL_KINDS || cell->count <= 0 || !is_in_place(funnel, cell))
			return false;
		if (kind_of(cell) == KPICRM_FUNNEL_MOVES &&
			(pg_add_s64_overflow(exits[from], cell->count, &exits[from]) ||
			 pg_add_s64_overflow(entries[to], cell->count, &entries[to])))
			return false;
	}
	for (int32 p = 1; p <= KPICRM_POSITION_MAX; p++)
		if (exits[p] > entries[p] || (p < funnel->last_position && exits[p] < entries[p]))
			return false;
	return is_within_deals(funnel) && exits[0] <= kpicrm_funnel_deals(funnel);
}

bool
kpicrm_funnel_take_header(KpicrmSource *source, int32 *last_position, int64 *cells)
{
	uint8		version = kpicrm_take_byte(source);
	uint64		position = kpicrm_take_varint(source);

	*last_position = (int32) Min(position, KPICRM_POSITION_MAX + 1);
	*cells = kpicrm_take_count(source);
	/* A cell takes two bytes at least: no room is made for more than there are. */
	return !source->failed && version == KPICRM_FUNNEL_VERSION &&
		*last_position >= 1 && *last_position <= KPICRM_POSITION_MAX &&
		*cells <= KPICRM_FUNNEL_CELLS_LIMIT && *cells <= (source->end - source->at) / 2;
}

static void
append(KpicrmFunnel *funnel, uint32 key, int64 count)
{
	KpicrmFunnelCell *cell = &funnel->cells[funnel->used++];

	cell->key = key;
	cell->unused = 0;
	cell->count = count;
}

bool
kpicrm_funnel_take_cells(KpicrmSource *source, KpicrmFunnel *funnel, int64 cells)
{
	uint64		key = 0;

	for (int64 i = 0; i < cells; i++)
	{
		uint64		distance = kpicrm_take_varint(source);

		if (source->failed || distance > PG_UINT32_MAX || (distance == 0 && i > 0) || key + distance > PG_UINT32_MAX)
			return false;
		key += distance;
		append(funnel, (uint32) key, kpicrm_take_count(source));
	}
	return !source->failed && source->at == source->end;
}

void
kpicrm_funnel_put(KpicrmSink *sink, const KpicrmFunnel *funnel)
{
	uint32		key = 0;

	*sink->at++ = KPICRM_FUNNEL_VERSION;
	kpicrm_put_varint(sink, (uint64) funnel->last_position);
	kpicrm_put_varint(sink, funnel->used);
	for (uint32 i = 0; i < funnel->used; i++)
	{
		kpicrm_put_varint(sink, funnel->cells[i].key - key);
		kpicrm_put_varint(sink, (uint64) funnel->cells[i].count);
		key = funnel->cells[i].key;
	}
}

/* "to 3 {", and how many cells may follow at most. */
bool
kpicrm_funnel_text_header(KpicrmText *in, int32 *last_position, int64 *cells)
{
	int64		position;

	kpicrm_text_literal(in, "to ");
	position = kpicrm_text_count(in);
	*last_position = (int32) Min(position, KPICRM_POSITION_MAX + 1);
	kpicrm_text_literal(in, " {");
	*cells = 1;
	if (in->failed || *last_position < 1 || *last_position > KPICRM_POSITION_MAX)
		return false;
	for (const char *at = in->at; *at != '\0' && *cells <= KPICRM_FUNNEL_CELLS_LIMIT; at++)
		*cells += *at == ',';
	return *cells <= KPICRM_FUNNEL_CELLS_LIMIT;
}

static uint32
text_key(KpicrmText *in)
{
	int64		kind = 0;
	int64		from;
	int64		to;

	while (kind < KPICRM_FUNNEL_KINDS && !kpicrm_text_try(in, kind_names[kind]))
		kind++;
	kpicrm_text_literal(in, " ");
	from = kpicrm_text_count(in);
	kpicrm_text_literal(in, "/");
	to = kpicrm_text_count(in);
	if (kind == KPICRM_FUNNEL_KINDS || from > KPICRM_POSITION_MAX || to > KPICRM_POSITION_MAX)
		in->failed = true;
	return in->failed ? 0 : (uint32) kind << KIND_SHIFT | (uint32) from << (KIND_SHIFT / 2) | (uint32) to;
}

/* What follows the header: "deals 0/0: 2, deals 0/1: 1, …, moves 2/3: 1}" */
bool
kpicrm_funnel_text_cells(KpicrmText *in, KpicrmFunnel *funnel, int64 cells)
{
	while (!kpicrm_text_try(in, "}"))
	{
		uint32		key;

		if (funnel->used > 0)
			kpicrm_text_literal(in, ", ");
		key = text_key(in);
		kpicrm_text_literal(in, ": ");
		if (in->failed || funnel->used >= cells ||
			(funnel->used > 0 && key <= funnel->cells[funnel->used - 1].key))
			return false;
		append(funnel, key, kpicrm_text_count(in));
	}
	return kpicrm_text_finish(in);
}

void
kpicrm_funnel_print(StringInfo out, const KpicrmFunnel *funnel)
{
	appendStringInfo(out, "to %d {", funnel->last_position);
	for (uint32 i = 0; i < funnel->used; i++)
	{
		const KpicrmFunnelCell *cell = &funnel->cells[i];

		appendStringInfo(out, "%s%s %d/%d: %lld", i > 0 ? ", " : "", kind_names[kind_of(cell)],
						 kpicrm_funnel_from(cell), kpicrm_funnel_to(cell), (long long) cell->count);
	}
	appendStringInfoChar(out, '}');
}
