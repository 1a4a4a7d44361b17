/*
 * purchases.h
 *		One customer's history: orders, amount and cost of each day.
 *
 * Compact bytes (stored, sent, compared):  version 1 | money | invalid | days,
 * and if there are any: first instant | last - first | then per day: days since
 * the previous one (not for the first) | orders | amount | cost (if money says
 * so).  The empty state is version, 0.  Instants are microseconds and days are
 * days, both since 2000-01-01 UTC.
 */
#ifndef KPICRM_PURCHASES_H
#define KPICRM_PURCHASES_H

#include "algebra/customer_base.h"

#define KPICRM_PURCHASES_VERSION 1
#define KPICRM_PURCHASE_DAYS_LIMIT 1000000
#define KPICRM_PURCHASES_HEADER_MAX (2 + 4 * 10)
#define KPICRM_PURCHASE_DAY_MAX (2 * 10 + 2 * KPICRM_DECIMAL_WIRE_MAX)

typedef struct KpicrmPurchaseDay
{
	int32		day;
	int32		unused;			/* always 0 */
	int64		orders;
	KpicrmDecimal amount;
	KpicrmDecimal cost;
} KpicrmPurchaseDay;

/*
 * While rows come in, days stand in the order of their arrival and may repeat;
 * kpicrm_purchases_settle sorts and unites them.
 */
typedef struct KpicrmPurchases
{
	int32		money;			/* KpicrmMoney */
	int32		settled;		/* ascending, no day twice */
	int64		invalid;		/* rows left out because their cost is unknown */
	int64		first;
	int64		last;
	uint32		used;
	uint32		capacity;
	KpicrmPurchaseDay days[FLEXIBLE_ARRAY_MEMBER];
} KpicrmPurchases;

typedef struct KpicrmPurchaseSummary
{
	int32		money;
	int64		orders;
	int64		days;
	int64		invalid;
	int64		first;			/* if days > 0 */
	int64		last;
	int32		first_day;
	int32		last_day;
	KpicrmDecimal revenue;
	KpicrmDecimal cost;
	KpicrmDecimal first_day_revenue;
} KpicrmPurchaseSummary;

extern size_t kpicrm_purchases_size(uint32 capacity);
extern bool kpicrm_purchases_append(KpicrmPurchases *p, const KpicrmPurchaseDay *day,
									int64 first, int64 last);
extern int	kpicrm_purchase_day_compare(const void *a, const void *b);
extern bool kpicrm_purchases_unite(KpicrmPurchases *p);
extern bool kpicrm_purchases_summary(const KpicrmPurchases *p, KpicrmPurchaseSummary *s);
extern bool kpicrm_purchases_take_header(KpicrmSource *source, KpicrmPurchases *header,
										 int64 *days);
extern bool kpicrm_purchases_take_days(KpicrmSource *source, KpicrmPurchases *p, int64 days);
extern void kpicrm_purchases_put(KpicrmSink *sink, const KpicrmPurchases *p);
extern bool kpicrm_purchases_text_header(KpicrmText *in, KpicrmPurchases *header,
										 int64 *days);
extern bool kpicrm_purchases_text_days(KpicrmText *in, KpicrmPurchases *p, int64 days);
extern void kpicrm_purchases_print(StringInfo out, const KpicrmPurchases *p);

#endif							/* KPICRM_PURCHASES_H */
