// SPDX-License-Identifier: GPL-2.0
/*
 * The queues of an ifq: how further ones come and go.
 *
 * The first is that of the registration, and stays until the ifq ends. A further
 * one is bound to another RX queue of the same NIC; it has a refill ring and
 * page_pools of its own, and takes its buffers from the same areas.
 *
 * As long as the ifq has users, the list changes under RTNL and ifq->lock, so either
 * is enough to walk it. A queue that runs dry does so under RCU, see zcrx_others_fill_pool(): one
 * that was taken off the list, and its refill ring, stay for a grace period.
 */

#include <linux/err.h>
#include <linux/io_uring_types.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/rtnetlink.h>
#include <linux/uaccess.h>

#include "zcrx.h"

/**
 * zcrx_queues_add() - a queue is one of its ifq's from now on
 * @queue: the queue, whose reference the ifq owns; it is open
 *
 * RTNL is held, or nobody else knows the ifq.
 */
void zcrx_queues_add(struct zcrx_queue *queue)
{
	struct zcrx_ifq *ifq = queue->ifq;

	atomic_inc(&ifq->nr_open);
	mutex_lock(&ifq->lock);
	ifq->several |= !list_empty(&ifq->queues);
	list_add_tail_rcu(&queue->list, &ifq->queues);
	mutex_unlock(&ifq->lock);
}

/* Take one off the list; what it points to stays for those who walk it. */
static void zcrx_queues_del(struct zcrx_queue *queue)
{
	mutex_lock(&queue->ifq->lock);
	list_del_rcu(&queue->list);
	mutex_unlock(&queue->ifq->lock);
}

/* The ifq has no user any more: give all of them back. */
void zcrx_queues_close(struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue;

	while ((queue = list_first_entry_or_null(&ifq->queues,
						 struct zcrx_queue, list))) {
		zcrx_ring_hide(queue);
		zcrx_queues_del(queue);
		/* one that could not be closed may still run dry */
		if (ifq->several)
			synchronize_rcu();
		zcrx_queue_close(queue);
	}
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
	list_for_each_entry(queue, &ifq->queues, list) {
		ret = zcrx_queue_restart(queue);
		if (ret)
			break;
	}
	rtnl_unlock();
	return ret;
}

/**
 * zcrx_queues_drain() - send home what was given back, by whatever ring
 * @ifq: the ifq
 * @max: how many are enough of each
 *
 * May sleep.
 *
 * Return: how many buffers went to the free lists.
 */
unsigned int zcrx_queues_drain(struct zcrx_ifq *ifq, unsigned int max)
{
	struct zcrx_queue *queue;
	unsigned int got = 0;

	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list)
		got += zcrx_rq_drain(queue, max);
	mutex_unlock(&ifq->lock);
	return got;
}

/*
 * One more
 */

/* What the caller of a bind wrote, and where. */
struct zcrx_bind {
	struct zcrx_ctrl_bind_queue		ctrl;
	struct io_uring_region_desc		region;
	struct zcrx_ctrl_bind_queue __user	*arg;
	struct io_uring_region_desc __user	*region_arg;
};

static int zcrx_bind_check(struct zcrx_ifq *ifq, struct zcrx_bind *bind)
{
	struct zcrx_ctrl_bind_queue *ctrl = &bind->ctrl;

	if (ctrl->flags & ~ZCRX_BIND_STATS)
		return -EINVAL;
	if (ctrl->stats_offset && !(ctrl->flags & ZCRX_BIND_STATS))
		return -EINVAL;
	if (!mem_is_zero(ctrl->__resv, sizeof(ctrl->__resv)))
		return -EINVAL;
	/* no NIC, no further queue of it */
	if (!ifq->dev)
		return -EOPNOTSUPP;
	bind->region_arg = u64_to_user_ptr(ctrl->region_ptr);
	if (copy_from_user(&bind->region, bind->region_arg,
			   sizeof(bind->region)))
		return -EFAULT;
	return 0;
}

static int zcrx_bind_tell(const struct zcrx_bind *bind, u32 rq_entries,
			  u64 mmap_offset)
{
	if (put_user(rq_entries, &bind->arg->rq_entries) ||
	    put_user(mmap_offset, &bind->region_arg->mmap_offset))
		return -EFAULT;
	return 0;
}

/* The refill ring of a queue that is to be bound. */
static int zcrx_bind_ring(struct zcrx_queue *queue, struct io_ring_ctx *ctx,
			  const struct zcrx_bind *bind)
{
	u32 nr_entries = bind->ctrl.rq_entries;
	int ret;

	ret = zcrx_rq_entries(ctx, &nr_entries);
	if (ret)
		return ret;
	ret = zcrx_rq_init(&queue->rq, &queue->acct, nr_entries,
			   &bind->region);
	if (ret)
		return ret;
	if (bind->ctrl.flags & ZCRX_BIND_STATS) {
		queue->shared = zcrx_rq_behind(&queue->rq,
					       bind->ctrl.stats_offset,
					       sizeof(*queue->shared));
		if (IS_ERR(queue->shared))
			return PTR_ERR(queue->shared);
	}
	return queue->rq.region.user ? 0 : zcrx_ring_show(queue, ctx);
}

