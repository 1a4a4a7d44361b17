/*
 * customer_base.h
 *		The distinct customers of a group and what they bought.
 *
 * Compact bytes (stored, sent, compared):  version 1 | key kind | money |
 * customers | orders | invalid | revenue | cost (if money says so) | keys in
 * ascending order.  Bigint keys are the first one signed, then differences;
 * the others are 16 bytes each.  The empty state is version, 0, 0.
 */
#ifndef KPICRM_CUSTOMER_BASE_H
#define KPICRM_CUSTOMER_BASE_H

#include "algebra/decimal.h"

#define KPICRM_CUSTOMER_BASE_VERSION 1
#define KPICRM_CUSTOMER_LIMIT (INT64CONST(1) << 24)
#define KPICRM_CUSTOMER_HEADER_MAX (3 + 3 * 10 + 2 * KPICRM_DECIMAL_WIRE_MAX)

typedef enum KpicrmCustomerKey
{
	KPICRM_KEY_NONE = 0,		/* the empty state */
	KPICRM_KEY_BIGINT,
	KPICRM_KEY_UUID,
	KPICRM_KEY_TEXT,			/* 128-bit hash */
	KPICRM_KEY_COUNTED			/* no keys: each state merged is a customer */
} KpicrmCustomerKey;

typedef enum KpicrmMoney
{
	KPICRM_MONEY_NONE = 0,		/* the empty state */
	KPICRM_MONEY_REVENUE,
	KPICRM_MONEY_COST			/* revenue and cost */
} KpicrmMoney;

typedef struct KpicrmCustomerSums
{
	int32		key;
	int32		money;
	int64		customers;
	int64		orders;
	int64		invalid;
	KpicrmDecimal revenue;
	KpicrmDecimal cost;
} KpicrmCustomerSums;

/* A key as it sorts: bigint (sign bit flipped) in low, others big-endian. */
typedef struct KpicrmCustomerKeyValue
{
	uint64		high;
	uint64		low;
} KpicrmCustomerKeyValue;

/*
 * Open addressing with linear probing; a slot of zeros is free, so the key of
 * zeros has a flag of its own.  Capacity is a power of 2, or 0 if there are no
 * keys; at most 3/4 of it are used.
 */
typedef struct KpicrmCustomerTable
{
	KpicrmCustomerSums sums;
	uint32		capacity;
	uint32		has_zero;
	uint64		slots[FLEXIBLE_ARRAY_MEMBER];
} KpicrmCustomerTable;

extern const char *kpicrm_customer_key_name(int32 key);
extern const char *kpicrm_money_name(int32 money);
extern bool kpicrm_customer_add(KpicrmCustomerSums *sums, int64 orders, int64 invalid,
								const KpicrmDecimal *revenue, const KpicrmDecimal *cost);

extern KpicrmCustomerKeyValue kpicrm_customer_key_bigint(int64 key);
extern KpicrmCustomerKeyValue kpicrm_customer_key_bytes(const uint8 *bytes);
extern KpicrmCustomerKeyValue kpicrm_customer_key_text(const char *bytes, int length);

extern uint32 kpicrm_customer_capacity(int32 key, int64 customers);
extern size_t kpicrm_customer_table_size(int32 key, uint32 capacity);
extern bool kpicrm_customer_has_room(const KpicrmCustomerTable *table, int64 more);
extern void kpicrm_customer_insert(KpicrmCustomerTable *table, KpicrmCustomerKeyValue key);
extern int64 kpicrm_customer_insert_slots(KpicrmCustomerTable *table,
										  const KpicrmCustomerTable *other,
										  uint32 from, uint32 until);
extern void kpicrm_customer_insert_zero(KpicrmCustomerTable *table,
										const KpicrmCustomerTable *other);
extern void kpicrm_customer_keys(const KpicrmCustomerTable *table,
								 KpicrmCustomerKeyValue *keys);
extern int	kpicrm_customer_compare(const void *a, const void *b);

extern bool kpicrm_customer_take_sums(KpicrmSource *source, KpicrmCustomerSums *sums);
extern bool kpicrm_customer_take_key(KpicrmSource *source, int32 kind, bool first,
									 KpicrmCustomerKeyValue *key);
extern void kpicrm_customer_put_sums(KpicrmSink *sink, const KpicrmCustomerSums *sums);
extern void kpicrm_customer_put_key(KpicrmSink *sink, int32 kind,
									const KpicrmCustomerKeyValue *previous,
									const KpicrmCustomerKeyValue *key);
extern bool kpicrm_customer_text_sums(KpicrmText *in, KpicrmCustomerSums *sums);
extern KpicrmCustomerKeyValue kpicrm_customer_text_key(KpicrmText *in, int32 kind);
extern void kpicrm_customer_print_sums(StringInfo out, const KpicrmCustomerSums *sums);
extern void kpicrm_customer_print_key(StringInfo out, int32 kind,
									  const KpicrmCustomerKeyValue *key);

#endif							/* KPICRM_CUSTOMER_BASE_H */
