/*
 * event_chain.c
 *		How far the events of one customer lead within a window, and the bytes of
 *		such a chain.  Knows neither fmgr nor SQL (see event_chain_sql.c).
 *
 * The level has the meaning of ClickHouse's windowFunnel: steps 1, 2, … in the
 * order of time, others in between, all within the window from the event that
 * matched step 1.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "miscadmin.h"

#include "algebra/event_chain.h"
#include "algebra/instant.h"

static const struct
{
	const char *name;
	int32		mode;
}			mode_names[] = {
	{"strict_deduplication", KPICRM_STRICT_DEDUPLICATION},
	{"strict_order", KPICRM_STRICT_ORDER},
	{"strict_increase", KPICRM_STRICT_INCREASE}
};

/* For a step that has been reached: where the latest chain to it began. */
typedef struct Reached
{
	bool		yes;
	int64		first;
} Reached;

size_t
kpicrm_chain_size(uint32 capacity)
{
	return offsetof(KpicrmEventChain, events) + capacity * sizeof(KpicrmChainEvent);
}

int
kpicrm_chain_compare(const void *a, const void *b)
{
	const KpicrmChainEvent *x = a;
	const KpicrmChainEvent *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->steps > y->steps) - (x->steps < y->steps);
}

/* The caller has made room. */
void
kpicrm_chain_append(KpicrmEventChain *chain, int64 at, uint32 steps)
{
	KpicrmChainEvent *event = &chain->events[chain->used];

	event->at = at;
	event->steps = steps;
	event->unused = 0;
	if (chain->used > 0 && kpicrm_chain_compare(event - 1, event) > 0)
		chain->sorted = 0;
	chain->used++;
}

static int
level_of(const Reached *reached, int steps)
{
	while (steps > 0 && !reached[steps - 1].yes)
		steps--;
	return steps;
}

/* What one match of a step does: returns false if it ends the search. */
static bool
match(const KpicrmEventChain *chain, Reached *reached, int step, int64 at)
{
	const Reached *before = &reached[step - 1];

	if (step == 0)
	{
		reached[0].yes = true;
		reached[0].first = at;
		return true;
	}
	if ((chain->modes & KPICRM_STRICT_DEDUPLICATION) && reached[step].yes)
		return false;
	if (!before->yes)
		return !((chain->modes & KPICRM_STRICT_ORDER) && reached[0].yes);
	/* Instants may be further apart than a signed number can say. */
	if ((uint64) at - (uint64) before->first > (uint64) chain->window)
		return true;
	reached[step].yes = true;
	reached[step].first = before->first;
	return step + 1 < chain->steps;
}

/*
 * Events at one instant count step by step, the lower first, so that they can
 * follow each other; the higher first where that is just what they must not.
 * Those that match no step come before them.  Of several chains to a step the one
 * that began last is kept: it has the most time left.
 */
int
kpicrm_chain_level(const KpicrmEventChain *chain)
{
	Reached		reached[KPICRM_CHAIN_STEPS_MAX] = {{false, 0}};
	bool		descending = (chain->modes & KPICRM_STRICT_INCREASE) != 0;
	uint32		end;

	for (uint32 i = 0; i < chain->used; i = end)
	{
		int64		at = chain->events[i].at;

		for (end = i; end < chain->used && chain->events[end].at == at; end++)
			if (chain->events[end].steps == 0 && reached[0].yes)
				return level_of(reached, chain->steps);
		for (int turn = 0; turn < chain->steps; turn++)
		{
			int			step = descending ? chain->steps - 1 - turn : turn;

			for (uint32 j = i; j < end; j++)
				if ((chain->events[j].steps >> step & 1) && !match(chain, reached, step, at))
					return level_of(reached, chain->steps);
		}
	}
	return level_of(reached, chain->steps);
}

/* A list of names, separated by commas; none is no mode. */
bool
kpicrm_chain_modes(const char *names, size_t length, int32 *modes)
{
	const char *end = names + length;

	*modes = 0;
	while (names < end)
	{
		bool		known = false;
		const char *name;
		size_t		name_length;

		while (names < end && (*names == ' ' || *names == ','))
			names++;
		name = names;
		while (names < end && *names != ' ' && *names != ',')
			names++;
		name_length = (size_t) (names - name);
		if (name_length == 0)
			break;
		for (size_t i = 0; i < lengthof(mode_names); i++)
			if (strlen(mode_names[i].name) == name_length &&
				memcmp(mode_names[i].name, name, name_length) == 0)
			{
				*modes |= mode_names[i].mode;
				known = true;
			}
		if (!known)
			return false;
	}
	return true;
}

static bool
header_is_valid(const KpicrmEventChain *header, int64 events)
{
	return header->window >= 0 &&
		(header->modes & ~KPICRM_CHAIN_MODES) == 0 &&
		header->steps >= 1 && header->steps <= KPICRM_CHAIN_STEPS_MAX &&
		events >= 0 && events <= KPICRM_CHAIN_EVENTS_LIMIT;
}

/* An event that matches nothing is kept only where it can end a chain. */
static bool
steps_are_valid(const KpicrmEventChain *chain, uint64 steps)
{
	return steps >> chain->steps == 0 &&
		(steps != 0 || (chain->modes & KPICRM_STRICT_ORDER));
}

