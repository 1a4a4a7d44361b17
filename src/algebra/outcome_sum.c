/*
 * outcome_sum.c
 *		What a sum of independent all-or-nothing amounts may come to: the Poisson
 *		binomial distribution with weights.
 *
 * Exact, by convolution over the distinct sums, while these are not too many:
 * always for up to 16 amounts, and for hundreds if the amounts are round.
 * Otherwise the amounts largest in deviation are convolved, and all the others,
 * none of which matters much alone, are taken as normal (central limit theorem);
 * the distribution is then a mixture of normals, and one giant deal among a
 * thousand small ones keeps its two humps.
 *
 * Many improbable amounts are not normal together: most likely none of them comes.
 * So as long as fewer than a few of the others are to be expected, they are
 * convolved, too, and sums that lie close together are merged, which keeps the mean;
 * the smallest sum stays what it is.
 *
 * The amounts are sorted first, so the result is the same to the last bit
 * whatever order they come in.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "algebra/outcome_sum.h"

#define EXACT_POINTS 65536		/* 2^16 distinct sums */
#define MAX_WORK (INT64CONST(1) << 21)	/* points written on the way there: 10 ms */
#define MIXED_POINTS 1024		/* 2^10: each costs an erfc() in every step of a search */
#define MIN_NORMAL_VARIANCE 10	/* of the number that comes: below it their sum is skew, and often 0 */
#define LOST_MASS 1e-17			/* of a sum that nobody will miss */
#define MASS_TOLERANCE 1e-12	/* far above the rounding of sums of masses */

static double
deviation_of(const KpicrmOutcome *o)
{
	return fabs((double) o->units) * sqrt(o->probability * (1 - o->probability));
}

/* Those that move the sum most come first; then any order, but always the same. */
static int
compare_outcomes(const void *a, const void *b)
{
	const KpicrmOutcome *x = a;
	const KpicrmOutcome *y = b;
	double		dx = deviation_of(x);
	double		dy = deviation_of(y);

	if (dx != dy)
		return dx > dy ? -1 : 1;
	if (x->units != y->units)
		return x->units > y->units ? -1 : 1;
	return (x->probability < y->probability) - (x->probability > y->probability);
}

static void
add_point(KpicrmSumPoint *points, int *length, int128 units, double mass)
{
	if (*length > 0 && points[*length - 1].units == units)
		points[*length - 1].mass += mass;
	else
	{
		points[*length].units = units;
		points[(*length)++].mass = mass;
	}
}

/* Both lists are ascending: without the amount, and with it. */
static int
convolve(KpicrmSumPoint *into, const KpicrmSumPoint *from, int length, const KpicrmOutcome *o)
{
	int			without = 0;
	int			with = 0;
	int			written = 0;

	while (without < length || with < length)
	{
		if (with >= length ||
			(without < length && from[without].units <= from[with].units + o->units))
		{
			add_point(into, &written, from[without].units, from[without].mass * (1 - o->probability));
			without++;
		}
		else
		{
			add_point(into, &written, from[with].units + o->units, from[with].mass * o->probability);
			with++;
		}
	}
	return written;
}

/* Merges points until there are no more than that; the first stays alone, the last that are all but impossible go. */
static int
merge_points(KpicrmSumPoint *points, int length, int max_points)
{
	int128		width;
	int128		cell = -1;
	int			written = 1;

	while (length > max_points && points[length - 1].mass < LOST_MASS)
		length--;
	if (length <= max_points)
		return length;
	width = (points[length - 1].units - points[0].units) / (max_points - 1) + 1;
	for (int i = 1; i < length; i++)
	{
		KpicrmSumPoint *into = &points[written - 1];
		int128		own_cell = (points[i].units - points[0].units - 1) / width;
		double		mass = into->mass + points[i].mass;

		if (own_cell != cell)
			points[written++] = points[i];
		else if (mass > 0)
		{
			into->units += (int128) rint((double) (points[i].units - into->units) * (points[i].mass / mass));
			into->mass = mass;
		}
		cell = own_cell;
	}
	return written;
}

typedef enum Aim
{
	ONLY_ALL,
	AS_MANY_AS_FIT,
	MERGED
} Aim;

/*
 * Convolves outcomes until there might be more points than allowed, or more work
 * than allowed; returns how many it took.  If only all of them are of use it stops as
 * soon as it cannot take all: points do not become fewer, so what is left is no less
 * work each.  Or points are merged, and only the work is an end.
 */
static int
convolve_all(KpicrmOutcomeSum *sum, const KpicrmOutcome *outcomes, int count,
			 int128 start, int max_points, Aim aim)
{
	KpicrmSumPoint *now = palloc(sizeof(KpicrmSumPoint));
	int			length = 1;
	int64		work = 0;
	int			taken;

	now[0].units = start;
	now[0].mass = 1;
	for (taken = 0; taken < count; taken++)
	{
		KpicrmSumPoint *next;

		CHECK_FOR_INTERRUPTS();
		if (work + (aim == ONLY_ALL ? count - taken : 1) * INT64CONST(2) * length > MAX_WORK)
			break;
		next = palloc((size_t) length * 2 * sizeof(KpicrmSumPoint));
		work += 2 * length;
		sum->length = convolve(next, now, length, &outcomes[taken]);
		if (sum->length > max_points && aim == MERGED)
			sum->length = merge_points(next, sum->length, max_points);
		if (sum->length > max_points)
		{
			pfree(next);
			break;
		}
		pfree(now);
		now = next;
		length = sum->length;
	}
	sum->points = now;
	sum->length = length;
	return taken;
}

