/*
 * phase_path.h
 *		One deal's way through the phases: which position it entered when.
 *
 * Compact bytes (stored, sent, compared):  version 1 | entries, then per entry,
 * ascending: instant (the first) or microseconds since the one before | position
 * and whether it has a sequence number | that.
 */
#ifndef KPICRM_PHASE_PATH_H
#define KPICRM_PHASE_PATH_H

#include "lib/stringinfo.h"

#include "algebra/codec.h"

#define KPICRM_PHASE_PATH_VERSION 1
#define KPICRM_POSITION_MAX 1000
#define KPICRM_PATH_ENTRIES_LIMIT 100000
#define KPICRM_PATH_HEADER_MAX (1 + 10)
#define KPICRM_PATH_ENTRY_MAX (10 + 2 + 10)

typedef struct KpicrmPathEntry
{
	int64		at;
	int64		seq;			/* 0 if there is none */
	int32		position;		/* 1 to KPICRM_POSITION_MAX */
	int32		has_seq;
} KpicrmPathEntry;

typedef struct KpicrmPhasePath
{
	uint32		used;
	uint32		capacity;
	int32		sorted;			/* by instant, sequence number, position; none twice */
	int32		unused;
	KpicrmPathEntry entries[FLEXIBLE_ARRAY_MEMBER];
} KpicrmPhasePath;

/* An uninterrupted stay: entries in a row at the same position are one. */
typedef struct KpicrmPathStay
{
	uint32		next;			/* entry the next stay begins with */
	int32		number;
	int32		position;
	int64		entered_at;
	bool		is_open;
	int64		left_at;		/* if not open */
} KpicrmPathStay;

extern size_t kpicrm_path_size(uint32 capacity);
extern int	kpicrm_path_compare(const void *a, const void *b);
extern void kpicrm_path_append(KpicrmPhasePath *path, const KpicrmPathEntry *entry);
extern void kpicrm_path_unite(KpicrmPhasePath *path);
extern bool kpicrm_path_next_stay(const KpicrmPhasePath *path, int64 as_of, KpicrmPathStay *stay);
extern bool kpicrm_path_take_header(KpicrmSource *source, int64 *entries);
extern bool kpicrm_path_take_entries(KpicrmSource *source, KpicrmPhasePath *path, int64 entries);
extern void kpicrm_path_put(KpicrmSink *sink, const KpicrmPhasePath *path);
extern int64 kpicrm_path_text_entries(const char *string);
extern bool kpicrm_path_parse(KpicrmText *in, KpicrmPhasePath *path, int64 entries);
extern void kpicrm_path_print(StringInfo out, const KpicrmPhasePath *path);

#endif							/* KPICRM_PHASE_PATH_H */
