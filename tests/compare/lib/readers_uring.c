// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>

#include "readers.h"

#define BUFFERS		16
#define BUFFER_LEN	(8 * 1024)
#define GROUP		1

static int open_uring(struct reader *r)
{
	r->uring.held = -1;
	return io_uring_queue_init(8, &r->uring.ring, 0);
}

static void close_uring(struct reader *r)
{
	io_uring_queue_exit(&r->uring.ring);
}

/* The next completion's result and flags. */
static int complete(struct reader *r, __u32 *flags)
{
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_wait_cqe(&r->uring.ring, &cqe);
	if (ret)
		return ret;
	ret = cqe->res;
	*flags = cqe->flags;
	io_uring_cqe_seen(&r->uring.ring, cqe);
	return ret;
}

static ssize_t read_uring(struct reader *r, void *buf, size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring.ring);
	__u32 flags;
	int ret;

	io_uring_prep_recv(sqe, r->sock, buf, len, 0);
	ret = io_uring_submit(&r->uring.ring);
	return ret < 0 ? ret : complete(r, &flags);
}

const struct reader_ops reader_uring = {
	.open = open_uring,
	.close = close_uring,
	.read = read_uring,
};

static void give(struct reader *r, int id)
{
	io_uring_buf_ring_add(r->uring.buffers,
			      r->uring.memory + id * BUFFER_LEN, BUFFER_LEN, id,
			      io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(r->uring.buffers, 1);
}

static int open_multishot(struct reader *r)
{
	int ret, i;

	ret = open_uring(r);
	if (ret)
		return ret;
	r->uring.memory = malloc(BUFFERS * BUFFER_LEN);
	if (!r->uring.memory)
		return -ENOMEM;
	r->uring.buffers = io_uring_setup_buf_ring(&r->uring.ring, BUFFERS,
						   GROUP, 0, &ret);
	if (!r->uring.buffers)
		return ret;
	for (i = 0; i < BUFFERS; i++)
		give(r, i);
	return 0;
}

static void close_multishot(struct reader *r)
{
	io_uring_free_buf_ring(&r->uring.ring, r->uring.buffers, BUFFERS,
			       GROUP);
	close_uring(r);
	free(r->uring.memory);
}

static int arm(struct reader *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring.ring);
	int ret;

	io_uring_prep_recv_multishot(sqe, r->sock, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	ret = io_uring_submit(&r->uring.ring);
	return ret < 0 ? ret : 0;
}

/* How much comes at a time is the kernel's choice, up to a buffer. */
static ssize_t read_multishot(struct reader *r,
			      void *buf __attribute__((unused)),
			      size_t len __attribute__((unused)))
{
	__u32 flags;
	int ret;

	if (r->uring.held >= 0)
		give(r, r->uring.held);
	r->uring.held = -1;
	do {
		ret = r->uring.armed ? 0 : arm(r);
		if (ret)
			return ret;
		ret = complete(r, &flags);
		r->uring.armed = flags & IORING_CQE_F_MORE;
		/* it ran out of buffers, and has some again */
	} while (ret == -ENOBUFS);
	if (flags & IORING_CQE_F_BUFFER) {
		r->uring.held = flags >> IORING_CQE_BUFFER_SHIFT;
		r->data = r->uring.memory + r->uring.held * BUFFER_LEN;
	}
	return ret;
}

const struct reader_ops reader_uring_multishot = {
	.open = open_multishot,
	.close = close_multishot,
	.read = read_multishot,
};
