/*
 * orders_while_active.c
 *		Orders expected of a customer who orders, and may stop after each order.
 *		Knows neither fmgr nor SQL.
 *
 * He orders at a rate that is Gamma(shape, 1) distributed, and stops after an order
 * with a probability p that is Beta(a, b) distributed.  For one p the orders until
 * a time are (1 - (1 + p * time)^-shape) / p, so what is wanted is the mean of this
 * over p.  It is a difference of two Gauss hypergeometric functions; after Euler's
 * transformation (formula 15.8.1 of the NIST Digital Library of Mathematical
 * Functions) its first term can be taken out, so that neither a = 1, where both are
 * infinite, nor a + b = 1 is a special case.  Where the series is slow, or loses
 * digits, the mean is an integral over the logit of p, by the trapezoidal rule, which
 * converges exponentially there (L. N. Trefethen and J. A. C. Weideman, SIAM Review
 * 56 (2014) 385-458).
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "algebra/orders_while_active.h"

/* Up to this argument, and this a, the series is done after some hundred terms. */
#define SERIES_MAX 0.95
#define SERIES_MAX_A 20
#define MAX_TERMS 10000

/* The series may lose three digits. */
#define SERIES_LOSS 1000

/* Alternating terms that do no harm. */
#define SERIES_MIN_NUMERATOR (-4)

/* Logit beyond which p, or 1 - p, is nothing beside 1. */
#define FAR_LOGIT 37

/*
 * Steps: the integrand is bounded up to pi / 2 beside the real axis, so that the error
 * is exp(-pi^2 / step); and so many deviations where the distribution is narrow.
 */
#define MAX_STEP 0.25
#define STEP_DEVIATIONS 0.7

/* From these a and b on, so many deviations beyond the mode there is nothing left. */
#define NARROW 4
#define FAR_DEVIATIONS 40

static bool
series_is_good(double shape, double a, double b, double z)
{
	return z <= SERIES_MAX && a <= SERIES_MAX_A && a + b - 1 <= SERIES_LOSS * shape &&
		a + b - 1 - shape >= SERIES_MIN_NUMERATOR;
}

/* The sum behind the first term, times a + b - 1. */
static double
series(double shape, double a, double b, double z)
{
	double		c = a + b - 1;
	double		term = (c - shape) * z;
	double		sum = term;

	for (double n = 1; n < MAX_TERMS && fabs(term) > fabs(sum) * DBL_EPSILON / 64; n++)
	{
		term *= (a - 1 + n) * (c - shape + n) / ((c + n) * (n + 1)) * z;
		sum += term;
	}
	return sum;
}

static double
by_series(double shape, double a, double b, double time)
{
	double		power = (1 - a) * log1p(time);
	double		first = a == 1 ? log1p(time) : -expm1(power) / (a - 1);

	return (a + b - 1) * first - exp(power) * series(shape, a, b, time / (1 + time));
}

/* Density of p = 1 / (1 + exp(-logit)) by its logit, up to a factor. */
static double
density(double a, double b, double logit)
{
	/* its logarithm is 0 where it is largest */
	return exp(-a * (log1p(exp(-logit)) - log1p(b / a)) - b * (log1p(exp(logit)) - log1p(a / b)));
}

static double
orders_of(double shape, double time, double p)
{
	double		grown = shape * log1p(p * time);

	/* p may be too small to divide by */
	return p > DBL_MIN ? -expm1(-grown) / p : shape * time;
}

/* Sums of density and of density times orders; what lies beyond is geometric. */
static double
by_integral(double shape, double a, double b, double time)
{
	double		deviation = sqrt(1 / a + 1 / b);
	double		step = Min(MAX_STEP, STEP_DEVIATIONS * deviation);
	double		low = -FAR_LOGIT - log1p(time * shape);
	double		high = FAR_LOGIT;
	double		weight;
	double		whole;
	double		sum;
	int			count;

	if (a >= NARROW && b >= NARROW)
	{
		low = Max(low, log(a / b) - FAR_DEVIATIONS * deviation);
		high = Min(high, log(a / b) + FAR_DEVIATIONS * deviation);
	}
	count = (int) ((high - low) / step);
	weight = density(a, b, low);
	whole = weight / expm1(a * step);
	sum = whole * shape * time;
	for (int i = 0; i <= count; i++)
	{
		double		logit = low + i * step;

		weight = density(a, b, logit);
		whole += weight;
		sum += weight * orders_of(shape, time, 1 / (1 + exp(-logit)));
	}
	weight /= expm1(b * step);
	whole += weight;
	sum += weight * orders_of(shape, time, 1);
	return sum / whole;
}

/* All arguments are positive; time may be 0. */
double
kpicrm_orders_while_active(double shape, double a, double b, double time)
{
	if (time <= 0)
		return 0;
	if (series_is_good(shape, a, b, time / (1 + time)))
		return by_series(shape, a, b, time);
	return by_integral(shape, a, b, time);
}
