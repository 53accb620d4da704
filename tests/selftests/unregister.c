// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_CTRL_UNREGISTER: the ring lets go of an ifq and goes on. Its requests end,
 * those of others do not; what is held stays as it is; the queue is the NIC's
 * again, and a notice comes when nothing is left.
 */
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/pins.h"
#include "lib/recv.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define AREA_LEN	(4 * MIB)
#define STREAM_LEN	(8 * MIB)
#define NOTICE		0x90e
#define OTHER		0x07e4
#define HELD		16

static struct stream stream;

/*
 * Without a NIC: requests and ids
 */
FIXTURE(requests)
{
	struct recv_pair pair;
};

FIXTURE_SETUP(requests)
{
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 82);
	ASSERT_EQ(0, recv_pair_open(&self->pair, NULL, &stream));
}

FIXTURE_TEARDOWN(requests)
{
	recv_pair_close(&self->pair);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

static int leave(struct zc *zc, __u32 id, struct zcrx_ctrl_leave leave)
{
	struct zcrx_ext_ctrl ctrl = {
		.zcrx_id = id,
		.op = ZCRX_CTRL_UNREGISTER,
		.zc_leave = leave,
	};

	return io_uring_register(zc->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL,
				 &ctrl, 0);
}

TEST_F(requests, refused)
{
	struct zc *zc = &self->pair.zc;
	struct zcrx_ctrl_leave none = {};
	unsigned int i;

	for (i = 1; i < 32; i++)
		EXPECT_EQ(-EINVAL, leave(zc, 0, (struct zcrx_ctrl_leave) {
			.flags = 1U << i }));
	for (i = 0; i < ARRAY_SIZE(none.__resv); i++) {
		struct zcrx_ctrl_leave bad = {};

		bad.__resv[i] = 1;
		EXPECT_EQ(-EINVAL, leave(zc, 0, bad));
	}
	EXPECT_EQ(-EINVAL, leave(zc, 0, (struct zcrx_ctrl_leave) {
		.area_token = 1 }));
	EXPECT_EQ(-EINVAL, leave(zc, 0, (struct zcrx_ctrl_leave) {
		.user_data = 1 }));
	EXPECT_EQ(-ENXIO, leave(zc, 1, none));
	EXPECT_EQ(-ENXIO, leave(zc, UINT32_MAX, none));

	/* nothing of that did anything */
	ASSERT_EQ(0, recv_pair_send(&self->pair, MIB));
	EXPECT_EQ(0, recv_pair_finish(&self->pair));
	EXPECT_EQ(0, leave(zc, 0, none));
	EXPECT_EQ(-ENXIO, leave(zc, 0, none));
	EXPECT_QUIET(zc);
}

/* Armed, between two looks at its socket, and not started yet. */
TEST_F(requests, end)
{
	struct recv_pair *p = &self->pair;
	struct zc *zc = &p->zc;
	struct io_uring_sqe sqe[3] = {};
	int pipefd[2];
	char byte;

	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(0, zc_recv(zc, p->rx.sock, 0, p->rx.id));
	ASSERT_EQ(0, recv_pair_send_there(p, 3 * PAGE));
	io_uring_prep_read(&sqe[0], pipefd[0], &byte, 1, 0);
	sqe[0].flags = IOSQE_IO_LINK;
	sqe[0].user_data = OTHER;
	sqe[1] = recv_sqe(p);
	sqe[1].flags |= IOSQE_IO_HARDLINK;
	sqe[1].user_data = OTHER + 1;
	sqe[2] = recv_sqe(p);
	sqe[2].ioprio |= IORING_RECVSEND_POLL_FIRST;
	sqe[2].user_data = OTHER + 2;
	ASSERT_EQ(0, zc_submit(zc, sqe, 3));
	ASSERT_EQ(0, recv_bytes(&p->rx, 3 * PAGE));

	ASSERT_EQ(0, zc_unregister(zc, 0));
	EXPECT_RESULT(zc, p->rx.id, -ECANCELED);
	/* its id is another's by then */
	ASSERT_EQ(0, zc_register_again(zc));
	ASSERT_EQ(0, zc->reg.ifq.zcrx_id);
	ASSERT_EQ(1, write(pipefd[1], "", 1));
	EXPECT_RESULT(zc, OTHER, 1);
	EXPECT_RESULT(zc, OTHER + 1, -ECANCELED);
	EXPECT_RESULT(zc, OTHER + 2, -ECANCELED);
	/* a new one does not find it either */
	ASSERT_EQ(0, zc_unregister(zc, 0));
	sqe[0] = recv_sqe(p);
	ASSERT_EQ(0, zc_submit(zc, sqe, 1));
	EXPECT_RESULT(zc, p->rx.id, -EINVAL);
	EXPECT_QUIET(zc);
	close(pipefd[0]);
	close(pipefd[1]);
}

/* A program that was told that all has gone hears of no request of its any more. */
TEST_F(requests, notice_is_last)
{
	struct __kernel_timespec never = { .tv_sec = 3600 };
	struct recv_pair *p = &self->pair;
	struct zc *zc = &p->zc;
	struct io_uring_sqe sqe[3] = { recv_sqe(p) };

	sqe[0].flags |= IOSQE_IO_LINK;
	io_uring_prep_link_timeout(&sqe[1], &never, 0);
	sqe[1].flags |= IOSQE_IO_LINK;
	sqe[1].user_data = OTHER;
	io_uring_prep_nop(&sqe[2]);
	sqe[2].user_data = OTHER + 1;
	ASSERT_EQ(0, zc_submit(zc, sqe, ARRAY_SIZE(sqe)));
	ASSERT_EQ(0, zc_unregister(zc, NOTICE));
	/* all is there before the ring is looked at */
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_RESULT(zc, p->rx.id, -ECANCELED);
	EXPECT_RESULT(zc, OTHER, -ECANCELED);
	EXPECT_RESULT(zc, OTHER + 1, -ECANCELED);
	EXPECT_RESULT(zc, NOTICE, 0);
	EXPECT_QUIET(zc);
}

/* By the id of an import they go on, and so do its events. */
TEST_F(requests, of_another_id_go_on)
{
	struct recv_pair *p = &self->pair;
	struct zc *zc = &p->zc;
	struct io_uring_zcrx_ifq_reg import;
	struct io_uring_sqe sqe;
	int fd[2];

	ASSERT_EQ(0, recv_connect(fd));
	import = (struct io_uring_zcrx_ifq_reg) {
		.flags = ZCRX_REG_IMPORT,
		.if_idx = zc_export(zc),
	};
	ASSERT_LE(0, (int)import.if_idx);
	ASSERT_EQ(0, io_uring_register_ifq(&zc->ring, &import));
	close(import.if_idx);
	ASSERT_EQ(1, import.zcrx_id);

	sqe = recv_sqe(p);
	io_uring_prep_recv_zc(&sqe, fd[0], 0, 0);
	sqe.user_data = OTHER;
	ASSERT_EQ(0, zc_submit(zc, &sqe, 1));
	io_uring_prep_recv_zc(&sqe, p->rx.sock, 0, import.zcrx_id);
	sqe.user_data = p->rx.id;
	ASSERT_EQ(0, zc_submit(zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send(p, MIB / 2));
	ASSERT_EQ(0, recv_bytes(&p->rx, MIB / 2));

	ASSERT_EQ(0, zc_unregister(zc, NOTICE));
	EXPECT_RESULT(zc, OTHER, -ECANCELED);
	zc->reg.ifq.zcrx_id = import.zcrx_id;
	ASSERT_EQ(0, recv_pair_send(p, MIB / 2));
	EXPECT_EQ(0, recv_pair_drain(p));
	EXPECT_EQ(0, zc_flush(zc));
	/* it has not gone as long as it has an id */
	EXPECT_QUIET(zc);
	ASSERT_EQ(0, zc_unregister(zc, 0));
	EXPECT_RESULT(zc, NOTICE, 0);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	close(fd[0]);
	close(fd[1]);
}

/* A ring without a task has nobody to post it. */
TEST_F(requests, no_notice_before_enabled)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32,
	};
	struct io_uring_zcrx_ifq_reg import = {
		.flags = ZCRX_REG_IMPORT,
		.if_idx = zc_export(&self->pair.zc),
	};
	__u32 head = 0, tail = 0;
	struct zc other = {
		.rq = { .khead = &head, .ktail = &tail },
	};

	ASSERT_EQ(0, io_uring_queue_init_params(8, &other.ring, &params));
	ASSERT_EQ(0, io_uring_register_ifq(&other.ring, &import));
	close(import.if_idx);
	EXPECT_EQ(-EBADFD, zc_unregister(&other, NOTICE));
	EXPECT_EQ(0, io_uring_enable_rings(&other.ring));
	EXPECT_EQ(0, zc_unregister(&other, NOTICE));
	EXPECT_QUIET(&other);
	EXPECT_EQ(0, zc_unregister(&self->pair.zc, 0));
	EXPECT_RESULT(&other, NOTICE, 0);
	io_uring_queue_exit(&other.ring);
}

