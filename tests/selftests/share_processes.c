// SPDX-License-Identifier: GPL-2.0
/*
 * One ifq, two processes with a ring each, that receive their own connections
 * at the same time into memory that they share. When one leaves, in whichever
 * way, the other goes on and misses nothing.
 */
#include <signal.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/pins.h"
#include "lib/share.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define PAGE		4096
/*
 * Enough for what a socket takes while nobody reads it (6 MiB of memory), and
 * for what a ring is killed with.
 */
#define AREA_LEN	(16 * MIB)
/* Five times what goes into the area: a packet has 1448 bytes in a page. */
#define STREAM_LEN	(32ULL * MIB)
/* More than anybody waits for. */
#define ENDLESS		(1024ULL * 1024 * MIB)

static struct stream stream[2];

/* Two processes, each with a ring. */
FIXTURE(processes)
{
	struct share *share;
	struct partner partner;
	int partner_gone;	/* its ring's struct side.gone */
	struct side side;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(processes)
{
	enum area_kind kind;
	bool kernel_rq;
	bool partner_exports;
};

FIXTURE_VARIANT_ADD(processes, partner_imports)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(processes, partner_exports)
{
	.kind = AREA_USER,
	.partner_exports = true,
};

FIXTURE_VARIANT_ADD(processes, partner_imports_udmabuf_kernel_rq)
{
	.kind = AREA_UDMABUF,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(processes, partner_exports_udmabuf_kernel_rq)
{
	.kind = AREA_UDMABUF,
	.kernel_rq = true,
	.partner_exports = true,
};

FIXTURE_SETUP(processes)
{
	ASSERT_EQ(0, share_wait_free());
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream[0], 33);
	stream_init(&stream[1], 34);
	ASSERT_EQ(0, share_open(&self->share, variant->kind, AREA_LEN,
				variant->kernel_rq));
	self->partner = (struct partner) {
		.share = self->share,
		.stream = &stream[1],
		.exports = variant->partner_exports,
	};
}

FIXTURE_TEARDOWN(processes)
{
	partner_kill(&self->partner);
	side_close(&self->side);
	share_close(self->share);
	EXPECT_EQ(0, share_wait_free());
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* The partner and its ring, and ours. From then on the rings hold the ifq. */
static int attach(FIXTURE_DATA(processes) *self)
{
	struct partner *p = &self->partner;
	int fd, ret;

	ret = partner_start(p);
	if (ret)
		return ret;
	if (p->exports) {
		fd = hear(p->ctl, 'f');
		if (fd < 0)
			return fd;
		ret = side_import(&self->side, self->share, fd);
	} else {
		ret = side_register(&self->side, self->share);
		if (ret)
			return ret;
		fd = side_export(&self->side);
		if (fd < 0)
			return fd;
		ret = tell(p->ctl, 'f', fd);
	}
	close(fd);
	if (ret)
		return ret;
	self->partner_gone = hear(p->ctl, 'g');
	return self->partner_gone < 0 ? self->partner_gone : 0;
}

/* Both are in the middle of their streams, and go on. */
static void start(struct __test_metadata *_metadata,
		  FIXTURE_DATA(processes) *self)
{
	struct receiver *rx = &self->rx;

	ASSERT_EQ(0, attach(self));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream[0], STREAM_LEN,
			       false));
	*rx = (struct receiver) {
		.zc = &self->side.zc,
		.sock = self->wire.sock,
		.stream = &stream[0],
	};
	ASSERT_EQ(0, zc_recv(rx->zc, rx->sock, 0, 0));
	ASSERT_EQ(RECEIVE_MORE, side_receive(&self->side, rx, SHARE_SOME));
	ASSERT_EQ(0, hear(self->partner.ctl, 'r'));
	ASSERT_EQ(0, tell(self->partner.ctl, 'c', -1));
	ASSERT_EQ(RECEIVE_MORE, side_receive(&self->side, rx, SHARE_SOME));
}

TEST_F_TIMEOUT(processes, both_receive, TIMEOUT)
{
	self->partner.len = STREAM_LEN;
	start(_metadata, self);
	ASSERT_EQ(RECEIVE_END, side_receive(&self->side, &self->rx, ENDLESS));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, partner_wait(&self->partner));
	EXPECT_ZERO_COPY(&self->side.zc, 2 * STREAM_LEN);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* While the partner leaves, and when it has. */
static void go_on_without(struct __test_metadata *_metadata,
			  FIXTURE_DATA(processes) *self, int how_it_ended)
{
	struct receiver *rx = &self->rx;

	ASSERT_EQ(RECEIVE_MORE, side_receive(&self->side, rx, 4 * MIB));
	ASSERT_EQ(how_it_ended, partner_wait(&self->partner));
	ASSERT_EQ(0, side_wait_gone(self->partner_gone));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	EXPECT_LE(AREA_LEN / PAGE, pins_now());
	/* most of it comes now */
	ASSERT_GT(STREAM_LEN / 2, rx->bytes);
	ASSERT_EQ(RECEIVE_END, side_receive(&self->side, rx, ENDLESS));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_SHARE_CLEAN(&self->side);
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(processes, partner_leaves, TIMEOUT)
{
	self->partner.len = ENDLESS;
	self->partner.quits = true;
	start(_metadata, self);
	ASSERT_EQ(0, tell(self->partner.ctl, 'q', -1));
	go_on_without(_metadata, self, 0);
}

TEST_F_TIMEOUT(processes, partner_killed, TIMEOUT)
{
	self->partner.len = ENDLESS;
	self->partner.quits = true;
	start(_metadata, self);
	ASSERT_EQ(0, kill(self->partner.pid, SIGKILL));
	go_on_without(_metadata, self, 128 + SIGKILL);
}

TEST_HARNESS_MAIN
