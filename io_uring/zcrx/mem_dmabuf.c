// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf as an area, or ranges of one as several. The NIC writes to it; the
 * CPU does where payload has to be copied, if the exporter lets it in.
 */

#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/init.h>
#include <linux/io_uring_types.h>
#include <linux/iosys-map.h>
#include <linux/scatterlist.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "zcrx.h"

/* A dma-buf of an ifq, however many areas are ranges of it. The areas own it
 * together.
 */
struct zcrx_dmabuf {
	struct zcrx_ifq			*ifq;
	struct dma_buf			*dmabuf;	/* reference held */
	unsigned int			areas;		/* ifq->lock */
	unsigned int			maps;		/* ifq->lock; of the areas */
	struct dma_buf_attachment	*attach;	/* ifq->lock; while maps */
	struct sg_table			*sgt;		/* ifq->lock; while maps */
	struct dma_buf_attachment	*pin;		/* while cpu is set */
	struct iosys_map		cpu;		/* null: no access */
	struct mutex			cpu_lock;	/* who copies */
	struct list_head		list;		/* ifq->dmabufs */
};

/*
 * For the CPU
 */

/* A mapping for the CPU does not keep the memory of each exporter in its place,
 * but an attachment does. The NIC's own one ends when the NIC goes, and there may
 * be no NIC, so this device, which does no DMA, stands in for the CPU.
 */
static struct device *zcrx_cpu_dev;

static int __init zcrx_cpu_dev_init(void)
{
	struct device *dev = root_device_register("io_uring_zcrx");
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret) {
		root_device_unregister(dev);
		return ret;
	}
	zcrx_cpu_dev = dev;
	return 0;
}
late_initcall(zcrx_cpu_dev_init);

/* Both may wait for whoever uses the dma-buf, and the first begin may map all of
 * it, so that is done here and not when a socket is locked. BIDIRECTIONAL, as
 * exporters map it once, with the direction that they are told first.
 */
static int zcrx_dmabuf_first_access(struct zcrx_dmabuf *buf)
{
	int ret;

	ret = dma_buf_begin_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL);
	if (ret)
		return ret;
	return dma_buf_end_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL);
}

static int zcrx_dmabuf_try_cpu(struct zcrx_dmabuf *buf)
{
	int ret;

	if (!zcrx_cpu_dev)
		return -EOPNOTSUPP;
	buf->pin = dma_buf_attach(buf->dmabuf, zcrx_cpu_dev);
	if (IS_ERR(buf->pin))
		return PTR_ERR(buf->pin);

	ret = dma_buf_vmap_unlocked(buf->dmabuf, &buf->cpu);
	if (ret)
		goto err_pin;
	ret = zcrx_dmabuf_first_access(buf);
	if (ret)
		goto err_vmap;
	return 0;

err_vmap:
	dma_buf_vunmap_unlocked(buf->dmabuf, &buf->cpu);
err_pin:
	dma_buf_detach(buf->dmabuf, buf->pin);
	return ret;
}

/* Let the CPU in, if the exporter does. That it does not is no error, unless it
 * would have but for memory, a signal, or the moment.
 */
static int zcrx_dmabuf_open_cpu(struct zcrx_dmabuf *buf)
{
	int ret = zcrx_dmabuf_try_cpu(buf);

	if (!ret)
		return 0;
	iosys_map_clear(&buf->cpu);
	switch (ret) {
	case -ENOMEM:
	case -EINTR:
	case -ERESTARTSYS:
	case -EAGAIN:
		return ret;
	}
	return 0;
}

static void zcrx_dmabuf_close_cpu(struct zcrx_dmabuf *buf)
{
	if (iosys_map_is_null(&buf->cpu))
		return;
	dma_buf_vunmap_unlocked(buf->dmabuf, &buf->cpu);
	dma_buf_detach(buf->dmabuf, buf->pin);
}

static bool zcrx_mem_dmabuf_cpu_ready(struct zcrx_mem *mem)
{
	struct dma_resv *resv = mem->buf->dmabuf->resv;

	return dma_resv_test_signaled(resv, dma_resv_usage_rw(true));
}

static int zcrx_dmabuf_copy(struct zcrx_dmabuf *buf, u64 off,
			    struct sk_buff *skb, int skb_off, int len)
{
	struct skb_seq_state st;
	unsigned int part;
	int done = 0;
	const u8 *data;

