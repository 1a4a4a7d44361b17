/*
 * ltv_sample_sql.h
 *		What other faces may ask of an ltv_sample, and of purchases as of a day.
 */
#ifndef KPICRM_LTV_SAMPLE_SQL_H
#define KPICRM_LTV_SAMPLE_SQL_H

#include "fmgr.h"

#include "algebra/ltv_sample.h"

extern const KpicrmLtvSample *kpicrm_ltv_sample_argument(FunctionCallInfo fcinfo, int n);
extern int32 kpicrm_as_of_timestamptz(FunctionCallInfo fcinfo, int n);
extern int32 kpicrm_as_of_date(FunctionCallInfo fcinfo, int n);
extern KpicrmLtvEntry kpicrm_ltv_history(double frequency, double recency, double age, double value);

#endif							/* KPICRM_LTV_SAMPLE_SQL_H */
