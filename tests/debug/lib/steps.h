/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_DEBUG_STEPS_H
#define TESTS_DEBUG_STEPS_H

#include <errno.h>

#include "fault.h"

/*
 * Steps that a registration and what is asked of an ifq later have in common, as both
 * map areas and restart queues. Whoever includes this walks all of them.
 */

/* What the driver has for a queue. */
static const struct fault_step restart_steps[] = {
	{ "netdev_rx_queue_restart", { EIO } },
	{ "igb_queue_mem_alloc", { ENOMEM } },
	{ "igb_queue_stop", { ETIMEDOUT } },
	{ "igb_queue_start", { EIO } },
	{ "__xdp_rxq_info_reg", { ENOMEM } },
	{ "dma_alloc_attrs", { ENOMEM } },
	{ }
};

/* The page_pool that comes with a provider. */
static const struct fault_step pool_steps[] = {
	{ "zcrx_pool_init", { EOPNOTSUPP } },
	{ "page_pool_create", { ENOMEM } },
	{ "page_pool_list", { ENOMEM } },
	{ }
};

/* An area of user memory is mapped for the NIC. */
static const struct fault_step map_user_steps[] = {
	{ "sg_alloc_table_from_pages_segment", { ENOMEM } },
	{ "dma_map_sgtable", { EIO } },
	{ "iommu_map_sg", { ENOMEM } },
	{ }
};

/* A dma-buf is imported, and mapped. */
static const struct fault_step map_dmabuf_steps[] = {
	{ "dma_buf_get", { EBADF } },
	{ "dma_buf_attach", { ENOMEM } },
	{ "dma_buf_vmap_unlocked", { ENOMEM } },
	{ "dma_buf_begin_cpu_access", { ENOMEM } },
	{ "dma_buf_end_cpu_access", { ENOMEM } },
	{ "dma_buf_map_attachment_unlocked", { ENOMEM } },
	{ "iommu_map_sg", { ENOMEM } },
	{ }
};

/* Either has its addresses told to the net_iovs. */
static const struct fault_step niov_steps[] = {
	{ "net_mp_niov_set_dma_addr", { EFAULT, FAULT_ALIKE } },
	{ }
};

/* Allocations, and copies: of what debugging keeps in addition as well. */
static const struct fault_step memory_steps[] = {
	{ FAULT_MEMORY, { ENOMEM, EFAULT, FAULT_OPTIONAL } },
	{ }
};

/* The same where they are many: page by page, or others walk all of them. */
static const struct fault_step some_memory_steps[] = {
	{ FAULT_MEMORY, { ENOMEM, EFAULT, FAULT_OPTIONAL, FAULT_ALIKE } },
	{ }
};

#endif /* TESTS_DEBUG_STEPS_H */
