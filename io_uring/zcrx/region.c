// SPDX-License-Identifier: GPL-2.0
/*
 * Memory shared with user space: pinned user memory, or memory of ours that
 * user space maps from the ring's fd.
 */

#include <linux/io_uring_types.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include "zcrx.h"

static int zcrx_region_check(const struct io_uring_region_desc *desc)
{
	u64 end;

	if (desc->flags & ~IORING_MEM_REGION_TYPE_USER)
		return -EINVAL;
	if (!mem_is_zero(desc->__resv, sizeof(desc->__resv)))
		return -EINVAL;
	/* An address says "pin this", which the flag must say too. */
	if (!(desc->flags & IORING_MEM_REGION_TYPE_USER) != !desc->user_addr)
		return -EFAULT;
	if (!desc->size || desc->mmap_offset || desc->id)
		return -EINVAL;
	if (desc->size >> PAGE_SHIFT > INT_MAX)
		return -E2BIG;
	if ((desc->user_addr | desc->size) & ~PAGE_MASK)
		return -EINVAL;
	if (check_add_overflow(desc->user_addr, desc->size, &end) ||
	    end > ULONG_MAX)
		return -EOVERFLOW;
	return 0;
}

static int zcrx_region_alloc(struct zcrx_region *region)
{
	unsigned long nr = region->nr_pages, got;

	region->pages = kvcalloc(nr, sizeof(*region->pages),
				 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!region->pages)
		return -ENOMEM;

	got = alloc_pages_bulk_array(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				     __GFP_NOWARN, nr, region->pages);
	while (got < nr) {
		struct page *page = NULL;

		/* it may be more than the machine has */
		if (!fatal_signal_pending(current))
			page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO |
					  __GFP_NOWARN);
		if (!page) {
			release_pages(region->pages, got);
			kvfree(region->pages);
			return -ENOMEM;
		}
		region->pages[got++] = page;
	}
	return 0;
}

static int zcrx_region_pin(struct zcrx_region *region, u64 addr, u64 size)
{
	int nr_pages;

	region->pages = zcrx_pin_pages(addr, size, &nr_pages);
	return PTR_ERR_OR_ZERO(region->pages);
}

static void zcrx_region_put_pages(struct zcrx_region *region)
{
	if (region->user)
		unpin_user_pages_dirty_lock(region->pages, region->nr_pages,
					    true);
	else
		release_pages(region->pages, region->nr_pages);
	kvfree(region->pages);
}

/**
 * zcrx_region_create() - map a region into the kernel
 * @region: the region
 * @acct: whom its pages are charged to
 * @desc: what user space asks for
 *
 * Return: 0, -EINVAL, -EFAULT, -E2BIG, -EOVERFLOW or -ENOMEM.
 */
int zcrx_region_create(struct zcrx_region *region, struct zcrx_account *acct,
		       const struct io_uring_region_desc *desc)
{
	int ret;

	ret = zcrx_region_check(desc);
	if (ret)
		return ret;

	region->nr_pages = desc->size >> PAGE_SHIFT;
	region->user = desc->flags & IORING_MEM_REGION_TYPE_USER;

	ret = zcrx_account_mem(acct, region->nr_pages);
	if (ret)
		return ret;

	if (region->user)
		ret = zcrx_region_pin(region, desc->user_addr, desc->size);
	else
		ret = zcrx_region_alloc(region);
	if (ret)
		goto err_unaccount;

	region->ptr = vmap(region->pages, region->nr_pages, VM_MAP,
			   PAGE_KERNEL);
	if (!region->ptr) {
		ret = -ENOMEM;
		goto err_put_pages;
	}
	return 0;

err_put_pages:
	zcrx_region_put_pages(region);
err_unaccount:
	zcrx_unaccount_mem(acct, region->nr_pages);
	memset(region, 0, sizeof(*region));
	return ret;
}

/* Does nothing for a region that was not created. */
void zcrx_region_free(struct zcrx_region *region, struct zcrx_account *acct)
{
	if (!region->ptr)
		return;

	vunmap(region->ptr);
	zcrx_region_put_pages(region);
	zcrx_unaccount_mem(acct, region->nr_pages);
	memset(region, 0, sizeof(*region));
}
