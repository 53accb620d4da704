/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRX_BLIND_H
#define ZCRX_BLIND_H

/**
 * DOC: /dev/zcrx_blind, a dma-buf that no CPU can look into
 *
 * Each open file of the device is one buffer. ZCRX_BLIND_CREATE gives it
 * memory and exports that as a dma-buf which refuses all that a CPU may ask
 * of it: vmap, mmap, begin and end of CPU access fail with EPERM, and are
 * counted. A device that maps it gets DMA addresses, and no pages behind
 * them. So data gets in by DMA only, and what got in is seen in one place
 * only: read() and pread() on the file give the content of the buffer.
 *
 * The buffer lives as long as the file or the dma-buf does. Memory starts as
 * zeroes. Reads see what a coherent device has written.
 */

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCRX_BLIND_DEV		"zcrx_blind"

/* The most that one buffer may have, in bytes. */
#define ZCRX_BLIND_SIZE_MAX	(1024 * 1024 * 1024ULL)

/**
 * struct zcrx_blind_stats - who has asked for what
 * @vmaps: refused mappings into the kernel, since the file was opened
 * @mmaps: refused mappings into a process
 * @cpu_accesses: refused begins and ends of CPU access
 * @attachments: devices attached now
 * @mappings: mappings for DMA now
 * @resv: 0
 */
struct zcrx_blind_stats {
	__u32	vmaps;
	__u32	mmaps;
	__u32	cpu_accesses;
	__u32	attachments;
	__u32	mappings;
	__u32	resv;
};

/*
 * ZCRX_BLIND_CREATE: the argument is the size in bytes, a multiple of the page
 * size. Returns the dma-buf's file descriptor, which is closed on exec. EINVAL:
 * the size is 0, no multiple, or more than ZCRX_BLIND_SIZE_MAX. EBUSY: the file
 * has its memory already. A failure leaves the file as it was.
 */
#define ZCRX_BLIND_CREATE	_IOW('Z', 0x50, __u64)

/* ZCRX_BLIND_GET_STATS: works before ZCRX_BLIND_CREATE as well. */
#define ZCRX_BLIND_GET_STATS	_IOR('Z', 0x51, struct zcrx_blind_stats)

#endif /* ZCRX_BLIND_H */
