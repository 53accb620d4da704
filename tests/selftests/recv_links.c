// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_RECV_ZC with the flags that every sqe may have: registered files,
 * links, no completion on success, draining. recv_poll.c has IOSQE_ASYNC, and
 * recv_sqe.c what is refused.
 */
#include <errno.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define PAGE		4096
#define SENT		(40 * KIB)
#define CQ_ENTRIES	8
/* what follows a request */
#define NEXT_ID		0x4e37

static struct stream stream;

FIXTURE(flags)
{
	struct recv_pair p;
};

FIXTURE_SETUP(flags)
{
	stream_init(&stream, 101);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(flags)
{
	EXPECT_QUIET(&self->p.zc);
	recv_pair_close(&self->p);
}

static struct io_uring_sqe nop(__u8 flags)
{
	struct io_uring_sqe sqe = {};

	io_uring_prep_nop(&sqe);
	sqe.user_data = NEXT_ID;
	sqe.flags = flags;
	return sqe;
}

/* A request, and a NOP that is linked to it. */
static int submit_with_next(struct recv_pair *p, __u8 flags, __u32 len)
{
	struct io_uring_sqe sqe[2] = { recv_sqe(p), nop(0) };

	sqe[0].flags = flags;
	sqe[0].len = len;
	return zc_submit(&p->zc, sqe, 2);
}

TEST_F_TIMEOUT(flags, fixed_file, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = recv_sqe(p);
	int files[3] = { p->rx.sock, -1, -1 }, fd[2];

	ASSERT_EQ(0, pipe(fd));
	files[2] = fd[0];
	sqe.flags = IOSQE_FIXED_FILE;
	sqe.fd = 0;
	/* no table; an empty slot; one behind the last; a pipe */
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, p->rx.id, -EBADF);
	ASSERT_EQ(0, io_uring_register_files(&p->zc.ring, files, 3));
	for (sqe.fd = -1; sqe.fd < 4; sqe.fd++) {
		if (!sqe.fd)
			continue;
		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
		EXPECT_RESULT(&p->zc, p->rx.id, sqe.fd == 2 ? -ENOTSOCK :
							      -EBADF);
	}
	sqe.fd = 0;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_pair_drain(p));
	close(fd[0]);
	close(fd[1]);
}

/*
 * Links. What is linked to a request starts when that has ended well; payload
 * is no end.
 */
static const __u8 links[] = { IOSQE_IO_LINK, IOSQE_IO_HARDLINK };

TEST_F_TIMEOUT(flags, next_after_the_limit, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(links); i++) {
		ASSERT_EQ(0, submit_with_next(p, links[i], SENT));
		ASSERT_EQ(0, recv_pair_send(p, SENT - 1));
		ASSERT_EQ(0, recv_bytes(&p->rx, SENT - 1));
		EXPECT_QUIET(&p->zc);
		ASSERT_EQ(0, recv_pair_send(p, 1));
		ASSERT_EQ(0, recv_bytes(&p->rx, 1));
		EXPECT_RESULT(&p->zc, p->rx.id, 0);
		EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* There was to be more, so much or however much. */
#define EXPECT_NO_NEXT(p, len)						\
	do {								\
		struct recv_pair *__p = (p);				\
									\
		ASSERT_EQ(0, recv_pair_send(__p, SENT));		\
		ASSERT_EQ(0, submit_with_next(__p, IOSQE_IO_LINK, len)); \
		ASSERT_EQ(0, recv_bytes(&__p->rx, SENT));		\
		EXPECT_QUIET(&__p->zc);					\
		recv_pair_fin(__p);					\
		EXPECT_RESULT(&__p->zc, __p->rx.id, 0);			\
		EXPECT_RESULT(&__p->zc, NEXT_ID, -ECANCELED);		\
	} while (0)

TEST_F_TIMEOUT(flags, no_next_after_the_stream, TIMEOUT)
{
	EXPECT_NO_NEXT(&self->p, 0);
}

TEST_F_TIMEOUT(flags, no_next_before_the_limit, TIMEOUT)
{
	EXPECT_NO_NEXT(&self->p, SENT + 1);
}

/* All is there: the request ends while it is submitted. */
TEST_F_TIMEOUT(flags, next_at_once, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	ASSERT_EQ(0, submit_with_next(p, IOSQE_IO_LINK, SENT));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* A failure later on: a hard link holds. */
TEST_F_TIMEOUT(flags, next_after_a_reset, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, submit_with_next(p, IOSQE_IO_LINK, 0));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT));
	ASSERT_EQ(0, recv_pair_rst(p));
	EXPECT_RESULT(&p->zc, p->rx.id, -ECONNRESET);
	EXPECT_RESULT(&p->zc, NEXT_ID, -ECANCELED);
}

