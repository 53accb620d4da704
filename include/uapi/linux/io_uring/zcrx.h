/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * io_uring zero-copy receive (zcrx): the user interface.
 *
 * An application gives the kernel an area of memory, its own or a dma-buf,
 * and a hardware receive queue. The NIC writes TCP payload straight into the
 * area, IORING_OP_RECV_ZC posts a completion for each piece that says where
 * it lies, and the application gives a piece back by writing an entry to a
 * refill ring in shared memory.
 *
 * Every reserved or padding field must be zero. Every structure has the same
 * layout for 32-bit and 64-bit programs.
 */
#ifndef LINUX_IO_ZCRX_H
#define LINUX_IO_ZCRX_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Offsets handed out in completions, and handed back in refill entries, hold
 * the number of the area in their upper 16 bits and the byte offset into that
 * area below.
 */
#define IORING_ZCRX_AREA_SHIFT	48
#define IORING_ZCRX_AREA_MASK	(~(((__u64)1 << IORING_ZCRX_AREA_SHIFT) - 1))

/**
 * struct io_uring_zcrx_rqe - an entry of the refill ring
 * @off: where the returned buffer lies: the byte offset into the area, or'ed
 *	with the area's &io_uring_zcrx_area_reg.rq_area_token. Any offset
 *	inside the buffer names it, so the offset of a completion will do.
 * @len: length of the piece, in bytes; informative, the kernel takes back
 *	one reference to the buffer whatever it says
 * @__pad: must be 0
 *
 * One entry gives back what one completion has given out. An entry that makes
 * no sense (a buffer that the application does not hold, an offset or an area
 * that does not exist, a padding that is not 0) is skipped without an error.
 */
struct io_uring_zcrx_rqe {
	__u64	off;
	__u32	len;
	__u32	__pad;
};

/**
 * struct io_uring_zcrx_cqe - the second half of a RECV_ZC completion
 * @off: where the payload lies: the area's number in the bits of
 *	IORING_ZCRX_AREA_MASK, the byte offset into the area in the others
 * @__pad: 0
 *
 * Follows the struct io_uring_cqe directly in a ring with
 * IORING_SETUP_CQE32. Valid if IORING_CQE_F_MORE is set in the flags and
 * the result is not negative; the result is the length in bytes.
 */
struct io_uring_zcrx_cqe {
	__u64	off;
	__u64	__pad;
};

/**
 * struct io_uring_zcrx_offsets - where the parts of a refill ring are
 * @head: the kernel's position, a __u32 that counts entries taken
 * @tail: the application's position, a __u32 that counts entries written
 * @rqes: the array of struct io_uring_zcrx_rqe
 * @__resv2: 0
 * @__resv: 0
 *
 * Filled in by the kernel; in bytes from the start of the region. Both
 * positions run freely through all 32 bits; masked by the number of entries
 * minus one they give an index. The application stores @tail with release
 * semantics after the entries that it covers, and loads @head with acquire
 * semantics before it writes over an entry.
 */
struct io_uring_zcrx_offsets {
	__u32	head;
	__u32	tail;
	__u32	rqes;
	__u32	__resv2;
	__u64	__resv[2];
};

/**
 * enum io_uring_zcrx_area_flags - flags of an area
 * @IORING_ZCRX_AREA_DMABUF: the area is a dma-buf, not memory of the process
 */
enum io_uring_zcrx_area_flags {
	IORING_ZCRX_AREA_DMABUF		= 1,
};

