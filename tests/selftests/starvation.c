// SPDX-License-Identifier: GPL-2.0
/*
 * A reader that keeps its buffers until the queue has none to post. Nothing is
 * lost by it, nobody else is stopped by it beyond what the size of the area
 * explains, and once buffers are back they are posted at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/hold.h"
#include "lib/nic.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define PAGE		4096
#define SMALL_AREA	(4 * MIB)
#define NR_SMALL	(SMALL_AREA / PAGE)
#define SLOW_START	"/proc/sys/net/ipv4/tcp_slow_start_after_idle"
#define POOL_EMPTY	"rx_queue_1_mp_pool_empty"
/* What is posted, in the pool's cache and waiting in sockets, and some more. */
#define ON_THE_WAY	768

static struct stream stream[2];

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void sleep_us(unsigned int us)
{
	const struct timespec ts = { .tv_nsec = us * 1000L };

	nanosleep(&ts, NULL);
}

FIXTURE(starvation)
{
	struct zc_config cfg;
	struct zc zc;
	struct wire wire[2];
	struct hold hold;
	struct receiver rx[2];
};

FIXTURE_VARIANT(starvation)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(starvation, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(starvation, udmabuf)
{
	.kind = AREA_UDMABUF,
};

/*
 * The peer tries again after as long as the queue was dry, and this much at
 * least: the tests need not wait for its usual 200 ms.
 */
static int set_rto_min(const char *rto_min)
{
	return sh("ip -n peer route replace 10.0.0.0/24 dev eth1 proto kernel "
		  "scope link src 10.0.0.2 %s", rto_min);
}

FIXTURE_SETUP(starvation)
{
	unsigned int i;

	ASSERT_EQ(0, set_rto_min("rto_min 10ms"));
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	for (i = 0; i < 2; i++)
		stream_init(&stream[i], 31 + i);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = SMALL_AREA,
	};
}

FIXTURE_TEARDOWN(starvation)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, set_rto_min(""));
	/* where a test had one */
	EXPECT_EQ(0, sh("ip netns exec peer tc qdisc del dev eth1 root 2>/dev/null; "
			"ip netns exec peer sh -c 'echo 1 >" SLOW_START "'"));
}

/* A request of each connection is armed; the first one keeps its buffers. */
#define OPEN(nr, len0, send0, len1, send1)				\
	do {								\
		const __u64 length[2] = { len0, len1 };			\
		int (*const send[2])(void *job) = { send0, send1 };	\
		unsigned int o;						\
									\
		ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))		\
			TH_LOG("%s failed", self->zc.failed);		\
		for (o = 0; o < (nr); o++) {				\
			ASSERT_EQ(0, wire_open_with(&self->wire[o],	\
						    WIRE_V4, &stream[o],\
						    length[o], false,	\
						    send[o]));		\
			self->rx[o] = (struct receiver) {		\
				.zc = &self->zc,			\
				.sock = self->wire[o].sock,		\
				.id = o,				\
				.stream = &stream[o],			\
				.keep = !o,				\
				.hold = o ? NULL : &self->hold,		\
			};						\
			ASSERT_EQ(0, zc_recv(&self->zc,			\
					     self->wire[o].sock, 0, o));\
		}							\
	} while (0)

/*
 * Receives until the queue is dry: the driver finds its pool empty again and
 * again, and nothing has come for long.
 */
