/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRX_BAR_H
#define ZCRX_BAR_H

/**
 * DOC: /dev/zcrx_bar, a dma-buf that is memory of another PCI device
 *
 * The memory is BAR 2 of QEMU's ivshmem device: it has physical addresses and
 * no struct pages. Each open file of /dev/zcrx_bar is one window of it, which
 * ZCRX_BAR_CREATE exports as a dma-buf. A device that maps the dma-buf gets
 * addresses from dma_map_resource() and writes to the BAR, peer to peer. The
 * CPU is refused: vmap, mmap and CPU access of the dma-buf fail with EPERM,
 * and are counted. What arrived is seen through the BAR's own mapping,
 * /sys/bus/pci/devices/.../resource2_wc.
 *
 * The importers that this is for attach for good: they know no move_notify, so
 * there is no way to take a mapping from them. Hence, when the ivshmem device
 * is removed or its driver unbound:
 *
 * - From the start on, ZCRX_BAR_CREATE and new mappings fail with ENODEV, those
 *   of dma-bufs that are there already included. That is forever for a
 *   window: it does not come back with the device.
 * - The removal waits, and cannot be interrupted, until the last mapping is
 *   gone. The BAR is there all the while, and mappings work as before, so no
 *   other device can be given its addresses while one may still write to them.
 * - Other hotplug of PCI devices by way of the same lock waits as well.
 *
 * Files, dma-bufs and attachments may outlive the device.
 */

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCRX_BAR_DEV	"zcrx_bar"

/* Also the name of the PCI driver. The BAR is the one with this number. */
#define ZCRX_BAR_NR	2

/**
 * struct zcrx_bar_window - a part of the BAR
 * @offset: where in the BAR it begins
 * @len: bytes; both are multiples of the page size
 */
struct zcrx_bar_window {
	__u64	offset;
	__u64	len;
};

/**
 * struct zcrx_bar_stats - who has asked for what
 * @bar_len: bytes of the whole BAR, 0 if there is no device
 * @valid_pfns: pages of the window for which the kernel has a struct page
 * @vmaps: refused mappings into the kernel, since the file was opened
 * @mmaps: refused mappings of the dma-buf into a process
 * @cpu_accesses: refused begins and ends of CPU access
 * @attachments: devices attached now
 * @mappings: mappings for DMA now
 * @mapped: mappings for DMA since the file was opened
 * @peer2peer: attachments, of all so far, whose importer said that it takes
 *	memory without pages
 */
struct zcrx_bar_stats {
	__u64	bar_len;
	__u32	valid_pfns;
	__u32	vmaps;
	__u32	mmaps;
	__u32	cpu_accesses;
	__u32	attachments;
	__u32	mappings;
	__u32	mapped;
	__u32	peer2peer;
};

/*
 * ZCRX_BAR_CREATE: returns the dma-buf's file descriptor, which is closed on
 * exec. EINVAL: the window is empty, no whole number of pages or not in the
 * BAR. EBUSY: the file has its window already. ENODEV: there is no device. A
 * failure leaves the file as it was. Windows may overlap.
 */
#define ZCRX_BAR_CREATE		_IOW('Z', 0x60, struct zcrx_bar_window)

/* ZCRX_BAR_GET_STATS: works before ZCRX_BAR_CREATE as well. */
#define ZCRX_BAR_GET_STATS	_IOR('Z', 0x61, struct zcrx_bar_stats)

#endif /* ZCRX_BAR_H */
