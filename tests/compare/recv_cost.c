// SPDX-License-Identifier: GPL-2.0
/*
 * What recv() costs on a queue that no provider is bound to, for a kernel whose
 * clock counts instructions (tests/vm/run --icount: a nanosecond is one).
 *
 *   recv_cost [--rebind]	--rebind: on a queue that was bound, and is not
 *				any more
 *
 * prints a line for each MTU: its name, and the instructions for a burst of
 * segments from the NIC's ring to the reader's buffer.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/burst.h"
#include "lib/wire.h"
#include "queue.h"

#define CONNECTIONS	3
#define BURSTS		300	/* of each connection */

static const struct {
	const char *name;
	int mtu;
} config[] = {
	{ "mtu_9000", 9000 },
	{ "mtu_1500", 1500 },
};

static struct stream stream;
static char buf[64 * 1024];

static __attribute__((noreturn)) void fail(const char *what, int err)
{
	fprintf(stderr, "recv_cost: %s: %s\n", what, strerror(err));
	exit(1);
}

static void measure_connection(size_t burst, long long *cost)
{
	static struct bursts bursts;
	unsigned int i;
	size_t bad;
	int ret;

	bursts = (struct bursts) {
		.stream = &stream,
		.len = burst,
		.nr = 1,
	};
	ret = bursts_open(&bursts);
	if (ret)
		fail("connecting", -ret);
	for (i = 0; i < BURSTS; i++) {
		struct burst_clock clock;
		ssize_t n;

		ret = burst_ask(&bursts, 0, &clock);
		if (ret)
			fail("send", -ret);
		n = recv(bursts.sock[0], buf, burst, MSG_WAITALL);
		cost[i] = burst_end(&clock);
		if (n != (ssize_t)burst)
			fail("recv", n < 0 ? errno : EPIPE);
		if (!stream_check(&stream, i * burst, buf, burst, &bad))
			fail("a wrong byte", EILSEQ);
	}
	if (bursts_close(&bursts))
		fail("the peer", EIO);
}

static void measure(const char *name, size_t burst)
{
	static long long cost[CONNECTIONS * BURSTS];
	unsigned int i;

	for (i = 0; i < CONNECTIONS; i++)
		measure_connection(burst, cost + i * BURSTS);
	printf("%s %lld\n", name, burst_mean(cost, CONNECTIONS * BURSTS));
	fflush(stdout);
}

/* Binds the queue, receives a little with zero copy, and lets it go. */
static void rebind(void)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_USER,
		.area_len = 4 * 1024 * 1024,
	};
	struct receiver rx = { .stream = &stream };
	struct wire wire;
	struct zc zc;
	int ret;

	ret = zc_open(&zc, &cfg);
	if (ret)
		fail(zc.failed, -ret);
	rx.zc = &zc;
	ret = wire_open(&wire, WIRE_V4, &stream, cfg.area_len, false);
	if (ret)
		fail("connecting", -ret);
	rx.sock = wire.sock;
	ret = receive_all(&rx);
	if (ret != RECEIVE_END || rx.bytes != cfg.area_len)
		fail("zero-copy receive", ret < 0 ? -ret : EPIPE);
	if (wire_close(&wire))
		fail("the peer", EIO);
	zc_close(&zc);
	ret = queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
			      WIRE_PATIENCE_MS);
	if (ret)
		fail("the queue is still bound", -ret);
}

int main(int argc, char **argv)
{
	size_t i;
	int ret;

	stream_init(&stream, 10);
	if (argc > 1 && !strcmp(argv[1], "--rebind"))
		rebind();
	ret = burst_clock_open(WIRE_IF);
	if (ret)
		fail("NAPI threads", -ret);
	for (i = 0; i < sizeof(config) / sizeof(config[0]); i++) {
		ret = burst_set_mtu(config[i].mtu);
		if (ret)
			fail("setting the MTU", -ret);
		measure(config[i].name, burst_len(config[i].mtu));
	}
	return 0;
}
