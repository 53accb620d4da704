// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that are cancelled, each way there is, with nothing on its way or in
 * the midst of a stream; and sockets that go away under a request.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"
#include "lib/nodev.h"
#include "lib/wire.h"

#define TIMEOUT		90
#define MIB		(1024 * 1024ULL)
#define SENT		(64 * 1024)
#define ID		0x123456789aULL
#define CANCEL		0xca
#define SLOT		3

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

FIXTURE(cancel)
{
	struct recv_pair p;
};

/* A way to cancel: what goes into the sqe. */
FIXTURE_VARIANT(cancel)
{
	__u32 flags;
	bool by_user_data;
	bool by_op;
	bool fixed;
	bool counts;	/* the result is how many were cancelled */
};

FIXTURE_VARIANT_ADD(cancel, user_data)
{
	.by_user_data = true,
};

FIXTURE_VARIANT_ADD(cancel, user_data_all)
{
	.flags = IORING_ASYNC_CANCEL_ALL,
	.by_user_data = true,
	.counts = true,
};

FIXTURE_VARIANT_ADD(cancel, fd)
{
	.flags = IORING_ASYNC_CANCEL_FD,
};

FIXTURE_VARIANT_ADD(cancel, fd_all)
{
	.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL,
	.counts = true,
};

FIXTURE_VARIANT_ADD(cancel, fd_fixed)
{
	.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED,
	.fixed = true,
};

FIXTURE_VARIANT_ADD(cancel, any)
{
	.flags = IORING_ASYNC_CANCEL_ANY,
	.counts = true,
};

FIXTURE_VARIANT_ADD(cancel, op)
{
	.flags = IORING_ASYNC_CANCEL_OP,
	.by_op = true,
};

FIXTURE_SETUP(cancel)
{
	stream_init(&stream, 93);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(cancel)
{
	recv_pair_close(&self->p);
}

/* Puts the socket into SLOT of the ring's table. */
static int register_socket(struct recv_pair *p)
{
	int fds[SLOT + 1] = { -1, -1, -1, p->rx.sock };

	return io_uring_register_files(&p->zc.ring, fds, SLOT + 1);
}

TEST_F_TIMEOUT(cancel, one, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = request(p, 0, ID), cancel = {};
	union recv_cqe c;
	bool ended = false, told = false;

	if (variant->fixed) {
		ASSERT_EQ(0, register_socket(p));
		sqe.fd = SLOT;
		sqe.flags = IOSQE_FIXED_FILE;
	}
	ASSERT_EQ(0, recv_pair_send(p, 10000));
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, receive_sent(p));

	io_uring_prep_cancel64(&cancel, variant->by_user_data ? ID : 0,
			       variant->flags);
	cancel.user_data = CANCEL;
	if (variant->flags & IORING_ASYNC_CANCEL_FD)
		cancel.fd = sqe.fd;
	if (variant->by_op)
		cancel.len = IORING_OP_RECV_ZC;
	ASSERT_EQ(0, zc_submit(&p->zc, &cancel, 1));
	/* the two come in any order */
	while (!ended || !told) {
		ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
		EXPECT_EQ(0, c.cqe.flags);
		if (c.cqe.user_data == CANCEL) {
			EXPECT_EQ(variant->counts, c.cqe.res);
			told = true;
			continue;
		}
		EXPECT_EQ(ID, c.cqe.user_data);
		EXPECT_EQ(-ECANCELED, c.cqe.res);
		ended = true;
	}
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_finish(p));
}

TEST(sync_cancel)
{
	struct io_uring_sync_cancel_reg reg = {
		.addr = ID,
		.fd = -1,
		.timeout = { -1, -1 },
	};
	struct io_uring_sqe sqe;
	struct recv_pair p;

	stream_init(&stream, 94);
	ASSERT_EQ(0, recv_pair_open(&p, NULL, &stream));
	EXPECT_EQ(-ENOENT, io_uring_register_sync_cancel(&p.zc.ring, &reg));
	sqe = request(&p, 0, ID);
	ASSERT_EQ(0, zc_submit(&p.zc, &sqe, 1));
	EXPECT_QUIET(&p.zc);
	EXPECT_EQ(0, io_uring_register_sync_cancel(&p.zc.ring, &reg));
	EXPECT_RESULT(&p.zc, ID, -ECANCELED);
	EXPECT_EQ(0, recv_pair_finish(&p));
	recv_pair_close(&p);
}

/*
 * In the midst of a stream, again and again: what comes before a cancellation
 * was delivered, and what comes after it the next request gets.
 */
#define STREAM_LEN	(64 * MIB)

static int cancel_request(struct zc *zc, __u64 id)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&zc->ring);

	io_uring_prep_cancel64(sqe, id, 0);
	/* its own completion is not looked at, where all is well */
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = CANCEL;
	return io_uring_submit(&zc->ring);
}

FIXTURE(stream)
{
	struct zc zc;
	struct wire wire;
	struct nodev nd;
	struct receiver *rx;
};

