// SPDX-License-Identifier: GPL-2.0
/*
 * The refill rings of who is hostile, written over while the kernel reads
 * them: by the main thread now and then, and by a second one all the time.
 * What that one writes comes from the seed; when, and so what of it the kernel
 * sees, cannot be made again.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "fuzz.h"

unsigned long long scribbles;
static atomic_bool stop;
static pthread_t thread;
static __u64 thread_seed;

/* Entries that make sense are the more dangerous ones. */
static void write_entry(volatile __u64 *rqe, struct prng *p)
{
	if (prng_chance(p, 20)) {
		rqe[0] = prng_odd(p);
		rqe[1] = prng_odd(p);
		return;
	}
	rqe[0] = prng_below(p, 1024) * FUZZ_PAGE + prng_below(p, FUZZ_PAGE);
	if (prng_chance(p, 10))
		rqe[0] |= prng_below(p, 17) << IORING_ZCRX_AREA_SHIFT;
	/* the upper half has to be 0 */
	rqe[1] = prng_below(p, FUZZ_PAGE);
}

/* A region has a page at least. */
void scribble(void *region, struct prng *p)
{
	volatile __u32 *head = region, *tail = region + 64;
	unsigned int i, n = prng_below(p, 16);

	for (i = 0; i < n; i++)
		write_entry(region + 128 + 16 * prng_below(p, 240), p);
	switch (prng_below(p, 6)) {
	case 0:
		*tail = prng_odd(p);
		break;
	case 1:
		*head = prng_odd(p);
		break;
	default:
		*tail += prng_below(p, 16);
	}
}

static void *scribbler(void *arg)
{
	const struct timespec us200 = { .tv_nsec = 200000 };
	struct prng p;

	prng_init(&p, *(const __u64 *)arg, ~0ULL);
	while (!atomic_load(&stop)) {
		unsigned int n = 8;

		while (n--) {
			scribble(model.region[prng_below(&p, NR_REGIONS)], &p);
			scribbles++;
		}
		/* the processors are for the kernel */
		nanosleep(&us200, NULL);
	}
	return NULL;
}

int scribbler_start(__u64 seed)
{
	thread_seed = seed;
	return -pthread_create(&thread, NULL, scribbler, &thread_seed);
}

void scribbler_stop(void)
{
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

int op_scribble(struct prng *p)
{
	scribble(model.region[prng_below(p, NR_REGIONS)], p);
	return 0;
}
