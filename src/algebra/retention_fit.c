/*
 * retention_fit.c
 *		The shifted-beta-geometric distribution that makes a retention_sample most
 *		likely.  Knows neither fmgr nor SQL.
 *
 * P. S. Fader and B. G. S. Hardie, "How to project customer retention", Journal of
 * Interactive Marketing 21 (2007) 76-90.  A contract lost in period t is one success in
 * t cases, one kept for t periods none, and the groups of so many cases are
 * beta-binomial: the search of rate_prior.c finds the maximum.  Newton's method on the
 * exact derivatives, in the logarithms, then takes it to the last digits and gives the
 * observed information.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/rate_prior.h"
#include "algebra/retention_model.h"

#define MAX_STEPS 200
#define MAX_HALVINGS 20
#define TRUSTED_STEPS 4

/* Where to begin if the search found no spread. */
#define START_SPREAD 0.01

/* Longer steps would leave the region that the curvature is of. */
#define MAX_STEP 1.0

/* What rounding makes of a log-likelihood, as a share of it. */
#define ROUNDING 1e-12

/*
 * Log-likelihood and its derivatives by v = log(churn / (1 - churn)) and u =
 * log(spread).
 */
typedef struct Peak
{
	double		value;
	double		by_v;
	double		by_u;
	double		by_vv;
	double		by_uv;
	double		by_uu;
} Peak;

typedef struct Point
{
	double		churn;
	double		spread;
	Peak		peak;
} Point;

/* What the sample tells, and what it cannot. */
static KpicrmRetentionStatus
what_is_known(const KpicrmRetentionSample *s)
{
	int64		lost_first = 0;
	int64		lost_later = 0;
	int64		unobserved = 0;
	int32		longest = s->used > 0 ? s->entries[s->used - 1].period : 0;

	for (int32 i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		if (entry->period == 0)
			unobserved = entry->kept;
		else if (entry->period == 1)
			lost_first = entry->lost;
		else
			lost_later += entry->lost;
	}
	if (s->contracts == 0)
		return KPICRM_RETENTION_NO_CONTRACTS;
	if (s->contracts == unobserved)
		return KPICRM_RETENTION_NO_RENEWAL;
	if (lost_first + lost_later == 0)
		return KPICRM_RETENTION_NONE_LOST;
	if (lost_first == s->contracts - unobserved)
		return KPICRM_RETENTION_ALL_LOST_FIRST;
	if (longest == 1)
		return KPICRM_RETENTION_ONE_RENEWAL;
	if (lost_later == 0)
		return KPICRM_RETENTION_NONE_LOST_LATER;
	if (s->contracts - unobserved == 1)
		return KPICRM_RETENTION_ONE_CONTRACT;
	return KPICRM_RETENTION_CONVERGED;
}

static KpicrmRateGroup *
groups_of_sample(const KpicrmRetentionSample *s, int *count)
{
	KpicrmRateGroup *groups = palloc(2 * (size_t) s->used * sizeof(KpicrmRateGroup));

	*count = 0;
	for (int32 i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		if (entry->lost > 0)
			groups[(*count)++] = (KpicrmRateGroup) {1, entry->period, entry->lost};
		if (entry->kept > 0 && entry->period > 0)
			groups[(*count)++] = (KpicrmRateGroup) {0, entry->period, entry->kept};
	}
	return groups;
}

/* One occasion to renew after t periods: so many came to it, and so many were lost. */
static void
add_occasion(Peak *peak, double churn, double spread, double t, double came, double lost)
{
	double		shift = t * spread;
	double		all = 1 + shift;
	double		stay = 1 - churn + shift;
	double		stayed = came - lost;
	double		by_churn = lost / churn - stayed / stay;
	/* stayed / stay - came / all, and its derivative, without the loss of digits */
	double		by_shift = came * churn / (stay * all) - lost / stay;
	double		by_shift_twice = lost / (stay * stay)
		- came * churn * (all + stay) / (stay * stay * all * all);
	double		slope = churn * (1 - churn);

	peak->value += lost * log(churn / all) + stayed * log1p(-churn / all);
	peak->by_v += by_churn * slope;
	peak->by_u += shift * by_shift;
	peak->by_vv += by_churn * slope * (1 - 2 * churn)
		- (lost / (churn * churn) + stayed / (stay * stay)) * slope * slope;
	peak->by_uv += stayed / (stay * stay) * slope * shift;
	peak->by_uu += shift * (by_shift + shift * by_shift_twice);
}

static Peak
look(const KpicrmRetentionSample *s, double churn, double spread)
{
	Peak		peak = {0};
	int64		left = s->contracts;
	int32		period = 1;

	for (int32 i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		for (; period < entry->period; period++)
			add_occasion(&peak, churn, spread, period - 1, (double) left, 0);
		if (entry->period > 0)
			add_occasion(&peak, churn, spread, period++ - 1, (double) left, (double) entry->lost);
		left -= entry->lost + entry->kept;
	}
	return peak;
}

static double
determinant(const Peak *peak)
{
	return peak->by_vv * peak->by_uu - peak->by_uv * peak->by_uv;
}

static bool
is_hill(const Peak *peak)
{
	return peak->by_vv < 0 && determinant(peak) > 0;
}

/*
 * Where to go next: by Newton's method, or where the surface is no hill, along the
 * spread, with churn following.
 */
