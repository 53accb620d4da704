// SPDX-License-Identifier: GPL-2.0
/*
 * Streams into memory of another PCI device, peer to peer: what the NIC writes
 * lands in a BAR, behind which there is no struct page, and is read and
 * compared through the BAR's own mapping. tests/device/run has the device, and
 * tests/kernel/zcrx_bar.h says what is exported.
 */
#include <linux/dma-buf.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/bar.h"
#include "lib/devmem_rx.h"
#include "lib/everywhere.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/wire.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		240
#define MIB		(1024 * 1024)
#define PAGE		4096
#define MTU		1500
/* The window, in the middle of the BAR: it goes round several times. */
#define OFFSET		(20 * MIB)
#define LEN		(8 * MIB)
#define STREAM_LEN	(64ULL * MIB)

static struct stream stream;

/* The exporter keeps its word, or the tests below would prove nothing. */
TEST(exporter)
{
	static const struct zcrx_bar_window bad[] = {
		{ 0, 0 }, { 0, 1 }, { 0, PAGE + 1 }, { 1, PAGE },
		{ 0, BAR_LEN + PAGE }, { BAR_LEN, PAGE },
		{ BAR_LEN - PAGE, 2 * PAGE }, { -PAGE, PAGE },
		{ -PAGE, 2 * PAGE }, { PAGE, -PAGE },
	};
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ,
	};
	int window, other, dmabuf;
	size_t i;

	window = window_open();
	ASSERT_LE(0, window)
		TH_LOG("no module zcrx_bar: is tests/kernel in the image?");
	ASSERT_EQ(BAR_LEN, window_stats(window).bar_len)
		TH_LOG("no such device: tests/device/run has it");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, window_create(window, bad[i].offset,
						 bad[i].len))
			TH_LOG("of window %zu", i);
	}

	dmabuf = window_create(window, 0, BAR_LEN);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(-EBUSY, window_create(window, 0, PAGE));
	EXPECT_EQ(BAR_LEN, lseek(dmabuf, 0, SEEK_END));
	/* in all of the BAR there is no struct page that could be touched */
	EXPECT_EQ(0, window_stats(window).valid_pfns);
	EXPECT_EQ(0, window_refused(window));

	/* each refusal shows */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf,
				   0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(1, window_stats(window).mmaps);
	EXPECT_EQ(-1, ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(1, window_stats(window).cpu_accesses);
	EXPECT_EQ(2, window_refused(window));

	other = window_open();
	ASSERT_LE(0, other);
	EXPECT_EQ(0, window_refused(other));
	close(other);
	close(dmabuf);
	EXPECT_EQ(0, window_stats(window).attachments);
	EXPECT_EQ(0, window_stats(window).mapped);
	close(window);
}

FIXTURE(bar)
{
	unsigned int ifindex;
	int window;
	struct area area;
	struct wire wire;
	struct zc zc;
};

FIXTURE_VARIANT(bar)
{
	const char *addr;
	int mtu;
};

FIXTURE_VARIANT_ADD(bar, v4)
{
	.addr = WIRE_V4,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(bar, v6)
{
	.addr = WIRE_V6,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(bar, v4_jumbo)
{
	.addr = WIRE_V4,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(bar, v6_jumbo)
{
	.addr = WIRE_V6,
	.mtu = 9000,
};

FIXTURE_SETUP(bar)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 21);
	self->window = window_open();
	ASSERT_LE(0, self->window)
		TH_LOG("no module zcrx_bar: is tests/kernel in the image?");
	ASSERT_EQ(BAR_LEN, window_stats(self->window).bar_len)
		TH_LOG("no such device: tests/device/run has it");
	ASSERT_EQ(0, bar_fill());
	ASSERT_EQ(0, nic_change_mtus(WIRE_IF, MTU, variant->mtu));
	ASSERT_EQ(0, window_area(&self->area, self->window, OFFSET, LEN));
}

/* The test has closed the area. */
FIXTURE_TEARDOWN(bar)
{
	EXPECT_EQ(0, window_wait_unused(self->window));
	EXPECT_TRUE(window_untouched(self->window, 1));
	EXPECT_EQ(0, window_stats(self->window).valid_pfns);
	EXPECT_EQ(0, bar_check_around(OFFSET, LEN));
	close(self->window);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, nic_change_mtus(WIRE_IF, variant->mtu, MTU));
}

/* Each buffer of the window is filled, and most of them many times. */
TEST_F_TIMEOUT(bar, zcrx, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	unsigned int filled;

	ASSERT_EQ(0, bar_open_zc(&self->zc, &self->area));
	EXPECT_EQ(1, window_stats(self->window).attachments);
	EXPECT_EQ(1, window_stats(self->window).mappings);
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, STREAM_LEN,
			       false));
	rx.sock = self->wire.sock;
	EXPECT_EQ(0, receive_everywhere(&rx, TAKES_RETURNED, &filled));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(LEN / PAGE, filled);
	EXPECT_ZERO_COPY(&self->zc, STREAM_LEN);
	/* not mapped anew for each buffer */
	EXPECT_EQ(1, window_stats(self->window).mapped);
	/* a request that has not ended keeps the socket */
	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* Socket devmem fills the BAR as well. */
TEST_F_TIMEOUT(bar, devmem, TIMEOUT)
{
	struct devmem_rx rx = {};
	int binding;

	binding = netdev_bind_rx(self->ifindex, WIRE_RXQ, self->area.dmabuf_fd,
				 &rx.dm.dmabuf_id);
	ASSERT_LE(0, binding);
	EXPECT_EQ(1, window_stats(self->window).attachments);
	EXPECT_EQ(1, window_stats(self->window).mappings);
	ASSERT_EQ(0, wire_open(&self->wire, variant->addr, &stream, STREAM_LEN,
			       false));
	devmem_rx_init(&rx, self->wire.sock, &self->area, &stream);
	EXPECT_EQ(0, devmem_rx_all(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, rx.dm.linear);
	EXPECT_EQ(0, wire_close(&self->wire));
	close(binding);
	area_close(&self->area);
}

/*
 * Payload in the kernel's memory would have to be copied, and cannot: the
 * request says so, and recv() reads it. The BAR stays as it was.
 */
TEST_F_TIMEOUT(bar, no_way_in_for_a_copy, TIMEOUT)
{
	static const char hello[] = "not from the NIC";
	int listener, sender, sock;
	struct io_uring_cqe *cqe;
	char buf[64];

	ASSERT_EQ(0, bar_open_zc(&self->zc, &self->area));
	listener = tcp_listen("127.0.0.1", 0);
	ASSERT_LE(0, listener);
	sender = tcp_connect("127.0.0.1", tcp_port(listener));
	ASSERT_LE(0, sender);
	sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	ASSERT_LE(0, sock);
	ASSERT_EQ(sizeof(hello), send(sender, hello, sizeof(hello), 0));

	ASSERT_EQ(0, zc_recv(&self->zc, sock, 0, 0));
	ASSERT_EQ(0, zc_wait(&self->zc, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, io_uring_peek_cqe(&self->zc.ring, &cqe));
	EXPECT_EQ(-ENOMEM, cqe->res);
	EXPECT_EQ(0, cqe->flags & IORING_CQE_F_MORE);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "held"));
	EXPECT_EQ(sizeof(hello), recv(sock, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(buf, hello, sizeof(hello)));
	zc_close(&self->zc);
	EXPECT_EQ(0, bar_check_around(OFFSET, 0));
	close(sock);
	close(sender);
	close(listener);
}

TEST_HARNESS_MAIN
