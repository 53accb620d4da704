// SPDX-License-Identifier: GPL-2.0
/*
 * One ifq, several rings: each receives its own connection into the same area,
 * any of them may leave, and the queue is given back when the last ring and
 * the last file descriptor are gone, and no earlier.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/pins.h"
#include "lib/share.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define PAGE		4096
/* Enough for what a socket takes while nobody reads it: 6 MiB of memory. */
#define AREA_LEN	(16 * MIB)
/* Five times what goes into the area: a packet has 1448 bytes in a page. */
#define STREAM_LEN	(32ULL * MIB)
/* More than anybody waits for. */
#define ENDLESS		(1024ULL * 1024 * MIB)
#define BACKLOG		(64 * 1024)

static struct stream stream[2];

/* Two rings of one process, and the file descriptor that made the second. */
FIXTURE(rings)
{
	struct share *share;
	struct side side[3];	/* who registered, who imports, a third */
	int fd;
	struct wire wire[2];
	struct receiver rx[2];
};

FIXTURE_VARIANT(rings)
{
	enum area_kind kind;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(rings, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(rings, udmabuf_kernel_rq)
{
	.kind = AREA_UDMABUF,
	.kernel_rq = true,
};

FIXTURE_SETUP(rings)
{
	ASSERT_EQ(0, share_wait_free());
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream[0], 31);
	stream_init(&stream[1], 32);
	ASSERT_EQ(0, share_open(&self->share, variant->kind, AREA_LEN,
				variant->kernel_rq));
	ASSERT_EQ(0, side_register(&self->side[0], self->share));
	self->fd = side_export(&self->side[0]);
}

/* A test may have ended with anything open. */
FIXTURE_TEARDOWN(rings)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		side_close(&self->side[i]);
	if (self->fd >= 0)
		close(self->fd);
	share_close(self->share);
	EXPECT_EQ(0, share_wait_free());
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* The second ring gets the ifq, as its first. */
static void import(struct __test_metadata *_metadata,
		   FIXTURE_DATA(rings) *self)
{
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, side_import(&self->side[1], self->share, self->fd));
	EXPECT_EQ(0, self->side[1].zc.reg.ifq.zcrx_id);
}

/* The only file descriptor: from now on the rings hold the ifq. */
static void close_fd(struct __test_metadata *_metadata,
		     FIXTURE_DATA(rings) *self)
{
	EXPECT_EQ(0, close(self->fd));
	self->fd = -1;
}

/* A connection, to be received by a side. One that is endless may break. */
static void connect_to(struct __test_metadata *_metadata,
		       FIXTURE_DATA(rings) *self, unsigned int side,
		       unsigned int conn, __u64 len)
{
	ASSERT_EQ(0, wire_open(&self->wire[conn], conn ? WIRE_V6 : WIRE_V4,
			       &stream[conn], len, len == ENDLESS));
	self->rx[conn] = (struct receiver) {
		.zc = &self->side[side].zc,
		.sock = self->wire[conn].sock,
		.stream = &stream[conn],
	};
}

/*
 * Receives so much that the request ends, so that the ring can go and nothing
 * gets lost; more is waiting in the socket then.
 */
static void receive_some(struct __test_metadata *_metadata,
			 FIXTURE_DATA(rings) *self, unsigned int side,
			 unsigned int conn)
{
	struct receiver *rx = &self->rx[conn];

	ASSERT_EQ(0, zc_recv(rx->zc, rx->sock, SHARE_SOME, 0));
	ASSERT_EQ(RECEIVE_END, side_receive(&self->side[side], rx, ENDLESS));
	ASSERT_EQ(SHARE_SOME, rx->bytes);
	ASSERT_EQ(0, wire_wait_backlog(rx->sock, BACKLOG));
}

/* Goes on with a stream to its end, on another ring maybe. */
static void receive_rest(struct __test_metadata *_metadata,
			 FIXTURE_DATA(rings) *self, unsigned int side,
			 unsigned int conn)
{
	struct receiver *rx = &self->rx[conn];

	rx->zc = &self->side[side].zc;
	ASSERT_EQ(RECEIVE_END, side_receive_all(&self->side[side], rx));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(0, wire_close(&self->wire[conn]));
}

/*
 * Takes turns until one stream has ended. None of the two waits for the other:
 * what it does not read might be all of the area.
 */
