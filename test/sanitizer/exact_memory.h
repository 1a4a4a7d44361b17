/*
 * Every allocation of the extension from malloc, one block each: for AddressSanitizer.
 *
 * palloc() cuts small chunks out of large blocks, so that a sanitizer cannot see one of
 * them read or written past its end, nor used after its context was reset.  Compiled in
 * front of each file (gcc -include), this sends the allocations of the extension to a
 * child of the context they are for, whose chunks are malloc's; pfree and repalloc find
 * it by the chunk.  Values that come from the server (stored ones, cstrings, messages)
 * are copied into chunks of exactly their size, unless they are large.
 *
 * A test's tool: PostgreSQL 15 only, whose contexts are open to new kinds.
 */
#ifndef EXACT_MEMORY_H
#define EXACT_MEMORY_H

#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "nodes/memnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM >= 160000
#error "the contexts of this PostgreSQL are a closed set; use 15"
#endif

/* The owner must stand right before the user's bytes, which must be aligned. */
typedef struct ExactChunk
{
	struct ExactChunk *next;
	struct ExactChunk **from;
	Size		size;
	MemoryContext owner;
} ExactChunk;

typedef struct ExactContext
{
	MemoryContextData base;
	ExactChunk *chunks;
} ExactContext;

#define EXACT static __attribute__((unused))

EXACT void *
exact_alloc(MemoryContext context, Size size)
{
	ExactContext *exact = (ExactContext *) context;
	ExactChunk *chunk = malloc(sizeof(ExactChunk) + size);

	if (chunk == NULL)
		return NULL;
	/* what nobody has written must not look like zero */
	memset(chunk + 1, 0xA5, size);
	*chunk = (ExactChunk) {.next = exact->chunks, .from = &exact->chunks, .size = size, .owner = context};
	if (chunk->next != NULL)
		chunk->next->from = &chunk->next;
	exact->chunks = chunk;
	context->mem_allocated += size;
	return chunk + 1;
}

EXACT void
exact_free(MemoryContext context, void *pointer)
{
	ExactChunk *chunk = (ExactChunk *) pointer - 1;

	*chunk->from = chunk->next;
	if (chunk->next != NULL)
		chunk->next->from = chunk->from;
	context->mem_allocated -= chunk->size;
	free(chunk);
}

EXACT void *
exact_realloc(MemoryContext context, void *pointer, Size size)
{
	void	   *moved = exact_alloc(context, size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, pointer, Min(size, ((ExactChunk *) pointer - 1)->size));
	exact_free(context, pointer);
	return moved;
}

EXACT void
exact_reset(MemoryContext context)
{
	while (((ExactContext *) context)->chunks != NULL)
		exact_free(context, ((ExactContext *) context)->chunks + 1);
}

EXACT void
exact_delete(MemoryContext context)
{
	exact_reset(context);
	free(context);
}

EXACT Size
exact_space(MemoryContext context, void *pointer)
{
	return ((ExactChunk *) pointer - 1)->size + sizeof(ExactChunk);
}

EXACT bool
exact_is_empty(MemoryContext context)
{
	return ((ExactContext *) context)->chunks == NULL;
}

EXACT void
exact_stats(MemoryContext context, MemoryStatsPrintFunc print, void *passed,
			MemoryContextCounters *totals, bool print_to_stderr)
{
	if (totals != NULL)
		totals->totalspace += context->mem_allocated;
}

EXACT const MemoryContextMethods exact_methods = {
	.alloc = exact_alloc,
	.free_p = exact_free,
	.realloc = exact_realloc,
	.reset = exact_reset,
	.delete_context = exact_delete,
	.get_chunk_space = exact_space,
	.is_empty = exact_is_empty,
	.stats = exact_stats,
};

/* The exact child of a context, made when it is first needed. */
EXACT MemoryContext
exact_in(MemoryContext parent)
{
	ExactContext *made;

	if (parent->methods == &exact_methods)
		return parent;
	for (MemoryContext child = parent->firstchild; child != NULL; child = child->nextchild)
		if (child->methods == &exact_methods)
			return child;
	made = calloc(1, sizeof(ExactContext));
	if (made == NULL)
		elog(ERROR, "out of memory");
	MemoryContextCreate((MemoryContext) made, T_AllocSetContext, &exact_methods, parent, "exact");
	return (MemoryContext) made;
}

EXACT void *
exact_copy(const void *bytes, Size size)
{
	void	   *copy = MemoryContextAlloc(exact_in(CurrentMemoryContext), size);

	memcpy(copy, bytes, size);
	return copy;
}

/*
 * A state that an aggregate adds to comes in here with every row.  Beyond this size it
 * is left where it is, or a million rows take hours.
 */
#define EXACT_LARGEST (16 * 1024)

EXACT struct varlena *
exact_varlena(struct varlena *value)
{
	if (VARSIZE_ANY(value) > EXACT_LARGEST)
		return value;
	return exact_copy(value, VARSIZE_ANY(value));
}

EXACT struct varlena *
exact_detoast(struct varlena *value)
{
	return exact_varlena(pg_detoast_datum(value));
}

EXACT struct varlena *
exact_detoast_copy(struct varlena *value)
{
	return exact_varlena(pg_detoast_datum_copy(value));
}

EXACT struct varlena *
exact_detoast_packed(struct varlena *value)
{
	return exact_varlena(pg_detoast_datum_packed(value));
}

EXACT char *
exact_string(const char *string)
{
	return string == NULL ? NULL : exact_copy(string, strlen(string) + 1);
}

EXACT char *
exact_text(const text *value)
{
	return exact_string(text_to_cstring(value));
}

EXACT const char *
exact_message(StringInfo message, int size)
{
	return exact_copy(pq_getmsgbytes(message, size), size);
}

#undef palloc0fast
#undef PG_GETARG_CSTRING
#define palloc(size) MemoryContextAlloc(exact_in(CurrentMemoryContext), size)
#define palloc0(size) MemoryContextAllocZero(exact_in(CurrentMemoryContext), size)
#define palloc0fast(size) palloc0(size)
#define palloc_extended(size, flags) MemoryContextAllocExtended(exact_in(CurrentMemoryContext), size, flags)
#define pstrdup(string) exact_string(string)
#define MemoryContextAlloc(context, size) MemoryContextAlloc(exact_in(context), size)
#define MemoryContextAllocZero(context, size) MemoryContextAllocZero(exact_in(context), size)
#define MemoryContextAllocHuge(context, size) MemoryContextAllocHuge(exact_in(context), size)
#define MemoryContextAllocExtended(context, size, flags) MemoryContextAllocExtended(exact_in(context), size, flags)
#define MemoryContextStrdup(context, string) MemoryContextStrdup(exact_in(context), string)
#define pg_detoast_datum(value) exact_detoast(value)
#define pg_detoast_datum_copy(value) exact_detoast_copy(value)
#define pg_detoast_datum_packed(value) exact_detoast_packed(value)
#define text_to_cstring(value) exact_text(value)
#define pq_getmsgbytes(message, size) exact_message(message, size)
#define PG_GETARG_CSTRING(n) exact_string((const char *) PG_GETARG_POINTER(n))

#endif							/* EXACT_MEMORY_H */
