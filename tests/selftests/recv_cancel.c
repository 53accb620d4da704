// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of IORING_OP_RECV_ZC that are canceled, in each way that io_uring
 * has, idle and with data on the way: what came before is right, and what did
 * not is left to the next request.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"
#include "peer.h"
#include "tcp.h"

#define TIMEOUT		60
#define KIB		1024
#define MIB		(1024 * KIB)
#define SENT		(40 * KIB)
#define CANCEL_ID	0xca9ce1

static struct stream stream;

/* How a request is found. */
struct way {
	__u32 flags;
	bool sync;	/* IORING_REGISTER_SYNC_CANCEL, not a request */
	bool fixed;	/* by its slot, in which the socket is registered */
};

/* What to look for. */
struct target {
	__u64 user_data;
	int fd;
	__u8 opcode;
};

static bool counts(const struct way *way)
{
	return way->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
}

/*
 * Cancels. A request tells its result in a completion of CANCEL_ID, so *result
 * is -EINPROGRESS then. The other way waits for a completion if a worker is at the
 * request, and nobody wakes it if the worker arms the request instead, on all kernels
 * 6.12: so it is given a time, and asked again.
 */
#define WORKER_DONE_NS	(100 * 1000 * 1000)

static int cancel(struct zc *zc, const struct way *way,
		  const struct target *target, int *result)
{
	struct io_uring_sync_cancel_reg reg = {
		.addr = target->user_data,
		.fd = target->fd,
		.flags = way->flags,
		.timeout = { .tv_nsec = WORKER_DONE_NS },
		.opcode = target->opcode,
	};
	struct io_uring_sqe sqe = {};

	if (way->sync) {
		do {
			*result = io_uring_register_sync_cancel(&zc->ring, &reg);
		} while (*result == -ETIME);
		return 0;
	}
	io_uring_prep_cancel64(&sqe, target->user_data, way->flags);
	sqe.user_data = CANCEL_ID;
	sqe.fd = target->fd;
	if (way->flags & IORING_ASYNC_CANCEL_OP)
		sqe.len = target->opcode;
	*result = -EINPROGRESS;
	return zc_submit(zc, &sqe, 1);
}

/*
 * Takes what the canceled request still got, until it has ended and the
 * cancellation, too. Whichever is first.
 */
static int reap(struct receiver *rx, int *canceled)
{
	union recv_cqe c;

	rx->ended = false;
	while (!rx->ended || *canceled == -EINPROGRESS) {
		int ret = recv_until(rx, &c);

		if (ret)
			return ret;
		if (c.cqe.flags)
			return -EPROTO;
		if (c.cqe.user_data == CANCEL_ID) {
			*canceled = c.cqe.res;
		} else if (c.cqe.user_data == rx->id && !rx->ended) {
			rx->ended = true;
			rx->result = c.cqe.res;
		} else {
			return -EPROTO;
		}
	}
	return 0;
}

FIXTURE(cancel)
{
	struct recv_pair p;
	struct target target;
};

FIXTURE_VARIANT(cancel)
{
	struct way way;
};

#define BY_NAME		IORING_ASYNC_CANCEL_USERDATA
#define BY_FD		IORING_ASYNC_CANCEL_FD
#define BY_SLOT		(BY_FD | IORING_ASYNC_CANCEL_FD_FIXED)
#define BY_OP		IORING_ASYNC_CANCEL_OP
#define ANY		IORING_ASYNC_CANCEL_ANY
#define ALL		IORING_ASYNC_CANCEL_ALL

FIXTURE_VARIANT_ADD(cancel, user_data)
{
	.way = { .flags = 0 },
};

FIXTURE_VARIANT_ADD(cancel, user_data_said)
{
	.way = { .flags = BY_NAME },
};

FIXTURE_VARIANT_ADD(cancel, fd)
{
	.way = { .flags = BY_FD },
};

FIXTURE_VARIANT_ADD(cancel, op)
{
	.way = { .flags = BY_OP },
};

FIXTURE_VARIANT_ADD(cancel, any)
{
	.way = { .flags = ANY },
};

