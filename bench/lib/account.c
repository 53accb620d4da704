// SPDX-License-Identifier: GPL-2.0
/*
 * Busy time is what is left of the clock when idle time is taken off. Ticks
 * are far too coarse for that: the idle time is that of the tickless idle
 * loop, which /proc/timer_list has in ns. What the process ran is exact as
 * well, and without interrupts thanks to IRQ_TIME_ACCOUNTING; only how it
 * divides into user and system goes by ticks, unless the kernel has
 * CONTEXT_TRACKING_USER_FORCE.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "account.h"

#define TIMER_LIST	"/proc/timer_list"

static uint64_t clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint64_t timeval_ns(const struct timeval *tv)
{
	return tv->tv_sec * 1000000000ULL + tv->tv_usec * 1000ULL;
}

static int idle_now(uint64_t *idle)
{
	FILE *f = fopen(TIMER_LIST, "re");
	unsigned long long ns;
	char line[256];
	int sums = 0;

	if (!f)
		return -errno;
	*idle = 0;
	while (fgets(line, sizeof(line), f)) {
		/* a wait in io_uring counts as one for a device */
		if (sscanf(line, " .idle_sleeptime : %llu", &ns) != 1 &&
		    sscanf(line, " .iowait_sleeptime : %llu", &ns) != 1)
			continue;
		*idle += ns;
		sums++;
	}
	fclose(f);
	/* two of each CPU */
	return sums == 2 ? 0 : sums ? -E2BIG : -ENODATA;
}

int account_open(void)
{
	uint64_t idle;
	int ret = idle_now(&idle);

	if (ret == -E2BIG)
		fprintf(stderr, "account: more than one CPU (boot with --icount, or --smp 1)\n");
	else if (ret)
		fprintf(stderr, "account: no idle time in " TIMER_LIST
			": %s (it needs root, and CONFIG_NO_HZ_IDLE)\n",
			strerror(-ret));
	return ret;
}

static void process_now(struct account *a)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	a->user = timeval_ns(&usage.ru_utime);
	a->system = timeval_ns(&usage.ru_stime);
}

/* What costs most comes first here and last there. */
void account_start(struct account *start)
{
	if (idle_now(&start->idle))
		abort();
	process_now(start);
	start->clock = clock_now();
}

void account_stop(const struct account *start, struct account *spent)
{
	struct account now;

	now.clock = clock_now();
	process_now(&now);
	if (idle_now(&now.idle))
		abort();

	spent->clock = now.clock - start->clock;
	spent->idle = now.idle - start->idle;
	spent->user = now.user - start->user;
	spent->system = now.system - start->system;
	spent->rest = spent->clock - spent->idle - spent->user - spent->system;
}