TEST_F_TIMEOUT(flags, hard_link_after_a_reset, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, submit_with_next(p, IOSQE_IO_HARDLINK, 0));
	ASSERT_EQ(0, recv_pair_rst(p));
	EXPECT_RESULT(&p->zc, p->rx.id, -ECONNRESET);
	EXPECT_RESULT(&p->zc, NEXT_ID, 0);
}

/* A failure of the sqe breaks any link. */
TEST_F_TIMEOUT(flags, next_after_a_bad_sqe, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(links); i++) {
		struct io_uring_sqe sqe[2] = { recv_sqe(p), nop(0) };

		sqe[0].flags = links[i];
		sqe[0].zcrx_ifq_idx = 1;
		ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
		EXPECT_RESULT(&p->zc, p->rx.id, -EINVAL);
		EXPECT_RESULT(&p->zc, NEXT_ID, -ECANCELED);

		/* and the file is looked at only when the request runs */
		sqe[0] = recv_sqe(p);
		sqe[0].flags = links[i];
		sqe[0].fd = -1;
		ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
		EXPECT_RESULT(&p->zc, p->rx.id, -EBADF);
		EXPECT_RESULT(&p->zc, NEXT_ID,
			      links[i] == IOSQE_IO_LINK ? -ECANCELED : 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* It is the one that follows. */
TEST_F_TIMEOUT(flags, after_another, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[2] = { nop(IOSQE_IO_LINK), recv_sqe(p) };

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	/* a file that is none */
	io_uring_prep_read(&sqe[0], -1, NULL, 0, 0);
	sqe[0].user_data = NEXT_ID;
	sqe[0].flags = IOSQE_IO_LINK;
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	EXPECT_RESULT(&p->zc, NEXT_ID, -EBADF);
	EXPECT_RESULT(&p->zc, p->rx.id, -ECANCELED);
	EXPECT_EQ(0, wire_wait_backlog(p->rx.sock, SENT));

	sqe[0] = nop(IOSQE_IO_LINK);
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* Requests that follow each other on one connection: each has its part. */
TEST_F_TIMEOUT(flags, chain_of_requests, TIMEOUT)
{
	static const __u32 len[] = { 1, PAGE + 1, 3 * PAGE };
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[4];
	const __u64 id = p->rx.id;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sqe); i++) {
		sqe[i] = recv_sqe(p);
		sqe[i].user_data = id + i;
		if (i == ARRAY_SIZE(len))
			break;
		sqe[i].flags = IOSQE_IO_LINK;
		sqe[i].len = len[i];
	}
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, ARRAY_SIZE(sqe)));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	for (i = 0; i < ARRAY_SIZE(len); i++) {
		p->rx.id = id + i;
		EXPECT_EQ(0, recv_bytes(&p->rx, len[i]));
		EXPECT_RESULT(&p->zc, p->rx.id, 0);
	}
	p->rx.id = id + i;
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* A time limit: what came in time is there, what comes later is not touched. */
TEST_F_TIMEOUT(flags, linked_timeout, TIMEOUT)
{
	struct __kernel_timespec ts = { .tv_nsec = 200000000 };
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[2] = { recv_sqe(p) };
	union recv_cqe c = {};
	int i, timeout = 0, result = 0;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	sqe[0].flags = IOSQE_IO_LINK;
	io_uring_prep_link_timeout(&sqe[1], &ts, 0);
	sqe[1].user_data = NEXT_ID;
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	/* the two in any order */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, recv_until(&p->rx, &c));
		if (c.cqe.user_data == NEXT_ID)
			timeout = c.cqe.res;
		else
			result = c.cqe.res;
	}
	EXPECT_EQ(-ETIME, timeout);
	EXPECT_EQ(-ECANCELED, result);
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(SENT, p->rx.bytes);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* It ends in time, so it is the timeout that is canceled. */
TEST_F_TIMEOUT(flags, linked_timeout_not_reached, TIMEOUT)
{
	struct __kernel_timespec ts = { .tv_sec = TIMEOUT };
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[2] = { recv_sqe(p) };

	sqe[0].flags = IOSQE_IO_LINK;
	sqe[0].len = SENT;
	io_uring_prep_link_timeout(&sqe[1], &ts, 0);
	sqe[1].user_data = NEXT_ID;
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	EXPECT_RESULT(&p->zc, NEXT_ID, -ECANCELED);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * No completion on success: payload is told all the same, and a failure.
 */
TEST_F_TIMEOUT(flags, skip_success, TIMEOUT)
{
	const __u8 skip = IOSQE_CQE_SKIP_SUCCESS;
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, submit_with_next(p, skip | IOSQE_IO_LINK, SENT));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	/* that it has ended, another may tell */
	EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	EXPECT_QUIET(&p->zc);

	/* the end of the stream is told, and what is behind is not */
	ASSERT_EQ(0, submit_with_next(p, skip | IOSQE_IO_LINK, 0));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	EXPECT_QUIET(&p->zc);
}

