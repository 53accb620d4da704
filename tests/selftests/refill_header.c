// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that a process gives for a refill ring has a past, and may have
 * been one already. The ring starts empty all the same: positions that lie in
 * it before the registration are nobody's.
 */
#include <errno.h>
#include <net/if.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/nodev.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(4 * MIB)
#define STREAM_LEN	(4 * AREA_LEN)
#define RQ_ENTRIES	1024

static struct stream stream;

/* Each word of it, as the header may be anywhere. */
static void *memory_of(__u32 word)
{
	const size_t len = zc_region_len(RQ_ENTRIES);
	__u32 *region = mmap(NULL, len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (region == MAP_FAILED)
		return NULL;
	for (i = 0; i < len / sizeof(word); i++)
		region[i] = word;
	return region;
}

/* Registers the region as it is. Only what fails at once is cleaned up. */
static int open_in(struct zc *zc, unsigned int ifindex, void *region)
{
	const char *failed;
	int ret;

	memset(zc, 0, sizeof(*zc));
	ret = area_open(&zc->areas[0], AREA_USER, AREA_LEN, &failed);
	if (!ret)
		ret = zc_ring_open(&zc->ring, 4096);
	if (ret)
		return ret;

	zc->region_len = zc_region_len(RQ_ENTRIES);
	zc_reg_init(&zc->reg, ifindex, ifindex ? WIRE_RXQ : 0, RQ_ENTRIES,
		    &zc->areas[0], region, zc->region_len);
	zc->reg.ifq.flags = ifindex ? 0 : ZCRX_REG_NODEV;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (ret)
		return ret;

	zc_use_region(zc, region);
	return 0;
}

FIXTURE(header)
{
	struct nodev nd;	/* bound to the NIC in some variants */
	void *region;
};

FIXTURE_VARIANT(header)
{
	bool bound;
	__u32 word;
};

FIXTURE_VARIANT_ADD(header, ones_nodev)
{
	.word = -1,
};

FIXTURE_VARIANT_ADD(header, ones_bound)
{
	.bound = true,
	.word = -1,
};

/* as a ring leaves it that has gone round once */
FIXTURE_VARIANT_ADD(header, used_nodev)
{
	.word = RQ_ENTRIES,
};

FIXTURE_VARIANT_ADD(header, used_bound)
{
	.bound = true,
	.word = RQ_ENTRIES,
};

FIXTURE_SETUP(header)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);

	ASSERT_EQ(0, queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS));
	stream_init(&stream, 34);
	self->region = memory_of(variant->word);
	ASSERT_NE(NULL, self->region);
	ASSERT_EQ(0, open_in(&self->nd.zc, variant->bound ? ifindex : 0,
			     self->region));
}

FIXTURE_TEARDOWN(header)
{
	zc_close(&self->nd.zc);
}

/* Before the process has written to it. */
TEST_F(header, starts_empty)
{
	struct zc *zc = &self->nd.zc;
	struct zcrx_ctrl flush = {
		.zcrx_id = zc->reg.ifq.zcrx_id,
		.op = ZCRX_CTRL_FLUSH_RQ,
	};

	EXPECT_EQ(0, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_EQ(0, io_uring_smp_load_acquire(zc->rq.ktail));

	EXPECT_EQ(0, zc_ctrl(zc, &flush));
	EXPECT_EQ(0, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_EQ(0, io_uring_smp_load_acquire(zc->rq.ktail));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
}

/* All that the kernel takes out of it is what this process puts into it. */
TEST_F_TIMEOUT(header, serves_a_stream, TIMEOUT)
{
	struct nodev *nd = &self->nd;

	ASSERT_EQ(0, wire_open(&nd->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	nd->hold = (struct hold) { };
	nd->rx = (struct receiver) {
		.zc = &nd->zc,
		.sock = nd->wire.sock,
		.stream = &stream,
	};
	if (variant->bound) {
		EXPECT_EQ(RECEIVE_END, receive_all(&nd->rx));
		EXPECT_ZERO_COPY(&nd->zc, STREAM_LEN);
	} else {
		EXPECT_EQ(0, nodev_finish(nd));
		EXPECT_COPIED(&nd->zc, STREAM_LEN);
		EXPECT_EQ(nd->zc.rq.rq_tail,
			  io_uring_smp_load_acquire(nd->zc.rq.khead));
		EXPECT_ALL_FREE(&nd->zc, AREA_LEN / 4096);
	}
	EXPECT_EQ(STREAM_LEN, nd->rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_EQ(0, wire_close(&nd->wire));
}

TEST_HARNESS_MAIN
