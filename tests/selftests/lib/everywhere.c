// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "everywhere.h"

/*
 * Segments behind a lost one wait in the socket, a buffer each, and the lost
 * one needs a buffer too. So no more than about a hundred may wait, as the
 * kernel doubles the number: less than the NIC has posted.
 */
#define QUEUE_BUFFERS	50

static int limit_queue(int sock, __u32 buf_len)
{
	const int bytes = QUEUE_BUFFERS * buf_len;

	return setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
			  sizeof(bytes)) ? -errno : 0;
}

/* Which buffers of the area were filled. */
struct map {
	bool *seen;
	unsigned int nr_seen;
};

static void note(struct map *map, const struct hold *hold, __u32 buf_len)
{
	unsigned int i;

	for (i = 0; i < hold->nr; i++) {
		__u64 idx = (hold->rqe[i].off & ~IORING_ZCRX_AREA_MASK) /
			    buf_len;

		/* the receiver has found it within the area */
		map->nr_seen += !map->seen[idx];
		map->seen[idx] = true;
	}
}

/*
 * Copies may use up all that is free before the reader has its turn. The
 * request ends then, and another goes on once some is given back. One that got
 * nothing at all has another reason.
 */
static int go_on(struct receiver *rx, __u64 *armed_at)
{
	if (!rx->ended || rx->result != -ENOMEM || rx->bytes == *armed_at)
		return 0;
	rx->ended = false;
	*armed_at = rx->bytes;
	return zc_recv(rx->zc, rx->sock, 0, rx->id);
}

/*
 * The queue takes what was given back before what was never used. So nothing
 * is given back until the provider has nothing left of the latter: all of it
 * is posted then, or soon will be, and what the NIC has it fills in turn.
 */
int receive_everywhere(struct receiver *rx, enum takes_first first,
		       unsigned int *filled)
{
	const __u32 buf_len = rx->zc->reg.ifq.rx_buf_len;
	bool keep = first == TAKES_RETURNED;
	struct hold hold = {};
	struct map map = {};
	__u64 armed_at = rx->bytes;
	int ret;

	map.seen = calloc(rx->zc->areas[0].len / buf_len,
			  sizeof(*map.seen));
	if (!map.seen)
		return -ENOMEM;
	rx->keep = true;
	rx->hold = &hold;
	rx->ended = false;

	ret = limit_queue(rx->sock, buf_len);
	if (!ret)
		ret = zc_recv(rx->zc, rx->sock, 0, rx->id);
	while (!ret && !rx->ended) {
		ret = receive_round(rx, 1, WIRE_PATIENCE_MS);
		note(&map, &hold, buf_len);
		keep = keep && zc_fdinfo(rx->zc, "free") != 0;
		if (!keep)
			hold_release(&hold, rx->zc);
		if (!ret && first == TAKES_UNUSED)
			ret = go_on(rx, &armed_at);
	}
	*filled = map.nr_seen;
	hold_release(&hold, rx->zc);
	rx->hold = NULL;
	free(map.seen);
	return ret ? ret : rx->result;
}
