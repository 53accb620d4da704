/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_PROBE_H
#define ZCRXCTL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct nic;

/* What the running kernel can do, as io_uring tells. */
struct probe_kernel {
	bool zcrx;
	bool untold;		/* it may have it all the same: 6.15 to 6.18 */
	uint64_t extensions;	/* enum zcrx_ext_features; 0: upstream's alone */
	int error;		/* of io_uring itself, or 0 */
};

void probe_kernel(struct probe_kernel *kernel);

/*
 * Whether the driver can restart a single queue, without restarting any: 1 or 0, or
 * -errno where it cannot be asked, such as -EPERM.
 */
int probe_queue_api(const struct nic *nic);

/*
 * Binds the queue for a moment. Returns 0 or -errno, with what the user may do in
 * *advice.
 */
int probe_bind(const struct nic *nic, uint32_t queue, const char **advice);

#endif /* ZCRXCTL_PROBE_H */