static int starve(struct receiver *rx, unsigned int nr)
{
	unsigned int tries;
	int ret;

	for (tries = 0; tries < WIRE_PATIENCE_MS / 100; tries++) {
		__s64 empty;

		do {
			empty = counter_nic(WIRE_IF, POOL_EMPTY);
			ret = receive_round(rx, nr, 100);
		} while (!ret);
		if (ret != -ETIME)
			return ret;
		/* or nothing will ever starve */
		if (rx[0].ended)
			return -EPIPE;
		if (counter_nic(WIRE_IF, POOL_EMPTY) > empty + 5 &&
		    zc_fdinfo(rx->zc, "free") == 0)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Receives the rest of all streams, without keeping anything. */
static int finish(struct receiver *rx, unsigned int nr)
{
	unsigned int i, ended = 0;
	int ret = 0;

	rx[0].keep = false;
	hold_release(rx[0].hold, rx[0].zc);
	while (!ret && ended < nr) {
		ret = receive_round(rx, nr, WIRE_PATIENCE_MS);
		for (i = 0, ended = 0; i < nr; i++)
			ended += rx[i].ended;
	}
	return ret;
}

/*
 * Gives all back. Returns how long it took until the driver posted the first
 * of them: it reads the refill ring when it posts.
 */
static double time_to_post(struct hold *hold, struct zc *zc)
{
	const __u32 head = io_uring_smp_load_acquire(zc->rq.khead);
	double start;

	hold_release(hold, zc);
	start = now_ms();
	while (io_uring_smp_load_acquire(zc->rq.khead) == head &&
	       now_ms() < start + WIRE_PATIENCE_MS)
		sleep_us(100);
	return now_ms() - start;
}

/*
 * The connection that starved has to wait until its peer tries again, and that
 * has backed off. So there is a second one, whose peer sends when it is asked
 * to. Returns how long the first byte took, or -1.
 */
static double time_to_first_cqe(struct receiver *rx)
{
	__u64 before = rx[1].bytes;
	double start = now_ms(), first = -1;
	char ask = 'a';

	if (send(rx[1].sock, &ask, 1, MSG_NOSIGNAL) != 1)
		return -1;
	/* all of them, or its peer would be the next to back off */
	while (rx[1].bytes < before + ON_DEMAND_LEN) {
		if (rx[1].ended || receive_round(rx, 2, WIRE_PATIENCE_MS))
			return -1;
		if (first < 0 && rx[1].bytes > before)
			first = now_ms() - start;
	}
	return first;
}

static int by_value(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

/*
 * Half of the times decide, so that a host that stops the VM for a moment does
 * not. If it were igb's watchdog that woke the queue, every two seconds, the
 * times would lie between 0 and 2000 ms, whatever happened.
 */
#define ROUNDS		7
#define POST_MS		50
#define FIRST_MS	500

TEST_F_TIMEOUT(starvation, buffers_come_back, TIMEOUT)
{
	double post[ROUNDS], first[ROUNDS];
	/* more than can come in all rounds */
	const __u64 len = 64 * MIB;
	unsigned int i;

	OPEN(2, len, peer_send_stream, ROUNDS * ON_DEMAND_LEN, send_on_demand);
	for (i = 0; i < ROUNDS; i++) {
		self->rx[0].keep = true;
		ASSERT_EQ(0, starve(self->rx, 2));
		EXPECT_LE(NR_SMALL - ON_THE_WAY, zc_fdinfo(&self->zc, "held"));
		/* not all the same time after the one before */
		sleep_us(37000 * i);

		self->rx[0].keep = false;
		post[i] = time_to_post(&self->hold, &self->zc);
		first[i] = time_to_first_cqe(self->rx);
		ASSERT_LE(0, first[i]);
		TH_LOG("posted after %.1f ms, received %.1f ms after it was asked for",
		       post[i], first[i]);
	}
	qsort(post, ROUNDS, sizeof(post[0]), by_value);
	qsort(first, ROUNDS, sizeof(first[0]), by_value);
	EXPECT_GE(POST_MS, post[ROUNDS / 2]);
	EXPECT_GE(FIRST_MS, first[ROUNDS / 2]);

	/* and nothing was lost by all that */
	ASSERT_EQ(0, finish(self->rx, 2));
	EXPECT_EQ(0, self->rx[0].result);
	EXPECT_EQ(0, self->rx[1].result);
	EXPECT_EQ(len, self->rx[0].bytes);
	EXPECT_EQ(ROUNDS * ON_DEMAND_LEN, self->rx[1].bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&self->wire[0]));
	EXPECT_EQ(0, wire_close(&self->wire[1]));
}

/*
 * Everybody else goes on meanwhile: UDP, and TCP on the other queue.
 */

static struct sockaddr_in echo_addr(void)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(7777),
		.sin_addr.s_addr = inet_addr("10.0.0.2"),
	};
}

/* For peer_start(): sends back what comes. */
static int udp_echo(void *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in from;
	char buf[2048];

	if (fd < 0 || bind(fd, addr, sizeof(struct sockaddr_in)))
		return 1;
	for (;;) {
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, buf, sizeof(buf), 0,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return 1;
		sendto(fd, buf, n, 0, (struct sockaddr *)&from, from_len);
	}
}

/* How many of nr datagrams come back, and are right. */
static unsigned int udp_ping(unsigned int nr)
{
	const struct sockaddr_in to = echo_addr();
	const struct timeval patience = { .tv_sec = WIRE_PATIENCE_MS / 1000 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int i, back = 0;
	char buf[1400];
	size_t bad;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		   sizeof(patience));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		perror("# connect");
	for (i = 0; i < nr; i++) {
		stream_fill(&stream[0], i * sizeof(buf), buf, sizeof(buf));
		if (send(fd, buf, sizeof(buf), 0) != sizeof(buf))
			continue;
		if (recv(fd, buf, sizeof(buf), 0) == sizeof(buf) &&
		    stream_check(&stream[0], i * sizeof(buf), buf, sizeof(buf),
				 &bad))
			back++;
	}
	close(fd);
	return back;
}

