// SPDX-License-Identifier: GPL-2.0
/*
 * Registrations with something wrong: each gets its errno, of two things wrong
 * the one that is checked earlier wins, and a failure leaves no trace: a good
 * registration of the same queue succeeds right behind it.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/pins.h"
#include "lib/subject.h"
#include "lib/wire.h"
#include "lib/xdp.h"
#include "queue.h"

#define PAGE		4096
#define AREA_LEN	SUBJECT_AREA_LEN
#define RQ_ENTRIES	SUBJECT_RQ_ENTRIES
#define NO_SUCH_IF	0x7fffffff
/* in no mapping, and not 0 either */
#define BAD_PTR		8

FIXTURE(refused)
{
	struct subject s;
};

FIXTURE_VARIANT(refused)
{
	void (*spoil)(struct zc_reg *reg);
	int err;
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, subject_open(&self->s, WIRE_IF, AREA_USER));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

FIXTURE_TEARDOWN(refused)
{
	subject_close(&self->s);
}

TEST_F(refused, leaves_no_trace)
{
	struct subject *s = &self->s;

	variant->spoil(&s->reg);
	EXPECT_EQ(-variant->err, subject_register(s));
	EXPECT_EQ(0, pins_now());
	EXPECT_EQ(QUEUE_PAGES, queue_provider(s->ifindex, WIRE_RXQ));
	EXPECT_EQ(QUEUE_PAGES, queue_provider(s->ifindex, 0));

	ASSERT_EQ(0, subject_register_good(s));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(s->ifindex, WIRE_RXQ));
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, and what makes it so.
 */
#define REFUSED(name, error, ...)					\
	static void name##_spoil(struct zc_reg *r)			\
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
	REFUSED(name, error, second##_spoil(r); first##_spoil(r))

REFUSED(reg_resv0, EINVAL, r->ifq.__resv[0] = 1);
REFUSED(reg_resv1, EINVAL, r->ifq.__resv[1] = 1);
REFUSED(zcrx_id_set, EINVAL, r->ifq.zcrx_id = 1);
REFUSED(reg_flags, EINVAL, r->ifq.flags = 1u << 30);
REFUSED(region_null, EFAULT, r->ifq.region_ptr = 0);
REFUSED(region_fault, EFAULT, r->ifq.region_ptr = BAD_PTR);
REFUSED(rxq_minus_one, EINVAL, r->ifq.if_rxq = -1);
REFUSED(no_entries, EINVAL, r->ifq.rq_entries = 0);
REFUSED(too_many_entries, EINVAL, r->ifq.rq_entries = 32769);
REFUSED(area_null, EFAULT, r->ifq.area_ptr = 0);
REFUSED(area_fault, EFAULT, r->ifq.area_ptr = BAD_PTR);
REFUSED(area_token, EINVAL, r->area.rq_area_token = 1);
REFUSED(region_small, EINVAL, r->region.size = PAGE);
REFUSED(region_flags, EINVAL, r->region.flags |= 1u << 30);
REFUSED(region_resv, EINVAL, r->region.__resv[3] = 1);
REFUSED(region_no_memory, EFAULT, r->region.user_addr = 0);
REFUSED(region_unaligned, EINVAL, r->region.user_addr += 8);
REFUSED(region_unmapped, EFAULT, r->region.user_addr = PAGE);
REFUSED(region_too_big, E2BIG, r->region.size = 1ull << 62);
REFUSED(region_wraps, EOVERFLOW, r->region.user_addr = -(__u64)PAGE);
REFUSED(region_id, EINVAL, r->region.id = 1);
REFUSED(region_mmap_offset, EINVAL, r->region.mmap_offset = PAGE);
REFUSED(no_such_interface, ENODEV, r->ifq.if_idx = NO_SUCH_IF);
REFUSED(no_dma_device, EOPNOTSUPP, r->ifq.if_idx = if_nametoindex("lo"));
REFUSED(buf_len_odd, EINVAL, r->ifq.rx_buf_len = PAGE + 1);
REFUSED(buf_len_small, EINVAL, r->ifq.rx_buf_len = PAGE / 2);
REFUSED(area_flags, EINVAL, r->area.flags = 1u << 30);
REFUSED(area_resv, EINVAL, r->area.__resv2[1] = 1);
REFUSED(area_empty, EFAULT, r->area.len = 0);
REFUSED(area_over_1_tib, EINVAL, r->area.len = (1ull << 40) + PAGE);
REFUSED(area_wraps, EOVERFLOW, r->area.addr = -(__u64)PAGE);
REFUSED(area_addr_unaligned, EINVAL, r->area.addr += 8; r->area.len -= PAGE);
REFUSED(area_len_unaligned, EINVAL, r->area.len -= 8);
REFUSED(dmabuf_fd_without_flag, EINVAL, r->area.dmabuf_fd = 1);
REFUSED(area_addr_null, EFAULT, r->area.addr = 0);
REFUSED(area_unmapped, EFAULT, r->area.addr = PAGE);
REFUSED(rxq_too_high, ERANGE, r->ifq.if_rxq = 1000);
/* igb leaves ARP and the like to queue 0, which must stay readable */
REFUSED(queue_zero, EOPNOTSUPP, r->ifq.if_rxq = 0);

static void use_dmabuf(struct zc_reg *r, int fd)
{
	r->area.flags = IORING_ZCRX_AREA_DMABUF;
	r->area.addr = 0;
	r->area.dmabuf_fd = fd;
}

REFUSED(dmabuf_fd_closed, EBADF, use_dmabuf(r, 1000));
REFUSED(dmabuf_fd_of_a_file, EINVAL,
	use_dmabuf(r, open("/proc/self/status", O_RDONLY)));

/*
 * Memory that cannot be an area or hold a refill ring, though it is there. It
 * must be written to, as long as the ring lives.
 */
static __u64 memory(size_t len, int prot, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	return (uintptr_t)mmap(NULL, len, prot, flags, fd, 0);
}

static __u64 memory_but_last_page(int prot)
{
	__u64 addr = memory(AREA_LEN, PROT_READ | PROT_WRITE, -1);
	void *last = (void *)(uintptr_t)(addr + AREA_LEN - PAGE);

	return mprotect(last, PAGE, prot) ? 0 : addr;
}

static __u64 memory_with_hole(void)
{
	__u64 addr = memory(AREA_LEN, PROT_READ | PROT_WRITE, -1);

	return munmap((void *)(uintptr_t)(addr + AREA_LEN / 2), PAGE) ? 0 :
	       addr;
}

/* The kernel has no pages for it. */
static __u64 memory_of_device(void)
{
	const char *failed;
	struct area area;

	if (area_open(&area, AREA_HEAP, AREA_LEN, &failed))
		return 0;
	return memory(AREA_LEN, PROT_READ | PROT_WRITE, area.dmabuf_fd);
}

/* A file whose pages may be written only while it knows of it. */
static __u64 memory_of_file(void)
{
	int fd;

	if (system("mkdir -p /tmp/ramfs && mount -t ramfs none /tmp/ramfs"))
		return 0;
	fd = open("/tmp/ramfs/file", O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, AREA_LEN) || system("umount -l /tmp/ramfs"))
		return 0;
	return memory(AREA_LEN, PROT_READ | PROT_WRITE, fd);
}

