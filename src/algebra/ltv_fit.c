/*
 * ltv_fit.c
 *		Fits an ltv_model to an ltv_sample.  Knows neither fmgr nor SQL.
 *
 * Times and amounts are divided by their mean first, so that the search sees the
 * same numbers whatever their units are.
 */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"

#include "algebra/likelihood_fit.h"
#include "algebra/ltv_model.h"

/* Parameters are sought between 1/10,000 and 10,000. */
#define SEARCH_LIMIT 9.21

static const KpicrmLtvStatus status_of_fit[] = {
	[KPICRM_FIT_CONVERGED] = KPICRM_LTV_CONVERGED,
	[KPICRM_FIT_AT_EDGE] = KPICRM_LTV_AT_EDGE,
	[KPICRM_FIT_FLAT] = KPICRM_LTV_FLAT,
	[KPICRM_FIT_NOT_CONVERGED] = KPICRM_LTV_NOT_CONVERGED,
};

/* Two searches that end so near to one another would not be beaten by a third. */
#define SAME_HEIGHT 1e-3

/*
 * Takes the best of some starts.  If there is but one hill the first is nearly always
 * good, and what has no maximum is found out by a second one.
 */
static void
maximise(KpicrmLtvPart *part, const KpicrmLikelihood *likelihood, const double start[][KPICRM_FIT_PARAMETERS],
		 int starts, bool has_one_hill, int scale, double unit)
{
	KpicrmFit	best = {0};

	for (int i = 0; i < starts; i++)
	{
		KpicrmFit	fit;
		bool		again;

		kpicrm_likelihood_fit(&fit, likelihood, start[i]);
		again = i > 0 && fabs(fit.log_likelihood - best.log_likelihood) < SAME_HEIGHT;
		/* of two that are as high, the one that is known to be a top */
		if (i == 0 || fit.log_likelihood > best.log_likelihood + SAME_HEIGHT ||
			(fit.status == KPICRM_FIT_CONVERGED && fit.log_likelihood > best.log_likelihood - SAME_HEIGHT))
			best = fit;
		if (has_one_hill && (again || best.status == KPICRM_FIT_CONVERGED))
			break;
	}
	part->status = status_of_fit[best.status];
	part->log_likelihood = best.log_likelihood;
	for (int i = 0; i < likelihood->parameters; i++)
	{
		part->estimate[i] = exp(best.at[i]) * (i == scale ? unit : 1);
		/* delta method: d exp(x) = exp(x) dx */
		part->error[i] = best.error[i] * part->estimate[i];
	}
}

/* Times of the sample in periods of the model. */
static double
periods_per_unit(const KpicrmLtvTerms *terms)
{
	return terms->period == 0 ? 1 : (double) USECS_PER_DAY / (double) terms->period;
}

/* Histories without their values: fewer of them are distinct. */
static uint32
distinct_buyers(KpicrmBuyerCount *buyers, const KpicrmLtvSample *s)
{
	uint32		length = 0;

	for (uint32 i = 0; i < s->used; i++)
	{
		const KpicrmLtvEntry *e = &s->entries[i];
		const KpicrmBuyer buyer = {(double) e->frequency, e->recency, e->age};

		if (length > 0 && memcmp(&buyers[length - 1].buyer, &buyer, sizeof(buyer)) == 0)
			buyers[length - 1].count += (double) e->customers;
		else
			buyers[length++] = (KpicrmBuyerCount) {buyer, (double) e->customers};
	}
	return length;
}

