/*
 * ltv_model.h
 *		What customers are expected to be worth: a model of their orders and one of
 *		their spend, fitted to an ltv_sample.
 *
 * Wire:  version 1 | terms as in an ltv_sample | customers | repeaters | spenders |
 * for orders, then for spend: status | and if that has estimates: log-likelihood |
 * each parameter | and, if converged, each standard error.
 */
#ifndef KPICRM_LTV_MODEL_H
#define KPICRM_LTV_MODEL_H

#include "algebra/buyer_model.h"
#include "algebra/ltv_sample.h"
#include "algebra/spend_model.h"

#define KPICRM_LTV_MODEL_VERSION 1
#define KPICRM_LTV_MODEL_WIRE_MAX (2 + 5 * 10 + 2 * (1 + 9 * 8))

#define KPICRM_ORDER_PARAMETERS 4	/* r, alpha, a, b */
#define KPICRM_SPEND_PARAMETERS 3	/* p, q, v */
#define KPICRM_PART_PARAMETERS 4	/* at most */

typedef enum KpicrmLtvStatus
{
	KPICRM_LTV_CONVERGED,
	KPICRM_LTV_AT_EDGE,
	KPICRM_LTV_FLAT,
	KPICRM_LTV_NOT_CONVERGED,	/* so far there are estimates */
	KPICRM_LTV_NO_CUSTOMERS,
	KPICRM_LTV_ONE_CUSTOMER,
	KPICRM_LTV_ALL_ONCE,
	KPICRM_LTV_NO_SPEND,
	KPICRM_LTV_SAME_SPEND
} KpicrmLtvStatus;

typedef struct KpicrmLtvPart
{
	int32		status;
	int32		unused;			/* always 0 */
	double		log_likelihood;
	double		estimate[KPICRM_PART_PARAMETERS];	/* 0 where there is none */
	double		error[KPICRM_PART_PARAMETERS];	/* 0 unless converged */
} KpicrmLtvPart;

typedef struct KpicrmLtvModel
{
	KpicrmLtvTerms terms;
	int64		customers;
	int64		repeaters;
	int64		spenders;
	KpicrmLtvPart orders;
	KpicrmLtvPart spend;
} KpicrmLtvModel;

extern const char *kpicrm_ltv_status_name(int32 status);
extern bool kpicrm_ltv_has_estimates(const KpicrmLtvPart *part);
extern bool kpicrm_ltv_model_is_valid(const KpicrmLtvModel *m);
extern void kpicrm_ltv_model_put(KpicrmSink *sink, const KpicrmLtvModel *m);
extern bool kpicrm_ltv_model_take(KpicrmSource *source, KpicrmLtvModel *m);
extern bool kpicrm_ltv_model_parse(KpicrmLtvModel *m, const char *string);
extern void kpicrm_ltv_model_print(StringInfo out, const KpicrmLtvModel *m);

extern void kpicrm_ltv_fit(KpicrmLtvModel *m, const KpicrmLtvSample *s, bool (*is_cancelled) (void));
extern KpicrmBuyerModel kpicrm_ltv_buyer_model(const KpicrmLtvModel *m);
extern KpicrmSpendModel kpicrm_ltv_spend_model(const KpicrmLtvModel *m);

#endif							/* KPICRM_LTV_MODEL_H */