static bool
append_valid(KpicrmEventChain *chain, int64 at, uint64 steps)
{
	if (!IS_VALID_TIMESTAMP(at) || !steps_are_valid(chain, steps))
		return false;
	kpicrm_chain_append(chain, at, (uint32) steps);
	return chain->sorted;
}

bool
kpicrm_chain_take_header(KpicrmSource *source, KpicrmEventChain *header, int64 *events)
{
	uint8		version = kpicrm_take_byte(source);

	memset(header, 0, offsetof(KpicrmEventChain, events));
	header->modes = kpicrm_take_byte(source);
	header->steps = kpicrm_take_byte(source);
	header->window = kpicrm_take_count(source);
	header->sorted = 1;
	*events = kpicrm_take_count(source);
	/* An event takes two bytes at least: no room is made for more than there are. */
	return !source->failed && version == KPICRM_EVENT_CHAIN_VERSION &&
		header_is_valid(header, *events) && *events <= (source->end - source->at) / 2;
}

bool
kpicrm_chain_take_events(KpicrmSource *source, KpicrmEventChain *chain, int64 events)
{
	int64		at = 0;

	for (int64 i = 0; i < events; i++)
	{
		/* A distance that leads around comes out before the event it is from. */
		at = i == 0 ? kpicrm_take_signed(source) : (int64) ((uint64) at + kpicrm_take_varint(source));
		if (!append_valid(chain, at, kpicrm_take_varint(source)) || source->failed)
			return false;
	}
	return !source->failed && source->at == source->end;
}

void
kpicrm_chain_put(KpicrmSink *sink, const KpicrmEventChain *chain)
{
	*sink->at++ = KPICRM_EVENT_CHAIN_VERSION;
	*sink->at++ = (uint8) chain->modes;
	*sink->at++ = (uint8) chain->steps;
	kpicrm_put_varint(sink, (uint64) chain->window);
	kpicrm_put_varint(sink, chain->used);
	for (uint32 i = 0; i < chain->used; i++)
	{
		if (i == 0)
			kpicrm_put_signed(sink, chain->events[i].at);
		else
			kpicrm_put_varint(sink, (uint64) chain->events[i].at - (uint64) chain->events[i - 1].at);
		kpicrm_put_varint(sink, chain->events[i].steps);
	}
}

bool
kpicrm_chain_text_header(KpicrmText *in, KpicrmEventChain *header, int64 *events)
{
	const char *at;
	int64		steps;

	memset(header, 0, offsetof(KpicrmEventChain, events));
	header->sorted = 1;
	for (size_t i = 0; i < lengthof(mode_names); i++)
		if (kpicrm_text_try(in, mode_names[i].name))
		{
			header->modes |= mode_names[i].mode;
			kpicrm_text_literal(in, " ");
		}
	steps = kpicrm_text_count(in);
	header->steps = (int32) Min(steps, KPICRM_CHAIN_STEPS_MAX + 1);
	kpicrm_text_literal(in, " steps in ");
	header->window = kpicrm_text_count(in);
	kpicrm_text_literal(in, "us {");
	*events = 0;
	if (in->failed)
		return false;
	for (at = in->at; *at != '\0' && *events <= KPICRM_CHAIN_EVENTS_LIMIT; at++)
		*events += *at == ',' || at == in->at;
	return header_is_valid(header, *events);
}

static uint64
text_steps(KpicrmText *in, int steps)
{
	uint64		bits = 0;

	for (int i = 0; i < steps && !in->failed; i++)
	{
		if (kpicrm_text_try(in, "1"))
			bits |= UINT64CONST(1) << i;
		else
			kpicrm_text_literal(in, "0");
	}
	return bits;
}

bool
kpicrm_chain_text_events(KpicrmText *in, KpicrmEventChain *chain, int64 events)
{
	while (!kpicrm_text_try(in, "}"))
	{
		int64		at;

		CHECK_FOR_INTERRUPTS();
		if (chain->used > 0)
			kpicrm_text_literal(in, ", ");
		at = kpicrm_text_instant(in);
		kpicrm_text_literal(in, " ");
		if (in->failed || chain->used >= events ||
			!append_valid(chain, at, text_steps(in, chain->steps)) || in->failed)
			return false;
	}
	return kpicrm_text_finish(in);
}

void
kpicrm_chain_print_modes(StringInfo out, int32 modes)
{
	for (size_t i = 0; i < lengthof(mode_names); i++)
		if (modes & mode_names[i].mode)
			appendStringInfo(out, "%s ", mode_names[i].name);
}

void
kpicrm_chain_print(StringInfo out, const KpicrmEventChain *chain)
{
	kpicrm_chain_print_modes(out, chain->modes);
	appendStringInfo(out, "%d steps in %lldus {", chain->steps, (long long) chain->window);
	for (uint32 i = 0; i < chain->used; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i > 0)
			appendStringInfoString(out, ", ");
		kpicrm_print_instant(out, chain->events[i].at);
		appendStringInfoChar(out, ' ');
		for (int step = 0; step < chain->steps; step++)
			appendStringInfoChar(out, chain->events[i].steps >> step & 1 ? '1' : '0');
	}
	appendStringInfoChar(out, '}');
}