/* A row that failed to get its memory has an address of EINVAL. */
#define AREA_AT(name, address)						\
	REFUSED(name, EFAULT, r->area.addr = (address) ?: 8)

AREA_AT(area_read_only, memory(AREA_LEN, PROT_READ, -1));
AREA_AT(area_end_read_only, memory_but_last_page(PROT_READ));
AREA_AT(area_end_no_access, memory_but_last_page(PROT_NONE));
AREA_AT(area_with_hole, memory_with_hole());
AREA_AT(area_of_device, memory_of_device());
AREA_AT(area_of_ramfs_file, memory_of_file());
REFUSED(region_read_only, EFAULT,
	r->region.user_addr = memory(AREA_LEN, PROT_READ, -1));

/* Of two the earlier. Neighbours with the same error would prove nothing. */
REFUSED_BOTH(flags_before_region, EINVAL, reg_flags, region_fault);
REFUSED_BOTH(resv_before_region, EINVAL, reg_resv0, region_fault);
REFUSED_BOTH(region_before_rxq, EFAULT, region_fault, rxq_minus_one);
REFUSED_BOTH(rxq_before_area_ptr, EINVAL, rxq_minus_one, area_fault);
REFUSED_BOTH(entries_before_area_ptr, EINVAL, too_many_entries, area_fault);
REFUSED_BOTH(area_ptr_before_region_size, EFAULT, area_fault, region_small);
REFUSED_BOTH(token_before_region_memory, EINVAL, area_token, region_unmapped);
REFUSED_BOTH(region_memory_before_interface, EFAULT,
	     region_unmapped, no_such_interface);