FIXTURE_VARIANT_ADD(cancel, all)
{
	.way = { .flags = ALL },
};

FIXTURE_VARIANT_ADD(cancel, all_of_fd)
{
	.way = { .flags = ALL | BY_FD },
};

FIXTURE_VARIANT_ADD(cancel, all_of_op)
{
	.way = { .flags = ALL | BY_OP },
};

FIXTURE_VARIANT_ADD(cancel, all_three)
{
	.way = { .flags = BY_FD | BY_OP | BY_NAME },
};

FIXTURE_VARIANT_ADD(cancel, slot)
{
	.way = { .flags = BY_SLOT, .fixed = true },
};

FIXTURE_VARIANT_ADD(cancel, user_data_sync)
{
	.way = { .sync = true, .flags = 0 },
};

FIXTURE_VARIANT_ADD(cancel, user_data_said_sync)
{
	.way = { .sync = true, .flags = BY_NAME },
};

FIXTURE_VARIANT_ADD(cancel, fd_sync)
{
	.way = { .sync = true, .flags = BY_FD },
};

FIXTURE_VARIANT_ADD(cancel, op_sync)
{
	.way = { .sync = true, .flags = BY_OP },
};

FIXTURE_VARIANT_ADD(cancel, any_sync)
{
	.way = { .sync = true, .flags = ANY },
};

FIXTURE_VARIANT_ADD(cancel, all_sync)
{
	.way = { .sync = true, .flags = ALL },
};

FIXTURE_VARIANT_ADD(cancel, all_of_fd_sync)
{
	.way = { .sync = true, .flags = ALL | BY_FD },
};

FIXTURE_VARIANT_ADD(cancel, all_of_op_sync)
{
	.way = { .sync = true, .flags = ALL | BY_OP },
};

FIXTURE_VARIANT_ADD(cancel, all_three_sync)
{
	.way = { .sync = true, .flags = BY_FD | BY_OP | BY_NAME },
};

FIXTURE_VARIANT_ADD(cancel, slot_sync)
{
	.way = { .sync = true, .flags = BY_SLOT, .fixed = true },
};

FIXTURE_SETUP(cancel)
{
	struct recv_pair *p = &self->p;

	stream_init(&stream, 91);
	ASSERT_EQ(0, recv_pair_open(p, NULL, &stream));
	if (variant->way.fixed)
		ASSERT_EQ(0, io_uring_register_files(&p->zc.ring, &p->rx.sock,
						     1));
	self->target = (struct target) {
		.user_data = p->rx.id,
		.fd = variant->way.fixed ? 0 : p->rx.sock,
		.opcode = IORING_OP_RECV_ZC,
	};
}

/* A new request gets all that the old one did not. */
FIXTURE_TEARDOWN(cancel)
{
	EXPECT_QUIET(&self->p.zc);
	EXPECT_EQ(0, recv_pair_send(&self->p, SENT));
	EXPECT_EQ(0, recv_pair_finish(&self->p));
	recv_pair_close(&self->p);
}

static int arm(struct recv_pair *p, const struct way *way, __u8 flags)
{
	struct io_uring_sqe sqe = recv_sqe(p);

	sqe.flags = flags;
	if (way->fixed) {
		sqe.fd = 0;
		sqe.flags |= IOSQE_FIXED_FILE;
	}
	return zc_submit(&p->zc, &sqe, 1);
}

#define EXPECT_CANCELED()						\
	do {								\
		int __found = 0;					\
									\
		ASSERT_EQ(0, cancel(&self->p.zc, &variant->way,		\
				    &self->target, &__found));		\
		ASSERT_EQ(0, reap(&self->p.rx, &__found));		\
		EXPECT_EQ(counts(&variant->way), __found);		\
		EXPECT_EQ(-ECANCELED, self->p.rx.result);		\
	} while (0)

TEST_F_TIMEOUT(cancel, idle, TIMEOUT)
{
	ASSERT_EQ(0, arm(&self->p, &variant->way, 0));
	EXPECT_QUIET(&self->p.zc);
	EXPECT_CANCELED();
	EXPECT_EQ(0, self->p.rx.bytes);
}

