// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "steps.h"

static const struct options *options;
static unsigned int taken;
/* all that were noted: JSON has one text */
static char notes[1024];

void steps_begin(const struct options *opt, const struct nic *nic,
		 const char *command)
{
	options = opt;
	taken = 0;
	notes[0] = '\0';
	if (!opt->json)
		return;
	json_object(NULL);
	json_str("command", command);
	json_str("interface", nic->name);
	json_bool("dry_run", opt->dry_run);
	json_array("steps");
}

void steps_end(bool done)
{
	if (options->json) {
		json_end();
		json_str("note", notes[0] ? notes : NULL);
		json_bool("done", done);
		json_end();
	} else if (done && !taken) {
		puts("nothing to change");
	}
}

void step(const char *what, const char *from, const char *to,
	  const char *command, ...)
{
	char text[RSS_COMMAND_SIZE];
	va_list args;

	va_start(args, command);
	vsnprintf(text, sizeof(text), command, args);
	va_end(args);

	taken++;
	if (options->json) {
		json_object(NULL);
		json_str("what", what);
		json_str("from", from);
		json_str("to", to);
		json_str("ethtool", text);
		json_end();
	} else {
		printf("%-16s %s -> %s  (%s)\n", what, from, to, text);
		fflush(stdout);
	}
}

void step_note(const char *fmt, ...)
{
	size_t len = strlen(notes);
	char note[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(note, sizeof(note), fmt, args);
	va_end(args);
	snprintf(notes + len, sizeof(notes) - len, "%s%s", len ? "; " : "", note);
	if (!options->json)
		printf("note: %s\n", note);
}

static bool is_in_turn(const struct nic_rss *rss, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < rss->size; i++)
		if (rss->queue[i] != rss->queue[0] + i % nr)
			return false;
	return true;
}

/* Weights lead to the same queues as often, though not in the same order. */
const char *rss_command(char *buf, unsigned int size, const struct nic *nic,
			const struct nic_rss *rss)
{
	uint32_t i, queue, nr = 1, highest = 0;
	unsigned int len;

	while (nr < rss->size && rss->queue[nr] == rss->queue[0] + nr)
		nr++;
	if (rss->size && is_in_turn(rss, nr)) {
		snprintf(buf, size, "ethtool -X %s start %u equal %u", nic->name,
			 rss->queue[0], nr);
		return buf;
	}
	for (i = 0; i < rss->size; i++)
		if (rss->queue[i] > highest)
			highest = rss->queue[i];
	len = snprintf(buf, size, "ethtool -X %s weight", nic->name);
	for (queue = 0; queue <= highest && len < size; queue++) {
		uint32_t entries = 0;

		for (i = 0; i < rss->size; i++)
			entries += rss->queue[i] == queue;
		len += snprintf(buf + len, size - len, " %u", entries);
	}
	return buf;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

const char *rss_queues(char *buf, unsigned int size, const struct nic_rss *rss)
{
	uint32_t *sorted = malloc((rss->size + 1) * sizeof(*sorted));
	unsigned int len = 0;
	uint32_t i, from;

	snprintf(buf, size, "none");
	if (!sorted || !rss->size) {
		free(sorted);
		return buf;
	}
	memcpy(sorted, rss->queue, rss->size * sizeof(*sorted));
	qsort(sorted, rss->size, sizeof(*sorted), by_value);
	for (i = 0; i < rss->size && len < size; i++) {
		from = sorted[i];
		while (i + 1 < rss->size && sorted[i + 1] <= sorted[i] + 1)
			i++;
		len += snprintf(buf + len, size - len, "%s%u",
				len ? "," : "", from);
		if (sorted[i] != from && len < size)
			len += snprintf(buf + len, size - len, "-%u", sorted[i]);
	}
	free(sorted);
	return buf;
}
