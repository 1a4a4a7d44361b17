-- Formulas for lifetime value, for those who have averages instead of orders.
--
-- Shares (gross_margin, churn, retention, discount) are fractions: 0.05 is 5 %.

CREATE FUNCTION kpicrm.ltv_simple(
    order_value numeric,
    gross_margin numeric,
    orders_per_year numeric,
    years numeric
) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_simple';
COMMENT ON FUNCTION kpicrm.ltv_simple(numeric, numeric, numeric, numeric) IS
    'average order value x gross margin x orders per year x years of the relation';

CREATE FUNCTION kpicrm.ltv_churn(
    arpa numeric,
    gross_margin numeric,
    churn numeric
) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_churn';
COMMENT ON FUNCTION kpicrm.ltv_churn(numeric, numeric, numeric) IS
    'revenue per account and period x gross margin / churn per period; NULL if churn is 0';

CREATE FUNCTION kpicrm.ltv_discounted(
    margin numeric,
    retention numeric,
    discount numeric,
    first_payment_now boolean
) RETURNS numeric
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'kpicrm_ltv_discounted';
COMMENT ON FUNCTION kpicrm.ltv_discounted(numeric, numeric, numeric, boolean) IS
    'present value of a margin per period kept with probability retention; the first payment is now or after one period; NULL if it is infinite';
