// SPDX-License-Identifier: GPL-2.0
/* Management of single Rx queues: the restart that puts a memory provider on a
 * queue or takes it off, and the settings that a provider depends on
 *
 * The memory of a queue is passed around as a struct igb_ring of which only
 * the resources count: what igb_setup_rx_resources() makes and
 * igb_free_rx_resources() frees. All of this file runs under RTNL.
 */

#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/iopoll.h>
#include <linux/pm_runtime.h>
#include <net/netdev_queues.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/memory_provider.h>

#include "igb.h"
#include "igb_mp.h"

/* Longest wait for a queue to finish the frame it is writing. */
#define IGB_QUEUE_STOP_US	20000

static bool igb_rxq_bound(struct net_device *netdev, int idx)
{
	return __netif_get_rx_queue(netdev, idx)->mp_params.mp_ops;
}

/**
 * igb_queue_bound - does any Rx queue have a memory provider?
 * @adapter: board private structure
 *
 * True as well while the device is down, when no ring has been set up for the
 * provider yet, and for a ring that could not be restarted without it.
 */
bool igb_queue_bound(struct igb_adapter *adapter)
{
	struct net_device *netdev = adapter->netdev;
	int i;

	ASSERT_RTNL();

	for (i = 0; i < netdev->num_rx_queues; i++)
		if (igb_rxq_bound(netdev, i))
			return true;

	/* while the device resumes, rings are still to come */
	for (i = 0; i < adapter->num_rx_queues; i++)
		if (adapter->rx_ring[i] && adapter->rx_ring[i]->mp)
			return true;

	return false;
}

/**
 * igb_queue_has_rings - are there rings to close, of a device that is detached?
 * @adapter: board private structure
 *
 * There are after a PCI error, until the device has recovered; there are none
 * while it is suspended.
 */
bool igb_queue_has_rings(struct igb_adapter *adapter)
{
	struct igb_ring *ring = adapter->rx_ring[0];

	return ring && ring->desc;
}

/**
 * igb_queue_set_napi - tell the stack which NAPI serves a queue, or none
 * @adapter: board private structure
 * @link: true after open, false before close
 */
void igb_queue_set_napi(struct igb_adapter *adapter, bool link)
{
	int i;

	for (i = 0; i < adapter->num_q_vectors; i++) {
		struct igb_q_vector *q_vector = adapter->q_vector[i];
		struct napi_struct *napi = link ? &q_vector->napi : NULL;

		if (q_vector->rx.ring)
			netif_queue_set_napi(adapter->netdev,
					     q_vector->rx.ring->queue_index,
					     NETDEV_QUEUE_TYPE_RX, napi);
		if (q_vector->tx.ring)
			netif_queue_set_napi(adapter->netdev,
					     q_vector->tx.ring->queue_index,
					     NETDEV_QUEUE_TYPE_TX, napi);
	}
}

/**
 * igb_queue_get_data_split - report ethtool's tcp-data-split
 * @adapter: board private structure
 * @kernel_ring: where to report it
 */
void igb_queue_get_data_split(struct igb_adapter *adapter,
			      struct kernel_ethtool_ringparam *kernel_ring)
{
	if (!adapter->netdev->queue_mgmt_ops)
		kernel_ring->tcp_data_split = ETHTOOL_TCP_DATA_SPLIT_UNKNOWN;
	else if (adapter->tcp_data_split)
		kernel_ring->tcp_data_split = ETHTOOL_TCP_DATA_SPLIT_ENABLED;
	else
		kernel_ring->tcp_data_split = ETHTOOL_TCP_DATA_SPLIT_DISABLED;
}

/**
 * igb_queue_check_data_split - may ethtool's tcp-data-split be changed?
 * @adapter: board private structure
 * @kernel_ring: the setting asked for; unknown means to leave it as it is
 * @extack: where to explain a refusal
 *
 * Return: 0 or a negative error.
 */
int igb_queue_check_data_split(struct igb_adapter *adapter,
			       struct kernel_ethtool_ringparam *kernel_ring,
			       struct netlink_ext_ack *extack)
{
	switch (kernel_ring->tcp_data_split) {
	case ETHTOOL_TCP_DATA_SPLIT_ENABLED:
		if (!adapter->netdev->queue_mgmt_ops) {
			NL_SET_ERR_MSG(extack,
				       "tcp-data-split is supported on the 82576 only");
			return -EOPNOTSUPP;
		}
		break;
	case ETHTOOL_TCP_DATA_SPLIT_DISABLED:
		if (igb_queue_bound(adapter)) {
			NL_SET_ERR_MSG(extack,
				       "tcp-data-split is in use by a memory provider: unbind it first");
			return -EBUSY;
		}
		break;
	}

