/*
 * retention_curve.c
 *		What a retention_model predicts.  Knows neither fmgr nor SQL.
 *
 * P. S. Fader and B. G. S. Hardie, "How to project customer retention", Journal of
 * Interactive Marketing 21 (2007) 76-90, and "Customer-base valuation in a contractual
 * setting: the perils of ignoring heterogeneity", Marketing Science 29 (2010) 85-93.
 * Everything is written in churn and spread, so that a spread of 0 is no special case.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/retention_model.h"

/* Two convergents so near to each other, in relation, have the value between them. */
#define TOLERANCE 1e-15

/* Share of those who came as far as this period that renew at its end. */
double
kpicrm_retention_rate(const KpicrmRetentionModel *m, int32 period)
{
	double		shift = (period - 1) * m->spread;

	return (1 - m->churn + shift) / (1 + shift);
}

/* At most KPICRM_RETENTION_PERIODS factors: no closed form is as exact. */
double
kpicrm_retention_survival(const KpicrmRetentionModel *m, int32 period)
{
	double		survival = 1;

	for (int32 t = 1; t <= period; t++)
		survival *= kpicrm_retention_rate(m, t);
	return survival;
}

/* Coefficient i > 0 of the continued fraction below, for n = renewals + 1. */
static double
coefficient(const KpicrmRetentionModel *m, double n, double i)
{
	double		k = floor(i / 2);
	double		spread = m->spread;

	if (fmod(i, 2) != 0)
		return (m->churn + k * spread) / (1 + (n - 1 + 2 * k) * spread) *
			((1 + (n - 1 + k) * spread) / (1 + (n + 2 * k) * spread));
	return k * spread / (1 + (n + 2 * k - 2) * spread) *
		((1 - m->churn + (n - 1 + k) * spread) / (1 + (n + 2 * k - 1) * spread));
}

/*
 * The hypergeometric function 2F1(1, alpha; alpha + beta + n; -1 / discount) as Gauss'
 * continued fraction 1 / (1 + c1 x / (1 + c2 x / (1 + ...))), x = 1 / discount.  No
 * coefficient is negative, so the convergents lie on alternate sides of the value, each
 * nearer than the one before: the distance of two bounds the error.  Evaluated forward
 * by Lentz' method; the number of steps grows with 1 / sqrt(discount).
 */
static double
mean_discount(const KpicrmRetentionModel *m, double n, double discount, bool (*is_cancelled) (void))
{
	double		fraction = 1;
	double		numerator = 1;
	double		denominator = 0;
	double		change;
	double		i = 0;

	do
	{
		double		term = coefficient(m, n, ++i) / discount;

		denominator = 1 / (1 + term * denominator);
		numerator = 1 + term / numerator;
		change = numerator * denominator;
		fraction *= change;
	} while (fabs(change - 1) > TOLERANCE && !is_cancelled());
	return 1 / fraction;
}

/*
 * Payments still expected of a contract that has been renewed so many times, just
 * before it comes up for the next renewal: the first one at once if it is renewed, each
 * other one after another period.  Without discount they may be infinitely many.
 */
double
kpicrm_residual_lifetime(const KpicrmRetentionModel *m, int32 renewals, double discount,
						 bool (*is_cancelled) (void))
{
	double		n = (double) renewals + 1;

	if (discount == 0 && m->churn <= m->spread)
		return INFINITY;
	if (discount == 0)
		return (1 - m->churn + renewals * m->spread) / (m->churn - m->spread);
	return kpicrm_retention_rate(m, renewals + 1) * ((1 + discount) / discount) *
		mean_discount(m, n, discount, is_cancelled);
}
