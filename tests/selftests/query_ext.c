// SPDX-License-Identifier: GPL-2.0
/*
 * IO_URING_QUERY_ZCRX_EXT: what this kernel has beyond upstream, asked as everything
 * else is, and under a number far from upstream's. query.c has how one asks.
 */
#include <errno.h>
#include <linux/io_uring/zcrx_ext.h>
#include <string.h>

#include "kselftest_harness.h"

#include "lib/nodev.h"
#include "lib/query.h"

#define ANSWER_LEN	64
#define PAGE		4096

/* Asks alone. Returns what became of the call; the question has its result. */
static int ask(struct io_uring_query_hdr *hdr, __u32 op, void *data, __u32 size)
{
	*hdr = question(op, data, size);
	return ask_chain(&blind, hdr);
}

TEST(what_there_is)
{
	union {
		struct io_uring_query_zcrx_ext ext;
		__u8 bytes[2 * ANSWER_LEN];
	} a;
	struct io_uring_query_hdr hdr;
	size_t i;

	EXPECT_EQ(ANSWER_LEN, sizeof(a.ext));
	memset(&a, 0xff, sizeof(a));
	ASSERT_EQ(0, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, &a, sizeof(a)));
	EXPECT_EQ(0, hdr.result);
	EXPECT_EQ(ANSWER_LEN, hdr.size);
	EXPECT_EQ(ZCRX_EXT_DMABUF_COPY | ZCRX_EXT_DMABUF_RANGE |
		  ZCRX_EXT_DMABUF_NODEV | ZCRX_EXT_FALLBACK_AREA |
		  ZCRX_EXT_MIXED_AREAS |
		  ZCRX_EXT_UNREGISTER | ZCRX_EXT_REMOVE_AREA |
		  ZCRX_EXT_SUBSCRIBE | ZCRX_EXT_QUEUES |
		  ZCRX_EXT_STATS, a.ext.features);
	EXPECT_EQ(IORING_ZCRX_AREA_FALLBACK, a.ext.area_flags);
	EXPECT_EQ(ZCRX_EVENT_DESC_FLAG_EXT, a.ext.event_flags);
	EXPECT_EQ(sizeof(struct zcrx_ext_stats), a.ext.stats_size);
	EXPECT_EQ(sizeof(struct zcrx_queue_stats), a.ext.queue_stats_size);
	/* fields that are yet to come */
	for (i = 4 * sizeof(__u64); i < sizeof(a); i++)
		EXPECT_EQ(0, a.bytes[i]);
}

/* A program that is older gets as much as it knows of. */
TEST(cut_short)
{
	static const __u32 size[] = { 1, 7, 8, 15, 16, ANSWER_LEN - 1 };
	__u8 whole[ANSWER_LEN], part[ANSWER_LEN];
	struct io_uring_query_hdr hdr;
	size_t i, j;

	ASSERT_EQ(0, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, whole, ANSWER_LEN));
	for (i = 0; i < ARRAY_SIZE(size); i++) {
		memset(part, 0xff, sizeof(part));
		ASSERT_EQ(0, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, part, size[i]));
		EXPECT_EQ(0, hdr.result);
		EXPECT_EQ(size[i], hdr.size);
		EXPECT_EQ(0, memcmp(whole, part, size[i]));
		for (j = size[i]; j < sizeof(part); j++)
			EXPECT_EQ(0xff, part[j]);
	}
}

TEST(refused)
{
	static const __u32 no_op[] = {
		IO_URING_QUERY_ZCRX_EXT - 1, IO_URING_QUERY_ZCRX_EXT + 1,
		IO_URING_QUERY_ZCRX_EXT << 16, 0x80005a00,
	};
	struct io_uring_query_hdr hdr;
	__u8 data[ANSWER_LEN];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(no_op); i++) {
		ASSERT_EQ(0, ask(&hdr, no_op[i], data, sizeof(data)));
		EXPECT_EQ(-EOPNOTSUPP, hdr.result);
	}
	ASSERT_EQ(0, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, data, 0));
	EXPECT_EQ(-EINVAL, hdr.result);
	EXPECT_EQ(-EFAULT, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, (void *)BAD_PTR,
			       sizeof(data)));
}

/* No flag of an area that is added is taken but those that are told of. */
TEST(area_flags)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = 16 * PAGE,
	};
	struct io_uring_query_zcrx_ext ext;
	struct io_uring_query_hdr hdr;
	struct zc zc;
	int bit;

	ASSERT_EQ(0, ask(&hdr, IO_URING_QUERY_ZCRX_EXT, &ext, sizeof(ext)));
	ASSERT_EQ(0, zc_open(&zc, &cfg));
	for (bit = 1; bit < 32; bit++) {
		struct io_uring_zcrx_area_reg reg;
		struct zcrx_ctrl ctrl = {
			.op = ZCRX_CTRL_ADD_AREA,
			.zc_area.area_ptr = (uintptr_t)&reg,
		};
		const char *failed;
		struct area area;

		ASSERT_EQ(0, area_open(&area, AREA_USER, PAGE, &failed));
		area_describe(&area, &reg);
		reg.flags = 1U << bit;
		EXPECT_EQ(ext.area_flags & (1U << bit) ? 0 : -EINVAL,
			  zc_ctrl(&zc, &ctrl));
		area_close(&area);
	}
	zc_close(&zc);
}

TEST_HARNESS_MAIN
