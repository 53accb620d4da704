// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_RECV_ZC with the flags that any request can have, among other
 * requests, and how long one waits for it.
 */
#include <errno.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		90
#define SENT		(64 * 1024)
#define ID		0x5a
#define NEXT		0x77

static struct stream stream;

/* A request of that name. */
static struct io_uring_sqe request(const struct recv_pair *p, __u32 len,
				   __u64 user_data)
{
	struct io_uring_sqe sqe = recv_sqe(p);

	sqe.len = len;
	sqe.user_data = user_data;
	return sqe;
}

/* Receives what was sent so far. Returns 0 or -errno. */
static int receive_sent(struct recv_pair *p)
{
	p->rx.id = ID;
	return recv_bytes(&p->rx, p->sent - p->rx.bytes);
}

FIXTURE(flags)
{
	struct recv_pair p;
};

FIXTURE_SETUP(flags)
{
	stream_init(&stream, 97);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(flags)
{
	recv_pair_close(&self->p);
}

static struct io_uring_sqe nop(__u8 flags)
{
	struct io_uring_sqe sqe = {};

	io_uring_prep_nop(&sqe);
	sqe.user_data = NEXT;
	sqe.flags = flags;
	return sqe;
}

/* Not in a worker: it waits for data, and the ring's task receives it. */
TEST_F_TIMEOUT(flags, async, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = request(p, 0, ID);
	int i;

	sqe.flags = IOSQE_ASYNC;
	ASSERT_EQ(0, recv_pair_send(p, 10000));
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, receive_sent(p));
		ASSERT_EQ(0, recv_pair_send(p, 10000));
	}
	ASSERT_EQ(0, receive_sent(p));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, ID, 0);
	EXPECT_QUIET(&p->zc);
}

TEST_F_TIMEOUT(flags, buffer_select, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = request(p, 0, ID);

	sqe.flags = IOSQE_BUFFER_SELECT;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, ID, -EOPNOTSUPP);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* What is linked to it starts when it has ended, not when data comes. */
TEST_F_TIMEOUT(flags, link_waits, TIMEOUT)
{
	static const __u8 links[] = { IOSQE_IO_LINK, IOSQE_IO_HARDLINK };
	struct recv_pair *p = &self->p;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(links); i++) {
		struct io_uring_sqe sqe[] = {
			request(p, 3000, ID),
			nop(0),
		};

		sqe[0].flags = links[i];
		ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
		ASSERT_EQ(0, recv_pair_send(p, 1000));
		ASSERT_EQ(0, receive_sent(p));
		ASSERT_EQ(0, recv_pair_send(p, 1999));
		ASSERT_EQ(0, receive_sent(p));
		EXPECT_QUIET(&p->zc);
		ASSERT_EQ(0, recv_pair_send(p, 1));
		ASSERT_EQ(0, receive_sent(p));
		EXPECT_RESULT(&p->zc, ID, 0);
		EXPECT_RESULT(&p->zc, NEXT, 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* A failure takes what is linked with it, but for a hard link. */
TEST_F_TIMEOUT(flags, link_fails, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[] = { request(p, 0, ID), nop(0) };

	ASSERT_EQ(0, recv_pair_rst(p));
	sqe[0].flags = IOSQE_IO_LINK;
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	EXPECT_RESULT(&p->zc, ID, -ECONNRESET);
	EXPECT_RESULT(&p->zc, NEXT, -ECANCELED);

	/* not even there: the socket has no connection any more */
	sqe[0].fd = -1;
	sqe[0].flags = IOSQE_IO_HARDLINK;
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	EXPECT_RESULT(&p->zc, ID, -EBADF);
	EXPECT_RESULT(&p->zc, NEXT, 0);
	EXPECT_QUIET(&p->zc);
}

/* The last completion is skipped if it is 0, those with payload never are. */
TEST_F_TIMEOUT(flags, cqe_skip_success, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = request(p, 5000, ID);

	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, 5000));
	ASSERT_EQ(0, receive_sent(p));
	EXPECT_QUIET(&p->zc);

	sqe.fd = -1;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, ID, -EBADF);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * What drains waits for requests, and counts their completions to know: those
 * with payload must not be taken for others' last ones.
 */
TEST_F_TIMEOUT(flags, drain, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	int i;

	for (i = 0; i < 3; i++) {
		const struct io_uring_sqe sqe[] = {
			request(p, 9000, ID),
			nop(IOSQE_IO_DRAIN),
		};

		ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
		ASSERT_EQ(0, recv_pair_send(p, 8999));
		ASSERT_EQ(0, receive_sent(p));
		EXPECT_QUIET(&p->zc);
		ASSERT_EQ(0, recv_pair_send(p, 1));
		ASSERT_EQ(0, receive_sent(p));
		EXPECT_RESULT(&p->zc, ID, 0);
		EXPECT_RESULT(&p->zc, NEXT, 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * Waiting: a request that has something wakes whoever waits for one completion,
 * and whoever waits for more has it after the timeout at the latest.
 */
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int wait_nr(struct recv_pair *p, unsigned int nr, unsigned int ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000LL,
	};
	struct io_uring_cqe *cqe;

	return io_uring_submit_and_wait_timeout(&p->zc.ring, &cqe, nr, &ts,
						NULL);
}

TEST_F_TIMEOUT(flags, wait_for_one, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	const struct io_uring_sqe sqe = request(p, 0, ID);
	double start;
	int i;

	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, recv_pair_send(p, 1000));
		start = now();
		ASSERT_LE(0, wait_nr(p, 1, RECV_SOON_MS));
		EXPECT_GT(RECV_SOON_MS / 2000., now() - start);
		ASSERT_EQ(0, receive_sent(p));
	}
	EXPECT_EQ(-ETIME, wait_nr(p, 1, 100));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, ID, 0);
}

TEST_F_TIMEOUT(flags, wait_for_many, TIMEOUT)
{
	static const unsigned int many[] = { 2, 64 };
	struct recv_pair *p = &self->p;
	const struct io_uring_sqe sqe = request(p, 0, ID);
	double start;
	size_t i;

	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	for (i = 0; i < ARRAY_SIZE(many); i++) {
		ASSERT_EQ(0, recv_pair_send(p, 1000));
		start = now();
		wait_nr(p, many[i], 500);
		EXPECT_GT(RECV_SOON_MS / 2000., now() - start);
		EXPECT_LE(1, io_uring_cq_ready(&p->zc.ring));
		ASSERT_EQ(0, receive_sent(p));
	}
	/* more pieces than that: nobody has to wait */
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	start = now();
	ASSERT_LE(0, wait_nr(p, 2, 1000));
	EXPECT_LE(2, io_uring_cq_ready(&p->zc.ring));
	ASSERT_EQ(0, receive_sent(p));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, ID, 0);
}

TEST_HARNESS_MAIN
