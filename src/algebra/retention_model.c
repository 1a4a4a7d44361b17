/*
 * retention_model.c
 *		How long contracts last: the value of a fit, its bytes and its text.  Knows
 *		neither fmgr nor SQL (see retention_fit.c, retention_curve.c and
 *		retention_model_sql.c).
 *
 * Text:  1000 contracts, converged -1401.6 {churn 0.15 +- 0.01, spread 0.22 +- 0.05,
 * correlation 0.3}
 */
#include "postgres.h"

#include <math.h>

#include "algebra/retention_model.h"

static const char *const status_name[] = {
	[KPICRM_RETENTION_CONVERGED] = "converged",
	[KPICRM_RETENTION_ALIKE] = "converged: no heterogeneity",
	[KPICRM_RETENTION_NOT_CONVERGED] = "not converged: the search ended before the maximum",
	[KPICRM_RETENTION_NO_CONTRACTS] = "no contracts",
	[KPICRM_RETENTION_NO_RENEWAL] = "not identified: no renewal was observed",
	[KPICRM_RETENTION_NONE_LOST] = "not identified: nobody was lost",
	[KPICRM_RETENTION_ALL_LOST_FIRST] = "not identified: all were lost in the first period",
	[KPICRM_RETENTION_ONE_RENEWAL] = "not identified: only the first renewal was observed",
	[KPICRM_RETENTION_NONE_LOST_LATER] = "not identified: nobody was lost after the first period",
	[KPICRM_RETENTION_ONE_CONTRACT] = "not identified: a single contract",
};

/* Far beyond what a fit finds, and within what predictions can be computed from. */
#define MIN_CHURN 1e-30
#define MIN_SPREAD 1e-20
#define MAX_SPREAD 1e30
#define MAX_ERROR 1e100

const char *
kpicrm_retention_status_name(int32 status)
{
	return status_name[status];
}

bool
kpicrm_retention_has_estimates(const KpicrmRetentionModel *m)
{
	return m->status <= KPICRM_RETENTION_ALIKE;
}

static bool
is_none(double value)
{
	return value == 0 && !signbit(value);
}

static bool
is_error(double value)
{
	return value > 0 && value <= MAX_ERROR;
}

static bool
churn_is_valid(const KpicrmRetentionModel *m)
{
	if (!kpicrm_retention_has_estimates(m))
		return is_none(m->log_likelihood) && is_none(m->churn) && is_none(m->churn_error);
	return m->log_likelihood < 0 && isfinite(m->log_likelihood) &&
		m->churn >= MIN_CHURN && m->churn < 1 && is_error(m->churn_error);
}

static bool
spread_is_valid(const KpicrmRetentionModel *m)
{
	if (m->status != KPICRM_RETENTION_CONVERGED)
		return is_none(m->spread) && is_none(m->spread_error) && is_none(m->correlation);
	return m->spread >= MIN_SPREAD && m->spread <= MAX_SPREAD && is_error(m->spread_error) &&
		m->correlation >= -1 && m->correlation <= 1 &&
		(m->correlation != 0 || !signbit(m->correlation));
}

bool
kpicrm_retention_model_is_valid(const KpicrmRetentionModel *m)
{
	if (m->status < KPICRM_RETENTION_CONVERGED || m->status >= KPICRM_RETENTION_STATUSES ||
		m->unused != 0 || m->contracts < 0 ||
		(m->contracts == 0) != (m->status == KPICRM_RETENTION_NO_CONTRACTS) ||
		(m->contracts < 2 && kpicrm_retention_has_estimates(m)))
		return false;
	return churn_is_valid(m) && spread_is_valid(m);
}

void
kpicrm_retention_model_put(KpicrmSink *sink, const KpicrmRetentionModel *m)
{
	*sink->at++ = KPICRM_RETENTION_MODEL_VERSION;
	kpicrm_put_varint(sink, (uint64) m->contracts);
	*sink->at++ = (uint8) m->status;
	if (!kpicrm_retention_has_estimates(m))
		return;
	kpicrm_put_double(sink, m->log_likelihood);
	kpicrm_put_double(sink, m->churn);
	kpicrm_put_double(sink, m->churn_error);
	if (m->status != KPICRM_RETENTION_CONVERGED)
		return;
	kpicrm_put_double(sink, m->spread);
	kpicrm_put_double(sink, m->spread_error);
	kpicrm_put_double(sink, m->correlation);
}

