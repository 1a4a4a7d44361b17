/*
 * report_html: the state of sales as one page.
 *
 * A section is a function that returns its part of the page; every number in it comes
 * from the report that the section is named after, and stands in a table too.  The
 * page needs nothing from outside.
 */

CREATE FUNCTION html_heads(
    language text,
    VARIADIC names text[]
) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT array_agg(
            CASE
                WHEN language = 'ja' THEN coalesce(known.caption, named.name)
                WHEN named.name = 'kpi_name' THEN 'KPI'
                ELSE replace(named.name, '_', ' ')
            END
            ORDER BY named.nth
        )
        FROM unnest(names) WITH ORDINALITY AS named (name, nth)
        LEFT JOIN caption_ja() AS known
            ON known.kind = 'column'
            AND known.name = named.name
    );
COMMENT ON FUNCTION html_heads(text, text[]) IS
    'captions of columns in a language, as describe() has them';

CREATE FUNCTION html_section(
    key text,
    title text,
    question text,
    body text,
    language text
) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '<section id="' || key || '"><h2>' || kpicrm.html_escape(title) || '</h2><p class="question">' || kpicrm.html_escape(question) || '</p>'
        || coalesce(nullif(body, ''), '<p class="empty">' || kpicrm.in_language(language, 'Nothing to show.', '表示するデータがありません。') || '</p>') || '</section>';
COMMENT ON FUNCTION html_section(text, text, text, text, text) IS
    'a section of the page with its title and the question it answers';

CREATE FUNCTION html_reasons(
    language text,
    reasons text
) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE language
        WHEN 'ja' THEN (
            SELECT string_agg(
                coalesce(known.japanese, regexp_replace(listed.reason, '^pushed (\d+) times$', '予定日を\1回延期')),
                '、' ORDER BY listed.nth
            )
            FROM string_to_table(reasons, ', ') WITH ORDINALITY AS listed (reason, nth)
            LEFT JOIN (VALUES
                ('stalled', '停滞'),
                ('no next action', '次回行動なし'),
                ('overdue action', '期限切れの行動あり'),
                ('close date passed', '受注予定日超過'),
                ('moved backward', 'フェーズ後退'),
                ('renewal due', '契約更新'),
                ('purchase overdue', '購入の遅れ'),
                ('value at risk', '優良顧客の離反懸念'),
                ('no contact', '接点なし')
            ) AS known (reason, japanese) ON known.reason = listed.reason
        )
        ELSE reasons
    END;
COMMENT ON FUNCTION html_reasons(text, text) IS
    'the reasons of deal_board and follow_up in a language';

