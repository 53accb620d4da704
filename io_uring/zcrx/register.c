// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_ZCRX_IFQ: copy in, validate in the ABI's order, build, copy
 * out, and undo all of it if anything fails. And the end of the ring.
 */

#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/io_uring_types.h>
#include <linux/log2.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/uaccess.h>

#include "zcrx.h"

/* A mapping's offset has room for this many ids. */
#define ZCRX_ID_LIMIT	XA_LIMIT(0, 2047)

#define ZCRX_REG_FLAGS	(ZCRX_REG_IMPORT | ZCRX_REG_NODEV)

/* A registration as user space wrote it. */
struct zcrx_reg {
	struct io_uring_zcrx_ifq_reg	ifq;
	struct io_uring_zcrx_area_reg	area;
	struct io_uring_region_desc	region;
	struct zcrx_event_desc		event;
};

static bool zcrx_reg_nodev(const struct zcrx_reg *reg)
{
	return reg->ifq.flags & ZCRX_REG_NODEV;
}

static int zcrx_reg_copy_in(struct io_ring_ctx *ctx,
			    struct io_uring_zcrx_ifq_reg *ifq,
			    void __user *arg)
{
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	if (!(ctx->flags & IORING_SETUP_DEFER_TASKRUN))
		return -EINVAL;
	if (!(ctx->flags & IORING_SETUP_CQE32))
		return -EINVAL;
	if (copy_from_user(ifq, arg, sizeof(*ifq)))
		return -EFAULT;
	if (!mem_is_zero(ifq->__resv, sizeof(ifq->__resv)) || ifq->zcrx_id)
		return -EINVAL;
	if (ifq->flags & ~ZCRX_REG_FLAGS)
		return -EINVAL;
	return 0;
}

/* What a registration that is no import says. */
static int zcrx_reg_check(struct io_ring_ctx *ctx, struct zcrx_reg *reg)
{
	struct io_uring_zcrx_ifq_reg *ifq = &reg->ifq;
	int ret;

	if (copy_from_user(&reg->region, u64_to_user_ptr(ifq->region_ptr),
			   sizeof(reg->region)))
		return -EFAULT;
	if (ifq->if_rxq == U32_MAX || !ifq->rq_entries)
		return -EINVAL;
	if (zcrx_reg_nodev(reg) && (ifq->if_idx || ifq->if_rxq))
		return -EINVAL;
	ret = zcrx_rq_entries(ctx, &ifq->rq_entries);
	if (ret)
		return ret;
	if (copy_from_user(&reg->area, u64_to_user_ptr(ifq->area_ptr),
			   sizeof(reg->area)))
		return -EFAULT;
	if (reg->area.rq_area_token)
		return -EINVAL;
	if (!ifq->event_desc)
		return 0;
	if (copy_from_user(&reg->event, u64_to_user_ptr(ifq->event_desc),
			   sizeof(reg->event)))
		return -EFAULT;
	return zcrx_event_desc_check(&reg->event);
}

static int zcrx_reg_copy_out(struct zcrx_reg *reg, void __user *arg)
{
	void __user *region = u64_to_user_ptr(reg->ifq.region_ptr);
	void __user *area = u64_to_user_ptr(reg->ifq.area_ptr);

	if (copy_to_user(arg, &reg->ifq, sizeof(reg->ifq)) ||
	    copy_to_user(region, &reg->region, sizeof(reg->region)) ||
	    copy_to_user(area, &reg->area, sizeof(reg->area)))
		return -EFAULT;
	return 0;
}

/* The device that does DMA for @netdev, NULL if there is none. */
static struct device *zcrx_dma_dev(struct net_device *netdev)
{
	struct device *dev = netdev->dev.parent;

	return dev && dev->dma_mask ? dev : NULL;
}

static int zcrx_set_buf_len(struct zcrx_ifq *ifq,
			    struct io_uring_zcrx_ifq_reg *reg)
{
	u32 len = reg->rx_buf_len ?: PAGE_SIZE;

	if (!is_power_of_2(len) || len < PAGE_SIZE)
		return -EINVAL;
	/* Without a NIC there is nobody to whom it would matter. */
	if (len > PAGE_SIZE && !ifq->dev)
		return -EOPNOTSUPP;

	ifq->niov_shift = ilog2(len);
	reg->rx_buf_len = len;
	return 0;
}

