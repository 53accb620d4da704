// SPDX-License-Identifier: GPL-2.0
/*
 * Each field of the completions of IORING_OP_RECV_ZC, in a CQ whose memory was
 * full of other things.
 */
#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define PAGE		4096
#define CQ_ENTRIES	16
#define AREA_PAGES	64
#define OTHER_PAGES	32
#define SENT		(24 * PAGE + 5)
/* no half of it is like the other */
#define ID		0xfedcba9876543210ULL
#define HEAD		16
#define HEAD_ID		0x4ead
#define OFFSET_MASK	((1ULL << IORING_ZCRX_AREA_SHIFT) - 1)

static struct stream stream;

FIXTURE(cqe)
{
	struct recv_pair p;
	bool seen[2][AREA_PAGES];
};

FIXTURE_VARIANT(cqe)
{
	int byte;
};

FIXTURE_VARIANT_ADD(cqe, over_ones) { .byte = 0xff };
FIXTURE_VARIANT_ADD(cqe, over_zeros) { .byte = 0 };
FIXTURE_VARIANT_ADD(cqe, over_bits) { .byte = 0xa5 };

/* All that the kernel has not written yet. */
static void scribble(struct zc *zc, int byte)
{
	memset(zc->ring.cq.cqes, byte,
	       zc->ring.cq.ring_entries * sizeof(union recv_cqe));
}

FIXTURE_SETUP(cqe)
{
	const struct zc_config cfg = {
		.kind = AREA_USER,
		.area_len = AREA_PAGES * PAGE,
		.cq_entries = CQ_ENTRIES,
	};

	stream_init(&stream, 85);
	ASSERT_EQ(0, recv_pair_open(&self->p, &cfg, &stream));
	ASSERT_EQ(CQ_ENTRIES, self->p.zc.ring.cq.ring_entries);
	self->p.rx.id = ID;
	scribble(&self->p.zc, variant->byte);
}

FIXTURE_TEARDOWN(cqe)
{
	recv_pair_close(&self->p);
}

#define EXPECT_LAST(c, result)						\
	do {								\
		const union recv_cqe *__last = (c);			\
									\
		EXPECT_EQ(ID, __last->cqe.user_data);			\
		EXPECT_EQ(result, __last->cqe.res);			\
		EXPECT_EQ(0, __last->cqe.flags);			\
		EXPECT_EQ(0, __last->word[2]);				\
		EXPECT_EQ(0, __last->word[3]);				\
	} while (0)

/*
 * All of each completion of a request, buffers kept. Returns what the request
 * ended with.
 */
TEST_F_TIMEOUT(cqe, each_field, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int nr = 0, ends = 0;
	union recv_cqe c;
	size_t bad;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	recv_pair_fin(p);
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, ID));
	while (!recv_next(&p->zc, &c, RECV_SOON_MS)) {
		__u64 area = c.word[2] >> IORING_ZCRX_AREA_SHIFT;
		__u64 off = c.word[2] & OFFSET_MASK;

		/* the place that it was in, so that it is not seen twice */
		if (!io_uring_cq_ready(&p->zc.ring))
			scribble(&p->zc, variant->byte);
		if (!(c.cqe.flags & IORING_CQE_F_MORE)) {
			EXPECT_LAST(&c, c.cqe.res);
			ends++;
			if (c.cqe.res != -ENOSPC)
				break;
			ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, ID));
			continue;
		}
		EXPECT_EQ(ID, c.cqe.user_data);
		EXPECT_EQ(IORING_CQE_F_MORE, c.cqe.flags);
		EXPECT_EQ(0, c.word[3]);
		EXPECT_EQ(0, area);
		/* a copy begins where a buffer does, and lies in one */
		EXPECT_EQ(0, off % PAGE);
		ASSERT_LT(off / PAGE, AREA_PAGES);
		ASSERT_LT(0, c.cqe.res);
		ASSERT_GE(PAGE, c.cqe.res);
		EXPECT_EQ(false, self->seen[0][off / PAGE]);
		self->seen[0][off / PAGE] = true;
		ASSERT_EQ(true, stream_check(&stream, p->rx.bytes,
					     p->zc.areas[0].base + off,
					     c.cqe.res, &bad));
		p->rx.bytes += c.cqe.res;
		nr++;
	}
	EXPECT_EQ(0, c.cqe.res);
	EXPECT_EQ(SENT, p->rx.bytes);
	EXPECT_LE((SENT + PAGE - 1) / PAGE, nr);
	/* the ring went round, and one of them by -ENOSPC */
	EXPECT_LT(CQ_ENTRIES, nr);
	EXPECT_LE(2, ends);
	EXPECT_QUIET(&p->zc);
}

