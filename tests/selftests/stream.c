// SPDX-License-Identifier: GPL-2.0
/*
 * A stream arrives byte for byte, and none of it was copied.
 */
#include <string.h>

#include "kselftest_harness.h"

#include "lib/wire.h"
#include "queue.h"
#include <net/if.h>

#define TIMEOUT		120
#define MIB		(1024 * 1024)
/* Several times the area, so that every buffer goes round more than once. */
#define STREAM_LEN	(64 * MIB)
#define AREA_LEN	(8 * MIB)

static struct stream stream;

/*
 * The checker that all tests here lean on does see what may go wrong: a bit,
 * two buffers swapped, a buffer that comes twice, one that comes later.
 */
TEST(checker)
{
	static char buf[4 * STREAM_BLOCK], good[4 * STREAM_BLOCK];
	const __u64 at = 12345;
	const size_t piece = 1448;
	size_t pos, bad;

	stream_init(&stream, 1);
	stream_fill(&stream, at, good, sizeof(good));
	memcpy(buf, good, sizeof(buf));
	for (pos = 0; pos < sizeof(buf); pos += 991) {
		buf[pos] ^= 1 << pos % 8;
		EXPECT_FALSE(stream_check(&stream, at, buf, sizeof(buf), &bad));
		EXPECT_EQ(pos, bad);
		buf[pos] = good[pos];
	}
	EXPECT_TRUE(stream_check(&stream, at, buf, sizeof(buf), &bad));

	for (pos = piece; pos + piece < sizeof(buf); pos += piece) {
		EXPECT_FALSE(stream_check(&stream, at, good + pos, piece, &bad));
		EXPECT_FALSE(stream_check(&stream, at + pos, good, piece, &bad));
	}
	EXPECT_FALSE(stream_check(&stream, at + STREAM_BLOCK, good, piece,
				  &bad));
	EXPECT_FALSE(stream_check(&stream, at + 1, good, piece, &bad));

	/* filled in pieces it is the same stream */
	for (pos = 0; pos + piece <= sizeof(buf); pos += piece)
		stream_fill(&stream, at + pos, buf + pos, piece);
	EXPECT_EQ(0, memcmp(buf, good, sizeof(buf)));
}

FIXTURE(stream)
{
	struct zc_config cfg;
	struct wire wire;
	struct zc zc;
	struct receiver rx;
};

FIXTURE_VARIANT(stream)
{
	enum area_kind kind;
	const char *addr;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(stream, user_v4)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(stream, user_v6)
{
	.kind = AREA_USER,
	.addr = WIRE_V6,
};

FIXTURE_VARIANT_ADD(stream, udmabuf_v4)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(stream, udmabuf_v6)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

/* the refill ring is the kernel's, and mapped */
FIXTURE_VARIANT_ADD(stream, user_kernel_rq)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(stream, udmabuf_kernel_rq)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V4,
	.kernel_rq = true,
};

FIXTURE_SETUP(stream)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 1);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.kernel_rq = variant->kernel_rq,
		.area_len = AREA_LEN,
	};
}

FIXTURE_TEARDOWN(stream)
{
}

#define OPEN(len)							\
	do {								\
		ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))		\
			TH_LOG("%s failed", self->zc.failed);		\
		ASSERT_EQ(0, wire_open(&self->wire, variant->addr,	\
				       &stream, len, false));		\
		self->rx = (struct receiver) {				\
			.zc = &self->zc,				\
			.sock = self->wire.sock,			\
			.stream = &stream,				\
		};							\
	} while (0)

#define CLOSE()								\
	do {								\
		EXPECT_EQ(0, wire_close(&self->wire));			\
		zc_close(&self->zc);					\
	} while (0)

/* All came from the NIC straight, and the kernel's own count agrees. */
#define EXPECT_UNCOPIED()						\
	do {								\
		EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));		\
		EXPECT_EQ(self->rx.bytes,				\
			  zc_fdinfo(&self->zc, "delivered"));		\
		EXPECT_EQ(self->rx.cqes, zc_fdinfo(&self->zc, "cqes"));	\
		EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));		\
	} while (0)

TEST_F_TIMEOUT(stream, every_byte, TIMEOUT)
{
	OPEN(STREAM_LEN);
	EXPECT_EQ(QUEUE_IO_URING,
		  queue_provider(if_nametoindex(WIRE_IF), WIRE_RXQ));
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_UNCOPIED();
	CLOSE();
}

/*
 * A request with a limit ends with 0 right at the limit, and the next one goes
 * on with the next byte.
 */
TEST_F_TIMEOUT(stream, limit, TIMEOUT)
{
	/* in the middle of a packet, now and then at its end */
	static const __u32 limit[] = { 1, 1448, 100000, 65537, 4096 };
	__u64 want = 0;
	size_t i;

	OPEN(STREAM_LEN / 8);
	for (i = 0; i < ARRAY_SIZE(limit); i++) {
		want += limit[i];
		ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, limit[i], 0));
		ASSERT_EQ(RECEIVE_END, receive(&self->rx, UINT32_MAX));
		ASSERT_EQ(want, self->rx.bytes);
	}
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(STREAM_LEN / 8, self->rx.bytes);
	EXPECT_UNCOPIED();
	CLOSE();
}

/* A full CQ ends the request with -ENOSPC, and not a byte is lost. */
TEST_F_TIMEOUT(stream, cq_full, TIMEOUT)
{
	struct timespec pause = { .tv_nsec = 20000000 };
	int ret = RECEIVE_MORE;

	self->cfg.cq_entries = 16;
	OPEN(STREAM_LEN / 8);
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, 0, 0));
	while (ret == RECEIVE_MORE) {
		/* let the socket fill up, more than 16 packets */
		if (self->rx.enospc < 3)
			nanosleep(&pause, NULL);
		ret = receive(&self->rx, 1);
	}
	ASSERT_EQ(RECEIVE_END, ret);
	EXPECT_EQ(STREAM_LEN / 8, self->rx.bytes);
	EXPECT_LT(0, self->rx.enospc);
	EXPECT_UNCOPIED();
	CLOSE();
}

/* A refill ring much smaller than the area: nearly all entries have to wait. */
TEST_F_TIMEOUT(stream, small_refill_ring, TIMEOUT)
{
	self->cfg.rq_entries = 8;
	OPEN(STREAM_LEN / 8);
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(STREAM_LEN / 8, self->rx.bytes);
	EXPECT_UNCOPIED();
	CLOSE();
}

TEST_HARNESS_MAIN
