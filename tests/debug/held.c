// SPDX-License-Identifier: GPL-2.0
/*
 * A ring lets go of its ifq, its queue cannot be restarted at once, and frames come
 * in meanwhile: not into what the program holds.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/await.h"
#include "lib/counters.h"
#include "lib/pins.h"
#include "lib/rawflood.h"
#include "lib/recv.h"
#include "lib/sh.h"
#include "../debug/lib/fault.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		300
#define MIB		(1024 * 1024ULL)
#define NOTICE		0x90e
/* Of 512 buffers some are held, and the socket has the others, but for a few. */
#define AREA_LEN	(2 * MIB)
#define HELD		120
#define SETTLED_MS	2000
/* The window goes by the room at its first segment: so all sockets have it. */
#define RCVBUF		(16 * 1024 * 1024)
#define TCP_RMEM	"/proc/sys/net/ipv4/tcp_rmem"
#define BEFORE		"/tmp/tcp_rmem"
#define ENDLESS		(1024 * 1024 * MIB)

static struct stream stream;
static __s64 resets;

FIXTURE(held)
{
	unsigned int ifindex;
	struct zc zc;
	struct wire wire;
	union recv_cqe held[HELD];
};

FIXTURE_VARIANT(held)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(held, user) { AREA_USER };
FIXTURE_VARIANT_ADD(held, heap) { AREA_HEAP };

FIXTURE_SETUP(held)
{
	ASSERT_EQ(0, fault_open());
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 86);
	ASSERT_EQ(0, sh("cat " TCP_RMEM " >" BEFORE " && "
			"echo 4096 %d %d >" TCP_RMEM, RCVBUF, RCVBUF));
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, ENDLESS, true));
}

FIXTURE_TEARDOWN(held)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, sh("cat " BEFORE " >" TCP_RMEM));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	fault_close();
}

/* The NIC wants buffers, and there are none. */
static bool starves(struct zc *zc)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (zc_fdinfo_queue(zc, WIRE_RXQ, "starving") == 1 &&
		    zc_fdinfo(zc, "free") == 0)
			return true;
		nanosleep(&ms10, NULL);
	}
	return false;
}

/*
 * Until nothing comes any more: what the NIC still has is the socket's then, and would
 * be written to first. Returns how many bytes wait in the socket.
 */
static int settle(int sock)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int waited, last = 0, now = 0;

	for (waited = 0; waited < SETTLED_MS; waited += 10) {
		if (ioctl(sock, SIOCINQ, &now))
			return -errno;
		if (now != last)
			waited = 0;
		last = now;
		nanosleep(&ms10, NULL);
	}
	return now;
}

/* Once the queue has buffers, each of these frames is answered. */
static long floods(void)
{
	return counter_stack("Tcp:OutRsts") > resets;
}

TEST_F_TIMEOUT(held, stays_as_it_is, TIMEOUT)
{
	struct zc *zc = &self->zc;
	unsigned int i, wrong = 0;
	union recv_cqe c;
	/* the stream's sender waits ever longer, and the queue for 0.1 s */
	struct raw_flood flood = { .len = 1024, .every_us = 1000 };
	pid_t flooder;
	__u64 off = 0;
	size_t bad;

	/* what nobody reads takes the rest of the area */
	ASSERT_EQ(0, zc_recv(zc, self->wire.sock, 0, 0));
	for (i = 0; i < HELD; i++) {
		ASSERT_EQ(0, recv_next(zc, &self->held[i], WIRE_PATIENCE_MS));
		ASSERT_EQ(IORING_CQE_F_MORE, self->held[i].cqe.flags);
	}
	ASSERT_TRUE(starves(zc));
	ASSERT_LT(0, settle(self->wire.sock));

	resets = counter_stack("Tcp:OutRsts");
	flooder = peer_start(raw_flood, &flood);
	ASSERT_LT(0, flooder);
	/* it has to have begun */
	usleep(500000);

	ASSERT_EQ(0, fault_arm("netdev_rx_queue_restart", 1));
	EXPECT_EQ(0, zc_unregister(zc, NOTICE));
	EXPECT_TRUE(fault_disarm());
	/* it is tried again soon, on a loaded machine before one can look */
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	/* there were such frames */
	EXPECT_EQ(1, await(floods, 1, WIRE_PATIENCE_MS));
	kill(flooder, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, peer_wait(flooder));
	for (i = 0; i < HELD; i++) {
		__u32 len = self->held[i].cqe.res;

		wrong += !stream_check(&stream, off,
				       zc_data(zc, &self->held[i].cqe), len,
				       &bad);
		off += len;
	}
	EXPECT_EQ(0, wrong);

	/* the request has the socket until it has ended */
	do {
		ASSERT_EQ(0, recv_next(zc, &c, WIRE_PATIENCE_MS));
	} while (c.cqe.flags & IORING_CQE_F_MORE);
	EXPECT_EQ(-ECANCELED, c.cqe.res)
		TH_LOG("user_data %llx", (unsigned long long)c.cqe.user_data);
	/* what it has was never copied, and keeps the ifq */
	EXPECT_QUIET(zc);
	EXPECT_EQ(0, wire_close(&self->wire));
	ASSERT_EQ(0, recv_next(zc, &c, WIRE_PATIENCE_MS));
	EXPECT_EQ(NOTICE, c.cqe.user_data);
}

TEST_HARNESS_MAIN
