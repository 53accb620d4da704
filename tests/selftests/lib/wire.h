/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include <linux/types.h>
#include <sys/types.h>

#include "hold.h"
#include "stream.h"
#include "zc.h"

/* What the VM has: tests/vm/net.sh sets it up. */
#define WIRE_IF		"eth0"
#define WIRE_RXQ	1
#define WIRE_V4		"10.0.0.1"
#define WIRE_V6		"fd00::1"

/* Longer than anything takes under emulation, on a busy machine. */
#define WIRE_PATIENCE_MS	45000

/* Binds WIRE_RXQ. Returns 0 or -errno, and says what failed. */
int wire_register(struct zc *zc, enum area_kind kind, size_t area_len);

/* The same, once the queue is free. */
int wire_bind(struct zc *zc, enum area_kind kind, size_t area_len);

/* All that came on the ring came from the NIC straight: so many bytes. */
#define EXPECT_ZERO_COPY(ring, bytes)					\
	do {								\
		const struct zc *__zc = (ring);				\
									\
		EXPECT_EQ(0, zc_fdinfo(__zc, "copied"));		\
		EXPECT_EQ(bytes, zc_fdinfo(__zc, "delivered"));		\
		EXPECT_EQ(0, zc_fdinfo(__zc, "invalid"));		\
	} while (0)

/* A connection from the peer, which sends a stream over it. */
struct wire {
	int sock;
	pid_t peer;
};

/* Returns 0 or -errno. may_break: see struct peer_send. */
int wire_open(struct wire *wire, const char *addr, const struct stream *stream,
	      __u64 len, bool may_break);

/* The same, with another way to send: fn is given a struct peer_send. */
int wire_open_with(struct wire *wire, const char *addr,
		   const struct stream *stream, __u64 len, bool may_break,
		   int (*fn)(void *peer_send));

/*
 * Waits until the socket holds that many bytes that have not become
 * completions, and that will not as long as the ring is not entered. Returns 0
 * or -errno.
 */
int wire_wait_backlog(int sock, int bytes);

/* Closes the socket and returns what peer_wait() does. */
int wire_close(struct wire *wire);

/* How far a stream has been received with zero copy. */
struct receiver {
	struct zc *zc;
	int sock;
	__u64 id;		/* user_data of its requests */
	const struct stream *stream;

	__u64 bytes;		/* came, and are right */
	__u64 cqes;		/* with payload */
	__u32 longest;		/* payload of one of them */
	__u64 enospc;	/* requests that ended so, and were re-armed */
	bool keep;		/* do not give buffers back */
	struct hold *hold;	/* where kept ones are noted, or NULL */
	struct zc_queue *by;	/* whose refill ring takes them, or NULL */
	unsigned int by_every;	/* that is for one of so many, 0: for none */

	bool rearm;		/* its request ended for want of room in the CQ */
	bool ended;		/* its request did, with result */
	int result;

	/* A notice: its user_data, which no request may have, and whether it came. */
	__u64 notice;
	bool noticed;
	__s32 notice_res;	/* the first one's result */
};

enum { RECEIVE_MORE, RECEIVE_END };	/* RECEIVE_MORE is 0 */

/*
 * Goes on until the stream has ended (RECEIVE_END), or until at least that
 * many bytes more have come (RECEIVE_MORE). -EILSEQ if a byte is wrong, -ETIME
 * if nothing came for long, and whatever the request ended with. A request
 * must be armed.
 */
int receive(struct receiver *rx, __u64 bytes);

/* Arms a request without a limit and receives all of the stream. */
int receive_all(struct receiver *rx);

/*
 * The same where there may be less room for copies than there is to be copied:
 * what finds none goes on when some came back. -ENOMEM if nothing came back.
 */
int receive_all_copied(struct receiver *rx);

/*
 * Several receivers on one ring, each with its index as its id. Takes what is
 * there, or waits for it. Returns 0, -EILSEQ if a byte is wrong, -ETIME if
 * nothing came in time.
 */
int receive_round(struct receiver *rx, unsigned int nr,
		  unsigned int timeout_ms);

/*
 * Arms a request of each and goes on until all of them have ended. How, each
 * has in its result.
 */
int receive_each(struct receiver *rx, unsigned int nr);

#endif /* TESTS_WIRE_H */
