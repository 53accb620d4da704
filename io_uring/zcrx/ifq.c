// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an ifq: references, the mapping of its areas, teardown.
 */

#include <linux/device.h>
#include <linux/io_uring_types.h>
#include <linux/sched/mm.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "zcrx.h"

/* The ring's user pays, unless it may lock as much as it likes. */
void zcrx_account_init(struct zcrx_account *acct, struct io_ring_ctx *ctx)
{
	if (ctx->user)
		acct->user = get_uid(ctx->user);
	if (ctx->mm_account) {
		mmgrab(ctx->mm_account);
		acct->mm = ctx->mm_account;
	}
}

void zcrx_account_release(struct zcrx_account *acct)
{
	free_uid(acct->user);
	if (acct->mm)
		mmdrop(acct->mm);
}

/**
 * zcrx_ifq_alloc() - make an empty ifq
 * @ctx: the ring that registers it, whose user pays for pinned memory
 *
 * Return: the ifq with one reference and one user, or NULL.
 */
struct zcrx_ifq *zcrx_ifq_alloc(struct io_ring_ctx *ctx)
{
	struct zcrx_ifq *ifq;

	ifq = kzalloc(sizeof(*ifq), GFP_KERNEL_ACCOUNT);
	if (!ifq)
		return NULL;

	refcount_set(&ifq->refs, 1);
	refcount_set(&ifq->users, 1);
	ifq->niov_shift = PAGE_SHIFT;
	mutex_init(&ifq->lock);
	INIT_LIST_HEAD(&ifq->queues);
	INIT_LIST_HEAD(&ifq->dmabufs);
	zcrx_account_init(&ifq->acct, ctx);
	return ifq;
}

void zcrx_ifq_get(struct zcrx_ifq *ifq)
{
	refcount_inc(&ifq->refs);
}

/* The last reference may be dropped by a page_pool, long after the ring. */
void zcrx_ifq_put(struct zcrx_ifq *ifq)
{
	unsigned int i;

	if (!refcount_dec_and_test(&ifq->refs))
		return;

	zcrx_ifq_unmap(ifq);
	for (i = 0; i < ifq->nr_areas; i++)
		zcrx_area_free(ifq->areas[i]);
	put_device(ifq->dev);
	zcrx_events_free(ifq);
	zcrx_account_release(&ifq->acct);
	mutex_destroy(&ifq->lock);
	kfree(ifq);
}

/* One more ring or exported fd uses the ifq, as somebody does already. It ends
 * with zcrx_ifq_unregister().
 */
void zcrx_ifq_use(struct zcrx_ifq *ifq)
{
	refcount_inc(&ifq->users);
	zcrx_ifq_get(ifq);
}

/* Say which device the areas are for, before they are mapped. */
void zcrx_ifq_set_dev(struct zcrx_ifq *ifq, struct device *dev)
{
	ifq->dev = get_device(dev);
}

/**
 * zcrx_ifq_map() - map all areas for the device
 * @ifq: the ifq
 *
 * Return: 0, or a negative error with nothing mapped.
 */
int zcrx_ifq_map(struct zcrx_ifq *ifq)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&ifq->lock);
	for (i = 0; i < ifq->nr_areas; i++) {
		ret = zcrx_area_map(ifq->areas[i]);
		if (ret)
			break;
	}
	if (ret) {
		while (i--)
			ifq->areas[i]->mem.ops->unmap(&ifq->areas[i]->mem,
						      ifq->dev);
	}
	ifq->mapped = !ret;
	mutex_unlock(&ifq->lock);
	return ret;
}

/* Unmap all areas, if they are mapped: once no NIC can write any more. */
void zcrx_ifq_unmap(struct zcrx_ifq *ifq)
{
	unsigned int i;

	mutex_lock(&ifq->lock);
	if (ifq->mapped) {
		for (i = 0; i < ifq->nr_areas; i++) {
			struct zcrx_mem *mem = &ifq->areas[i]->mem;

			/* a fallback area is not */
			if (mem->sgt)
				mem->ops->unmap(mem, ifq->dev);
		}
		ifq->mapped = false;
	}
	mutex_unlock(&ifq->lock);
}

/* How many net_iovs all areas have together. */
size_t zcrx_ifq_niovs(const struct zcrx_ifq *ifq)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < ifq->nr_areas; i++)
		sum += ifq->areas[i]->nia.num_niovs;
	return sum;
}

static void zcrx_ifq_scrub(struct zcrx_ifq *ifq)
{
	unsigned int i;

	for (i = 0; i < ifq->nr_areas; i++)
		zcrx_area_scrub(ifq->areas[i]);
}

/* Nobody uses the ifq any more.
 *
 * What the user held goes home before the queues are closed, so that it is
 * free as soon as the pools are, and again after: a CQE may have been posted
 * in between. Only skbs keep buffers from then on.
 */
static void zcrx_ifq_close(struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue, *tmp;
	LIST_HEAD(queues);

	zcrx_ifq_scrub(ifq);

	mutex_lock(&ifq->lock);
	list_splice_init(&ifq->queues, &queues);
	mutex_unlock(&ifq->lock);

	list_for_each_entry_safe(queue, tmp, &queues, list) {
		list_del_init(&queue->list);
		zcrx_queue_close(queue);
	}

	zcrx_ifq_scrub(ifq);
}

/**
 * zcrx_ifq_unregister() - a ring or an exported fd lets go of an ifq
 * @ifq: the ifq, no longer to be found by this user
 *
 * The last one to leave closes it. What an earlier one held stays the users':
 * they all return buffers through the same refill ring.
 */
void zcrx_ifq_unregister(struct zcrx_ifq *ifq)
{
	if (refcount_dec_and_test(&ifq->users))
		zcrx_ifq_close(ifq);
	zcrx_ifq_put(ifq);
}
