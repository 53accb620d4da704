// SPDX-License-Identifier: GPL-2.0
/*
 * TCP-MD5 and TCP-AO on a bound queue: the signature covers payload that the
 * kernel must not look at. A segment whose signature nobody can check is
 * dropped, and counted as any bad one; a peer must not be able to stop the
 * machine with it, nor somebody else to get a segment through.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
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
#define PEER_V6		"fd00::2"
#define KEY		"a key of 16 byte"
#define KEY_LEN		(sizeof(KEY) - 1)
#define KEY_ID		7
#define SEGMENT_LEN	1000
/* Long enough for TCP to send a segment again, in most cases. */
#define WHILE_MS	1500

static struct stream stream;

/* A way to sign. */
struct scheme {
	const char *failures;	/* the counter of what is dropped */
	/* Signs what is exchanged with addr. Returns 0 or -errno. */
	int (*sign)(int fd, const struct sockaddr_storage *addr);
	/* The option of a signature of zeros, padded to whole words. */
	__u8 zeros[20];
	unsigned int len;
};

static int sign_md5(int fd, const struct sockaddr_storage *addr)
{
	struct tcp_md5sig sig = { .tcpm_keylen = KEY_LEN };

	memcpy(&sig.tcpm_addr, addr, sizeof(*addr));
	memcpy(sig.tcpm_key, KEY, KEY_LEN);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig)) ?
	       -errno : 0;
}

static int sign_ao(int fd, const struct sockaddr_storage *addr)
{
	struct tcp_ao_add add = {
		.alg_name = "hmac(sha1)",
		.prefix = addr->ss_family == AF_INET ? 32 : 128,
		.sndid = KEY_ID,
		.rcvid = KEY_ID,
		.keylen = KEY_LEN,
	};

	memcpy(&add.addr, addr, sizeof(*addr));
	memcpy(add.key, KEY, KEY_LEN);
	return setsockopt(fd, IPPROTO_TCP, TCP_AO_ADD_KEY, &add, sizeof(add)) ?
	       -errno : 0;
}

static const struct scheme md5 = {
	.failures = "TCPMD5Failure",
	.sign = sign_md5,
	.zeros = { 19, 18, [18] = 1, [19] = 1 },
	.len = 20,
};

static const struct scheme ao = {
	.failures = "TCPAOBad",
	.sign = sign_ao,
	.zeros = { 29, 16, KEY_ID, KEY_ID },
	.len = 16,
};

static int sign(const struct scheme *scheme, int fd, const char *addr)
{
	struct sockaddr_storage to = {};
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&to;
	struct sockaddr_in *sin = (struct sockaddr_in *)&to;

	if (inet_pton(AF_INET, addr, &sin->sin_addr) == 1)
		to.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, addr, &sin6->sin6_addr) == 1)
		to.ss_family = AF_INET6;
	else
		return -EINVAL;
	return scheme->sign(fd, &to);
}

/* Waits until more segments than that were dropped. Returns how many were. */
static __s64 wait_for_failure(const char *counter, __s64 before)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	__s64 failures = before;
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		failures = counter_tcp(counter);
		if (failures != before)
			break;
		nanosleep(&ms10, NULL);
	}
	return failures;
}

/* For peer_start(). */
struct job {
	struct peer_send to;
	const struct scheme *scheme;
};

static int connect_signed(const struct job *job)
{
	int fd = tcp_open(job->to.addr);

	if (fd < 0 || sign(job->scheme, fd, job->to.addr) ||
	    tcp_connect_socket(fd, job->to.addr, job->to.port))
		return -1;
	return fd;
}

/* The receiver closes without having read: an error, or nothing. */
static int wait_for_end(int fd)
{
	char end;

	return recv(fd, &end, 1, 0) > 0;
}

/* Sends one signed segment, and waits for the end. */
static int send_signed(void *arg)
{
	const struct job *job = arg;
	char buf[SEGMENT_LEN];
	int fd = connect_signed(job);

	if (fd < 0)
		return 1;
	stream_fill(job->to.stream, 0, buf, sizeof(buf));
	return tcp_send_all(fd, buf, sizeof(buf)) || wait_for_end(fd);
}

/* The place where a direction of the connection is now. Returns 0 or -1. */
static int seq_of(int fd, int queue, __be32 *seq)
{
	socklen_t len = sizeof(*seq);
	__u32 nr;

	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue,
		       sizeof(queue)) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &nr, &len))
		return -1;
	*seq = htonl(nr);
	return 0;
}

/* A segment at the right place of a connection. Returns 0 or -1. */
static int fill_in(int fd, struct tcphdr *tcp)
{
	int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP;
	struct sockaddr_in6 own, other;
	socklen_t len = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &len) ||
	    getpeername(fd, (struct sockaddr *)&other, &len) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) ||
	    seq_of(fd, TCP_SEND_QUEUE, &tcp->seq) ||
	    seq_of(fd, TCP_RECV_QUEUE, &tcp->ack_seq) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
		return -1;
	tcp->source = own.sin6_port;
	tcp->dest = other.sin6_port;
	tcp->ack = 1;
	tcp->psh = 1;
	tcp->window = htons(1000);
	return 0;
}

