// SPDX-License-Identifier: GPL-2.0
/*
 * liburing-zcrx with a NIC: further queues, areas that come and go under traffic, and
 * dma-bufs that no copy can go to. What it does without one liburing's own suite
 * tests.
 */
#include <fcntl.h>
#include <liburing-zcrx.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "../kernel/zcrx_blind.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/senders.h"
#include "queue.h"

#define TIMEOUT		180
#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(8 * MIB)
#define FALLBACK_LEN	(64 * 1024)
#define STREAM_LEN	(8 * MIB)
#define GONE_DATA	0x90e
#define CONNS		4
#define FIRST_RXQ	WIRE_RXQ
#define FURTHER_RXQ	FLOW_FURTHER_RXQ

static struct stream stream;

/* A connection, and how far it was received */
struct flow {
	struct wire wire;
	__u64 bytes;
	bool ended;
	int result;	/* URING_ZCRX_END, or why it went wrong */
};

FIXTURE(zcrx_lib)
{
	unsigned int ifindex;
	long pins;
	struct area area;
	struct uring_zcrx *zc;
	struct flow flows[CONNS];
	bool gone;
};

FIXTURE_VARIANT(zcrx_lib)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(zcrx_lib, user) { AREA_USER };
FIXTURE_VARIANT_ADD(zcrx_lib, udmabuf) { AREA_UDMABUF };

/* The area as the library wants it. */
static struct uring_zcrx_mem mem_of(const struct area *area)
{
	return (struct uring_zcrx_mem) {
		.kind = area->dmabuf_fd < 0 ? URING_ZCRX_MEM_USER :
					      URING_ZCRX_MEM_DMABUF,
		.addr = area->base,
		.len = area->len,
		.dmabuf_fd = area->dmabuf_fd,
	};
}

FIXTURE_SETUP(zcrx_lib)
{
	struct uring_zcrx_config cfg = {
		.flags = URING_ZCRX_STATS,
		.if_rxq = FIRST_RXQ,
	};
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, flow_steer(FIRST_RXQ, FURTHER_RXQ));
	stream_init(&stream, 17);
	ASSERT_EQ(0, area_open(&self->area, variant->kind, AREA_LEN, &failed));
	cfg.if_idx = self->ifindex;
	cfg.mem = mem_of(&self->area);
	ASSERT_EQ(0, uring_zcrx_open(&self->zc, &cfg));
}

FIXTURE_TEARDOWN(zcrx_lib)
{
	uring_zcrx_close(self->zc);
	area_close(&self->area);
	EXPECT_EQ(0, flow_steer(FIRST_RXQ, FIRST_RXQ));
	EXPECT_EQ(0, flow_wait_free());
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
}

static int arm(struct uring_zcrx *zc, const struct flow *flow, __u64 id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring_zcrx_ring(zc));

	if (!sqe)
		return -EAGAIN;
	uring_zcrx_prep_recv(zc, sqe, flow->wire.sock, 0);
	io_uring_sqe_set_data64(sqe, id);
	return 0;
}

static int take(struct flow *flow, struct uring_zcrx_buf *buf)
{
	size_t bad;

	if (!stream_check(&stream, flow->bytes, buf->data, buf->len, &bad)) {
		fprintf(stderr, "# wrong byte at %llu of the stream\n",
			(unsigned long long)(flow->bytes + bad));
		return -EILSEQ;
	}
	flow->bytes += buf->len;
	uring_zcrx_put(buf);
	return 0;
}

/* What a completion asks for. Returns 0 or -errno. */
static int completion(struct uring_zcrx *zc, struct flow *flows, bool *gone,
		      const struct io_uring_cqe *cqe)
{
	struct flow *flow = &flows[cqe->user_data % CONNS];
	struct uring_zcrx_buf buf;
	int next = uring_zcrx_next(zc, cqe, &buf);
	int ret;

	switch (next) {
	case URING_ZCRX_DATA:
		return take(flow, &buf);
	case URING_ZCRX_GONE:
		*gone = true;
		return 0;
	case URING_ZCRX_FLUSH_REARM:
		ret = uring_zcrx_flush(zc);
		return ret < 0 ? ret : arm(zc, flow, cqe->user_data);
	case URING_ZCRX_REARM:
		return arm(zc, flow, cqe->user_data);
	default:
		flow->ended = true;
		flow->result = next;
		return 0;
	}
}

