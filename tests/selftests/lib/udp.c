// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.h"
#include "udp.h"
#include "wire.h"

static int family(const char *addr)
{
	return strchr(addr, ':') ? AF_INET6 : AF_INET;
}

static int close_with(int fd, int err)
{
	close(fd);
	return -err;
}

static int udp_open(const char *addr)
{
	int fd = socket(family(addr), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int udp_listen(const char *addr)
{
	const struct timeval patience = {
		.tv_sec = WIRE_PATIENCE_MS / 1000,
	};
	/* an IPv4 address is shorter, and no more of it is looked at */
	const struct sockaddr_in6 any = { .sin6_family = family(addr) };
	int fd = udp_open(addr);

	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)))
		return close_with(fd, errno);
	return fd;
}

int udp_connect(const char *addr, uint16_t port)
{
	int fd = udp_open(addr), ret;

	if (fd < 0)
		return fd;
	/* nothing of it is TCP's alone */
	ret = tcp_connect_socket(fd, addr, port);
	return ret ? close_with(fd, -ret) : fd;
}
