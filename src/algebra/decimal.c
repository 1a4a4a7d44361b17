/*
 * decimal.c
 *		Exact decimal amounts of fixed size, their bytes and their text.  Knows
 *		neither fmgr nor SQL (see decimal_sql.c).
 */
#include "postgres.h"

#include "algebra/decimal.h"

#define TEN_TO_18 INT64CONST(1000000000000000000)
#define UNITS_MAX ((int128) TEN_TO_18 * TEN_TO_18 * 100 - 1)

static int128
power_of_ten(int exponent)
{
	int128		power = 1;

	for (; exponent >= 4; exponent -= 4)
		power *= 10000;
	for (; exponent > 0; exponent--)
		power *= 10;
	return power;
}

static bool
in_range(int128 units)
{
	return units <= UNITS_MAX && units >= -UNITS_MAX;
}

void
kpicrm_decimal_trim(KpicrmDecimal *d)
{
	/* Most amounts fit 64 bits, where a division is an instruction. */
	while (d->scale > 0)
	{
		if (d->units == (int64) d->units)
		{
			if ((int64) d->units % 10 != 0)
				break;
			d->units = (int64) d->units / 10;
		}
		else
		{
			if (d->units % 10 != 0)
				break;
			d->units /= 10;
		}
		d->scale--;
	}
}

static bool
rescale(KpicrmDecimal *d, int32 scale)
{
	int128		units;

	if (__builtin_mul_overflow(d->units, power_of_ten(scale - d->scale), &units) ||
		!in_range(units))
		return false;

	d->units = units;
	d->scale = scale;
	return true;
}

/* Brings both to one scale; false if the larger one does not fit there. */
static bool
align(KpicrmDecimal *a, KpicrmDecimal *b)
{
	if (a->scale < b->scale)
		return rescale(a, b->scale);
	if (b->scale < a->scale)
		return rescale(b, a->scale);
	return true;
}

/* Returns false, and leaves *into alone, if the sum does not fit. */
bool
kpicrm_decimal_add(KpicrmDecimal *into, const KpicrmDecimal *other)
{
	KpicrmDecimal a = *into;
	KpicrmDecimal b = *other;
	int128		sum;

	if (!align(&a, &b))
	{
		kpicrm_decimal_trim(&a);
		kpicrm_decimal_trim(&b);
		if (!align(&a, &b))
			return false;
	}
	if (__builtin_add_overflow(a.units, b.units, &sum) || !in_range(sum))
		return false;

	into->units = sum;
	into->scale = a.scale;
	return true;
}

bool
kpicrm_decimal_subtract(KpicrmDecimal *from, const KpicrmDecimal *other)
{
	KpicrmDecimal negative = *other;

	negative.units = -negative.units;
	return kpicrm_decimal_add(from, &negative);
}

int
kpicrm_decimal_compare(const KpicrmDecimal *a, const KpicrmDecimal *b)
{
	KpicrmDecimal x = *a;
	KpicrmDecimal y = *b;

	if (!align(&x, &y))
	{
		kpicrm_decimal_trim(&x);
		kpicrm_decimal_trim(&y);
		/* What still outgrows the other's scale is the larger magnitude. */
		if (!align(&x, &y))
			return x.scale < y.scale ? (x.units < 0 ? -1 : 1) : (y.units < 0 ? 1 : -1);
	}
	return (x.units > y.units) - (x.units < y.units);
}

/* a / b for b <> 0; the same for equal values in different scales. */
double
kpicrm_decimal_ratio(const KpicrmDecimal *a, const KpicrmDecimal *b)
{
	KpicrmDecimal x = *a;
	KpicrmDecimal y = *b;

	kpicrm_decimal_trim(&x);
	kpicrm_decimal_trim(&y);
	if (align(&x, &y))
		return (double) x.units / (double) y.units;
	return ((double) x.units / (double) power_of_ten(x.scale)) /
		((double) y.units / (double) power_of_ten(y.scale));
}

static int
base_10000_digit(const char *digits, int i)
{
	uint16		digit;

	memcpy(&digit, digits + 2 * i, sizeof(digit));
	return digit;
}

/*
 * From base-10000 digits (16 bit each, not aligned), the first of which counts
 * 10000^weight.  Returns false if the value needs more than 38
 * digits or 30 decimal places.
 */
