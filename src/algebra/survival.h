/*
 * survival.h
 *		How durations end when some have not ended yet.
 */
#ifndef KPICRM_SURVIVAL_H
#define KPICRM_SURVIVAL_H

#include "algebra/lead_times.h"

/* One time of the curve after another; between them nothing changes. */
typedef struct KpicrmSurvival
{
	const KpicrmLeadList *list;
	uint32		next;			/* entry to read next */
	const KpicrmLeadEntry *entry;	/* entry read last */
	int64		at_risk;		/* rows with at least this duration */
	int64		remaining;		/* rows with a longer one */
	double		survival;		/* probability not to have ended by then */
	double		hazard_variance;	/* Greenwood's sum */
	double		incidence[KPICRM_OUTCOMES]; /* probability to have been won, lost by then */
} KpicrmSurvival;

extern KpicrmSurvival kpicrm_survival_start(const KpicrmLeadList *list);
extern bool kpicrm_survival_next(KpicrmSurvival *curve);
extern KpicrmSurvival kpicrm_survival_at(const KpicrmLeadList *list, int64 duration);
extern int64 kpicrm_survival_quantile(const KpicrmLeadList *list, double fraction);
extern double kpicrm_restricted_mean(const KpicrmLeadList *list, int64 horizon);
extern bool kpicrm_survival_bounds(const KpicrmSurvival *curve, double *lower, double *upper);

#endif							/* KPICRM_SURVIVAL_H */
