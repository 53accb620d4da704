// SPDX-License-Identifier: GPL-2.0
/*
 * What IORING_REGISTER_QUERY answers is what the kernel then does, to the bit.
 */
#include <net/if.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/query.h"
#include "lib/wire.h"
#include "queue.h"

#define PAGE		4096
#define AREA_LEN	(4 * 1024 * 1024)
#define RQ_ENTRIES	128
#define RQ_HDR		128
#define RQ_LEN		(RQ_HDR + RQ_ENTRIES * 16)
#define TIMEOUT		120

/*
 * What it answers: what io_uring accepts. To try a flag returns 0 if it is,
 * -EINVAL if it is not, and anything else if it could not be told.
 */
static void expect_flags(struct __test_metadata *_metadata, __u64 reported,
			 unsigned int width, int (*try)(__u32 flag))
{
	unsigned int bit;

	EXPECT_EQ(0, reported >> width);
	for (bit = 0; bit < width; bit++) {
		EXPECT_EQ(reported >> bit & 1 ? 0 : -EINVAL, try(1u << bit))
			TH_LOG("bit %u", bit);
	}
}

static __u64 a_page(void)
{
	return (uintptr_t)mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int try_setup(__u32 flag)
{
	/* what some need, and others do not look at */
	struct io_uring_params p = {
		.flags = flag,
		.cq_entries = 2,
		.cq_off.user_addr = a_page(),
		.sq_off.user_addr = a_page(),
	};
	struct io_uring other;
	int ret;

	if (io_uring_queue_init(1, &other, 0))
		return -EPROTO;
	p.wq_fd = other.ring_fd;
	if (flag == IORING_SETUP_SQ_AFF)
		p.flags |= IORING_SETUP_SQPOLL;
	else if (flag == IORING_SETUP_TASKRUN_FLAG)
		p.flags |= IORING_SETUP_COOP_TASKRUN;
	else if (flag == IORING_SETUP_DEFER_TASKRUN)
		p.flags |= IORING_SETUP_SINGLE_ISSUER;
	else if (flag == IORING_SETUP_REGISTERED_FD_ONLY)
		p.flags |= IORING_SETUP_NO_MMAP;
	ret = io_uring_setup(1, &p);
	io_uring_queue_exit(&other);
	if (ret < 0)
		return ret;
	/* the number of that one is no file descriptor */
	if (flag != IORING_SETUP_REGISTERED_FD_ONLY)
		close(ret);
	return 0;
}

static int try_enter(__u32 flag)
{
	struct io_uring ring;
	int ret;

	if (io_uring_queue_init(1, &ring, 0))
		return -EPROTO;
	if (flag == IORING_ENTER_REGISTERED_RING &&
	    io_uring_register_ring_fd(&ring) != 1)
		return -EPROTO;
	/* with nothing to submit, and nothing to wait for */
	ret = io_uring_enter2(ring.enter_ring_fd, 0, 0, flag, NULL, 0);
	io_uring_queue_exit(&ring);
	return ret;
}

/* A request that fails has a completion, whatever its flags. */
static int try_sqe(__u32 flag)
{
	const int failure = -EXFULL;
	struct __kernel_timespec patience = { .tv_sec = 10 };
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	int ret;

	if (io_uring_queue_init(1, &ring, 0))
		return -EPROTO;
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_nop(sqe);
	sqe->flags = flag;
	sqe->nop_flags = IORING_NOP_INJECT_RESULT;
	sqe->len = failure;
	if (io_uring_submit(&ring) != 1 ||
	    io_uring_wait_cqe_timeout(&ring, &cqe, &patience))
		return -EPROTO;
	ret = cqe->res;
	io_uring_queue_exit(&ring);
	/* a NOP has no use for a buffer */
	if (flag == IOSQE_BUFFER_SELECT && ret == -EOPNOTSUPP)
		return 0;
	return ret == failure ? 0 : ret;
}

FIXTURE(answer)
{
	union answer a[NR_OPS];
};

FIXTURE_SETUP(answer)
{
	ASSERT_EQ(0, ask_all(self->a));
}

FIXTURE_TEARDOWN(answer)
{
}

TEST_F_TIMEOUT(answer, flags, TIMEOUT)
{
	const struct io_uring_query_opcode *o = &self->a[0].opcode;
	struct io_uring_params p = { 0 };

	expect_flags(_metadata, o->ring_setup_flags, 32, try_setup);
	expect_flags(_metadata, o->enter_flags, 32, try_enter);
	expect_flags(_metadata, o->sqe_flags, 8, try_sqe);
	ASSERT_LE(0, io_uring_setup(1, &p));
	EXPECT_EQ(p.features, o->feature_flags);
}

TEST_F(answer, numbers)
{
	const struct io_uring_query_opcode *o = &self->a[0].opcode;
	struct io_uring_probe *probe = io_uring_get_probe();
	struct io_uring_query_hdr hdr;
	struct io_uring ring;
	union answer a;
	__u32 op;

	ASSERT_NE(NULL, probe);
	EXPECT_EQ(IORING_OP_RECV_ZC + 1, o->nr_request_opcodes);
	EXPECT_EQ(probe->last_op + 1, o->nr_request_opcodes);

	EXPECT_EQ(37, o->nr_register_opcodes);
	ASSERT_EQ(0, zc_ring_open(&ring, 8));
	EXPECT_EQ(-EFAULT, io_uring_register(ring.ring_fd,
					     o->nr_register_opcodes - 1,
					     (void *)BAD_PTR, 0));
	for (op = o->nr_register_opcodes; op < 256; op++)
		EXPECT_EQ(-EINVAL, io_uring_register(ring.ring_fd, op,
						     (void *)BAD_PTR, 0));

	EXPECT_EQ(NR_OPS, o->nr_query_opcodes);
	hdr = question(o->nr_query_opcodes, &a, ROOM);
	EXPECT_EQ(0, ask_chain(&blind, &hdr));
	EXPECT_EQ(-EOPNOTSUPP, hdr.result);
	EXPECT_EQ(0, o->__pad);
}

/* The largest power of two that divides all offsets, or'ed together. */
static __u64 alignment(__u64 offsets)
{
	return offsets & -offsets;
}

TEST_F(answer, header_of_rings)
{
	const struct io_uring_query_scq *scq = &self->a[2].scq;
	struct io_uring_params p = { 0 };
	const struct io_sqring_offsets *sq = &p.sq_off;
	const struct io_cqring_offsets *cq = &p.cq_off;
	const __u32 *parts[] = {
		&sq->head, &sq->tail, &sq->ring_mask, &sq->ring_entries,
		&sq->flags, &sq->dropped, &cq->head, &cq->tail, &cq->ring_mask,
		&cq->ring_entries, &cq->overflow, &cq->flags,
	};
	size_t i;

	ASSERT_LE(0, io_uring_setup(1, &p));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		EXPECT_LE(*parts[i] + sizeof(__u32), scq->hdr_size);
	EXPECT_LE(scq->hdr_size, cq->cqes);
	EXPECT_NE(0, scq->hdr_size);
	EXPECT_EQ(0, scq->hdr_size & (scq->hdr_alignment - 1));
	/* the completions are the next that is aligned so */
	EXPECT_EQ(alignment(cq->cqes), scq->hdr_alignment);
}

/*
 * What it answers: zero-copy receive
 */
struct attempt {
	bool nic;
	enum area_kind kind;
	__u32 area_flags;
	__u32 flags;
	__u32 rx_buf_len;
	const struct zcrx_event_desc *desc;
};

/* Registers so. Returns what the kernel does, -EPROTO if it came not to it. */
static int try_registration(const struct attempt *how)
{
	unsigned int ifindex = how->nic ? if_nametoindex(WIRE_IF) : 0;
	const char *failed;
	struct io_uring ring;
	struct area area;
	struct zc_reg reg;
	int ret;

	if (how->nic && queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS))
		return -EPROTO;
	if (area_open(&area, how->kind, AREA_LEN, &failed))
		return -EPROTO;
	if (zc_ring_open(&ring, 8))
		return -EPROTO;
	zc_reg_init(&reg, ifindex, how->nic ? WIRE_RXQ : 0, RQ_ENTRIES, &area,
		    NULL, zc_region_len(RQ_ENTRIES));
	reg.area.flags |= how->area_flags;
	reg.ifq.flags = how->flags | (how->nic ? 0 : ZCRX_REG_NODEV);
	reg.ifq.rx_buf_len = how->rx_buf_len;
	reg.ifq.event_desc = (uintptr_t)how->desc;
	ret = io_uring_register_ifq(&ring, &reg.ifq);
	io_uring_queue_exit(&ring);
	area_close(&area);
	return ret;
}

