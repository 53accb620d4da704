// SPDX-License-Identifier: GPL-2.0
/*
 * The IOMMU as judge: while an area is registered the NIC reaches each page of
 * it once. When it was removed, or the last ring that has it has gone or let go of
 * it, in the middle of a stream and by whichever way, or its registration has failed,
 * no device reaches any.
 *
 * iommu_removal.c has what happens to the NIC.
 */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/judge.h"
#include "lib/live.h"
#include "lib/meminfo.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "lib/share.h"
#include "queue.h"

#define TIMEOUT		180
#define PAGE		4096
#define HUGE		(2 * 1024 * 1024)
#define AREA_LEN	(8 * 1024 * 1024)
#define AREA_PAGES	(AREA_LEN / PAGE)
#define RQ_ENTRIES	(2 * AREA_PAGES)
#define SOME		(1024 * 1024)
/* More than anybody waits for. */
#define ENDLESS		(1ULL << 40)
#define NOTICE		0x90e

static struct stream stream;

/* An area with a ring on it, before it is there and when it is gone. */
FIXTURE(iommu)
{
	struct zc_config cfg;
	struct area area;
	struct judge judge;
	struct zc zc;
};

FIXTURE_VARIANT(iommu)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(iommu, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(iommu, thp)
{
	.kind = AREA_THP,
};

FIXTURE_VARIANT_ADD(iommu, hugetlb)
{
	.kind = AREA_HUGETLB,
};

FIXTURE_VARIANT_ADD(iommu, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(iommu, heap)
{
	.kind = AREA_HEAP,
};

FIXTURE_SETUP(iommu)
{
	const char *failed;

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	if (variant->kind == AREA_HUGETLB)
		ASSERT_EQ(0, meminfo_set_huge_pages(AREA_LEN / HUGE));
	ASSERT_EQ(0, area_open(&self->area, variant->kind, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
	ASSERT_EQ(0, judge_open(&self->judge, &self->area));
	EXPECT_EQ(0, judge_mapped(&self->judge));
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
	};
}

FIXTURE_TEARDOWN(iommu)
{
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	judge_close(&self->judge);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	meminfo_set_huge_pages(0);
}

/* Connects, and receives a while. Returns 0 or -errno. */
static int start_rx(struct receiver *rx, struct zc *zc, struct wire *wire)
{
	int ret;

	*rx = (struct receiver) { .zc = zc, .stream = &stream };
	stream_init(&stream, 21);
	ret = wire_open(wire, WIRE_V4, &stream, ENDLESS, true);
	if (ret)
		return ret;
	rx->sock = wire->sock;
	ret = zc_recv(zc, rx->sock, 0, 0);
	return ret ? ret : receive(rx, SOME);
}

static int start(struct zc *zc, struct wire *wire)
{
	struct receiver rx;

	return start_rx(&rx, zc, wire);
}

TEST_F_TIMEOUT(iommu, ring_exit, TIMEOUT)
{
	struct wire wire;

	ASSERT_EQ(0, zc_open_area(&self->zc, &self->cfg, &self->area));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	ASSERT_EQ(0, start(&self->zc, &wire));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	zc_close(&self->zc);
	/* the socket, and payload in it, outlive the ring */
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, wire_close(&wire));
}

/* Has the area in its own memory, and a judge of it that it hands over. */
static void receive_until_killed(const struct zc_config *cfg,
				 enum area_kind kind, int ctl)
{
	const char *failed;
	struct judge judge;
	struct area area;
	struct wire wire;
	struct zc zc;

	if (area_open(&area, kind, AREA_LEN, &failed) ||
	    judge_open(&judge, &area) || zc_open_area(&zc, cfg, &area) ||
	    start(&zc, &wire) || tell(ctl, 'j', judge.fd))
		_exit(1);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(iommu, kill_nine, TIMEOUT)
{
	int ctl[2], status;
	pid_t child;

	/* huge pages are for one of the two */
	area_close(&self->area);
	judge_close(&self->judge);
	ASSERT_EQ(0, talk_open(ctl));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		receive_until_killed(&self->cfg, variant->kind, ctl[1]);
	self->judge.fd = hear(ctl[0], 'j');
	ASSERT_LT(0, self->judge.fd);
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));

	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* not by its own hand, which would mean that receiving failed */
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
}

/* Who registered goes, and only then who imports. */
TEST_F_TIMEOUT(iommu, last_importer, TIMEOUT)
{
	struct side first = {}, last = {};
	struct share *share;
	int fd;

	/* what the two of them share is this fixture's area */
	ASSERT_EQ(0, share_open(&share, AREA_USER, AREA_LEN, false));
	area_close(&share->area);
	share->area = self->area;
	ASSERT_EQ(0, side_register(&first, share));
	fd = side_export(&first);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, side_import(&last, share, fd));
	close(fd);
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	ASSERT_EQ(0, side_close_wait(&first));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	ASSERT_EQ(0, side_close_wait(&last));
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	share_close(share);
}

/* The second finds the queue taken, which need not be before it is mapped. */
TEST_F_TIMEOUT(iommu, queue_busy, TIMEOUT)
{
	struct zc first;

	ASSERT_EQ(0, wire_bind(&first, AREA_USER, AREA_LEN));
	EXPECT_EQ(-EEXIST, zc_open_area(&self->zc, &self->cfg, &self->area));
	EXPECT_EQ(0, judge_mapped(&self->judge));
	zc_close(&first);
}

/* Describes the area where the kernel cannot write back, or 0. */
static __u64 read_only(const struct area *area)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 0;
	area_describe(area, p);
	return mprotect(p, PAGE, PROT_READ) ? 0 : (uintptr_t)p;
}

