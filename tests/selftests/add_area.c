// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_CTRL_ADD_AREA: what is refused, what is left behind by that, and that
 * each area is used, up to the last. ctrl.c has the rest of
 * IORING_REGISTER_ZCRX_CTRL.
 */
#include <linux/capability.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/meminfo.h"
#include "lib/nodev.h"
#include "lib/pins.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define TOKEN(id)	((__u64)(id) << IORING_ZCRX_AREA_SHIFT)
/* of an area without a NIC */
#define FEW		16
#define FEW_BYTES	(FEW * PAGE)
/* with one: the first, and each that is added */
#define FIRST_LEN	(4 * MIB)
#define PART_LEN	(2 * MIB)
/* fewer buffers than the NIC and its pool keep */
#define SHORT_LEN	(1 * MIB)
/* in no mapping, and not 0 either */
#define BAD_PTR		8

static struct stream stream;

/* What registering an area adds to. */
struct usage {
	long pins, pinned_kib;
	__s64 buffers, free;
};

static struct usage usage_of(const struct zc *zc)
{
	return (struct usage) {
		.pins = pins_now(),
		.pinned_kib = meminfo_pinned_kib(),
		.buffers = zc_fdinfo(zc, "buffers"),
		.free = zc_fdinfo(zc, "free"),
	};
}

/* That of so many pages more in areas; a NIC may take of what is free. */
#define EXPECT_USAGE(zc_now, before, more_pages)			\
	do {								\
		const struct usage __was = (before);			\
		const struct usage __is = usage_of(zc_now);		\
		const long __more = (more_pages);			\
									\
		EXPECT_EQ(__was.pins + __more, __is.pins);		\
		EXPECT_EQ(__was.pinned_kib + __more * PAGE / 1024,	\
			  __is.pinned_kib);				\
		EXPECT_EQ(__was.buffers + __more, __is.buffers);	\
	} while (0)

static int add(struct zc *zc, __u64 area_ptr)
{
	struct zcrx_ctrl ctrl = {
		.op = ZCRX_CTRL_ADD_AREA,
		.zc_area.area_ptr = area_ptr,
	};

	return zc_ctrl(zc, &ctrl);
}

/* A good area, in a page that the token cannot be written to. */
static __u64 read_only(const struct area *area)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	area_describe(area, p);
	return mprotect(p, PAGE, PROT_READ) ? 0 : (uintptr_t)p;
}

/*
 * Areas with something wrong: each gets its errno, of two things wrong the one
 * that is checked earlier wins, and a good one is the first one added then.
 */
FIXTURE(refused)
{
	struct zc zc;
	struct area more;
	struct io_uring_zcrx_area_reg reg;
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct io_uring_zcrx_area_reg *r);
	int err;
};

/* of a test that has use for another one */
static struct area spare;

static const struct zc_config no_nic = {
	.nodev = true,
	.kind = AREA_USER,
	.area_len = FEW_BYTES,
};

FIXTURE_SETUP(refused)
{
	const char *failed;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, zc_open(&self->zc, &no_nic))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, area_open(&self->more, AREA_USER, FEW_BYTES, &failed));
	area_describe(&self->more, &self->reg);
}

