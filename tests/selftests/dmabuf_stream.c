// SPDX-License-Identifier: GPL-2.0
/*
 * One stream, over one connection, that meets each reason to be copied in turn, and
 * comes straight at last. It completes, and the counts of bytes are exact.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/bpf.h"
#include "lib/copies.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define AREA_LEN	(16 * 1024 * 1024)
#define OTHER_RXQ	0

/* What the peer sends, each when it is told to, but for what the SYN has. */
enum { SYN, EARLY, URGENT, BY_QUEUE, UNSPLIT, BY_DEVICE, STRAIGHT, PHASES };

static const __u64 phase_len[PHASES] = {
	[SYN]		= 1000,
	[EARLY]		= 20000,
	/* one segment: of more, the first could leave before there is a mark */
	[URGENT]	= 1000,
	[BY_QUEUE]	= 200000,
	[UNSPLIT]	= 200000,
	[BY_DEVICE]	= 200000,
	[STRAIGHT]	= 500000,
};

static struct stream stream;

static __u64 stream_len(void)
{
	__u64 len = 0;
	int i;

	for (i = 0; i < PHASES; i++)
		len += phase_len[i];
	return len;
}

/* For wire_open_with(). */
static int send_in_phases(void *arg)
{
	static char buf[512 * 1024];
	const struct peer_send *job = arg;
	__u64 off = phase_len[SYN];
	int fd = tcp_open(job->addr);
	int i, flags;
	char go;

	stream_fill(job->stream, 0, buf, off);
	if (fd < 0 ||
	    tcp_fast_open(fd, job->addr, job->port, buf, off) != (ssize_t)off)
		return 1;
	for (i = EARLY; i < PHASES; i++) {
		ssize_t n;
		size_t done;

		if (recv(fd, &go, 1, 0) != 1)
			return 1;
		stream_fill(job->stream, off, buf, phase_len[i]);
		flags = MSG_NOSIGNAL | (i == URGENT ? MSG_OOB : 0);
		for (done = 0; done < phase_len[i]; done += n) {
			n = send(fd, buf + done, phase_len[i] - done, flags);
			if (n < 0)
				return 1;
		}
		off += done;
	}
	shutdown(fd, SHUT_WR);
	return recv(fd, &go, 1, 0) == 0 ? 0 : 1;
}

FIXTURE(stream)
{
	unsigned int ifindex;
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(stream)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(stream, udmabuf) { .kind = AREA_UDMABUF };
FIXTURE_VARIANT_ADD(stream, heap) { .kind = AREA_HEAP };
FIXTURE_VARIANT_ADD(stream, user) { .kind = AREA_USER };

/* The peer's way to here leads by another device, or by the NIC. */
static int lead_around(bool around)
{
	if (!around)
		return sh("ip link del around");
	return sh("ip link add around type veth peer name around netns peer && "
		  "ip link set around up && ip -n peer link set around up && "
		  "ip -n peer route add " WIRE_V4 "/32 dev around");
}

FIXTURE_SETUP(stream)
{
	int ret;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 75);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	ASSERT_EQ(0, nic_steer(WIRE_IF, OTHER_RXQ));
	ASSERT_EQ(0, set_fast_open(true));
	ret = wire_open_with(&self->wire, WIRE_V4, &stream, stream_len(),
			     false, send_in_phases);
	EXPECT_EQ(0, set_fast_open(false));
	ASSERT_EQ(0, ret);
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(stream)
{
	/* it is there if a phase failed */
	sh("ip link del around 2>/dev/null || :");
	EXPECT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/*
 * What comes in is taken for packets of the ring's queue that the NIC did not split.
 * igb drops those. Returns what detaches it when it is closed, or -errno.
 */
static int pretend_unsplit(unsigned int ifindex)
{
	const struct bpf_insn insn[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2,
		  .imm = WIRE_RXQ + 1 },
		{ .code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_REG_2,
		  .off = offsetof(struct __sk_buff, queue_mapping) },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0,
		  .imm = TCX_NEXT },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_attach(ifindex, BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS,
			  insn, ARRAY_SIZE(insn));
}

/* Lets the peer send what is next, and receives just that. Returns 0 or -errno. */
static int receive_phase(struct receiver *rx, const struct wire *wire, int phase)
{
	__u64 until = rx->bytes + phase_len[phase];
	int ret = copies_go(wire);

	if (!ret)
		ret = receive(rx, phase_len[phase]);
	if (ret)
		return ret < 0 ? ret : -EPIPE;
	return rx->bytes == until ? 0 : -EPROTO;
}

TEST_F_TIMEOUT(stream, each_reason_in_turn, TIMEOUT)
{
	struct receiver *rx = &self->rx;
	struct copies copies = {};
	int link;

	/* a request for no more than the SYN brought */
	ASSERT_EQ(0, wire_wait_backlog(rx->sock, phase_len[SYN]));
	ASSERT_EQ(0, zc_recv(&self->zc, rx->sock, phase_len[SYN], 0));
	ASSERT_EQ(RECEIVE_END, receive(rx, UINT64_MAX));
	copies.fastopen = phase_len[SYN];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	ASSERT_EQ(0, copies_go(&self->wire));
	ASSERT_EQ(0, wire_wait_backlog(rx->sock, phase_len[EARLY]));
	ASSERT_EQ(0, zc_recv(&self->zc, rx->sock, 0, 0));
	ASSERT_EQ(RECEIVE_MORE, receive(rx, phase_len[EARLY]));
	copies.early = phase_len[EARLY];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	ASSERT_EQ(0, receive_phase(rx, &self->wire, URGENT));
	copies.urgent = phase_len[URGENT];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	ASSERT_EQ(0, receive_phase(rx, &self->wire, BY_QUEUE));
	copies.queue = phase_len[BY_QUEUE];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	link = pretend_unsplit(self->ifindex);
	ASSERT_LE(0, link);
	ASSERT_EQ(0, receive_phase(rx, &self->wire, UNSPLIT));
	close(link);
	copies.unsplit = phase_len[UNSPLIT];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	ASSERT_EQ(0, lead_around(true));
	ASSERT_EQ(0, receive_phase(rx, &self->wire, BY_DEVICE));
	ASSERT_EQ(0, lead_around(false));
	copies.device = phase_len[BY_DEVICE];
	EXPECT_TRUE(copies_are(&self->zc, copies));

	ASSERT_EQ(0, nic_steer(WIRE_IF, WIRE_RXQ));
	ASSERT_EQ(0, copies_go(&self->wire));
	ASSERT_EQ(RECEIVE_END, receive(rx, UINT64_MAX - rx->bytes));
	EXPECT_TRUE(copies_are(&self->zc, copies));
	EXPECT_EQ(phase_len[STRAIGHT], zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(stream_len(), rx->bytes);
	EXPECT_EQ(stream_len() - phase_len[STRAIGHT],
		  zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
}

TEST_HARNESS_MAIN
