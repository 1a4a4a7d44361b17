# Several databases behind one: the aggregates are shipped to foreign tables, and states
# that were built on shards and merged are, byte for byte, those of all rows in one table.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('federation');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\njit = off");
$node->start;

# The shard that stays empty is the last one: a state of nothing travels, too.
my @shards = (0, 1, 2);
my $coordinator = 'coordinator';

my $columns = q{
    tenant_id bigint NOT NULL,
    rep_id integer,
    deal_id bigint,
    customer bigint,
    customer_key text,
    amount numeric,
    cost numeric,
    opened_at timestamptz,
    closed_at timestamptz,
    won boolean,
    "position" integer,
    at timestamptz,
    period integer};

# ---- the databases
$node->safe_psql('postgres', "CREATE DATABASE $coordinator");
$node->safe_psql($coordinator, 'CREATE EXTENSION kpicrm; CREATE EXTENSION postgres_fdw');
for my $shard (@shards)
{
    $node->safe_psql('postgres', "CREATE DATABASE shard_$shard TEMPLATE $coordinator");
    $node->safe_psql("shard_$shard", "CREATE TABLE deal ($columns)");
    my ($host, $port) = ($node->host, $node->port);
    $node->safe_psql(
        $coordinator, qq{
        CREATE SERVER shard_$shard FOREIGN DATA WRAPPER postgres_fdw
            OPTIONS (host '$host', port '$port', dbname 'shard_$shard', extensions 'kpicrm', use_remote_estimate 'true', async_capable 'true', fetch_size '10000', batch_size '1000');
        CREATE USER MAPPING FOR CURRENT_USER SERVER shard_$shard;});
}

# ---- the rows: once spread by tenant, once in a table of the coordinator
#
# Tenants are those that belong to the first two shards.  Customers buy from several tenants,
# so that keys occur on both.  There are more distinct durations in all than a state of
# lead_times keeps exactly, and fewer on each shard: the merged state must round what its
# parts did not.
my $partitions = join '', map { "CREATE FOREIGN TABLE deal_$_ PARTITION OF deal FOR VALUES WITH (MODULUS 3, REMAINDER $_) SERVER shard_$_ OPTIONS (table_name 'deal');\n" } @shards;
$node->safe_psql(
    $coordinator, qq{
    CREATE TABLE deal ($columns) PARTITION BY HASH (tenant_id);
    $partitions
    CREATE TABLE deal_of_all ($columns);
    INSERT INTO deal_of_all
    SELECT
        tenant.id,
        n % 7,
        n,
        n * 31 % 97,
        'customer ' || n * 37 % 89,
        CASE WHEN n % 41 > 0 THEN (n * 7919 % 100003) / 7.0 END::numeric(18, 6),
        CASE WHEN n % 13 > 0 THEN n % 503 END,
        CASE WHEN n % 53 > 0 THEN timestamptz '2025-01-01' + n * interval '3 hours' END,
        CASE WHEN n % 5 > 0 THEN timestamptz '2025-01-01' + n * interval '3 hours' + ((n * 7919) % 100003 - 500) * interval '83 seconds' END,
        CASE WHEN n % 5 > 0 THEN n % 3 = 0 END,
        1 + n * 7 % 5,
        timestamptz '2025-01-01' + (n % 1511) * interval '7 minutes',
        1 + n % 9
    FROM generate_series(1, 3200) AS n
    JOIN (
        SELECT id, row_number() OVER (ORDER BY id) AS no, count(*) OVER () AS tenants
        FROM generate_series(1, 30) AS id
        WHERE NOT satisfies_hash_partition('deal'::regclass, 3, 2, id::bigint)
    ) AS tenant ON tenant.no = 1 + n % tenant.tenants;
    INSERT INTO deal SELECT * FROM deal_of_all;});
my @spread = map { $node->safe_psql("shard_$_", 'SELECT count(*) FROM deal') } @shards;
ok($spread[0] > 1000 && $spread[1] > 1000 && $spread[2] == 0, "rows are on two of three shards: @spread");