static int round_of(struct uring_zcrx *zc, struct flow *flows, bool *gone)
{
	struct __kernel_timespec ts = { .tv_sec = WIRE_PATIENCE_MS / 1000 };
	struct io_uring *ring = uring_zcrx_ring(zc);
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;
	int ret = uring_zcrx_wait(zc, &ts);

	if (ret)
		return ret;
	io_uring_for_each_cqe(ring, head, cqe) {
		seen++;
		ret = completion(zc, flows, gone, cqe);
		if (ret)
			break;
	}
	io_uring_cq_advance(ring, seen);
	return ret;
}

static __u64 bytes_of(const struct flow *flows)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < CONNS; i++)
		sum += flows[i].bytes;
	return sum;
}

/* So many bytes more, or until all have ended. Returns 0 or -errno. */
static int some_more(struct uring_zcrx *zc, struct flow *flows, bool *gone,
		     __u64 bytes)
{
	__u64 until = bytes_of(flows) + bytes;
	int ret = 0, open, i;

	do {
		ret = round_of(zc, flows, gone);
		for (i = 0, open = 0; i < CONNS; i++)
			open += !flows[i].ended;
	} while (!ret && open && bytes_of(flows) < until);
	return ret;
}

#define SOME_MORE(bytes)						\
	ASSERT_EQ(0, some_more(self->zc, self->flows, &self->gone, bytes))

#define BEGIN_ALL()							\
	do {								\
		unsigned int __i;					\
									\
		for (__i = 0; __i < CONNS; __i++) {			\
			ASSERT_EQ(0, flow_open(&self->flows[__i].wire,	\
					       __i / 2 ? WIRE_V6 : WIRE_V4, \
					       __i, &stream, STREAM_LEN, \
					       false));			\
			ASSERT_EQ(0, arm(self->zc, &self->flows[__i],	\
					 __i));				\
		}							\
	} while (0)

#define EXPECT_ALL_CAME()						\
	do {								\
		unsigned int __i;					\
									\
		for (__i = 0; __i < CONNS; __i++) {			\
			EXPECT_EQ(URING_ZCRX_END,			\
				  self->flows[__i].result);		\
			EXPECT_EQ(STREAM_LEN, self->flows[__i].bytes);	\
			EXPECT_EQ(0, wire_close(&self->flows[__i].wire)); \
		}							\
	} while (0)

/* Two queues, two rings, and buffers by either. */
TEST_F_TIMEOUT(zcrx_lib, further_queue, TIMEOUT)
{
	const volatile struct zcrx_queue_stats *first, *further;
	const volatile struct zcrx_ext_stats *stats;
	struct uring_zcrx_info info;

	ASSERT_EQ(0, uring_zcrx_bind_queue(self->zc, FURTHER_RXQ, 0,
					   URING_ZCRX_STATS));
	EXPECT_EQ(-EEXIST, uring_zcrx_bind_queue(self->zc, FURTHER_RXQ, 0, 0));
	EXPECT_EQ(-ERANGE, uring_zcrx_bind_queue(self->zc, 99, 0, 0));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, FURTHER_RXQ));
	stats = uring_zcrx_ext_stats(self->zc);
	first = uring_zcrx_queue_stats(self->zc, FIRST_RXQ);
	further = uring_zcrx_queue_stats(self->zc, FURTHER_RXQ);
	ASSERT_NE(NULL, stats);
	ASSERT_EQ(&stats->queue, first);
	ASSERT_NE(NULL, further);

	BEGIN_ALL();
	SOME_MORE(UINT64_MAX / 2);
	EXPECT_ALL_CAME();
	EXPECT_EQ(CONNS * STREAM_LEN, stats->delivered_bytes);
	EXPECT_EQ(0, stats->copy_bytes);
	EXPECT_LT(0, uring_zcrx_flush(self->zc));
	uring_zcrx_info(self->zc, &info);
	EXPECT_EQ(0, info.held);
	EXPECT_EQ(0, info.pending);
	/* what was put went to both rings in turn, and each was read */
	EXPECT_LT(0, first->from_ring);
	EXPECT_LT(0, further->from_ring);
	EXPECT_EQ(0, first->invalid);
	EXPECT_EQ(0, further->invalid);

	EXPECT_EQ(-EBUSY, uring_zcrx_unbind_queue(self->zc, FIRST_RXQ));
	EXPECT_EQ(0, uring_zcrx_unbind_queue(self->zc, FURTHER_RXQ));
	EXPECT_EQ(-ENOENT, uring_zcrx_unbind_queue(self->zc, FURTHER_RXQ));
	EXPECT_EQ(NULL, uring_zcrx_queue_stats(self->zc, FURTHER_RXQ));
}

