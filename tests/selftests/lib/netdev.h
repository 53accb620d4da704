/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_NETDEV_H
#define TESTS_NETDEV_H

#include <linux/netlink.h>
#include <linux/types.h>
#include <stdbool.h>

/* What netlink's netdev family tells of a queue or a page_pool. */
struct netdev_provider {
	bool dmabuf;		/* socket devmem; dmabuf_id is its binding */
	__u32 dmabuf_id;
	bool io_uring;		/* zero-copy receive */
	__u64 rx_buf_len;
	bool unknown;		/* and what a strict reader does not know */
};

struct netdev_queue {
	__u32 id;
	__u32 type;		/* NETDEV_QUEUE_TYPE_* */
	__u32 napi_id;		/* 0 if it is not told */
	struct netdev_provider provider;
};

struct netdev_pool {
	__u64 id;
	__u32 ifindex;
	__u64 inflight;
	struct netdev_provider provider;
};

/* All queues, RX and TX, of an interface. Returns how many, or -errno. */
int netdev_queues(__u32 ifindex, struct netdev_queue *queues, unsigned int max);

/* One RX queue. Returns 0 or -errno. */
int netdev_rx_queue(__u32 ifindex, __u32 rxq, struct netdev_queue *queue);

/* All page_pools of an interface. Returns how many, or -errno. */
int netdev_pools(__u32 ifindex, struct netdev_pool *pools, unsigned int max);

/* Reads one message about a page_pool, a notification as well. */
void netdev_parse_pool(const struct nlmsghdr *nlh, struct netdev_pool *pool);

/*
 * Waits until the interface has no page_pools: each is there until its last
 * buffer came home. Returns 0, -ETIMEDOUT or -errno.
 */
int netdev_wait_no_pools(__u32 ifindex, unsigned int timeout_ms);

/*
 * Binds a dma-buf to an RX queue for socket devmem. Returns a file descriptor
 * that unbinds it when closed, or -errno.
 */
int netdev_bind_rx(__u32 ifindex, __u32 rxq, int dmabuf_fd, __u32 *dmabuf_id);

#endif /* TESTS_NETDEV_H */
