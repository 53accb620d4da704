// SPDX-License-Identifier: GPL-2.0
/*
 * A memory provider on an RX queue: install, remove, and what becomes of it
 * when the device goes away first.
 *
 * A provider is installed by naming it in the queue's mp_params and restarting
 * the queue: the driver then creates a page_pool that takes its buffers from
 * the provider. Removal is the same in reverse. mp_params belongs to RTNL; a
 * provider that holds on to the device across RTNL critical sections drops it
 * in its uninstall callback.
 */

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <net/gro.h>
#include <net/netdev_queues.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/memory_provider.h>

#include "dev.h"

static bool netif_mp_hds_enabled(struct net_device *dev)
{
	const struct ethtool_ops *ops = dev->ethtool_ops;
	struct kernel_ethtool_ringparam kparam = {};
	struct ethtool_ringparam param = {};

	if (!ops || !ops->get_ringparam)
		return false;

	ops->get_ringparam(dev, &param, &kparam, NULL);
	return kparam.tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
}

/**
 * netif_mp_check_rxq() - may a memory provider be installed on an RX queue?
 * @dev: the device
 * @rxq_idx: index of the queue
 * @p: the provider
 * @extack: what is missing, in words; may be NULL
 *
 * Called with RTNL held; the answer holds as long as it is. The driver may still
 * refuse.
 *
 * Return: as netif_mp_open_rxq(), but for what the driver says.
 */
int netif_mp_check_rxq(struct net_device *dev, unsigned int rxq_idx,
		       const struct pp_memory_provider_params *p,
		       struct netlink_ext_ack *extack)
{
	struct netdev_rx_queue *rxq;

	ASSERT_RTNL();

	if (dev->reg_state != NETREG_REGISTERED) {
		NL_SET_ERR_MSG(extack, "the device is being unregistered");
		return -ENODEV;
	}
	if (!dev->queue_mgmt_ops) {
		NL_SET_ERR_MSG(extack, "the driver cannot restart a single queue (no queue API)");
		return -EOPNOTSUPP;
	}
	if (rxq_idx >= dev->real_num_rx_queues) {
		NL_SET_ERR_MSG(extack, "rx queue index out of range");
		return -ERANGE;
	}
	rxq_idx = array_index_nospec(rxq_idx, dev->real_num_rx_queues);

	if (!netif_mp_hds_enabled(dev)) {
		NL_SET_ERR_MSG(extack, "header split is off, turn tcp-data-split on");
		return -EINVAL;
	}
	if (dev_xdp_prog_count(dev)) {
		NL_SET_ERR_MSG(extack, "an XDP program is attached, detach it first");
		return -EEXIST;
	}

	if (p->rx_page_size > PAGE_SIZE &&
	    p->rx_page_size > dev->queue_mgmt_ops->rx_page_size_max) {
		NL_SET_ERR_MSG(extack, "the driver cannot receive into buffers of that size");
		return -EOPNOTSUPP;
	}

	rxq = __netif_get_rx_queue(dev, rxq_idx);
	if (rxq->mp_params.mp_ops) {
		NL_SET_ERR_MSG(extack, "designated queue already memory provider bound");
		return -EEXIST;
	}
#ifdef CONFIG_XDP_SOCKETS
	if (rxq->pool) {
		NL_SET_ERR_MSG(extack, "designated queue already in use by AF_XDP");
		return -EBUSY;
	}
#endif
	return 0;
}

/**
 * netif_mp_open_rxq() - install a memory provider on an RX queue
 * @dev: the device
 * @rxq_idx: index of the queue
 * @p: the provider, copied into the queue
 * @extack: what is missing, in words; may be NULL
 *
 * Restarts the queue; on failure it runs as it did before. Called with RTNL
 * held.
 *
 * Return: 0, or -ENODEV (@dev is going away), -EOPNOTSUPP (no queue API, or
 * not with buffers of that size), -ERANGE (no such queue), -EINVAL (header split
 * off), -EEXIST (XDP or another provider is there), -EBUSY (AF_XDP), -ENODATA
 * (the driver made no page_pool with the provider), -ENETDOWN (the interface is
 * down), or what else the driver answered to the restart.
 */
int netif_mp_open_rxq(struct net_device *dev, unsigned int rxq_idx,
		      const struct pp_memory_provider_params *p,
		      struct netlink_ext_ack *extack)
{
	struct netdev_rx_queue *rxq;
	int err;

	ASSERT_RTNL();

	err = netif_mp_check_rxq(dev, rxq_idx, p, extack);
	if (err)
		return err;