static int open_nodev(struct zc *zc)
{
	const struct zc_config cfg = {
		.nodev = true,
		.rq_entries = RQ_ENTRIES,
		.kind = AREA_USER,
		.area_len = AREA_LEN,
	};

	return zc_open(zc, &cfg);
}

static int try_import(void)
{
	struct io_uring_zcrx_ifq_reg reg = { .flags = ZCRX_REG_IMPORT };
	struct io_uring ring;
	struct zc zc;
	int fd, ret;

	if (open_nodev(&zc) || zc_ring_open(&ring, 8))
		return -EPROTO;
	fd = zc_export(&zc);
	if (fd < 0)
		return -EPROTO;
	reg.if_idx = fd;
	ret = io_uring_register_ifq(&ring, &reg);
	io_uring_queue_exit(&ring);
	close(fd);
	zc_close(&zc);
	return ret;
}

static int try_reg_flag(__u32 flag)
{
	return flag == ZCRX_REG_IMPORT ? try_import() :
	       try_registration(&(struct attempt) { .flags = flag });
}

static int try_area_flag(__u32 flag)
{
	const bool dmabuf = flag == IORING_ZCRX_AREA_DMABUF;

	return try_registration(&(struct attempt) {
		.nic = dmabuf,
		.kind = dmabuf ? AREA_UDMABUF : AREA_USER,
		.area_flags = flag,
	});
}