/* Around it goes what the kernel puts there. Returns 0 or -1. */
static int send_raw(const char *addr, const void *segment, size_t len)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	int check_at = offsetof(struct tcphdr, check);
	int fd, ret;

	fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
	ret = inet_pton(AF_INET6, addr, &to.sin6_addr) != 1 ||
	      setsockopt(fd, IPPROTO_IPV6, IPV6_CHECKSUM, &check_at,
			 sizeof(check_at)) ||
	      sendto(fd, segment, len, 0, (struct sockaddr *)&to,
		     sizeof(to)) != (ssize_t)len;
	close(fd);
	return ret ? -1 : 0;
}

/*
 * Connects, and then sends one segment as somebody would who has not got the
 * key: all there is of it is zeros.
 */
static int send_forged(void *arg)
{
	const struct job *job = arg;
	const struct scheme *scheme = job->scheme;
	struct tcphdr tcp = { .doff = (sizeof(tcp) + scheme->len) / 4 };
	char segment[sizeof(tcp) + sizeof(scheme->zeros) + SEGMENT_LEN];
	size_t len = sizeof(tcp) + scheme->len;
	int fd = connect_signed(job);

	if (fd < 0 || fill_in(fd, &tcp))
		return 1;
	memcpy(segment, &tcp, sizeof(tcp));
	memcpy(segment + sizeof(tcp), scheme->zeros, scheme->len);
	stream_fill(job->to.stream, 0, segment + len, SEGMENT_LEN);
	return send_raw(job->to.addr, segment, len + SEGMENT_LEN) ||
	       wait_for_end(fd);
}

FIXTURE(unreadable)
{
	struct zc_config cfg;
	struct zc zc;
};

FIXTURE_VARIANT(unreadable)
{
	const struct scheme *scheme;
};

FIXTURE_VARIANT_ADD(unreadable, md5)
{
	.scheme = &md5,
};

FIXTURE_VARIANT_ADD(unreadable, ao)
{
	.scheme = &ao,
};

FIXTURE_SETUP(unreadable)
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

FIXTURE_TEARDOWN(unreadable)
{
	zc_close(&self->zc);
}

/* Nothing comes of what the peer sends but a count of what was dropped. */
static void expect_dropped(struct __test_metadata *_metadata, struct zc *zc,
			   struct job *job, const char *peer_addr,
			   int (*fn)(void *job))
{
	const char *counter = job->scheme->failures;
	__s64 failures = counter_tcp(counter);
	int listener, sock;
	pid_t peer;

	ASSERT_LE(0, failures);
	job->to.stream = &stream;
	listener = tcp_listen(job->to.addr, 0);
	ASSERT_LE(0, listener);
	ASSERT_EQ(0, sign(job->scheme, listener, peer_addr));
	job->to.port = tcp_port(listener);
	peer = peer_start(fn, job);
	ASSERT_LT(0, peer);

	/* that it connects shows that segments without payload are fine */
	sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, sock);

	ASSERT_EQ(0, zc_recv(zc, sock, 0, 0));
	EXPECT_LT(failures, wait_for_failure(counter, failures));
	EXPECT_EQ(-ETIME, zc_wait(zc, WHILE_MS));
	EXPECT_EQ(0, zc_fdinfo(zc, "cqes"));

	/* the armed request holds the socket */
	EXPECT_EQ(0, shutdown(sock, SHUT_RDWR));
	close(sock);
	close(listener);
	EXPECT_EQ(0, peer_wait(peer));
}

TEST_F_TIMEOUT(unreadable, payload_is_dropped, TIMEOUT)
{
	struct job v4 = { .to.addr = WIRE_V4, .scheme = variant->scheme };

	expect_dropped(_metadata, &self->zc, &v4, PEER_V4, send_signed);
}

TEST_F_TIMEOUT(unreadable, payload_is_dropped_v6, TIMEOUT)
{
	struct job v6 = { .to.addr = WIRE_V6, .scheme = variant->scheme };

	expect_dropped(_metadata, &self->zc, &v6, PEER_V6, send_signed);
}

/* What cannot be computed is not zeros. */
TEST_F_TIMEOUT(unreadable, forgery_is_dropped, TIMEOUT)
{
	struct job v6 = { .to.addr = WIRE_V6, .scheme = variant->scheme };

	expect_dropped(_metadata, &self->zc, &v6, PEER_V6, send_forged);
}

/* The machine lives, and so does the queue. */
TEST_F_TIMEOUT(unreadable, plain_stream_afterwards, TIMEOUT)
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
