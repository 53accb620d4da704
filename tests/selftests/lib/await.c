// SPDX-License-Identifier: GPL-2.0
#include <time.h>

#include "await.h"

long await(long (*now)(void), long want, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;
	long is;

	for (waited = 0; ; waited += 10) {
		is = now();
		if (is == want || waited >= timeout_ms)
			return is;
		nanosleep(&ms10, NULL);
	}
}