	return 0;
}

/**
 * igb_queue_set_data_split - change ethtool's tcp-data-split
 * @adapter: board private structure
 * @kernel_ring: setting that igb_queue_check_data_split() has found good
 *
 * This is a permission only: frames are split where a provider is bound.
 */
void igb_queue_set_data_split(struct igb_adapter *adapter,
			      struct kernel_ethtool_ringparam *kernel_ring)
{
	if (kernel_ring->tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_ENABLED)
		adapter->tcp_data_split = true;
	else if (kernel_ring->tcp_data_split == ETHTOOL_TCP_DATA_SPLIT_DISABLED)
		adapter->tcp_data_split = false;
}

/* Does the device meet all that a provider on this queue needs? */
static int igb_rxq_check_provider(struct igb_adapter *adapter, int idx)
{
	struct net_device *netdev = adapter->netdev;
	const char *why;
	int err;

	if (!idx) {
		why = "queue 0 gets all but TCP: steer TCP elsewhere with ethtool -X";
		err = -EOPNOTSUPP;
	} else if (!adapter->tcp_data_split) {
		why = "header split is off: ethtool -G tcp-data-split on";
		err = -EINVAL;
	} else if (!(netdev->features & NETIF_F_RXCSUM)) {
		why = "software cannot checksum the payload: ethtool -K rx on";
		err = -EINVAL;
	} else if (adapter->xdp_prog) {
		why = "an XDP program is attached: detach it";
		err = -EEXIST;
	} else if (adapter->vfs_allocated_count) {
		why = "virtual functions are enabled: write 0 to sriov_numvfs";
		err = -EBUSY;
	} else {
		return 0;
	}

	if (net_ratelimit())
		netdev_err(netdev,
			   "rx queue %d cannot take a memory provider: %s\n",
			   idx, why);

	return err;
}

/* Move the resources of a ring, and leave @src with none. */
static void igb_rxq_move(struct igb_ring *dst, struct igb_ring *src)
{
	dst->count = src->count;
	dst->size = src->size;
	dst->dma = src->dma;
	dst->desc = src->desc;
	dst->rx_buffer_info = src->rx_buffer_info;
	dst->mp = src->mp;
	dst->xdp_rxq = src->xdp_rxq;
	dst->xdp_prog = src->xdp_prog;
	/* both are clean */
	dst->next_to_alloc = 0;
	dst->next_to_clean = 0;
	dst->next_to_use = 0;

	src->desc = NULL;
	src->rx_buffer_info = NULL;
	src->mp = NULL;
	src->xdp_prog = NULL;
	memset(&src->xdp_rxq, 0, sizeof(src->xdp_rxq));
}

/* Stop the NIC and the NAPI of one queue. The vector's interrupt need not be
 * masked: it masks itself when it fires, finds the NAPI taken, and is enabled
 * again by the poll that igb_rxq_enable() asks for. A Tx ring of the same
 * vector is not stopped, only cleaned later.
 */
static int igb_rxq_disable(struct igb_adapter *adapter, struct igb_ring *ring)
{
	struct e1000_hw *hw = &adapter->hw;
	u32 rxdctl = rd32(E1000_RXDCTL(ring->reg_idx));
	u32 val;
	int err;

	/* The bit reads 0 once all pending writes to memory are done. */
	wr32(E1000_RXDCTL(ring->reg_idx),
	     rxdctl & ~E1000_RXDCTL_QUEUE_ENABLE);
	err = read_poll_timeout(igb_rd32, val,
				E1000_REMOVED(READ_ONCE(hw->hw_addr)) ||
				!(val & E1000_RXDCTL_QUEUE_ENABLE),
				100, IGB_QUEUE_STOP_US, false,
				hw, E1000_RXDCTL(ring->reg_idx));
	if (err) {
		wr32(E1000_RXDCTL(ring->reg_idx), rxdctl);
		netdev_err(adapter->netdev,
			   "rx queue %u does not stop: reset the device by setting it down and up\n",
			   ring->queue_index);
		return err;
	}

	napi_disable(&ring->q_vector->napi);
	/* Of one flow GRO would chain what the CPU can read and what it cannot. */
	netif_mp_flush_napi(&ring->q_vector->napi);

	return 0;
}

