/*
 * ltv_model.c
 *		What customers are expected to be worth: the value of a fit, its bytes and
 *		its text.  Knows neither fmgr nor SQL (see ltv_fit.c and ltv_model_sql.c).
 */
#include "postgres.h"

#include <math.h>

#include "algebra/ltv_model.h"

/* No text is the beginning of another one. */
static const char *const status_name[] = {
	[KPICRM_LTV_CONVERGED] = "converged",
	[KPICRM_LTV_AT_EDGE] = "not identified: a parameter has no finite estimate",
	[KPICRM_LTV_FLAT] = "not identified: the likelihood is flat",
	[KPICRM_LTV_NOT_CONVERGED] = "not converged: the search ended before the maximum",
	[KPICRM_LTV_NO_CUSTOMERS] = "no customers",
	[KPICRM_LTV_ONE_CUSTOMER] = "a single customer",
	[KPICRM_LTV_ALL_ONCE] = "not identified: all customers bought once",
	[KPICRM_LTV_NO_SPEND] = "not identified: no repeat customer with a positive amount",
	[KPICRM_LTV_SAME_SPEND] = "not identified: spend does not vary",
};

/* Far beyond what a fit finds, and within what predictions can be computed from. */
#define MAX_SHAPE 1e6
#define MAX_SCALE 1e130

const char *
kpicrm_ltv_status_name(int32 status)
{
	return status_name[status];
}

bool
kpicrm_ltv_has_estimates(const KpicrmLtvPart *part)
{
	return part->status <= KPICRM_LTV_NOT_CONVERGED;
}

static bool
is_none(double value)
{
	return value == 0 && !signbit(value);
}

/* scale: which of the parameters has a unit. */
static bool
part_is_valid(const KpicrmLtvPart *part, int parameters, int scale)
{
	if (part->status < KPICRM_LTV_CONVERGED || part->status > KPICRM_LTV_SAME_SPEND ||
		!isfinite(part->log_likelihood))
		return false;
	if (!kpicrm_ltv_has_estimates(part) && !is_none(part->log_likelihood))
		return false;
	for (int i = 0; i < KPICRM_PART_PARAMETERS; i++)
	{
		double		most = i == scale ? MAX_SCALE : MAX_SHAPE;
		double		estimate = part->estimate[i];
		double		error = part->error[i];
		bool		estimated = i < parameters && kpicrm_ltv_has_estimates(part);

		if (estimated ? !(estimate >= 1 / most && estimate <= most) : !is_none(estimate))
			return false;
		if (estimated && part->status == KPICRM_LTV_CONVERGED ? !(error > 0 && isfinite(error)) : !is_none(error))
			return false;
	}
	return true;
}

bool
kpicrm_ltv_model_is_valid(const KpicrmLtvModel *m)
{
	if (!kpicrm_ltv_terms_are_valid(&m->terms) ||
		!part_is_valid(&m->orders, KPICRM_ORDER_PARAMETERS, 1) ||
		!part_is_valid(&m->spend, KPICRM_SPEND_PARAMETERS, 2))
		return false;
	if (m->spenders < 0 || m->repeaters < m->spenders || m->customers < m->repeaters ||
		(m->terms.variant == KPICRM_BUYER_NONE && m->customers > 0))
		return false;
	/* Estimates come from customers who came back, and who spent. */
	return (m->customers == 0) == (m->orders.status == KPICRM_LTV_NO_CUSTOMERS) &&
		(m->customers == 0) == (m->spend.status == KPICRM_LTV_NO_CUSTOMERS) &&
		(m->repeaters > 0 || !kpicrm_ltv_has_estimates(&m->orders)) &&
		(m->spenders > 0 || !kpicrm_ltv_has_estimates(&m->spend));
}

static void
put_part(KpicrmSink *sink, const KpicrmLtvPart *part, int parameters)
{
	*sink->at++ = (uint8) part->status;
	if (!kpicrm_ltv_has_estimates(part))
		return;
	kpicrm_put_double(sink, part->log_likelihood);
	for (int i = 0; i < parameters; i++)
		kpicrm_put_double(sink, part->estimate[i]);
	for (int i = 0; i < parameters && part->status == KPICRM_LTV_CONVERGED; i++)
		kpicrm_put_double(sink, part->error[i]);
}

static void
take_part(KpicrmSource *source, KpicrmLtvPart *part, int parameters)
{
	part->status = kpicrm_take_byte(source);
	if (!kpicrm_ltv_has_estimates(part))
		return;
	part->log_likelihood = kpicrm_take_double(source);
	for (int i = 0; i < parameters; i++)
		part->estimate[i] = kpicrm_take_double(source);
	for (int i = 0; i < parameters && part->status == KPICRM_LTV_CONVERGED; i++)
		part->error[i] = kpicrm_take_double(source);
}

