-- Prints the variable heading, underlined.
SELECT repeat('=', (octet_length(:'heading') + length(:'heading')) / 2) AS rule \gset
\echo
\echo :heading
\echo :rule
\echo
