/*
 * deal_forecast: which open deals will be won, and by when?
 *
 * Grain: open deal.  win_probability is the probability that the deal is won from
 * from_date until before until_date, learned from comparable deals: those that were
 * in the same phase for at least as long as this one is.
 *
 *   stay        one stay of any deal in an open phase, that began in the history_days
 *               before as_of.  A deal that came back into a phase has several, and
 *               each of them counts: to keep only the last would choose by what
 *               happened after it
 *   clock       runs from the entry into the phase until the END of the deal, not of
 *               the stay: won, or lost (disqualified counts as lost here: it cannot be
 *               won any more), as the deal stands at as_of; still open is censored
 *   comparable  stays that were not left, in any direction, before they reached
 *               the age band of this deal: who waits in a phase that the winners left
 *               long ago is not compared with those winners (landmark)
 *   curve       Aalen-Johansen incidence of won with lost as competing end;
 *               the probability is (F(age + span) - F(age)) / S(age)
 *   fallback    until minimum_count deals of the comparable stays have ended: lower
 *               age bands of the phase, then all open phases of the pipeline, then
 *               those of all pipelines; if even these are too few, they are
 *               taken all the same.  level and comparable_count say what was used;
 *               level none: no deal has ever ended, or none has grown so old
 *
 * expected_amount is the amount times that.  manual_probability is that of the phase,
 * manual_amount the amount times it, whenever it will be.
 *
 * Nothing that happened after as_of is used, so that any past day can be replayed:
 * stays, ends, amounts and owners are those of that instant.  A deal that has since
 * been deleted is not there.
 */

CREATE FUNCTION open_deal(as_of timestamp with time zone DEFAULT now())
RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    phase_id bigint,
    entered_at timestamp with time zone,
    source_id bigint,
    account_id bigint,
    rep_id bigint,
    product_id bigint,
    amount numeric,
    expected_close_date date
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    -- now, the table of deals says it; of another instant, the spans
    SELECT
        deal.id,
        deal.pipeline_id,
        deal.phase_id,
        deal.phase_since,
        deal.source_id,
        deal.account_id,
        deal.rep_id,
        deal.product_id,
        deal.amount,
        deal.expected_close_on
    FROM deal
    JOIN phase
        ON phase.id = deal.phase_id
        AND phase.kind = 'open'
    WHERE deal.opened_at <= as_of
        AND deal.phase_since <= as_of
        AND as_of >= now()
    UNION ALL
    SELECT
        deal.id,
        phase.pipeline_id,
        span.phase_id,
        span.entered_at,
        deal.source_id,
        deal.account_id,
        span.rep_id,
        span.product_id,
        span.amount,
        span.expected_close_on
    FROM deal_span AS span
    JOIN phase
        ON phase.id = span.phase_id
        AND phase.kind = 'open'
    JOIN deal ON deal.id = span.deal_id
    WHERE span.starts_at <= as_of
        AND (span.ends_at IS NULL OR span.ends_at > as_of)
        AND as_of < now()
        AND deal.opened_at <= as_of;
END;
COMMENT ON FUNCTION open_deal(timestamp with time zone) IS
    'every deal that was in an open phase at the instant, as it stood then';

