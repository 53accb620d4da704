// SPDX-License-Identifier: GPL-2.0
/*
 * Socket devmem and zero-copy receive at the same time, on one NIC: a queue
 * each, and connections whose ports are chosen for the queue. What devmem.c
 * sees one after the other has to hold while both stream, while connections
 * move between the queues, and while either of the two ends.
 */
/* the kernel's header has one of its own */
#define __iovec_defined 1
#include <linux/uio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/devmem_rx.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		280
#define KIB		1024
#define MIB		(1024 * KIB)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(12 * MIB)
/* Longer than any test looks at. */
#define ENDLESS		(1ULL << 40)
#define CHANNELS	2	/* what the VM has */

/* Entries of the table that are even lead to the first. */
#define DEVMEM_RXQ	1
#define ZCRX_RXQ	2

#define PAIRS		3	/* connections of each */

static struct stream stream;

/*
 * A connection that either of them may receive. What has come is counted in
 * one place, rx.bytes, whoever brought it.
 */
struct conn {
	struct wire wire;
	struct receiver rx;
	struct devmem dm;
	unsigned int entry;
	bool over;		/* devmem's end of the stream */
};

FIXTURE(beside)
{
	unsigned int ifindex;
	long pins;
	struct area area;	/* for socket devmem */
	int binding;
	__u32 dmabuf_id;
	struct zc zc;
};

static const char *addr_of(unsigned int i)
{
	return i % 2 ? WIRE_V6 : WIRE_V4;
}

/* For devmem_receive(). */
static int check(void *arg, const void *data, size_t len)
{
	struct conn *c = arg;

	return devmem_rx_check(&stream, &c->rx.bytes, data, len);
}

static int conn_open(struct conn *c, struct zc *zc, const struct area *area,
		     __u32 dmabuf_id, const char *addr, unsigned int entry,
		     __u64 len)
{
	int ret;

	memset(c, 0, sizeof(*c));
	ret = flow_open(&c->wire, addr, entry, &stream, len, len == ENDLESS);
	if (ret)
		return ret;
	c->entry = entry;
	c->rx.zc = zc;
	c->rx.sock = c->wire.sock;
	c->rx.stream = &stream;
	c->dm.sock = c->wire.sock;
	c->dm.area = area;
	c->dm.dmabuf_id = dmabuf_id;
	c->dm.take = check;
	c->dm.arg = c;
	return 0;
}

/* Receives what is there. Returns 0, 1 at the end of the stream, or -errno. */
static int devmem_take(struct conn *c, int timeout_ms)
{
	struct pollfd pfd = { .fd = c->wire.sock, .events = POLLIN };
	ssize_t ret;

	if (c->over || poll(&pfd, 1, timeout_ms) != 1)
		return 0;
	ret = devmem_receive(&c->dm);
	if (!ret)
		c->over = true;
	return ret < 0 ? ret : !ret;
}

/* At least that many bytes more, with devmem. Returns 0 or -errno. */
static int devmem_more(struct conn *c, __u64 bytes)
{
	__u64 until = c->rx.bytes + bytes;

	while (c->rx.bytes < until && !c->over) {
		__u64 before = c->rx.bytes;
		int ret = devmem_take(c, WIRE_PATIENCE_MS);

		if (ret < 0)
			return ret;
		if (c->rx.bytes == before && !c->over)
			return -ETIME;
	}
	return 0;
}

static int open_zc(struct zc *zc, __u32 rxq)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = rxq,
		.kind = AREA_UDMABUF,
		.area_len = AREA_LEN,
	};
	int ret = zc_open(zc, &cfg);

	/* the other's queue is no surprise */
	if (ret && ret != -EEXIST)
		fprintf(stderr, "# %s failed: %d\n", zc->failed, ret);
	return ret;
}

