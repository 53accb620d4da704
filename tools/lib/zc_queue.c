// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/io_uring/zcrx_ext.h>

#include "zc.h"
#include "zc_rq.h"

int zc_bind_queue(struct zc *zc, struct zc_queue *queue, uint32_t rxq,
		  bool kernel_rq)
{
	struct io_uring_region_desc desc = { .size = zc->region_len };
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_BIND_QUEUE,
		.zc_bind = {
			.if_idx = zc->reg.ifq.if_idx,
			.if_rxq = rxq,
			.rq_entries = zc->reg.ifq.rq_entries,
			.region_ptr = (uintptr_t)&desc,
		},
	};
	void *region = NULL;
	int ret;

	if (!kernel_rq) {
		region = zc_rq_map(zc->region_len, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
		if (region == MAP_FAILED)
			return -errno;
		desc.user_addr = (uintptr_t)region;
		desc.flags = IORING_MEM_REGION_TYPE_USER;
	}
	ret = zc_ext_ctrl(zc, &ctrl);
	if (ret) {
		if (region)
			munmap(region, zc->region_len);
		return ret;
	}

	memset(queue, 0, sizeof(*queue));
	queue->rxq = rxq;
	queue->region_len = zc->region_len;
	if (kernel_rq) {
		region = zc_rq_map(zc->region_len, MAP_SHARED,
				   zc->ring.ring_fd, desc.mmap_offset);
		if (region == MAP_FAILED) {
			ret = -errno;
			zc_unbind_queue(zc, queue);
			return ret;
		}
	}
	zc_rq_use(&queue->rq, region, &zc->reg.ifq.offsets,
		  ctrl.zc_bind.rq_entries);
	return 0;
}

int zc_unbind_queue(struct zc *zc, struct zc_queue *queue)
{
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_UNBIND_QUEUE,
		.zc_unbind.if_rxq = queue->rxq,
	};
	int ret = zc_ext_ctrl(zc, &ctrl);

	if (!ret)
		zc_queue_forget(queue);
	return ret;
}

void zc_queue_forget(struct zc_queue *queue)
{
	if (queue->rq.ring_ptr)
		munmap(queue->rq.ring_ptr, queue->region_len);
	memset(queue, 0, sizeof(*queue));
}

bool zc_queue_recycle(const struct zc *zc, struct zc_queue *queue,
		      const struct io_uring_cqe *cqe)
{
	struct io_uring_zcrx_rqe rqe = zc_refill_entry(zc, cqe);

	if (!zc_rq_push(&queue->rq, &rqe))
		return false;
	zc_rq_publish(&queue->rq);
	return true;
}
