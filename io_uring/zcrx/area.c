// SPDX-License-Identifier: GPL-2.0
/*
 * An area: memory cut into net_iovs, the list of those that are free, and the
 * count of references that the user holds on each.
 */

#include <linux/io_uring_types.h>
#include <linux/overflow.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <net/page_pool/helpers.h>

#include "zcrx.h"

#define ZCRX_AREA_FLAGS	(IORING_ZCRX_AREA_DMABUF | IORING_ZCRX_AREA_FALLBACK)

static int zcrx_area_check(struct zcrx_ifq *ifq,
			   const struct io_uring_zcrx_area_reg *reg)
{
	u64 end;

	if (reg->flags & ~ZCRX_AREA_FLAGS)
		return -EINVAL;
	/* It is a fallback for others, which come first. */
	if (reg->flags & IORING_ZCRX_AREA_FALLBACK &&
	    list_empty(&ifq->area_list))
		return -EINVAL;
	if (reg->rq_area_token)
		return -EINVAL;
	if (!mem_is_zero(reg->__resv2, sizeof(reg->__resv2)))
		return -EINVAL;
	if (!reg->len)
		return -EFAULT;
	if (reg->len > ZCRX_AREA_LEN_MAX)
		return -EINVAL;
	if (check_add_overflow(reg->addr, reg->len, &end) || end > ULONG_MAX)
		return -EOVERFLOW;
	if ((reg->addr | reg->len) & ~PAGE_MASK)
		return -EINVAL;
	return 0;
}

static int zcrx_area_import(struct zcrx_area *area,
			    const struct io_uring_zcrx_area_reg *reg)
{
	int ret;

	if (!(reg->flags & IORING_ZCRX_AREA_DMABUF))
		return zcrx_mem_import_user(&area->mem, &area->acct, reg);

	ret = zcrx_mem_import_dmabuf(&area->mem, area->ifq, reg);
	if (ret)
		return ret;
	/* Nobody but the CPU would write to it. */
	if (!area->mem.cpu && (area->fallback || !area->ifq->dev))
		return -EOPNOTSUPP;
	return 0;
}

static int zcrx_area_alloc_niovs(struct zcrx_area *area)
{
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;
	u32 nr = area->mem.len >> area->ifq->niov_shift;
	u32 i;

	area->nia.niovs = kvcalloc(nr, sizeof(*area->nia.niovs), gfp);
	area->freelist = kvmalloc_array(nr, sizeof(*area->freelist), gfp);
	area->user_refs = kvcalloc(nr, sizeof(*area->user_refs), gfp);
	if (!area->nia.niovs || !area->freelist || !area->user_refs)
		return -ENOMEM;

	area->nia.num_niovs = nr;
	area->nia.no_dma_sync = !area->mem.ops->dma_sync;
	for (i = 0; i < nr; i++) {
		net_iov_init(&area->nia.niovs[i], &area->nia, NET_IOV_IOURING);
		/* taken from the end: lowest index first */
		area->freelist[i] = nr - 1 - i;
	}
	area->free_count = nr;
	return 0;
}

/**
 * zcrx_area_create() - import memory as an area for an ifq
 * @ifq: the ifq
 * @ctx: the ring that asks, whose user pays; it may be another than the one
 *	that registered the ifq
 * @reg: what user space asks for
 *
 * Return: the area, which the caller owns, or a negative error as in the ABI's
 * order.
 */
struct zcrx_area *zcrx_area_create(struct zcrx_ifq *ifq,
				   struct io_ring_ctx *ctx,
				   const struct io_uring_zcrx_area_reg *reg)
{
	struct zcrx_area *area;
	int ret;

	ret = zcrx_area_check(ifq, reg);
	if (ret)
		return ERR_PTR(ret);

	area = kzalloc(sizeof(*area), GFP_KERNEL_ACCOUNT);
	if (!area)
		return ERR_PTR(-ENOMEM);
	area->ifq = ifq;
	area->fallback = reg->flags & IORING_ZCRX_AREA_FALLBACK;
	zcrx_account_init(&area->acct, ctx);
	spin_lock_init(&area->free_lock);
	refcount_set(&area->refs, 1);

	ret = zcrx_area_import(area, reg);
	if (ret)
		goto err_free;

	/* What is mapped for a NIC is looked at there. */
	ret = -ERANGE;
	if (area->fallback && area->mem.len & ((1ULL << ifq->niov_shift) - 1))
		goto err_free;

	ret = zcrx_area_alloc_niovs(area);
	if (ret)
		goto err_free;
	return area;

err_free:
	zcrx_area_free(area);
	return ERR_PTR(ret);
}

