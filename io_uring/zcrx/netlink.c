// SPDX-License-Identifier: GPL-2.0
/*
 * The statistics of a queue, for whoever asks, by a generic netlink family of our
 * own: programs that read the netdev family's answers may be strict about attributes
 * that they do not know.
 */

#include <linux/init.h>
#include <linux/io_uring_types.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/rtnetlink.h>
#include <net/genetlink.h>
#include <net/netdev_rx_queue.h>

#include "zcrx.h"

static const struct nla_policy zcrx_nl_queue_policy[] = {
	[ZCRX_A_QUEUE_IFINDEX]	= NLA_POLICY_MIN(NLA_U32, 1),
	[ZCRX_A_QUEUE_ID]	= { .type = NLA_U32 },
};

/* The numbers of the queue that an ifq is bound to. Under RTNL. */
static int zcrx_nl_stats(struct net *net, u32 ifindex, u32 id,
			 struct zcrx_ext_stats *stats)
{
	struct pp_memory_provider_params *params;
	struct net_device *netdev;
	struct zcrx_queue *queue;

	ASSERT_RTNL();
	netdev = __dev_get_by_index(net, ifindex);
	if (!netdev)
		return -ENODEV;
	if (id >= netdev->real_num_rx_queues)
		return -ENOENT;
	id = array_index_nospec(id, netdev->real_num_rx_queues);

	params = &__netif_get_rx_queue(netdev, id)->mp_params;
	if (params->mp_ops != &zcrx_provider_ops)
		return -ENOENT;
	queue = params->mp_priv;
	zcrx_stats_ifq(queue->ifq, stats);
	zcrx_stats_queue(queue, &stats->queue);
	return 0;
}

static int zcrx_nl_queue_get(struct sk_buff *skb, struct genl_info *info)
{
	struct zcrx_ext_stats stats;
	struct sk_buff *rsp;
	u32 ifindex, id;
	void *hdr;
	int ret;

	if (GENL_REQ_ATTR_CHECK(info, ZCRX_A_QUEUE_IFINDEX) ||
	    GENL_REQ_ATTR_CHECK(info, ZCRX_A_QUEUE_ID))
		return -EINVAL;
	ifindex = nla_get_u32(info->attrs[ZCRX_A_QUEUE_IFINDEX]);
	id = nla_get_u32(info->attrs[ZCRX_A_QUEUE_ID]);

	rtnl_lock();
	ret = zcrx_nl_stats(genl_info_net(info), ifindex, id, &stats);
	rtnl_unlock();
	if (ret == -ENOENT)
		NL_SET_BAD_ATTR(info->extack, info->attrs[ZCRX_A_QUEUE_ID]);
	if (ret)
		return ret;

	rsp = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!rsp)
		return -ENOMEM;
	hdr = genlmsg_iput(rsp, info);
	if (!hdr || nla_put_u32(rsp, ZCRX_A_QUEUE_IFINDEX, ifindex) ||
	    nla_put_u32(rsp, ZCRX_A_QUEUE_ID, id) ||
	    nla_put(rsp, ZCRX_A_QUEUE_STATS, sizeof(stats), &stats)) {
		nlmsg_free(rsp);
		return -EMSGSIZE;
	}
	genlmsg_end(rsp, hdr);
	return genlmsg_reply(rsp, info);
}

static const struct genl_split_ops zcrx_nl_ops[] = {
	{
		.cmd		= ZCRX_CMD_QUEUE_GET,
		.doit		= zcrx_nl_queue_get,
		.policy		= zcrx_nl_queue_policy,
		.maxattr	= ARRAY_SIZE(zcrx_nl_queue_policy) - 1,
		.flags		= GENL_CMD_CAP_DO,
	},
};

static struct genl_family zcrx_nl_family __ro_after_init = {
	.name		= ZCRX_FAMILY_NAME,
	.version	= ZCRX_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.split_ops	= zcrx_nl_ops,
	.n_split_ops	= ARRAY_SIZE(zcrx_nl_ops),
};

static int __init zcrx_nl_init(void)
{
	return genl_register_family(&zcrx_nl_family);
}
device_initcall(zcrx_nl_init);
