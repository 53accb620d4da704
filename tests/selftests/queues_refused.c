// SPDX-License-Identifier: GPL-2.0
/*
 * What ZCRX_CTRL_BIND_QUEUE and ZCRX_CTRL_UNBIND_QUEUE refuse, and that nothing is
 * left of it; and two callers at once.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define PAGE		4096
#define AREA_LEN	(1024 * PAGE)
#define ENTRIES		256
#define REGION_LEN	(2 * PAGE)
#define FURTHER_RXQ	FLOW_FURTHER_RXQ
#define TURNS		20
#define MANY		32768
#define MANY_LEN	(PAGE + MANY * sizeof(struct io_uring_zcrx_rqe))
#define PATTERN		0x5a

static int ctrl_of(int ring_fd, __u32 id, struct zcrx_ext_ctrl *ctrl)
{
	ctrl->zcrx_id = id;
	return io_uring_register(ring_fd, IORING_REGISTER_ZCRX_CTRL, ctrl, 0);
}

/* One that has nothing wrong with it. */
struct bind {
	struct zcrx_ext_ctrl ctrl;
	struct io_uring_region_desc region;
};

FIXTURE(refused)
{
	unsigned int ifindex;
	long pins;
	struct zc zc;
	void *memory;
	struct bind good, b;
};

FIXTURE_SETUP(refused)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, wire_bind(&self->zc, AREA_USER, AREA_LEN));
	self->memory = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->good = (struct bind) {
		.ctrl = {
			.op = ZCRX_CTRL_BIND_QUEUE,
			.zc_bind = {
				.if_idx = self->ifindex,
				.if_rxq = FURTHER_RXQ,
				.rq_entries = ENTRIES,
			},
		},
		.region = {
			.user_addr = (uintptr_t)self->memory,
			.size = REGION_LEN,
			.flags = IORING_MEM_REGION_TYPE_USER,
		},
	};
}

FIXTURE_TEARDOWN(refused)
{
	munmap(self->memory, REGION_LEN);
	zc_close(&self->zc);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
}

static int bind_it(FIXTURE_DATA(refused) *self, struct bind *b)
{
	b->ctrl.zc_bind.region_ptr = (uintptr_t)&b->region;
	return zc_ext_ctrl(&self->zc, &b->ctrl);
}

/* Refused with err, with what was written as it was. */
#define EXPECT_REFUSED(err, ...)					\
	do {								\
		struct bind *b = &self->b;				\
		struct bind __before;					\
		long __pins = pins_now();				\
									\
		*b = self->good;					\
		__VA_ARGS__;						\
		b->ctrl.zc_bind.region_ptr = (uintptr_t)&b->region;	\
		__before = *b;						\
		EXPECT_EQ(err, bind_it(self, b));			\
		EXPECT_EQ(0, memcmp(&__before, b, sizeof(*b)));		\
		EXPECT_EQ(__pins, pins_now());				\
		EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex,	\
						      FURTHER_RXQ));	\
	} while (0)

static int unbind_with(FIXTURE_DATA(refused) *self,
		       struct zcrx_ctrl_unbind_queue unbind)
{
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_UNBIND_QUEUE,
		.zc_unbind = unbind,
	};

	return zc_ext_ctrl(&self->zc, &ctrl);
}

static int unbind_it(FIXTURE_DATA(refused) *self, __u32 rxq)
{
	return unbind_with(self, (struct zcrx_ctrl_unbind_queue) {
		.if_rxq = rxq });
}

/* What this kernel says of a bind that is good, and it is unbound again. */
#define EXPECT_GOOD()							\
	do {								\
		struct bind __b = self->good;				\
									\
		EXPECT_EQ(0, bind_it(self, &__b));			\
		EXPECT_EQ(ENTRIES, __b.ctrl.zc_bind.rq_entries);	\
		EXPECT_EQ(QUEUE_IO_URING,				\
			  queue_provider(self->ifindex, FURTHER_RXQ));	\
		EXPECT_EQ(0, unbind_it(self, FURTHER_RXQ));		\
	} while (0)

