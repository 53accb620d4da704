/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_ZC_RQ_H
#define LIB_ZC_RQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <liburing.h>

/*
 * A refill ring, as who writes to it sees it.
 */

/*
 * Memory for one: of our own, or the kernel's behind fd; flags beside those that it
 * has anyway. MAP_FAILED and errno if there is none. Children do not get it.
 */
void *zc_rq_map(size_t len, int flags, int fd, off_t offset);

/* It lies there, with so many entries, and is empty. */
void zc_rq_use(struct io_uring_zcrx_rq *rq, void *region,
	       const struct io_uring_zcrx_offsets *at, uint32_t entries);

/*
 * Writes an entry, which the kernel sees after zc_rq_publish(). False: it is full.
 * For each buffer that is received, hence inline.
 */
static inline bool zc_rq_push(struct io_uring_zcrx_rq *rq,
			      const struct io_uring_zcrx_rqe *rqe)
{
	/* pairs with the kernel's store of head behind its last read */
	if (rq->rq_tail - io_uring_smp_load_acquire(rq->khead) ==
	    rq->ring_entries)
		return false;
	rq->rqes[rq->rq_tail & (rq->ring_entries - 1)] = *rqe;
	rq->rq_tail++;
	return true;
}

static inline void zc_rq_publish(struct io_uring_zcrx_rq *rq)
{
	/* the entries first: pairs with the kernel's acquire of tail */
	io_uring_smp_store_release(rq->ktail, rq->rq_tail);
}

#endif /* LIB_ZC_RQ_H */