FIXTURE_SETUP(beside)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	ASSERT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS + 1));
	ASSERT_EQ(0, flow_steer(DEVMEM_RXQ, ZCRX_RXQ));
	ASSERT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	stream_init(&stream, 9);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
	self->binding = netdev_bind_rx(self->ifindex, DEVMEM_RXQ,
				       self->area.dmabuf_fd, &self->dmabuf_id);
	ASSERT_LE(0, self->binding);
	ASSERT_EQ(0, open_zc(&self->zc, ZCRX_RXQ));
}

/* No page, no pool and no dma-buf is left: a udmabuf pins what it is made of. */
FIXTURE_TEARDOWN(beside)
{
	zc_close(&self->zc);
	close(self->binding);
	area_close(&self->area);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, DEVMEM_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, queue_wait_free(self->ifindex, ZCRX_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
	/* a queue that flows are steered to cannot go */
	EXPECT_EQ(0, nic_steer_default(WIRE_IF));
	EXPECT_EQ(0, nic_set_channels(WIRE_IF, CHANNELS));
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
}

#define OPEN(conn, addr, entry, len)					\
	ASSERT_EQ(0, conn_open(conn, &self->zc, &self->area,		\
			       self->dmabuf_id, addr, entry, len))

/* The hash is the one that its inventors have published examples of. */
TEST(hash)
{
	static const __u8 key[FLOW_KEY_LEN] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
		0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
		0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
		0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
		0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
	};
	__u8 in[36];

	inet_pton(AF_INET, "66.9.149.187", in);
	inet_pton(AF_INET, "161.142.100.80", in + 4);
	*(__be16 *)(in + 8) = htons(2794);
	*(__be16 *)(in + 10) = htons(1766);
	EXPECT_EQ(0x51ccc178, flow_hash(key, in, 12));

	inet_pton(AF_INET6, "3ffe:2501:200:1fff::7", in);
	inet_pton(AF_INET6, "3ffe:2501:200:3::1", in + 16);
	*(__be16 *)(in + 32) = htons(2794);
	*(__be16 *)(in + 34) = htons(1766);
	EXPECT_EQ(0x40207d3d, flow_hash(key, in, 36));
}

/* The NIC does what we say it would, for one connection alone as well. */
TEST_F_TIMEOUT(beside, prediction, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < 12; i++) {
		unsigned int entry = (i * 37 + i / 2) % FLOW_ENTRIES;
		int rxq = entry % 2 ? ZCRX_RXQ : DEVMEM_RXQ;
		struct conn c;

		EXPECT_EQ(rxq, flow_queue_of(entry));
		OPEN(&c, addr_of(i), entry, ENDLESS);
		EXPECT_EQ(rxq, flow_queue_now(c.wire.sock))
			TH_LOG("entry %u over %s", entry, addr_of(i));
		EXPECT_EQ(0, wire_close(&c.wire));

		/* against all others */
		rxq = DEVMEM_RXQ + ZCRX_RXQ - rxq;
		ASSERT_EQ(0, flow_move(entry, rxq));
		OPEN(&c, addr_of(i), entry, ENDLESS);
		EXPECT_EQ(rxq, flow_queue_now(c.wire.sock));
		EXPECT_EQ(0, wire_close(&c.wire));
		ASSERT_EQ(0, flow_steer(DEVMEM_RXQ, ZCRX_RXQ));
	}
}

/*
 * Several connections of each, all at once. Each round takes what there is for
 * both; that there is something for both, in many, is what makes it "at once".
 */
