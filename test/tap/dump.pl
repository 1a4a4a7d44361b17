# A workspace survives pg_dump and pg_restore in every form: tables, history and
# reports are the same afterwards.  Also: what DROP EXTENSION leaves.
#
# Data alone go into a fresh workspace like this: empty the tables that
# create_workspace() has filled, and restore past the triggers, which would record
# the deals as new ones:
#
#   pg_dump --data-only -n crm -Fc -f FILE …      (in the order of the foreign keys)
#   TRUNCATE crm.setting, crm.kpi, crm.calendar CASCADE;
#   PGOPTIONS='-c kpicrm.history=off' pg_restore --data-only -d … FILE
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;
my $dir = PostgreSQL::Test::Utils::tempdir;

# A history with everything in it: backdated, corrected, cleared, reopened, removed.
my $life = q{
    CREATE EXTENSION kpicrm;
    SELECT kpicrm.create_workspace('crm');
    SELECT kpicrm.create_workspace('Sales 2026');
    SET search_path = crm, public;
    UPDATE setting SET time_zone = 'Asia/Tokyo', fiscal_start_month = 4;
    INSERT INTO sales_team (name) VALUES ('Japan');
    INSERT INTO sales_team (name, parent_team_id) VALUES ('Kanto', 1);
    INSERT INTO sales_rep (name, team_id) VALUES ('Ito', 1), ('Sato', 2);
    INSERT INTO product (name) VALUES ('GTX');
    INSERT INTO account (name) VALUES ('Konex'), ('Isdom');
    INSERT INTO pipeline (name) VALUES ('Sales');
    INSERT INTO phase (pipeline_id, name, position, kind, win_probability) VALUES
        (1, 'Contact', 1, 'open', 0.2), (1, 'Proposal', 2, 'open', 0.5), (1, 'Won', 3, 'won', 1), (1, 'Lost', 4, 'lost', 0);
    INSERT INTO deal (name, phase_id, opened_at, amount, rep_id, product_id, account_id, expected_close_on)
    SELECT 'deal ' || n, 1, timestamptz '2026-01-01' + n * interval '1 day', n * 1000, n % 2 + 1, 1, n % 2 + 1, date '2026-04-01' + n
    FROM generate_series(1, 60) AS n;
    UPDATE deal SET phase_id = 2, phase_since = phase_since + interval '10 days' WHERE id % 2 = 0;
    UPDATE deal SET phase_id = 3 + (id % 3 = 0)::integer, phase_since = phase_since + interval '20 days' WHERE id % 4 = 0;
    UPDATE deal SET phase_id = 2, phase_since = phase_since - interval '5 days' WHERE id % 12 = 0;
    UPDATE deal SET amount = amount * 2, rep_id = NULL, expected_close_on = expected_close_on + 30 WHERE id % 5 = 0;
    DELETE FROM deal WHERE id % 20 = 1;
    INSERT INTO target (kpi_code, grain, period_start, value) VALUES ('revenue', 'month', '2026-02-01', 50000);
    INSERT INTO purchase (account_id, deal_id, product_id, purchased_at, amount)
    SELECT account_id, id, product_id, closed_at, amount FROM deal WHERE closed_at IS NOT NULL AND phase_id = 3;
    INSERT INTO activity_type (name) VALUES ('call');
    INSERT INTO activity (activity_type_id, deal_id, started_at, ended_at, done)
    SELECT 1, id, opened_at, opened_at + interval '1 hour', true FROM deal;
    CREATE TABLE note (deal_id bigint REFERENCES deal, text text);
    INSERT INTO note VALUES (2, 'a table of the user''s own');
    ALTER TABLE deal ADD COLUMN mood text DEFAULT 'fine';
};

# Every table and report, as one text each.
my $as_of = q{'2026-06-01'};
my $fingerprint = qq{
    SET search_path = crm, public;
    SELECT format('SELECT %L, md5(string_agg(row::text, chr(10) ORDER BY row::text)), count(*) FROM crm.%I AS row', relname, relname)
    FROM pg_class
    WHERE relnamespace = 'crm'::regnamespace AND relkind = 'r'
    ORDER BY relname
    \\gexec
    SELECT format('SELECT %L, md5(string_agg(row::text, chr(10) ORDER BY row::text)), count(*) FROM %s AS row', call, call)
    FROM unnest(ARRAY[
        'deal_as_of(now())', 'deal_as_of(''2026-02-10'')', 'deal_as_of(now(), ''2026-01-01'')', 'stay_history()', 'check_history()',
        'win_rate_report(as_of => $as_of)', 'lead_time_report(as_of => $as_of)', 'phase_report(as_of => $as_of)', 'deal_board($as_of)',
        'deal_board_phase($as_of)', 'sales_vs_target(as_of => $as_of)', 'customer_value($as_of)'
    ]) AS call
    \\gexec
};
$fingerprint =~ s/'2026-06-01'/''2026-06-01''/g;

