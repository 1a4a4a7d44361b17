# Limits: what takes long can be cancelled within half a second, states stay small
# whatever goes in, and a session does not grow by calling the same again and again.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $node = PostgreSQL::Test::Cluster->new('limits');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\nwork_mem = '64MB'\nmax_parallel_workers_per_gather = 0\njit = off");
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION kpicrm;
    SELECT kpicrm.create_workspace('crm');
    SELECT kpicrm.generate_demo('crm', 20000, 1, '2026-03-31');
    CREATE TABLE customer AS
    SELECT (n % 9)::bigint AS frequency, CASE WHEN n % 9 > 0 THEN (n % 9973) / 30.0 ELSE 0 END::float8 AS recency, (340 + n % 100)::float8 AS age, (10 + n % 1000)::float8 AS value
    FROM generate_series(1, 400000) AS n;
    CREATE TABLE large AS
    SELECT kpicrm.ltv_sample_agg(n % 9, CASE WHEN n % 9 > 0 THEN n / 100003.0 ELSE 0 END::float8, 40, n * 1.37::float8, 1, 'BG/NBD') AS s
    FROM generate_series(1, 1000000) AS n;
    ANALYZE;});

# ---- cancel: each must still be running after 200 ms, and stop before 700; on a busy
# machine the best of three tries counts
my %heavy = (
    'fit of ltv_model' => q{SELECT kpicrm.ltv_model_agg(frequency, recency, age, value + n, 1, 'BG/NBD') FROM customer, generate_series(1, 3) AS n},
    'sum of large ltv_samples' => q{SELECT kpicrm.customer_count(kpicrm.ltv_sample_add(kpicrm.ltv_sample_add(s, s), s)) FROM large},
    'outcome_sum' => q{SELECT count(*) FROM generate_series(1, 2000) AS k, LATERAL kpicrm.outcome_sum(ARRAY(SELECT 0.3 + (n % 7) / 20.0 FROM generate_series(1, 20000) AS n), ARRAY(SELECT (n * 7919 % 99991)::numeric + k FROM generate_series(1, 20000) AS n), '{0.1,0.5,0.9}', 1000000)},
    'lead_time_agg' => q{SELECT kpicrm.lead_time_agg(timestamptz '2026-01-01' + n * interval '1 second', timestamptz '2026-01-01' + n % 99991 * interval '7 seconds' + n * interval '1 second') FROM generate_series(1, 20000000) AS n},
    'survival of a large state' => q{SELECT count(kpicrm.survival_quantile_days(s, q / 100000.0)) FROM (SELECT kpicrm.lead_time_agg(date '2020-01-01' + n % 1500, date '2020-01-01' + n % 1500 + n * 7 % 2003, n % 2 = 0, date '2026-01-01') AS s FROM generate_series(1, 50000) AS n) AS t, generate_series(1, 10000000) AS q},
    'purchase_agg of one customer' => q{SELECT kpicrm.purchase_agg(1.5, date '1900-01-01' + n) FROM generate_series(1, 700000) AS n, generate_series(1, 40)},
    'ltv_agg' => q{SELECT kpicrm.ltv_agg(n::bigint, 1.5) FROM generate_series(1, 30000000) AS n},
    'phase_path_agg' => q{SELECT kpicrm.funnel_agg(p, 9) FROM (SELECT kpicrm.phase_path_agg(n % 9 + 1, timestamptz '2026-01-01' + n * interval '1 second') AS p FROM generate_series(1, 3000000) AS n GROUP BY n % 1000) AS g},
    'window_funnel_agg' => q{SELECT kpicrm.level(kpicrm.window_funnel_agg(interval '10 days', timestamptz '2026-01-01' + n % 99991 * interval '1 second', n % 3 = 0, n % 3 = 1, n % 3 = 2)) FROM generate_series(1, 20000000) AS n},
    'workdays' => q{SELECT sum(kpicrm.workdays(kpicrm.calendar('jp'), date '1960-01-01', date '1960-01-01' + n % 20000)) FROM generate_series(1, 30000000) AS n},
    'shapley' => q{SELECT count(kpicrm.shapley(ARRAY(SELECT 1 + (n + k) % 5::numeric FROM generate_series(1, 8) AS n), ARRAY(SELECT 2 + n % 3::numeric FROM generate_series(1, 8) AS n), 9)) FROM generate_series(1, 100000) AS k},
    'retention_model_agg' => q{SELECT kpicrm.retention_model_agg(n % 900 + 1, n % 3 = 0) FROM generate_series(1, 20000000) AS n},
    'generate_demo' => q{BEGIN; SELECT kpicrm.create_workspace('other'); SELECT kpicrm.generate_demo('other', 100000, 1, '2026-03-31')},
    'kpi_long' => q{SELECT count(*) FROM generate_series(1, 20) AS n, LATERAL crm.kpi_long(as_of => timestamptz '2026-03-31' - n * interval '1 day')},
    'report_html' => q{SELECT length(crm.report_html(as_of => timestamptz '2026-03-31' - n * interval '1 day')) FROM generate_series(1, 30) AS n},
    'rebuild_history' => q{SELECT crm.rebuild_history() FROM generate_series(1, 20)},
    'explain_gap' => q{SELECT count(*) FROM generate_series(1, 100) AS n, LATERAL crm.explain_gap('revenue', '2025-06-01', 'year', 'previous_year', NULL, timestamptz '2026-03-31' - n * interval '1 hour')},
);
for my $name (sort keys %heavy)
{
    my ($seconds, $err);
    for my $try (1 .. 3)
    {
        my $begin = time;
        (undef, undef, $err) = $node->psql('postgres', "SET statement_timeout = 200;\n$heavy{$name}");
        $seconds = time - $begin;
        last if $seconds < 0.9;
    }
    ok($err =~ /canceling statement due to statement timeout/ && $seconds < 0.9, sprintf '%s is cancelled (%.2f s with connecting)', $name, $seconds)
        or diag substr($err || 'it came to its end', 0, 300);
}

