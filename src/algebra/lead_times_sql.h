/*
 * lead_times_sql.h
 *		What other faces may ask a lead_times datum.
 */
#ifndef KPICRM_LEAD_TIMES_SQL_H
#define KPICRM_LEAD_TIMES_SQL_H

#include "kpicrm.h"
#include "algebra/lead_times.h"

extern KpicrmLeadList kpicrm_lead_argument(FunctionCallInfo fcinfo, int n);

#endif							/* KPICRM_LEAD_TIMES_SQL_H */
