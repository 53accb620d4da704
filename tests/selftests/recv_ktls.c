// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_RECV_ZC and kTLS: what comes in encrypted is not handed out, and
 * recv() still decrypts it. A socket that only sends through kTLS receives as
 * any other.
 */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "kselftest_harness.h"

#include "lib/recv.h"
#include "tcp.h"

#ifndef SOL_TLS
#define SOL_TLS		282
#endif
#ifndef TCP_ULP
#define TCP_ULP		31
#endif

#define TIMEOUT		60
#define ID		7

static struct stream stream;

static const struct tls12_crypto_info_aes_gcm_128 keys = {
	.info.version = TLS_1_2_VERSION,
	.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	.key = "fifteen bytes..",
	.salt = "sal",
};

FIXTURE(ktls)
{
	struct recv_pair p;
};

FIXTURE_SETUP(ktls)
{
	stream_init(&stream, 92);
	ASSERT_EQ(0, recv_pair_open(&self->p, NULL, &stream));
	self->p.rx.id = ID;
}

FIXTURE_TEARDOWN(ktls)
{
	recv_pair_close(&self->p);
}

static int use_tls(int fd, int direction)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return -errno;
	return setsockopt(fd, SOL_TLS, direction, &keys, sizeof(keys)) ?
	       -errno : 0;
}

/* What the peer's kernel encrypts, recv() sees as it was. */
static void expect_decrypted(struct __test_metadata *_metadata,
			     struct recv_pair *p)
{
	static const char words[] = "decrypted by the kernel";
	char buf[sizeof(words)];

	ASSERT_EQ(0, tcp_send_all(p->peer, words, sizeof(words)));
	ASSERT_EQ((ssize_t)sizeof(words),
		  recv(p->rx.sock, buf, sizeof(buf), MSG_WAITALL));
	EXPECT_EQ(0, memcmp(words, buf, sizeof(words)));
}

TEST_F_TIMEOUT(ktls, receives, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, use_tls(p->peer, TLS_TX));
	ASSERT_EQ(0, use_tls(p->rx.sock, TLS_RX));
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, ID));
	EXPECT_RESULT(&p->zc, ID, -EPROTONOSUPPORT);
	expect_decrypted(_metadata, p);
	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, ID));
	EXPECT_RESULT(&p->zc, ID, -EPROTONOSUPPORT);
	expect_decrypted(_metadata, p);
}

TEST_F_TIMEOUT(ktls, only_sends, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, use_tls(p->rx.sock, TLS_TX));
	ASSERT_EQ(0, recv_pair_send(p, 64 * 1024));
	EXPECT_EQ(0, recv_pair_finish(p));
}

/* A request that was armed before ends once something comes. */
TEST_F_TIMEOUT(ktls, comes_late, TIMEOUT)
{
	struct recv_pair *p = &self->p;

	ASSERT_EQ(0, zc_recv(&p->zc, p->rx.sock, 0, ID));
	ASSERT_EQ(0, recv_pair_send(p, 1000));
	ASSERT_EQ(0, recv_bytes(&p->rx, 1000));
	ASSERT_EQ(0, use_tls(p->rx.sock, TLS_RX));
	ASSERT_EQ(0, use_tls(p->peer, TLS_TX));
	EXPECT_QUIET(&p->zc);
	ASSERT_EQ(0, tcp_send_all(p->peer, "a record", 8));
	EXPECT_RESULT(&p->zc, ID, -EPROTONOSUPPORT);
	EXPECT_QUIET(&p->zc);
}

TEST_HARNESS_MAIN