/**
 * struct io_uring_zcrx_area_reg - memory that payload is received into
 * @addr: start of the memory, page aligned; for a dma-buf an offset into it,
 *	which upstream kernels require to be 0
 * @len: bytes, a multiple of the page size and not 0; for a dma-buf upstream
 *	kernels require its whole size
 * @rq_area_token: set by the kernel: what refill entries for this area carry
 *	in the bits of IORING_ZCRX_AREA_MASK. Must be 0 on the way in.
 * @flags: &enum io_uring_zcrx_area_flags
 * @dmabuf_fd: the dma-buf if IORING_ZCRX_AREA_DMABUF is set, else 0. The
 *	file descriptor may be closed once the call has returned.
 * @__resv2: must be 0
 *
 * Memory of the process is pinned and counts against RLIMIT_MEMLOCK for as
 * long as the area lives.
 *
 * Errors: EINVAL for unknown flags, a token, reserved fields, a length over
 * 1 TiB, an unaligned @addr or @len, or a @dmabuf_fd without its flag; EFAULT
 * for no length, no address, or memory that cannot be pinned; EOVERFLOW if
 * the end lies past the address space; ENOMEM over the limit of locked
 * memory; ERANGE if the memory is less contiguous than
 * &io_uring_zcrx_ifq_reg.rx_buf_len asks for. Of a dma-buf: EBADF or EINVAL for
 * a @dmabuf_fd that is closed or no dma-buf; EINVAL for a range outside it;
 * EOPNOTSUPP with ZCRX_REG_NODEV for one that does not let the CPU in.
 */
struct io_uring_zcrx_area_reg {
	__u64	addr;
	__u64	len;
	__u64	rq_area_token;
	__u32	flags;
	__u32	dmabuf_fd;
	__u64	__resv2[2];
};

/**
 * enum zcrx_reg_flags - flags of a registration
 * @ZCRX_REG_IMPORT: share the ifq of another ring: if_idx holds the file
 *	descriptor that ZCRX_CTRL_EXPORT gave, everything else is 0. The kernel
 *	writes zcrx_id, rx_buf_len and offsets back. EBADF for any other
 *	descriptor
 * @ZCRX_REG_NODEV: no NIC: all payload is copied into the area, which is
 *	memory of the process; upstream kernels take nothing else, this one
 *	dma-bufs that let the CPU in as well. The refill ring is read by
 *	ZCRX_CTRL_FLUSH_RQ, and when a copy finds no free buffer; upstream kernels
 *	do only the former
 */
enum zcrx_reg_flags {
	ZCRX_REG_IMPORT			= 1,
	ZCRX_REG_NODEV			= 2,
};

/**
 * enum zcrx_features - features, as told by the query interface
 * @ZCRX_FEATURE_RX_PAGE_SIZE: &io_uring_zcrx_ifq_reg.rx_buf_len is honoured
 * @ZCRX_FEATURE_EVENT: &io_uring_zcrx_ifq_reg.event_desc is honoured
 */
enum zcrx_features {
	ZCRX_FEATURE_RX_PAGE_SIZE	= 1 << 0,
	ZCRX_FEATURE_EVENT		= 1 << 1,
};

