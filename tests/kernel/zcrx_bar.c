// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf exporter for tests, whose memory is another device's BAR:
 * zcrx_bar.h tells what for, and what happens if that device goes.
 */

#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "zcrx_bar.h"

#define BAR_VENDOR	0x1af4
#define BAR_DEVICE	0x1110	/* ivshmem */

/* The device, NULL if there is none, or if it is about to go. */
static struct pci_dev *bar_pdev;
/* How often there was one: the same one may come back, and elsewhere. */
static unsigned int bar_count;
/* Protects these two. */
static DEFINE_MUTEX(bar_lock);

/* Mappings of the BAR by whichever window. New ones need bar_lock. */
static atomic_t bar_users;
static DECLARE_WAIT_QUEUE_HEAD(bar_unused);

struct bar_window {
	struct kref	refs;	/* the file, and the dma-buf */
	struct mutex	lock;	/* creation */
	size_t		len;	/* lock; once exported, constant; 0 before */
	phys_addr_t	start;	/* as len */
	unsigned int	count;	/* as len: which device it is of */
	u32		valid_pfns;	/* as len */

	atomic_t	vmaps;
	atomic_t	mmaps;
	atomic_t	cpu_accesses;
	atomic_t	attachments;
	atomic_t	mappings;
	atomic_t	mapped;
	atomic_t	peer2peer;
};

struct bar_mapping {
	struct sg_table	sgt;	/* addresses, and nothing behind them */
	dma_addr_t	addr;	/* of all of the window */
};

/*
 * The device
 */

/* Keep the device from going. It fails if it began to, even if another has
 * come.
 */
static int bar_use(struct bar_window *win)
{
	int ret = -ENODEV;

	mutex_lock(&bar_lock);
	if (bar_pdev && win->count == bar_count) {
		atomic_inc(&bar_users);
		ret = 0;
	}
	mutex_unlock(&bar_lock);
	return ret;
}

static void bar_unuse(void)
{
	if (atomic_dec_and_test(&bar_users))
		wake_up_all(&bar_unused);
}

static int bar_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;

	ret = pci_request_region(pdev, ZCRX_BAR_NR, ZCRX_BAR_DEV);
	if (ret)
		goto err_disable;

	/* One is enough for tests. */
	mutex_lock(&bar_lock);
	if (bar_pdev) {
		ret = -EBUSY;
	} else {
		bar_pdev = pdev;
		bar_count++;
	}
	mutex_unlock(&bar_lock);
	if (ret)
		goto err_release;
	return 0;

err_release:
	pci_release_region(pdev, ZCRX_BAR_NR);
err_disable:
	pci_disable_device(pdev);
	return ret;
}

static void bar_remove(struct pci_dev *pdev)
{
	mutex_lock(&bar_lock);
	bar_pdev = NULL;
	mutex_unlock(&bar_lock);

	/* As long as it takes; no reason to suspect that the task hangs. */
	wait_event_idle(bar_unused, !atomic_read(&bar_users));
	pci_release_region(pdev, ZCRX_BAR_NR);
	pci_disable_device(pdev);
}

static const struct pci_device_id bar_ids[] = {
	{ PCI_DEVICE(BAR_VENDOR, BAR_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, bar_ids);

static struct pci_driver bar_driver = {
	.name		= ZCRX_BAR_DEV,
	.id_table	= bar_ids,
	.probe		= bar_probe,
	.remove		= bar_remove,
};

/*
 * What a device may do
 */

static void bar_window_free(struct kref *refs)
{
	struct bar_window *win = container_of(refs, struct bar_window, refs);

	mutex_destroy(&win->lock);
	kfree(win);
}

static int bar_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct bar_window *win = dmabuf->priv;

	if (attach->peer2peer)
		atomic_inc(&win->peer2peer);
	atomic_inc(&win->attachments);
	return 0;
}

static void bar_detach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach)
{
	struct bar_window *win = dmabuf->priv;

	atomic_dec(&win->attachments);
}

