#!/bin/sh
# Turns DDL files into rows of a function, so that the DDL stays plain SQL which psql can
# run as it is.
#
#   embed.sh modules FILE...    kpicrm.workspace_modules(): workspace and report modules
#   embed.sh steps FILE...      kpicrm.workspace_steps(): workspace--A--B.sql, what is done
#                               before the modules are made anew, and
#                               workspace--A--B--after.sql, what is done after
set -eu

quote='$kpicrm_module$'

literal() {
    [ -f "$1" ] || { printf 'NULL'; return; }
    if grep -qF '$kpicrm_' "$1"; then
        echo "embed.sh: $1 must not contain \$kpicrm_" >&2
        exit 1
    fi
    printf '%s\n' "$quote"
    cat "$1"
    printf '%s' "$quote"
}

modules() {
    cat <<'SQL'
CREATE FUNCTION kpicrm.workspace_modules(
    OUT load_order integer,
    OUT file text,
    OUT ddl text
) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    VALUES
SQL
    order=0
    separator=''
    for file in "$@"; do
        order=$((order + 1))
        printf "%s    (%d, '%s', " "$separator" "$order" "$file"
        literal "$file"
        printf ')'
        separator=',
'
    done
    cat <<'SQL'
;
END;
COMMENT ON FUNCTION kpicrm.workspace_modules() IS
    'the DDL modules of a workspace in load order; create_workspace() and upgrade_workspace() run them';
SQL
}

steps() {
    cat <<'SQL'
CREATE FUNCTION kpicrm.workspace_steps(
    OUT from_version text,
    OUT to_version text,
    OUT ddl text,
    OUT after_ddl text
) RETURNS SETOF record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    VALUES
SQL
    separator=''
    for file in "$@"; do
        versions=$(basename "$file" .sql | sed 's/^workspace--//')
        printf "%s    ('%s', '%s', " "$separator" "${versions%--*}" "${versions#*--}"
        literal "$file"
        printf ', '
        literal "${file%.sql}--after.sql"
        printf ')'
        separator=',
'
    done
    cat <<'SQL'
;
END;
COMMENT ON FUNCTION kpicrm.workspace_steps() IS
    'how a workspace comes from one version to the next: DDL to run before its modules are made anew, and after';
SQL
}

what=$1
shift
"$what" "$@"