# ---- the families of states
#
# builder over source, a query on {deal}.  shipped is the aggregate that the shards are asked
# for when the coordinator builds the states; without it nothing is shipped, because a
# constant of type text has a collation, and only columns of a foreign table may bring one.
my $rows = '{deal}';
my $histories = '(SELECT tenant_id, rep_id, customer, kpicrm.purchase_agg(amount, at, cost) AS purchases FROM {deal} GROUP BY tenant_id, rep_id, customer) AS history';
my $paths = '(SELECT tenant_id, rep_id, customer, kpicrm.phase_path_agg("position", at, deal_id) AS path FROM {deal} GROUP BY tenant_id, rep_id, customer) AS way';
my @families = (
    # id, type, builder, source, shipped
    [ 'conversion', 'conversion', 'conversion_agg(won)', $rows, 'conversion_agg' ],
    [ 'weighted_conversion', 'weighted_conversion', 'conversion_agg(won, amount)', $rows, 'conversion_agg' ],
    [ 'lead_times', 'lead_times', q{lead_time_agg(opened_at, closed_at, won, '2026-03-31 00:00+00')}, $rows, 'lead_time_agg' ],
    [ 'purchases', 'purchases', 'purchase_agg(amount, at, cost)', $rows, 'purchase_agg' ],
    [ 'customer_base', 'customer_base', 'ltv_agg(customer, amount, cost)', $rows, 'ltv_agg' ],
    [ 'customer_base_of_text', 'customer_base', q{ltv_agg(customer_key, amount)}, $rows, 'ltv_agg' ],
    [ 'customer_base_of_histories', 'customer_base', 'ltv_agg(purchases)', $histories, 'purchase_agg' ],
    [ 'phase_path', 'phase_path', 'phase_path_agg("position", at, deal_id)', $rows, 'phase_path_agg' ],
    [ 'funnel', 'funnel', 'funnel_agg(path, 4)', $paths, 'phase_path_agg' ],
    [ 'event_chain', 'event_chain', q{window_funnel_agg(interval '1 hour', at, "position" = 1, "position" = 3, "position" = 4)}, $rows, 'window_funnel_agg' ],
    [ 'event_chain_with_modes', 'event_chain', q{window_funnel_agg('strict_order', interval '1 hour', at, "position" = 1, "position" = 3, "position" = 4)}, $rows, undef ],
    [ 'step_flags', 'step_flags', 'retention_agg(period = 3, period = 12, won, "position" = 5)', $rows, 'retention_agg' ],
    [ 'ltv_sample', 'ltv_sample', q{ltv_sample_agg(purchases, date '2025-03-01', interval '7 days', 'BG/NBD')}, $histories, 'purchase_agg' ],
    [ 'retention_sample', 'retention_sample', 'retention_sample_agg(period, won)', $rows, 'retention_sample_agg' ],
);

# Every state that can be rolled up must be among them: a new family belongs here, too.
is( join(' ', sort keys %{ { map { $_->[1] => 1 } @families } }),
    $node->safe_psql($coordinator, q{SELECT string_agg(typname, ' ' ORDER BY typname COLLATE "C") FROM pg_proc JOIN pg_type ON pg_type.oid = proargtypes[0] WHERE proname = 'rollup' AND pronamespace = 'kpicrm'::regnamespace}),
    'every type with a rollup is merged here');

# A view of states on each shard, one row a rep, and one of a single row, which is there
# also when there are no rows.
for my $shard (@shards)
{
    my $views = '';
    my $foreign = '';
    for my $family (@families)
    {
        my ($id, $type, $builder, $source) = @$family;
        $source =~ s/\{deal\}/deal/;
        $views .= qq{
            CREATE VIEW by_rep_$id AS SELECT rep_id, kpicrm.$builder AS state FROM $source GROUP BY rep_id;
            CREATE VIEW total_$id AS SELECT kpicrm.$builder AS state FROM $source;};
        $foreign .= qq{
            CREATE FOREIGN TABLE by_rep_${id}_$shard (rep_id integer, state kpicrm.$type) SERVER shard_$shard OPTIONS (table_name 'by_rep_$id');
            CREATE FOREIGN TABLE total_${id}_$shard (state kpicrm.$type) SERVER shard_$shard OPTIONS (table_name 'total_$id');};
    }
    $node->safe_psql("shard_$shard", $views);
    $node->safe_psql($coordinator, $foreign);
}