REFUSED_BOTH(interface_before_area, ENODEV, no_such_interface, area_flags);
REFUSED_BOTH(dma_device_before_area, EOPNOTSUPP, no_dma_device, area_empty);
REFUSED_BOTH(area_flags_before_len, EINVAL, area_flags, area_empty);
REFUSED_BOTH(area_resv_before_len, EINVAL, area_resv, area_empty);
REFUSED_BOTH(area_len_before_alignment, EFAULT,
	     area_empty, area_addr_unaligned);
REFUSED_BOTH(area_wraps_before_dmabuf_fd, EOVERFLOW,
	     area_wraps, dmabuf_fd_without_flag);
REFUSED_BOTH(dmabuf_fd_before_addr_null, EINVAL,
	     dmabuf_fd_without_flag, area_addr_null);
REFUSED_BOTH(area_before_rxq_range, EFAULT, area_unmapped, rxq_too_high);

/*
 * What does not fit the table: the ring, the caller, the results.
 */
FIXTURE(registration)
{
	struct subject s;
};

FIXTURE_SETUP(registration)
{
	ASSERT_EQ(0, subject_open(&self->s, WIRE_IF, AREA_USER));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

FIXTURE_TEARDOWN(registration)
{
	subject_close(&self->s);
}

/* Swaps the fixture's ring for another kind of ring. */
static int other_ring(struct subject *s, unsigned int flags)
{
	io_uring_queue_exit(&s->ring);
	return io_uring_queue_init(8, &s->ring, flags);
}

/* The first of all checks: before the kind of ring, before anything is read */
TEST_F(registration, needs_the_capability)
{
	ASSERT_EQ(0, other_ring(&self->s, 0));
	ASSERT_EQ(0, caps_drop(CAP_NET_ADMIN));
	EXPECT_EQ(-EPERM, io_uring_register(self->s.ring.ring_fd,
					    IORING_REGISTER_ZCRX_IFQ,
					    (void *)BAD_PTR, 1));
}

/* Before the registration is read: the pointer is a bad one */
TEST_F(registration, needs_defer_taskrun)
{
	ASSERT_EQ(0, other_ring(&self->s, IORING_SETUP_CQE32));
	EXPECT_EQ(-EINVAL, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     (void *)BAD_PTR, 1));
	EXPECT_EQ(-EINVAL, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
}

TEST_F(registration, needs_cqe32)
{
	ASSERT_EQ(0, other_ring(&self->s, IORING_SETUP_SINGLE_ISSUER |
					  IORING_SETUP_DEFER_TASKRUN));
	EXPECT_EQ(-EINVAL, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     (void *)BAD_PTR, 1));
	EXPECT_EQ(-EINVAL, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
}

TEST_F(registration, takes_one_argument)
{
	EXPECT_EQ(-EFAULT, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     (void *)BAD_PTR, 1));
	EXPECT_EQ(-EINVAL, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     &self->s.reg.ifq, 0));
	EXPECT_EQ(-EINVAL, io_uring_register(self->s.ring.ring_fd,
					     IORING_REGISTER_ZCRX_IFQ,
					     &self->s.reg.ifq, 2));
}

TEST_F(registration, writes_back)
{
	const __u32 entries = 1000, rounded = 1024;
	struct zc_reg *reg = &self->s.reg;
	struct io_uring_zcrx_offsets *at = &reg->ifq.offsets;

	reg->ifq.rq_entries = entries;
	ASSERT_EQ(0, io_uring_register_ifq(&self->s.ring, &reg->ifq));

	EXPECT_EQ(0, reg->ifq.zcrx_id);
	EXPECT_EQ(rounded, reg->ifq.rq_entries);
	EXPECT_EQ(PAGE, reg->ifq.rx_buf_len);
	EXPECT_EQ(0, reg->area.rq_area_token & ~IORING_ZCRX_AREA_MASK);
	EXPECT_EQ(0, at->head % sizeof(__u32));
	EXPECT_EQ(0, at->tail % sizeof(__u32));
	EXPECT_EQ(0, at->rqes % sizeof(struct io_uring_zcrx_rqe));
	EXPECT_NE(at->head, at->tail);
	EXPECT_LT(at->head, at->rqes);
	EXPECT_LT(at->tail, at->rqes);
	EXPECT_LE(at->rqes + rounded * sizeof(struct io_uring_zcrx_rqe),
		  self->s.region_len);

	/* the area and the ring are pinned, and that was said to be all */
	EXPECT_EQ((AREA_LEN + self->s.region_len) / PAGE, pins_now());
}

