/*
 * survival.c
 *		How durations end when some have not ended yet.
 *
 * Survival: Kaplan & Meier, JASA 53 (1958), over any ending, open rows censored;
 * rows that end at a time precede those censored at it.  Its bounds: Greenwood's
 * variance on the scale log(-log S), Kalbfleisch & Prentice (1980).  Incidence
 * of won with lost as competing risk: Aalen & Johansen, Scand. J. Statist. 5
 * (1978).  The numbers agree with survfit() of R's package survival.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/survival.h"

/*
 * The product that is S has a relative error far below this; without it a
 * quantile that S meets exactly, 0.2 say, could be missed for the last bit.
 */
#define QUANTILE_TOLERANCE 1e-9
#define NORMAL_QUANTILE_975 1.959963984540054

KpicrmSurvival
kpicrm_survival_start(const KpicrmLeadList *list)
{
	KpicrmSurvival curve;

	memset(&curve, 0, sizeof(curve));
	curve.list = list;
	curve.remaining = list->total;
	curve.survival = 1;
	return curve;
}

/* Goes on to the next duration; false, and nothing changed, after the last. */
bool
kpicrm_survival_next(KpicrmSurvival *curve)
{
	const KpicrmLeadEntry *entry;
	int64		ended;
	double		at_risk;

	if (curve->next >= curve->list->length)
		return false;
	entry = curve->entry = &curve->list->entries[curve->next++];
	ended = entry->count[KPICRM_WON] + entry->count[KPICRM_LOST];
	curve->at_risk = curve->remaining;
	curve->remaining -= ended + entry->count[KPICRM_OPEN];
	at_risk = (double) curve->at_risk;
	curve->incidence[KPICRM_WON] += curve->survival * (double) entry->count[KPICRM_WON] / at_risk;
	curve->incidence[KPICRM_LOST] += curve->survival * (double) entry->count[KPICRM_LOST] / at_risk;
	curve->survival *= (double) (curve->at_risk - ended) / at_risk;
	if (ended < curve->at_risk)
		curve->hazard_variance += (double) ended / (at_risk * (double) (curve->at_risk - ended));
	return true;
}

/* The curve at a duration: after all entries up to it. */
KpicrmSurvival
kpicrm_survival_at(const KpicrmLeadList *list, int64 duration)
{
	KpicrmSurvival curve = kpicrm_survival_start(list);

	while (curve.next < list->length && list->entries[curve.next].duration <= duration)
		kpicrm_survival_next(&curve);
	return curve;
}

/* The first duration by which that fraction has ended; -1 if there is none. */
int64
kpicrm_survival_quantile(const KpicrmLeadList *list, double fraction)
{
	KpicrmSurvival curve = kpicrm_survival_start(list);

	while (kpicrm_survival_next(&curve))
		if (curve.survival <= 1 - fraction + QUANTILE_TOLERANCE)
			return curve.entry->duration;
	return -1;
}

/*
 * Microseconds below the curve up to the horizon.  Beyond its last duration the
 * curve stays where it is.
 */
double
kpicrm_restricted_mean(const KpicrmLeadList *list, int64 horizon)
{
	KpicrmSurvival curve = kpicrm_survival_start(list);
	double		area = 0;
	int64		from = 0;
	double		survival = 1;

	while (kpicrm_survival_next(&curve) && curve.entry->duration < horizon)
	{
		area += survival * (double) (curve.entry->duration - from);
		from = curve.entry->duration;
		survival = curve.survival;
	}
	return area + survival * (double) (horizon - from);
}

/* 95 % bounds of survival; false where it is 0 or 1 and there are none. */
bool
kpicrm_survival_bounds(const KpicrmSurvival *curve, double *lower, double *upper)
{
	double		log_survival;
	double		width;

	if (curve->survival <= 0 || curve->survival >= 1)
		return false;
	log_survival = log(curve->survival);
	width = NORMAL_QUANTILE_975 * sqrt(curve->hazard_variance) / fabs(log_survival);
	*lower = exp(log_survival * exp(width));
	*upper = exp(log_survival * exp(-width));
	return true;
}