TEST_F_TIMEOUT(flags, skip_success_is_no_success, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	struct recv_pair *p = &self->p;

	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	sqe.fd = -1;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, p->rx.id, -EBADF);
	sqe.fd = p->rx.sock;
	sqe.ioprio = 0;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, p->rx.id, -EINVAL);
	sqe = recv_sqe(p);
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT));
	ASSERT_EQ(0, recv_pair_rst(p));
	EXPECT_RESULT(&p->zc, p->rx.id, -ECONNRESET);
}

/*
 * Draining: what has to wait for all before it waits for the request, however
 * many completions that had. A small CQ ends some of them with -ENOSPC.
 */
FIXTURE(drain)
{
	struct recv_pair p;
};

FIXTURE_SETUP(drain)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = 512 * PAGE,
		.cq_entries = CQ_ENTRIES,
	};

	stream_init(&stream, 102);
	ASSERT_EQ(0, recv_pair_open(&self->p, &cfg, &stream));
}

FIXTURE_TEARDOWN(drain)
{
	EXPECT_QUIET(&self->p.zc);
	recv_pair_close(&self->p);
}

/* The payload of so many completions. */
static int one_by_one(struct recv_pair *p, unsigned int nr)
{
	int ret = 0;

	while (nr-- && !ret) {
		ret = recv_pair_send(p, 1);
		if (!ret)
			ret = recv_bytes(&p->rx, 1);
	}
	return ret;
}

TEST_F_TIMEOUT(drain, waits_for_the_request, TIMEOUT)
{
	struct io_uring_sqe sqe = nop(IOSQE_IO_DRAIN);
	struct recv_pair *p = &self->p;
	unsigned int before, after;

	for (before = 0; before < 3; before++) {
		for (after = 0; after < 3; after++) {
			const __u32 len = before + after + 1;

			ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, len,
					     p->rx.id));
			ASSERT_EQ(0, one_by_one(p, before));
			ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
			EXPECT_QUIET(&p->zc);
			ASSERT_EQ(0, one_by_one(p, after));
			EXPECT_QUIET(&p->zc);
			ASSERT_EQ(0, one_by_one(p, 1));
			EXPECT_RESULT(&p->zc, p->rx.id, 0);
			EXPECT_RESULT(&p->zc, NEXT_ID, 0);
		}
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* And nothing else: it does not wait for ever. */
TEST_F_TIMEOUT(drain, after_the_request, TIMEOUT)
{
	struct io_uring_sqe sqe = nop(IOSQE_IO_DRAIN);
	struct recv_pair *p = &self->p;
	unsigned int nr;

	for (nr = 1; nr < CQ_ENTRIES; nr++) {
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, nr, p->rx.id));
		ASSERT_EQ(0, one_by_one(p, nr));
		EXPECT_RESULT(&p->zc, p->rx.id, 0);
		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
		EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* The last completion had to wait for room, and was counted once. */
TEST_F_TIMEOUT(drain, after_enospc, TIMEOUT)
{
	struct io_uring_sqe sqe = nop(IOSQE_IO_DRAIN);
	struct recv_pair *p = &self->p;
	union recv_cqe c = {};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, recv_pair_send_there(p, SENT));
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
		ASSERT_EQ(0, recv_until(&p->rx, &c));
		EXPECT_EQ(-ENOSPC, c.cqe.res);
		EXPECT_EQ(p->rx.id, c.cqe.user_data);

		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
		EXPECT_RESULT(&p->zc, NEXT_ID, 0);
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock,
				     p->sent - p->rx.bytes, p->rx.id));
		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
		ASSERT_EQ(0, recv_until(&p->rx, &c));
		EXPECT_EQ(0, c.cqe.res);
		EXPECT_EQ(p->rx.id, c.cqe.user_data);
		EXPECT_EQ(p->sent, p->rx.bytes);
		EXPECT_RESULT(&p->zc, NEXT_ID, 0);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* It is the one that waits, with data in the socket. */
TEST_F_TIMEOUT(drain, makes_the_request_wait, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = {};
	int fd[2];
	char byte;

	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(0, recv_pair_send_there(p, PAGE));
	io_uring_prep_read(&sqe, fd[0], &byte, 1, 0);
	sqe.user_data = NEXT_ID;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	sqe = recv_sqe(p);
	sqe.flags = IOSQE_IO_DRAIN;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, wire_wait_backlog(p->rx.sock, PAGE));
	ASSERT_EQ(1, write(fd[1], "", 1));
	EXPECT_RESULT(&p->zc, NEXT_ID, 1);
	EXPECT_EQ(0, recv_bytes(&p->rx, PAGE));
	EXPECT_EQ(0, recv_pair_drain(p));
	close(fd[0]);
	close(fd[1]);
}

TEST_HARNESS_MAIN
