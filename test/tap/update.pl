# From 1.0.0 to the present version: ALTER EXTENSION UPDATE leaves the members that a fresh
# installation has, and upgrade_workspace() the workspace that a fresh one is, with its data,
# its answers, its privileges and its row security.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('update');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'\njit = off");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(updated fresh);
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'kpicrm'});
isnt($version, '1.0.0', "the present version is $version");

# Whatever can be said of the objects of a set, one line each.
my $described = q{
    SELECT line FROM (
        SELECT format('%s %s: %s', i.type, regexp_replace(i.identity, '^crm\.', ''), obj_description(o.objid, o.classid::regclass::name)) AS line
        FROM objects AS o, pg_identify_object(o.classid, o.objid, 0) AS i
        UNION ALL
        SELECT 'definition ' || pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '')
        FROM objects AS o JOIN pg_proc AS p ON o.classid = 'pg_proc'::regclass AND o.objid = p.oid AND p.prokind <> 'a'
        UNION ALL
        SELECT 'aggregate ' || (to_jsonb(a) - 'aggfnoid' - 'aggsortop' - 'aggtranstype' - 'aggmtranstype')::text || a.aggfnoid::regprocedure || a.aggtranstype::regtype || a.aggmtranstype::regtype
        FROM objects AS o JOIN pg_aggregate AS a ON o.classid = 'pg_proc'::regclass AND o.objid = a.aggfnoid
        UNION ALL
        SELECT 'type ' || concat_ws(' ', t.oid::regtype, t.typlen, t.typalign, t.typstorage, t.typinput, t.typoutput, t.typreceive, t.typsend)
        FROM objects AS o JOIN pg_type AS t ON o.classid = 'pg_type'::regclass AND o.objid = t.oid
        UNION ALL
        SELECT 'view ' || c.relname || pg_get_viewdef(c.oid) || coalesce(c.reloptions::text, '')
        FROM objects AS o JOIN pg_class AS c ON o.classid = 'pg_class'::regclass AND o.objid = c.oid AND c.relkind = 'v'
        UNION ALL
        SELECT 'column ' || concat_ws(' ', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
        FROM objects AS o JOIN pg_class AS c ON o.classid = 'pg_class'::regclass AND o.objid = c.oid
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        UNION ALL
        SELECT 'index ' || pg_get_indexdef(i.indexrelid)
        FROM objects AS o JOIN pg_index AS i ON o.classid = 'pg_class'::regclass AND o.objid = i.indrelid
        UNION ALL
        SELECT 'constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
        FROM objects AS o JOIN pg_constraint AS c ON o.classid = 'pg_class'::regclass AND o.objid = c.conrelid
        UNION ALL
        SELECT 'trigger ' || pg_get_triggerdef(t.oid) || coalesce(obj_description(t.oid, 'pg_trigger'), '')
        FROM objects AS o JOIN pg_trigger AS t ON o.classid = 'pg_class'::regclass AND o.objid = t.tgrelid AND NOT t.tgisinternal
    ) AS described
    ORDER BY line COLLATE "C";};
my $members = q{
    CREATE TEMP VIEW objects AS
    SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'kpicrm');} . $described;
my $workspace = q{
    CREATE TEMP VIEW objects AS
    SELECT 'pg_class'::regclass::oid AS classid, oid AS objid FROM pg_class WHERE relnamespace = 'crm'::regnamespace AND relkind IN ('r', 'v', 'S')
    UNION ALL
    SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = 'crm'::regnamespace;} . $described;

sub same_lines
{
    my ($name, $query) = @_;
    my ($have, $want) = map { $node->safe_psql($_, $query) } qw(updated fresh);
    cmp_ok(length $want, '>', 100_000, "$name: there is much to compare");
    my (%have, %want);
    $have{$_}++ for split /\n/, $have;
    $want{$_}++ for split /\n/, $want;
    my @more = map { "only after the update: $_" } grep { !$want{$_} } sort keys %have;
    my @less = map { "only when fresh: $_" } grep { !$have{$_} } sort keys %want;
    is($have, $want, "$name: the same as fresh") or diag join "\n", map { substr $_, 0, 300 } (@more, @less)[ 0 .. 20 ];
}

