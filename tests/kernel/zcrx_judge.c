// SPDX-License-Identifier: GPL-2.0
/*
 * Looks up in the IOMMU's own tables which memory devices can reach:
 * zcrx_judge.h tells what for. It knows the legacy mode of VT-d, where a
 * device's context leads to one page table; that is what QEMU's intel-iommu
 * does if it is not told otherwise.
 */

#include <linux/acpi.h>
#include <linux/bitmap.h>
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include "zcrx_judge.h"

/* Registers of the IOMMU, and what the tables consist of. */
#define VTD_REGS_LEN		0x1000
#define VTD_GSTS		0x1c
#define  VTD_GSTS_TES		BIT(31)
#define VTD_RTADDR		0x20
#define  VTD_RTADDR_MODE	GENMASK_ULL(11, 10)
#define VTD_ADDR		GENMASK_ULL(51, 12)
#define VTD_PRESENT		BIT_ULL(0)
#define VTD_CONTEXT_TYPE	GENMASK_ULL(3, 2)
#define VTD_CONTEXT_WIDTH	GENMASK_ULL(2, 0)
#define VTD_PTE_ACCESS		GENMASK_ULL(1, 0)
#define VTD_PTE_LARGE		BIT_ULL(7)
#define VTD_LEVEL_BITS		9
#define VTD_ENTRIES		BIT(VTD_LEVEL_BITS)

/* Of the root table and of a context table: entries of two words. */
#define VTD_CONTEXTS		256

struct judge {
	struct mutex	lock;		/* of all below */
	struct page	**pages;
	unsigned long	nr_pages;	/* as pages */
	struct xarray	by_pfn;		/* a page's first index in pages */
};

/* A device's page table. */
struct judge_table {
	u64		addr;
	unsigned int	levels;
};

/* Leaf entries that lead to watched pages, of one device. */
struct judge_hits {
	struct judge	*judge;
	unsigned long	*seen;		/* pages, by index, or NULL */
	unsigned int	entries;
	unsigned long	wanted;		/* index of the page to find, ... */
	u64		iova;		/* ... and where it was found */
	bool		found;
};

static void __iomem *vtd_regs;

/*
 * The tables
 */

/*
 * The kernel may free a table while it is read here: what comes then is no
 * worse than what the hardware would get, but KASAN must not look.
 */
static u64 vtd_word(u64 table, unsigned int i)
{
	u64 *p;

	if (!pfn_valid(PHYS_PFN(table)))
		return 0;
	p = phys_to_virt(table);
	return READ_ONCE_NOCHECK(p[i]);
}

static int vtd_root(u64 *root)
{
	if (!(readl(vtd_regs + VTD_GSTS) & VTD_GSTS_TES))
		return -EOPNOTSUPP;

	*root = readq(vtd_regs + VTD_RTADDR);
	if (*root & VTD_RTADDR_MODE)
		return -EOPNOTSUPP;
	*root &= VTD_ADDR;
	return 0;
}

/* -ENOENT if the device has no context: all that it does is a fault. */
static int vtd_table(u64 root, u32 rid, struct judge_table *table)
{
	unsigned int devfn = rid & 0xff;
	u64 bus, lo, hi;

	bus = vtd_word(root, 2 * (rid >> 8 & 0xff));
	if (!(bus & VTD_PRESENT))
		return -ENOENT;
	lo = vtd_word(bus & VTD_ADDR, 2 * devfn);
	hi = vtd_word(bus & VTD_ADDR, 2 * devfn + 1);
	if (!(lo & VTD_PRESENT))
		return -ENOENT;
	/* It may pass by, or have translations of its own. */
	if (lo & VTD_CONTEXT_TYPE)
		return -EOPNOTSUPP;

	table->addr = lo & VTD_ADDR;
	table->levels = (hi & VTD_CONTEXT_WIDTH) + 2;
	return table->levels <= 5 ? 0 : -EOPNOTSUPP;
}

static unsigned int vtd_shift(unsigned int level)
{
	return PAGE_SHIFT + (level - 1) * VTD_LEVEL_BITS;
}

static bool vtd_is_leaf(u64 pte, unsigned int level)
{
	return level == 1 || pte & VTD_PTE_LARGE;
}