	skb_prepare_seq_read(skb, skb_off, skb_off + len, &st);
	while ((part = skb_seq_read(done, &data, &st))) {
		part = min_t(unsigned int, part, len - done);
		iosys_map_memcpy_to(&buf->cpu, off + done, data, part);
		done += part;
	}
	return done == len ? 0 : -EFAULT;
}

static int zcrx_dmabuf_access(struct zcrx_dmabuf *buf, u64 off,
			      struct sk_buff *skb, int skb_off, int len)
{
	int ret, end;

	ret = dma_buf_begin_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL);
	if (ret)
		return ret;
	ret = zcrx_dmabuf_copy(buf, off, skb, skb_off, len);
	end = dma_buf_end_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL);
	return ret ?: end;
}

/* One at a time: the begin of another would discard what is still in the cache
 * of a CPU that is not coherent with the device. A fence that came since the last
 * look is waited for, as begin does.
 */
static int zcrx_mem_dmabuf_copy_in(struct zcrx_mem *mem, u64 off,
				   struct sk_buff *skb, int skb_off, int len)
{
	struct zcrx_dmabuf *buf = mem->buf;
	int ret;

	if (mutex_lock_interruptible(&buf->cpu_lock))
		return -EINTR;
	ret = zcrx_dmabuf_access(buf, mem->off + off, skb, skb_off, len);
	mutex_unlock(&buf->cpu_lock);

	switch (ret) {
	case 0:
	case -ENOMEM:
		return ret;
	case -EINTR:
	case -ERESTARTSYS:
	case -EAGAIN:
		return -EINTR;
	}
	return -EFAULT;
}

/*
 * For the device
 */

/* What the CPU writes as well is the device's and the CPU's, in turn: syncs in
 * either direction are in order.
 */
static enum dma_data_direction zcrx_dmabuf_dir(const struct zcrx_dmabuf *buf)
{
	return iosys_map_is_set(&buf->cpu) ? DMA_BIDIRECTIONAL :
					     DMA_FROM_DEVICE;
}

static int zcrx_dmabuf_attach(struct zcrx_dmabuf *buf, struct device *dev)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	/* The device would write to copies, and nobody here makes them one. One
	 * that bounces only what is above its DMA mask is not found.
	 */
	if (is_swiotlb_force_bounce(dev))
		return -EIO;

	attach = dma_buf_attach(buf->dmabuf, dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	sgt = dma_buf_map_attachment_unlocked(attach, zcrx_dmabuf_dir(buf));
	if (IS_ERR(sgt)) {
		dma_buf_detach(buf->dmabuf, attach);
		return PTR_ERR(sgt);
	}

	buf->attach = attach;
	buf->sgt = sgt;
	return 0;
}

/* All ranges share one attachment. */
static int zcrx_mem_dmabuf_map(struct zcrx_mem *mem, struct device *dev)
{
	struct zcrx_dmabuf *buf = mem->buf;
	int ret;

	if (!buf->maps) {
		ret = zcrx_dmabuf_attach(buf, dev);
		if (ret)
			return ret;
	}
	buf->maps++;
	mem->sgt = buf->sgt;
	return 0;
}

static void zcrx_mem_dmabuf_unmap(struct zcrx_mem *mem, struct device *dev)
{
	struct zcrx_dmabuf *buf = mem->buf;

	mem->sgt = NULL;
	if (--buf->maps)
		return;
	dma_buf_unmap_attachment_unlocked(buf->attach, buf->sgt,
					  zcrx_dmabuf_dir(buf));
	dma_buf_detach(buf->dmabuf, buf->attach);
	buf->attach = NULL;
	buf->sgt = NULL;
}

/*
 * Life
 */

static void zcrx_dmabuf_free(struct zcrx_dmabuf *buf)
{
	zcrx_dmabuf_close_cpu(buf);
	dma_buf_put(buf->dmabuf);
	mutex_destroy(&buf->cpu_lock);
	kfree(buf);
}

/* The ifq's own of @dmabuf, with one more area, or NULL; ifq->lock is held. */
static struct zcrx_dmabuf *zcrx_dmabuf_find(struct zcrx_ifq *ifq,
					    struct dma_buf *dmabuf)
{
	struct zcrx_dmabuf *buf;