TEST_F_TIMEOUT(beside, both_stream, TIMEOUT)
{
	unsigned int i, open = 2 * PAIRS, both = 0;
	struct receiver rx[PAIRS] = {};
	struct conn d[PAIRS], z[PAIRS];
	__u64 bytes = 0;

	for (i = 0; i < PAIRS; i++) {
		OPEN(&d[i], addr_of(i), 2 * i, STREAM_LEN);
		OPEN(&z[i], addr_of(i), 2 * i + 1, STREAM_LEN);
		rx[i] = z[i].rx;
		rx[i].id = i;
		ASSERT_EQ(0, zc_recv(&self->zc, rx[i].sock, 0, i));
	}
	while (open) {
		__u64 before_d = 0, before_z = 0, after_d = 0, after_z = 0;
		int ret;

		for (i = 0; i < PAIRS; i++) {
			before_d += d[i].rx.bytes;
			before_z += rx[i].bytes;
		}
		ret = receive_round(rx, PAIRS, 10);
		if (ret != -ETIME)
			ASSERT_EQ(0, ret);
		for (i = 0; i < PAIRS; i++)
			ASSERT_LE(0, devmem_take(&d[i], 0));
		for (open = 0, i = 0; i < PAIRS; i++) {
			after_d += d[i].rx.bytes;
			after_z += rx[i].bytes;
			open += !d[i].over + !rx[i].ended;
		}
		if (after_d > before_d && after_z > before_z)
			both++;
	}
	for (i = 0; i < PAIRS; i++) {
		EXPECT_EQ(0, rx[i].result);
		EXPECT_EQ(STREAM_LEN, rx[i].bytes);
		EXPECT_EQ(STREAM_LEN, d[i].rx.bytes);
		EXPECT_EQ(0, d[i].dm.linear);
		EXPECT_LT(STREAM_LEN / (64 * KIB), d[i].dm.returned);
		bytes += rx[i].bytes;
		EXPECT_EQ(0, wire_close(&d[i].wire));
		EXPECT_EQ(0, wire_close(&z[i].wire));
	}
	EXPECT_LT(5, both);
	EXPECT_ZERO_COPY(&self->zc, bytes);
}

/* Receives with devmem until that no longer works, and returns why. */
static int devmem_until_refused(struct conn *c)
{
	int ret;

	do {
		__u64 before = c->rx.bytes;

		ret = devmem_take(c, WIRE_PATIENCE_MS);
		if (!ret && c->rx.bytes == before)
			ret = -ETIME;
	} while (!ret);
	return ret;
}

/* The same with zero-copy receive; the request is new, or armed already. */
static int zcrx_until_refused(struct conn *c, bool arm)
{
	int ret = arm ? zc_recv(c->rx.zc, c->rx.sock, 0, c->rx.id) : 0;

	return ret ? ret : receive(&c->rx, ENDLESS);
}

/*
 * So many bytes more by one of the two, after a move. What was on its way then
 * may have come in any order, so the other has to help at first.
 */
#define MOVE_TURNS	16

static int zcrx_after_move(struct conn *c, __u64 bytes)
{
	unsigned int turns;
	int ret;

	for (turns = 0; turns < MOVE_TURNS; turns++) {
		ret = zc_recv(c->rx.zc, c->rx.sock, 0, c->rx.id);
		if (!ret)
			ret = receive(&c->rx, bytes);
		if (ret != -EFAULT)
			return ret;
		ret = devmem_until_refused(c);
		if (ret != -ENODEV)
			return ret;
	}
	return -ELOOP;
}

static int devmem_after_move(struct conn *c, __u64 bytes)
{
	unsigned int turns;
	int ret;

	for (turns = 0; turns < MOVE_TURNS; turns++) {
		ret = devmem_more(c, bytes);
		if (ret != -ENODEV)
			return ret;
		ret = zcrx_until_refused(c, true);
		if (ret != -EFAULT)
			return ret;
	}
	return -ELOOP;
}

/*
 * A connection moves from one to the other and back, again and again. Each says
 * what it does not take, at the first byte that came on the other's queue, and
 * the other continues there. A bystander of each goes on.
 */
