// SPDX-License-Identifier: GPL-2.0
/*
 * Payload that did not come by the ring's queue, or not into a buffer: it is
 * copied into the area, a dma-buf as well as memory of the process, and counted
 * under what was the reason. Each test has one reason; dmabuf_stream.c has all
 * of them in one stream.
 */
#include <errno.h>
#include <net/if.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/copies.h"
#include "lib/meminfo.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define KIB		1024
#define MIB		(1024 * KIB)
#define AREA_LEN	(16 * MIB)
#define HUGE_PAGES	(AREA_LEN / (2 * MIB))
/*
 * All of it fits, however small the segments are: when there is no buffer to copy
 * to, the request ends, and what the next one finds came early.
 */
#define STREAM_LEN	(4 * MIB)
#define OTHER_RXQ	0

static struct stream stream;

FIXTURE(copies)
{
	unsigned int ifindex;
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(copies)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(copies, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(copies, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(copies, udmabuf_hugetlb)
{
	.kind = AREA_UDMABUF_HUGETLB,
	.addr = WIRE_V6,
};

FIXTURE_VARIANT_ADD(copies, heap)
{
	.kind = AREA_HEAP,
	.addr = WIRE_V6,
};

FIXTURE_SETUP(copies)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	if (variant->kind == AREA_UDMABUF_HUGETLB)
		ASSERT_EQ(0, meminfo_set_huge_pages(HUGE_PAGES));
	stream_init(&stream, 71);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	self->wire.sock = -1;
	self->rx = (struct receiver) { .zc = &self->zc, .stream = &stream };
}

FIXTURE_TEARDOWN(copies)
{
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	if (self->wire.sock >= 0)
		EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	if (variant->kind == AREA_UDMABUF_HUGETLB)
		EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* The request is there before what the sender waits to be told to send. */
static int receive_when_told(struct receiver *rx, const struct wire *wire)
{
	int ret;

	rx->sock = wire->sock;
	ret = zc_recv(rx->zc, rx->sock, 0, 0);
	if (!ret)
		ret = copies_go(wire);
	return ret ? ret : receive(rx, UINT64_MAX - rx->bytes);
}

/* So much of the stream was copied, and the rest came straight. */
static void expect_bytes(struct __test_metadata *_metadata,
			 const struct receiver *rx, __u64 copied)
{
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(copied, zc_fdinfo(rx->zc, "copied"));
	EXPECT_EQ(STREAM_LEN - copied, zc_fdinfo(rx->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(rx->zc, "invalid"));
}

/* An urgent mark covers no more than what 16 bits count. */
static int small_window(int sock)
{
	const int len = 32 * KIB;

	return setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len)) ?
	       -errno : 0;
}

TEST_F_TIMEOUT(copies, over_loopback, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, LOOPBACK_V4, &stream,
				    STREAM_LEN, false,
				    copies_send_over_loopback));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, STREAM_LEN);
	EXPECT_TRUE(copies_are(&self->zc,
			       (struct copies) { .device = STREAM_LEN }));
}

TEST_F_TIMEOUT(copies, by_another_queue, TIMEOUT)
{
	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    STREAM_LEN, false, copies_send_when_told));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, STREAM_LEN);
	EXPECT_TRUE(copies_are(&self->zc,
			       (struct copies) { .queue = STREAM_LEN }));
}

/* What came before the flow was steered lies in the kernel's memory. */
TEST_F_TIMEOUT(copies, before_it_was_steered, TIMEOUT)
{
	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    STREAM_LEN, false,
				    copies_send_some_before));
	ASSERT_EQ(0, wire_wait_backlog(self->wire.sock, COPIES_AT_ONCE));
	ASSERT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, COPIES_AT_ONCE);
	EXPECT_TRUE(copies_are(&self->zc,
			       (struct copies) { .early = COPIES_AT_ONCE }));
}

/* It stays in its place in the stream, as what comes straight does. */
TEST_F_TIMEOUT(copies, urgent, TIMEOUT)
{
	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    STREAM_LEN, false, copies_send_urgent));
	ASSERT_EQ(0, small_window(self->wire.sock));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, STREAM_LEN);
	EXPECT_TRUE(copies_are(&self->zc,
			       (struct copies) { .urgent = STREAM_LEN }));
}

/* The connection is steered once it is there; what its SYN brought was not. */
TEST_F_TIMEOUT(copies, fast_open, TIMEOUT)
{
	int ret;

	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, set_fast_open(true));
	ret = wire_open_with(&self->wire, variant->addr, &stream, STREAM_LEN,
			     false, copies_send_with_syn);
	EXPECT_EQ(0, set_fast_open(false));
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, COPIES_SYN_LEN);
	EXPECT_TRUE(copies_are(&self->zc,
			       (struct copies) { .fastopen = COPIES_SYN_LEN }));
}

/*
 * Buffers that a page_pool gave up, as its queue was restarted with a shorter ring,
 * are filled by copies, and come back when that pool is long gone.
 */
TEST_F_TIMEOUT(copies, after_a_restart, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    STREAM_LEN, false, copies_send_when_told));
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	expect_bytes(_metadata, &self->rx, 0);
	EXPECT_EQ(0, wire_close(&self->wire));
	self->wire.sock = -1;
	ASSERT_EQ(0, zc_flush(&self->zc));

	ASSERT_EQ(0, sh("ethtool -G " WIRE_IF " rx 80"));
	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    STREAM_LEN, false, copies_send_when_told));
	self->rx.bytes = 0;
	ASSERT_EQ(RECEIVE_END, receive_when_told(&self->rx, &self->wire));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_flush(&self->zc));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "held"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	EXPECT_EQ(0, sh("ethtool -G " WIRE_IF " rx 256"));
}

TEST_HARNESS_MAIN
