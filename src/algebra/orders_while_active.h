/*
 * orders_while_active.h
 *		Orders expected of a customer who orders, and may stop after each order.
 */
#ifndef KPICRM_ORDERS_WHILE_ACTIVE_H
#define KPICRM_ORDERS_WHILE_ACTIVE_H

extern double kpicrm_orders_while_active(double shape, double a, double b, double time);

#endif							/* KPICRM_ORDERS_WHILE_ACTIVE_H */
