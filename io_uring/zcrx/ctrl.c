// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_ZCRX_CTRL: what can be asked of an ifq once it is there.
 */

#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/io_uring_types.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "zcrx.h"

/* Of all queues: their NAPIs may not run for a long time. */
static int zcrx_flush(struct zcrx_ifq *ifq, const struct zcrx_ctrl *ctrl)
{
	const struct zcrx_ctrl_flush_rq *flush = &ctrl->zc_flush;

	if (!mem_is_zero(flush->__resv, sizeof(flush->__resv)))
		return -EINVAL;

	zcrx_queues_drain(ifq, UINT_MAX);
	return 0;
}

static int zcrx_add_area(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			 const struct zcrx_ctrl *ctrl)
{
	const struct zcrx_ctrl_add_area *add = &ctrl->zc_area;
	struct io_uring_zcrx_area_reg __user *arg;
	struct io_uring_zcrx_area_reg reg;
	struct zcrx_area *area;
	int ret;

	if (!mem_is_zero(add->__resv, sizeof(add->__resv)))
		return -EINVAL;
	arg = u64_to_user_ptr(add->area_ptr);
	if (copy_from_user(&reg, arg, sizeof(reg)))
		return -EFAULT;

	area = zcrx_area_create(ifq, ctx, &reg);
	if (IS_ERR(area))
		return PTR_ERR(area);
	ret = zcrx_areas_add(area, &arg->rq_area_token);
	if (ret)
		zcrx_area_free(area);
	return ret;
}

/* What our operations have for a payload lies in the place of upstream's. */
static const struct zcrx_ext_ctrl *zcrx_ctrl_ext(const struct zcrx_ctrl *ctrl)
{
	static_assert(sizeof(struct zcrx_ext_ctrl) == sizeof(*ctrl));
	static_assert(offsetof(struct zcrx_ext_ctrl, zc_leave) ==
		      offsetof(struct zcrx_ctrl, zc_flush));

	return (const void *)ctrl;
}

/* What the calls that end something share: who is told when it is over. */
static struct zcrx_notice *zcrx_leave_notice(struct io_ring_ctx *ctx,
					     const struct zcrx_ctrl_leave *leave)
{
	if (leave->flags & ~ZCRX_LEAVE_NOTIFY)
		return ERR_PTR(-EINVAL);
	if (!mem_is_zero(leave->__resv, sizeof(leave->__resv)))
		return ERR_PTR(-EINVAL);
	if (!(leave->flags & ZCRX_LEAVE_NOTIFY))
		return leave->user_data ? ERR_PTR(-EINVAL) : NULL;
	return zcrx_notice_alloc(ctx, leave->user_data);
}

static int zcrx_unregister(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			   u32 id, const struct zcrx_ctrl_leave *leave)
{
	struct zcrx_notice *notice;

	if (leave->area_token)
		return -EINVAL;
	notice = zcrx_leave_notice(ctx, leave);
	if (IS_ERR(notice))
		return PTR_ERR(notice);

	if (notice) {
		mutex_lock(&ifq->lock);
		zcrx_notice_add(notice, &ifq->notices);
		mutex_unlock(&ifq->lock);
	}
	/* the program goes on, and may read what it has */
	WRITE_ONCE(ifq->keep, true);
	zcrx_recv_cancel(ctx, id);
	zcrx_leave(ctx, id, ifq);
	return 0;
}

static int zcrx_remove_area(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			    const struct zcrx_ctrl_leave *leave)
{
	struct zcrx_notice *notice;
	int ret;

	/* Restarts a NIC's queue, as a registration does. */
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	notice = zcrx_leave_notice(ctx, leave);
	if (IS_ERR(notice))
		return PTR_ERR(notice);
	ret = zcrx_areas_remove(ifq, leave->area_token, notice);
	if (ret)
		zcrx_notice_free(notice);
	return ret;
}

static int zcrx_bind_queue(struct io_ring_ctx *ctx, struct zcrx_ifq *ifq,
			   const struct zcrx_ctrl *ctrl, void __user *arg)
{
	struct zcrx_ext_ctrl __user *ext = arg;

	/* Binding and unbinding restart a NIC's queue. */
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	return zcrx_queues_bind(ifq, ctx, &zcrx_ctrl_ext(ctrl)->zc_bind,
				&ext->zc_bind);
}

static int zcrx_unbind_queue(struct zcrx_ifq *ifq, const struct zcrx_ctrl *ctrl)
{
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	return zcrx_queues_unbind(ifq, &zcrx_ctrl_ext(ctrl)->zc_unbind);
}

/**
 * io_zcrx_ctrl() - IORING_REGISTER_ZCRX_CTRL
 * @ctx: the ring, uring_lock held
 * @arg: struct zcrx_ctrl of user space
 * @nr_args: 0
 *
 * Return: 0, or a negative error after which nothing has changed.
 */
int io_zcrx_ctrl(struct io_ring_ctx *ctx, void __user *arg,
		 unsigned int nr_args)
{
	struct zcrx_ctrl ctrl;
	struct zcrx_ifq *ifq;

	if (nr_args)
		return -EINVAL;
	if (copy_from_user(&ctrl, arg, sizeof(ctrl)))
		return -EFAULT;
	if (!mem_is_zero(ctrl.__resv, sizeof(ctrl.__resv)))
		return -EFAULT;

	ifq = zcrx_ifq_find(ctx, ctrl.zcrx_id);
	if (!ifq)
		return -ENXIO;

	switch (ctrl.op) {
	case ZCRX_CTRL_FLUSH_RQ:
		return zcrx_flush(ifq, &ctrl);
	case ZCRX_CTRL_EXPORT:
		return zcrx_export(ifq, &ctrl, arg);
	case ZCRX_CTRL_ARM_EVENT:
		return zcrx_event_arm(ifq, ctx, &ctrl.zc_arm_event);
	case ZCRX_CTRL_ADD_AREA:
		return zcrx_add_area(ctx, ifq, &ctrl);
	case ZCRX_CTRL_UNREGISTER:
		return zcrx_unregister(ctx, ifq, ctrl.zcrx_id,
				       &zcrx_ctrl_ext(&ctrl)->zc_leave);
	case ZCRX_CTRL_REMOVE_AREA:
		return zcrx_remove_area(ctx, ifq, &zcrx_ctrl_ext(&ctrl)->zc_leave);
	case ZCRX_CTRL_SUBSCRIBE:
		return zcrx_subscribe(ifq, ctx,
				      &zcrx_ctrl_ext(&ctrl)->zc_subscribe);
	case ZCRX_CTRL_BIND_QUEUE:
		return zcrx_bind_queue(ctx, ifq, &ctrl, arg);
	case ZCRX_CTRL_UNBIND_QUEUE:
		return zcrx_unbind_queue(ifq, &ctrl);
	}
	return -EOPNOTSUPP;
}
