-- kpi, kpi_link, target: what is measured, how it hangs together, and the goals.

CREATE TABLE kpi (
    code text NOT NULL,
    name text NOT NULL,
    name_ja text NOT NULL,
    unit text NOT NULL,
    up_is_better boolean NOT NULL DEFAULT true,
    kind text NOT NULL DEFAULT 'flow',
    fact text,
    date_column text,
    end_column text,
    condition text,
    numerator text,
    denominator text,
    inputs text[],
    is_share boolean NOT NULL DEFAULT false,
    description text,
    description_ja text,
    definition_hash text NOT NULL GENERATED ALWAYS AS (md5(
        code || chr(10) || unit || chr(10) || kind || chr(10) || coalesce(fact, '') || chr(10) || coalesce(date_column, '')
        || chr(10) || coalesce(end_column, '') || chr(10) || coalesce(condition, '') || chr(10) || coalesce(numerator, '')
        || chr(10) || coalesce(denominator, '')
    )) STORED,
    CONSTRAINT kpi_pkey PRIMARY KEY (code),
    CONSTRAINT kpi_code_is_an_identifier CHECK (code ~ '^[a-z][a-z0-9_]*$' AND length(code) <= 40),
    CONSTRAINT kpi_code_is_not_reserved CHECK (code NOT IN ('dimension_name', 'member_id', 'period_start', 'period_end', 'as_of', 'has_value')),
    CONSTRAINT kpi_names_are_not_empty CHECK (btrim(name) <> '' AND btrim(name_ja) <> ''),
    CONSTRAINT kpi_unit_is_known CHECK (unit IN ('count', 'amount', 'rate', 'days', 'hours', 'score')),
    CONSTRAINT kpi_kind_is_known CHECK (kind IN ('flow', 'level', 'running', 'formula')),
    CONSTRAINT kpi_is_defined CHECK (
        numerator IS NOT NULL
        AND CASE kind
            WHEN 'formula' THEN num_nonnulls(fact, date_column, end_column, condition) = 0 AND cardinality(inputs) > 0
            ELSE num_nulls(fact, date_column) = 0 AND inputs IS NULL AND (kind = 'level' OR end_column IS NULL)
        END
    ),
    CONSTRAINT kpi_share_has_two_counts CHECK (NOT is_share OR (unit = 'rate' AND denominator IS NOT NULL AND kind <> 'formula'))
);
COMMENT ON TABLE kpi IS 'One row per KPI: what is counted, on which day, and how the number is made.';
COMMENT ON COLUMN kpi.code IS 'key';
COMMENT ON COLUMN kpi.name IS 'English name';
COMMENT ON COLUMN kpi.name_ja IS 'Japanese name';
COMMENT ON COLUMN kpi.unit IS 'count, amount (home currency), rate (0 to 1), days, hours or score';
COMMENT ON COLUMN kpi.up_is_better IS 'is more better?';
COMMENT ON COLUMN kpi.kind IS 'flow: rows whose day is in the period; level: rows that last over its end; running: all rows until its end; formula: made of other KPIs';
COMMENT ON COLUMN kpi.fact IS 'view, table or fact function of the workspace whose rows count; NULL for a formula';
COMMENT ON COLUMN kpi.date_column IS 'its column with the day a row counts on, or begins to';
COMMENT ON COLUMN kpi.end_column IS 'its column with the day a row ceases to count, for a level';
COMMENT ON COLUMN kpi.condition IS 'expression over the columns of a row: which rows count; NULL: all';
COMMENT ON COLUMN kpi.numerator IS 'aggregate expression over the columns of the fact, or expression over the inputs of a formula';
COMMENT ON COLUMN kpi.denominator IS 'the same for what it is divided by; NULL: the numerator is the value';
COMMENT ON COLUMN kpi.inputs IS 'codes of the KPIs that a formula is made of';
COMMENT ON COLUMN kpi.is_share IS 'is the value k cases of n, so that it has Wilson bounds?';
COMMENT ON COLUMN kpi.description IS 'definition in English words';
COMMENT ON COLUMN kpi.description_ja IS 'definition in Japanese words';
COMMENT ON COLUMN kpi.definition_hash IS 'changes when the definition does: numbers with equal hashes mean the same';