/* The area's number stands in the upper bits, and what is below counts anew. */
TEST_F_TIMEOUT(cqe, of_a_second_area, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int in[2] = {}, most = 0;
	const char *failed;
	union recv_cqe c;
	struct area area;
	uint64_t token;
	int last;

	ASSERT_EQ(0, area_open(&area, AREA_USER, OTHER_PAGES * PAGE, &failed));
	ASSERT_EQ(0, zc_add_area(&p->zc, &area, &token));
	EXPECT_EQ(1ULL << IORING_ZCRX_AREA_SHIFT, token);
	/* a byte takes a buffer, too: the first area's are used up on the way */
	do {
		ASSERT_EQ(0, recv_pair_send_there(p, 1));
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 1, ID));
		ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
		last = c.cqe.res;
		if (c.cqe.flags & IORING_CQE_F_MORE) {
			__u64 at = c.word[2] >> IORING_ZCRX_AREA_SHIFT;
			__u64 off = c.word[2] & OFFSET_MASK;
			size_t bad;

			ASSERT_GT(2, at);
			ASSERT_LT(off / PAGE, at ? OTHER_PAGES : AREA_PAGES);
			EXPECT_EQ(0, off % PAGE);
			EXPECT_EQ(false, self->seen[at][off / PAGE]);
			self->seen[at][off / PAGE] = true;
			EXPECT_EQ(ID, c.cqe.user_data);
			EXPECT_EQ(IORING_CQE_F_MORE, c.cqe.flags);
			EXPECT_EQ(0, c.word[3]);
			ASSERT_EQ(1, c.cqe.res);
			ASSERT_EQ(true, stream_check(&stream, p->rx.bytes,
						     p->zc.areas[at].base + off,
						     1, &bad));
			p->rx.bytes++;
			in[at]++;
			ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
			EXPECT_LAST(&c, 0);
		}
		scribble(&p->zc, variant->byte);
	} while (last == 1 && ++most <= AREA_PAGES + OTHER_PAGES);
	EXPECT_LAST(&c, -ENOMEM);
	EXPECT_EQ(AREA_PAGES, in[0]);
	EXPECT_EQ(OTHER_PAGES, in[1]);
}

/* The last completion of requests that had no other. */
TEST_F_TIMEOUT(cqe, of_a_failure, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe = recv_sqe(p);
	union recv_cqe c;

	/* at once; when it is canceled; as the connection ended; after that */
	sqe.ioprio = 0;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
	EXPECT_LAST(&c, -EINVAL);

	scribble(&p->zc, variant->byte);
	sqe = recv_sqe(p);
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	sqe = (struct io_uring_sqe) { };
	io_uring_prep_cancel64(&sqe, ID, 0);
	sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
	EXPECT_LAST(&c, -ECANCELED);

	scribble(&p->zc, variant->byte);
	sqe = recv_sqe(p);
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_pair_rst(p));
	ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
	EXPECT_LAST(&c, -ECONNRESET);

	scribble(&p->zc, variant->byte);
	sqe = recv_sqe(p);
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
	EXPECT_LAST(&c, 0);
	EXPECT_QUIET(&p->zc);
}

/* Whatever user_data is, the kernel hands it back. */
TEST_F_TIMEOUT(cqe, user_data, TIMEOUT)
{
	static const __u64 id[] = {
		0, 1, ~0ULL, 1ULL << 63, 1ULL << 32, 0xffffffff,
		0xffffffff00000000, ID,
	};
	struct recv_pair *p = &self->p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(id); i++) {
		p->rx.id = id[i];
		ASSERT_EQ(0, recv_pair_send_there(p, 100));
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 100, id[i]));
		/* this compares the id */
		ASSERT_EQ(0, recv_bytes(&p->rx, 100));
		EXPECT_RESULT(&p->zc, id[i], 0);
		scribble(&p->zc, variant->byte);
	}
	EXPECT_EQ(0, recv_pair_finish(p));
}

/*
 * A head, received into memory of the program, and the rest: submitted together, so
 * that the end of the one waits for the other's payload. In the order of the stream.
 */
TEST_F_TIMEOUT(cqe, after_what_came_before, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	struct io_uring_sqe sqe[2] = {};
	char head[HEAD] = {};
	union recv_cqe c;
	size_t bad;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	io_uring_prep_recv(&sqe[0], p->rx.sock, head, HEAD, 0);
	sqe[0].user_data = HEAD_ID;
	sqe[1] = recv_sqe(p);
	ASSERT_EQ(0, zc_submit(&p->zc, sqe, 2));
	ASSERT_EQ(0, recv_next(&p->zc, &c, RECV_SOON_MS));
	EXPECT_EQ(HEAD_ID, c.cqe.user_data);
	EXPECT_EQ(HEAD, c.cqe.res);
	EXPECT_TRUE(stream_check(&stream, 0, head, HEAD, &bad));
	p->rx.bytes = HEAD;
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_HARNESS_MAIN
