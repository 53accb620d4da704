// SPDX-License-Identifier: GPL-2.0
/*
 * A notice: one completion, promised to a ring, that tells when something has
 * gone for good. What goes may do so long after the ring, which must not wait for
 * it: a ring that ends takes its name off the notices it was promised.
 */

#include <linux/io_uring_types.h>
#include <linux/list.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "../io_uring.h"
#include "zcrx.h"

struct zcrx_notice {
	struct io_kiocb		req;
	struct io_ring_ctx	*ctx;	/* zcrx_notice_lock; NULL once it left */
	u64			user_data;
	struct list_head	in_ctx;	/* zcrx_notice_lock; ctx->zcrx_notices */
	struct list_head	list;	/* of who owns it */
	bool			waited;	/* the ring's task; for what comes before */
	struct rcu_head		rcu;
};

/* Of all rings: a notice outlives its own. */
static DEFINE_SPINLOCK(zcrx_notice_lock);

/**
 * zcrx_notice_alloc() - promise a completion
 * @ctx: to this ring, uring_lock held
 * @user_data: its user_data; result and flags are 0
 *
 * Return: the notice, or -EBADFD (the ring is not enabled), or -ENOMEM. It ends
 * with zcrx_notice_send() or zcrx_notice_free().
 */
struct zcrx_notice *zcrx_notice_alloc(struct io_ring_ctx *ctx, u64 user_data)
{
	struct zcrx_notice *notice;

	/* There is no task yet that could post it. */
	if (!READ_ONCE(ctx->submitter_task))
		return ERR_PTR(-EBADFD);
	notice = kzalloc(sizeof(*notice), GFP_KERNEL_ACCOUNT);
	if (!notice)
		return ERR_PTR(-ENOMEM);

	INIT_LIST_HEAD(&notice->list);
	notice->user_data = user_data;
	notice->ctx = ctx;
	spin_lock(&zcrx_notice_lock);
	list_add(&notice->in_ctx, &ctx->zcrx_notices);
	spin_unlock(&zcrx_notice_lock);
	return notice;
}

/* Take the ring's name off, if it has not gone; the lock is held. */
static void zcrx_notice_leave(struct zcrx_notice *notice)
{
	if (!notice->ctx)
		return;
	list_del(&notice->in_ctx);
	notice->ctx = NULL;
}

/* Nobody will be told. */
void zcrx_notice_free(struct zcrx_notice *notice)
{
	if (!notice)
		return;
	spin_lock(&zcrx_notice_lock);
	zcrx_notice_leave(notice);
	spin_unlock(&zcrx_notice_lock);
	kfree(notice);
}

static void zcrx_notice_post(struct io_kiocb *req, struct io_tw_state *ts)
{
	struct zcrx_notice *notice = container_of(req, struct zcrx_notice, req);
	struct io_ring_ctx *ctx = req->ctx;

	/* What is linked to a request that ended with the ifq is task work once that
	 * is posted. No more often than once, or a busy ring is never told; and not
	 * in a worker, once the task has gone that would run it.
	 */
	if (!notice->waited && current == ctx->submitter_task) {
		notice->waited = true;
		io_submit_flush_completions(ctx);
		io_req_task_work_add_remote(req, ctx, 0);
		return;
	}

	zcrx_cqe_post(req);
	/* whoever adds task work looks at the last one that was added */
	kfree_rcu(notice, rcu);
	percpu_ref_put(&ctx->refs);
}

/**
 * zcrx_notice_send() - it has gone: keep the promise
 * @notice: the notice, which nobody owns any more after this
 *
 * Process context.
 */
void zcrx_notice_send(struct zcrx_notice *notice)
{
	struct io_ring_ctx *ctx;

	spin_lock(&zcrx_notice_lock);
	ctx = notice->ctx;
	if (ctx && !percpu_ref_tryget(&ctx->refs))
		ctx = NULL;
	zcrx_notice_leave(notice);
	spin_unlock(&zcrx_notice_lock);

	if (ctx)
		zcrx_cqe_send(&notice->req, ctx, notice->user_data, 0,
			      zcrx_notice_post);
	else
		kfree(notice);
}

/* A list of several, under a lock of its owner. */
void zcrx_notice_add(struct zcrx_notice *notice, struct list_head *list)
{
	list_add_tail(&notice->list, list);
}

void zcrx_notice_send_all(struct list_head *list)
{
	struct zcrx_notice *notice, *tmp;

	list_for_each_entry_safe(notice, tmp, list, list)
		zcrx_notice_send(notice);
}

/* The ring ends. */
void zcrx_notices_detach(struct io_ring_ctx *ctx)
{
	struct zcrx_notice *notice, *tmp;

	spin_lock(&zcrx_notice_lock);
	list_for_each_entry_safe(notice, tmp, &ctx->zcrx_notices, in_ctx)
		zcrx_notice_leave(notice);
	spin_unlock(&zcrx_notice_lock);
}
