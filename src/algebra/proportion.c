/*
 * proportion.c
 *		What can be said about a rate from k of n cases.  Knows neither fmgr nor
 *		SQL.
 *
 * Sources: the interval is that of E. B. Wilson, "Probable inference, the law of
 * succession, and statistical inference", JASA 22 (1927) 209-212.  The exact
 * test is that of R. A. Fisher, "On the interpretation of chi-square from
 * contingency tables", JRSS 85 (1922) 87-94, two-sided as in A. Agresti,
 * "Categorical Data Analysis": the probability of all tables of the same margins
 * that are not more probable than the one observed.  The normal quantile is
 * algorithm AS 241 (PPND16) of M. J. Wichura, Applied Statistics 37 (1988)
 * 477-484, good to about 16 digits.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/proportion.h"

/* Up to this many cases in all, or below this expected count: the exact test. */
#define EXACT_CASES 1000
#define EXACT_EXPECTED 5.0

/* Tables this much more probable still count as equally probable, as in R. */
#define SAME_PROBABILITY (1.0 + 1e-7)

/* AS 241: numerators and denominators, highest power first. */
#define AS241_TERMS 8

static const double central_numerator[AS241_TERMS] = {
	2509.0809287301226727, 33430.575583588128105, 67265.770927008700853,
	45921.953931549871457, 13731.693765509461125, 1971.5909503065514427,
	133.14166789178437745, 3.387132872796366608
};
static const double central_denominator[AS241_TERMS] = {
	5226.495278852854561, 28729.085735721942674, 39307.89580009271061,
	21213.794301586595867, 5394.1960214247511077, 687.1870074920579083,
	42.313330701600911252, 1.0
};
static const double near_numerator[AS241_TERMS] = {
	7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
	1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055,
	4.6303378461565452959, 1.42343711074968357734
};
static const double near_denominator[AS241_TERMS] = {
	1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
	0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494,
	2.05319162663775882187, 1.0
};
static const double far_numerator[AS241_TERMS] = {
	2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
	0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358,
	5.4637849111641143699, 6.6579046435011037772
};
static const double far_denominator[AS241_TERMS] = {
	2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
	7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531,
	0.59983220655588793769, 1.0
};

static double
ratio(const double *numerator, const double *denominator, double x)
{
	double		above = numerator[0];
	double		below = denominator[0];

	for (int i = 1; i < AS241_TERMS; i++)
	{
		above = above * x + numerator[i];
		below = below * x + denominator[i];
	}
	return above / below;
}

/*
 * The z between whose negative and itself a standard normal variable lies with
 * this probability, 0 < confidence < 1: 1.96 for 0.95.
 */
double
kpicrm_normal_bound(double confidence)
{
	double		q = confidence / 2;
	double		r;

	if (q <= 0.425)
		return q * ratio(central_numerator, central_denominator, 0.180625 - q * q);

	r = sqrt(-log((1 - confidence) / 2));
	if (r <= 5)
		return ratio(near_numerator, near_denominator, r - 1.6);
	return ratio(far_numerator, far_denominator, r - 5);
}

/*
 * The bounds are the roots p of (k/n - p)^2 = z^2 p (1 - p) / n.  Both contain
 * this sum; the lower one comes from the product of the roots, because the
 * difference in its usual formula would cancel digits of small rates.
 */
static double
wilson_sum(double converted, double total, double z)
{
	return 2 * converted + z * z +
		z * sqrt(z * z + 4 * converted * ((total - converted) / total));
}

/* Needs total > 0; exactly 0 if nothing converted. */
double
kpicrm_wilson_lower(int64 converted, int64 total, double confidence)
{
	double		k = (double) converted;
	double		n = (double) total;
	double		z = kpicrm_normal_bound(confidence);

	if (converted == 0)
		return 0;
	return Min(1, 2 * k * (k / n) / wilson_sum(k, n, z));
}

/* Needs total > 0; exactly 1 if all converted. */
double
kpicrm_wilson_upper(int64 converted, int64 total, double confidence)
{
	double		k = (double) converted;
	double		n = (double) total;
	double		z = kpicrm_normal_bound(confidence);

	if (converted == total)
		return 1;
	return Min(1, wilson_sum(k, n, z) / (2 * (n + z * z)));
}

