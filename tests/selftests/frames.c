// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that no TCP sends in earnest, on a NIC with a bound queue. What the
 * NIC cannot split or vouch for is dropped and counted, what is not TCP goes
 * to queue 0, and the rest is the stack's to judge. A stream comes in beside
 * all of it and loses not a byte; no buffer gets lost either.
 *
 * shapes.c has the streams that such frames are part of.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/nicregs.h"
#include "lib/pins.h"
#include "lib/rawframe.h"
#include "lib/sh.h"
#include "queue.h"

#define TIMEOUT		180
#define KIB		1024
#define MIB		(1024 * KIB)
#define MTU		1500

/* Nobody listens there. */
#define PORTS		.sport = 40000, .dport = 9

/* How often a frame has to arrive, and how often it is sent for that. */
#define WANT		8
#define TRIES		100
/* How often to look for one that is late. */
#define LATE		40
/* More than a ring has descriptors, and together more than there are buffers. */
#define STORM		500

/* What becomes of a frame. */
enum fate {
	UNSPLIT,	/* dropped on the bound queue: headers not split off */
	BAD_CSUM,	/* dropped there: payload, and no good checksum */
	QUEUE_0,	/* received, but elsewhere */
	STACK,		/* given to the stack from the bound queue */
};

struct shot {
	const char *what;
	enum fate fate;
	const char *counter;	/* of the stack, that shows that it came */
	struct rawframe frame;
};

static const __u8 arp_request[] = {
	0, 1, 8, 0, 6, 4, 0, 1,
	0x52, 0x54, 0, 0, 0, 3, 10, 0, 0, 3,
	0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
};

