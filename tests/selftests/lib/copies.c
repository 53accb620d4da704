// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "copies.h"
#include "peer.h"
#include "tcp.h"

/* One urgent mark has to cover a piece: TCP marks what lies before it. */
#define URGENT_PIECE	1000

bool copies_are(const struct zc *zc, struct copies want)
{
	const struct {
		const char *key;
		__u64 want;
	} row[] = {
		{ "bytes_nodev", want.nodev },
		{ "bytes_fastopen", want.fastopen },
		{ "bytes_urgent", want.urgent },
		{ "bytes_early", want.early },
		{ "bytes_device", want.device },
		{ "bytes_queue", want.queue },
		{ "bytes_unsplit", want.unsplit },
	};
	bool right = true;
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		__s64 is = zc_fdinfo(zc, row[i].key);

		if (is == (__s64)row[i].want)
			continue;
		fprintf(stderr, "# %s is %lld, not %llu\n", row[i].key,
			(long long)is, (unsigned long long)row[i].want);
		right = false;
	}
	return right;
}

/*
 * The peer
 */

static char buf[64 * 1024];

/* The result of what peer_start() calls. */
static int failed(const char *what)
{
	fprintf(stderr, "# peer: %s: %s\n", what, strerror(errno));
	return 1;
}

static int send_up_to(int fd, const struct peer_send *job, __u64 *off,
		      __u64 end, size_t piece, int flags)
{
	while (*off < end) {
		size_t n = MIN(end - *off, piece);
		size_t done = 0;

		stream_fill(job->stream, *off, buf, n);
		while (done < n) {
			ssize_t ret = send(fd, buf + done, n - done,
					   MSG_NOSIGNAL | flags);

			if (ret < 0)
				return failed("send");
			done += ret;
		}
		*off += n;
	}
	return 0;
}

/* The rest of the stream, when told, and its end. */
static int send_rest(int fd, const struct peer_send *job, __u64 off,
		     size_t piece, int flags)
{
	char go;

	if (recv(fd, &go, 1, 0) != 1)
		return failed("nobody said go");
	if (send_up_to(fd, job, &off, job->len, piece, flags))
		return 1;
	shutdown(fd, SHUT_WR);
	return recv(fd, &go, 1, 0) ? failed("end of the connection") : 0;
}

int copies_send_when_told(void *arg)
{
	const struct peer_send *job = arg;
	int fd = tcp_connect(job->addr, job->port);

	if (fd < 0)
		return failed("connect");
	return send_rest(fd, job, 0, sizeof(buf), 0);
}

int copies_send_some_before(void *arg)
{
	const struct peer_send *job = arg;
	__u64 off = 0;
	int fd;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return failed("connect");
	if (send_up_to(fd, job, &off, COPIES_AT_ONCE, sizeof(buf), 0))
		return 1;
	return send_rest(fd, job, off, sizeof(buf), 0);
}

int copies_send_with_syn(void *arg)
{
	const struct peer_send *job = arg;
	int fd;

	fd = tcp_open(job->addr);
	if (fd < 0)
		return failed("socket");
	stream_fill(job->stream, 0, buf, COPIES_SYN_LEN);
	if (tcp_fast_open(fd, job->addr, job->port, buf, COPIES_SYN_LEN) !=
	    COPIES_SYN_LEN)
		return failed("sendto(MSG_FASTOPEN)");
	return send_rest(fd, job, COPIES_SYN_LEN, sizeof(buf), 0);
}

int copies_send_urgent(void *arg)
{
	const struct peer_send *job = arg;
	int fd, one = 1;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return failed("connect");
	return send_rest(fd, job, 0, URGENT_PIECE, MSG_OOB);
}

int copies_send_over_loopback(void *arg)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return failed("cannot leave the peer's namespace");
	close(fd);
	return copies_send_when_told(arg);
}

int copies_go(const struct wire *wire)
{
	return send(wire->sock, "", 1, 0) == 1 ? 0 : -errno;
}
