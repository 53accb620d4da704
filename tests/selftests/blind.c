// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU does not touch payload: a stream completes on a dma-buf that refuses
 * each way in but a device's, and that gives its importer no page to look at.
 * What came is compared through the exporter's own file, the one way out.
 */
#include <linux/dma-buf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "../kernel/zcrx_blind.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/senders.h"
#include "lib/wire.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		180
#define MIB		(1024 * 1024)
#define STREAM_LEN	(64 * MIB)
/* Each buffer goes round several times. */
#define AREA_LEN	(8 * MIB)
#define FALLBACK_LEN	(4 * MIB)
#define PAGE		4096
#define MTU		1500

static struct stream stream;

/*
 * The exporter
 */

/* Returns a file descriptor of the exporter, or -errno. */
static int blind_open(void)
{
	int fd;

	if (system("modprobe zcrx_blind"))
		return -ENOENT;
	fd = open("/dev/" ZCRX_BLIND_DEV, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int blind_create(int blind, __u64 size)
{
	int fd = ioctl(blind, ZCRX_BLIND_CREATE, &size);

	return fd < 0 ? -errno : fd;
}

static struct zcrx_blind_stats blind_stats(int blind)
{
	struct zcrx_blind_stats stats;

	/* more than anybody expects */
	if (ioctl(blind, ZCRX_BLIND_GET_STATS, &stats))
		memset(&stats, 0xff, sizeof(stats));
	return stats;
}

static __u32 blind_refused(int blind)
{
	struct zcrx_blind_stats stats = blind_stats(blind);

	return stats.vmaps + stats.mmaps + stats.cpu_accesses;
}

/* A registration asks whether the CPU may, once, and takes no for an answer. */
static bool blind_untouched(int blind)
{
	return blind_refused(blind) == 1 && blind_stats(blind).vmaps == 1;
}

/* Waits until no device has anything of it. */
static int blind_wait_unused(int blind)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	struct zcrx_blind_stats stats;
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		stats = blind_stats(blind);
		if (!stats.attachments && !stats.mappings)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

/* The exporter keeps its word, or the tests below would prove nothing. */
TEST(exporter)
{
	static const __u64 bad[] = {
		0, 1, PAGE - 1, PAGE + 1, ZCRX_BLIND_SIZE_MAX + PAGE, -PAGE,
	};
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ,
	};
	static char buf[3 * PAGE], zero[2 * PAGE];
	int blind, dmabuf;
	size_t i;

	blind = blind_open();
	ASSERT_LE(0, blind)
		TH_LOG("no module zcrx_blind: is tests/kernel in the image?");
	EXPECT_EQ(0, pread(blind, buf, PAGE, 0));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, blind_create(blind, bad[i]));
	dmabuf = blind_create(blind, 2 * PAGE);
	ASSERT_LE(0, dmabuf);
	EXPECT_EQ(-EBUSY, blind_create(blind, 2 * PAGE));
	EXPECT_EQ(2 * PAGE, lseek(dmabuf, 0, SEEK_END));
	EXPECT_EQ(0, blind_refused(blind));

	/* each refusal shows */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED,
				   dmabuf, 0));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(1, blind_stats(blind).mmaps);
	EXPECT_EQ(-1, ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(1, blind_stats(blind).cpu_accesses);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	EXPECT_EQ(-1, ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync));
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(2, blind_stats(blind).cpu_accesses);
	EXPECT_EQ(3, blind_refused(blind));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED,
				   blind, 0));

	/* the way out, which outlives the dma-buf */
	close(dmabuf);
	memset(buf, 0xff, sizeof(buf));
	EXPECT_EQ(2 * PAGE, pread(blind, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, zero, sizeof(zero)));
	EXPECT_EQ(100, pread(blind, buf, sizeof(buf), 2 * PAGE - 100));
	EXPECT_EQ(0, pread(blind, buf, sizeof(buf), 2 * PAGE));
	EXPECT_EQ(0, blind_stats(blind).attachments);
	EXPECT_EQ(0, blind_stats(blind).mappings);
	close(blind);
}

/*
 * The stream
 */

FIXTURE(blind)
{
	unsigned int ifindex;
	int blind;
	struct zc zc;
};

FIXTURE_VARIANT(blind)
{
	const char *addr;
	int mtu;
};

FIXTURE_VARIANT_ADD(blind, v4)
{
	.addr = WIRE_V4,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(blind, v6)
{
	.addr = WIRE_V6,
	.mtu = MTU,
};

FIXTURE_VARIANT_ADD(blind, v4_jumbo)
{
	.addr = WIRE_V4,
	.mtu = 9000,
};

FIXTURE_VARIANT_ADD(blind, v6_jumbo)
{
	.addr = WIRE_V6,
	.mtu = 9000,
};

/*
 * Payload cannot be read where it lies. It is fetched to the same offset of
 * ordinary memory, which the area has for its mapping.
 */
static int open_area(struct area *area, int blind)
{
	*area = (struct area) { .kind = AREA_UDMABUF, .len = AREA_LEN };
	area->dmabuf_fd = blind_create(blind, AREA_LEN);
	if (area->dmabuf_fd < 0)
		return area->dmabuf_fd;
	area->base = mmap(NULL, AREA_LEN, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return area->base == MAP_FAILED ? -errno : 0;
}

FIXTURE_SETUP(blind)
{
	const struct zc_config cfg = { .ifname = WIRE_IF, .rxq = WIRE_RXQ };
	struct area area;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 4);
	self->blind = blind_open();
	ASSERT_LE(0, self->blind)
		TH_LOG("no module zcrx_blind: is tests/kernel in the image?");
	ASSERT_EQ(0, nic_change_mtus(WIRE_IF, MTU, variant->mtu));
	ASSERT_EQ(0, open_area(&area, self->blind));
	ASSERT_EQ(0, zc_open_area(&self->zc, &cfg, &area))
		TH_LOG("%s failed", self->zc.failed);
}

/* Nothing of it was touched on the way out, either. */
FIXTURE_TEARDOWN(blind)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, blind_wait_unused(self->blind));
	EXPECT_TRUE(blind_untouched(self->blind));
	close(self->blind);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, nic_change_mtus(WIRE_IF, variant->mtu, MTU));
}

