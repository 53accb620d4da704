// SPDX-License-Identifier: GPL-2.0
/*
 * Registrations with ZCRX_REG_NODEV and something wrong: each gets its errno,
 * of two things wrong the one that is checked earlier wins, and nothing is left
 * behind: a good one succeeds right after it. register.c has what is wrong with
 * a NIC and without.
 */
#include <linux/capability.h>
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/pins.h"
#include "lib/wire.h"

#define PAGE		4096
#define AREA_LEN	(1024 * 1024)
#define RQ_ENTRIES	64
/* in no mapping, and not 0 either */
#define BAD_PTR		8

/* A ring, an area and a refill ring, ready to be registered. */
struct subject {
	struct io_uring ring;
	struct area area;
	struct area dmabuf;
	struct zc_reg reg;
	void *region;
	size_t region_len;
};

static void good_reg(struct subject *s)
{
	zc_reg_init(&s->reg, 0, 0, RQ_ENTRIES, &s->area, s->region,
		    s->region_len);
	s->reg.ifq.flags = ZCRX_REG_NODEV;
}

static int subject_open(struct subject *s)
{
	const char *failed;
	int ret;

	ret = area_open(&s->area, AREA_USER, AREA_LEN, &failed);
	if (!ret)
		ret = area_open(&s->dmabuf, AREA_UDMABUF, AREA_LEN, &failed);
	if (ret)
		return ret;
	s->region_len = zc_region_len(RQ_ENTRIES);
	s->region = mmap(NULL, s->region_len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->region == MAP_FAILED)
		return -errno;
	good_reg(s);
	return zc_ring_open(&s->ring, 64);
}

static void subject_close(struct subject *s)
{
	io_uring_queue_exit(&s->ring);
	munmap(s->region, s->region_len);
	area_close(&s->area);
	area_close(&s->dmabuf);
}

FIXTURE(refused)
{
	struct subject s;
	long pins;	/* before anything is registered */
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct zc_reg *reg, const struct area *dmabuf);
	int err;
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, subject_open(&self->s));
	self->pins = pins_now();
}

