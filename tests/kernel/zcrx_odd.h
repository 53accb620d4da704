/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRX_ODD_H
#define ZCRX_ODD_H

/**
 * DOC: /dev/zcrx_odd, a dma-buf in segments of any place and length
 *
 * ZCRX_ODD_CREATE makes a dma-buf. A device that maps it gets the segments that
 * were asked for, as DMA addresses with no pages behind them: they begin where
 * they were told to within a page, and are as long. Most exporters give whole
 * pages only, and an importer that hands out pages must refuse all else.
 *
 * There is memory around each segment: an importer that refuses nothing, and
 * rounds its beginning down and its end up, does no harm.
 */

#include <linux/ioctl.h>
#include <linux/types.h>

#define ZCRX_ODD_DEV		"zcrx_odd"

#define ZCRX_ODD_SEGMENTS	8

/* The most that one segment may have, in bytes. */
#define ZCRX_ODD_SEGMENT_MAX	(256 * 1024U)

/**
 * struct zcrx_odd_segment - what the device is given
 * @offset: in its first page
 * @len: in bytes; may be 0
 */
struct zcrx_odd_segment {
	__u32	offset;
	__u32	len;
};

/**
 * struct zcrx_odd_create - argument of ZCRX_ODD_CREATE
 * @nr: of @segments, from 1 to ZCRX_ODD_SEGMENTS
 * @more: how many bytes the dma-buf says to have more than its segments, or, if
 *	negative, less; at most ZCRX_ODD_SEGMENT_MAX
 * @segments: in their order
 */
struct zcrx_odd_create {
	__u32	nr;
	__s32	more;
	struct zcrx_odd_segment segments[ZCRX_ODD_SEGMENTS];
};

/*
 * Returns the dma-buf's file descriptor, which is closed on exec. EINVAL: no
 * segment or too many, an offset of a page or more, a segment that is longer
 * than ZCRX_ODD_SEGMENT_MAX, no dma-buf of a byte or more.
 */
#define ZCRX_ODD_CREATE		_IOW('Z', 0x58, struct zcrx_odd_create)

/* Writes how many mappings for DMA there are now, of all dma-bufs together. */
#define ZCRX_ODD_MAPPINGS	_IOR('Z', 0x59, __u32)

#endif /* ZCRX_ODD_H */
