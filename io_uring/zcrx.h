/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring zero-copy receive: what the rest of io_uring sees of it. The
 * objects are in zcrx/zcrx.h.
 */
#ifndef IOU_ZCRX_H
#define IOU_ZCRX_H

#include <linux/io_uring_types.h>

struct seq_file;

#ifdef CONFIG_IO_URING_ZCRX
void io_zcrx_ctx_init(struct io_ring_ctx *ctx);
void io_zcrx_ctx_exit(struct io_ring_ctx *ctx);
int io_zcrx_register_ifq(struct io_ring_ctx *ctx, void __user *arg,
			 unsigned int nr_args);
int io_zcrx_ctrl(struct io_ring_ctx *ctx, void __user *arg,
		 unsigned int nr_args);
int io_uring_query(void __user *arg, unsigned int nr_args);
void io_zcrx_show_fdinfo(struct io_ring_ctx *ctx, struct seq_file *m);
void *io_zcrx_region_ptr(struct io_ring_ctx *ctx, loff_t off);
int io_zcrx_mmap(struct io_ring_ctx *ctx, struct vm_area_struct *vma);

int io_recvzc_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe);
int io_recvzc(struct io_kiocb *req, unsigned int issue_flags);
#else
static inline void io_zcrx_ctx_init(struct io_ring_ctx *ctx)
{
}

static inline void io_zcrx_ctx_exit(struct io_ring_ctx *ctx)
{
}

static inline int io_zcrx_register_ifq(struct io_ring_ctx *ctx,
				       void __user *arg, unsigned int nr_args)
{
	return -EOPNOTSUPP;
}

static inline int io_zcrx_ctrl(struct io_ring_ctx *ctx, void __user *arg,
			       unsigned int nr_args)
{
	return -EOPNOTSUPP;
}

static inline int io_uring_query(void __user *arg, unsigned int nr_args)
{
	return -EINVAL;
}

static inline void io_zcrx_show_fdinfo(struct io_ring_ctx *ctx,
				       struct seq_file *m)
{
}

static inline void *io_zcrx_region_ptr(struct io_ring_ctx *ctx, loff_t off)
{
	return ERR_PTR(-EINVAL);
}

static inline int io_zcrx_mmap(struct io_ring_ctx *ctx,
			       struct vm_area_struct *vma)
{
	return -EINVAL;
}
#endif

#endif