FIXTURE_VARIANT(stream)
{
	bool nic;
};

FIXTURE_VARIANT_ADD(stream, nic) { .nic = true };
FIXTURE_VARIANT_ADD(stream, nodev) { .nic = false };

FIXTURE_SETUP(stream)
{
	const struct zc_config cfg = { .kind = AREA_USER, .area_len = 8 * MIB };

	stream_init(&stream, 95);
	if (!variant->nic) {
		ASSERT_EQ(0, nodev_open(&self->nd, &cfg, OVER_LOOPBACK,
					&stream, STREAM_LEN, false));
		self->rx = &self->nd.rx;
		return;
	}
	ASSERT_EQ(0, wire_bind(&self->zc, AREA_USER, 8 * MIB));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->nd.rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
	self->rx = &self->nd.rx;
}

FIXTURE_TEARDOWN(stream)
{
	if (!variant->nic) {
		EXPECT_EQ(0, nodev_close(&self->nd));
		return;
	}
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
}

TEST_F_TIMEOUT(stream, cancelled_often, TIMEOUT)
{
	struct receiver *rx = self->rx;
	unsigned int cancelled = 0;
	int ret;

	rx->id = ID;
	do {
		ret = zc_recv(rx->zc, rx->sock, 0, ID);
		ASSERT_EQ(0, ret);
		ret = receive(rx, MIB);
		/* buffers come back, or the copies would run out of them */
		ASSERT_EQ(0, zc_flush(rx->zc));
		if (ret == RECEIVE_MORE) {
			ASSERT_EQ(1, cancel_request(rx->zc, ID));
			ret = receive(rx, STREAM_LEN);
		}
		cancelled += ret == -ECANCELED;
	} while (ret == -ECANCELED || (ret == -ENOMEM && !variant->nic));

	EXPECT_EQ(RECEIVE_END, ret);
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_LT(10, cancelled);
}

/*
 * The file goes, the request has it still
 */
FIXTURE(file)
{
	struct recv_pair p;
};

FIXTURE_SETUP(file)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe;

	stream_init(&stream, 96);
	ASSERT_EQ(0, recv_pair_open(p, NULL, &stream));
	sqe = request(p, 0, ID);
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, 5000));
	ASSERT_EQ(0, receive_sent(p));
}

FIXTURE_TEARDOWN(file)
{
	recv_pair_close(&self->p);
}

static void expect_more_then_end(struct __test_metadata *_metadata,
				 struct recv_pair *p)
{
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	ASSERT_EQ(0, receive_sent(p));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, ID, 0);
	EXPECT_QUIET(&p->zc);
}

TEST_F_TIMEOUT(file, closed, TIMEOUT)
{
	close(self->p.rx.sock);
	expect_more_then_end(_metadata, &self->p);
}

TEST_F_TIMEOUT(file, replaced, TIMEOUT)
{
	ASSERT_EQ(self->p.rx.sock, dup2(STDERR_FILENO, self->p.rx.sock));
	expect_more_then_end(_metadata, &self->p);
}

/* Nothing is received any more, and the request says so. */
TEST_F_TIMEOUT(file, shut, TIMEOUT)
{
	ASSERT_EQ(0, shutdown(self->p.rx.sock, SHUT_RD));
	EXPECT_RESULT(&self->p.zc, ID, 0);
	EXPECT_QUIET(&self->p.zc);
}

TEST_F_TIMEOUT(file, unregistered, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = request(p, 0, ID);
	int none = -1;

	/* another request on the same socket, by its number in the table */
	ASSERT_EQ(0, register_socket(p));
	ASSERT_EQ(1, cancel_request(&p->zc, ID));
	EXPECT_RESULT(&p->zc, ID, -ECANCELED);
	sqe.fd = SLOT;
	sqe.flags = IOSQE_FIXED_FILE;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, 5000));
	ASSERT_EQ(0, receive_sent(p));
	ASSERT_EQ(1, io_uring_register_files_update(&p->zc.ring, SLOT,
						    &none, 1));
	expect_more_then_end(_metadata, p);
}

/* The ring ends with a request in each state. */
TEST_F_TIMEOUT(file, ring_ends, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	const struct io_uring_sqe sqe = request(p, 0, ID + 1);
	char buf[SENT];
	size_t bad;

	/* one armed, one not yet submitted, and data that nobody took */
	ASSERT_EQ(0, recv_pair_send(p, 20000));
	*io_uring_get_sqe(&p->zc.ring) = sqe;
	zc_close(&p->zc);
	ASSERT_EQ(20000, recv(p->rx.sock, buf, 20000, MSG_WAITALL));
	EXPECT_TRUE(stream_check(&stream, 5000, buf, 20000, &bad));
	ASSERT_EQ(0, zc_open(&p->zc, &(struct zc_config) {
			.nodev = true,
			.kind = AREA_USER,
			.area_len = MIB,
		}));
	p->rx.bytes = p->sent;
	EXPECT_EQ(0, recv_pair_finish(p));
}

TEST_HARNESS_MAIN