bool
kpicrm_retention_model_take(KpicrmSource *source, KpicrmRetentionModel *m)
{
	memset(m, 0, sizeof(*m));
	if (kpicrm_take_byte(source) != KPICRM_RETENTION_MODEL_VERSION)
		return false;
	m->contracts = kpicrm_take_count(source);
	m->status = kpicrm_take_byte(source);
	if (kpicrm_retention_has_estimates(m))
	{
		m->log_likelihood = kpicrm_take_double(source);
		m->churn = kpicrm_take_double(source);
		m->churn_error = kpicrm_take_double(source);
	}
	if (m->status == KPICRM_RETENTION_CONVERGED)
	{
		m->spread = kpicrm_take_double(source);
		m->spread_error = kpicrm_take_double(source);
		m->correlation = kpicrm_take_double(source);
	}
	return !source->failed && source->at == source->end;
}

/* From the last to the first: the first one is the beginning of the second. */
static void
text_status(KpicrmText *in, KpicrmRetentionModel *m)
{
	m->status = KPICRM_RETENTION_STATUSES - 1;
	while (m->status > 0 && !kpicrm_text_try(in, status_name[m->status]))
		m->status--;
	if (m->status == 0)
		kpicrm_text_literal(in, status_name[0]);
}

static void
text_estimates(KpicrmText *in, KpicrmRetentionModel *m)
{
	kpicrm_text_literal(in, " ");
	m->log_likelihood = kpicrm_text_double(in);
	kpicrm_text_literal(in, " {churn ");
	m->churn = kpicrm_text_double(in);
	kpicrm_text_literal(in, " +- ");
	m->churn_error = kpicrm_text_double(in);
	if (m->status == KPICRM_RETENTION_CONVERGED)
	{
		kpicrm_text_literal(in, ", spread ");
		m->spread = kpicrm_text_double(in);
		kpicrm_text_literal(in, " +- ");
		m->spread_error = kpicrm_text_double(in);
		kpicrm_text_literal(in, ", correlation ");
		m->correlation = kpicrm_text_double(in);
	}
	kpicrm_text_literal(in, "}");
}

bool
kpicrm_retention_model_parse(KpicrmRetentionModel *m, const char *string)
{
	KpicrmText	in;

	memset(m, 0, sizeof(*m));
	kpicrm_text_start(&in, string);
	m->contracts = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, " contracts, ");
	text_status(&in, m);
	if (kpicrm_retention_has_estimates(m))
		text_estimates(&in, m);
	return kpicrm_text_finish(&in);
}

static void
print_estimate(StringInfo out, const char *name, double value, double error)
{
	appendStringInfoString(out, name);
	kpicrm_print_double(out, value);
	appendStringInfoString(out, " +- ");
	kpicrm_print_double(out, error);
}

void
kpicrm_retention_model_print(StringInfo out, const KpicrmRetentionModel *m)
{
	appendStringInfo(out, "%lld contracts, %s", (long long) m->contracts, status_name[m->status]);
	if (!kpicrm_retention_has_estimates(m))
		return;
	appendStringInfoChar(out, ' ');
	kpicrm_print_double(out, m->log_likelihood);
	print_estimate(out, " {churn ", m->churn, m->churn_error);
	if (m->status == KPICRM_RETENTION_CONVERGED)
	{
		print_estimate(out, ", spread ", m->spread, m->spread_error);
		appendStringInfoString(out, ", correlation ");
		kpicrm_print_double(out, m->correlation);
	}
	appendStringInfoChar(out, '}');
}

/*
 * share / spread, by the delta method; sign is that of the change of share with churn.
 * Only for a model with a spread.
 */
static KpicrmRetentionParameter
parameter(const KpicrmRetentionModel *m, double share, double sign)
{
	double		by_churn = sign * m->churn_error / m->spread;
	double		by_spread = -share / m->spread * (m->spread_error / m->spread);
	double		variance = by_churn * by_churn + by_spread * by_spread +
		2 * m->correlation * by_churn * by_spread;

	return (KpicrmRetentionParameter) {share / m->spread, sqrt(Max(0, variance))};
}

KpicrmRetentionParameter
kpicrm_retention_alpha(const KpicrmRetentionModel *m)
{
	return parameter(m, m->churn, 1);
}

KpicrmRetentionParameter
kpicrm_retention_beta(const KpicrmRetentionModel *m)
{
	return parameter(m, 1 - m->churn, -1);
}
