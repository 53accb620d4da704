// SPDX-License-Identifier: GPL-2.0
/*
 * A binding of socket devmem ends, and its queue cannot be restarted at once. It is
 * tried again until it can, and then nothing is left.
 */
#include <net/if.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/devmem_rx.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "../debug/lib/fault.h"
#include "queue.h"

#define TIMEOUT		300
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(4 * MIB)

static struct stream stream;

FIXTURE(fault_devmem)
{
	unsigned int ifindex;
	long pins;
	struct area area;
};

FIXTURE_SETUP(fault_devmem)
{
	const char *failed;

	ASSERT_EQ(0, fault_open());
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	self->pins = pins_now();
	stream_init(&stream, 87);
	ASSERT_EQ(0, area_open(&self->area, AREA_UDMABUF, AREA_LEN, &failed))
		TH_LOG("%s failed", failed);
}

FIXTURE_TEARDOWN(fault_devmem)
{
	area_close(&self->area);
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
	fault_close();
}

/* Each byte of a stream comes by the queue. */
static int receive_stream(struct devmem_rx *rx, struct area *area)
{
	struct wire wire;
	int ret = wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false);

	if (ret)
		return ret;
	rx->bytes = 0;
	devmem_rx_init(rx, wire.sock, area, &stream);
	ret = devmem_rx_all(rx);
	if (wire_close(&wire) && !ret)
		ret = -1;
	return ret;
}

TEST_F_TIMEOUT(fault_devmem, restart, TIMEOUT)
{
	struct devmem_rx rx = {};
	int i, binding;

	for (i = 0; i < 2; i++) {
		binding = netdev_bind_rx(self->ifindex, WIRE_RXQ,
					 self->area.dmabuf_fd,
					 &rx.dm.dmabuf_id);
		ASSERT_LE(0, binding);
		EXPECT_EQ(0, receive_stream(&rx, &self->area));
		EXPECT_EQ(STREAM_LEN, rx.bytes);

		ASSERT_EQ(0, fault_arm("netdev_rx_queue_restart", 1));
		close(binding);
		EXPECT_TRUE(fault_disarm());
		EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
					     WIRE_PATIENCE_MS));
		EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex,
						  WIRE_PATIENCE_MS));
	}
}

TEST_HARNESS_MAIN
