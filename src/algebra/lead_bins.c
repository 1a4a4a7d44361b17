/*
 * lead_bins.c
 *		Durations rounded to 8 significant bits, and numbered.
 *
 * Below 256 every duration is a bin of its own; above it each power of two has
 * 128 of them, so that a duration is at most 1/256 away from its bin's.
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "algebra/lead_times.h"

#define FIRST_ROUNDED 256
#define PER_OCTAVE 128

int32
kpicrm_bin_of(int64 duration)
{
	int			octave;
	int			shift;

	if (duration < FIRST_ROUNDED)
		return (int32) duration;
	octave = pg_leftmost_one_pos64((uint64) duration);
	shift = octave - 7;
	/* A mantissa that rounds up to 256 is the first of the next octave. */
	return (int32) (FIRST_ROUNDED + (octave - 8) * PER_OCTAVE - PER_OCTAVE +
					((duration + (INT64CONST(1) << (shift - 1))) >> shift));
}

static int
bin_shift(int32 bin)
{
	return 1 + (bin - FIRST_ROUNDED) / PER_OCTAVE;
}

int64
kpicrm_bin_duration(int32 bin)
{
	if (bin < FIRST_ROUNDED)
		return bin;
	return (int64) (PER_OCTAVE + (bin - FIRST_ROUNDED) % PER_OCTAVE) << bin_shift(bin);
}

/* How far a duration can be from its bin's. */
int64
kpicrm_bin_tolerance(int32 bin)
{
	if (bin < FIRST_ROUNDED)
		return 0;
	return INT64CONST(1) << (bin_shift(bin) - 1);
}
