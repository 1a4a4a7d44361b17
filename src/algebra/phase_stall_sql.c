/*
 * phase_stall_sql.c
 *		What is stuck: open rows that are older than most ever grew.
 *
 * The threshold is the fraction quantile of the Kaplan-Meier curve of all stays,
 * open ones censored (see survival.c), so that it is learned from the stays
 * themselves.  A threshold that the curve never reaches stalls nobody.
 */
#include "postgres.h"

#include "compat.h"
#include "algebra/lead_times_sql.h"
#include "algebra/survival.h"

#define DEFAULT_FRACTION 0.8

static int64
stalled(const KpicrmLeadList *list, double fraction)
{
	int64		threshold = kpicrm_survival_quantile(list, fraction);
	int64		stalled = 0;

	for (uint32 i = 0; threshold >= 0 && i < list->length; i++)
		if (list->entries[i].duration > threshold)
			stalled += list->entries[i].count[KPICRM_OPEN];
	return stalled;
}

static Datum
stall_rate(FunctionCallInfo fcinfo, const KpicrmLeadList *list, double fraction)
{
	int64		open = kpicrm_lead_count(list, KPICRM_OPEN);

	if (open == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8((double) stalled(list, fraction) / (double) open);
}

/* The fraction of the aggregate's rows. */
static double
asked_fraction(const KpicrmLeadList *list)
{
	return list->fraction == KPICRM_NO_FRACTION ? DEFAULT_FRACTION : list->fraction;
}

PG_FUNCTION_INFO_V1(kpicrm_phase_stall_count);
Datum
kpicrm_phase_stall_count(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_INT64(stalled(&list, asked_fraction(&list)));
}

PG_FUNCTION_INFO_V1(kpicrm_phase_stall_rate);
Datum
kpicrm_phase_stall_rate(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	return stall_rate(fcinfo, &list, asked_fraction(&list));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_stalled_count);
Datum
kpicrm_lead_times_stalled_count(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	PG_RETURN_INT64(stalled(&list, kpicrm_fraction_argument(fcinfo, 1, "fraction")));
}

PG_FUNCTION_INFO_V1(kpicrm_lead_times_stall_rate);
Datum
kpicrm_lead_times_stall_rate(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);

	return stall_rate(fcinfo, &list, kpicrm_fraction_argument(fcinfo, 1, "fraction"));
}

/* Share of the stays that had ended by this age. */
PG_FUNCTION_INFO_V1(kpicrm_lead_times_stall_score);
Datum
kpicrm_lead_times_stall_score(PG_FUNCTION_ARGS)
{
	KpicrmLeadList list = kpicrm_lead_argument(fcinfo, 0);
	int64		age = kpicrm_span_argument(fcinfo, 1, "age");

	if (list.length == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(1 - kpicrm_survival_at(&list, age).survival);
}
