/*
 * ltv_model_sql.c
 *		SQL face of ltv_model: read arguments, call the mathematics, return.
 *
 * What is not known is NULL, never a number: no prediction comes from a part of the
 * model that did not converge.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/ltv_model.h"
#include "algebra/ltv_sample_sql.h"
#include "algebra/purchases_sql.h"

#define DISCOUNT_YEAR_DAYS 365

#define INVALID_HINT "Write \"empty\", or copy what ltv_model_agg() has returned."

StaticAssertDecl(sizeof(KpicrmLtvModel) == 200, "INTERNALLENGTH of ltv_model");

#define PG_GETARG_MODEL_P(n) ((KpicrmLtvModel *) PG_GETARG_POINTER(n))

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_in);
Datum
kpicrm_ltv_model_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmLtvModel *m = palloc(sizeof(*m));

	if (!kpicrm_ltv_model_parse(m, string) || !kpicrm_ltv_model_is_valid(m))
		kpicrm_invalid_text("ltv_model", string, INVALID_HINT);
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_out);
Datum
kpicrm_ltv_model_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_ltv_model_print(&out, PG_GETARG_MODEL_P(0));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_recv);
Datum
kpicrm_ltv_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	KpicrmSource source;
	KpicrmLtvModel *m = palloc(sizeof(*m));

	kpicrm_take_start(&source, pq_getmsgbytes(buf, length), (size_t) length);
	if (!kpicrm_ltv_model_take(&source, m) || !kpicrm_ltv_model_is_valid(m))
		kpicrm_invalid_bytes("ltv_model");
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_send);
Datum
kpicrm_ltv_model_send(PG_FUNCTION_ARGS)
{
	bytea	   *wire = palloc(VARHDRSZ + KPICRM_LTV_MODEL_WIRE_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(wire);
	kpicrm_ltv_model_put(&sink, PG_GETARG_MODEL_P(0));
	SET_VARSIZE(wire, sink.at - (uint8 *) wire);
	PG_RETURN_BYTEA_P(wire);
}

/* Also the last step of ltv_model_agg(). */
PG_FUNCTION_INFO_V1(kpicrm_ltv_fit_sql);
Datum
kpicrm_ltv_fit_sql(PG_FUNCTION_ARGS)
{
	const KpicrmLtvSample *s = kpicrm_ltv_sample_argument(fcinfo, 0);
	KpicrmLtvModel *m = palloc(sizeof(*m));

	kpicrm_ltv_fit(m, s, kpicrm_is_cancelled);
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_status);
Datum
kpicrm_ltv_model_status(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(kpicrm_ltv_status_name(PG_GETARG_MODEL_P(0)->orders.status)));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_value_status);
Datum
kpicrm_ltv_model_value_status(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(kpicrm_ltv_status_name(PG_GETARG_MODEL_P(0)->spend.status)));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_converged);
Datum
kpicrm_ltv_model_converged(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_MODEL_P(0)->orders.status == KPICRM_LTV_CONVERGED);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_value_converged);
Datum
kpicrm_ltv_model_value_converged(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_MODEL_P(0)->spend.status == KPICRM_LTV_CONVERGED);
}

static Datum
log_likelihood(FunctionCallInfo fcinfo, const KpicrmLtvPart *part)
{
	if (!kpicrm_ltv_has_estimates(part))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(part->log_likelihood);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_log_likelihood);
Datum
kpicrm_ltv_model_log_likelihood(PG_FUNCTION_ARGS)
{
	return log_likelihood(fcinfo, &PG_GETARG_MODEL_P(0)->orders);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_value_log_likelihood);
Datum
kpicrm_ltv_model_value_log_likelihood(PG_FUNCTION_ARGS)
{
	return log_likelihood(fcinfo, &PG_GETARG_MODEL_P(0)->spend);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_customer_count);
Datum
kpicrm_ltv_model_customer_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_MODEL_P(0)->customers);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_repeat_count);
Datum
kpicrm_ltv_model_repeat_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_MODEL_P(0)->repeaters);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_value_count);
Datum
kpicrm_ltv_model_value_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_MODEL_P(0)->spenders);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_variant);
Datum
kpicrm_ltv_model_variant(PG_FUNCTION_ARGS)
{
	int32		variant = PG_GETARG_MODEL_P(0)->terms.variant;

	if (variant == KPICRM_BUYER_NONE)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(kpicrm_buyer_variant_name(variant)));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_period);
