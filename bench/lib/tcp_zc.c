// SPDX-License-Identifier: GPL-2.0
/*
 * TCP_ZEROCOPY_RECEIVE: maps whole pages of payload, and copies what is not a
 * page. A NIC that does not align payload to pages gives it nothing to map.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <linux/tcp.h>

#include "method.h"

#define WINDOW		(256 * 1024)
#define COPY_LEN	(256 * 1024)

static char copy[COPY_LEN];
static void *window;

static int open_tcp_zc(struct bench *b)
{
	b->failed = "mmap() of the socket";
	window = mmap(NULL, WINDOW, PROT_READ, MAP_SHARED, b->sock, 0);
	return window == MAP_FAILED ? -errno : 0;
}

/* What cannot be mapped, by recv(). */
static int by_recv(struct bench *b, size_t len)
{
	while (len) {
		size_t want = len < COPY_LEN ? len : COPY_LEN;
		ssize_t got = recv(b->sock, copy, want, 0);

		b->n.syscalls++;
		if (got <= 0)
			return got ? -errno : -EPIPE;
		b->n.copied += got;
		if (bench_take(b, copy, got))
			return -EILSEQ;
		len -= got;
	}
	return 0;
}

static int receive(struct bench *b, uint64_t until)
{
	while (b->n.bytes < until) {
		struct tcp_zerocopy_receive zc = {
			.address = (uintptr_t)window,
			.length = WINDOW,
			.copybuf_address = (uintptr_t)copy,
			.copybuf_len = COPY_LEN,
		};
		socklen_t len = sizeof(zc);
		int ret;

		b->n.syscalls++;
		if (getsockopt(b->sock, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &zc,
			       &len))
			return -errno;
		if (zc.length && bench_take(b, window, zc.length))
			return -EILSEQ;
		if (zc.copybuf_len > 0) {
			b->n.copied += zc.copybuf_len;
			if (bench_take(b, copy, zc.copybuf_len))
				return -EILSEQ;
		}
		/* nothing there: wait for it as recv() does */
		if (!zc.length && zc.copybuf_len <= 0 && !zc.recv_skip_hint)
			zc.recv_skip_hint = 1;
		ret = by_recv(b, zc.recv_skip_hint);
		if (ret)
			return ret;
	}
	return 0;
}

static void close_tcp_zc(struct bench *b)
{
	(void)b;
	munmap(window, WINDOW);
}

const struct bench_method method_tcp_zc = {
	.name = "TCP_ZEROCOPY_RECEIVE",
	.open = open_tcp_zc,
	.receive = receive,
	.close = close_tcp_zc,
};
