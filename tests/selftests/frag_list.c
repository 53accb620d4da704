// SPDX-License-Identifier: GPL-2.0
/*
 * What one skb cannot hold in its own frags, GRO chains behind it: a frag_list.
 * A request with a limit may end anywhere in it, and the next request goes on
 * with the next byte. Such skbs are never merged in the socket, so a known
 * number of them can be queued there.
 *
 * That a burst came as one skb, and so has a frag_list, shows in what the
 * kernel counts: of the packets that IP took in, all but one were no data of
 * this connection, while TCP took more segments of data than an skb has frags.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/burst.h"
#include "lib/counters.h"
#include "lib/nic.h"
#include "lib/recv.h"
#include "lib/sh.h"
#include "queue.h"

#define TIMEOUT		300
#define KIB		1024
#define MIB		(1024 * KIB)
#define AREA_LEN	(64 * MIB)
#define SEGMENT		1460U	/* payload, with no timestamp at an MTU of 1500 */
/* frags of an skb, and how many the longest burst here would need */
#define FRAGS		17U
#define SEGMENTS	40U
/* The first bursts are cut by the window of a new connection. */
#define WARM_UP		20
/* A burst that two polls of the NIC took is sent anew so often. */
#define TRIES		100

/* More than two passes of a request over a socket take. */
#define SKBS		100U
#define PASS_SKBS	32U

#define SYSFS		"/sys/class/net/" WIRE_IF "/"
#define SYSCTL		"/proc/sys/net/"
#define TCP_RMEM	SYSCTL "ipv4/tcp_rmem"

static struct stream stream;

/* A connection that brings a burst when it is asked to. */
struct fixture {
	struct zc zc;
	struct bursts bursts;
	struct receiver rx;
	__u64 sent;
	char rmem[64];	/* as it was */
};

/*
 * A burst is to come as one skb: GRO waits for more across polls, and not for
 * long. TCP makes two of it where a millisecond ends, since timestamps differ
 * from there on, and probes while an acknowledgment waits with GRO. The window
 * has to take all of it, and a segment takes a page.
 */
static int keep_whole(bool yes, const char *rmem)
{
	return sh("echo %u >" SYSFS "gro_flush_timeout && "
		  "echo %u >" SYSFS "napi_defer_hard_irqs && "
		  "echo %s >" TCP_RMEM " && "
		  "echo %u >" SYSCTL "ipv4/tcp_timestamps && "
		  "ip netns exec peer sh -c "
		  "'echo %u >" SYSCTL "ipv4/tcp_early_retrans'",
		  yes ? 20000000 : 0, yes ? 10 : 0,
		  yes ? "4096 33554432 33554432" : rmem, !yes, yes ? 0 : 3);
}

/* Without the end of the line. */
static int read_line(const char *path, char *line, int len)
{
	FILE *f = fopen(path, "re");
	int ret;

	if (!f)
		return -errno;
	ret = fgets(line, len, f) ? 0 : -EIO;
	fclose(f);
	if (!ret)
		line[strcspn(line, "\n")] = 0;
	return ret;
}

static int frags_of_an_skb(void)
{
	char line[32];

	if (read_line(SYSCTL "core/max_skb_frags", line, sizeof(line)))
		return -1;
	return atoi(line);
}

/* Whether the CPU copies payload from the kernel's memory, or not. */
static int open_ring(struct zc *zc, bool copied)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = AREA_LEN,
	};

	return copied ? zc_open(zc, &cfg) :
			wire_bind(zc, AREA_USER, AREA_LEN);
}

/* What was received by now: of the machine, and of the connection. */
struct received {
	__s64 packets;		/* of IP, as GRO made them */
	__u32 segments;
	__u32 data_segments;
};

