/*
 * rate_prior.h
 *		How the true rates of groups are spread, learnt from k of n of each.
 */
#ifndef KPICRM_RATE_PRIOR_H
#define KPICRM_RATE_PRIOR_H

/* So many groups with the same counts. */
typedef struct KpicrmRateGroup
{
	int64		converted;
	int64		total;			/* above 0 */
	int64		multiplicity;
} KpicrmRateGroup;

typedef enum KpicrmPriorStatus
{
	KPICRM_PRIOR_FITTED,
	KPICRM_PRIOR_NO_SPREAD,		/* no more spread than chance gives */
	KPICRM_PRIOR_TOO_FEW,		/* nothing to learn a spread from */
	KPICRM_PRIOR_NOT_CONVERGED
} KpicrmPriorStatus;

typedef struct KpicrmRatePrior
{
	KpicrmPriorStatus status;
	int64		groups;
	double		mean;
	double		alpha;			/* alpha, beta: only if fitted */
	double		beta;
	double		log_likelihood; /* unless there were too few */
} KpicrmRatePrior;

extern double kpicrm_beta_binomial_log(const KpicrmRateGroup *groups, int count, double mean, double spread);
extern void kpicrm_rate_prior_fit(KpicrmRatePrior *prior, const KpicrmRateGroup *groups, int count,
								  bool (*is_cancelled) (void));

#endif							/* KPICRM_RATE_PRIOR_H */
