// SPDX-License-Identifier: GPL-2.0
/*
 * Socket devmem on the layer of net_iovs that it shares with zero-copy receive
 * of io_uring: it works as before, and neither takes buffers of the other.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/copies.h"
#include "lib/counters.h"
#include "lib/devmem_rx.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(32 * MIB)
/* of descriptors, and for the page_pool of buffers */
#define LONG_RING	1024
/* as many buffers, and a quarter as many again */
#define SMALL_AREA	(5 * MIB)
#define LOSSY_LEN	(4 * MIB)
#define NETEM		"ip netns exec peer tc qdisc %s dev eth1 root netem %s"
/* what it loses, it loses as a whole */
#define SEGMENTS	"ip -n peer link set dev eth1 gso_max_segs %u"
#define RING		"ethtool -G " WIRE_IF " rx %d"
#define POOL_EMPTY	"rx_queue_1_mp_pool_empty"
#define CHANNELS	2	/* what the VM has */
#define OTHER_RXQ	2	/* there with one more */

static struct stream stream;

/* Waits until there is something to receive. */
static int wait_for_data(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };

	return poll(&pfd, 1, WIRE_PATIENCE_MS) == 1 ? 0 : -ETIMEDOUT;
}

/* A stream of a new connection, all of it in the area's buffers. */
static void expect_stream(struct __test_metadata *_metadata, struct wire *wire,
			  struct devmem_rx *rx, const struct area *area,
			  const char *addr)
{
	ASSERT_EQ(0, wire_open(wire, addr, &stream, STREAM_LEN, false));
	devmem_rx_init(rx, wire->sock, area, &stream);
	EXPECT_EQ(0, devmem_rx_all(rx));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(0, rx->dm.linear);
	EXPECT_EQ(0, wire_close(wire));
}

FIXTURE(devmem)
{
	unsigned int ifindex;
	struct area area;	/* for socket devmem */
	struct wire wire;
	struct zc zc;
};

FIXTURE_VARIANT(devmem)
{
	const char *addr;
};

FIXTURE_VARIANT_ADD(devmem, v4)
{
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(devmem, v6)
{
	.addr = WIRE_V6,
};

FIXTURE_SETUP(devmem)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	stream_init(&stream, 6);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
}

/* Each leaves nothing behind. */
FIXTURE_TEARDOWN(devmem)
{
	area_close(&self->area);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
}

static int open_zc(struct zc *zc, __u32 rxq)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = rxq,
		.kind = AREA_UDMABUF,
		.area_len = AREA_LEN,
	};

	return zc_open(zc, &cfg);
}

TEST_F_TIMEOUT(devmem, stream, TIMEOUT)
{
	struct devmem_rx rx = {};
	struct netdev_queue queue;
	struct netdev_pool pool;
	int binding;

	binding = netdev_bind_rx(self->ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				 &rx.dm.dmabuf_id);
	ASSERT_LE(0, binding);

	/* netlink tells the two apart */
	ASSERT_EQ(0, netdev_rx_queue(self->ifindex, WIRE_RXQ, &queue));
	EXPECT_EQ(rx.dm.dmabuf_id, queue.provider.dmabuf_id);
	EXPECT_FALSE(queue.provider.io_uring);
	ASSERT_EQ(1, netdev_pools(self->ifindex, &pool, 1));
	EXPECT_EQ(rx.dm.dmabuf_id, pool.provider.dmabuf_id);
	EXPECT_FALSE(pool.provider.io_uring);

	expect_stream(_metadata, &self->wire, &rx, &self->area, variant->addr);
	close(binding);
}

/*
 * A queue of a device that is down cannot be restarted. It is given back, at once: the
 * memory goes before the device is up again.
 */
TEST_F_TIMEOUT(devmem, closed_while_down, TIMEOUT)
{
	struct devmem_rx rx = {};
	const char *failed;
	int binding;

	binding = netdev_bind_rx(self->ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				 &rx.dm.dmabuf_id);
	ASSERT_LE(0, binding);
	ASSERT_EQ(0, sh(NIC_DOWN));
	close(binding);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	area_close(&self->area);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, sh(NIC_UP));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex, WIRE_RXQ));

	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed));
	binding = netdev_bind_rx(self->ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				 &rx.dm.dmabuf_id);
	ASSERT_LE(0, binding);
	expect_stream(_metadata, &self->wire, &rx, &self->area, variant->addr);
	close(binding);
}

