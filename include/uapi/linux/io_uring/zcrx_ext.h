/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * io_uring zero-copy receive: what this kernel can do and upstream's cannot.
 *
 * A program that wants to run on other kernels as well asks first, with
 * IORING_REGISTER_QUERY and IO_URING_QUERY_ZCRX_EXT: a kernel without any of it
 * answers -EOPNOTSUPP. One that does not ask finds linux/io_uring/zcrx.h to hold
 * as it stands.
 *
 * Numbers stay out of the way of those that upstream will hand out: flags from
 * bit 31 down, types of event from 30 down (as 1 << the type is a result, and no
 * error), operations from 0x5a00 up.
 */
#ifndef LINUX_IO_ZCRX_EXT_H
#define LINUX_IO_ZCRX_EXT_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A query operation, beside &enum io_uring_query_op. */
#define IO_URING_QUERY_ZCRX_EXT		0x5a00

/**
 * enum zcrx_ext_features - extensions, as told by IO_URING_QUERY_ZCRX_EXT
 * @ZCRX_EXT_DMABUF_COPY: payload that the NIC did not put into the dma-buf, as
 *	that of an unsplit packet, is copied into it if its exporter lets the CPU
 *	in. Upstream ends the request with -ENOMEM
 * @ZCRX_EXT_DMABUF_RANGE: &io_uring_zcrx_area_reg.addr may be any page aligned
 *	offset into the dma-buf, &io_uring_zcrx_area_reg.len up to what is left of
 *	it; ranges of one dma-buf may be several areas
 * @ZCRX_EXT_DMABUF_NODEV: ZCRX_REG_NODEV takes dma-bufs that let the CPU in
 * @ZCRX_EXT_FALLBACK_AREA: ZCRX_CTRL_ADD_AREA takes
 *	IORING_ZCRX_AREA_FALLBACK
 * @ZCRX_EXT_MIXED_AREAS: an ifq may have areas of both kinds, memory of the
 *	process and dma-bufs
 * @ZCRX_EXT_UNREGISTER: there is ZCRX_CTRL_UNREGISTER
 * @ZCRX_EXT_REMOVE_AREA: there is ZCRX_CTRL_REMOVE_AREA
 * @ZCRX_EXT_SUBSCRIBE: there is ZCRX_CTRL_SUBSCRIBE, and with it
 *	ZCRX_EVENT_LOW_WATER
 * @ZCRX_EXT_QUEUES: there are ZCRX_CTRL_BIND_QUEUE and ZCRX_CTRL_UNBIND_QUEUE
 * @ZCRX_EXT_STATS: there are ZCRX_EVENT_DESC_FLAG_EXT, ZCRX_BIND_STATS and
 *	ZCRX_CMD_QUEUE_GET
 */
enum zcrx_ext_features {
	ZCRX_EXT_DMABUF_COPY		= 1 << 0,
	ZCRX_EXT_DMABUF_RANGE		= 1 << 1,
	ZCRX_EXT_DMABUF_NODEV		= 1 << 2,
	ZCRX_EXT_FALLBACK_AREA		= 1 << 3,
	ZCRX_EXT_MIXED_AREAS		= 1 << 4,
	ZCRX_EXT_UNREGISTER		= 1 << 5,
	ZCRX_EXT_REMOVE_AREA		= 1 << 6,
	ZCRX_EXT_SUBSCRIBE		= 1 << 7,
	ZCRX_EXT_QUEUES			= 1 << 8,
	ZCRX_EXT_STATS			= 1 << 9,
};

/**
 * struct io_uring_query_zcrx_ext - the answer to IO_URING_QUERY_ZCRX_EXT
 * @features: &enum zcrx_ext_features that are there
 * @area_flags: flags of an area, beside those of
 *	&io_uring_query_zcrx.area_flags
 * @event_flags: flags of a &struct zcrx_event_desc, beside those of
 *	&io_uring_query_zcrx_event.event_flags
 * @stats_size: of &struct zcrx_ext_stats, in bytes
 * @queue_stats_size: of &struct zcrx_queue_stats, in bytes
 * @__resv: 0
 */
