/*
 * last_known_sql.c
 *		Window function: the last value that was not NULL, up to the current row.
 *
 * What the SQL standard writes as last_value(x) IGNORE NULLS, which PostgreSQL
 * does not have before version 19, and with a second argument that says where
 * the value is unknown from.  Remembers the row, not the value.
 */
#include "postgres.h"

#include "fmgr.h"
#include "windowapi.h"

#include "compat.h"

typedef struct LastKnown
{
	int64		row;			/* 1 + row of the last value, 0 if there is none */
} LastKnown;

PG_FUNCTION_INFO_V1(kpicrm_last_known);
Datum
kpicrm_last_known(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	LastKnown  *last = WinGetPartitionLocalMemory(window, sizeof(LastKnown));
	bool		is_null;
	bool		is_out;
	Datum		cleared = WinGetFuncArgCurrent(window, 1, &is_null);
	Datum		value;

	/* The executor calls for every row of a partition, in order. */
	if (!is_null && DatumGetBool(cleared))
		last->row = 0;
	value = WinGetFuncArgCurrent(window, 0, &is_null);
	if (!is_null)
		last->row = WinGetCurrentPosition(window) + 1;
	else if (last->row > 0)
		value = WinGetFuncArgInPartition(window, 0, (int) (last->row - 1), WINDOW_SEEK_HEAD,
										 false, &is_null, &is_out);
	if (is_null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(value);
}