/**
 * struct io_uring_zcrx_ifq_reg - argument of IORING_REGISTER_ZCRX_IFQ
 * @if_idx: index of the network interface; 0 with ZCRX_REG_NODEV; the
 *	exported file descriptor with ZCRX_REG_IMPORT
 * @if_rxq: hardware receive queue of that interface, counted from 0
 * @rq_entries: entries of the refill ring, 1 to 32768; the kernel rounds it
 *	up to a power of two and writes that back. More are an error, unless
 *	the ring was set up with IORING_SETUP_CLAMP.
 * @flags: &enum zcrx_reg_flags
 * @area_ptr: pointer to a struct io_uring_zcrx_area_reg, read and written
 * @region_ptr: pointer to a struct io_uring_region_desc for the refill ring,
 *	read and written: either memory of the process
 *	(IORING_MEM_REGION_TYPE_USER), page aligned, or memory of the kernel,
 *	which the process then maps at the mmap_offset written back
 * @offsets: set by the kernel: where the parts of the refill ring are
 * @zcrx_id: set by the kernel: the number that requests on this ring name
 *	the ifq by; the first is 0. Must be 0 on the way in.
 * @rx_buf_len: bytes of one receive buffer, a power of two and at least a
 *	page, or 0 for a page; the kernel writes back the value in use. More than
 *	a page is EOPNOTSUPP without a NIC, or with one that cannot do it, and
 *	ERANGE if the area is less contiguous, or no multiple of it
 * @event_desc: pointer to a struct zcrx_event_desc, or 0 for no events
 * @__resv: must be 0
 *
 * Binds a receive queue to the ring until the ring is gone. Needs
 * CAP_NET_ADMIN and a ring with IORING_SETUP_DEFER_TASKRUN and
 * IORING_SETUP_CQE32. The interface must have tcp-data-split on and no XDP
 * program; steering flows to the queue is left to the administrator.
 *
 * A call that fails has changed nothing, and a registration whose results
 * cannot be written back has failed.
 *
 * Errors, besides those of the area: EPERM without the capability; EINVAL
 * for the wrong kind of ring, fields out of range, reserved fields, or
 * tcp-data-split off; EFAULT for a structure that cannot be read or written;
 * ENODEV for no such interface; EOPNOTSUPP if its driver cannot do it;
 * ERANGE for no such queue; EEXIST for an XDP program or a queue that is
 * taken; EBUSY for a queue with an AF_XDP socket, or a ring that has 2048 ids;
 * ENETDOWN for an interface that is down; EIO for a dma-buf if all DMA of the
 * device bounces; ENODATA if the driver made no use of the area; or what the
 * driver says to the restart of the queue.
 */
struct io_uring_zcrx_ifq_reg {
	__u32	if_idx;
	__u32	if_rxq;
	__u32	rq_entries;
	__u32	flags;

	__u64	area_ptr;
	__u64	region_ptr;

	struct io_uring_zcrx_offsets offsets;
	__u32	zcrx_id;
	__u32	rx_buf_len;
	__u64	event_desc;
	__u64	__resv[2];
};

/**
 * enum zcrx_event_type - what an event tells, as bit numbers
 * @ZCRX_EVENT_ALLOC_FAIL: the queue ran out of buffers: the application
 *	holds too many, or the area is too small
 * @ZCRX_EVENT_COPY: payload was copied instead of received in place
 * @__ZCRX_EVENT_TYPE_LAST: the number of types
 */
enum zcrx_event_type {
	ZCRX_EVENT_ALLOC_FAIL,
	ZCRX_EVENT_COPY,

	__ZCRX_EVENT_TYPE_LAST,
};

/**
 * enum zcrx_event_desc_flags - flags of &struct zcrx_event_desc
 * @ZCRX_EVENT_DESC_FLAG_STATS: keep a struct zcrx_stats in the region of the
 *	refill ring, at &zcrx_event_desc.stats_offset
 */
enum zcrx_event_desc_flags {
	ZCRX_EVENT_DESC_FLAG_STATS	= 1 << 0,
};

/**
 * struct zcrx_event_desc - which events an ifq posts, and how
 * @user_data: user_data of the completions that tell of events. Their result
 *	is 1 << &enum zcrx_event_type, their flags are 0
 * @type_mask: one bit, 1 << &enum zcrx_event_type, for each type wanted
 * @flags: &enum zcrx_event_desc_flags
 * @stats_offset: with ZCRX_EVENT_DESC_FLAG_STATS: bytes from the start of
 *	the region, aligned to 8, behind the entries of the refill ring; else 0
 * @__resv2: must be 0
 *
 * Events go to the ring that registered the ifq, whichever ring they come
 * from. One is posted once and stays silent until ZCRX_CTRL_ARM_EVENT.
 *
 * Errors: EINVAL for unknown bits, reserved fields, or a @stats_offset that
 * is unaligned or not asked for; ERANGE if it overlaps the refill ring or
 * lies past the region.
 */
struct zcrx_event_desc {
	__u64	user_data;
	__u32	type_mask;
	__u32	flags;
	__u64	stats_offset;
	__u64	__resv2[9];
};

/**
 * struct zcrx_stats - counters in shared memory, written by the kernel
 * @copy_count: how many pieces of payload were copied, each of which has a
 *	completion of its own
 * @copy_bytes: how many bytes of payload were copied
 *
 * Both begin with 0. The kernel only writes them.
 */
