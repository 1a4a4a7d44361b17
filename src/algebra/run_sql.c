/*
 * run_sql.c
 *		Window functions over runs: stretches of a partition in which a key stays
 *		the same.
 *
 * A row whose key is NULL belongs to the run of the row before it, so that rows
 * which say something else need not repeat the key.  All of them are one pass, in the
 * order of the window, and read neither frame nor peers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#include "compat.h"

typedef struct Run
{
	int64		number;			/* of the run so far; 0 before the first key */
	int64		key;
	TimestampTz bound;			/* when the run began, or when the next one does */
	bool		bound_is_null;
} Run;

/*
 * Brings the state to the current row.  Does a run begin here?
 */
static bool
run_advance(WindowObject window, Run *run)
{
	bool		is_null;
	Datum		key = WinGetFuncArgCurrent(window, 0, &is_null);

	if (is_null || (run->number > 0 && run->key == DatumGetInt64(key)))
		return false;
	run->number++;
	run->key = DatumGetInt64(key);
	return true;
}

PG_FUNCTION_INFO_V1(kpicrm_run_begins);
Datum
kpicrm_run_begins(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();

	PG_RETURN_BOOL(run_advance(window, WinGetPartitionLocalMemory(window, sizeof(Run))));
}

PG_FUNCTION_INFO_V1(kpicrm_run_no);
Datum
kpicrm_run_no(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Run		   *run = WinGetPartitionLocalMemory(window, sizeof(Run));

	run_advance(window, run);
	if (run->number == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(run->number);
}

PG_FUNCTION_INFO_V1(kpicrm_run_since);
Datum
kpicrm_run_since(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Run		   *run = WinGetPartitionLocalMemory(window, sizeof(Run));

	if (run_advance(window, run))
		run->bound = DatumGetTimestampTz(WinGetFuncArgCurrent(window, 1, &run->bound_is_null));
	if (run->number == 0 || run->bound_is_null)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(run->bound);
}

/*
 * Looks ahead only from the row a run begins with, and keeps what it found, so that
 * no row is looked at more than twice.
 */
PG_FUNCTION_INFO_V1(kpicrm_run_until);
Datum
kpicrm_run_until(PG_FUNCTION_ARGS)
{
	WindowObject window = PG_WINDOW_OBJECT();
	Run		   *run = WinGetPartitionLocalMemory(window, sizeof(Run));
	int			ahead = 0;
	bool		is_null;
	bool		is_out;
	Datum		key;

	if (run_advance(window, run))
	{
		do
		{
			CHECK_FOR_INTERRUPTS();
			key = WinGetFuncArgInPartition(window, 0, ++ahead, WINDOW_SEEK_CURRENT, false, &is_null, &is_out);
		} while (!is_out && (is_null || DatumGetInt64(key) == run->key));
		run->bound_is_null = true;
		if (!is_out)
			run->bound = DatumGetTimestampTz(WinGetFuncArgInPartition(window, 1, ahead, WINDOW_SEEK_CURRENT, false,
																	  &run->bound_is_null, &is_out));
	}
	if (run->number == 0 || run->bound_is_null)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(run->bound);
}

/*
 * Is the value greater (direction 1) or less (-1) than the one known before it?
 */
static bool
is_step(WindowObject window, int direction)
{
	Run		   *last = WinGetPartitionLocalMemory(window, sizeof(Run));
	bool		is_null;
	Datum		argument = WinGetFuncArgCurrent(window, 0, &is_null);
	int64		value;
	bool		result;

	if (is_null)
		return false;
	value = DatumGetInt64(argument);
	result = last->number > 0 && (direction > 0 ? value > last->key : value < last->key);
	last->number = 1;
	last->key = value;
	return result;
}

PG_FUNCTION_INFO_V1(kpicrm_rises);
Datum
kpicrm_rises(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_step(PG_WINDOW_OBJECT(), 1));
}

PG_FUNCTION_INFO_V1(kpicrm_falls);
Datum
kpicrm_falls(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_step(PG_WINDOW_OBJECT(), -1));
}