/* Where in memory the device's address leads. */
static int vtd_translate(const struct judge_table *table, u64 iova, u64 *phys)
{
	u64 addr = table->addr, pte;
	unsigned int level;

	if (iova >> vtd_shift(table->levels + 1))
		return -ENOENT;
	for (level = table->levels; level; level--) {
		u64 mask = BIT_ULL(vtd_shift(level)) - 1;

		pte = vtd_word(addr, iova >> vtd_shift(level) &
				     (VTD_ENTRIES - 1));
		if (!(pte & VTD_PTE_ACCESS))
			return -ENOENT;
		addr = pte & VTD_ADDR;
		if (vtd_is_leaf(pte, level)) {
			*phys = (addr & ~mask) | (iova & mask);
			return 0;
		}
	}
	return -ENOENT;
}

static void judge_leaf(struct judge_hits *hits, u64 iova, u64 phys, u64 len)
{
	struct judge *judge = hits->judge;
	unsigned long first = PHYS_PFN(phys);
	unsigned long pfn;
	void *entry;

	xa_for_each_range(&judge->by_pfn, pfn, entry, first,
			  first + PHYS_PFN(len) - 1) {
		unsigned long i = xa_to_value(entry);

		hits->entries++;
		if (hits->seen)
			__set_bit(i, hits->seen);
		if (i == hits->wanted && !hits->found) {
			hits->iova = iova + PFN_PHYS(pfn - first);
			hits->found = true;
		}
	}
}

/* As deep as the table has levels. */
static void judge_walk(struct judge_hits *hits, u64 table, unsigned int level,
		       u64 iova)
{
	u64 len = BIT_ULL(vtd_shift(level));
	unsigned int i;

	for (i = 0; i < VTD_ENTRIES; i++, iova += len) {
		u64 pte = vtd_word(table, i);

		if (!(pte & VTD_PTE_ACCESS))
			continue;
		if (vtd_is_leaf(pte, level))
			judge_leaf(hits, iova, (pte & VTD_ADDR) & ~(len - 1),
				   len);
		else
			judge_walk(hits, pte & VTD_ADDR, level - 1, iova);
	}
	cond_resched();
}

static void judge_note_sharer(struct zcrx_judge_count *count, u32 rid)
{
	if (count->sharers < ZCRX_JUDGE_SHARERS)
		count->sharer[count->sharers] = rid;
	count->sharers++;
}

static int judge_count_all(struct judge *judge, struct zcrx_judge_count *count,
			   unsigned long *seen)
{
	struct judge_table own = {}, table;
	u64 root;
	u32 rid;
	int ret;

	ret = vtd_root(&root);
	if (ret)
		return ret;
	/* It may be unplugged. */
	ret = vtd_table(root, count->rid, &own);
	if (ret && ret != -ENOENT)
		return ret;

	for (rid = 0; rid < VTD_CONTEXTS * VTD_CONTEXTS; rid++) {
		struct judge_hits hits = {
			.judge = judge,
			.seen = rid == count->rid ? seen : NULL,
			.wanted = ULONG_MAX,
		};

		ret = vtd_table(root, rid, &table);
		if (ret == -ENOENT)
			continue;
		if (ret)
			return ret;
		count->devices++;
		if (rid != count->rid && table.addr == own.addr) {
			judge_note_sharer(count, rid);
			continue;
		}
		judge_walk(&hits, table.addr, table.levels, 0);
		if (rid == count->rid)
			count->entries = hits.entries;
		else
			count->others += hits.entries;
	}
	return 0;
}

static int judge_count(struct judge *judge, struct zcrx_judge_count *count)
{
	unsigned long *seen;
	int ret;

	if (!judge->pages)
		return -ENODATA;
	*count = (struct zcrx_judge_count) {
		.rid = count->rid,
		.pages = judge->nr_pages,
	};

	seen = bitmap_zalloc(judge->nr_pages, GFP_KERNEL);
	if (!seen)
		return -ENOMEM;
	ret = judge_count_all(judge, count, seen);
	count->mapped = bitmap_weight(seen, judge->nr_pages);
	bitmap_free(seen);
	return ret;
}

static int judge_find(struct judge *judge, struct zcrx_judge_word *word)
{
	struct judge_hits hits = {
		.judge = judge,
		.wanted = word->page,
	};
	struct judge_table table;
	u64 root;
	int ret;

	if (word->page >= judge->nr_pages)
		return -EINVAL;

	ret = vtd_root(&root);
	if (!ret)
		ret = vtd_table(root, word->rid, &table);
	if (ret)
		return ret;

	judge_walk(&hits, table.addr, table.levels, 0);
	word->iova = hits.iova;
	return hits.found ? 0 : -ENOENT;
}

