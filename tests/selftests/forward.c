// SPDX-License-Identifier: GPL-2.0
/*
 * A host that forwards what comes in on a bound queue. Payload in net_iovs
 * must not reach the other interface, which would have the CPU or another
 * device read it: the kernel drops such packets where they would be sent, and
 * counts them. Packets without payload go through, whatever the skb carried
 * before; and all of a connection goes through once the queue is an ordinary
 * one again.
 *
 * `far` is the network namespace behind this host, as seen from `peer`.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		180
#define KIB		1024
#define MIB		(1024 * KIB)
#define UPLOAD_LEN	(2 * MIB)
#define DOWNLOAD_LEN	(16 * MIB)
/* Payload that was sent again, so it was dropped more than once by chance. */
#define DROPS		2

#define FAR_NETNS	"/run/netns/far"
#define FAR_V4		"10.0.2.2"
#define FAR_V6		"fd02::2"

static struct stream stream;

/*
 * The way to `far`
 */
static int way_open(void)
{
	/* what a test left that was killed */
	return sh("if [ -e " FAR_NETNS " ]; then "
		  "ip link del far0; ip netns del far; "
		  "ip -n peer route del 10.0.2.0/24; "
		  "ip -n peer route del fd02::/64; fi") ||
	       sh("ip netns add far && "
		  "ip link add far0 type veth peer name far1 netns far && "
		  "ip addr add 10.0.2.1/24 dev far0 && "
		  "ip addr add fd02::1/64 dev far0 nodad && "
		  "ip link set far0 up") ||
	       sh("ip -n far addr add " FAR_V4 "/24 dev far1 && "
		  "ip -n far addr add " FAR_V6 "/64 dev far1 nodad && "
		  "ip -n far link set far1 up && "
		  "ip -n far route add default via 10.0.2.1 && "
		  "ip -n far route add default via fd02::1") ||
	       sh("ip -n peer route add 10.0.2.0/24 via " WIRE_V4 " && "
		  "ip -n peer route add fd02::/64 via " WIRE_V6 " && "
		  "echo 1 >/proc/sys/net/ipv4/ip_forward && "
		  "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
}

static int way_close(void)
{
	return sh("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding && "
		  "echo 0 >/proc/sys/net/ipv4/ip_forward && "
		  "ip -n peer route del fd02::/64 && "
		  "ip -n peer route del 10.0.2.0/24 && "
		  "ip link del far0 && ip netns del far");
}

/* Whether a router may cut what the peer sends. */
static int peer_may_be_cut(bool may)
{
	return sh("ip netns exec peer sh -c 'echo %d "
		  ">/proc/sys/net/ipv4/ip_no_pmtu_disc'", may);
}

/* Waits until the peer has understood how much fits. Returns 0 if it has. */
static int peer_learns(const char *far)
{
	return sh("for i in $(seq 100); do "
		  "ip -n peer route get %s | grep -q 'mtu 1280' && exit; "
		  "sleep 0.1; done; exit 1", far);
}

/* Packets that were not handed to the device, but dropped. */
static long dropped(void)
{
	return nic_sysfs("far0", "statistics/tx_dropped");
}

/* Listens there. Returns a socket or -errno. */
static int far_listen(const char *addr)
{
	int here, there, fd;

	here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(FAR_NETNS, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
		fd = -errno;
	} else {
		fd = tcp_listen(addr, 0);
		/* all that follows would be about the wrong machine */
		if (setns(here, CLONE_NEWNET))
			abort();
	}
	close(here);
	close(there);
	return fd;
}

/*
 * A connection from the peer to `far`. Returns the socket there, or -errno.
 */
static int far_accept(const char *addr, __u64 len, int (*fn)(void *peer_send),
		      pid_t *peer)
{
	struct peer_send job = {
		.stream = &stream,
		.addr = addr,
		.len = len,
	};
	int listener = far_listen(addr);
	int sock;

	if (listener < 0)
		return listener;
	job.port = tcp_port(listener);
	*peer = peer_start(fn, &job);
	sock = *peer < 0 ? *peer : tcp_accept(listener, WIRE_PATIENCE_MS);
	close(listener);
	return sock;
}

/* Receives all of the stream by recv(). Returns 0 or -errno. */
static int receive_stream(int sock, const struct stream *s, __u64 len)
{
	static char buf[256 * KIB];
	__u64 off = 0;
	size_t bad;
	ssize_t n;

	while ((n = recv(sock, buf, sizeof(buf), 0)) > 0) {
		if (!stream_check(s, off, buf, n, &bad)) {
			fprintf(stderr, "# wrong byte at %llu of the stream\n",
				(unsigned long long)(off + bad));
			return -EILSEQ;
		}
		off += n;
	}
	if (n < 0)
		return -errno;
	return off == len ? 0 : -ENODATA;
}

FIXTURE(forward)
{
	unsigned int ifindex;
	struct live live;
	int sock;	/* at the far end */
	pid_t peer;
};

FIXTURE_VARIANT(forward)
{
	enum area_kind kind;
	const char *addr;
	const char *far;
};

FIXTURE_VARIANT_ADD(forward, user_v4)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
	.far = FAR_V4,
};