/* Free an area that is mapped nowhere and whose net_iovs nobody holds. */
void zcrx_area_free(struct zcrx_area *area)
{
	WARN_ON_ONCE(area->mem.sgt);
	WARN_ON_ONCE(area->free_count != area->nia.num_niovs);

	kvfree(area->user_refs);
	kvfree(area->freelist);
	kvfree(area->nia.niovs);
	if (area->mem.ops)
		area->mem.ops->release(&area->mem, &area->acct);
	zcrx_account_release(&area->acct);
	kfree(area);
}

/* The last reference on one that left: whoever waits for that is told. */
void zcrx_area_put(struct zcrx_area *area)
{
	struct zcrx_notice *notice;

	if (!refcount_dec_and_test(&area->refs))
		return;
	/* not before: whoever removes it may just have set it */
	notice = area->notice;
	zcrx_area_free(area);
	if (notice)
		zcrx_notice_send(notice);
}

/* Tell each net_iov its DMA address. It may span segments that follow each
 * other without a gap, as exporters are free to cut a dma-buf into pages.
 *
 * -ERANGE if net_iovs are larger than the memory is contiguous, -EINVAL if it
 * does not even consist of pages.
 */
static int zcrx_area_set_dma_addrs(struct zcrx_area *area)
{
	u64 niov_len = 1ULL << area->ifq->niov_shift;
	dma_addr_t start = 0, end = 0;	/* what no net_iov has yet */
	u64 skip = area->mem.off, left = area->mem.len;
	struct scatterlist *sg;
	u32 idx = 0;
	int i;

	for_each_sgtable_dma_sg(area->mem.sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		u64 len = sg_dma_len(sg);

		if ((addr | len) & ~PAGE_MASK)
			return -EINVAL;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		addr += skip;
		len = min(len - skip, left);
		left -= len;
		skip = 0;

		if (start == end)
			start = addr;
		else if (addr != end)
			return -ERANGE;
		end = addr + len;

		for (; end - start >= niov_len; start += niov_len) {
			if (net_mp_niov_set_dma_addr(&area->nia.niovs[idx++],
						     start))
				return -EFAULT;
		}
		if (!left)
			break;
	}
	if (start != end)
		return -ERANGE;
	return idx == area->nia.num_niovs ? 0 : -EINVAL;
}

/* Map an area for the ifq's device; ifq->lock is held. */
int zcrx_area_map(struct zcrx_area *area)
{
	struct device *dev = area->ifq->dev;
	int ret;

	ret = area->mem.ops->map(&area->mem, dev);
	if (ret)
		return ret;

	ret = zcrx_area_set_dma_addrs(area);
	if (ret)
		area->mem.ops->unmap(&area->mem, dev);
	return ret;
}

/* Undo zcrx_area_map(), if it is mapped; ifq->lock is held. */
void zcrx_area_unmap(struct zcrx_area *area)
{
	if (area->mem.sgt)
		area->mem.ops->unmap(&area->mem, area->ifq->dev);
}

/* Once an area is leaving, no net_iov is taken off its free list any more. */
void zcrx_area_set_leaving(struct zcrx_area *area, bool leaving)
{
	spin_lock_bh(&area->free_lock);
	WRITE_ONCE(area->leaving, leaving);
	spin_unlock_bh(&area->free_lock);
}

/* All net_iovs of one that is condemned are on the free list; the lock is held. */
static void zcrx_area_check_home(struct zcrx_area *area)
{
	if (area->condemned && area->free_count == area->nia.num_niovs)
		queue_work(system_unbound_wq, &area->gone_work);
}

