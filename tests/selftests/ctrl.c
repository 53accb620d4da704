// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_ZCRX_CTRL: what is refused, and ZCRX_CTRL_FLUSH_RQ with a
 * refill ring in any state that user space can bring it into. add_area.c has
 * ZCRX_CTRL_ADD_AREA.
 */
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#include "lib/nodev.h"
#include "lib/pins.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define FEW		64
#define FEW_LEN		(4 * FEW * PAGE)
/* in no mapping, and not 0 either */
#define BAD_PTR		8

static struct stream stream;

/* All buffers are held, and the stream goes on once they are back. */
static int open_exhausted(struct nodev *nd)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = FEW * PAGE,
	};
	int ret;

	/* of the test before */
	if (pins_wait(0, WIRE_PATIENCE_MS))
		return -EBUSY;
	stream_init(&stream, 61);
	/* not every test receives all of it */
	ret = nodev_open(nd, &cfg, OVER_LOOPBACK, &stream, FEW_LEN, true);
	if (ret)
		return ret;
	ret = nodev_exhaust(nd);
	return ret == -ENOMEM && nd->hold.nr == FEW &&
	       zc_fdinfo(&nd->zc, "held") == FEW ? 0 : -EPROTO;
}

/* Writes entries for all of them, but does not forget what they are. */
static void write_entries(struct nodev *nd)
{
	unsigned int i;

	for (i = 0; i < nd->hold.nr; i++)
		zc_refill(&nd->zc, &nd->hold.rqe[i]);
	zc_publish(&nd->zc);
}

/* What the kernel has done to the ring does not stop the stream. */
#define EXPECT_GOES_ON(nd)						\
	do {								\
		struct nodev *__nd = (nd);				\
									\
		EXPECT_EQ(0, nodev_finish(__nd));			\
		EXPECT_EQ(FEW_LEN, __nd->rx.bytes);			\
		EXPECT_COPIED(&__nd->zc, FEW_LEN);			\
		EXPECT_ALL_FREE(&__nd->zc, FEW);			\
	} while (0)

/*
 * Calls with something wrong: each gets its errno, of two things wrong the one
 * that is checked earlier wins, and nothing has happened.
 */
struct call {
	struct zcrx_ctrl ctrl;
	struct io_uring_zcrx_area_reg area;
	void *arg;
	unsigned int nr_args;
};

FIXTURE(refused)
{
	struct nodev nd;
	struct call call;
	struct area more;
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct call *c);
	int err;
};

FIXTURE_SETUP(refused)
{
	struct call *c = &self->call;
	const char *failed;

	ASSERT_EQ(0, open_exhausted(&self->nd));
	/* a flush would be seen */
	hold_release(&self->nd.hold, &self->nd.zc);

	/* and so would another area */
	ASSERT_EQ(0, area_open(&self->more, AREA_USER, PAGE, &failed));
	memset(c, 0, sizeof(*c));
	area_describe(&self->more, &c->area);
	c->arg = &c->ctrl;
}

FIXTURE_TEARDOWN(refused)
{
	EXPECT_EQ(0, nodev_close(&self->nd));
	area_close(&self->more);
}