CREATE FUNCTION html_legend(VARIADIC parts text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN '<p class="legend">' || (
        SELECT string_agg(
            -- the words say what the sample shows, for those who do not see it
            '<span><svg width="24" height="14" aria-hidden="true">' || sample.drawn || '</svg>' || kpicrm.html_escape(parts[sample.nth + 1]) || '</span> ',
            '' ORDER BY sample.nth
        )
        FROM (
            SELECT
                place.nth,
                CASE parts[place.nth]
                    WHEN 'bar' THEN '<rect class="bar" x="0" y="2" width="24" height="10"/>'
                    WHEN 'column' THEN '<rect class="bar" x="6" y="0" width="12" height="14"/>'
                    WHEN 'mark' THEN '<line class="mark" x1="12" x2="12" y1="0" y2="14"/>'
                    WHEN 'line' THEN '<line class="mark" x1="0" x2="24" y1="7" y2="7"/>'
                    WHEN 'solid' THEN '<polyline class="curve" points="0,7 24,7"/>'
                    WHEN 'dashed' THEN '<polyline class="other" points="0,7 24,7"/>'
                END AS drawn
            FROM generate_series(1, cardinality(parts), 2) AS place (nth)
            WHERE parts[place.nth + 1] IS NOT NULL
        ) AS sample
    ) || '</p>';
COMMENT ON FUNCTION html_legend(text[]) IS
    'what the parts of a chart mean: pairs of a sample (bar, column, mark, line, solid, dashed) and its text; one without text is left out';

CREATE FUNCTION html_kpi_progress(
    from_date date,
    to_date date,
    grain text,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH progress AS MATERIALIZED (
        SELECT
            company.kpi_name,
            company.grain_name,
            company.period_start,
            company.period_label,
            company.target_value,
            company.actual_value,
            company.attainment_rate,
            company.expected_value,
            company.gap_value,
            company.projection_value,
            company.required_per_workday_value,
            company.status_name,
            company.sort_order,
            -- the target of the whole period or, without one, of the last part of it
            row_number() OVER (
                PARTITION BY company.kpi_name
                ORDER BY company.grain_name = html_kpi_progress.grain DESC, company.period_start DESC, company.grain_name
            ) AS nth
        FROM kpi_progress(as_of, 'workday', html_kpi_progress.from_date, html_kpi_progress.to_date) AS company
        WHERE company.scope_name = 'company'
    ), shown AS (
        SELECT
            kpi.code,
            CASE html_kpi_progress.language WHEN 'ja' THEN kpi.name_ja ELSE kpi.name END
                || CASE WHEN progress.grain_name <> html_kpi_progress.grain THEN ' ' || progress.period_label ELSE '' END AS name,
            kpi.unit,
            progress.target_value,
            progress.actual_value,
            progress.attainment_rate,
            progress.expected_value,
            progress.gap_value,
            progress.projection_value,
            progress.required_per_workday_value,
            progress.status_name,
            progress.sort_order
        FROM kpi
        LEFT JOIN progress
            ON progress.kpi_name = kpi.code
            AND progress.nth = 1
        WHERE progress.kpi_name IS NOT NULL
            OR kpi.code IN ('revenue', 'lead_count', 'deal_count', 'win_rate', 'average_deal_amount', 'lead_time_days')
    ), month AS (
        SELECT
            measured.kpi_code,
            array_agg((CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END)::double precision ORDER BY measured.period_start) AS points
        FROM kpi_measure(
            ARRAY(SELECT shown.code FROM shown),
            (date_trunc('month', from_date::timestamp without time zone) - INTERVAL '9 months')::date,
            to_date,
            'month',
            '{all}',
            as_of
        ) AS measured
        JOIN kpi ON kpi.code = measured.kpi_code
        GROUP BY measured.kpi_code
    ), now_value AS (
        SELECT
            measured.kpi_code,
            (CASE WHEN kpi.denominator IS NULL THEN measured.numerator ELSE measured.numerator / nullif(measured.denominator, 0) END)::double precision AS value
        FROM kpi_measure(ARRAY(SELECT shown.code FROM shown WHERE shown.target_value IS NULL), from_date, to_date, grain, '{all}', as_of) AS measured
        JOIN kpi ON kpi.code = measured.kpi_code
    ), tile AS (
        SELECT
            shown.name,
            shown.unit,
            shown.code,
            coalesce(shown.actual_value, now_value.value) AS actual,
            shown.target_value,
            shown.attainment_rate,
            shown.expected_value,
            shown.gap_value,
            shown.projection_value,
            shown.required_per_workday_value,
            shown.status_name,
            CASE shown.status_name
                WHEN 'met' THEN kpicrm.in_language(html_kpi_progress.language, 'met', '達成')
                WHEN 'on_track' THEN kpicrm.in_language(html_kpi_progress.language, 'on track', '順調')
                WHEN 'at_risk' THEN kpicrm.in_language(html_kpi_progress.language, 'at risk', '要注意')
                WHEN 'behind' THEN kpicrm.in_language(html_kpi_progress.language, 'behind', '遅れ')
            END AS status,
            month.points,
            row_number() OVER (ORDER BY shown.sort_order, shown.code = 'revenue' DESC, shown.code) AS nth
        FROM shown
        LEFT JOIN month ON month.kpi_code = shown.code
        LEFT JOIN now_value ON now_value.kpi_code = shown.code
    )
    SELECT html_section(
        'kpi_progress',
        kpicrm.in_language(html_kpi_progress.language, 'KPIs', 'KPI進捗'),
        kpicrm.in_language(html_kpi_progress.language, 'Are we on the way to our targets?', '目標に向けて順調か？'),
        '<div class="tiles">' || string_agg(
            '<article class="tile ' || coalesce(tile.status_name, 'plain') || '"><h3>' || kpicrm.html_escape(tile.name) || '</h3><p class="big">'
            || coalesce(kpicrm.html_number(tile.actual, CASE tile.unit WHEN 'amount' THEN 'short_amount' ELSE tile.unit END, html_kpi_progress.language), '–')
            || CASE tile.unit WHEN 'days' THEN kpicrm.in_language(html_kpi_progress.language, ' days', ' 日') ELSE '' END || '</p>'
            || CASE WHEN tile.target_value IS NULL THEN '' ELSE
                '<p class="goal">' || kpicrm.in_language(html_kpi_progress.language, 'of ', '目標 ')
                || kpicrm.html_number(tile.target_value, CASE tile.unit WHEN 'amount' THEN 'short_amount' ELSE tile.unit END, html_kpi_progress.language)
                || coalesce(' · ' || kpicrm.html_number(tile.attainment_rate, 'rate'), '') || ' · <strong>' || coalesce(tile.status, '') || '</strong></p>' END
            || coalesce(kpicrm.svg_trend(tile.name || kpicrm.in_language(html_kpi_progress.language, ', by month', '（月次推移）'), tile.points), '') || '</article>',
            '' ORDER BY tile.nth
        ) || '</div>' || kpicrm.html_table(
            kpicrm.in_language(html_kpi_progress.language, 'KPIs of the company and their targets', '全社のKPIと目標'),
            html_heads(html_kpi_progress.language, 'kpi_name', 'target_value', 'actual_value', 'attainment_rate', 'expected_value', 'gap_value', 'projection_value', 'required_per_workday_value', 'status_name'),
            string_agg(
                kpicrm.html_row(
                    tile.name,
                    kpicrm.html_number(tile.target_value, tile.unit),
                    kpicrm.html_number(tile.actual, tile.unit),
                    kpicrm.html_number(tile.attainment_rate, 'rate'),
                    kpicrm.html_number(tile.expected_value, tile.unit),
                    kpicrm.html_number(tile.gap_value, tile.unit),
                    kpicrm.html_number(tile.projection_value, tile.unit),
                    kpicrm.html_number(tile.required_per_workday_value, tile.unit),
                    tile.status
                ),
                '' ORDER BY tile.nth
            )
        ),
        html_kpi_progress.language
    )
    FROM tile;
END;
COMMENT ON FUNCTION html_kpi_progress(date, date, text, text, timestamp with time zone) IS
    'section of report_html: KPIs against their targets, with the trend of the last months';

CREATE FUNCTION html_kpi_tree(
    from_date date,
    grain text,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH versus AS (
        -- a gap needs something to compare with
        SELECT CASE
            -- of the whole period: rates of its months do not add up, so no factor would be left
            WHEN EXISTS (
                SELECT
                FROM target
                WHERE target.kpi_code = 'revenue'
                    AND target.grain = html_kpi_tree.grain
                    AND target.period_start = html_kpi_tree.from_date
                    AND num_nonnulls(target.team_id, target.rep_id, target.product_id) = 0
            ) THEN 'target'
            WHEN EXISTS (
                SELECT
                FROM kpi_measure('{revenue}', (from_date - INTERVAL '1 year')::date, from_date, 'year', '{all}', as_of)
            ) THEN 'previous_year'
        END AS choice
    ), gap AS (
        SELECT
            explained.sort_order,
            coalesce(CASE html_kpi_tree.language WHEN 'ja' THEN kpi.name_ja ELSE kpi.name END,
                CASE explained.factor WHEN '(rest)' THEN kpicrm.in_language(html_kpi_tree.language, 'other', 'その他') ELSE explained.factor END) AS factor,
            -- the rest of lmdi is a quotient, of shapley an amount: one would be read as the other
            CASE WHEN explained.factor <> '(rest)' OR explained.method <> 'lmdi' THEN explained.plan_value END AS plan_value,
            CASE WHEN explained.factor <> '(rest)' OR explained.method <> 'lmdi' THEN explained.actual_value END AS actual_value,
            explained.contribution,
            explained.method,
            coalesce(kpi.unit, 'amount') AS unit
        FROM versus
        CROSS JOIN LATERAL explain_gap('revenue', from_date, grain, versus.choice, NULL, as_of) AS explained
        LEFT JOIN kpi ON kpi.code = explained.factor
        WHERE versus.choice IS NOT NULL
    ), tree AS (
        SELECT kpicrm.html_table(
            kpicrm.in_language(html_kpi_tree.language, 'KPI tree', 'KPIツリー'),
            html_heads(html_kpi_tree.language, 'kpi_name', 'actual_value', 'target_value', 'attainment_rate', 'previous_year_value'),
            string_agg(
                kpicrm.html_row(
                    repeat('　', branch.depth_no) || CASE html_kpi_tree.language WHEN 'ja' THEN kpi.name_ja ELSE kpi.name END,
                    kpicrm.html_number(branch.actual_value, branch.unit_label),
                    kpicrm.html_number(branch.target_value, branch.unit_label),
                    kpicrm.html_number(branch.attainment_rate, 'rate'),
                    kpicrm.html_number(branch.previous_year_value, branch.unit_label)
                ),
                '' ORDER BY branch.root_name, branch.sort_order
            )
        ) AS part
        FROM kpi_tree('revenue', from_date, grain, as_of) AS branch
        JOIN kpi ON kpi.code = branch.kpi_name
    )
    SELECT html_section(
        'kpi_tree',
        kpicrm.in_language(html_kpi_tree.language, 'KPI tree and gap', 'KPIツリーと差異の要因'),
        kpicrm.in_language(html_kpi_tree.language, 'Why is revenue above or below, and by how much each?', '売上の過不足は、どのKPIがいくら影響したか？'),
        (SELECT tree.part FROM tree) || coalesce((
            SELECT kpicrm.svg_bars(
                kpicrm.in_language(html_kpi_tree.language, 'Gap of revenue by factor', '売上差異の要因別内訳'),
                kpicrm.in_language(html_kpi_tree.language, 'What each factor adds to or takes from revenue, against ', '各要因が売上に与えた影響。比較対象：')
                    || CASE (SELECT versus.choice FROM versus) WHEN 'target' THEN kpicrm.in_language(html_kpi_tree.language, 'the target', '目標')
                        ELSE kpicrm.in_language(html_kpi_tree.language, 'the previous year', '前年') END,
                array_agg(gap.factor ORDER BY gap.sort_order),
                array_agg(gap.contribution::double precision ORDER BY gap.sort_order),
                array_agg(kpicrm.html_number(gap.contribution::double precision, 'short_amount', html_kpi_tree.language) ORDER BY gap.sort_order)
            ) || kpicrm.html_table(
                kpicrm.in_language(html_kpi_tree.language, 'Contributions; they add up to the gap', '影響額（合計は差異に一致）'),
                ARRAY[
                    kpicrm.in_language(html_kpi_tree.language, 'factor', '要因'),
                    -- what it is compared with
                    CASE (SELECT versus.choice FROM versus)
                        WHEN 'target' THEN kpicrm.in_language(html_kpi_tree.language, 'target', '目標')
                        ELSE kpicrm.in_language(html_kpi_tree.language, 'previous year', '前年')
                    END,
                    kpicrm.in_language(html_kpi_tree.language, 'actual', '実績'),
                    kpicrm.in_language(html_kpi_tree.language, 'contribution', '影響額'),
                    kpicrm.in_language(html_kpi_tree.language, 'method', '計算方法')
                ],
                string_agg(kpicrm.html_row(
                    gap.factor,
                    kpicrm.html_number(gap.plan_value::double precision, gap.unit),
                    kpicrm.html_number(gap.actual_value::double precision, gap.unit),
                    kpicrm.html_number(gap.contribution::double precision, 'amount'),
                    gap.method
                ), '' ORDER BY gap.sort_order)
            ) || '<p class="note">' || CASE min(gap.method)
                WHEN 'lmdi' THEN kpicrm.in_language(
                    html_kpi_tree.language,
                    'lmdi (logarithmic mean Divisia index): the more a factor changed in proportion, the more of the gap is due to it; other is what revenue and the product of the factors differ by.',
                    'lmdi（対数平均ディビジア指数）：変化率の大きい要因ほど影響額が大きくなります。その他は、売上と要因の積とのずれです。'
                )
                WHEN 'shapley' THEN kpicrm.in_language(
                    html_kpi_tree.language,
                    'shapley (Shapley value, as a factor is zero or negative): the mean of what a factor changes over all orders in which the factors can change; other is revenue less the product of the factors.',
                    'shapley（シャープレイ値。ゼロ以下の要因がある場合）：要因が変わる順序をすべて考えたときの影響額の平均です。その他は、売上から要因の積を引いた額です。'
                )
                ELSE kpicrm.in_language(
                    html_kpi_tree.language,
                    'difference: actual less what it is compared with, as revenue has no factor with a value on both sides.',
                    'difference：実績と比較対象の差です。両方の値がある要因がないため、分解していません。'
                )
            END || '</p>'
            FROM gap
            HAVING count(*) > 0
        ), ''),
        html_kpi_tree.language
    );
END;
COMMENT ON FUNCTION html_kpi_tree(date, text, text, timestamp with time zone) IS
    'section of report_html: the KPI tree of revenue, and its gap to the target or the previous year by factor';

CREATE FUNCTION html_phase_report(
    from_date date,
    to_date date,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH report AS MATERIALIZED (
        SELECT
            phase.pipeline_id,
            phase.pipeline,
            phase.phase,
            phase.sort_order,
            phase.reached_count,
            phase.next_rate,
            phase.won_rate,
            phase.lost_here_count,
            phase.stay_median_days,
            phase.stay_p80_days,
            phase.open_count,
            phase.stalled_count
        FROM phase_report('fill', as_of, from_date, to_date) AS phase
    ), pipeline AS (
        SELECT
            report.pipeline_id,
            '<h3>' || kpicrm.html_escape(report.pipeline) || '</h3>' || kpicrm.svg_bars(
                report.pipeline,
                kpicrm.in_language(html_phase_report.language, 'Deals of the period that reached each phase', '期間中の商談が各フェーズに到達した件数'),
                array_agg(report.phase ORDER BY report.sort_order),
                array_agg(report.reached_count::double precision ORDER BY report.sort_order),
                array_agg(kpicrm.html_number(report.reached_count, 'count') || coalesce(' → ' || kpicrm.html_number(report.next_rate, 'rate'), '') ORDER BY report.sort_order)
            ) || kpicrm.html_table(
                kpicrm.in_language(html_phase_report.language, 'Phases', 'フェーズ別'),
                html_heads(html_phase_report.language, 'phase', 'reached_count', 'next_rate', 'won_rate', 'lost_here_count', 'stay_median_days', 'stay_p80_days', 'open_count', 'stalled_count'),
                string_agg(kpicrm.html_row(
                    report.phase,
                    kpicrm.html_number(report.reached_count, 'count'),
                    kpicrm.html_number(report.next_rate, 'rate'),
                    kpicrm.html_number(report.won_rate, 'rate'),
                    kpicrm.html_number(report.lost_here_count, 'count'),
                    kpicrm.html_number(report.stay_median_days, 'days'),
                    kpicrm.html_number(report.stay_p80_days, 'days'),
                    kpicrm.html_number(report.open_count, 'count'),
                    kpicrm.html_number(report.stalled_count, 'count')
                ), '' ORDER BY report.sort_order)
            ) AS part
        FROM report
        GROUP BY
            report.pipeline_id,
            report.pipeline
    )
    SELECT html_section(
        'phase_report',
        kpicrm.in_language(html_phase_report.language, 'Funnel', 'フェーズ分析'),
        kpicrm.in_language(html_phase_report.language, 'Where do deals stop?', '商談はどのフェーズで止まるか？'),
        string_agg(pipeline.part, '' ORDER BY pipeline.pipeline_id),
        html_phase_report.language
    )
    FROM pipeline;
END;
COMMENT ON FUNCTION html_phase_report(date, date, text, timestamp with time zone) IS
    'section of report_html: how far the deals of the period got, phase by phase';

CREATE FUNCTION html_phase_progress(
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH report AS MATERIALIZED (
        SELECT
            moved.pipeline_id,
            moved.pipeline,
            moved.phase,
            moved.phase_sort_order,
            moved.start_count,
            moved.new_count,
            moved.forward_in_count,
            moved.backward_in_count,
            moved.reopened_count,
            moved.resumed_count,
            moved.transferred_in_count,
            moved.forward_out_count,
            moved.backward_out_count,
            moved.won_count,
            moved.lost_count,
            moved.disqualified_count,
            moved.held_count,
            moved.transferred_out_count,
            moved.removed_count,
            moved.end_count
        FROM phase_progress(local_date(as_of) - 6, local_date(as_of) + 1, 'all', as_of) AS moved
    ), cell AS (
        SELECT
            report.pipeline_id,
            report.phase_sort_order,
            listed.nth,
            listed.name,
            listed.value,
            -- a column of zeros tells nothing
            listed.name IN ('start_count', 'end_count') OR max(listed.value) OVER (PARTITION BY report.pipeline_id, listed.nth) > 0 AS is_shown
        FROM report
        CROSS JOIN LATERAL (VALUES
            (1, 'start_count', report.start_count),
            (2, 'new_count', report.new_count),
            (3, 'forward_in_count', report.forward_in_count),
            (4, 'backward_in_count', report.backward_in_count),
            (5, 'reopened_count', report.reopened_count),
            (6, 'resumed_count', report.resumed_count),
            (7, 'transferred_in_count', report.transferred_in_count),
            (8, 'forward_out_count', report.forward_out_count),
            (9, 'backward_out_count', report.backward_out_count),
            (10, 'won_count', report.won_count),
            (11, 'lost_count', report.lost_count),
            (12, 'disqualified_count', report.disqualified_count),
            (13, 'held_count', report.held_count),
            (14, 'transferred_out_count', report.transferred_out_count),
            (15, 'removed_count', report.removed_count),
            (16, 'end_count', report.end_count)
        ) AS listed (nth, name, value)
    ), line AS (
        SELECT
            cell.pipeline_id,
            cell.phase_sort_order,
            array_agg(kpicrm.html_number(cell.value, 'count') ORDER BY cell.nth) AS cells,
            array_agg(cell.name ORDER BY cell.nth) AS names
        FROM cell
        WHERE cell.is_shown
        GROUP BY
            cell.pipeline_id,
            cell.phase_sort_order
    ), pipeline AS (
        SELECT
            report.pipeline_id,
            '<h3>' || kpicrm.html_escape(report.pipeline) || '</h3>' || html_legend(
                'bar', kpicrm.in_language(html_phase_progress.language, 'bar: open deals now', '棒：現在の商談件数'),
                'mark', kpicrm.in_language(html_phase_progress.language, 'mark: seven days ago', '印：7日前')
            ) || kpicrm.svg_bars(
                report.pipeline,
                kpicrm.in_language(html_phase_progress.language, 'Open deals in each phase now; the mark is seven days ago', '各フェーズの現在の商談件数。印は7日前'),
                array_agg(report.phase ORDER BY report.phase_sort_order),
                array_agg(report.end_count::double precision ORDER BY report.phase_sort_order),
                array_agg(kpicrm.html_number(report.end_count, 'count') ORDER BY report.phase_sort_order),
                array_agg(report.start_count::double precision ORDER BY report.phase_sort_order)
            ) || kpicrm.html_table(
                kpicrm.in_language(html_phase_progress.language, 'Deals by phase: at the start, in, out, at the end', 'フェーズ別の商談件数（期首・流入・流出・期末）'),
                html_heads(html_phase_progress.language, VARIADIC 'phase'::text || min(line.names)),
                string_agg(kpicrm.html_row(VARIADIC report.phase || line.cells), '' ORDER BY report.phase_sort_order)
            ) AS part
        FROM report
        JOIN line
            ON line.pipeline_id = report.pipeline_id
            AND line.phase_sort_order = report.phase_sort_order
        GROUP BY
            report.pipeline_id,
            report.pipeline
    )
    SELECT html_section(
        'phase_progress',
        kpicrm.in_language(html_phase_progress.language, 'The last seven days', 'フェーズ進捗（直近7日間）'),
        kpicrm.in_language(html_phase_progress.language, 'What moved?', '何が動いたか？'),
        string_agg(pipeline.part, '' ORDER BY pipeline.pipeline_id),
        html_phase_progress.language
    )
    FROM pipeline;
END;
COMMENT ON FUNCTION html_phase_progress(text, timestamp with time zone) IS
    'section of report_html: what moved in the last seven days, phase by phase';

CREATE FUNCTION html_deal_board(
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH card AS MATERIALIZED (
        -- without names and reasons, which take most of the time
        SELECT
            board.deal_id,
            board.pipeline_id,
            board.pipeline,
            board.phase,
            board.phase_sort_order,
            board.amount,
            board.weighted_amount,
            board.phase_days,
            board.is_stalled
        FROM deal_board(as_of) AS board
    ), stalled AS MATERIALIZED (
        SELECT
            card.deal_id,
            card.phase_days
        FROM card
        WHERE card.is_stalled
        ORDER BY
            card.amount DESC NULLS LAST,
            card.deal_id
        LIMIT 20
    ), urgent AS (
        SELECT
            listed.deal,
            listed.account,
            listed.rep,
            listed.phase,
            listed.amount,
            listed.phase_days,
            judged.reason,
            judged.sort_order AS status_sort_order,
            listed.deal_id
        FROM (
            SELECT
                detail.deal,
                detail.account,
                detail.rep,
                detail.phase,
                detail.amount,
                stalled.phase_days,
                true AS is_stalled,
                detail.is_without_action,
                detail.is_action_overdue,
                detail.is_close_date_passed,
                detail.push_count,
                detail.backward_count,
                detail.deal_id
            FROM stalled
            JOIN deal_card(as_of) AS detail ON detail.deal_id = stalled.deal_id
            WHERE detail.deal_id = ANY (ARRAY(SELECT stalled.deal_id FROM stalled))
            UNION ALL
            -- the others only where so many are not stalled
            SELECT
                detail.deal,
                detail.account,
                detail.rep,
                detail.phase,
                detail.amount,
                card.phase_days,
                false,
                detail.is_without_action,
                detail.is_action_overdue,
                detail.is_close_date_passed,
                detail.push_count,
                detail.backward_count,
                detail.deal_id
            FROM card
            JOIN deal_card(as_of) AS detail ON detail.deal_id = card.deal_id
            WHERE NOT card.is_stalled
                AND (SELECT count(*) FROM stalled) < 20
        ) AS listed
        CROSS JOIN LATERAL deal_status(
            listed.is_stalled, listed.is_without_action, listed.is_action_overdue, listed.is_close_date_passed, listed.push_count, listed.backward_count
        ) AS judged
        WHERE judged.sort_order < 3
        ORDER BY
            judged.sort_order,
            listed.amount DESC NULLS LAST,
            listed.deal_id
        LIMIT 20
    ), phase AS (
        SELECT
            card.pipeline_id,
            card.phase_sort_order,
            -- labels of charts are short: the only pipeline need not be named
            CASE WHEN min(card.pipeline_id) OVER () = max(card.pipeline_id) OVER () THEN '' ELSE card.pipeline || ' · ' END || card.phase AS name,
            count(*) AS deals,
            coalesce(sum(card.amount), 0) AS amount,
            coalesce(sum(card.weighted_amount), 0) AS weighted,
            count(*) FILTER (WHERE card.is_stalled) AS stalled
        FROM card
        GROUP BY
            card.pipeline_id,
            card.pipeline,
            card.phase_sort_order,
            card.phase
    )
    SELECT html_section(
        'deal_board',
        kpicrm.in_language(html_deal_board.language, 'Deal board', '案件ボード'),
        kpicrm.in_language(html_deal_board.language, 'Which deals need care, and why?', '手当てが必要な商談と、その理由は？'),
        (
            SELECT kpicrm.svg_bars(
                kpicrm.in_language(html_deal_board.language, 'Open amount by phase', 'フェーズ別の進行中金額'),
                kpicrm.in_language(html_deal_board.language, 'Amount of the open deals in each phase', '各フェーズの進行中商談の金額'),
                array_agg(phase.name ORDER BY phase.pipeline_id, phase.phase_sort_order),
                array_agg(phase.amount::double precision ORDER BY phase.pipeline_id, phase.phase_sort_order),
                array_agg(kpicrm.html_number(phase.amount::double precision, 'short_amount', html_deal_board.language) ORDER BY phase.pipeline_id, phase.phase_sort_order)
            ) || kpicrm.html_table(
                kpicrm.in_language(html_deal_board.language, 'Open deals by phase', 'フェーズ別の進行中商談'),
                html_heads(html_deal_board.language, 'phase', 'deal_count', 'amount', 'weighted_amount', 'stalled_count'),
                string_agg(kpicrm.html_row(
                    phase.name,
                    kpicrm.html_number(phase.deals, 'count'),
                    kpicrm.html_number(phase.amount::double precision, 'amount'),
                    kpicrm.html_number(phase.weighted::double precision, 'amount'),
                    kpicrm.html_number(phase.stalled, 'count')
                ), '' ORDER BY phase.pipeline_id, phase.phase_sort_order)
            )
            FROM phase
        ) || (
            SELECT kpicrm.html_table(
                kpicrm.in_language(html_deal_board.language, 'Stalled and in need of attention: the 20 largest', '停滞・要注意の商談（上位20件）'),
                html_heads(html_deal_board.language, 'deal', 'account', 'rep', 'phase', 'amount', 'phase_days', 'reason'),
                string_agg(kpicrm.html_row(
                    urgent.deal,
                    urgent.account,
                    urgent.rep,
                    urgent.phase,
                    kpicrm.html_number(urgent.amount::double precision, 'amount'),
                    kpicrm.html_number(urgent.phase_days, 'days'),
                    html_reasons(html_deal_board.language, urgent.reason)
                ), '' ORDER BY urgent.status_sort_order, urgent.amount DESC NULLS LAST, urgent.deal_id)
            )
            FROM urgent
        ),
        html_deal_board.language
    );
END;
COMMENT ON FUNCTION html_deal_board(text, timestamp with time zone) IS
    'section of report_html: open deals by phase, and those that are stalled or need attention';

CREATE FUNCTION html_sales_vs_target(
    from_date date,
    to_date date,
    grain text,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH report AS MATERIALIZED (
        -- all grains at once, so that the deals are read once
        SELECT
            sales.grain_name,
            sales.scope_name,
            sales.member_id,
            sales.member_name,
            sales.period_start,
            sales.period_label,
            sales.target_amount,
            sales.won_count,
            sales.won_amount,
            sales.weighted_open_amount,
            sales.forecast_amount,
            sales.previous_year_amount
        FROM sales_vs_target(NULL, NULL, from_date, to_date, as_of) AS sales
        WHERE sales.scope_name IN ('company', 'rep')
            AND sales.grain_name IN ('month', html_sales_vs_target.grain)
    ), month AS (
        SELECT
            report.period_start,
            report.period_label,
            report.target_amount,
            report.won_amount,
            report.weighted_open_amount,
            report.forecast_amount,
            report.previous_year_amount
        FROM report
        WHERE report.scope_name = 'company'
            AND report.grain_name = 'month'
    ), line AS (
        SELECT
            month.period_start,
            false AS is_whole,
            month.period_label,
            month.target_amount,
            month.won_amount,
            month.weighted_open_amount,
            month.forecast_amount,
            month.previous_year_amount
        FROM month
        UNION ALL
        -- a target that the months do not add up to would not be seen
        SELECT
            report.period_start,
            true,
            report.period_label,
            report.target_amount,
            report.won_amount,
            report.weighted_open_amount,
            report.forecast_amount,
            report.previous_year_amount
        FROM report
        WHERE report.scope_name = 'company'
            AND report.grain_name = html_sales_vs_target.grain
            AND report.target_amount IS DISTINCT FROM (SELECT sum(month.target_amount) FROM month)
    ), rep AS (
        -- not the months added up: the target may be one of the whole period
        SELECT
            report.member_name,
            report.target_amount,
            report.won_count,
            report.won_amount,
            report.weighted_open_amount,
            row_number() OVER (ORDER BY report.won_amount DESC, report.target_amount DESC NULLS LAST, report.member_name, report.member_id) AS nth,
            count(*) OVER () AS reps
        FROM report
        WHERE report.scope_name = 'rep'
            AND report.grain_name = html_sales_vs_target.grain
    )
    SELECT html_section(
        'sales_vs_target',
        kpicrm.in_language(html_sales_vs_target.language, 'Plan and actual', '売上予実'),
        kpicrm.in_language(html_sales_vs_target.language, 'What was planned, won, and may still come?', '計画・実績・見込みは？'),
        coalesce((
            SELECT html_legend(
                'column', kpicrm.in_language(html_sales_vs_target.language, 'column: won', '縦棒：受注金額'),
                'line', CASE WHEN count(month.target_amount) > 0 THEN kpicrm.in_language(html_sales_vs_target.language, 'line: target', '線：目標') END
            ) || kpicrm.svg_columns(
                kpicrm.in_language(html_sales_vs_target.language, 'Sales by month', '月別売上'),
                kpicrm.in_language(html_sales_vs_target.language, 'Amount won in each month; the line is the target', '月ごとの受注金額。線は目標'),
                array_agg(month.period_label ORDER BY month.period_start),
                array_agg(month.won_amount::double precision ORDER BY month.period_start),
                array_agg(month.target_amount::double precision ORDER BY month.period_start)
            )
            FROM month
        ), '') || coalesce((
            SELECT kpicrm.html_table(
                kpicrm.in_language(html_sales_vs_target.language, 'By month', '月別'),
                html_heads(html_sales_vs_target.language, 'period_label', 'target_amount', 'won_amount', 'weighted_open_amount', 'forecast_amount', 'previous_year_amount'),
                string_agg(kpicrm.html_row(
                    line.period_label,
                    kpicrm.html_number(line.target_amount::double precision, 'amount'),
                    kpicrm.html_number(line.won_amount::double precision, 'amount'),
                    kpicrm.html_number(line.weighted_open_amount::double precision, 'amount'),
                    kpicrm.html_number(line.forecast_amount::double precision, 'amount'),
                    kpicrm.html_number(line.previous_year_amount::double precision, 'amount')
                ), '' ORDER BY line.is_whole, line.period_start)
            )
            FROM line
            HAVING count(*) > 0
        ), '') || coalesce((
            SELECT html_legend(
                'bar', kpicrm.in_language(html_sales_vs_target.language, 'bar: won', '棒：受注金額'),
                'mark', CASE WHEN count(rep.target_amount) > 0 THEN kpicrm.in_language(html_sales_vs_target.language, 'mark: target', '印：目標') END
            ) || kpicrm.svg_bars(
                kpicrm.in_language(html_sales_vs_target.language, 'Sales by rep', '担当者別売上'),
                kpicrm.in_language(html_sales_vs_target.language, 'Amount won by each rep; the mark is the target', '担当者ごとの受注金額。印は目標'),
                array_agg(rep.member_name ORDER BY rep.nth),
                array_agg(rep.won_amount::double precision ORDER BY rep.nth),
                array_agg(kpicrm.html_number(rep.won_amount::double precision, 'short_amount', html_sales_vs_target.language) ORDER BY rep.nth),
                array_agg(rep.target_amount::double precision ORDER BY rep.nth)
            ) || kpicrm.html_table(
                kpicrm.in_language(html_sales_vs_target.language, 'By rep', '担当者別')
                    || CASE WHEN max(rep.reps) > 30 THEN kpicrm.in_language(html_sales_vs_target.language, ', the first 30 of ', '（上位30名／全') || max(rep.reps)::text || kpicrm.in_language(html_sales_vs_target.language, '', '名）') ELSE '' END,
                html_heads(html_sales_vs_target.language, 'rep', 'target_amount', 'won_count', 'won_amount', 'weighted_open_amount'),
                string_agg(kpicrm.html_row(
                    rep.member_name,
                    kpicrm.html_number(rep.target_amount::double precision, 'amount'),
                    kpicrm.html_number(rep.won_count, 'count'),
                    kpicrm.html_number(rep.won_amount::double precision, 'amount'),
                    kpicrm.html_number(rep.weighted_open_amount::double precision, 'amount')
                ), '' ORDER BY rep.nth)
            )
            FROM rep
            WHERE rep.nth <= 30
            HAVING count(*) > 0
        ), ''),
        html_sales_vs_target.language
    );
END;
COMMENT ON FUNCTION html_sales_vs_target(date, date, text, text, timestamp with time zone) IS
    'section of report_html: plan and actual by month, and by rep in the whole period';

CREATE FUNCTION html_lead_source(
    from_date date,
    to_date date,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT html_section(
        'lead_source_report',
        kpicrm.in_language(html_lead_source.language, 'Lead sources', 'リードソース分析'),
        kpicrm.in_language(html_lead_source.language, 'Which source is worth the time?', 'どのリードソースに時間をかけるべきか？'),
        kpicrm.svg_bars(
            kpicrm.in_language(html_lead_source.language, 'Amount won per hour of work', '作業1時間あたりの受注金額'),
            kpicrm.in_language(html_lead_source.language, 'For the leads that came in the period', '期間中に獲得したリードについて'),
            array_agg(source.member_name ORDER BY source.won_per_hour_amount DESC NULLS LAST, source.member_name),
            array_agg(source.won_per_hour_amount::double precision ORDER BY source.won_per_hour_amount DESC NULLS LAST, source.member_name),
            array_agg(kpicrm.html_number(source.won_per_hour_amount::double precision, 'short_amount', html_lead_source.language) ORDER BY source.won_per_hour_amount DESC NULLS LAST, source.member_name)
        ) || kpicrm.html_table(
            kpicrm.in_language(html_lead_source.language, 'Sources; low and high are 95 % bounds', 'リードソース別（下限・上限は95％信頼区間）'),
            html_heads(html_lead_source.language, 'source', 'lead_count', 'opportunity_rate', 'opportunity_rate_low', 'opportunity_rate_high', 'won_count', 'win_rate', 'won_amount', 'duration_hours', 'won_per_hour_amount'),
            string_agg(kpicrm.html_row(
                source.member_name,
                kpicrm.html_number(source.lead_count, 'count'),
                kpicrm.html_number(source.opportunity_rate, 'rate'),
                kpicrm.html_number(source.opportunity_rate_low, 'rate'),
                kpicrm.html_number(source.opportunity_rate_high, 'rate'),
                kpicrm.html_number(source.won_count, 'count'),
                kpicrm.html_number(source.win_rate, 'rate'),
                kpicrm.html_number(source.won_amount::double precision, 'amount'),
                kpicrm.html_number(source.duration_hours, 'hours'),
                kpicrm.html_number(source.won_per_hour_amount::double precision, 'amount')
            ), '' ORDER BY source.won_per_hour_amount DESC NULLS LAST, source.member_name)
        ),
        html_lead_source.language
    )
    FROM lead_source_report(from_date, to_date, 'source', as_of, 'all') AS source;
END;
COMMENT ON FUNCTION html_lead_source(date, date, text, timestamp with time zone) IS
    'section of report_html: lead sources by value of time';

CREATE FUNCTION html_lead_time(
    from_date date,
    to_date date,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH state AS (
        SELECT
            kpicrm.lead_time_agg(occasion.opened_at, occasion.ended_at, occasion.won, as_of) AS times,
            kpicrm.lead_time_agg(occasion.opened_at, occasion.ended_at) FILTER (WHERE occasion.won) AS won_times
        FROM deal_occasion(from_date, to_date, 'all', as_of, 'all') AS occasion
        WHERE occasion.occasion = 'opened'
    ), week AS (
        -- a point a week is enough for a picture, and few enough for any page
        SELECT
            step.day,
            kpicrm.win_probability(state.times, make_interval(days => step.day)) AS won,
            1 - kpicrm.survival(state.times, make_interval(days => step.day)) AS ended
        FROM state
        -- to the end of the week, or the last deals won would not be seen
        CROSS JOIN LATERAL generate_series(0, 7 * ceil(least(greatest(kpicrm.quantile_days(state.won_times, 0.99), 7), 1000) / 7)::integer, 7) AS step (day)
    )
    SELECT html_section(
        'lead_time',
        kpicrm.in_language(html_lead_time.language, 'Lead time', '受注期間'),
        kpicrm.in_language(html_lead_time.language, 'How long does it take, deals still open counted?', '進行中の商談も含め、どのくらいかかるか？'),
        html_legend(
            'solid', kpicrm.in_language(html_lead_time.language, 'solid: won', '実線：受注'),
            'dashed', kpicrm.in_language(html_lead_time.language, 'dashed: won or lost', '破線：受注または失注')
        ) || (SELECT kpicrm.svg_steps(
            kpicrm.in_language(html_lead_time.language, 'Share of deals won and ended since opening', '作成後に受注・終了した商談の割合'),
            kpicrm.in_language(html_lead_time.language, 'Solid: won; dashed: won or lost. Deals still open are censored (Aalen-Johansen, Kaplan-Meier)', '実線：受注、破線：受注または失注。進行中の商談は打ち切りとして扱う'),
            array_agg(week.day::double precision ORDER BY week.day),
            array_agg(week.won ORDER BY week.day),
            array_agg(week.ended ORDER BY week.day),
            kpicrm.in_language(html_lead_time.language, 'days', '日')
        ) FROM week) || kpicrm.html_table(
            kpicrm.in_language(html_lead_time.language, 'Deals opened in the period', '期間中に作成された商談'),
            html_heads(html_lead_time.language, 'won_count', 'lost_count', 'open_count', 'mean_days', 'median_days', 'censored_median_days'),
            kpicrm.html_row(
                kpicrm.html_number(kpicrm.completed_count(state.times), 'count'),
                kpicrm.html_number(kpicrm.lost_count(state.times), 'count'),
                kpicrm.html_number(kpicrm.open_count(state.times), 'count'),
                kpicrm.html_number(kpicrm.mean_days(state.times), 'days'),
                kpicrm.html_number(kpicrm.median_days(state.times), 'days'),
                kpicrm.html_number(kpicrm.survival_quantile_days(state.times, 0.5), 'days')
            )
        ),
        html_lead_time.language
    )
    FROM state;
END;
COMMENT ON FUNCTION html_lead_time(date, date, text, timestamp with time zone) IS
    'section of report_html: how long deals take, those still open counted';

CREATE FUNCTION html_customers(
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH best AS MATERIALIZED (
        SELECT
            total.account_id,
            total.order_count,
            total.revenue_amount,
            total.margin_amount,
            total.last_purchase_at,
            total.history
        -- the states of these only
        FROM customer_total(as_of) AS total
        WHERE total.account_id = ANY (ARRAY(
            SELECT ranked.account_id
            FROM customer_revenue(as_of) AS ranked
            ORDER BY
                ranked.revenue_amount DESC NULLS LAST,
                ranked.account_id
            LIMIT 10
        ))
    ), customer AS (
        SELECT
            account.name AS account,
            best.order_count,
            best.revenue_amount,
            best.margin_amount,
            local_date(best.last_purchase_at) AS last_purchase_date,
            outlook.alive_probability,
            outlook.ltv_amount,
            row_number() OVER (ORDER BY best.revenue_amount DESC NULLS LAST, best.account_id) AS place
        FROM best
        JOIN account ON account.id = best.account_id
        LEFT JOIN ltv_frame(as_of) AS frame ON true
        CROSS JOIN LATERAL ltv_outlook(frame.model, best.history, frame.today, frame.horizon, frame.margin_rate, frame.discount) AS outlook
    ), cell AS (
        SELECT
            cohort.cohort_start,
            cohort.cohort_label,
            cohort.customer_count,
            cohort.period_no,
            cohort.retention_rate,
            cohort.is_complete
        FROM purchase_cohort(
            (period_start(local_date(as_of), 'quarter') - INTERVAL '24 months')::date,
            NULL, 'all', as_of, 'quarter'
        ) AS cohort
        WHERE cohort.period_no <= 8
    ), triangle AS (
        SELECT
            cell.cohort_start,
            '<tr><th scope="row">' || kpicrm.html_escape(cell.cohort_label) || '</th><td class="number">' || kpicrm.html_number(cell.customer_count, 'count') || '</td>'
            || string_agg(
                '<td class="number heat" style="--share:' || round(cell.retention_rate::numeric, 3)::text || '">' || kpicrm.html_number(cell.retention_rate, 'rate') || CASE WHEN cell.is_complete THEN '' ELSE '*' END || '</td>',
                '' ORDER BY cell.period_no
            ) || '</tr>' AS line
        FROM cell
        GROUP BY
            cell.cohort_start,
            cell.cohort_label,
            cell.customer_count
    )
    SELECT html_section(
        'customers',
        kpicrm.in_language(html_customers.language, 'Customers', '顧客'),
        kpicrm.in_language(html_customers.language, 'Who is worth most, and who comes back?', '価値の高い顧客は？ 再購入は？'),
        (
            SELECT kpicrm.html_table(
                kpicrm.in_language(html_customers.language, 'The ten customers with the highest revenue', '売上上位10社'),
                html_heads(html_customers.language, 'account', 'order_count', 'revenue_amount', 'margin_amount', 'last_purchase_date', 'alive_probability', 'ltv_amount'),
                string_agg(kpicrm.html_row(
                    customer.account,
                    kpicrm.html_number(customer.order_count, 'count'),
                    kpicrm.html_number(customer.revenue_amount::double precision, 'amount'),
                    kpicrm.html_number(customer.margin_amount::double precision, 'amount'),
                    to_char(customer.last_purchase_date, 'YYYY-MM-DD'),
                    kpicrm.html_number(customer.alive_probability, 'rate'),
                    kpicrm.html_number(customer.ltv_amount::double precision, 'amount')
                ), '' ORDER BY customer.place)
            )
            FROM customer
            HAVING count(*) > 0
        ) || coalesce((
            SELECT '<div class="table"><table class="cohort"><caption>' || kpicrm.in_language(html_customers.language,
                    'Share of the customers of a quarter who ordered in the quarters after (* not over yet)', '初回購入四半期別の再購入率（*は期間途中）') || '</caption><thead><tr><th></th><th scope="col">'
                || kpicrm.html_escape((html_heads(html_customers.language, 'customer_count'))[1]) || '</th>' || (
                    SELECT string_agg('<th scope="col">' || head.nth::text || '</th>', '' ORDER BY head.nth)
                    FROM generate_series(0, (SELECT max(cell.period_no) FROM cell)) AS head (nth)
                ) || '</tr></thead><tbody>' || string_agg(triangle.line, '' ORDER BY triangle.cohort_start) || '</tbody></table></div>'
            FROM triangle
            HAVING count(*) > 0
        ), ''),
        html_customers.language
    );
END;
COMMENT ON FUNCTION html_customers(text, timestamp with time zone) IS
    'section of report_html: the most valuable customers, and the cohort triangle';

CREATE FUNCTION html_follow_up_of(
    account_ids bigint[],
    best_amount numeric,
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT html_section(
        'follow_up',
        kpicrm.in_language(html_follow_up_of.language, 'Follow-ups', 'フォローアップ'),
        kpicrm.in_language(html_follow_up_of.language, 'Whom to contact now, and why?', '今、誰に連絡すべきか？ その理由は？'),
        kpicrm.html_table(
            kpicrm.in_language(html_follow_up_of.language, 'The 20 with most at stake', '影響額の大きい20件'),
            html_heads(html_follow_up_of.language, 'account', 'rep', 'at_stake_amount', 'reason', 'renewal_date', 'last_purchase_date'),
            string_agg(kpicrm.html_row(
                listed.account,
                listed.rep,
                kpicrm.html_number(listed.at_stake_amount::double precision, 'amount'),
                html_reasons(html_follow_up_of.language, listed.reason),
                to_char(listed.renewal_date, 'YYYY-MM-DD'),
                to_char(listed.last_purchase_date, 'YYYY-MM-DD')
            ), '' ORDER BY listed.priority_order)
        ),
        html_follow_up_of.language
    )
    FROM follow_up_of(account_ids, best_amount, 90, 90, 730, html_follow_up_of.as_of) AS listed
    WHERE listed.priority_order <= 20
    HAVING count(*) > 0
    UNION ALL
    SELECT html_section(
        'follow_up',
        kpicrm.in_language(html_follow_up_of.language, 'Follow-ups', 'フォローアップ'),
        kpicrm.in_language(html_follow_up_of.language, 'Whom to contact now, and why?', '今、誰に連絡すべきか？ その理由は？'),
        NULL,
        html_follow_up_of.language
    )
    LIMIT 1;
END;
COMMENT ON FUNCTION html_follow_up_of(bigint[], numeric, text, timestamp with time zone) IS
    'section of report_html: whom to contact now, of the accounts that follow_up_candidate() has found';

CREATE FUNCTION html_follow_up(
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    SET search_path FROM CURRENT
AS $$
DECLARE
    candidate record;
BEGIN
    SELECT found.account_ids, found.best_amount
    INTO candidate
    FROM follow_up_candidate(20, 90, 90, 730, html_follow_up.as_of) AS found;
    -- EXECUTE, so that the planner knows that there are few
    RETURN QUERY EXECUTE 'SELECT part.html FROM html_follow_up_of($1, $2, $3, $4) AS part'
        USING candidate.account_ids, candidate.best_amount, html_follow_up.language, html_follow_up.as_of;
END;
$$;
COMMENT ON FUNCTION html_follow_up(text, timestamp with time zone) IS
    'section of report_html: whom to contact now';

CREATE FUNCTION html_data_quality(
    language text,
    as_of timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    WITH problem AS (
        SELECT
            found.check_name,
            rule.severity,
            rule.severity_sort_order,
            rule.distorted_names,
            found.rows
        FROM (
            SELECT
                finding.check_name,
                count(*) AS rows
            FROM data_finding(as_of) AS finding
            GROUP BY finding.check_name
        ) AS found
        JOIN data_check() AS rule ON rule.check_name = found.check_name
    )
    SELECT html_section(
        'data_quality',
        kpicrm.in_language(html_data_quality.language, 'Data quality', 'データ品質'),
        kpicrm.in_language(html_data_quality.language, 'What is wrong in the data, and which numbers does it distort?', 'データの問題と、影響を受ける指標は？'),
        (
            SELECT kpicrm.html_table(
                kpicrm.in_language(html_data_quality.language, 'Rows by kind of problem', '問題の種類別の行数'),
                html_heads(html_data_quality.language, 'check_name', 'severity', 'row_count', 'distorted_names'),
                string_agg(kpicrm.html_row(
                    replace(problem.check_name, '_', ' '),
                    problem.severity,
                    kpicrm.html_number(problem.rows, 'count'),
                    problem.distorted_names
                ), '' ORDER BY problem.severity_sort_order, problem.rows DESC, problem.check_name)
            )
            FROM problem
            HAVING count(*) > 0
        ),
        html_data_quality.language
    );
END;
COMMENT ON FUNCTION html_data_quality(text, timestamp with time zone) IS
    'section of report_html: what is wrong in the data';

CREATE FUNCTION html_section_call() RETURNS TABLE (
    nth integer,
    turn integer,
    call text
)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 11
BEGIN ATOMIC
    -- turn: those that take long first, so that nobody waits for one at the end
    VALUES
        (1, 2, 'html_kpi_progress($1, $2, $3, $4, $5)'),
        (2, 3, 'html_kpi_tree($1, $3, $4, $5)'),
        (3, 1, 'html_sales_vs_target($1, $2, $3, $4, $5)'),
        (4, 1, 'html_phase_report($1, $2, $4, $5)'),
        (5, 2, 'html_phase_progress($4, $5)'),
        (6, 2, 'html_deal_board($4, $5)'),
        (7, 3, 'html_lead_source($1, $2, $4, $5)'),
        (8, 2, 'html_lead_time($1, $2, $4, $5)'),
        (9, 1, 'html_customers($4, $5)'),
        (10, 2, 'html_follow_up($4, $5)'),
        (11, 1, 'html_data_quality($4, $5)');
END;
COMMENT ON FUNCTION html_section_call() IS
    'the sections of the page: $1 and $2 are the first day and the one after the last, $3 the grain, $4 the language and $5 the instant';

CREATE FUNCTION html_part(
    nth integer,
    first_day date,
    end_day date,
    span text,
    language text,
    until timestamp with time zone
) RETURNS TABLE (html text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
    -- enough for the planner to share the parts out
    COST 10000000
    SET search_path FROM CURRENT
    SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
    call text;
BEGIN
    FOR call IN SELECT listed.call FROM html_section_call() AS listed WHERE listed.nth = html_part.nth LOOP
        -- a query of its own, so that the planner knows what is asked for
        RETURN QUERY EXECUTE 'SELECT part.html FROM ' || call || ' AS part' USING first_day, end_day, span, language, until;
    END LOOP;
END;
$$;
COMMENT ON FUNCTION html_part(integer, date, date, text, text, timestamp with time zone) IS
    'a section of the page by its number, made by one process';

-- The planner cannot see into a section: what it would not let a worker do must not be in one.
CREATE FUNCTION html_is_shareable() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
AS $$
DECLARE
    home constant regnamespace = quote_ident(current_schema())::regnamespace;
BEGIN
    RETURN NOT EXISTS (
        SELECT
        FROM pg_class AS relation
        CROSS JOIN LATERAL (
            SELECT relation.oid AS part_oid
            UNION
            SELECT tree.relid FROM pg_partition_tree(relation.oid) AS tree
        ) AS part
        JOIN pg_class AS stored ON stored.oid = part.part_oid
        WHERE relation.relnamespace = home
            AND relation.relkind IN ('r', 'p', 'f')
            -- a policy may call any function
            AND (stored.relkind = 'f' OR (relation.relkind <> 'f' AND row_security_active(relation.oid)))
    ) AND NOT EXISTS (
        SELECT
        FROM kpi
        WHERE kpi.fact IS NOT NULL
            AND NOT EXISTS (
                SELECT
                FROM pg_proc AS routine
                WHERE routine.pronamespace = home
                    AND routine.proname = kpi.fact
                    AND routine.proargtypes = ARRAY['timestamptz'::regtype]::oidvector
                    AND routine.proparallel = 's'
            )
    );
END;
$$;
COMMENT ON FUNCTION html_is_shareable() IS
    'may workers make sections of the page? Not where policies or foreign tables come into play, or a KPI has a fact that is no function marked PARALLEL SAFE';

-- As many processes as may work for one query take a section each, then the next: whole sections
-- are less work than parts of every one, which all of them would have to start and put together.
CREATE FUNCTION html_shared_sections(
    first_day date,
    end_day date,
    span text,
    language text,
    until timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET parallel_setup_cost = 0
    SET parallel_tuple_cost = 0
AS $$
DECLARE
    sections text;
BEGIN
    EXECUTE (
        SELECT 'SELECT string_agg(part.html, '''' ORDER BY part.nth) FROM (' || string_agg(
            format('SELECT %1$s AS nth, made.html FROM html_part(%1$s, $1, $2, $3, $4, $5) AS made', section.nth),
            ' UNION ALL ' ORDER BY section.turn, section.nth
        ) || ') AS part'
        FROM html_section_call() AS section
    )
    INTO sections
    USING first_day, end_day, span, language, until;
    RETURN sections;
END;
$$;
COMMENT ON FUNCTION html_shared_sections(date, date, text, text, timestamp with time zone) IS
    'the sections of the page, each made by one of several processes';

-- With one worker the planner expects no gain of whole sections, because it leaves the leader out.
CREATE FUNCTION html_sections_of_two_workers(
    first_day date,
    end_day date,
    span text,
    language text,
    until timestamp with time zone
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    SET max_parallel_workers_per_gather = 2
AS $$
BEGIN
    RETURN html_shared_sections(first_day, end_day, span, language, until);
END;
$$;
COMMENT ON FUNCTION html_sections_of_two_workers(date, date, text, text, timestamp with time zone) IS
    'html_shared_sections, with two workers';

CREATE FUNCTION report_html(
    period date DEFAULT NULL,
    language text DEFAULT NULL,
    grain text DEFAULT 'quarter',
    as_of timestamp with time zone DEFAULT now()
) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path FROM CURRENT
    -- some dozen queries, each of which would be compiled in every session: that takes longer than most of them
    SET jit = off
AS $$
DECLARE
    day date = report_html.period;
    spoken text;
    span text;
    first_day date;
    end_day date;
    until timestamp with time zone;
    title text;
    subtitle text;
    call text;
    section text;
    sections text = '';
BEGIN
    PERFORM kpicrm.accept_as_of(report_html.as_of);
    IF NOT isfinite(day) THEN
        PERFORM kpicrm.reject_argument('period', day::text, 'Any day of the fiscal period will do; leave it out for the present one.');
    END IF;
    day = coalesce(day, local_date(report_html.as_of));
    SELECT
        kpicrm.checked_option('language', coalesce(report_html.language, setting.language), 'en', 'ja'),
        kpicrm.checked_option('grain', report_html.grain, 'month', 'quarter', 'half', 'year'),
        kpicrm.fiscal_period_start(day, report_html.grain, setting.fiscal_start_month),
        kpicrm.fiscal_period_end(day, report_html.grain, setting.fiscal_start_month)
    INTO spoken, span, first_day, end_day
    FROM setting;
    SELECT
        least(report_html.as_of, end_day::timestamp without time zone AT TIME ZONE setting.time_zone - INTERVAL '1 microsecond'),
        kpicrm.in_language(spoken, 'Sales report ', '営業レポート ') || kpicrm.fiscal_period_label(day, span, setting.fiscal_start_month)
    INTO until, title
    FROM setting;
    SELECT to_char(first_day, 'YYYY-MM-DD') || ' – ' || to_char(end_day - 1, 'YYYY-MM-DD') || ' · ' || kpicrm.in_language(spoken, 'as of ', '基準日時 ')
        || to_char(until AT TIME ZONE setting.time_zone, 'YYYY-MM-DD HH24:MI') || ' ' || setting.time_zone || ' · ' || setting.home_currency
    INTO subtitle
    FROM setting;

    IF NOT html_is_shareable() THEN
        -- EXECUTE, because neither SELECT INTO nor an assignment runs with parallel workers
        FOR call IN SELECT listed.call FROM html_section_call() AS listed ORDER BY listed.nth LOOP
            EXECUTE 'SELECT part.html FROM ' || call || ' AS part' INTO section USING first_day, end_day, span, spoken, until;
            sections = sections || section;
        END LOOP;
    ELSIF current_setting('max_parallel_workers_per_gather')::integer = 1 THEN
        sections = html_sections_of_two_workers(first_day, end_day, span, spoken, until);
    ELSE
        sections = html_shared_sections(first_day, end_day, span, spoken, until);
    END IF;

    RETURN '<!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml" lang="' || spoken
        || '"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/><title>' || kpicrm.html_escape(title)
        || '</title><style>' || kpicrm.html_style() || '</style></head><body><header><h1>' || kpicrm.html_escape(title) || '</h1><p>' || kpicrm.html_escape(subtitle)
        || '</p></header><main>' || sections || '</main></body></html>';
END;
$$;
COMMENT ON FUNCTION report_html(date, text, text, timestamp with time zone) IS
    'the state of sales in the fiscal period of a date (left out: of as_of) as one HTML page that needs nothing from outside; language en or ja, that of the workspace if left out';
