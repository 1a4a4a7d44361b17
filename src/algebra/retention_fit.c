/*
 * retention_fit.c
 *		The shifted-beta-geometric distribution that makes a retention_sample most
 *		likely.  Knows neither fmgr nor SQL.
 *
 * P. S. Fader and B. G. S. Hardie, "How to project customer retention", Journal of
 * Interactive Marketing 21 (2007) 76-90.  A contract lost in period t is one success in
 * t cases, one kept for t periods none, and the groups of so many cases are
 * beta-binomial: rate_prior.c finds the maximum.  Newton's method on the exact
 * derivatives, in the logarithms, then takes it to the last digits and gives the
 * observed information.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/rate_prior.h"
#include "algebra/retention_model.h"

#define MAX_NEWTON_STEPS 50

/* Longer steps would leave the region that the curvature is of. */
#define MAX_STEP 1.0

/* The maximum is not higher than by this, as the curvature has it. */
#define TOLERANCE 1e-9

/* What rounding makes of a log-likelihood. */
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
	double		by_spread = t * (stayed / stay - came / all);
	double		slope = churn * (1 - churn);

	peak->value += lost * log(churn / all) + stayed * log1p(-churn / all);
	peak->by_v += by_churn * slope;
	peak->by_u += by_spread * spread;
	peak->by_vv += by_churn * slope * (1 - 2 * churn)
		- (lost / (churn * churn) + stayed / (stay * stay)) * slope * slope;
	peak->by_uv += t * stayed / (stay * stay) * slope * spread;
	peak->by_uu += by_spread * spread
		+ t * t * (came / (all * all) - stayed / (stay * stay)) * spread * spread;
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

/* From near the maximum to it; false if there is none. */
static bool
climb(const KpicrmRetentionSample *s, double *churn, double *spread, Peak *peak)
{
	double		gain = INFINITY;

	*peak = look(s, *churn, *spread);
	for (int step = 0; step < MAX_NEWTON_STEPS && is_hill(peak); step++)
	{
		double		v = -(peak->by_uu * peak->by_v - peak->by_uv * peak->by_u) / determinant(peak);
		double		u = -(peak->by_vv * peak->by_u - peak->by_uv * peak->by_v) / determinant(peak);
		double		shorten = Min(1, MAX_STEP / Max(fabs(v), fabs(u)));
		double		odds = *churn / (1 - *churn) * exp(shorten * v);
		double		next_churn = odds / (1 + odds);
		double		next_spread = *spread * exp(shorten * u);
		Peak		next = look(s, next_churn, next_spread);

		gain = (peak->by_v * v + peak->by_u * u) / 2;
		if (!(next.value > peak->value))
			break;
		*churn = next_churn;
		*spread = next_spread;
		*peak = next;
	}
	return is_hill(peak) && gain < Max(TOLERANCE, ROUNDING * fabs(peak->value));
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
fit_spread(KpicrmRetentionModel *m, const KpicrmRetentionSample *s, double churn, double spread)
{
	Peak		peak;

	if (!climb(s, &churn, &spread, &peak))
	{
		m->status = KPICRM_RETENTION_NOT_CONVERGED;
		return;
	}
	m->status = KPICRM_RETENTION_CONVERGED;
	m->log_likelihood = peak.value;
	m->churn = churn;
	m->churn_error = churn * (1 - churn) * sqrt(-peak.by_uu / determinant(&peak));
	m->spread = spread;
	m->spread_error = spread * sqrt(-peak.by_vv / determinant(&peak));
	m->correlation = peak.by_uv / sqrt(peak.by_vv * peak.by_uu);
}

void
kpicrm_retention_fit(KpicrmRetentionModel *m, const KpicrmRetentionSample *s,
					 bool (*is_cancelled) (void))
{
	KpicrmRateGroup *groups;
	KpicrmRatePrior prior;
	int			count;

	memset(m, 0, sizeof(*m));
	m->contracts = s->contracts;
	m->status = what_is_known(s);
	if (m->status != KPICRM_RETENTION_CONVERGED)
		return;

	groups = groups_of_sample(s, &count);
	kpicrm_rate_prior_fit(&prior, groups, count, is_cancelled);
	pfree(groups);
	if (prior.status == KPICRM_PRIOR_NO_SPREAD)
		fit_alike(m, s);
	else if (prior.status == KPICRM_PRIOR_FITTED)
		fit_spread(m, s, prior.mean, 1 / (prior.alpha + prior.beta));
	else
		m->status = KPICRM_RETENTION_NOT_CONVERGED;
}