TEST_F_TIMEOUT(cancel, after_data, TIMEOUT)
{
	ASSERT_EQ(0, arm(&self->p, &variant->way, 0));
	ASSERT_EQ(0, recv_pair_send(&self->p, SENT));
	ASSERT_EQ(0, recv_bytes(&self->p.rx, SENT));
	EXPECT_CANCELED();
	EXPECT_EQ(SENT, self->p.rx.bytes);
}

/* The request was woken, and had no chance to run. */
TEST_F_TIMEOUT(cancel, woken_by_data, TIMEOUT)
{
	ASSERT_EQ(0, arm(&self->p, &variant->way, 0));
	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	EXPECT_CANCELED();
	EXPECT_EQ(0, wire_wait_backlog(self->p.rx.sock,
				       SENT - self->p.rx.bytes));
}

/* Data that comes after it is nobody's. */
TEST_F_TIMEOUT(cancel, before_data, TIMEOUT)
{
	ASSERT_EQ(0, arm(&self->p, &variant->way, 0));
	EXPECT_CANCELED();
	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	EXPECT_QUIET(&self->p.zc);
	EXPECT_EQ(0, self->p.rx.bytes);
}

/* Again and again, as the request of each round may hold on to something. */
TEST_F_TIMEOUT(cancel, many_times, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, arm(&self->p, &variant->way, 0));
		ASSERT_EQ(0, recv_pair_send(&self->p, i * 99));
		ASSERT_EQ(0, recv_bytes(&self->p.rx, i * 98));
		EXPECT_CANCELED();
		EXPECT_LE(self->p.rx.bytes, self->p.sent);
	}
}

/* Nothing is armed, or something that does not match. */
TEST_F_TIMEOUT(cancel, finds_nothing, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	const struct way *way = &variant->way;
	const int nothing = counts(way) ? 0 : -ENOENT;
	struct target other = self->target;
	int fd[2], found;
	union recv_cqe c = {};

	ASSERT_EQ(0, cancel(&p->zc, way, &self->target, &found));
	if (!way->sync) {
		ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
		found = c.cqe.res;
	}
	EXPECT_EQ(nothing, found);
	if (way->flags & IORING_ASYNC_CANCEL_ANY)
		return;

	/* one that has nothing in common with the request */
	ASSERT_EQ(0, recv_connect(fd));
	other.user_data ^= 1ULL << 63;
	other.opcode = IORING_OP_RECV;
	other.fd = fd[0];
	if (way->fixed) {
		ASSERT_EQ(0, io_uring_unregister_files(&p->zc.ring));
		ASSERT_EQ(0, io_uring_register_files(&p->zc.ring,
						     (int[]){ p->rx.sock,
							      fd[0] }, 2));
		other.fd = 1;
	}
	ASSERT_EQ(0, arm(p, way, 0));
	ASSERT_EQ(0, cancel(&p->zc, way, &other, &found));
	if (!way->sync) {
		ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
		EXPECT_EQ(CANCEL_ID, c.cqe.user_data);
		found = c.cqe.res;
	}
	EXPECT_EQ(nothing, found);
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_CANCELED();
	close(fd[0]);
	close(fd[1]);
}

/* The request was armed by a worker. */
TEST(armed_by_worker)
{
	const struct way way = { .sync = true };
	struct target target = {};
	union recv_cqe c = {};
	struct recv_pair p;
	unsigned int i;
	int result;

	stream_init(&stream, 92);
	ASSERT_EQ(0, recv_pair_open(&p, NULL, &stream));
	target.user_data = p.rx.id;
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, arm(&p, &way, IOSQE_ASYNC));
		if (i % 2)
			EXPECT_QUIET(&p.zc);
		ASSERT_EQ(0, cancel(&p.zc, &way, &target, &result));
		EXPECT_EQ(0, result);
		ASSERT_EQ(0, recv_until(&p.rx, &c));
		EXPECT_EQ(p.rx.id, c.cqe.user_data);
		EXPECT_EQ(-ECANCELED, c.cqe.res);
		EXPECT_EQ(0, c.cqe.flags);
	}
	EXPECT_EQ(0, recv_pair_send(&p, SENT));
	EXPECT_EQ(0, recv_pair_finish(&p));
	recv_pair_close(&p);
}

