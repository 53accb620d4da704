// SPDX-License-Identifier: GPL-2.0
/*
 * Network interfaces for tests, whose queues cannot be bound, for a reason each.
 * They pass no packets, and no IOMMU translates for the device behind them.
 *
 *   zc_noqueue   its driver cannot restart a queue (no queue API)
 *   zc_nodma     no device that does DMA is behind it
 *   zc_nosplit   its driver knows no header split
 *   zc_nopool    takes a provider, and makes no page_pool with it
 */

#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <net/netdev_queues.h>

#define ZC_QUEUES	2

static netdev_tx_t zc_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops zc_netdev_ops = {
	.ndo_start_xmit	= zc_xmit,
};

static int zc_queue_mem_alloc(struct net_device *netdev, void *mem, int idx)
{
	return 0;
}

static void zc_queue_mem_free(struct net_device *netdev, void *mem)
{
}

static int zc_queue_restart(struct net_device *netdev, void *mem, int idx)
{
	return 0;
}

/* A queue that nothing belongs to is soon restarted. */
static const struct netdev_queue_mgmt_ops zc_queue_mgmt_ops = {
	.ndo_queue_mem_size	= 1,
	.ndo_queue_mem_alloc	= zc_queue_mem_alloc,
	.ndo_queue_mem_free	= zc_queue_mem_free,
	.ndo_queue_start	= zc_queue_restart,
	.ndo_queue_stop		= zc_queue_restart,
};

static void zc_get_ringparam(struct net_device *netdev,
			     struct ethtool_ringparam *ring,
			     struct kernel_ethtool_ringparam *kernel_ring,
			     struct netlink_ext_ack *extack)
{
	kernel_ring->tcp_data_split = ETHTOOL_TCP_DATA_SPLIT_ENABLED;
}

static const struct ethtool_ops zc_ethtool_ops = {
	.get_ringparam	= zc_get_ringparam,
};

static const struct {
	const char *name;
	bool queue, dma, split;
} zc_kinds[] = {
	{ .name = "zc_noqueue", .dma = true },
	{ .name = "zc_nodma", .queue = true, .split = true },
	{ .name = "zc_nosplit", .queue = true, .dma = true },
	{ .name = "zc_nopool", .queue = true, .dma = true, .split = true },
};

static struct net_device *zc_netdevs[ARRAY_SIZE(zc_kinds)];
static struct platform_device *zc_pdev;

static struct net_device *zc_create(unsigned int kind)
{
	struct net_device *netdev;
	int err;

	netdev = alloc_netdev_mqs(0, zc_kinds[kind].name, NET_NAME_USER,
				  ether_setup, ZC_QUEUES, ZC_QUEUES);
	if (!netdev)
		return ERR_PTR(-ENOMEM);

	netdev->netdev_ops = &zc_netdev_ops;
	eth_hw_addr_random(netdev);
	if (zc_kinds[kind].queue)
		netdev->queue_mgmt_ops = &zc_queue_mgmt_ops;
	if (zc_kinds[kind].split)
		netdev->ethtool_ops = &zc_ethtool_ops;
	if (zc_kinds[kind].dma)
		SET_NETDEV_DEV(netdev, &zc_pdev->dev);

	err = register_netdev(netdev);
	if (err) {
		free_netdev(netdev);
		return ERR_PTR(err);
	}
	return netdev;
}

static void zc_destroy_all(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(zc_kinds); i++) {
		if (!zc_netdevs[i])
			continue;
		unregister_netdev(zc_netdevs[i]);
		free_netdev(zc_netdevs[i]);
		zc_netdevs[i] = NULL;
	}
	platform_device_unregister(zc_pdev);
}

static int __init zc_init(void)
{
	const struct platform_device_info info = {
		.name		= "zcrx_netdev",
		.id		= PLATFORM_DEVID_NONE,
		.dma_mask	= DMA_BIT_MASK(64),
	};
	unsigned int i;

	zc_pdev = platform_device_register_full(&info);
	if (IS_ERR(zc_pdev))
		return PTR_ERR(zc_pdev);

	for (i = 0; i < ARRAY_SIZE(zc_kinds); i++) {
		struct net_device *netdev = zc_create(i);

		if (IS_ERR(netdev)) {
			zc_destroy_all();
			return PTR_ERR(netdev);
		}
		zc_netdevs[i] = netdev;
	}
	return 0;
}
module_init(zc_init);

static void __exit zc_exit(void)
{
	zc_destroy_all();
}
module_exit(zc_exit);

MODULE_DESCRIPTION("network interfaces that cannot be bound, for tests");
MODULE_LICENSE("GPL");
