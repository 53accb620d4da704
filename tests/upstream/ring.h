/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UPSTREAM_RING_H
#define UPSTREAM_RING_H

#include <linux/io_uring.h>
#include <linux/io_uring/zcrx.h>
#include <stddef.h>

/* io_uring by system calls: a ring of the kind that zcrx demands. */
struct ring {
	int fd;
	unsigned int *sq_tail, *sq_array, sq_mask;
	unsigned int *cq_head, *cq_tail, cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;	/* each is two of them */
	void *map;
	size_t map_len, sqes_len;
};

/* All return 0 or -errno. */
int ring_open(struct ring *ring, unsigned int cq_entries);
void ring_close(struct ring *ring);

/* io_uring_register(); without a ring, its fd is -1. */
int ring_register(int fd, unsigned int opcode, void *arg, unsigned int nr_args);

/* Submits IORING_OP_RECV_ZC, without a limit. */
int ring_recv_zc(struct ring *ring, int sock, __u32 zcrx_id, __u64 user_data);

/*
 * The next completion, to be given back by ring_seen(); NULL if there is none
 * in time.
 */
const struct io_uring_cqe *ring_wait(struct ring *ring, unsigned int timeout_ms);
void ring_seen(struct ring *ring);

/* The second half of a completion. */
static inline const struct io_uring_zcrx_cqe *
ring_zcrx_cqe(const struct io_uring_cqe *cqe)
{
	return (const void *)(cqe + 1);
}

#endif /* UPSTREAM_RING_H */
