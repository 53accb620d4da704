// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"
#include "queue.h"
#include "tcp.h"
#include "wire.h"

int wire_register(struct zc *zc, enum area_kind kind, size_t area_len)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = kind,
		.area_len = area_len,
	};
	int ret = zc_open(zc, &cfg);

	if (ret)
		fprintf(stderr, "# %s failed: %d\n", zc->failed, ret);
	return ret;
}

int wire_bind(struct zc *zc, enum area_kind kind, size_t area_len)
{
	int ret = queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				  WIRE_PATIENCE_MS);

	if (ret) {
		fprintf(stderr, "# the queue is not free: %d\n", ret);
		return ret;
	}
	return wire_register(zc, kind, area_len);
}

int wire_open_with(struct wire *wire, const char *addr,
		   const struct stream *stream, __u64 len, bool may_break,
		   int (*fn)(void *peer_send))
{
	struct peer_send job = {
		.stream = stream,
		.addr = addr,
		.len = len,
		.may_break = may_break,
	};
	int listener;

	listener = tcp_listen(addr, 0);
	if (listener < 0)
		return listener;
	job.port = tcp_port(listener);

	wire->peer = peer_start(fn, &job);
	if (wire->peer < 0) {
		close(listener);
		return wire->peer;
	}
	wire->sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	close(listener);
	if (wire->sock < 0) {
		peer_wait(wire->peer);
		return wire->sock;
	}
	return 0;
}

int wire_open(struct wire *wire, const char *addr, const struct stream *stream,
	      __u64 len, bool may_break)
{
	return wire_open_with(wire, addr, stream, len, may_break,
			      peer_send_stream);
}

int wire_wait_backlog(int sock, int bytes)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int held, waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (ioctl(sock, SIOCINQ, &held))
			return -errno;
		if (held >= bytes)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

int wire_close(struct wire *wire)
{
	close(wire->sock);
	return peer_wait(wire->peer);
}

static void give_back(struct receiver *rx, const struct io_uring_cqe *cqe)
{
	if (!rx->by_every || rx->cqes % rx->by_every ||
	    !zc_queue_recycle(rx->zc, rx->by, cqe))
		zc_recycle(rx->zc, cqe);
}

/* Compares the payload of one completion and gives it back. */
static int take(struct receiver *rx, const struct io_uring_cqe *cqe)
{
	const void *data = zc_data(rx->zc, cqe);
	size_t bad;

	if (!data)
		return -ERANGE;
	if (!stream_check(rx->stream, rx->bytes, data, cqe->res, &bad)) {
		fprintf(stderr, "# wrong byte at %llu of the stream\n",
			(unsigned long long)(rx->bytes + bad));
		return -EILSEQ;
	}
	rx->bytes += cqe->res;
	rx->cqes++;
	if (rx->longest < (__u32)cqe->res)
		rx->longest = cqe->res;
	if (!rx->keep)
		give_back(rx, cqe);
	else if (rx->hold)
		hold_add(rx->hold, rx->zc, cqe);
	return 0;
}

static int take_any(struct receiver *rx, const struct io_uring_cqe *cqe)
{
	if (cqe->flags & IORING_CQE_F_MORE)
		return take(rx, cqe);
	if (cqe->res == -ENOSPC) {
		rx->enospc++;
		rx->rearm = true;
		return 0;
	}
	rx->ended = true;
	rx->result = cqe->res;
	return 0;
}

/*
 * Before the next look at the CQ: a request that is submitted while that is
 * full only ends with -ENOSPC again, and callers want to see where things stand
 * between two looks.
 */
static int rearm(struct receiver *rx, unsigned int nr)
{
	int ret = 0;

	for (; nr-- && !ret; rx++) {
		if (rx->rearm)
			ret = zc_recv(rx->zc, rx->sock, 0, rx->id);
		rx->rearm = false;
	}
	return ret;
}

/* Takes completions until one ends a request, or there are no more. */
static int take_ready(struct receiver *rx, unsigned int nr)
{
	struct io_uring *ring = &rx->zc->ring;
	unsigned int head, seen = 0;
	struct io_uring_cqe *cqe;
	int ret = 0;

	io_uring_for_each_cqe(ring, head, cqe) {
		struct receiver *to = rx;

		seen++;
		if (rx->notice && cqe->user_data == rx->notice) {
			if (!rx->noticed)
				rx->notice_res = cqe->res;
			rx->noticed = true;
			continue;
		}
		/* one receiver alone may have any id */
		if (nr > 1 && cqe->user_data >= nr)
			ret = -ENOENT;
		else if (nr > 1)
			to = &rx[cqe->user_data];
		/* its last word was spoken */
		if (!ret && to->ended)
			ret = -EALREADY;
		if (!ret)
			ret = take_any(to, cqe);
		if (ret || to->ended)
			break;
	}
	io_uring_cq_advance(ring, seen);
	zc_publish(rx->zc);
	return ret;
}

int receive(struct receiver *rx, __u64 bytes)
{
	__u64 until = rx->bytes + bytes;

	rx->ended = false;
	while (!rx->ended && rx->bytes < until) {
		int ret = receive_round(rx, 1, WIRE_PATIENCE_MS);

		if (ret)
			return ret;
	}
	if (rx->ended)
		return rx->result ? rx->result : RECEIVE_END;
	return RECEIVE_MORE;
}

int receive_all(struct receiver *rx)
{
	int ret = zc_recv(rx->zc, rx->sock, 0, rx->id);

	return ret ? ret : receive(rx, UINT64_MAX - rx->bytes);
}

int receive_all_copied(struct receiver *rx)
{
	__u64 before;
	int ret;

	do {
		before = rx->bytes;
		ret = receive_all(rx);
	} while (ret == -ENOMEM && rx->bytes > before);
	return ret;
}

int receive_round(struct receiver *rx, unsigned int nr,
		  unsigned int timeout_ms)
{
	int ret = rearm(rx, nr);

	if (!ret)
		ret = zc_wait(rx->zc, timeout_ms);
	return ret ? ret : take_ready(rx, nr);
}

static bool all_ended(const struct receiver *rx, unsigned int nr)
{
	while (nr--)
		if (!rx[nr].ended)
			return false;
	return true;
}

int receive_each(struct receiver *rx, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		rx[i].id = i;
		ret = zc_recv(rx->zc, rx[i].sock, 0, i);
	}
	while (!ret && !all_ended(rx, nr))
		ret = receive_round(rx, nr, WIRE_PATIENCE_MS);
	return ret;
}
