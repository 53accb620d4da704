// SPDX-License-Identifier: GPL-2.0
/*
 * Events: completions that tell the ring which registered an ifq what became
 * of it, and statistics in the memory of its refill ring.
 *
 * An event is raised anywhere, in softirqs too, but posted by the ring's task
 * alone, as task work. Each type has a request of its own for that, so raising
 * one allocates nothing: the type is silent until the user arms it again, and
 * until its request is back.
 */

#include <linux/bits.h>
#include <linux/io_uring_types.h>
#include <linux/nospec.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../io_uring.h"
#include "zcrx.h"

#define ZCRX_EVENT_TYPES	(BIT(__ZCRX_EVENT_TYPE_LAST) - 1)

struct zcrx_event {
	struct io_kiocb		req;
	struct zcrx_ifq		*ifq;		/* reference held while busy */
	bool			busy;		/* lock; req is on its way */
};

struct zcrx_events {
	spinlock_t		lock;		/* raised anywhere, hence BH */
	struct io_ring_ctx	*ctx;		/* lock; NULL once it left */
	u64			user_data;
	u32			wanted;		/* types */
	u32			silent;		/* lock; types to be armed */
	struct zcrx_event	event[__ZCRX_EVENT_TYPE_LAST];
	u64			copies;		/* lock */
	u64			copied;		/* lock; bytes */
	struct zcrx_stats	*stats;		/* shared, or NULL */
	struct rcu_head		rcu;
};

/**
 * zcrx_event_desc_check() - check what user space wants to be told
 * @desc: what it wrote
 *
 * Return: 0 or -EINVAL.
 */
int zcrx_event_desc_check(const struct zcrx_event_desc *desc)
{
	if (desc->type_mask & ~ZCRX_EVENT_TYPES)
		return -EINVAL;
	if (desc->flags & ~ZCRX_EVENT_DESC_FLAG_STATS)
		return -EINVAL;
	if (desc->stats_offset && !(desc->flags & ZCRX_EVENT_DESC_FLAG_STATS))
		return -EINVAL;
	if (!mem_is_zero(desc->__resv, sizeof(desc->__resv)))
		return -EINVAL;
	return 0;
}

/* The statistics lie behind the entries of the refill ring. */
static int zcrx_stats_init(struct zcrx_events *events,
			   const struct zcrx_event_desc *desc,
			   const struct zcrx_rq *rq)
{
	size_t size = rq->region.nr_pages << PAGE_SHIFT;
	u64 off = desc->stats_offset;

	if (!(desc->flags & ZCRX_EVENT_DESC_FLAG_STATS))
		return 0;
	if (!IS_ALIGNED(off, ZCRX_STATS_ALIGN))
		return -EINVAL;
	if (off < zcrx_rq_size(rq->nr_entries) || off > size ||
	    size - off < sizeof(*events->stats))
		return -ERANGE;

	events->stats = rq->region.ptr + off;
	WRITE_ONCE(events->stats->copy_count, 0);
	WRITE_ONCE(events->stats->copy_bytes, 0);
	return 0;
}

/**
 * zcrx_events_init() - let an ifq have events
 * @ifq: the ifq
 * @desc: which, checked before
 * @rq: the refill ring in whose memory statistics are kept
 *
 * None is posted before zcrx_events_attach().
 *
 * Return: 0, -ENOMEM, -EINVAL (statistics that are not aligned) or -ERANGE
 * (that do not fit).
 */
int zcrx_events_init(struct zcrx_ifq *ifq, const struct zcrx_event_desc *desc,
		     const struct zcrx_rq *rq)
{
	struct zcrx_events *events;
	unsigned int i;
	int ret;

	events = kzalloc(sizeof(*events), GFP_KERNEL_ACCOUNT);
	if (!events)
		return -ENOMEM;
	ret = zcrx_stats_init(events, desc, rq);
	if (ret) {
		kfree(events);
		return ret;
	}

	spin_lock_init(&events->lock);
	events->user_data = desc->user_data;
	events->wanted = desc->type_mask;
	for (i = 0; i < __ZCRX_EVENT_TYPE_LAST; i++)
		events->event[i].ifq = ifq;
	ifq->events = events;
	return 0;
}

/* Whoever adds task work looks at the last one that was added. */
void zcrx_events_free(struct zcrx_ifq *ifq)
{
	if (ifq->events)
		kfree_rcu(ifq->events, rcu);
}

/* From now on @ctx gets the ifq's events. */
void zcrx_events_attach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx)
{
	struct zcrx_events *events = ifq->events;

	if (!events)
		return;
	spin_lock_bh(&events->lock);
	events->ctx = ctx;
	spin_unlock_bh(&events->lock);
}

/* @ctx lets go of the ifq: nobody gets its events any more if it was the one
 * that did. What is on its way holds @ctx until it was posted.
 */
void zcrx_events_detach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx)
{
	struct zcrx_events *events = ifq->events;

	if (!events)
		return;
	spin_lock_bh(&events->lock);
	if (events->ctx == ctx)
		events->ctx = NULL;
	spin_unlock_bh(&events->lock);
}

