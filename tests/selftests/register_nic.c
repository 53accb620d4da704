// SPDX-License-Identifier: GPL-2.0
/*
 * Registrations that an interface, or what is on its queue, stands in the way
 * of: each gets its errno, of two things wrong the one that is checked earlier
 * wins, and a failure leaves no trace. What igb has not is in interfaces that
 * tests/kernel/zcrx_netdev.c makes. register_order.c has what is wrong with the
 * arguments themselves.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/subject.h"
#include "lib/wire.h"
#include "lib/xdp.h"
#include "lib/xsk.h"
#include "queue.h"

#define TIMEOUT		90
#define PAGE		4096
#define NO_SUCH_RXQ	1000

/* What else there is, besides the registration: */
#define SPLIT_OFF	1	/* tcp-data-split is off */
#define CSUM_OFF	2	/* the NIC verifies no checksums */
#define XDP		4	/* an XDP program on the interface */
#define XSK		8	/* an AF_XDP socket on the queue */
#define BOUND		16	/* another ifq on the queue */

FIXTURE(refused)
{
	struct subject s;
	struct subject other;	/* BOUND */
	int xdp, xsk;
};

FIXTURE_VARIANT(refused)
{
	const char *ifname;
	enum area_kind kind;
	unsigned int with;
	void (*spoil)(struct zc_reg *reg);
	int err;
};

FIXTURE_SETUP(refused)
{
	const unsigned int with = variant->with;
	struct subject *s = &self->s;

	/* the interfaces of tests/kernel: is it in the image? */
	ASSERT_EQ(0, sh("modprobe zcrx_netdev"));
	ASSERT_EQ(0, sh("ip link set %s up", variant->ifname));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, subject_open(s, variant->ifname, variant->kind));
	if (with & BOUND) {
		ASSERT_EQ(0, subject_open(&self->other, variant->ifname,
					  AREA_USER));
		ASSERT_EQ(0, subject_register(&self->other));
	}
	if (with & SPLIT_OFF)
		ASSERT_EQ(0, nic_set_data_split(variant->ifname, false));
	if (with & CSUM_OFF)
		ASSERT_EQ(0, sh("ethtool -K %s rx off", variant->ifname));
	if (with & XDP)
		self->xdp = xdp_attach(s->ifindex);
	if (with & XSK)
		self->xsk = xsk_open(s->ifindex, WIRE_RXQ);
	ASSERT_LE(0, self->xdp);
	ASSERT_LE(0, self->xsk);
}

/* Takes away what else there is. */
static int lift(FIXTURE_DATA(refused) *self, const char *ifname,
		unsigned int with)
{
	int ret = 0;

	if (with & XSK)
		close(self->xsk);
	if (with & XDP)
		close(self->xdp);
	if (with & CSUM_OFF)
		ret |= sh("ethtool -K %s rx on", ifname);
	if (with & SPLIT_OFF)
		ret |= nic_set_data_split(ifname, true);
	if (with & BOUND)
		subject_close(&self->other);
	return ret;
}