FIXTURE_TEARDOWN(refused)
{
	zc_close(&self->zc);
	if (spare.len)
		area_close(&spare);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(refused, leaves_no_trace)
{
	struct zc *zc = &self->zc;
	struct io_uring_zcrx_area_reg bad;
	struct usage before;
	uint64_t token = 0;

	variant->spoil(&self->reg);
	bad = self->reg;
	before = usage_of(zc);
	EXPECT_EQ(-variant->err, add(zc, (uintptr_t)&self->reg));
	EXPECT_EQ(0, memcmp(&bad, &self->reg, sizeof(bad)));
	EXPECT_USAGE(zc, before, 0);

	ASSERT_EQ(0, zc_add_area(zc, &self->more, &token));
	EXPECT_EQ(TOKEN(1), token);
	EXPECT_USAGE(zc, before, FEW);
	EXPECT_EQ(before.free + FEW, zc_fdinfo(zc, "free"));
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, and what makes it so.
 */
#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct io_uring_zcrx_area_reg *r)	\
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
	REFUSED(name, error, second##_spoil(r); first##_spoil(r))

/* Memory that cannot be an area, though some of it is there. */
static __u64 memory_but_last_page(int prot)
{
	char *p = mmap(NULL, FEW_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* an unaligned address has another error */
	if (p == MAP_FAILED || mprotect(p + FEW_BYTES - PAGE, PAGE, prot))
		return 1;
	return (uintptr_t)p;
}

static __u64 memory_with_hole(void)
{
	__u64 addr = memory_but_last_page(PROT_READ | PROT_WRITE);

	return munmap((void *)(uintptr_t)(addr + PAGE), PAGE) ? 1 : addr;
}

/* Without one it is a good area. */
static void use_dmabuf(struct io_uring_zcrx_area_reg *r)
{
	const char *failed;

	if (area_open(&spare, AREA_UDMABUF, FEW_BYTES, &failed))
		spare.len = 0;
	else
		area_describe(&spare, r);
}

REFUSED(unknown_flag, EINVAL, r->flags = 2);
REFUSED(unknown_flags, EINVAL, r->flags = 1u << 30);
REFUSED(token, EINVAL, r->rq_area_token = 1);
REFUSED(token_right, EINVAL, r->rq_area_token = TOKEN(1));
REFUSED(resv0, EINVAL, r->__resv2[0] = 1);
REFUSED(resv1, EINVAL, r->__resv2[1] = 1ull << 63);
REFUSED(empty, EFAULT, r->len = 0);
REFUSED(over_1_tib, EINVAL, r->len = (1ull << 40) + PAGE);
REFUSED(wraps, EOVERFLOW, r->addr = -(__u64)PAGE);
REFUSED(addr_unaligned, EINVAL, r->addr += 8; r->len -= PAGE);
REFUSED(len_unaligned, EINVAL, r->len -= 8);
REFUSED(len_below_page, EINVAL, r->len = 8);
REFUSED(dmabuf_fd_without_flag, EINVAL, r->dmabuf_fd = 1);
REFUSED(addr_null, EFAULT, r->addr = 0);
REFUSED(unmapped, EFAULT, r->addr = PAGE);
REFUSED(end_read_only, EFAULT, r->addr = memory_but_last_page(PROT_READ));
REFUSED(end_no_access, EFAULT, r->addr = memory_but_last_page(PROT_NONE));
REFUSED(hole, EFAULT, r->addr = memory_with_hole());
REFUSED(dmabuf_too_long, EINVAL, use_dmabuf(r); r->len += PAGE);
REFUSED(dmabuf_past_end, EINVAL, use_dmabuf(r); r->addr = PAGE);
REFUSED(dmabuf_behind_end, EINVAL, use_dmabuf(r); r->addr = MIB);
REFUSED(dmabuf_unaligned, EINVAL, use_dmabuf(r); r->addr = 8; r->len = PAGE);
REFUSED(dmabuf_wraps, EOVERFLOW, use_dmabuf(r); r->addr = -(__u64)PAGE);
REFUSED(dmabuf_empty, EFAULT, use_dmabuf(r); r->len = 0);

REFUSED_BOTH(flags_before_empty, EINVAL, unknown_flag, empty);
REFUSED_BOTH(token_before_empty, EINVAL, token, empty);
REFUSED_BOTH(resv_before_empty, EINVAL, resv1, empty);
REFUSED_BOTH(empty_before_unaligned, EFAULT, empty, addr_unaligned);
REFUSED_BOTH(over_1_tib_before_wraps, EINVAL, over_1_tib, wraps);
REFUSED_BOTH(over_1_tib_before_null, EINVAL, over_1_tib, addr_null);
REFUSED_BOTH(wraps_before_unaligned, EOVERFLOW, wraps, len_unaligned);
REFUSED_BOTH(wraps_before_dmabuf_fd, EOVERFLOW, wraps, dmabuf_fd_without_flag);
REFUSED_BOTH(unaligned_before_null, EINVAL, len_unaligned, addr_null);
REFUSED_BOTH(unaligned_before_unmapped, EINVAL, len_unaligned, unmapped);
REFUSED_BOTH(dmabuf_fd_before_null, EINVAL, dmabuf_fd_without_flag, addr_null);
REFUSED_BOTH(dmabuf_fd_before_unmapped, EINVAL,
	     dmabuf_fd_without_flag, unmapped);

/*
 * What does not fit the table: where the area is described, and to whom.
 */
FIXTURE(ring)
{
	struct zc zc;
	struct area more;
};

FIXTURE_SETUP(ring)
{
	const char *failed;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, area_open(&self->more, AREA_USER, FEW_BYTES, &failed));
}

FIXTURE_TEARDOWN(ring)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(ring, cannot_read)
{
	struct zc *zc = &self->zc;
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct usage before;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, munmap(p + PAGE, PAGE));
	ASSERT_EQ(0, zc_open(zc, &no_nic));
	before = usage_of(zc);
	EXPECT_EQ(-EFAULT, add(zc, 0));
	EXPECT_EQ(-EFAULT, add(zc, BAD_PTR));
	/* all but its last word, which would be 0 */
	EXPECT_EQ(-EFAULT, add(zc, (uintptr_t)p + PAGE -
				   sizeof(struct io_uring_zcrx_area_reg) + 8));
	EXPECT_USAGE(zc, before, 0);
	EXPECT_EQ(0, zc_add_area(zc, &self->more, NULL));
	EXPECT_USAGE(zc, before, FEW);
}

TEST_F(ring, cannot_write)
{
	const __u64 desc = read_only(&self->more);
	struct zc *zc = &self->zc;
	struct usage before;
	unsigned int i;
	uint64_t token;

	ASSERT_NE(0, desc);
	ASSERT_EQ(0, zc_open(zc, &no_nic));
	before = usage_of(zc);
	/* more often than there could be areas */
	for (i = 0; i < 2 * ZC_AREAS_MAX; i++)
		EXPECT_EQ(-EFAULT, add(zc, desc));
	EXPECT_USAGE(zc, before, 0);
	EXPECT_EQ(before.free, zc_fdinfo(zc, "free"));

	ASSERT_EQ(0, zc_add_area(zc, &self->more, &token));
	EXPECT_EQ(TOKEN(1), token);
	EXPECT_USAGE(zc, before, FEW);
	EXPECT_EQ(before.free + FEW, zc_fdinfo(zc, "free"));
}

/* The limit of locked memory holds for all areas together. */
TEST_F(ring, limit_of_locked_memory)
{
	const __u64 desc = read_only(&self->more);
	struct zc *zc = &self->zc;
	struct area much, page;
	struct rlimit limit;
	const char *failed;
	struct usage before;

	ASSERT_NE(0, desc);
	ASSERT_EQ(0, area_open(&much, AREA_USER, 2 * FEW_BYTES, &failed));
	ASSERT_EQ(0, area_open(&page, AREA_USER, PAGE, &failed));
	ASSERT_EQ(0, caps_drop(CAP_IPC_LOCK));
	ASSERT_EQ(0, zc_open(zc, &no_nic));
	before = usage_of(zc);

	limit.rlim_cur = 2 * FEW_BYTES + zc->region_len;
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(-ENOMEM, zc_add_area(zc, &much, NULL));
	/* neither of these is charged for in the end */
	EXPECT_EQ(-EFAULT, add(zc, desc));
	EXPECT_USAGE(zc, before, 0);
	EXPECT_EQ(0, zc_add_area(zc, &self->more, NULL));
	EXPECT_USAGE(zc, before, FEW);
	EXPECT_EQ(-ENOMEM, zc_add_area(zc, &page, NULL));
	EXPECT_USAGE(zc, before, FEW);
}

/* Not even if it wants more buffers than there are. */
TEST_F_TIMEOUT(ring, fallback_is_not_the_nics, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	struct area fallback;
	const char *failed;
	struct wire wire;

	ASSERT_EQ(0, wire_bind(&self->zc, AREA_USER, SHORT_LEN));
	ASSERT_EQ(0, area_open(&fallback, AREA_USER, PART_LEN, &failed));
	fallback.fallback = true;
	ASSERT_EQ(0, zc_add_area(&self->zc, &fallback, NULL));
	stream_init(&stream, 76);
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, MIB, false));
	rx.sock = wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(MIB, rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, MIB);
	/* all of the fallback, and of the other what is not posted */
	EXPECT_LE(PART_LEN / PAGE, zc_fdinfo(&self->zc, "free"));
	EXPECT_EQ(0, wire_close(&wire));
}

