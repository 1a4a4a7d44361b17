/*
 * spend_model.c
 *		What customers spend on an order: Gamma-Gamma.  Knows neither fmgr nor SQL.
 *
 * Source: P. S. Fader, B. G. S. Hardie and K. L. Lee, "RFM and CLV: using iso-value
 * curves for customer base analysis", Journal of Marketing Research 42 (2005)
 * 415-430; P. S. Fader and B. G. S. Hardie, "The Gamma-Gamma model of monetary
 * value" (2013), http://brucehardie.com/notes/025/.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/digamma.h"
#include "algebra/spend_model.h"

#define INTERRUPT_INTERVAL 65536

/*
 * What depends on the number of orders alone, for all customers of it; the gradient
 * is by the parameters themselves, not their logarithms.
 */
static double
add_orders(const KpicrmSpendModel *m, double orders, double count, double *gradient)
{
	double		shape = m->p * orders;
	double		whole = kpicrm_digamma(shape + m->q);

	gradient[0] += count * orders * (whole - kpicrm_digamma(shape));
	gradient[1] += count * (whole - kpicrm_digamma(m->q) + log(m->v));
	gradient[2] += count * m->q / m->v;
	return count * (lgamma(shape + m->q) - lgamma(shape) - lgamma(m->q) + m->q * log(m->v));
}

static double
add_spender(const KpicrmSpendModel *m, const KpicrmSpender *s, double *gradient)
{
	double		total = s->orders * s->mean;
	double		log_total = log(total);
	double		log_all = log(m->v + total);
	double		shape = m->p * s->orders;

	gradient[0] += s->count * s->orders * (log_total - log_all);
	gradient[1] -= s->count * log_all;
	gradient[2] -= s->count * (shape + m->q) / (m->v + total);
	return s->count * (shape * log_total - log(s->mean) - (shape + m->q) * log_all);
}

/* at: logarithms of p, q, v. */
double
kpicrm_spend_log_likelihood(const void *data, const double *at, double *gradient,
							bool (*is_cancelled) (void))
{
	const KpicrmSpendSample *sample = data;
	const KpicrmSpendModel m = {exp(at[0]), exp(at[1]), exp(at[2])};
	double		sum = 0;
	double		same = 0;

	memset(gradient, 0, 3 * sizeof(double));
	for (uint32 i = 0; i < sample->length; i++)
	{
		const KpicrmSpender *s = &sample->spenders[i];

		if (i % INTERRUPT_INTERVAL == 0 && is_cancelled())
			break;
		sum += add_spender(&m, s, gradient);
		same += s->count;
		if (i + 1 == sample->length || s[1].orders != s->orders)
		{
			sum += add_orders(&m, s->orders, same, gradient);
			same = 0;
		}
	}
	gradient[0] *= m.p;
	gradient[1] *= m.q;
	gradient[2] *= m.v;
	return sum;
}

/* The mean order of a customer; false if it has no finite expectation. */
bool
kpicrm_spend_mean(const KpicrmSpendModel *m, double orders, double mean, double *expected)
{
	double		below = m->p * orders + m->q - 1;

	*expected = m->p * (m->v + orders * mean) / below;
	return below > 0;
}
