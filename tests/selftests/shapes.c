// SPDX-License-Identifier: GPL-2.0
/*
 * Streams of odd shape on a NIC with a bound queue: headers as long as they
 * go, padding, segments in fragments, extension headers, tags in tags. Each
 * comes by zero copy if its frames reach the bound queue, and into the kernel's
 * memory if not; and the stream beside it comes by zero copy. Not a byte of
 * either is lost, though damaged copies of the segments come in between.
 *
 * frames.c has the single frames, and what becomes of each.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/expect.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nicregs.h"
#include "lib/pins.h"
#include "lib/rawtcp.h"
#include "lib/sh.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define KIB		1024
#define MIB		(1024 * KIB)
#define SHAPED_LEN	(512 * KIB)
#define STREAM_LEN	(2 * MIB)

#define TAGGED_V4	"10.0.9.1"
#define TAGGED_V6	"fd09::1"

static struct stream stream;
/* What rawtcp's child gets. */
static struct rawtcp_looks looks;

/* A stream of odd shape, and an ordinary one beside it. */
struct pair {
	const char *addr;
	unsigned int ifindex;
	struct live live;
	struct wire wire;
	struct receiver rx[2];	/* the ordinary one, and that of the shape */
	__u64 by_recv;		/* bytes of the shape that recv() took */
	struct nicregs regs;
	__u32 rfctl;		/* as it was */
	const char *undo;	/* command that a test wants to be run */
	__s64 unsplit, bad_csum, queue_0;	/* before the shape came */
};

static __s64 unsplit(void)
{
	return counter_nic(WIRE_IF, "rx_queue_1_mp_unsplit");
}

static __s64 bad_csum(void)
{
	return counter_nic(WIRE_IF, "rx_queue_1_mp_bad_csum");
}

static __s64 queue_0(void)
{
	return counter_nic(WIRE_IF, "rx_queue_0_packets");
}

/* Opens the ordinary stream. Returns NULL, or what is wrong. */
static const char *pair_open(struct pair *pair, enum area_kind kind,
			     const char *addr)
{
	stream_init(&stream, 17);
	pair->addr = addr;
	pair->ifindex = if_nametoindex(WIRE_IF);
	if (queue_wait_free(pair->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS))
		return "the queue is not free";
	if (raw_introduce())
		return "the third machine is not known";
	if (nicregs_open(&pair->regs, WIRE_IF))
		return "no access to the registers";
	pair->rfctl = nicregs_read(&pair->regs, REG_RFCTL);
	if (live_open(&pair->live, kind, addr))
		return "no ordinary stream";
	pair->unsplit = unsplit();
	pair->bad_csum = bad_csum();
	pair->queue_0 = queue_0();
	return NULL;
}

/* Ends the ordinary stream. Returns NULL, or what is wrong. */
static const char *pair_close(struct pair *pair)
{
	struct live *live = &pair->live;
	__u64 seen;

	nicregs_write(&pair->regs, REG_RFCTL, pair->rfctl);
	nicregs_close(&pair->regs);
	if (pair->undo && sh("%s", pair->undo))
		return "the network is not as it was";
	if (live_end(live))
		return "the ordinary stream lost something";
	if (live->nomem)
		return "the ordinary stream did not come by zero copy";
	seen = zc_fdinfo(&live->zc, "delivered") +
	       zc_fdinfo(&live->zc, "copied") + pair->by_recv;
	if (seen != live->rx.bytes + pair->rx[1].bytes)
		return "fdinfo does not have all bytes";
	if (zc_fdinfo(&live->zc, "invalid"))
		return "fdinfo has invalid returns";
	zc_close(&live->zc);
	if (queue_wait_free(pair->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS) ||
	    netdev_wait_no_pools(pair->ifindex, WIRE_PATIENCE_MS))
		return "a buffer did not come back";
	if (pins_wait(0, WIRE_PATIENCE_MS))
		return "something stayed pinned";
	return NULL;
}

