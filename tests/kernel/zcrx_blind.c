// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf exporter for tests, which lets devices in and keeps the CPU out:
 * zcrx_blind.h tells what for.
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
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "zcrx_blind.h"

struct blind_buf {
	struct kref	refs;		/* the file, and the dma-buf */
	struct mutex	lock;		/* creation against reading */
	struct page	**pages;	/* lock; once exported, constant */
	unsigned long	nr_pages;	/* as pages */

	atomic_t	vmaps;
	atomic_t	mmaps;
	atomic_t	cpu_accesses;
	atomic_t	attachments;
	atomic_t	mappings;
};

/*
 * A mapping has two tables: one with the pages, for the DMA API, and one that
 * the importer gets, which says nothing but where the device finds them.
 */
struct blind_mapping {
	struct sg_table	pages;
	struct sg_table	addrs;
};

/*
 * Pages
 */

static void blind_free_pages(struct page **pages, unsigned long nr)
{
	while (nr--)
		__free_page(pages[nr]);
	kvfree(pages);
}

/* One by one: they need not lie in a row, and better do not. */
static struct page **blind_alloc_pages(unsigned long nr)
{
	struct page **pages;
	unsigned long i;

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;

	for (i = 0; i < nr; i++) {
		pages[i] = alloc_page(GFP_HIGHUSER | __GFP_ZERO |
				      __GFP_ACCOUNT);
		if (!pages[i]) {
			blind_free_pages(pages, i);
			return NULL;
		}
		cond_resched();
	}
	return pages;
}

static void blind_buf_free(struct kref *refs)
{
	struct blind_buf *buf = container_of(refs, struct blind_buf, refs);

	if (buf->pages)
		blind_free_pages(buf->pages, buf->nr_pages);
	mutex_destroy(&buf->lock);
	kfree(buf);
}

/*
 * What a device may do
 */

static int blind_attach(struct dma_buf *dmabuf,
			struct dma_buf_attachment *attach)
{
	struct blind_buf *buf = dmabuf->priv;

	atomic_inc(&buf->attachments);
	return 0;
}

static void blind_detach(struct dma_buf *dmabuf,
			 struct dma_buf_attachment *attach)
{
	struct blind_buf *buf = dmabuf->priv;

	atomic_dec(&buf->attachments);
}

static int blind_copy_addrs(struct blind_mapping *map)
{
	struct scatterlist *src, *dst;
	int i, ret;

	ret = sg_alloc_table(&map->addrs, map->pages.nents, GFP_KERNEL);
	if (ret)
		return ret;

	dst = map->addrs.sgl;
	for_each_sgtable_dma_sg(&map->pages, src, i) {
		sg_set_page(dst, NULL, sg_dma_len(src), 0);
		sg_dma_address(dst) = sg_dma_address(src);
		sg_dma_len(dst) = sg_dma_len(src);
		dst = sg_next(dst);
	}
	return 0;
}

static struct sg_table *blind_map(struct dma_buf_attachment *attach,
				  enum dma_data_direction dir)
{
	struct blind_buf *buf = attach->dmabuf->priv;
	struct device *dev = attach->dev;
	struct blind_mapping *map;
	int ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);

	ret = sg_alloc_table_from_pages_segment(&map->pages, buf->pages,
						buf->nr_pages, 0,
						buf->nr_pages << PAGE_SHIFT,
						dma_get_max_seg_size(dev),
						GFP_KERNEL);
	if (ret)
		goto err_free;

	ret = dma_map_sgtable(dev, &map->pages, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		goto err_free_pages;

	ret = blind_copy_addrs(map);
	if (ret)
		goto err_unmap;

	atomic_inc(&buf->mappings);
	return &map->addrs;

err_unmap:
	dma_unmap_sgtable(dev, &map->pages, dir, DMA_ATTR_SKIP_CPU_SYNC);
err_free_pages:
	sg_free_table(&map->pages);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

static void blind_unmap(struct dma_buf_attachment *attach,
			struct sg_table *sgt, enum dma_data_direction dir)
{
	struct blind_mapping *map = container_of(sgt, struct blind_mapping,
						 addrs);
	struct blind_buf *buf = attach->dmabuf->priv;

	atomic_dec(&buf->mappings);
	sg_free_table(&map->addrs);
	dma_unmap_sgtable(attach->dev, &map->pages, dir,
			  DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&map->pages);
	kfree(map);
}

static void blind_release(struct dma_buf *dmabuf)
{
	struct blind_buf *buf = dmabuf->priv;

	kref_put(&buf->refs, blind_buf_free);
}

/*
 * What a CPU may not do
 */

static int blind_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct blind_buf *buf = dmabuf->priv;

	atomic_inc(&buf->vmaps);
	return -EPERM;
}

