// SPDX-License-Identifier: GPL-2.0
/*
 * A refill ring that the kernel allocated, mapped from the ring's fd.
 *
 * Called with the mm's mmap_lock held, so never under uring_lock, which is
 * held while memory is pinned. zcrx_lock keeps the ifq where it is.
 *
 * The refill ring of a registration goes by the id of the ifq, in each ring that has
 * it. That of a further queue has an id of its own, in the ring that bound it. Ids
 * of both kinds are of one space, as an offset has no room for more.
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
	if (ifq)
		queue = list_first_entry_or_null(&ifq->queues,
						 struct zcrx_queue, list);
	else
		queue = xa_load(&ctx->zcrx_rings, id);
	if (!queue || queue->rq.region.user)
		return NULL;
	return &queue->rq.region;
}

/* Keeps the ring of a queue's map_ctx where it is: a queue may outlive it. */
static DEFINE_MUTEX(zcrx_rings_lock);

/**
 * zcrx_ring_show() - let a further queue's refill ring be mapped
 * @queue: the queue, known to nobody yet, with a ring that the kernel allocated
 * @ctx: by whose fd; uring_lock is held
 *
 * The offset is that of queue->map_id. It ends with zcrx_ring_hide().
 *
 * Return: 0, -EBUSY (no more ids) or -ENOMEM.
 */
int zcrx_ring_show(struct zcrx_queue *queue, struct io_ring_ctx *ctx)
{
	u32 id;
	int ret;

	ret = zcrx_id_alloc(ctx, &id);
	if (ret)
		return ret;

	/* memory is not looked for under a lock of all rings */
	ret = xa_reserve(&ctx->zcrx_rings, id, GFP_KERNEL_ACCOUNT);
	if (ret) {
		zcrx_id_free(ctx, id);
		return ret;
	}

	mutex_lock(&zcrx_rings_lock);
	mutex_lock(&ctx->zcrx_lock);
	xa_store(&ctx->zcrx_rings, id, queue, 0);
	mutex_unlock(&ctx->zcrx_lock);
	queue->map_ctx = ctx;
	queue->map_id = id;
	mutex_unlock(&zcrx_rings_lock);
	return 0;
}

/* zcrx_rings_lock is held. */
static void zcrx_ring_forget(struct zcrx_queue *queue)
{
	struct io_ring_ctx *ctx = queue->map_ctx;

	if (!ctx)
		return;
	mutex_lock(&ctx->zcrx_lock);
	xa_erase(&ctx->zcrx_rings, queue->map_id);
	mutex_unlock(&ctx->zcrx_lock);
	zcrx_id_free(ctx, queue->map_id);
	queue->map_ctx = NULL;
}

/* A queue goes: its refill ring cannot be mapped any more. */
void zcrx_ring_hide(struct zcrx_queue *queue)
{
	mutex_lock(&zcrx_rings_lock);
	zcrx_ring_forget(queue);
	mutex_unlock(&zcrx_rings_lock);
}

/* @ctx lets go of @ifq, and with it of the queues that it bound. */
void zcrx_rings_hide(struct io_ring_ctx *ctx, const struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue;
	unsigned long id;

	mutex_lock(&zcrx_rings_lock);
	xa_for_each(&ctx->zcrx_rings, id, queue) {
		if (queue->ifq == ifq)
			zcrx_ring_forget(queue);
	}
	mutex_unlock(&zcrx_rings_lock);
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
	if (region) {
		/* there is nothing behind it */
		nr_pages = min(vma_pages(vma), region->nr_pages);
		vm_flags_set(vma, VM_DONTEXPAND);
		ret = vm_insert_pages(vma, vma->vm_start, region->pages,
				      &nr_pages);
	}
	mutex_unlock(&ctx->zcrx_lock);
	return ret;
}
