// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_QUERY writes what was asked for, where it was asked to, and
 * no more, whoever asks. query_answers.c looks at what it answers.
 */
#include <grp.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/query.h"
#include "zc.h"

#define PAGE		4096
#define NOBODY		65534
#define CHAIN_MAX	1000
/* the kernel's own */
#define KERNEL_PTR	(-(__u64)PAGE)
#define GUARD		0xa5

/*
 * How it answers, whoever asks, and whichever way
 */
FIXTURE(query)
{
	struct io_uring ring;
	struct via via;
	union answer want[NR_OPS];
};

FIXTURE_VARIANT(query)
{
	bool ring;
	bool registered;
	bool unprivileged;
};

FIXTURE_VARIANT_ADD(query, blind)
{
};

FIXTURE_VARIANT_ADD(query, ring)
{
	.ring = true,
};

FIXTURE_VARIANT_ADD(query, registered_ring)
{
	.ring = true,
	.registered = true,
};

FIXTURE_VARIANT_ADD(query, unprivileged_blind)
{
	.unprivileged = true,
};

FIXTURE_VARIANT_ADD(query, unprivileged_ring)
{
	.ring = true,
	.unprivileged = true,
};

FIXTURE_SETUP(query)
{
	ASSERT_EQ(0, ask_all(self->want));
	if (variant->unprivileged) {
		ASSERT_EQ(0, setgroups(0, NULL));
		ASSERT_EQ(0, setgid(NOBODY));
		ASSERT_EQ(0, setuid(NOBODY));
	}

	self->via = blind;
	if (!variant->ring)
		return;
	ASSERT_EQ(0, io_uring_queue_init(2, &self->ring, 0));
	self->via.fd = self->ring.ring_fd;
	if (!variant->registered)
		return;
	ASSERT_EQ(1, io_uring_register_ring_fd(&self->ring));
	self->via.fd = self->ring.enter_ring_fd;
	self->via.opcode |= IORING_REGISTER_USE_REGISTERED_RING;
}

FIXTURE_TEARDOWN(query)
{
	if (variant->ring)
		io_uring_queue_exit(&self->ring);
}

/* Room for len bytes: so many of the answer are written, the rest is zeroed. */
static void expect_length(struct __test_metadata *_metadata,
			  const struct via *via, __u32 op,
			  const union answer *want, __u32 len)
{
	struct io_uring_query_hdr hdr, asked;
	__u32 i, full = answer_size[op];
	union answer a;

	/* no byte of it is right already */
	for (i = 0; i < ROOM; i++)
		a.bytes[i] = ~want->bytes[i];
	asked = question(op, &a, len);
	hdr = asked;
	asked.size = len < full ? len : full;

	EXPECT_EQ(0, ask_chain(via, &hdr));
	EXPECT_EQ(0, memcmp(&asked, &hdr, sizeof(hdr)))
		TH_LOG("op %u, room for %u: result %d, size %u", op, len,
		       hdr.result, hdr.size);
	for (i = 0; i < ROOM; i++) {
		__u8 byte = i < asked.size ? want->bytes[i] : 0;

		ASSERT_EQ(i < len ? byte : (__u8)~want->bytes[i], a.bytes[i])
			TH_LOG("op %u, room for %u: byte %u", op, len, i);
	}
}

/* However much room there is, no more than a page is written. */
static void expect_page(struct __test_metadata *_metadata,
			const struct via *via, __u32 op,
			const union answer *want, __u32 len)
{
	static __u8 a[2 * PAGE];
	struct io_uring_query_hdr hdr = question(op, a, len);
	__u32 i;

	memset(a, GUARD, sizeof(a));
	EXPECT_EQ(0, ask_chain(via, &hdr));
	EXPECT_EQ(0, hdr.result);
	EXPECT_EQ(answer_size[op], hdr.size);
	EXPECT_EQ(0, memcmp(want, a, hdr.size));
	for (i = hdr.size; i < sizeof(a); i++) {
		ASSERT_EQ(i < PAGE ? 0 : GUARD, a[i])
			TH_LOG("op %u, room for %u: byte %u", op, len, i);
	}
}

