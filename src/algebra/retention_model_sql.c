/*
 * retention_model_sql.c
 *		SQL face of retention_model: read arguments, call the mathematics, return.
 *
 * What is not known is NULL, never a number: a model without estimates predicts
 * nothing.
 */
#include "postgres.h"

#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/retention_model.h"
#include "algebra/retention_sample_sql.h"

#define INVALID_HINT "Copy what retention_model_agg() has returned."

StaticAssertDecl(sizeof(KpicrmRetentionModel) == 64, "INTERNALLENGTH of retention_model");

#define PG_GETARG_MODEL_P(n) ((KpicrmRetentionModel *) PG_GETARG_POINTER(n))

PG_FUNCTION_INFO_V1(kpicrm_retention_model_in);
Datum
kpicrm_retention_model_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmRetentionModel *m = palloc(sizeof(*m));

	if (!kpicrm_retention_model_parse(m, string) || !kpicrm_retention_model_is_valid(m))
		kpicrm_invalid_text("retention_model", string, INVALID_HINT);
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_out);
Datum
kpicrm_retention_model_out(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	kpicrm_retention_model_print(&out, PG_GETARG_MODEL_P(0));
	PG_RETURN_CSTRING(out.data);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_recv);
Datum
kpicrm_retention_model_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	int			length = buf->len - buf->cursor;
	KpicrmSource source;
	KpicrmRetentionModel *m = palloc(sizeof(*m));

	kpicrm_take_start(&source, pq_getmsgbytes(buf, length), (size_t) length);
	if (!kpicrm_retention_model_take(&source, m) || !kpicrm_retention_model_is_valid(m))
		kpicrm_invalid_bytes("retention_model");
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_send);
Datum
kpicrm_retention_model_send(PG_FUNCTION_ARGS)
{
	bytea	   *wire = palloc(VARHDRSZ + KPICRM_RETENTION_MODEL_WIRE_MAX);
	KpicrmSink	sink;

	sink.at = (uint8 *) VARDATA(wire);
	kpicrm_retention_model_put(&sink, PG_GETARG_MODEL_P(0));
	SET_VARSIZE(wire, sink.at - (uint8 *) wire);
	PG_RETURN_BYTEA_P(wire);
}

/* Also the last step of retention_model_agg(). */
PG_FUNCTION_INFO_V1(kpicrm_retention_fit_sql);
Datum
kpicrm_retention_fit_sql(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionSample *s = kpicrm_retention_sample_argument(fcinfo, 0);
	KpicrmRetentionModel *m = palloc(sizeof(*m));

	kpicrm_retention_fit(m, s, kpicrm_is_cancelled);
	CHECK_FOR_INTERRUPTS();
	PG_RETURN_POINTER(m);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_status);
Datum
kpicrm_retention_model_status(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(kpicrm_retention_status_name(PG_GETARG_MODEL_P(0)->status)));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_converged);
Datum
kpicrm_retention_model_converged(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(kpicrm_retention_has_estimates(PG_GETARG_MODEL_P(0)));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_contract_count);
Datum
kpicrm_retention_model_contract_count(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_MODEL_P(0)->contracts);
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_log_likelihood);
Datum
kpicrm_retention_model_log_likelihood(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionModel *m = PG_GETARG_MODEL_P(0);

	if (!kpicrm_retention_has_estimates(m))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(m->log_likelihood);
}

static void
put_parameter(ReturnSetInfo *rsinfo, const char *name, KpicrmRetentionParameter p, bool known)
{
	Datum		values[3];
	bool		nulls[3] = {false, !known, !known};

	values[0] = CStringGetTextDatum(name);
	values[1] = Float8GetDatum(p.value);
	values[2] = Float8GetDatum(p.error);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Where all contracts are alike, alpha and beta are infinite and only churn is known. */
PG_FUNCTION_INFO_V1(kpicrm_retention_model_parameters);
Datum
kpicrm_retention_model_parameters(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionModel *m = PG_GETARG_MODEL_P(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		has_spread = m->status == KPICRM_RETENTION_CONVERGED;

	InitMaterializedSRF(fcinfo, 0);
	put_parameter(rsinfo, "alpha", kpicrm_retention_alpha(m), has_spread);
	put_parameter(rsinfo, "beta", kpicrm_retention_beta(m), has_spread);
	put_parameter(rsinfo, "churn", (KpicrmRetentionParameter) {m->churn, m->churn_error},
				  kpicrm_retention_has_estimates(m));
	return (Datum) 0;
}

static int32
period_argument(FunctionCallInfo fcinfo, int n, const char *name, int32 lowest)
{
	int32		period = PG_GETARG_INT32(n);

	if (period < lowest || period > KPICRM_RETENTION_PERIODS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d, not %d", name, lowest, KPICRM_RETENTION_PERIODS, period),
				 errhint("Count in the periods that the model was fitted to.")));
	return period;
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_survival);
Datum
kpicrm_retention_model_survival(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionModel *m = PG_GETARG_MODEL_P(0);
	int32		period = period_argument(fcinfo, 1, "period", 0);

	if (!kpicrm_retention_has_estimates(m))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_retention_survival(m, period));
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_retention_rate);
Datum
kpicrm_retention_model_retention_rate(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionModel *m = PG_GETARG_MODEL_P(0);
	int32		period = period_argument(fcinfo, 1, "period", 1);

	if (!kpicrm_retention_has_estimates(m))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(kpicrm_retention_rate(m, period));
}

static double
discount_argument(FunctionCallInfo fcinfo, int n)
{
	double		discount = PG_GETARG_FLOAT8(n);

	if (discount != 0 && !(discount >= KPICRM_MIN_DISCOUNT && discount <= KPICRM_MAX_DISCOUNT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("discount_rate must be 0, or between %g and %g, not %g",
						KPICRM_MIN_DISCOUNT, KPICRM_MAX_DISCOUNT, discount),
				 errhint("Give the interest of one period as a fraction: 0.1 means 10 %%; 0 counts periods.")));
	return discount;
}

PG_FUNCTION_INFO_V1(kpicrm_retention_model_residual_lifetime);
Datum
kpicrm_retention_model_residual_lifetime(PG_FUNCTION_ARGS)
{
	const KpicrmRetentionModel *m = PG_GETARG_MODEL_P(0);
	int32		renewals = period_argument(fcinfo, 1, "renewals_done", 0);
	double		discount = discount_argument(fcinfo, 2);
	double		lifetime;

	if (!kpicrm_retention_has_estimates(m))
		PG_RETURN_NULL();
	lifetime = kpicrm_residual_lifetime(m, renewals, discount, kpicrm_is_cancelled);
	CHECK_FOR_INTERRUPTS();
	if (!PG_GETARG_BOOL(3))
		lifetime /= 1 + discount;
	PG_RETURN_FLOAT8(lifetime);
}