/*
 * Fisher's exact test, two-sided: the tables with these margins have x
 * conversions in the first row, lo <= x <= hi.  Probabilities are taken relative
 * to that of the most probable x, from which neighbours follow by the ratio
 * below; so nothing is lost to logarithms of huge factorials.  The walk ends
 * where probabilities vanish.  With at most EXACT_CASES cases, or an expected
 * count under EXACT_EXPECTED (the variance is smaller than any of them), that is
 * after some hundred steps however large the counts are.
 *
 * The margins need one bit more than the counts.
 */
typedef struct Margins
{
	int128		total1;
	int128		total2;
	int128		converted;
	int128		lo;
	int128		hi;
} Margins;

/* Probability of x + 1 relative to that of x. */
static double
step_up(const Margins *m, int128 x)
{
	return (double) (m->total1 - x) / (double) (x + 1) *
		((double) (m->converted - x) / (double) (m->total2 - m->converted + x + 1));
}

static void
add_table(double probability, double observed, double *all, double *extreme)
{
	*all += probability;
	if (probability <= observed * SAME_PROBABILITY)
		*extreme += probability;
}

/* Relative probability of x, 0 if it vanishes. */
static double
relative_probability(const Margins *m, int128 mode, int128 x)
{
	double		probability = 1;

	for (int128 at = mode; at < x && probability > 0; at++)
		probability *= step_up(m, at);
	for (int128 at = mode; at > x && probability > 0; at--)
		probability /= step_up(m, at - 1);
	return probability;
}

static double
exact_test(int64 converted1, int64 total1, int64 converted2, int64 total2)
{
	Margins		m;
	int128		mode;
	double		observed;
	double		probability;
	double		all = 0;
	double		extreme = 0;

	m.total1 = total1;
	m.total2 = total2;
	m.converted = (int128) converted1 + converted2;
	m.lo = Max(0, m.converted - m.total2);
	m.hi = Min(m.converted, m.total1);
	mode = (m.total1 + 1) * (m.converted + 1) / (m.total1 + m.total2 + 2);

	observed = relative_probability(&m, mode, converted1);
	add_table(1, observed, &all, &extreme);
	probability = 1;
	for (int128 x = mode; x < m.hi && probability > 0; x++)
	{
		probability *= step_up(&m, x);
		add_table(probability, observed, &all, &extreme);
	}
	probability = 1;
	for (int128 x = mode; x > m.lo && probability > 0; x--)
	{
		probability /= step_up(&m, x - 1);
		add_table(probability, observed, &all, &extreme);
	}
	return Min(1, extreme / all);
}

/*
 * Chi-square with one degree of freedom, no continuity correction; needs all
 * expected counts above zero.  Its upper tail is the two tails of the normal
 * distribution beyond the root of the statistic.
 */
static double
chi_square_test(int64 converted1, int64 total1, int64 converted2, int64 total2)
{
	int128		difference = (int128) converted1 * total2 - (int128) converted2 * total1;
	double		converted = (double) converted1 + (double) converted2;
	double		other = (double) (total1 - converted1) + (double) (total2 - converted2);
	double		z = fabs((double) difference) / sqrt((double) total1) / sqrt((double) total2) *
		sqrt((converted + other) / converted / other);

	return erfc(z * M_SQRT1_2);
}

/*
 * Two-sided p-value of the hypothesis that both rates are samples of one.  Needs
 * both totals > 0.
 */
double
kpicrm_same_rate_probability(int64 converted1, int64 total1,
							 int64 converted2, int64 total2)
{
	double		converted = (double) converted1 + (double) converted2;
	double		other = (double) (total1 - converted1) + (double) (total2 - converted2);
	double		all = converted + other;
	double		smallest_expected = (double) Min(total1, total2) / all * Min(converted, other);

	if (all <= EXACT_CASES || smallest_expected < EXACT_EXPECTED)
		return exact_test(converted1, total1, converted2, total2);
	return chi_square_test(converted1, total1, converted2, total2);
}
