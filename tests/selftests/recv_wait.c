// SPDX-License-Identifier: GPL-2.0
/*
 * A task that waits for completions of IORING_OP_RECV_ZC: for one or for many,
 * with and without a time limit. What has come is seen at the limit at the
 * latest, and as soon as enough has come where several requests wait.
 *
 * A request that waits for data is counted once, whatever it will get: a task
 * that waits for more completions than there are requests sleeps to its limit.
 * So it is with multishot IORING_OP_RECV in 6.12.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define SENT		(40 * KIB)
#define MS		1000000ULL
#define BUFFERS		32
#define BUF_LEN		(4 * KIB)

static struct stream stream;

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / MS;
}

/* Sends while the test waits. */
struct later {
	pthread_t thread;
	struct recv_pair *p;
	unsigned int after_ms;
	size_t len;
};

static void *send_later(void *arg)
{
	struct later *l = arg;
	const struct timespec ts = { .tv_nsec = l->after_ms * MS };

	nanosleep(&ts, NULL);
	return recv_pair_send(l->p, l->len) ? l : NULL;
}

static int later(struct later *l, struct recv_pair *p, unsigned int after_ms,
		 size_t len)
{
	*l = (struct later) { .p = p, .after_ms = after_ms, .len = len };
	return pthread_create(&l->thread, NULL, send_later, l);
}

/* True if all was sent. */
static bool later_done(struct later *l)
{
	void *failed;

	return !pthread_join(l->thread, &failed) && !failed;
}

FIXTURE(wait)
{
	struct recv_pair p;
	struct later later;
};

FIXTURE_VARIANT(wait)
{
	unsigned int nr;
};

FIXTURE_VARIANT_ADD(wait, for_1) { .nr = 1 };
FIXTURE_VARIANT_ADD(wait, for_2) { .nr = 2 };
FIXTURE_VARIANT_ADD(wait, for_64) { .nr = 64 };

