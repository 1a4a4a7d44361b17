/*
 * kpicrm.c
 *		The loadable module's magic block, and nothing else.
 */
#include "postgres.h"

#include "fmgr.h"

#include "compat.h"

PG_MODULE_MAGIC;
