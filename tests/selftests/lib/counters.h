/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_COUNTERS_H
#define TESTS_COUNTERS_H

#include <linux/types.h>

/*
 * What the kernel counts, to see that a test met what it is about. All return
 * -1 if there is no such counter.
 */

/* of /proc/net/netstat's TcpExt line */
__s64 counter_tcp(const char *name);

/*
 * of any line of /proc/net/snmp or netstat, as "Udp:NoPorts", or of
 * /proc/net/snmp6, as "Udp6NoPorts"
 */
__s64 counter_stack(const char *name);

/* of ethtool -S */
__s64 counter_nic(const char *ifname, const char *name);

#endif /* TESTS_COUNTERS_H */
