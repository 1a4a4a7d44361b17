/*
 * step_flags.h
 *		Which of up to 32 conditions have been met.
 *
 * Bytes (sent): version 1 | number of conditions | the met ones as bits.
 */
#ifndef KPICRM_STEP_FLAGS_H
#define KPICRM_STEP_FLAGS_H

#include "utils/array.h"

#define KPICRM_STEPS_MAX 32

typedef struct KpicrmStepFlags
{
	uint32		steps;			/* 1 to 32 */
	uint32		met;			/* bit i: condition i + 1 */
} KpicrmStepFlags;

extern KpicrmStepFlags kpicrm_step_flags_of_array(ArrayType *array);

#endif							/* KPICRM_STEP_FLAGS_H */
