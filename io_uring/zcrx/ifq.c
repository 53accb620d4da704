// SPDX-License-Identifier: GPL-2.0
/*
 * The life of an ifq: references, users, teardown.
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

/* Make an empty ifq with one reference and one user, or NULL. */
struct zcrx_ifq *zcrx_ifq_alloc(void)
{
	static atomic_t serial = ATOMIC_INIT(0);
	struct zcrx_ifq *ifq;

	ifq = kzalloc(sizeof(*ifq), GFP_KERNEL_ACCOUNT);
	if (!ifq)
		return NULL;

	refcount_set(&ifq->refs, 1);
	refcount_set(&ifq->users, 1);
	atomic_set(&ifq->nr_open, 1);
	ifq->serial = atomic_inc_return(&serial);
	ifq->niov_shift = PAGE_SHIFT;
	mutex_init(&ifq->lock);
	spin_lock_init(&ifq->shared_lock);
	INIT_LIST_HEAD(&ifq->queues);
	INIT_LIST_HEAD(&ifq->dmabufs);
	INIT_LIST_HEAD(&ifq->area_list);
	INIT_LIST_HEAD(&ifq->listeners);
	INIT_LIST_HEAD(&ifq->notices);
	return ifq;
}

void zcrx_ifq_get(struct zcrx_ifq *ifq)
{
	refcount_inc(&ifq->refs);
}

/* The last reference may be dropped by a page_pool, long after the ring. */
void zcrx_ifq_put(struct zcrx_ifq *ifq)
{
	LIST_HEAD(notices);

	if (!refcount_dec_and_test(&ifq->refs))
		return;

	zcrx_areas_unmap(ifq);
	zcrx_areas_free(ifq);
	put_device(ifq->dev);
	zcrx_events_free(ifq);
	mutex_destroy(&ifq->lock);
	list_splice_init(&ifq->notices, &notices);
	kfree(ifq);
	zcrx_notice_send_all(&notices);
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

static void zcrx_ifq_scrub_area(struct zcrx_area *area, void *unused)
{
	zcrx_area_scrub(area);
}

static void zcrx_ifq_scrub(struct zcrx_ifq *ifq)
{
	zcrx_areas_each(ifq, zcrx_ifq_scrub_area, NULL);
}

static void zcrx_ifq_last_call(struct zcrx_area *area, void *unused)
{
	zcrx_area_set_leaving(area, true);
}

/* One of the queues is closed, or all were told to: with the last of these, no NIC
 * has anything of the areas any more, and nobody but skbs keeps a buffer.
 */
void zcrx_ifq_queue_closed(struct zcrx_ifq *ifq)
{
	if (atomic_dec_and_test(&ifq->nr_open))
		zcrx_ifq_scrub(ifq);
}

/* Nobody uses the ifq any more.
 *
 * What the user held goes home before the queues are closed, so that it is
 * free as soon as the pools are, and again after: a CQE may have been posted
 * in between. But if a program may be reading it still, only after: a NIC
 * could get it again by way of a pool, and gets nothing that is free either.
 */
static void zcrx_ifq_close(struct zcrx_ifq *ifq)
{
	if (READ_ONCE(ifq->keep))
		zcrx_areas_each(ifq, zcrx_ifq_last_call, NULL);
	else
		zcrx_ifq_scrub(ifq);

	zcrx_queues_close(ifq);
	zcrx_ifq_queue_closed(ifq);
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