static int judge_access(struct zcrx_judge_word *word, bool write)
{
	struct judge_table table;
	u64 root, phys;
	u64 *p;
	int ret;

	if (word->iova % sizeof(u64))
		return -EINVAL;

	ret = vtd_root(&root);
	if (!ret)
		ret = vtd_table(root, word->rid, &table);
	if (!ret)
		ret = vtd_translate(&table, word->iova, &phys);
	if (ret)
		return ret;
	/* such as where the device writes its interrupts to */
	if (!pfn_valid(PHYS_PFN(phys)))
		return -EFAULT;

	p = phys_to_virt(phys);
	if (write)
		WRITE_ONCE(*p, word->value);
	else
		word->value = READ_ONCE(*p);
	return 0;
}

/*
 * What is watched
 */

static void judge_put_pages(struct page **pages, unsigned long nr)
{
	while (nr--)
		put_page(pages[nr]);
}

/* No pins, but references: the tests count the pins that zcrx has. */
static int judge_get_user(struct page **pages, unsigned long nr, u64 addr)
{
	unsigned long done = 0;

	while (done < nr) {
		int n = min(nr - done, 512UL);

		n = get_user_pages_fast(addr + (done << PAGE_SHIFT), n,
					FOLL_WRITE, pages + done);
		if (n <= 0) {
			judge_put_pages(pages, done);
			return n ?: -EFAULT;
		}
		done += n;
	}
	return 0;
}

static int judge_get_dmabuf(struct page **pages, unsigned long nr, int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct iosys_map map;
	unsigned long i;
	int ret;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = -EINVAL;
	if (dmabuf->size != nr << PAGE_SHIFT)
		goto out_put;
	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (ret)
		goto out_put;

	ret = map.is_iomem || !is_vmalloc_addr(map.vaddr) ? -EOPNOTSUPP : 0;
	for (i = 0; !ret && i < nr; i++) {
		pages[i] = vmalloc_to_page(map.vaddr + (i << PAGE_SHIFT));
		get_page(pages[i]);
	}
	dma_buf_vunmap_unlocked(dmabuf, &map);
out_put:
	dma_buf_put(dmabuf);
	return ret;
}

static int judge_index(struct judge *judge)
{
	unsigned long i;

	for (i = 0; i < judge->nr_pages; i++) {
		int ret = xa_insert(&judge->by_pfn,
				    page_to_pfn(judge->pages[i]),
				    xa_mk_value(i), GFP_KERNEL);

		/* Each page once, or the numbers would mean nothing. */
		if (ret)
			return ret == -EBUSY ? -EINVAL : ret;
	}
	return 0;
}

static void judge_forget(struct judge *judge)
{
	if (!judge->pages)
		return;
	judge_put_pages(judge->pages, judge->nr_pages);
	kvfree(judge->pages);
	judge->pages = NULL;
	judge->nr_pages = 0;
	xa_destroy(&judge->by_pfn);
}

static int judge_watch(struct judge *judge, const struct zcrx_judge_watch *w)
{
	unsigned long nr = w->len >> PAGE_SHIFT;
	struct page **pages;
	int ret;

	if (!w->len || w->len > ZCRX_JUDGE_SIZE_MAX || w->resv ||
	    !PAGE_ALIGNED(w->addr | w->len))
		return -EINVAL;
	if (judge->pages)
		return -EBUSY;

	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	if (w->dmabuf_fd >= 0)
		ret = judge_get_dmabuf(pages, nr, w->dmabuf_fd);
	else
		ret = judge_get_user(pages, nr, w->addr);
	if (ret) {
		kvfree(pages);
		return ret;
	}

	judge->pages = pages;
	judge->nr_pages = nr;
	ret = judge_index(judge);
	if (ret)
		judge_forget(judge);
	return ret;
}

/*
 * The device file
 */

static int judge_ioctl_watch(struct judge *judge, const void __user *arg)
{
	struct zcrx_judge_watch watch;

	if (copy_from_user(&watch, arg, sizeof(watch)))
		return -EFAULT;
	return judge_watch(judge, &watch);
}

static int judge_ioctl_count(struct judge *judge, void __user *arg)
{
	struct zcrx_judge_count count;
	int ret;

	if (copy_from_user(&count, arg, sizeof(count)))
		return -EFAULT;
	ret = judge_count(judge, &count);
	if (ret)
		return ret;
	return copy_to_user(arg, &count, sizeof(count)) ? -EFAULT : 0;
}

