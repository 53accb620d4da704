// SPDX-License-Identifier: GPL-2.0
/*
 * The sqe of IORING_OP_RECV_ZC, field by field: which are refused, with what,
 * and that nothing is received then, while a good request gets all of it.
 */
#include <stddef.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define SENT		(40 * KIB)
#define UNKNOWN_ID	1

static struct stream stream;

FIXTURE(sqe)
{
	struct recv_pair p;
};

FIXTURE_VARIANT(sqe)
{
	bool quiet;	/* nothing to receive, so a request would wait */
};

FIXTURE_VARIANT_ADD(sqe, data_there) { };
FIXTURE_VARIANT_ADD(sqe, quiet) { .quiet = true };

FIXTURE_SETUP(sqe)
{
	stream_init(&stream, 81);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
	if (!variant->quiet)
		ASSERT_EQ(0, recv_pair_send_there(&self->p, SENT));
}

FIXTURE_TEARDOWN(sqe)
{
	EXPECT_QUIET(&self->p.zc);
	EXPECT_EQ(0, self->p.rx.bytes);
	EXPECT_EQ(0, recv_pair_send(&self->p, SENT));
	EXPECT_EQ(0, recv_pair_finish(&self->p));
	recv_pair_close(&self->p);
}

/* What the request got, which was not to be taken. */
static int refused(struct recv_pair *p, const struct io_uring_sqe *sqe)
{
	union recv_cqe c = {};
	int ret = zc_submit(&p->zc, sqe, 1);

	if (!ret)
		ret = recv_next(&p->zc, &c, RECV_SOON_MS);
	if (ret)
		return ret;
	if (c.cqe.user_data != sqe->user_data || c.cqe.flags)
		return -EPROTO;
	return c.cqe.res;
}

static void flip(struct io_uring_sqe *sqe, size_t off, unsigned int bit)
{
	((__u8 *)sqe)[off + bit / 8] ^= 1 << bit % 8;
}

/* Each bit of a field that is to be 0: the first that is taken, or -1. */
static int accepted_bit(struct recv_pair *p, size_t off, int bits)
{
	int bit;

	for (bit = 0; bit < bits; bit++) {
		struct io_uring_sqe sqe = recv_sqe(p);

		flip(&sqe, off, bit);
		if (refused(p, &sqe) != -EINVAL)
			return bit;
	}
	return -1;
}

#define ACCEPTED_BIT(field, bits)					\
	accepted_bit(&self->p, offsetof(struct io_uring_sqe, field), bits)

TEST_F_TIMEOUT(sqe, addr, TIMEOUT)
{
	EXPECT_EQ(-1, ACCEPTED_BIT(addr, 64));
}

TEST_F_TIMEOUT(sqe, addr2, TIMEOUT)
{
	EXPECT_EQ(-1, ACCEPTED_BIT(addr2, 64));
}

TEST_F_TIMEOUT(sqe, addr3, TIMEOUT)
{
	EXPECT_EQ(-1, ACCEPTED_BIT(addr3, 64));
}

TEST_F_TIMEOUT(sqe, msg_flags, TIMEOUT)
{
	EXPECT_EQ(-1, ACCEPTED_BIT(msg_flags, 32));
}

TEST_F_TIMEOUT(sqe, ioprio, TIMEOUT)
{
	const __u16 known = IORING_RECV_MULTISHOT | IORING_RECVSEND_POLL_FIRST;
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	unsigned int bit;

	for (bit = 0; bit < 16; bit++) {
		if (known & 1 << bit)
			continue;
		sqe.ioprio = IORING_RECV_MULTISHOT | 1 << bit;
		EXPECT_EQ(-EINVAL, refused(&self->p, &sqe))
			TH_LOG("bit %u", bit);
		sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
		EXPECT_EQ(-EINVAL, refused(&self->p, &sqe))
			TH_LOG("bit %u with POLL_FIRST", bit);
	}
	sqe.ioprio = 0;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
	sqe.ioprio = IORING_RECVSEND_POLL_FIRST;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
}

/* At once, whatever the request would wait for if it were good. */
TEST_F_TIMEOUT(sqe, unknown_id, TIMEOUT)
{
	static const __u32 id[] = {
		1, 2, 2047, 2048, 65535, 65536, 0x7fffffff, 0x80000000,
		0xffffffff,
	};
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	unsigned int i, how;

	for (i = 0; i < ARRAY_SIZE(id); i++) {
		for (how = 0; how < 4; how++) {
			sqe.zcrx_ifq_idx = id[i];
			sqe.ioprio = IORING_RECV_MULTISHOT;
			if (how & 1)
				sqe.ioprio |= IORING_RECVSEND_POLL_FIRST;
			sqe.flags = how & 2 ? IOSQE_ASYNC : 0;
			ASSERT_EQ(-EINVAL, refused(&self->p, &sqe))
				TH_LOG("%#x, ioprio %u, flags %u", id[i],
				       sqe.ioprio, sqe.flags);
		}
	}
}

