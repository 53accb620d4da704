// SPDX-License-Identifier: GPL-2.0
/*
 * Registrations with two things wrong in their arguments, of which the earlier
 * wins: what register.c leaves out. Structures that can be read by half, memory
 * over the limit, and numbers at their bounds. A failure leaves no trace.
 */
#include <linux/capability.h>
#include <linux/io_uring/zcrx_ext.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/pins.h"
#include "lib/subject.h"
#include "lib/wire.h"
#include "queue.h"

#define PAGE		4096
#define TIB		(1ull << 40)
#define NO_SUCH_IF	0x7fffffff
/* in no mapping, and not 0 either */
#define BAD_PTR		8

/* Of memory that this process may lock, bytes in all. */
static void set_limit(rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		exit(1);
	limit.rlim_cur = bytes;
	limit.rlim_max = RLIM_INFINITY;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		exit(1);
}

/* A ring that the limit holds for, as it does for all but the mightiest. */
static int limited_open(struct subject *s)
{
	int ret = caps_drop(CAP_IPC_LOCK);

	set_limit(RLIM_INFINITY);
	return ret ? ret : subject_open(s, WIRE_IF, AREA_USER);
}

FIXTURE(refused)
{
	struct subject s;
	struct area dmabuf;
	long pins;
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct zc_reg *reg, const struct area *dmabuf);
	int err;
};

FIXTURE_SETUP(refused)
{
	const char *failed;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, limited_open(&self->s));
	ASSERT_EQ(0, area_open(&self->dmabuf, AREA_UDMABUF, SUBJECT_AREA_LEN,
			       &failed));
	self->pins = pins_now();
}

