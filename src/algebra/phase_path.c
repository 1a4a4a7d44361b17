/*
 * phase_path.c
 *		One deal's way through the phases: order, stays and bytes.  Knows neither
 *		fmgr nor SQL (see phase_path_sql.c).
 */
#include "postgres.h"

#include "datatype/timestamp.h"

#include "algebra/instant.h"
#include "algebra/phase_path.h"

size_t
kpicrm_path_size(uint32 capacity)
{
	return offsetof(KpicrmPhasePath, entries) + capacity * sizeof(KpicrmPathEntry);
}

/* At one instant entries without a sequence number come first, then the lower position. */
int
kpicrm_path_compare(const void *a, const void *b)
{
	const KpicrmPathEntry *x = a;
	const KpicrmPathEntry *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->has_seq != y->has_seq)
		return x->has_seq - y->has_seq;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return x->position - y->position;
}

/* The caller has made room. */
void
kpicrm_path_append(KpicrmPhasePath *path, const KpicrmPathEntry *entry)
{
	path->entries[path->used] = *entry;
	if (path->used > 0 && kpicrm_path_compare(&path->entries[path->used - 1], entry) >= 0)
		path->sorted = 0;
	path->used++;
}

/* Of sorted entries: overlapping parts hold some twice. */
void
kpicrm_path_unite(KpicrmPhasePath *path)
{
	uint32		kept = 0;

	for (uint32 i = 0; i < path->used; i++)
		if (kept == 0 || kpicrm_path_compare(&path->entries[kept - 1], &path->entries[i]) != 0)
			path->entries[kept++] = path->entries[i];
	path->used = kept;
	path->sorted = 1;
}

/*
 * The stay after the one given, which is zero before the first.  What is entered
 * later than as_of has not been entered yet.
 */
bool
kpicrm_path_next_stay(const KpicrmPhasePath *path, int64 as_of, KpicrmPathStay *stay)
{
	uint32		i = stay->next;

	if (i >= path->used || path->entries[i].at > as_of)
		return false;
	stay->number++;
	stay->position = path->entries[i].position;
	stay->entered_at = path->entries[i].at;
	while (i < path->used && path->entries[i].at <= as_of && path->entries[i].position == stay->position)
		i++;
	stay->next = i;
	stay->is_open = i >= path->used || path->entries[i].at > as_of;
	stay->left_at = stay->is_open ? 0 : path->entries[i].at;
	return true;
}

static bool
append_valid(KpicrmPhasePath *path, const KpicrmPathEntry *entry)
{
	if (!IS_VALID_TIMESTAMP(entry->at) || entry->position < 1 || entry->position > KPICRM_POSITION_MAX)
		return false;
	kpicrm_path_append(path, entry);
	return path->sorted;
}

bool
kpicrm_path_take_header(KpicrmSource *source, int64 *entries)
{
	uint8		version = kpicrm_take_byte(source);

	*entries = kpicrm_take_count(source);
	/* An entry takes two bytes at least: no room is made for more than there are. */
	return !source->failed && version == KPICRM_PHASE_PATH_VERSION &&
		*entries <= KPICRM_PATH_ENTRIES_LIMIT && *entries <= (source->end - source->at) / 2;
}

bool
kpicrm_path_take_entries(KpicrmSource *source, KpicrmPhasePath *path, int64 entries)
{
	KpicrmPathEntry entry = {0, 0, 0, 0};

	for (int64 i = 0; i < entries; i++)
	{
		uint64		position;

		/* A distance that leads around comes out before the entry it is from. */
		entry.at = i == 0 ? kpicrm_take_signed(source) : (int64) ((uint64) entry.at + kpicrm_take_varint(source));
		position = kpicrm_take_varint(source);
		entry.has_seq = (int32) (position & 1);
		entry.position = (int32) Min(position >> 1, KPICRM_POSITION_MAX + 1);
		entry.seq = entry.has_seq ? kpicrm_take_signed(source) : 0;
		if (source->failed || !append_valid(path, &entry))
			return false;
	}
	return source->at == source->end;
}

void
kpicrm_path_put(KpicrmSink *sink, const KpicrmPhasePath *path)
{
	*sink->at++ = KPICRM_PHASE_PATH_VERSION;
	kpicrm_put_varint(sink, path->used);
	for (uint32 i = 0; i < path->used; i++)
	{
		const KpicrmPathEntry *entry = &path->entries[i];

		if (i == 0)
			kpicrm_put_signed(sink, entry->at);
		else
			kpicrm_put_varint(sink, (uint64) entry->at - (uint64) path->entries[i - 1].at);
		kpicrm_put_varint(sink, (uint64) entry->position << 1 | (uint64) entry->has_seq);
		if (entry->has_seq)
			kpicrm_put_signed(sink, entry->seq);
	}
}

/* How many entries the text can hold at most. */
int64
kpicrm_path_text_entries(const char *string)
{
	int64		entries = 1;

	for (; *string != '\0' && entries <= KPICRM_PATH_ENTRIES_LIMIT; string++)
		entries += *string == ',';
	return entries;
}

/* {2026-04-01 09:00:00 1, 2026-04-02 09:00:00 2 #7} */
bool
kpicrm_path_parse(KpicrmText *in, KpicrmPhasePath *path, int64 entries)
{
	kpicrm_text_literal(in, "{");
	while (!kpicrm_text_try(in, "}"))
	{
		KpicrmPathEntry entry;
		int64		position;

		memset(&entry, 0, sizeof(entry));
		if (path->used > 0)
			kpicrm_text_literal(in, ", ");
		entry.at = kpicrm_text_instant(in);
		kpicrm_text_literal(in, " ");
		position = kpicrm_text_count(in);
		entry.position = (int32) Min(position, KPICRM_POSITION_MAX + 1);
		entry.has_seq = kpicrm_text_try(in, " #");
		if (entry.has_seq)
			entry.seq = kpicrm_text_signed(in);
		if (in->failed || path->used >= entries || !append_valid(path, &entry))
			return false;
	}
	return kpicrm_text_finish(in);
}

void
kpicrm_path_print(StringInfo out, const KpicrmPhasePath *path)
{
	appendStringInfoChar(out, '{');
	for (uint32 i = 0; i < path->used; i++)
	{
		if (i > 0)
			appendStringInfoString(out, ", ");
		kpicrm_print_instant(out, path->entries[i].at);
		appendStringInfo(out, " %d", path->entries[i].position);
		if (path->entries[i].has_seq)
			appendStringInfo(out, " #%lld", (long long) path->entries[i].seq);
	}
	appendStringInfoChar(out, '}');
}
