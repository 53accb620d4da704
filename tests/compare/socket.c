// SPDX-License-Identifier: GPL-2.0
/*
 * What else a socket does on a queue that no provider is bound to, where the
 * overlay changes code on its way: urgent data, signatures, resets, TLS,
 * captures; and UDP. This runs on a kernel with the overlay and on one without;
 * tests/compare/unbound compares.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/capture.h"
#include "lib/counters.h"
#include "lib/readers.h"
#include "lib/senders.h"
#include "lib/wire.h"
#include "peer.h"
#include "tcp.h"

#define TIMEOUT		60
#define MIB		(1024 * 1024)
#define PEER_V4		"10.0.0.2"
#define PEER_V6		"fd00::2"

static struct stream stream;

FIXTURE(socket)
{
	struct wire wire;
	struct reader reader;
};

FIXTURE_VARIANT(socket)
{
	const char *addr;
	const char *peer;
};

FIXTURE_VARIANT_ADD(socket, v4)
{
	.addr = WIRE_V4,
	.peer = PEER_V4,
};

FIXTURE_VARIANT_ADD(socket, v6)
{
	.addr = WIRE_V6,
	.peer = PEER_V6,
};

FIXTURE_SETUP(socket)
{
	stream_init(&stream, 7);
}

FIXTURE_TEARDOWN(socket)
{
}

static int poll_for(int sock, short events)
{
	struct pollfd p = { .fd = sock, .events = events };

	if (poll(&p, 1, WIRE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	return p.revents;
}

/* The peer's socket, connected; or -1, and it says why. */
static int connect_back(const struct peer_send *job)
{
	int fd = tcp_connect(job->addr, job->port);

	if (fd < 0)
		fprintf(stderr, "# peer: connect: %s\n", strerror(-fd));
	return fd < 0 ? -1 : fd;
}

static int end_of_receiver(int fd)
{
	char end;

	shutdown(fd, SHUT_WR);
	return recv(fd, &end, 1, 0) == 0 ? 0 : 1;
}

/*
 * An urgent byte amid two parts of the stream. The second part follows when
 * the receiver has seen the urgent byte.
 */
#define URGENT_AT	5000

static int send_urgent(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[2 * URGENT_AT + 1];
	int fd = connect_back(job);
	char told;

	stream_fill(job->stream, 0, buf, sizeof(buf));
	if (fd < 0 || tcp_send_all(fd, buf, URGENT_AT) ||
	    send(fd, buf + URGENT_AT, 1, MSG_OOB) != 1 ||
	    recv(fd, &told, 1, 0) != 1 ||
	    tcp_send_all(fd, buf + URGENT_AT + 1, URGENT_AT))
		return 1;
	return end_of_receiver(fd);
}

TEST_F_TIMEOUT(socket, urgent_byte_aside, TIMEOUT)
{
	char urgent, expected;
	int sock, mark = 0;

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    false, send_urgent));
	sock = self->wire.sock;
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv, sock));
	ASSERT_LT(0, poll_for(sock, POLLPRI));
	EXPECT_EQ(1, recv(sock, &urgent, 1, MSG_OOB));
	stream_fill(&stream, URGENT_AT, &expected, 1);
	EXPECT_EQ(expected, urgent);
	EXPECT_EQ(-1, recv(sock, &urgent, 1, MSG_OOB));
	EXPECT_EQ(EINVAL, errno);

	EXPECT_EQ(URGENT_AT, reader_check(&self->reader, &stream, 0,
					  URGENT_AT));
	EXPECT_EQ(0, ioctl(sock, SIOCATMARK, &mark));
	EXPECT_EQ(1, mark);
	ASSERT_EQ(1, send(sock, "t", 1, 0));
	EXPECT_EQ(URGENT_AT, reader_check(&self->reader, &stream,
					  URGENT_AT + 1, UINT64_MAX));
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(socket, urgent_byte_in_line, TIMEOUT)
{
	int sock, one = 1;

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    false, send_urgent));
	sock = self->wire.sock;
	ASSERT_EQ(0, setsockopt(sock, SOL_SOCKET, SO_OOBINLINE, &one,
				sizeof(one)));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv, sock));
	ASSERT_LT(0, poll_for(sock, POLLPRI));
	ASSERT_EQ(1, send(sock, "t", 1, 0));
	EXPECT_EQ(2 * URGENT_AT + 1, reader_check(&self->reader, &stream, 0,
						  UINT64_MAX));
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(socket, reset_while_waiting, TIMEOUT)
{
	char byte;

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, MIB,
				    false, send_and_reset_when_told));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	EXPECT_EQ(MIB, reader_check(&self->reader, &stream, 0, MIB));
	ASSERT_EQ(1, send(self->wire.sock, "r", 1, 0));
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_EQ(0, recv(self->wire.sock, &byte, 1, 0));
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(socket, reset_before_reading, TIMEOUT)
{
	char byte;

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    RESET_LEN, false,
				    send_and_reset_when_told));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	ASSERT_EQ(1, send(self->wire.sock, "r", 1, 0));
	ASSERT_EQ(POLLERR, POLLERR & poll_for(self->wire.sock, 0));
	EXPECT_EQ(RESET_LEN, reader_check(&self->reader, &stream, 0,
					  RESET_LEN));
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, 0));
	EXPECT_EQ(ECONNRESET, errno);
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(socket, half_close, TIMEOUT)
{
	static char answer[ANSWER_LEN];

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, MIB,
				    false, send_and_check_answer));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	EXPECT_EQ(MIB, reader_check(&self->reader, &stream, 0, UINT64_MAX));
	stream_fill(&stream, ANSWER_FROM, answer, sizeof(answer));
	EXPECT_EQ(0, tcp_send_all(self->wire.sock, answer, sizeof(answer)));
	/* 0 only if the answer was right */
	EXPECT_EQ(0, wire_close(&self->wire));
}

