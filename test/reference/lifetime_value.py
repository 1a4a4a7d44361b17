"""Expectations of the customer-base models with 50 digits, for test/pgtap/ltv_model.sql.

    python3 test/reference/lifetime_value.py > test/reference/lifetime_value.csv

Needs mpmath (Debian: python3-mpmath); it was 1.2.1.  The formulas are those of the papers:
Fader, Hardie and Lee (2005), equations 9 and 10, and Batislam, Denizel and Filiztekin (2007), with
Gauss' hypergeometric function; where a is 1 or a + b is 1, where they have a pole, it moves a by 1e-20.
"""
import itertools
from mpmath import mp, mpf, hyp2f1, quad, log, exp

mp.dps = 50


def value(variant, r, alpha, a, b, x, t_x, age, horizon):
    modified = variant == "MBG/NBD"
    b = b + 1 if modified else b
    if a == 1:
        a += mpf("1e-20")
    if a + b + x == 1:
        b += mpf("1e-20")
    alive = 1 / (1 + a / (b + x - 1) * ((alpha + age) / (alpha + t_x)) ** (r + x)) if x > 0 or modified else mpf(1)

    # many orders cost mpmath up to 170 digits
    mp.dps = 50 if x < 100 else 250

    def orders(t):
        return (a + b + x - 1) / (a - 1) * (1 - ((alpha + age) / (alpha + age + t)) ** (r + x)
                                            * hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t)))
    if alive == 0:
        return alive, alive, alive
    # each order worth 0.99 ** t: by parts
    discount = -log(mpf("0.99"))
    scale = alpha + age
    cuts = [0] + [c for c in (scale * mpf(10) ** k for k in range(-5, 6)) if c < horizon] + [horizon]
    discounted = (exp(-discount * horizon) * orders(horizon)
                  + discount * quad(lambda t: exp(-discount * t) * orders(t), cuts, method="gauss-legendre", maxdegree=6))
    return alive, alive * orders(horizon), alive * discounted


print("variant,r,alpha,a,b,frequency,recency,age,horizon,alive,orders,discounted")
parameters = [
    ("0.243", "4.414", "0.793", "2.426"),   # CDNOW
    ("0.525", "6.183", "0.891", "1.614"),
    ("2", "10", "1", "3"),                  # the pole at a = 1
    ("0.3", "1", "0.4", "0.6"),             # and at a + b = 1
    ("5", "0.01", "0.02", "0.03"),
    ("40", "300", "3", "0.5"),              # many orders, few stop early
    ("0.05", "2", "90", "900"),             # all stop alike
    ("100", "1", "0.5", "0.5"),
]
histories = [(0, "0", "0"), (0, "0", "38.86"), (2, "30.43", "38.86"), (7, "38.86", "38.86"), (60, "100", "104"), (1000, "2", "3")]
for variant, (p, h, horizon) in itertools.product(("BG/NBD", "MBG/NBD"), itertools.product(parameters, histories, ("0.5", "39", "3000"))):
    numbers = value(variant, *map(mpf, p), h[0], mpf(h[1]), mpf(h[2]), mpf(horizon))
    print(",".join([variant, *p, str(h[0]), h[1], h[2], horizon] + [mp.nstr(n, 17) for n in numbers]))
