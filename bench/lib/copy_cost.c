// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "copy_cost.h"

#define ROUNDS	2000
#define LONG	4096
#define SHORT	1024

static char buf[LONG];

static double read_ns(int fd, size_t len)
{
	struct timespec a, b;
	unsigned int i;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	for (i = 0; i < ROUNDS; i++)
		if (pread(fd, buf, len, 0) != (ssize_t)len)
			abort();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	return ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / ROUNDS;
}

double copy_cost_per_byte(void)
{
	int fd = memfd_create("copy_cost", MFD_CLOEXEC);
	double cost;

	memset(buf, 1, LONG);
	if (fd < 0 || write(fd, buf, LONG) != LONG) {
		perror("copy_cost: memfd");
		exit(1);
	}
	read_ns(fd, LONG);
	cost = (read_ns(fd, LONG) - read_ns(fd, SHORT)) / (LONG - SHORT);
	close(fd);
	return cost;
}
