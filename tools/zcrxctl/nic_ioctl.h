/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_NIC_IOCTL_H
#define ZCRXCTL_NIC_IOCTL_H

#include <stdint.h>

struct nic;

/* For nic.c alone: parts of what nic.h has. */
void nic_ioctl_driver(struct nic *nic);
int nic_ioctl_rx_queues(const struct nic *nic, uint32_t *queues);

#endif /* ZCRXCTL_NIC_IOCTL_H */
