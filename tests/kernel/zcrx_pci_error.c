// SPDX-License-Identifier: GPL-2.0
/*
 * A driver is told of a PCI error, as the AER driver does it; no hardware has to
 * be in error for that, nor is any reset. Each parameter is a step: write a
 * device's address to it, as 0000:01:00.0. Which steps follow which is up to who
 * writes; recovery may fail at each.
 *
 *   frozen      the device cannot be reached, and loses what it is doing
 *   slot_reset  it was reset, and can be reached
 *   resume      all functions of the port were
 */

#include <linux/module.h>
#include <linux/pci.h>

enum {
	STEP_FROZEN,
	STEP_SLOT_RESET,
	STEP_RESUME,
};

static int error_take(const struct pci_error_handlers *handlers,
		      struct pci_dev *pdev, long step)
{
	pci_ers_result_t result;

	switch (step) {
	case STEP_FROZEN:
		pdev->error_state = pci_channel_io_frozen;
		result = handlers->error_detected(pdev, pci_channel_io_frozen);
		return result == PCI_ERS_RESULT_NEED_RESET ? 0 : -EIO;
	case STEP_SLOT_RESET:
		pdev->error_state = pci_channel_io_normal;
		result = handlers->slot_reset(pdev);
		return result == PCI_ERS_RESULT_RECOVERED ? 0 : -EIO;
	default:
		handlers->resume(pdev);
		return 0;
	}
}

static struct pci_dev *error_find(const char *name)
{
	unsigned int domain, bus, slot, func;

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &func) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, func));
}

static int error_step(const char *name, const struct kernel_param *kp)
{
	const struct pci_error_handlers *handlers;
	struct pci_dev *pdev = error_find(name);
	int err = -EOPNOTSUPP;

	if (!pdev)
		return -ENODEV;
	device_lock(&pdev->dev);
	handlers = pdev->driver ? pdev->driver->err_handler : NULL;
	if (handlers)
		err = error_take(handlers, pdev, (long)kp->arg);
	device_unlock(&pdev->dev);
	pci_dev_put(pdev);
	return err;
}

static const struct kernel_param_ops error_ops = {
	.set	= error_step,
};

module_param_cb(frozen, &error_ops, (void *)STEP_FROZEN, 0200);
MODULE_PARM_DESC(frozen, "the address of a device that cannot be reached");
module_param_cb(slot_reset, &error_ops, (void *)STEP_SLOT_RESET, 0200);
MODULE_PARM_DESC(slot_reset, "the address of a device that was reset");
module_param_cb(resume, &error_ops, (void *)STEP_RESUME, 0200);
MODULE_PARM_DESC(resume, "the address of a device that goes on");

static int __init error_init(void)
{
	return 0;
}
module_init(error_init);

static void __exit error_exit(void)
{
}
module_exit(error_exit);

MODULE_DESCRIPTION("Steps of PCI error recovery, for tests");
MODULE_LICENSE("GPL");
