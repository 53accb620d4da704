// SPDX-License-Identifier: GPL-2.0
/*
 * The bus reports an error of the NIC while a stream comes in on a queue of it that
 * is bound. The driver stops; if the bus recovers, it goes on, and so do the binding
 * and the stream. If it does not, the NIC can still be let go.
 *
 * tests/kernel/zcrx_pci_error.c takes the steps of recovery.
 */
#include <net/if.h>
#include <string.h>
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
#define STEPS		"/sys/module/zcrx_pci_error/parameters/"

FIXTURE(pci_error)
{
	unsigned int ifindex;
	char slot[32];	/* the NIC's PCI address */
	struct live live;
};

FIXTURE_VARIANT(pci_error)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(pci_error, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(pci_error, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

static int step(const char *slot, const char *name)
{
	return sh("echo %s >" STEPS "%s", slot, name);
}

static int recover(const char *slot)
{
	return step(slot, "slot_reset") || step(slot, "resume");
}

FIXTURE_SETUP(pci_error)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, sh("modprobe zcrx_pci_error"));
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_pci_address(WIRE_IF, self->slot, sizeof(self->slot)));
	ASSERT_EQ(0, live_open(&self->live, variant->kind, variant->addr));
}

/* The stream goes on to its end, on the queue. */
FIXTURE_TEARDOWN(pci_error)
{
	struct live *live = &self->live;

	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	EXPECT_EQ(QUEUE_IO_URING, queue_provider(self->ifindex, WIRE_RXQ));
	EXPECT_EQ(0, live_receive(live, LIVE_AREA));
	EXPECT_EQ(0, live_end(live));
	EXPECT_EQ(0, zc_fdinfo(&live->zc, "copied"));
	zc_close(&live->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(pci_error, recovered, TIMEOUT)
{
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, recover(self->slot));
}

/* It cannot be recovered from the first one, and is at last. */
TEST_F_TIMEOUT(pci_error, one_after_the_other, TIMEOUT)
{
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, recover(self->slot));
	EXPECT_EQ(0, live_receive(&self->live, LIVE_AREA));
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, step(self->slot, "slot_reset"));
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, recover(self->slot));
}

/* It has its rings until it is set down, and new ones afterwards. */
TEST_F_TIMEOUT(pci_error, set_down_meanwhile, TIMEOUT)
{
	ASSERT_EQ(0, step(self->slot, "frozen"));
	EXPECT_EQ(0, sh(NIC_DOWN));
	ASSERT_EQ(0, recover(self->slot));
	EXPECT_EQ(0, sh(NIC_UP));
}

/* The driver leaves the device that it stopped, and finds it as it should be later. */
TEST_F_TIMEOUT(pci_error, driver_unbound_meanwhile, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, sh("echo %s >/sys/bus/pci/drivers/igb/unbind", self->slot));
	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, sh("echo %s >/sys/bus/pci/drivers/igb/bind && nic-set-up",
			self->slot));
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
	ASSERT_EQ(0, step(self->slot, "frozen"));
	ASSERT_EQ(0, recover(self->slot));
}

/* What the NIC may write to is let go while it cannot be reached. */
TEST_F_TIMEOUT(pci_error, closed_meanwhile, TIMEOUT)
{
	struct live *live = &self->live;

	ASSERT_EQ(0, step(self->slot, "frozen"));
	zc_close(&live->zc);
	close(live->wire.sock);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, recover(self->slot));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, live_open(live, variant->kind, variant->addr));
}

TEST_HARNESS_MAIN