Datum
kpicrm_ltv_model_period(PG_FUNCTION_ARGS)
{
	int64		period = PG_GETARG_MODEL_P(0)->terms.period;

	if (period == 0)
		PG_RETURN_NULL();
	return kpicrm_span_result(period);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_as_of);
Datum
kpicrm_ltv_model_as_of(PG_FUNCTION_ARGS)
{
	const KpicrmLtvTerms *terms = &PG_GETARG_MODEL_P(0)->terms;

	if (terms->period == 0)
		PG_RETURN_NULL();
	PG_RETURN_DATEADT(terms->as_of);
}

static void
put_parameters(ReturnSetInfo *rsinfo, const KpicrmLtvPart *part, const char *const *name, int count)
{
	for (int i = 0; i < count; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(name[i]);
		values[1] = Float8GetDatum(part->estimate[i]);
		values[2] = Float8GetDatum(part->error[i]);
		nulls[1] = !kpicrm_ltv_has_estimates(part);
		nulls[2] = part->status != KPICRM_LTV_CONVERGED;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_model_parameters);
Datum
kpicrm_ltv_model_parameters(PG_FUNCTION_ARGS)
{
	static const char *const order_name[] = {"r", "alpha", "a", "b"};
	static const char *const spend_name[] = {"p", "q", "v"};
	const KpicrmLtvModel *m = PG_GETARG_MODEL_P(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	put_parameters(rsinfo, &m->orders, order_name, KPICRM_ORDER_PARAMETERS);
	put_parameters(rsinfo, &m->spend, spend_name, KPICRM_SPEND_PARAMETERS);
	return (Datum) 0;
}

/* Periods of the model in a day; not asked where nothing is predicted. */
static double
periods_per_day(const KpicrmLtvModel *m)
{
	if (m->terms.period == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the model was fitted to plain numbers, whose unit of time is not known"),
				 errhint("Fit it to purchases, or predict from frequency, recency and age.")));
	return (double) USECS_PER_DAY / (double) m->terms.period;
}

/*
 * The customer of argument 1 as of a day, times in periods; false if there is
 * nothing to predict from.
 */
static bool
customer_of_purchases(FunctionCallInfo fcinfo, int32 as_of, KpicrmBuyer *buyer, double *value)
{
	const KpicrmLtvModel *m = PG_GETARG_MODEL_P(0);
	const KpicrmPurchases *p = kpicrm_purchases_of(PG_GETARG_DATUM(1));
	KpicrmLtvEntry entry;
	double		periods;

	if (m->orders.status != KPICRM_LTV_CONVERGED)
		return false;
	periods = periods_per_day(m);
	if (!kpicrm_ltv_entry_of_purchases(&entry, p, as_of))
		return false;
	*buyer = (KpicrmBuyer) {(double) entry.frequency, entry.recency * periods, entry.age * periods};
	*value = entry.value;
	return true;
}

/* The customer of arguments 1 to 3 (frequency, recency, age). */
static bool
customer_of_numbers(FunctionCallInfo fcinfo, KpicrmBuyer *buyer)
{
	KpicrmLtvEntry entry = kpicrm_ltv_history((double) PG_GETARG_INT64(1), PG_GETARG_FLOAT8(2),
											  PG_GETARG_FLOAT8(3), 0);

	*buyer = (KpicrmBuyer) {(double) entry.frequency, entry.recency, entry.age};
	return PG_GETARG_MODEL_P(0)->orders.status == KPICRM_LTV_CONVERGED;
}

static double
horizon_in_periods(FunctionCallInfo fcinfo, int n)
{
	const KpicrmLtvModel *m = PG_GETARG_MODEL_P(0);
	int64		horizon = kpicrm_span_argument(fcinfo, n, "horizon");

	return m->terms.period == 0 ? 0 : (double) horizon / (double) m->terms.period;
}

static double
horizon_argument(FunctionCallInfo fcinfo, int n)
{
	double		horizon = PG_GETARG_FLOAT8(n);

	if (!(horizon >= 0 && horizon <= KPICRM_LTV_MAX_TIME))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("horizon must be between 0 and %g, not %g", KPICRM_LTV_MAX_TIME, horizon),
				 errhint("Give a length of time in the unit of recency and age.")));
	return horizon;
}