static const struct shot shots[] = {
	/* the NIC splits where the header says that it ends */
	{ "data offset 0", UNSPLIT, NULL,
	  { PORTS, .words = -1, .len = 500 } },
	{ "data offset 4", UNSPLIT, NULL,
	  { PORTS, .words = 4, .len = 500 } },

	/* payload that nobody can check */
	{ "bad TCP checksum", BAD_CSUM, NULL,
	  { PORTS, .len = 500, .bad_csum = true } },
	{ "bad TCP checksum, IPv6", BAD_CSUM, NULL,
	  { PORTS, .v6 = true, .len = 500, .bad_csum = true } },
	{ "bad TCP checksum, one byte", BAD_CSUM, NULL,
	  { PORTS, .len = 1, .bad_csum = true } },
	{ "bad TCP checksum, many options", BAD_CSUM, NULL,
	  { PORTS, .ip_options = 40, .tcp_options = 40, .len = 500,
	    .bad_csum = true } },
	{ "bad TCP checksum, just padding", BAD_CSUM, NULL,
	  { PORTS, .padding = 100, .bad_csum = true } },
	{ "bad IP checksum", BAD_CSUM, NULL,
	  { PORTS, .len = 500, .bad_ip_csum = true } },
	{ "both checksums bad", BAD_CSUM, NULL,
	  { PORTS, .len = 500, .bad_csum = true, .bad_ip_csum = true } },
	{ "IP says more than came, bad checksum", BAD_CSUM, NULL,
	  { PORTS, .len = 500, .ip_len_by = 100, .bad_csum = true } },

	/* not TCP, or not known to be */
	{ "UDP", QUEUE_0, "Udp:NoPorts",
	  { PORTS, .proto = IPPROTO_UDP, .len = 500 } },
	{ "UDP, IPv6", QUEUE_0, "Udp6NoPorts",
	  { PORTS, .v6 = true, .proto = IPPROTO_UDP, .len = 500 } },
	{ "ICMP echo", QUEUE_0, "Icmp:InEchos",
	  { .proto = IPPROTO_ICMP, .len = 500 } },
	{ "ICMPv6 echo", QUEUE_0, "Icmp6InEchos",
	  { .v6 = true, .proto = IPPROTO_ICMPV6, .len = 500 } },
	{ "ESP", QUEUE_0, "Ip:InUnknownProtos",
	  { .proto = RAW_NO_HEADER(IPPROTO_ESP), .len = 500 } },
	{ "ESP, IPv6", QUEUE_0, "Ip6InUnknownProtos",
	  { .v6 = true, .proto = RAW_NO_HEADER(IPPROTO_ESP), .len = 500 } },
	{ "AH", QUEUE_0, "Ip:InUnknownProtos",
	  { .proto = RAW_NO_HEADER(IPPROTO_AH), .len = 500 } },
	{ "SCTP", QUEUE_0, "Ip:InUnknownProtos",
	  { .proto = RAW_NO_HEADER(IPPROTO_SCTP), .len = 500 } },
	{ "SCTP, IPv6", QUEUE_0, "Ip6InUnknownProtos",
	  { .v6 = true, .proto = RAW_NO_HEADER(IPPROTO_SCTP), .len = 500 } },
	{ "first fragment of TCP", QUEUE_0, "Ip:ReasmReqds",
	  { PORTS, .fragment = true, .more = true, .len = 500 } },
	{ "first fragment of TCP, many options", QUEUE_0, "Ip:ReasmReqds",
	  { PORTS, .fragment = true, .more = true, .ip_options = 40,
	    .tcp_options = 36, .len = 500 } },
	{ "last fragment of TCP", QUEUE_0, "Ip:ReasmReqds",
	  { .fragment = true, .fragment_at = 8192, .len = 500 } },
	{ "first fragment of TCP, IPv6", QUEUE_0, "Ip6ReasmReqds",
	  { PORTS, .v6 = true, .fragment = true, .more = true, .len = 500 } },
	{ "last fragment of TCP, IPv6", QUEUE_0, "Ip6ReasmReqds",
	  { .v6 = true, .fragment = true, .fragment_at = 8192, .len = 500 } },
	{ "half of a TCP header", QUEUE_0, NULL,
	  { .proto = RAW_NO_HEADER(IPPROTO_TCP), .ip_options = 40,
	    .len = 10 } },
	{ "half of a TCP header, IPv6", QUEUE_0, NULL,
	  { .v6 = true, .proto = RAW_NO_HEADER(IPPROTO_TCP), .len = 10 } },
	{ "ARP", QUEUE_0, NULL,
	  { .ethertype = ETHERTYPE_ARP, .data = arp_request,
	    .len = sizeof(arp_request) } },
	/* of those for experiments */
	{ "an unknown protocol", QUEUE_0, NULL,
	  { .ethertype = 0x88b5, .data = arp_request,
	    .len = sizeof(arp_request) } },

	/* good enough to be split and vouched for */
	{ "bad IP checksum, no payload", STACK, "IpExt:InCsumErrors",
	  { PORTS, .tcp_options = 40, .bad_ip_csum = true } },
	{ "bad TCP checksum, no payload", STACK, "Tcp:InCsumErrors",
	  { PORTS, .tcp_options = 40, .bad_csum = true } },
	{ "bad TCP checksum, no payload, IPv6", STACK, "Tcp:InCsumErrors",
	  { PORTS, .v6 = true, .bad_csum = true } },
	{ "IP says more than came", STACK, "IpExt:InTruncatedPkts",
	  { PORTS, .len = 500, .ip_len_by = 100 } },
	{ "IP says more than came, IPv6", STACK, "Ip6InTruncatedPkts",
	  { PORTS, .v6 = true, .len = 500, .ip_len_by = 100 } },
	/* and well formed: for a port where nobody listens */
	{ "no payload, padded", STACK, "Tcp:OutRsts",
	  { PORTS } },
	{ "one byte", STACK, "Tcp:OutRsts",
	  { PORTS, .len = 1 } },
	{ "many options", STACK, "Tcp:OutRsts",
	  { PORTS, .ip_options = 40, .tcp_options = 40, .len = 500 } },
	{ "IP says less than came", STACK, "Tcp:OutRsts",
	  { PORTS, .padding = 700 } },
	{ "IP says less than came, IPv6", STACK, "Tcp:OutRsts",
	  { PORTS, .v6 = true, .len = 3, .padding = 700 } },
	{ "802.1Q in 802.1ad, to nobody", STACK, NULL,
	  { PORTS, .tpid = { 0x88a8, 0x8100 }, .len = 500 } },
};

