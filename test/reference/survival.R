#!/usr/bin/env Rscript
# Reference numbers of the survival functions and of proportions, computed by R.
#
#   Rscript test/reference/survival.R          (in the root of the source tree)
#
# reads test/data and writes, into test/reference,
#
#   survival_curve.csv   every step of the Kaplan-Meier curve with its log-log
#                        bounds and of the Aalen-Johansen incidences
#   survival.csv         quantiles, restricted means, win probabilities
#   proportion.csv       Wilson bounds
#   comparison.csv       p-values that two rates differ
#
# Needs R and its package survival (Debian: r-cran-survival); nothing of kpicrm.

library(survival)

confidence <- 0.95
as_of <- as.Date("2017-12-31")         # the date of the last close
out <- function(name) file.path("test", "reference", name)

options(scipen = 100)                  # counts are written 100000, not 1e+05

# 17 significant digits carry a double unchanged.
digits <- function(x) ifelse(is.na(x), "", formatC(x, digits = 17, format = "g", width = 1))

# ---------------------------------------------------------------- data sets
# event: 0 = still open (censored), 1 = won (or simply: ended), 2 = lost
waltons <- read.csv("test/data/lifelines/waltons_dataset.csv")
larynx <- read.csv("test/data/lifelines/larynx.csv")
dd <- read.csv("test/data/lifelines/dd.csv")
pipeline <- read.csv("test/data/crm_sales/sales_pipeline.csv", na.strings = "")
pipeline <- pipeline[!is.na(pipeline$engage_date), ]
ended <- as.Date(pipeline$close_date)
ended[is.na(ended)] <- as_of

pair <- function(time, event) data.frame(time = time, event = event)
sets <- list(
    waltons = pair(waltons$T, waltons$E),
    waltons_mir_137 = with(waltons[waltons$group == "miR-137", ], pair(T, E)),
    waltons_control = with(waltons[waltons$group == "control", ], pair(T, E)),
    larynx = pair(larynx$time, larynx$death),
    dd = pair(dd$duration, dd$observed),
    crm_sales = pair(as.numeric(ended - as.Date(pipeline$engage_date)),
                     unname(c(Engaging = 0, Won = 1, Lost = 2)[pipeline$deal_stage]))
)
stopifnot(max(ended) == as_of, all(sapply(sets, function(s) all(s$time >= 0 & !is.na(s$event)))))

# --------------------------------------------------------------- estimators
kaplan_meier <- function(set)
    survfit(Surv(time, event > 0) ~ 1, data = set, conf.type = "log-log", conf.int = confidence)

aalen_johansen <- function(set)
    survfit(Surv(time, factor(event, levels = 0:2, labels = c("open", "won", "lost"))) ~ 1, data = set)

# Value of a right-continuous step function that starts at `before`.
step_at <- function(times, values, t, before) {
    i <- findInterval(t, times)
    if (i == 0) before else values[i]
}

# The definition: the smallest t with S(t) <= 1 - q.  R's quantile() averages
# the two ends where the curve is flat at exactly that height, so it is not used.
first_time_below <- function(km, q) {
    i <- which(km$surv <= 1 - q + 1e-9)
    if (length(i) == 0) NA else km$time[i[1]]
}

restricted_mean <- function(km, horizon)
    summary(km, rmean = horizon)$table[["rmean"]]

# The definition, the area under the curve up to the horizon.  It agrees with R's
# rmean (checked below) and stands in for it outside [first time, last time]: R
# refuses a horizon before the first time; after the last one the curve is held
# at its last height.
restricted_mean_by_area <- function(km, horizon) {
    times <- c(0, km$time[km$time < horizon], horizon)
    heights <- c(1, km$surv[km$time < horizon])
    sum(diff(times) * heights)
}

curve_rows <- list()
number_rows <- list()
number <- function(set, measure, argument, argument2, value)
    number_rows[[length(number_rows) + 1]] <<- data.frame(
        data_set = set, measure = measure, argument = as.character(argument),
        argument2 = if (is.na(argument2)) "" else as.character(argument2), value = digits(value))

