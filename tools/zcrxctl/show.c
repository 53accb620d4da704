// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "nic.h"
#include "owners.h"
#include "queues.h"
#include "zcrxctl.h"

/* One queue, with all that can be found out. What is not known is not told. */
struct row {
	const struct queue *queue;
	char ifname[IF_NAMESIZE];
	bool has_owner;
	struct owner owner;
};

static void fill(struct row *row, const struct queue *queue)
{
	memset(row, 0, sizeof(*row));
	row->queue = queue;
	queue_ifname(queue, row->ifname);
	row->has_owner = queue->provider == PROVIDER_IO_URING &&
			 !owner_of(&row->owner, queue->ifindex, queue->id);
}

static void json_known(const char *key, bool known, uint64_t value)
{
	if (known)
		json_uint(key, value);
	else
		json_null(key);
}

static void print_json(const struct row *row)
{
	const struct queue *q = row->queue;
	bool io_uring = q->provider == PROVIDER_IO_URING;
	bool stats = io_uring && q->has_stats;

	json_object(NULL);
	json_str("interface", row->ifname);
	json_uint("queue", q->id);
	json_str("provider", provider_name(q->provider));
	json_known("dmabuf_id", q->provider == PROVIDER_DEVMEM, q->dmabuf);
	json_known("pid", row->has_owner, row->owner.pid);
	json_str("program", row->has_owner ? row->owner.comm : NULL);
	json_known("rx_buf_len", q->rx_buf_len, q->rx_buf_len);
	json_known("area_bytes", stats && q->rx_buf_len,
		   q->stats.buffers * q->rx_buf_len);
	json_known("buffers", stats, q->stats.buffers);
	json_known("free", stats, q->stats.free);
	json_known("held", row->has_owner, row->owner.held);
	json_known("in_flight", row->has_owner, row->owner.in_flight);
	json_end();
}

static void cell(bool known, uint64_t value)
{
	if (known)
		printf(" %9llu", (unsigned long long)value);
	else
		printf(" %9s", "-");
}

static void print_text(const struct row *row)
{
	const struct queue *q = row->queue;
	bool stats = q->provider == PROVIDER_IO_URING && q->has_stats;
	char owner[64] = "-", area[HUMAN_SIZE] = "-";

	if (row->has_owner)
		snprintf(owner, sizeof(owner), "%s(%d)", row->owner.shown,
			 (int)row->owner.pid);
	else if (q->provider == PROVIDER_DEVMEM)
		snprintf(owner, sizeof(owner), "dmabuf %u", q->dmabuf);
	if (stats && q->rx_buf_len)
		human(area, sizeof(area),
		      (double)q->stats.buffers * q->rx_buf_len);
	printf("%-15s %5u  %-8s %-20s %9s", row->ifname, q->id,
	       provider_name(q->provider), owner, area);
	cell(q->rx_buf_len, q->rx_buf_len);
	cell(stats, q->stats.buffers);
	cell(stats, q->stats.free);
	cell(row->has_owner, row->owner.held);
	cell(row->has_owner, row->owner.in_flight);
	putchar('\n');
}

static void head(void)
{
	printf("%-15s %5s  %-8s %-20s %9s %9s %9s %9s %9s %9s\n", "INTERFACE",
	       "QUEUE", "PROVIDER", "OWNER", "AREA", "BUF-LEN", "BUFFERS",
	       "FREE", "HELD", "IN-FLIGHT");
}

int cmd_show(const struct options *opt)
{
	struct queues queues;
	struct nic nic = {};
	unsigned int i;
	int ret;

	if (opt->ifname) {
		ret = open_nic(&nic, opt->ifname);
		if (ret)
			return ret;
	}
	ret = queues_get(&queues, nic.index);
	if (ret)
		return complain_err(ret, "cannot list the queues");
	if (opt->json)
		json_array(NULL);
	else
		head();
	for (i = 0; i < queues.nr; i++) {
		struct row row;

		/* of all interfaces: those that have something to show */
		if (!opt->ifname && queues.queue[i].provider == PROVIDER_NONE)
			continue;
		fill(&row, &queues.queue[i]);
		if (opt->json)
			print_json(&row);
		else
			print_text(&row);
	}
	if (opt->json)
		json_end();
	queues_free(&queues);
	return 0;
}
