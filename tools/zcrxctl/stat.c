// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../lib/zc_reasons.h"
#include "json.h"
#include "nic.h"
#include "queues.h"
#include "zcrxctl.h"

/* Lines between two heads, as of a screen. */
#define HEAD_EVERY	20

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * What happened between two looks at a queue, or since it was bound. What is told of
 * the moment alone is as of the later one.
 */
static struct zcrx_ext_stats difference(const struct zcrx_ext_stats *a,
					const struct zcrx_ext_stats *b)
{
	struct zcrx_ext_stats d = *b;
	unsigned int i;

	d.copy_count -= a->copy_count;
	d.copy_bytes -= a->copy_bytes;
	d.delivered_bytes -= a->delivered_bytes;
	d.cqes -= a->cqes;
	d.cq_full -= a->cq_full;
	for (i = 0; i < ZCRX_STATS_REASONS; i++) {
		d.copies[i] -= a->copies[i];
		d.bytes[i] -= a->bytes[i];
	}
	for (i = 0; i < ZCRX_STATS_FAILURES; i++)
		d.failed[i] -= a->failed[i];
	d.queue.from_ring -= a->queue.from_ring;
	d.queue.from_free -= a->queue.from_free;
	d.queue.from_others -= a->queue.from_others;
	d.queue.alloc_failed -= a->queue.alloc_failed;
	d.queue.starved_ns -= a->queue.starved_ns;
	d.queue.returned -= a->queue.returned;
	d.queue.invalid -= a->queue.invalid;
	return d;
}

/* Share of the payload that the NIC put where it belongs, in percent; -1: none came. */
static double without_copy(const struct zcrx_ext_stats *s)
{
	double all = (double)s->delivered_bytes + s->copy_bytes;

	return all > 0 ? 100 * s->delivered_bytes / all : -1;
}

static __u64 failed(const struct zcrx_ext_stats *s)
{
	__u64 sum = 0;
	unsigned int i;

	for (i = 0; i < ZC_FAILURES; i++)
		sum += s->failed[i];
	return sum;
}

static void json_array_of(const char *key, const char * const *names,
			  unsigned int nr, const __u64 *values)
{
	unsigned int i;

	json_object(key);
	for (i = 0; i < nr; i++)
		json_uint(names[i], values[i]);
	json_end();
}

static void print_json(const struct queue *queue, const struct zcrx_ext_stats *s,
		       double seconds)
{
	char ifname[IF_NAMESIZE];
	double share = without_copy(s);

	json_object(NULL);
	json_str("interface", queue_ifname(queue, ifname));
	json_uint("queue", queue->id);
	if (seconds > 0)
		json_double("seconds", seconds);
	else
		json_null("seconds");
	json_uint("delivered_bytes", s->delivered_bytes);
	json_uint("copied_bytes", s->copy_bytes);
	if (share >= 0)
		json_double("without_copy_percent", share);
	else
		json_null("without_copy_percent");
	json_array_of("copied_bytes_by_reason", zc_reasons, ZC_REASONS, s->bytes);
	json_array_of("copies_by_reason", zc_reasons, ZC_REASONS, s->copies);
	json_array_of("failed_by_reason", zc_failures, ZC_FAILURES, s->failed);
	json_uint("completions", s->cqes);
	json_uint("cq_full", s->cq_full);
	json_uint("buffers", s->buffers);
	json_uint("free", s->free);
	json_uint("completions_held", s->held);
	json_object("buffers_from");
	json_uint("ring", s->queue.from_ring);
	json_uint("free", s->queue.from_free);
	json_uint("others", s->queue.from_others);
	json_end();
	json_uint("alloc_failed", s->queue.alloc_failed);
	json_uint("starved_us", s->queue.starved_ns / 1000);
	json_bool("starving", s->queue.starving);
	json_uint("returned", s->queue.returned);
	json_uint("invalid", s->queue.invalid);
	json_end();
}