TEST_F(refused, does_nothing)
{
	struct zc *zc = &self->nd.zc;
	const __u32 head = io_uring_smp_load_acquire(zc->rq.khead);
	struct call *c = &self->call;
	const long pins = pins_now();

	variant->spoil(c);
	EXPECT_EQ(-variant->err,
		  io_uring_register(zc->ring.ring_fd,
				    IORING_REGISTER_ZCRX_CTRL, c->arg,
				    c->nr_args));
	EXPECT_EQ(head, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_EQ(FEW, zc_fdinfo(zc, "held"));
	EXPECT_EQ(FEW, zc_fdinfo(zc, "buffers"));
	EXPECT_EQ(pins, pins_now());

	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_ALL_FREE(zc, FEW);
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
	EXPECT_GOES_ON(&self->nd);
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, and what makes it so. Without a word it is a flush.
 */
#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct call *c)			\
	{								\
		__VA_ARGS__;						\
	}								\
	FIXTURE_VARIANT_ADD(refused, name)				\
	{								\
		.spoil = name##_spoil,					\
		.err = error,						\
	}

/* Two at once, of which the first is to win. */
#define REFUSED_BOTH(name, error, first, second)			\
	REFUSED(name, error, second##_spoil(c); first##_spoil(c))

static void add_area(struct call *c)
{
	c->ctrl.op = ZCRX_CTRL_ADD_AREA;
	c->ctrl.zc_area.area_ptr = (uintptr_t)&c->area;
}

/* The last words that can be read, with a ctrl's first half in them. */
static void *half_readable(const struct zcrx_ctrl *ctrl)
{
	const size_t half = sizeof(*ctrl) / 2;
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + PAGE, PAGE))
		return NULL;
	memcpy(p + PAGE - half, ctrl, half);
	return p + PAGE - half;
}

REFUSED(one_arg, EINVAL, c->nr_args = 1);
REFUSED(many_args, EINVAL, c->nr_args = -1);
REFUSED(null, EFAULT, c->arg = NULL);
REFUSED(fault, EFAULT, c->arg = (void *)BAD_PTR);
REFUSED(half_fault, EFAULT, c->arg = half_readable(&c->ctrl));
REFUSED(resv0, EFAULT, c->ctrl.__resv[0] = 1);
REFUSED(resv1, EFAULT, c->ctrl.__resv[1] = 1ull << 63);
REFUSED(id_next, ENXIO, c->ctrl.zcrx_id = 1);
REFUSED(id_last, ENXIO, c->ctrl.zcrx_id = -1);
REFUSED(op_next, EOPNOTSUPP, c->ctrl.op = __ZCRX_CTRL_LAST);
REFUSED(op_last, EOPNOTSUPP, c->ctrl.op = -1);
REFUSED(flush_resv0, EINVAL, c->ctrl.zc_flush.__resv[0] = 1);
REFUSED(flush_resv1, EINVAL, c->ctrl.zc_flush.__resv[1] = 1);
REFUSED(flush_resv2, EINVAL, c->ctrl.zc_flush.__resv[2] = 1);
REFUSED(flush_resv3, EINVAL, c->ctrl.zc_flush.__resv[3] = 1);
REFUSED(flush_resv4, EINVAL, c->ctrl.zc_flush.__resv[4] = 1);
REFUSED(flush_resv5, EINVAL, c->ctrl.zc_flush.__resv[5] = 1ull << 63);
REFUSED(add_resv0, EINVAL, add_area(c); c->ctrl.zc_area.__resv[0] = 1);
REFUSED(add_resv1, EINVAL, add_area(c); c->ctrl.zc_area.__resv[1] = 1);
REFUSED(add_resv2, EINVAL, add_area(c); c->ctrl.zc_area.__resv[2] = 1);
REFUSED(add_resv3, EINVAL, add_area(c); c->ctrl.zc_area.__resv[3] = 1);
REFUSED(add_resv4, EINVAL, add_area(c);
	c->ctrl.zc_area.__resv[4] = 1ull << 63);
REFUSED(add_null, EFAULT, add_area(c); c->ctrl.zc_area.area_ptr = 0);

REFUSED_BOTH(args_before_fault, EINVAL, one_arg, fault);
REFUSED_BOTH(args_before_resv, EINVAL, one_arg, resv0);
REFUSED_BOTH(args_before_id, EINVAL, one_arg, id_next);
REFUSED_BOTH(resv_before_id, EFAULT, resv0, id_next);
REFUSED_BOTH(resv_before_op, EFAULT, resv1, op_next);
REFUSED_BOTH(resv_before_flush_resv, EFAULT, resv0, flush_resv0);
REFUSED_BOTH(id_before_op, ENXIO, id_next, op_next);
REFUSED_BOTH(id_before_flush_resv, ENXIO, id_next, flush_resv0);
REFUSED_BOTH(id_before_add_resv, ENXIO, id_next, add_resv0);
REFUSED_BOTH(id_before_add_null, ENXIO, id_next, add_null);
/* an operation that is not there has no reserved fields */
REFUSED_BOTH(op_before_flush_resv, EOPNOTSUPP, op_next, flush_resv0);
REFUSED(add_resv_before_area, EINVAL, add_null_spoil(c);
	c->ctrl.zc_area.__resv[0] = 1);

/* A ring has ifqs or not, of whatever kind it is. */
TEST(no_ifq)
{
	const unsigned int flags[] = {
		0,
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		IORING_SETUP_CQE32,
	};
	struct zcrx_ctrl ctrl = {};
	struct io_uring ring;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, io_uring_queue_init(8, &ring, flags[i]));
		EXPECT_EQ(-ENXIO, io_uring_register(ring.ring_fd,
						    IORING_REGISTER_ZCRX_CTRL,
						    &ctrl, 0));
		io_uring_queue_exit(&ring);
	}
}