TEST_F(query, lengths)
{
	__u32 op, len;

	for (op = 0; op < NR_OPS; op++) {
		for (len = 1; len <= ROOM; len++)
			expect_length(_metadata, &self->via, op,
				      &self->want[op], len);
		expect_page(_metadata, &self->via, op, &self->want[op], PAGE);
		expect_page(_metadata, &self->via, op, &self->want[op],
			    0x7fffffff);
		expect_page(_metadata, &self->via, op, &self->want[op],
			    0xffffffff);
	}
}

static const struct {
	struct io_uring_query_hdr hdr;
	int err;
} refused[] = {
	{ { .query_op = NR_OPS, .size = ROOM }, EOPNOTSUPP },
	{ { .query_op = 0x10000, .size = ROOM }, EOPNOTSUPP },
	{ { .query_op = 0xffffffff, .size = ROOM }, EOPNOTSUPP },
	{ { .query_op = NR_OPS, .__resv[0] = 1, .size = 1 }, EOPNOTSUPP },
	{ { .query_op = IO_URING_QUERY_OPCODES, .size = 0 }, EINVAL },
	{ { .size = ROOM, .__resv[0] = 1 }, EINVAL },
	{ { .size = ROOM, .__resv[1] = 1u << 31 }, EINVAL },
	{ { .size = ROOM, .__resv[2] = 1 }, EINVAL },
	{ { .size = ROOM, .result = 1 }, EINVAL },
	{ { .size = ROOM, .result = -EOPNOTSUPP }, EINVAL },
	{ { .query_op = IO_URING_QUERY_SCQ, .result = -1 }, EINVAL },
};

/* Only zeroes were written, and only where there is room. */
static bool is_cleared(const union answer *a, __u32 room)
{
	union answer want = nothing_written();

	memset(&want, 0, room);
	return !memcmp(a, &want, sizeof(want));
}

/* Each that is refused stands between two that are answered. */
TEST_F(query, chain)
{
	struct io_uring_query_hdr hdr[2 * ARRAY_SIZE(refused) + 1];
	union answer a[ARRAY_SIZE(hdr)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hdr); i++) {
		if (i % 2)
			hdr[i] = refused[i / 2].hdr;
		else
			hdr[i] = question(i / 2 % NR_OPS, NULL, ROOM);
		hdr[i].query_data = (uintptr_t)&a[i];
		if (i + 1 < ARRAY_SIZE(hdr))
			hdr[i].next_entry = (uintptr_t)&hdr[i + 1];
		a[i] = nothing_written();
	}
	EXPECT_EQ(0, ask_chain(&self->via, hdr));

	for (i = 0; i < ARRAY_SIZE(hdr); i++) {
		__u32 op = i / 2 % NR_OPS;

		EXPECT_EQ((uintptr_t)&a[i], hdr[i].query_data);
		EXPECT_EQ(i + 1 < ARRAY_SIZE(hdr) ? (uintptr_t)&hdr[i + 1] : 0,
			  hdr[i].next_entry);
		if (i % 2) {
			EXPECT_EQ(-refused[i / 2].err, hdr[i].result)
				TH_LOG("refused[%zu]", i / 2);
			EXPECT_EQ(refused[i / 2].hdr.query_op, hdr[i].query_op);
			EXPECT_EQ(0, hdr[i].size);
			EXPECT_TRUE(is_cleared(&a[i], refused[i / 2].hdr.size))
				TH_LOG("refused[%zu]", i / 2);
			continue;
		}
		EXPECT_EQ(0, hdr[i].result);
		EXPECT_EQ(op, hdr[i].query_op);
		EXPECT_EQ(answer_size[op], hdr[i].size);
		EXPECT_EQ(0, memcmp(&a[i], &self->want[op], ROOM));
	}
}