static void
choose_step(const Peak *peak, double *v, double *u)
{
	if (is_hill(peak))
	{
		*v = -(peak->by_uu * peak->by_v - peak->by_uv * peak->by_u) / determinant(peak);
		*u = -(peak->by_vv * peak->by_u - peak->by_uv * peak->by_v) / determinant(peak);
	}
	else
	{
		*v = peak->by_vv < 0 ? -peak->by_v / peak->by_vv : copysign(MAX_STEP, peak->by_v);
		*u = copysign(MAX_STEP, peak->by_u);
	}
}

static Point
moved(const KpicrmRetentionSample *s, const Point *from, double v, double u)
{
	double		odds = from->churn / (1 - from->churn) * exp(v);
	Point		to;

	to.churn = odds / (1 + odds);
	to.spread = from->spread * exp(u);
	to.peak = look(s, to.churn, to.spread);
	return to;
}

/* The last steps are taken on trust: their gain is too small to be seen in the value. */
static bool
settle(const KpicrmRetentionSample *s, Point *at)
{
	for (int step = 0; step < TRUSTED_STEPS && is_hill(&at->peak); step++)
	{
		double		v;
		double		u;

		choose_step(&at->peak, &v, &u);
		*at = moved(s, at, v, u);
	}
	return is_hill(&at->peak);
}

static bool
climb(const KpicrmRetentionSample *s, Point *at, bool (*is_cancelled) (void))
{
	for (int step = 0; step < MAX_STEPS && !is_cancelled(); step++)
	{
		double		v;
		double		u;
		double		length;
		Point		next;

		choose_step(&at->peak, &v, &u);
		if (is_hill(&at->peak) &&
			(at->peak.by_v * v + at->peak.by_u * u) / 2 < ROUNDING * fabs(at->peak.value))
			return settle(s, at);
		length = Min(1, MAX_STEP / Max(fabs(v), fabs(u)));
		next = moved(s, at, v * length, u * length);
		for (int halving = 0; halving < MAX_HALVINGS && !(next.peak.value > at->peak.value); halving++)
		{
			length /= 2;
			next = moved(s, at, v * length, u * length);
		}
		if (!(next.peak.value > at->peak.value))
			return false;
		*at = next;
	}
	return false;
}

/* All contracts alike: churn is the share of the occasions at which one was lost. */
static void
fit_alike(KpicrmRetentionModel *m, const KpicrmRetentionSample *s)
{
	double		occasions = 0;
	double		lost = 0;

	for (int32 i = 0; i < s->used; i++)
	{
		const KpicrmRetentionEntry *entry = &s->entries[i];

		occasions += entry->period * ((double) entry->lost + (double) entry->kept);
		lost += (double) entry->lost;
	}
	m->status = KPICRM_RETENTION_ALIKE;
	m->churn = lost / occasions;
	m->churn_error = sqrt(m->churn * (1 - m->churn) / occasions);
	m->log_likelihood = lost * log(m->churn) + (occasions - lost) * log1p(-m->churn);
}

static void
set_spread(KpicrmRetentionModel *m, const Point *top)
{
	const Peak *peak = &top->peak;

	m->status = KPICRM_RETENTION_CONVERGED;
	m->log_likelihood = peak->value;
	m->churn = top->churn;
	m->churn_error = top->churn * (1 - top->churn) * sqrt(-peak->by_uu / determinant(peak));
	m->spread = top->spread;
	m->spread_error = top->spread * sqrt(-peak->by_vv / determinant(peak));
	m->correlation = Max(-1, Min(1, peak->by_uv / sqrt(peak->by_vv * peak->by_uu)));
}

/* Where the search by rate_prior has come to, or a guess. */
static Point
start(const KpicrmRetentionSample *s, bool (*is_cancelled) (void))
{
	KpicrmRateGroup *groups;
	KpicrmRatePrior prior;
	int			count;
	Point		at;

	groups = groups_of_sample(s, &count);
	kpicrm_rate_prior_fit(&prior, groups, count, is_cancelled);
	pfree(groups);
	at.churn = prior.mean;
	at.spread = prior.status == KPICRM_PRIOR_FITTED ? 1 / (prior.alpha + prior.beta) : START_SPREAD;
	at.peak = look(s, at.churn, at.spread);
	return at;
}

/*
 * A spread that makes the sample no more likely than none is rounding: the likelihood
 * falls from a spread of 0 on, or rises to one maximum and then falls.
 */
void
kpicrm_retention_fit(KpicrmRetentionModel *m, const KpicrmRetentionSample *s,
					 bool (*is_cancelled) (void))
{
	Point		at;
	bool		is_top;

	memset(m, 0, sizeof(*m));
	m->contracts = s->contracts;
	m->status = what_is_known(s);
	if (m->status != KPICRM_RETENTION_CONVERGED)
		return;

	at = start(s, is_cancelled);
	is_top = climb(s, &at, is_cancelled);
	fit_alike(m, s);
	if (at.peak.value <= m->log_likelihood + ROUNDING * fabs(m->log_likelihood))
		return;
	if (is_top)
		set_spread(m, &at);
	if (!is_top || !kpicrm_retention_model_is_valid(m))
	{
		memset(m, 0, sizeof(*m));
		m->contracts = s->contracts;
		m->status = KPICRM_RETENTION_NOT_CONVERGED;
	}
}
