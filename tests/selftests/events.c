// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_EVENT_COPY: payload was copied. It comes once, until it is armed again,
 * and none is lost. And the statistics in the memory of the refill ring.
 *
 * events_register.c has the registrations that are refused, events_dry.c has
 * ZCRX_EVENT_ALLOC_FAIL, events_share.c has an ifq of several rings.
 */
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/pins.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096

/*
 * What is copied: all, on a ring without a NIC, and on one with a queue what
 * comes over loopback.
 */
#define COPY_AREA	(4 * MIB)
#define COPY_ENTRIES	(COPY_AREA / PAGE * 2)
#define FIRST		RQ_END(COPY_ENTRIES)
#define LAST		(zc_region_len(COPY_ENTRIES) - 16)

FIXTURE(copies)
{
	struct zc_config cfg;
	struct listener l;
};

FIXTURE_VARIANT(copies)
{
	bool nodev;
	bool kernel_rq;
	bool last;	/* that is where the statistics are */
};

FIXTURE_VARIANT_ADD(copies, nodev)
{
	.nodev = true,
};

FIXTURE_VARIANT_ADD(copies, nodev_kernel_rq)
{
	.nodev = true,
	.kernel_rq = true,
	.last = true,
};

FIXTURE_VARIANT_ADD(copies, bound)
{
	.last = true,
};

FIXTURE_VARIANT_ADD(copies, bound_kernel_rq)
{
	.kernel_rq = true,
};

FIXTURE_SETUP(copies)
{
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	self->cfg = (struct zc_config) {
		.nodev = variant->nodev,
		.kernel_rq = variant->kernel_rq,
		.kind = AREA_USER,
		.area_len = COPY_AREA,
	};
}

FIXTURE_TEARDOWN(copies)
{
	EXPECT_EQ(0, listener_close(&self->l));
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

#define OPEN(types)							\
	ASSERT_EQ(0, listener_open(&self->l, &self->cfg, types,		\
				   variant->last ? LAST : FIRST))

TEST_F(copies, once_until_armed)
{
	struct listener *l = &self->l;
	unsigned int round, i;

	OPEN(BOTH);
	EXPECT_EQ(0, l->stats->copy_count);
	EXPECT_EQ(0, l->stats->copy_bytes);
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 0);
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < 5; i++) {
			ASSERT_EQ(0, listener_copy(l, 100 * round + i));
			EXPECT_EVENTS(l, 0, round);
		}
		ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
		/* it is not the past that it tells of */
		ASSERT_EQ(0, listener_settle(l));
		EXPECT_EVENTS(l, 0, round);
	}
	EXPECT_EQ(l->rx[FROM_HERE].cqes, l->stats->copy_count);
	EXPECT_EQ(l->sent, l->stats->copy_bytes);
	EXPECT_EQ(l->sent, zc_fdinfo(&l->zc, "copied"));
}

TEST_F(copies, arm_refused)
{
	static const struct {
		struct zcrx_ctrl ctrl;
		int err;
	} table[] = {
		{ { .zc_arm_event.event_type = __ZCRX_EVENT_TYPE_LAST }, EINVAL },
		{ { .zc_arm_event.event_type = 32 + ZCRX_EVENT_COPY }, EINVAL },
		{ { .zc_arm_event.event_type = -1 }, EINVAL },
		{ { .zc_arm_event.__resv[0] = 1 }, EINVAL },
		{ { .zc_arm_event.__resv[10] = 1u << 31 }, EINVAL },
		{ { .zcrx_id = 1 }, ENXIO },
		{ { .__resv[1] = 1 }, EFAULT },
		{ { .__resv[1] = 1, .zcrx_id = 1 }, EFAULT },
		{ { .zcrx_id = 1, .zc_arm_event.__resv[0] = 1 }, ENXIO },
	};
	struct listener *l = &self->l;
	struct zcrx_ctrl ctrl;
	unsigned int i;

	OPEN(BOTH);
	EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_COPY));
	EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
	ASSERT_EQ(0, listener_copy(l, 1));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ctrl = table[i].ctrl;
		ctrl.op = ZCRX_CTRL_ARM_EVENT;
		/* where it says nothing of a type, it is the right one */
		ctrl.zc_arm_event.event_type =
			ctrl.zc_arm_event.event_type ?: ZCRX_EVENT_COPY;
		EXPECT_EQ(-table[i].err, zc_ctrl(&l->zc, &ctrl))
			TH_LOG("row %u", i);
	}
	/* none of them did it all the same */
	ASSERT_EQ(0, listener_copy(l, 1));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, listener_copy(l, 1));
	EXPECT_EVENTS(l, 0, 2);
}

