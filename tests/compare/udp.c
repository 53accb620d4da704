// SPDX-License-Identifier: GPL-2.0
/*
 * UDP on queues that no provider is bound to, each datagram compared byte for
 * byte. This runs on a kernel with the overlay and on one without;
 * tests/compare/unbound compares.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/sh.h"
#include "lib/udp.h"
#include "lib/wire.h"
#include "peer.h"
#include "tcp.h"

#define TIMEOUT		60

/* Nothing, one packet, just not one, many, the most that IPv6 takes. */
static const unsigned int datagram[] = {
	0, 1, 2, 100, 1452, 1453, 1472, 1473, 4096, 20000, 65487,
};

/* What one call sends, and the stack cuts in pieces. */
#define PIECE		1000
#define PIECES		40

static struct stream stream;
static char buf[65536];

/* One datagram after the other, as the receiver asks for them. */
static int send_datagrams(void *arg)
{
	const struct peer_send *job = arg;
	int fd = udp_connect(job->addr, job->port);
	__u64 off = 0;
	unsigned int i;
	char ask;

	if (fd < 0)
		return 1;
	for (i = 0; i < ARRAY_SIZE(datagram); i++) {
		stream_fill(job->stream, off, buf, datagram[i]);
		off += datagram[i];
		if (send(fd, buf, datagram[i], 0) != (ssize_t)datagram[i] ||
		    recv(fd, &ask, 1, 0) != 1)
			return 1;
	}
	return 0;
}

static int send_in_pieces(void *arg)
{
	const struct peer_send *job = arg;
	int fd = udp_connect(job->addr, job->port), piece = PIECE;

	stream_fill(job->stream, 0, buf, PIECES * PIECE);
	if (fd < 0 || setsockopt(fd, SOL_UDP, UDP_SEGMENT, &piece,
				 sizeof(piece)))
		return 1;
	return send(fd, buf, PIECES * PIECE, 0) == PIECES * PIECE ? 0 : 1;
}

FIXTURE(udp)
{
	int sock;
	struct peer_send job;
};

FIXTURE_VARIANT(udp)
{
	const char *addr;
};

FIXTURE_VARIANT_ADD(udp, v4)
{
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(udp, v6)
{
	.addr = WIRE_V6,
};

FIXTURE_SETUP(udp)
{
	stream_init(&stream, 8);
	/* what QEMU cuts in pieces of IPv6 does not come through */
	ASSERT_EQ(0, sh("ip netns exec peer ethtool -K eth1 tx-udp-segmentation off"));
	self->sock = udp_listen(variant->addr);
	ASSERT_LE(0, self->sock);
	self->job = (struct peer_send) {
		.stream = &stream,
		.addr = variant->addr,
		.port = tcp_port(self->sock),
	};
}

FIXTURE_TEARDOWN(udp)
{
	close(self->sock);
}

TEST_F_TIMEOUT(udp, datagrams, TIMEOUT)
{
	struct sockaddr_storage from;
	__u64 off = 0;
	unsigned int i;
	size_t bad;
	pid_t peer;

	peer = peer_start(send_datagrams, &self->job);
	ASSERT_LT(0, peer);
	for (i = 0; i < ARRAY_SIZE(datagram); i++) {
		socklen_t from_len = sizeof(from);

		ASSERT_EQ(datagram[i], recvfrom(self->sock, buf, sizeof(buf), 0,
						(struct sockaddr *)&from,
						&from_len));
		EXPECT_TRUE(stream_check(&stream, off, buf, datagram[i], &bad));
		off += datagram[i];
		ASSERT_EQ(1, sendto(self->sock, "n", 1, 0,
				    (struct sockaddr *)&from, from_len));
	}
	EXPECT_EQ(0, peer_wait(peer));
}

/* In pieces on the wire, and put together again by GRO. */
TEST_F_TIMEOUT(udp, gro, TIMEOUT)
{
	size_t off = 0, bad;
	unsigned int calls;
	int one = 1;
	pid_t peer;

	ASSERT_EQ(0, setsockopt(self->sock, SOL_UDP, UDP_GRO, &one,
				sizeof(one)));
	peer = peer_start(send_in_pieces, &self->job);
	ASSERT_LT(0, peer);
	for (calls = 0; off < PIECES * PIECE; calls++) {
		ssize_t n = recv(self->sock, buf, sizeof(buf), 0);

		ASSERT_LT(0, n);
		EXPECT_TRUE(stream_check(&stream, off, buf, n, &bad));
		off += n;
	}
	EXPECT_EQ(PIECES * PIECE, off);
	EXPECT_GT(PIECES, calls);
	EXPECT_EQ(0, peer_wait(peer));
}

TEST_HARNESS_MAIN