/* Without -w: everything, a line for each. */
static void print_all(const struct queue *queue)
{
	const struct zcrx_ext_stats *s = &queue->stats;
	char ifname[IF_NAMESIZE], size[HUMAN_SIZE];
	double share = without_copy(s);
	unsigned int i;

	printf("%s queue %u\n", queue_ifname(queue, ifname), queue->id);
	printf("  %-24s %llu bytes (%s)\n", "without a copy",
	       s->delivered_bytes, human(size, sizeof(size), s->delivered_bytes));
	printf("  %-24s %llu bytes\n", "copied", s->copy_bytes);
	if (share >= 0)
		printf("  %-24s %.2f %%\n", "share without a copy", share);
	for (i = 0; i < ZC_REASONS; i++)
		if (s->copies[i])
			printf("    %-22s %llu bytes, %llu pieces\n",
			       zc_reasons[i], s->bytes[i], s->copies[i]);
	for (i = 0; i < ZC_FAILURES; i++)
		if (s->failed[i])
			printf("  not copied: %-12s %llu requests ended with ENOMEM\n",
			       zc_failures[i], s->failed[i]);
	printf("  %-24s %llu, %llu not given back\n", "completions",
	       s->cqes, s->held);
	printf("  %-24s %llu\n", "CQ full (ENOSPC)", s->cq_full);
	printf("  %-24s %llu of %llu free\n", "buffers", s->free,
	       s->buffers);
	printf("  %-24s %llu refill ring, %llu free ones, %llu other rings\n",
	       "buffers came from", s->queue.from_ring, s->queue.from_free,
	       s->queue.from_others);
	printf("  %-24s %.3f s, %llu times no buffer%s\n", "starved",
	       s->queue.starved_ns / 1e9, s->queue.alloc_failed,
	       s->queue.starving ? ", now as well" : "");
	printf("  %-24s %llu good, %llu invalid\n",
	       "refill entries", s->queue.returned, s->queue.invalid);
}

static void watch_head(void)
{
	printf("%-15s %5s %10s %7s %10s %-9s %8s %8s %8s %9s %7s %7s\n",
	       "INTERFACE", "QUEUE", "RATE/s", "NOCOPY", "COPIED/s", "BECAUSE",
	       "HELD", "FREE", "BUFFERS", "STARVED", "CQFULL", "FAILED");
}

/* The reason of most of the bytes that were copied. */
static const char *main_reason(const struct zcrx_ext_stats *s)
{
	unsigned int i, most = 0;

	for (i = 1; i < ZC_REASONS; i++)
		if (s->bytes[i] > s->bytes[most])
			most = i;
	return s->bytes[most] ? zc_reasons[most] : "-";
}

static void watch_line(const struct queue *queue, const struct zcrx_ext_stats *s,
		       double seconds)
{
	char ifname[IF_NAMESIZE], rate[HUMAN_SIZE], copied[HUMAN_SIZE];
	double share = without_copy(s);
	char percent[16] = "-";

	if (share >= 0)
		snprintf(percent, sizeof(percent), "%.1f%%", share);
	human(rate, sizeof(rate),
	      (s->delivered_bytes + s->copy_bytes) / seconds);
	human(copied, sizeof(copied), s->copy_bytes / seconds);
	printf("%-15s %5u %10s %7s %10s %-9s %8llu %8llu %8llu %8.1f%% %7llu %7llu\n",
	       queue_ifname(queue, ifname), queue->id, rate, percent, copied,
	       main_reason(s), s->held, s->free, s->buffers,
	       s->queue.starved_ns / 1e7 / seconds, s->cq_full, failed(s));
}

static const struct queue *find(const struct queues *queues,
				const struct queue *queue)
{
	unsigned int i;

	for (i = 0; i < queues->nr; i++)
		if (queues->queue[i].ifindex == queue->ifindex &&
		    queues->queue[i].id == queue->id)
			return &queues->queue[i];
	return NULL;
}

/*
 * A queue that was bound meanwhile, or bound anew, has nothing that it could be compared
 * with: its numbers begin at 0, and those of its ifq may be old.
 */
