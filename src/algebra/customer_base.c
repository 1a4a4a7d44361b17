/*
 * customer_base.c
 *		The distinct customers of a group and what they bought: set, sums and
 *		bytes.  Knows neither fmgr nor SQL (see customer_base_sql.c).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "common/int.h"

#include "algebra/customer_base.h"

#define MIN_CAPACITY 8
#define SIGN_BIT (UINT64CONST(1) << 63)

/* Any two different seeds do; stored states depend on them for good. */
#define TEXT_SEED_HIGH UINT64CONST(0x6b7069636d5f6869)
#define TEXT_SEED_LOW UINT64CONST(0x6b7069636d5f6c6f)

static const char *const key_names[] = {"empty", "bigint", "uuid", "text", "counted"};

const char *
kpicrm_customer_key_name(int32 key)
{
	return key_names[key];
}

const char *
kpicrm_money_name(int32 money)
{
	return money == KPICRM_MONEY_COST ? "with cost" : "without cost";
}

/* Returns false, with *sums undefined, if a sum does not fit. */
bool
kpicrm_customer_add(KpicrmCustomerSums *sums, int64 orders, int64 invalid,
					const KpicrmDecimal *revenue, const KpicrmDecimal *cost)
{
	return !pg_add_s64_overflow(sums->orders, orders, &sums->orders) &&
		!pg_add_s64_overflow(sums->invalid, invalid, &sums->invalid) &&
		kpicrm_decimal_add(&sums->revenue, revenue) &&
		kpicrm_decimal_add(&sums->cost, cost);
}

KpicrmCustomerKeyValue
kpicrm_customer_key_bigint(int64 key)
{
	KpicrmCustomerKeyValue value = {0, (uint64) key ^ SIGN_BIT};

	return value;
}

KpicrmCustomerKeyValue
kpicrm_customer_key_bytes(const uint8 *bytes)
{
	KpicrmCustomerKeyValue value = {0, 0};

	for (int i = 0; i < 8; i++)
	{
		value.high = value.high << 8 | bytes[i];
		value.low = value.low << 8 | bytes[i + 8];
	}
	return value;
}

KpicrmCustomerKeyValue
kpicrm_customer_key_text(const char *bytes, int length)
{
	KpicrmCustomerKeyValue value;

	value.high = hash_bytes_extended((const unsigned char *) bytes, length, TEXT_SEED_HIGH);
	value.low = hash_bytes_extended((const unsigned char *) bytes, length, TEXT_SEED_LOW);
	return value;
}

static int
words(int32 key)
{
	switch (key)
	{
		case KPICRM_KEY_BIGINT:
			return 1;
		case KPICRM_KEY_UUID:
		case KPICRM_KEY_TEXT:
			return 2;
		default:
			return 0;
	}
}

/* The capacity for so many customers, of which at most 3/4 will be used. */
uint32
kpicrm_customer_capacity(int32 key, int64 customers)
{
	uint32		capacity = MIN_CAPACITY;

	if (words(key) == 0)
		return 0;
	while (capacity / 4 * 3 < customers && capacity < 2 * KPICRM_CUSTOMER_LIMIT)
		capacity *= 2;
	return capacity;
}

size_t
kpicrm_customer_table_size(int32 key, uint32 capacity)
{
	return offsetof(KpicrmCustomerTable, slots) +
		(size_t) capacity * (size_t) words(key) * sizeof(uint64);
}

bool
kpicrm_customer_has_room(const KpicrmCustomerTable *table, int64 more)
{
	return words(table->sums.key) == 0 ||
		table->sums.customers + more <= table->capacity / 4 * 3;
}

