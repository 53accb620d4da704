// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to a NIC while a stream comes in on a queue of it that is
 * bound: each either works, and the stream goes on, or is refused, and the
 * stream goes on. Not a byte of it is lost, and where nothing else is said
 * none is copied.
 *
 * The device stays; unplug.c is about when it goes.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/capture.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/xdp.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define CHANNELS	2	/* what the VM has */
#define RX_RING		256	/* igb's default */
#define MTU		1500
/* A CPU that has nothing to do has, in a while, for some other reason. */
#define AT_ONCE_MS	20000

/* Interrupts whose names match, and there are some, to the CPUs of a mask. */
#define IRQS_TO(name, mask)						\
	"set -- $(sed -n 's/^ *\\([0-9]*\\):.*" name ".*/\\1/p' "	\
	"/proc/interrupts) && [ $# -gt 0 ] && for n; do "		\
	"echo " mask " >/proc/irq/$n/smp_affinity || exit 1; done"

FIXTURE(nic)
{
	unsigned int ifindex;
	struct live live;
	bool steered;	/* to other queues for a while */
};

FIXTURE_VARIANT(nic)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(nic, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(nic, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

FIXTURE_SETUP(nic)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

/* The stream comes to its end, and the queue is an ordinary one again. */
FIXTURE_TEARDOWN(nic)
{
	struct live *live = &self->live;

	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, live_end(live));
	if (!self->steered) {
		EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
		EXPECT_EQ(0, live->nomem);
	}
	EXPECT_EQ(live->rx.bytes, zc_fdinfo(&live->zc, "delivered") +
		  zc_fdinfo(&live->zc, "copied") + live->by_recv);
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "invalid"));
	zc_close(&live->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	/* where a test had more */
	if (nic_channels(WIRE_IF) != CHANNELS)
		EXPECT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
}

TEST_F_TIMEOUT(nic, link_down_up, TIMEOUT)
{
	long flaps = nic_sysfs(WIRE_IF, "carrier_changes");

	EXPECT_EQ(0, live_run(&self->live, NIC_DOWN " && " NIC_UP));
	/* more than the socket can have held before: the link is up again */
	EXPECT_EQ(0, live_receive(&self->live, LIVE_AREA));
	EXPECT_LE(flaps + 2, nic_sysfs(WIRE_IF, "carrier_changes"));
	/* and twice in no time */
	EXPECT_EQ(0, live_run(&self->live,
			      NIC_DOWN " && " NIC_UP " && " NIC_DOWN " && " NIC_UP));
	EXPECT_EQ(0, live_receive(&self->live, MIB));
}

/* The ring goes while the interface is down, and has no RX ring. */
TEST_F_TIMEOUT(nic, closed_while_down, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, run(NIC_DOWN));
	zc_close(&live->zc);
	close(live->wire.sock);
	/* nothing is left, though the interface never came up */
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));

	/* there is no queue to restart */
	EXPECT_EQ(-ENETDOWN, live_open(live, variant->kind, variant->addr));
	EXPECT_EQ(0, run(NIC_UP));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
}

/*
 * Frames come in on another CPU than they are read on. What was read is free, and
 * does not wait until the former has something to do: all else is on the latter.
 */
TEST_F_TIMEOUT(nic, read_on_another_cpu, TIMEOUT)
{
	struct live *live = &self->live;
	cpu_set_t all, first;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(first), &first));
	ASSERT_EQ(0, run(IRQS_TO("eth", "1")));
	ASSERT_EQ(0, run(IRQS_TO("eth0-rx-1", "2")));
	EXPECT_EQ(0, live_receive(live, MIB));
	EXPECT_EQ(0, wire_wait_backlog(live->wire.sock, 1));
	EXPECT_EQ(0, run(NIC_DOWN));
	/* what the socket has of before */
	EXPECT_EQ(0, live_receive(live, 1));

	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, AT_ONCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));

	EXPECT_EQ(0, run(IRQS_TO("eth", "3")));
	EXPECT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
	EXPECT_EQ(0, run(NIC_UP));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
}

TEST_F_TIMEOUT(nic, ring_size, TIMEOUT)
{
	struct live *live = &self->live;

	EXPECT_EQ(RX_RING, nic_rx_ring(WIRE_IF));
	EXPECT_EQ(0, live_run(live, "ethtool -G eth0 rx 512"));
	EXPECT_EQ(512, nic_rx_ring(WIRE_IF));
	EXPECT_EQ(0, live_receive(live, MIB));
	/* the least that igb takes */
	EXPECT_EQ(0, live_run(live, "ethtool -G eth0 rx 80"));
	EXPECT_EQ(80, nic_rx_ring(WIRE_IF));
	EXPECT_EQ(0, live_receive(live, MIB));
	EXPECT_EQ(0, live_run(live, "ethtool -G eth0 rx 256"));
	EXPECT_EQ(RX_RING, nic_rx_ring(WIRE_IF));
	EXPECT_EQ(0, live_receive(live, MIB));
}