/* Takes out what is certain; returns how many are left, and what the certain come to. */
static int
drop_certain(KpicrmOutcome *outcomes, int count, int128 *certain)
{
	int			left = 0;

	*certain = 0;
	for (int i = 0; i < count; i++)
	{
		if (outcomes[i].probability >= 1)
			*certain += outcomes[i].units;
		else if (outcomes[i].probability > 0 && outcomes[i].units != 0)
			outcomes[left++] = outcomes[i];
	}
	return left;
}

static void
moments(const KpicrmOutcome *outcomes, int count, double *mean, double *variance)
{
	*mean = *variance = 0;
	for (int i = 0; i < count; i++)
	{
		double		deviation = deviation_of(&outcomes[i]);

		*mean += (double) outcomes[i].units * outcomes[i].probability;
		*variance += deviation * deviation;
	}
}

/* Variance of how many come. */
static double
count_variance(const KpicrmOutcome *outcomes, int count)
{
	double		variance = 0;

	for (int i = 0; i < count; i++)
		variance += outcomes[i].probability * (1 - outcomes[i].probability);
	return variance;
}

/*
 * The caller has checked that the absolute amounts together fit in 127 bits and that
 * probabilities are probabilities.  Sorts the outcomes.
 */
void
kpicrm_outcome_sum(KpicrmOutcomeSum *sum, KpicrmOutcome *outcomes, int count)
{
	int128		certain;
	int			taken;
	double		rest_variance;

	memset(sum, 0, sizeof(*sum));
	count = drop_certain(outcomes, count, &certain);
	qsort(outcomes, (size_t) count, sizeof(KpicrmOutcome), compare_outcomes);
	moments(outcomes, count, &sum->mean, &sum->variance);
	sum->mean += (double) certain;
	sum->lowest = sum->highest = certain;
	for (int i = 0; i < count; i++)
		*(outcomes[i].units < 0 ? &sum->lowest : &sum->highest) += outcomes[i].units;
	taken = convolve_all(sum, outcomes, count, certain, EXACT_POINTS, ONLY_ALL);
	sum->is_exact = taken == count;
	if (!sum->is_exact)
	{
		pfree(sum->points);
		taken = convolve_all(sum, outcomes, count, certain, MIXED_POINTS, AS_MANY_AS_FIT);
	}
	if (taken < count && count_variance(outcomes + taken, count - taken) < MIN_NORMAL_VARIANCE)
	{
		pfree(sum->points);
		taken = convolve_all(sum, outcomes, count, certain, MIXED_POINTS, MERGED);
	}
	moments(outcomes + taken, count - taken, &sum->rest_mean, &rest_variance);
	sum->rest_deviation = sqrt(rest_variance);
}

/* Probability that the sum is at most x, of a mixture. */
static double
mixed_below(const KpicrmOutcomeSum *sum, double x)
{
	double		below = 0;

	for (int i = 0; i < sum->length; i++)
		below += sum->points[i].mass *
			0.5 * erfc(((double) sum->points[i].units + sum->rest_mean - x) / (sum->rest_deviation * M_SQRT2));
	return below;
}

double
kpicrm_outcome_sum_at_least(const KpicrmOutcomeSum *sum, int128 units)
{
	double		mass = 0;

	if (units <= sum->lowest)
		return 1;
	if (units > sum->highest)
		return 0;
	if (sum->rest_deviation > 0)
		return Max(0, Min(1, 1 - mixed_below(sum, (double) units)));
	for (int i = sum->length - 1; i >= 0 && sum->points[i].units >= units; i--)
		mass += sum->points[i].mass;
	return Min(1, mass);
}

/* Between them, to the unit or to the last bit, lies the quantile. */
static double
search(const KpicrmOutcomeSum *sum, double fraction, double low, double high)
{
	for (int step = 0; step < 200 && high - low > 0.25; step++)
	{
		double		middle = low + (high - low) / 2;

		CHECK_FOR_INTERRUPTS();
		if (middle <= low || middle >= high)
			break;
		if (mixed_below(sum, middle) >= fraction)
			high = middle;
		else
			low = middle;
	}
	return high;
}

/* The smallest value that the sum does not exceed with that probability. */
int128
kpicrm_outcome_sum_quantile(const KpicrmOutcomeSum *sum, double fraction)
{
	double		below = 0;
	double		reach = sum->rest_mean;
	double		found;

	if (sum->rest_deviation > 0)
	{
		/* Nine deviations: beyond them lies less than MASS_TOLERANCE. */
		found = search(sum, Min(Max(fraction, MASS_TOLERANCE), 1 - MASS_TOLERANCE),
					   (double) sum->points[0].units + reach - 9 * sum->rest_deviation,
					   (double) sum->points[sum->length - 1].units + reach + 9 * sum->rest_deviation);
		/* The normal part has no ends, but the sum has. */
		if (found <= (double) sum->lowest)
			return sum->lowest;
		if (found >= (double) sum->highest)
			return sum->highest;
		return (int128) rint(found);
	}
	for (int i = 0; i < sum->length; i++)
	{
		below += sum->points[i].mass;
		if (below > 0 && below >= fraction - MASS_TOLERANCE)
			return sum->points[i].units;
	}
	return sum->points[sum->length - 1].units;
}
