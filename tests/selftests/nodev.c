// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_REG_NODEV: a ring without a NIC. All payload is copied into the area,
 * wherever it comes from, and nobody reads the refill ring but
 * ZCRX_CTRL_FLUSH_RQ, and a copy that finds no buffer.
 *
 * nodev_register.c has the registrations that are refused.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#include "lib/everywhere.h"
#include "lib/meminfo.h"
#include "lib/nodev.h"
#include "lib/pins.h"

#define TIMEOUT		120
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define PAGE		4096
#define HUGE		(2 * MIB)

static struct stream stream;

/*
 * The same stream into each kind of memory, with each kind of refill ring.
 */
#define AREA_LEN	(4 * MIB)
#define NR_BUFFERS	(AREA_LEN / PAGE)
#define STREAM_LEN	(16 * MIB)
/* for an area and a refill ring */
#define HUGE_PAGES	(AREA_LEN / HUGE + 1)

FIXTURE(copies)
{
	struct nodev nd;
};

FIXTURE_VARIANT(copies)
{
	enum area_kind kind;
	bool kernel_rq;
	bool huge_rq;
	enum nodev_path path;
};

FIXTURE_VARIANT_ADD(copies, pages) { .kind = AREA_USER };
FIXTURE_VARIANT_ADD(copies, thp) { .kind = AREA_THP };
FIXTURE_VARIANT_ADD(copies, hugetlb) { .kind = AREA_HUGETLB };

FIXTURE_VARIANT_ADD(copies, udmabuf) { .kind = AREA_UDMABUF };
FIXTURE_VARIANT_ADD(copies, udmabuf_hugetlb) { .kind = AREA_UDMABUF_HUGETLB };
FIXTURE_VARIANT_ADD(copies, heap) { .kind = AREA_HEAP };

FIXTURE_VARIANT_ADD(copies, heap_over_nic)
{
	.kind = AREA_HEAP,
	.path = OVER_NIC,
};

