// SPDX-License-Identifier: GPL-2.0
/* io_uring's multishot recv into a ring of provided buffers: it copies. */
#include <errno.h>
#include <stdlib.h>

#include <liburing.h>

#include "method.h"

#define NR_BUFS		64
#define BUF_LEN		(32 * 1024)
#define GROUP		1

static struct io_uring ring;
static struct io_uring_buf_ring *bufs;
static char *memory;

static int arm(struct bench *b)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	int ret;

	io_uring_prep_recv_multishot(sqe, b->sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	b->n.syscalls++;
	ret = io_uring_submit(&ring);
	return ret < 0 ? ret : 0;
}

static void give_back(int bid, int at)
{
	io_uring_buf_ring_add(bufs, memory + (size_t)bid * BUF_LEN, BUF_LEN,
			      bid, io_uring_buf_ring_mask(NR_BUFS), at);
}

static void close_uring(struct bench *b)
{
	(void)b;
	io_uring_free_buf_ring(&ring, bufs, NR_BUFS, GROUP);
	io_uring_queue_exit(&ring);
	free(memory);
}

static int open_uring(struct bench *b)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = 4096,
	};
	int ret, i;

	b->failed = "ring with provided buffers";
	ret = io_uring_queue_init_params(8, &ring, &p);
	if (ret)
		return ret;
	memory = aligned_alloc(4096, (size_t)NR_BUFS * BUF_LEN);
	bufs = io_uring_setup_buf_ring(&ring, NR_BUFS, GROUP, 0, &ret);
	if (!memory || !bufs) {
		io_uring_queue_exit(&ring);
		free(memory);
		return ret ? ret : -ENOMEM;
	}
	for (i = 0; i < NR_BUFS; i++)
		give_back(i, i);
	io_uring_buf_ring_advance(bufs, NR_BUFS);
	ret = arm(b);
	if (ret)
		close_uring(b);
	return ret;
}

static int take(struct bench *b, const struct io_uring_cqe *cqe, int *returned)
{
	int bid = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

	b->n.cqes++;
	if (cqe->flags & IORING_CQE_F_BUFFER) {
		if (cqe->res > 0) {
			b->n.copied += cqe->res;
			if (bench_take(b, memory + (size_t)bid * BUF_LEN,
				       cqe->res))
				return -EILSEQ;
		}
		give_back(bid, (*returned)++);
	}
	if (cqe->flags & IORING_CQE_F_MORE)
		return 0;
	if (cqe->res < 0 && cqe->res != -ENOBUFS)
		return cqe->res;
	return cqe->res ? 1 : -EPIPE;
}

static int receive(struct bench *b, uint64_t until)
{
	while (b->n.bytes < until) {
		unsigned int head, seen = 0;
		struct io_uring_cqe *cqe;
		int ret, returned = 0;
		bool again = false;

		ret = io_uring_submit_and_wait(&ring, 1);
		b->n.syscalls++;
		if (ret < 0)
			return ret;
		io_uring_for_each_cqe(&ring, head, cqe) {
			seen++;
			ret = take(b, cqe, &returned);
			if (ret < 0)
				return ret;
			again = again || ret;
		}
		io_uring_cq_advance(&ring, seen);
		io_uring_buf_ring_advance(bufs, returned);
		b->n.returned += returned;
		b->n.publishes += !!returned;
		if (again) {
			ret = arm(b);
			if (ret)
				return ret;
		}
	}
	return 0;
}

const struct bench_method method_uring = {
	.name = "io_uring recv",
	.open = open_uring,
	.receive = receive,
	.close = close_uring,
};