struct zcrx_stats {
	__u64	copy_count;
	__u64	copy_bytes;
};

/**
 * enum zcrx_ctrl_op - what &struct zcrx_ctrl asks for
 * @ZCRX_CTRL_FLUSH_RQ: take back the buffers in the refill ring now
 * @ZCRX_CTRL_EXPORT: make a file descriptor for ZCRX_REG_IMPORT
 * @ZCRX_CTRL_ARM_EVENT: let a type of event be posted again
 * @ZCRX_CTRL_ADD_AREA: add another area
 * @__ZCRX_CTRL_LAST: the number of operations
 */
enum zcrx_ctrl_op {
	ZCRX_CTRL_FLUSH_RQ,
	ZCRX_CTRL_EXPORT,
	ZCRX_CTRL_ARM_EVENT,
	ZCRX_CTRL_ADD_AREA,

	__ZCRX_CTRL_LAST,
};

/**
 * struct zcrx_ctrl_flush_rq - payload of ZCRX_CTRL_FLUSH_RQ
 * @__resv: must be 0
 */
struct zcrx_ctrl_flush_rq {
	__u64	__resv[6];
};

/**
 * struct zcrx_ctrl_export - payload of ZCRX_CTRL_EXPORT
 * @zcrx_fd: set by the kernel: a file descriptor, close-on-exec, that holds
 *	the ifq. Must be 0 on the way in.
 * @__resv1: must be 0
 */
struct zcrx_ctrl_export {
	__u32	zcrx_fd;
	__u32	__resv1[11];
};

/**
 * struct zcrx_ctrl_arm_event - payload of ZCRX_CTRL_ARM_EVENT
 * @event_type: &enum zcrx_event_type
 * @__resv: must be 0
 *
 * EINVAL for a type that does not exist, was not asked for, or has not been
 * posted since it was armed.
 */
struct zcrx_ctrl_arm_event {
	__u32	event_type;
	__u32	__resv[11];
};

/**
 * struct zcrx_ctrl_add_area - payload of ZCRX_CTRL_ADD_AREA
 * @area_ptr: pointer to a struct io_uring_zcrx_area_reg, read and written
 * @__resv: must be 0
 *
 * The NIC may write into the area before the call returns. Errors: those of the
 * area; ENOSPC for more than 16 areas; of upstream kernels also EINVAL for
 * another kind of memory than the first area's.
 */
struct zcrx_ctrl_add_area {
	__u64	area_ptr;
	__u64	__resv[5];
};

/**
 * struct zcrx_ctrl - argument of IORING_REGISTER_ZCRX_CTRL
 * @zcrx_id: the ifq, as &io_uring_zcrx_ifq_reg.zcrx_id named it
 * @op: &enum zcrx_ctrl_op
 * @__resv: must be 0, else EFAULT
 * @zc_export: for ZCRX_CTRL_EXPORT
 * @zc_flush: for ZCRX_CTRL_FLUSH_RQ
 * @zc_arm_event: for ZCRX_CTRL_ARM_EVENT
 * @zc_area: for ZCRX_CTRL_ADD_AREA
 *
 * May be called by the task that the ring belongs to, as other register
 * calls.
 *
 * Errors: EFAULT if it cannot be read; ENXIO for no such ifq; EINVAL for
 * reserved fields of the payload; EOPNOTSUPP for an unknown operation.
 */
struct zcrx_ctrl {
	__u32	zcrx_id;
	__u32	op;
	__u64	__resv[2];
	union {
		struct zcrx_ctrl_export		zc_export;
		struct zcrx_ctrl_flush_rq	zc_flush;
		struct zcrx_ctrl_arm_event	zc_arm_event;
		struct zcrx_ctrl_add_area	zc_area;
	};
};

#ifdef __cplusplus
}
#endif

#endif /* LINUX_IO_ZCRX_H */
