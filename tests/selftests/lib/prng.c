// SPDX-License-Identifier: GPL-2.0
#include "prng.h"

/* splitmix64 */
__u64 prng_next(struct prng *p)
{
	__u64 x = p->state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void prng_init(struct prng *p, __u64 seed, __u64 index)
{
	p->state = seed;
	p->state = prng_next(p) + index;
	p->state = prng_next(p);
}

__u64 prng_below(struct prng *p, __u64 n)
{
	return prng_next(p) % n;
}

bool prng_chance(struct prng *p, unsigned int percent)
{
	return prng_below(p, 100) < percent;
}

__u64 prng_odd(struct prng *p)
{
	__u64 bit = 1ULL << prng_below(p, 64);

	switch (prng_below(p, 7)) {
	case 0:
		return 0;
	case 1:
		return ~0ULL;
	case 2:
		return ~0U;
	case 3:
		return bit;
	case 4:
		return bit - 1;
	case 5:
		return prng_below(p, 20);
	default:
		return prng_next(p);
	}
}

void prng_flip(struct prng *p, void *data, size_t len)
{
	unsigned char *bytes = data;
	unsigned int n = 1 + prng_below(p, 3);

	while (n--)
		bytes[prng_below(p, len)] ^= 1 << prng_below(p, 8);
}
