// SPDX-License-Identifier: GPL-2.0
/*
 * What /proc/PID/fdinfo/FD of a ring tells about its ifqs.
 */

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/io_uring_types.h>
#include <linux/seq_file.h>

#include "zcrx.h"

struct zcrx_usage {
	u64 buffers;
	u64 free;
	u64 held;
};

/* Scans the area: for a human who asks now and then. */
static void zcrx_area_usage(struct zcrx_area *area, void *data)
{
	struct zcrx_usage *usage = data;
	size_t i;

	for (i = 0; i < area->nia.num_niovs; i++) {
		usage->held += !!atomic_read(&area->user_refs[i]);
		if (!(i % 4096))
			cond_resched();
	}
	usage->buffers += area->nia.num_niovs;
	usage->free += READ_ONCE(area->free_count);
}

static const char * const zcrx_copy_reasons[] = {
	[ZCRX_STATS_NODEV]	= "nodev",
	[ZCRX_STATS_FASTOPEN]	= "fastopen",
	[ZCRX_STATS_URGENT]	= "urgent",
	[ZCRX_STATS_EARLY]	= "early",
	[ZCRX_STATS_DEVICE]	= "device",
	[ZCRX_STATS_QUEUE]	= "queue",
	[ZCRX_STATS_UNSPLIT]	= "unsplit",
};

static const char * const zcrx_copy_failures[] = {
	[ZCRX_STATS_NO_ACCESS]	= "no_access",
	[ZCRX_STATS_FENCE]	= "fence",
	[ZCRX_STATS_NO_BUFFER]	= "no_buffer",
};

static void zcrx_show_copies(struct seq_file *m, struct zcrx_counters *counters)
{
	unsigned int i;

	static_assert(ARRAY_SIZE(zcrx_copy_reasons) == ZCRX_COPY_REASONS);
	static_assert(ARRAY_SIZE(zcrx_copy_failures) == ZCRX_COPY_FAILURES);

	for (i = 0; i < ZCRX_COPY_REASONS; i++)
		seq_printf(m, " copies_%s: %lld bytes_%s: %lld",
			   zcrx_copy_reasons[i],
			   atomic64_read(&counters->copies[i]),
			   zcrx_copy_reasons[i],
			   atomic64_read(&counters->copy_bytes[i]));
	for (i = 0; i < ZCRX_COPY_FAILURES; i++)
		seq_printf(m, " failed_%s: %lld", zcrx_copy_failures[i],
			   atomic64_read(&counters->copy_failed[i]));
}

/* A line for each queue, with where its buffers came from. */
static void zcrx_show_queue(struct seq_file *m, struct zcrx_queue *queue)
{
	struct zcrx_queue_stats stats;

	zcrx_stats_queue(queue, &stats);
	seq_printf(m, "     queue: %u from_ring: %llu from_free: %llu from_others: %llu alloc_failed: %llu starved_ns: %llu starving: %llu returned: %llu invalid: %llu\n",
		   queue->rxq, stats.from_ring, stats.from_free,
		   stats.from_others, stats.alloc_failed, stats.starved_ns,
		   stats.starving, stats.returned, stats.invalid);
}

static void zcrx_show_ifq(struct seq_file *m, unsigned long id,
			  struct zcrx_ifq *ifq)
{
	struct zcrx_usage usage = {};
	struct zcrx_queue *queue;
	s64 in_flight;

	zcrx_areas_each(ifq, zcrx_area_usage, &usage);
	/* The parts were not read at one moment. */
	in_flight = usage.buffers - usage.free - usage.held;

	seq_printf(m, "%3lu:", id);
	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list)
		seq_printf(m, " if: %d rxq: %u", queue->ifindex, queue->rxq);
	mutex_unlock(&ifq->lock);

	seq_printf(m, " buffers: %llu free: %llu held: %llu in_flight: %lld",
		   usage.buffers, usage.free, usage.held,
		   max(in_flight, 0LL));
	seq_printf(m, " delivered: %lld copied: %lld cqes: %lld cq_full: %lld invalid: %lld",
		   atomic64_read(&ifq->counters.delivered),
		   atomic64_read(&ifq->counters.copied),
		   atomic64_read(&ifq->counters.cqes),
		   atomic64_read(&ifq->counters.cq_full),
		   atomic64_read(&ifq->counters.invalid));
	zcrx_show_copies(m, &ifq->counters);
	seq_putc(m, '\n');

	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list)
		zcrx_show_queue(m, queue);
	mutex_unlock(&ifq->lock);
}

/* Called with uring_lock held. */
void io_zcrx_show_fdinfo(struct io_ring_ctx *ctx, struct seq_file *m)
{
	struct zcrx_ifq *ifq;
	unsigned long id, nr = 0;

	xa_for_each(&ctx->zcrx_ids, id, ifq)
		nr++;
	seq_printf(m, "Zcrx:\t%lu\n", nr);
	xa_for_each(&ctx->zcrx_ids, id, ifq)
		zcrx_show_ifq(m, id, ifq);
}