TEST_F_TIMEOUT(refused, what_is_asked_for, TIMEOUT)
{
	unsigned int i;

	EXPECT_GOOD();
	for (i = 1; i < 32; i++)
		EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.flags = 1U << i);
	EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.stats_offset = 8);
	for (i = 0; i < ARRAY_SIZE(self->good.ctrl.zc_bind.__resv); i++)
		EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.__resv[i] = 1);
	EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.rq_entries = 0);
	EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.rq_entries = 32769);
	EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.rq_entries = UINT32_MAX);
	/* does not fit */
	EXPECT_REFUSED(-EINVAL, b->ctrl.zc_bind.rq_entries = 2 * ENTRIES);
	EXPECT_GOOD();
}

TEST_F_TIMEOUT(refused, region, TIMEOUT)
{
	EXPECT_REFUSED(-EINVAL, b->region.flags |= 2);
	EXPECT_REFUSED(-EFAULT, b->region.flags = 0);
	EXPECT_REFUSED(-EFAULT, b->region.user_addr = 0);
	EXPECT_REFUSED(-EINVAL, b->region.user_addr += 64);
	EXPECT_REFUSED(-EINVAL, b->region.size = 0);
	EXPECT_REFUSED(-EINVAL, b->region.mmap_offset = PAGE);
	EXPECT_REFUSED(-EINVAL, b->region.id = 1);
	EXPECT_REFUSED(-EINVAL, b->region.__resv[0] = 1);
	ASSERT_EQ(0, munmap(self->memory, REGION_LEN));
	EXPECT_REFUSED(-EFAULT);
	self->memory = mmap(self->memory, REGION_LEN, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	EXPECT_GOOD();
}

/* So many bytes are as memset() left them. */
static size_t is_pattern(const __u8 *memory)
{
	size_t i;

	for (i = 0; i < REGION_LEN && memory[i] == PATTERN; i++)
		;
	return i;
}

TEST_F_TIMEOUT(refused, which_queue, TIMEOUT)
{
	memset(self->memory, PATTERN, REGION_LEN);
	/* what would be rounded up stays */
	EXPECT_REFUSED(-ENODEV, b->ctrl.zc_bind.if_idx = 0,
		       b->ctrl.zc_bind.rq_entries = ENTRIES - 1);
	EXPECT_REFUSED(-ENODEV, b->ctrl.zc_bind.if_idx = 12345);
	EXPECT_REFUSED(-EXDEV, b->ctrl.zc_bind.if_idx = if_nametoindex("lo"));
	EXPECT_REFUSED(-ERANGE, b->ctrl.zc_bind.if_rxq = FURTHER_RXQ + 1);
	EXPECT_REFUSED(-ERANGE, b->ctrl.zc_bind.if_rxq = UINT32_MAX);
	/* the one of the registration */
	EXPECT_REFUSED(-EEXIST, b->ctrl.zc_bind.if_rxq = WIRE_RXQ);
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	/* it may be the refill ring of somebody else */
	EXPECT_EQ(REGION_LEN, is_pattern(self->memory));
	EXPECT_GOOD();
	EXPECT_GT(REGION_LEN, is_pattern(self->memory));
}

/* Twice the same, and what is bound stays. */
TEST_F_TIMEOUT(refused, bound_already, TIMEOUT)
{
	struct bind b = self->good, again = self->good;
	long pins;

	ASSERT_EQ(0, bind_it(self, &b));
	pins = pins_now();
	again.region.user_addr = 0;
	again.region.flags = 0;
	EXPECT_EQ(-EEXIST, bind_it(self, &again));
	EXPECT_EQ(0, again.region.mmap_offset);
	EXPECT_EQ(pins, pins_now());
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, FURTHER_RXQ));
	EXPECT_EQ(0, unbind_it(self, FURTHER_RXQ));
	EXPECT_EQ(-ENOENT, unbind_it(self, FURTHER_RXQ));
}

