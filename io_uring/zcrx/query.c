// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_QUERY: what this kernel has. It needs no ring, so it is
 * asked before one is made.
 */

#include <linux/io_uring_types.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <uapi/linux/io_uring/query.h>

#include "zcrx.h"

/* A chain that is longer than this is taken for one that has no end. */
#define QUERY_CHAIN_MAX	1000

/* No answer will ever be longer, whatever room there is for it. */
#define QUERY_ROOM_MAX	PAGE_SIZE

/* What io_uring_setup() accepts and reports, io_uring_enter() accepts, and
 * requests may carry. The `query` test compares each with what these do.
 */
#define QUERY_FEATURES							\
	(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP |			\
	 IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |		\
	 IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |		\
	 IORING_FEAT_POLL_32BITS | IORING_FEAT_SQPOLL_NONFIXED |	\
	 IORING_FEAT_EXT_ARG | IORING_FEAT_NATIVE_WORKERS |		\
	 IORING_FEAT_RSRC_TAGS | IORING_FEAT_CQE_SKIP |			\
	 IORING_FEAT_LINKED_FILE | IORING_FEAT_REG_REG_RING |		\
	 IORING_FEAT_RECVSEND_BUNDLE | IORING_FEAT_MIN_TIMEOUT)

#define QUERY_SETUP_FLAGS						\
	(IORING_SETUP_IOPOLL | IORING_SETUP_SQPOLL |			\
	 IORING_SETUP_SQ_AFF | IORING_SETUP_CQSIZE |			\
	 IORING_SETUP_CLAMP | IORING_SETUP_ATTACH_WQ |			\
	 IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |		\
	 IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |	\
	 IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |			\
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |	\
	 IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |	\
	 IORING_SETUP_NO_SQARRAY)

#define QUERY_ENTER_FLAGS						\
	(IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP |		\
	 IORING_ENTER_SQ_WAIT | IORING_ENTER_EXT_ARG |			\
	 IORING_ENTER_REGISTERED_RING | IORING_ENTER_ABS_TIMER)

#define QUERY_SQE_FLAGS							\
	(IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK |		\
	 IOSQE_IO_HARDLINK | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |	\
	 IOSQE_CQE_SKIP_SUCCESS)

static const struct io_uring_query_opcode query_opcode = {
	.nr_request_opcodes	= IORING_OP_LAST,
	.nr_register_opcodes	= IORING_REGISTER_LAST,
	.feature_flags		= QUERY_FEATURES,
	.ring_setup_flags	= QUERY_SETUP_FLAGS,
	.enter_flags		= QUERY_ENTER_FLAGS,
	.sqe_flags		= QUERY_SQE_FLAGS,
	.nr_query_opcodes	= __IO_URING_QUERY_MAX,
};

static const struct io_uring_query_zcrx query_zcrx = {
	.register_flags		= ZCRX_REG_IMPORT | ZCRX_REG_NODEV,
	.area_flags		= IORING_ZCRX_AREA_DMABUF,
	.nr_ctrl_opcodes	= __ZCRX_CTRL_LAST,
	.features		= ZCRX_FEATURE_RX_PAGE_SIZE | ZCRX_FEATURE_EVENT,
	.rq_hdr_size		= ZCRX_RQ_HDR_SIZE,
	.rq_hdr_alignment	= ZCRX_RQ_HDR_ALIGN,
};

static const struct io_uring_query_zcrx_event query_event = {
	.event_flags		= ZCRX_EVENT_DESC_FLAG_STATS,
	.stats_size		= sizeof(struct zcrx_stats),
	.stats_off_alignment	= ZCRX_STATS_ALIGN,
};

static const struct io_uring_query_scq query_scq = {
	.hdr_size		= sizeof(struct io_rings),
	.hdr_alignment		= SMP_CACHE_BYTES,
};

