/*
 * buyer_model.c
 *		How often customers order, and how they stop: BG/NBD and MBG/NBD.  Knows
 *		neither fmgr nor SQL.
 *
 * Sources: P. S. Fader, B. G. S. Hardie and K. L. Lee, "Counting your customers the
 * easy way: an alternative to the Pareto/NBD model", Marketing Science 24 (2005)
 * 275-284; E. P. Batislam, M. Denizel and A. Filiztekin, "Empirical validation and
 * comparison of models for customer base analysis", Int. J. of Research in Marketing
 * 24 (2007) 201-209.  The two differ by one chance to stop, at the first order:
 * MBG/NBD is BG/NBD with b + 1 for b once that chance has been survived.
 */
#include "postgres.h"

#include <math.h>

#include "algebra/buyer_model.h"
#include "algebra/digamma.h"
#include "algebra/orders_while_active.h"

#define INTERRUPT_INTERVAL 65536

const char *
kpicrm_buyer_variant_name(int32 variant)
{
	return variant == KPICRM_BUYER_MBG ? "MBG/NBD" : "BG/NBD";
}

/* Chances to stop that a customer of so many repeat orders has had. */
static double
chances(int32 variant, double frequency)
{
	return variant == KPICRM_BUYER_MBG ? frequency + 1 : frequency;
}

/*
 * Log of the odds that the customer has stopped after his last order; b is that of
 * those who survived all chances.
 */
static double
log_odds_stopped(const KpicrmBuyerModel *m, const KpicrmBuyer *c, double b)
{
	return log(m->a / (b - 1)) +
		(m->r + c->frequency) * log1p((c->age - c->recency) / (m->alpha + c->recency));
}

/* The same as 1 / (1 + exp(-log_odds)), without overflow. */
static double
probability_of(double log_odds)
{
	return log_odds < 0 ? exp(log_odds) / (1 + exp(log_odds)) : 1 / (1 + exp(-log_odds));
}

/* log(1 + exp(x)) */
static double
log_one_plus(double x)
{
	return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/*
 * What depends on the frequency alone, for all customers of it; the gradient is by
 * the parameters themselves, not their logarithms.
 */
static double
add_frequency(const KpicrmBuyerModel *m, double frequency, double count, double *gradient)
{
	double		b = m->b + chances(m->variant, frequency);
	double		whole = kpicrm_digamma(m->a + m->b) - kpicrm_digamma(m->a + b);

	gradient[0] += count * (kpicrm_digamma(m->r + frequency) - kpicrm_digamma(m->r) + log(m->alpha));
	gradient[1] += count * m->r / m->alpha;
	gradient[2] += count * whole;
	gradient[3] += count * (whole + kpicrm_digamma(b) - kpicrm_digamma(m->b));
	return count * (lgamma(m->r + frequency) - lgamma(m->r) + m->r * log(m->alpha) +
					lgamma(m->a + m->b) - lgamma(m->b) + lgamma(b) - lgamma(m->a + b));
}

static double
add_history(const KpicrmBuyerModel *m, const KpicrmBuyer *c, double count, double *gradient)
{
	double		shape = m->r + c->frequency;
	double		log_seen = log(m->alpha + c->age);
	double		had = chances(m->variant, c->frequency);
	double		odds;
	double		stopped;

	gradient[0] -= count * log_seen;
	gradient[1] -= count * shape / (m->alpha + c->age);
	if (had == 0)
		return -count * shape * log_seen;
	odds = log_odds_stopped(m, c, m->b + had);
	stopped = count * probability_of(odds);
	gradient[0] += stopped * log1p((c->age - c->recency) / (m->alpha + c->recency));
	gradient[1] += stopped * shape * (1 / (m->alpha + c->age) - 1 / (m->alpha + c->recency));
	gradient[2] += stopped / m->a;
	gradient[3] -= stopped / (m->b + had - 1);
	return count * (log_one_plus(odds) - shape * log_seen);
}

/* at: logarithms of r, alpha, a, b. */
double
kpicrm_buyer_log_likelihood(const void *data, const double *at, double *gradient,
							bool (*is_cancelled) (void))
{
	const KpicrmBuyerSample *sample = data;
	const double parameter[4] = {exp(at[0]), exp(at[1]), exp(at[2]), exp(at[3])};
	const KpicrmBuyerModel m = {sample->variant, parameter[0], parameter[1], parameter[2], parameter[3]};
	double		sum = 0;
	double		same = 0;

	memset(gradient, 0, 4 * sizeof(double));
	for (uint32 i = 0; i < sample->length; i++)
	{
		const KpicrmBuyerCount *c = &sample->buyers[i];

		if (i % INTERRUPT_INTERVAL == 0 && is_cancelled())
			break;
		sum += add_history(&m, &c->buyer, c->count, gradient);
		same += c->count;
		if (i + 1 == sample->length || c[1].buyer.frequency != c->buyer.frequency)
		{
			sum += add_frequency(&m, c->buyer.frequency, same, gradient);
			same = 0;
		}
	}
	for (int k = 0; k < 4; k++)
		gradient[k] *= parameter[k];
	return sum;
}

/* Probability that the customer has not stopped. */
double
kpicrm_buyer_alive(const KpicrmBuyerModel *m, const KpicrmBuyer *c)
{
	double		had = chances(m->variant, c->frequency);

	return had == 0 ? 1 : probability_of(-log_odds_stopped(m, c, m->b + had));
}

/* Orders expected of a customer who has not stopped. */
static double
orders_if_alive(const KpicrmBuyerModel *m, const KpicrmBuyer *c, double horizon)
{
	return kpicrm_orders_while_active(m->r + c->frequency, m->a, m->b + chances(m->variant, c->frequency),
									  horizon / (m->alpha + c->age));
}

double
kpicrm_buyer_orders(const KpicrmBuyerModel *m, const KpicrmBuyer *c, double horizon)
{
	return kpicrm_buyer_alive(m, c) * orders_if_alive(m, c, horizon);
}

/*
 * The same, each order worth exp(-log_discount * t) if it comes at t: by parts, and
 * by Gauss and Legendre in log(1 + t / scale), scale being about the time to the
 * next order, where the expectation is smooth however far the horizon lies.
 */
double
kpicrm_buyer_discounted(const KpicrmBuyerModel *m, const KpicrmBuyer *c, double horizon,
						double log_discount)
{
	static const double node[8] = {
		0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863, 0.6178762444026437484,
	0.7554044083550030339, 0.8656312023878317439, 0.9445750230732325761, 0.9894009349916499326};
	static const double weight[8] = {
		0.1894506104550684963, 0.1826034150449235889, 0.1691565193950025382, 0.1495959888165767321,
	0.1246289712555338720, 0.0951585116824927848, 0.0622535239386478929, 0.0271524594117540949};
	double		scale = (m->alpha + c->age) / (1 + m->r + c->frequency);
	double		length = log1p(horizon / scale);
	int			pieces = (int) Min(8, 1 + log_discount * horizon / 3 + length / 4);
	double		half = length / pieces / 2;
	double		sum = exp(-log_discount * horizon) * orders_if_alive(m, c, horizon);

	for (int i = 0; log_discount > 0 && i < pieces * 16; i++)
	{
		double		x = node[i % 8] * (i % 16 < 8 ? 1 : -1);
		double		s = half * (2 * (i / 16) + 1 + x);
		double		t = scale * expm1(s);

		sum += half * weight[i % 8] * scale * exp(s) * log_discount * exp(-log_discount * t) *
			orders_if_alive(m, c, t);
	}
	return kpicrm_buyer_alive(m, c) * sum;
}
