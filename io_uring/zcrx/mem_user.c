// SPDX-License-Identifier: GPL-2.0
/*
 * User memory as an area: pinned pages, charged to whoever registered them.
 */

#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/io_uring_types.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>

#include "../io_uring.h"
#include "../memmap.h"
#include "../rsrc.h"
#include "zcrx.h"

#define ZCRX_DMA_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_WEAK_ORDERING)

/**
 * zcrx_account_mem() - charge pinned pages
 * @acct: whom to charge
 * @nr_pages: how many
 *
 * Return: 0, or -ENOMEM if that is over RLIMIT_MEMLOCK.
 */
int zcrx_account_mem(struct zcrx_account *acct, unsigned long nr_pages)
{
	int ret;

	if (acct->user) {
		ret = __io_account_mem(acct->user, nr_pages);
		if (ret)
			return ret;
	}
	if (acct->mm)
		atomic64_add(nr_pages, &acct->mm->pinned_vm);
	return 0;
}

void zcrx_unaccount_mem(struct zcrx_account *acct, unsigned long nr_pages)
{
	if (acct->user)
		__io_unaccount_mem(acct->user, nr_pages);
	if (acct->mm)
		atomic64_sub(nr_pages, &acct->mm->pinned_vm);
}

/**
 * zcrx_pin_pages() - pin user memory
 * @addr: where it starts, page-aligned
 * @len: bytes, a multiple of the page size
 * @nr_pages: how many pages were pinned
 *
 * Return: the pages, to be freed with kvfree(), or -EFAULT, -EOVERFLOW, -ENOMEM
 * or -EINVAL as an error pointer.
 */
struct page **zcrx_pin_pages(u64 addr, u64 len, int *nr_pages)
{
	/* kvmalloc() warns of a larger array, and has none */
	if (len >> PAGE_SHIFT > INT_MAX / sizeof(struct page *))
		return ERR_PTR(-ENOMEM);
	return io_pin_pages(addr, len, nr_pages);
}

/* A pinned page keeps its whole folio, so that is what it costs. */
static unsigned long zcrx_count_pages(struct page **pages, unsigned long nr)
{
	struct folio *last = NULL;
	unsigned long i, sum = 0;

	for (i = 0; i < nr; i++) {
		struct folio *folio = page_folio(pages[i]);

		if (folio == last)
			continue;
		last = folio;
		sum += folio_nr_pages(folio);
	}
	return sum;
}

static int zcrx_mem_user_map(struct zcrx_mem *mem, struct device *dev)
{
	/* what bounces goes in small pieces, whatever the device can do */
	unsigned int max = min_t(size_t, dma_get_max_seg_size(dev),
				 dma_max_mapping_size(dev));
	int ret;

	/* so that it does not cut a net_iov in two */
	max = rounddown_pow_of_two(max);
	ret = sg_alloc_table_from_pages_segment(&mem->page_sgt, mem->pages,
						mem->nr_pages, 0, mem->len, max,
						GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;

	ret = dma_map_sgtable(dev, &mem->page_sgt, DMA_FROM_DEVICE,
			      ZCRX_DMA_ATTRS);
	if (ret) {
		sg_free_table(&mem->page_sgt);
		return ret;
	}
	mem->sgt = &mem->page_sgt;
	return 0;
}

static void zcrx_mem_user_unmap(struct zcrx_mem *mem, struct device *dev)
{
	dma_unmap_sgtable(dev, mem->sgt, DMA_FROM_DEVICE, ZCRX_DMA_ATTRS);
	sg_free_table(mem->sgt);
	mem->sgt = NULL;
}

static void zcrx_mem_user_release(struct zcrx_mem *mem,
				  struct zcrx_account *acct)
{
	unpin_user_pages_dirty_lock(mem->pages, mem->nr_pages, true);
	zcrx_unaccount_mem(acct, mem->accounted);
	kvfree(mem->pages);
}

static int zcrx_mem_user_copy_in(struct zcrx_mem *mem, u64 off,
				 struct sk_buff *skb, int skb_off, int len)
{
	while (len) {
		unsigned int in_page = offset_in_page(off);
		int part = min_t(int, len, PAGE_SIZE - in_page);
		void *kaddr = kmap_local_page(mem->pages[off >> PAGE_SHIFT]);
		int ret;

		ret = skb_copy_bits(skb, skb_off, kaddr + in_page, part);
		kunmap_local(kaddr);
		if (ret)
			return ret;

		off += part;
		skb_off += part;
		len -= part;
	}
	return 0;
}

static const struct zcrx_mem_ops zcrx_mem_user_ops = {
	.map		= zcrx_mem_user_map,
	.unmap		= zcrx_mem_user_unmap,
	.release	= zcrx_mem_user_release,
	.copy_in	= zcrx_mem_user_copy_in,
	.dma_sync	= true,
};

/**
 * zcrx_mem_import_user() - pin user memory
 * @mem: zeroed; filled in on success
 * @acct: whom to charge
 * @reg: the checked registration
 *
 * Return: 0, -EINVAL (a dma-buf without the flag), -EFAULT (no address, or
 * memory that cannot be pinned), -ENOMEM.
 */
int zcrx_mem_import_user(struct zcrx_mem *mem, struct zcrx_account *acct,
			 const struct io_uring_zcrx_area_reg *reg)
{
	unsigned long accounted;
	struct page **pages;
	int nr_pages, ret;

	if (reg->dmabuf_fd)
		return -EINVAL;
	if (!reg->addr)
		return -EFAULT;

	pages = zcrx_pin_pages(reg->addr, reg->len, &nr_pages);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	accounted = zcrx_count_pages(pages, nr_pages);
	ret = zcrx_account_mem(acct, accounted);
	if (ret) {
		unpin_user_pages(pages, nr_pages);
		kvfree(pages);
		return ret;
	}

	mem->ops = &zcrx_mem_user_ops;
	mem->len = reg->len;
	mem->cpu = true;
	mem->pages = pages;
	mem->nr_pages = nr_pages;
	mem->accounted = accounted;
	return 0;
}