/* Unbound and bound again while buffers are out, with a fallback to copy to. */
TEST_F_TIMEOUT(zcrx_lib, comes_and_goes, TIMEOUT)
{
	struct uring_zcrx_mem fallback = {
		.flags = URING_ZCRX_MEM_FALLBACK,
		.len = FALLBACK_LEN,
	};
	const volatile struct zcrx_ext_stats *stats;
	int i;

	stats = uring_zcrx_ext_stats(self->zc);
	ASSERT_NE(NULL, stats);
	ASSERT_EQ(1, uring_zcrx_add_area(self->zc, &fallback));
	ASSERT_EQ(0, uring_zcrx_bind_queue(self->zc, FURTHER_RXQ, 64, 0));
	EXPECT_EQ(NULL, uring_zcrx_queue_stats(self->zc, FURTHER_RXQ));
	BEGIN_ALL();
	for (i = 0; i < 3; i++) {
		SOME_MORE(2 * MIB);
		ASSERT_EQ(0, uring_zcrx_unbind_queue(self->zc, FURTHER_RXQ));
		/* once at least some of it comes by the queue */
		do {
			SOME_MORE(2 * MIB);
		} while (!stats->bytes[ZCRX_STATS_QUEUE] &&
			 bytes_of(self->flows) < CONNS * STREAM_LEN);
		ASSERT_EQ(0, uring_zcrx_bind_queue(self->zc, FURTHER_RXQ, 64,
						   0));
	}
	SOME_MORE(UINT64_MAX / 2);
	EXPECT_ALL_CAME();
	EXPECT_EQ(CONNS * STREAM_LEN,
		  stats->delivered_bytes + stats->copy_bytes);
	EXPECT_LT(0, stats->bytes[ZCRX_STATS_QUEUE]);
	/* the fallback is none of the NIC's */
	EXPECT_EQ(AREA_LEN / 4096, stats->buffers);
}

/* The first area goes under traffic, for another one of the other kind. */
TEST_F_TIMEOUT(zcrx_lib, areas, TIMEOUT)
{
	struct uring_zcrx_mem more = { .len = AREA_LEN };
	struct uring_zcrx_info info;

	ASSERT_EQ(0, flow_steer(FIRST_RXQ, FIRST_RXQ));
	BEGIN_ALL();
	SOME_MORE(4 * MIB);
	ASSERT_EQ(1, uring_zcrx_add_area(self->zc, &more));
	SOME_MORE(4 * MIB);
	ASSERT_EQ(0, uring_zcrx_remove_area(self->zc, 0, GONE_DATA));
	SOME_MORE(UINT64_MAX / 2);
	EXPECT_ALL_CAME();
	EXPECT_LE(0, uring_zcrx_flush(self->zc));
	if (!self->gone)
		ASSERT_EQ(0, round_of(self->zc, self->flows, &self->gone));
	EXPECT_TRUE(self->gone);
	uring_zcrx_info(self->zc, &info);
	EXPECT_EQ(1, info.nr_areas);
	EXPECT_EQ(AREA_LEN / 4096, info.nr_bufs);
	EXPECT_EQ(CONNS * STREAM_LEN,
		  uring_zcrx_ext_stats(self->zc)->delivered_bytes);
}

/*
 * Once closed, the queue is the interface's, and nothing writes to the area any more;
 * it can be opened again at once.
 */
TEST(closed_at_once)
{
	struct uring_zcrx_config cfg = {
		.if_idx = if_nametoindex(WIRE_IF),
		.if_rxq = FIRST_RXQ,
		.mem.len = AREA_LEN,
	};
	struct uring_zcrx *zc;
	int i;

	ASSERT_EQ(0, queue_wait_free(cfg.if_idx, FIRST_RXQ, WIRE_PATIENCE_MS));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, uring_zcrx_open(&zc, &cfg));
		EXPECT_EQ(QUEUE_IO_URING, queue_provider(cfg.if_idx, FIRST_RXQ));
		uring_zcrx_close(zc);
		EXPECT_EQ(QUEUE_PAGES, queue_provider(cfg.if_idx, FIRST_RXQ));
	}
}

