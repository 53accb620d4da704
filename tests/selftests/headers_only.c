// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that are headers and nothing else, as acknowledgments are: they take
 * no buffer of the area, however many of them somebody keeps.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/pins.h"
#include "lib/rawframe.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define QUEUE_PACKETS	"rx_queue_1_packets"	/* WIRE_RXQ */
#define FRAMES		1000
#define AT_ONCE		50
/* What the queue's page_pool may take meanwhile, for itself: it did not yet. */
#define POOL		256
#define KEEPS		(64 * MIB)

static struct stream stream;

FIXTURE(headers_only)
{
	struct zc zc;
	int raw, keeper;
};

FIXTURE_VARIANT(headers_only)
{
	enum area_kind kind;
	bool v6;
};

FIXTURE_VARIANT_ADD(headers_only, v4_user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(headers_only, v6_udmabuf)
{
	.kind = AREA_UDMABUF,
	.v6 = true,
};

/* A packet socket that nobody reads keeps what WIRE_IF receives of a protocol. */
static int keeper_open(__u16 ethertype)
{
	const struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = if_nametoindex(WIRE_IF),
	};
	const int room = KEEPS;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Waits until it keeps so many, and has lost none. */
static int keeper_wait(int fd, unsigned int nr)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	unsigned int kept = 0;
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		/* each time those since the last */
		if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
			return -errno;
		if (stats.tp_drops)
			return -ENOBUFS;
		kept += stats.tp_packets;
		if (kept >= nr)
			return 0;
		usleep(10 * 1000);
	}
	return -ETIMEDOUT;
}

/* FRAMES of them, no more at once than the NIC has room for. */
static int keep_frames(int raw, int keeper, const struct rawframe *frame)
{
	unsigned int sent;
	int ret = 0;

	for (sent = 0; !ret && sent < FRAMES;) {
		ret = raw_send(raw, frame);
		if (!ret && ++sent % AT_ONCE == 0)
			ret = keeper_wait(keeper, AT_ONCE);
	}
	return ret;
}

FIXTURE_SETUP(headers_only)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 61);
	ASSERT_EQ(0, raw_introduce());
	self->raw = raw_open();
	ASSERT_LE(0, self->raw);
	self->keeper = keeper_open(variant->v6 ? ETH_P_IPV6 : ETH_P_IP);
	ASSERT_LE(0, self->keeper);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
}

FIXTURE_TEARDOWN(headers_only)
{
	close(self->raw);
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(headers_only, take_no_buffer, TIMEOUT)
{
	struct rawframe frame = {
		.v6 = variant->v6,
		.sport = 40000,
		.dport = 9,
		.flags = TH_ACK,
	};
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	struct wire wire;
	long before, after;
	__s64 came;

	came = counter_nic(WIRE_IF, QUEUE_PACKETS);
	ASSERT_LE(0, came);
	before = zc_fdinfo(&self->zc, "free");
	ASSERT_EQ(0, keep_frames(self->raw, self->keeper, &frame));
	/* all through the queue that has the area */
	EXPECT_LE(came + FRAMES, counter_nic(WIRE_IF, QUEUE_PACKETS));
	after = zc_fdinfo(&self->zc, "free");
	EXPECT_LE(before - POOL, after);

	close(self->keeper);

	/* one of the streams that use it */
	ASSERT_EQ(0, wire_open(&wire, variant->v6 ? WIRE_V6 : WIRE_V4, &stream,
			       2 * AREA_LEN, false));
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(2 * AREA_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_HARNESS_MAIN
