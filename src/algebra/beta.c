/*
 * beta.c
 *		The beta distribution, and the binomial one through it.  Knows neither fmgr
 *		nor SQL.
 *
 * Sources: the continued fraction is formula 8.17.22 of the NIST Digital Library
 * of Mathematical Functions, evaluated forwards by the method of W. J. Lentz,
 * Applied Optics 15 (1976) 668-671, as changed by I. J. Thompson and A. R.
 * Barnett, J. Comput. Phys. 64 (1986) 490-509.  The limits of a rate are those of
 * D. J. Spiegelhalter, "Funnel plots for comparing institutional performance",
 * Statistics in Medicine 24 (2005) 1185-1202, appendix A.1.1.
 *
 * Good to about 1e-9: what is lost is lost to logarithms of large factorials.
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algebra/beta.h"

/* The fraction needs about the root of the larger parameter in terms. */
#define MAX_TERMS 1000000

/* Halvings of [0, 1] until its ends are neighbours, unless near 0. */
#define MAX_HALVINGS 200

/* In place of a zero in the fraction. */
static double
not_zero(double x)
{
	return fabs(x) < DBL_MIN ? DBL_MIN : x;
}

/* DLMF 8.17.22, for x below the mean; 1 / (1 + d1 / (1 + d2 / (1 + ... */
static double
continued_fraction(double a, double b, double x)
{
	double		above = 1;
	double		below = 1 / not_zero(1 - (a + b) * x / (a + 1));
	double		fraction = below;

	for (double m = 1; m < MAX_TERMS; m++)
	{
		double		even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double		odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double		change;

		below = 1 / not_zero(1 + even * below);
		above = not_zero(1 + even / above);
		fraction *= above * below;
		below = 1 / not_zero(1 + odd * below);
		above = not_zero(1 + odd / above);
		change = above * below;
		fraction *= change;
		if (fabs(change - 1) < 2 * DBL_EPSILON)
			break;
	}
	return fraction;
}

/* P(X <= x) for X ~ Beta(a, b); a, b > 0, finite. */
double
kpicrm_beta_cumulative(double a, double b, double x)
{
	double		front;

	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return Min(1, front * continued_fraction(a, b, x) / a);
	return Max(0, 1 - front * continued_fraction(b, a, 1 - x) / b);
}

/* The x that a share of the distribution, 0 < fraction < 1, lies below. */
double
kpicrm_beta_quantile(double a, double b, double fraction)
{
	double		low = 0;
	double		high = 1;

	for (int i = 0; i < MAX_HALVINGS; i++)
	{
		double		middle = low + (high - low) / 2;

		if (middle <= low || middle >= high)
			break;
		if (kpicrm_beta_cumulative(a, b, middle) < fraction)
			low = middle;
		else
			high = middle;
	}
	return low + (high - low) / 2;
}

/* P(X <= count) for X ~ Binomial(total, rate), 0 < rate < 1. */
static double
binomial_cumulative(double rate, int64 total, int64 count)
{
	if (count < 0)
		return 0;
	if (count >= total)
		return 1;
	return kpicrm_beta_cumulative((double) (total - count), (double) count + 1, 1 - rate);
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
	while (high - low > 1)
	{
		int64		middle = low + (high - low) / 2;

		if (binomial_cumulative(rate, total, middle) > fraction)
			high = middle;
		else
			low = middle;
	}
	at = binomial_cumulative(rate, total, high);
	before = binomial_cumulative(rate, total, high - 1);
	return Max(0, ((double) high - (at - fraction) / (at - before)) / (double) total);
}
