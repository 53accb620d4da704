// SPDX-License-Identifier: GPL-2.0
/*
 * getsockopt(TCP_ZEROCOPY_RECEIVE) on a connection whose payload lies in
 * buffers that are no pages: there is nothing to map, and nothing to copy.
 * Nothing of the stream is lost to the attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/devmem_rx.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define PAGE		4096
#define AREA_LEN	(8 * 1024 * 1024)
#define MAP_LEN		(16 * PAGE)

/*
 * A segment's payload fills a page, as nothing else would be mapped: behind it
 * are headers of 20 bytes each, and TCP's timestamps.
 */
#define MTU		1500
#define PAGE_MTU	(PAGE + 20 + 20 + 12)

/*
 * The stream: in the kernel's memory, and in the area. So much fits a window
 * that nobody reads from; then the rest.
 */
#define BEFORE		5000
#define INSIDE		(4 * PAGE)
#define REST		(2 * AREA_LEN)
#define STREAM_LEN	(BEFORE + INSIDE + REST)

static struct stream stream;

/* Each part when a byte has come, or no more when there is an end. */
static int send_in_parts(void *arg)
{
	static const size_t parts[] = { BEFORE, INSIDE, REST };
	const struct peer_send *job = arg;
	static char buf[64 * 1024];
	__u64 off = 0, end = 0;
	unsigned int i;
	int fd;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return 1;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		if (recv(fd, buf, 1, 0) != 1)
			break;
		for (end += parts[i]; off < end; ) {
			size_t n = end - off;

			n = n < sizeof(buf) ? n : sizeof(buf);
			stream_fill(job->stream, off, buf, n);
			if (tcp_send_all(fd, buf, n))
				return 1;
			off += n;
		}
	}
	shutdown(fd, SHUT_WR);
	while (recv(fd, buf, 1, 0) > 0)
		;
	return 0;
}

FIXTURE(unreadable)
{
	unsigned int ifindex;
	long pins;
	bool devmem;
	struct area area;	/* of socket devmem */
	int binding;
	struct devmem_rx dm;
	struct zc zc;
	struct wire wire;
	char *map;		/* of the socket */
	char *copy;
};

