/*
 * proportion.h
 *		What can be said about a rate from k of n cases.
 */
#ifndef KPICRM_PROPORTION_H
#define KPICRM_PROPORTION_H

extern double kpicrm_normal_bound(double confidence);
extern double kpicrm_wilson_lower(int64 converted, int64 total, double confidence);
extern double kpicrm_wilson_upper(int64 converted, int64 total, double confidence);
extern double kpicrm_same_rate_probability(int64 converted1, int64 total1,
										   int64 converted2, int64 total2);

#endif							/* KPICRM_PROPORTION_H */
