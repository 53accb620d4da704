// SPDX-License-Identifier: GPL-2.0
/*
 * What a program does to the file under an armed request: the request keeps
 * the socket that it was made on, whatever the number stands for by now, until
 * the connection ends or is shut.
 */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define SENT		(40 * KIB)
#define OTHER_SENT	(30 * KIB)

static struct stream stream, other_stream;

FIXTURE(armed)
{
	struct recv_pair p;
	struct receiver other;	/* of a second connection, on the same ring */
	int other_peer;
};

FIXTURE_SETUP(armed)
{
	struct recv_pair *p = &self->p;
	int fd[2];

	stream_init(&stream, 95);
	stream_init(&other_stream, 96);
	ASSERT_EQ(0, recv_pair_open(p, NULL, &stream));
	ASSERT_EQ(0, recv_connect(fd));
	self->other = p->rx;
	self->other.sock = fd[0];
	self->other.id = 0x07e5;
	self->other.stream = &other_stream;
	self->other_peer = fd[1];
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT / 2));
}

FIXTURE_TEARDOWN(armed)
{
	EXPECT_QUIET(&self->p.zc);
	recv_pair_close(&self->p);
	close(self->other.sock);
	close(self->other_peer);
}

/* The other connection: a request on that file receives what it sends. */
static int receive_other(struct receiver *other, int peer, int fd, __u8 flags)
{
	struct recv_pair pair = { .rx = *other, .peer = peer };
	struct io_uring_sqe sqe = {};
	union recv_cqe c;
	int ret;

	io_uring_prep_recv_zc(&sqe, fd, OTHER_SENT, 0);
	sqe.flags = flags;
	sqe.user_data = other->id;
	ret = recv_pair_send(&pair, OTHER_SENT);
	if (!ret)
		ret = zc_submit(other->zc, &sqe, 1);
	if (!ret)
		ret = recv_until(other, &c);
	if (ret)
		return ret;
	if (c.cqe.user_data != other->id || c.cqe.flags)
		return -EPROTO;
	if (c.cqe.res)
		return c.cqe.res;
	return other->bytes == OTHER_SENT ? 0 : -ENODATA;
}

#define RECEIVE_OTHER(fd, flags)					\
	receive_other(&self->other, self->other_peer, fd, flags)

TEST_F_TIMEOUT(armed, closed, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, close(p->rx.sock));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
	/* the number is nobody's */
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	EXPECT_RESULT(&p->zc, p->rx.id, -EBADF);
}

/* Data that was there, and was not looked at, when it was closed. */
TEST_F_TIMEOUT(armed, closed_over_data, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT / 2));
	ASSERT_EQ(0, close(p->rx.sock));
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* The number is used again at once, for another connection. */
TEST_F_TIMEOUT(armed, dup2_over_it, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(p->rx.sock, dup2(self->other.sock, p->rx.sock));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 4));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT / 4));
	EXPECT_EQ(0, RECEIVE_OTHER(p->rx.sock, 0));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 4));
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F_TIMEOUT(armed, shut_for_reading, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, shutdown(p->rx.sock, SHUT_RD));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	/* so it is for the next, as for recv() */
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
}

/* What came before it comes out, in front of the end. */
TEST_F_TIMEOUT(armed, shut_over_data, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT / 2));
	ASSERT_EQ(0, shutdown(p->rx.sock, SHUT_RD));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT / 2));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
}

TEST_F_TIMEOUT(armed, shut_for_both, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, shutdown(p->rx.sock, SHUT_RDWR));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
}

/* The other direction is not its business. */
TEST_F_TIMEOUT(armed, shut_for_writing, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, shutdown(p->rx.sock, SHUT_WR));
	EXPECT_QUIET(&p->zc);
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
}

/*
 * The socket is a registered file, in slot 0. The other is in slot 1.
 */
FIXTURE(registered)
{
	struct recv_pair p;
	struct receiver other;
	int other_peer;
};

FIXTURE_SETUP(registered)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe;
	int fd[2], files[2];

	stream_init(&stream, 97);
	stream_init(&other_stream, 98);
	ASSERT_EQ(0, recv_pair_open(p, NULL, &stream));
	ASSERT_EQ(0, recv_connect(fd));
	self->other = p->rx;
	self->other.sock = fd[0];
	self->other.id = 0x07e5;
	self->other.stream = &other_stream;
	self->other_peer = fd[1];

	files[0] = p->rx.sock;
	files[1] = fd[0];
	ASSERT_EQ(0, io_uring_register_files(&p->zc.ring, files, 2));
	sqe = recv_sqe(p);
	sqe.fd = 0;
	sqe.flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT / 2));
}

FIXTURE_TEARDOWN(registered)
{
	EXPECT_QUIET(&self->p.zc);
	recv_pair_close(&self->p);
	close(self->other.sock);
	close(self->other_peer);
}

static int set_slot_0(struct zc *zc, int fd)
{
	return io_uring_register_files_update(&zc->ring, 0, &fd, 1);
}

TEST_F_TIMEOUT(registered, number_closed, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, close(p->rx.sock));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F_TIMEOUT(registered, slot_emptied, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(1, set_slot_0(&p->zc, -1));
	EXPECT_EQ(-EBADF, RECEIVE_OTHER(0, IOSQE_FIXED_FILE));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* Nobody has the socket any more but the request. */
TEST_F_TIMEOUT(registered, slot_emptied_and_closed, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT / 4));
	ASSERT_EQ(1, set_slot_0(&p->zc, -1));
	ASSERT_EQ(0, close(p->rx.sock));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT / 4));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 4));
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F_TIMEOUT(registered, slot_replaced, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(1, set_slot_0(&p->zc, self->other.sock));
	EXPECT_EQ(0, RECEIVE_OTHER(0, IOSQE_FIXED_FILE));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
}

/*
 * The whole table: 6.12 waits until no request uses it any more. What is on
 * its way to the request is not held up by that.
 */
TEST_F_TIMEOUT(registered, table_unregistered, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT / 2));
	recv_pair_fin(p);
	ASSERT_EQ(0, io_uring_unregister_files(&p->zc.ring));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT / 2));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	EXPECT_EQ(-EBADF, RECEIVE_OTHER(1, IOSQE_FIXED_FILE));
}

static void nothing(int sig)
{
	(void)sig;
}

/* A request that does not end is no reason to wait for ever. */
TEST_F_TIMEOUT(registered, unregistering_is_interrupted, TIMEOUT)
{
	const struct sigaction action = { .sa_handler = nothing };
	/* more than once, as the first may come before it waits */
	const struct itimerval often = {
		.it_interval.tv_usec = 100000,
		.it_value.tv_usec = 100000,
	};
	const struct itimerval off = {};
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	EXPECT_EQ(-EINTR, io_uring_unregister_files(&p->zc.ring));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &off, NULL));

	/* both slots are as they were */
	EXPECT_EQ(0, RECEIVE_OTHER(1, IOSQE_FIXED_FILE));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
	EXPECT_EQ(0, io_uring_unregister_files(&p->zc.ring));
}

TEST_HARNESS_MAIN
