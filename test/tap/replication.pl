# A physical standby answers as its primary does, and goes on when it is promoted; logical
# replication carries a workspace, history and all.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical');
$primary->append_conf('postgresql.conf', "timezone = 'UTC'");
$primary->start;
$primary->safe_psql(
    'postgres', q{
    CREATE EXTENSION kpicrm;
    SELECT kpicrm.create_workspace('crm');
    SELECT kpicrm.generate_demo('crm', 400, 3, '2026-03-31');
    SELECT crm.refresh_ltv_fit('2026-03-31');
    SELECT crm.refresh_kpi_days();
    CREATE TABLE state AS SELECT rep_id, kpicrm.conversion_agg(won_at IS NOT NULL) AS won FROM (SELECT rep_id, closed_at AS won_at FROM crm.deal) AS d GROUP BY rep_id;
});

# Every function that answers for an instant, as one hash each.
my $answers = q{
    -- sums of floats depend on the order of the rows in their last digits
    SET extra_float_digits = -3;
    SELECT format('SELECT %L, count(*), md5(string_agg(answer::text, chr(10) ORDER BY answer::text)) FROM crm.%I(as_of => ''2026-03-31'') AS answer', proname, proname)
    FROM pg_proc
    WHERE pronamespace = 'crm'::regnamespace AND proretset AND pronargs = pronargdefaults AND 'as_of' = ANY (proargnames)
    ORDER BY proname
    \gexec
    SELECT md5(string_agg(s::text, ',' ORDER BY rep_id)) FROM state AS s;
    SELECT count(*), md5(string_agg(e::text, ',' ORDER BY id)) FROM crm.deal_event AS e;
    SELECT count(*) FROM crm.check_history();
};

# ---- physical
$primary->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'copy', has_streaming => 1);
$standby->start;
$primary->safe_psql('postgres', q{UPDATE crm.deal SET amount = amount + 1 WHERE id % 3 = 0; DELETE FROM crm.deal WHERE id = 7;});
$primary->wait_for_catchup($standby);
my $truth = $primary->safe_psql('postgres', $answers);
cmp_ok(scalar(split /\n/, $truth), '>', 25, 'many reports are compared');
is($standby->safe_psql('postgres', $answers), $truth, 'the standby answers as the primary does');
my ($code, $out, $err) = $standby->psql('postgres', 'UPDATE crm.deal SET amount = 0');
like($err, qr/read-only transaction/, 'and takes no writes');
$standby->promote;
$standby->safe_psql('postgres', q{UPDATE crm.deal SET phase_id = (SELECT max(id) FROM crm.phase WHERE kind = 'open') WHERE id IN (SELECT id FROM crm.deal ORDER BY id LIMIT 20)});
is($standby->safe_psql('postgres', 'SELECT count(*) FROM crm.check_history()'), 0, 'promoted, it goes on with the history');
$standby->stop;

# ---- logical
$primary->safe_psql('postgres', 'CREATE PUBLICATION crm FOR TABLES IN SCHEMA crm');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "timezone = 'UTC'\nmax_logical_replication_workers = 40\nmax_worker_processes = 60\nmax_sync_workers_per_subscription = 4");
$subscriber->start;
$subscriber->safe_psql(
    'postgres', q{
    CREATE EXTENSION kpicrm;
    SELECT kpicrm.create_workspace('crm');
    DO $$
    BEGIN
        EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('crm.%I', relname), ', ') FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r');
    END $$;
    CREATE TABLE state (rep_id bigint, won kpicrm.conversion);
});
my $source = $primary->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION crm CONNECTION '$source' PUBLICATION crm");
$subscriber->wait_for_subscription_sync($primary, 'crm');
$primary->safe_psql('postgres', q{
    INSERT INTO crm.deal (name, phase_id, opened_at, amount) SELECT 'replicated ' || n, (SELECT min(id) FROM crm.phase), '2026-03-01', n FROM generate_series(1, 50) AS n;
    UPDATE crm.deal SET phase_id = (SELECT max(id) FROM crm.phase WHERE kind = 'open'), phase_since = '2026-03-20' WHERE name LIKE 'replicated %';
    DELETE FROM crm.deal WHERE name = 'replicated 9';
    UPDATE crm.setting SET fiscal_start_month = 10;});
$primary->wait_for_catchup('crm');
$answers =~ s/SELECT md5\(string_agg\(s::text.*?;//;
$truth = $primary->safe_psql('postgres', $answers);
is($subscriber->safe_psql('postgres', $answers), $truth, 'the subscriber answers as the publisher does');

# What comes by a subscription fires no statement trigger: nobody would note it.
my (undef, undef, $refusal) = $subscriber->psql('postgres', 'SELECT crm.refresh_kpi_days()');
like($refusal, qr/the rows of this workspace come by a subscription/, 'a subscriber keeps no days');
$subscriber->safe_psql('postgres', 'SELECT crm.start_kpi_days()');
is($subscriber->safe_psql('postgres', 'SELECT crm.kpi_day_is_noted()'), 'f', 'and reads none, with the triggers neither');
$subscriber->stop;
$primary->stop;
done_testing();
