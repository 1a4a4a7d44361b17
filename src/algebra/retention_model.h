/*
 * retention_model.h
 *		How long contracts last: the shifted-beta-geometric distribution, fitted to a
 *		retention_sample.
 *
 * Each contract is lost with the same probability whenever it comes up for renewal;
 * over all contracts this probability has a beta distribution with parameters alpha and
 * beta.  Kept as its mean, churn = alpha / (alpha + beta), and spread = 1 / (alpha +
 * beta), which is 0 where all contracts are alike (the geometric distribution).
 *
 * Wire:  version 1 | contracts | status | and if that has estimates: log-likelihood |
 * churn | its standard error | and if converged: spread | its standard error | the
 * correlation of both.
 */
#ifndef KPICRM_RETENTION_MODEL_H
#define KPICRM_RETENTION_MODEL_H

#include "algebra/retention_sample.h"

#define KPICRM_RETENTION_MODEL_VERSION 1
#define KPICRM_RETENTION_MODEL_WIRE_MAX (2 + 10 + 6 * 8)

/* Rates below, unless 0, cannot be told from 0 in a lifetime of this world. */
#define KPICRM_MIN_DISCOUNT 1e-9
#define KPICRM_MAX_DISCOUNT 1e6

typedef enum KpicrmRetentionStatus
{
	KPICRM_RETENTION_CONVERGED,
	KPICRM_RETENTION_ALIKE,		/* converged where the spread is 0 */
	KPICRM_RETENTION_NOT_CONVERGED,
	KPICRM_RETENTION_NO_CONTRACTS,
	KPICRM_RETENTION_NO_RENEWAL,
	KPICRM_RETENTION_NONE_LOST,
	KPICRM_RETENTION_ALL_LOST_FIRST,
	KPICRM_RETENTION_ONE_RENEWAL,
	KPICRM_RETENTION_NONE_LOST_LATER,
	KPICRM_RETENTION_ONE_CONTRACT,
	KPICRM_RETENTION_STATUSES
} KpicrmRetentionStatus;

typedef struct KpicrmRetentionModel
{
	int32		status;
	int32		unused;			/* always 0 */
	int64		contracts;
	double		log_likelihood; /* from here on 0 if there is no estimate */
	double		churn;
	double		churn_error;
	double		spread;			/* from here on 0 unless converged with a spread */
	double		spread_error;
	double		correlation;	/* of both errors */
} KpicrmRetentionModel;

typedef struct KpicrmRetentionParameter
{
	double		value;
	double		error;
} KpicrmRetentionParameter;

extern const char *kpicrm_retention_status_name(int32 status);
extern bool kpicrm_retention_has_estimates(const KpicrmRetentionModel *m);
extern bool kpicrm_retention_model_is_valid(const KpicrmRetentionModel *m);
extern void kpicrm_retention_model_put(KpicrmSink *sink, const KpicrmRetentionModel *m);
extern bool kpicrm_retention_model_take(KpicrmSource *source, KpicrmRetentionModel *m);
extern bool kpicrm_retention_model_parse(KpicrmRetentionModel *m, const char *string);
extern void kpicrm_retention_model_print(StringInfo out, const KpicrmRetentionModel *m);
extern KpicrmRetentionParameter kpicrm_retention_alpha(const KpicrmRetentionModel *m);
extern KpicrmRetentionParameter kpicrm_retention_beta(const KpicrmRetentionModel *m);

/* retention_fit.c */
extern void kpicrm_retention_fit(KpicrmRetentionModel *m, const KpicrmRetentionSample *s,
								 bool (*is_cancelled) (void));

/* retention_curve.c */
extern double kpicrm_retention_rate(const KpicrmRetentionModel *m, int32 period);
extern double kpicrm_retention_survival(const KpicrmRetentionModel *m, int32 period);
extern double kpicrm_residual_lifetime(const KpicrmRetentionModel *m, int32 renewals, double discount,
									   bool (*is_cancelled) (void));

#endif							/* KPICRM_RETENTION_MODEL_H */
