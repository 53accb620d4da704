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
#include <linux/log2.h>
#include <linux/nospec.h>
#include <net/page_pool/helpers.h>
#include <trace/events/zcrx.h>

#include "zcrx.h"

#define ZCRX_RQ_TAIL_OFF	ZCRX_RQ_HDR_ALIGN

/* Tell user space where the parts of a refill ring are. */
void zcrx_rq_tell(struct io_uring_zcrx_offsets *offsets)
{
	*offsets = (struct io_uring_zcrx_offsets) {
		.tail	= ZCRX_RQ_TAIL_OFF,
		.rqes	= ZCRX_RQ_HDR_SIZE,
	};
}

/**
 * zcrx_rq_entries() - how many entries a refill ring gets
 * @ctx: the ring that asks
 * @nr_entries: what it asks for, and what it gets: a power of two
 *
 * Return: 0, or -EINVAL: none, or more than there may be.
 */
int zcrx_rq_entries(const struct io_ring_ctx *ctx, u32 *nr_entries)
{
	if (!*nr_entries)
		return -EINVAL;
	if (*nr_entries > ZCRX_RQ_ENTRIES_MAX) {
		if (!(ctx->flags & IORING_SETUP_CLAMP))
			return -EINVAL;
		*nr_entries = ZCRX_RQ_ENTRIES_MAX;
	}
	*nr_entries = roundup_pow_of_two(*nr_entries);
	return 0;
}

/**
 * zcrx_rq_init() - set a refill ring up
 * @rq: the ring
 * @acct: whom its memory is charged to
 * @nr_entries: how many entries it has, a power of two
 * @desc: the memory it lies in
 *
 * It may be read after zcrx_rq_start().
 *
 * Return: 0, or a negative error of the region; -EINVAL if it is too small.
 */
int zcrx_rq_init(struct zcrx_rq *rq, struct zcrx_account *acct,
		 u32 nr_entries, const struct io_uring_region_desc *desc)
{
	int ret;

	if (desc->size < zcrx_rq_size(nr_entries))
		return -EINVAL;

	ret = zcrx_region_create(&rq->region, acct, desc);
	if (ret)
		return ret;

	rq->nr_entries = nr_entries;
	rq->head = rq->region.ptr;
	rq->tail = rq->region.ptr + ZCRX_RQ_TAIL_OFF;
	rq->rqes = rq->region.ptr + ZCRX_RQ_HDR_SIZE;
	return 0;
}

/**
 * zcrx_rq_start() - make a refill ring empty
 * @rq: the ring, which nobody reads yet
 *
 * Its memory is not written to before: what is refused may be another ring's.
 */
void zcrx_rq_start(struct zcrx_rq *rq)
{
	WRITE_ONCE(*rq->head, 0);
	WRITE_ONCE(*rq->tail, 0);
	if (rq->behind)
		memset(rq->behind, 0, rq->behind_len);
}

void zcrx_rq_free(struct zcrx_rq *rq, struct zcrx_account *acct)
{
	zcrx_region_free(&rq->region, acct);
}

/**
 * zcrx_rq_behind() - memory of a refill ring's region that has no entries
 * @rq: the ring
 * @off: where user space wants it, from the start of the region
 * @size: how much
 *
 * Once for a ring; zcrx_rq_start() zeroes it.
 *
 * Return: it; -EINVAL if it is not aligned, -ERANGE if it is not behind the entries
 * or does not fit.
 */
void *zcrx_rq_behind(struct zcrx_rq *rq, u64 off, size_t size)
{
	size_t len = rq->region.nr_pages << PAGE_SHIFT;

	if (!IS_ALIGNED(off, ZCRX_STATS_ALIGN))
		return ERR_PTR(-EINVAL);
	if (off < zcrx_rq_size(rq->nr_entries) || off > len || len - off < size)
		return ERR_PTR(-ERANGE);
	rq->behind = rq->region.ptr + off;
	rq->behind_len = size;
	return rq->behind;
}