TEST_F_TIMEOUT(beside, flow_moves, TIMEOUT)
{
	struct conn c, d, z;
	unsigned int i;

	OPEN(&c, WIRE_V4, 2, ENDLESS);
	OPEN(&d, WIRE_V6, 4, ENDLESS);
	for (i = 0; i < 12; i++) {
		ASSERT_EQ(0, devmem_after_move(&c, 512 * KIB))
			TH_LOG("round %u", i);
		ASSERT_EQ(0, flow_move(2, ZCRX_RXQ));
		EXPECT_EQ(-ENODEV, devmem_until_refused(&c))
			TH_LOG("round %u", i);
		/* and stays so */
		EXPECT_EQ(-ENODEV, devmem_take(&c, 0));
		ASSERT_EQ(0, devmem_more(&d, 64 * KIB));

		ASSERT_EQ(RECEIVE_MORE, zcrx_after_move(&c, 512 * KIB))
			TH_LOG("round %u", i);
		ASSERT_EQ(0, flow_move(2, DEVMEM_RXQ));
		ASSERT_EQ(-EFAULT, zcrx_until_refused(&c, false))
			TH_LOG("round %u", i);
		EXPECT_EQ(-EFAULT, zcrx_until_refused(&c, true));
		ASSERT_EQ(0, devmem_more(&d, 64 * KIB));
	}
	EXPECT_EQ(0, c.dm.linear);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&c.wire));

	/* one of ours has not noticed */
	OPEN(&z, WIRE_V4, 3, STREAM_LEN);
	EXPECT_EQ(RECEIVE_END, receive_all(&z.rx));
	EXPECT_EQ(STREAM_LEN, z.rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&z.wire));
	EXPECT_EQ(0, wire_close(&d.wire));
}

/* One piece, and the token is ours to keep. Returns 0 or -errno. */
static int take_token(struct conn *c, struct dmabuf_token *token)
{
	union {
		char space[CMSG_SPACE(sizeof(struct dmabuf_cmsg))];
		struct cmsghdr align;
	} control;
	struct dmabuf_cmsg piece;
	struct cmsghdr *cmsg;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(c->wire.sock, &msg, MSG_SOCK_DEVMEM) != 1)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SO_DEVMEM_DMABUF)
		return -EPROTO;
	memcpy(&piece, CMSG_DATA(cmsg), sizeof(piece));
	token->token_start = piece.frag_token;
	token->token_count = 1;
	return check(c, c->dm.area->base + piece.frag_offset, piece.frag_size);
}

static int dontneed(int sock, const struct dmabuf_token *token, unsigned int nr)
{
	int ret = setsockopt(sock, SOL_SOCKET, SO_DEVMEM_DONTNEED, token,
			     nr * sizeof(*token));

	return ret < 0 ? -errno : ret;
}

/* Tokens are of the socket that they were given to, and of nothing else. */
TEST_F_TIMEOUT(beside, tokens, TIMEOUT)
{
	const struct dmabuf_token all = { .token_count = 128 };
	struct dmabuf_token token;
	struct conn d, e, z;
	int udp;

	OPEN(&d, WIRE_V4, 6, ENDLESS);
	OPEN(&e, WIRE_V6, 8, ENDLESS);
	OPEN(&z, WIRE_V4, 7, STREAM_LEN);
	ASSERT_EQ(0, wire_wait_backlog(d.wire.sock, 1));
	ASSERT_EQ(0, wire_wait_backlog(z.wire.sock, 1));

	/* nobody has any yet */
	EXPECT_EQ(0, dontneed(d.wire.sock, &all, 1));
	EXPECT_EQ(0, dontneed(z.wire.sock, &all, 1));
	EXPECT_EQ(-EINVAL, dontneed(d.wire.sock, &all, 0));

	ASSERT_EQ(0, take_token(&d, &token));
	EXPECT_EQ(0, dontneed(e.wire.sock, &token, 1));
	EXPECT_EQ(0, dontneed(z.wire.sock, &token, 1));
	EXPECT_EQ(1, dontneed(d.wire.sock, &token, 1));
	EXPECT_EQ(0, dontneed(d.wire.sock, &token, 1));
	/* one that goes with its socket */
	ASSERT_EQ(0, take_token(&d, &token));

	udp = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT_EQ(-EBADF, dontneed(udp, &token, 1));
	close(udp);

	/* each refuses what the other has, while the other has it */
	EXPECT_EQ(-ENODEV, devmem_take(&z, 0));
	EXPECT_EQ(-EFAULT, zcrx_until_refused(&d, true));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "held"));
	ASSERT_EQ(0, devmem_more(&d, MIB));
	ASSERT_EQ(0, devmem_more(&e, MIB));
	EXPECT_EQ(RECEIVE_END, receive_all(&z.rx));
	EXPECT_EQ(STREAM_LEN, z.rx.bytes);
	EXPECT_EQ(0, d.dm.linear + e.dm.linear);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, wire_close(&d.wire));
	EXPECT_EQ(0, wire_close(&e.wire));
	EXPECT_EQ(0, wire_close(&z.wire));
}

