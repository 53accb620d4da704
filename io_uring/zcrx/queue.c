// SPDX-License-Identifier: GPL-2.0
/*
 * One RX queue bound to an ifq: open, close, and a device that goes away.
 *
 * The binding, queue->netdev, belongs to RTNL. It ends once, with whatever
 * comes first: the ring closes the queue, or the device is unregistered.
 */

#include <linux/ethtool.h>
#include <linux/io_uring_types.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "zcrx.h"

/* A restart that fails for want of memory is tried again after this. */
#define ZCRX_CLOSE_RETRY	(HZ / 10)

static struct pp_memory_provider_params
zcrx_queue_params(struct zcrx_queue *queue)
{
	return (struct pp_memory_provider_params) {
		.mp_priv	= queue,
		.mp_ops		= &zcrx_provider_ops,
		.rx_page_size	= 1U << queue->ifq->niov_shift,
	};
}

void zcrx_queue_get(struct zcrx_queue *queue)
{
	refcount_inc(&queue->refs);
}

void zcrx_queue_put(struct zcrx_queue *queue)
{
	struct zcrx_ifq *ifq = queue->ifq;

	if (!refcount_dec_and_test(&queue->refs))
		return;

	WARN_ON_ONCE(queue->netdev);
	zcrx_rq_free(&queue->rq, &ifq->acct);
	kfree(queue);
	zcrx_ifq_put(ifq);
}

/**
 * zcrx_queue_unbind() - the NIC has no more buffers of this queue
 * @queue: the queue
 *
 * RTNL is held. Drops the reference on the device.
 */
void zcrx_queue_unbind(struct zcrx_queue *queue)
{
	ASSERT_RTNL();

	if (!queue->netdev)
		return;

	zcrx_areas_unmap(queue->ifq);
	netdev_put(queue->netdev, &queue->netdev_tracker);
	WRITE_ONCE(queue->netdev, NULL);
}

static int zcrx_queue_try_close(struct zcrx_queue *queue)
{
	struct pp_memory_provider_params params = zcrx_queue_params(queue);
	int ret = 0;

	rtnl_lock();
	if (queue->netdev) {
		ret = netif_mp_close_rxq(queue->netdev, queue->rxq, &params);
		if (!ret)
			zcrx_queue_unbind(queue);
	}
	rtnl_unlock();
	return ret;
}

/* Until the queue could be restarted, the NIC may write into the area, so the
 * area stays as it is, held by the queue.
 */
static void zcrx_queue_close_work(struct work_struct *work)
{
	struct zcrx_queue *queue = container_of(to_delayed_work(work),
						struct zcrx_queue, close_work);

	if (zcrx_queue_try_close(queue)) {
		schedule_delayed_work(&queue->close_work, ZCRX_CLOSE_RETRY);
		return;
	}
	zcrx_ifq_queue_closed(queue->ifq);
	zcrx_queue_put(queue);
}

/**
 * zcrx_queue_close() - give the RX queue back and drop the ifq's reference
 * @queue: the queue, taken off the ifq's list
 */
void zcrx_queue_close(struct zcrx_queue *queue)
{
	int ret = zcrx_queue_try_close(queue);

	if (!ret) {
		zcrx_ifq_queue_closed(queue->ifq);
		zcrx_queue_put(queue);
		return;
	}
	pr_warn_ratelimited("zcrx: rx queue %u of interface %d could not be restarted (%d), trying again\n",
			    queue->rxq, queue->ifindex, ret);
	schedule_delayed_work(&queue->close_work, ZCRX_CLOSE_RETRY);
}

/**
 * zcrx_queues_restart() - have each queue begin anew
 * @ifq: the ifq, which has a user
 *
 * No NIC has a buffer after this that it got before.
 *
 * Return: 0, or why one did not restart; it runs as before then.
 */
int zcrx_queues_restart(struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue;
	int ret = 0;

	rtnl_lock();
	/* as long as there is a user, they stay */
	list_for_each_entry(queue, &ifq->queues, list) {
		struct pp_memory_provider_params params =
			zcrx_queue_params(queue);

		if (!queue->netdev)
			continue;
		ret = netif_mp_restart_rxq(queue->netdev, queue->rxq, &params);
		if (ret)
			break;
	}
	rtnl_unlock();
	return ret;
}

/**
 * zcrx_queue_alloc() - make a queue that is bound to nothing yet
 * @ifq: the ifq; the queue takes a reference
 *
 * Return: the queue with one reference, or NULL.
 */
struct zcrx_queue *zcrx_queue_alloc(struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;

	refcount_set(&queue->refs, 1);
	spin_lock_init(&queue->rq.lock);
	INIT_DELAYED_WORK(&queue->close_work, zcrx_queue_close_work);
	INIT_LIST_HEAD(&queue->list);
	queue->ifq = ifq;
	zcrx_ifq_get(ifq);
	return queue;
}

/* A NIC that cannot fill its ring drops frames while buffers are on their way:
 * it works, slowly, and nobody would know why.
 */
static void zcrx_queue_check_size(struct zcrx_queue *queue)
{
	const struct ethtool_ops *ops = queue->netdev->ethtool_ops;
	struct kernel_ethtool_ringparam kparam = {};
	struct ethtool_ringparam param = {};
	size_t niovs;

	ops->get_ringparam(queue->netdev, &param, &kparam, NULL);
	niovs = zcrx_areas_niovs(queue->ifq);
	if (niovs <= param.rx_pending && net_ratelimit())
		netdev_warn(queue->netdev,
			    "zcrx: rx queue %u has %u descriptors, the area %zu buffers: it should have %u and what the application holds\n",
			    queue->rxq, param.rx_pending, niovs,
			    param.rx_pending + 1);
}

/**
 * zcrx_queue_open() - bind a queue to an RX queue of a NIC
 * @queue: the queue
 * @netdev: the NIC; the queue takes a reference of its own
 * @rxq: index of the RX queue
 *
 * Areas are imported and mapped before, outside of RTNL: pinning takes its
 * time. That @netdev is not being unregistered is seen under RTNL.
 *
 * Return: 0, or a negative error, after which nothing is bound.
 */
int zcrx_queue_open(struct zcrx_queue *queue, struct net_device *netdev,
		    unsigned int rxq)
{
	struct pp_memory_provider_params params = zcrx_queue_params(queue);
	struct netlink_ext_ack extack = {};
	int ret;

	rtnl_lock();
	queue->rxq = rxq;
	queue->ifindex = netdev->ifindex;
	WRITE_ONCE(queue->netdev, netdev);
	netdev_hold(netdev, &queue->netdev_tracker, GFP_KERNEL);

	ret = netif_mp_open_rxq(netdev, rxq, &params, &extack);
	if (ret) {
		netdev_put(netdev, &queue->netdev_tracker);
		WRITE_ONCE(queue->netdev, NULL);
	}
	if (!ret)
		zcrx_queue_check_size(queue);
	else if (net_ratelimit())
		netdev_warn(netdev, "zcrx: cannot bind rx queue %u: %s (%d)\n",
			    rxq, extack._msg ?: "the queue did not restart",
			    ret);
	rtnl_unlock();
	return ret;
}
