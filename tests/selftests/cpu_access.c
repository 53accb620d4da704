// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU asks a dma-buf for access, as programs have to where caches are not
 * coherent, while the NIC writes to it. It disturbs nobody; and what the exporter
 * maps for it in one direction it unmaps in the same, which the debug kernel
 * looks at.
 */
#include <linux/dma-buf.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"

#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024)
#define AREA_LEN	(8 * MIB)
#define PIECE		MIB
#define STREAM_LEN	(2 * AREA_LEN)

static struct stream stream;

FIXTURE(cpu_access)
{
	struct zc zc;
	struct wire wire;
};

FIXTURE_VARIANT(cpu_access)
{
	enum area_kind kind;
	__u64 dir;
};

FIXTURE_VARIANT_ADD(cpu_access, udmabuf_read)
{
	.kind = AREA_UDMABUF,
	.dir = DMA_BUF_SYNC_READ,
};

FIXTURE_VARIANT_ADD(cpu_access, udmabuf_write)
{
	.kind = AREA_UDMABUF,
	.dir = DMA_BUF_SYNC_WRITE,
};

FIXTURE_VARIANT_ADD(cpu_access, udmabuf_both)
{
	.kind = AREA_UDMABUF,
	.dir = DMA_BUF_SYNC_RW,
};

FIXTURE_VARIANT_ADD(cpu_access, heap_read)
{
	.kind = AREA_HEAP,
	.dir = DMA_BUF_SYNC_READ,
};

FIXTURE_VARIANT_ADD(cpu_access, heap_write)
{
	.kind = AREA_HEAP,
	.dir = DMA_BUF_SYNC_WRITE,
};

FIXTURE_VARIANT_ADD(cpu_access, heap_both)
{
	.kind = AREA_HEAP,
	.dir = DMA_BUF_SYNC_RW,
};

FIXTURE_SETUP(cpu_access)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 17);
	ASSERT_EQ(0, wire_bind(&self->zc, variant->kind, AREA_LEN));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
}

FIXTURE_TEARDOWN(cpu_access)
{
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

static int sync_cpu(const struct zc *zc, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(zc->areas[0].dmabuf_fd, DMA_BUF_IOCTL_SYNC, &sync) ?
	       -errno : 0;
}

TEST_F_TIMEOUT(cpu_access, between_the_payload, TIMEOUT)
{
	struct receiver rx = {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
	int ret = RECEIVE_MORE;

	ASSERT_EQ(0, zc_recv(&self->zc, rx.sock, 0, 0));
	while (ret == RECEIVE_MORE) {
		ASSERT_EQ(0, sync_cpu(&self->zc,
				      DMA_BUF_SYNC_START | variant->dir));
		ret = receive(&rx, PIECE);
		ASSERT_EQ(0, sync_cpu(&self->zc,
				      DMA_BUF_SYNC_END | variant->dir));
	}
	EXPECT_EQ(RECEIVE_END, ret);
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
}

TEST_HARNESS_MAIN
