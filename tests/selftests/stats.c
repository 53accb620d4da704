// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics: in memory that a program shares with the kernel, by netlink and in
 * fdinfo; that they are exact, agree with each other, and tell why it is stuck.
 */
#include <errno.h>
#include <linux/io_uring/zcrx_ext.h>
#include <linux/netdev.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "genl.h"
#include "lib/events.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "queue.h"
#include "zc_reasons.h"
#include "zc_rq.h"

#define TIMEOUT		120
#define PAGE		4096
#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(2 * MIB)
#define ENTRIES		1024
#define STATS_AT	RQ_END(ENTRIES)
#define REGION_LEN	(STATS_AT / PAGE * PAGE + 2 * PAGE)
#define STREAM_LEN	(4 * MIB)

static struct stream stream;

/* A registration that shares statistics. Returns 0 or -errno. */
static int open_with(struct zc *zc, enum area_kind kind, bool nodev,
		     struct zcrx_event_desc desc)
{
	unsigned int ifindex = nodev ? 0 : if_nametoindex(WIRE_IF);
	const char *failed;
	void *region;
	int ret;

	memset(zc, 0, sizeof(*zc));
	ret = area_open(&zc->areas[0], kind, AREA_LEN, &failed);
	if (!ret)
		ret = zc_ring_open(&zc->ring, 4096);
	if (ret)
		return ret;
	zc->region_len = REGION_LEN;
	region = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (region == MAP_FAILED)
		return -errno;
	/* what the kernel has to clear, and what it must not touch */
	memset(region, 0xff, REGION_LEN);
	zc_reg_init(&zc->reg, ifindex, nodev ? 0 : WIRE_RXQ, ENTRIES,
		    &zc->areas[0], region, REGION_LEN);
	zc->reg.ifq.flags = nodev ? ZCRX_REG_NODEV : 0;
	zc->reg.ifq.event_desc = (uintptr_t)&desc;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (!ret)
		zc_use_region(zc, region);
	return ret;
}

static const struct zcrx_event_desc wanted = {
	.flags = ZCRX_EVENT_DESC_FLAG_STATS | ZCRX_EVENT_DESC_FLAG_EXT,
	.stats_offset = STATS_AT,
};

static struct zcrx_ext_stats *stats_of(const struct zc *zc)
{
	return zc->rq.ring_ptr + STATS_AT;
}

/* What netlink tells of a queue. */
struct answer {
	struct zcrx_ext_stats stats;
	unsigned int nr;
	bool other_len;
};

static int take_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr = genl_attr(nlh, ZCRX_A_QUEUE_STATS);
	struct answer *answer = arg;

	if (!attr)
		return 0;
	answer->nr++;
	answer->other_len = attr->nla_len != NLA_HDRLEN + sizeof(answer->stats);
	if (!answer->other_len)
		memcpy(&answer->stats, (const char *)attr + NLA_HDRLEN,
		       sizeof(answer->stats));
	return 0;
}

static int ask_with(struct answer *answer, const struct genl_u32 *attrs)
{
	memset(answer, 0, sizeof(*answer));
	return genl_get(ZCRX_FAMILY_NAME, ZCRX_CMD_QUEUE_GET, 0, attrs,
			take_answer, answer);
}

static int ask_of(struct answer *answer, __u32 ifindex, __u32 rxq)
{
	const struct genl_u32 attrs[] = {
		{ ZCRX_A_QUEUE_IFINDEX, ifindex },
		{ ZCRX_A_QUEUE_ID, rxq },
		{ }
	};

	return ask_with(answer, attrs);
}

static int ask(struct answer *answer, __u32 rxq)
{
	return ask_of(answer, if_nametoindex(WIRE_IF), rxq);
}

#define EXPECT_ANSWER(rxq, to)					\
	do {								\
		struct answer *__a = (to);				\
									\
		ASSERT_EQ(0, ask(__a, rxq));				\
		ASSERT_EQ(1, __a->nr);					\
		ASSERT_FALSE(__a->other_len);				\
	} while (0)