/* No more than the timeout, which a TEST has not. */
FIXTURE(two_rings)
{
	int none;
};

FIXTURE_VARIANT(two_rings)
{
	bool again;	/* the other one binds the queue that it has unbound */
};

FIXTURE_VARIANT_ADD(two_rings, unbound) { false };
FIXTURE_VARIANT_ADD(two_rings, bound_again) { true };

FIXTURE_SETUP(two_rings)
{
}

FIXTURE_TEARDOWN(two_rings)
{
	EXPECT_EQ(0, flow_steer(FIRST_RXQ, FIRST_RXQ));
}

/*
 * A ring that imports and binds a queue of its own gives back by that one alone, until
 * another ring unbinds it: then what it gave back meanwhile is not lost.
 */
TEST_F_TIMEOUT(two_rings, importer, TIMEOUT)
{
	struct uring_zcrx_config cfg = {
		.if_idx = if_nametoindex(WIRE_IF),
		.if_rxq = FIRST_RXQ,
		.flags = URING_ZCRX_SHARED | URING_ZCRX_STATS,
		.mem.len = AREA_LEN,
	}, none = { };
	const volatile struct zcrx_queue_stats *further;
	struct flow flows[CONNS] = { };
	struct uring_zcrx_share share;
	struct uring_zcrx *zc, *other;
	/* as all other buffers may be in sockets, behind what is to be copied */
	struct uring_zcrx_mem fallback = {
		.flags = URING_ZCRX_MEM_FALLBACK,
		.len = FALLBACK_LEN,
	};
	struct uring_zcrx_info info;
	bool gone = false;
	void *areas[2];
	int i;

	stream_init(&stream, 19);
	ASSERT_EQ(0, queue_wait_free(cfg.if_idx, FIRST_RXQ, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, flow_steer(FIRST_RXQ, FURTHER_RXQ));
	ASSERT_EQ(0, uring_zcrx_open(&zc, &cfg));
	ASSERT_EQ(1, uring_zcrx_add_area(zc, &fallback));
	ASSERT_EQ(0, uring_zcrx_export(zc, &share));
	for (i = 0; i < 2; i++)
		areas[i] = uring_zcrx_area(zc, i, NULL);
	ASSERT_EQ(0, uring_zcrx_import(&other, &none, &share, areas));
	close(share.fd);
	ASSERT_EQ(0, uring_zcrx_bind_queue(other, FURTHER_RXQ, 0,
					   URING_ZCRX_STATS));
	further = uring_zcrx_queue_stats(other, FURTHER_RXQ);
	ASSERT_NE(NULL, further);

	for (i = 0; i < CONNS; i++) {
		ASSERT_EQ(0, flow_open(&flows[i].wire, WIRE_V4, 1, &stream,
				       STREAM_LEN, false));
		ASSERT_EQ(0, arm(other, &flows[i], i));
	}
	ASSERT_EQ(0, some_more(other, flows, &gone, 16 * MIB));
	EXPECT_LT(0, further->from_ring);
	/* nothing is in the ring that they share */
	EXPECT_EQ(0, uring_zcrx_flush(zc));

	/* from here on what comes is copied; nobody reads that ring any more */
	ASSERT_EQ(0, uring_zcrx_unbind_queue(zc, FURTHER_RXQ));
	ASSERT_EQ(0, some_more(other, flows, &gone, 2 * MIB));
	EXPECT_EQ(0, uring_zcrx_publish(other));
	if (variant->again)
		ASSERT_EQ(0, uring_zcrx_bind_queue(zc, FURTHER_RXQ, 0, 0));
	EXPECT_EQ(variant->again ? 0 : -ENOENT,
		  uring_zcrx_unbind_queue(other, FURTHER_RXQ));
	if (variant->again)
		EXPECT_EQ(-ENOENT, uring_zcrx_unbind_queue(zc, FURTHER_RXQ));
	EXPECT_EQ(NULL, uring_zcrx_queue_stats(other, FURTHER_RXQ));
	uring_zcrx_info(other, &info);
	EXPECT_LT(0, info.pending);
	ASSERT_EQ(0, some_more(other, flows, &gone, UINT64_MAX / 2));
	for (i = 0; i < CONNS; i++) {
		EXPECT_EQ(URING_ZCRX_END, flows[i].result);
		EXPECT_EQ(STREAM_LEN, flows[i].bytes);
		EXPECT_EQ(0, wire_close(&flows[i].wire));
	}
	EXPECT_LE(0, uring_zcrx_flush(other));
	/* one look at a socket more, of three segments, and the count is as of then */
	ASSERT_EQ(0, flow_open(&flows[0].wire, WIRE_V4, 0, &stream, 4096,
			       false));
	flows[0].bytes = 0;
	flows[0].ended = false;
	ASSERT_EQ(0, arm(other, &flows[0], 0));
	ASSERT_EQ(0, some_more(other, flows, &gone, UINT64_MAX / 2));
	EXPECT_EQ(0, wire_close(&flows[0].wire));
	EXPECT_GE(3, uring_zcrx_ext_stats(zc)->held);
	EXPECT_EQ(0, uring_zcrx_ext_stats(zc)->queue.invalid);

	/* bound again after another ring unbound it, it is there once */
	ASSERT_EQ(0, uring_zcrx_bind_queue(other, FURTHER_RXQ, 0,
					   URING_ZCRX_STATS));
	ASSERT_EQ(0, uring_zcrx_unbind_queue(zc, FURTHER_RXQ));
	ASSERT_EQ(0, uring_zcrx_bind_queue(other, FURTHER_RXQ, 0,
					   URING_ZCRX_STATS));
	EXPECT_NE(NULL, uring_zcrx_queue_stats(other, FURTHER_RXQ));
	ASSERT_EQ(0, uring_zcrx_unbind_queue(other, FURTHER_RXQ));
	EXPECT_EQ(NULL, uring_zcrx_queue_stats(other, FURTHER_RXQ));
	uring_zcrx_close(other);
	uring_zcrx_close(zc);
	EXPECT_EQ(0, flow_wait_free());
}

/*
 * A dma-buf that no CPU gets into: a request that wants to copy fails and is not to be
 * tried again, until there is an area that takes copies.
 */
TEST(no_access)
{
	struct uring_zcrx_mem fallback = {
		.flags = URING_ZCRX_MEM_FALLBACK,
		.len = FALLBACK_LEN,
	};
	struct uring_zcrx_config cfg = {
		.if_idx = if_nametoindex(WIRE_IF),
		.if_rxq = FIRST_RXQ,
		.mem = {
			.kind = URING_ZCRX_MEM_DMABUF,
			.len = AREA_LEN,
		},
	};
	struct flow flows[CONNS] = { };
	__u64 size = AREA_LEN;
	struct uring_zcrx *zc;
	bool gone = false;
	int blind;

	stream_init(&stream, 18);
	ASSERT_EQ(0, system("modprobe zcrx_blind"));
	blind = open("/dev/" ZCRX_BLIND_DEV, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, blind);
	cfg.mem.dmabuf_fd = ioctl(blind, ZCRX_BLIND_CREATE, &size);
	ASSERT_LE(0, cfg.mem.dmabuf_fd);
	ASSERT_EQ(0, queue_wait_free(cfg.if_idx, FIRST_RXQ, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, uring_zcrx_open(&zc, &cfg));
	close(cfg.mem.dmabuf_fd);
	EXPECT_EQ(NULL, uring_zcrx_area(zc, 0, NULL));
	/* it was not asked for, although the library looks at it */
	EXPECT_EQ(NULL, uring_zcrx_ext_stats(zc));

	ASSERT_EQ(0, wire_open_with(&flows[0].wire, LOOPBACK_V4, &stream, MIB,
				    false, send_over_loopback));
	ASSERT_EQ(0, arm(zc, &flows[0], 0));
	while (!flows[0].ended)
		ASSERT_EQ(0, round_of(zc, flows, &gone));
	EXPECT_EQ(-ENOMEM, flows[0].result);
	EXPECT_EQ(0, flows[0].bytes);

	ASSERT_EQ(1, uring_zcrx_add_area(zc, &fallback));
	flows[0].ended = false;
	ASSERT_EQ(0, arm(zc, &flows[0], 0));
	while (!flows[0].ended)
		ASSERT_EQ(0, round_of(zc, flows, &gone));
	EXPECT_EQ(URING_ZCRX_END, flows[0].result);
	EXPECT_EQ(MIB, flows[0].bytes);
	EXPECT_EQ(0, wire_close(&flows[0].wire));
	uring_zcrx_close(zc);
	close(blind);
}

TEST_HARNESS_MAIN
