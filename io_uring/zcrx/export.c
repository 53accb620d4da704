// SPDX-License-Identifier: GPL-2.0
/*
 * An ifq that several rings share: a file descriptor that stands for it, and
 * the registration that takes one.
 */

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/io_uring_types.h>
#include <linux/uaccess.h>

#include "zcrx.h"

static int zcrx_file_release(struct inode *inode, struct file *file)
{
	zcrx_ifq_unregister(file->private_data);
	return 0;
}

static const struct file_operations zcrx_file_ops = {
	.owner		= THIS_MODULE,
	.release	= zcrx_file_release,
};

/**
 * zcrx_export() - ZCRX_CTRL_EXPORT
 * @ifq: the ifq
 * @ctrl: what user space asks for
 * @arg: where it did, and where it wants the answer
 *
 * Return: 0, -EINVAL, -EMFILE, -ENFILE, -ENOMEM or -EFAULT; there is a file
 * descriptor only after 0.
 */
int zcrx_export(struct zcrx_ifq *ifq, struct zcrx_ctrl *ctrl,
		void __user *arg)
{
	struct zcrx_ctrl_export *ex = &ctrl->zc_export;
	struct file *file;
	int fd;

	if (ex->zcrx_fd || !mem_is_zero(ex->__resv1, sizeof(ex->__resv1)))
		return -EINVAL;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	zcrx_ifq_use(ifq);
	file = anon_inode_getfile("[zcrx]", &zcrx_file_ops, ifq, O_CLOEXEC);
	if (IS_ERR(file)) {
		zcrx_ifq_unregister(ifq);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}

	ex->zcrx_fd = fd;
	if (copy_to_user(arg, ctrl, sizeof(*ctrl))) {
		/* with it goes the use of the ifq */
		fput(file);
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, file);
	return 0;
}

/* The ifq that a file descriptor stands for, for one more user of it. */
static struct zcrx_ifq *zcrx_ifq_from_fd(int fd)
{
	struct zcrx_ifq *ifq;
	struct fd f = fdget(fd);

	if (!fd_file(f))
		return ERR_PTR(-EBADF);
	if (fd_file(f)->f_op != &zcrx_file_ops) {
		fdput(f);
		return ERR_PTR(-EBADF);
	}
	ifq = fd_file(f)->private_data;
	zcrx_ifq_use(ifq);
	fdput(f);
	return ifq;
}

/**
 * zcrx_import() - a registration with ZCRX_REG_IMPORT
 * @ctx: the ring, uring_lock held
 * @reg: what user space asks for, its reserved fields checked
 * @arg: where it did, and where it wants the answer
 *
 * Return: 0, -EINVAL, -EBADF, -ENOMEM, -EBUSY (no more ids) or -EFAULT.
 */
int zcrx_import(struct io_ring_ctx *ctx, struct io_uring_zcrx_ifq_reg *reg,
		void __user *arg)
{
	struct zcrx_ifq *ifq;
	u32 id;
	int ret;

	if (reg->flags != ZCRX_REG_IMPORT)
		return -EINVAL;
	if (reg->if_rxq || reg->rq_entries || reg->area_ptr ||
	    reg->region_ptr || reg->event_desc)
		return -EINVAL;

	ifq = zcrx_ifq_from_fd(reg->if_idx);
	if (IS_ERR(ifq))
		return PTR_ERR(ifq);

	ret = zcrx_id_alloc(ctx, &id);
	if (ret)
		goto err_ifq;
	ret = zcrx_publish(ctx, id, ifq);
	if (ret)
		goto err_id;

	reg->zcrx_id = id;
	reg->rx_buf_len = 1U << ifq->niov_shift;
	zcrx_rq_tell(&reg->offsets);
	if (!copy_to_user(arg, reg, sizeof(*reg)))
		return 0;

	ret = -EFAULT;
	zcrx_withdraw(ctx, id);
	goto err_ifq;

err_id:
	zcrx_id_free(ctx, id);
err_ifq:
	zcrx_ifq_unregister(ifq);
	return ret;
}
