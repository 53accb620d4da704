// SPDX-License-Identifier: GPL-2.0
/*
 * An area of more than 4 GiB: offsets and DMA addresses of more than 32 bits.
 * Free buffers are used from the lowest offset on, so all that lie below have
 * to be filled first, and kept.
 */
#include <net/if.h>

#include "kselftest_harness.h"

#include "lib/hold.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		280
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define PAGE		4096
#define LARGE_LEN	(63 * AREA_REPEATED_LEN)
#define LIMITS		"/sys/module/udmabuf/parameters/"
/* Buffers beyond the 4 GiB go round until this much has come in them. */
#define BEYOND_LEN	(2 * MIB)
#define ENOUGH		(LARGE_LEN / PAGE * SMALLEST_MSS)

static struct stream stream;

FIXTURE(beyond_4gib)
{
	struct zc zc;
	struct wire wire;
};

FIXTURE_VARIANT(beyond_4gib)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(beyond_4gib, user)
{
	.kind = AREA_USER_REPEATED,
};

FIXTURE_VARIANT_ADD(beyond_4gib, udmabuf)
{
	.kind = AREA_UDMABUF_REPEATED,
};

FIXTURE_SETUP(beyond_4gib)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = LARGE_LEN,
		.cq_entries = 32768,
	};

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, sh("echo 8192 >" LIMITS "size_limit_mb"));
	stream_init(&stream, 22);
	ASSERT_EQ(0, zc_open(&self->zc, &cfg))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, wire_open_with(&self->wire, WIRE_V4, &stream, ENOUGH, true,
				    send_smallest_segments));
}

FIXTURE_TEARDOWN(beyond_4gib)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_EQ(0, sh("echo 64 >" LIMITS "size_limit_mb"));
}

/* Gives back what lies beyond 4 GiB, keeps the rest for good. */
static __u64 recycle_beyond(struct hold *hold, struct zc *zc)
{
	__u64 bytes = 0;
	unsigned int i;

	for (i = 0; i < hold->nr; i++) {
		const struct io_uring_zcrx_rqe *rqe = &hold->rqe[i];

		if ((rqe->off & ~IORING_ZCRX_AREA_MASK) < 4 * GIB)
			continue;
		bytes += rqe->len;
		zc_refill(zc, rqe);
	}
	zc_publish(zc);
	hold->nr = 0;
	return bytes;
}

TEST_F_TIMEOUT(beyond_4gib, every_byte, TIMEOUT)
{
	struct hold hold = {};
	struct receiver rx = {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
		.keep = true,
		.hold = &hold,
	};
	__u64 beyond = 0;

	ASSERT_EQ(LARGE_LEN / PAGE, zc_fdinfo(&self->zc, "buffers"));
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, 0, 0));
	while (beyond < BEYOND_LEN && !rx.ended) {
		ASSERT_EQ(0, receive_round(&rx, 1, WIRE_PATIENCE_MS));
		beyond += recycle_beyond(&hold, &self->zc);
	}
	EXPECT_FALSE(rx.ended);
	TH_LOG("%llu MiB came, %llu KiB of it beyond 4 GiB", rx.bytes / MIB,
	       beyond / KIB);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	EXPECT_LE(4 * GIB / PAGE, zc_fdinfo(&self->zc, "held"));
}

TEST_HARNESS_MAIN
