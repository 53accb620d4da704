// SPDX-License-Identifier: GPL-2.0
/*
 * Registrations with an event descriptor and something wrong: each gets its
 * errno, of two things wrong the one that is checked earlier wins, and nothing
 * is left behind: a good one succeeds right after it.
 */
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/pins.h"

#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define NO_SUCH_IF	0x7fffffff
/* in no mapping, and not 0 either */
#define BAD_PTR		8
#define RQ_ENTRIES	64
#define REGION_LEN	8192

struct subject {
	struct io_uring ring;
	struct area area;
	struct zc_reg reg;
	struct zcrx_event_desc desc;
	void *region;
};

static void good_reg(struct subject *s)
{
	zc_reg_init(&s->reg, 0, 0, RQ_ENTRIES, &s->area, s->region, REGION_LEN);
	s->desc = (struct zcrx_event_desc) {
		.type_mask = BOTH,
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
		.stats_offset = RQ_END(RQ_ENTRIES),
	};
	s->reg.ifq.flags = ZCRX_REG_NODEV;
	s->reg.ifq.event_desc = (uintptr_t)&s->desc;
}

FIXTURE(refused)
{
	struct subject s;
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct subject *s);
	int err;
};

FIXTURE_SETUP(refused)
{
	struct subject *s = &self->s;
	const char *failed;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, zc_ring_open(&s->ring, 64));
	ASSERT_EQ(0, area_open(&s->area, AREA_USER, MIB, &failed));
	s->region = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, s->region);
	good_reg(s);
}

