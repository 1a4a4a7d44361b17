/*
 * outcome_sum_sql.c
 *		SQL face of sums of all-or-nothing amounts: read arrays, call the
 *		mathematics, return a row.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "algebra/decimal_sql.h"
#include "algebra/outcome_sum.h"

#define SUM_COLUMNS 6

static double
checked_probability(Datum value)
{
	double		probability = DatumGetFloat8(value);

	if (isnan(probability) || probability < 0 || probability > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("probability must be between 0 and 1, not %g", probability),
				 errhint("Write 0.6 for 60 percent.")));
	return probability;
}

/* Amounts of one scale, so that their units can be added. */
static void
bring_to_scale(KpicrmDecimal *amount, int32 scale)
{
	KpicrmDecimal zero;

	memset(&zero, 0, sizeof(zero));
	zero.scale = scale;
	if (!kpicrm_decimal_add(amount, &zero) || amount->scale != scale)
		kpicrm_amount_overflow();
}

/*
 * The pairs that have both an amount and a probability; *scale is that of the
 * finest amount.  The sum of all absolute amounts has to be an amount.
 */
static KpicrmOutcome *
read_outcomes(ArrayType *probabilities, ArrayType *amounts, int32 *scale, int *count)
{
	Datum	   *probability;
	Datum	   *amount;
	bool	   *no_probability;
	bool	   *no_amount;
	int			probability_count;
	int			amount_count;
	KpicrmDecimal *decimals;
	KpicrmDecimal total;
	KpicrmOutcome *outcomes;

	deconstruct_array(probabilities, FLOAT8OID, sizeof(float8), true, TYPALIGN_DOUBLE,
					  &probability, &no_probability, &probability_count);
	deconstruct_array(amounts, NUMERICOID, -1, false, TYPALIGN_INT, &amount, &no_amount, &amount_count);
	if (probability_count != amount_count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d probabilities do not match %d amounts", probability_count, amount_count),
				 errhint("Give one amount for each probability, for example array_agg() of both over the same rows.")));
	decimals = palloc0((size_t) (amount_count + 1) * sizeof(KpicrmDecimal));
	outcomes = palloc0((size_t) (amount_count + 1) * sizeof(KpicrmOutcome));
	memset(&total, 0, sizeof(total));
	*scale = *count = 0;
	for (int i = 0; i < amount_count; i++)
	{
		if (no_probability[i] || no_amount[i])
			continue;
		outcomes[*count].probability = checked_probability(probability[i]);
		decimals[*count] = kpicrm_decimal_of_numeric(amount[i]);
		kpicrm_decimal_trim(&decimals[*count]);
		*scale = Max(*scale, decimals[*count].scale);
		(*count)++;
	}
	for (int i = 0; i < *count; i++)
	{
		bring_to_scale(&decimals[i], *scale);
		outcomes[i].units = decimals[i].units;
		if (decimals[i].units < 0)
			decimals[i].units = -decimals[i].units;
		if (!kpicrm_decimal_add(&total, &decimals[i]))
			kpicrm_amount_overflow();
	}
	return outcomes;
}

static Datum
units_to_numeric(int128 units, int32 scale)
{
	KpicrmDecimal amount;

	memset(&amount, 0, sizeof(amount));
	amount.units = units;
	amount.scale = scale;
	kpicrm_decimal_trim(&amount);
	return kpicrm_decimal_to_numeric(&amount);
}

static Datum
quantiles(const KpicrmOutcomeSum *sum, int32 scale, ArrayType *fractions)
{
	Datum	   *fraction;
	bool	   *no_fraction;
	int			count;
	int			dimension;
	int			lower_bound = 1;

	deconstruct_array(fractions, FLOAT8OID, sizeof(float8), true, TYPALIGN_DOUBLE,
					  &fraction, &no_fraction, &count);
	for (int i = 0; i < count; i++)
	{
		double		f = no_fraction[i] ? 0 : DatumGetFloat8(fraction[i]);

		CHECK_FOR_INTERRUPTS();
		if (isnan(f) || f < 0 || f > 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("fraction must be between 0 and 1, not %g", f),
					 errhint("Write 0.9 for the amount that is not exceeded with a probability of 90 percent.")));
		if (!no_fraction[i])
			fraction[i] = units_to_numeric(kpicrm_outcome_sum_quantile(sum, f), scale);
	}
	dimension = count;
	return PointerGetDatum(construct_md_array(fraction, no_fraction, count == 0 ? 0 : 1, &dimension,
											  &lower_bound, NUMERICOID, -1, false, TYPALIGN_INT));
}

/*
 * Probability of at least that amount, which may have more digits than the sum
 * can: what lies between two units is as good as the upper one.
 */
static double
at_least(const KpicrmOutcomeSum *sum, int32 scale, Datum threshold)
{
	KpicrmDecimal wanted = kpicrm_decimal_of_numeric(threshold);
	KpicrmDecimal edge;
	int128		low = sum->lowest;
	int128		high = sum->highest;

	memset(&edge, 0, sizeof(edge));
	edge.scale = scale;
	edge.units = low;
	if (kpicrm_decimal_compare(&wanted, &edge) <= 0)
		return 1;
	edge.units = high;
	if (kpicrm_decimal_compare(&wanted, &edge) > 0)
		return 0;
	/* low < wanted <= high */
	while (high - low > 1)
	{
		edge.units = low + (high - low) / 2;
		if (kpicrm_decimal_compare(&wanted, &edge) <= 0)
			high = edge.units;
		else
			low = edge.units;
	}
	return kpicrm_outcome_sum_at_least(sum, high);
}

/* NULL arrays are no rows; NULL fractions or threshold were not asked for. */
PG_FUNCTION_INFO_V1(kpicrm_outcome_sum_sql);
Datum
kpicrm_outcome_sum_sql(PG_FUNCTION_ARGS)
{
	TupleDesc	columns;
	Datum		values[SUM_COLUMNS];
	bool		nulls[SUM_COLUMNS] = {false};
	KpicrmOutcomeSum sum;
	KpicrmOutcome *outcomes = NULL;
	int32		scale = 0;
	int			count = 0;
	double		unit;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (PG_ARGISNULL(0) != PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("probabilities and amounts must both be given"),
				 errhint("Give one amount for each probability, for example array_agg() of both over the same rows.")));
	if (!PG_ARGISNULL(0))
		outcomes = read_outcomes(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1), &scale, &count);
	kpicrm_outcome_sum(&sum, outcomes, count);
	unit = pow(10, -scale);
	values[0] = CStringGetTextDatum(sum.is_exact ? "exact" : "mixed");
	values[1] = Int64GetDatum((int64) count);
	values[2] = Float8GetDatum(sum.mean * unit);
	values[3] = Float8GetDatum(sqrt(sum.variance) * unit);
	nulls[4] = PG_ARGISNULL(2);
	values[4] = nulls[4] ? (Datum) 0 : quantiles(&sum, scale, PG_GETARG_ARRAYTYPE_P(2));
	nulls[5] = PG_ARGISNULL(3);
	values[5] = nulls[5] ? (Datum) 0 : Float8GetDatum(at_least(&sum, scale, PG_GETARG_DATUM(3)));
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}
