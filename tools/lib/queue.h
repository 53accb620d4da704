/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_QUEUE_H
#define LIB_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

/* Whose memory a receive queue is filled from, as netlink tells. */
enum queue_provider {
	QUEUE_PAGES,	/* ordinary pages of the kernel */
	QUEUE_DMABUF,	/* socket devmem */
	QUEUE_IO_URING,
};

/* Returns an enum queue_provider or -errno. */
int queue_provider(uint32_t ifindex, uint32_t rxq);

/*
 * Waits until the queue has no provider: the kernel gives a queue back some
 * time after the ring was closed. Returns 0, -ETIMEDOUT or -errno.
 */
int queue_wait_free(uint32_t ifindex, uint32_t rxq, unsigned int timeout_ms);

#endif /* LIB_QUEUE_H */
