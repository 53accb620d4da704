/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_TCP_H
#define LIB_TCP_H

#include <stdint.h>

/*
 * TCP sockets by numeric address, IPv4 or IPv6. All return a file descriptor
 * or -errno.
 */
int tcp_listen(const char *addr, uint16_t port);
int tcp_connect(const char *addr, uint16_t port);

/* -ETIMEDOUT if nobody has connected in time */
int tcp_accept(int listener, int timeout_ms);

/* The port that a listener bound with port 0 was given. */
uint16_t tcp_port(int listener);

int net_set_mtu(const char *ifname, int mtu);

#endif /* LIB_TCP_H */
