/*
 * comparison_sql.c
 *		SQL face of what compares the rates of groups: read arguments, call the
 *		arithmetic, return.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/beta.h"
#include "algebra/conversion.h"
#include "algebra/proportion.h"
#include "algebra/rate_prior.h"

/* Beyond, the likelihood has no digits left to tell parameters apart. */
#define MAX_CASES INT64CONST(1000000000)

#define PG_GETARG_CONVERSION_P(n) ((KpicrmConversion *) PG_GETARG_POINTER(n))

static const char *const status_name[] = {
	[KPICRM_PRIOR_FITTED] = "fitted",
	[KPICRM_PRIOR_NO_SPREAD] = "no_spread",
	[KPICRM_PRIOR_TOO_FEW] = "too_few",
	[KPICRM_PRIOR_NOT_CONVERGED] = "not_converged",
};

static int
compare_groups(const void *a, const void *b)
{
	const KpicrmRateGroup *x = a;
	const KpicrmRateGroup *y = b;

	if (x->total != y->total)
		return x->total < y->total ? -1 : 1;
	if (x->converted != y->converted)
		return x->converted < y->converted ? -1 : 1;
	return 0;
}

/* Groups without cases say nothing; the order of the others must not matter. */
static int
distinct_groups(ArrayType *array, KpicrmRateGroup **groups)
{
	Datum	   *elements;
	bool	   *nulls;
	int			length;
	int			filled = 0;
	int			count = 0;
	KpicrmRateGroup *group;

	deconstruct_array(array, ARR_ELEMTYPE(array), sizeof(KpicrmConversion), false, TYPALIGN_DOUBLE,
					  &elements, &nulls, &length);
	group = *groups = palloc(sizeof(KpicrmRateGroup) * Max(length, 1));
	for (int i = 0; i < length; i++)
	{
		const KpicrmConversion *c = (const KpicrmConversion *) DatumGetPointer(elements[i]);

		if (nulls[i] || c->total == 0)
			continue;
		if (c->total > MAX_CASES)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("a group has %lld cases", (long long) c->total),
					 errdetail("At most %lld can be compared.", (long long) MAX_CASES),
					 errhint("With so many cases the group's own rate is all there is to know.")));
		group[filled++] = (KpicrmRateGroup) {c->converted, c->total, 1};
	}
	qsort(group, filled, sizeof(*group), compare_groups);
	for (int i = 0; i < filled; i++)
	{
		if (count > 0 && compare_groups(&group[count - 1], &group[i]) == 0)
			group[count - 1].multiplicity++;
		else
			group[count++] = group[i];
	}
	return count;
}

PG_FUNCTION_INFO_V1(kpicrm_rate_prior);
Datum
kpicrm_rate_prior(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	KpicrmRateGroup *groups;
	KpicrmRatePrior prior;
	Datum		values[6];
	bool		nulls[6] = {0};
	int			count;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	count = distinct_groups(PG_GETARG_ARRAYTYPE_P(0), &groups);
	if (count == 0)
		PG_RETURN_NULL();

	kpicrm_rate_prior_fit(&prior, groups, count, kpicrm_is_cancelled);
	CHECK_FOR_INTERRUPTS();

	values[0] = CStringGetTextDatum(status_name[prior.status]);
	values[1] = Int64GetDatum(prior.groups);
	values[2] = Float8GetDatum(prior.mean);
	values[3] = Float8GetDatum(prior.alpha);
	values[4] = Float8GetDatum(prior.beta);
	values[5] = Float8GetDatum(prior.log_likelihood);
	nulls[2] = prior.status == KPICRM_PRIOR_NOT_CONVERGED;
	nulls[3] = nulls[4] = prior.status != KPICRM_PRIOR_FITTED;
	nulls[5] = prior.status == KPICRM_PRIOR_TOO_FEW || prior.status == KPICRM_PRIOR_NOT_CONVERGED;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* What is known of a group's rate: the prior with its own cases added. */
typedef struct Posterior
{
	double		alpha;
	double		beta;
} Posterior;

static double
prior_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	double		value = PG_GETARG_FLOAT8(n);

	if (!(value > 0 && value <= 1e15))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0 and at most 1e15, not %g", name, value),
				 errhint("Take alpha and beta from rate_prior().")));
	return value;
}

