// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>

#include "zc.h"

int zc_ctrl(struct zc *zc, struct zcrx_ctrl *ctrl)
{
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

int zc_add_area(struct zc *zc, const struct area *area, uint64_t *token)
{
	struct io_uring_zcrx_area_reg reg;
	struct zcrx_ctrl ctrl;
	uint64_t id;
	int ret;

	area_describe(area, &reg);
	ctrl_init(&ctrl, zc, ZCRX_CTRL_ADD_AREA);
	ctrl.zc_area.area_ptr = (uintptr_t)&reg;
	ret = zc_ctrl(zc, &ctrl);
	if (ret)
		return ret;

	id = reg.rq_area_token >> IORING_ZCRX_AREA_SHIFT;
	if (id >= ZC_AREAS_MAX || zc->areas[id].len)
		return -EPROTO;
	zc->areas[id] = *area;
	zc->tokens[id] = reg.rq_area_token;
	if (token)
		*token = reg.rq_area_token;
	return 0;
}
