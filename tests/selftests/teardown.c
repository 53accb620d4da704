// SPDX-License-Identifier: GPL-2.0
/*
 * The ring goes away while a stream comes in, in each way a ring can go. Then
 * the queue is an ordinary one again, nothing is left pinned, and the next
 * registration of the queue receives a stream without a wrong byte.
 */
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define PAGE		4096
/*
 * More than may be held at once, or it runs dry: SOME, 1448 bytes a buffer,
 * what a socket takes while nobody reads (6 MiB of memory), the NIC's ring.
 */
#define AREA_LEN	(16 * MIB)
/* As much as its buffers hold at once, and more. */
#define NEXT_LEN	(6 * MIB)
/* More than anybody waits for: the sender is busy when the ring goes. */
#define ENDLESS		(1024ULL * 1024 * MIB)
#define SOME		MIB
#define BACKLOG		(64 * 1024)
#define OTHER_UID	4711

static struct stream stream;

FIXTURE(teardown)
{
	struct zc_config cfg;
	unsigned int ifindex;
};

FIXTURE_VARIANT(teardown)
{
	enum area_kind kind;
	bool keep;	/* hold buffers when the ring goes */
};

FIXTURE_VARIANT_ADD(teardown, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(teardown, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(teardown, user_held)
{
	.kind = AREA_USER,
	.keep = true,
};

FIXTURE_VARIANT_ADD(teardown, udmabuf_held)
{
	.kind = AREA_UDMABUF,
	.keep = true,
};

FIXTURE_SETUP(teardown)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 2);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
}

/* Nothing is left, and the queue can be used again. */
FIXTURE_TEARDOWN(teardown)
{
	struct receiver rx = { .stream = &stream };
	struct wire wire;
	struct zc zc;

	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));

	ASSERT_EQ(0, zc_open(&zc, &self->cfg))
		TH_LOG("%s failed", zc.failed);
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, NEXT_LEN, false));
	rx.zc = &zc;
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(NEXT_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&zc, "copied"));
	EXPECT_EQ(0, wire_close(&wire));
	zc_close(&zc);
}

/* Opens all and receives a while. Returns 0 or -errno. */
static int start(struct zc *zc, struct wire *wire, struct receiver *rx,
		 const struct zc_config *cfg, bool keep)
{
	int ret;

	*rx = (struct receiver) {
		.zc = zc,
		.stream = &stream,
		.keep = keep,
	};

	ret = zc_open(zc, cfg);
	if (ret)
		return ret;
	ret = wire_open(wire, WIRE_V4, &stream, ENDLESS, true);
	if (ret)
		return ret;
	rx->sock = wire->sock;
	ret = zc_recv(zc, rx->sock, 0, 0);
	if (ret)
		return ret;
	ret = receive(rx, SOME);
	if (ret)
		return ret == RECEIVE_END ? -EPIPE : ret;
	return wire_wait_backlog(wire->sock, BACKLOG);
}

TEST_F_TIMEOUT(teardown, ring_exit, TIMEOUT)
{
	struct receiver rx;
	struct wire wire;
	struct zc zc;

	ASSERT_EQ(0, start(&zc, &wire, &rx, &self->cfg, variant->keep));
	/* or else the check that nothing is left would check nothing */
	EXPECT_LE(AREA_LEN / PAGE, pins_now());
	zc_close(&zc);
	EXPECT_EQ(0, wire_close(&wire));
}

/*
 * The socket stays, with payload that nobody has read: it holds buffers of an
 * area whose ring is gone, and whose queue is in use again.
 */
TEST_F_TIMEOUT(teardown, socket_outlives_ring, TIMEOUT)
{
	struct receiver rx;
	struct wire wire;
	struct zc zc, next;
	char byte;

	ASSERT_EQ(0, start(&zc, &wire, &rx, &self->cfg, variant->keep));
	zc_close(&zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));

	ASSERT_EQ(0, zc_open(&next, &self->cfg))
		TH_LOG("%s failed", next.failed);
	zc_close(&next);

	/* payload the CPU must not touch */
	EXPECT_EQ(-1, recv(wire.sock, &byte, 1, MSG_DONTWAIT));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, wire_close(&wire));
}

/* A foreign buffer does not get into another ring's area. */
TEST_F_TIMEOUT(teardown, socket_moves_to_another_ring, TIMEOUT)
{
	struct io_uring_cqe *cqe;
	struct receiver rx;
	struct wire wire;
	struct zc zc, next;

	ASSERT_EQ(0, start(&zc, &wire, &rx, &self->cfg, variant->keep));
	zc_close(&zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));

	ASSERT_EQ(0, zc_open(&next, &self->cfg))
		TH_LOG("%s failed", next.failed);
	ASSERT_EQ(0, zc_recv(&next, wire.sock, 0, 0));
	ASSERT_EQ(0, zc_wait(&next, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, io_uring_peek_cqe(&next.ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe->res);
	EXPECT_EQ(0, cqe->flags & IORING_CQE_F_MORE);
	zc_close(&next);
	EXPECT_EQ(0, wire_close(&wire));
}

/* The receiver's process: gets going, says so, and receives until it dies. */
static void receive_forever(const struct zc_config *cfg, bool keep, int ready)
{
	struct receiver rx;
	struct wire wire;
	struct zc zc;

	if (start(&zc, &wire, &rx, cfg, keep) || write(ready, "r", 1) != 1)
		_exit(1);
	receive(&rx, UINT64_MAX - rx.bytes);
	_exit(1);
}

TEST_F_TIMEOUT(teardown, kill_nine, TIMEOUT)
{
	struct timespec while_it_runs = { .tv_nsec = 200000000 };
	int ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(ready[0]);
		receive_forever(&self->cfg, variant->keep, ready[1]);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	nanosleep(&while_it_runs, NULL);
	EXPECT_LE(AREA_LEN / PAGE, pins_now());

	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* not by its own hand, which would mean that receiving failed */
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
}

/* Somebody else's process: has the ring until it is told. */
static void register_as_other(const struct zc_config *cfg, int ready, int told)
{
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct zc zc;
	char byte;

	if (setrlimit(RLIMIT_MEMLOCK, &all) ||
	    caps_become(OTHER_UID, CAP_IPC_LOCK) || zc_open(&zc, cfg) ||
	    write(ready, "r", 1) != 1 || read(told, &byte, 1))
		_exit(1);
	_exit(0);
}

/*
 * Payload outlives not just the ring, but the user who paid for its memory: the
 * last that the kernel has of that user is what the area holds.
 */
TEST_F_TIMEOUT(teardown, user_is_gone, TIMEOUT)
{
	const struct timespec a_while = { .tv_sec = 2 };
	int ready[2], told[2], status;
	struct wire wire;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(told));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(told[1]);
		register_as_other(&self->cfg, ready[1], told[0]);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	/* a file of that user's would keep him: the socket is ours */
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, ENDLESS, true));
	/* its window does not grow as long as nobody reads */
	ASSERT_EQ(0, wire_wait_backlog(wire.sock, 4 * PAGE));

	close(told[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_LE(AREA_LEN / PAGE, pins_now());
	/* credentials go a grace period later */
	nanosleep(&a_while, NULL);
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_HARNESS_MAIN
