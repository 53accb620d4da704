// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_CTRL_BIND_QUEUE and ZCRX_CTRL_UNBIND_QUEUE: several queues of a NIC feed one
 * ifq. Requests of any connection take what came by any of them, a buffer goes back
 * by any refill ring, and a queue comes and goes under traffic without a byte lost.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/flow.h"
#include "lib/held.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "lib/share.h"
#include "queue.h"

#define TIMEOUT		180
#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(4 * MIB)
#define STREAM_LEN	(8 * MIB)
#define FALLBACK_LEN	(64 * 1024)
#define NOTICE		0x90e
#define HELD		32
#define HELD_LEN	20000	/* is no more than that */
#define CONNS		4

/* Entries of the table that are even lead to the queue of the registration. */
#define FIRST_RXQ	WIRE_RXQ
#define FURTHER_RXQ	FLOW_FURTHER_RXQ

static struct stream stream;

FIXTURE(queues)
{
	unsigned int ifindex;
	long pins;
	struct zc zc;
	struct zc_queue further;
	struct wire wire[CONNS];
	struct receiver rx[CONNS];
	struct held held[HELD];
	bool open;
};

FIXTURE_VARIANT(queues)
{
	enum area_kind kind;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(queues, user) { AREA_USER };
FIXTURE_VARIANT_ADD(queues, udmabuf) { AREA_UDMABUF, true };
FIXTURE_VARIANT_ADD(queues, heap) { AREA_HEAP };

FIXTURE_SETUP(queues)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, flow_steer(FIRST_RXQ, FURTHER_RXQ));
	stream_init(&stream, 91);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	self->open = true;
	ASSERT_EQ(0, zc_bind_queue(&self->zc, &self->further, FURTHER_RXQ,
				   variant->kernel_rq));
}

/* Neither queue has a provider, and no page or pool is left. */
FIXTURE_TEARDOWN(queues)
{
	/* a mapping of the ring keeps that */
	zc_queue_forget(&self->further);
	if (self->open)
		zc_close(&self->zc);
	EXPECT_EQ(0, flow_wait_free());
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
}

/* A connection by an entry of the table, and a request. Returns 0 or -errno. */
static int begin(struct zc *zc, struct wire *wire, struct receiver *rx,
		 unsigned int id, unsigned int entry, __u64 len)
{
	int ret = flow_open(wire, id % 2 ? WIRE_V6 : WIRE_V4, entry, &stream,
			    len, false);

	if (ret)
		return ret;
	*rx = (struct receiver) {
		.zc = zc,
		.sock = wire->sock,
		.id = id,
		.stream = &stream,
	};
	return zc_recv(zc, rx->sock, 0, id);
}

#define BEGIN(i, entry, len)						\
	do {								\
		unsigned int __i = (i);					\
									\
		ASSERT_EQ(0, begin(&self->zc, &self->wire[__i],		\
				   &self->rx[__i], __i, entry, len));	\
	} while (0)

static unsigned int open_ones(const struct receiver *rx, unsigned int nr)
{
	unsigned int i, open = 0;

	for (i = 0; i < nr; i++)
		open += !rx[i].ended;
	return open;
}

static __u64 bytes_of(const struct receiver *rx, unsigned int nr)
{
	__u64 sum = 0;

	while (nr--)
		sum += rx[nr].bytes;
	return sum;
}

/* What is copied needs a buffer at once, where the NIC can wait for one. */
static int again_if_dry(struct receiver *rx)
{
	if (!rx->ended || rx->result != -ENOMEM)
		return 0;
	rx->ended = false;
	return zc_recv(rx->zc, rx->sock, 0, rx->id);
}

/*
 * So many bytes more, of all of them together. Returns 0 or -errno; -ENOBUFS if none
 * came for long, and requests ended all the while.
 */
static int some_more(struct receiver *rx, unsigned int nr, __u64 bytes)
{
	__u64 last = bytes_of(rx, nr), until = last + bytes, now;
	time_t since = time(NULL);
	unsigned int i;
	int ret = 0;

	while (!ret && open_ones(rx, nr) && last < until) {
		ret = receive_round(rx, nr, WIRE_PATIENCE_MS);
		for (i = 0; !ret && i < nr; i++)
			ret = again_if_dry(&rx[i]);
		now = bytes_of(rx, nr);
		if (now != last)
			since = time(NULL);
		else if (!ret && time(NULL) - since > WIRE_PATIENCE_MS / 1000)
			ret = -ENOBUFS;
		last = now;
	}
	return ret;
}

