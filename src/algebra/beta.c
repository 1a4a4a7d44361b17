/*
 * beta.c
 *		The beta distribution, and the binomial one through it.  Knows neither fmgr
 *		nor SQL.
 *
 * Sources: the continued fraction is formula 8.17.22 of the NIST Digital Library
 * of Mathematical Functions as A. R. DiDonato and A. H. Morris, ACM Trans. Math.
 * Software 18 (1992) 360-373, contract it, evaluated forwards by the method of W. J.
 * Lentz, Applied Optics 15 (1976) 668-671, as changed by I. J. Thompson and A. R.
 * Barnett, J. Comput. Phys. 64 (1986) 490-509.  The density is that of C. Loader,
 * "Fast and accurate computation of binomial probabilities" (2000): deviances instead
 * of factorials, whose digits would cancel.  Where both parameters are large, the
 * fraction needs too many terms, and the first two of the uniform expansion in DLMF
 * 8.18(ii) are exact enough.  The limits of a rate are those of D. J. Spiegelhalter,
 * "Funnel plots for comparing institutional performance", Statistics in Medicine 24
 * (2005) 1185-1202, appendix A.1.1.
 *
 * Good to about 1e-11; with more than 1e12 cases the rates have no digits for more.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algebra/beta.h"

/* The fraction needs about the root of the smaller parameter in terms, at most a few. */
#define MAX_TERMS 1000000
#define LARGE 1e8

/* Halvings of [0, 1] until its ends are neighbours, unless near 0. */
#define MAX_HALVINGS 200

/* In place of a zero in the fraction. */
static double
not_zero(double x)
{
	return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

/*
 * For x up to the mean, below = a - (a + b) x.  Every second term of DLMF 8.17.22, in the
 * form of Didonato and Morris, where 1 - x is not the difference of two near numbers.
 */
static double
continued_fraction(double a, double b, double x, double below)
{
	double		fraction = a / (a + 1) * (below + 1);
	double		upper = fraction;
	double		lower = 0;

	for (double n = 1; n < MAX_TERMS; n++)
	{
		double		odd = a + 2 * n - 1;
		double		share = n * (b - n) * x / odd;
		double		numerator = (a + n - 1) / odd * (a + b + n - 1) * x * share;
		double		denominator = n + share + (a + n) / (odd + 2) * (below + 1 + n * (2 - x));
		double		change;

		lower = 1 / not_zero(denominator + numerator * lower);
		upper = not_zero(denominator + numerator / upper);
		change = upper * lower;
		fraction *= change;
		if (fabs(change - 1) < 2 * DBL_EPSILON)
			break;
	}
	return fraction;
}

/* log gamma(z) without the terms of Stirling's formula. */
static double
stirling_error(double z)
{
	double		square = z * z;

	if (z < 16)
		return lgamma(z) - (z - 0.5) * log(z) + z - 0.5 * log(2 * M_PI);
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - 1.0 / 1188 / square) / square) / square) / square) / z;
}

/* n log(n / mean) + mean - n, also where above = n - mean is small. */
static double
deviance(double n, double mean, double above)
{
	double		distance = above / (n + mean);
	double		sum = above * distance;
	double		power = 2 * n * distance;

	if (fabs(distance) >= 0.1)
		return n * log(n / mean) - above;
	for (int odd = 3;; odd += 2)
	{
		double		before = sum;

		power *= distance * distance;
		sum += power / odd;
		if (sum == before)
			return sum;
	}
}

/*
 * The leading terms of DLMF 8.18.9 for the share beyond x on one side; exponent is
 * n eta^2 / 2, and x is inside by so much, seen from the mean of the distribution.
 */
static double
both_large(double a, double b, double inside, double exponent)
{
	double		n = a + b;
	double		deviation = sqrt(a / n * (b / n));
	double		eta = copysign(sqrt(2 * exponent / n), inside);
	double		skewness;

	if (fabs(eta) < 1e-6)
		skewness = (b - a) / n / (3 * deviation);
	else
		skewness = deviation / inside - 1 / eta;
	return 0.5 * erfc(copysign(sqrt(exponent), inside)) + exp(-exponent) / sqrt(2 * M_PI * n) * skewness;
}

/* P(X <= x) for X ~ Beta(a, b), x + y = 1; x is so much below the mean, times a + b. */
static double
lower_tail(double a, double b, double x, double y, double below)
{
	double		n = a + b;
	double		exponent = deviance(a, n * x, below) + deviance(b, n * y, -below);

	if (Min(a, b) > LARGE)
		return both_large(a, b, below / n, exponent);
	return sqrt(a / n * b / (2 * M_PI)) *
		exp(stirling_error(n) - stirling_error(a) - stirling_error(b) - exponent) /
		continued_fraction(a, b, x, below);
}

/* P(X <= x), or P(X > x), for X ~ Beta(a, b); a, b > 0, finite. */
static double
tail(double a, double b, double x, bool is_upper)
{
	double		n = a + b;
	double		below = x < 0.5 ? a - n * x : n * (1 - x) - b;	/* where the smaller has its digits */
	bool		is_lower_side = below >= 0;
	double		share;

	if (x <= 0 || x >= 1)
		return is_upper == (x <= 0) ? 1 : 0;
	share = is_lower_side ? lower_tail(a, b, x, 1 - x, below) : lower_tail(b, a, 1 - x, x, -below);
	share = Min(1, Max(0, share));
	return is_lower_side == is_upper ? 1 - share : share;
}

double
kpicrm_beta_above(double a, double b, double x)
{
	return tail(a, b, x, true);
}

/* The x that the share below it, or above it, 0 < share < 1, is of. */
static double
quantile(double a, double b, double share, bool is_upper)
{
	double		low = 0;
	double		high = 1;

	for (int i = 0; i < MAX_HALVINGS; i++)
	{
		double		middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if ((tail(a, b, middle, is_upper) < share) != is_upper)
			low = middle;
		else
			high = middle;
	}
	return low + (high - low) / 2;
}

double
kpicrm_beta_lower_quantile(double a, double b, double share)
{
	return quantile(a, b, share, false);
}

double
kpicrm_beta_upper_quantile(double a, double b, double share)
{
	return quantile(a, b, share, true);
}

/* P(X <= count) for X ~ Binomial(total, rate), 0 < rate < 1. */
static double
binomial_cumulative(double rate, int64 total, int64 count)
{
	if (count < 0)
		return 0;
	if (count >= total)
		return 1;
	return kpicrm_beta_above((double) count + 1, (double) (total - count), rate);
}

/*
 * The rate that total cases, each converted with the given rate, remain below
 * with this probability.  Counts jump; between two of them it is interpolated, so
 * that the limit is a smooth function of the number of cases.
 */
double
kpicrm_binomial_limit(double rate, int64 total, double fraction)
{
	int64		low = -1;		/* P(X <= low) <= fraction */
	int64		high = total;	/* P(X <= high) > fraction */
	double		at;
	double		before;

	if (rate <= 0 || rate >= 1)
		return rate;
	while (low + 1 < high)
	{
		/* their distance may be one more than an int64 holds */
		int64		middle = low + (int64) (((uint64) high - (uint64) low) / 2);

		if (binomial_cumulative(rate, total, middle) > fraction)
			high = middle;
		else
			low = middle;
	}
	at = binomial_cumulative(rate, total, high);
	before = binomial_cumulative(rate, total, high - 1);
	/* of so many cases that one makes no difference */
	if (!(at > before))
		return (double) high / (double) total;
	return Max(0, ((double) high - (at - fraction) / (at - before)) / (double) total);
}
