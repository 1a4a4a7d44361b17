# Writes retention_fit.csv and residual_lifetime.csv: the shifted-beta-geometric
# distribution of R, by another way than src/algebra: the likelihood from lbeta(), its
# maximum by nlm() in the logarithms, standard errors from the Hessian there, residual
# lifetimes as an integral over the beta distribution.
#
#   Rscript test/reference/retention.R
#
# Base R only.

out <- function(file) file.path("test/reference", file)

# Of each number of periods: lost and kept.
samples <- list(
  regular = list(period = 1:7, lost = c(369, 163, 86, 56, 37, 27, 21), kept = c(0, 0, 0, 0, 0, 0, 241)),
  high_end = list(period = 1:7, lost = c(131, 126, 90, 60, 42, 34, 26), kept = c(0, 0, 0, 0, 0, 0, 491)),
  staggered = list(period = c(1, 2, 3, 5, 8, 13), lost = c(40, 22, 9, 6, 2, 1), kept = c(5, 10, 20, 30, 20, 40)),
  few = list(period = c(1, 2, 4), lost = c(6, 1, 1), kept = c(0, 2, 9)),
  daily = list(period = c(1, 30, 365, 1000), lost = c(500, 300, 100, 5), kept = c(0, 10, 100, 2000))
)

log_likelihood <- function(s, alpha, beta)
  sum(s$lost * (lbeta(alpha + 1, beta + s$period - 1) - lbeta(alpha, beta)) +
      s$kept * (lbeta(alpha, beta + s$period) - lbeta(alpha, beta)))

fits <- data.frame()
for (name in names(samples)) {
  s <- samples[[name]]
  target <- function(at) -log_likelihood(s, exp(at[1]), exp(at[2]))
  fit <- nlm(target, nlm(target, c(0, 1))$estimate, gradtol = 1e-10, steptol = 1e-12, iterlim = 1000)
  parameters <- exp(fit$estimate)
  error <- sqrt(diag(solve(optimHess(fit$estimate, target)))) * parameters
  fits <- rbind(fits, data.frame(
    sample = name,
    state = paste0("{", paste0(s$period, " ", s$lost, "/", s$kept, collapse = ", "), "}"),
    alpha = parameters[1], beta = parameters[2], alpha_error = error[1], beta_error = error[2],
    log_likelihood = -fit$minimum))
}
write.csv(format(fits, digits = 12, trim = TRUE), out("retention_fit.csv"), row.names = FALSE)

# Of a contract with this probability to be lost: (1 - p) (1 + d) / (p + d) payments; p is
# beta distributed, and those still there after the renewals have it with beta + renewals.
# In log(p), because for a small discount the integrand is a spike near p = 0.
lifetime <- function(alpha, beta, renewals, discount) {
  b <- beta + renewals
  f <- function(x) exp(alpha * x + b * log1p(-exp(x)) - lbeta(alpha, b)) * (1 + discount) / (exp(x) + discount)
  top <- optimize(f, c(-60, -1e-9), maximum = TRUE)$maximum
  breaks <- sort(unique(pmin(-1e-300, c(-3000, -1000, top - c(300, 100, 30, 10, 3, 1, 0.3, 0), top + c(0.3, 1, 3, 10), -3, -1, -0.3, -0.1, 0))))
  breaks <- breaks[breaks >= -3000]
  sum(mapply(function(from, to) integrate(f, from, to, rel.tol = 1e-12, subdivisions = 1000)$value,
             head(breaks, -1), tail(breaks, -1)))
}
cases <- expand.grid(sample = fits$sample, renewals = c(0, 1, 7, 100, 10000 - 1), discount = c(1e-9, 1e-6, 0.001, 0.1, 10))
cases$alpha <- fits$alpha[match(cases$sample, fits$sample)]
cases$beta <- fits$beta[match(cases$sample, fits$sample)]
cases$lifetime <- mapply(lifetime, cases$alpha, cases$beta, cases$renewals, cases$discount)
write.csv(format(cases[c("sample", "renewals", "discount", "lifetime")], digits = 12, trim = TRUE),
          out("residual_lifetime.csv"), row.names = FALSE)