static int try_event(const struct zcrx_event_desc *desc)
{
	return try_registration(&(struct attempt) { .desc = desc });
}

static int try_event_type(__u32 type)
{
	return try_event(&(struct zcrx_event_desc) { .type_mask = type });
}

static int try_stats(__u64 at)
{
	return try_event(&(struct zcrx_event_desc) {
		.flags = ZCRX_EVENT_DESC_FLAG_STATS,
		.stats_offset = at,
	});
}

static int try_event_flag(__u32 flag)
{
	return flag == ZCRX_EVENT_DESC_FLAG_STATS ? try_stats(RQ_LEN) :
	       try_event(&(struct zcrx_event_desc) { .flags = flag });
}

TEST_F_TIMEOUT(answer, zcrx_flags, TIMEOUT)
{
	const struct io_uring_query_zcrx *z = &self->a[1].zcrx;

	EXPECT_EQ(ZCRX_REG_IMPORT | ZCRX_REG_NODEV, z->register_flags);
	expect_flags(_metadata, z->register_flags, 32, try_reg_flag);
	EXPECT_EQ(IORING_ZCRX_AREA_DMABUF, z->area_flags);
	expect_flags(_metadata, z->area_flags, 32, try_area_flag);
	EXPECT_EQ(0, z->__resv2);
}

TEST_F(answer, zcrx_sizes)
{
	const struct io_uring_query_zcrx *z = &self->a[1].zcrx;
	const struct io_uring_zcrx_offsets *at;
	struct zc zc;
	__u32 op;

	ASSERT_EQ(0, open_nodev(&zc));
	at = &zc.reg.ifq.offsets;
	EXPECT_EQ(RQ_HDR, z->rq_hdr_size);
	EXPECT_EQ(z->rq_hdr_size, at->rqes);
	EXPECT_EQ(64, z->rq_hdr_alignment);
	EXPECT_EQ(z->rq_hdr_alignment,
		  alignment(at->head | at->tail | at->rqes));

	/* each below the number is known, and the one behind is not */
	ASSERT_GE(__ZCRX_CTRL_LAST, z->nr_ctrl_opcodes);
	for (op = 0; op <= z->nr_ctrl_opcodes; op++) {
		struct zcrx_ctrl ctrl = { .op = op };

		EXPECT_EQ(op < z->nr_ctrl_opcodes,
			  zc_ctrl(&zc, &ctrl) != -EOPNOTSUPP)
			TH_LOG("op %u", op);
	}
	zc_close(&zc);
}

TEST_F_TIMEOUT(answer, zcrx_features, TIMEOUT)
{
	const struct attempt large = {
		.nic = true,
		.kind = AREA_THP,
		.rx_buf_len = 2 * PAGE,
	};
	const struct io_uring_query_zcrx *z = &self->a[1].zcrx;

	EXPECT_EQ(0, z->features & ~(ZCRX_FEATURE_RX_PAGE_SIZE |
				     ZCRX_FEATURE_EVENT));
	EXPECT_EQ(z->features & ZCRX_FEATURE_RX_PAGE_SIZE ? 0 : -EOPNOTSUPP,
		  try_registration(&large));
	expect_flags(_metadata, z->features & ZCRX_FEATURE_EVENT ?
		     1 << ZCRX_EVENT_ALLOC_FAIL | 1 << ZCRX_EVENT_COPY : 0,
		     32, try_event_type);
}

TEST_F_TIMEOUT(answer, zcrx_events, TIMEOUT)
{
	const struct io_uring_query_zcrx_event *e = &self->a[3].event;
	const __u64 end = zc_region_len(RQ_ENTRIES);

	EXPECT_EQ(sizeof(struct zcrx_stats), e->stats_size);
	EXPECT_EQ(__alignof__(struct zcrx_stats), e->stats_off_alignment);
	EXPECT_EQ(0, e->__resv1);
	EXPECT_EQ(0, e->__resv2[0] | e->__resv2[1] | e->__resv2[2] |
		     e->__resv2[3]);

	/* without the feature there are no flags, and each is refused */
	EXPECT_EQ(self->a[1].zcrx.features & ZCRX_FEATURE_EVENT ?
		  ZCRX_EVENT_DESC_FLAG_STATS : 0, e->event_flags);
	expect_flags(_metadata, e->event_flags, 32, try_event_flag);
	if (!e->event_flags)
		return;
	EXPECT_EQ(0, try_stats(RQ_LEN + e->stats_off_alignment));
	EXPECT_EQ(-EINVAL, try_stats(RQ_LEN + e->stats_off_alignment / 2));
	EXPECT_EQ(0, try_stats(end - e->stats_size));
	EXPECT_EQ(-ERANGE, try_stats(end - e->stats_size +
				     e->stats_off_alignment));
}

TEST_HARNESS_MAIN
