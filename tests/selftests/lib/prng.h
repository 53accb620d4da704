/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_PRNG_H
#define TESTS_PRNG_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Decisions that come from here are the same again for the same seed. */
struct prng {
	__u64 state;
};

/*
 * An operation may have a generator of its own, by its index, so that it is the
 * same whatever those before it used.
 */
void prng_init(struct prng *p, __u64 seed, __u64 index);
__u64 prng_next(struct prng *p);
/* Less than n, which is not 0. */
__u64 prng_below(struct prng *p, __u64 n);
bool prng_chance(struct prng *p, unsigned int percent);
/* A number at some boundary, or with a few bits set. */
__u64 prng_odd(struct prng *p);
/* Spoils a few bits of len bytes. */
void prng_flip(struct prng *p, void *data, size_t len);

#endif /* TESTS_PRNG_H */
