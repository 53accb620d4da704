// SPDX-License-Identifier: GPL-2.0
/*
 * A CQ that is full ends a request with -ENOSPC, and the next one goes on where
 * it stopped: not a byte is lost, however small the CQ, and however many
 * connections share it.
 */
#include "kselftest_harness.h"

#include "lib/recv.h"
#include "lib/senders.h"

#define TIMEOUT		100
#define KIB		1024
#define MIB		(1024 * KIB)
#define PAGE		4096
#define AREA_LEN	MIB

static struct stream stream;

FIXTURE(full)
{
	struct recv_pair p;
	__u32 entries;	/* of the CQ, in truth */
};

FIXTURE_VARIANT(full)
{
	__u32 cq_entries;
};

FIXTURE_VARIANT_ADD(full, cq_of_1) { .cq_entries = 1 };
FIXTURE_VARIANT_ADD(full, cq_of_2) { .cq_entries = 2 };
FIXTURE_VARIANT_ADD(full, cq_of_3) { .cq_entries = 3 };

FIXTURE_SETUP(full)
{
	stream_init(&stream, 87);
	ASSERT_EQ(0, recv_pair_open_small(&self->p, variant->cq_entries,
					  AREA_LEN, &stream));
	/* the next power of two */
	self->entries = variant->cq_entries + variant->cq_entries / 3;
	ASSERT_EQ(self->entries, self->p.zc.ring.cq.ring_entries);
}

FIXTURE_TEARDOWN(full)
{
	recv_pair_close(&self->p);
}

/* How much of a receive window there is for sure. */
#define SENT		(40 * KIB)

/*
 * All is there when the request is made: it fills the CQ, to the last entry,
 * and its last completion has to wait until there is room.
 */
TEST_F_TIMEOUT(full, to_the_last_entry, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	union recv_cqe c = {};
	unsigned int rounds;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	for (rounds = 0; rounds < SENT; rounds++) {
		__u64 before = p->rx.cqes;

		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
		EXPECT_EQ(self->entries,
			  io_uring_cq_ready(&p->zc.ring));
		/* nothing is taken from the socket that has no completion */
		ASSERT_EQ(0, recv_until(&p->rx, &c));
		EXPECT_EQ(p->rx.id, c.cqe.user_data);
		EXPECT_EQ(-ENOSPC, c.cqe.res);
		EXPECT_EQ(0, c.cqe.flags);
		EXPECT_EQ(before + self->entries, p->rx.cqes);
		EXPECT_EQ(0, wire_wait_backlog(p->rx.sock,
					       SENT - p->rx.bytes));
		if (SENT - p->rx.bytes <= self->entries * PAGE)
			break;
	}
	EXPECT_LE(SENT / PAGE / self->entries - 2, rounds);
	EXPECT_QUIET(&p->zc);

	/* the rest, in as many rounds as it takes */
	EXPECT_EQ(0, recv_pair_finish(p));
	EXPECT_EQ(p->rx.bytes, zc_fdinfo(&p->zc, "copied"));
}

