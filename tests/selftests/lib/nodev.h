/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_NODEV_H
#define TESTS_NODEV_H

#include "wire.h"

/*
 * A ring without a NIC, and a connection whose payload is copied into its
 * areas. Each byte is compared.
 */
struct nodev {
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	struct hold hold;	/* where rx notes what it keeps */
};

enum nodev_path {
	OVER_LOOPBACK,
	OVER_NIC,	/* from the peer, through a queue that is not bound */
};

/*
 * Opens all, without a request. What cfg says of the interface does not
 * matter. The receiver keeps nothing unless it is told to. Returns 0 or
 * -errno, and says what failed.
 */
int nodev_open(struct nodev *nd, const struct zc_config *cfg,
	       enum nodev_path path, const struct stream *stream, __u64 len,
	       bool may_break);

/* Closes all. Returns what peer_wait() does. */
int nodev_close(struct nodev *nd);

/*
 * Arms a request and receives, keeping all, until it ends: with -ENOMEM when
 * all buffers are held, with RECEIVE_END when nothing is left.
 */
int nodev_exhaust(struct nodev *nd);

/*
 * Gives back what is kept, and receives what is left of the stream, keeping
 * nothing, with ZCRX_CTRL_FLUSH_RQ after each look at the completions. A
 * request that ends with -ENOMEM is followed by another, as long as each gets
 * something. Returns 0 or the result of the last, or -errno.
 */
int nodev_finish(struct nodev *nd);

/* All that came on the ring was copied: so many bytes. */
#define EXPECT_COPIED(ring, bytes)					\
	do {								\
		const struct zc *__zc = (ring);				\
									\
		EXPECT_EQ(bytes, zc_fdinfo(__zc, "copied"));		\
		EXPECT_EQ(0, zc_fdinfo(__zc, "delivered"));		\
	} while (0)

/* There are so many buffers, and nobody has one. */
#define EXPECT_ALL_FREE(ring, nr)					\
	do {								\
		const struct zc *__zc = (ring);				\
		const __s64 __nr = (nr);				\
									\
		EXPECT_EQ(__nr, zc_fdinfo(__zc, "buffers"));		\
		EXPECT_EQ(__nr, zc_fdinfo(__zc, "free"));		\
		EXPECT_EQ(0, zc_fdinfo(__zc, "held"));			\
	} while (0)

#endif /* TESTS_NODEV_H */