static int to_the_end(struct receiver *rx, unsigned int nr)
{
	return some_more(rx, nr, UINT64_MAX / 2);
}

/* Each of them came whole, and in order. */
#define EXPECT_ALL_CAME(nr, len)					\
	do {								\
		unsigned int __i;					\
									\
		for (__i = 0; __i < (nr); __i++) {			\
			EXPECT_EQ(0, self->rx[__i].result);		\
			EXPECT_EQ(len, self->rx[__i].bytes);		\
			EXPECT_EQ(0, wire_close(&self->wire[__i]));	\
		}							\
	} while (0)

/* By each queue, and buffers back by whichever ring. */
TEST_F_TIMEOUT(queues, both_stream, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < CONNS; i++) {
		BEGIN(i, i, STREAM_LEN);
		EXPECT_EQ(i % 2 ? FURTHER_RXQ : FIRST_RXQ,
			  flow_queue_now(self->wire[i].sock));
		/* 0 and 1 by the first queue's, 2 by the other's, 3 by both */
		self->rx[i].by = &self->further;
		self->rx[i].by_every = i < 2 ? 0 : i - 1;
	}
	ASSERT_EQ(0, to_the_end(self->rx, CONNS));
	EXPECT_ALL_CAME(CONNS, STREAM_LEN);
	EXPECT_ZERO_COPY(&self->zc, CONNS * STREAM_LEN);
	EXPECT_EQ(0, zc_flush(&self->zc));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "held"));
}

/*
 * One queue has all of the traffic and the other's ring all of the buffers: more
 * than there are in the area, so that the idle queue's ring has to be read.
 */
TEST_F_TIMEOUT(queues, ring_of_the_idle, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		BEGIN(0, i, 2 * STREAM_LEN);
		self->rx[0].by = &self->further;
		self->rx[0].by_every = !i;
		ASSERT_EQ(RECEIVE_END, receive(self->rx, UINT64_MAX));
		EXPECT_ALL_CAME(1, 2 * STREAM_LEN);
	}
	EXPECT_ZERO_COPY(&self->zc, 4 * STREAM_LEN);
}

/*
 * Takes the whole of a short stream, so that nothing else is held. Returns in how
 * many pieces it came, or -errno.
 */
static int hold_all(struct zc *zc, struct held *held, unsigned int entry)
{
	struct receiver rx;
	struct wire wire;
	unsigned int nr;
	int ret;

	ret = begin(zc, &wire, &rx, 0, entry, HELD_LEN);
	for (nr = 0; !ret && rx.bytes < HELD_LEN && nr < HELD; nr++)
		ret = held_take(&rx, &held[nr], 1);
	if (!ret)
		ret = receive(&rx, UINT64_MAX / 2);
	if (ret != RECEIVE_END)
		return ret < 0 ? ret : -EPROTO;
	return wire_close(&wire) ? -EPIPE : (int)nr;
}

/* What is held of a queue that goes stays, and goes back by another's ring. */
TEST_F_TIMEOUT(queues, unbound_under_traffic, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct area fallback;
	const char *failed;
	unsigned int i;
	long pins;
	int nr;

	nr = hold_all(zc, self->held, 1);
	ASSERT_LT(0, nr);
	/*
	 * What comes in while the queue is unbound is copied. Without buffers that
	 * no NIC takes all could be behind it, in the sockets.
	 */
	ASSERT_EQ(0, area_open(&fallback, AREA_USER, FALLBACK_LEN, &failed));
	fallback.fallback = true;
	ASSERT_EQ(0, zc_add_area(zc, &fallback, NULL));
	for (i = 0; i < CONNS; i++)
		BEGIN(i, i, STREAM_LEN);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, some_more(self->rx, CONNS, 2 * MIB));
		pins = pins_now();
		if (!variant->kernel_rq)
			pins -= zc->region_len / 4096;
		ASSERT_EQ(0, zc_unbind_queue(zc, &self->further));
		/* with a buffer held that its page_pool waits for */
		EXPECT_EQ(pins, pins_now());
		EXPECT_EQ(QUEUE_PAGES,
			  queue_provider(self->ifindex, FURTHER_RXQ));
		EXPECT_EQ(-ENOENT, zc_unbind_queue(zc, &(struct zc_queue) {
			.rxq = FURTHER_RXQ }));
		/* once at least some of it comes by the queue */
		do {
			ASSERT_EQ(0, some_more(self->rx, CONNS, 2 * MIB));
		} while (open_ones(self->rx, CONNS) &&
			 !zc_fdinfo(zc, "bytes_queue"));
		ASSERT_EQ(0, zc_bind_queue(zc, &self->further, FURTHER_RXQ,
					   variant->kernel_rq));
	}
	ASSERT_EQ(0, to_the_end(self->rx, CONNS));
	EXPECT_ALL_CAME(CONNS, STREAM_LEN);
	EXPECT_EQ(CONNS * STREAM_LEN + HELD_LEN,
		  zc_fdinfo(zc, "delivered") + zc_fdinfo(zc, "copied"));
	EXPECT_LT(0, zc_fdinfo(zc, "bytes_queue"));

	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(nr, zc_fdinfo(zc, "held"));
	EXPECT_TRUE(held_as_it_was(self->rx, self->held, nr));
	held_give_back(zc, self->held, nr);
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
}