	rxq_idx = array_index_nospec(rxq_idx, dev->real_num_rx_queues);
	rxq = __netif_get_rx_queue(dev, rxq_idx);
	rxq->mp_params = *p;
	err = netdev_rx_queue_restart(dev, rxq_idx);
	if (err) {
		memset(&rxq->mp_params, 0, sizeof(rxq->mp_params));
		if (err == -ENODATA)
			NL_SET_ERR_MSG(extack, "the driver made no page_pool with the provider");
		else if (err == -ENETDOWN)
			NL_SET_ERR_MSG(extack, "the interface is down, set it up first");
	}
	return err;
}

/* Is the provider on the queue? It is not once the device is going away. */
static bool netif_mp_is_open(const struct net_device *dev,
			     const struct netdev_rx_queue *rxq,
			     const struct pp_memory_provider_params *p)
{
	if (dev->reg_state > NETREG_REGISTERED && !rxq->mp_params.mp_ops)
		return false;
	return !WARN_ON_ONCE(rxq->mp_params.mp_ops != p->mp_ops ||
			     rxq->mp_params.mp_priv != p->mp_priv);
}

/* A closed device has no queue, and will open it as mp_params says. */
static int netif_mp_restart(struct net_device *dev, unsigned int rxq_idx)
{
	int err = netdev_rx_queue_restart(dev, rxq_idx);

	return err == -ENETDOWN ? 0 : err;
}

/**
 * netif_mp_restart_rxq() - give an RX queue a new page_pool of its provider
 * @dev: the device
 * @rxq_idx: index of the queue
 * @p: the provider, as given to netif_mp_open_rxq()
 *
 * Once this returned 0 the NIC has no buffer that it got before. Called with RTNL
 * held.
 *
 * Return: 0, also where the provider was uninstalled with the device; or what the
 * driver answered, with the queue as it was.
 */
int netif_mp_restart_rxq(struct net_device *dev, unsigned int rxq_idx,
			 const struct pp_memory_provider_params *p)
{
	ASSERT_RTNL();

	if (WARN_ON_ONCE(rxq_idx >= dev->num_rx_queues))
		return 0;
	if (!netif_mp_is_open(dev, __netif_get_rx_queue(dev, rxq_idx), p))
		return 0;
	return netif_mp_restart(dev, rxq_idx);
}

/**
 * netif_mp_close_rxq() - remove a memory provider from an RX queue
 * @dev: the device
 * @rxq_idx: index of the queue
 * @p: the provider, as given to netif_mp_open_rxq()
 *
 * Once this returned 0 the NIC has no buffer of the provider any more; skbs
 * may. Called with RTNL held.
 *
 * Return: 0, also where the provider was uninstalled with the device. If the
 * restart failed, its error: the provider stays installed and the NIC may
 * still write into its buffers. The caller keeps them mapped and tries again.
 */
int netif_mp_close_rxq(struct net_device *dev, unsigned int rxq_idx,
		       const struct pp_memory_provider_params *p)
{
	struct netdev_rx_queue *rxq;
	int err;

	ASSERT_RTNL();

	if (WARN_ON_ONCE(rxq_idx >= dev->num_rx_queues))
		return 0;

	rxq = __netif_get_rx_queue(dev, rxq_idx);
	if (!netif_mp_is_open(dev, rxq, p))
		return 0;

	memset(&rxq->mp_params, 0, sizeof(rxq->mp_params));
	err = netif_mp_restart(dev, rxq_idx);
	if (err)
		rxq->mp_params = *p;
	return err;
}

/**
 * netif_mp_flush_napi() - have GRO keep no frame of an RX queue
 * @napi: that of the queue, just disabled
 *
 * For a driver that closes the device: GRO may keep frames for longer than a poll,
 * and would, with buffers of a provider in them, until the next one.
 */
void netif_mp_flush_napi(struct napi_struct *napi)
{
	local_bh_disable();
	napi_gro_flush(napi, false);
	gro_normal_list(napi);
	local_bh_enable();
}
EXPORT_SYMBOL_GPL(netif_mp_flush_napi);

/**
 * netif_mp_uninstall() - tell the providers of a device that it goes away
 * @dev: the device, closed and unlisted
 *
 * Called with RTNL held, once per unregistration.
 */
void netif_mp_uninstall(struct net_device *dev)
{
	unsigned int i;

	ASSERT_RTNL();

	/* also of those that the driver has given up meanwhile */
	for (i = 0; i < dev->num_rx_queues; i++) {
		struct netdev_rx_queue *rxq = __netif_get_rx_queue(dev, i);
		struct pp_memory_provider_params p = rxq->mp_params;

		if (!p.mp_ops)
			continue;

		memset(&rxq->mp_params, 0, sizeof(rxq->mp_params));
		p.mp_ops->uninstall(p.mp_priv, rxq);
	}
}
