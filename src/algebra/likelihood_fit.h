/*
 * likelihood_fit.h
 *		Positive parameters that make a sample most likely.
 */
#ifndef KPICRM_LIKELIHOOD_FIT_H
#define KPICRM_LIKELIHOOD_FIT_H

#define KPICRM_FIT_PARAMETERS 4 /* at most */

/*
 * A log-likelihood as a function of the logarithms of the parameters.  value()
 * fills the gradient; it may return early, with any value, once is_cancelled().
 */
typedef struct KpicrmLikelihood
{
	double		(*value) (const void *sample, const double *at, double *gradient,
						  bool (*is_cancelled) (void));
	const void *sample;
	double		weight;			/* observations: the scale of the log-likelihood */
	int			parameters;
	double		limit;			/* logarithms are sought between -limit and limit */
	bool		(*is_cancelled) (void);
} KpicrmLikelihood;

typedef enum KpicrmFitStatus
{
	KPICRM_FIT_CONVERGED,
	KPICRM_FIT_AT_EDGE,			/* it keeps rising towards 0 or infinity */
	KPICRM_FIT_FLAT,			/* many parameters are as good as the best */
	KPICRM_FIT_NOT_CONVERGED
} KpicrmFitStatus;

typedef struct KpicrmFit
{
	KpicrmFitStatus status;
	double		log_likelihood;
	double		at[KPICRM_FIT_PARAMETERS];	/* logarithms */
	double		error[KPICRM_FIT_PARAMETERS];	/* their standard errors, if converged */
} KpicrmFit;

extern void kpicrm_likelihood_fit(KpicrmFit *fit, const KpicrmLikelihood *likelihood,
								  const double *start);

#endif							/* KPICRM_LIKELIHOOD_FIT_H */