/*
 * All areas there can be, each of them filled: without a NIC, so that it is
 * known which buffers are. A request that ended for want of buffers goes on
 * with the next area.
 */
#define ALL_FEW		(ZC_AREAS_MAX * FEW)
#define FULL_LEN	(3 * ALL_FEW * PAGE)

/* How many different buffers of an area are held from the entry from on. */
static unsigned int held_of(const struct hold *hold, unsigned int from,
			    unsigned int id)
{
	bool seen[FEW] = {};
	unsigned int nr = 0;

	for (; from < hold->nr; from++) {
		__u64 idx = (hold->rqe[from].off - TOKEN(id)) / PAGE;

		if (idx >= FEW || seen[idx])
			return 0;
		seen[idx] = true;
		nr++;
	}
	return nr;
}

TEST(sixteen_areas)
{
	const __u64 desc_of_none = BAD_PTR;
	struct area more[ZC_AREAS_MAX];
	struct usage before;
	const char *failed;
	struct nodev nd;
	unsigned int i;
	uint64_t token;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 71);
	ASSERT_EQ(0, nodev_open(&nd, &no_nic, OVER_LOOPBACK, &stream, FULL_LEN,
				false));
	EXPECT_EQ(0, nd.zc.tokens[0]);
	ASSERT_EQ(-ENOMEM, nodev_exhaust(&nd));
	EXPECT_EQ(FEW, held_of(&nd.hold, 0, 0));
	before = usage_of(&nd.zc);
	for (i = 1; i < ZC_AREAS_MAX; i++) {
		ASSERT_EQ(0, area_open(&more[i], AREA_USER, FEW_BYTES,
				       &failed));
		ASSERT_EQ(0, zc_add_area(&nd.zc, &more[i], &token));
		EXPECT_EQ(TOKEN(i), token);
		EXPECT_USAGE(&nd.zc, before, i * FEW);
		EXPECT_EQ(FEW, zc_fdinfo(&nd.zc, "free"));

		ASSERT_EQ(-ENOMEM, nodev_exhaust(&nd));
		EXPECT_EQ(FEW, held_of(&nd.hold, i * FEW, i));
		EXPECT_EQ((i + 1) * FEW, zc_fdinfo(&nd.zc, "held"));
	}

	ASSERT_EQ(0, area_open(&more[0], AREA_USER, FEW_BYTES, &failed));
	EXPECT_EQ(-ENOSPC, zc_add_area(&nd.zc, &more[0], NULL));
	EXPECT_EQ(-EFAULT, add(&nd.zc, desc_of_none));
	EXPECT_USAGE(&nd.zc, before, (ZC_AREAS_MAX - 1) * FEW);
	/* that there is one area too many does not stop the others */
	EXPECT_EQ(0, nodev_finish(&nd));
	EXPECT_EQ(FULL_LEN, nd.rx.bytes);
	EXPECT_COPIED(&nd.zc, FULL_LEN);
	EXPECT_ALL_FREE(&nd.zc, ALL_FEW);
	EXPECT_EQ(0, zc_fdinfo(&nd.zc, "invalid"));
	EXPECT_EQ(0, nodev_close(&nd));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/*
 * Areas come to a NIC's queue while it receives. All buffers are kept until
 * each area has been used, and none is added before it is needed.
 */
