// SPDX-License-Identifier: GPL-2.0
/*
 * The memory provider: what a page_pool calls. mp_priv is the queue.
 */

#include <linux/dma-mapping.h>
#include <linux/io_uring_types.h>
#include <linux/netdevice.h>
#include <net/netlink.h>
#include <net/page_pool/helpers.h>
#include <uapi/linux/netdev.h>

#include "zcrx.h"

/* Entries of other queues' refill rings, at a time. */
#define ZCRX_OTHERS_ENTRIES	(4 * ZCRX_RQ_BATCH)

static void zcrx_sync_for_device(struct page_pool *pp)
{
#if defined(CONFIG_HAS_DMA) && defined(CONFIG_DMA_NEED_SYNC)
	unsigned int i;

	if (!pp->dma_sync || !dma_dev_need_sync(pp->p.dev))
		return;

	for (i = 0; i < pp->alloc.count; i++) {
		netmem_ref netmem = pp->alloc.cache[i];
		dma_addr_t addr;

		if (netmem_no_dma_sync(netmem))
			continue;
		addr = page_pool_get_dma_addr_netmem(netmem);
		__dma_sync_single_for_device(pp->p.dev, addr + pp->p.offset,
					     pp->p.max_len, pp->p.dma_dir);
	}
#endif
}

/* What nobody has, of the areas in the order that they were added. */
static unsigned int zcrx_free_fill_pool(struct zcrx_ifq *ifq,
					struct page_pool *pp, unsigned int max)
{
	unsigned int left = max;
	struct zcrx_area *area;

	rcu_read_lock();
	list_for_each_entry_rcu(area, &ifq->area_list, list) {
		if (!left)
			break;
		if (!area->fallback)
			left -= zcrx_area_fill_pool(area, pp, left);
	}
	rcu_read_unlock();
	zcrx_event_check_low(ifq, true);
	return max - left;
}

/* A program need not know which queue a buffer came by, and gives it back by the
 * ring of one whose NAPI does not run: as long as somebody looks at it before a
 * queue goes without. What is of another pool gets here by way of the free lists.
 *
 * The driver tries again soon, so no more is looked at than a softirq has time for.
 */
static void zcrx_others_fill_pool(struct zcrx_queue *queue,
				  struct page_pool *pp, unsigned int max)
{
	unsigned int left = ZCRX_OTHERS_ENTRIES;
	struct zcrx_ifq *ifq = queue->ifq;
	struct zcrx_queue *other;

	rcu_read_lock();
	list_for_each_entry_rcu(other, &ifq->queues, list) {
		while (other != queue && left && !pp->alloc.count) {
			u32 batch = min_t(u32, left, ZCRX_RQ_BATCH);

			zcrx_rq_fill_pool(other, pp, max, &batch);
			if (!batch)
				break;
			left -= batch;
			if (!pp->alloc.count)
				zcrx_free_fill_pool(ifq, pp, max);
		}
	}
	rcu_read_unlock();
}

/* Called when the pool's cache and its ptr_ring are empty. What the user gave
 * back comes first, so that buffers that are warm in some cache are used
 * again before others are touched.
 */
static netmem_ref zcrx_alloc_netmems(struct page_pool *pp, gfp_t gfp)
{
	struct zcrx_queue *queue = pp->mp_priv;
	unsigned int ring, free = 0, others = 0;
	u32 entries = queue->rq.nr_entries;

	if (WARN_ON_ONCE(pp->alloc.count))
		return pp->alloc.cache[--pp->alloc.count];

	ring = zcrx_rq_fill_pool(queue, pp, PP_ALLOC_CACHE_REFILL, &entries);

	/* A ring that gave anything keeps the free list for copies. */
	if (!ring)
		free = zcrx_free_fill_pool(queue->ifq, pp,
					   PP_ALLOC_CACHE_REFILL);

	if (unlikely(!pp->alloc.count)) {
		zcrx_others_fill_pool(queue, pp, PP_ALLOC_CACHE_REFILL);
		others = pp->alloc.count;
	}

	if (unlikely(!pp->alloc.count)) {
		zcrx_stats_alloc_fail(queue);
		zcrx_event_raise(queue->ifq, ZCRX_EVENT_ALLOC_FAIL);
		return 0;
	}

	zcrx_stats_alloc(queue, ring, free, others);
	zcrx_sync_for_device(pp);
	return pp->alloc.cache[--pp->alloc.count];
}

static bool zcrx_release_netmem(struct page_pool *pp, netmem_ref netmem)
{
	struct net_iov *niov;

	if (WARN_ON_ONCE(!netmem_is_net_iov(netmem)))
		return false;

	niov = netmem_to_net_iov(netmem);
	net_mp_niov_clear_page_pool(niov);
	zcrx_area_put_free(niov);
	return false;
}

static int zcrx_pool_init(struct page_pool *pp)
{
	struct zcrx_queue *queue = pp->mp_priv;
	struct zcrx_ifq *ifq = queue->ifq;

	if (pp->p.order + PAGE_SHIFT != ifq->niov_shift)
		return -EOPNOTSUPP;
	if (pp->p.dma_dir != DMA_FROM_DEVICE || pp->p.dev != ifq->dev)
		return -EOPNOTSUPP;

	if (!zcrx_areas_need_sync(ifq)) {
		pp->dma_sync = false;
		pp->dma_sync_for_cpu = false;
	}

	/* time in which the interface was down is nobody's want */
	WRITE_ONCE(queue->stats.dry_since, 0);
	zcrx_queue_get(queue);
	return 0;
}

static void zcrx_pool_destroy(struct page_pool *pp)
{
	zcrx_queue_put(pp->mp_priv);
}

static int zcrx_nl_fill(void *mp_priv, struct sk_buff *rsp,
			struct netdev_rx_queue *rxq)
{
	struct zcrx_queue *queue = mp_priv;
	struct nlattr *nest;
	int type;

	type = rxq ? NETDEV_A_QUEUE_IO_URING : NETDEV_A_PAGE_POOL_IO_URING;
	nest = nla_nest_start(rsp, type);
	if (!nest)
		return -EMSGSIZE;

	if (nla_put_uint(rsp, NETDEV_A_IO_URING_PROVIDER_INFO_RX_BUF_LEN,
			 1U << queue->ifq->niov_shift)) {
		nla_nest_cancel(rsp, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(rsp, nest);
	return 0;
}

static void zcrx_uninstall(void *mp_priv, struct netdev_rx_queue *rxq)
{
	zcrx_queue_unbind(mp_priv);
}

const struct memory_provider_ops zcrx_provider_ops = {
	.alloc_netmems	= zcrx_alloc_netmems,
	.release_netmem	= zcrx_release_netmem,
	.init		= zcrx_pool_init,
	.destroy	= zcrx_pool_destroy,
	.nl_fill	= zcrx_nl_fill,
	.uninstall	= zcrx_uninstall,
};
