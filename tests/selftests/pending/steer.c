// SPDX-License-Identifier: GPL-2.0
/*
 * While a queue is bound, everything that is not TCP goes to queue 0, since
 * the NIC cannot split it, and to where the RSS table says before and after.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/sh.h"
#include "lib/udp.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		60
#define AREA_LEN	(8 * 1024 * 1024)

#define DATAGRAMS	64
#define DATAGRAM_LEN	1001
/* The driver has counted what it has delivered, and other things may come. */
#define SOME		(DATAGRAMS / 2)

static struct stream stream;
static char buf[DATAGRAM_LEN];

static int send_datagrams(void *arg)
{
	const struct peer_send *job = arg;
	int fd = udp_connect(job->addr, job->port);
	unsigned int i;

	for (i = 0; fd >= 0 && i < DATAGRAMS; i++) {
		stream_fill(job->stream, i * DATAGRAM_LEN, buf, DATAGRAM_LEN);
		if (send(fd, buf, DATAGRAM_LEN, 0) != DATAGRAM_LEN)
			return 1;
	}
	return fd < 0;
}

static __s64 packets(unsigned int rxq)
{
	return counter_nic(WIRE_IF, rxq ? "rx_queue_1_packets" :
					  "rx_queue_0_packets");
}

/* The queue that datagrams arrive on, each of which is right; or -errno. */
static int queue_of_udp(const char *addr)
{
	struct peer_send job = { .stream = &stream, .addr = addr };
	__s64 before[2] = { packets(0), packets(1) }, seen[2];
	int fd = udp_listen(addr), ret = 0;
	unsigned int i;
	size_t bad;
	pid_t peer;

	if (fd < 0)
		return fd;
	job.port = tcp_port(fd);
	peer = peer_start(send_datagrams, &job);
	for (i = 0; i < DATAGRAMS && !ret; i++) {
		if (recv(fd, buf, sizeof(buf), 0) != DATAGRAM_LEN)
			ret = -EIO;
		else if (!stream_check(&stream, i * DATAGRAM_LEN, buf,
				       DATAGRAM_LEN, &bad))
			ret = -EILSEQ;
	}
	close(fd);
	if (peer < 0 || peer_wait(peer))
		ret = -EPIPE;
	if (ret)
		return ret;

	for (i = 0; i < 2; i++)
		seen[i] = packets(i) - before[i];
	if (seen[0] >= SOME && seen[1] < SOME)
		return 0;
	if (seen[1] >= SOME && seen[0] < SOME)
		return 1;
	fprintf(stderr, "# %lld packets on queue 0, %lld on queue 1\n",
		(long long)seen[0], (long long)seen[1]);
	return -ERANGE;
}

FIXTURE(steer)
{
	struct zc_config cfg;
	struct zc zc;
};

FIXTURE_VARIANT(steer)
{
	const char *addr;
	/* hashes UDP by ports, too, or not any more */
	const char *hash_ports, *hash_addresses;
};

FIXTURE_VARIANT_ADD(steer, v4)
{
	.addr = WIRE_V4,
	.hash_ports = "ethtool -N eth0 rx-flow-hash udp4 sdfn",
	.hash_addresses = "ethtool -N eth0 rx-flow-hash udp4 sd",
};

FIXTURE_VARIANT_ADD(steer, v6)
{
	.addr = WIRE_V6,
	.hash_ports = "ethtool -N eth0 rx-flow-hash udp6 sdfn",
	.hash_addresses = "ethtool -N eth0 rx-flow-hash udp6 sd",
};

/* All that is hashed goes to queue 1: that is how the VM is set up. */
FIXTURE_SETUP(steer)
{
	stream_init(&stream, 14);
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	/* what waits for an address may be overtaken */
	ASSERT_EQ(0, sh("ip netns exec peer ping -q -c 1 -W 20 %s >/dev/null",
			variant->addr));
	EXPECT_EQ(1, queue_of_udp(variant->addr));
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_UDMABUF,
		.area_len = AREA_LEN,
	};
	ASSERT_EQ(0, zc_open(&self->zc, &self->cfg));
}

FIXTURE_TEARDOWN(steer)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(1, queue_of_udp(variant->addr));
}

/* TCP goes to the bound queue all the while. */
TEST_F_TIMEOUT(steer, while_bound, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	struct wire wire;

	EXPECT_EQ(0, queue_of_udp(variant->addr));
	ASSERT_EQ(0, wire_open(&wire, variant->addr, &stream, AREA_LEN,
			       false));
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(AREA_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(0, queue_of_udp(variant->addr));
}

/* Hashes are set up anew by these, and by what makes the NIC start over. */
TEST_F_TIMEOUT(steer, whatever_is_set, TIMEOUT)
{
	EXPECT_EQ(0, sh("%s", variant->hash_ports));
	EXPECT_EQ(0, queue_of_udp(variant->addr));
	EXPECT_EQ(0, sh("%s", variant->hash_addresses));
	EXPECT_EQ(0, queue_of_udp(variant->addr));
	EXPECT_EQ(0, sh("ethtool -X eth0 start 1 equal 1"));
	EXPECT_EQ(0, queue_of_udp(variant->addr));
}

TEST_HARNESS_MAIN
