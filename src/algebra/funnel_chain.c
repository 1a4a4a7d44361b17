/*
 * funnel_chain.c
 *		The chance to be won from a position, if deals move on as they did: the
 *		absorption probability of the chain of moves.
 *
 * Positions are eliminated one after the other; what went through one goes on from
 * it in proportion.  That needs no subtraction, so no digits are lost (W. K.
 * Grassmann, M. I. Taksar, D. P. Heyman, Operations Research 33, 1985).
 */
#include "postgres.h"

#include "miscadmin.h"

#include "algebra/funnel.h"

/* Does an end follow?  Deals that went where none follows say nothing yet. */
static int32
find_leading_to_end(const KpicrmFunnel *funnel, int32 *slots)
{
	const KpicrmFunnelCell *first = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES);
	const KpicrmFunnelCell *end = &funnel->cells[funnel->used];
	int32		found = 0;
	bool		grown = true;

	for (int32 p = 0; p < funnel->last_position; p++)
		slots[p] = -1;
	while (grown)
	{
		CHECK_FOR_INTERRUPTS();
		grown = false;
		for (const KpicrmFunnelCell *move = first; move < end; move++)
		{
			int32		from = kpicrm_funnel_from(move);
			int32		to = kpicrm_funnel_to(move);

			if (from < 1 || from >= funnel->last_position || to == 0 || slots[from] >= 0 ||
				(to < funnel->last_position && slots[to] < 0))
				continue;
			slots[from] = found++;
			grown = true;
		}
	}
	return found;
}

/* Row and column of a position are its slot; two columns more are to be won and not. */
static void
fill_weights(const KpicrmFunnel *funnel, const int32 *slots, int32 n, double *weights)
{
	const KpicrmFunnelCell *end = &funnel->cells[funnel->used];

	memset(weights, 0, (size_t) n * (n + 2) * sizeof(double));
	for (const KpicrmFunnelCell *move = kpicrm_funnel_cells_of(funnel, KPICRM_FUNNEL_MOVES); move < end; move++)
	{
		int32		from = kpicrm_funnel_from(move);
		int32		to = kpicrm_funnel_to(move);
		int32		column;

		if (from < 1 || from >= funnel->last_position || to == 0 || slots[from] < 0)
			continue;
		if (to >= funnel->last_position)
			column = to == funnel->last_position ? n : n + 1;
		else
			column = slots[to];
		if (column >= 0)
			weights[(size_t) slots[from] * (n + 2) + column] += (double) move->count;
	}
}

/* Only the rows that are still to come, and the one that is asked for, matter. */
static void
eliminate(double *weights, int32 n, int32 gone, int32 asked)
{
	const double *row = &weights[(size_t) gone * (n + 2)];
	double		total = 0;

	for (int32 j = 0; j < n + 2; j++)
		if (j != gone)
			total += row[j];
	for (int32 i = Min(gone + 1, asked); i < n; i++)
	{
		double	   *other = &weights[(size_t) i * (n + 2)];
		double		share = other[gone] / total;

		if (share == 0 || (i <= gone && i != asked))
			continue;
		for (int32 j = 0; j < n + 2; j++)
			if (j != gone)
				other[j] += share * row[j];
		other[gone] = 0;
	}
}

/*
 * False if no deal has gone from there to an end.  The caller brings
 * weights of last_position * (last_position + 2) and slots of last_position.
 */
bool
kpicrm_funnel_absorbing(const KpicrmFunnel *funnel, int32 position, double *weights, int32 *slots, double *rate)
{
	int32		n;
	const double *row;

	if (position >= funnel->last_position)
	{
		*rate = position == funnel->last_position;
		return true;
	}
	n = find_leading_to_end(funnel, slots);
	if (position < 1 || slots[position] < 0)
		return false;
	fill_weights(funnel, slots, n, weights);
	for (int32 gone = 0; gone < n; gone++)
	{
		CHECK_FOR_INTERRUPTS();
		if (gone != slots[position])
			eliminate(weights, n, gone, slots[position]);
	}
	row = &weights[(size_t) slots[position] * (n + 2)];
	*rate = row[n] / (row[n] + row[n + 1]);
	return true;
}
