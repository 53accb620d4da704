// SPDX-License-Identifier: GPL-2.0
/*
 * Two rings share one ifq, and each receives a stream. One of them closes at a
 * random point, who registered or who imported; the other's stream comes to its
 * end. In some rounds that is not noticed by the socket of the first until
 * later.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/share.h"
#include "peer.h"
#include "race.h"

#define AREA_LEN	(16 * MIB)
#define STREAM_LEN	(512 * KIB)
#define STEP		(16 * KIB)
#define TURN_MS		10

struct two {
	struct share *share;
	struct side side[2];
	struct wire wire[2];
	struct receiver rx[2];
	int fd;		/* of the ifq, or -1 */
	unsigned int leaves;
	__u64 len;	/* of the other's stream */
};

static int attach(struct two *two, struct run *run)
{
	int ret;

	ret = share_open(&two->share, chance_kind(run), AREA_LEN,
			 chance(run, 2));
	if (ret)
		return failed("what is shared", ret);
	ret = side_register(&two->side[0], two->share);
	if (ret)
		return failed("registration", ret);
	two->fd = side_export(&two->side[0]);
	if (two->fd < 0)
		return failed("export", two->fd);
	ret = side_import(&two->side[1], two->share, two->fd);
	return failed("import", ret);
}

static int connect_both(struct two *two, struct run *run)
{
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		bool leaves = i == two->leaves;

		ret = wire_open(&two->wire[i], chance_addr(run), &race_stream,
				leaves ? ENDLESS : two->len, leaves);
		if (ret)
			return failed("connection", ret);
		two->rx[i] = (struct receiver) {
			.zc = &two->side[i].zc,
			.sock = two->wire[i].sock,
			.stream = &race_stream,
		};
		ret = zc_recv(two->rx[i].zc, two->rx[i].sock, 0, 0);
		if (ret)
			return failed("request", ret);
	}
	return 0;
}

/* In turns, until each has received so much. */
static int receive_both(struct two *two, __u64 bytes)
{
	unsigned int idle_ms = 0, i;

	while (two->rx[0].bytes < bytes || two->rx[1].bytes < bytes) {
		__u64 before = two->rx[0].bytes + two->rx[1].bytes;

		for (i = 0; i < 2; i++) {
			int ret;

			/* one that waits for the other must not come to its end */
			if (two->rx[i].bytes >= bytes)
				continue;
			if (two->rx[i].ended)
				return failed("a stream ended", -EPIPE);
			ret = side_round(&two->side[i], &two->rx[i], TURN_MS);
			if (ret && ret != -ETIME)
				return failed("receiving", ret);
		}
		idle_ms += TURN_MS;
		if (two->rx[0].bytes + two->rx[1].bytes != before)
			idle_ms = 0;
		if (idle_ms > WIRE_PATIENCE_MS)
			return failed("receiving", -ETIME);
	}
	return 0;
}

/* Here the other one sees nothing of it. */
static int leave(struct two *two, struct run *run)
{
	struct side *side = &two->side[two->leaves];
	bool fd_first = chance(run, 2), socket_first = chance(run, 2);
	int ret;

	if (fd_first)
		close(two->fd);
	/* the request keeps the socket until the ring is gone */
	if (socket_first)
		close(two->wire[two->leaves].sock);
	delay(run, chance_delay(run));
	side_close(side);
	if (!socket_first)
		close(two->wire[two->leaves].sock);
	if (!fd_first)
		close(two->fd);
	two->fd = -1;
	ret = side_wait_gone(side->gone);
	close(side->gone);
	if (ret)
		return failed("the end of a ring", ret);
	return failed("a peer", peer_wait(two->wire[two->leaves].peer));
}

static int receive_other(struct two *two, struct run *run)
{
	unsigned int stays = !two->leaves;
	struct receiver *rx = &two->rx[stays];
	__u64 before = rx->bytes;
	int ret, peer;

	ret = side_receive(&two->side[stays], rx, ENDLESS);
	run->bytes += two->rx[0].bytes + two->rx[1].bytes;
	if (ret == RECEIVE_END)
		run->lost += two->len - rx->bytes;
	if (ret != RECEIVE_END || rx->bytes != two->len)
		return failed("the stream of who stays", ret < 0 ? ret : -EPIPE);
	peer = wire_close(&two->wire[stays]);
	if (peer)
		return failed("the peer", peer);
	return rx->bytes > before ? ROUND_COUNTS : ROUND_IDLE;
}

static int share_round(struct run *run)
{
	struct two two = {
		.leaves = chance(run, 2),
		.len = STREAM_LEN + chance(run, MIB),
	};
	int ret, end;

	ret = attach(&two, run);
	if (ret)
		return ret;
	ret = connect_both(&two, run);
	if (!ret)
		ret = receive_both(&two, STEP + chance(run, 4 * STEP));
	if (!ret)
		ret = leave(&two, run);
	if (!ret)
		ret = receive_other(&two, run);
	if (ret < 0)
		return ret;
	end = side_close_wait(&two.side[!two.leaves]);
	close(two.side[!two.leaves].gone);
	share_close(two.share);
	if (end)
		return failed("the end of the last ring", end);
	end = nothing_left();
	return end ? end : ret;
}

const struct race race_share = {
	.name = "share",
	.rare = true,
	.round = share_round,
};