FIXTURE_TEARDOWN(refused)
{
	io_uring_queue_exit(&self->s.ring);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(refused, leaves_no_trace)
{
	struct subject *s = &self->s;

	variant->spoil(s);
	EXPECT_EQ(-variant->err, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(0, pins_now());

	good_reg(s);
	ASSERT_EQ(0, io_uring_register_ifq(&s->ring, &s->reg.ifq));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
	EXPECT_EQ((MIB + REGION_LEN) / PAGE, pins_now());
}

#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct subject *s)			\
	{								\
		__VA_ARGS__;						\
	}								\
	FIXTURE_VARIANT_ADD(refused, name)				\
	{								\
		.spoil = name##_spoil,					\
		.err = error,						\
	}

/* Two at once, of which the first is to win. */
#define REFUSED_BOTH(name, error, first, second)			\
	REFUSED(name, error, second##_spoil(s); first##_spoil(s))

#define REFUSED_STATS(name, error, offset)				\
	REFUSED(name, error, s->desc.stats_offset = (offset))

/* The last words that can be read, with a descriptor's first half in them. */
static __u64 half_readable(const struct zcrx_event_desc *desc)
{
	const size_t half = sizeof(*desc) / 2;
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + PAGE, PAGE))
		return 0;
	memcpy(p + PAGE - half, desc, half);
	return (uintptr_t)(p + PAGE - half);
}

REFUSED(no_entries, EINVAL, s->reg.ifq.rq_entries = 0);
REFUSED(area_fault, EFAULT, s->reg.ifq.area_ptr = BAD_PTR);
REFUSED(area_token, EINVAL, s->reg.area.rq_area_token = 1);
REFUSED(desc_fault, EFAULT, s->reg.ifq.event_desc = BAD_PTR);
REFUSED(desc_half_fault, EFAULT,
	s->reg.ifq.event_desc = half_readable(&s->desc));
REFUSED(type_next, EINVAL, s->desc.type_mask |= 1u << __ZCRX_EVENT_TYPE_LAST);
REFUSED(type_last, EINVAL, s->desc.type_mask = 1u << 31);
REFUSED(flag_next, EINVAL, s->desc.flags |= 2);
REFUSED(flag_last, EINVAL, s->desc.flags |= 1u << 30);
/* a flag of ours for statistics, without them */
REFUSED(flag_alone, EINVAL, s->desc.flags = 1u << 31);
REFUSED(stats_not_asked_for, EINVAL, s->desc.flags = 0);
REFUSED(resv_first, EINVAL, s->desc.__resv2[0] = 1);
REFUSED(resv_last, EINVAL, s->desc.__resv2[8] = 1ull << 63);
REFUSED(region_small, EINVAL, s->reg.region.size = PAGE / 4);
REFUSED(region_unmapped, EFAULT, s->reg.region.user_addr = PAGE);
REFUSED_STATS(stats_by_1, EINVAL, RQ_END(RQ_ENTRIES) + 1);
REFUSED_STATS(stats_by_4, EINVAL, RQ_END(RQ_ENTRIES) + 4);
REFUSED_STATS(stats_over_head, ERANGE, 0);
REFUSED_STATS(stats_over_header, ERANGE, RQ_HEADER - 16);
REFUSED_STATS(stats_over_entry, ERANGE, RQ_HEADER);
REFUSED_STATS(stats_over_last_entry, ERANGE, RQ_END(RQ_ENTRIES) - 8);
/* there are more entries than were asked for */
REFUSED(stats_over_rounded, ERANGE,
	s->reg.ifq.rq_entries = RQ_ENTRIES / 2 + 1;
	s->desc.stats_offset = RQ_END(RQ_ENTRIES / 2 + 1));
REFUSED_STATS(stats_half_past, ERANGE, REGION_LEN - 8);
REFUSED_STATS(stats_past, ERANGE, REGION_LEN);
REFUSED_STATS(stats_far_past, ERANGE, REGION_LEN + (1ull << 32));
REFUSED_STATS(stats_end_wraps, ERANGE, -8ull);
REFUSED_STATS(stats_wraps, ERANGE, -16ull);
/* a smaller region ends earlier */
REFUSED(stats_past_page, ERANGE, s->reg.region.size = PAGE;
	s->desc.stats_offset = PAGE);
REFUSED(stats_past_kernel_memory, ERANGE, s->reg.region.user_addr = 0;
	s->reg.region.flags = 0; s->desc.stats_offset = REGION_LEN);
REFUSED(no_such_interface, ENODEV, s->reg.ifq.flags = 0;
	s->reg.ifq.if_idx = NO_SUCH_IF);
REFUSED(no_dma_device, EOPNOTSUPP, s->reg.ifq.flags = 0;
	s->reg.ifq.if_idx = if_nametoindex("lo"));
/* more than igb has bits for */
REFUSED(buf_len_large, EOPNOTSUPP, s->reg.ifq.rx_buf_len = 32 * PAGE);
REFUSED(area_empty, EFAULT, s->reg.area.len = 0);

/* Of two the earlier. Neighbours with the same error would prove nothing. */
REFUSED_BOTH(entries_before_desc, EINVAL, no_entries, desc_fault);
REFUSED_BOTH(area_before_types, EFAULT, area_fault, type_next);
REFUSED_BOTH(token_before_desc, EINVAL, area_token, desc_fault);
REFUSED_BOTH(desc_before_region, EFAULT, desc_fault, region_small);
REFUSED_BOTH(types_before_region, EINVAL, type_next, region_unmapped);
REFUSED_BOTH(flags_before_region, EINVAL, flag_next, region_unmapped);
REFUSED_BOTH(not_asked_before_region, EINVAL,
	     stats_not_asked_for, region_unmapped);
REFUSED_BOTH(resv_before_region, EINVAL, resv_last, region_unmapped);
REFUSED_BOTH(types_before_stats, EINVAL, type_next, stats_past);
REFUSED_BOTH(region_before_stats, EFAULT, region_unmapped, stats_past);
REFUSED_BOTH(region_size_before_stats, EINVAL, region_small, stats_past);
REFUSED_STATS(alignment_before_range, EINVAL, REGION_LEN + 4);
REFUSED_STATS(alignment_before_overlap, EINVAL, RQ_HEADER + 4);
REFUSED_BOTH(alignment_before_interface, EINVAL, stats_by_4, no_such_interface);
REFUSED_BOTH(range_before_interface, ERANGE, stats_past, no_such_interface);
REFUSED_BOTH(range_before_dma_device, ERANGE, stats_past, no_dma_device);
REFUSED_BOTH(range_before_buf_len, ERANGE, stats_past, buf_len_large);
REFUSED_BOTH(range_before_area, ERANGE, stats_past, area_empty);

TEST_HARNESS_MAIN
