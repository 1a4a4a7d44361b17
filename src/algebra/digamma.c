/*
 * digamma.c
 *		Derivative of the logarithm of the gamma function.  Knows neither fmgr nor
 *		SQL.
 *
 * Source: formulas 5.5.2 (recurrence) and 5.11.2 (asymptotic expansion) of the NIST
 * Digital Library of Mathematical Functions.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/digamma.h"

/* From here on the first term left out of the expansion is below 1e-16. */
#define ASYMPTOTIC 10

/* For x > 0. */
double
kpicrm_digamma(double x)
{
	double		below = 0;
	double		square;

	for (; x < ASYMPTOTIC; x++)
		below += 1 / x;
	square = 1 / (x * x);
	return log(x) - 0.5 / x - below -
		square * (1.0 / 12 - square * (1.0 / 120 - square * (1.0 / 252 - square * (1.0 / 240 -
		square * (1.0 / 132 - square * (691.0 / 32760 - square / 12))))));
}
