/*
 * The language of what is printed: the variable language (en, ja), English if nobody
 * has set it, as where a test includes a script that loads.  It may be included more
 * than once in a session, so that loading and showing can follow each other.
 */
\if :{?language}
\else
    \set language en
\endif

-- What stands in no table of the workspace: titles, and the texts of the demo itself.
SELECT set_config('demo.language', :'language', false) \g /dev/null
CREATE OR REPLACE FUNCTION pg_temp.said(
    english text,
    japanese text
) RETURNS text
    LANGUAGE sql STABLE
    RETURN CASE current_setting('demo.language') WHEN 'ja' THEN japanese ELSE english END;