for (name in names(sets)) {
    set <- sets[[name]]
    km <- kaplan_meier(set)
    aj <- aalen_johansen(set)
    stopifnot(identical(km$time, aj$time))
    state <- function(what) which(aj$states == what)
    won <- aj$pstate[, state("won")]
    lost <- aj$pstate[, state("lost")]
    stopifnot(abs(1 - won - lost - km$surv) < 1e-12)

    curve_rows[[name]] <- data.frame(
        data_set = name, time_days = digits(km$time), at_risk = km$n.risk,
        won = aj$n.event[, state("won")], lost = aj$n.event[, state("lost")], open = km$n.censor,
        survival = digits(km$surv), lower = digits(km$lower), upper = digits(km$upper),
        won_incidence = digits(won), lost_incidence = digits(lost))

    for (q in c(0.05, 0.1, 0.25, 0.5, 0.75, 0.8, 0.9, 0.95, 0.99))
        number(name, "survival_quantile_days", q, NA, first_time_below(km, q))

    last <- max(set$time)
    between <- km$time[ceiling(length(km$time) / 3)] + 0.5
    horizons <- sort(unique(c(km$time[1] / 2, between, median(set$time), last / 2, last)))
    for (h in horizons[horizons > 0]) {
        value <- restricted_mean_by_area(km, h)
        if (h >= km$time[1])
            stopifnot(abs(value - restricted_mean(km, h)) < 1e-9 * (1 + value))
        number(name, "restricted_mean_days", h, NA, value)
    }
    number(name, "restricted_mean_days", last + 10, NA, restricted_mean_by_area(km, last + 10))

    for (t in sort(unique(c(0, km$time[1], between, median(set$time), last, last + 10)))) {
        number(name, "survival", t, NA, step_at(km$time, km$surv, t, 1))
        number(name, "win_probability", t, NA, step_at(aj$time, won, t, 0))
    }

    # A deal open for `age` that is still to win within `more`: conditional on
    # having survived, (I(age + more) - I(age)) / S(age).
    for (age in c(between, median(set$time)))
        for (more in c(last / 10, last)) {
            s <- step_at(km$time, km$surv, age, 1)
            gain <- step_at(aj$time, won, age + more, 0) - step_at(aj$time, won, age, 0)
            number(name, "win_probability_given_age", more, age, if (s > 1e-12) gain / s else NA)
        }
}
write.csv(do.call(rbind, curve_rows), out("survival_curve.csv"), row.names = FALSE, quote = FALSE)
write.csv(do.call(rbind, number_rows), out("survival.csv"), row.names = FALSE, quote = FALSE)

# -------------------------------------------------------------- proportions
# prop.test() without continuity correction gives the Wilson score interval.
wilson <- function(k, n, level) {
    bounds <- suppressWarnings(prop.test(k, n, conf.level = level, correct = FALSE))$conf.int
    data.frame(converted = k, total = n, confidence = level,
               rate = digits(k / n), lower = digits(bounds[1]), upper = digits(bounds[2]))
}
counts <- rbind(c(0, 1), c(1, 1), c(3, 10), c(0, 5), c(5, 5), c(50, 200), c(1, 1000), c(4238, 6711), c(123456, 1000000))
proportions <- list()
for (i in seq_len(nrow(counts)))
    for (level in c(0.5, 0.8, 0.9, 0.95, 0.99, 0.999))
        proportions[[length(proportions) + 1]] <- wilson(counts[i, 1], counts[i, 2], level)
write.csv(do.call(rbind, proportions), out("proportion.csv"), row.names = FALSE, quote = FALSE)

# ------------------------------------------------- do two rates differ? (p)
compare <- function(k1, n1, k2, n2) {
    table <- matrix(c(k1, n1 - k1, k2, n2 - k2), nrow = 2)
    data.frame(converted1 = k1, total1 = n1, converted2 = k2, total2 = n2,
               smallest_expected = digits(min(outer(rowSums(table), colSums(table)) / sum(table))),
               fisher = digits(fisher.test(table)$p.value),
               chi_square = digits(suppressWarnings(prop.test(c(k1, k2), c(n1, n2), correct = FALSE))$p.value))
}
comparisons <- rbind(
    compare(3, 10, 7, 10), compare(0, 5, 5, 5), compare(1, 9, 1, 1), compare(8, 10, 8, 10), compare(0, 5, 0, 7),
    compare(5, 5, 7, 7), compare(1, 20, 6, 20), compare(2, 15, 9, 16), compare(12, 40, 5, 41), compare(30, 90, 20, 95),
    compare(50, 200, 80, 210), compare(500, 1000, 560, 1000), compare(249, 409, 349, 553), compare(4238, 6711, 4100, 6700),
    compare(3, 1000, 1, 1000), compare(100000, 1000000, 100500, 1000000))
write.csv(comparisons, out("comparison.csv"), row.names = FALSE, quote = FALSE)
