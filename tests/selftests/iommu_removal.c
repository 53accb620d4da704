// SPDX-License-Identifier: GPL-2.0
/*
 * The IOMMU as judge when the NIC goes in the middle of a stream: its driver is
 * taken off it, it is unplugged, the module is unloaded. No device reaches the
 * area then, though the ring stays, nor does the NIC that comes back. One that
 * only moves to another network namespace goes on reaching it, until the ring
 * goes.
 *
 * unplug.c sees what becomes of the stream.
 */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/judge.h"
#include "lib/live.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define PAGE		4096
#define AREA_PAGES	(LIVE_AREA / PAGE)

/* What brings it back, once there is a NIC: tests/vm/nic-set-up. */
#define SET_UP		"nic-set-up"
#define SET_UP_PEER	"nic-set-up peer"

#define UNBIND	"echo %s >/sys/bus/pci/drivers/igb/unbind"
#define BIND	"echo %s >/sys/bus/pci/drivers/igb/bind"
#define REMOVE	"echo 1 >/sys/bus/pci/devices/%s/remove"
#define RESCAN	"echo 1 >/sys/bus/pci/rescan"
#define MOVE	"set -e; ip netns add other; " \
		"ip link set eth0 netns other; " \
		"ip -n other link set eth0 up"
#define BACK	"ip netns del other; " SET_UP

FIXTURE(removal)
{
	struct live live;
	struct judge judge;
	char slot[32];	/* the NIC's PCI address */
};

FIXTURE_VARIANT(removal)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(removal, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(removal, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(removal)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot, sizeof(self->slot)));
	ASSERT_EQ(0, live_open(&self->live, variant->kind, WIRE_V4));
	ASSERT_EQ(0, judge_open(&self->judge, &self->live.zc.areas[0]));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	/* the stream is in full flow */
	ASSERT_EQ(0, live_receive(&self->live, MIB));
}

FIXTURE_TEARDOWN(removal)
{
	struct wire *wire = &self->live.wire;

	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	judge_close(&self->judge);
	close(wire->sock);
	kill(wire->peer, SIGKILL);
	peer_wait(wire->peer);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
}

/* The NIC went: none reaches the area, at once. The ring still has it. */
#define EXPECT_OUT_OF_REACH()						\
	do {								\
		EXPECT_EQ(0, judge_mapped(&self->judge));		\
		EXPECT_LT(0, pins_now());				\
	} while (0)

TEST_F_TIMEOUT(removal, unbind, TIMEOUT)
{
	ASSERT_EQ(0, sh(UNBIND, self->slot));
	EXPECT_OUT_OF_REACH();
	ASSERT_EQ(0, sh(BIND, self->slot));
	ASSERT_EQ(0, run(SET_UP));
	EXPECT_OUT_OF_REACH();
	zc_close(&self->live.zc);
}

TEST_F_TIMEOUT(removal, hot_unplug, TIMEOUT)
{
	ASSERT_EQ(0, sh(REMOVE, self->slot));
	EXPECT_EQ(0, if_nametoindex(WIRE_IF));
	EXPECT_OUT_OF_REACH();
	ASSERT_EQ(0, run(RESCAN " && " SET_UP));
	EXPECT_OUT_OF_REACH();
	zc_close(&self->live.zc);
}

/* The ring goes while there is no NIC. */
TEST_F_TIMEOUT(removal, closed_without_nic, TIMEOUT)
{
	ASSERT_EQ(0, sh(REMOVE, self->slot));
	EXPECT_OUT_OF_REACH();
	zc_close(&self->live.zc);
	EXPECT_EQ(0, judge_mapped(&self->judge));
	ASSERT_EQ(0, run(RESCAN " && " SET_UP));
}

/* All of the driver goes, and with it the peer's NIC. */
TEST_F_TIMEOUT(removal, rmmod, TIMEOUT)
{
	ASSERT_EQ(0, sh("rmmod igb"));
	EXPECT_OUT_OF_REACH();
	ASSERT_EQ(0, run("modprobe igb && " SET_UP_PEER " && " SET_UP));
	EXPECT_OUT_OF_REACH();
	zc_close(&self->live.zc);
}

TEST_F_TIMEOUT(removal, netns, TIMEOUT)
{
	ASSERT_EQ(0, run(MOVE));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	ASSERT_EQ(0, run(BACK));
	EXPECT_EQ(AREA_PAGES, judge_mapped(&self->judge));
	zc_close(&self->live.zc);
}

/* The ring goes while the NIC is elsewhere. */
TEST_F_TIMEOUT(removal, closed_in_netns, TIMEOUT)
{
	ASSERT_EQ(0, run(MOVE));
	zc_close(&self->live.zc);
	EXPECT_EQ(0, judge_wait_unmapped(&self->judge, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, run(BACK));
}

TEST_HARNESS_MAIN
