/*
 * decimal_sql.c
 *		Between numeric and KpicrmDecimal.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "compat.h"
#include "algebra/decimal_sql.h"

/*
 * The bytes of a stored numeric: a 16-bit header with the flags below; weight
 * in its low 7 bits (short form) or in the next 16 (long form); digits.
 */
#define NUMERIC_SHORT_FORM 0x8000
#define NUMERIC_SHORT_NEGATIVE 0x2000
#define NUMERIC_SHORT_WEIGHT 0x003F
#define NUMERIC_SHORT_WEIGHT_NEGATIVE 0x0040
#define NUMERIC_LONG_NEGATIVE 0x4000
#define NUMERIC_NOT_FINITE 0xC000

void
kpicrm_amount_overflow(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("amount out of range"),
			 errdetail("Amounts and their sums have at most %d digits, %d of them after the point.",
					   KPICRM_DECIMAL_PRECISION, KPICRM_DECIMAL_MAX_SCALE),
			 errhint("Round the amounts, or aggregate a smaller group.")));
}

static void
infinite_amount(Datum value)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("amount must be a finite number, not %s",
					DatumGetCString(DirectFunctionCall1(numeric_out, value))),
			 errhint("Leave the row out with FILTER, or turn the amount into NULL.")));
}

/*
 * Reads the stored bytes, once a row.  numeric.c keeps their layout to itself,
 * but pg_upgrade keeps it from changing (it is that of 9.1), and the detour over
 * numeric_send() costs more than all the rest of a transition.
 */
KpicrmDecimal
kpicrm_decimal_of_numeric(Datum value)
{
	struct varlena *stored = PG_DETOAST_DATUM_PACKED(value);
	const char *bytes = VARDATA_ANY(stored);
	int			length = (int) VARSIZE_ANY_EXHDR(stored);
	uint16		header;
	int16		weight;
	int			digits_at = sizeof(header);
	bool		negative;
	KpicrmDecimal d;

	memcpy(&header, bytes, sizeof(header));
	if ((header & NUMERIC_NOT_FINITE) == NUMERIC_NOT_FINITE)
		infinite_amount(value);
	if (header & NUMERIC_SHORT_FORM)
	{
		negative = (header & NUMERIC_SHORT_NEGATIVE) != 0;
		weight = (int16) (header & NUMERIC_SHORT_WEIGHT);
		if (header & NUMERIC_SHORT_WEIGHT_NEGATIVE)
			weight = (int16) (weight - NUMERIC_SHORT_WEIGHT - 1);
	}
	else
	{
		negative = (header & NUMERIC_LONG_NEGATIVE) != 0;
		memcpy(&weight, bytes + digits_at, sizeof(weight));
		digits_at += (int) sizeof(weight);
	}
	if (!kpicrm_decimal_from_digits(&d, negative, weight, (length - digits_at) / 2,
									bytes + digits_at))
		kpicrm_amount_overflow();
	return d;
}

Datum
kpicrm_decimal_to_numeric(const KpicrmDecimal *d)
{
	StringInfoData digits;

	initStringInfo(&digits);
	kpicrm_decimal_print(&digits, d);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(digits.data),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum
kpicrm_decimal_per(const KpicrmDecimal *amount, int64 count)
{
	return DirectFunctionCall2(numeric_div, kpicrm_decimal_to_numeric(amount),
							   NumericGetDatum(int64_to_numeric(count)));
}

Datum
kpicrm_decimal_margin(const KpicrmDecimal *revenue, const KpicrmDecimal *cost)
{
	KpicrmDecimal margin = *revenue;

	if (!kpicrm_decimal_subtract(&margin, cost))
		kpicrm_amount_overflow();
	return kpicrm_decimal_to_numeric(&margin);
}
