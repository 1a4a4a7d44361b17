/*
 * survival_sql.c
 *		SQL face of survival: read arguments, call the mathematics, return.
 */
#include "postgres.h"

#include <math.h>

#include "common/int.h"
#include "funcapi.h"

#include "compat.h"
#include "algebra/lead_times_sql.h"
#include "algebra/survival.h"

#define CURVE_COLUMNS 10

/* NULL for a state without rows: nothing is known about anybody. */
PG_FUNCTION_INFO_V1(kpicrm_lead_times_survival);
Datum
kpicrm_lead_times_survival(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		duration = kpicrm_span_argument(fcinfo, 1, "duration");

	if (list.length == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_survival_at(&list, duration).survival);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_survival_quantile);
Datum
kpicrm_lead_times_survival_quantile(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		usec = kpicrm_survival_quantile(&list, kpicrm_fraction_argument(fcinfo, 1, "fraction"));

	if (usec < 0)
		PG_RETURN_NULL();
	return kpicrm_span_result(usec);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_survival_quantile_days);
Datum
kpicrm_lead_times_survival_quantile_days(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		usec = kpicrm_survival_quantile(&list, kpicrm_fraction_argument(fcinfo, 1, "fraction"));

	if (usec < 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_days((double) usec));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_win_probability);
Datum
kpicrm_lead_times_win_probability(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		within = kpicrm_span_argument(fcinfo, 1, "within");

	if (list.length == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_survival_at(&list, within).incidence[KPICRM_WON]);
}

/*
 * For what is already that old: NULL if nothing has ever grown so old, because
 * then nothing is known about it.
 */
PG_FUNCTION_INFO_V1(kpicrm_lead_times_win_probability_given_age);
Datum
kpicrm_lead_times_win_probability_given_age(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		within = kpicrm_span_argument(fcinfo, 1, "within");
	int64		age = kpicrm_span_argument(fcinfo, 2, "given_age");
	KpicrmSurvival now = kpicrm_survival_at(&list, age);
	KpicrmSurvival then;

	if (pg_add_s64_overflow(age, within, &within))
		within = PG_INT64_MAX;
	then = kpicrm_survival_at(&list, within);
	if (list.length == 0 || now.survival <= 0 || age > list.entries[list.length - 1].duration)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(Min(1, (then.incidence[KPICRM_WON] - now.incidence[KPICRM_WON]) / now.survival));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_restricted_mean);
Datum
kpicrm_lead_times_restricted_mean(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		horizon = kpicrm_span_argument(fcinfo, 1, "horizon");
	double		usec;

	if (list.length == 0)
		PG_RETURN_NULL();
	/* Rounding must not carry the largest horizon out of range. */
	usec = rint(kpicrm_restricted_mean(&list, horizon));
	return kpicrm_span_result(usec < (double) horizon ? (int64) usec : horizon);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_restricted_mean_days);
Datum
kpicrm_lead_times_restricted_mean_days(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		horizon = kpicrm_span_argument(fcinfo, 1, "horizon");

	if (list.length == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_days(kpicrm_restricted_mean(&list, horizon)));
}

static void
put_step(ReturnSetInfo *rsinfo, const KpicrmSurvival *curve)
{
	Datum		values[CURVE_COLUMNS];
	bool		nulls[CURVE_COLUMNS] = {false};
	double		lower = 0;
	double		upper = 0;

	nulls[6] = nulls[7] = !kpicrm_survival_bounds(curve, &lower, &upper);
	values[0] = kpicrm_span_result(curve->entry->duration);
	values[1] = Int64GetDatum(curve->at_risk);
	for (int outcome = 0; outcome < KPICRM_OUTCOMES; outcome++)
		values[2 + outcome] = Int64GetDatum(curve->entry->count[outcome]);
	values[5] = Float8GetDatum(curve->survival);
	values[6] = Float8GetDatum(lower);
	values[7] = Float8GetDatum(upper);
	values[8] = Float8GetDatum(curve->incidence[KPICRM_WON]);
	values[9] = Float8GetDatum(curve->incidence[KPICRM_LOST]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_survival_curve);
Datum
kpicrm_lead_times_survival_curve(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	KpicrmSurvival curve = kpicrm_survival_start(&list);

	InitMaterializedSRF(fcinfo, 0);
	while (kpicrm_survival_next(&curve))
		put_step((ReturnSetInfo *) fcinfo->resultinfo, &curve);
	return (Datum) 0;
}