static int judge_ioctl_word(struct judge *judge, unsigned int cmd,
			    void __user *arg)
{
	struct zcrx_judge_word word;
	int ret;

	if (copy_from_user(&word, arg, sizeof(word)))
		return -EFAULT;
	if (cmd == ZCRX_JUDGE_FIND)
		ret = judge_find(judge, &word);
	else
		ret = judge_access(&word, cmd == ZCRX_JUDGE_POKE);
	if (ret || cmd == ZCRX_JUDGE_POKE)
		return ret;
	return copy_to_user(arg, &word, sizeof(word)) ? -EFAULT : 0;
}

static long judge_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	struct judge *judge = file->private_data;
	long ret = -ENOTTY;

	mutex_lock(&judge->lock);
	switch (cmd) {
	case ZCRX_JUDGE_WATCH:
		ret = judge_ioctl_watch(judge, uarg);
		break;
	case ZCRX_JUDGE_COUNT:
		ret = judge_ioctl_count(judge, uarg);
		break;
	case ZCRX_JUDGE_FIND:
	case ZCRX_JUDGE_PEEK:
	case ZCRX_JUDGE_POKE:
		ret = judge_ioctl_word(judge, cmd, uarg);
		break;
	}
	mutex_unlock(&judge->lock);
	return ret;
}

/* What is in the memory now, whoever still has it mapped. */
static ssize_t judge_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct judge *judge = iocb->ki_filp->private_data;
	loff_t *pos = &iocb->ki_pos;
	ssize_t done = 0;

	mutex_lock(&judge->lock);
	while (*pos >> PAGE_SHIFT < judge->nr_pages && iov_iter_count(to)) {
		size_t off = offset_in_page(*pos);
		size_t n = min(PAGE_SIZE - off, iov_iter_count(to));
		size_t copied;

		copied = copy_page_to_iter(judge->pages[*pos >> PAGE_SHIFT],
					   off, n, to);
		done += copied;
		*pos += copied;
		if (copied < n) {
			done = done ?: -EFAULT;
			break;
		}
	}
	mutex_unlock(&judge->lock);
	return done;
}

static int judge_open(struct inode *inode, struct file *file)
{
	struct judge *judge;

	judge = kzalloc(sizeof(*judge), GFP_KERNEL_ACCOUNT);
	if (!judge)
		return -ENOMEM;
	mutex_init(&judge->lock);
	xa_init(&judge->by_pfn);
	file->private_data = judge;
	return 0;
}

static int judge_close(struct inode *inode, struct file *file)
{
	struct judge *judge = file->private_data;

	judge_forget(judge);
	mutex_destroy(&judge->lock);
	kfree(judge);
	return 0;
}

static const struct file_operations judge_fops = {
	.owner		= THIS_MODULE,
	.open		= judge_open,
	.release	= judge_close,
	.read_iter	= judge_read_iter,
	.unlocked_ioctl	= judge_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice judge_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= ZCRX_JUDGE_DEV,
	.fops	= &judge_fops,
	.mode	= 0600,
};

/* The first IOMMU that the firmware tells of; the tests' machine has one. */
static u64 judge_regs_addr(void)
{
	const struct acpi_dmar_hardware_unit *unit;
	struct acpi_table_header *dmar;
	u64 addr = 0;

	if (ACPI_FAILURE(acpi_get_table(ACPI_SIG_DMAR, 0, &dmar)))
		return 0;
	unit = (void *)dmar + sizeof(struct acpi_table_dmar);
	if (unit->header.type == ACPI_DMAR_TYPE_HARDWARE_UNIT)
		addr = unit->address;
	acpi_put_table(dmar);
	return addr;
}

static int __init judge_init(void)
{
	u64 addr = judge_regs_addr();
	int ret;

	if (!addr)
		return -ENODEV;
	vtd_regs = ioremap(addr, VTD_REGS_LEN);
	if (!vtd_regs)
		return -ENOMEM;
	ret = misc_register(&judge_misc);
	if (ret)
		iounmap(vtd_regs);
	return ret;
}
module_init(judge_init);

static void __exit judge_exit(void)
{
	misc_deregister(&judge_misc);
	iounmap(vtd_regs);
}
module_exit(judge_exit);

MODULE_DESCRIPTION("Which memory devices can reach, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
