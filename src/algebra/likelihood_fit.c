/*
 * likelihood_fit.c
 *		Positive parameters that make a sample most likely.  Knows neither fmgr nor
 *		SQL.
 *
 * Sought as logarithms, where no parameter can leave its range and where the
 * likelihood is more nearly quadratic.  SLSQP (D. Kraft, ACM TOMS 20 (1994) 262-281)
 * comes near the maximum; Newton's method with the observed information (differences
 * of the analytic gradient) takes the last steps, says whether it is a maximum, and
 * gives the standard errors.  Both are deterministic.
 */
#include "postgres.h"

#include <math.h>
#include <nlopt.h>

#include "algebra/likelihood_fit.h"

#define N KPICRM_FIT_PARAMETERS

#define MAX_EVALUATIONS 1000
#define MAX_NEWTON_STEPS 50
#define MAX_HALVINGS 30

/* Error of a difference quotient of the gradient: about 1e-9 of the curvature. */
#define DIFFERENCE 1e-4

/* The maximum is reached when it is, by the curvature, not higher than by this. */
#define TOLERANCE 1e-9

/* Good enough where rounding keeps a large sample from reaching TOLERANCE. */
#define LOOSE_TOLERANCE 1e-5

/* Nearer than this to the limit of the search is at it. */
#define EDGE 0.05

/* So uncertain a logarithm (a factor of e^10 both ways) says nothing. */
#define MAX_ERROR 10

/* Longer steps would leave the region that the curvature is of. */
#define MAX_STEP 1

typedef struct Search
{
	const KpicrmLikelihood *likelihood;
	nlopt_opt	search;
} Search;

/* A point with all that is known of the likelihood there. */
typedef struct Point
{
	double		at[N];
	double		value;
	double		gradient[N];
	double		factor[N][N];	/* Cholesky factor of the observed information */
	bool		is_hill;		/* there is such a factor */
} Point;

static double
evaluate(const KpicrmLikelihood *l, const double *at, double *gradient)
{
	return l->value(l->sample, at, gradient, l->is_cancelled);
}

/* For the search: to be minimised, and of the size of one observation. */
static double
objective(unsigned n, const double *at, double *gradient, void *data)
{
	Search	   *search = data;
	double		slope[N];
	double		value = evaluate(search->likelihood, at, slope);

	if (search->likelihood->is_cancelled())
		nlopt_force_stop(search->search);
	for (unsigned i = 0; gradient != NULL && i < n; i++)
		gradient[i] = -slope[i] / search->likelihood->weight;
	return -value / search->likelihood->weight;
}

static void
approach(const KpicrmLikelihood *l, double *at)
{
	Search		search = {l, nlopt_create(NLOPT_LD_SLSQP, (unsigned) l->parameters)};
	double		reached;

	if (search.search == NULL)
		return;
	nlopt_set_min_objective(search.search, objective, &search);
	nlopt_set_lower_bounds1(search.search, -l->limit);
	nlopt_set_upper_bounds1(search.search, l->limit);
	nlopt_set_ftol_rel(search.search, 1e-12);
	nlopt_set_maxeval(search.search, MAX_EVALUATIONS);
	/* whatever it says: Newton's method sees where it has come to */
	nlopt_optimize(search.search, at, &reached);
	nlopt_destroy(search.search);
}

static bool
factorise(double matrix[N][N], int n)
{
	for (int i = 0; i < n; i++)
		for (int j = 0; j <= i; j++)
		{
			double		rest = matrix[i][j];

			for (int k = 0; k < j; k++)
				rest -= matrix[i][k] * matrix[j][k];
			if (i > j)
				matrix[i][j] = rest / matrix[j][j];
			else if (rest > 0)
				matrix[i][i] = sqrt(rest);
			else
				return false;
		}
	return true;
}

/* Solves factor x = b, then, unless half, the transposed one. */
static void
solve(double factor[N][N], int n, double *x, bool half)
{
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < i; k++)
			x[i] -= factor[i][k] * x[k];
		x[i] /= factor[i][i];
	}
	for (int i = n - 1; i >= 0 && !half; i--)
	{
		for (int k = i + 1; k < n; k++)
			x[i] -= factor[k][i] * x[k];
		x[i] /= factor[i][i];
	}
}