#define EXITS	24

/* The ring ends in the middle of a stream, again and again. */
TEST_F_TIMEOUT(beside, ring_exits, TIMEOUT)
{
	struct conn d, z;
	unsigned int i;

	OPEN(&d, WIRE_V6, 10, ENDLESS);
	for (i = 0; i < EXITS; i++) {
		OPEN(&z, addr_of(i), 11, ENDLESS);
		ASSERT_EQ(0, zc_recv(&self->zc, z.rx.sock, 0, 0));
		ASSERT_EQ(RECEIVE_MORE, receive(&z.rx, 128 * KIB));
		ASSERT_EQ(0, devmem_more(&d, 128 * KIB));
		EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
		zc_close(&self->zc);
		ASSERT_EQ(0, devmem_more(&d, 128 * KIB))
			TH_LOG("round %u", i);
		ASSERT_EQ(0, queue_wait_free(self->ifindex, ZCRX_RXQ,
					     WIRE_PATIENCE_MS));
		EXPECT_EQ(0, wire_close(&z.wire));
		ASSERT_EQ(0, devmem_more(&d, 64 * KIB));
		ASSERT_EQ(0, open_zc(&self->zc, ZCRX_RXQ));
	}
	EXPECT_EQ(0, d.dm.linear);
	EXPECT_EQ(0, wire_close(&d.wire));
}

/* And the binding, which also cannot take the other's queue meanwhile. */
TEST_F_TIMEOUT(beside, binding_exits, TIMEOUT)
{
	struct conn d, z;
	struct zc other;
	unsigned int i;
	__u32 id;

	OPEN(&z, WIRE_V6, 13, ENDLESS);
	ASSERT_EQ(0, zc_recv(&self->zc, z.rx.sock, 0, 0));
	for (i = 0; i < EXITS; i++) {
		OPEN(&d, addr_of(i), 12, ENDLESS);
		ASSERT_EQ(0, devmem_more(&d, 128 * KIB));
		ASSERT_EQ(RECEIVE_MORE, receive(&z.rx, 128 * KIB));
		EXPECT_EQ(0, d.dm.linear);
		EXPECT_EQ(-EEXIST, netdev_bind_rx(self->ifindex, ZCRX_RXQ,
						  self->area.dmabuf_fd, &id));
		EXPECT_EQ(-EEXIST, open_zc(&other, DEVMEM_RXQ));
		close(self->binding);
		ASSERT_EQ(RECEIVE_MORE, receive(&z.rx, 128 * KIB))
			TH_LOG("round %u", i);
		ASSERT_EQ(0, queue_wait_free(self->ifindex, DEVMEM_RXQ,
					     WIRE_PATIENCE_MS));
		EXPECT_EQ(0, wire_close(&d.wire));
		ASSERT_EQ(RECEIVE_MORE, receive(&z.rx, 64 * KIB));
		self->binding = netdev_bind_rx(self->ifindex, DEVMEM_RXQ,
					       self->area.dmabuf_fd,
					       &self->dmabuf_id);
		ASSERT_LE(0, self->binding);
	}
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	/* the request holds the socket, so the ring has to go first */
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&z.wire));
	ASSERT_EQ(0, queue_wait_free(self->ifindex, ZCRX_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, open_zc(&self->zc, ZCRX_RXQ));
}

TEST_HARNESS_MAIN
