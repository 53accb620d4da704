// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse(union address *a, const char *addr, uint16_t port)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, addr, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		return sizeof(a->v4);
	}
	if (inet_pton(AF_INET6, addr, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(port);
		return sizeof(a->v6);
	}
	return 0;
}

static int close_with(int fd, int err)
{
	close(fd);
	return -err;
}

int tcp_listen(const char *addr, uint16_t port)
{
	union address a;
	socklen_t len = parse(&a, addr, port);
	int fd, one = 1;

	if (!len)
		return -EADDRNOTAVAIL;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &a.any, len) || listen(fd, 8))
		return close_with(fd, errno);
	return fd;
}

uint16_t tcp_port(int listener)
{
	union address a;
	socklen_t len = sizeof(a);

	if (getsockname(listener, &a.any, &len))
		return 0;
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port :
						  a.v6.sin6_port);
}

int tcp_open(const char *addr)
{
	union address a;
	int fd;

	if (!parse(&a, addr, 0))
		return -EADDRNOTAVAIL;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int tcp_connect_socket(int fd, const char *addr, uint16_t port)
{
	union address a;
	socklen_t len = parse(&a, addr, port);

	if (!len)
		return -EADDRNOTAVAIL;
	return connect(fd, &a.any, len) ? -errno : 0;
}

int tcp_connect(const char *addr, uint16_t port)
{
	int fd, ret;

	fd = tcp_open(addr);
	if (fd < 0)
		return fd;
	ret = tcp_connect_socket(fd, addr, port);
	return ret ? close_with(fd, -ret) : fd;
}

int tcp_fast_open(int fd, const char *addr, uint16_t port, const void *buf,
		  size_t len)
{
	union address a;
	socklen_t addr_len = parse(&a, addr, port);
	ssize_t n;

	if (!addr_len)
		return -EADDRNOTAVAIL;
	n = sendto(fd, buf, len, MSG_FASTOPEN | MSG_NOSIGNAL, &a.any, addr_len);
	return n < 0 ? -errno : n;
}

int tcp_accept(int listener, int timeout_ms)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int ret = poll(&p, 1, timeout_ms);

	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIMEDOUT;
	ret = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

int tcp_send_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = send(fd, buf, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= n;
	}
	return 0;
}

int net_set_mtu(const char *ifname, int mtu)
{
	struct ifreq req = { .ifr_mtu = mtu };
	int fd, ret;

	if (strlen(ifname) >= sizeof(req.ifr_name))
		return -ENODEV;
	memcpy(req.ifr_name, ifname, strlen(ifname) + 1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, SIOCSIFMTU, &req) ? -errno : 0;
	close(fd);
	return ret;
}
