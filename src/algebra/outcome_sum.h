/*
 * outcome_sum.h
 *		What a sum of independent all-or-nothing amounts may come to.
 */
#ifndef KPICRM_OUTCOME_SUM_H
#define KPICRM_OUTCOME_SUM_H

/* One amount that comes with a probability, or not at all. */
typedef struct KpicrmOutcome
{
	int128		units;
	double		probability;
} KpicrmOutcome;

/* A value that the sum may have. */
typedef struct KpicrmSumPoint
{
	int128		units;
	double		mass;
} KpicrmSumPoint;

/*
 * The distribution: the points, ascending, and what is left over beside them,
 * normal with this mean and deviation; deviation 0 means that nothing is.
 */
typedef struct KpicrmOutcomeSum
{
	KpicrmSumPoint *points;
	int			length;
	bool		is_exact;
	int128		lowest;			/* what the sum can come to at least */
	int128		highest;		/* and at most */
	double		rest_mean;
	double		rest_deviation;
	double		mean;
	double		variance;
} KpicrmOutcomeSum;

extern void kpicrm_outcome_sum(KpicrmOutcomeSum *sum, KpicrmOutcome *outcomes, int count);
extern double kpicrm_outcome_sum_at_least(const KpicrmOutcomeSum *sum, int128 units);
extern int128 kpicrm_outcome_sum_quantile(const KpicrmOutcomeSum *sum, double fraction);

#endif							/* KPICRM_OUTCOME_SUM_H */
