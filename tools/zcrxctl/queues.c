// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netdev.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nl.h"
#include "queues.h"

const char *provider_name(enum provider provider)
{
	switch (provider) {
	case PROVIDER_IO_URING:
		return "io_uring";
	case PROVIDER_DEVMEM:
		return "devmem";
	case PROVIDER_NONE:
		break;
	}
	return "none";
}

const char *queue_ifname(const struct queue *queue, char *buf)
{
	if (!if_indextoname(queue->ifindex, buf))
		snprintf(buf, IF_NAMESIZE, "%u", queue->ifindex);
	return buf;
}

static int io_uring_cb(const struct nlattr *attr, void *data)
{
	struct queue *queue = data;

	if (mnl_attr_get_type(attr) == NETDEV_A_IO_URING_PROVIDER_INFO_RX_BUF_LEN)
		queue->rx_buf_len = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

struct parsed {
	struct queue queue;
	uint32_t type;
};

static int attr_cb(const struct nlattr *attr, void *data)
{
	struct parsed *p = data;

	switch (mnl_attr_get_type(attr)) {
	case NETDEV_A_QUEUE_ID:
		p->queue.id = mnl_attr_get_u32(attr);
		break;
	case NETDEV_A_QUEUE_IFINDEX:
		p->queue.ifindex = mnl_attr_get_u32(attr);
		break;
	case NETDEV_A_QUEUE_TYPE:
		p->type = mnl_attr_get_u32(attr);
		break;
	case NETDEV_A_QUEUE_DMABUF:
		p->queue.provider = PROVIDER_DEVMEM;
		p->queue.dmabuf = mnl_attr_get_u32(attr);
		break;
	case NETDEV_A_QUEUE_IO_URING:
		p->queue.provider = PROVIDER_IO_URING;
		return mnl_attr_parse_nested(attr, io_uring_cb, &p->queue);
	}
	return MNL_CB_OK;
}

static int queue_cb(const struct nlmsghdr *nlh, void *data)
{
	struct queues *queues = data;
	struct parsed p = { .type = NETDEV_QUEUE_TYPE_RX };
	struct queue *more;

	if (mnl_attr_parse(nlh, sizeof(struct genlmsghdr), attr_cb, &p) < 0)
		return MNL_CB_ERROR;
	if (p.type != NETDEV_QUEUE_TYPE_RX)
		return MNL_CB_OK;
	more = realloc(queues->queue, (queues->nr + 1) * sizeof(*more));
	if (!more)
		return MNL_CB_ERROR;
	queues->queue = more;
	queues->queue[queues->nr++] = p.queue;
	return MNL_CB_OK;
}

static int by_number(const void *a, const void *b)
{
	const struct queue *x = a, *y = b;

	if (x->ifindex != y->ifindex)
		return x->ifindex < y->ifindex ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int stats_attr_cb(const struct nlattr *attr, void *data)
{
	size_t len = mnl_attr_get_payload_len(attr);
	struct queue *queue = data;

	if (mnl_attr_get_type(attr) != ZCRX_A_QUEUE_STATS)
		return MNL_CB_OK;
	/* a later kernel may have more of them, an older one less */
	if (len > sizeof(queue->stats))
		len = sizeof(queue->stats);
	memcpy(&queue->stats, mnl_attr_get_payload(attr), len);
	queue->has_stats = true;
	return MNL_CB_OK;
}

static int stats_cb(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), stats_attr_cb, data);
}

/*
 * Its statistics, if the kernel has them; else it stays without. A queue that was
 * unbound meanwhile has no provider any more.
 */
static int stats_get(struct queue *queue)
{
	struct nl_request req;
	int ret;

	if (queue->provider != PROVIDER_IO_URING)
		return 0;
	ret = nl_begin(&req, ZCRX_FAMILY_NAME, ZCRX_CMD_QUEUE_GET, 0);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	mnl_attr_put_u32(req.nlh, ZCRX_A_QUEUE_IFINDEX, queue->ifindex);
	mnl_attr_put_u32(req.nlh, ZCRX_A_QUEUE_ID, queue->id);
	ret = nl_send(&req, stats_cb, queue);
	if (ret != -ENOENT && ret != -ENODEV)
		return ret;
	nl_forget_why();
	queue->provider = PROVIDER_NONE;
	queue->rx_buf_len = 0;
	return 0;
}

int queues_get(struct queues *queues, uint32_t ifindex)
{
	struct nl_request req;
	unsigned int i;
	int ret;

	memset(queues, 0, sizeof(*queues));
	ret = nl_begin(&req, NETDEV_FAMILY_NAME, NETDEV_CMD_QUEUE_GET, NLM_F_DUMP);
	if (ret)
		return ret;
	if (ifindex)
		mnl_attr_put_u32(req.nlh, NETDEV_A_QUEUE_IFINDEX, ifindex);
	ret = nl_send(&req, queue_cb, queues);
	for (i = 0; !ret && i < queues->nr; i++)
		ret = stats_get(&queues->queue[i]);
	if (ret)
		queues_free(queues);
	else if (queues->nr)
		qsort(queues->queue, queues->nr, sizeof(*queues->queue),
		      by_number);
	return ret;
}

void queues_free(struct queues *queues)
{
	free(queues->queue);
	memset(queues, 0, sizeof(*queues));
}

int queue_get(struct queue *queue, uint32_t ifindex, uint32_t id)
{
	struct queues queues = {};
	struct nl_request req;
	int ret;

	ret = nl_begin(&req, NETDEV_FAMILY_NAME, NETDEV_CMD_QUEUE_GET, 0);
	if (ret)
		return ret;
	mnl_attr_put_u32(req.nlh, NETDEV_A_QUEUE_IFINDEX, ifindex);
	mnl_attr_put_u32(req.nlh, NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX);
	mnl_attr_put_u32(req.nlh, NETDEV_A_QUEUE_ID, id);
	ret = nl_send(&req, queue_cb, &queues);
	if (!ret && queues.nr != 1)
		ret = -ENOENT;
	if (!ret)
		ret = stats_get(&queues.queue[0]);
	if (!ret)
		*queue = queues.queue[0];
	queues_free(&queues);
	return ret;
}