#define NR_AREAS	4
#define STREAM_LEN	(16 * MIB)
/* What is posted, in the pool's cache and waiting in sockets, and some more. */
#define ON_THE_WAY	768

FIXTURE(growing)
{
	struct zc zc;
	struct wire wire;
	struct hold hold;
};

FIXTURE_VARIANT(growing)
{
	enum area_kind kind[NR_AREAS];
};

FIXTURE_VARIANT_ADD(growing, user)
{
	.kind = { AREA_USER, AREA_USER, AREA_THP, AREA_HUGETLB },
};

FIXTURE_VARIANT_ADD(growing, hugetlb_first)
{
	.kind = { AREA_HUGETLB, AREA_USER, AREA_USER, AREA_THP },
};

FIXTURE_VARIANT_ADD(growing, udmabuf)
{
	.kind = { AREA_UDMABUF, AREA_UDMABUF, AREA_UDMABUF_HUGETLB,
		  AREA_HEAP },
};

FIXTURE_VARIANT_ADD(growing, mixed)
{
	.kind = { AREA_USER, AREA_UDMABUF, AREA_HUGETLB, AREA_HEAP },
};

FIXTURE_VARIANT_ADD(growing, mixed_dmabuf_first)
{
	.kind = { AREA_HEAP, AREA_USER, AREA_UDMABUF_HUGETLB, AREA_THP },
};

