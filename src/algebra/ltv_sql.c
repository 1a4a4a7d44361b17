/*
 * ltv_sql.c
 *		Formulas for lifetime value.  They are arithmetic on numeric, so there is
 *		no pure core: every step is exact except the division.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "compat.h"

static Numeric
product(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_mul, NumericGetDatum(a), NumericGetDatum(b)));
}

static Numeric
quotient(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_div, NumericGetDatum(a), NumericGetDatum(b)));
}

static bool
less(Numeric a, Numeric b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(a), NumericGetDatum(b)));
}

static bool
is_zero(Numeric a)
{
	return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(a),
											NumericGetDatum(int64_to_numeric(0))));
}

static char *
print(Numeric a)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(a)));
}

static Numeric
finite_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	Numeric		a = PG_GETARG_NUMERIC(n);

	if (numeric_is_nan(a) || numeric_is_inf(a))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number, not %s", name, print(a)),
				 errhint("Use NULL for an unknown value.")));
	return a;
}

/* A share written as a percentage is the usual mistake. */
static Numeric
share_argument(FunctionCallInfo fcinfo, int n, const char *name, int64 lowest)
{
	Numeric		a = finite_argument(fcinfo, n, name);

	if (less(a, int64_to_numeric(lowest)) || less(int64_to_numeric(1), a))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %lld and 1, not %s", name, (long long) lowest, print(a)),
				 errhint("Shares are fractions: 0.05 means 5 %%, 5 means 500 %%.")));
	return a;
}

static Numeric
positive_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	Numeric		a = finite_argument(fcinfo, n, name);

	if (less(a, int64_to_numeric(0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative, but is %s", name, print(a)),
				 errhint("Give 0 or a positive number.")));
	return a;
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_simple);
Datum
kpicrm_ltv_simple(PG_FUNCTION_ARGS)
{
	Numeric		order_value = finite_argument(fcinfo, 0, "order_value");
	Numeric		gross_margin = share_argument(fcinfo, 1, "gross_margin", -1);
	Numeric		orders_per_year = positive_argument(fcinfo, 2, "orders_per_year");
	Numeric		years = positive_argument(fcinfo, 3, "years");

	PG_RETURN_NUMERIC(product(product(order_value, gross_margin),
							  product(orders_per_year, years)));
}

/* Without churn nobody ever leaves: no finite value. */
PG_FUNCTION_INFO_V1(kpicrm_ltv_churn);
Datum
kpicrm_ltv_churn(PG_FUNCTION_ARGS)
{
	Numeric		arpa = finite_argument(fcinfo, 0, "arpa");
	Numeric		gross_margin = share_argument(fcinfo, 1, "gross_margin", -1);
	Numeric		churn = share_argument(fcinfo, 2, "churn", 0);

	if (is_zero(churn))
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(quotient(product(arpa, gross_margin), churn));
}

/*
 * The sum of margin * (retention / (1 + discount))^t over the periods t from 0,
 * if the first payment is made now, or else from 1.
 */
PG_FUNCTION_INFO_V1(kpicrm_ltv_discounted);
Datum
kpicrm_ltv_discounted(PG_FUNCTION_ARGS)
{
	Numeric		margin = finite_argument(fcinfo, 0, "margin");
	Numeric		retention = share_argument(fcinfo, 1, "retention", 0);
	Numeric		discount = positive_argument(fcinfo, 2, "discount");
	Numeric		growth = numeric_add_opt_error(discount, int64_to_numeric(1), NULL);
	Numeric		decay = numeric_sub_opt_error(growth, retention, NULL);

	if (is_zero(decay))
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(quotient(product(margin, PG_GETARG_BOOL(3) ? growth : retention), decay));
}
