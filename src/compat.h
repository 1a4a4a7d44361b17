/*
 * compat.h
 *		Differences between the supported PostgreSQL versions (15 to 18).
 *
 * The only file in this project that asks for a server version.
 */
#ifndef KPICRM_COMPAT_H
#define KPICRM_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "kpicrm needs PostgreSQL 15 or newer"
#endif

#ifndef HAVE_INT128
#error "kpicrm needs a platform with 128-bit integers (any 64-bit platform)"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* The count never includes itself; 17 no longer asks. */
#if PG_VERSION_NUM >= 170000
#define kpicrm_sendcountedtext(buf, text, length) pq_sendcountedtext(buf, text, length)
#else
#define kpicrm_sendcountedtext(buf, text, length) pq_sendcountedtext(buf, text, length, false)
#endif

/* A limit that 17 brought; read where miscadmin.h is. */
#if PG_VERSION_NUM >= 170000
#define KPICRM_IS_TRANSACTION_OVERDUE TransactionTimeoutPending
#else
#define KPICRM_IS_TRANSACTION_OVERDUE false
#endif

/* 16 tells membership from the right to SET ROLE. */
#if PG_VERSION_NUM >= 160000
#define kpicrm_check_can_set_role(member, role) check_can_set_role(member, role)
#else
#define kpicrm_check_can_set_role(member, role) check_is_member_of_role(member, role)
#endif

/* 18 has it stand before the declaration, and in place of pg_attribute_noreturn(). */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#endif							/* KPICRM_COMPAT_H */