static Datum
expected_orders(FunctionCallInfo fcinfo, const KpicrmBuyer *buyer, double horizon)
{
	KpicrmBuyerModel model = kpicrm_ltv_buyer_model(PG_GETARG_MODEL_P(0));

	PG_RETURN_FLOAT8(kpicrm_buyer_orders(&model, buyer, horizon));
}

static Datum
expected_orders_of_purchases(FunctionCallInfo fcinfo, int32 as_of)
{
	double		horizon = horizon_in_periods(fcinfo, 3);
	KpicrmBuyer buyer;
	double		value;

	if (!customer_of_purchases(fcinfo, as_of, &buyer, &value))
		PG_RETURN_NULL();
	return expected_orders(fcinfo, &buyer, horizon);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_orders_timestamptz);
Datum
kpicrm_ltv_expected_orders_timestamptz(PG_FUNCTION_ARGS)
{
	return expected_orders_of_purchases(fcinfo, kpicrm_as_of_timestamptz(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_orders_date);
Datum
kpicrm_ltv_expected_orders_date(PG_FUNCTION_ARGS)
{
	return expected_orders_of_purchases(fcinfo, kpicrm_as_of_date(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_orders_numbers);
Datum
kpicrm_ltv_expected_orders_numbers(PG_FUNCTION_ARGS)
{
	double		horizon = horizon_argument(fcinfo, 4);
	KpicrmBuyer buyer;

	if (!customer_of_numbers(fcinfo, &buyer))
		PG_RETURN_NULL();
	return expected_orders(fcinfo, &buyer, horizon);
}

static Datum
alive_probability(FunctionCallInfo fcinfo, const KpicrmBuyer *buyer)
{
	KpicrmBuyerModel model = kpicrm_ltv_buyer_model(PG_GETARG_MODEL_P(0));

	PG_RETURN_FLOAT8(kpicrm_buyer_alive(&model, buyer));
}

static Datum
alive_probability_of_purchases(FunctionCallInfo fcinfo, int32 as_of)
{
	KpicrmBuyer buyer;
	double		value;

	if (!customer_of_purchases(fcinfo, as_of, &buyer, &value))
		PG_RETURN_NULL();
	return alive_probability(fcinfo, &buyer);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_alive_probability_timestamptz);
Datum
kpicrm_ltv_alive_probability_timestamptz(PG_FUNCTION_ARGS)
{
	return alive_probability_of_purchases(fcinfo, kpicrm_as_of_timestamptz(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_alive_probability_date);
Datum
kpicrm_ltv_alive_probability_date(PG_FUNCTION_ARGS)
{
	return alive_probability_of_purchases(fcinfo, kpicrm_as_of_date(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_alive_probability_numbers);
Datum
kpicrm_ltv_alive_probability_numbers(PG_FUNCTION_ARGS)
{
	KpicrmBuyer buyer;

	if (!customer_of_numbers(fcinfo, &buyer))
		PG_RETURN_NULL();
	return alive_probability(fcinfo, &buyer);
}

/* False where the model knows none: no fit, no positive spend, or an infinite mean. */
static bool
order_value(const KpicrmLtvModel *m, double frequency, double value, double *expected)
{
	KpicrmSpendModel model = kpicrm_ltv_spend_model(m);

	if (m->spend.status != KPICRM_LTV_CONVERGED || (frequency > 0 && value < KPICRM_LTV_MIN_VALUE))
		return false;
	return kpicrm_spend_mean(&model, frequency, value, expected);
}

static Datum
expected_order_value(FunctionCallInfo fcinfo, int32 as_of)
{
	KpicrmLtvEntry entry;
	double		expected;

	if (!kpicrm_ltv_entry_of_purchases(&entry, kpicrm_purchases_of(PG_GETARG_DATUM(1)), as_of) ||
		!order_value(PG_GETARG_MODEL_P(0), (double) entry.frequency, entry.value, &expected))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(expected);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_order_value);
Datum
kpicrm_ltv_expected_order_value(PG_FUNCTION_ARGS)
{
	return expected_order_value(fcinfo, PG_INT32_MAX);
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_order_value_timestamptz);
Datum
kpicrm_ltv_expected_order_value_timestamptz(PG_FUNCTION_ARGS)
{
	return expected_order_value(fcinfo, kpicrm_as_of_timestamptz(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_order_value_date);
Datum
kpicrm_ltv_expected_order_value_date(PG_FUNCTION_ARGS)
{
	return expected_order_value(fcinfo, kpicrm_as_of_date(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_expected_order_value_numbers);
Datum
kpicrm_ltv_expected_order_value_numbers(PG_FUNCTION_ARGS)
{
	KpicrmLtvEntry entry = kpicrm_ltv_history((double) PG_GETARG_INT64(1), 0, 0, PG_GETARG_FLOAT8(2));
	double		expected;

	if (!order_value(PG_GETARG_MODEL_P(0), (double) entry.frequency, entry.value, &expected))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(expected);
}

static double
margin_argument(FunctionCallInfo fcinfo, int n)
{
	double		margin = PG_GETARG_FLOAT8(n);

	if (!(margin >= -1 && margin <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("gross_margin must be between -1 and 1, not %g", margin),
				 errhint("Shares are fractions: 0.3 means 30 %%.")));
	return margin;
}

/* discount: log of 1 + the rate of one period. */
static Datum
lifetime_value(FunctionCallInfo fcinfo, const KpicrmBuyer *buyer, double value, double horizon,
			   double margin, double log_discount)
{
	const KpicrmLtvModel *m = PG_GETARG_MODEL_P(0);
	KpicrmBuyerModel model = kpicrm_ltv_buyer_model(m);
	double		expected;

	if (!order_value(m, buyer->frequency, value, &expected))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(margin * expected * kpicrm_buyer_discounted(&model, buyer, horizon, log_discount));
}

/* model, purchases, as_of, horizon, gross_margin, discount_rate a year */
static Datum
lifetime_value_of_purchases(FunctionCallInfo fcinfo, int32 as_of)
{
	double		horizon = horizon_in_periods(fcinfo, 3);
	double		margin = margin_argument(fcinfo, 4);
	double		discount = kpicrm_fraction_argument(fcinfo, 5, "discount_rate");
	KpicrmBuyer buyer;
	double		value;

	if (!customer_of_purchases(fcinfo, as_of, &buyer, &value))
		PG_RETURN_NULL();
	return lifetime_value(fcinfo, &buyer, value, horizon, margin,
						  log1p(discount) / (DISCOUNT_YEAR_DAYS * periods_per_day(PG_GETARG_MODEL_P(0))));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_timestamptz);
Datum
kpicrm_ltv_timestamptz(PG_FUNCTION_ARGS)
{
	return lifetime_value_of_purchases(fcinfo, kpicrm_as_of_timestamptz(fcinfo, 2));
}

PG_FUNCTION_INFO_V1(kpicrm_ltv_date);
Datum
kpicrm_ltv_date(PG_FUNCTION_ARGS)
{
	return lifetime_value_of_purchases(fcinfo, kpicrm_as_of_date(fcinfo, 2));
}

/* model, frequency, recency, age, monetary_value, horizon, gross_margin, discount_rate a unit of time */
PG_FUNCTION_INFO_V1(kpicrm_ltv_numbers);
Datum
kpicrm_ltv_numbers(PG_FUNCTION_ARGS)
{
	double		horizon = horizon_argument(fcinfo, 5);
	double		margin = margin_argument(fcinfo, 6);
	double		discount = kpicrm_fraction_argument(fcinfo, 7, "discount_rate");
	KpicrmLtvEntry entry = kpicrm_ltv_history((double) PG_GETARG_INT64(1), PG_GETARG_FLOAT8(2),
											  PG_GETARG_FLOAT8(3), PG_GETARG_FLOAT8(4));
	KpicrmBuyer buyer;

	if (!customer_of_numbers(fcinfo, &buyer))
		PG_RETURN_NULL();
	return lifetime_value(fcinfo, &buyer, entry.value, horizon, margin, log1p(discount));
}