static int zcrx_bind_open(struct zcrx_queue *queue,
			  const struct zcrx_ctrl_bind_queue *ctrl)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *netdev;
	netdevice_tracker tracker;
	int ret;

	netdev = netdev_get_by_index(net, ctrl->if_idx, &tracker, GFP_KERNEL);
	if (!netdev)
		return -ENODEV;
	ret = zcrx_queue_open(queue, netdev, ctrl->if_rxq);
	netdev_put(netdev, &tracker);
	return ret;
}

/**
 * zcrx_queues_bind() - ZCRX_CTRL_BIND_QUEUE
 * @ifq: the ifq
 * @ctx: the ring that asks, uring_lock held
 * @ctrl: what it asks for
 * @arg: where it did, and where it wants the answer
 *
 * Return: 0, or a negative error after which nothing has changed: those of a
 * registration; -EOPNOTSUPP without a NIC, -ENODEV if that has gone, -EXDEV if
 * the queue is of another one.
 */
int zcrx_queues_bind(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		     const struct zcrx_ctrl_bind_queue *ctrl,
		     struct zcrx_ctrl_bind_queue __user *arg)
{
	struct zcrx_bind bind = { .ctrl = *ctrl, .arg = arg };
	struct zcrx_queue *queue;
	int ret;

	ret = zcrx_bind_check(ifq, &bind);
	if (ret)
		return ret;

	queue = zcrx_queue_alloc(ifq, ctx);
	if (!queue)
		return -ENOMEM;
	ret = zcrx_bind_ring(queue, ctx, &bind);
	if (ret)
		goto err_queue;

	/* There is no way back from a queue that is open but another restart. */
	ret = zcrx_bind_tell(&bind, queue->rq.nr_entries,
			     queue->rq.region.user ? 0 :
			     zcrx_ring_mmap_offset(queue->map_id));
	if (!ret)
		ret = zcrx_bind_open(queue, ctrl);
	if (!ret)
		return 0;

	if (zcrx_bind_tell(&bind, ctrl->rq_entries, bind.region.mmap_offset))
		ret = -EFAULT;
err_queue:
	zcrx_ring_hide(queue);
	zcrx_queue_put(queue);
	return ret;
}

/*
 * One less
 */

/* Take the queue off its RX queue and the list; RTNL is held. */
static struct zcrx_queue *zcrx_queues_take_off(struct zcrx_ifq *ifq, u32 rxq)
{
	struct zcrx_queue *queue;
	int ret;

	list_for_each_entry(queue, &ifq->queues, list) {
		if (queue->rxq != rxq)
			continue;
		if (list_is_first(&queue->list, &ifq->queues))
			return ERR_PTR(-EBUSY);
		ret = zcrx_queue_take_off(queue);
		if (ret)
			return ERR_PTR(ret);
		zcrx_queues_del(queue);
		return queue;
	}
	return ERR_PTR(-ENOENT);
}

/**
 * zcrx_queues_unbind() - ZCRX_CTRL_UNBIND_QUEUE
 * @ifq: the ifq
 * @unbind: what is asked for
 *
 * What was written to the queue's refill ring before is taken back. Memory of its
 * refill ring is let go, while the queue itself stays until its page_pools have
 * their last buffer back.
 *
 * Return: 0, -EINVAL, -EOPNOTSUPP (there is no NIC), -ENOENT (the ifq has no such
 * queue), -EBUSY (it is that of the registration), or what the driver answered to
 * the restart, with the queue as it was.
 */
int zcrx_queues_unbind(struct zcrx_ifq *ifq,
		       const struct zcrx_ctrl_unbind_queue *unbind)
{
	struct zcrx_queue *queue;

	if (unbind->flags ||
	    !mem_is_zero(unbind->__resv, sizeof(unbind->__resv)))
		return -EINVAL;
	if (!ifq->dev)
		return -EOPNOTSUPP;

	rtnl_lock();
	queue = zcrx_queues_take_off(ifq, unbind->if_rxq);
	if (!IS_ERR(queue)) {
		/* Whoever ran dry may be looking at its ring. A ring that finds
		 * the queue gone takes back what was not read: nothing is after
		 * this.
		 */
		synchronize_net();
		zcrx_rq_drain(queue, UINT_MAX);
	}
	rtnl_unlock();
	if (IS_ERR(queue))
		return PTR_ERR(queue);

	zcrx_ring_hide(queue);
	zcrx_rq_free(&queue->rq, &queue->acct);
	zcrx_ifq_queue_closed(ifq);
	zcrx_queue_put(queue);
	return 0;
}
