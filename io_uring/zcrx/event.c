// SPDX-License-Identifier: GPL-2.0
/*
 * Events: completions that tell a ring what became of an ifq, and statistics in
 * the memory of its refill ring.
 *
 * Who wants to be told is a listener: the ring that registered the ifq, if its
 * registration says so, and each ring that subscribed. An event is raised
 * anywhere, in softirqs too, but posted by the ring's task alone, as task work.
 * Each type of a listener has a request of its own for that, so raising one
 * allocates nothing: the type is silent until the user arms it again, and until
 * its request is back.
 */

#include <linux/bits.h>
#include <linux/io_uring_types.h>
#include <linux/list.h>
#include <linux/nospec.h>
#include <linux/percpu-refcount.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../io_uring.h"
#include "zcrx.h"

#define ZCRX_EVENT_TYPES	(BIT(__ZCRX_EVENT_TYPE_LAST) - 1)
#define ZCRX_EVENT_EXT_TYPES	BIT(ZCRX_EVENT_LOW_WATER)

/* Ours come behind upstream's here, not at the end of a mask. */
#define ZCRX_NR_EVENTS		(__ZCRX_EVENT_TYPE_LAST + 1)

/* One that a listener may get, while busy on its way. */
struct zcrx_event {
	struct io_kiocb		req;
	struct zcrx_events	*events;	/* both are held while busy */
	struct zcrx_ifq		*ifq;
	bool			busy;		/* lock; req is on its way */
};

/* A listener. */
struct zcrx_events {
	struct list_head	list;		/* ifq->listeners */
	refcount_t		refs;		/* the list's, and of the busy */
	bool			subscribed;	/* else by the registration */
	spinlock_t		lock;		/* raised anywhere, hence BH */
	struct io_ring_ctx	*ctx;		/* both locks; NULL once it left */
	u64			user_data;
	u32			wanted;		/* types, as bits of a mask */
	u32			silent;		/* lock; types to be armed */
	u32			low_water;	/* free buffers; 0: never low */
	struct zcrx_event	event[ZCRX_NR_EVENTS];
	u64			copies;		/* lock */
	u64			copied;		/* lock; bytes */
	struct zcrx_stats	*stats;		/* shared, or NULL */
	struct rcu_head		rcu;
};

static unsigned int zcrx_event_index(u32 type)
{
	return type == ZCRX_EVENT_LOW_WATER ? __ZCRX_EVENT_TYPE_LAST : type;
}

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
	if (desc->flags &
	    ~(ZCRX_EVENT_DESC_FLAG_STATS | ZCRX_EVENT_DESC_FLAG_EXT))
		return -EINVAL;
	if (desc->flags == ZCRX_EVENT_DESC_FLAG_EXT)
		return -EINVAL;
	if (desc->stats_offset && !(desc->flags & ZCRX_EVENT_DESC_FLAG_STATS))
		return -EINVAL;
	if (!mem_is_zero(desc->__resv2, sizeof(desc->__resv2)))
		return -EINVAL;
	return 0;
}

/* The statistics lie behind the entries of the refill ring. */
static int zcrx_stats_init(struct zcrx_events *events,
			   const struct zcrx_event_desc *desc,
			   struct zcrx_queue *queue)
{
	bool ext = desc->flags & ZCRX_EVENT_DESC_FLAG_EXT;
	void *stats;

	if (!(desc->flags & ZCRX_EVENT_DESC_FLAG_STATS))
		return 0;
	stats = zcrx_rq_behind(&queue->rq, desc->stats_offset,
			       ext ? sizeof(struct zcrx_ext_stats) :
				     sizeof(struct zcrx_stats));
	if (IS_ERR(stats))
		return PTR_ERR(stats);

	events->stats = stats;
	if (ext) {
		queue->ifq->shared = stats;
		queue->shared = &queue->ifq->shared->queue;
	}
	return 0;
}

