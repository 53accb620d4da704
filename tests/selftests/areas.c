// SPDX-License-Identifier: GPL-2.0
/*
 * The same stream into each kind of memory, with each kind of refill ring, so
 * that every buffer of the area is filled, and each entry of the ring used.
 */
#include <net/if.h>

#include "kselftest_harness.h"

#include "lib/everywhere.h"
#include "lib/meminfo.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define HUGE		(2 * MIB)
#define AREA_LEN	(8 * MIB)
#define NR_BUFFERS	(AREA_LEN / PAGE)
#define STREAM_LEN	(32 * MIB)
/* What a page_pool may keep besides what is posted. */
#define POOL_CACHE	128
/* for an area and a refill ring */
#define HUGE_PAGES	(AREA_LEN / HUGE + 1)

static struct stream stream;

FIXTURE(area)
{
	struct zc_config cfg;
	struct wire wire;
	struct zc zc;
	struct receiver rx;
};

FIXTURE_VARIANT(area)
{
	enum area_kind kind;
	bool kernel_rq;
	bool huge_rq;
};

FIXTURE_VARIANT_ADD(area, pages)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(area, thp)
{
	.kind = AREA_THP,
};

FIXTURE_VARIANT_ADD(area, hugetlb)
{
	.kind = AREA_HUGETLB,
};

FIXTURE_VARIANT_ADD(area, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(area, udmabuf_hugetlb)
{
	.kind = AREA_UDMABUF_HUGETLB,
};

FIXTURE_VARIANT_ADD(area, heap)
{
	.kind = AREA_HEAP,
};

/* the kernel's refill ring, mapped */
FIXTURE_VARIANT_ADD(area, pages_kernel_rq)
{
	.kind = AREA_USER,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, thp_kernel_rq)
{
	.kind = AREA_THP,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, hugetlb_kernel_rq)
{
	.kind = AREA_HUGETLB,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, udmabuf_kernel_rq)
{
	.kind = AREA_UDMABUF,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, udmabuf_hugetlb_kernel_rq)
{
	.kind = AREA_UDMABUF_HUGETLB,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, heap_kernel_rq)
{
	.kind = AREA_HEAP,
	.kernel_rq = true,
};

/* one in a hugetlb page */
FIXTURE_VARIANT_ADD(area, pages_huge_rq)
{
	.kind = AREA_USER,
	.huge_rq = true,
};

FIXTURE_VARIANT_ADD(area, hugetlb_huge_rq)
{
	.kind = AREA_HUGETLB,
	.huge_rq = true,
};

FIXTURE_VARIANT_ADD(area, heap_huge_rq)
{
	.kind = AREA_HEAP,
	.huge_rq = true,
};

FIXTURE_SETUP(area)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(HUGE_PAGES));
	stream_init(&stream, 21);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.kernel_rq = variant->kernel_rq,
		.huge_rq = variant->huge_rq,
		.area_len = AREA_LEN,
	};
	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))
		TH_LOG("%s failed", self->zc.failed);
}

FIXTURE_TEARDOWN(area)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* The memory of the area is of the kind that was asked for. */
static bool kind_is_right(const struct area *area, unsigned int rq_huge)
{
	long huge = HUGE_PAGES - meminfo_free_huge_pages() - rq_huge;

	switch (area->kind) {
	case AREA_THP:
		return meminfo_thp_bytes() >= AREA_LEN && !huge;
	case AREA_HUGETLB:
		return huge == AREA_LEN / HUGE && area->dmabuf_fd < 0;
	case AREA_UDMABUF_HUGETLB:
		return huge == AREA_LEN / HUGE &&
		       meminfo_exporter_is(area->dmabuf_fd, "udmabuf");
	case AREA_UDMABUF:
		return !huge && meminfo_exporter_is(area->dmabuf_fd, "udmabuf");
	case AREA_HEAP:
		return meminfo_exporter_is(area->dmabuf_fd, "system");
	default:
		return !huge && area->dmabuf_fd < 0 && !meminfo_thp_bytes();
	}
}

#define CONNECT()							\
	do {								\
		ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream,	\
				       STREAM_LEN, false));		\
		self->rx = (struct receiver) {				\
			.zc = &self->zc,				\
			.sock = self->wire.sock,			\
			.stream = &stream,				\
		};							\
	} while (0)

TEST_F_TIMEOUT(area, every_buffer, TIMEOUT)
{
	unsigned int filled;

	EXPECT_TRUE(kind_is_right(&self->zc.areas[0], variant->huge_rq));
	CONNECT();
	ASSERT_EQ(0, receive_everywhere(&self->rx, TAKES_RETURNED, &filled));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(NR_BUFFERS, filled);
	/* more buffers than the ring has entries: it went round */
	EXPECT_LT(self->zc.reg.ifq.rq_entries, self->rx.cqes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	EXPECT_EQ(0, wire_close(&self->wire));
}

/*
 * The flow comes in on another queue: what is not posted is filled by copies.
 */
TEST_F_TIMEOUT(area, every_copy, TIMEOUT)
{
	unsigned int filled;
	int posted, ret;

	posted = nic_rx_ring(WIRE_IF);
	ASSERT_LT(0, posted);
	ASSERT_EQ(0, nic_steer(WIRE_IF, 0));
	CONNECT();
	ret = receive_everywhere(&self->rx, TAKES_UNUSED, &filled);
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));

	EXPECT_EQ(0, zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	ASSERT_EQ(0, ret);
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "copied"));
	EXPECT_LE(NR_BUFFERS - (unsigned int)posted - POOL_CACHE, filled);
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_HARNESS_MAIN