bool
kpicrm_decimal_from_digits(KpicrmDecimal *d, bool negative, int weight,
						   int ndigits, const char *digits)
{
	int128		units = 0;
	int64		small = 0;
	int			i = 0;
	int			last = Max(ndigits, weight + 1);
	int			unused = 0;

	memset(d, 0, sizeof(*d));
	if (ndigits == 0)
		return true;
	if (last > 20 || last - weight - 1 > 8)
		return false;
	for (; i < Min(last, 4); i++)
		small = small * 10000 + (i < ndigits ? base_10000_digit(digits, i) : 0);
	units = small;
	for (; i < last; i++)
	{
		int			digit = i < ndigits ? base_10000_digit(digits, i) : 0;
		int			step = 10000;

		/* of the last one only what it says: the zeros behind it may be one digit too many */
		if (i == last - 1 && i > weight)
			while (digit % 10 == 0 && step > 1)
			{
				digit /= 10;
				step /= 10;
				unused++;
			}
		if (__builtin_mul_overflow(units, (int128) step, &units) ||
			__builtin_add_overflow(units, (int128) digit, &units))
			return false;
	}
	d->units = negative ? -units : units;
	d->scale = (last - weight - 1) * 4 - unused;
	if (d->scale > KPICRM_DECIMAL_MAX_SCALE || !in_range(d->units))
		kpicrm_decimal_trim(d);
	return d->scale <= KPICRM_DECIMAL_MAX_SCALE && in_range(d->units);
}

void
kpicrm_decimal_print(StringInfo out, const KpicrmDecimal *d)
{
	KpicrmDecimal t = *d;
	char		digits[48];
	char	   *at = digits + sizeof(digits);
	uint128		rest;
	int			printed = 0;

	kpicrm_decimal_trim(&t);
	rest = (uint128) (t.units < 0 ? -t.units : t.units);
	*--at = '\0';
	do
	{
		*--at = (char) ('0' + (int) (rest % 10));
		rest /= 10;
		if (++printed == t.scale)
			*--at = '.';
	} while (rest > 0 || printed <= t.scale);
	if (t.units < 0)
		*--at = '-';
	appendStringInfoString(out, at);
}

void
kpicrm_put_decimal(KpicrmSink *sink, const KpicrmDecimal *d)
{
	KpicrmDecimal t = *d;

	kpicrm_decimal_trim(&t);
	*sink->at++ = (uint8) t.scale;
	kpicrm_put_wide(sink, ((uint128) t.units << 1) ^ (uint128) (t.units >> 127));
}

KpicrmDecimal
kpicrm_take_decimal(KpicrmSource *source)
{
	KpicrmDecimal d;
	uint128		value;

	memset(&d, 0, sizeof(d));
	d.scale = kpicrm_take_byte(source);
	value = kpicrm_take_wide(source, 128);
	d.units = (int128) (value >> 1) ^ -(int128) (value & 1);
	if (d.scale > KPICRM_DECIMAL_MAX_SCALE || !in_range(d.units) ||
		(d.scale > 0 && d.units % 10 == 0))
		source->failed = true;
	if (source->failed)
		memset(&d, 0, sizeof(d));
	return d;
}

KpicrmDecimal
kpicrm_text_decimal(KpicrmText *in)
{
	KpicrmDecimal d;
	bool		negative = kpicrm_text_try(in, "-");
	bool		fraction = false;
	const char *start = in->at;

	memset(&d, 0, sizeof(d));
	while (!in->failed)
	{
		if (kpicrm_is_digit(*in->at))
		{
			if (__builtin_mul_overflow(d.units, (int128) 10, &d.units) ||
				__builtin_add_overflow(d.units, (int128) (*in->at - '0'), &d.units))
				in->failed = true;
			d.scale += fraction;
		}
		else if (*in->at == '.' && !fraction && in->at > start && kpicrm_is_digit(in->at[1]))
			fraction = true;
		else
			break;
		in->at++;
	}
	if (negative)
		d.units = -d.units;
	kpicrm_decimal_trim(&d);
	if (in->at == start || d.scale > KPICRM_DECIMAL_MAX_SCALE || !in_range(d.units))
		in->failed = true;
	if (in->failed)
		memset(&d, 0, sizeof(d));
	return d;
}