/*
 * With a NIC, under traffic
 */
FIXTURE(bound)
{
	unsigned int ifindex;
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(bound)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(bound, user) { AREA_USER };
FIXTURE_VARIANT_ADD(bound, udmabuf) { AREA_UDMABUF };
FIXTURE_VARIANT_ADD(bound, heap) { AREA_HEAP };

FIXTURE_SETUP(bound)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 83);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       true));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(bound)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* What is held is read again, after other traffic came by the queue. */
TEST_F_TIMEOUT(bound, and_again, TIMEOUT)
{
	struct receiver *rx = &self->rx;
	struct zc *zc = &self->zc;
	union recv_cqe held[HELD], c;
	const char *failed;
	struct area other;
	struct wire again;
	__u64 came = 0, off = 0;
	size_t bad;
	int i, ret;

	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	for (i = 0; i < HELD; i++) {
		ASSERT_EQ(0, recv_next(zc, &held[i], WIRE_PATIENCE_MS));
		rx->bytes += held[i].cqe.res;
	}
	ASSERT_EQ(RECEIVE_MORE, receive(rx, MIB));
	/* what the socket has will be the last to go */
	ASSERT_EQ(0, wire_wait_backlog(rx->sock, PAGE));
	ASSERT_EQ(0, zc_unregister(zc, NOTICE));

	/* what was posted before, and then the end of the request */
	do {
		ASSERT_EQ(0, recv_next(zc, &c, WIRE_PATIENCE_MS));
		ret = c.cqe.flags & IORING_CQE_F_MORE ? 0 : c.cqe.res;
	} while (!ret);
	EXPECT_EQ(-ECANCELED, ret);
	/* the queue takes part again, while the socket has payload */
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_EQ(0, recv_next(zc, &c, WIRE_PATIENCE_MS));
	EXPECT_EQ(NOTICE, c.cqe.user_data);
	EXPECT_EQ(0, c.cqe.res);
	if (variant->kind == AREA_USER)
		EXPECT_EQ(0, pins_now());

	/* the same ring, another ifq in memory of its own */
	ASSERT_EQ(0, area_open(&other, variant->kind, AREA_LEN, &failed));
	area_describe(&other, &zc->reg.area);
	ASSERT_EQ(0, zc_register_again(zc));
	EXPECT_EQ(0, zc->reg.ifq.zcrx_id);
	ASSERT_EQ(0, wire_open(&again, WIRE_V4, &stream, MIB, true));
	ASSERT_EQ(0, zc_recv(zc, again.sock, 0, rx->id));
	do {
		ASSERT_EQ(0, recv_next(zc, &c, WIRE_PATIENCE_MS));
		came += c.cqe.res;
	} while (c.cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(0, c.cqe.res);
	EXPECT_EQ(MIB, came);
	EXPECT_EQ(0, wire_close(&again));
	area_close(&other);

	for (i = 0; i < HELD; i++) {
		EXPECT_TRUE(stream_check(&stream, off,
					 zc_data(zc, &held[i].cqe),
					 held[i].cqe.res, &bad));
		off += held[i].cqe.res;
	}
}

/* The ring ends before what it let go of has gone. */
TEST_F_TIMEOUT(bound, ring_ends_first, TIMEOUT)
{
	struct receiver *rx = &self->rx;
	struct zc *zc = &self->zc;

	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	ASSERT_EQ(RECEIVE_MORE, receive(rx, MIB));
	ASSERT_EQ(0, wire_wait_backlog(rx->sock, PAGE));
	ASSERT_EQ(0, zc_unregister(zc, NOTICE));
	io_uring_queue_exit(&zc->ring);
	/* for what closes it */
	ASSERT_EQ(0, zc_ring_open(&zc->ring, 64));
	if (variant->kind == AREA_USER)
		EXPECT_LT(0, pins_now());
	EXPECT_EQ(0, wire_close(&self->wire));
	if (variant->kind == AREA_USER)
		EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_HARNESS_MAIN