TEST_F(copies, not_wanted)
{
	static const __u32 types[] = { 0, EVENT_ALLOC_FAIL };
	struct listener *l = &self->l;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (i)
			ASSERT_EQ(0, listener_close(l));
		ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
					     WIRE_PATIENCE_MS));
		OPEN(types[i]);
		ASSERT_EQ(0, listener_copy(l, 1000));
		EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_COPY));
		EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
		ASSERT_EQ(0, listener_copy(l, 1000));
		EXPECT_EVENTS(l, 0, 0);
		EXPECT_EQ(l->rx[FROM_HERE].cqes, l->stats->copy_count);
		EXPECT_EQ(2000, l->stats->copy_bytes);
	}
}

/* Nobody asked for anything, or for statistics. */
TEST_F(copies, no_desc)
{
	ASSERT_EQ(0, listener_open(&self->l, &self->cfg, EVENT_COPY, 0));
	ASSERT_EQ(0, listener_copy(&self->l, 1000));
	EXPECT_EVENTS(&self->l, 0, 1);
	ASSERT_EQ(0, listener_close(&self->l));
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));

	ASSERT_EQ(0, listener_open_with(&self->l, &self->cfg, NULL));
	ASSERT_EQ(0, listener_copy(&self->l, 1000));
	EXPECT_EVENTS(&self->l, 0, 0);
	EXPECT_EQ(-EINVAL, listener_arm(&self->l, ZCRX_EVENT_COPY));
	EXPECT_EQ(-EINVAL, listener_arm(&self->l, ZCRX_EVENT_ALLOC_FAIL));
}

/* All that a completion has. */
TEST_F(copies, completion)
{
	const struct zcrx_event_desc desc = {
		.user_data = 0x8123456789abcdef,
		.type_mask = BOTH,
	};
	struct listener *l = &self->l;
	struct io_uring *ring = &l->zc.ring;
	struct io_uring_cqe *cqe;
	unsigned int waited;

	ASSERT_EQ(0, listener_open_with(l, &self->cfg, &desc));
	ASSERT_EQ(0, tcp_send_all(l->here[1], "a", 1));
	for (waited = 0; io_uring_cq_ready(ring) < 2; waited++) {
		ASSERT_GT(WIRE_PATIENCE_MS, waited);
		usleep(1000);
		ASSERT_LE(0, io_uring_get_events(ring));
	}
	ASSERT_EQ(0, io_uring_peek_cqe(ring, &cqe));
	EXPECT_EQ(FROM_HERE, cqe->user_data);
	EXPECT_EQ(1, cqe->res);
	io_uring_cqe_seen(ring, cqe);
	ASSERT_EQ(0, io_uring_peek_cqe(ring, &cqe));
	EXPECT_EQ(desc.user_data, cqe->user_data);
	EXPECT_EQ(EVENT_COPY, cqe->res);
	EXPECT_EQ(0, cqe->flags);
	EXPECT_EQ(0, cqe->big_cqe[0]);
	EXPECT_EQ(0, cqe->big_cqe[1]);
	io_uring_cqe_seen(ring, cqe);
	EXPECT_EQ(0, io_uring_cq_ready(ring));
}