/**
 * zcrx_cqe_send() - have a ring's task post a completion of no request of it
 * @req: zeroed once, and @func's when that runs
 * @ctx: the ring, which has a task; a reference on ctx->refs is held until then
 * @user_data: the completion's
 * @res: its result
 * @func: calls zcrx_cqe_post()
 *
 * Any context but hard interrupts.
 */
void zcrx_cqe_send(struct io_kiocb *req, struct io_ring_ctx *ctx, u64 user_data,
		   s32 res, io_req_tw_func_t func)
{
	/* It is no task's own: one that execs forgets its requests, but only
	 * those that it submitted. See io_move_task_work_from_local().
	 */
	req->task = NULL;
	req->ctx = ctx;
	req->opcode = IORING_OP_NOP;
	req->cqe.user_data = user_data;
	io_req_set_res(req, res, 0);
	req->io_task_work.func = func;
	io_req_task_work_add_remote(req, ctx, 0);
}

void zcrx_cqe_post(struct io_kiocb *req)
{
	/* A ring that ends does this in a worker, and has no reader. */
	if (!percpu_ref_is_dying(&req->ctx->refs))
		io_add_aux_cqe(req->ctx, req->cqe.user_data, req->cqe.res, 0);
}

static void zcrx_event_post(struct io_kiocb *req, struct io_tw_state *ts)
{
	struct zcrx_event *event = container_of(req, struct zcrx_event, req);
	struct io_ring_ctx *ctx = req->ctx;
	struct zcrx_ifq *ifq = event->ifq;

	zcrx_cqe_post(req);

	spin_lock_bh(&ifq->events->lock);
	event->busy = false;
	spin_unlock_bh(&ifq->events->lock);

	zcrx_ifq_put(ifq);
	percpu_ref_put(&ctx->refs);
}

/* Send the request off; the lock is held. */
static void zcrx_event_queue(struct zcrx_events *events,
			     enum zcrx_event_type type)
{
	struct zcrx_event *event = &events->event[type];
	struct io_ring_ctx *ctx = events->ctx;
	/* A ring that is not enabled yet has no task. */
	if (!READ_ONCE(ctx->submitter_task) || !percpu_ref_tryget(&ctx->refs))
		return;
	zcrx_ifq_get(event->ifq);
	event->busy = true;
	WRITE_ONCE(events->silent, events->silent | BIT(type));

	zcrx_cqe_send(&event->req, ctx, events->user_data, BIT(type),
		      zcrx_event_post);
}

/**
 * zcrx_event_raise() - something happened that the user may want to know
 * @ifq: the ifq it happened to
 * @type: what
 *
 * Any context but hard interrupts.
 */
void zcrx_event_raise(struct zcrx_ifq *ifq, enum zcrx_event_type type)
{
	struct zcrx_events *events = ifq->events;

	if (!events || !(events->wanted & BIT(type)) ||
	    READ_ONCE(events->silent) & BIT(type))
		return;

	spin_lock_bh(&events->lock);
	if (events->ctx && !(events->silent & BIT(type)) &&
	    !events->event[type].busy)
		zcrx_event_queue(events, type);
	spin_unlock_bh(&events->lock);
}

/**
 * zcrx_event_arm() - ZCRX_CTRL_ARM_EVENT
 * @ifq: the ifq
 * @arm: what user space asks for
 *
 * Return: 0, or -EINVAL: reserved fields, or a type that does not exist or has
 * not been posted since it was armed.
 */
int zcrx_event_arm(struct zcrx_ifq *ifq, const struct zcrx_ctrl_arm_event *arm)
{
	struct zcrx_events *events = ifq->events;
	u32 type = arm->event_type;
	int ret = -EINVAL;

	if (!mem_is_zero(arm->__resv, sizeof(arm->__resv)))
		return -EINVAL;
	if (!events || type >= __ZCRX_EVENT_TYPE_LAST)
		return -EINVAL;
	type = array_index_nospec(type, __ZCRX_EVENT_TYPE_LAST);

	spin_lock_bh(&events->lock);
	if (events->silent & BIT(type) && !events->event[type].busy) {
		WRITE_ONCE(events->silent, events->silent & ~BIT(type));
		ret = 0;
	}
	spin_unlock_bh(&events->lock);
	return ret;
}

/**
 * zcrx_count_copies() - payload was copied
 * @ifq: the ifq that it was copied into
 * @nr: in how many pieces
 * @bytes: how many
 *
 * What user space writes over its statistics fools user space alone.
 */
void zcrx_count_copies(struct zcrx_ifq *ifq, unsigned int nr, u64 bytes)
{
	struct zcrx_events *events = ifq->events;

	atomic64_add(bytes, &ifq->counters.copied);
	if (!events)
		return;

	/* Rings that share the ifq count at the same time. */
	spin_lock_bh(&events->lock);
	events->copies += nr;
	events->copied += bytes;
	if (events->stats) {
		WRITE_ONCE(events->stats->copy_count, events->copies);
		WRITE_ONCE(events->stats->copy_bytes, events->copied);
	}
	spin_unlock_bh(&events->lock);
	zcrx_event_raise(ifq, ZCRX_EVENT_COPY);
}
