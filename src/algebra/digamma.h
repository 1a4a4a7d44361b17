/*
 * digamma.h
 *		Derivative of the logarithm of the gamma function.
 */
#ifndef KPICRM_DIGAMMA_H
#define KPICRM_DIGAMMA_H

extern double kpicrm_digamma(double x);

#endif							/* KPICRM_DIGAMMA_H */