/* As long as may be, and one longer, which is answered but for that one. */
TEST_F(query, long_chain)
{
	static struct io_uring_query_hdr hdr[CHAIN_MAX + 1];
	const __u32 op = IO_URING_QUERY_SCQ;
	size_t len, i;
	union answer a;

	for (len = CHAIN_MAX; len <= CHAIN_MAX + 1; len++) {
		for (i = 0; i < len; i++) {
			hdr[i] = question(op, &a, ROOM);
			hdr[i].next_entry = (uintptr_t)&hdr[i + 1];
		}
		hdr[len - 1].next_entry = 0;
		EXPECT_EQ(len > CHAIN_MAX ? -ERANGE : 0,
			  ask_chain(&self->via, hdr));
		for (i = 0; i < len; i++) {
			ASSERT_EQ(i < CHAIN_MAX ? answer_size[op] : ROOM,
				  hdr[i].size);
		}
	}

	/* and ones that do not end */
	hdr[1].next_entry = (uintptr_t)&hdr[0];
	EXPECT_EQ(-ERANGE, ask_chain(&self->via, hdr));
	hdr[0].next_entry = (uintptr_t)&hdr[0];
	EXPECT_EQ(-ERANGE, ask_chain(&self->via, hdr));
}

TEST_F(query, arguments)
{
	union answer a = nothing_written();
	struct io_uring_query_hdr hdr = question(0, &a, ROOM);

	EXPECT_EQ(0, ask_chain(&self->via, NULL));
	EXPECT_EQ(-EINVAL, io_uring_register(self->via.fd, self->via.opcode,
					     NULL, 1));
	EXPECT_EQ(-EINVAL, io_uring_register(self->via.fd, self->via.opcode,
					     &hdr, 1));
	EXPECT_EQ(-EINVAL, io_uring_register(self->via.fd, self->via.opcode,
					     &hdr, 0x80000000));
	EXPECT_TRUE(is_untouched(&a));
	EXPECT_EQ(ROOM, hdr.size);
}

/* A page, and behind it none: returns the place between. */
static char *edge_of_memory(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + PAGE, PAGE))
		return NULL;
	return p + PAGE;
}

TEST_F(query, header_faults)
{
	struct io_uring_query_hdr *last, first;
	char *edge = edge_of_memory();
	union answer a;
	__u64 bad[4];
	size_t i;

	ASSERT_NE(NULL, edge);
	bad[0] = BAD_PTR;
	bad[1] = KERNEL_PTR;
	bad[2] = (uintptr_t)edge;
	bad[3] = (uintptr_t)edge - sizeof(first) + 4;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, ask_chain(&self->via,
					     (void *)(uintptr_t)bad[i]));
		a = nothing_written();
		first = question(0, &a, ROOM);
		first.next_entry = bad[i];
		EXPECT_EQ(-EFAULT, ask_chain(&self->via, &first))
			TH_LOG("bad[%zu]", i);
		EXPECT_EQ(answer_size[0], first.size);
		EXPECT_EQ(0, memcmp(&a, &self->want[0], ROOM));
	}

	/* as near as can be */
	last = (void *)(edge - sizeof(*last));
	*last = question(0, &a, ROOM);
	EXPECT_EQ(0, ask_chain(&self->via, last));
	EXPECT_EQ(answer_size[0], last->size);

	/* to be read, but not to be written: it ends the chain */
	first = question(0, &a, ROOM);
	*last = question(0, &a, ROOM);
	last->next_entry = (uintptr_t)&first;
	ASSERT_EQ(0, mprotect(edge - PAGE, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ask_chain(&self->via, last));
	EXPECT_EQ(ROOM, first.size);
	EXPECT_EQ(ROOM, last->size);
}

