// SPDX-License-Identifier: GPL-2.0
/*
 * While a queue is bound, netlink says so of the queue and of its page_pool,
 * and of no other; and what would pull the ground from under it is refused.
 */
#include <assert.h>
#include <errno.h>
#include <linux/netdev.h>
#include <net/if.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "genl.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/wire.h"
#include "lib/xdp.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(2 * MIB)
#define PAGE		4096
#define MAX_QUEUES	32
#define MAX_POOLS	16
#define CHANNELS	2	/* what the VM has */

/*
 * The numbers are ABI: the headers that this was built with must not hide that
 * one of them moved.
 */
static_assert(NETDEV_A_QUEUE_IO_URING == 6, "queue attribute");
static_assert(NETDEV_A_PAGE_POOL_IO_URING == 8, "page_pool attribute");
static_assert(NETDEV_A_IO_URING_PROVIDER_INFO_RX_BUF_LEN == 1,
	      "provider info attribute");

static struct stream stream;

FIXTURE(netlink)
{
	unsigned int ifindex;
	struct zc_config cfg;
	struct zc zc;
	__u32 napi_id;		/* of the queue, before it was bound */
	struct genl events;	/* page_pool notifications since then */
};

FIXTURE_VARIANT(netlink)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(netlink, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(netlink, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(netlink)
{
	struct netdev_queue queue;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_rx_queue(self->ifindex, WIRE_RXQ, &queue));
	self->napi_id = queue.napi_id;

	ASSERT_EQ(0, genl_open(&self->events, NETDEV_FAMILY_NAME));
	ASSERT_EQ(0, genl_join(&self->events, NETDEV_FAMILY_NAME,
			       NETDEV_MCGRP_PAGE_POOL));
	stream_init(&stream, 5);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))
		TH_LOG("%s failed", self->zc.failed);
}

/* The tests close the ring. */
FIXTURE_TEARDOWN(netlink)
{
	genl_close(&self->events);
}

