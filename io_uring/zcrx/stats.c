// SPDX-License-Identifier: GPL-2.0
/*
 * Numbers that answer "why is it slow or stuck": what became of buffers and data,
 * as the program sees it in memory that it shares, and others by netlink.
 *
 * Each is counted in one place, by whoever holds the lock that this needs anyway. A
 * reader may see them while they change: they never go back, but those that say how
 * things stand.
 */

#include <linux/build_bug.h>
#include <linux/io_uring_types.h>
#include <linux/ktime.h>
#include <linux/string.h>

#define CREATE_TRACE_POINTS
#include <trace/events/zcrx.h>

#include "zcrx.h"

/* Called by the consumer of the queue's page_pool, with what it was given. */
void zcrx_stats_alloc(struct zcrx_queue *queue, unsigned int ring,
		      unsigned int free, unsigned int others)
{
	struct zcrx_alloc_stats *stats = &queue->stats;
	/* a new pool, which is made before the old one ends, sets it to 0 */
	u64 dry_since = READ_ONCE(stats->dry_since);

	stats->ring += ring;
	stats->free += free;
	stats->others += others;
	trace_zcrx_alloc(queue->ifq->serial, queue->rxq, ring, free, others);
	if (unlikely(dry_since)) {
		stats->dry_ns += ktime_get_ns() - dry_since;
		WRITE_ONCE(stats->dry_since, 0);
	}
	if (unlikely(queue->shared))
		zcrx_stats_share_queue(queue);
}

/* There was none. */
void zcrx_stats_alloc_fail(struct zcrx_queue *queue)
{
	struct zcrx_alloc_stats *stats = &queue->stats;
	u64 dry_since = READ_ONCE(stats->dry_since);
	u64 now = ktime_get_ns();

	stats->failed++;
	if (dry_since)
		stats->dry_ns += now - dry_since;
	WRITE_ONCE(stats->dry_since, now);
	trace_zcrx_alloc_fail(queue->ifq->serial, queue->rxq);
	if (queue->shared)
		zcrx_stats_share_queue(queue);
}

/**
 * zcrx_stats_queue() - the numbers of a queue
 * @queue: the queue
 * @to: where they go
 */
void zcrx_stats_queue(struct zcrx_queue *queue, struct zcrx_queue_stats *to)
{
	*to = (struct zcrx_queue_stats) {
		.from_ring	= READ_ONCE(queue->stats.ring),
		.from_free	= READ_ONCE(queue->stats.free),
		.from_others	= READ_ONCE(queue->stats.others),
		.alloc_failed	= READ_ONCE(queue->stats.failed),
		.starved_ns	= READ_ONCE(queue->stats.dry_ns),
		.starving	= !!READ_ONCE(queue->stats.dry_since),
		.returned	= READ_ONCE(queue->rq.returned),
		.invalid	= READ_ONCE(queue->rq.invalid),
	};
}

/* Of areas that the NIC gets buffers of. */
static void zcrx_stats_buffers(struct zcrx_ifq *ifq, struct zcrx_ext_stats *to)
{
	struct zcrx_area *area;

	rcu_read_lock();
	list_for_each_entry_rcu(area, &ifq->area_list, list) {
		if (!zcrx_area_receives(area))
			continue;
		to->buffers += area->nia.num_niovs;
		to->free += READ_ONCE(area->free_count);
	}
	rcu_read_unlock();
}

/**
 * zcrx_stats_ifq() - the numbers of an ifq
 * @ifq: the ifq
 * @to: where they go; those of a queue are left 0
 *
 * Any context but hard interrupts.
 */
void zcrx_stats_ifq(struct zcrx_ifq *ifq, struct zcrx_ext_stats *to)
{
	struct zcrx_counters *counters = &ifq->counters;
	s64 held;
	int i;

	static_assert(ZCRX_COPY_REASONS <= ZCRX_STATS_REASONS);
	static_assert(ZCRX_COPY_FAILURES <= ZCRX_STATS_FAILURES);

	memset(to, 0, sizeof(*to));
	to->copy_bytes = atomic64_read(&counters->copied);
	to->delivered_bytes = atomic64_read(&counters->delivered);
	to->cq_full = atomic64_read(&counters->cq_full);
	for (i = 0; i < ZCRX_COPY_REASONS; i++) {
		to->copies[i] = atomic64_read(&counters->copies[i]);
		to->bytes[i] = atomic64_read(&counters->copy_bytes[i]);
		to->copy_count += to->copies[i];
	}
	for (i = 0; i < ZCRX_COPY_FAILURES; i++)
		to->failed[i] = atomic64_read(&counters->copy_failed[i]);
	zcrx_stats_buffers(ifq, to);
	held = -atomic64_read(&counters->returned);
	to->cqes = atomic64_read(&counters->cqes);
	held += to->cqes;
	to->held = max(held, 0LL);
}

/* User space reads each number in one go. */
static void zcrx_stats_copy(void *shared, const void *from, size_t size)
{
	const u64 *src = from;
	u64 *dst = shared;
	size_t i;

	for (i = 0; i < size / sizeof(*dst); i++)
		WRITE_ONCE(dst[i], src[i]);
}

/* To those who asked for them, by the consumer of the queue's page_pool. */
void zcrx_stats_share_queue(struct zcrx_queue *queue)
{
	struct zcrx_queue_stats stats;

	zcrx_stats_queue(queue, &stats);
	zcrx_stats_copy(queue->shared, &stats, sizeof(stats));
}

/* The same for those of the ifq but the first two, which event.c keeps. Process
 * context.
 */
void zcrx_stats_share_ifq(struct zcrx_ifq *ifq)
{
	size_t from = sizeof(struct zcrx_stats);
	struct zcrx_ext_stats stats;

	static_assert(offsetof(struct zcrx_ext_stats, delivered_bytes) ==
		      sizeof(struct zcrx_stats));

	/* of rings that look at the same time, the later one has the last word */
	spin_lock_bh(&ifq->shared_lock);
	zcrx_stats_ifq(ifq, &stats);
	zcrx_stats_copy((void *)ifq->shared + from, (void *)&stats + from,
			offsetof(struct zcrx_ext_stats, queue) - from);
	spin_unlock_bh(&ifq->shared_lock);
}