static const struct io_uring_query_zcrx_ext query_ext = {
	.features		= ZCRX_EXT_DMABUF_COPY | ZCRX_EXT_DMABUF_RANGE |
				  ZCRX_EXT_DMABUF_NODEV |
				  ZCRX_EXT_FALLBACK_AREA | ZCRX_EXT_MIXED_AREAS |
				  ZCRX_EXT_UNREGISTER | ZCRX_EXT_REMOVE_AREA |
				  ZCRX_EXT_SUBSCRIBE | ZCRX_EXT_QUEUES |
				  ZCRX_EXT_STATS,
	.area_flags		= IORING_ZCRX_AREA_FALLBACK,
	.event_flags		= ZCRX_EVENT_DESC_FLAG_EXT,
	.stats_size		= sizeof(struct zcrx_ext_stats),
	.queue_stats_size	= sizeof(struct zcrx_queue_stats),
};

struct query_answer {
	const void	*data;
	u32		size;
};

static const struct query_answer query_answers[] = {
	[IO_URING_QUERY_OPCODES] = { &query_opcode, sizeof(query_opcode) },
	[IO_URING_QUERY_ZCRX] = { &query_zcrx, sizeof(query_zcrx) },
	[IO_URING_QUERY_SCQ] = { &query_scq, sizeof(query_scq) },
	[IO_URING_QUERY_ZCRX_EVENT] = { &query_event, sizeof(query_event) },
};

static const struct query_answer query_answer_ext = {
	&query_ext, sizeof(query_ext)
};

/* Ours have numbers far from upstream's. NULL: there is no such operation. */
static const struct query_answer *query_find(u32 op)
{
	if (op == IO_URING_QUERY_ZCRX_EXT)
		return &query_answer_ext;
	if (op >= ARRAY_SIZE(query_answers))
		return NULL;
	return &query_answers[array_index_nospec(op, ARRAY_SIZE(query_answers))];
}

static int query_check(const struct io_uring_query_hdr *hdr)
{
	if (!mem_is_zero(hdr->__resv, sizeof(hdr->__resv)) || hdr->result ||
	    !hdr->size)
		return -EINVAL;
	return 0;
}

/* Answer one header. What is wrong with it goes into its result; -EFAULT ends
 * the call. The room that the answer leaves is zeroed, which is how a program
 * newer than this kernel reads fields that are not there.
 */
static int query_answer(struct io_uring_query_hdr *hdr)
{
	const struct query_answer *answer = query_find(hdr->query_op);
	void __user *data = u64_to_user_ptr(hdr->query_data);
	u32 room = min_t(u32, hdr->size, QUERY_ROOM_MAX);

	hdr->result = answer ? query_check(hdr) : -EOPNOTSUPP;
	hdr->size = 0;
	if (!hdr->result) {
		hdr->size = min(room, answer->size);
		if (copy_to_user(data, answer->data, hdr->size))
			return -EFAULT;
	}
	return clear_user(data + hdr->size, room - hdr->size) ? -EFAULT : 0;
}

/**
 * io_uring_query() - IORING_REGISTER_QUERY
 * @arg: the first struct io_uring_query_hdr of a chain in user space
 * @nr_args: 0
 *
 * Return: 0, -EINVAL (@nr_args), -EFAULT, -ERANGE (the chain is too long), or
 * -EINTR (killed).
 */
int io_uring_query(void __user *arg, unsigned int nr_args)
{
	struct io_uring_query_hdr hdr;
	unsigned int i;
	int ret;

	if (nr_args)
		return -EINVAL;

	for (i = 0; arg; i++) {
		if (i == QUERY_CHAIN_MAX)
			return -ERANGE;
		if (fatal_signal_pending(current))
			return -EINTR;
		if (copy_from_user(&hdr, arg, sizeof(hdr)))
			return -EFAULT;

		ret = query_answer(&hdr);
		if (ret)
			return ret;
		if (copy_to_user(arg, &hdr, sizeof(hdr)))
			return -EFAULT;

		arg = u64_to_user_ptr(hdr.next_entry);
		cond_resched();
	}
	return 0;
}
