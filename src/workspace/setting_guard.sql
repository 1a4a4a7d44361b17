-- What keeps the row of setting: code, which an upgrade makes anew, apart from the table.

CREATE FUNCTION keep_setting() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'the row of table setting cannot be deleted'
        USING ERRCODE = 'restrict_violation',
              HINT = 'Every report needs it: change it with UPDATE.';
END;
$$;
COMMENT ON FUNCTION keep_setting() IS
    'trigger: refuses to delete the settings';

CREATE TRIGGER setting_stays
    BEFORE DELETE ON setting
    FOR EACH ROW
    EXECUTE FUNCTION keep_setting();
COMMENT ON TRIGGER setting_stays ON setting IS 'every report needs the row';