FIXTURE_TEARDOWN(refused)
{
	subject_close(&self->s);
	EXPECT_EQ(0, queue_wait_free(self->s.ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/*
 * The registration with nothing wrong, once what was in its way is gone; that
 * takes somewhat longer than to close it.
 */
static int good_in_time(struct subject *s)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;
	int ret;

	ret = queue_wait_free(s->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
	if (ret)
		return ret;
	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		ret = subject_register_good(s);
		if (ret != -EBUSY)
			return ret;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

TEST_F_TIMEOUT(refused, leaves_no_trace, TIMEOUT)
{
	struct subject *s = &self->s;
	long pins = pins_now();

	variant->spoil(&s->reg);
	EXPECT_EQ(-variant->err, subject_register(s));
	EXPECT_EQ(pins, pins_now());
	EXPECT_EQ(variant->with & BOUND ? QUEUE_IO_URING : QUEUE_PAGES,
		  queue_provider(s->ifindex, WIRE_RXQ));

	EXPECT_EQ(0, lift(self, variant->ifname, variant->with));
	/* that was all that stood in the way: of igb's queues, that is */
	if (strcmp(variant->ifname, WIRE_IF))
		return;
	EXPECT_EQ(0, good_in_time(s));
	EXPECT_EQ(0, s->reg.ifq.zcrx_id);
}

/*
 * The ways to be wrong, in the order in which they are checked: a name, the
 * error, the interface and what else there is, and what is spoilt.
 */
#define REFUSED_IN(memory, name, error, interface, what, ...)		\
	static void name##_spoil(struct zc_reg *r)			\
	{								\
		(void)r;						\
		__VA_ARGS__;						\
	}								\
	FIXTURE_VARIANT_ADD(refused, name)				\
	{								\
		.ifname = interface,					\
		.kind = memory,						\
		.with = what,						\
		.spoil = name##_spoil,					\
		.err = error,						\
	}
#define REFUSED(...)	REFUSED_IN(AREA_USER, __VA_ARGS__)

/* Pages that no NIC finds beside each other: it is one, again and again. */
static void scatter(struct zc_reg *r)
{
	int fd = memfd_create("scattered", MFD_CLOEXEC);
	__u64 off;

	if (fd < 0 || ftruncate(fd, PAGE))
		exit(1);
	for (off = 0; off < r->area.len; off += PAGE)
		if (mmap((void *)(uintptr_t)(r->area.addr + off), PAGE,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 0) == MAP_FAILED)
			exit(1);
	close(fd);
}

#define NOTHING		((void)0)
/* More than any NIC has bits for, and no more than an area has. */
#define TOO_LONG	(32 * PAGE)

REFUSED(no_dma_device, EOPNOTSUPP, "zc_nodma", 0, NOTHING);
REFUSED(not_contiguous, ERANGE, "zc_nopool", 0, scatter(r);
	r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(area_too_short, ERANGE, WIRE_IF, 0, r->area.len = PAGE;
	r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(no_queue_api, EOPNOTSUPP, "zc_noqueue", 0, NOTHING);
REFUSED(rxq_past_end, ERANGE, WIRE_IF, 0,
	r->ifq.if_rxq = nic_channels(WIRE_IF));
REFUSED(rxq_past_any, ERANGE, WIRE_IF, 0, r->ifq.if_rxq = -2);
REFUSED(split_off, EINVAL, WIRE_IF, SPLIT_OFF, NOTHING);
REFUSED(split_unknown, EINVAL, "zc_nosplit", 0, NOTHING);
REFUSED(csum_off, EINVAL, WIRE_IF, CSUM_OFF, NOTHING);
REFUSED(xdp, EEXIST, WIRE_IF, XDP, NOTHING);
REFUSED(buf_len_too_long, EOPNOTSUPP, WIRE_IF, 0,
	r->ifq.rx_buf_len = TOO_LONG);
REFUSED_IN(AREA_THP, buf_len_of_pages_only, EOPNOTSUPP, "zc_nopool", 0,
	   r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(bound, EEXIST, WIRE_IF, BOUND, NOTHING);
REFUSED(xsk, EBUSY, WIRE_IF, XSK, NOTHING);
REFUSED(no_pool, ENODATA, "zc_nopool", 0, NOTHING);

/* Of two the earlier, each with the next that has another error. */
REFUSED(dma_device_before_buf_len, EOPNOTSUPP, "zc_nodma", 0,
	r->ifq.rx_buf_len = PAGE + 1);
REFUSED(dma_device_before_area, EOPNOTSUPP, "zc_nodma", 0, r->area.len = 0);
REFUSED(buf_len_before_area, EINVAL, WIRE_IF, 0,
	r->ifq.rx_buf_len = PAGE + 1; r->area.len = 0);
REFUSED(buf_len_small_before_area, EINVAL, WIRE_IF, 0,
	r->ifq.rx_buf_len = PAGE / 2; r->area.len = 0);
REFUSED(area_before_contiguity, EFAULT, "zc_noqueue", 0, r->area.addr = PAGE;
	r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(contiguity_before_queue_api, ERANGE, "zc_noqueue", 0, scatter(r);
	r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(contiguity_before_split, ERANGE, "zc_nosplit", 0, scatter(r);
	r->ifq.rx_buf_len = 2 * PAGE);
REFUSED(area_before_queue_api, EFAULT, "zc_noqueue", 0, r->area.addr = PAGE);
REFUSED(queue_api_before_rxq, EOPNOTSUPP, "zc_noqueue", 0,
	r->ifq.if_rxq = NO_SUCH_RXQ);
REFUSED(rxq_before_split, ERANGE, WIRE_IF, SPLIT_OFF,
	r->ifq.if_rxq = NO_SUCH_RXQ);
REFUSED(rxq_before_split_unknown, ERANGE, "zc_nosplit", 0,
	r->ifq.if_rxq = NO_SUCH_RXQ);
REFUSED(rxq_before_xdp, ERANGE, WIRE_IF, XDP, r->ifq.if_rxq = NO_SUCH_RXQ);
REFUSED(split_before_xdp, EINVAL, WIRE_IF, SPLIT_OFF | XDP, NOTHING);
REFUSED(split_unknown_before_xdp, EINVAL, "zc_nosplit", XDP, NOTHING);
REFUSED(xdp_before_buf_len, EEXIST, WIRE_IF, XDP,
	r->ifq.rx_buf_len = TOO_LONG);
REFUSED(buf_len_before_provider, EOPNOTSUPP, WIRE_IF, BOUND,
	r->ifq.rx_buf_len = TOO_LONG);
REFUSED(buf_len_before_xsk, EOPNOTSUPP, WIRE_IF, XSK,
	r->ifq.rx_buf_len = TOO_LONG);
REFUSED(xdp_before_xsk, EEXIST, WIRE_IF, XDP | XSK, NOTHING);
REFUSED(provider_before_xsk, EEXIST, WIRE_IF, BOUND | XSK, NOTHING);
REFUSED(xsk_before_pool, EBUSY, "zc_nopool", XSK, NOTHING);
REFUSED(xdp_before_pool, EEXIST, "zc_nopool", XDP, NOTHING);

/* What the NIC cannot do comes after the area and the queue. */
REFUSED(area_flags_before_too_long, EINVAL, WIRE_IF, 0,
	r->area.flags = 1u << 30; r->ifq.rx_buf_len = TOO_LONG);
REFUSED(area_empty_before_too_long, EFAULT, WIRE_IF, 0, r->area.len = 0;
	r->ifq.rx_buf_len = TOO_LONG);
REFUSED(area_unmapped_before_too_long, EFAULT, WIRE_IF, 0,
	r->area.addr = PAGE; r->ifq.rx_buf_len = TOO_LONG);
REFUSED(area_too_short_before_too_long, ERANGE, WIRE_IF, 0,
	r->area.len = PAGE; r->ifq.rx_buf_len = TOO_LONG);
REFUSED(rxq_before_too_long, ERANGE, WIRE_IF, 0,
	r->ifq.if_rxq = NO_SUCH_RXQ; r->ifq.rx_buf_len = TOO_LONG);
REFUSED(split_before_too_long, EINVAL, WIRE_IF, SPLIT_OFF,
	r->ifq.rx_buf_len = TOO_LONG);

TEST_HARNESS_MAIN
