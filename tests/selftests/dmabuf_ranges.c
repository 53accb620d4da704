// SPDX-License-Identifier: GPL-2.0
/*
 * Parts of a dma-buf as areas: what is received lies in them, whether the NIC put
 * it there or a copy, and not a byte of the rest of the dma-buf changes. However
 * many there are, the NIC is attached to it once.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/meminfo.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		300
#define KIB		1024
#define MIB		(1024 * KIB)
#define PAGE		4096
#define HUGE		(2 * MIB)

#define WHOLE_LEN	(8 * MIB)
#define STREAM_LEN	(16 * MIB)
/* of no page that a NIC's or CPU's mapping would be at by mistake */
#define GUARD		0xa5
#define NAME		"zcrx-ranges"

#define OTHER_RXQ	0

static struct stream stream;

/*
 * Devices that are attached to the dma-buf: the NIC, and one that stands in for the
 * CPU. -1 if that is not to be found.
 */
static int nr_attached(void)
{
	FILE *f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "re");
	bool ours = false;
	char line[512];
	int nr = -1;

	if (!f)
		return -1;
	while (nr < 0 && fgets(line, sizeof(line), f)) {
		if (strstr(line, NAME))
			ours = true;
		if (ours && sscanf(line, "Total %d devices attached", &nr) == 1)
			break;
	}
	fclose(f);
	return nr;
}

/* The last to let go of an area is whoever had a buffer of it last. */
static int wait_detached(void)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (!nr_attached())
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

FIXTURE(ranges)
{
	unsigned int ifindex;
	struct area whole;
	struct zc zc;
	bool bound;
};

FIXTURE_VARIANT(ranges)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(ranges, udmabuf) { .kind = AREA_UDMABUF };
FIXTURE_VARIANT_ADD(ranges, udmabuf_hugetlb) { .kind = AREA_UDMABUF_HUGETLB };
FIXTURE_VARIANT_ADD(ranges, heap) { .kind = AREA_HEAP };

FIXTURE_SETUP(ranges)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(WHOLE_LEN / HUGE));
	stream_init(&stream, 73);
	ASSERT_EQ(0, area_open(&self->whole, variant->kind, WHOLE_LEN,
			       &failed));
	ASSERT_EQ(0, ioctl(self->whole.dmabuf_fd, DMA_BUF_SET_NAME, NAME));
	memset(self->whole.base, GUARD, WHOLE_LEN);
}

FIXTURE_TEARDOWN(ranges)
{
	if (self->bound)
		zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	/* its pages are to be free again */
	EXPECT_EQ(0, wait_detached());
	area_close(&self->whole);
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* Binds the queue to a range. Returns 0 or -errno. */
static int bind_range(struct zc *zc, const struct area *whole, size_t off,
		      size_t len)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.rq_entries = 2 * WHOLE_LEN / PAGE,
	};
	struct area range;
	int ret;

	ret = area_open_range(&range, whole, off, len);
	return ret ? ret : zc_open_area(zc, &cfg, &range);
}

/* Receives a stream, by that queue. Returns 0 or -errno. */
static int receive_stream(struct zc *zc, unsigned int rxq)
{
	struct receiver rx = { .zc = zc, .stream = &stream };
	struct wire wire;
	int ret, peer;

	ret = nic_steer(WIRE_IF, rxq);
	if (!ret)
		ret = wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false);
	if (ret)
		return ret;
	rx.sock = wire.sock;
	ret = receive_all_copied(&rx);
	peer = wire_close(&wire);
	if (nic_steer(WIRE_IF, WIRE_RXQ))
		return -EIO;
	if (ret != RECEIVE_END)
		return ret ? ret : -EPROTO;
	return peer || rx.bytes != STREAM_LEN ? -EPROTO : 0;
}

/* How many bytes of that part of the dma-buf are not what they were. */
static size_t changed(const struct area *whole, size_t start, size_t end)
{
	const unsigned char *at = whole->base;
	size_t nr = 0;

	for (; start < end; start++)
		nr += at[start] != GUARD;
	return nr;
}

/* At no boundary of a huge page. */
#define FROM		(1 * MIB + PAGE)
#define TO		(6 * MIB + 3 * PAGE)

TEST_F_TIMEOUT(ranges, in_the_middle, TIMEOUT)
{
	struct zc *zc = &self->zc;

	ASSERT_EQ(0, bind_range(zc, &self->whole, FROM, TO - FROM))
		TH_LOG("%s failed", zc->failed);
	self->bound = true;
	EXPECT_EQ((TO - FROM) / PAGE, zc_fdinfo(zc, "buffers"));

	EXPECT_EQ(0, receive_stream(zc, WIRE_RXQ));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(0, receive_stream(zc, OTHER_RXQ));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "copied"));

	EXPECT_EQ(0, changed(&self->whole, 0, FROM));
	EXPECT_LT(0, changed(&self->whole, FROM, TO));
	EXPECT_EQ(0, changed(&self->whole, TO, WHOLE_LEN));
}

TEST_F_TIMEOUT(ranges, last_pages, TIMEOUT)
{
	struct zc *zc = &self->zc;

	ASSERT_EQ(0, bind_range(zc, &self->whole, WHOLE_LEN - 3 * MIB,
				3 * MIB));
	self->bound = true;
	EXPECT_EQ(0, receive_stream(zc, WIRE_RXQ));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));
	EXPECT_EQ(0, changed(&self->whole, 0, WHOLE_LEN - 3 * MIB));
}

/* Several, with gaps, and none of them in the order of the dma-buf. */
static const struct {
	size_t from, to;
} part[] = {
	{ 4 * MIB, 6 * MIB },
	{ PAGE, 1 * MIB },
	{ 7 * MIB, 8 * MIB - PAGE },
	{ 2 * MIB, 3 * MIB + PAGE },
};

TEST_F_TIMEOUT(ranges, of_one_dmabuf, TIMEOUT)
{
	struct zc *zc = &self->zc;
	size_t i, end = 0;

	ASSERT_EQ(0, bind_range(zc, &self->whole, part[0].from,
				part[0].to - part[0].from));
	self->bound = true;
	EXPECT_EQ(2, nr_attached());
	for (i = 1; i < ARRAY_SIZE(part); i++) {
		struct area range;

		ASSERT_EQ(0, area_open_range(&range, &self->whole, part[i].from,
					     part[i].to - part[i].from));
		ASSERT_EQ(0, zc_add_area(zc, &range, NULL));
		EXPECT_EQ(2, nr_attached());
	}

	EXPECT_EQ(0, receive_stream(zc, WIRE_RXQ));
	EXPECT_EQ(0, receive_stream(zc, OTHER_RXQ));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "copied"));

	EXPECT_EQ(0, changed(&self->whole, 0, PAGE));
	EXPECT_EQ(0, changed(&self->whole, 1 * MIB, 2 * MIB));
	EXPECT_EQ(0, changed(&self->whole, 3 * MIB + PAGE, 4 * MIB));
	EXPECT_EQ(0, changed(&self->whole, 6 * MIB, 7 * MIB));
	EXPECT_EQ(0, changed(&self->whole, 8 * MIB - PAGE, WHOLE_LEN));
	for (i = 0; i < ARRAY_SIZE(part); i++)
		end += changed(&self->whole, part[i].from, part[i].to) != 0;
	/* an area that nothing came to proves nothing */
	EXPECT_EQ(ARRAY_SIZE(part), end);

	zc_close(zc);
	self->bound = false;
	EXPECT_EQ(0, wait_detached());
}

TEST_HARNESS_MAIN