/*
 * IPv6 extension headers, of which the driver keeps the NIC from looking at
 * any, because of an erratum; so they go to queue 0. This is what becomes of
 * them if it does look. The header buffer has 256 bytes, and of the headers 74
 * are neither IP's nor TCP's options.
 */
#define OPTIONS6_FIT	.v6 = true, .ip_options = 176, .tcp_options = 4
#define OPTIONS6_OVER	.v6 = true, .ip_options = 176, .tcp_options = 8

static const struct shot extended[] = {
	{ "254 bytes of headers", STACK, "Tcp:OutRsts",
	  { PORTS, OPTIONS6_FIT, .len = 500 } },
	{ "254 bytes of headers, no payload", STACK, "Tcp:OutRsts",
	  { PORTS, OPTIONS6_FIT } },
	{ "254 bytes of headers, bad checksum", BAD_CSUM, "Tcp:InCsumErrors",
	  { PORTS, OPTIONS6_FIT, .len = 500, .bad_csum = true } },
	{ "258 bytes of headers", UNSPLIT, "Tcp:OutRsts",
	  { PORTS, OPTIONS6_OVER, .len = 500 } },
	{ "258 bytes of headers, no payload", UNSPLIT, "Tcp:OutRsts",
	  { PORTS, OPTIONS6_OVER } },
	{ "258 bytes of headers, bad checksum", UNSPLIT, "Tcp:InCsumErrors",
	  { PORTS, OPTIONS6_OVER, .len = 500, .bad_csum = true } },
	{ "480 bytes of headers", UNSPLIT, "Tcp:OutRsts",
	  { PORTS, .v6 = true, .ip_options = 400, .len = 500 } },
};

FIXTURE(frames)
{
	unsigned int ifindex;
	struct live live;
	struct nicregs regs;
	int raw;
};

FIXTURE_VARIANT(frames)
{
	enum area_kind kind;
	const char *addr;
	int mtu;
	/* to have frames of several descriptors */
	unsigned int longer;
};

