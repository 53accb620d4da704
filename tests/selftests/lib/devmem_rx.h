/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_DEVMEM_RX_H
#define TESTS_DEVMEM_RX_H

#include <linux/types.h>

#include "devmem.h"
#include "stream.h"

/*
 * How far a stream has been received with socket devmem. Each byte is compared.
 * Zeroed, it is new; it must not be moved once devmem_rx_init() was called.
 */
struct devmem_rx {
	struct devmem dm;	/* dm.dmabuf_id is the caller's to set */
	const struct stream *stream;
	__u64 bytes;		/* came, and are right */
};

void devmem_rx_init(struct devmem_rx *rx, int sock, const struct area *area,
		    const struct stream *stream);

/* Until the stream ends. Returns 0 or -errno, -EILSEQ if a byte is wrong. */
int devmem_rx_all(struct devmem_rx *rx);

/* Compares what comes next, for who counts the bytes of a stream elsewhere. */
int devmem_rx_check(const struct stream *stream, __u64 *bytes,
		    const void *data, size_t len);

#endif /* TESTS_DEVMEM_RX_H */
