// SPDX-License-Identifier: GPL-2.0
/*
 * Urgent data on a bound queue: TCP would like to look at the urgent byte,
 * which lies where the kernel must not look. It has to stay in the stream, in
 * its place, as with SO_OOBINLINE; and a peer must not be able to stop the
 * machine with it.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/wire.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define AREA_LEN	(8 * 1024 * 1024)
#define TIMEOUT		120

/*
 * Lengths of the pieces that end with an urgent byte: alone in its packet, at
 * the end of one, behind several, at the borders of buffers.
 */
static const unsigned int piece[] = {
	1, 2, 100, 1447, 1448, 1449, 4095, 4096, 4097, 20000,
};

#define ROUNDS		20
#define PLAIN		3000

static struct stream stream;

static __u64 stream_len(void)
{
	__u64 len = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(piece); i++)
		len += piece[i] + PLAIN;
	return len * ROUNDS;
}

static int send_piece(int fd, const struct peer_send *job, __u64 *off,
		      size_t len, int flags)
{
	static char buf[64 * 1024];
	size_t done = 0;

	stream_fill(job->stream, *off, buf, len);
	*off += len;
	while (done < len) {
		ssize_t n = send(fd, buf + done, len - done,
				 MSG_NOSIGNAL | flags);

		if (n < 0) {
			perror("# peer: send");
			return -1;
		}
		done += n;
	}
	return 0;
}

/* For peer_start(): sends the stream with urgent bytes strewn in. */
static int send_urgent(void *arg)
{
	const struct peer_send *job = arg;
	int fd, one = 1;
	unsigned int i;
	__u64 off = 0;
	char end;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one)))
		return 1;
	for (i = 0; off < job->len; i++) {
		if (send_piece(fd, job, &off, piece[i % ARRAY_SIZE(piece)],
			       MSG_OOB) ||
		    send_piece(fd, job, &off, PLAIN, 0))
			return 1;
	}
	shutdown(fd, SHUT_WR);
	return recv(fd, &end, 1, 0) == 0 ? 0 : 1;
}

FIXTURE(urgent)
{
	struct zc zc;
	struct wire wire;
};

FIXTURE_VARIANT(urgent)
{
	const char *addr;
	enum area_kind kind;
	bool oobinline;	/* the application asks for what it gets anyway */
};

FIXTURE_VARIANT_ADD(urgent, v4)
{
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(urgent, v6)
{
	.addr = WIRE_V6,
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(urgent, user_memory)
{
	.addr = WIRE_V4,
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(urgent, oobinline)
{
	.addr = WIRE_V4,
	.kind = AREA_UDMABUF,
	.oobinline = true,
};

FIXTURE_SETUP(urgent)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
	int one = 1;

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 3);
	ASSERT_EQ(0, zc_open(&self->zc, &cfg))
		TH_LOG("%s failed", self->zc.failed);
	ASSERT_EQ(0, wire_open_with(&self->wire, variant->addr, &stream,
				    stream_len(), false, send_urgent));
	if (variant->oobinline) {
		ASSERT_EQ(0, setsockopt(self->wire.sock, SOL_SOCKET,
					SO_OOBINLINE, &one, sizeof(one)));
	}
}

FIXTURE_TEARDOWN(urgent)
{
	EXPECT_EQ(0, wire_close(&self->wire));
	zc_close(&self->zc);
}

TEST_F_TIMEOUT(urgent, stays_in_the_stream, TIMEOUT)
{
	struct receiver rx = {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
	char byte;

	ASSERT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(stream_len(), rx.bytes);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));

	/* no urgent byte is kept aside for anybody */
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, MSG_OOB));
	EXPECT_EQ(EINVAL, errno);
}

TEST_HARNESS_MAIN