INSERT INTO kpi (code, name, name_ja, unit, up_is_better, kind, fact, date_column, end_column, condition, numerator, denominator, is_share, description, description_ja) VALUES
    ('lead_count', 'Leads', 'リード数', 'count', true, 'flow', 'lead_fact', 'created_date', NULL, NULL,
        'count(*)', NULL, false,
        'Leads that came in.',
        '期間中に獲得したリードの件数。'),
    ('inquiry_count', 'Inquiries', '問い合わせ数', 'count', true, 'flow', 'inquiry_fact', 'received_date', NULL, NULL,
        'count(*)', NULL, false,
        'Inquiries that came in.',
        '期間中に受けた問い合わせの件数。'),
    ('deal_count', 'Deals', '商談数', 'count', true, 'flow', 'deal_opening', 'opened_date', NULL, NULL,
        'count(*)', NULL, false,
        'Deals that were opened.',
        '期間中に作成された商談の件数。'),
    ('visit_count', 'Visits', '訪問数', 'count', true, 'flow', 'activity_fact', 'done_date', NULL, 'counts_as_visit',
        'count(*)', NULL, false,
        'Activities done of a kind that counts as a visit.',
        '期間中に実施した訪問の件数。'),
    ('contact_count', 'Contacts', 'コンタクト数', 'count', true, 'flow', 'activity_fact', 'done_date', NULL, NULL,
        'count(*)', NULL, false,
        'Activities done, of any kind.',
        '期間中に実施したアクション（電話・訪問・メールなど）の件数。'),
    ('prospect_deal_count', 'Prospective deals', '受注見込みの商談数', 'count', true, 'level', 'prospect_stay', 'entered_date', 'due_date', NULL,
        'count(*)', NULL, false,
        'Deals open at the end of the period in a phase whose win probability reaches setting.prospect_min_probability, and not overdue: not expected to have closed by then.',
        '期末時点で進行中で、受注確度が設定値以上、かつ受注予定日を過ぎていない商談の件数。'),
    ('expected_amount', 'Open amount expected', '受注予定金額', 'amount', true, 'flow', 'open_stay', 'expected_close_date', NULL, 'is_current',
        'sum(amount)', NULL, false,
        'Amount of the open deals that are expected to close in the period.',
        '期間中に受注予定の進行中の商談の金額合計。'),
    ('opportunity_rate', 'Opportunity rate', '商談化率', 'rate', true, 'flow', 'lead_fact', 'created_date', NULL, NULL,
        'count(*) FILTER (WHERE has_deal)', 'count(*)', true,
        'Share of the leads that came in of which a deal has come since.',
        '期間中に獲得したリードのうち、商談になったものの割合。'),
    ('win_rate', 'Win rate', '成約率', 'rate', true, 'flow', 'deal_closing', 'closed_date', NULL, NULL,
        'count(*) FILTER (WHERE won)', 'count(*)', true,
        'Deals won of those won and lost in the period; a reopened deal counts by its last closing.',
        '期間中に受注または失注した商談のうち、受注した割合（再開した商談は最後の完了で数える）。'),
    ('average_deal_amount', 'Average deal amount', '平均商談単価', 'amount', true, 'flow', 'deal_closing', 'closed_date', NULL, 'won',
        'sum(amount)', 'count(amount)', false,
        'Mean amount of the deals won, of those that have one.',
        '期間中に受注した商談の平均金額（金額のないものは除く）。'),
    ('revenue_per_customer', 'Revenue per customer', '顧客単価', 'amount', true, 'flow', 'deal_closing', 'closed_date', NULL, 'won AND account_id IS NOT NULL',
        'sum(amount)', 'count(DISTINCT account_id)', false,
        'Amount of the deals won, per customer who bought.',
        '期間中の受注金額を、受注した顧客の数で割ったもの。'),
    ('lead_time_days', 'Lead time', '受注期間', 'days', false, 'flow', 'deal_closing', 'closed_date', NULL, 'won',
        'sum(lead_time_days)', 'count(lead_time_days)', false,
        'Mean days from the opening of a deal to winning it, of the deals won in the period.',
        '期間中に受注した商談の、作成から受注までの平均日数。'),
    ('revenue', 'Revenue', '売上', 'amount', true, 'flow', 'deal_closing', 'closed_date', NULL, 'won',
        'coalesce(sum(amount), 0)', NULL, false,
        'Amount of the deals won: the KGI.',
        '期間中に受注した商談の金額合計（KGI）。'),
    ('gross_profit', 'Gross profit', '粗利', 'amount', true, 'flow', 'deal_closing', 'closed_date', NULL, 'won AND cost IS NOT NULL',
        'sum(amount - cost)', NULL, false,
        'Amount less cost of the deals won whose cost is known.',
        '期間中に受注した商談の金額から原価を引いた合計（原価のあるもののみ）。'),
    ('new_customer_count', 'New customers', '新規顧客数', 'count', true, 'flow', 'customer_purchase', 'purchased_date', NULL, 'is_first',
        'count(*)', NULL, false,
        'Customers whose first purchase was in the period.',
        '期間中に初めて購入した顧客の数。'),
    ('repeat_rate', 'Repeat rate', 'リピート率', 'rate', true, 'running', 'customer_purchase', 'purchased_date', NULL, NULL,
        'count(*) FILTER (WHERE is_first_repeat)', 'count(*) FILTER (WHERE is_first)', true,
        'Customers who had bought on more than one day by the end of the period, of all who had bought.',
        '期末までに購入した顧客のうち、二日以上にわたり購入した顧客の割合。'),
    ('renewal_rate', 'Renewal rate', '契約更新率', 'rate', true, 'flow', 'contract_end', 'end_date', NULL, NULL,
        'count(*) FILTER (WHERE is_renewed)', 'count(*)', true,
        'Contracts renewed of those that came to their end.',
        '期間中に満了した契約のうち、更新された割合。'),
    ('inquiry_response_rate', 'Inquiry response rate', '問い合わせ対応率', 'rate', true, 'flow', 'inquiry_fact', 'received_date', NULL, NULL,
        'count(*) FILTER (WHERE is_responded)', 'count(*)', true,
        'Inquiries answered of those that came in.',
        '期間中に受けた問い合わせのうち、回答済みの割合。'),
    ('ltv', 'Lifetime value', 'LTV（顧客生涯価値）', 'amount', true, 'running', 'customer_purchase', 'purchased_date', NULL, 'cost IS NOT NULL',
        'sum(amount - cost)', 'count(*) FILTER (WHERE is_first_with_cost)', false,
        'Amount less cost of the purchases until the end of the period whose cost is known, per customer, those who bought once included.',
        '期末までの購入（原価のあるもの）の金額から原価を引いた合計を、購入した全顧客の数で割ったもの。'),
    ('csat', 'Customer satisfaction', '顧客満足度（CSAT）', 'rate', true, 'flow', 'feedback_fact', 'received_date', NULL, 'kind = ''csat''',
        'count(*) FILTER (WHERE score >= 4)', 'count(*)', true,
        'Share of the answers that are 4 or 5, of 1 to 5.',
        '五段階評価の回答のうち、4または5の割合。'),
    ('nps', 'Net promoter score', 'NPS（顧客推奨度）', 'score', true, 'flow', 'feedback_fact', 'received_date', NULL, 'kind = ''nps''',
        '100 * (count(*) FILTER (WHERE score >= 9) - count(*) FILTER (WHERE score <= 6))', 'count(*)', false,
        'Per cent of the answers that are 9 or 10, less per cent that are 0 to 6: from -100 to 100.',
        '推奨者（9、10）の割合から批判者（0〜6）の割合を引いたもの（-100〜100）。');

