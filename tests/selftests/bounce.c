// SPDX-License-Identifier: GPL-2.0
/*
 * A NIC that cannot reach the memory: its DMA goes through swiotlb's buffers, as
 * in confidential VMs, and the payload is copied from there. That is slow, and
 * right, for memory of the process; nobody makes such a copy for a dma-buf, so
 * that is refused. Where nothing bounces both are received into.
 *
 * tests/check runs it a second time where everything bounces.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(4 * AREA_LEN)

static struct stream stream;

static bool bounces(void)
{
	char line[4096] = "";
	FILE *f = fopen("/proc/cmdline", "re");

	if (!f || !fgets(line, sizeof(line), f))
		perror("# /proc/cmdline");
	if (f)
		fclose(f);
	return strstr(line, ",force");
}

FIXTURE(bounce)
{
	unsigned int ifindex;
};

FIXTURE_VARIANT(bounce)
{
	enum area_kind kind;
	int forced;	/* what registration says where DMA bounces */
};

FIXTURE_VARIANT_ADD(bounce, user)
{
	.kind = AREA_USER,
};

/* So contiguous that the pieces to be bounced have to be cut. */
FIXTURE_VARIANT_ADD(bounce, thp)
{
	.kind = AREA_THP,
};

FIXTURE_VARIANT_ADD(bounce, udmabuf)
{
	.kind = AREA_UDMABUF,
	.forced = -EIO,
};

FIXTURE_VARIANT_ADD(bounce, heap)
{
	.kind = AREA_HEAP,
	.forced = -EIO,
};

FIXTURE_SETUP(bounce)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 91);
}

FIXTURE_TEARDOWN(bounce)
{
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(bounce, every_byte, TIMEOUT)
{
	struct receiver rx = { .stream = &stream };
	struct wire wire;
	struct zc zc;
	int ret;

	ret = wire_register(&zc, variant->kind, AREA_LEN);
	ASSERT_EQ(bounces() ? variant->forced : 0, ret);
	if (ret)
		return;
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.zc = &zc;
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&zc, "copied"));
	EXPECT_EQ(0, wire_close(&wire));
	zc_close(&zc);
}

/* Nor does socket devmem take what nobody would copy. */
TEST(devmem)
{
	static const enum area_kind kinds[] = { AREA_UDMABUF, AREA_HEAP };
	unsigned int ifindex = if_nametoindex(WIRE_IF), i;
	const char *failed;
	struct area area;
	int binding;
	__u32 id;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ASSERT_EQ(0, area_open(&area, kinds[i], AREA_LEN, &failed))
			TH_LOG("%s failed", failed);
		binding = netdev_bind_rx(ifindex, WIRE_RXQ, area.dmabuf_fd,
					 &id);
		if (bounces()) {
			EXPECT_EQ(-EIO, binding);
		} else {
			ASSERT_LE(0, binding);
			close(binding);
			ASSERT_EQ(0, queue_wait_free(ifindex, WIRE_RXQ,
						     WIRE_PATIENCE_MS));
		}
		area_close(&area);
	}
}

TEST_HARNESS_MAIN