/* The first area, which no NIC has to do with yet. */
static int zcrx_reg_area(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			 struct zcrx_reg *reg)
{
	struct zcrx_area *area;
	int ret;

	ret = zcrx_set_buf_len(ifq, &reg->ifq);
	if (ret)
		return ret;

	area = zcrx_area_create(ifq, ctx, &reg->area);
	if (IS_ERR(area))
		return PTR_ERR(area);

	ret = zcrx_areas_add(area, NULL);
	if (ret)
		zcrx_area_free(area);
	reg->area.rq_area_token = 0;	/* area id 0, in its place */
	return ret;
}

/* Import the area, map it for @netdev and bind the queue. What fails is undone
 * by the caller, who lets go of the ifq.
 */
static int zcrx_reg_bind(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			 struct zcrx_queue *queue, struct net_device *netdev,
			 struct zcrx_reg *reg)
{
	struct device *dev = zcrx_dma_dev(netdev);
	int ret;

	if (!dev) {
		if (net_ratelimit())
			netdev_warn(netdev, "zcrx: no device that does DMA\n");
		return -EOPNOTSUPP;
	}
	zcrx_ifq_set_dev(ifq, dev);

	ret = zcrx_reg_area(ctx, ifq, reg);
	if (ret)
		return ret;

	ret = zcrx_areas_map(ifq);
	if (ret)
		return ret;

	ret = zcrx_queue_open(queue, netdev, reg->ifq.if_rxq);
	/* the device is there for as long as the netdev is held */
	if (ret)
		zcrx_areas_unmap(ifq);
	return ret;
}

/* Find the NIC and bind the queue to it. */
static int zcrx_reg_open(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			 struct zcrx_queue *queue, struct zcrx_reg *reg)
{
	struct net *net = current->nsproxy->net_ns;
	struct net_device *netdev;
	netdevice_tracker tracker;
	int ret;

	netdev = netdev_get_by_index(net, reg->ifq.if_idx, &tracker,
				     GFP_KERNEL);
	if (!netdev)
		return -ENODEV;
	ret = zcrx_reg_bind(ctx, ifq, queue, netdev, reg);
	netdev_put(netdev, &tracker);
	return ret;
}

/* Build an ifq as @reg says. The ring holds it through one reference. */
static struct zcrx_ifq *zcrx_reg_build(struct io_ring_ctx *ctx,
				       struct zcrx_reg *reg)
{
	struct zcrx_queue *queue;
	struct zcrx_ifq *ifq;
	int ret;

	ifq = zcrx_ifq_alloc();
	if (!ifq)
		return ERR_PTR(-ENOMEM);

	queue = zcrx_queue_alloc(ifq, ctx);
	if (!queue) {
		ret = -ENOMEM;
		goto err_ifq;
	}

	ret = zcrx_rq_init(&queue->rq, &queue->acct, reg->ifq.rq_entries,
			   &reg->region);
	if (!ret && reg->ifq.event_desc)
		ret = zcrx_events_init(ifq, &reg->event, queue);
	if (ret)
		goto err_queue;

	/* Without a NIC there is a refill ring all the same. */
	if (zcrx_reg_nodev(reg))
		ret = zcrx_reg_area(ctx, ifq, reg);
	else
		ret = zcrx_reg_open(ctx, ifq, queue, reg);
	if (ret)
		goto err_queue;

	if (zcrx_reg_nodev(reg)) {
		zcrx_rq_start(&queue->rq);
		zcrx_queues_add(queue);
	}
	return ifq;

err_queue:
	zcrx_queue_put(queue);
err_ifq:
	zcrx_ifq_put(ifq);
	return ERR_PTR(ret);
}

/* Reserve an id, which is that of no ifq to whoever looks it up. */
int zcrx_id_alloc(struct io_ring_ctx *ctx, u32 *id)
{
	return xa_alloc(&ctx->zcrx_ids, id, XA_ZERO_ENTRY, ZCRX_ID_LIMIT,
			GFP_KERNEL_ACCOUNT);
}

/* Give an id back under which nothing was published. */
void zcrx_id_free(struct io_ring_ctx *ctx, u32 id)
{
	xa_erase(&ctx->zcrx_ids, id);
}

