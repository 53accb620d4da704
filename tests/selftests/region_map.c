// SPDX-License-Identifier: GPL-2.0
/*
 * A refill ring that the kernel allocated, as mmap() gives it: this memory and
 * not a page more, for as long as the mapping is there.
 */
#include <errno.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/meminfo.h"
#include "lib/wire.h"
#include "zc.h"

#define PAGE		4096UL
#define AREA_LEN	(1024 * 1024)
#define NR_BUFFERS	(AREA_LEN / PAGE)
#define NO_SUCH_ID	7ULL
/* From one id's offset to the next one's */
#define ID_SHIFT	16
#define MAP_OFF		0x30000000ULL

static void *map(const struct zc *zc, size_t len, __u64 off)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
		    zc->ring.ring_fd, off);
}

static __u32 load(const void *region, __u32 off)
{
	return io_uring_smp_load_acquire((const __u32 *)(region + off));
}

static int open_zc(struct zc *zc, bool kernel_rq, __u32 rq_entries)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = AREA_LEN,
		.kernel_rq = kernel_rq,
		.rq_entries = rq_entries,
	};

	return zc_open(zc, &cfg);
}

FIXTURE(region)
{
	struct zc zc;	/* has one mapping already */
	__u64 off;
};

FIXTURE_VARIANT(region)
{
	__u32 entries;
};

FIXTURE_VARIANT_ADD(region, smallest)
{
	.entries = 1,
};

/* 9 pages: an array of them has room behind it, where nothing lies */
FIXTURE_VARIANT_ADD(region, usual)
{
	.entries = 2048,
};

FIXTURE_VARIANT_ADD(region, largest)
{
	.entries = 32768,
};

FIXTURE_SETUP(region)
{
	ASSERT_EQ(0, open_zc(&self->zc, true, variant->entries))
		TH_LOG("%s failed", self->zc.failed);
	self->off = self->zc.reg.region.mmap_offset;
	ASSERT_EQ(MAP_OFF, self->off);	/* that of id 0 */
}

/* Nor is any of it accounted to who does not have it any more. */
FIXTURE_TEARDOWN(region)
{
	EXPECT_LT(0, meminfo_pinned_kib());
	zc_close(&self->zc);
	EXPECT_EQ(0, meminfo_wait_pinned_kib(0, WIRE_PATIENCE_MS));
}

/* Both see what the other one writes. */
#define EXPECT_SAME_MEMORY(one, other)					\
	do {								\
		void *__a = (one), *__b = (other);			\
		volatile __u32 *__one = __a, *__other = __b;		\
									\
		*__one = 0x5eed0001;					\
		EXPECT_EQ(0x5eed0001, *__other);			\
		*__other = 0x5eed0002;					\
		EXPECT_EQ(0x5eed0002, *__one);				\
	} while (0)

TEST_F(region, all_of_it)
{
	const size_t len = self->zc.region_len;
	void *again = map(&self->zc, len, self->off);
	size_t at;

	ASSERT_NE(MAP_FAILED, again);
	for (at = 0; at < len; at += PAGE)
		EXPECT_SAME_MEMORY(self->zc.rq.ring_ptr + at + PAGE - 4,
				   again + at + PAGE - 4);
	EXPECT_EQ(0, munmap(again, len));
}

TEST_F(region, a_part)
{
	void *head = map(&self->zc, PAGE, self->off);

	ASSERT_NE(MAP_FAILED, head);
	EXPECT_SAME_MEMORY(self->zc.rq.ring_ptr, head);
	EXPECT_EQ(0, munmap(head, PAGE));
}

/* Is there a page? */
static bool is_mapped(void *page)
{
	return !madvise(page, PAGE, MADV_POPULATE_READ);
}

