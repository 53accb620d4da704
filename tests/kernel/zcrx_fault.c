// SPDX-License-Identifier: GPL-2.0
/*
 * Kprobes at the entry of functions, which return an error in their place:
 * zcrx_fault.h tells how they are armed.
 */

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "zcrx_fault.h"

/* What a function that does not run returns. */
enum fault_how {
	FAULT_ERRNO,	/* an int, or an error pointer: the register is alike */
	FAULT_NONE,	/* NULL, 0 or false */
	FAULT_TRUE,
	FAULT_XA,	/* an errno, as an xarray's entry */
};

struct fault_site {
	const char	*name;
	enum fault_how	how;
	int		err;
	bool		any;		/* in softirqs as well */

	struct kprobe	probe;
	int		missing;
	atomic_t	calls;
	atomic_t	hits;
};

static struct fault_site fault_sites[] = {
	/* registration, and all that needs memory */
	{ .name = "__io_account_mem", .err = -ENOMEM },
	{ .name = "pin_user_pages_fast", .err = -EFAULT },
	{ .name = "vmap", .how = FAULT_NONE },
	{ .name = "__xa_alloc", .err = -EBUSY },
	{ .name = "xa_store", .how = FAULT_XA, .err = -ENOMEM },
	{ .name = "netdev_get_by_index", .how = FAULT_NONE },
	{ .name = "zcrx_region_create", .err = -ENOMEM },
	{ .name = "zcrx_events_init", .err = -ENOMEM },
	/* DMA */
	{ .name = "sg_alloc_table_from_pages_segment", .err = -ENOMEM },
	{ .name = "dma_map_sgtable", .err = -EIO },
	{ .name = "iommu_map_sg", .err = -ENOMEM },
	{ .name = "net_mp_niov_set_dma_addr", .how = FAULT_TRUE },
	{ .name = "dma_buf_get", .err = -EBADF },
	{ .name = "dma_buf_attach", .err = -ENOMEM },
	{ .name = "dma_buf_vmap_unlocked", .err = -ENOMEM },
	{ .name = "dma_buf_begin_cpu_access", .err = -ENOMEM },
	{ .name = "dma_buf_end_cpu_access", .err = -ENOMEM },
	{ .name = "dma_buf_map_attachment_unlocked", .err = -ENOMEM },
	{ .name = "dma_alloc_attrs", .how = FAULT_NONE },
	/* the queue's restart */
	{ .name = "netdev_rx_queue_restart", .err = -EIO },
	{ .name = "igb_queue_mem_alloc", .err = -ENOMEM },
	{ .name = "igb_queue_stop", .err = -ETIMEDOUT },
	{ .name = "igb_queue_start", .err = -EIO },
	{ .name = "__xdp_rxq_info_reg", .err = -ENOMEM },
	{ .name = "page_pool_create", .err = -ENOMEM },
	{ .name = "page_pool_list", .err = -ENOMEM },
	{ .name = "zcrx_pool_init", .err = -EOPNOTSUPP },
	{ .name = "page_pool_check_memory_provider", .err = -ENODATA },
	/* export and mmap */
	{ .name = "get_unused_fd_flags", .err = -EMFILE },
	{ .name = "anon_inode_getfile", .err = -ENFILE },
	{ .name = "vm_insert_pages", .err = -ENOMEM },
	/* receive */
	{ .name = "zcrx_post", .err = -ENOSPC },
	{ .name = "zcrx_mem_user_copy_in", .err = -EFAULT },
	{ .name = "zcrx_mem_dmabuf_copy_in", .err = -EFAULT },
	{ .name = "zcrx_area_take_free", .how = FAULT_NONE },
	{ .name = "zcrx_alloc_netmems", .how = FAULT_NONE, .any = true },
	{ .name = "zcrx_rq_fill_pool", .how = FAULT_NONE, .any = true },
	{ .name = "zcrx_area_fill_pool", .how = FAULT_NONE, .any = true },
	{ .name = "napi_alloc_skb", .how = FAULT_NONE, .any = true },
	{ .name = "napi_build_skb", .how = FAULT_NONE, .any = true },
};

static DEFINE_MUTEX(fault_lock);	/* arming */
static unsigned long fault_open_bit;
static struct task_struct *fault_task;	/* only compared; NULL: disarmed */
static struct fault_site *fault_armed;
static unsigned int fault_nth;

/* Where the failing function returns from instead: changes no register. */
static noinline notrace void fault_return(void)
{
}

static unsigned long fault_value(const struct fault_site *site)
{
	switch (site->how) {
	case FAULT_ERRNO:
		return site->err;
	case FAULT_NONE:
		return 0;
	case FAULT_TRUE:
		return 1;
	case FAULT_XA:
		return (unsigned long)xa_mk_internal(site->err);
	}
	return 0;
}

