// SPDX-License-Identifier: GPL-2.0
/*
 * DMA does not land outside the area: it lies in the middle of a larger mapping,
 * or of a larger memfd that the udmabuf has only a part of, and what lies around
 * it has known bytes. The longest frames fill each buffer, and go on coming when
 * the ring has gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <linux/udmabuf.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/everywhere.h"
#include "lib/judge.h"
#include "lib/meminfo.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/rawflood.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		240
#define KIB		1024
#define MIB		(1024 * KIB)
#define HUGE		(2 * MIB)
#define PAGE		4096
/* On each side, at least, of the memory that is mapped in one with the area. */
#define GUARD_LEN	(2 * MIB)
#define NR_BUFFERS	512
#define MTU		1500
#define JUMBO		9000
#define STREAM_LEN	(12 * MIB)
/* The longest frame's payload, with TCP's timestamps, and without. */
#define PAYLOAD		(JUMBO - 20 - 20 - 12)
#define RAW_PAYLOAD	(JUMBO - 20 - 20)
/* More than any test receives. */
#define ENDLESS		(1ULL << 40)
/* How often to look, of late frames, 100 ms apart. */
#define LATE_ROUNDS	10
/* Slow enough for a debug kernel. */
#define FLOOD_MS	10

static struct stream stream, pattern;

/* Memory with an area in its middle. */
struct guarded {
	char *base;
	size_t len;
	size_t start, end;	/* of the area, in it */
	struct area area;
};

static void *map_anonymous(enum area_kind kind, size_t len)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	uintptr_t at;
	char *map;

	if (kind == AREA_HUGETLB)
		return mmap(NULL, len, PROT_READ | PROT_WRITE,
			    flags | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (kind != AREA_THP)
		return mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);

	/* what is too much stays: the test's process is at its end soon */
	map = mmap(NULL, len + HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (map == MAP_FAILED)
		return map;
	at = ((uintptr_t)map + HUGE - 1) / HUGE * HUGE;
	map = (char *)at;
	return madvise(map, len, MADV_HUGEPAGE) ? MAP_FAILED : map;
}

/* A dma-buf of a part of a memfd, and all of the memfd mapped. */
static int open_udmabuf(struct guarded *g)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = g->start,
		.size = g->area.len,
	};
	int dev, ret = 0;

	create.memfd = memfd_create("guarded", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if ((int)create.memfd < 0)
		return -errno;
	if (ftruncate(create.memfd, g->len) ||
	    fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		goto out;
	}
	g->base = mmap(NULL, g->len, PROT_READ | PROT_WRITE, MAP_SHARED,
		       create.memfd, 0);
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	g->area.dmabuf_fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (g->base == MAP_FAILED || g->area.dmabuf_fd < 0)
		ret = -errno;
	close(dev);
out:
	close(create.memfd);
	return ret;
}

/* skew: so far from where a huge page could start */
static int guarded_open(struct guarded *g, enum area_kind kind, size_t len,
			size_t skew)
{
	int ret = 0;

	*g = (struct guarded) {
		.len = (GUARD_LEN + len + GUARD_LEN + HUGE - 1) / HUGE * HUGE,
		.start = GUARD_LEN - skew,
		.end = GUARD_LEN - skew + len,
		.area = { .kind = kind, .len = len, .dmabuf_fd = -1 },
	};
	if (kind == AREA_UDMABUF)
		ret = open_udmabuf(g);
	else
		g->base = map_anonymous(kind, g->len);
	if (ret || g->base == MAP_FAILED)
		return ret ? ret : -errno;

	madvise(g->base, g->len, MADV_DONTFORK);
	stream_fill(&pattern, 0, g->base, g->len);
	/* zc_close() unmaps this much, and what is around it stays */
	g->area.base = g->base + g->start;
	return 0;
}

static void guarded_close(struct guarded *g)
{
	munmap(g->base, g->start);
	munmap(g->base + g->end, g->len - g->end);
}

static bool is_right(const struct guarded *g, size_t from, size_t to,
		     size_t *wrong)
{
	size_t bad;

	if (stream_check(&pattern, from, g->base + from, to - from, &bad))
		return true;
	*wrong = from + bad;
	return false;
}

/* Around the area. Else *wrong is where. */
static bool all_right(const struct guarded *g, size_t *wrong)
{
	return is_right(g, 0, g->start, wrong) &&
	       is_right(g, g->end, g->len, wrong);
}

static int check_guards(const struct guarded *g)
{
	size_t wrong;

	if (all_right(g, &wrong))
		return 0;
	fprintf(stderr, "# byte %zu was overwritten, the area is [%zu, %zu)\n",
		wrong, g->start, g->end);
	return -EILSEQ;
}

/* Is a byte that is wrong seen, by check_guards()? */
static bool is_seen(const struct guarded *g, size_t at)
{
	size_t wrong = SIZE_MAX;
	bool right;

	g->base[at] ^= 1;
	right = all_right(g, &wrong);
	g->base[at] ^= 1;
	return !right && wrong == at;
}

/* Watches a part of it. Returns 0 or -errno. */
static int watch(struct judge *judge, const struct guarded *g, size_t from,
		 size_t to)
{
	const struct area part = {
		.base = g->base + from,
		.len = to - from,
		.dmabuf_fd = -1,
	};

	return judge_open(judge, &part);
}

FIXTURE(guard)
{
	struct guarded mem;
	struct judge judge, before, behind;
	struct zc zc;
};

FIXTURE_VARIANT(guard)
{
	enum area_kind kind;
	__u32 buf_len;
	size_t skew;
};