static bool goes_on(const struct queue *before, const struct queue *queue)
{
	const struct zcrx_ext_stats *a = &before->stats, *b = &queue->stats;
	unsigned int i;
	bool on;

	on = a->copy_count <= b->copy_count && a->copy_bytes <= b->copy_bytes &&
	     a->delivered_bytes <= b->delivered_bytes && a->cqes <= b->cqes &&
	     a->cq_full <= b->cq_full &&
	     a->queue.from_ring <= b->queue.from_ring &&
	     a->queue.from_free <= b->queue.from_free &&
	     a->queue.from_others <= b->queue.from_others &&
	     a->queue.alloc_failed <= b->queue.alloc_failed &&
	     a->queue.starved_ns <= b->queue.starved_ns &&
	     a->queue.returned <= b->queue.returned &&
	     a->queue.invalid <= b->queue.invalid;
	for (i = 0; i < ZCRX_STATS_REASONS; i++)
		on = on && a->copies[i] <= b->copies[i] &&
		     a->bytes[i] <= b->bytes[i];
	for (i = 0; i < ZCRX_STATS_FAILURES; i++)
		on = on && a->failed[i] <= b->failed[i];
	return on;
}

static void watch_once(const struct options *opt, const struct queues *before,
		       const struct queues *queues, double seconds)
{
	unsigned int i;

	for (i = 0; i < queues->nr; i++) {
		const struct queue *queue = &queues->queue[i];
		const struct queue *old = find(before, queue);
		struct zcrx_ext_stats d;

		if (!queue->has_stats || !old || !old->has_stats ||
		    !goes_on(old, queue))
			continue;
		d = difference(&old->stats, &queue->stats);
		if (opt->json)
			print_json(queue, &d, seconds);
		else
			watch_line(queue, &d, seconds);
	}
	fflush(stdout);
}

static void pause_for(double seconds)
{
	struct timespec ts = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (time_t)seconds) * 1e9,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Of a kernel that has them not. */
static int complain_no_stats(const struct queue *queue)
{
	char ifname[IF_NAMESIZE];

	return complain("%s queue %u: the kernel has no statistics of it; one of this "
			"project's has", queue_ifname(queue, ifname), queue->id);
}

/* Nobody is to wait for lines that never come: 0, or EXIT_NO with a message. */
static int complain_of_each(const struct queues *queues)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < queues->nr; i++)
		if (queues->queue[i].provider == PROVIDER_IO_URING &&
		    !queues->queue[i].has_stats)
			ret = complain_no_stats(&queues->queue[i]);
	return ret;
}

static int watch(const struct options *opt, uint32_t ifindex)
{
	struct queues before, queues;
	double from = now(), to;
	uint64_t i;
	int ret;

	ret = queues_get(&before, ifindex);
	if (ret)
		return complain_err(ret, "cannot list the queues");
	ret = complain_of_each(&before);
	for (i = 0; !ret && (!opt->count || i < opt->count); i++) {
		if (!opt->json && !(i % HEAD_EVERY))
			watch_head();
		pause_for(opt->interval);
		ret = queues_get(&queues, ifindex);
		if (ret) {
			ret = complain_err(ret, "cannot list the queues");
			break;
		}
		to = now();
		watch_once(opt, &before, &queues, to - from);
		queues_free(&before);
		before = queues;
		from = to;
		ret = complain_of_each(&before);
	}
	queues_free(&before);
	return ret;
}

static int once(const struct options *opt, uint32_t ifindex)
{
	unsigned int i, seen = 0;
	struct queues queues;
	int ret;

	ret = queues_get(&queues, ifindex);
	if (ret)
		return complain_err(ret, "cannot list the queues");
	if (opt->json)
		json_array(NULL);
	for (i = 0; i < queues.nr; i++) {
		const struct queue *queue = &queues.queue[i];

		if (queue->provider != PROVIDER_IO_URING)
			continue;
		seen++;
		if (!queue->has_stats)
			ret = complain_no_stats(queue);
		else if (opt->json)
			print_json(queue, &queue->stats, 0);
		else
			print_all(queue);
	}
	if (opt->json)
		json_end();
	else if (!seen)
		puts("no queue is bound to zero-copy receive");
	queues_free(&queues);
	return ret;
}

int cmd_stat(const struct options *opt)
{
	struct nic nic = {};
	int ret;

	if (opt->ifname) {
		ret = open_nic(&nic, opt->ifname);
		if (ret)
			return ret;
	}
	return opt->watch ? watch(opt, nic.index) : once(opt, nic.index);
}
