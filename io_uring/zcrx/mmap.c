// SPDX-License-Identifier: GPL-2.0
/*
 * A refill ring that the kernel allocated, mapped from the ring's fd.
 *
 * Called with the mm's mmap_lock held, so never under uring_lock, which is
 * held while memory is pinned. zcrx_lock keeps the ifq where it is.
 */

#include <linux/io_uring_types.h>
#include <linux/mm.h>

#include "zcrx.h"

/* The refill ring behind an mmap offset; zcrx_lock is held. */
static struct zcrx_region *zcrx_mmap_region(struct io_ring_ctx *ctx,
					    u64 off)
{
	u32 id = (off & ~IORING_OFF_MMAP_MASK) >> IORING_OFF_PBUF_SHIFT;
	struct zcrx_queue *queue;
	struct zcrx_ifq *ifq;

	lockdep_assert_held(&ctx->zcrx_lock);

	ifq = xa_load(&ctx->zcrx_ids, id);
	if (!ifq)
		return NULL;
	queue = list_first_entry_or_null(&ifq->queues, struct zcrx_queue,
					 list);
	if (!queue || queue->rq.region.user)
		return NULL;
	return &queue->rq.region;
}

/* Where the kernel sees the memory behind an mmap offset, for its colour. */
void *io_zcrx_region_ptr(struct io_ring_ctx *ctx, loff_t off)
{
	struct zcrx_region *region;
	void *ptr;

	mutex_lock(&ctx->zcrx_lock);
	region = zcrx_mmap_region(ctx, off);
	ptr = region ? region->ptr : ERR_PTR(-EINVAL);
	mutex_unlock(&ctx->zcrx_lock);
	return ptr;
}

int io_zcrx_mmap(struct io_ring_ctx *ctx, struct vm_area_struct *vma)
{
	u64 off = (u64)vma->vm_pgoff << PAGE_SHIFT;
	struct zcrx_region *region;
	unsigned long nr_pages;
	int ret = -EINVAL;

	mutex_lock(&ctx->zcrx_lock);
	region = zcrx_mmap_region(ctx, off);
	if (region && vma_pages(vma) <= region->nr_pages) {
		nr_pages = vma_pages(vma);
		vm_flags_set(vma, VM_DONTEXPAND);
		ret = vm_insert_pages(vma, vma->vm_start, region->pages,
				      &nr_pages);
	}
	mutex_unlock(&ctx->zcrx_lock);
	return ret;
}
