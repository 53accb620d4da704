// SPDX-License-Identifier: GPL-2.0
/*
 * The refill ring's consumer.
 *
 * The ring lies in memory that user space writes at any time, with anything:
 *
 *   user space (producer)              kernel (consumer, rq->lock)
 *
 *   load-acquire head      <--(B)--    store-release head
 *   write entries                      load-acquire tail
 *   store-release tail     --(A)-->    read entries
 *
 * (A) makes the entries visible before the tail that covers them, (B) keeps
 * them from being overwritten while they are read. User space may ignore both;
 * then it gets entries of its own making, and each is read once and checked
 * before use. The head that counts is the cached one: what user space writes
 * to the shared one only fools user space.
 *
 * An entry gives one user reference back, whatever part of the buffer it
 * names. That nobody gives back what was never handed out is ensured by the
 * user reference count alone.
 */

#include <linux/io_uring_types.h>
#include <net/page_pool/helpers.h>

#include "zcrx.h"

#define ZCRX_RQ_TAIL_OFF	64
#define ZCRX_RQ_HDR_SIZE	128

/**
 * zcrx_rq_init() - set a refill ring up
 * @rq: the ring
 * @acct: whom its memory is charged to
 * @nr_entries: how many entries it has, a power of two
 * @desc: the memory it lies in
 * @offsets: filled in: where the parts of the ring are
 *
 * Return: 0, or a negative error of the region; -EINVAL if it is too small.
 */
int zcrx_rq_init(struct zcrx_rq *rq, struct zcrx_account *acct,
		 u32 nr_entries, const struct io_uring_region_desc *desc,
		 struct io_uring_zcrx_offsets *offsets)
{
	size_t size = ZCRX_RQ_HDR_SIZE +
		      (size_t)nr_entries * sizeof(*rq->rqes);
	int ret;

	if (desc->size < size)
		return -EINVAL;

	ret = zcrx_region_create(&rq->region, acct, desc);
	if (ret)
		return ret;

	rq->nr_entries = nr_entries;
	rq->head = rq->region.ptr;
	rq->tail = rq->region.ptr + ZCRX_RQ_TAIL_OFF;
	rq->rqes = rq->region.ptr + ZCRX_RQ_HDR_SIZE;
	WRITE_ONCE(*rq->head, 0);
	WRITE_ONCE(*rq->tail, 0);

	memset(offsets, 0, sizeof(*offsets));
	offsets->tail = ZCRX_RQ_TAIL_OFF;
	offsets->rqes = ZCRX_RQ_HDR_SIZE;
	return 0;
}

void zcrx_rq_free(struct zcrx_rq *rq, struct zcrx_account *acct)
{
	zcrx_region_free(&rq->region, acct);
}

/* The net_iov that an entry gives back, its user reference dropped. */
static struct net_iov *zcrx_rq_take(struct zcrx_ifq *ifq,
				    const struct io_uring_zcrx_rqe *rqe)
{
	u64 off = READ_ONCE(rqe->off);
	struct net_iov *niov;

	if (unlikely(READ_ONCE(rqe->__pad)))
		return NULL;

	niov = zcrx_area_find(ifq, off);
	if (unlikely(!niov))
		return NULL;
	if (unlikely(!atomic_add_unless(zcrx_niov_user_refs(niov), -1, 0)))
		return NULL;
	return niov;
}

/* Put a net_iov that came back into the cache of @pp. False if it is another
 * pool's.
 */
static bool zcrx_pool_cache(struct page_pool *pp, struct net_iov *niov)
{
	/* Filled by a copy: now it may as well receive. */
	if (unlikely(!niov->pp))
		net_mp_niov_set_page_pool(pp, niov);
	if (unlikely(niov->pp != pp))
		return false;

	pp->alloc.cache[pp->alloc.count++] = net_iov_to_netmem(niov);
	return true;
}

/* Take entries off the ring until @max buffers are in the cache of @pp, or,
 * without a pool, on the free list. Returns how many there are.
 */
static unsigned int zcrx_rq_consume(struct zcrx_queue *queue,
				    struct page_pool *pp, unsigned int max)
{
	struct zcrx_rq *rq = &queue->rq;
	unsigned int count = 0;
	u32 head, mask, left;

	spin_lock_bh(&rq->lock);
	head = rq->cached_head;
	mask = rq->nr_entries - 1;
	/* (A) */
	left = min(smp_load_acquire(rq->tail) - head, rq->nr_entries);
	if (!left)
		goto out;

	for (; left && count < max; left--) {
		struct net_iov *niov = zcrx_rq_take(queue->ifq,
						    &rq->rqes[head++ & mask]);

		if (unlikely(!niov)) {
			rq->invalid++;
			continue;
		}
		if (!page_pool_is_last_ref(net_iov_to_netmem(niov)))
			continue;

		if (pp && likely(zcrx_pool_cache(pp, niov))) {
			count++;
		} else {
			zcrx_niov_put_unrefed(niov);
			count += !pp;
		}
	}

	rq->cached_head = head;
	/* (B) */
	smp_store_release(rq->head, head);
out:
	spin_unlock_bh(&rq->lock);
	return count;
}

/**
 * zcrx_rq_fill_pool() - give returned buffers to a page_pool
 * @queue: the queue whose refill ring is consumed
 * @pp: a page_pool of it
 * @max: how many buffers the pool's cache has room for
 *
 * Called by the pool's consumer. Buffers of other pools go home on the way.
 *
 * Return: how many buffers were put into the cache of @pp.
 */
unsigned int zcrx_rq_fill_pool(struct zcrx_queue *queue, struct page_pool *pp,
			       unsigned int max)
{
	return zcrx_rq_consume(queue, pp, max);
}

/**
 * zcrx_rq_drain() - send returned buffers home
 * @queue: the queue whose refill ring is consumed
 * @max: how many are enough
 *
 * For a queue whose NAPI does not run, as no flow is steered to it.
 *
 * Return: how many buffers went to the free lists.
 */
unsigned int zcrx_rq_drain(struct zcrx_queue *queue, unsigned int max)
{
	return zcrx_rq_consume(queue, NULL, max);
}
