/*
 * beta.h
 *		The beta distribution, and the binomial one through it.
 */
#ifndef KPICRM_BETA_H
#define KPICRM_BETA_H

extern double kpicrm_beta_above(double a, double b, double x);
extern double kpicrm_beta_lower_quantile(double a, double b, double share);
extern double kpicrm_beta_upper_quantile(double a, double b, double share);
extern double kpicrm_binomial_limit(double rate, int64 total, double fraction);

#endif							/* KPICRM_BETA_H */