static void
look_around(const KpicrmLikelihood *l, Point *p)
{
	double		slope[N][2][N];

	p->value = evaluate(l, p->at, p->gradient);
	for (int i = 0; i < l->parameters; i++)
		for (int side = 0; side < 2; side++)
		{
			double		at[N];

			memcpy(at, p->at, sizeof(at));
			at[i] += side == 0 ? -DIFFERENCE : DIFFERENCE;
			evaluate(l, at, slope[i][side]);
		}
	for (int i = 0; i < l->parameters; i++)
		for (int j = 0; j < l->parameters; j++)
			p->factor[i][j] = (slope[i][0][j] - slope[i][1][j] + slope[j][0][i] - slope[j][1][i]) /
				(4 * DIFFERENCE);
	p->is_hill = factorise(p->factor, l->parameters);
}

/* By how much the maximum is higher, by the curvature. */
static double
height_to_gain(const KpicrmLikelihood *l, Point *p)
{
	double		x[N];
	double		sum = 0;

	memcpy(x, p->gradient, sizeof(x));
	solve(p->factor, l->parameters, x, true);
	for (int i = 0; i < l->parameters; i++)
		sum += x[i] * x[i] / 2;
	return sum;
}

/* One step uphill; false if none is found. */
static bool
climb(const KpicrmLikelihood *l, Point *p)
{
	double		step[N];
	double		longest = 0;
	double		at[N];
	double		gradient[N];

	memcpy(step, p->gradient, sizeof(step));
	if (p->is_hill)
		solve(p->factor, l->parameters, step, false);
	for (int i = 0; i < l->parameters; i++)
		longest = Max(longest, fabs(step[i]));
	if (!(longest > 0))
		return false;
	/* where the curvature is no hill's, only the direction is of use */
	for (int i = 0; i < l->parameters; i++)
		step[i] *= p->is_hill ? Min(1, MAX_STEP / longest) : MAX_STEP / longest;
	for (int halving = 0; halving < MAX_HALVINGS && !l->is_cancelled(); halving++)
	{
		for (int i = 0; i < l->parameters; i++)
			at[i] = Min(l->limit, Max(-l->limit, p->at[i] + ldexp(step[i], -halving)));
		if (evaluate(l, at, gradient) > p->value)
		{
			memcpy(p->at, at, sizeof(at));
			return true;
		}
	}
	return false;
}

static bool
is_at_edge(const KpicrmLikelihood *l, const Point *p)
{
	for (int i = 0; i < l->parameters; i++)
		if (fabs(p->at[i]) > l->limit - EDGE)
			return true;
	return false;
}

/* The diagonal of the inverse of the information. */
static bool
standard_errors(const KpicrmLikelihood *l, Point *p, double *error)
{
	for (int i = 0; i < l->parameters; i++)
	{
		double		x[N] = {0};
		double		variance = 0;

		x[i] = 1;
		solve(p->factor, l->parameters, x, true);
		for (int k = 0; k < l->parameters; k++)
			variance += x[k] * x[k];
		error[i] = sqrt(variance);
		if (!(error[i] <= MAX_ERROR))
			return false;
	}
	return true;
}

/* start holds logarithms. */
void
kpicrm_likelihood_fit(KpicrmFit *fit, const KpicrmLikelihood *l, const double *start)
{
	Point		p;

	memset(fit, 0, sizeof(*fit));
	memset(&p, 0, sizeof(p));
	memcpy(p.at, start, (size_t) l->parameters * sizeof(double));
	approach(l, p.at);
	for (int step = 0; step < MAX_NEWTON_STEPS && !l->is_cancelled(); step++)
	{
		look_around(l, &p);
		if ((p.is_hill && height_to_gain(l, &p) < TOLERANCE) || is_at_edge(l, &p) || !climb(l, &p))
			break;
	}
	memcpy(fit->at, p.at, sizeof(fit->at));
	fit->log_likelihood = p.value;
	if (is_at_edge(l, &p))
		fit->status = KPICRM_FIT_AT_EDGE;
	else if (!p.is_hill)
		fit->status = KPICRM_FIT_FLAT;
	else if (!(height_to_gain(l, &p) < LOOSE_TOLERANCE))
		fit->status = KPICRM_FIT_NOT_CONVERGED;
	else if (!standard_errors(l, &p, fit->error))
		fit->status = KPICRM_FIT_FLAT;
	if (fit->status != KPICRM_FIT_CONVERGED)
		memset(fit->error, 0, sizeof(fit->error));
}