/* What its ring held when it was unbound has gone back. */
TEST_F_TIMEOUT(queues, ring_is_drained, TIMEOUT)
{
	struct zc *zc = &self->zc;
	int i, nr;

	nr = hold_all(zc, self->held, 0);
	ASSERT_LT(0, nr);
	for (i = 0; i < nr; i++)
		ASSERT_TRUE(zc_queue_recycle(zc, &self->further,
					     &self->held[i].cqe.cqe));
	EXPECT_EQ(nr, zc_fdinfo(zc, "held"));
	ASSERT_EQ(0, zc_unbind_queue(zc, &self->further));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
}

/* FLUSH_RQ takes what is in any of the rings. */
TEST_F_TIMEOUT(queues, all_are_flushed, TIMEOUT)
{
	struct zc *zc = &self->zc;
	int i, nr;

	nr = hold_all(zc, self->held, 1);
	ASSERT_LT(0, nr);
	for (i = 0; i < nr / 2; i++)
		ASSERT_TRUE(zc_queue_recycle(zc, &self->further,
					     &self->held[i].cqe.cqe));
	held_give_back(zc, self->held + i, nr - i);
	EXPECT_EQ(nr, zc_fdinfo(zc, "held"));
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
}

/* Removing an area restarts all of the queues. */
TEST_F_TIMEOUT(queues, area_is_removed, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct area more, gone;
	const char *failed;
	unsigned int i;

	ASSERT_EQ(0, area_open(&more, variant->kind, AREA_LEN, &failed));
	ASSERT_EQ(0, zc_add_area(zc, &more, NULL));
	for (i = 0; i < CONNS; i++) {
		BEGIN(i, i, STREAM_LEN);
		/* each queue goes on with what it has, if nobody restarts it */
		self->rx[i].by = &self->further;
		self->rx[i].by_every = i % 2;
	}
	ASSERT_EQ(0, some_more(self->rx, CONNS, 4 * MIB));
	self->rx[0].notice = NOTICE;
	ASSERT_EQ(0, zc_remove_area(zc, 0, NOTICE));
	ASSERT_EQ(0, to_the_end(self->rx, CONNS));
	EXPECT_ALL_CAME(CONNS, STREAM_LEN);
	EXPECT_ZERO_COPY(zc, CONNS * STREAM_LEN);
	EXPECT_EQ(0, zc_flush(zc));
	if (!self->rx[0].noticed)
		EXPECT_RESULT(zc, NOTICE, 0);
	EXPECT_EQ(AREA_LEN / 4096, zc_fdinfo(zc, "buffers"));
	gone = zc_forget_area(zc, 0);
	area_close(&gone);
}

/* What its NIC has of the area is all that an idle queue could give back. */
TEST_F_TIMEOUT(queues, area_is_removed_beside_idle, TIMEOUT)
{
	struct zc *zc = &self->zc;
	uint64_t old = 0, token;
	struct area more, gone;
	const char *failed;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, area_open(&more, variant->kind, AREA_LEN,
				       &failed));
		ASSERT_EQ(0, zc_add_area(zc, &more, &token));
		BEGIN(0, i, STREAM_LEN);
		ASSERT_EQ(0, some_more(self->rx, 1, MIB));
		self->rx[0].notice = NOTICE;
		ASSERT_EQ(0, zc_remove_area(zc, old, NOTICE));
		ASSERT_EQ(0, to_the_end(self->rx, 1));
		EXPECT_ALL_CAME(1, STREAM_LEN);
		EXPECT_EQ(0, zc_flush(zc));
		if (!self->rx[0].noticed)
			EXPECT_RESULT(zc, NOTICE, 0);
		gone = zc_forget_area(zc, old);
		area_close(&gone);
		old = token;
	}
	EXPECT_ZERO_COPY(zc, 2 * STREAM_LEN);
}