/*
 * One entry that may make no sense, for the first of the buffers that are held.
 */
FIXTURE(entry)
{
	struct nodev nd;
};

FIXTURE_VARIANT(entry)
{
	void (*spoil)(struct io_uring_zcrx_rqe *rqe);
	bool taken;
};

FIXTURE_SETUP(entry)
{
	ASSERT_EQ(0, open_exhausted(&self->nd));
}

FIXTURE_TEARDOWN(entry)
{
	EXPECT_EQ(0, nodev_close(&self->nd));
}

TEST_F(entry, by_itself)
{
	struct nodev *nd = &self->nd;
	struct io_uring_zcrx_rqe rqe = nd->hold.rqe[0];

	variant->spoil(&rqe);
	zc_refill(&nd->zc, &rqe);
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_EQ(variant->taken, zc_fdinfo(&nd->zc, "free"));
	EXPECT_EQ(FEW - variant->taken, zc_fdinfo(&nd->zc, "held"));
	EXPECT_EQ(!variant->taken, zc_fdinfo(&nd->zc, "invalid"));
	/* the buffer comes with the others, for the second time if taken */
	EXPECT_GOES_ON(nd);
	EXPECT_EQ(1, zc_fdinfo(&nd->zc, "invalid"));
}

/* It hides none of those before and behind it. */
TEST_F(entry, among_others)
{
	struct nodev *nd = &self->nd;
	struct io_uring_zcrx_rqe rqe = nd->hold.rqe[0];
	unsigned int i;

	variant->spoil(&rqe);
	for (i = 1; i < FEW; i++) {
		if (i == FEW / 2)
			zc_refill(&nd->zc, &rqe);
		zc_refill(&nd->zc, &nd->hold.rqe[i]);
	}
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_EQ(!variant->taken, zc_fdinfo(&nd->zc, "held"));
	EXPECT_EQ(FEW - !variant->taken, zc_fdinfo(&nd->zc, "free"));
	EXPECT_EQ(!variant->taken, zc_fdinfo(&nd->zc, "invalid"));
}

#define ENTRY(name, is_taken, ...)					\
	static void name##_spoil(struct io_uring_zcrx_rqe *rqe)		\
	{								\
		__VA_ARGS__;						\
	}								\
	FIXTURE_VARIANT_ADD(entry, name)				\
	{								\
		.spoil = name##_spoil,					\
		.taken = is_taken,					\
	}

ENTRY(right, true, (void)rqe);
ENTRY(end_of_the_buffer, true, rqe->off |= PAGE - 1);
ENTRY(no_length, true, rqe->len = 0);
ENTRY(all_length, true, rqe->len = -1);
ENTRY(pad, false, rqe->__pad = 1);
ENTRY(pad_high, false, rqe->__pad = 1u << 31);
ENTRY(behind_the_area, false, rqe->off = FEW * PAGE);
/* what is beyond 32 bits, or beyond an index of 32 bits, is not lost */
ENTRY(beyond_4gib, false, rqe->off |= 1ull << 32);
ENTRY(beyond_16tib, false, rqe->off |= 1ull << 44);
ENTRY(end_of_offsets, false, rqe->off = ~IORING_ZCRX_AREA_MASK);
ENTRY(next_area, false, rqe->off |= 1ull << IORING_ZCRX_AREA_SHIFT);
ENTRY(area_15, false, rqe->off |= 15ull << IORING_ZCRX_AREA_SHIFT);
ENTRY(area_16, false, rqe->off |= 16ull << IORING_ZCRX_AREA_SHIFT);
ENTRY(last_area, false, rqe->off |= IORING_ZCRX_AREA_MASK);
ENTRY(all_ones, false, rqe->off = -1; rqe->len = -1; rqe->__pad = -1);

/*
 * The ring: its positions, and what is in it.
 */
FIXTURE(ring)
{
	struct nodev nd;
};