/* What is wrong with the file is seen only when the rest is right. */
TEST_F_TIMEOUT(sqe, two_things_wrong, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);

	sqe.fd = -1;
	EXPECT_EQ(-EBADF, refused(&self->p, &sqe));
	sqe.addr = 1;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
	sqe.addr = 0;
	sqe.ioprio = 0;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
	sqe.ioprio = IORING_RECV_MULTISHOT;
	sqe.zcrx_ifq_idx = UNKNOWN_ID;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
	/* no operation selects a buffer that does not say so */
	sqe.flags = IOSQE_BUFFER_SELECT;
	EXPECT_EQ(-EOPNOTSUPP, refused(&self->p, &sqe));
}

/* The ring has a second ifq; the id behind it is still unknown. */
TEST_F_TIMEOUT(sqe, second_id, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	const char *failed;
	struct zc_reg reg;
	struct area area;

	sqe.zcrx_ifq_idx = 1;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
	ASSERT_EQ(0, area_open(&area, AREA_USER, 16 * 4096, &failed));
	zc_reg_init(&reg, 0, 0, 16, &area, NULL, zc_region_len(16));
	reg.ifq.flags = ZCRX_REG_NODEV;
	ASSERT_EQ(0, io_uring_register_ifq(&self->p.zc.ring, &reg.ifq));
	ASSERT_EQ(1, reg.ifq.zcrx_id);
	/* now it is the socket that is wrong */
	sqe.fd = -1;
	EXPECT_EQ(-EBADF, refused(&self->p, &sqe));
	sqe.zcrx_ifq_idx = 2;
	EXPECT_EQ(-EINVAL, refused(&self->p, &sqe));
}

/*
 * The length.
 */
FIXTURE(length)
{
	struct recv_pair p;
};

FIXTURE_VARIANT(length)
{
	__u32 len;
	bool later;	/* than the request, the data comes */
};

FIXTURE_VARIANT_ADD(length, of_1) { .len = 1 };
FIXTURE_VARIANT_ADD(length, of_1_later) { .len = 1, .later = true };
FIXTURE_VARIANT_ADD(length, below_a_buffer) { .len = 4095 };
FIXTURE_VARIANT_ADD(length, of_a_buffer) { .len = 4096 };
FIXTURE_VARIANT_ADD(length, above_a_buffer) { .len = 4097 };
FIXTURE_VARIANT_ADD(length, of_many) { .len = SENT - 1 };
FIXTURE_VARIANT_ADD(length, of_many_later) { .len = SENT - 1, .later = true };
FIXTURE_VARIANT_ADD(length, of_all) { .len = SENT };

FIXTURE_SETUP(length)
{
	stream_init(&stream, 82);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(length)
{
	recv_pair_close(&self->p);
}

/* So much, and the rest is left to another request. */
TEST_F_TIMEOUT(length, not_a_byte_more, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	union recv_cqe c = {};

	if (!variant->later)
		ASSERT_EQ(0, recv_pair_send_there(p, SENT));
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, variant->len, p->rx.id));
	if (variant->later)
		ASSERT_EQ(0, recv_pair_send(p, SENT));
	ASSERT_EQ(0, recv_until(&p->rx, &c));
	EXPECT_EQ(p->rx.id, c.cqe.user_data);
	EXPECT_EQ(0, c.cqe.res);
	EXPECT_EQ(0, c.cqe.flags);
	EXPECT_EQ(variant->len, p->rx.bytes);
	EXPECT_LE((variant->len + 4095) / 4096, p->rx.cqes);
	EXPECT_EQ(0, wire_wait_backlog(p->rx.sock, SENT - variant->len));
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* Longer than what comes, up to the longest there is: it waits for more. */
FIXTURE(too_long)
{
	struct recv_pair p;
};

FIXTURE_VARIANT(too_long)
{
	__u32 len;
};

FIXTURE_VARIANT_ADD(too_long, by_1) { .len = SENT + 1 };
FIXTURE_VARIANT_ADD(too_long, int_max) { .len = 0x7fffffff };
FIXTURE_VARIANT_ADD(too_long, highest_bit) { .len = 0x80000000 };
FIXTURE_VARIANT_ADD(too_long, all_bits) { .len = ~0U };

FIXTURE_SETUP(too_long)
{
	stream_init(&stream, 83);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(too_long)
{
	recv_pair_close(&self->p);
}

TEST_F_TIMEOUT(too_long, waits_for_the_rest, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, recv_pair_send_there(p, SENT / 2));
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, variant->len, p->rx.id));
	ASSERT_EQ(0, recv_pair_send(p, SENT / 2));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_QUIET(&p->zc);
	EXPECT_EQ(0, recv_pair_drain(p));
}

TEST_HARNESS_MAIN
