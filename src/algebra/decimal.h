/*
 * decimal.h
 *		Exact decimal amounts of fixed size, and their bytes.
 *
 * value = units / 10^scale, |units| < 10^38, scale 0..30.  Canonical means
 * that no trailing zero can be taken off (and zero has scale 0).  Sums may run
 * in a scale that is not canonical; what is stored, sent or compared never is.
 */
#ifndef KPICRM_DECIMAL_H
#define KPICRM_DECIMAL_H

#include "lib/stringinfo.h"

#define KPICRM_DECIMAL_MAX_SCALE 30
#define KPICRM_DECIMAL_PRECISION 38
#define KPICRM_DECIMAL_WIRE_MAX 20	/* bytes that put_decimal writes at most */

typedef struct KpicrmDecimal
{
	int128		units;			/* aligned as int64, see c.h */
	int32		scale;
	int32		unused;			/* always 0: states are compared as bytes */
} KpicrmDecimal;

/* Bytes to write to; the caller has made room for the largest outcome. */
typedef struct KpicrmSink
{
	uint8	   *at;
} KpicrmSink;

/* Bytes to read from; after a failure every read returns 0. */
typedef struct KpicrmSource
{
	const uint8 *at;
	const uint8 *end;
	bool		failed;
} KpicrmSource;

/* Text to read from, with the same rule. */
typedef struct KpicrmText
{
	const char *at;
	bool		failed;
} KpicrmText;

extern void kpicrm_decimal_trim(KpicrmDecimal *d);
extern bool kpicrm_decimal_add(KpicrmDecimal *into, const KpicrmDecimal *other);
extern bool kpicrm_decimal_subtract(KpicrmDecimal *from, const KpicrmDecimal *other);
extern int	kpicrm_decimal_compare(const KpicrmDecimal *a, const KpicrmDecimal *b);
extern double kpicrm_decimal_ratio(const KpicrmDecimal *a, const KpicrmDecimal *b);
extern bool kpicrm_decimal_from_digits(KpicrmDecimal *d, bool negative, int weight,
									   int ndigits, const char *digits);
extern void kpicrm_decimal_print(StringInfo out, const KpicrmDecimal *d);

extern void kpicrm_put_varint(KpicrmSink *sink, uint64 value);
extern void kpicrm_put_signed(KpicrmSink *sink, int64 value);
extern void kpicrm_put_word(KpicrmSink *sink, uint64 value);
extern void kpicrm_put_decimal(KpicrmSink *sink, const KpicrmDecimal *d);

extern uint8 kpicrm_take_byte(KpicrmSource *source);
extern uint64 kpicrm_take_varint(KpicrmSource *source);
extern int64 kpicrm_take_count(KpicrmSource *source);
extern int64 kpicrm_take_signed(KpicrmSource *source);
extern uint64 kpicrm_take_word(KpicrmSource *source);
extern KpicrmDecimal kpicrm_take_decimal(KpicrmSource *source);

extern bool kpicrm_text_try(KpicrmText *text, const char *literal);
extern void kpicrm_text_literal(KpicrmText *text, const char *literal);
extern int64 kpicrm_text_count(KpicrmText *text);
extern int64 kpicrm_text_signed(KpicrmText *text);
extern uint64 kpicrm_text_word(KpicrmText *text);
extern KpicrmDecimal kpicrm_text_decimal(KpicrmText *text);
extern void kpicrm_text_start(KpicrmText *text, const char *string);
extern bool kpicrm_text_finish(KpicrmText *text);

#endif							/* KPICRM_DECIMAL_H */