	list_for_each_entry(buf, &ifq->dmabufs, list) {
		if (buf->dmabuf == dmabuf) {
			buf->areas++;
			return buf;
		}
	}
	return NULL;
}

/* Owns the reference on @dmabuf, also if it fails. */
static struct zcrx_dmabuf *zcrx_dmabuf_create(struct zcrx_ifq *ifq,
					      struct dma_buf *dmabuf)
{
	struct zcrx_dmabuf *buf;
	int ret;

	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ENOMEM);
	}
	buf->ifq = ifq;
	buf->dmabuf = dmabuf;
	buf->areas = 1;
	mutex_init(&buf->cpu_lock);

	ret = zcrx_dmabuf_open_cpu(buf);
	if (ret) {
		zcrx_dmabuf_free(buf);
		return ERR_PTR(ret);
	}
	return buf;
}

/* Find or make what the ifq has of a dma-buf. Owns the reference on @dmabuf. */
static struct zcrx_dmabuf *zcrx_dmabuf_get(struct zcrx_ifq *ifq,
					   struct dma_buf *dmabuf)
{
	struct zcrx_dmabuf *buf, *found;

	mutex_lock(&ifq->lock);
	found = zcrx_dmabuf_find(ifq, dmabuf);
	mutex_unlock(&ifq->lock);
	if (found) {
		dma_buf_put(dmabuf);
		return found;
	}

	/* not under ifq->lock, which RTNL's owners want: it may wait */
	buf = zcrx_dmabuf_create(ifq, dmabuf);
	if (IS_ERR(buf))
		return buf;

	mutex_lock(&ifq->lock);
	found = zcrx_dmabuf_find(ifq, dmabuf);
	if (!found)
		list_add_tail(&buf->list, &ifq->dmabufs);
	mutex_unlock(&ifq->lock);
	if (found) {
		zcrx_dmabuf_free(buf);
		return found;
	}
	return buf;
}

static void zcrx_mem_dmabuf_release(struct zcrx_mem *mem,
				    struct zcrx_account *acct)
{
	struct zcrx_dmabuf *buf = mem->buf;
	bool last;

	mutex_lock(&buf->ifq->lock);
	last = !--buf->areas;
	if (last)
		list_del(&buf->list);
	mutex_unlock(&buf->ifq->lock);
	if (last)
		zcrx_dmabuf_free(buf);
}

static const struct zcrx_mem_ops zcrx_mem_dmabuf_ops = {
	.map		= zcrx_mem_dmabuf_map,
	.unmap		= zcrx_mem_dmabuf_unmap,
	.release	= zcrx_mem_dmabuf_release,
	.cpu_ready	= zcrx_mem_dmabuf_cpu_ready,
	.copy_in	= zcrx_mem_dmabuf_copy_in,
};

/**
 * zcrx_mem_import_dmabuf() - take a reference on a dma-buf
 * @mem: zeroed; filled in on success
 * @ifq: the ifq that it is for
 * @reg: the checked registration: addr is an offset into the dma-buf
 *
 * Return: 0, -EINVAL (not within the dma-buf), -EBADF or -EINVAL (not a
 * dma-buf's fd), -ENOMEM, -EAGAIN, -EINTR or -ERESTARTSYS (others use it, and it
 * does not wait, or was interrupted).
 */
int zcrx_mem_import_dmabuf(struct zcrx_mem *mem, struct zcrx_ifq *ifq,
			   const struct io_uring_zcrx_area_reg *reg)
{
	struct zcrx_dmabuf *buf;
	struct dma_buf *dmabuf;

	dmabuf = dma_buf_get(reg->dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	if (reg->addr > dmabuf->size || reg->len > dmabuf->size - reg->addr) {
		dma_buf_put(dmabuf);
		return -EINVAL;
	}

	buf = zcrx_dmabuf_get(ifq, dmabuf);
	if (IS_ERR(buf))
		return PTR_ERR(buf);

	mem->ops = &zcrx_mem_dmabuf_ops;
	mem->len = reg->len;
	mem->off = reg->addr;
	mem->cpu = iosys_map_is_set(&buf->cpu);
	mem->buf = buf;
	return 0;
}
