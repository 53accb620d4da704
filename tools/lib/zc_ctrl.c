// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include <linux/io_uring/zcrx_ext.h>

#include "zc.h"

int zc_ctrl(const struct zc *zc, struct zcrx_ctrl *ctrl)
{
	return io_uring_register(zc->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL,
				 ctrl, 0);
}

int zc_ext_ctrl(const struct zc *zc, struct zcrx_ext_ctrl *ctrl)
{
	ctrl->zcrx_id = zc->reg.ifq.zcrx_id;
	return io_uring_register(zc->ring.ring_fd, IORING_REGISTER_ZCRX_CTRL,
				 ctrl, 0);
}

static void ctrl_init(struct zcrx_ctrl *ctrl, const struct zc *zc,
		      enum zcrx_ctrl_op op)
{
	memset(ctrl, 0, sizeof(*ctrl));
	ctrl->zcrx_id = zc->reg.ifq.zcrx_id;
	ctrl->op = op;
}

int zc_flush(struct zc *zc)
{
	unsigned int stashed;
	struct zcrx_ctrl ctrl;
	int ret;

	zc_publish(zc);
	do {
		stashed = zc->stash_len;
		ctrl_init(&ctrl, zc, ZCRX_CTRL_FLUSH_RQ);
		ret = zc_ctrl(zc, &ctrl);
		/* there is room in the ring now */
		zc_publish(zc);
	} while (!ret && zc->stash_len < stashed);
	return ret;
}

int zc_export(const struct zc *zc)
{
	struct zcrx_ctrl ctrl;
	int ret;

	ctrl_init(&ctrl, zc, ZCRX_CTRL_EXPORT);
	ret = zc_ctrl(zc, &ctrl);
	return ret ? ret : (int)ctrl.zc_export.zcrx_fd;
}

int zc_arm_event(struct zc *zc, uint32_t type)
{
	struct zcrx_ctrl ctrl;

	ctrl_init(&ctrl, zc, ZCRX_CTRL_ARM_EVENT);
	ctrl.zc_arm_event.event_type = type;
	return zc_ctrl(zc, &ctrl);
}

static unsigned int slot_of(uint64_t token)
{
	return (token >> IORING_ZCRX_AREA_SHIFT) % ZC_AREAS_MAX;
}

int zc_add_area(struct zc *zc, const struct area *area, uint64_t *token)
{
	struct io_uring_zcrx_area_reg reg;
	struct zcrx_ctrl ctrl;
	unsigned int slot;
	int ret;

	area_describe(area, &reg);
	ctrl_init(&ctrl, zc, ZCRX_CTRL_ADD_AREA);
	ctrl.zc_area.area_ptr = (uintptr_t)&reg;
	ret = zc_ctrl(zc, &ctrl);
	if (ret)
		return ret;

	slot = slot_of(reg.rq_area_token);
	if (zc->areas[slot].len)
		return -EPROTO;
	zc->areas[slot] = *area;
	zc->tokens[slot] = reg.rq_area_token;
	if (token)
		*token = reg.rq_area_token;
	return 0;
}

static int leave(struct zc *zc, enum zcrx_ext_ctrl_op op, uint64_t token,
		 uint64_t user_data)
{
	struct zcrx_ext_ctrl ctrl = {
		.op = op,
		.zc_leave = {
			.user_data = user_data,
			.area_token = token,
			.flags = user_data ? ZCRX_LEAVE_NOTIFY : 0,
		},
	};

	return zc_ext_ctrl(zc, &ctrl);
}

int zc_remove_area(struct zc *zc, uint64_t token, uint64_t user_data)
{
	return leave(zc, ZCRX_CTRL_REMOVE_AREA, token, user_data);
}

struct area zc_forget_area(struct zc *zc, uint64_t token)
{
	const struct area area = zc->areas[slot_of(token)];

	zc->areas[slot_of(token)] = (struct area) {};
	zc->tokens[slot_of(token)] = 0;
	return area;
}

int zc_unregister(struct zc *zc, uint64_t user_data)
{
	return leave(zc, ZCRX_CTRL_UNREGISTER, 0, user_data);
}

int zc_register_again(struct zc *zc)
{
	struct io_uring_zcrx_ifq_reg *reg = &zc->reg.ifq;
	int ret;

	reg->zcrx_id = 0;
	memset(&reg->offsets, 0, sizeof(reg->offsets));
	zc->reg.area.rq_area_token = 0;
	ret = io_uring_register_ifq(&zc->ring, reg);
	if (ret)
		return ret;
	/* what is stashed would go back to the one that went */
	zc->stash_len = 0;
	zc_use_region(zc, zc->rq.ring_ptr);
	return 0;
}
