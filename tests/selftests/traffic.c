// SPDX-License-Identifier: GPL-2.0
/*
 * What comes over a wire on an ordinary day: both IP versions, VLANs, large and
 * small segments, many connections at once, packets that are lost, come late
 * or twice. Every byte has to come, and none may be copied.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/nic.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(8 * MIB)

#define VLAN_V4		"10.0.5.1"
#define VLAN_V6		"fd05::1"

static struct stream stream;

/*
 * Ways to reach the NIC.
 */
FIXTURE(path)
{
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(path)
{
	const char *addr;
	enum area_kind kind;
	int mtu;
	bool vlan;
};

FIXTURE_VARIANT_ADD(path, v4_user)
{
	.addr = WIRE_V4,
	.kind = AREA_USER,
	.mtu = 1500,
};

FIXTURE_VARIANT_ADD(path, v6_udmabuf)
{
	.addr = WIRE_V6,
	.kind = AREA_UDMABUF,
	.mtu = 1500,
};

FIXTURE_VARIANT_ADD(path, vlan_v4_udmabuf)
{
	.addr = VLAN_V4,
	.kind = AREA_UDMABUF,
	.mtu = 1500,
	.vlan = true,
};

FIXTURE_VARIANT_ADD(path, vlan_v6_user)
{
	.addr = VLAN_V6,
	.kind = AREA_USER,
	.mtu = 1500,
	.vlan = true,
};

FIXTURE_VARIANT_ADD(path, v4_udmabuf_9000)
{
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(path, v6_user_9000)
{
	.addr = WIRE_V6,
	.kind = AREA_USER,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(path, vlan_v6_udmabuf_9000)
{
	.addr = VLAN_V6,
	.kind = AREA_UDMABUF,
	.mtu = 9000,
	.vlan = true,
};

static int vlan_add(int mtu)
{
	return sh("ip link add link eth0 name eth0.5 mtu %d type vlan id 5 && "
		  "ip link set eth0.5 up && "
		  "ip addr add " VLAN_V4 "/24 dev eth0.5 && "
		  "ip addr add " VLAN_V6 "/64 dev eth0.5 nodad", mtu) ||
	       sh("ip -n peer link add link eth1 name eth1.5 mtu %d type vlan id 5 && "
		  "ip -n peer link set eth1.5 up && "
		  "ip -n peer addr add 10.0.5.2/24 dev eth1.5 && "
		  "ip -n peer addr add fd05::2/64 dev eth1.5 nodad", mtu);
}

FIXTURE_SETUP(path)
{
	stream_init(&stream, 11);
	if (variant->mtu != 1500)
		ASSERT_EQ(0, nic_set_mtus(WIRE_IF, variant->mtu));
	if (variant->vlan)
		ASSERT_EQ(0, vlan_add(variant->mtu));
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
}

FIXTURE_TEARDOWN(path)
{
	zc_close(&self->zc);
	if (variant->vlan) {
		EXPECT_EQ(0, sh("ip link del eth0.5"));
		EXPECT_EQ(0, sh("ip -n peer link del eth1.5"));
	}
	if (variant->mtu != 1500)
		EXPECT_EQ(0, nic_set_mtus(WIRE_IF, 1500));
}

/*
 * A stream of len bytes comes to its end, and with what came on the ring
 * before nothing of it was copied.
 */
#define EXPECT_STREAM(to, len, send, before)				\
	do {								\
		const __u64 want = len;					\
									\
		ASSERT_EQ(0, wire_open_with(&self->wire, to, &stream,	\
					    want, false, send));	\
		self->rx = (struct receiver) {				\
			.zc = &self->zc,				\
			.sock = self->wire.sock,			\
			.stream = &stream,				\
		};							\
		ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));		\
		EXPECT_EQ(want, self->rx.bytes);			\
		EXPECT_ZERO_COPY(&self->zc, (before) + want);		\
	} while (0)

/* The size of the segments that have come. */
static int received_mss(int sock)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -1;
	return info.tcpi_rcv_mss;
}