/*
 * Several requests: how many of them.
 */
#define SECOND_ID	(CANCEL_ID + 1)

static int cancel_and_count(struct zc *zc, __u32 flags,
			    const struct target *target, unsigned int *ended)
{
	const struct way way = { .flags = flags };
	int found, ret = cancel(zc, &way, target, &found);
	union recv_cqe c;

	*ended = 0;
	while (!ret && !recv_next(zc, &c, RECV_QUIET_MS)) {
		if (c.cqe.user_data == CANCEL_ID)
			found = c.cqe.res;
		else if (c.cqe.res == -ECANCELED && !c.cqe.flags)
			++*ended;
		else
			ret = -EPROTO;
	}
	return ret ? ret : found;
}

TEST(several)
{
	const __u32 all = IORING_ASYNC_CANCEL_ALL, fd = IORING_ASYNC_CANCEL_FD;
	static const struct {
		__u32 flags;
		int ended;
	} row[] = {
		{ IORING_ASYNC_CANCEL_ANY, 4 },
		{ all | IORING_ASYNC_CANCEL_OP, 4 },
		{ all | fd, 2 },
		{ all, 2 },
		{ all | fd | IORING_ASYNC_CANCEL_USERDATA, 1 },
		{ 0, 1 },
		{ fd, 1 },
	};
	struct recv_pair p, other;
	unsigned int i, j, ended;

	stream_init(&stream, 93);
	ASSERT_EQ(0, recv_pair_open(&p, NULL, &stream));
	ASSERT_EQ(0, recv_pair_open(&other, NULL, &stream));
	for (i = 0; i < ARRAY_SIZE(row); i++) {
		const struct target target = {
			p.rx.id, p.rx.sock, IORING_OP_RECV_ZC
		};
		int ret;

		/* two on each socket, and two of each id */
		for (j = 0; j < 4; j++)
			ASSERT_EQ(0, zc_recv(&p.zc, j & 1 ? p.rx.sock :
					     other.rx.sock, 0,
					     j & 2 ? p.rx.id : SECOND_ID));
		ret = cancel_and_count(&p.zc, row[i].flags, &target, &ended);
		EXPECT_EQ(row[i].flags & (all | IORING_ASYNC_CANCEL_ANY) ?
			  row[i].ended : 0, ret);
		EXPECT_EQ(row[i].ended, ended);
		ret = cancel_and_count(&p.zc, IORING_ASYNC_CANCEL_ANY, &target,
				       &ended);
		EXPECT_EQ(4 - row[i].ended, ret);
		EXPECT_EQ(4 - row[i].ended, ended);
	}
	EXPECT_EQ(0, recv_pair_send(&p, SENT));
	EXPECT_EQ(0, recv_pair_finish(&p));
	recv_pair_close(&p);
	EXPECT_EQ(0, recv_pair_send(&other, SENT));
	EXPECT_EQ(0, recv_pair_finish(&other));
	recv_pair_close(&other);
}

/*
 * A stream whose sender does not wait, canceled all the time.
 */
#define TRAFFIC_LEN	(4 * MIB)
#define CHUNK		(32 * KIB)

/* So slowly that a request does not get all of it at once. */
static int send_paced(int fd, const struct stream *what)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	static char buf[CHUNK];
	__u64 off;

	for (off = 0; off < TRAFFIC_LEN; off += CHUNK) {
		stream_fill(what, off, buf, CHUNK);
		if (tcp_send_all(fd, buf, CHUNK))
			return 1;
		nanosleep(&ms, NULL);
	}
	shutdown(fd, SHUT_WR);
	return 0;
}

static int send_from_peer(void *arg)
{
	const struct peer_send *job = arg;
	int fd = tcp_connect(job->addr, job->port);
	char end;

	return fd < 0 || send_paced(fd, job->stream) ||
	       recv(fd, &end, 1, 0) != 0;
}