/* Fetches the payload of a completion, compares it, and gives it back. */
static int take(struct receiver *rx, int blind, const struct io_uring_cqe *cqe)
{
	char *data = zc_data(rx->zc, cqe);
	size_t bad;

	if (!data)
		return -ERANGE;
	if (pread(blind, data, cqe->res, data - (char *)rx->zc->areas[0].base) !=
	    cqe->res)
		return -EIO;
	if (!stream_check(rx->stream, rx->bytes, data, cqe->res, &bad)) {
		fprintf(stderr, "# wrong byte at %llu of the stream\n",
			(unsigned long long)(rx->bytes + bad));
		return -EILSEQ;
	}
	rx->bytes += cqe->res;
	rx->cqes++;
	zc_recycle(rx->zc, cqe);
	return 0;
}

/* Until the stream ends: RECEIVE_END, or -errno. */
static int receive_blindly(struct receiver *rx, int blind)
{
	int ret = zc_recv(rx->zc, rx->sock, 0, 0);

	while (!ret) {
		struct io_uring_cqe *cqe;

		ret = zc_wait(rx->zc, WIRE_PATIENCE_MS);
		if (ret)
			break;
		io_uring_peek_cqe(&rx->zc->ring, &cqe);
		if (cqe->flags & IORING_CQE_F_MORE) {
			ret = take(rx, blind, cqe);
		} else if (cqe->res == -ENOSPC) {
			rx->enospc++;
			ret = zc_recv(rx->zc, rx->sock, 0, 0);
		} else {
			ret = cqe->res ? cqe->res : RECEIVE_END;
		}
		io_uring_cqe_seen(&rx->zc->ring, cqe);
		zc_publish(rx->zc);
	}
	return ret;
}

/* All of a stream from the peer. */
static void expect_stream(struct __test_metadata *_metadata, struct zc *zc,
			  int blind, const char *addr)
{
	struct receiver rx = { .zc = zc, .stream = &stream };
	struct wire wire;

	ASSERT_EQ(0, wire_open(&wire, addr, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_blindly(&rx, blind));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, wire_close(&wire));
}

TEST_F_TIMEOUT(blind, stream_completes_untouched, TIMEOUT)
{
	EXPECT_EQ(1, blind_stats(self->blind).attachments);
	EXPECT_EQ(1, blind_stats(self->blind).mappings);

	expect_stream(_metadata, &self->zc, self->blind, variant->addr);

	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	EXPECT_TRUE(blind_untouched(self->blind));
	/* not mapped anew for each buffer */
	EXPECT_EQ(1, blind_stats(self->blind).mappings);
}

/*
 * Payload that did not come from the NIC would have to be copied, and cannot:
 * the request says so, and the data is still there to be received.
 */
TEST_F_TIMEOUT(blind, no_way_in_for_a_copy, TIMEOUT)
{
	static const char hello[] = "not from the NIC";
	int listener, sender, sock;
	struct io_uring_cqe *cqe;
	char buf[64];

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
	EXPECT_EQ(1, zc_fdinfo(&self->zc, "failed_no_access"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "held"));
	EXPECT_TRUE(blind_untouched(self->blind));

	EXPECT_EQ(sizeof(hello), recv(sock, buf, sizeof(buf), MSG_DONTWAIT));
	EXPECT_EQ(0, memcmp(buf, hello, sizeof(hello)));
	close(sock);
	close(sender);
	close(listener);
}

/* Unless there is an area for it, which the NIC gets nothing of. */
TEST_F_TIMEOUT(blind, fallback, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream };
	const struct zc *zc = &self->zc;
	struct area area, odd;
	const char *failed;
	uint64_t token;
	struct wire wire;

	/* of what the CPU cannot write to there is no use */
	odd = self->zc.areas[0];
	odd.fallback = true;
	EXPECT_EQ(-EOPNOTSUPP, zc_add_area(&self->zc, &odd, NULL));

	ASSERT_EQ(0, area_open(&area, AREA_USER, FALLBACK_LEN, &failed));
	area.fallback = true;
	ASSERT_EQ(0, zc_add_area(&self->zc, &area, &token));
	EXPECT_EQ(1ull << IORING_ZCRX_AREA_SHIFT, token);

	ASSERT_EQ(0, wire_open_with(&wire, LOOPBACK_V4, &stream, STREAM_LEN,
				    false, send_over_loopback));
	rx.sock = wire.sock;
	/* zc_data() finds nothing of it in the other area */
	memset(self->zc.areas[0].base, 0, AREA_LEN);
	EXPECT_EQ(RECEIVE_END, receive_all_copied(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "bytes_device"));
	EXPECT_EQ(0, zc_fdinfo(zc, "failed_no_access"));
	EXPECT_EQ(0, wire_close(&wire));

	/* the NIC's own payload is where it was before */
	expect_stream(_metadata, &self->zc, self->blind, variant->addr);
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "copied"));
}

TEST_HARNESS_MAIN