FIXTURE_SETUP(growing)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(2));
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind[0], FIRST_LEN));
	stream_init(&stream, 72);
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
}

FIXTURE_TEARDOWN(growing)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* Adds an area of that kind; one whose token has nowhere to go leaves none. */
static int grow(struct zc *zc, enum area_kind kind, unsigned int id)
{
	const __s64 buffers = zc_fdinfo(zc, "buffers");
	struct area area;
	const char *failed;
	uint64_t token;
	long pins;
	int ret;

	ret = area_open(&area, kind, PART_LEN, &failed);
	if (ret)
		return ret;
	pins = pins_now();
	ret = add(zc, read_only(&area));
	if (ret != -EFAULT || pins_now() != pins ||
	    zc_fdinfo(zc, "buffers") != buffers)
		return -EPROTO;
	ret = zc_add_area(zc, &area, &token);
	if (ret)
		return ret;
	return token == TOKEN(id) &&
	       zc_fdinfo(zc, "buffers") == buffers + (__s64)(PART_LEN / PAGE) ?
	       0 : -EPROTO;
}

static bool all_used(const unsigned int *came_to)
{
	unsigned int i;

	for (i = 0; i < NR_AREAS; i++)
		if (!came_to[i])
			return false;
	return true;
}

TEST_F_TIMEOUT(growing, under_traffic, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct hold *hold = &self->hold;
	unsigned int came_to[ZC_AREAS_MAX] = {};
	unsigned int nr = 1, seen = 0, buffers = FIRST_LEN / PAGE, i;
	struct receiver rx = {
		.zc = zc,
		.sock = self->wire.sock,
		.stream = &stream,
		.keep = true,
		.hold = hold,
	};

	ASSERT_EQ(0, zc_recv(zc, rx.sock, 0, 0));
	while (!all_used(came_to)) {
		ASSERT_EQ(0, receive_round(&rx, 1, WIRE_PATIENCE_MS));
		ASSERT_FALSE(rx.ended);
		/* zc_data() has found them within their areas */
		for (; seen < hold->nr; seen++)
			came_to[hold->rqe[seen].off >> IORING_ZCRX_AREA_SHIFT]++;
		while (nr < NR_AREAS && hold->nr + ON_THE_WAY > buffers) {
			ASSERT_EQ(0, grow(zc, variant->kind[nr], nr));
			buffers += PART_LEN / PAGE;
			nr++;
		}
	}
	for (i = 0; i < NR_AREAS; i++)
		TH_LOG("area %u: %u completions", i, came_to[i]);
	EXPECT_EQ(buffers, zc_fdinfo(zc, "buffers"));

	rx.keep = false;
	hold_release(hold, zc);
	ASSERT_EQ(RECEIVE_END, receive(&rx, STREAM_LEN));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_ZERO_COPY(zc, STREAM_LEN);
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
}

TEST_HARNESS_MAIN