static void igb_rxq_enable(struct igb_adapter *adapter, struct igb_ring *ring)
{
	struct napi_struct *napi = &ring->q_vector->napi;

	/* before the queue is split: adds or removes non-TCP frames */
	igb_setup_mrqc(adapter);

	igb_configure_rx_ring(adapter, ring);
	igb_fill_rx_ring(ring);
	napi_enable(napi);

	/* Catch up with what was missed, and enable the interrupt. */
	local_bh_disable();
	napi_schedule(napi);
	local_bh_enable();
}

static int igb_queue_mem_alloc(struct net_device *netdev, void *mem, int idx)
{
	struct igb_adapter *adapter = netdev_priv(netdev);
	struct pci_dev *pdev = adapter->pdev;
	struct igb_ring *ring = mem;
	int err;

	if (igb_rxq_bound(netdev, idx)) {
		err = igb_rxq_check_provider(adapter, idx);
		if (err)
			return err;
	}

	/* Asleep it has no ring. It is not woken up here: that would wait for a
	 * suspend under way, which waits for RTNL, and make the rings with a
	 * provider that is only about to be bound.
	 */
	err = pm_runtime_get_if_active(&pdev->dev);
	if (!err)
		return -ENETDOWN;
	/* no runtime PM */
	if (err < 0)
		pm_runtime_get_noresume(&pdev->dev);

	/* as while it resumes */
	if (idx >= adapter->num_rx_queues || !adapter->rx_ring[idx]) {
		err = -ENETDOWN;
		goto err_pm_put;
	}

	*ring = *adapter->rx_ring[idx];
	memset(&ring->xdp_rxq, 0, sizeof(ring->xdp_rxq));
	ring->skb = NULL;
	err = igb_setup_rx_resources(ring);
	if (err)
		goto err_pm_put;

	return 0;

err_pm_put:
	pm_runtime_put(&pdev->dev);
	return err;
}

static void igb_queue_mem_free(struct net_device *netdev, void *mem)
{
	struct igb_adapter *adapter = netdev_priv(netdev);

	igb_free_rx_resources(mem);
	/* One restart allocates one memory and frees one. */
	pm_runtime_put(&adapter->pdev->dev);
}

static int igb_queue_stop(struct net_device *netdev, void *mem, int idx)
{
	struct igb_adapter *adapter = netdev_priv(netdev);
	struct igb_ring *ring = adapter->rx_ring[idx];
	struct igb_ring *old = mem;
	int err;

	/* Rings of a closed device have no resources: open makes them. */
	if (!ring->desc)
		return -ENETDOWN;

	/* Where a reset failed, hardware and NAPI are already off. */
	if (adapter->napi_on) {
		err = igb_rxq_disable(adapter, ring);
		if (err)
			return err;
	}

	igb_clean_rx_ring(ring);

	old->netdev = ring->netdev;
	old->dev = ring->dev;
	igb_rxq_move(old, ring);

	return 0;
}

static int igb_queue_start(struct net_device *netdev, void *mem, int idx)
{
	struct igb_adapter *adapter = netdev_priv(netdev);
	struct igb_ring *ring = adapter->rx_ring[idx];

	igb_rxq_move(ring, mem);

	if (adapter->napi_on)
		igb_rxq_enable(adapter, ring);

	return 0;
}

static const struct netdev_queue_mgmt_ops igb_queue_mgmt_ops = {
	.rx_page_size_max	= IGB_MP_BUF_LEN_MAX,
	.ndo_queue_mem_size	= sizeof(struct igb_ring),
	.ndo_queue_mem_alloc	= igb_queue_mem_alloc,
	.ndo_queue_mem_free	= igb_queue_mem_free,
	.ndo_queue_start	= igb_queue_start,
	.ndo_queue_stop		= igb_queue_stop,
};

/**
 * igb_queue_init - offer queue management where it is supported
 * @adapter: board private structure, before the netdev is registered
 *
 * The 82576 only. The 82580 and its successors split headers as well, but put
 * timestamps in front of the payload; they are untested.
 */
void igb_queue_init(struct igb_adapter *adapter)
{
	if (adapter->hw.mac.type != e1000_82576)
		return;

	adapter->netdev->queue_mgmt_ops = &igb_queue_mgmt_ops;
	/* PCI's default, 64 KiB, would only cut the memory of a provider into
	 * pieces: each descriptor has an address of its own.
	 */
	dma_set_max_seg_size(&adapter->pdev->dev, UINT_MAX);
}
