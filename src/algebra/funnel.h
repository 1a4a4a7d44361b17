/*
 * funnel.h
 *		How far deals get: counts over many phase_paths, enough for every policy.
 *
 * Positions 1 to last_position - 1 are open phases, last_position is to be won,
 * later ones are other ends.  The state is a sorted list of cells: what is counted,
 * of which position, and how many.
 *
 * Compact bytes (stored, sent, compared):  version 1 | last_position | cells, then
 * per cell, ascending: distance of its key from the one before | count.
 */
#ifndef KPICRM_FUNNEL_H
#define KPICRM_FUNNEL_H

#include "lib/stringinfo.h"

#include "algebra/codec.h"
#include "algebra/phase_path.h"

#define KPICRM_FUNNEL_VERSION 1
#define KPICRM_FUNNEL_HEADER_MAX (1 + 10 + 10)
#define KPICRM_FUNNEL_CELL_MAX (5 + 10)
#define KPICRM_FUNNEL_CELLS_LIMIT 2000000

/*
 * What a cell counts.  All but moves are of deals, and to is 1 for those that are won
 * unless said otherwise; moves are of stays, from is 0 where a deal begins, to is 0 where it still is.
 */
typedef enum KpicrmFunnelKind
{
	KPICRM_FUNNEL_DEALS,		/* at 0: all deals */
	KPICRM_FUNNEL_FURTHEST,		/* at the furthest position */
	KPICRM_FUNNEL_ENTERED,		/* at each position entered */
	KPICRM_FUNNEL_JOINED,		/* at each position entered, as was the one before */
	KPICRM_FUNNEL_ORDERED,		/* at the end of the longest 1, 2, 3 … in order of time */
	KPICRM_FUNNEL_STRICT,		/* of the longest 1, 2, 3 … with nothing between */
	KPICRM_FUNNEL_ENDED,		/* at the last open position (0: none), to the end it is at (0: none) */
	KPICRM_FUNNEL_MOVES
} KpicrmFunnelKind;

#define KPICRM_FUNNEL_KINDS (KPICRM_FUNNEL_MOVES + 1)

typedef enum KpicrmFunnelPolicy
{
	KPICRM_POLICY_FILL,
	KPICRM_POLICY_ANY,
	KPICRM_POLICY_ORDERED,
	KPICRM_POLICY_STRICT,
	KPICRM_POLICY_DIRECT
} KpicrmFunnelPolicy;

typedef struct KpicrmFunnelCell
{
	uint32		key;
	uint32		unused;
	int64		count;
} KpicrmFunnelCell;

typedef struct KpicrmFunnel
{
	int32		last_position;
	uint32		used;
	uint32		capacity;
	uint32		unused;
	KpicrmFunnelCell cells[FLEXIBLE_ARRAY_MEMBER];
} KpicrmFunnel;

/* One step by one policy: passed reached this position and the one before. */
typedef struct KpicrmFunnelStep
{
	int64		reached;
	int64		won;
	int64		before;			/* reached the one before; all, for the first */
	int64		passed;
} KpicrmFunnelStep;

/* funnel.c */
extern size_t kpicrm_funnel_size(uint32 capacity);
extern uint32 kpicrm_funnel_room_for(const KpicrmPhasePath *path);
extern bool kpicrm_funnel_count_path(KpicrmFunnel *funnel, const KpicrmPhasePath *path);
extern bool kpicrm_funnel_count_all(KpicrmFunnel *funnel, const KpicrmFunnel *more, int64 times);
extern int64 kpicrm_funnel_count(const KpicrmFunnel *funnel, KpicrmFunnelKind kind, int32 from, int32 to);
extern int64 kpicrm_funnel_deals(const KpicrmFunnel *funnel);
extern const KpicrmFunnelCell *kpicrm_funnel_cells_of(const KpicrmFunnel *funnel, KpicrmFunnelKind kind);
extern int32 kpicrm_funnel_from(const KpicrmFunnelCell *cell);
extern int32 kpicrm_funnel_to(const KpicrmFunnelCell *cell);

/* funnel_codec.c */
extern bool kpicrm_funnel_is_valid(const KpicrmFunnel *funnel, int64 *entries, int64 *exits);
extern bool kpicrm_funnel_take_header(KpicrmSource *source, int32 *last_position, int64 *cells);
extern bool kpicrm_funnel_take_cells(KpicrmSource *source, KpicrmFunnel *funnel, int64 cells);
extern void kpicrm_funnel_put(KpicrmSink *sink, const KpicrmFunnel *funnel);
extern bool kpicrm_funnel_text_header(KpicrmText *in, int32 *last_position, int64 *cells);
extern bool kpicrm_funnel_text_cells(KpicrmText *in, KpicrmFunnel *funnel, int64 cells);
extern void kpicrm_funnel_print(StringInfo out, const KpicrmFunnel *funnel);

/* funnel_step.c */
extern bool kpicrm_funnel_policy(const char *name, KpicrmFunnelPolicy *policy);
extern void kpicrm_funnel_steps(const KpicrmFunnel *funnel, KpicrmFunnelPolicy policy, KpicrmFunnelStep *steps);

/* funnel_chain.c */
extern bool kpicrm_funnel_absorbing(const KpicrmFunnel *funnel, int32 position, double *weights,
									int32 *slots, double *rate);

#endif							/* KPICRM_FUNNEL_H */