static struct zcrx_events *zcrx_events_alloc(struct zcrx_ifq *ifq,
					     u64 user_data, u32 wanted)
{
	struct zcrx_events *events;
	unsigned int i;

	events = kzalloc(sizeof(*events), GFP_KERNEL_ACCOUNT);
	if (!events)
		return NULL;

	refcount_set(&events->refs, 1);
	spin_lock_init(&events->lock);
	events->user_data = user_data;
	events->wanted = wanted;
	for (i = 0; i < ZCRX_NR_EVENTS; i++) {
		events->event[i].events = events;
		events->event[i].ifq = ifq;
	}
	return events;
}

/* Readers of the list may still be at it, and whoever adds task work looks at the
 * last one that was added.
 */
static void zcrx_events_put(struct zcrx_events *events)
{
	if (refcount_dec_and_test(&events->refs))
		kfree_rcu(events, rcu);
}

/**
 * zcrx_events_init() - let an ifq have events
 * @ifq: the ifq
 * @desc: which, checked before
 * @queue: in the memory of whose refill ring statistics are kept
 *
 * None is posted before zcrx_events_attach().
 *
 * Return: 0, -ENOMEM, -EINVAL (statistics that are not aligned) or -ERANGE
 * (that do not fit).
 */
int zcrx_events_init(struct zcrx_ifq *ifq, const struct zcrx_event_desc *desc,
		     struct zcrx_queue *queue)
{
	struct zcrx_events *events;
	int ret;

	events = zcrx_events_alloc(ifq, desc->user_data, desc->type_mask);
	if (!events)
		return -ENOMEM;
	ret = zcrx_stats_init(events, desc, queue);
	if (ret) {
		kfree(events);
		return ret;
	}
	ifq->events = events;
	/* nobody else knows the ifq */
	list_add_rcu(&events->list, &ifq->listeners);
	return 0;
}

/* The ifq ends: rings have taken their listeners along, but for the first. */
void zcrx_events_free(struct zcrx_ifq *ifq)
{
	if (ifq->events)
		zcrx_events_put(ifq->events);
}

/* ifq->lock is held. */
static void zcrx_events_set_ctx(struct zcrx_events *events,
				struct io_ring_ctx *ctx)
{
	spin_lock_bh(&events->lock);
	events->ctx = ctx;
	spin_unlock_bh(&events->lock);
}

/* From now on @ctx gets the events that its registration asked for. */
void zcrx_events_attach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx)
{
	if (!ifq->events)
		return;
	mutex_lock(&ifq->lock);
	zcrx_events_set_ctx(ifq->events, ctx);
	mutex_unlock(&ifq->lock);
}

/* Nothing new goes to @events' ring; what is on its way holds that until it was
 * posted. The ifq's own stays, for the statistics. ifq->lock is held.
 */
static void zcrx_events_leave(struct zcrx_events *events)
{
	zcrx_events_set_ctx(events, NULL);
	if (!events->subscribed)
		return;
	list_del_rcu(&events->list);
	zcrx_events_put(events);
}

/* @ctx lets go of the ifq, and gets no event of it any more. */
void zcrx_events_detach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx)
{
	struct zcrx_events *events, *tmp;

	mutex_lock(&ifq->lock);
	list_for_each_entry_safe(events, tmp, &ifq->listeners, list) {
		if (events->ctx == ctx)
			zcrx_events_leave(events);
	}
	mutex_unlock(&ifq->lock);
}

/* What @ctx has subscribed to, or NULL; ifq->lock is held. */
static struct zcrx_events *zcrx_events_find(struct zcrx_ifq *ifq,
					    struct io_ring_ctx *ctx)
{
	struct zcrx_events *events;

	list_for_each_entry(events, &ifq->listeners, list) {
		if (events->subscribed && events->ctx == ctx)
			return events;
	}
	return NULL;
}

