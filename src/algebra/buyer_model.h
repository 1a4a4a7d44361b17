/*
 * buyer_model.h
 *		How often customers order, and how they stop: BG/NBD and MBG/NBD.
 */
#ifndef KPICRM_BUYER_MODEL_H
#define KPICRM_BUYER_MODEL_H

typedef enum KpicrmBuyerVariant
{
	KPICRM_BUYER_NONE = 0,		/* nothing is known yet */
	KPICRM_BUYER_BG,			/* may stop after each repeat order */
	KPICRM_BUYER_MBG			/* may stop after each order */
} KpicrmBuyerVariant;

/* Orders after the first; when the last of them was; and how long it is all seen. */
typedef struct KpicrmBuyer
{
	double		frequency;
	double		recency;		/* from the first to the last order */
	double		age;			/* from the first order to now */
} KpicrmBuyer;

/* So many customers of the same history. */
typedef struct KpicrmBuyerCount
{
	KpicrmBuyer buyer;
	double		count;
} KpicrmBuyerCount;

typedef struct KpicrmBuyerSample
{
	int32		variant;
	uint32		length;
	const KpicrmBuyerCount *buyers; /* by frequency */
} KpicrmBuyerSample;

/*
 * While active a customer orders at a rate of his own, which is Gamma distributed
 * with shape r and rate alpha; he stops with a probability of his own, which is
 * Beta(a, b) distributed.
 */
typedef struct KpicrmBuyerModel
{
	int32		variant;
	double		r;
	double		alpha;
	double		a;
	double		b;
} KpicrmBuyerModel;

extern const char *kpicrm_buyer_variant_name(int32 variant);
extern double kpicrm_buyer_log_likelihood(const void *sample, const double *at, double *gradient,
										  bool (*is_cancelled) (void));
extern double kpicrm_buyer_alive(const KpicrmBuyerModel *model, const KpicrmBuyer *buyer);
extern double kpicrm_buyer_orders(const KpicrmBuyerModel *model, const KpicrmBuyer *buyer,
								  double horizon);
extern double kpicrm_buyer_discounted(const KpicrmBuyerModel *model, const KpicrmBuyer *buyer,
									  double horizon, double log_discount);

#endif							/* KPICRM_BUYER_MODEL_H */