struct io_uring_query_zcrx_ext {
	__u64	features;
	__u64	area_flags;
	__u64	event_flags;
	__u32	stats_size;
	__u32	queue_stats_size;
	__u64	__resv[4];
};

/*
 * A flag of an event description, with ZCRX_EVENT_DESC_FLAG_STATS: what lies at
 * &zcrx_event_desc.stats_offset is a &struct zcrx_ext_stats, of which the first two
 * are &struct zcrx_stats. Without it no more than those is written.
 */
#define ZCRX_EVENT_DESC_FLAG_EXT	0x80000000U

/**
 * enum zcrx_stats_reason - why payload was copied, the first of these that is true
 * @ZCRX_STATS_NODEV: the ifq has no NIC
 * @ZCRX_STATS_FASTOPEN: it came with the SYN
 * @ZCRX_STATS_URGENT: in a segment with an urgent byte
 * @ZCRX_STATS_DEVICE: not by the NIC: by loopback, or another one
 * @ZCRX_STATS_EARLY: before its request was made
 * @ZCRX_STATS_QUEUE: by a queue of the NIC that is not the ifq's
 * @ZCRX_STATS_UNSPLIT: by one that is, but not into the area
 */
enum zcrx_stats_reason {
	ZCRX_STATS_NODEV,
	ZCRX_STATS_FASTOPEN,
	ZCRX_STATS_URGENT,
	ZCRX_STATS_DEVICE,
	ZCRX_STATS_EARLY,
	ZCRX_STATS_QUEUE,
	ZCRX_STATS_UNSPLIT,
};

/**
 * enum zcrx_stats_failure - why it could not be copied; a request ended with ENOMEM
 * @ZCRX_STATS_NO_ACCESS: no area lets the CPU in
 * @ZCRX_STATS_FENCE: each that does has a fence to wait for
 * @ZCRX_STATS_NO_BUFFER: nor is a buffer free
 */
enum zcrx_stats_failure {
	ZCRX_STATS_NO_ACCESS,
	ZCRX_STATS_FENCE,
	ZCRX_STATS_NO_BUFFER,
};

#define ZCRX_STATS_REASONS	8	/* room in &struct zcrx_ext_stats */
#define ZCRX_STATS_FAILURES	4

/**
 * struct zcrx_queue_stats - what became of a queue's buffers
 * @from_ring: buffers that the NIC's queue was given from its refill ring. What came
 *	from the queue before it was restarted goes to those that nobody has
 * @from_free: from those that nobody had
 * @from_others: when there was neither, by way of refill rings of other queues
 * @alloc_failed: how often there was none
 * @starved_ns: for how long altogether, in nanoseconds: from the first of those to
 *	the next buffer. It goes on as the driver tries again
 * @starving: 1 if the last attempt failed, else 0
 * @returned: entries of the refill ring that gave a buffer back, or one of several
 *	references on it
 * @invalid: entries that did not: of no area, or of a buffer that was not held
 */
struct zcrx_queue_stats {
	__u64	from_ring;
	__u64	from_free;
	__u64	from_others;
	__u64	alloc_failed;
	__u64	starved_ns;
	__u64	starving;
	__u64	returned;
	__u64	invalid;
};

/**
 * struct zcrx_ext_stats - what became of an ifq's buffers and data
 * @copy_count: pieces of payload that were copied, as in &struct zcrx_stats
 * @copy_bytes: bytes of it
 * @delivered_bytes: bytes that were not: the NIC put them into the area
 * @cqes: completions with payload, of all rings that have the ifq
 * @cq_full: how often a request ended with ENOSPC
 * @buffers: how many buffers the areas have that the NIC gets some of: no fallback
 *	area counts, nor one that leaves
 * @free: those that nobody has. The others are the NIC's, in sockets, or held
 * @held: completions whose buffers were not given back. Several may be of one buffer
 * @copies: pieces that were copied, by &enum zcrx_stats_reason
 * @bytes: bytes of them
 * @failed: what could not be copied, by &enum zcrx_stats_failure
 * @queue: the queue of the registration; by netlink, the queue that was asked for
 *
 * All count from the registration on, but buffers, free, held and starving. In shared
 * memory they are as of the last look of a request at its socket, those of the queue
 * as of when it last took buffers; what user space writes there fools user space
 * alone. A later kernel may have more, at the end.
 */
