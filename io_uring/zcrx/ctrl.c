// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_ZCRX_CTRL: what can be asked of an ifq once it is there.
 */

#include <linux/err.h>
#include <linux/io_uring_types.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "zcrx.h"

/* Of all queues: their NAPIs may not run for a long time. */
static int zcrx_flush(struct zcrx_ifq *ifq, const struct zcrx_ctrl *ctrl)
{
	const struct zcrx_ctrl_flush_rq *flush = &ctrl->zc_flush;
	struct zcrx_queue *queue;

	if (!mem_is_zero(flush->__resv, sizeof(flush->__resv)))
		return -EINVAL;

	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list)
		zcrx_rq_drain(queue, UINT_MAX);
	mutex_unlock(&ifq->lock);
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
	ret = zcrx_area_add(area, &arg->rq_area_token);
	if (ret)
		zcrx_area_free(area);
	return ret;
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
		return zcrx_event_arm(ifq, &ctrl.zc_arm_event);
	case ZCRX_CTRL_ADD_AREA:
		return zcrx_add_area(ctx, ifq, &ctrl);
	}
	return -EOPNOTSUPP;
}