FIXTURE_SETUP(wait)
{
	stream_init(&stream, 103);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(wait)
{
	recv_pair_close(&self->p);
}

static struct __kernel_timespec limit(unsigned int ms)
{
	return (struct __kernel_timespec) {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * MS,
	};
}

/*
 * Makes a request and waits for so many completions. Returns what the call
 * does, and how long it took.
 */
static int arm_and_wait(struct recv_pair *p, unsigned int nr,
			unsigned int limit_ms, unsigned int min_ms,
			unsigned int *took_ms)
{
	struct __kernel_timespec ts = limit(limit_ms);
	__u64 start = now_ms();
	struct io_uring_cqe *cqe;
	int ret;

	*io_uring_get_sqe(&p->zc.ring) = recv_sqe(p);
	if (min_ms)
		ret = io_uring_submit_and_wait_min_timeout(&p->zc.ring, &cqe,
							   nr, &ts,
							   min_ms * 1000, NULL);
	else if (limit_ms)
		ret = io_uring_submit_and_wait_timeout(&p->zc.ring, &cqe, nr,
						       &ts, NULL);
	else
		ret = io_uring_submit_and_wait(&p->zc.ring, nr);
	*took_ms = now_ms() - start;
	return ret;
}

/* All that was sent is in the ring: it is not waited for any more. */
static __u64 bytes_in_ring(struct recv_pair *p)
{
	union recv_cqe c;
	int ret = 0;

	while (!ret && io_uring_cq_ready(&p->zc.ring)) {
		ret = recv_next(&p->zc, &c, 0);
		if (!ret)
			ret = recv_take(&p->rx, &c);
	}
	return ret ? 0 : p->rx.bytes;
}

#define SHORT_MS	300
/* one that is slept to, long after the data has come */
#define LIMIT_MS	1500
#define LONG_MS		20000

/* A limit that was not reached. It is far off, for a machine that is slow. */
#define EXPECT_SOON(took)	EXPECT_GT(LONG_MS / 2, took)

TEST_F_TIMEOUT(wait, data_there, TIMEOUT)
{
	unsigned int took;

	ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	/* more completions than 2, and fewer than 64 */
	EXPECT_LT(0, arm_and_wait(&self->p, variant->nr, variant->nr == 64 ?
				  SHORT_MS : LONG_MS, 0, &took));
	EXPECT_SOON(took);
	if (variant->nr == 64)
		EXPECT_LE(SHORT_MS, took);
	EXPECT_EQ(SENT, bytes_in_ring(&self->p));
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

TEST_F_TIMEOUT(wait, data_later, TIMEOUT)
{
	unsigned int took;

	ASSERT_EQ(0, later(&self->later, &self->p, SHORT_MS / 4, SENT));
	EXPECT_LT(0, arm_and_wait(&self->p, variant->nr, variant->nr == 1 ?
				  LONG_MS : LIMIT_MS, 0, &took));
	if (variant->nr == 1)
		EXPECT_SOON(took);
	/* with one completion it may have seen a part of it */
	EXPECT_LT(0, bytes_in_ring(&self->p));
	EXPECT_EQ(true, later_done(&self->later));
	if (variant->nr > 1)
		EXPECT_EQ(SENT, self->p.rx.bytes);
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

TEST_F_TIMEOUT(wait, nothing, TIMEOUT)
{
	unsigned int took;

	/* the call tells that it took the request */
	EXPECT_EQ(1, arm_and_wait(&self->p, variant->nr, SHORT_MS, 0, &took));
	EXPECT_EQ(0, io_uring_cq_ready(&self->p.zc.ring));
	EXPECT_LE(SHORT_MS, took);
	EXPECT_SOON(took);
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

/* The end of the stream is one completion. */
TEST_F_TIMEOUT(wait, end, TIMEOUT)
{
	unsigned int took;

	recv_pair_fin(&self->p);
	EXPECT_LT(0, arm_and_wait(&self->p, variant->nr, variant->nr == 1 ?
				  LONG_MS : SHORT_MS, 0, &took));
	EXPECT_SOON(took);
	EXPECT_EQ(1, io_uring_cq_ready(&self->p.zc.ring));
	EXPECT_RESULT(&self->p.zc, self->p.rx.id, 0);
}

/* The least time, after which one completion is enough. */
TEST_F_TIMEOUT(wait, min_data_within, TIMEOUT)
{
	unsigned int took;

	ASSERT_EQ(0, later(&self->later, &self->p, SHORT_MS / 4, SENT));
	EXPECT_LT(0, arm_and_wait(&self->p, variant->nr, LONG_MS, 2 * SHORT_MS,
				  &took));
	EXPECT_SOON(took);
	EXPECT_LT(0, bytes_in_ring(&self->p));
	EXPECT_EQ(true, later_done(&self->later));
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

TEST_F_TIMEOUT(wait, min_data_after, TIMEOUT)
{
	unsigned int took;

	ASSERT_EQ(0, later(&self->later, &self->p, 2 * SHORT_MS, SENT));
	EXPECT_LT(0, arm_and_wait(&self->p, variant->nr, LONG_MS, SHORT_MS / 4,
				  &took));
	EXPECT_SOON(took);
	EXPECT_LT(0, bytes_in_ring(&self->p));
	EXPECT_EQ(true, later_done(&self->later));
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

TEST_F_TIMEOUT(wait, min_nothing, TIMEOUT)
{
	unsigned int took;

	EXPECT_EQ(1, arm_and_wait(&self->p, variant->nr, SHORT_MS,
				  SHORT_MS / 4, &took));
	EXPECT_EQ(0, io_uring_cq_ready(&self->p.zc.ring));
	EXPECT_LE(SHORT_MS, took);
	EXPECT_SOON(took);
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

/* Without a limit: enough is there, or one is enough. */
TEST_F_TIMEOUT(wait, no_limit, TIMEOUT)
{
	unsigned int took;

	if (variant->nr > 2)
		return;
	if (variant->nr == 1)
		ASSERT_EQ(0, later(&self->later, &self->p, SHORT_MS / 4, SENT));
	if (variant->nr == 2)
		ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
	EXPECT_EQ(1, arm_and_wait(&self->p, variant->nr, 0, 0, &took));
	EXPECT_LT(0, bytes_in_ring(&self->p));
	if (variant->nr == 1)
		EXPECT_EQ(true, later_done(&self->later));
	EXPECT_EQ(0, recv_pair_drain(&self->p));
}

/*
 * The same with multishot IORING_OP_RECV. Returns how long a task that waits
 * for two completions slept when one request got many, or -errno.
 */
static int recv_slept(struct recv_pair *p)
{
	static char memory[BUFFERS][BUF_LEN];
	struct io_uring *ring = &p->zc.ring;
	struct __kernel_timespec ts = limit(LIMIT_MS);
	struct io_uring_buf_ring *bufs;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	__u64 start = now_ms();
	struct later l;
	int i, ret;

	bufs = io_uring_setup_buf_ring(ring, BUFFERS, 0, 0, &ret);
	if (!bufs)
		return ret;
	for (i = 0; i < BUFFERS; i++)
		io_uring_buf_ring_add(bufs, memory[i], BUF_LEN, i, BUFFERS - 1,
				      i);
	io_uring_buf_ring_advance(bufs, BUFFERS);
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_recv_multishot(sqe, p->rx.sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;

	if (later(&l, p, SHORT_MS / 4, SENT))
		return -EAGAIN;
	ret = io_uring_submit_and_wait_timeout(ring, &cqe, 2, &ts, NULL);
	return later_done(&l) && ret >= 0 ? (int)(now_ms() - start) : -EIO;
}

TEST(as_multishot_recv)
{
	struct recv_pair p, other;
	unsigned int took;
	struct later l;
	int recv_took;

	stream_init(&stream, 104);
	ASSERT_EQ(0, recv_pair_open(&other, NULL, &stream));
	recv_took = recv_slept(&other);
	ASSERT_LE(0, recv_took);
	EXPECT_LT(1, io_uring_cq_ready(&other.zc.ring));
	recv_pair_close(&other);

	ASSERT_EQ(0, recv_pair_open(&p, NULL, &stream));
	ASSERT_EQ(0, later(&l, &p, SHORT_MS / 4, SENT));
	EXPECT_LT(0, arm_and_wait(&p, 2, LIMIT_MS, 0, &took));
	EXPECT_EQ(true, later_done(&l));
	EXPECT_EQ(SENT, bytes_in_ring(&p));
	EXPECT_EQ(0, recv_pair_drain(&p));
	recv_pair_close(&p);
	TH_LOG("RECV slept %d ms, RECV_ZC %u ms", recv_took, took);
	/* it need not sleep, if that does not */
	if (recv_took < LIMIT_MS)
		EXPECT_GT(LIMIT_MS, took);
}

/* Two requests wait, and both get something: two are waited for. */
TEST(two_requests)
{
	struct recv_pair p, other;
	struct later later_1, later_2;
	struct io_uring_sqe sqe;
	unsigned int took;

	stream_init(&stream, 105);
	ASSERT_EQ(0, recv_pair_open(&p, NULL, &stream));
	ASSERT_EQ(0, recv_pair_open(&other, NULL, &stream));
	sqe = recv_sqe(&other);
	sqe.user_data++;
	ASSERT_EQ(0, zc_submit(&p.zc, &sqe, 1));
	ASSERT_EQ(0, later(&later_1, &p, SHORT_MS / 4, 1));
	ASSERT_EQ(0, later(&later_2, &other, SHORT_MS / 2, 1));
	EXPECT_EQ(1, arm_and_wait(&p, 2, LONG_MS, 0, &took));
	EXPECT_SOON(took);
	EXPECT_EQ(2, io_uring_cq_ready(&p.zc.ring));
	EXPECT_EQ(true, later_done(&later_1));
	EXPECT_EQ(true, later_done(&later_2));
	recv_pair_close(&p);
	recv_pair_close(&other);
}

TEST_HARNESS_MAIN