struct zcrx_ext_stats {
	__u64	copy_count;
	__u64	copy_bytes;
	__u64	delivered_bytes;
	__u64	cqes;
	__u64	cq_full;
	__u64	buffers;
	__u64	free;
	__u64	held;
	__u64	copies[ZCRX_STATS_REASONS];
	__u64	bytes[ZCRX_STATS_REASONS];
	__u64	failed[ZCRX_STATS_FAILURES];
	struct zcrx_queue_stats	queue;
};

/*
 * A family of generic netlink. Its one command takes a queue, and answers with
 * the same and its statistics. Anybody may ask, of the interfaces of their network
 * namespace. -ENODEV: there is no such interface; -ENOENT: it has no such RX queue,
 * or no ifq is bound to that.
 */
#define ZCRX_FAMILY_NAME		"zcrx"
#define ZCRX_FAMILY_VERSION		1

enum zcrx_cmd {
	ZCRX_CMD_QUEUE_GET		= 1,
};

/**
 * enum zcrx_queue_attr - attributes of ZCRX_CMD_QUEUE_GET
 * @ZCRX_A_QUEUE_IFINDEX: u32, the interface
 * @ZCRX_A_QUEUE_ID: u32, the RX queue
 * @ZCRX_A_QUEUE_STATS: &struct zcrx_ext_stats, in the answer alone. A later
 *	kernel may send more of it
 */
enum zcrx_queue_attr {
	ZCRX_A_QUEUE_IFINDEX		= 1,
	ZCRX_A_QUEUE_ID			= 2,
	ZCRX_A_QUEUE_STATS		= 3,
};

/*
 * A flag of an area that is added: the NIC gets none of it, only copies go there,
 * when no other area that takes copies has a free buffer. It may be memory of
 * the process, or a dma-buf that lets the CPU in. It is not for the area of a
 * registration (-EINVAL).
 */
#define IORING_ZCRX_AREA_FALLBACK	0x80000000U

/**
 * enum zcrx_ext_ctrl_op - operations of IORING_REGISTER_ZCRX_CTRL, beside
 *	&enum zcrx_ctrl_op. Their argument is &struct zcrx_ext_ctrl
 * @ZCRX_CTRL_UNREGISTER: the ring lets go of the ifq. Its requests that wait for
 *	data end with -ECANCELED. If no other ring and no exported file descriptor
 *	has the ifq, its queue goes back to the NIC: before the call returns, or as
 *	soon as it can be restarted. No buffer that the program has is written to,
 *	and nothing of the areas from then on
 * @ZCRX_CTRL_REMOVE_AREA: the ifq lets go of an area, for all rings that have
 *	it. Its queues are restarted: frames that are on their way are sent again
 *	by the peer. Once the call returned, no NIC writes to the area; what the
 *	program holds of it stays as it is and has to be given back. The caller
 *	needs CAP_NET_ADMIN, as for a registration
 * @ZCRX_CTRL_SUBSCRIBE: the ring gets events of the ifq, whichever ring has
 *	registered it, or gets them no more
 * @ZCRX_CTRL_BIND_QUEUE: one more RX queue of the ifq's NIC gets its buffers from
 *	the areas, until it is unbound or the ifq ends. Requests take what came by
 *	any of the queues
 * @ZCRX_CTRL_UNBIND_QUEUE: that queue gets no buffers of the areas any more. What
 *	came by it stays as it is and has to be given back, by the ring of another
 *	queue; what comes by it is copied
 */
enum zcrx_ext_ctrl_op {
	ZCRX_CTRL_UNREGISTER	= 0x5a00,
	ZCRX_CTRL_REMOVE_AREA	= 0x5a01,
	ZCRX_CTRL_SUBSCRIBE	= 0x5a02,
	ZCRX_CTRL_BIND_QUEUE	= 0x5a03,
	ZCRX_CTRL_UNBIND_QUEUE	= 0x5a04,
};

