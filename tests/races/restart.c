// SPDX-License-Identifier: GPL-2.0
/*
 * The queue is restarted beside a connection that lives: either it is closed
 * and registered again by another ring, or a ring on another queue of the NIC
 * comes and goes.
 *
 * What is expected of a connection whose ring is replaced: payload that came
 * while the first ring had the queue lies in its area, so a request of the
 * second ends with -EFAULT, and nothing is taken. If there is none, the stream
 * goes on to its end on the second ring without a byte missing. The peer sends
 * no further than it may, and it is chance when it may; if it may only with the
 * second ring in place, there must be no -EFAULT.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "race.h"
#include "tcp.h"

#define AREA_LEN	(8 * MIB)
#define OTHER_RXQ	2
#define CHANNELS	2
#define POLL_US		200
#define CHUNK		(16 * 1024)

/* Shared with the peer. */
struct gate {
	__u64 allowed;		/* so far it may send */
	__u64 end;		/* and here it ends the stream */
};

static struct gate *gate;

/* The receiver may go away before the end. */
static int send_as_allowed(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[CHUNK];
	__u64 sent = 0, left;
	int fd, ret;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return 1;
	while (sent < gate->end) {
		left = __atomic_load_n(&gate->allowed, __ATOMIC_ACQUIRE) - sent;
		if (!left) {
			ret = recv(fd, buf, 1, MSG_DONTWAIT);
			if (!ret || (ret < 0 && errno != EAGAIN))
				return 0;
			usleep(POLL_US);
			continue;
		}
		if (left > CHUNK)
			left = CHUNK;
		stream_fill(job->stream, sent, buf, left);
		if (tcp_send_all(fd, buf, left))
			return 0;
		sent += left;
	}
	shutdown(fd, SHUT_WR);
	while (recv(fd, buf, CHUNK, 0) > 0)
		;
	return 0;
}

static int open_gate(struct actor *actor)
{
	(void)actor;
	__atomic_store_n(&gate->allowed, gate->end, __ATOMIC_RELEASE);
	return 0;
}

/* Where a dma-buf cannot be copied to. */
static int take_by_recv(struct receiver *rx)
{
	static char buf[CHUNK];
	size_t bad;
	ssize_t n;

	for (;;) {
		n = recv(rx->sock, buf, CHUNK, MSG_DONTWAIT);
		if (!n || (n < 0 && (errno == EAGAIN || errno == EFAULT)))
			return 0;
		if (n < 0)
			return -errno;
		if (!stream_check(rx->stream, rx->bytes, buf, n, &bad))
			return -EILSEQ;
		rx->bytes += n;
	}
}

/* RECEIVE_END, -EFAULT for payload of another ring's, or another error */
static int receive_rest(struct receiver *rx)
{
	int ret;

	do {
		ret = receive_all(rx);
		if (ret != -ENOMEM)
			break;
		ret = take_by_recv(rx);
	} while (!ret);
	return ret;
}

/* On the second ring. */
static int go_on(struct run *run, struct zc *zc, struct wire *wire,
		 __u64 received, bool may_refuse)
{
	struct receiver rx = {
		.zc = zc,
		.sock = wire->sock,
		.stream = &race_stream,
		.bytes = received,
	};
	int ret = receive_rest(&rx);

	run->bytes += rx.bytes - received;
	if (ret == -EFAULT && may_refuse)
		return failed("the peer", wire_close(wire));
	if (ret != RECEIVE_END)
		return failed("the stream on the second ring", ret);
	run->lost += gate->end - rx.bytes;
	if (rx.bytes != gate->end)
		return failed("the end of the stream", -EPIPE);
	return failed("the peer", wire_close(wire));
}

/* The first ring receives what the peer may send, and not a byte more. */
static int first_ring(struct run *run, struct zc *zc, struct wire *wire,
		      __u64 len)
{
	struct receiver rx = { .zc = zc, .stream = &race_stream };
	int ret;

	ret = wire_bind(zc, chance_kind(run), AREA_LEN);
	if (ret)
		return ret;
	ret = wire_open_with(wire, chance_addr(run), &race_stream, 0, true,
			     send_as_allowed);
	if (ret)
		return failed("connection", ret);
	rx.sock = wire->sock;
	ret = zc_recv(zc, rx.sock, len, 0);
	if (!ret)
		ret = receive(&rx, ENDLESS);
	run->bytes += rx.bytes;
	if (ret != RECEIVE_END || rx.bytes != len)
		return failed("the first ring", ret < 0 ? ret : -EPIPE);
	return 0;
}

static int register_again(struct run *run)
{
	__u64 len = 64 * KIB + chance(run, 64 * KIB);
	struct actor opener = { .act = open_gate };
	bool late = !chance(run, 3);
	struct wire wire;
	struct zc zc;
	int ret;

	gate->allowed = len;
	gate->end = len + 64 * KIB + chance(run, 64 * KIB);
	ret = first_ring(run, &zc, &wire, len);
	if (ret)
		return ret;
	if (!late) {
		ret = actor_start(&opener, run);
		if (ret)
			return failed("thread", ret);
		delay(run, chance_delay(run));
	}
	zc_close(&zc);
	ret = wire_bind(&zc, chance_kind(run), AREA_LEN);
	if (late)
		open_gate(NULL);
	else
		actor_join(&opener);
	if (ret)
		return ret;
	ret = go_on(run, &zc, &wire, len, !late);
	if (!ret)
		ret = receive_stream(run, &zc, chance_addr(run), 64 * KIB);
	zc_close(&zc);
	if (ret)
		return ret;
	ret = ring_gone(run);
	return ret ? ret : ROUND_COUNTS;
}

/* A ring on the other queue. */
static int come_and_go(struct actor *actor)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = OTHER_RXQ,
		.kind = actor->arg,
		.area_len = MIB,
	};
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	struct zc zc;
	int ret;

	ret = queue_wait_free(ifindex, OTHER_RXQ, WIRE_PATIENCE_MS);
	if (!ret)
		ret = zc_open(&zc, &cfg);
	if (ret)
		return ret;
	delay(actor->run, actor->delay);
	zc_close(&zc);
	return queue_wait_free(ifindex, OTHER_RXQ, WIRE_PATIENCE_MS);
}

static int beside(struct run *run)
{
	int ret, end;

	lasting_begin(run, &ret);
	if (ret)
		return ret;
	ret = lasting_round(run, come_and_go, chance_kind(run));
	if (ret < 0)
		return ret;
	end = lasting_end(run, false);
	return end ? end : ret;
}

static int restart_begin(struct run *run)
{
	int ret;

	(void)run;
	gate = mmap(NULL, sizeof(*gate), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (gate == MAP_FAILED)
		return -errno;
	ret = nic_set_channels(WIRE_IF, CHANNELS + 1);
	return ret ? ret : nic_steer(WIRE_IF, WIRE_RXQ);
}

/* A stream that lasts has the queue, so that one has to end first. */
static int restart_round(struct run *run)
{
	int ret;

	/* half of the rounds, some in a row as streams are to last */
	if (chance(run, 8) < (lasting_is_open() ? 7 : 1))
		return beside(run);
	ret = lasting_end(run, true);
	return ret ? ret : register_again(run);
}

static int restart_end(struct run *run)
{
	int ret = lasting_end(run, true);

	if (!ret)
		ret = nic_set_channels(WIRE_IF, CHANNELS);
	return ret ? ret : nic_steer(WIRE_IF, WIRE_RXQ);
}

const struct race race_restart = {
	.name = "restart",
	.begin = restart_begin,
	.round = restart_round,
	.end = restart_end,
};
