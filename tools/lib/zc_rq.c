// SPDX-License-Identifier: GPL-2.0
#include <sys/mman.h>

#include "zc_rq.h"

void *zc_rq_map(size_t len, int flags, int fd, off_t offset)
{
	void *region = mmap(NULL, len, PROT_READ | PROT_WRITE,
			    flags | MAP_POPULATE, fd, offset);

	if (region != MAP_FAILED)
		madvise(region, len, MADV_DONTFORK);
	return region;
}

void zc_rq_use(struct io_uring_zcrx_rq *rq, void *region,
	       const struct io_uring_zcrx_offsets *at, uint32_t entries)
{
	rq->ring_ptr = region;
	rq->khead = region + at->head;
	rq->ktail = region + at->tail;
	rq->rqes = region + at->rqes;
	rq->rq_tail = 0;
	rq->ring_entries = entries;
}
