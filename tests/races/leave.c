// SPDX-License-Identifier: GPL-2.0
/*
 * The ring lets go of its ifq at some moment of a stream, and of what its socket
 * holds with it. Another ifq of the same ring gets all of another stream.
 */
#include <errno.h>

#include "lib/wire.h"
#include "race.h"

#define NOTICE	0x90e0000000000000ULL

/* Until the request has ended. */
static int see_off(struct receiver *rx)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && !rx->ended && i < 4096; i++)
		ret = receive_round(rx, 1, WIRE_PATIENCE_MS);
	if (!ret && !rx->ended)
		ret = -ETIME;
	if (!ret && rx->result != -ECANCELED)
		ret = rx->result ?: -EPROTO;
	return failed("the request", ret);
}

static int wait_notice(struct receiver *rx)
{
	struct io_uring_cqe *cqe;
	int ret = 0;

	while (!ret && !rx->noticed) {
		ret = zc_wait(rx->zc, WIRE_PATIENCE_MS);
		if (!ret)
			ret = io_uring_peek_cqe(&rx->zc->ring, &cqe);
		if (ret)
			break;
		rx->noticed = cqe->user_data == rx->notice;
		io_uring_cqe_seen(&rx->zc->ring, cqe);
	}
	return failed("an ifq that never goes", ret);
}

static int leave_and_again(struct run *run, struct zc *zc)
{
	struct receiver rx = {
		.zc = zc,
		.stream = &race_stream,
		.notice = NOTICE,
	};
	struct wire wire;
	int ret;

	ret = wire_open(&wire, chance_addr(run), &race_stream, ENDLESS, true);
	if (ret)
		return failed("connection", ret);
	rx.sock = wire.sock;
	ret = zc_recv(zc, rx.sock, 0, 0);
	if (!ret)
		ret = receive(&rx, 16 * KIB + chance(run, 128 * KIB));
	run->bytes += rx.bytes;
	if (ret)
		return failed("the stream before", ret);
	delay(run, chance_delay(run));
	ret = failed("to unregister", zc_unregister(zc, NOTICE));
	if (!ret)
		ret = see_off(&rx);
	if (!ret)
		ret = failed("the peer", wire_close(&wire));
	if (!ret)
		ret = wait_notice(&rx);
	if (!ret)
		ret = failed("another ifq of the ring",
			     zc_register_again(zc));
	if (!ret)
		ret = receive_stream(run, zc, chance_addr(run), 64 * KIB);
	return ret;
}

static int leave_round(struct run *run)
{
	unsigned int i, times = 1 + chance(run, 3);
	struct zc zc;
	int ret;

	ret = wire_bind(&zc, chance_kind(run), 4 * MIB);
	if (ret)
		return ret;
	for (i = 0; !ret && i < times; i++)
		ret = leave_and_again(run, &zc);
	zc_close(&zc);
	if (!ret)
		ret = ring_gone(run);
	return ret ? ret : ROUND_COUNTS;
}

const struct race race_leave = {
	.name = "leave",
	.round = leave_round,
};