/* The queue was bound, and the area mapped: it only cannot be told. */
TEST_F_TIMEOUT(iommu, registered_in_vain, TIMEOUT)
{
	const size_t region_len = zc_region_len(RQ_ENTRIES);
	struct io_uring ring;
	struct zc_reg reg;
	void *region;

	region = mmap(NULL, region_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, region);
	ASSERT_EQ(0, zc_ring_open(&ring, 64));
	zc_reg_init(&reg, if_nametoindex(WIRE_IF), WIRE_RXQ, RQ_ENTRIES,
		    &self->area, region, region_len);
	reg.ifq.area_ptr = read_only(&self->area);
	ASSERT_NE(0, reg.ifq.area_ptr);
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&ring, &reg.ifq));
	/* while the ring is there */
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	io_uring_queue_exit(&ring);
	/* which may pin its memory, too */
	area_close(&self->area);
}

/* A second area is as good, unless it cannot be told. The first stays. */
TEST_F_TIMEOUT(iommu, add_area, TIMEOUT)
{
	struct zcrx_ctrl ctrl = { .op = ZCRX_CTRL_ADD_AREA };
	struct judge first;

	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind == AREA_HUGETLB ?
			       AREA_USER : variant->kind, AREA_LEN));
	ASSERT_EQ(0, judge_open(&first, &self->zc.areas[0]));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&first));
	ctrl.zcrx_id = self->zc.reg.ifq.zcrx_id;
	ctrl.zc_area.area_ptr = read_only(&self->area);
	ASSERT_NE(0, ctrl.zc_area.area_ptr);
	EXPECT_EQ(-EFAULT, zc_ctrl(&self->zc, &ctrl));
	EXPECT_EQ(0, judge_mapped(&self->judge));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&first));

	ASSERT_EQ(0, zc_add_area(&self->zc, &self->area, NULL));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&first));
	zc_close(&self->zc);
	EXPECT_EQ(0, judge_wait_unmapped(&first, WIRE_PATIENCE_MS));
	judge_close(&first);
}

/* One of two goes while a stream comes in; when the notice tells so, it has gone. */
TEST_F_TIMEOUT(iommu, area_is_removed, TIMEOUT)
{
	const char *failed;
	struct receiver rx;
	struct judge other;
	struct wire wire;
	struct area more;
	unsigned int i;

	ASSERT_EQ(0, zc_open_area(&self->zc, &self->cfg, &self->area));
	ASSERT_EQ(0, area_open(&more, AREA_USER, AREA_LEN, &failed));
	ASSERT_EQ(0, judge_open(&other, &more));
	ASSERT_EQ(0, zc_add_area(&self->zc, &more, NULL));
	ASSERT_EQ(0, start_rx(&rx, &self->zc, &wire));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&other));

	rx.notice = NOTICE;
	ASSERT_EQ(0, zc_remove_area(&self->zc, self->zc.tokens[0], NOTICE));
	for (i = 0; i < 64 && !rx.noticed; i++) {
		ASSERT_EQ(RECEIVE_MORE, receive(&rx, SOME));
		ASSERT_EQ(0, zc_flush(&self->zc));
	}
	ASSERT_TRUE(rx.noticed);
	EXPECT_EQ(0, judge_mapped(&self->judge));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&other));
	zc_close(&self->zc);
	EXPECT_EQ(0, judge_wait_unmapped(&other, WIRE_PATIENCE_MS));
	judge_close(&other);
	EXPECT_EQ(0, wire_close(&wire));
}

/* As above, with the ifq; the ring stays. */
TEST_F_TIMEOUT(iommu, ring_lets_go, TIMEOUT)
{
	struct receiver rx;
	union recv_cqe c;
	struct wire wire;

	ASSERT_EQ(0, zc_open_area(&self->zc, &self->cfg, &self->area));
	ASSERT_EQ(0, start_rx(&rx, &self->zc, &wire));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	ASSERT_EQ(0, zc_unregister(&self->zc, NOTICE));
	do {
		ASSERT_EQ(0, recv_next(&self->zc, &c, WIRE_PATIENCE_MS));
	} while (c.cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(-ECANCELED, c.cqe.res);
	/* the socket has payload, and keeps no mapping */
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, wire_close(&wire));
	ASSERT_EQ(0, recv_next(&self->zc, &c, WIRE_PATIENCE_MS));
	EXPECT_EQ(NOTICE, c.cqe.user_data);
	zc_close(&self->zc);
}

/*
 * It has no whole number of buffers, as shows when it is mapped: to be the
 * first area it is as bad as to be the second.
 */
TEST_F_TIMEOUT(iommu, cuts_a_buffer, TIMEOUT)
{
	const enum area_kind kind = variant->kind == AREA_HUGETLB ? AREA_USER :
				    variant->kind;
	struct judge judge;
	const char *failed;
	struct area odd;

	self->cfg.rx_buf_len = 4 * PAGE;
	ASSERT_EQ(0, area_open(&odd, kind, AREA_LEN + PAGE, &failed));
	ASSERT_EQ(0, judge_open(&judge, &odd));
	ASSERT_EQ(0, zc_open_area(&self->zc, &self->cfg, &self->area));
	EXPECT_EQ(-ERANGE, zc_add_area(&self->zc, &odd, NULL));
	EXPECT_EQ(0, judge_mapped(&judge));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	zc_close(&self->zc);
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));

	/* closes it as well */
	EXPECT_EQ(-ERANGE, zc_open_area(&self->zc, &self->cfg, &odd));
	EXPECT_EQ(0, judge_wait_unmapped(&judge, WIRE_PATIENCE_MS));
	judge_close(&judge);
}

TEST_HARNESS_MAIN