/* Cut the addresses into what the device takes as one segment. */
static int bar_fill_table(struct bar_mapping *map, struct device *dev,
			  size_t len)
{
	size_t max = min_t(size_t, dma_get_max_seg_size(dev), len) & PAGE_MASK;
	struct scatterlist *sg;
	size_t done = 0;
	int i, ret;

	if (!max)
		return -EINVAL;
	ret = sg_alloc_table(&map->sgt, DIV_ROUND_UP(len, max), GFP_KERNEL);
	if (ret)
		return ret;

	for_each_sgtable_dma_sg(&map->sgt, sg, i) {
		size_t part = min(max, len - done);

		sg_set_page(sg, NULL, part, 0);
		sg_dma_address(sg) = map->addr + done;
		sg_dma_len(sg) = part;
		done += part;
	}
	return 0;
}

static struct sg_table *bar_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	struct bar_window *win = attach->dmabuf->priv;
	struct device *dev = attach->dev;
	struct bar_mapping *map;
	int ret;

	ret = bar_use(win);
	if (ret)
		return ERR_PTR(ret);

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map) {
		ret = -ENOMEM;
		goto err_unuse;
	}

	map->addr = dma_map_resource(dev, win->start, win->len, dir, 0);
	ret = dma_mapping_error(dev, map->addr);
	if (ret)
		goto err_free;

	ret = bar_fill_table(map, dev, win->len);
	if (ret)
		goto err_unmap;

	atomic_inc(&win->mappings);
	atomic_inc(&win->mapped);
	return &map->sgt;

err_unmap:
	dma_unmap_resource(dev, map->addr, win->len, dir, 0);
err_free:
	kfree(map);
err_unuse:
	bar_unuse();
	return ERR_PTR(ret);
}

static void bar_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	struct bar_mapping *map = container_of(sgt, struct bar_mapping, sgt);
	struct bar_window *win = attach->dmabuf->priv;

	dma_unmap_resource(attach->dev, map->addr, win->len, dir, 0);
	sg_free_table(&map->sgt);
	kfree(map);
	atomic_dec(&win->mappings);
	bar_unuse();
}

static void bar_release(struct dma_buf *dmabuf)
{
	struct bar_window *win = dmabuf->priv;

	kref_put(&win->refs, bar_window_free);
}

/*
 * What a CPU may not do
 */

static int bar_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct bar_window *win = dmabuf->priv;

	atomic_inc(&win->vmaps);
	return -EPERM;
}

static int bar_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct bar_window *win = dmabuf->priv;

	atomic_inc(&win->mmaps);
	return -EPERM;
}

static int bar_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct bar_window *win = dmabuf->priv;

	atomic_inc(&win->cpu_accesses);
	return -EPERM;
}

static const struct dma_buf_ops bar_dmabuf_ops = {
	.attach			= bar_attach,
	.detach			= bar_detach,
	.map_dma_buf		= bar_map,
	.unmap_dma_buf		= bar_unmap,
	.release		= bar_release,
	.vmap			= bar_vmap,
	.mmap			= bar_mmap,
	.begin_cpu_access	= bar_cpu_access,
	.end_cpu_access		= bar_cpu_access,
};

/*
 * The device file
 */

static u32 bar_valid_pfns(phys_addr_t start, size_t len)
{
	unsigned long pfn = PHYS_PFN(start);
	unsigned long end = PHYS_PFN(start + len);
	u32 nr = 0;

	for (; pfn < end; pfn++)
		nr += pfn_valid(pfn);
	return nr;
}

