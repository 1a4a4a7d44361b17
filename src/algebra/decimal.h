/*
 * decimal.h
 *		Exact decimal amounts of fixed size, their bytes and their text.
 *
 * value = units / 10^scale, |units| < 10^38, scale 0..30.  Canonical means
 * that no trailing zero can be taken off (and zero has scale 0).  Sums may run
 * in a scale that is not canonical; what is stored, sent or compared never is.
 */
#ifndef KPICRM_DECIMAL_H
#define KPICRM_DECIMAL_H

#include "lib/stringinfo.h"

#include "algebra/codec.h"

#define KPICRM_DECIMAL_MAX_SCALE 30
#define KPICRM_DECIMAL_PRECISION 38
#define KPICRM_DECIMAL_WIRE_MAX 20	/* bytes that put_decimal writes at most */

typedef struct KpicrmDecimal
{
	int128		units;			/* aligned as int64, see c.h */
	int32		scale;
	int32		unused;			/* always 0: states are compared as bytes */
} KpicrmDecimal;

extern void kpicrm_decimal_trim(KpicrmDecimal *d);
extern bool kpicrm_decimal_add(KpicrmDecimal *into, const KpicrmDecimal *other);
extern bool kpicrm_decimal_subtract(KpicrmDecimal *from, const KpicrmDecimal *other);
extern int	kpicrm_decimal_compare(const KpicrmDecimal *a, const KpicrmDecimal *b);
extern double kpicrm_decimal_ratio(const KpicrmDecimal *a, const KpicrmDecimal *b);
extern bool kpicrm_decimal_from_digits(KpicrmDecimal *d, bool negative, int weight,
									   int ndigits, const char *digits);
extern void kpicrm_decimal_print(StringInfo out, const KpicrmDecimal *d);

extern void kpicrm_put_decimal(KpicrmSink *sink, const KpicrmDecimal *d);
extern KpicrmDecimal kpicrm_take_decimal(KpicrmSource *source);
extern KpicrmDecimal kpicrm_text_decimal(KpicrmText *in);

#endif							/* KPICRM_DECIMAL_H */