FIXTURE_VARIANT_ADD(copies, pages_kernel_rq)
{
	.kind = AREA_USER,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(copies, thp_kernel_rq)
{
	.kind = AREA_THP,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(copies, hugetlb_kernel_rq)
{
	.kind = AREA_HUGETLB,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(copies, pages_huge_rq)
{
	.kind = AREA_USER,
	.huge_rq = true,
};

FIXTURE_VARIANT_ADD(copies, pages_over_nic)
{
	.kind = AREA_USER,
	.path = OVER_NIC,
};

FIXTURE_VARIANT_ADD(copies, hugetlb_over_nic)
{
	.kind = AREA_HUGETLB,
	.path = OVER_NIC,
};

FIXTURE_SETUP(copies)
{
	const struct zc_config cfg = {
		.kind = variant->kind,
		.kernel_rq = variant->kernel_rq,
		.huge_rq = variant->huge_rq,
		.area_len = AREA_LEN,
	};

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(HUGE_PAGES));
	stream_init(&stream, 51);
	ASSERT_EQ(0, nodev_open(&self->nd, &cfg, variant->path, &stream,
				STREAM_LEN, false));
}

FIXTURE_TEARDOWN(copies)
{
	EXPECT_EQ(0, nodev_close(&self->nd));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/* The memory of the area is of the kind that was asked for. */
static bool kind_is_right(enum area_kind kind, bool huge_rq)
{
	const long area_huge = HUGE_PAGES - meminfo_free_huge_pages() - huge_rq;
	const __u64 thp = meminfo_thp_bytes();

	if (kind == AREA_HUGETLB || kind == AREA_UDMABUF_HUGETLB)
		return area_huge == AREA_LEN / HUGE;
	return !area_huge && (kind == AREA_THP ? thp >= AREA_LEN : !thp);
}

/* An exporter pins folios of its memfd, and a heap has nothing to be pinned. */
static long pins_of(enum area_kind kind)
{
	switch (kind) {
	case AREA_HEAP:
		return 0;
	case AREA_UDMABUF_HUGETLB:
		return AREA_LEN / HUGE;
	default:
		return AREA_LEN / PAGE;
	}
}

TEST_F_TIMEOUT(copies, all_of_the_stream, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	size_t rq = variant->kernel_rq ? 0 : nd->zc.region_len;

	EXPECT_TRUE(kind_is_right(variant->kind, variant->huge_rq));
	EXPECT_EQ(pins_of(variant->kind) + (long)(rq / PAGE), pins_now());
	EXPECT_EQ(PAGE, nd->zc.reg.ifq.rx_buf_len);
	EXPECT_ALL_FREE(&nd->zc, NR_BUFFERS);

	ASSERT_EQ(0, nodev_finish(nd));
	EXPECT_EQ(STREAM_LEN, nd->rx.bytes);
	/* the refill ring went round */
	EXPECT_LT(nd->zc.reg.ifq.rq_entries, nd->rx.cqes);
	EXPECT_COPIED(&nd->zc, STREAM_LEN);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_ALL_FREE(&nd->zc, NR_BUFFERS);
}

/*
 * Each buffer is filled before one that was given back is used again, as the
 * refill ring is not read before.
 */
TEST_F_TIMEOUT(copies, without_a_flush, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	unsigned int filled;

	ASSERT_EQ(0, receive_everywhere(&nd->rx, TAKES_UNUSED, &filled));
	EXPECT_EQ(NR_BUFFERS, filled);
	EXPECT_EQ(STREAM_LEN, nd->rx.bytes);
	EXPECT_LT(nd->zc.reg.ifq.rq_entries, nd->rx.cqes);
	EXPECT_COPIED(&nd->zc, STREAM_LEN);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
	/* what is in the ring now stays there until it is asked for */
	EXPECT_LT(0, zc_fdinfo(&nd->zc, "held"));
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_ALL_FREE(&nd->zc, NR_BUFFERS);
}

/*
 * All buffers are held.
 */
#define FEW		64
#define FEW_LEN		(8 * FEW * PAGE)

FIXTURE(exhausted)
{
	struct nodev nd;
	bool closed;	/* the ring, by the test */
};

FIXTURE_VARIANT(exhausted)
{
	bool kernel_rq;
	__u32 rq_entries;
};

FIXTURE_VARIANT_ADD(exhausted, user_rq) { };
FIXTURE_VARIANT_ADD(exhausted, kernel_rq) { .kernel_rq = true };
/* what is given back comes to the kernel by and by */
FIXTURE_VARIANT_ADD(exhausted, small_rq) { .rq_entries = 4 };
FIXTURE_VARIANT_ADD(exhausted, smallest_rq) { .rq_entries = 1 };

/* Up to the first -ENOMEM. */
FIXTURE_SETUP(exhausted)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.kernel_rq = variant->kernel_rq,
		.rq_entries = variant->rq_entries,
		.area_len = FEW * PAGE,
	};
	struct nodev *nd = &self->nd;

	stream_init(&stream, 52);
	ASSERT_EQ(0, nodev_open(nd, &cfg, OVER_LOOPBACK, &stream, FEW_LEN,
				false));
	ASSERT_EQ(-ENOMEM, nodev_exhaust(nd));
	ASSERT_EQ(FEW, nd->hold.nr);
	ASSERT_EQ(0, zc_fdinfo(&nd->zc, "free"));
	ASSERT_EQ(FEW, zc_fdinfo(&nd->zc, "held"));
	ASSERT_EQ(nd->rx.bytes, zc_fdinfo(&nd->zc, "copied"));
}

FIXTURE_TEARDOWN(exhausted)
{
	EXPECT_EQ(0, self->closed ? wire_close(&self->nd.wire) :
				    nodev_close(&self->nd));
}

/* How many different buffers the receiver keeps. */
static unsigned int different(const struct hold *hold)
{
	bool seen[FEW] = {};
	unsigned int i, nr = 0;

	for (i = 0; i < hold->nr; i++) {
		__u64 idx = hold->rqe[i].off / PAGE;

		if (idx < FEW && !seen[idx]) {
			seen[idx] = true;
			nr++;
		}
	}
	return nr;
}

TEST_F_TIMEOUT(exhausted, flush, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	unsigned int rounds = 0;
	__u64 before;
	int ret;

	do {
		ASSERT_EQ(FEW, different(&nd->hold));
		before = nd->rx.bytes;
		/* as nothing was given back */
		EXPECT_EQ(-ENOMEM, nodev_exhaust(nd));
		EXPECT_EQ(before, nd->rx.bytes);

		hold_release(&nd->hold, &nd->zc);
		ASSERT_EQ(0, zc_flush(&nd->zc));
		EXPECT_ALL_FREE(&nd->zc, FEW);
		ret = nodev_exhaust(nd);
		rounds++;
	} while (ret == -ENOMEM && rounds < 100);
	EXPECT_EQ(RECEIVE_END, ret);
	EXPECT_EQ(FEW_LEN, nd->rx.bytes);
	/* none of them can have got more */
	EXPECT_LE(FEW_LEN / (FEW * PAGE) - 1, rounds);
	EXPECT_COPIED(&nd->zc, FEW_LEN);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
}

/* As many as were given back, so many more completions come. */
TEST_F_TIMEOUT(exhausted, a_few_at_a_time, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	struct hold rest = nd->hold;
	unsigned int i;

	nd->hold = (struct hold) { };
	for (i = 0; i < 3; i++) {
		zc_refill(&nd->zc, &rest.rqe[i]);
		ASSERT_EQ(0, zc_flush(&nd->zc));
		EXPECT_EQ(1, zc_fdinfo(&nd->zc, "free"));
		EXPECT_EQ(-ENOMEM, nodev_exhaust(nd));
		EXPECT_EQ(i + 1, nd->hold.nr);
		EXPECT_EQ(rest.rqe[i].off / PAGE,
			  nd->hold.rqe[i].off / PAGE);
	}
	for (i = 3; i < rest.nr; i++)
		zc_refill(&nd->zc, &rest.rqe[i]);
	free(rest.rqe);
	ASSERT_EQ(0, nodev_finish(nd));
	EXPECT_EQ(FEW_LEN, nd->rx.bytes);
	EXPECT_COPIED(&nd->zc, FEW_LEN);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_ALL_FREE(&nd->zc, FEW);
}

/* Nobody asks the kernel to look at the ring: it does when it has to. */
TEST_F_TIMEOUT(exhausted, kernel_looks_by_itself, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	unsigned int rounds = 0;
	int ret;

	do {
		__u64 before = nd->rx.bytes;

		hold_release(&nd->hold, &nd->zc);
		EXPECT_EQ(0, zc_fdinfo(&nd->zc, "free"));
		EXPECT_EQ(FEW, zc_fdinfo(&nd->zc, "held"));
		ret = nodev_exhaust(nd);
		if (ret == -ENOMEM)
			EXPECT_LT(before, nd->rx.bytes);
		rounds++;
	/* with the smallest ring a round gets one buffer */
	} while (ret == -ENOMEM && rounds < FEW_LEN);
	EXPECT_EQ(RECEIVE_END, ret);
	EXPECT_EQ(FEW_LEN, nd->rx.bytes);
	EXPECT_COPIED(&nd->zc, FEW_LEN);
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
}

/* An entry that makes no sense is no buffer, and hides none behind it. */
TEST_F_TIMEOUT(exhausted, nonsense_is_no_buffer, TIMEOUT)
{
	const struct io_uring_zcrx_rqe nonsense = { .off = FEW * PAGE };
	const unsigned int nr = 3 * FEW / 2;
	struct nodev *nd = &self->nd;
	__u64 before = nd->rx.bytes;
	unsigned int i;

	for (i = 0; i < nr; i++)
		zc_refill(&nd->zc, &nonsense);
	zc_publish(&nd->zc);
	EXPECT_EQ(-ENOMEM, nodev_exhaust(nd));
	EXPECT_EQ(before, nd->rx.bytes);
	EXPECT_EQ(FEW, zc_fdinfo(&nd->zc, "held"));
	EXPECT_LT(0, zc_fdinfo(&nd->zc, "invalid"));

	ASSERT_EQ(0, nodev_finish(nd));
	EXPECT_EQ(nr, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_EQ(FEW_LEN, nd->rx.bytes);
	EXPECT_ALL_FREE(&nd->zc, FEW);
}

/* The ring goes; what it has not copied yet can be read as from any socket. */
TEST_F_TIMEOUT(exhausted, socket_outlives_ring, TIMEOUT)
{
	static char buf[64 * KIB];
	struct nodev *nd = &self->nd;
	__u64 off = nd->rx.bytes;
	ssize_t n;
	size_t bad;

	zc_close(&nd->zc);
	self->closed = true;
	while ((n = recv(nd->wire.sock, buf, sizeof(buf), 0)) > 0) {
		ASSERT_TRUE(stream_check(&stream, off, buf, n, &bad));
		off += n;
	}
	EXPECT_EQ(0, n);
	EXPECT_EQ(FEW_LEN, off);
}

/*
 * Several connections into one area.
 */
#define CONNECTIONS	4
#define EACH_LEN	(MIB / 2)

TEST(connections)
{
	/* more than all of them need */
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = 2 * CONNECTIONS * EACH_LEN,
	};
	struct receiver rx[CONNECTIONS] = {};
	struct wire wire[CONNECTIONS];
	struct nodev nd;
	unsigned int i;

	stream_init(&stream, 54);
	ASSERT_EQ(0, nodev_open(&nd, &cfg, OVER_LOOPBACK, &stream, EACH_LEN,
				false));
	wire[0] = nd.wire;
	for (i = 1; i < CONNECTIONS; i++)
		ASSERT_EQ(0, wire_open(&wire[i], WIRE_V4, &stream, EACH_LEN,
				       false));
	for (i = 0; i < CONNECTIONS; i++) {
		rx[i] = nd.rx;
		rx[i].sock = wire[i].sock;
	}
	ASSERT_EQ(0, receive_each(rx, CONNECTIONS));
	for (i = 0; i < CONNECTIONS; i++) {
		EXPECT_EQ(0, rx[i].result);
		EXPECT_EQ(EACH_LEN, rx[i].bytes);
	}
	EXPECT_COPIED(&nd.zc, CONNECTIONS * EACH_LEN);
	EXPECT_EQ(0, zc_flush(&nd.zc));
	EXPECT_ALL_FREE(&nd.zc, cfg.area_len / PAGE);
	zc_close(&nd.zc);
	for (i = 0; i < CONNECTIONS; i++)
		EXPECT_EQ(0, wire_close(&wire[i]));
}

/*
 * Two ifqs on a ring. Each has an area and a refill ring of its own, and the
 * other's buffers mean nothing to it.
 */
TEST(second_ifq)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = FEW * PAGE,
	};
	struct area first, second;
	struct zc_reg reg;
	const char *failed;
	struct nodev nd;

	stream_init(&stream, 55);
	ASSERT_EQ(0, nodev_open(&nd, &cfg, OVER_LOOPBACK, &stream, FEW_LEN,
				true));
	ASSERT_EQ(0, area_open(&second, AREA_USER, FEW * PAGE, &failed));
	zc_reg_init(&reg, 0, 0, FEW, &second, NULL, zc_region_len(FEW));
	reg.ifq.flags = ZCRX_REG_NODEV;
	ASSERT_EQ(0, io_uring_register_ifq(&nd.zc.ring, &reg.ifq));
	EXPECT_EQ(0, nd.zc.reg.ifq.zcrx_id);
	EXPECT_EQ(1, reg.ifq.zcrx_id);
	EXPECT_ALL_FREE(&nd.zc, 2 * FEW);

	/* from here on, receive with the second */
	nd.zc.reg.ifq.zcrx_id = 1;
	first = nd.zc.areas[0];
	nd.zc.areas[0] = second;
	ASSERT_EQ(-ENOMEM, nodev_exhaust(&nd));
	EXPECT_EQ(FEW, nd.hold.nr);
	EXPECT_EQ(FEW, zc_fdinfo(&nd.zc, "free"));
	EXPECT_EQ(FEW, zc_fdinfo(&nd.zc, "held"));

	/* but give back to the first */
	hold_release(&nd.hold, &nd.zc);
	EXPECT_EQ(0, zc_flush(&nd.zc));
	EXPECT_EQ(0, zc_fdinfo(&nd.zc, "invalid"));
	nd.zc.reg.ifq.zcrx_id = 0;
	EXPECT_EQ(0, zc_flush(&nd.zc));
	EXPECT_EQ(FEW, zc_fdinfo(&nd.zc, "invalid"));
	EXPECT_EQ(FEW, zc_fdinfo(&nd.zc, "held"));

	area_close(&first);
	EXPECT_EQ(0, nodev_close(&nd));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/*
 * The ring's end, in each way a ring can end, while a stream comes in.
 */