FIXTURE_SETUP(ring)
{
	ASSERT_EQ(0, open_exhausted(&self->nd));
}

FIXTURE_TEARDOWN(ring)
{
	EXPECT_EQ(0, nodev_close(&self->nd));
}

TEST_F(ring, empty)
{
	struct zc *zc = &self->nd.zc;
	const __u32 head = io_uring_smp_load_acquire(zc->rq.khead);

	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(head, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_EQ(FEW, zc_fdinfo(zc, "held"));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
	EXPECT_GOES_ON(&self->nd);
}

TEST_F(ring, full)
{
	struct nodev *nd = &self->nd;

	ASSERT_EQ(2 * FEW, nd->zc.rq.ring_entries);
	/* the same buffers twice: before and after they are free */
	write_entries(nd);
	write_entries(nd);
	ASSERT_EQ(0, nd->zc.stash_len);
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_EQ(nd->zc.rq.rq_tail, io_uring_smp_load_acquire(nd->zc.rq.khead));
	EXPECT_ALL_FREE(&nd->zc, FEW);
	EXPECT_EQ(FEW, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_GOES_ON(nd);
	EXPECT_EQ(2 * FEW, zc_fdinfo(&nd->zc, "invalid"));
}

/* Buffers that nobody has got yet, and those that have gone back long ago. */
TEST_F(ring, not_held)
{
	struct nodev *nd = &self->nd;

	write_entries(nd);
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_ALL_FREE(&nd->zc, FEW);
	write_entries(nd);
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_ALL_FREE(&nd->zc, FEW);
	EXPECT_EQ(FEW, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_GOES_ON(nd);
}

/* Who writes over head fools nobody but himself: the kernel has its own. */
TEST_F(ring, head_scribbled)
{
	struct nodev *nd = &self->nd;
	const __u32 bad[] = { 0, 1, 63, 64, 65, 1u << 31, -1 };
	struct io_uring_zcrx_rq *rq = &nd->zc.rq;
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		zc_refill(&nd->zc, &nd->hold.rqe[i]);
		*(volatile __u32 *)rq->khead = bad[i];
		EXPECT_EQ(0, zc_flush(&nd->zc));
		EXPECT_EQ(rq->rq_tail, io_uring_smp_load_acquire(rq->khead));
		EXPECT_EQ(i + 1, zc_fdinfo(&nd->zc, "free"));
	}
	EXPECT_EQ(0, zc_fdinfo(&nd->zc, "invalid"));
	EXPECT_GOES_ON(nd);
}

/* From where the kernel is, the ring can be used again. */
static void start_over(struct zc *zc)
{
	zc->rq.rq_tail = io_uring_smp_load_acquire(zc->rq.khead);
	zc_publish(zc);
}

/* Positions that no ring can have, and each kind of entries behind them. */
TEST_F(ring, tail_scribbled)
{
	const __u32 ahead[] = { -1, -64, 129, 256, 1u << 31, (1u << 31) - 1 };
	struct nodev *nd = &self->nd;
	struct zc *zc = &nd->zc;
	const size_t len = zc->rq.ring_entries * sizeof(*zc->rq.rqes);
	unsigned int i, fill;

	for (fill = 0; fill < 3; fill++) {
		for (i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
			if (fill < 2)
				memset(zc->rq.rqes, fill ? 0xff : 0, len);
			else
				stream_fill(&stream, i * len, zc->rq.rqes, len);
			zc->rq.rq_tail += ahead[i];
			EXPECT_EQ(0, zc_flush(zc));
			EXPECT_EQ(FEW, zc_fdinfo(zc, "held") +
				       zc_fdinfo(zc, "free"));
			start_over(zc);
		}
	}
	/* there was an entry for one of them, the first */
	EXPECT_LE(FEW - 1, zc_fdinfo(zc, "held"));
	EXPECT_GOES_ON(nd);
}

/* Writes nonsense, and now and then sense, all over the ring. */
struct scribbler {
	struct zc *zc;
	pthread_t thread;
	unsigned int rounds;
	bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	struct io_uring_zcrx_rq *rq = &s->zc->rq;
	unsigned int seed = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		volatile struct io_uring_zcrx_rqe *rqe =
			&rq->rqes[rand_r(&seed) & (rq->ring_entries - 1)];

		rqe->off = rand_r(&seed) % (2 * FEW * PAGE);
		rqe->__pad = rand_r(&seed) % 2;
		*(volatile __u32 *)rq->ktail = rand_r(&seed) * 2u;
		*(volatile __u32 *)rq->khead = rand_r(&seed);
		__atomic_add_fetch(&s->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(ring, scribbled_meanwhile, TIMEOUT)
{
	struct nodev *nd = &self->nd;
	struct scribbler s = { .zc = &nd->zc };
	struct zcrx_ctrl ctrl = {};
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&s.thread, NULL, scribble, &s));
	/* a busy machine may take its time to start a thread */
	while (__atomic_load_n(&s.rounds, __ATOMIC_RELAXED) < 1000)
		sched_yield();
	for (i = 0; i < 2000; i++)
		ASSERT_EQ(0, zc_ctrl(&nd->zc, &ctrl));
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(s.thread, NULL));
	EXPECT_LT(0, zc_fdinfo(&nd->zc, "invalid"));

	/* one flush more has head written again */
	ASSERT_EQ(0, zc_ctrl(&nd->zc, &ctrl));
	start_over(&nd->zc);
	EXPECT_GOES_ON(nd);
}

/* Only the task that the ring belongs to may ask. */
TEST_F(ring, of_another_task)
{
	struct nodev *nd = &self->nd;
	struct zcrx_ctrl ctrl = {};
	int status;
	pid_t pid;

	write_entries(nd);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(-zc_ctrl(&nd->zc, &ctrl));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EEXIST, WEXITSTATUS(status));
	EXPECT_EQ(FEW, zc_fdinfo(&nd->zc, "held"));
	EXPECT_EQ(0, zc_flush(&nd->zc));
	EXPECT_ALL_FREE(&nd->zc, FEW);
}

