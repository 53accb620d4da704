/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_UDP_H
#define TESTS_UDP_H

#include <stdint.h>

/* UDP sockets by numeric address, IPv4 or IPv6. Both return one or -errno. */

/*
 * Bound to a port of its own, which tcp_port() tells, on all addresses of
 * addr's family. recv() fails with EAGAIN after WIRE_PATIENCE_MS.
 */
int udp_listen(const char *addr);

/* Speaks to this address and port alone. */
int udp_connect(const char *addr, uint16_t port);

#endif /* TESTS_UDP_H */
