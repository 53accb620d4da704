// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/netdev.h>
#include <time.h>

#include "genl.h"
#include "netdev.h"

static void parse_provider(const struct nlmsghdr *nlh, __u16 dmabuf,
			   __u16 io_uring, struct netdev_provider *p)
{
	const struct nlattr *d = genl_attr(nlh, dmabuf);
	const struct nlattr *u = genl_attr(nlh, io_uring);
	const struct nlattr *len = genl_attr_in(u,
			NETDEV_A_IO_URING_PROVIDER_INFO_RX_BUF_LEN);

	p->dmabuf = d;
	p->dmabuf_id = genl_uint(d);
	p->io_uring = u;
	p->rx_buf_len = genl_uint(len);
	p->unknown = u && u->nla_len != NLA_HDRLEN +
		     (len ? NLA_ALIGN(len->nla_len) : 0);
}

static void parse_queue(const struct nlmsghdr *nlh, struct netdev_queue *queue)
{
	queue->id = genl_uint(genl_attr(nlh, NETDEV_A_QUEUE_ID));
	queue->type = genl_uint(genl_attr(nlh, NETDEV_A_QUEUE_TYPE));
	queue->napi_id = genl_uint(genl_attr(nlh, NETDEV_A_QUEUE_NAPI_ID));
	parse_provider(nlh, NETDEV_A_QUEUE_DMABUF, NETDEV_A_QUEUE_IO_URING,
		       &queue->provider);
}

void netdev_parse_pool(const struct nlmsghdr *nlh, struct netdev_pool *pool)
{
	pool->id = genl_uint(genl_attr(nlh, NETDEV_A_PAGE_POOL_ID));
	pool->ifindex = genl_uint(genl_attr(nlh, NETDEV_A_PAGE_POOL_IFINDEX));
	pool->inflight = genl_uint(genl_attr(nlh, NETDEV_A_PAGE_POOL_INFLIGHT));
	parse_provider(nlh, NETDEV_A_PAGE_POOL_DMABUF,
		       NETDEV_A_PAGE_POOL_IO_URING, &pool->provider);
}

struct list {
	void *items;
	unsigned int len, max;
	__u32 ifindex;
};

static int add_queue(const struct nlmsghdr *nlh, void *arg)
{
	struct list *list = arg;
	struct netdev_queue *queues = list->items;

	if (list->len == list->max)
		return -E2BIG;
	parse_queue(nlh, &queues[list->len++]);
	return 0;
}

static int add_pool(const struct nlmsghdr *nlh, void *arg)
{
	struct list *list = arg;
	struct netdev_pool *pools = list->items;
	struct netdev_pool pool;

	netdev_parse_pool(nlh, &pool);
	if (pool.ifindex != list->ifindex)
		return 0;
	if (list->len == list->max)
		return -E2BIG;
	pools[list->len++] = pool;
	return 0;
}

int netdev_queues(__u32 ifindex, struct netdev_queue *queues, unsigned int max)
{
	const struct genl_u32 which[] = {
		{ NETDEV_A_QUEUE_IFINDEX, ifindex },
		{ }
	};
	struct list list = { queues, 0, max, ifindex };
	int ret;

	ret = genl_get(NETDEV_FAMILY_NAME, NETDEV_CMD_QUEUE_GET, NLM_F_DUMP,
		       which, add_queue, &list);
	return ret ? ret : (int)list.len;
}

int netdev_rx_queue(__u32 ifindex, __u32 rxq, struct netdev_queue *queue)
{
	const struct genl_u32 which[] = {
		{ NETDEV_A_QUEUE_IFINDEX, ifindex },
		{ NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX },
		{ NETDEV_A_QUEUE_ID, rxq },
		{ }
	};
	struct list list = { queue, 0, 1, ifindex };
	int ret;

	ret = genl_get(NETDEV_FAMILY_NAME, NETDEV_CMD_QUEUE_GET, 0, which,
		       add_queue, &list);
	if (ret)
		return ret;
	return list.len == 1 ? 0 : -ENOENT;
}

/* The kernel has no filter for them. */
int netdev_pools(__u32 ifindex, struct netdev_pool *pools, unsigned int max)
{
	const struct genl_u32 all[] = { { } };
	struct list list = { pools, 0, max, ifindex };
	int ret;

	ret = genl_get(NETDEV_FAMILY_NAME, NETDEV_CMD_PAGE_POOL_GET,
		       NLM_F_DUMP, all, add_pool, &list);
	return ret ? ret : (int)list.len;
}

int netdev_wait_no_pools(__u32 ifindex, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	struct netdev_pool pools[16];
	unsigned int waited;
	int ret;

	for (waited = 0; waited <= timeout_ms; waited += 10) {
		ret = netdev_pools(ifindex, pools, 16);
		/* many may be dying */
		if (ret <= 0 && ret != -E2BIG)
			return ret;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

static int get_dmabuf_id(const struct nlmsghdr *nlh, void *arg)
{
	*(__u32 *)arg = genl_uint(genl_attr(nlh, NETDEV_A_DMABUF_ID));
	return 0;
}

int netdev_bind_rx(__u32 ifindex, __u32 rxq, int dmabuf_fd, __u32 *dmabuf_id)
{
	struct genl_request req;
	struct nlattr *queue;
	struct genl genl;
	int ret;

	ret = genl_open(&genl, NETDEV_FAMILY_NAME);
	if (ret)
		return ret;
	genl_begin(&genl, &req, NETDEV_CMD_BIND_RX, 0);
	genl_put_u32(&req, NETDEV_A_DMABUF_IFINDEX, ifindex);
	genl_put_u32(&req, NETDEV_A_DMABUF_FD, dmabuf_fd);
	queue = genl_nest(&req, NETDEV_A_DMABUF_QUEUES);
	genl_put_u32(&req, NETDEV_A_QUEUE_ID, rxq);
	genl_put_u32(&req, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	genl_nest_end(&req, queue);
	ret = genl_ask(&genl, &req, get_dmabuf_id, dmabuf_id);
	if (ret) {
		genl_close(&genl);
		return ret;
	}
	/* the binding lives as long as this socket */
	return genl.fd;
}