TEST_F_TIMEOUT(netlink, queue, TIMEOUT)
{
	struct netdev_queue queue[MAX_QUEUES], *q;
	unsigned int rx = 0, tx = 0;
	int nr;

	nr = netdev_queues(self->ifindex, queue, MAX_QUEUES);
	ASSERT_LT(0, nr);
	for (q = queue; q < queue + nr; q++) {
		bool bound = q->type == NETDEV_QUEUE_TYPE_RX &&
			     q->id == WIRE_RXQ;

		rx += q->type == NETDEV_QUEUE_TYPE_RX;
		tx += q->type == NETDEV_QUEUE_TYPE_TX;
		EXPECT_EQ(bound, q->provider.io_uring);
		EXPECT_EQ(bound ? PAGE : 0, q->provider.rx_buf_len);
		EXPECT_FALSE(q->provider.unknown);
		EXPECT_FALSE(q->provider.dmabuf);
		EXPECT_NE(0, q->napi_id);
	}
	EXPECT_EQ(CHANNELS, rx);
	EXPECT_EQ(CHANNELS, tx);

	/* the same, asked for alone */
	ASSERT_EQ(0, netdev_rx_queue(self->ifindex, WIRE_RXQ, queue));
	EXPECT_TRUE(queue->provider.io_uring);
	EXPECT_EQ(PAGE, queue->provider.rx_buf_len);
	EXPECT_FALSE(queue->provider.dmabuf);
	EXPECT_NE(0, self->napi_id);
	EXPECT_EQ(self->napi_id, queue->napi_id);

	zc_close(&self->zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	nr = netdev_queues(self->ifindex, queue, MAX_QUEUES);
	EXPECT_EQ(2 * CHANNELS, nr);
	for (q = queue; q < queue + nr; q++) {
		EXPECT_FALSE(q->provider.io_uring);
		EXPECT_FALSE(q->provider.dmabuf);
		EXPECT_NE(0, q->napi_id);
	}
}

TEST_F_TIMEOUT(netlink, page_pool, TIMEOUT)
{
	struct netdev_pool pool[MAX_POOLS];

	/* igb has page_pools for bound queues alone */
	ASSERT_EQ(1, netdev_pools(self->ifindex, pool, MAX_POOLS));
	EXPECT_TRUE(pool->provider.io_uring);
	EXPECT_EQ(PAGE, pool->provider.rx_buf_len);
	EXPECT_FALSE(pool->provider.dmabuf);
	/* the NIC's ring has been filled from it */
	EXPECT_LT(0, pool->inflight);

	zc_close(&self->zc);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
}

struct event {
	__u8 cmd;
	__u32 ifindex;
	struct netdev_pool pool;
};

/* Is it the event that is waited for? */
static int match(const struct nlmsghdr *nlh, void *arg)
{
	struct event *event = arg;

	if (genl_cmd(nlh) != event->cmd)
		return 0;
	netdev_parse_pool(nlh, &event->pool);
	return event->pool.ifindex == event->ifindex;
}

TEST_F_TIMEOUT(netlink, notifications, TIMEOUT)
{
	struct event added = {
		.cmd = NETDEV_CMD_PAGE_POOL_ADD_NTF,
		.ifindex = self->ifindex,
	};
	struct event gone = {
		.cmd = NETDEV_CMD_PAGE_POOL_DEL_NTF,
		.ifindex = self->ifindex,
	};
	struct netdev_pool pool[MAX_POOLS];

	ASSERT_EQ(1, genl_listen(&self->events, WIRE_PATIENCE_MS, match,
				 &added));
	EXPECT_TRUE(added.pool.provider.io_uring);
	EXPECT_EQ(PAGE, added.pool.provider.rx_buf_len);
	EXPECT_FALSE(added.pool.provider.dmabuf);
	ASSERT_EQ(1, netdev_pools(self->ifindex, pool, MAX_POOLS));
	EXPECT_EQ(pool->id, added.pool.id);

	zc_close(&self->zc);
	ASSERT_EQ(1, genl_listen(&self->events, WIRE_PATIENCE_MS, match,
				 &gone));
	EXPECT_EQ(added.pool.id, gone.pool.id);
	EXPECT_TRUE(gone.pool.provider.io_uring);
	EXPECT_FALSE(gone.pool.provider.dmabuf);
}

/* A stream arrives whole, and uncopied: 0, or -errno. */
static int stream_arrives(struct zc *zc)
{
	struct receiver rx = { .zc = zc, .stream = &stream };
	__s64 before = zc_fdinfo(zc, "delivered");
	struct wire wire;
	int ret, peer;

	ret = wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false);
	if (ret)
		return ret;
	rx.sock = wire.sock;
	ret = receive_all(&rx);
	peer = wire_close(&wire);
	if (ret != RECEIVE_END)
		return ret ? ret : -EPIPE;
	if (peer || rx.bytes != STREAM_LEN)
		return -EPIPE;
	if (zc_fdinfo(zc, "copied") ||
	    zc_fdinfo(zc, "delivered") != before + STREAM_LEN)
		return -EIO;
	return 0;
}

TEST_F_TIMEOUT(netlink, refused_while_bound, TIMEOUT)
{
	int xdp;

	EXPECT_EQ(0, stream_arrives(&self->zc));

	EXPECT_EQ(-EBUSY, nic_set_data_split(WIRE_IF, false));
	EXPECT_EQ(-EBUSY, xdp_attach(self->ifindex));
	/* flows steered to the queue would keep it as well */
	EXPECT_EQ(0, nic_steer_default(WIRE_IF));
	EXPECT_EQ(-EINVAL, nic_set_channels(WIRE_IF, 1));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));

	/* and nothing of it has happened */
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, stream_arrives(&self->zc));

	/* It is the binding that stood in the way. */
	zc_close(&self->zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, nic_set_data_split(WIRE_IF, false));
	EXPECT_EQ(0, nic_set_data_split(WIRE_IF, true));
	xdp = xdp_attach(self->ifindex);
	EXPECT_LE(0, xdp);
	close(xdp);
	EXPECT_EQ(0, nic_steer_default(WIRE_IF));
	EXPECT_EQ(0, nic_set_channels(WIRE_IF, 1));
	EXPECT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));

	/* all is as before */
	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))
		TH_LOG("%s failed", self->zc.failed);
	EXPECT_EQ(0, stream_arrives(&self->zc));
	zc_close(&self->zc);
}

TEST_HARNESS_MAIN
