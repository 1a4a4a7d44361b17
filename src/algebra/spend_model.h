/*
 * spend_model.h
 *		What customers spend on an order: Gamma-Gamma.
 */
#ifndef KPICRM_SPEND_MODEL_H
#define KPICRM_SPEND_MODEL_H

/* So many customers who spent, on average of so many orders, so much. */
typedef struct KpicrmSpender
{
	double		orders;
	double		mean;
	double		count;
} KpicrmSpender;

typedef struct KpicrmSpendSample
{
	uint32		length;
	const KpicrmSpender *spenders;	/* by orders */
} KpicrmSpendSample;

/*
 * Orders of a customer are Gamma distributed with shape p and a rate of his own,
 * which is Gamma distributed with shape q and rate v.
 */
typedef struct KpicrmSpendModel
{
	double		p;
	double		q;
	double		v;
} KpicrmSpendModel;

extern double kpicrm_spend_log_likelihood(const void *sample, const double *at, double *gradient,
										  bool (*is_cancelled) (void));
extern bool kpicrm_spend_mean(const KpicrmSpendModel *model, double orders, double mean,
							  double *expected);

#endif							/* KPICRM_SPEND_MODEL_H */