/* The finalizer of MurmurHash3: every bit of the key reaches every bit. */
static uint64
mix(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

/* The caller has made room. */
void
kpicrm_customer_insert(KpicrmCustomerTable *table, KpicrmCustomerKeyValue key)
{
	uint64		mask = table->capacity - 1;
	uint64		at;

	if (key.high == 0 && key.low == 0)
	{
		table->sums.customers += !table->has_zero;
		table->has_zero = 1;
		return;
	}
	if (words(table->sums.key) == 1)
	{
		for (at = mix(key.low) & mask; table->slots[at] != 0; at = (at + 1) & mask)
			if (table->slots[at] == key.low)
				return;
		table->slots[at] = key.low;
	}
	else
	{
		uint64	   *slot;

		for (at = mix(key.low ^ mix(key.high)) & mask;; at = (at + 1) & mask)
		{
			slot = table->slots + 2 * at;
			if (slot[0] == key.high && slot[1] == key.low)
				return;
			if (slot[0] == 0 && slot[1] == 0)
				break;
		}
		slot[0] = key.high;
		slot[1] = key.low;
	}
	table->sums.customers++;
}

static KpicrmCustomerKeyValue
slot_key(const KpicrmCustomerTable *table, uint32 at)
{
	KpicrmCustomerKeyValue key = {0, 0};

	if (words(table->sums.key) == 1)
		key.low = table->slots[at];
	else
	{
		key.high = table->slots[2 * (size_t) at];
		key.low = table->slots[2 * (size_t) at + 1];
	}
	return key;
}

/*
 * Copies the keys of a range of slots of another table, and returns how many
 * there were; in ranges so that the caller can be interrupted in between.
 */
int64
kpicrm_customer_insert_slots(KpicrmCustomerTable *table,
							 const KpicrmCustomerTable *other,
							 uint32 from, uint32 until)
{
	int64		copied = 0;

	for (uint32 at = from; at < until && at < other->capacity; at++)
	{
		KpicrmCustomerKeyValue key = slot_key(other, at);

		if (key.high != 0 || key.low != 0)
		{
			kpicrm_customer_insert(table, key);
			copied++;
		}
	}
	return copied;
}

void
kpicrm_customer_insert_zero(KpicrmCustomerTable *table, const KpicrmCustomerTable *other)
{
	KpicrmCustomerKeyValue zero = {0, 0};

	if (other->has_zero)
		kpicrm_customer_insert(table, zero);
}

/* Into an array of sums.customers, in no order. */
void
kpicrm_customer_keys(const KpicrmCustomerTable *table, KpicrmCustomerKeyValue *keys)
{
	KpicrmCustomerKeyValue zero = {0, 0};

	if (table->has_zero)
		*keys++ = zero;
	for (uint32 at = 0; at < table->capacity; at++)
	{
		KpicrmCustomerKeyValue key = slot_key(table, at);

		if (key.high != 0 || key.low != 0)
			*keys++ = key;
	}
}

int
kpicrm_customer_compare(const void *a, const void *b)
{
	const KpicrmCustomerKeyValue *x = a;
	const KpicrmCustomerKeyValue *y = b;

	if (x->high != y->high)
		return x->high < y->high ? -1 : 1;
	return (x->low > y->low) - (x->low < y->low);
}

/* What every state satisfies, apart from the number and order of its keys. */
static bool
sums_are_valid(const KpicrmCustomerSums *sums)
{
	if ((sums->key == KPICRM_KEY_NONE) != (sums->money == KPICRM_MONEY_NONE) ||
		sums->key < KPICRM_KEY_NONE || sums->key > KPICRM_KEY_COUNTED ||
		sums->money < KPICRM_MONEY_NONE || sums->money > KPICRM_MONEY_COST)
		return false;
	if (sums->customers < 0 || sums->orders < sums->customers || sums->invalid < 0 ||
		(words(sums->key) > 0 && sums->customers > KPICRM_CUSTOMER_LIMIT))
		return false;
	if (sums->key == KPICRM_KEY_NONE)
		return sums->orders == 0 && sums->invalid == 0;
	if (sums->customers == 0)
		return sums->orders == 0 && sums->invalid > 0 &&
			sums->revenue.units == 0 && sums->cost.units == 0;
	return true;
}

bool
kpicrm_customer_take_sums(KpicrmSource *source, KpicrmCustomerSums *sums)
{
	memset(sums, 0, sizeof(*sums));
	if (kpicrm_take_byte(source) != KPICRM_CUSTOMER_BASE_VERSION)
		return false;
	sums->key = kpicrm_take_byte(source);
	sums->money = kpicrm_take_byte(source);
	if (sums->key != KPICRM_KEY_NONE)
	{
		sums->customers = kpicrm_take_count(source);
		sums->orders = kpicrm_take_count(source);
		sums->invalid = kpicrm_take_count(source);
		sums->revenue = kpicrm_take_decimal(source);
		if (sums->money == KPICRM_MONEY_COST)
			sums->cost = kpicrm_take_decimal(source);
	}
	/* No key is shorter than a byte: counts that lie stop here. */
	return !source->failed && sums_are_valid(sums) &&
		(words(sums->key) == 0 || sums->customers <= source->end - source->at);
}

/* Replaces *key, the previous one, by the next; false if it does not follow. */
bool
kpicrm_customer_take_key(KpicrmSource *source, int32 kind, bool first,
						 KpicrmCustomerKeyValue *key)
{
	KpicrmCustomerKeyValue previous = *key;

	if (words(kind) == 2)
	{
		key->high = kpicrm_take_word(source);
		key->low = kpicrm_take_word(source);
	}
	else if (first)
		*key = kpicrm_customer_key_bigint(kpicrm_take_signed(source));
	else
		key->low += kpicrm_take_varint(source);
	return !source->failed && (first || kpicrm_customer_compare(&previous, key) < 0);
}

void
kpicrm_customer_put_sums(KpicrmSink *sink, const KpicrmCustomerSums *sums)
{
	*sink->at++ = KPICRM_CUSTOMER_BASE_VERSION;
	*sink->at++ = (uint8) sums->key;
	*sink->at++ = (uint8) sums->money;
	if (sums->key == KPICRM_KEY_NONE)
		return;
	kpicrm_put_varint(sink, (uint64) sums->customers);
	kpicrm_put_varint(sink, (uint64) sums->orders);
	kpicrm_put_varint(sink, (uint64) sums->invalid);
	kpicrm_put_decimal(sink, &sums->revenue);
	if (sums->money == KPICRM_MONEY_COST)
		kpicrm_put_decimal(sink, &sums->cost);
}

void
kpicrm_customer_put_key(KpicrmSink *sink, int32 kind,
						const KpicrmCustomerKeyValue *previous,
						const KpicrmCustomerKeyValue *key)
{
	if (words(kind) == 2)
	{
		kpicrm_put_word(sink, key->high);
		kpicrm_put_word(sink, key->low);
	}
	else if (previous == NULL)
		kpicrm_put_signed(sink, (int64) (key->low ^ SIGN_BIT));
	else
		kpicrm_put_varint(sink, key->low - previous->low);
}

bool
kpicrm_customer_text_sums(KpicrmText *in, KpicrmCustomerSums *sums)
{
	memset(sums, 0, sizeof(*sums));
	if (kpicrm_text_try(in, "empty"))
		return !in->failed;

	sums->customers = kpicrm_text_count(in);
	kpicrm_text_literal(in, " ");
	for (int32 key = KPICRM_KEY_BIGINT; key <= KPICRM_KEY_COUNTED; key++)
		if (sums->key == KPICRM_KEY_NONE && kpicrm_text_try(in, key_names[key]))
			sums->key = key;
	kpicrm_text_literal(in, " customers, ");
	sums->orders = kpicrm_text_count(in);
	kpicrm_text_literal(in, " orders, ");
	sums->revenue = kpicrm_text_decimal(in);
	kpicrm_text_literal(in, " revenue, ");
	sums->money = KPICRM_MONEY_REVENUE;
	if (kpicrm_text_try(in, "cost "))
	{
		sums->money = KPICRM_MONEY_COST;
		sums->cost = kpicrm_text_decimal(in);
		kpicrm_text_literal(in, ", ");
	}
	sums->invalid = kpicrm_text_count(in);
	kpicrm_text_literal(in, " invalid");
	return !in->failed && sums_are_valid(sums) &&
		(words(sums->key) == 0 || sums->customers <= (int64) strlen(in->at));
}

KpicrmCustomerKeyValue
kpicrm_customer_text_key(KpicrmText *in, int32 kind)
{
	KpicrmCustomerKeyValue key;

	if (words(kind) == 1)
		return kpicrm_customer_key_bigint(kpicrm_text_signed(in));
	key.high = kpicrm_text_word(in);
	key.low = kpicrm_text_word(in);
	return key;
}

void
kpicrm_customer_print_sums(StringInfo out, const KpicrmCustomerSums *sums)
{
	if (sums->key == KPICRM_KEY_NONE)
	{
		appendStringInfoString(out, "empty");
		return;
	}
	appendStringInfo(out, "%lld %s customers, %lld orders, ",
					 (long long) sums->customers, key_names[sums->key],
					 (long long) sums->orders);
	kpicrm_decimal_print(out, &sums->revenue);
	appendStringInfoString(out, " revenue, ");
	if (sums->money == KPICRM_MONEY_COST)
	{
		appendStringInfoString(out, "cost ");
		kpicrm_decimal_print(out, &sums->cost);
		appendStringInfoString(out, ", ");
	}
	appendStringInfo(out, "%lld invalid", (long long) sums->invalid);
}

void
kpicrm_customer_print_key(StringInfo out, int32 kind, const KpicrmCustomerKeyValue *key)
{
	if (words(kind) == 1)
		appendStringInfo(out, "%lld", (long long) (key->low ^ SIGN_BIT));
	else
		appendStringInfo(out, "%016llx%016llx",
						 (unsigned long long) key->high, (unsigned long long) key->low);
}