/* Opens the stream of the shape, and arms its request. */
static int shape_open(struct pair *pair, const char *addr, __u64 len,
		      int (*send)(void *peer_send))
{
	int ret = wire_open_with(&pair->wire, addr, &stream, len, false, send);

	if (ret)
		return ret;
	pair->rx[0] = pair->live.rx;
	pair->rx[1] = (struct receiver) {
		.zc = &pair->live.zc,
		.sock = pair->wire.sock,
		.id = 1,
		.stream = &stream,
	};
	return zc_recv(&pair->live.zc, pair->wire.sock, 0, 1);
}

/* Takes by recv() what there is, as no buffer of the area can be written. */
static int take_readable(struct receiver *rx, __u64 *by_recv)
{
	static char buf[64 * KIB];
	size_t bad;
	ssize_t n;

	while ((n = recv(rx->sock, buf, sizeof(buf), MSG_DONTWAIT)) > 0) {
		if (!stream_check(rx->stream, rx->bytes, buf, n, &bad))
			return -EILSEQ;
		rx->bytes += n;
		*by_recv += n;
	}
	/* the next request tells of the end */
	return !n || errno == EAGAIN || errno == EFAULT ? 0 : -errno;
}

/*
 * Receives both streams until one of them has that many bytes, or that of the
 * shape has ended (RECEIVE_END).
 */
static int receive_both(struct pair *pair, struct receiver *one, __u64 until)
{
	struct receiver *rx = pair->rx;
	int ret = 0;

	while (!ret && one->bytes < until) {
		ret = receive_round(rx, 2, WIRE_PATIENCE_MS);
		if (ret || !rx[1].ended)
			continue;
		if (!rx[1].result)
			return RECEIVE_END;
		if (rx[1].result != -ENOMEM)
			return rx[1].result;
		ret = take_readable(&rx[1], &pair->by_recv);
		rx[1].ended = false;
		if (!ret)
			ret = zc_recv(rx[1].zc, rx[1].sock, 0, 1);
	}
	return ret;
}

/*
 * Receives the rest of the shape, and a little more of the ordinary stream.
 * Returns NULL, or what is wrong.
 */
static const char *shape_end(struct pair *pair, __u64 len)
{
	__u64 beside = pair->rx[0].bytes;

	if (receive_both(pair, &pair->rx[1], UINT64_MAX) != RECEIVE_END)
		return "the shape's stream did not come to its end";
	pair->live.rx = pair->rx[0];
	if (pair->rx[1].bytes != len)
		return "the shape's stream has another length";
	if (wire_close(&pair->wire))
		return "the shape's sender failed";
	if (pair->rx[0].ended || pair->rx[0].bytes == beside ||
	    live_receive(&pair->live, MIB))
		return "the ordinary stream did not go on";
	return NULL;
}

/* Did all of the shape come by zero copy? */
static bool uncopied(const struct pair *pair)
{
	return !zc_fdinfo(&pair->live.zc, "copied") && !pair->by_recv;
}

/*
 * Or did that much or more of it come on queue 0? The CPU then writes to the area, as
 * far as it has room.
 */
static bool copied(const struct pair *pair, __u64 len)
{
	__u64 by_cpu = zc_fdinfo(&pair->live.zc, "copied");

	return by_cpu > 0 && by_cpu + pair->by_recv >= len &&
	       queue_0() > pair->queue_0;
}

FIXTURE(shapes)
{
	struct pair pair;
};

FIXTURE_VARIANT(shapes)
{
	enum area_kind kind;
	bool v6;
};

