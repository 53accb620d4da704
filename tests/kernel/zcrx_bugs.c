// SPDX-License-Identifier: GPL-2.0
/*
 * The bugs that a debug kernel finds by itself, one of each kind, so that a
 * test of the tests sees that they are reported and fail a run. Loading the
 * module is what makes them; it can be loaded but not used for anything, and
 * nothing else is damaged.
 */

#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#define BUG_SIZE	128
/* A pointer to one of them may be left on some stack. */
#define BUG_LEAKS	8

static DEFINE_MUTEX(bug_outer);
static DEFINE_MUTEX(bug_inner);
static DEFINE_SPINLOCK(bug_spin);	/* of bug_sleep() */

/* KASAN. What is hidden the compiler would see, too. */
static void bug_use_after_free(void)
{
	u8 *mem = kmalloc(BUG_SIZE, GFP_KERNEL);
	u8 *gone = mem;

	if (!mem)
		return;
	OPTIMIZER_HIDE_VAR(gone);
	kfree(mem);
	READ_ONCE(gone[0]);
}

/* kmemleak */
static void bug_leak(void)
{
	void *mem;
	int i;

	for (i = 0; i < BUG_LEAKS; i++) {
		mem = kmalloc(BUG_SIZE, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(mem);
	}
}

/* lockdep: it takes no second task to tell */
static void bug_lock_order(void)
{
	mutex_lock(&bug_outer);
	mutex_lock(&bug_inner);
	mutex_unlock(&bug_inner);
	mutex_unlock(&bug_outer);

	mutex_lock(&bug_inner);
	mutex_lock(&bug_outer);
	mutex_unlock(&bug_outer);
	mutex_unlock(&bug_inner);
}

/* DEBUG_ATOMIC_SLEEP */
static void bug_sleep(void)
{
	spin_lock(&bug_spin);
	might_sleep();
	spin_unlock(&bug_spin);
}

/* DMA_API_DEBUG: an address that was never mapped */
static void bug_dma(void)
{
	struct pci_dev *pdev = pci_get_class(PCI_CLASS_NETWORK_ETHERNET << 8,
					     NULL);

	if (!pdev)
		return;
	dma_sync_single_for_cpu(&pdev->dev, 0x12345000, BUG_SIZE,
				DMA_FROM_DEVICE);
	pci_dev_put(pdev);
}

/* UBSAN */
static void bug_shift(void)
{
	int bits = BITS_PER_LONG;
	int one = 1;

	OPTIMIZER_HIDE_VAR(bits);
	one <<= bits;
	OPTIMIZER_HIDE_VAR(one);
}

static int __init bugs_init(void)
{
	/* the first: a report of KASAN or of lockdep switches lockdep off */
	bug_lock_order();
	bug_sleep();
	bug_use_after_free();
	bug_dma();
	bug_shift();
	bug_leak();
	return 0;
}
module_init(bugs_init);

static void __exit bugs_exit(void)
{
}
module_exit(bugs_exit);

MODULE_DESCRIPTION("Bugs for a debug kernel to find");
MODULE_LICENSE("GPL");
