/*
 * execute_as_sql.c
 *		Running a statement as another role, from which there is no way back.
 *
 * SET ROLE would not do: what a workspace's owner has put into it (triggers, views,
 * row security) runs along, and could RESET ROLE to that of the superuser who upgrades
 * the workspace.  So it runs as VACUUM and REINDEX run index functions.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(kpicrm_execute_as);
Datum
kpicrm_execute_as(PG_FUNCTION_ARGS)
{
	Oid			role = PG_GETARG_OID(0);
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			caller;
	int			context;
	int			level;
	int			result;

	kpicrm_check_can_set_role(GetUserId(), role);
	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	level = NewGUCNestLevel();

	SPI_connect();
	result = SPI_execute(statement, false, 0);
	if (result < 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot be run as another role: \"%s\"", statement),
				 errhint("It can be anything but COPY and the commands of transactions.")));
	SPI_finish();

	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(caller, context);
	PG_RETURN_VOID();
}
