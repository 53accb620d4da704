// SPDX-License-Identifier: GPL-2.0
/*
 * kTLS. What a socket that decrypts has received is no payload yet, so it is
 * refused, and recv() is as it was; one that only encrypts receives plainly.
 */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/recv.h"

#define TIMEOUT		60
#define KIB		1024
#define SENT		(40 * KIB)
#define TLS_SENT	(12 * KIB)	/* one record */

static struct stream stream;

/* The upper layer, without keys: nothing has changed yet. */
static int tls_open(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) ?
	       -errno : 0;
}

/* AES-GCM-128 in that direction, TLS_TX or TLS_RX, the same key in all tests */
static int tls_on(int fd, int direction)
{
	struct tls12_crypto_info_aes_gcm_128 crypto = {
		.info.version = TLS_1_2_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};

	memset(crypto.key, 0x2a, sizeof(crypto.key));
	return setsockopt(fd, SOL_TLS, direction, &crypto, sizeof(crypto)) ?
	       -errno : 0;
}

FIXTURE(ktls)
{
	struct recv_pair p;
};

FIXTURE_SETUP(ktls)
{
	stream_init(&stream, 106);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
}

FIXTURE_TEARDOWN(ktls)
{
	EXPECT_QUIET(&self->p.zc);
	recv_pair_close(&self->p);
}

/* What recv() gets is the next of the stream, and so long. */
static int recv_stream(struct recv_pair *p, size_t len)
{
	static char buf[64 * KIB];
	size_t bad;

	while (len) {
		ssize_t n = recv(p->rx.sock, buf, len, 0);

		if (n <= 0)
			return n ? -errno : -ENODATA;
		if (!stream_check(&stream, p->rx.bytes, buf, n, &bad))
			return -EILSEQ;
		p->rx.bytes += n;
		len -= n;
	}
	return 0;
}

/* Both ends: the sender encrypts, the receiver decrypts. */
static int tls_on_both(struct recv_pair *p)
{
	int ret = tls_open(p->peer);

	if (!ret)
		ret = tls_open(p->rx.sock);
	if (!ret)
		ret = tls_on(p->peer, TLS_TX);
	return ret ? ret : tls_on(p->rx.sock, TLS_RX);
}

TEST_F_TIMEOUT(ktls, decrypting, TIMEOUT)
{
	struct recv_pair *p = &self->p;
	unsigned int i;

	ASSERT_EQ(0, tls_on_both(p));
	for (i = 0; i < 3; i++) {
		/* nothing there, and then a record */
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
		EXPECT_RESULT(&p->zc, p->rx.id, -EPROTONOSUPPORT);
		ASSERT_EQ(0, recv_pair_send(p, TLS_SENT));
		ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
		EXPECT_RESULT(&p->zc, p->rx.id, -EPROTONOSUPPORT);
		EXPECT_EQ(0, recv_stream(p, TLS_SENT));
	}
	EXPECT_EQ(0, zc_fdinfo(&p->zc, "copied"));
}

/* An unknown id is found before that. */
TEST_F_TIMEOUT(ktls, decrypting_with_an_unknown_id, TIMEOUT)
{
	struct io_uring_sqe sqe = recv_sqe(&self->p);
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, tls_on_both(p));
	ASSERT_EQ(0, recv_pair_send(p, TLS_SENT));
	sqe.zcrx_ifq_idx = 1;
	ASSERT_EQ(0, zc_submit(&p->zc, &sqe, 1));
	EXPECT_RESULT(&p->zc, p->rx.id, -EINVAL);
	EXPECT_EQ(0, recv_stream(p, TLS_SENT));
}

/* The upper layer alone, or keys for the other direction, change nothing. */
TEST_F_TIMEOUT(ktls, without_keys, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, tls_open(p->rx.sock));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_pair_finish(p));
}

TEST_F_TIMEOUT(ktls, encrypting, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, tls_open(p->rx.sock));
	ASSERT_EQ(0, tls_on(p->rx.sock, TLS_TX));
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, SENT, p->rx.id));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_bytes(&p->rx, SENT));
	EXPECT_RESULT(&p->zc, p->rx.id, 0);

	/* and what it sends is a record: 5 of header, 8 nonce, 16 of tag */
	ASSERT_EQ(4, send(p->rx.sock, "word", 4, 0));
	EXPECT_EQ(0, wire_wait_backlog(p->peer, 5 + 8 + 4 + 16));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* Under a request that waits: the first record ends it, and is not lost. */
TEST_F_TIMEOUT(ktls, decrypting_from_now_on, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	ASSERT_EQ(0, recv_pair_send(p, SENT));
	ASSERT_EQ(0, recv_bytes(&p->rx, SENT));
	ASSERT_EQ(0, tls_on_both(p));
	ASSERT_EQ(0, recv_pair_send(p, TLS_SENT));
	EXPECT_RESULT(&p->zc, p->rx.id, -EPROTONOSUPPORT);
	EXPECT_EQ(0, recv_stream(p, TLS_SENT));
	EXPECT_EQ(SENT, zc_fdinfo(&p->zc, "copied"));
}

/* A request was woken by plain data, and then the keys were set. */
TEST_F_TIMEOUT(ktls, decrypting_under_a_woken_request, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	ASSERT_EQ(0, tls_open(p->peer));
	ASSERT_EQ(0, tls_open(p->rx.sock));
	ASSERT_EQ(0, tls_on(p->peer, TLS_TX));
	ASSERT_EQ(0, recv_pair_send(p, TLS_SENT));
	ASSERT_EQ(0, wire_wait_backlog(p->rx.sock, TLS_SENT));
	ASSERT_EQ(0, tls_on(p->rx.sock, TLS_RX));
	EXPECT_RESULT(&p->zc, p->rx.id, -EPROTONOSUPPORT);
	EXPECT_EQ(0, recv_stream(p, TLS_SENT));
	EXPECT_EQ(0, zc_fdinfo(&p->zc, "copied"));
}

/* The connection ends under it, and nothing more can come. */
TEST_F_TIMEOUT(ktls, decrypting_and_end, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, p->rx.id));
	ASSERT_EQ(0, tls_on_both(p));
	recv_pair_fin(p);
	EXPECT_RESULT(&p->zc, p->rx.id, -EPROTONOSUPPORT);
}

TEST_HARNESS_MAIN
