// SPDX-License-Identifier: GPL-2.0
/*
 * What a TCP peer may do: come with a cookie or with early data, find the
 * window shut, end one direction, reset. All that it sent before has to come,
 * and then the request ends as the connection did.
 */
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "kselftest_harness.h"

#include "lib/counters.h"
#include "lib/senders.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "tcp.h"

#define TIMEOUT		60
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define SYSCTL		"/proc/sys/net/ipv4/"

static struct stream stream;

FIXTURE(connection)
{
	struct zc zc;
	struct wire wire;
	struct receiver rx;
};

FIXTURE_VARIANT(connection)
{
	const char *addr;
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(connection, v4_user)
{
	.addr = WIRE_V4,
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(connection, v6_user)
{
	.addr = WIRE_V6,
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(connection, v4_udmabuf)
{
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(connection, v6_udmabuf)
{
	.addr = WIRE_V6,
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(connection)
{
	stream_init(&stream, 13);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(connection)
{
	zc_close(&self->zc);
}

TEST_F_TIMEOUT(connection, syn_cookies, TIMEOUT)
{
	__s64 before = counter_tcp("SyncookiesRecv");

	ASSERT_LE(0, before);
	/* always, not only under a flood */
	ASSERT_EQ(0, sh("echo 2 >" SYSCTL "tcp_syncookies"));
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, MIB,
			       false));
	EXPECT_EQ(0, sh("echo 1 >" SYSCTL "tcp_syncookies"));
	EXPECT_EQ(before + 1, counter_tcp("SyncookiesRecv"));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(MIB, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, MIB);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/*
 * The first bytes come with the SYN: its payload is split off and lies in a
 * buffer like that of any segment.
 */
TEST_F_TIMEOUT(connection, fast_open, TIMEOUT)
{
	__s64 before = counter_tcp("TCPFastOpenPassive");

	ASSERT_LE(0, before);
	ASSERT_EQ(0, set_fast_open(true));
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, MIB,
				    false, send_fast_open));
	EXPECT_EQ(0, set_fast_open(false));
	EXPECT_EQ(before + 1, counter_tcp("TCPFastOpenPassive"));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(MIB, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, MIB);
	EXPECT_EQ(0, wire_close(&self->wire));
}

static int wait_for_tcp(const char *counter, __s64 least)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited++) {
		if (counter_tcp(counter) >= least)
			return 0;
		nanosleep(&ms, NULL);
	}
	return -ETIMEDOUT;
}

/* The reader pauses until the window is shut, and longer. */
TEST_F_TIMEOUT(connection, zero_window, TIMEOUT)
{
	/* more than it takes for the first probes */
	const struct timespec longer = { .tv_nsec = 500000000 };
	const __u64 len = 8 * MIB;
	__s64 before = counter_tcp("TCPToZeroWindowAdv");
	unsigned int i;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, len,
			       false));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, 0, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, wait_for_tcp("TCPToZeroWindowAdv", before + 1));
		nanosleep(&longer, NULL);
		before = counter_tcp("TCPToZeroWindowAdv");
		ASSERT_EQ(RECEIVE_MORE, receive(&self->rx, MIB));
	}
	ASSERT_EQ(RECEIVE_END, receive(&self->rx, 2 * len));
	EXPECT_EQ(len, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, len);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* The peer has said all, and then listens. */
TEST_F_TIMEOUT(connection, half_close, TIMEOUT)
{
	static char answer[ANSWER_LEN];

	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, MIB,
				    false, send_and_check_answer));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&self->rx));
	EXPECT_EQ(MIB, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, MIB);

	stream_fill(&stream, ANSWER_FROM, answer, sizeof(answer));
	EXPECT_EQ(0, tcp_send_all(self->wire.sock, answer, sizeof(answer)));
	/* 0 only if the answer was right */
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* The peer resets the connection while the request waits for more. */
TEST_F_TIMEOUT(connection, reset_while_waiting, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, MIB,
				    false, send_and_reset_when_told));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(0, zc_recv(&self->zc, self->wire.sock, 0, 0));
	ASSERT_EQ(RECEIVE_MORE, receive(&self->rx, MIB));
	ASSERT_EQ(1, send(self->wire.sock, "r", 1, 0));
	EXPECT_EQ(-ECONNRESET, receive(&self->rx, 1));
	EXPECT_EQ(MIB, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, MIB);
	EXPECT_EQ(0, wire_close(&self->wire));
}

static int wait_for_reset(int sock)
{
	struct pollfd p = { .fd = sock };
	int ret = poll(&p, 1, WIRE_PATIENCE_MS);

	return ret == 1 && p.revents & POLLERR ? 0 : -ETIMEDOUT;
}

/* What has come before the reset is delivered, and then the reset is told. */
TEST_F_TIMEOUT(connection, reset_before_reading, TIMEOUT)
{
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    RESET_LEN, false,
				    send_and_reset_when_told));
	self->rx.sock = self->wire.sock;
	ASSERT_EQ(1, send(self->wire.sock, "r", 1, 0));
	ASSERT_EQ(0, wait_for_reset(self->wire.sock));
	EXPECT_EQ(-ECONNRESET, receive_all(&self->rx));
	EXPECT_EQ(RESET_LEN, self->rx.bytes);
	EXPECT_ZERO_COPY(&self->zc, RESET_LEN);
	EXPECT_EQ(0, wire_close(&self->wire));
}

TEST_HARNESS_MAIN