FIXTURE_VARIANT_ADD(frames, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(frames, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(frames, jumbo)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V4,
	.mtu = 9000,
	.longer = 7900,
};

FIXTURE_SETUP(frames)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	if (variant->mtu != MTU)
		ASSERT_EQ(0, nic_set_mtus(WIRE_IF, variant->mtu));
	ASSERT_EQ(0, raw_introduce());
	self->raw = raw_open();
	ASSERT_LE(0, self->raw);
	ASSERT_EQ(0, nicregs_open(&self->regs, WIRE_IF));
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

/* Not a byte and not a buffer is missing. */
FIXTURE_TEARDOWN(frames)
{
	struct live *live = &self->live;

	EXPECT_EQ(0, live_end(live));
	EXPECT_EQ(0, live->nomem);
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
	EXPECT_EQ(live->rx.bytes, zc_fdinfo(&live->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "invalid"));
	zc_close(&live->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	nicregs_close(&self->regs);
	close(self->raw);
	if (variant->mtu != MTU)
		EXPECT_EQ(0, nic_set_mtus(WIRE_IF, MTU));
}

/* What came of the frames. */
struct tally {
	__s64 unsplit, bad_csum, queue_0, counter;
};

static struct tally look(const char *counter)
{
	return (struct tally) {
		.unsplit = counter_nic(WIRE_IF, "rx_queue_1_mp_unsplit"),
		.bad_csum = counter_nic(WIRE_IF, "rx_queue_1_mp_bad_csum"),
		.queue_0 = counter_nic(WIRE_IF, "rx_queue_0_packets"),
		.counter = counter ? counter_stack(counter) : 0,
	};
}

static struct tally since(const struct tally *before, const char *counter)
{
	struct tally now = look(counter);

	now.unsplit -= before->unsplit;
	now.bad_csum -= before->bad_csum;
	now.queue_0 -= before->queue_0;
	now.counter -= before->counter;
	return now;
}

/* The one of them that goes up with each frame. */
static __s64 arrived(const struct shot *shot, enum fate fate,
		     const struct tally *t)
{
	switch (fate) {
	case UNSPLIT:
		return t->unsplit;
	case BAD_CSUM:
		return t->bad_csum;
	case QUEUE_0:
		/* counted on its way, one after the other */
		return shot->counter && t->counter < t->queue_0 ? t->counter :
								  t->queue_0;
	default:
		/* without a counter, nothing tells */
		return shot->counter ? t->counter : TRIES;
	}
}

static struct rawframe lengthened(const struct rawframe *frame,
				  unsigned int longer)
{
	struct rawframe f = *frame;

	if (f.len == 500)
		f.len += longer;
	return f;
}

/* The stream goes on a little, or a little time passes. */
static int go_on(struct live *live)
{
	usleep(5000);
	return live ? live_receive(live, 64 * KIB) : 0;
}

/*
 * Sends a frame until it has arrived WANT times, since the NIC may drop some
 * when the stream takes all descriptors. With live, goes on with the stream.
 * Returns how often it was sent, or -errno.
 */
static int fire(int raw, const struct shot *shot, enum fate fate,
		unsigned int longer, struct live *live, struct tally *seen)
{
	struct rawframe f = lengthened(&shot->frame, longer);
	struct tally before = look(shot->counter);
	int sent = 0, late = LATE, ret;

	while (sent < WANT || arrived(shot, fate, seen) < WANT) {
		ret = sent++ < TRIES ? raw_send(raw, &f) : -ETIME;
		if (!ret)
			ret = go_on(live);
		if (ret)
			return ret;
		*seen = since(&before, shot->counter);
	}
	/* none must be taken for one of the next shot */
	while (arrived(shot, fate, seen) < sent && late--) {
		ret = go_on(live);
		if (ret)
			return ret;
		*seen = since(&before, shot->counter);
	}
	return sent;
}

#define EXPECT_FATE(a_shot, its_fate, longer, live)			\
	do {								\
		const struct shot *fired = (a_shot);			\
		const enum fate due = (its_fate);			\
		struct tally seen = {};					\
		int sent = fire(self->raw, fired, due, longer, live,	\
				&seen);					\
									\
		EXPECT_LT(0, sent) {					\
			TH_LOG("%s: unsplit %lld, bad csum %lld, queue 0 %lld, stack %lld", \
			       fired->what, (long long)seen.unsplit,	\
			       (long long)seen.bad_csum,		\
			       (long long)seen.queue_0,			\
			       (long long)seen.counter);		\
		}							\
		EXPECT_GE(due == UNSPLIT ? sent : 0, seen.unsplit)	\
			TH_LOG("%s", fired->what);			\
		EXPECT_GE(due == BAD_CSUM ? sent : 0, seen.bad_csum)	\
			TH_LOG("%s", fired->what);			\
		/* now and then somebody asks for an address */		\
		EXPECT_EQ(due == QUEUE_0, seen.queue_0 >= WANT)		\
			TH_LOG("%s", fired->what);			\
	} while (0)

/* Many of them at once. Returns 0 or -errno. */
static int storm(int raw, const struct shot *shot, unsigned int longer,
		 struct live *live)
{
	struct rawframe f = lengthened(&shot->frame, longer);
	int n, ret = 0;

	for (n = 0; n < STORM && !ret; n++)
		ret = raw_send(raw, &f);
	return ret ? ret : live_receive(live, 64 * KIB);
}

TEST_F_TIMEOUT(frames, each_has_its_fate, TIMEOUT)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shots); i++)
		EXPECT_FATE(&shots[i], shots[i].fate, variant->longer,
			    &self->live);
	for (i = 0; i < ARRAY_SIZE(extended); i++)
		EXPECT_FATE(&extended[i], QUEUE_0, variant->longer,
			    &self->live);
}

TEST_F_TIMEOUT(frames, extension_headers, TIMEOUT)
{
	__u32 rfctl = nicregs_read(&self->regs, REG_RFCTL);
	size_t i;

	EXPECT_NE(0, rfctl & RFCTL_IPV6_EX_DIS);
	nicregs_write(&self->regs, REG_RFCTL, rfctl & ~RFCTL_IPV6_EX_DIS);
	for (i = 0; i < ARRAY_SIZE(extended); i++)
		EXPECT_FATE(&extended[i], extended[i].fate, variant->longer,
			    &self->live);
	for (i = 0; i < ARRAY_SIZE(extended); i++) {
		EXPECT_EQ(0, storm(self->raw, &extended[i], variant->longer,
				   &self->live))
			TH_LOG("%s", extended[i].what);
	}
	nicregs_write(&self->regs, REG_RFCTL, rfctl);
	EXPECT_EQ(0, live_receive(&self->live, 2 * LIVE_AREA));
}

