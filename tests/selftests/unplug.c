// SPDX-License-Identifier: GPL-2.0
/*
 * The NIC goes while a stream comes in on a queue of it that is bound: its
 * driver is taken off it, it is unplugged, it moves to another network
 * namespace. The ring stays, and so does the connection. When there is a NIC
 * with the address again, the peer sends again what was lost.
 *
 * The binding goes with the device, but not when that only moves. Then payload
 * arrives in the kernel's memory as on any other queue: user memory is copied
 * to; with a dma-buf the request ends, and recv() reads it.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/flow.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)

/* What brings it back, once there is a NIC: tests/vm/nic-set-up. */
#define SET_UP		"nic-set-up"
#define SET_UP_PEER	"nic-set-up peer"

FIXTURE(unplug)
{
	struct live live;
	char slot[32];	/* the NIC's PCI address */
};

FIXTURE_VARIANT(unplug)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(unplug, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(unplug, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

FIXTURE_SETUP(unplug)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot, sizeof(self->slot)));
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

/* A new ring on what is WIRE_IF now. */
FIXTURE_TEARDOWN(unplug)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	struct live *live = &self->live;

	ASSERT_EQ(0, queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));

	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(ifindex, WIRE_RXQ));
	EXPECT_EQ(0, live_receive(live, LIVE_AREA));
	EXPECT_EQ(0, live_end(live));
	EXPECT_EQ(0, live->nomem);
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
	zc_close(&live->zc);
}

/* Runs a command in which %s is the NIC's PCI address. */
static int do_run(struct live *live, const char *fmt, const char *slot)
{
	char cmd[2048];

	snprintf(cmd, sizeof(cmd), fmt, slot, slot);
	return live ? live_run(live, cmd) : run(cmd);
}

/*
 * The connection outlived the NIC that its stream was bound to, and the NIC
 * that is there now is not bound.
 */
#define EXPECT_UNBOUND()						\
	do {								\
		struct live *l = &self->live;				\
									\
		EXPECT_EQ(QUEUE_PAGES,					\
			  queue_provider(if_nametoindex(WIRE_IF),	\
					 WIRE_RXQ));			\
		EXPECT_EQ(0, live_receive(l, MIB));			\
		EXPECT_LT(0, zc_fdinfo(&l->zc, "copied"));		\
		EXPECT_EQ(0, live_end(l));				\
		zc_close(&l->zc);					\
	} while (0)

#define UNBIND	"echo %s >/sys/bus/pci/drivers/igb/unbind"
#define BIND	"echo %s >/sys/bus/pci/drivers/igb/bind"
#define REMOVE	"echo 1 >/sys/bus/pci/devices/%s/remove"
#define RESCAN	"echo 1 >/sys/bus/pci/rescan"

#define MOVE	"ip netns add other; " \
		"ip link set eth0 netns other; " \
		"ip -n other link set eth0 up"
#define BACK	"ip netns del other; " SET_UP

TEST_F_TIMEOUT(unplug, unbind, TIMEOUT)
{
	ASSERT_EQ(0, do_run(&self->live, UNBIND " && " BIND " && " SET_UP,
			    self->slot));
	EXPECT_UNBOUND();
}

TEST_F_TIMEOUT(unplug, hot_unplug, TIMEOUT)
{
	ASSERT_EQ(0, do_run(&self->live, REMOVE " && " RESCAN " && " SET_UP,
			    self->slot));
	EXPECT_UNBOUND();
}

/*
 * The ring goes while there is no NIC, and the socket with payload in it that
 * the NIC wrote goes last.
 */
TEST_F_TIMEOUT(unplug, closed_without_nic, TIMEOUT)
{
	struct live *live = &self->live;
	char byte;

	ASSERT_EQ(0, wire_wait_backlog(live->wire.sock, 4096));
	ASSERT_EQ(0, do_run(NULL, REMOVE, self->slot));
	EXPECT_EQ(0, if_nametoindex(WIRE_IF));
	zc_close(&live->zc);
	/* it is the buffers in the socket that keep the area */
	EXPECT_LT(0, pins_now());
	EXPECT_EQ(-1, recv(live->wire.sock, &byte, 1, MSG_DONTWAIT));
	EXPECT_EQ(EFAULT, errno);
	close(live->wire.sock);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, run(RESCAN " && " SET_UP));
}

/*
 * With two queues bound, and the connection by the further one. The ring can let go of
 * that, and gets none of the NIC that came after.
 */
TEST_F_TIMEOUT(unplug, both_queues, TIMEOUT)
{
	struct live *live = &self->live;
	struct zc *zc = &live->zc;
	struct zc_queue further, again;

	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, zc_bind_queue(zc, &further, FLOW_FURTHER_RXQ, true));
	ASSERT_EQ(0, flow_steer(FLOW_FURTHER_RXQ, FLOW_FURTHER_RXQ));
	live->rx.by = &further;
	live->rx.by_every = 2;
	ASSERT_EQ(0, live_receive(live, LIVE_AREA));
	EXPECT_EQ(0, zc_fdinfo(zc, "copied"));

	ASSERT_EQ(0, do_run(live, UNBIND " && " BIND " && " SET_UP,
			    self->slot));
	zc->reg.ifq.if_idx = if_nametoindex(WIRE_IF);
	EXPECT_EQ(-ENODEV, zc_bind_queue(zc, &again, WIRE_RXQ, false));
	EXPECT_EQ(0, live_receive(live, MIB));
	live->rx.by_every = 0;
	EXPECT_EQ(0, zc_unbind_queue(zc, &further));
	EXPECT_UNBOUND();
}

/* All of the driver goes, and with it the peer's NIC. */
TEST_F_TIMEOUT(unplug, rmmod, TIMEOUT)
{
	ASSERT_EQ(0, live_run(&self->live, "rmmod igb && modprobe igb && "
			      SET_UP_PEER " && " SET_UP));
	EXPECT_UNBOUND();
}

/*
 * A NIC that moves stays bound. When the namespace is deleted it comes back,
 * and serves the ring again.
 */
TEST_F_TIMEOUT(unplug, netns, TIMEOUT)
{
	struct live *live = &self->live;
	__s64 delivered;

	ASSERT_EQ(0, live_run(live, "set -e; " MOVE "; " BACK));
	EXPECT_EQ(QUEUE_IO_URING,
		  queue_provider(if_nametoindex(WIRE_IF), WIRE_RXQ));
	delivered = zc_fdinfo(&live->zc, "delivered");
	EXPECT_EQ(0, live_receive(live, LIVE_AREA));
	EXPECT_LT(delivered, zc_fdinfo(&live->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
	EXPECT_EQ(0, live->nomem);
	EXPECT_EQ(0, live_end(live));
	zc_close(&live->zc);
}

/* The ring goes while the NIC is elsewhere: the queue is free there. */
TEST_F_TIMEOUT(unplug, closed_in_netns, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, run("set -e; " MOVE));
	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, run("set -e; " BACK));
}

TEST_HARNESS_MAIN