/* A mapping may be longer, as upstream's may; nothing is behind the region. */
TEST_F(region, not_beyond)
{
	const size_t len = self->zc.region_len;
	/* pages too many: behind the kernel's list of them, and far behind */
	const size_t more[] = { 1, 7, len / PAGE, 4096 };
	size_t i;

	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		const size_t all = len + more[i] * PAGE;
		char *head = map(&self->zc, all, self->off);

		ASSERT_NE(MAP_FAILED, head);
		EXPECT_SAME_MEMORY(self->zc.rq.ring_ptr, head);
		EXPECT_TRUE(is_mapped(head));
		EXPECT_TRUE(is_mapped(head + len - PAGE));
		EXPECT_FALSE(is_mapped(head + len));
		EXPECT_FALSE(is_mapped(head + all - PAGE));
		EXPECT_EQ(0, munmap(head, all));
	}
}

/* Nor can a mapping be made longer later. */
TEST_F(region, does_not_grow)
{
	const size_t len = self->zc.region_len;

	errno = 0;
	EXPECT_EQ(MAP_FAILED, mremap(self->zc.rq.ring_ptr, len, len + PAGE,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(region, not_of_another_id)
{
	const __u64 off = MAP_OFF + (NO_SUCH_ID << ID_SHIFT);

	errno = 0;
	EXPECT_EQ(MAP_FAILED, map(&self->zc, PAGE, off));
	/* io_uring finds no address for it */
	EXPECT_EQ(ENOMEM, errno);
}

/* Not the kernel's to give. */
TEST_F(region, not_of_the_process)
{
	struct zc zc;

	ASSERT_EQ(0, open_zc(&zc, false, variant->entries))
		TH_LOG("%s failed", zc.failed);
	errno = 0;
	EXPECT_EQ(MAP_FAILED, map(&zc, PAGE, MAP_OFF));
	EXPECT_EQ(ENOMEM, errno);
	zc_close(&zc);
}

/* The kernel takes entries from what is mapped, whichever mapping it is. */
TEST_F(region, is_what_the_kernel_reads)
{
	struct zc *zc = &self->zc;
	const __u32 tail_at = zc->reg.ifq.offsets.tail;
	void *again = map(zc, PAGE, self->off);
	struct zcrx_ctrl flush = {
		.zcrx_id = zc->reg.ifq.zcrx_id,
		.op = ZCRX_CTRL_FLUSH_RQ,
	};

	ASSERT_NE(MAP_FAILED, again);
	/* an entry of zeros: a buffer that nobody holds */
	io_uring_smp_store_release((__u32 *)(again + tail_at), 1);
	EXPECT_EQ(0, zc_ctrl(zc, &flush));
	EXPECT_EQ(1, zc_fdinfo(zc, "invalid"));
	EXPECT_EQ(1, load(again, zc->reg.ifq.offsets.head));
	EXPECT_EQ(1, load(zc->rq.ring_ptr, zc->reg.ifq.offsets.head));
	EXPECT_EQ(NR_BUFFERS, zc_fdinfo(zc, "free"));
	EXPECT_EQ(0, munmap(again, PAGE));
}

/* A mapping keeps its pages when the ring is gone. */
TEST_F(region, outlives_the_ring)
{
	struct zc zc;
	void *region;
	size_t len, at;

	ASSERT_EQ(0, open_zc(&zc, true, variant->entries))
		TH_LOG("%s failed", zc.failed);
	len = zc.region_len;
	region = map(&zc, len, zc.reg.region.mmap_offset);
	ASSERT_NE(MAP_FAILED, region);
	for (at = 0; at < len; at += PAGE)
		*(volatile __u64 *)(region + at) = at + 1;
	zc_close(&zc);

	/* who has these pages now has not got them */
	ASSERT_EQ(0, open_zc(&zc, true, variant->entries))
		TH_LOG("%s failed", zc.failed);
	memset(zc.rq.ring_ptr, 0xff, len);
	for (at = 0; at < len; at += PAGE)
		EXPECT_EQ(at + 1, *(volatile __u64 *)(region + at));
	EXPECT_EQ(0, munmap(region, len));
	zc_close(&zc);
}

TEST_HARNESS_MAIN
