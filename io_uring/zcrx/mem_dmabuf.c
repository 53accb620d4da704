// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf as an area. The CPU has no business in it: nothing here maps it
 * for the CPU or asks for CPU access.
 */

#include <linux/dma-buf.h>
#include <linux/io_uring_types.h>
#include <linux/scatterlist.h>
#include <linux/swiotlb.h>

#include "zcrx.h"

static int zcrx_mem_dmabuf_map(struct zcrx_mem *mem, struct device *dev)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	/* The device would write to copies, and nobody here makes them one. One
	 * that bounces only what is above its DMA mask is not found.
	 */
	if (is_swiotlb_force_bounce(dev))
		return -EIO;

	attach = dma_buf_attach(mem->dmabuf, dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	sgt = dma_buf_map_attachment_unlocked(attach, DMA_FROM_DEVICE);
	if (IS_ERR(sgt)) {
		dma_buf_detach(mem->dmabuf, attach);
		return PTR_ERR(sgt);
	}

	mem->attach = attach;
	mem->sgt = sgt;
	return 0;
}

static void zcrx_mem_dmabuf_unmap(struct zcrx_mem *mem, struct device *dev)
{
	dma_buf_unmap_attachment_unlocked(mem->attach, mem->sgt,
					  DMA_FROM_DEVICE);
	dma_buf_detach(mem->dmabuf, mem->attach);
	mem->attach = NULL;
	mem->sgt = NULL;
}

static void zcrx_mem_dmabuf_release(struct zcrx_mem *mem,
				    struct zcrx_account *acct)
{
	dma_buf_put(mem->dmabuf);
}

static const struct zcrx_mem_ops zcrx_mem_dmabuf_ops = {
	.map		= zcrx_mem_dmabuf_map,
	.unmap		= zcrx_mem_dmabuf_unmap,
	.release	= zcrx_mem_dmabuf_release,
};

/**
 * zcrx_mem_import_dmabuf() - take a reference on a dma-buf
 * @mem: zeroed; filled in on success
 * @reg: the checked registration
 *
 * The area is the whole dma-buf: addr 0, len its size.
 *
 * Return: 0, -EINVAL (not the whole dma-buf), -EBADF or -EINVAL (not a
 * dma-buf's fd).
 */
int zcrx_mem_import_dmabuf(struct zcrx_mem *mem,
			   const struct io_uring_zcrx_area_reg *reg)
{
	struct dma_buf *dmabuf;

	dmabuf = dma_buf_get(reg->dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	if (reg->addr || reg->len != dmabuf->size) {
		dma_buf_put(dmabuf);
		return -EINVAL;
	}

	mem->ops = &zcrx_mem_dmabuf_ops;
	mem->len = reg->len;
	mem->dmabuf = dmabuf;
	return 0;
}
