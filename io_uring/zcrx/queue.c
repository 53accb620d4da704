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
#include <linux/pm_runtime.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include <trace/events/zcrx.h>

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
	zcrx_rq_free(&queue->rq, &queue->acct);
	zcrx_account_release(&queue->acct);
	kfree(queue);
	zcrx_ifq_put(ifq);
}

/**
 * zcrx_queue_unbind() - the NIC has no more buffers of this queue
 * @queue: the queue
 *
 * RTNL is held. Drops the reference on the device. With the last queue of the ifq,
 * no NIC has anything of the areas any more.
 */
void zcrx_queue_unbind(struct zcrx_queue *queue)
{
	ASSERT_RTNL();

	if (!queue->netdev)
		return;

	if (!--queue->ifq->nr_bound)
		zcrx_areas_unmap(queue->ifq);
	netdev_put(queue->netdev, &queue->netdev_tracker);
	WRITE_ONCE(queue->netdev, NULL);
}

/**
 * zcrx_queue_take_off() - give the RX queue back
 * @queue: the queue
 *
 * RTNL is held.
 *
 * Return: 0, also where the NIC has gone before; or what the driver answered to
 * the restart, with the queue as it was.
 */
int zcrx_queue_take_off(struct zcrx_queue *queue)
{
	struct pp_memory_provider_params params = zcrx_queue_params(queue);
	int ret;

	if (!queue->netdev)
		return 0;
	ret = netif_mp_close_rxq(queue->netdev, queue->rxq, &params);
	trace_zcrx_queue(queue->ifq->serial, queue->ifindex, queue->rxq,
			 "close", ret);
	if (ret)
		return ret;
	/* A sync for the device may be under way: page_pool_scrub() waits for no
	 * net_iov's.
	 */
	if (dma_dev_need_sync(queue->ifq->dev))
		synchronize_net();
	zcrx_queue_unbind(queue);
	return 0;
}

static int zcrx_queue_try_close(struct zcrx_queue *queue)
{
	int ret;

	rtnl_lock();
	ret = zcrx_queue_take_off(queue);
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

/* Have the RX queue begin anew, so that the NIC has no buffer that it got before;
 * RTNL is held.
 */
int zcrx_queue_restart(struct zcrx_queue *queue)
{
	struct pp_memory_provider_params params = zcrx_queue_params(queue);
	int ret;

	if (!queue->netdev)
		return 0;
	ret = netif_mp_restart_rxq(queue->netdev, queue->rxq, &params);
	trace_zcrx_queue(queue->ifq->serial, queue->ifindex, queue->rxq,
			 "restart", ret);
	return ret;
}

/**
 * zcrx_queue_alloc() - make a queue that is bound to nothing yet
 * @ifq: the ifq; the queue takes a reference
 * @ctx: the ring that asks, whose user pays for the refill ring
 *
 * Return: the queue with one reference, or NULL.
 */
struct zcrx_queue *zcrx_queue_alloc(struct zcrx_ifq *ifq,
				    struct io_ring_ctx *ctx)
{
	struct zcrx_queue *queue;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;

	refcount_set(&queue->refs, 1);
	spin_lock_init(&queue->rq.lock);
	INIT_DELAYED_WORK(&queue->close_work, zcrx_queue_close_work);
	INIT_LIST_HEAD(&queue->list);
	zcrx_account_init(&queue->acct, ctx);
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
	unsigned int nr = queue->ifq->nr_bound;
	size_t niovs, descs;

	ops->get_ringparam(queue->netdev, &param, &kparam, NULL);
	niovs = zcrx_areas_niovs(queue->ifq);
	descs = (size_t)param.rx_pending * nr;
	/* a page_pool keeps as many again, for a queue that may be idle */
	if (nr > 1)
		descs *= 2;
	if (niovs <= descs && net_ratelimit())
		netdev_warn(queue->netdev,
			    "zcrx: with rx queue %u the NIC may keep %zu buffers, the area has %zu: it should have more, and what the application holds\n",
			    queue->rxq, descs, niovs);
}

/* All queues of an ifq are of one NIC, which the areas are mapped for. */
static int zcrx_queue_check_nic(struct zcrx_queue *queue,
				struct net_device *netdev,
				struct netlink_ext_ack *extack)
{
	struct zcrx_queue *first;

	first = list_first_entry_or_null(&queue->ifq->queues,
					 struct zcrx_queue, list);
	if (!first)
		return 0;
	if (first->netdev == netdev)
		return 0;
	NL_SET_ERR_MSG(extack, "the ifq is of another interface");
	return first->netdev ? -EXDEV : -ENODEV;
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
 * Return: 0, and the queue is one of the ifq's; or a negative error, after which
 * nothing is bound.
 */
int zcrx_queue_open(struct zcrx_queue *queue, struct net_device *netdev,
		    unsigned int rxq)
{
	struct pp_memory_provider_params params = zcrx_queue_params(queue);
	struct device *parent = netdev->dev.parent;
	struct netlink_ext_ack extack = {};
	int ret;

	/* No suspend begins, and none is under way that waits for RTNL. */
	if (parent) {
		pm_runtime_get_noresume(parent);
		pm_runtime_barrier(parent);
	}
	rtnl_lock();
	/* As ethtool does, and before the queue has a provider: it opens rings. */
	if (parent)
		pm_runtime_resume(parent);
	ret = zcrx_queue_check_nic(queue, netdev, &extack);
	if (!ret)
		ret = netif_mp_check_rxq(netdev, rxq, &params, &extack);
	if (ret)
		goto out;
	queue->rxq = rxq;
	queue->ifindex = netdev->ifindex;
	zcrx_rq_start(&queue->rq);
	WRITE_ONCE(queue->netdev, netdev);
	netdev_hold(netdev, &queue->netdev_tracker, GFP_KERNEL);

	ret = netif_mp_open_rxq(netdev, rxq, &params, &extack);
	trace_zcrx_queue(queue->ifq->serial, netdev->ifindex, rxq, "open", ret);
	if (ret) {
		netdev_put(netdev, &queue->netdev_tracker);
		WRITE_ONCE(queue->netdev, NULL);
	} else {
		queue->ifq->nr_bound++;
		/* under RTNL, so that no restart of all leaves it out */
		zcrx_queues_add(queue);
		zcrx_queue_check_size(queue);
	}
out:
	if (ret && net_ratelimit())
		netdev_warn(netdev, "zcrx: cannot bind rx queue %u: %s (%d)\n",
			    rxq, extack._msg ?: "the queue did not restart",
			    ret);
	rtnl_unlock();
	if (parent)
		pm_runtime_put(parent);
	return ret;
}