static void *send_from_here(void *fd)
{
	return (void *)(intptr_t)send_paced(*(int *)fd, &stream);
}

FIXTURE(traffic)
{
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	pthread_t sender;	/* of a connection over loopback */
	int fd[2];
};

FIXTURE_VARIANT(traffic)
{
	struct way way;
	bool nic;
};

FIXTURE_VARIANT_ADD(traffic, user_data) { };
FIXTURE_VARIANT_ADD(traffic, sync) { .way = { .sync = true } };

FIXTURE_VARIANT_ADD(traffic, all_of_fd)
{
	.way = { .flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD },
};

FIXTURE_VARIANT_ADD(traffic, from_the_nic) { .nic = true };

FIXTURE_VARIANT_ADD(traffic, from_the_nic_sync)
{
	.way = { .sync = true },
	.nic = true,
};

FIXTURE_SETUP(traffic)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = 4 * MIB,
	};
	/* the sender does not get far */
	const int window = 64 * KIB;

	stream_init(&stream, 94);
	if (variant->nic) {
		ASSERT_EQ(0, wire_bind(&self->zc, AREA_USER, 4 * MIB));
		ASSERT_EQ(0, wire_open_with(&self->wire, WIRE_V4, &stream,
					    TRAFFIC_LEN, false,
					    send_from_peer));
		self->fd[0] = self->wire.sock;
	} else {
		ASSERT_EQ(0, zc_open(&self->zc, &cfg));
		ASSERT_EQ(0, recv_connect(self->fd));
	}
	ASSERT_EQ(0, setsockopt(self->fd[0], SOL_SOCKET, SO_RCVBUF, &window,
				sizeof(window)));
	if (!variant->nic)
		ASSERT_EQ(0, pthread_create(&self->sender, NULL, send_from_here,
					    &self->fd[1]));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->fd[0],
		.id = 0x5eed,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(traffic)
{
	void *failed = NULL;

	if (variant->nic) {
		EXPECT_EQ(0, wire_close(&self->wire));
	} else {
		close(self->fd[0]);
		EXPECT_EQ(0, pthread_join(self->sender, &failed));
		EXPECT_EQ(NULL, failed);
		close(self->fd[1]);
	}
	zc_close(&self->zc);
}

/* Some payload, or the end. */
static int take_some(struct receiver *rx, unsigned int nr)
{
	union recv_cqe c;
	int ret = 0;

	while (nr-- && !ret && !rx->ended) {
		ret = recv_next(rx->zc, &c, WIRE_PATIENCE_MS);
		if (!ret && !c.cqe.flags) {
			rx->ended = true;
			rx->result = c.cqe.res;
		} else if (!ret) {
			ret = recv_take(rx, &c);
		}
	}
	return ret;
}

TEST_F_TIMEOUT(traffic, not_a_byte_is_lost, TIMEOUT)
{
	const struct target target = {
		.user_data = self->rx.id,
		.fd = self->rx.sock,
	};
	unsigned int round, canceled = 0;
	struct receiver *rx = &self->rx;
	int found;

	for (round = 0; round < 100000; round++) {
		rx->ended = false;
		ASSERT_EQ(0, zc_recv(&self->zc, rx->sock, 0, rx->id));
		ASSERT_EQ(0, take_some(rx, round % 7));
		if (rx->ended)
			break;
		ASSERT_EQ(0, cancel(&self->zc, &variant->way, &target,
				    &found));
		ASSERT_EQ(0, reap(rx, &found));
		if (rx->result != -ECANCELED)
			break;
		EXPECT_EQ(counts(&variant->way), found);
		canceled++;
	}
	/* the end of the stream, not of the requests */
	EXPECT_EQ(0, rx->result);
	EXPECT_EQ(TRAFFIC_LEN, rx->bytes);
	EXPECT_LT(10, canceled);
	if (variant->nic)
		EXPECT_ZERO_COPY(&self->zc, TRAFFIC_LEN);
}

TEST_HARNESS_MAIN