#define ENDLESS		(1024 * 1024 * MIB)

enum ending { CLOSES, EXITS, IS_KILLED };

FIXTURE(ending)
{
	int fd[2];	/* the child's, and ours */
	pid_t child;
};

FIXTURE_VARIANT(ending)
{
	enum ending how;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(ending, closes) { .how = CLOSES };
FIXTURE_VARIANT_ADD(ending, exits) { .how = EXITS };
FIXTURE_VARIANT_ADD(ending, is_killed) { .how = IS_KILLED };

FIXTURE_VARIANT_ADD(ending, is_killed_kernel_rq)
{
	.how = IS_KILLED,
	.kernel_rq = true,
};

/* Keeps a part of its buffers, says so, and goes on until it is to end. */
static int use_ring(const struct zc_config *cfg, enum ending how, int fd)
{
	struct nodev nd;
	char byte = 'r';

	if (nodev_open(&nd, cfg, OVER_LOOPBACK, &stream, ENDLESS, true))
		return 1;
	nd.rx.keep = true;
	if (zc_recv(&nd.zc, nd.rx.sock, MIB, 0) ||
	    receive(&nd.rx, UINT64_MAX) != RECEIVE_END ||
	    write(fd, &byte, 1) != 1)
		return 1;
	if (how == IS_KILLED) {
		/* these it will not give back */
		nd.hold = (struct hold) { };
		nodev_finish(&nd);
		return 1;
	}
	if (zc_recv(&nd.zc, nd.rx.sock, 0, 0) || read(fd, &byte, 1) != 1)
		return 1;
	if (how == EXITS)
		return 0;
	nodev_close(&nd);
	/* and stays: it is not the exit that does it */
	return write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 0;
}

FIXTURE_SETUP(ending)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.kernel_rq = variant->kernel_rq,
		.area_len = AREA_LEN,
	};
	char byte;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 53);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				self->fd));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		close(self->fd[1]);
		_exit(use_ring(&cfg, variant->how, self->fd[0]));
	}
	close(self->fd[0]);
	ASSERT_EQ(1, read(self->fd[1], &byte, 1));
	ASSERT_LE(AREA_LEN / PAGE, pins_now());
}

FIXTURE_TEARDOWN(ending)
{
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(ending, leaves_nothing_pinned, TIMEOUT)
{
	const struct timespec while_it_runs = { .tv_nsec = 200000000 };
	int status, fd = self->fd[1];
	char byte = 'e';

	if (variant->how == IS_KILLED) {
		nanosleep(&while_it_runs, NULL);
		EXPECT_LE(AREA_LEN / PAGE, pins_now());
		ASSERT_EQ(0, kill(self->child, SIGKILL));
	} else {
		ASSERT_EQ(1, write(fd, &byte, 1));
	}
	if (variant->how == CLOSES) {
		ASSERT_EQ(1, read(fd, &byte, 1));
		EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
		close(fd);
	}
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	if (variant->how == IS_KILLED) {
		/* not by its own hand: then receiving failed */
		ASSERT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
	} else {
		ASSERT_TRUE(WIFEXITED(status));
		EXPECT_EQ(0, WEXITSTATUS(status));
	}
}

TEST_HARNESS_MAIN
