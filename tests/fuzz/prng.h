/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_PRNG_H
#define FUZZ_PRNG_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* All decisions come from here, so that a seed makes the same again. */
struct prng {
	__u64 state;
};

void prng_init(struct prng *p, __u64 seed, __u64 index);
__u64 prng_next(struct prng *p);
/* Less than n, which is not 0. */
__u64 prng_below(struct prng *p, __u64 n);
bool prng_chance(struct prng *p, unsigned int percent);
/* A number at some boundary, or with a few bits set. */
__u64 prng_odd(struct prng *p);
/* Spoils a few bits of len bytes. */
void prng_flip(struct prng *p, void *data, size_t len);

#endif /* FUZZ_PRNG_H */
