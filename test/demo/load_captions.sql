/*
 * What the scripts that load share: the heads of the columns they print, each a psql
 * variable, as in captions.sql.  These tables are of no workspace, so no describe()
 * knows them.
 */
\ir language.sql

-- the number of rows below a table is a text of psql, in English whatever the language
\pset footer off

SELECT
    pg_temp.said('table', 'テーブル') AS "table",
    pg_temp.said('rows', '件数') AS "rows",
    pg_temp.said('from', '最初の日') AS "from",
    pg_temp.said('to', '最後の日') AS "to",
    pg_temp.said('file', 'ファイル') AS "file",
    pg_temp.said('read', '読込件数') AS "read",
    pg_temp.said('loaded', '登録件数') AS "loaded",
    pg_temp.said('rejected', '却下件数') AS "rejected",
    pg_temp.said('skipped', '除外件数') AS "skipped",
    pg_temp.said('loaded as', '登録内容') AS "loaded_as",
    pg_temp.said('reason', '理由') AS "reason",
    pg_temp.said('quirk', '不自然な点') AS "quirk",
    pg_temp.said('done', '扱い') AS "done" \gset
