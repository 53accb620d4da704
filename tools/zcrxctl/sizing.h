/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_SIZING_H
#define ZCRXCTL_SIZING_H

#include <stdint.h>

struct nic;
struct options;

/* How many buffers an area needs, and for what. */
struct sizing {
	uint32_t buf_len;		/* bytes of a buffer */
	uint32_t descriptors;		/* of each queue's ring */
	uint32_t payload;		/* bytes of a full frame */
	uint32_t bufs_per_frame;
	unsigned long long rcvbuf;		/* what a socket queues, in bytes */

	unsigned long long in_queues;		/* buffers: of the NIC's queues */
	unsigned long long held;			/* by the program */
	unsigned long long in_sockets;		/* that wait for it */

	unsigned long long least;			/* buffers that do, with losses at times */
	unsigned long long buffers;		/* none is lost for want of one */
	uint32_t rq_entries, cq_entries;
};

/* For the rate and latency of opt. */
void sizing_compute(struct sizing *s, const struct nic *nic,
		    const struct options *opt);

/* Bytes that let so many queues run at all; 0 counts as one. */
uint64_t sizing_smallest_area(const struct nic *nic, unsigned int queues);

#endif /* ZCRXCTL_SIZING_H */