FIXTURE_VARIANT_ADD(shapes, v4_user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(shapes, v6_user)
{
	.kind = AREA_USER,
	.v6 = true,
};

FIXTURE_VARIANT_ADD(shapes, v4_udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(shapes, v6_udmabuf)
{
	.kind = AREA_UDMABUF,
	.v6 = true,
};

FIXTURE_SETUP(shapes)
{
	EXPECT_NO_FAULT(pair_open(&self->pair, variant->kind,
				  variant->v6 ? WIRE_V6 : WIRE_V4));
}

FIXTURE_TEARDOWN(shapes)
{
	EXPECT_NO_FAULT(pair_close(&self->pair));
}

static const struct rawframe shapes_v4[] = {
	{ .len = 1460 },
	{ .len = 1 },
	{ .len = 1380, .ip_options = 40, .tcp_options = 40 },
	{ .len = 7, .ip_options = 40, .tcp_options = 40 },
	{ .len = 100, .padding = 700 },
	{ .len = 1, .padding = 1 },
	{ .len = 536, .ip_options = 4 },
	{ .len = 1000, .tcp_options = 40, .padding = 1 },
};

static const struct rawframe twins_v4[] = {
	{ .len = 500, .bad_csum = true },
	{ .len = 1, .bad_csum = true },
	{ .len = 500, .bad_ip_csum = true },
	{ .len = 500, .ip_options = 40, .tcp_options = 40, .bad_csum = true },
	{ .len = 500, .ip_len_by = 100 },
	/* TCP's header ends where it should not */
	{ .len = 500, .words = -1 },
	{ .len = 500, .words = 4 },
	{ .len = 500, .words = -1, .ip_options = 40 },
	{ .words = 15, .padding = 60, .flags = TH_RST },
	/* half a segment */
	{ .len = 500, .fragment = true, .more = true },
	{ .len = 500, .fragment = true, .fragment_at = 512 },
	/* to no interface here */
	{ .len = 500, .tpid = { 0x88a8, 0x8100 } },
	/* would end the connection */
	{ .flags = TH_RST, .bad_csum = true },
	{ .flags = TH_RST, .tcp_options = 40, .bad_csum = true },
	{ .flags = TH_RST, .tcp_options = 40, .bad_ip_csum = true },
};

static const struct rawframe shapes_v6[] = {
	{ .len = 1440 },
	{ .len = 1 },
	{ .len = 1400, .tcp_options = 40 },
	{ .len = 100, .padding = 700 },
	{ .len = 1, .padding = 1 },
	{ .len = 1000, .tcp_options = 20, .padding = 1 },
};

static const struct rawframe twins_v6[] = {
	{ .len = 500, .bad_csum = true },
	{ .len = 1, .bad_csum = true },
	{ .len = 500, .ip_len_by = 100 },
	{ .len = 500, .words = -1 },
	{ .len = 500, .words = 4 },
	{ .words = 15, .padding = 60, .flags = TH_RST },
	{ .len = 500, .fragment = true, .more = true },
	{ .len = 500, .fragment = true, .fragment_at = 512 },
	{ .len = 500, .tpid = { 0x88a8, 0x8100 } },
	{ .flags = TH_RST, .bad_csum = true },
	{ .flags = TH_RST, .padding = 60, .bad_csum = true },
};

static int send_shaped(void *job)
{
	return rawtcp_send_stream(job, &looks);
}

TEST_F_TIMEOUT(shapes, segments, TIMEOUT)
{
	struct pair *pair = &self->pair;

	if (variant->v6)
		looks = (struct rawtcp_looks) {
			shapes_v6, twins_v6, ARRAY_SIZE(shapes_v6),
			ARRAY_SIZE(twins_v6), true,
		};
	else
		looks = (struct rawtcp_looks) {
			shapes_v4, twins_v4, ARRAY_SIZE(shapes_v4),
			ARRAY_SIZE(twins_v4), false,
		};
	ASSERT_EQ(0, shape_open(pair, pair->addr, SHAPED_LEN, send_shaped));
	EXPECT_NO_FAULT(shape_end(pair, SHAPED_LEN));
	EXPECT_EQ(true, uncopied(pair));
	EXPECT_LT(pair->bad_csum, bad_csum());
}

/* The kernel puts them together, in memory of its own. */
static const struct rawframe cut_shapes[] = {
	{ .len = 1440, .fragments = 2 },
	{ .len = 8000, .fragments = 6 },
	{ .len = 16, .fragments = 2 },
	{ .len = 3000, .fragments = 20 },
};

static const struct rawframe cut_twins[] = {
	{ .len = 1000, .fragments = 2, .bad_csum = true },
	{ .len = 1000, .fragment = true, .more = true },
	{ .len = 1000, .fragment = true, .fragment_at = 1024 },
	{ .len = 1000, .bad_csum = true },
	{ .flags = TH_RST, .fragments = 2, .bad_csum = true },
};

TEST_F_TIMEOUT(shapes, fragments, TIMEOUT)
{
	const char *counter = variant->v6 ? "Ip6ReasmOKs" : "Ip:ReasmOKs";
	__s64 before = counter_stack(counter);
	struct pair *pair = &self->pair;

	ASSERT_LE(0, before);
	looks = (struct rawtcp_looks) {
		cut_shapes, cut_twins, ARRAY_SIZE(cut_shapes),
		ARRAY_SIZE(cut_twins), variant->v6,
	};
	ASSERT_EQ(0, shape_open(pair, pair->addr, SHAPED_LEN, send_shaped));
	EXPECT_NO_FAULT(shape_end(pair, SHAPED_LEN));
	EXPECT_EQ(true, copied(pair, SHAPED_LEN));
	EXPECT_LE(before + SHAPED_LEN / 8000, counter_stack(counter));
	EXPECT_EQ(pair->unsplit, unsplit());
}

static const char *add_tags(struct pair *pair, const char *outer)
{
	pair->undo = "ip link del outer; ip -n peer link del outer";
	if (sh("ip link add link eth0 name outer type vlan proto %s id 7 && "
	       "ip link add link outer name inner mtu 1496 type vlan id 9 && "
	       "ip link set outer up && ip link set inner up && "
	       "ip addr add " TAGGED_V4 "/24 dev inner && "
	       "ip addr add " TAGGED_V6 "/64 dev inner nodad", outer) ||
	    sh("ip -n peer link add link eth1 name outer type vlan proto %s id 7 && "
	       "ip -n peer link add link outer name inner mtu 1496 type vlan id 9 && "
	       "ip -n peer link set outer up && "
	       "ip -n peer link set inner up && "
	       "ip -n peer addr add 10.0.9.2/24 dev inner && "
	       "ip -n peer addr add fd09::2/64 dev inner nodad", outer))
		return "no tagged interfaces";
	return NULL;
}

/* The model of the 82576 that QEMU has splits these. */
TEST_F_TIMEOUT(shapes, q_in_ad, TIMEOUT)
{
	struct pair *pair = &self->pair;

	EXPECT_NO_FAULT(add_tags(pair, "802.1ad"));
	ASSERT_EQ(0, shape_open(pair, variant->v6 ? TAGGED_V6 : TAGGED_V4,
				STREAM_LEN, peer_send_stream));
	EXPECT_NO_FAULT(shape_end(pair, STREAM_LEN));
	EXPECT_EQ(true, uncopied(pair));
}

/* It looks behind one tag of 802.1Q, so this is not TCP to it. */
TEST_F_TIMEOUT(shapes, q_in_q, TIMEOUT)
{
	struct pair *pair = &self->pair;

	EXPECT_NO_FAULT(add_tags(pair, "802.1Q"));
	ASSERT_EQ(0, shape_open(pair, variant->v6 ? TAGGED_V6 : TAGGED_V4,
				STREAM_LEN, peer_send_stream));
	EXPECT_NO_FAULT(shape_end(pair, STREAM_LEN));
	EXPECT_EQ(true, copied(pair, STREAM_LEN));
}

/*
 * IPv6 extension headers. Because of an erratum the driver keeps the NIC from
 * looking at any, so such segments are not TCP to it, and go to queue 0.
 */
FIXTURE(extension_headers)
{
	struct pair pair;
};

FIXTURE_VARIANT(extension_headers)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(extension_headers, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(extension_headers, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(extension_headers)
{
	EXPECT_NO_FAULT(pair_open(&self->pair, variant->kind, WIRE_V6));
}

FIXTURE_TEARDOWN(extension_headers)
{
	EXPECT_NO_FAULT(pair_close(&self->pair));
}

static void let_nic_look(struct pair *pair)
{
	nicregs_write(&pair->regs, REG_RFCTL,
		      pair->rfctl & ~RFCTL_IPV6_EX_DIS);
}

/* 254 bytes of headers are the most that the header buffer takes. */
static const struct rawframe shapes_extended[] = {
	{ .len = 1000, .ip_options = 176, .tcp_options = 4 },
	{ .len = 1, .ip_options = 176, .tcp_options = 4 },
	{ .len = 1400, .ip_options = 8 },
	{ .len = 1440 },
};

static const struct rawframe twins_extended[] = {
	{ .len = 500, .ip_options = 176, .tcp_options = 8 },
	{ .len = 500, .ip_options = 184 },
	{ .len = 500, .ip_options = 400 },
	{ .flags = TH_RST, .ip_options = 400 },
	{ .len = 500, .ip_options = 176, .tcp_options = 4, .bad_csum = true },
};

TEST_F_TIMEOUT(extension_headers, split, TIMEOUT)
{
	struct pair *pair = &self->pair;

	looks = (struct rawtcp_looks) {
		shapes_extended, twins_extended, ARRAY_SIZE(shapes_extended),
		ARRAY_SIZE(twins_extended), true,
	};
	let_nic_look(pair);
	ASSERT_EQ(0, shape_open(pair, WIRE_V6, SHAPED_LEN, send_shaped));
	EXPECT_NO_FAULT(shape_end(pair, SHAPED_LEN));
	EXPECT_EQ(true, uncopied(pair));
	EXPECT_LT(pair->unsplit, unsplit());
}

/* Both return 0, or 1 if the connection broke. */
static int send_bytes(int fd, const struct peer_send *job, __u64 from, __u64 to)
{
	static char buf[64 * KIB];

	for (; from < to; from += sizeof(buf)) {
		stream_fill(job->stream, from, buf, sizeof(buf));
		if (tcp_send_all(fd, buf, sizeof(buf)))
			return 1;
	}
	return 0;
}

static int end_stream(int fd)
{
	char end;

	shutdown(fd, SHUT_WR);
	return recv(fd, &end, 1, 0) == 0 ? 0 : 1;
}

/*
 * All segments have extension headers, more than the header buffer holds. The
 * second half waits for a byte from the receiver.
 */
static int send_extended(void *arg)
{
	const struct peer_send *job = arg;
	char options[400], byte;
	int fd = tcp_open(job->addr);

	rawframe_options6(options, sizeof(options), 0);
	if (fd < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_DSTOPTS, options,
		       sizeof(options)) ||
	    tcp_connect_socket(fd, job->addr, job->port) ||
	    send_bytes(fd, job, 0, job->len / 2) ||
	    recv(fd, &byte, 1, 0) != 1 ||
	    send_bytes(fd, job, job->len / 2, job->len))
		return 1;
	return end_stream(fd);
}

TEST_F_TIMEOUT(extension_headers, copied, TIMEOUT)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, shape_open(pair, WIRE_V6, STREAM_LEN, send_extended));
	EXPECT_EQ(0, receive_both(pair, &pair->rx[1], STREAM_LEN / 2));
	EXPECT_EQ(pair->unsplit, unsplit());

	/* now the NIC drops some; they are sent again */
	let_nic_look(pair);
	ASSERT_EQ(1, send(pair->wire.sock, "", 1, 0));
	while (unsplit() < pair->unsplit + 2)
		ASSERT_EQ(0, receive_both(pair, &pair->rx[0],
					  pair->rx[0].bytes + 64 * KIB));
	EXPECT_EQ(STREAM_LEN / 2, pair->rx[1].bytes);
	nicregs_write(&pair->regs, REG_RFCTL, pair->rfctl);

	EXPECT_NO_FAULT(shape_end(pair, STREAM_LEN));
	EXPECT_EQ(true, copied(pair, STREAM_LEN));
}

TEST_HARNESS_MAIN