/*
 * A stream comes meanwhile, and each event is armed as soon as it came. With a
 * small CQ most of them find it full.
 */
static int receive_arming(struct listener *l, unsigned int *armed)
{
	struct receiver *rx = &l->rx[FROM_WIRE];
	__s64 armed_at = 0;
	int ret = 0;

	while (!ret && (!rx->ended || rx->result == -ENOMEM)) {
		/* more copies in a pass than there are buffers */
		if (rx->ended) {
			rx->ended = false;
			ret = zc_flush(&l->zc);
			if (!ret)
				ret = zc_recv(&l->zc, rx->sock, 0, rx->id);
		}
		if (!ret)
			ret = listener_round(l, WIRE_PATIENCE_MS);
		if (!ret && l->nr[ZCRX_EVENT_COPY] > *armed) {
			ret = listener_arm(l, ZCRX_EVENT_COPY);
			armed_at = zc_fdinfo(&l->zc, "copied");
			(*armed)++;
		}
	}
	if (!ret)
		ret = listener_settle(l);
	/* whether the last one had to come */
	*armed += zc_fdinfo(&l->zc, "copied") > armed_at;
	return ret ? ret : rx->result;
}

TEST_F_TIMEOUT(copies, of_a_stream, TIMEOUT)
{
	const unsigned int cq_entries[] = { 4096, 8 };
	struct listener *l = &self->l;
	unsigned int i, armed;

	for (i = 0; i < 2; i++) {
		if (i)
			ASSERT_EQ(0, listener_close(l));
		ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
					     WIRE_PATIENCE_MS));
		self->cfg.cq_entries = cq_entries[i];
		OPEN(BOTH);
		l->scribbles = true;
		ASSERT_EQ(0, listener_connect(l, true, 8 * MIB, false));
		armed = 0;
		ASSERT_EQ(0, receive_arming(l, &armed));
		TH_LOG("%u events, %llu copies, %llu full", armed,
		       l->rx[FROM_WIRE].cqes, l->rx[FROM_WIRE].enospc);
		EXPECT_EQ(8 * MIB, l->rx[FROM_WIRE].bytes);
		EXPECT_EQ(8 * MIB, zc_fdinfo(&l->zc, "copied"));
		EXPECT_EVENTS(l, 0, armed);
		/* or it was no test: all may come in one pass if it fits */
		EXPECT_LT(i ? 8 : 0, armed);
		EXPECT_EQ(!i, !l->rx[FROM_WIRE].enospc);
		EXPECT_EQ(0, *l->zc.ring.cq.koverflow);
	}
}

#define FULL	8

/* The event finds the CQ full: it comes when there is room. */
TEST_F(copies, cq_full)
{
	struct listener *l = &self->l;
	struct io_uring *ring = &l->zc.ring;
	unsigned int i, waited;

	self->cfg.cq_entries = FULL;
	OPEN(BOTH);
	for (i = 0; i < FULL - 1; i++) {
		io_uring_prep_nop(io_uring_get_sqe(ring));
		ASSERT_EQ(1, io_uring_submit(ring));
	}
	ASSERT_EQ(0, tcp_send_all(l->here[1], "", 1));
	for (waited = 0; !io_uring_cq_has_overflow(ring); waited++) {
		ASSERT_GT(WIRE_PATIENCE_MS, waited);
		usleep(1000);
		ASSERT_LE(0, io_uring_get_events(ring));
	}
	/* it is pending, and nothing else has taken its place */
	ASSERT_EQ(FULL, io_uring_cq_ready(ring));
	io_uring_cq_advance(ring, FULL);
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_FALSE(io_uring_cq_has_overflow(ring));
	EXPECT_EQ(0, *ring->cq.koverflow);
	EXPECT_EQ(1, l->stats->copy_bytes);

	/* of its completions the first was among those */
	l->rx[FROM_HERE].bytes = 1;
	l->rx[FROM_HERE].cqes = 1;
	l->sent = 1;
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 2);
}

TEST_HARNESS_MAIN
