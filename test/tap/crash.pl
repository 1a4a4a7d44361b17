# No crash loses what was acknowledged: servers and backends are killed (SIGKILL) under
# concurrent writers, ten times; afterwards every committed transaction is there, whole,
# and the history and the days kept of KPIs hold together.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'usleep';

my $rounds = $ENV{KPICRM_CRASHES} // 10;
my $writers = 4;
my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
# a killed backend takes all others along, and the server starts again by itself
$node->append_conf('postgresql.conf', "restart_after_crash = on\ntimezone = 'UTC'\ncheckpoint_timeout = 30s\nmax_wal_size = 64MB");
$node->start;
$node->safe_psql(
    'postgres', q{
    CREATE EXTENSION kpicrm;
    SELECT kpicrm.create_workspace('crm');
    INSERT INTO crm.sales_rep (name) VALUES ('Ito'), ('Sato');
    INSERT INTO crm.activity_type (name) VALUES ('call');
    INSERT INTO crm.pipeline (name) VALUES ('Sales');
    INSERT INTO crm.phase (pipeline_id, name, position, kind) VALUES
        (1, 'Contact', 1, 'open'), (1, 'Proposal', 2, 'open'), (1, 'Won', 3, 'won'), (1, 'Lost', 4, 'lost');
    SELECT crm.refresh_kpi_days();
});
my $dir = PostgreSQL::Test::Utils::tempdir;

# What a writer commits, and says so: a new deal, and moves of earlier ones.
sub script
{
    my ($writer, $round) = @_;
    my $file = "$dir/$writer-$round.sql";
    open my $out, '>', $file or die $!;
    print $out "\\set ON_ERROR_STOP 1\nSET search_path = crm, public;\n";
    for my $n (1 .. 4000)
    {
        my $key = "$writer/$round/$n";
        my $before = "$writer/$round/" . int($n / 2);
        print $out "BEGIN;\n",
            "INSERT INTO deal (external_id, name, phase_id, amount, rep_id) VALUES ('$key', 'deal', 1, $n, 1 + $n % 2);\n",
            "UPDATE deal SET phase_id = 2 + $n % 3, amount = amount * 2 WHERE external_id = '$before';\n",
            ($n % 7 ? '' : "UPDATE deal SET phase_id = 1 WHERE external_id = '$before';\n"),
            ($n % 11 ? '' : "DELETE FROM deal WHERE external_id = '$before';\n"),
            "INSERT INTO activity (activity_type_id, deal_id, started_at, done) SELECT 1, id, now(), true FROM deal WHERE external_id = '$key';\n",
            "COMMIT;\n\\echo $n\n";
    }
    close $out;
    return $file;
}

my $refresher = "$dir/refresh.sql";
PostgreSQL::Test::Utils::append_to_file($refresher, "SELECT crm.refresh_kpi_days() FROM pg_sleep(0.02);\n" x 100);

my $acknowledged = 0;
my @lost;
for my $round (1 .. $rounds)
{
    my @running;
    for my $writer (1 .. $writers)
    {
        my ($out, $err) = ('', '');
        push @running, { writer => $writer, out => \$out, err => \$err,
            handle => IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-f', script($writer, $round) ], '<', \undef, '>', \$out, '2>', \$err) };
    }
    my $refresh = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-f', $refresher ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
    usleep(400_000 + 100_000 * ($round % 5));
    # on a busy machine it takes longer until there is something to lose
    for my $try (1 .. 300)
    {
        $_->{handle}->pump_nb for @running;
        last if 50 < (join '', map { ${ $_->{out} } } @running) =~ tr/\n//;
        usleep(100_000);
    }
    if ($round % 2)
    {
        $node->kill9;
    }
    else
    {
        my $victim = $node->safe_psql('postgres', q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%deal%' AND pid <> pg_backend_pid() LIMIT 1});
        kill 'KILL', $victim if $victim;
    }
    $_->{handle}->finish for @running;
    $refresh->kill_kill;
    if ($round % 2)
    {
        # the orphans must be gone before the next server can start
        for my $try (1 .. 100)
        {
            last unless system('pg_ctl', '-w', '-s', '-D', $node->data_dir, '-l', $node->logfile, 'start');
            usleep(200_000);
        }
        $node->_update_pid(1);
    }
    $node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'the server did not come back';
    for my $run (@running)
    {
        my @done = ${ $run->{out} } =~ /^(\d+)$/mg;
        my $last = $done[-1] // 0;
        $acknowledged += @done;
        # of each acknowledged transaction its deal or, if it was deleted since, its history
        push @lost, split /\n/, $node->safe_psql(
            'postgres', qq{
            SELECT '$run->{writer}/$round/' || n FROM generate_series(1, $last) AS n
            WHERE NOT EXISTS (SELECT FROM crm.deal WHERE external_id = '$run->{writer}/$round/' || n)
              AND NOT EXISTS (SELECT FROM generate_series(n * 2, n * 2 + 1) AS later WHERE later % 11 = 0 AND later <= $last + 1)});
    }
}
cmp_ok($acknowledged, '>', 50 * $rounds, "$acknowledged transactions were acknowledged in $rounds rounds");
is("@lost", '', 'none of them is lost');
is($node->safe_psql('postgres', 'SELECT * FROM crm.check_history()'), '', 'the history holds together');
is($node->safe_psql('postgres', 'SELECT * FROM crm.check_kpi_days()'), '', 'the days kept of KPIs are right, where they are not noted as changed');
is( $node->safe_psql('postgres', q{
        SELECT string_agg(value::text, ',' ORDER BY period_start) FROM crm.kpi_series('contact_count');
        SET kpicrm.kpi_days = off;
        SELECT string_agg(value::text, ',' ORDER BY period_start) FROM crm.kpi_series('contact_count')}) =~ /^(.+)\n\1$/, 1, 'a KPI is what is counted');
is($node->safe_psql('postgres', 'SELECT count(*) FROM crm.activity WHERE deal_id IS NOT NULL AND NOT EXISTS (SELECT FROM crm.deal WHERE deal.id = deal_id)'),
    0, 'no activity without its deal');
is( $node->safe_psql('postgres', q{
        SELECT count(*) FROM crm.deal
        WHERE (SELECT count(*) FROM crm.phase_stay WHERE deal_id = deal.id AND left_at IS NULL) <> 1}),
    0, 'each deal stands in one phase');
$node->command_ok([ 'pg_amcheck', '--install-missing', '--heapallindexed', '-d', 'postgres' ], 'pg_amcheck finds no damage');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP/, 'no PANIC in the log');
$node->stop;
done_testing();