TEST_F_TIMEOUT(nic, mtu, TIMEOUT)
{
	struct live *live = &self->live;

	EXPECT_EQ(0, live_run(live, "ip link set eth0 mtu 9000"));
	EXPECT_EQ(9000, nic_sysfs(WIRE_IF, "mtu"));
	EXPECT_EQ(0, live_receive(live, MIB));
	EXPECT_EQ(0, live_run(live, "ip link set eth0 mtu 1500"));
	EXPECT_EQ(MTU, nic_sysfs(WIRE_IF, "mtu"));
	EXPECT_EQ(0, live_receive(live, MIB));
}

/*
 * More channels: igb makes all its queues anew, and forgets where flows go.
 * Fewer: the core keeps one queue more than those that are bound.
 */
TEST_F_TIMEOUT(nic, more_channels, TIMEOUT)
{
	struct live *live = &self->live;

	self->steered = true;
	EXPECT_EQ(0, live_run(live, "ethtool -L eth0 combined 4"));
	EXPECT_EQ(4, nic_channels(WIRE_IF));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, live_receive(live, MIB));

	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 2));
	EXPECT_EQ(0, nic_set_channels(WIRE_IF, 3));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, live_receive(live, MIB));
}

/*
 * Flows that are steered to another queue arrive in the kernel's memory. The area
 * is copied to, while it has free buffers.
 */
TEST_F_TIMEOUT(nic, steered_away, TIMEOUT)
{
	struct live *live = &self->live;
	__s64 delivered;

	self->steered = true;
	EXPECT_EQ(0, nic_steer(WIRE_IF, 0));
	/*
	 * What is given back is used again, though no NAPI fetches it. A socket
	 * may hold more than is free, so now and then some comes by recv().
	 */
	while (zc_fdinfo(&live->zc, "copied") < 2 * LIVE_AREA)
		ASSERT_EQ(0, live_receive(live, MIB));

	/* not even now that no flow goes there may the queue go */
	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 1));
	EXPECT_EQ(CHANNELS, nic_channels(WIRE_IF));

	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	delivered = zc_fdinfo(&live->zc, "delivered");
	EXPECT_EQ(0, live_receive(live, 2 * LIVE_AREA));
	EXPECT_LT(delivered + LIVE_AREA, zc_fdinfo(&live->zc, "delivered"));
}

TEST_F_TIMEOUT(nic, refused, TIMEOUT)
{
	struct live *live = &self->live;

	/* software cannot checksum what it cannot read */
	EXPECT_LT(0, live_run(live, "ethtool -K eth0 rx off"));
	EXPECT_EQ(1, nic_rx_csum(WIRE_IF));
	EXPECT_EQ(0, live_receive(live, MIB));

	EXPECT_EQ(-EBUSY, nic_set_data_split(WIRE_IF, false));
	EXPECT_EQ(0, live_receive(live, MIB));

	EXPECT_EQ(-EBUSY, xdp_attach(self->ifindex));
	EXPECT_EQ(0, live_receive(live, MIB));

	/* flows go there, and a provider is */
	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 1));
	EXPECT_EQ(CHANNELS, nic_channels(WIRE_IF));
	EXPECT_EQ(0, live_receive(live, MIB));
}

TEST_F_TIMEOUT(nic, tcpdump, TIMEOUT)
{
	struct capture_seen by_recv = {}, by_ring = {};
	struct live *live = &self->live;
	struct capture reader, ring;
	__u16 port = tcp_port(live->wire.sock);
	int i;

	ASSERT_EQ(0, capture_open(&reader, self->ifindex, false));
	ASSERT_EQ(0, capture_open(&ring, self->ifindex, true));
	EXPECT_NE(0, IFF_PROMISC & nic_sysfs(WIRE_IF, "flags"));
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(0, live_receive(live, MIB));
		capture_look(&reader, port, &by_recv);
		capture_look(&ring, port, &by_ring);
	}
	capture_await(&ring, port, &by_ring, MIB, WIRE_PATIENCE_MS);
	capture_close(&reader);
	capture_close(&ring);
	EXPECT_EQ(0, IFF_PROMISC & nic_sysfs(WIRE_IF, "flags"));

	EXPECT_LT(0, by_recv.frames);
	EXPECT_EQ(by_recv.frames, by_recv.headers);
	EXPECT_EQ(0, by_recv.captured);
	EXPECT_LT(MIB, by_ring.payload);
	EXPECT_EQ(by_ring.frames, by_ring.headers);
	EXPECT_EQ(0, by_ring.captured);
	EXPECT_EQ(0, live_receive(live, MIB));
}

/*
 * The offline test is left out: igb takes each frame for one of its own while
 * it loops its transmitter back, QEMU lets in what comes from the wire, and
 * the kernel may then loop for good, with a bound queue or without.
 */
TEST_F_TIMEOUT(nic, self_test, TIMEOUT)
{
	long flaps = nic_sysfs(WIRE_IF, "carrier_changes");

	EXPECT_EQ(0, live_run(&self->live, "ethtool -t eth0 online"));
	EXPECT_EQ(flaps, nic_sysfs(WIRE_IF, "carrier_changes"));
	EXPECT_EQ(0, live_receive(&self->live, MIB));
}

TEST_HARNESS_MAIN