/**
 * enum zcrx_leave_flags - for &zcrx_ctrl_leave.flags
 * @ZCRX_LEAVE_NOTIFY: post a completion once nobody has a buffer of what
 *	leaves, neither the program nor a socket's queue, and its memory is neither
 *	mapped nor pinned nor accounted any more
 */
enum zcrx_leave_flags {
	ZCRX_LEAVE_NOTIFY	= 1 << 0,
};

/**
 * struct zcrx_ctrl_leave - payload of ZCRX_CTRL_UNREGISTER, ZCRX_CTRL_REMOVE_AREA
 * @user_data: with ZCRX_LEAVE_NOTIFY: that of the completion, whose result and
 *	flags are 0; else 0. It comes after those of requests that waited for data by
 *	way of the ifq. A ring that ends before gets none. A buffer that was given
 *	back is back once the refill ring was read: a program that wants it soon
 *	calls ZCRX_CTRL_FLUSH_RQ
 * @area_token: of the area to remove, as
 *	&io_uring_zcrx_area_reg.rq_area_token told it; 0 to unregister
 * @flags: &enum zcrx_leave_flags
 * @__resv: must be 0
 *
 * Errors, after which nothing has changed: EINVAL for unknown flags, fields that
 * have to be 0; EBADFD for ZCRX_LEAVE_NOTIFY on a ring that is not enabled;
 * ENOMEM. Of ZCRX_CTRL_REMOVE_AREA: ENOENT if there is no such area or it is on
 * its way out; EBUSY for the last area that is not a fallback; what the driver
 * answered if a queue could not be restarted; EPERM.
 *
 * A token is never that of another area later on, so a program that adds and
 * removes areas for long runs out of them: 4,096 for each of the 16 places. Then
 * ZCRX_CTRL_ADD_AREA ends with ENOSPC, until a place is free that has some left.
 */
struct zcrx_ctrl_leave {
	__u64	user_data;
	__u64	area_token;
	__u32	flags;
	__u32	__resv[7];
};

/*
 * A type of event, beside &enum zcrx_event_type: fewer buffers than the mark are
 * free, as they are taken for the NIC or for a copy. Those of fallback areas do not
 * count, nor what the NIC has: the application should give buffers back, or add an
 * area, before it becomes ZCRX_EVENT_ALLOC_FAIL. It is posted once, and again when
 * buffers are taken after it was armed.
 */
#define ZCRX_EVENT_LOW_WATER		30

/**
 * struct zcrx_ctrl_subscribe - payload of ZCRX_CTRL_SUBSCRIBE
 * @user_data: that of the completions. Their result is 1 << the type of event,
 *	their flags are 0
 * @type_mask: one bit, 1 << the type, for each type wanted: of &enum
 *	zcrx_event_type, and ZCRX_EVENT_LOW_WATER. With 0, the ring has had enough
 * @low_water: the mark, in buffers, with ZCRX_EVENT_LOW_WATER; else 0
 * @__resv: must be 0
 *
 * Once for a ring and ifq, until it is ended; that the ring has registered the ifq
 * with a &struct zcrx_event_desc is another matter. ZCRX_CTRL_ARM_EVENT, by a ring
 * that has subscribed, is for its events alone.
 *
 * Errors: EINVAL for unknown bits, reserved fields, a mark without its type or a
 * type without its mark, user_data with no type; EEXIST if the ring has subscribed;
 * ENOENT if it has not and wants no type; ENOMEM.
 */
struct zcrx_ctrl_subscribe {
	__u64	user_data;
	__u32	type_mask;
	__u32	low_water;
	__u64	__resv[4];
};

/**
 * enum zcrx_bind_flags - for &zcrx_ctrl_bind_queue.flags
 * @ZCRX_BIND_STATS: keep statistics of the queue in memory of its refill ring
 */
enum zcrx_bind_flags {
	ZCRX_BIND_STATS		= 1 << 0,
};

