/*
 * expression_sql.c
 *		What a user may write as the definition of a KPI: the parser's opinion.
 *
 * A definition is text that is put into a query later and run by whoever reads
 * the KPI, so it must be an expression and nothing else, and must not call what
 * another user can change.  Both are read from the trees of PostgreSQL's own
 * parser: no list of forbidden words, which would have gaps.  Nothing is run.
 *
 * It is an expression if "SELECT text" is one SELECT of one column and has none
 * of its other clauses: what closes a parenthesis too many, begins another
 * statement or is cut off by a comment fails here, and what does not can stand
 * between parentheses.  It is harmless if it has no sub-select, window or set,
 * if every function is an IMMUTABLE one of pg_catalog or kpicrm, and if every
 * value is of a type of one of them: types bring functions along.  A literal is
 * read again with each query: it must not say today or depend on the time zone.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "compat.h"

static void
reject(const char *reason, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", reason),
			 errhint("%s", hint)));
}

static bool
is_trusted_namespace(Oid namespace)
{
	return namespace == PG_CATALOG_NAMESPACE ||
		namespace == get_namespace_oid("kpicrm", true);
}

/* One SELECT of one unnamed column, and none of its other clauses. */
static bool
is_bare_select(const SelectStmt *select)
{
	return select->op == SETOP_NONE &&
		list_length(select->targetList) == 1 &&
		select->distinctClause == NIL &&
		select->intoClause == NULL &&
		select->fromClause == NIL &&
		select->whereClause == NULL &&
		select->groupClause == NIL &&
		select->havingClause == NULL &&
		select->windowClause == NIL &&
		select->valuesLists == NIL &&
		select->sortClause == NIL &&
		select->limitOffset == NULL &&
		select->limitCount == NULL &&
		select->lockingClause == NIL &&
		select->withClause == NULL;
}

/* Is the text an expression, and no more than one? */
static void
check_is_expression(const char *expression)
{
	char	   *text = psprintf("SELECT %s", expression);
	List	   *statements = raw_parser(text, RAW_PARSE_DEFAULT);
	Node	   *statement;
	const ResTarget *target;

	if (list_length(statements) != 1)
		reject("there is more than one statement", "Write one expression, without a semicolon.");
	statement = linitial_node(RawStmt, statements)->stmt;
	if (!IsA(statement, SelectStmt) || !is_bare_select((SelectStmt *) statement))
		reject("this is more than one expression", "Write what could stand between SELECT and FROM, as one column.");
	target = linitial_node(ResTarget, ((SelectStmt *) statement)->targetList);
	if (target->name != NULL)
		reject("an expression has no name", "Leave out AS and the name behind it.");
}

static bool
is_untrusted_function(Oid function, void *context)
{
	if (!is_trusted_namespace(get_func_namespace(function)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function %s cannot be used here", format_procedure_qualified(function)),
				 errhint("Use functions and operators of PostgreSQL and of kpicrm only: others can be changed by their owner.")));
	if (func_volatile(function) != PROVOLATILE_IMMUTABLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function %s cannot be used here, because it is not IMMUTABLE", format_procedure_qualified(function)),
				 errhint("Its result depends on more than its arguments. Use the columns of the fact: it has local days beside instants, and period_start, period_end and as_of.")));
	return false;
}

static Oid
type_namespace(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			namespace;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	namespace = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace;
	ReleaseSysCache(tuple);
	return namespace;
}

static void
check_type(Oid type)
{
	if (!is_trusted_namespace(type_namespace(type)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type %s cannot be used here", format_type_be_qualified(type)),
				 errhint("Use types of PostgreSQL and of kpicrm only: others can be changed by their owner.")));
}

/* The strings of a raw parse tree, to be found by their place in the text. */
static bool
collect_strings(Node *node, void *context)
{
	List	  **strings = context;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const) && !castNode(A_Const, node)->isnull && IsA(&castNode(A_Const, node)->val, String))
		*strings = lappend(*strings, node);
	return raw_expression_tree_walker(node, collect_strings, context);
}

static const char *
string_at(const List *strings, int location)
{
	ListCell   *cell;

	foreach(cell, strings)
	{
		const A_Const *string = lfirst_node(A_Const, cell);

		if (string->location == location)
			return string->val.sval.sval;
	}
	return NULL;
}

