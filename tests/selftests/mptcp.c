// SPDX-License-Identifier: GPL-2.0
/*
 * MPTCP with checksums on a bound queue. The checksum covers payload that the
 * kernel must not look at, so it is as good as wrong: the connection goes on as
 * TCP, and recv() says what it says of such payload on any socket.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "peer.h"
#include "tcp.h"

#define TIMEOUT		120
#define AREA_LEN	(8 * 1024 * 1024)
#define LEN		1000
#define CHECKSUMS	"/proc/sys/net/mptcp/checksum_enabled"
#define ERRORS		"MPTcpExt:DataCsumErr"

static struct stream stream;

/* For peer_start(): one segment, and the end that the receiver makes of it. */
static int send_segment(void *arg)
{
	const struct peer_send *job = arg;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	char buf[LEN];

	if (fd < 0 || tcp_connect_socket(fd, job->addr, job->port))
		return 1;
	stream_fill(job->stream, 0, buf, sizeof(buf));
	return tcp_send_all(fd, buf, sizeof(buf)) || recv(fd, buf, 1, 0) > 0;
}

static int listen_mptcp(__u16 *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || listen(fd, 1))
		return -errno;
	*port = tcp_port(fd);
	return fd;
}

static int set_checksums(int on)
{
	return sh("for ns in '' 'ip netns exec peer'; do $ns sh -c 'echo %d >" CHECKSUMS
		  "' || exit; done", on);
}

FIXTURE(mptcp)
{
	struct zc zc;
};

FIXTURE_SETUP(mptcp)
{
	stream_init(&stream, 1);
	ASSERT_EQ(0, wire_bind(&self->zc, AREA_UDMABUF, AREA_LEN));
	ASSERT_EQ(0, set_checksums(1));
}

FIXTURE_TEARDOWN(mptcp)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, set_checksums(0));
}

TEST_F_TIMEOUT(mptcp, checksum_of_unreadable, TIMEOUT)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	struct peer_send job = { .stream = &stream, .addr = WIRE_V4 };
	__s64 errors = counter_stack(ERRORS);
	int listener, sock, waited;
	pid_t peer;
	char byte;

	ASSERT_LE(0, errors);
	listener = listen_mptcp(&job.port);
	ASSERT_LE(0, listener);
	peer = peer_start(send_segment, &job);
	ASSERT_LT(0, peer);
	sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, sock);

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (counter_stack(ERRORS) > errors)
			break;
		nanosleep(&ms10, NULL);
	}
	EXPECT_EQ(errors + 1, counter_stack(ERRORS));
	EXPECT_EQ(-1, recv(sock, &byte, 1, 0));
	EXPECT_EQ(EFAULT, errno);

	close(sock);
	close(listener);
	EXPECT_EQ(0, peer_wait(peer));
}

TEST_HARNESS_MAIN