static int blind_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct blind_buf *buf = dmabuf->priv;

	atomic_inc(&buf->mmaps);
	return -EPERM;
}

static int blind_cpu_access(struct dma_buf *dmabuf,
			    enum dma_data_direction dir)
{
	struct blind_buf *buf = dmabuf->priv;

	atomic_inc(&buf->cpu_accesses);
	return -EPERM;
}

static const struct dma_buf_ops blind_dmabuf_ops = {
	.attach			= blind_attach,
	.detach			= blind_detach,
	.map_dma_buf		= blind_map,
	.unmap_dma_buf		= blind_unmap,
	.release		= blind_release,
	.vmap			= blind_vmap,
	.mmap			= blind_mmap,
	.begin_cpu_access	= blind_cpu_access,
	.end_cpu_access		= blind_cpu_access,
};

/*
 * The device file
 */

/* Returns the dma-buf's file descriptor. buf->pages is set, buf->lock held. */
static int blind_export(struct blind_buf *buf)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf *dmabuf;
	int fd;

	exp_info.ops = &blind_dmabuf_ops;
	exp_info.size = buf->nr_pages << PAGE_SHIFT;
	exp_info.flags = O_RDWR;
	exp_info.priv = buf;

	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	/* dropped by blind_release() */
	kref_get(&buf->refs);

	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int blind_create(struct blind_buf *buf, u64 size)
{
	int fd;

	if (!size || !PAGE_ALIGNED(size) || size > ZCRX_BLIND_SIZE_MAX)
		return -EINVAL;

	mutex_lock(&buf->lock);
	if (buf->pages) {
		fd = -EBUSY;
		goto out;
	}

	buf->nr_pages = size >> PAGE_SHIFT;
	buf->pages = blind_alloc_pages(buf->nr_pages);
	if (!buf->pages) {
		fd = -ENOMEM;
		goto out;
	}

	fd = blind_export(buf);
	if (fd < 0) {
		/* No device has seen the pages. */
		blind_free_pages(buf->pages, buf->nr_pages);
		buf->pages = NULL;
	}
out:
	mutex_unlock(&buf->lock);
	return fd;
}

static int blind_get_stats(struct blind_buf *buf, void __user *arg)
{
	struct zcrx_blind_stats stats = {
		.vmaps		= atomic_read(&buf->vmaps),
		.mmaps		= atomic_read(&buf->mmaps),
		.cpu_accesses	= atomic_read(&buf->cpu_accesses),
		.attachments	= atomic_read(&buf->attachments),
		.mappings	= atomic_read(&buf->mappings),
	};

	return copy_to_user(arg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long blind_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	struct blind_buf *buf = file->private_data;
	u64 size;

	switch (cmd) {
	case ZCRX_BLIND_CREATE:
		if (copy_from_user(&size, uarg, sizeof(size)))
			return -EFAULT;
		return blind_create(buf, size);
	case ZCRX_BLIND_GET_STATS:
		return blind_get_stats(buf, uarg);
	}
	return -ENOTTY;
}

static ssize_t blind_read_pages(struct blind_buf *buf, loff_t *pos,
				struct iov_iter *to)
{
	u64 size = buf->pages ? (u64)buf->nr_pages << PAGE_SHIFT : 0;
	ssize_t done = 0;

	while (*pos < size && iov_iter_count(to)) {
		size_t off = offset_in_page(*pos);
		size_t n = min(PAGE_SIZE - off, iov_iter_count(to));
		size_t copied;

		copied = copy_page_to_iter(buf->pages[*pos >> PAGE_SHIFT], off,
					   n, to);
		done += copied;
		*pos += copied;
		if (copied < n)
			return done ?: -EFAULT;
	}
	return done;
}

static ssize_t blind_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct blind_buf *buf = iocb->ki_filp->private_data;
	ssize_t ret;

	mutex_lock(&buf->lock);
	ret = blind_read_pages(buf, &iocb->ki_pos, to);
	mutex_unlock(&buf->lock);
	return ret;
}

static int blind_open(struct inode *inode, struct file *file)
{
	struct blind_buf *buf;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;

	kref_init(&buf->refs);
	mutex_init(&buf->lock);
	file->private_data = buf;
	return 0;
}

static int blind_close(struct inode *inode, struct file *file)
{
	struct blind_buf *buf = file->private_data;

	kref_put(&buf->refs, blind_buf_free);
	return 0;
}

static const struct file_operations blind_fops = {
	.owner		= THIS_MODULE,
	.open		= blind_open,
	.release	= blind_close,
	.read_iter	= blind_read_iter,
	.unlocked_ioctl	= blind_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice blind_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= ZCRX_BLIND_DEV,
	.fops	= &blind_fops,
	.mode	= 0600,
};

module_misc_device(blind_misc);

MODULE_DESCRIPTION("dma-buf that refuses the CPU, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
