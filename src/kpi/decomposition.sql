-- Why did a product change?  By how much each of its factors made it do so.
--
-- Both functions take the factors before (plan) and after (actual) and return one
-- contribution for each, in the unit of the product.  They are rounded to digits
-- decimals and add up to the rounded change of the product exactly: what rounding
-- leaves over stands in the contribution with the greatest absolute value (the
-- first of them).
--
--   lmdi     logarithmic mean Divisia index (Ang 2005): L(v1, v0) · ln(x1 / x0)
--            with L(a, b) = (a - b) / ln(a / b), L(a, a) = a.  Every factor must be
--            positive
--   shapley  mean over all orders in which the factors can change one after the
--            other; for factors of any sign, and for 0.  The mean over n! orders is
--            a polynomial in the number of those that changed before, so that the
--            work grows with n cubed
--
-- ln() of a numeric keeps as many decimals as its argument has, hence the scale.

CREATE FUNCTION kpicrm.check_factors(
    plan numeric[],
    actual numeric[]
) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(cardinality(plan), 0) = 0
        OR cardinality(plan) IS DISTINCT FROM cardinality(actual)
        OR array_ndims(plan) <> 1
        OR array_ndims(actual) <> 1
        OR cardinality(plan) > 100 THEN
        RAISE EXCEPTION 'there must be as many factors before as after, and from 1 to 100, not % and %',
            coalesce(cardinality(plan)::text, 'NULL'), coalesce(cardinality(actual)::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Write for example ARRAY[100, 0.3], ARRAY[120, 0.25].';
    ELSIF EXISTS (
        SELECT
        FROM unnest(plan || actual) AS factor (value)
        WHERE factor.value IS NULL OR factor.value IN ('NaN', 'Infinity', '-Infinity')
    ) THEN
        RAISE EXCEPTION 'every factor must be a finite number, not % and %', plan, actual
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave out a factor that is not known, before and after.';
    END IF;
    RETURN cardinality(plan);
END;
$$;
COMMENT ON FUNCTION kpicrm.check_factors(numeric[], numeric[]) IS
    'number of factors; an error unless there are as many before as after and all are finite numbers';

CREATE FUNCTION kpicrm.product(factors numeric[]) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    factor numeric;
    result numeric = 1;
BEGIN
    FOREACH factor IN ARRAY factors LOOP
        result = result * factor;
    END LOOP;
    RETURN result;
END;
$$;
COMMENT ON FUNCTION kpicrm.product(numeric[]) IS
    'product of the numbers, exactly; NULL if one of them is NULL, 1 if there is none';

CREATE FUNCTION kpicrm.rounded_parts(
    parts numeric[],
    total numeric,
    digits integer
) RETURNS numeric[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT array_agg(
            part.rounded + CASE part.place WHEN 1 THEN round(total, digits) - part.sum ELSE 0 END
            ORDER BY part.position
        )
        FROM (
            SELECT
                element.position,
                round(element.value, digits) AS rounded,
                sum(round(element.value, digits)) OVER () AS sum,
                row_number() OVER (ORDER BY abs(element.value) DESC, element.position) AS place
            FROM unnest(parts) WITH ORDINALITY AS element (value, position)
        ) AS part
    );
COMMENT ON FUNCTION kpicrm.rounded_parts(numeric[], numeric, integer) IS
    'the parts rounded to so many decimals so that they add up to the rounded total; what is left over is added to the part with the greatest absolute value';

CREATE FUNCTION kpicrm.lmdi(
    plan numeric[],
    actual numeric[],
    digits integer DEFAULT 6
) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scale constant integer = greatest(digits, 0) + 40;
    before numeric;
    after numeric;
    weight numeric;
    parts numeric[] = '{}';
BEGIN
    PERFORM kpicrm.check_factors(plan, actual);
    IF EXISTS (SELECT FROM unnest(plan || actual) AS factor (value) WHERE factor.value <= 0) THEN
        RAISE EXCEPTION 'every factor must be positive, not % and %', plan, actual
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'The logarithmic mean is not defined for 0 and below: use kpicrm.shapley().';
    END IF;
    before = kpicrm.product(plan);
    after = kpicrm.product(actual);
    weight = CASE WHEN before = after THEN before ELSE (after - before) / ln(round(after, scale) / before) END;
    FOR i IN 1 .. cardinality(plan) LOOP
        parts = parts || weight * ln(round(actual[i], scale) / plan[i]);
    END LOOP;
    RETURN kpicrm.rounded_parts(parts, after - before, digits);
END;
$$;
COMMENT ON FUNCTION kpicrm.lmdi(numeric[], numeric[], integer) IS
    'what each factor contributes to the change of their product, by the logarithmic mean Divisia index; they add up to the change';

CREATE FUNCTION kpicrm.shapley(
    plan numeric[],
    actual numeric[],
    digits integer DEFAULT 6
) RETURNS numeric[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n constant integer = kpicrm.check_factors(plan, actual);
    changed numeric[];
    weight numeric;
    mean numeric;
    parts numeric[] = '{}';
BEGIN
    FOR i IN 1 .. n LOOP
        -- changed[k + 1]: sum, over the sets of k other factors, of the product with
        -- those after the change and the rest before it
        changed = ARRAY[1::numeric];
        FOR j IN 1 .. n LOOP
            CONTINUE WHEN j = i;
            changed = changed || 0::numeric;
            FOR k IN REVERSE cardinality(changed) .. 1 LOOP
                changed[k] = changed[k] * plan[j] + CASE WHEN k > 1 THEN changed[k - 1] * actual[j] ELSE 0 END;
            END LOOP;
        END LOOP;
        -- k other factors come first in 1 / (n · C(n - 1, k)) of all orders
        mean = 0;
        weight = n;
        FOR k IN 0 .. n - 1 LOOP
            mean = mean + round(changed[k + 1], greatest(digits, 0) + 40) / weight;
            weight = weight * (n - 1 - k) / (k + 1);
        END LOOP;
        parts = parts || mean * (actual[i] - plan[i]);
    END LOOP;
    RETURN kpicrm.rounded_parts(parts, kpicrm.product(actual) - kpicrm.product(plan), digits);
END;
$$;
COMMENT ON FUNCTION kpicrm.shapley(numeric[], numeric[], integer) IS
    'what each factor contributes to the change of their product, as the mean over all orders of change (Shapley value); they add up to the change';
