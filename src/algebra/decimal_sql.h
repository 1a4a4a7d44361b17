/*
 * decimal_sql.h
 *		Between numeric and KpicrmDecimal.
 */
#ifndef KPICRM_DECIMAL_SQL_H
#define KPICRM_DECIMAL_SQL_H

#include "kpicrm.h"
#include "algebra/decimal.h"

extern KpicrmDecimal kpicrm_decimal_of_numeric(Datum value);
extern Datum kpicrm_decimal_to_numeric(const KpicrmDecimal *d);
extern Datum kpicrm_decimal_per(const KpicrmDecimal *amount, int64 count);
extern Datum kpicrm_decimal_margin(const KpicrmDecimal *revenue, const KpicrmDecimal *cost);
pg_noreturn extern void kpicrm_amount_overflow(void);

#endif							/* KPICRM_DECIMAL_SQL_H */
