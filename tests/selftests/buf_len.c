// SPDX-License-Identifier: GPL-2.0
/*
 * Buffers larger than a page (rx_buf_len): each length that igb can do, in
 * each kind of memory, and the memory that is not contiguous enough for them.
 *
 * An IOMMU makes any memory contiguous for the NIC; without its translation
 * (iommu.passthrough=1) the memory itself must be. tests/check runs this in
 * both ways.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/everywhere.h"
#include "lib/live.h"
#include "lib/meminfo.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		180
#define KIB		1024U
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define HUGE		(2 * MIB)
#define LARGEST		(64 * KIB)
/* twice what the NIC's ring holds */
#define NR_BUFFERS	512
#define AREA_LEN(len)	((__u64)NR_BUFFERS * (len))
#define HUGE_PAGES	(AREA_LEN(LARGEST) / HUGE)
#define STREAM_LEN	(12 * MIB)
#define JUMBO		9000
/* TCP payload of a frame: IPv4, TCP, and its timestamp option are taken off */
#define PAYLOAD(mtu)	((mtu) - 20 - 20 - 12)

static const __u32 lens[] = { 8 * KIB, 16 * KIB, 32 * KIB, LARGEST };

static struct stream stream;

/* Does the NIC see addresses of an IOMMU's making? */
static bool iommu_translates(void)
{
	char type[16] = "";
	FILE *f = fopen("/sys/class/net/" WIRE_IF "/device/iommu_group/type",
			"re");

	if (!f)
		return false;
	if (!fgets(type, sizeof(type), f))
		type[0] = 0;
	fclose(f);
	return !strncmp(type, "DMA", 3);
}

static struct zc_config config(enum area_kind kind, __u32 buf_len)
{
	return (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = kind,
		.area_len = AREA_LEN(buf_len ? buf_len : PAGE),
		.rx_buf_len = buf_len,
	};
}

/* Netlink says the length, and of nobody else's queue. */
static void expect_told(struct __test_metadata *_metadata, __u32 buf_len)
{
	__u32 ifindex = if_nametoindex(WIRE_IF);
	struct netdev_pool pools[16];
	struct netdev_queue queue;
	int nr, i, of_zcrx = 0;

	ASSERT_EQ(0, netdev_rx_queue(ifindex, WIRE_RXQ, &queue));
	EXPECT_TRUE(queue.provider.io_uring);
	EXPECT_EQ(buf_len, queue.provider.rx_buf_len);
	nr = netdev_pools(ifindex, pools, ARRAY_SIZE(pools));
	for (i = 0; i < nr; i++) {
		if (!pools[i].provider.io_uring)
			continue;
		of_zcrx++;
		EXPECT_EQ(buf_len, pools[i].provider.rx_buf_len);
	}
	EXPECT_LE(1, of_zcrx);
}

/* Receives a stream, from whatever MTU the two NICs have. */
static void expect_stream(struct __test_metadata *_metadata, struct zc *zc,
			  __u32 *longest)
{
	struct receiver rx = { .zc = zc, .stream = &stream };
	__s64 before = zc_fdinfo(zc, "delivered");
	struct wire wire;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_ZERO_COPY(zc, before + (__s64)STREAM_LEN);
	*longest = rx.longest;
}

/*
 * Each length, in each kind of memory
 */
FIXTURE(kind)
{
};

FIXTURE_VARIANT(kind)
{
	enum area_kind kind;
	bool contiguous;	/* as it lies, 64 KiB and more at a time */
};

FIXTURE_VARIANT_ADD(kind, thp)
{
	.kind = AREA_THP,
	.contiguous = true,
};

FIXTURE_VARIANT_ADD(kind, hugetlb)
{
	.kind = AREA_HUGETLB,
	.contiguous = true,
};

FIXTURE_VARIANT_ADD(kind, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(kind, udmabuf_hugetlb)
{
	.kind = AREA_UDMABUF_HUGETLB,
	.contiguous = true,
};

FIXTURE_VARIANT_ADD(kind, heap)
{
	.kind = AREA_HEAP,
};

FIXTURE_SETUP(kind)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(HUGE_PAGES));
	ASSERT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
	stream_init(&stream, 81);
}