sub fingerprint
{
    my ($database) = @_;
    return $node->safe_psql($database, $fingerprint);
}

sub same_in
{
    my ($database, $before, $what) = @_;
    is(fingerprint($database), $before, "$what: tables, history and reports are the same");
    is($node->safe_psql($database, 'SELECT * FROM crm.check_history()'), '', "$what: the history holds together");
    is( $node->safe_psql(
            $database,
            q{UPDATE crm.deal SET phase_id = 1, phase_since = '2026-05-01' WHERE id = 2;
              SELECT count(*) FROM crm.phase_stay WHERE deal_id = 2;
              SELECT * FROM crm.check_history();}),
        3,
        "$what: the history goes on");
}

$node->safe_psql('postgres', 'CREATE DATABASE source');
$node->safe_psql('source', $life);
my $before = fingerprint('source');
like($before, qr/^deal\|/m, 'the fingerprint covers the tables');
like($before, qr/^check_history\(\)\|\|0$/m, 'and the history holds together');
unlike($before, qr/^deal_board[^|]*\|\|/m, 'and the board is not empty');

my @connect = ('-h', $node->host, '-p', $node->port);
command_ok([ 'pg_dump', @connect, '-Fc', '-f', "$dir/custom", 'source' ], 'pg_dump -Fc');
command_ok([ 'pg_dump', @connect, '-Fd', '-j2', '-f', "$dir/directory", 'source' ], 'pg_dump -Fd -j2');
command_ok([ 'pg_dump', @connect, '-f', "$dir/plain", 'source' ], 'pg_dump');
command_ok([ 'pg_dump', @connect, '--data-only', '-n', 'crm', '-Fc', '-f', "$dir/data", 'source' ], 'pg_dump --data-only');

$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(custom parallel plain data);
command_ok([ 'pg_restore', @connect, '--exit-on-error', '-d', 'custom', "$dir/custom" ], 'pg_restore');
same_in('custom', $before, 'custom format');
command_ok([ 'pg_restore', @connect, '--exit-on-error', '-j2', '-d', 'parallel', "$dir/directory" ], 'pg_restore -j2');
same_in('parallel', $before, 'directory format, two jobs');
command_ok([ 'psql', @connect, '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', 'plain', '-f', "$dir/plain" ], 'psql -f');
same_in('plain', $before, 'plain format');

$node->safe_psql(
    'data',
    q{CREATE EXTENSION kpicrm;
      SELECT kpicrm.create_workspace('crm');
      ALTER TABLE crm.deal ADD COLUMN mood text DEFAULT 'fine';
      CREATE TABLE crm.note (deal_id bigint REFERENCES crm.deal, text text);
      TRUNCATE crm.setting, crm.kpi, crm.calendar CASCADE;});
{
    local $ENV{PGOPTIONS} = '-c kpicrm.history=off';
    command_ok([ 'pg_restore', @connect, '--exit-on-error', '--data-only', '-d', 'data', "$dir/data" ], 'pg_restore --data-only');
}
same_in('data', $before, 'data only');

# DROP EXTENSION refuses; CASCADE takes code and no rows; upgrade_workspace() mends.
my ($status, $out, $err) = $node->psql('source', 'DROP EXTENSION kpicrm');
isnt($status, 0, 'DROP EXTENSION refuses while there is a workspace');
like($err, qr/depend/, 'and says why');
my $rows = q{SELECT string_agg(md5(row::text), ',' ORDER BY row.id) FROM crm.deal AS row;
             SELECT string_agg(md5(row::text), ',' ORDER BY row.id) FROM crm.deal_event AS row;
             SELECT string_agg(md5(row::text), ',' ORDER BY row.deal_id, row.stay_no) FROM crm.phase_stay AS row;
             SELECT string_agg(md5(row::text), ',' ORDER BY row.deal_id, row.span_no) FROM crm.deal_span AS row;
             SELECT string_agg(md5(row::text), ',' ORDER BY row.deal_id, row.kind, row.slip_no) FROM crm.deal_slip AS row;};
my $rows_before = $node->safe_psql('source', $rows);
$node->safe_psql('source', 'DROP EXTENSION kpicrm CASCADE');
is($node->safe_psql('source', $rows), $rows_before, 'CASCADE keeps every row');
$node->safe_psql('source', q{CREATE EXTENSION kpicrm; SELECT kpicrm.upgrade_workspace('crm')});
same_in('source', $before, 'after DROP EXTENSION CASCADE and upgrade_workspace()');

$node->stop;
done_testing();
