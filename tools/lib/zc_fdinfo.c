// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "zc.h"

const char *zc_fdinfo_find(const char *line, const char *key, int64_t *value)
{
	char word[32];

	snprintf(word, sizeof(word), " %s: ", key);
	line = strstr(line, word);
	if (!line)
		return NULL;
	line += strlen(word);
	*value = strtoll(line, NULL, 10);
	return line;
}

static int64_t value_of(const char *line, const char *key)
{
	int64_t value;

	return zc_fdinfo_find(line, key, &value) ? value : -1;
}

/*
 * The sum over the lines of ifqs, or of queues with that number. -1 if there is
 * none, or one lacks the key.
 */
static int64_t sum_fdinfo(FILE *f, const char *key, int64_t rxq)
{
	int64_t sum = 0, value;
	unsigned int ifqs = 0, lines = 0;
	char line[2048];

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Zcrx: %u", &ifqs) == 1)
			break;
	/* each has a line, and one for each of its queues */
	while (ifqs && fgets(line, sizeof(line), f)) {
		if (!strstr(line, " buffers: ") && !strstr(line, " queue: "))
			break;
		if (value_of(line, "queue") != rxq)
			continue;
		value = value_of(line, key);
		if (value < 0)
			return -1;
		sum += value;
		lines++;
	}
	return lines ? sum : -1;
}

static int64_t ask(const struct zc *zc, const char *key, int64_t rxq)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int64_t sum = -1;
	char path[64];
	int tries;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", zc->ring.ring_fd);

	/* The kernel leaves the lines out while the ring's lock is taken. */
	for (tries = 0; sum < 0 && tries < 100; tries++) {
		FILE *f = fopen(path, "re");

		if (!f)
			return -1;
		sum = sum_fdinfo(f, key, rxq);
		fclose(f);
		if (sum < 0)
			nanosleep(&ms, NULL);
	}
	return sum;
}

int64_t zc_fdinfo(const struct zc *zc, const char *key)
{
	return ask(zc, key, -1);
}

int64_t zc_fdinfo_queue(const struct zc *zc, uint32_t rxq, const char *key)
{
	return ask(zc, key, rxq);
}