FIXTURE_TEARDOWN(kind)
{
	EXPECT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* The area of the one before is gone: the last to have it was a page_pool. */
static bool huge_pages_are_back(void)
{
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (meminfo_free_huge_pages() == HUGE_PAGES)
			return true;
		usleep(10000);
	}
	return false;
}

/* Every buffer is filled, with as much as a frame has or it holds. */
static void expect_all_filled(struct __test_metadata *_metadata,
			      enum area_kind kind, bool contiguous,
			      __u32 buf_len, __u32 payload)
{
	const struct zc_config cfg = config(kind, buf_len);
	unsigned int filled = 0;
	struct receiver rx;
	struct wire wire;
	struct zc zc;
	int ret;

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_TRUE(huge_pages_are_back());
	ret = zc_open(&zc, &cfg);
	/* as its pages happen to lie */
	if (ret == -ERANGE && !iommu_translates() && !contiguous)
		return;
	ASSERT_EQ(0, ret)
		TH_LOG("%u: %s failed", buf_len, zc.failed);
	EXPECT_EQ(buf_len, zc.reg.ifq.rx_buf_len);
	EXPECT_EQ(NR_BUFFERS, zc_fdinfo(&zc, "buffers"));
	expect_told(_metadata, buf_len);

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx = (struct receiver) {
		.zc = &zc,
		.sock = wire.sock,
		.stream = &stream,
	};
	EXPECT_EQ(0, receive_everywhere(&rx, TAKES_RETURNED, &filled));
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_ZERO_COPY(&zc, STREAM_LEN);
	EXPECT_EQ(NR_BUFFERS, filled)
		TH_LOG("%u", buf_len);
	EXPECT_EQ(payload < buf_len ? payload : buf_len, rx.longest)
		TH_LOG("%u", buf_len);
	zc_close(&zc);
}

TEST_F_TIMEOUT(kind, every_length, TIMEOUT)
{
	size_t i;

	ASSERT_EQ(0, nic_set_mtus(WIRE_IF, JUMBO));
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		expect_all_filled(_metadata, variant->kind, variant->contiguous,
				  lens[i], PAYLOAD(JUMBO));
}

TEST_F_TIMEOUT(kind, small_frames, TIMEOUT)
{
	expect_all_filled(_metadata, variant->kind, variant->contiguous,
			  lens[0], PAYLOAD(1500));
	expect_all_filled(_metadata, variant->kind, variant->contiguous,
			  LARGEST, PAYLOAD(1500));
}

/*
 * What happens to a ring with large buffers
 */
FIXTURE(ring)
{
	struct zc zc;
};

FIXTURE_SETUP(ring)
{
	const struct zc_config cfg = config(AREA_THP, 16 * KIB);

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
	stream_init(&stream, 82);
	ASSERT_EQ(0, zc_open(&self->zc, &cfg))
		TH_LOG("%s failed", self->zc.failed);
}

FIXTURE_TEARDOWN(ring)
{
	EXPECT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
	zc_close(&self->zc);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* However the NIC sets its queue up anew, it does so with large buffers. */
TEST_F_TIMEOUT(ring, nic_events, TIMEOUT)
{
	static const char * const events[] = {
		"ip link set eth0 mtu 9000 && ip -n peer link set eth1 mtu 9000",
		NIC_DOWN " && " NIC_UP,
		"ethtool -G eth0 rx 512",
		"ethtool -G eth0 rx 256",
		"ethtool -A eth0 rx off tx off",
	};
	__u32 longest;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		ASSERT_EQ(0, sh("%s", events[i]));
		ASSERT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
		expect_told(_metadata, 16 * KIB);
		expect_stream(_metadata, &self->zc, &longest);
		EXPECT_EQ(PAYLOAD(JUMBO), longest)
			TH_LOG("after %s", events[i]);
	}
}

/* A flow that comes in elsewhere is copied, into buffers from all areas. */
TEST_F_TIMEOUT(ring, copies, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	unsigned int filled = 0;
	struct wire wire;

	ASSERT_EQ(0, nic_steer(WIRE_IF, 0));
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	EXPECT_EQ(0, receive_everywhere(&rx, TAKES_UNUSED, &filled));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
}

