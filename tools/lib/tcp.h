/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_TCP_H
#define LIB_TCP_H

#include <stddef.h>
#include <stdint.h>

/*
 * TCP sockets by numeric address, IPv4 or IPv6. All return a file descriptor
 * or -errno.
 */
int tcp_listen(const char *addr, uint16_t port);
int tcp_connect(const char *addr, uint16_t port);

/*
 * The parts of tcp_connect(), for who sets options before it: a socket for an
 * address, and the connection. The second returns 0 or -errno.
 */
int tcp_open(const char *addr);
int tcp_connect_socket(int fd, const char *addr, uint16_t port);

/* Connects by sending. Returns how many bytes were taken, or -errno. */
int tcp_fast_open(int fd, const char *addr, uint16_t port, const void *buf,
		  size_t len);

/* -ETIMEDOUT if nobody has connected in time */
int tcp_accept(int listener, int timeout_ms);

/* The port that a listener bound with port 0 was given. */
uint16_t tcp_port(int listener);

/* Sends all of it. Returns 0 or -errno; no SIGPIPE. */
int tcp_send_all(int fd, const void *buf, size_t len);

int net_set_mtu(const char *ifname, int mtu);

#endif /* LIB_TCP_H */
