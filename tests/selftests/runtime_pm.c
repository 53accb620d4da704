// SPDX-License-Identifier: GPL-2.0
/*
 * Runtime power management: igb suspends a NIC some seconds after it has lost
 * its link, and a NIC that is suspended has no RX rings. Not while a queue is
 * bound and the interface up, since waking up could not make the ring anew.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define POWER		"/sys/class/net/" WIRE_IF "/device/power/"
/* igb waits 5 s */
#define SUSPEND_S	30

/* How many reasons there are to keep the NIC awake, or -1. */
static int usage(void)
{
	FILE *f = fopen(POWER "runtime_usage", "re");
	int n;

	if (!f || fscanf(f, "%d", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static bool is_suspended(void)
{
	FILE *f = fopen(POWER "runtime_status", "re");
	char status[32] = "";

	if (!f || !fgets(status, sizeof(status), f))
		perror("# runtime_status");
	if (f)
		fclose(f);
	return !strcmp(status, "suspended\n");
}

static bool wait_suspended(void)
{
	unsigned int tries;

	for (tries = 0; tries < 10 * SUSPEND_S && !is_suspended(); tries++)
		usleep(100 * 1000);
	return is_suspended();
}

FIXTURE(runtime_pm)
{
	unsigned int ifindex;
	struct live live;
	int unbound_usage;
};

FIXTURE_VARIANT(runtime_pm)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(runtime_pm, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(runtime_pm, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

FIXTURE_SETUP(runtime_pm)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, sh("echo auto >" POWER "control"));
	self->unbound_usage = usage();
	ASSERT_LE(0, self->unbound_usage);
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

FIXTURE_TEARDOWN(runtime_pm)
{
	struct live *live = &self->live;

	EXPECT_EQ(0, live_end(live));
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
	zc_close(&live->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(self->unbound_usage, usage());
	EXPECT_EQ(0, sh("echo on >" POWER "control"));
}

/* QEMU's link stays; that it would be lost makes no difference to this. */
TEST_F_TIMEOUT(runtime_pm, awake_while_bound, TIMEOUT)
{
	EXPECT_LT(self->unbound_usage, usage());
	/* it leaves nothing to be received */
	EXPECT_EQ(0, run(NIC_DOWN));
	EXPECT_EQ(self->unbound_usage, usage());
	EXPECT_EQ(0, live_run(&self->live, NIC_UP));
	EXPECT_LT(self->unbound_usage, usage());
	/* the sender tries the less often the longer it got no answer */
	EXPECT_EQ(0, live_receive(&self->live, MIB));
	EXPECT_EQ(0, live_run(&self->live, "ethtool -G eth0 rx 512"));
	EXPECT_EQ(0, live_receive(&self->live, MIB));
	EXPECT_EQ(0, live_run(&self->live, "ethtool -G eth0 rx 256"));
	EXPECT_EQ(self->unbound_usage + 1, usage());
}

/* The binding outlasts it, and so does the stream. */
TEST_F_TIMEOUT(runtime_pm, suspended_while_down, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, run(NIC_DOWN));
	EXPECT_TRUE(wait_suspended());
	ASSERT_EQ(0, run(NIC_UP));
	EXPECT_FALSE(is_suspended());
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, live_receive(live, MIB));
}

/* Closing a ring does not need the NIC awake. */
TEST_F_TIMEOUT(runtime_pm, closed_while_suspended, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, run(NIC_DOWN));
	EXPECT_TRUE(wait_suspended());
	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, run(NIC_UP));
	EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex, WIRE_RXQ));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
	EXPECT_EQ(0, live_receive(live, MIB));
}

/* The interface is down: it is woken up to see that, and sleeps on. */
TEST_F_TIMEOUT(runtime_pm, refused_while_suspended, TIMEOUT)
{
	struct live *live = &self->live;
	struct zc zc;

	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, run(NIC_DOWN));
	EXPECT_TRUE(wait_suspended());
	EXPECT_EQ(-ENETDOWN, wire_register(&zc, variant->kind, MIB));
	EXPECT_TRUE(wait_suspended());
	EXPECT_EQ(self->unbound_usage, usage());
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, run(NIC_UP));
	EXPECT_EQ(QUEUE_PAGES, queue_provider(self->ifindex, WIRE_RXQ));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
	EXPECT_EQ(0, live_receive(live, MIB));
}

TEST_HARNESS_MAIN
