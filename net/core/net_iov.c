// SPDX-License-Identifier: GPL-2.0
/*
 * What a memory provider does with a net_iov on its way into a page_pool and
 * out of it again.
 */

#include <net/netmem.h>
#include <net/page_pool/memory_provider.h>
#include <trace/events/page_pool.h>

#include "page_pool_priv.h"

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
