// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_RECVSEND_POLL_FIRST, and the same without it: a request finds data or
 * the end of the connection there, or is there before them.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
/* as much as any window lets through */
#define SENT		(40 * KIB)
/* many skbs, however TCP puts them together */
#define SEGMENTS	2000
#define SEGMENT		64
#define ROOM		(16 * KIB * KIB)

static struct stream stream;

FIXTURE(poll)
{
	struct recv_pair p;
};

FIXTURE_VARIANT(poll)
{
	__u16 ioprio;
	__u8 flags;
};

FIXTURE_VARIANT_ADD(poll, first)
{
	.ioprio = IORING_RECVSEND_POLL_FIRST,
};

FIXTURE_VARIANT_ADD(poll, later) { };

FIXTURE_VARIANT_ADD(poll, first_by_worker)
{
	.ioprio = IORING_RECVSEND_POLL_FIRST,
	.flags = IOSQE_ASYNC,
};

FIXTURE_VARIANT_ADD(poll, by_worker)
{
	.flags = IOSQE_ASYNC,
};

FIXTURE_SETUP(poll)
{
	stream_init(&stream, 86);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(poll)
{
	recv_pair_close(&self->p);
}

static int arm(struct recv_pair *p, __u16 ioprio, __u8 flags, __u32 len)
{
	struct io_uring_sqe sqe = recv_sqe(p);

	sqe.ioprio |= ioprio;
	sqe.flags |= flags;
	sqe.len = len;
	return zc_submit(&p->zc, &sqe, 1);
}

#define ARM(len)	arm(&self->p, variant->ioprio, variant->flags, len)

/* The next completion that is no payload is the request's last. */
#define EXPECT_END(p, result)						\
	do {								\
		struct recv_pair *__p = (p);				\
		union recv_cqe __last = {};				\
									\
		EXPECT_EQ(0, recv_until(&__p->rx, &__last));		\
		EXPECT_EQ(__p->rx.id, __last.cqe.user_data);		\
		EXPECT_EQ(result, __last.cqe.res);			\
		EXPECT_EQ(0, __last.cqe.flags);				\
		EXPECT_EQ(__p->sent, __p->rx.bytes);			\
		EXPECT_QUIET(&__p->zc);					\
	} while (0)

TEST_F_TIMEOUT(poll, data_there, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	ASSERT_EQ(0, ARM(0));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F_TIMEOUT(poll, data_later, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int i;

	ASSERT_EQ(0, ARM(0));
	EXPECT_QUIET(&p->zc);
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, recv_pair_send(p, SENT / 5));
		EXPECT_EQ(0, recv_bytes(&p->rx, SENT / 5));
		EXPECT_QUIET(&p->zc);
	}
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* Some of it is there, and the rest comes to the same request. */
TEST_F_TIMEOUT(poll, data_there_and_later, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, 1));
	ASSERT_EQ(0, ARM(0));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT + 1));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* A limit that is reached, and a request after it. */
TEST_F_TIMEOUT(poll, limited, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	union recv_cqe c = {};
	unsigned int i;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, ARM(SENT / 4));
		ASSERT_EQ(0, recv_until(&p->rx, &c));
		EXPECT_EQ(0, c.cqe.res);
		EXPECT_EQ(0, c.cqe.flags);
		EXPECT_EQ(i * (SENT / 4), p->rx.bytes);
		EXPECT_QUIET(&p->zc);
	}
	recv_pair_fin(p);
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(p, 0);
}

/*
 * A socket that is ready once all of a message has come is not for what one pass of
 * a request leaves: more segments than it takes.
 */
TEST_F_TIMEOUT(poll, low_water, TIMEOUT)
{
	const int yes = 1, room = ROOM, message = SEGMENTS * SEGMENT;
	struct recv_pair *p = &self->p;
	unsigned int i, there;

	ASSERT_EQ(0, setsockopt(p->peer, IPPROTO_TCP, TCP_NODELAY, &yes,
				sizeof(yes)));
	/* or it is ready before, as there will be no more */
	ASSERT_EQ(0, setsockopt(p->rx.sock, SOL_SOCKET, SO_RCVBUFFORCE, &room,
				sizeof(room)));
	ASSERT_EQ(0, setsockopt(p->rx.sock, SOL_SOCKET, SO_RCVLOWAT, &message,
				sizeof(message)));
	for (there = 0; there < 2; there++) {
		if (!there)
			ASSERT_EQ(0, ARM(message));
		for (i = 0; i < SEGMENTS; i++)
			ASSERT_EQ(0, recv_pair_send(p, SEGMENT));
		if (there)
			ASSERT_EQ(0, ARM(message));
		EXPECT_EQ(0, recv_bytes(&p->rx, message));
		EXPECT_RESULT(&p->zc, p->rx.id, 0);
	}
	EXPECT_QUIET(&p->zc);
}

TEST_F_TIMEOUT(poll, fin_there, TIMEOUT)
{
	recv_pair_fin(&self->p);
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
	/* and the next is told the same */
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
}

TEST_F_TIMEOUT(poll, data_and_fin_there, TIMEOUT)
{
	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	recv_pair_fin(&self->p);
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
}

TEST_F_TIMEOUT(poll, fin_later, TIMEOUT)
{
	ASSERT_EQ(0, ARM(0));
	EXPECT_QUIET(&self->p.zc);
	recv_pair_fin(&self->p);
	EXPECT_END(&self->p, 0);
}

/* As with recv(): the reset is told once, and then it is the end. */
TEST_F_TIMEOUT(poll, rst_there, TIMEOUT)
{
	ASSERT_EQ(0, recv_pair_rst(&self->p));
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, -ECONNRESET);
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
}

TEST_F_TIMEOUT(poll, rst_later, TIMEOUT)
{
	ASSERT_EQ(0, ARM(0));
	EXPECT_QUIET(&self->p.zc);
	ASSERT_EQ(0, recv_pair_rst(&self->p));
	EXPECT_END(&self->p, -ECONNRESET);
}

/* What had come before the reset is not lost by it. */
TEST_F_TIMEOUT(poll, data_and_rst_there, TIMEOUT)
{
	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	ASSERT_EQ(0, recv_pair_rst(&self->p));
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, -ECONNRESET);
}

/* The end of the stream was told, so the reset after it is none. */
TEST_F_TIMEOUT(poll, fin_and_rst_there, TIMEOUT)
{
	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	recv_pair_fin(&self->p);
	ASSERT_EQ(0, recv_pair_rst(&self->p));
	ASSERT_EQ(0, ARM(0));
	EXPECT_END(&self->p, 0);
}

TEST_HARNESS_MAIN