static int add_area(struct zc *zc, enum area_kind kind, size_t len)
{
	const char *failed;
	struct area area;
	int ret;

	ret = area_open(&area, kind, len, &failed);
	if (ret)
		return ret;
	ret = zc_add_area(zc, &area, NULL);
	if (ret)
		area_close(&area);
	return ret;
}

TEST_F_TIMEOUT(ring, more_areas, TIMEOUT)
{
	__u32 longest;

	/* no whole number of buffers, and not even one */
	EXPECT_EQ(-ERANGE, add_area(&self->zc, AREA_USER, HUGE + PAGE));
	EXPECT_EQ(-ERANGE, add_area(&self->zc, AREA_USER, PAGE));
	EXPECT_EQ(NR_BUFFERS, zc_fdinfo(&self->zc, "buffers"));
	EXPECT_EQ(0, add_area(&self->zc, AREA_THP, 2 * HUGE));
	EXPECT_EQ((__s64)(NR_BUFFERS + 2 * HUGE / (16 * KIB)),
		  zc_fdinfo(&self->zc, "buffers"));
	expect_stream(_metadata, &self->zc, &longest);
}

/* All that counts is the range, and not what lies behind it. */
TEST_F_TIMEOUT(ring, part_of_a_dmabuf, TIMEOUT)
{
	static const struct {
		size_t off, len;
		bool fallback;
		int ret;
	} part[] = {
		{ 0, 64 * KIB, false, 0 },
		{ 64 * KIB + PAGE, 64 * KIB, false, 0 },
		{ HUGE - 16 * KIB, 16 * KIB, false, 0 },
		{ 0, 64 * KIB + PAGE, false, -ERANGE },
		{ 0, 16 * KIB - PAGE, false, -ERANGE },
		{ HUGE - PAGE, PAGE, false, -ERANGE },
		{ 0, 64 * KIB + PAGE, true, -ERANGE },
		{ 0, PAGE, true, -ERANGE },
		{ 1024 * KIB, 64 * KIB, true, 0 },
	};
	struct area whole, range;
	const char *failed;
	__u32 longest;
	size_t i;

	ASSERT_EQ(0, meminfo_set_huge_pages(1));
	ASSERT_EQ(0, area_open(&whole, AREA_UDMABUF_HUGETLB, HUGE, &failed));
	for (i = 0; i < ARRAY_SIZE(part); i++) {
		ASSERT_EQ(0, area_open_range(&range, &whole, part[i].off,
					     part[i].len));
		range.fallback = part[i].fallback;
		EXPECT_EQ(part[i].ret, zc_add_area(&self->zc, &range, NULL))
			TH_LOG("%zu from %zu", part[i].len, part[i].off);
		if (part[i].ret)
			area_close(&range);
	}
	area_close(&whole);
	EXPECT_EQ((__s64)(NR_BUFFERS + 4 + 4 + 1 + 4),
		  zc_fdinfo(&self->zc, "buffers"));
	expect_stream(_metadata, &self->zc, &longest);
}

TEST_F_TIMEOUT(ring, shared, TIMEOUT)
{
	struct io_uring_zcrx_ifq_reg reg = { .flags = ZCRX_REG_IMPORT };
	int fd = zc_export(&self->zc);
	struct io_uring other;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, zc_ring_open(&other, 8));
	reg.if_idx = fd;
	EXPECT_EQ(0, io_uring_register_ifq(&other, &reg));
	EXPECT_EQ(16 * KIB, reg.rx_buf_len);
	/* the ring can be mapped, and where its parts are is told */
	EXPECT_NE(0, reg.offsets.tail);
	EXPECT_EQ(0, memcmp(&self->zc.reg.ifq.offsets, &reg.offsets,
			    sizeof(reg.offsets)));
	io_uring_queue_exit(&other);
	close(fd);
}

/*
 * Memory whose pages lie nowhere near each other
 */
#define SCATTER	1021	/* the pages at hand are this many pages apart */