/* A CQ that was full before, with nothing in it of this request. */
TEST_F_TIMEOUT(full, of_other_completions, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = {};
	unsigned int i;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	io_uring_prep_nop(&sqe);
	sqe.user_data = 1;
	for (i = 0; i < self->entries; i++)
		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(self->entries, io_uring_cq_ready(&p->zc.ring));
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	EXPECT_EQ(0, wire_wait_backlog(p->rx.sock, SENT));
	for (i = 0; i < self->entries; i++)
		EXPECT_RESULT(&p->zc, 1, 0);
	EXPECT_RESULT(&p->zc, p->rx.id, -ENOSPC);
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* The same, and the request was armed when the CQ filled up. */
TEST_F_TIMEOUT(full, under_an_armed_request, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = {};
	unsigned int i;

	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	io_uring_prep_nop(&sqe);
	sqe.user_data = 1;
	for (i = 0; i < self->entries; i++)
		ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	EXPECT_EQ(0, io_uring_get_events(&p->zc.ring));
	for (i = 0; i < self->entries; i++)
		EXPECT_RESULT(&p->zc, 1, 0);
	EXPECT_RESULT(&p->zc, p->rx.id, -ENOSPC);
	EXPECT_EQ(0, wire_wait_backlog(p->rx.sock, SENT));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * Requests with a limit: what they got before -ENOSPC counts, so the next asks
 * for the rest. Returns 0 once so many bytes have come and the last of them
 * ended well, or what it ended with.
 */
static int receive_limited(struct recv_pair *p, __u32 len, unsigned int *enospc)
{
	const __u64 until = p->rx.bytes + len;
	union recv_cqe c;
	int ret;

	do {
		ret = zc_recv(&p->zc, p->rx.sock, until - p->rx.bytes,
			      p->rx.id);
		if (!ret)
			ret = recv_until(&p->rx, &c);
		if (ret)
			return ret;
		if (c.cqe.flags || c.cqe.user_data != p->rx.id)
			return -EPROTO;
		*enospc += c.cqe.res == -ENOSPC;
		/* with a limit that is reached, there is no other result */
		if (p->rx.bytes == until)
			return c.cqe.res;
	} while (c.cqe.res == -ENOSPC && p->rx.bytes < until);
	return c.cqe.res < 0 ? c.cqe.res : -ENODATA;
}

TEST_F_TIMEOUT(full, limited, TIMEOUT)
{
	static const __u32 len[] = {
		1, PAGE, PAGE + 1, 2 * PAGE, 3 * PAGE, 4 * PAGE + 1, 5, 16381,
	};
	struct recv_pair *p = &self->p;
	unsigned int i, enospc = 0;

	for (i = 0; i < ARRAY_SIZE(len); i++) {
		ASSERT_EQ(0, recv_pair_send_there(p, len[i] + 7));
		ASSERT_EQ(0, receive_limited(p, len[i], &enospc));
		EXPECT_EQ(0, wire_wait_backlog(p->rx.sock,
					       p->sent - p->rx.bytes));
		/* what is beyond the limit */
		ASSERT_EQ(0, receive_limited(p, 7, &enospc));
		EXPECT_EQ(p->sent, p->rx.bytes);
	}
	EXPECT_LT(0, enospc);
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* The end of a stream is told when there is room for it. */
TEST_F_TIMEOUT(full, at_the_end, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int i;

	/* each a completion of its own, so that they fill the CQ and no more */
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	for (i = 0; i < self->entries; i++) {
		ASSERT_EQ(0, recv_pair_send_there(p, 1));
		ASSERT_EQ(0, io_uring_get_events(&p->zc.ring));
		ASSERT_EQ(i + 1, io_uring_cq_ready(&p->zc.ring));
		/* not in the socket any more */
		p->rx.bytes++;
	}
	p->rx.bytes = 0;
	recv_pair_fin(p);
	ASSERT_EQ(0, io_uring_get_events(&p->zc.ring));
	EXPECT_EQ(0, recv_bytes(&p->rx, self->entries));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * A stream that keeps coming, one connection and several, each of whose
 * requests meets a CQ that the others fill.
 */
#define CONNECTIONS	8

FIXTURE(streams)
{
	struct recv_pair p;
	struct wire wire[CONNECTIONS];
	struct receiver rx[CONNECTIONS];
};

FIXTURE_VARIANT(streams)
{
	__u32 cq_entries;
	unsigned int nr;
	__u64 len;
};

FIXTURE_VARIANT_ADD(streams, one_cq_of_1)
{
	.cq_entries = 1,
	.nr = 1,
	.len = MIB,
};

FIXTURE_VARIANT_ADD(streams, one_cq_of_2)
{
	.cq_entries = 2,
	.nr = 1,
	.len = MIB,
};

FIXTURE_VARIANT_ADD(streams, many_cq_of_1)
{
	.cq_entries = 1,
	.nr = CONNECTIONS,
	.len = MIB / 4,
};

FIXTURE_VARIANT_ADD(streams, many_cq_of_2)
{
	.cq_entries = 2,
	.nr = CONNECTIONS,
	.len = MIB / 4,
};

FIXTURE_VARIANT_ADD(streams, many_cq_of_8)
{
	.cq_entries = 8,
	.nr = CONNECTIONS,
	.len = MIB,
};

FIXTURE_SETUP(streams)
{
	unsigned int i;

	stream_init(&stream, 88);
	ASSERT_EQ(0, recv_pair_open_small(&self->p, variant->cq_entries,
					  AREA_LEN, &stream));
	for (i = 0; i < variant->nr; i++) {
		ASSERT_EQ(0, wire_open_with(&self->wire[i], LOOPBACK_V4,
					    &stream, variant->len, false,
					    send_over_loopback));
		self->rx[i] = self->p.rx;
		self->rx[i].sock = self->wire[i].sock;
	}
}

FIXTURE_TEARDOWN(streams)
{
	unsigned int i;

	for (i = 0; i < variant->nr; i++)
		EXPECT_EQ(0, wire_close(&self->wire[i]));
	recv_pair_close(&self->p);
}

/*
 * Requests are made in turn, and only when nothing waits for room in the CQ:
 * until it has all come out, a request gets nothing but -ENOSPC, which waits
 * for room again. Who asks at once for each of many connections never gets
 * anything.
 */
static int arm_in_turn(struct receiver *rx, unsigned int nr, bool *armed,
		       unsigned int *turn)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		struct receiver *to = &rx[*turn];

		if (io_uring_cq_has_overflow(&to->zc->ring))
			break;
		if (!armed[*turn] && !to->ended)
			ret = zc_recv(to->zc, to->sock, 0, to->id);
		armed[*turn] = true;
		*turn = (*turn + 1) % nr;
	}
	return ret;
}

/* One completion. */
static int take_one(struct receiver *rx, unsigned int nr, bool *armed)
{
	union recv_cqe c;
	int ret = recv_next(rx->zc, &c, RECV_SOON_MS);

	if (ret)
		return ret;
	if (c.cqe.user_data >= nr)
		return -ENOENT;
	rx += c.cqe.user_data;
	if (c.cqe.flags & IORING_CQE_F_MORE)
		return recv_take(rx, &c);
	if (c.cqe.res == -ENOSPC) {
		armed[rx->id] = false;
		rx->enospc++;
		return 0;
	}
	rx->ended = true;
	rx->result = c.cqe.res;
	return 0;
}

static int receive_in_turn(struct receiver *rx, unsigned int nr)
{
	unsigned int turn = 0, ended, i;
	bool armed[CONNECTIONS] = {};
	int ret = 0;

	for (i = 0; i < nr; i++)
		rx[i].id = i;
	do {
		ret = arm_in_turn(rx, nr, armed, &turn);
		if (!ret)
			ret = take_one(rx, nr, armed);
		for (i = ended = 0; i < nr; i++)
			ended += rx[i].ended;
	} while (!ret && ended < nr);
	return ret;
}

TEST_F_TIMEOUT(streams, all_of_each, TIMEOUT)
{
	__u64 enospc = 0;
	unsigned int i;

	ASSERT_EQ(0, receive_in_turn(self->rx, variant->nr));
	for (i = 0; i < variant->nr; i++) {
		EXPECT_EQ(0, self->rx[i].result);
		EXPECT_EQ(variant->len, self->rx[i].bytes);
		enospc += self->rx[i].enospc;
	}
	EXPECT_LT(0, enospc);
	EXPECT_EQ(variant->nr * variant->len,
		  zc_fdinfo(&self->p.zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->p.zc, "invalid"));
}

/* The same from a NIC, by zero copy: nothing stays in a full CQ's way. */
#define WIRE_LEN	(4 * MIB)

TEST(from_the_nic)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_USER,
		.area_len = 8 * MIB,
		.cq_entries = CONNECTIONS,
	};
	struct receiver rx[CONNECTIONS] = {};
	struct wire wire[CONNECTIONS];
	__u64 enospc = 0;
	unsigned int i;
	struct zc zc;

	stream_init(&stream, 89);
	ASSERT_EQ(0, zc_open(&zc, &cfg));
	for (i = 0; i < CONNECTIONS; i++) {
		ASSERT_EQ(0, wire_open(&wire[i], WIRE_V4, &stream,
				       WIRE_LEN / CONNECTIONS, false));
		rx[i].zc = &zc;
		rx[i].stream = &stream;
		rx[i].sock = wire[i].sock;
	}
	ASSERT_EQ(0, receive_each(rx, CONNECTIONS));
	for (i = 0; i < CONNECTIONS; i++) {
		EXPECT_EQ(0, rx[i].result);
		EXPECT_EQ(WIRE_LEN / CONNECTIONS, rx[i].bytes);
		EXPECT_EQ(0, wire_close(&wire[i]));
		enospc += rx[i].enospc;
	}
	EXPECT_LT(0, enospc);
	EXPECT_ZERO_COPY(&zc, WIRE_LEN);
	zc_close(&zc);
}

TEST_HARNESS_MAIN
