#!/bin/sh
# Turns workspace and report modules into the function
# kpicrm.workspace_modules(), one row a file, so that the DDL stays plain SQL
# which psql can run as it is.  usage: embed.sh FILE...
set -eu

quote='$kpicrm_module$'

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
    if grep -qF '$kpicrm_' "$file"; then
        echo "embed.sh: $file must not contain \$kpicrm_" >&2
        exit 1
    fi
    order=$((order + 1))
    printf '%s    (%d, '\''%s'\'', %s\n' "$separator" "$order" "$file" "$quote"
    cat "$file"
    printf '%s)' "$quote"
    separator=',
'
done
cat <<'SQL'
;
END;
COMMENT ON FUNCTION kpicrm.workspace_modules() IS
    'the DDL modules of a workspace in load order; create_workspace() and upgrade_workspace() run them';
SQL
