SELECT
    deal_board.phase_sort_order,
    deal_board.phase,
    deal_board.deal,
    deal_board.account,
    deal_board.rep,
    deal_board.amount,
    deal_board.phase_days,
    deal_board.status,
    deal_board.reason
FROM crm.deal_board
WHERE deal_board.is_stalled
    OR deal_board.is_without_action
    OR deal_board.is_action_overdue
    OR deal_board.is_close_date_passed
ORDER BY deal_board.amount DESC NULLS LAST
LIMIT 200