/* Make an ifq visible to mmap under the id that was reserved for it. */
int zcrx_publish(struct io_ring_ctx *ctx, u32 id, struct zcrx_ifq *ifq)
{
	int ret;

	mutex_lock(&ctx->zcrx_lock);
	ret = xa_err(xa_store(&ctx->zcrx_ids, id, ifq, GFP_KERNEL));
	mutex_unlock(&ctx->zcrx_lock);
	return ret;
}

void zcrx_withdraw(struct io_ring_ctx *ctx, u32 id)
{
	mutex_lock(&ctx->zcrx_lock);
	xa_erase(&ctx->zcrx_ids, id);
	mutex_unlock(&ctx->zcrx_lock);
}

/**
 * io_zcrx_register_ifq() - IORING_REGISTER_ZCRX_IFQ
 * @ctx: the ring, uring_lock held
 * @arg: struct io_uring_zcrx_ifq_reg of user space
 * @nr_args: 1
 *
 * Return: 0, or a negative error after which nothing is left behind.
 */
int io_zcrx_register_ifq(struct io_ring_ctx *ctx, void __user *arg,
			 unsigned int nr_args)
{
	struct zcrx_reg reg;
	struct zcrx_ifq *ifq;
	u32 id;
	int ret;

	if (!arg || nr_args != 1)
		return -EINVAL;

	ret = zcrx_reg_copy_in(ctx, &reg.ifq, arg);
	if (ret)
		return ret;
	if (reg.ifq.flags & ZCRX_REG_IMPORT)
		return zcrx_import(ctx, &reg.ifq, arg);

	ret = zcrx_reg_check(ctx, &reg);
	if (ret)
		return ret;

	ret = zcrx_id_alloc(ctx, &id);
	if (ret)
		return ret;

	ifq = zcrx_reg_build(ctx, &reg);
	if (IS_ERR(ifq)) {
		ret = PTR_ERR(ifq);
		goto err_id;
	}

	reg.ifq.zcrx_id = id;
	zcrx_rq_tell(&reg.ifq.offsets);
	if (!(reg.region.flags & IORING_MEM_REGION_TYPE_USER))
		reg.region.mmap_offset = zcrx_ring_mmap_offset(id);

	ret = zcrx_publish(ctx, id, ifq);
	if (ret)
		goto err_ifq;

	ret = zcrx_reg_copy_out(&reg, arg);
	if (!ret) {
		/* nothing can fail any more */
		zcrx_events_attach(ifq, ctx);
		return 0;
	}

	zcrx_withdraw(ctx, id);
	zcrx_ifq_unregister(ifq);
	return ret;

err_ifq:
	zcrx_ifq_unregister(ifq);
err_id:
	zcrx_id_free(ctx, id);
	return ret;
}

void io_zcrx_ctx_init(struct io_ring_ctx *ctx)
{
	xa_init_flags(&ctx->zcrx_ids, XA_FLAGS_ALLOC);
	xa_init(&ctx->zcrx_rings);
	mutex_init(&ctx->zcrx_lock);
	INIT_LIST_HEAD(&ctx->zcrx_notices);
}

/* Does the ring know @ifq by another id as well? */
static bool zcrx_knows(struct io_ring_ctx *ctx, const struct zcrx_ifq *ifq)
{
	struct zcrx_ifq *other;
	unsigned long id;

	xa_for_each(&ctx->zcrx_ids, id, other) {
		if (other == ifq)
			return true;
	}
	return false;
}

/* The ring lets go of what it knows by @id; uring_lock is held. */
void zcrx_leave(struct io_ring_ctx *ctx, u32 id, struct zcrx_ifq *ifq)
{
	zcrx_withdraw(ctx, id);
	if (!zcrx_knows(ctx, ifq)) {
		zcrx_rings_hide(ctx, ifq);
		zcrx_events_detach(ifq, ctx);
	}
	zcrx_ifq_unregister(ifq);
}

/* The ring ends: called with uring_lock held, before its memory goes. */
void io_zcrx_ctx_exit(struct io_ring_ctx *ctx)
{
	struct zcrx_ifq *ifq;
	unsigned long id;

	lockdep_assert_held(&ctx->uring_lock);

	zcrx_notices_detach(ctx);
	xa_for_each(&ctx->zcrx_ids, id, ifq)
		zcrx_leave(ctx, id, ifq);
}
