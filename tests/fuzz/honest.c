// SPDX-License-Identifier: GPL-2.0
/*
 * Streams that must arrive whatever is done to the rest: two rings without a
 * NIC. One has its refill ring from the kernel, one in its own memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/recv.h"

#define NR_HONEST	2
#define HIDDEN_FD	600

struct honest_sum honest;
static struct recv_pair pair[NR_HONEST];
static struct stream stream[NR_HONEST];
static bool broken[NR_HONEST];

/* Where no wrong number of a descriptor finds it. */
static int hide(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, HIDDEN_FD);

	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}

int honest_open(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < NR_HONEST; i++) {
		const struct zc_config cfg = {
			.kind = AREA_USER,
			.area_len = 64 * FUZZ_PAGE,
			.kernel_rq = i,
		};

		stream_init(&stream[i], 100 + i);
		ret = recv_pair_open(&pair[i], &cfg, &stream[i]);
		if (!ret)
			ret = hide(&pair[i].rx.sock);
		if (!ret)
			ret = zc_recv(&pair[i].zc, pair[i].rx.sock, 0,
				      pair[i].rx.id);
		if (ret)
			return ret;
	}
	return 0;
}

int op_honest(struct prng *p)
{
	unsigned int i = prng_below(p, NR_HONEST);
	size_t len = 1 + prng_below(p, prng_chance(p, 90) ? 2000 : 60000);
	struct recv_pair *pr = &pair[i];
	int ret;

	if (broken[i])
		return 0;
	ret = recv_pair_send(pr, len);
	if (!ret)
		ret = recv_bytes(&pr->rx, len);
	if (ret) {
		fprintf(stderr, "# honest stream %u: %d\n", i, ret);
		broken[i] = true;
	}
	return ret;
}

int honest_finish(void)
{
	unsigned int i;

	for (i = 0; i < NR_HONEST; i++) {
		if (!broken[i] && recv_pair_drain(&pair[i]))
			broken[i] = true;
		honest.broken += broken[i];
		honest.bytes += pair[i].rx.bytes;
		honest.lost += pair[i].sent - pair[i].rx.bytes;
	}
	return honest.broken || honest.lost ? -1 : 0;
}

void honest_close(void)
{
	unsigned int i;

	for (i = 0; i < NR_HONEST; i++)
		recv_pair_close(&pair[i]);
}
