// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "senders.h"
#include "sh.h"
#include "tcp.h"

#define KIB		1024
#define MIB		(1024 * KIB)

static char buf[MIB];

static const unsigned int message[] = {
	1, 2, 3, 100, 1000, 1439, 1440, 1448, 1449, 2896, 4095, 4096, 4097,
	8192, 8948, 8949, 16 * KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
	256 * KIB, MIB,
};

#define NR_MESSAGES	(sizeof(message) / sizeof(message[0]))
#define MESSAGE_ROUNDS	2

/* 1 to 7 bytes */
static unsigned int small_message(unsigned int i)
{
	return 1 + i % 7;
}

uint64_t send_messages_len(void)
{
	uint64_t len = 0;
	unsigned int i;

	for (i = 0; i < SMALL_MESSAGES; i++)
		len += small_message(i);
	for (i = 0; i < MESSAGE_ROUNDS * NR_MESSAGES; i++)
		len += message[i % NR_MESSAGES];
	return len;
}

/* Returns 0 if it went well, as do all that peer_start() calls. */
static int failed(const char *what, int err)
{
	if (err < 0)
		fprintf(stderr, "# peer: %s: %s\n", what, strerror(-err));
	else
		fprintf(stderr, "# peer: %s\n", what);
	return 1;
}

static int send_part(int fd, const struct peer_send *job, uint64_t *off,
		     uint64_t len)
{
	while (len) {
		size_t n = MIN(len, sizeof(buf));
		int ret;

		stream_fill(job->stream, *off, buf, n);
		ret = tcp_send_all(fd, buf, n);
		if (ret)
			return ret;
		*off += n;
		len -= n;
	}
	return 0;
}

/*
 * A small message that TCP does not put into one segment with the next, even
 * if both have to wait.
 */
static int send_segment(int fd, const struct peer_send *job, uint64_t *off,
			unsigned int len)
{
	stream_fill(job->stream, *off, buf, len);
	if (send(fd, buf, len, MSG_NOSIGNAL | MSG_EOR) != (ssize_t)len)
		return -errno;
	*off += len;
	return 0;
}

/* Ends our direction and waits for the other one to end. */
static int finish(int fd)
{
	ssize_t n;

	shutdown(fd, SHUT_WR);
	n = recv(fd, buf, 1, 0);
	close(fd);
	if (n < 0)
		return failed("end of the connection", -errno);
	return n ? failed("the receiver sent something", 0) : 0;
}

int send_messages(void *arg)
{
	const struct peer_send *job = arg;
	int fd, ret = 0, one = 1;
	uint64_t off = 0;
	unsigned int i;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return failed("connect", fd);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return failed("TCP_NODELAY", -errno);

	for (i = 0; i < SMALL_MESSAGES && !ret; i++)
		ret = send_segment(fd, job, &off, small_message(i));
	for (i = 0; i < MESSAGE_ROUNDS * NR_MESSAGES && !ret; i++)
		ret = send_part(fd, job, &off, message[i % NR_MESSAGES]);
	if (ret)
		return failed("send", ret);
	return finish(fd);
}

int send_smallest_segments(void *arg)
{
	const struct peer_send *job = arg;
	int mss = SMALLEST_MSS, fd, ret;
	uint64_t off = 0;

	fd = tcp_open(job->addr);
	if (fd < 0)
		return failed("socket", fd);
	if (setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss)))
		return failed("TCP_MAXSEG", -errno);
	ret = tcp_connect_socket(fd, job->addr, job->port);
	if (ret)
		return failed("connect", ret);
	ret = send_part(fd, job, &off, job->len);
	if (ret)
		return job->may_break ? 0 : failed("send", ret);
	return finish(fd);
}

int send_on_demand(void *arg)
{
	const struct timespec ms2 = { .tv_nsec = 2000000 };
	const struct peer_send *job = arg;
	int fd, ret, one = 1;
	unsigned int i;
	uint64_t off = 0;
	char ask;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return failed("connect", fd);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return failed("TCP_NODELAY", -errno);
	while (off < job->len) {
		if (recv(fd, &ask, 1, 0) != 1)
			return failed("nobody asks", 0);
		for (i = 0; i < ON_DEMAND_LEN; i++) {
			ret = send_segment(fd, job, &off, 1);
			if (ret)
				return failed("send", ret);
			nanosleep(&ms2, NULL);
		}
	}
	return finish(fd);
}

int send_fast_open(void *arg)
{
	const struct peer_send *job = arg;
	uint64_t off;
	ssize_t n;
	int fd, ret;

	fd = tcp_open(job->addr);
	if (fd < 0)
		return failed("socket", fd);
	stream_fill(job->stream, 0, buf, 1000);
	n = tcp_fast_open(fd, job->addr, job->port, buf, 1000);
	if (n < 0)
		return failed("sendto(MSG_FASTOPEN)", n);
	off = n;
	ret = send_part(fd, job, &off, job->len - off);
	if (ret)
		return failed("send", ret);
	return finish(fd);
}

int set_fast_open(bool always)
{
	/* client and server, and neither with a cookie nor a socket option */
	unsigned int flags = always ? 0x607 : 1;

	return sh("echo %u >/proc/sys/net/ipv4/tcp_fastopen && "
		  "ip netns exec peer "
		  "sh -c 'echo %u >/proc/sys/net/ipv4/tcp_fastopen'",
		  flags, flags);
}

int send_and_check_answer(void *arg)
{
	const struct peer_send *job = arg;
	uint64_t off = 0, got = 0;
	size_t bad;
	ssize_t n;
	int fd, ret;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return failed("connect", fd);
	ret = send_part(fd, job, &off, job->len);
	if (ret)
		return failed("send", ret);
	shutdown(fd, SHUT_WR);

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (!stream_check(job->stream, ANSWER_FROM + got, buf, n,
				  &bad))
			return failed("a wrong byte in the answer", 0);
		got += n;
	}
	close(fd);
	if (n < 0)
		return failed("recv", -errno);
	return got == ANSWER_LEN ? 0 : failed("the answer is not whole", 0);
}

/* Waits until the other end has acknowledged everything. */
static int drain(int fd)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int left, tries;

	for (tries = 0; tries < 20000; tries++) {
		if (ioctl(fd, SIOCOUTQ, &left))
			return -errno;
		if (!left)
			return 0;
		nanosleep(&ms, NULL);
	}
	return -ETIMEDOUT;
}

int send_and_reset_when_told(void *arg)
{
	/* close() resets */
	const struct linger now = { .l_onoff = 1 };
	const struct peer_send *job = arg;
	uint64_t off = 0;
	int fd, ret;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return failed("connect", fd);
	ret = send_part(fd, job, &off, job->len);
	if (!ret)
		ret = drain(fd);
	if (ret)
		return failed("send", ret);
	if (recv(fd, buf, 1, 0) != 1)
		return failed("nobody told to reset", 0);
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		return failed("SO_LINGER", -errno);
	close(fd);
	return 0;
}

int send_over_loopback(void *arg)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		return failed("cannot leave the peer's namespace", -errno);
	close(fd);
	return peer_send_stream(arg);
}
