/*
 * phase_path_sql.h
 *		A stored phase_path for other faces.
 */
#ifndef KPICRM_PHASE_PATH_SQL_H
#define KPICRM_PHASE_PATH_SQL_H

#include "algebra/phase_path.h"

extern const KpicrmPhasePath *kpicrm_path_of(Datum path);

#endif							/* KPICRM_PHASE_PATH_SQL_H */
