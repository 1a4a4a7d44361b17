-- setting: what holds for the whole workspace.  One row, always.

CREATE TABLE setting (
    only_row boolean NOT NULL DEFAULT true,
    time_zone text NOT NULL DEFAULT current_setting('TimeZone'),
    fiscal_start_month integer NOT NULL DEFAULT 4,
    week_start integer NOT NULL DEFAULT 1,
    home_currency text NOT NULL DEFAULT 'JPY',
    calendar text NOT NULL DEFAULT 'weekdays',
    language text NOT NULL DEFAULT 'en',
    prospect_min_probability double precision NOT NULL DEFAULT 0.5,
    stall_fraction double precision NOT NULL DEFAULT 0.8,
    version text NOT NULL,
    CONSTRAINT setting_pkey PRIMARY KEY (only_row),
    CONSTRAINT setting_is_one_row CHECK (only_row),
    CONSTRAINT setting_time_zone_is_known CHECK (timestamptz '2000-01-01' AT TIME ZONE time_zone IS NOT NULL),
    CONSTRAINT setting_fiscal_start_month_is_a_month CHECK (fiscal_start_month BETWEEN 1 AND 12),
    CONSTRAINT setting_week_start_is_an_iso_day CHECK (week_start BETWEEN 1 AND 7),
    CONSTRAINT setting_home_currency_is_a_code CHECK (home_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT setting_calendar_is_named CHECK (calendar <> ''),
    CONSTRAINT setting_language_is_en_or_ja CHECK (language IN ('en', 'ja')),
    CONSTRAINT setting_prospect_min_probability_is_a_share CHECK (prospect_min_probability BETWEEN 0 AND 1),
    CONSTRAINT setting_stall_fraction_is_a_share CHECK (stall_fraction BETWEEN 0 AND 1)
);
COMMENT ON TABLE setting IS 'One row: what holds for the whole workspace.';
COMMENT ON COLUMN setting.only_row IS 'true: there is one row only';
COMMENT ON COLUMN setting.time_zone IS 'time zone of all days and periods; that of the session that created the workspace unless set';
COMMENT ON COLUMN setting.fiscal_start_month IS 'month the fiscal year begins with, 1 to 12';
COMMENT ON COLUMN setting.week_start IS 'day a week begins with, 1 Monday to 7 Sunday';
COMMENT ON COLUMN setting.home_currency IS 'ISO 4217 code of all amounts';
COMMENT ON COLUMN setting.calendar IS 'name of the business calendar';
COMMENT ON COLUMN setting.language IS 'language of captions: en or ja';
COMMENT ON COLUMN setting.prospect_min_probability IS 'win probability from which on an open deal counts as likely, 0 to 1';
COMMENT ON COLUMN setting.stall_fraction IS 'share of stays that have ended when an open one counts as stalled, 0 to 1';
COMMENT ON COLUMN setting.version IS 'version of kpicrm this workspace was made for';
