// SPDX-License-Identifier: GPL-2.0
/*
 * Busy time is what is left of the clock when idle time is taken off. What the
 * process ran is without interrupts where the kernel has IRQ_TIME_ACCOUNTING;
 * how it divides into user and system goes by ticks.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "account.h"

#define CPUS_MAX	1024

static unsigned int nr_cpus = 1;
static int cycles_fd[CPUS_MAX];
static bool have_cycles;

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
	unsigned long long ticks, iowait;
	FILE *f = fopen("/proc/stat", "re");
	int n;

	if (!f)
		return -errno;
	n = fscanf(f, "cpu %*u %*u %*u %llu %llu", &ticks, &iowait);
	fclose(f);
	if (n != 2)
		return -ENODATA;
	*idle = (ticks + iowait) * (1000000000ULL / sysconf(_SC_CLK_TCK));
	return 0;
}

static void say_if_emulated(void)
{
	unsigned int a, b, c, d;
	char vendor[13] = "";

	__cpuid(0x40000000, a, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &c, 4);
	memcpy(vendor + 8, &d, 4);
	if (!strcmp(vendor, "TCGTCGTCGTCG"))
		fprintf(stderr, "bench: an emulated CPU: its time means nothing\n");
}

/* One counter for each CPU, or none at all. */
static void cycles_open(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
	};
	unsigned int i;

	have_cycles = nr_cpus <= CPUS_MAX;
	for (i = 0; i < nr_cpus && have_cycles; i++) {
		cycles_fd[i] = syscall(SYS_perf_event_open, &attr, -1, i, -1,
				       PERF_FLAG_FD_CLOEXEC);
		have_cycles = cycles_fd[i] >= 0;
	}
	if (have_cycles)
		return;
	fprintf(stderr, "bench: no cycles: %s (they need a CPU with counters, and root)\n",
		strerror(errno));
	while (i--)
		if (cycles_fd[i] >= 0)
			close(cycles_fd[i]);
}

static uint64_t cycles_now(void)
{
	uint64_t sum = 0, value;
	unsigned int i;

	for (i = 0; have_cycles && i < nr_cpus; i++) {
		if (read(cycles_fd[i], &value, sizeof(value)) != sizeof(value))
			abort();
		sum += value;
	}
	return sum;
}

int account_open(void)
{
	uint64_t idle;
	int ret;

	nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	say_if_emulated();
	cycles_open();
	ret = idle_now(&idle);
	if (ret)
		fprintf(stderr, "bench: no idle time in /proc/stat: %s\n",
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
	start->cycles = cycles_now();
	start->clock = clock_now();
}

void account_stop(const struct account *start, struct account *spent)
{
	struct account now;
	uint64_t busy;

	now.clock = clock_now();
	now.cycles = cycles_now();
	process_now(&now);
	if (idle_now(&now.idle))
		abort();

	spent->clock = now.clock - start->clock;
	spent->idle = now.idle - start->idle;
	spent->user = now.user - start->user;
	spent->system = now.system - start->system;
	spent->cycles = now.cycles - start->cycles;
	busy = nr_cpus * spent->clock;
	/* of which ticks may make a little less than there was */
	busy -= spent->idle < busy ? spent->idle : busy;
	spent->rest = busy - (spent->user + spent->system < busy ?
			      spent->user + spent->system : busy);
}
