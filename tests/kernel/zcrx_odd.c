// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf exporter for tests, whose segments need not be whole pages:
 * zcrx_odd.h tells what for.
 */

#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "zcrx_odd.h"

/* What was asked for and the page that the last segment may reach into. */
#define ODD_ORDER	get_order(ZCRX_ODD_SEGMENT_MAX + PAGE_SIZE)

struct odd_buf {
	struct zcrx_odd_create what;
	struct page	*pages[ZCRX_ODD_SEGMENTS];
};

struct odd_mapping {
	struct sg_table	sgt;
	dma_addr_t	base[ZCRX_ODD_SEGMENTS];
};

static atomic_t odd_mappings;

static void odd_buf_free(struct odd_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->what.nr; i++)
		if (buf->pages[i])
			__free_pages(buf->pages[i], ODD_ORDER);
	kfree(buf);
}

static void odd_unmap_pages(struct device *dev, const dma_addr_t *base,
			    unsigned int nr, enum dma_data_direction dir)
{
	while (nr--)
		dma_unmap_page_attrs(dev, base[nr], PAGE_SIZE << ODD_ORDER,
				     dir, DMA_ATTR_SKIP_CPU_SYNC);
}

static int odd_map_pages(struct device *dev, const struct odd_buf *buf,
			 dma_addr_t *base, enum dma_data_direction dir)
{
	unsigned int i;

	for (i = 0; i < buf->what.nr; i++) {
		base[i] = dma_map_page_attrs(dev, buf->pages[i], 0,
					     PAGE_SIZE << ODD_ORDER, dir,
					     DMA_ATTR_SKIP_CPU_SYNC);
		if (dma_mapping_error(dev, base[i])) {
			odd_unmap_pages(dev, base, i, dir);
			return -ENOMEM;
		}
	}
	return 0;
}

static struct sg_table *odd_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	struct odd_buf *buf = attach->dmabuf->priv;
	struct odd_mapping *map;
	struct scatterlist *sg;
	int i, ret;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return ERR_PTR(-ENOMEM);

	ret = sg_alloc_table(&map->sgt, buf->what.nr, GFP_KERNEL);
	if (ret)
		goto err_free;

	ret = odd_map_pages(attach->dev, buf, map->base, dir);
	if (ret)
		goto err_free_table;

	for_each_sgtable_dma_sg(&map->sgt, sg, i) {
		sg_set_page(sg, NULL, buf->what.segments[i].len, 0);
		sg_dma_address(sg) = map->base[i] +
				     buf->what.segments[i].offset;
		sg_dma_len(sg) = buf->what.segments[i].len;
	}

	atomic_inc(&odd_mappings);
	return &map->sgt;

err_free_table:
	sg_free_table(&map->sgt);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

static void odd_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	struct odd_mapping *map = container_of(sgt, struct odd_mapping, sgt);
	struct odd_buf *buf = attach->dmabuf->priv;

	atomic_dec(&odd_mappings);
	odd_unmap_pages(attach->dev, map->base, buf->what.nr, dir);
	sg_free_table(&map->sgt);
	kfree(map);
}

static void odd_release(struct dma_buf *dmabuf)
{
	odd_buf_free(dmabuf->priv);
}

static const struct dma_buf_ops odd_dmabuf_ops = {
	.map_dma_buf	= odd_map,
	.unmap_dma_buf	= odd_unmap,
	.release	= odd_release,
};

/* Returns how long the dma-buf is, or 0 if it makes no sense. */
static size_t odd_size(const struct zcrx_odd_create *what)
{
	s64 size = 0;
	unsigned int i;

	if (!what->nr || what->nr > ZCRX_ODD_SEGMENTS ||
	    what->more > (s32)ZCRX_ODD_SEGMENT_MAX ||
	    what->more < -(s32)ZCRX_ODD_SEGMENT_MAX)
		return 0;
	for (i = 0; i < what->nr; i++) {
		if (what->segments[i].offset >= PAGE_SIZE ||
		    what->segments[i].len > ZCRX_ODD_SEGMENT_MAX)
			return 0;
		size += what->segments[i].len;
	}
	size += what->more;
	return max(size, 0);
}

/* On success the dma-buf owns buf. */
static int odd_export(struct odd_buf *buf, size_t size)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct dma_buf *dmabuf;
	unsigned int i;
	int fd;

	for (i = 0; i < buf->what.nr; i++) {
		buf->pages[i] = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
					    ODD_ORDER);
		if (!buf->pages[i]) {
			odd_buf_free(buf);
			return -ENOMEM;
		}
	}

	exp_info.ops = &odd_dmabuf_ops;
	exp_info.size = size;
	exp_info.flags = O_RDWR;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		odd_buf_free(buf);
		return PTR_ERR(dmabuf);
	}

	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static int odd_create(const void __user *arg)
{
	struct odd_buf *buf;
	size_t size;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	if (copy_from_user(&buf->what, arg, sizeof(buf->what))) {
		kfree(buf);
		return -EFAULT;
	}
	size = odd_size(&buf->what);
	if (!size) {
		kfree(buf);
		return -EINVAL;
	}
	return odd_export(buf, size);
}

static long odd_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	u32 mappings;

	switch (cmd) {
	case ZCRX_ODD_CREATE:
		return odd_create(uarg);
	case ZCRX_ODD_MAPPINGS:
		mappings = atomic_read(&odd_mappings);
		return put_user(mappings, (u32 __user *)uarg);
	}
	return -ENOTTY;
}

static const struct file_operations odd_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= odd_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice odd_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= ZCRX_ODD_DEV,
	.fops	= &odd_fops,
	.mode	= 0600,
};

module_misc_device(odd_misc);

MODULE_DESCRIPTION("dma-buf in odd segments, for tests");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(DMA_BUF);