/*
 * TCP-MD5
 */
static int sign(int fd, const char *addr)
{
	struct tcp_md5sig sig = { .tcpm_keylen = 3, .tcpm_key = "key" };
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&sig.tcpm_addr;
	struct sockaddr_in *sin = (struct sockaddr_in *)&sig.tcpm_addr;

	if (inet_pton(AF_INET, addr, &sin->sin_addr) == 1)
		sin->sin_family = AF_INET;
	else if (inet_pton(AF_INET6, addr, &sin6->sin6_addr) == 1)
		sin6->sin6_family = AF_INET6;
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig)) ?
	       -errno : 0;
}

static int send_signed(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[MIB];
	int fd = tcp_open(job->addr);

	stream_fill(job->stream, 0, buf, sizeof(buf));
	if (fd < 0 || sign(fd, job->addr) ||
	    tcp_connect_socket(fd, job->addr, job->port) ||
	    tcp_send_all(fd, buf, sizeof(buf)))
		return 1;
	return end_of_receiver(fd);
}

/* 0 if it is not let in. */
static int connect_unsigned(void *arg)
{
	const struct timeval enough = { .tv_sec = 1 };
	const struct peer_send *job = arg;
	int fd = tcp_open(job->addr);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &enough,
				 sizeof(enough)))
		return 1;
	return tcp_connect_socket(fd, job->addr, job->port) == -EINPROGRESS ?
	       0 : 1;
}

TEST_F_TIMEOUT(socket, md5_signed, TIMEOUT)
{
	struct peer_send job = { .stream = &stream, .addr = variant->addr };
	__s64 without = counter_tcp("TCPMD5NotFound");
	__s64 wrong = counter_tcp("TCPMD5Failure");
	int listener, sock;
	pid_t peer;

	listener = tcp_listen(variant->addr, 0);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sign(listener, variant->peer));
	job.port = tcp_port(listener);

	peer = peer_start(connect_unsigned, &job);
	ASSERT_LT(0, peer);
	EXPECT_EQ(0, peer_wait(peer));
	EXPECT_LT(without, counter_tcp("TCPMD5NotFound"));

	peer = peer_start(send_signed, &job);
	ASSERT_LT(0, peer);
	sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, sock);
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv, sock));
	EXPECT_EQ(MIB, reader_check(&self->reader, &stream, 0, UINT64_MAX));
	close(sock);
	EXPECT_EQ(0, peer_wait(peer));
	EXPECT_EQ(wrong, counter_tcp("TCPMD5Failure"));
	close(listener);
}

/*
 * TLS, by the kernel: it reads the payload where it lies.
 */
static int set_tls(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info.version = TLS_1_3_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
		.key = "sixteen bytes..",
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) ||
	    setsockopt(fd, SOL_TLS, direction, &info, sizeof(info)))
		return -errno;
	return 0;
}

static int send_tls(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[MIB];
	int fd = connect_back(job);

	stream_fill(job->stream, 0, buf, sizeof(buf));
	if (fd < 0 || set_tls(fd, TLS_TX) ||
	    tcp_send_all(fd, buf, sizeof(buf)))
		return 1;
	return end_of_receiver(fd);
}

TEST_F_TIMEOUT(socket, tls, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    false, send_tls));
	ASSERT_EQ(0, set_tls(self->wire.sock, TLS_RX));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	EXPECT_EQ(MIB, reader_check(&self->reader, &stream, 0, UINT64_MAX));
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_F_TIMEOUT(socket, tls_splice, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    false, send_tls));
	ASSERT_EQ(0, set_tls(self->wire.sock, TLS_RX));
	ASSERT_EQ(0, reader_open(&self->reader, &reader_splice,
				 self->wire.sock));
	EXPECT_EQ(MIB, reader_check(&self->reader, &stream, 0, UINT64_MAX));
	reader_close(&self->reader);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* Captures have all of the payload. */
TEST_F_TIMEOUT(socket, capture, TIMEOUT)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	struct capture_seen by_recv = {}, by_ring = {};
	struct capture reader, ring;
	const __u64 len = 64 * 1024;
	__u64 off = 0;
	__u16 port;

	ASSERT_EQ(0, capture_open(&reader, ifindex, false));
	ASSERT_EQ(0, capture_open(&ring, ifindex, true));
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, MIB,
			       false));
	port = tcp_port(self->wire.sock);
	ASSERT_EQ(0, reader_open(&self->reader, &reader_recv,
				 self->wire.sock));
	for (; off < MIB; off += len) {
		ASSERT_EQ(len, reader_check(&self->reader, &stream, off, len));
		capture_look(&reader, port, &by_recv);
		capture_look(&ring, port, &by_ring);
	}
	EXPECT_EQ(0, wire_close(&self->wire));
	capture_close(&reader);
	capture_close(&ring);

	EXPECT_LT(0, by_recv.payload);
	EXPECT_EQ(by_recv.payload, by_recv.captured);
	EXPECT_LT(0, by_ring.payload);
	EXPECT_EQ(by_ring.payload, by_ring.captured);
}

TEST_HARNESS_MAIN