static int zcrx_subscribe_check(const struct zcrx_ctrl_subscribe *sub)
{
	bool low = sub->type_mask & BIT(ZCRX_EVENT_LOW_WATER);

	if (sub->type_mask & ~(ZCRX_EVENT_TYPES | ZCRX_EVENT_EXT_TYPES))
		return -EINVAL;
	if (low != !!sub->low_water)
		return -EINVAL;
	if (!sub->type_mask && sub->user_data)
		return -EINVAL;
	if (!mem_is_zero(sub->__resv, sizeof(sub->__resv)))
		return -EINVAL;
	return 0;
}

static int zcrx_unsubscribe(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx)
{
	struct zcrx_events *events;

	mutex_lock(&ifq->lock);
	events = zcrx_events_find(ifq, ctx);
	if (events)
		zcrx_events_leave(events);
	mutex_unlock(&ifq->lock);
	return events ? 0 : -ENOENT;
}

/**
 * zcrx_subscribe() - ZCRX_CTRL_SUBSCRIBE
 * @ifq: the ifq
 * @ctx: the ring that wants to be told
 * @sub: what it asks for
 *
 * Return: 0, -EINVAL, -ENOMEM, -EEXIST (it has subscribed), or -ENOENT (it has
 * not, and wants that to end).
 */
int zcrx_subscribe(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		   const struct zcrx_ctrl_subscribe *sub)
{
	struct zcrx_events *events;
	int ret;

	ret = zcrx_subscribe_check(sub);
	if (ret)
		return ret;
	if (!sub->type_mask)
		return zcrx_unsubscribe(ifq, ctx);

	events = zcrx_events_alloc(ifq, sub->user_data, sub->type_mask);
	if (!events)
		return -ENOMEM;
	events->subscribed = true;
	events->low_water = sub->low_water;
	events->ctx = ctx;

	mutex_lock(&ifq->lock);
	if (zcrx_events_find(ifq, ctx))
		ret = -EEXIST;
	else
		list_add_tail_rcu(&events->list, &ifq->listeners);
	mutex_unlock(&ifq->lock);
	if (ret)
		kfree(events);
	return ret;
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
	if (percpu_ref_is_dying(&req->ctx->refs))
		return;
	/* Requests that ended before are posted before, though that waits for the end
	 * of a batch of task work.
	 */
	io_submit_flush_completions(req->ctx);
	io_add_aux_cqe(req->ctx, req->cqe.user_data, req->cqe.res, 0);
}

static void zcrx_event_post(struct io_kiocb *req, struct io_tw_state *ts)
{
	struct zcrx_event *event = container_of(req, struct zcrx_event, req);
	struct zcrx_events *events = event->events;
	struct io_ring_ctx *ctx = req->ctx;
	struct zcrx_ifq *ifq = event->ifq;

	zcrx_cqe_post(req);

	spin_lock_bh(&events->lock);
	event->busy = false;
	spin_unlock_bh(&events->lock);

	zcrx_events_put(events);
	zcrx_ifq_put(ifq);
	percpu_ref_put(&ctx->refs);
}

/* Send the request off; the lock is held. */
static void zcrx_event_queue(struct zcrx_events *events, u32 type)
{
	struct zcrx_event *event = &events->event[zcrx_event_index(type)];
	struct io_ring_ctx *ctx = events->ctx;

	/* A ring that is not enabled yet has no task. */
	if (!READ_ONCE(ctx->submitter_task) || !percpu_ref_tryget(&ctx->refs))
		return;
	zcrx_ifq_get(event->ifq);
	refcount_inc(&events->refs);
	event->busy = true;
	WRITE_ONCE(events->silent, events->silent | BIT(type));

	zcrx_cqe_send(&event->req, ctx, events->user_data, BIT(type),
		      zcrx_event_post);
}