static int receive_both(struct side *side, struct receiver *rx)
{
	const unsigned int turn_ms = 10;
	unsigned int idle_ms = 0, i;

	while (!rx[0].ended && !rx[1].ended) {
		__u64 before = rx[0].bytes + rx[1].bytes;

		for (i = 0; i < 2; i++) {
			int ret = side_round(&side[i], &rx[i], turn_ms);

			if (ret && ret != -ETIME)
				return ret;
		}
		idle_ms += turn_ms;
		if (rx[0].bytes + rx[1].bytes != before)
			idle_ms = 0;
		if (idle_ms > WIRE_PATIENCE_MS)
			return -ETIME;
	}
	return 0;
}

TEST_F_TIMEOUT(rings, both_receive, TIMEOUT)
{
	struct receiver *rx = self->rx;
	unsigned int i;

	import(_metadata, self);
	connect_to(_metadata, self, 0, 0, STREAM_LEN);
	connect_to(_metadata, self, 1, 1, STREAM_LEN);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, zc_recv(rx[i].zc, rx[i].sock, 0, 0));
	ASSERT_EQ(0, receive_both(self->side, rx));
	/* they did so at the same time */
	EXPECT_LT(SHARE_SOME, rx[0].bytes);
	EXPECT_LT(SHARE_SOME, rx[1].bytes);
	for (i = 0; i < 2; i++) {
		if (!rx[i].ended)
			EXPECT_EQ(RECEIVE_END, side_receive(&self->side[i],
							    &rx[i], ENDLESS));
		EXPECT_EQ(0, rx[i].result);
		EXPECT_EQ(STREAM_LEN, rx[i].bytes);
	}
	/* it is one ifq: each ring tells of all of it */
	for (i = 0; i < 2; i++) {
		EXPECT_ZERO_COPY(&self->side[i].zc, 2 * STREAM_LEN);
		EXPECT_EQ(rx[0].cqes + rx[1].cqes,
			  zc_fdinfo(&self->side[i].zc, "cqes"));
		EXPECT_EQ(0, wire_close(&self->wire[i]));
	}
	/* nobody has bound the queue a second time */
	close_fd(_metadata, self);
	EXPECT_EQ(0, side_close_wait(&self->side[1]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	EXPECT_EQ(0, side_close_wait(&self->side[0]));
	EXPECT_EQ(0, share_wait_free());
}

/* Is in the buffers what they were handed out with: the stream's beginning? */
static bool still_right(const struct hold *hold, const struct area *area,
			const struct stream *stream)
{
	__u64 at = 0;
	unsigned int i;
	size_t bad;

	for (i = 0; i < hold->nr; i++) {
		const struct io_uring_zcrx_rqe *rqe = &hold->rqe[i];

		if (!stream_check(stream, at, area->base +
				  (rqe->off & ~IORING_ZCRX_AREA_MASK),
				  rqe->len, &bad))
			return false;
		at += rqe->len;
	}
	return at == SHARE_SOME;
}

/*
 * One of the rings leaves. The other goes on with the very socket, and not a
 * byte is lost. Buffers that the first was given stay the application's, until
 * it gives them back: there is but one refill ring.
 */
static void leave(struct __test_metadata *_metadata, FIXTURE_DATA(rings) *self,
		  unsigned int leaver)
{
	unsigned int stayer = !leaver;
	struct hold hold = { };

	import(_metadata, self);
	close_fd(_metadata, self);
	connect_to(_metadata, self, leaver, 0, STREAM_LEN);
	self->rx[0].keep = true;
	self->rx[0].hold = &hold;
	receive_some(_metadata, self, leaver, 0);
	self->rx[0].keep = false;

	ASSERT_EQ(0, side_close_wait(&self->side[leaver]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	EXPECT_LE(AREA_LEN / PAGE, pins_now());

	receive_rest(_metadata, self, stayer, 0);
	EXPECT_TRUE(still_right(&hold, &self->share->area, &stream[0]));
	EXPECT_LE(SHARE_SOME / PAGE,
		  zc_fdinfo(&self->side[stayer].zc, "held"));

	hold_release(&hold, &self->side[stayer].zc);
	connect_to(_metadata, self, stayer, 1, STREAM_LEN);
	receive_rest(_metadata, self, stayer, 1);
	EXPECT_ZERO_COPY(&self->side[stayer].zc, 2 * STREAM_LEN);
}

TEST_F_TIMEOUT(rings, exporter_leaves, TIMEOUT)
{
	leave(_metadata, self, 0);
}

TEST_F_TIMEOUT(rings, importer_leaves, TIMEOUT)
{
	leave(_metadata, self, 1);
}

/*
 * Both rings leave. A third that imports what the file descriptor kept goes on
 * with what is in the socket.
 */
TEST_F_TIMEOUT(rings, fd_outlives_rings, TIMEOUT)
{
	unsigned int i;

	import(_metadata, self);
	connect_to(_metadata, self, 0, 0, STREAM_LEN);
	connect_to(_metadata, self, 1, 1, ENDLESS);
	receive_some(_metadata, self, 0, 0);
	receive_some(_metadata, self, 1, 1);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, side_close_wait(&self->side[i]));
	EXPECT_EQ(0, wire_close(&self->wire[1]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	EXPECT_LE(AREA_LEN / PAGE, pins_now());

	ASSERT_EQ(0, side_import(&self->side[2], self->share, self->fd));
	EXPECT_EQ(0, self->side[2].zc.reg.ifq.zcrx_id);
	close_fd(_metadata, self);
	receive_rest(_metadata, self, 2, 0);
	EXPECT_ZERO_COPY(&self->side[2].zc, STREAM_LEN + SHARE_SOME);
}

/* The last file descriptor was the last to hold it. */
TEST_F_TIMEOUT(rings, fd_is_last, TIMEOUT)
{
	unsigned int i;

	import(_metadata, self);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, side_close_wait(&self->side[i]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	close_fd(_metadata, self);
	EXPECT_EQ(0, share_wait_free());
}

/* Several file descriptors of one ifq, and several ids on one ring. */
TEST_F_TIMEOUT(rings, twice, TIMEOUT)
{
	struct side *side = &self->side[1];
	struct io_uring_cqe *cqe;
	int fd[2];

	import(_metadata, self);
	/* of either ring */
	fd[0] = side_export(&self->side[0]);
	fd[1] = side_export(side);
	ASSERT_LE(0, fd[0]);
	ASSERT_LE(0, fd[1]);
	EXPECT_NE(self->fd, fd[0]);
	EXPECT_NE(self->fd, fd[1]);
	EXPECT_NE(fd[0], fd[1]);
	close_fd(_metadata, self);
	EXPECT_EQ(0, close(fd[0]));
	ASSERT_EQ(0, side_close_wait(&self->side[0]));
	EXPECT_EQ(1, side_import_again(side, fd[1]));
	EXPECT_EQ(0, close(fd[1]));

	connect_to(_metadata, self, 1, 0, STREAM_LEN);
	receive_some(_metadata, self, 1, 0);

	/* there are no more than two */
	side->zc.reg.ifq.zcrx_id = 2;
	ASSERT_EQ(0, zc_recv(&side->zc, self->rx[0].sock, 0, 0));
	ASSERT_EQ(0, zc_wait(&side->zc, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, io_uring_peek_cqe(&side->zc.ring, &cqe));
	EXPECT_EQ(-EINVAL, cqe->res);
	EXPECT_EQ(0, cqe->flags & IORING_CQE_F_MORE);
	io_uring_cqe_seen(&side->zc.ring, cqe);

	side->zc.reg.ifq.zcrx_id = 1;
	receive_rest(_metadata, self, 1, 0);
	/* told once for each id */
	EXPECT_ZERO_COPY(&side->zc, 2 * STREAM_LEN);
}

/*
 * The refill ring that the kernel allocated for who registered: mapped by the
 * importer through its own ring, under its own id, and used when nobody else is
 * there any more.
 */
/*
 * Who registered may lock as much as it likes. That is not for the other: what
 * it pins it pays for. The pages of a dma-buf are its exporter's.
 */
TEST_F_TIMEOUT(rings, importer_pays, TIMEOUT)
{
	const int refused = variant->kind == AREA_USER ? -ENOMEM : 0;
	struct side *side = &self->side[1];
	struct area more, page;
	struct rlimit limit;
	const char *failed;

	ASSERT_EQ(0, area_open(&more, variant->kind, MIB, &failed));
	ASSERT_EQ(0, area_open(&page, variant->kind, PAGE, &failed));
	ASSERT_EQ(0, caps_drop(CAP_IPC_LOCK));
	import(_metadata, self);

	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &limit));
	if (variant->kind == AREA_USER) {
		limit.rlim_cur = MIB - PAGE;
		ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
		EXPECT_EQ(-ENOMEM, zc_add_area(&side->zc, &more, NULL));
	}
	limit.rlim_cur = MIB;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_EQ(0, zc_add_area(&side->zc, &more, NULL));
	EXPECT_EQ(refused, zc_add_area(&side->zc, &page, NULL));
	/* and the first still does not */
	if (variant->kind == AREA_USER)
		EXPECT_EQ(0, zc_add_area(&self->side[0].zc, &page, NULL));

	area_close(&page);
	area_close(&more);
}

TEST_F_TIMEOUT(rings, maps_refill_ring, TIMEOUT)
{
	struct side *side = &self->side[1];
	void *region;

	import(_metadata, self);
	EXPECT_EQ(MAP_FAILED, side_map(side, 1));
	EXPECT_EQ(1, side_import_again(side, self->fd));
	close_fd(_metadata, self);
	region = side_map(side, 1);
	if (!variant->kernel_rq) {
		EXPECT_EQ(MAP_FAILED, region);
		return;
	}
	ASSERT_NE(MAP_FAILED, region);
	EXPECT_EQ(0, munmap(side->region, self->share->region_len));
	side->region = region;
	ASSERT_EQ(0, side_close_wait(&self->side[0]));

	connect_to(_metadata, self, 1, 0, STREAM_LEN);
	receive_rest(_metadata, self, 1, 0);
	EXPECT_SHARE_CLEAN(side);
	/* the kernel took buffers from there */
	EXPECT_LT(AREA_LEN / PAGE,
		  *(__u32 *)(region + self->share->at.head));
}

/*
 * A child has the file descriptor as well. What it holds, it holds when its
 * parent does not any more.
 */
static int import_in_child(FIXTURE_DATA(rings) *self, int ctl)
{
	struct side *side = &self->side[2];
	struct receiver rx = { .zc = &side->zc, .stream = &stream[0] };
	struct wire wire;

	/* no more than the file descriptor */
	close(self->side[0].zc.ring.ring_fd);
	close(self->side[1].zc.ring.ring_fd);
	if (tell(ctl, 'r', -1) || hear(ctl, 'c'))
		return 1;
	if (side_import(side, self->share, self->fd))
		return 2;
	close(self->fd);
	if (wire_open(&wire, WIRE_V4, &stream[0], STREAM_LEN, false))
		return 3;
	rx.sock = wire.sock;
	if (side_receive_all(side, &rx) != RECEIVE_END ||
	    rx.bytes != STREAM_LEN)
		return 4;
	if (zc_fdinfo(&side->zc, "copied"))
		return 5;
	return wire_close(&wire) ? 6 : 0;
}

TEST_F_TIMEOUT(rings, fork, TIMEOUT)
{
	int ctl[2];
	pid_t child;

	import(_metadata, self);
	ASSERT_EQ(0, talk_open(ctl));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(ctl[0]);
		_exit(import_in_child(self, ctl[1]));
	}
	close(ctl[1]);
	EXPECT_EQ(0, hear(ctl[0], 'r'));
	close_fd(_metadata, self);
	EXPECT_EQ(0, side_close_wait(&self->side[1]));
	EXPECT_EQ(0, side_close_wait(&self->side[0]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	EXPECT_EQ(0, tell(ctl[0], 'c', -1));
	EXPECT_EQ(0, peer_wait(child));
	EXPECT_EQ(0, share_wait_free());
}

/*
 * Another program does not have it. It tells that by 'c', and stays until its
 * input ends.
 */
static void run_program(int zcrx_fd, int ctl)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", zcrx_fd);
	if (dup2(ctl, 0) == 0 && dup2(ctl, 1) == 1)
		execlp("sh", "sh", "-c",
		       "if [ -L /proc/$$/fd/$0 ]; then echo o; else echo c; fi; exec cat >/dev/null",
		       number, NULL);
	_exit(99);
}

TEST_F_TIMEOUT(rings, exec, TIMEOUT)
{
	int ctl[2], status;
	pid_t child;

	import(_metadata, self);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
	ASSERT_EQ(0, talk_open(ctl));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		run_program(self->fd, ctl[1]);
	close(ctl[1]);
	EXPECT_EQ(0, hear(ctl[0], 'c'));
	EXPECT_EQ(0, side_close_wait(&self->side[1]));
	EXPECT_EQ(0, side_close_wait(&self->side[0]));
	EXPECT_EQ(QUEUE_IO_URING, share_provider());
	close_fd(_metadata, self);
	EXPECT_EQ(0, share_wait_free());
	/* and that was not since it has ended */
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	close(ctl[0]);
	EXPECT_EQ(0, peer_wait(child));
}

TEST_HARNESS_MAIN