FIXTURE_VARIANT(unreadable)
{
	bool devmem;
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(unreadable, zcrx_user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(unreadable, zcrx_udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(unreadable, devmem)
{
	.devmem = true,
	.kind = AREA_UDMABUF,
};

/* Has the peer send the next part, and waits until there is so much to read. */
static int next_part(int sock, int in_all)
{
	return send(sock, "", 1, 0) == 1 ? wire_wait_backlog(sock, in_all) :
					   -errno;
}

static int bind_queue(FIXTURE_DATA(unreadable) *self, enum area_kind kind)
{
	const char *failed;
	int ret;

	if (!self->devmem)
		return wire_bind(&self->zc, kind, AREA_LEN);
	ret = area_open(&self->area, kind, AREA_LEN, &failed);
	if (ret)
		return ret;
	self->binding = netdev_bind_rx(self->ifindex, WIRE_RXQ,
				       self->area.dmabuf_fd,
				       &self->dm.dm.dmabuf_id);
	return self->binding < 0 ? self->binding : 0;
}

/* Until the end, which is there, as the buffers are meant to be received. */
static void receive_rest(struct __test_metadata *_metadata,
			 FIXTURE_DATA(unreadable) *self, __u64 end)
{
	struct receiver rx = {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
		.bytes = BEFORE,
	};

	if (self->devmem) {
		devmem_rx_init(&self->dm, rx.sock, &self->area, &stream);
		self->dm.bytes = BEFORE;
		EXPECT_EQ(0, devmem_rx_all(&self->dm));
		EXPECT_EQ(end, self->dm.bytes);
		EXPECT_EQ(0, self->dm.dm.linear);
		return;
	}
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(end, rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	/* there was something of the size that is mapped */
	EXPECT_EQ(PAGE, rx.longest);
}

/* All of the first two parts is in the socket. */
FIXTURE_SETUP(unreadable)
{
	self->devmem = variant->devmem;
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, nic_change_mtus(WIRE_IF, MTU, PAGE_MTU));
	ASSERT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
	self->pins = pins_now();
	stream_init(&stream, 15);
	ASSERT_EQ(0, wire_open_with(&self->wire, WIRE_V4, &stream, 0, true,
				    send_in_parts));
	ASSERT_EQ(0, next_part(self->wire.sock, BEFORE));
	ASSERT_EQ(0, bind_queue(self, variant->kind));
	ASSERT_EQ(0, next_part(self->wire.sock, BEFORE + INSIDE));

	self->map = mmap(NULL, MAP_LEN, PROT_READ, MAP_SHARED,
			 self->wire.sock, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	self->copy = malloc(BEFORE + INSIDE);
	ASSERT_NE(NULL, self->copy);
}

FIXTURE_TEARDOWN(unreadable)
{
	free(self->copy);
	munmap(self->map, MAP_LEN);
	EXPECT_EQ(0, wire_close(&self->wire));
	if (self->devmem) {
		close(self->binding);
		area_close(&self->area);
	} else {
		zc_close(&self->zc);
	}
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(self->pins, pins_wait(self->pins, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, nic_change_mtus(WIRE_IF, PAGE_MTU, MTU));
	EXPECT_EQ(0, nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS));
}

/* How many pages of a mapping are there, or -errno. */
static int pages_there(const char *map, size_t len)
{
	__u64 entry[MAP_LEN / PAGE];
	const size_t size = len / PAGE * sizeof(*entry);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	unsigned int i;
	int nr = 0;

	if (fd < 0)
		return -errno;
	if (pread(fd, entry, size, (uintptr_t)map / PAGE * sizeof(*entry)) !=
	    (ssize_t)size)
		nr = -EIO;
	close(fd);
	for (i = 0; nr >= 0 && i < len / PAGE; i++)
		nr += entry[i] >> 62 != 0;	/* present, or in swap */
	return nr;
}

/* Asks for so much to be mapped, and the rest copied. Returns 0 or -errno. */
static int ask(FIXTURE_DATA(unreadable) *self, struct tcp_zerocopy_receive *z,
	       __u32 map_len, __s32 copy_len)
{
	socklen_t len = sizeof(*z);

	*z = (struct tcp_zerocopy_receive) {
		.address = (uintptr_t)self->map,
		.length = map_len,
		.copybuf_address = (uintptr_t)self->copy,
		.copybuf_len = copy_len,
	};
	memset(self->copy, 0xa5, BEFORE + INSIDE);
	return getsockopt(self->wire.sock, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE,
			  z, &len) ? -errno : 0;
}

/* Nothing was written from off on. */
static bool copy_untouched(const char *copy, size_t off)
{
	for (; off < BEFORE + INSIDE; off++)
		if (copy[off] != (char)0xa5)
			return false;
	return true;
}

static int unread(int sock)
{
	int bytes;

	return ioctl(sock, SIOCINQ, &bytes) ? -errno : bytes;
}

/* No page, no byte, and as much to be read as before. */
#define EXPECT_NOTHING(how_much)					\
	do {								\
		EXPECT_EQ(0, pages_there(self->map, MAP_LEN));		\
		EXPECT_TRUE(copy_untouched(self->copy, 0));		\
		EXPECT_EQ(how_much, unread(self->wire.sock));		\
	} while (0)

/*
 * What can be read is copied, up to where it cannot. The hint is how much must
 * be read by other means: no part of the area passes for pages.
 */
static void read_what_can_be(struct __test_metadata *_metadata,
			     FIXTURE_DATA(unreadable) *self)
{
	struct tcp_zerocopy_receive z;
	size_t bad;

	ASSERT_EQ(0, ask(self, &z, MAP_LEN, BEFORE + INSIDE));
	EXPECT_EQ(0, z.length);
	EXPECT_EQ(0, z.err);
	EXPECT_EQ(INSIDE, z.inq);
	ASSERT_EQ(BEFORE, z.copybuf_len);
	EXPECT_TRUE(stream_check(&stream, 0, self->copy, BEFORE, &bad));
	EXPECT_TRUE(copy_untouched(self->copy, BEFORE));
	/* as many segments as one skb has */
	EXPECT_LT(0, z.recv_skip_hint);
	EXPECT_GE(INSIDE, z.recv_skip_hint);
	EXPECT_EQ(0, z.recv_skip_hint % PAGE);
	EXPECT_EQ(0, pages_there(self->map, MAP_LEN));
	EXPECT_EQ(INSIDE, unread(self->wire.sock));
}

TEST_F_TIMEOUT(unreadable, is_left_alone, TIMEOUT)
{
	struct tcp_zerocopy_receive z;

	read_what_can_be(_metadata, self);

	/* mapped */
	EXPECT_EQ(0, ask(self, &z, MAP_LEN, 0));
	EXPECT_EQ(0, z.length);
	EXPECT_EQ(0, z.recv_skip_hint);
	EXPECT_EQ(INSIDE, z.inq);
	EXPECT_NOTHING(INSIDE);

	/* mapped, and what is left copied */
	EXPECT_EQ(0, ask(self, &z, MAP_LEN, INSIDE - 1));
	EXPECT_EQ(0, z.length);
	EXPECT_EQ(0, z.copybuf_len);
	EXPECT_EQ(0, z.recv_skip_hint);
	EXPECT_NOTHING(INSIDE);

	/* too little to be mapped, and copied */
	EXPECT_EQ(0, ask(self, &z, PAGE - 1, PAGE));
	EXPECT_EQ(0, z.length);
	EXPECT_EQ(-EFAULT, z.copybuf_len);
	EXPECT_EQ(PAGE - 1, z.recv_skip_hint);
	EXPECT_NOTHING(INSIDE);

	/* all of it copied */
	EXPECT_EQ(-EFAULT, ask(self, &z, MAP_LEN, INSIDE));
	EXPECT_NOTHING(INSIDE);

	ASSERT_EQ(1, send(self->wire.sock, "", 1, 0));
	receive_rest(_metadata, self, STREAM_LEN);
	EXPECT_EQ(0, pages_there(self->map, MAP_LEN));
}

/* From the first byte on, not knowing that something can be read. */
TEST_F_TIMEOUT(unreadable, behind_what_can_be_read, TIMEOUT)
{
	struct tcp_zerocopy_receive z;
	unsigned int i;
	size_t bad;

	/* in parts: hints lead through what can be read, and no further */
	for (i = 0; i < BEFORE; i += z.copybuf_len) {
		ASSERT_EQ(0, ask(self, &z, MAP_LEN, 1000));
		ASSERT_EQ(0, z.length);
		ASSERT_LT(0, z.copybuf_len);
		EXPECT_TRUE(stream_check(&stream, i, self->copy, z.copybuf_len,
					 &bad));
		ASSERT_GE(BEFORE, i + z.copybuf_len);
		EXPECT_EQ(BEFORE + INSIDE - i - z.copybuf_len, z.inq);
	}
	EXPECT_EQ(0, ask(self, &z, MAP_LEN, 1000));
	EXPECT_EQ(0, z.copybuf_len);
	EXPECT_NOTHING(INSIDE);

	ASSERT_EQ(1, send(self->wire.sock, "", 1, 0));
	receive_rest(_metadata, self, STREAM_LEN);
	EXPECT_EQ(0, pages_there(self->map, MAP_LEN));
}

/* The peer has nothing more to say: what there is can be received still. */
TEST_F_TIMEOUT(unreadable, before_the_end, TIMEOUT)
{
	struct pollfd pfd = { .fd = self->wire.sock, .events = POLLRDHUP };
	struct tcp_zerocopy_receive z;

	read_what_can_be(_metadata, self);
	ASSERT_EQ(0, shutdown(self->wire.sock, SHUT_WR));
	ASSERT_EQ(1, poll(&pfd, 1, WIRE_PATIENCE_MS));

	/* nothing that is to be read by other means looks like the end */
	EXPECT_EQ(-EIO, ask(self, &z, MAP_LEN, 0));
	EXPECT_NOTHING(INSIDE);
	EXPECT_EQ(-EFAULT, ask(self, &z, MAP_LEN, INSIDE));
	EXPECT_NOTHING(INSIDE);
	receive_rest(_metadata, self, BEFORE + INSIDE);
	EXPECT_EQ(0, pages_there(self->map, MAP_LEN));
}

/* The pages of a mapping can be seen, or the tests above would prove nothing. */
TEST(pages)
{
	char *mem = mmap(NULL, MAP_LEN, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	EXPECT_EQ(0, madvise(mem, MAP_LEN, MADV_NOHUGEPAGE));
	EXPECT_EQ(0, pages_there(mem, MAP_LEN));
	mem[0] = 1;
	mem[3 * PAGE] = 1;
	EXPECT_EQ(2, pages_there(mem, MAP_LEN));
	munmap(mem, MAP_LEN);
}

TEST_HARNESS_MAIN