CREATE FUNCTION forecast_pace(
    as_of timestamp with time zone,
    history_days integer
) RETURNS TABLE (
    level text,
    level_order integer,
    pipeline_id bigint,
    phase_id bigint,
    band_no integer,
    at_least interval,
    stays kpicrm.lead_times
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    WITH band AS (
        SELECT array_agg(make_interval(hours => 24 * bound.days) ORDER BY bound.days) AS bounds
        FROM unnest(ARRAY[0, 1, 2, 4, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730]) AS bound (days)
    ), ending AS (
        -- each deal that has ended, by its last end: reopened, it has none
        SELECT
            phase_stay.deal_id,
            phase_stay.entered_at AS ended_at,
            phase_stay.phase_id = ANY (ARRAY(SELECT won_phase.id FROM phase AS won_phase WHERE won_phase.kind = 'won')) AS won
        FROM phase_stay
        WHERE phase_stay.phase_id = ANY (ARRAY(SELECT end_phase.id FROM phase AS end_phase WHERE end_phase.kind IN ('won', 'lost', 'disqualified')))
            AND phase_stay.entered_at <= as_of
            -- a value out of range is refused below, but must not overflow before
            AND phase_stay.entered_at >= as_of - make_interval(hours => 24 * least(greatest(history_days, 1), 36500))
            AND (phase_stay.left_at IS NULL OR phase_stay.left_at > as_of)
    ), lesson AS (
        SELECT
            phase_stay.phase_id,
            bound.no AS band_no,
            kpicrm.lead_time_agg(phase_stay.entered_at, ending.ended_at, ending.won, as_of) AS stays
        FROM phase_stay
        LEFT JOIN ending ON ending.deal_id = phase_stay.deal_id
        -- each has one; the join tells the planner that there are few, and so it aggregates in parallel
        LEFT JOIN unnest((SELECT band.bounds FROM band)) WITH ORDINALITY AS bound (at_least, no)
            ON bound.no = width_bucket(least(phase_stay.left_at, as_of) - phase_stay.entered_at, (SELECT band.bounds FROM band))
        WHERE phase_stay.phase_id = ANY (ARRAY(SELECT open_phase.id FROM phase AS open_phase WHERE open_phase.kind = 'open'))
            AND phase_stay.entered_at <= as_of
            AND phase_stay.entered_at >= as_of - make_interval(hours => 24 * least(greatest(history_days, 1), 36500))
            AND kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_number('history_days', history_days, 1, 36500)
        GROUP BY
            phase_stay.phase_id,
            bound.no
    ), pooled AS (
        SELECT
            CASE WHEN phase.id IS NOT NULL THEN 'phase' WHEN phase.pipeline_id IS NOT NULL THEN 'pipeline' ELSE 'all' END AS level,
            CASE WHEN phase.id IS NOT NULL THEN 1 WHEN phase.pipeline_id IS NOT NULL THEN 2 ELSE 3 END AS level_order,
            phase.pipeline_id,
            phase.id AS phase_id,
            lesson.band_no,
            kpicrm.rollup(lesson.stays) AS stays
        FROM lesson
        JOIN phase ON phase.id = lesson.phase_id
        GROUP BY GROUPING SETS (
            (phase.pipeline_id, phase.id, lesson.band_no),
            (phase.pipeline_id, lesson.band_no),
            (lesson.band_no)
        )
    )
    -- who stayed for a year also stayed for a day
    SELECT
        lasted.level,
        lasted.level_order,
        lasted.pipeline_id,
        lasted.phase_id,
        lasted.band_no,
        lasted.at_least,
        lasted.stays
    FROM (
        SELECT
            key.level,
            key.level_order,
            key.pipeline_id,
            key.phase_id,
            bound.band_no::integer AS band_no,
            bound.at_least,
            kpicrm.rollup(pooled.stays) OVER (
                PARTITION BY key.level_order, key.pipeline_id, key.phase_id
                ORDER BY bound.band_no DESC
            ) AS stays
        FROM (
            SELECT DISTINCT
                pooled.level,
                pooled.level_order,
                pooled.pipeline_id,
                pooled.phase_id
            FROM pooled
        ) AS key
        CROSS JOIN band
        CROSS JOIN LATERAL unnest(band.bounds) WITH ORDINALITY AS bound (at_least, band_no)
        LEFT JOIN pooled
            ON pooled.level_order = key.level_order
            AND pooled.pipeline_id IS NOT DISTINCT FROM key.pipeline_id
            AND pooled.phase_id IS NOT DISTINCT FROM key.phase_id
            AND pooled.band_no = bound.band_no
    ) AS lasted
    WHERE kpicrm.completed_count(lasted.stays) + kpicrm.lost_count(lasted.stays) + kpicrm.open_count(lasted.stays) > 0;
END;
COMMENT ON FUNCTION forecast_pace(timestamp with time zone, integer) IS
    'what the stays in open phases that began in the days before the instant teach: per phase, pipeline and over all, and for those that lasted at least so long, how long it took from the entry into the phase until the deal was won or lost';

CREATE FUNCTION forecast_curve(
    as_of timestamp with time zone,
    history_days integer,
    minimum_count integer
) RETURNS TABLE (
    phase_id bigint,
    begins interval,
    ends interval,
    level text,
    at_least interval,
    comparable_count bigint,
    ages double precision[],
    survival double precision[],
    won_incidence double precision[]
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 200
BEGIN ATOMIC
    WITH pace AS MATERIALIZED (
        SELECT
            forecast_pace.level,
            forecast_pace.level_order,
            forecast_pace.pipeline_id,
            forecast_pace.phase_id,
            forecast_pace.band_no,
            forecast_pace.at_least,
            forecast_pace.stays,
            kpicrm.completed_count(forecast_pace.stays) + kpicrm.lost_count(forecast_pace.stays) AS ended_count
        FROM forecast_pace(as_of, history_days)
    ), band AS (
        SELECT
            pace.at_least AS begins,
            lead(pace.at_least) OVER (ORDER BY pace.at_least) AS ends
        FROM pace
        GROUP BY pace.at_least
    ), choice AS (
        -- for each phase and age band: the nearest comparison that is large enough
        SELECT DISTINCT ON (phase.id, band.begins)
            phase.id AS phase_id,
            band.begins,
            band.ends,
            pace.level_order,
            pace.pipeline_id AS from_pipeline_id,
            pace.phase_id AS from_phase_id,
            pace.band_no
        FROM phase
        CROSS JOIN band
        JOIN pace
            ON pace.at_least <= band.begins
            AND (pace.pipeline_id = phase.pipeline_id OR pace.level_order = 3)
            AND (pace.phase_id = phase.id OR pace.level_order > 1)
            AND pace.ended_count > 0
        WHERE phase.kind = 'open'
            AND kpicrm.accept_number('minimum_count', minimum_count, 1, 1000000)
        ORDER BY
            phase.id,
            band.begins,
            pace.ended_count >= minimum_count DESC,
            CASE WHEN pace.ended_count >= minimum_count THEN pace.level_order ELSE - pace.level_order END,
            CASE WHEN pace.ended_count >= minimum_count THEN - pace.band_no ELSE pace.band_no END
    )
    SELECT
        choice.phase_id,
        choice.begins,
        choice.ends,
        pace.level,
        pace.at_least,
        pace.ended_count,
        curve.ages,
        curve.survival,
        curve.won_incidence
    FROM choice
    JOIN (
        SELECT
            pace.level,
            pace.level_order,
            pace.pipeline_id,
            pace.phase_id,
            pace.band_no,
            pace.at_least,
            pace.ended_count,
            pace.stays
        FROM pace
    ) AS pace
        ON pace.level_order = choice.level_order
        AND pace.pipeline_id IS NOT DISTINCT FROM choice.from_pipeline_id
        AND pace.phase_id IS NOT DISTINCT FROM choice.from_phase_id
        AND pace.band_no = choice.band_no
    CROSS JOIN LATERAL (
        SELECT
            array_agg(EXTRACT(epoch FROM step."time")::double precision ORDER BY step."time") AS ages,
            array_agg(step.survival ORDER BY step."time") AS survival,
            array_agg(step.won_incidence ORDER BY step."time") AS won_incidence
        FROM kpicrm.survival_curve(pace.stays) AS step
    ) AS curve;
END;
COMMENT ON FUNCTION forecast_curve(timestamp with time zone, integer, integer) IS
    'for each open phase and age band of a deal the comparison that is large enough, and its curve: survival and incidence of won at ages in seconds since the entry into the phase';

CREATE FUNCTION deal_forecast(
    as_of timestamp with time zone DEFAULT now(),
    until_date date DEFAULT NULL,
    from_date date DEFAULT NULL,
    history_days integer DEFAULT 730,
    minimum_count integer DEFAULT 30
) RETURNS TABLE (
    deal_id bigint,
    pipeline_id bigint,
    phase_id bigint,
    source_id bigint,
    account_id bigint,
    rep_id bigint,
    product_id bigint,
    phase_days double precision,
    amount numeric,
    expected_close_date date,
    win_probability double precision,
    expected_amount numeric,
    level text,
    at_least_days double precision,
    comparable_count bigint,
    manual_probability double precision,
    manual_amount numeric
)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT
            greatest(EXTRACT(epoch FROM greatest(day_begins_at(from_date), as_of) - as_of)::double precision, 0) AS first_second,
            greatest(EXTRACT(epoch FROM day_begins_at(coalesce(
                until_date,
                (kpicrm.fiscal_period_start((as_of AT TIME ZONE setting.time_zone)::date, 'quarter', setting.fiscal_start_month) + INTERVAL '3 months')::date
            )) - as_of)::double precision, 0) AS last_second
        FROM setting
        WHERE setting.only_row
            AND kpicrm.accept_as_of(as_of)
            AND kpicrm.accept_period(from_date, until_date)
    ), curve AS MATERIALIZED (
        SELECT
            forecast_curve.phase_id,
            forecast_curve.begins,
            forecast_curve.ends,
            forecast_curve.level,
            forecast_curve.at_least,
            forecast_curve.comparable_count,
            forecast_curve.ages,
            forecast_curve.survival,
            forecast_curve.won_incidence
        FROM forecast_curve(as_of, history_days, minimum_count)
    ), band AS MATERIALIZED (
        SELECT array_agg(DISTINCT bound.at ORDER BY bound.at) AS bounds
        FROM curve
        CROSS JOIN LATERAL (VALUES (curve.begins), (curve.ends)) AS bound (at)
        WHERE bound.at IS NOT NULL
    ), outlook AS MATERIALIZED (
        -- the places in the curves are found once a deal, not once for each column that asks
        SELECT
            open_deal.deal_id,
            open_deal.pipeline_id,
            open_deal.phase_id,
            open_deal.source_id,
            open_deal.account_id,
            open_deal.rep_id,
            open_deal.product_id,
            aged.seconds / 86400 AS phase_days,
            open_deal.amount,
            open_deal.expected_close_date,
            least(1, greatest(0,
                (coalesce(curve.won_incidence[nullif(width_bucket(aged.seconds + span.last_second, curve.ages), 0)], 0)
                - coalesce(curve.won_incidence[nullif(width_bucket(aged.seconds + least(span.first_second, span.last_second), curve.ages), 0)], 0))
                / nullif(coalesce(curve.survival[nullif(width_bucket(aged.seconds, curve.ages), 0)], 1), 0)
            )) AS win_probability,
            coalesce(curve.survival[nullif(width_bucket(aged.seconds, curve.ages), 0)], 1) > 0 AS is_known,
            curve.level,
            curve.at_least,
            curve.comparable_count
        FROM open_deal(as_of)
        CROSS JOIN span
        CROSS JOIN LATERAL (
            SELECT
                as_of - open_deal.entered_at AS age,
                EXTRACT(epoch FROM as_of - open_deal.entered_at)::double precision AS seconds
        ) AS aged
        -- the band found once, and not by trying all of the phase
        LEFT JOIN curve
            ON curve.phase_id = open_deal.phase_id
            AND curve.begins = (SELECT band.bounds FROM band)[width_bucket(aged.age, (SELECT band.bounds FROM band))]
    )
    SELECT
        outlook.deal_id,
        outlook.pipeline_id,
        outlook.phase_id,
        outlook.source_id,
        outlook.account_id,
        outlook.rep_id,
        outlook.product_id,
        outlook.phase_days,
        outlook.amount,
        outlook.expected_close_date,
        CASE WHEN outlook.level IS NOT NULL AND outlook.is_known THEN outlook.win_probability END,
        CASE WHEN outlook.level IS NOT NULL AND outlook.is_known THEN outlook.amount * outlook.win_probability::numeric END,
        CASE WHEN outlook.level IS NOT NULL AND outlook.is_known THEN outlook.level ELSE 'none' END,
        CASE WHEN outlook.level IS NOT NULL AND outlook.is_known THEN (EXTRACT(epoch FROM outlook.at_least) / 86400)::double precision END,
        CASE WHEN outlook.level IS NOT NULL AND outlook.is_known THEN outlook.comparable_count ELSE 0 END,
        phase.win_probability,
        outlook.amount * phase.win_probability::numeric
    FROM outlook
    LEFT JOIN phase_as_of(as_of) AS phase ON phase.id = outlook.phase_id;
END;
COMMENT ON FUNCTION deal_forecast(timestamp with time zone, date, date, integer, integer) IS
    'every deal open at as_of with the probability to be won from from_date (NULL: from as_of) until before until_date (NULL: the end of the fiscal quarter), learned from the stays of the history_days before as_of that lasted at least as long, of which minimum_count must have ended';

CREATE VIEW deal_forecast WITH (security_invoker = true) AS
SELECT
    report.deal_id,
    deal.name AS deal,
    report.pipeline_id,
    pipeline.name AS pipeline,
    report.phase_id,
    phase.name AS phase,
    phase."position" AS phase_sort_order,
    report.source_id,
    source.name AS source,
    report.account_id,
    account.name AS account,
    report.rep_id,
    rep.name AS rep,
    report.product_id,
    product.name AS product,
    report.phase_days,
    report.amount::numeric(18, 2) AS amount,
    report.expected_close_date,
    report.win_probability,
    report.expected_amount::numeric(18, 2) AS expected_amount,
    report.level AS level_name,
    report.at_least_days,
    report.comparable_count,
    report.manual_probability,
    report.manual_amount::numeric(18, 2) AS manual_amount
FROM deal_forecast() AS report
JOIN deal ON deal.id = report.deal_id
JOIN pipeline ON pipeline.id = report.pipeline_id
JOIN phase ON phase.id = report.phase_id
LEFT JOIN lead_source AS source ON source.id = report.source_id
LEFT JOIN account ON account.id = report.account_id
LEFT JOIN sales_rep AS rep ON rep.id = report.rep_id
LEFT JOIN product ON product.id = report.product_id;
COMMENT ON VIEW deal_forecast IS
    'One row per open deal: the probability that it is won by the end of this fiscal quarter, and the amount expected of it. Learned from the deals that were in the same phase for at least as long, by Aalen and Johansen: won, with lost as the competing end, deals still open as censored. level_name says what it was compared with.';
COMMENT ON COLUMN deal_forecast.deal_id IS 'key of the deal';
COMMENT ON COLUMN deal_forecast.deal IS 'name of the deal';
COMMENT ON COLUMN deal_forecast.pipeline_id IS 'key of the pipeline';
COMMENT ON COLUMN deal_forecast.pipeline IS 'name of the pipeline';
COMMENT ON COLUMN deal_forecast.phase_id IS 'key of the phase the deal is in';
COMMENT ON COLUMN deal_forecast.phase IS 'name of the phase';
COMMENT ON COLUMN deal_forecast.phase_sort_order IS 'order of the phase in its pipeline';
COMMENT ON COLUMN deal_forecast.source_id IS 'key of the source; NULL if it has none';
COMMENT ON COLUMN deal_forecast.source IS 'name of the source';
COMMENT ON COLUMN deal_forecast.account_id IS 'key of the account; NULL if it has none';
COMMENT ON COLUMN deal_forecast.account IS 'name of the account';
COMMENT ON COLUMN deal_forecast.rep_id IS 'key of the rep who has the deal; NULL if nobody has';
COMMENT ON COLUMN deal_forecast.rep IS 'name of the rep';
COMMENT ON COLUMN deal_forecast.product_id IS 'key of the product; NULL if it has none';
COMMENT ON COLUMN deal_forecast.product IS 'name of the product';
COMMENT ON COLUMN deal_forecast.phase_days IS 'days since the deal entered its phase';
COMMENT ON COLUMN deal_forecast.amount IS 'amount of the deal; NULL if it is not known';
COMMENT ON COLUMN deal_forecast.expected_close_date IS 'day the deal is expected to close';
COMMENT ON COLUMN deal_forecast.win_probability IS 'probability to be won by the end of this fiscal quarter, 0 to 1; NULL if nothing is known (level none)';
COMMENT ON COLUMN deal_forecast.expected_amount IS 'amount × win_probability';
COMMENT ON COLUMN deal_forecast.level_name IS 'what the deal is compared with: stays in its phase, in any open phase of its pipeline, in all open phases (all), or nothing (none)';
COMMENT ON COLUMN deal_forecast.at_least_days IS 'days that the stays it is compared with have lasted at least';
COMMENT ON COLUMN deal_forecast.comparable_count IS 'stays among them whose deal has ended, won or lost';
COMMENT ON COLUMN deal_forecast.manual_probability IS 'win probability set for the phase, whenever it will be won; NULL if none is set';
COMMENT ON COLUMN deal_forecast.manual_amount IS 'amount × manual_probability';