/* Memory that cannot be written back to. */
TEST_F_TIMEOUT(refused, read_only, TIMEOUT)
{
	struct bind *b = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring_region_desc *region = (void *)b + PAGE;
	long pins = pins_now();

	ASSERT_NE(MAP_FAILED, b);
	*b = self->good;
	*region = b->region;
	b->ctrl.zc_bind.region_ptr = (uintptr_t)region;
	ASSERT_EQ(0, mprotect(region, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, zc_ext_ctrl(&self->zc, &b->ctrl));
	EXPECT_EQ(ENTRIES, b->ctrl.zc_bind.rq_entries);
	ASSERT_EQ(0, mprotect(region, PAGE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, mprotect(b, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, io_uring_register(self->zc.ring.ring_fd,
					     IORING_REGISTER_ZCRX_CTRL,
					     &b->ctrl, 0));
	EXPECT_EQ(pins, pins_now());
	EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex, FURTHER_RXQ));
	munmap(b, 2 * PAGE);
	EXPECT_GOOD();
}

TEST_F_TIMEOUT(refused, to_unbind, TIMEOUT)
{
	struct zcrx_ctrl_unbind_queue none = { .if_rxq = FURTHER_RXQ };
	struct bind b = self->good;
	unsigned int i;

	ASSERT_EQ(0, bind_it(self, &b));
	for (i = 0; i < 32; i++) {
		none.flags = 1U << i;
		EXPECT_EQ(-EINVAL, unbind_with(self, none));
	}
	none.flags = 0;
	for (i = 0; i < ARRAY_SIZE(none.__resv); i++) {
		none.__resv[i] = 1;
		EXPECT_EQ(-EINVAL, unbind_with(self, none));
		none.__resv[i] = 0;
	}
	EXPECT_EQ(-EBUSY, unbind_it(self, WIRE_RXQ));
	EXPECT_EQ(-ENOENT, unbind_it(self, 0));
	EXPECT_EQ(-ENOENT, unbind_it(self, UINT32_MAX));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, FURTHER_RXQ));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, unbind_it(self, FURTHER_RXQ));
}

TEST_F_TIMEOUT(refused, needs_the_capability, TIMEOUT)
{
	struct bind b = self->good, other = self->good;

	ASSERT_EQ(0, bind_it(self, &b));
	ASSERT_EQ(0, caps_drop(CAP_NET_ADMIN));
	EXPECT_EQ(-EPERM, unbind_it(self, FURTHER_RXQ));
	EXPECT_EQ(-EPERM, bind_it(self, &other));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, FURTHER_RXQ));
}

/* A mapping's offset has one space of ids for ifqs and refill rings. */
TEST_F_TIMEOUT(refused, ring_that_is_gone, TIMEOUT)
{
	struct bind b = self->good;
	void *ring;

	b.region.user_addr = 0;
	b.region.flags = 0;
	ASSERT_EQ(0, bind_it(self, &b));
	ASSERT_NE(0, b.region.mmap_offset);
	EXPECT_NE(self->zc.reg.region.mmap_offset, b.region.mmap_offset);
	/* it is no ifq's */
	EXPECT_EQ(-ENXIO, ctrl_of(self->zc.ring.ring_fd, 1,
				  &(struct zcrx_ext_ctrl) {
		.op = ZCRX_CTRL_FLUSH_RQ }));
	ring = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
		    self->zc.ring.ring_fd, b.region.mmap_offset);
	ASSERT_NE(MAP_FAILED, ring);
	ASSERT_EQ(0, unbind_it(self, FURTHER_RXQ));
	/* what was mapped stays */
	*(volatile __u32 *)ring = 1;
	EXPECT_EQ(MAP_FAILED, mmap(NULL, REGION_LEN, PROT_READ, MAP_SHARED,
				   self->zc.ring.ring_fd,
				   b.region.mmap_offset));
	munmap(ring, REGION_LEN);
}

/* Without a NIC there is no further queue of it. */
TEST_F(refused, nodev)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = 16 * PAGE,
	};
	struct bind b = self->good;
	struct zc zc;

	ASSERT_EQ(0, zc_open(&zc, &cfg));
	b.ctrl.zc_bind.region_ptr = (uintptr_t)&b.region;
	EXPECT_EQ(-EOPNOTSUPP, zc_ext_ctrl(&zc, &b.ctrl));
	EXPECT_EQ(-EOPNOTSUPP, zc_ext_ctrl(&zc, &(struct zcrx_ext_ctrl) {
		.op = ZCRX_CTRL_UNBIND_QUEUE }));
	zc_close(&zc);
}

