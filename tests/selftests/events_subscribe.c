// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_CTRL_SUBSCRIBE: each ring that has an ifq can be told what becomes of it,
 * and when few buffers are left.
 */
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define NR_BUFFERS	16
#define LOW		(1U << ZCRX_EVENT_LOW_WATER)
/* user_data of what they subscribe to */
#define OURS		0x0a0a
#define THEIRS		0x0b0b

static struct stream stream;

static int subscribe(struct zc *zc, struct zcrx_ctrl_subscribe sub)
{
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_SUBSCRIBE,
		.zc_subscribe = sub,
	};

	return zc_ext_ctrl(zc, &ctrl);
}

/* Without a NIC, so that it is known who takes a buffer, and when. */
FIXTURE(copies)
{
	struct recv_pair pair;
	struct zc other;	/* has imported the ifq */
	__u32 head, tail;	/* of no refill ring of it */
	struct hold hold;
};

FIXTURE_SETUP(copies)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = NR_BUFFERS * PAGE,
	};
	struct zc *other = &self->other;
	int fd;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 84);
	ASSERT_EQ(0, recv_pair_open(&self->pair, &cfg, &stream));
	fd = zc_export(&self->pair.zc);
	ASSERT_LE(0, fd);
	other->rq.khead = &self->head;
	other->rq.ktail = &self->tail;
	other->reg.ifq.flags = ZCRX_REG_IMPORT;
	other->reg.ifq.if_idx = fd;
	ASSERT_EQ(0, zc_ring_open(&other->ring, 64));
	ASSERT_EQ(0, io_uring_register_ifq(&other->ring, &other->reg.ifq));
	close(fd);
	ASSERT_EQ(0, zc_recv(&self->pair.zc, self->pair.rx.sock, 0,
			     self->pair.rx.id));
}

