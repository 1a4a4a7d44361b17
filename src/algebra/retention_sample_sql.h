/*
 * retention_sample_sql.h
 *		What other faces may ask a retention_sample datum.
 */
#ifndef KPICRM_RETENTION_SAMPLE_SQL_H
#define KPICRM_RETENTION_SAMPLE_SQL_H

#include "fmgr.h"

#include "algebra/retention_sample.h"

extern KpicrmRetentionSample *kpicrm_retention_sample_argument(FunctionCallInfo fcinfo, int n);

#endif							/* KPICRM_RETENTION_SAMPLE_SQL_H */