/* The net_iov that an entry gives back, its user reference dropped. */
static struct net_iov *zcrx_rq_take(struct zcrx_ifq *ifq,
				    const struct io_uring_zcrx_rqe *rqe)
{
	u64 off = READ_ONCE(rqe->off);
	struct zcrx_area *area;
	u64 idx;

	/* read behind (A): an area whose token an entry has was added before */
	area = rcu_dereference_bh(ifq->areas[zcrx_token_slot(off)]);
	if (unlikely(READ_ONCE(rqe->__pad) || !area))
		return NULL;
	/* of another area, past this one's end: less than its start wraps */
	idx = (off - area->token) >> ifq->niov_shift;
	if (unlikely(idx >= area->nia.num_niovs))
		return NULL;
	idx = array_index_nospec(idx, area->nia.num_niovs);
	if (unlikely(!atomic_add_unless(&area->user_refs[idx], -1, 0)))
		return NULL;
	return &area->nia.niovs[idx];
}

/* Put a net_iov that came back into the cache of @pp. False if it is another
 * pool's.
 */
static bool zcrx_pool_cache(struct page_pool *pp, struct net_iov *niov)
{
	/* Filled by a copy: now it may as well receive. */
	if (unlikely(!niov->pp && zcrx_area_receives(zcrx_niov_area(niov))))
		zcrx_niov_enter_pool(pp, niov);
	if (unlikely(niov->pp != pp))
		return false;

	pp->alloc.cache[pp->alloc.count++] = net_iov_to_netmem(niov);
	return true;
}

/* Take up to *@entries off the ring, until @max buffers are in the cache of @pp,
 * or, without a pool, on the free list. Returns how many there are, and in
 * *@entries how many were taken.
 */
static unsigned int zcrx_rq_consume(struct zcrx_queue *queue,
				    struct page_pool *pp, unsigned int max,
				    u32 *entries)
{
	struct zcrx_rq *rq = &queue->rq;
	unsigned int count = 0;
	u64 invalid;
	u32 head, mask, left;

	spin_lock_bh(&rq->lock);
	head = rq->cached_head;
	mask = rq->nr_entries - 1;
	/* (A) */
	left = min3(smp_load_acquire(rq->tail) - head, rq->nr_entries,
		    *entries);
	*entries = 0;
	if (!left)
		goto out;

	invalid = rq->invalid;
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

	*entries = head - rq->cached_head;
	rq->cached_head = head;
	invalid = rq->invalid - invalid;
	rq->returned += *entries - invalid;
	atomic64_add(*entries - invalid, &queue->ifq->counters.returned);
	if (unlikely(invalid))
		atomic64_add(invalid, &queue->ifq->counters.invalid);
	trace_zcrx_refill(queue->ifq->serial, queue->rxq, *entries, invalid);
	/* (B) */
	smp_store_release(rq->head, head);
out:
	spin_unlock_bh(&rq->lock);
	return count;
}

/**
 * zcrx_rq_fill_pool() - give returned buffers to a page_pool
 * @queue: the queue whose refill ring is consumed
 * @pp: a page_pool of it, or of another queue of the ifq
 * @max: how many buffers the pool's cache has room for
 * @entries: how many entries to look at, and then how many were
 *
 * Called by the pool's consumer. Buffers of other pools go home on the way.
 *
 * Return: how many buffers were put into the cache of @pp.
 */
unsigned int zcrx_rq_fill_pool(struct zcrx_queue *queue, struct page_pool *pp,
			       unsigned int max, u32 *entries)
{
	return zcrx_rq_consume(queue, pp, max, entries);
}

/**
 * zcrx_rq_drain() - send returned buffers home
 * @queue: the queue whose refill ring is consumed
 * @max: how many are enough
 *
 * For a queue whose NAPI does not run, as no flow is steered to it. Takes no
 * more entries than the ring has, however fast user space writes. May sleep.
 *
 * Return: how many buffers went to the free lists.
 */
unsigned int zcrx_rq_drain(struct zcrx_queue *queue, unsigned int max)
{
	u32 left = queue->rq.nr_entries;
	unsigned int count = 0;

	while (left && count < max) {
		u32 batch = min_t(u32, left, ZCRX_RQ_BATCH);

		count += zcrx_rq_consume(queue, NULL, max - count, &batch);
		if (!batch)
			break;
		left -= batch;
		cond_resched();
	}
	return count;
}
