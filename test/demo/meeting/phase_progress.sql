-- What moved since Monday?  Each row adds up from the deals at the start to those at the end.

SELECT pg_temp.said(
    format('What moved in the week from %s?  Deals of each phase', :'week_start'),
    format('%sからの週に何が動いたか（フェーズごとの商談件数）', :'week_start')
) AS title \gset
\pset title :title
SELECT
    moved.phase AS :"phase",
    moved.start_count AS :"start_count",
    moved.new_count AS :"new_count",
    moved.forward_in_count AS :"forward_in_count",
    moved.backward_in_count + moved.reopened_count + moved.resumed_count AS :"came_back",
    moved.forward_out_count AS :"forward_out_count",
    moved.backward_out_count + moved.held_count AS :"went_back",
    moved.won_count AS :"won_count",
    moved.lost_count + moved.disqualified_count AS :"lost_count",
    moved.end_count AS :"end_count"
FROM company.phase_progress(:'week_start', as_of => :'as_of') AS moved
ORDER BY moved.phase_sort_order;

SELECT pg_temp.said(
    format('From which phase to which did they move?  Amounts in million %s', :'currency'),
    format('どのフェーズからどのフェーズへ動いたか（金額は百万%s）', :'currency')
) AS title \gset
\pset title :title
SELECT
    transition.from_phase AS :"from_phase",
    transition.to_phase AS :"to_phase",
    transition.move_count AS :"move_count",
    pg_temp.million(transition.move_amount) AS :"move_amount"
FROM company.phase_transition(:'week_start', as_of => :'as_of') AS transition
WHERE transition.move_count > 0
ORDER BY
    transition.from_sort_order,
    transition.to_sort_order;