FIXTURE_VARIANT_ADD(guard, user_4k)
{
	.kind = AREA_USER,
	.buf_len = 4 * KIB,
	.skew = PAGE,
};

FIXTURE_VARIANT_ADD(guard, user_16k)
{
	.kind = AREA_USER,
	.buf_len = 16 * KIB,
	.skew = 3 * PAGE,
};

FIXTURE_VARIANT_ADD(guard, thp_8k)
{
	.kind = AREA_THP,
	.buf_len = 8 * KIB,
	.skew = 64 * KIB,
};

FIXTURE_VARIANT_ADD(guard, hugetlb_64k)
{
	.kind = AREA_HUGETLB,
	.buf_len = 64 * KIB,
};

FIXTURE_VARIANT_ADD(guard, udmabuf_4k)
{
	.kind = AREA_UDMABUF,
	.buf_len = 4 * KIB,
	.skew = PAGE,
};

FIXTURE_VARIANT_ADD(guard, udmabuf_8k)
{
	.kind = AREA_UDMABUF,
	.buf_len = 8 * KIB,
	.skew = PAGE,
};

FIXTURE_VARIANT_ADD(guard, udmabuf_64k)
{
	.kind = AREA_UDMABUF,
	.buf_len = 64 * KIB,
};

FIXTURE_SETUP(guard)
{
	const size_t len = (size_t)NR_BUFFERS * variant->buf_len;
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.rx_buf_len = variant->buf_len,
	};

	stream_init(&stream, 41);
	stream_init(&pattern, 42);
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_set_mtus(WIRE_IF, JUMBO));
	if (variant->kind == AREA_HUGETLB)
		ASSERT_EQ(0, meminfo_set_huge_pages((len + 2 * GUARD_LEN) /
						    HUGE));
	ASSERT_EQ(0, guarded_open(&self->mem, variant->kind, len,
				  variant->skew));
	ASSERT_EQ(0, judge_open(&self->judge, &self->mem.area));
	ASSERT_EQ(0, watch(&self->before, &self->mem, 0, self->mem.start));
	ASSERT_EQ(0, watch(&self->behind, &self->mem, self->mem.end,
			   self->mem.len));
	ASSERT_EQ(0, zc_open_area(&self->zc, &cfg, &self->mem.area))
		TH_LOG("%s failed", self->zc.failed);
	EXPECT_EQ(len / PAGE, judge_mapped(&self->judge));
	EXPECT_EQ(0, judge_mapped(&self->before));
	EXPECT_EQ(0, judge_mapped(&self->behind));
	/* or the check would check nothing */
	EXPECT_TRUE(is_seen(&self->mem, self->mem.start - 1));
	EXPECT_TRUE(is_seen(&self->mem, self->mem.end));
	EXPECT_EQ(0, check_guards(&self->mem));
}

FIXTURE_TEARDOWN(guard)
{
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, check_guards(&self->mem));
	judge_close(&self->judge);
	judge_close(&self->before);
	judge_close(&self->behind);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	guarded_close(&self->mem);
	EXPECT_EQ(0, nic_set_mtus(WIRE_IF, MTU));
	meminfo_set_huge_pages(0);
}

/* Each buffer is filled, the first and the last of the area among them. */
static void expect_all_filled(struct __test_metadata *_metadata,
			      FIXTURE_DATA(guard) *self, __u32 buf_len)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	unsigned int filled = 0;
	struct wire wire;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	EXPECT_EQ(0, receive_everywhere(&rx, TAKES_RETURNED, &filled));
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(NR_BUFFERS, filled);
	EXPECT_ZERO_COPY(&self->zc, STREAM_LEN);
	EXPECT_EQ(buf_len < PAYLOAD ? buf_len : PAYLOAD, rx.longest);
	EXPECT_EQ(0, check_guards(&self->mem));
}

TEST_F_TIMEOUT(guard, every_buffer, TIMEOUT)
{
	expect_all_filled(_metadata, self, variant->buf_len);
	zc_close(&self->zc);
	EXPECT_EQ(0, check_guards(&self->mem));
}

/*
 * The ring goes in the middle of a stream, whose frames do not cease, and among
 * others that nothing can stop.
 */
TEST_F_TIMEOUT(guard, late_frames, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	struct wire wire;
	/* the longest frames */
	struct raw_flood flood = {
		.len = RAW_PAYLOAD,
		.every_us = FLOOD_MS * 1000,
	};
	pid_t flooder;
	__s64 before;
	int i;

	ASSERT_EQ(0, raw_introduce());
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, ENDLESS, true));
	flooder = peer_start(raw_flood, &flood);
	ASSERT_LT(0, flooder);
	rx.sock = wire.sock;
	ASSERT_EQ(0, zc_recv(&self->zc, rx.sock, 0, 0));
	ASSERT_EQ(RECEIVE_MORE, receive(&rx, STREAM_LEN / 2));
	EXPECT_EQ(0, check_guards(&self->mem));
	zc_close(&self->zc);
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, check_guards(&self->mem));

	before = nic_sysfs(WIRE_IF, "statistics/rx_packets");
	for (i = 0; i < LATE_ROUNDS; i++) {
		EXPECT_EQ(0, check_guards(&self->mem));
		usleep(100000);
	}
	EXPECT_LT(before + LATE_ROUNDS,
		  nic_sysfs(WIRE_IF, "statistics/rx_packets"));
	EXPECT_EQ(0, kill(flooder, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, peer_wait(flooder));
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_HARNESS_MAIN
