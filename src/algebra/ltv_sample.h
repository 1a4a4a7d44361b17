/*
 * ltv_sample.h
 *		What an ltv_model is fitted to: how many customers have which history.
 *
 * Compact bytes (stored, sent):  version 1 | variant, and unless that is 0: period
 * in microseconds | day of as_of, if there is a period | entries, then per entry:
 * frequency | recency | age | value | customers, ascending.  Times are days if there
 * is a period, else in the unit of whoever gave them.
 */
#ifndef KPICRM_LTV_SAMPLE_H
#define KPICRM_LTV_SAMPLE_H

#include "algebra/buyer_model.h"
#include "algebra/purchases.h"

#define KPICRM_LTV_SAMPLE_VERSION 1
#define KPICRM_LTV_ENTRY_LIMIT (1 << 24)
#define KPICRM_LTV_HEADER_MAX (2 + 3 * 10)
#define KPICRM_LTV_ENTRY_MAX (2 * 10 + 3 * 8)

#define KPICRM_LTV_MAX_FREQUENCY INT64CONST(1000000000)
#define KPICRM_LTV_MAX_TIME 1e15	/* the shortest above 0 is 1e-15 */
#define KPICRM_LTV_MIN_VALUE 1e-100
#define KPICRM_LTV_MAX_VALUE 1e100

/* What has to be the same in all rows. */
typedef struct KpicrmLtvTerms
{
	int32		variant;		/* KpicrmBuyerVariant */
	int32		as_of;			/* day, if there is a period */
	int64		period;			/* microseconds; 0 for plain numbers */
} KpicrmLtvTerms;

typedef struct KpicrmLtvEntry
{
	int64		frequency;		/* order days after the first */
	double		recency;
	double		age;
	double		value;			/* mean of the repeat order days; 0 if unknown or not positive */
	int64		customers;
} KpicrmLtvEntry;

/*
 * While rows come in, entries stand in the order of their arrival and may repeat;
 * sorting and kpicrm_ltv_sample_unite make them ascending and distinct.
 */
typedef struct KpicrmLtvSample
{
	KpicrmLtvTerms terms;
	int32		settled;
	uint32		used;
	uint32		capacity;
	uint32		unused;			/* always 0 */
	KpicrmLtvEntry entries[FLEXIBLE_ARRAY_MEMBER];
} KpicrmLtvSample;

extern bool kpicrm_ltv_terms_are_valid(const KpicrmLtvTerms *terms);
extern void kpicrm_ltv_put_terms(KpicrmSink *sink, const KpicrmLtvTerms *terms);
extern void kpicrm_ltv_take_terms(KpicrmSource *source, KpicrmLtvTerms *terms);
extern void kpicrm_ltv_text_terms(KpicrmText *in, KpicrmLtvTerms *terms);
extern void kpicrm_ltv_print_terms(StringInfo out, const KpicrmLtvTerms *terms);

extern bool kpicrm_ltv_entry_is_valid(const KpicrmLtvEntry *entry);
extern bool kpicrm_ltv_entry_of_purchases(KpicrmLtvEntry *entry, const KpicrmPurchases *p,
										  int32 as_of);

extern size_t kpicrm_ltv_sample_size(uint32 capacity);
extern bool kpicrm_ltv_sample_append(KpicrmLtvSample *s, const KpicrmLtvEntry *entry);
extern int	kpicrm_ltv_entry_compare(const void *a, const void *b);
extern bool kpicrm_ltv_sample_unite(KpicrmLtvSample *s);
extern bool kpicrm_ltv_sample_is_valid(const KpicrmLtvSample *s);
extern bool kpicrm_ltv_sample_take_header(KpicrmSource *source, KpicrmLtvSample *header,
										  int64 *entries);
extern bool kpicrm_ltv_sample_take_entries(KpicrmSource *source, KpicrmLtvSample *s,
										   int64 entries);
extern void kpicrm_ltv_sample_put(KpicrmSink *sink, const KpicrmLtvSample *s);
extern bool kpicrm_ltv_sample_text_header(KpicrmText *in, KpicrmLtvSample *header,
										  int64 *entries);
extern bool kpicrm_ltv_sample_text_entries(KpicrmText *in, KpicrmLtvSample *s,
										   int64 entries);
extern void kpicrm_ltv_sample_print(StringInfo out, const KpicrmLtvSample *s);

#endif							/* KPICRM_LTV_SAMPLE_H */