/* Is there an answer of that protocol among what came for us? */
static bool answered(int raw, __u16 ethertype)
{
	struct ether_header eth[RAWFRAME_MAX / sizeof(struct ether_header)];

	while (raw_recv(raw, eth, sizeof(eth), WIRE_PATIENCE_MS) > 0)
		if (eth->ether_type == htons(ethertype))
			return true;
	return false;
}

TEST_F_TIMEOUT(frames, arp_is_answered, TIMEOUT)
{
	struct rawframe arp = {
		.ethertype = ETHERTYPE_ARP,
		.data = arp_request,
		.len = sizeof(arp_request),
	};

	ASSERT_EQ(0, raw_send(self->raw, &arp));
	EXPECT_EQ(0, live_receive(&self->live, 64 * KIB));
	EXPECT_EQ(true, answered(self->raw, ETHERTYPE_ARP));
}

/* Of each that the bound queue gets, more than it has descriptors. */
TEST_F_TIMEOUT(frames, storm, TIMEOUT)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shots); i++) {
		if (shots[i].fate == QUEUE_0)
			continue;
		EXPECT_EQ(0, storm(self->raw, &shots[i], variant->longer,
				   &self->live))
			TH_LOG("%s", shots[i].what);
	}
	EXPECT_EQ(0, live_receive(&self->live, 2 * LIVE_AREA));
}

/*
 * Were a NIC to send to the bound queue what is not TCP, as the 82576 does by
 * default: the driver would drop it.
 */
TEST_F_TIMEOUT(frames, steered_here, TIMEOUT)
{
	__u32 mrqc = nicregs_read(&self->regs, REG_MRQC);
	size_t i;

	nicregs_write(&self->regs, REG_MRQC, mrqc | MRQC_IPV4 | MRQC_IPV6 |
		      MRQC_UDP_IPV4 | MRQC_UDP_IPV6);
	for (i = 0; i < ARRAY_SIZE(shots); i++) {
		struct tally seen = {};

		/* what is not IP has no hash */
		if (shots[i].fate != QUEUE_0 || shots[i].frame.ethertype)
			continue;
		/* and so has what the hosts ask each other: no upper bound */
		EXPECT_LT(0, fire(self->raw, &shots[i], UNSPLIT,
				  variant->longer, &self->live, &seen))
			TH_LOG("%s: unsplit %lld", shots[i].what,
			       (long long)seen.unsplit);
	}
	nicregs_write(&self->regs, REG_MRQC, mrqc);
	EXPECT_EQ(0, live_receive(&self->live, MIB));
}

static const struct shot good[] = {
	{ "a good segment", STACK, "Tcp:OutRsts", { PORTS, .len = 500 } },
	{ "a good segment, IPv6", STACK, "Tcp:OutRsts",
	  { PORTS, .v6 = true, .len = 500 } },
};

/* No verdict on the checksum is not a good one. */
TEST_F_TIMEOUT(frames, not_verified, TIMEOUT)
{
	__u32 rxcsum = nicregs_read(&self->regs, REG_RXCSUM);
	size_t i;

	EXPECT_EQ(RXCSUM_TUOFL, rxcsum & RXCSUM_TUOFL);
	nicregs_write(&self->regs, REG_RXCSUM, rxcsum & ~RXCSUM_TUOFL);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct tally seen = {};

		/* the stream is dropped as well, and counted */
		EXPECT_LT(0, fire(self->raw, &good[i], BAD_CSUM,
				  variant->longer, NULL, &seen));
		EXPECT_EQ(0, seen.counter);
		EXPECT_EQ(0, seen.unsplit);
	}
	nicregs_write(&self->regs, REG_RXCSUM, rxcsum);
	EXPECT_EQ(0, live_receive(&self->live, MIB));
}

/*
 * A filter by Ethernet type takes the place of the packet type: what matches
 * comes in as not known to be TCP. The driver lets nobody set one here.
 */
