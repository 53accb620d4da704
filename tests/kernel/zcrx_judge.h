/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRX_JUDGE_H
#define ZCRX_JUDGE_H

/**
 * DOC: /dev/zcrx_judge, what devices can reach according to the IOMMU
 *
 * Each open file of the device watches some memory: it keeps the pages, so
 * that they do not become anybody else's, and finds them in the tables of the
 * IOMMU, wherever they are mapped, for whichever device. It does not ask the
 * kernel, whose bookkeeping is what the tests doubt, but reads what the
 * hardware reads: the root table, the devices' contexts, their page tables.
 *
 * The walk takes no locks. While mappings change, a count may be of neither
 * state; it is right once they have ceased to.
 *
 * A device is told by its requester ID, bus << 8 | device << 3 | function.
 */

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCRX_JUDGE_DEV		"zcrx_judge"

/* The most that one file watches, in bytes. */
#define ZCRX_JUDGE_SIZE_MAX	(1024 * 1024 * 1024ULL)

/* That many devices with the same page table are told by name. */
#define ZCRX_JUDGE_SHARERS	8

/**
 * struct zcrx_judge_watch - memory to watch
 * @addr: of a process's memory; 0 for a dma-buf
 * @len: bytes, a multiple of the page size; all of a dma-buf
 * @dmabuf_fd: the dma-buf, or -1
 * @resv: 0
 */
struct zcrx_judge_watch {
	__u64	addr;
	__u64	len;
	__s32	dmabuf_fd;
	__u32	resv;
};

/**
 * struct zcrx_judge_count - how much of the memory devices can reach
 * @rid: in: the device in question
 * @pages: how many pages are watched
 * @mapped: how many of them the device reaches, at whichever address
 * @entries: how often it does: more than @mapped if a page is mapped twice
 * @others: how often devices do that have another page table
 * @devices: how many devices have a context at all
 * @sharers: how many other devices have the device's page table, and so reach
 *	all that it does: those of its group
 * @resv: 0
 * @sharer: who they are, the first of them
 */
struct zcrx_judge_count {
	__u32	rid;
	__u32	pages;
	__u32	mapped;
	__u32	entries;
	__u32	others;
	__u32	devices;
	__u32	sharers;
	__u32	resv;
	__u32	sharer[ZCRX_JUDGE_SHARERS];
};

/**
 * struct zcrx_judge_word - 8 bytes of memory as a device addresses it
 * @iova: the device's address, a multiple of 8
 * @value: what is there, or what to write
 * @rid: the device
 * @page: for ZCRX_JUDGE_FIND, the number of a watched page
 */
struct zcrx_judge_word {
	__u64	iova;
	__u64	value;
	__u32	rid;
	__u32	page;
};

/* Once a file; EBUSY if it watches memory already. */
#define ZCRX_JUDGE_WATCH	_IOW('Z', 0x60, struct zcrx_judge_watch)

/* EOPNOTSUPP: no IOMMU is on, or its tables are of a kind not known here. */
#define ZCRX_JUDGE_COUNT	_IOWR('Z', 0x61, struct zcrx_judge_count)

/* Where the device finds a watched page: sets iova. ENOENT: nowhere. */
#define ZCRX_JUDGE_FIND		_IOWR('Z', 0x62, struct zcrx_judge_word)

/*
 * Reads or writes what the device would. ENOENT: it would get a fault. These
 * work on a file that watches nothing as well.
 */
#define ZCRX_JUDGE_PEEK		_IOWR('Z', 0x63, struct zcrx_judge_word)
#define ZCRX_JUDGE_POKE		_IOW('Z', 0x64, struct zcrx_judge_word)

#endif /* ZCRX_JUDGE_H */
