/*
 * funnel_step.c
 *		How many deals reach each position, by policy.
 */
#include "postgres.h"

#include "algebra/funnel.h"

static const char *const policy_names[] = {"fill", "any", "ordered", "strict", "direct"};

bool
kpicrm_funnel_policy(const char *name, KpicrmFunnelPolicy *policy)
{
	for (int i = KPICRM_POLICY_FILL; i <= KPICRM_POLICY_DIRECT; i++)
	{
		if (strcmp(name, policy_names[i]) != 0)
			continue;
		*policy = (KpicrmFunnelPolicy) i;
		return true;
	}
	return false;
}

/* Deals that got to a position and no further got to all before it. */
static void
cumulate(const KpicrmFunnel *funnel, KpicrmFunnelKind kind, KpicrmFunnelStep *steps)
{
	int64		lost = 0;
	int64		won = 0;

	for (int32 k = funnel->last_position; k >= 1; k--)
	{
		lost += kpicrm_funnel_count(funnel, kind, k, 0);
		won += kpicrm_funnel_count(funnel, kind, k, 1);
		steps[k - 1].reached = steps[k - 1].passed = lost + won;
		steps[k - 1].won = won;
	}
}

static void
really_entered(const KpicrmFunnel *funnel, KpicrmFunnelStep *steps)
{
	for (int32 k = 1; k <= funnel->last_position; k++)
	{
		KpicrmFunnelStep *step = &steps[k - 1];

		step->won = kpicrm_funnel_count(funnel, KPICRM_FUNNEL_ENTERED, k, 1);
		step->reached = step->won + kpicrm_funnel_count(funnel, KPICRM_FUNNEL_ENTERED, k, 0);
		step->passed = kpicrm_funnel_count(funnel, KPICRM_FUNNEL_JOINED, k, 0) +
			kpicrm_funnel_count(funnel, KPICRM_FUNNEL_JOINED, k, 1);
	}
	steps[0].passed = steps[0].reached;
}

/* Of stays, not of deals: how many there were, and began right after one before. */
static void
straight(const KpicrmFunnel *funnel, KpicrmFunnelStep *steps)
{
	const KpicrmFunnelCell *end = &funnel->cells[funnel->used];

	for (const KpicrmFunnelCell *move = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES); move < end; move++)
	{
		int32		to = kpicrm_funnel_to(move);

		if (to < 1 || to > funnel->last_position)
			continue;
		steps[to - 1].reached += move->count;
		if (kpicrm_funnel_from(move) == to - 1)
			steps[to - 1].passed = move->count;
	}
}

/* steps has room for last_position of them. */
void
kpicrm_funnel_steps(const KpicrmFunnel *funnel, KpicrmFunnelPolicy policy, KpicrmFunnelStep *steps)
{
	memset(steps, 0, (size_t) funnel->last_position * sizeof(*steps));
	switch (policy)
	{
		case KPICRM_POLICY_FILL:
			cumulate(funnel, KPICRM_FUNNEL_FURTHEST, steps);
			break;
		case KPICRM_POLICY_ANY:
			really_entered(funnel, steps);
			break;
		case KPICRM_POLICY_ORDERED:
			cumulate(funnel, KPICRM_FUNNEL_ORDERED, steps);
			break;
		case KPICRM_POLICY_STRICT:
			cumulate(funnel, KPICRM_FUNNEL_STRICT, steps);
			break;
		case KPICRM_POLICY_DIRECT:
			straight(funnel, steps);
			break;
	}
	steps[0].before = kpicrm_funnel_deals(funnel);
	for (int32 k = 1; k < funnel->last_position; k++)
		steps[k].before = steps[k - 1].reached;
}
