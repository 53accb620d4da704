// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zcrxctl.h"

#define DEFAULT_INTERVAL	1.0

/* -q 1 -q 2,3: the letters are those of struct command. */
static const struct option longs[] = {
	{ "queue", required_argument, NULL, 'q' },
	{ "port", required_argument, NULL, 'p' },
	{ "area", required_argument, NULL, 'a' },
	{ "try", no_argument, NULL, 't' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "rate", required_argument, NULL, 'r' },
	{ "latency", required_argument, NULL, 'l' },
	{ "connections", required_argument, NULL, 'c' },
	{ "rx-buf-len", required_argument, NULL, 'b' },
	{ "watch", optional_argument, NULL, 'w' },
	{ "count", required_argument, NULL, 'C' },
	{ }
};

/* A whole number up to max; what comes behind it goes to *end. */
static bool number(const char *s, uint64_t max, uint64_t *value, char **end)
{
	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*value = strtoull(s, end, 10);
	return !errno && *value <= max;
}

static bool whole(const char *s, uint64_t max, uint64_t *value)
{
	char *end;

	return number(s, max, value, &end) && !*end;
}

/* A number with a unit, the first of which is that of no unit at all. */
struct unit {
	const char *name;
	double factor;
};

static bool with_unit(const char *s, const struct unit *units, double *value)
{
	char *end;

	if (!isdigit((unsigned char)*s) && *s != '.')
		return false;
	*value = strtod(s, &end);
	if (end == s || !isfinite(*value))
		return false;
	for (; units->name; units++) {
		if (strcasecmp(end, units->name))
			continue;
		*value *= units->factor;
		return true;
	}
	return false;
}

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", 1024 }, { "KiB", 1024 },
	{ "M", 1048576 }, { "MiB", 1048576 },
	{ "G", 1073741824 }, { "GiB", 1073741824 },
	{ }
};

static const struct unit rate_units[] = {
	{ "", 1 }, { "bit", 1 },
	{ "K", 1e3 }, { "kbit", 1e3 },
	{ "M", 1e6 }, { "Mbit", 1e6 },
	{ "G", 1e9 }, { "Gbit", 1e9 },
	{ }
};

static const struct unit second_units[] = {
	{ "", 1 }, { "ms", 0.001 }, { "s", 1 },
	{ }
};

/* These have a unit: 5 may be thought to be ms. */
static const struct unit time_units[] = {
	{ "us", 0.000001 }, { "ms", 0.001 }, { "s", 1 },
	{ }
};

static bool bytes(const char *s, uint64_t max, uint64_t *value)
{
	double v;

	if (!with_unit(s, size_units, &v) || v > max)
		return false;
	*value = v;
	return true;
}

bool options_has_queue(const struct options *opt, uint32_t queue)
{
	unsigned int i;

	for (i = 0; i < opt->nr_queues; i++)
		if (opt->queue[i] == queue)
			return true;
	return false;
}

uint32_t options_highest_queue(const struct options *opt)
{
	uint32_t max = 0;
	unsigned int i;

	for (i = 0; i < opt->nr_queues; i++)
		if (opt->queue[i] > max)
			max = opt->queue[i];
	return max;
}

static bool add_queue(struct options *opt, uint32_t queue)
{
	if (options_has_queue(opt, queue))
		return true;
	if (opt->nr_queues == MAX_QUEUES)
		return false;
	opt->queue[opt->nr_queues++] = queue;
	return true;
}

/* "1", "1,3", "1-4" */
static bool queues(struct options *opt, const char *s)
{
	uint64_t from, to;
	char *end;

	for (;;) {
		if (!number(s, UINT16_MAX, &from, &end))
			return false;
		to = from;
		if (*end == '-' && !number(end + 1, UINT16_MAX, &to, &end))
			return false;
		if (from > to)
			return false;
		for (; from <= to; from++)
			if (!add_queue(opt, from))
				return false;
		if (!*end)
			return true;
		if (*end != ',')
			return false;
		s = end + 1;
	}
}

#define ANY_QUEUE	UINT32_MAX

/* "80", "80@2" */
static bool port(struct options *opt, const char *s)
{
	uint64_t value, queue = ANY_QUEUE;
	struct port *port = &opt->port[opt->nr_ports];
	unsigned int i;
	char *end;

	if (opt->nr_ports == MAX_PORTS ||
	    !number(s, UINT16_MAX, &value, &end) || !value)
		return false;
	if (*end && (*end != '@' || !whole(end + 1, UINT16_MAX, &queue)))
		return false;
	for (i = 0; i < opt->nr_ports; i++)
		if (opt->port[i].port == value)
			return false;
	port->port = value;
	port->queue = queue;
	opt->nr_ports++;
	return true;
}