# ---- memory bounds: what doc/reliability.md says that a state takes, stored, at most
my %built = (
    'conversion' => q{conversion_agg(n % 3 = 0) AS s FROM generate_series(1, 200000) AS n},
    'weighted_conversion' => q{conversion_agg(n % 3 = 0, n * 1.37) AS s FROM generate_series(1, 200000) AS n},
    # durations from a microsecond to 20,000 years, won, lost and open
    'lead_times' => q{lead_time_agg('2000-01-01', CASE WHEN n % 3 > 0 THEN timestamptz '2000-01-01' + interval '1 microsecond' * (exp(n / 200000.0 * 41))::bigint END, n % 2 = 0, timestamptz '2000-01-01' + interval '1 microsecond' * (exp(n / 200000.0 * 41))::bigint) AS s FROM generate_series(1, 200000) AS n},
    'lead_times_fraction' => q{('0.8 of ' || lead_time_agg('2000-01-01', timestamptz '2000-01-01' + interval '1 microsecond' * (exp(n / 200000.0 * 41))::bigint, n % 2 = 0, '9999-01-01')::text)::lead_times_fraction AS s FROM generate_series(1, 200000) AS n},
    'phase_path' => q{phase_path_agg(n % 999 + 1, timestamptz '2000-01-01' + n * interval '1 hour 1 microsecond', n) AS s FROM generate_series(1, 100000) AS n},
    'funnel' => q{funnel_agg(p, 20) AS s FROM (SELECT phase_path_agg((n * 7919 % 9973) % 20 + 1, timestamptz '2026-01-01' + n * interval '1 second') AS p FROM generate_series(1, 200000) AS n GROUP BY n % 5000) AS g},
    'event_chain' => q{window_funnel_agg(interval '10 days', timestamptz '2000-01-01' + n * interval '1 minute 1 microsecond', n % 3 = 0, n % 3 = 1, n % 3 = 2) AS s FROM generate_series(1, 1000000) AS n},
    'step_flags' => q{retention_agg(n % 3 = 0, n % 5 = 0) AS s FROM generate_series(1, 100000) AS n},
    'purchases' => q{purchase_agg(n * 1.37, date '1000-01-01' + n, n * 0.5) AS s FROM generate_series(1, 1000000) AS n},
    'customer_base' => q{ltv_agg('customer ' || n, n * 1.37) AS s FROM generate_series(1, 500000) AS n},
    'ltv_sample' => q{ltv_sample_agg((n % 9)::bigint, (n % 9 > 0)::integer * n / 100003.0::float8, 40.0, n * 1.37::float8, 1, 'BG/NBD') AS s FROM generate_series(1, 500000) AS n},
    'ltv_model' => q{ltv_model_agg(frequency, recency, age, value) AS s FROM (SELECT * FROM customer LIMIT 5000) AS c},
    'retention_sample' => q{retention_sample_agg(n % 10000 + 1, n % 3 = 0) AS s FROM generate_series(1, 100000) AS n},
    'retention_model' => q{retention_model_agg(n % 90 + 1, n % 3 = 0) AS s FROM generate_series(1, 100000) AS n},
    'work_calendar' => q{work_calendar_agg(date '2000-01-01' + n, calendar('weekdays')) AS s FROM generate_series(0, 16383) AS n},
);
my %promised;
open my $page, '<', 'doc/reliability.md' or die "doc/reliability.md: $!\n";
while (<$page>) { $promised{$1} = $2 =~ tr/,//dr if /^\| `(\w+)` \| [^|]+ \| ([\d,]+) \|/; }
close $page;
is(join(' ', sort keys %promised), join(' ', sort keys %built), 'doc/reliability.md gives the size of each type');
is(
    $node->safe_psql('postgres', q{SELECT string_agg(typname, ' ' ORDER BY typname COLLATE "C") FROM pg_type WHERE typnamespace = 'kpicrm'::regnamespace AND typtype = 'b' AND typelem = 0}),
    join(' ', sort keys %built), 'there are no other types');
for my $name (sort keys %built)
{
    my $size = $node->safe_psql('postgres', "SET search_path = kpicrm, public; SELECT pg_column_size(s) FROM (SELECT $built{$name}) AS t");
    cmp_ok($size, '<=', $promised{$name} // 0, "a $name has $size bytes, at most " . ($promised{$name} // 'unknown'));
}

# ---- 300 calls in one session
my %repeated = (
    'the aggregates' => q{PERFORM kpicrm.rollup(s) FROM (SELECT kpicrm.lead_time_agg(date '2026-01-01', date '2026-01-01' + n) AS s FROM generate_series(1, 500) AS n GROUP BY n % 7) AS g;
        PERFORM kpicrm.lead_times_send(kpicrm.lead_time_agg(date '2026-01-01', date '2026-01-01' + n)) FROM generate_series(1, 500) AS n;
        PERFORM kpicrm.ltv_agg((n % 50)::bigint, n * 1.5) FROM generate_series(1, 500) AS n;
        PERFORM kpicrm.funnel_agg(p, 4) FROM (SELECT kpicrm.phase_path_agg(n % 4 + 1, timestamptz '2026-01-01' + n * interval '1 hour') AS p FROM generate_series(1, 500) AS n GROUP BY n % 20) AS g;
        PERFORM kpicrm.purchase_agg(n, date '2026-01-01' + n % 90)::text::kpicrm.purchases FROM generate_series(1, 500) AS n;},
    'the models' => q{PERFORM kpicrm.ltv_model_agg(frequency, recency, age, value) FROM (SELECT * FROM customer LIMIT 300) AS c;
        PERFORM kpicrm.retention_model_agg(n % 9 + 1, n % 3 = 0) FROM generate_series(1, 300) AS n;
        PERFORM kpicrm.outcome_sum(ARRAY[0.5, 0.2], ARRAY[100, 200]::numeric[], '{0.5}', 100);},
    'the calendars' => q{PERFORM kpicrm.workdays(kpicrm.calendar('jp'), '2026-01-01', '2026-12-01'), kpicrm.make_work_calendar('x', '{2026-01-01}'), crm.work_calendar(), kpicrm.add_workdays(kpicrm.calendar('jp'), date '2026-01-05', 20);},
    'errors' => q{BEGIN PERFORM 'broken'::kpicrm.lead_times; EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN PERFORM crm.kpi_series('nothing'); EXCEPTION WHEN OTHERS THEN NULL; END;
        BEGIN PERFORM kpicrm.workdays(kpicrm.calendar('nowhere'), '2026-01-01', '2026-12-01'); EXCEPTION WHEN OTHERS THEN NULL; END;},
    'the history' => q{UPDATE crm.deal SET amount = coalesce(amount, 0) + 1 WHERE id = 5;},
    'a KPI' => q{PERFORM count(*) FROM crm.kpi_series('win_rate', '2026-03-01', '2026-04-01', as_of => '2026-03-31');},
);
for my $name (sort keys %repeated)
{
    my $growth = $node->safe_psql(
        'postgres', qq{
        SET client_min_messages = error;
        CREATE TEMP TABLE used (at integer, bytes bigint, resident bigint);
        DO \$body\$
        BEGIN
            FOR turn IN 1 .. 340 LOOP
                $repeated{$name}
                IF turn IN (40, 340) THEN
                    INSERT INTO used SELECT turn, sum(total_bytes), (SELECT substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\\s+(\\d+)')::bigint) FROM pg_backend_memory_contexts WHERE name NOT IN ('CacheMemoryContext', 'index info', 'relation rules', 'PLpgSQL function') AND coalesce(parent, '') <> 'CacheMemoryContext';
                END IF;
            END LOOP;
        END
        \$body\$;
        SELECT (max(bytes) - min(bytes)) / 1024, max(resident) - min(resident) FROM used;});
    my ($contexts, $resident) = split /\|/, $growth;
    ok($contexts <= 512 && $resident <= 4096, "300 calls of $name: $contexts kB more in memory contexts, $resident kB of the process");
}

$node->stop;
done_testing();
