// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "devmem.h"
#include "readers.h"

/* As many bytes are asked for at a time: no multiple of anything. */
#define CHUNK		(61 * 1024 + 7)

int reader_open(struct reader *r, const struct reader_ops *ops, int sock)
{
	memset(r, 0, sizeof(*r));
	r->ops = ops;
	r->sock = sock;
	return ops->open ? ops->open(r) : 0;
}

void reader_close(struct reader *r)
{
	if (r->ops->close)
		r->ops->close(r);
}

__s64 reader_check(struct reader *r, const struct stream *stream, __u64 off,
		   __u64 len)
{
	static char buf[CHUNK];
	__u64 done = 0;

	while (done < len) {
		ssize_t n;
		size_t bad;

		r->data = buf;
		n = r->ops->read(r, buf, MIN(len - done, CHUNK));
		/* the end, or nothing within SO_RCVTIMEO */
		if (!n || n == -EAGAIN)
			break;
		if (n < 0)
			return n;
		if (!stream_check(stream, off + done, r->data, n, &bad)) {
			fprintf(stderr, "# wrong byte at %llu of the stream\n",
				(unsigned long long)(off + done + bad));
			return -EILSEQ;
		}
		done += n;
	}
	return done;
}

static ssize_t or_errno(ssize_t n)
{
	return n < 0 ? -errno : n;
}

static ssize_t read_recv(struct reader *r, void *buf, size_t len)
{
	return or_errno(recv(r->sock, buf, len, 0));
}

const struct reader_ops reader_recv = { .read = read_recv };

static ssize_t read_msg(struct reader *r, void *buf, size_t len, int flags)
{
	static const size_t piece[] = { 1, 7, 0, 1448, 4096, 3, 16384 };
	struct iovec iov[8];
	struct msghdr msg = { .msg_iov = iov };
	size_t off = 0;

	while (msg.msg_iovlen < 7) {
		size_t n = MIN(piece[msg.msg_iovlen], len - off);

		iov[msg.msg_iovlen++] = (struct iovec) { buf + off, n };
		off += n;
	}
	iov[msg.msg_iovlen++] = (struct iovec) { buf + off, len - off };
	return or_errno(recvmsg(r->sock, &msg, flags));
}

static ssize_t read_recvmsg(struct reader *r, void *buf, size_t len)
{
	return read_msg(r, buf, len, 0);
}

const struct reader_ops reader_recvmsg = { .read = read_recvmsg };

/* A reader of socket devmem takes payload that is no net_iov as well. */
static ssize_t read_devmem(struct reader *r, void *buf, size_t len)
{
	return read_msg(r, buf, len, MSG_SOCK_DEVMEM);
}

const struct reader_ops reader_devmem = { .read = read_devmem };

static ssize_t read_peek(struct reader *r, void *buf, size_t len)
{
	static char peeked[CHUNK];
	ssize_t n, again;

	n = recv(r->sock, peeked, len, MSG_PEEK);
	if (n <= 0)
		return or_errno(n);
	again = recv(r->sock, buf, n, MSG_WAITALL);
	if (again != n)
		return again < 0 ? -errno : -EIO;
	return memcmp(peeked, buf, n) ? -EILSEQ : n;
}

const struct reader_ops reader_peek = { .read = read_peek };

static int open_busy_poll(struct reader *r)
{
	int usecs = 50;

	return or_errno(setsockopt(r->sock, SOL_SOCKET, SO_BUSY_POLL, &usecs,
				   sizeof(usecs)));
}

const struct reader_ops reader_busy_poll = {
	.open = open_busy_poll,
	.read = read_recv,
};

static int open_splice(struct reader *r)
{
	return or_errno(pipe2(r->pipe, O_CLOEXEC));
}

static void close_splice(struct reader *r)
{
	close(r->pipe[0]);
	close(r->pipe[1]);
}

static ssize_t read_splice(struct reader *r, void *buf, size_t len)
{
	ssize_t n, done, part;

	n = splice(r->sock, NULL, r->pipe[1], NULL, len, 0);
	if (n <= 0)
		return or_errno(n);
	for (done = 0; done < n; done += part) {
		part = read(r->pipe[0], buf + done, n - done);
		if (part <= 0)
			return part ? -errno : -EIO;
	}
	return n;
}

const struct reader_ops reader_splice = {
	.open = open_splice,
	.close = close_splice,
	.read = read_splice,
};

#define ZEROCOPY_LEN	(64 * 1024)
#define COPIED_LEN	4096

static int open_zerocopy(struct reader *r)
{
	r->zerocopy.map = mmap(NULL, ZEROCOPY_LEN, PROT_READ, MAP_SHARED,
			       r->sock, 0);
	return r->zerocopy.map == MAP_FAILED ? -errno : 0;
}

static void close_zerocopy(struct reader *r)
{
	munmap(r->zerocopy.map, ZEROCOPY_LEN);
}

/*
 * The kernel maps whole pages, or copies a little, or says how much to read in
 * the ordinary way.
 */
static ssize_t read_zerocopy(struct reader *r, void *buf, size_t len)
{
	struct tcp_zerocopy_receive zc = {
		.address = (uintptr_t)r->zerocopy.map,
		.length = ZEROCOPY_LEN,
		.copybuf_address = (uintptr_t)buf,
		.copybuf_len = MIN(len, COPIED_LEN),
	};
	static char whole[ZEROCOPY_LEN + COPIED_LEN];
	struct pollfd p = { .fd = r->sock, .events = POLLIN };
	socklen_t size = sizeof(zc);

	if (poll(&p, 1, -1) < 0)
		return -errno;
	/* mapped once more, what was there is gone */
	if (getsockopt(r->sock, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &zc, &size))
		return errno == EIO ? 0 : -errno;	/* EIO is the end */
	if (zc.length) {
		r->zerocopy.mapped += zc.length;
		memcpy(whole, r->zerocopy.map, zc.length);
		memcpy(whole + zc.length, buf, MAX(zc.copybuf_len, 0));
		r->data = whole;
		return zc.length + MAX(zc.copybuf_len, 0);
	}
	if (zc.copybuf_len > 0)
		return zc.copybuf_len;
	if (!zc.recv_skip_hint || zc.recv_skip_hint > len)
		zc.recv_skip_hint = len;
	return or_errno(recv(r->sock, buf, zc.recv_skip_hint, 0));
}

const struct reader_ops reader_zerocopy = {
	.open = open_zerocopy,
	.close = close_zerocopy,
	.read = read_zerocopy,
};
