/*
 * describe: what everything is called and means, in the language of the reader.
 *
 * One row per KPI, per report and per column of a report.  caption is what a table
 * head or a menu should say; description is the definition.  Descriptions of
 * reports and columns are their comments, which are English in both languages; a
 * name without a Japanese caption keeps its own.
 */

CREATE FUNCTION caption_ja() RETURNS TABLE (
    kind text,
    name text,
    caption text
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    VALUES
        ('view', 'activities', 'アクション一覧'),
        ('view', 'activity_report', 'アクション分析'),
        ('view', 'customer_value', '顧客別価値'),
        ('view', 'data_quality', 'データ品質'),
        ('view', 'deal_board', '案件ボード'),
        ('view', 'deal_board_phase', '案件ボード（フェーズ別）'),
        ('view', 'deals', '商談一覧'),
        ('view', 'dimension_member', '集計項目一覧'),
        ('view', 'kpi_long', 'KPI一覧（縦持ち）'),
        ('view', 'kpi_progress', 'KPI進捗'),
        ('view', 'kpi_tree', 'KPIツリー'),
        ('view', 'lead_source_report', 'リードソース分析'),
        ('view', 'lead_time_band', '受注期間帯別の成約'),
        ('view', 'lead_time_report', '受注期間レポート'),
        ('view', 'leads', 'リード一覧'),
        ('view', 'phase_report', 'フェーズ分析'),
        ('view', 'phase_stays', 'フェーズ滞留一覧'),
        ('view', 'purchases', '購入一覧'),
        ('view', 'sales_vs_target', '売上予実'),
        ('view', 'target_gap', '目標の不一致'),
        ('view', 'win_rate_report', '成約率レポート'),
        ('column', 'account', '顧客'),
        ('column', 'account_id', '顧客ID'),
        ('column', 'activity', 'アクション'),
        ('column', 'activity_id', 'アクションID'),
        ('column', 'activity_type', 'アクション種別'),
        ('column', 'activity_type_id', 'アクション種別ID'),
        ('column', 'actual_value', '実績'),
        ('column', 'age_days', '経過日数'),
        ('column', 'amount', '金額'),
        ('column', 'attainment_rate', '達成率'),
        ('column', 'attention_count', '要注意件数'),
        ('column', 'average_order_amount', '平均購入金額'),
        ('column', 'average_phase_days', '平均滞留日数'),
        ('column', 'average_won_amount', '平均受注金額'),
        ('column', 'backward_count', '後退回数'),
        ('column', 'band_from_days', '受注期間（以上）'),
        ('column', 'band_label', '受注期間帯'),
        ('column', 'band_to_days', '受注期間（未満）'),
        ('column', 'censored_median_days', '中央値日数（進行中を考慮）'),
        ('column', 'channel', 'チャネル'),
        ('column', 'closed_at', '完了日時'),
        ('column', 'closed_count', '完了件数'),
        ('column', 'closed_date', '完了日'),
        ('column', 'cost', '原価'),
        ('column', 'counts_as_visit', '訪問として数える'),
        ('column', 'created_at', '作成日時'),
        ('column', 'created_date', '作成日'),
        ('column', 'current_rep', '現担当者'),
        ('column', 'current_rep_id', '現担当者ID'),
        ('column', 'deal', '商談'),
        ('column', 'deal_amount', '商談金額'),
        ('column', 'deal_count', '商談数'),
        ('column', 'deal_id', '商談ID'),
        ('column', 'definition', '定義'),
        ('column', 'denominator_count', '分母'),
        ('column', 'depth_no', '階層'),
        ('column', 'dimension_name', '集計軸'),
        ('column', 'dimension_value', '集計項目'),
        ('column', 'disqualified_at', '対象外とした日時'),
        ('column', 'done', '実施済み'),
        ('column', 'done_date', '実施日'),
        ('column', 'duration_hours', '所要時間'),
        ('column', 'elapsed_rate', '期間の経過率'),
        ('column', 'ended_at', '終了日時'),
        ('column', 'entered_at', '開始日時（フェーズ）'),
        ('column', 'entered_date', '開始日（フェーズ）'),
        ('column', 'expected_close_date', '受注予定日'),
        ('column', 'expected_value', '現時点の目安'),
        ('column', 'external_id', '外部ID'),
        ('column', 'first_deal_at', '最初の商談の日時'),
        ('column', 'first_purchase_at', '初回購入日時'),
        ('column', 'first_purchase_date', '初回購入日'),
        ('column', 'forecast_amount', '着地見込み金額'),
        ('column', 'gap_amount', '目標との差額'),
        ('column', 'gap_value', '差異'),
        ('column', 'grain_name', '期間の単位'),
        ('column', 'growth_rate', '成長率'),
        ('column', 'has_deal', '商談化した'),
        ('column', 'industry', '業種'),
        ('column', 'invalid_count', '不正な件数'),
        ('column', 'is_action_overdue', '次回アクション期限切れ'),
        ('column', 'is_close_date_passed', '受注予定日超過'),
        ('column', 'is_current', '現在のフェーズ'),
        ('column', 'is_repeat', 'リピート顧客'),
        ('column', 'is_stalled', '停滞中'),
        ('column', 'is_without_action', '次回アクションなし'),
        ('column', 'kpi_name', 'KPI'),
        ('column', 'last_purchase_at', '最終購入日時'),
        ('column', 'last_purchase_date', '最終購入日'),
        ('column', 'lead', 'リード'),
        ('column', 'lead_id', 'リードID'),
        ('column', 'lead_time_days', '受注期間（日）'),
        ('column', 'left_at', '終了日時（フェーズ）'),
        ('column', 'left_date', '終了日（フェーズ）'),
        ('column', 'lost_count', '失注数'),
        ('column', 'lost_here_count', 'このフェーズでの失注数'),
        ('column', 'margin_amount', '粗利'),
        ('column', 'margin_rate', '粗利率'),
        ('column', 'mean_days', '平均日数'),
        ('column', 'median_days', '中央値日数'),
        ('column', 'member_id', '項目ID'),
        ('column', 'member_name', '項目名'),
        ('column', 'next_action_date', '次回アクション日'),
        ('column', 'next_count', '次フェーズへの移行数'),
        ('column', 'next_rate', '次フェーズへの移行率'),
        ('column', 'next_rate_high', '次フェーズへの移行率（上限）'),
        ('column', 'next_rate_low', '次フェーズへの移行率（下限）'),
        ('column', 'numerator_amount', '分子（金額）'),
        ('column', 'numerator_count', '分子（件数）'),
        ('column', 'open', '進行中'),
        ('column', 'open_amount', '進行中金額'),
        ('column', 'open_count', '進行中件数'),
        ('column', 'opened_at', '商談作成日時'),
        ('column', 'opened_date', '商談作成日'),
        ('column', 'order_count', '購入回数'),
        ('column', 'order_day_count', '購入日数'),
        ('column', 'overdue_amount', '予定日超過金額'),
        ('column', 'p80_days', '80%が完了する日数'),
        ('column', 'pacing_name', '進捗の測り方'),
        ('column', 'parent_name', '親KPI'),
        ('column', 'part_count', '内訳の数'),
        ('column', 'part_name', '内訳の種類'),
        ('column', 'part_value', '内訳の合計'),
        ('column', 'path_label', '経路'),
        ('column', 'period_label', '期間'),
        ('column', 'period_start', '期間の開始日'),
        ('column', 'phase', 'フェーズ'),
        ('column', 'phase_days', 'フェーズ滞留日数'),
        ('column', 'phase_id', 'フェーズID'),
        ('column', 'phase_kind', 'フェーズ区分'),
        ('column', 'phase_since_at', 'フェーズ開始日時'),
        ('column', 'phase_sort_order', 'フェーズ順'),
        ('column', 'pipeline', 'パイプライン'),
        ('column', 'pipeline_id', 'パイプラインID'),
        ('column', 'planned_at', '予定日時'),
        ('column', 'planned_date', '予定日'),
        ('column', 'policy_name', '集計方針'),
        ('column', 'policy_order', '集計方針の順'),
        ('column', 'previous_year_amount', '前年同期の金額'),
        ('column', 'previous_year_value', '前年同期'),
        ('column', 'product', '商品'),
        ('column', 'product_id', '商品ID'),
        ('column', 'projection_value', '着地予測'),
        ('column', 'purchase_id', '購入ID'),
        ('column', 'purchased_at', '購入日時'),
        ('column', 'purchased_date', '購入日'),
        ('column', 'push_count', '受注予定日の延期回数'),
        ('column', 'qualified_at', '有効化日時'),
        ('column', 'reached_count', '到達数'),
        ('column', 'reason', '理由'),
        ('column', 'region', '地域'),
        ('column', 'remaining_workday_count', '残り営業日数'),
        ('column', 'rep', '担当者'),
        ('column', 'rep_id', '担当者ID'),
        ('column', 'required_per_workday_value', '一営業日あたりの必要量'),
        ('column', 'revenue_amount', '売上金額'),
        ('column', 'root_name', '最上位KPI'),
        ('column', 'scope_name', '対象'),
        ('column', 'since_last_purchase_days', '最終購入からの日数'),
        ('column', 'sort_order', '並び順'),
        ('column', 'source', 'リードソース'),
        ('column', 'source_id', 'リードソースID'),
        ('column', 'stall_after_days', '停滞とみなす日数'),
        ('column', 'stall_score', '停滞スコア'),
        ('column', 'stalled_amount', '停滞金額'),
        ('column', 'stalled_count', '停滞件数'),
        ('column', 'started_at', '開始日時'),
        ('column', 'status', '状態'),
        ('column', 'status_name', '状態'),
        ('column', 'status_sort_order', '状態の順'),
        ('column', 'stay_count', '滞留件数'),
        ('column', 'stay_days', '滞留日数'),
        ('column', 'stay_mean_days', '平均滞留日数'),
        ('column', 'stay_median_days', '滞留日数の中央値'),
        ('column', 'stay_no', '滞留番号'),
        ('column', 'stay_p80_days', '滞留日数（80%点）'),
        ('column', 'target_amount', '目標金額'),
        ('column', 'target_id', '目標ID'),
        ('column', 'target_value', '目標'),
        ('column', 'team', 'チーム'),
        ('column', 'team_id', 'チームID'),
        ('column', 'time', '日時'),
        ('column', 'to_deal_days', '商談化までの日数'),
        ('column', 'unit_label', '単位'),
        ('column', 'value', '値'),
        ('column', 'value_high', '上限'),
        ('column', 'value_low', '下限'),
        ('column', 'weighted_amount', '加重金額'),
        ('column', 'weighted_open_amount', '進行中の加重金額'),
        ('column', 'win_probability', '受注確度'),
        ('column', 'win_rate', '成約率'),
        ('column', 'win_rate_high', '成約率（上限）'),
        ('column', 'win_rate_low', '成約率（下限）'),
        ('column', 'won', '受注'),
        ('column', 'won_amount', '受注金額'),
        ('column', 'won_count', '受注数'),
        ('column', 'won_rate', '受注率'),
        ('column', 'won_rate_high', '受注率（上限）'),
        ('column', 'won_rate_low', '受注率（下限）');
END;
COMMENT ON FUNCTION caption_ja() IS
    'Japanese captions of reports and their columns';

CREATE FUNCTION describe(language text DEFAULT NULL)
RETURNS TABLE (
    kind text,
    object_name text,
    column_name text,
    caption text,
    description text
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 300
    SET search_path FROM CURRENT
BEGIN ATOMIC
    WITH chosen AS (
        SELECT kpicrm.checked_option('language', coalesce(describe.language, setting.language), 'en', 'ja') AS language
        FROM setting
        WHERE setting.only_row
    ), surface AS (
        SELECT
            relation.oid,
            relation.relname::text AS name
        FROM pg_catalog.pg_class AS relation
        WHERE relation.relnamespace = pg_catalog.quote_ident(pg_catalog.current_schema())::pg_catalog.regnamespace
            AND relation.relkind = 'v'
    )
    SELECT
        'kpi',
        kpi.code,
        NULL::text,
        CASE chosen.language WHEN 'ja' THEN kpi.name_ja ELSE kpi.name END,
        CASE chosen.language WHEN 'ja' THEN coalesce(kpi.description_ja, kpi.description) ELSE kpi.description END
    FROM kpi
    CROSS JOIN chosen
    UNION ALL
    SELECT
        'view',
        surface.name,
        NULL,
        CASE chosen.language WHEN 'ja' THEN coalesce(known.caption, surface.name) ELSE replace(surface.name, '_', ' ') END,
        pg_catalog.obj_description(surface.oid, 'pg_class')
    FROM surface
    CROSS JOIN chosen
    LEFT JOIN caption_ja() AS known
        ON known.kind = 'view'
        AND known.name = surface.name
    UNION ALL
    SELECT
        'column',
        surface.name,
        attribute.attname,
        CASE chosen.language WHEN 'ja' THEN coalesce(known.caption, attribute.attname) ELSE replace(attribute.attname, '_', ' ') END,
        pg_catalog.col_description(surface.oid, attribute.attnum)
    FROM surface
    JOIN pg_catalog.pg_attribute AS attribute
        ON attribute.attrelid = surface.oid
        AND attribute.attnum > 0
        AND NOT attribute.attisdropped
    CROSS JOIN chosen
    LEFT JOIN caption_ja() AS known
        ON known.kind = 'column'
        AND known.name = attribute.attname;
END;
COMMENT ON FUNCTION describe(text) IS
    'captions and definitions of KPIs, reports and their columns in English (en) or Japanese (ja); NULL: setting.language';
