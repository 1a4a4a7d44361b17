/*
 * codec.c
 *		Numbers as bytes, and numbers in a text.  Knows neither fmgr nor SQL.
 */
#include "postgres.h"

#include <math.h>

#include "common/shortest_dec.h"

#include "algebra/codec.h"

/* Seven bits a byte, low ones first; the top bit says that more follow. */
void
kpicrm_put_wide(KpicrmSink *sink, uint128 value)
{
	while (value >= 0x80)
	{
		*sink->at++ = (uint8) (value | 0x80);
		value >>= 7;
	}
	*sink->at++ = (uint8) value;
}

void
kpicrm_put_varint(KpicrmSink *sink, uint64 value)
{
	kpicrm_put_wide(sink, value);
}

void
kpicrm_put_signed(KpicrmSink *sink, int64 value)
{
	kpicrm_put_varint(sink, ((uint64) value << 1) ^ (uint64) (value >> 63));
}

void
kpicrm_put_word(KpicrmSink *sink, uint64 value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*sink->at++ = (uint8) (value >> shift);
}

void
kpicrm_put_double(KpicrmSink *sink, double value)
{
	uint64		word;

	memcpy(&word, &value, sizeof(word));
	kpicrm_put_word(sink, word);
}

void
kpicrm_take_start(KpicrmSource *source, const void *bytes, size_t length)
{
	source->at = bytes;
	source->end = source->at + length;
	source->failed = false;
}

uint8
kpicrm_take_byte(KpicrmSource *source)
{
	if (source->failed || source->at >= source->end)
	{
		source->failed = true;
		return 0;
	}
	return *source->at++;
}

/* Every number has one spelling only: longer ones are refused. */
uint128
kpicrm_take_wide(KpicrmSource *source, int bits)
{
	uint128		value = 0;
	uint8		byte;

	for (int shift = 0; shift < bits; shift += 7)
	{
		byte = kpicrm_take_byte(source);
		if (bits - shift < 7 && (byte >> (bits - shift)) != 0)
			break;
		value |= (uint128) (byte & 0x7f) << shift;
		if (byte < 0x80)
		{
			if (byte == 0 && shift > 0)
				break;
			return value;
		}
	}
	source->failed = true;
	return 0;
}

uint64
kpicrm_take_varint(KpicrmSource *source)
{
	return (uint64) kpicrm_take_wide(source, 64);
}

/* A number of things: never negative as an int64. */
int64
kpicrm_take_count(KpicrmSource *source)
{
	uint64		value = kpicrm_take_varint(source);

	if (value > PG_INT64_MAX)
	{
		source->failed = true;
		return 0;
	}
	return (int64) value;
}

int64
kpicrm_take_signed(KpicrmSource *source)
{
	uint64		value = kpicrm_take_varint(source);

	return (int64) (value >> 1) ^ -(int64) (value & 1);
}

uint64
kpicrm_take_word(KpicrmSource *source)
{
	uint64		value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | kpicrm_take_byte(source);
	return value;
}

/* Any bits: what they may mean is for the caller to say. */
double
kpicrm_take_double(KpicrmSource *source)
{
	uint64		word = kpicrm_take_word(source);
	double		value;

	memcpy(&value, &word, sizeof(value));
	return value;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

void
kpicrm_text_start(KpicrmText *in, const char *string)
{
	in->at = string;
	in->failed = false;
	while (is_space(*in->at))
		in->at++;
}

/* True if all of the text has been read and none of it was wrong. */
bool
kpicrm_text_finish(KpicrmText *in)
{
	while (is_space(*in->at))
		in->at++;
	return !in->failed && *in->at == '\0';
}

bool
kpicrm_text_try(KpicrmText *in, const char *literal)
{
	size_t		length = strlen(literal);

	if (in->failed || strncmp(in->at, literal, length) != 0)
		return false;
	in->at += length;
	return true;
}

void
kpicrm_text_literal(KpicrmText *in, const char *literal)
{
	if (!kpicrm_text_try(in, literal))
		in->failed = true;
}

/* Digits alone: 3, but not 3.0.  The limit is at least 9. */
static uint64
text_digits(KpicrmText *in, uint64 limit)
{
	uint64		value = 0;

	if (!kpicrm_is_digit(*in->at))
		in->failed = true;
	while (!in->failed && kpicrm_is_digit(*in->at))
	{
		uint64		digit = (uint64) (*in->at++ - '0');

		if (value > (limit - digit) / 10)
			in->failed = true;
		else
			value = value * 10 + digit;
	}
	return in->failed ? 0 : value;
}

/* A number of things. */
int64
kpicrm_text_count(KpicrmText *in)
{
	return (int64) text_digits(in, PG_INT64_MAX);
}

int64
kpicrm_text_signed(KpicrmText *in)
{
	if (kpicrm_text_try(in, "-"))
		return (int64) (0 - text_digits(in, (uint64) PG_INT64_MAX + 1));
	return kpicrm_text_count(in);
}

/* Sixteen hexadecimal digits. */
uint64
kpicrm_text_word(KpicrmText *in)
{
	uint64		value = 0;

	for (int i = 0; i < 16 && !in->failed; i++)
	{
		char		c = *in->at;

		if (kpicrm_is_digit(c))
			value = value << 4 | (uint64) (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64) (c - 'a' + 10);
		else
		{
			in->failed = true;
			return 0;
		}
		in->at++;
	}
	return value;
}

/* A finite number: 3, -0.5, 1e+20, but no name of a number and no other base. */
double
kpicrm_text_double(KpicrmText *in)
{
	const char *digits = in->at + (*in->at == '-');
	char	   *end;
	double		value;

	if (in->failed || !kpicrm_is_digit(*digits))
	{
		in->failed = true;
		return 0;
	}
	value = strtod(in->at, &end);
	if (end > digits + strspn(digits, "0123456789.e+-") || !isfinite(value))
		in->failed = true;
	in->at = end;
	return in->failed ? 0 : value;
}

/* The shortest text that reads back as the same number. */
void
kpicrm_print_double(StringInfo out, double value)
{
	char		digits[DOUBLE_SHORTEST_DECIMAL_LEN];

	double_to_shortest_decimal_buf(value, digits);
	appendStringInfoString(out, digits);
}