static Posterior
posterior(FunctionCallInfo fcinfo)
{
	const KpicrmConversion *c = PG_GETARG_CONVERSION_P(0);
	Posterior	p;

	p.alpha = prior_argument(fcinfo, 1, "alpha") + (double) c->converted;
	p.beta = prior_argument(fcinfo, 2, "beta") + (double) (c->total - c->converted);
	return p;
}

PG_FUNCTION_INFO_V1(kpicrm_shrunk_rate);
Datum
kpicrm_shrunk_rate(PG_FUNCTION_ARGS)
{
	Posterior	p = posterior(fcinfo);

	PG_RETURN_FLOAT8(p.alpha / (p.alpha + p.beta));
}

PG_FUNCTION_INFO_V1(kpicrm_shrunk_rate_lower);
Datum
kpicrm_shrunk_rate_lower(PG_FUNCTION_ARGS)
{
	Posterior	p = posterior(fcinfo);
	double		confidence = kpicrm_confidence_argument(fcinfo, 3);

	PG_RETURN_FLOAT8(kpicrm_beta_lower_quantile(p.alpha, p.beta, (1 - confidence) / 2));
}

PG_FUNCTION_INFO_V1(kpicrm_shrunk_rate_upper);
Datum
kpicrm_shrunk_rate_upper(PG_FUNCTION_ARGS)
{
	Posterior	p = posterior(fcinfo);
	double		confidence = kpicrm_confidence_argument(fcinfo, 3);

	/* by the tail above, which is small and has its digits */
	PG_RETURN_FLOAT8(kpicrm_beta_upper_quantile(p.alpha, p.beta, (1 - confidence) / 2));
}

PG_FUNCTION_INFO_V1(kpicrm_probability_above);
Datum
kpicrm_probability_above(PG_FUNCTION_ARGS)
{
	Posterior	p = posterior(fcinfo);
	double		rate = kpicrm_fraction_argument(fcinfo, 3, "rate");

	PG_RETURN_FLOAT8(kpicrm_beta_above(p.alpha, p.beta, rate));
}

static int64
total_argument(FunctionCallInfo fcinfo, int n)
{
	int64		total = PG_GETARG_INT64(n);

	if (total < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("total must not be negative, but is %lld", (long long) total),
				 errhint("Give the number of cases.")));
	return total;
}

/* NULL without cases: nothing can be said. */
PG_FUNCTION_INFO_V1(kpicrm_control_limit_lower);
Datum
kpicrm_control_limit_lower(PG_FUNCTION_ARGS)
{
	double		rate = kpicrm_fraction_argument(fcinfo, 0, "rate");
	int64		total = total_argument(fcinfo, 1);
	double		confidence = kpicrm_confidence_argument(fcinfo, 2);

	if (total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_binomial_limit(rate, total, (1 - confidence) / 2));
}

PG_FUNCTION_INFO_V1(kpicrm_control_limit_upper);
Datum
kpicrm_control_limit_upper(PG_FUNCTION_ARGS)
{
	double		rate = kpicrm_fraction_argument(fcinfo, 0, "rate");
	int64		total = total_argument(fcinfo, 1);
	double		confidence = kpicrm_confidence_argument(fcinfo, 2);

	if (total == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_binomial_limit(rate, total, (1 + confidence) / 2));
}

/*
 * Cases a group needs so that its rate, if it differs so much, is found to differ
 * with this power: the normal approximation for one rate against a known one.
 */
PG_FUNCTION_INFO_V1(kpicrm_required_count);
Datum
kpicrm_required_count(PG_FUNCTION_ARGS)
{
	double		rate = kpicrm_fraction_argument(fcinfo, 0, "rate");
	double		difference = kpicrm_fraction_argument(fcinfo, 1, "difference");
	double		power = kpicrm_fraction_argument(fcinfo, 2, "power");
	double		confidence = kpicrm_confidence_argument(fcinfo, 3);
	double		other = rate + (rate <= 0.5 ? difference : -difference);
	double		needed;

	if (!(power > 0.5 && power < 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("power must be greater than 0.5 and less than 1, not %g", power),
				 errhint("Write 0.8 for 80 percent.")));
	if (difference == 0 || other < 0 || other > 1)
		PG_RETURN_NULL();
	/* normal_bound is two-sided: of 2 * power - 1 it is the quantile of power */
	needed = (kpicrm_normal_bound(confidence) * sqrt(rate * (1 - rate)) +
			  kpicrm_normal_bound(2 * power - 1) * sqrt(other * (1 - other))) / difference;
	if (needed * needed >= (double) PG_INT64_MAX)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) Max(1, ceil(needed * needed)));
}