/* Gives the file its window; win->lock is held. */
static int bar_place(struct bar_window *win, const struct zcrx_bar_window *what)
{
	resource_size_t bar_len;
	u64 end;
	int ret = 0;

	if (win->len)
		return -EBUSY;
	if (!what->len || !PAGE_ALIGNED(what->len | what->offset) ||
	    check_add_overflow(what->offset, what->len, &end))
		return -EINVAL;

	mutex_lock(&bar_lock);
	if (!bar_pdev) {
		ret = -ENODEV;
		goto out;
	}
	bar_len = pci_resource_len(bar_pdev, ZCRX_BAR_NR);
	if (end > bar_len) {
		ret = -EINVAL;
		goto out;
	}
	win->count = bar_count;
	win->start = pci_resource_start(bar_pdev, ZCRX_BAR_NR) + what->offset;
	win->len = what->len;
	win->valid_pfns = bar_valid_pfns(win->start, win->len);
out:
	mutex_unlock(&bar_lock);
	return ret;
}

/* Returns the dma-buf's file descriptor; win->lock is held. */
static int bar_export(struct bar_window *win)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf *dmabuf;
	int fd;

	exp_info.ops = &bar_dmabuf_ops;
	exp_info.size = win->len;
	exp_info.flags = O_RDWR;
	exp_info.priv = win;

	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	/* dropped by bar_release() */
	kref_get(&win->refs);

	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int bar_create(struct bar_window *win,
		      const struct zcrx_bar_window *what)
{
	int ret;

	mutex_lock(&win->lock);
	ret = bar_place(win, what);
	if (!ret) {
		ret = bar_export(win);
		/* No device has seen it. */
		if (ret < 0)
			win->len = 0;
	}
	mutex_unlock(&win->lock);
	return ret;
}

static int bar_get_stats(struct bar_window *win, void __user *arg)
{
	struct zcrx_bar_stats stats = {
		.vmaps		= atomic_read(&win->vmaps),
		.mmaps		= atomic_read(&win->mmaps),
		.cpu_accesses	= atomic_read(&win->cpu_accesses),
		.attachments	= atomic_read(&win->attachments),
		.mappings	= atomic_read(&win->mappings),
		.mapped		= atomic_read(&win->mapped),
		.peer2peer	= atomic_read(&win->peer2peer),
	};

	mutex_lock(&win->lock);
	stats.valid_pfns = win->valid_pfns;
	mutex_unlock(&win->lock);

	mutex_lock(&bar_lock);
	if (bar_pdev)
		stats.bar_len = pci_resource_len(bar_pdev, ZCRX_BAR_NR);
	mutex_unlock(&bar_lock);

	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long bar_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	struct bar_window *win = file->private_data;
	struct zcrx_bar_window what;

	switch (cmd) {
	case ZCRX_BAR_CREATE:
		if (copy_from_user(&what, uarg, sizeof(what)))
			return -EFAULT;
		return bar_create(win, &what);
	case ZCRX_BAR_GET_STATS:
		return bar_get_stats(win, uarg);
	}
	return -ENOTTY;
}

static int bar_open(struct inode *inode, struct file *file)
{
	struct bar_window *win;

	win = kzalloc(sizeof(*win), GFP_KERNEL_ACCOUNT);
	if (!win)
		return -ENOMEM;

	kref_init(&win->refs);
	mutex_init(&win->lock);
	file->private_data = win;
	return 0;
}

static int bar_close(struct inode *inode, struct file *file)
{
	struct bar_window *win = file->private_data;

	kref_put(&win->refs, bar_window_free);
	return 0;
}

static const struct file_operations bar_fops = {
	.owner		= THIS_MODULE,
	.open		= bar_open,
	.release	= bar_close,
	.unlocked_ioctl	= bar_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice bar_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= ZCRX_BAR_DEV,
	.fops	= &bar_fops,
	.mode	= 0600,
};

static int __init bar_init(void)
{
	int ret;

	ret = pci_register_driver(&bar_driver);
	if (ret)
		return ret;
	ret = misc_register(&bar_misc);
	if (ret)
		pci_unregister_driver(&bar_driver);
	return ret;
}

static void __exit bar_exit(void)
{
	misc_deregister(&bar_misc);
	pci_unregister_driver(&bar_driver);
}

module_init(bar_init);
module_exit(bar_exit);

MODULE_DESCRIPTION("dma-buf in another device's BAR, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