/* Does it hold one of the words that mean another time each day? */
static bool
names_the_present(const char *string)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};

	for (const char *at = string; *at != '\0';)
	{
		size_t		length = 0;

		while (isalpha((unsigned char) at[length]))
			length++;
		for (int i = 0; i < lengthof(words); i++)
			if (strlen(words[i]) == length && pg_strncasecmp(at, words[i], length) == 0)
				return true;
		at += Max(length, 1);
	}
	return false;
}

/* Of what a value is made: the elements of an array, the bounds of a range. */
static Oid
element_of(Oid type)
{
	Oid			element = get_base_element_type(type);
	Oid			ranges = get_multirange_range(OidIsValid(element) ? element : type);
	Oid			range = OidIsValid(ranges) ? ranges : OidIsValid(element) ? element : type;
	Oid			bound = get_range_subtype(range);

	return OidIsValid(bound) ? bound : range;
}

static void
check_literal(const Const *literal, const List *strings)
{
	const char *string = string_at(strings, literal->location);

	if (literal->constisnull || string == NULL)
		return;
	switch (element_of(literal->consttype))
	{
		case TIMESTAMPTZOID:
		case TIMETZOID:
			reject("an instant cannot be written here, because it depends on the time zone of the session",
				   "Compare local days, for example closed_date >= '2026-04-01', or write timestamp '2026-04-01 09:00' AT TIME ZONE 'Asia/Tokyo'.");
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMEOID:
			if (names_the_present(string))
				reject("an expression cannot depend on the day it is read", "Use the columns of the fact, period_start, period_end and as_of.");
			break;
	}
}

/*
 * Walks the analyzed expression; true never comes out of it, errors do.  What is
 * not known to be harmless is refused.  The context is the strings of its text.
 */
static bool
check_node(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
		check_literal(castNode(Const, node), context);
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_Aggref:
		case T_FuncExpr:
		case T_NamedArgExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_CaseExpr:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_MinMaxExpr:
		case T_ArrayExpr:
		case T_SubscriptingRef:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CollateExpr:
			check_type(exprType(node));
			check_functions_in_node(node, is_untrusted_function, context);
			break;
		case T_List:
		case T_TargetEntry:
		case T_SortGroupClause:
		case T_CaseWhen:
			break;
		case T_SubLink:
			reject("an expression cannot contain a sub-select", "Use the columns of the fact, or make a view of the workspace the fact.");
			break;
		case T_WindowFunc:
			reject("an expression cannot contain a window function", "Use an aggregate function.");
			break;
		case T_SQLValueFunction:
			reject("an expression cannot depend on the session", "Use the columns of the fact, period_start, period_end and as_of.");
			break;
		case T_CoerceToDomain:
			reject("an expression cannot use a domain", "Cast to the type that the domain is made of.");
			break;
		default:
			reject("an expression of this kind cannot be used here", "Use columns, operators, functions, CASE and aggregates with FILTER.");
			break;
	}
	return expression_tree_walker(node, check_node, context);
}

/* The analyzed expression over the rows of source, or an error. */
static Node *
analyzed_expression(FunctionCallInfo fcinfo, bool *has_aggregates)
{
	char	   *expression = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *text;
	List	   *statements;
	List	   *strings = NIL;
	Query	   *query;
	Node	   *value;

	check_is_expression(expression);
	/* A comment at its end must not swallow the parenthesis. */
	text = psprintf("SELECT (\n%s\n) FROM %s", expression, source);
	statements = raw_parser(text, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1)
		reject("there is more than one statement", "Write one expression, without a semicolon.");
	collect_strings(linitial_node(RawStmt, statements)->stmt, &strings);
	query = parse_analyze_fixedparams(linitial_node(RawStmt, statements), text, NULL, 0, NULL);
	/* what GROUP BY needs and does not show stands behind it */
	if (list_length(query->targetList) > 1 && !lsecond_node(TargetEntry, query->targetList)->resjunk)
		reject("this is more than one expression", "Name one column instead of *.");
	value = (Node *) linitial_node(TargetEntry, query->targetList)->expr;
	if (query->hasTargetSRFs)
		reject("an expression cannot return a set", "Use an aggregate function.");
	check_node(value, strings);
	*has_aggregates = query->hasAggs;
	return value;
}

/*
 * The type of an expression over the rows of source, a FROM clause with all that
 * follows it.  The source comes from the caller, not from the user.
 */
