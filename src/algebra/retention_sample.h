/*
 * retention_sample.h
 *		How long contracts lasted: of each number of periods, how many were lost
 *		and how many were kept.
 *
 * The value is flat and canonical at all times, also while rows come in: ascending
 * periods, none without contracts.  There are far fewer periods than rows, so a row
 * rarely brings a new one.
 *
 * Wire:  version 1 | entries | per entry: periods since the previous one (from -1 on) |
 * lost | kept.
 */
#ifndef KPICRM_RETENTION_SAMPLE_H
#define KPICRM_RETENTION_SAMPLE_H

#include "algebra/codec.h"

#define KPICRM_RETENTION_VERSION 1
#define KPICRM_RETENTION_PERIODS 10000	/* the longest a contract can last */
#define KPICRM_RETENTION_HEADER_MAX (1 + 10)
#define KPICRM_RETENTION_ENTRY_MAX (3 * 10)

typedef struct KpicrmRetentionEntry
{
	int32		period;
	int32		unused;			/* always 0 */
	int64		lost;			/* at the end of this period */
	int64		kept;			/* after so many periods, and seen no longer */
} KpicrmRetentionEntry;

typedef struct KpicrmRetentionSample
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int32		used;
	int64		contracts;		/* all that are counted below */
	KpicrmRetentionEntry entries[FLEXIBLE_ARRAY_MEMBER];
} KpicrmRetentionSample;

extern size_t kpicrm_retention_size(int64 used);
extern bool kpicrm_retention_sample_is_valid(const KpicrmRetentionSample *s);
extern KpicrmRetentionEntry *kpicrm_retention_find(KpicrmRetentionSample *s, int32 period);
extern bool kpicrm_retention_count(KpicrmRetentionSample *s, KpicrmRetentionEntry *entry,
								   bool lost, int64 contracts);
extern bool kpicrm_retention_merge(KpicrmRetentionSample *whole, const KpicrmRetentionSample *a,
								   const KpicrmRetentionSample *b);
extern bool kpicrm_retention_subtract(KpicrmRetentionSample *rest, const KpicrmRetentionSample *whole,
									  const KpicrmRetentionSample *part);
extern bool kpicrm_retention_take_header(KpicrmSource *source, int64 *entries);
extern bool kpicrm_retention_take_entries(KpicrmSource *source, KpicrmRetentionSample *s,
										  int64 entries);
extern void kpicrm_retention_put(KpicrmSink *sink, const KpicrmRetentionSample *s);
extern int64 kpicrm_retention_text_entries(const char *string);
extern bool kpicrm_retention_parse(KpicrmRetentionSample *s, const char *string);
extern void kpicrm_retention_print(StringInfo out, const KpicrmRetentionSample *s);

#endif							/* KPICRM_RETENTION_SAMPLE_H */
