/*
 * rate_prior.c
 *		How the true rates of groups are spread, learnt from k of n of each.  Knows
 *		neither fmgr nor SQL.
 *
 * Each group has a rate of its own, drawn from a beta distribution with this mean
 * and spread = 1 / (alpha + beta); the counts are then beta-binomial.  Fitted by
 * maximum likelihood in the form of D. M. Smith, "Maximum likelihood estimation of
 * the parameters of the beta binomial distribution", Applied Statistics 32 (1983)
 * 196-204: sums of logarithms that stay exact where the spread is 0, which is the
 * binomial distribution.  Empirical Bayes: B. Efron and C. Morris, "Data analysis
 * using Stein's estimator and its generalizations", JASA 70 (1975) 311-319.
 */
#include "postgres.h"

#include <math.h>
#include <nlopt.h>

#include "algebra/rate_prior.h"

/* Terms of a sum that are added up; the rest is smooth. */
#define EXACT_TERMS 32

/* The spread is sought as spread / (1 + spread), the correlation of two cases of a group. */
#define MAX_CORRELATION 0.9999
#define MIN_MEAN 1e-12

#define MAX_EVALUATIONS 2000

typedef struct Sample
{
	const KpicrmRateGroup *groups;
	int			count;
	bool		(*is_cancelled) (void);
	nlopt_opt	search;
} Sample;

/* Integral of log(x + t * spread) for t from first over length, x + first * spread > 0. */
static double
log_integral(double x, double spread, double first, double length)
{
	double		start = x + first * spread;
	double		growth = length * spread / start;
	double		rest;

	if (growth < 1e-4)
		rest = growth * (1.0 / 2 - growth * (1.0 / 6 - growth * (1.0 / 12 - growth / 20)));
	else
		rest = ((1 + growth) * log1p(growth) - growth) / growth;
	return length * (log(start) + rest);
}

/* What Euler and Maclaurin take from the integral between midpoints, at one end. */
static double
midpoint_correction(double step)
{
	double		square = step * step;

	return step * (-1.0 / 24 + square * (7.0 / 2880 - square * (31.0 / 40320)));
}

/* Sum of log(x + j * spread) for 0 <= j < count: log of a rising factorial. */
static double
log_rising(double x, double spread, int64 count)
{
	double		sum = 0;
	double		first = EXACT_TERMS - 0.5;
	double		last = (double) count - 0.5;

	for (int j = 0; j < Min(count, EXACT_TERMS); j++)
		sum += log(x + j * spread);
	if (count > EXACT_TERMS)
		sum += log_integral(x, spread, first, last - first)
			+ midpoint_correction(spread / (x + last * spread))
			- midpoint_correction(spread / (x + first * spread));
	return sum;
}

/*
 * Log-likelihood without the binomial coefficients, which do not depend on the
 * parameters.  0 < mean < 1, spread >= 0.
 */
double
kpicrm_beta_binomial_log(const KpicrmRateGroup *groups, int count, double mean, double spread)
{
	double		sum = 0;

	for (int i = 0; i < count; i++)
		sum += (double) groups[i].multiplicity *
			(log_rising(mean, spread, groups[i].converted) +
			 log_rising(1 - mean, spread, groups[i].total - groups[i].converted) -
			 log_rising(1, spread, groups[i].total));
	return sum;
}

static double
objective(unsigned n, const double *at, double *gradient, void *data)
{
	Sample	   *sample = data;

	if (sample->is_cancelled())
		nlopt_force_stop(sample->search);
	return kpicrm_beta_binomial_log(sample->groups, sample->count, at[0], at[1] / (1 - at[1]));
}

/*
 * Correlation of two cases of a group, by moments: where to begin.  Pearson's
 * statistic of a group is 1 + (n - 1) * correlation on average.
 */
static double
first_correlation(const KpicrmRateGroup *groups, int count, double mean)
{
	double		excess = 0;
	double		pairs = 0;

	for (int i = 0; i < count; i++)
	{
		double		n = (double) groups[i].total;
		double		off = (double) groups[i].converted - n * mean;

		excess += (double) groups[i].multiplicity * (off * off / (n * mean * (1 - mean)) - 1);
		pairs += (double) groups[i].multiplicity * (n - 1);
	}
	return Min(0.9, Max(0.001, excess / pairs));
}

/* BOBYQA (M. J. D. Powell 2009): no derivatives, within bounds, and deterministic. */
static bool
maximise(Sample *sample, double at[2], double *reached)
{
	const double low[2] = {MIN_MEAN, 0};
	const double high[2] = {1 - MIN_MEAN, MAX_CORRELATION};
	const double step[2] = {Min(at[0], 1 - at[0]) / 4, at[1] / 4};
	nlopt_result result;

	sample->search = nlopt_create(NLOPT_LN_BOBYQA, 2);
	if (sample->search == NULL)
		return false;
	nlopt_set_max_objective(sample->search, objective, sample);
	nlopt_set_lower_bounds(sample->search, low);
	nlopt_set_upper_bounds(sample->search, high);
	nlopt_set_initial_step(sample->search, step);
	nlopt_set_xtol_rel(sample->search, 1e-9);
	nlopt_set_maxeval(sample->search, MAX_EVALUATIONS);
	result = nlopt_optimize(sample->search, at, reached);
	nlopt_destroy(sample->search);
	/* the roundoff of the likelihood may end the search before the tolerance does */
	return (result > 0 && result != NLOPT_MAXEVAL_REACHED) || result == NLOPT_ROUNDOFF_LIMITED;
}

/*
 * groups are distinct, with total > 0.  Where chance alone explains the spread, or
 * more than all of it, the best spread is 0 and alpha and beta are infinite.
 */
void
kpicrm_rate_prior_fit(KpicrmRatePrior *prior, const KpicrmRateGroup *groups, int count,
					  bool (*is_cancelled) (void))
{
	Sample		sample = {groups, count, is_cancelled, NULL};
	double		converted = 0;
	double		total = 0;
	double		at[2];
	double		chance;
	bool		has_pairs = false;

	memset(prior, 0, sizeof(*prior));
	for (int i = 0; i < count; i++)
	{
		prior->groups += groups[i].multiplicity;
		converted += (double) groups[i].multiplicity * (double) groups[i].converted;
		total += (double) groups[i].multiplicity * (double) groups[i].total;
		has_pairs |= groups[i].total > 1;
	}
	prior->mean = converted / total;
	prior->status = KPICRM_PRIOR_TOO_FEW;
	if (prior->groups < 2 || !has_pairs || converted == 0 || converted == total)
		return;

	at[0] = prior->mean;
	at[1] = first_correlation(groups, count, prior->mean);
	chance = kpicrm_beta_binomial_log(groups, count, prior->mean, 0);
	prior->status = KPICRM_PRIOR_NOT_CONVERGED;
	if (!maximise(&sample, at, &prior->log_likelihood))
		return;
	prior->status = KPICRM_PRIOR_FITTED;
	if (at[1] <= 1e-9 || prior->log_likelihood <= chance)
	{
		prior->status = KPICRM_PRIOR_NO_SPREAD;
		prior->log_likelihood = chance;
		return;
	}
	/* every group all or nothing: the likelihood grows until the end of the search, and there is no estimate */
	if (at[1] > MAX_CORRELATION * (1 - 1e-6))
	{
		prior->status = KPICRM_PRIOR_TOO_FEW;
		return;
	}
	prior->mean = at[0];
	prior->alpha = at[0] * (1 - at[1]) / at[1];
	prior->beta = (1 - at[0]) * (1 - at[1]) / at[1];
}
