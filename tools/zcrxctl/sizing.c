// SPDX-License-Identifier: GPL-2.0
/* How much memory it takes; Documentation/usage.md, "How much memory". */
#include <math.h>
#include <stdio.h>

#include "nic.h"
#include "sizing.h"
#include "zcrxctl.h"

#define PAGE		4096
/* igb's, where the driver does not tell. */
#define DESCRIPTORS	256
/*
 * What a queue's page_pool keeps beside the ring: as many again if nobody reads what
 * the sockets have, and the cache that its NAPI takes from.
 */
#define POOL_CACHE	(128 + 64)
/* IPv6 and TCP with timestamps; with IPv4 there is a little more payload. */
#define HEADERS		(40 + 32)
#define DEFAULT_RCVBUF	(6 << 20)
/* A buffer counts as a little more than itself in a socket: the skb with it. */
#define SKB_OVERHEAD	300
#define MAX_RQ_ENTRIES	32768
#define MAX_CQ_ENTRIES	65536

static uint64_t default_rcvbuf(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_rmem", "re");
	unsigned long long max = DEFAULT_RCVBUF;

	if (!file)
		return max;
	if (fscanf(file, "%*u %*u %llu", &max) != 1)
		max = DEFAULT_RCVBUF;
	fclose(file);
	return max;
}

static uint32_t power_of_two(uint64_t n, uint32_t max)
{
	uint32_t p = 1;

	while (p < n && p < max)
		p *= 2;
	return p;
}

static uint32_t descriptors(const struct nic *nic)
{
	struct nic_rings rings;

	if (nic_get_rings(nic, &rings) || !rings.rx)
		return DESCRIPTORS;
	return rings.rx;
}

static uint64_t per_queue(uint32_t descriptors)
{
	return 2ULL * descriptors + POOL_CACHE;
}

uint64_t sizing_smallest_area(const struct nic *nic, unsigned int queues)
{
	return (queues ? queues : 1) * per_queue(descriptors(nic)) * PAGE;
}

void sizing_compute(struct sizing *s, const struct nic *nic,
		    const struct options *opt)
{
	double frames;

	*s = (struct sizing) {
		.buf_len = opt->rx_buf_len ? opt->rx_buf_len : PAGE,
		.descriptors = descriptors(nic),
		.payload = nic->mtu > HEADERS ? nic->mtu - HEADERS : 1,
		.rcvbuf = default_rcvbuf(),
	};
	s->bufs_per_frame = (s->payload + s->buf_len - 1) / s->buf_len;

	frames = opt->rate / 8 / s->payload * opt->latency;
	s->held = (uint64_t)ceil(frames) * s->bufs_per_frame;
	s->in_queues = opt->nr_queues * per_queue(s->descriptors);
	s->in_sockets = opt->connections *
			(s->rcvbuf / (s->buf_len + SKB_OVERHEAD) + 1);

	s->least = s->in_queues + s->held;
	s->buffers = s->least + s->in_sockets;
	/* a completion for each buffer, an entry for each completion, or all there can be */
	s->rq_entries = power_of_two(s->held + s->descriptors, MAX_RQ_ENTRIES);
	s->cq_entries = power_of_two(s->held + s->descriptors, MAX_CQ_ENTRIES);
}
