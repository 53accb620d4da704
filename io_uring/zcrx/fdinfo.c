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
	[ZCRX_COPY_NODEV]	= "nodev",
	[ZCRX_COPY_FASTOPEN]	= "fastopen",
	[ZCRX_COPY_URGENT]	= "urgent",
	[ZCRX_COPY_EARLY]	= "early",
	[ZCRX_COPY_DEVICE]	= "device",
	[ZCRX_COPY_QUEUE]	= "queue",
	[ZCRX_COPY_UNSPLIT]	= "unsplit",
};

static const char * const zcrx_copy_failures[] = {
	[ZCRX_COPY_NO_ACCESS]	= "no_access",
	[ZCRX_COPY_FENCE]	= "fence",
	[ZCRX_COPY_NO_BUFFER]	= "no_buffer",
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

static void zcrx_show_ifq(struct seq_file *m, unsigned long id,
			  struct zcrx_ifq *ifq)
{
	struct zcrx_usage usage = {};
	struct zcrx_queue *queue;
	u64 invalid = 0;
	s64 in_flight;

	zcrx_areas_each(ifq, zcrx_area_usage, &usage);
	/* The parts were not read at one moment. */
	in_flight = usage.buffers - usage.free - usage.held;

	seq_printf(m, "%3lu:", id);
	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list) {
		seq_printf(m, " if: %d rxq: %u", queue->ifindex, queue->rxq);
		/* a statistic, read while the NAPI counts */
		invalid += data_race(queue->rq.invalid);
	}
	mutex_unlock(&ifq->lock);

	seq_printf(m, " buffers: %llu free: %llu held: %llu in_flight: %lld",
		   usage.buffers, usage.free, usage.held,
		   max(in_flight, 0LL));
	seq_printf(m, " delivered: %lld copied: %lld cqes: %lld invalid: %llu",
		   atomic64_read(&ifq->counters.delivered),
		   atomic64_read(&ifq->counters.copied),
		   atomic64_read(&ifq->counters.cqes), invalid);
	zcrx_show_copies(m, &ifq->counters);
	seq_putc(m, '\n');
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
