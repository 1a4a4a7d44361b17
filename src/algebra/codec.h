/*
 * codec.h
 *		Numbers as bytes, and numbers in a text: what the states are stored, sent
 *		and written with.
 */
#ifndef KPICRM_CODEC_H
#define KPICRM_CODEC_H

#include "lib/stringinfo.h"

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

extern void kpicrm_put_wide(KpicrmSink *sink, uint128 value);
extern void kpicrm_put_varint(KpicrmSink *sink, uint64 value);
extern void kpicrm_put_signed(KpicrmSink *sink, int64 value);
extern void kpicrm_put_word(KpicrmSink *sink, uint64 value);
extern void kpicrm_put_double(KpicrmSink *sink, double value);

extern void kpicrm_take_start(KpicrmSource *source, const void *bytes, size_t length);
extern uint8 kpicrm_take_byte(KpicrmSource *source);
extern uint128 kpicrm_take_wide(KpicrmSource *source, int bits);
extern uint64 kpicrm_take_varint(KpicrmSource *source);
extern int64 kpicrm_take_count(KpicrmSource *source);
extern int64 kpicrm_take_signed(KpicrmSource *source);
extern uint64 kpicrm_take_word(KpicrmSource *source);
extern double kpicrm_take_double(KpicrmSource *source);

static inline bool
kpicrm_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

extern void kpicrm_text_start(KpicrmText *in, const char *string);
extern bool kpicrm_text_finish(KpicrmText *in);
extern bool kpicrm_text_try(KpicrmText *in, const char *literal);
extern void kpicrm_text_literal(KpicrmText *in, const char *literal);
extern int64 kpicrm_text_count(KpicrmText *in);
extern int64 kpicrm_text_signed(KpicrmText *in);
extern uint64 kpicrm_text_word(KpicrmText *in);
extern double kpicrm_text_double(KpicrmText *in);
extern void kpicrm_print_double(StringInfo out, double value);

#endif							/* KPICRM_CODEC_H */