static int fault_enter(struct kprobe *probe, struct pt_regs *regs)
{
	struct fault_site *site = container_of(probe, struct fault_site, probe);
	struct task_struct *task = READ_ONCE(fault_task);
	unsigned int nr;

	if (!task)
		return 0;
	/* in_task() is false here always: an int3 comes in as an NMI does */
	if (!site->any && (task != current || in_serving_softirq()))
		return 0;

	nr = atomic_inc_return(&site->calls);
	if (site != READ_ONCE(fault_armed) || nr != READ_ONCE(fault_nth))
		return 0;

	atomic_inc(&site->hits);
	regs_set_return_value(regs, fault_value(site));
	instruction_pointer_set(regs, (unsigned long)fault_return);
	return 1;
}

NOKPROBE_SYMBOL(fault_enter);

/* Its presence keeps the probe from becoming a jump, which cannot do this. */
static void fault_leave(struct kprobe *probe, struct pt_regs *regs,
			unsigned long flags)
{
}

NOKPROBE_SYMBOL(fault_leave);

static void fault_disarm(void)
{
	lockdep_assert_held(&fault_lock);

	if (!fault_task)
		return;
	WRITE_ONCE(fault_task, NULL);
	/* probes run with preemption off */
	synchronize_rcu();
}

static int fault_arm(void __user *arg)
{
	struct zcrx_fault_arm arm;
	unsigned int i;

	if (copy_from_user(&arm, arg, sizeof(arm)))
		return -EFAULT;
	if (arm.index >= ARRAY_SIZE(fault_sites))
		return -ENOENT;

	for (i = 0; i < ARRAY_SIZE(fault_sites); i++) {
		atomic_set(&fault_sites[i].calls, 0);
		atomic_set(&fault_sites[i].hits, 0);
	}
	WRITE_ONCE(fault_armed, &fault_sites[arm.index]);
	WRITE_ONCE(fault_nth, arm.nth);
	/* the last, and seen by who sees the task */
	smp_wmb();
	WRITE_ONCE(fault_task, current);
	return 0;
}

static int fault_tell(void __user *arg)
{
	const struct fault_site *site;
	struct zcrx_fault_site tell;

	if (copy_from_user(&tell, arg, sizeof(tell)))
		return -EFAULT;
	if (tell.index >= ARRAY_SIZE(fault_sites))
		return -ENOENT;

	site = &fault_sites[tell.index];
	tell.missing = site->missing;
	tell.any = site->any;
	tell.calls = atomic_read(&site->calls);
	tell.hits = atomic_read(&site->hits);
	tell.resv = 0;
	memset(tell.name, 0, sizeof(tell.name));
	strscpy(tell.name, site->name);
	return copy_to_user(arg, &tell, sizeof(tell)) ? -EFAULT : 0;
}

static long fault_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *uarg = (void __user *)arg;
	long ret = -ENOTTY;

	mutex_lock(&fault_lock);
	switch (cmd) {
	case ZCRX_FAULT_SITE:
		ret = fault_tell(uarg);
		break;
	case ZCRX_FAULT_ARM:
		fault_disarm();
		ret = fault_arm(uarg);
		break;
	case ZCRX_FAULT_DISARM:
		fault_disarm();
		ret = 0;
		break;
	}
	mutex_unlock(&fault_lock);
	return ret;
}

static int fault_open(struct inode *inode, struct file *file)
{
	return test_and_set_bit(0, &fault_open_bit) ? -EBUSY : 0;
}

static int fault_close(struct inode *inode, struct file *file)
{
	mutex_lock(&fault_lock);
	fault_disarm();
	mutex_unlock(&fault_lock);
	clear_bit(0, &fault_open_bit);
	return 0;
}

static const struct file_operations fault_fops = {
	.owner		= THIS_MODULE,
	.open		= fault_open,
	.release	= fault_close,
	.unlocked_ioctl	= fault_ioctl,
};

static struct miscdevice fault_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= ZCRX_FAULT_DEV,
	.fops	= &fault_fops,
	.mode	= 0600,
};

static void fault_unprobe(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fault_sites); i++)
		if (!fault_sites[i].missing)
			unregister_kprobe(&fault_sites[i].probe);
}

static int __init fault_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(fault_sites); i++) {
		struct fault_site *site = &fault_sites[i];

		site->probe.symbol_name = site->name;
		site->probe.pre_handler = fault_enter;
		site->probe.post_handler = fault_leave;
		/* for the test to complain of, where it needs the site */
		site->missing = register_kprobe(&site->probe);
	}

	ret = misc_register(&fault_misc);
	if (ret)
		fault_unprobe();
	return ret;
}
module_init(fault_init);

static void __exit fault_exit(void)
{
	misc_deregister(&fault_misc);
	fault_unprobe();
}
module_exit(fault_exit);

MODULE_DESCRIPTION("Functions that fail when told to, for tests");
MODULE_LICENSE("GPL");