/* Over the limit, a ring that clamps gets what there is. */
TEST_F(registration, clamps)
{
	size_t len = zc_region_len(32768);
	struct zc_reg *reg = &self->s.reg;
	void *region;

	ASSERT_EQ(0, other_ring(&self->s, IORING_SETUP_SINGLE_ISSUER |
					  IORING_SETUP_DEFER_TASKRUN |
					  IORING_SETUP_CQE32 |
					  IORING_SETUP_CLAMP));
	region = mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, region);
	reg->region.user_addr = (uintptr_t)region;
	reg->region.size = len;
	reg->ifq.rq_entries = 100000;
	ASSERT_EQ(0, io_uring_register_ifq(&self->s.ring, &reg->ifq));
	EXPECT_EQ(32768, reg->ifq.rq_entries);
}

TEST_F(registration, queue_is_taken)
{
	struct subject *s = &self->s;
	struct io_uring second;
	struct area area;
	const char *failed;
	struct zc_reg reg;
	long pins;

	ASSERT_EQ(0, subject_register(s));
	pins = pins_now();

	ASSERT_EQ(0, area_open(&area, AREA_USER, AREA_LEN, &failed));
	ASSERT_EQ(0, zc_ring_open(&second, 64));
	zc_reg_init(&reg, s->ifindex, WIRE_RXQ, RQ_ENTRIES, &area, s->region,
		    s->region_len);
	EXPECT_EQ(-EEXIST, io_uring_register_ifq(&second, &reg.ifq));
	EXPECT_EQ(pins, pins_now());
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(s->ifindex, WIRE_RXQ));
	io_uring_queue_exit(&second);
	area_close(&area);
}

TEST_F(registration, needs_header_split)
{
	struct subject *s = &self->s;

	ASSERT_EQ(0, system("tcp-data-split " WIRE_IF " off"));
	EXPECT_EQ(-EINVAL, subject_register(s));
	EXPECT_EQ(0, pins_now());
	EXPECT_EQ(QUEUE_PAGES, queue_provider(s->ifindex, WIRE_RXQ));
	ASSERT_EQ(0, system("tcp-data-split " WIRE_IF " on"));
	EXPECT_EQ(0, subject_register_good(s));
	/* and stays on while it is needed */
	EXPECT_NE(0, system("tcp-data-split " WIRE_IF " off 2>/dev/null"));
}

TEST_F(registration, conflicts_with_xdp)
{
	struct subject *s = &self->s;
	int xdp;

	xdp = xdp_attach(s->ifindex);
	ASSERT_LE(0, xdp);
	EXPECT_EQ(-EEXIST, subject_register(s));
	EXPECT_EQ(0, pins_now());
	EXPECT_EQ(QUEUE_PAGES, queue_provider(s->ifindex, WIRE_RXQ));
	close(xdp);
	EXPECT_EQ(0, subject_register_good(s));
	/* the other way round, too */
	EXPECT_GT(0, xdp_attach(s->ifindex));
}

/*
 * Results that cannot be written back undo everything. The structure lies in
 * memory that can be read only.
 */
static void *read_only(const void *what, size_t len)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	memcpy(p, what, len);
	return mprotect(p, PAGE, PROT_READ) ? NULL : p;
}

static void expect_undone(struct __test_metadata *_metadata,
			  struct subject *s)
{
	EXPECT_EQ(0, queue_wait_free(s->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, subject_register_good(s));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
}

TEST_F(registration, cannot_write_reg)
{
	struct io_uring_zcrx_ifq_reg *reg =
		read_only(&self->s.reg.ifq, sizeof(*reg));

	ASSERT_NE(NULL, reg);
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&self->s.ring, reg));
	expect_undone(_metadata, &self->s);
}

TEST_F(registration, cannot_write_region)
{
	void *desc = read_only(&self->s.reg.region, sizeof(self->s.reg.region));

	ASSERT_NE(NULL, desc);
	self->s.reg.ifq.region_ptr = (uintptr_t)desc;
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
	expect_undone(_metadata, &self->s);
}

TEST_F(registration, cannot_write_area)
{
	void *desc = read_only(&self->s.reg.area, sizeof(self->s.reg.area));

	ASSERT_NE(NULL, desc);
	self->s.reg.ifq.area_ptr = (uintptr_t)desc;
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&self->s.ring,
						 &self->s.reg.ifq));
	expect_undone(_metadata, &self->s);
}

TEST_HARNESS_MAIN