FIXTURE_TEARDOWN(refused)
{
	subject_close(&self->s);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(refused, leaves_no_trace)
{
	struct subject *s = &self->s;

	variant->spoil(&s->reg, &s->dmabuf);
	EXPECT_EQ(-variant->err, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(self->pins, pins_now());

	good_reg(s);
	ASSERT_EQ(0, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
	EXPECT_EQ(PAGE, s->reg.ifq.rx_buf_len);
	EXPECT_EQ(self->pins + (AREA_LEN + s->region_len) / PAGE, pins_now());
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, and what makes it so.
 */
#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct zc_reg *r,			\
				 const struct area *dmabuf)		\
	{								\
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

REFUSED(resv, EINVAL, r->ifq.__resv[1] = 1);
REFUSED(zcrx_id_set, EINVAL, r->ifq.zcrx_id = 1);
REFUSED(unknown_flag, EINVAL, r->ifq.flags |= 1u << 30);
REFUSED(import_as_well, EINVAL, r->ifq.flags |= ZCRX_REG_IMPORT);
/* it needs what it means: this is a NIC's, and there is no number 0 */
REFUSED(flag_missing, ENODEV, r->ifq.flags = 0);
REFUSED(region_fault, EFAULT, r->ifq.region_ptr = BAD_PTR);
REFUSED(rxq_minus_one, EINVAL, r->ifq.if_rxq = -1);
REFUSED(no_entries, EINVAL, r->ifq.rq_entries = 0);
REFUSED(if_idx, EINVAL, r->ifq.if_idx = if_nametoindex(WIRE_IF));
REFUSED(if_idx_of_none, EINVAL, r->ifq.if_idx = 0x7fffffff);
REFUSED(if_rxq, EINVAL, r->ifq.if_rxq = WIRE_RXQ);
REFUSED(if_idx_and_rxq, EINVAL, if_idx_spoil(r, dmabuf); r->ifq.if_rxq = 1);
REFUSED(too_many_entries, EINVAL, r->ifq.rq_entries = 32769);
REFUSED(area_fault, EFAULT, r->ifq.area_ptr = BAD_PTR);
REFUSED(area_token, EINVAL, r->area.rq_area_token = 1);
REFUSED(region_small, EINVAL, r->region.size = PAGE / 4);
REFUSED(region_unmapped, EFAULT, r->region.user_addr = PAGE);
REFUSED(buf_len_odd, EINVAL, r->ifq.rx_buf_len = PAGE + 1);
REFUSED(buf_len_small, EINVAL, r->ifq.rx_buf_len = PAGE / 2);
REFUSED(buf_len_large, EOPNOTSUPP, r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(buf_len_largest, EOPNOTSUPP, r->ifq.rx_buf_len = 1u << 31);
REFUSED(area_flags, EINVAL, r->area.flags = 1u << 30);
REFUSED(area_resv, EINVAL, r->area.__resv2[1] = 1);
REFUSED(area_empty, EFAULT, r->area.len = 0);
REFUSED(area_over_1_tib, EINVAL, r->area.len = (1ull << 40) + PAGE);
REFUSED(area_wraps, EOVERFLOW, r->area.addr = -(__u64)PAGE);
REFUSED(area_len_unaligned, EINVAL, r->area.len -= 8);
REFUSED(dmabuf_fd_without_flag, EINVAL, r->area.dmabuf_fd = 1);
REFUSED(area_addr_null, EFAULT, r->area.addr = 0);
REFUSED(area_unmapped, EFAULT, r->area.addr = PAGE);
REFUSED(area_dmabuf_too_long, EINVAL, area_describe(dmabuf, &r->area);
	r->area.len += PAGE);
/* there are no others yet that it would be a fallback for */
REFUSED(area_fallback, EINVAL, r->area.flags = IORING_ZCRX_AREA_FALLBACK);

/* Of two the earlier. Neighbours with the same error would prove nothing. */
REFUSED_BOTH(flags_before_region, EINVAL, unknown_flag, region_fault);
REFUSED_BOTH(region_before_if_idx, EFAULT, region_fault, if_idx);
REFUSED_BOTH(region_before_if_rxq, EFAULT, region_fault, if_rxq);
REFUSED_BOTH(if_idx_before_area_ptr, EINVAL, if_idx, area_fault);
REFUSED_BOTH(if_rxq_before_area_ptr, EINVAL, if_rxq, area_fault);
REFUSED_BOTH(entries_before_area_ptr, EINVAL, too_many_entries, area_fault);
REFUSED_BOTH(token_before_region_memory, EINVAL, area_token, region_unmapped);
REFUSED_BOTH(region_memory_before_buf_len, EFAULT,
	     region_unmapped, buf_len_large);
REFUSED_BOTH(buf_len_odd_before_area, EINVAL, buf_len_odd, area_empty);
REFUSED_BOTH(buf_len_large_before_area, EOPNOTSUPP, buf_len_large, area_empty);
REFUSED_BOTH(buf_len_large_before_area_flags, EOPNOTSUPP,
	     buf_len_large, area_flags);
REFUSED_BOTH(buf_len_large_before_wraps, EOPNOTSUPP, buf_len_large, area_wraps);
REFUSED_BOTH(buf_len_large_before_dmabuf, EOPNOTSUPP,
	     buf_len_large, area_dmabuf_too_long);
REFUSED_BOTH(area_flags_before_len, EINVAL, area_flags, area_empty);

FIXTURE(registration)
{
	struct subject s;
};

FIXTURE_SETUP(registration)
{
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, subject_open(&self->s));
}

FIXTURE_TEARDOWN(registration)
{
	subject_close(&self->s);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

#define GOOD_RING	(IORING_SETUP_SINGLE_ISSUER |			\
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32)

static int other_ring(struct subject *s, unsigned int flags)
{
	io_uring_queue_exit(&s->ring);
	return io_uring_queue_init(8, &s->ring, flags);
}

/*
 * There is no NIC, but everything else is as it was. What each of these lacks
 * is all that it lacks: the same with it is good.
 */
TEST_F(registration, needs_the_capability)
{
	ASSERT_EQ(0, io_uring_register_ifq(&self->s.ring, &self->s.reg.ifq));
	good_reg(&self->s);
	ASSERT_EQ(0, caps_drop(CAP_NET_ADMIN));
	EXPECT_EQ(-EPERM, io_uring_register_ifq(&self->s.ring,
						&self->s.reg.ifq));
}

TEST_F(registration, needs_defer_taskrun)
{
	ASSERT_EQ(0, other_ring(&self->s, GOOD_RING &
					  ~IORING_SETUP_DEFER_TASKRUN));
	EXPECT_EQ(-EINVAL, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
	ASSERT_EQ(0, other_ring(&self->s, GOOD_RING));
	EXPECT_EQ(0, io_uring_register_ifq(&self->s.ring, &self->s.reg.ifq));
}

TEST_F(registration, needs_cqe32)
{
	ASSERT_EQ(0, other_ring(&self->s, GOOD_RING & ~IORING_SETUP_CQE32));
	EXPECT_EQ(-EINVAL, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
	ASSERT_EQ(0, other_ring(&self->s, GOOD_RING));
	EXPECT_EQ(0, io_uring_register_ifq(&self->s.ring, &self->s.reg.ifq));
}

/* The page size may be said, as it is what there is. */
TEST_F(registration, takes_pages)
{
	self->s.reg.ifq.rx_buf_len = PAGE;
	EXPECT_EQ(0, io_uring_register_ifq(&self->s.ring, &self->s.reg.ifq));
	EXPECT_EQ(PAGE, self->s.reg.ifq.rx_buf_len);
}

/* Results that cannot be written back undo everything. */
TEST_F(registration, cannot_write_area)
{
	struct subject *s = &self->s;
	const long pins = pins_now();
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, p);
	memcpy(p, &s->reg.area, sizeof(s->reg.area));
	ASSERT_EQ(0, mprotect(p, PAGE, PROT_READ));
	s->reg.ifq.area_ptr = (uintptr_t)p;
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(pins, pins_wait(pins, WIRE_PATIENCE_MS));

	good_reg(s);
	EXPECT_EQ(0, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
}

TEST_HARNESS_MAIN
