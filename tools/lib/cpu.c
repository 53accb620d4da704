// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"

static double seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

int cpu_time_now(struct cpu_time *now)
{
	unsigned long long softirq;
	struct rusage usage;
	struct timespec ts;
	int fields;
	FILE *f;

	f = fopen("/proc/stat", "re");
	if (!f)
		return -errno;
	fields = fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %llu", &softirq);
	fclose(f);
	if (fields != 1)
		return -EPROTO;

	if (getrusage(RUSAGE_SELF, &usage) ||
	    clock_gettime(CLOCK_MONOTONIC, &ts))
		return -errno;

	now->wall = ts.tv_sec + ts.tv_nsec / 1e9;
	now->user = seconds(usage.ru_utime);
	now->system = seconds(usage.ru_stime);
	now->softirq = (double)softirq / sysconf(_SC_CLK_TCK);
	return 0;
}

void cpu_time_since(struct cpu_time *t, const struct cpu_time *start)
{
	t->wall -= start->wall;
	t->user -= start->user;
	t->system -= start->system;
	t->softirq -= start->softirq;
}