# ---- a workspace that lives under 1.0.0
$node->safe_psql(
    'updated', q{
    CREATE EXTENSION kpicrm VERSION '1.0.0';
    SELECT kpicrm.create_workspace('crm');
    SELECT kpicrm.generate_demo('crm', 300, 5, '2026-03-31');
    UPDATE crm.deal SET amount = coalesce(amount, 0) + 10, rep_id = (SELECT max(id) FROM crm.sales_rep) WHERE id % 5 = 0;
    UPDATE crm.deal SET expected_close_on = NULL WHERE id % 11 = 0;
    DELETE FROM crm.deal WHERE id % 17 = 0;
    CREATE ROLE update_reader;
    CREATE ROLE update_writer;
    CREATE ROLE update_rep;
    SELECT kpicrm.grant_workspace('crm', 'update_reader'), kpicrm.grant_workspace('crm', 'update_writer', 'write'), kpicrm.grant_workspace('crm', 'update_rep', 'write');
    ALTER TABLE crm.deal ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON crm.deal TO update_rep USING (rep_id = 1);
    CREATE POLICY everything ON crm.deal TO update_reader, update_writer USING (true);
    ALTER TABLE crm.phase_stay ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON crm.phase_stay USING (EXISTS (SELECT FROM crm.deal WHERE deal.id = phase_stay.deal_id));
    CREATE VIEW public.my_board AS SELECT deal, status FROM crm.deal_board;
    CREATE VIEW public.my_week AS SELECT * FROM crm.phase_progress;
    CREATE ROLE update_owner;
    GRANT CREATE ON DATABASE updated TO update_owner;
    SET ROLE update_owner;
    SELECT kpicrm.create_workspace('owned');
    UPDATE owned.kpi SET condition = 'is_likely' WHERE code = 'prospect_deal_count';
    -- what an upgrade runs must not lead back to the role that upgrades
    CREATE FUNCTION owned.escape() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM set_config('role', 'none', true); ALTER ROLE update_owner SUPERUSER; RETURN NULL; END$$;
    CREATE TRIGGER escape BEFORE UPDATE ON owned.setting FOR EACH STATEMENT EXECUTE FUNCTION owned.escape();
    RESET ROLE;
    -- as an upgrade by a superuser left it
    ALTER FUNCTION owned.win_rate_report(date, date, text, timestamptz, text, integer) OWNER TO CURRENT_USER;
    CREATE TABLE public.state AS SELECT rep_id, kpicrm.lead_time_agg(opened_at, closed_at) AS s FROM crm.deal GROUP BY rep_id;
});
# sums of floats depend on the order of the rows in their last digits
my $answers = q{
    SET extra_float_digits = -3;
    SELECT format('SELECT %L, count(*), md5(string_agg(answer::text, chr(10) ORDER BY answer::text)) FROM crm.%I(as_of => ''2026-03-31'') AS answer', proname, proname)
    FROM pg_proc
    WHERE pronamespace = 'crm'::regnamespace AND proretset AND pronargs = pronargdefaults AND 'as_of' = ANY (proargnames)
    ORDER BY proname
    \gexec
    SELECT count(*), md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM crm.phase_progress('2025-04-01', '2026-02-15', NULL, '2026-03-31') AS r;
    SELECT count(*), md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM crm.phase_transition('2025-04-01', '2026-02-15', NULL, '2026-03-31') AS r;
    SELECT count(*), md5(string_agg(r::text, chr(10) ORDER BY r::text)) FROM crm.pipeline_waterfall('2025-04-01', '2026-02-15', NULL, NULL, NULL, '2026-03-31') AS r;
    SELECT count(*), md5(string_agg(s::text, ',' ORDER BY rep_id)) FROM state;};
my $before = $node->safe_psql('updated', $answers);
cmp_ok(scalar(split /\n/, $before), '>', 25, 'many reports are compared');

# ---- the extension
$node->safe_psql('updated', 'ALTER EXTENSION kpicrm UPDATE');
$node->safe_psql('fresh', q{CREATE EXTENSION kpicrm; SELECT kpicrm.create_workspace('crm');});
is($node->safe_psql('updated', 'SELECT kpicrm.installed_version()'), $version, 'updated');
same_lines('members', $members);
is($node->safe_psql('updated', $answers), $before, 'the workspace of before answers as it did');

# ---- the workspace
$node->safe_psql('updated', 'CREATE VIEW crm.prospect_stay AS SELECT id FROM crm.deal');
(undef, undef, my $taken) = $node->psql('updated', q{SELECT kpicrm.upgrade_workspace('crm')});
like($taken, qr/workspace "crm" has something of its own with the name of a new fact: "prospect_stay"/, 'a fact of its own is not replaced');
$node->safe_psql('updated', 'DROP VIEW crm.prospect_stay');
is($node->safe_psql('updated', q{SELECT kpicrm.upgrade_workspace('crm')}), $version, 'the workspace is upgraded');
is($node->safe_psql('updated', q{SELECT version FROM crm.setting}), $version, 'and says so');
same_lines('workspace', $workspace);
# Functions that are new have no answer of before.  Others answer otherwise on purpose: data_quality
# says by the end of an action whether it lies ahead, and win_rate_report takes disqualified deals
# for deals that are not won.
my %mended = map { $_ => 1 } qw(data_quality win_rate_report);

