// SPDX-License-Identifier: GPL-2.0
/*
 * recv(), alone and behind epoll_wait(); and recv(MSG_TRUNC), which throws the
 * payload away: what TCP costs when nobody takes the data.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "method.h"

#define BUF_LEN		(256 * 1024)

static char buf[BUF_LEN];
static int epoll_fd;

static int receive(struct bench *b, uint64_t until)
{
	while (b->n.bytes < until) {
		ssize_t len = recv(b->sock, buf, BUF_LEN, 0);

		b->n.syscalls++;
		if (len <= 0)
			return len ? -errno : -EPIPE;
		b->n.copied += len;
		if (bench_take(b, buf, len))
			return -EILSEQ;
	}
	return 0;
}

const struct bench_method method_recv = {
	.name = "recv",
	.receive = receive,
};

static int receive_trunc(struct bench *b, uint64_t until)
{
	while (b->n.bytes < until) {
		ssize_t len = recv(b->sock, NULL, BUF_LEN, MSG_TRUNC);

		b->n.syscalls++;
		if (len <= 0)
			return len ? -errno : -EPIPE;
		b->n.bytes += len;
	}
	return 0;
}

const struct bench_method method_trunc = {
	.name = "floor",
	.receive = receive_trunc,
};

static int open_epoll(struct bench *b)
{
	struct epoll_event ev = { .events = EPOLLIN };

	b->failed = "epoll";
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, b->sock, &ev)) {
		int err = errno;

		close(epoll_fd);
		return -err;
	}
	return 0;
}

static int receive_epoll(struct bench *b, uint64_t until)
{
	struct epoll_event ev;

	while (b->n.bytes < until) {
		ssize_t len;

		if (epoll_wait(epoll_fd, &ev, 1, -1) < 0)
			return -errno;
		len = recv(b->sock, buf, BUF_LEN, MSG_DONTWAIT);
		b->n.syscalls += 2;
		if (len <= 0)
			return len ? -errno : -EPIPE;
		b->n.copied += len;
		if (bench_take(b, buf, len))
			return -EILSEQ;
	}
	return 0;
}

static void close_epoll(struct bench *b)
{
	(void)b;
	close(epoll_fd);
}

const struct bench_method method_epoll = {
	.name = "epoll+recv",
	.open = open_epoll,
	.receive = receive_epoll,
	.close = close_epoll,
};