PG_FUNCTION_INFO_V1(kpicrm_expression_type);
Datum
kpicrm_expression_type(PG_FUNCTION_ARGS)
{
	bool		aggregated = PG_GETARG_BOOL(2);
	bool		has_aggregates;
	Node	   *value = analyzed_expression(fcinfo, &has_aggregates);

	if (aggregated && !has_aggregates)
		reject("the expression has no aggregate function", "Write for example count(*) or sum(amount).");
	if (!aggregated && has_aggregates)
		reject("an aggregate function cannot be used here", "Write an expression over the columns of one row.");
	PG_RETURN_OID(exprType(value));
}

static bool
is_named(Oid function, const char *a, const char *b)
{
	const char *name = get_func_name(function);

	return get_func_namespace(function) == PG_CATALOG_NAMESPACE &&
		(strcmp(name, a) == 0 || strcmp(name, b) == 0);
}

static bool
is_zero(Node *node)
{
	const Const *constant;
	Oid			output;
	bool		is_varlena;

	node = strip_implicit_coercions(node);
	if (!IsA(node, Const) || ((const Const *) node)->constisnull)
		return false;
	constant = (const Const *) node;
	getTypeOutputInfo(constant->consttype, &output, &is_varlena);
	return strcmp(OidOutputFunctionCall(output, constant->constvalue), "0") == 0;
}

static bool adds_up(Node *node);

static bool
is_cast_to_number(const FuncExpr *call)
{
	/* casts from and to whole numbers round */
	return call->funcformat != COERCE_EXPLICIT_CALL && list_length(call->args) == 1 &&
		(call->funcresulttype == NUMERICOID || call->funcresulttype == FLOAT8OID);
}

static bool
is_or_zero(const CoalesceExpr *coalesce)
{
	return list_length(coalesce->args) == 2 && adds_up(linitial(coalesce->args)) && is_zero(lsecond(coalesce->args));
}

/* Of what adds up: is it a number for any rows?  A sum of none is NULL. */
static bool
is_never_null(Node *node)
{
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Const:
			return !((Const *) node)->constisnull;
		case T_Aggref:
			return is_named(((Aggref *) node)->aggfnoid, "count", "count");
		case T_RelabelType:
			return is_never_null((Node *) ((RelabelType *) node)->arg);
		case T_CoalesceExpr:
			return is_or_zero((CoalesceExpr *) node);
		case T_FuncExpr:
			return is_cast_to_number((FuncExpr *) node) && is_never_null(linitial(((FuncExpr *) node)->args));
		case T_OpExpr:
			return is_never_null(linitial(((OpExpr *) node)->args)) && is_never_null(llast(((OpExpr *) node)->args));
		default:
			return false;
	}
}

/*
 * Does the value over all rows follow from those over parts of them by adding up?
 * So do count and sum, their multiples by a constant, sums that are 0 instead of
 * NULL, and what is added or subtracted of all these, if no part of it can be NULL:
 * the other part would be lost with it.
 */
static bool
adds_up(Node *node)
{
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Aggref:
			return ((Aggref *) node)->aggdistinct == NIL &&
				is_named(((Aggref *) node)->aggfnoid, "count", "sum");
		case T_RelabelType:
			return adds_up((Node *) ((RelabelType *) node)->arg);
		case T_CoalesceExpr:
			return is_or_zero((CoalesceExpr *) node);
		case T_FuncExpr:
			return is_cast_to_number((FuncExpr *) node) && adds_up(linitial(((FuncExpr *) node)->args));
		case T_OpExpr:
			{
				OpExpr	   *op = (OpExpr *) node;
				const char *name = get_opname(op->opno);
				Node	   *left = linitial(op->args);
				Node	   *right = llast(op->args);

				if (strcmp(name, "+") == 0 || strcmp(name, "-") == 0)
					return adds_up(left) && adds_up(right) && is_never_null(left) && is_never_null(right);
				if (strcmp(name, "*") == 0)
					return (IsA(strip_implicit_coercions(left), Const) && adds_up(right)) ||
						(adds_up(left) && IsA(strip_implicit_coercions(right), Const));
				return false;
			}
		default:
			return false;
	}
}

PG_FUNCTION_INFO_V1(kpicrm_expression_adds_up);
Datum
kpicrm_expression_adds_up(PG_FUNCTION_ARGS)
{
	bool		has_aggregates;
	Node	   *value = analyzed_expression(fcinfo, &has_aggregates);

	PG_RETURN_BOOL(adds_up(value));
}
