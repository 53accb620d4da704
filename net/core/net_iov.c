// SPDX-License-Identifier: GPL-2.0
/*
 * What a memory provider does with a net_iov on its way into a page_pool and
 * out of it again, and what the stack does when there is none left.
 */

#include <linux/skbuff.h>
#include <net/netmem.h>
#include <net/page_pool/memory_provider.h>
#include <trace/events/page_pool.h>

#include "page_pool_priv.h"

/* As many as a page_pool takes from its ring at a time. */
#define NET_MP_SPARE	PP_ALLOC_CACHE_REFILL

/**
 * net_mp_alloc_netmems() - ask the provider of a page_pool for buffers
 * @pool: the pool, its cache empty
 * @gfp: for what the provider allocates itself
 *
 * Called in the context of the pool's consumer.
 *
 * Return: a buffer, or 0 if the provider has none.
 */
netmem_ref net_mp_alloc_netmems(struct page_pool *pool, gfp_t gfp)
{
	netmem_ref netmem = pool->mp_ops->alloc_netmems(pool, gfp);

	/* read for each segment that is out of order, changed rarely */
	if (unlikely(pool->mp_dry != !netmem))
		WRITE_ONCE(pool->mp_dry, !netmem);

	return netmem;
}

/* Does the ring of a pool have more than a few buffers? As __ptr_ring_empty(), for
 * the one so far from the next. What was taken and is not cleared yet is behind that
 * one, and no more than half of a ring.
 */
static bool net_mp_pool_has_spare(const struct page_pool *pool)
{
	const struct ptr_ring *r = &pool->ring;
	int at = READ_ONCE(r->consumer_head) + min(NET_MP_SPARE, r->size / 4);

	if (at >= r->size)
		at -= r->size;
	return READ_ONCE(r->queue[at]);
}

/**
 * net_mp_pool_dry() - is a segment's buffer missed where it came from?
 * @skb: a segment
 *
 * A segment behind a hole in the sequence keeps its buffers until the hole is
 * filled, and no reader can help. Once the NIC has run out of buffers, the
 * segment that fills the hole is lost for want of one, each time it is sent.
 * So what is out of order must be dropped while buffers still circulate: from
 * the moment that the provider has none left, when the NIC has those of its
 * ring.
 *
 * Buffers that came home since are in the pool's ring, where the NIC's next refill
 * finds them, without asking the provider. Enough of them and nobody is missed, but
 * not the few that segments were dropped with just now, or half of those that come
 * behind a hole would be kept.
 *
 * Any context that holds the skb, since its buffers keep their pool.
 *
 * Return: true if @skb has buffers of a memory provider that has no other left.
 */
bool net_mp_pool_dry(const struct sk_buff *skb)
{
	const skb_frag_t *frag = &skb_shinfo(skb)->frags[0];
	const struct net_iov *niov;

	if (likely(skb_frags_readable(skb)) || !skb_shinfo(skb)->nr_frags ||
	    !skb_frag_is_net_iov(frag))
		return false;

	niov = skb_frag_net_iov(frag);
	return READ_ONCE(niov->pp->mp_dry) && !net_mp_pool_has_spare(niov->pp);
}

/**
 * net_mp_niov_set_dma_addr() - record where the device finds a net_iov
 * @niov: the net_iov, in no page_pool
 * @addr: its DMA address, page aligned
 *
 * Return: true if @addr does not fit into the field (64-bit DMA addresses on
 * a 32-bit machine).
 */
bool net_mp_niov_set_dma_addr(struct net_iov *niov, dma_addr_t addr)
{
	return page_pool_set_dma_addr_netmem(net_iov_to_netmem(niov), addr);
}

/**
 * net_mp_niov_set_page_pool() - give a net_iov to a page_pool
 * @pool: the pool
 * @niov: a net_iov that is in no pool, with a DMA address
 *
 * Called from the provider's alloc_netmems, in the context of the pool's
 * consumer.
 */
void net_mp_niov_set_page_pool(struct page_pool *pool, struct net_iov *niov)
{
	netmem_ref netmem = net_iov_to_netmem(niov);

	page_pool_set_pp_info(pool, netmem);

	pool->pages_state_hold_cnt++;
	trace_page_pool_state_hold(pool, netmem, pool->pages_state_hold_cnt);
}

/**
 * net_mp_niov_clear_page_pool() - take a net_iov back from its page_pool
 * @niov: the net_iov
 *
 * Called from the provider's release_netmem. The pool counts the release when
 * that returns.
 */
void net_mp_niov_clear_page_pool(struct net_iov *niov)
{
	page_pool_clear_pp_info(net_iov_to_netmem(niov));
}