static int scatter(struct area *area)
{
	const size_t len = AREA_LEN(LARGEST), nr = len / PAGE;
	int fd = memfd_create("scattered", MFD_CLOEXEC);
	size_t i;

	*area = (struct area) {
		.kind = AREA_USER,
		.len = len,
		.dmabuf_fd = -1,
	};
	/* all pages now: faulted in below, neighbours would be allocated as such */
	if (fd < 0 || fallocate(fd, 0, 0, len))
		return -errno;
	area->base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	if (area->base == MAP_FAILED)
		return -errno;
	for (i = 0; i < nr; i++) {
		void *at = area->base + i * PAGE;
		off_t off = i * SCATTER % nr * PAGE;

		if (mmap(at, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
			 off) == MAP_FAILED)
			return -errno;
	}
	close(fd);
	return 0;
}

FIXTURE(scattered)
{
	struct area area;
};

FIXTURE_SETUP(scattered)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_set_mtus(WIRE_IF, JUMBO));
	stream_init(&stream, 83);
	ASSERT_EQ(0, scatter(&self->area));
}

FIXTURE_TEARDOWN(scattered)
{
	EXPECT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* As programs do: where large buffers are refused, those of a page are not. */
TEST_F_TIMEOUT(scattered, falls_back, TIMEOUT)
{
	struct zc_config cfg = config(AREA_USER, LARGEST);
	const bool iommu = iommu_translates();
	struct io_uring ring;
	__u32 longest;
	struct zc zc;
	size_t i;

	ASSERT_EQ(0, zc_ring_open(&ring, 8));
	for (i = 0; i < ARRAY_SIZE(lens) && !iommu; i++) {
		struct zc_reg reg;

		zc_reg_init(&reg, if_nametoindex(WIRE_IF), WIRE_RXQ, 1024,
			    &self->area, NULL, zc_region_len(1024));
		reg.ifq.rx_buf_len = lens[i];
		EXPECT_EQ(-ERANGE, io_uring_register_ifq(&ring, &reg.ifq));
	}
	io_uring_queue_exit(&ring);

	cfg.rx_buf_len = iommu ? LARGEST : 0;
	ASSERT_EQ(0, zc_open_area(&zc, &cfg, &self->area))
		TH_LOG("%s failed", zc.failed);
	EXPECT_EQ(iommu ? LARGEST : PAGE, zc.reg.ifq.rx_buf_len);
	expect_stream(_metadata, &zc, &longest);
	EXPECT_EQ(iommu ? PAYLOAD(JUMBO) : PAGE, longest);
	zc_close(&zc);
}

/*
 * Loopback gives up to 32 KiB in one piece of the kernel's memory: a buffer takes
 * it across its pages, which do not follow each other.
 */
TEST_F_TIMEOUT(scattered, copies, TIMEOUT)
{
	struct zc_config cfg = config(AREA_USER, LARGEST);
	const bool iommu = iommu_translates();
	static char buf[4 * LARGEST];
	struct receiver rx = { .stream = &stream };
	struct zc zc;
	int sock[2];
	__u64 sent;

	cfg.rx_buf_len = iommu ? LARGEST : 0;
	ASSERT_EQ(0, zc_open_area(&zc, &cfg, &self->area))
		TH_LOG("%s failed", zc.failed);
	ASSERT_EQ(0, loopback_open(sock));
	rx.zc = &zc;
	rx.sock = sock[0];
	ASSERT_EQ(0, zc_recv(&zc, rx.sock, 0, 0));
	for (sent = 0; sent < STREAM_LEN; sent += sizeof(buf)) {
		stream_fill(&stream, sent, buf, sizeof(buf));
		ASSERT_EQ(0, tcp_send_all(sock[1], buf, sizeof(buf)));
		ASSERT_EQ(RECEIVE_MORE, receive(&rx, sizeof(buf)));
		ASSERT_EQ(sent + sizeof(buf), rx.bytes);
	}
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&zc, "copied"));
	/* or no piece crossed a page */
	if (iommu)
		EXPECT_GT(STREAM_LEN / PAGE / 2, zc_fdinfo(&zc, "cqes"));
	close(sock[0]);
	close(sock[1]);
	zc_close(&zc);
}

TEST_HARNESS_MAIN
