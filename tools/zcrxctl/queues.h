/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_QUEUES_H
#define ZCRXCTL_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/io_uring/zcrx_ext.h>

enum provider {
	PROVIDER_NONE,
	PROVIDER_IO_URING,
	PROVIDER_DEVMEM,
};

/* An RX queue, as the netdev family tells of it. */
struct queue {
	uint32_t ifindex, id;
	enum provider provider;
	uint32_t dmabuf;		/* of devmem: the binding's number */
	uint32_t rx_buf_len;		/* of io_uring: 0 if it is not told */
	bool has_stats;			/* so is this, by our kernel alone */
	struct zcrx_ext_stats stats;
};

struct queues {
	struct queue *queue;
	unsigned int nr;
};

/*
 * All RX queues of the interface, or of each if it is 0, by interface and number.
 * Returns 0 or -errno; queues_free() frees them.
 */
int queues_get(struct queues *queues, uint32_t ifindex);
void queues_free(struct queues *queues);

/* That one. Returns 0 or -errno: -ENOENT if there is none. */
int queue_get(struct queue *queue, uint32_t ifindex, uint32_t id);

/* The name of its interface, or the number if it has gone. buf has IF_NAMESIZE. */
const char *queue_ifname(const struct queue *queue, char *buf);

const char *provider_name(enum provider provider);

#endif /* ZCRXCTL_QUEUES_H */