/* Does it want to be told, and is it not waiting to be armed? */
static bool zcrx_event_listens(const struct zcrx_events *events, u32 type)
{
	return events->wanted & BIT(type) &&
	       !(READ_ONCE(events->silent) & BIT(type));
}

static void zcrx_event_tell(struct zcrx_events *events, u32 type)
{
	spin_lock_bh(&events->lock);
	if (events->ctx && zcrx_event_listens(events, type) &&
	    !events->event[zcrx_event_index(type)].busy)
		zcrx_event_queue(events, type);
	spin_unlock_bh(&events->lock);
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
	struct zcrx_events *events;

	rcu_read_lock();
	list_for_each_entry_rcu(events, &ifq->listeners, list) {
		if (zcrx_event_listens(events, type))
			zcrx_event_tell(events, type);
	}
	rcu_read_unlock();
}

/**
 * zcrx_event_check_low() - buffers were taken off the free lists
 * @ifq: the ifq
 * @tell: tell those for whom there are too few now, and do not only look
 *
 * Any context but hard interrupts.
 *
 * Return: is there anybody to be told?
 */
bool zcrx_event_check_low(struct zcrx_ifq *ifq, bool tell)
{
	struct zcrx_events *events;
	bool low = false;

	rcu_read_lock();
	list_for_each_entry_rcu(events, &ifq->listeners, list) {
		if (!zcrx_event_listens(events, ZCRX_EVENT_LOW_WATER) ||
		    !zcrx_areas_free_below(ifq, events->low_water))
			continue;
		low = true;
		if (tell)
			zcrx_event_tell(events, ZCRX_EVENT_LOW_WATER);
	}
	rcu_read_unlock();
	return low;
}

static bool zcrx_event_arm_one(struct zcrx_events *events, u32 type)
{
	bool armed = false;

	spin_lock_bh(&events->lock);
	if (events->silent & BIT(type) &&
	    !events->event[zcrx_event_index(type)].busy) {
		WRITE_ONCE(events->silent, events->silent & ~BIT(type));
		armed = true;
	}
	spin_unlock_bh(&events->lock);
	return armed;
}

/**
 * zcrx_event_arm() - ZCRX_CTRL_ARM_EVENT
 * @ifq: the ifq
 * @ctx: the ring that asks
 * @arm: what user space asks for
 *
 * A ring that has subscribed arms for itself. One that has not arms what the
 * registration asked for, whoever gets it.
 *
 * Return: 0, or -EINVAL: reserved fields, or a type that does not exist or has
 * not been posted since it was armed.
 */
int zcrx_event_arm(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		   const struct zcrx_ctrl_arm_event *arm)
{
	struct zcrx_events *events;
	u32 type = arm->event_type;
	bool armed = false;

	if (!mem_is_zero(arm->__resv, sizeof(arm->__resv)))
		return -EINVAL;
	if (type != ZCRX_EVENT_LOW_WATER) {
		if (type >= __ZCRX_EVENT_TYPE_LAST)
			return -EINVAL;
		type = array_index_nospec(type, __ZCRX_EVENT_TYPE_LAST);
	}

	mutex_lock(&ifq->lock);
	events = zcrx_events_find(ifq, ctx);
	if (events)
		armed = zcrx_event_arm_one(events, type);
	/* one that has both arms both */
	if (ifq->events && (!events || ifq->events->ctx == ctx))
		armed |= zcrx_event_arm_one(ifq->events, type);
	mutex_unlock(&ifq->lock);
	return armed ? 0 : -EINVAL;
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
	if (events) {
		/* Rings that share the ifq count at the same time. */
		spin_lock_bh(&events->lock);
		events->copies += nr;
		events->copied += bytes;
		if (events->stats) {
			WRITE_ONCE(events->stats->copy_count, events->copies);
			WRITE_ONCE(events->stats->copy_bytes, events->copied);
		}
		spin_unlock_bh(&events->lock);
	}
	zcrx_event_raise(ifq, ZCRX_EVENT_COPY);
}