/* All of a stream by recv(), whose bytes are right, or -1. */
static __s64 recv_all(int sock, const struct stream *s)
{
	const struct timeval patience = { .tv_sec = WIRE_PATIENCE_MS / 1000 };
	static char buf[256 * 1024];
	__s64 got = 0;
	ssize_t n;
	size_t bad;

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while ((n = recv(sock, buf, sizeof(buf), 0)) > 0) {
		if (!stream_check(s, got, buf, n, &bad))
			return -1;
		got += n;
	}
	return n < 0 ? -1 : got;
}

/*
 * Whether what has come on a connection can be read: then it did not come
 * through the bound queue.
 */
static int is_readable(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	char byte;

	if (poll(&p, 1, WIRE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	if (recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
		return true;
	return errno == EFAULT ? false : -errno;
}

/*
 * A connection that comes through the bound queue, or through the other one,
 * as chance has it.
 */
static int open_on(struct wire *wire, bool readable, const struct stream *s,
		   __u64 len)
{
	unsigned int tries;
	int ret;

	for (tries = 0; tries < 32; tries++) {
		/* the wrong ones are closed before they have ended */
		ret = wire_open(wire, WIRE_V4, s, len, true);
		if (ret)
			return ret;
		ret = is_readable(wire->sock);
		if (ret == readable)
			return 0;
		wire_close(wire);
		if (ret < 0)
			return ret;
	}
	return -ENOENT;
}

TEST_F_TIMEOUT(starvation, other_queue_goes_on, TIMEOUT)
{
	const __u64 len = 8 * MIB;
	struct sockaddr_in addr = echo_addr();
	struct wire other;
	pid_t echo;

	ASSERT_EQ(0, nic_steer_default(WIRE_IF));
	echo = peer_start(udp_echo, &addr);
	ASSERT_LT(0, echo);

	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, open_on(&other, true, &stream[1], len));
	ASSERT_EQ(0, open_on(&self->wire[0], false, &stream[0], len));
	self->rx[0] = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire[0].sock,
		.stream = &stream[0],
		.keep = true,
		.hold = &self->hold,
	};
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire[0].sock, 0, 0));
	ASSERT_EQ(0, starve(self->rx, 1));

	EXPECT_EQ(200, udp_ping(200));
	EXPECT_EQ(0, sh("ping -q -c 20 -i 0.01 -W 1 10.0.0.2 >/dev/null"));
	EXPECT_EQ(len, recv_all(other.sock, &stream[1]));
	EXPECT_EQ(0, wire_close(&other));
	/* it was so all the time */
	EXPECT_EQ(0, starve(self->rx, 1));

	ASSERT_EQ(0, finish(self->rx, 1));
	EXPECT_EQ(0, self->rx[0].result);
	EXPECT_EQ(len, self->rx[0].bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&self->wire[0]));
	kill(echo, SIGKILL);
	peer_wait(echo);
}

/*
 * Two connections share the area. One keeps what it gets: the other has the
 * rest.
 */
TEST_F_TIMEOUT(starvation, other_connection_goes_on, TIMEOUT)
{
	const __u64 kept = MIB / 2, len = 16 * MIB;
	double start;

	/* what is kept takes a buffer a segment, of 1448 bytes */
	ASSERT_GE(NR_SMALL - ON_THE_WAY / 2, kept / 1448);
	OPEN(2, kept, peer_send_stream, len, peer_send_stream);
	start = now_ms();
	while (!self->rx[0].ended || !self->rx[1].ended)
		ASSERT_EQ(0, receive_round(self->rx, 2, WIRE_PATIENCE_MS));
	TH_LOG("%llu bytes in %.0f ms beside %u buffers kept", len,
	       now_ms() - start, self->hold.nr);

	EXPECT_EQ(0, self->rx[0].result);
	EXPECT_EQ(0, self->rx[1].result);
	EXPECT_EQ(kept, self->rx[0].bytes);
	EXPECT_EQ(len, self->rx[1].bytes);
	/* all the time, to the end */
	EXPECT_LE(kept / 1448, self->hold.nr);
	EXPECT_LE(kept / 1448, zc_fdinfo(&self->zc, "held"));
	hold_release(&self->hold, &self->zc);
	EXPECT_EQ(0, wire_close(&self->wire[0]));
	EXPECT_EQ(0, wire_close(&self->wire[1]));
}

/*
 * And if the one keeps without end, the other goes on until there is nothing
 * left: not before, and again as soon as something is.
 */
