/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_NIC_H
#define TESTS_NIC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Commands that set WIRE_IF down and up. The kernel takes IPv6 addresses off an
 * interface that goes down.
 */
#define NIC_DOWN	"ip link set eth0 down"
#define NIC_UP		"ip link set eth0 up && " \
			"ip addr replace fd00::1/64 dev eth0 nodad"

/* Settings of a NIC, as ethtool makes them. All return 0 or -errno. */

/* ethtool -G IF tcp-data-split on|off */
int nic_set_data_split(const char *ifname, bool on);

/*
 * ethtool -L IF combined N. -EINVAL if a queue would go that flows are steered
 * to. The driver may forget where they go, and the link trains anew.
 */
int nic_set_channels(const char *ifname, unsigned int combined);

/* ethtool -X IF start RXQ equal 1 */
int nic_steer(const char *ifname, unsigned int rxq);

/* ethtool -X IF default: all flows over all queues, however many there are */
int nic_steer_default(const char *ifname);

/* Sets the MTU here and of the peer. */
int nic_set_mtus(const char *ifname, int mtu);

/* The same, unless it is that already: it takes the link down for a while. */
int nic_change_mtus(const char *ifname, int from, int to);

/* What is set now, or -errno: */
int nic_rx_ring(const char *ifname);	/* descriptors of an RX ring */
int nic_channels(const char *ifname);	/* combined ones */
int nic_rx_csum(const char *ifname);	/* 1 if the NIC verifies checksums */

/* Where it is on its bus, as "0000:01:00.0". Returns 0 or -errno. */
int nic_pci_address(const char *ifname, char *addr, size_t size);

/* Waits until the link is up. */
int nic_wait_carrier(const char *ifname, unsigned int timeout_ms);

/* The number that /sys/class/net/IF/NAME has, or -errno. */
long nic_sysfs(const char *ifname, const char *name);

#endif /* TESTS_NIC_H */