static int count(int sock, struct received *n)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	if (getsockopt(sock, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -errno;
	n->packets = counter_stack("Ip:InReceives");
	n->segments = info.tcpi_segs_in;
	n->data_segments = info.tcpi_data_segs_in;
	return n->packets < 0 ? -ENOENT : 0;
}

/* Returns 1 if the burst came as one skb, 0 if not, or -errno. */
static int next_burst(struct fixture *f)
{
	struct received before, after;
	struct burst_clock unused;
	__u32 others;
	int ret;

	ret = count(f->rx.sock, &before);
	if (!ret)
		ret = burst_ask(&f->bursts, 0, &unused);
	if (ret)
		return ret;
	f->sent += f->bursts.len;
	ret = wire_wait_backlog(f->rx.sock, f->sent - f->rx.bytes);
	if (!ret)
		ret = count(f->rx.sock, &after);
	if (ret)
		return ret;

	after.segments -= before.segments;
	after.data_segments -= before.data_segments;
	others = after.segments - after.data_segments;
	return after.data_segments == f->bursts.len / SEGMENT &&
	       after.packets - before.packets - others == 1;
}

/* A request for so many bytes: it ends with the last of them, and well. */
static int receive_limited(struct fixture *f, __u32 len)
{
	const __u64 want = f->rx.bytes + len;
	union recv_cqe c = {};
	int ret = zc_recv(&f->zc, f->rx.sock, len, f->rx.id);

	if (!ret)
		ret = recv_until(&f->rx, &c);
	if (ret)
		return ret;
	if (c.cqe.res || c.cqe.flags || c.cqe.user_data != f->rx.id)
		return -EPROTO;
	if (f->rx.bytes == want)
		return 0;
	fprintf(stderr, "# %lld bytes beyond a limit of %u\n",
		(long long)(f->rx.bytes - want), len);
	return -EOVERFLOW;
}

/* All that is there, by one request. */
static int receive_rest(struct fixture *f)
{
	return receive_limited(f, f->sent - f->rx.bytes);
}

/* Until the sender's window lets a whole burst through. */
static int warm_up(struct fixture *f)
{
	int i, ret = 0;

	for (i = 0; i < WARM_UP && ret >= 0; i++) {
		ret = next_burst(f);
		if (ret >= 0)
			ret = receive_rest(f);
	}
	return ret;
}

static int open_all(struct fixture *f, bool copied, unsigned int segments)
{
	int ret = read_line(TCP_RMEM, f->rmem, sizeof(f->rmem));

	/* or there would be no frag_list */
	if (!ret && frags_of_an_skb() != FRAGS)
		ret = -EDOM;
	if (!ret)
		ret = keep_whole(true, NULL);
	if (!ret)
		ret = open_ring(&f->zc, copied);
	if (ret)
		return ret;
	stream_init(&stream, 44);
	f->bursts = (struct bursts) {
		.stream = &stream,
		.len = segments * SEGMENT,
		.nr = 1,
	};
	ret = bursts_open(&f->bursts);
	if (ret)
		return ret;
	f->sent = 0;
	f->rx = (struct receiver) {
		.zc = &f->zc,
		.sock = f->bursts.sock[0],
		.id = 1,
		.stream = &stream,
	};
	return warm_up(f);
}

/* A burst that came as one skb is in the socket, and nothing else. */
static int whole_burst(struct fixture *f, unsigned int *tries)
{
	unsigned int i;
	int ret;

	for (i = 0; i < TRIES; i++) {
		ret = next_burst(f);
		++*tries;
		if (ret)
			return ret < 0 ? ret : 0;
		ret = receive_rest(f);
		if (ret)
			return ret;
	}
	return -EAGAIN;
}

FIXTURE(frag_list)
{
	struct fixture f;
};

FIXTURE_VARIANT(frag_list)
{
	bool copied;
};

FIXTURE_VARIANT_ADD(frag_list, uncopied) { };
FIXTURE_VARIANT_ADD(frag_list, copied) { .copied = true };

FIXTURE_SETUP(frag_list)
{
	ASSERT_EQ(0, open_all(&self->f, variant->copied, SEGMENTS));
}

FIXTURE_TEARDOWN(frag_list)
{
	struct fixture *f = &self->f;
	const __u64 copied = variant->copied ? f->rx.bytes : 0;

	EXPECT_EQ(f->sent, f->rx.bytes);
	EXPECT_EQ(copied, zc_fdinfo(&f->zc, "copied"));
	EXPECT_EQ(f->rx.bytes - copied, zc_fdinfo(&f->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&f->zc, "invalid"));
	EXPECT_EQ(0, bursts_close(&f->bursts));
	zc_close(&f->zc);
	EXPECT_EQ(0, keep_whole(false, f->rmem));
}

/* Where the chain's first skb ends and the next begins, and each segment. */
static __u32 next_limit(__u32 limit)
{
	const __u32 to_end = SEGMENT - limit % SEGMENT;
	const __u32 step = 499;

	if (to_end == SEGMENT || to_end == 1)
		return limit + 1;
	return limit + (to_end - 1 < step ? to_end - 1 : step);
}

TEST_F_TIMEOUT(frag_list, every_limit, TIMEOUT)
{
	struct fixture *f = &self->f;
	unsigned int tries = 0, nr = 0;
	__u32 limit;

	for (limit = 1; limit < SEGMENTS * SEGMENT; limit = next_limit(limit)) {
		ASSERT_EQ(0, whole_burst(f, &tries))
			TH_LOG("no burst came as one skb");
		ASSERT_EQ(0, receive_limited(f, limit))
			TH_LOG("limit %u", limit);
		ASSERT_EQ(0, receive_rest(f))
			TH_LOG("behind a limit of %u", limit);
		nr++;
	}
	TH_LOG("%u limits, %u bursts", nr, tries);
}

/* One burst, many requests: each goes on in the middle of the chain. */
TEST_F_TIMEOUT(frag_list, many_limits, TIMEOUT)
{
	static const __u32 piece[] = {
		1, SEGMENT - 1, SEGMENT + 1, 700, 2 * SEGMENT, 5000,
	};
	struct fixture *f = &self->f;
	unsigned int i, tries = 0;

	for (i = 0; i < ARRAY_SIZE(piece); i++) {
		ASSERT_EQ(0, whole_burst(f, &tries));
		/* of the smallest, only some around the chain's begin */
		if (piece[i] == 1)
			ASSERT_EQ(0, receive_limited(f, FRAGS * SEGMENT - 9));
		while (f->sent - f->rx.bytes > piece[i] &&
		       (piece[i] != 1 ||
			f->sent - f->rx.bytes > f->bursts.len -
						FRAGS * SEGMENT - 9))
			ASSERT_EQ(0, receive_limited(f, piece[i]))
				TH_LOG("pieces of %u", piece[i]);
		ASSERT_EQ(0, receive_rest(f))
			TH_LOG("behind pieces of %u", piece[i]);
	}
}

/*
 * More skbs in the socket than a request takes in one pass, or in two, and
 * nobody sends any more: nothing wakes the request for those that are left.
 */
FIXTURE(queued)
{
	struct fixture f;
	unsigned int skbs;
};

FIXTURE_VARIANT(queued)
{
	bool copied;
};

FIXTURE_VARIANT_ADD(queued, uncopied) { };
FIXTURE_VARIANT_ADD(queued, copied) { .copied = true };

#define QUEUED_SEGMENTS	(FRAGS + 2)
/* A segment takes a page, of the window too, and what describes it. */
#define QUEUED_MAX	(8 * MIB)

FIXTURE_SETUP(queued)
{
	struct fixture *f = &self->f;
	int ret = 0;

	ASSERT_EQ(0, open_all(f, variant->copied, QUEUED_SEGMENTS));
	self->skbs = 0;
	while (ret >= 0 && self->skbs < SKBS && f->sent < QUEUED_MAX) {
		ret = next_burst(f);
		self->skbs += ret > 0;
	}
	ASSERT_LE(0, ret);
	ASSERT_EQ(SKBS, self->skbs);
}

FIXTURE_TEARDOWN(queued)
{
	struct fixture *f = &self->f;

	EXPECT_EQ(f->sent, f->rx.bytes);
	EXPECT_QUIET(&f->zc);
	EXPECT_EQ(0, zc_fdinfo(&f->zc, "invalid"));
	EXPECT_EQ(0, bursts_close(&f->bursts));
	zc_close(&f->zc);
	EXPECT_EQ(0, keep_whole(false, f->rmem));
}

TEST_F_TIMEOUT(queued, one_request_takes_all, TIMEOUT)
{
	struct fixture *f = &self->f;

	ASSERT_EQ(0, zc_recv(&f->zc, f->rx.sock, 0, f->rx.id));
	ASSERT_EQ(0, recv_bytes(&f->rx, f->sent - f->rx.bytes))
		TH_LOG("%llu of %llu bytes came", f->rx.bytes, f->sent);
}

/* The limit is the last byte that is there, so it does not wait for more. */
TEST_F_TIMEOUT(queued, one_with_a_limit, TIMEOUT)
{
	struct fixture *f = &self->f;

	ASSERT_EQ(0, receive_rest(f));
}

/* It ends in the frag_list of the first skb that another pass takes. */
TEST_F_TIMEOUT(queued, limit_in_the_next_pass, TIMEOUT)
{
	const __u32 len = QUEUED_SEGMENTS * SEGMENT;
	struct fixture *f = &self->f;

	ASSERT_EQ(0, receive_limited(f, PASS_SKBS * len + len - 1));
	ASSERT_EQ(0, receive_limited(f, 1));
	ASSERT_EQ(0, receive_limited(f, 2 * PASS_SKBS * len - SEGMENT));
	ASSERT_EQ(0, receive_rest(f));
}

TEST_HARNESS_MAIN
