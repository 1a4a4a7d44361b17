/*
 * step_flags_sql.c
 *		SQL face of step_flags and retention.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "compat.h"
#include "kpicrm.h"
#include "algebra/step_flags.h"

#define STEP_FLAGS_VERSION 1
#define INVALID_HINT "Write a 0 or 1 for each condition, for example \"101\"."

static uint32
all_bits(uint32 steps)
{
	return steps == 32 ? PG_UINT32_MAX : ((uint32) 1 << steps) - 1;
}

static Datum
result(KpicrmStepFlags flags)
{
	KpicrmStepFlags *copy = palloc(sizeof(KpicrmStepFlags));

	*copy = flags;
	return PointerGetDatum(copy);
}

/* NULL elements are conditions that are not met. */
KpicrmStepFlags
kpicrm_step_flags_of_array(ArrayType *array)
{
	KpicrmStepFlags flags = {0, 0};
	Datum	   *values;
	bool	   *nulls;
	int			count;

	if (ARR_NDIM(array) != 1 || ARR_ELEMTYPE(array) != BOOLOID ||
		ARR_DIMS(array)[0] < 1 || ARR_DIMS(array)[0] > KPICRM_STEPS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be 1 to %d conditions", KPICRM_STEPS_MAX),
				 errhint("Write them one by one, or give VARIADIC a one-dimensional array of boolean.")));
	flags.steps = (uint32) ARR_DIMS(array)[0];
	if (!ARR_HASNULL(array))
	{
		const char *bytes = ARR_DATA_PTR(array);

		for (uint32 i = 0; i < flags.steps; i++)
			flags.met |= (uint32) (bytes[i] != 0) << i;
		return flags;
	}
	deconstruct_array(array, BOOLOID, 1, true, TYPALIGN_CHAR, &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		flags.met |= (uint32) (!nulls[i] && DatumGetBool(values[i])) << i;
	return flags;
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_in);
Datum
kpicrm_step_flags_in(PG_FUNCTION_ARGS)
{
	const char *string = PG_GETARG_CSTRING(0);
	KpicrmStepFlags flags = {0, 0};

	for (const char *at = string; *at != '\0'; at++)
	{
		if ((*at != '0' && *at != '1') || flags.steps == KPICRM_STEPS_MAX)
			kpicrm_invalid_text("step_flags", string, INVALID_HINT);
		flags.met |= (uint32) (*at == '1') << flags.steps++;
	}
	if (flags.steps == 0)
		kpicrm_invalid_text("step_flags", string, INVALID_HINT);
	return result(flags);
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_out);
Datum
kpicrm_step_flags_out(PG_FUNCTION_ARGS)
{
	const KpicrmStepFlags *flags = (const KpicrmStepFlags *) PG_GETARG_POINTER(0);
	char	   *string = palloc(KPICRM_STEPS_MAX + 1);
	uint32		steps = Min(flags->steps, KPICRM_STEPS_MAX);

	for (uint32 i = 0; i < steps; i++)
		string[i] = flags->met >> i & 1 ? '1' : '0';
	string[steps] = '\0';
	PG_RETURN_CSTRING(string);
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_recv);
Datum
kpicrm_step_flags_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	KpicrmStepFlags flags;
	int			version;

	if (buf->len - buf->cursor != 6)
		kpicrm_invalid_bytes("step_flags");
	version = pq_getmsgbyte(buf);
	flags.steps = (uint32) pq_getmsgbyte(buf);
	flags.met = (uint32) pq_getmsgint(buf, 4);
	if (version != STEP_FLAGS_VERSION || flags.steps < 1 || flags.steps > KPICRM_STEPS_MAX ||
		(flags.met & ~all_bits(flags.steps)) != 0)
		kpicrm_invalid_bytes("step_flags");
	return result(flags);
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_send);
Datum
kpicrm_step_flags_send(PG_FUNCTION_ARGS)
{
	const KpicrmStepFlags *flags = (const KpicrmStepFlags *) PG_GETARG_POINTER(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, STEP_FLAGS_VERSION);
	pq_sendbyte(&buf, (uint8) flags->steps);
	pq_sendint32(&buf, flags->met);
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static KpicrmStepFlags
united(KpicrmStepFlags a, KpicrmStepFlags b)
{
	if (a.steps != b.steps)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot merge %s of %u and of %u conditions", "step_flags", a.steps, b.steps),
				 errhint("Give the same number of conditions for all rows.")));
	a.met |= b.met;
	return a;
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_transition);
Datum
kpicrm_step_flags_transition(PG_FUNCTION_ARGS)
{
	KpicrmStepFlags flags;

	if (PG_ARGISNULL(1) && PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	flags = kpicrm_step_flags_of_array(PG_GETARG_ARRAYTYPE_P(1));
	if (PG_ARGISNULL(0))
		return result(flags);
	flags = united(*(const KpicrmStepFlags *) PG_GETARG_POINTER(0), flags);
	if (!AggCheckCallContext(fcinfo, NULL))
		return result(flags);
	*(KpicrmStepFlags *) PG_GETARG_POINTER(0) = flags;
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_add);
Datum
kpicrm_step_flags_add(PG_FUNCTION_ARGS)
{
	return result(united(*(const KpicrmStepFlags *) PG_GETARG_POINTER(0),
						 *(const KpicrmStepFlags *) PG_GETARG_POINTER(1)));
}

/* The first condition, and each other one if the first is met too. */
PG_FUNCTION_INFO_V1(kpicrm_step_flags_retained);
Datum
kpicrm_step_flags_retained(PG_FUNCTION_ARGS)
{
	const KpicrmStepFlags *flags = (const KpicrmStepFlags *) PG_GETARG_POINTER(0);
	Datum		values[KPICRM_STEPS_MAX];

	for (uint32 i = 0; i < flags->steps; i++)
		values[i] = BoolGetDatum((flags->met & 1) && (flags->met >> i & 1));
	PG_RETURN_ARRAYTYPE_P(construct_array(values, (int) flags->steps, BOOLOID, 1, true, TYPALIGN_CHAR));
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_eq);
Datum
kpicrm_step_flags_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), sizeof(KpicrmStepFlags)) == 0);
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_ne);
Datum
kpicrm_step_flags_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(memcmp(PG_GETARG_POINTER(0), PG_GETARG_POINTER(1), sizeof(KpicrmStepFlags)) != 0);
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_hash);
Datum
kpicrm_step_flags_hash(PG_FUNCTION_ARGS)
{
	return hash_any((const unsigned char *) PG_GETARG_POINTER(0), sizeof(KpicrmStepFlags));
}

PG_FUNCTION_INFO_V1(kpicrm_step_flags_hash_extended);
Datum
kpicrm_step_flags_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_any_extended((const unsigned char *) PG_GETARG_POINTER(0), sizeof(KpicrmStepFlags),
							 (uint64) PG_GETARG_INT64(1));
}