FIXTURE_VARIANT_ADD(forward, udmabuf_v6)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
	.far = FAR_V6,
};

FIXTURE_SETUP(forward)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 87);
	ASSERT_EQ(0, way_open());
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

FIXTURE_TEARDOWN(forward)
{
	close(self->sock);
	EXPECT_EQ(0, peer_wait(self->peer));
	EXPECT_EQ(0, peer_may_be_cut(false));
	EXPECT_EQ(0, way_close());
}

/*
 * The stream beside it has come by zero copy, all of it, and the queue is an
 * ordinary one again: what was dropped holds no buffer.
 */
#define END_LIVE()							\
	do {								\
		struct live *live = &self->live;			\
									\
		ASSERT_EQ(0, live_end(live));				\
		EXPECT_ZERO_COPY(&live->zc, live->rx.bytes);		\
		zc_close(&live->zc);					\
		EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,	\
					     WIRE_PATIENCE_MS));	\
		EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex,	\
						  WIRE_PATIENCE_MS));	\
		EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));		\
	} while (0)

/* Not a byte of it goes through; nor is one lost, as TCP sends it again. */
TEST_F_TIMEOUT(forward, payload_stops_here, TIMEOUT)
{
	const time_t end = time(NULL) + WIRE_PATIENCE_MS / 1000;
	long before = dropped();
	char byte;

	self->sock = far_accept(variant->far, UPLOAD_LEN, peer_send_stream,
				&self->peer);
	ASSERT_LE(0, self->sock);
	while (dropped() < before + DROPS && time(NULL) < end)
		ASSERT_EQ(0, live_receive(&self->live, MIB));
	EXPECT_LE(before + DROPS, dropped());
	EXPECT_EQ(-1, recv(self->sock, &byte, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	END_LIVE();

	before = dropped();
	EXPECT_EQ(0, receive_stream(self->sock, &stream, UPLOAD_LEN));
	EXPECT_EQ(before, dropped());
}

/* What is too big for the way is not sent; the stack counts it as that. */
#define EXPECT_TOO_BIG(counter, learns)					\
	do {								\
		const time_t end = time(NULL) + WIRE_PATIENCE_MS / 1000; \
		const char *__counter = (counter);			\
		__s64 before = counter_stack(__counter);		\
		char byte;						\
									\
		ASSERT_LE(0, before);					\
		/* far1 does not know, so it offers an MSS for more */	\
		ASSERT_EQ(0, sh("ip link set far0 mtu 1280"));		\
		self->sock = far_accept(variant->far, UPLOAD_LEN,	\
					peer_send_stream, &self->peer);	\
		ASSERT_LE(0, self->sock);				\
		while (counter_stack(__counter) < before + 1 &&	\
		       time(NULL) < end)				\
			ASSERT_EQ(0, live_receive(&self->live, MIB));	\
		EXPECT_LT(before, counter_stack(__counter));		\
		EXPECT_EQ(-1, recv(self->sock, &byte, 1, MSG_DONTWAIT)); \
		EXPECT_EQ(EAGAIN, errno);				\
		EXPECT_EQ(0, (learns) ? peer_learns(variant->far) : 0);	\
		END_LIVE();						\
									\
		EXPECT_EQ(0, receive_stream(self->sock, &stream,	\
					    UPLOAD_LEN));		\
	} while (0)

/* The same, where it has to be refused with an ICMP message that quotes it. */
TEST_F_TIMEOUT(forward, too_big_payload_stops_here, TIMEOUT)
{
	EXPECT_TOO_BIG(variant->kind == AREA_UDMABUF ? "Icmp6OutPktTooBigs" :
						       "Icmp:OutDestUnreachs",
		       true);
}

/*
 * And where it would have to be cut, without a word. IPv6 leaves that to who
 * sends it.
 */
TEST_F_TIMEOUT(forward, cut_payload_stops_here, TIMEOUT)
{
	const bool v6 = variant->kind == AREA_UDMABUF;
	__s64 told = counter_stack("Icmp:OutDestUnreachs");

	ASSERT_LE(0, told);
	ASSERT_EQ(0, peer_may_be_cut(true));
	EXPECT_TOO_BIG(v6 ? "Icmp6OutPktTooBigs" : "Ip:FragFails", v6);
	EXPECT_EQ(told, counter_stack("Icmp:OutDestUnreachs"));
}

/* For the peer: the other direction. */
static int download(void *arg)
{
	const struct peer_send *job = arg;
	int fd = tcp_connect(job->addr, job->port);
	int ret;

	if (fd < 0)
		return 1;
	ret = receive_stream(fd, job->stream, job->len);
	close(fd);
	return ret ? 1 : 0;
}

struct upload {
	int sock;
	int result;
};

static void *send_download(void *arg)
{
	struct upload *up = arg;
	static char buf[64 * KIB];
	__u64 off;

	for (off = 0; off < DOWNLOAD_LEN && !up->result; off += sizeof(buf)) {
		stream_fill(&stream, off, buf, sizeof(buf));
		up->result = tcp_send_all(up->sock, buf, sizeof(buf));
	}
	if (!up->result && shutdown(up->sock, SHUT_WR))
		up->result = -errno;
	/* until the peer has all of it */
	if (!up->result && recv(up->sock, buf, 1, 0))
		up->result = -EPROTO;
	__atomic_store_n(&up->sock, -1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * The peer receives, so what comes in are acknowledgments, between segments of
 * the stream whose skbs they follow. None of them may be dropped.
 */
TEST_F_TIMEOUT(forward, acknowledgments_go_on, TIMEOUT)
{
	long before = dropped();
	pthread_t sender;
	struct upload up;

	self->sock = far_accept(variant->far, DOWNLOAD_LEN, download,
				&self->peer);
	ASSERT_LE(0, self->sock);
	up = (struct upload) { .sock = self->sock };
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_download, &up));
	while (dropped() == before &&
	       __atomic_load_n(&up.sock, __ATOMIC_ACQUIRE) >= 0)
		ASSERT_EQ(0, live_receive(&self->live, MIB));
	EXPECT_EQ(before, dropped());
	/* a sender that lost acknowledgments may take for ever */
	if (dropped() != before)
		shutdown(self->sock, SHUT_RDWR);
	ASSERT_EQ(0, pthread_join(sender, NULL));
	EXPECT_EQ(0, up.result);
	END_LIVE();
}

TEST_HARNESS_MAIN