FIXTURE_TEARDOWN(refused)
{
	subject_close(&self->s);
	area_close(&self->dmabuf);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(refused, leaves_no_trace)
{
	struct subject *s = &self->s;

	variant->spoil(&s->reg, &self->dmabuf);
	EXPECT_EQ(-variant->err, subject_register(s));
	EXPECT_EQ(self->pins, pins_now());
	EXPECT_EQ(QUEUE_PAGES, queue_provider(s->ifindex, WIRE_RXQ));

	set_limit(RLIM_INFINITY);
	ASSERT_EQ(0, subject_register_good(s));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
	EXPECT_EQ(self->pins + (long)(SUBJECT_AREA_LEN + s->region_len) / PAGE,
		  pins_now());
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, and what makes it so.
 */
#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct zc_reg *r,			\
				 const struct area *dmabuf)		\
	{								\
		(void)r;						\
		(void)dmabuf;						\
		__VA_ARGS__;						\
	}								\
	FIXTURE_VARIANT_ADD(refused, name)				\
	{								\
		.spoil = name##_spoil,					\
		.err = error,						\
	}

/* Two at once, of which the first is to win. */
#define REFUSED_BOTH(name, error, first, second)			\
	REFUSED(name, error, second##_spoil(r, dmabuf);			\
		first##_spoil(r, dmabuf))

/* What is read of it before the page ends is wrong, too. */
REFUSED(region_half, EFAULT, r->region.flags = ~0u;
	r->ifq.region_ptr = half_readable(&r->region, sizeof(r->region)));
REFUSED(area_half, EFAULT, r->area.rq_area_token = 1;
	r->ifq.area_ptr = half_readable(&r->area, sizeof(r->area)));

/* Rounded up to 1024 entries, it is 128 bytes short of what they take. */
REFUSED(region_small_for_rounded, EINVAL, r->ifq.rq_entries = 1000;
	r->region.size = 16384);
REFUSED(region_small, EINVAL, r->region.size = PAGE);
REFUSED(region_flags, EINVAL, r->region.flags |= 1u << 30);
REFUSED(region_resv, EINVAL, r->region.__resv[0] = 1);
REFUSED(region_no_memory, EFAULT, r->region.user_addr = 0);
REFUSED(region_no_flag, EFAULT, r->region.flags = 0);
REFUSED(region_id, EINVAL, r->region.id = 1);
REFUSED(region_mmap_offset, EINVAL, r->region.mmap_offset = PAGE);
REFUSED(region_too_big, E2BIG, r->region.size = 1ull << 62);
REFUSED(region_unaligned, EINVAL, r->region.user_addr += 8);
REFUSED(region_len_unaligned, EINVAL, r->region.size -= 8);
REFUSED(region_wraps, EOVERFLOW, r->region.user_addr = -(__u64)PAGE);
/* less than the refill ring has */
REFUSED(region_over_limit, ENOMEM, set_limit(PAGE));
REFUSED(region_of_kernel_over_limit, ENOMEM, set_limit(PAGE);
	r->region.flags = 0; r->region.user_addr = 0);
/* no machine has it, and the kernel says so without a warning */
REFUSED(region_of_kernel_1_tib, ENOMEM, r->region.size = TIB;
	r->region.flags = 0; r->region.user_addr = 0);
REFUSED(region_1_tib, ENOMEM, r->region.size = TIB);
REFUSED(region_unmapped, EFAULT, r->region.user_addr = PAGE);
REFUSED(no_such_interface, ENODEV, r->ifq.if_idx = NO_SUCH_IF);

REFUSED(area_over_1_tib, EINVAL, r->area.len = TIB + PAGE);
REFUSED(area_1_tib, ENOMEM, r->area.len = TIB);
REFUSED(area_empty, EFAULT, r->area.len = 0);
REFUSED(area_wraps, EOVERFLOW, r->area.addr = -(__u64)PAGE);
REFUSED(area_unaligned, EINVAL, r->area.len -= 8);
REFUSED(area_dmabuf_fd, EINVAL, r->area.dmabuf_fd = 1);
REFUSED(area_addr_null, EFAULT, r->area.addr = 0);
REFUSED(area_unmapped, EFAULT, r->area.addr = PAGE);
/* enough for the refill ring, and for half of the area */
REFUSED(area_over_limit, ENOMEM, set_limit(SUBJECT_AREA_LEN / 2));
REFUSED(rxq_too_high, ERANGE, r->ifq.if_rxq = 1000);

/* A dma-buf, but not within it. */
#define REFUSED_DMABUF(name, ...)					\
	REFUSED(name, EINVAL, area_describe(dmabuf, &r->area); __VA_ARGS__)

REFUSED_DMABUF(dmabuf_moved, r->area.addr = PAGE);
REFUSED_DMABUF(dmabuf_from_end, r->area.addr = r->area.len; r->area.len = PAGE);
REFUSED_DMABUF(dmabuf_far_away, r->area.addr = 1ULL << 47);
REFUSED_DMABUF(dmabuf_unaligned, r->area.addr = 8; r->area.len -= PAGE);
REFUSED_DMABUF(dmabuf_part_of_page, r->area.len -= 8);
REFUSED_DMABUF(dmabuf_longer, r->area.len += PAGE);
REFUSED_DMABUF(dmabuf_1_tib, r->area.len = TIB);
REFUSED_DMABUF(dmabuf_fallback, r->area.flags |= IORING_ZCRX_AREA_FALLBACK);

/* Of two the earlier. Neighbours with the same error would prove nothing. */
REFUSED_BOTH(small_before_no_memory, EINVAL, region_small, region_no_memory);
REFUSED_BOTH(small_before_unmapped, EINVAL,
	     region_small_for_rounded, region_unmapped);
REFUSED_BOTH(flags_before_no_memory, EINVAL, region_flags, region_no_memory);
REFUSED_BOTH(resv_before_no_memory, EINVAL, region_resv, region_no_memory);
REFUSED_BOTH(resv_before_no_flag, EINVAL, region_resv, region_no_flag);
REFUSED_BOTH(no_memory_before_id, EFAULT, region_no_memory, region_id);
REFUSED_BOTH(no_flag_before_mmap_offset, EFAULT,
	     region_no_flag, region_mmap_offset);
REFUSED_BOTH(no_memory_before_too_big, EFAULT,
	     region_no_memory, region_too_big);
REFUSED_BOTH(id_before_too_big, EINVAL, region_id, region_too_big);
REFUSED_BOTH(mmap_offset_before_too_big, EINVAL,
	     region_mmap_offset, region_too_big);
REFUSED_BOTH(too_big_before_unaligned, E2BIG,
	     region_too_big, region_unaligned);
REFUSED_BOTH(too_big_before_wraps, E2BIG, region_too_big, region_wraps);
REFUSED_BOTH(too_big_before_limit, E2BIG, region_too_big, region_over_limit);
REFUSED_BOTH(unaligned_before_wraps, EINVAL,
	     region_len_unaligned, region_wraps);
REFUSED_BOTH(wraps_before_limit, EOVERFLOW, region_wraps, region_over_limit);
REFUSED_BOTH(limit_before_unmapped, ENOMEM,
	     region_over_limit, region_unmapped);
REFUSED_BOTH(limit_before_interface, ENOMEM,
	     region_over_limit, no_such_interface);
REFUSED_BOTH(region_before_area, ENOMEM, region_over_limit, area_empty);

REFUSED_BOTH(over_1_tib_before_wraps, EINVAL, area_over_1_tib, area_wraps);
REFUSED_BOTH(wraps_before_unaligned, EOVERFLOW, area_wraps, area_unaligned);
REFUSED_BOTH(wraps_before_dmabuf_fd, EOVERFLOW, area_wraps, area_dmabuf_fd);
REFUSED_BOTH(unaligned_before_addr_null, EINVAL,
	     area_unaligned, area_addr_null);
REFUSED_BOTH(unaligned_before_unmapped, EINVAL, area_unaligned, area_unmapped);
REFUSED_BOTH(dmabuf_fd_before_limit, EINVAL, area_dmabuf_fd, area_over_limit);
REFUSED_BOTH(addr_null_before_limit, EFAULT, area_addr_null, area_over_limit);
REFUSED_BOTH(limit_before_rxq, ENOMEM, area_over_limit, rxq_too_high);

/*
 * What does not fit the table
 */
FIXTURE(registration)
{
	struct subject s;
};

FIXTURE_SETUP(registration)
{
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, limited_open(&self->s));
}

FIXTURE_TEARDOWN(registration)
{
	subject_close(&self->s);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* The half that can be read is wrong, and that is not looked at. */
TEST_F(registration, half_readable)
{
	struct io_uring_zcrx_ifq_reg *reg = &self->s.reg.ifq;
	__u64 half;

	reg->flags = ~0u;
	half = half_readable(reg, sizeof(*reg));
	ASSERT_NE(0, half);
	EXPECT_EQ(-EFAULT, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     (void *)(uintptr_t)half, 1));
	EXPECT_EQ(0, subject_register_good(&self->s));
}

/* 1024 entries, however they are asked for, and no byte more than they take. */
TEST_F(registration, region_just_large_enough)
{
	struct zc_reg *reg = &self->s.reg;

	reg->ifq.rq_entries = 513;
	reg->region.size = 16384 + PAGE;
	ASSERT_EQ(0, subject_register(&self->s));
	EXPECT_EQ(1024, reg->ifq.rq_entries);
}

/* The last number of entries that fits into pages without a rest. */
TEST_F(registration, fewer_entries_fit)
{
	struct zc_reg *reg = &self->s.reg;

	reg->ifq.rq_entries = 512;
	reg->region.size = 16384;
	ASSERT_EQ(0, subject_register(&self->s));
	EXPECT_EQ(512, reg->ifq.rq_entries);
}

/* As much as both take, and not a page less. */
TEST_F(registration, at_the_limit)
{
	struct subject *s = &self->s;
	const rlim_t all = SUBJECT_AREA_LEN + s->region_len;

	set_limit(all - PAGE);
	EXPECT_EQ(-ENOMEM, subject_register(s));
	EXPECT_EQ(0, pins_now());
	set_limit(all);
	EXPECT_EQ(0, subject_register_good(s));
}

/* Too many entries come before what else is wrong with them, clamped or not. */
TEST_F(registration, clamped_before_area)
{
	struct subject *s = &self->s;
	struct zc_reg *reg = &s->reg;

	reg->ifq.rq_entries = 32769;
	reg->ifq.area_ptr = BAD_PTR;
	EXPECT_EQ(-EINVAL, subject_register(s));

	io_uring_queue_exit(&s->ring);
	ASSERT_EQ(0, io_uring_queue_init(8, &s->ring,
					 IORING_SETUP_SINGLE_ISSUER |
					 IORING_SETUP_DEFER_TASKRUN |
					 IORING_SETUP_CQE32 |
					 IORING_SETUP_CLAMP));
	EXPECT_EQ(-EFAULT, subject_register(s));
	EXPECT_EQ(0, subject_register_good(s));
}

TEST_HARNESS_MAIN