/* An answer that cannot be written ends the chain. */
static void expect_data_fault(struct __test_metadata *_metadata,
			      const struct via *via, __u32 op, __u64 data,
			      __u32 room)
{
	union answer a = nothing_written();
	struct io_uring_query_hdr hdr[2];

	hdr[0] = question(op, NULL, room);
	hdr[0].query_data = data;
	hdr[0].next_entry = (uintptr_t)&hdr[1];
	hdr[1] = question(op, &a, ROOM);
	EXPECT_EQ(-EFAULT, ask_chain(via, hdr))
		TH_LOG("op %u, data at %#llx", op, (unsigned long long)data);
	EXPECT_EQ(room, hdr[0].size);
	EXPECT_EQ(ROOM, hdr[1].size);
	EXPECT_TRUE(is_untouched(&a));
}

TEST_F(query, data_faults)
{
	const struct via *via = &self->via;
	char *edge = edge_of_memory();
	__u32 op, full, len;

	ASSERT_NE(NULL, edge);
	for (op = 0; op < NR_OPS; op++) {
		struct io_uring_query_hdr hdr;

		full = answer_size[op];
		expect_data_fault(_metadata, via, op, 0, ROOM);
		expect_data_fault(_metadata, via, op, BAD_PTR, ROOM);
		expect_data_fault(_metadata, via, op, KERNEL_PTR, 1);
		expect_data_fault(_metadata, via, op, (uintptr_t)edge, 1);
		expect_data_fault(_metadata, via, op,
				  (uintptr_t)edge - full + 1, ROOM);

		/* right up to the edge: there is room for all that is asked */
		for (len = 1; len <= full; len++) {
			hdr = question(op, edge - len, len);
			EXPECT_EQ(0, ask_chain(via, &hdr));
			EXPECT_EQ(0, hdr.result);
			EXPECT_EQ(len, hdr.size);
			EXPECT_EQ(0, memcmp(edge - len, &self->want[op], len));
		}
		/* or it was said that there is more */
		expect_data_fault(_metadata, via, op, (uintptr_t)edge - full,
				  full + 1);
	}
	ASSERT_EQ(0, mprotect(edge - PAGE, PAGE, PROT_READ));
	expect_data_fault(_metadata, via, 0, (uintptr_t)edge - PAGE, ROOM);
}

/* Nothing else goes without a ring, and a wrong one is not the same as none. */
TEST(blind_is_for_queries)
{
	const unsigned int by_number = REGISTER_QUERY |
				       IORING_REGISTER_USE_REGISTERED_RING;
	union answer a = nothing_written(), answered;
	struct io_uring_query_hdr hdr = question(0, &a, ROOM);
	struct io_uring_query_hdr with_answer;
	struct io_uring ring;
	unsigned int op;

	for (op = 0; op < 256; op++) {
		/* what a ring would fault at */
		unsigned int nr = op == IORING_REGISTER_ZCRX_CTRL ? 0 : 1;

		/* any 6.12 says of its own that there is no such ring */
		int want = op > IORING_REGISTER_CLONE_BUFFERS ? -EINVAL :
								-EBADF;

		if (op == REGISTER_QUERY)
			continue;
		EXPECT_EQ(want, io_uring_register(-1, op, (void *)BAD_PTR, nr))
			TH_LOG("opcode %u", op);
	}

	/* which of no rings is not asked */
	with_answer = question(0, &answered, ROOM);
	EXPECT_EQ(0, io_uring_register(-1, by_number, &with_answer, 0));
	ASSERT_EQ(0, io_uring_queue_init(2, &ring, 0));
	ASSERT_EQ(1, io_uring_register_ring_fd(&ring));
	with_answer = question(0, &answered, ROOM);
	EXPECT_EQ(0, io_uring_register(-1, by_number, &with_answer, 0));
	EXPECT_EQ(-EBADF, io_uring_register(-2, REGISTER_QUERY, &hdr, 0));
	EXPECT_EQ(-EOPNOTSUPP, io_uring_register(open("/dev/null", O_RDWR),
						 REGISTER_QUERY, &hdr, 0));
	EXPECT_EQ(ROOM, hdr.size);
	EXPECT_TRUE(is_untouched(&a));
}

TEST_HARNESS_MAIN
