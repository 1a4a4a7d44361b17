# R (DBI and RPostgreSQL): every view as a data frame.
suppressMessages(library(DBI))
library(jsonlite)
connection <- dbConnect(RPostgreSQL::PostgreSQL(), host = Sys.getenv("PGHOST"), port = as.integer(Sys.getenv("PGPORT")),
    dbname = Sys.getenv("PGDATABASE"), user = Sys.getenv("PGUSER"))
views <- dbGetQuery(connection, "SELECT table_name, obj_description(format('crm.%I', table_name)::regclass) AS description FROM information_schema.views WHERE table_schema = 'crm' ORDER BY 1")
for (nth in seq_len(nrow(views))) {
    frame <- suppressWarnings(dbGetQuery(connection, sprintf('SELECT * FROM crm."%s"', views$table_name[nth])))
    numbers <- names(frame)[vapply(frame, is.numeric, logical(1))]
    sums <- lapply(setNames(numbers, numbers), function(name) unbox(sum(as.numeric(frame[[name]]), na.rm = TRUE)))
    if (length(sums) == 0) sums <- setNames(list(), character(0))
    cat(toJSON(list(view = unbox(views$table_name[nth]), rows = unbox(nrow(frame)), sums = sums, described = unbox(!is.na(views$description[nth]))), digits = NA), "\n", sep = "")
}
invisible(dbDisconnect(connection))