static void
fit_orders(KpicrmLtvModel *m, const KpicrmLtvSample *s, bool (*is_cancelled) (void))
{
	/* log of r, alpha / r, a, b */
	static const double shape[][3] = {{0, 0, 0.7}, {-1.2, -0.7, 0.7}, {1.1, 0.7, 2.3}, {-1.2, 2.3, 3}, {-0.3, -1.8, -2.4}, {-2, 0.8, 5}};
	double		start[lengthof(shape)][KPICRM_FIT_PARAMETERS];
	KpicrmBuyerCount *buyers = palloc_extended((Size) s->used * sizeof(*buyers), MCXT_ALLOC_HUGE);
	KpicrmBuyerSample sample = {s->terms.variant, distinct_buyers(buyers, s), buyers};
	KpicrmLikelihood likelihood = {kpicrm_buyer_log_likelihood, &sample, (double) m->customers,
	KPICRM_ORDER_PARAMETERS, SEARCH_LIMIT, is_cancelled};
	double		orders = 0;
	double		time = 0;
	double		mean_age;

	for (uint32 i = 0; i < sample.length; i++)
	{
		orders += buyers[i].buyer.frequency * buyers[i].count;
		time += buyers[i].buyer.age * buyers[i].count;
	}
	mean_age = time > 0 ? time / (double) m->customers : 1;
	for (uint32 i = 0; i < sample.length; i++)
	{
		buyers[i].buyer.recency /= mean_age;
		buyers[i].buyer.age /= mean_age;
	}
	for (int i = 0; i < (int) lengthof(shape); i++)
	{
		start[i][0] = shape[i][0];
		start[i][1] = Min(8, Max(-8, shape[i][0] + log((double) m->customers / orders)));
		start[i][2] = shape[i][1];
		start[i][3] = shape[i][2];
	}
	mean_age *= periods_per_unit(&m->terms);
	/* MBG/NBD has often two: many who left at once, or some who left in the end */
	maximise(&m->orders, &likelihood, start, lengthof(start), s->terms.variant == KPICRM_BUYER_BG, 1, mean_age);
	m->orders.log_likelihood -= orders * log(mean_age);
	pfree(buyers);
}

static uint32
spenders_of(KpicrmSpender *spenders, const KpicrmLtvSample *s)
{
	uint32		length = 0;

	for (uint32 i = 0; i < s->used; i++)
	{
		const KpicrmLtvEntry *e = &s->entries[i];

		if (e->value > 0)
			spenders[length++] = (KpicrmSpender) {(double) e->frequency, e->value, (double) e->customers};
	}
	return length;
}

static void
fit_spend(KpicrmLtvModel *m, const KpicrmLtvSample *s, bool (*is_cancelled) (void))
{
	static const double start[][KPICRM_FIT_PARAMETERS] = {{1.4, 1.4, 1.1}, {0, 1, 1}, {3, 1.4, -1}, {0, 3, 3}};
	KpicrmSpender *spenders = palloc_extended((Size) s->used * sizeof(*spenders), MCXT_ALLOC_HUGE);
	KpicrmSpendSample sample = {spenders_of(spenders, s), spenders};
	KpicrmLikelihood likelihood = {kpicrm_spend_log_likelihood, &sample, (double) m->spenders,
	KPICRM_SPEND_PARAMETERS, SEARCH_LIMIT, is_cancelled};
	double		mean = 0;
	bool		varies = false;

	for (uint32 i = 0; i < sample.length; i++)
	{
		mean += spenders[i].mean * (spenders[i].count / (double) m->spenders);
		varies |= spenders[i].mean != spenders[0].mean;
	}
	m->spend.status = KPICRM_LTV_SAME_SPEND;
	if (varies)
	{
		for (uint32 i = 0; i < sample.length; i++)
			spenders[i].mean /= mean;
		maximise(&m->spend, &likelihood, start, lengthof(start), true, 2, mean);
		m->spend.log_likelihood -= (double) m->spenders * log(mean);
	}
	pfree(spenders);
}

/* For a settled sample. */
void
kpicrm_ltv_fit(KpicrmLtvModel *m, const KpicrmLtvSample *s, bool (*is_cancelled) (void))
{
	memset(m, 0, sizeof(*m));
	m->terms = s->terms;
	for (uint32 i = 0; i < s->used; i++)
	{
		const KpicrmLtvEntry *e = &s->entries[i];

		m->customers += e->customers;
		m->repeaters += e->frequency > 0 ? e->customers : 0;
		m->spenders += e->value > 0 ? e->customers : 0;
	}
	if (m->customers < 2)
		m->orders.status = m->customers == 0 ? KPICRM_LTV_NO_CUSTOMERS : KPICRM_LTV_ONE_CUSTOMER;
	else if (m->repeaters == 0)
		m->orders.status = KPICRM_LTV_ALL_ONCE;
	else
		fit_orders(m, s, is_cancelled);

	if (m->spenders < 2)
		m->spend.status = m->customers == 0 ? KPICRM_LTV_NO_CUSTOMERS :
			m->spenders == 0 ? KPICRM_LTV_NO_SPEND : KPICRM_LTV_ONE_CUSTOMER;
	else
		fit_spend(m, s, is_cancelled);
}