void
kpicrm_ltv_model_put(KpicrmSink *sink, const KpicrmLtvModel *m)
{
	*sink->at++ = KPICRM_LTV_MODEL_VERSION;
	kpicrm_ltv_put_terms(sink, &m->terms);
	kpicrm_put_varint(sink, (uint64) m->customers);
	kpicrm_put_varint(sink, (uint64) m->repeaters);
	kpicrm_put_varint(sink, (uint64) m->spenders);
	put_part(sink, &m->orders, KPICRM_ORDER_PARAMETERS);
	put_part(sink, &m->spend, KPICRM_SPEND_PARAMETERS);
}

bool
kpicrm_ltv_model_take(KpicrmSource *source, KpicrmLtvModel *m)
{
	memset(m, 0, sizeof(*m));
	if (kpicrm_take_byte(source) != KPICRM_LTV_MODEL_VERSION)
		return false;
	kpicrm_ltv_take_terms(source, &m->terms);
	m->customers = kpicrm_take_count(source);
	m->repeaters = kpicrm_take_count(source);
	m->spenders = kpicrm_take_count(source);
	take_part(source, &m->orders, KPICRM_ORDER_PARAMETERS);
	take_part(source, &m->spend, KPICRM_SPEND_PARAMETERS);
	return !source->failed && source->at == source->end;
}

static void
text_part(KpicrmText *in, KpicrmLtvPart *part, int parameters)
{
	while (part->status <= KPICRM_LTV_SAME_SPEND && !kpicrm_text_try(in, status_name[part->status]))
		part->status++;
	if (part->status > KPICRM_LTV_SAME_SPEND)
		in->failed = true;
	if (in->failed || !kpicrm_ltv_has_estimates(part))
		return;
	kpicrm_text_literal(in, " ");
	part->log_likelihood = kpicrm_text_double(in);
	for (int i = 0; i < parameters; i++)
	{
		kpicrm_text_literal(in, i == 0 ? " {" : ", ");
		part->estimate[i] = kpicrm_text_double(in);
		if (part->status == KPICRM_LTV_CONVERGED)
		{
			kpicrm_text_literal(in, " +- ");
			part->error[i] = kpicrm_text_double(in);
		}
	}
	kpicrm_text_literal(in, "}");
}

static void
print_part(StringInfo out, const KpicrmLtvPart *part, int parameters)
{
	appendStringInfoString(out, status_name[part->status]);
	if (!kpicrm_ltv_has_estimates(part))
		return;
	appendStringInfoChar(out, ' ');
	kpicrm_print_double(out, part->log_likelihood);
	for (int i = 0; i < parameters; i++)
	{
		appendStringInfoString(out, i == 0 ? " {" : ", ");
		kpicrm_print_double(out, part->estimate[i]);
		if (part->status == KPICRM_LTV_CONVERGED)
		{
			appendStringInfoString(out, " +- ");
			kpicrm_print_double(out, part->error[i]);
		}
	}
	appendStringInfoChar(out, '}');
}

bool
kpicrm_ltv_model_parse(KpicrmLtvModel *m, const char *string)
{
	KpicrmText	in;

	memset(m, 0, sizeof(*m));
	kpicrm_text_start(&in, string);
	if (kpicrm_text_try(&in, "empty"))
	{
		m->orders.status = m->spend.status = KPICRM_LTV_NO_CUSTOMERS;
		return kpicrm_text_finish(&in);
	}
	kpicrm_ltv_text_terms(&in, &m->terms);
	kpicrm_text_literal(&in, ", ");
	m->customers = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, " customers, ");
	m->repeaters = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, " repeat, ");
	m->spenders = kpicrm_text_count(&in);
	kpicrm_text_literal(&in, " with spend; orders ");
	text_part(&in, &m->orders, KPICRM_ORDER_PARAMETERS);
	kpicrm_text_literal(&in, "; spend ");
	text_part(&in, &m->spend, KPICRM_SPEND_PARAMETERS);
	return kpicrm_text_finish(&in);
}

void
kpicrm_ltv_model_print(StringInfo out, const KpicrmLtvModel *m)
{
	if (m->terms.variant == KPICRM_BUYER_NONE)
	{
		appendStringInfoString(out, "empty");
		return;
	}
	kpicrm_ltv_print_terms(out, &m->terms);
	appendStringInfo(out, ", %lld customers, %lld repeat, %lld with spend; orders ",
					 (long long) m->customers, (long long) m->repeaters, (long long) m->spenders);
	print_part(out, &m->orders, KPICRM_ORDER_PARAMETERS);
	appendStringInfoString(out, "; spend ");
	print_part(out, &m->spend, KPICRM_SPEND_PARAMETERS);
}

KpicrmBuyerModel
kpicrm_ltv_buyer_model(const KpicrmLtvModel *m)
{
	const double *estimate = m->orders.estimate;

	return (KpicrmBuyerModel) {m->terms.variant, estimate[0], estimate[1], estimate[2], estimate[3]};
}

KpicrmSpendModel
kpicrm_ltv_spend_model(const KpicrmLtvModel *m)
{
	const double *estimate = m->spend.estimate;

	return (KpicrmSpendModel) {estimate[0], estimate[1], estimate[2]};
}
