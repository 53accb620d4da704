/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_DEBUG_LEFT_H
#define TESTS_DEBUG_LEFT_H

/* What a ring may leave behind, by count. */
struct left {
	long pins;		/* pages */
	long pinned_kib;	/* accounted to the process */
	long pools;		/* page_pools of the NIC */
	long provider;		/* of the queue: an enum queue_provider */
	long fds;		/* open files of the process */
	long dmabufs;
	long attached;		/* devices, to dma-bufs */
	long dma;		/* mappings, by the DMA API's debugging */
};

void left_read(struct left *left);

/* What there is once what was closed before has gone. */
void left_settle(struct left *left);

/*
 * Waits until no more is there than was before. A NIC's own buffers come and
 * go, so a few DMA mappings more are none. Returns 0, or -EBUSY and says what
 * is left.
 */
int left_wait(const struct left *before);

/*
 * Has the NIC's driver taken off and brought back. Mappings that left_wait() may take
 * for the NIC's own are reported then by the DMA API's debugging, which fails the run.
 * No ring is open. Returns 0, or what went wrong.
 */
int left_by_nic(void);

#endif /* TESTS_DEBUG_LEFT_H */