/*
 * With a NIC, which reads the refill ring as well.
 */
FIXTURE(bound)
{
	struct zc zc;
	struct wire wire;
	struct hold hold;
	struct receiver rx;
};

FIXTURE_VARIANT(bound)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(bound, user) { .kind = AREA_USER };
FIXTURE_VARIANT_ADD(bound, udmabuf) { .kind = AREA_UDMABUF };

FIXTURE_SETUP(bound)
{
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, 8 * MIB));
	stream_init(&stream, 62);
}

FIXTURE_TEARDOWN(bound)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
}

#define CONNECT(len)							\
	do {								\
		ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream,	\
				       len, false));			\
		self->rx = (struct receiver) {				\
			.zc = &self->zc,				\
			.sock = self->wire.sock,			\
			.stream = &stream,				\
			.hold = &self->hold,				\
		};							\
	} while (0)

/* Nothing comes in, so the NIC has no use for what is given back. */
TEST_F_TIMEOUT(bound, quiet, TIMEOUT)
{
	struct zc *zc = &self->zc;
	__s64 held, free;

	CONNECT(MIB);
	self->rx.keep = true;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_LE(MIB / PAGE, self->hold.nr);
	hold_release(&self->hold, zc);
	held = zc_fdinfo(zc, "held");
	free = zc_fdinfo(zc, "free");
	EXPECT_LT(0, held);

	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
	/* but for a few that a packet has taken meanwhile */
	EXPECT_LE(free + held / 2, zc_fdinfo(zc, "free"));
	EXPECT_EQ(zc->rq.rq_tail, io_uring_smp_load_acquire(zc->rq.khead));
	EXPECT_ZERO_COPY(zc, MIB);
}

/* Both read it at a time, and no entry is read twice, or not at all. */
TEST_F_TIMEOUT(bound, busy, TIMEOUT)
{
	struct zc *zc = &self->zc;

	CONNECT(32 * MIB);
	ASSERT_EQ(0, zc_recv(zc, self->rx.sock, 0, 0));
	while (!self->rx.ended) {
		ASSERT_EQ(0, receive_round(&self->rx, 1, WIRE_PATIENCE_MS));
		ASSERT_EQ(0, zc_flush(zc));
	}
	EXPECT_EQ(0, self->rx.result);
	EXPECT_EQ(32 * MIB, self->rx.bytes);
	EXPECT_ZERO_COPY(zc, 32 * MIB);
	EXPECT_EQ(0, zc_fdinfo(zc, "held"));
}

TEST_HARNESS_MAIN