INSERT INTO kpi (code, name, name_ja, unit, kind, inputs, numerator, denominator, description, description_ja) VALUES
    ('growth_rate', 'Growth rate', '売上成長率', 'rate', 'formula', '{revenue}',
        'coalesce(revenue, 0) - revenue_previous_year', 'revenue_previous_year',
        'Revenue against that of the same period of the previous year, less 1.',
        '前年同期比の売上の伸び率。'),
    ('pipeline_coverage', 'Pipeline coverage', 'パイプラインカバレッジ', 'score', 'formula', '{revenue,expected_amount}',
        'expected_amount', 'CASE WHEN revenue_target > coalesce(revenue, 0) THEN revenue_target - coalesce(revenue, 0) END',
        'Open amount expected to close in the period, as a multiple of what is missing to the target of revenue; NULL once that is met.',
        '期間中の受注予定金額が、売上目標までの不足額の何倍あるか（達成済みならNULL）。'),
    ('sales_velocity', 'Sales velocity', '営業ベロシティ', 'amount', 'formula', '{prospect_deal_count,win_rate,average_deal_amount,lead_time_days}',
        'prospect_deal_count * win_rate * average_deal_amount', 'lead_time_days',
        'Prospective deals × win rate × average deal amount / lead time: amount per day.',
        '受注見込みの商談数×成約率×平均商談単価÷受注期間（一日あたりの金額）。');