sub comparable
{
    my ($answered, $asked) = @_;
    return join "\n", grep { my ($name) = split /\|/; $asked->{$name} && !$mended{$name} } split /\n/, $answered;
}
my %asked = map { (split /\|/)[0] => 1 } split /\n/, $before;
is(comparable($node->safe_psql('updated', $answers), \%asked), comparable($before, \%asked), 'and answers as it did');
my $kpis = 'SELECT code, definition_hash FROM crm.kpi ORDER BY code';
is($node->safe_psql('updated', $kpis), $node->safe_psql('fresh', $kpis), 'its KPIs are defined as fresh ones');
is($node->safe_psql('updated', 'SELECT count(*) FROM crm.check_history()'), 0, 'its history holds together');
is($node->safe_psql('updated', q{SELECT kpicrm.upgrade_workspace('crm')}), $version, 'a second time changes nothing');
is($node->safe_psql('updated', 'SELECT count(*) > 0, (SELECT count(*) FROM my_week) >= 0 FROM my_board'), 't|t', 'views of its users stay');

# ---- what its roles could do, they can, and no more
my $by = sub { my ($role, $query) = @_; my ($code, $out, $err) = $node->psql('updated', "SET ROLE $role; $query"); return $err || $out; };
like($by->('update_reader', 'UPDATE crm.deal_span SET amount = 0'), qr/permission denied/, 'a reader still only reads');
is($by->('update_reader', 'SELECT count(DISTINCT deal_id) = (SELECT count(*) FROM crm.deal) FROM crm.deal_span'), 't', 'and sees the spans of all deals');
is($by->('update_writer', q{UPDATE crm.deal SET amount = 5 WHERE id = 1 RETURNING amount}), '5.00', 'a writer still writes');
is($by->('update_rep', 'SELECT count(*) > 0 AND bool_and(rep_id = 1) FROM crm.deal JOIN crm.deal_span AS span USING (rep_id) WHERE span.deal_id = deal.id'), 't', 'a rep sees own spans');
is($by->('update_rep', 'SELECT count(*) FROM crm.deal_span WHERE deal_id NOT IN (SELECT id FROM crm.deal)'), 0, 'and no others');
is($node->safe_psql('updated', 'SELECT count(*) FROM crm.check_history()'), 0, 'and the history goes on');

# ---- a workspace of another role
like($by->('update_writer', q{SELECT kpicrm.upgrade_workspace('owned')}), qr/workspace "owned" belongs to role "update_owner"/, 'whoever is not its owner cannot upgrade it');
(undef, undef, my $trapped) = $node->psql('updated', q{SELECT kpicrm.upgrade_workspace('owned')});
like($trapped, qr/cannot set parameter "role" within security-/, 'what the owner has put into a workspace cannot leave the owner\'s role');
$node->safe_psql('updated', 'DROP TRIGGER escape ON owned.setting');
is($node->safe_psql('updated', q{SELECT kpicrm.upgrade_workspace('owned'), current_user = session_user}), "$version|t", 'a superuser can, and is one afterwards');
is($node->safe_psql('updated', q{SELECT fact, condition FROM owned.kpi WHERE code = 'prospect_deal_count'}), 'open_stay|is_likely', 'a definition of its own stays');
is(
    $node->safe_psql('updated', q{
        SELECT relname FROM pg_class WHERE relnamespace = 'owned'::regnamespace AND relowner <> 'update_owner'::regrole
        UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'owned'::regnamespace AND proowner <> 'update_owner'::regrole}),
    '', 'all of it is still the owner\'s');
is($by->('update_owner', q{INSERT INTO owned.pipeline (id, name) VALUES (1, 'a'); INSERT INTO owned.phase (id, pipeline_id, position, name, kind) VALUES (1, 1, 1, 'a', 'open');
    INSERT INTO owned.deal (name, pipeline_id, phase_id) VALUES ('a', 1, 1); UPDATE owned.deal SET amount = 5 RETURNING amount; SELECT count(*) FROM owned.check_history()}), "5.00\n0", 'and the owner writes as before');

# ---- a workspace that no step leads from
$node->safe_psql('updated', q{UPDATE crm.setting SET version = '0.9'});
my ($code, $out, $err) = $node->psql('updated', q{SELECT kpicrm.upgrade_workspace('crm')});
like($err, qr/has version 0\.9, and there is no way from there to \Q$version\E/, 'an unknown version is refused');

$node->stop;
done_testing();
