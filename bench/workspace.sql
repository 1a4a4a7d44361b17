-- The workspace: what the history costs a writer, and how fast it is rebuilt.
SET search_path = bench, public;
SET jit = off;
SET client_min_messages = warning;
SET synchronous_commit = off;

SELECT kpicrm.create_workspace('crm') AS workspace \gset
SET search_path = crm, bench, kpicrm, public;
INSERT INTO sales_rep (name) SELECT 'rep ' || n FROM generate_series(1, 200) AS n;
INSERT INTO product (name) SELECT 'product ' || n FROM generate_series(1, 20) AS n;
INSERT INTO lead_source (name) SELECT 'source ' || n FROM generate_series(1, 10) AS n;
INSERT INTO account (name) SELECT 'account ' || n FROM generate_series(1, :deals / 10) AS n;
INSERT INTO pipeline (name) VALUES ('Sales');
INSERT INTO phase (pipeline_id, name, position, kind, win_probability) VALUES
    (1, 'Contact', 1, 'open', 0.1),
    (1, 'Need', 2, 'open', 0.2),
    (1, 'Proposal', 3, 'open', 0.4),
    (1, 'Negotiation', 4, 'open', 0.7),
    (1, 'Won', 5, 'won', 1),
    (1, 'Lost', 6, 'lost', 0);

CREATE FUNCTION bench.insert_deals(deals integer) RETURNS void
    LANGUAGE sql
    SET search_path = crm, bench, pg_temp
AS $$
    INSERT INTO deal (name, pipeline_id, phase_id, phase_since, account_id, rep_id, product_id, source_id, amount, opened_at)
    SELECT
        'deal ' || n,
        1,
        1,
        timestamptz '2020-01-01' + n * 2000.0 / deals * interval '1 day',
        n % (deals / 10) + 1,
        n % 200 + 1,
        n % 20 + 1,
        n % 10 + 1,
        n % 100000,
        timestamptz '2020-01-01' + n * 2000.0 / deals * interval '1 day'
    FROM generate_series(1, deals) AS n
$$;

CREATE FUNCTION bench.move_deals(moved integer) RETURNS void
    LANGUAGE sql
    SET search_path = crm, bench, pg_temp
AS $$
    UPDATE deal SET phase_id = 2, phase_since = phase_since + interval '10 days' WHERE id IN (SELECT deal.id FROM deal ORDER BY deal.id LIMIT moved)
$$;

-- Each is run in a subtransaction that is rolled back, so that both start alike.
CREATE FUNCTION bench.undone_ms(query text, history text) RETURNS double precision
    LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    ms double precision;
BEGIN
    PERFORM set_config('kpicrm.history', history, true);
    BEGIN
        started = clock_timestamp();
        EXECUTE query;
        ms = EXTRACT(epoch FROM clock_timestamp() - started) * 1000;
        RAISE EXCEPTION USING ERRCODE = 'P0099';
    EXCEPTION WHEN SQLSTATE 'P0099' THEN
        PERFORM set_config('kpicrm.history', '', true);
        RETURN ms;
    END;
END;
$$;

CREATE TABLE bench.history_cost (work text, rows bigint, with_ms double precision, without_ms double precision, bar text);
INSERT INTO bench.history_cost
SELECT
    'bulk insert of deals',
    :deals,
    bench.undone_ms(format('SELECT bench.insert_deals(%s)', :deals), ''),
    bench.undone_ms(format('SELECT bench.insert_deals(%s)', :deals), 'off'),
    '<= 3';
SELECT bench.insert_deals(:deals) AS inserted \gset
VACUUM (ANALYZE);
INSERT INTO bench.history_cost
SELECT
    'bulk change of phase',
    :deals / 10,
    bench.undone_ms(format('SELECT bench.move_deals(%s)', :deals / 10), ''),
    bench.undone_ms(format('SELECT bench.move_deals(%s)', :deals / 10), 'off'),
    '<= 5';

\pset footer off
\echo History: time of a statement, as times the same without its triggers.
SELECT
    work,
    rows,
    round((with_ms / without_ms)::numeric, 2) AS "with/without",
    bar,
    round((with_ms * 1000 / rows)::numeric, 1) AS "us a row"
FROM bench.history_cost;

-- A history as an import brings it: nine of ten deals end, one is still open.
INSERT INTO deal_event (deal_id, at, phase_id, rep_id)
SELECT
    deal.id,
    deal.phase_since + (step * 20 + deal.id % 17) * interval '1 day',
    CASE WHEN step < 3 OR deal.id % 10 = 0 THEN step + 1 WHEN deal.id % 3 = 0 THEN 5 ELSE 6 END,
    CASE WHEN deal.id % 50 = 0 THEN deal.rep_id % 200 + 1 END
FROM deal
CROSS JOIN generate_series(1, 3) AS step;
ANALYZE;
SELECT count(*) AS events FROM deal_event \gset
\echo rebuild_history(): events a second.  Bar: 300000.
SELECT clock_timestamp() AS started \gset
SELECT rebuild_history() AS rebuilt \gset
SELECT
    'after an import: every deal and stay is written' AS work,
    :events AS events,
    round(:events / EXTRACT(epoch FROM clock_timestamp() - :'started'), -3) AS speed \gset import_
VACUUM (ANALYZE);
SELECT clock_timestamp() AS started \gset
SELECT rebuild_history() AS rebuilt \gset
SELECT
    'again: all is found to be right' AS work,
    :events AS events,
    round(:events / EXTRACT(epoch FROM clock_timestamp() - :'started'), -3) AS "events a second"
UNION ALL
SELECT
    :'import_work',
    :import_events,
    :import_speed;

-- Open deals are as many here as the bar says; bench/report.sql has every report.
SELECT max(at) + interval '1 day' AS as_of FROM deal_event \gset
\echo deal_board at 100,000 open deals of 1 million: seconds.  Bar: 1.
SELECT
    (SELECT count(*) FROM deals WHERE open) AS "open deals",
    round((bench.best_ms(format('SELECT * FROM crm.deal_board(%L)', :'as_of')) / 1000)::numeric, 2) AS seconds;
