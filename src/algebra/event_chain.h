/*
 * event_chain.h
 *		The events of one customer that steps of a funnel match, and how far they
 *		lead within a window.
 *
 * Compact bytes (stored, sent, compared):  version 1 | modes | steps | window |
 * events, and if there are any: instant of the first | its steps as bits | then
 * per event, ascending: microseconds since the one before | its steps.
 */
#ifndef KPICRM_EVENT_CHAIN_H
#define KPICRM_EVENT_CHAIN_H

#include "lib/stringinfo.h"

#include "algebra/codec.h"

#define KPICRM_EVENT_CHAIN_VERSION 1
#define KPICRM_CHAIN_STEPS_MAX 32
#define KPICRM_CHAIN_EVENTS_LIMIT 1000000
#define KPICRM_CHAIN_HEADER_MAX (3 + 2 * 10 + 10)
#define KPICRM_CHAIN_EVENT_MAX (10 + 5)

/* Modes, as bits. */
#define KPICRM_STRICT_DEDUPLICATION 1
#define KPICRM_STRICT_ORDER 2
#define KPICRM_STRICT_INCREASE 4
#define KPICRM_CHAIN_MODES 7

typedef struct KpicrmChainEvent
{
	int64		at;
	uint32		steps;			/* bit i: it matches step i + 1 */
	uint32		unused;			/* always 0 */
} KpicrmChainEvent;

typedef struct KpicrmEventChain
{
	int64		window;			/* microseconds */
	int32		modes;
	int32		steps;
	int32		sorted;			/* by instant, then steps */
	uint32		used;
	uint32		capacity;
	uint32		unused;
	KpicrmChainEvent events[FLEXIBLE_ARRAY_MEMBER];
} KpicrmEventChain;

extern size_t kpicrm_chain_size(uint32 capacity);
extern int	kpicrm_chain_compare(const void *a, const void *b);
extern void kpicrm_chain_append(KpicrmEventChain *chain, int64 at, uint32 steps);
extern int	kpicrm_chain_level(const KpicrmEventChain *chain);
extern bool kpicrm_chain_modes(const char *names, size_t length, int32 *modes);
extern bool kpicrm_chain_take_header(KpicrmSource *source, KpicrmEventChain *header, int64 *events);
extern bool kpicrm_chain_take_events(KpicrmSource *source, KpicrmEventChain *chain, int64 events);
extern void kpicrm_chain_put(KpicrmSink *sink, const KpicrmEventChain *chain);
extern bool kpicrm_chain_text_header(KpicrmText *in, KpicrmEventChain *header, int64 *events);
extern bool kpicrm_chain_text_events(KpicrmText *in, KpicrmEventChain *chain, int64 events);
extern void kpicrm_chain_print_modes(StringInfo out, int32 modes);
extern void kpicrm_chain_print(StringInfo out, const KpicrmEventChain *chain);

#endif							/* KPICRM_EVENT_CHAIN_H */