/*
 * Two rings have the ifq and want the same queue, at the same time. Who finds it gone
 * takes back what was not read of its refill ring: nobody reads on.
 */
struct caller {
	pthread_barrier_t *start;
	const struct caller *other;
	struct bind bind;
	__u32 *head, *tail;
	int zcrx_fd;
	int failed;
	int bound[TURNS], unbound[TURNS];
	unsigned int unread;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = c->zcrx_fd,
		.flags = ZCRX_REG_IMPORT,
	};
	struct io_uring ring;
	unsigned int i;

	c->failed = zc_ring_open(&ring, 8);
	if (!c->failed)
		c->failed = io_uring_register_ifq(&ring, &reg);
	for (i = 0; i < TURNS; i++) {
		struct bind b = c->bind;
		struct zcrx_ext_ctrl unbind = {
			.op = ZCRX_CTRL_UNBIND_QUEUE,
			.zc_unbind.if_rxq = FURTHER_RXQ,
		};

		b.ctrl.zc_bind.region_ptr = (uintptr_t)&b.region;
		pthread_barrier_wait(c->start);
		if (!c->failed)
			c->bound[i] = ctrl_of(ring.ring_fd, reg.zcrx_id,
					      &b.ctrl);
		/* none of them makes sense, and all have to be looked at */
		if (!c->bound[i])
			__atomic_store_n(c->tail, MANY, __ATOMIC_RELEASE);
		pthread_barrier_wait(c->start);
		if (!c->failed)
			c->unbound[i] = ctrl_of(ring.ring_fd, reg.zcrx_id,
						&unbind);
		if (c->unbound[i] == -ENOENT)
			c->unread += MANY - __atomic_load_n(c->bound[i] ?
							    c->other->head :
							    c->head,
							    __ATOMIC_ACQUIRE);
	}
	io_uring_queue_exit(&ring);
	return NULL;
}

TEST_F_TIMEOUT(refused, two_callers, TIMEOUT)
{
	pthread_barrier_t start;
	struct caller c[2];
	pthread_t thread;
	unsigned int i;
	char *rings;
	int fd;

	rings = mmap(NULL, 2 * MANY_LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, rings);
	fd = zc_export(&self->zc);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pthread_barrier_init(&start, NULL, 2));
	for (i = 0; i < 2; i++) {
		c[i] = (struct caller) {
			.start = &start,
			.other = &c[!i],
			.bind = self->good,
			.head = (void *)(rings + self->zc.reg.ifq.offsets.head),
			.tail = (void *)(rings + self->zc.reg.ifq.offsets.tail),
			.zcrx_fd = fd,
		};
		/* each of its own */
		c[i].bind.ctrl.zc_bind.rq_entries = MANY;
		c[i].bind.region.user_addr = (uintptr_t)rings;
		c[i].bind.region.size = MANY_LEN;
		rings += MANY_LEN;
	}
	ASSERT_EQ(0, pthread_create(&thread, NULL, call, &c[1]));
	call(&c[0]);
	pthread_join(thread, NULL);
	close(fd);
	EXPECT_EQ(0, c[0].failed);
	EXPECT_EQ(0, c[1].failed);
	EXPECT_EQ(0, c[0].unread);
	EXPECT_EQ(0, c[1].unread);
	for (i = 0; i < TURNS; i++) {
		EXPECT_EQ(-EEXIST, c[0].bound[i] + c[1].bound[i]);
		EXPECT_TRUE(!c[0].bound[i] || !c[1].bound[i]);
		EXPECT_EQ(-ENOENT, c[0].unbound[i] + c[1].unbound[i]);
		EXPECT_TRUE(!c[0].unbound[i] || !c[1].unbound[i]);
	}
	EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex, FURTHER_RXQ));
}

TEST_HARNESS_MAIN