static bool parse_one(struct options *opt, int letter, const char *arg)
{
	uint64_t value;

	switch (letter) {
	case 'q':
		return queues(opt, arg);
	case 'p':
		return port(opt, arg);
	case 'a':
		return bytes(arg, 1ULL << 40, &opt->area) && opt->area;
	case 't':
		opt->try = true;
		return true;
	case 'n':
		opt->dry_run = true;
		return true;
	case 'j':
		opt->json = true;
		return true;
	case 'r':
		return with_unit(arg, rate_units, &opt->rate) &&
		       opt->rate > 0 && opt->rate <= 1e13;
	case 'l':
		return with_unit(arg, time_units, &opt->latency) &&
		       opt->latency > 0 && opt->latency <= 60;
	case 'c':
		if (!whole(arg, 1000000, &value) || !value)
			return false;
		opt->connections = value;
		return true;
	case 'b':
		if (!bytes(arg, 1 << 20, &value) || value < 4096 ||
		    (value & (value - 1)))
			return false;
		opt->rx_buf_len = value;
		return true;
	case 'w':
		opt->watch = true;
		return !arg || (with_unit(arg, second_units, &opt->interval) &&
				opt->interval >= 0.01 && opt->interval <= 86400);
	case 'C':
		return whole(arg, UINT32_MAX, &opt->count) && opt->count;
	}
	return false;
}

/* By rules, nothing else would lead to it. */
static int each_has_port(const struct options *opt)
{
	unsigned int i, j;

	for (i = 0; opt->nr_ports && i < opt->nr_queues; i++) {
		for (j = 0; j < opt->nr_ports; j++)
			if (opt->port[j].queue == opt->queue[i])
				break;
		if (j < opt->nr_ports)
			continue;
		complain("no port goes to queue %u: --port PORT@%u, say",
			 opt->queue[i], opt->queue[i]);
		return EXIT_USAGE;
	}
	return 0;
}

/* Those that name no queue go to all, in turn. */
static int spread_ports(struct options *opt)
{
	unsigned int i, next = 0;

	for (i = 0; i < opt->nr_ports; i++) {
		if (opt->port[i].queue == ANY_QUEUE) {
			opt->port[i].queue = opt->queue[next++ % opt->nr_queues];
		} else if (!options_has_queue(opt, opt->port[i].queue)) {
			complain("port %u is to go to queue %u, which --queue does not name",
				 opt->port[i].port, opt->port[i].queue);
			return EXIT_USAGE;
		}
	}
	return each_has_port(opt);
}

/* No name of an interface, unless somebody gave it one like 5 or .5. */
static bool is_number(const char *s)
{
	return isdigit((unsigned char)s[*s == '.']);
}

static const char *name_of(int letter)
{
	const struct option *o;

	for (o = longs; o->name; o++)
		if (o->val == letter)
			return o->name;
	return "?";
}

int options_parse(struct options *opt, const struct command *cmd, int argc,
		  char **argv)
{
	int letter;

	*opt = (struct options) {
		.interval = DEFAULT_INTERVAL,
		.connections = 1,
	};
	opterr = 0;
	while ((letter = getopt_long(argc, argv, ":q:p:a:tnjr:l:c:b:w::", longs,
				     NULL)) != -1) {
		const char *arg = optarg;

		if (letter == ':') {
			complain("--%s wants a value", name_of(optopt));
			return EXIT_USAGE;
		}
		if (letter == '?' && optopt && !strchr(cmd->options, optopt)) {
			complain("%s does not know -%c", cmd->name, optopt);
			return EXIT_USAGE;
		}
		if (letter == '?' || !strchr(cmd->options, letter)) {
			complain("%s does not know %s", cmd->name,
				 letter == '?' ? argv[optind - 1] :
						 name_of(letter));
			return EXIT_USAGE;
		}
		/* `-w 5` as well, which getopt takes for something else */
		if (letter == 'w' && !arg && optind < argc &&
		    is_number(argv[optind]))
			arg = argv[optind++];
		if (!parse_one(opt, letter, arg)) {
			complain("--%s: %s is nothing that it takes",
				 name_of(letter), arg);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		opt->ifname = argv[optind++];
	if (optind < argc) {
		complain("what is %s?", argv[optind]);
		return EXIT_USAGE;
	}
	if (cmd->needs_if && !opt->ifname) {
		complain("which interface? `ip link` shows those that there are");
		return EXIT_USAGE;
	}
	if (cmd->needs_queue && !opt->nr_queues) {
		complain("which queue? --queue 1, say");
		return EXIT_USAGE;
	}
	return opt->nr_queues ? spread_ports(opt) : 0;
}