TEST_F_TIMEOUT(starvation, other_connection_stops_last, TIMEOUT)
{
	const __u64 len = 16 * MIB;

	OPEN(2, len, peer_send_stream, len, peer_send_stream);
	ASSERT_EQ(0, starve(self->rx, 2));
	EXPECT_FALSE(self->rx[1].ended);
	EXPECT_LE(NR_SMALL - ON_THE_WAY, self->hold.nr);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "free"));
	TH_LOG("stopped at %u buffers kept of %u, with %llu and %llu bytes",
	       self->hold.nr, NR_SMALL, self->rx[0].bytes, self->rx[1].bytes);

	ASSERT_EQ(0, finish(self->rx, 2));
	EXPECT_EQ(0, self->rx[0].result);
	EXPECT_EQ(0, self->rx[1].result);
	EXPECT_EQ(len, self->rx[0].bytes);
	EXPECT_EQ(len, self->rx[1].bytes);
	EXPECT_EQ(0, wire_close(&self->wire[0]));
	EXPECT_EQ(0, wire_close(&self->wire[1]));
}

/*
 * All buffers may come to wait behind a lost segment. The one that fills the
 * hole still has to find a buffer.
 */
#define HOLES		4
#define WARM_UP		(4 * MIB)
#define BEHIND		(4 * MIB)
#define ONE_SEGMENT	1000
#define HOLE_LEN	(WARM_UP + ONE_SEGMENT + BEHIND)
#define TC_NETEM	"tc qdisc %s dev eth1 root netem limit 100000 delay 50ms loss %s"

static int wait_for_word(int fd)
{
	char word;

	return recv(fd, &word, 1, 0) != 1;
}

static int send_range(int fd, const struct stream *s, __u64 off, __u64 len)
{
	static char buf[64 * 1024];

	while (len) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		stream_fill(s, off, buf, n);
		if (tcp_send_all(fd, buf, n))
			return 1;
		off += n;
		len -= n;
	}
	return 0;
}

/*
 * For wire_open_with(): sends until much is on its way at a time; loses a
 * segment; and sends much again, which arrives before the segment can be sent
 * anew, as the way is long.
 */
static int send_behind_holes(void *arg)
{
	const struct peer_send *job = arg;
	int fd, one = 1;
	__u64 off;
	char end;

	if (sh("echo 0 >" SLOW_START) ||
	    sh(TC_NETEM, "replace", "0%"))
		return 1;
	fd = tcp_connect(job->addr, job->port);
	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return 1;
	for (off = 0; off < job->len; off += HOLE_LEN) {
		if (wait_for_word(fd) ||
		    send_range(fd, job->stream, off, WARM_UP) ||
		    wait_for_word(fd) ||
		    sh(TC_NETEM, "change", "100%") ||
		    send_range(fd, job->stream, off + WARM_UP, ONE_SEGMENT) ||
		    sh(TC_NETEM, "change", "0%") ||
		    send_range(fd, job->stream, off + WARM_UP + ONE_SEGMENT,
			       BEHIND))
			return 1;
	}
	shutdown(fd, SHUT_WR);
	return recv(fd, &end, 1, 0) != 0;
}

TEST_F_TIMEOUT(starvation, behind_a_hole, TIMEOUT)
{
	const __s64 dropped = counter_tcp("TCPOFODrop");
	struct receiver *rx = &self->rx[0];
	const char word = 'a';
	unsigned int i;

	self->cfg.area_len = SMALL_AREA / 2;
	OPEN(1, HOLES * HOLE_LEN, send_behind_holes, 0, NULL);
	rx->keep = false;
	for (i = 0; i < HOLES; i++) {
		ASSERT_EQ(1, send(rx->sock, &word, 1, MSG_NOSIGNAL));
		ASSERT_EQ(0, receive(rx, WARM_UP));
		ASSERT_EQ(1, send(rx->sock, &word, 1, MSG_NOSIGNAL));
		/* the end may come with the last of it */
		ASSERT_LE(0, receive(rx, ONE_SEGMENT + BEHIND))
			TH_LOG("stopped at %llu bytes; free %lld", rx->bytes,
			       zc_fdinfo(&self->zc, "free"));
	}
	if (!rx->ended)
		ASSERT_EQ(RECEIVE_END, receive(rx, 1));
	EXPECT_EQ(0, rx->result);
	EXPECT_EQ(HOLES * HOLE_LEN, rx->bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	TH_LOG("%lld segments dropped", counter_tcp("TCPOFODrop") - dropped);
	EXPECT_LT(dropped, counter_tcp("TCPOFODrop"));
	EXPECT_EQ(0, wire_close(&self->wire[0]));
}

TEST_HARNESS_MAIN