CREATE TABLE kpi_link (
    parent_code text NOT NULL,
    child_code text NOT NULL,
    sort_order integer NOT NULL DEFAULT 1,
    CONSTRAINT kpi_link_pkey PRIMARY KEY (parent_code, child_code),
    CONSTRAINT kpi_link_is_not_to_itself CHECK (parent_code <> child_code),
    CONSTRAINT kpi_link_parent_code_fkey FOREIGN KEY (parent_code) REFERENCES kpi ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT kpi_link_child_code_fkey FOREIGN KEY (child_code) REFERENCES kpi ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE INDEX kpi_link_child_code_idx ON kpi_link (child_code);
COMMENT ON TABLE kpi_link IS 'One row per edge of the KPI tree: a KPI is the product of those below it.';
COMMENT ON COLUMN kpi_link.parent_code IS 'KPI that is made of others';
COMMENT ON COLUMN kpi_link.child_code IS 'KPI that is a factor of it';
COMMENT ON COLUMN kpi_link.sort_order IS 'order among the factors';

INSERT INTO kpi_link (parent_code, child_code, sort_order) VALUES
    ('revenue', 'lead_count', 1),
    ('revenue', 'opportunity_rate', 2),
    ('revenue', 'win_rate', 3),
    ('revenue', 'average_deal_amount', 4);

CREATE TABLE target (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    kpi_code text NOT NULL,
    grain text NOT NULL,
    period_start date NOT NULL,
    team_id bigint,
    rep_id bigint,
    product_id bigint,
    value numeric NOT NULL,
    CONSTRAINT target_pkey PRIMARY KEY (id),
    CONSTRAINT target_is_set_once UNIQUE NULLS NOT DISTINCT (kpi_code, grain, period_start, team_id, rep_id, product_id),
    CONSTRAINT target_grain_is_known CHECK (grain IN ('week', 'month', 'quarter', 'half', 'year')),
    CONSTRAINT target_has_one_scope CHECK (num_nonnulls(team_id, rep_id, product_id) <= 1),
    CONSTRAINT target_is_a_number CHECK (value NOT IN ('NaN', 'Infinity', '-Infinity')),
    CONSTRAINT target_period_start_is_finite CHECK (isfinite(period_start)),
    CONSTRAINT target_kpi_code_fkey FOREIGN KEY (kpi_code) REFERENCES kpi ON UPDATE CASCADE,
    CONSTRAINT target_team_id_fkey FOREIGN KEY (team_id) REFERENCES sales_team ON DELETE CASCADE,
    CONSTRAINT target_rep_id_fkey FOREIGN KEY (rep_id) REFERENCES sales_rep ON DELETE CASCADE,
    CONSTRAINT target_product_id_fkey FOREIGN KEY (product_id) REFERENCES product ON DELETE CASCADE
);
CREATE INDEX target_team_id_idx ON target (team_id);
CREATE INDEX target_rep_id_idx ON target (rep_id);
CREATE INDEX target_product_id_idx ON target (product_id);
COMMENT ON TABLE target IS 'One row per goal: a KPI, a period, and the company, a team, a rep or a product.';
COMMENT ON COLUMN target.id IS 'key';
COMMENT ON COLUMN target.kpi_code IS 'KPI';
COMMENT ON COLUMN target.grain IS 'length of the period: week, month, quarter, half or year';
COMMENT ON COLUMN target.period_start IS 'first day of the period, of the fiscal year as it was set when the target was';
COMMENT ON COLUMN target.team_id IS 'team the goal is for';
COMMENT ON COLUMN target.rep_id IS 'rep the goal is for';
COMMENT ON COLUMN target.product_id IS 'product the goal is for; without team, rep and product it is the company''s';
COMMENT ON COLUMN target.value IS 'goal, in the unit of the KPI';