/* From now on its gone_work runs as soon as the last net_iov is home. */
void zcrx_area_condemn(struct zcrx_area *area)
{
	spin_lock_bh(&area->free_lock);
	area->condemned = true;
	zcrx_area_check_home(area);
	spin_unlock_bh(&area->free_lock);
}

/* Take a net_iov off the free list, NULL if it is empty. The caller owns its
 * only reference.
 */
struct net_iov *zcrx_area_take_free(struct zcrx_area *area)
{
	struct net_iov *niov = NULL;

	spin_lock_bh(&area->free_lock);
	if (area->free_count && !area->leaving)
		niov = &area->nia.niovs[area->freelist[--area->free_count]];
	spin_unlock_bh(&area->free_lock);

	if (niov)
		page_pool_fragment_netmem(net_iov_to_netmem(niov), 1);
	return niov;
}

/* Give a net_iov that is in no pool to @pp; called by the pool's consumer. */
void zcrx_niov_enter_pool(struct page_pool *pp, struct net_iov *niov)
{
	/* The areas before were none of the CPU's business: see
	 * zcrx_pool_init(). Nobody but the consumer reads these before he hands
	 * out a buffer to which they matter.
	 */
	if (unlikely(zcrx_niov_area(niov)->mem.ops->dma_sync && !pp->dma_sync)) {
		pp->dma_sync = true;
		pp->dma_sync_for_cpu = true;
	}
	net_mp_niov_set_page_pool(pp, niov);
}

/* Give up to @max free net_iovs to @pp; called by the pool's consumer. */
unsigned int zcrx_area_fill_pool(struct zcrx_area *area, struct page_pool *pp,
				 unsigned int max)
{
	unsigned int i, nr;

	spin_lock_bh(&area->free_lock);
	nr = area->leaving ? 0 : min(max, area->free_count);
	for (i = 0; i < nr; i++) {
		u32 idx = area->freelist[--area->free_count];
		struct net_iov *niov = &area->nia.niovs[idx];

		zcrx_niov_enter_pool(pp, niov);
		pp->alloc.cache[pp->alloc.count++] = net_iov_to_netmem(niov);
	}
	spin_unlock_bh(&area->free_lock);
	return nr;
}

/* Put a net_iov that is in no pool and that nobody holds on the free list. Its
 * area lives as long as this lock is held, and to those in an RCU read section.
 */
void zcrx_area_put_free(struct net_iov *niov)
{
	struct zcrx_area *area = zcrx_niov_area(niov);

	spin_lock_bh(&area->free_lock);
	if (!WARN_ON_ONCE(area->free_count >= area->nia.num_niovs))
		area->freelist[area->free_count++] = net_iov_idx(niov);
	zcrx_area_check_home(area);
	/* from here on it may be gone */
	spin_unlock_bh(&area->free_lock);
}

/* Send a net_iov home whose last reference was dropped: to the free list, and
 * not by way of its pool's ptr_ring, which is emptied once a second when the
 * pool is dying while the one that follows it may starve.
 */
void zcrx_niov_put_unrefed(struct net_iov *niov)
{
	if (niov->pp)
		page_pool_return_page(niov->pp, net_iov_to_netmem(niov));
	else
		zcrx_area_put_free(niov);
}

/* Take back all that the user holds. A refill entry that is consumed at the
 * same time wins the reference or loses it, as each is taken atomically.
 */
void zcrx_area_scrub(struct zcrx_area *area)
{
	size_t i;

	for (i = 0; i < area->nia.num_niovs; i++) {
		struct net_iov *niov = &area->nia.niovs[i];
		int nr;

		if (!(i % 4096))
			cond_resched();
		if (!atomic_read(&area->user_refs[i]))
			continue;
		nr = atomic_xchg(&area->user_refs[i], 0);
		if (nr && !page_pool_unref_netmem(net_iov_to_netmem(niov), nr))
			zcrx_niov_put_unrefed(niov);
	}
}
