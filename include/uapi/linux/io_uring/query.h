/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * io_uring: what a kernel can do, asked with IORING_REGISTER_QUERY.
 *
 * The call takes the first of a chain of questions, which may all be
 * different. It needs no ring: with -1 in place of the ring's file descriptor
 * it answers the same, to anybody. nr_args must be 0.
 *
 * Every reserved or padding field must be zero on the way in, and is zero in
 * an answer. Every structure has the same layout for 32-bit and 64-bit
 * programs. Answers may grow at their end: a program gets as much of one as it
 * has room for and the kernel knows, and is told how much that was.
 */
#ifndef LINUX_IO_URING_QUERY_H
#define LINUX_IO_URING_QUERY_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum io_uring_query_op - what can be asked
 * @IO_URING_QUERY_OPCODES: what io_uring accepts; answered by a struct
 *	io_uring_query_opcode
 * @IO_URING_QUERY_ZCRX: zero-copy receive; by a struct io_uring_query_zcrx
 * @IO_URING_QUERY_SCQ: memory of the submission and completion rings; by a
 *	struct io_uring_query_scq
 * @IO_URING_QUERY_ZCRX_EVENT: events of zero-copy receive; by a struct
 *	io_uring_query_zcrx_event
 * @__IO_URING_QUERY_MAX: the number of questions
 */
enum io_uring_query_op {
	IO_URING_QUERY_OPCODES		= 0,
	IO_URING_QUERY_ZCRX		= 1,
	IO_URING_QUERY_SCQ		= 2,
	IO_URING_QUERY_ZCRX_EVENT	= 3,

	__IO_URING_QUERY_MAX,
};

/**
 * struct io_uring_query_hdr - one question of a chain
 * @next_entry: pointer to the next struct io_uring_query_hdr, 0 in the last
 * @query_data: pointer to the memory that the answer is written to
 * @query_op: &enum io_uring_query_op
 * @size: bytes at @query_data, not 0; the kernel writes back how many of them
 *	are its answer, 0 if there is none. It zeroes the rest, up to a page
 * @result: must be 0 on the way in; set by the kernel: 0, or a negative error
 *	if there is no answer
 * @__resv: must be 0
 *
 * A question without an answer does not end the chain: its @result is
 * -EOPNOTSUPP if this kernel does not know @query_op, or -EINVAL for no @size,
 * a @result or reserved fields that are not 0, and the call goes on to the
 * next one.
 *
 * Errors of the call, after which the questions before may have been answered:
 * EFAULT for a header or an answer that cannot be read or written; ERANGE for
 * a chain of more than 1000; EINVAL for nr_args.
 */
struct io_uring_query_hdr {
	__u64	next_entry;
	__u64	query_data;
	__u32	query_op;
	__u32	size;
	__s32	result;
	__u32	__resv[3];
};

/**
 * struct io_uring_query_opcode - what io_uring accepts
 * @nr_request_opcodes: one more than the highest IORING_OP_*
 * @nr_register_opcodes: one more than the highest IORING_REGISTER_*; those
 *	below are not all implemented
 * @feature_flags: all IORING_FEAT_* that a new ring reports
 * @ring_setup_flags: all IORING_SETUP_* that io_uring_setup() accepts, some of
 *	them only together
 * @enter_flags: all IORING_ENTER_* that io_uring_enter() accepts
 * @sqe_flags: all IOSQE_* that a request may have
 * @nr_query_opcodes: one more than the highest &enum io_uring_query_op
 * @__pad: 0
 */
struct io_uring_query_opcode {
	__u32	nr_request_opcodes;
	__u32	nr_register_opcodes;
	__u64	feature_flags;
	__u64	ring_setup_flags;
	__u64	enter_flags;
	__u64	sqe_flags;
	__u32	nr_query_opcodes;
	__u32	__pad;
};

/**
 * struct io_uring_query_zcrx - zero-copy receive
 * @register_flags: &enum zcrx_reg_flags that are supported
 * @area_flags: &enum io_uring_zcrx_area_flags that are supported
 * @nr_ctrl_opcodes: every &enum zcrx_ctrl_op below this is supported
 * @features: &enum zcrx_features that are supported, whatever a NIC can do
 * @rq_hdr_size: bytes of a refill ring in front of its entries
 * @rq_hdr_alignment: what that is aligned to, in bytes
 * @__resv2: 0
 *
 * A refill ring in memory of the process needs @rq_hdr_size bytes, and
 * sizeof(struct io_uring_zcrx_rqe) for each entry.
 */
struct io_uring_query_zcrx {
	__u64	register_flags;
	__u64	area_flags;
	__u32	nr_ctrl_opcodes;
	__u32	features;
	__u32	rq_hdr_size;
	__u32	rq_hdr_alignment;
	__u64	__resv2;
};

/**
 * struct io_uring_query_zcrx_event - events of zero-copy receive
 * @event_flags: &enum zcrx_event_desc_flags that are supported
 * @stats_size: bytes of struct zcrx_stats
 * @stats_off_alignment: what &zcrx_event_desc.stats_offset is a multiple of
 * @__resv1: 0
 * @__resv2: 0
 */
struct io_uring_query_zcrx_event {
	__u32	event_flags;
	__u32	stats_size;
	__u32	stats_off_alignment;
	__u32	__resv1;
	__u64	__resv2[4];
};

/**
 * struct io_uring_query_scq - memory of the submission and completion rings
 * @hdr_size: bytes of both rings' common header, in front of the completions
 * @hdr_alignment: what the header is aligned to, in bytes
 *
 * For a program that brings the memory, with IORING_SETUP_NO_MMAP.
 */
struct io_uring_query_scq {
	__u64	hdr_size;
	__u64	hdr_alignment;
};

#ifdef __cplusplus
}
#endif

#endif /* LINUX_IO_URING_QUERY_H */
