// SPDX-License-Identifier: GPL-2.0
/*
 * TCP-MD5 on a bound queue: the signature covers payload that the kernel must
 * not look at. A segment whose signature nobody can check is dropped, and
 * counted as any bad one; a peer must not be able to stop the machine with it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define AREA_LEN	(8 * 1024 * 1024)
#define TIMEOUT		120
#define PEER_V4		"10.0.0.2"
#define KEY		"a key of both"
/* Long enough for TCP to send a segment again, in most cases. */
#define WHILE_MS	1500

static struct stream stream;

/* Signs what is exchanged with addr. Returns 0 or -errno. */
static int sign(int fd, const char *addr)
{
	struct tcp_md5sig sig = { .tcpm_keylen = sizeof(KEY) - 1 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&sig.tcpm_addr;

	sin->sin_family = AF_INET;
	if (inet_pton(AF_INET, addr, &sin->sin_addr) != 1)
		return -EINVAL;
	memcpy(sig.tcpm_key, KEY, sizeof(KEY) - 1);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig)) ?
	       -errno : 0;
}

/* Waits until more segments than that were dropped. Returns how many were. */
static __s64 wait_for_failure(__s64 before)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	__s64 failures = before;
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		failures = counter_tcp("TCPMD5Failure");
		if (failures != before)
			break;
		nanosleep(&ms10, NULL);
	}
	return failures;
}

/* For peer_start(): sends one signed segment, and waits for the end. */
static int send_signed(void *arg)
{
	const struct peer_send *job = arg;
	char buf[1000], end;
	int fd;

	fd = tcp_open(job->addr);
	if (fd < 0 || sign(fd, job->addr) ||
	    tcp_connect_socket(fd, job->addr, job->port))
		return 1;
	stream_fill(job->stream, 0, buf, sizeof(buf));
	if (tcp_send_all(fd, buf, sizeof(buf)))
		return 1;
	/* the receiver closes without having read: an error, or nothing */
	return recv(fd, &end, 1, 0) > 0;
}

FIXTURE(md5)
{
	struct zc_config cfg;
	struct zc zc;
};

FIXTURE_SETUP(md5)
{
	stream_init(&stream, 3);
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_UDMABUF,
		.area_len = AREA_LEN,
	};
	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))
		TH_LOG("%s failed", self->zc.failed);
}

FIXTURE_TEARDOWN(md5)
{
	zc_close(&self->zc);
}

TEST_F_TIMEOUT(md5, unreadable_payload_is_dropped, TIMEOUT)
{
	struct peer_send job = { .stream = &stream, .addr = WIRE_V4 };
	__s64 failures = counter_tcp("TCPMD5Failure");
	int listener, sock;
	pid_t peer;

	ASSERT_LE(0, failures);
	listener = tcp_listen(WIRE_V4, 0);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sign(listener, PEER_V4));
	job.port = tcp_port(listener);
	peer = peer_start(send_signed, &job);
	ASSERT_LT(0, peer);

	/* that it connects shows that segments without payload are fine */
	sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, sock);

	ASSERT_EQ(0, zc_recv(&self->zc, sock, 0, 0));
	EXPECT_LT(failures, wait_for_failure(failures));
	EXPECT_EQ(-ETIME, zc_wait(&self->zc, WHILE_MS));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "cqes"));

	/* the armed request holds the socket */
	EXPECT_EQ(0, shutdown(sock, SHUT_RDWR));
	close(sock);
	close(listener);
	EXPECT_EQ(0, peer_wait(peer));
}

/* The machine lives, and so does the queue. */
TEST_F_TIMEOUT(md5, plain_stream_afterwards, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	struct wire wire;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, 2 * AREA_LEN, false));
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(2 * AREA_LEN, rx.bytes);
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_HARNESS_MAIN