# The rows of a foreign table of each shard.
sub everywhere { my ($table) = @_; return '(' . join(' UNION ALL ', map { "SELECT * FROM ${table}_$_" } @shards) . ") AS $table"; }

for my $family (@families)
{
    my ($id, $type, $builder, $source, $shipped) = @$family;
    my $bytes = "state::text || ' ' || encode(kpicrm.${type}_send(state), 'hex')";
    my $local = $source =~ s/\{deal\}/deal_of_all/r;
    my $nothing = $source =~ s/\{deal\}/(SELECT * FROM deal_of_all LIMIT 0) AS nothing/r;
    my $spread = $source =~ s/\{deal\}/deal/r;
    my $two_step = "SELECT kpicrm.rollup(state) AS state FROM (SELECT tenant_id, rep_id, kpicrm.$builder AS state FROM $spread GROUP BY tenant_id, rep_id) AS part";
    my ($whole, $empty, $in_two_steps, $by_rep, $by_shard, $parts, @plan) = split /\n/, $node->safe_psql(
        $coordinator, qq{
        SET enable_partitionwise_aggregate = on;
        SELECT $bytes FROM (SELECT kpicrm.$builder AS state FROM $local) AS one;
        SELECT coalesce($bytes, 'none') FROM (SELECT kpicrm.$builder AS state FROM $nothing) AS one;
        SELECT $bytes FROM ($two_step) AS one;
        SELECT $bytes FROM (SELECT kpicrm.rollup(state) AS state FROM } . everywhere("by_rep_$id") . qq{) AS one;
        SELECT $bytes FROM (SELECT kpicrm.rollup(state) AS state FROM } . everywhere("total_$id") . qq{) AS one;
        SELECT count(*) FROM } . everywhere("total_$id") . qq{;
        EXPLAIN (VERBOSE, COSTS OFF) $two_step;});
    # not is(), which would print states of some kilobytes
    ok($whole ne $empty, "$id: the whole is more than nothing") or diag $whole;
    ok($in_two_steps eq $whole, "$id: built through the coordinator, it is the whole");
    ok($by_rep eq $whole, "$id: merged from the states of reps on each shard, it is the whole");
    ok($by_shard eq $whole, "$id: merged from one state a shard, it is the whole");
    is($parts, scalar @shards, "$id: the empty shard sent its state, too");
    next unless defined $shipped;
    my $plan = join "\n", @plan;
    is(scalar(() = $plan =~ /Relations: Aggregate on/g), scalar @shards, "$id: each shard aggregates") or diag $plan;
    is(scalar(() = $plan =~ /Remote SQL: [^\n]*\bkpicrm\.\Q$shipped\E\(/g), scalar @shards, "$id: each is asked for kpicrm.$shipped") or diag $plan;
}
is($node->safe_psql($coordinator, q{SELECT count(*) FILTER (WHERE state::text LIKE '~%') FROM } . everywhere('total_lead_times')), 0, 'lead_times of no shard are rounded,');
is($node->safe_psql($coordinator, q{SELECT kpicrm.rollup(state)::text LIKE '~%' FROM } . everywhere('total_lead_times')), 't', 'those of all are');

# ---- what the plans depend on
my $by_tenant = 'EXPLAIN (VERBOSE, COSTS OFF) SELECT tenant_id, kpicrm.conversion_agg(won) FROM deal GROUP BY tenant_id';
unlike($node->safe_psql($coordinator, "SET enable_partitionwise_aggregate = off; $by_tenant"), qr/Aggregate on/, 'without enable_partitionwise_aggregate rows are fetched');
$node->safe_psql($coordinator, 'ALTER SERVER shard_1 OPTIONS (DROP extensions)');
my $plan = $node->safe_psql($coordinator, "SET enable_partitionwise_aggregate = on; $by_tenant");
is(scalar(() = $plan =~ /Relations: Aggregate on/g), 2, 'so they are from a server without the option extensions') or diag $plan;
$node->safe_psql($coordinator, q{ALTER SERVER shard_1 OPTIONS (ADD extensions 'kpicrm')});
like($node->safe_psql($coordinator, 'EXPLAIN (VERBOSE, COSTS OFF) SELECT kpicrm.conversion_rate(won) FROM deal_1'), qr/Remote SQL: SELECT kpicrm\.conversion_rate\(won\)/,
    'one foreign table needs neither groups nor a setting');

# ---- a workspace on each shard, of which the last has no deals yet
my $facts = "opened_at timestamptz, closed_at timestamptz, won boolean";
for my $shard (@shards)
{
    $node->safe_psql("shard_$shard", q{SELECT kpicrm.create_workspace('crm')});
    $node->safe_psql("shard_$shard", "SELECT kpicrm.generate_demo('crm', 200, $shard + 1, '2026-03-31')") if $shard < 2;
    $node->safe_psql(
        "shard_$shard", q{
        CREATE VIEW sales AS
        SELECT kpicrm.conversion_agg(won) AS won, kpicrm.lead_time_agg(opened_at, closed_at, won, '2026-03-31 18:00+00') AS closing
        FROM crm.deals;
        CREATE VIEW reported AS
        SELECT won_count, deal_count
        FROM crm.win_rate_report(grain => 'all', as_of => '2026-03-31 18:00+00')
        WHERE dimension_name = 'all' AND definition = 'closed';});
    $node->safe_psql(
        $coordinator, qq{
        CREATE FOREIGN TABLE sales_$shard (won kpicrm.conversion, closing kpicrm.lead_times) SERVER shard_$shard OPTIONS (table_name 'sales');
        CREATE FOREIGN TABLE reported_$shard (won_count bigint, deal_count bigint) SERVER shard_$shard OPTIONS (table_name 'reported');
        CREATE FOREIGN TABLE deals_$shard ($facts) SERVER shard_$shard OPTIONS (schema_name 'crm', table_name 'deals');});
}
my $company = 'SELECT kpicrm.rollup(won) AS won, kpicrm.rollup(closing) AS closing FROM ' . everywhere('sales');
my $union = q{SELECT kpicrm.conversion_agg(won) AS won, kpicrm.lead_time_agg(opened_at, closed_at, won, '2026-03-31 18:00+00') AS closing FROM } . everywhere('deals');
my ($merged, $of_facts, $numbers, $plain, $reported, $averaged) = split /\n/, $node->safe_psql(
    $coordinator, qq{
    SELECT encode(kpicrm.conversion_send(won) || kpicrm.lead_times_send(closing), 'hex') FROM ($company) AS company;
    SELECT encode(kpicrm.conversion_send(won) || kpicrm.lead_times_send(closing), 'hex') FROM ($union) AS company;
    SELECT kpicrm.converted_count(won), kpicrm.total_count(won), round(kpicrm.rate(won)::numeric, 12),
        kpicrm.completed_count(closing), kpicrm.lost_count(closing), kpicrm.open_count(closing),
        round(kpicrm.mean_days(closing)::numeric, 9), round(kpicrm.median_days(closing)::numeric, 9)
    FROM ($company) AS company;
    SELECT count(*) FILTER (WHERE won), count(won), round(avg(won::integer), 12),
        count(*) FILTER (WHERE won), count(*) FILTER (WHERE NOT won), count(*) FILTER (WHERE closed_at IS NULL),
        round(avg(extract(epoch FROM closed_at - opened_at) / 86400) FILTER (WHERE won), 9),
        round((percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - opened_at)::float8 / 86400) FILTER (WHERE won))::numeric, 9)
    FROM } . everywhere('deals') . qq{;
    SELECT sum(won_count), sum(deal_count) FROM } . everywhere('reported') . qq{;
    SELECT round(avg(kpicrm.rate(won))::numeric, 12) FROM } . everywhere('sales') . ';');
ok($merged eq $of_facts, 'the states of three workspaces are those of all of their deals');
is($numbers, $plain, 'the numbers of the company are those of plain SQL over all deals');
is($reported, join('|', (split /\|/, $numbers)[ 0, 1 ]), 'and the sums of what each workspace reports');
isnt($averaged, (split /\|/, $numbers)[2], 'the average of their rates is another number');

$node->stop;
done_testing();