TEST_F_TIMEOUT(frames, filtered_by_ethertype, TIMEOUT)
{
	__u32 etqf = nicregs_read(&self->regs, REG_ETQF(0));
	struct tally seen = {};

	nicregs_write(&self->regs, REG_ETQF(0), ETQF_ENABLE | ETHERTYPE_IP);
	EXPECT_LT(0, fire(self->raw, &good[0], UNSPLIT, variant->longer, NULL,
			  &seen));
	EXPECT_EQ(0, seen.counter);
	EXPECT_EQ(0, seen.bad_csum);
	nicregs_write(&self->regs, REG_ETQF(0), etqf);
	EXPECT_EQ(0, live_receive(&self->live, MIB));
}

static bool bound_as_it_should(const struct nicregs *regs)
{
	__u32 srrctl = nicregs_read(regs, REG_SRRCTL(WIRE_RXQ));
	__u32 mrqc = nicregs_read(regs, REG_MRQC);

	return (srrctl & SRRCTL_TYPE) == SRRCTL_HDR_SPLIT &&
	       (srrctl & SRRCTL_DROP_EN) && !(srrctl & SRRCTL_TIMESTAMP) &&
	       (srrctl & SRRCTL_PKT_KIB) == 4 &&
	       (srrctl >> SRRCTL_HDR_SHIFT & SRRCTL_HDR) == 256 / 64 &&
	       (mrqc & MRQC_TCP_IPV4) && (mrqc & MRQC_TCP_IPV6) &&
	       !(mrqc & (MRQC_IPV4 | MRQC_IPV6 | MRQC_IPV6_EX | MRQC_UDP_IPV4 |
			 MRQC_UDP_IPV6 | MRQC_UDP_IPV6_EX)) &&
	       (nicregs_read(regs, REG_SRRCTL(0)) & SRRCTL_TYPE) ==
	       SRRCTL_ONE_BUFFER;
}

/* What sets the same registers again leaves them as the bound queue needs. */
TEST_F_TIMEOUT(frames, registers, TIMEOUT)
{
	static const char * const cmds[] = {
		"ethtool -A eth0 autoneg off rx on tx on",
		"ethtool -A eth0 autoneg off rx off tx off",
		"ethtool -A eth0 autoneg on",
		"ethtool -N eth0 rx-flow-hash udp4 sdfn",
		"ethtool -N eth0 rx-flow-hash udp6 sdfn",
		"ethtool -K eth0 rxvlan off",
		"ethtool -K eth0 rxvlan on",
		"ip link set eth0 promisc on",
		"ip link set eth0 promisc off",
		"ethtool -G eth0 rx 512",
		"ethtool -G eth0 rx 256",
	};
	struct live *live = &self->live;
	__u32 mrqc;
	size_t i;

	EXPECT_EQ(true, bound_as_it_should(&self->regs));
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		EXPECT_EQ(0, live_run(live, cmds[i]))
			TH_LOG("%s", cmds[i]);
		EXPECT_EQ(true, bound_as_it_should(&self->regs))
			TH_LOG("%s", cmds[i]);
		EXPECT_EQ(0, live_receive(live, MIB))
			TH_LOG("%s", cmds[i]);
	}

	/* and what was asked for takes effect when the queue is free */
	zc_close(&live->zc);
	close(live->wire.sock);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	mrqc = nicregs_read(&self->regs, REG_MRQC);
	EXPECT_NE(0, mrqc & MRQC_IPV4);
	EXPECT_NE(0, mrqc & MRQC_IPV6);
	EXPECT_NE(0, mrqc & MRQC_UDP_IPV4);
	EXPECT_NE(0, mrqc & MRQC_UDP_IPV6);
	EXPECT_EQ(SRRCTL_ONE_BUFFER, SRRCTL_TYPE &
		  nicregs_read(&self->regs, REG_SRRCTL(WIRE_RXQ)));
	EXPECT_EQ(0, sh("ethtool -N eth0 rx-flow-hash udp4 sd && "
			"ethtool -N eth0 rx-flow-hash udp6 sd"));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
}

TEST_HARNESS_MAIN