/* Nothing moves: it is as fdinfo has it, but for what only the NIC's queue knows. */
static bool is_fdinfo(const struct zc *zc, const struct zcrx_ext_stats *s)
{
	char key[32];
	bool same;
	size_t i;

	same = s->copy_bytes == (__u64)zc_fdinfo(zc, "copied") &&
	       s->delivered_bytes == (__u64)zc_fdinfo(zc, "delivered") &&
	       s->cqes == (__u64)zc_fdinfo(zc, "cqes") &&
	       s->cq_full == (__u64)zc_fdinfo(zc, "cq_full") &&
	       s->buffers == (__u64)zc_fdinfo(zc, "buffers") &&
	       s->free == (__u64)zc_fdinfo(zc, "free");
	for (i = 0; i < ZC_REASONS; i++) {
		snprintf(key, sizeof(key), "copies_%s", zc_reasons[i]);
		same &= s->copies[i] == (__u64)zc_fdinfo(zc, key);
		snprintf(key, sizeof(key), "bytes_%s", zc_reasons[i]);
		same &= s->bytes[i] == (__u64)zc_fdinfo(zc, key);
	}
	for (i = 0; i < ZC_FAILURES; i++) {
		snprintf(key, sizeof(key), "failed_%s", zc_failures[i]);
		same &= s->failed[i] == (__u64)zc_fdinfo(zc, key);
	}
	return same;
}

/*
 * Without a NIC each buffer's way is known.
 */
FIXTURE(nodev)
{
	struct recv_pair p;
};

FIXTURE_VARIANT(nodev)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(nodev, user) { AREA_USER };
FIXTURE_VARIANT_ADD(nodev, udmabuf) { AREA_UDMABUF };

FIXTURE_SETUP(nodev)
{
	struct recv_pair *p = &self->p;
	int fd[2];

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 95);
	ASSERT_EQ(0, open_with(&p->zc, variant->kind, true, wanted));
	ASSERT_EQ(0, recv_connect(fd));
	p->rx = (struct receiver) {
		.zc = &p->zc,
		.sock = fd[0],
		.stream = &stream,
	};
	p->peer = fd[1];
}

