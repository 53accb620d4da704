// SPDX-License-Identifier: GPL-2.0
/*
 * The ring is gone, the connection is not, and the socket has payload in it
 * that only the ring's area has. recv() gets what can be read, up to there;
 * then it says EFAULT, at once and each time. MSG_TRUNC throws away what
 * cannot be read, and the stream goes on behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define AREA_LEN	(8 * 1024 * 1024)

/*
 * The stream: in the kernel's memory, in the area, in the kernel's memory. All
 * of it has to fit a window that nobody reads from.
 */
#define BEFORE		20000
#define INSIDE		15000
#define BEHIND		10000

static struct stream stream;

/*
 * The peer: sends as much as it is told to by a number over the connection,
 * and a FIN when it is told 0. Waits for the end, and tells which it was.
 */
enum { PEER_SAW_END, PEER_SAW_RESET, PEER_FAILED };

static int send_as_told(void *arg)
{
	const struct peer_send *job = arg;
	static char buf[64 * 1024];
	__u64 off = 0;
	__u32 len;
	ssize_t n;
	int fd;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return PEER_FAILED;
	while ((n = recv(fd, &len, sizeof(len), MSG_WAITALL)) == sizeof(len)) {
		if (!len) {
			shutdown(fd, SHUT_WR);
			continue;
		}
		while (len) {
			n = len < sizeof(buf) ? len : sizeof(buf);
			stream_fill(job->stream, off, buf, n);
			n = send(fd, buf, n, MSG_NOSIGNAL);
			if (n < 0)
				return PEER_FAILED;
			off += n;
			len -= n;
		}
	}
	if (!n)
		return PEER_SAW_END;
	return errno == ECONNRESET ? PEER_SAW_RESET : PEER_FAILED;
}

FIXTURE(orphan)
{
	unsigned int ifindex;
	struct wire wire;
	bool closed;	/* the connection, by the test */
};

FIXTURE_VARIANT(orphan)
{
	enum area_kind kind;
	const char *addr;
};

FIXTURE_VARIANT_ADD(orphan, user)
{
	.kind = AREA_USER,
	.addr = WIRE_V4,
};

FIXTURE_VARIANT_ADD(orphan, udmabuf)
{
	.kind = AREA_UDMABUF,
	.addr = WIRE_V6,
};

/* Has the peer send so much, and waits until there is so much to read. */
static int more(int sock, __u32 len, int in_all)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	int waited, bytes;

	if (send(sock, &len, sizeof(len), 0) != sizeof(len))
		return -errno;
	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (ioctl(sock, SIOCINQ, &bytes))
			return -errno;
		if (bytes == in_all)
			return 0;
		nanosleep(&ms10, NULL);
	}
	fprintf(stderr, "# %d of %d bytes came\n", bytes, in_all);
	return -ETIMEDOUT;
}

/* All of the stream is in the socket, and the ring is gone. */
FIXTURE_SETUP(orphan)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
	struct zc zc;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 12);
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream, 0,
				    true, send_as_told));
	ASSERT_EQ(0, more(self->wire.sock, BEFORE, BEFORE));
	ASSERT_EQ(0, zc_open(&zc, &cfg))
		TH_LOG("%s failed", zc.failed);
	ASSERT_EQ(0, more(self->wire.sock, INSIDE, BEFORE + INSIDE));
	zc_close(&zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, more(self->wire.sock, BEHIND, BEFORE + INSIDE + BEHIND));
	/* only the socket keeps the area now */
	ASSERT_LT(0, pins_now());
}

FIXTURE_TEARDOWN(orphan)
{
	if (!self->closed)
		EXPECT_EQ(PEER_SAW_END, wire_close(&self->wire));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* Receives what is to be the stream from off on. Returns as recv(). */
static ssize_t recv_checked(int sock, __u64 off, size_t len, int flags)
{
	static char buf[BEFORE + INSIDE + BEHIND];
	ssize_t n;
	size_t bad;

	n = recv(sock, buf, len, flags);
	if (n > 0 && !stream_check(&stream, off, buf, n, &bad)) {
		fprintf(stderr, "# wrong byte at %llu\n",
			(unsigned long long)(off + bad));
		errno = EILSEQ;
		return -1;
	}
	return n;
}

static short events(int sock)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN | POLLRDHUP };

	return poll(&pfd, 1, 0) == 1 ? pfd.revents : 0;
}

#define EXPECT_FAULT(flags)						\
	do {								\
		char b;							\
									\
		EXPECT_EQ(-1, recv(self->wire.sock, &b, 1, flags));	\
		EXPECT_EQ(EFAULT, errno);				\
	} while (0)

