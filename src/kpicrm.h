/*
 * kpicrm.h
 *		What the SQL faces share: arguments to numbers, numbers to results,
 *		equality and hash of states, and the errors every state type has.
 */
#ifndef KPICRM_H
#define KPICRM_H

#include "datatype/timestamp.h"
#include "fmgr.h"

#include "compat.h"

/* Months of an interval count as this many days, as in interval comparison. */
#define KPICRM_DAYS_PER_MONTH 30

extern int64 kpicrm_span_argument(FunctionCallInfo fcinfo, int n, const char *name);
extern double kpicrm_fraction_argument(FunctionCallInfo fcinfo, int n, const char *name);
extern double kpicrm_confidence_argument(FunctionCallInfo fcinfo, int n);
extern Datum kpicrm_span_result(int64 usec);
extern double kpicrm_days(double usec);
extern bool kpicrm_is_cancelled(void);

/* First byte of a state that an aggregate still adds to: never a version. */
#define KPICRM_WORKING_FORM 0x80

static inline bool
kpicrm_is_working(const struct varlena *v)
{
	return VARSIZE(v) > VARHDRSZ && *(const uint8 *) VARDATA(v) == KPICRM_WORKING_FORM;
}

extern struct varlena *kpicrm_compact_argument(FunctionCallInfo fcinfo, int n, const char *type);
extern bool kpicrm_same_states(FunctionCallInfo fcinfo, const char *type);
extern bool kpicrm_same_bytes(const struct varlena *a, const struct varlena *b);
extern Datum kpicrm_hash_bytes(const struct varlena *v);
extern Datum kpicrm_hash_bytes_extended(const struct varlena *v, int64 seed);

pg_noreturn extern void kpicrm_invalid_text(const char *type, const char *value, const char *hint);
pg_noreturn extern void kpicrm_invalid_bytes(const char *type);
pg_noreturn extern void kpicrm_corrupted_state(const char *type);

#endif							/* KPICRM_H */