FIXTURE_TEARDOWN(nodev)
{
	recv_pair_close(&self->p);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(nodev, exact)
{
	const __u64 niovs = AREA_LEN / PAGE;
	struct recv_pair *p = &self->p;
	struct zcrx_ext_stats *s = stats_of(&p->zc);
	static const struct zcrx_ext_stats none;
	const __u8 *behind = (void *)(s + 1);

	EXPECT_EQ(0, memcmp(s, &none, sizeof(none)));
	EXPECT_EQ(0xff, *behind);
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	p->rx.keep = true;
	ASSERT_EQ(0, recv_pair_send_there(p, 1000));
	ASSERT_EQ(0, recv_bytes(&p->rx, 1000));
	EXPECT_EQ(1, s->copy_count);
	EXPECT_EQ(1000, s->copy_bytes);
	EXPECT_EQ(1, s->cqes);
	EXPECT_EQ(1, s->copies[ZCRX_STATS_NODEV]);
	EXPECT_EQ(1000, s->bytes[ZCRX_STATS_NODEV]);
	EXPECT_EQ(niovs, s->buffers);
	EXPECT_EQ(niovs - 1, s->free);
	EXPECT_EQ(1, s->held);
	EXPECT_EQ(0, s->delivered_bytes);
	EXPECT_EQ(0, s->cq_full);
	EXPECT_TRUE(is_fdinfo(&p->zc, s));
	EXPECT_EQ(0xff, *behind);
	/* what is written there fools nobody else */
	memset(s, 0x5a, sizeof(*s));
	ASSERT_EQ(0, recv_pair_send_there(p, 2 * PAGE));
	ASSERT_EQ(0, recv_bytes(&p->rx, 2 * PAGE));
	EXPECT_EQ(3, s->copy_count);
	EXPECT_EQ(1000 + 2 * PAGE, s->copy_bytes);
	EXPECT_EQ(3, s->held);
	EXPECT_TRUE(is_fdinfo(&p->zc, s));
	EXPECT_EQ(0, recv_pair_drain(p));
}

static int register_with(struct zcrx_event_desc desc)
{
	struct zc zc;
	int ret = open_with(&zc, AREA_USER, true, desc);

	io_uring_queue_exit(&zc.ring);
	area_close(&zc.areas[0]);
	return ret;
}

TEST(refused)
{
	const size_t size = sizeof(struct zcrx_ext_stats);
	struct zcrx_event_desc desc = wanted;

	desc.flags = ZCRX_EVENT_DESC_FLAG_EXT;
	EXPECT_EQ(-EINVAL, register_with(desc));
	desc.stats_offset = 0;
	EXPECT_EQ(-EINVAL, register_with(desc));
	desc = wanted;
	desc.flags |= 1U << 30;
	EXPECT_EQ(-EINVAL, register_with(desc));
	desc = wanted;
	desc.stats_offset += 4;
	EXPECT_EQ(-EINVAL, register_with(desc));
	desc.stats_offset = STATS_AT - 8;
	EXPECT_EQ(-ERANGE, register_with(desc));
	desc.stats_offset = REGION_LEN - size + 8;
	EXPECT_EQ(-ERANGE, register_with(desc));
	desc.stats_offset = REGION_LEN - size;
	EXPECT_EQ(0, register_with(desc));
	/* there is room for upstream's */
	desc.stats_offset = REGION_LEN - sizeof(struct zcrx_stats);
	EXPECT_EQ(-ERANGE, register_with(desc));
	desc.flags = ZCRX_EVENT_DESC_FLAG_STATS;
	EXPECT_EQ(0, register_with(desc));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* Who asks for upstream's gets no byte more. */
TEST(upstreams_size)
{
	const struct zcrx_event_desc desc = {
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
		.stats_offset = STATS_AT,
	};
	struct recv_pair p = {};
	const __u64 *behind;
	int fd[2];

	stream_init(&stream, 95);
	ASSERT_EQ(0, open_with(&p.zc, AREA_USER, true, desc));
	ASSERT_EQ(0, recv_connect(fd));
	p.rx = (struct receiver) {
		.zc = &p.zc, .sock = fd[0], .stream = &stream };
	p.peer = fd[1];
	behind = p.zc.rq.ring_ptr + STATS_AT + sizeof(struct zcrx_stats);
	ASSERT_EQ(0, zc_recv(&p.zc, p.rx.sock, 0, 0));
	ASSERT_EQ(0, recv_pair_send_there(&p, 1000));
	ASSERT_EQ(0, recv_bytes(&p.rx, 1000));
	EXPECT_EQ(1000, stats_of(&p.zc)->copy_bytes);
	EXPECT_EQ(~0ULL, *behind);
	EXPECT_EQ(0, recv_pair_drain(&p));
	recv_pair_close(&p);
}

/* A CQ that is full: each end is counted. */
TEST(full_cq)
{
	struct recv_pair p;

	stream_init(&stream, 95);
	ASSERT_EQ(0, recv_pair_open_small(&p, 2, 16 * PAGE, &stream));
	ASSERT_EQ(0, recv_pair_send_there(&p, 8 * PAGE));
	ASSERT_EQ(0, recv_pair_finish(&p));
	EXPECT_LT(0, (int)p.rx.enospc);
	EXPECT_EQ((__s64)p.rx.enospc, zc_fdinfo(&p.zc, "cq_full"));
	recv_pair_close(&p);
}

/*
 * With a NIC
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
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	stream_init(&stream, 96);
	ASSERT_EQ(0, open_with(&self->zc, variant->kind, false, wanted));
	self->rx = (struct receiver) { .zc = &self->zc, .stream = &stream };
}

FIXTURE_TEARDOWN(bound)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* Nobody has lost count of a buffer. */
TEST_F_TIMEOUT(bound, adds_up, TIMEOUT)
{
	struct zcrx_ext_stats *s = stats_of(&self->zc);
	struct zc *zc = &self->zc;
	struct answer a;

	EXPECT_ANSWER(WIRE_RXQ, &a);
	EXPECT_EQ(AREA_LEN / PAGE, a.stats.buffers);
	EXPECT_LT(0, a.stats.queue.from_free);
	EXPECT_EQ(0, a.stats.queue.from_ring);
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_EQ(STREAM_LEN, s->delivered_bytes);
	EXPECT_EQ(self->rx.cqes, s->cqes);
	EXPECT_EQ(0, zc_flush(zc));

	EXPECT_ANSWER(WIRE_RXQ, &a);
	EXPECT_TRUE(is_fdinfo(zc, &a.stats));
	EXPECT_EQ(0, a.stats.held);
	EXPECT_EQ(a.stats.cqes, a.stats.queue.returned);
	EXPECT_EQ(0, a.stats.queue.invalid);
	EXPECT_EQ(0, a.stats.queue.from_others);
	/* more than there are: most of them by way of the ring */
	EXPECT_LT(STREAM_LEN / 1448 - AREA_LEN / PAGE, a.stats.queue.from_ring);
	EXPECT_LE(s->queue.from_ring, a.stats.queue.from_ring);
	EXPECT_LT(0, s->queue.from_ring);
	EXPECT_EQ(0, memcmp(a.stats.copies, s->copies, sizeof(s->copies)));
	/* one that there is not */
	zc_refill(zc, &(struct io_uring_zcrx_rqe) { .off = 1ULL << 60 });
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_ANSWER(WIRE_RXQ, &a);
	EXPECT_EQ(1, a.stats.queue.invalid);
	EXPECT_EQ(a.stats.cqes, a.stats.queue.returned);
	EXPECT_EQ(1, zc_fdinfo(zc, "invalid"));
}

/* What netlink refuses. */
TEST_F_TIMEOUT(bound, who_is_asked, TIMEOUT)
{
	const __u32 ifindex = if_nametoindex(WIRE_IF);
	const struct genl_u32 no_queue[] = {
		{ ZCRX_A_QUEUE_IFINDEX, ifindex }, { } };
	const struct genl_u32 no_interface[] = {
		{ ZCRX_A_QUEUE_ID, WIRE_RXQ }, { } };
	const struct genl_u32 too_much[] = {
		{ ZCRX_A_QUEUE_IFINDEX, ifindex },
		{ ZCRX_A_QUEUE_ID, WIRE_RXQ },
		{ ZCRX_A_QUEUE_STATS, 0 }, { } };
	struct answer a;

	EXPECT_EQ(0, ask(&a, WIRE_RXQ));
	EXPECT_EQ(1, a.nr);
	EXPECT_EQ(-ENOENT, ask(&a, !WIRE_RXQ));
	EXPECT_EQ(-ENOENT, ask(&a, 1000));
	EXPECT_EQ(-ENOENT, ask(&a, -1));
	EXPECT_EQ(-ENODEV, ask_of(&a, 1000, WIRE_RXQ));
	EXPECT_EQ(-ERANGE, ask_of(&a, 0, WIRE_RXQ));
	EXPECT_EQ(-EINVAL, ask_with(&a, no_queue));
	EXPECT_EQ(-EINVAL, ask_with(&a, no_interface));
	EXPECT_EQ(-EINVAL, ask_with(&a, too_much));
}

/* All is held: it says so, and for how long. */
TEST_F_TIMEOUT(bound, starved, TIMEOUT)
{
	struct zcrx_ext_stats *s = stats_of(&self->zc);
	const struct timespec while_dry = { .tv_nsec = 300 * 1000000 };
	struct zc *zc = &self->zc;
	struct hold hold = {};
	struct answer a, b;
	unsigned int i;

	EXPECT_EQ(0, s->queue.alloc_failed);
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->rx.sock = self->wire.sock;
	self->rx.keep = true;
	self->rx.hold = &hold;
	ASSERT_EQ(0, zc_recv(zc, self->rx.sock, 0, 0));
	for (i = 0; i < 1000 && !s->queue.starving; i++)
		receive_round(&self->rx, 1, 50);
	EXPECT_EQ(1, s->queue.starving);
	EXPECT_ANSWER(WIRE_RXQ, &a);
	EXPECT_LT(0, a.stats.queue.alloc_failed);
	EXPECT_EQ(1, a.stats.queue.starving);
	EXPECT_EQ(0, a.stats.free);
	nanosleep(&while_dry, NULL);

	hold_release(&hold, zc);
	self->rx.keep = false;
	ASSERT_EQ(RECEIVE_END, receive(&self->rx, UINT64_MAX - STREAM_LEN));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_ANSWER(WIRE_RXQ, &b);
	EXPECT_EQ(0, b.stats.queue.starving);
	EXPECT_LT(while_dry.tv_nsec, (__s64)b.stats.queue.starved_ns);
	/* no longer than this test */
	EXPECT_GT(TIMEOUT * 1000000000LL, (__s64)b.stats.queue.starved_ns);
	EXPECT_LE(a.stats.queue.alloc_failed, b.stats.queue.alloc_failed);
	EXPECT_EQ(0, s->queue.starving);
}

/* Each queue has numbers of its own, and what it shares. */
TEST_F_TIMEOUT(bound, of_each_queue, TIMEOUT)
{
	struct io_uring_region_desc desc = {
		.size = REGION_LEN,
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_BIND_QUEUE,
		.zc_bind = {
			.if_idx = self->ifindex,
			.if_rxq = FLOW_FURTHER_RXQ,
			.rq_entries = ENTRIES,
			.region_ptr = (uintptr_t)&desc,
			.stats_offset = STATS_AT,
		},
	};
	struct zc *zc = &self->zc;
	struct zc_queue queue = { .rxq = FLOW_FURTHER_RXQ };
	struct zcrx_queue_stats *s;
	struct answer first, further;
	const __u64 *behind;
	void *region;

	region = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, region);
	memset(region, 0xff, REGION_LEN);
	desc.user_addr = (uintptr_t)region;
	s = region + STATS_AT;
	behind = (void *)(s + 1);
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, flow_steer(FLOW_FURTHER_RXQ, FLOW_FURTHER_RXQ));

	EXPECT_EQ(-EINVAL, zc_ext_ctrl(zc, &ctrl));
	ctrl.zc_bind.flags = ZCRX_BIND_STATS;
	ctrl.zc_bind.stats_offset = STATS_AT + 1;
	EXPECT_EQ(-EINVAL, zc_ext_ctrl(zc, &ctrl));
	ctrl.zc_bind.stats_offset = STATS_AT - 8;
	EXPECT_EQ(-ERANGE, zc_ext_ctrl(zc, &ctrl));
	ctrl.zc_bind.stats_offset = REGION_LEN;
	EXPECT_EQ(-ERANGE, zc_ext_ctrl(zc, &ctrl));
	ctrl.zc_bind.stats_offset = STATS_AT;
	ASSERT_EQ(0, zc_ext_ctrl(zc, &ctrl));
	EXPECT_LT(0, s->from_free);
	EXPECT_EQ(~0ULL, *behind);

	EXPECT_ANSWER(WIRE_RXQ, &first);
	ASSERT_EQ(0, flow_open(&self->wire, WIRE_V4, 0, &stream, STREAM_LEN,
			       false));
	self->rx.sock = self->wire.sock;
	/* some go back by the first one's ring, for which nothing comes */
	zc_rq_use(&queue.rq, region, &zc->reg.ifq.offsets, ENTRIES);
	self->rx.by = &queue;
	self->rx.by_every = 4;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, wire_close(&self->wire));
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_ANSWER(FLOW_FURTHER_RXQ, &further);
	EXPECT_EQ(self->rx.cqes / 4, further.stats.queue.returned);
	EXPECT_LT(0, further.stats.queue.from_ring);
	EXPECT_LT(0, further.stats.queue.from_others);
	EXPECT_LT(STREAM_LEN / 1448, further.stats.queue.from_free +
		  further.stats.queue.from_others +
		  further.stats.queue.from_ring);
	EXPECT_LE(s->from_free, further.stats.queue.from_free);
	EXPECT_EQ(~0ULL, *behind);
	EXPECT_ANSWER(WIRE_RXQ, &first);
	EXPECT_EQ(self->rx.cqes, first.stats.queue.returned +
		  further.stats.queue.returned);
	EXPECT_EQ(0, first.stats.queue.from_ring);
	EXPECT_EQ(self->rx.cqes, first.stats.cqes);
	EXPECT_EQ(self->rx.cqes, further.stats.cqes);
	EXPECT_EQ(0, first.stats.held);

	ctrl.op = ZCRX_CTRL_UNBIND_QUEUE;
	ctrl.zc_unbind = (struct zcrx_ctrl_unbind_queue) {
		.if_rxq = FLOW_FURTHER_RXQ };
	ASSERT_EQ(0, zc_ext_ctrl(zc, &ctrl));
	/* nor is it any program's any more */
	memset(region, 0, REGION_LEN);
	EXPECT_ANSWER(WIRE_RXQ, &first);
	EXPECT_EQ(0, first.stats.held);
	EXPECT_EQ(-ENOENT, ask(&further, FLOW_FURTHER_RXQ));
	ASSERT_EQ(0, flow_steer(WIRE_RXQ, WIRE_RXQ));
}

TEST_HARNESS_MAIN