/*
 * Buffers of io_uring's are no socket devmem, and nothing to be copied: both
 * kinds of receiving say so, and take nothing from the stream.
 */
TEST_F_TIMEOUT(devmem, refuses_zcrx_buffers, TIMEOUT)
{
	struct devmem_rx devmem = {};
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	char byte;

	ASSERT_EQ(0, open_zc(&self->zc, WIRE_RXQ))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, STREAM_LEN,
			       false));
	rx.sock = self->wire.sock;
	devmem_rx_init(&devmem, self->wire.sock, &self->area, &stream);
	ASSERT_EQ(0, wait_for_data(self->wire.sock));

	EXPECT_EQ(-ENODEV, devmem_receive(&devmem.dm));
	EXPECT_EQ(0, devmem.dm.linear);
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, 0));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, MSG_PEEK));
	EXPECT_EQ(EFAULT, errno);

	ASSERT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
}

/* A queue has one provider. */
TEST_F_TIMEOUT(devmem, queue_is_taken, TIMEOUT)
{
	__u32 id;
	int binding;

	binding = netdev_bind_rx(self->ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				 &id);
	ASSERT_LE(0, binding);
	EXPECT_EQ(-EEXIST, open_zc(&self->zc, WIRE_RXQ));
	EXPECT_EQ(QUEUE_DMABUF, queue_provider(self->ifindex, WIRE_RXQ));
	close(binding);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));

	ASSERT_EQ(0, open_zc(&self->zc, WIRE_RXQ))
		TH_LOG("%s failed", self->zc.failed);
	EXPECT_EQ(-EEXIST, netdev_bind_rx(self->ifindex, WIRE_RXQ,
					  self->area.dmabuf_fd, &id));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	zc_close(&self->zc);
}

/*
 * One queue each, on one NIC.
 */
FIXTURE(side_by_side)
{
	unsigned int ifindex;
	struct area area;
	struct wire wire;
	struct zc zc;
	struct devmem_rx rx;
	int binding;
};

FIXTURE_SETUP(side_by_side)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS + 1));
	ASSERT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	stream_init(&stream, 7);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
	self->binding = netdev_bind_rx(self->ifindex, WIRE_RXQ,
				       self->area.dmabuf_fd,
				       &self->rx.dm.dmabuf_id);
	ASSERT_LE(0, self->binding);
	ASSERT_EQ(0, open_zc(&self->zc, OTHER_RXQ))
		TH_LOG("%s failed", self->zc.failed);
	EXPECT_EQ(QUEUE_DMABUF, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, OTHER_RXQ));
}

FIXTURE_TEARDOWN(side_by_side)
{
	zc_close(&self->zc);
	close(self->binding);
	area_close(&self->area);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, queue_wait_free(self->ifindex, OTHER_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	/* a queue that flows are steered to cannot go */
	EXPECT_EQ(0, nic_steer_default(WIRE_IF));
	EXPECT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
}

/* Buffers of socket devmem do not become completions. */
TEST_F_TIMEOUT(side_by_side, zcrx_refuses_devmem_buffers, TIMEOUT)
{
	struct io_uring_cqe *cqe;

	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	ASSERT_EQ(0, wait_for_data(self->wire.sock));
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, 0, 0));
	ASSERT_EQ(0, zc_wait(&self->zc, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, io_uring_peek_cqe(&self->zc.ring, &cqe));
	EXPECT_EQ(-EFAULT, cqe->res);
	EXPECT_EQ(0, cqe->flags & IORING_CQE_F_MORE);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "cqes"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));

	/* and have not left the stream */
	devmem_rx_init(&self->rx, self->wire.sock, &self->area, &stream);
	EXPECT_EQ(0, devmem_rx_all(&self->rx));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(0, self->rx.dm.linear);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* Each gets its own streams while the other is there. */
TEST_F_TIMEOUT(side_by_side, both_receive, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };

	expect_stream(_metadata, &self->wire, &self->rx, &self->area, WIRE_V4);

	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	rx.sock = self->wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&self->wire));
}

