# What groups with few cases tell: the beta distribution of their rates, bounds
# given it, and the limits of a funnel plot.
#
#   Rscript test/reference/rates.R
#
# Base R only.  Writes rate_prior.csv, shrunk_rate.csv and control_limit.csv.

out <- function(file) file.path("test/reference", file)
digits <- function(x) ifelse(is.na(x), NA, trimws(formatC(x, digits = 15, format = "g")))

# ------------------------------------- beta-binomial by maximum likelihood
# Without the binomial coefficients.  Twice from several starts, by two methods;
# the best counts.
fit <- function(k, n) {
    loss <- function(p) {
        # beyond, lbeta() of R has no digits left
        if (any(abs(p) > 14)) return(1e10)
        a <- exp(p[1]); b <- exp(p[2])
        -sum(lbeta(k + a, n - k + b) - lbeta(a, b))
    }
    best <- NULL
    for (start in list(c(0, 0), c(2, 2), c(3, 4), c(-1, 0))) {
        o <- optim(start, loss, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))
        for (i in 1:3) o <- optim(o$par, loss, control = list(reltol = 1e-16, maxit = 2000))
        if (is.null(best) || o$value < best$value) best <- o
    }
    c(alpha = exp(best$par[1]), beta = exp(best$par[2]), log_likelihood = -best$value)
}

set.seed(20261124)
true_rates <- rbeta(40, 6, 14)
cases <- c(rep(3, 10), rep(20, 20), rep(400, 10))
samples <- list(
    five = list(k = c(3, 5, 9, 1, 0), n = c(10, 10, 10, 10, 5)),
    uneven = list(k = c(300, 500, 900, 100, 0), n = c(1000, 1000, 1000, 1000, 50000)),
    drawn = list(k = rbinom(40, cases, true_rates), n = cases),
    # Efron and Morris (1975): hits of 18 batters in their first 45 at bats of 1970.
    batters = list(k = c(18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7), n = rep(45, 18))
)
priors <- list()
for (name in names(samples)) {
    s <- samples[[name]]
    p <- sum(s$k) / sum(s$n)
    # More spread than chance gives?  The sign of the likelihood's slope at spread 0.
    slope <- sum(s$k * (s$k - 1) / p + (s$n - s$k) * (s$n - s$k - 1) / (1 - p) - s$n * (s$n - 1))
    f <- if (slope > 0) fit(s$k, s$n) else c(alpha = NA, beta = NA, log_likelihood = sum(s$k * log(p) + (s$n - s$k) * log(1 - p)))
    priors[[name]] <- data.frame(sample = name, status = if (slope > 0) "fitted" else "no_spread",
        rates = paste0("{", paste(s$k, s$n, sep = "/", collapse = " "), "}"),
        alpha = digits(f["alpha"]), beta = digits(f["beta"]), log_likelihood = digits(f["log_likelihood"]))
}
write.csv(do.call(rbind, priors), out("rate_prior.csv"), row.names = FALSE, quote = FALSE, na = "")

# ------------------------------------------------- bounds given the prior
rows <- list()
for (prior in list(c(4, 6), c(0.5, 0.5), c(80, 20), c(0.1, 0.2)))
    for (kn in list(c(0, 0), c(3, 3), c(0, 7), c(12, 50), c(4238, 6711)))
        for (level in c(0.5, 0.95, 0.998)) {
            a <- prior[1] + kn[1]; b <- prior[2] + kn[2] - kn[1]
            rows[[length(rows) + 1]] <- data.frame(alpha = prior[1], beta = prior[2], converted = kn[1], total = kn[2],
                confidence = level, rate = digits(a / (a + b)), lower = digits(qbeta((1 - level) / 2, a, b)),
                upper = digits(qbeta((1 - level) / 2, a, b, lower.tail = FALSE)),
                above_04 = digits(pbeta(0.4, a, b, lower.tail = FALSE)))
        }
write.csv(do.call(rbind, rows), out("shrunk_rate.csv"), row.names = FALSE, quote = FALSE)

# ------------------------------------------- many cases, and rare ones
rows <- list()
for (ab in list(c(5e7, 1e8), c(9.9e7, 9.9e7), c(1.1e8, 1.1e8), c(1.1e8, 5e8), c(1e9, 1e9), c(2e9, 3e11), c(5, 1e9), c(0.5, 1e12), c(1e4, 1e9), c(1e7, 1e12)))
    for (z in c(-4, -2, -0.01, 0, 0.5, 3)) {
        mean <- ab[1] / sum(ab)
        x <- signif(mean + z * sqrt(mean * (1 - mean) / sum(ab)), 15)
        if (x > 0)
            rows[[length(rows) + 1]] <- data.frame(alpha = digits(ab[1]), beta = digits(ab[2]), rate = digits(x),
                above = digits(pbeta(x, ab[1], ab[2], lower.tail = FALSE)))
    }
write.csv(do.call(rbind, rows), out("large_counts.csv"), row.names = FALSE, quote = FALSE)

# ------------------------ limits of a funnel plot (Spiegelhalter 2005, A.1.1)
limit <- function(p, n, rate) {
    r <- qbinom(p, n, rate)
    at <- pbinom(r, n, rate); before <- if (r > 0) pbinom(r - 1, n, rate) else 0
    max(0, (r - (at - p) / (at - before)) / n)
}
rows <- list()
for (rate in c(0.02, 0.3, 0.5, 0.63))
    for (n in c(1, 5, 10, 37, 200, 6711, 1e6))
        for (level in c(0.9, 0.95, 0.998))
            rows[[length(rows) + 1]] <- data.frame(rate = rate, total = format(n, scientific = FALSE), confidence = level,
                lower = digits(limit((1 - level) / 2, n, rate)), upper = digits(limit((1 + level) / 2, n, rate)))
write.csv(do.call(rbind, rows), out("control_limit.csv"), row.names = FALSE, quote = FALSE)