/* With a ring that ends, or that lets go of its ifq, both queues go. */
TEST_F_TIMEOUT(queues, ring_ends, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, begin(&self->zc, &self->wire[i], &self->rx[i], i,
				   i, STREAM_LEN));
	ASSERT_EQ(0, some_more(self->rx, 2, MIB));
	zc_queue_forget(&self->further);
	zc_close(&self->zc);
	self->open = false;
	for (i = 0; i < 2; i++)
		wire_close(&self->wire[i]);
}

TEST_F_TIMEOUT(queues, unregister, TIMEOUT)
{
	struct zc *zc = &self->zc;
	union recv_cqe c;
	unsigned int i;

	for (i = 0; i < 2; i++)
		BEGIN(i, i, STREAM_LEN);
	ASSERT_EQ(0, some_more(self->rx, 2, MIB));
	ASSERT_EQ(0, zc_unregister(zc, NOTICE));
	EXPECT_EQ(0, queue_wait_free(self->ifindex, FIRST_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, queue_wait_free(self->ifindex, FURTHER_RXQ,
				     WIRE_PATIENCE_MS));
	/* their ends, in any order, behind payload that nobody looks at */
	for (i = 0; i < 2; ) {
		ASSERT_EQ(0, recv_next(zc, &c, RECV_SOON_MS));
		if (c.cqe.flags & IORING_CQE_F_MORE)
			continue;
		EXPECT_EQ(-ECANCELED, c.cqe.res);
		i++;
	}
	for (i = 0; i < 2; i++)
		wire_close(&self->wire[i]);
	EXPECT_RESULT(zc, NOTICE, 0);
}

/*
 * The ring that bound a queue lets go of the ifq and ends; another has that queue
 * and can unbind it.
 */
TEST_F_TIMEOUT(queues, of_a_ring_that_left, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct zc_queue theirs;
	struct zc other = {};
	int fd, gone;

	ASSERT_EQ(0, zc_unbind_queue(zc, &self->further));
	fd = zc_export(zc);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, zc_ring_open(&other.ring, 64));
	other.reg.ifq = (struct io_uring_zcrx_ifq_reg) {
		.if_idx = fd,
		.flags = ZCRX_REG_IMPORT,
	};
	ASSERT_EQ(0, io_uring_register_ifq(&other.ring, &other.reg.ifq));
	close(fd);
	other.reg.ifq.if_idx = self->ifindex;
	other.reg.ifq.rq_entries = zc->reg.ifq.rq_entries;
	other.region_len = zc->region_len;
	gone = ring_note_end(&other.ring);
	ASSERT_LE(0, gone);
	ASSERT_EQ(0, zc_bind_queue(&other, &theirs, FURTHER_RXQ,
				   variant->kernel_rq));
	/* a mapping would keep the ring */
	if (variant->kernel_rq)
		zc_queue_forget(&theirs);
	io_uring_queue_exit(&other.ring);
	ASSERT_EQ(0, side_wait_gone(gone));

	BEGIN(0, 1, STREAM_LEN);
	self->rx[0].by = &theirs;
	self->rx[0].by_every = !variant->kernel_rq;
	ASSERT_EQ(RECEIVE_END, receive(self->rx, UINT64_MAX));
	EXPECT_ALL_CAME(1, STREAM_LEN);
	EXPECT_ZERO_COPY(zc, STREAM_LEN);
	theirs.rxq = FURTHER_RXQ;
	ASSERT_EQ(0, zc_unbind_queue(zc, &theirs));
}

/* Bound and unbound again and again: nothing is left of any. */
TEST_F_TIMEOUT(queues, again_and_again, TIMEOUT)
{
	struct zc *zc = &self->zc;
	long pins = pins_now();
	unsigned int i;

	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, zc_unbind_queue(zc, &self->further));
		ASSERT_EQ(0, zc_bind_queue(zc, &self->further, FURTHER_RXQ,
					   variant->kernel_rq));
	}
	EXPECT_EQ(pins, pins_wait(pins, WIRE_PATIENCE_MS));
	BEGIN(0, 1, STREAM_LEN);
	ASSERT_EQ(RECEIVE_END, receive(self->rx, UINT64_MAX));
	EXPECT_ALL_CAME(1, STREAM_LEN);
	EXPECT_ZERO_COPY(zc, STREAM_LEN);
}

TEST_HARNESS_MAIN