/* A stream in bulk, and one of messages that leave at once. */
TEST_F_TIMEOUT(path, every_byte, TIMEOUT)
{
	__u64 len = send_messages_len();

	EXPECT_STREAM(variant->addr, STREAM_LEN, peer_send_stream, 0);
	/* of the size that the variant is about */
	EXPECT_LT(variant->mtu - 100, received_mss(self->wire.sock));
	EXPECT_GT(variant->mtu, received_mss(self->wire.sock));
	EXPECT_EQ(0, wire_close(&self->wire));

	EXPECT_STREAM(variant->addr, len, send_messages, STREAM_LEN);
	/* a segment each, or the small ones were not what they are to test */
	EXPECT_LT(len / variant->mtu + SMALL_MESSAGES, self->rx.cqes);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/*
 * Many connections, whose completions come on one ring, each with a stream of
 * its own.
 */
#define CROWD_MAX	32

static struct stream crowd_stream[CROWD_MAX];

FIXTURE(crowd)
{
	struct zc zc;
	struct wire wire[CROWD_MAX];
	struct receiver rx[CROWD_MAX];
};

FIXTURE_VARIANT(crowd)
{
	unsigned int nr;
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(crowd, two_user)
{
	.nr = 2,
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(crowd, two_udmabuf)
{
	.nr = 2,
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(crowd, many_user)
{
	.nr = 32,
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(crowd, many_udmabuf)
{
	.nr = 32,
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(crowd)
{
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, 4 * AREA_LEN));
}

FIXTURE_TEARDOWN(crowd)
{
	zc_close(&self->zc);
}

TEST_F_TIMEOUT(crowd, every_byte, TIMEOUT)
{
	const __u64 len = 16 * MIB / variant->nr;
	unsigned int i;

	for (i = 0; i < variant->nr; i++) {
		stream_init(&crowd_stream[i], 100 + i);
		ASSERT_EQ(0, wire_open(&self->wire[i],
				       i % 2 ? WIRE_V6 : WIRE_V4,
				       &crowd_stream[i], len + i, false));
		self->rx[i] = (struct receiver) {
			.zc = &self->zc,
			.sock = self->wire[i].sock,
			.stream = &crowd_stream[i],
		};
	}
	ASSERT_EQ(0, receive_each(self->rx, variant->nr));
	for (i = 0; i < variant->nr; i++) {
		EXPECT_EQ(0, self->rx[i].result);
		EXPECT_EQ(len + i, self->rx[i].bytes);
		EXPECT_EQ(0, wire_close(&self->wire[i]));
	}
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
}

/*
 * A bad wire.
 */
FIXTURE(bad_wire)
{
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(bad_wire)
{
	const char *netem;
	const char *addr;
	enum area_kind kind;
	/* what counts that the receiver met it */
	const char *counter;
};

FIXTURE_VARIANT_ADD(bad_wire, reorder_user)
{
	.netem = "delay 2ms reorder 75%",
	.addr = WIRE_V4,
	.kind = AREA_USER,
	.counter = "TCPOFOQueue",
};

FIXTURE_VARIANT_ADD(bad_wire, reorder_udmabuf)
{
	.netem = "delay 2ms reorder 75%",
	.addr = WIRE_V6,
	.kind = AREA_UDMABUF,
	.counter = "TCPOFOQueue",
};

FIXTURE_VARIANT_ADD(bad_wire, loss_user)
{
	.netem = "loss 2%",
	.addr = WIRE_V6,
	.kind = AREA_USER,
	.counter = "TCPOFOQueue",
};

FIXTURE_VARIANT_ADD(bad_wire, loss_udmabuf)
{
	.netem = "loss 2%",
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
	.counter = "TCPOFOQueue",
};

FIXTURE_VARIANT_ADD(bad_wire, duplicate_user)
{
	.netem = "duplicate 10%",
	.addr = WIRE_V4,
	.kind = AREA_USER,
	.counter = "TCPDSACKOldSent",
};

FIXTURE_VARIANT_ADD(bad_wire, duplicate_udmabuf)
{
	.netem = "duplicate 10%",
	.addr = WIRE_V6,
	.kind = AREA_UDMABUF,
	.counter = "TCPDSACKOldSent",
};

FIXTURE_VARIANT_ADD(bad_wire, all_udmabuf)
{
	.netem = "delay 1ms 1ms loss 1% duplicate 3%",
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
	.counter = "TCPOFOQueue",
};

FIXTURE_SETUP(bad_wire)
{
	stream_init(&stream, 12);
	/* netem takes what it is given as one packet: no segments in bulk */
	ASSERT_EQ(0, sh("ip -n peer link set eth1 gso_max_segs 1 && "
			"ip netns exec peer tc qdisc add dev eth1 root netem limit 10000 %s",
			variant->netem));
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
}

FIXTURE_TEARDOWN(bad_wire)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, sh("ip netns exec peer tc qdisc del dev eth1 root && "
			"ip -n peer link set eth1 gso_max_segs 65535"));
}

TEST_F_TIMEOUT(bad_wire, every_byte, TIMEOUT)
{
	const __u64 len = 4 * MIB;
	__s64 before = counter_tcp(variant->counter), met;

	ASSERT_LE(0, before);
	EXPECT_STREAM(variant->addr, len, peer_send_stream, 0);
	EXPECT_EQ(0, wire_close(&self->wire));

	met = counter_tcp(variant->counter) - before;
	TH_LOG("%s: %lld", variant->counter, (long long)met);
	/* a hundredth of 2900 segments or more */
	EXPECT_LE(29, met);
}

TEST_HARNESS_MAIN
