/*
 * purchases_sql.h
 *		What other faces may ask a purchases datum.
 */
#ifndef KPICRM_PURCHASES_SQL_H
#define KPICRM_PURCHASES_SQL_H

#include "fmgr.h"

#include "algebra/purchases.h"

extern const KpicrmPurchases *kpicrm_purchases_of(Datum purchases);
extern KpicrmPurchaseSummary kpicrm_purchases_summary_of(Datum purchases);

#endif							/* KPICRM_PURCHASES_SQL_H */