FIXTURE_TEARDOWN(copies)
{
	recv_pair_close(&self->pair);
	io_uring_queue_exit(&self->other.ring);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* An event came before what it tells of: its completion, to be looked at. */
static union recv_cqe early;

/* The completion of payload. */
static int next_data(struct zc *zc, union recv_cqe *c)
{
	int ret = recv_next(zc, c, RECV_SOON_MS);

	if (ret || c->cqe.user_data != OURS)
		return ret;
	if (early.cqe.user_data)
		return -EALREADY;
	early = *c;
	return recv_next(zc, c, RECV_SOON_MS);
}

/* The ring is told, or has been. */
#define EXPECT_TOLD(zc, id, result)					\
	do {								\
		const __s32 __result = (result);			\
		const __u64 __id = (id);				\
									\
		if (early.cqe.user_data) {				\
			EXPECT_EQ(__id, early.cqe.user_data);		\
			EXPECT_EQ(__result, early.cqe.res);		\
			EXPECT_EQ(0, early.cqe.flags);			\
			memset(&early, 0, sizeof(early));		\
		} else {						\
			EXPECT_RESULT(zc, __id, __result);		\
		}							\
	} while (0)

#define EXPECT_NOT_TOLD(zc)						\
	do {								\
		EXPECT_EQ(0, early.cqe.user_data);			\
		EXPECT_QUIET(zc);					\
	} while (0)

/* One buffer is filled, and given back if it is not to be kept. */
#define EXPECT_COPY(p, keep)						\
	do {								\
		struct recv_pair *__p = (p);				\
		struct hold *__hold = (keep);				\
		union recv_cqe __c = {};				\
									\
		ASSERT_EQ(0, recv_pair_send_there(__p, PAGE));		\
		ASSERT_EQ(0, next_data(&__p->zc, &__c));		\
		EXPECT_EQ(PAGE, __c.cqe.res);				\
		if (__hold) {						\
			hold_add(__hold, &__p->zc, &__c.cqe);		\
			__p->rx.bytes += __c.cqe.res;			\
		} else {						\
			EXPECT_EQ(0, recv_take(&__p->rx, &__c));	\
		}							\
	} while (0)

TEST_F(copies, to_each_who_asked)
{
	const struct zcrx_ctrl_subscribe ours = {
		.user_data = OURS, .type_mask = EVENT_COPY,
	}, theirs = {
		.user_data = THEIRS, .type_mask = EVENT_COPY,
	}, none = {};
	struct recv_pair *p = &self->pair;

	ASSERT_EQ(0, subscribe(&p->zc, ours));
	EXPECT_EQ(-EEXIST, subscribe(&p->zc, ours));
	ASSERT_EQ(0, subscribe(&self->other, theirs));
	EXPECT_COPY(p, NULL);
	EXPECT_TOLD(&p->zc, OURS, EVENT_COPY);
	EXPECT_RESULT(&self->other, THEIRS, (__s32)EVENT_COPY);

	/* until armed, by each for itself */
	EXPECT_COPY(p, NULL);
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_QUIET(&self->other);
	EXPECT_EQ(-EINVAL, zc_arm_event(&p->zc, ZCRX_EVENT_ALLOC_FAIL));
	EXPECT_EQ(0, zc_arm_event(&p->zc, ZCRX_EVENT_COPY));
	EXPECT_EQ(-EINVAL, zc_arm_event(&p->zc, ZCRX_EVENT_COPY));
	EXPECT_COPY(p, NULL);
	EXPECT_TOLD(&p->zc, OURS, EVENT_COPY);
	EXPECT_QUIET(&self->other);
	EXPECT_EQ(0, zc_arm_event(&self->other, ZCRX_EVENT_COPY));
	EXPECT_COPY(p, NULL);
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_RESULT(&self->other, THEIRS, (__s32)EVENT_COPY);

	/* enough */
	EXPECT_EQ(0, zc_arm_event(&self->other, ZCRX_EVENT_COPY));
	EXPECT_EQ(0, subscribe(&self->other, none));
	EXPECT_EQ(-ENOENT, subscribe(&self->other, none));
	EXPECT_EQ(-EINVAL, zc_arm_event(&self->other, ZCRX_EVENT_COPY));
	EXPECT_COPY(p, NULL);
	EXPECT_QUIET(&self->other);
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F(copies, low_water)
{
	const unsigned int mark = 8;
	struct recv_pair *p = &self->pair;
	unsigned int i;

	ASSERT_EQ(0, subscribe(&p->zc, (struct zcrx_ctrl_subscribe) {
		.user_data = OURS, .type_mask = LOW, .low_water = mark }));
	ASSERT_EQ(0, subscribe(&self->other, (struct zcrx_ctrl_subscribe) {
		.user_data = THEIRS, .type_mask = LOW, .low_water = 1 }));
	for (i = 0; i < NR_BUFFERS - mark; i++)
		EXPECT_COPY(p, &self->hold);
	EXPECT_EQ(mark, zc_fdinfo(&p->zc, "free"));
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_COPY(p, &self->hold);
	EXPECT_TOLD(&p->zc, OURS, LOW);

	/* once, until it is armed and less still are left */
	EXPECT_COPY(p, &self->hold);
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_EQ(0, zc_arm_event(&p->zc, ZCRX_EVENT_LOW_WATER));
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_COPY(p, &self->hold);
	EXPECT_TOLD(&p->zc, OURS, LOW);

	/* there are enough again */
	hold_release(&self->hold, &p->zc);
	EXPECT_EQ(0, zc_flush(&p->zc));
	EXPECT_EQ(0, zc_arm_event(&p->zc, ZCRX_EVENT_LOW_WATER));
	for (i = 0; i < NR_BUFFERS - mark; i++)
		EXPECT_COPY(p, &self->hold);
	EXPECT_NOT_TOLD(&p->zc);
	/* nobody else's mark was met */
	EXPECT_QUIET(&self->other);
	for (; i < NR_BUFFERS - 1; i++)
		EXPECT_COPY(p, &self->hold);
	EXPECT_TOLD(&p->zc, OURS, LOW);
	EXPECT_QUIET(&self->other);
	EXPECT_COPY(p, &self->hold);
	EXPECT_RESULT(&self->other, THEIRS, (__s32)LOW);
	hold_release(&self->hold, &p->zc);
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_F(copies, refused)
{
	struct zc *zc = &self->pair.zc;
	struct zcrx_ctrl_subscribe bad;
	unsigned int i;

	for (i = __ZCRX_EVENT_TYPE_LAST; i < 32; i++) {
		if (i == ZCRX_EVENT_LOW_WATER)
			continue;
		EXPECT_EQ(-EINVAL, subscribe(zc, (struct zcrx_ctrl_subscribe) {
			.type_mask = 1U << i }));
		EXPECT_EQ(-EINVAL, zc_arm_event(zc, i));
	}
	EXPECT_EQ(-EINVAL, zc_arm_event(zc, ZCRX_EVENT_LOW_WATER));
	EXPECT_EQ(-EINVAL, zc_arm_event(zc, UINT32_MAX));
	EXPECT_EQ(-EINVAL, subscribe(zc, (struct zcrx_ctrl_subscribe) {
		.type_mask = LOW }));
	EXPECT_EQ(-EINVAL, subscribe(zc, (struct zcrx_ctrl_subscribe) {
		.type_mask = EVENT_COPY, .low_water = 1 }));
	EXPECT_EQ(-EINVAL, subscribe(zc, (struct zcrx_ctrl_subscribe) {
		.low_water = 1 }));
	EXPECT_EQ(-EINVAL, subscribe(zc, (struct zcrx_ctrl_subscribe) {
		.user_data = OURS }));
	for (i = 0; i < ARRAY_SIZE(bad.__resv); i++) {
		bad = (struct zcrx_ctrl_subscribe) { .type_mask = EVENT_COPY };
		bad.__resv[i] = 1;
		EXPECT_EQ(-EINVAL, subscribe(zc, bad));
	}
	EXPECT_EQ(-ENOENT, subscribe(zc, (struct zcrx_ctrl_subscribe) {}));
	EXPECT_COPY(&self->pair, NULL);
	EXPECT_QUIET(zc);
	EXPECT_EQ(0, recv_pair_drain(&self->pair));
}

/* What was given back counts, though nobody has looked at the refill ring. */
TEST_F(copies, not_low)
{
	struct recv_pair *p = &self->pair;
	unsigned int i;

	ASSERT_EQ(0, subscribe(&p->zc, (struct zcrx_ctrl_subscribe) {
		.user_data = OURS, .type_mask = LOW,
		.low_water = NR_BUFFERS / 2 }));
	for (i = 0; i < 4 * NR_BUFFERS; i++)
		EXPECT_COPY(p, NULL);
	EXPECT_NOT_TOLD(&p->zc);
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* With an event on its way that nobody will read. */
TEST_F(copies, ring_leaves)
{
	const struct zcrx_ctrl_subscribe both = {
		.user_data = THEIRS, .type_mask = EVENT_COPY | LOW,
		.low_water = NR_BUFFERS,
	};
	struct recv_pair *p = &self->pair;

	ASSERT_EQ(0, subscribe(&self->other, both));
	EXPECT_COPY(p, NULL);
	EXPECT_EQ(0, zc_unregister(&self->other, 0));
	EXPECT_COPY(p, NULL);
	/* what was on its way comes all the same */
	EXPECT_RESULT(&self->other, THEIRS, (__s32)LOW);
	EXPECT_RESULT(&self->other, THEIRS, (__s32)EVENT_COPY);
	EXPECT_COPY(p, NULL);
	EXPECT_QUIET(&self->other);
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* It hears of nothing that happens later, of which it was not told before. */
TEST_F(copies, ring_has_left)
{
	const struct zcrx_ctrl_subscribe both = {
		.user_data = THEIRS, .type_mask = EVENT_COPY | LOW,
		.low_water = NR_BUFFERS,
	};
	struct recv_pair *p = &self->pair;

	ASSERT_EQ(0, subscribe(&self->other, both));
	EXPECT_EQ(0, zc_unregister(&self->other, 0));
	EXPECT_COPY(p, NULL);
	EXPECT_QUIET(&self->other);
	EXPECT_EQ(0, recv_pair_drain(p));
}

/* With what the registration asked for beside it, and two completions for each. */
TEST(beside_the_registration)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = NR_BUFFERS * PAGE,
	};
	static struct listener l;

	ASSERT_EQ(0, listener_open(&l, &cfg, EVENT_COPY, 0));
	ASSERT_EQ(0, subscribe(&l.zc, (struct zcrx_ctrl_subscribe) {
		.user_data = EVENTS, .type_mask = EVENT_COPY }));
	ASSERT_EQ(0, listener_copy(&l, 1000));
	ASSERT_EQ(0, listener_settle(&l));
	EXPECT_EVENTS(&l, 0, 2);
	/* both at once */
	EXPECT_EQ(0, listener_arm(&l, ZCRX_EVENT_COPY));
	EXPECT_EQ(-EINVAL, listener_arm(&l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, listener_copy(&l, 1000));
	ASSERT_EQ(0, listener_settle(&l));
	EXPECT_EVENTS(&l, 0, 4);
	EXPECT_EQ(0, listener_close(&l));
}

/* With a NIC: it is told in time. */
FIXTURE(bound)
{
	unsigned int ifindex;
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	struct hold hold;
};

FIXTURE_VARIANT(bound)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(bound, user) { AREA_USER };
FIXTURE_VARIANT_ADD(bound, udmabuf) { AREA_UDMABUF };
FIXTURE_VARIANT_ADD(bound, heap) { AREA_HEAP };

#define STREAM_LEN	(8 * MIB)

FIXTURE_SETUP(bound)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 85);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, 4 * MIB));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
		.hold = &self->hold,
		.keep = true,
		.notice = OURS,
	};
}

FIXTURE_TEARDOWN(bound)
{
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(bound, low_before_dry, TIMEOUT)
{
	struct receiver *rx = &self->rx;
	struct zc *zc = &self->zc;

	ASSERT_EQ(0, subscribe(zc, (struct zcrx_ctrl_subscribe) {
		.user_data = OURS, .type_mask = LOW | EVENT_ALLOC_FAIL,
		.low_water = 128 }));
	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	while (!rx->noticed)
		ASSERT_EQ(0, receive_round(rx, 1, WIRE_PATIENCE_MS));
	EXPECT_EQ((__s32)LOW, rx->notice_res);
	EXPECT_LT(0, self->hold.nr);
	hold_release(&self->hold, zc);
	rx->keep = false;
	EXPECT_EQ(RECEIVE_END, receive(rx, UINT64_MAX - rx->bytes));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_ZERO_COPY(zc, STREAM_LEN);
}

TEST_HARNESS_MAIN
