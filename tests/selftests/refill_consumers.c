// SPDX-License-Identifier: GPL-2.0
/*
 * A refill ring is read by who asks for it with ZCRX_CTRL_FLUSH_RQ and by the
 * NIC's NAPI, at any time. Between many entries that make no sense, so that
 * both are busy reading, each entry is taken once.
 */
#include <net/if.h>

#include "kselftest_harness.h"

#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(16 * MIB)
#define RQ_ENTRIES	16384
/* In front of each flush. They are more than a NAPI reads in one go. */
#define JUNK		8192
/* Between two looks at the completions: most of the time is spent so. */
#define FLUSHES		16

static struct stream stream;

FIXTURE(consumers)
{
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	__u64 junk;	/* entries of that kind so far */
};

FIXTURE_VARIANT(consumers)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(consumers, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(consumers, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(consumers)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
		.rq_entries = RQ_ENTRIES,
	};

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 36);
	ASSERT_EQ(0, zc_open(&self->zc, &cfg))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(consumers)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* Of no buffer, whatever the rest says. */
static void refill_junk(FIXTURE_DATA(consumers) *self)
{
	const struct io_uring_zcrx_rqe rqe = { .__pad = 1 };
	unsigned int i;

	for (i = 0; i < JUNK; i++)
		zc_refill(&self->zc, &rqe);
	self->junk += JUNK;
}

TEST_F_TIMEOUT(consumers, take_each_entry_once, TIMEOUT)
{
	struct zc *zc = &self->zc;
	unsigned int i;

	ASSERT_EQ(0, zc_recv(zc, self->rx.sock, 0, 0));
	while (!self->rx.ended) {
		ASSERT_EQ(0, receive_round(&self->rx, 1, WIRE_PATIENCE_MS));
		for (i = 0; i < FLUSHES; i++) {
			refill_junk(self);
			ASSERT_EQ(0, zc_flush(zc));
		}
	}
	EXPECT_EQ(0, self->rx.result);
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));

	EXPECT_EQ(self->junk, zc_fdinfo(zc, "invalid"));
	EXPECT_EQ(zc->rq.rq_tail, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
}

TEST_HARNESS_MAIN
