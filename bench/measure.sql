-- How long a query takes: the best of several runs, in milliseconds.  Times are
-- only ever shown as ratios of two queries of the same run.
CREATE SCHEMA bench;
SET search_path = bench, public;

CREATE FUNCTION bench.best_ms(query text, runs integer DEFAULT 3) RETURNS double precision
    LANGUAGE plpgsql STRICT AS $$
DECLARE
    best double precision;
    started timestamptz;
BEGIN
    FOR run IN 1 .. runs LOOP
        started = clock_timestamp();
        EXECUTE query;
        best = least(best, EXTRACT(epoch FROM clock_timestamp() - started) * 1000);
    END LOOP;
    RETURN best;
END;
$$;

-- One row per piece of work: ours, the best plain SQL for the same number, and
-- what the work cannot be faster than.
CREATE TABLE bench.work (
    sort_order integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    ours text NOT NULL,
    peer text,
    floor text,
    bar text NOT NULL
);

CREATE TABLE bench.result (
    sort_order integer NOT NULL,
    workers integer NOT NULL,
    ours_ms double precision NOT NULL,
    peer_ms double precision,
    floor_ms double precision
);

CREATE PROCEDURE bench.measure(worker_count integer)
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('max_parallel_workers_per_gather', worker_count::text, false);
    INSERT INTO bench.result (sort_order, workers, ours_ms, peer_ms, floor_ms)
    SELECT
        work.sort_order,
        worker_count,
        bench.best_ms(work.ours),
        bench.best_ms(work.peer),
        bench.best_ms(work.floor)
    FROM (SELECT * FROM bench.work ORDER BY work.sort_order) AS work;
END;
$$;