/*
 * Segments behind a hole are dropped if the NIC lacks buffers, and no longer: here
 * all come home and fit into what a page_pool has, which does not ask its provider.
 */
FIXTURE(dry)
{
	unsigned int ifindex;
	struct area area;
	struct wire wire;
	struct devmem_rx rx;
	int binding;
	int ring;
};

FIXTURE_SETUP(dry)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	self->ring = nic_rx_ring(WIRE_IF);
	ASSERT_LT(0, self->ring);
	ASSERT_EQ(0, sh(RING, LONG_RING));
	stream_init(&stream, 8);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, SMALL_AREA, &failed))
		TH_LOG("%s failed", failed);
	self->binding = netdev_bind_rx(self->ifindex, WIRE_RXQ,
				       self->area.dmabuf_fd,
				       &self->rx.dm.dmabuf_id);
	ASSERT_LE(0, self->binding);
}

FIXTURE_TEARDOWN(dry)
{
	EXPECT_EQ(0, sh(NETEM "; " SEGMENTS, "del", "2>/dev/null", 65535));
	close(self->binding);
	area_close(&self->area);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, sh(RING, self->ring));
}

/* The NIC looks for buffers again and again, and there are none. */
static int wait_for_dry(__s64 before)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (counter_nic(WIRE_IF, POOL_EMPTY) > before + 5)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

/*
 * All that a reader gives back goes to the page_pool's ring, and to the provider what
 * does not fit. The pool, which was told once that there is none, does not ask again
 * before its ring is empty: so the ring has to be long in relation to the area, or the
 * NIC is not quick enough to make room.
 */
static void lose_some(struct __test_metadata *_metadata, struct wire *wire,
		      struct devmem_rx *rx, const struct area *area)
{
	const int room = 4 * SMALL_AREA, window = 64 * 1024;
	__s64 empty = counter_nic(WIRE_IF, POOL_EMPTY);

	/*
	 * The socket takes all of the area, as nobody reads. It has to have the room
	 * before its first segment, which its window goes by from then on.
	 */
	ASSERT_EQ(0, wire_open_with(wire, WIRE_V4, &stream, STREAM_LEN, false,
				    copies_send_when_told));
	ASSERT_EQ(0, setsockopt(wire->sock, SOL_SOCKET, SO_RCVBUFFORCE,
				&room, sizeof(room)));
	ASSERT_EQ(0, copies_go(wire));
	ASSERT_EQ(0, wait_for_dry(empty));
	/* and little once they are back, or the provider has some in between */
	ASSERT_EQ(0, setsockopt(wire->sock, SOL_SOCKET, SO_RCVBUF, &window,
				sizeof(window)));
	rx->bytes = 0;
	devmem_rx_init(rx, wire->sock, area, &stream);
	EXPECT_EQ(0, devmem_rx_all(rx));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(0, wire_close(wire));

	/* another has little of it, and many holes */
	ASSERT_EQ(0, sh(SEGMENTS " && " NETEM, 1, "add", "loss 1%"));
	ASSERT_EQ(0, wire_open(wire, WIRE_V4, &stream, LOSSY_LEN,
			       false));
	ASSERT_EQ(0, setsockopt(wire->sock, SOL_SOCKET, SO_RCVBUF, &window,
				sizeof(window)));
	rx->bytes = 0;
	devmem_rx_init(rx, wire->sock, area, &stream);
	EXPECT_EQ(0, devmem_rx_all(rx));
	EXPECT_EQ(LOSSY_LEN, rx->bytes);
	EXPECT_EQ(0, wire_close(wire));
	EXPECT_EQ(0, sh(NETEM "; " SEGMENTS, "del", "2>/dev/null", 65535));
}

TEST_F_TIMEOUT(dry, no_longer, 2 * TIMEOUT)
{
	__s64 kept = counter_tcp("TCPOFOQueue");
	__s64 dropped = counter_tcp("TCPOFODrop");
	int i;

	for (i = 0; i < 3; i++)
		lose_some(_metadata, &self->wire, &self->rx, &self->area);
	kept = counter_tcp("TCPOFOQueue") - kept;
	dropped = counter_tcp("TCPOFODrop") - dropped;
	/* thrice: the provider may have had some last, and then nobody drops any */
	EXPECT_LT(dropped, kept);
}

TEST_HARNESS_MAIN