/* Returns how many bytes, or -errno. */
static int splice_some(int sock)
{
	int pipes[2], ret;

	if (pipe(pipes))
		return -errno;
	ret = splice(sock, NULL, pipes[1], NULL, 1000, 0);
	if (ret < 0)
		ret = -errno;
	close(pipes[0]);
	close(pipes[1]);
	return ret;
}

TEST_F_TIMEOUT(orphan, recv, TIMEOUT)
{
	const size_t all = BEFORE + INSIDE + BEHIND;
	int sock = self->wire.sock;
	int bytes;

	/* none of these waits for the rest, or skips it */
	EXPECT_EQ(POLLIN, events(sock));
	EXPECT_EQ(BEFORE, recv_checked(sock, 0, all, MSG_PEEK));
	EXPECT_EQ(1000, recv_checked(sock, 0, 1000, MSG_WAITALL));
	EXPECT_EQ(BEFORE - 1000, recv_checked(sock, 1000, all, MSG_WAITALL));
	EXPECT_FAULT(0);
	EXPECT_FAULT(MSG_WAITALL);
	EXPECT_FAULT(MSG_PEEK);
	EXPECT_FAULT(MSG_DONTWAIT);
	/* that would be the end of the stream */
	EXPECT_EQ(-EFAULT, splice_some(sock));

	/* it is still there, and what is behind it as well */
	EXPECT_EQ(POLLIN, events(sock));
	EXPECT_EQ(0, ioctl(sock, SIOCINQ, &bytes));
	EXPECT_EQ(INSIDE + BEHIND, bytes);

	/* without a buffer, as nothing is copied */
	EXPECT_EQ(INSIDE, recv(sock, NULL, INSIDE, MSG_TRUNC));
	EXPECT_EQ(BEHIND, recv_checked(sock, BEFORE + INSIDE, all, 0));
	EXPECT_EQ(0, events(sock));
	EXPECT_EQ(-1, recv_checked(sock, 0, 1, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);

	/* the connection is as good as new */
	EXPECT_EQ(0, more(sock, BEFORE, BEFORE));
	EXPECT_EQ(BEFORE, recv_checked(sock, all, all, 0));
}

/* The peer ends the stream. */
TEST_F_TIMEOUT(orphan, fin, TIMEOUT)
{
	const size_t all = BEFORE + INSIDE + BEHIND;
	struct pollfd pfd = { .events = POLLRDHUP };
	int sock = self->wire.sock;

	/* a FIN counts as a byte that can be read */
	EXPECT_EQ(0, more(sock, 0, all));
	pfd.fd = sock;
	EXPECT_EQ(1, poll(&pfd, 1, WIRE_PATIENCE_MS));
	EXPECT_EQ(POLLIN | POLLRDHUP, events(sock));
	EXPECT_EQ(BEFORE, recv_checked(sock, 0, all, MSG_WAITALL));
	EXPECT_FAULT(0);
	EXPECT_EQ(POLLIN | POLLRDHUP, events(sock));
	EXPECT_EQ(INSIDE, recv(sock, NULL, INSIDE, MSG_TRUNC));
	EXPECT_EQ(BEHIND, recv_checked(sock, BEFORE + INSIDE, all, 0));
	EXPECT_EQ(0, recv_checked(sock, 0, 1, 0));
}

/* Closed with data unread, as any socket: the peer is told. */
TEST_F_TIMEOUT(orphan, close, TIMEOUT)
{
	self->closed = true;
	EXPECT_EQ(PEER_SAW_RESET, wire_close(&self->wire));
}

/* The next ring has no use for the payload, but for what is behind it. */
TEST_F_TIMEOUT(orphan, next_ring, TIMEOUT)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = AREA_USER,
		.area_len = AREA_LEN,
	};
	struct receiver rx = {
		.sock = self->wire.sock,
		.stream = &stream,
	};
	struct zc zc;

	ASSERT_EQ(0, zc_open(&zc, &cfg))
		TH_LOG("%s failed", zc.failed);
	rx.zc = &zc;
	/* in front: copied */
	EXPECT_EQ(-EFAULT, receive_all(&rx));
	EXPECT_EQ(BEFORE, rx.bytes);
	EXPECT_EQ(BEFORE, zc_fdinfo(&zc, "copied"));

	EXPECT_EQ(INSIDE, recv(rx.sock, NULL, INSIDE, MSG_TRUNC));
	rx.bytes += INSIDE;
	EXPECT_EQ(0, zc_recv(&zc, rx.sock, BEHIND, 0));
	EXPECT_EQ(RECEIVE_END, receive(&rx, UINT64_MAX - rx.bytes));
	EXPECT_EQ(BEFORE + INSIDE + BEHIND, rx.bytes);
	zc_close(&zc);
}

TEST_HARNESS_MAIN
