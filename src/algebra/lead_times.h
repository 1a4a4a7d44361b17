/*
 * lead_times.h
 *		A multiset of durations: how many were won, lost or are still open at each.
 *
 * A set of at most KPICRM_EXACT_LIMIT distinct durations is exact; in a larger
 * one every duration is rounded to 8 significant bits.  Which of the two holds
 * depends on the set alone, not on the order in which it came together.  The
 * sum of the won durations is exact in both.
 *
 * Compact bytes (stored, sent, compared):  version 1 | flags | fraction if
 * flagged | invalid | entries | sum of the won durations if rounded | then per
 * entry, ascending:  (step << 3 | outcomes present) | count of each of these.
 * A step is the distance from the previous duration, counted in microseconds,
 * or in bins if rounded.
 */
#ifndef KPICRM_LEAD_TIMES_H
#define KPICRM_LEAD_TIMES_H

#include "lib/stringinfo.h"

#include "compat.h"

#define KPICRM_EXACT_LIMIT 2048
#define KPICRM_DURATION_MAX (INT64CONST(1) << 60)	/* microseconds: 36,500 years */
#define KPICRM_NO_FRACTION (-1.0)

#define KPICRM_WON 0
#define KPICRM_LOST 1
#define KPICRM_OPEN 2
#define KPICRM_OUTCOMES 3

/* First byte after the length word. */
#define KPICRM_LEAD_COMPACT 0x01
#define KPICRM_LEAD_HASH 0x81
#define KPICRM_LEAD_BINS 0x82

typedef struct KpicrmLeadEntry
{
	int64		duration;		/* microseconds */
	int64		count[KPICRM_OUTCOMES];
} KpicrmLeadEntry;

/*
 * The working form: what an aggregate writes on.  HASH is followed by capacity
 * entries, found by open addressing, duration -1 in the free ones; BINS by a
 * directory of pages and capacity pages of 128 counters.  At most 180 kB.
 */
typedef struct KpicrmLeadTimes
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	uint8		form;
	uint8		shift;			/* HASH: capacity is 2^(64 - shift) */
	uint16		unused;
	uint32		used;			/* entries with a duration, or pages */
	uint32		capacity;
	int64		total;			/* rows counted, of all outcomes */
	int64		invalid;		/* rows left out because they end before they start */
	double		fraction;		/* the fraction asked for, or KPICRM_NO_FRACTION */
	int128		won_sum;
} KpicrmLeadTimes;

/* The reading form: what every accessor, merge and codec works on. */
typedef struct KpicrmLeadList
{
	bool		rounded;
	uint32		length;
	int64		total;
	int64		invalid;
	double		fraction;
	int128		won_sum;
	KpicrmLeadEntry *entries;	/* ascending, none without a count */
} KpicrmLeadList;

extern KpicrmLeadTimes *kpicrm_lead_new(void);
extern KpicrmLeadTimes *kpicrm_lead_row(KpicrmLeadTimes *lt, int64 duration, int outcome);
extern bool kpicrm_lead_unrow(KpicrmLeadTimes *lt, int64 duration, int outcome);
extern KpicrmLeadTimes *kpicrm_lead_merge(KpicrmLeadTimes *lt, const KpicrmLeadList *list);
extern bool kpicrm_lead_subtract(KpicrmLeadTimes *lt, const KpicrmLeadList *list);
extern void kpicrm_lead_invalid(KpicrmLeadTimes *lt, int64 more);
pg_noreturn extern void kpicrm_lead_not_a_part(void);
extern bool kpicrm_lead_size_fits(const KpicrmLeadTimes *lt, size_t size);
extern KpicrmLeadList kpicrm_lead_unsorted_list(const KpicrmLeadTimes *lt);
extern KpicrmLeadList kpicrm_lead_list(const KpicrmLeadTimes *lt);
extern int64 kpicrm_lead_count(const KpicrmLeadList *list, int outcome);
extern double kpicrm_lead_quantile(const KpicrmLeadList *list, int outcome, double fraction);

/* lead_bins.c */
#define KPICRM_BIN_COUNT 6913
#define KPICRM_BINS_PER_PAGE 128
#define KPICRM_BIN_PAGES 55
extern int32 kpicrm_bin_of(int64 duration);
extern int64 kpicrm_bin_duration(int32 bin);
extern int64 kpicrm_bin_tolerance(int32 bin);

/* lead_times_codec.c */
extern struct varlena *kpicrm_lead_encode(const KpicrmLeadList *list);
extern bool kpicrm_lead_decode(KpicrmLeadList *list, const uint8 *bytes, size_t length);
extern bool kpicrm_lead_parse(KpicrmLeadList *list, const char *string);
extern void kpicrm_lead_print(StringInfo out, const KpicrmLeadList *list);

#endif							/* KPICRM_LEAD_TIMES_H */