/**
 * struct zcrx_ctrl_bind_queue - payload of ZCRX_CTRL_BIND_QUEUE
 * @if_idx: index of the interface, the one of the registration
 * @if_rxq: the RX queue
 * @rq_entries: how many entries its refill ring is to have at least, up to 32,768
 *	(or clamped to that, with IORING_SETUP_CLAMP); answered with how many it has,
 *	a power of two
 * @flags: &enum zcrx_bind_flags
 * @region_ptr: to &struct io_uring_region_desc of the refill ring's memory, as for a
 *	registration. Its parts lie where &io_uring_zcrx_ifq_reg.offsets of the
 *	registration has told. What the kernel allocates is mapped by the fd of the
 *	ring that makes this call, with &io_uring_region_desc.mmap_offset
 * @stats_offset: with ZCRX_BIND_STATS: where in that memory the queue's &struct
 *	zcrx_queue_stats is to be, behind the entries and a multiple of 8; else 0
 * @__resv: must be 0
 *
 * A buffer may be given back by any refill ring of the ifq, whichever queue it came
 * by. The queue stays when the ring that bound it lets go of an ifq that others
 * have.
 *
 * Errors, after which nothing has changed: EPERM without CAP_NET_ADMIN; EINVAL for
 * flags, reserved fields, rq_entries, a stats_offset that is unaligned, header split that is
 * off; ERANGE for one that does not fit; EOPNOTSUPP for an ifq
 * without a NIC; EFAULT; those of a registration's region; EBUSY if the ring has no
 * more ids, of which such a refill ring takes one; ENODEV if there is no such
 * interface, or the ifq's has gone; EXDEV if it is another one than the ifq's; ERANGE
 * if it has no such queue; EEXIST if that has a provider, as this ifq; what else a
 * registration may end with.
 */
struct zcrx_ctrl_bind_queue {
	__u32	if_idx;
	__u32	if_rxq;
	__u32	rq_entries;
	__u32	flags;
	__u64	region_ptr;
	__u64	stats_offset;
	__u64	__resv[2];
};

/**
 * struct zcrx_ctrl_unbind_queue - payload of ZCRX_CTRL_UNBIND_QUEUE
 * @if_rxq: the RX queue
 * @flags: must be 0
 * @__resv: must be 0
 *
 * The queue is restarted: frames that are on their way are sent again by the peer.
 * What its refill ring held when the call was made is taken back. What is written to
 * it later is not read, and has to be given back by another.
 *
 * Errors, after which nothing has changed: EPERM without CAP_NET_ADMIN; EINVAL for
 * flags and reserved fields; EOPNOTSUPP for an ifq without a NIC; ENOENT if the ifq
 * has no such queue; EBUSY for that of the registration, which stays until the ifq
 * ends; what the driver answered if the queue could not be restarted.
 */
struct zcrx_ctrl_unbind_queue {
	__u32	if_rxq;
	__u32	flags;
	__u64	__resv[5];
};

/**
 * struct zcrx_ext_ctrl - argument of IORING_REGISTER_ZCRX_CTRL for our operations
 * @zcrx_id: the ifq
 * @op: &enum zcrx_ext_ctrl_op
 * @__resv: must be 0
 * @zc_leave: for ZCRX_CTRL_UNREGISTER and ZCRX_CTRL_REMOVE_AREA
 * @zc_subscribe: for ZCRX_CTRL_SUBSCRIBE
 * @zc_bind: for ZCRX_CTRL_BIND_QUEUE
 * @zc_unbind: for ZCRX_CTRL_UNBIND_QUEUE
 *
 * As large as &struct zcrx_ctrl, and of the same layout.
 */
struct zcrx_ext_ctrl {
	__u32	zcrx_id;
	__u32	op;
	__u64	__resv[2];
	union {
		struct zcrx_ctrl_leave		zc_leave;
		struct zcrx_ctrl_subscribe	zc_subscribe;
		struct zcrx_ctrl_bind_queue	zc_bind;
		struct zcrx_ctrl_unbind_queue	zc_unbind;
	};
};

#ifdef __cplusplus
}
#endif

#endif /* LINUX_IO_ZCRX_EXT_H */
